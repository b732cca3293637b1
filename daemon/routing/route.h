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
 */
#ifndef ROUTING_ROUTE_H
#define ROUTING_ROUTE_H

#include "daemon/topology/lsdb.h"

#define ROUTE_VIA_MAX 4
#define ROUTE_UNREACHABLE UINT64_MAX

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
 * @hops: links to cross
 * @cost_us: distance
 * @frame_max: longest frame that fits all the way, by any of @via and @backup, as far
 *	as their ends know; 0 = nothing known
 */
struct route {
	struct hub_id hub;
	uint32_t n_via, via[ROUTE_VIA_MAX];
	uint32_t backup, hops;
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
 * @links: ours, any order, several to one neighbour allowed; borrowed for the call
 * @n_links: entries of @links
 * @ret: overwritten without being freed; the caller passes it to routes_fini()
 */
void routes_compute(const struct lsdb *db, const struct hub_id *self,
		    const struct route_link *links, size_t n_links, struct routes *ret);
void routes_fini(struct routes *routes);
/** routes_find() - NULL when unreachable. */
const struct route *routes_find(const struct routes *routes, const struct hub_id *hub);
/** routes_equal() - Same destinations, links, backups and frame sizes; costs may differ. */
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
