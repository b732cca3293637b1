// SPDX-License-Identifier: GPL-2.0
/* DOC: route: see route.h */
#include "daemon/routing/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"

/* A tunnel that repairs one next hop: by @by to @end. */
struct tunnel {
	uint32_t end;
	const struct via *by;
	uint64_t cost; /* from us to @end */
	bool avoids_node; /* its own way does not lead through the next hop */
	struct spf spf; /* from @end; not computed yet while @distance is NULL */
};

/* One of our neighbours, as seen by the route computation. */
struct via {
	uint32_t node;
	uint32_t cost; /* of the edge: larger of both ends */
	uint64_t *distance; /* from that neighbour */
	uint32_t *frame_max; /* from it, over every shortest path */
	bool has_tunnels; /* the rest has been computed */
	uint32_t n_tunnels;
	struct tunnel tunnels[ROUTE_TUNNELS_LOOKED_AT]; /* if it fails; nearest first */
};

/* The smaller of two of which each may be unknown. */
static uint32_t narrower(uint32_t a, uint32_t b)
{
	if (!a || !b)
		return a ? a : b;
	return a < b ? a : b;
}

uint32_t graph_node_of(const struct lsdb *db, const struct hub_id *hub)
{
	size_t low = 0, high = db->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (hub_id_cmp(&db->list[mid]->hub, hub) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < db->n && hub_id_equal(&db->list[low]->hub, hub) ? low : NO_NODE;
}

/* The cheapest of our links to a neighbour; our live state, not our record. */
static uint32_t own_cost(const struct route_link *links, size_t n_links, const struct hub_id *peer)
{
	uint32_t best = 0;

	for (size_t i = 0; i < n_links; i++) {
		if (hub_id_equal(&links[i].peer, peer) && (!best || links[i].cost_us < best))
			best = links[i].cost_us;
	}
	return best;
}

/* What fits all our links to a neighbour that we would use. */
static uint32_t own_frame_max(const struct route_link *links, size_t n_links,
			      const struct hub_id *peer)
{
	uint32_t cheapest = own_cost(links, n_links, peer), frame_max = 0;

	for (size_t i = 0; i < n_links; i++) {
		if (hub_id_equal(&links[i].peer, peer) && links[i].cost_us == cheapest)
			frame_max = narrower(frame_max, links[i].frame_max);
	}
	return frame_max;
}

static bool carries(enum route_kind kind, const struct record_link *link)
{
	return kind == ROUTES_OF_SESSIONS || !link->is_frameless;
}

/* The link of an entry to @peer, if it is one of the graph's kind. */
static const struct record_link *link_of(const struct graph *g, uint32_t node,
					 const struct hub_id *peer)
{
	const struct record_link *link = lsdb_link(g->db->list[node], peer);

	return link && carries(g->kind, link) ? link : NULL;
}

/* Cost of a both-ways link between two entries, 0 when there is none. */
static uint32_t edge_cost(const struct graph *g, uint32_t from, const struct record_link *link,
			  uint32_t to, const struct route_link *links, size_t n_links)
{
	uint32_t there = link->cost_us, back;

	if (from == g->self || to == g->self) {
		uint32_t other = from == g->self ? to : from;
		const struct record_link *theirs = link_of(g, other, &g->db->list[g->self]->hub);

		there = own_cost(links, n_links, &g->db->list[other]->hub);
		back = theirs ? theirs->cost_us : 0;
	} else {
		const struct record_link *reverse = link_of(g, to, &g->db->list[from]->hub);

		back = reverse ? reverse->cost_us : 0;
	}
	if (!there || !back)
		return 0;
	return there > back ? there : back;
}

static void add_own_edges(struct graph *g, uint32_t *at, const struct route_link *links,
			  size_t n_links)
{
	for (uint32_t to = 0; to < g->n; to++) {
		const struct record_link *theirs;
		uint32_t ours;

		if (to == g->self)
			continue;
		theirs = link_of(g, to, &g->db->list[g->self]->hub);
		ours = theirs ? own_cost(links, n_links, &g->db->list[to]->hub) : 0;
		if (ours)
			g->edges[(*at)++] = (struct edge){
				.to = to,
				.cost = ours > theirs->cost_us ? ours : theirs->cost_us,
				.frame_max = own_frame_max(links, n_links, &g->db->list[to]->hub),
			};
	}
}

void graph_build(struct graph *g, const struct lsdb *db, uint32_t self, enum route_kind kind,
		 const struct route_link *links, size_t n_links)
{
	uint32_t at = 0;
	size_t room = n_links;

	g->db = db;
	g->n = db->n;
	g->self = self;
	g->kind = kind;
	for (uint32_t i = 0; i < g->n; i++)
		room += db->list[i]->n_links;
	g->row = xnew_array(uint32_t, g->n + 1);
	g->edges = xnew_array(struct edge, room + 1);
	for (uint32_t from = 0; from < g->n; from++) {
		const struct lsdb_entry *entry = db->list[from];

		g->row[from] = at;
		if (from == self) {
			add_own_edges(g, &at, links, n_links);
			continue;
		}
		for (size_t i = 0; i < entry->n_links; i++) {
			uint32_t to = graph_node_of(db, &entry->links[i].peer), cost;

			if (to == NO_NODE || to == from || !carries(kind, &entry->links[i]))
				continue;
			cost = edge_cost(g, from, &entry->links[i], to, links, n_links);
			if (cost)
				g->edges[at++] = (struct edge){to, cost, entry->links[i].frame_max};
		}
	}
	g->row[g->n] = at;
	assert(at <= room);
}

void graph_fini(struct graph *g)
{
	free(g->row);
	free(g->edges);
}

/* Binary heap of (distance, node); stale entries are skipped when popped. */
struct heap_item {
	uint64_t distance;
	uint32_t node;
};

static bool item_before(struct heap_item a, struct heap_item b)
{
	return a.distance != b.distance ? a.distance < b.distance : a.node < b.node;
}

static void heap_push(struct heap_item *heap, size_t *n, struct heap_item item)
{
	size_t i = (*n)++;

	for (; i > 0 && item_before(item, heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = item;
}

static struct heap_item heap_pop(struct heap_item *heap, size_t *n)
{
	struct heap_item top = heap[0], last = heap[--*n];
	size_t i = 0;

	for (size_t child = 1; child < *n; child = 2 * i + 1) {
		if (child + 1 < *n && item_before(heap[child + 1], heap[child]))
			child++;
		if (!item_before(heap[child], last))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = last;
	return top;
}

/*
 * An edge is part of a shortest path as far as is known.  Costs are above zero, so
 * every shortest path to @from is known when its edges are looked at.
 */
static void note_frame_max(const struct spf *spf, uint32_t from, const struct edge *edge,
			   uint64_t distance)
{
	uint32_t frame_max;

	if (!spf->frame_max)
		return;
	frame_max = narrower(spf->frame_max[from], edge->frame_max);
	if (distance == spf->distance[edge->to])
		frame_max = narrower(frame_max, spf->frame_max[edge->to]);
	spf->frame_max[edge->to] = frame_max;
}

void graph_dijkstra(const struct graph *g, uint32_t source, const struct spf *spf)
{
	_cleanup_free_ struct heap_item *heap = xnew_array(struct heap_item, g->row[g->n] + 1);
	size_t n = 0;

	for (uint32_t i = 0; i < g->n; i++)
		spf->distance[i] = ROUTE_UNREACHABLE;
	spf->distance[source] = 0;
	if (spf->parent) {
		spf->parent[source] = source;
		spf->hops[source] = 0;
	}
	heap_push(heap, &n, (struct heap_item){0, source});
	while (n > 0) {
		struct heap_item item = heap_pop(heap, &n);

		if (item.distance > spf->distance[item.node])
			continue;
		for (uint32_t e = g->row[item.node]; e < g->row[item.node + 1]; e++) {
			uint64_t distance = item.distance + g->edges[e].cost;
			uint32_t to = g->edges[e].to;

			if (distance > spf->distance[to])
				continue;
			note_frame_max(spf, item.node, &g->edges[e], distance);
			if (distance == spf->distance[to])
				continue;
			spf->distance[to] = distance;
			if (spf->parent) {
				spf->parent[to] = item.node;
				spf->hops[to] = spf->hops[item.node] + 1;
			}
			heap_push(heap, &n, (struct heap_item){distance, to});
		}
	}
}

static int compare_links(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool has_via(const struct route *route, uint32_t link)
{
	for (uint32_t i = 0; i < route->n_via; i++) {
		if (route->via[i] == link)
			return true;
	}
	return false;
}

static void choose_primary(const struct graph *g, struct route *route, uint32_t to,
			   uint64_t distance, const struct via *vias, size_t n_vias,
			   const struct route_link *links, size_t n_links)
{
	for (size_t v = 0; v < n_vias; v++) {
		const struct hub_id *peer = &g->db->list[vias[v].node]->hub;
		uint32_t cheapest = own_cost(links, n_links, peer);

		if (vias[v].distance[to] == ROUTE_UNREACHABLE ||
		    vias[v].cost + vias[v].distance[to] != distance)
			continue;
		for (size_t i = 0; i < n_links && route->n_via < ROUTE_VIA_MAX; i++) {
			if (links[i].cost_us != cheapest || !hub_id_equal(&links[i].peer, peer))
				continue;
			route->via[route->n_via++] = links[i].link;
			route->frame_max = narrower(route->frame_max, links[i].frame_max);
			route->frame_max = narrower(route->frame_max, vias[v].frame_max[to]);
		}
	}
	qsort(route->via, route->n_via, sizeof(route->via[0]), compare_links);
}

static bool is_primary(const struct via *via, uint32_t to, uint64_t distance)
{
	return via->distance[to] != ROUTE_UNREACHABLE && via->cost + via->distance[to] == distance;
}

/* RFC 5286 inequality 3 against every primary that is not the destination. */
static bool protects_nodes(const struct via *n, const struct via *vias, size_t n_vias, uint32_t to,
			   uint64_t distance)
{
	for (size_t v = 0; v < n_vias; v++) {
		if (!is_primary(&vias[v], to, distance) || vias[v].node == to)
			continue;
		if (n->distance[to] >= n->distance[vias[v].node] + vias[v].distance[to])
			return false;
	}
	return true;
}

static void choose_backup(const struct graph *g, struct route *route, uint32_t to,
			  uint64_t distance, const struct via *vias, size_t n_vias,
			  const struct route_link *links, size_t n_links)
{
	uint64_t best_cost = ROUTE_UNREACHABLE;
	bool best_protects = false;
	uint32_t frame_max = 0;

	for (size_t v = 0; v < n_vias; v++) {
		const struct via *n = &vias[v];
		bool protects;

		if (n->distance[to] == ROUTE_UNREACHABLE ||
		    n->distance[to] >= n->distance[g->self] + distance)
			continue;
		protects = !is_primary(n, to, distance) &&
			   protects_nodes(n, vias, n_vias, to, distance);
		for (size_t i = 0; i < n_links; i++) {
			uint64_t cost = links[i].cost_us + n->distance[to];

			if (!hub_id_equal(&links[i].peer, &g->db->list[n->node]->hub) ||
			    has_via(route, links[i].link))
				continue;
			if (protects < best_protects ||
			    (protects == best_protects && cost >= best_cost))
				continue;
			best_protects = protects;
			best_cost = cost;
			route->backup = links[i].link;
			frame_max = narrower(links[i].frame_max, n->frame_max[to]);
		}
	}
	route->frame_max = narrower(route->frame_max, frame_max);
}

/* Does @by take what it gets for @end there without us?  RFC 5286 inequality 1. */
static bool reaches_past_us(const struct graph *g, const struct via *by, uint32_t end,
			    uint64_t distance)
{
	return by->distance[end] != ROUTE_UNREACHABLE &&
	       by->distance[end] < by->distance[g->self] + distance;
}

/* The best first link of a tunnel to @end while @failed is not there. */
static struct tunnel tunnel_to(const struct graph *g, uint32_t end, uint64_t distance,
			       const struct via *failed, const struct via *vias, size_t n_vias)
{
	struct tunnel best = {.end = end};

	for (size_t v = 0; v < n_vias; v++) {
		const struct via *by = &vias[v];
		struct tunnel t = {.end = end, .by = by, .cost = by->cost + by->distance[end]};

		if (by == failed || !reaches_past_us(g, by, end, distance))
			continue;
		t.avoids_node = by->distance[end] <
				by->distance[failed->node] + failed->distance[end];
		if (!best.by || t.avoids_node > best.avoids_node ||
		    (t.avoids_node == best.avoids_node && t.cost < best.cost))
			best = t;
	}
	return best;
}

/* Keep the nearest; of equally near ones those that came first. */
static void keep_tunnel(struct via *failed, struct tunnel t)
{
	uint32_t at = failed->n_tunnels;

	while (at > 0 && t.cost < failed->tunnels[at - 1].cost)
		at--;
	if (at == ROUTE_TUNNELS_LOOKED_AT)
		return;
	if (failed->n_tunnels < ROUTE_TUNNELS_LOOKED_AT)
		failed->n_tunnels++;
	for (uint32_t i = failed->n_tunnels - 1; i > at; i--)
		failed->tunnels[i] = failed->tunnels[i - 1];
	failed->tunnels[at] = t;
}

/* Hubs from which every way to @failed avoids us, and that we can reach without it. */
static void find_tunnels(const struct graph *g, const struct spf *spf, struct via *failed,
			 const struct via *vias, size_t n_vias)
{
	failed->has_tunnels = true;
	for (uint32_t end = 0; end < g->n; end++) {
		struct tunnel t;

		if (end == g->self || spf->distance[end] == ROUTE_UNREACHABLE ||
		    failed->distance[end] >= spf->distance[end] + failed->cost)
			continue;
		t = tunnel_to(g, end, spf->distance[end], failed, vias, n_vias);
		if (t.by)
			keep_tunnel(failed, t);
	}
}

static void tunnel_spf(const struct graph *g, struct tunnel *t)
{
	if (t->spf.distance)
		return;
	t->spf.distance = xnew_array(uint64_t, g->n);
	t->spf.frame_max = xnew_array(uint32_t, g->n);
	graph_dijkstra(g, t->end, &t->spf);
}

/* The nearest tunnel by which frames for @to avoid @failed itself; else the nearest. */
static struct tunnel *pick_tunnel(const struct graph *g, struct via *failed, uint32_t to)
{
	for (uint32_t i = 0; failed->node != to && i < failed->n_tunnels; i++) {
		struct tunnel *t = &failed->tunnels[i];

		tunnel_spf(g, t);
		if (t->avoids_node &&
		    t->spf.distance[to] < failed->distance[t->end] + failed->distance[to])
			return t;
	}
	return failed->n_tunnels ? &failed->tunnels[0] : NULL;
}

/* The only neighbour by which the shortest ways to @to lead; NULL if there are several. */
static struct via *only_primary(struct via *vias, size_t n_vias, uint32_t to, uint64_t distance)
{
	struct via *only = NULL;

	for (size_t v = 0; v < n_vias; v++) {
		if (!is_primary(&vias[v], to, distance))
			continue;
		if (only)
			return NULL;
		only = &vias[v];
	}
	return only;
}

static const struct route_link *cheapest_link(const struct hub_id *peer,
					      const struct route_link *links, size_t n_links)
{
	uint32_t cost = own_cost(links, n_links, peer);
	const struct route_link *best = NULL;

	for (size_t i = 0; i < n_links; i++) {
		if (links[i].cost_us == cost && hub_id_equal(&links[i].peer, peer) &&
		    (!best || links[i].link < best->link))
			best = &links[i];
	}
	assert(best);
	return best;
}

static void choose_tunnel(const struct graph *g, const struct spf *spf, struct route *route,
			  uint32_t to, struct via *vias, size_t n_vias,
			  const struct route_link *links, size_t n_links)
{
	struct via *failed = only_primary(vias, n_vias, to, spf->distance[to]);
	const struct route_link *link;
	struct tunnel *t;

	if (!failed)
		return;
	if (!failed->has_tunnels)
		find_tunnels(g, spf, failed, vias, n_vias);
	t = pick_tunnel(g, failed, to);
	if (!t)
		return;
	tunnel_spf(g, t);
	link = cheapest_link(&g->db->list[t->by->node]->hub, links, n_links);
	route->backup = link->link;
	route->tunnel_end = g->db->list[t->end]->hub;
	route->frame_max = narrower(route->frame_max, link->frame_max);
	route->frame_max = narrower(route->frame_max, t->by->frame_max[t->end]);
	route->frame_max = narrower(route->frame_max, t->spf.frame_max[to]);
}

static size_t neighbours_spf(const struct graph *g, struct via *vias)
{
	size_t n = 0;

	for (uint32_t e = g->row[g->self]; e < g->row[g->self + 1]; e++) {
		vias[n] = (struct via){
			.node = g->edges[e].to,
			.cost = g->edges[e].cost,
			.distance = xnew_array(uint64_t, g->n),
			.frame_max = xnew_array(uint32_t, g->n),
		};
		graph_dijkstra(g, vias[n].node,
			       &(struct spf){.distance = vias[n].distance,
					     .frame_max = vias[n].frame_max});
		n++;
	}
	return n;
}

static void vias_fini(struct via *vias, size_t n_vias)
{
	for (size_t v = 0; v < n_vias; v++) {
		free(vias[v].distance);
		free(vias[v].frame_max);
		for (uint32_t i = 0; i < vias[v].n_tunnels; i++) {
			free(vias[v].tunnels[i].spf.distance);
			free(vias[v].tunnels[i].spf.frame_max);
		}
	}
}

static void fill_routes(const struct graph *g, const struct spf *spf, struct via *vias,
			size_t n_vias, const struct route_link *links, size_t n_links,
			struct routes *ret)
{
	for (uint32_t to = 0; to < g->n; to++) {
		struct route *route = &ret->list[ret->n];

		if (to == g->self || spf->distance[to] == ROUTE_UNREACHABLE)
			continue;
		route->hub = g->db->list[to]->hub;
		route->hops = spf->hops[to];
		route->cost_us = spf->distance[to];
		ret->parent[ret->n++] = g->db->list[spf->parent[to]]->hub;
		choose_primary(g, route, to, spf->distance[to], vias, n_vias, links, n_links);
		choose_backup(g, route, to, spf->distance[to], vias, n_vias, links, n_links);
		if (!route->backup)
			choose_tunnel(g, spf, route, to, vias, n_vias, links, n_links);
		assert(route->n_via > 0);
	}
}

void routes_compute(const struct lsdb *db, const struct hub_id *self, enum route_kind kind,
		    const struct route_link *links, size_t n_links, struct routes *ret)
{
	_cleanup_free_ uint32_t *parent = NULL, *hops = NULL;
	_cleanup_free_ uint64_t *distance = NULL;
	_cleanup_free_ struct via *vias = NULL;
	struct graph g = {0};
	struct spf spf = {0};
	uint32_t me = graph_node_of(db, self);
	size_t n_vias;

	*ret = (struct routes){0};
	if (me == NO_NODE)
		return;
	graph_build(&g, db, me, kind, links, n_links);
	spf.distance = distance = xnew_array(uint64_t, g.n);
	spf.parent = parent = xnew_array(uint32_t, g.n);
	spf.hops = hops = xnew_array(uint32_t, g.n);
	graph_dijkstra(&g, me, &spf);
	vias = xnew_array(struct via, g.row[me + 1] - g.row[me] + 1);
	n_vias = neighbours_spf(&g, vias);
	ret->list = xnew_array(struct route, g.n);
	ret->parent = xnew_array(struct hub_id, g.n);
	fill_routes(&g, &spf, vias, n_vias, links, n_links, ret);
	vias_fini(vias, n_vias);
	graph_fini(&g);
}

struct routes routes_copy(const struct routes *routes)
{
	return (struct routes){
		.list = xmemdup(routes->list, routes->n * sizeof(*routes->list)),
		.parent = xmemdup(routes->parent, routes->n * sizeof(*routes->parent)),
		.n = routes->n,
	};
}

void routes_fini(struct routes *routes)
{
	free(routes->list);
	free(routes->parent);
	*routes = (struct routes){0};
}

const struct route *routes_find(const struct routes *routes, const struct hub_id *hub)
{
	size_t low = 0, high = routes->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (hub_id_cmp(&routes->list[mid].hub, hub) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < routes->n && hub_id_equal(&routes->list[low].hub, hub))
		return &routes->list[low];
	return NULL;
}

bool routes_equal(const struct routes *a, const struct routes *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct route *x = &a->list[i], *y = &b->list[i];

		if (!hub_id_equal(&x->hub, &y->hub) || x->n_via != y->n_via ||
		    x->backup != y->backup || !hub_id_equal(&x->tunnel_end, &y->tunnel_end) ||
		    x->frame_max != y->frame_max || memcmp(x->via, y->via, sizeof(x->via)) != 0)
			return false;
	}
	return true;
}

int routes_path(const struct routes *routes, const struct hub_id *self, const struct hub_id *to,
		struct hub_id *path, size_t max)
{
	const struct route *route = routes_find(routes, to);
	struct hub_id at = *to;

	if (hub_id_equal(self, to)) {
		if (max < 1)
			return -ENOSPC;
		path[0] = *self;
		return 1;
	}
	if (!route)
		return -EHOSTUNREACH;
	if (route->hops + 1 > max)
		return -ENOSPC;
	for (uint32_t i = route->hops; i > 0; i--) {
		path[i] = at;
		at = routes->parent[routes_find(routes, &at) - routes->list];
	}
	path[0] = *self;
	return route->hops + 1;
}
