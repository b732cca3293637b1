// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: beacon datagram: the documented bytes, and nothing else, are understood
 */
#include "selftests/unit/samples.h"

#include "daemon/wire/beacon.h"
#include "hubmesh/wire.h"

static struct beacon sample(void)
{
	struct beacon beacon = {
		.boot_epoch = 0x0102030405060708,
		.seq = 0x0a0b0c0d,
		.control_port = HM_PORT_CONTROL,
		.load = 17,
		.health = 255,
	};

	beacon_mesh_tag("example", beacon.mesh_tag);
	sample_pubkey(SAMPLE_HUB, beacon.pubkey);
	for (size_t i = 0; i < sizeof(beacon.digest); i++)
		beacon.digest[i] = (uint8_t)(0xf0 + i);
	return beacon;
}

static void encode(const struct beacon *beacon, uint8_t buf[BEACON_LEN])
{
	uint8_t seed[ED25519_SEED_LEN];

	sample_seed(SAMPLE_HUB, seed);
	assert_int_equal(beacon_encode(beacon, seed, buf, BEACON_LEN), BEACON_LEN);
}

static void encode_writes_documented_vectors(void **state)
{
	struct beacon beacon = sample();
	uint8_t buf[BEACON_LEN];

	encode(&beacon, buf);
	sample_check_vector("Documentation/beacon.rst", "beacon", buf, sizeof(buf));
	sample_check_seed("selftests/fuzz/corpus/beacon/present", buf, sizeof(buf));
	beacon.is_leaving = true;
	beacon.seq++;
	encode(&beacon, buf);
	sample_check_vector("Documentation/beacon.rst", "beacon-leaving", buf, sizeof(buf));
	sample_check_seed("selftests/fuzz/corpus/beacon/leaving", buf, sizeof(buf));
}

static void decode_returns_what_was_encoded(void **state)
{
	struct beacon beacon = sample(), back = {0};
	uint8_t buf[BEACON_LEN];

	beacon.is_leaving = true;
	encode(&beacon, buf);
	assert_int_equal(beacon_decode(buf, sizeof(buf), &back), 0);
	assert_memory_equal(back.mesh_tag, beacon.mesh_tag, sizeof(back.mesh_tag));
	assert_memory_equal(back.pubkey, beacon.pubkey, sizeof(back.pubkey));
	assert_true(back.boot_epoch == beacon.boot_epoch);
	assert_int_equal(back.seq, beacon.seq);
	assert_memory_equal(back.digest, beacon.digest, sizeof(back.digest));
	assert_int_equal(back.control_port, beacon.control_port);
	assert_int_equal(back.load, beacon.load);
	assert_int_equal(back.health, beacon.health);
	assert_true(back.is_leaving);
	assert_int_equal(beacon_verify(buf, sizeof(buf)), 0);
}

static void decode_rejects_every_other_length(void **state)
{
	uint8_t buf[BEACON_MAX + 1] = {0};
	struct beacon beacon = sample(), ret = {.seq = 7};

	encode(&beacon, buf);
	for (size_t len = 0; len <= sizeof(buf); len++) {
		/* On the heap and exact, so that ASan sees a byte too many. */
		uint8_t *exact = malloc(len ? len : 1);

		memcpy(exact, buf, len);
		if (len != BEACON_LEN) {
			assert_int_equal(beacon_decode(exact, len, &ret), -EBADMSG);
			assert_int_equal(beacon_verify(exact, len), -EBADMSG);
			assert_int_equal(ret.seq, 7);
		}
		free(exact);
	}
	assert_int_equal(beacon_decode(buf, BEACON_LEN, &ret), 0);
}

static void decode_tells_other_version_from_garbage(void **state)
{
	struct beacon beacon = sample(), ret;
	uint8_t buf[BEACON_LEN];

	encode(&beacon, buf);
	buf[2] = 2;
	assert_int_equal(beacon_decode(buf, sizeof(buf), &ret), -EPROTO);
	assert_int_equal(beacon_decode(buf, 99, &ret), -EPROTO);
	assert_int_equal(beacon_verify(buf, sizeof(buf)), -EBADMSG);
	buf[2] = 1;
	buf[1] = 'b';
	assert_int_equal(beacon_decode(buf, sizeof(buf), &ret), -EBADMSG);
}

static void decode_rejects_port_zero(void **state)
{
	struct beacon beacon = sample(), ret;
	uint8_t buf[BEACON_LEN];

	beacon.control_port = 0;
	encode(&beacon, buf);
	assert_int_equal(beacon_decode(buf, sizeof(buf), &ret), -EBADMSG);
}

static void decode_ignores_reserved_flags(void **state)
{
	struct beacon beacon = sample(), ret;
	uint8_t buf[BEACON_LEN];

	encode(&beacon, buf);
	buf[3] = 0xfe;
	assert_int_equal(beacon_decode(buf, sizeof(buf), &ret), 0);
	assert_false(ret.is_leaving);
}

static void verify_rejects_each_flipped_bit(void **state)
{
	struct beacon beacon = sample();
	uint8_t buf[BEACON_LEN];

	encode(&beacon, buf);
	for (size_t i = 3; i < sizeof(buf); i++) {
		buf[i] ^= 0x10;
		assert_int_equal(beacon_verify(buf, sizeof(buf)), -EKEYREJECTED);
		buf[i] ^= 0x10;
	}
	assert_int_equal(beacon_verify(buf, sizeof(buf)), 0);
}

static void verify_rejects_signature_without_context(void **state)
{
	uint8_t seed[ED25519_SEED_LEN], buf[BEACON_LEN];
	struct beacon beacon = sample();

	encode(&beacon, buf);
	sample_seed(SAMPLE_HUB, seed);
	assert_int_equal(ed25519_sign(seed, beacon.pubkey, NULL, buf, 76, buf + 76), 0);
	assert_int_equal(beacon_verify(buf, sizeof(buf)), -EKEYREJECTED);
	assert_int_equal(ed25519_sign(seed, beacon.pubkey, "hubmesh-record-v1", buf, 76, buf + 76),
			 0);
	assert_int_equal(beacon_verify(buf, sizeof(buf)), -EKEYREJECTED);
}

static void encode_refuses_small_buffer_and_foreign_key(void **state)
{
	uint8_t seed[ED25519_SEED_LEN], buf[BEACON_LEN] = {0xaa}, before[BEACON_LEN] = {0xaa};
	struct beacon beacon = sample();

	sample_seed(SAMPLE_HUB, seed);
	assert_int_equal(beacon_encode(&beacon, seed, buf, BEACON_LEN - 1), -EMSGSIZE);
	sample_seed(SAMPLE_OTHER, seed);
	assert_int_equal(beacon_encode(&beacon, seed, buf, sizeof(buf)), -EIO);
	assert_memory_equal(buf, before, sizeof(buf));
}

static void mesh_tag_differs_by_name(void **state)
{
	uint8_t a[BEACON_MESH_TAG_LEN], b[BEACON_MESH_TAG_LEN];

	beacon_mesh_tag("example", a);
	beacon_mesh_tag("example2", b);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void beacon_is_no_data_frame(void **state)
{
	struct beacon beacon = sample();
	uint8_t buf[BEACON_LEN];

	encode(&beacon, buf);
	assert_int_not_equal(buf[0] >> 4, HM_WIRE_VERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encode_writes_documented_vectors),
		cmocka_unit_test(decode_returns_what_was_encoded),
		cmocka_unit_test(decode_rejects_every_other_length),
		cmocka_unit_test(decode_tells_other_version_from_garbage),
		cmocka_unit_test(decode_rejects_port_zero),
		cmocka_unit_test(decode_ignores_reserved_flags),
		cmocka_unit_test(verify_rejects_each_flipped_bit),
		cmocka_unit_test(verify_rejects_signature_without_context),
		cmocka_unit_test(encode_refuses_small_buffer_and_foreign_key),
		cmocka_unit_test(mesh_tag_differs_by_name),
		cmocka_unit_test(beacon_is_no_data_frame),
	};

	return cmocka_run_group_tests_name("beacon_wire", tests, NULL, NULL);
}
