// SPDX-License-Identifier: GPL-2.0
/* DOC: topology room: the database, and what a link is worth */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "daemon/topology/link_quality.h"
#include "daemon/topology/lsdb.h"

#define S NSEC_PER_SEC
#define MS NSEC_PER_MSEC

static const struct hub_id self = {{0x02, 0, 0, 0, 0, 1}};

static struct record record_of(uint8_t hub, uint64_t epoch, uint64_t seq, uint32_t cost)
{
	struct record r = {
		.hub = {{0x02, 0, 0, 0, 0, hub}}, .boot_epoch = epoch, .seq = seq, .n_links = 1};

	r.links[0] = (struct record_link){self, cost};
	return r;
}

static struct lsdb_entry *put(struct lsdb *db, uint64_t now, const struct record *r, bool *changed)
{
	return lsdb_put(db, now, r, (const uint8_t *)"x", 1, changed);
}

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct lsdb));
	return 0;
}

static int teardown(void **state)
{
	lsdb_fini(*state);
	free(*state);
	return 0;
}

static void epoch_beats_sequence(void **state)
{
	struct record r = record_of(2, 5, 100, 7);
	bool changed;

	put(*state, S, &r, &changed);
	assert_int_equal(lsdb_compare(*state, &r.hub, 5, 100), LSDB_SAME);
	assert_int_equal(lsdb_compare(*state, &r.hub, 5, 101), LSDB_NEWER);
	assert_int_equal(lsdb_compare(*state, &r.hub, 6, 1), LSDB_NEWER);
	assert_int_equal(lsdb_compare(*state, &r.hub, 4, 999), LSDB_OLDER);
	assert_int_equal(lsdb_compare(*state, &self, 0, 0), LSDB_NEWER);
}

static void put_tells_whether_links_changed(void **state)
{
	struct record r = record_of(2, 1, 1, 7);
	bool changed;

	put(*state, S, &r, &changed);
	assert_true(changed);
	r.seq++;
	put(*state, S, &r, &changed);
	assert_false(changed);
	r.links[0].cost_us++;
	put(*state, S, &r, &changed);
	assert_true(changed);
	r.links[0].is_frameless = true;
	put(*state, S, &r, &changed);
	assert_true(changed);
}

static void database_tells_whether_there_are_links_without_frames(void **state)
{
	struct record r = record_of(2, 1, 1, 7);
	bool changed;

	put(*state, S, &r, &changed);
	assert_false(lsdb_has_frameless(*state));
	r.seq++;
	r.links[0].is_frameless = true;
	r.datapath = RECORD_DATAPATH_THERE;
	put(*state, S, &r, &changed);
	assert_true(lsdb_has_frameless(*state));
	assert_int_equal(lsdb_find(*state, &r.hub)->datapath, RECORD_DATAPATH_THERE);
	lsdb_drop(*state, S, &r.hub);
	assert_false(lsdb_has_frameless(*state));
	assert_int_equal(lsdb_find(*state, &r.hub)->datapath, RECORD_DATAPATH_NOT_TOLD);
}

static void fast_speaker_is_held_and_newest_is_kept(void **state)
{
	struct record r = record_of(2, 1, 1, 7);
	uint8_t *bytes = NULL;
	uint64_t from = 0;
	size_t len = 0;
	bool changed;

	assert_false(lsdb_hold(*state, S, &r, (const uint8_t *)"a", 1, 9)); /* unknown hub */
	put(*state, S, &r, &changed);
	r.seq = 3;
	assert_true(lsdb_hold(*state, S + MS, &r, (const uint8_t *)"c", 1, 9));
	r.seq = 2;
	assert_true(lsdb_hold(*state, S + 2 * MS, &r, (const uint8_t *)"b", 1, 8));
	assert_int_equal(lsdb_deadline(*state, &self), S + LSDB_ORIGIN_INTERVAL_NS);
	assert_false(lsdb_take_held(*state, S + 3 * MS, &bytes, &len, &from));
	assert_true(lsdb_take_held(*state, S + LSDB_ORIGIN_INTERVAL_NS, &bytes, &len, &from));
	assert_memory_equal(bytes, "c", 1);
	assert_int_equal(from, 9);
	free(bytes);
	assert_false(lsdb_hold(*state, 2 * S, &r, (const uint8_t *)"d", 1, 9));
}

static void unreachable_hub_is_forgotten_but_not_taken_back(void **state)
{
	struct record r = record_of(2, 1, 5, 7);
	struct hub_id gone;
	bool changed;

	put(*state, S, &r, &changed);
	assert_false(lsdb_age(*state, LSDB_UNREACHABLE_NS, &self, &gone));
	assert_true(lsdb_age(*state, S + LSDB_UNREACHABLE_NS, &self, &gone));
	assert_true(hub_id_equal(&gone, &r.hub));
	assert_null(lsdb_find(*state, &r.hub)->bytes);
	assert_int_equal(lsdb_compare(*state, &r.hub, 1, 5), LSDB_SAME);
	assert_false(lsdb_age(*state, S + 2 * LSDB_UNREACHABLE_NS, &self, &gone));
	assert_null(lsdb_find(*state, &r.hub));
}

static void own_record_never_ages(void **state)
{
	struct record r = record_of(1, 1, 1, 7);
	struct hub_id gone;
	bool changed;

	r.n_links = 0;
	put(*state, S, &r, &changed);
	assert_false(lsdb_age(*state, 100 * LSDB_UNREACHABLE_NS, &self, &gone));
	assert_non_null(lsdb_find(*state, &self));
}

static void database_is_bounded(void **state)
{
	struct record r = record_of(2, 1, 1, 7);
	bool changed;

	for (uint32_t i = 0; i < LSDB_MAX; i++) {
		r.hub.b[4] = i;
		r.hub.b[3] = i >> 8;
		assert_non_null(put(*state, S, &r, &changed));
	}
	r.hub.b[1] = 1;
	assert_null(put(*state, S, &r, &changed));
}

static void digest_comes_in_order_and_in_parts(void **state)
{
	struct control_digest_entry part[2];
	bool changed;

	for (int i = 4; i > 1; i--) {
		struct record r = record_of(i, 1, i, 7);

		put(*state, S, &r, &changed);
	}
	assert_int_equal(lsdb_digest(*state, 0, part, 2), 2);
	assert_int_equal(part[1].seq, 3);
	assert_int_equal(lsdb_digest(*state, 2, part, 2), 1);
	assert_int_equal(part[0].seq, 4);
}

static void cost_follows_round_trip_but_not_jitter(void **state)
{
	struct link_quality q;
	uint32_t cost;

	link_quality_init(&q);
	assert_true(link_quality_rtt(&q, 10000));
	cost = q.cost_us;
	assert_in_range(cost, 4500, 5800);
	for (int i = 0; i < 100; i++)
		assert_false(link_quality_rtt(&q, i % 2 ? 9200 : 10800));
	for (int i = 0; i < 100; i++)
		link_quality_rtt(&q, 30000);
	assert_in_range(q.cost_us, 12500, 18500);
	assert_false(link_quality_rtt(&q, 0));
}

static void flapping_link_is_held_down_ever_longer_and_forgiven(void **state)
{
	struct link_quality q;
	uint64_t now = S;

	link_quality_init(&q);
	link_quality_up(&q, now);
	assert_true(link_quality_is_usable(&q, now));
	link_quality_down(&q, now);
	link_quality_up(&q, now); /* the first failure is free */
	assert_true(link_quality_is_usable(&q, now));
	link_quality_down(&q, now);
	link_quality_up(&q, now);
	assert_int_equal(q.usable_at, now + S);
	link_quality_down(&q, now);
	link_quality_up(&q, now);
	assert_int_equal(q.usable_at, now + 2 * S);
	for (int i = 0; i < 20; i++) {
		link_quality_down(&q, now);
		link_quality_up(&q, now);
	}
	assert_true(q.usable_at - now <= LINK_HOLD_MAX_NS);
	now += 10 * LINK_CALM_NS;
	link_quality_down(&q, now);
	link_quality_up(&q, now);
	assert_true(link_quality_is_usable(&q, now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(epoch_beats_sequence, setup, teardown),
		cmocka_unit_test_setup_teardown(put_tells_whether_links_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			database_tells_whether_there_are_links_without_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(fast_speaker_is_held_and_newest_is_kept, setup,
						teardown),
		cmocka_unit_test_setup_teardown(unreachable_hub_is_forgotten_but_not_taken_back,
						setup, teardown),
		cmocka_unit_test_setup_teardown(own_record_never_ages, setup, teardown),
		cmocka_unit_test_setup_teardown(database_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(digest_comes_in_order_and_in_parts, setup,
						teardown),
		cmocka_unit_test(cost_follows_round_trip_but_not_jitter),
		cmocka_unit_test(flapping_link_is_held_down_ever_longer_and_forgiven),
	};

	return cmocka_run_group_tests_name("topology", tests, NULL, NULL);
}
