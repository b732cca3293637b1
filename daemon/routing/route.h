/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: route: ways to every hub
 *
 * Dijkstra over the link-state database from ourselves and from each of our
 * neighbours.  A link counts when both ends list it, at the larger of the
 * two costs.  For each destination: every neighbour on a shortest path (at
 * most ROUTE_VIA_MAX links), and one backup link outside that set which is
 * loop free by RFC 5286 inequality 1,
 *
 *     distance(N, D) < distance(N, S) + distance(S, D),
 *
 * preferring one that also avoids the primary next hop (inequality 3), or a
 * costlier parallel link.  Results are in a stable order, so two equal route
 * sets compare equal byte for byte.
 *
 * Where no link is loop free and all primary links lead to one neighbour E, the backup
 * leads through a tunnel (RFC 7490): by a link to another neighbour N to a hub Q with
 *
 *     distance(N, Q) < distance(N, S) + distance(S, Q)     N takes it to Q past us
 *     distance(Q, E) < distance(Q, S) + cost(S, E)         Q's ways to E, and so to D,
 *                                                          are not by us either
 *
 * preferring those of the ROUTE_TUNNELS_LOOKED_AT nearest by which frames also avoid E
 * (RFC 8102), then the nearest, then the lowest id.
 *
 * A hub without a data path relays no frames, but sessions reach it and it carries trunks.
 * So there are two kinds of routes, over two graphs: with links that are frameless and
 * without.
 */
#ifndef ROUTING_ROUTE_H
#define ROUTING_ROUTE_H

#include "daemon/topology/lsdb.h"

#define ROUTE_VIA_MAX 4
#define ROUTE_TUNNELS_LOOKED_AT 8 /* each may cost a run of Dijkstra */
#define ROUTE_UNREACHABLE UINT64_MAX

/** enum route_kind - what is to go along routes */
enum route_kind {
	ROUTES_OF_FRAMES, /* of the kernel */
	ROUTES_OF_SESSIONS, /* messages and trunks, handed on by meshd's */
};

/**
 * struct route_link - one of our links that may carry routes
 * @link: index
 * @peer: neighbour
 * @cost_us: our cost of it
 * @frame_max: longest frame that gets through, 0 = not known
 */
struct route_link {
	uint32_t link;
	struct hub_id peer;
	uint32_t cost_us, frame_max;
};

/**
 * struct route - how to reach one hub
 * @hub: destination
 * @n_via: entries of @via, at least 1
 * @via: equal-cost links, ascending
 * @backup: loop-free alternative link, 0 none
 * @tunnel_end: hub where the tunnel by @backup ends, all zero for no tunnel
 * @hops: links to cross
 * @cost_us: distance
 * @frame_max: longest frame that fits all the way, by any of @via and @backup, as far
 *	as their ends know; 0 = nothing known.  A tunnel's header is not taken off: the kernel
 *	does that while frames go through it
 */
struct route {
	struct hub_id hub;
	uint32_t n_via, via[ROUTE_VIA_MAX];
	uint32_t backup, hops;
	struct hub_id tunnel_end;
	uint64_t cost_us;
	uint32_t frame_max;
};

/**
 * struct routes - what routes_compute() found
 * @list: reachable hubs but ourselves, sorted
 * @n: entries
 * @parent: for each the hub before it on one shortest path
 */
struct routes {
	struct route *list;
	struct hub_id *parent;
	size_t n;
};

/**
 * routes_compute() - From the database and our usable links.
 * @db: records of all hubs, borrowed for the call; without ours there are no routes
 * @self: our id
 * @kind: what they are for
 * @links: ours that carry that, any order, several to one neighbour allowed; borrowed for the
 *	call
 * @n_links: entries of @links
 * @ret: overwritten without being freed; the caller passes it to routes_fini()
 */
void routes_compute(const struct lsdb *db, const struct hub_id *self, enum route_kind kind,
		    const struct route_link *links, size_t n_links, struct routes *ret);
/** routes_copy() - To be passed to routes_fini(). */
struct routes routes_copy(const struct routes *routes);
void routes_fini(struct routes *routes);
/** routes_find() - NULL when unreachable. */
const struct route *routes_find(const struct routes *routes, const struct hub_id *hub);
/** routes_equal() - Same destinations, links, backups, tunnels and frame sizes; costs may differ. */
bool routes_equal(const struct routes *a, const struct routes *b);
/**
 * routes_path() - Hubs on one shortest path, both ends included.
 * @routes: computed for @self
 * @self: our id, the first entry
 * @to: the last entry; @self gives one entry only
 * @path: receives the ids, untouched on failure
 * @max: entries of @path
 *
 * Return: hubs written; -EHOSTUNREACH; -ENOSPC longer than @max.
 */
int routes_path(const struct routes *routes, const struct hub_id *self, const struct hub_id *to,
		struct hub_id *path, size_t max);

#endif
