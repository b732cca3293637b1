/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_FILTER_H
#define _HM_FILTER_H

#include <linux/refcount.h>
#include <linux/u64_stats_sync.h>
#include <linux/workqueue.h>
#include "device.h"

#define HM_ZONE_NONE	0	/* who is in no zone, on the wire too */

/* What a zone rule is about, in the order in which rules are asked. */
enum hm_zone_kind {
	HM_ZONE_MAC,
	HM_ZONE_VLAN,
	HM_ZONE_IFINDEX,
	HM_ZONE_HUB,
};

/**
 * struct hm_zone_rule - who is in a zone
 * @key: hm_zone_key()
 * @zone: the zone
 */
struct hm_zone_rule {
	u64 key;
	u16 zone;
};

/**
 * struct hm_zone_pair - a zone that may send to another
 * @src: zone of the sender
 * @dst: zone of the receiver
 */
struct hm_zone_pair {
	u16 src, dst;
};

/* What an ACL entry names, bits of struct hm_acl_rule fields. */
#define HM_ACL_SRC_ZONE		BIT(0)
#define HM_ACL_DST_ZONE		BIT(1)
#define HM_ACL_ETHERTYPE	BIT(2)
#define HM_ACL_VLAN		BIT(3)
#define HM_ACL_PROTOCOL		BIT(4)
#define HM_ACL_SRC		BIT(5)
#define HM_ACL_DST		BIT(6)
#define HM_ACL_PORTS		BIT(7)
/* Only IP has these. */
#define HM_ACL_IP		(HM_ACL_PROTOCOL | HM_ACL_SRC | HM_ACL_DST | HM_ACL_PORTS)

/**
 * struct hm_acl_rule - what an ACL entry matches and does; zero where not used
 * @src: source prefix
 * @dst: destination prefix
 * @fields: HM_ACL_* bits of the members that must match
 * @src_zone: source zone
 * @dst_zone: destination zone
 * @ethertype: host order
 * @vlan: 0 for no tag
 * @sport_first: lowest source port, host order
 * @sport_last: highest source port
 * @dport_first: lowest destination port
 * @dport_last: highest destination port
 * @protocol: IP protocol
 * @action: enum hubmesh_acl_action
 * @log_every: log one of so many hits, 0 none
 */
struct hm_acl_rule {
	struct hm_prefix src, dst;
	u16 fields;
	u16 src_zone, dst_zone;
	u16 ethertype, vlan;
	u16 sport_first, sport_last, dport_first, dport_last;
	u8 protocol, action;
	u32 log_every;
};

/**
 * struct hm_hits_cpu - hits counted by one CPU
 * @frames: frames
 * @syncp: for 64-bit reads on 32-bit machines
 */
struct hm_hits_cpu {
	u64_stats_t frames;
	struct u64_stats_sync syncp;
};

/**
 * struct hm_hits - counter of an ACL entry; outlives the set if the next one has the same entry
 * @refs: entries that count here
 * @since_log: hits, for entries that log
 * @cpu: the counters
 */
struct hm_hits {
	refcount_t refs;
	atomic_t since_log;
	struct hm_hits_cpu __percpu *cpu;
};

/**
 * struct hm_acl_entry - one entry of the ACL
 * @mask: bits of a frame's tag (filter.c) that count
 * @tag: what they must be
 * @rule: what it matches and does
 * @hits: what it matched
 */
struct hm_acl_entry {
	u64 mask, tag;
	struct hm_acl_rule rule;
	struct hm_hits *hits;
};

/**
 * struct hm_filter - a rule set; does not change once it is in force
 * @generation: its number
 * @hops_max: frames that came over more hops are refused, 0 none
 * @kinds: BIT(enum hm_zone_kind) of the kinds there are zone rules of
 * @n_zones: zone rules
 * @n_pairs: zone pairs
 * @n_acl: ACL entries
 * @zones_room: what @zones has room for
 * @pairs_room: likewise
 * @acl_room: likewise
 * @zones: zone rules; in force sorted by key
 * @pairs: zone pairs; in force sorted
 * @acl: the ACL, in order
 * @free_work: for freeing after readers
 */
struct hm_filter {
	u64 generation;
	u8 hops_max;
	u8 kinds;
	u32 n_zones, n_pairs, n_acl;
	u32 zones_room, pairs_room, acl_room;
	struct hm_zone_rule *zones;
	struct hm_zone_pair *pairs;
	struct hm_acl_entry *acl;
	struct rcu_work free_work;
};

/**
 * struct hm_police - checks of inner frames that a hub sealed, as they come out of one packet
 * @hm: device
 * @hub: the hub
 * @guard: its guard, or NULL
 * @filter: rule set, or NULL
 * @last: frame the ACL was last asked about
 * @last_src: its source zone
 * @last_dst: its destination zone
 * @last_entry: what decided, or NULL
 * @has_last: there was one
 */
struct hm_police {
	struct hm_device *hm;
	struct hm_hub *hub;
	struct hm_guard *guard;
	const struct hm_filter *filter;
	struct hm_inner last;
	u16 last_src, last_dst;
	const struct hm_acl_entry *last_entry;
	bool has_last;
};

/* Rule sets; hm->lock held. */
u64 hm_zone_key(enum hm_zone_kind kind, const u8 *mac, u32 number);
int hm_filter_begin(struct hm_device *hm, u64 generation, struct netlink_ext_ack *extack);
int hm_filter_continue(const struct hm_device *hm, u64 generation, struct netlink_ext_ack *extack);
int hm_filter_add_zone(struct hm_device *hm, u64 key, u16 zone, struct netlink_ext_ack *extack);
int hm_filter_add_pair(struct hm_device *hm, u16 src, u16 dst, struct netlink_ext_ack *extack);
int hm_filter_add_acl(struct hm_device *hm, const struct hm_acl_rule *rule,
		      struct netlink_ext_ack *extack);
int hm_filter_commit(struct hm_device *hm, struct netlink_ext_ack *extack);
void hm_filter_abort(struct hm_device *hm);
void hm_filter_clear(struct hm_device *hm);
u64 hm_hits_sum(const struct hm_hits *hits);

/* Frames. */
enum hubmesh_drop hm_filter_tx(const struct hm_filter *filter, const struct hm_device *hm,
			       const struct hm_hub *hub, struct sk_buff *skb, __be16 *zone);
void hm_police_init(struct hm_police *police, struct hm_hub *hub);
enum hubmesh_drop hm_police_inner(struct hm_police *police, const u8 *frame, unsigned int len,
				  u16 zone, u8 ttl);

/* Does what may be sent depend on the hub that it is for? */
static inline bool hm_filter_asks_hub(const struct hm_filter *filter)
{
	return filter->kinds & BIT(HM_ZONE_HUB);
}

/* Is there anything to check? */
static inline bool hm_police_is_on(const struct hm_police *police)
{
	return police->guard || police->filter;
}

#endif
