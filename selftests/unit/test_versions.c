// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: versions: trials, rulings, pins, canaries, bounds
 */
#include "selftests/unit/samples.h"

#include "daemon/lib/memory.h"
#include "daemon/versions/versions.h"

#define STEP_NS VERSIONS_SLOT_NS
#define UNIX_S 1800000000

struct fixture {
	struct versions *versions;
	uint64_t now;
	const struct versions_ruling *last;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->versions = versions_new();
	f->now = NSEC_PER_SEC;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	versions_free(f->versions);
	free(f);
	return 0;
}

static struct versions_id id_of(const char *version)
{
	struct versions_id id = {.service = "speech"};

	snprintf(id.version_text, sizeof(id.version_text), "%s", version);
	return id;
}

/* @n samples, every @bad_every-th (0 none) a failure, the others of @latency_us. */
static void use_with(struct fixture *f, const struct versions_id *id, int n, int bad_every,
		     uint64_t latency_us, bool is_hinted)
{
	static const struct sequential_counts no_past;

	for (int i = 0; i < n; i++) {
		struct versions_build *build =
			versions_result(f->versions, f->now, id, &no_past,
					bad_every && i % bad_every == bad_every - 1, latency_us);
		const struct versions_ruling *ruling;

		assert_non_null(build);
		ruling = versions_judge(f->versions, build, UNIX_S, is_hinted);
		if (ruling)
			f->last = ruling;
		f->now += STEP_NS;
	}
}

static void use(struct fixture *f, const char *version, int n, int bad_every)
{
	struct versions_id id = id_of(version);

	use_with(f, &id, n, bad_every, 10000, false);
}

static enum versions_rank rank_of(struct fixture *f, const char *version, uint32_t draw)
{
	static const uint8_t digest[SHA256_LEN] = {0x11};
	struct versions_id id = id_of(version);

	return versions_rank(f->versions, &id, digest, draw);
}

static void wish(struct fixture *f, const char *pin, const char *canary, uint32_t permille)
{
	struct versions_wish wanted = {.service = "speech", .permille = permille};

	snprintf(wanted.pin, sizeof(wanted.pin), "%s", pin);
	snprintf(wanted.canary, sizeof(wanted.canary), "%s", canary);
	assert_int_equal(versions_wish_set(f->versions, &wanted), 0);
}

static void failing_version_is_rolled_back_with_its_numbers(void **state)
{
	struct fixture *f = *state;
	uint64_t generation;
	char text[256];

	use(f, "1.0.0", 200, 0);
	use(f, "1.1.0", 100, 2);
	assert_non_null(f->last);
	assert_int_equal(f->last->kind, VERSIONS_ROLLED_BACK);
	assert_int_equal(f->last->reason, VERSIONS_BY_ERRORS);
	assert_string_equal(f->last->against, "1.0.0");
	assert_int_equal(f->last->unix_s, UNIX_S);
	assert_true(f->last->evidence_centi >= 330); /* 2000 to one */
	assert_int_equal(f->last->old.n, 200);
	assert_true(f->last->new.n >= VERSIONS_MIN);
	assert_int_equal(rank_of(f, "1.1.0", 0), VERSIONS_IS_ROLLED_BACK);
	assert_int_equal(rank_of(f, "1.0.0", 0), VERSIONS_TAKEN);
	versions_describe(f->last, text, sizeof(text));
	assert_non_null(strstr(text, "samples failed, of 1.0.0 0 of 200; evidence 10^"));
	generation = versions_generation(f->versions);
	wish(f, "1.0.0", "", 0); /* an order that comes with it does not hide it */
	assert_ptr_equal(versions_newest(f->versions, generation - 1), f->last);
	assert_null(versions_newest(f->versions, generation));
}

static void slow_version_is_rolled_back_and_a_little_slower_one_is_not(void **state)
{
	struct fixture *f = *state;
	struct versions_id slow = id_of("1.2.0"), little = id_of("1.1.0");

	use(f, "1.0.0", 200, 0);
	use_with(f, &little, 300, 0, 11500, false);
	assert_null(f->last);
	use_with(f, &slow, 100, 0, 30000, false);
	assert_non_null(f->last);
	assert_int_equal(f->last->reason, VERSIONS_BY_LATENCY);
	assert_string_equal(f->last->against, "1.1.0");
}

static void nothing_is_ruled_before_the_minimum(void **state)
{
	struct fixture *f = *state;

	use(f, "1.0.0", 200, 0);
	/* Two blocks of twenty samples at most are left out, and twenty must remain. */
	use(f, "1.1.0", VERSIONS_MIN - 1, 1);
	assert_null(f->last);
	use(f, "1.1.0", 45, 1);
	assert_non_null(f->last);
}

static void hint_halves_the_minimum_and_convicts_nobody(void **state)
{
	struct fixture *f = *state;
	struct versions_id good = id_of("1.1.0"), bad = id_of("1.2.0"), same = id_of("1.3.0");
	uint64_t began, hinted_ns;

	use(f, "1.0.0", 200, 0);
	use_with(f, &good, 400, 0, 10000, true);
	assert_null(f->last);
	for (began = f->now; !f->last;)
		use_with(f, &bad, 1, 1, 10000, true);
	hinted_ns = f->now - began;
	f->last = NULL;
	for (began = f->now; !f->last;)
		use_with(f, &same, 1, 1, 10000, false);
	assert_true(hinted_ns < f->now - began);
}

static void version_without_a_known_predecessor_is_not_judged(void **state)
{
	struct fixture *f = *state;

	use(f, "1.0.0", VERSIONS_REFERENCE_MIN - 1, 0);
	use(f, "1.1.0", 200, 1);
	assert_null(f->last);
	use(f, "0.9.0", 200, 1); /* older than both */
	assert_null(f->last);
}

static void results_of_an_earlier_run_make_a_predecessor(void **state)
{
	struct fixture *f = *state;
	struct versions_id old = id_of("1.0.0");
	struct sequential_counts past = {.n = 100000, .bad = 1000};

	assert_non_null(versions_result(f->versions, f->now, &old, &past, false, 10000));
	assert_int_equal(versions_find(f->versions, &old)->past.n, VERSIONS_PAST_MAX);
	assert_int_equal(versions_find(f->versions, &old)->past.bad, VERSIONS_PAST_MAX / 100);
	f->now += STEP_NS;
	use(f, "1.1.0", 100, 1);
	assert_non_null(f->last);
}

static void rolled_back_version_is_nobodys_predecessor(void **state)
{
	struct fixture *f = *state;

	use(f, "1.0.0", 200, 0);
	use(f, "1.1.0", 100, 2);
	use(f, "1.2.0", 100, 2);
	assert_string_equal(f->last->id.version_text, "1.2.0");
	assert_string_equal(f->last->against, "1.0.0");
}

static void one_slot_has_one_sample(void **state)
{
	static const struct sequential_counts no_past;
	struct fixture *f = *state;
	struct versions_id id = id_of("1.0.0");

	assert_non_null(versions_result(f->versions, f->now, &id, &no_past, true, 0));
	for (int i = 0; i < 1000; i++)
		assert_null(
			versions_result(f->versions, f->now + STEP_NS - 1, &id, &no_past, true, 0));
	assert_int_equal(versions_find(f->versions, &id)->errors.all.n, 1);
	assert_non_null(versions_result(f->versions, f->now + STEP_NS, &id, &no_past, true, 0));
}

static void same_version_in_other_code_is_another_build(void **state)
{
	struct fixture *f = *state;
	struct versions_id good = id_of("1.0.0"), bad = id_of("1.0.0");
	uint8_t a[SHA256_LEN], b[SHA256_LEN];

	good.has_code = bad.has_code = true;
	bad.code[0] = 1;
	versions_key(&good, a);
	versions_key(&bad, b);
	assert_memory_not_equal(a, b, SHA256_LEN);
	use_with(f, &good, 200, 0, 10000, false);
	use_with(f, &bad, 100, 2, 10000, false);
	assert_non_null(f->last);
	assert_int_equal(versions_rank(f->versions, &bad, a, 0), VERSIONS_IS_ROLLED_BACK);
	assert_int_equal(versions_rank(f->versions, &good, a, 0), VERSIONS_TAKEN);
}

static void what_a_provider_promises_besides_makes_no_other_build(void **state)
{
	struct manifest a = {.name = "speech", .version_text = "1.0.0", .price_micro = 1}, b = a;
	struct versions_id x, y;

	b.price_micro = 2;
	b.hub.b[0] = 2;
	x = versions_id_of(&a);
	y = versions_id_of(&b);
	assert_memory_equal(&x, &y, sizeof(x));
}

static void good_version_is_accepted_after_its_trial_and_not_judged_then(void **state)
{
	struct fixture *f = *state;

	use(f, "1.0.0", 200, 0);
	use(f, "1.1.0", VERSIONS_TRIAL_SAMPLES - 1, 0);
	assert_null(f->last);
	use(f, "1.1.0", 1, 0);
	assert_non_null(f->last);
	assert_int_equal(f->last->kind, VERSIONS_ACCEPTED);
	assert_int_equal(f->last->reason, VERSIONS_BY_TIME);
	f->last = NULL;
	use(f, "1.1.0", 300, 1);
	assert_null(f->last);
}

static void clear_makes_a_version_untried(void **state)
{
	struct fixture *f = *state;
	struct versions_id id = id_of("1.1.0");
	uint64_t generation;

	use(f, "1.0.0", 200, 0);
	use(f, "1.1.0", 100, 2);
	assert_int_equal(versions_clear(f->versions, "other", NULL), 0);
	assert_int_equal(versions_clear(f->versions, "speech", "7.0.0"), 0);
	assert_int_equal(rank_of(f, "1.1.0", 0), VERSIONS_IS_ROLLED_BACK);
	generation = versions_generation(f->versions);
	assert_int_equal(versions_clear(f->versions, "speech", "1.1.0"), 2);
	assert_true(versions_generation(f->versions) != generation);
	assert_null(versions_newest(f->versions, 0));
	assert_int_equal(rank_of(f, "1.1.0", 0), VERSIONS_TAKEN);
	assert_null(versions_find(f->versions, &id));
	f->last = NULL;
	use(f, "1.1.0", 100, 2);
	assert_non_null(f->last);
	assert_int_equal(versions_clear(f->versions, "speech", NULL), 3);
	assert_true(versions_is_idle(f->versions));
}

static void pin_takes_nothing_else_and_is_stronger_than_a_ruling(void **state)
{
	static const uint8_t digest[SHA256_LEN] = {0x11};
	struct fixture *f = *state;
	struct versions_ruling ruling = {.id = id_of("1.1.0"), .kind = VERSIONS_ROLLED_BACK};
	struct versions_id coded = id_of("3.0.0");
	char text[SHA256_STRLEN];

	versions_rule(f->versions, &ruling);
	wish(f, "1.1.0", "", 0);
	assert_int_equal(rank_of(f, "1.1.0", 0), VERSIONS_TAKEN);
	assert_int_equal(rank_of(f, "1.0.0", 0), VERSIONS_NOT_PINNED);
	wish(f, sha256_format(digest, text), "", 0);
	assert_int_equal(rank_of(f, "1.0.0", 0), VERSIONS_TAKEN); /* that manifest's digest */
	coded.has_code = true;
	memcpy(coded.code, digest, SHA256_LEN);
	assert_int_equal(versions_rank(f->versions, &coded, coded.code + 1 - 1, 0), VERSIONS_TAKEN);
	coded.code[1] = 1;
	assert_int_equal(versions_rank(f->versions, &coded, coded.code, 0), VERSIONS_NOT_PINNED);
	wish(f, "", "", 0);
	assert_null(versions_wish_of(f->versions, "speech"));
	assert_int_equal(rank_of(f, "1.1.0", 0), VERSIONS_IS_ROLLED_BACK);
	assert_true(versions_pin_is_valid("1.2.3-rc.1"));
	assert_true(versions_pin_is_valid(text));
	assert_false(versions_pin_is_valid("latest"));
	assert_false(versions_pin_is_valid("abcd"));
}

static void canary_gets_its_share_and_others_the_rest(void **state)
{
	struct fixture *f = *state;
	int canary = 0, rest = 0;

	wish(f, "", "1.1.0", 50);
	for (uint32_t draw = 0; draw < VERSIONS_PERMILLE; draw++) {
		canary += rank_of(f, "1.1.0", draw) == VERSIONS_TAKEN;
		rest += rank_of(f, "1.0.0", draw) == VERSIONS_TAKEN;
		assert_int_not_equal(rank_of(f, "1.1.0", draw), rank_of(f, "1.0.0", draw));
	}
	assert_int_equal(canary, 50);
	assert_int_equal(rest, 950);
	wish(f, "", "1.1.0", 1000);
	assert_int_equal(rank_of(f, "1.1.0", 999), VERSIONS_TAKEN);
	assert_int_equal(rank_of(f, "1.0.0", 0), VERSIONS_OTHER_SHARE);
}

static void canary_that_is_rolled_back_has_no_share(void **state)
{
	struct fixture *f = *state;

	wish(f, "", "1.1.0", 500);
	use(f, "1.0.0", 200, 0);
	use(f, "1.1.0", 100, 2);
	assert_non_null(f->last);
	assert_null(versions_wish_of(f->versions, "speech")); /* no wish is left of it */
	assert_int_equal(rank_of(f, "1.0.0", 0), VERSIONS_TAKEN);
	assert_int_equal(rank_of(f, "1.1.0", 0), VERSIONS_IS_ROLLED_BACK);
}

static void tables_are_bounded_and_the_oldest_go_first(void **state)
{
	static const struct sequential_counts no_past;
	struct fixture *f = *state;
	struct versions_ruling ruling = {.kind = VERSIONS_ROLLED_BACK};
	struct versions_wish wanted = {.pin = "1.0.0"};
	char version[32];

	for (int i = 0; i < VERSIONS_RULINGS_MAX + 10; i++) {
		snprintf(version, sizeof(version), "1.0.%d", i);
		ruling.id = id_of(version);
		versions_rule(f->versions, &ruling);
		assert_non_null(versions_result(f->versions, f->now + (uint64_t)i, &ruling.id,
						&no_past, false, 1));
		snprintf(wanted.service, sizeof(wanted.service), "s%d", i);
		assert_int_equal(versions_wish_set(f->versions, &wanted),
				 i < VERSIONS_WISHES_MAX ? 0 : -ENOSPC);
	}
	assert_null(versions_ruling_at(f->versions, VERSIONS_RULINGS_MAX));
	assert_string_equal(versions_ruling_at(f->versions, 0)->id.version_text, "1.0.10");
	assert_null(versions_build_at(f->versions, VERSIONS_BUILDS_MAX));
	ruling.id = id_of("1.0.3");
	assert_null(versions_find(f->versions, &ruling.id));
	assert_non_null(versions_wish_at(f->versions, VERSIONS_WISHES_MAX - 1));
}

static void ruling_anew_replaces_the_old_one(void **state)
{
	struct fixture *f = *state;
	struct versions_ruling ruling = {.id = id_of("1.1.0"), .kind = VERSIONS_ROLLED_BACK};

	versions_rule(f->versions, &ruling);
	ruling.kind = VERSIONS_ACCEPTED;
	versions_rule(f->versions, &ruling);
	assert_null(versions_ruling_at(f->versions, 1));
	assert_int_equal(rank_of(f, "1.1.0", 0), VERSIONS_TAKEN);
}

static bool restore(struct fixture *f, const char *version, enum versions_kind kind)
{
	struct versions_ruling ruling = {.id = id_of(version), .kind = (uint8_t)kind};

	return versions_restore_ruling(f->versions, &ruling);
}

static void what_this_run_ruled_counts_before_what_is_read_late(void **state)
{
	struct fixture *f = *state;
	struct versions_ruling ruling = {.id = id_of("1.1.0"), .kind = VERSIONS_ACCEPTED};
	uint64_t before = versions_generation(f->versions);

	versions_rule(f->versions, &ruling);
	assert_true(restore(f, "1.0.0", VERSIONS_ROLLED_BACK));
	assert_true(restore(f, "1.0.1", VERSIONS_ROLLED_BACK));
	assert_false(restore(f, "1.1.0", VERSIONS_ROLLED_BACK));
	assert_int_equal(rank_of(f, "1.1.0", 0), VERSIONS_TAKEN);
	assert_int_equal(rank_of(f, "1.0.0", 0), VERSIONS_IS_ROLLED_BACK);
	/* The oldest first: theirs, then ours. */
	assert_string_equal(versions_ruling_at(f->versions, 0)->id.version_text, "1.0.0");
	assert_string_equal(versions_ruling_at(f->versions, 1)->id.version_text, "1.0.1");
	assert_string_equal(versions_newest(f->versions, before)->id.version_text, "1.1.0");
}

static void what_an_operator_said_counts_before_what_is_read_late(void **state)
{
	struct fixture *f = *state;
	struct versions_wish wanted = {.service = "speech", .pin = "1.0.0"};

	versions_note_order(f->versions, "speech"); /* pin none, say: nothing is left of it */
	assert_false(versions_restore_wish(f->versions, &wanted));
	assert_false(restore(f, "1.0.0", VERSIONS_ROLLED_BACK));
	strcpy(wanted.service, "other");
	assert_true(versions_restore_wish(f->versions, &wanted));
	strcpy(wanted.pin, "2.0.0");
	assert_false(versions_restore_wish(f->versions, &wanted));
	assert_string_equal(versions_wish_of(f->versions, "other")->pin, "1.0.0");
}

static void orders_of_more_services_than_are_noted_are_of_all(void **state)
{
	struct fixture *f = *state;
	struct versions_wish wanted = {.service = "never-spoken-of", .pin = "1.0.0"};
	char service[32];

	for (int i = 0; i < VERSIONS_ORDERED_MAX; i++) {
		snprintf(service, sizeof(service), "s%d", i);
		versions_note_order(f->versions, service);
		versions_note_order(f->versions, service);
	}
	assert_true(versions_restore_wish(f->versions, &wanted));
	versions_note_order(f->versions, "one-more");
	strcpy(wanted.service, "neither");
	assert_false(versions_restore_wish(f->versions, &wanted));
}

static void full_table_of_rulings_keeps_those_of_this_run(void **state)
{
	struct fixture *f = *state;
	struct versions_ruling ruling = {.kind = VERSIONS_ROLLED_BACK};
	char version[32];

	for (int i = 0; i < VERSIONS_RULINGS_MAX - 1; i++) {
		snprintf(version, sizeof(version), "1.0.%d", i);
		ruling.id = id_of(version);
		versions_rule(f->versions, &ruling);
	}
	assert_true(restore(f, "0.0.1", VERSIONS_ROLLED_BACK));
	assert_false(restore(f, "0.0.2", VERSIONS_ROLLED_BACK));
	ruling.id = id_of("2.0.0");
	versions_rule(f->versions, &ruling); /* the oldest goes: theirs */
	assert_string_equal(versions_ruling_at(f->versions, 0)->id.version_text, "1.0.0");
}

static void version_that_is_none_has_no_samples(void **state)
{
	static const struct sequential_counts no_past;
	struct fixture *f = *state;
	struct versions_id id = id_of("latest");

	assert_null(versions_result(f->versions, f->now, &id, &no_past, false, 1));
	assert_null(versions_build_at(f->versions, 0));
}

static void buckets_are_quarters_of_octaves(void **state)
{
	assert_int_equal(versions_bucket(0), 0);
	assert_int_equal(versions_bucket(1), 0);
	assert_int_equal(versions_bucket(2), 4);
	assert_int_equal(versions_bucket(3), 6);
	assert_int_equal(versions_bucket(1024), 40);
	assert_int_equal(versions_bucket(1217), 40);
	assert_int_equal(versions_bucket(1218), 41);
	assert_int_equal(versions_bucket(1ull << 31), 124);
	assert_int_equal(versions_bucket(UINT64_MAX), VERSIONS_BUCKETS - 1);
	for (uint64_t us = 1; us < 1 << 20; us++)
		assert_in_range(versions_bucket(us + 1) - versions_bucket(us), 0,
				us < 3	 ? 4
				: us < 6 ? 2
					 : 1);
}

static void median_is_within_a_fifth(void **state)
{
	struct fixture *f = *state;
	struct versions_id id = id_of("1.0.0");

	use_with(f, &id, 99, 0, 20000, false);
	use_with(f, &id, 40, 0, 2000000, false);
	assert_in_range(versions_median_us(versions_find(f->versions, &id)), 16000, 24000);
}

static void names_have_texts(void **state)
{
	assert_string_equal(versions_reason_name(VERSIONS_BY_LATENCY), "latency");
	assert_string_equal(versions_reason_name(__VERSIONS_REASON_END), "?");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(failing_version_is_rolled_back_with_its_numbers),
		TEST(slow_version_is_rolled_back_and_a_little_slower_one_is_not),
		TEST(nothing_is_ruled_before_the_minimum),
		TEST(hint_halves_the_minimum_and_convicts_nobody),
		TEST(version_without_a_known_predecessor_is_not_judged),
		TEST(results_of_an_earlier_run_make_a_predecessor),
		TEST(rolled_back_version_is_nobodys_predecessor),
		TEST(one_slot_has_one_sample),
		TEST(same_version_in_other_code_is_another_build),
		TEST(what_a_provider_promises_besides_makes_no_other_build),
		TEST(good_version_is_accepted_after_its_trial_and_not_judged_then),
		TEST(clear_makes_a_version_untried),
		TEST(pin_takes_nothing_else_and_is_stronger_than_a_ruling),
		TEST(canary_gets_its_share_and_others_the_rest),
		TEST(canary_that_is_rolled_back_has_no_share),
		TEST(tables_are_bounded_and_the_oldest_go_first),
		TEST(ruling_anew_replaces_the_old_one),
		TEST(what_this_run_ruled_counts_before_what_is_read_late),
		TEST(what_an_operator_said_counts_before_what_is_read_late),
		TEST(orders_of_more_services_than_are_noted_are_of_all),
		TEST(full_table_of_rulings_keeps_those_of_this_run),
		TEST(version_that_is_none_has_no_samples),
		TEST(buckets_are_quarters_of_octaves),
		TEST(median_is_within_a_fifth),
		TEST(names_have_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
