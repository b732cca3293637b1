// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: sequential: how often versions that are equal are told apart, how soon unequal ones
 *
 * Trials by the hundred, each with a seed of its own: users use one version
 * for a while, then another.  HUBMESH_RUNS=4000 in the environment makes
 * thousands and prints the table of Documentation/versions.rst.
 */
#include "selftests/unit/samples.h"

#include <math.h>

#include "daemon/lib/memory.h"
#include "daemon/versions/versions.h"

#define RUNS 60 /* quick enough under the sanitizers */
#define LATENCY_US 10000

enum tail { NARROW, WIDE, PARETO };

/**
 * struct behaviour - of a version
 * @errors: rate
 * @slower: factor of times
 * @tail: of times: log-normal with sigma 0.5 or 1.5, or Pareto with exponent 1.1
 * @outage_every_s: mean time between outages that hit whatever is in use, 0 never
 * @outage_max_s: they last evenly up to
 */
struct behaviour {
	double errors, slower;
	enum tail tail;
	double outage_every_s, outage_max_s;
};

/**
 * struct trial - a predecessor, then a new version
 * @name: in the table
 * @old: how the predecessor behaves
 * @new: how the new one does
 * @rate: requests a second
 * @before_s: the predecessor alone
 * @for_s: then so long
 * @both: share of requests that stay with the predecessor
 * @is_hinted: another hub has rolled it back
 * @least: permille of trials that must end in a rollback
 * @most: permille that may
 * @within_s: half of the rollbacks come before, 0 not asked
 */
struct trial {
	const char *name;
	struct behaviour old, new;
	double rate, before_s, for_s, both;
	bool is_hinted;
	int least, most;
	double within_s;
};

/**
 * struct outages - of one run
 * @prng: draws them
 * @from_s: the next, or present, one
 * @to_s: its end
 */
struct outages {
	struct prng prng;
	double from_s, to_s;
};

static double uniform(struct prng *prng)
{
	return (double)(prng_next(prng) >> 11) * 0x1p-53;
}

static double exponential(struct prng *prng)
{
	return -log(1 - uniform(prng));
}

static uint64_t draw_us(struct prng *prng, const struct behaviour *version)
{
	double us = LATENCY_US * version->slower, normal;

	if (version->tail == PARETO)
		return (uint64_t)(us * pow(1 - uniform(prng), -1 / 1.1));
	normal = sqrt(-2 * log(1 - uniform(prng))) * cos(2 * M_PI * uniform(prng));
	return (uint64_t)(us * exp((version->tail == WIDE ? 1.5 : 0.5) * normal));
}

static bool is_out(struct outages *outages, const struct behaviour *version, double at_s)
{
	while (version->outage_every_s > 0 && at_s >= outages->to_s) {
		outages->from_s =
			outages->to_s + exponential(&outages->prng) * version->outage_every_s;
		outages->to_s = outages->from_s + version->outage_max_s * uniform(&outages->prng);
	}
	return version->outage_every_s > 0 && at_s >= outages->from_s;
}

/* Return: seconds until the rollback; negative: there was none. */
static double run(const struct trial *trial, uint64_t seed)
{
	static const struct sequential_counts no_past;
	static const struct versions_id ids[] = {{.service = "s", .version_text = "1.0.0"},
						 {.service = "s", .version_text = "1.0.1"}};
	struct versions *versions = versions_new();
	struct outages outages = {.prng = {seed ^ 77}};
	struct prng prng = {seed};
	double at_s = 0, end_s = trial->before_s + trial->for_s, left_s = -1;

	while (left_s < 0 && (at_s += exponential(&prng) / trial->rate) < end_s) {
		bool is_new = at_s >= trial->before_s && uniform(&prng) >= trial->both;
		const struct behaviour *version = is_new ? &trial->new : &trial->old;
		bool is_error = is_out(&outages, version, at_s) || uniform(&prng) < version->errors;
		struct versions_build *build =
			versions_result(versions, NSEC_PER_SEC + (uint64_t)(at_s * NSEC_PER_SEC),
					&ids[is_new], &no_past, is_error, draw_us(&prng, version));

		if (build && versions_judge(versions, build, 1, trial->is_hinted)) {
			assert_true(is_new);
			left_s = at_s - trial->before_s;
		}
	}
	versions_free(versions);
	return left_s;
}

static int compare_doubles(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void check(const struct trial *trial)
{
	const char *text = getenv("HUBMESH_RUNS");
	int runs = text ? atoi(text) : RUNS, n = 0;
	double *left_s = xnew_array(double, (size_t)runs + 1);

	for (int i = 0; i < runs; i++) {
		left_s[n] = run(trial, (uint64_t)i * 7919 + 1);
		n += left_s[n] >= 0;
	}
	qsort(left_s, (size_t)n, sizeof(*left_s), compare_doubles);
	if (text)
		printf("%-44s %6.2f %%  %6.1f s  %6.1f s\n", trial->name, 100.0 * n / runs,
		       n ? left_s[n / 2] : 0, n ? left_s[n * 99 / 100] : 0);
	assert_in_range(n, (unsigned int)(runs * trial->least / 1000),
			(unsigned int)(runs * trial->most / 1000));
	if (trial->within_s > 0)
		assert_true(left_s[n / 2] <= trial->within_s);
	free(left_s);
}

#define USUAL                               \
	{                                   \
		.errors = 0.01, .slower = 1 \
	}

static void equal_versions_are_not_told_apart(void **state)
{
	static const struct trial trials[] = {
		{"equal, 1 % errors", USUAL, USUAL, 20, 300, 600, .most = 1},
		{"equal, 10 % errors", {.1, 1}, {.1, 1}, 20, 300, 600, .most = 1},
		{"equal, side by side, 100 requests/s",
		 {.001, 1},
		 {.001, 1},
		 100,
		 60,
		 300,
		 .5,
		 .most = 1},
		{"equal, sigma 1.5", {.01, 1, WIDE}, {.01, 1, WIDE}, 20, 300, 600, .most = 1},
		{"equal, Pareto 1.1", {.01, 1, PARETO}, {.01, 1, PARETO}, 20, 300, 600, .most = 1},
		{"equal, predecessor known for 10 s", {.05, 1}, {.05, 1}, 20, 10, 600, .most = 1},
		{"equal, hinted", {.05, 1}, {.05, 1}, 20, 60, 600, .is_hinted = true, .most = 1},
		{"better", {.1, 2}, {.01, 1}, 20, 300, 600, .most = 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(trials); i++)
		check(&trials[i]);
}

static void outages_of_both_are_not_blamed_on_the_new_one(void **state)
{
	static const struct trial trials[] = {
		{"equal, outages to 5 s every 2 min",
		 {.01, 1, NARROW, 120, 5},
		 {.01, 1, NARROW, 120, 5},
		 20,
		 300,
		 600,
		 .most = 5},
		{"equal, outages to 5 s every min, known 30 s",
		 {.01, 1, NARROW, 60, 5},
		 {.01, 1, NARROW, 60, 5},
		 20,
		 30,
		 600,
		 .most = 5},
		{"equal, outages, hinted",
		 {.01, 1, NARROW, 120, 5},
		 {.01, 1, NARROW, 120, 5},
		 20,
		 60,
		 600,
		 .is_hinted = true,
		 .most = 5},
		{"equal, outages to 10 s every 5 min",
		 {.01, 1, NARROW, 300, 10},
		 {.01, 1, NARROW, 300, 10},
		 20,
		 300,
		 600,
		 .most = 10},
	};

	for (size_t i = 0; i < ARRAY_SIZE(trials); i++)
		check(&trials[i]);
}

static void slightly_worse_versions_stay(void **state)
{
	static const struct trial trials[] = {
		{"1.15 times slower", USUAL, {.01, 1.15}, 20, 300, 600, .most = 1},
		{"1.3 times slower", USUAL, {.01, 1.3}, 20, 300, 600, .most = 150},
		{"1 % to 1.5 % errors", USUAL, {.015, 1}, 20, 300, 600, .most = 1},
		{"1 % to 3 % errors", USUAL, {.03, 1}, 20, 300, 600, .most = 150},
	};

	for (size_t i = 0; i < ARRAY_SIZE(trials); i++)
		check(&trials[i]);
}

/* 20 requests/s, 300 s of the predecessor alone, then 600 s */
#define STEADY 20, 300, 600
#define ALWAYS .least = 1000, .most = 1000

static void worse_versions_are_left_the_sooner_the_worse_they_are(void **state)
{
	static const struct trial trials[] = {
		{"1.5 times slower",
		 USUAL,
		 {.01, 1.5},
		 STEADY,
		 .least = 990,
		 .most = 1000,
		 .within_s = 150},
		{"2 times slower", USUAL, {.01, 2}, STEADY, ALWAYS, .within_s = 35},
		{"2 times slower, sigma 1.5",
		 {.01, 1, WIDE},
		 {.01, 2, WIDE},
		 STEADY,
		 .least = 850,
		 .most = 1000},
		{"2 times slower, Pareto 1.1",
		 {.01, 1, PARETO},
		 {.01, 2, PARETO},
		 STEADY,
		 ALWAYS,
		 .within_s = 35},
		{"10 times slower", USUAL, {.01, 10}, STEADY, ALWAYS, .within_s = 20},
		{"1 % to 5 % errors", USUAL, {.05, 1}, STEADY, .least = 500, .most = 1000},
		{"1 % to 10 % errors", USUAL, {.1, 1}, STEADY, ALWAYS, .within_s = 90},
		{"1 % to 30 % errors", USUAL, {.3, 1}, STEADY, ALWAYS, .within_s = 25},
		{"1 % to 30 % errors, side by side",
		 USUAL,
		 {.3, 1},
		 STEADY,
		 .5,
		 ALWAYS,
		 .within_s = 25},
		{"1 % to 100 % errors", USUAL, {1, 1}, STEADY, ALWAYS, .within_s = 17},
		{"1 % to 100 % errors, hinted",
		 USUAL,
		 {1, 1},
		 STEADY,
		 .is_hinted = true,
		 ALWAYS,
		 .within_s = 14},
		{"1 % to 100 % errors, 6 requests/min",
		 USUAL,
		 {1, 1},
		 .1,
		 600,
		 6000,
		 ALWAYS,
		 .within_s = 300},
	};

	for (size_t i = 0; i < ARRAY_SIZE(trials); i++)
		check(&trials[i]);
}

static void worst_ten_seconds_count_for_nothing(void **state)
{
	struct sequential_stream stream = {0};
	struct sequential_counts judged;

	for (uint64_t i = 0; i < 400; i++) /* four a second; bad from 50 s to 55 s */
		sequential_add(&stream, i * NSEC_PER_SEC / 4, i >= 200 && i < 220);
	judged = sequential_judged(&stream);
	assert_int_equal(judged.bad, 0);
	assert_int_equal(judged.n, 400 - 40);
	assert_int_equal(stream.all.bad, 20);
}

static void what_is_always_bad_stays_bad(void **state)
{
	struct sequential_stream stream = {0};
	struct sequential_counts judged;

	for (uint64_t i = 0; i < 400; i++)
		sequential_add(&stream, i * NSEC_PER_SEC / 4, true);
	judged = sequential_judged(&stream);
	assert_int_equal(judged.bad, 360);
	assert_int_equal(judged.n, 360);
	assert_true(sequential_dispersion(&stream) == 1);
}

static void bursts_make_samples_count_for_less(void **state)
{
	struct sequential_stream bursts = {0}, even = {0};

	for (uint64_t i = 0; i < 2000; i++) {
		sequential_add(&bursts, i * NSEC_PER_SEC / 4, i / 20 % 10 == 0);
		sequential_add(&even, i * NSEC_PER_SEC / 4, i % 10 == 0);
	}
	assert_int_equal(bursts.all.bad, even.all.bad);
	assert_true(sequential_dispersion(&bursts) > 10);
	assert_true(sequential_dispersion(&even) < 1.01);
}

static void evidence_grows_with_difference_and_never_from_nothing(void **state)
{
	struct sequential_counts old = {1000, 10}, same = {100, 1}, worse = {100, 20}, none = {0};

	assert_true(sequential_evidence(&old, &same, 1, 1) < 0);
	assert_true(sequential_evidence(&old, &none, 1, 1) <= 0);
	assert_true(sequential_evidence(&none, &none, 1, 1) <= 1e-9);
	assert_true(sequential_evidence(&old, &worse, 1, 1) > 20);
	assert_true(sequential_evidence(&old, &worse, 1, 10) < 7.6);
}

static void aged_stream_keeps_its_rate_and_stays_consistent(void **state)
{
	struct sequential_stream stream = {0};
	struct sequential_counts judged;

	for (uint64_t i = 0; i < 4001; i++)
		sequential_add(&stream, i * NSEC_PER_SEC / 4, i % 7 == 0);
	for (int i = 0; i < 14; i++) {
		sequential_age(&stream);
		judged = sequential_judged(&stream);
		assert_true(judged.n <= stream.all.n && judged.bad <= judged.n);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(worst_ten_seconds_count_for_nothing),
		cmocka_unit_test(what_is_always_bad_stays_bad),
		cmocka_unit_test(bursts_make_samples_count_for_less),
		cmocka_unit_test(evidence_grows_with_difference_and_never_from_nothing),
		cmocka_unit_test(aged_stream_keeps_its_rate_and_stays_consistent),
		cmocka_unit_test(equal_versions_are_not_told_apart),
		cmocka_unit_test(outages_of_both_are_not_blamed_on_the_new_one),
		cmocka_unit_test(slightly_worse_versions_stay),
		cmocka_unit_test(worse_versions_are_left_the_sooner_the_worse_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
