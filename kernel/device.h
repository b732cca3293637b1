/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_DEVICE_H
#define _HM_DEVICE_H

#include <linux/netdevice.h>
#include <linux/mutex.h>
#include <linux/rhashtable.h>
#include <linux/siphash.h>
#include <linux/xarray.h>
#include <net/gro_cells.h>
#include "classify.h"
#include "fdb.h"
#include "groups.h"
#include "key.h"
#include "peers.h"
#include "tree.h"

/**
 * struct hm_device - private part of a mesh interface
 * @dev: the net_device
 * @underlay: namespace the device was made in, where its sockets live; NULL
 *	once that namespace is going.  Moving the device does not change it.  Not
 *	owned; changes under @lock.  A reader on the RCU read side reads it once
 *	(READ_ONCE) and may use what it got until rcu_read_unlock()
 * @list: in the module's list of devices (for namespace exit)
 * @lock: serialises every change to tables and settings (netlink, namespace
 *	exit); taken inside rtnl where both are held
 * @dead: the device is being unregistered, its tables are gone and must stay
 *	empty; set once, under @lock
 * @sock4: UDP carrier socket, IPv4; changes under @lock, readers RCU
 * @sock6: UDP carrier socket, IPv6
 * @listener: among those that take frames without IP; under rtnl, readers RCU
 * @is_listening: @listener is in a list
 * @port: UDP port of both, host order
 * @control_port: TCP port that HOP frames may carry, host order
 * @ttl: hops given to frames that start here
 * @fdb_age_ms: learned entries die after this; 0 never
 * @rekey_frames: key-needed event after this many frames in one lane
 * @hop_rate_pps: HOP frames accepted per link
 * @gro_cells: delivery of opened frames
 * @counters: per-CPU statistics
 * @drops: per-CPU drop reasons
 * @links: index -> struct hm_link
 * @near_links: the first of them again, for the fast path: meshd gives the lowest free
 *	index; under @lock, readers RCU
 * @n_links: number of links
 * @hubs: hub id -> struct hm_hub, hashed with jhash; RCU for readers
 * @n_hubs: number of hubs
 * @table_seq: changes with every change of @links, @hubs or routes, never 0;
 *	tells a dump that it was interrupted
 * @generation: of the route set in force
 * @pending_routes: unfinished route transaction, owned by route.c
 * @fdb: MAC -> hub, struct rhashtable owned by fdb.c
 * @fdb_lock: protects @fdb_entries, @fdb_next_id, changes of @fdb and of its
 *	entries; taken in softirq, inside @lock
 * @fdb_entries: all entries of @fdb, oldest first
 * @fdb_next_id: number of the next entry, a cursor for dumps
 * @n_fdb: entries in @fdb
 * @fdb_gc: ages learned entries
 * @flow_key: secret of the flow hash
 * @trains: per-CPU trains, owned by train.c
 * @train_ns: how long a frame may wait in a train, 0 not at all
 * @rules: which frames get which class, NULL for none
 * @storm: limits of what is flooded from here
 * @filter: rule set in force, or NULL for none; changes under @lock
 * @pending_filter: rule set of the unfinished transaction, owned by filter.c
 * @filter_generation: of the rule set in force
 * @tree: tree with us as its root
 * @sender: keys that tree frames are sealed with here
 * @n_proved: hubs known to have the one that transmit uses
 * @groups: multicast that is wanted here
 * @peers: hubs that frames are exchanged with
 */
struct hm_device {
	struct net_device *dev;
	struct net *underlay;
	struct list_head list;
	struct mutex lock;
	bool dead;
	struct sock __rcu *sock4, *sock6;
	struct list_head listener;
	bool is_listening;
	u16 port, control_port;
	u8 ttl;
	u32 fdb_age_ms;
	u64 rekey_frames;
	u32 hop_rate_pps;
	struct gro_cells gro_cells;
	struct hm_counters __percpu *counters;
	struct hm_drops __percpu *drops;
	struct xarray links;
	struct hm_link __rcu *near_links[HM_NEAR_LINKS];
	u32 n_links;
	struct hlist_head hubs[1 << HM_HUB_HASH_BITS];
	u32 n_hubs;
	u32 table_seq;
	u64 generation;
	struct hm_route_set *pending_routes;
	struct rhashtable fdb;
	spinlock_t fdb_lock;
	struct list_head fdb_entries;
	u64 fdb_next_id;
	atomic_t n_fdb;
	struct delayed_work fdb_gc;
	siphash_key_t flow_key;
	struct hm_trains __percpu *trains;
	u32 train_ns;
	struct hm_rules __rcu *rules;
	struct hm_storm storm;
	struct hm_filter __rcu *filter;
	struct hm_filter *pending_filter;
	u64 filter_generation;
	struct hm_tree_place tree;
	struct hm_keyring sender;
	u32 n_proved;
	struct hm_groups groups;
	struct hm_peers peers;
};

/**
 * hm_tables_changed() - note that a dump in progress is no longer consistent
 * @hm: device; its lock is held
 */
static inline void hm_tables_changed(struct hm_device *hm)
{
	lockdep_assert_held(&hm->lock);
	if (!++hm->table_seq)
		hm->table_seq = 1;
}

/* device.c */
int hm_device_register(void);	/* rtnl link ops, pernet, netdevice notifier */
void hm_device_unregister(void);
bool hm_dev_is_hubmesh(const struct net_device *dev);

/**
 * struct hm_device_config - settings to change, as DEV_SET gives them
 * @set: bit mask, BIT(HUBMESH_A_DEVICE_*) of the members that are given
 * @id: new hub id
 * @port: new carrier port, host order
 * @control_port: new control port, host order
 * @ttl: new initial hop count
 * @fdb_age_ms: new age limit of learned entries
 * @rekey_frames: new soft limit of a key
 * @hop_rate_pps: new limit of HOP frames
 * @storm_pps: new limits of what is flooded
 * @peers: hubs that frames are exchanged with
 */
struct hm_device_config {
	u32 set;
	u8 id[HM_HUB_ID_LEN];
	u16 port, control_port;
	u8 ttl;
	u32 fdb_age_ms;
	u64 rekey_frames;
	u32 hop_rate_pps;
	u32 storm_pps[HM_STORM_KINDS];
	struct hm_peers peers;
};

int hm_device_configure(struct hm_device *hm, const struct hm_device_config *cfg,
			struct netlink_ext_ack *extack);

static inline const u8 *hm_own_id(const struct hm_device *hm)
{
	return hm->dev->dev_addr;
}

#endif
