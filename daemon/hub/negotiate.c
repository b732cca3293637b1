// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: negotiate: keys over sessions
 *
 * Tells the keyrings (daemon/session/keyring.h) what happens on sessions and
 * turns their answers into KEY effects and messages.  The TLS client offers
 * a link key on every underlay session and a seal key when the pair has
 * none, or on a replacing session; either side may offer a seal when the
 * kernel asks for one.
 */
#include "daemon/hub/internal.h"

#include <errno.h>

#include "linux/hubmesh.h"

#define KEY_BODY_MAX 64

uint32_t hub_ciphers(void)
{
	return 1u << HUBMESH_CIPHER_AES_256_GCM | 1u << HUBMESH_CIPHER_CHACHA20_POLY1305;
}

/* A ring with what names it. */
struct ring_owner {
	enum key_owner owner;
	struct keyring *ring;
	struct path *path; /* when LINK */
	struct peer *peer; /* when SEAL */
};

static bool owner_of(struct hub *hub, const struct session *session, enum key_owner owner,
		     struct ring_owner *ret)
{
	*ret = (struct ring_owner){.owner = owner};
	if (owner == KEY_OWNER_LINK && session->kind == SESSION_PATH) {
		ret->path = path_by_link(hub, session->path);
		if (!ret->path || !ret->path->in_kernel)
			return false;
		ret->ring = &ret->path->keys;
		return true;
	}
	if (owner == KEY_OWNER_SEAL) {
		ret->peer = peer_find(hub, &session->peer);
		ret->ring = ret->peer ? &ret->peer->seal : NULL;
		return ret->peer != NULL;
	}
	return false;
}

static struct effect *key_effect(const struct ring_owner *o, enum effect_kind kind, uint8_t phase,
				 struct effects *fx)
{
	struct effect *effect = effects_add(fx, kind);

	effect->key.owner = o->owner;
	effect->key.link = o->path ? o->path->link : 0;
	effect->key.hub = o->path ? o->path->peer : o->peer->hub;
	effect->key.phase = phase;
	return effect;
}

static void install(const struct ring_owner *o, const struct session *session, uint8_t phase,
		    uint32_t serial, uint32_t cipher, struct effects *fx)
{
	struct effect *effect = key_effect(o, EFFECT_KEY_INSTALL, phase, fx);

	effect->key.session = session->id;
	effect->key.serial = serial;
	effect->key.cipher = cipher;
}

static void delete_mask(const struct ring_owner *o, uint8_t mask, struct effects *fx)
{
	for (uint8_t phase = 0; phase < KEYRING_PHASES; phase++) {
		if (mask & 1u << phase)
			key_effect(o, EFFECT_KEY_DEL, phase, fx);
	}
}

void keys_delete(struct hub *hub, enum key_owner owner, uint32_t link, const struct hub_id *peer,
		 uint8_t mask, struct effects *fx)
{
	struct ring_owner o = {.owner = owner};

	if (owner == KEY_OWNER_LINK)
		o.path = path_by_link(hub, link);
	else
		o.peer = peer_find(hub, peer);
	if (o.path || o.peer)
		delete_mask(&o, mask, fx);
}

static void send_key(struct hub *hub, uint64_t now_ns, struct session *session, uint8_t message,
		     enum key_owner owner, uint8_t phase, uint32_t serial, uint32_t cipher,
		     struct effects *fx)
{
	struct control_key key = {
		.owner = owner, .phase = phase, .serial = serial, .cipher = cipher};
	uint8_t body[KEY_BODY_MAX];
	int len = control_encode_key(&key, body, sizeof(body));

	if (len > 0)
		session_send(hub, now_ns, session, message, body, len, fx);
}

static uint32_t cipher_for(const struct hub *hub, const struct session *session)
{
	uint32_t preferred = hub->settings.cipher ? hub->settings.cipher
						  : HUBMESH_CIPHER_CHACHA20_POLY1305;

	return session_pick_cipher(preferred, hub_ciphers(), session->hello.ciphers);
}

/* A pair's first key lets go what the kernel holds for it, which then needs a route. */
static bool has_way_for_first_seal(const struct hub *hub, const struct peer *peer)
{
	return keyring_is_usable(&peer->seal) || way_of_frames(hub, &peer->hub);
}

/* Return: true when offered or not needed. */
static bool try_offer(struct hub *hub, uint64_t now_ns, struct session *session,
		      enum key_owner owner, struct effects *fx)
{
	uint32_t cipher = cipher_for(hub, session), serial;
	struct ring_owner o;
	uint8_t phase;

	if (!cipher || !owner_of(hub, session, owner, &o))
		return true;
	if (!keyring_can_offer(o.ring) || (o.peer && !has_way_for_first_seal(hub, o.peer)))
		return false;
	serial = session_next_serial(session);
	phase = keyring_offer(o.ring, now_ns, session->id, serial);
	install(&o, session, phase, serial, cipher, fx);
	send_key(hub, now_ns, session, CONTROL_KEY_OFFER, owner, phase, serial, cipher, fx);
	return true;
}

void session_try_offers(struct hub *hub, uint64_t now_ns, struct session *session,
			struct effects *fx)
{
	session->retry_at = NEVER;
	if (session->wants_link_key && try_offer(hub, now_ns, session, KEY_OWNER_LINK, fx))
		session->wants_link_key = false;
	if (session->wants_seal_key && try_offer(hub, now_ns, session, KEY_OWNER_SEAL, fx))
		session->wants_seal_key = false;
	if (session->wants_link_key || session->wants_seal_key)
		session->retry_at = now_ns + prng_spread(&hub->prng, HUB_OFFER_RETRY_NS, 20);
}

void seals_try_offers(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	for (size_t i = 0; i < hub->sessions.n; i++) {
		struct session *session = hub->sessions.list[i];

		if (session->wants_seal_key && try_offer(hub, now_ns, session, KEY_OWNER_SEAL, fx))
			session->wants_seal_key = false;
	}
}

static void repeat_confirm(struct hub *hub, uint64_t now_ns, struct session *session,
			   enum key_owner owner, struct effects *fx)
{
	struct ring_owner o;

	if (owner_of(hub, session, owner, &o) &&
	    keyring_repeat_confirm(o.ring, now_ns, session->id))
		send_key(hub, now_ns, session, CONTROL_KEY_CONFIRM, owner, o.ring->tx,
			 o.ring->phases[o.ring->tx].serial, cipher_for(hub, session), fx);
}

bool session_can_key(const struct hub *hub, const struct session *session)
{
	if (!hub->settings.has_datapath)
		return false;
	if (session->kind == SESSION_PATH && !session->hello.data_port)
		return false;
	return cipher_for(hub, session);
}

void session_keys_ready(struct hub *hub, uint64_t now_ns, struct session *session,
			struct effects *fx)
{
	const struct peer *peer = peer_find(hub, &session->peer);

	if (!peer)
		return;
	if (!session_can_key(hub, session)) {
		if (hub->settings.has_datapath && session->hello.data_port)
			peer_fault(hub, now_ns, fx, "event=no-common-cipher ciphers=0x%x",
				   session->hello.ciphers);
		return;
	}
	repeat_confirm(hub, now_ns, session, KEY_OWNER_LINK, fx);
	repeat_confirm(hub, now_ns, session, KEY_OWNER_SEAL, fx);
	if (!session->is_client)
		return;
	session->wants_link_key = session->kind == SESSION_PATH;
	session->wants_seal_key = session->kind == SESSION_MESH || session->replaces ||
				  !keyring_is_usable(&peer->seal);
	session_try_offers(hub, now_ns, session, fx);
}

/* The lower id renews; the other backs it up somewhat later. */
static uint64_t plan_rekey(struct hub *hub, uint64_t now_ns, const struct hub_id *peer)
{
	uint64_t after = hub->settings.rekey_after_ms * NSEC_PER_MSEC;

	if (!after)
		return NEVER;
	if (hub_id_cmp(&hub->settings.id, peer) > 0)
		after += after / 5;
	return now_ns + prng_spread(&hub->prng, after, HUB_REKEY_JITTER_PERCENT);
}

/* Transmit has moved to a phase: timers, wishes fulfilled, link alive. */
static void key_in_use(struct hub *hub, uint64_t now_ns, const struct ring_owner *o,
		       struct session *session, bool had_key, struct effects *fx)
{
	key_effect(o, EFFECT_KEY_USE, o->ring->tx, fx)->key.session = session->id;
	if (had_key)
		hub->counters.rekeys++;
	if (o->path) {
		session->wants_link_key = false;
		o->path->rekey_at = plan_rekey(hub, now_ns, &o->path->peer);
		dialer_succeeded(&o->path->dialer);
		path_evaluate(hub, now_ns, o->path);
		return;
	}
	for (size_t i = 0; i < hub->sessions.n; i++) {
		struct session *other = hub->sessions.list[i];

		if (other != session && hub_id_equal(&other->peer, &session->peer) &&
		    !other->replaces)
			other->wants_seal_key = false;
	}
	session->wants_seal_key = false;
	o->peer->rekey_at = plan_rekey(hub, now_ns, &o->peer->hub);
	dialer_succeeded(&o->peer->mesh);
}

static void promote(struct hub *hub, uint64_t now_ns, struct session *session,
		    const struct ring_owner *o, struct effects *fx)
{
	if (o->path && o->path->successor == session->id)
		path_promote(hub, now_ns, o->path, fx);
}

static int on_offer(struct hub *hub, uint64_t now_ns, struct session *session,
		    const struct control_key *key, const struct ring_owner *o, struct effects *fx)
{
	bool we_win = hub_id_cmp(&hub->settings.id, &session->peer) < 0;
	uint8_t drop = 0, suggest = 0;

	if (!(session->hello.ciphers & hub_ciphers() & 1u << (key->cipher & 31)))
		return -EPROTO;
	if (keyring_on_offer(o->ring, now_ns, session->id, key->phase, key->serial, we_win, &drop,
			     &suggest)) {
		if (suggest == KEYRING_NO_PHASE)
			suggest = key->phase;
		send_key(hub, now_ns, session, CONTROL_KEY_REFUSE, o->owner, suggest, key->serial,
			 key->cipher, fx);
		return 0;
	}
	delete_mask(o, drop, fx);
	install(o, session, key->phase, key->serial, key->cipher, fx);
	send_key(hub, now_ns, session, CONTROL_KEY_ACCEPT, o->owner, key->phase, key->serial,
		 key->cipher, fx);
	return 0;
}

static int on_refuse(struct hub *hub, uint64_t now_ns, struct session *session,
		     const struct control_key *key, const struct ring_owner *o, struct effects *fx)
{
	uint8_t phase = keyring_on_refuse(o->ring, session->id, key->serial, key->phase);

	if (phase == KEYRING_NO_PHASE)
		return 0; /* our offer has yielded to the peer's already */
	delete_mask(o, 1u << phase, fx);
	if (o->path)
		session->wants_link_key = true;
	else
		session->wants_seal_key = true;
	session->retry_at = now_ns + prng_spread(&hub->prng, HUB_OFFER_RETRY_NS, 20);
	return 0;
}

int on_key_message(struct hub *hub, uint64_t now_ns, struct session *session, uint8_t message,
		   const struct control_key *key, struct effects *fx)
{
	struct ring_owner o;
	bool had_key;

	if (key->phase >= KEYRING_PHASES || key->owner > KEY_OWNER_SEAL ||
	    !hub->settings.has_datapath || !owner_of(hub, session, key->owner, &o))
		return -EPROTO;
	had_key = keyring_is_usable(o.ring);
	switch (message) {
	case CONTROL_KEY_OFFER:
		return on_offer(hub, now_ns, session, key, &o, fx);
	case CONTROL_KEY_REFUSE:
		return on_refuse(hub, now_ns, session, key, &o, fx);
	case CONTROL_KEY_ACCEPT:
		if (keyring_on_accept(o.ring, now_ns, session->id, key->phase, key->serial))
			return 0; /* late: that offer was dropped */
		key_in_use(hub, now_ns, &o, session, had_key, fx);
		send_key(hub, now_ns, session, CONTROL_KEY_CONFIRM, o.owner, key->phase,
			 key->serial, key->cipher, fx);
		promote(hub, now_ns, session, &o, fx);
		return 0;
	case CONTROL_KEY_CONFIRM:
		if (keyring_on_confirm(o.ring, now_ns, key->phase, key->serial) == 0)
			key_in_use(hub, now_ns, &o, session, had_key, fx);
		promote(hub, now_ns, session, &o, fx);
		return 0;
	default:
		return -EPROTO;
	}
}

void keys_session_down(struct hub *hub, uint64_t now_ns, const struct session *session,
		       struct effects *fx)
{
	struct ring_owner o;

	if (owner_of(hub, session, KEY_OWNER_LINK, &o))
		delete_mask(&o, keyring_on_session_down(o.ring, session->id), fx);
	if (owner_of(hub, session, KEY_OWNER_SEAL, &o))
		delete_mask(&o, keyring_on_session_down(o.ring, session->id), fx);
}

static void ring_on_timer(struct hub *hub, uint64_t now_ns, const struct ring_owner *o,
			  struct effects *fx)
{
	bool gave_up = o->ring->step != KEYRING_IDLE && now_ns >= o->ring->step_until;
	struct session *session = sessions_find(&hub->sessions, o->ring->step_session);

	if (now_ns < keyring_deadline(o->ring))
		return;
	delete_mask(o, keyring_expire(o->ring, now_ns), fx);
	if (gave_up && session)
		session_end(hub, now_ns, session, "key negotiation timed out", fx);
}

/*
 * Fresh keys need a fresh session.  The one there is may idle on for long, but has
 * delivered its CONFIRM once the older phases are gone.
 */
static void seal_rekey_far(struct hub *hub, uint64_t now_ns, struct peer *peer, struct effects *fx)
{
	struct session *old = mesh_session_of(hub, &peer->hub, false);
	uint64_t settled_at = peer->seal.used_since_ns + KEYRING_LINGER_NS;

	if (old && (old->state != SESSION_READY || peer->seal.step != KEYRING_IDLE))
		return; /* a renewal is under way */
	if (old && now_ns < settled_at) {
		peer->rekey_at = settled_at;
		return;
	}
	if (old)
		session_end(hub, now_ns, old, "replaced", fx);
	mesh_dial(hub, now_ns, peer, true, fx);
}

static void seal_rekey(struct hub *hub, uint64_t now_ns, struct peer *peer, struct effects *fx)
{
	struct session *session = path_session_of(hub, &peer->hub);
	struct path *path = session ? path_by_link(hub, session->path) : NULL;

	peer->rekey_at = now_ns + HUB_REKEY_RETRY_NS;
	if (!keyring_is_usable(&peer->seal))
		peer->rekey_at = NEVER;
	else if (path)
		path->rekey_at = now_ns; /* a replacing session renews both */
	else if (way_of_frames(hub, &peer->hub))
		seal_rekey_far(hub, now_ns, peer, fx);
}

void keys_on_timer(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	for (size_t i = 0; i < hub->n_peers; i++) {
		struct peer *peer = hub->peers[i];

		ring_on_timer(hub, now_ns,
			      &(struct ring_owner){KEY_OWNER_SEAL, &peer->seal, NULL, peer}, fx);
		if (now_ns >= peer->rekey_at)
			seal_rekey(hub, now_ns, peer, fx);
	}
	for (size_t i = 0; i < hub->n_paths; i++) {
		struct path *path = hub->paths[i];

		ring_on_timer(hub, now_ns,
			      &(struct ring_owner){KEY_OWNER_LINK, &path->keys, path, NULL}, fx);
	}
}

uint64_t keys_deadline(const struct hub *hub)
{
	uint64_t at = NEVER;

	for (size_t i = 0; i < hub->n_peers; i++)
		at = earlier(at, earlier(keyring_deadline(&hub->peers[i]->seal),
					 hub->peers[i]->rekey_at));
	for (size_t i = 0; i < hub->n_paths; i++)
		at = earlier(at, keyring_deadline(&hub->paths[i]->keys));
	return at;
}
