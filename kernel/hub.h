/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_HUB_H
#define _HM_HUB_H

#include <linux/skbuff.h>
#include "guard.h"
#include "route.h"
#include "tree.h"

/**
 * struct hm_hub - another member of the mesh
 * @node: in hm->hubs, hashed by @id
 * @hm: the device it belongs to
 * @id: its hub id, also its mesh MAC
 * @nexthops: route in force, or NULL
 * @staged: route of the unfinished route set, or NULL; under the device lock
 * @keys: seal keys of the pair
 * @tree: tree with it as the root
 * @sender: keys it seals tree frames with; none is for transmit
 * @sender_proved: mask of the phases of our sender key it is known to have; under the
 *	device lock, READ_ONCE on the fast path
 * @barred: HM_BARRED_*; READ_ONCE on the fast path
 * @counters: per-CPU statistics: tx sealed to it, rx opened from it
 * @held: inner frames that wait for a seal key, at most HM_HOLD_FRAMES_MAX
 * @hold_work: drops @held after HM_HOLD_MS
 * @asked_at: jiffies of the last need-session event, 0 before the first
 * @macs: fdb entries behind this hub, under hm->fdb_lock
 * @n_learned: those of them that were learned, likewise
 * @guard: what its frames may be, or NULL for anything; changes under the device lock
 * @removed: left the table: no fdb entry may be made for it any more; under
 *	hm->fdb_lock
 * @refs: the table's reference and one per fdb entry or deferred user
 * @free_work: for freeing after readers
 *
 * Removal unlinks the hub under hm->lock and drops the table's reference.  The
 * last reference queues @free_work, which runs after an RCU grace period: so a
 * pointer found under rcu_read_lock() stays good until rcu_read_unlock(), and
 * one kept longer needs hm_hub_get().  Each hub holds a reference on its
 * net_device until it is freed: hub->hm is good as long as the hub is.
 */
struct hm_hub {
	struct hlist_node node;
	struct hm_device *hm;
	u8 id[HM_HUB_ID_LEN];
	struct hm_nexthops __rcu *nexthops;
	struct hm_nexthops *staged;
	struct hm_keyring keys;
	struct hm_tree_place tree;
	struct hm_keyring sender;
	u8 sender_proved, barred;
	struct hm_counters __percpu *counters;
	struct sk_buff_head held;
	struct delayed_work hold_work;
	unsigned long asked_at;
	struct list_head macs;
	u32 n_learned;
	struct hm_guard __rcu *guard;
	bool removed;
	refcount_t refs;
	struct rcu_work free_work;
};

void hm_hubs_init(void);
struct hm_hub *hm_hub_by_id(const struct hm_device *hm, const u8 *id);	/* RCU */
void hm_hub_put(struct hm_hub *hub);
void hm_hubs_clear(struct hm_device *hm);

bool hm_hub_id_is_valid(const u8 *id);
int hm_hub_new(struct hm_device *hm, const u8 *id, struct netlink_ext_ack *extack);
void hm_hub_del(struct hm_hub *hub);
/* hub.c: @hub has @phase of our sender key; it has none any more; that phase is gone;
 * transmit uses another phase.  hm->lock held. */
void hm_hub_sender_proved(struct hm_hub *hub, u8 phase);
void hm_hub_sender_lost(struct hm_hub *hub);
void hm_hubs_sender_gone(struct hm_device *hm, u8 phase);
void hm_hubs_sender_changed(struct hm_device *hm);
/* hub.c: forget what the datapath holds for every hub (the interface went down) */
void hm_hubs_drop_held(struct hm_device *hm);

/* Under the device lock or, for reading, RCU. */
#define hm_for_each_hub(hm, bucket, hub)				\
	for ((bucket) = 0; (bucket) < ARRAY_SIZE((hm)->hubs); (bucket)++) \
		hlist_for_each_entry_rcu(hub, &(hm)->hubs[bucket], node, \
					 lockdep_is_held(&(hm)->lock))

static inline struct hm_hub *hm_hub_get(struct hm_hub *hub)
{
	return refcount_inc_not_zero(&hub->refs) ? hub : NULL;
}

#endif
