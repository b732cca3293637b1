// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: policy in the kernel: rule set, guards, classification, queues
 *
 * A rule set is one transaction: the one before stays in force until the last
 * message of the next, and if the kernel refuses one.  Interfaces are named in
 * the policy and numbered in the kernel: a rule about one that is not there
 * waits until it is, which is looked at with every reading of the links.
 * Queues belong to links, so links get theirs when they are made, too.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/datapath/internal.h"
#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"

#define FILTER_MESSAGE_MAX 30000 /* bytes; then the transaction goes on in another message */
#define FILTER_ATTR_MAX 256 /* one entry, longest form */

_Static_assert(FILTER_MESSAGE_MAX + FILTER_ATTR_MAX < NETLINK_REQUEST_MAX, "a step fits");
_Static_assert(POLICY_MEMBERS_MAX <= HUBMESH_FILTER_ZONES_MAX, "every member fits");
_Static_assert(POLICY_TABLE_PAIRS_MAX <= HUBMESH_FILTER_PAIRS_MAX, "every pair fits");
_Static_assert(POLICY_TABLE_ENTRIES_MAX <= HUBMESH_FILTER_ACL_MAX, "every entry fits");
_Static_assert(POLICY_RULES_MAX <= HUBMESH_RULES_MAX, "every rule fits");
_Static_assert(POLICY_GUARD_ZONES_MAX <= HUBMESH_GUARD_ZONES_MAX, "every zone fits");
_Static_assert(POLICY_IFNAME_SIZE == IFNAMSIZ, "every name fits");

/**
 * struct datapath_policy - what was asked for last
 * @tables: all of it
 * @ifindex: of each member that is an interface, as installed; 0 it was not there
 * @has_queues: links were told how to queue
 */
struct datapath_policy {
	struct policy_tables tables;
	uint32_t ifindex[POLICY_MEMBERS_MAX];
	bool has_queues;
};

/* ---- pieces --------------------------------------------------------------- */

static void put_storm(struct nlmsghdr *message, uint16_t type, const struct policy_storm *storm)
{
	struct nlattr *nest = mnl_attr_nest_start(message, type);

	mnl_attr_put_u32(message, HUBMESH_A_STORM_BROADCAST_PPS, storm->broadcast_pps);
	mnl_attr_put_u32(message, HUBMESH_A_STORM_MULTICAST_PPS, storm->multicast_pps);
	mnl_attr_put_u32(message, HUBMESH_A_STORM_UNKNOWN_PPS, storm->unknown_pps);
	mnl_attr_nest_end(message, nest);
}

static size_t address_len(const struct policy_prefix *prefix)
{
	return prefix->family == 4 ? 4 : 16;
}

static void put_prefix(struct nlmsghdr *message, uint16_t type, const struct policy_prefix *prefix)
{
	uint8_t bytes[sizeof(prefix->address) + 1];

	if (!prefix->family)
		return;
	memcpy(bytes, prefix->address, address_len(prefix));
	bytes[address_len(prefix)] = prefix->len;
	mnl_attr_put(message, type, address_len(prefix) + 1, bytes);
}

static void put_ports(struct nlmsghdr *message, uint16_t first, uint16_t last,
		      const struct policy_ports *ports)
{
	mnl_attr_put_u16(message, first, ports->first);
	mnl_attr_put_u16(message, last, ports->last);
}

/* ---- rule set ---------------------------------------------------------------- */

static void put_member(struct nlmsghdr *message, const struct policy_member *member,
		       uint32_t ifindex)
{
	struct nlattr *nest;

	if (member->kind == POLICY_MEMBER_INTERFACE && !ifindex)
		return;
	nest = mnl_attr_nest_start(message, HUBMESH_A_FILTER_ZONE);
	mnl_attr_put_u16(message, HUBMESH_A_ZONE_ID, member->zone);
	switch (member->kind) {
	case POLICY_MEMBER_MAC:
		mnl_attr_put(message, HUBMESH_A_ZONE_MAC, sizeof(member->mac), member->mac);
		break;
	case POLICY_MEMBER_VLAN:
		mnl_attr_put_u16(message, HUBMESH_A_ZONE_VLAN, member->vlan);
		break;
	case POLICY_MEMBER_INTERFACE:
		mnl_attr_put_u32(message, HUBMESH_A_ZONE_IFINDEX, ifindex);
		break;
	default:
		mnl_attr_put(message, HUBMESH_A_ZONE_HUB, sizeof(member->mac), member->mac);
	}
	mnl_attr_nest_end(message, nest);
}

static void put_pair(struct nlmsghdr *message, const struct policy_pair *pair)
{
	struct nlattr *nest = mnl_attr_nest_start(message, HUBMESH_A_FILTER_PAIR);

	mnl_attr_put_u16(message, HUBMESH_A_PAIR_SRC, pair->src);
	mnl_attr_put_u16(message, HUBMESH_A_PAIR_DST, pair->dst);
	mnl_attr_nest_end(message, nest);
}

static void put_entry(struct nlmsghdr *message, const struct policy_entry *entry)
{
	struct nlattr *nest = mnl_attr_nest_start(message, HUBMESH_A_FILTER_ACL);
	const struct policy_match *match = &entry->match;

	mnl_attr_put_u32(message, HUBMESH_A_ACL_ACTION,
			 entry->denies ? HUBMESH_ACL_DENY : HUBMESH_ACL_ACCEPT);
	if (match->fields & POLICY_SRC_ZONE)
		mnl_attr_put_u16(message, HUBMESH_A_ACL_SRC_ZONE, match->src_zone);
	if (match->fields & POLICY_DST_ZONE)
		mnl_attr_put_u16(message, HUBMESH_A_ACL_DST_ZONE, match->dst_zone);
	if (match->fields & POLICY_ETHERTYPE)
		mnl_attr_put_u16(message, HUBMESH_A_ACL_ETHERTYPE, match->ethertype);
	if (match->fields & POLICY_VLAN)
		mnl_attr_put_u16(message, HUBMESH_A_ACL_VLAN, match->vlan);
	if (match->fields & POLICY_PROTOCOL)
		mnl_attr_put_u8(message, HUBMESH_A_ACL_PROTOCOL, match->protocol);
	put_prefix(message, HUBMESH_A_ACL_SRC, &match->src);
	put_prefix(message, HUBMESH_A_ACL_DST, &match->dst);
	if (match->fields & POLICY_SRC_PORTS)
		put_ports(message, HUBMESH_A_ACL_SPORT_FIRST, HUBMESH_A_ACL_SPORT_LAST,
			  &match->src_ports);
	if (match->fields & POLICY_DST_PORTS)
		put_ports(message, HUBMESH_A_ACL_DPORT_FIRST, HUBMESH_A_ACL_DPORT_LAST,
			  &match->dst_ports);
	if (entry->log_every)
		mnl_attr_put_u32(message, HUBMESH_A_ACL_LOG, entry->log_every);
	mnl_attr_nest_end(message, nest);
}

/* Piece @at of the set: members, pairs, entries.  False behind the last. */
static bool put_piece(struct nlmsghdr *message, const struct datapath_policy *policy, size_t at)
{
	const struct policy_tables *tables = &policy->tables;

	if (at < tables->n_members) {
		put_member(message, &tables->members[at], policy->ifindex[at]);
		return true;
	}
	at -= tables->n_members;
	if (at < tables->n_pairs) {
		put_pair(message, &tables->pairs[at]);
		return true;
	}
	at -= tables->n_pairs;
	if (at >= tables->n_entries)
		return false;
	put_entry(message, &tables->entries[at]);
	return true;
}

static bool has_rules(const struct policy_tables *tables)
{
	return tables->n_members || tables->n_pairs || tables->n_entries || tables->hops_max;
}

static void look_up_interfaces(struct datapath_policy *policy)
{
	for (size_t i = 0; i < policy->tables.n_members; i++) {
		const struct policy_member *member = &policy->tables.members[i];

		policy->ifindex[i] = member->kind == POLICY_MEMBER_INTERFACE
					     ? if_nametoindex(member->interface)
					     : 0;
	}
}

/* The generation must grow, whoever set the one in force. */
static int install_rules(struct datapath *dp)
{
	const struct datapath_policy *policy = dp->policy;
	uint32_t flags = HUBMESH_FILTER_F_BEGIN;
	struct datapath_device_stats device;
	size_t next = 0;
	int error = datapath_read_device(dp, &device);

	if (error || (!device.filter_generation && !has_rules(&policy->tables)))
		return error;
	look_up_interfaces(dp->policy);
	do {
		struct nlmsghdr *message = datapath_begin(dp, HUBMESH_CMD_FILTER_REPLACE, 0);
		struct nlattr *nest = mnl_attr_nest_start(message, HUBMESH_A_FILTER);

		mnl_attr_put_u64(message, HUBMESH_A_FILTER_GENERATION,
				 device.filter_generation + 1);
		if (flags & HUBMESH_FILTER_F_BEGIN)
			mnl_attr_put_u8(message, HUBMESH_A_FILTER_HOPS_LIMIT,
					policy->tables.hops_max);
		while (message->nlmsg_len < FILTER_MESSAGE_MAX && put_piece(message, policy, next))
			next++;
		if (message->nlmsg_len < FILTER_MESSAGE_MAX)
			flags |= HUBMESH_FILTER_F_COMMIT;
		mnl_attr_put_u32(message, HUBMESH_A_FILTER_FLAGS, flags);
		mnl_attr_nest_end(message, nest);
		error = datapath_run(dp, NULL, NULL);
		flags &= ~(uint32_t)HUBMESH_FILTER_F_BEGIN;
	} while (!error && !(flags & HUBMESH_FILTER_F_COMMIT));
	return error;
}

void datapath_policy_refresh(struct datapath *dp)
{
	const struct datapath_policy *policy = dp->policy;
	bool has_changed = false;

	for (size_t i = 0; policy && i < policy->tables.n_members; i++)
		has_changed |= policy->tables.members[i].kind == POLICY_MEMBER_INTERFACE &&
			       if_nametoindex(policy->tables.members[i].interface) !=
				       policy->ifindex[i];
	if (has_changed && install_rules(dp))
		log_error(LOG_LOCAL_CLASS,
			  "event=datapath-refused what=policy reason=interface-changed text=\"%s\"",
			  dp->last_error);
}

/* ---- classification ------------------------------------------------------------ */

static void put_rule_prefix(struct nlmsghdr *message, const struct policy_prefix *prefix,
			    uint16_t type4, uint16_t type6, uint16_t type_len)
{
	if (!prefix->family)
		return;
	mnl_attr_put(message, prefix->family == 4 ? type4 : type6, address_len(prefix),
		     prefix->address);
	mnl_attr_put_u8(message, type_len, prefix->len);
}

static void put_rule(struct nlmsghdr *message, const struct policy_rule *rule)
{
	struct nlattr *nest = mnl_attr_nest_start(message, HUBMESH_A_RULES_RULE);
	const struct policy_match *match = &rule->match;

	mnl_attr_put_u8(message, HUBMESH_A_RULE_CLASS, rule->class);
	if (match->fields & POLICY_ETHERTYPE)
		mnl_attr_put_u16(message, HUBMESH_A_RULE_ETHERTYPE, match->ethertype);
	if (match->fields & POLICY_VLAN)
		mnl_attr_put_u16(message, HUBMESH_A_RULE_VLAN_ID, match->vlan);
	if (match->fields & POLICY_VLAN_PCP)
		mnl_attr_put_u8(message, HUBMESH_A_RULE_VLAN_PCP, match->vlan_pcp);
	if (match->fields & POLICY_DSCP)
		mnl_attr_put_u8(message, HUBMESH_A_RULE_DSCP, match->dscp);
	if (match->fields & POLICY_PROTOCOL)
		mnl_attr_put_u8(message, HUBMESH_A_RULE_PROTOCOL, match->protocol);
	put_rule_prefix(message, &match->src, HUBMESH_A_RULE_SRC4, HUBMESH_A_RULE_SRC6,
			HUBMESH_A_RULE_SRC_PREFIX);
	put_rule_prefix(message, &match->dst, HUBMESH_A_RULE_DST4, HUBMESH_A_RULE_DST6,
			HUBMESH_A_RULE_DST_PREFIX);
	if (match->fields & POLICY_SRC_PORTS)
		put_ports(message, HUBMESH_A_RULE_SPORT, HUBMESH_A_RULE_SPORT_LAST,
			  &match->src_ports);
	if (match->fields & POLICY_DST_PORTS)
		put_ports(message, HUBMESH_A_RULE_DPORT, HUBMESH_A_RULE_DPORT_LAST,
			  &match->dst_ports);
	if (match->fields & POLICY_MARK) {
		mnl_attr_put_u32(message, HUBMESH_A_RULE_MARK, match->mark);
		mnl_attr_put_u32(message, HUBMESH_A_RULE_MARK_MASK, match->mark_mask);
	}
	if (match->fields & POLICY_PRIORITY)
		mnl_attr_put_u32(message, HUBMESH_A_RULE_PRIORITY, match->priority);
	mnl_attr_nest_end(message, nest);
}

static int install_classification(struct datapath *dp)
{
	struct nlmsghdr *message = datapath_begin(dp, HUBMESH_CMD_RULE_REPLACE, 0);
	struct nlattr *nest = mnl_attr_nest_start(message, HUBMESH_A_RULES);

	for (size_t i = 0; i < dp->policy->tables.n_rules; i++)
		put_rule(message, &dp->policy->tables.rules[i]);
	mnl_attr_nest_end(message, nest);
	return datapath_run(dp, NULL, NULL);
}

static int install_storm(struct datapath *dp)
{
	struct nlmsghdr *message = datapath_begin(dp, HUBMESH_CMD_DEV_SET, 0);
	struct nlattr *nest = mnl_attr_nest_start(message, HUBMESH_A_DEVICE);

	put_storm(message, HUBMESH_A_DEVICE_STORM, &dp->policy->tables.storm);
	mnl_attr_nest_end(message, nest);
	return datapath_run(dp, NULL, NULL);
}

/* ---- queues ------------------------------------------------------------------------ */

/* What a link is made with (kernel/limits.h; a test of selftests/mesh compares). */
static const struct policy_class class_defaults = {
	.limit_frames = 1000,
	.limit_bytes = 2 << 20,
	.target_us = 5000,
	.interval_us = 100000,
};
static const uint32_t weight_defaults[POLICY_CLASSES] = {4, 1, 4, 8, 8, 16, 8, 8};

static bool asks_for_queues(const struct policy_queues *queues)
{
	static const struct policy_class none;

	for (size_t i = 0; i < POLICY_CLASSES; i++)
		if (memcmp(&queues->class[i], &none, sizeof(none)) != 0)
			return true;
	return queues->n || queues->strict_share != POLICY_STRICT_SHARE_DEFAULT;
}

static uint64_t rate_of(const struct policy_queues *queues, uint32_t ifindex)
{
	char name[IFNAMSIZ];

	if (!if_indextoname(ifindex, name))
		return 0;
	for (size_t i = 0; i < queues->n; i++)
		if (fnmatch(queues->queue[i].interface, name, 0) == 0)
			return queues->queue[i].bytes_ps;
	return 0;
}

static void put_class(struct nlmsghdr *message, uint8_t number, const struct policy_class *class)
{
	struct nlattr *nest = mnl_attr_nest_start(message, HUBMESH_A_QOS_CLASS);

	mnl_attr_put_u8(message, HUBMESH_A_CLASS_NUMBER, number);
	mnl_attr_put_u8(message, HUBMESH_A_CLASS_WEIGHT,
			(uint8_t)(class->weight ?: weight_defaults[number]));
	mnl_attr_put_u32(message, HUBMESH_A_CLASS_LIMIT_FRAMES,
			 class->limit_frames ?: class_defaults.limit_frames);
	mnl_attr_put_u32(message, HUBMESH_A_CLASS_LIMIT_BYTES,
			 class->limit_bytes ?: class_defaults.limit_bytes);
	mnl_attr_put_u32(message, HUBMESH_A_CLASS_TARGET_US,
			 class->target_us ?: class_defaults.target_us);
	mnl_attr_put_u32(message, HUBMESH_A_CLASS_INTERVAL_US,
			 class->interval_us ?: class_defaults.interval_us);
	mnl_attr_nest_end(message, nest);
}

static struct nlmsghdr *begin_link(struct datapath *dp, uint8_t command, uint32_t link,
				   struct nlattr **nest)
{
	struct nlmsghdr *message = datapath_begin(dp, command, 0);

	*nest = mnl_attr_nest_start(message, HUBMESH_A_LINK);
	mnl_attr_put_u32(message, HUBMESH_A_LINK_INDEX, link);
	return message;
}

/* Classes first: whoever waits for a rate waits as he should. */
int datapath_policy_link(struct datapath *dp, uint32_t link, uint32_t ifindex)
{
	const struct policy_queues *queues;
	struct nlmsghdr *message;
	struct nlattr *nest;
	int error;

	if (!dp->policy || !dp->policy->has_queues)
		return 0;
	queues = &dp->policy->tables.queues;
	message = begin_link(dp, HUBMESH_CMD_QOS_SET, link, &nest);
	mnl_attr_nest_end(message, nest);
	nest = mnl_attr_nest_start(message, HUBMESH_A_QOS);
	mnl_attr_put_u8(message, HUBMESH_A_QOS_STRICT_SHARE, queues->strict_share);
	for (uint8_t i = 0; i < POLICY_CLASSES; i++)
		put_class(message, i, &queues->class[i]);
	mnl_attr_nest_end(message, nest);
	error = datapath_run(dp, NULL, NULL);
	if (error)
		return error;
	message = begin_link(dp, HUBMESH_CMD_LINK_SET, link, &nest);
	mnl_attr_put_u64(message, HUBMESH_A_LINK_RATE, rate_of(queues, ifindex));
	mnl_attr_nest_end(message, nest);
	return datapath_run(dp, NULL, NULL);
}

static int install_queues(struct datapath *dp)
{
	struct datapath_link_list links;
	int error;

	if (!dp->policy->has_queues)
		return 0;
	error = datapath_list_links(dp, &links);
	for (size_t i = 0; i < links.n && !error; i++)
		error = datapath_policy_link(dp, links.at[i].link, links.at[i].ifindex);
	free(links.at);
	return error;
}

/* ---- all of it --------------------------------------------------------------------- */

int datapath_policy(struct datapath *dp, const struct policy_tables *tables)
{
	static const struct {
		const char *what;
		int (*install)(struct datapath *dp);
	} parts[] = {
		{"rule set", install_rules},
		{"storm limits", install_storm},
		{"classification", install_classification},
		{"queues", install_queues},
	};
	struct datapath_policy *policy = dp->policy ?: xnew(struct datapath_policy);
	char text[DATAPATH_TEXT_MAX];
	int result = 0;

	dp->policy = policy;
	policy->tables = *tables;
	policy->has_queues |= asks_for_queues(&tables->queues);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		int error = parts[i].install(dp);

		if (!error || result)
			continue;
		result = error;
		snprintf(text, sizeof(text), "%s: %.300s", parts[i].what, dp->last_error);
	}
	return result ? datapath_keep_error(dp, result, text) : 0;
}

/* ---- guards ------------------------------------------------------------------------ */

static void put_prefixes(struct nlmsghdr *message, uint16_t type,
			 const struct policy_prefix *prefixes, size_t n)
{
	struct nlattr *nest = mnl_attr_nest_start(message, type);

	for (size_t i = 0; i < n; i++)
		put_prefix(message, HUBMESH_A_PREFIXES_PREFIX, &prefixes[i]);
	mnl_attr_nest_end(message, nest);
}

static void put_guard(struct nlmsghdr *message, const struct policy_guard *guard)
{
	struct nlattr *nest = mnl_attr_nest_start(message, HUBMESH_A_HUB_GUARD);

	if (guard->checks_zones)
		mnl_attr_put(message, HUBMESH_A_GUARD_ZONES,
			     guard->n_zones * sizeof(guard->zones[0]), guard->zones);
	if (guard->checks_macs)
		mnl_attr_put_u32(message, HUBMESH_A_GUARD_MACS_LEARN, guard->macs_learn);
	if (guard->checks_addresses)
		put_prefixes(message, HUBMESH_A_GUARD_PREFIXES, guard->prefixes, guard->n_prefixes);
	if (guard->has_scope)
		put_prefixes(message, HUBMESH_A_GUARD_SCOPE, guard->scope, guard->n_scope);
	mnl_attr_put_u32(message, HUBMESH_A_GUARD_FRAMES_PPS, guard->frames_pps);
	mnl_attr_put_u64(message, HUBMESH_A_GUARD_BYTES_PS, guard->bytes_ps);
	put_storm(message, HUBMESH_A_GUARD_STORM, &guard->storm);
	mnl_attr_nest_end(message, nest);
}

int datapath_guard(struct datapath *dp, const struct hub_id *hub, const struct policy_guard *guard)
{
	static const struct policy_guard nothing;
	struct nlmsghdr *message = datapath_begin(dp, HUBMESH_CMD_HUB_SET, 0);
	struct nlattr *nest = mnl_attr_nest_start(message, HUBMESH_A_HUB);

	mnl_attr_put(message, HUBMESH_A_HUB_ID, HUB_ID_LEN, hub->b);
	if (memcmp(guard, &nothing, sizeof(nothing)) != 0)
		put_guard(message, guard);
	mnl_attr_nest_end(message, nest);
	return datapath_run(dp, NULL, NULL);
}
