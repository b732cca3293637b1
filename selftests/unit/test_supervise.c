// SPDX-License-Identifier: GPL-2.0
/* DOC: supervise: starts, stops, backoff and its bound, on a clock made of numbers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/lib/prng.h"
#include "daemon/supervise/supervise.h"

#define MS NSEC_PER_MSEC

static const struct supervise_policy policy = {
	.restart = SUPERVISE_ON_FAILURE,
	.wait_ms = 100,
	.wait_max_ms = 350,
	.failures_max = 5,
	.ready_ms = 1000,
	.drain_ms = 500,
	.stop_ms = 200,
};

static struct supervise running(uint64_t now_ns)
{
	struct supervise s;

	supervise_init(&s, &policy);
	assert_int_equal(supervise_start(&s, now_ns), SUPERVISE_START);
	assert_int_equal(s.state, SUPERVISE_STARTING);
	supervise_on_ready(&s, now_ns);
	assert_int_equal(s.state, SUPERVISE_RUNNING);
	return s;
}

static void crashes_wait_twice_as_long_each_time_until_given_up(void **state)
{
	static const uint64_t waits_ms[] = {100, 200, 350, 350};
	struct supervise s = running(0);
	uint64_t now = 0;

	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(supervise_on_end(&s, now, false), SUPERVISE_NOTHING);
		assert_int_equal(s.state, SUPERVISE_WAITING);
		assert_int_equal(s.at_ns - now, waits_ms[i] * MS);
		assert_int_equal(supervise_on_timer(&s, s.at_ns - 1), SUPERVISE_NOTHING);
		now = s.at_ns;
		assert_int_equal(supervise_on_timer(&s, now), SUPERVISE_START);
	}
	supervise_on_end(&s, now, false);
	assert_int_equal(s.state, SUPERVISE_GIVEN_UP);
	assert_int_equal(s.at_ns, NEVER);
	assert_int_equal(s.restarts, 4);
	assert_int_equal(supervise_start(&s, now),
			 SUPERVISE_START); /* asked, with a clean record */
	assert_int_equal(s.failures, 0);
}

static void one_that_ran_long_begins_anew(void **state)
{
	struct supervise s = running(0);

	s.failures = 4;
	supervise_on_end(&s, SUPERVISE_STABLE_NS, false);
	assert_int_equal(s.state, SUPERVISE_WAITING);
	assert_int_equal(s.failures, 1);
	s = running(0);
	s.failures = 4;
	supervise_on_end(&s, SUPERVISE_STABLE_NS - 1, false);
	assert_int_equal(s.state, SUPERVISE_GIVEN_UP);
}

static void policy_says_which_end_is_followed_by_a_start(void **state)
{
	struct supervise s = running(0);

	supervise_on_end(&s, 1, true);
	assert_int_equal(s.state, SUPERVISE_STOPPED);
	s = running(0);
	s.policy.restart = SUPERVISE_ALWAYS;
	supervise_on_end(&s, 1, true);
	assert_int_equal(s.state, SUPERVISE_WAITING);
	s = running(0);
	s.policy.restart = SUPERVISE_NEVER;
	supervise_on_end(&s, 1, false);
	assert_int_equal(s.state, SUPERVISE_STOPPED);
}

static void stop_drains_signals_and_kills(void **state)
{
	struct supervise s = running(0);

	assert_int_equal(supervise_stop(&s, 0, true), SUPERVISE_NOTHING);
	assert_int_equal(s.state, SUPERVISE_DRAINING);
	assert_int_equal(supervise_on_timer(&s, 500 * MS), SUPERVISE_SIGNAL);
	assert_int_equal(s.state, SUPERVISE_STOPPING);
	assert_int_equal(supervise_on_timer(&s, 700 * MS), SUPERVISE_KILL);
	assert_int_equal(supervise_on_timer(&s, 1000 * MS),
			 SUPERVISE_KILL); /* the order was lost */
	supervise_on_end(&s, 1001 * MS, false);
	assert_int_equal(s.state, SUPERVISE_STOPPED);
	assert_int_equal(s.failures, 0);
}

static void stop_without_leases_signals_at_once(void **state)
{
	struct supervise s = running(0);

	assert_int_equal(supervise_stop(&s, 0, false), SUPERVISE_SIGNAL);
	s = running(0);
	supervise_stop(&s, 0, true);
	assert_int_equal(supervise_on_drained(&s, 1), SUPERVISE_SIGNAL);
}

static void restart_starts_when_it_has_ended_and_start_undoes_a_stop(void **state)
{
	struct supervise s = running(0);

	assert_int_equal(supervise_restart(&s, 0, false), SUPERVISE_SIGNAL);
	assert_int_equal(supervise_on_end(&s, 1, false), SUPERVISE_START);
	s = running(0);
	supervise_stop(&s, 0, true);
	assert_int_equal(supervise_start(&s, 1), SUPERVISE_NOTHING);
	assert_int_equal(s.state, SUPERVISE_RUNNING);
	supervise_stop(&s, 1, false);
	supervise_start(&s, 2);
	assert_int_equal(supervise_on_end(&s, 3, true), SUPERVISE_START);
}

static void one_that_is_never_ready_is_killed_and_that_is_a_failure(void **state)
{
	struct supervise s;

	supervise_init(&s, &policy);
	supervise_start(&s, 0);
	assert_int_equal(supervise_on_timer(&s, 1000 * MS), SUPERVISE_KILL);
	supervise_on_end(&s, 1001 * MS, true);
	assert_int_equal(s.state, SUPERVISE_WAITING);
}

static void stop_while_waiting_is_the_end(void **state)
{
	struct supervise s = running(0);

	supervise_on_end(&s, 1, false);
	assert_int_equal(supervise_stop(&s, 2, true), SUPERVISE_NOTHING);
	assert_int_equal(s.state, SUPERVISE_STOPPED);
	assert_int_equal(supervise_on_timer(&s, 1000 * MS), SUPERVISE_NOTHING);
	assert_int_equal(supervise_on_end(&s, 3, false), SUPERVISE_NOTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crashes_wait_twice_as_long_each_time_until_given_up),
		cmocka_unit_test(one_that_ran_long_begins_anew),
		cmocka_unit_test(policy_says_which_end_is_followed_by_a_start),
		cmocka_unit_test(stop_drains_signals_and_kills),
		cmocka_unit_test(stop_without_leases_signals_at_once),
		cmocka_unit_test(restart_starts_when_it_has_ended_and_start_undoes_a_stop),
		cmocka_unit_test(one_that_is_never_ready_is_killed_and_that_is_a_failure),
		cmocka_unit_test(stop_while_waiting_is_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
