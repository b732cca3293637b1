// SPDX-License-Identifier: GPL-2.0
/* DOC: bodies in another format over HTTP/2: what is held, rewritten, refused and counted */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/proxy/translation.h"
#include "selftests/unit/http2_fixture.h"

#define POST ":method", "POST", ":scheme", "http", ":authority", "a", ":path", "/v1"
#define GET ":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/v1"
#define JSON_TYPE "content-type", "application/json"
#define CBOR_TYPE "content-type", "application/cbor"

static const uint8_t cbor_answer[] = {0xa1, 0x61, 'a', 0x01}; /* {"a": 1} */

static const struct says json_request = {{POST, JSON_TYPE}, "{\"b\": [true]}", 13, {NULL}};
static const struct says json_wish = {{GET, "accept", "application/json", "range", "bytes=0-1"}};
static const struct says cbor_200 = {
	{":status", "200", CBOR_TYPE, "etag", "\"v\"", "digest", "x"},
	cbor_answer,
	sizeof(cbor_answer),
	{NULL},
};

/* A service of ours that says body: cbor; @is_entry: of the entry's own hub. */
static struct world *begun(bool is_entry)
{
	struct world *world = is_entry ? world_entry() : world_provider();

	world->far->body = MANIFEST_BODY_CBOR;
	peer_begin(&world->client, false);
	peer_begin(&world->service, true);
	world->service.says = &cbor_200;
	world_run(world);
	return world;
}

static void json_becomes_cbor_and_comes_back(void **state)
{
	for (int is_entry = 0; is_entry < 2; is_entry++) {
		struct world *world = begun(is_entry);
		const struct seen *got = world_ask(world, &json_request);
		const struct seen *heard = seen_at(&world->service, 1);

		assert_true(seen_is_body(heard, "\xa1\x61\x62\x81\xf5", 5));
		assert_true(seen_has(heard, "content-type=application/cbor;"));
		assert_true(seen_has(heard, "content-length=5;") && !seen_has(heard, "json"));
		assert_true(seen_is_body(got, "{\"a\":1}", 7) && got->has_ended);
		assert_true(seen_has(got, "content-type=application/json;content-length=7;") ||
			    (seen_has(got, "content-type=application/json;") &&
			     seen_has(got, "content-length=7;")));
		assert_true(seen_has(got, "etag=W/\"v\";") && seen_has(got, "vary=Accept;"));
		assert_false(seen_has(got, "digest="));
		assert_int_equal(world_counts(world)->translated, 2);
		assert_int_equal(world_counts(world)->untranslatable, 0);
		world_free(world);
	}
}

static void answer_alone_is_translated_for_who_accepts_another(void **state)
{
	struct world *world = begun(false);
	const struct seen *got = world_ask(world, &json_wish), *heard = seen_at(&world->service, 1);

	assert_true(seen_is_body(got, "{\"a\":1}", 7));
	assert_true(seen_has(heard, "accept=application/json;") &&
		    seen_has(heard, "accept=application/cbor;"));
	assert_false(seen_has(heard, "range="));
	world_free(world);
}

static void what_needs_no_translation_passes(void **state)
{
	static const struct says same = {{POST, CBOR_TYPE}, cbor_answer, sizeof(cbor_answer), {0}};
	static const struct says other = {{POST, "content-type", "text/x"}, "abc", 3, {NULL}};
	static const struct says text_404 = {
		{":status", "404", "content-type", "text/plain"}, "no", 2, {NULL}};
	struct world *world = begun(false);
	const struct seen *got = world_ask(world, &same);

	assert_true(seen_is_body(got, cbor_answer, sizeof(cbor_answer)));
	assert_true(seen_has(got, "vary=Accept;") && seen_has(got, "etag=\"v\";"));
	world_ask(world, &other);
	assert_true(seen_is_body(seen_at(&world->service, 3), "abc", 3));
	world->service.says = &text_404;
	got = world_ask(world, &json_request);
	assert_true(seen_has(got, ":status=404;") && seen_is_body(got, "no", 2) &&
		    !seen_has(got, "vary"));
	assert_int_equal(world_counts(world)->translated, 1);
	world_free(world);
}

static void answers_without_a_body_get_the_headers_of_one(void **state)
{
	static const struct says head = {{":method", "HEAD", ":scheme", "http", ":authority", "a",
					  ":path", "/", "accept", "application/json"}};
	static const struct says head_200 = {
		{":status", "200", CBOR_TYPE, "content-length", "4", "etag", "\"v\""}};
	static const struct says none_304 = {{":status", "304", CBOR_TYPE, "etag", "W/\"v\""}};
	static const struct says empty_200 = {{":status", "200", CBOR_TYPE}};
	struct world *world = begun(false);
	const struct seen *got;

	world->service.says = &head_200;
	got = world_ask(world, &head);
	assert_true(seen_has(got, "content-type=application/json;") &&
		    seen_has(got, "etag=W/\"v\";"));
	assert_false(seen_has(got, "content-length"));
	world->service.says = &none_304;
	got = world_ask(world, &json_wish);
	assert_true(seen_has(got, ":status=304;") && seen_has(got, "etag=W/\"v\";"));
	world->service.says = &empty_200;
	got = world_ask(world, &json_wish);
	assert_true(seen_has(got, "content-type=application/cbor;"));
	assert_true(got->has_ended && got->n_body == 0);
	world_free(world);
}

static void bad_requests_are_refused_before_the_service_hears_of_them(void **state)
{
	static const struct {
		struct says says;
		const char *status;
	} requests[] = {
		{{{POST, JSON_TYPE}, "{", 1, {NULL}}, ":status=400;"},
		{{{POST, JSON_TYPE}, "[18446744073709551616]", 22, {NULL}}, ":status=415;"},
		{{{POST, JSON_TYPE, "content-encoding", "gzip"}, "x", 1, {NULL}}, ":status=415;"},
		{{{POST, JSON_TYPE, "content-range", "bytes 0-0/5"}, "1", 1, {NULL}},
		 ":status=415;"},
		{{{POST, "content-type", "application/json; charset=x"}, "1", 1, {NULL}},
		 ":status=415;"},
		{{{POST, JSON_TYPE, "accept", "text/html"}, "1", 1, {NULL}}, ":status=406;"},
		{{{POST, "content-type", "application/msgpack"}, "\x81", 1, {NULL}},
		 ":status=400;"},
	};
	struct world *world = begun(false);

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		const struct seen *got = world_ask(world, &requests[i].says);

		assert_true(seen_has(got, requests[i].status) &&
			    seen_has(got, "content-type=text/plain;"));
		assert_true(got->n_body > 20);
		assert_int_equal(world_counts(world)->untranslatable, i + 1);
	}
	assert_int_equal(world->service.n_requests, 0);
	world_free(world);
}

static void answers_that_cannot_be_translated_are_502(void **state)
{
	static const uint8_t bytes_answer[] = {0x41, 0x00};
	static const struct says answers[] = {
		{{":status", "200", CBOR_TYPE}, bytes_answer, 2, {NULL}},
		{{":status", "200", CBOR_TYPE}, "\xff", 1, {NULL}},
		{{":status", "200", CBOR_TYPE, "content-encoding", "br"}, cbor_answer, 4, {NULL}},
		{{":status", "206", CBOR_TYPE, "content-range", "bytes 0-1/9"},
		 cbor_answer,
		 4,
		 {0}},
		{{":status", "200", "content-type", "application/cbor; x=y"}, cbor_answer, 4, {0}},
	};
	struct world *world = begun(false);

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		world->service.says = &answers[i];
		assert_true(seen_has(world_ask(world, &json_wish), ":status=502;"));
		assert_int_equal(world_counts(world)->untranslatable, i + 1);
	}
	world_free(world);
}

/* A JSON text of so many bytes: blanks, then a number. */
static char *long_json(size_t len)
{
	char *text = xmalloc(len);

	memset(text, ' ', len);
	text[len - 1] = '1';
	return text;
}

static void bodies_up_to_the_limit_pass_every_window(void **state)
{
	char *text = long_json(TRANSLATE_BODY_MAX + 1);
	struct says fits = {{POST, JSON_TYPE}, text + 1, TRANSLATE_BODY_MAX, {NULL}};
	struct says larger = {{POST, JSON_TYPE}, text, TRANSLATE_BODY_MAX + 1, {NULL}};
	struct says said_larger = {{POST, JSON_TYPE, "content-length", "1048577"},
				   text,
				   TRANSLATE_BODY_MAX + 1,
				   {NULL}};
	uint8_t *body = xmalloc(TRANSLATE_BODY_MAX + 8);
	struct says answer = {{":status", "200", CBOR_TYPE}, body, 0, {NULL}};
	const size_t chars = TRANSLATE_BODY_MAX - 5;
	struct world *world = begun(false);
	const struct seen *got;

	assert_true(seen_has(world_ask(world, &fits), ":status=200;"));
	assert_true(seen_has(world_ask(world, &larger), ":status=413;"));
	assert_true(seen_has(world_ask(world, &said_larger), ":status=413;"));
	body[0] = 0x7a; /* a text with a length of four bytes */
	for (int i = 0; i < 4; i++)
		body[1 + i] = (uint8_t)((chars - 3) >> (24 - 8 * i));
	memset(body + 5, 'x', chars);
	answer.len = 5 + chars - 3;
	world->service.says = &answer;
	got = world_ask(world, &json_wish);
	assert_true(seen_has(got, ":status=200;"));
	assert_int_equal(got->n_body, chars - 3 + 2);
	answer.len = TRANSLATE_BODY_MAX + 1;
	assert_true(seen_has(world_ask(world, &json_wish), ":status=502;"));
	assert_int_equal(world->proxy.translating, 0);
	world_free(world);
	free(text);
	free(body);
}

static void held_bodies_are_bounded_in_all(void **state)
{
	struct world *world = begun(false);

	world->proxy.translating = TRANSLATION_HELD_MAX;
	assert_true(seen_has(world_ask(world, &json_request), ":status=503;"));
	assert_int_equal(world->proxy.translating, TRANSLATION_HELD_MAX);
	world->proxy.translating = 0;
	assert_true(seen_has(world_ask(world, &json_request), ":status=200;"));
	world_free(world);
}

static void who_waits_for_100_gets_it(void **state)
{
	static const struct says waits = {{POST, JSON_TYPE, "expect", "100-continue"}, "1", 1, {0}};
	struct world *world = begun(false);
	const struct seen *got = world_ask(world, &waits);

	assert_true(seen_has(got, ":status=100;:status=200;"));
	assert_false(seen_has(seen_at(&world->service, 1), "expect="));
	world_free(world);
}

static void trailers_pass_without_digests(void **state)
{
	static const struct says request = {
		{POST, JSON_TYPE}, "1", 1, {"x-end", "a", "content-digest", "b"}};
	static const struct says answer = {{":status", "200", CBOR_TYPE},
					   cbor_answer,
					   sizeof(cbor_answer),
					   {"x-sum", "c", "digest", "d"}};
	struct world *world = begun(false);
	const struct seen *got, *heard = seen_at(&world->service, 1);

	world->service.says = &answer;
	got = world_ask(world, &request);
	assert_true(seen_has(heard, "x-end=a;") && !seen_has(heard, "digest"));
	assert_true(seen_has(got, "x-sum=c;") && !seen_has(got, "digest"));
	world_free(world);
}

static void refused_stream_is_made_again_as_it_came(void **state)
{
	struct world *world = begun(true);
	int32_t stream;
	const struct seen *got;

	world->service.answers = false;
	stream = peer_ask(&world->client, &json_request);
	world_run(world);
	nghttp2_submit_rst_stream(world->service.session, 0, 1, NGHTTP2_REFUSED_STREAM);
	world->service.answers = true;
	world_run(world);
	got = seen_at(&world->client, stream);
	assert_true(seen_has(got, ":status=200;") && seen_is_body(got, "{\"a\":1}", 7));
	assert_true(seen_is_body(seen_at(&world->service, 3), "\xa1\x61\x62\x81\xf5", 5));
	assert_int_equal(world->service.n_requests, 2);
	world_free(world);
}

static void client_that_leaves_while_its_body_is_held_leaves_nothing(void **state)
{
	struct says half = {{POST, JSON_TYPE, "content-length", "100"}, "1", 1, {NULL}};
	struct world *world = begun(false);
	int32_t stream = peer_ask(&world->client, &half);

	world_run(world); /* nghttp2 of the client lets it end early: the proxy resets it */
	nghttp2_submit_rst_stream(world->client.session, 0, stream, NGHTTP2_CANCEL);
	world_run(world);
	assert_int_equal(world->proxy.n_exchanges, 0);
	assert_int_equal(world->proxy.translating, 0);
	assert_int_equal(world->service.n_requests, 0);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_becomes_cbor_and_comes_back),
		cmocka_unit_test(answer_alone_is_translated_for_who_accepts_another),
		cmocka_unit_test(what_needs_no_translation_passes),
		cmocka_unit_test(answers_without_a_body_get_the_headers_of_one),
		cmocka_unit_test(bad_requests_are_refused_before_the_service_hears_of_them),
		cmocka_unit_test(answers_that_cannot_be_translated_are_502),
		cmocka_unit_test(bodies_up_to_the_limit_pass_every_window),
		cmocka_unit_test(held_bodies_are_bounded_in_all),
		cmocka_unit_test(who_waits_for_100_gets_it),
		cmocka_unit_test(trailers_pass_without_digests),
		cmocka_unit_test(refused_stream_is_made_again_as_it_came),
		cmocka_unit_test(client_that_leaves_while_its_body_is_held_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
