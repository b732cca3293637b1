// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: adjacency: paths to neighbours
 *
 * A path is a neighbour over one of our interfaces.  Beacons (and sessions
 * that come in) make it; it dials; the first HELLO turns it into a link; the
 * link is alive while its key is in use and the kernel does not say down.
 * A link that lost its session keeps carrying for HUB_GRACE_NS while the
 * path dials again.
 */
#include "daemon/hub/internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/lib/memory.h"

struct path *path_by_link(const struct hub *hub, uint32_t link)
{
	for (size_t i = 0; i < hub->n_paths; i++) {
		if (hub->paths[i]->link == link)
			return hub->paths[i];
	}
	return NULL;
}

struct path *path_find(const struct hub *hub, const struct hub_id *peer, uint32_t ifindex)
{
	for (size_t i = 0; i < hub->n_paths; i++) {
		if (hub->paths[i]->ifindex == ifindex && hub_id_equal(&hub->paths[i]->peer, peer))
			return hub->paths[i];
	}
	return NULL;
}

struct path *path_get(struct hub *hub, const struct hub_id *peer, uint32_t ifindex)
{
	struct path *path = path_find(hub, peer, ifindex);
	size_t at = 0;

	if (path || hub->n_paths >= HUB_PATHS_MAX)
		return path;
	if (hub->n_paths == hub->paths_capacity) {
		hub->paths_capacity = hub->paths_capacity ? hub->paths_capacity * 2 : 16;
		hub->paths = xreallocarray(hub->paths, hub->paths_capacity, sizeof(struct path *));
	}
	while (at < hub->n_paths && hub->paths[at]->link == at + 1)
		at++;
	memmove(&hub->paths[at + 1], &hub->paths[at], (hub->n_paths - at) * sizeof(struct path *));
	path = hub->paths[at] = xnew(struct path);
	hub->n_paths++;
	path->link = at + 1;
	path->peer = *peer;
	path->ifindex = ifindex;
	path->grace_until = path->rekey_at = path->fell_back_at = NEVER;
	dialer_init(&path->dialer);
	keyring_init(&path->keys);
	link_quality_init(&path->quality);
	return path;
}

static void path_free_at(struct hub *hub, size_t i)
{
	free(hub->paths[i]);
	memmove(&hub->paths[i], &hub->paths[i + 1], (hub->n_paths - i - 1) * sizeof(struct path *));
	hub->n_paths--;
}

uint32_t ifindex_of_address(const struct hub *hub, const struct endpoint *local)
{
	struct endpoint want = *local;

	for (size_t i = 0; i < hub->n_ifaces; i++) {
		for (size_t a = 0; a < hub->ifaces[i].n_addresses; a++) {
			want.ifindex = hub->ifaces[i].addresses[a].ifindex;
			if (local->ifindex && local->ifindex != want.ifindex)
				continue;
			if (endpoint_equal_address(&want, &hub->ifaces[i].addresses[a]))
				return hub->ifaces[i].ifindex;
		}
	}
	return local->ifindex;
}

/* Dial from the interface the path is named after. */
static struct endpoint source_for(const struct hub *hub, uint32_t ifindex,
				  const struct endpoint *to)
{
	bool wants_local = to->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&to->addr6);

	for (size_t i = 0; i < hub->n_ifaces; i++) {
		const struct iface *iface = &hub->ifaces[i];

		for (size_t a = 0; iface->ifindex == ifindex && a < iface->n_addresses; a++) {
			const struct endpoint *from = &iface->addresses[a];

			if (from->family == to->family &&
			    (from->family == AF_INET ||
			     !!IN6_IS_ADDR_LINKLOCAL(&from->addr6) == wants_local))
				return *from;
		}
	}
	return (struct endpoint){0};
}

static struct session *dial(struct hub *hub, uint64_t now_ns, const struct hub_id *peer,
			    const struct endpoint *to, const struct endpoint *from,
			    enum session_kind kind, struct effects *fx)
{
	struct session *session = sessions_add(&hub->sessions, hub->next_session);
	struct effect *effect;

	if (!session) {
		effects_log(fx, LOG_CLASS_LOCAL, "event=dial-refused reason=too-many-sessions");
		return NULL;
	}
	hub->next_session += 2;
	session->kind = kind;
	session->peer = *peer;
	session->is_client = true;
	session->remote = *to;
	session->since_ns = session->last_ns = now_ns;
	effect = effects_add(fx, EFFECT_DIAL);
	effect->dial.session = session->id;
	effect->dial.peer = *peer;
	effect->dial.to = *to;
	effect->dial.from = *from;
	effect->dial.over_mesh = kind == SESSION_MESH;
	return session;
}

void path_dial(struct hub *hub, uint64_t now_ns, struct path *path, bool replaces,
	       struct effects *fx)
{
	const struct neighbour *neighbour =
		neighbours_pick(hub->neighbours, &path->peer, path->ifindex, path->failed_dials);
	struct endpoint to, from;
	struct session *session;

	if (neighbour)
		to = neighbour->at;
	else if (path->is_link)
		to = path->remote;
	else
		return;
	if (!neighbour)
		to.port = hub->settings.control_port;
	from = source_for(hub, path->ifindex, &to);
	session = dial(hub, now_ns, &path->peer, &to, &from, SESSION_PATH, fx);
	if (!session) {
		dialer_failed(&path->dialer, now_ns, &hub->prng);
		return;
	}
	session->path = path->link;
	session->replaces = replaces;
	path->dialing = session->id;
	path->dialled = to;
	dialer_stop(&path->dialer);
}

void mesh_dial(struct hub *hub, uint64_t now_ns, struct peer *peer, bool replaces,
	       struct effects *fx)
{
	struct endpoint to = {.family = AF_INET6, .port = hub->settings.control_port};
	struct endpoint from = {.family = AF_INET6};
	struct session *session;

	to.addr6 = address_ula(hub->mesh_tag, &peer->hub);
	from.addr6 = hub->ula;
	session = dial(hub, now_ns, &peer->hub, &to, &from, SESSION_MESH, fx);
	if (session)
		session->replaces = replaces;
}

static bool has_common_carrier(const struct hub *hub, const struct session *session)
{
	return hub->settings.has_datapath && session->hello.data_port;
}

void path_evaluate(struct hub *hub, uint64_t now_ns, struct path *path)
{
	bool was = path->quality.is_alive, alive;

	if (path->in_kernel)
		alive = keyring_is_usable(&path->keys) && !path->reported_down;
	else /* one end has no data path: what it carries is carried by sessions and trunks */
		alive = path->is_link && path->session && !path->reported_down;
	if (alive == was)
		return;
	if (alive)
		link_quality_up(&path->quality, now_ns);
	else
		link_quality_down(&path->quality, now_ns);
	hub->have_links_changed = true;
}

void path_send_link(const struct path *path, struct effects *fx)
{
	struct effect *effect = effects_add(fx, EFFECT_LINK_SET);

	effect->link_set.link = path->link;
	effect->link_set.remote_link = path->remote_link;
	effect->link_set.peer = path->peer;
	effect->link_set.remote = path->remote;
	effect->link_set.local = path->local;
	effect->link_set.has_lladdr = path->carrier == PATH_ETHERNET;
	memcpy(effect->link_set.remote_lladdr, path->remote_lladdr, sizeof(path->remote_lladdr));
}

static void path_set_link(struct hub *hub, struct path *path, const struct session *session,
			  struct effects *fx)
{
	struct endpoint remote = session->remote, local = session->local;
	bool same;

	/* The addresses are the session's; ports and interface are the carrier's. */
	remote.port = session->hello.data_port;
	local.port = hub->settings.data_port;
	remote.ifindex = local.ifindex = path->ifindex;
	same = path->in_kernel && path->remote_link == session->hello.link &&
	       endpoint_equal(&path->remote, &remote) &&
	       endpoint_equal_address(&path->local, &local);
	path->is_link = true;
	path->remote_link = session->hello.link;
	path->remote = remote;
	path->local = local;
	same = !path_choose_carrier(hub, path, session) && same;
	if (same || !has_common_carrier(hub, session))
		return;
	path->in_kernel = true;
	path->fell_back_at = NEVER;
	path_send_link(path, fx);
}

/* Of two sessions of one path, does the new one stay? Both ends agree. */
static bool wins_over(const struct hub *hub, const struct session *old, const struct session *new)
{
	if (old->is_client == new->is_client || old->hello.boot_epoch != new->hello.boot_epoch)
		return true; /* whoever dialled it twice has lost the first */
	return dialer_prefers(&hub->settings.id, &new->peer, new->is_client);
}

/* The peer is where this session goes: that address is no rumour any more. */
static void path_note_answer(struct hub *hub, struct path *path, const struct session *session)
{
	struct endpoint at = session->remote;

	at.ifindex = path->ifindex;
	neighbours_dialled(hub->neighbours, &path->peer, &at, true);
	path->failed_dials = 0;
	if (path->dialing == session->id)
		path->dialled.family = 0;
}

bool path_session_ready(struct hub *hub, uint64_t now_ns, struct path *path,
			struct session *session, struct effects *fx)
{
	bool succeeds = session->replaces && path->session;
	uint64_t *slot = succeeds ? &path->successor : &path->session;
	struct session *rival = sessions_find(&hub->sessions, *slot);
	struct peer *peer = peer_get(hub, &path->peer);

	path_note_answer(hub, path, session);
	if (rival && !wins_over(hub, rival, session)) {
		session_end(hub, now_ns, session, "duplicate", fx);
		return false;
	}
	*slot = session->id;
	if (rival)
		session_end(hub, now_ns, rival, "duplicate", fx);
	if (path->dialing == session->id)
		path->dialing = 0;
	path->grace_until = NEVER;
	dialer_stop(&path->dialer);
	if (path->in_kernel && !has_common_carrier(hub, session))
		path_remove_link(hub, now_ns, path, fx);
	path_set_link(hub, path, session, fx);
	if (peer)
		peer_make_known(hub, peer, fx);
	if (!path->in_kernel) {
		path->reported_down = false;
		dialer_succeeded(&path->dialer);
		path_promote(hub, now_ns, path, fx);
	}
	path_evaluate(hub, now_ns, path);
	return true;
}

void path_promote(struct hub *hub, uint64_t now_ns, struct path *path, struct effects *fx)
{
	struct session *old = sessions_find(&hub->sessions, path->session);

	if (!path->successor)
		return;
	path->session = path->successor;
	path->successor = 0;
	if (old)
		session_end(hub, now_ns, old, "replaced", fx);
}

static bool wants_dialing(const struct hub *hub, const struct path *path)
{
	return path->is_link || neighbours_best(hub->neighbours, &path->peer, path->ifindex);
}

void path_session_lost(struct hub *hub, uint64_t now_ns, struct path *path, uint64_t session,
		       struct effects *fx)
{
	if (path->successor == session)
		path->successor = 0;
	if (path->dialing == session) {
		path->dialing = 0;
		if (path->dialled.family) {
			neighbours_dialled(hub->neighbours, &path->peer, &path->dialled, false);
			path->failed_dials++;
		}
		if (path->session)
			path->rekey_at = earlier(path->rekey_at, now_ns + HUB_REKEY_RETRY_NS);
	}
	if (path->session == session) {
		path->session = path->successor;
		path->successor = 0;
	}
	if (path->session || hub->is_stopped)
		return;
	if (!path->dialing && path->dialer.next_at == NEVER && wants_dialing(hub, path))
		dialer_failed(&path->dialer, now_ns, &hub->prng);
	if (!path->is_link)
		return;
	path_evaluate(hub, now_ns, path);
	if (!path->quality.is_alive)
		path_remove_link(hub, now_ns, path, fx);
	else if (path->grace_until == NEVER)
		path->grace_until = now_ns + HUB_GRACE_NS;
}

void path_remove_link(struct hub *hub, uint64_t now_ns, struct path *path, struct effects *fx)
{
	if (!path->is_link)
		return;
	link_quality_down(&path->quality, now_ns);
	path->is_link = false;
	path->grace_until = path->rekey_at = NEVER;
	path->reported_down = false;
	hub->have_links_changed = false;
	hub->is_record_due = true;
	routes_update(hub, now_ns, fx);
	keyring_clear(&path->keys); /* LINK_DEL takes the keys along */
	if (path->in_kernel)
		effects_add(fx, EFFECT_LINK_DEL)->link_del.link = path->link;
	path->in_kernel = false;
}

static bool is_idle(const struct hub *hub, const struct path *path)
{
	if (path->is_link || path->session || path->successor || path->dialing)
		return false;
	if (path->dialer.next_at != NEVER)
		return false;
	for (size_t i = 0; i < hub->sessions.n; i++) {
		const struct session *session = hub->sessions.list[i];

		if (session->kind == SESSION_PATH && session->path == path->link)
			return false;
	}
	return true;
}

static void path_on_timer(struct hub *hub, uint64_t now_ns, struct path *path, struct effects *fx)
{
	if (now_ns >= path->grace_until)
		path_remove_link(hub, now_ns, path, fx);
	if (now_ns >= path->dialer.next_at) {
		dialer_stop(&path->dialer);
		if (!path->session && !path->dialing && wants_dialing(hub, path))
			path_dial(hub, now_ns, path, false, fx);
	}
	if (now_ns >= path->rekey_at) {
		path->rekey_at = now_ns + HUB_REKEY_RETRY_NS;
		if (path->session && !path->successor && !path->dialing)
			path_dial(hub, now_ns, path, true, fx);
	}
}

bool paths_note_usable(struct hub *hub, uint64_t now_ns)
{
	bool changed = false;

	for (size_t i = 0; i < hub->n_paths; i++) {
		struct path *path = hub->paths[i];
		bool usable = link_quality_is_usable(&path->quality, now_ns);

		changed |= usable != path->is_announced;
		path->is_announced = usable;
	}
	return changed;
}

void paths_on_timer(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	for (size_t i = 0; i < hub->n_paths; i++)
		path_on_timer(hub, now_ns, hub->paths[i], fx);
	for (size_t i = hub->n_paths; i-- > 0;) {
		if (is_idle(hub, hub->paths[i]))
			path_free_at(hub, i);
	}
}

static bool is_same_host(const struct endpoint *a, const struct endpoint *b)
{
	if (a->family != b->family)
		return false;
	return a->family == AF_INET ? a->addr4.s_addr == b->addr4.s_addr
				    : IN6_ARE_ADDR_EQUAL(&a->addr6, &b->addr6);
}

/*
 * Several hubs may be behind one address.  What we dialled tells them apart by
 * its port; what came in has any port, so it is taken for the seed's if that
 * is the only seed there.
 */
static bool is_session_of_seed(const struct hub *hub, const struct seed *seed,
			       const struct session *session)
{
	if (!is_same_host(&session->remote, &seed->at))
		return false;
	if (session->is_client)
		return session->remote.port == seed->at.port;
	for (size_t i = 0; i < hub->settings.n_seeds; i++) {
		if (&hub->seeds[i] != seed && is_same_host(&hub->seeds[i].at, &seed->at))
			return false;
	}
	return true;
}

static bool is_seed_served(const struct hub *hub, const struct seed *seed)
{
	if (seed->session)
		return true;
	for (size_t i = 0; i < hub->sessions.n; i++) {
		const struct session *session = hub->sessions.list[i];

		if (session->kind == SESSION_MESH)
			continue;
		if (hub_id_is_valid(&seed->peer) && hub_id_equal(&seed->peer, &session->peer))
			return true;
		if (is_session_of_seed(hub, seed, session))
			return true;
	}
	return false;
}

void seeds_on_timer(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	static const struct hub_id unknown;
	static const struct endpoint anywhere;

	for (size_t i = 0; i < hub->settings.n_seeds; i++) {
		struct seed *seed = &hub->seeds[i];
		struct session *session;

		if (now_ns < seed->dialer.next_at)
			continue;
		seed->dialer.next_at = now_ns + HUB_SEED_CHECK_NS;
		if (is_seed_served(hub, seed))
			continue;
		session = dial(hub, now_ns, &unknown, &seed->at, &anywhere, SESSION_SEED, fx);
		if (!session)
			continue;
		session->seed = i;
		seed->session = session->id;
		dialer_stop(&seed->dialer);
	}
}

uint64_t paths_deadline(const struct hub *hub)
{
	uint64_t at = NEVER;

	for (size_t i = 0; i < hub->n_paths; i++) {
		const struct path *path = hub->paths[i];

		at = earlier(at, earlier(path->grace_until, path->dialer.next_at));
		at = earlier(at, path->rekey_at);
		if (!path->is_announced)
			at = earlier(at, path->quality.usable_at);
	}
	for (size_t i = 0; i < hub->settings.n_seeds; i++)
		at = earlier(at, hub->seeds[i].dialer.next_at);
	return at;
}
