// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: entry: local addresses that stand for services
 *
 * Each entry keeps one request at the broker.  A connection goes where the
 * lease in force leads; when it moves, later connections follow and earlier
 * ones stay.  While the broker negotiates they wait, for a moment.  An attempt
 * that fails before the provider has taken the connection has carried nothing,
 * so another may follow: the shared provider at once, the same one again as far
 * as the budget of retries goes.
 */
#include "daemon/proxy/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/lib/unix_socket.h"
#include "daemon/proxy/datagrams.h"
#include "daemon/proxy/http.h"
#include "daemon/proxy/http2.h"
#include "daemon/proxy/http2_over_http1.h"
#include "daemon/proxy/http_pool.h"
#include "daemon/proxy/loopback.h"
#include "daemon/proxy/relay.h"
#include "daemon/transport/address.h"
#include "daemon/transport/refused.h"

/* ---- which way ---- */

static const struct broker_request *request_of(const struct entry *entry)
{
	const struct proxy *proxy = entry->proxy;

	return proxy->hub && entry->request
		       ? broker_find(hub_get_broker(proxy->hub), entry->request)
		       : NULL;
}

const struct broker_candidate *entry_provider(const struct entry *entry)
{
	const struct broker_request *request = request_of(entry);

	return request ? broker_serving(request) : NULL;
}

static bool is_negotiating(const struct entry *entry)
{
	const struct broker_request *request = request_of(entry);

	return !request || (!broker_serving(request) && (request->state == BROKER_STATE_GATHERING ||
							 request->state == BROKER_STATE_ACCEPTING));
}

/* A breaker knows one provider; another begins with a closed one. */
static bool breaker_lets_pass(struct entry *entry, const struct broker_candidate *provider,
			      uint64_t now_ns)
{
	if (memcmp(entry->breaker_digest, provider->digest, SHA256_LEN) != 0) {
		memcpy(entry->breaker_digest, provider->digest, SHA256_LEN);
		entry->breaker = (struct breaker){0};
	}
	return breaker_allows(&entry->breaker, now_ns);
}

static void note_result(struct flow *flow, bool is_error)
{
	struct entry *entry = flow->entry;

	if (!entry || (flow->via != FLOW_LOCAL && flow->via != FLOW_MESH) ||
	    memcmp(entry->breaker_digest, flow->digest, SHA256_LEN) != 0)
		return;
	if (breaker_result(&entry->breaker, proxy_now_ns(flow->proxy), is_error)) {
		entry->counted->counts.breaker_opened++;
		log_warning(LOG_PEER_CLASS,
			    "event=breaker-open service=%s effect=\"new connections go elsewhere "
			    "for a while\"",
			    entry->counted->name);
	}
}

/* ---- attempts ---- */

static void connect_far(struct flow *flow, const struct sockaddr *to)
{
	flow_join(flow, &flow->near.end, &flow->far.end);
	flow_connect(flow, &flow->far, to);
}

/* What the provider of an attempt has promised; NULL it does no more. */
static const struct registry_instance *instance_of(const struct flow *flow)
{
	return registry_find(hub_get_registry(flow->proxy->hub), &flow->hub, flow->digest);
}

/* Return: false no endpoint is left. */
static bool connect_own(struct flow *flow)
{
	const struct registry_instance *instance = instance_of(flow);
	struct sockaddr_storage address;

	for (; instance && flow->endpoint < instance->manifest.n_endpoints; flow->endpoint++) {
		if (proxy_parse_address(instance->manifest.endpoints[flow->endpoint], &address) < 0)
			continue;
		flow->body = instance->manifest.body;
		connect_far(flow, (struct sockaddr *)&address);
		return true;
	}
	return false;
}

/* Does the service of an attempt speak another version of HTTP than the program? */
static void note_protocol(struct flow *flow)
{
	const struct registry_instance *instance;
	uint8_t spoken = flow->http ? MANIFEST_HTTP1 : MANIFEST_HTTP2, served;

	flow->is_crossing = flow->is_read_there = false;
	if (!flow->http && !flow->http2)
		return;
	instance = instance_of(flow);
	served = instance ? instance->manifest.protocol : spoken;
	flow->is_crossing = (served == MANIFEST_HTTP1) != !!flow->http &&
			    manifest_protocol_serves(served, spoken);
	flow->is_read_there = instance && served == MANIFEST_HTTP1 && flow->http &&
			      flow->via == FLOW_MESH;
}

/* What bodies are to be translated to for a service of this hub. */
static uint8_t own_body(const struct flow *flow)
{
	const struct registry_instance *instance = instance_of(flow);

	return flow->via == FLOW_LOCAL && instance ? instance->manifest.body : MANIFEST_BODY_NONE;
}

static void connect_provider(struct flow *flow)
{
	struct trunk *trunk;

	if (flow->via == FLOW_LOCAL) {
		if (!connect_own(flow))
			entry_attempt_failed(flow, PROXY_END_UNREACHABLE);
		return;
	}
	trunk = trunk_towards(flow->proxy, &flow->hub);
	if (!trunk) {
		entry_attempt_failed(flow, PROXY_END_UNREACHABLE);
		return;
	}
	flow_join(flow, flow->datagrams ? flow->client : &flow->near.end, &flow->tunnel.end);
	tunnel_open(&flow->tunnel, flow, trunk);
}

/* A leg may go while its answer is on its way, and leave the flow to its parent. */
static void note_called(struct flow *flow)
{
	const struct proxy_entry_settings *settings;

	if (!flow->entry) /* a carrier's, which has what its crossing has */
		return;
	settings = &flow->entry->settings;
	memcpy(flow->called, settings->query.name, sizeof(flow->called));
	flow->must_prove = settings->is_identity_required;
}

void entry_attempt(struct flow *flow, const struct hub_id *hub, const uint8_t *digest)
{
	note_called(flow);
	flow->hub = *hub;
	memcpy(flow->digest, digest, SHA256_LEN);
	flow->lease = flow->entry ? flow->entry->request : 0;
	flow->endpoint = 0;
	flow->body = MANIFEST_BODY_NONE;
	flow->via = hub_id_equal(hub, &hub_get_settings(flow->proxy->hub)->id) ? FLOW_LOCAL
									       : FLOW_MESH;
	note_protocol(flow);
	if (flow->is_crossing && flow->http2) {
		flow->body = own_body(flow); /* carriers have nobody who would translate */
		http2_over_http1_new(flow);
	} else {
		connect_provider(flow);
	}
}

static void attempt_shared(struct flow *flow)
{
	flow->via = FLOW_SHARED;
	flow->body = MANIFEST_BODY_NONE;
	flow->is_crossing = flow->is_read_there = false;
	memset(&flow->hub, 0, sizeof(flow->hub));
	connect_far(flow, (struct sockaddr *)&flow->entry->shared);
}

/* What is spoken on its connections: as the entry says, else as the provider's manifest does. */
static uint8_t protocol_of(const struct entry *entry, const struct broker_candidate *provider)
{
	const struct broker_query *query = &entry->settings.query;
	const struct registry_instance *instance =
		provider ? registry_find(hub_get_registry(entry->proxy->hub), &provider->hub,
					 provider->digest)
			 : NULL;

	if (query->has_protocol)
		return query->protocol;
	return instance ? instance->manifest.protocol : MANIFEST_TCP;
}

/* Return: a pump reads requests now, and each is sent on by itself. */
static bool begin_pump(struct flow *flow, uint8_t protocol)
{
	if (flow_has_pump(flow) || flow->is_bytes)
		return false;
	if (protocol == MANIFEST_HTTP1) {
		http_listen(http_new(flow, false));
	} else if (protocol == MANIFEST_HTTP2 || protocol == MANIFEST_GRPC) {
		http2_listen(http2_new(flow, HTTP2_PROGRAM));
	}
	return flow_has_pump(flow);
}

uint64_t entry_wait_ns(const struct entry *entry)
{
	return !entry || entry->settings.has_shared ? ENTRY_WAIT_NS : ENTRY_WAIT_ALONE_NS;
}

void entry_dispatch(struct flow *flow)
{
	struct entry *entry = flow->entry;
	uint64_t now_ns = proxy_now_ns(flow->proxy);
	enum admission_verdict verdict = ADMISSION_PASS;
	const struct broker_candidate *provider;

	if (!entry) {
		flow->pump->attempt_failed(flow, PROXY_END_NO_PROVIDER);
		return;
	}
	if (is_negotiating(entry) && now_ns - flow->waiting_ns <= entry_wait_ns(entry)) {
		flow->via = FLOW_WAITING;
		return;
	}
	provider = entry_provider(entry);
	if (begin_pump(flow, protocol_of(entry, provider)))
		return;
	/* Who has just failed is not asked again while there is somebody else. */
	if (flow->tries && entry->settings.has_shared)
		provider = NULL;
	if (provider && flow->http)
		verdict = http_admit(flow->http, &provider->hub, provider->digest);
	if (verdict == ADMISSION_WAIT)
		return;
	flow->try_ns = now_ns;
	flow->tries++;
	flow->speaks_for[0] = '\0'; /* of an earlier provider */
	if (provider && verdict == ADMISSION_PASS && breaker_lets_pass(entry, provider, now_ns)) {
		entry_attempt(flow, &provider->hub, provider->digest);
		return;
	}
	if (flow->http)
		resilience_leave(&flow->http->admission);
	if (entry->settings.has_shared)
		attempt_shared(flow);
	else
		flow->pump->attempt_failed(flow, verdict == ADMISSION_FULL ? PROXY_END_LIMIT
									   : PROXY_END_NO_PROVIDER);
}

bool entry_leads_to(const struct flow *flow)
{
	const struct breaker *breaker = &flow->entry->breaker;
	const struct broker_candidate *provider = entry_provider(flow->entry);
	bool is_left_alone = breaker->is_open &&
			     (breaker->is_trying || proxy_now_ns(flow->proxy) < breaker->until_ns);

	if (flow->via == FLOW_WAITING)
		return true;
	if (flow->via == FLOW_SHARED)
		return !provider || is_left_alone;
	return !breaker->is_open && (provider || is_negotiating(flow->entry)) &&
	       !entry_has_moved(flow);
}

bool entry_has_moved(const struct flow *flow)
{
	const struct broker_candidate *provider = flow->entry ? entry_provider(flow->entry) : NULL;

	if (flow->entry && !provider && is_negotiating(flow->entry))
		return resilience_is_ejected(flow->entry, &flow->hub, flow->digest,
					     proxy_now_ns(flow->proxy));
	return provider && (flow->via == FLOW_LOCAL || flow->via == FLOW_MESH) &&
	       (!hub_id_equal(&provider->hub, &flow->hub) ||
		memcmp(provider->digest, flow->digest, SHA256_LEN) != 0);
}

bool entry_believes(struct flow *flow, struct trunk *trunk)
{
	struct proxy *proxy = flow->proxy;
	enum trust_refusal refusal = TRUST_NONE_SHOWN;
	struct trust_service service = {0};

	if (!flow->must_prove)
		return true;
	if (trunk->call.identity_len && !trunk->call.is_bad)
		refusal = trust_judge_service(proxy->trust, trunk->call.identity,
					      trunk->call.identity_len, tls_unix_time(),
					      &trunk->hub, &service);
	if (!refusal && strcmp(service.name, flow->called) != 0)
		refusal = TRUST_OTHER_SERVICE;
	refused_note(&proxy->totals.refusals, refusal, "service", &trunk->tcp);
	memcpy(flow->speaks_for, refusal ? "" : service.name, refusal ? 1 : sizeof(service.name));
	memcpy(flow->speaks_for_cert, service.digest, SHA256_LEN);
	return refusal == TRUST_NOT_REFUSED;
}

void entry_attempt_ok(struct flow *flow)
{
	struct proxy_counts *counts = &flow->counted->counts;

	note_result(flow, false);
	if (flow->via == FLOW_LOCAL)
		counts->via_local++;
	else if (flow->via == FLOW_MESH)
		counts->via_mesh++;
	else
		counts->via_shared++;
	flow_opened(flow);
}

static void tell_lost(struct flow *flow)
{
	struct proxy *proxy = flow->proxy;

	if (flow->entry)
		proxy->events.lost(proxy->events.arg, flow->entry->request, &flow->hub,
				   flow->digest);
}

/* Hubs between that refuse will do so again, though the routes go on leading there. */
static bool is_behind_hubs(const struct flow *flow)
{
	struct endpoint endpoint;

	return flow->via == FLOW_MESH &&
	       hub_find_proxy(flow->proxy->hub, &flow->hub, &endpoint) == -EHOSTUNREACH;
}

void entry_attempt_failed(struct flow *flow, enum proxy_end why)
{
	struct entry *entry = flow->entry;
	bool was_shared = flow->via == FLOW_SHARED;

	if (flow->relay) {
		relay_attempt_failed(flow, why);
		return;
	}
	if (flow->is_closed)
		return;
	if (flow->tunnel.trunk)
		tunnel_ops.close(&flow->tunnel.end, true);
	flow->service = NULL;
	if (flow->via == FLOW_LOCAL && why == PROXY_END_UNREACHABLE) {
		flow->endpoint++;
		if (connect_own(flow))
			return;
	}
	note_result(flow, true);
	if (!was_shared)
		flow->proxy->events.result(flow->proxy->events.arg, &flow->hub, flow->digest, true,
					   (proxy_now_ns(flow->proxy) - flow->try_ns) / 1000);
	if (!was_shared && entry)
		resilience_result(entry, &flow->hub, flow->digest, proxy_now_ns(flow->proxy), true);
	if (flow_has_pump(flow)) {
		flow->pump->attempt_failed(flow, why);
		return;
	}
	if (flow->datagrams) { /* what the client said waits for another provider */
		entry_leave(flow);
		flow->waiting_ns = proxy_now_ns(flow->proxy);
	}
	if (why == PROXY_END_UNREACHABLE && is_behind_hubs(flow))
		tell_lost(flow);
	if (!entry || was_shared || flow->tries >= FLOW_TRIES_MAX ||
	    (!entry->settings.has_shared &&
	     !budget_spend(&entry->budget, proxy_now_ns(flow->proxy)))) {
		flow_close(flow, why);
		return;
	}
	flow->counted->counts.retries++;
	entry_dispatch(flow);
}

static bool has_other_instance(const struct flow *flow)
{
	const struct registry *registry = hub_get_registry(flow->proxy->hub);
	size_t i = registry_first(registry, flow->counted->name);
	const struct registry_instance *other;

	for (; (other = registry_at(registry, i)); i++) {
		if (strcmp(other->manifest.name, flow->counted->name) != 0)
			return false;
		if (other->manifest.protocol == MANIFEST_UDP && other->state != SERVICE_FAILING &&
		    !hub_id_equal(&other->manifest.hub, &flow->hub))
			return true;
	}
	return false;
}

void entry_leave(struct flow *flow)
{
	const struct proxy_events *events = &flow->proxy->events;
	struct entry *entry = flow->entry;

	if (!entry || !entry->request || (flow->via != FLOW_LOCAL && flow->via != FLOW_MESH))
		return;
	/* The only one there is will not get better by being avoided. */
	if (entry->settings.has_shared || has_other_instance(flow))
		events->lost(events->arg, entry->request, &flow->hub, flow->digest);
}

void entry_provider_lost(struct flow *flow)
{
	tell_lost(flow);
	entry_attempt_failed(flow, PROXY_END_REFUSED);
}

void entry_report(struct flow *flow, bool is_error)
{
	uint64_t from_ns = flow->asked_ns ? flow->asked_ns : flow->try_ns;
	struct proxy *proxy = flow->proxy;

	if (flow->is_reported || (flow->via != FLOW_LOCAL && flow->via != FLOW_MESH))
		return;
	flow->is_reported = true;
	proxy->events.result(proxy->events.arg, &flow->hub, flow->digest, is_error,
			     (proxy_now_ns(proxy) - from_ns) / 1000);
}

/* ---- listeners ---- */

static void on_connection(uv_stream_t *listener, int status)
{
	struct entry *entry = listener->data;
	struct proxy *proxy = entry->proxy;
	struct flow *flow;

	if (status < 0)
		return;
	flow = http_pool_take(entry);
	if (!flow)
		flow = flow_new(proxy, entry->counted);
	if (!flow) { /* accept() goes on only when this one is taken: let it be broken off */
		uv_tcp_t *refused = xnew(uv_tcp_t);

		uv_tcp_init(proxy->loop, refused);
		uv_accept(listener, (uv_stream_t *)refused);
		uv_close((uv_handle_t *)refused, (uv_close_cb)free);
		return;
	}
	flow->entry = flow->door = entry;
	flow->idle_s = entry->settings.idle_s;
	flow->connect_ms = entry->settings.connect_ms;
	flow->request_ms = entry->settings.request_ms;
	flow->client = &flow->near.end;
	if (sock_accept(&flow->near, flow, listener, entry->address.ss_family == AF_UNIX) < 0)
		flow_close(flow, PROXY_END_CLIENT_RESET);
	else if (entry->counted->counts.open > entry->settings.connections_max)
		flow_close(flow, PROXY_END_LIMIT);
	else {
		budget_earn(&entry->budget);
		if (flow->http) /* it is open already */
			http_listen(flow->http);
		else
			entry_dispatch(flow);
	}
}

static int bind_unix(struct entry *entry)
{
	const struct sockaddr_un *address = (const struct sockaddr_un *)&entry->address;
	int r;

	uv_pipe_init(entry->proxy->loop, &entry->pipe, 0);
	r = uv_pipe_bind(&entry->pipe, address->sun_path);
	if (r == UV_EADDRINUSE && unix_socket_clear(address) == 0)
		r = uv_pipe_bind(&entry->pipe, address->sun_path);
	/* As open to the programs of this machine as a port on loopback is. */
	return r < 0 ? r : uv_pipe_chmod(&entry->pipe, UV_READABLE | UV_WRITABLE);
}

static int bind_tcp(struct entry *entry)
{
	int r;

	uv_tcp_init(entry->proxy->loop, &entry->tcp);
	r = uv_tcp_bind(&entry->tcp, (struct sockaddr *)&entry->address, 0);
	if (r == 0)
		sock_prepare_listener(&entry->tcp);
	return r;
}

static void entry_free(struct entry *entry)
{
	struct proxy *proxy = entry->proxy;

	free(entry->clients);
	entry->counted->n_entries--;
	free(entry);
	proxy_put_handle(proxy);
}

static void on_attempt_closed(uv_handle_t *handle)
{
	struct entry *entry = handle->data;

	entry->is_open = false;
	if (entry->is_removed)
		entry_free(entry);
}

/* What a person does about it. */
static const char *listen_hint(const struct entry *entry, int error)
{
	bool is_unix = entry->address.ss_family == AF_UNIX;

	if (error == UV_EROFS)
		return "systemd lets meshd write in /run/hubmesh alone; put the socket there, or "
		       "add "
		       "ReadWritePaths= to the unit";
	if (error == UV_EACCES && !is_unix)
		return "the first port below 1024 is to be had by a restart of meshd, not by a "
		       "reload";
	if (error == UV_EACCES)
		return "the account in user: may not write in that directory";
	if (error == UV_ENOENT)
		return "make the directory";
	return "write another listen in proxy.entries, or end who has it";
}

static void entry_listen(struct entry *entry)
{
	bool is_udp = proxy_entry_is_udp(&entry->settings);
	int r = is_udp				      ? udp_listen(entry)
		: entry->address.ss_family == AF_UNIX ? bind_unix(entry)
						      : bind_tcp(entry);

	entry->is_open = true;
	entry->handle.data = entry;
	if (r == 0 && !is_udp)
		r = uv_listen(&entry->stream, ENTRY_BACKLOG, on_connection);
	if (r == 0) {
		entry->error_text[0] = '\0';
		return;
	}
	if (!entry->error_text[0])
		log_error(LOG_LOCAL_CLASS,
			  "event=entry-not-listening service=%s error=\"%s\" hint=\"%s\"",
			  entry->counted->name, uv_strerror(r), listen_hint(entry, r));
	snprintf(entry->error_text, sizeof(entry->error_text), "%s", uv_strerror(r));
	uv_close(&entry->handle, on_attempt_closed);
}

/* ---- the set of them ---- */

static void set_address(struct entry *entry, struct in_addr own)
{
	struct sockaddr_in *own_address = (struct sockaddr_in *)&entry->address;

	entry->address = (struct sockaddr_storage){0};
	if (entry->settings.listen[0]) {
		proxy_parse_address(entry->settings.listen, &entry->address);
		return;
	}
	own_address->sin_family = AF_INET;
	own_address->sin_addr = own;
	own_address->sin_port = htons(entry->settings.service_port);
}

static void entry_release(struct entry *entry)
{
	struct proxy *proxy = entry->proxy;

	if (entry->request)
		proxy->events.release(proxy->events.arg, entry->request);
	entry->request = 0;
	entry->retry_ns = 0;
}

static void check_identity(const struct entry *entry)
{
	const char *name = entry->settings.identity;

	if (name[0] && !proxy_identities_find(entry->proxy->identities, name))
		log_warning(LOG_LOCAL_CLASS,
			    "event=no-service-certificate service=%s identity=%s effect=\"calls go "
			    "without it\" hint=\"meshctl ca issue-service\"",
			    entry->counted->name, name);
}

static struct entry *entry_new(struct proxy *proxy, const struct proxy_entry_settings *settings,
			       struct in_addr own)
{
	struct entry *entry = xnew(struct entry);

	entry->proxy = proxy;
	entry->settings = *settings;
	entry->counted = proxy_count_for(proxy, proxy->counted, &proxy->n_counted,
					 ARRAY_SIZE(proxy->counted), settings->query.name);
	entry->counted->n_entries++;
	proxy->handles++;
	resilience_init(entry);
	set_address(entry, own);
	address_to_sockaddr(&entry->settings.shared, &entry->shared);
	check_identity(entry);
	entry_listen(entry);
	return entry;
}

struct entry *entry_new_leg(struct entry *parent)
{
	struct entry *entry = xnew(struct entry);

	entry->proxy = parent->proxy;
	entry->parent = parent;
	entry->counted = parent->counted;
	entry->counted->n_entries++;
	entry->proxy->handles++;
	resilience_init(entry);
	return entry;
}

void entry_set_query(struct entry *entry, const struct broker_query *query)
{
	if (memcmp(&entry->settings.query, query, sizeof(*query)) != 0)
		entry_release(entry);
	entry->settings.query = *query;
}

static void entry_update(struct entry *entry, const struct proxy_entry_settings *settings)
{
	entry_set_query(entry, &settings->query);
	entry->settings = *settings;
	resilience_changed(entry);
	address_to_sockaddr(&entry->settings.shared, &entry->shared);
	check_identity(entry);
}

void entry_remove(struct entry *entry)
{
	struct proxy *proxy = entry->proxy;

	udp_end_flows(entry);
	legs_remove(entry);
	resilience_fini(entry);
	for_each_flow (flow, proxy) {
		if (flow->door == entry && flow->pump->drain)
			flow->pump->drain(flow);
		if (flow->door == entry)
			flow->door = NULL;
		if (flow->entry == entry)
			flow->entry = flow->door;
	}
	entry_release(entry);
	entry->is_removed = true;
	if (!entry->is_open) {
		entry_free(entry);
	} else if (!uv_is_closing(&entry->handle)) {
		uv_close(&entry->handle, on_attempt_closed);
	}
}

/* The entry of a service at an address, taken out of the list. */
static struct entry *take_entry(struct entry **old, size_t n,
				const struct proxy_entry_settings *settings)
{
	for (size_t i = 0; i < n; i++) {
		struct entry *entry = old[i];

		if (!entry || strcmp(entry->settings.query.name, settings->query.name) != 0 ||
		    strcmp(entry->settings.listen, settings->listen) != 0 ||
		    entry->settings.service_port != settings->service_port ||
		    proxy_entry_is_udp(&entry->settings) != proxy_entry_is_udp(settings))
			continue;
		old[i] = NULL;
		return entry;
	}
	return NULL;
}

static void assign_own(const struct proxy_settings *settings, struct in_addr *ret)
{
	const char *names[PROXY_ENTRIES_MAX];

	for (size_t i = 0; i < settings->n_entries; i++)
		names[i] = settings->entries[i].query.name;
	loopback_assign(names, settings->n_entries, ret);
}

static struct in_addr own_of(const struct entry *entry)
{
	return ((const struct sockaddr_in *)&entry->address)->sin_addr;
}

void entries_apply(struct proxy *proxy)
{
	const struct proxy_settings *settings = proxy->settings;
	struct entry *old[PROXY_ENTRIES_MAX], *kept[PROXY_ENTRIES_MAX];
	struct in_addr own[PROXY_ENTRIES_MAX];
	size_t n_old = proxy->n_entries;

	memcpy(old, proxy->entries, sizeof(old));
	assign_own(settings, own);
	proxy->n_entries = 0;
	for (size_t i = 0; i < settings->n_entries; i++) {
		kept[i] = take_entry(old, n_old, &settings->entries[i]);
		/* A collision that came or went moves an address of its own. */
		if (kept[i] && !settings->entries[i].listen[0] &&
		    own_of(kept[i]).s_addr != own[i].s_addr) {
			entry_remove(kept[i]);
			kept[i] = NULL;
		}
	}
	for (size_t i = 0; i < n_old; i++)
		if (old[i])
			entry_remove(old[i]);
	for (size_t i = 0; i < settings->n_entries; i++) {
		if (kept[i])
			entry_update(kept[i], &settings->entries[i]);
		else
			kept[i] = entry_new(proxy, &settings->entries[i], own[i]);
		resilience_warn(kept[i]);
		legs_apply(kept[i]);
		proxy->entries[proxy->n_entries++] = kept[i];
	}
}

/* Return: its provider is another than told last. */
static bool note_provider(struct entry *entry)
{
	const struct broker_candidate *provider = entry_provider(entry);
	static const struct hub_id nobody;
	const struct hub_id *hub = provider ? &provider->hub : &nobody;

	if (entry->had_provider == !!provider && hub_id_equal(&entry->told_provider, hub))
		return false;
	entry->had_provider = provider != NULL;
	entry->told_provider = *hub;
	return true;
}

void entry_ask(struct entry *entry, uint64_t now_ns)
{
	struct proxy *proxy = entry->proxy;

	if (proxy->is_draining || now_ns < entry->retry_ns ||
	    ((entry->is_open || entry->parent) && request_of(entry)))
		return;
	entry->retry_ns = now_ns + ENTRY_RETRY_NS;
	if (!entry->is_open && !entry->parent)
		entry_listen(entry);
	if (!request_of(entry))
		entry->request = proxy->events.resolve(proxy->events.arg, &entry->settings.query);
}

void entries_settle(struct proxy *proxy, uint64_t now_ns)
{
	bool has_changed = false;

	for (size_t i = 0; i < proxy->n_entries; i++) {
		entry_ask(proxy->entries[i], now_ns);
		legs_settle(proxy->entries[i], now_ns);
		if (!note_provider(proxy->entries[i]))
			continue;
		has_changed = true;
		resilience_changed(proxy->entries[i]);
	}
	for_each_flow (flow, proxy) {
		if (flow->via == FLOW_WAITING && flow->entry && !is_negotiating(flow->entry) &&
		    (!flow->pump->is_waiting || flow->pump->is_waiting(flow)))
			entry_dispatch(flow);
	}
	if (has_changed && proxy->events.changed)
		proxy->events.changed(proxy->events.arg);
}

void entries_wake(struct proxy *proxy)
{
	if (!proxy->has_place)
		return;
	proxy->has_place = false;
	for (size_t i = 0; i < proxy->n_entries; i++)
		for (size_t k = 0; k <= __LEG_END; k++) {
			struct entry *entry = k < __LEG_END ? proxy->entries[i]->legs[k]
							    : proxy->entries[i];

			if (entry)
				resilience_wake(entry);
		}
}

void entries_drain(struct proxy *proxy)
{
	for (size_t i = 0; i < proxy->n_entries; i++) {
		struct entry *entry = proxy->entries[i];

		if (entry->is_open && !uv_is_closing(&entry->handle))
			uv_close(&entry->handle, on_attempt_closed);
	}
}

void entries_close(struct proxy *proxy)
{
	while (proxy->n_entries)
		entry_remove(proxy->entries[--proxy->n_entries]);
}

/* ---- read side ---- */

bool proxy_entry_at(const struct proxy *proxy, size_t i, struct proxy_entry_view *ret)
{
	static const struct hub_id nobody;
	const struct broker_candidate *provider;
	const struct entry *entry;

	if (i >= proxy->n_entries)
		return false;
	entry = proxy->entries[i];
	provider = entry_provider(entry);
	*ret = (struct proxy_entry_view){
		.name = entry->settings.query.name,
		.listen = (const struct sockaddr *)&entry->address,
		.shared = entry->settings.has_shared ? (const struct sockaddr *)&entry->shared
						     : NULL,
		.is_listening = entry->is_open && !entry->error_text[0],
		.error_text = entry->error_text,
		.has_provider = provider != NULL,
		.provider = provider ? provider->hub : nobody,
		.request = entry->request,
		.is_breaker_open = entry->breaker.is_open,
		.is_udp = proxy_entry_is_udp(&entry->settings),
		.connections_max = entry->settings.connections_max,
		.n_queued = entry->resilience.n_queued,
		.is_faulty = fault_is_on(&entry->settings.resilience.fault),
		.counts = &entry->counted->counts,
	};
	return true;
}

bool proxy_host_at(const struct proxy *proxy, size_t entry, size_t i, struct proxy_host_view *ret)
{
	const struct resilience_settings *settings;
	const struct host *host;
	uint64_t now_ns = proxy_now_ns(proxy);

	if (entry >= proxy->n_entries || i >= proxy->entries[entry]->resilience.hosts.n)
		return false;
	settings = &proxy->entries[entry]->settings.resilience;
	host = &proxy->entries[entry]->resilience.hosts.list[i];
	*ret = (struct proxy_host_view){
		.hub = host->hub,
		.is_ejected = outlier_is_ejected(&host->outlier, now_ns),
		.requests = outlier_counts_of(&host->outlier).n,
		.failed = outlier_counts_of(&host->outlier).bad,
		.in_flight = host->concurrency.in_flight,
		.limit = settings->concurrency.is_on
				 ? concurrency_limit(&host->concurrency, &settings->concurrency)
				 : 0,
	};
	if (ret->is_ejected)
		ret->ejected_ns = host->outlier.until_ns - now_ns;
	return true;
}

bool proxy_leg_at(const struct proxy *proxy, size_t entry, size_t i, struct proxy_leg_view *ret)
{
	static const struct hub_id nobody;
	const struct broker_candidate *provider;
	const struct entry *leg;

	if (entry >= proxy->n_entries || i >= __LEG_END)
		return false;
	leg = proxy->entries[entry]->legs[i];
	*ret = (struct proxy_leg_view){.name = NULL};
	if (!leg)
		return true;
	provider = entry_provider(leg);
	*ret = (struct proxy_leg_view){
		.kind = i == LEG_HEDGE	  ? "hedge"
			: i == LEG_MIRROR ? "mirror"
					  : "split",
		.name = leg->settings.query.name,
		.versions = leg->settings.query.range_text,
		.has_provider = provider != NULL,
		.provider = provider ? provider->hub : nobody,
	};
	return true;
}

const struct sockaddr *proxy_entry_address(const struct proxy *proxy, const char *service)
{
	for (size_t i = 0; i < proxy->n_entries; i++)
		if (!proxy_entry_is_udp(&proxy->entries[i]->settings) &&
		    strcmp(proxy->entries[i]->settings.query.name, service) == 0)
			return (const struct sockaddr *)&proxy->entries[i]->address;
	return NULL;
}
