/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_GROUPS_H
#define _HM_GROUPS_H

#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include "limits.h"

struct hm_device;

/**
 * struct hm_group - a group that somebody behind this hub listens to, by what was heard
 * @key: its multicast address as a number
 * @expires: jiffies after which nobody does any more
 */
struct hm_group {
	u64 key;
	unsigned long expires;
};

/**
 * struct hm_querier - who asks for the groups of IPv4, or of IPv6
 * @queries: general queries heard, while there is one
 * @heard_at: jiffies of the last
 * @answered_at: jiffies at which all will have answered two of them
 */
struct hm_querier {
	unsigned int queries;
	unsigned long heard_at, answered_at;
};

/**
 * struct hm_wanted - groups that this hub wants; does not change once published
 * @rcu: for freeing after readers
 * @flags: HUBMESH_GROUPS_F_*
 * @n: length of @key
 * @key: multicast addresses as numbers, sorted
 */
struct hm_wanted {
	struct rcu_head rcu;
	u32 flags;
	u32 n;
	u64 key[];
};

/* IP versions that have groups. */
enum { HM_IGMP, HM_MLD, HM_GROUP_FAMILIES };

/**
 * struct hm_groups - what is listened to here
 * @hm: device
 * @is_snooping: others than our own stack listen through the interface: a bridge, say;
 *	READ_ONCE on the fast path
 * @lock: protects @heard, @n_heard, @overflow_until and @querier
 * @heard: groups from membership reports
 * @n_heard: length of @heard
 * @overflow_until: jiffies until which more groups may be wanted than there was room for
 * @has_overflowed: @overflow_until counts
 * @querier: of each family
 * @malformed: membership messages that are none
 * @wanted: what follows from all that and the interface's list; NULL before the first
 *	look: everything
 * @is_due: bit 0: @work runs soon
 * @looked_at: jiffies of its last run
 * @work: looks
 */
struct hm_groups {
	struct hm_device *hm;
	bool is_snooping;
	spinlock_t lock;
	struct hm_group heard[HUBMESH_GROUPS_MAX];
	unsigned int n_heard;
	unsigned long overflow_until;
	bool has_overflowed;
	struct hm_querier querier[HM_GROUP_FAMILIES];
	atomic64_t malformed;
	struct hm_wanted __rcu *wanted;
	unsigned long is_due, looked_at;
	struct delayed_work work;
};

struct net_device;
struct sk_buff;

void hm_groups_init(struct hm_device *hm);
void hm_groups_stop(struct hm_device *hm);
void hm_groups_fini(struct hm_device *hm);
/* ndo_set_rx_mode */
void hm_groups_rx_mode(struct net_device *dev);
bool hm_group_is_prunable(const u8 *mac);
u64 hm_group_key(const u8 *mac);

/* Softirq or BH disabled. */
bool hm_groups_want(const struct hm_device *hm, const u8 *mac);
bool hm_groups_insist(const struct hm_device *hm, const u8 *mac);
void hm_groups_hear_local(struct hm_device *hm, struct sk_buff *skb);
void hm_groups_hear_mesh(struct hm_device *hm, const u8 *frame, unsigned int len);
bool hm_is_membership_frame(const u8 *frame, unsigned int len);

#endif
