// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: hub.c under conflict, replay, forgery and loss
 *
 * Two real hubs on one wire (hub_fixture.h) and strangers: identities whose
 * records, sessions and beacons the test makes by hand.  Each test says what
 * goes in and what must come out; next to it is the case that must not
 * change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "daemon/hub/internal.h"
#include "linux/hubmesh.h"
#include "selftests/unit/hub_fixture.h"

#define S NSEC_PER_SEC
#define MS NSEC_PER_MSEC
#define X 0x0a4d0011u /* addresses of the pool that nobody has by himself */
#define Y 0x0a4d0022u
#define STRANGER_SESSION 5001

static struct fixture_hub low, high; /* strangers, by id */

static int setup(void **state)
{
	struct fixture *f = *state = fixture_new(true);

	fixture_pass(f, 2 * S);
	fixture_identity(f, &low, 3);
	fixture_identity(f, &high, 4);
	if (hub_id_cmp(&low.id, &high.id) > 0) {
		struct fixture_hub swap = low;

		low = high;
		high = swap;
	}
	return 0;
}

static int teardown(void **state)
{
	fixture_free(*state);
	return 0;
}

/* ---- records by hand ---- */

struct bytes {
	uint8_t at[RECORD_MAX];
	int len;
};

static void add_link(struct record *record, const struct hub_id *peer)
{
	size_t at = 0;

	while (at < record->n_links && hub_id_cmp(&record->links[at].peer, peer) < 0)
		at++;
	memmove(&record->links[at + 1], &record->links[at],
		(record->n_links - at) * sizeof(record->links[0]));
	record->links[at] = (struct record_link){.peer = *peer, .cost_us = 200};
	record->n_links++;
}

/* A record of @of whose neighbours are @a, @b and @c (each may be NULL). */
static struct bytes record_of(const struct fixture_hub *of, uint64_t epoch, uint64_t seq,
			      uint32_t ipv4, const struct fixture_hub *a,
			      const struct fixture_hub *b, const struct fixture_hub *c)
{
	struct record record = {.hub = of->id,
				.boot_epoch = epoch,
				.seq = seq,
				.name = "stranger",
				.ipv4 = ipv4,
				.cert = of->cert,
				.cert_len = of->cert_len};
	const struct fixture_hub *links[] = {a, b, c};
	struct bytes ret;

	for (size_t i = 0; i < 3; i++) {
		if (links[i])
			add_link(&record, &links[i]->id);
	}
	ret.len = record_encode(&record, of->seed, of->pubkey, ret.at, sizeof(ret.at));
	assert_true(ret.len > 0);
	return ret;
}

/* ---- what datapath/tables.c makes of HUB_SET and HUB_DEL ---- */

static struct {
	struct {
		struct hub_id hub;
		uint32_t had;
	} hubs[16];
	size_t n_hubs;
	struct {
		uint32_t address;
		struct hub_id owner;
	} entries[32];
	size_t n_entries;
} neigh;

static void neigh_delete(uint32_t address)
{
	for (size_t i = 0; i < neigh.n_entries; i++) {
		if (neigh.entries[i].address == address)
			neigh.entries[i] = neigh.entries[--neigh.n_entries];
	}
}

static void neigh_set(const struct hub_id *hub, uint32_t address)
{
	size_t i = 0;

	while (i < neigh.n_hubs && !hub_id_equal(&neigh.hubs[i].hub, hub))
		i++;
	if (i == neigh.n_hubs)
		neigh.hubs[neigh.n_hubs++].hub = *hub;
	if (neigh.hubs[i].had && neigh.hubs[i].had != address)
		neigh_delete(neigh.hubs[i].had);
	neigh.hubs[i].had = address;
	if (!address)
		return;
	neigh_delete(address);
	neigh.entries[neigh.n_entries].address = address;
	neigh.entries[neigh.n_entries++].owner = *hub;
}

static bool neigh_is(uint32_t address, const struct fixture_hub *owner)
{
	for (size_t i = 0; i < neigh.n_entries; i++) {
		if (neigh.entries[i].address == address)
			return owner && hub_id_equal(&neigh.entries[i].owner, &owner->id);
	}
	return !owner;
}

/* Carry out what hub 0 asked for, in the kernel's table too. */
static void run(struct fixture *f)
{
	for (size_t i = 0; i < f->fx.n; i++) {
		const struct effect *e = &f->fx.list[i];

		if (e->kind == EFFECT_HUB_SET)
			neigh_set(&e->hub_set.hub, ntohl(e->hub_set.ipv4.s_addr));
		if (e->kind == EFFECT_HUB_DEL)
			neigh_set(&e->hub_del.hub, 0);
	}
	fixture_run(f, 0);
}

/* Hub 0 hears a record from hub 1, a second after whatever was before. */
static void hear_at_once(struct fixture *f, const struct bytes *bytes)
{
	assert_int_equal(hub_on_message(f->h[0].hub, f->now, f->h[0].last_session, CONTROL_RECORD,
					bytes->at, bytes->len, &f->fx),
			 0);
	run(f);
}

static void hear(struct fixture *f, struct bytes bytes)
{
	f->now += S;
	hear_at_once(f, &bytes);
}

/* Hub 1 says that both strangers are its neighbours. */
static void strangers_join(struct fixture *f)
{
	memset(&neigh, 0, sizeof(neigh));
	hear(f, record_of(&f->h[1], 1, 1000, 0x0a4d0033, &f->h[0], &low, &high));
}

static void address_in_conflict_is_the_lower_ids(void **state)
{
	struct fixture *f = *state;

	strangers_join(f);
	hear(f, record_of(&high, 1, 1, X, &f->h[1], NULL, NULL));
	assert_true(neigh_is(X, &high));
	hear(f, record_of(&low, 1, 1, X, &f->h[1], NULL, NULL));
	assert_true(neigh_is(X, &low));
	hear(f, record_of(&high, 1, 2, Y, &f->h[1], NULL, NULL)); /* it yields */
	assert_true(neigh_is(X, &low));
	assert_true(neigh_is(Y, &high));
}

/* Both records come before routes are computed: one batch of HUB_SETs. */
static void move_in_one_batch(struct fixture *f, uint32_t of_high, uint32_t of_low)
{
	struct bytes a = record_of(&high, 1, 2, of_high, &f->h[1], NULL, NULL);
	struct bytes b = record_of(&low, 1, 2, of_low, &f->h[1], NULL, NULL);

	f->now += S;
	hub_on_timer(f->h[0].hub, f->now, &f->fx);
	hub_on_link_report(f->h[0].hub, f->now, 1, &(struct link_report){LINK_REPORT_DOWN}, &f->fx);
	hub_on_link_report(f->h[0].hub, f->now, 1, &(struct link_report){LINK_REPORT_UP}, &f->fx);
	run(f);
	hear_at_once(f, &a);
	hear_at_once(f, &b);
	f->now += 60 * MS;
	hub_on_timer(f->h[0].hub, f->now, &f->fx);
	run(f);
}

static void address_passed_on_in_one_batch_stays_with_its_new_owner(void **state)
{
	struct fixture *f = *state;

	strangers_join(f);
	hear(f, record_of(&high, 1, 1, X, &f->h[1], NULL, NULL));
	hear(f, record_of(&low, 1, 1, 0, &f->h[1], NULL, NULL));
	move_in_one_batch(f, Y, X);
	assert_true(neigh_is(X, &low));
	assert_true(neigh_is(Y, &high));
}

static void addresses_swapped_in_one_batch_are_both_there(void **state)
{
	struct fixture *f = *state;

	strangers_join(f);
	hear(f, record_of(&high, 1, 1, X, &f->h[1], NULL, NULL));
	hear(f, record_of(&low, 1, 1, Y, &f->h[1], NULL, NULL));
	move_in_one_batch(f, Y, X);
	assert_true(neigh_is(X, &low));
	assert_true(neigh_is(Y, &high));
}

/* It lost the address while there was no way to it, and comes back with another. */
static void unreachable_hub_does_not_take_the_entry_of_its_heir(void **state)
{
	struct fixture *f = *state;

	strangers_join(f);
	hear(f, record_of(&high, 1, 1, X, &f->h[1], NULL, NULL));
	hear(f, record_of(&high, 1, 2, X, NULL, NULL, NULL)); /* away */
	hear(f, record_of(&low, 1, 1, X, &f->h[1], NULL, NULL));
	hear(f, record_of(&high, 1, 3, Y, &f->h[1], NULL, NULL));
	assert_true(neigh_is(X, &low));
	assert_true(neigh_is(Y, &high));
}

static void hub_is_found_by_the_address_it_keeps(void **state)
{
	struct fixture *f = *state;
	struct hub_id id;

	strangers_join(f);
	hear(f, record_of(&high, 1, 1, X, &f->h[1], NULL, NULL));
	assert_int_equal(hub_find(f->h[0].hub, "10.77.0.17", &id), 0);
	assert_true(hub_id_equal(&id, &high.id));
	hear(f, record_of(&low, 1, 1, X, &f->h[1], NULL, NULL));
	assert_int_equal(hub_find(f->h[0].hub, "10.77.0.17", &id), 0);
	assert_true(hub_id_equal(&id, &low.id));
	assert_int_equal(hub_find(f->h[0].hub, "stranger", &id), -ENOTUNIQ);
}

/* Neighbour entries come after the route: what waits for them must find a way. */
static void addresses_of_a_hub_follow_its_route(void **state)
{
	struct fixture *f = *state;
	struct bytes bytes = record_of(&high, 1, 1, X, &f->h[1], NULL, NULL);
	int known = -1, routed = -1, addressed = -1;

	strangers_join(f);
	f->now += S;
	hub_on_message(f->h[0].hub, f->now, f->conn[0].id[0], CONTROL_RECORD, bytes.at, bytes.len,
		       &f->fx);
	for (int i = 0; i < (int)f->fx.n; i++) {
		const struct effect *e = &f->fx.list[i];

		if (e->kind == EFFECT_ROUTES)
			routed = i;
		if (e->kind != EFFECT_HUB_SET || !hub_id_equal(&e->hub_set.hub, &high.id))
			continue;
		if (IN6_IS_ADDR_UNSPECIFIED(&e->hub_set.ula) && !e->hub_set.ipv4.s_addr)
			known = i;
		else
			addressed = i;
	}
	run(f);
	assert_true(known >= 0 && routed > known && addressed > routed);
	assert_true(neigh_is(X, &high));
}

/* ---- sessions by hand ---- */

static void stranger_up(struct fixture *f, const struct fixture_hub *of, uint64_t session,
			const struct endpoint *local, bool over_mesh)
{
	struct session_peer peer = {
		.hub = of->id, .local = *local, .remote = *local, .over_mesh = over_mesh};

	peer.remote.addr4.s_addr ^= htonl(0x40);
	peer.remote.port = 40000;
	hub_on_session_up(f->h[0].hub, f->now, session, &peer, &f->fx);
	run(f);
}

static void stranger_says_hello(struct fixture *f, uint64_t session, uint64_t epoch,
				uint32_t ciphers, bool over_mesh)
{
	struct control_hello hello = {.boot_epoch = epoch,
				      .link = over_mesh ? 0 : 9,
				      .data_port = 4877,
				      .ciphers = ciphers,
				      .name = "stranger"};
	uint8_t body[256];
	int len = control_encode_hello(&hello, body, sizeof(body));

	assert_true(len > 0);
	assert_int_equal(
		hub_on_message(f->h[0].hub, f->now, session, CONTROL_HELLO, body, len, &f->fx), 0);
	run(f);
}

static int session_is(const struct hub_view_session *view, void *arg)
{
	return view->session == *(uint64_t *)arg;
}

static bool has_session(struct fixture *f, uint64_t session)
{
	return hub_for_each_session(f->h[0].hub, session_is, &session);
}

#define ALL_CIPHERS (1u << HUBMESH_CIPHER_AES_256_GCM | 1u << HUBMESH_CIPHER_CHACHA20_POLY1305)

static void record_of_an_older_life_does_not_end_the_present_one(void **state)
{
	struct fixture *f = *state;

	stranger_up(f, &high, STRANGER_SESSION, &f->h[0].address, false);
	stranger_says_hello(f, STRANGER_SESSION, 8, ALL_CIPHERS, false);
	hear(f, record_of(&high, 7, 50, 0, NULL, NULL, NULL));
	assert_true(has_session(f, STRANGER_SESSION));
	hear(f, record_of(&high, 8, 1, 0, NULL, NULL, NULL));
	assert_true(has_session(f, STRANGER_SESSION));
	hear(f, record_of(&high, 9, 1, 0, NULL, NULL, NULL)); /* it did restart */
	assert_false(has_session(f, STRANGER_SESSION));
}

static void frames_for_a_hub_with_no_common_cipher_offer_nothing(void **state)
{
	struct fixture *f = *state;
	unsigned int installs = f->h[0].n[EFFECT_KEY_INSTALL];

	strangers_join(f); /* a way to both, or the first key would wait for one */
	hear(f, record_of(&high, 1, 1, 0, &f->h[1], NULL, NULL));
	hear(f, record_of(&low, 1, 1, 0, &f->h[1], NULL, NULL));
	stranger_up(f, &high, STRANGER_SESSION, &f->h[0].address, false);
	stranger_says_hello(f, STRANGER_SESSION, 1, 1u << 3, false);
	hub_on_need_session(f->h[0].hub, f->now, &high.id, &f->fx);
	run(f);
	assert_int_equal(f->h[0].n[EFFECT_KEY_INSTALL], installs);
	stranger_up(f, &low, STRANGER_SESSION + 2, &f->h[0].address, false);
	stranger_says_hello(f, STRANGER_SESSION + 2, 1, ALL_CIPHERS, false);
	hub_on_need_session(f->h[0].hub, f->now, &low.id, &f->fx);
	run(f);
	assert_int_equal(f->h[0].n[EFFECT_KEY_INSTALL], installs + 1);
}

static void session_with_a_hub_without_module_outlives_frames_for_it(void **state)
{
	struct fixture *f = *state;
	unsigned int installs, closes;

	hub_free(f->h[1].hub);
	f->conn[0].is_up = false;
	f->has_datapath = false;
	fixture_start(f, 1);
	fixture_pass(f, 15 * S);
	installs = f->h[0].n[EFFECT_KEY_INSTALL];
	closes = f->h[0].n[EFFECT_CLOSE];
	for (int i = 0; i < 15; i++) {
		hub_on_need_session(f->h[0].hub, f->now, &f->h[1].id, &f->fx);
		run(f);
		fixture_pass(f, S);
	}
	assert_int_equal(f->h[0].n[EFFECT_KEY_INSTALL], installs);
	assert_int_equal(f->h[0].n[EFFECT_CLOSE], closes);
}

static void sessions_per_hub_are_counted_alike_for_both_ends(void **state)
{
	struct fixture *f = *state;
	uint64_t refused = hub_counters(f->h[0].hub)->sessions_refused;

	for (int i = 1; i < SESSIONS_PER_PEER_MAX; i++) /* one is there */
		stranger_up(f, &f->h[1], STRANGER_SESSION + 2 * i, &f->h[0].address, true);
	assert_int_equal(hub_counters(f->h[0].hub)->sessions_refused, refused);
	stranger_up(f, &f->h[1], STRANGER_SESSION, &f->h[0].address, true);
	assert_int_equal(hub_counters(f->h[0].hub)->sessions_refused, refused + 1);
}

static void peers_without_anything_make_room_for_others(void **state)
{
	struct fixture *f = *state;
	struct fixture_hub nobody = high;
	unsigned int uses;

	for (uint32_t i = 0; i < HUB_PEERS_MAX; i++) {
		uint64_t session = STRANGER_SESSION + 2 * i;

		nobody.id = (struct hub_id){{0x02, 1, 1, (uint8_t)(i >> 8), (uint8_t)i, 1}};
		stranger_up(f, &nobody, session, &f->h[0].address, true);
		stranger_says_hello(f, session, 1, ALL_CIPHERS, true);
		hub_on_session_down(f->h[0].hub, f->now, session, 0, &f->fx);
		run(f);
		fixture_settle(f);
	}
	assert_int_equal(f->h[0].hub->n_peers, HUB_PEERS_MAX);
	fixture_pass(f, 10 * S);
	assert_true(f->h[0].hub->n_peers < 16);
	stranger_up(f, &high, 100001, &f->h[0].address, true);
	stranger_says_hello(f, 100001, 1, ALL_CIPHERS, true);
	assert_true(has_session(f, 100001));
	/* The one with keys is still known: nothing needs to be negotiated anew. */
	uses = f->h[0].n[EFFECT_KEY_USE];
	hub_on_need_session(f->h[0].hub, f->now, &f->h[1].id, &f->fx);
	run(f);
	fixture_settle(f);
	assert_int_equal(f->h[0].n[EFFECT_KEY_USE], uses);
	assert_int_equal(f->h[0].n_routes, 1);
}

static void forgotten_hub_returns_without_its_old_address(void **state)
{
	struct fixture *f = *state;
	unsigned int dels = f->h[0].n[EFFECT_HUB_DEL];

	strangers_join(f);
	hear(f, record_of(&high, 1, 1, X, &f->h[1], NULL, NULL));
	assert_true(neigh_is(X, &high));
	fixture_pass(f, 3700 * S); /* hub 1 has said that it was not its neighbour */
	assert_int_equal(f->h[0].n[EFFECT_HUB_DEL], dels + 1);
	neigh_set(&high.id, 0);
	stranger_up(f, &high, STRANGER_SESSION, &f->h[0].address, false);
	stranger_says_hello(f, STRANGER_SESSION, 2, ALL_CIPHERS, false);
	assert_true(neigh_is(X, NULL));
	hear(f, record_of(&f->h[1], 1, 100000, 0x0a4d0033, &f->h[0], &low, &high));
	hear(f, record_of(&high, 2, 1, X, &f->h[1], NULL, NULL)); /* said anew, it counts */
	assert_true(neigh_is(X, &high));
}

/* ---- forged and fast records ---- */

static int seq_of(const struct hub_view_hub *view, void *arg)
{
	struct hub_view_hub *want = arg;

	if (hub_id_equal(&view->id, &want->id))
		want->lsr_seq = view->lsr_seq;
	return 0;
}

static uint64_t seq_held(struct fixture *f, const struct fixture_hub *of)
{
	struct hub_view_hub want = {.id = of->id};

	hub_for_each_hub(f->h[0].hub, seq_of, &want);
	return want.lsr_seq;
}

static void forged_record_does_not_displace_the_one_that_waits(void **state)
{
	struct fixture *f = *state;
	struct fixture_hub forger = high;
	struct bytes forged, genuine = record_of(&high, 1, 2, 0, NULL, NULL, NULL);

	memcpy(forger.seed, low.seed, sizeof(forger.seed));
	memcpy(forger.pubkey, low.pubkey, sizeof(forger.pubkey));
	forged = record_of(&forger, 9, 999, 0, NULL, NULL, NULL);
	hear(f, record_of(&high, 1, 1, 0, NULL, NULL, NULL));
	f->now += 10 * MS;
	hear_at_once(f, &forged);
	f->now += 10 * MS;
	hear_at_once(f, &genuine);
	assert_int_equal(seq_held(f, &high), 1); /* too soon */
	hear_at_once(f, &forged);
	f->now += 100 * MS;
	hub_on_timer(f->h[0].hub, f->now, &f->fx);
	run(f);
	assert_int_equal(seq_held(f, &high), 2);
	assert_int_equal(hub_counters(f->h[0].hub)->records_bad_signature, 2);
}

static void copies_of_a_record_that_waits_cost_no_check(void **state)
{
	struct fixture *f = *state;
	struct bytes third = record_of(&high, 1, 3, 0, NULL, NULL, NULL);
	struct bytes second = record_of(&high, 1, 2, 0, NULL, NULL, NULL);
	uint64_t limited = hub_counters(f->h[0].hub)->records_limited;

	hear(f, record_of(&high, 1, 1, 0, NULL, NULL, NULL));
	f->now += 10 * MS;
	hear_at_once(f, &third);
	third.at[third.len - 1] ^= 1; /* were it looked at, it would be refused */
	hear_at_once(f, &third);
	hear_at_once(f, &second);
	assert_int_equal(hub_counters(f->h[0].hub)->records_bad_signature, 0);
	assert_int_equal(hub_counters(f->h[0].hub)->records_limited, limited + 3);
	f->now += 100 * MS;
	hub_on_timer(f->h[0].hub, f->now, &f->fx);
	run(f);
	assert_int_equal(seq_held(f, &high), 3);
}

/* ---- settings, interfaces, seeds ---- */

static unsigned int count(const struct fixture *f, enum effect_kind kind)
{
	unsigned int n = 0;

	for (size_t i = 0; i < f->fx.n; i++)
		n += f->fx.list[i].kind == kind;
	return n;
}

static void reload_of_the_prefix_length_reaches_the_interface(void **state)
{
	struct fixture *f = *state;
	struct hub_settings settings = *hub_get_settings(f->h[0].hub);

	hub_on_config(f->h[0].hub, f->now, &settings, &f->fx);
	assert_int_equal(count(f, EFFECT_ADDRESSES), 0);
	fixture_run(f, 0);
	settings.ipv4_pool_prefix_len = 16;
	hub_on_config(f->h[0].hub, f->now, &settings, &f->fx);
	assert_int_equal(count(f, EFFECT_ADDRESSES), 1);
	for (size_t i = 0; i < f->fx.n; i++) {
		if (f->fx.list[i].kind == EFFECT_ADDRESSES)
			assert_int_equal(f->fx.list[i].addresses.ipv4_prefix_len, 16);
	}
	fixture_run(f, 0);
}

static void session_on_a_link_local_address_ends_with_it(void **state)
{
	struct fixture *f = *state;
	struct endpoint both[2] = {f->h[0].address,
				   {.family = AF_INET6, .ifindex = FIXTURE_IFINDEX}};

	inet_pton(AF_INET6, "fe80::1", &both[1].addr6);
	hub_on_interface(f->h[0].hub, f->now, FIXTURE_IFINDEX, true, NULL, both, 2, &f->fx);
	run(f);
	stranger_up(f, &high, STRANGER_SESSION, &both[1], false);
	stranger_says_hello(f, STRANGER_SESSION, 1, ALL_CIPHERS, false);
	hub_on_interface(f->h[0].hub, f->now, FIXTURE_IFINDEX, true, NULL, both, 2, &f->fx);
	run(f);
	assert_true(has_session(f, STRANGER_SESSION)); /* nothing has changed */
	hub_on_interface(f->h[0].hub, f->now, FIXTURE_IFINDEX, true, NULL, both, 1, &f->fx);
	run(f);
	assert_false(has_session(f, STRANGER_SESSION));
	assert_true(has_session(f, f->conn[0].id[0])); /* on the address that stayed */
}

static void session_ends_when_its_address_moves_to_another_interface(void **state)
{
	struct fixture *f = *state;
	struct endpoint moved = f->h[0].address, other = f->h[0].address;

	moved.ifindex = FIXTURE_IFINDEX + 1;
	other.addr4.s_addr ^= htonl(0x20);
	hub_on_interface(f->h[0].hub, f->now, moved.ifindex, true, NULL, &moved, 1, &f->fx);
	run(f);
	assert_true(has_session(f, f->conn[0].id[0])); /* it has both for a moment */
	hub_on_interface(f->h[0].hub, f->now, FIXTURE_IFINDEX, true, NULL, &other, 1, &f->fx);
	run(f);
	assert_false(has_session(f, f->conn[0].id[0]));
}

static unsigned int dials_to_port(struct fixture *f, uint16_t port)
{
	unsigned int n = 0;

	f->now += 3 * S;
	hub_on_timer(f->h[0].hub, f->now, &f->fx);
	for (size_t i = 0; i < f->fx.n; i++)
		n += f->fx.list[i].kind == EFFECT_DIAL && f->fx.list[i].dial.to.port == port;
	fixture_run(f, 0);
	return n;
}

static void seeds_behind_one_address_are_told_by_their_ports(void **state)
{
	struct fixture *f = *state;
	struct hub_settings settings = *hub_get_settings(f->h[0].hub);

	settings.n_seeds = 2;
	settings.seeds[0] = settings.seeds[1] = f->h[1].address;
	settings.seeds[0].port = 4878; /* the one we have dialled */
	settings.seeds[1].port = 5000;
	hub_on_config(f->h[0].hub, f->now, &settings, &f->fx);
	run(f);
	assert_int_equal(dials_to_port(f, 5000), 1);
	assert_int_equal(hub_counters(f->h[0].hub)->sessions_failed, 0);
}

static void seed_we_have_a_session_with_is_not_dialled(void **state)
{
	struct fixture *f = *state;
	struct hub_settings settings = *hub_get_settings(f->h[1].hub);

	settings.n_seeds = 1;
	settings.seeds[0] = f->h[1].address;
	settings.seeds[0].port = 4878;
	hub_on_config(f->h[0].hub, f->now, &settings, &f->fx);
	run(f);
	assert_int_equal(dials_to_port(f, 4878), 0);
	/* Hub 1 was dialled from an ephemeral port: the address has to do. */
	settings.seeds[0] = f->h[0].address;
	settings.seeds[0].port = 4878;
	hub_on_config(f->h[1].hub, f->now, &settings, &f->fx);
	fixture_run(f, 1);
	hub_on_timer(f->h[1].hub, f->now + 3 * S, &f->fx);
	assert_int_equal(count(f, EFFECT_DIAL), 0);
	fixture_run(f, 1);
}

/* ---- beacons ---- */

static struct bytes beacon_of_hub_1(const struct fixture *f)
{
	struct bytes ret = {.len = 0};

	for (size_t i = 0; i < f->n_queue; i++) {
		const struct effect *e = &f->queue[i].effect;

		if (f->queue[i].to == 0 && e->kind == EFFECT_BEACON_SEND) {
			ret.len = e->beacon_send.len;
			memcpy(ret.at, e->beacon_send.bytes, ret.len);
		}
	}
	return ret;
}

static void replay(struct fixture *f, const struct bytes *beacon, uint32_t from4)
{
	struct endpoint from = {.family = AF_INET, .port = 4878, .ifindex = FIXTURE_IFINDEX};

	from.addr4.s_addr = htonl(from4);
	hub_on_beacon(f->h[0].hub, f->now, &from, beacon->at, beacon->len, &f->fx);
	fixture_run(f, 0);
	fixture_settle(f);
}

static bool is_linked(struct fixture *f)
{
	fixture_settle(f);
	return f->h[0].n_routes == 1;
}

/* Hub 1 cannot dial; a third machine repeats its beacon from addresses nobody has. */
static void replayed_beacons_do_not_keep_hubs_apart(void **state)
{
	for (uint32_t addresses = 0; addresses <= 24; addresses += 8) {
		struct fixture *f = fixture_new(true);
		struct bytes beacon = {.len = 0};
		uint64_t until;

		f->cannot_dial[1] = true;
		while (!beacon.len) {
			f->now = hub_next_deadline(f->h[1].hub);
			hub_on_timer(f->h[1].hub, f->now, &f->fx);
			fixture_run(f, 1);
			beacon = beacon_of_hub_1(f);
		}
		for (uint32_t i = 0; i < addresses; i++)
			replay(f, &beacon, 0x0a000001 + i);
		until = f->now + 240 * S; /* eight dials at least, with back-off */
		for (uint32_t i = 0; f->now < until && !is_linked(f); i++) {
			fixture_pass(f, 100 * MS);
			/* All at once, then on and on; new ones now and then. */
			if (addresses == 8 || (addresses && i % 20 == 0))
				replay(f, &beacon, 0x0a000001 + i % addresses);
		}
		assert_true(is_linked(f));
		assert_true(addresses || f->now < until - 235 * S);
		fixture_free(f);
	}
}

static void lines_about_peers_come_in_bursts_of_twenty(void **state)
{
	struct fixture *f = *state;
	const uint8_t garbage[8] = {0};

	f->now += 100 * S;
	for (int i = 0; i < 30; i++)
		hub_on_beacon(f->h[0].hub, f->now, &f->h[1].address, garbage, 8, &f->fx);
	assert_int_equal(count(f, EFFECT_LOG), HUB_LOG_BURST);
	f->now += HUB_LOG_INTERVAL_NS;
	hub_on_beacon(f->h[0].hub, f->now, &f->h[1].address, garbage, 8, &f->fx);
	hub_on_beacon(f->h[0].hub, f->now, &f->h[1].address, garbage, 8, &f->fx);
	assert_int_equal(count(f, EFFECT_LOG), HUB_LOG_BURST + 1);
	assert_int_equal(hub_counters(f->h[0].hub)->beacons_malformed, 32);
	fixture_run(f, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(address_in_conflict_is_the_lower_ids),
		T(address_passed_on_in_one_batch_stays_with_its_new_owner),
		T(addresses_swapped_in_one_batch_are_both_there),
		T(unreachable_hub_does_not_take_the_entry_of_its_heir),
		T(hub_is_found_by_the_address_it_keeps),
		T(addresses_of_a_hub_follow_its_route),
		T(record_of_an_older_life_does_not_end_the_present_one),
		T(frames_for_a_hub_with_no_common_cipher_offer_nothing),
		T(session_with_a_hub_without_module_outlives_frames_for_it),
		T(sessions_per_hub_are_counted_alike_for_both_ends),
		T(peers_without_anything_make_room_for_others),
		T(forgotten_hub_returns_without_its_old_address),
		T(forged_record_does_not_displace_the_one_that_waits),
		T(copies_of_a_record_that_waits_cost_no_check),
		T(reload_of_the_prefix_length_reaches_the_interface),
		T(session_on_a_link_local_address_ends_with_it),
		T(session_ends_when_its_address_moves_to_another_interface),
		T(seeds_behind_one_address_are_told_by_their_ports),
		T(seed_we_have_a_session_with_is_not_dialled),
		cmocka_unit_test(replayed_beacons_do_not_keep_hubs_apart),
		T(lines_about_peers_come_in_bursts_of_twenty),
	};

	return cmocka_run_group_tests_name("hub_faults", tests, NULL, NULL);
}
