// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: decode: one table for each nest, one small function for each type
 *
 * Nothing is looked at before its length is known to be right.  Nests are as deep as the
 * tables are, so recursion ends with them.
 */
#include "tools/meshnl/decode.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_ether.h>
#include <netlink/attr.h>

#include "linux/hubmesh.h"

#define TEXT_MAX 64 /* longer than any name of an interface */

/* What an attribute holds. */
enum kind {
	SKIPPED, /* padding, and what is not known */
	U8,
	U16,
	U32,
	U64,
	TEXT,
	ENUM, /* u32, a name of the table */
	FLAGS, /* u32, names of the table by bit */
	BITS, /* u8, numbers of the bits that are set */
	MAC,
	IP4,
	IP6,
	PREFIX,
	PREFIXES, /* PREFIX that is repeated */
	MACS,
	U16S,
	U32S,
	MASKS, /* u64 each: numbers of the bits that are set */
	NEST,
	NESTS, /* NEST that is repeated */
	DROPS,
};

/**
 * struct field - one attribute
 * @name: member of the JSON object
 * @kind: what it holds
 * @nest: tables of a NEST or NESTS
 * @names: of an ENUM or FLAGS, by number
 * @n_names: entries of @names
 */
struct field {
	const char *name;
	enum kind kind;
	const struct nest *nest;
	const char *const *names;
	size_t n_names;
};

struct nest {
	const struct field *fields; /* by number */
	size_t n_fields;
};

#define NEST_OF(table)                                  \
	{                                               \
		table, sizeof(table) / sizeof(table[0]) \
	}
#define NAMES(table) .names = (table), .n_names = sizeof(table) / sizeof(table[0])

static const char *const link_states[] = {"new", "up", "down"};
static const char *const filter_actions[] = {"unspec", "accept", "deny"};
static const char *const fdb_flags[] = {"static"};
static const char *const transaction_flags[] = {"begin", "commit"};
static const char *const peers_flags[] = {"unicast", "flood", "resolution"};
static const char *const groups_flags[] = {"all4", "all6"};
static const char *const events[] = {"unspec",	   "link",    "need-session", "key-needed",
				     "key-in-use", "fdb-new", "fdb-del",      "groups"};

static const struct field stats_fields[] = {
	[HUBMESH_A_STATS_RX_FRAMES] = {"rx_frames", U64},
	[HUBMESH_A_STATS_RX_BYTES] = {"rx_bytes", U64},
	[HUBMESH_A_STATS_TX_FRAMES] = {"tx_frames", U64},
	[HUBMESH_A_STATS_TX_BYTES] = {"tx_bytes", U64},
	[HUBMESH_A_STATS_RX_DROPS] = {"rx_drops", U64},
	[HUBMESH_A_STATS_TX_DROPS] = {"tx_drops", U64},
	[HUBMESH_A_STATS_FORWARDED] = {"forwarded", U64},
};
static const struct nest stats = NEST_OF(stats_fields);

static const struct field storm_fields[] = {
	[HUBMESH_A_STORM_BROADCAST_PPS] = {"broadcast_pps", U32},
	[HUBMESH_A_STORM_MULTICAST_PPS] = {"multicast_pps", U32},
	[HUBMESH_A_STORM_UNKNOWN_PPS] = {"unknown_pps", U32},
};
static const struct nest storm = NEST_OF(storm_fields);

static const struct field peers_fields[] = {
	[HUBMESH_A_PEERS_FLAGS] = {"flags", FLAGS, NAMES(peers_flags)},
	[HUBMESH_A_PEERS_LIST] = {"list", MACS},
};
static const struct nest peers = NEST_OF(peers_fields);

static const struct field device_fields[] = {
	[HUBMESH_A_DEVICE_ID] = {"id", MAC},
	[HUBMESH_A_DEVICE_PORT] = {"port", U16},
	[HUBMESH_A_DEVICE_CONTROL_PORT] = {"control_port", U16},
	[HUBMESH_A_DEVICE_TTL] = {"ttl", U8},
	[HUBMESH_A_DEVICE_FDB_AGE_MS] = {"fdb_age_ms", U32},
	[HUBMESH_A_DEVICE_REKEY_FRAMES] = {"rekey_frames", U64},
	[HUBMESH_A_DEVICE_HOP_RATE_PPS] = {"hop_rate_pps", U32},
	[HUBMESH_A_DEVICE_STATS] = {"stats", NEST, &stats},
	[HUBMESH_A_DEVICE_DROPS] = {"drops", DROPS},
	[HUBMESH_A_DEVICE_LINKS] = {"links", U32},
	[HUBMESH_A_DEVICE_HUBS] = {"hubs", U32},
	[HUBMESH_A_DEVICE_GENERATION] = {"generation", U64},
	[HUBMESH_A_DEVICE_STORM] = {"storm", NEST, &storm},
	[HUBMESH_A_DEVICE_FILTER_GENERATION] = {"filter_generation", U64},
	[HUBMESH_A_DEVICE_PEERS] = {"peers", NEST, &peers},
};
static const struct nest device = NEST_OF(device_fields);

static const struct field link_fields[] = {
	[HUBMESH_A_LINK_INDEX] = {"index", U32},
	[HUBMESH_A_LINK_PEER] = {"peer", MAC},
	[HUBMESH_A_LINK_REMOTE_INDEX] = {"remote_index", U32},
	[HUBMESH_A_LINK_LOCAL4] = {"local4", IP4},
	[HUBMESH_A_LINK_REMOTE4] = {"remote4", IP4},
	[HUBMESH_A_LINK_LOCAL6] = {"local6", IP6},
	[HUBMESH_A_LINK_REMOTE6] = {"remote6", IP6},
	[HUBMESH_A_LINK_REMOTE_PORT] = {"remote_port", U16},
	[HUBMESH_A_LINK_OIF] = {"oif", U32},
	[HUBMESH_A_LINK_PROBE_MS] = {"probe_ms", U32},
	[HUBMESH_A_LINK_PROBE_MISSES] = {"probe_misses", U32},
	[HUBMESH_A_LINK_STATE] = {"state", ENUM, NAMES(link_states)},
	[HUBMESH_A_LINK_RTT_US] = {"rtt_us", U32},
	[HUBMESH_A_LINK_JITTER_US] = {"jitter_us", U32},
	[HUBMESH_A_LINK_MTU] = {"mtu", U32},
	[HUBMESH_A_LINK_STATS] = {"stats", NEST, &stats},
	[HUBMESH_A_LINK_TX_PHASE] = {"tx_phase", U8},
	[HUBMESH_A_LINK_RX_PHASES] = {"rx_phases", BITS},
	[HUBMESH_A_LINK_LOST] = {"lost", U64},
	[HUBMESH_A_LINK_FRAME_MAX] = {"frame_max", U32},
	[HUBMESH_A_LINK_REMOTE_LLADDR] = {"remote_lladdr", MAC},
	[HUBMESH_A_LINK_RATE] = {"rate", U64},
};
static const struct nest link_nest = NEST_OF(link_fields);

static const struct field prefixes_fields[] = {
	[HUBMESH_A_PREFIXES_PREFIX] = {"prefix", PREFIXES},
};
static const struct nest prefixes = NEST_OF(prefixes_fields);

static const struct field guard_fields[] = {
	[HUBMESH_A_GUARD_ZONES] = {"zones", U16S},
	[HUBMESH_A_GUARD_MACS] = {"macs", MACS},
	[HUBMESH_A_GUARD_MACS_LEARN] = {"macs_learn", U32},
	[HUBMESH_A_GUARD_PREFIXES] = {"prefixes", NEST, &prefixes},
	[HUBMESH_A_GUARD_FRAMES_PPS] = {"frames_pps", U32},
	[HUBMESH_A_GUARD_BYTES_PS] = {"bytes_ps", U64},
	[HUBMESH_A_GUARD_STORM] = {"storm", NEST, &storm},
	[HUBMESH_A_GUARD_SCOPE] = {"scope", NEST, &prefixes},
};
static const struct nest guard = NEST_OF(guard_fields);

static const struct field hub_fields[] = {
	[HUBMESH_A_HUB_ID] = {"id", MAC},
	[HUBMESH_A_HUB_TX_PHASE] = {"tx_phase", U8},
	[HUBMESH_A_HUB_RX_PHASES] = {"rx_phases", BITS},
	[HUBMESH_A_HUB_HELD] = {"held", U32},
	[HUBMESH_A_HUB_STATS] = {"stats", NEST, &stats},
	[HUBMESH_A_HUB_GUARD] = {"guard", NEST, &guard},
	[HUBMESH_A_HUB_SENDER_PHASES] = {"sender_phases", BITS},
	[HUBMESH_A_HUB_SENDER_PROVED] = {"sender_proved", BITS},
};
static const struct nest hub = NEST_OF(hub_fields);

/* Key material never comes out: were it here, it would not be shown. */
static const struct field key_fields[] = {
	[HUBMESH_A_KEY_PHASE] = {"phase", U8},
};
static const struct nest key = NEST_OF(key_fields);

static const struct field nexthop_fields[] = {
	[HUBMESH_A_NEXTHOP_LINK] = {"link", U32},
	[HUBMESH_A_NEXTHOP_WEIGHT] = {"weight", U8},
	[HUBMESH_A_NEXTHOP_TUNNEL] = {"tunnel", MAC},
};
static const struct nest nexthop = NEST_OF(nexthop_fields);

static const struct field route_fields[] = {
	[HUBMESH_A_ROUTE_HUB] = {"hub", MAC},
	[HUBMESH_A_ROUTE_NEXTHOP] = {"nexthop", NESTS, &nexthop},
	[HUBMESH_A_ROUTE_BACKUP] = {"backup", NEST, &nexthop},
	[HUBMESH_A_ROUTE_FRAME_MAX] = {"frame_max", U32},
};
static const struct nest route = NEST_OF(route_fields);

static const struct field tree_fields[] = {
	[HUBMESH_A_TREE_ROOT] = {"root", MAC},
	[HUBMESH_A_TREE_PARENT] = {"parent", MAC},
	[HUBMESH_A_TREE_CHILDREN] = {"children", U32S},
	[HUBMESH_A_TREE_GROUPS] = {"groups", MACS},
	[HUBMESH_A_TREE_MASKS] = {"masks", MASKS},
	[HUBMESH_A_TREE_FRAME_MAX] = {"frame_max", U32},
};
static const struct nest tree = NEST_OF(tree_fields);

static const struct field routes_fields[] = {
	[HUBMESH_A_ROUTES_GENERATION] = {"generation", U64},
	[HUBMESH_A_ROUTES_FLAGS] = {"flags", FLAGS, NAMES(transaction_flags)},
	[HUBMESH_A_ROUTES_ROUTE] = {"route", NESTS, &route},
	[HUBMESH_A_ROUTES_TREE] = {"tree", NESTS, &tree},
};
static const struct nest routes = NEST_OF(routes_fields);

static const struct field fdb_fields[] = {
	[HUBMESH_A_FDB_MAC] = {"mac", MAC},
	[HUBMESH_A_FDB_HUB] = {"hub", MAC},
	[HUBMESH_A_FDB_FLAGS] = {"flags", FLAGS, NAMES(fdb_flags)},
	[HUBMESH_A_FDB_IDLE_MS] = {"idle_ms", U64},
};
static const struct nest fdb = NEST_OF(fdb_fields);

static const struct field class_fields[] = {
	[HUBMESH_A_CLASS_NUMBER] = {"number", U8},
	[HUBMESH_A_CLASS_WEIGHT] = {"weight", U8},
	[HUBMESH_A_CLASS_LIMIT_FRAMES] = {"limit_frames", U32},
	[HUBMESH_A_CLASS_LIMIT_BYTES] = {"limit_bytes", U32},
	[HUBMESH_A_CLASS_TARGET_US] = {"target_us", U32},
	[HUBMESH_A_CLASS_INTERVAL_US] = {"interval_us", U32},
	[HUBMESH_A_CLASS_SENT_FRAMES] = {"sent_frames", U64},
	[HUBMESH_A_CLASS_SENT_BYTES] = {"sent_bytes", U64},
	[HUBMESH_A_CLASS_DROPS_FULL] = {"drops_full", U64},
	[HUBMESH_A_CLASS_DROPS_CODEL] = {"drops_codel", U64},
	[HUBMESH_A_CLASS_DROPS_FLUSHED] = {"drops_flushed", U64},
	[HUBMESH_A_CLASS_BACKLOG_FRAMES] = {"backlog_frames", U32},
	[HUBMESH_A_CLASS_BACKLOG_BYTES] = {"backlog_bytes", U32},
	[HUBMESH_A_CLASS_SOJOURN_US] = {"sojourn_us", U32},
	[HUBMESH_A_CLASS_SOJOURN_PEAK_US] = {"sojourn_peak_us", U32},
};
static const struct nest class = NEST_OF(class_fields);

static const struct field qos_fields[] = {
	[HUBMESH_A_QOS_STRICT_SHARE] = {"strict_share", U8},
	[HUBMESH_A_QOS_CLASS] = {"class", NESTS, &class},
};
static const struct nest qos = NEST_OF(qos_fields);

static const struct field rule_fields[] = {
	[HUBMESH_A_RULE_CLASS] = {"class", U8},
	[HUBMESH_A_RULE_ETHERTYPE] = {"ethertype", U16},
	[HUBMESH_A_RULE_VLAN_ID] = {"vlan_id", U16},
	[HUBMESH_A_RULE_VLAN_PCP] = {"vlan_pcp", U8},
	[HUBMESH_A_RULE_DSCP] = {"dscp", U8},
	[HUBMESH_A_RULE_PROTOCOL] = {"protocol", U8},
	[HUBMESH_A_RULE_SRC4] = {"src4", IP4},
	[HUBMESH_A_RULE_SRC6] = {"src6", IP6},
	[HUBMESH_A_RULE_SRC_PREFIX] = {"src_prefix", U8},
	[HUBMESH_A_RULE_DST4] = {"dst4", IP4},
	[HUBMESH_A_RULE_DST6] = {"dst6", IP6},
	[HUBMESH_A_RULE_DST_PREFIX] = {"dst_prefix", U8},
	[HUBMESH_A_RULE_SPORT] = {"sport", U16},
	[HUBMESH_A_RULE_SPORT_LAST] = {"sport_last", U16},
	[HUBMESH_A_RULE_DPORT] = {"dport", U16},
	[HUBMESH_A_RULE_DPORT_LAST] = {"dport_last", U16},
	[HUBMESH_A_RULE_MARK] = {"mark", U32},
	[HUBMESH_A_RULE_MARK_MASK] = {"mark_mask", U32},
	[HUBMESH_A_RULE_PRIORITY] = {"priority", U32},
};
static const struct nest rule = NEST_OF(rule_fields);

static const struct field rules_fields[] = {
	[HUBMESH_A_RULES_RULE] = {"rule", NESTS, &rule},
};
static const struct nest rules = NEST_OF(rules_fields);

static const struct field zone_fields[] = {
	[HUBMESH_A_ZONE_ID] = {"id", U16},     [HUBMESH_A_ZONE_MAC] = {"mac", MAC},
	[HUBMESH_A_ZONE_VLAN] = {"vlan", U16}, [HUBMESH_A_ZONE_IFINDEX] = {"ifindex", U32},
	[HUBMESH_A_ZONE_HUB] = {"hub", MAC},
};
static const struct nest zone = NEST_OF(zone_fields);

static const struct field pair_fields[] = {
	[HUBMESH_A_PAIR_SRC] = {"src", U16},
	[HUBMESH_A_PAIR_DST] = {"dst", U16},
};
static const struct nest pair = NEST_OF(pair_fields);

static const struct field acl_fields[] = {
	[HUBMESH_A_ACL_ACTION] = {"action", ENUM, NAMES(filter_actions)},
	[HUBMESH_A_ACL_SRC_ZONE] = {"src_zone", U16},
	[HUBMESH_A_ACL_DST_ZONE] = {"dst_zone", U16},
	[HUBMESH_A_ACL_ETHERTYPE] = {"ethertype", U16},
	[HUBMESH_A_ACL_VLAN] = {"vlan", U16},
	[HUBMESH_A_ACL_PROTOCOL] = {"protocol", U8},
	[HUBMESH_A_ACL_SRC] = {"src", PREFIX},
	[HUBMESH_A_ACL_DST] = {"dst", PREFIX},
	[HUBMESH_A_ACL_SPORT_FIRST] = {"sport_first", U16},
	[HUBMESH_A_ACL_SPORT_LAST] = {"sport_last", U16},
	[HUBMESH_A_ACL_DPORT_FIRST] = {"dport_first", U16},
	[HUBMESH_A_ACL_DPORT_LAST] = {"dport_last", U16},
	[HUBMESH_A_ACL_LOG] = {"log", U32},
	[HUBMESH_A_ACL_HITS] = {"hits", U64},
};
static const struct nest acl = NEST_OF(acl_fields);

static const struct field filter_fields[] = {
	[HUBMESH_A_FILTER_GENERATION] = {"generation", U64},
	[HUBMESH_A_FILTER_FLAGS] = {"flags", FLAGS, NAMES(transaction_flags)},
	[HUBMESH_A_FILTER_HOPS_LIMIT] = {"hops_limit", U8},
	[HUBMESH_A_FILTER_ZONE] = {"zone", NESTS, &zone},
	[HUBMESH_A_FILTER_PAIR] = {"pair", NESTS, &pair},
	[HUBMESH_A_FILTER_ACL] = {"acl", NESTS, &acl},
};
static const struct nest filter = NEST_OF(filter_fields);

static const struct field groups_fields[] = {
	[HUBMESH_A_GROUPS_FLAGS] = {"flags", FLAGS, NAMES(groups_flags)},
	[HUBMESH_A_GROUPS_LIST] = {"list", MACS},
	[HUBMESH_A_GROUPS_MALFORMED] = {"malformed", U64},
};
static const struct nest groups = NEST_OF(groups_fields);

static const struct field message_fields[] = {
	[HUBMESH_A_IFINDEX] = {"ifindex", U32},
	[HUBMESH_A_IFNAME] = {"ifname", TEXT},
	[HUBMESH_A_DEVICE] = {"device", NEST, &device},
	[HUBMESH_A_LINK] = {"link", NEST, &link_nest},
	[HUBMESH_A_HUB] = {"hub", NEST, &hub},
	[HUBMESH_A_KEY] = {"key", NEST, &key},
	[HUBMESH_A_ROUTES] = {"routes", NEST, &routes},
	[HUBMESH_A_FDB] = {"fdb", NEST, &fdb},
	[HUBMESH_A_EVENT] = {"event", ENUM, NAMES(events)},
	[HUBMESH_A_QOS] = {"qos", NEST, &qos},
	[HUBMESH_A_RULES] = {"rules", NEST, &rules},
	[HUBMESH_A_FILTER] = {"filter", NEST, &filter},
	[HUBMESH_A_GROUPS] = {"groups", NEST, &groups},
};
static const struct nest message = NEST_OF(message_fields);

/* Every number of the header has its line above; the last of each would be missed first. */
#define IS_WHOLE(table, last) \
	_Static_assert(sizeof(table) / sizeof(table[0]) == (last) + 1, #table " ends early")
IS_WHOLE(device_fields, HUBMESH_A_DEVICE_MAX);
IS_WHOLE(link_fields, HUBMESH_A_LINK_MAX);
IS_WHOLE(hub_fields, HUBMESH_A_HUB_MAX);
IS_WHOLE(route_fields, HUBMESH_A_ROUTE_MAX);
IS_WHOLE(tree_fields, HUBMESH_A_TREE_MAX);
IS_WHOLE(routes_fields, HUBMESH_A_ROUTES_MAX);
IS_WHOLE(nexthop_fields, HUBMESH_A_NEXTHOP_MAX);
IS_WHOLE(qos_fields, HUBMESH_A_QOS_MAX);
IS_WHOLE(rule_fields, HUBMESH_A_RULE_MAX);
IS_WHOLE(zone_fields, HUBMESH_A_ZONE_MAX);
IS_WHOLE(pair_fields, HUBMESH_A_PAIR_MAX);
IS_WHOLE(guard_fields, HUBMESH_A_GUARD_MAX);
IS_WHOLE(storm_fields, HUBMESH_A_STORM_MAX);
IS_WHOLE(peers_fields, HUBMESH_A_PEERS_MAX);
IS_WHOLE(message_fields, HUBMESH_A_MAX);
IS_WHOLE(events, HUBMESH_EVENT_GROUPS);

#define DROP_NAME(name, text, doc) text,
#define DROP_DOC(name, text, doc) doc,

static const char *const drop_names[] = {
	/* clang-format off */
	"unspec", HUBMESH_DROP_REASONS(DROP_NAME)
	/* clang-format on */
};
static const char *const drop_docs[] = {
	/* clang-format off */
	"no reason", HUBMESH_DROP_REASONS(DROP_DOC)
	/* clang-format on */
};

static int bad(char *fault, const char *name, const char *what)
{
	snprintf(fault, DECODE_FAULT_MAX, "attribute %s %s", name, what);
	return -EBADMSG;
}

/* Consumes @value. A JSON integer has 63 bits; what needs more is text, not another number. */
static json_t *number(uint64_t value)
{
	char text[24];

	if (value <= INT64_MAX)
		return json_integer((json_int_t)value);
	snprintf(text, sizeof(text), "%" PRIu64, value);
	return json_string(text);
}

static uint64_t read_u64(const void *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value)); /* may be aligned to 4 only */
	return value;
}

static json_t *mac(const void *bytes)
{
	const uint8_t *b = bytes;
	char text[18];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
		 b[5]);
	return json_string(text);
}

static json_t *address(int family, const void *bytes)
{
	char text[INET6_ADDRSTRLEN];

	return json_string(inet_ntop(family, bytes, text, sizeof(text)));
}

/* Address, then its length in bits; NULL when it is longer than the address. */
static json_t *prefix(const uint8_t *bytes, size_t len)
{
	char text[INET6_ADDRSTRLEN], whole[INET6_ADDRSTRLEN + 8];
	unsigned int bits = bytes[len - 1];

	if (bits > (len - 1) * 8)
		return NULL;
	inet_ntop(len == 5 ? AF_INET : AF_INET6, bytes, text, sizeof(text));
	snprintf(whole, sizeof(whole), "%s/%u", text, bits);
	return json_string(whole);
}

static json_t *bits(uint64_t mask)
{
	json_t *list = json_array();

	for (int bit = 0; bit < 64; bit++)
		if (mask >> bit & 1)
			json_array_append_new(list, json_integer(bit));
	return list;
}

static json_t *enum_name(const struct field *field, uint32_t value)
{
	return value < field->n_names ? json_string(field->names[value]) : json_integer(value);
}

/* A flag without a name is shown as the number of its bit. */
static json_t *flag_names(const struct field *field, uint32_t mask)
{
	json_t *list = json_array();

	for (uint32_t bit = 0; bit < 32; bit++)
		if (mask >> bit & 1)
			json_array_append_new(list, enum_name(field, bit));
	return list;
}

static size_t element_size(enum kind kind)
{
	switch (kind) {
	case MACS:
		return ETH_ALEN;
	case U16S:
		return 2;
	case U32S:
		return 4;
	default:
		return 8; /* MASKS */
	}
}

static json_t *element(enum kind kind, const uint8_t *bytes)
{
	uint16_t u16;
	uint32_t u32;

	switch (kind) {
	case MACS:
		return mac(bytes);
	case U16S:
		memcpy(&u16, bytes, 2);
		return json_integer(u16);
	case U32S:
		memcpy(&u32, bytes, 4);
		return json_integer(u32);
	default:
		return bits(read_u64(bytes));
	}
}

static json_t *list_of(enum kind kind, const uint8_t *bytes, size_t len)
{
	size_t size = element_size(kind);
	json_t *list = json_array();

	for (size_t at = 0; at + size <= len; at += size)
		json_array_append_new(list, element(kind, bytes + at));
	return list;
}

/* Is @len a length that @kind can have? */
static bool length_fits(enum kind kind, size_t len)
{
	switch (kind) {
	case U8:
	case BITS:
		return len == 1;
	case U16:
		return len == 2;
	case U32:
	case ENUM:
	case FLAGS:
	case IP4:
		return len == 4;
	case U64:
		return len == 8;
	case IP6:
		return len == 16;
	case MAC:
		return len == ETH_ALEN;
	case PREFIX:
	case PREFIXES:
		return len == 5 || len == 17;
	case MACS:
	case U16S:
	case U32S:
	case MASKS:
		return len % element_size(kind) == 0;
	case TEXT:
		return len > 0 && len <= TEXT_MAX;
	default:
		return true;
	}
}

/* A value that is no nest; NULL when it is out of range. */
static json_t *scalar(const struct field *field, const struct nlattr *attr)
{
	const uint8_t *bytes = nla_data(attr);
	size_t len = (size_t)nla_len(attr);

	switch (field->kind) {
	case U8:
		return json_integer(bytes[0]);
	case U16:
		return json_integer(nla_get_u16(attr));
	case U32:
		return json_integer(nla_get_u32(attr));
	case U64:
		return number(read_u64(bytes));
	case ENUM:
		return enum_name(field, nla_get_u32(attr));
	case FLAGS:
		return flag_names(field, nla_get_u32(attr));
	case BITS:
		return bits(bytes[0]);
	case MAC:
		return mac(bytes);
	case IP4:
		return address(AF_INET, bytes);
	case IP6:
		return address(AF_INET6, bytes);
	case PREFIX:
	case PREFIXES:
		return prefix(bytes, len);
	case TEXT:
		/* json_string() refuses what is not UTF-8. */
		return bytes[len - 1] == '\0' ? json_string((const char *)bytes) : NULL;
	default:
		return list_of(field->kind, bytes, len);
	}
}

static int decode_drops(const struct nlattr *attr, json_t **ret, char *fault)
{
	json_t *list = json_array();
	const struct nlattr *drop;
	int left;

	nla_for_each_nested (drop, attr, left) {
		unsigned int reason = (unsigned int)nla_type(drop);
		char unknown[32];
		bool is_known = reason < __HUBMESH_DROP_MAX;

		if (reason == HUBMESH_DROP_UNSPEC)
			continue; /* alignment */
		if (nla_len(drop) != sizeof(uint64_t)) {
			json_decref(list);
			return bad(fault, "drops", "has a counter of a wrong length");
		}
		snprintf(unknown, sizeof(unknown), "reason-%u", reason);
		json_array_append_new(
			list, json_pack("{s:s, s:o, s:s}", "reason",
					is_known ? drop_names[reason] : unknown, "frames",
					number(read_u64(nla_data(drop))), "explanation",
					is_known ? drop_docs[reason] : "newer than this meshnl"));
	}
	if (left > 0) {
		json_decref(list);
		return bad(fault, "drops", "is cut short");
	}
	*ret = list;
	return 0;
}

static int decode_nest(const struct nest *nest, const char *name, const void *attrs, size_t len,
		       json_t **ret, char *fault);

static int decode_value(const struct field *field, const struct nlattr *attr, json_t **ret,
			char *fault)
{
	if (!length_fits(field->kind, (size_t)nla_len(attr)))
		return bad(fault, field->name, "has a wrong length");
	if (field->kind == DROPS)
		return decode_drops(attr, ret, fault);
	if (field->kind == NEST || field->kind == NESTS)
		return decode_nest(field->nest, field->name, nla_data(attr), (size_t)nla_len(attr),
				   ret, fault);
	*ret = scalar(field, attr);
	return *ret ? 0 : bad(fault, field->name, "is out of range");
}

static bool is_repeated(const struct field *field)
{
	return field->kind == NESTS || field->kind == PREFIXES;
}

static int store(json_t *object, const struct field *field, json_t *value, char *fault)
{
	json_t *there = json_object_get(object, field->name);

	if (!is_repeated(field)) {
		if (!there)
			return json_object_set_new(object, field->name, value) ? -ENOMEM : 0;
		json_decref(value);
		return bad(fault, field->name, "is there twice");
	}
	if (!there && json_object_set_new(object, field->name, there = json_array())) {
		json_decref(value);
		return -ENOMEM;
	}
	return json_array_append_new(there, value) ? -ENOMEM : 0;
}

static int decode_nest(const struct nest *nest, const char *name, const void *attrs, size_t len,
		       json_t **ret, char *fault)
{
	json_t *object = json_object(), *value;
	const struct nlattr *attr;
	int left, err = 0;

	nla_for_each_attr(attr, attrs, (int)len, left)
	{
		size_t type = (size_t)nla_type(attr);

		if (type >= nest->n_fields || nest->fields[type].kind == SKIPPED)
			continue;
		err = decode_value(&nest->fields[type], attr, &value, fault);
		if (!err)
			err = store(object, &nest->fields[type], value, fault);
		if (err)
			break;
	}
	if (!err && left > 0)
		err = bad(fault, name, "is cut short");
	if (err) {
		json_decref(object);
		return err;
	}
	*ret = object;
	return 0;
}

int decode_message(const void *attrs, size_t len, json_t **ret, char fault[DECODE_FAULT_MAX])
{
	return decode_nest(&message, "list", attrs, len, ret, fault);
}
