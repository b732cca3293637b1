// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: forwarding database
 *
 * Which hub is a MAC address behind?  Three answers, in this order: the hub
 * whose id the address is; a static entry (netlink); a learned entry, made from
 * the source address of an opened frame.  Frames are authentic, so a hub can lie
 * only about the addresses behind it, never about hub ids.
 *
 * Learned entries follow the newest sender and die after hm->fdb_age_ms without
 * a frame; static entries do neither.  The table holds HUBMESH_FDB_MAX entries:
 * when it is full nothing is learned, and frames are flooded or dropped as for
 * an unknown address.
 *
 * Readers use RCU.  Every change takes hm->fdb_lock, which softirq takes too;
 * in the common case (same address, same hub) learning takes no lock and writes
 * at most once a second.  An entry holds a reference on its hub; hub removal
 * sets hub->removed under the lock, so no entry for it can appear afterwards.
 */
#include <linux/slab.h>
#include "device.h"
#include "event.h"
#include "fdb.h"
#include "main.h"

static const struct rhashtable_params fdb_params = {
	.key_offset = offsetof(struct hm_fdb_entry, mac),
	.key_len = ETH_ALEN,
	.head_offset = offsetof(struct hm_fdb_entry, node),
	.automatic_shrinking = true,
};

static struct hm_hub *entry_hub(const struct hm_device *hm, const struct hm_fdb_entry *entry)
{
	return rcu_dereference_protected(entry->hub, lockdep_is_held(&hm->fdb_lock));
}

static u32 entry_flags(const struct hm_fdb_entry *entry)
{
	return entry->is_static ? HUBMESH_FDB_F_STATIC : 0;
}

/* fdb_lock held.  Returns 0, -ENOSPC or -ENOMEM. */
static int entry_insert(struct hm_device *hm, struct hm_hub *hub, const u8 *mac, bool is_static)
{
	struct hm_fdb_entry *entry;
	int ret;

	if (atomic_read(&hm->n_fdb) >= HUBMESH_FDB_MAX)
		return -ENOSPC;
	entry = kzalloc(sizeof(*entry), GFP_ATOMIC | __GFP_NOWARN);
	if (!entry)
		return -ENOMEM;
	ether_addr_copy(entry->mac, mac);
	entry->is_static = is_static;
	entry->seen = jiffies;
	entry->id = hm->fdb_next_id;
	RCU_INIT_POINTER(entry->hub, hub);
	ret = rhashtable_insert_fast(&hm->fdb, &entry->node, fdb_params);
	if (ret) {
		kfree(entry);
		return ret;
	}
	/* The table's reference is still held: hub->removed is not set. */
	hm_hub_get(hub);
	hub->n_learned += !is_static;
	hm->fdb_next_id++;
	list_add_tail_rcu(&entry->all, &hm->fdb_entries);
	list_add(&entry->by_hub, &hub->macs);
	atomic_inc(&hm->n_fdb);
	hm_event_fdb(hm, HUBMESH_EVENT_FDB_NEW, mac, hub->id, entry_flags(entry));
	return 0;
}

/* fdb_lock held.  Readers keep the hub they find until their grace period. */
static void entry_move(struct hm_device *hm, struct hm_fdb_entry *entry, struct hm_hub *hub)
{
	struct hm_hub *old = entry_hub(hm, entry);

	old->n_learned -= !entry->is_static;
	hub->n_learned += !entry->is_static;
	hm_hub_get(hub);
	rcu_assign_pointer(entry->hub, hub);
	list_move(&entry->by_hub, &hub->macs);
	WRITE_ONCE(entry->seen, jiffies);
	hm_hub_put(old);
	hm_event_fdb(hm, HUBMESH_EVENT_FDB_NEW, entry->mac, hub->id, entry_flags(entry));
}

/* fdb_lock held. */
static void entry_remove(struct hm_device *hm, struct hm_fdb_entry *entry)
{
	struct hm_hub *hub = entry_hub(hm, entry);

	entry->removed = true;
	rhashtable_remove_fast(&hm->fdb, &entry->node, fdb_params);
	list_del_rcu(&entry->all);
	list_del(&entry->by_hub);
	hub->n_learned -= !entry->is_static;
	atomic_dec(&hm->n_fdb);
	hm_event_fdb(hm, HUBMESH_EVENT_FDB_DEL, entry->mac, hub->id, entry_flags(entry));
	hm_hub_put(hub);
	kfree_rcu(entry, rcu);
}

/**
 * hm_fdb_lookup() - Which hub is an address behind?
 * @hm: device
 * @mac: unicast address
 *
 * Context: RCU read side.
 * Return: the hub, borrowed; NULL if unknown.
 */
struct hm_hub *hm_fdb_lookup(struct hm_device *hm, const u8 *mac)
{
	struct hm_fdb_entry *entry;
	struct hm_hub *hub;

	hub = hm_hub_by_id(hm, mac);
	if (hub)
		return hub;
	entry = rhashtable_lookup(&hm->fdb, mac, fdb_params);
	return entry ? rcu_dereference(entry->hub) : NULL;
}

/* Hub ids are never learned behind another hub, nor our own address anywhere. */
static bool may_learn(const struct hm_device *hm, const u8 *mac)
{
	return is_valid_ether_addr(mac) && !ether_addr_equal(mac, hm_own_id(hm)) &&
	       !hm_hub_by_id(hm, mac);
}

static void learn_slow(struct hm_device *hm, struct hm_hub *hub, const u8 *mac)
{
	struct hm_fdb_entry *entry;

	spin_lock_bh(&hm->fdb_lock);
	if (hub->removed)
		goto out;
	entry = rhashtable_lookup_fast(&hm->fdb, mac, fdb_params);
	if (!entry)
		entry_insert(hm, hub, mac, false);
	else if (!entry->is_static && entry_hub(hm, entry) != hub)
		entry_move(hm, entry, hub);
out:
	spin_unlock_bh(&hm->fdb_lock);
}

/**
 * hm_fdb_learn() - An opened frame came from an address
 * @hm: device
 * @hub: hub that sealed the frame
 * @mac: source address of the inner frame, 2-byte aligned
 *
 * Context: RCU read side, softirq.
 */
void hm_fdb_learn(struct hm_device *hm, struct hm_hub *hub, const u8 *mac)
{
	struct hm_fdb_entry *entry;

	if (likely(ether_addr_equal(mac, hub->id)))
		return;
	entry = rhashtable_lookup(&hm->fdb, mac, fdb_params);
	if (entry && (READ_ONCE(entry->is_static) || rcu_access_pointer(entry->hub) == hub)) {
		if (time_after(jiffies, READ_ONCE(entry->seen) + HZ))
			WRITE_ONCE(entry->seen, jiffies);
		return;
	}
	if (!entry && atomic_read(&hm->n_fdb) >= HUBMESH_FDB_MAX)
		return;
	if (may_learn(hm, mac))
		learn_slow(hm, hub, mac);
}

/**
 * hm_fdb_learn_some() - May frames of a hub come from an address?
 * @hm: device
 * @hub: hub that sealed the frame
 * @mac: source address of the inner frame, 2-byte aligned
 * @most: addresses that may be learned behind @hub
 *
 * Learns the address if nobody has it.  One that is behind another hub stays
 * there until it ages out.
 *
 * Context: RCU read side, softirq.
 * Return: true if @mac is behind @hub now.
 */
bool hm_fdb_learn_some(struct hm_device *hm, struct hm_hub *hub, const u8 *mac, u32 most)
{
	struct hm_fdb_entry *entry = rhashtable_lookup(&hm->fdb, mac, fdb_params);
	bool is_ours;

	if (entry)
		return rcu_access_pointer(entry->hub) == hub;
	if (!may_learn(hm, mac))
		return false;
	spin_lock_bh(&hm->fdb_lock);
	entry = rhashtable_lookup_fast(&hm->fdb, mac, fdb_params);
	is_ours = entry ? entry_hub(hm, entry) == hub :
			  !hub->removed && hub->n_learned < most &&
			  !entry_insert(hm, hub, mac, false);
	spin_unlock_bh(&hm->fdb_lock);
	return is_ours;
}

static bool has_expired(const struct hm_device *hm, const struct hm_fdb_entry *entry)
{
	u32 age_ms = READ_ONCE(hm->fdb_age_ms);

	return age_ms && !entry->is_static &&
	       time_after(jiffies, READ_ONCE(entry->seen) + msecs_to_jiffies(age_ms));
}

static void schedule_ageing(struct hm_device *hm)
{
	u32 age_ms = READ_ONCE(hm->fdb_age_ms);

	if (age_ms)
		queue_delayed_work(hm_wq, &hm->fdb_gc,
				   msecs_to_jiffies(clamp_t(u32, age_ms / 4, HM_FDB_GC_MS_MIN,
							    HM_FDB_GC_MS)));
}

static void age_entries(struct work_struct *work)
{
	struct hm_device *hm = container_of(to_delayed_work(work), struct hm_device, fdb_gc);
	struct hm_fdb_entry *entry;

	rcu_read_lock();
	list_for_each_entry_rcu(entry, &hm->fdb_entries, all) {
		if (!has_expired(hm, entry))
			continue;
		spin_lock_bh(&hm->fdb_lock);
		/* Someone else may have removed or refreshed it meanwhile. */
		if (!entry->removed && has_expired(hm, entry))
			entry_remove(hm, entry);
		spin_unlock_bh(&hm->fdb_lock);
	}
	rcu_read_unlock();
	schedule_ageing(hm);
}

/**
 * hm_fdb_add_static() - Add a static entry
 * @hm: device
 * @hub: where the address is
 * @mac: unicast address that is not a hub id
 * @extack: tells why on refusal
 *
 * A learned entry of that address becomes static.
 *
 * Context: Process context, hm->lock held.
 * Return: 0; -EADDRNOTAVAIL not an address that can be behind a hub; -EEXIST
 * a static entry exists; -ENOSPC table full; -ENOMEM.
 */
int hm_fdb_add_static(struct hm_device *hm, struct hm_hub *hub, const u8 *mac,
		      struct netlink_ext_ack *extack)
{
	struct hm_fdb_entry *entry;
	int ret = 0;

	lockdep_assert_held(&hm->lock);
	if (!may_learn(hm, mac)) {
		NL_SET_ERR_MSG(extack, "FDB_MAC: must be unicast and not the id of a hub");
		return -EADDRNOTAVAIL;
	}
	spin_lock_bh(&hm->fdb_lock);
	entry = rhashtable_lookup_fast(&hm->fdb, mac, fdb_params);
	if (entry && entry->is_static) {
		NL_SET_ERR_MSG(extack, "FDB_MAC: has a static entry; remove it first");
		ret = -EEXIST;
	} else if (entry) {
		entry_hub(hm, entry)->n_learned--;
		WRITE_ONCE(entry->is_static, true);
		entry_move(hm, entry, hub);
	} else {
		ret = entry_insert(hm, hub, mac, true);
	}
	spin_unlock_bh(&hm->fdb_lock);
	if (ret == -ENOSPC)
		NL_SET_ERR_MSG(extack, "the fdb is full: remove or flush entries");
	return ret;
}

/**
 * hm_fdb_del() - Remove one entry, static or learned
 * @hm: device
 * @mac: its address
 * @extack: tells why on refusal
 *
 * Context: Process context, hm->lock held.
 * Return: 0; -ENOENT there is none.
 */
int hm_fdb_del(struct hm_device *hm, const u8 *mac, struct netlink_ext_ack *extack)
{
	struct hm_fdb_entry *entry;

	lockdep_assert_held(&hm->lock);
	spin_lock_bh(&hm->fdb_lock);
	entry = rhashtable_lookup_fast(&hm->fdb, mac, fdb_params);
	if (entry)
		entry_remove(hm, entry);
	spin_unlock_bh(&hm->fdb_lock);
	if (entry)
		return 0;
	NL_SET_ERR_MSG(extack, "FDB_MAC: no entry for that address");
	return -ENOENT;
}

/**
 * hm_fdb_flush() - Remove learned entries
 * @hm: device
 * @hub: those behind this hub; NULL: all
 *
 * Context: Process context, hm->lock held.
 */
void hm_fdb_flush(struct hm_device *hm, struct hm_hub *hub)
{
	struct hm_fdb_entry *entry, *next;

	lockdep_assert_held(&hm->lock);
	spin_lock_bh(&hm->fdb_lock);
	list_for_each_entry_safe(entry, next, &hm->fdb_entries, all)
		if (!entry->is_static && (!hub || entry_hub(hm, entry) == hub))
			entry_remove(hm, entry);
	spin_unlock_bh(&hm->fdb_lock);
}

/**
 * hm_fdb_hub_gone() - Remove every entry behind a hub, for good
 * @hm: device
 * @hub: hub that is being removed
 *
 * Context: Process context, hm->lock held.
 */
void hm_fdb_hub_gone(struct hm_device *hm, struct hm_hub *hub)
{
	struct hm_fdb_entry *entry, *next;

	spin_lock_bh(&hm->fdb_lock);
	hub->removed = true;
	list_for_each_entry_safe(entry, next, &hub->macs, by_hub)
		entry_remove(hm, entry);
	spin_unlock_bh(&hm->fdb_lock);
}

/**
 * hm_fdb_age_changed() - Apply a new hm->fdb_age_ms at once
 * @hm: device, not dead
 *
 * Context: Process context, hm->lock held.
 */
void hm_fdb_age_changed(struct hm_device *hm)
{
	lockdep_assert_held(&hm->lock);
	mod_delayed_work(hm_wq, &hm->fdb_gc, 0);
}

/**
 * hm_fdb_next() - Walk the table
 * @hm: device
 * @id: number of the last entry seen, 0 to start
 *
 * Entries have ascending numbers, so a walk may stop and go on at any time and
 * shows every entry that was there all along exactly once.
 *
 * Context: RCU read side.
 * Return: the next entry, borrowed; NULL at the end.
 */
struct hm_fdb_entry *hm_fdb_next(struct hm_device *hm, u64 id)
{
	struct hm_fdb_entry *entry;

	list_for_each_entry_rcu(entry, &hm->fdb_entries, all)
		if (entry->id > id)
			return entry;
	return NULL;
}

/**
 * hm_fdb_init() - Make the empty table of a device
 * @hm: device; hm->fdb_age_ms is set
 *
 * Context: Process context.
 * Return: 0 or -ENOMEM.
 */
int hm_fdb_init(struct hm_device *hm)
{
	int ret;

	spin_lock_init(&hm->fdb_lock);
	INIT_LIST_HEAD(&hm->fdb_entries);
	hm->fdb_next_id = 1;
	atomic_set(&hm->n_fdb, 0);
	INIT_DELAYED_WORK(&hm->fdb_gc, age_entries);
	ret = rhashtable_init(&hm->fdb, &fdb_params);
	if (!ret)
		schedule_ageing(hm);
	return ret;
}

/**
 * hm_fdb_fini() - Free the table
 * @hm: device; every hub is gone and with them every entry, and no reader is left
 *
 * Context: Process context.
 */
void hm_fdb_fini(struct hm_device *hm)
{
	cancel_delayed_work_sync(&hm->fdb_gc);
	WARN_ON(!list_empty(&hm->fdb_entries));
	rhashtable_destroy(&hm->fdb);
}
