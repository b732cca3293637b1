// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: provider: calls of other hubs to services of ours
 *
 * A call names a manifest and a lease; both must be in force and the lease the
 * caller's own, by its certificate.  What the manifest and our rules ask of a
 * caller is checked before the service hears of it, and again whenever rules
 * or trust change.
 */
#include "daemon/proxy/internal.h"

#include <stdio.h>
#include <string.h>

#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/proxy/bulk.h"
#include "daemon/proxy/datagrams.h"
#include "daemon/proxy/http.h"
#include "daemon/proxy/http2.h"
#include "daemon/proxy/proxy_protocol.h"
#include "daemon/proxy/relay.h"
#include "daemon/transport/refused.h"
#include "daemon/trust/spiffe.h"

static const struct registry_instance *own_instance(const struct proxy *proxy,
						    const uint8_t *digest)
{
	return registry_find(hub_get_registry(proxy->hub), &hub_get_settings(proxy->hub)->id,
			     digest);
}

static bool has_lease(const struct proxy *proxy, const struct hub_id *caller,
		      const struct call *call)
{
	const struct broker *broker = hub_get_broker(proxy->hub);
	const struct broker_lease *lease;

	for (size_t i = 0; (lease = broker_lease_at(broker, i)); i++)
		if (lease->request == call->lease && hub_id_equal(&lease->hub, caller) &&
		    memcmp(lease->digest, call->digest, SHA256_LEN) == 0)
			return true;
	return false;
}

static bool is_allowed(const struct proxy *proxy, const char *service,
		       const struct allow_caller *caller)
{
	return allow_check(proxy->settings->rules, proxy->settings->n_rules, service, caller);
}

/* Which service calls, if that was said. Return: NULL; else what is wrong with the proof. */
static const char *take_identity(struct trunk *trunk, struct trust_service *ret)
{
	const struct call *call = &trunk->call;
	enum trust_refusal refusal;

	if (!call->identity_len)
		return NULL;
	refusal = trust_judge_service(trunk->proxy->trust, call->identity, call->identity_len,
				      tls_unix_time(), &trunk->hub, ret);
	refused_note(&trunk->proxy->totals.refusals, refusal, "service", &trunk->tcp);
	return refusal ? trust_refusal_text(refusal) : NULL;
}

static bool speaks_http2(const struct registry_instance *instance)
{
	return instance->manifest.protocol == MANIFEST_HTTP2 ||
	       instance->manifest.protocol == MANIFEST_GRPC;
}

static bool speaks_http(const struct registry_instance *instance)
{
	return instance->manifest.protocol == MANIFEST_HTTP1 || speaks_http2(instance);
}

/* Return: NULL it may pass; else why not, with the status. */
static const char *objection_to(struct trunk *trunk, const struct registry_instance *instance,
				struct trust_service *speaks_for, unsigned int *status)
{
	/* With HTTP each request is judged by itself: here only whether any could pass. */
	const struct allow_caller caller = {
		.hub = trunk->hub,
		.zones = trunk->zones,
		.service = speaks_for->name,
		.is_any_request = instance && speaks_http(instance),
	};
	const struct call *call = &trunk->call;
	const char *objection;

	*status = 404;
	if (!instance || strcmp(instance->manifest.name, call->service) != 0)
		return "no such version of the service here";
	*status = 403;
	objection = take_identity(trunk, speaks_for);
	if (objection)
		return objection;
	if (!allow_has_credentials(&instance->manifest, &caller))
		return "the certificate proves no credential the service asks for";
	if (!is_allowed(trunk->proxy, call->service, &caller))
		return "no rule of proxy.allow lets the hub pass";
	*status = 409;
	if (!has_lease(trunk->proxy, &trunk->hub, call))
		return "no lease of the caller is in force";
	*status = 501;
	if (instance->manifest.protocol == MANIFEST_UDP && !call->is_capsules)
		return "the service speaks in datagrams";
	if (instance->manifest.protocol != MANIFEST_UDP && call->is_capsules)
		return "the service does not speak in datagrams";
	return NULL;
}

static void connect_endpoint(struct flow *flow, const struct manifest *manifest)
{
	struct sockaddr_storage address;

	flow->try_ns = proxy_now_ns(flow->proxy);
	while (flow->endpoint < manifest->n_endpoints &&
	       proxy_parse_address(manifest->endpoints[flow->endpoint], &address) < 0)
		flow->endpoint++;
	if (flow->endpoint < manifest->n_endpoints) {
		flow_connect(flow, &flow->near, (struct sockaddr *)&address);
		return;
	}
	tunnel_refuse(&flow->tunnel, 502, "the service does not answer");
	flow_close(flow, PROXY_END_UNREACHABLE);
}

static void take_call(struct trunk *trunk, int32_t stream, const struct registry_instance *instance,
		      const struct trust_service *speaks_for, struct counted *counted)
{
	struct proxy *proxy = trunk->proxy;
	bool is_udp = instance->manifest.protocol == MANIFEST_UDP;
	bool is_full = is_udp && proxy->totals.datagram_flows >= DATAGRAM_FLOWS_MAX;
	struct flow *flow = is_full ? NULL : flow_new(proxy, counted);

	if (!flow) {
		tunnel_refuse_stream(trunk, stream, 503, "too many connections");
		return;
	}
	counted->counts.via_mesh++;
	flow->via = FLOW_PROVIDER;
	flow->hub = trunk->hub;
	flow->lease = trunk->call.lease;
	memcpy(flow->digest, trunk->call.digest, sizeof(flow->digest));
	memcpy(flow->speaks_for, speaks_for->name, sizeof(flow->speaks_for));
	memcpy(flow->speaks_for_cert, speaks_for->digest, SHA256_LEN);
	tunnel_take(&flow->tunnel, trunk, stream);
	if (instance->manifest.protocol == MANIFEST_HTTP1)
		http_new(flow, true);
	else if (speaks_http2(instance))
		http2_new(flow, HTTP2_PROVIDER);
	if (is_udp) {
		flow->idle_s = DATAGRAM_PROVIDER_IDLE_S;
		datagrams_new(flow, NULL);
	}
	flow->body = instance->manifest.body;
	flow_join(flow, &flow->tunnel.end, &flow->near.end);
	connect_endpoint(flow, &instance->manifest);
}

/*
 * Choudhury and Hahne's dynamic thresholds: the first may hold most of them, as none is of use while
 * free; the more hubs there are the less each has, and there is always room for one more hub.
 */
static bool has_share(const struct trunk *trunk, bool is_udp)
{
	const struct proxy *proxy = trunk->proxy;
	uint64_t n_max = is_udp ? DATAGRAM_FLOWS_MAX : proxy->flows_max;
	uint64_t n_used = is_udp ? proxy->totals.datagram_flows : proxy->totals.flows;
	uint64_t n_free = n_used < n_max ? n_max - n_used : 0, n_theirs = 0;

	if (n_used < CALLER_SHARE * n_free)
		return true; /* whoever holds them */
	for_each_flow (flow, proxy)
		n_theirs += (flow->datagrams || !is_udp) && flow->via == FLOW_PROVIDER &&
			    hub_id_equal(&flow->hub, &trunk->hub);
	return n_theirs < CALLER_SHARE * n_free;
}

void provider_on_call(struct trunk *trunk, int32_t stream)
{
	struct proxy *proxy = trunk->proxy;
	const struct registry_instance *instance;
	struct trust_service speaks_for = {0};
	const char *objection;
	struct counted *counted;
	unsigned int status;
	char hub[HUB_ID_STRLEN];
	bool is_udp;

	if (proxy->hub && call_is_for_relay(&trunk->call)) {
		relay_on_call(trunk, stream);
		return;
	}
	if (!proxy->hub || !call_is_complete(&trunk->call)) {
		tunnel_refuse_stream(trunk, stream, 400, "not a call");
		return;
	}
	if (proxy->is_draining) {
		tunnel_refuse_stream(trunk, stream, 503, "the hub is being stopped");
		return;
	}
	instance = own_instance(proxy, trunk->call.digest);
	objection = objection_to(trunk, instance, &speaks_for, &status);
	if (status == 404) { /* a name nobody knows gets no counters */
		tunnel_refuse_stream(trunk, stream, status, objection);
		return;
	}
	counted = proxy_count_for(proxy, proxy->provided, &proxy->n_provided,
				  ARRAY_SIZE(proxy->provided), trunk->call.service);
	if (strcmp(counted->name, trunk->call.service) != 0) { /* rules go by that name */
		tunnel_refuse_stream(trunk, stream, 503, "too many services are in use");
		return;
	}
	is_udp = instance && instance->manifest.protocol == MANIFEST_UDP;
	if (!objection && !has_share(trunk, is_udp)) {
		counted->counts.datagrams.refused_share += is_udp;
		status = 503;
		objection = "the hub has its share of the flows there may be";
	}
	if (!objection) {
		take_call(trunk, stream, instance, &speaks_for, counted);
		return;
	}
	counted->counts.ends[PROXY_END_REFUSED]++;
	if (bucket_take(&proxy->access_log, proxy_now_ns(proxy), ACCESS_LOG_PER_S,
			ACCESS_LOG_BURST))
		log_warning(LOG_PEER_CLASS,
			    "event=call-refused service=%s hub=%s status=%u reason=\"%s\"",
			    trunk->call.service, hub_id_format(&trunk->hub, hub), status,
			    objection);
	tunnel_refuse_stream(trunk, stream, status, objection);
}

static bool is_told(const struct proxy *proxy, const char *service)
{
	for (size_t i = 0; i < proxy->settings->n_tells; i++)
		if (strcmp(proxy->settings->tells[i], service) == 0)
			return true;
	return false;
}

/* A socket just connected takes a header at once, or it is of no use. */
static bool tell_caller(struct flow *flow)
{
	uint8_t header[PROXY_PROTOCOL_MAX];
	char spiffe_id[SPIFFE_URI_SIZE];
	size_t len;

	/* Of datagrams none is the first: who sends them is told in /v1/proxy, by their port. */
	if (flow->datagrams || !is_told(flow->proxy, flow->counted->name))
		return true;
	len = proxy_protocol_write(flow_format_caller(flow, spiffe_id), flow->counted->name,
				   header);
	return sock_write_now(&flow->near, header, len) == (ssize_t)len;
}

void provider_connected(struct flow *flow)
{
	if (!tell_caller(flow)) {
		tunnel_refuse(&flow->tunnel, 502, "the service does not answer");
		flow_close(flow, PROXY_END_UNREACHABLE);
		return;
	}
	tunnel_accept(&flow->tunnel);
	flow_opened(flow);
}

void provider_connect_failed(struct flow *flow)
{
	const struct registry_instance *instance = own_instance(flow->proxy, flow->digest);
	const struct manifest none = {0};

	flow->endpoint++;
	connect_endpoint(flow, instance ? &instance->manifest : &none);
}

/* Settings may ask for a proof since, that nobody asked for when the provider answered. */
static bool lacks_proof(const struct flow *flow)
{
	return flow->entry && flow->entry->settings.is_identity_required &&
	       flow->via == FLOW_MESH && flow->tunnel.is_answered &&
	       (flow->tunnel.trunk || flow->bulk) && strcmp(flow->speaks_for, flow->called) != 0;
}

bool flow_is_proved(const struct flow *flow)
{
	if (lacks_proof(flow))
		return false;
	return !flow->speaks_for[0] || trust_recheck(flow->proxy->trust, flow->speaks_for_cert,
						     tls_unix_time()) == TRUST_NOT_REFUSED;
}

const char *flow_format_caller(const struct flow *flow, char buf[SPIFFE_URI_SIZE])
{
	const struct proxy *proxy = flow->proxy;
	bool is_provider = flow->via == FLOW_PROVIDER;
	const struct hub_id *hub = is_provider ? &flow->hub : &hub_get_settings(proxy->hub)->id;
	const char *service = flow->speaks_for;

	if (!is_provider && flow->entry)
		service = flow->entry->settings.identity;
	return service[0] ? spiffe_format_service(proxy->mesh, hub, service, buf)
			  : spiffe_format_hub(proxy->mesh, hub, buf);
}

bool provider_is_allowed(struct flow *flow)
{
	const struct allow_caller caller = {
		.hub = flow->hub,
		.zones = flow->tunnel.trunk ? flow->tunnel.trunk->zones
			 : flow->bulk	    ? flow->bulk->zones
					    : "",
		.service = flow->speaks_for,
		.is_any_request = flow_has_pump(flow),
	};

	return is_allowed(flow->proxy, flow->counted->name, &caller);
}

bool provider_check_request(struct flow *flow, const struct http1_text *method_text,
			    const struct http1_text *path, struct http1_refusal *refusal)
{
	const struct proxy_settings *settings = flow->proxy->settings;
	char method[HTTP1_METHOD_MAX + 1], text[HTTP1_LINE_MAX + 1];
	const struct allow_caller caller = {
		.hub = flow->hub,
		.zones = flow->tunnel.trunk ? flow->tunnel.trunk->zones : "",
		.service = flow->speaks_for,
		.method = method,
		.path = text,
	};

	*refusal = (struct http1_refusal){
		400, "the path has dot segments or hides a slash; rules need it plain"};
	if (allow_has_paths(settings->rules, settings->n_rules, flow->counted->name) &&
	    !http1_path_is_plain(path))
		return false;
	snprintf(method, sizeof(method), "%.*s", (int)method_text->len, method_text->at);
	snprintf(text, sizeof(text), "%.*s", (int)path->len, path->at);
	*refusal = (struct http1_refusal){403,
					  "no rule of proxy.allow lets this method and path pass"};
	return allow_check(settings->rules, settings->n_rules, flow->counted->name, &caller);
}
