// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: trees and groups in netlink messages
 *
 * Between HUBMESH_A_ROUTES_TREE, in ROUTE_REPLACE and ROUTE_GET, and tree.c; GROUP_GET and
 * groups.c.  Lists are
 * plain arrays, so that the largest tree fits a message of a page.
 */
#include <linux/etherdevice.h>
#include "compat.h"
#include "netlink.h"

static struct netlink_range_validation frame_range = { .min = HM_FRAME_FLOOR, .max = U32_MAX };

const struct nla_policy hm_nl_tree_policy[HUBMESH_A_TREE_MAX + 1] = {
	[HUBMESH_A_TREE_ROOT] = NLA_POLICY_EXACT_LEN(HM_HUB_ID_LEN),
	[HUBMESH_A_TREE_PARENT] = NLA_POLICY_EXACT_LEN(HM_HUB_ID_LEN),
	[HUBMESH_A_TREE_CHILDREN] = {
		.type = NLA_BINARY,
		.len = HUBMESH_TREE_CHILDREN_MAX * sizeof(u32),
	},
	[HUBMESH_A_TREE_GROUPS] = {
		.type = NLA_BINARY,
		.len = HUBMESH_TREE_GROUPS_MAX * ETH_ALEN,
	},
	[HUBMESH_A_TREE_MASKS] = {
		.type = NLA_BINARY,
		.len = HUBMESH_TREE_GROUPS_MAX * sizeof(u64),
	},
	[HUBMESH_A_TREE_FRAME_MAX] = NLA_POLICY_FULL_RANGE(NLA_U32, &frame_range),
};

/* Where the tree of the root that @tb names is kept.  ERR_PTR with extack on refusal. */
static struct hm_tree_place *find_place(struct hm_device *hm, struct nlattr **tb,
					struct netlink_ext_ack *extack)
{
	struct nlattr *root = tb[HUBMESH_A_TREE_ROOT];
	bool is_own = ether_addr_equal_unaligned(nla_data(root), hm_own_id(hm));
	struct hm_hub *hub;

	if (is_own == !!tb[HUBMESH_A_TREE_PARENT]) {
		NL_SET_ERR_MSG_ATTR(extack, root,
				    "TREE_PARENT: this hub's own tree has none, every other has one");
		return ERR_PTR(-EINVAL);
	}
	if (is_own)
		return &hm->tree;
	hub = hm_nl_hub_find(hm, root, extack);
	return IS_ERR(hub) ? ERR_CAST(hub) : &hub->tree;
}

static int read_children(struct hm_device *hm, const struct nlattr *children,
			 struct hm_tree_spec *spec, struct netlink_ext_ack *extack)
{
	unsigned int i, n = children ? nla_len(children) / sizeof(u32) : 0;
	struct hm_link *link;
	u32 index;

	if (children && nla_len(children) % sizeof(u32)) {
		NL_SET_ERR_MSG_ATTR(extack, children, "TREE_CHILDREN: link indices are 4 bytes each");
		return -EINVAL;
	}
	for (i = 0; i < n; i++) {
		index = get_unaligned((u32 *)nla_data(children) + i);
		link = hm_link_by_index(hm, index);
		if (!link) {
			NL_SET_ERR_MSG_ATTR(extack, children, "TREE_CHILDREN: no link has that index");
			return -ENOENT;
		}
		spec->child[i] = link;
	}
	spec->n_children = n;
	return 0;
}

static int read_groups(const struct nlattr *groups, const struct nlattr *masks,
		       struct hm_tree_spec *spec, struct netlink_ext_ack *extack)
{
	unsigned int i, n = groups ? nla_len(groups) / ETH_ALEN : 0;

	if ((groups && nla_len(groups) % ETH_ALEN) ||
	    (masks ? nla_len(masks) : 0) != n * sizeof(u64)) {
		NL_SET_ERR_MSG_ATTR(extack, groups ?: masks,
				    "TREE_GROUPS: 6 bytes each, with 8 of TREE_MASKS for each");
		return -EINVAL;
	}
	for (i = 0; i < n; i++) {
		if (hm_group_is_prunable((u8 *)nla_data(groups) + i * ETH_ALEN))
			continue;
		NL_SET_ERR_MSG_ATTR(extack, groups,
				    "TREE_GROUPS: must be of IP groups, link-local ones and solicited nodes excepted");
		return -EADDRNOTAVAIL;
	}
	spec->groups = groups ? nla_data(groups) : NULL;
	spec->masks = masks ? nla_data(masks) : NULL;
	spec->n_groups = n;
	return 0;
}

/**
 * hm_nl_stage_tree() - Add a tree of a ROUTE_REPLACE message to the open set
 * @hm: device, lock held; a transaction is open
 * @nest: HUBMESH_A_ROUTES_TREE
 * @extack: extended ack of the command
 *
 * Return: 0 or -errno.
 */
int hm_nl_stage_tree(struct hm_device *hm, struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HUBMESH_A_TREE_MAX + 1];
	struct hm_tree_spec spec = { .frame_max = U32_MAX };
	struct hm_tree_place *place;
	int ret;

	ret = nla_parse_nested(tb, HUBMESH_A_TREE_MAX, nest, hm_nl_tree_policy, extack) ?:
	      hm_nl_require(nest, tb, HUBMESH_A_TREE_ROOT, "TREE_ROOT: whose tree?", extack);
	if (ret)
		return ret;
	place = find_place(hm, tb, extack);
	if (IS_ERR(place))
		return PTR_ERR(place);
	if (tb[HUBMESH_A_TREE_PARENT])
		memcpy(spec.parent, nla_data(tb[HUBMESH_A_TREE_PARENT]), HM_HUB_ID_LEN);
	if (tb[HUBMESH_A_TREE_FRAME_MAX])
		spec.frame_max = nla_get_u32(tb[HUBMESH_A_TREE_FRAME_MAX]);
	ret = read_children(hm, tb[HUBMESH_A_TREE_CHILDREN], &spec, extack) ?:
	      read_groups(tb[HUBMESH_A_TREE_GROUPS], tb[HUBMESH_A_TREE_MASKS], &spec, extack) ?:
	      hm_tree_stage(hm, place, &spec, extack);
	return hm_nl_refuse(extack, nest, ret);
}

/* A link that was removed since is no child any more; its bit names nobody. */
static int put_children(struct sk_buff *skb, const struct hm_tree *tree)
{
	const struct hm_link *link;
	struct nlattr *attr;
	unsigned int i;

	if (!tree->n_children)
		return 0;
	attr = nla_reserve(skb, HUBMESH_A_TREE_CHILDREN, tree->n_children * sizeof(u32));
	if (!attr)
		return -EMSGSIZE;
	rcu_read_lock();
	for (i = 0; i < tree->n_children; i++) {
		link = rcu_dereference(tree->child[i]);
		put_unaligned(link ? (u32)link->index : 0, (u32 *)nla_data(attr) + i);
	}
	rcu_read_unlock();
	return 0;
}

static int put_groups(struct sk_buff *skb, const struct hm_tree *tree)
{
	struct nlattr *groups, *masks;
	unsigned int i;

	if (!tree->n_groups)
		return 0;
	groups = nla_reserve(skb, HUBMESH_A_TREE_GROUPS, tree->n_groups * ETH_ALEN);
	masks = nla_reserve(skb, HUBMESH_A_TREE_MASKS, tree->n_groups * sizeof(u64));
	if (!groups || !masks)
		return -EMSGSIZE;
	for (i = 0; i < tree->n_groups; i++) {
		u64_to_ether_addr(tree->group[i].key, (u8 *)nla_data(groups) + i * ETH_ALEN);
		put_unaligned(tree->group[i].children, (u64 *)nla_data(masks) + i);
	}
	return 0;
}

/**
 * hm_nl_put_tree() - Put a tree into a ROUTE_GET message
 * @skb: message
 * @root: hub id of its root
 * @tree: tree; device lock held
 *
 * Return: 0 or -EMSGSIZE.
 */
int hm_nl_put_tree(struct sk_buff *skb, const u8 *root, const struct hm_tree *tree)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_ROUTES_TREE);

	if (!nest || nla_put(skb, HUBMESH_A_TREE_ROOT, HM_HUB_ID_LEN, root) ||
	    (!is_zero_ether_addr(tree->parent) &&
	     nla_put(skb, HUBMESH_A_TREE_PARENT, HM_HUB_ID_LEN, tree->parent)) ||
	    put_children(skb, tree) || put_groups(skb, tree) ||
	    (tree->frame_max != U32_MAX &&
	     nla_put_u32(skb, HUBMESH_A_TREE_FRAME_MAX, tree->frame_max)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_wanted(struct sk_buff *skb, const struct hm_wanted *wanted)
{
	struct nlattr *list;
	unsigned int i;

	if (nla_put_u32(skb, HUBMESH_A_GROUPS_FLAGS, wanted->flags))
		return -EMSGSIZE;
	if (!wanted->n)
		return 0;
	list = nla_reserve(skb, HUBMESH_A_GROUPS_LIST, wanted->n * ETH_ALEN);
	if (!list)
		return -EMSGSIZE;
	for (i = 0; i < wanted->n; i++)
		u64_to_ether_addr(wanted->key[i], (u8 *)nla_data(list) + i * ETH_ALEN);
	return 0;
}

static int put_group_nest(struct sk_buff *skb, const struct hm_device *hm)
{
	static const struct hm_wanted everything = {
		.flags = HUBMESH_GROUPS_F_ALL4 | HUBMESH_GROUPS_F_ALL6,
	};
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_GROUPS);
	const struct hm_wanted *wanted;
	int ret;

	if (!nest)
		return -EMSGSIZE;
	rcu_read_lock();
	wanted = rcu_dereference(hm->groups.wanted);
	ret = put_wanted(skb, wanted ?: &everything);
	rcu_read_unlock();
	if (ret || nla_put_u64_64bit(skb, HUBMESH_A_GROUPS_MALFORMED,
				     atomic64_read(&hm->groups.malformed), HUBMESH_A_GROUPS_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/**
 * hm_nl_group_get() - GROUP_GET: show which groups are wanted here
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno.
 */
int hm_nl_group_get(struct sk_buff *skb, struct genl_info *info)
{
	struct hm_device *hm = hm_nl_device_get(info);
	struct sk_buff *reply;
	int ret = -ENOMEM;
	void *header;

	if (IS_ERR(hm))
		return PTR_ERR(hm);
	reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	header = reply ? genlmsg_put_reply(reply, info, &hm_genl_family, 0,
					   HUBMESH_CMD_GROUP_GET) : NULL;
	if (header)
		ret = hm_nl_put_device_name(reply, hm) ?: put_group_nest(reply, hm);
	hm_nl_device_put(hm);
	if (!ret) {
		genlmsg_end(reply, header);
		return genlmsg_reply(reply, info);
	}
	nlmsg_free(reply);
	return hm_nl_refuse(info->extack, NULL, ret);
}
