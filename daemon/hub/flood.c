// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: flood: link-state records in and out, and what follows from them
 *
 * A record that comes in is compared, rate limited, verified (certificate,
 * then signature), stored and sent on to every other neighbour.  Our own is
 * made anew when our links or address change, at most every
 * HUB_ORIGINATE_NS.  Routes follow at once from our own links and after
 * HUB_ROUTE_DELAY_NS from others'.
 */
#include "daemon/hub/internal.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "hubmesh/wire.h"

/*
 * Every underlay session floods, also a second one to the same neighbour: the
 * first may be half dead, and a duplicate costs the receiver one comparison.
 */
bool session_is_flooding(const struct session *session)
{
	return session->state == SESSION_READY && session->kind == SESSION_PATH;
}

static void flood(struct hub *hub, uint64_t now_ns, const struct lsdb_entry *entry,
		  const struct hub_id *except, struct effects *fx)
{
	for (size_t i = 0; i < hub->sessions.n; i++) {
		struct session *session = hub->sessions.list[i];

		if (except && hub_id_equal(except, &session->peer))
			continue;
		if (session_is_flooding(session))
			session_send(hub, now_ns, session, CONTROL_RECORD, entry->bytes, entry->len,
				     fx);
	}
}

static int compare_u32(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

void ipv4_choose(struct hub *hub, struct effects *fx)
{
	_cleanup_free_ uint32_t *taken = xnew_array(uint32_t, hub->lsdb.n + 1);
	uint32_t preferred = hub->ipv4 ? hub->ipv4 : hub->settings.ipv4_last, chosen;
	struct effect *effect;
	size_t n = 0;

	for (size_t i = 0; i < hub->lsdb.n; i++) {
		const struct lsdb_entry *entry = hub->lsdb.list[i];

		if (entry->ipv4 && !hub_id_equal(&entry->hub, &hub->settings.id) &&
		    (entry->ipv4 != preferred || address_keeps(&entry->hub, &hub->settings.id)))
			taken[n++] = entry->ipv4;
	}
	qsort(taken, n, sizeof(*taken), compare_u32);
	chosen = address_claim(hub->mesh_tag, &hub->settings.id, hub->settings.ipv4_pool,
			       hub->settings.ipv4_pool_prefix_len, preferred, taken, n);
	if (hub->is_started && chosen == hub->ipv4 &&
	    (!chosen || hub->ipv4_prefix_len == hub->settings.ipv4_pool_prefix_len))
		return;
	if (!chosen && hub->settings.ipv4_pool)
		effects_log(fx, LOG_CLASS_LOCAL, "event=ipv4-pool-exhausted claims=%zu", n);
	hub->ipv4 = chosen;
	hub->ipv4_prefix_len = hub->settings.ipv4_pool_prefix_len;
	hub->is_record_due = true;
	effect = effects_add(fx, EFFECT_PERSIST);
	effect->persist.key = PERSIST_IPV4;
	effect->persist.value = chosen;
	effect = effects_add(fx, EFFECT_ADDRESSES);
	effect->addresses.ula = hub->ula;
	effect->addresses.ipv4.s_addr = htonl(chosen);
	effect->addresses.ipv4_prefix_len = hub->settings.ipv4_pool_prefix_len;
}

static void collect_links(const struct hub *hub, uint64_t now_ns, struct record *record)
{
	for (size_t i = 0; i < hub->n_paths; i++) {
		const struct path *path = hub->paths[i];
		size_t at = 0;

		if (!link_quality_is_usable(&path->quality, now_ns))
			continue;
		while (at < record->n_links && hub_id_cmp(&record->links[at].peer, &path->peer) < 0)
			at++;
		if (at < record->n_links && hub_id_equal(&record->links[at].peer, &path->peer)) {
			if (path->quality.cost_us < record->links[at].cost_us) {
				record->links[at].cost_us = path->quality.cost_us;
				record->links[at].frame_max = path->frame_max;
			}
			continue;
		}
		if (record->n_links == RECORD_LINKS_MAX)
			continue;
		memmove(&record->links[at + 1], &record->links[at],
			(record->n_links - at) * sizeof(record->links[0]));
		record->links[at] = (struct record_link){path->peer, path->quality.cost_us,
							 path->frame_max,
							 path_is_frameless(hub, path)};
		record->n_links++;
	}
}

static void originate(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	_cleanup_free_ struct record *record = xnew(struct record);
	_cleanup_free_ uint8_t *bytes = xmalloc(RECORD_MAX);
	const struct lsdb_entry *entry;
	struct effect *effect;
	bool changed;
	int len;

	record->hub = hub->settings.id;
	record->boot_epoch = hub->settings.boot_epoch;
	record->seq = ++hub->lsr_seq;
	memcpy(record->name, hub->settings.name, sizeof(record->name));
	record->ipv4 = hub->ipv4;
	record->cert = hub->cert;
	record->cert_len = hub->settings.cert_der_len;
	record->has_catalogue = hub->has_catalogue;
	memcpy(record->catalogue, hub->catalogue, SHA256_LEN);
	record->proxy_port = hub->settings.proxy_port;
	record->datapath = hub->settings.has_datapath ? RECORD_DATAPATH_THERE
						      : RECORD_DATAPATH_NONE;
	collect_links(hub, now_ns, record);
	record->group_flags = hub->group_flags;
	record->n_groups = hub->n_groups;
	memcpy(record->groups, hub->groups, sizeof(record->groups));
	hub->is_record_due = false;
	hub->originated_ns = now_ns;
	len = record_encode(record, hub->private_key, hub->pubkey, bytes, RECORD_MAX);
	if (len < 0) {
		effects_log(fx, LOG_CLASS_BUG, "event=record-encode-failed error=%d", -len);
		return;
	}
	effect = effects_add(fx, EFFECT_PERSIST);
	effect->persist.key = PERSIST_LSR_SEQ;
	effect->persist.value = hub->lsr_seq;
	entry = lsdb_put(&hub->lsdb, now_ns, record, bytes, len, &changed);
	if (entry)
		flood(hub, now_ns, entry, NULL, fx);
}

static int record_verify_all(struct hub *hub, uint64_t now_ns, const struct record *record,
			     const uint8_t *bytes, size_t len, struct trust_identity *identity,
			     struct effects *fx)
{
	char text[HUB_ID_STRLEN];
	int r;

	r = trust_verify_hub(hub->trust, record->cert, record->cert_len, hub->unix_s, identity);
	if (r == 0 && !hub_id_equal(&identity->hub, &record->hub))
		r = -EACCES;
	if (r) {
		hub->counters.records_refused++;
		if (r == -EADDRINUSE)
			hub->counters.id_conflicts++;
		peer_fault(hub, now_ns, fx, "event=record-refused hub=%s reason=\"%s\"",
			   hub_id_format(&record->hub, text), trust_error_text(r));
		return r;
	}
	r = record_verify(bytes, len, identity->pubkey);
	if (r) {
		hub->counters.records_bad_signature++;
		peer_fault(hub, now_ns, fx, "event=record-refused hub=%s reason=bad-signature",
			   hub_id_format(&record->hub, text));
	}
	return r;
}

/* Someone holds a newer record of us: from an earlier life, or a twin. */
static void on_own_record(struct hub *hub, uint64_t now_ns, const struct record *record,
			  const uint8_t *bytes, size_t len, struct effects *fx)
{
	struct trust_identity identity;

	if (record->boot_epoch < hub->settings.boot_epoch ||
	    (record->boot_epoch == hub->settings.boot_epoch && record->seq <= hub->lsr_seq))
		return;
	if (record_verify_all(hub, now_ns, record, bytes, len, &identity, fx))
		return;
	effects_log(fx, LOG_CLASS_LOCAL, "event=own-record-from-the-future epoch=%llu seq=%llu",
		    (unsigned long long)record->boot_epoch, (unsigned long long)record->seq);
	twin_on_record(hub, now_ns, record, fx);
	if (record->seq > hub->lsr_seq)
		hub->lsr_seq = record->seq;
	if (record->boot_epoch > hub->settings.boot_epoch)
		hub_new_life(hub, now_ns, record->boot_epoch + 1, fx);
	hub->is_record_due = true;
}

static void on_record_stored(struct hub *hub, uint64_t now_ns, const struct lsdb_entry *entry,
			     const char *zones, bool links_changed, struct effects *fx)
{
	struct peer *peer = peer_get(hub, &entry->hub);

	if (peer)
		peer_set_zones(hub, peer, zones, fx);
	if (links_changed)
		hub->are_routes_due = true;
	/* A neighbour's word is the other half of our link: frames may wait for that way. */
	if (links_changed && path_session_of(hub, &entry->hub) &&
	    !way_of_addresses(hub, &entry->hub))
		hub->routed_ns = 0;
	/* One of an earlier life says nothing of the keys of this one. */
	if (peer && entry->boot_epoch > peer->boot_epoch)
		peer_set_epoch(hub, now_ns, peer, entry->boot_epoch, 0, fx);
	if (peer && peer->in_kernel && ntohl(peer->ipv4.s_addr) != entry->ipv4)
		hub->are_routes_due = true; /* addresses are told with them */
	if (entry->ipv4 && entry->ipv4 == hub->ipv4) {
		hub->counters.address_conflicts++;
		ipv4_choose(hub, fx);
	}
}

int on_record(struct hub *hub, uint64_t now_ns, const uint8_t *bytes, size_t len, uint64_t from,
	      struct effects *fx)
{
	_cleanup_free_ struct record *record = xnew(struct record);
	struct session *session = sessions_find(&hub->sessions, from);
	const struct lsdb_entry *entry;
	struct trust_identity identity;
	enum lsdb_freshness freshness;
	bool links_changed;

	if (record_decode(bytes, len, record) || !hub_id_is_valid(&record->hub))
		return -EBADMSG;
	if (hub_id_equal(&record->hub, &hub->settings.id)) {
		on_own_record(hub, now_ns, record, bytes, len, fx);
		return 0;
	}
	freshness = lsdb_compare(&hub->lsdb, &record->hub, record->boot_epoch, record->seq);
	if (freshness != LSDB_NEWER) {
		hub->counters.records_stale++;
		entry = lsdb_find(&hub->lsdb, &record->hub);
		if (freshness == LSDB_OLDER && entry->bytes && session)
			session_send(hub, now_ns, session, CONTROL_RECORD, entry->bytes, entry->len,
				     fx);
		return 0;
	}
	if (lsdb_has_held(&hub->lsdb, record)) {
		hub->counters.records_limited++;
		return 0;
	}
	if (record_verify_all(hub, now_ns, record, bytes, len, &identity, fx))
		return 0; /* well formed; the neighbour may not know better */
	if (lsdb_hold(&hub->lsdb, now_ns, record, bytes, len, from)) {
		hub->counters.records_limited++;
		return 0;
	}
	entry = lsdb_put(&hub->lsdb, now_ns, record, bytes, len, &links_changed);
	if (!entry) {
		hub->counters.records_refused++;
		peer_fault(hub, now_ns, fx, "event=record-refused reason=database-full");
		return 0;
	}
	hub->counters.records_accepted++;
	flood(hub, now_ns, entry, session ? &session->peer : NULL, fx);
	on_record_stored(hub, now_ns, entry, identity.zones, links_changed, fx);
	services_on_record(hub, now_ns, entry, from, fx);
	return 0;
}

void send_digest(struct hub *hub, uint64_t now_ns, struct session *session, struct effects *fx)
{
	_cleanup_free_ struct control_digest_entry *part =
		xnew_array(struct control_digest_entry, CONTROL_DIGESTS_MAX);
	_cleanup_free_ uint8_t *body = xmalloc(CONTROL_BODY_MAX);
	size_t from = 0, n;

	session->digest_sent_ns = now_ns;
	revocations_send_have(hub, now_ns, session, fx);
	do { /* a part that is not full is the last; it may be empty */
		int len;

		n = lsdb_digest(&hub->lsdb, from, part, CONTROL_DIGESTS_MAX);
		len = control_encode_digest(part, n, body, CONTROL_BODY_MAX);
		if (len < 0) {
			effects_log(fx, LOG_CLASS_BUG, "event=digest-encode-failed error=%d", -len);
			return;
		}
		session_send(hub, now_ns, session, CONTROL_DIGEST, body, len, fx);
		from += n;
	} while (n == CONTROL_DIGESTS_MAX);
}

/* Do we hold something newer than @theirs (NULL: they have none)? */
static bool is_worth_sending(const struct lsdb_entry *entry,
			     const struct control_digest_entry *theirs)
{
	if (!entry->bytes)
		return false;
	if (!theirs || entry->boot_epoch > theirs->boot_epoch)
		return true;
	return entry->boot_epoch == theirs->boot_epoch && entry->seq > theirs->seq;
}

/* Push what the part shows to be missing; says whether we miss something. */
static bool answer_part(struct hub *hub, uint64_t now_ns, struct session *session,
			const struct control_digest_entry *part, size_t n, bool is_last,
			struct effects *fx)
{
	size_t p = 0, sent = 0;
	bool missing = false;

	for (size_t i = 0; i < n; i++)
		missing |= lsdb_compare(&hub->lsdb, &part[i].hub, part[i].boot_epoch,
					part[i].seq) == LSDB_NEWER;
	for (size_t i = 0; i < hub->lsdb.n && sent < HUB_RECORDS_PUSH_MAX; i++) {
		const struct lsdb_entry *entry = hub->lsdb.list[i];

		if (session->has_digest_from && hub_id_cmp(&entry->hub, &session->digest_from) <= 0)
			continue;
		while (p < n && hub_id_cmp(&part[p].hub, &entry->hub) < 0)
			p++;
		if (p == n && !is_last)
			break;
		if (is_worth_sending(entry, p < n && hub_id_equal(&part[p].hub, &entry->hub)
						    ? &part[p]
						    : NULL)) {
			session_send(hub, now_ns, session, CONTROL_RECORD, entry->bytes, entry->len,
				     fx);
			sent++;
		}
	}
	return missing;
}

int on_digest(struct hub *hub, uint64_t now_ns, struct session *session, const uint8_t *body,
	      size_t len, struct effects *fx)
{
	_cleanup_free_ struct control_digest_entry *part =
		xnew_array(struct control_digest_entry, CONTROL_DIGESTS_MAX);
	int n = control_decode_digest(body, len, part, CONTROL_DIGESTS_MAX);
	bool is_last = n < CONTROL_DIGESTS_MAX;

	if (n < 0)
		return -EBADMSG;
	for (int i = 1; i < n; i++) {
		if (hub_id_cmp(&part[i - 1].hub, &part[i].hub) >= 0)
			return -EBADMSG;
	}
	if (answer_part(hub, now_ns, session, part, n, is_last, fx) &&
	    now_ns >= session->digest_sent_ns + HUB_DIGEST_REPLY_NS)
		send_digest(hub, now_ns, session, fx);
	session->has_digest_from = !is_last;
	if (!is_last)
		session->digest_from = part[n - 1].hub;
	return 0;
}

static void peer_set_kernel(struct hub *hub, struct peer *peer, const struct in6_addr *ula,
			    uint32_t ipv4, struct effects *fx)
{
	struct effect *effect;

	if (peer->in_kernel && IN6_ARE_ADDR_EQUAL(&peer->ula, ula) &&
	    peer->ipv4.s_addr == htonl(ipv4))
		return;
	peer->in_kernel = true;
	peer->ula = *ula;
	peer->ipv4.s_addr = htonl(ipv4);
	if (!hub->settings.has_datapath)
		return;
	effect = effects_add(fx, EFFECT_HUB_SET);
	effect->hub_set.hub = peer->hub;
	effect->hub_set.ula = peer->ula;
	effect->hub_set.ipv4 = peer->ipv4;
	peer_set_guard(hub, peer, fx);
}

void peer_make_known(struct hub *hub, struct peer *peer, struct effects *fx)
{
	static const struct in6_addr none;

	if (!peer->in_kernel)
		peer_set_kernel(hub, peer, &none, 0, fx);
}

struct claim {
	uint32_t ipv4;
	const struct lsdb_entry *entry;
	uint32_t granted; /* @ipv4 if it may keep that, else 0 */
};

/* By address, then by id: the first of equals keeps it. */
static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->ipv4 != y->ipv4)
		return x->ipv4 < y->ipv4 ? -1 : 1;
	return hub_id_cmp(&x->entry->hub, &y->entry->hub);
}

/* Who claims which address, and who of several gets it. Return: entries of @claims. */
static size_t collect_claims(const struct hub *hub, struct claim *claims)
{
	size_t n = 0;

	for (size_t i = 0; i < hub->lsdb.n; i++) {
		if (hub->lsdb.list[i]->bytes)
			claims[n++] = (struct claim){hub->lsdb.list[i]->ipv4, hub->lsdb.list[i], 0};
	}
	qsort(claims, n, sizeof(*claims), compare_claims);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || claims[i].ipv4 != claims[i - 1].ipv4)
			claims[i].granted = claims[i].ipv4;
	}
	return n;
}

/*
 * Tell the kernel of every reachable hub before routes mention it.  Whoever
 * has an address that is not its own any more gives it up first, reachable or
 * not: a neighbour entry is deleted by its address, whoever has it by then.
 */
static void announce_hubs(struct hub *hub, const struct claim *claims, size_t n, struct effects *fx)
{
	for (size_t i = 0; i < n; i++) {
		const struct hub_id *id = &claims[i].entry->hub;
		bool is_reachable = way_of_addresses(hub, id);
		struct peer *peer = is_reachable ? peer_get(hub, id) : peer_find(hub, id);

		if (!peer)
			continue;
		if (is_reachable)
			peer_make_known(hub, peer, fx);
		if (peer->in_kernel && peer->ipv4.s_addr != htonl(claims[i].granted))
			peer_set_kernel(hub, peer, &peer->ula, 0, fx);
	}
}

/*
 * Addresses come after the route: packets that wait for a neighbour entry
 * leave the moment it is there, and would be dropped for want of a way.
 */
static void hand_out_addresses(struct hub *hub, const struct claim *claims, size_t n,
			       struct effects *fx)
{
	for (size_t i = 0; i < n; i++) {
		const struct hub_id *id = &claims[i].entry->hub;
		struct peer *peer = way_of_addresses(hub, id) ? peer_find(hub, id) : NULL;
		struct in6_addr ula = address_ula(hub->mesh_tag, id);

		if (peer)
			peer_set_kernel(hub, peer, &ula, claims[i].granted, fx);
	}
}

static void emit_routes(struct hub *hub, struct effects *fx)
{
	struct effect *effect;

	hub->generation++;
	if (!hub->settings.has_datapath)
		return;
	effect = effects_add(fx, EFFECT_ROUTES);
	effect->routes.generation = hub->generation;
	effect->routes.n_routes = hub->frame_routes.n;
	effect->routes.routes = xnew_array(struct effect_route, hub->frame_routes.n);
	for (size_t i = 0; i < hub->frame_routes.n; i++) {
		const struct route *route = &hub->frame_routes.list[i];
		struct effect_route *out = &effect->routes.routes[i];

		out->hub = route->hub;
		out->n_via = route->n_via;
		out->backup = route->backup;
		out->tunnel_end = route->tunnel_end;
		/* Every link takes that much; who says less is wrong. */
		if (route->frame_max)
			out->frame_max = route->frame_max > HM_FRAME_FLOOR ? route->frame_max
									   : HM_FRAME_FLOOR;
		for (uint32_t v = 0; v < route->n_via; v++)
			out->via[v] = (struct effect_nexthop){.link = route->via[v], .weight = 1};
		if (out->frame_max && (!effect->routes.tree_frame_max ||
				       out->frame_max < effect->routes.tree_frame_max))
			effect->routes.tree_frame_max = out->frame_max;
	}
	effect->routes.trees = trees_copy(&hub->trees);
}

/* Ageing counts from the last time there was a way. */
static void mark_reachable(struct hub *hub, const struct routes *routes, uint64_t now_ns)
{
	for (size_t i = 0; i < routes->n; i++) {
		struct lsdb_entry *entry = lsdb_find(&hub->lsdb, &routes->list[i].hub);

		if (entry)
			entry->reachable_ns = now_ns;
	}
}

void routes_update(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	_cleanup_free_ struct claim *claims = xnew_array(struct claim, hub->lsdb.n + 1);
	struct routes before = hub->routes;
	size_t n_claims = collect_claims(hub, claims);
	bool has_kernel_changed = ways_compute(hub, now_ns);
	bool has_changed = has_kernel_changed || !routes_equal(&before, &hub->routes);

	hub->route_changes += has_changed;
	hub->are_routes_due = false;
	hub->routed_ns = now_ns;
	mark_reachable(hub, &before, now_ns);
	mark_reachable(hub, &hub->routes, now_ns);
	announce_hubs(hub, claims, n_claims, fx);
	if (hub->settings.has_datapath ? has_kernel_changed : has_changed)
		emit_routes(hub, fx);
	hand_out_addresses(hub, claims, n_claims, fx);
	if (has_kernel_changed)
		seals_try_offers(hub, now_ns, fx);
	routes_fini(&before);
}

/* Bigger meshes compute less often. */
static uint64_t routes_due_at(const struct hub *hub)
{
	if (!hub->are_routes_due)
		return NEVER;
	return hub->routed_ns + HUB_ROUTE_DELAY_NS +
	       HUB_ROUTE_COST_NS * hub->lsdb.n * (hub->n_paths + 1);
}

static uint64_t record_due_at(const struct hub *hub)
{
	if (hub->is_record_due)
		return hub->originated_ns ? hub->originated_ns + HUB_ORIGINATE_NS : 0;
	return hub->originated_ns + LSDB_REFRESH_NS;
}

void topology_settle(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	if (!hub->is_started || hub->is_stopped)
		return;
	if (paths_note_usable(hub, now_ns) || hub->have_links_changed) {
		hub->have_links_changed = false;
		hub->is_record_due = true;
		routes_update(hub, now_ns, fx);
	}
	if (now_ns >= record_due_at(hub))
		originate(hub, now_ns, fx);
	if (now_ns >= routes_due_at(hub))
		routes_update(hub, now_ns, fx);
	versioning_settle(hub, now_ns, fx);
	services_settle(hub, now_ns, fx);
	brokering_settle(hub, now_ns, fx);
}

static void compare_with_someone(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	size_t n = hub->sessions.n, start = prng_below(&hub->prng, n);

	hub->anti_entropy_at = now_ns + prng_spread(&hub->prng, LSDB_ANTI_ENTROPY_NS, 20);
	for (size_t i = 0; i < n; i++) {
		size_t at = (start + i) % n;

		if (session_is_flooding(hub->sessions.list[at])) {
			send_digest(hub, now_ns, hub->sessions.list[at], fx);
			return;
		}
	}
}

void forget_hub(struct hub *hub, uint64_t now_ns, const struct hub_id *id, struct effects *fx)
{
	struct peer *peer = peer_find(hub, id);
	struct effect *effect;
	char text[HUB_ID_STRLEN];

	effects_log(fx, LOG_CLASS_INFO, "event=hub-forgotten hub=%s", hub_id_format(id, text));
	services_on_hub_forgotten(hub, now_ns, id);
	if (!peer)
		return;
	if (path_session_of(hub, id)) { /* it stays, but its claim is gone with its record */
		if (peer->in_kernel)
			peer_set_kernel(hub, peer, &peer->ula, 0, fx);
		return;
	}
	keyring_clear(&peer->seal); /* HUB_DEL takes the keys along */
	peer->rekey_at = NEVER;
	sender_peer_gone(hub, now_ns, peer);
	if (!peer->in_kernel)
		return;
	if (hub->settings.has_datapath) {
		effect = effects_add(fx, EFFECT_HUB_DEL);
		effect->hub_del.hub = *id;
		effect->hub_del.ula = peer->ula;
		effect->hub_del.ipv4 = peer->ipv4;
	}
	peer->in_kernel = false;
	memset(&peer->guard, 0, sizeof(peer->guard));
	peer->ula = (struct in6_addr){0};
	peer->ipv4.s_addr = 0; /* another's by the time it returns, maybe */
}

void topology_on_timer(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	struct hub_id forgotten;
	size_t len, had = hub->lsdb.n;
	uint64_t from;
	uint8_t *held;

	/* What is left stays due; one event must not ask for more than EFFECTS_MAX. */
	for (size_t sends = 0;
	     sends < HUB_HELD_SENDS_MAX && lsdb_take_held(&hub->lsdb, now_ns, &held, &len, &from);
	     sends += hub->sessions.n + 1) {
		on_record(hub, now_ns, held, len, from, fx);
		free(held);
	}
	if (now_ns >= hub->anti_entropy_at)
		compare_with_someone(hub, now_ns, fx);
	if (hub->n_peers == HUB_PEERS_MAX)
		peers_sweep(hub);
	if (now_ns < lsdb_deadline(&hub->lsdb, &hub->settings.id))
		return;
	mark_reachable(hub, &hub->routes, now_ns);
	while (lsdb_age(&hub->lsdb, now_ns, &hub->settings.id, &forgotten))
		forget_hub(hub, now_ns, &forgotten, fx);
	if (hub->lsdb.n < had)
		peers_sweep(hub);
}

uint64_t topology_deadline(const struct hub *hub)
{
	uint64_t at = earlier(routes_due_at(hub), record_due_at(hub));

	at = earlier(at, hub->anti_entropy_at);
	return earlier(at, lsdb_deadline(&hub->lsdb, &hub->settings.id));
}
