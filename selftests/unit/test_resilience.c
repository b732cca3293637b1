// SPDX-License-Identifier: GPL-2.0
/* DOC: what the proxy decides about providers and requests: outliers, concurrency, hedges, shares */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/lib/prng.h"
#include "daemon/proxy/concurrency.h"
#include "daemon/proxy/fault.h"
#include "daemon/proxy/hedge.h"
#include "daemon/proxy/hosts.h"
#include "daemon/proxy/outlier.h"
#include "daemon/proxy/split.h"

#define MS NSEC_PER_MSEC
#define SECOND NSEC_PER_SEC

/* ---- outliers ------------------------------------------------------------ */

static const struct outlier_settings eject = {
	.is_on = true,
	.in_row = OUTLIER_IN_ROW_DEFAULT,
	.window_s = OUTLIER_WINDOW_S_DEFAULT,
	.min_requests = OUTLIER_MIN_REQUESTS_DEFAULT,
	.eject_s = OUTLIER_EJECT_S_DEFAULT,
	.max_percent = OUTLIER_MAX_PERCENT_DEFAULT,
};
static const struct outlier_counts unknown;

static enum outlier_verdict feed(struct outlier_host *host, const struct outlier_settings *settings,
				 uint64_t now_ns, unsigned int n, unsigned int one_bad_in,
				 const struct outlier_counts *others)
{
	enum outlier_verdict verdict = OUTLIER_GOOD;

	for (unsigned int i = 1; i <= n && verdict == OUTLIER_GOOD; i++)
		verdict = outlier_result(host, settings, now_ns, one_bad_in && i % one_bad_in == 0,
					 others);
	return verdict;
}

static void outlier_is_who_fails_so_many_in_a_row(void **state)
{
	struct outlier_host host = {0};

	for (int round = 0; round < 3; round++) {
		assert_int_equal(feed(&host, &eject, SECOND, eject.in_row - 1, 1, &unknown),
				 OUTLIER_GOOD);
		assert_int_equal(outlier_result(&host, &eject, SECOND, false, &unknown),
				 OUTLIER_GOOD);
	}
	assert_int_equal(feed(&host, &eject, SECOND, eject.in_row, 1, &unknown), OUTLIER_IN_ROW);
	assert_string_equal(outlier_verdict_name(OUTLIER_IN_ROW), "in-row");
	assert_string_equal(outlier_verdict_name(99), "?");
}

static void outlier_by_rate_is_judged_against_the_others(void **state)
{
	const struct outlier_counts good = {1000, 10}, bad = {1000, 200};
	struct outlier_host host = {0};

	assert_int_equal(feed(&host, &eject, SECOND, 1000, 4, &good), OUTLIER_RATE);
	host = (struct outlier_host){0};
	assert_int_equal(feed(&host, &eject, SECOND, 1000, 4, &bad), OUTLIER_GOOD);
	host = (struct outlier_host){0}; /* surely worse, but not worth a move */
	assert_int_equal(feed(&host, &eject, SECOND, 1000, 25, &(struct outlier_counts){10000, 0}),
			 OUTLIER_GOOD);
}

static void outlier_alone_fails_half_of_all(void **state)
{
	struct outlier_host host = {0};

	assert_int_equal(feed(&host, &eject, SECOND, 1000, 3, &unknown), OUTLIER_GOOD);
	host = (struct outlier_host){0};
	assert_int_equal(feed(&host, &eject, SECOND, eject.min_requests - 1, 2, &unknown),
			 OUTLIER_GOOD);
	assert_int_equal(feed(&host, &eject, SECOND, 1, 1, &unknown), OUTLIER_RATE);
}

static void outlier_forgets_what_is_older_than_its_windows(void **state)
{
	struct outlier_host host = {0};
	uint64_t now = SECOND;

	feed(&host, &eject, now, 19, 2, &unknown);
	now += 3 * eject.window_s * SECOND;
	feed(&host, &eject, now, 1, 0, &unknown); /* the former is the last window now */
	assert_int_equal(outlier_counts_of(&host).n, 20);
	now += eject.window_s * SECOND;
	feed(&host, &eject, now, 1, 0, &unknown);
	assert_int_equal(outlier_counts_of(&host).n, 2);
	assert_int_equal(outlier_counts_of(&host).bad, 0);
}

static void outlier_is_ejected_for_longer_each_time_and_forgiven(void **state)
{
	struct outlier_host host = {0};
	uint64_t now = SECOND, unit = eject.eject_s * SECOND;

	assert_false(outlier_is_ejected(&host, now));
	for (uint64_t i = 1; i <= 3; i++) {
		assert_int_equal(outlier_eject(&host, &eject, now), i * unit);
		assert_true(outlier_is_ejected(&host, now + i * unit - 1));
		now += i * unit;
		assert_false(outlier_is_ejected(&host, now));
	}
	now += 2 * unit; /* two of three are forgiven */
	assert_int_equal(outlier_eject(&host, &eject, now), 2 * unit);
	for (int i = 0; i < 100; i++)
		outlier_eject(&host, &eject, now);
	assert_int_equal(outlier_eject(&host, &eject, now), OUTLIER_GROWTH_MAX * unit);
}

static void outliers_are_never_all_of_them(void **state)
{
	struct outlier_settings all = eject;

	all.max_percent = 100;
	assert_false(outlier_may_eject(&eject, 0, 0));
	assert_false(outlier_may_eject(&eject, 0, 1));
	assert_true(outlier_may_eject(&eject, 0, 2));
	assert_false(outlier_may_eject(&eject, 1, 2));
	assert_false(outlier_may_eject(&eject, 1, 3));
	assert_true(outlier_may_eject(&eject, 1, 4));
	assert_true(outlier_may_eject(&all, 2, 4));
	assert_false(outlier_may_eject(&all, 3, 4));
}

/* ---- hosts --------------------------------------------------------------- */

static struct hub_id hub_of(unsigned int i)
{
	return (struct hub_id){{2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}};
}

static void hosts_keep_who_is_in_use_and_drop_who_is_idle_longest(void **state)
{
	const uint8_t digest[SHA256_LEN] = {1};
	static struct hosts hosts;
	struct hub_id hub = hub_of(0);
	struct host *first = hosts_take(&hosts, &hub, digest, 1);

	first->concurrency.in_flight = 1;
	for (unsigned int i = 1; i < 100; i++) {
		hub = hub_of(i);
		assert_non_null(hosts_take(&hosts, &hub, digest, i + 1));
	}
	hub = hub_of(0);
	assert_ptr_equal(hosts_take(&hosts, &hub, digest, 200), first);
	assert_int_equal(first->concurrency.in_flight, 1);
	for (unsigned int i = 0; i < HOSTS_MAX; i++)
		hosts.list[i].concurrency.in_flight = 1;
	hub = hub_of(1000);
	assert_null(hosts_take(&hosts, &hub, digest, 300));
	hosts.list[1].concurrency.in_flight = 0;
	outlier_eject(&hosts.list[1].outlier, &eject, 300);
	assert_null(hosts_take(&hosts, &hub, digest, 300)); /* would be forgiven */
	assert_int_equal(hosts_count_ejected(&hosts, 300), 1);
}

static void hosts_tell_what_the_others_did(void **state)
{
	const uint8_t digest[SHA256_LEN] = {1};
	static struct hosts hosts;
	struct host *host = NULL;
	struct outlier_counts others;

	for (unsigned int i = 0; i < 3; i++) {
		struct hub_id hub = hub_of(i);

		host = hosts_take(&hosts, &hub, digest, 1);
		feed(&host->outlier, &eject, SECOND, 10, i + 4, &unknown);
	}
	others = hosts_counts_but(&hosts, host);
	assert_int_equal(others.n, 20);
	assert_int_equal(others.bad, 10 / 4 + 10 / 5);
}

/* ---- concurrency --------------------------------------------------------- */

/* A provider of so many workers, each busy for about @work_us with a request. */
struct provider {
	struct concurrency concurrency;
	struct prng prng;
	uint32_t workers, work_us;
	struct {
		uint64_t began_ns, ends_ns;
		bool is_busy;
	} requests[512];
	uint64_t n_done, us_sum;
};

static const struct concurrency_settings limited = {
	.is_on = true, .max = CONCURRENCY_MAX_DEFAULT, .queue = 10, .queue_ms = 100};

/* As many clients as the limit lets through, for a time; each request starts when a worker is free. */
static void load(struct provider *p, uint64_t *now_ns, uint64_t for_ns, uint32_t clients)
{
	uint64_t until_ns = *now_ns + for_ns, free_ns[64] = {0};

	for (; *now_ns < until_ns; *now_ns += MS / 4) {
		for (uint32_t i = 0; i < clients; i++) {
			uint32_t worker = 0;

			if (p->requests[i].is_busy && p->requests[i].ends_ns <= *now_ns) {
				uint64_t us = (*now_ns - p->requests[i].began_ns) / 1000;

				p->requests[i].is_busy = false;
				concurrency_end(&p->concurrency);
				concurrency_sample(&p->concurrency, &limited, *now_ns, us, false);
				p->n_done++;
				p->us_sum += us;
			}
			if (p->requests[i].is_busy || !concurrency_begin(&p->concurrency, &limited))
				continue;
			for (uint32_t w = 1; w < p->workers; w++)
				if (free_ns[w] < free_ns[worker])
					worker = w;
			if (free_ns[worker] < *now_ns)
				free_ns[worker] = *now_ns;
			free_ns[worker] += prng_spread(&p->prng, p->work_us, 40) * 1000;
			p->requests[i].is_busy = true;
			p->requests[i].began_ns = *now_ns;
			p->requests[i].ends_ns = free_ns[worker];
		}
	}
}

static void concurrency_settles_near_what_the_provider_can_work_at(void **state)
{
	static const uint32_t workers[] = {2, 8, 32};

	for (size_t i = 0; i < ARRAY_SIZE(workers); i++) {
		static struct provider p;
		uint64_t now = SECOND;
		uint32_t limit;

		p = (struct provider){.workers = workers[i], .work_us = 10000, .prng = {i}};
		load(&p, &now, 20 * SECOND, 150);
		p.n_done = p.us_sum = 0;
		load(&p, &now, 100 * SECOND, 150); /* over a measurement of the least latency */
		limit = concurrency_limit(&p.concurrency, &limited);
		/* All workers have work nearly all the time, and waiting costs little. */
		assert_in_range(limit, CONCURRENCY_PROBE, 3 * workers[i] + 4);
		assert_true(p.n_done > 100 * 100 * workers[i] * 85 / 100);
		assert_true(p.us_sum / p.n_done < 30000);
	}
}

static void concurrency_follows_a_provider_that_gets_slower_and_back(void **state)
{
	static struct provider p;
	uint64_t now = SECOND;
	uint32_t before, slow;

	p = (struct provider){.workers = 16, .work_us = 5000};
	load(&p, &now, 20 * SECOND, 100);
	before = concurrency_limit(&p.concurrency, &limited);
	p.workers = 2;
	load(&p, &now, 10 * SECOND, 100);
	slow = concurrency_limit(&p.concurrency, &limited);
	assert_true(slow < before / 2);
	p.workers = 16;
	load(&p, &now, 30 * SECOND, 100);
	assert_true(concurrency_limit(&p.concurrency, &limited) >= before * 2 / 3);
}

static void concurrency_of_few_clients_limits_nobody(void **state)
{
	static struct provider p;
	uint64_t now = SECOND;

	p = (struct provider){.workers = 16, .work_us = 5000};
	for (int i = 0; i < 200; i++) {
		load(&p, &now, SECOND, 4);
		assert_true(concurrency_limit(&p.concurrency, &limited) > 4);
	}
}

static void concurrency_never_passes_its_maximum_or_ends_below_one(void **state)
{
	struct concurrency_settings few = limited;
	struct concurrency c = {0};
	uint64_t now = SECOND;

	few.max = 2;
	assert_true(concurrency_begin(&c, &few));
	assert_true(concurrency_begin(&c, &few));
	assert_false(concurrency_begin(&c, &few));
	concurrency_end(&c);
	assert_true(concurrency_begin(&c, &few));
	for (int i = 0; i < 10000; i++)
		concurrency_sample(&c, &few, now += 20 * MS, 1, true);
	assert_int_equal(concurrency_limit(&c, &few), 1);
	c = (struct concurrency){0};
	for (int i = 0; i < 10000; i++)
		concurrency_sample(&c, &limited, now += 20 * MS, UINT64_MAX, false);
	assert_in_range(concurrency_limit(&c, &limited), 1, limited.max);
}

static void concurrency_backs_off_from_one_that_refuses(void **state)
{
	struct concurrency c = {0};
	uint64_t now = SECOND;

	for (int i = 0; i < 60; i++)
		concurrency_sample(&c, &limited, now += 20 * MS, 0, true);
	assert_true(concurrency_limit(&c, &limited) < CONCURRENCY_FIRST * 2 / 3);
}

/* ---- faults -------------------------------------------------------------- */

static void fault_comes_as_often_as_was_asked_for(void **state)
{
	const struct fault_settings none = {0}, some = {.abort_percent = 10,
							.abort_status = 503,
							.delay_percent = 25,
							.delay_ms = 7};
	unsigned int aborted = 0, delayed = 0;

	assert_false(fault_is_on(&none));
	assert_true(fault_is_on(&some));
	for (uint32_t draw = 0; draw < FAULT_PERCENT; draw++) {
		struct fault fault = fault_decide(&some, draw, draw);

		aborted += fault.status == 503;
		delayed += fault.delay_ms == 7;
		fault = fault_decide(&none, draw, draw);
		assert_int_equal(fault.status + fault.delay_ms, 0);
	}
	assert_int_equal(aborted, 10);
	assert_int_equal(delayed, 25);
}

/* ---- shares -------------------------------------------------------------- */

static const struct split_settings thirds = {.n = 2, .shares = {{.percent = 10}, {.percent = 30}}};

static struct http1_head head_of(const char *text)
{
	static char bytes[512];
	struct http1_refusal refusal;
	struct http1_head head;
	int n = snprintf(bytes, sizeof(bytes), "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", text);

	assert_true(http1_parse_request((uint8_t *)bytes, (size_t)n, &head, &refusal));
	return head;
}

static void split_gives_each_its_share(void **state)
{
	struct http1_head head = head_of("");
	struct prng prng = {1};
	unsigned int n[3] = {0};

	for (int i = 0; i < 100000; i++)
		n[split_pick(&thirds,
			     split_draw(&thirds, head.fields, head.n_fields, prng_next(&prng)))]++;
	assert_in_range(n[0], 9500, 10500);
	assert_in_range(n[1], 29500, 30500);
	assert_in_range(n[2], 59000, 61000);
}

static void split_is_sticky_by_header_or_cookie(void **state)
{
	struct split_settings by_header = thirds, by_cookie = thirds;
	unsigned int n[3] = {0};

	strcpy(by_header.header, "X-User");
	strcpy(by_cookie.cookie, "id");
	for (uint64_t i = 0; i < 3000; i++) {
		char line[128];
		struct http1_head head;
		uint32_t draw;

		snprintf(line, sizeof(line),
			 "x-user: u%u\r\nCookie: xid=7; id=u%u; id2=8; id=9\r\n", (unsigned int)i,
			 (unsigned int)i);
		head = head_of(line);
		draw = split_draw(&by_header, head.fields, head.n_fields, i);
		n[split_pick(&thirds, draw)]++;
		assert_int_equal(split_draw(&by_header, head.fields, head.n_fields, i + 1), draw);
		assert_int_equal(split_draw(&by_cookie, head.fields, head.n_fields, i + 1),
				 draw); /* the same key */
	}
	assert_in_range(n[0], 200, 400);
	assert_in_range(n[1], 750, 1050);
}

static void split_draws_by_chance_without_the_key(void **state)
{
	static const char *const lines[] = {"", "Cookie: \r\n", "Cookie: idx=1; ; i=2\r\n",
					    "Cookie: id=\r\n", "Cookie: id\r\n"};
	struct split_settings by_cookie = thirds;

	strcpy(by_cookie.cookie, "id");
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct http1_head head = head_of(lines[i]);

		assert_int_equal(split_draw(&by_cookie, head.fields, head.n_fields, 1234), 1234);
		assert_int_equal(
			split_draw(&by_cookie, head.fields, head.n_fields, SPLIT_DRAWS + 7), 7);
	}
}

/* HTTP/2 may have each cookie in a header of its own. */
static void split_finds_a_cookie_in_whichever_header_it_is(void **state)
{
	struct split_settings by_cookie = thirds;
	struct http1_head head;
	uint32_t draw;

	strcpy(by_cookie.cookie, "id");
	head = head_of("Cookie: a=b; id=7\r\n");
	draw = split_draw(&by_cookie, head.fields, head.n_fields, 1);
	head = head_of("Cookie: a=b\r\nCookie: xid=8\r\nCookie: id=7\r\n");
	assert_int_equal(split_draw(&by_cookie, head.fields, head.n_fields, 2), draw);
}

/* ---- hedges -------------------------------------------------------------- */

static void hedge_names_methods_and_whole_services(void **state)
{
	const struct hedge_settings settings =
					    {
						    .grpc_methods = {"/a.B/C", "/d.E"},
						    .n_grpc_methods = 2,
					    },
				    none = {0};

	assert_true(hedge_names_method(&settings, "/a.B/C"));
	assert_true(hedge_names_method(&settings, "/d.E/F"));
	assert_false(hedge_names_method(&settings, "/a.B/D"));
	assert_false(hedge_names_method(&settings, "/a.B/CC"));
	assert_false(hedge_names_method(&settings, "/d.Ex/F"));
	assert_false(hedge_names_method(&none, "/a.B/C"));
}

static void hedge_waits_for_what_nearly_all_answers_take(void **state)
{
	const struct hedge_settings by_times = {.is_on = true}, fixed = {true, 20};
	struct hedge hedge = {0};

	assert_int_equal(hedge_delay_us(&hedge, &by_times), 0);
	assert_int_equal(hedge_delay_us(&hedge, &fixed), 20000);
	for (int i = 0; i < 96; i++)
		hedge_note_answer(&hedge, 5000);
	for (int i = 0; i < 4; i++)
		hedge_note_answer(&hedge, 900000);
	assert_int_equal(hedge_delay_us(&hedge, &by_times), 8192);
	for (int i = 0; i < 10000; i++)
		hedge_note_answer(&hedge, 50000); /* it has become slower: that is soon the rule */
	assert_int_equal(hedge_delay_us(&hedge, &by_times), 65536);
	hedge = (struct hedge){0};
	for (int i = 0; i < 100; i++)
		hedge_note_answer(&hedge, 10);
	assert_int_equal(hedge_delay_us(&hedge, &by_times), HEDGE_MIN_US);
}

static void hedges_are_at_most_a_tenth_of_requests(void **state)
{
	struct hedge hedge = {0};
	unsigned int n = 0;

	assert_false(hedge_spend(&hedge));
	for (int i = 0; i < 1000; i++) {
		hedge_note_request(&hedge);
		n += hedge_spend(&hedge);
	}
	assert_in_range(n, 99, 100);
	for (int i = 0; i < 100000; i++)
		hedge_note_request(&hedge);
	for (n = 0; hedge_spend(&hedge); n++)
		;
	assert_in_range(n, HEDGE_SAVED_MAX, HEDGE_SAVED_MAX + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outlier_is_who_fails_so_many_in_a_row),
		cmocka_unit_test(outlier_by_rate_is_judged_against_the_others),
		cmocka_unit_test(outlier_alone_fails_half_of_all),
		cmocka_unit_test(outlier_forgets_what_is_older_than_its_windows),
		cmocka_unit_test(outlier_is_ejected_for_longer_each_time_and_forgiven),
		cmocka_unit_test(outliers_are_never_all_of_them),
		cmocka_unit_test(hosts_keep_who_is_in_use_and_drop_who_is_idle_longest),
		cmocka_unit_test(hosts_tell_what_the_others_did),
		cmocka_unit_test(concurrency_settles_near_what_the_provider_can_work_at),
		cmocka_unit_test(concurrency_follows_a_provider_that_gets_slower_and_back),
		cmocka_unit_test(concurrency_of_few_clients_limits_nobody),
		cmocka_unit_test(concurrency_never_passes_its_maximum_or_ends_below_one),
		cmocka_unit_test(concurrency_backs_off_from_one_that_refuses),
		cmocka_unit_test(fault_comes_as_often_as_was_asked_for),
		cmocka_unit_test(split_gives_each_its_share),
		cmocka_unit_test(split_is_sticky_by_header_or_cookie),
		cmocka_unit_test(split_draws_by_chance_without_the_key),
		cmocka_unit_test(split_finds_a_cookie_in_whichever_header_it_is),
		cmocka_unit_test(hedge_names_methods_and_whole_services),
		cmocka_unit_test(hedge_waits_for_what_nearly_all_answers_take),
		cmocka_unit_test(hedges_are_at_most_a_tenth_of_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
