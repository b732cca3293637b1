// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: the shell carries out effects: order, and what a failed key silences
 *
 * The shells below it are made here: they write down what they are asked for
 * and fail on demand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/lib/prng.h"
#include "daemon/lib/secret.h"
#include "daemon/shell/daemon.h"
#include "daemon/wire/control.h"

#define SESSION 4
#define OTHER_SESSION 6

static struct {
	char did[128]; /* one letter each: i, r, t install both directions or one, u use, d delete, f failed; sends: digits */
	int install_error, use_error;
	uint8_t failed_phase;
} world;

static void did(char what)
{
	size_t len = strlen(world.did);

	assert_true(len + 1 < sizeof(world.did));
	world.did[len] = what;
}

/* ---- hub.c, as far as the shell calls it ---- */

void hub_on_key_failed(struct hub *hub, uint64_t now_ns, enum key_owner owner, uint32_t link,
		       const struct hub_id *id, uint8_t phase, int error, struct effects *fx)
{
	did('f');
	world.failed_phase = phase;
	effects_add(fx, EFFECT_CLOSE)->close.session = SESSION;
}

void hub_on_timer(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
}

const struct hub_settings *hub_get_settings(const struct hub *hub)
{
	static const struct hub_settings settings = {.id = {{0x02, 0, 0, 0, 0, 1}}};

	return &settings;
}

uint64_t hub_next_deadline(const struct hub *hub)
{
	return NEVER;
}

uint64_t daemon_now_ns(void *arg)
{
	return 0;
}

/* ---- the other shells ---- */

void proxy_settle(struct proxy *proxy)
{
}

int transport_export_keys(struct transport *transport, uint64_t session, enum key_owner owner,
			  uint32_t serial, uint8_t phase, uint32_t cipher, uint8_t *rx, uint8_t *tx,
			  size_t len)
{
	return 0;
}

int transport_send(struct transport *transport, uint64_t session, uint8_t message,
		   const uint8_t *body, size_t len)
{
	did('0' + (char)session);
	return 0;
}

void transport_dial(struct transport *transport, uint64_t session, const struct hub_id *peer,
		    const struct endpoint *to, const struct endpoint *from, bool over_mesh)
{
}

void transport_close(struct transport *transport, uint64_t session, const char *reason)
{
	did('c');
}

int datapath_key_install(struct datapath *dp, enum key_owner owner, uint32_t link,
			 const struct hub_id *hub, uint8_t phase, uint32_t cipher,
			 const uint8_t *rx, const uint8_t *tx, size_t len)
{
	did(rx && !tx ? 'r' : tx && !rx ? 't' : 'i');
	return world.install_error;
}

int datapath_key_use(struct datapath *dp, enum key_owner owner, uint32_t link,
		     const struct hub_id *hub, uint8_t phase)
{
	did('u');
	return world.use_error;
}

int datapath_key_del(struct datapath *dp, enum key_owner owner, uint32_t link,
		     const struct hub_id *hub, uint8_t phase)
{
	did('d');
	return -EIO;
}

int datapath_link_set(struct datapath *dp, uint32_t link, uint32_t remote_link,
		      const struct hub_id *peer, const struct endpoint *local,
		      const struct endpoint *remote, const uint8_t *lladdr)
{
	return 0;
}

int datapath_link_del(struct datapath *dp, uint32_t link)
{
	return 0;
}

int datapath_hub_set(struct datapath *dp, const struct hub_id *hub, const struct in6_addr *ula,
		     struct in_addr ipv4)
{
	return 0;
}

int datapath_hub_del(struct datapath *dp, const struct hub_id *hub, const struct in6_addr *ula,
		     struct in_addr ipv4)
{
	return 0;
}

int datapath_guard(struct datapath *dp, const struct hub_id *hub, const struct policy_guard *guard)
{
	return 0;
}

int datapath_policy(struct datapath *dp, const struct policy_tables *tables)
{
	return 0;
}

int datapath_routes(struct datapath *dp, const struct effect *effect)
{
	return 0;
}

int datapath_addresses(struct datapath *dp, const struct in6_addr *ula, struct in_addr ipv4,
		       uint8_t ipv4_prefix_len)
{
	return 0;
}

const char *datapath_last_error(const struct datapath *dp)
{
	return "made by the test";
}

int underlay_send(struct underlay *underlay, const struct endpoint *to, const uint8_t *bytes,
		  size_t len)
{
	return 0;
}

void daemon_keep_versions(struct daemon *d)
{
}

void daemon_run_revocations(struct daemon *d, const struct effect *effect)
{
}

void daemon_keep_bindings(struct daemon *d)
{
}

void daemon_run_blob(struct daemon *d, const struct effect *effect)
{
}

int store_put(struct store *store, enum persist_key key, uint64_t value)
{
	return 0;
}

/* ---- tests ---- */

static int setup(void **state)
{
	static struct daemon daemon;
	static uint8_t keys[2 * TRANSPORT_KEYMAT_LEN];

	memset(&world, 0, sizeof(world));
	memset(&daemon, 0, sizeof(daemon));
	uv_loop_init(&daemon.loop);
	uv_timer_init(&daemon.loop, &daemon.deadline);
	daemon.datapath = (struct datapath *)&daemon; /* never looked into */
	daemon.keys = keys;
	*state = &daemon;
	return 0;
}

static int teardown(void **state)
{
	struct daemon *d = *state;

	uv_close((uv_handle_t *)&d->deadline, NULL);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	effects_fini(&d->fx);
	effects_fini(&d->running);
	return uv_loop_close(&d->loop);
}

static void key(struct daemon *d, enum effect_kind kind)
{
	struct effect *effect = effects_add(&d->fx, kind);

	effect->key.session = SESSION;
	effect->key.phase = 2;
}

static void say(struct daemon *d, uint64_t session)
{
	struct effect *effect = effects_add(&d->fx, EFFECT_SEND);

	effect->send.session = session;
	effect->send.body = xmemdup("x", 1);
	effect->send.len = 1;
}

/* As negotiate.c answers an offer, among messages that have nothing to do with it. */
static void answer_offer(struct daemon *d)
{
	say(d, SESSION);
	key(d, EFFECT_KEY_DEL);
	key(d, EFFECT_KEY_INSTALL);
	say(d, OTHER_SESSION);
	say(d, SESSION); /* ACCEPT */
	daemon_run_effects(d);
}

static void accept_follows_a_key_that_is_in_place(void **state)
{
	answer_offer(*state);
	assert_string_equal(world.did, "4di64");
}

static void accept_of_a_key_that_was_refused_is_not_sent(void **state)
{
	world.install_error = -ENOSPC;
	answer_offer(*state);
	assert_string_equal(world.did, "4dif6c");
	assert_int_equal(world.failed_phase, 2);
}

static void confirm_of_a_key_not_in_use_is_not_sent(void **state)
{
	world.use_error = -ENOENT;
	key(*state, EFFECT_KEY_USE);
	say(*state, SESSION); /* CONFIRM */
	daemon_run_effects(*state);
	assert_string_equal(world.did, "ufc");
	say(*state, SESSION); /* another event's list speaks again */
	daemon_run_effects(*state);
	assert_string_equal(world.did, "ufc4");
}

static void sender_key(struct daemon *d, uint8_t hub)
{
	struct effect *effect = effects_add(&d->fx, EFFECT_KEY_INSTALL);

	effect->key.owner = KEY_OWNER_SENDER;
	effect->key.hub = (struct hub_id){{0x02, 0, 0, 0, 0, hub}};
	effect->key.session = SESSION;
	effect->key.material = secret_new(CONTROL_SENDER_MATERIAL_LEN);
}

static void own_sender_key_transmits_and_anothers_receives(void **state)
{
	sender_key(*state, 1);
	sender_key(*state, 2);
	say(*state, SESSION); /* HAVE */
	daemon_run_effects(*state);
	assert_string_equal(world.did, "tr4");
}

static void have_of_a_sender_key_that_was_refused_is_not_sent(void **state)
{
	world.install_error = -ENOSPC;
	sender_key(*state, 2);
	say(*state, SESSION);
	daemon_run_effects(*state);
	assert_string_equal(world.did, "rfc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(accept_follows_a_key_that_is_in_place, setup,
						teardown),
		cmocka_unit_test_setup_teardown(accept_of_a_key_that_was_refused_is_not_sent, setup,
						teardown),
		cmocka_unit_test_setup_teardown(confirm_of_a_key_not_in_use_is_not_sent, setup,
						teardown),
		cmocka_unit_test_setup_teardown(own_sender_key_transmits_and_anothers_receives,
						setup, teardown),
		cmocka_unit_test_setup_teardown(have_of_a_sender_key_that_was_refused_is_not_sent,
						setup, teardown),
	};

	return cmocka_run_group_tests_name("effects", tests, NULL, NULL);
}
