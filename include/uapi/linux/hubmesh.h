/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) */
/*
 * DOC: generic netlink ABI of hubmesh.ko
 *
 * Family "hubmesh", described machine-readably in
 * Documentation/netlink/specs/hubmesh.yaml; a check compares the two.
 * A device is named by HUBMESH_A_IFINDEX or HUBMESH_A_IFNAME in the network
 * namespace of the socket.  Every change, and every read that shows more than
 * counters, needs CAP_NET_ADMIN in the user namespace that owns that network
 * namespace.  Key material goes in and never comes out.
 *
 * Attribute tree:
 *
 *   HUBMESH_A_IFINDEX  u32          } one of the two, in every command
 *   HUBMESH_A_IFNAME   string       }
 *   HUBMESH_A_DEVICE   nest         DEV_SET, DEV_GET
 *     HUBMESH_A_DEVICE_*
 *     HUBMESH_A_DEVICE_STORM        nest
 *       HUBMESH_A_STORM_*             u32
 *     HUBMESH_A_DEVICE_PEERS        nest
 *       HUBMESH_A_PEERS_*
 *   HUBMESH_A_LINK     nest         LINK_NEW/SET/DEL/GET, KEY_*, events
 *     HUBMESH_A_LINK_*
 *   HUBMESH_A_HUB      nest         HUB_NEW/SET/DEL/GET, KEY_*, events
 *     HUBMESH_A_HUB_*
 *     HUBMESH_A_HUB_GUARD           nest, HUB_SET, HUB_GET
 *       HUBMESH_A_GUARD_*
 *       HUBMESH_A_GUARD_PREFIXES      nest
 *         HUBMESH_A_PREFIXES_PREFIX     binary(5 or 17), repeated
 *       HUBMESH_A_GUARD_STORM         nest
 *         HUBMESH_A_STORM_*             u32
 *       HUBMESH_A_GUARD_SCOPE         nest
 *         HUBMESH_A_PREFIXES_PREFIX     binary(5 or 17), repeated
 *   HUBMESH_A_KEY      nest         KEY_SET, KEY_USE, KEY_DEL
 *     HUBMESH_A_KEY_*
 *   HUBMESH_A_ROUTES   nest         ROUTE_REPLACE, ROUTE_GET
 *     HUBMESH_A_ROUTES_GENERATION u64
 *     HUBMESH_A_ROUTES_FLAGS      u32  HUBMESH_ROUTES_F_*
 *     HUBMESH_A_ROUTES_ROUTE      nest, repeated
 *       HUBMESH_A_ROUTE_HUB         binary(6)
 *       HUBMESH_A_ROUTE_NEXTHOP     nest, repeated, at most HUBMESH_NEXTHOPS_MAX
 *         HUBMESH_A_NEXTHOP_LINK      u32
 *         HUBMESH_A_NEXTHOP_WEIGHT    u8
 *       HUBMESH_A_ROUTE_BACKUP      nest, at most one
 *         HUBMESH_A_NEXTHOP_LINK      u32
 *         HUBMESH_A_NEXTHOP_TUNNEL    binary(6), hub at the end of a tunnel
 *       HUBMESH_A_ROUTE_FRAME_MAX   u32
 *     HUBMESH_A_ROUTES_TREE       nest, repeated
 *       HUBMESH_A_TREE_*
 *   HUBMESH_A_FDB      nest         FDB_NEW/DEL/GET/FLUSH, events
 *     HUBMESH_A_FDB_*
 *   HUBMESH_A_EVENT    u32          enum hubmesh_event, in notifications
 *   HUBMESH_A_QOS      nest         QOS_SET, QOS_GET (with HUBMESH_A_LINK{INDEX})
 *     HUBMESH_A_QOS_STRICT_SHARE  u8
 *     HUBMESH_A_QOS_CLASS         nest, repeated
 *       HUBMESH_A_CLASS_*
 *   HUBMESH_A_RULES    nest         RULE_REPLACE, RULE_GET
 *     HUBMESH_A_RULES_RULE        nest, repeated, at most HUBMESH_RULES_MAX
 *       HUBMESH_A_RULE_*
 *   HUBMESH_A_FILTER   nest         FILTER_REPLACE, FILTER_GET
 *     HUBMESH_A_FILTER_GENERATION u64
 *     HUBMESH_A_FILTER_FLAGS      u32  HUBMESH_FILTER_F_*
 *     HUBMESH_A_FILTER_HOPS_LIMIT   u8
 *     HUBMESH_A_FILTER_ZONE       nest, repeated
 *       HUBMESH_A_ZONE_ID           u16
 *       HUBMESH_A_ZONE_MAC          binary(6)  }
 *       HUBMESH_A_ZONE_VLAN         u16        } one of the four
 *       HUBMESH_A_ZONE_IFINDEX      u32        }
 *       HUBMESH_A_ZONE_HUB          binary(6)  }
 *     HUBMESH_A_FILTER_PAIR       nest, repeated
 *       HUBMESH_A_PAIR_SRC          u16
 *       HUBMESH_A_PAIR_DST          u16
 *     HUBMESH_A_FILTER_ACL        nest, repeated, in order
 *       HUBMESH_A_ACL_*
 *   HUBMESH_A_GROUPS   nest         GROUP_GET
 *     HUBMESH_A_GROUPS_*
 */
#ifndef _UAPI_LINUX_HUBMESH_H
#define _UAPI_LINUX_HUBMESH_H

#define HUBMESH_FAMILY_NAME	"hubmesh"
#define HUBMESH_FAMILY_VERSION	1
#define HUBMESH_MCGRP_EVENTS	"events"

#define HUBMESH_NEXTHOPS_MAX	4	/* weighted links of one route */
#define HUBMESH_LINKS_MAX	65535	/* per device, the index is 16 bits */
#define HUBMESH_HUBS_MAX	16384	/* per device */
#define HUBMESH_FDB_MAX		32768	/* per device */
#define HUBMESH_RULES_MAX	64	/* classification rules per device */
#define HUBMESH_FILTER_ZONES_MAX	32768	/* zone rules of one rule set */
#define HUBMESH_FILTER_PAIRS_MAX	4096	/* zone pairs of one rule set */
#define HUBMESH_FILTER_ACL_MAX	1024	/* ACL entries of one rule set */
/* A hub with all of them is a netlink message of less than a page. */
#define HUBMESH_GUARD_ZONES_MAX	64	/* zones of one hub */
#define HUBMESH_GUARD_MACS_MAX	64	/* listed source addresses of one hub */
#define HUBMESH_GUARD_PREFIXES_MAX	64	/* source prefixes of one hub */
#define HUBMESH_GUARD_SCOPE_MAX	8	/* prefixes these are about */
/* A tree with all of both is a netlink message of less than a page. */
#define HUBMESH_TREE_CHILDREN_MAX	64	/* links of one tree away from its root */
#define HUBMESH_TREE_GROUPS_MAX	128	/* groups of one tree that not all children want */
#define HUBMESH_GROUPS_MAX	128	/* groups that are wanted here, by name */
#define HUBMESH_PEERS_MAX	64	/* hubs that frames are exchanged with, by name */

/**
 * enum hubmesh_cmd - commands of the family
 * @HUBMESH_CMD_UNSPEC: no command
 * @HUBMESH_CMD_DEV_GET: do, dump: settings, state and statistics of devices
 * @HUBMESH_CMD_DEV_SET: change settings of a device
 * @HUBMESH_CMD_LINK_NEW: add a link; the reply carries its index
 * @HUBMESH_CMD_LINK_SET: change a link's remote index, addresses, probe timing
 * @HUBMESH_CMD_LINK_DEL: remove a link and its keys
 * @HUBMESH_CMD_LINK_GET: do, dump: links with state and statistics
 * @HUBMESH_CMD_HUB_NEW: make a hub known, so that frames from it are accepted
 * @HUBMESH_CMD_HUB_DEL: forget a hub, its seal keys, route and fdb entries
 * @HUBMESH_CMD_HUB_GET: do, dump: hubs with seal state and statistics
 * @HUBMESH_CMD_KEY_SET: install both directions of one phase for a link or hub
 * @HUBMESH_CMD_KEY_USE: transmit with a phase from now on (peer has proved it)
 * @HUBMESH_CMD_KEY_DEL: wipe one phase, or all when no phase is given
 * @HUBMESH_CMD_ROUTE_REPLACE: one step of a route set transaction
 * @HUBMESH_CMD_ROUTE_GET: dump: the route set in force
 * @HUBMESH_CMD_FDB_NEW: add a static MAC behind a hub
 * @HUBMESH_CMD_FDB_DEL: remove one MAC
 * @HUBMESH_CMD_FDB_GET: dump: the fdb
 * @HUBMESH_CMD_FDB_FLUSH: remove learned entries, of one hub or all
 * @HUBMESH_CMD_EVENT: notification on the group "events"
 * @HUBMESH_CMD_QOS_SET: change how a link queues its classes
 * @HUBMESH_CMD_QOS_GET: do, dump: queues of links, settings and statistics
 * @HUBMESH_CMD_RULE_REPLACE: replace all classification rules as one
 * @HUBMESH_CMD_RULE_GET: dump: the classification rules, in order
 * @HUBMESH_CMD_HUB_SET: replace what is allowed to a hub (HUBMESH_A_HUB_GUARD)
 * @HUBMESH_CMD_FILTER_REPLACE: one step of a rule set transaction
 * @HUBMESH_CMD_FILTER_GET: dump: the rule set in force with its counters
 * @HUBMESH_CMD_GROUP_GET: multicast groups that are wanted here
 * @__HUBMESH_CMD_MAX: one above the last command
 */
enum hubmesh_cmd {
	HUBMESH_CMD_UNSPEC,
	HUBMESH_CMD_DEV_GET,
	HUBMESH_CMD_DEV_SET,
	HUBMESH_CMD_LINK_NEW,
	HUBMESH_CMD_LINK_SET,
	HUBMESH_CMD_LINK_DEL,
	HUBMESH_CMD_LINK_GET,
	HUBMESH_CMD_HUB_NEW,
	HUBMESH_CMD_HUB_DEL,
	HUBMESH_CMD_HUB_GET,
	HUBMESH_CMD_KEY_SET,
	HUBMESH_CMD_KEY_USE,
	HUBMESH_CMD_KEY_DEL,
	HUBMESH_CMD_ROUTE_REPLACE,
	HUBMESH_CMD_ROUTE_GET,
	HUBMESH_CMD_FDB_NEW,
	HUBMESH_CMD_FDB_DEL,
	HUBMESH_CMD_FDB_GET,
	HUBMESH_CMD_FDB_FLUSH,
	HUBMESH_CMD_EVENT,
	HUBMESH_CMD_QOS_SET,
	HUBMESH_CMD_QOS_GET,
	HUBMESH_CMD_RULE_REPLACE,
	HUBMESH_CMD_RULE_GET,
	HUBMESH_CMD_HUB_SET,
	HUBMESH_CMD_FILTER_REPLACE,
	HUBMESH_CMD_FILTER_GET,
	HUBMESH_CMD_GROUP_GET,
	__HUBMESH_CMD_MAX,
};
#define HUBMESH_CMD_MAX (__HUBMESH_CMD_MAX - 1)

enum hubmesh_attr {
	HUBMESH_A_UNSPEC,
	HUBMESH_A_IFINDEX,
	HUBMESH_A_IFNAME,
	HUBMESH_A_DEVICE,
	HUBMESH_A_LINK,
	HUBMESH_A_HUB,
	HUBMESH_A_KEY,
	HUBMESH_A_ROUTES,
	HUBMESH_A_FDB,
	HUBMESH_A_EVENT,
	HUBMESH_A_PAD,
	HUBMESH_A_QOS,
	HUBMESH_A_RULES,
	HUBMESH_A_FILTER,
	HUBMESH_A_GROUPS,
	__HUBMESH_A_MAX,
};
#define HUBMESH_A_MAX (__HUBMESH_A_MAX - 1)

/**
 * enum hubmesh_device_attr - inside HUBMESH_A_DEVICE
 * @HUBMESH_A_DEVICE_UNSPEC: no attribute
 * @HUBMESH_A_DEVICE_ID: binary(6), hub id = MAC; settable while down and without hubs
 * @HUBMESH_A_DEVICE_PORT: u16, UDP port of the carrier sockets, host order
 * @HUBMESH_A_DEVICE_CONTROL_PORT: u16, the TCP port HOP frames may carry
 * @HUBMESH_A_DEVICE_TTL: u8, hops given to frames that start here, 1..63
 * @HUBMESH_A_DEVICE_FDB_AGE_MS: u32, learned entries die after this silence; 0 never
 * @HUBMESH_A_DEVICE_REKEY_FRAMES: u64, frames per key before a key-needed event
 * @HUBMESH_A_DEVICE_HOP_RATE_PPS: u32, HOP frames accepted per link and second
 * @HUBMESH_A_DEVICE_STATS: nest of HUBMESH_A_STATS_*
 * @HUBMESH_A_DEVICE_DROPS: nest: attribute type = enum hubmesh_drop, u64 each
 * @HUBMESH_A_DEVICE_LINKS: u32, number of links
 * @HUBMESH_A_DEVICE_HUBS: u32, number of hubs
 * @HUBMESH_A_DEVICE_GENERATION: u64, generation of the route set in force
 * @HUBMESH_A_DEVICE_PAD: empty, may stand before a u64 to align it
 * @HUBMESH_A_DEVICE_STORM: nest of HUBMESH_A_STORM_*: limits of what is flooded from
 *	here into the mesh; replaced as one
 * @HUBMESH_A_DEVICE_FILTER_GENERATION: u64, generation of the rule set in force
 *	(read only)
 * @HUBMESH_A_DEVICE_PEERS: nest of HUBMESH_A_PEERS_*: which hubs frames are exchanged
 *	with; replaced as one
 * @__HUBMESH_A_DEVICE_MAX: one above the last attribute
 */
enum hubmesh_device_attr {
	HUBMESH_A_DEVICE_UNSPEC,
	HUBMESH_A_DEVICE_ID,
	HUBMESH_A_DEVICE_PORT,
	HUBMESH_A_DEVICE_CONTROL_PORT,
	HUBMESH_A_DEVICE_TTL,
	HUBMESH_A_DEVICE_FDB_AGE_MS,
	HUBMESH_A_DEVICE_REKEY_FRAMES,
	HUBMESH_A_DEVICE_HOP_RATE_PPS,
	HUBMESH_A_DEVICE_STATS,
	HUBMESH_A_DEVICE_DROPS,
	HUBMESH_A_DEVICE_LINKS,
	HUBMESH_A_DEVICE_HUBS,
	HUBMESH_A_DEVICE_GENERATION,
	HUBMESH_A_DEVICE_PAD,
	HUBMESH_A_DEVICE_STORM,
	HUBMESH_A_DEVICE_FILTER_GENERATION,
	HUBMESH_A_DEVICE_PEERS,
	__HUBMESH_A_DEVICE_MAX,
};
#define HUBMESH_A_DEVICE_MAX (__HUBMESH_A_DEVICE_MAX - 1)

/**
 * enum hubmesh_link_attr - inside HUBMESH_A_LINK
 * @HUBMESH_A_LINK_UNSPEC: no attribute
 * @HUBMESH_A_LINK_INDEX: u32, our index of the link (1..65535); the peer puts
 *	it into the frames it sends us.  LINK_NEW assigns one unless given
 * @HUBMESH_A_LINK_PEER: binary(6), hub at the other end
 * @HUBMESH_A_LINK_REMOTE_INDEX: u32, the peer's index of this link
 * @HUBMESH_A_LINK_LOCAL4: in_addr, source address; optional (routing decides)
 * @HUBMESH_A_LINK_REMOTE4: in_addr, destination; exactly one of REMOTE4/REMOTE6
 * @HUBMESH_A_LINK_LOCAL6: in6_addr, as LOCAL4
 * @HUBMESH_A_LINK_REMOTE6: in6_addr, as REMOTE4
 * @HUBMESH_A_LINK_REMOTE_PORT: u16, UDP destination port, host order
 * @HUBMESH_A_LINK_OIF: u32, underlay interface the link is bound to; its
 *	carrier loss takes the link down at once; 0 for none
 * @HUBMESH_A_LINK_PROBE_MS: u32, probe interval, 10..1000; 0 probes off
 * @HUBMESH_A_LINK_PROBE_MISSES: u32, silent intervals until down, 2..100
 * @HUBMESH_A_LINK_STATE: u32, enum hubmesh_link_state (read only)
 * @HUBMESH_A_LINK_RTT_US: u32, smoothed round trip, 0 unknown (read only)
 * @HUBMESH_A_LINK_JITTER_US: u32, smoothed deviation of the RTT (read only)
 * @HUBMESH_A_LINK_MTU: u32, largest outer IP packet, 0 = ask the route
 * @HUBMESH_A_LINK_STATS: nest of HUBMESH_A_STATS_*
 * @HUBMESH_A_LINK_TX_PHASE: u8, phase in use, absent without one (read only)
 * @HUBMESH_A_LINK_RX_PHASES: u8, bit mask of live receive phases (read only)
 * @HUBMESH_A_LINK_LOST: u64, frames missing in hop sequences (read only)
 * @HUBMESH_A_LINK_PAD: empty, may stand before a u64 to align it
 * @HUBMESH_A_LINK_FRAME_MAX: u32, longest frame that gets through, 0 not known
 *	yet; a change is told by HUBMESH_EVENT_LINK (read only)
 * @HUBMESH_A_LINK_REMOTE_LLADDR: binary(6), Ethernet address of the other end on the
 *	segment of LINK_OIF, instead of REMOTE4 or REMOTE6: frames ride on Ethernet
 * @HUBMESH_A_LINK_RATE: u64, bytes of outer IP packets sent per second, at least
 *	1000; 0 for no limit and no queue
 * @__HUBMESH_A_LINK_MAX: one above the last attribute
 */
enum hubmesh_link_attr {
	HUBMESH_A_LINK_UNSPEC,
	HUBMESH_A_LINK_INDEX,
	HUBMESH_A_LINK_PEER,
	HUBMESH_A_LINK_REMOTE_INDEX,
	HUBMESH_A_LINK_LOCAL4,
	HUBMESH_A_LINK_REMOTE4,
	HUBMESH_A_LINK_LOCAL6,
	HUBMESH_A_LINK_REMOTE6,
	HUBMESH_A_LINK_REMOTE_PORT,
	HUBMESH_A_LINK_OIF,
	HUBMESH_A_LINK_PROBE_MS,
	HUBMESH_A_LINK_PROBE_MISSES,
	HUBMESH_A_LINK_STATE,
	HUBMESH_A_LINK_RTT_US,
	HUBMESH_A_LINK_JITTER_US,
	HUBMESH_A_LINK_MTU,
	HUBMESH_A_LINK_STATS,
	HUBMESH_A_LINK_TX_PHASE,
	HUBMESH_A_LINK_RX_PHASES,
	HUBMESH_A_LINK_LOST,
	HUBMESH_A_LINK_PAD,
	HUBMESH_A_LINK_FRAME_MAX,
	HUBMESH_A_LINK_REMOTE_LLADDR,
	HUBMESH_A_LINK_RATE,
	__HUBMESH_A_LINK_MAX,
};
#define HUBMESH_A_LINK_MAX (__HUBMESH_A_LINK_MAX - 1)

/**
 * enum hubmesh_link_state - liveness of a link as the kernel sees it
 * @HUBMESH_LINK_NEW: no authenticated frame received yet
 * @HUBMESH_LINK_UP: frames arrive
 * @HUBMESH_LINK_DOWN: too many probes missed, or carrier lost
 */
enum hubmesh_link_state {
	HUBMESH_LINK_NEW,
	HUBMESH_LINK_UP,
	HUBMESH_LINK_DOWN,
};

/**
 * enum hubmesh_hub_attr - inside HUBMESH_A_HUB
 * @HUBMESH_A_HUB_UNSPEC: no attribute
 * @HUBMESH_A_HUB_ID: binary(6)
 * @HUBMESH_A_HUB_TX_PHASE: u8, seal phase in use, absent without one (read only)
 * @HUBMESH_A_HUB_RX_PHASES: u8, bit mask of live receive phases (read only)
 * @HUBMESH_A_HUB_HELD: u32, frames waiting for a session (read only)
 * @HUBMESH_A_HUB_STATS: nest of HUBMESH_A_STATS_*: sealed to and opened from it
 * @HUBMESH_A_HUB_GUARD: nest of HUBMESH_A_GUARD_*: what its frames may be; HUB_SET
 *	replaces it as one, and without it HUB_SET allows everything
 * @HUBMESH_A_HUB_SENDER_PHASES: u8, bit mask of live phases of its sender key (read only)
 * @HUBMESH_A_HUB_SENDER_PROVED: u8, bit mask of the phases of our sender key that it is
 *	known to have (read only)
 * @__HUBMESH_A_HUB_MAX: one above the last attribute
 */
enum hubmesh_hub_attr {
	HUBMESH_A_HUB_UNSPEC,
	HUBMESH_A_HUB_ID,
	HUBMESH_A_HUB_TX_PHASE,
	HUBMESH_A_HUB_RX_PHASES,
	HUBMESH_A_HUB_HELD,
	HUBMESH_A_HUB_STATS,
	HUBMESH_A_HUB_GUARD,
	HUBMESH_A_HUB_SENDER_PHASES,
	HUBMESH_A_HUB_SENDER_PROVED,
	__HUBMESH_A_HUB_MAX,
};
#define HUBMESH_A_HUB_MAX (__HUBMESH_A_HUB_MAX - 1)

/**
 * enum hubmesh_key_attr - inside HUBMESH_A_KEY
 *
 * The command also carries HUBMESH_A_LINK{INDEX} or HUBMESH_A_HUB{ID}: the
 * owner of the key.  With HUBMESH_KEY_SCOPE_SENDER the hub may be this one: then it is
 * the key that tree frames are sealed with here.
 *
 * @HUBMESH_A_KEY_UNSPEC: no attribute
 * @HUBMESH_A_KEY_PHASE: u8, 0..3
 * @HUBMESH_A_KEY_CIPHER: u32, enum hubmesh_cipher
 * @HUBMESH_A_KEY_RX: binary: receive key material; 44 bytes for a hub (AEAD
 *	key 32, salt 12), 60 for a link (and hop tag key 16).  Write only
 * @HUBMESH_A_KEY_TX: binary: transmit key material, same shape.  Write only
 * @HUBMESH_A_KEY_FLAGS: u32, HUBMESH_KEY_F_*
 * @HUBMESH_A_KEY_SCOPE: u32, enum hubmesh_key_scope, PAIR unless given
 * @__HUBMESH_A_KEY_MAX: one above the last attribute
 */
enum hubmesh_key_attr {
	HUBMESH_A_KEY_UNSPEC,
	HUBMESH_A_KEY_PHASE,
	HUBMESH_A_KEY_CIPHER,
	HUBMESH_A_KEY_RX,
	HUBMESH_A_KEY_TX,
	HUBMESH_A_KEY_FLAGS,
	HUBMESH_A_KEY_SCOPE,
	__HUBMESH_A_KEY_MAX,
};
#define HUBMESH_A_KEY_MAX (__HUBMESH_A_KEY_MAX - 1)

/*
 * KEY_SET without this flag installs receive at once and transmit as
 * pending: transmit moves to the phase on the first authentic frame received
 * under it, or by KEY_USE.  With it, transmit moves at once: for the first
 * key of a pair, and for static test setups.
 */
#define HUBMESH_KEY_F_USE	(1 << 0)

/**
 * enum hubmesh_key_scope - whom a key is shared with
 * @HUBMESH_KEY_SCOPE_PAIR: the two ends of a link, or this hub and another
 * @HUBMESH_KEY_SCOPE_SENDER: one hub seals with it and all others open.  Of this hub it has
 *	KEY_TX alone, of another KEY_RX alone.  KEY_USE with the id of another hub says that
 *	it has that phase of ours: no copies are made for it any more; KEY_DEL of all its
 *	phases, that it has none
 * @__HUBMESH_KEY_SCOPE_MAX: one above the last scope
 */
enum hubmesh_key_scope {
	HUBMESH_KEY_SCOPE_PAIR,
	HUBMESH_KEY_SCOPE_SENDER,
	__HUBMESH_KEY_SCOPE_MAX,
};

enum hubmesh_cipher {
	HUBMESH_CIPHER_UNSPEC,
	HUBMESH_CIPHER_AES_256_GCM,
	HUBMESH_CIPHER_CHACHA20_POLY1305,
	__HUBMESH_CIPHER_MAX,
};

enum hubmesh_routes_attr {
	HUBMESH_A_ROUTES_UNSPEC,
	HUBMESH_A_ROUTES_GENERATION,
	HUBMESH_A_ROUTES_FLAGS,
	HUBMESH_A_ROUTES_ROUTE,
	HUBMESH_A_ROUTES_PAD,
	HUBMESH_A_ROUTES_TREE,
	__HUBMESH_A_ROUTES_MAX,
};
#define HUBMESH_A_ROUTES_MAX (__HUBMESH_A_ROUTES_MAX - 1)

/*
 * A transaction may span messages: BEGIN starts an empty set with the given
 * generation, which must be above the one in force; messages without flags
 * add to it; COMMIT puts it in force as one.  BEGIN | COMMIT in one message
 * is a whole transaction.  A second BEGIN discards the unfinished set.
 */
#define HUBMESH_ROUTES_F_BEGIN	(1 << 0)
#define HUBMESH_ROUTES_F_COMMIT	(1 << 1)

enum hubmesh_route_attr {
	HUBMESH_A_ROUTE_UNSPEC,
	HUBMESH_A_ROUTE_HUB,
	HUBMESH_A_ROUTE_NEXTHOP,
	HUBMESH_A_ROUTE_BACKUP,
	HUBMESH_A_ROUTE_FRAME_MAX,
	__HUBMESH_A_ROUTE_MAX,
};
#define HUBMESH_A_ROUTE_MAX (__HUBMESH_A_ROUTE_MAX - 1)

/**
 * enum hubmesh_tree_attr - inside HUBMESH_A_ROUTES_TREE
 *
 * What a hub seals once for many goes along a tree that it is the root of.  There is one
 * tree for each root at most; trees belong to the route set and are replaced with it.
 *
 * @HUBMESH_A_TREE_UNSPEC: no attribute
 * @HUBMESH_A_TREE_ROOT: binary(6), hub whose frames go along it; may be this hub
 * @HUBMESH_A_TREE_PARENT: binary(6), neighbour they must come from; absent where this
 *	hub is the root
 * @HUBMESH_A_TREE_CHILDREN: binary, u32 each: indices of the links they go on by; absent
 *	at a leaf
 * @HUBMESH_A_TREE_GROUPS: binary, 6 bytes each: multicast addresses that not all children
 *	want; what is not listed goes to all, and what HUBMESH_A_GROUPS_LIST never has
 *	cannot be listed
 * @HUBMESH_A_TREE_MASKS: binary, u64 for each of TREE_GROUPS: bit n is set if child n wants it
 * @HUBMESH_A_TREE_FRAME_MAX: u32, longest frame that fits everywhere; absent: not known
 * @__HUBMESH_A_TREE_MAX: one above the last attribute
 */
enum hubmesh_tree_attr {
	HUBMESH_A_TREE_UNSPEC,
	HUBMESH_A_TREE_ROOT,
	HUBMESH_A_TREE_PARENT,
	HUBMESH_A_TREE_CHILDREN,
	HUBMESH_A_TREE_GROUPS,
	HUBMESH_A_TREE_MASKS,
	HUBMESH_A_TREE_FRAME_MAX,
	__HUBMESH_A_TREE_MAX,
};
#define HUBMESH_A_TREE_MAX (__HUBMESH_A_TREE_MAX - 1)

/**
 * enum hubmesh_peers_attr - inside HUBMESH_A_DEVICE_PEERS
 * @HUBMESH_A_PEERS_UNSPEC: no attribute
 * @HUBMESH_A_PEERS_FLAGS: u32, HUBMESH_PEERS_F_*; absent: frames are exchanged with all
 * @HUBMESH_A_PEERS_LIST: binary, 6 bytes each: hubs the flags do not bar; absent: none
 * @__HUBMESH_A_PEERS_MAX: one above the last attribute
 */
enum hubmesh_peers_attr {
	HUBMESH_A_PEERS_UNSPEC,
	HUBMESH_A_PEERS_FLAGS,
	HUBMESH_A_PEERS_LIST,
	__HUBMESH_A_PEERS_MAX,
};
#define HUBMESH_A_PEERS_MAX (__HUBMESH_A_PEERS_MAX - 1)

/*
 * What is exchanged with listed hubs alone, both ways.  Frames of the control port pass in
 * any case, and nothing is said of what is relayed.
 */
#define HUBMESH_PEERS_F_UNICAST	(1 << 0)	/* frames to one hub */
#define HUBMESH_PEERS_F_FLOOD	(1 << 1)	/* broadcast, multicast, to unknown addresses */
/* Of frames to many only ARP and ND solicitations and advertisements are exchanged. */
#define HUBMESH_PEERS_F_RESOLUTION	(1 << 2)

/**
 * enum hubmesh_groups_attr - inside HUBMESH_A_GROUPS
 * @HUBMESH_A_GROUPS_UNSPEC: no attribute
 * @HUBMESH_A_GROUPS_FLAGS: u32, HUBMESH_GROUPS_F_*
 * @HUBMESH_A_GROUPS_LIST: binary, 6 bytes each: multicast addresses; never listed, because
 *	always wanted, are those of IPv4 groups 224.0.0.0/24, of IPv6 groups whose last 32
 *	bits are below 256, of solicited nodes, and of what is not IP.  Absent: none
 * @HUBMESH_A_GROUPS_MALFORMED: u64, IGMP and MLD messages that were none
 * @HUBMESH_A_GROUPS_PAD: empty, may stand before a u64 to align it
 * @__HUBMESH_A_GROUPS_MAX: one above the last attribute
 */
enum hubmesh_groups_attr {
	HUBMESH_A_GROUPS_UNSPEC,
	HUBMESH_A_GROUPS_FLAGS,
	HUBMESH_A_GROUPS_LIST,
	HUBMESH_A_GROUPS_MALFORMED,
	HUBMESH_A_GROUPS_PAD,
	__HUBMESH_A_GROUPS_MAX,
};
#define HUBMESH_A_GROUPS_MAX (__HUBMESH_A_GROUPS_MAX - 1)

#define HUBMESH_GROUPS_F_ALL4	(1 << 0)	/* every IPv4 group is wanted */
#define HUBMESH_GROUPS_F_ALL6	(1 << 1)	/* every IPv6 group is wanted */

enum hubmesh_nexthop_attr {
	HUBMESH_A_NEXTHOP_UNSPEC,
	HUBMESH_A_NEXTHOP_LINK,
	HUBMESH_A_NEXTHOP_WEIGHT,
	HUBMESH_A_NEXTHOP_TUNNEL,
	__HUBMESH_A_NEXTHOP_MAX,
};
#define HUBMESH_A_NEXTHOP_MAX (__HUBMESH_A_NEXTHOP_MAX - 1)

/**
 * enum hubmesh_fdb_attr - inside HUBMESH_A_FDB
 * @HUBMESH_A_FDB_UNSPEC: no attribute
 * @HUBMESH_A_FDB_MAC: binary(6), unicast
 * @HUBMESH_A_FDB_HUB: binary(6), the hub it is behind
 * @HUBMESH_A_FDB_FLAGS: u32, HUBMESH_FDB_F_*
 * @HUBMESH_A_FDB_IDLE_MS: u64, since last seen (read only)
 * @HUBMESH_A_FDB_PAD: empty, may stand before a u64 to align it
 * @__HUBMESH_A_FDB_MAX: one above the last attribute
 */
enum hubmesh_fdb_attr {
	HUBMESH_A_FDB_UNSPEC,
	HUBMESH_A_FDB_MAC,
	HUBMESH_A_FDB_HUB,
	HUBMESH_A_FDB_FLAGS,
	HUBMESH_A_FDB_IDLE_MS,
	HUBMESH_A_FDB_PAD,
	__HUBMESH_A_FDB_MAX,
};
#define HUBMESH_A_FDB_MAX (__HUBMESH_A_FDB_MAX - 1)

#define HUBMESH_FDB_F_STATIC	(1 << 0)

enum hubmesh_stats_attr {
	HUBMESH_A_STATS_UNSPEC,
	HUBMESH_A_STATS_RX_FRAMES,	/* u64: accepted for this object */
	HUBMESH_A_STATS_RX_BYTES,	/* u64: of those, frame bytes */
	HUBMESH_A_STATS_TX_FRAMES,	/* u64 */
	HUBMESH_A_STATS_TX_BYTES,	/* u64 */
	HUBMESH_A_STATS_RX_DROPS,	/* u64 */
	HUBMESH_A_STATS_TX_DROPS,	/* u64 */
	HUBMESH_A_STATS_FORWARDED,	/* u64: relayed (device, link: outgoing) */
	HUBMESH_A_STATS_PAD,
	__HUBMESH_A_STATS_MAX,
};
#define HUBMESH_A_STATS_MAX (__HUBMESH_A_STATS_MAX - 1)

/**
 * enum hubmesh_event - HUBMESH_A_EVENT of a notification
 * @HUBMESH_EVENT_UNSPEC: no event
 * @HUBMESH_EVENT_LINK: a link's state changed; HUBMESH_A_LINK as LINK_GET
 * @HUBMESH_EVENT_NEED_SESSION: frames wait for a hub without a seal key;
 *	HUBMESH_A_HUB{ID}; at most once per hub and second
 * @HUBMESH_EVENT_KEY_NEEDED: a key nears its frame limit; HUBMESH_A_LINK{INDEX}
 *	or HUBMESH_A_HUB{ID}, and HUBMESH_A_KEY{PHASE}; once per key
 * @HUBMESH_EVENT_KEY_IN_USE: transmit moved to a phase; attributes as above
 * @HUBMESH_EVENT_FDB_NEW: a MAC was learned or moved; HUBMESH_A_FDB
 * @HUBMESH_EVENT_FDB_DEL: an entry aged out or was removed; HUBMESH_A_FDB
 * @HUBMESH_EVENT_GROUPS: other groups are wanted here than before; GROUP_GET shows them
 */
enum hubmesh_event {
	HUBMESH_EVENT_UNSPEC,
	HUBMESH_EVENT_LINK,
	HUBMESH_EVENT_NEED_SESSION,
	HUBMESH_EVENT_KEY_NEEDED,
	HUBMESH_EVENT_KEY_IN_USE,
	HUBMESH_EVENT_FDB_NEW,
	HUBMESH_EVENT_FDB_DEL,
	HUBMESH_EVENT_GROUPS,
};

/**
 * enum hubmesh_qos_attr - inside HUBMESH_A_QOS
 * @HUBMESH_A_QOS_UNSPEC: no attribute
 * @HUBMESH_A_QOS_STRICT_SHARE: u8, percent of the rate that class 7 has before all
 *	others, 0..100
 * @HUBMESH_A_QOS_CLASS: nest of HUBMESH_A_CLASS_*, one for each class
 * @__HUBMESH_A_QOS_MAX: one above the last attribute
 */
enum hubmesh_qos_attr {
	HUBMESH_A_QOS_UNSPEC,
	HUBMESH_A_QOS_STRICT_SHARE,
	HUBMESH_A_QOS_CLASS,
	__HUBMESH_A_QOS_MAX,
};
#define HUBMESH_A_QOS_MAX (__HUBMESH_A_QOS_MAX - 1)

/**
 * enum hubmesh_class_attr - inside HUBMESH_A_QOS_CLASS
 * @HUBMESH_A_CLASS_UNSPEC: no attribute
 * @HUBMESH_A_CLASS_NUMBER: u8, 0..7
 * @HUBMESH_A_CLASS_WEIGHT: u8, share of the rate against the other classes, 1..100
 * @HUBMESH_A_CLASS_LIMIT_FRAMES: u32, frames that may wait, 1..16384
 * @HUBMESH_A_CLASS_LIMIT_BYTES: u32, bytes that may wait, 1..67108864
 * @HUBMESH_A_CLASS_TARGET_US: u32, CoDel: standing delay that is tolerated, 100..1000000
 * @HUBMESH_A_CLASS_INTERVAL_US: u32, CoDel: for how long, 1000..10000000
 * @HUBMESH_A_CLASS_SENT_FRAMES: u64, left the queue for the underlay (read only)
 * @HUBMESH_A_CLASS_SENT_BYTES: u64, their bytes (read only)
 * @HUBMESH_A_CLASS_DROPS_FULL: u64, frames that found the queue full (read only)
 * @HUBMESH_A_CLASS_DROPS_CODEL: u64, frames CoDel dropped (read only)
 * @HUBMESH_A_CLASS_DROPS_FLUSHED: u64, frames that waited when the interface went
 *	down (read only)
 * @HUBMESH_A_CLASS_BACKLOG_FRAMES: u32, frames that wait (read only)
 * @HUBMESH_A_CLASS_BACKLOG_BYTES: u32, their bytes (read only)
 * @HUBMESH_A_CLASS_SOJOURN_US: u32, age of the oldest that waits, 0 for none (read only)
 * @HUBMESH_A_CLASS_SOJOURN_PEAK_US: u32, longest wait of any sent or dropped by CoDel
 *	(read only)
 * @HUBMESH_A_CLASS_PAD: empty, may stand before a u64 to align it
 * @__HUBMESH_A_CLASS_MAX: one above the last attribute
 */
enum hubmesh_class_attr {
	HUBMESH_A_CLASS_UNSPEC,
	HUBMESH_A_CLASS_NUMBER,
	HUBMESH_A_CLASS_WEIGHT,
	HUBMESH_A_CLASS_LIMIT_FRAMES,
	HUBMESH_A_CLASS_LIMIT_BYTES,
	HUBMESH_A_CLASS_TARGET_US,
	HUBMESH_A_CLASS_INTERVAL_US,
	HUBMESH_A_CLASS_SENT_FRAMES,
	HUBMESH_A_CLASS_SENT_BYTES,
	HUBMESH_A_CLASS_DROPS_FULL,
	HUBMESH_A_CLASS_DROPS_CODEL,
	HUBMESH_A_CLASS_DROPS_FLUSHED,
	HUBMESH_A_CLASS_BACKLOG_FRAMES,
	HUBMESH_A_CLASS_BACKLOG_BYTES,
	HUBMESH_A_CLASS_SOJOURN_US,
	HUBMESH_A_CLASS_SOJOURN_PEAK_US,
	HUBMESH_A_CLASS_PAD,
	__HUBMESH_A_CLASS_MAX,
};
#define HUBMESH_A_CLASS_MAX (__HUBMESH_A_CLASS_MAX - 1)

enum hubmesh_rules_attr {
	HUBMESH_A_RULES_UNSPEC,
	HUBMESH_A_RULES_RULE,
	__HUBMESH_A_RULES_MAX,
};
#define HUBMESH_A_RULES_MAX (__HUBMESH_A_RULES_MAX - 1)

/**
 * enum hubmesh_rule_attr - inside HUBMESH_A_RULES_RULE
 *
 * A rule hits a frame that has everything the rule names; the first hit gives
 * the class.
 *
 * @HUBMESH_A_RULE_UNSPEC: no attribute
 * @HUBMESH_A_RULE_CLASS: u8, 0..7, the class it gives; the only one required
 * @HUBMESH_A_RULE_ETHERTYPE: u16, behind VLAN tags, host order, at least 0x600
 * @HUBMESH_A_RULE_VLAN_ID: u16, 0..4094, of the outer VLAN tag
 * @HUBMESH_A_RULE_VLAN_PCP: u8, 0..7, of the outer VLAN tag
 * @HUBMESH_A_RULE_DSCP: u8, 0..63
 * @HUBMESH_A_RULE_PROTOCOL: u8, IPv4 protocol, or IPv6 next header behind extension headers
 * @HUBMESH_A_RULE_SRC4: in_addr, source prefix
 * @HUBMESH_A_RULE_SRC6: in6_addr, source prefix
 * @HUBMESH_A_RULE_SRC_PREFIX: u8, bits of it that count; all unless given
 * @HUBMESH_A_RULE_DST4: in_addr, destination prefix
 * @HUBMESH_A_RULE_DST6: in6_addr, destination prefix
 * @HUBMESH_A_RULE_DST_PREFIX: u8, as SRC_PREFIX
 * @HUBMESH_A_RULE_SPORT: u16, lowest source port of TCP, UDP, UDP-Lite, SCTP or DCCP,
 *	host order; fragments behind the first have no ports
 * @HUBMESH_A_RULE_SPORT_LAST: u16, highest source port; SPORT unless given
 * @HUBMESH_A_RULE_DPORT: u16, as SPORT
 * @HUBMESH_A_RULE_DPORT_LAST: u16, as SPORT_LAST
 * @HUBMESH_A_RULE_MARK: u32, mark of the packet
 * @HUBMESH_A_RULE_MARK_MASK: u32, its bits that count; all unless given
 * @HUBMESH_A_RULE_PRIORITY: u32, priority the stack gave the packet (SO_PRIORITY)
 * @__HUBMESH_A_RULE_MAX: one above the last attribute
 */
enum hubmesh_rule_attr {
	HUBMESH_A_RULE_UNSPEC,
	HUBMESH_A_RULE_CLASS,
	HUBMESH_A_RULE_ETHERTYPE,
	HUBMESH_A_RULE_VLAN_ID,
	HUBMESH_A_RULE_VLAN_PCP,
	HUBMESH_A_RULE_DSCP,
	HUBMESH_A_RULE_PROTOCOL,
	HUBMESH_A_RULE_SRC4,
	HUBMESH_A_RULE_SRC6,
	HUBMESH_A_RULE_SRC_PREFIX,
	HUBMESH_A_RULE_DST4,
	HUBMESH_A_RULE_DST6,
	HUBMESH_A_RULE_DST_PREFIX,
	HUBMESH_A_RULE_SPORT,
	HUBMESH_A_RULE_SPORT_LAST,
	HUBMESH_A_RULE_DPORT,
	HUBMESH_A_RULE_DPORT_LAST,
	HUBMESH_A_RULE_MARK,
	HUBMESH_A_RULE_MARK_MASK,
	HUBMESH_A_RULE_PRIORITY,
	__HUBMESH_A_RULE_MAX,
};
#define HUBMESH_A_RULE_MAX (__HUBMESH_A_RULE_MAX - 1)

/**
 * enum hubmesh_storm_attr - inside HUBMESH_A_DEVICE_STORM and HUBMESH_A_GUARD_STORM
 * @HUBMESH_A_STORM_UNSPEC: no attribute
 * @HUBMESH_A_STORM_BROADCAST_PPS: u32, broadcast frames per second, 0 or absent: any
 * @HUBMESH_A_STORM_MULTICAST_PPS: u32, other multicast frames, likewise
 * @HUBMESH_A_STORM_UNKNOWN_PPS: u32, unicast frames to addresses nobody knows, likewise;
 *	1000 on a new device
 * @__HUBMESH_A_STORM_MAX: one above the last attribute
 */
enum hubmesh_storm_attr {
	HUBMESH_A_STORM_UNSPEC,
	HUBMESH_A_STORM_BROADCAST_PPS,
	HUBMESH_A_STORM_MULTICAST_PPS,
	HUBMESH_A_STORM_UNKNOWN_PPS,
	__HUBMESH_A_STORM_MAX,
};
#define HUBMESH_A_STORM_MAX (__HUBMESH_A_STORM_MAX - 1)

/**
 * enum hubmesh_guard_attr - inside HUBMESH_A_HUB_GUARD
 *
 * What is absent is not checked.  A list that is there but empty allows nothing.
 *
 * @HUBMESH_A_GUARD_UNSPEC: no attribute
 * @HUBMESH_A_GUARD_ZONES: binary, u16 each: zones its frames may claim; 0, no zone, must
 *	be listed like any other
 * @HUBMESH_A_GUARD_MACS: binary, 6 bytes each: inner source addresses it may use beside
 *	its own id
 * @HUBMESH_A_GUARD_MACS_LEARN: u32, how many more may be learned behind it
 * @HUBMESH_A_GUARD_PREFIXES: nest of HUBMESH_A_PREFIXES_PREFIX: inner source addresses
 * @HUBMESH_A_GUARD_FRAMES_PPS: u32, inner frames per second, 0 any
 * @HUBMESH_A_GUARD_BYTES_PS: u64, their bytes per second, 0 any
 * @HUBMESH_A_GUARD_STORM: nest of HUBMESH_A_STORM_*: limits of what it floods to us
 * @HUBMESH_A_GUARD_PAD: empty, may stand before a u64 to align it
 * @HUBMESH_A_GUARD_SCOPE: nest of HUBMESH_A_PREFIXES_PREFIX: only source addresses in
 *	here are checked against GUARD_PREFIXES; absent: all are
 * @__HUBMESH_A_GUARD_MAX: one above the last attribute
 */
enum hubmesh_guard_attr {
	HUBMESH_A_GUARD_UNSPEC,
	HUBMESH_A_GUARD_ZONES,
	HUBMESH_A_GUARD_MACS,
	HUBMESH_A_GUARD_MACS_LEARN,
	HUBMESH_A_GUARD_PREFIXES,
	HUBMESH_A_GUARD_FRAMES_PPS,
	HUBMESH_A_GUARD_BYTES_PS,
	HUBMESH_A_GUARD_STORM,
	HUBMESH_A_GUARD_PAD,
	HUBMESH_A_GUARD_SCOPE,
	__HUBMESH_A_GUARD_MAX,
};
#define HUBMESH_A_GUARD_MAX (__HUBMESH_A_GUARD_MAX - 1)

/**
 * enum hubmesh_prefixes_attr - inside HUBMESH_A_GUARD_PREFIXES
 * @HUBMESH_A_PREFIXES_UNSPEC: no attribute
 * @HUBMESH_A_PREFIXES_PREFIX: binary: IPv4 (4) or IPv6 (16) address, prefix length (1)
 * @__HUBMESH_A_PREFIXES_MAX: one above the last attribute
 */
enum hubmesh_prefixes_attr {
	HUBMESH_A_PREFIXES_UNSPEC,
	HUBMESH_A_PREFIXES_PREFIX,
	__HUBMESH_A_PREFIXES_MAX,
};
#define HUBMESH_A_PREFIXES_MAX (__HUBMESH_A_PREFIXES_MAX - 1)

/**
 * enum hubmesh_filter_attr - inside HUBMESH_A_FILTER
 * @HUBMESH_A_FILTER_UNSPEC: no attribute
 * @HUBMESH_A_FILTER_GENERATION: u64, of the set
 * @HUBMESH_A_FILTER_FLAGS: u32, HUBMESH_FILTER_F_*
 * @HUBMESH_A_FILTER_HOPS_LIMIT: u8, frames that came over more hops are refused, 1..63;
 *	0 or absent: any
 * @HUBMESH_A_FILTER_ZONE: nest of HUBMESH_A_ZONE_*, repeated
 * @HUBMESH_A_FILTER_PAIR: nest of HUBMESH_A_PAIR_*, repeated: zones that may send to each
 *	other, in this direction
 * @HUBMESH_A_FILTER_ACL: nest of HUBMESH_A_ACL_*, repeated: the first that matches decides
 * @HUBMESH_A_FILTER_PAD: empty, may stand before a u64 to align it
 * @__HUBMESH_A_FILTER_MAX: one above the last attribute
 */
enum hubmesh_filter_attr {
	HUBMESH_A_FILTER_UNSPEC,
	HUBMESH_A_FILTER_GENERATION,
	HUBMESH_A_FILTER_FLAGS,
	HUBMESH_A_FILTER_HOPS_LIMIT,
	HUBMESH_A_FILTER_ZONE,
	HUBMESH_A_FILTER_PAIR,
	HUBMESH_A_FILTER_ACL,
	HUBMESH_A_FILTER_PAD,
	__HUBMESH_A_FILTER_MAX,
};
#define HUBMESH_A_FILTER_MAX (__HUBMESH_A_FILTER_MAX - 1)

/* A transaction, as HUBMESH_ROUTES_F_*; an empty set filters nothing. */
#define HUBMESH_FILTER_F_BEGIN	(1 << 0)
#define HUBMESH_FILTER_F_COMMIT	(1 << 1)

/**
 * enum hubmesh_zone_attr - inside HUBMESH_A_FILTER_ZONE: who is in a zone
 * @HUBMESH_A_ZONE_UNSPEC: no attribute
 * @HUBMESH_A_ZONE_ID: u16, the zone, 1..65535
 * @HUBMESH_A_ZONE_MAC: binary(6), a unicast address
 * @HUBMESH_A_ZONE_VLAN: u16, frames with this VLAN id, 1..4094
 * @HUBMESH_A_ZONE_IFINDEX: u32, what comes in by, or goes out of, this interface
 * @HUBMESH_A_ZONE_HUB: binary(6), a hub, this one or another, and what is behind it
 * @__HUBMESH_A_ZONE_MAX: one above the last attribute
 */
enum hubmesh_zone_attr {
	HUBMESH_A_ZONE_UNSPEC,
	HUBMESH_A_ZONE_ID,
	HUBMESH_A_ZONE_MAC,
	HUBMESH_A_ZONE_VLAN,
	HUBMESH_A_ZONE_IFINDEX,
	HUBMESH_A_ZONE_HUB,
	__HUBMESH_A_ZONE_MAX,
};
#define HUBMESH_A_ZONE_MAX (__HUBMESH_A_ZONE_MAX - 1)

/**
 * enum hubmesh_pair_attr - inside HUBMESH_A_FILTER_PAIR
 * @HUBMESH_A_PAIR_UNSPEC: no attribute
 * @HUBMESH_A_PAIR_SRC: u16, zone that may send, 0 for what has no zone
 * @HUBMESH_A_PAIR_DST: u16, zone it may send to, likewise
 * @__HUBMESH_A_PAIR_MAX: one above the last attribute
 */
enum hubmesh_pair_attr {
	HUBMESH_A_PAIR_UNSPEC,
	HUBMESH_A_PAIR_SRC,
	HUBMESH_A_PAIR_DST,
	__HUBMESH_A_PAIR_MAX,
};
#define HUBMESH_A_PAIR_MAX (__HUBMESH_A_PAIR_MAX - 1)

/**
 * enum hubmesh_acl_attr - inside HUBMESH_A_FILTER_ACL
 *
 * An entry matches if all that it names does; what is absent matches anything.
 *
 * @HUBMESH_A_ACL_UNSPEC: no attribute
 * @HUBMESH_A_ACL_ACTION: u32, enum hubmesh_acl_action
 * @HUBMESH_A_ACL_SRC_ZONE: u16, source zone
 * @HUBMESH_A_ACL_DST_ZONE: u16, destination zone
 * @HUBMESH_A_ACL_ETHERTYPE: u16, behind VLAN tags, host order
 * @HUBMESH_A_ACL_VLAN: u16, outermost VLAN id, 0 for none, 0..4094
 * @HUBMESH_A_ACL_PROTOCOL: u8, IPv4 protocol, or IPv6 next header behind extension headers
 * @HUBMESH_A_ACL_SRC: binary, source prefix, as HUBMESH_A_PREFIXES_PREFIX
 * @HUBMESH_A_ACL_DST: binary, destination prefix, likewise
 * @HUBMESH_A_ACL_SPORT_FIRST: u16, lowest source port, host order
 * @HUBMESH_A_ACL_SPORT_LAST: u16, highest; as SPORT_FIRST if absent
 * @HUBMESH_A_ACL_DPORT_FIRST: u16, lowest destination port, host order
 * @HUBMESH_A_ACL_DPORT_LAST: u16, highest; as DPORT_FIRST if absent
 * @HUBMESH_A_ACL_LOG: u32, log one of so many hits; 0 or absent: none
 * @HUBMESH_A_ACL_HITS: u64, frames the entry decided on (read only)
 * @HUBMESH_A_ACL_PAD: empty, may stand before a u64 to align it
 * @__HUBMESH_A_ACL_MAX: one above the last attribute
 */
enum hubmesh_acl_attr {
	HUBMESH_A_ACL_UNSPEC,
	HUBMESH_A_ACL_ACTION,
	HUBMESH_A_ACL_SRC_ZONE,
	HUBMESH_A_ACL_DST_ZONE,
	HUBMESH_A_ACL_ETHERTYPE,
	HUBMESH_A_ACL_VLAN,
	HUBMESH_A_ACL_PROTOCOL,
	HUBMESH_A_ACL_SRC,
	HUBMESH_A_ACL_DST,
	HUBMESH_A_ACL_SPORT_FIRST,
	HUBMESH_A_ACL_SPORT_LAST,
	HUBMESH_A_ACL_DPORT_FIRST,
	HUBMESH_A_ACL_DPORT_LAST,
	HUBMESH_A_ACL_LOG,
	HUBMESH_A_ACL_HITS,
	HUBMESH_A_ACL_PAD,
	__HUBMESH_A_ACL_MAX,
};
#define HUBMESH_A_ACL_MAX (__HUBMESH_A_ACL_MAX - 1)

/**
 * enum hubmesh_acl_action - what becomes of a frame an ACL entry matches
 * @HUBMESH_ACL_UNSPEC: no action
 * @HUBMESH_ACL_ACCEPT: it passes
 * @HUBMESH_ACL_DENY: it is dropped
 * @__HUBMESH_ACL_MAX: one above the last action
 */
enum hubmesh_acl_action {
	HUBMESH_ACL_UNSPEC,
	HUBMESH_ACL_ACCEPT,
	HUBMESH_ACL_DENY,
	__HUBMESH_ACL_MAX,
};

/*
 * HUBMESH_DROP_REASONS(X) lists X(NAME, "name", "explanation") once for the
 * kernel, ethtool, meshctl and the tests.
 */
#define HUBMESH_DROP_REASONS(X)						\
	X(RX_SHORT, "rx-short", "shorter than a header and a tag")	\
	X(RX_OVERSIZE, "rx-oversize", "longer than the largest frame")	\
	X(RX_VERSION, "rx-version", "not our wire version")		\
	X(RX_TYPE, "rx-type", "unknown or unexpected frame type")	\
	X(RX_FLAGS, "rx-flags", "reserved flag bits are set")		\
	X(RX_LANE, "rx-lane", "lane number out of range")		\
	X(RX_LINK_UNKNOWN, "rx-link-unknown", "no link has that index")	\
	X(RX_HOP_NO_KEY, "rx-hop-no-key", "no link key for that hop phase") \
	X(RX_HOP_TAG, "rx-hop-tag", "hop tag does not verify")		\
	X(RX_HOP_REPLAY, "rx-hop-replay", "hop sequence seen or too old") \
	X(RX_OWN_SOURCE, "rx-own-source", "our own frame came back: a loop") \
	X(RX_HUB_UNKNOWN, "rx-hub-unknown", "source hub is not known")	\
	X(RX_SEAL_NO_KEY, "rx-seal-no-key", "no seal key for that phase") \
	X(RX_SEAL_REPLAY, "rx-seal-replay", "seal counter seen or too old") \
	X(RX_SEAL_AUTH, "rx-seal-auth", "sealed part does not authenticate") \
	X(RX_INNER, "rx-inner", "opened frame is malformed")		\
	X(RX_HOP_POLICY, "rx-hop-policy", "HOP frame carries more than the control port") \
	X(RX_HOP_RATE, "rx-hop-rate", "HOP frames above the link's rate") \
	X(RX_PROBE, "rx-probe", "probe is malformed or not from the peer") \
	X(RX_DEVICE_DOWN, "rx-device-down", "mesh interface is down")	\
	X(FWD_TTL, "fwd-ttl", "no hops left")				\
	X(FWD_NO_ROUTE, "fwd-no-route", "no route to the destination hub") \
	X(FWD_LINK_DOWN, "fwd-link-down", "every next hop is down")	\
	X(FWD_SPLIT_HORIZON, "fwd-split-horizon", "would return where it came from") \
	X(TX_NO_HUB, "tx-no-hub", "no hub is known behind that MAC")	\
	X(TX_NO_SESSION, "tx-no-session", "no seal key and the hold queue is full or timed out") \
	X(TX_NO_ROUTE, "tx-no-route", "no route to the destination hub") \
	X(TX_LINK_DOWN, "tx-link-down", "every next hop is down")	\
	X(TX_NO_LINK_KEY, "tx-no-link-key", "next hop has no link key in use") \
	X(TX_KEY_EXHAUSTED, "tx-key-exhausted", "key reached its frame limit") \
	X(TX_MTU, "tx-mtu", "frame does not fit the underlay")		\
	X(TX_FLOOD_LIMIT, "tx-flood-limit", "broadcast to more hubs than allowed") \
	X(TX_MALFORMED, "tx-malformed", "frame from the stack cannot be parsed") \
	X(TX_UNDERLAY, "tx-underlay", "underlay refused the packet")	\
	X(CRYPTO, "crypto", "cipher failed for a reason other than authentication") \
	X(NO_MEMORY, "no-memory", "allocation failed")			\
	X(TX_QUEUE_FULL, "tx-queue-full", "the class had its limit waiting for the link") \
	X(TX_CODEL, "tx-codel", "waited too long for the link (CoDel)")	\
	X(TX_QUEUE_FLUSHED, "tx-queue-flushed", "link or interface went away while it waited") \
	X(RX_ZONE, "rx-zone", "zone is not its hub's or may not send to the destination's") \
	X(RX_ACL, "rx-acl", "denied by the ACL")			\
	X(RX_RATE, "rx-rate", "source hub is above its rate")		\
	X(RX_GUARD, "rx-guard", "source address is not its hub's")	\
	X(RX_STORM, "rx-storm", "source hub floods above its rate")	\
	X(RX_HOPS, "rx-hops", "came over more hops than allowed")	\
	X(TX_ZONE, "tx-zone", "zone may not send to the destination's")	\
	X(TX_ACL, "tx-acl", "denied by the ACL")			\
	X(TX_STORM, "tx-storm", "flooded above the device's rate")	\
	X(FWD_NO_TREE, "fwd-no-tree", "no tree for the hub that sent to many") \
	X(RX_TREE_PARENT, "rx-tree-parent", "tree frame not from the parent in its tree") \
	X(TX_PEER, "tx-peer", "not exchanged with that hub in this topology") \
	X(RX_PEER, "rx-peer", "not exchanged with its hub in this topology")	\
	X(RX_TUNNEL, "rx-tunnel", "tunnel holds no whole UNICAST frame")

#define HUBMESH_DROP_ENUM(name, str, doc) HUBMESH_DROP_##name,

/**
 * enum hubmesh_drop - why a frame was not carried on
 * @HUBMESH_DROP_UNSPEC: no reason; as an attribute, aligns those of HUBMESH_A_DEVICE_DROPS
 * @HUBMESH_DROP_REASONS: HUBMESH_DROP_NAME for each X of the list, numbered from 1 in its order
 *
 * __HUBMESH_DROP_MAX is one above the last.
 */
enum hubmesh_drop {
	HUBMESH_DROP_UNSPEC,
	/* clang-format off */
	HUBMESH_DROP_REASONS(HUBMESH_DROP_ENUM)
	/* clang-format on */
	__HUBMESH_DROP_MAX,
};
#define HUBMESH_DROP_MAX (__HUBMESH_DROP_MAX - 1)

#endif /* _UAPI_LINUX_HUBMESH_H */
