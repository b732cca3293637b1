/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_ROUTE_H
#define _HM_ROUTE_H

#include <linux/rcupdate.h>
#include "link.h"

/**
 * struct hm_nexthops - where frames for one hub leave
 * @rcu: for freeing after readers; the callback puts the links
 * @count: entries of @via, 0..HUBMESH_NEXTHOPS_MAX
 * @total_weight: sum of the weights
 * @via: links with weights; hold a reference each
 * @backup: loop-free alternative used when every @via is down, or NULL
 * @has_tunnel: frames by @backup go through a tunnel
 * @tunnel_end: hub where it ends
 * @frame_max: longest frame that fits all the way, by any of them; U32_MAX unknown
 */
struct hm_nexthops {
	struct rcu_head rcu;
	u8 count;
	u16 total_weight;
	struct {
		struct hm_link *link;
		u8 weight;
	} via[HUBMESH_NEXTHOPS_MAX];
	struct hm_link *backup;
	bool has_tunnel;
	u8 tunnel_end[HM_HUB_ID_LEN];
	u32 frame_max;
};

/**
 * struct hm_route_spec - one route of a route set, resolved
 * @via: next hops, borrowed
 * @weight: their weights, 1..255
 * @count: entries of both, 1..HUBMESH_NEXTHOPS_MAX
 * @backup: loop-free alternative, borrowed, or NULL
 * @tunnel_end: hub where the tunnel by @backup ends, borrowed; NULL for no tunnel
 * @frame_max: longest frame that fits all the way; U32_MAX unknown
 */
struct hm_route_spec {
	struct hm_link *via[HUBMESH_NEXTHOPS_MAX];
	u8 weight[HUBMESH_NEXTHOPS_MAX];
	unsigned int count;
	struct hm_link *backup;
	const u8 *tunnel_end;
	u32 frame_max;
};

struct hm_hub;
struct hm_route_set;

/* route.c, hm->lock held */
int hm_route_begin(struct hm_device *hm, u64 generation, struct netlink_ext_ack *extack);
int hm_route_continue(const struct hm_device *hm, u64 generation,
		      struct netlink_ext_ack *extack);
int hm_route_stage(struct hm_device *hm, struct hm_hub *hub,
		   const struct hm_route_spec *spec, struct netlink_ext_ack *extack);
void hm_route_commit(struct hm_device *hm);
void hm_route_abort(struct hm_device *hm);
void hm_route_link_gone(struct hm_device *hm, struct hm_link *link);
void hm_route_hub_gone(struct hm_hub *hub);

/* Pick by @flow among usable links, weighted; else the backup; else NULL.
 * RCU read side.  Inline: it runs once per frame. */
static inline struct hm_link *hm_nexthops_select(const struct hm_nexthops *nh, u16 flow)
{
	unsigned int i, at;

	if (likely(nh->count == 1 && hm_link_is_usable(nh->via[0].link)))
		return nh->via[0].link;
	if (nh->count > 1) {
		at = ((u32)flow * nh->total_weight) >> 16;
		for (i = 0; i < nh->count - 1; i++) {
			if (at < nh->via[i].weight)
				break;
			at -= nh->via[i].weight;
		}
		if (hm_link_is_usable(nh->via[i].link))
			return nh->via[i].link;
		for (i = 0; i < nh->count; i++)
			if (hm_link_is_usable(nh->via[i].link))
				return nh->via[i].link;
	}
	if (nh->backup && hm_link_is_usable(nh->backup))
		return nh->backup;
	return NULL;
}

/* The hub whose tunnel frames take that leave by @link, chosen by hm_nexthops_select(); NULL
 * for none.  RCU read side. */
static inline const u8 *hm_nexthops_tunnel(const struct hm_nexthops *nh,
					   const struct hm_link *link)
{
	return unlikely(nh->has_tunnel && link == nh->backup) ? nh->tunnel_end : NULL;
}

#endif
