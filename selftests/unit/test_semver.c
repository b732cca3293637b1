// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: versions and ranges
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/lib/memory.h"
#include "daemon/lib/semver.h"

static void parse_takes_versions_of_the_specification(void **state)
{
	static const char *const good[] = {"0.0.0",	    "1.2.3",
					   "10.20.30-rc.1", "1.0.0-alpha",
					   "1.0.0--x.7",    "1.0.0+20130313144700",
					   "1.0.0-b+c.d",   "999999999.0.0-0.a"};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct semver v;

		assert_int_equal(semver_parse(good[i], &v), 0);
	}
}

static void parse_refuses_everything_else(void **state)
{
	static const char *const bad[] = {
		"",
		"1",
		"1.2",
		"1.2.3.4",
		"v1.2.3",
		"01.2.3",
		"1.02.3",
		"1.2.3-",
		"1.2.3+",
		"1.2.3-a..b",
		"1.2.3-01",
		"1.2.3 ",
		" 1.2.3",
		"-1.2.3",
		"1.2.x",
		"1.2.3-a_b",
		"1000000000.0.0",
		"1.2.3-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct semver v = {.major = 77};

		assert_int_not_equal(semver_parse(bad[i], &v), 0);
		assert_int_equal(v.major, 77);
	}
}

static void compare_orders_as_the_specification_does(void **state)
{
	static const char *const rising[] = {"0.9.9",	    "1.0.0-0",	     "1.0.0-1",
					     "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
					     "1.0.0-beta",  "1.0.0-beta.2",  "1.0.0-beta.11",
					     "1.0.0-rc.1",  "1.0.0",	     "1.0.1",
					     "1.1.0",	    "2.0.0",	     "10.0.0"};

	for (size_t i = 0; i < ARRAY_SIZE(rising); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(rising); j++) {
			struct semver a, b;
			int order;

			assert_int_equal(semver_parse(rising[i], &a), 0);
			assert_int_equal(semver_parse(rising[j], &b), 0);
			order = semver_compare(&a, &b);
			assert_true((order < 0) == (i < j) && (order > 0) == (i > j));
		}
	}
}

static bool in_range(const char *range_text, const char *version_text)
{
	struct semver_range range;
	struct semver version;

	assert_int_equal(semver_range_parse(range_text, &range), 0);
	assert_int_equal(semver_parse(version_text, &version), 0);
	return semver_range_has(&range, &version);
}

static void range_has_what_it_should(void **state)
{
	static const char *const has[][2] = {
		{"", "0.0.1"},	       {"*", "9.9.9"},		 {"1.2.3", "1.2.3"},
		{"=1.2.3", "1.2.3+b"}, {"^1.2.3", "1.9.0"},	 {"^0.2.3", "0.2.9"},
		{"^0.0.3", "0.0.3"},   {"~1.2.3", "1.2.9"},	 {"~1", "1.9.9"},
		{"1.x", "1.5.0"},      {"1.2.*", "1.2.7"},	 {">=1.2.3 <2", "1.99.0"},
		{">1.2", "1.3.0"},     {"<=1.2", "1.2.9"},	 {"^1.0.0-rc.1", "1.0.0-rc.2"},
		{"> 1.0.0", "1.0.1"},  {">=1.0.0-a", "1.0.0-b"}, {"1", "1.0.0"}};

	for (size_t i = 0; i < ARRAY_SIZE(has); i++)
		assert_true(in_range(has[i][0], has[i][1]));
}

static void range_lacks_what_it_should_not_have(void **state)
{
	static const char *const lacks[][2] = {{"*", "1.0.0-rc.1"},
					       {"1.2.3", "1.2.4"},
					       {"^1.2.3", "2.0.0"},
					       {"^1.2.3", "1.2.2"},
					       {"^0.2.3", "0.3.0"},
					       {"^0.0.3", "0.0.4"},
					       {"~1.2.3", "1.3.0"},
					       {">1.2", "1.2.9"},
					       {"<1.2", "1.2.0"},
					       {">=1 <2", "2.0.0-rc1"},
					       {"^1.0.0-rc.1", "1.1.0-rc.2"},
					       {"<=1.2.3", "1.2.4"}};

	for (size_t i = 0; i < ARRAY_SIZE(lacks); i++)
		assert_false(in_range(lacks[i][0], lacks[i][1]));
}

static void range_parse_refuses_nonsense(void **state)
{
	static const char *const bad[] = {"abc",
					  "1.2.3.4",
					  ">",
					  ">=*",
					  "1..2",
					  "^^1",
					  "1.2.3,2",
					  "01.2.3",
					  "=>1.2.3",
					  "1-2",
					  "1 2 3 4 5 6 7 8 9",
					  ">= x",
					  "1.2.3 ||"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct semver_range range = {.n = 77};

		assert_int_not_equal(semver_range_parse(bad[i], &range), 0);
		assert_int_equal(range.n, 77);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_takes_versions_of_the_specification),
		cmocka_unit_test(parse_refuses_everything_else),
		cmocka_unit_test(compare_orders_as_the_specification_does),
		cmocka_unit_test(range_has_what_it_should),
		cmocka_unit_test(range_lacks_what_it_should_not_have),
		cmocka_unit_test(range_parse_refuses_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
