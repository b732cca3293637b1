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
		.group_flags = RECORD_GROUPS_ALL6,
		.n_groups = 2,
		.groups = {{0x01, 0x00, 0x5e, 1, 2, 3}, {0x33, 0x33, 0, 1, 0, 2}},
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

static void assert_links_equal(const struct record *a, const struct record *b)
{
	assert_int_equal(a->n_links, b->n_links);
	for (size_t i = 0; i < a->n_links; i++) {
		assert_true(hub_id_equal(&a->links[i].peer, &b->links[i].peer));
		assert_int_equal(a->links[i].cost_us, b->links[i].cost_us);
		assert_int_equal(a->links[i].frame_max, b->links[i].frame_max);
		assert_int_equal(a->links[i].is_frameless, b->links[i].is_frameless);
	}
}

static void encode_writes_documented_vector(void **state)
{
	struct fixture *f = *state;

	sample_check_vector("Documentation/record.rst", "record", f->buf, (size_t)f->len);
	sample_check_seed("selftests/fuzz/corpus/record/two-links", f->buf, (size_t)f->len);
	f->record.n_links = f->record.n_groups = 0;
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
	assert_links_equal(&back, &f->record);
	assert_int_equal(back.n_links, 2);
	assert_int_equal(back.group_flags, RECORD_GROUPS_ALL6);
	assert_int_equal(back.n_groups, 2);
	assert_memory_equal(back.groups, f->record.groups, 2 * RECORD_GROUP_LEN);
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
	f->record.n_groups = RECORD_GROUPS_MAX;
	for (size_t i = 0; i < RECORD_GROUPS_MAX; i++)
		memcpy(f->record.groups[i], (uint8_t[]){1, 0, 0x5e, 0, 1, (uint8_t)i},
		       RECORD_GROUP_LEN);
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
	FAULT_GROUPS_LENGTH,
	FAULT_GROUPS_UNSORTED,
	FAULT_GROUPS_TWICE,
	FAULT_GROUPS_UNICAST,
	FAULT_GROUP_FLAGS_WIDE,
	FAULT_FLAGS_WIDE,
	FAULT_FRAMELESS_FRAME_MAX,
	FAULT_FRAMELESS_SHORT,
	FAULT_FRAMELESS_COST_ZERO,
	FAULT_FRAMELESS_UNSORTED,
	FAULT_FRAMELESS_TWICE,
	FAULT_FRAMELESS_AND_NOT,
	FAULT_FRAMELESS_TO_SELF,
	FAULT_FRAMELESS_MULTICAST,
	FAULT_FRAMELESS_TOO_MANY,
	FAULT_TAIL,
	FAULT_END,
	/* No faults: */
	EXTRA_OPTIONAL_KEY,
	EXTRA_FRAMELESS,
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

static void write_groups(struct dcbor_writer *w, enum fault fault)
{
	uint8_t groups[12] = {1, 0, 0x5e, 1, 1, 1, 1, 0, 0x5e, 1, 1, 2};

	if (fault == FAULT_GROUPS_UNSORTED)
		groups[11] = 0;
	if (fault == FAULT_GROUPS_TWICE)
		groups[11] = 1;
	if (fault == FAULT_GROUPS_UNICAST)
		groups[6] = 2;
	dcbor_write_uint(w, 33);
	dcbor_write_uint(w, fault == FAULT_GROUP_FLAGS_WIDE ? UINT64_C(1) << 32 : 0xfd);
	dcbor_write_uint(w, 34);
	dcbor_write_bytes(w, groups, sizeof(groups) - (fault == FAULT_GROUPS_LENGTH));
}

static void write_frameless(struct dcbor_writer *w, enum fault fault)
{
	struct hub_id first = {{2, 0, 0, 0, 0, 1}}, second = {{2, 0, 0, 0, 0, 7}};
	size_t n = fault == FAULT_FRAMELESS_TOO_MANY ? RECORD_LINKS_MAX - 1 : 2;

	if (fault == FAULT_FRAMELESS_UNSORTED)
		first.b[5] = 8;
	if (fault == FAULT_FRAMELESS_TWICE)
		first = second;
	if (fault == FAULT_FRAMELESS_AND_NOT)
		first.b[5] = 2;
	if (fault == FAULT_FRAMELESS_TO_SELF)
		first.b[5] = 0;
	if (fault == FAULT_FRAMELESS_MULTICAST)
		second.b[0] = 3;
	dcbor_write_uint(w, 36);
	dcbor_write_uint(w, fault == FAULT_FLAGS_WIDE ? UINT64_C(1) << 32 : 0xff);
	dcbor_write_uint(w, 37);
	dcbor_write_array(w, n);
	for (size_t i = 0; i < n; i++) {
		struct hub_id *peer = i ? &second : &first;

		dcbor_write_array(w, 2 + (fault == FAULT_FRAMELESS_FRAME_MAX) -
					     (fault == FAULT_FRAMELESS_SHORT));
		dcbor_write_bytes(w, peer->b, HUB_ID_LEN);
		if (fault != FAULT_FRAMELESS_SHORT)
			dcbor_write_uint(w, fault != FAULT_FRAMELESS_COST_ZERO);
		if (fault == FAULT_FRAMELESS_FRAME_MAX)
			dcbor_write_uint(w, 1452);
		second.b[5] += i > 0;
	}
}

static bool has_frameless(enum fault fault)
{
	return fault == EXTRA_FRAMELESS ||
	       (fault >= FAULT_FLAGS_WIDE && fault <= FAULT_FRAMELESS_TOO_MANY);
}

static bool has_groups(enum fault fault)
{
	return fault == FAULT_NONE ||
	       (fault >= FAULT_GROUPS_LENGTH && fault <= FAULT_GROUP_FLAGS_WIDE);
}

static size_t write_record(enum fault fault, uint8_t *buf, size_t size)
{
	uint8_t hub[HUB_ID_LEN] = {2}, signature[RECORD_SIGNATURE_LEN] = {0}, body[2048];
	struct dcbor_writer w = dcbor_writer_init(body, sizeof(body)), outer;
	bool is_extended = fault == FAULT_KEY_UNKNOWN_CRITICAL || fault == EXTRA_OPTIONAL_KEY;

	if (fault == FAULT_HUB_MULTICAST)
		hub[0] = 3;
	dcbor_write_map(&w, 7 + is_extended + 2 * has_groups(fault) + 2 * has_frameless(fault) -
				    (fault == FAULT_KEY_MISSING));
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
	if (has_groups(fault))
		write_groups(&w, fault);
	if (has_frameless(fault))
		write_frameless(&w, fault);
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
	uint8_t buf[4096];
	struct record ret = {.seq = 7};

	for (enum fault fault = FAULT_NONE + 1; fault < FAULT_END; fault++) {
		size_t len = write_record(fault, buf, sizeof(buf));

		if (record_decode(buf, len, &ret) != -EBADMSG)
			fail_msg("fault %d was accepted", fault);
		assert_int_equal(ret.seq, 7);
	}
	assert_int_equal(record_decode(buf, write_record(FAULT_NONE, buf, sizeof(buf)), &ret), 0);
	assert_int_equal(ret.group_flags,
			 RECORD_GROUPS_ALL4); /* bits of later versions are dropped */
	assert_int_equal(ret.n_groups, 2);
}

static void decode_skips_optional_keys_of_later_versions(void **state)
{
	uint8_t buf[2048];
	struct record ret;
	size_t len = write_record(EXTRA_OPTIONAL_KEY, buf, sizeof(buf));

	assert_int_equal(record_decode(buf, len, &ret), 0);
	assert_int_equal(ret.n_links, 2);
	assert_int_equal(ret.group_flags, RECORD_GROUPS_ALL); /* an earlier one does not say */
	assert_int_equal(ret.n_groups, 0);
	sample_check_seed("selftests/fuzz/corpus/record/later-version", buf, len);
}

static void links_without_frames_come_among_the_others(void **state)
{
	uint8_t buf[4096];
	struct record ret;
	size_t len = write_record(EXTRA_FRAMELESS, buf, sizeof(buf));

	assert_int_equal(record_decode(buf, len, &ret), 0);
	assert_int_equal(ret.datapath, RECORD_DATAPATH_THERE); /* other flags are dropped */
	assert_int_equal(ret.n_links, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(ret.links[i].is_frameless, i == 0 || i == 3);
	assert_int_equal(ret.links[0].peer.b[5], 1);
	assert_int_equal(ret.links[1].peer.b[5], 2);
	assert_int_equal(ret.links[1].frame_max, 1452);
	assert_int_equal(ret.links[3].peer.b[5], 7);
}

static void links_without_frames_and_a_data_path_travel_and_may_be_missing(void **state)
{
	struct fixture *f = *state;
	struct record back;

	assert_int_equal(record_decode(f->buf, (size_t)f->len, &back), 0);
	assert_int_equal(back.datapath, RECORD_DATAPATH_NOT_TOLD);
	f->record.datapath = RECORD_DATAPATH_NONE;
	encode(f);
	assert_int_equal(record_decode(f->buf, (size_t)f->len, &back), 0);
	assert_int_equal(back.datapath, RECORD_DATAPATH_NONE);
	f->record.datapath = RECORD_DATAPATH_THERE;
	f->record.links[0].is_frameless = true;
	f->record.links[0].frame_max = 0;
	encode(f);
	assert_int_equal(record_decode(f->buf, (size_t)f->len, &back), 0);
	assert_int_equal(back.datapath, RECORD_DATAPATH_THERE);
	assert_links_equal(&back, &f->record);
	sample_check_vector("Documentation/record.rst", "frameless", f->buf, (size_t)f->len);
	sample_check_seed("selftests/fuzz/corpus/record/frameless", f->buf, (size_t)f->len);
}

static void most_links_fit_in_either_list(void **state)
{
	struct fixture *f = *state;
	struct record back;

	f->record.n_links = RECORD_LINKS_MAX;
	for (size_t i = 0; i < RECORD_LINKS_MAX; i++)
		f->record.links[i] = (struct record_link){
			{{0x02, 0, 0, 0, 1, (uint8_t)i}}, UINT32_MAX, 0, i % 2};
	encode(f);
	assert_int_equal(record_decode(f->buf, (size_t)f->len, &back), 0);
	assert_links_equal(&back, &f->record);
}

static void proxy_port_travels_and_may_be_missing(void **state)
{
	struct fixture *f = *state;
	struct record back;

	encode(f);
	assert_int_equal(record_decode(f->buf, (size_t)f->len, &back), 0);
	assert_int_equal(back.proxy_port, 0);
	f->record.proxy_port = 4879;
	encode(f);
	assert_int_equal(record_decode(f->buf, (size_t)f->len, &back), 0);
	assert_int_equal(back.proxy_port, 4879);
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
		cmocka_unit_test(links_without_frames_come_among_the_others),
		cmocka_unit_test_setup_teardown(
			links_without_frames_and_a_data_path_travel_and_may_be_missing, setup,
			teardown),
		cmocka_unit_test_setup_teardown(most_links_fit_in_either_list, setup, teardown),
		cmocka_unit_test_setup_teardown(proxy_port_travels_and_may_be_missing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(catalogue_travels_and_may_be_missing, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("record_wire", tests, NULL, NULL);
}
