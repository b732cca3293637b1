// SPDX-License-Identifier: GPL-2.0
/* DOC: proxy: life, reload, time; see proxy.h */
#include "daemon/proxy/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/privilege/privilege.h"
#include "daemon/proxy/bulk.h"
#include "daemon/proxy/crossing.h"
#include "daemon/proxy/ktls.h"
#include "daemon/proxy/datagrams.h"
#include "daemon/proxy/http2.h"
#include "daemon/proxy/http_pool.h"
#include "daemon/transport/address.h"

#define ALPN "hubmesh-proxy/1" /* a session's bytes are no good here, nor ours there */
#define DESCRIPTORS_OWN 1024 /* trunks, raw connections, and the daemon's */
#define DESCRIPTORS_WANTED (2 * PROXY_FLOWS_MAX + DESCRIPTORS_OWN) /* both ends of each */

uint64_t proxy_now_ns(const struct proxy *proxy)
{
	return uv_hrtime();
}

/* ---- small things the rest needs ---- */

static bool is_used(const struct proxy *proxy, const struct counted *counted)
{
	if (counted->n_entries || counted->n_spare)
		return true;
	for_each_flow (flow, proxy) {
		if (flow->counted == counted)
			return true;
	}
	return false;
}

/* In place, as flows that are closed may still know it. */
static struct counted *begin_anew(const struct proxy *proxy, struct counted **list, size_t n,
				  const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (is_used(proxy, list[i]))
			continue;
		*list[i] = (struct counted){0};
		strcpy(list[i]->name, name);
		return list[i];
	}
	return list[n - 1];
}

struct counted *proxy_count_for(const struct proxy *proxy, struct counted **list, size_t *n,
				size_t max, const char *name)
{
	for (size_t i = 0; i < *n; i++)
		if (strcmp(list[i]->name, name) == 0)
			return list[i];
	if (*n == max)
		return begin_anew(proxy, list, max, name);
	list[*n] = xnew(struct counted);
	strcpy(list[*n]->name, name); /* names of services have one length everywhere */
	return list[(*n)++];
}

int proxy_parse_address(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_un *un = (struct sockaddr_un *)ret;
	struct endpoint endpoint;

	*ret = (struct sockaddr_storage){0};
	if (strncmp(text, "unix:/", 6) == 0 && strlen(text + 5) < sizeof(un->sun_path)) {
		un->sun_family = AF_UNIX;
		strcpy(un->sun_path, text + 5);
		return 0;
	}
	if (endpoint_parse(text, &endpoint) < 0 || endpoint.port == 0)
		return -EINVAL;
	return address_to_sockaddr(&endpoint, ret) < 0 ? -EINVAL : 0;
}

const char *proxy_end_name(unsigned int end)
{
	static const char *const names[__PROXY_END_END] = {
		"done", "no-provider",	"limit",	 "unreachable", "refused",  "timeout",
		"idle", "client-reset", "service-reset", "policy",	"pressure", "stop",
	};

	return end < __PROXY_END_END ? names[end] : "?";
}

const char *flow_via_name(unsigned int via)
{
	static const char *const names[__FLOW_VIA_END] = {"waiting",  "local", "mesh", "shared",
							  "provider", "way",   "relay"};

	return via < __FLOW_VIA_END ? names[via] : "?";
}

/* ---- time ---- */

static void on_before_sleep(uv_prepare_t *prepare)
{
	struct proxy *proxy = prepare->data;

	flows_bury(proxy);
	entries_wake(proxy);
	while (proxy->dirty || proxy->http2_dirty || proxy->crossings) {
		struct trunk *trunk;

		crossings_flush(proxy);
		http2_flush(proxy); /* into trunks */
		entries_wake(proxy); /* a stream that was reset is over now */
		trunk = proxy->dirty;
		if (!trunk)
			continue;
		proxy->dirty = trunk->next_dirty;
		trunk->is_dirty = false;
		trunk_flush(trunk);
	}
}

static void on_tick(uv_timer_t *tick)
{
	struct proxy *proxy = tick->data;
	uint64_t now_ns = proxy_now_ns(proxy);

	for_each_flow (flow, proxy) {
		flow_tick(flow, now_ns);
	}
	now_ns = proxy_now_ns(proxy); /* flows may have opened trunks: later than before */
	for (struct trunk *trunk = proxy->trunks, *next; trunk; trunk = next) {
		next = trunk->next;
		trunk_tick(trunk, now_ns);
	}
	if (now_ns > proxy->recheck_ns)
		proxy_recheck(proxy);
	proxy_settle(proxy);
	if (proxy->flows || proxy->trunks)
		return;
	uv_timer_stop(tick);
	proxy->is_ticking = false;
}

void proxy_need_ticks(struct proxy *proxy)
{
	if (proxy->is_ticking || proxy->is_closed)
		return;
	proxy->is_ticking = true;
	uv_timer_start(&proxy->tick, on_tick, PROXY_TICK_MS, PROXY_TICK_MS);
}

static uint64_t moved_ns(const struct flow *flow)
{
	return flow->tunnel.moved_ns;
}

/*
 * Who has not taken anything for long; among those who move, who holds most.  A tunnel with a pump
 * passes on at once what it gets: its requests hold it, and one of them is cut, not all.
 */
void proxy_relieve_pressure(struct proxy *proxy)
{
	uint64_t now_ns = proxy_now_ns(proxy);
	struct flow *slowest = NULL, *largest = NULL;

	for_each_flow (flow, proxy) {
		if (!flow->tunnel.held || flow->http2)
			continue;
		if (!slowest || moved_ns(flow) < moved_ns(slowest))
			slowest = flow;
		if (!largest || flow->tunnel.held > largest->tunnel.held)
			largest = flow;
	}
	if (slowest && now_ns - moved_ns(slowest) > BUFFERED_SLOW_NS)
		flow_close(slowest, PROXY_END_PRESSURE);
	else if (!http2_relieve_pressure(proxy) && largest)
		flow_close(largest, PROXY_END_PRESSURE);
}

/* ---- events from the daemon ---- */

void proxy_settle(struct proxy *proxy)
{
	if (!proxy || !proxy->hub || proxy->is_settling || proxy->is_closed)
		return;
	proxy->is_settling = true;
	entries_settle(proxy, proxy_now_ns(proxy));
	http_pool_settle(proxy);
	proxy->is_settling = false;
}

static bool is_still_trusted(struct proxy *proxy, const struct tls *tls, char zones[ZONE_LIST_SIZE])
{
	struct trust_identity identity;
	size_t len;
	const uint8_t *leaf = tls_peer_cert(tls, &len);

	if (trust_verify_hub(proxy->trust, leaf, len, tls_unix_time(), &identity) < 0)
		return false;
	memcpy(zones, identity.zones, sizeof(identity.zones));
	return true;
}

static void cut_flows_of(struct proxy *proxy, const struct trunk *trunk)
{
	for_each_flow (flow, proxy) {
		if (flow->tunnel.trunk == trunk)
			flow_close(flow, PROXY_END_POLICY);
	}
}

void proxy_recheck(struct proxy *proxy)
{
	char hub[HUB_ID_STRLEN];

	proxy->recheck_ns = proxy_now_ns(proxy) + RECHECK_NS;
	for (struct trunk *trunk = proxy->trunks, *next; trunk; trunk = next) {
		next = trunk->next;
		if (trunk->state != TRUNK_UP || is_still_trusted(proxy, trunk->tls, trunk->zones))
			continue;
		log_warning(LOG_PEER_CLASS,
			    "event=trunk-cut hub=%s reason=\"not trusted any more\"",
			    hub_id_format(&trunk->hub, hub));
		cut_flows_of(proxy, trunk);
		trunk_fail(trunk, -EKEYREJECTED);
	}
	for_each_flow (flow, proxy) {
		if (!flow_is_proved(flow) ||
		    (flow->via == FLOW_PROVIDER && !provider_is_allowed(flow)) ||
		    (flow->bulk && flow->bulk->state >= BULK_REDEEMING &&
		     !is_still_trusted(proxy, flow->bulk->tls, flow->bulk->zones)))
			flow_close(flow, PROXY_END_POLICY);
		else if ((flow->via == FLOW_PROVIDER || flow->relay) && flow->pump->recheck)
			flow->pump->recheck(flow);
	}
}

void proxy_reload(struct proxy *proxy, const struct proxy_settings *settings)
{
	if (!proxy)
		return;
	proxy->settings = settings;
	http_pool_clear(proxy); /* they say who calls, and were let pass, by the old ones */
	entries_apply(proxy);
	proxy_recheck(proxy);
	if (proxy->events.changed)
		proxy->events.changed(proxy->events.arg);
	proxy_settle(proxy);
}

/* ---- life ---- */

void proxy_put_handle(struct proxy *proxy)
{
	assert(proxy->handles > 0);
	if (--proxy->handles > 0)
		return;
	assert(proxy->is_closed);
	for (size_t i = 0; i < proxy->n_idle_chunks; i++)
		free(proxy->idle_chunks[i]);
	for (size_t i = 0; i < proxy->n_counted; i++)
		free(proxy->counted[i]);
	for (size_t i = 0; i < proxy->n_provided; i++)
		free(proxy->provided[i]);
	tls_context_free(proxy->tls);
	free(proxy->datagrams);
	free(proxy->mesh);
	free(proxy);
}

static void on_own_handle_closed(uv_handle_t *handle)
{
	proxy_put_handle(handle->data);
}

/*
 * Two descriptors a connection; the usual limit of 1024 would be met early.  Where it cannot be
 * raised there are fewer connections: the daemon needs some itself, its admin most of all then.
 * Return: connections there may be.
 */
static size_t raise_descriptor_limit(void)
{
	struct rlimit limit;
	rlim_t own;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= DESCRIPTORS_WANTED)
		return PROXY_FLOWS_MAX;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
	setrlimit(RLIMIT_NOFILE, &limit);
	own = limit.rlim_cur / 2 < DESCRIPTORS_OWN ? limit.rlim_cur / 2 : DESCRIPTORS_OWN;
	return (limit.rlim_cur - own) / 2;
}

int proxy_renew(struct proxy *proxy, const struct proxy_options *options, const char **error_text)
{
	int r = tls_context_renew(proxy->tls, options->cert_pem, options->cert_pem_len,
				  options->key_pem, options->key_pem_len, error_text);

	if (r < 0)
		return r;
	/* They were judged by the old certificate, and end with it. */
	for (struct trunk *trunk = proxy->trunks; trunk; trunk = trunk->next)
		trunk_retire(trunk);
	return 0;
}

int proxy_open(uv_loop_t *loop, const struct proxy_options *options, struct trust *trust,
	       const struct proxy_events *events, struct proxy **ret, const char **error_text)
{
	struct proxy *proxy = xnew(struct proxy);
	int r;

	r = tls_context_new(options->cert_pem, options->cert_pem_len, options->key_pem,
			    options->key_pem_len, trust, &proxy->tls, error_text);
	if (r < 0) {
		free(proxy);
		return r;
	}
	tls_context_set_alpn(proxy->tls, ALPN);
	tls_context_accept_also(proxy->tls, BULK_ALPN);
	proxy->has_ktls = ktls_probe();
	proxy->loop = loop;
	proxy->trust = trust;
	proxy->events = *events;
	proxy->settings = options->settings;
	proxy->identities = options->identities;
	proxy->mesh = xstrdup(options->mesh);
	proxy->prng.state = uv_hrtime();
	strcpy(proxy->shadows.name, "(copy)");
	strcpy(proxy->relaying.name, "(relay)");
	uv_prepare_init(loop, &proxy->flusher);
	uv_timer_init(loop, &proxy->tick);
	proxy->flusher.data = proxy->tick.data = proxy;
	proxy->handles = 2;
	proxy->flows_max = raise_descriptor_limit();
	r = trunk_listen(proxy, error_text);
	if (r < 0) {
		proxy_close(proxy);
		return r;
	}
	uv_prepare_start(&proxy->flusher, on_before_sleep);
	entries_apply(proxy);
	*ret = proxy;
	return 0;
}

void proxy_start(struct proxy *proxy, const struct hub *hub)
{
	proxy->hub = hub;
	proxy_settle(proxy);
}

void proxy_drain(struct proxy *proxy)
{
	if (!proxy || proxy->is_draining)
		return;
	proxy->is_draining = true;
	entries_drain(proxy);
	http_pool_clear(proxy);
	for_each_flow (flow, proxy) {
		if (flow->pump->drain)
			flow->pump->drain(flow);
	}
}

bool proxy_is_drained(const struct proxy *proxy)
{
	for (const struct flow *flow = proxy ? proxy->flows : NULL; flow; flow = flow->next)
		if (flow->pump->drain && !flow->pump->is_drained(flow))
			return false;
	return true;
}

void proxy_close(struct proxy *proxy)
{
	if (!proxy)
		return;
	while (proxy->flows)
		flow_close(proxy->flows, PROXY_END_STOP);
	crossings_flush(proxy);
	http2_flush(proxy); /* lets go of them */
	proxy->hub = NULL; /* requests end with it */
	for (size_t i = 0; i < proxy->n_entries; i++)
		proxy->entries[i]->request = 0;
	entries_close(proxy);
	while (proxy->trunks)
		trunk_fail(proxy->trunks, 0);
	flows_bury(proxy);
	proxy->is_closed = true;
	if (proxy->is_listening)
		uv_close((uv_handle_t *)&proxy->listener, on_own_handle_closed);
	uv_close((uv_handle_t *)&proxy->flusher, on_own_handle_closed);
	uv_close((uv_handle_t *)&proxy->tick, on_own_handle_closed);
}

/* ---- read side ---- */

uint16_t proxy_port(const struct proxy *proxy)
{
	return proxy->port;
}

static bool is_low(const struct proxy_entry_settings *entry)
{
	struct sockaddr_storage address;
	struct endpoint endpoint;

	if (!entry->listen[0])
		return entry->service_port < PRIVILEGE_LOW_PORTS_END;
	return proxy_parse_address(entry->listen, &address) == 0 &&
	       address_from_sockaddr(&address, &endpoint) == 0 &&
	       endpoint.port < PRIVILEGE_LOW_PORTS_END;
}

bool proxy_needs_low_port(const struct proxy_settings *settings)
{
	bool needs = settings->port < PRIVILEGE_LOW_PORTS_END;

	for (size_t i = 0; i < settings->n_entries; i++)
		needs |= is_low(&settings->entries[i]);
	return needs;
}

bool proxy_provided_at(const struct proxy *proxy, size_t i, struct proxy_provided_view *ret)
{
	if (i >= proxy->n_provided)
		return false;
	*ret = (struct proxy_provided_view){proxy->provided[i]->name, &proxy->provided[i]->counts};
	return true;
}

const void *proxy_flow_next(const struct proxy *proxy, const void *at, struct proxy_flow_view *ret)
{
	const struct flow *flow = at ? ((const struct flow *)at)->next : proxy->flows;
	uint64_t now_ns = proxy_now_ns(proxy);

	while (flow && flow->is_spare)
		flow = flow->next;
	if (!flow)
		return NULL;
	*ret = (struct proxy_flow_view){
		.service = flow->counted->name,
		.via = flow_via_name(flow->via),
		.has_hub = hub_id_is_valid(&flow->hub),
		.hub = flow->hub,
		.age_ns = now_ns - flow->since_ns,
		.idle_ns = now_ns - flow->moved_ns,
		.bytes_to_service = flow->bytes_to_service,
		.bytes_from_service = flow->bytes_from_service,
		.from = flow->datagrams ? datagrams_from(flow->datagrams) : NULL,
	};
	return flow;
}

const struct proxy_totals *proxy_totals(const struct proxy *proxy)
{
	return &proxy->totals;
}
