// SPDX-License-Identifier: GPL-2.0
/* DOC: reading queues, rule set and guards back, with their counters */
#include <string.h>

#include "daemon/datapath/internal.h"

struct reader {
	void (*queue)(const struct datapath_queue *queue, void *arg);
	void (*rule)(const struct datapath_rule *rule, void *arg);
	void (*guard)(const struct hub_id *hub, const struct policy_guard *guard, void *arg);
	void *arg;
};

static uint16_t read_u16(const struct nlattr *attr)
{
	uint16_t value = 0;

	netlink_bytes(attr, &value, sizeof(value));
	return value;
}

struct policy_storm datapath_storm(const struct nlattr *nest)
{
	const struct nlattr *tb[HUBMESH_A_STORM_MAX + 1];

	netlink_parse_nested(nest, tb, HUBMESH_A_STORM_MAX);
	return (struct policy_storm){
		.broadcast_pps = netlink_u32(tb[HUBMESH_A_STORM_BROADCAST_PPS], 0),
		.multicast_pps = netlink_u32(tb[HUBMESH_A_STORM_MULTICAST_PPS], 0),
		.unknown_pps = netlink_u32(tb[HUBMESH_A_STORM_UNKNOWN_PPS], 0),
	};
}

static struct policy_prefix read_prefix(const struct nlattr *attr)
{
	struct policy_prefix prefix = {0};
	size_t len = attr ? mnl_attr_get_payload_len(attr) : 0;
	const uint8_t *bytes = attr ? mnl_attr_get_payload(attr) : NULL;

	if (len != 5 && len != 17)
		return prefix;
	prefix.family = len == 5 ? 4 : 6;
	memcpy(prefix.address, bytes, len - 1);
	prefix.len = bytes[len - 1];
	return prefix;
}

/* ---- queues --------------------------------------------------------------- */

static void read_class(const struct nlattr *nest, struct datapath_queue *queue)
{
	const struct nlattr *tb[HUBMESH_A_CLASS_MAX + 1];
	uint8_t number;

	netlink_parse_nested(nest, tb, HUBMESH_A_CLASS_MAX);
	number = netlink_u8(tb[HUBMESH_A_CLASS_NUMBER], POLICY_CLASSES);
	if (number >= POLICY_CLASSES)
		return;
	queue->class[number] = (struct datapath_class){
		.settings =
			{
				.weight = netlink_u8(tb[HUBMESH_A_CLASS_WEIGHT], 0),
				.limit_frames = netlink_u32(tb[HUBMESH_A_CLASS_LIMIT_FRAMES], 0),
				.limit_bytes = netlink_u32(tb[HUBMESH_A_CLASS_LIMIT_BYTES], 0),
				.target_us = netlink_u32(tb[HUBMESH_A_CLASS_TARGET_US], 0),
				.interval_us = netlink_u32(tb[HUBMESH_A_CLASS_INTERVAL_US], 0),
			},
		.sent_frames = netlink_u64(tb[HUBMESH_A_CLASS_SENT_FRAMES], 0),
		.sent_bytes = netlink_u64(tb[HUBMESH_A_CLASS_SENT_BYTES], 0),
		.drops_full = netlink_u64(tb[HUBMESH_A_CLASS_DROPS_FULL], 0),
		.drops_codel = netlink_u64(tb[HUBMESH_A_CLASS_DROPS_CODEL], 0),
		.drops_flushed = netlink_u64(tb[HUBMESH_A_CLASS_DROPS_FLUSHED], 0),
		.backlog_frames = netlink_u32(tb[HUBMESH_A_CLASS_BACKLOG_FRAMES], 0),
		.backlog_bytes = netlink_u32(tb[HUBMESH_A_CLASS_BACKLOG_BYTES], 0),
		.delay_us = netlink_u32(tb[HUBMESH_A_CLASS_SOJOURN_US], 0),
		.delay_peak_us = netlink_u32(tb[HUBMESH_A_CLASS_SOJOURN_PEAK_US], 0),
	};
}

static void read_queue(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *tb[HUBMESH_A_MAX + 1], *link[HUBMESH_A_LINK_MAX + 1], *attr;
	const struct reader *reader = arg;
	struct datapath_queue queue = {0};

	datapath_content(message, tb);
	netlink_parse_nested(tb[HUBMESH_A_LINK], link, HUBMESH_A_LINK_MAX);
	queue.link = netlink_u32(link[HUBMESH_A_LINK_INDEX], 0);
	queue.bytes_ps = netlink_u64(link[HUBMESH_A_LINK_RATE], 0);
	if (!queue.link || !tb[HUBMESH_A_QOS])
		return;
	mnl_attr_for_each_nested (attr, tb[HUBMESH_A_QOS]) {
		if (mnl_attr_get_type(attr) == HUBMESH_A_QOS_STRICT_SHARE)
			queue.strict_share = netlink_u8(attr, 0);
		if (mnl_attr_get_type(attr) == HUBMESH_A_QOS_CLASS)
			read_class(attr, &queue);
	}
	reader->queue(&queue, reader->arg);
}

int datapath_read_queues(struct datapath *dp,
			 void (*fn)(const struct datapath_queue *queue, void *arg), void *arg)
{
	struct reader reader = {.queue = fn, .arg = arg};

	return datapath_dump(dp, HUBMESH_CMD_QOS_GET, read_queue, &reader);
}

/* ---- rule set --------------------------------------------------------------- */

static void read_member(const struct nlattr *nest, struct datapath_rule *rule)
{
	const struct nlattr *tb[HUBMESH_A_ZONE_MAX + 1];
	struct policy_member *member = &rule->member;

	netlink_parse_nested(nest, tb, HUBMESH_A_ZONE_MAX);
	rule->kind = DATAPATH_RULE_MEMBER;
	member->zone = read_u16(tb[HUBMESH_A_ZONE_ID]);
	if (tb[HUBMESH_A_ZONE_IFINDEX]) {
		member->kind = POLICY_MEMBER_INTERFACE;
		rule->ifindex = netlink_u32(tb[HUBMESH_A_ZONE_IFINDEX], 0);
		if (!if_indextoname(rule->ifindex, member->interface))
			member->interface[0] = '\0';
	} else if (tb[HUBMESH_A_ZONE_VLAN]) {
		member->kind = POLICY_MEMBER_VLAN;
		member->vlan = read_u16(tb[HUBMESH_A_ZONE_VLAN]);
	} else if (netlink_bytes(tb[HUBMESH_A_ZONE_HUB], member->mac, sizeof(member->mac))) {
		member->kind = POLICY_MEMBER_HUB;
	} else {
		member->kind = POLICY_MEMBER_MAC;
		netlink_bytes(tb[HUBMESH_A_ZONE_MAC], member->mac, sizeof(member->mac));
	}
}

static void read_pair(const struct nlattr *nest, struct datapath_rule *rule)
{
	const struct nlattr *tb[HUBMESH_A_PAIR_MAX + 1];

	netlink_parse_nested(nest, tb, HUBMESH_A_PAIR_MAX);
	rule->kind = DATAPATH_RULE_PAIR;
	rule->pair.src = read_u16(tb[HUBMESH_A_PAIR_SRC]);
	rule->pair.dst = read_u16(tb[HUBMESH_A_PAIR_DST]);
}

/* A field of two bytes that is there. */
static void take_u16(struct policy_match *match, uint32_t field, const struct nlattr *attr,
		     uint16_t *to)
{
	if (!attr)
		return;
	match->fields |= field;
	*to = read_u16(attr);
}

/* Of an entry with ports the kernel shows both ranges; any port is what was not named. */
static void read_ports(struct policy_match *match, const struct nlattr **tb)
{
	struct policy_ports *src = &match->src_ports, *dst = &match->dst_ports;

	if (!tb[HUBMESH_A_ACL_DPORT_FIRST])
		return;
	*src = (struct policy_ports){read_u16(tb[HUBMESH_A_ACL_SPORT_FIRST]),
				     read_u16(tb[HUBMESH_A_ACL_SPORT_LAST])};
	*dst = (struct policy_ports){read_u16(tb[HUBMESH_A_ACL_DPORT_FIRST]),
				     read_u16(tb[HUBMESH_A_ACL_DPORT_LAST])};
	if (src->first || src->last != UINT16_MAX)
		match->fields |= POLICY_SRC_PORTS;
	else
		*src = (struct policy_ports){0};
	if (dst->first || dst->last != UINT16_MAX || !(match->fields & POLICY_SRC_PORTS))
		match->fields |= POLICY_DST_PORTS;
	else
		*dst = (struct policy_ports){0};
}

static void read_entry(const struct nlattr *nest, struct datapath_rule *rule)
{
	const struct nlattr *tb[HUBMESH_A_ACL_MAX + 1];
	struct policy_match *match = &rule->entry.match;

	netlink_parse_nested(nest, tb, HUBMESH_A_ACL_MAX);
	rule->kind = DATAPATH_RULE_ENTRY;
	rule->entry.denies = netlink_u32(tb[HUBMESH_A_ACL_ACTION], 0) == HUBMESH_ACL_DENY;
	rule->entry.log_every = netlink_u32(tb[HUBMESH_A_ACL_LOG], 0);
	rule->hits = netlink_u64(tb[HUBMESH_A_ACL_HITS], 0);
	take_u16(match, POLICY_SRC_ZONE, tb[HUBMESH_A_ACL_SRC_ZONE], &match->src_zone);
	take_u16(match, POLICY_DST_ZONE, tb[HUBMESH_A_ACL_DST_ZONE], &match->dst_zone);
	take_u16(match, POLICY_ETHERTYPE, tb[HUBMESH_A_ACL_ETHERTYPE], &match->ethertype);
	take_u16(match, POLICY_VLAN, tb[HUBMESH_A_ACL_VLAN], &match->vlan);
	read_ports(match, tb);
	if (tb[HUBMESH_A_ACL_PROTOCOL]) {
		match->fields |= POLICY_PROTOCOL;
		match->protocol = netlink_u8(tb[HUBMESH_A_ACL_PROTOCOL], 0);
	}
	match->src = read_prefix(tb[HUBMESH_A_ACL_SRC]);
	match->dst = read_prefix(tb[HUBMESH_A_ACL_DST]);
}

/* One piece a message. */
static void read_rule(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *tb[HUBMESH_A_MAX + 1], *filter[HUBMESH_A_FILTER_MAX + 1];
	const struct reader *reader = arg;
	struct datapath_rule rule = {0};

	datapath_content(message, tb);
	netlink_parse_nested(tb[HUBMESH_A_FILTER], filter, HUBMESH_A_FILTER_MAX);
	if (filter[HUBMESH_A_FILTER_ZONE]) {
		read_member(filter[HUBMESH_A_FILTER_ZONE], &rule);
	} else if (filter[HUBMESH_A_FILTER_PAIR]) {
		read_pair(filter[HUBMESH_A_FILTER_PAIR], &rule);
	} else if (filter[HUBMESH_A_FILTER_ACL]) {
		read_entry(filter[HUBMESH_A_FILTER_ACL], &rule);
	} else {
		rule.kind = DATAPATH_RULE_HOPS;
		rule.hops_max = netlink_u8(filter[HUBMESH_A_FILTER_HOPS_LIMIT], 0);
	}
	reader->rule(&rule, reader->arg);
}

int datapath_read_rules(struct datapath *dp,
			void (*fn)(const struct datapath_rule *rule, void *arg), void *arg)
{
	struct reader reader = {.rule = fn, .arg = arg};

	return datapath_dump(dp, HUBMESH_CMD_FILTER_GET, read_rule, &reader);
}

/* ---- guards --------------------------------------------------------------------- */

static uint8_t read_prefixes(const struct nlattr *nest,
			     struct policy_prefix ret[POLICY_GUARD_PREFIXES_MAX])
{
	const struct nlattr *attr;
	uint8_t n = 0;

	mnl_attr_for_each_nested (attr, nest)
		if (n < POLICY_GUARD_PREFIXES_MAX)
			ret[n++] = read_prefix(attr);
	return n;
}

static void read_zones(const struct nlattr *attr, struct policy_guard *ret)
{
	size_t n = mnl_attr_get_payload_len(attr) / sizeof(ret->zones[0]);

	ret->checks_zones = true;
	ret->n_zones = (uint8_t)(n < POLICY_GUARD_ZONES_MAX ? n : POLICY_GUARD_ZONES_MAX);
	memcpy(ret->zones, mnl_attr_get_payload(attr), ret->n_zones * sizeof(ret->zones[0]));
}

static void read_guard(const struct nlattr *nest, struct policy_guard *ret)
{
	const struct nlattr *tb[HUBMESH_A_GUARD_MAX + 1];

	netlink_parse_nested(nest, tb, HUBMESH_A_GUARD_MAX);
	if (tb[HUBMESH_A_GUARD_ZONES])
		read_zones(tb[HUBMESH_A_GUARD_ZONES], ret);
	ret->checks_macs = tb[HUBMESH_A_GUARD_MACS_LEARN];
	ret->macs_learn = netlink_u32(tb[HUBMESH_A_GUARD_MACS_LEARN], 0);
	ret->checks_addresses = tb[HUBMESH_A_GUARD_PREFIXES];
	if (ret->checks_addresses)
		ret->n_prefixes = read_prefixes(tb[HUBMESH_A_GUARD_PREFIXES], ret->prefixes);
	ret->has_scope = tb[HUBMESH_A_GUARD_SCOPE];
	if (ret->has_scope)
		ret->n_scope = read_prefixes(tb[HUBMESH_A_GUARD_SCOPE], ret->scope);
	ret->frames_pps = netlink_u32(tb[HUBMESH_A_GUARD_FRAMES_PPS], 0);
	ret->bytes_ps = netlink_u64(tb[HUBMESH_A_GUARD_BYTES_PS], 0);
	ret->storm = datapath_storm(tb[HUBMESH_A_GUARD_STORM]);
}

static void read_hub(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *tb[HUBMESH_A_MAX + 1], *hub[HUBMESH_A_HUB_MAX + 1];
	const struct reader *reader = arg;
	struct policy_guard guard = {0};
	struct hub_id id;

	datapath_content(message, tb);
	netlink_parse_nested(tb[HUBMESH_A_HUB], hub, HUBMESH_A_HUB_MAX);
	if (!hub[HUBMESH_A_HUB_GUARD] || !netlink_bytes(hub[HUBMESH_A_HUB_ID], &id, HUB_ID_LEN))
		return;
	read_guard(hub[HUBMESH_A_HUB_GUARD], &guard);
	reader->guard(&id, &guard, reader->arg);
}

int datapath_read_guards(struct datapath *dp,
			 void (*fn)(const struct hub_id *hub, const struct policy_guard *guard,
				    void *arg),
			 void *arg)
{
	struct reader reader = {.guard = fn, .arg = arg};

	return datapath_dump(dp, HUBMESH_CMD_HUB_GET, read_hub, &reader);
}
