// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: carrying out what hub.c decided
 *
 * Effects run in order, one list at a time.  A failure hub.c must know of
 * becomes an event, whose effects form the next list; so does an event a
 * shell reports while effects run.  Lists follow each other until none is
 * left, at most DAEMON_EFFECT_ROUNDS_MAX before the loop gets its turn.
 * Without the module its effects have no subject and are passed over.
 *
 * What hub.c says on a session after a key effect (ACCEPT, CONFIRM) presumes
 * that the key is in place.  When it is not, the rest of the list is not said:
 * the peer must not transmit under a key we lack.  hub.c ends that session.
 */
#include <errno.h>
#include <string.h>

#include "daemon/lib/log.h"
#include "daemon/lib/prng.h"
#include "daemon/lib/secret.h"
#include "daemon/shell/daemon.h"
#include "hubmesh/wire.h"

#define NO_SESSION 0 /* hub.c and the transport count from 1 */

static void on_deadline(uv_timer_t *timer);

static void log_failure(const struct daemon *d, const char *what, int error)
{
	char quoted[DATAPATH_TEXT_MAX];

	log_error(LOG_LOCAL_CLASS, "event=datapath-refused what=%s error=%d text=%s", what, error,
		  log_quote(datapath_last_error(d->datapath), quoted, sizeof(quoted)));
}

static void write_log(const struct effect *effect)
{
	const char *text = effect->log.text;

	switch (effect->log.class) {
	case LOG_CLASS_INFO:
		log_info(LOG_INFO_CLASS, "%s", text);
		break;
	case LOG_CLASS_PEER:
		log_warning(LOG_PEER_CLASS, "%s", text);
		break;
	case LOG_CLASS_LOCAL:
		log_warning(LOG_LOCAL_CLASS, "%s", text);
		break;
	case LOG_CLASS_BUG:
		log_error(LOG_BUG_CLASS, "%s", text);
		break;
	}
}

static void send_beacon(struct daemon *d, const struct effect *effect)
{
	char to[ENDPOINT_STRLEN];
	int error = underlay_send(d->underlay, &effect->beacon_send.to, effect->beacon_send.bytes,
				  effect->beacon_send.len);

	if (error)
		log_debug(LOG_LOCAL_CLASS, "event=beacon-not-sent to=%s error=\"%s\"",
			  endpoint_format(&effect->beacon_send.to, to), strerror(-error));
}

static void persist(struct daemon *d, const struct effect *effect)
{
	int error = store_put(d->store, effect->persist.key, effect->persist.value);

	if (error)
		log_error(LOG_LOCAL_CLASS, "event=persist-failed key=%d error=\"%s\"",
			  effect->persist.key, strerror(-error));
}

/* Key material lives in locked memory between exporter and kernel, and is wiped. */
static int install_key(struct daemon *d, const struct effect *effect)
{
	size_t len = effect->key.owner == KEY_OWNER_LINK ? HM_LINK_KEYMAT_LEN : HM_SEAL_KEYMAT_LEN;
	uint8_t *rx = d->keys, *tx = d->keys + TRANSPORT_KEYMAT_LEN;
	int error = transport_export_keys(d->transport, effect->key.session, effect->key.owner,
					  effect->key.serial, effect->key.phase, effect->key.cipher,
					  rx, tx, len);

	if (!error) {
		error = datapath_key_install(d->datapath, effect->key.owner, effect->key.link,
					     &effect->key.hub, effect->key.phase,
					     effect->key.cipher, rx, tx, len);
		if (error)
			log_failure(d, "key-install", error);
	}
	secret_wipe(d->keys, 2 * TRANSPORT_KEYMAT_LEN);
	return error;
}

/* Ours has a direction to transmit, another hub's one to receive. */
static int install_sender_key(struct daemon *d, const struct effect *effect)
{
	bool is_own = hub_id_equal(&effect->key.hub, &hub_get_settings(d->hub)->id);
	const uint8_t *material = effect->key.material;
	int error = datapath_key_install(d->datapath, KEY_OWNER_SENDER, 0, &effect->key.hub,
					 effect->key.phase, effect->key.cipher,
					 is_own ? NULL : material, is_own ? material : NULL,
					 HM_SEAL_KEYMAT_LEN);

	if (error)
		log_failure(d, "sender-key-install", error);
	return error;
}

/* Return: 0; -errno the key is not in place, and hub.c has been told. */
static int run_key(struct daemon *d, const struct effect *effect)
{
	int error;

	if (effect->kind == EFFECT_KEY_INSTALL) {
		error = effect->key.owner == KEY_OWNER_SENDER ? install_sender_key(d, effect)
							      : install_key(d, effect);
	} else if (effect->kind == EFFECT_KEY_USE) {
		error = datapath_key_use(d->datapath, effect->key.owner, effect->key.link,
					 &effect->key.hub, effect->key.phase);
		if (error)
			log_failure(d, "key-use", error);
	} else {
		error = datapath_key_del(d->datapath, effect->key.owner, effect->key.link,
					 &effect->key.hub, effect->key.phase);
		if (error)
			log_failure(d, "key-del", error);
		return 0; /* what cannot be deleted is gone with its owner */
	}
	if (error)
		hub_on_key_failed(d->hub, daemon_now_ns(d), effect->key.owner, effect->key.link,
				  &effect->key.hub, effect->key.phase, error, &d->fx);
	return error;
}

static void mute_session(struct effects *list, size_t from, uint64_t session)
{
	for (size_t i = from; i < list->n; i++) {
		struct effect *effect = &list->list[i];

		if (effect->kind == EFFECT_SEND && effect->send.session == session)
			effect->send.session = NO_SESSION;
	}
}

static void run_table(struct daemon *d, const struct effect *effect)
{
	struct datapath *dp = d->datapath;
	const char *what = "link-set";
	int error = 0;

	switch (effect->kind) {
	case EFFECT_LINK_SET:
		error = datapath_link_set(
			dp, effect->link_set.link, effect->link_set.remote_link,
			&effect->link_set.peer, &effect->link_set.local, &effect->link_set.remote,
			effect->link_set.has_lladdr ? effect->link_set.remote_lladdr : NULL);
		break;
	case EFFECT_LINK_DEL:
		what = "link-del";
		error = datapath_link_del(dp, effect->link_del.link);
		break;
	case EFFECT_HUB_SET:
		what = "hub-set";
		error = datapath_hub_set(dp, &effect->hub_set.hub, &effect->hub_set.ula,
					 effect->hub_set.ipv4);
		break;
	case EFFECT_HUB_DEL:
		what = "hub-del";
		error = datapath_hub_del(dp, &effect->hub_del.hub, &effect->hub_del.ula,
					 effect->hub_del.ipv4);
		break;
	case EFFECT_GUARD:
		what = "guard";
		error = datapath_guard(dp, &effect->guard.hub, &effect->guard.guard);
		break;
	case EFFECT_POLICY:
		what = "policy";
		error = datapath_policy(dp, effect->policy.tables);
		break;
	case EFFECT_ROUTES:
		what = "routes";
		error = datapath_routes(dp, effect);
		break;
	default: /* EFFECT_ADDRESSES */
		what = "addresses";
		error = datapath_addresses(dp, &effect->addresses.ula, effect->addresses.ipv4,
					   effect->addresses.ipv4_prefix_len);
	}
	if (error)
		log_failure(d, what, error);
}

static void run_session(struct daemon *d, const struct effect *effect)
{
	int error;

	switch (effect->kind) {
	case EFFECT_DIAL:
		transport_dial(d->transport, effect->dial.session, &effect->dial.peer,
			       &effect->dial.to, &effect->dial.from, effect->dial.over_mesh);
		return;
	case EFFECT_CLOSE:
		transport_close(d->transport, effect->close.session, effect->close.reason);
		return;
	default:
		if (effect->send.session == NO_SESSION)
			return;
		error = transport_send(d->transport, effect->send.session, effect->send.message,
				       effect->send.body, effect->send.len);
	}
	if (error) /* the session is over; session_down follows or has been */
		log_debug(LOG_PEER_CLASS, "event=message-not-sent session=%llu error=\"%s\"",
			  (unsigned long long)effect->send.session, strerror(-error));
}

static void run_effect(struct daemon *d, size_t at)
{
	const struct effect *effect = &d->running.list[at];

	switch (effect->kind) {
	case EFFECT_BEACON_SEND:
		send_beacon(d, effect);
		break;
	case EFFECT_DIAL:
	case EFFECT_CLOSE:
	case EFFECT_SEND:
		run_session(d, effect);
		break;
	case EFFECT_KEY_INSTALL:
	case EFFECT_KEY_USE:
	case EFFECT_KEY_DEL:
		if (d->datapath && run_key(d, effect))
			mute_session(&d->running, at + 1, effect->key.session);
		break;
	case EFFECT_ADDRESSES:
		d->mesh_prefix = effect->addresses.ula;
		/* fall through */
	case EFFECT_LINK_SET:
	case EFFECT_LINK_DEL:
	case EFFECT_HUB_SET:
	case EFFECT_HUB_DEL:
	case EFFECT_GUARD:
	case EFFECT_POLICY:
	case EFFECT_ROUTES:
		if (d->datapath)
			run_table(d, effect);
		break;
	case EFFECT_PERSIST:
		persist(d, effect);
		break;
	case EFFECT_BLOB_KEEP:
	case EFFECT_BLOB_FORGET:
		daemon_run_blob(d, effect);
		break;
	case EFFECT_VERSIONS:
		daemon_keep_versions(d);
		break;
	case EFFECT_REVOCATIONS:
		daemon_run_revocations(d, effect);
		break;
	case EFFECT_LOG:
		write_log(effect);
		break;
	}
}

/*
 * Soon when effects are left over, else when the hub says.  Never 0 ms: libuv
 * runs such a timer again before it looks at any descriptor or signal.
 */
static void set_deadline(struct daemon *d)
{
	uint64_t now = daemon_now_ns(d), at = hub_next_deadline(d->hub);
	uint64_t wait_ms = 1;

	if (!d->fx.n && at == NEVER) {
		uv_timer_stop(&d->deadline);
		return;
	}
	if (!d->fx.n && at > now)
		wait_ms = (at - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
	uv_update_time(&d->loop);
	uv_timer_start(&d->deadline, on_deadline, wait_ms, 0);
}

void daemon_run_effects(struct daemon *d)
{
	struct effects list;

	if (d->is_running)
		return; /* a shell reported while effects run: they are picked up below */
	d->is_running = true;
	for (int round = 0; d->fx.n && round < DAEMON_EFFECT_ROUNDS_MAX; round++) {
		list = d->fx;
		d->fx = d->running;
		d->running = list;
		for (size_t i = 0; i < d->running.n; i++)
			run_effect(d, i);
		effects_clear(&d->running);
	}
	d->is_running = false;
	daemon_keep_bindings(d);
	proxy_settle(d->proxy);
	set_deadline(d);
}

static void on_deadline(uv_timer_t *timer)
{
	struct daemon *d = timer->data;
	uint64_t now = daemon_now_ns(d);

	if (now >= hub_next_deadline(d->hub))
		hub_on_timer(d->hub, now, &d->fx);
	daemon_run_effects(d);
}
