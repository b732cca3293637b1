// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: sender: the key of frames for many
 *
 * What a hub sends to many is sealed once, with a key that all others have
 * (daemon/session/sender.h).  Over every session the peer is told ours
 * (SENDER_KEY) and answers when its kernel has it (SENDER_HAVE); from then on
 * our kernel makes no copies for it.  The session's peer is the only hub whose
 * key it can tell: nobody speaks for another.
 *
 * A hub that cannot open what came along a tree asks for a session
 * (hub_on_need_session()), which brings the key.
 */
#include "daemon/hub/internal.h"

#include <errno.h>

#include "daemon/lib/secret.h"
#include "linux/hubmesh.h"

#define SENDER_BODY_MAX 96

_Static_assert(SENDER_MATERIAL_LEN == CONTROL_SENDER_MATERIAL_LEN, "the same material");
_Static_assert(SENDER_SECRET_LEN == HUB_SENDER_SECRET_LEN, "the same secret");

static struct effect *key_effect(enum effect_kind kind, const struct hub_id *hub, uint8_t phase,
				 struct effects *fx)
{
	struct effect *effect = effects_add(fx, kind);

	effect->key.owner = KEY_OWNER_SENDER;
	effect->key.hub = *hub;
	effect->key.phase = phase;
	return effect;
}

static void install(const struct hub_id *hub, uint64_t session, const struct control_sender *key,
		    struct effects *fx)
{
	struct effect *effect = key_effect(EFFECT_KEY_INSTALL, hub, key->phase, fx);

	effect->key.session = session;
	effect->key.cipher = key->cipher;
	effect->key.material = secret_new(sizeof(key->material));
	memcpy(effect->key.material, key->material, sizeof(key->material));
}

static uint32_t cipher_of(const struct hub *hub)
{
	return hub->settings.cipher ? hub->settings.cipher : HUBMESH_CIPHER_CHACHA20_POLY1305;
}

/* Our newest key. Return: false when it cannot be derived. */
static bool own_key(const struct hub *hub, struct control_sender *ret)
{
	*ret = (struct control_sender){
		.serial = hub->sender.serial,
		.phase = sender_phase(hub->sender.serial),
		.cipher = cipher_of(hub),
	};
	return sender_derive(hub->sender_secret, ret->serial, ret->material) == 0;
}

/* What is sealed with our key is for those we may send frames for many to. */
static bool may_have_key(const struct hub *hub, const struct hub_id *id)
{
	if (!(hub->settings.peers_flags & HUBMESH_PEERS_F_FLOOD))
		return true;
	for (size_t i = 0; i < hub->settings.n_peers; i++) {
		if (hub_id_equal(&hub->settings.peers[i], id))
			return true;
	}
	return false;
}

static void tell(struct hub *hub, uint64_t now_ns, struct session *session, struct effects *fx)
{
	uint8_t body[SENDER_BODY_MAX];
	struct control_sender key;
	int len;

	if (own_key(hub, &key)) {
		len = control_encode_sender_key(&key, body, sizeof(body));
		if (len > 0)
			session_send(hub, now_ns, session, CONTROL_SENDER_KEY, body, len, fx);
	}
	secret_wipe(body, sizeof(body));
	secret_wipe(&key, sizeof(key));
}

/* Its cipher goes with the key, so a change of settings waits for the next. */
static void make_key(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	uint64_t after = hub->settings.rekey_after_ms * NSEC_PER_MSEC;
	struct control_sender key;

	sender_renew(&hub->sender, now_ns,
		     after ? now_ns + prng_spread(&hub->prng, after, HUB_REKEY_JITTER_PERCENT)
			   : NEVER);
	if (own_key(hub, &key))
		install(&hub->settings.id, 0, &key, fx);
	secret_wipe(&key, sizeof(key));
}

void sender_session_ready(struct hub *hub, uint64_t now_ns, struct session *session,
			  struct effects *fx)
{
	const struct peer *peer = peer_find(hub, &session->peer);

	if (!peer || !session_can_key(hub, session) || !may_have_key(hub, &session->peer))
		return;
	if (!hub->sender.serial)
		make_key(hub, now_ns, fx);
	if (peer->sender_proved != hub->sender.serial)
		tell(hub, now_ns, session, fx);
}

/* Who had the key before is waited for. */
static bool is_everybody_there(const struct hub *hub)
{
	for (size_t i = 0; i < hub->n_peers; i++) {
		uint32_t has = hub->peers[i]->sender_proved;

		if (has && has != hub->sender.serial)
			return false;
	}
	return true;
}

static void use_key(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	key_effect(EFFECT_KEY_USE, &hub->settings.id, sender_phase(hub->sender.serial), fx);
	sender_use(&hub->sender, now_ns);
}

int on_sender_have(struct hub *hub, uint64_t now_ns, struct session *session, const uint8_t *body,
		   size_t len, struct effects *fx)
{
	struct peer *peer = peer_find(hub, &session->peer);
	struct control_sender have;

	if (control_decode_sender_have(body, len, &have))
		return -EBADMSG;
	if (!hub->settings.has_datapath || have.phase != sender_phase(have.serial) ||
	    have.serial > hub->sender.serial)
		return -EPROTO;
	if (!peer || have.serial != hub->sender.serial || peer->sender_proved == have.serial)
		return 0; /* late: another one was told meanwhile */
	peer_make_known(hub, peer, fx);
	peer->sender_proved = have.serial;
	key_effect(EFFECT_KEY_USE, &peer->hub, have.phase, fx)->key.session = session->id;
	if (!hub->sender.is_used && is_everybody_there(hub))
		use_key(hub, now_ns, fx);
	return 0;
}

/* Of its older keys the one before stays: frames under it may be on their way. */
static void drop_older(struct peer *peer, uint8_t phase, struct effects *fx)
{
	uint8_t keep = 1u << phase;

	if (peer->sender_rx)
		keep |= 1u << peer->sender_rx_phase;
	for (uint8_t i = 0; i < SENDER_PHASES; i++) {
		if (peer->sender_rx & ~keep & 1u << i)
			key_effect(EFFECT_KEY_DEL, &peer->hub, i, fx);
	}
	peer->sender_rx = (peer->sender_rx & keep) | 1u << phase;
	peer->sender_rx_phase = phase;
}

static int accept_key(struct hub *hub, uint64_t now_ns, struct session *session,
		      const struct control_sender *key, struct effects *fx)
{
	struct peer *peer = peer_find(hub, &session->peer);
	uint8_t body[SENDER_BODY_MAX];
	int len;

	if (!hub->settings.has_datapath || !(hub_ciphers() & 1u << key->cipher) ||
	    key->phase != sender_phase(key->serial))
		return -EPROTO;
	if (!peer)
		return 0;
	peer_make_known(hub, peer, fx);
	drop_older(peer, key->phase, fx);
	install(&peer->hub, session->id, key, fx);
	len = control_encode_sender_have(key, body, sizeof(body));
	if (len > 0)
		session_send(hub, now_ns, session, CONTROL_SENDER_HAVE, body, len, fx);
	return 0;
}

int on_sender_key(struct hub *hub, uint64_t now_ns, struct session *session, const uint8_t *body,
		  size_t len, struct effects *fx)
{
	struct control_sender key;
	int r;

	if (control_decode_sender_key(body, len, &key))
		return -EBADMSG;
	r = accept_key(hub, now_ns, session, &key, fx);
	secret_wipe(&key, sizeof(key));
	return r;
}

void sender_peer_restarted(struct peer *peer, struct effects *fx)
{
	if (peer->in_kernel && (peer->sender_rx || peer->sender_proved))
		key_effect(EFFECT_KEY_DEL, &peer->hub, EFFECT_PHASES_ALL, fx);
	peer->sender_rx = 0;
	peer->sender_proved = 0;
}

void sender_peer_gone(struct hub *hub, uint64_t now_ns, struct peer *peer)
{
	if (peer->sender_proved)
		hub->sender.renew_at = now_ns;
	peer->sender_rx = 0;
	peer->sender_proved = 0;
}

void sender_peers_changed(struct hub *hub, uint64_t now_ns)
{
	bool is_other = false;

	for (size_t i = 0; i < hub->n_peers; i++) {
		struct peer *peer = hub->peers[i];

		if (!peer->sender_proved || may_have_key(hub, &peer->hub))
			continue;
		peer->sender_proved = 0;
		is_other = true;
	}
	for (size_t i = 0; i < hub->n_peers; i++) { /* who may have it now is told the next */
		const struct peer *peer = hub->peers[i];

		is_other |= !peer->sender_proved && may_have_key(hub, &peer->hub) &&
			    hub->sender.serial && path_session_of(hub, &peer->hub);
	}
	if (is_other)
		hub->sender.renew_at = now_ns;
}

void sender_restart(struct hub *hub, struct effects *fx)
{
	uint32_t serial = hub->sender.serial;

	if (serial)
		key_effect(EFFECT_KEY_DEL, &hub->settings.id, EFFECT_PHASES_ALL, fx);
	for (size_t i = 0; i < hub->n_peers; i++)
		sender_peer_restarted(hub->peers[i], fx);
	sender_init(&hub->sender);
	/* No serial twice: it would be the same key with its counters at zero. */
	if (serial) {
		hub->sender.serial = serial;
		hub->sender.is_used = true;
		hub->sender.renew_at = 0;
	}
}

static void renew(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	make_key(hub, now_ns, fx);
	for (size_t i = 0; i < hub->n_peers; i++) {
		const struct hub_id *peer = &hub->peers[i]->hub;
		struct session *session = path_session_of(hub, peer);

		if (!session)
			session = mesh_session_of(hub, peer, true);
		if (session && session_can_key(hub, session) && may_have_key(hub, peer))
			tell(hub, now_ns, session, fx);
	}
}

void sender_on_timer(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	struct sender *sender = &hub->sender;

	if (now_ns >= sender->use_at)
		use_key(hub, now_ns, fx);
	if (now_ns >= sender->drop_at) {
		key_effect(EFFECT_KEY_DEL, &hub->settings.id, sender_phase(sender->serial - 1), fx);
		sender->has_old = false;
		sender->drop_at = NEVER;
	}
	if (sender->serial && sender_can_renew(sender) && now_ns >= sender->renew_at)
		renew(hub, now_ns, fx);
}

uint64_t sender_deadline(const struct hub *hub)
{
	return sender_next(&hub->sender);
}
