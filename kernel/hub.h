/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_HUB_H
#define _HM_HUB_H

#include <linux/skbuff.h>
#include "route.h"

/**
 * struct hm_hub - another member of the mesh
 * @node: in hm->hubs, hashed by @id
 * @hm: the device it belongs to
 * @id: its hub id, also its mesh MAC
 * @nexthops: route, or NULL
 * @keys: seal keys of the pair
 * @counters: per-CPU statistics: tx sealed to it, rx opened from it
 * @held: inner frames that wait for a seal key, at most HM_HOLD_FRAMES_MAX
 * @hold_work: drops @held after HM_HOLD_MS
 * @asked_at: jiffies of the last need-session event
 * @refs: the table's reference and one per fdb entry or deferred user
 * @free_work: for freeing after readers
 */
struct hm_hub {
	struct hlist_node node;
	struct hm_device *hm;
	u8 id[HM_HUB_ID_LEN];
	struct hm_nexthops __rcu *nexthops;
	struct hm_keyring keys;
	struct hm_counters __percpu *counters;
	struct sk_buff_head held;
	struct delayed_work hold_work;
	unsigned long asked_at;
	refcount_t refs;
	struct rcu_work free_work;
};

struct hm_hub *hm_hub_by_id(const struct hm_device *hm, const u8 *id);	/* RCU */
void hm_hub_put(struct hm_hub *hub);
void hm_hubs_clear(struct hm_device *hm);

static inline struct hm_hub *hm_hub_get(struct hm_hub *hub)
{
	return refcount_inc_not_zero(&hub->refs) ? hub : NULL;
}

#endif
