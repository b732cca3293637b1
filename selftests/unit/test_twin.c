// SPDX-License-Identifier: GPL-2.0
/* DOC: another machine with our identity: what tells of it, and what does not */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "selftests/unit/hub_fixture.h"

#include "daemon/wire/beacon.h"
#include "daemon/wire/record.h"

/* Hub 0 hears a beacon of somebody with its key, a check after the one before. */
static void hear_beacon(struct fixture *f, struct beacon beacon, bool is_forged)
{
	struct fixture_hub *h = &f->h[0];
	uint8_t bytes[BEACON_MAX];
	int len;

	f->now += 2 * NSEC_PER_SEC;
	beacon_mesh_tag("fixture", beacon.mesh_tag);
	memcpy(beacon.pubkey, h->pubkey, HUB_PUBKEY_LEN);
	beacon.control_port = 4878;
	len = beacon_encode(&beacon, h->seed, bytes, sizeof(bytes));
	assert_true(len > 0);
	if (is_forged)
		bytes[len - 1] ^= 1;
	hub_on_beacon(h->hub, f->now, &f->h[1].address, bytes, (size_t)len, &f->fx);
	fixture_run(f, 0);
}

static bool knows_twin(const struct fixture *f)
{
	uint64_t ago_ns = 0;

	return hub_has_twin(f->h[0].hub, f->now, &ago_ns);
}

static uint64_t heard(const struct fixture *f)
{
	return hub_counters(f->h[0].hub)->twins_heard;
}

/* Hub 1 hands over a record of hub 0. */
static void hear_record(struct fixture *f, uint64_t epoch, uint64_t seq)
{
	const struct fixture_hub *h = &f->h[0];
	struct record record = {.hub = h->id,
				.boot_epoch = epoch,
				.seq = seq,
				.name = "twin",
				.cert = h->cert,
				.cert_len = h->cert_len};
	uint8_t bytes[RECORD_MAX];
	int len = record_encode(&record, h->seed, h->pubkey, bytes, sizeof(bytes));

	assert_true(len > 0);
	f->now += NSEC_PER_SEC;
	assert_int_equal(hub_on_message(h->hub, f->now, h->last_session, CONTROL_RECORD, bytes,
					(size_t)len, &f->fx),
			 0);
	fixture_run(f, 0);
}

static void beacon_that_is_ahead_of_ours_is_a_twins(void **state)
{
	struct fixture *f = *state;
	uint64_t epoch = f->h[0].boot_epoch, ago_ns = 0;

	assert_false(knows_twin(f));
	hear_beacon(f, (struct beacon){.boot_epoch = epoch + 1, .seq = 1}, false);
	assert_true(knows_twin(f));
	hear_beacon(f, (struct beacon){.boot_epoch = epoch, .seq = 1000000}, false);
	assert_int_equal(heard(f), 2);
	f->now += HUB_TWIN_NS;
	assert_true(hub_has_twin(f->h[0].hub, f->now, &ago_ns));
	assert_int_equal(ago_ns, HUB_TWIN_NS);
	f->now++;
	assert_false(knows_twin(f));
}

static void echoes_forgeries_and_floods_tell_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t epoch = f->h[0].boot_epoch;
	bool was_said = false;

	hear_beacon(f, (struct beacon){.boot_epoch = epoch - 1, .seq = 1000000}, false);
	hear_beacon(f, (struct beacon){.boot_epoch = epoch, .seq = 0}, false);
	hear_beacon(f, (struct beacon){.boot_epoch = epoch + 1, .seq = 1}, true);
	assert_int_equal(heard(f), 0);
	/* Its own words, as a switch may give them back. */
	f->now += 20 * NSEC_PER_SEC;
	hub_on_timer(f->h[0].hub, f->now, &f->fx);
	for (size_t i = 0; i < f->fx.n; i++) {
		const struct effect *effect = &f->fx.list[i];
		struct effects fx = {0};

		if (effect->kind != EFFECT_BEACON_SEND)
			continue;
		was_said = true;
		hub_on_beacon(f->h[0].hub, f->now, &f->h[0].address, effect->beacon_send.bytes,
			      effect->beacon_send.len, &fx);
		effects_fini(&fx);
	}
	effects_clear(&f->fx);
	assert_true(was_said);
	assert_false(knows_twin(f));
}

static void checks_of_signatures_are_bounded(void **state)
{
	struct fixture *f = *state;
	uint64_t epoch = f->h[0].boot_epoch;

	hear_beacon(f, (struct beacon){.boot_epoch = epoch + 1, .seq = 1}, true);
	f->now -= 2 * NSEC_PER_SEC; /* at once */
	hear_beacon(f, (struct beacon){.boot_epoch = epoch + 1, .seq = 2}, false);
	assert_int_equal(heard(f), 0);
	hear_beacon(f, (struct beacon){.boot_epoch = epoch + 1, .seq = 2}, false);
	assert_int_equal(heard(f), 1);
}

static void record_of_an_earlier_life_is_no_twins_but_a_second_one_is(void **state)
{
	struct fixture *f = *state;
	uint64_t epoch = f->h[0].boot_epoch;

	hear_record(f, epoch + 10, 5); /* our epoch was lost, say */
	assert_false(knows_twin(f));
	fixture_pass(f, 30 * NSEC_PER_SEC);
	hear_record(f, epoch + 5, 7); /* that is behind us now */
	assert_false(knows_twin(f));
	hear_record(f, epoch + 20, 5);
	assert_true(knows_twin(f));
	assert_int_equal(heard(f), 1);
}

static void record_of_this_life_that_we_have_not_written_is_a_twins(void **state)
{
	struct fixture *f = *state;

	hear_record(f, f->h[0].boot_epoch, 1);
	assert_false(knows_twin(f));
	hear_record(f, f->h[0].boot_epoch, 1000000);
	assert_true(knows_twin(f));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup_pair, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(beacon_that_is_ahead_of_ours_is_a_twins),
		TEST(echoes_forgeries_and_floods_tell_nothing),
		TEST(checks_of_signatures_are_bounded),
		TEST(record_of_an_earlier_life_is_no_twins_but_a_second_one_is),
		TEST(record_of_this_life_that_we_have_not_written_is_a_twins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
