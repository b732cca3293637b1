// SPDX-License-Identifier: GPL-2.0
/* DOC: tree: see tree.h */
#include "daemon/routing/tree.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "daemon/routing/internal.h"

/* Distances from some nodes; those of the others are NULL. */
struct distances {
	uint64_t **from;
	size_t n_runs;
};

static bool measure_from(const struct graph *g, struct distances *d, uint32_t node)
{
	if (d->from[node])
		return true;
	if (d->n_runs == TREE_SPF_MAX)
		return false;
	d->n_runs++;
	d->from[node] = xnew_array(uint64_t, g->n);
	graph_dijkstra(g, node, &(struct spf){.distance = d->from[node]});
	return true;
}

/* From us, our neighbours and theirs. Return: false when those are too many. */
static bool measure_near(const struct graph *g, struct distances *d)
{
	if (!measure_from(g, d, g->self))
		return false;
	for (uint32_t e = g->row[g->self]; e < g->row[g->self + 1]; e++) {
		uint32_t near = g->edges[e].to;

		if (!measure_from(g, d, near))
			return false;
		for (uint32_t f = g->row[near]; f < g->row[near + 1]; f++) {
			if (!measure_from(g, d, g->edges[f].to))
				return false;
		}
	}
	return true;
}

/* Rows rise by id, so the first is the lowest. */
static uint32_t parent_of(const struct graph *g, const struct distances *d, uint32_t node,
			  uint32_t root)
{
	uint64_t distance = d->from[node][root];

	for (uint32_t e = g->row[node]; e < g->row[node + 1]; e++) {
		uint64_t before = d->from[g->edges[e].to][root];

		if (before != ROUTE_UNREACHABLE && before + g->edges[e].cost == distance)
			return g->edges[e].to;
	}
	return NO_NODE;
}

/* Cheapest link to a neighbour, the lowest of equals. */
static uint32_t link_to(const struct route_link *links, size_t n_links, const struct hub_id *peer)
{
	const struct route_link *best = NULL;

	for (size_t i = 0; i < n_links; i++) {
		if (!hub_id_equal(&links[i].peer, peer))
			continue;
		if (!best || links[i].cost_us < best->cost_us ||
		    (links[i].cost_us == best->cost_us && links[i].link < best->link))
			best = &links[i];
	}
	return best ? best->link : 0;
}

/* A neighbour that is our child in the tree being made. */
struct child {
	uint32_t node, cost;
};

/* Return: how many, or SIZE_MAX if there are too many. */
static size_t find_children(const struct graph *g, const struct distances *d, uint32_t root,
			    uint32_t parent, struct child *ret)
{
	size_t n = 0;

	for (uint32_t e = g->row[g->self]; e < g->row[g->self + 1]; e++) {
		uint32_t near = g->edges[e].to;

		if (near == root || near == parent || parent_of(g, d, near, root) != g->self)
			continue;
		if (n == TREE_CHILDREN_MAX)
			return SIZE_MAX;
		ret[n++] = (struct child){near, g->edges[e].cost};
	}
	return n;
}

/* ---- groups -------------------------------------------------------------- */

/*
 * A group some hub listens to, and who else wants it: nodes with a list and those
 * that want all groups of its family.
 */
struct membership {
	uint8_t mac[RECORD_GROUP_LEN];
	uint32_t *members;
	size_t n_members;
};

struct memberships {
	struct membership *list;
	size_t n;
};

static int compare_macs(const void *a, const void *b)
{
	return memcmp(a, b, RECORD_GROUP_LEN);
}

static bool is_ipv6_group(const uint8_t *mac)
{
	return mac[0] == 0x33;
}

static bool wants(const struct lsdb_entry *entry, const uint8_t *mac)
{
	uint32_t all = is_ipv6_group(mac) ? RECORD_GROUPS_ALL6 : RECORD_GROUPS_ALL4;

	if (!entry->bytes)
		return false;
	return entry->group_flags & all ||
	       (entry->n_groups &&
		bsearch(mac, entry->groups, entry->n_groups, RECORD_GROUP_LEN, compare_macs));
}

/* The groups that are listed by anybody, the lowest TREE_GROUPS_MAX of them, each once. */
static size_t collect_groups(const struct graph *g, uint8_t (*ret)[RECORD_GROUP_LEN])
{
	_cleanup_free_ uint8_t(*all)[RECORD_GROUP_LEN] = NULL;
	size_t room = 0, n = 0, kept = 0;

	for (uint32_t i = 0; i < g->n; i++)
		room += g->db->list[i]->n_groups;
	all = xmalloc((room + 1) * RECORD_GROUP_LEN);
	for (uint32_t i = 0; i < g->n; i++) {
		for (size_t k = 0; k < g->db->list[i]->n_groups; k++)
			memcpy(all[n++], g->db->list[i]->groups[k], RECORD_GROUP_LEN);
	}
	qsort(all, n, RECORD_GROUP_LEN, compare_macs);
	for (size_t i = 0; i < n && kept < TREE_GROUPS_MAX; i++) {
		if (i == 0 || compare_macs(all[i], all[i - 1]) != 0)
			memcpy(ret[kept++], all[i], RECORD_GROUP_LEN);
	}
	return kept;
}

/* Groups whose members are too many to measure from go everywhere. */
static void find_memberships(const struct graph *g, struct distances *d, struct memberships *ret)
{
	uint8_t groups[TREE_GROUPS_MAX][RECORD_GROUP_LEN];
	size_t n = collect_groups(g, groups);

	ret->list = xnew_array(struct membership, n + 1);
	for (size_t i = 0; i < n; i++) {
		struct membership *m = &ret->list[ret->n];
		bool is_measured = true;

		m->members = xnew_array(uint32_t, g->n + 1);
		for (uint32_t node = 0; node < g->n && is_measured; node++) {
			if (!wants(g->db->list[node], groups[i]))
				continue;
			is_measured = measure_from(g, d, node);
			m->members[m->n_members++] = node;
		}
		memcpy(m->mac, groups[i], RECORD_GROUP_LEN);
		if (is_measured) {
			ret->n++;
			continue;
		}
		free(m->members);
		*m = (struct membership){0};
	}
}

/* Is @child, reached through us, on a shortest path from @root to a member? */
static bool leads_to_member(const struct graph *g, const struct distances *d,
			    const struct membership *m, uint32_t root, const struct child *child)
{
	uint64_t so_far = d->from[g->self][root] + child->cost;

	for (size_t i = 0; i < m->n_members; i++) {
		const uint64_t *from = d->from[m->members[i]];

		if (from[root] != ROUTE_UNREACHABLE && from[child->node] != ROUTE_UNREACHABLE &&
		    so_far + from[child->node] == from[root])
			return true;
	}
	return false;
}

static void list_groups(const struct graph *g, const struct distances *d,
			const struct memberships *memberships, uint32_t root,
			const struct child *children, struct tree *tree)
{
	uint64_t all = tree->n_children ? UINT64_MAX >> (64 - tree->n_children) : 0;

	if (!all)
		return;
	tree->groups = xnew_array(struct tree_group, memberships->n + 1);
	for (size_t i = 0; i < memberships->n; i++) {
		uint64_t mask = 0;

		for (uint32_t c = 0; c < tree->n_children; c++) {
			if (leads_to_member(g, d, &memberships->list[i], root, &children[c]))
				mask |= UINT64_C(1) << c;
		}
		if (mask == all)
			continue;
		memcpy(tree->groups[tree->n_groups].mac, memberships->list[i].mac,
		       RECORD_GROUP_LEN);
		tree->groups[tree->n_groups++].children = mask;
	}
}

/* ---- all of it ------------------------------------------------------------- */

static void add_tree(const struct graph *g, const struct distances *d,
		     const struct memberships *memberships, uint32_t root,
		     const struct route_link *links, size_t n_links, struct trees *ret)
{
	struct tree *tree = &ret->list[ret->n];
	struct child children[TREE_CHILDREN_MAX];
	uint32_t parent = g->self;
	size_t n;

	if (root != g->self)
		parent = parent_of(g, d, g->self, root);
	if (parent == NO_NODE)
		return;
	n = find_children(g, d, root, parent, children);
	if (n == SIZE_MAX)
		return;
	*tree = (struct tree){
		.root = g->db->list[root]->hub,
		.parent = g->db->list[parent]->hub,
		.n_children = n,
	};
	for (size_t c = 0; c < n; c++)
		tree->child[c] = link_to(links, n_links, &g->db->list[children[c].node]->hub);
	list_groups(g, d, memberships, root, children, tree);
	ret->n++;
}

void trees_compute(const struct lsdb *db, const struct hub_id *self, const struct route_link *links,
		   size_t n_links, struct trees *ret)
{
	struct memberships memberships = {0};
	struct distances d = {0};
	struct graph g = {0};
	uint32_t me = graph_node_of(db, self);

	*ret = (struct trees){0};
	if (me == NO_NODE)
		return;
	graph_build(&g, db, me, ROUTES_OF_FRAMES, links, n_links);
	d.from = xnew_array(uint64_t *, g.n);
	if (measure_near(&g, &d)) {
		find_memberships(&g, &d, &memberships);
		ret->list = xnew_array(struct tree, g.n);
		for (uint32_t root = 0; root < g.n; root++) {
			if (d.from[me][root] != ROUTE_UNREACHABLE)
				add_tree(&g, &d, &memberships, root, links, n_links, ret);
		}
	}
	for (size_t i = 0; i < memberships.n; i++)
		free(memberships.list[i].members);
	free(memberships.list);
	for (uint32_t i = 0; i < g.n; i++)
		free(d.from[i]);
	free(d.from);
	graph_fini(&g);
}

void trees_fini(struct trees *trees)
{
	if (!trees)
		return;
	for (size_t i = 0; i < trees->n; i++)
		free(trees->list[i].groups);
	free(trees->list);
	*trees = (struct trees){0};
}

struct trees *trees_copy(const struct trees *trees)
{
	struct trees *copy = xnew(struct trees);

	copy->n = trees->n;
	copy->list = xmemdup(trees->list, trees->n * sizeof(*trees->list));
	for (size_t i = 0; i < copy->n; i++)
		copy->list[i].groups =
			xmemdup(trees->list[i].groups,
				trees->list[i].n_groups * sizeof(*trees->list[i].groups));
	return copy;
}

static bool tree_equal(const struct tree *a, const struct tree *b)
{
	if (!hub_id_equal(&a->root, &b->root) || !hub_id_equal(&a->parent, &b->parent) ||
	    a->n_children != b->n_children || a->n_groups != b->n_groups ||
	    memcmp(a->child, b->child, sizeof(a->child)) != 0)
		return false;
	for (size_t i = 0; i < a->n_groups; i++) {
		if (compare_macs(a->groups[i].mac, b->groups[i].mac) != 0 ||
		    a->groups[i].children != b->groups[i].children)
			return false;
	}
	return true;
}

bool trees_equal(const struct trees *a, const struct trees *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!tree_equal(&a->list[i], &b->list[i]))
			return false;
	}
	return true;
}
