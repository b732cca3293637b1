/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_TREE_H
#define _HM_TREE_H

#include "link.h"

struct hm_frame;

/**
 * struct hm_tree_group - a group that not all children of a tree want
 * @key: its multicast address as a number
 * @children: bit n is set if child n wants it
 */
struct hm_tree_group {
	u64 key, children;
};

/**
 * struct hm_tree - the tree of one root, as far as it passes this hub
 * @rcu: for freeing after readers
 * @parent: neighbour that tree frames must come from; all zero where we are the root
 * @frame_max: longest frame that fits everywhere, U32_MAX unknown
 * @n_groups: length of @group
 * @n_children: length of @child
 * @group: behind @child, sorted by key
 * @child: links away from the root; hold a reference each, NULL for one that was removed
 *
 * A removed link excepted it does not change.
 */
struct hm_tree {
	struct rcu_head rcu;
	u8 parent[HM_HUB_ID_LEN];
	u32 frame_max;
	u16 n_groups;
	u8 n_children;
	struct hm_tree_group *group;
	struct hm_link __rcu *child[];
};

/**
 * struct hm_tree_place - where a root's tree is kept
 * @tree: tree in force, or NULL
 * @staged: tree of the unfinished route set, or NULL; under the device lock
 */
struct hm_tree_place {
	struct hm_tree __rcu *tree;
	struct hm_tree *staged;
};

/**
 * struct hm_tree_spec - one tree of a route set, resolved
 * @parent: neighbour, all zero where we are the root
 * @child: links, borrowed
 * @n_children: length of @child
 * @groups: 6 bytes each, at any alignment
 * @masks: u64 for each of @groups, likewise
 * @n_groups: how many
 * @frame_max: longest frame that fits everywhere, U32_MAX unknown
 */
struct hm_tree_spec {
	u8 parent[HM_HUB_ID_LEN];
	struct hm_link *child[HUBMESH_TREE_CHILDREN_MAX];
	unsigned int n_children;
	const u8 *groups, *masks;
	unsigned int n_groups;
	u32 frame_max;
};

struct netlink_ext_ack;

/* tree.c, hm->lock held */
int hm_tree_stage(struct hm_device *hm, struct hm_tree_place *place,
		  const struct hm_tree_spec *spec, struct netlink_ext_ack *extack);
void hm_tree_unstage(struct hm_tree_place *place);
void hm_tree_commit(struct hm_device *hm, struct hm_tree_place *place);
void hm_tree_withdraw(struct hm_device *hm, struct hm_tree_place *place);
void hm_tree_link_gone(struct hm_device *hm, struct hm_tree_place *place,
		       const struct hm_link *link);

/* tree.c, RCU read side */
u64 hm_tree_children(const struct hm_tree *tree, const u8 *group);
u32 hm_tree_frame_max(const struct hm_tree *tree);
unsigned int hm_tree_send(struct hm_device *hm, const struct hm_tree *tree,
			  const struct hm_link *from, struct sk_buff *skb,
			  const struct hm_frame *f);

#endif
