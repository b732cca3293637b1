/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_DEVICE_H
#define _HM_DEVICE_H

#include <linux/netdevice.h>
#include <linux/mutex.h>
#include <linux/rhashtable.h>
#include <linux/xarray.h>
#include <net/gro_cells.h>
#include "fdb.h"

/**
 * struct hm_device - private part of a mesh interface
 * @dev: the net_device
 * @underlay: namespace the device was made in, where its sockets live; NULL
 *	once that namespace is gone.  Moving the device does not change it
 * @list: in the module's list of devices (for namespace exit)
 * @lock: serialises every change to tables and settings (netlink, namespace
 *	exit); taken inside rtnl where both are held
 * @sock4: UDP carrier socket, IPv4; changes under @lock, readers RCU
 * @sock6: UDP carrier socket, IPv6
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
 * @n_links: number of links
 * @hubs: hub id -> struct hm_hub, hashed with jhash; RCU for readers
 * @n_hubs: number of hubs
 * @generation: of the route set in force
 * @pending_routes: unfinished route transaction, owned by route.c
 * @fdb: MAC -> hub, struct rhashtable owned by fdb.c
 * @n_fdb: entries in @fdb
 * @fdb_gc: ages learned entries
 * @flow_key: secret of the flow hash
 */
struct hm_device {
	struct net_device *dev;
	struct net *underlay;
	struct list_head list;
	struct mutex lock;
	struct sock __rcu *sock4, *sock6;
	u16 port, control_port;
	u8 ttl;
	u32 fdb_age_ms;
	u64 rekey_frames;
	u32 hop_rate_pps;
	struct gro_cells gro_cells;
	struct hm_counters __percpu *counters;
	struct hm_drops __percpu *drops;
	struct xarray links;
	u32 n_links;
	struct hlist_head hubs[1 << HM_HUB_HASH_BITS];
	u32 n_hubs;
	u64 generation;
	struct hm_route_set *pending_routes;
	struct rhashtable fdb;
	atomic_t n_fdb;
	struct delayed_work fdb_gc;
};

/* device.c */
int hm_device_register(void);	/* rtnl link ops, pernet, netdevice notifier */
void hm_device_unregister(void);
bool hm_dev_is_hubmesh(const struct net_device *dev);

static inline const u8 *hm_own_id(const struct hm_device *hm)
{
	return hm->dev->dev_addr;
}

#endif
