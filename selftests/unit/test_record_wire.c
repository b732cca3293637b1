// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: link-state record: signed bytes, canonical and bounded
 */
#include "selftests/unit/samples.h"

#include "daemon/trust/trust.h"
#include "daemon/wire/dcbor.h"
#include "daemon/wire/record.h"

_Static_assert(TRUST_CERT_MAX == RECORD_CERT_MAX, "a certificate that verifies fits a record");

struct fixture {
	struct record record;
	uint8_t cert[CERT_MAX], seed[ED25519_SEED_LEN], pubkey[ED25519_PUBKEY_LEN];
	uint8_t buf[RECORD_MAX];
	int len;
};

static void encode(struct fixture *f)
{
	f->len = record_encode(&f->record, f->seed, f->pubkey, f->buf, sizeof(f->buf));
	assert_true(f->len > 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	sample_seed(SAMPLE_HUB, f->seed);
	sample_pubkey(SAMPLE_HUB, f->pubkey);
	f->record = (struct record){
		.hub = hub_id_from_pubkey(f->pubkey),
		.boot_epoch = 5,
		.seq = 0x100000001,
		.name = "h\xc3\xbc"
			"b-a",
		.ipv4 = 0x0a4d0005,
		.cert = f->cert,
		.cert_len = sample_cert("example", SAMPLE_ROOT, SAMPLE_HUB, f->cert),
		.n_links = 2,
		.links = {{{{0x02, 0, 0, 0, 0, 1}}, 850, 1452},
			  {{{0x06, 0, 0, 0, 0, 2}}, 70000, 0}},
	};
	encode(f);
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

	sample_check_vector("Documentation/record.rst", "record", f->buf, (size_t)f->len);
	sample_check_seed("selftests/fuzz/corpus/record/two-links", f->buf, (size_t)f->len);
	f->record.n_links = 0;
	f->record.name[0] = '\0';
	encode(f);
	sample_check_seed("selftests/fuzz/corpus/record/alone", f->buf, (size_t)f->len);
}

static void decode_returns_what_was_encoded(void **state)
{
	struct fixture *f = *state;
	struct record back;

	assert_int_equal(record_decode(f->buf, (size_t)f->len, &back), 0);
	assert_true(hub_id_equal(&back.hub, &f->record.hub));
	assert_true(back.boot_epoch == 5 && back.seq == 0x100000001);
	assert_string_equal(back.name, f->record.name);
	assert_int_equal(back.ipv4, 0x0a4d0005);
	assert_int_equal(back.cert_len, f->record.cert_len);
	assert_memory_equal(back.cert, f->cert, back.cert_len);
	assert_int_equal(back.n_links, 2);
	assert_memory_equal(back.links, f->record.links, 2 * sizeof(back.links[0]));
	assert_int_equal(record_verify(f->buf, (size_t)f->len, f->pubkey), 0);
}

static void largest_record_fits(void **state)
{
	static uint8_t cert[RECORD_CERT_MAX];
	struct fixture *f = *state;
	struct record back;

	f->record.cert = cert;
	f->record.cert_len = sizeof(cert);
	f->record.boot_epoch = f->record.seq = UINT64_MAX;
	memset(f->record.name, 'n', RECORD_NAME_MAX);
	f->record.n_links = RECORD_LINKS_MAX;
	for (size_t i = 0; i < RECORD_LINKS_MAX; i++)
		f->record.links[i] = (struct record_link){
			{{0x02, 0, 0, 0, 1, (uint8_t)i}}, UINT32_MAX, UINT32_MAX};
	encode(f);
	assert_int_equal(record_decode(f->buf, (size_t)f->len, &back), 0);
	assert_int_equal(back.n_links, RECORD_LINKS_MAX);
	assert_int_equal(record_encode(&f->record, f->seed, f->pubkey, f->buf, (size_t)f->len - 1),
			 -EMSGSIZE);
}

static void decode_rejects_every_truncation_and_tail(void **state)
{
	struct fixture *f = *state;
	struct record ret = {.seq = 7};

	for (size_t len = 0; len <= (size_t)f->len + 1; len++) {
		uint8_t *exact;

		if (len == (size_t)f->len)
			continue;
		exact = calloc(1, len ? len : 1);
		memcpy(exact, f->buf, len < (size_t)f->len ? len : (size_t)f->len);
		assert_int_equal(record_decode(exact, len, &ret), -EBADMSG);
		assert_int_equal(record_verify(exact, len, f->pubkey), -EBADMSG);
		assert_int_equal(ret.seq, 7);
		free(exact);
	}
}

static void verify_rejects_changes_and_other_keys(void **state)
{
	struct fixture *f = *state;
	uint8_t other[ED25519_PUBKEY_LEN];

	sample_pubkey(SAMPLE_OTHER, other);
	assert_int_equal(record_verify(f->buf, (size_t)f->len, other), -EKEYREJECTED);
	f->buf[f->len - 1] ^= 1;
	assert_int_equal(record_verify(f->buf, (size_t)f->len, f->pubkey), -EKEYREJECTED);
	f->buf[f->len - 1] ^= 1;
	f->buf[100] ^= 1;
	assert_int_equal(record_verify(f->buf, (size_t)f->len, f->pubkey), -EKEYREJECTED);
	f->buf[100] ^= 1;
	assert_int_equal(record_verify(f->buf, (size_t)f->len, f->pubkey), 0);
}

static void encode_refuses_keys_that_do_not_match(void **state)
{
	struct fixture *f = *state;

	sample_seed(SAMPLE_OTHER, f->seed);
	assert_int_equal(record_encode(&f->record, f->seed, f->pubkey, f->buf, sizeof(f->buf)),
			 -EIO);
}

/* What is wrong with a record of write_record(). */
enum fault {
	FAULT_NONE,
	FAULT_HUB_MULTICAST,
	FAULT_HUB_SHORT,
	FAULT_CERT_EMPTY,
	FAULT_COST_ZERO,
	FAULT_COST_WIDE,
	FAULT_LINKS_UNSORTED,
	FAULT_LINKS_TWICE,
	FAULT_LINK_TO_SELF,
	FAULT_LINK_EXTRA,
	FAULT_LINK_SHORT,
	FAULT_FRAME_WIDE,
	FAULT_NAME_CONTROL,
	FAULT_NAME_NOT_UTF8,
	FAULT_NAME_LONG,
	FAULT_IPV4_WIDE,
	FAULT_KEY_MISSING,
	FAULT_KEY_UNKNOWN_CRITICAL,
	FAULT_TAIL,
	FAULT_END,
	/* No faults: */
	EXTRA_OPTIONAL_KEY,
};

static const char *name_of(enum fault fault)
{
	switch (fault) {
	case FAULT_NAME_CONTROL:
		return "a\nb";
	case FAULT_NAME_NOT_UTF8:
		return "a\xc0\xaf";
	case FAULT_NAME_LONG:
		return "0123456789012345678901234567890123456789012345678901234567890123";
	default:
		return "name";
	}
}

static void write_links(struct dcbor_writer *w, enum fault fault)
{
	struct hub_id first = {{2, 0, 0, 0, 0, 2}}, second = {{2, 0, 0, 0, 0, 3}};

	if (fault == FAULT_LINKS_UNSORTED)
		second.b[5] = 1;
	if (fault == FAULT_LINKS_TWICE)
		second = first;
	if (fault == FAULT_LINK_TO_SELF)
		first.b[5] = 0;
	dcbor_write_array(w, 2);
	dcbor_write_array(w, 3 + (fault == FAULT_LINK_EXTRA) - (fault == FAULT_LINK_SHORT));
	dcbor_write_bytes(w, first.b, HUB_ID_LEN);
	dcbor_write_uint(w, fault == FAULT_COST_ZERO   ? 0
			    : fault == FAULT_COST_WIDE ? UINT64_C(1) << 32
						       : 1);
	if (fault != FAULT_LINK_SHORT)
		dcbor_write_uint(w, fault == FAULT_FRAME_WIDE ? UINT64_C(1) << 32 : 1452);
	if (fault == FAULT_LINK_EXTRA)
		dcbor_write_uint(w, 1);
	dcbor_write_array(w, 3);
	dcbor_write_bytes(w, second.b, HUB_ID_LEN);
	dcbor_write_uint(w, 1);
	dcbor_write_uint(w, 0);
}

static size_t write_record(enum fault fault, uint8_t *buf, size_t size)
{
	uint8_t hub[HUB_ID_LEN] = {2}, signature[RECORD_SIGNATURE_LEN] = {0}, body[1024];
	struct dcbor_writer w = dcbor_writer_init(body, sizeof(body)), outer;
	bool is_extended = fault == FAULT_KEY_UNKNOWN_CRITICAL || fault == EXTRA_OPTIONAL_KEY;

	if (fault == FAULT_HUB_MULTICAST)
		hub[0] = 3;
	dcbor_write_map(&w, 7 + is_extended - (fault == FAULT_KEY_MISSING));
	dcbor_write_uint(&w, 1);
	dcbor_write_bytes(&w, hub, sizeof(hub) - (fault == FAULT_HUB_SHORT));
	dcbor_write_uint(&w, 2);
	dcbor_write_uint(&w, 1);
	if (fault != FAULT_KEY_MISSING) {
		dcbor_write_uint(&w, 3);
		dcbor_write_uint(&w, 1);
	}
	dcbor_write_uint(&w, 4);
	dcbor_write_text(&w, name_of(fault));
	dcbor_write_uint(&w, 5);
	dcbor_write_uint(&w, fault == FAULT_IPV4_WIDE ? UINT64_C(1) << 32 : 0);
	dcbor_write_uint(&w, 6);
	dcbor_write_bytes(&w, hub, fault == FAULT_CERT_EMPTY ? 0 : 3);
	dcbor_write_uint(&w, 7);
	write_links(&w, fault);
	if (is_extended) {
		dcbor_write_uint(&w, fault == EXTRA_OPTIONAL_KEY ? DCBOR_KEY_OPTIONAL + 8 : 8);
		dcbor_write_array(&w, 2);
		dcbor_write_map(&w, 1);
		dcbor_write_uint(&w, 9);
		dcbor_write_text(&w, "later");
		dcbor_write_bool(&w, true);
	}
	if (fault == FAULT_TAIL)
		dcbor_write_uint(&w, 0);
	assert_true(dcbor_writer_end(&w) > 0);
	outer = dcbor_writer_init(buf, size);
	dcbor_write_array(&outer, 2);
	dcbor_write_bytes(&outer, body, w.used);
	dcbor_write_bytes(&outer, signature, sizeof(signature));
	assert_true(dcbor_writer_end(&outer) > 0);
	return outer.used;
}

static void decode_rejects_each_fault_of_form(void **state)
{
	uint8_t buf[2048];
	struct record ret = {.seq = 7};

	for (enum fault fault = FAULT_NONE + 1; fault < FAULT_END; fault++) {
		size_t len = write_record(fault, buf, sizeof(buf));

		if (record_decode(buf, len, &ret) != -EBADMSG)
			fail_msg("fault %d was accepted", fault);
		assert_int_equal(ret.seq, 7);
	}
	assert_int_equal(record_decode(buf, write_record(FAULT_NONE, buf, sizeof(buf)), &ret), 0);
}

static void decode_skips_optional_keys_of_later_versions(void **state)
{
	uint8_t buf[2048];
	struct record ret;
	size_t len = write_record(EXTRA_OPTIONAL_KEY, buf, sizeof(buf));

	assert_int_equal(record_decode(buf, len, &ret), 0);
	assert_int_equal(ret.n_links, 2);
	sample_check_seed("selftests/fuzz/corpus/record/later-version", buf, len);
}

static void catalogue_travels_and_may_be_missing(void **state)
{
	struct fixture *f = *state;
	struct record back;

	assert_int_equal(record_decode(f->buf, (size_t)f->len, &back), 0);
	assert_false(back.has_catalogue);
	f->record.has_catalogue = true;
	memset(f->record.catalogue, 0x33, SHA256_LEN);
	encode(f);
	assert_int_equal(record_decode(f->buf, (size_t)f->len, &back), 0);
	assert_true(back.has_catalogue);
	assert_memory_equal(back.catalogue, f->record.catalogue, SHA256_LEN);
	sample_check_seed("selftests/fuzz/corpus/record/catalogue", f->buf, (size_t)f->len);
}

static void decode_rejects_oversize(void **state)
{
	uint8_t *big = calloc(1, RECORD_MAX + 1);
	struct record ret;

	big[0] = 0x82;
	assert_int_equal(record_decode(big, RECORD_MAX + 1, &ret), -EBADMSG);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(encode_writes_documented_vector, setup, teardown),
		cmocka_unit_test_setup_teardown(decode_returns_what_was_encoded, setup, teardown),
		cmocka_unit_test_setup_teardown(largest_record_fits, setup, teardown),
		cmocka_unit_test_setup_teardown(decode_rejects_every_truncation_and_tail, setup,
						teardown),
		cmocka_unit_test_setup_teardown(verify_rejects_changes_and_other_keys, setup,
						teardown),
		cmocka_unit_test_setup_teardown(encode_refuses_keys_that_do_not_match, setup,
						teardown),
		cmocka_unit_test(decode_rejects_each_fault_of_form),
		cmocka_unit_test(decode_skips_optional_keys_of_later_versions),
		cmocka_unit_test(decode_rejects_oversize),
		cmocka_unit_test_setup_teardown(catalogue_travels_and_may_be_missing, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("record_wire", tests, NULL, NULL);
}
