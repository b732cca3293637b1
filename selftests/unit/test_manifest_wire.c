// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: manifests and catalogues: signed bytes, canonical and bounded
 */
#include "selftests/unit/samples.h"

#include "daemon/lib/memory.h"
#include "daemon/wire/dcbor.h"
#include "daemon/wire/manifest.h"

struct fixture {
	struct manifest manifest;
	uint8_t seed[ED25519_SEED_LEN], pubkey[ED25519_PUBKEY_LEN];
	uint8_t buf[MANIFEST_MAX];
	int len;
};

static void encode(struct fixture *f)
{
	f->len = manifest_encode(&f->manifest, f->seed, f->pubkey, f->buf, sizeof(f->buf));
	assert_true(f->len > 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	sample_seed(SAMPLE_HUB, f->seed);
	sample_pubkey(SAMPLE_HUB, f->pubkey);
	f->manifest = (struct manifest){
		.hub = hub_id_from_pubkey(f->pubkey),
		.name = "speech",
		.interface = "org.example.speech/v1",
		.version_text = "1.4.2-rc.1+b7",
		.protocol = MANIFEST_HTTP1,
		.n_endpoints = 2,
		.endpoints = {"127.0.0.1:8080", "unix:/run/speech.sock"},
		.n_capabilities = 2,
		.capabilities = {"german", "streaming"},
		.has_code = true,
		.n_credentials = 1,
		.credentials = {"group:kitchen"},
		.needs_cpu_milli = 200,
		.needs_memory_mib = 64,
		.slots = 16,
		.cpu_milli = 4000,
		.memory_mib = 2048,
		.price_micro = 20,
		.n_zones = 1,
		.zones = {"home"},
		.health = MANIFEST_HEALTH_HTTP,
		.health_interval_ms = 5000,
	};
	memset(f->manifest.code, 0x77, SHA256_LEN);
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

	sample_check_vector("Documentation/manifest.rst", "manifest", f->buf, (size_t)f->len);
	sample_check_seed("selftests/fuzz/corpus/manifest/full", f->buf, (size_t)f->len);
	f->manifest = (struct manifest){.hub = f->manifest.hub,
					.name = "a",
					.version_text = "0.0.1",
					.n_endpoints = 1,
					.endpoints = {"[::1]:1"},
					.slots = 1};
	encode(f);
	sample_check_seed("selftests/fuzz/corpus/manifest/least", f->buf, (size_t)f->len);
}

static void decode_returns_what_was_encoded(void **state)
{
	struct fixture *f = *state;
	struct manifest back;

	assert_int_equal(manifest_decode(f->buf, (size_t)f->len, &back), 0);
	assert_true(back.version.major == 1 && back.version.minor == 4 && back.version.patch == 2);
	assert_string_equal(back.version.pre, "rc.1");
	f->manifest.version = back.version;
	assert_memory_equal(&back, &f->manifest, sizeof(back));
}

static void the_same_content_has_the_same_digest(void **state)
{
	struct fixture *f = *state;
	uint8_t one[SHA256_LEN], two[SHA256_LEN], other[SHA256_LEN];

	sha256(f->buf, (size_t)f->len, one);
	encode(f);
	sha256(f->buf, (size_t)f->len, two);
	assert_memory_equal(one, two, SHA256_LEN);
	f->manifest.price_micro++;
	encode(f);
	sha256(f->buf, (size_t)f->len, other);
	assert_memory_not_equal(one, other, SHA256_LEN);
}

static void verify_accepts_the_owner_only(void **state)
{
	struct fixture *f = *state;
	uint8_t other[ED25519_PUBKEY_LEN];

	sample_pubkey(SAMPLE_ROOT, other);
	assert_int_equal(manifest_verify(f->buf, (size_t)f->len, f->pubkey), 0);
	assert_int_equal(manifest_verify(f->buf, (size_t)f->len, other), -EKEYREJECTED);
}

static void every_bit_counts(void **state)
{
	struct fixture *f = *state;
	struct manifest back;

	for (int i = 0; i < 8 * f->len; i++) {
		f->buf[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_true(manifest_decode(f->buf, (size_t)f->len, &back) != 0 ||
			    manifest_verify(f->buf, (size_t)f->len, f->pubkey) != 0);
		f->buf[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

static void decode_refuses_every_truncation_and_more_bytes(void **state)
{
	struct fixture *f = *state;
	struct manifest back;

	for (int len = 0; len < f->len; len++)
		assert_int_equal(manifest_decode(f->buf, (size_t)len, &back), -EBADMSG);
	f->buf[f->len] = 0;
	assert_int_equal(manifest_decode(f->buf, (size_t)f->len + 1, &back), -EBADMSG);
}

/* Signs a body whose one value differs: what an owner that is hostile could send. */
static int decode_with(struct fixture *f, size_t offset, uint8_t value)
{
	struct dcbor_reader r = dcbor_reader_init(f->buf, (size_t)f->len);
	struct manifest back;
	const uint8_t *body;
	uint8_t *changed;
	size_t body_len;
	int result;

	dcbor_read_array(&r, 2);
	body = dcbor_read_bytes(&r, MANIFEST_MAX, &body_len);
	assert_true(offset < body_len);
	changed = f->buf + (body - f->buf) + offset;
	*changed = value;
	result = manifest_decode(f->buf, (size_t)f->len, &back);
	encode(f);
	return result;
}

static size_t offset_of_text(struct fixture *f, const char *text)
{
	uint8_t *at = memmem(f->buf, (size_t)f->len, text, strlen(text));
	struct dcbor_reader r = dcbor_reader_init(f->buf, (size_t)f->len);
	size_t body_len;

	assert_non_null(at);
	dcbor_read_array(&r, 2);
	return (size_t)(at - dcbor_read_bytes(&r, MANIFEST_MAX, &body_len));
}

static void decode_refuses_content_against_the_schema(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(decode_with(f, offset_of_text(f, "speech"), 'S'), -EBADMSG);
	assert_int_equal(decode_with(f, offset_of_text(f, "1.4.2"), 'v'), -EBADMSG);
	assert_int_equal(decode_with(f, offset_of_text(f, "127.0"), 'x'), -EBADMSG);
	assert_int_equal(decode_with(f, offset_of_text(f, "german"), 'z'), -EBADMSG); /* order */
	assert_int_equal(decode_with(f, offset_of_text(f, "home"), '.'), -EBADMSG);
	assert_int_equal(decode_with(f, offset_of_text(f, "speech") - 3, 2), -EPROTO); /* format */
	assert_int_equal(decode_with(f, offset_of_text(f, "speech"), 's'), 0);
}

static void format_of_bodies_travels(void **state)
{
	struct fixture *f = *state;
	struct manifest back;
	size_t offset;

	f->manifest.body = MANIFEST_BODY_CBOR;
	encode(f);
	assert_int_equal(manifest_decode(f->buf, (size_t)f->len, &back), 0);
	assert_int_equal(back.body, MANIFEST_BODY_CBOR);
	/* At the end of the body: key 24 32, value. */
	offset = (size_t)f->len - MANIFEST_SIGNATURE_LEN - 2 - 1;
	assert_int_equal(f->buf[offset], MANIFEST_BODY_CBOR);
	f->buf[offset] = 0;
	assert_int_equal(manifest_decode(f->buf, (size_t)f->len, &back), -EBADMSG);
	f->buf[offset] = 23;
	assert_int_equal(manifest_decode(f->buf, (size_t)f->len, &back), 0);
	assert_int_equal(back.body, MANIFEST_BODY_NONE);
}

static void schema_refuses_what_it_should(void **state)
{
	struct fixture *f = *state;
	struct manifest m;

	assert_true(manifest_is_well_formed(&f->manifest));
#define BREAK(change)                                      \
	do {                                               \
		m = f->manifest;                           \
		change;                                    \
		assert_false(manifest_is_well_formed(&m)); \
	} while (0)
	BREAK(m.hub.b[0] |= 1);
	BREAK(m.name[0] = '\0');
	BREAK(m.name[0] = '-');
	BREAK(strcpy(m.version_text, "1.2"));
	BREAK(m.protocol = __MANIFEST_PROTOCOL_END);
	BREAK(m.n_endpoints = 0);
	BREAK(strcpy(m.endpoints[0], "127.0.0.1"));
	BREAK(strcpy(m.endpoints[1], "unix:relative"));
	BREAK(strcpy(m.endpoints[1], "unix:/run/\x1b[31m"));
	BREAK(strcpy(m.endpoints[1], "unix:/run/\xff"));
	BREAK(strcpy(m.capabilities[1], "german"));
	BREAK(strcpy(m.credentials[0], "has space"));
	BREAK(m.body = __MANIFEST_BODY_END);
	BREAK(m.body = MANIFEST_BODY_CBOR; m.protocol = MANIFEST_TCP);
	BREAK(m.body = MANIFEST_BODY_CBOR; m.protocol = MANIFEST_GRPC);
	BREAK(m.slots = 0);
	BREAK(m.slots = MANIFEST_SLOTS_MAX + 1);
	BREAK(m.health_interval_ms = 0);
	BREAK(m.health = MANIFEST_HEALTH_NONE);
	BREAK(m.n_zones = MANIFEST_ZONES_MAX + 1);
#undef BREAK
}

static struct catalogue sample_catalogue(const struct fixture *f)
{
	struct catalogue catalogue = {.hub = f->manifest.hub, .n = 2};

	memset(catalogue.entries[0].digest, 0x11, SHA256_LEN);
	memset(catalogue.entries[1].digest, 0x22, SHA256_LEN);
	catalogue.entries[1].state = SERVICE_FAILING;
	return catalogue;
}

static void catalogue_comes_back_as_it_went(void **state)
{
	struct catalogue catalogue = sample_catalogue(*state), back;
	uint8_t buf[CATALOGUE_MAX];
	int len = catalogue_encode(&catalogue, buf, sizeof(buf));

	assert_true(len > 0);
	sample_check_vector("Documentation/manifest.rst", "catalogue", buf, (size_t)len);
	assert_int_equal(catalogue_decode(buf, (size_t)len, &back), 0);
	assert_int_equal(back.n, 2);
	assert_true(hub_id_equal(&back.hub, &catalogue.hub));
	assert_memory_equal(back.entries, catalogue.entries, 2 * sizeof(back.entries[0]));
	catalogue.n = 0;
	len = catalogue_encode(&catalogue, buf, sizeof(buf));
	assert_int_equal(catalogue_decode(buf, (size_t)len, &back), 0);
	assert_int_equal(back.n, 0);
}

static void full_catalogue_fits(void **state)
{
	struct catalogue catalogue = sample_catalogue(*state), back;
	uint8_t buf[CATALOGUE_MAX];
	int len;

	catalogue.n = CATALOGUE_ENTRIES_MAX;
	for (size_t i = 0; i < catalogue.n; i++)
		memset(catalogue.entries[i].digest, (int)i, SHA256_LEN);
	len = catalogue_encode(&catalogue, buf, sizeof(buf));
	assert_true(len > 0);
	assert_int_equal(catalogue_decode(buf, (size_t)len, &back), 0);
}

static void catalogue_out_of_order_or_of_unknown_state_is_refused(void **state)
{
	struct catalogue catalogue = sample_catalogue(*state), back;
	uint8_t buf[CATALOGUE_MAX];
	int len = catalogue_encode(&catalogue, buf, sizeof(buf));

	buf[len - 1] = __SERVICE_STATE_END;
	assert_int_equal(catalogue_decode(buf, (size_t)len, &back), -EBADMSG);
	buf[len - 1] = SERVICE_FAILING;
	assert_int_equal(catalogue_decode(buf, (size_t)len, &back), 0);
	memset(buf + len - 1 - SHA256_LEN, 0x11, SHA256_LEN);
	assert_int_equal(catalogue_decode(buf, (size_t)len, &back), -EBADMSG);
}

static struct catalogue sample_rollbacks(const struct fixture *f)
{
	struct catalogue catalogue = sample_catalogue(f);

	catalogue.n_rollbacks = 2;
	memset(catalogue.rollbacks[0].build, 0x33, SHA256_LEN);
	memset(catalogue.rollbacks[1].build, 0x44, SHA256_LEN);
	catalogue.rollbacks[0].new_n = 60;
	catalogue.rollbacks[0].new_bad = 20;
	catalogue.rollbacks[0].old_n = 1200;
	catalogue.rollbacks[0].old_bad = 11;
	catalogue.rollbacks[1].by_latency = true;
	return catalogue;
}

static void rollbacks_come_back_as_they_went(void **state)
{
	struct catalogue catalogue = sample_rollbacks(*state), back;
	uint8_t buf[CATALOGUE_MAX];
	int len = catalogue_encode(&catalogue, buf, sizeof(buf));

	assert_true(len > 0);
	sample_check_vector("Documentation/manifest.rst", "rollbacks", buf, (size_t)len);
	sample_check_seed("selftests/fuzz/corpus/manifest/rollbacks", buf, (size_t)len);
	assert_int_equal(catalogue_decode(buf, (size_t)len, &back), 0);
	assert_int_equal(back.n_rollbacks, 2);
	assert_memory_equal(back.rollbacks, catalogue.rollbacks, 2 * sizeof(back.rollbacks[0]));
	for (int i = 0; i < len; i++)
		assert_int_equal(catalogue_decode(buf, (size_t)i, &back), -EBADMSG);
}

static void fullest_catalogue_with_rollbacks_fits(void **state)
{
	struct catalogue catalogue = sample_rollbacks(*state), back;
	uint8_t buf[CATALOGUE_MAX];
	int len;

	catalogue.n = CATALOGUE_ENTRIES_MAX;
	for (size_t i = 0; i < catalogue.n; i++)
		memset(catalogue.entries[i].digest, (int)i, SHA256_LEN);
	catalogue.n_rollbacks = CATALOGUE_ROLLBACKS_MAX;
	for (size_t i = 0; i < catalogue.n_rollbacks; i++) {
		memset(&catalogue.rollbacks[i], 0xff, sizeof(catalogue.rollbacks[i]));
		memset(catalogue.rollbacks[i].build, (int)i, SHA256_LEN);
		catalogue.rollbacks[i].by_latency = true;
	}
	len = catalogue_encode(&catalogue, buf, sizeof(buf));
	assert_true(len > 0);
	assert_int_equal(catalogue_decode(buf, (size_t)len, &back), 0);
	assert_int_equal(back.n_rollbacks, CATALOGUE_ROLLBACKS_MAX);
}

/* Each byte that is wrong in its own way, in the catalogue of sample_rollbacks(). */
static void rollbacks_against_the_schema_are_refused(void **state)
{
	struct catalogue catalogue = sample_rollbacks(*state), back;
	uint8_t buf[CATALOGUE_MAX];
	int len = catalogue_encode(&catalogue, buf, sizeof(buf));
	uint8_t *second = buf + len - 40, saved;

	assert_int_equal(second[0], 0x86); /* an array of six */
	memset(second + 3, 0x33, SHA256_LEN); /* twice the same build */
	assert_int_equal(catalogue_decode(buf, (size_t)len, &back), -EBADMSG);
	memset(second + 3, 0x44, SHA256_LEN);
	assert_int_equal(catalogue_decode(buf, (size_t)len, &back), 0);
	buf[len - 1] = 1; /* one bad of no samples */
	assert_int_equal(catalogue_decode(buf, (size_t)len, &back), -EBADMSG);
	buf[len - 1] = 0;
	saved = second[0];
	second[0] = 0x85;
	assert_int_equal(catalogue_decode(buf, (size_t)len, &back), -EBADMSG);
	second[0] = saved;
	second[35] = 0x01; /* a number where a truth value belongs */
	assert_int_equal(catalogue_decode(buf, (size_t)len, &back), -EBADMSG);
}

static void empty_list_of_rollbacks_is_refused(void **state)
{
	static const uint8_t bytes[] = {0xa3, 0x01, 0x46, 0x02, 0,    0,    0,
					0,    1,    0x02, 0x80, 0x18, 0x20, 0x80};
	struct catalogue back;

	assert_int_equal(catalogue_decode(bytes, sizeof(bytes), &back), -EBADMSG);
}

static void programs_are_served_by_what_the_proxy_translates(void **state)
{
	static const bool served[__MANIFEST_PROTOCOL_END][__MANIFEST_PROTOCOL_END] = {
		/* by what a program wants */
		[MANIFEST_TCP] = {[MANIFEST_TCP] = true},
		[MANIFEST_UDP] = {[MANIFEST_UDP] = true},
		[MANIFEST_HTTP1] =
			{[MANIFEST_HTTP1] = true, [MANIFEST_HTTP2] = true, [MANIFEST_GRPC] = true},
		[MANIFEST_HTTP2] = {[MANIFEST_HTTP1] = true, [MANIFEST_HTTP2] = true},
		[MANIFEST_GRPC] = {[MANIFEST_GRPC] = true},
	};

	for (uint8_t wanted = 0; wanted < __MANIFEST_PROTOCOL_END; wanted++)
		for (uint8_t protocol = 0; protocol < __MANIFEST_PROTOCOL_END; protocol++)
			assert_int_equal(manifest_protocol_serves(protocol, wanted),
					 served[wanted][protocol]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_are_served_by_what_the_proxy_translates),
		cmocka_unit_test_setup_teardown(encode_writes_documented_vector, setup, teardown),
		cmocka_unit_test_setup_teardown(decode_returns_what_was_encoded, setup, teardown),
		cmocka_unit_test_setup_teardown(the_same_content_has_the_same_digest, setup,
						teardown),
		cmocka_unit_test_setup_teardown(verify_accepts_the_owner_only, setup, teardown),
		cmocka_unit_test_setup_teardown(every_bit_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(decode_refuses_every_truncation_and_more_bytes,
						setup, teardown),
		cmocka_unit_test_setup_teardown(decode_refuses_content_against_the_schema, setup,
						teardown),
		cmocka_unit_test_setup_teardown(format_of_bodies_travels, setup, teardown),
		cmocka_unit_test_setup_teardown(schema_refuses_what_it_should, setup, teardown),
		cmocka_unit_test_setup_teardown(catalogue_comes_back_as_it_went, setup, teardown),
		cmocka_unit_test_setup_teardown(full_catalogue_fits, setup, teardown),
		cmocka_unit_test_setup_teardown(
			catalogue_out_of_order_or_of_unknown_state_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(rollbacks_come_back_as_they_went, setup, teardown),
		cmocka_unit_test_setup_teardown(fullest_catalogue_with_rollbacks_fits, setup,
						teardown),
		cmocka_unit_test_setup_teardown(rollbacks_against_the_schema_are_refused, setup,
						teardown),
		cmocka_unit_test(empty_list_of_rollbacks_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
