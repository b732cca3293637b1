// SPDX-License-Identifier: GPL-2.0
/* DOC: ways to a service of HTTP/1.1 that clients leave to each other, in memory */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "selftests/unit/http_fixture.h"

#define ASK(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define ANSWER(text) "HTTP/1.1 200 OK\r\nContent-Length: " text
#define OWN ANSWER("3\r\n\r\nown")
#define EVIL ANSWER("4\r\n\r\nevil")

static void serve(struct flow *flow, const char *text)
{
	world_serve(flow, text, strlen(text));
}

/* A client that asks, is answered and goes. Return: the flow it had. */
static struct flow *use(struct world *world, const char *request, const char *answer)
{
	struct flow *flow;

	world_come(world);
	world_say(world, request);
	flow = world->flow;
	serve(flow, answer);
	assert_true(world_hears(&world->client.got, "own"));
	assert_false(world_hears(&world->client.got, "evil"));
	return flow;
}

static void way_is_the_next_clients(void **state)
{
	struct world *world = world_new();
	struct flow *flow = use(world, ASK("/1"), OWN);

	world_leave(world);
	assert_int_equal(world->proxy.totals.spare, 1);
	assert_int_equal(world->proxy.totals.flows, 0);
	assert_ptr_equal(use(world, ASK("/2"), OWN), flow);
	assert_int_equal(world->proxy.totals.spare, 0);
	assert_int_equal(world->n_ways, 1);
	world_leave(world);
	assert_int_equal(world->counted.counts.connections, 2);
	assert_int_equal(world->counted.counts.reused, 1);
	assert_int_equal(world->counted.counts.http.requests, 2);
	world_free(world);
}

static void what_a_service_says_unasked_is_heard_by_nobody(void **state)
{
	static const char *const unasked[] = {EVIL, "HTTP/1.1 100 Continue\r\n\r\n", "e", "\r\n"};

	for (size_t i = 0; i < ARRAY_SIZE(unasked); i++) {
		struct world *world = world_new();

		use(world, ASK("/1"), OWN);
		world_leave(world);
		serve(world->counted.spare, unasked[i]);
		assert_int_equal(world->proxy.totals.spare, 0);
		use(world, ASK("/2"), OWN);
		assert_int_equal(world->n_ways, 2);
		world_leave(world);
		assert_int_equal(world->proxy.totals.spare, 0); /* not trusted for a time */
		world_free(world);
	}
}

static void what_follows_an_answer_ends_its_way(void **state)
{
	static const char *const answers[] = {OWN EVIL, OWN "x",
					      OWN "HTTP/1.1 100 Continue\r\n\r\n"};

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct world *world = world_new();

		use(world, ASK("/1"), answers[i]);
		world_say(world, ASK("/2")); /* the same client, which stays */
		assert_false(world_hears(&world->client.got, "evil"));
		assert_int_equal(world->n_ways, 2);
		serve(world->flow, OWN);
		assert_false(world_hears(&world->client.got, "evil"));
		world_leave(world);
		use(world, ASK("/3"), OWN);
		assert_int_equal(world->n_ways, 3);
		world_free(world);
	}
}

static void pipeline_does_not_take_an_extra_answer_for_its_second(void **state)
{
	struct world *world = world_new();

	world_come(world);
	world_say(world, ASK("/1") ASK("/2"));
	serve(world->flow, OWN EVIL);
	world_connect(world);
	serve(world->flow, OWN);
	assert_true(world_hears(&world->client.got, "own"));
	assert_false(world_hears(&world->client.got, "evil"));
	assert_int_equal(world->n_ways, 2);
	world_free(world);
}

static void what_is_not_clean_is_not_kept(void **state)
{
	static const struct {
		const char *request, *answer;
	} uses[] = {
		{ASK("/"), "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nown"},
		{ASK("/"), "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nown"},
		{"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
		 "HTTP/1.1 200 own\r\nContent-Length: 9\r\n\r\n"},
		{ASK("/"), "HTTP/1.1 204 own\r\n\r\n"},
		{ASK("/"), "HTTP/1.1 304 own\r\n\r\n"},
		{"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nearly", OWN},
		{"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: NTLM TlRM\r\n\r\n", OWN},
		{"GET / HTTP/1.1\r\nHost: a\r\nproxy-authorization: negotiate YII=\r\n\r\n", OWN},
		{"GET / HTTP/1.0\r\nHost: a\r\n\r\n", ANSWER("3\r\nConnection: close\r\n\r\nown")},
	};

	for (size_t i = 0; i < ARRAY_SIZE(uses); i++) {
		struct world *world = world_new();

		use(world, uses[i].request, uses[i].answer);
		world_leave(world);
		assert_int_equal(world->proxy.totals.spare, 0);
		world_free(world);
	}
}

static void client_that_says_so_is_told_and_goes_at_once(void **state)
{
	struct world *world = world_new();

	use(world, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", OWN);
	assert_true(world_hears(&world->client.got, "\r\nConnection: close\r\n"));
	assert_false(world_hears(&world->asked, "Connection"));
	assert_int_equal(world->proxy.totals.spare, 1);
	world_free(world);
}

static void way_that_ends_is_asked_afresh_once_if_that_is_safe(void **state)
{
	struct world *world = world_new();
	struct flow *flow;

	use(world, ASK("/1"), OWN);
	world_come(world);
	world_say(world, ASK("/2"));
	flow = world->flow;
	assert_int_equal(world->n_ways, 1);
	world_end(flow);
	world_connect(world);
	assert_int_equal(world->n_ways, 2);
	serve(flow, OWN);
	assert_true(world_hears(&world->client.got, "own"));
	assert_int_equal(world->n_errors, 0);
	world_come(world); /* POST cannot be made again: a way of its own */
	world_say(world, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
	assert_int_equal(world->n_ways, 3);
	world_free(world);
}

static void answer_that_has_begun_is_not_asked_for_again(void **state)
{
	struct world *world = world_new();

	use(world, ASK("/1"), OWN);
	world_come(world);
	world_say(world, ASK("/2"));
	serve(world->flow, ANSWER("20000\r\n\r\nbeginning"));
	assert_true(world_hears(&world->client.got, "beginning"));
	world_end(world->flow);
	assert_true(world->client.is_closed);
	assert_int_equal(world->n_ways, 1);
	world_free(world);
}

#define POST(path) "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"

/* A pipeline of two whose first is answered. @is_deaf: the service takes no byte of the second. */
static struct world *half_served(const char *second, bool is_deaf)
{
	struct world *world = world_new();

	world_come(world);
	world_say(world, ASK("/1"));
	world->is_deaf = is_deaf;
	world_say(world, second);
	serve(world->flow, OWN);
	assert_int_equal(world_hears(&world->asked, "POST /2"), !is_deaf);
	world->is_deaf = false;
	return world;
}

static void expect_served_elsewhere(struct world *world)
{
	world_connect(world);
	assert_int_equal(world->n_ways, 2);
	assert_true(world_hears(&world->asked, "POST /2"));
	assert_int_equal(world->asked.bytes[world->asked.end - 1], 'x');
	serve(world->flow, ANSWER("5\r\n\r\nagain"));
	assert_true(world_hears(&world->client.got, "again"));
	assert_int_equal(world->n_errors, 0);
	assert_int_equal(world->counted.counts.retries, 1);
	world_free(world);
}

static void post_of_which_no_byte_was_taken_goes_elsewhere(void **state)
{
	struct world *world = half_served(POST("/2"), true);

	world_end(world->flow);
	expect_served_elsewhere(world);
	world = half_served(POST("/2"), true);
	flow_broken(world->flow, &world->flow->tunnel.end);
	expect_served_elsewhere(world);
	/* Its body is not whole yet: the rest goes the same way. */
	world = half_served("POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\ny", true);
	world_end(world->flow);
	world_say(world, "x");
	expect_served_elsewhere(world);
}

/* What a provider that reads requests ends without a word to one, it has not passed on. */
static void post_that_a_provider_has_not_passed_on_goes_elsewhere(void **state)
{
	struct world *world = half_served(POST("/2"), false);

	world->flow->is_read_there = true;
	world_end(world->flow);
	expect_served_elsewhere(world);
}

static void post_that_a_service_may_have_seen_is_not_made_again(void **state)
{
	enum { END, RESET, HEAD_THEN_END } ends[] = {END, RESET, HEAD_THEN_END};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct world *world = half_served(POST("/2"), false);

		world->flow->is_read_there = ends[i] != END;
		if (ends[i] == HEAD_THEN_END)
			serve(world->flow, "HTTP/1.1 2");
		if (ends[i] == RESET)
			flow_broken(world->flow, &world->flow->tunnel.end);
		else
			world_end(world->flow);
		world_connect(world);
		assert_int_equal(world->n_ways, 1);
		assert_true(world_hears(&world->client.got, "HTTP/1.1 502 "));
		world_free(world);
	}
}

/* The first one on a way is no pipeline's: it counts as a failure, and is made again as one. */
static void post_that_fails_on_a_new_way_counts(void **state)
{
	struct world *world = world_new();

	world_come(world);
	world_say(world, POST("/2"));
	world->flow->is_read_there = true;
	world_end(world->flow);
	assert_int_equal(world->n_errors, 1);
	world_connect(world);
	assert_int_equal(world->n_ways, 2);
	world_free(world);
}

static void answer_before_a_byte_of_the_request_was_taken_is_none(void **state)
{
	struct world *world = half_served(POST("/2"), true);

	world->is_deaf = true;
	serve(world->flow, EVIL);
	world->is_deaf = false;
	assert_false(world_hears(&world->client.got, "evil"));
	assert_true(http_pool_is_distrusted(world->flow));
	expect_served_elsewhere(world);
}

/* What is left of a request that was answered early is for nobody else. */
static void rest_of_an_early_answered_request_is_not_said_elsewhere(void **state)
{
	struct world *world = world_new();

	world_come(world);
	world_say(world, "PUT /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n");
	world->is_deaf = true;
	world_say(world, "evil" POST("/2"));
	serve(world->flow, ANSWER("0\r\nConnection: keep-alive\r\n\r\n"));
	world_end(world->flow);
	world->is_deaf = false;
	world_connect(world);
	assert_int_equal(world->n_ways, 2);
	assert_false(world_hears(&world->asked, "evil"));
	assert_memory_equal(world->asked.bytes + world->asked.start, "POST /2 ", 8);
	world_free(world);
}

static void early_answer_says_that_the_connection_ends(void **state)
{
	struct world *world = world_new();

	world_come(world);
	world_say(world, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nearly");
	serve(world->flow, OWN);
	assert_true(world_hears(&world->client.got, "\r\nConnection: close\r\n"));
	world_say(world, "last" ASK("/2"));
	assert_int_equal(world->n_ways, 1);
	assert_true(world->client.end.is_finished);
	world_free(world);
	world = world_new();
	world_come(world);
	world_say(world, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nearly");
	serve(world->flow, OWN);
	assert_false(world_hears(&world->client.got, "Connection"));
	world_free(world);
}

/* The answer and the end of its service come together. */
static void service_that_ends_behind_an_answer_does_not_end_the_client(void **state)
{
	struct world *world = world_new();
	struct flow *flow;

	world_come(world);
	world_say(world, ASK("/1") ASK("/2"));
	flow = world->flow;
	flow->tunnel.end.has_ended = true;
	serve(flow, OWN);
	world_connect(world);
	assert_int_equal(world->n_ways, 2);
	serve(flow, ANSWER("5\r\n\r\nagain"));
	assert_true(world_hears(&world->client.got, "again"));
	assert_false(world->client.end.is_finished);
	world_free(world);
}

static void client_that_reads_slowly_is_waited_for_at_the_end(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
	struct world *world = world_new();
	char text[30000];
	struct flow *flow;

	memset(text, 'x', sizeof(text));
	world_come(world);
	world_say(world, ASK("/1"));
	flow = world->flow;
	world->client.is_slow = true;
	serve(flow, head);
	world_serve(flow, text, sizeof(text));
	world_end(flow);
	assert_int_equal(flow->http->state, HTTP_CLOSING);
	flow_tick(flow, uv_hrtime() + 3 * NSEC_PER_SEC);
	assert_false(world->client.is_closed);
	world->client.is_slow = false;
	world->client.end.ops->pull(&world->client.end);
	assert_int_equal(buffer_len(&world->client.got), strlen(head) + sizeof(text));
	flow_tick(flow, uv_hrtime() + 4 * NSEC_PER_SEC);
	assert_false(world->client.is_closed);
	flow_tick(flow, uv_hrtime() + 9 * NSEC_PER_SEC); /* it has got all, and does not go */
	assert_true(world->client.is_closed);
	world_free(world);
	/* One that never reads is cut when there is no more time. */
	world = world_new();
	world->entry.settings.resilience.drain_ms = 5000;
	world_come(world);
	world_say(world, ASK("/1"));
	flow = world->flow;
	world->client.is_slow = true;
	serve(flow, head);
	world_end(flow);
	http_drain(flow->http);
	flow_tick(flow, uv_hrtime() + NSEC_PER_SEC);
	assert_false(world->client.is_closed);
	flow_tick(flow, uv_hrtime() + 6 * NSEC_PER_SEC);
	assert_true(world->client.is_closed);
	world_free(world);
}

/* @head: of an answer of 60000 bytes, more than is on its way to a client that does not read. */
static size_t heard_slowly(const char *head, bool has_ended, size_t n_said)
{
	struct world *world = world_new();
	char *text = xmalloc(n_said);
	struct flow *flow;
	size_t n;

	memset(text, 'x', n_said);
	world_come(world);
	world_say(world, ASK("/1"));
	flow = world->flow;
	world->client.is_slow = true;
	serve(flow, head);
	world_serve(flow, text, n_said);
	assert_true(buffer_len(&flow->tunnel.end.in) > 0);
	flow->tunnel.end.has_ended = has_ended;
	flow_broken(flow, &flow->tunnel.end);
	world->client.is_slow = false;
	world->client.end.ops->pull(&world->client.end);
	n = buffer_len(&world->client.got);
	assert_int_equal(world->client.is_closed,
			 !world->client.end.is_finished && flow->http->state != HTTP_IDLE);
	if (world->client.is_closed)
		n = 0;
	free(text);
	world_free(world);
	return n;
}

/* A provider ends its stream and then lets go of it: what it has said before is still heard. */
static void slow_client_hears_all_before_its_service_broke_off(void **state)
{
	static const char with_length[] = ANSWER("60000\r\n\r\n");
	static const char without[] = "HTTP/1.1 200 OK\r\n\r\n";

	assert_int_equal(heard_slowly(with_length, true, 60000), strlen(with_length) + 60000);
	assert_int_equal(heard_slowly(with_length, false, 60000), strlen(with_length) + 60000);
	assert_int_equal(heard_slowly(without, true, 60000), strlen(without) + 60000);
	assert_int_equal(heard_slowly(without, false, 60000), 0); /* it was cut: so is the client */
	assert_int_equal(heard_slowly(with_length, true, 50000), 0);
	assert_int_equal(heard_slowly(with_length, false, 50000), 0);
}

static void pool_is_bounded_and_emptied(void **state)
{
	struct world *world = world_new();

	use(world, ASK("/1"), OWN);
	world->counted.n_spare = HTTP_POOL_SERVICE_MAX;
	world_leave(world);
	assert_int_equal(world->proxy.totals.spare, 0);
	world->counted.n_spare = 0;
	use(world, ASK("/1"), OWN);
	world_leave(world);
	assert_int_equal(world->proxy.totals.spare, 1);
	http_pool_settle(&world->proxy);
	assert_int_equal(world->proxy.totals.spare, 1);
	world->counted.spare->moved_ns -= HTTP_POOL_IDLE_NS + 1;
	http_pool_settle(&world->proxy);
	assert_int_equal(world->proxy.totals.spare, 0);
	use(world, ASK("/1"), OWN);
	world_leave(world);
	world->entry.breaker.is_open = true; /* a new connection would not go there */
	http_pool_settle(&world->proxy);
	assert_int_equal(world->proxy.totals.spare, 0);
	world->entry.breaker.is_open = false;
	use(world, ASK("/1"), OWN);
	world_leave(world);
	world->entry.request = 1; /* another lease */
	world_come(world);
	assert_int_equal(world->counted.counts.reused, 0);
	world_leave(world);
	world->entry.request = 0;
	use(world, ASK("/1"), OWN);
	world_leave(world);
	http_pool_clear(&world->proxy);
	assert_int_equal(world->proxy.totals.spare, 0);
	world_free(world);
}

static struct counted *count_for(struct world *world, unsigned int i)
{
	struct proxy *proxy = &world->proxy;
	char name[16];

	snprintf(name, sizeof(name), "s%u", i);
	return proxy_count_for(proxy, proxy->provided, &proxy->n_provided,
			       ARRAY_SIZE(proxy->provided), name);
}

/* What a rule says is looked up by the name, so it must not be that of another service. */
static void services_of_the_past_make_room_for_others(void **state)
{
	struct world *world = world_new();
	struct proxy *proxy = &world->proxy;
	size_t max = ARRAY_SIZE(proxy->provided);
	struct counted *first, *at;
	struct flow *flow;

	first = count_for(world, 0);
	first->counts.connections = 7;
	flow = flow_new(proxy, count_for(world, 1));
	for (unsigned int i = 2; i < max; i++)
		count_for(world, i)->n_entries = 1;
	assert_ptr_equal(count_for(world, 0), first);
	at = count_for(world, 1000);
	assert_ptr_equal(at, first);
	assert_string_equal(at->name, "s1000");
	assert_int_equal(at->counts.connections, 0);
	at->n_entries = 1;
	assert_string_not_equal(count_for(world, 1001)->name, "s1001"); /* all are in use */
	flow_close(flow, PROXY_END_STOP);
	assert_string_equal(count_for(world, 1001)->name, "s1001");
	for (size_t i = 0; i < max; i++)
		free(proxy->provided[i]);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(way_is_the_next_clients),
		cmocka_unit_test(what_a_service_says_unasked_is_heard_by_nobody),
		cmocka_unit_test(what_follows_an_answer_ends_its_way),
		cmocka_unit_test(pipeline_does_not_take_an_extra_answer_for_its_second),
		cmocka_unit_test(what_is_not_clean_is_not_kept),
		cmocka_unit_test(client_that_says_so_is_told_and_goes_at_once),
		cmocka_unit_test(way_that_ends_is_asked_afresh_once_if_that_is_safe),
		cmocka_unit_test(answer_that_has_begun_is_not_asked_for_again),
		cmocka_unit_test(post_of_which_no_byte_was_taken_goes_elsewhere),
		cmocka_unit_test(post_that_a_provider_has_not_passed_on_goes_elsewhere),
		cmocka_unit_test(post_that_a_service_may_have_seen_is_not_made_again),
		cmocka_unit_test(post_that_fails_on_a_new_way_counts),
		cmocka_unit_test(answer_before_a_byte_of_the_request_was_taken_is_none),
		cmocka_unit_test(rest_of_an_early_answered_request_is_not_said_elsewhere),
		cmocka_unit_test(early_answer_says_that_the_connection_ends),
		cmocka_unit_test(service_that_ends_behind_an_answer_does_not_end_the_client),
		cmocka_unit_test(client_that_reads_slowly_is_waited_for_at_the_end),
		cmocka_unit_test(slow_client_hears_all_before_its_service_broke_off),
		cmocka_unit_test(pool_is_bounded_and_emptied),
		cmocka_unit_test(services_of_the_past_make_room_for_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
