// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: hub: the story of the daemon
 *
 * Beacons tell where hubs can be dialled.  Paths dial them.  A session that
 * is up says HELLO both ways, which makes a link; keys are negotiated over
 * it; a link with a key in use enters our link-state record; records are
 * flooded; routes follow.  Hubs that are not neighbours share a seal key
 * when the kernel asks for one, over a session through the mesh.
 *
 * Every event function ends with topology_settle(): routes and our own
 * record catch up with whatever happened.
 */
#include "daemon/hub/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <arpa/inet.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "daemon/lib/secret.h"

#define HELLO_BODY_MAX 256
#define HEALTH_WELL 255

/* ---- making and freeing ------------------------------------------------ */

static void settings_apply_seeds(struct hub *hub, uint64_t now_ns)
{
	memset(hub->seeds, 0, sizeof(hub->seeds));
	for (size_t i = 0; i < hub->sessions.n; i++)
		hub->sessions.list[i]->seed = -1;
	for (size_t i = 0; i < hub->settings.n_seeds; i++) {
		struct seed *seed = &hub->seeds[i];

		seed->at = hub->settings.seeds[i];
		if (!seed->at.port)
			seed->at.port = hub->settings.control_port;
		seed->dialer.next_at = now_ns + HUB_SEED_WAIT_NS;
	}
}

struct hub *hub_new(const struct hub_settings *settings, struct trust *trust)
{
	struct hub *hub = xnew(struct hub);
	struct trust_identity self = {0};

	hub->settings = *settings;
	hub->cert = xmemdup(settings->cert_der, settings->cert_der_len);
	hub->settings.cert_der = hub->cert;
	hub->private_key = secret_new(sizeof(settings->private_key));
	memcpy(hub->private_key, settings->private_key, sizeof(settings->private_key));
	secret_wipe(hub->settings.private_key, sizeof(hub->settings.private_key));
	hub->sender_secret = secret_new(sizeof(settings->sender_secret));
	memcpy(hub->sender_secret, settings->sender_secret, sizeof(settings->sender_secret));
	secret_wipe(hub->settings.sender_secret, sizeof(hub->settings.sender_secret));
	sender_init(&hub->sender);
	hub->group_flags = settings->has_datapath ? RECORD_GROUPS_ALL : 0;
	hub->trust = trust;
	/* Our own certificate tells our public key; dates do not matter for that. */
	if (trust_verify_hub(trust, hub->cert, settings->cert_der_len, 0, &self) == 0)
		memcpy(hub->pubkey, self.pubkey, HUB_PUBKEY_LEN);
	else
		hub->is_stopped = true; /* hub_on_start() says so */
	beacon_mesh_tag(settings->mesh, hub->mesh_tag);
	hub->ula = address_ula(hub->mesh_tag, &settings->id);
	hub->prng.state = settings->seed;
	hub->neighbours = neighbours_new(hub->mesh_tag, &settings->id);
	neighbours_set_lifetime(hub->neighbours, settings->beacon_interval_max_ms * NSEC_PER_MSEC);
	hub->registry = registry_new();
	hub->broker = broker_new(&settings->id, settings->seed);
	hub->versions = versions_new();
	hub->next_session = 2;
	hub->lsr_seq = settings->lsr_seq;
	hub->generation = settings->boot_epoch << 32;
	memcpy(hub->zones, self.zones, sizeof(hub->zones));
	policy_replace(hub, settings->policy);
	return hub;
}

void hub_free(struct hub *hub)
{
	if (!hub)
		return;
	sessions_fini(&hub->sessions);
	for (size_t i = 0; i < hub->n_paths; i++)
		free(hub->paths[i]);
	for (size_t i = 0; i < hub->n_peers; i++)
		peer_free(hub->peers[i]);
	free(hub->policy);
	free(hub->paths);
	free(hub->peers);
	lsdb_fini(&hub->lsdb);
	routes_fini(&hub->routes);
	routes_fini(&hub->frame_routes);
	trees_fini(&hub->trees);
	neighbours_free(hub->neighbours);
	broker_free(hub->broker);
	versions_free(hub->versions);
	registry_free(hub->registry);
	trust_free(hub->trust);
	secret_free(hub->private_key);
	secret_free(hub->sender_secret);
	free(hub->cert);
	free(hub);
}

/* ---- small shared steps ------------------------------------------------- */

void peer_fault(struct hub *hub, uint64_t now_ns, struct effects *fx, const char *fmt, ...)
{
	uint64_t from = hub->log_full_at > now_ns ? hub->log_full_at : now_ns;
	char text[512];
	va_list ap;

	if (from + HUB_LOG_INTERVAL_NS > now_ns + HUB_LOG_BURST * HUB_LOG_INTERVAL_NS)
		return; /* counted anyway */
	hub->log_full_at = from + HUB_LOG_INTERVAL_NS;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	effects_log(fx, LOG_CLASS_PEER, "%s", text);
}

void session_send(struct hub *hub, uint64_t now_ns, struct session *session, uint8_t message,
		  const uint8_t *body, size_t len, struct effects *fx)
{
	struct effect *effect = effects_add(fx, EFFECT_SEND);

	effect->send.session = session->id;
	effect->send.message = message;
	effect->send.body = xmemdup(body, len);
	effect->send.len = len;
	session->last_ns = now_ns;
	hub->counters.messages_out++;
}

static size_t peer_index(const struct hub *hub, const struct hub_id *id)
{
	size_t low = 0, high = hub->n_peers;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (hub_id_cmp(&hub->peers[mid]->hub, id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct peer *peer_find(const struct hub *hub, const struct hub_id *id)
{
	size_t i = peer_index(hub, id);

	return i < hub->n_peers && hub_id_equal(&hub->peers[i]->hub, id) ? hub->peers[i] : NULL;
}

struct peer *peer_get(struct hub *hub, const struct hub_id *id)
{
	struct peer *peer = peer_find(hub, id);
	size_t i = peer_index(hub, id);

	if (peer || hub->n_peers >= HUB_PEERS_MAX)
		return peer;
	if (hub->n_peers == hub->peers_capacity) {
		hub->peers_capacity = hub->peers_capacity ? hub->peers_capacity * 2 : 16;
		hub->peers = xreallocarray(hub->peers, hub->peers_capacity, sizeof(struct peer *));
	}
	memmove(&hub->peers[i + 1], &hub->peers[i], (hub->n_peers - i) * sizeof(struct peer *));
	peer = hub->peers[i] = xnew(struct peer);
	hub->n_peers++;
	peer->hub = *id;
	peer->rekey_at = NEVER;
	keyring_init(&peer->seal);
	dialer_init(&peer->mesh);
	return peer;
}

void peer_free(struct peer *peer)
{
	free(peer->zones);
	free(peer);
}

static bool is_worth_keeping(const struct hub *hub, const struct peer *peer)
{
	if (peer->in_kernel || peer->seal.step != KEYRING_IDLE || lsdb_find(&hub->lsdb, &peer->hub))
		return true;
	for (int i = 0; i < KEYRING_PHASES; i++) {
		if (peer->seal.phases[i].is_live)
			return true;
	}
	for (size_t i = 0; i < hub->n_paths; i++) {
		if (hub_id_equal(&hub->paths[i]->peer, &peer->hub))
			return true;
	}
	for (size_t i = 0; i < hub->sessions.n; i++) {
		if (hub_id_equal(&hub->sessions.list[i]->peer, &peer->hub))
			return true;
	}
	return false;
}

void peers_sweep(struct hub *hub)
{
	size_t kept = 0;

	for (size_t i = 0; i < hub->n_peers; i++) {
		struct peer *peer = hub->peers[i];

		if (is_worth_keeping(hub, peer))
			hub->peers[kept++] = peer;
		else
			peer_free(peer);
	}
	hub->n_peers = kept;
}

void peer_set_epoch(struct hub *hub, uint64_t now_ns, struct peer *peer, uint64_t boot_epoch,
		    uint64_t except_session, struct effects *fx)
{
	bool lost_keys = peer->boot_epoch != 0 && peer->boot_epoch != boot_epoch;

	peer->boot_epoch = boot_epoch;
	if (!lost_keys)
		return;
	keys_delete(hub, KEY_OWNER_SEAL, 0, &peer->hub, keyring_clear(&peer->seal), fx);
	peer->rekey_at = NEVER;
	sender_peer_restarted(peer, fx);
	for (size_t i = 0; i < hub->n_paths; i++) {
		struct path *path = hub->paths[i];

		if (!hub_id_equal(&path->peer, &peer->hub))
			continue;
		keys_delete(hub, KEY_OWNER_LINK, path->link, NULL, keyring_clear(&path->keys), fx);
		path_evaluate(hub, now_ns, path);
		dialer_restart(&path->dialer, now_ns, &hub->settings.id, &path->peer);
	}
	for (size_t i = hub->sessions.n; i-- > 0;) {
		struct session *session = hub->sessions.list[i];

		if (session->id != except_session && session->state == SESSION_READY &&
		    hub_id_equal(&session->peer, &peer->hub) &&
		    session->hello.boot_epoch != boot_epoch)
			session_end(hub, now_ns, session, "peer restarted", fx);
		if (i > hub->sessions.n)
			i = hub->sessions.n;
	}
}

struct session *mesh_session_of(const struct hub *hub, const struct hub_id *peer, bool ready)
{
	for (size_t i = 0; i < hub->sessions.n; i++) {
		struct session *session = hub->sessions.list[i];

		if (session->kind == SESSION_MESH && hub_id_equal(&session->peer, peer) &&
		    (!ready || session->state == SESSION_READY))
			return session;
	}
	return NULL;
}

struct session *path_session_of(const struct hub *hub, const struct hub_id *peer)
{
	for (size_t i = 0; i < hub->sessions.n; i++) {
		struct session *session = hub->sessions.list[i];

		if (session->kind == SESSION_PATH && session->state == SESSION_READY &&
		    hub_id_equal(&session->peer, peer))
			return session;
	}
	return NULL;
}

void session_released(struct hub *hub, uint64_t now_ns, struct session *session, struct effects *fx)
{
	struct path *path = session->kind == SESSION_PATH ? path_by_link(hub, session->path) : NULL;
	uint64_t id = session->id;

	keys_session_down(hub, now_ns, session, fx);
	if (session->seed >= 0) {
		struct seed *seed = &hub->seeds[session->seed];

		seed->session = 0;
		dialer_failed(&seed->dialer, now_ns, &hub->prng);
	}
	sessions_remove(&hub->sessions, session);
	if (path)
		path_session_lost(hub, now_ns, path, id, fx);
}

void session_end(struct hub *hub, uint64_t now_ns, struct session *session, const char *reason,
		 struct effects *fx)
{
	struct effect *effect = effects_add(fx, EFFECT_CLOSE);

	effect->close.session = session->id;
	effect->close.reason = reason;
	session_released(hub, now_ns, session, fx);
}

/* ---- beacons ------------------------------------------------------------ */

void beacon_renew(struct hub *hub, bool is_leaving, struct effects *fx)
{
	struct beacon beacon = {
		.boot_epoch = hub->settings.boot_epoch,
		.seq = ++hub->beacon_seq,
		.control_port = hub->settings.control_port,
		.health = HEALTH_WELL,
		.is_leaving = is_leaving,
	};
	int len;

	memcpy(beacon.mesh_tag, hub->mesh_tag, BEACON_MESH_TAG_LEN);
	memcpy(beacon.pubkey, hub->pubkey, HUB_PUBKEY_LEN);
	if (hub->has_catalogue)
		memcpy(beacon.digest, hub->catalogue, BEACON_DIGEST_LEN);
	len = beacon_encode(&beacon, hub->private_key, hub->beacon, sizeof(hub->beacon));
	hub->beacon_len = len > 0 ? len : 0;
	if (len < 0)
		effects_log(fx, LOG_CLASS_BUG, "event=beacon-encode-failed error=%d", -len);
}

static void beacon_send(struct hub *hub, const struct endpoint *to, struct effects *fx)
{
	struct effect *effect;

	if (!hub->beacon_len)
		return;
	effect = effects_add(fx, EFFECT_BEACON_SEND);
	effect->beacon_send.to = *to;
	effect->beacon_send.bytes = xmemdup(hub->beacon, hub->beacon_len);
	effect->beacon_send.len = hub->beacon_len;
	hub->counters.beacons_sent++;
}

static void beacon_send_interface(struct hub *hub, const struct iface *iface, struct effects *fx)
{
	struct endpoint to = {.port = hub->settings.control_port, .ifindex = iface->ifindex};
	bool v4 = false, v6 = false;

	for (size_t i = 0; i < iface->n_addresses; i++) {
		v4 |= iface->addresses[i].family == AF_INET;
		v6 |= iface->addresses[i].family == AF_INET6;
	}
	if (v4) {
		to.family = AF_INET;
		inet_pton(AF_INET, BEACON_GROUP4, &to.addr4);
		beacon_send(hub, &to, fx);
	}
	if (v6) {
		to.family = AF_INET6;
		inet_pton(AF_INET6, BEACON_GROUP6, &to.addr6);
		beacon_send(hub, &to, fx);
	}
}

static void beacon_send_everywhere(struct hub *hub, struct effects *fx)
{
	for (size_t i = 0; i < hub->n_ifaces; i++)
		beacon_send_interface(hub, &hub->ifaces[i], fx);
	for (size_t i = 0; i < hub->settings.n_seeds; i++)
		beacon_send(hub, &hub->seeds[i].at, fx);
}

/* A neighbour can be dialled: make sure the path has a plan. */
static void neighbour_is_there(struct hub *hub, uint64_t now_ns, const struct neighbour *neighbour,
			       bool sign_of_life, struct effects *fx)
{
	struct path *path = path_get(hub, &neighbour->hub, neighbour->at.ifindex);

	if (!path) {
		peer_fault(hub, now_ns, fx, "event=neighbour-ignored reason=too-many-paths");
		return;
	}
	if (path->session || path->dialing)
		return;
	if (sign_of_life)
		dialer_restart(&path->dialer, now_ns, &hub->settings.id, &path->peer);
	else
		dialer_want(&path->dialer, now_ns, &hub->settings.id, &path->peer);
}

void neighbour_left(struct hub *hub, uint64_t now_ns, const struct hub_id *peer, const char *reason,
		    struct effects *fx)
{
	neighbours_forget_hub(hub->neighbours, peer);
	for (size_t i = 0; i < hub->n_paths; i++) {
		if (hub_id_equal(&hub->paths[i]->peer, peer))
			path_remove_link(hub, now_ns, hub->paths[i], fx);
	}
	for (size_t i = hub->sessions.n; i-- > 0;) {
		if (i < hub->sessions.n && hub_id_equal(&hub->sessions.list[i]->peer, peer))
			session_end(hub, now_ns, hub->sessions.list[i], reason, fx);
	}
	for (size_t i = 0; i < hub->n_paths; i++) {
		if (hub_id_equal(&hub->paths[i]->peer, peer))
			dialer_init(&hub->paths[i]->dialer);
	}
}

static bool is_beacon_of_this_life(const struct hub *hub, const struct neighbour *neighbour)
{
	const struct peer *peer = peer_find(hub, &neighbour->hub);

	return !peer || neighbour->beacon.boot_epoch >= peer->boot_epoch;
}

void hub_on_beacon(struct hub *hub, uint64_t now_ns, const struct endpoint *from,
		   const uint8_t *bytes, size_t len, struct effects *fx)
{
	const struct neighbour *neighbour = NULL;

	if (!hub->is_started || hub->is_stopped)
		return;
	switch (neighbours_hear(hub->neighbours, now_ns, from, bytes, len, &neighbour)) {
	case NEIGHBOUR_NEW:
		trickle_reset(&hub->trickle, now_ns, &hub->prng);
		trickle_hurry(&hub->trickle, now_ns, &hub->prng);
		neighbour_is_there(hub, now_ns, neighbour, true, fx);
		break;
	case NEIGHBOUR_REBOOTED:
	case NEIGHBOUR_RETURNED:
		trickle_hurry(&hub->trickle, now_ns, &hub->prng);
		neighbour_is_there(hub, now_ns, neighbour, true, fx);
		break;
	case NEIGHBOUR_REFRESHED:
		neighbour_is_there(hub, now_ns, neighbour, false, fx);
		break;
	case NEIGHBOUR_LEFT:
		if (is_beacon_of_this_life(hub, neighbour))
			neighbour_left(hub, now_ns, &neighbour->hub, "peer is leaving", fx);
		break;
	case NEIGHBOUR_OTHER_MESH:
		hub->counters.beacons_other_mesh++;
		return;
	case NEIGHBOUR_MALFORMED:
		hub->counters.beacons_malformed++;
		peer_fault(hub, now_ns, fx, "event=beacon-malformed len=%zu", len);
		return;
	case NEIGHBOUR_OTHER_VERSION:
		hub->counters.beacons_other_version++;
		peer_fault(hub, now_ns, fx,
			   "event=beacon-other-version version=%u ours=%u hint=\"upgrade the "
			   "older hub\"",
			   bytes[BEACON_VERSION_OFFSET], BEACON_VERSION);
		return;
	case NEIGHBOUR_BAD_SIGNATURE:
		hub->counters.beacons_bad_signature++;
		peer_fault(hub, now_ns, fx, "event=beacon-bad-signature");
		return;
	case NEIGHBOUR_STALE:
	case NEIGHBOUR_LIMITED:
		hub->counters.beacons_limited++;
		return;
	case NEIGHBOUR_OURSELVES:
		twin_on_beacon(hub, now_ns, from, bytes, len, fx);
		return;
	}
	hub->counters.beacons_heard++;
	topology_settle(hub, now_ns, fx);
}

/* ---- start, time, interfaces -------------------------------------------- */

void hub_on_start(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	if (hub->is_stopped) {
		effects_log(fx, LOG_CLASS_LOCAL,
			    "event=identity-unusable hint=\"certificate does not verify\"");
		return;
	}
	trickle_init(&hub->trickle, now_ns, hub->settings.beacon_interval_min_ms * NSEC_PER_MSEC,
		     hub->settings.beacon_interval_max_ms * NSEC_PER_MSEC, &hub->prng);
	beacon_renew(hub, false, fx);
	settings_apply_seeds(hub, now_ns);
	policy_enforce(hub, fx);
	ipv4_choose(hub, fx);
	hub->anti_entropy_at = now_ns + prng_spread(&hub->prng, LSDB_ANTI_ENTROPY_NS, 20);
	hub->is_started = true;
	hub->is_record_due = true;
	topology_settle(hub, now_ns, fx);
}

static uint64_t idle_ns(const struct hub *hub)
{
	uint64_t idle = hub->settings.session_idle_ms * NSEC_PER_MSEC;

	/* CONFIRM must have had time to arrive, see keyring.h. */
	return idle > KEYRING_LINGER_NS ? idle : KEYRING_LINGER_NS;
}

static void session_on_timer(struct hub *hub, uint64_t now_ns, struct session *session,
			     struct effects *fx)
{
	if (session->state == SESSION_GREETING && now_ns >= session->since_ns + SESSION_HELLO_NS) {
		peer_fault(hub, now_ns, fx, "event=session-silent session=%llu",
			   (unsigned long long)session->id);
		session_end(hub, now_ns, session, "no HELLO", fx);
		return;
	}
	if (session->kind == SESSION_MESH && session->state == SESSION_READY &&
	    now_ns >= session->last_ns + idle_ns(hub)) {
		session_end(hub, now_ns, session, "idle", fx);
		return;
	}
	if (now_ns >= session->retry_at)
		session_try_offers(hub, now_ns, session, fx);
}

void hub_on_timer(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	if (!hub->is_started || hub->is_stopped)
		return;
	if (trickle_run(&hub->trickle, now_ns, &hub->prng))
		beacon_send_everywhere(hub, fx);
	if (now_ns >= neighbours_deadline(hub->neighbours))
		neighbours_expire(hub->neighbours, now_ns);
	for (size_t i = hub->sessions.n; i-- > 0;) {
		if (i < hub->sessions.n)
			session_on_timer(hub, now_ns, hub->sessions.list[i], fx);
	}
	keys_on_timer(hub, now_ns, fx);
	sender_on_timer(hub, now_ns, fx);
	seeds_on_timer(hub, now_ns, fx);
	paths_on_timer(hub, now_ns, fx);
	topology_on_timer(hub, now_ns, fx);
	topology_settle(hub, now_ns, fx);
}

uint64_t hub_next_deadline(const struct hub *hub)
{
	uint64_t at;

	if (!hub->is_started || hub->is_stopped)
		return NEVER;
	at = earlier(trickle_deadline(&hub->trickle), neighbours_deadline(hub->neighbours));
	for (size_t i = 0; i < hub->sessions.n; i++)
		at = earlier(at, session_deadline(hub->sessions.list[i], idle_ns(hub)));
	at = earlier(at, keys_deadline(hub));
	at = earlier(at, sender_deadline(hub));
	at = earlier(at, paths_deadline(hub));
	at = earlier(at, services_deadline(hub));
	at = earlier(at, brokering_deadline(hub));
	at = earlier(at, versioning_deadline(hub));
	return earlier(at, topology_deadline(hub));
}

void hub_on_clock(struct hub *hub, uint64_t now_ns, int64_t unix_s)
{
	hub->unix_s = unix_s;
}

static struct iface *iface_find(struct hub *hub, uint32_t ifindex)
{
	for (size_t i = 0; i < hub->n_ifaces; i++) {
		if (hub->ifaces[i].ifindex == ifindex)
			return &hub->ifaces[i];
	}
	return NULL;
}

static bool iface_has(const struct iface *iface, const struct endpoint *address)
{
	struct endpoint want = *address;

	for (size_t i = 0; iface && i < iface->n_addresses; i++) {
		/* A socket names the interface of link-local addresses only. */
		want.ifindex = iface->addresses[i].ifindex;
		if (endpoint_equal_address(&want, &iface->addresses[i]))
			return true;
	}
	return false;
}

/* What our HELLOs on this interface have said is not true any more; none said a thing before it was known. */
static bool has_other_lladdr(const struct iface *before, const struct iface *now)
{
	if (before->n_addresses == 0)
		return false;
	return before->has_lladdr != now->has_lladdr ||
	       memcmp(before->lladdr, now->lladdr, sizeof(now->lladdr)) != 0;
}

/*
 * Sessions whose local address is gone cannot live, and those that told an
 * Ethernet address which is ours no more must not: peers send frames there.
 * What counts is that @before, the interface as it was, had it: a session may
 * come before the notification of the address it uses.
 */
static void end_orphans(struct hub *hub, uint64_t now_ns, uint32_t ifindex,
			const struct iface *before, struct effects *fx)
{
	const struct iface *now = iface_find(hub, ifindex);

	for (size_t i = hub->sessions.n; i-- > 0;) {
		struct session *session;
		struct path *path;

		if (i >= hub->sessions.n)
			continue;
		session = hub->sessions.list[i];
		path = session->kind == SESSION_PATH ? path_by_link(hub, session->path) : NULL;
		if (path && path->ifindex == ifindex &&
		    (!now || has_other_lladdr(before, now) ||
		     (iface_has(before, &session->local) && !iface_has(now, &session->local))))
			session_end(hub, now_ns, session, "interface changed or went away", fx);
	}
}

static void interface_gone(struct hub *hub, uint64_t now_ns, uint32_t ifindex, struct effects *fx)
{
	struct iface *iface = iface_find(hub, ifindex);

	neighbours_forget_interface(hub->neighbours, ifindex);
	if (!iface)
		return;
	*iface = hub->ifaces[--hub->n_ifaces];
	for (size_t i = 0; i < hub->n_paths; i++) {
		if (hub->paths[i]->ifindex == ifindex)
			path_remove_link(hub, now_ns, hub->paths[i], fx);
	}
	end_orphans(hub, now_ns, ifindex, NULL, fx);
	for (size_t i = 0; i < hub->n_paths; i++) {
		if (hub->paths[i]->ifindex == ifindex)
			dialer_init(&hub->paths[i]->dialer);
	}
}

void hub_on_interface(struct hub *hub, uint64_t now_ns, uint32_t ifindex, bool up,
		      const uint8_t lladdr[ENDPOINT_LLADDR_LEN], const struct endpoint *addresses,
		      size_t n_addresses, struct effects *fx)
{
	struct iface *iface = iface_find(hub, ifindex), before;
	bool is_new = !iface;

	if (!up || n_addresses == 0) {
		interface_gone(hub, now_ns, ifindex, fx);
		topology_settle(hub, now_ns, fx);
		return;
	}
	if (is_new) {
		if (hub->n_ifaces == HUB_INTERFACES_MAX) {
			effects_log(fx, LOG_CLASS_LOCAL,
				    "event=interface-ignored ifindex=%u reason=too-many", ifindex);
			return;
		}
		iface = &hub->ifaces[hub->n_ifaces++];
		*iface = (struct iface){.ifindex = ifindex};
	}
	before = *iface;
	iface->n_addresses = n_addresses < HUB_ADDRESSES_MAX ? n_addresses : HUB_ADDRESSES_MAX;
	memcpy(iface->addresses, addresses, iface->n_addresses * sizeof(*addresses));
	iface->has_lladdr = lladdr;
	if (lladdr)
		memcpy(iface->lladdr, lladdr, sizeof(iface->lladdr));
	else
		memset(iface->lladdr, 0, sizeof(iface->lladdr));
	end_orphans(hub, now_ns, ifindex, &before, fx);
	if (hub->is_started && !hub->is_stopped) {
		trickle_reset(&hub->trickle, now_ns, &hub->prng);
		trickle_hurry(&hub->trickle, now_ns, &hub->prng);
	}
	topology_settle(hub, now_ns, fx);
}

/* ---- sessions ----------------------------------------------------------- */

static const char *session_objection(struct hub *hub, struct session *session,
				     const struct session_peer *peer, struct effects *fx)
{
	static const struct hub_id unknown;
	enum trust_refusal refusal;
	size_t n = 0;

	if (hub_id_equal(&peer->hub, &hub->settings.id))
		return "ourselves";
	if (!hub_id_equal(&session->peer, &unknown) && !hub_id_equal(&session->peer, &peer->hub))
		return "not the hub we dialled";
	for (size_t i = 0; i < hub->sessions.n; i++) {
		const struct session *other = hub->sessions.list[i];

		/* One that was dialled has its name already, an accepted one has not. */
		n += other != session && hub_id_equal(&other->peer, &peer->hub);
	}
	if (n >= SESSIONS_PER_PEER_MAX)
		return "too many sessions";
	/* The handshake may have begun before what we know now. */
	refusal = session_judge(hub, session, peer, fx);
	return refusal ? trust_refusal_text(refusal) : NULL;
}

static void send_hello(struct hub *hub, uint64_t now_ns, struct session *session,
		       struct effects *fx)
{
	struct control_hello hello = {
		.boot_epoch = hub->settings.boot_epoch,
		.link = session->kind == SESSION_PATH ? session->path : 0,
		.data_port = hub->settings.has_datapath ? hub->settings.data_port : 0,
		.ciphers = hub_ciphers(),
		.replaces = session->replaces,
	};
	uint8_t body[HELLO_BODY_MAX];
	int len;

	if (session->kind == SESSION_PATH)
		hello.has_lladdr = path_lladdr(hub, session->path, hello.lladdr);
	memcpy(hello.name, hub->settings.name, sizeof(hello.name));
	len = control_encode_hello(&hello, body, sizeof(body));
	if (len > 0)
		session_send(hub, now_ns, session, CONTROL_HELLO, body, len, fx);
}

/* Find out which path a session belongs to. Return: false when none can be made. */
static bool session_join_path(struct hub *hub, struct session *session)
{
	struct path *path = session->kind == SESSION_PATH && session->is_client
				    ? path_by_link(hub, session->path)
				    : NULL;

	if (!path)
		path = path_get(hub, &session->peer, ifindex_of_address(hub, &session->local));
	if (!path)
		return false;
	session->kind = SESSION_PATH;
	session->path = path->link;
	return true;
}

static void seed_learned(struct hub *hub, uint64_t now_ns, struct session *session,
			 const struct hub_id *peer)
{
	struct seed *seed;

	if (session->seed < 0)
		return;
	seed = &hub->seeds[session->seed];
	seed->session = 0;
	seed->peer = *peer;
	dialer_succeeded(&seed->dialer);
	seed->dialer.next_at = now_ns + (hub_id_equal(peer, &hub->settings.id) ? HUB_SEED_SELF_NS
									       : HUB_SEED_CHECK_NS);
	session->seed = -1;
}

void hub_on_session_up(struct hub *hub, uint64_t now_ns, uint64_t id,
		       const struct session_peer *peer, struct effects *fx)
{
	struct session *session = sessions_find(&hub->sessions, id);
	const char *objection;
	char text[HUB_ID_STRLEN];

	if (!session && !peer->is_client && hub->is_started && !hub->is_stopped) {
		session = sessions_add(&hub->sessions, id);
		if (session)
			session->kind = peer->over_mesh ? SESSION_MESH : SESSION_PATH;
	}
	if (!session) { /* we closed it meanwhile, or the table is full */
		struct effect *effect = effects_add(fx, EFFECT_CLOSE);

		effect->close.session = id;
		effect->close.reason = "not wanted";
		hub->counters.sessions_refused++;
		return;
	}
	seed_learned(hub, now_ns, session, &peer->hub);
	objection = session_objection(hub, session, peer, fx);
	session->is_client = peer->is_client;
	session->local = peer->local;
	session->remote = peer->remote;
	session->since_ns = session->last_ns = now_ns;
	session->state = SESSION_GREETING;
	if (!objection) {
		session->peer = peer->hub;
		if (session->kind != SESSION_MESH && !session_join_path(hub, session))
			objection = "too many paths";
	}
	if (objection) {
		hub->counters.sessions_refused++;
		peer_fault(hub, now_ns, fx, "event=session-refused hub=%s reason=\"%s\"",
			   hub_id_format(&peer->hub, text), objection);
		session_end(hub, now_ns, session, objection, fx);
	} else {
		hub->counters.sessions_up++;
		send_hello(hub, now_ns, session, fx);
	}
	topology_settle(hub, now_ns, fx);
}

void hub_on_session_down(struct hub *hub, uint64_t now_ns, uint64_t id, int error,
			 struct effects *fx)
{
	struct session *session = sessions_find(&hub->sessions, id);
	struct peer *peer;

	if (!session)
		return;
	if (session->state == SESSION_DIALING)
		hub->counters.sessions_failed++;
	peer = session->kind == SESSION_MESH ? peer_find(hub, &session->peer) : NULL;
	if (peer && session->state == SESSION_DIALING)
		dialer_failed(&peer->mesh, now_ns, &hub->prng);
	session_released(hub, now_ns, session, fx);
	topology_settle(hub, now_ns, fx);
}

/* Two mesh sessions of one pair: both ends keep the same one. */
static bool mesh_session_ready(struct hub *hub, uint64_t now_ns, struct session *session,
			       struct effects *fx)
{
	for (size_t i = hub->sessions.n; i-- > 0;) {
		struct session *other = i < hub->sessions.n ? hub->sessions.list[i] : NULL;

		if (!other || other == session || other->kind != SESSION_MESH ||
		    other->state != SESSION_READY || !hub_id_equal(&other->peer, &session->peer))
			continue;
		if (other->is_client != session->is_client &&
		    other->replaces == session->replaces &&
		    !dialer_prefers(&hub->settings.id, &session->peer, session->is_client)) {
			session_end(hub, now_ns, session, "duplicate", fx);
			return false;
		}
		session_end(hub, now_ns, other, "duplicate", fx);
	}
	return true;
}

static int on_hello(struct hub *hub, uint64_t now_ns, struct session *session,
		    const struct control_hello *hello, struct effects *fx)
{
	struct peer *peer = peer_get(hub, &session->peer);
	struct path *path = session->kind == SESSION_PATH ? path_by_link(hub, session->path) : NULL;
	bool stays;

	if (!peer || (session->kind == SESSION_PATH && (!path || !hello->link))) {
		session_end(hub, now_ns, session, "no room or no link index", fx);
		return 0;
	}
	session->state = SESSION_READY;
	session->hello = *hello;
	if (!session->is_client)
		session->replaces = hello->replaces;
	peer_set_epoch(hub, now_ns, peer, hello->boot_epoch, session->id, fx);
	stays = path ? path_session_ready(hub, now_ns, path, session, fx)
		     : mesh_session_ready(hub, now_ns, session, fx);
	if (!stays)
		return 0;
	if (path)
		send_digest(hub, now_ns, session, fx);
	session_keys_ready(hub, now_ns, session, fx);
	sender_session_ready(hub, now_ns, session, fx);
	return 0;
}

static int dispatch(struct hub *hub, uint64_t now_ns, struct session *session, uint8_t message,
		    const uint8_t *body, size_t len, struct effects *fx)
{
	struct hub_id peer = session->peer; /* outlives the session */
	struct control_hello hello;
	struct control_key key;

	switch (message) {
	case CONTROL_HELLO:
		if (!session_allows(session, message, KEY_OWNER_LINK, NULL))
			return -EPROTO;
		if (control_decode_hello(body, len, &hello))
			return -EBADMSG;
		return on_hello(hub, now_ns, session, &hello, fx);
	case CONTROL_KEY_OFFER:
	case CONTROL_KEY_ACCEPT:
	case CONTROL_KEY_CONFIRM:
	case CONTROL_KEY_REFUSE:
		if (control_decode_key(body, len, &key))
			return -EBADMSG;
		if (!session_allows(session, message, KEY_OWNER_LINK, &key))
			return -EPROTO;
		return on_key_message(hub, now_ns, session, message, &key, fx);
	default:
		break;
	}
	if (!session_allows(session, message, KEY_OWNER_LINK, NULL))
		return -EPROTO;
	switch (message) {
	case CONTROL_RECORD:
		return on_record(hub, now_ns, body, len, session->id, fx);
	case CONTROL_DIGEST:
		return on_digest(hub, now_ns, session, body, len, fx);
	case CONTROL_PULL:
		return on_pull(hub, now_ns, session, body, len, fx);
	case CONTROL_BLOB:
		return on_blob(hub, now_ns, session, body, len, fx);
	case CONTROL_BROKER:
		return on_broker(hub, now_ns, session, body, len, fx);
	case CONTROL_SENDER_KEY:
		return on_sender_key(hub, now_ns, session, body, len, fx);
	case CONTROL_SENDER_HAVE:
		return on_sender_have(hub, now_ns, session, body, len, fx);
	case CONTROL_REVOCATIONS:
		return on_revocations(hub, now_ns, session, body, len, fx);
	case CONTROL_REVOCATIONS_HAVE:
		return on_revocations_have(hub, now_ns, session, body, len, fx);
	case CONTROL_BYE:
		if (session->kind == SESSION_MESH)
			session_end(hub, now_ns, session, "peer said goodbye", fx);
		else
			neighbour_left(hub, now_ns, &peer, "peer said goodbye", fx);
		return 0;
	default:
		return -EPROTO;
	}
}

int hub_on_message(struct hub *hub, uint64_t now_ns, uint64_t id, uint8_t message,
		   const uint8_t *body, size_t len, struct effects *fx)
{
	struct session *session = sessions_find(&hub->sessions, id);
	char text[HUB_ID_STRLEN];
	int r;

	if (!session || hub->is_stopped)
		return 0; /* closed by us; what was in flight does not matter */
	hub->counters.messages_in++;
	session->last_ns = now_ns;
	hub_id_format(&session->peer, text);
	r = dispatch(hub, now_ns, session, message, body, len, fx);
	if (r == -EBADMSG)
		hub->counters.messages_malformed++;
	else if (r)
		hub->counters.messages_out_of_place++;
	if (r)
		peer_fault(hub, now_ns, fx, "event=message-refused hub=%s message=%u reason=%s",
			   text, message, r == -EBADMSG ? "malformed" : "out-of-place");
	topology_settle(hub, now_ns, fx);
	return r;
}

/* ---- the kernel speaks --------------------------------------------------- */

void hub_on_link_report(struct hub *hub, uint64_t now_ns, uint32_t link,
			const struct link_report *report, struct effects *fx)
{
	struct path *path = path_by_link(hub, link);

	if (!path || !path->is_link)
		return; /* crossed with our LINK_DEL */
	path->reported_down = report->state == LINK_REPORT_DOWN;
	path_judge_carrier(hub, now_ns, path, fx);
	path_evaluate(hub, now_ns, path);
	if (link_quality_rtt(&path->quality, report->rtt_us) && path->quality.is_alive)
		hub->have_links_changed = true;
	if (path->frame_max != report->frame_max) {
		path->frame_max = report->frame_max;
		hub->have_links_changed = true;
	}
	if (!path->quality.is_alive && !path->session)
		path_remove_link(hub, now_ns, path, fx);
	topology_settle(hub, now_ns, fx);
}

void hub_on_session_rtt(struct hub *hub, uint64_t now_ns, uint64_t id, uint32_t rtt_us,
			struct effects *fx)
{
	struct session *session = sessions_find(&hub->sessions, id);
	struct path *path =
		session && session->kind == SESSION_PATH ? path_by_link(hub, session->path) : NULL;

	if (path && path->is_link && !path->in_kernel)
		hub_on_link_report(hub, now_ns, path->link,
				   &(struct link_report){.state = LINK_REPORT_UP, .rtt_us = rtt_us},
				   fx);
}

void hub_on_need_session(struct hub *hub, uint64_t now_ns, const struct hub_id *id,
			 struct effects *fx)
{
	struct session *session = path_session_of(hub, id);
	struct peer *peer;

	if (!hub->is_started || hub->is_stopped || !hub->settings.has_datapath)
		return;
	peer = peer_find(hub, id);
	if (!peer || (keyring_is_usable(&peer->seal) && peer->sender_rx))
		return;
	if (!session)
		session = mesh_session_of(hub, id, true);
	if (session) {
		if (!keyring_is_usable(&peer->seal) && peer->seal.step == KEYRING_IDLE &&
		    session_can_key(hub, session)) {
			session->wants_seal_key = true;
			session_try_offers(hub, now_ns, session, fx);
		}
		return;
	}
	if (mesh_session_of(hub, id, false) || !way_of_frames(hub, id))
		return;
	if (peer->mesh.next_at != NEVER && now_ns < peer->mesh.next_at)
		return;
	mesh_dial(hub, now_ns, peer, false, fx);
	topology_settle(hub, now_ns, fx);
}

void hub_on_key_needed(struct hub *hub, uint64_t now_ns, enum key_owner owner, uint32_t link,
		       const struct hub_id *id, uint8_t phase, struct effects *fx)
{
	struct path *path = owner == KEY_OWNER_LINK ? path_by_link(hub, link) : NULL;
	struct peer *peer = owner == KEY_OWNER_SEAL ? peer_find(hub, id) : NULL;

	if (owner == KEY_OWNER_SENDER && sender_phase(hub->sender.serial) == phase)
		hub->sender.renew_at = now_ns;
	if (path && path->keys.tx == phase)
		path->rekey_at = now_ns;
	if (peer && peer->seal.tx == phase)
		peer->rekey_at = now_ns;
	hub_on_timer(hub, now_ns, fx);
}

void hub_on_key_failed(struct hub *hub, uint64_t now_ns, enum key_owner owner, uint32_t link,
		       const struct hub_id *id, uint8_t phase, int error, struct effects *fx)
{
	struct path *path = owner == KEY_OWNER_LINK ? path_by_link(hub, link) : NULL;
	struct peer *peer = owner == KEY_OWNER_SEAL ? peer_find(hub, id) : NULL;
	struct keyring *ring = path ? &path->keys : peer ? &peer->seal : NULL;
	struct session *session;
	uint64_t on_session;

	effects_log(fx, LOG_CLASS_LOCAL, "event=key-failed owner=%s link=%u phase=%u error=%d",
		    owner == KEY_OWNER_LINK   ? "link"
		    : owner == KEY_OWNER_SEAL ? "seal"
					      : "sender",
		    link, phase, -error);
	if (!ring)
		return;
	on_session = ring->step != KEYRING_IDLE ? ring->step_session : ring->proof_session;
	if (!on_session && path)
		on_session = path->session;
	keyring_forget(ring, phase);
	if (path)
		path_evaluate(hub, now_ns, path);
	session = sessions_find(&hub->sessions, on_session);
	if (session)
		session_end(hub, now_ns, session, "key could not be installed", fx);
	topology_settle(hub, now_ns, fx);
}

void hub_on_groups(struct hub *hub, uint64_t now_ns, uint32_t flags, const uint8_t (*groups)[6],
		   size_t n_groups, struct effects *fx)
{
	if (n_groups > RECORD_GROUPS_MAX) {
		n_groups = RECORD_GROUPS_MAX;
		flags = RECORD_GROUPS_ALL;
	}
	if (flags == hub->group_flags && n_groups == hub->n_groups &&
	    (!n_groups || memcmp(groups, hub->groups, n_groups * RECORD_GROUP_LEN) == 0))
		return;
	hub->group_flags = flags;
	hub->n_groups = n_groups;
	if (n_groups)
		memcpy(hub->groups, groups, n_groups * RECORD_GROUP_LEN);
	hub->is_record_due = true;
	topology_settle(hub, now_ns, fx);
}

/* ---- settings, goodbye --------------------------------------------------- */

void hub_on_config(struct hub *hub, uint64_t now_ns, const struct hub_settings *settings,
		   struct effects *fx)
{
	struct hub_settings *mine = &hub->settings;
	bool is_policy_new;

	memcpy(mine->name, settings->name, sizeof(mine->name));
	memcpy(mine->seeds, settings->seeds, sizeof(mine->seeds));
	mine->n_seeds = settings->n_seeds;
	mine->beacon_interval_min_ms = settings->beacon_interval_min_ms;
	mine->beacon_interval_max_ms = settings->beacon_interval_max_ms;
	mine->rekey_after_ms = settings->rekey_after_ms;
	mine->session_idle_ms = settings->session_idle_ms;
	mine->cipher = settings->cipher;
	if (mine->peers_flags != settings->peers_flags || mine->n_peers != settings->n_peers ||
	    memcmp(mine->peers, settings->peers, sizeof(mine->peers)) != 0) {
		mine->peers_flags = settings->peers_flags;
		mine->n_peers = settings->n_peers;
		memcpy(mine->peers, settings->peers, sizeof(mine->peers));
		sender_peers_changed(hub, now_ns);
	}
	mine->ipv4_pool = settings->ipv4_pool;
	mine->ipv4_pool_prefix_len = settings->ipv4_pool_prefix_len;
	is_policy_new = policy_replace(hub, settings->policy);
	if (!hub->is_started || hub->is_stopped)
		return;
	neighbours_set_lifetime(hub->neighbours, mine->beacon_interval_max_ms * NSEC_PER_MSEC);
	trickle_set_intervals(&hub->trickle, now_ns, mine->beacon_interval_min_ms * NSEC_PER_MSEC,
			      mine->beacon_interval_max_ms * NSEC_PER_MSEC, &hub->prng);
	settings_apply_seeds(hub, now_ns);
	if (is_policy_new)
		policy_enforce(hub, fx);
	ipv4_choose(hub, fx);
	guards_update(hub, fx);
	hub->is_record_due = true;
	topology_settle(hub, now_ns, fx);
}

void hub_new_life(struct hub *hub, uint64_t now_ns, uint64_t boot_epoch, struct effects *fx)
{
	struct effect *effect = effects_add(fx, EFFECT_PERSIST);

	effect->persist.key = PERSIST_BOOT_EPOCH;
	effect->persist.value = boot_epoch;
	hub->settings.boot_epoch = boot_epoch;
	for (size_t i = 0; i < hub->n_paths; i++)
		path_remove_link(hub, now_ns, hub->paths[i], fx);
	for (size_t i = 0; i < hub->n_peers; i++) {
		struct peer *peer = hub->peers[i];

		keys_delete(hub, KEY_OWNER_SEAL, 0, &peer->hub, keyring_clear(&peer->seal), fx);
		peer->rekey_at = NEVER;
	}
	sender_restart(hub, fx);
	while (hub->sessions.n > 0)
		session_end(hub, now_ns, hub->sessions.list[0], "our boot epoch was used before",
			    fx);
	if (hub->generation < boot_epoch << 32)
		hub->generation = boot_epoch << 32;
	beacon_renew(hub, false, fx);
	trickle_reset(&hub->trickle, now_ns, &hub->prng);
	trickle_hurry(&hub->trickle, now_ns, &hub->prng);
}

void hub_on_stop(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	if (!hub->is_started || hub->is_stopped)
		return;
	hub->is_stopped = true;
	beacon_renew(hub, true, fx);
	beacon_send_everywhere(hub, fx);
	for (size_t i = 0; i < hub->sessions.n; i++) {
		struct session *session = hub->sessions.list[i];

		if (session->state == SESSION_READY)
			session_send(hub, now_ns, session, CONTROL_BYE, NULL, 0, fx);
	}
}
