// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: proxying: where the proxies of other hubs are
 *
 * A hub's record names its proxy's port; the address follows from how the hub
 * is reached: the mesh's where frames go, which every hub on that way relays, else
 * the neighbour's own.  To one that TCP does not reach the hub nearest to it that frames
 * reach may carry bytes, and the next hubs on the routes; a backup that leads through a tunnel is none, as its first hub
 * may have no way but by us.  Neighbours with a link to it come last, whatever
 * that costs.
 */
#include "daemon/hub/internal.h"

#include <assert.h>
#include <errno.h>

#define WAY_MAX 64 /* hubs on a way whose far end is looked at: longer ones begin at a neighbour */

static_assert(HUB_RELAYS_MAX >= ROUTE_VIA_MAX + 2, "a hub for each link of a route, and a far one");

static const struct path *find_best_path(const struct hub *hub, const struct hub_id *id)
{
	const struct path *best = NULL;

	for (size_t i = 0; i < hub->n_paths; i++) {
		const struct path *path = hub->paths[i];

		if (!path->quality.is_alive || !hub_id_equal(&path->peer, id) ||
		    path->remote.family == AF_UNSPEC)
			continue;
		if (!best || path->quality.cost_us < best->quality.cost_us)
			best = path;
	}
	return best;
}

int hub_find_proxy(const struct hub *hub, const struct hub_id *id, struct endpoint *ret)
{
	const struct lsdb_entry *entry = lsdb_find(&hub->lsdb, id);
	const struct peer *peer = peer_find(hub, id);
	const struct path *best = find_best_path(hub, id);
	bool is_routed = peer && way_of_frames(hub, id);

	if (!entry || !entry->bytes || !entry->proxy_port)
		return -ENOENT;
	/* What is sent there without keys has the kernel ask for them; TCP tries again meanwhile. */
	if (is_routed && (!best || keyring_is_usable(&peer->seal)))
		*ret = (struct endpoint){.family = AF_INET6,
					 .addr6 = address_ula(hub->mesh_tag, id)};
	else if (best)
		*ret = best->remote;
	else
		return -EHOSTUNREACH;
	ret->port = entry->proxy_port;
	return 0;
}

static bool has_relay(const struct hub_relays *relays, const struct hub_id *id)
{
	for (size_t i = 0; i < relays->n; i++)
		if (hub_id_equal(&relays->list[i], id))
			return true;
	return false;
}

static void add_relay(const struct hub *hub, const struct path *path, const struct hub_id *to,
		      struct hub_relays *ret)
{
	struct endpoint endpoint;

	if (path && ret->n < HUB_RELAYS_MAX && !hub_id_equal(&path->peer, to) &&
	    !has_relay(ret, &path->peer) && hub_find_proxy(hub, &path->peer, &endpoint) == 0)
		ret->list[ret->n++] = path->peer;
}

/* The last hub of the way that frames reach: who lies before it need not carry anything. */
static void add_far_relay(const struct hub *hub, const struct hub_id *to, struct hub_relays *ret)
{
	struct hub_id way[WAY_MAX];
	struct endpoint endpoint;
	int n = 0;

	if (hub->frame_routes.n)
		n = routes_path(&hub->routes, &hub->settings.id, to, way, WAY_MAX);
	for (int i = n - 2; i > 1; i--) { /* between us, our neighbour and @to */
		if (!way_of_frames(hub, &way[i]) || hub_find_proxy(hub, &way[i], &endpoint) < 0)
			continue;
		ret->list[ret->n++] = way[i];
		return;
	}
}

static bool is_linked(const struct hub *hub, const struct hub_id *id, const struct hub_id *to)
{
	const struct lsdb_entry *entry = lsdb_find(&hub->lsdb, id);

	return entry && lsdb_link(entry, to);
}

void hub_find_relays(const struct hub *hub, const struct hub_id *to, struct hub_relays *ret)
{
	static const struct hub_id no_tunnel;
	const struct route *route = routes_find(&hub->routes, to);
	const struct lsdb_entry *entry = lsdb_find(&hub->lsdb, to);

	*ret = (struct hub_relays){.n = 0};
	if (!route || !entry || !entry->bytes || !entry->proxy_port)
		return;
	ret->hops = route->hops;
	add_far_relay(hub, to, ret);
	for (uint32_t i = 0; i < route->n_via; i++)
		add_relay(hub, path_by_link(hub, route->via[i]), to, ret);
	if (route->backup && hub_id_equal(&route->tunnel_end, &no_tunnel))
		add_relay(hub, path_by_link(hub, route->backup), to, ret);
	for (size_t i = 0; i < hub->n_paths; i++)
		if (is_linked(hub, &hub->paths[i]->peer, to))
			add_relay(hub, hub->paths[i], to, ret);
}
