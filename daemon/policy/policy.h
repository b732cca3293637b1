/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: policy: who may send what to whom, and what goes first
 *
 * A room.  struct policy is what the administrator wrote; policy_compile() makes
 * of it the tables the kernel gets as a whole, policy_guard_of() what the kernel
 * checks of one hub's frames, out of that hub's certificate and addresses.
 * Documentation/filter.rst and qos.rst say what the tables mean.
 *
 * Zones have names.  The kernel and the wire know numbers: policy_zone_number(),
 * the same on every hub without anybody handing them out.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/hub_id.h"
#include "daemon/lib/zone_name.h"

#define POLICY_ZONES_MAX 64
#define POLICY_MEMBERS_MAX 512 /* of all zones together */
#define POLICY_PAIRS_MAX 256
#define POLICY_ENTRIES_MAX 256 /* of the ACL */
#define POLICY_PROTOCOLS_MAX 32
#define POLICY_RATES_MAX 64
#define POLICY_RULES_MAX 64 /* HUBMESH_RULES_MAX */
#define POLICY_QUEUES_MAX 32
#define POLICY_CLASSES 8
#define POLICY_IFNAME_SIZE 16 /* IFNAMSIZ */
#define POLICY_GUARD_ZONES_MAX (ZONE_LIST_NAMES_MAX + 1) /* a certificate's, and none */
#define POLICY_GUARD_PREFIXES_MAX 2 /* ULA and IPv4 */
#define POLICY_ZONE_NONE 0
#define POLICY_STRICT_SHARE_DEFAULT 10 /* percent, the module's */

/**
 * struct policy_prefix - addresses that begin alike
 * @family: 4 or 6; 0 for no prefix
 * @len: bits that count; the others of @address are zero
 * @address: network order, the first 4 or all 16 bytes
 */
struct policy_prefix {
	uint8_t family, len, address[16];
};

/** struct policy_ports - a range of ports, host order */
struct policy_ports {
	uint16_t first, last;
};

/* What a match names, bits of struct policy_match fields; prefixes have a family. */
enum {
	POLICY_SRC_ZONE = 1 << 0,
	POLICY_DST_ZONE = 1 << 1,
	POLICY_ETHERTYPE = 1 << 2,
	POLICY_VLAN = 1 << 3,
	POLICY_VLAN_PCP = 1 << 4,
	POLICY_DSCP = 1 << 5,
	POLICY_PROTOCOL = 1 << 6,
	POLICY_SRC_PORTS = 1 << 7,
	POLICY_DST_PORTS = 1 << 8,
	POLICY_MARK = 1 << 9,
	POLICY_PRIORITY = 1 << 10,
};

/**
 * struct policy_match - frames an entry of the ACL or a rule of a class is about
 * @fields: POLICY_* bits of the members that must match
 * @src_zone: number of the sender's zone; ACL only, as @dst_zone
 * @dst_zone: of the receiver's
 * @ethertype: behind VLAN tags
 * @vlan: outermost VLAN id; 0 in the ACL: no tag
 * @vlan_pcp: its priority; rules only, as all but prefixes and ports below
 * @dscp: DSCP
 * @protocol: IP protocol; both
 * @src_ports: source ports; both
 * @dst_ports: destination ports; both
 * @src: source prefix; both
 * @dst: destination prefix; both
 * @mark: mark of the packet
 * @mark_mask: its bits that count
 * @priority: priority the stack gave the packet
 */
struct policy_match {
	uint32_t fields;
	uint16_t src_zone, dst_zone, ethertype, vlan;
	uint8_t vlan_pcp, dscp, protocol;
	struct policy_ports src_ports, dst_ports;
	struct policy_prefix src, dst;
	uint32_t mark, mark_mask, priority;
};

/**
 * struct policy_entry - one entry of the ACL
 * @match: frames it is about
 * @denies: they are dropped; else they pass
 * @log_every: one of so many hits is logged, 0 none
 */
struct policy_entry {
	struct policy_match match;
	bool denies;
	uint32_t log_every;
};

/**
 * struct policy_rule - one rule of classification
 * @match: frames it is about
 * @class: the class they get
 */
struct policy_rule {
	struct policy_match match;
	uint8_t class;
};

enum policy_member_kind {
	POLICY_MEMBER_MAC,
	POLICY_MEMBER_VLAN,
	POLICY_MEMBER_INTERFACE,
	POLICY_MEMBER_HUB,
	POLICY_MEMBER_SELF, /* HUB once it is compiled */
};

/**
 * struct policy_member - who is in a zone
 * @kind: says which of the others is set
 * @zone: number of the zone
 * @vlan: VLAN id
 * @mac: MAC address or hub id
 * @interface: name
 */
struct policy_member {
	enum policy_member_kind kind;
	uint16_t zone, vlan;
	uint8_t mac[HUB_ID_LEN];
	char interface[POLICY_IFNAME_SIZE];
};

/**
 * struct policy_zone - a zone
 * @name: its name
 * @number: policy_zone_number()
 * @is_isolated: its members may not send to each other
 */
struct policy_zone {
	char name[ZONE_NAME_MAX + 1];
	uint16_t number;
	bool is_isolated;
};

/** struct policy_pair - numbers of a zone that may send to another */
struct policy_pair {
	uint16_t src, dst;
};

/** struct policy_storm - frames per second that go to many, 0 any */
struct policy_storm {
	uint32_t broadcast_pps, multicast_pps, unknown_pps;
};

/**
 * struct policy_rate - how much a hub may send to us
 * @is_any: for every hub that has no entry of its own; else @hub
 * @hub: its id
 * @frames_pps: inner frames per second, 0 any
 * @bytes_ps: their bytes per second, 0 any
 * @storm: what it floods to us
 */
struct policy_rate {
	bool is_any;
	struct hub_id hub;
	uint32_t frames_pps;
	uint64_t bytes_ps;
	struct policy_storm storm;
};

/** struct policy_class - how a class waits; 0 = the module's default */
struct policy_class {
	uint32_t weight, limit_frames, limit_bytes, target_us, interval_us;
};

/**
 * struct policy_queue - rate of links
 * @interface: pattern of underlay interfaces; the first that matches counts
 * @bytes_ps: bytes of outer IP packets per second
 */
struct policy_queue {
	char interface[POLICY_IFNAME_SIZE];
	uint64_t bytes_ps;
};

/**
 * struct policy_queues - how links queue
 * @strict_share: percent class 7 has before all others
 * @class: each class
 * @n: entries of @queue
 * @queue: links with a rate
 */
struct policy_queues {
	uint8_t strict_share;
	struct policy_class class[POLICY_CLASSES];
	size_t n;
	struct policy_queue queue[POLICY_QUEUES_MAX];
};

/** enum policy_addresses - which inner source addresses a hub may use */
enum policy_addresses {
	POLICY_ADDRESSES_MESH, /* of the mesh's own prefixes its own; others are free */
	POLICY_ADDRESSES_OWN, /* its own and no other, MAC and IP: nothing is bridged */
	POLICY_ADDRESSES_ANY,
};

/**
 * struct policy - what the administrator wrote; one block, compared as memory
 * @addresses: which source addresses a hub may use
 * @macs_max: MACs that may be learned behind a hub, 0 any
 * @hops_max: frames over more hops are refused, 0 any
 * @storm: what goes to many from here
 * @n_zones: entries of @zones, and so on
 * @n_members: likewise
 * @n_pairs: likewise
 * @n_entries: likewise
 * @n_protocols: likewise
 * @n_rates: likewise
 * @n_rules: likewise
 * @zones: zones
 * @members: who is in them
 * @pairs: zones that may send to others
 * @entries: the ACL
 * @protocols: what passes if no entry of the ACL decides; none: anything
 * @rates: how much hubs may send
 * @rules: classification
 * @queues: how links queue
 */
struct policy {
	enum policy_addresses addresses;
	uint32_t macs_max;
	uint8_t hops_max;
	struct policy_storm storm;
	size_t n_zones, n_members, n_pairs, n_entries, n_protocols, n_rates, n_rules;
	struct policy_zone zones[POLICY_ZONES_MAX];
	struct policy_member members[POLICY_MEMBERS_MAX];
	struct policy_pair pairs[POLICY_PAIRS_MAX];
	struct policy_entry entries[POLICY_ENTRIES_MAX];
	struct policy_match protocols[POLICY_PROTOCOLS_MAX];
	struct policy_rate rates[POLICY_RATES_MAX];
	struct policy_rule rules[POLICY_RULES_MAX];
	struct policy_queues queues;
};

/* With what policy_compile() adds. */
#define POLICY_TABLE_PAIRS_MAX (POLICY_PAIRS_MAX + POLICY_ZONES_MAX)
#define POLICY_TABLE_ENTRIES_MAX (POLICY_ENTRIES_MAX + POLICY_PROTOCOLS_MAX + 1)

/**
 * struct policy_tables - what the kernel gets; one block
 * @hops_max: as in struct policy, like the others of these names
 * @storm: likewise
 * @n_members: entries of @members, and so on
 * @n_pairs: likewise
 * @n_entries: likewise
 * @n_rules: likewise
 * @members: who is in which zone
 * @pairs: with those of each zone with itself
 * @entries: the ACL, with what the allowed protocols mean at its end
 * @rules: classification
 * @queues: how links queue
 */
struct policy_tables {
	uint8_t hops_max;
	struct policy_storm storm;
	size_t n_members, n_pairs, n_entries, n_rules;
	struct policy_member members[POLICY_MEMBERS_MAX];
	struct policy_pair pairs[POLICY_TABLE_PAIRS_MAX];
	struct policy_entry entries[POLICY_TABLE_ENTRIES_MAX];
	struct policy_rule rules[POLICY_RULES_MAX];
	struct policy_queues queues;
};

/**
 * struct policy_peer - what is known of a hub, for its guard
 * @hub: its id
 * @zones: those of its certificate, a zone list; NULL or "" none
 * @ula: its mesh address; the mesh's prefix is that /64
 * @ipv4: its mesh IPv4 address, host order, 0 none or not known yet
 * @pool: the mesh's IPv4 network, host order, 0 none
 * @pool_prefix_len: of @pool
 */
struct policy_peer {
	struct hub_id hub;
	const char *zones;
	struct in6_addr ula;
	uint32_t ipv4, pool;
	uint8_t pool_prefix_len;
};

/**
 * struct policy_guard - what the kernel checks of a hub's frames; compared as memory
 * @checks_zones: only zones in @zones
 * @checks_addresses: only source addresses in @prefixes
 * @has_scope: that goes for addresses in @scope only
 * @checks_macs: only its own MAC and @macs_learn more
 * @n_zones: entries of @zones
 * @n_prefixes: entries of @prefixes
 * @n_scope: entries of @scope
 * @zones: numbers
 * @prefixes: its own addresses
 * @scope: prefixes of the mesh
 * @macs_learn: MACs that may be learned behind it
 * @frames_pps: inner frames per second, 0 any
 * @bytes_ps: their bytes per second, 0 any
 * @storm: what it floods to us
 */
struct policy_guard {
	bool checks_zones, checks_addresses, has_scope, checks_macs;
	uint8_t n_zones, n_prefixes, n_scope;
	uint16_t zones[POLICY_GUARD_ZONES_MAX];
	struct policy_prefix prefixes[POLICY_GUARD_PREFIXES_MAX];
	struct policy_prefix scope[POLICY_GUARD_PREFIXES_MAX];
	uint32_t macs_learn, frames_pps;
	uint64_t bytes_ps;
	struct policy_storm storm;
};

/** policy_new() - The policy of an administrator who wrote none. */
struct policy *policy_new(void);

/**
 * policy_zone_number() - Number of a zone in the kernel and on the wire.
 * @name: valid name, terminated
 *
 * Return: the first pair of bytes of its SHA-256 that is not zero, big endian.
 */
uint16_t policy_zone_number(const char *name);
/** policy_zone_name() - Name of a zone by number; "none" for 0, NULL for one not in @policy. */
const char *policy_zone_name(const struct policy *policy, uint16_t number);
/** policy_zone_find() - Zone by name; NULL if there is none. */
const struct policy_zone *policy_zone_find(const struct policy *policy, const char *name);

/**
 * policy_compile() - Make the tables for the kernel.
 * @policy: what the administrator wrote
 * @self: our id
 * @ret: filled
 */
void policy_compile(const struct policy *policy, const struct hub_id *self,
		    struct policy_tables *ret);

/**
 * policy_guard_of() - What the kernel is to check of a hub's frames.
 * @policy: what the administrator wrote
 * @peer: the hub
 * @ret: filled; all zero if nothing is to be checked
 */
void policy_guard_of(const struct policy *policy, const struct policy_peer *peer,
		     struct policy_guard *ret);

/**
 * policy_first_uncertified() - Zone of ours that other hubs will not believe us.
 * @policy: what the administrator wrote
 * @zones: those of our own certificate, a zone list
 *
 * Return: name of a zone this hub or one of its interfaces is in and that is not in @zones;
 * NULL if there is none.
 */
const char *policy_first_uncertified(const struct policy *policy, const char *zones);

#endif
