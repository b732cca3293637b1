// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: broker messages: signed, canonical, forwarded unaltered
 */
#include "selftests/unit/samples.h"

#include "daemon/wire/offer.h"

struct fixture {
	struct offer_message message;
	uint8_t seed[ED25519_SEED_LEN], pubkey[ED25519_PUBKEY_LEN];
	uint8_t buf[OFFER_MAX];
	int len;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	sample_seed(SAMPLE_HUB, f->seed);
	sample_pubkey(SAMPLE_HUB, f->pubkey);
	f->message = (struct offer_message){.kind = OFFER_LEASE,
					    .from = hub_id_from_pubkey(f->pubkey),
					    .to = {{2, 0, 0, 0, 0, 1}},
					    .from_epoch = 5,
					    .to_epoch = 6,
					    .seq = 7,
					    .request = 8,
					    .serial = 9,
					    .slots = 2,
					    .duration_ms = 10000,
					    .price_micro = 30,
					    .load_permille = 250,
					    .free_slots = 6};
	memset(f->message.digest, 0x11, SHA256_LEN);
	f->len = offer_encode(&f->message, f->seed, f->pubkey, f->buf, sizeof(f->buf));
	assert_true(f->len > 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void encode_writes_documented_vector(void **state)
{
	struct fixture *f = *state;

	sample_check_vector("Documentation/broker.rst", "lease", f->buf, (size_t)f->len);
	sample_check_seed("selftests/fuzz/corpus/offer/lease", f->buf, (size_t)f->len);
}

static void decode_returns_what_was_encoded_and_verifies(void **state)
{
	struct fixture *f = *state;
	struct offer_message back;

	assert_int_equal(offer_decode(f->buf, (size_t)f->len, &back), 0);
	assert_memory_equal(&back, &f->message, sizeof(back));
	assert_int_equal(offer_verify(f->buf, (size_t)f->len, f->pubkey), 0);
}

static void every_bit_but_the_ttl_counts(void **state)
{
	struct fixture *f = *state;
	struct offer_message back;

	for (int i = 24; i < 8 * f->len; i++) { /* array head, two bytes of ttl */
		f->buf[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_true(offer_decode(f->buf, (size_t)f->len, &back) != 0 ||
			    offer_verify(f->buf, (size_t)f->len, f->pubkey) != 0);
		f->buf[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (int len = 0; len < f->len; len++)
		assert_int_equal(offer_decode(f->buf, (size_t)len, &back), -EBADMSG);
}

static void forward_takes_one_hop_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	uint8_t next[OFFER_MAX];
	struct offer_message back;
	int len = f->len, hops = 0;

	while ((len = offer_forward(f->buf, (size_t)len, next, sizeof(next))) > 0) {
		memcpy(f->buf, next, (size_t)len);
		hops++;
		assert_int_equal(offer_decode(next, (size_t)len, &back), 0);
		assert_int_equal(offer_verify(next, (size_t)len, f->pubkey), 0);
	}
	assert_int_equal(len, -ETIME);
	assert_int_equal(hops, OFFER_TTL - 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(encode_writes_documented_vector),
		TEST(decode_returns_what_was_encoded_and_verifies),
		TEST(every_bit_but_the_ttl_counts),
		TEST(forward_takes_one_hop_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
