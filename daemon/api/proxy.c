// SPDX-License-Identifier: GPL-2.0
/* DOC: the proxy in the local API: see proxy.h */
#include "daemon/api/proxy.h"

#include <sys/un.h>

#include "daemon/api/json.h"
#include "daemon/proxy/proxy.h"
#include "daemon/transport/address.h"

#define FLOWS_SHOWN_MAX 256 /* newest, in an answer */

static void set_address(json_t *object, const char *key, const struct sockaddr *address)
{
	char text[ENDPOINT_STRLEN];
	struct endpoint endpoint;

	if (address && address->sa_family == AF_UNIX)
		json_object_set_new(object, key,
				    json_sprintf("unix:%s",
						 ((const struct sockaddr_un *)address)->sun_path));
	else if (address &&
		 address_from_sockaddr((const struct sockaddr_storage *)address, &endpoint) == 0)
		api_set_text(object, key, endpoint_format(&endpoint, text));
	else
		api_set_text(object, key, NULL);
}

static void set_hub(json_t *object, const char *key, const char *name_key, bool has_hub,
		    const struct hub_id *hub, const struct api_names *names)
{
	const struct api_name *name = has_hub ? api_names_find(names, hub) : NULL;
	char text[HUB_ID_STRLEN];

	api_set_text(object, key, has_hub ? hub_id_format(hub, text) : NULL);
	api_set_text(object, name_key, name ? name->name : NULL);
}

static json_t *json_histogram(const struct histogram *histogram)
{
	json_t *object = json_object(), *buckets = json_array();

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		json_array_append_new(buckets, json_integer((json_int_t)histogram->buckets[i]));
	api_set_number(object, "n", histogram->n);
	api_set_number(object, "sum_us", histogram->sum_us);
	api_set_number(object, "p50_us", histogram_at(histogram, 500));
	api_set_number(object, "p99_us", histogram_at(histogram, 990));
	json_object_set_new(object, "log2_us", buckets);
	return object;
}

static json_t *json_http(const struct proxy_http_counts *counts)
{
	json_t *object = json_object(), *statuses = json_object();

	for (unsigned int i = 1; i < sizeof(counts->statuses) / sizeof(counts->statuses[0]); i++) {
		const char key[] = {(char)('0' + i), 'x', 'x', '\0'};

		api_set_number(statuses, key, counts->statuses[i]);
	}
	api_set_number(object, "requests", counts->requests);
	api_set_number(object, "refused", counts->refused);
	api_set_number(object, "translated", counts->translated);
	api_set_number(object, "untranslatable", counts->untranslatable);
	json_object_set_new(object, "statuses", statuses);
	json_object_set_new(object, "duration", json_histogram(&counts->duration));
	return object;
}

static json_t *json_datagrams(const struct proxy_datagram_counts *counts)
{
	json_t *object = json_object();

	api_set_number(object, "to_service", counts->to_service);
	api_set_number(object, "from_service", counts->from_service);
	api_set_number(object, "dropped_queue", counts->dropped_queue);
	api_set_number(object, "dropped_limit", counts->dropped_limit);
	api_set_number(object, "dropped_socket", counts->dropped_socket);
	api_set_number(object, "unanswered", counts->unanswered);
	api_set_number(object, "refused", counts->refused);
	api_set_number(object, "malformed", counts->malformed);
	api_set_number(object, "refused_share", counts->refused_share);
	return object;
}

static void set_counts(json_t *object, const struct proxy_counts *counts)
{
	json_t *ends = json_object();

	api_set_number(object, "connections", counts->connections);
	api_set_number(object, "open", counts->open);
	api_set_number(object, "via_local", counts->via_local);
	api_set_number(object, "via_mesh", counts->via_mesh);
	api_set_number(object, "via_shared", counts->via_shared);
	api_set_number(object, "reused", counts->reused);
	api_set_number(object, "retries", counts->retries);
	api_set_number(object, "breaker_opened", counts->breaker_opened);
	api_set_number(object, "bytes_to_service", counts->bytes_to_service);
	api_set_number(object, "bytes_from_service", counts->bytes_from_service);
	for (unsigned int i = 0; i < __PROXY_END_END; i++)
		api_set_number(ends, proxy_end_name(i), counts->ends[i]);
	json_object_set_new(object, "ends", ends);
	json_object_set_new(object, "first_byte", json_histogram(&counts->first_byte));
	json_object_set_new(object, "duration", json_histogram(&counts->duration));
	json_object_set_new(object, "http", json_http(&counts->http));
	json_object_set_new(object, "datagrams", json_datagrams(&counts->datagrams));
	json_object_set_new(object, "resilience", api_json_resilience_counts(&counts->resilience));
}

static json_t *json_hosts(const struct proxy *proxy, size_t entry, const struct api_names *names)
{
	struct proxy_host_view view;
	json_t *array = json_array();

	for (size_t i = 0; proxy_host_at(proxy, entry, i, &view); i++) {
		json_t *object = json_object();

		set_hub(object, "hub", "hub_name", true, &view.hub, names);
		json_object_set_new(object, "is_ejected", json_boolean(view.is_ejected));
		api_set_number(object, "ejected_ms", view.ejected_ns / NSEC_PER_MSEC);
		api_set_number(object, "requests", view.requests);
		api_set_number(object, "failed", view.failed);
		api_set_number(object, "in_flight", view.in_flight);
		api_set_number(object, "limit", view.limit);
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *json_legs(const struct proxy *proxy, size_t entry, const struct api_names *names)
{
	struct proxy_leg_view view;
	json_t *array = json_array();

	for (size_t i = 0; proxy_leg_at(proxy, entry, i, &view); i++) {
		json_t *object;

		if (!view.name)
			continue;
		object = json_object();
		api_set_text(object, "kind", view.kind);
		api_set_text(object, "service", view.name);
		api_set_text(object, "versions", view.versions);
		set_hub(object, "provider", "provider_name", view.has_provider, &view.provider,
			names);
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *json_entries(const struct proxy *proxy, const struct api_names *names)
{
	struct proxy_entry_view view;
	json_t *array = json_array();

	for (size_t i = 0; proxy_entry_at(proxy, i, &view); i++) {
		json_t *object = json_object();

		api_set_text(object, "service", view.name);
		set_address(object, "listen", view.listen);
		set_address(object, "shared", view.shared);
		api_set_text(object, "error", view.is_listening ? NULL : view.error_text);
		set_hub(object, "provider", "provider_name", view.has_provider, &view.provider,
			names);
		api_set_number(object, "request", view.request);
		json_object_set_new(object, "is_breaker_open", json_boolean(view.is_breaker_open));
		json_object_set_new(object, "is_udp", json_boolean(view.is_udp));
		api_set_number(object, "connections_max", view.connections_max);
		api_set_number(object, "waiting", view.n_queued);
		json_object_set_new(object, "is_faulty", json_boolean(view.is_faulty));
		json_object_set_new(object, "hosts", json_hosts(proxy, i, names));
		json_object_set_new(object, "legs", json_legs(proxy, i, names));
		set_counts(object, view.counts);
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *json_provided(const struct proxy *proxy)
{
	struct proxy_provided_view view;
	json_t *array = json_array();

	for (size_t i = 0; proxy_provided_at(proxy, i, &view); i++) {
		json_t *object = json_object();

		api_set_text(object, "service", view.name);
		set_counts(object, view.counts);
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *json_flows(const struct proxy *proxy, const struct api_names *names)
{
	struct proxy_flow_view view;
	json_t *array = json_array();
	const void *at = NULL;

	while (json_array_size(array) < FLOWS_SHOWN_MAX &&
	       (at = proxy_flow_next(proxy, at, &view))) {
		json_t *object = json_object();
		char text[ENDPOINT_STRLEN];

		api_set_text(object, "service", view.service);
		api_set_text(object, "via", view.via);
		set_hub(object, "hub", "hub_name", view.has_hub, &view.hub, names);
		api_set_number(object, "age_ms", view.age_ns / NSEC_PER_MSEC);
		api_set_number(object, "idle_ms", view.idle_ns / NSEC_PER_MSEC);
		api_set_number(object, "bytes_to_service", view.bytes_to_service);
		api_set_number(object, "bytes_from_service", view.bytes_from_service);
		api_set_text(object, "from", view.from ? endpoint_format(view.from, text) : NULL);
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *json_totals(const struct proxy_totals *totals)
{
	json_t *object = json_object();

	api_set_number(object, "connections", totals->flows);
	api_set_number(object, "spare", totals->spare);
	api_set_number(object, "trunks", totals->trunks);
	api_set_number(object, "trunks_opened", totals->trunks_opened);
	api_set_number(object, "trunks_failed", totals->trunks_failed);
	api_set_number(object, "bulk", totals->bulk);
	api_set_number(object, "bulk_opened", totals->bulk_opened);
	api_set_number(object, "bulk_kernel", totals->bulk_kernel);
	api_set_number(object, "bulk_failed", totals->bulk_failed);
	api_set_number(object, "trunks_limited", totals->trunks_limited);
	api_set_number(object, "certificates_refused", totals->certificates_refused);
	json_object_set_new(object, "refused_certificates", api_json_refusals(&totals->refusals));
	api_set_number(object, "wrong_hub", totals->wrong_hub);
	api_set_number(object, "calls_refused", totals->calls_refused);
	api_set_number(object, "buffered_bytes", totals->buffered);
	api_set_number(object, "datagram_flows", totals->datagram_flows);
	api_set_number(object, "datagram_bytes", totals->datagram_bytes);
	api_set_number(object, "ways", totals->ways);
	api_set_number(object, "ways_opened", totals->ways_opened);
	api_set_number(object, "ways_failed", totals->ways_failed);
	api_set_number(object, "relayed", totals->relayed);
	api_set_number(object, "relayed_opened", totals->relayed_opened);
	api_set_number(object, "relayed_refused", totals->relayed_refused);
	api_set_number(object, "relayed_failed", totals->relayed_failed);
	api_set_number(object, "relayed_bytes", totals->relayed_bytes);
	return object;
}

void get_proxy(struct api_state *state, const struct api_request *request, struct api_reply *ret)
{
	const struct proxy *proxy = state->context.proxy;
	struct api_names names;
	json_t *object;

	if (!proxy) {
		api_reply_error(ret, 501, "not_supported", NULL, "this daemon has no proxy");
		return;
	}
	object = api_object_new();
	api_names_init(&names, state->context.hub);
	api_set_number(object, "port", proxy_port(proxy));
	json_object_set_new(object, "entries", json_entries(proxy, &names));
	json_object_set_new(object, "provided", json_provided(proxy));
	json_object_set_new(object, "connections", json_flows(proxy, &names));
	json_object_set_new(object, "totals", json_totals(proxy_totals(proxy)));
	api_names_fini(&names);
	api_reply_ok(ret, object);
}
