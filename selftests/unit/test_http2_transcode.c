// SPDX-License-Identifier: GPL-2.0
/* DOC: calls of gRPC in JSON over HTTP/2: what is made of them, and what is refused */
#define GRPC_JSON_SEED "selftests/fuzz/corpus/grpc/answer" /* translate.proto */

#include "selftests/unit/grpc_json_fixture.h"

#define TO(path) ":method", "POST", ":scheme", "http", ":authority", "a", ":path", path
#define SAY TO("/demo.Echo/Say")
#define JSON_TYPE "content-type", "application/json"
#define GRPC_TYPE "content-type", "application/grpc"

static const struct says json_request = {{SAY, JSON_TYPE}, "{\"anInt32\": 5}", 14, {NULL}};
static const struct says five_answer = {{OK_200, "x-a", "1"}, FIVE, FIVE_LEN, DONE};

static struct world *begun(bool is_entry)
{
	return begun_with(is_entry, &five_answer);
}

static void json_becomes_a_call_and_its_answer_json(void **state)
{
	for (int is_entry = 0; is_entry < 2; is_entry++) {
		struct world *world = begun(is_entry);
		const struct seen *got = world_ask(world, &json_request);
		const struct seen *heard = seen_at(&world->service, 1);

		assert_true(seen_is_body(heard, FIVE, FIVE_LEN));
		assert_true(seen_has(heard, "content-type=application/grpc;") &&
			    seen_has(heard, "te=trailers;") &&
			    seen_has(heard, "grpc-accept-encoding=identity;"));
		assert_false(seen_has(heard, "json") || seen_has(heard, "content-length"));
		assert_true(seen_has(got, ":status=200;content-type=application/json;"));
		assert_true(seen_has(got, "content-length=13;") && seen_has(got, "x-a=1;") &&
			    seen_has(got, "grpc-status=0;"));
		assert_true(is_text(got, "{\"anInt32\":5}"));
		assert_int_equal(world_counts(world)->translated, 2);
		assert_int_equal(world_counts(world)->statuses[2], 1);
		world_free(world);
	}
}

static void what_is_of_the_body_stays_and_the_rest_goes_along(void **state)
{
	static const struct says request = {{SAY, JSON_TYPE, "accept", "*/*", "accept-encoding",
					     "gzip", "te", "trailers", "grpc-encoding", "gzip",
					     "grpc-timeout", "1S", "x-mine", "1"},
					    "{}",
					    2,
					    {NULL}};
	static const struct says answer = {{OK_200, "grpc-encoding", "identity", "date", "d"},
					   FIVE,
					   FIVE_LEN,
					   {"grpc-status", "0", "x-last", "2",
					    "grpc-status-details-bin", "CAU"}};
	struct world *world = begun(false);
	const struct seen *got, *heard = seen_at(&world->service, 1);

	world->service.says = &answer;
	got = world_ask(world, &request);
	assert_true(seen_has(heard, "grpc-timeout=1S;") && seen_has(heard, "x-mine=1;"));
	assert_false(seen_has(heard, "gzip") || seen_has(heard, "accept=") ||
		     seen_has(heard, "te=trailers;te="));
	assert_true(seen_has(got, "date=d;") && seen_has(got, "x-last=2;") &&
		    seen_has(got, "grpc-status-details-bin=CAU;"));
	assert_false(seen_has(got, "grpc-encoding"));
	world_free(world);
}

static void request_without_a_body_is_the_empty_message(void **state)
{
	static const struct says bare = {{SAY}};
	static const struct says typed = {{SAY, JSON_TYPE}};
	struct world *world = begun(false);

	assert_true(seen_has(world_ask(world, &bare), ":status=200;"));
	assert_true(seen_is_body(seen_at(&world->service, 1), "\0\0\0\0\0", 5));
	assert_true(seen_has(world_ask(world, &typed), ":status=200;"));
	assert_true(seen_is_body(seen_at(&world->service, 3), "\0\0\0\0\0", 5));
	world_free(world);
}

static void calls_of_grpc_and_what_is_no_method_pass(void **state)
{
	static const struct says call = {{SAY, GRPC_TYPE, "te", "trailers"}, "\0", 1, {NULL}};
	static const struct says web = {
		{SAY, "content-type", "application/grpc-web+proto"}, "\0", 1, {NULL}};
	static const struct says page = {
		{":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/metrics"}};
	struct world *world = begun(false);
	const struct seen *got = world_ask(world, &call);

	assert_true(seen_is_body(got, FIVE, FIVE_LEN) &&
		    seen_has(got, "content-type=application/grpc;"));
	assert_true(seen_is_body(world_ask(world, &web), FIVE, FIVE_LEN));
	assert_true(seen_is_body(world_ask(world, &page), FIVE, FIVE_LEN));
	assert_int_equal(world_counts(world)->translated + world_counts(world)->untranslatable, 0);
	world_free(world);
}

static void without_a_descriptor_nothing_is_translated(void **state)
{
	struct world *shared = begun(true), *world = begun(false);

	world->proxy.events.schema = NULL;
	world_ask(world, &json_request);
	assert_true(seen_is_body(seen_at(&world->service, 1), json_request.body, json_request.len));
	shared->far->via = FLOW_SHARED; /* not ours to know */
	world_ask(shared, &json_request);
	assert_true(
		seen_is_body(seen_at(&shared->service, 1), json_request.body, json_request.len));
	world_free(world);
	world_free(shared);
}

static void what_is_no_call_is_refused_in_json(void **state)
{
	static const struct {
		struct says says;
		const char *status, *code, *word;
	} requests[] = {
		{{{TO("/demo.Echo/No"), JSON_TYPE}, "{}", 2, {NULL}}, "404", "5", "no such"},
		{{{TO("/demo.Echo/Stream"), JSON_TYPE}, "{}", 2, {NULL}}, "501", "12", "stream"},
		{{{TO("/demo.Echo/Say?a=1"), JSON_TYPE}, "{}", 2, {NULL}}, "400", "3", "query"},
		{{{SAY, JSON_TYPE}, "{", 1, {NULL}}, "400", "3", "not JSON"},
		{{{SAY, JSON_TYPE}, "{\"x\":1}", 7, {NULL}}, "400", "3", "no field 'x'"},
		{{{SAY, JSON_TYPE}, "{\"anInt32\":\"x\"}", 15, {NULL}}, "400", "3", "anInt32"},
		{{{SAY, JSON_TYPE}, "{\"anInt32\":2147483648}", 22, {NULL}}, "400", "3", "anInt32"},
		{{{SAY, JSON_TYPE}, "{\"anything\":{}}", 15, {NULL}}, "400", "3", "Any"},
		{{{SAY, "content-type", "text/plain"}, "{}", 2, {NULL}}, "415", "3", "takes"},
		{{{SAY}, "{}", 2, {NULL}}, "415", "3", "takes"},
		{{{SAY, JSON_TYPE, "content-encoding", "gzip"}, "{}", 2, {0}}, "415", "3", "plain"},
		{{{SAY, "content-type", "application/json; a=b"}, "{}", 2, {0}},
		 "415",
		 "3",
		 "para"},
		{{{SAY, JSON_TYPE, "accept", "text/html"}, "{}", 2, {NULL}}, "406", "3", "Accept"},
		{{{":method", "GET", ":scheme", "http", ":authority", "a", ":path",
		   "/demo.Echo/Say"}},
		 "405",
		 "12",
		 "POST"},
	};
	struct world *world = begun(false);
	char status[32], code[32];

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		const struct seen *got = world_ask(world, &requests[i].says);

		snprintf(status, sizeof(status), ":status=%s;", requests[i].status);
		snprintf(code, sizeof(code), "{\"code\":%s,", requests[i].code);
		if (!seen_has(got, status) || !seen_has(got, "content-type=application/json;") ||
		    !says_text(got, code) || !says_text(got, requests[i].word))
			fail_msg("%s: %s %s", requests[i].word, got->text, (const char *)got->body);
		assert_int_equal(world_counts(world)->untranslatable, i + 1);
	}
	assert_true(seen_has(seen_at(&world->client, 2 * ARRAY_SIZE(requests) - 1), "allow=POST;"));
	assert_int_equal(world->service.n_requests, 0);
	world_free(world);
}

static void statuses_become_those_of_http(void **state)
{
	static const struct says only_trailers = {
		{OK_200, "grpc-status", "5", "grpc-message", "no %C3%A4"}};
	static const struct says late = {{OK_200}, FIVE, FIVE_LEN, {"grpc-status", "10"}};
	struct world *world = begun(true);
	const struct seen *got;

	world->service.says = &only_trailers;
	got = world_ask(world, &json_request);
	assert_true(seen_has(got, ":status=404;") && seen_has(got, "grpc-message=no %C3%A4;"));
	assert_true(is_text(got, "{\"code\":5,\"message\":\"no \xc3\xa4\"}"));
	world->service.says = &late;
	got = world_ask(world, &json_request);
	assert_true(seen_has(got, ":status=409;"));
	assert_true(is_text(got, "{\"code\":10,\"message\":\"\",\"messages\":[{\"anInt32\":5}]}"));
	assert_int_equal(world_counts(world)->statuses[4], 2);
	world_free(world);
}

static void broker_hears_what_the_status_says_of_the_provider(void **state)
{
	static const struct says unknown = {{OK_200, "grpc-status", "12"}};
	static const struct says internal = {{OK_200, "grpc-status", "13"}};
	static const struct says plain_500 = {{":status", "500"}};
	struct world *world = begun(true);

	world->service.says = &unknown; /* 501, which is no fault of the provider */
	world_ask(world, &json_request);
	assert_int_equal(world->n_results, 1);
	assert_int_equal(world->n_errors, 0);
	world->service.says = &internal;
	world_ask(world, &json_request);
	assert_int_equal(world->n_errors, 1);
	world->service.says = &plain_500;
	world_ask(world, &json_request);
	assert_int_equal(world->n_results, 3);
	assert_int_equal(world->n_errors, 2);
	world_free(world);
}

static void answers_that_would_lose_something_are_502(void **state)
{
	static const struct {
		struct says says;
		const char *word;
	} answers[] = {
		{{{OK_200}, "\0\0\0\0\3\xa0\x06\x01", 8, DONE}, "unknown field 100"},
		{{{OK_200}, "\1\0\0\0\0", 5, DONE}, "compressed"},
		{{{OK_200, "grpc-encoding", "gzip"}, FIVE, FIVE_LEN, DONE}, "compressed"},
		{{{OK_200}, "\0\0\0\0\5", 5, DONE}, "not whole"},
		{{{OK_200}, FIVE FIVE, 2 * FIVE_LEN, DONE}, "more than one"},
		{{{OK_200, "grpc-status", "0"}}, "no message"},
		{{{OK_200}, FIVE, FIVE_LEN, {NULL}}, "no grpc-status"},
		{{{":status", "200", "content-type", "text/html"}, "x", 1, {NULL}}, "not gRPC"},
		{{{OK_200}, "\0\0\0\0\3\xa0\x06\x01", 8, {"grpc-status", "1"}}, "unknown field"},
	};
	struct world *world = begun(false);

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		const struct seen *got;

		world->service.says = &answers[i].says;
		got = world_ask(world, &json_request);
		if (!seen_has(got, ":status=502;") || !says_text(got, "{\"code\":13,") ||
		    !says_text(got, answers[i].word))
			fail_msg("%s: %s %s", answers[i].word, got->text, (const char *)got->body);
		assert_int_equal(world_counts(world)->untranslatable, i + 1);
	}
	world_free(world);
}

static void answer_that_is_not_200_speaks_for_itself(void **state)
{
	static const struct says plain = {
		{":status", "503", "content-type", "text/plain"}, "later", 5, {NULL}};
	struct world *world = begun(false);
	const struct seen *got;

	world->service.says = &plain;
	got = world_ask(world, &json_request);
	assert_true(seen_has(got, ":status=503;content-type=text/plain;") && is_text(got, "later"));
	world_free(world);
}

static void endless_headers_and_trailers_are_refused(void **state)
{
	char value[2][9000];
	struct says answer = {{OK_200, "x-a", value[0]}, FIVE, FIVE_LEN, {"grpc-status", "0"}};
	struct world *world = begun(false);

	memset(value, 'v', sizeof(value));
	value[0][sizeof(value[0]) - 1] = value[1][sizeof(value[1]) - 1] = '\0';
	answer.trailers[2] = "x-b";
	answer.trailers[3] = value[1];
	world->service.says = &answer;
	assert_true(seen_has(world_ask(world, &json_request), ":status=502;"));
	assert_int_equal(world_counts(world)->translated, 1); /* the request */
	assert_int_equal(world_counts(world)->untranslatable, 1);
	world_free(world);
}

static void deadline_of_a_call_in_json_is_kept(void **state)
{
	static const struct says slow = {{SAY, JSON_TYPE, "grpc-timeout", "1S"}, "{}", 2, {NULL}};
	struct world *world = begun(true);
	int32_t stream;

	world->service.answers = false;
	stream = peer_ask(&world->client, &slow);
	world_run(world);
	flow_tick(world->near, uv_hrtime() + NSEC_PER_SEC / 2);
	world_run(world);
	assert_false(seen_at(&world->client, stream)->has_ended);
	flow_tick(world->near, uv_hrtime() + 2 * NSEC_PER_SEC);
	world_run(world);
	assert_true(seen_has(seen_at(&world->client, stream), ":status=504;"));
	assert_true(says_text(seen_at(&world->client, stream), "{\"code\":4,"));
	assert_int_equal(seen_at(&world->service, 1)->reset, NGHTTP2_CANCEL);
	world_free(world);
}

static void refused_stream_is_made_again_from_the_json(void **state)
{
	struct world *world = begun(true);
	int32_t stream;

	world->service.answers = false;
	stream = peer_ask(&world->client, &json_request);
	world_run(world);
	nghttp2_submit_rst_stream(world->service.session, 0, 1, NGHTTP2_REFUSED_STREAM);
	world->service.answers = true;
	world_run(world);
	assert_true(is_text(seen_at(&world->client, stream), "{\"anInt32\":5}"));
	assert_true(seen_is_body(seen_at(&world->service, 3), FIVE, FIVE_LEN));
	world_free(world);
}

static void refusals_wait_for_the_rest_of_a_request_but_not_for_ever(void **state)
{
	static const struct says none = {{TO("/demo.Echo/No"), JSON_TYPE}, "{}", 2, {NULL}};
	const nghttp2_nv headers[] = {
		PEER_NV(":method", "POST"),
		PEER_NV(":scheme", "http"),
		PEER_NV(":authority", "a"),
		PEER_NV(":path", "/demo.Echo/No"),
		PEER_NV("content-type", "application/json"),
	};
	struct world *world = begun(false);
	int32_t stream = nghttp2_submit_headers(world->client.session, 0, -1, NULL, headers,
						ARRAY_SIZE(headers), NULL);
	const struct seen *got = seen_at(&world->client, stream);

	world_run(world);
	assert_true(seen_has(got, ":status=404;") && got->has_ended);
	assert_int_equal(got->reset, -1);
	flow_tick(world->near, uv_hrtime() + HTTP2_LINGER_NS / 2);
	world_run(world);
	assert_int_equal(got->reset, -1);
	flow_tick(world->near, uv_hrtime() + 2 * HTTP2_LINGER_NS);
	world_run(world);
	assert_int_equal(got->reset, NGHTTP2_NO_ERROR);
	got = world_ask(world, &none); /* who ends in time is not reset */
	assert_int_equal(got->reset, -1);
	world_free(world);
}

static void answers_of_an_entry_for_grpc_are_json_to_who_speaks_it(void **state)
{
	static const struct says other = {{SAY, "content-type", "text/plain"}, "{}", 2, {NULL}};
	struct world *world = begun(true);

	world->entry.settings.query.has_protocol = true;
	world->entry.settings.query.protocol = MANIFEST_GRPC;
	world->near->entry = NULL; /* it was removed: nobody is asked */
	assert_true(seen_has(world_ask(world, &other), "content-type=text/plain;"));
	world_free(world);
	world = begun(true);
	world->entry.settings.query.has_protocol = true;
	world->entry.settings.query.protocol = MANIFEST_GRPC;
	world->service.answers = false;
	world_ask(world, &json_request);
	assert_true(http2_relieve_pressure(&world->proxy));
	world_run(world);
	assert_true(seen_has(seen_at(&world->client, 1), ":status=503;"));
	assert_true(says_text(seen_at(&world->client, 1), "{\"code\":14,"));
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_becomes_a_call_and_its_answer_json),
		cmocka_unit_test(what_is_of_the_body_stays_and_the_rest_goes_along),
		cmocka_unit_test(request_without_a_body_is_the_empty_message),
		cmocka_unit_test(calls_of_grpc_and_what_is_no_method_pass),
		cmocka_unit_test(without_a_descriptor_nothing_is_translated),
		cmocka_unit_test(what_is_no_call_is_refused_in_json),
		cmocka_unit_test(statuses_become_those_of_http),
		cmocka_unit_test(broker_hears_what_the_status_says_of_the_provider),
		cmocka_unit_test(answers_that_would_lose_something_are_502),
		cmocka_unit_test(answer_that_is_not_200_speaks_for_itself),
		cmocka_unit_test(endless_headers_and_trailers_are_refused),
		cmocka_unit_test(deadline_of_a_call_in_json_is_kept),
		cmocka_unit_test(refused_stream_is_made_again_from_the_json),
		cmocka_unit_test(refusals_wait_for_the_rest_of_a_request_but_not_for_ever),
		cmocka_unit_test(answers_of_an_entry_for_grpc_are_json_to_who_speaks_it),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
