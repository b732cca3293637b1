// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: hubs
 *
 * The other members of the mesh, by id.  A hub carries its seal keys, its
 * route, the frames that wait for its first key, and a list of the MACs behind
 * it.  This file owns the table and the lifetime; what it does not decide is
 * who becomes a hub (meshd) and when held frames leave (tx.c).
 *
 * Removal, under hm->lock: out of the table, route withdrawn, fdb entries
 * removed and further ones refused, keys wiped, the table's reference dropped.
 * A transmitter that found the hub a moment before may still hold a frame and
 * arm the hold timer until its rcu_read_unlock(); so timer and queue are
 * emptied for good only in the free, which comes after a grace period.
 */
#include <linux/etherdevice.h>
#include <linux/random.h>
#include <linux/slab.h>
#include "datapath.h"
#include "device.h"
#include "main.h"

/*
 * Ids are hashes of keys an attacker may pick: the bucket must not be guessable.
 * Multiply-shift with a secret odd factor (Dietzfelbinger et al., 1997) is enough
 * for that, as nobody outside sees which ids share a bucket.
 */
static u64 bucket_factor __ro_after_init;

static unsigned int hub_bucket(const u8 *id)
{
	u64 number = get_unaligned((const u32 *)id) |
		     (u64)get_unaligned((const u16 *)(id + 4)) << 32;

	return number * bucket_factor >> (64 - HM_HUB_HASH_BITS);
}

/**
 * hm_hubs_init() - Draw the secret of the hub tables.
 *
 * Context: Process context, module init.
 */
void __init hm_hubs_init(void)
{
	bucket_factor = get_random_u64() | 1;
}

static void hub_free_work(struct work_struct *work)
{
	struct hm_hub *hub = container_of(to_rcu_work(work), struct hm_hub, free_work);
	struct net_device *dev = hub->hm->dev;

	cancel_delayed_work_sync(&hub->hold_work);
	hm_drop_held(hub);
	free_percpu(hub->counters);
	kfree(rcu_dereference_protected(hub->guard, true));
	kfree(hub);
	dev_put(dev);
}

/**
 * hm_hub_put() - Drop a reference
 * @hub: hub
 *
 * Context: Any.  The last reference frees the hub after an RCU grace period.
 */
void hm_hub_put(struct hm_hub *hub)
{
	if (refcount_dec_and_test(&hub->refs))
		queue_rcu_work(hm_wq, &hub->free_work);
}

/**
 * hm_hub_by_id() - Find a hub
 * @hm: device
 * @id: hub id, 6 bytes at any alignment
 *
 * Context: RCU read side, or hm->lock held.
 * Return: the hub, borrowed; NULL if it is not known.
 */
struct hm_hub *hm_hub_by_id(const struct hm_device *hm, const u8 *id)
{
	struct hm_hub *hub;

	hlist_for_each_entry_rcu(hub, &hm->hubs[hub_bucket(id)], node,
				 lockdep_is_held(&hm->lock))
		if (ether_addr_equal_unaligned(hub->id, id))
			return hub;
	return NULL;
}

/**
 * hm_hub_id_is_valid() - Can this be the id of a hub?
 * @id: 6 bytes
 *
 * Context: Any.
 * Return: true for a locally administered unicast MAC.
 */
bool hm_hub_id_is_valid(const u8 *id)
{
	return is_local_ether_addr(id) && !is_multicast_ether_addr(id);
}

static struct hm_hub *hub_alloc(struct hm_device *hm, const u8 *id)
{
	struct hm_hub *hub = kzalloc(sizeof(*hub), GFP_KERNEL);

	if (!hub)
		return NULL;
	hub->counters = hm_counters_alloc(0);
	if (!hub->counters) {
		kfree(hub);
		return NULL;
	}
	hub->hm = hm;
	ether_addr_copy(hub->id, id);
	hm_keyring_init(&hub->keys);
	hm_keyring_init(&hub->sender);
	skb_queue_head_init(&hub->held);
	INIT_DELAYED_WORK(&hub->hold_work, hm_hold_expired);
	INIT_LIST_HEAD(&hub->macs);
	refcount_set(&hub->refs, 1);
	INIT_RCU_WORK(&hub->free_work, hub_free_work);
	dev_hold(hm->dev);
	return hub;
}

/**
 * hm_hub_new() - Make a hub known
 * @hm: device
 * @id: its id
 * @extack: tells why on refusal
 *
 * Context: Process context, hm->lock held.
 * Return: 0; -EADDRNOTAVAIL not a hub id, or our own; -EEXIST known already;
 * -ENOSPC table full; -ENOMEM.
 */
int hm_hub_new(struct hm_device *hm, const u8 *id, struct netlink_ext_ack *extack)
{
	struct hm_hub *hub;

	lockdep_assert_held(&hm->lock);
	if (!hm_hub_id_is_valid(id)) {
		NL_SET_ERR_MSG(extack, "HUB_ID: must be a locally administered unicast MAC");
		return -EADDRNOTAVAIL;
	}
	if (ether_addr_equal(id, hm_own_id(hm))) {
		NL_SET_ERR_MSG(extack, "HUB_ID: is this hub itself");
		return -EADDRNOTAVAIL;
	}
	if (hm_hub_by_id(hm, id)) {
		NL_SET_ERR_MSG(extack, "HUB_ID: that hub is known already");
		return -EEXIST;
	}
	if (hm->n_hubs >= HUBMESH_HUBS_MAX) {
		NL_SET_ERR_MSG(extack, "the hub table is full: remove a hub");
		return -ENOSPC;
	}
	hub = hub_alloc(hm, id);
	if (!hub)
		return -ENOMEM;
	hm_peers_bar(hub);
	hlist_add_head_rcu(&hub->node, &hm->hubs[hub_bucket(id)]);
	hm->n_hubs++;
	hm_tables_changed(hm);
	return 0;
}

/**
 * hm_hub_del() - Forget a hub, its seal keys, route and fdb entries
 * @hub: hub; not to be used by the caller afterwards
 *
 * Context: Process context, hub->hm->lock held.
 */
void hm_hub_del(struct hm_hub *hub)
{
	struct hm_device *hm = hub->hm;

	lockdep_assert_held(&hm->lock);
	hlist_del_rcu(&hub->node);
	hm->n_hubs--;
	hm_tables_changed(hm);
	hm_route_hub_gone(hub);
	hm_fdb_hub_gone(hm, hub);
	hm_tree_withdraw(hm, &hub->tree);
	hm_keyring_clear(&hub->keys);
	hm_keyring_clear(&hub->sender);
	if (hub->sender_proved)
		hm_hubs_sender_changed(hm);
	hm_hub_put(hub);
}

/**
 * hm_hubs_clear() - Forget every hub
 * @hm: device that is being unregistered
 *
 * Context: Process context, hm->lock held.
 */
void hm_hubs_clear(struct hm_device *hm)
{
	struct hlist_node *next;
	unsigned int bucket;
	struct hm_hub *hub;

	for (bucket = 0; bucket < ARRAY_SIZE(hm->hubs); bucket++)
		hlist_for_each_entry_safe(hub, next, &hm->hubs[bucket], node)
			hm_hub_del(hub);
}

/**
 * hm_hubs_drop_held() - Drop every frame that waits for a session
 * @hm: device that goes down
 *
 * Context: Process context, hm->lock held.
 */
void hm_hubs_drop_held(struct hm_device *hm)
{
	unsigned int bucket;
	struct hm_hub *hub;

	lockdep_assert_held(&hm->lock);
	hm_for_each_hub(hm, bucket, hub)
		hm_drop_held(hub);
}

/**
 * hm_hubs_sender_changed() - Count anew who has the sender key that transmit uses
 * @hm: device whose sender key, or what is known of it, has changed
 *
 * Context: Process context, hm->lock held.
 */
void hm_hubs_sender_changed(struct hm_device *hm)
{
	unsigned int bucket;
	struct hm_hub *hub;
	u32 n = 0;
	int phase;

	lockdep_assert_held(&hm->lock);
	rcu_read_lock();
	phase = hm_keyring_tx_phase(&hm->sender);
	rcu_read_unlock();
	if (phase >= 0)
		hm_for_each_hub(hm, bucket, hub)
			n += !!(hub->sender_proved & BIT(phase));
	WRITE_ONCE(hm->n_proved, n);
}

/**
 * hm_hub_sender_proved() - A hub has a phase of our sender key
 * @hub: hub
 * @phase: installed phase
 *
 * Context: Process context, hub->hm->lock held.
 */
void hm_hub_sender_proved(struct hm_hub *hub, u8 phase)
{
	WRITE_ONCE(hub->sender_proved, hub->sender_proved | BIT(phase));
	hm_hubs_sender_changed(hub->hm);
}

/**
 * hm_hub_sender_lost() - A hub has no sender key of ours any more
 * @hub: hub that was restarted
 *
 * Context: Process context, hub->hm->lock held.
 */
void hm_hub_sender_lost(struct hm_hub *hub)
{
	WRITE_ONCE(hub->sender_proved, 0);
	hm_hubs_sender_changed(hub->hm);
}

/**
 * hm_hubs_sender_gone() - A phase of our sender key is not what it was
 * @hm: device
 * @phase: phase that nobody has proved any more
 *
 * Context: Process context, hm->lock held.
 */
void hm_hubs_sender_gone(struct hm_device *hm, u8 phase)
{
	unsigned int bucket;
	struct hm_hub *hub;

	lockdep_assert_held(&hm->lock);
	hm_for_each_hub(hm, bucket, hub)
		WRITE_ONCE(hub->sender_proved, hub->sender_proved & ~BIT(phase));
	hm_hubs_sender_changed(hm);
}
