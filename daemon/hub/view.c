// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: view: the read side of the hub
 *
 * For the local API and the simulator's checks; changes nothing.
 */
#include "daemon/hub/internal.h"

#include <arpa/inet.h>
#include <errno.h>

static struct hub_view_hub view_of(const struct hub *hub, const struct lsdb_entry *entry)
{
	const struct route *route = way_to(hub, &entry->hub);
	const struct peer *peer = peer_find(hub, &entry->hub);
	bool is_self = hub_id_equal(&entry->hub, &hub->settings.id);
	struct hub_view_hub view = {
		.id = entry->hub,
		.name = entry->name,
		.ula = address_ula(hub->mesh_tag, &entry->hub),
		.ipv4.s_addr = htonl(entry->ipv4),
		.boot_epoch = entry->boot_epoch,
		.lsr_seq = entry->seq,
		.hops = is_self ? 0 : UINT32_MAX,
		.last_heard_ns = is_self ? 0 : entry->accepted_ns,
		.is_self = is_self,
		.has_seal = peer && keyring_is_usable(&peer->seal),
		.has_frames = is_self ? hub->settings.has_datapath
				      : way_of_frames(hub, &entry->hub) != NULL,
		.datapath = entry->datapath,
		.n_links = entry->n_links,
		.zones = is_self	       ? hub->zones
			 : peer && peer->zones ? peer->zones
					       : "",
	};

	if (route) {
		view.hops = route->hops;
		view.cost_us = route->cost_us < UINT32_MAX ? route->cost_us : UINT32_MAX;
	}
	for (size_t i = 0; i < hub->n_paths; i++) {
		if (hub->paths[i]->quality.is_alive &&
		    hub_id_equal(&hub->paths[i]->peer, &entry->hub))
			view.is_neighbour = true;
	}
	return view;
}

int hub_for_each_hub(const struct hub *hub, hub_view_hub_fn fn, void *arg)
{
	int r = 0;

	for (size_t i = 0; i < hub->lsdb.n && !r; i++) {
		struct hub_view_hub view;

		if (!hub->lsdb.list[i]->bytes)
			continue; /* tombstone */
		view = view_of(hub, hub->lsdb.list[i]);
		r = fn(&view, arg);
	}
	return r;
}

int hub_for_each_link(const struct hub *hub, hub_view_link_fn fn, void *arg)
{
	int r = 0;

	for (size_t i = 0; i < hub->n_paths && !r; i++) {
		const struct path *path = hub->paths[i];
		struct hub_view_link view = {
			.link = path->link,
			.remote_link = path->remote_link,
			.peer = path->peer,
			.local = path->local,
			.remote = path->remote,
			.is_on_ethernet = path->carrier == PATH_ETHERNET,
			.is_up = path->quality.is_alive,
			.rtt_us = path->quality.srtt_us,
			.cost_us = path->quality.cost_us,
			.tx_phase = path->keys.tx,
			.session = path->session,
			.up_since_ns = path->quality.is_alive ? path->quality.alive_since_ns : 0,
		};

		if (path->is_link)
			r = fn(&view, arg);
	}
	return r;
}

static uint64_t rekey_at_of(const struct hub *hub, const struct session *session)
{
	const struct path *path = session->kind == SESSION_PATH ? path_by_link(hub, session->path)
								: NULL;
	const struct peer *peer = peer_find(hub, &session->peer);
	uint64_t at = path ? path->rekey_at : peer ? peer->rekey_at : NEVER;

	return at == NEVER ? 0 : at;
}

int hub_for_each_session(const struct hub *hub, hub_view_session_fn fn, void *arg)
{
	int r = 0;

	for (size_t i = 0; i < hub->sessions.n && !r; i++) {
		const struct session *session = hub->sessions.list[i];
		const struct peer *peer = peer_find(hub, &session->peer);
		struct hub_view_session view = {
			.session = session->id,
			.peer = session->peer,
			.local = session->local,
			.remote = session->remote,
			.is_up = session->state == SESSION_READY,
			.is_client = session->is_client,
			.over_mesh = session->kind == SESSION_MESH,
			.since_ns = session->since_ns,
			.last_message_ns = session->last_ns,
			.seal_phase = peer ? peer->seal.tx : KEYRING_NO_PHASE,
			.rekey_at_ns = rekey_at_of(hub, session),
		};

		r = fn(&view, arg);
	}
	return r;
}

int hub_for_each_route(const struct hub *hub, hub_view_route_fn fn, void *arg)
{
	int r = 0;

	for (size_t i = 0; i < hub->routes.n && !r; i++) {
		const struct route *route = way_to(hub, &hub->routes.list[i].hub);
		struct effect_route view = {
			.hub = route->hub,
			.n_via = route->n_via,
			.backup = route->backup,
			.tunnel_end = route->tunnel_end,
		};

		for (uint32_t v = 0; v < route->n_via; v++)
			view.via[v] = (struct effect_nexthop){.link = route->via[v], .weight = 1};
		r = fn(&view, route->cost_us < UINT32_MAX ? route->cost_us : UINT32_MAX,
		       route->hops, way_of_frames(hub, &route->hub), arg);
	}
	return r;
}

int hub_path(const struct hub *hub, const struct hub_id *to, struct hub_id *path, size_t max)
{
	return routes_path(ways_to(hub, to), &hub->settings.id, to, path, max);
}

const struct hub_counters *hub_counters(const struct hub *hub)
{
	return &hub->counters;
}

const struct broker *hub_get_broker(const struct hub *hub)
{
	return hub->broker;
}

const struct registry *hub_get_registry(const struct hub *hub)
{
	return hub->registry;
}

const struct hub_settings *hub_get_settings(const struct hub *hub)
{
	return &hub->settings;
}

uint64_t hub_route_generation(const struct hub *hub)
{
	return hub->generation;
}

static int find_by_id(const struct hub *hub, const struct hub_id *id, struct hub_id *ret)
{
	const struct lsdb_entry *entry = lsdb_find(&hub->lsdb, id);

	if (!entry || !entry->bytes)
		return -ENOENT;
	*ret = *id;
	return 0;
}

int hub_find(const struct hub *hub, const char *text, struct hub_id *ret)
{
	struct hub_id id, found = {0};
	struct in6_addr a6;
	struct in_addr a4;
	bool is6 = inet_pton(AF_INET6, text, &a6) == 1;
	bool is4 = inet_pton(AF_INET, text, &a4) == 1;
	size_t n = 0;

	if (hub_id_parse(text, &id) == 0)
		return find_by_id(hub, &id, ret);
	for (size_t i = 0; i < hub->lsdb.n; i++) {
		const struct lsdb_entry *entry = hub->lsdb.list[i];
		struct in6_addr ula;
		bool matches;

		if (!entry->bytes)
			continue;
		ula = address_ula(hub->mesh_tag, &entry->hub);
		if (is6)
			matches = memcmp(&ula, &a6, sizeof(ula)) == 0;
		else if (is4)
			matches = entry->ipv4 && htonl(entry->ipv4) == a4.s_addr;
		else
			matches = strcmp(entry->name, text) == 0;
		/* Of two that claim an IPv4 address the lower id keeps it: the first. */
		if (matches && n++ == 0)
			found = entry->hub;
	}
	if (n == 0)
		return -ENOENT;
	if (n > 1 && !is4)
		return -ENOTUNIQ;
	*ret = found;
	return 0;
}
