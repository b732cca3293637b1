// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: hub id: derived from the key, one notation, no multicast or universal addresses
 */
#include "selftests/unit/samples.h"

static void id_is_sha256_of_key_made_local_unicast(void **state)
{
	/* SHA-256 of 32 zero bytes begins 66 68 7a ad f8 62. */
	static const uint8_t pubkey[HUB_PUBKEY_LEN];
	static const uint8_t expected[] = {0x66, 0x68, 0x7a, 0xad, 0xf8, 0x62};
	struct hub_id id = hub_id_from_pubkey(pubkey);

	assert_memory_equal(id.b, expected, sizeof(expected));
	assert_true(hub_id_is_valid(&id));
}

static void id_of_any_key_is_valid(void **state)
{
	uint8_t pubkey[HUB_PUBKEY_LEN] = {0};

	for (unsigned int i = 0; i < 256; i++) {
		struct hub_id id;

		pubkey[0] = (uint8_t)i;
		id = hub_id_from_pubkey(pubkey);
		assert_true(hub_id_is_valid(&id));
	}
}

static void id_matches_documented_vector(void **state)
{
	uint8_t pubkey[HUB_PUBKEY_LEN];
	struct hub_id id;

	sample_pubkey(SAMPLE_HUB, pubkey);
	id = hub_id_from_pubkey(pubkey);
	sample_check_vector("Documentation/trust.rst", "public-key", pubkey, sizeof(pubkey));
	sample_check_vector("Documentation/trust.rst", "hub-id", id.b, sizeof(id.b));
}

static void is_valid_rejects_zero_multicast_and_universal(void **state)
{
	struct hub_id id = {{0}};

	assert_false(hub_id_is_valid(&id));
	id.b[0] = 0x03;
	assert_false(hub_id_is_valid(&id));
	id.b[0] = 0x00;
	id.b[5] = 1;
	assert_false(hub_id_is_valid(&id));
	id.b[0] = 0x02;
	assert_true(hub_id_is_valid(&id));
}

static void parse_reads_what_format_writes(void **state)
{
	struct hub_id id = {{0x02, 0xab, 0x00, 0xff, 0x10, 0x9c}}, back;
	char text[HUB_ID_STRLEN];

	assert_string_equal(hub_id_format(&id, text), "02:ab:00:ff:10:9c");
	assert_int_equal(hub_id_parse(text, &back), 0);
	assert_true(hub_id_equal(&id, &back));
	assert_int_equal(hub_id_parse("02:AB:00:FF:10:9C", &back), 0);
	assert_true(hub_id_equal(&id, &back));
}

static void parse_rejects_anything_else(void **state)
{
	static const char *const bad[] = {
		"",
		"02:ab:00:ff:10",
		"02:ab:00:ff:10:9c:",
		"02:ab:00:ff:10:9c0",
		"02-ab-00-ff-10-9c",
		"02:ab:00:ff:10:9g",
		"0x:ab:00:ff:10:9c",
		"03:ab:00:ff:10:9c", /* multicast */
		"00:ab:00:ff:10:9c", /* universal */
		" 2:ab:00:ff:10:9c",
	};
	struct hub_id id = {{1, 2, 3, 4, 5, 6}}, before = id;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(hub_id_parse(bad[i], &id), -EINVAL);
		assert_memory_equal(&id, &before, sizeof(id));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(id_is_sha256_of_key_made_local_unicast),
		cmocka_unit_test(id_of_any_key_is_valid),
		cmocka_unit_test(id_matches_documented_vector),
		cmocka_unit_test(is_valid_rejects_zero_multicast_and_universal),
		cmocka_unit_test(parse_reads_what_format_writes),
		cmocka_unit_test(parse_rejects_anything_else),
	};

	return cmocka_run_group_tests_name("hub_id", tests, NULL, NULL);
}
