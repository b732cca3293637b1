// SPDX-License-Identifier: GPL-2.0
/* DOC: gRPC as JSON: by translate.proto, against what Google's implementation wrote into the seeds */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/cleanup.h"
#include "daemon/proxy/grpc_status.h"
#include "daemon/translate/grpc.h"

#define CORPUS "selftests/fuzz/corpus/grpc/"
#define SEED_MAX 16384

static struct translate_refusal refusal;

/**
 * struct fixture - a seed
 * @bytes: all of it
 * @len: of it
 * @set_len: bytes of the descriptor set, behind the first two
 * @schema: of it
 * @method: Say
 */
struct fixture {
	uint8_t bytes[SEED_MAX];
	size_t len, set_len;
	struct schema *schema;
	const struct schema_method *method;
};

static size_t read_seed(const char *path, uint8_t ret[SEED_MAX])
{
	_cleanup_fclose_ FILE *file = fopen(path, "r");

	assert_non_null(file);
	return fread(ret, 1, SEED_MAX, file);
}

static const struct schema_method *method(const struct schema *schema, const char *path)
{
	return schema_find_method(schema, path, strlen(path));
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->len = read_seed(CORPUS "answer", f->bytes);
	f->set_len = (size_t)f->bytes[0] << 8 | f->bytes[1];
	f->schema = schema_parse(f->bytes + 2, f->set_len, &refusal);
	assert_non_null(f->schema);
	f->method = method(f->schema, "/demo.Echo/Say");
	assert_non_null(f->method);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	schema_put(f->schema);
	free(f);
	return 0;
}

static const uint8_t *answer_of(const struct fixture *f, size_t *len)
{
	*len = f->len - f->set_len - 3;
	return f->bytes + f->set_len + 3;
}

static void answer_is_the_json_that_google_writes(void **state)
{
	struct fixture *f = *state;
	uint8_t seed[SEED_MAX];
	size_t seed_len = read_seed(CORPUS "request", seed), len, json_len;
	const uint8_t *answer = answer_of(f, &len);
	_cleanup_free_ uint8_t *json = NULL;
	json_t *ours, *theirs;

	assert_true(grpc_answer(f->method, answer, len, &json, &json_len, &refusal));
	ours = json_loadb((char *)json, json_len, 0, NULL);
	theirs = json_loadb((char *)seed + f->set_len + 3, seed_len - f->set_len - 3, 0, NULL);
	assert_non_null(theirs);
	if (!json_equal(ours, theirs))
		fail_msg("%.*s", (int)json_len, json);
	json_decref(ours);
	json_decref(theirs);
}

/* Both spellings of names; of the message comes the answer again. */
static void check_request(struct fixture *f, const char *path)
{
	uint8_t seed[SEED_MAX];
	size_t seed_len = read_seed(path, seed), len, answer_len, one_len, two_len;
	const uint8_t *answer = answer_of(f, &answer_len);
	_cleanup_free_ uint8_t *message = NULL, *one = NULL, *two = NULL;

	if (!grpc_request(f->method, seed + f->set_len + 3, seed_len - f->set_len - 3, &message,
			  &len, &refusal))
		fail_msg("%s", refusal.reason);
	assert_true(grpc_answer(f->method, message, len, &one, &one_len, &refusal));
	assert_true(grpc_answer(f->method, answer, answer_len, &two, &two_len, &refusal));
	assert_int_equal(one_len, two_len);
	assert_memory_equal(one, two, one_len);
}

static void request_is_the_message_that_google_writes(void **state)
{
	check_request(*state, CORPUS "request");
	check_request(*state, CORPUS "names");
}

static void check_message(struct fixture *f, const char *json, const char *wanted,
			  size_t wanted_len)
{
	_cleanup_free_ uint8_t *message = NULL;
	size_t len;

	if (!grpc_request(f->method, (const uint8_t *)json, strlen(json), &message, &len, &refusal))
		fail_msg("%s: %s", json, refusal.reason);
	assert_int_equal(len, GRPC_PREFIX_LEN + wanted_len);
	assert_memory_equal(message + GRPC_PREFIX_LEN, wanted, wanted_len);
}

#define CHECK_MESSAGE(f, json, wanted) check_message(f, json, wanted, sizeof(wanted) - 1)

static void other_spellings_of_a_value_are_read(void **state)
{
	CHECK_MESSAGE(*state, "", "");
	CHECK_MESSAGE(*state, "{\"inner\":null}", "");
	CHECK_MESSAGE(*state, "{\"anInt32\":\"5\"}", "\x28\x05");
	CHECK_MESSAGE(*state, "{\"an_int32\":5.0}", "\x28\x05");
	CHECK_MESSAGE(*state, "{\"anInt64\":1e3}", "\x18\xe8\x07");
	CHECK_MESSAGE(*state, "{\"aDouble\":\"1.5\"}", "\x09\0\0\0\0\0\0\xf8\x3f");
	CHECK_MESSAGE(*state, "{\"someBytes\":\"_-8\"}", "\x62\x02\xff\xef");
	CHECK_MESSAGE(*state, "{\"someBytes\":\"/+8=\"}", "\x62\x02\xff\xef");
	CHECK_MESSAGE(*state, "{\"colour\":1}", "\x70\x01");
	CHECK_MESSAGE(*state, "{\"called\":1}", "\xa8\x02\x01");
	CHECK_MESSAGE(*state, "{\"wrapped\":\"7\"}", "\x92\x02\x02\x08\x07");
	CHECK_MESSAGE(*state, "{\"howLong\":\"-0.5s\"}",
		      "\x8a\x02\x0d\x08\0\x10\x80\xb6\xca\x91\xfe\xff\xff\xff\xff\x01");
	CHECK_MESSAGE(*state, "{\"when\":\"1970-01-01T01:30:01+01:30\"}",
		      "\x82\x02\x04\x08\x01\x10\0");
}

static void json_that_is_no_message_is_refused(void **state)
{
	static const struct {
		enum translate_fault fault;
		const char *json, *reason;
	} bad[] = {
		{TRANSLATE_MALFORMED, "[]", "demo.Everything: write an object"},
		{TRANSLATE_MALFORMED, "{", "not JSON"},
		{TRANSLATE_LOSSY, "{\"x\":1}", "no field 'x'"},
		{TRANSLATE_MALFORMED, "{\"anInt32\":2147483648}", "anInt32: write an integer"},
		{TRANSLATE_MALFORMED, "{\"anInt32\":-2147483649}", "anInt32: write an integer"},
		{TRANSLATE_MALFORMED, "{\"anInt32\":1.5}", "anInt32: write"},
		{TRANSLATE_MALFORMED, "{\"anInt32\":\"0x1\"}", "anInt32: write"},
		{TRANSLATE_MALFORMED, "{\"anInt32\":\"\"}", "anInt32: write"},
		{TRANSLATE_MALFORMED, "{\"anInt32\":\" 1\"}", "anInt32: write"},
		{TRANSLATE_MALFORMED, "{\"anInt32\":\"1\\u0000\"}", "anInt32: write"},
		{TRANSLATE_MALFORMED, "{\"aUint32\":-1}", "aUint32: write"},
		{TRANSLATE_MALFORMED, "{\"aUint64\":\"18446744073709551616\"}", "aUint64: write"},
		{TRANSLATE_MALFORMED, "{\"aFloat\":1e39}", "aFloat: write"},
		{TRANSLATE_MALFORMED, "{\"aDouble\":\"x\"}", "aDouble: write"},
		{TRANSLATE_MALFORMED, "{\"aDouble\":\"1e999\"}", "aDouble: write"},
		{TRANSLATE_MALFORMED, "{\"aBool\":1}", "aBool: write true or false"},
		{TRANSLATE_MALFORMED, "{\"aBool\":224}", "aBool: write true or false"},
		{TRANSLATE_MALFORMED, "{\"aString\":1}", "aString: write a text"},
		{TRANSLATE_MALFORMED, "{\"someBytes\":\"a\"}", "someBytes: write bytes"},
		{TRANSLATE_MALFORMED, "{\"someBytes\":\"ab=\"}", "someBytes: write bytes"},
		{TRANSLATE_MALFORMED, "{\"someBytes\":\"ab\"}", "someBytes: write bytes"},
		{TRANSLATE_MALFORMED, "{\"someBytes\":\"!!!!\"}", "someBytes: write bytes"},
		{TRANSLATE_MALFORMED, "{\"colour\":\"PINK\"}", "colour: write a name"},
		{TRANSLATE_MALFORMED, "{\"numbers\":1}", "numbers: write an array"},
		{TRANSLATE_MALFORMED, "{\"numbers\":[null]}", "numbers: write"},
		{TRANSLATE_MALFORMED, "{\"words\":[null]}", "words: write values"},
		{TRANSLATE_MALFORMED, "{\"counts\":{\"a\":null}}", "counts: write values"},
		{TRANSLATE_MALFORMED, "{\"counts\":[]}", "counts: write an object"},
		{TRANSLATE_MALFORMED, "{\"byBool\":{\"x\":\"\"}}", "\"true\" or \"false\""},
		{TRANSLATE_MALFORMED, "{\"byNumber\":{\"x\":{}}}", "an integer"},
		{TRANSLATE_MALFORMED, "{\"text\":\"a\",\"number\":1}", "another of its oneof"},
		{TRANSLATE_MALFORMED, "{\"anInt32\":1,\"an_int32\":2}", "twice"},
		{TRANSLATE_MALFORMED, "{\"when\":\"2026\"}", "Timestamp: write"},
		{TRANSLATE_MALFORMED, "{\"when\":\"2026-02-29T00:00:00Z\"}", "Timestamp: write"},
		{TRANSLATE_MALFORMED, "{\"when\":\"2026-01-31T24:00:00Z\"}", "Timestamp: write"},
		{TRANSLATE_MALFORMED, "{\"when\":\"0001-01-01T00:00:00+00:01\"}", "Timestamp"},
		{TRANSLATE_MALFORMED, "{\"when\":\"2026-01-31T00:00:00.Z\"}", "Timestamp"},
		{TRANSLATE_MALFORMED, "{\"howLong\":\"1\"}", "Duration: write"},
		{TRANSLATE_MALFORMED, "{\"howLong\":\"315576000001s\"}", "Duration: write"},
		{TRANSLATE_LOSSY, "{\"anything\":{}}", "google.protobuf.Any is not translated"},
	};
	struct fixture *f = *state;
	uint8_t *message;
	size_t len;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (grpc_request(f->method, (const uint8_t *)bad[i].json, strlen(bad[i].json),
				 &message, &len, &refusal))
			fail_msg("%s: was not refused", bad[i].json);
		if (refusal.fault != bad[i].fault || !strstr(refusal.reason, bad[i].reason))
			fail_msg("%s: %s", bad[i].json, refusal.reason);
	}
}

static void check_bad_answer(struct fixture *f, const char *bytes, size_t len, const char *reason)
{
	uint8_t *json;
	size_t json_len;

	if (grpc_answer(f->method, (const uint8_t *)bytes, len, &json, &json_len, &refusal))
		fail_msg("was not refused: %s", reason);
	if (!strstr(refusal.reason, reason))
		fail_msg("%s, not %s", refusal.reason, reason);
}

#define CHECK_BAD(f, bytes, reason) check_bad_answer(f, bytes, sizeof(bytes) - 1, reason)

static void answers_that_would_lose_something_are_refused(void **state)
{
	CHECK_BAD(*state, "", "no message");
	CHECK_BAD(*state, "\1\0\0\0\0", "compressed");
	CHECK_BAD(*state, "\0\0\0\0\5", "not whole");
	CHECK_BAD(*state, "\0\0\0\0", "not whole");
	CHECK_BAD(*state, "\0\0\0\0\0\0\0\0\0\0", "more than one message");
	CHECK_BAD(*state, "\0\0\0\0\1\xff", "varint");
	CHECK_BAD(*state, "\0\0\0\0\1\x00", "no valid number");
	CHECK_BAD(*state, "\0\0\0\0\1\x0b", "group");
	CHECK_BAD(*state, "\0\0\0\0\2\x4a\x01", "longer than what is left");
	CHECK_BAD(*state, "\0\0\0\0\3\x4a\x01\xff", "aString is not UTF-8");
	CHECK_BAD(*state, "\0\0\0\0\3\xa0\x06\x01", "unknown field 100");
	CHECK_BAD(*state, "\0\0\0\0\2\x48\x01", "unknown field 9"); /* of another type */
	CHECK_BAD(*state, "\0\0\0\0\6\xa2\x01\0\xa2\x01\0", "inner in two parts");
	CHECK_BAD(*state, "\0\0\0\0\3\xa2\x02\0", "Any is not translated");
	CHECK_BAD(*state, "\0\0\0\0\6\xd2\x01\0\xd2\x01\0", "key '' twice");
	CHECK_BAD(*state, "\0\0\0\0\x0e\x82\x02\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		  "out of range");
}

static void last_of_a_oneof_counts(void **state)
{
	static const uint8_t answer[] = "\0\0\0\0\6\xea\x01\1a\xf8\x01\5";
	struct fixture *f = *state;
	_cleanup_free_ uint8_t *json = NULL;
	size_t len;

	/* text = "a", then number = 5 */
	uint8_t framed[sizeof(answer) - 1];

	memcpy(framed, answer, sizeof(framed));
	framed[4] = sizeof(framed) - GRPC_PREFIX_LEN;
	assert_true(grpc_answer(f->method, framed, sizeof(framed), &json, &len, &refusal));
	assert_int_equal(len, strlen("{\"number\":5}"));
	assert_memory_equal(json, "{\"number\":5}", len);
}

static void messages_too_deep_are_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[GRPC_PREFIX_LEN + 512], *json;
	size_t at = sizeof(bytes), json_len;

	/* inner { child { child { ... } } }, from inside */
	for (size_t depth = 0; depth < TRANSLATE_DEPTH_MAX + 2; depth++) {
		size_t len = sizeof(bytes) - at;

		if (len > 127)
			bytes[--at] = (uint8_t)(len >> 7);
		bytes[--at] = (uint8_t)(len & 0x7f) | (len > 127 ? 0x80 : 0);
		if (depth == TRANSLATE_DEPTH_MAX + 1)
			bytes[--at] = 0x01;
		bytes[--at] = depth == TRANSLATE_DEPTH_MAX + 1 ? 0xa2 : 0x12;
	}
	at -= GRPC_PREFIX_LEN;
	memset(bytes + at, 0, GRPC_PREFIX_LEN);
	bytes[at + 3] = (uint8_t)((sizeof(bytes) - at - GRPC_PREFIX_LEN) >> 8);
	bytes[at + 4] = (uint8_t)(sizeof(bytes) - at - GRPC_PREFIX_LEN);
	assert_false(
		grpc_answer(f->method, bytes + at, sizeof(bytes) - at, &json, &json_len, &refusal));
	assert_int_equal(refusal.fault, TRANSLATE_TOO_LARGE);
}

static void methods_are_found_by_path_and_streams_refused(void **state)
{
	struct fixture *f = *state;
	const struct schema_method *stream = method(f->schema, "/demo.Echo/Stream");
	uint8_t *message;
	size_t len;

	assert_null(method(f->schema, "/demo.Echo/Nothing"));
	assert_null(method(f->schema, "demo.Echo/Say"));
	assert_null(method(f->schema, "/"));
	assert_null(method(f->schema, ""));
	assert_non_null(stream);
	assert_true(stream->is_client_streaming && !stream->is_server_streaming);
	assert_false(grpc_request(stream, (const uint8_t *)"{}", 2, &message, &len, &refusal));
	assert_true(strstr(refusal.reason, "stream") != NULL);
}

/* Every prefix of a descriptor set is read as a smaller one or refused. */
static void broken_descriptor_sets_are_survived(void **state)
{
	struct fixture *f = *state;
	uint8_t changed[SEED_MAX];

	for (size_t len = 0; len < f->set_len; len++)
		schema_put(schema_parse(f->bytes + 2, len, &refusal));
	for (size_t i = 0; i < f->set_len; i++) {
		memcpy(changed, f->bytes + 2, f->set_len);
		changed[i] ^= 0xff;
		schema_put(schema_parse(changed, f->set_len, &refusal));
	}
	assert_null(schema_parse((const uint8_t *)"\x0a\x02\x22\x00", 5, &refusal));
	/* A service whose messages are missing: protoc without --include_imports. */
	assert_null(
		schema_parse((const uint8_t *)"\x0a\x0f\x32\x0d\x0a\x01S\x12\x08\x0a\x01M\x12\x01"
					      "X\x1a\x00",
			     17, &refusal));
	assert_true(strstr(refusal.reason, "include_imports") != NULL);
}

/* Answers of a stream are an array; @wanted NULL: refused. */
static void check_stream(struct fixture *f, const char *bytes, size_t len, const char *wanted)
{
	struct schema_method streaming = *f->method;
	_cleanup_free_ uint8_t *json = NULL;
	size_t json_len;

	streaming.is_server_streaming = true;
	if (!grpc_answer(&streaming, (const uint8_t *)bytes, len, &json, &json_len, &refusal)) {
		assert_null(wanted);
		return;
	}
	assert_non_null(wanted);
	assert_int_equal(json_len, strlen(wanted));
	assert_memory_equal(json, wanted, json_len);
}

static void messages_of_a_stream_become_an_array(void **state)
{
	check_stream(*state, "", 0, "[]");
	check_stream(*state, "\0\0\0\0\0", 5, "[{}]");
	check_stream(*state, "\0\0\0\0\2\x28\1\0\0\0\0\0\0\0\0\0\2\x28\2", 19,
		     "[{\"anInt32\":1},{},{\"anInt32\":2}]");
	check_stream(*state, "\0\0\0\0\2\x28\1\0", 8, NULL);
	check_stream(*state, "\0\0\0\0\2\x28\1\1\0\0\0\0", 12, NULL);
	check_stream(*state, "\0\0\0\0\3\xa0\x06\x01", 8, NULL);
}

static void check_failure(const struct grpc_failure *failure, const char *wanted)
{
	_cleanup_free_ uint8_t *json = NULL;
	size_t len;

	assert_true(grpc_failure(failure, &json, &len));
	assert_int_equal(len, strlen(wanted));
	assert_memory_equal(json, wanted, len);
}

static void failures_are_told_as_grpc_gateway_tells_them(void **state)
{
	const struct grpc_failure encoded = {5, "no \"x\" %C3%a4%", 14, true, NULL, 0};
	const struct grpc_failure plain = {5, "%41", 3, false, NULL, 0};
	const struct grpc_failure odd = {2, "\xff", 1, true, NULL, 0};
	const struct grpc_failure late = {13, "", 0, true, (const uint8_t *)"[{}]", 4};
	const struct grpc_failure huge = {13, "", 0, true, (const uint8_t *)"", TRANSLATE_BODY_MAX};
	uint8_t *json;
	size_t len;

	check_failure(&encoded, "{\"code\":5,\"message\":\"no \\\"x\\\" \xc3\xa4%\"}");
	check_failure(&plain, "{\"code\":5,\"message\":\"%41\"}");
	check_failure(&odd, "{\"code\":2,\"message\":\"\"}");
	check_failure(&late, "{\"code\":13,\"message\":\"\",\"messages\":[{}]}");
	assert_false(grpc_failure(&huge, &json, &len));
	assert_int_equal(grpc_to_http(0), 200);
	assert_int_equal(grpc_to_http(5), 404);
	assert_int_equal(grpc_to_http(14), 503);
	assert_int_equal(grpc_to_http(16), 401);
	assert_int_equal(grpc_to_http(17), 500);
}

static void answers_of_ours_have_the_code_that_means_the_same(void **state)
{
	static const unsigned int statuses[] = {400, 403, 404, 405, 406, 413, 415,
						431, 501, 502, 503, 504, 500};
	static const uint32_t codes[] = {3, 7, 5, 12, 3, 8, 3, 8, 12, 13, 14, 4, 13};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		assert_int_equal(grpc_code_of_http(statuses[i]), codes[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_is_the_json_that_google_writes),
		cmocka_unit_test(request_is_the_message_that_google_writes),
		cmocka_unit_test(other_spellings_of_a_value_are_read),
		cmocka_unit_test(json_that_is_no_message_is_refused),
		cmocka_unit_test(answers_that_would_lose_something_are_refused),
		cmocka_unit_test(last_of_a_oneof_counts),
		cmocka_unit_test(messages_too_deep_are_refused),
		cmocka_unit_test(methods_are_found_by_path_and_streams_refused),
		cmocka_unit_test(broken_descriptor_sets_are_survived),
		cmocka_unit_test(messages_of_a_stream_become_an_array),
		cmocka_unit_test(failures_are_told_as_grpc_gateway_tells_them),
		cmocka_unit_test(answers_of_ours_have_the_code_that_means_the_same),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
