// SPDX-License-Identifier: GPL-2.0
/* DOC: the pure parts of the proxy: rules, limits, addresses, what a call says */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/allow.h"
#include "daemon/proxy/call.h"
#include "daemon/proxy/identity.h"
#include "daemon/proxy/histogram.h"
#include "daemon/proxy/limiter.h"
#include "daemon/proxy/loopback.h"
#include "daemon/proxy/proxy_protocol.h"
#include "daemon/proxy/traceparent.h"

#define SERVICES 300

static const struct hub_id till = {{2, 0, 0, 0, 0, 1}}, other = {{2, 0, 0, 0, 0, 2}};

/* ---- rules --------------------------------------------------------------- */

static bool may(const struct allow_rule *rules, size_t n, const struct hub_id *hub,
		const char *zones, const char *method, const char *path)
{
	const struct allow_caller caller = {
		.hub = *hub, .zones = zones, .method = method, .path = path};

	return allow_check(rules, n, "speech", &caller);
}

static void allow_is_open_until_a_rule_names_the_service(void **state)
{
	struct allow_rule rules[2] = {{.service = "lights", .n_hubs = 1, .hubs = {till}},
				      {.service = "speech", .n_hubs = 1, .hubs = {till}}};

	assert_true(may(NULL, 0, &other, "", NULL, NULL));
	assert_true(may(rules, 1, &other, "", NULL, NULL));
	assert_false(may(rules, 2, &other, "", NULL, NULL));
	assert_true(may(rules, 2, &till, "", NULL, NULL));
}

static void allow_takes_any_rule_that_matches_hub_or_zone(void **state)
{
	struct allow_rule rules[2] = {
		{.service = "speech", .n_hubs = 1, .hubs = {till}},
		{.service = "speech", .n_zones = 2, .zones = {"office", "shop"}},
	};

	assert_true(may(rules, 2, &other, "office,vault", NULL, NULL));
	assert_true(may(rules, 2, &till, "", NULL, NULL));
	assert_false(may(rules, 2, &other, "vault", NULL, NULL));
	assert_false(may(rules, 2, &other, "", NULL, NULL));
}

static void allow_with_methods_or_paths_lets_no_bare_stream_pass(void **state)
{
	struct allow_rule rule = {.service = "speech",
				  .n_methods = 1,
				  .methods = {"GET"},
				  .n_paths = 1,
				  .paths = {"/v1"}};

	assert_false(may(&rule, 1, &till, "", NULL, NULL));
	assert_true(may(&rule, 1, &till, "", "GET", "/v1"));
	assert_true(may(&rule, 1, &till, "", "GET", "/v1/x"));
	assert_true(may(&rule, 1, &till, "", "GET", "/v1?x"));
	assert_false(may(&rule, 1, &till, "", "GET", "/v10"));
	assert_false(may(&rule, 1, &till, "", "POST", "/v1"));
	assert_false(may(&rule, 1, &till, "", "GET", "/"));
}

static void credentials_are_proved_by_zones_of_the_certificate_only(void **state)
{
	struct manifest manifest = {.n_credentials = 1, .credentials = {"zone:shop"}};

	assert_true(
		allow_has_credentials(&manifest, &(struct allow_caller){.zones = "office,shop"}));
	assert_false(allow_has_credentials(&manifest, &(struct allow_caller){.zones = "office"}));
	strcpy(manifest.credentials[0], "badge");
	assert_false(
		allow_has_credentials(&manifest, &(struct allow_caller){.zones = "badge,shop"}));
	manifest.n_credentials = 0;
	assert_true(allow_has_credentials(&manifest, &(struct allow_caller){.zones = ""}));
}

static void rules_and_credentials_name_services(void **state)
{
	struct allow_rule rule = {.service = "speech", .n_services = 1, .services = {"till"}};
	struct allow_caller caller = {.hub = till, .zones = "shop"};
	struct manifest manifest = {.n_credentials = 1, .credentials = {"service:till"}};

	assert_false(allow_check(&rule, 1, "speech", &caller));
	assert_false(allow_has_credentials(&manifest, &caller));
	caller.service = "tills";
	assert_false(allow_check(&rule, 1, "speech", &caller));
	assert_false(allow_has_credentials(&manifest, &caller));
	caller.service = "till";
	assert_true(allow_check(&rule, 1, "speech", &caller));
	assert_true(allow_has_credentials(&manifest, &caller));
	rule.n_hubs = 1; /* another hub may, too; this one still by its service */
	assert_true(allow_check(&rule, 1, "speech", &caller));
	caller.service = "";
	assert_false(allow_check(&rule, 1, "speech", &caller));
	strcpy(manifest.credentials[0], "service:");
	assert_false(allow_has_credentials(&manifest, &(struct allow_caller){.zones = ""}));
}

static void identity_survives_its_way_in_a_header(void **state)
{
	struct proxy_identities identities = {0};
	uint8_t der[TRUST_CERT_MAX], back[TRUST_CERT_MAX];
	char name[8];
	const char *text;

	for (size_t i = 0; i < sizeof(der); i++)
		der[i] = (uint8_t)(i * 7);
	for (size_t len = 1; len <= sizeof(der); len += len < 9 ? 1 : 509) {
		struct proxy_identities one = {0};

		assert_int_equal(proxy_identities_add(&one, "till", der, len), 0);
		text = proxy_identities_find(&one, "till");
		assert_null(proxy_identities_find(&one, "tills"));
		assert_int_equal(identity_read((const uint8_t *)text, strlen(text), back), len);
		assert_memory_equal(back, der, len);
		proxy_identities_fini(&one);
	}
	assert_int_equal(identity_read((const uint8_t *)"", 0, back), -EBADMSG);
	assert_int_equal(identity_read((const uint8_t *)"a!bc", 4, back), -EBADMSG);
	for (size_t i = 0; i < PROXY_IDENTITIES_MAX; i++) {
		snprintf(name, sizeof(name), "s%zu", i);
		assert_int_equal(proxy_identities_add(&identities, name, der, 1), 0);
	}
	assert_int_equal(proxy_identities_add(&identities, "more", der, 1), -ENOSPC);
	proxy_identities_fini(&identities);
}

static void identity_that_lasts_longest_is_shown(void **state)
{
	struct proxy_identities identities = {0};
	const uint8_t der[3][1] = {{1}, {2}, {3}};

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(proxy_identities_add(&identities, "till", der[i], 1), 0);
	for (size_t i = 0; i < 3; i++)
		identities.list[i].not_after_s = i == 1 ? 20 : 10;
	identities.list[2].file = strdup("c.crt");
	assert_ptr_equal(proxy_identities_find(&identities, "till"), identities.list[1].text);
	assert_ptr_equal(proxy_identities_of(&identities, "c.crt"), &identities.list[2]);
	assert_null(proxy_identities_of(&identities, "d.crt"));
	proxy_identities_fini(&identities);
}

/* ---- limits -------------------------------------------------------------- */

static void bucket_gives_its_burst_and_then_its_rate(void **state)
{
	struct bucket bucket = {0};
	uint64_t now = NSEC_PER_SEC;

	for (int i = 0; i < 5; i++)
		assert_true(bucket_take(&bucket, now, 10, 5));
	assert_false(bucket_take(&bucket, now, 10, 5));
	assert_false(bucket_take(&bucket, now + 99 * NSEC_PER_MSEC, 10, 5));
	assert_true(bucket_take(&bucket, now + 100 * NSEC_PER_MSEC, 10, 5));
	assert_false(bucket_take(&bucket, now + 150 * NSEC_PER_MSEC, 10, 5));
	assert_true(bucket_take(&bucket, now + 1000 * NSEC_PER_SEC, 10, 5));
}

static void budget_grows_with_requests(void **state)
{
	struct budget budget = {0};
	uint64_t now = NSEC_PER_SEC;
	unsigned int n = 0;

	while (budget_spend(&budget, now))
		n++;
	assert_int_equal(n, BUDGET_MAX);
	for (int i = 0; i < 100; i++)
		budget_earn(&budget);
	for (n = 0; budget_spend(&budget, now); n++)
		;
	assert_int_equal(n, BUDGET_PERCENT);
}

static void breaker_opens_after_failures_in_a_row_and_tries_once(void **state)
{
	struct breaker breaker = {0};
	uint64_t now = NSEC_PER_SEC;

	for (int i = 0; i < BREAKER_FAILURES - 1; i++)
		assert_false(breaker_result(&breaker, now, true));
	breaker_result(&breaker, now, false);
	for (int i = 0; i < BREAKER_FAILURES - 1; i++)
		assert_false(breaker_result(&breaker, now, true));
	assert_true(breaker_allows(&breaker, now));
	assert_true(breaker_result(&breaker, now, true));
	assert_false(breaker_result(&breaker, now, true)); /* one that was on its way */
	assert_false(breaker_allows(&breaker, now));
	now += BREAKER_OPEN_NS;
	assert_true(breaker_allows(&breaker, now));
	assert_false(breaker_allows(&breaker, now));
	assert_true(breaker_result(&breaker, now, true));
	assert_false(breaker_allows(&breaker, now + BREAKER_OPEN_NS));
	assert_true(breaker_allows(&breaker, now + 2 * BREAKER_OPEN_NS));
	breaker_result(&breaker, now + 2 * BREAKER_OPEN_NS, false);
	assert_true(breaker_allows(&breaker, now + 2 * BREAKER_OPEN_NS));
	assert_true(breaker_allows(&breaker, now + 2 * BREAKER_OPEN_NS));
}

static void breaker_stays_open_no_longer_than_its_limit(void **state)
{
	struct breaker breaker = {0};
	uint64_t now = NSEC_PER_SEC;

	for (int i = 0; i < BREAKER_FAILURES; i++)
		breaker_result(&breaker, now, true);
	for (int i = 0; i < 20; i++) {
		now += BREAKER_OPEN_MAX_NS;
		assert_true(breaker_allows(&breaker, now));
		assert_true(breaker_result(&breaker, now, true));
	}
	assert_int_equal(breaker.open_ns, BREAKER_OPEN_MAX_NS);
}

static void histogram_bounds_its_quantiles(void **state)
{
	struct histogram histogram = {0};

	assert_int_equal(histogram_at(&histogram, 500), 0);
	for (int i = 0; i < 99; i++)
		histogram_add(&histogram, 100);
	histogram_add(&histogram, UINT64_MAX / 2);
	assert_int_equal(histogram_at(&histogram, 500), 128);
	assert_int_equal(histogram_at(&histogram, 990), 128);
	assert_int_equal(histogram_at(&histogram, 1000), 1ull << HISTOGRAM_BUCKETS);
	histogram_add(&histogram, 0);
	assert_int_equal(histogram.buckets[0], 1);
}

/* ---- addresses ----------------------------------------------------------- */

static void loopback_gives_each_service_its_own_whatever_the_order(void **state)
{
	static char texts[SERVICES][16];
	const char *names[SERVICES], *reversed[SERVICES];
	struct in_addr a[SERVICES], b[SERVICES];

	for (size_t i = 0; i < SERVICES; i++) {
		snprintf(texts[i], sizeof(texts[i]), "service-%zu", i);
		names[i] = reversed[SERVICES - 1 - i] = texts[i];
	}
	loopback_assign(names, SERVICES, a);
	loopback_assign(reversed, SERVICES, b);
	for (size_t i = 0; i < SERVICES; i++) {
		assert_int_equal(ntohl(a[i].s_addr) >> 16, LOOPBACK_NET >> 16);
		assert_int_not_equal(ntohl(a[i].s_addr) & 0xffff, 0);
		assert_int_not_equal(ntohl(a[i].s_addr) & 0xffff, 0xffff);
		assert_int_equal(a[i].s_addr, b[SERVICES - 1 - i].s_addr);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(a[i].s_addr, a[j].s_addr);
	}
}

static void loopback_address_of_a_name_is_the_documented_one(void **state)
{
	const char *names[] = {"speech", "speech"};
	char text[INET_ADDRSTRLEN];
	struct in_addr ret[2];

	loopback_assign(names, 2, ret);
	assert_int_equal(ret[0].s_addr, ret[1].s_addr);
	inet_ntop(AF_INET, &ret[0], text, sizeof(text));
	assert_string_equal(text, "127.77.109.113"); /* Documentation/proxy.rst */
}

/* ---- calls --------------------------------------------------------------- */

static void take(struct call *call, const char *name, const char *value)
{
	call_take_header(call, (const uint8_t *)name, strlen(name), (const uint8_t *)value,
			 strlen(value));
}

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct call good_call(void)
{
	struct call call = {0};

	take(&call, ":method", "CONNECT");
	take(&call, ":authority", "speech");
	take(&call, CALL_MANIFEST, DIGEST);
	take(&call, CALL_LEASE, "18446744073709551615");
	take(&call, "x-unknown", "ignored");
	return call;
}

static void call_is_read_from_its_headers(void **state)
{
	struct call call = good_call();

	assert_true(call_is_complete(&call));
	assert_string_equal(call.service, "speech");
	assert_int_equal(call.lease, UINT64_MAX);
	assert_int_equal(call.digest[1], 0x11);
}

static void call_says_whether_it_carries_capsules(void **state)
{
	static const char *const others[] = {"", "?0", "1", "?1;a", "true"};
	struct call call = good_call();

	assert_false(call.is_capsules);
	take(&call, CALL_CAPSULES, "?1");
	assert_true(call.is_capsules);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) { /* RFC 9297: as if it were not there */
		call = good_call();
		take(&call, CALL_CAPSULES, others[i]);
		assert_false(call.is_capsules);
		assert_true(call_is_complete(&call));
	}
}

static void call_refuses_what_is_malformed_missing_or_twice(void **state)
{
	static const char *const bad[][2] = {
		{CALL_LEASE, "1"},  {CALL_MANIFEST, DIGEST},	    {":authority", "speech"},
		{":method", "GET"}, {CALL_IDENTITY, "not base64!"}, {CALL_IDENTITY, ""},
	};
	static const char *const values[][2] = {
		{":authority", "Speech"},    {":authority", ""},
		{":authority", "speech:80"}, {CALL_LEASE, ""},
		{CALL_LEASE, "-1"},	     {CALL_LEASE, "18446744073709551616"},
		{CALL_LEASE, "1 "},	     {CALL_LEASE, "000000000000000000001"},
		{CALL_MANIFEST, "0011"},     {CALL_MANIFEST, DIGEST "00"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct call call = good_call();

		take(&call, bad[i][0], bad[i][1]);
		assert_false(call_is_complete(&call));
	}
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct call call = {0};

		take(&call, ":method", "CONNECT");
		take(&call, values[i][0], values[i][1]);
		assert_true(call.is_bad);
		if (strcmp(values[i][0], ":authority") != 0)
			take(&call, ":authority", "speech");
		assert_false(call_is_complete(&call));
	}
	for (int missing = 0; missing < 4; missing++) {
		struct call call = {0};

		if (missing != 0)
			take(&call, ":method", "CONNECT");
		if (missing != 1)
			take(&call, ":authority", "speech");
		if (missing != 2)
			take(&call, CALL_MANIFEST, DIGEST);
		if (missing != 3)
			take(&call, CALL_LEASE, "1");
		assert_false(call_is_complete(&call));
	}
}

static void call_may_show_who_calls_once(void **state)
{
	struct call call = good_call();

	assert_int_equal(call.identity_len, 0);
	take(&call, CALL_IDENTITY, "MAE=");
	assert_true(call_is_complete(&call));
	assert_int_equal(call.identity_len, 2);
	assert_int_equal(call.identity[0], '0');
	take(&call, CALL_IDENTITY, "MAE=");
	assert_false(call_is_complete(&call));
}

static struct call relay_call(const char *hub, const char *relays)
{
	struct call call = {0};

	take(&call, ":method", "CONNECT");
	take(&call, ":authority", hub);
	take(&call, CALL_RELAY, relays);
	return call;
}

static void call_for_a_relay_is_read_from_its_headers(void **state)
{
	struct call call = relay_call("02:11:22:33:44:55", "8");
	struct hub_id hub;

	assert_int_equal(hub_id_parse("02:11:22:33:44:55", &hub), 0);
	assert_true(call_is_for_relay(&call));
	assert_true(hub_id_equal(&call.hub, &hub));
	assert_int_equal(call.relays, CALL_RELAYS_MAX);
	assert_false(call_is_complete(&call));
	call = good_call();
	assert_false(call_is_for_relay(&call));
}

static void call_for_a_relay_is_nothing_else(void **state)
{
	static const char *const bad[][2] = {
		{"02:11:22:33:44:55", "0"},
		{"02:11:22:33:44:55", "9"},
		{"02:11:22:33:44:55", ""},
		{"02:11:22:33:44:55", "11"},
		{"02:11:22:33:44:55", "-1"},
		{"02:11:22:33:44:55", ":"},
		{"03:11:22:33:44:55", "1"},
		{"02:11:22:33:44:55:22", "1"},
		{"02:11:22:33:44", "1"},
		{"192.0.2.1:22", "1"},
		{"speech", "1"},
		{"", "1"},
	};
	static const char *const more[][2] = {
		{CALL_LEASE, "1"},   {CALL_MANIFEST, DIGEST},  {CALL_CAPSULES, "?1"},
		{CALL_RELAY, "1"},   {CALL_IDENTITY, "MAE="},  {":authority", "02:11:22:33:44:56"},
		{":method", "POST"}, {":authority", "speech"},
	};
	struct call call = {0};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		call = relay_call(bad[i][0], bad[i][1]);
		assert_false(call_is_for_relay(&call));
		assert_false(call_is_complete(&call));
	}
	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		call = relay_call("02:11:22:33:44:55", "1");
		take(&call, more[i][0], more[i][1]);
		assert_false(call_is_for_relay(&call));
	}
	call = good_call();
	take(&call, CALL_RELAY, "1");
	assert_false(call_is_complete(&call));
	assert_false(call_is_for_relay(&call));
}

static void reason_of_another_hub_is_made_printable(void **state)
{
	char text[CALL_REASON_MAX + 1];
	uint8_t bytes[200];

	memset(bytes, '\n', sizeof(bytes));
	call_read_reason(bytes, sizeof(bytes), text);
	assert_int_equal(strlen(text), CALL_REASON_MAX);
	assert_int_equal(text[0], '?');
	call_read_reason((const uint8_t *)"no lease", 8, text);
	assert_string_equal(text, "no lease");
}

/* ---- what is told -------------------------------------------------------- */

static void proxy_protocol_header_is_the_documented_one(void **state)
{
	static const uint8_t head[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51,
				       0x55, 0x49, 0x54, 0x0a, 0x21, 0x00, 0x00, 12};
	uint8_t buf[PROXY_PROTOCOL_MAX];
	size_t len = proxy_protocol_write("abc", "xyz", buf);

	assert_int_equal(len, sizeof(head) + 12);
	assert_memory_equal(buf, head, sizeof(head));
	assert_memory_equal(buf + 16,
			    "\xe0\x00\x03"
			    "abc"
			    "\xe1\x00\x03"
			    "xyz",
			    12);
}

#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static bool finds(const char *request, char ret[TRACEPARENT_LEN + 1])
{
	return traceparent_find((const uint8_t *)request, strlen(request), ret);
}

static void traceparent_is_found_in_the_head_only(void **state)
{
	char text[TRACEPARENT_LEN + 1];

	assert_true(finds("GET / HTTP/1.1\r\nHost: x\r\nTraceParent:  " PARENT "\r\n\r\n", text));
	assert_string_equal(text, PARENT);
	assert_false(finds("GET / HTTP/1.1\r\n\r\nbody\ntraceparent: " PARENT "\r\n", text));
	assert_false(finds("traceparent: " PARENT, text));
	assert_false(finds("\ntraceparent: 00-short", text));
	assert_false(finds("\ntraceparent: ff" PARENT, text));
	assert_false(finds("\ntraceparent: "
			   "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
			   text));
	assert_false(finds("", text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allow_is_open_until_a_rule_names_the_service),
		cmocka_unit_test(allow_takes_any_rule_that_matches_hub_or_zone),
		cmocka_unit_test(allow_with_methods_or_paths_lets_no_bare_stream_pass),
		cmocka_unit_test(rules_and_credentials_name_services),
		cmocka_unit_test(identity_survives_its_way_in_a_header),
		cmocka_unit_test(identity_that_lasts_longest_is_shown),
		cmocka_unit_test(call_may_show_who_calls_once),
		cmocka_unit_test(credentials_are_proved_by_zones_of_the_certificate_only),
		cmocka_unit_test(bucket_gives_its_burst_and_then_its_rate),
		cmocka_unit_test(budget_grows_with_requests),
		cmocka_unit_test(breaker_opens_after_failures_in_a_row_and_tries_once),
		cmocka_unit_test(breaker_stays_open_no_longer_than_its_limit),
		cmocka_unit_test(histogram_bounds_its_quantiles),
		cmocka_unit_test(loopback_gives_each_service_its_own_whatever_the_order),
		cmocka_unit_test(loopback_address_of_a_name_is_the_documented_one),
		cmocka_unit_test(call_is_read_from_its_headers),
		cmocka_unit_test(call_for_a_relay_is_read_from_its_headers),
		cmocka_unit_test(call_for_a_relay_is_nothing_else),
		cmocka_unit_test(call_says_whether_it_carries_capsules),
		cmocka_unit_test(call_refuses_what_is_malformed_missing_or_twice),
		cmocka_unit_test(reason_of_another_hub_is_made_printable),
		cmocka_unit_test(proxy_protocol_header_is_the_documented_one),
		cmocka_unit_test(traceparent_is_found_in_the_head_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
