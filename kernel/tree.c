// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: trees: one frame for many hubs
 *
 * What is for many hubs (broadcast, multicast, unicast to an address nobody knows) is
 * sealed once, with a key of the sender's that all others have, and goes along a tree
 * with the sender as its root: each hub on it passes a copy to each of its children,
 * without opening it.  meshd computes the trees from the same topology as the routes and
 * they are replaced with them, as one set (route.c); this file keeps one root's tree and
 * makes the copies.
 *
 * Which children get a copy is a mask: of all, unless the tree lists the frame's group
 * (the header's destination) with fewer.  So what is not known to be unwanted is sent.
 *
 * Loops: a hub takes tree frames of a root only from its parent in that tree, so frames
 * follow the edges of the trees in force.  While hubs disagree about the topology these
 * may form a circle; then a hub that can open the frame knows it by its seal counter
 * (rx.c), and the hops left bound the rest.
 *
 * Parents are hubs, not links: two hubs joined by several links number them each for
 * itself, and the child need not know which of them its parent prefers.
 */
#include <linux/etherdevice.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include "carrier.h"
#include "compat.h"
#include "datapath.h"
#include "groups.h"
#include "seal.h"
#include "tree.h"

/* ---- the tree of one root ----------------------------------------------------- */

static void tree_free(struct hm_tree *tree)
{
	struct hm_link *link;
	unsigned int i;

	for (i = 0; i < tree->n_children; i++) {
		link = rcu_dereference_protected(tree->child[i], true);
		if (link)
			hm_link_put(link);
	}
	kfree(tree);
}

/* It holds its links until no reader can see it, as a next-hop group does. */
static void tree_free_rcu(struct rcu_head *rcu)
{
	tree_free(container_of(rcu, struct hm_tree, rcu));
}

static int compare_groups(const void *a, const void *b)
{
	const struct hm_tree_group *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

static void fill_groups(struct hm_tree *tree, const struct hm_tree_spec *spec)
{
	unsigned int i;

	for (i = 0; i < spec->n_groups; i++) {
		tree->group[i].key = hm_group_key(spec->groups + i * ETH_ALEN);
		tree->group[i].children = get_unaligned((u64 *)(spec->masks + i * sizeof(u64)));
	}
	sort(tree->group, tree->n_groups, sizeof(*tree->group), compare_groups, NULL);
}

static struct hm_tree *tree_new(const struct hm_tree_spec *spec)
{
	struct hm_tree *tree;
	unsigned int i;

	tree = kzalloc(struct_size(tree, child, spec->n_children) +
		       spec->n_groups * sizeof(*tree->group), GFP_KERNEL);
	if (!tree)
		return NULL;
	ether_addr_copy(tree->parent, spec->parent);
	tree->frame_max = spec->frame_max;
	tree->n_children = spec->n_children;
	tree->n_groups = spec->n_groups;
	tree->group = (struct hm_tree_group *)&tree->child[spec->n_children];
	for (i = 0; i < spec->n_children; i++)
		RCU_INIT_POINTER(tree->child[i], hm_link_get(spec->child[i]));
	fill_groups(tree, spec);
	return tree;
}

static void publish(struct hm_device *hm, struct hm_tree_place *place, struct hm_tree *tree)
{
	struct hm_tree *old;

	old = rcu_replace_pointer(place->tree, tree, lockdep_is_held(&hm->lock));
	if (old)
		call_rcu(&old->rcu, tree_free_rcu);
}

static int check_spec(const struct hm_tree_spec *spec, struct netlink_ext_ack *extack)
{
	unsigned int i, j;

	for (i = 0; i < spec->n_children; i++) {
		if (ether_addr_equal(spec->child[i]->peer, spec->parent)) {
			NL_SET_ERR_MSG(extack, "TREE_CHILDREN: a child link leads to the parent");
			return -ELOOP;
		}
		for (j = 0; j < i; j++) {
			if (!ether_addr_equal(spec->child[i]->peer, spec->child[j]->peer))
				continue;
			NL_SET_ERR_MSG(extack, "TREE_CHILDREN: two links lead to one hub");
			return -EINVAL;
		}
	}
	return 0;
}

/**
 * hm_tree_stage() - Add one tree to the open route set
 * @hm: device; a transaction is open
 * @place: of its root
 * @spec: the tree
 * @extack: tells why on refusal
 *
 * Context: Process context, hm->lock held.
 * Return: 0; -EEXIST the set has a tree for that root; -EINVAL, -ELOOP it is none;
 * -ENOMEM.
 */
int hm_tree_stage(struct hm_device *hm, struct hm_tree_place *place,
		  const struct hm_tree_spec *spec, struct netlink_ext_ack *extack)
{
	int ret;

	lockdep_assert_held(&hm->lock);
	if (place->staged) {
		NL_SET_ERR_MSG(extack, "TREE_ROOT: the set has a tree for that root already");
		return -EEXIST;
	}
	ret = check_spec(spec, extack);
	if (ret)
		return ret;
	place->staged = tree_new(spec);
	return place->staged ? 0 : -ENOMEM;
}

/**
 * hm_tree_unstage() - Forget the tree of the open route set, if it has one
 * @place: of its root
 *
 * Context: Process context, device lock held.
 */
void hm_tree_unstage(struct hm_tree_place *place)
{
	if (place->staged)
		tree_free(place->staged);
	place->staged = NULL;
}

/**
 * hm_tree_commit() - Put the tree of the open route set, or none, in force
 * @hm: device
 * @place: of its root
 *
 * Context: Process context, hm->lock held.
 */
void hm_tree_commit(struct hm_device *hm, struct hm_tree_place *place)
{
	publish(hm, place, place->staged);
	place->staged = NULL;
}

/**
 * hm_tree_withdraw() - The root, or the device, is being removed
 * @hm: device
 * @place: of the root
 *
 * Context: Process context, hm->lock held.
 */
void hm_tree_withdraw(struct hm_device *hm, struct hm_tree_place *place)
{
	hm_tree_unstage(place);
	publish(hm, place, NULL);
}

/* A link's last reference frees it after readers: a child may be put at once. */
static void drop_child(struct hm_device *hm, struct hm_tree *tree, const struct hm_link *link)
{
	struct hm_link *child;
	unsigned int i;

	for (i = 0; tree && i < tree->n_children; i++) {
		child = rcu_dereference_protected(tree->child[i], lockdep_is_held(&hm->lock));
		if (child != link)
			continue;
		RCU_INIT_POINTER(tree->child[i], NULL);
		hm_link_put(child);
	}
}

/**
 * hm_tree_link_gone() - Take a link out of a tree
 * @hm: device
 * @place: of the root
 * @link: link that is being removed
 *
 * Context: Process context, hm->lock held.
 */
void hm_tree_link_gone(struct hm_device *hm, struct hm_tree_place *place,
		       const struct hm_link *link)
{
	lockdep_assert_held(&hm->lock);
	drop_child(hm, rcu_dereference_protected(place->tree, lockdep_is_held(&hm->lock)), link);
	drop_child(hm, place->staged, link);
}

/* ---- frames --------------------------------------------------------------------- */

/**
 * hm_tree_children() - Who gets a copy of a frame
 * @tree: tree of its root
 * @group: destination in its header
 *
 * Context: RCU read side.
 * Return: bit n is set for child n.
 */
u64 hm_tree_children(const struct hm_tree *tree, const u8 *group)
{
	u64 all = tree->n_children ? U64_MAX >> (64 - tree->n_children) : 0;
	u64 key = hm_group_key(group);
	unsigned int low = 0, high = tree->n_groups, at;

	while (low < high) {
		at = (low + high) / 2;
		if (tree->group[at].key == key)
			return tree->group[at].children & all;
		if (tree->group[at].key < key)
			low = at + 1;
		else
			high = at;
	}
	return all;
}

/**
 * hm_tree_frame_max() - Longest frame that fits all the way from here
 * @tree: tree with us as its root
 *
 * Context: RCU read side, BH disabled.
 * Return: bytes.
 */
u32 hm_tree_frame_max(const struct hm_tree *tree)
{
	u32 frame_max = tree->frame_max;
	struct hm_link *link;
	unsigned int i;

	for (i = 0; i < tree->n_children; i++) {
		link = rcu_dereference(tree->child[i]);
		if (link)
			frame_max = min(frame_max, READ_ONCE(link->frame_max) ?:
						   hm_carrier_frame_max(link));
	}
	return frame_max;
}

/* The children of @children that can be reached now. */
static u64 reachable(struct hm_device *hm, const struct hm_tree *tree,
		     const struct hm_link *from, u64 children)
{
	u64 left = children, found = 0;
	struct hm_link *link;
	unsigned int i;

	for (; left; left &= left - 1) {
		i = __ffs64(left);
		link = rcu_dereference(tree->child[i]);
		if (link && likely(hm_link_is_usable(link)))
			found |= BIT_ULL(i);
		else
			hm_drop_count(hm, link ? link->counters : NULL,
				      from ? HUBMESH_DROP_FWD_LINK_DOWN :
					     HUBMESH_DROP_TX_LINK_DOWN, 1);
	}
	return found;
}

/* Send @skb, which holds @h and nothing else, to one child. */
static bool send_one(struct hm_link *link, struct sk_buff *skb, struct hm_frame *f, u8 ttl)
{
	f->hdr->hop_ttl = ttl;
	skb->priority = hm_hdr_class(f->hdr);
	return !hm_hop_send(link, skb, f, 1, ntohs(f->hdr->flow), hm_hdr_class(f->hdr) << 5);
}

static bool send_copy(struct hm_link *link, const struct hm_frame *f, const struct sk_buff *like,
		      u8 ttl)
{
	struct hm_frame copy = *f;
	struct sk_buff *skb = hm_frame_copy(f);

	if (unlikely(!skb)) {
		hm_drop_count(link->hm, link->counters, HUBMESH_DROP_NO_MEMORY, 1);
		return false;
	}
	if (like)
		skb_copy_hash(skb, like);
	copy.hdr = (struct hm_hdr *)skb->data;
	copy.is_paged = false;
	return send_one(link, skb, &copy, ttl);
}

/**
 * hm_tree_send() - Pass a frame on to the children that want it
 * @hm: device
 * @tree: tree of its root
 * @from: link it came by, NULL if it starts here
 * @skb: packet with this one frame, consumed, the last child gets it; NULL to leave the
 *	frame as it is and where it is
 * @f: the frame, sealed
 *
 * A frame that came by a link has one hop less when it leaves.
 *
 * Context: RCU read side, BH disabled.
 * Return: copies that left or wait in a queue.
 */
unsigned int hm_tree_send(struct hm_device *hm, const struct hm_tree *tree,
			  const struct hm_link *from, struct sk_buff *skb,
			  const struct hm_frame *f)
{
	u64 children = hm_tree_children(tree, f->hdr->dst);
	u8 ttl = hm_hdr_ttl(f->hdr);
	unsigned int sent = 0;
	bool was_sent;

	if (from && children && unlikely(ttl <= 1)) {
		hm_drop_count(hm, from->counters, HUBMESH_DROP_FWD_TTL, 1);
		children = 0;
	}
	if (from)
		ttl--;
	children = reachable(hm, tree, from, children);
	for (; children; children &= children - 1) {
		struct hm_link *link = rcu_dereference(tree->child[__ffs64(children)]);
		struct hm_frame whole = *f;

		if (unlikely(!link))	/* removed just now */
			continue;
		if (skb && !(children & (children - 1))) {
			was_sent = send_one(link, skb, &whole, ttl);
			skb = NULL;
		} else {
			was_sent = send_copy(link, f, skb, ttl);
		}
		sent += was_sent;
		if (from && was_sent)
			hm_count_forwarded(link->counters, 1);
	}
	if (skb)
		consume_skb(skb);
	return sent;
}
