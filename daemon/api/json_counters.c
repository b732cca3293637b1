// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: counters of the daemon as JSON, by their names
 *
 * Each kind is a table beside an assertion that it is as long as the structure:
 * a counter that is added and not shown does not compile.
 */
#include <stddef.h>

#include "daemon/api/json.h"
#include "daemon/api/resource.h"
#include "daemon/broker/broker.h"
#include "daemon/hub/hub.h"
#include "daemon/lib/memory.h"
#include "daemon/names/names.h"
#include "daemon/registry/registry.h"
#include "daemon/transport/transport.h"

/** struct counter - where in its structure one is */
struct counter {
	const char *name;
	size_t offset;
};

#define COUNTER(type, member)                          \
	{                                              \
#member, offsetof(struct type, member) \
	}
/* All of @type's members, @more bytes apart, are in @table. */
#define ASSERT_ALL_SHOWN(type, table, more)                                                  \
	_Static_assert(ARRAY_SIZE(table) * sizeof(uint64_t) + (more) == sizeof(struct type), \
		       "each counter is shown: add it to the table")

static json_t *json_of(const struct counter *table, size_t n, const void *counters)
{
	json_t *object = json_object();

	for (size_t i = 0; i < n; i++)
		api_set_number(object, table[i].name,
			       *(const uint64_t *)((const char *)counters + table[i].offset));
	return object;
}

json_t *api_json_hub_counters(const struct hub_counters *counters)
{
#define HUB(member) COUNTER(hub_counters, member)
	static const struct counter table[] = {
		HUB(beacons_sent),	    HUB(beacons_heard),		HUB(beacons_malformed),
		HUB(beacons_other_version), HUB(beacons_bad_signature), HUB(beacons_other_mesh),
		HUB(beacons_limited),	    HUB(sessions_up),		HUB(sessions_failed),
		HUB(sessions_refused),	    HUB(messages_in),		HUB(messages_out),
		HUB(messages_malformed),    HUB(messages_out_of_place), HUB(records_accepted),
		HUB(records_stale),	    HUB(records_bad_signature), HUB(records_refused),
		HUB(records_limited),	    HUB(routes_computed),	HUB(rekeys),
		HUB(id_conflicts),	    HUB(address_conflicts),	HUB(pulls_limited),
		HUB(broker_forwarded),	    HUB(broker_unroutable),	HUB(broker_refused),
		HUB(broker_limited),	    HUB(revocations_accepted),	HUB(revocations_refused),
		HUB(revocations_limited),   HUB(hubs_expelled),		HUB(twins_heard),
	};

	ASSERT_ALL_SHOWN(hub_counters, table, 0);
	return json_of(table, ARRAY_SIZE(table), counters);
}

json_t *api_json_broker_counters(const struct broker_counters *counters)
{
#define BROKER(member) COUNTER(broker_counters, member)
	static const struct counter table[] = {
		BROKER(resolves),      BROKER(leased),	 BROKER(fallbacks),
		BROKER(negative_hits), BROKER(switches), BROKER(granted),
		BROKER(refused),       BROKER(replayed), BROKER(late),
	};

	ASSERT_ALL_SHOWN(broker_counters, table, 0);
	return json_of(table, ARRAY_SIZE(table), counters);
}

json_t *api_json_registry_counters(const struct registry_counters *counters)
{
#define REGISTRY(member) COUNTER(registry_counters, member)
	static const struct counter table[] = {
		REGISTRY(blobs_accepted),
		REGISTRY(blobs_refused),
		REGISTRY(blobs_unwanted),
		REGISTRY(hubs_full),
	};

	ASSERT_ALL_SHOWN(registry_counters, table, 0);
	return json_of(table, ARRAY_SIZE(table), counters);
}

json_t *api_json_transport_counters(const struct transport_counters *counters)
{
#define TRANSPORT(member) COUNTER(transport_counters, member)
	static const struct counter table[] = {
		TRANSPORT(accepted),
		TRANSPORT(dialled),
		TRANSPORT(handshakes_failed),
		TRANSPORT(handshakes_limited),
		TRANSPORT(certificates_refused),
		TRANSPORT(requests_refused),
		TRANSPORT(pings_lost),
		TRANSPORT(bytes_in),
		TRANSPORT(bytes_out),
	};
	json_t *object = json_of(table, ARRAY_SIZE(table), counters);

	ASSERT_ALL_SHOWN(transport_counters, table, sizeof(counters->refusals));
	json_object_set_new(object, "refused_certificates", api_json_refusals(&counters->refusals));
	return object;
}

json_t *api_json_api_counters(const struct api_counters *counters)
{
#define API(member) COUNTER(api_counters, member)
	static const struct counter table[] = {
		API(requests),
		API(refused),
		API(peers_refused),
		API(connections_limited),
	};

	ASSERT_ALL_SHOWN(api_counters, table, 0);
	return json_of(table, ARRAY_SIZE(table), counters);
}

/* The outcomes are an array, by enum names_outcome. */
#define OUTCOME(index, text)                                                                   \
	{                                                                                      \
		text, offsetof(struct names_counters, by_outcome) + (index) * sizeof(uint64_t) \
	}

json_t *api_json_names_counters(const struct names_counters *counters)
{
#define NAMES(member) COUNTER(names_counters, member)
	static const struct counter table[] = {
		OUTCOME(NAMES_ANSWERED, "answered"),
		OUTCOME(NAMES_UNKNOWN, "unknown"),
		OUTCOME(NAMES_AMBIGUOUS, "ambiguous"),
		OUTCOME(NAMES_REFUSED, "refused"),
		OUTCOME(NAMES_UNSUPPORTED, "unsupported"),
		OUTCOME(NAMES_MALFORMED, "malformed"),
		OUTCOME(NAMES_DROPPED, "dropped"),
		OUTCOME(NAMES_FORWARD, "forwarded"),
		NAMES(by_tcp),
		NAMES(truncated),
		NAMES(limited),
		NAMES(clients_refused),
		NAMES(clients_displaced),
		NAMES(clients_idle),
		NAMES(forwards_refused),
		NAMES(forwards_failed),
		NAMES(forwards_strange),
	};

	ASSERT_ALL_SHOWN(names_counters, table, 0);
	return json_of(table, ARRAY_SIZE(table), counters);
}
