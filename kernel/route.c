// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: route sets
 *
 * A route says through which links frames for a hub leave.  meshd computes all
 * of them and replaces the set as one transaction with a generation number:
 *
 *   idle --BEGIN--> open --(routes)--> open --COMMIT--> idle, new set in force
 *                    |
 *                    +--refused message, second BEGIN, device gone--> discarded
 *
 * A set also has the trees (tree.c), which come from the same topology.
 *
 * Routes of an open transaction are built in full and staged at their hubs, so
 * the commit only moves pointers: it needs no memory and cannot fail half way.
 * A hub without a staged route loses its route.  A link or hub that is removed
 * leaves the staged set as it leaves the set in force.
 *
 * Each hub's route changes atomically (RCU).  A frame sees the old or the new
 * route of its hub; the hubs of one set follow each other within the few
 * microseconds of the loop, which a network of independent hubs cannot tell
 * from the skew between hubs.
 *
 * Everything here runs under hm->lock; only struct hm_nexthops is read by the
 * fast path.
 */
#include <linux/slab.h>
#include "device.h"

/**
 * struct hm_route_set - an unfinished route transaction
 * @generation: number the set will have
 * @n_routes: routes staged so far; hubs bound it, each has one at most
 */
struct hm_route_set {
	u64 generation;
	u32 n_routes;
};

static void nexthops_put_links(struct hm_nexthops *nh)
{
	unsigned int i;

	for (i = 0; i < nh->count; i++)
		hm_link_put(nh->via[i].link);
	if (nh->backup)
		hm_link_put(nh->backup);
}

/* Never seen by a reader. */
static void nexthops_free(struct hm_nexthops *nh)
{
	if (!nh)
		return;
	nexthops_put_links(nh);
	kfree(nh);
}

/*
 * The group holds its links until no reader can see the group: so a reader may
 * use a link it found in a group without a reference of its own.
 */
static void nexthops_free_rcu(struct rcu_head *rcu)
{
	nexthops_free(container_of(rcu, struct hm_nexthops, rcu));
}

static void publish(struct hm_hub *hub, struct hm_nexthops *nh)
{
	struct hm_nexthops *old;

	old = rcu_replace_pointer(hub->nexthops, nh, lockdep_is_held(&hub->hm->lock));
	if (old)
		call_rcu(&old->rcu, nexthops_free_rcu);
}

/* The caller holds hm->lock and found the links in the table, so they live. */
static struct hm_nexthops *nexthops_new(const struct hm_route_spec *spec, gfp_t gfp)
{
	struct hm_nexthops *nh = kzalloc(sizeof(*nh), gfp);
	unsigned int i;

	if (!nh)
		return NULL;
	nh->count = spec->count;
	nh->frame_max = spec->frame_max;
	for (i = 0; i < spec->count; i++) {
		nh->via[i].link = hm_link_get(spec->via[i]);
		nh->via[i].weight = spec->weight[i];
		nh->total_weight += spec->weight[i];
	}
	if (spec->backup)
		nh->backup = hm_link_get(spec->backup);
	if (spec->tunnel_end) {
		nh->has_tunnel = true;
		memcpy(nh->tunnel_end, spec->tunnel_end, HM_HUB_ID_LEN);
	}
	return nh;
}

static void discard(struct hm_device *hm)
{
	unsigned int bucket;
	struct hm_hub *hub;

	hm_for_each_hub(hm, bucket, hub) {
		nexthops_free(hub->staged);
		hub->staged = NULL;
		hm_tree_unstage(&hub->tree);
	}
	hm_tree_unstage(&hm->tree);
}

/**
 * hm_route_abort() - Discard the unfinished transaction, if there is one
 * @hm: device
 *
 * Context: Process context, hm->lock held.
 */
void hm_route_abort(struct hm_device *hm)
{
	lockdep_assert_held(&hm->lock);
	if (!hm->pending_routes)
		return;
	discard(hm);
	kfree(hm->pending_routes);
	hm->pending_routes = NULL;
}

/**
 * hm_route_begin() - Start a transaction with an empty set
 * @hm: device
 * @generation: number of the set, above the one in force
 * @extack: tells why on refusal
 *
 * Discards an unfinished transaction; on refusal it is left alone.
 *
 * Context: Process context, hm->lock held.
 * Return: 0; -ESTALE the generation is not above the one in force; -ENOMEM.
 */
int hm_route_begin(struct hm_device *hm, u64 generation, struct netlink_ext_ack *extack)
{
	struct hm_route_set *set;

	lockdep_assert_held(&hm->lock);
	if (generation <= hm->generation) {
		NL_SET_ERR_MSG(extack, "ROUTES_GENERATION: must be above the generation in force (see DEV_GET)");
		return -ESTALE;
	}
	set = kzalloc(sizeof(*set), GFP_KERNEL);
	if (!set)
		return -ENOMEM;
	hm_route_abort(hm);
	set->generation = generation;
	hm->pending_routes = set;
	return 0;
}

/**
 * hm_route_continue() - Check that a message belongs to the open transaction
 * @hm: device
 * @generation: what the message says
 * @extack: tells why on refusal
 *
 * Context: Process context, hm->lock held.
 * Return: 0; -ENOENT no transaction is open; -ESTALE another one is.
 */
int hm_route_continue(const struct hm_device *hm, u64 generation,
		      struct netlink_ext_ack *extack)
{
	lockdep_assert_held(&hm->lock);
	if (!hm->pending_routes) {
		NL_SET_ERR_MSG(extack, "no route transaction is open: start with HUBMESH_ROUTES_F_BEGIN");
		return -ENOENT;
	}
	if (hm->pending_routes->generation != generation) {
		NL_SET_ERR_MSG(extack, "ROUTES_GENERATION: another transaction is open; start with HUBMESH_ROUTES_F_BEGIN");
		return -ESTALE;
	}
	return 0;
}

static int check_spec(const struct hm_route_spec *spec, struct netlink_ext_ack *extack)
{
	unsigned int i, j;

	for (i = 0; i < spec->count; i++) {
		for (j = 0; j < i; j++) {
			if (spec->via[i] != spec->via[j])
				continue;
			NL_SET_ERR_MSG(extack, "ROUTE_NEXTHOP: one link is named twice; give it a larger weight");
			return -EINVAL;
		}
		if (spec->via[i] == spec->backup) {
			NL_SET_ERR_MSG(extack, "ROUTE_BACKUP: is a next hop of the same route");
			return -EINVAL;
		}
	}
	return 0;
}

/**
 * hm_route_stage() - Add one route to the open transaction
 * @hm: device; a transaction is open
 * @hub: destination
 * @spec: where its frames leave
 * @extack: tells why on refusal
 *
 * Context: Process context, hm->lock held.
 * Return: 0; -EEXIST the set has a route for @hub; -EINVAL a link is named
 * twice; -ENOMEM.
 */
int hm_route_stage(struct hm_device *hm, struct hm_hub *hub,
		   const struct hm_route_spec *spec, struct netlink_ext_ack *extack)
{
	int ret;

	lockdep_assert_held(&hm->lock);
	if (hub->staged) {
		NL_SET_ERR_MSG(extack, "ROUTE_HUB: the set has a route for that hub already");
		return -EEXIST;
	}
	ret = check_spec(spec, extack);
	if (ret)
		return ret;
	hub->staged = nexthops_new(spec, GFP_KERNEL);
	if (!hub->staged)
		return -ENOMEM;
	hm->pending_routes->n_routes++;
	return 0;
}

/**
 * hm_route_commit() - Put the open transaction in force
 * @hm: device; a transaction is open
 *
 * Context: Process context, hm->lock held.
 */
void hm_route_commit(struct hm_device *hm)
{
	unsigned int bucket;
	struct hm_hub *hub;

	lockdep_assert_held(&hm->lock);
	hm_for_each_hub(hm, bucket, hub) {
		publish(hub, hub->staged);
		hub->staged = NULL;
		hm_tree_commit(hm, &hub->tree);
	}
	hm_tree_commit(hm, &hm->tree);
	hm->generation = hm->pending_routes->generation;
	hm_tables_changed(hm);
	netdev_dbg(hm->dev, "routes generation=%llu routes=%u\n", hm->generation,
		   hm->pending_routes->n_routes);
	kfree(hm->pending_routes);
	hm->pending_routes = NULL;
}

static bool nexthops_use(const struct hm_nexthops *nh, const struct hm_link *link)
{
	unsigned int i;

	for (i = 0; i < nh->count; i++)
		if (nh->via[i].link == link)
			return true;
	return nh->backup == link;
}

/*
 * A group like @nh without @link; NULL if no link is left.  A group that loses
 * its last next hop lives on with its backup, as a next hop unless a tunnel is part
 * of it.  Removing a link must not fail, and the allocation is of a few dozen bytes.
 */
static struct hm_nexthops *nexthops_without(const struct hm_nexthops *nh,
					    const struct hm_link *link)
{
	struct hm_route_spec spec = { .frame_max = nh->frame_max };
	unsigned int i;

	for (i = 0; i < nh->count; i++) {
		if (nh->via[i].link == link)
			continue;
		spec.via[spec.count] = nh->via[i].link;
		spec.weight[spec.count++] = nh->via[i].weight;
	}
	if (nh->backup != link) {
		spec.backup = nh->backup;
		spec.tunnel_end = nh->has_tunnel ? nh->tunnel_end : NULL;
	}
	if (!spec.count && spec.backup && !spec.tunnel_end) {
		spec.via[0] = spec.backup;
		spec.weight[0] = 1;
		spec.count = 1;
		spec.backup = NULL;
	}
	return spec.count || spec.backup ? nexthops_new(&spec, GFP_KERNEL | __GFP_NOFAIL) : NULL;
}

/**
 * hm_route_link_gone() - Take a link out of every route and tree
 * @hm: device
 * @link: link that is being removed
 *
 * Context: Process context, hm->lock held.
 */
void hm_route_link_gone(struct hm_device *hm, struct hm_link *link)
{
	struct hm_nexthops *nh;
	unsigned int bucket;
	struct hm_hub *hub;

	lockdep_assert_held(&hm->lock);
	hm_for_each_hub(hm, bucket, hub) {
		nh = rcu_dereference_protected(hub->nexthops, lockdep_is_held(&hm->lock));
		if (nh && nexthops_use(nh, link))
			publish(hub, nexthops_without(nh, link));
		nh = hub->staged;
		if (nh && nexthops_use(nh, link)) {
			hub->staged = nexthops_without(nh, link);
			nexthops_free(nh);
		}
		hm_tree_link_gone(hm, &hub->tree, link);
	}
	hm_tree_link_gone(hm, &hm->tree, link);
}

/**
 * hm_route_hub_gone() - Withdraw the route of a hub that is being removed
 * @hub: hub
 *
 * Context: Process context, hub->hm->lock held.
 */
void hm_route_hub_gone(struct hm_hub *hub)
{
	lockdep_assert_held(&hub->hm->lock);
	publish(hub, NULL);
	nexthops_free(hub->staged);
	hub->staged = NULL;
}
