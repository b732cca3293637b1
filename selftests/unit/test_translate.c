// SPDX-License-Identifier: GPL-2.0
/* DOC: bodies in other formats: exactly the same, or refused with a reason */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/prng.h"
#include "daemon/translate/tree.h"

#define JSON MANIFEST_BODY_JSON
#define CBOR MANIFEST_BODY_CBOR
#define MSGPACK MANIFEST_BODY_MSGPACK
#define ROUNDS 3000
#define CHILDREN_MAX 6
#define NESTED_MAX 4

static struct translate_refusal refusal;

/* Hexadecimal digits, spaces between them passed over. */
static size_t unhex(const char *text, uint8_t *ret)
{
	char pair[3] = "";
	size_t n = 0;

	for (; *text; text++) {
		if (*text == ' ')
			continue;
		pair[0] = *text++;
		pair[1] = *text;
		ret[n++] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return n;
}

static size_t from_text(uint8_t format, const char *text, uint8_t *ret)
{
	if (format != JSON)
		return unhex(text, ret);
	memcpy(ret, text, strlen(text));
	return strlen(text);
}

static void check_becomes(uint8_t from, const char *text, uint8_t to, const char *wanted)
{
	_cleanup_free_ uint8_t *out = NULL;
	uint8_t in[512], expected[512];
	size_t len = from_text(from, text, in), wanted_len = from_text(to, wanted, expected);
	size_t out_len;

	if (!translate_body(from, to, in, len, &out, &out_len, &refusal))
		fail_msg("%s: %s", text, refusal.reason);
	if (out_len != wanted_len || memcmp(out, expected, wanted_len) != 0)
		fail_msg("%s: became %.*s", text, (int)out_len, out);
}

static void check_same(const char *json, const char *cbor, const char *msgpack)
{
	const char *texts[] = {[JSON] = json, [CBOR] = cbor, [MSGPACK] = msgpack};

	for (uint8_t from = JSON; from <= MSGPACK; from++)
		for (uint8_t to = JSON; to <= MSGPACK; to++)
			check_becomes(from, texts[from], to, texts[to]);
}

static void check_refused(uint8_t from, const char *text, uint8_t to, enum translate_fault fault,
			  const char *reason)
{
	_cleanup_free_ uint8_t *out = NULL;
	uint8_t in[512];
	size_t len = from_text(from, text, in), out_len;

	if (translate_body(from, to, in, len, &out, &out_len, &refusal))
		fail_msg("%s: was not refused", text);
	if (refusal.fault != fault || !strstr(refusal.reason, reason))
		fail_msg("%s: %d %s", text, refusal.fault, refusal.reason);
}

static void values_are_the_same_in_every_format(void **state)
{
	check_same("null", "f6", "c0");
	check_same("true", "f5", "c3");
	check_same("false", "f4", "c2");
	check_same("0", "00", "00");
	check_same("23", "17", "17");
	check_same("24", "1818", "18");
	check_same("127", "187f", "7f");
	check_same("128", "1880", "cc80");
	check_same("255", "18ff", "ccff");
	check_same("256", "190100", "cd0100");
	check_same("65536", "1a00010000", "ce00010000");
	check_same("4294967296", "1b0000000100000000", "cf0000000100000000");
	check_same("9223372036854775807", "1b7fffffffffffffff", "cf7fffffffffffffff");
	check_same("-1", "20", "ff");
	check_same("-32", "381f", "e0");
	check_same("-33", "3820", "d0df");
	check_same("-128", "387f", "d080");
	check_same("-129", "3880", "d1ff7f");
	check_same("-32768", "397fff", "d18000");
	check_same("-32769", "398000", "d2ffff7fff");
	check_same("-2147483649", "3a80000000", "d3ffffffff7fffffff");
	check_same("-9223372036854775808", "3b7fffffffffffffff", "d38000000000000000");
	check_same("1.5", "fa3fc00000", "ca3fc00000");
	check_same("1.0", "fa3f800000", "ca3f800000");
	check_same("-0.0", "fa80000000", "ca80000000");
	check_same("0.1", "fb3fb999999999999a", "cb3fb999999999999a");
	check_same("1e+300", "fb7e37e43c8800759c", "cb7e37e43c8800759c");
	check_same("\"\"", "60", "a0");
	check_same("\"a\\\"\\\\\\n\\u0001\"", "65 61225c0a01", "a5 61225c0a01");
	check_same("\"\xc3\xa4\xf0\x9f\x98\x80\"", "66 c3a4f09f9880", "a6 c3a4f09f9880");
	check_same("[]", "80", "90");
	check_same("[1,[2,3]]", "82 01 82 02 03", "92 01 92 02 03");
	check_same("{}", "a0", "80");
	check_same("{\"b\":1,\"a\":[null]}", "a2 6162 01 6161 81 f6", "82 a162 01 a161 91 c0");
}

static void other_encodings_of_a_value_are_read(void **state)
{
	check_becomes(CBOR, "1b0000000000000001", JSON, "1");
	check_becomes(CBOR, "9f 01 9f ff 02 ff", JSON, "[1,[],2]");
	check_becomes(CBOR, "bf 6161 01 6162 9f ff ff", JSON, "{\"a\":1,\"b\":[]}");
	check_becomes(CBOR, "7f 61 61 60 62 6263 ff", JSON, "\"abc\"");
	check_becomes(CBOR, "7f ff", JSON, "\"\"");
	check_becomes(CBOR, "5f 42 0102 41 03 ff", MSGPACK, "c403 010203");
	check_becomes(CBOR, "f93e00", JSON, "1.5");
	check_becomes(CBOR, "f90001", JSON, "5.9604644775390625e-08");
	check_becomes(CBOR, "f9fbff", JSON, "-65504.0");
	check_becomes(CBOR, "f97c00", MSGPACK, "ca7f800000");
	check_becomes(MSGPACK, "d3 ffffffffffffffff", JSON, "-1");
	check_becomes(MSGPACK, "cf 0000000000000001", CBOR, "01");
	check_becomes(MSGPACK, "d0 05", JSON, "5");
	check_becomes(MSGPACK, "db 00000001 61", JSON, "\"a\"");
	check_becomes(MSGPACK, "dd 00000001 df 00000001 d90161 c0", JSON, "[{\"a\":null}]");
	check_becomes(JSON, " [ 1e2 , \"\\u00e4\\ud83d\\ude00\\/\" ] ", CBOR,
		      "82 fa42c80000 67 c3a4f09f98802f");
}

static void what_two_formats_have_passes_between_them(void **state)
{
	check_becomes(CBOR, "43 010203", MSGPACK, "c403 010203");
	check_becomes(MSGPACK, "c403 010203", CBOR, "43 010203");
	check_becomes(CBOR, "1bffffffffffffffff", MSGPACK, "cfffffffffffffffff");
	check_becomes(CBOR, "a2 01 02 20 03", MSGPACK, "82 01 02 ff 03");
	check_becomes(CBOR, "fb7ff0000000000000", MSGPACK, "ca7f800000");
	check_becomes(MSGPACK, "cb7ff8000000000000", CBOR, "fa7fc00000");
}

static void what_a_format_cannot_say_is_refused(void **state)
{
	check_refused(CBOR, "43 010203", JSON, TRANSLATE_LOSSY, "byte strings");
	check_refused(MSGPACK, "c400", JSON, TRANSLATE_LOSSY, "byte strings");
	check_refused(CBOR, "1b8000000000000000", JSON, TRANSLATE_LOSSY, "63 bits");
	check_refused(CBOR, "3b8000000000000000", JSON, TRANSLATE_LOSSY, "63 bits");
	check_refused(CBOR, "3b8000000000000000", MSGPACK, TRANSLATE_LOSSY, "-2^63");
	check_refused(JSON, "18446744073709551615", CBOR, TRANSLATE_LOSSY, "too big integer");
	check_refused(JSON, "1e999", CBOR, TRANSLATE_LOSSY, "real number overflow");
	check_refused(CBOR, "f97e00", JSON, TRANSLATE_LOSSY, "NaN");
	check_refused(CBOR, "f9fc00", JSON, TRANSLATE_LOSSY, "infinity");
	check_refused(CBOR, "a1 01 02", JSON, TRANSLATE_LOSSY, "integer as key");
	check_refused(CBOR, "a1 6100 02", JSON, TRANSLATE_LOSSY, "zero byte");
	check_refused(JSON, "{\"\\u0000\":1}", CBOR, TRANSLATE_MALFORMED, "NUL byte");
	check_refused(CBOR, "a1 80 02", MSGPACK, TRANSLATE_LOSSY, "neither text nor an integer");
	check_refused(CBOR, "c0 60", JSON, TRANSLATE_LOSSY, "tag 0");
	check_refused(CBOR, "c2 41 01", MSGPACK, TRANSLATE_LOSSY, "tag 2");
	check_refused(CBOR, "f7", JSON, TRANSLATE_LOSSY, "undefined");
	check_refused(CBOR, "f820", JSON, TRANSLATE_LOSSY, "simple value 32");
	check_refused(MSGPACK, "d6ff 00000000", JSON, TRANSLATE_LOSSY, "timestamp");
	check_refused(MSGPACK, "c701 05 00", CBOR, TRANSLATE_LOSSY, "type 5");
}

static void malformed_bodies_are_refused(void **state)
{
	static const struct {
		uint8_t from;
		const char *text, *reason;
	} bodies[] = {
		{JSON, "", "not JSON"},
		{JSON, "{\"a\":1,\"a\":2}", "duplicate"},
		{JSON, "[1] 2", "end of file"},
		{JSON, "[1,]", "not JSON"},
		{JSON, "\"\xff\"", "decode byte"},
		{JSON, "\"\xed\xa0\x80\"", "decode byte"},
		{JSON, "\"\\ud800\"", "not JSON"},
		{JSON, "[", "not JSON"},
		{JSON, "NaN", "not JSON"},
		{CBOR, "", "ends inside"},
		{CBOR, "18", "ends inside"},
		{CBOR, "1a0000", "ends inside"},
		{CBOR, "62 61", "ends inside"},
		{CBOR, "9bffffffffffffffff 00", "ends inside"},
		{CBOR, "bbffffffffffffffff 00", "ends inside"},
		{CBOR, "7bffffffffffffffff", "ends inside"},
		{CBOR, "9f 01", "ends inside"},
		{CBOR, "00 00", "1 bytes behind"},
		{CBOR, "1c", "reserved"},
		{CBOR, "1f", "reserved"},
		{CBOR, "df 00", "reserved"},
		{CBOR, "ff", "break"},
		{CBOR, "bf 6161 ff", "break"},
		{CBOR, "81 ff", "break"},
		{CBOR, "f814", "two bytes"},
		{CBOR, "7f 41 00 ff", "chunk"},
		{CBOR, "7f 7f ff ff", "chunk"},
		{CBOR, "7f 61 ff ff", "UTF-8"},
		{CBOR, "62 c080", "UTF-8"},
		{CBOR, "64 f4908080", "UTF-8"},
		{CBOR, "a2 6161 01 6161 02", "key 'a' twice"},
		{CBOR, "a2 01 01 1801 02", "integer as key twice"},
		{MSGPACK, "", "ends inside"},
		{MSGPACK, "c1", "c1"},
		{MSGPACK, "d9", "ends inside"},
		{MSGPACK, "ddffffffff 00", "ends inside"},
		{MSGPACK, "dfffffffff 00", "ends inside"},
		{MSGPACK, "dbffffffff 00", "ends inside"},
		{MSGPACK, "a1 ff", "UTF-8"},
		{MSGPACK, "00 00", "behind"},
		{MSGPACK, "82 a161 01 d90161 02", "key 'a' twice"},
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		for (uint8_t to = JSON; to <= MSGPACK; to++)
			check_refused(bodies[i].from, bodies[i].text, to, TRANSLATE_MALFORMED,
				      bodies[i].reason);
}

/* @n times @byte, then what ends it. */
static void check_many(uint8_t from, const char *unit, size_t n, const char *end, bool passes)
{
	_cleanup_free_ uint8_t *out = NULL, *in = malloc(n * strlen(unit) + strlen(end) + 1);
	size_t unit_len = strlen(unit), out_len;

	for (size_t i = 0; i < n; i++)
		memcpy(in + i * unit_len, unit, unit_len);
	memcpy(in + n * unit_len, end, strlen(end));
	if (translate_body(from, CBOR, in, n * unit_len + strlen(end), &out, &out_len, &refusal) !=
	    passes)
		fail_msg("%zu times %s: %s", n, unit, refusal.reason);
	if (!passes)
		assert_int_equal(refusal.fault, TRANSLATE_TOO_LARGE);
}

static void limits_are_kept(void **state)
{
	char closed[TRANSLATE_DEPTH_MAX + 2] = "";

	memset(closed, ']', TRANSLATE_DEPTH_MAX);
	check_many(JSON, "[", TRANSLATE_DEPTH_MAX, closed, true);
	strcat(closed, "]");
	check_many(JSON, "[", TRANSLATE_DEPTH_MAX + 1, closed, false);
	check_many(CBOR, "\x81", TRANSLATE_DEPTH_MAX, "\x01", true);
	check_many(CBOR, "\x81", TRANSLATE_DEPTH_MAX + 1, "\x01", false);
	check_many(MSGPACK, "\x91", TRANSLATE_DEPTH_MAX, "\x01", true);
	check_many(MSGPACK, "\x91", TRANSLATE_DEPTH_MAX + 1, "\x01", false);
	check_many(JSON, " ", TRANSLATE_BODY_MAX - 1, "1", true);
	check_many(JSON, " ", TRANSLATE_BODY_MAX, "1", false);
	check_many(JSON, "[1,", TRANSLATE_VALUES_MAX, "", false);
}

static void body_of_too_many_values_is_refused(void **state)
{
	size_t n = TRANSLATE_VALUES_MAX, out_len;
	_cleanup_free_ uint8_t *in = malloc(n + 5), *out = NULL;

	memcpy(in, "\x9a\x00\x00\xff\xff", 5);
	memset(in + 5, 1, n);
	if (!translate_body(CBOR, JSON, in, n + 4, &out, &out_len, &refusal))
		fail_msg("%s", refusal.reason);
	assert_int_equal(out_len, 2 * (n - 1) + 1);
	in[2] = 1;
	in[3] = in[4] = 0;
	assert_false(translate_body(CBOR, JSON, in, n + 5, &out, &out_len, &refusal));
	assert_int_equal(refusal.fault, TRANSLATE_TOO_LARGE);
}

static void result_that_is_too_long_is_refused(void **state)
{
	size_t len = TRANSLATE_BODY_MAX - 5, out_len;
	_cleanup_free_ uint8_t *in = malloc(len + 5), *out = NULL;

	memcpy(in, "\x7a\x00\x0f\xff\xfb", 5);
	memset(in + 5, 1, len);
	assert_false(translate_body(CBOR, JSON, in, len + 5, &out, &out_len, &refusal));
	assert_int_equal(refusal.fault, TRANSLATE_TOO_LARGE);
	assert_true(translate_body(CBOR, MSGPACK, in, len + 5, &out, &out_len, &refusal));
}

/* ---- random documents ---- */

static struct tree_value *random_value(struct tree *tree, struct prng *prng, size_t depth);

static void random_text(struct tree *tree, struct prng *prng, struct tree_value *value)
{
	static const char *const parts[] = {
		"a", "\"", "\\", "\n", "\x7f", "\xc3\xa4", "\xf0\x9f\x98\x80", "key"};
	char text[256] = "";

	for (uint64_t i = prng_below(prng, 40); i > 0; i--)
		strcat(text, parts[prng_below(prng, sizeof(parts) / sizeof(parts[0]))]);
	value->len = (uint32_t)strlen(text);
	value->bytes = tree_copy(tree, text, value->len);
}

static void random_children(struct tree *tree, struct prng *prng, struct tree_value *value,
			    size_t depth)
{
	struct tree_value **at = &value->first;
	char name[8];

	for (uint64_t i = prng_below(prng, CHILDREN_MAX); i > 0; i--) {
		if (value->kind == TREE_MAP) {
			*at = tree_value(tree, TREE_TEXT);
			snprintf(name, sizeof(name), "k%llu", (unsigned long long)i);
			(*at)->len = (uint32_t)strlen(name);
			(*at)->bytes = tree_copy(tree, name, (*at)->len);
			at = &(*at)->next;
		}
		*at = random_value(tree, prng, depth + 1);
		at = &(*at)->next;
		value->len++;
	}
}

static double random_real(struct prng *prng)
{
	uint64_t bits = prng_next(prng);
	double real;

	memcpy(&real, &bits, sizeof(real));
	return real - real == 0 ? real : 0.5;
}

static struct tree_value *random_value(struct tree *tree, struct prng *prng, size_t depth)
{
	static const uint8_t kinds[] = {TREE_NULL,  TREE_BOOL, TREE_UINT,  TREE_NEGATIVE,
					TREE_FLOAT, TREE_TEXT, TREE_ARRAY, TREE_MAP};
	size_t n = sizeof(kinds) - (depth >= NESTED_MAX ? 2 : 0);
	struct tree_value *value = tree_value(tree, kinds[prng_below(prng, n)]);

	switch (value->kind) {
	case TREE_BOOL:
		value->is_true = prng_below(prng, 2);
		break;
	case TREE_UINT:
	case TREE_NEGATIVE:
		value->number = prng_next(prng) >> (1 + prng_below(prng, 63));
		break;
	case TREE_FLOAT:
		value->real = random_real(prng);
		break;
	case TREE_TEXT:
		random_text(tree, prng, value);
		break;
	case TREE_ARRAY:
	case TREE_MAP:
		random_children(tree, prng, value, depth);
		break;
	default:
		break;
	}
	return value;
}

/* From one format to the next and back comes the same again. */
static void check_round_trip(const struct tree_output *cbor)
{
	static const uint8_t way[] = {CBOR, JSON, MSGPACK, JSON, CBOR, MSGPACK, CBOR};
	size_t len = cbor->len;
	uint8_t *bytes = malloc(len);

	memcpy(bytes, cbor->bytes, len);
	for (size_t i = 1; i < sizeof(way); i++) {
		uint8_t *next;

		if (!translate_body(way[i - 1], way[i], bytes, len, &next, &len, &refusal))
			fail_msg("%s", refusal.reason);
		free(bytes);
		bytes = next;
	}
	assert_int_equal(len, cbor->len);
	assert_memory_equal(bytes, cbor->bytes, len);
	free(bytes);
}

static void random_documents_come_back_the_same(void **state)
{
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct tree tree = {.refusal = &refusal};
		struct prng prng = {seed};
		struct tree_output out = {0};

		assert_true(cbor_write(&tree, random_value(&tree, &prng, 0), &out));
		check_round_trip(&out);
		free(out.bytes);
		tree_free(&tree);
	}
}

/* ---- headers ---- */

static uint8_t type_of(const char *text, bool *is_odd)
{
	return translate_parse_media_type(text, strlen(text), is_odd);
}

static void content_types_are_told_apart(void **state)
{
	bool is_odd;

	assert_int_equal(type_of("application/json", &is_odd), JSON);
	assert_false(is_odd);
	assert_int_equal(type_of("Application/JSON ; Charset=UTF-8", &is_odd), JSON);
	assert_false(is_odd);
	assert_int_equal(type_of("application/json; charset=latin1", &is_odd), JSON);
	assert_true(is_odd);
	assert_int_equal(type_of("application/cbor", &is_odd), CBOR);
	assert_int_equal(type_of("application/msgpack", &is_odd), MSGPACK);
	assert_int_equal(type_of("application/x-msgpack;", &is_odd), MSGPACK);
	assert_int_equal(type_of("application/vnd.msgpack", &is_odd), MSGPACK);
	assert_int_equal(type_of("application/problem+json", &is_odd), MANIFEST_BODY_NONE);
	assert_int_equal(type_of("text/json", &is_odd), MANIFEST_BODY_NONE);
	assert_int_equal(type_of("", &is_odd), MANIFEST_BODY_NONE);
	for (uint8_t format = JSON; format <= MSGPACK; format++)
		assert_int_equal(type_of(translate_media_type(format), &is_odd), format);
}

static uint8_t chosen(const char *accept, uint8_t asked_in, uint8_t spoken)
{
	struct translate_wish wishes[__MANIFEST_BODY_END] = {0};

	translate_read_accept(accept, strlen(accept), wishes);
	return translate_choose(wishes, asked_in, spoken);
}

static void answer_is_what_the_client_would_rather_have(void **state)
{
	assert_int_equal(translate_choose(NULL, JSON, CBOR), JSON);
	assert_int_equal(translate_choose(NULL, MANIFEST_BODY_NONE, CBOR), CBOR);
	assert_int_equal(chosen("*/*", JSON, CBOR), JSON);
	assert_int_equal(chosen("*/*", MANIFEST_BODY_NONE, CBOR), CBOR);
	assert_int_equal(chosen("application/json", MANIFEST_BODY_NONE, CBOR), JSON);
	assert_int_equal(chosen("application/json, text/plain, */*", MANIFEST_BODY_NONE, CBOR),
			 JSON);
	assert_int_equal(chosen("application/json, application/cbor", MANIFEST_BODY_NONE, CBOR),
			 CBOR);
	assert_int_equal(chosen("application/json;q=0.5,application/cbor;q=0.4", CBOR, CBOR), JSON);
	assert_int_equal(chosen("application/json;q=0.5, */*;q=0.9", JSON, CBOR), CBOR);
	assert_int_equal(chosen("application/json;q=0, */*", JSON, CBOR), CBOR);
	assert_int_equal(chosen("application/*;q=0.3, application/msgpack;q=1.000", JSON, CBOR),
			 MSGPACK);
	assert_int_equal(chosen("text/html", JSON, CBOR), MANIFEST_BODY_NONE);
	assert_int_equal(chosen("*/*;q=0", JSON, CBOR), MANIFEST_BODY_NONE);
	assert_int_equal(chosen("application/json;q=2", JSON, CBOR), MANIFEST_BODY_NONE);
	assert_int_equal(chosen(",;,=,application/json;q=", JSON, CBOR), MANIFEST_BODY_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_the_same_in_every_format),
		cmocka_unit_test(other_encodings_of_a_value_are_read),
		cmocka_unit_test(what_two_formats_have_passes_between_them),
		cmocka_unit_test(what_a_format_cannot_say_is_refused),
		cmocka_unit_test(malformed_bodies_are_refused),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(body_of_too_many_values_is_refused),
		cmocka_unit_test(result_that_is_too_long_is_refused),
		cmocka_unit_test(random_documents_come_back_the_same),
		cmocka_unit_test(content_types_are_told_apart),
		cmocka_unit_test(answer_is_what_the_client_would_rather_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
