// SPDX-License-Identifier: GPL-2.0
/* DOC: beacon room: Trickle timing, and what a datagram does to the table */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/beacon/neighbour.h"
#include "daemon/beacon/trickle.h"
#include "daemon/lib/ed25519.h"

#define S NSEC_PER_SEC
#define MS NSEC_PER_MSEC

static const uint8_t key[32] = {7}, other_key[32] = {8};
static uint8_t tag[BEACON_MESH_TAG_LEN];
static const struct hub_id self = {{0x02, 0, 0, 0, 0, 1}};
static const struct endpoint from = {
	.family = AF_INET, .port = 4878, .ifindex = 3, .addr4.s_addr = 0x0100000a};

static size_t make(uint8_t *buf, const uint8_t *private_key, uint64_t epoch, uint32_t seq,
		   bool leaving)
{
	struct beacon beacon = {
		.boot_epoch = epoch, .seq = seq, .control_port = 4878, .is_leaving = leaving};
	int n;

	memcpy(beacon.mesh_tag, tag, sizeof(tag));
	assert_int_equal(ed25519_public_key(private_key, beacon.pubkey), 0);
	n = beacon_encode(&beacon, private_key, buf, BEACON_MAX);
	assert_true(n > 0);
	return n;
}

static int setup(void **state)
{
	beacon_mesh_tag("test", tag);
	*state = neighbours_new(tag, &self);
	neighbours_set_lifetime(*state, 10 * S);
	return 0;
}

static int teardown(void **state)
{
	neighbours_free(*state);
	return 0;
}

static void trickle_sends_first_beacon_within_50_ms(void **state)
{
	struct prng prng = {1};
	struct trickle t;

	trickle_init(&t, S, 250 * MS, 8 * S, &prng);
	assert_true(trickle_deadline(&t) <= S + 50 * MS);
	assert_true(trickle_run(&t, S + 50 * MS, &prng));
	assert_false(trickle_run(&t, S + 50 * MS, &prng));
}

static uint64_t next_beacon(struct trickle *t, uint64_t now, struct prng *prng)
{
	for (;;) {
		now = trickle_deadline(t);
		if (trickle_run(t, now, prng))
			return now;
	}
}

static void trickle_doubles_up_to_imax_and_resets_to_imin(void **state)
{
	struct prng prng = {1};
	struct trickle t;
	uint64_t now = S, before;

	trickle_init(&t, now, 250 * MS, 8 * S, &prng);
	for (int i = 0; i < 12; i++)
		now = next_beacon(&t, now, &prng);
	before = now;
	now = next_beacon(&t, now, &prng);
	assert_true(now - before >= 4 * S && now - before <= 12 * S);
	trickle_reset(&t, now, &prng);
	assert_true(trickle_deadline(&t) <= now + 250 * MS);
}

static void trickle_hurry_keeps_its_gap(void **state)
{
	struct prng prng = {1};
	struct trickle t;

	trickle_init(&t, S, 8 * S, 8 * S, &prng);
	assert_true(trickle_run(&t, S + 50 * MS, &prng));
	trickle_hurry(&t, S + 60 * MS, &prng);
	assert_true(t.fire_at >= S + 50 * MS + TRICKLE_HURRY_GAP_NS);
}

static void beacon_of_stranger_makes_a_neighbour(void **state)
{
	const struct neighbour *n = NULL;
	uint8_t buf[BEACON_MAX];
	size_t len = make(buf, key, 1, 1, false);

	assert_int_equal(neighbours_hear(*state, S, &from, buf, len, &n), NEIGHBOUR_NEW);
	assert_int_equal(n->at.port, 4878);
	assert_int_equal(n->at.ifindex, 3);
	assert_int_equal(neighbours_hear(*state, 2 * S, &from, buf, len, &n), NEIGHBOUR_REFRESHED);
	assert_ptr_equal(neighbours_best(*state, &n->hub, 3), n);
	assert_null(neighbours_best(*state, &n->hub, 4));
}

static void beacon_with_broken_signature_is_refused(void **state)
{
	const struct neighbour *n = NULL;
	uint8_t buf[BEACON_MAX];
	size_t len = make(buf, key, 1, 1, false);

	buf[len - 1] ^= 1;
	assert_int_equal(neighbours_hear(*state, S, &from, buf, len, &n), NEIGHBOUR_BAD_SIGNATURE);
	assert_null(n);
	assert_int_equal(neighbours_count(*state), 0);
}

static void beacon_of_other_mesh_and_garbage_are_refused(void **state)
{
	const struct neighbour *n = NULL;
	uint8_t buf[BEACON_MAX];
	size_t len;

	tag[0] ^= 1;
	len = make(buf, key, 1, 1, false);
	tag[0] ^= 1;
	assert_int_equal(neighbours_hear(*state, S, &from, buf, len, &n), NEIGHBOUR_OTHER_MESH);
	assert_int_equal(neighbours_hear(*state, S, &from, buf, 3, &n), NEIGHBOUR_MALFORMED);
}

static void beacon_of_newer_boot_is_told_and_older_is_stale(void **state)
{
	const struct neighbour *n = NULL;
	uint8_t old[BEACON_MAX], new[BEACON_MAX];
	size_t old_len = make(old, key, 1, 9, false), new_len = make(new, key, 2, 1, false);

	neighbours_hear(*state, S, &from, old, old_len, &n);
	assert_int_equal(neighbours_hear(*state, S, &from, new, new_len, &n), NEIGHBOUR_REBOOTED);
	assert_int_equal(neighbours_hear(*state, S, &from, old, old_len, &n), NEIGHBOUR_STALE);
}

static void beacon_after_silence_is_a_return(void **state)
{
	const struct neighbour *n = NULL;
	uint8_t buf[BEACON_MAX];
	size_t len = make(buf, key, 1, 1, false);

	neighbours_hear(*state, S, &from, buf, len, &n);
	assert_int_equal(neighbours_hear(*state, 17 * S, &from, buf, len, &n), NEIGHBOUR_RETURNED);
}

static void leaving_beacon_removes_the_hub(void **state)
{
	const struct neighbour *n = NULL;
	uint8_t buf[BEACON_MAX];
	size_t len = make(buf, key, 1, 1, false);

	neighbours_hear(*state, S, &from, buf, len, &n);
	len = make(buf, key, 1, 2, true);
	assert_int_equal(neighbours_hear(*state, S, &from, buf, len, &n), NEIGHBOUR_LEFT);
	assert_int_equal(neighbours_count(*state), 0);
}

static void entries_expire_after_three_intervals(void **state)
{
	const struct neighbour *n = NULL;
	uint8_t buf[BEACON_MAX];
	size_t len = make(buf, key, 1, 1, false);

	neighbours_hear(*state, S, &from, buf, len, &n);
	neighbours_expire(*state, 31 * S);
	assert_int_equal(neighbours_count(*state), 1);
	assert_int_equal(neighbours_deadline(*state), 32 * S);
	neighbours_expire(*state, 32 * S);
	assert_int_equal(neighbours_count(*state), 0);
}

static void signature_checks_are_limited_per_source(void **state)
{
	const struct neighbour *n = NULL;
	struct endpoint elsewhere = from;
	uint8_t buf[BEACON_MAX];
	int limited = 0;

	for (uint32_t i = 0; i < 2 * NEIGHBOUR_VERIFY_BURST; i++) {
		size_t len = make(buf, key, 1, i, false);

		limited += neighbours_hear(*state, S, &from, buf, len, &n) == NEIGHBOUR_LIMITED;
	}
	assert_int_equal(limited, NEIGHBOUR_VERIFY_BURST);
	elsewhere.addr4.s_addr = 0x0200000a;
	assert_int_equal(neighbours_hear(*state, S, &elsewhere, buf,
					 make(buf, other_key, 1, 1, false), &n),
			 NEIGHBOUR_NEW);
}

static void ipv4_is_preferred_over_link_local(void **state)
{
	const struct neighbour *n = NULL;
	struct endpoint v6 = {.family = AF_INET6, .ifindex = 3};
	uint8_t buf[BEACON_MAX];
	size_t len = make(buf, key, 1, 1, false);

	v6.addr6.s6_addr[0] = 0xfe;
	v6.addr6.s6_addr[1] = 0x80;
	neighbours_hear(*state, S, &v6, buf, len, &n);
	neighbours_hear(*state, S, &from, buf, len, &n);
	assert_int_equal(neighbours_best(*state, &n->hub, 3)->at.family, AF_INET);
	neighbours_forget_interface(*state, 3);
	assert_int_equal(neighbours_count(*state), 0);
}

static struct endpoint address(uint8_t last)
{
	struct endpoint ret = from;

	ret.addr4.s_addr = htonl(0x0a000000u + last);
	return ret;
}

static enum neighbour_verdict hear_at(struct neighbours *table, uint64_t now, uint8_t last)
{
	const struct neighbour *n = NULL;
	struct endpoint at = address(last);
	uint8_t buf[BEACON_MAX];
	size_t len = make(buf, key, 1, 1, false);

	return neighbours_hear(table, now, &at, buf, len, &n);
}

static struct hub_id hub_of_key(void)
{
	uint8_t pubkey[HUB_PUBKEY_LEN];

	ed25519_public_key(key, pubkey);
	return hub_id_from_pubkey(pubkey);
}

static uint8_t picked(struct neighbours *table, uint32_t turn)
{
	struct hub_id hub = hub_of_key();

	return ntohl(neighbours_pick(table, &hub, 3, turn)->at.addr4.s_addr) & 0xff;
}

static void dialled(struct neighbours *table, uint8_t last, bool worked)
{
	struct hub_id hub = hub_of_key();
	struct endpoint at = address(last);

	neighbours_dialled(table, &hub, &at, worked);
}

static void addresses_of_a_hub_are_tried_in_turn(void **state)
{
	for (uint8_t i = 3; i > 0; i--)
		assert_int_equal(hear_at(*state, S, i), NEIGHBOUR_NEW);
	for (uint32_t turn = 0; turn < 9; turn++)
		assert_int_equal(picked(*state, turn), 1 + turn % 3);
	dialled(*state, 2, true); /* there it was: preferred, others between */
	assert_int_equal(picked(*state, 0), 2);
	assert_int_equal(picked(*state, 1), 1);
	assert_int_equal(picked(*state, 2), 2);
	assert_int_equal(picked(*state, 3), 3);
	assert_int_equal(picked(*state, 4), 2);
	dialled(*state, 2, false);
	assert_int_equal(picked(*state, 0), 2);
}

static void new_address_takes_the_place_of_a_failed_one_only(void **state)
{
	for (uint8_t i = 1; i <= NEIGHBOUR_ADDRESSES_MAX; i++)
		assert_int_equal(hear_at(*state, S, i), NEIGHBOUR_NEW);
	dialled(*state, 1, true);
	for (int i = 0; i < 5; i++)
		dialled(*state, 1, false); /* has worked: it stays */
	assert_int_equal(hear_at(*state, 5 * S, 20), NEIGHBOUR_LIMITED);
	dialled(*state, 2, false);
	dialled(*state, 3, false);
	assert_int_equal(hear_at(*state, 5 * S, 20), NEIGHBOUR_REFRESHED);
	assert_int_equal(hear_at(*state, 5 * S, 21), NEIGHBOUR_LIMITED); /* too soon */
	assert_int_equal(hear_at(*state, 6 * S, 21), NEIGHBOUR_REFRESHED);
	assert_int_equal(hear_at(*state, 8 * S, 22), NEIGHBOUR_LIMITED); /* none has failed */
	assert_int_equal(hear_at(*state, 8 * S, 1), NEIGHBOUR_REFRESHED);
	assert_int_equal(neighbours_count(*state), NEIGHBOUR_ADDRESSES_MAX);
	assert_int_equal(picked(*state, 0), 1);
}

static void beacon_of_another_version_is_told_from_garbage(void **state)
{
	const struct neighbour *n = NULL;
	uint8_t buf[BEACON_MAX];
	size_t len = make(buf, key, 1, 1, false);

	buf[BEACON_VERSION_OFFSET]++;
	assert_int_equal(neighbours_hear(*state, S, &from, buf, len, &n), NEIGHBOUR_OTHER_VERSION);
	assert_int_equal(neighbours_hear(*state, S, &from, buf, 3, &n), NEIGHBOUR_OTHER_VERSION);
	assert_int_equal(neighbours_hear(*state, S, &from, buf, 2, &n), NEIGHBOUR_MALFORMED);
	buf[0]++;
	assert_int_equal(neighbours_hear(*state, S, &from, buf, len, &n), NEIGHBOUR_MALFORMED);
	assert_null(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trickle_sends_first_beacon_within_50_ms),
		cmocka_unit_test(trickle_doubles_up_to_imax_and_resets_to_imin),
		cmocka_unit_test(trickle_hurry_keeps_its_gap),
		cmocka_unit_test_setup_teardown(beacon_of_stranger_makes_a_neighbour, setup,
						teardown),
		cmocka_unit_test_setup_teardown(beacon_with_broken_signature_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(beacon_of_other_mesh_and_garbage_are_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(beacon_of_newer_boot_is_told_and_older_is_stale,
						setup, teardown),
		cmocka_unit_test_setup_teardown(beacon_after_silence_is_a_return, setup, teardown),
		cmocka_unit_test_setup_teardown(leaving_beacon_removes_the_hub, setup, teardown),
		cmocka_unit_test_setup_teardown(entries_expire_after_three_intervals, setup,
						teardown),
		cmocka_unit_test_setup_teardown(signature_checks_are_limited_per_source, setup,
						teardown),
		cmocka_unit_test_setup_teardown(ipv4_is_preferred_over_link_local, setup, teardown),
		cmocka_unit_test_setup_teardown(addresses_of_a_hub_are_tried_in_turn, setup,
						teardown),
		cmocka_unit_test_setup_teardown(new_address_takes_the_place_of_a_failed_one_only,
						setup, teardown),
		cmocka_unit_test_setup_teardown(beacon_of_another_version_is_told_from_garbage,
						setup, teardown),
	};

	return cmocka_run_group_tests_name("beacon_room", tests, NULL, NULL);
}
