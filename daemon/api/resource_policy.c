// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: resource_policy: /v1/qos and /v1/filter
 *
 * What the kernel has in force, with its counters, not what was asked for:
 * /v1/config shows that.
 */
#include <linux/hubmesh.h>

#include "daemon/api/json.h"
#include "daemon/api/resource.h"
#include "daemon/api/snapshot.h"

/**
 * struct answer - what is being filled
 * @state: of the API
 * @snapshot: names and links
 * @policy: names of zones
 * @object: the answer; has the lists
 */
struct answer {
	const struct api_state *state;
	struct api_snapshot snapshot;
	const struct policy *policy;
	json_t *object;
};

static void append(struct answer *answer, const char *list, json_t *entry)
{
	json_array_append_new(json_object_get(answer->object, list), entry);
}

static struct answer begin(struct api_state *state, json_t *object)
{
	struct answer answer = {
		.state = state,
		.policy = state->context.config ? state->context.config->policy : NULL,
		.object = object,
	};

	api_snapshot_init(&answer.snapshot, state->context.hub, NULL);
	return answer;
}

static void add_queue(const struct datapath_queue *queue, void *arg)
{
	struct answer *answer = arg;
	const struct underlay *underlay = answer->state->context.underlay;
	const struct hub_view_link *view = api_snapshot_link(&answer->snapshot, queue->link);
	const char *ifname = NULL;

	if (underlay && view && view->local.ifindex)
		ifname = underlay_name(underlay, view->local.ifindex);
	append(answer, "links", api_json_queue(queue, view, &answer->snapshot.names, ifname));
}

void api_fill_qos(struct api_state *state, json_t *object)
{
	struct answer answer = begin(state, object);

	json_object_set_new(object, "links", json_array());
	if (state->context.datapath)
		datapath_read_queues(state->context.datapath, add_queue, &answer);
	api_snapshot_fini(&answer.snapshot);
}

static void add_rule(const struct datapath_rule *rule, void *arg)
{
	static const char *const lists[] = {
		[DATAPATH_RULE_MEMBER] = "members",
		[DATAPATH_RULE_PAIR] = "allow",
		[DATAPATH_RULE_ENTRY] = "acl",
	};
	struct answer *answer = arg;

	if (rule->kind != DATAPATH_RULE_HOPS)
		append(answer, lists[rule->kind], api_json_rule(rule, answer->policy));
	else if (rule->hops_max)
		api_set_number(answer->object, "max_hops", rule->hops_max);
}

static void add_guard(const struct hub_id *hub, const struct policy_guard *guard, void *arg)
{
	struct answer *answer = arg;

	append(answer, "guards",
	       api_json_guard(hub, guard, answer->policy, &answer->snapshot.names));
}

/* Reasons the filter, guards and storm control drop for. */
static json_t *json_drops(const struct datapath_device_stats *device)
{
	static const uint8_t reasons[] = {
		HUBMESH_DROP_RX_ZONE,  HUBMESH_DROP_RX_ACL,   HUBMESH_DROP_RX_RATE,
		HUBMESH_DROP_RX_GUARD, HUBMESH_DROP_RX_STORM, HUBMESH_DROP_RX_HOPS,
		HUBMESH_DROP_RX_INNER, HUBMESH_DROP_TX_ZONE,  HUBMESH_DROP_TX_ACL,
		HUBMESH_DROP_TX_STORM,
	};
	json_t *array = json_array();

	for (size_t i = 0; i < sizeof(reasons); i++) {
		json_t *drop = json_object();

		api_set_text(drop, "reason", api_drop_name(reasons[i]));
		api_set_text(drop, "explanation", api_drop_explanation(reasons[i]));
		api_set_number(drop, "frames", device->drops[reasons[i]]);
		json_array_append_new(array, drop);
	}
	return array;
}

void api_fill_filter(struct api_state *state, json_t *object)
{
	static const char *const lists[] = {"members", "allow", "acl", "guards"};
	struct datapath *datapath = state->context.datapath;
	struct answer answer = begin(state, object);
	struct datapath_device_stats device = {0};

	api_set_text(object, "max_hops", NULL);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		json_object_set_new(object, lists[i], json_array());
	if (datapath) {
		datapath_read_device(datapath, &device);
		datapath_read_rules(datapath, add_rule, &answer);
		datapath_read_guards(datapath, add_guard, &answer);
	}
	api_set_number(object, "generation", device.filter_generation);
	json_object_set_new(object, "storm", api_json_storm(&device.storm));
	json_object_set_new(object, "drops", json_drops(&device));
	api_snapshot_fini(&answer.snapshot);
}
