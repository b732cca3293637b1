// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: gRPC in JSON over HTTP/2, by HTTP paths and in lines
 *
 * What is made of a path; what becomes of streams, how they end, and who waits.
 */
#define GRPC_JSON_SEED "selftests/fuzz/corpus/grpc/path_get" /* paths.proto */

#include <stdlib.h>

#include "daemon/proxy/http2_lines.h"
#include "selftests/unit/grpc_json_fixture.h"

#define ASK(method, path) ":method", method, ":scheme", "http", ":authority", "a", ":path", path
#define COLLECT ASK("POST", "/v1/all")
#define TALK ASK("POST", "/v1/talk")
#define LINES "content-type", "application/x-ndjson"
#define WANTED "accept", "application/x-ndjson"
#define ALL ASK("GET", "/v1/all"), WANTED
#define A "\0\0\0\0\3\x0a\1a" /* {"name": "a"}, in its frame */
#define A_LEN 8

static const struct says all_request = {{ALL}};
static const struct says two_answers = {
	{OK_200, "x-a", "1"}, A FIVE, A_LEN + FIVE_LEN, {"grpc-status", "0", "x-last", "2"}};

static struct world *begun(bool is_entry)
{
	return begun_with(is_entry, &two_answers);
}

/* ---- paths ---- */

static void path_becomes_a_call_of_its_method(void **state)
{
	static const struct says get = {{ASK("GET", "/v1/titles/a"), "x-mine", "1"}};
	static const struct says put = {{ASK("PUT", "/v1/shelves/1/books/2:lend"), "content-type",
					 "application/json"},
					"{\"pages\":5}",
					11,
					{NULL}};
	static const struct says answer = {{OK_200}, A, A_LEN, DONE};
	static const char called[] = ":method=POST;:path=/paths.Shelves/Title;:scheme=http;"
				     ":authority=a;";

	for (int is_entry = 0; is_entry < 2; is_entry++) {
		struct world *world = begun(is_entry);
		const struct seen *heard = seen_at(&world->service, 1);

		world->service.says = &answer;
		assert_true(
			is_text(world_ask(world, &get), "\"\"")); /* only the title, it has none */
		assert_true(seen_is_body(heard, A, A_LEN));
		assert_ptr_equal(strstr(heard->text, called), heard->text);
		assert_true(seen_has(heard, "x-mine=1;") &&
			    seen_has(heard, "content-type=application/grpc;te=trailers;"));
		assert_true(is_text(world_ask(world, &put), "{\"name\":\"a\"}"));
		assert_true(seen_is_body(seen_at(&world->service, 3),
					 "\0\0\0\0\x15\x0a\x11shelves/1/books/2\x28\5", 26));
		world_free(world);
	}
}

static void paths_that_nobody_has_are_refused(void **state)
{
	static const struct {
		struct says says;
		const char *text, *word;
	} requests[] = {
		{{{ASK("GET", "/v1/nothing")}}, ":status=404;", "no such method or HTTP path"},
		{{{ASK("GET", "/metrics"), "content-type", "text/plain"}}, ":status=404;", "path"},
		{{{ASK("PUT", "/v1/titles/a")}}, "allow=GET;", "not called with this method"},
		{{{ASK("GET", "/paths.Shelves/Plain")}}, "allow=POST;", "POST"},
		{{{ASK("HEAD", "/v1/titles/a")}}, "allow=GET;", NULL},
		{{{ASK("GET", "/v1/titles/%zz")}}, ":status=400;", "hexadecimal"},
		{{{ASK("GET", "/v1/titles/a?no=1")}}, ":status=400;", "'no' is no field"},
		{{{ASK("GET", "/v1/titles/a"), "content-type", "application/json"}, "{}", 2, {0}},
		 ":status=400;",
		 "takes no body"},
		{{{ASK("PUT", "/v1/shelves/1/books/2:lend")}, "{}", 2, {0}},
		 ":status=415;",
		 "takes application/json"},
	};
	static const struct says call = {
		{ASK("POST", "/v1/nothing"), "content-type", "application/grpc"}, "", 1, {NULL}};
	struct world *world = begun(false);

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		const struct seen *got = world_ask(world, &requests[i].says);

		if (!seen_has(got, requests[i].text) ||
		    (requests[i].word && !says_text(got, requests[i].word)))
			fail_msg("%zu: %s %s", i, got->text, (const char *)got->body);
		assert_int_equal(world_counts(world)->untranslatable, i + 1);
	}
	assert_int_equal(world->service.n_requests, 0);
	world_ask(world, &call); /* what is gRPC is the service's to refuse */
	assert_int_equal(world->service.n_requests, 1);
	world_free(world);
}

/* A hub's headers may be as long as is taken, and a method's own path longer than that it came by. */
static void headers_too_long_for_a_call_are_refused(void **state)
{
	static char value[HTTP2_HEAD_MAX + HTTP2_ADDED_MAX];
	struct world *world = begun(false);
	bool was_refused = false;

	for (size_t len = HTTP2_HEAD_MAX; len < sizeof(value) - 1 && !was_refused; len += 8) {
		const struct says says = {{ASK("GET", "/v1/all"), "x-long", value}};

		memset(value, 'v', len);
		was_refused = says_text(world_ask(world, &says), "too long for a call");
		memset(world->client.seen, 0, sizeof(world->client.seen));
	}
	assert_true(was_refused);
	world_free(world);
}

/* ---- lines ---- */

static void lines_of_a_request_become_messages(void **state)
{
	static const char body[] = "{\"name\":\"a\"}\r\n\n \n{\"pages\":5}";
	static const struct says request = {
		{COLLECT, LINES, "x-mine", "1"}, body, sizeof(body) - 1, {NULL}};
	static const struct says answer = {{OK_200}, A, A_LEN, DONE};

	for (int is_entry = 0; is_entry < 2; is_entry++) {
		struct world *world = begun(is_entry);
		const struct seen *got, *heard = seen_at(&world->service, 1);

		world->service.says = &answer;
		got = world_ask(world, &request);
		assert_true(seen_is_body(heard, A FIVE, A_LEN + FIVE_LEN) && heard->has_ended);
		assert_true(seen_has(heard, ":path=/paths.Shelves/Collect;") &&
			    seen_has(heard, ":method=POST;") && seen_has(heard, "x-mine=1;") &&
			    seen_has(heard, "content-type=application/grpc;"));
		assert_true(seen_has(got, ":status=200;content-type=application/json;"));
		assert_true(is_text(got, "{\"name\":\"a\"}"));
		assert_int_equal(world_counts(world)->translated, 2);
		world_free(world);
	}
}

static void requests_of_no_lines_are_streams_of_no_messages(void **state)
{
	static const struct says bare = {{COLLECT, LINES}};
	static const struct says blank = {{COLLECT, LINES}, "\n \n\r\n", 5, {NULL}};
	static const struct says answer = {{OK_200}, A, A_LEN, DONE};
	struct world *world = begun(false);

	world->service.says = &answer;
	assert_true(is_text(world_ask(world, &bare), "{\"name\":\"a\"}"));
	assert_true(is_text(world_ask(world, &blank), "{\"name\":\"a\"}"));
	assert_int_equal(seen_at(&world->service, 1)->n_body, 0);
	assert_int_equal(seen_at(&world->service, 3)->n_body, 0);
	assert_true(seen_at(&world->service, 3)->has_ended);
	world_free(world);
}

static void messages_of_an_answer_become_lines(void **state)
{
	for (int is_entry = 0; is_entry < 2; is_entry++) {
		struct world *world = begun(is_entry);
		const struct seen *got = world_ask(world, &all_request);

		assert_true(seen_has(got, ":status=200;content-type=application/x-ndjson;x-a=1;"));
		assert_true(seen_has(got, "grpc-status=0;x-last=2;"));
		assert_true(is_text(got, "{\"result\":{\"name\":\"a\"}}\n"
					 "{\"result\":{\"pages\":\"5\"}}\n"));
		assert_int_equal(world_counts(world)->translated, 2);
		assert_int_equal(world_counts(world)->statuses[2], 1);
		world_free(world);
	}
}

static void streams_may_have_no_messages(void **state)
{
	static const struct says only_head = {{OK_200, "grpc-status", "0"}};
	static const struct says only_trailers = {{OK_200}, "", 0, DONE};
	struct world *world = begun(false);

	world->service.says = &only_head;
	assert_true(is_text(world_ask(world, &all_request), ""));
	world->service.says = &only_trailers;
	assert_true(is_text(world_ask(world, &all_request), ""));
	assert_true(seen_has(seen_at(&world->client, 1), ":status=200;"));
	world_free(world);
}

static void failures_are_told_in_the_last_line_or_by_status(void **state)
{
	static const struct says late = {
		{OK_200}, A, A_LEN, {"grpc-status", "10", "grpc-message", "no %C3%A4"}};
	static const struct says early = {{OK_200, "grpc-status", "5", "grpc-message", "no"}};
	static const struct says silent = {{OK_200}, A, A_LEN, {NULL}};
	struct world *world = begun(false);
	const struct seen *got;

	world->service.says = &late;
	got = world_ask(world, &all_request);
	assert_true(seen_has(got, ":status=200;") && seen_has(got, "grpc-status=10;"));
	assert_true(is_text(got, "{\"result\":{\"name\":\"a\"}}\n"
				 "{\"error\":{\"code\":10,\"message\":\"no \xc3\xa4\"}}\n"));
	world->service.says = &early;
	got = world_ask(world, &all_request);
	assert_true(seen_has(got, ":status=404;content-type=application/json;"));
	assert_true(is_text(got, "{\"code\":5,\"message\":\"no\"}"));
	world->service.says = &silent;
	got = world_ask(world, &all_request);
	assert_true(says_text(got,
			      "\n{\"error\":{\"code\":13,\"message\":\"the service's answer has no "
			      "grpc-status\"}}\n"));
	world_free(world);
}

static void who_prefers_json_gets_an_array(void **state)
{
	static const struct {
		const char *accept;
		bool is_array, is_array_to_lines;
	} wishes[] = {
		{"*/*", true, false},
		{"application/json", true, true},
		{"application/json, application/x-ndjson", true, false},
		{"application/json;q=0.5, application/x-ndjson", false, false},
		{"application/json, application/x-ndjson;q=0.5", true, true},
		{"application/ndjson", false, false},
		{"*/*, application/jsonl", false, false},
		{"application/*", true, false},
	};
	struct world *world = begun(false);

	for (size_t i = 0; i < ARRAY_SIZE(wishes); i++) {
		const struct says plain = {{ASK("GET", "/v1/all"), "accept", wishes[i].accept}};
		const struct says lines = {{TALK, LINES, "accept", wishes[i].accept}};
		bool is_array =
			seen_has(world_ask(world, &plain), "content-type=application/json;");

		if (is_array != wishes[i].is_array)
			fail_msg("%s", wishes[i].accept);
		is_array = seen_has(world_ask(world, &lines), "content-type=application/json;");
		if (is_array != wishes[i].is_array_to_lines)
			fail_msg("to lines: %s", wishes[i].accept);
	}
	world_free(world);
}

static void what_is_no_stream_is_refused(void **state)
{
	static const struct {
		struct says says;
		const char *status, *word;
	} requests[] = {
		{{{COLLECT, "content-type", "application/json"}, "{}", 2, {0}}, "501", "x-ndjson"},
		{{{COLLECT}}, "501", "x-ndjson"},
		{{{ASK("POST", "/v1/all?title=x"), LINES}, "{}", 2, {0}}, "400", "query"},
		{{{ASK("POST", "/paths.Shelves/Plain"), LINES}, "{}", 2, {0}}, "415", "takes"},
		{{{ASK("POST", "/paths.Shelves/Plain"), WANTED}}, "406", "Accept"},
		{{{COLLECT, LINES, WANTED}, "{}", 2, {0}}, "406", "Accept"},
		{{{COLLECT, LINES, "content-encoding", "gzip"}, "{}", 2, {0}}, "415", "plain"},
		{{{COLLECT, LINES}, "{\n", 2, {0}}, "400", "line 1: the body is not JSON"},
		{{{COLLECT, LINES}, "{}\n\n{\"x\":1}", 11, {0}},
		 "400",
		 "line 3: paths.Book has no field"},
		{{{TALK, LINES}, "[]\n", 3, {0}}, "400", "line 1: paths.Book: write an object"},
	};
	struct world *world = begun(false);
	char status[32];

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		const struct seen *got = world_ask(world, &requests[i].says);

		snprintf(status, sizeof(status), ":status=%s;", requests[i].status);
		if (!seen_has(got, status) || !says_text(got, requests[i].word))
			fail_msg("%s: %s %s", requests[i].word, got->text, (const char *)got->body);
		assert_int_equal(world_counts(world)->untranslatable, i + 1);
	}
	assert_int_equal(world->service.n_requests, 0); /* what came at once was looked at first */
	world_free(world);
}

static void lines_without_end_are_refused(void **state)
{
	static char line[TRANSLATE_BODY_MAX + 2];
	struct says request = {{COLLECT, LINES}, line, sizeof(line), {NULL}};
	struct world *world = begun(false);

	memset(line, ' ', sizeof(line));
	assert_true(seen_has(world_ask(world, &request), ":status=413;"));
	assert_true(says_text(seen_at(&world->client, 1), "a line of more than"));
	world_free(world);
}

static void answers_that_would_lose_something_end_with_that(void **state)
{
	static const struct {
		const char *body;
		size_t len;
		const char *word;
	} answers[] = {
		{A "\0\0\0\0\3\xa0\x06\x01" A, 2 * A_LEN + 8, "unknown field 100"},
		{A "\1\0\0\0\0", A_LEN + 5, "compressed"},
		{A "\0\0\0\0\5", A_LEN + 5, "not whole"},
		{A "\0\0\0", A_LEN + 3, "not whole"},
		{A "\0\x7f\0\0\0", A_LEN + 5, "more than 1048576 bytes"},
	};
	struct world *world = begun(false);

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		const struct says says = {{OK_200}, answers[i].body, answers[i].len, DONE};
		const struct seen *got;

		world->service.says = &says;
		got = world_ask(world, &all_request);
		if (!seen_has(got, ":status=200;") || !seen_has(got, "grpc-status=13;") ||
		    !says_text(got, "{\"result\":{\"name\":\"a\"}}\n{\"error\":{\"code\":13,") ||
		    !says_text(got, answers[i].word) || !got->has_ended)
			fail_msg("%s: %s %s", answers[i].word, got->text, (const char *)got->body);
		assert_int_equal(world_counts(world)->untranslatable, i + 1);
	}
	world_free(world);
}

/* ---- both at once ---- */

/* A service that begins to answer before it has all; its stream stays open. */
static void answer_now(struct world *world, const char *bytes, size_t len)
{
	const nghttp2_nv headers[] = {PEER_NV(":status", "200"),
				      PEER_NV("content-type", "application/grpc")};
	uint8_t frame[9] = {0, (uint8_t)(len >> 8), (uint8_t)len, NGHTTP2_DATA, 0, 0, 0, 0, 1};

	if (!seen_at(&world->client, 1)->text[0])
		nghttp2_submit_headers(world->service.session, 0, 1, NULL, headers, 2, NULL);
	world_run(world);
	if (!len)
		return;
	peer_say(&world->service, frame, sizeof(frame));
	peer_say(&world->service, bytes, len);
	world_run(world);
}

/* And a program that writes when it likes. */
static void write_now(struct world *world, const char *bytes, bool is_last)
{
	size_t len = strlen(bytes);
	uint8_t frame[9] = {0, 0, (uint8_t)len, NGHTTP2_DATA, is_last, 0, 0, 0, 1};

	peer_say(&world->client, frame, sizeof(frame));
	peer_say(&world->client, bytes, len);
	world_run(world);
}

static void begin_talk(struct world *world)
{
	const nghttp2_nv headers[] = {
		PEER_NV(":method", "POST"),
		PEER_NV(":scheme", "http"),
		PEER_NV(":authority", "a"),
		PEER_NV(":path", "/v1/talk"),
		PEER_NV("content-type", "application/x-ndjson"),
	};

	world->service.answers = false;
	nghttp2_submit_headers(world->client.session, 0, -1, NULL, headers, ARRAY_SIZE(headers),
			       NULL);
	world_run(world);
}

static void streams_go_both_ways_at_once(void **state)
{
	struct world *world = begun(false);
	const struct seen *got = seen_at(&world->client, 1), *heard = seen_at(&world->service, 1);

	begin_talk(world);
	assert_true(seen_has(heard, ":path=/paths.Shelves/Talk;"));
	write_now(world, "{\"name\":\"a\"", false);
	assert_int_equal(heard->n_body, 0);
	write_now(world, "}\n{\"pages\"", false);
	assert_true(seen_is_body(heard, A, A_LEN));
	answer_now(world, A, A_LEN);
	assert_true(seen_is_body(got, "{\"result\":{\"name\":\"a\"}}\n", 24));
	answer_now(world, FIVE, 3);
	answer_now(world, &FIVE[3], FIVE_LEN - 3);
	assert_false(got->has_ended);
	assert_true(says_text(got, "{\"result\":{\"pages\":\"5\"}}\n"));
	write_now(world, ":5}", true);
	assert_true(seen_is_body(heard, A FIVE, A_LEN + FIVE_LEN) && heard->has_ended);
	world_free(world);
}

/* The rest of the request is wanted by nobody then. */
static void service_may_end_before_the_request_does(void **state)
{
	const nghttp2_nv trailers[] = {PEER_NV("grpc-status", "10")};

	for (int is_entry = 0; is_entry < 2; is_entry++) {
		struct world *world = begun(is_entry);
		const struct seen *got = seen_at(&world->client, 1);

		begin_talk(world);
		write_now(world, "{}\n", false);
		answer_now(world, A, A_LEN);
		nghttp2_submit_headers(world->service.session, NGHTTP2_FLAG_END_STREAM, 1, NULL,
				       trailers, 1, NULL);
		world_run(world);
		nghttp2_submit_rst_stream(world->service.session, 0, 1, NGHTTP2_NO_ERROR);
		world_run(world);
		assert_true(is_text(got, "{\"result\":{\"name\":\"a\"}}\n"
					 "{\"error\":{\"code\":10,\"message\":\"\"}}\n"));
		assert_int_equal(got->reset, -1); /* at which some clients drop what they have */
		flow_tick(world->near, uv_hrtime() + 2 * HTTP2_LINGER_NS);
		world_run(world);
		assert_int_equal(got->reset, NGHTTP2_NO_ERROR);
		world_free(world);
	}
}

static void bad_line_behind_good_ones_ends_the_call(void **state)
{
	struct world *world = begun(false);
	const struct seen *got = seen_at(&world->client, 1), *heard = seen_at(&world->service, 1);

	begin_talk(world);
	write_now(world, "{}\n", false);
	answer_now(world, A, A_LEN);
	write_now(world, "{\"name\":1}\n{}\n", false);
	assert_true(says_text(got,
			      "\n{\"error\":{\"code\":3,\"message\":\"line 2: name: write a text"));
	assert_true(got->has_ended && seen_has(got, "grpc-status=3;"));
	assert_int_equal(heard->reset, NGHTTP2_CANCEL);
	world_free(world);
	world = begun(false);
	begin_talk(world);
	write_now(world, "{}\n", false);
	write_now(world, "{\n", false);
	assert_true(seen_has(seen_at(&world->client, 1), ":status=400;"));
	world_free(world);
}

static void service_that_breaks_off_is_told(void **state)
{
	for (int is_entry = 0; is_entry < 2; is_entry++) {
		struct world *world = begun(is_entry);
		const struct seen *got = seen_at(&world->client, 1);

		begin_talk(world);
		answer_now(world, A, A_LEN);
		nghttp2_submit_rst_stream(world->service.session, 0, 1, NGHTTP2_INTERNAL_ERROR);
		world_run(world);
		assert_true(is_text(got, "{\"result\":{\"name\":\"a\"}}\n{\"error\":{\"code\":14,"
					 "\"message\":\"the connection to the service "
					 "failed\"}}\n"));
		assert_true(seen_has(got, "grpc-status=14;"));
		world_free(world);
	}
}

static void deadline_ends_a_stream(void **state)
{
	static const struct says request = {
		{ALL, "content-type", "application/json", "grpc-timeout", "1S"}};
	struct world *world = begun(true);
	const struct seen *got = seen_at(&world->client, 1);

	world->service.answers = false;
	peer_ask(&world->client, &request);
	world_run(world);
	answer_now(world, A, A_LEN);
	flow_tick(world->near, uv_hrtime() + 2 * NSEC_PER_SEC);
	world_run(world);
	assert_true(says_text(got, "\n{\"error\":{\"code\":4,") && got->has_ended);
	assert_int_equal(seen_at(&world->service, 1)->reset, NGHTTP2_CANCEL);
	world_free(world);
}

static void lines_are_asked_again_where_nothing_was_done(void **state)
{
	static const struct says request = {
		{COLLECT, LINES}, "{\"name\":\"a\"}\n{\"pages\":5}\n", 25, {NULL}};
	static const struct says answer = {{OK_200}, A, A_LEN, DONE};
	struct world *world = begun(true);
	int32_t stream;

	world->service.answers = false;
	world->service.says = &answer;
	stream = peer_ask(&world->client, &request);
	world_run(world);
	nghttp2_submit_rst_stream(world->service.session, 0, 1, NGHTTP2_REFUSED_STREAM);
	world->service.answers = true;
	world_run(world);
	assert_true(is_text(seen_at(&world->client, stream), "{\"name\":\"a\"}"));
	assert_true(seen_is_body(seen_at(&world->service, 3), A FIVE, A_LEN + FIVE_LEN));
	world_free(world);
}

/* ---- who waits ---- */

#define MANY 200000
#define HELD_MAX (2 * (HTTP2_WINDOW + HTTP2_LINES_AHEAD + HTTP2_OUT_MAX))

static void client_that_does_not_read_stops_the_service(void **state)
{
	static char body[MANY * A_LEN];
	struct says answer = {{OK_200}, body, sizeof(body), DONE};

	for (size_t i = 0; i < MANY; i++)
		memcpy(body + i * A_LEN, A, A_LEN);
	for (int is_entry = 0; is_entry < 2; is_entry++) {
		struct world *world = begun(is_entry);
		const struct seen *got = seen_at(&world->client, 1);

		world->service.says = &answer;
		world->client.room = 100000;
		world_ask(world, &all_request);
		assert_false(got->has_ended);
		assert_true(world->proxy.totals.buffered < HELD_MAX);
		assert_true(world->proxy.translating < HELD_MAX);
		assert_true(world->service.said[0] < sizeof(body) / 2);
		world->client.room = SIZE_MAX;
		http2_mark_dirty(&world->near->http2->down);
		world_run(world);
		assert_true(got->has_ended && seen_has(got, "grpc-status=0;"));
		assert_int_equal(got->n_body, MANY * strlen("{\"result\":{\"name\":\"a\"}}\n"));
		world_free(world);
	}
}

static void service_that_does_not_read_stops_the_client(void **state)
{
	static const char line[] = "{\"name\":\"a\"}\n";
	static const struct says answer = {{OK_200}, A, A_LEN, DONE};
	static char body[MANY * (sizeof(line) - 1)];
	struct says request = {{COLLECT, LINES}, body, sizeof(body), {NULL}};

	for (size_t i = 0; i < MANY; i++)
		memcpy(body + i * (sizeof(line) - 1), line, sizeof(line) - 1);
	for (int is_entry = 0; is_entry < 2; is_entry++) {
		struct world *world = begun(is_entry);
		const struct seen *heard = seen_at(&world->service, 1);

		world->service.says = &answer;
		world->service.room = 100000;
		world_ask(world, &request);
		assert_true(world->proxy.totals.buffered < HELD_MAX);
		assert_true(world->client.said[0] < sizeof(body) / 2);
		world->service.room = SIZE_MAX;
		http2_mark_dirty(&world->far->http2->up);
		world_run(world);
		assert_true(heard->has_ended);
		assert_int_equal(heard->n_body, MANY * A_LEN);
		assert_true(is_text(seen_at(&world->client, 1), "{\"name\":\"a\"}"));
		world_free(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(path_becomes_a_call_of_its_method),
		cmocka_unit_test(paths_that_nobody_has_are_refused),
		cmocka_unit_test(headers_too_long_for_a_call_are_refused),
		cmocka_unit_test(lines_of_a_request_become_messages),
		cmocka_unit_test(requests_of_no_lines_are_streams_of_no_messages),
		cmocka_unit_test(messages_of_an_answer_become_lines),
		cmocka_unit_test(streams_may_have_no_messages),
		cmocka_unit_test(failures_are_told_in_the_last_line_or_by_status),
		cmocka_unit_test(who_prefers_json_gets_an_array),
		cmocka_unit_test(what_is_no_stream_is_refused),
		cmocka_unit_test(lines_without_end_are_refused),
		cmocka_unit_test(answers_that_would_lose_something_end_with_that),
		cmocka_unit_test(streams_go_both_ways_at_once),
		cmocka_unit_test(service_may_end_before_the_request_does),
		cmocka_unit_test(bad_line_behind_good_ones_ends_the_call),
		cmocka_unit_test(service_that_breaks_off_is_told),
		cmocka_unit_test(deadline_ends_a_stream),
		cmocka_unit_test(lines_are_asked_again_where_nothing_was_done),
		cmocka_unit_test(client_that_does_not_read_stops_the_service),
		cmocka_unit_test(service_that_does_not_read_stops_the_client),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
