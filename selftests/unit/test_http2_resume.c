// SPDX-License-Identifier: GPL-2.0
/* DOC: answers over HTTP/2 that are broken off in the middle, and gone on with elsewhere */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "selftests/unit/http2_fixture.h"

#define CONTENT "hello, whole world"
#define CONTENT_LEN (sizeof(CONTENT) - 1)

static const char content[] = CONTENT;

/** struct piece - content that a service says, and then it ends, or waits */
struct piece {
	const char *bytes;
	size_t len;
	bool is_last;
};

static ssize_t read_piece(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t max,
			  uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct piece *piece = source->ptr;
	size_t n = piece->len;

	assert_true(n <= max);
	if (!n && !piece->is_last)
		return NGHTTP2_ERR_DEFERRED;
	memcpy(buf, piece->bytes, n);
	piece->len = 0;
	if (piece->is_last)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* @headers: name, value, name, ... NULL */
static void answer(struct world *world, int32_t stream, const char *const *headers,
		   struct piece *piece)
{
	const nghttp2_data_provider body = {{.ptr = piece}, read_piece};
	nghttp2_nv nv[PEER_HEADERS_MAX];

	nghttp2_submit_response(world->service.session, stream, nv, peer_to_nv(headers, nv), &body);
	world_run(world);
}

static const char *const whole[] = {":status", "200", "accept-ranges", "bytes", "etag",
				    "\"a\"",   NULL};

static int32_t ask(struct world *world)
{
	static const struct says says = {.headers = {":method", "GET", ":scheme", "http",
						     ":authority", "a", ":path", "/", NULL}};
	int32_t stream = peer_ask(&world->client, &says);

	world_run(world);
	return stream;
}

/* Its client has "hello" of an answer. */
static struct world *half_answered(const char *const *headers, int32_t *stream)
{
	struct piece piece = {"hello", 5, false};
	struct world *world = world_entry();

	peer_begin(&world->client, false);
	peer_begin(&world->service, true);
	world->service.answers = false;
	world_run(world);
	*stream = ask(world);
	answer(world, 1, headers, &piece);
	assert_int_equal(seen_at(&world->client, *stream)->n_body, 5);
	return world;
}

/* The provider is lost, and another one there. */
static void lose_provider(struct world *world)
{
	flow_close(world->far, PROXY_END_SERVICE_RESET);
	world_run(world);
	if (!world->entry.n_http2)
		return;
	world->far = world->entry.http2[0]->flow;
	nghttp2_session_del(world->service.session);
	world->service.end = (struct end){.ops = &peer_ops};
	peer_begin(&world->service, true);
	memset(world->service.seen, 0, sizeof(world->service.seen));
	world->service.is_closed = false;
	world->far->via = FLOW_SHARED;
	flow_join(world->far, NULL, &world->service.end);
	flow_opened(world->far);
	world_run(world);
}

#define REST(range) \
	":status", "206", "etag", "\"a\"", "accept-ranges", "bytes", "content-range", "bytes " range

static void answer_goes_on_at_another_provider(void **state)
{
	static const char *const said[] = {":status",	     "200",   "accept-ranges",
					   "bytes",	     "etag",  "\"a\"",
					   "content-length", "20000", NULL};
	static const char *const rests[][11] = {
		{REST("4-17/18"), NULL},
		{REST("4-17/18"), "content-length", "14", NULL},
	};
	int32_t stream;

	for (size_t i = 0; i < ARRAY_SIZE(rests); i++) {
		struct piece rest = {&content[4], CONTENT_LEN - 4, true};
		struct world *world = half_answered(whole, &stream);
		struct seen *got = seen_at(&world->client, stream);

		lose_provider(world);
		assert_int_equal(got->reset, -1);
		assert_true(
			seen_has(seen_at(&world->service, 1), "range=bytes=4-;if-range=\"a\";"));
		nghttp2_submit_headers(world->service.session, 0, 1, NULL,
				       (const nghttp2_nv[]){PEER_NV(":status", "103")}, 1, NULL);
		answer(world, 1, rests[i], &rest);
		assert_true(seen_is_body(got, CONTENT, CONTENT_LEN));
		assert_true(got->has_ended);
		assert_null(strstr(got->text, "103"));
		assert_null(strstr(got->text, "206"));
		assert_int_equal(world->counted.counts.resilience.resumed, 1);
		assert_int_equal(world->counted.counts.http.statuses[2], 1);
		world_free(world);
	}
	{
		static const char *const rest_said[] = {REST("5-19999/20000"), NULL};
		struct piece rest = {CONTENT, 5, false};
		struct world *world = half_answered(said, &stream);

		lose_provider(world);
		assert_true(seen_has(seen_at(&world->service, 1), "range=bytes=5-;"));
		answer(world, 1, rest_said, &rest);
		assert_int_equal(seen_at(&world->client, stream)->n_body, 10);
		lose_provider(world); /* and once more */
		assert_true(seen_has(seen_at(&world->service, 1), "range=bytes=10-;"));
		assert_int_equal(world->counted.counts.resilience.resumed, 1);
		world_free(world);
	}
}

/* Never a wrong byte, never an end that looks like one. */
static void rest_that_does_not_fit_resets_the_stream(void **state)
{
	static const struct {
		const char *headers[13];
		const char *body;
	} rests[] = {
		{{":status", "200", "etag", "\"a\"", NULL}, CONTENT},
		{{":status", "503", NULL}, "no"},
		{{":status", "416", "etag", "\"a\"", "content-range", "bytes */5", NULL}, ""},
		{{REST("5-17/18"), NULL}, &content[5]},
		{{REST("4-17/18"), NULL}, "X, whole world"},
		{{REST("4-17/18"), NULL}, "o, whole worl"},
		{{REST("4-17/18"), NULL}, "o, whole world!"},
		{{REST("4-17/*"), NULL}, "o, whole world"},
		{{":status", "206", "etag", "\"b\"", "content-range", "bytes 4-17/18", NULL},
		 "o, whole world"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rests); i++) {
		struct piece rest = {rests[i].body, strlen(rests[i].body), true};
		int32_t stream;
		struct world *world = half_answered(whole, &stream);
		struct seen *got = seen_at(&world->client, stream);

		lose_provider(world);
		answer(world, 1, rests[i].headers, &rest);
		assert_int_equal(got->reset, NGHTTP2_INTERNAL_ERROR);
		assert_false(got->has_ended);
		assert_memory_equal(got->body, CONTENT, got->n_body);
		assert_int_equal(world->proxy.n_exchanges, 0);
		world_free(world);
	}
}

static void other_answers_are_reset(void **state)
{
	static const char *const heads[][9] = {
		{":status", "200", NULL},
		{":status", "200", "accept-ranges", "bytes", "etag", "W/\"a\"", NULL},
		{":status", "200", "accept-ranges", "none", "etag", "\"a\"", NULL},
		{":status", "404", "accept-ranges", "bytes", "etag", "\"a\"", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		int32_t stream;
		struct world *world = half_answered(heads[i], &stream);

		lose_provider(world);
		assert_int_equal(seen_at(&world->client, stream)->reset, NGHTTP2_INTERNAL_ERROR);
		assert_int_equal(world->counted.counts.retries, 0);
		world_free(world);
	}
}

static void rest_that_never_begins_is_given_up_in_time(void **state)
{
	int32_t stream;
	struct world *world = half_answered(whole, &stream);
	struct seen *got = seen_at(&world->client, stream);

	lose_provider(world);
	world->near->request_ms = 1000;
	flow_tick(world->near, uv_hrtime());
	world_run(world);
	assert_int_equal(got->reset, -1);
	flow_tick(world->near, uv_hrtime() + 2 * NSEC_PER_SEC);
	world_run(world);
	assert_int_equal(got->reset, NGHTTP2_CANCEL);
	world_free(world);
}

static void client_that_goes_meanwhile_leaves_nothing(void **state)
{
	int32_t stream;
	struct world *world = half_answered(whole, &stream);

	lose_provider(world);
	nghttp2_submit_rst_stream(world->client.session, 0, stream, NGHTTP2_CANCEL);
	world_run(world);
	assert_int_equal(world->proxy.n_exchanges, 0);
	assert_int_equal(seen_at(&world->service, 1)->reset, NGHTTP2_CANCEL);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_goes_on_at_another_provider),
		cmocka_unit_test(rest_that_does_not_fit_resets_the_stream),
		cmocka_unit_test(other_answers_are_reset),
		cmocka_unit_test(rest_that_never_begins_is_given_up_in_time),
		cmocka_unit_test(client_that_goes_meanwhile_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
