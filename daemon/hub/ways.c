// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: ways: routes of frames, routes of sessions, and which of them counts for what
 *
 * A hub without a data path relays no frames, but sessions reach it, and it carries
 * messages and trunks.  So there are two sets of routes.  Those of frames are the kernel's:
 * seals, addresses and mesh sessions follow them.  Those of sessions lead along all links: what
 * meshd's hand to one another goes there.  Where frames go, programs' connections take them,
 * however much nearer a hub may be along the other way.
 */
#include "daemon/hub/internal.h"

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"

bool path_is_frameless(const struct hub *hub, const struct path *path)
{
	return hub->settings.has_datapath != (path->remote.port != 0);
}

const struct route *way_of_frames(const struct hub *hub, const struct hub_id *id)
{
	return routes_find(&hub->frame_routes, id);
}

const struct routes *ways_to(const struct hub *hub, const struct hub_id *id)
{
	return way_of_frames(hub, id) ? &hub->frame_routes : &hub->routes;
}

const struct route *way_to(const struct hub *hub, const struct hub_id *id)
{
	return routes_find(ways_to(hub, id), id);
}

const struct route *way_of_addresses(const struct hub *hub, const struct hub_id *id)
{
	return hub->settings.has_datapath ? way_of_frames(hub, id) : routes_find(&hub->routes, id);
}

bool ways_compute(struct hub *hub, uint64_t now_ns)
{
	_cleanup_free_ struct route_link *all = xnew_array(struct route_link, hub->n_paths + 1);
	_cleanup_free_ struct route_link *framed = xnew_array(struct route_link, hub->n_paths + 1);
	const struct hub_id *self = &hub->settings.id;
	struct routes frames_before = hub->frame_routes;
	struct trees trees_before = hub->trees;
	bool has_changed;
	size_t n = 0, n_framed = 0;

	for (size_t i = 0; i < hub->n_paths; i++) {
		const struct path *path = hub->paths[i];

		if (!link_quality_is_usable(&path->quality, now_ns))
			continue;
		all[n] = (struct route_link){path->link, path->peer, path->quality.cost_us,
					     path->frame_max};
		if (path->in_kernel)
			framed[n_framed++] = all[n];
		n++;
	}
	routes_compute(&hub->lsdb, self, ROUTES_OF_FRAMES, framed, n_framed, &hub->frame_routes);
	trees_compute(&hub->lsdb, self, framed, n_framed, &hub->trees);
	/* The same graph, where all hubs have a data path. */
	if (n == n_framed && !lsdb_has_frameless(&hub->lsdb))
		hub->routes = routes_copy(&hub->frame_routes);
	else
		routes_compute(&hub->lsdb, self, ROUTES_OF_SESSIONS, all, n, &hub->routes);
	hub->counters.routes_computed++;
	has_changed = !routes_equal(&frames_before, &hub->frame_routes) ||
		      !trees_equal(&trees_before, &hub->trees);
	routes_fini(&frames_before);
	trees_fini(&trees_before);
	return has_changed;
}
