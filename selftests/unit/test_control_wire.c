// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: control messages: paths, bodies, and what deterministic CBOR forbids
 */
#include "selftests/unit/samples.h"

#include "daemon/hub/effects.h"
#include "daemon/wire/control.h"
#include "daemon/wire/record.h"
#include "hubmesh/wire.h"

/* Rooms below hub/ cannot include its enums; the numbers must agree all the same. */
_Static_assert(KEY_OWNER_LINK == 0 && KEY_OWNER_SEAL == CONTROL_KEY_OWNER_MAX,
	       "owners on the wire");
_Static_assert(CONTROL_RECORD_MAX == RECORD_MAX, "a record fits its message");

static const struct control_hello hello = {
	.boot_epoch = 0x1122334455667788,
	.link = 7,
	.data_port = HM_PORT_DATA,
	.name = "hub-a",
	.ciphers = 6,
	.replaces = true,
};

static const struct control_key key = {
	.owner = KEY_OWNER_SEAL,
	.phase = 3,
	.serial = 70000,
	.cipher = 2,
};

static const struct control_sender sender = {
	.serial = 5,
	.phase = 1,
	.cipher = 2,
	.material = "thirty-two bytes of key, and twelve of salt.",
};

static const struct control_digest_entry entries[] = {
	{{{0x02, 0, 0, 0, 0, 1}}, 1, 2},
	{{{0x02, 0, 0, 0, 0, 2}}, 24, 256},
	{{{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}}, UINT64_MAX, UINT64_MAX},
};

static void paths_go_both_ways(void **state)
{
	for (uint8_t m = CONTROL_HELLO; m < __CONTROL_END; m++) {
		const char *path = control_path(m);

		assert_non_null(path);
		assert_int_equal(control_from_path(path, strlen(path)), m);
		assert_int_equal(control_from_path(path, strlen(path) - 1), -ENOENT);
	}
	assert_null(control_path(0));
	assert_null(control_path(__CONTROL_END));
	assert_null(control_path(255));
	assert_int_equal(control_from_path("", 0), -ENOENT);
	assert_int_equal(control_from_path("/v1/hello/", 10), -ENOENT);
	assert_int_equal(control_from_path("/v2/hello", 9), -ENOENT);
}

static void encoders_write_documented_vectors(void **state)
{
	uint8_t buf[256], pulls[2][SHA256_LEN];
	struct control_list list = {.number = 300};
	int n = control_encode_hello(&hello, buf, sizeof(buf));

	assert_true(n > 0);
	sample_check_vector("Documentation/control.rst", "hello", buf, (size_t)n);
	sample_check_seed("selftests/fuzz/corpus/control/hello", buf, (size_t)n);
	n = control_encode_key(&key, buf, sizeof(buf));
	assert_true(n > 0);
	sample_check_vector("Documentation/control.rst", "key-offer", buf, (size_t)n);
	sample_check_seed("selftests/fuzz/corpus/control/key", buf, (size_t)n);
	n = control_encode_sender_key(&sender, buf, sizeof(buf));
	assert_true(n > 0);
	sample_check_vector("Documentation/control.rst", "sender-key", buf, (size_t)n);
	sample_check_seed("selftests/fuzz/corpus/control/sender-key", buf, (size_t)n);
	n = control_encode_sender_have(&sender, buf, sizeof(buf));
	assert_true(n > 0);
	sample_check_vector("Documentation/control.rst", "sender-have", buf, (size_t)n);
	sample_check_seed("selftests/fuzz/corpus/control/sender-have", buf, (size_t)n);
	n = control_encode_digest(entries, 3, buf, sizeof(buf));
	assert_true(n > 0);
	sample_check_vector("Documentation/control.rst", "digest", buf, (size_t)n);
	sample_check_seed("selftests/fuzz/corpus/control/digest", buf, (size_t)n);
	memset(pulls[0], 0x11, SHA256_LEN);
	memset(pulls[1], 0x22, SHA256_LEN);
	n = control_encode_pull((const uint8_t(*)[SHA256_LEN])pulls, 2, buf, sizeof(buf));
	assert_true(n > 0);
	sample_check_vector("Documentation/control.rst", "pull", buf, (size_t)n);
	sample_check_seed("selftests/fuzz/corpus/control/pull", buf, (size_t)n);
	memset(list.issuer, 0x11, sizeof(list.issuer));
	memset(list.digest, 0x22, sizeof(list.digest));
	n = control_encode_lists(&list, 1, buf, sizeof(buf));
	assert_true(n > 0);
	sample_check_vector("Documentation/control.rst", "revocations-have", buf, (size_t)n);
	sample_check_seed("selftests/fuzz/corpus/control/revocations-have", buf, (size_t)n);
}

static void lists_return_what_was_encoded_and_refuse_too_many(void **state)
{
	struct control_list many[CONTROL_LISTS_MAX] = {0}, back[CONTROL_LISTS_MAX];
	uint8_t buf[1024];
	int n;

	for (int i = 0; i < CONTROL_LISTS_MAX; i++)
		many[i].number = (uint64_t)i << 40;
	n = control_encode_lists(many, CONTROL_LISTS_MAX, buf, sizeof(buf));
	assert_int_equal(control_decode_lists(buf, (size_t)n, back, CONTROL_LISTS_MAX),
			 CONTROL_LISTS_MAX);
	assert_memory_equal(many, back, sizeof(many));
	assert_int_equal(control_decode_lists(buf, (size_t)n, back, CONTROL_LISTS_MAX - 1),
			 -EBADMSG);
	for (int len = 0; len < n; len++)
		assert_int_equal(control_decode_lists(buf, (size_t)len, back, CONTROL_LISTS_MAX),
				 -EBADMSG);
	n = control_encode_lists(many, 0, buf, sizeof(buf));
	assert_int_equal(control_decode_lists(buf, (size_t)n, back, CONTROL_LISTS_MAX), 0);
}

static void pull_returns_what_was_encoded_and_refuses_none_and_too_many(void **state)
{
	uint8_t many[CONTROL_PULLS_MAX][SHA256_LEN] = {{1}, {2}},
		back[CONTROL_PULLS_MAX][SHA256_LEN];
	static const uint8_t none[] = {0xa1, 0x01, 0x80};
	uint8_t buf[1024];
	int n = control_encode_pull((const uint8_t(*)[SHA256_LEN])many, CONTROL_PULLS_MAX, buf,
				    sizeof(buf));

	assert_true(n > 0);
	assert_int_equal(control_decode_pull(buf, (size_t)n, back), CONTROL_PULLS_MAX);
	assert_memory_equal(many, back, sizeof(many));
	buf[2]++; /* one more than there is and than is allowed */
	assert_int_equal(control_decode_pull(buf, (size_t)n, back), -EBADMSG);
	assert_int_equal(control_decode_pull(none, sizeof(none), back), -EBADMSG);
}

static void hello_returns_what_was_encoded(void **state)
{
	struct control_hello back;
	uint8_t buf[256];
	int n = control_encode_hello(&hello, buf, sizeof(buf));

	assert_int_equal(control_decode_hello(buf, (size_t)n, &back), 0);
	assert_true(back.boot_epoch == hello.boot_epoch);
	assert_int_equal(back.link, hello.link);
	assert_int_equal(back.data_port, hello.data_port);
	assert_string_equal(back.name, hello.name);
	assert_int_equal(back.ciphers, hello.ciphers);
	assert_true(back.replaces);
	for (size_t size = 0; size < (size_t)n; size++)
		assert_int_equal(control_encode_hello(&hello, buf, size), -EMSGSIZE);
}

static void hello_may_give_an_ethernet_address_of_one_machine(void **state)
{
	static const uint8_t bad[][ENDPOINT_LLADDR_LEN] = {{0}, {0x01, 0, 0x5e, 0, 0, 1}};
	struct control_hello given = hello, back;
	uint8_t buf[256];
	int n;

	given.has_lladdr = true;
	memcpy(given.lladdr, "\x02hello", sizeof(given.lladdr));
	n = control_encode_hello(&given, buf, sizeof(buf));
	assert_int_equal(control_decode_hello(buf, (size_t)n, &back), 0);
	assert_true(back.has_lladdr);
	assert_memory_equal(back.lladdr, given.lladdr, sizeof(back.lladdr));
	for (int size = 0; size < n; size++)
		assert_int_equal(control_encode_hello(&given, buf, size), -EMSGSIZE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(given.lladdr, bad[i], sizeof(given.lladdr));
		n = control_encode_hello(&given, buf, sizeof(buf));
		assert_int_equal(control_decode_hello(buf, (size_t)n, &back), -EBADMSG);
	}
}

static void key_returns_what_was_encoded(void **state)
{
	struct control_key back;
	uint8_t buf[64];
	int n = control_encode_key(&key, buf, sizeof(buf));

	assert_int_equal(control_decode_key(buf, (size_t)n, &back), 0);
	assert_int_equal(back.owner, key.owner);
	assert_int_equal(back.phase, key.phase);
	assert_int_equal(back.serial, key.serial);
	assert_int_equal(back.cipher, key.cipher);
}

static void sender_returns_what_was_encoded(void **state)
{
	struct control_sender back;
	uint8_t buf[96];
	int n = control_encode_sender_key(&sender, buf, sizeof(buf));

	assert_int_equal(control_decode_sender_key(buf, (size_t)n, &back), 0);
	assert_int_equal(back.serial, sender.serial);
	assert_int_equal(back.phase, sender.phase);
	assert_int_equal(back.cipher, sender.cipher);
	assert_memory_equal(back.material, sender.material, sizeof(back.material));
	assert_int_equal(control_decode_sender_have(buf, (size_t)n, &back), -EBADMSG);
	for (size_t size = 0; size < (size_t)n; size++)
		assert_int_equal(control_encode_sender_key(&sender, buf, size), -EMSGSIZE);
	n = control_encode_sender_have(&sender, buf, sizeof(buf));
	assert_int_equal(control_decode_sender_have(buf, (size_t)n, &back), 0);
	assert_int_equal(back.serial, sender.serial);
	assert_int_equal(back.phase, sender.phase);
	assert_int_equal(control_decode_sender_key(buf, (size_t)n, &back), -EBADMSG);
}

static void sender_decoders_reject_bad_values(void **state)
{
	static const struct {
		const char *why;
		size_t len;
		uint8_t bytes[8];
	} bad[] = {
		{"serial 0", 5, {0xa2, 1, 0, 2, 0}},
		{"phase 4", 5, {0xa2, 1, 1, 2, 4}},
		{"no phase", 3, {0xa1, 1, 1}},
		{"a cipher", 7, {0xa3, 1, 1, 2, 1, 3, 1}},
	};
	static const uint8_t good[] = {0xa2, 1, 1, 2, 1};
	struct control_sender ret = {.serial = 9};
	uint8_t buf[96];
	int n = control_encode_sender_key(&sender, buf, sizeof(buf));

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (control_decode_sender_have(bad[i].bytes, bad[i].len, &ret) != -EBADMSG)
			fail_msg("accepted: %s", bad[i].why);
	}
	buf[9]--; /* material of 43 bytes, and one behind it */
	assert_int_equal(control_decode_sender_key(buf, (size_t)n, &ret), -EBADMSG);
	assert_int_equal(control_decode_sender_key(buf, (size_t)n - 1, &ret), -EBADMSG);
	assert_int_equal(ret.serial, 9);
	assert_int_equal(control_decode_sender_have(good, sizeof(good), &ret), 0);
}

static void digest_returns_what_was_encoded(void **state)
{
	struct control_digest_entry back[3];
	uint8_t buf[256];
	int n = control_encode_digest(entries, 3, buf, sizeof(buf));

	assert_int_equal(control_decode_digest(buf, (size_t)n, back, 3), 3);
	assert_memory_equal(back, entries, sizeof(back));
	assert_int_equal(control_decode_digest(buf, (size_t)n, back, 2), -EBADMSG);
	n = control_encode_digest(NULL, 0, buf, sizeof(buf));
	assert_int_equal(control_decode_digest(buf, (size_t)n, back, 3), 0);
}

static void fullest_digest_fits_a_body(void **state)
{
	struct control_digest_entry *e = calloc(CONTROL_DIGESTS_MAX, sizeof(*e));
	uint8_t *buf = malloc(CONTROL_BODY_MAX);
	int n;

	for (size_t i = 0; i < CONTROL_DIGESTS_MAX; i++)
		e[i] = (struct control_digest_entry){
			{{2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}}, UINT64_MAX, UINT64_MAX};
	n = control_encode_digest(e, CONTROL_DIGESTS_MAX, buf, CONTROL_BODY_MAX);
	assert_true(n > 0);
	assert_int_equal(control_decode_digest(buf, (size_t)n, e, CONTROL_DIGESTS_MAX),
			 CONTROL_DIGESTS_MAX);
	free(buf);
	free(e);
}

static void decoders_reject_every_truncation_and_tail(void **state)
{
	uint8_t bodies[5][257] = {{0}};
	size_t lens[5];
	struct control_sender s = {.serial = 9};
	struct control_hello h = {.link = 9};
	struct control_key k = {.serial = 9};
	struct control_digest_entry e[3] = {{.seq = 9}};

	lens[0] = (size_t)control_encode_hello(&hello, bodies[0], 256);
	lens[1] = (size_t)control_encode_key(&key, bodies[1], 256);
	lens[2] = (size_t)control_encode_digest(entries, 3, bodies[2], 256);
	lens[3] = (size_t)control_encode_sender_key(&sender, bodies[3], 256);
	lens[4] = (size_t)control_encode_sender_have(&sender, bodies[4], 256);
	for (size_t b = 0; b < 5; b++) {
		for (size_t len = 0; len <= lens[b] + 1; len++) {
			uint8_t *exact = malloc(len ? len : 1);

			memcpy(exact, bodies[b], len);
			if (len != lens[b]) {
				assert_int_equal(control_decode_hello(exact, len, &h), -EBADMSG);
				assert_int_equal(control_decode_key(exact, len, &k), -EBADMSG);
				assert_int_equal(control_decode_digest(exact, len, e, 3), -EBADMSG);
				assert_int_equal(control_decode_sender_key(exact, len, &s),
						 -EBADMSG);
				assert_int_equal(control_decode_sender_have(exact, len, &s),
						 -EBADMSG);
			}
			free(exact);
		}
	}
	assert_int_equal(h.link, 9);
	assert_int_equal(k.serial, 9);
	assert_int_equal(s.serial, 9);
	assert_true(e[0].seq == 9);
}

struct bad_body {
	const char *why;
	size_t len;
	uint8_t bytes[24];
};

static void key_decoder_rejects_what_is_not_deterministic(void **state)
{
	static const struct bad_body bad[] = {
		{"indefinite map", 10, {0xbf, 1, 0, 2, 0, 3, 0, 4, 1, 0xff}},
		{"keys not rising", 9, {0xa4, 2, 0, 1, 0, 3, 0, 4, 1}},
		{"key twice", 11, {0xa5, 1, 0, 1, 0, 2, 0, 3, 0, 4, 1}},
		{"long form of a value", 10, {0xa4, 1, 0x18, 0, 2, 0, 3, 0, 4, 1}},
		{"long form of a key", 10, {0xa4, 0x18, 1, 0, 2, 0, 3, 0, 4, 1}},
		{"long form of the map", 10, {0xb8, 4, 1, 0, 2, 0, 3, 0, 4, 1}},
		{"key missing", 7, {0xa3, 1, 0, 2, 0, 3, 0}},
		{"unknown key 5", 11, {0xa5, 1, 0, 2, 0, 3, 0, 4, 1, 5, 0}},
		{"text key", 10, {0xa4, 0x61, 'a', 0, 2, 0, 3, 0, 4, 1}},
		{"negative value", 9, {0xa4, 1, 0, 2, 0, 3, 0x20, 4, 1}},
		{"float value", 11, {0xa4, 1, 0, 2, 0, 3, 0xf9, 0, 0, 4, 1}},
		{"tagged value", 10, {0xa4, 1, 0, 2, 0, 3, 0xc1, 0, 4, 1}},
		{"null value", 9, {0xa4, 1, 0, 2, 0, 3, 0xf6, 4, 1}},
		{"owner 2", 9, {0xa4, 1, 2, 2, 0, 3, 0, 4, 1}},
		{"phase 4", 9, {0xa4, 1, 0, 2, 4, 3, 0, 4, 1}},
		{"cipher 32", 10, {0xa4, 1, 0, 2, 0, 3, 0, 4, 0x18, 32}},
		{"serial of 33 bits",
		 17,
		 {0xa4, 1, 0, 2, 0, 3, 0x1b, 0, 0, 0, 1, 0, 0, 0, 0, 4, 1}},
		{"array", 9, {0x88, 1, 0, 2, 0, 3, 0, 4, 1}},
		{"map of 2^64-1", 9, {0xbb, 255, 255, 255, 255, 255, 255, 255, 255}},
		{"nested too deep",
		 19,
		 {0xa5, 1, 0, 2, 0, 3, 0, 4, 1, 0x18, 32, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81,
		  0}},
		{"huge array in an optional key",
		 15,
		 {0xa5, 1, 0, 2, 0, 3, 0, 4, 1, 0x18, 32, 0x9a, 255, 255, 255}},
	};
	static const uint8_t good[] = {0xa4, 1, 0, 2, 0, 3, 0, 4, 1};
	struct control_key ret = {.serial = 9};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (control_decode_key(bad[i].bytes, bad[i].len, &ret) != -EBADMSG)
			fail_msg("accepted: %s", bad[i].why);
		assert_int_equal(ret.serial, 9);
	}
	assert_int_equal(control_decode_key(good, sizeof(good), &ret), 0);
}

static void key_decoder_skips_optional_keys(void **state)
{
	/* 32: {0: [1, h'00'], 1: {}}, 33: "x", 255: [] */
	static const uint8_t body[] = {0xa7, 1,	   0,	 2,    0,    3,	   0,	 4,   1,
				       0x18, 32,   0xa2, 0,    0x82, 1,	   0x41, 0,   1,
				       0xa0, 0x18, 33,	 0x61, 'x',  0x18, 255,	 0x80};
	struct control_key ret;

	assert_int_equal(control_decode_key(body, sizeof(body), &ret), 0);
	sample_check_seed("selftests/fuzz/corpus/control/later-version", body, sizeof(body));
}

static void hello_decoder_rejects_bad_values(void **state)
{
	uint8_t good[64], buf[64];
	struct control_hello short_hello = {.data_port = 1, .name = "abc"}, ret = {.link = 9};
	/* a6 01 00 02 00 03 01 04 63 a b c 05 00 06 f4 */
	int n = control_encode_hello(&short_hello, good, sizeof(good));
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = {
		{9, 0x1b}, /* control character in the name */
		{9, 0xff}, /* no UTF-8 */
		{8, 0x43}, /* bytes instead of text */
		{15, 0x01}, /* number instead of a boolean */
		{15, 0xf6}, /* null */
	};

	assert_int_equal(n, 16);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		memcpy(buf, good, sizeof(buf));
		buf[changes[i].at] = changes[i].value;
		assert_int_equal(control_decode_hello(buf, (size_t)n, &ret), -EBADMSG);
		assert_int_equal(ret.link, 9);
	}
	assert_int_equal(control_decode_hello(good, (size_t)n, &ret), 0);
}

static void digest_decoder_rejects_disorder_and_bad_ids(void **state)
{
	uint8_t good[64], buf[64];
	struct control_digest_entry ret[2] = {{.seq = 9}};
	/* a1 01 82 83 46 id(6) 01 02 83 46 id(6) ... */
	int n = control_encode_digest(entries, 2, good, sizeof(good));

	memcpy(buf, good, sizeof(buf));
	buf[10] = 2; /* same id twice */
	assert_int_equal(control_decode_digest(buf, (size_t)n, ret, 2), -EBADMSG);
	buf[10] = 3; /* falling */
	assert_int_equal(control_decode_digest(buf, (size_t)n, ret, 2), -EBADMSG);
	memcpy(buf, good, sizeof(buf));
	buf[5] = 3; /* multicast */
	assert_int_equal(control_decode_digest(buf, (size_t)n, ret, 2), -EBADMSG);
	assert_true(ret[0].seq == 9);
	assert_int_equal(control_decode_digest(good, (size_t)n, ret, 2), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_go_both_ways),
		cmocka_unit_test(encoders_write_documented_vectors),
		cmocka_unit_test(lists_return_what_was_encoded_and_refuse_too_many),
		cmocka_unit_test(pull_returns_what_was_encoded_and_refuses_none_and_too_many),
		cmocka_unit_test(hello_returns_what_was_encoded),
		cmocka_unit_test(hello_may_give_an_ethernet_address_of_one_machine),
		cmocka_unit_test(key_returns_what_was_encoded),
		cmocka_unit_test(sender_returns_what_was_encoded),
		cmocka_unit_test(sender_decoders_reject_bad_values),
		cmocka_unit_test(digest_returns_what_was_encoded),
		cmocka_unit_test(fullest_digest_fits_a_body),
		cmocka_unit_test(decoders_reject_every_truncation_and_tail),
		cmocka_unit_test(key_decoder_rejects_what_is_not_deterministic),
		cmocka_unit_test(key_decoder_skips_optional_keys),
		cmocka_unit_test(hello_decoder_rejects_bad_values),
		cmocka_unit_test(digest_decoder_rejects_disorder_and_bad_ids),
	};

	return cmocka_run_group_tests_name("control_wire", tests, NULL, NULL);
}
