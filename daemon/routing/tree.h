/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: tree: our place in the tree of every hub
 *
 * Every hub is the root of a tree along which its frames for many go.  In the tree of
 * root R the parent of a hub H is the neighbour N of H with
 *
 *     distance(R, N) + cost(N, H) = distance(R, H),
 *
 * and of several such the one with the lowest id.  Every hub computes the same from the
 * same database, so nobody needs to be told.  Distances are the same both ways, so those
 * from us, our neighbours and theirs tell our parent and our children for every root at
 * once; no tree is computed as a whole.
 *
 * A group that not everybody wants is listed with the children behind which somebody
 * does: those that are on some shortest path from the root to a member.  With equal ways
 * that may be one more than its tree needs; never one less.
 */
#ifndef ROUTING_TREE_H
#define ROUTING_TREE_H

#include "daemon/routing/route.h"

#define TREE_CHILDREN_MAX 64 /* of one hub in one tree: the kernel's limit */
#define TREE_GROUPS_MAX 128 /* listed in one tree: the kernel's limit */
#define TREE_SPF_MAX 512 /* runs of Dijkstra for one computation; bigger meshes have no trees */

/**
 * struct tree_group - who wants a group
 * @mac: its multicast address
 * @children: bit n is set if somebody behind child n does
 */
struct tree_group {
	uint8_t mac[RECORD_GROUP_LEN];
	uint64_t children;
};

/**
 * struct tree - our place in one tree
 * @root: whose tree
 * @parent: neighbour that frames come from; ourselves when we are the root
 * @n_children: entries of @child
 * @child: links to the neighbours that frames go to, one each, in order of their ids
 * @n_groups: entries of @groups
 * @groups: those that not all children want, sorted; owned
 */
struct tree {
	struct hub_id root, parent;
	uint32_t n_children, child[TREE_CHILDREN_MAX];
	size_t n_groups;
	struct tree_group *groups;
};

/**
 * struct trees - what trees_compute() found
 * @list: sorted by root
 * @n: entries
 */
struct trees {
	struct tree *list;
	size_t n;
};

/**
 * trees_compute() - From the database and our links for frames, as routes_compute().
 * @db: records of all hubs, borrowed for the call; without ours there are no trees
 * @self: our id
 * @links: ours, any order, several to one neighbour allowed; borrowed for the call
 * @n_links: entries of @links
 * @ret: overwritten without being freed; the caller passes it to trees_fini()
 *
 * There is none of a root in whose tree we have more than TREE_CHILDREN_MAX children, and
 * none at all if that would take more than TREE_SPF_MAX runs.
 */
void trees_compute(const struct lsdb *db, const struct hub_id *self, const struct route_link *links,
		   size_t n_links, struct trees *ret);
void trees_fini(struct trees *trees);
/** trees_copy() - On the heap, to be passed to trees_fini() and free(). */
struct trees *trees_copy(const struct trees *trees);
bool trees_equal(const struct trees *a, const struct trees *b);

#endif
