/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_FDB_H
#define _HM_FDB_H

#include <linux/etherdevice.h>
#include <linux/rhashtable.h>
#include "hub.h"

int hm_fdb_init(struct hm_device *hm);
void hm_fdb_fini(struct hm_device *hm);
/* Which hub is @mac behind?  NULL if unknown.  RCU read side. */
struct hm_hub *hm_fdb_lookup(struct hm_device *hm, const u8 *mac);
/* An opened frame from @hub carried source @mac.  RCU, softirq.  Moves of
 * learned entries follow the newest; static entries never move; a hub's own
 * id is never learned behind another hub.  Full table: not learned, counted
 * nowhere (the frame itself is fine). */
void hm_fdb_learn(struct hm_device *hm, struct hm_hub *hub, const u8 *mac);
bool hm_fdb_learn_some(struct hm_device *hm, struct hm_hub *hub, const u8 *mac, u32 most);
void hm_fdb_hub_gone(struct hm_device *hm, struct hm_hub *hub);

/**
 * struct hm_fdb_entry - one MAC behind a hub
 * @node: in hm->fdb, by @mac
 * @all: in hm->fdb_entries
 * @by_hub: in hub->macs
 * @mac: the address
 * @is_static: added by netlink: never ages, never moves
 * @removed: left the table, under hm->fdb_lock
 * @hub: where it is, holds a reference; changes under hm->fdb_lock
 * @seen: jiffies when a frame from it arrived, at one second's precision
 * @id: number, ascending in hm->fdb_entries
 * @rcu: for freeing after readers
 */
struct hm_fdb_entry {
	struct rhash_head node;
	struct list_head all;
	struct list_head by_hub;
	u8 mac[ETH_ALEN];
	bool is_static;
	bool removed;
	struct hm_hub __rcu *hub;
	unsigned long seen;
	u64 id;
	struct rcu_head rcu;
};

/* fdb.c, process context, hm->lock held */
int hm_fdb_add_static(struct hm_device *hm, struct hm_hub *hub, const u8 *mac,
		      struct netlink_ext_ack *extack);
int hm_fdb_del(struct hm_device *hm, const u8 *mac, struct netlink_ext_ack *extack);
/* Remove learned entries, of @hub or, when NULL, of all. */
void hm_fdb_flush(struct hm_device *hm, struct hm_hub *hub);
/* hm->fdb_age_ms changed: look again. */
void hm_fdb_age_changed(struct hm_device *hm);
/* First entry after the one numbered @id (0: the first of all); RCU. */
struct hm_fdb_entry *hm_fdb_next(struct hm_device *hm, u64 id);

#endif
