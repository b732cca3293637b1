// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: netlink commands on route sets
 *
 * Between messages and route.c: ROUTE_REPLACE, ROUTE_GET; netlink_tree.c knows the
 * trees in them.  A message of the open
 * transaction that is refused ends the transaction: half a set must never be
 * committed because somebody overlooked an error.
 */
#include "netlink.h"

static struct netlink_range_validation frame_range = { .min = HM_FRAME_FLOOR, .max = U32_MAX };
static struct netlink_range_validation index_range = { .min = 1, .max = HM_LINK_INDEX_MAX };

static const struct nla_policy nexthop_policy[HUBMESH_A_NEXTHOP_MAX + 1] = {
	[HUBMESH_A_NEXTHOP_LINK] = NLA_POLICY_FULL_RANGE(NLA_U32, &index_range),
	[HUBMESH_A_NEXTHOP_WEIGHT] = NLA_POLICY_MIN(NLA_U8, 1),
};

static const struct nla_policy backup_policy[HUBMESH_A_NEXTHOP_MAX + 1] = {
	[HUBMESH_A_NEXTHOP_LINK] = NLA_POLICY_FULL_RANGE(NLA_U32, &index_range),
	[HUBMESH_A_NEXTHOP_TUNNEL] = NLA_POLICY_EXACT_LEN(HM_HUB_ID_LEN),
};

static const struct nla_policy route_policy[HUBMESH_A_ROUTE_MAX + 1] = {
	[HUBMESH_A_ROUTE_HUB] = NLA_POLICY_EXACT_LEN(HM_HUB_ID_LEN),
	[HUBMESH_A_ROUTE_NEXTHOP] = NLA_POLICY_NESTED(nexthop_policy),
	[HUBMESH_A_ROUTE_BACKUP] = NLA_POLICY_NESTED(backup_policy),
	[HUBMESH_A_ROUTE_FRAME_MAX] = NLA_POLICY_FULL_RANGE(NLA_U32, &frame_range),
};

const struct nla_policy hm_nl_routes_policy[HUBMESH_A_ROUTES_MAX + 1] = {
	[HUBMESH_A_ROUTES_GENERATION] = { .type = NLA_U64 },
	[HUBMESH_A_ROUTES_FLAGS] =
		NLA_POLICY_MASK(NLA_U32, HUBMESH_ROUTES_F_BEGIN | HUBMESH_ROUTES_F_COMMIT),
	[HUBMESH_A_ROUTES_ROUTE] = NLA_POLICY_NESTED(route_policy),
	[HUBMESH_A_ROUTES_TREE] = NLA_POLICY_NESTED(hm_nl_tree_policy),
};

/* The link an entry names.  @tb receives its attributes. */
static struct hm_link *read_link(struct hm_device *hm, struct nlattr *nest,
				 const struct nla_policy *policy, struct nlattr **tb,
				 struct netlink_ext_ack *extack)
{
	struct hm_link *link;
	int ret;

	ret = nla_parse_nested(tb, HUBMESH_A_NEXTHOP_MAX, nest, policy, extack) ?:
	      hm_nl_require(nest, tb, HUBMESH_A_NEXTHOP_LINK,
			    "NEXTHOP_LINK: through which link?", extack);
	if (ret)
		return ERR_PTR(ret);
	link = hm_link_by_index(hm, nla_get_u32(tb[HUBMESH_A_NEXTHOP_LINK]));
	if (link)
		return link;
	NL_SET_ERR_MSG_ATTR(extack, tb[HUBMESH_A_NEXTHOP_LINK], "no link has that index");
	return ERR_PTR(-ENOENT);
}

static int add_nexthop(struct hm_device *hm, struct nlattr *nest, struct hm_route_spec *spec,
		       struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HUBMESH_A_NEXTHOP_MAX + 1], *weight;
	struct hm_link *link;

	if (spec->count == HUBMESH_NEXTHOPS_MAX) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "more than 4 next hops in one route");
		return -E2BIG;
	}
	link = read_link(hm, nest, nexthop_policy, tb, extack);
	if (IS_ERR(link))
		return PTR_ERR(link);
	spec->via[spec->count] = link;
	weight = tb[HUBMESH_A_NEXTHOP_WEIGHT];
	spec->weight[spec->count++] = weight ? nla_get_u8(weight) : 1;
	return 0;
}

/* Where a tunnel may end: at another hub than both ends of the way. */
static int check_tunnel(struct hm_device *hm, const struct nlattr *end, const struct hm_hub *to,
			struct netlink_ext_ack *extack)
{
	if (ether_addr_equal(nla_data(end), hm_own_id(hm))) {
		NL_SET_ERR_MSG_ATTR(extack, end, "NEXTHOP_TUNNEL: ends at this hub itself; name another");
		return -EINVAL;
	}
	if (ether_addr_equal(nla_data(end), to->id)) {
		NL_SET_ERR_MSG_ATTR(extack, end, "NEXTHOP_TUNNEL: ends at the destination; leave it out");
		return -EINVAL;
	}
	return PTR_ERR_OR_ZERO(hm_nl_hub_find(hm, end, extack));
}

static int add_backup(struct hm_device *hm, struct nlattr *nest, const struct hm_hub *to,
		      struct hm_route_spec *spec, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HUBMESH_A_NEXTHOP_MAX + 1], *end;
	struct hm_link *link;

	if (spec->backup) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "more than one backup in one route");
		return -E2BIG;
	}
	link = read_link(hm, nest, backup_policy, tb, extack);
	if (IS_ERR(link))
		return PTR_ERR(link);
	spec->backup = link;
	end = tb[HUBMESH_A_NEXTHOP_TUNNEL];
	if (!end)
		return 0;
	spec->tunnel_end = nla_data(end);
	return check_tunnel(hm, end, to, extack);
}

static int read_spec(struct hm_device *hm, struct nlattr *route, const struct hm_hub *to,
		     struct hm_route_spec *spec, struct netlink_ext_ack *extack)
{
	struct nlattr *attr;
	int left, ret = 0;

	nla_for_each_nested(attr, route, left) {
		if (nla_type(attr) == HUBMESH_A_ROUTE_NEXTHOP)
			ret = add_nexthop(hm, attr, spec, extack);
		else if (nla_type(attr) == HUBMESH_A_ROUTE_BACKUP)
			ret = add_backup(hm, attr, to, spec, extack);
		if (ret)
			return ret;
	}
	if (spec->count)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, route, "a route needs at least one next hop");
	return -EINVAL;
}

static int stage_route(struct hm_device *hm, struct nlattr *route,
		       struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HUBMESH_A_ROUTE_MAX + 1];
	struct hm_route_spec spec = { .frame_max = U32_MAX };
	struct hm_hub *hub;
	int ret;

	ret = nla_parse_nested(tb, HUBMESH_A_ROUTE_MAX, route, route_policy, extack) ?:
	      hm_nl_require(route, tb, HUBMESH_A_ROUTE_HUB, "ROUTE_HUB: to which hub?", extack);
	if (ret)
		return ret;
	hub = hm_nl_hub_find(hm, tb[HUBMESH_A_ROUTE_HUB], extack);
	if (IS_ERR(hub))
		return PTR_ERR(hub);
	if (tb[HUBMESH_A_ROUTE_FRAME_MAX])
		spec.frame_max = nla_get_u32(tb[HUBMESH_A_ROUTE_FRAME_MAX]);
	ret = read_spec(hm, route, hub, &spec, extack) ?:
	      hm_route_stage(hm, hub, &spec, extack);
	return hm_nl_refuse(extack, route, ret);
}

static int stage_routes(struct hm_device *hm, struct nlattr *nest,
			struct netlink_ext_ack *extack)
{
	struct nlattr *attr;
	int left, ret;

	nla_for_each_nested(attr, nest, left) {
		ret = 0;
		if (nla_type(attr) == HUBMESH_A_ROUTES_ROUTE)
			ret = stage_route(hm, attr, extack);
		else if (nla_type(attr) == HUBMESH_A_ROUTES_TREE)
			ret = hm_nl_stage_tree(hm, attr, extack);
		if (ret)
			return ret;
	}
	return 0;
}

/* hm->lock held. */
static int replace(struct hm_device *hm, struct nlattr *nest, struct nlattr **tb,
		   struct netlink_ext_ack *extack)
{
	u64 generation = nla_get_u64(tb[HUBMESH_A_ROUTES_GENERATION]);
	u32 flags = tb[HUBMESH_A_ROUTES_FLAGS] ? nla_get_u32(tb[HUBMESH_A_ROUTES_FLAGS]) : 0;
	int ret;

	if (flags & HUBMESH_ROUTES_F_BEGIN)
		ret = hm_route_begin(hm, generation, extack);
	else
		ret = hm_route_continue(hm, generation, extack);
	if (ret)
		return ret;
	ret = stage_routes(hm, nest, extack);
	if (ret)
		hm_route_abort(hm);
	else if (flags & HUBMESH_ROUTES_F_COMMIT)
		hm_route_commit(hm);
	return ret;
}

/**
 * hm_nl_route_replace() - ROUTE_REPLACE: one step of a route set transaction
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno with the set in force untouched.
 */
int hm_nl_route_replace(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *nest = info->attrs[HUBMESH_A_ROUTES];
	struct nlattr *tb[HUBMESH_A_ROUTES_MAX + 1];
	struct hm_device *hm;
	int ret;

	ret = hm_nl_parse_nest(tb, HUBMESH_A_ROUTES_MAX, info, HUBMESH_A_ROUTES,
			       hm_nl_routes_policy) ?:
	      hm_nl_require(nest, tb, HUBMESH_A_ROUTES_GENERATION,
			    "ROUTES_GENERATION is missing", info->extack);
	if (ret)
		return ret;
	hm = hm_nl_device_lock(info);
	if (IS_ERR(hm))
		return PTR_ERR(hm);
	ret = replace(hm, nest, tb, info->extack);
	hm_nl_device_unlock(hm);
	return hm_nl_refuse(info->extack, nest, ret);
}

static int put_nexthop(struct sk_buff *skb, int type, const struct hm_link *link, u8 weight,
		       const u8 *tunnel_end)
{
	struct nlattr *nest = nla_nest_start(skb, type);

	if (!nest || nla_put_u32(skb, HUBMESH_A_NEXTHOP_LINK, link->index) ||
	    (weight && nla_put_u8(skb, HUBMESH_A_NEXTHOP_WEIGHT, weight)) ||
	    (tunnel_end && nla_put(skb, HUBMESH_A_NEXTHOP_TUNNEL, HM_HUB_ID_LEN, tunnel_end)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_route(struct sk_buff *skb, const struct hm_hub *hub,
		     const struct hm_nexthops *nh)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_ROUTES_ROUTE);
	unsigned int i;

	if (!nest || nla_put(skb, HUBMESH_A_ROUTE_HUB, HM_HUB_ID_LEN, hub->id))
		return -EMSGSIZE;
	for (i = 0; i < nh->count; i++)
		if (put_nexthop(skb, HUBMESH_A_ROUTE_NEXTHOP, nh->via[i].link,
				nh->via[i].weight, NULL))
			return -EMSGSIZE;
	if ((nh->backup && put_nexthop(skb, HUBMESH_A_ROUTE_BACKUP, nh->backup, 0,
				       nh->has_tunnel ? nh->tunnel_end : NULL)) ||
	    (nh->frame_max != U32_MAX &&
	     nla_put_u32(skb, HUBMESH_A_ROUTE_FRAME_MAX, nh->frame_max)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* Route and tree of @hub, or, without one, our own tree. */
static int put_routes(struct sk_buff *skb, const struct hm_device *hm, const struct hm_hub *hub,
		      const struct hm_nexthops *nh, const struct hm_tree *tree)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_ROUTES);

	if (!nest ||
	    nla_put_u64_64bit(skb, HUBMESH_A_ROUTES_GENERATION, hm->generation,
			      HUBMESH_A_ROUTES_PAD) ||
	    (nh && put_route(skb, hub, nh)) ||
	    (tree && hm_nl_put_tree(skb, hub ? hub->id : hm_own_id(hm), tree)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/*
 * One hub a message, or our own tree if @hub is NULL: 0, also for a hub with neither
 * route nor tree, or -EMSGSIZE.
 */
static int put_route_message(struct sk_buff *skb, const struct hm_device *hm,
			     const struct hm_hub *hub, struct netlink_callback *cb)
{
	const struct hm_tree_place *place = hub ? &hub->tree : &hm->tree;
	struct hm_nexthops *nh = NULL;
	struct hm_tree *tree;
	void *header;

	if (hub)
		nh = rcu_dereference_protected(hub->nexthops, lockdep_is_held(&hm->lock));
	tree = rcu_dereference_protected(place->tree, lockdep_is_held(&hm->lock));
	if (!nh && !tree)
		return 0;
	header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			     &hm_genl_family, NLM_F_MULTI, HUBMESH_CMD_ROUTE_GET);
	if (!header)
		return -EMSGSIZE;
	if (hm_nl_put_device_name(skb, hm) || put_routes(skb, hm, hub, nh, tree)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genl_dump_check_consistent(cb, header);
	genlmsg_end(skb, header);
	return 0;
}

/**
 * hm_nl_route_dump() - ROUTE_GET dump: show the route set in force
 * @skb: reply
 * @cb: the dump
 *
 * Return: bytes put, 0 at the end; -errno.
 */
int hm_nl_route_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct hm_nl_cursor *cursor = hm_nl_cursor(cb);
	struct hm_device *hm = hm_nl_dump_lock(skb, cb);
	struct hm_hub *hub;
	u64 at;

	if (IS_ERR(hm))
		return PTR_ERR(hm);
	for (; cursor->bucket < ARRAY_SIZE(hm->hubs); cursor->bucket++, cursor->at = 0) {
		at = 0;
		hlist_for_each_entry(hub, &hm->hubs[cursor->bucket], node) {
			if (at++ < cursor->at)
				continue;
			if (put_route_message(skb, hm, hub, cb))
				goto full;
			cursor->at = at;
		}
	}
	if (!cursor->at && !put_route_message(skb, hm, NULL, cb))
		cursor->at = 1;
full:
	hm_nl_device_unlock(hm);
	return skb->len;
}
