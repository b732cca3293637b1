// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: endpoint: notation, and equality that ignores the port only
 */
#include "selftests/unit/samples.h"

#include "daemon/lib/endpoint.h"

static void round_trip(const char *text, const char *formatted)
{
	char buf[ENDPOINT_STRLEN];
	struct endpoint ep, again;

	assert_int_equal(endpoint_parse(text, &ep), 0);
	assert_string_equal(endpoint_format(&ep, buf), formatted);
	assert_int_equal(endpoint_parse(buf, &again), 0);
	assert_true(endpoint_equal_address(&ep, &again));
	assert_int_equal(ep.port, again.port);
}

static void parse_reads_both_families(void **state)
{
	round_trip("192.0.2.1:4878", "192.0.2.1:4878");
	round_trip("192.0.2.1", "192.0.2.1:0");
	round_trip("[2001:db8::1]:65535", "[2001:db8::1]:65535");
	round_trip("[2001:db8::1]", "[2001:db8::1]:0");
	round_trip("2001:db8::1", "[2001:db8::1]:0");
	round_trip("::1", "[::1]:0");
	round_trip("[fe80::1%3]:4878", "[fe80::1%3]:4878");
	round_trip("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%2147483647]:65535",
		   "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%2147483647]:65535");
}

static void parse_rejects_and_leaves_result(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		"hub.example:4878",
		"192.0.2.1:",
		"192.0.2.1:x",
		"192.0.2.1:65536",
		"192.0.2.1:-1",
		"192.0.2:1",
		"192.0.2.256",
		"[::1",
		"[::1]4878",
		"[::1]:",
		"[::1]:65536",
		"[192.0.2.1]:1",
		"[fe80::1%]:1",
		"[fe80::1%eth0]:1",
		"[fe80::1%0]",
		"[]:1",
		"::1]:1",
		"192.0.2.1:+1",
		"192.0.2.1: 1",
		"[fe80::1%99999999999]:1",
	};
	struct endpoint ep = {.port = 7};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (endpoint_parse(bad[i], &ep) != -EINVAL)
			fail_msg("accepted \"%s\"", bad[i]);
		assert_int_equal(ep.port, 7);
	}
}

static void parse_rejects_overlong_text(void **state)
{
	char text[300];
	struct endpoint ep;

	memset(text, '1', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(endpoint_parse(text, &ep), -EINVAL);
}

static void equal_address_ignores_port_only(void **state)
{
	struct endpoint a, b;

	assert_int_equal(endpoint_parse("192.0.2.1:1", &a), 0);
	assert_int_equal(endpoint_parse("192.0.2.1:2", &b), 0);
	assert_true(endpoint_equal_address(&a, &b));
	b.ifindex = 2;
	assert_false(endpoint_equal_address(&a, &b));
	assert_int_equal(endpoint_parse("192.0.2.2:1", &b), 0);
	assert_false(endpoint_equal_address(&a, &b));
	assert_int_equal(endpoint_parse("[fe80::1%1]:1", &a), 0);
	assert_int_equal(endpoint_parse("[fe80::1%2]:1", &b), 0);
	assert_false(endpoint_equal_address(&a, &b));
	assert_int_equal(endpoint_parse("[fe80::2%1]:1", &b), 0);
	assert_false(endpoint_equal_address(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_reads_both_families),
		cmocka_unit_test(parse_rejects_and_leaves_result),
		cmocka_unit_test(parse_rejects_overlong_text),
		cmocka_unit_test(equal_address_ignores_port_only),
	};

	return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
