// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: trust: which certificates make a member, and every way not to be one
 */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include "selftests/unit/trust_fixture.h"

#include "daemon/trust/cert_time.h"
#include "daemon/trust/pem.h"
#include "daemon/trust/spiffe.h"

/* As setup(), and what a failure may not touch. */
static int setup_untouched(void **state)
{
	setup(state);
	((struct fixture *)*state)->ret.not_after_s = -7;
	return 0;
}

static int verify(struct fixture *f, const uint8_t *der, size_t len, int64_t now_s)
{
	int r = trust_verify_hub(f->trust, der, len, now_s, &f->ret);

	if (r < 0)
		assert_true(f->ret.not_after_s == -7);
	return r;
}

/* What a hub certificate of SAMPLE_HUB says; tests change one thing. */
static struct cert_content good_content(const struct fixture *f, char uri[SPIFFE_URI_SIZE])
{
	struct cert_content content = {
		.common_name = "hub-a",
		.uri = uri,
		.not_before_s = SAMPLE_NOT_BEFORE_S,
		.not_after_s = SAMPLE_NOT_AFTER_S,
	};
	struct cert root;
	struct hub_id id;

	assert_int_equal(cert_parse(f->root, f->root_len, &root), 0);
	content.issuer = root.subject;
	memcpy(content.issuer_pubkey, root.pubkey, sizeof(root.pubkey));
	sample_pubkey(SAMPLE_HUB, content.pubkey);
	id = hub_id_from_pubkey(content.pubkey);
	spiffe_format_hub(MESH, &id, uri);
	return content;
}

static size_t sign(const struct cert_content *content, uint8_t *der)
{
	uint8_t seed[ED25519_SEED_LEN];
	int n;

	sample_seed(SAMPLE_ROOT, seed);
	n = cert_write(content, seed, der, CERT_MAX);
	assert_true(n > 0);
	return (size_t)n;
}

static uint8_t *find(uint8_t *der, size_t len, const void *bytes, size_t n)
{
	uint8_t *at = memmem(der, len, bytes, n);

	assert_non_null(at);
	return at;
}

static void verify_accepts_issued_certificate(void **state)
{
	struct fixture *f = *state;
	uint8_t pubkey[HUB_PUBKEY_LEN];
	struct hub_id id;

	sample_pubkey(SAMPLE_HUB, pubkey);
	id = hub_id_from_pubkey(pubkey);
	/* The second time from the cache. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(verify(f, f->cert, f->cert_len, SAMPLE_NOW_S), 0);
		assert_true(hub_id_equal(&f->ret.hub, &id));
		assert_memory_equal(f->ret.pubkey, pubkey, sizeof(pubkey));
		assert_true(f->ret.not_before_s == SAMPLE_NOT_BEFORE_S);
		assert_true(f->ret.not_after_s == SAMPLE_NOT_AFTER_S);
	}
}

static void certificates_match_documented_vectors(void **state)
{
	struct fixture *f = *state;

	sample_check_vector("Documentation/trust.rst", "root-certificate", f->root, f->root_len);
	sample_check_vector("Documentation/trust.rst", "hub-certificate", f->cert, f->cert_len);
	sample_check_seed("selftests/fuzz/corpus/cert/root", f->root, f->root_len);
	sample_check_seed("selftests/fuzz/corpus/cert/hub", f->cert, f->cert_len);
}

static void verify_rejects_foreign_root(void **state)
{
	struct fixture *f = *state;
	uint8_t der[CERT_MAX];
	size_t len = sample_cert(MESH, SAMPLE_OTHER, SAMPLE_HUB, der);

	/* Same issuer name, another key. */
	assert_int_equal(verify(f, der, len, SAMPLE_NOW_S), -EKEYREJECTED);
	len = sample_root(MESH, SAMPLE_OTHER, der);
	assert_int_equal(trust_add_root(f->trust, der, len), 0);
	len = sample_cert(MESH, SAMPLE_OTHER, SAMPLE_HUB, der);
	assert_int_equal(verify(f, der, len, SAMPLE_NOW_S), 0);
}

static void verify_rejects_without_roots(void **state)
{
	struct fixture *f = *state;

	trust_free(f->trust);
	f->trust = trust_new(MESH);
	assert_int_equal(verify(f, f->cert, f->cert_len, SAMPLE_NOW_S), -EKEYREJECTED);
}

static void verify_rejects_self_signed_hub(void **state)
{
	struct fixture *f = *state;
	uint8_t seed[ED25519_SEED_LEN], der[CERT_MAX];
	char uri[SPIFFE_URI_SIZE];
	struct cert_content content = good_content(f, uri);
	int n;

	content.issuer.len = 0;
	memcpy(content.issuer_pubkey, content.pubkey, sizeof(content.pubkey));
	sample_seed(SAMPLE_HUB, seed);
	n = cert_write(&content, seed, der, sizeof(der));
	assert_true(n > 0);
	assert_int_equal(verify(f, der, (size_t)n, SAMPLE_NOW_S), -EKEYREJECTED);
	/* Nor does a hub make a root. */
	assert_int_equal(trust_add_root(f->trust, der, (size_t)n), -EKEYREJECTED);
}

static void verify_rejects_hub_signed_by_hub(void **state)
{
	struct fixture *f = *state;
	uint8_t seed[ED25519_SEED_LEN], der[CERT_MAX];
	char uri[SPIFFE_URI_SIZE];
	struct cert_content content = good_content(f, uri);
	struct cert hub;
	struct hub_id id;
	int n;

	assert_int_equal(cert_parse(f->cert, f->cert_len, &hub), 0);
	content.issuer = hub.subject;
	memcpy(content.issuer_pubkey, hub.pubkey, sizeof(hub.pubkey));
	sample_pubkey(SAMPLE_OTHER, content.pubkey);
	id = hub_id_from_pubkey(content.pubkey);
	spiffe_format_hub(MESH, &id, uri);
	sample_seed(SAMPLE_HUB, seed);
	n = cert_write(&content, seed, der, sizeof(der));
	assert_true(n > 0);
	assert_int_equal(verify(f, der, (size_t)n, SAMPLE_NOW_S), -EKEYREJECTED);
}

static void verify_rejects_each_flipped_byte(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < f->cert_len; i++) {
		f->cert[i] ^= 0x04;
		if (verify(f, f->cert, f->cert_len, SAMPLE_NOW_S) == 0)
			fail_msg("byte %zu does not matter", i);
		f->cert[i] ^= 0x04;
	}
	assert_int_equal(verify(f, f->cert, f->cert_len, SAMPLE_NOW_S), 0);
}

static void verify_rejects_every_truncation_and_tail(void **state)
{
	struct fixture *f = *state;

	for (size_t len = 0; len <= f->cert_len + 1; len++) {
		uint8_t *exact = malloc(len ? len : 1);

		memcpy(exact, f->cert, len);
		if (len != f->cert_len)
			assert_int_equal(verify(f, exact, len, 0), -EBADMSG);
		free(exact);
	}
	assert_int_equal(verify(f, f->cert, TRUST_CERT_MAX + 1, 0), -EBADMSG);
}

static void verify_checks_dates_only_with_a_clock(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(verify(f, f->cert, f->cert_len, SAMPLE_NOT_BEFORE_S - 1), -EKEYEXPIRED);
	assert_int_equal(verify(f, f->cert, f->cert_len, SAMPLE_NOT_AFTER_S + 1), -EKEYEXPIRED);
	assert_int_equal(verify(f, f->cert, f->cert_len, 0), 0);
	f->ret.not_after_s = -7;
	/* A cached verdict does not outlive the dates. */
	assert_int_equal(verify(f, f->cert, f->cert_len, SAMPLE_NOT_AFTER_S + 1), -EKEYEXPIRED);
	assert_int_equal(verify(f, f->cert, f->cert_len, SAMPLE_NOT_BEFORE_S), 0);
	assert_int_equal(verify(f, f->cert, f->cert_len, SAMPLE_NOT_AFTER_S), 0);
}

static void verify_checks_dates_of_root_until_it_is_renewed(void **state)
{
	struct fixture *f = *state;
	struct issue_root renewed = {.mesh = MESH, .not_before_s = SAMPLE_NOW_S};
	struct cert_content content;
	char uri[SPIFFE_URI_SIZE];
	uint8_t der[CERT_MAX], root[CERT_MAX];
	size_t len;
	int n;

	content = good_content(f, uri);
	content.not_after_s = SAMPLE_ROOT_AFTER_S + 1000;
	len = sign(&content, der);
	assert_int_equal(verify(f, der, len, SAMPLE_ROOT_AFTER_S), 0);
	f->ret.not_after_s = -7;
	assert_int_equal(verify(f, der, len, SAMPLE_ROOT_AFTER_S + 1), -EKEYEXPIRED);
	sample_seed(SAMPLE_ROOT, renewed.seed);
	renewed.not_after_s = SAMPLE_ROOT_AFTER_S + 500;
	n = issue_root(&renewed, root, sizeof(root));
	assert_true(n > 0);
	assert_int_equal(trust_add_root(f->trust, root, (size_t)n), 0);
	assert_int_equal(verify(f, der, len, SAMPLE_ROOT_AFTER_S + 1), 0);
	f->ret.not_after_s = -7;
	assert_int_equal(verify(f, der, len, SAMPLE_ROOT_AFTER_S + 501), -EKEYEXPIRED);
}

static void verify_rejects_identities_that_are_not_the_keys(void **state)
{
	static const char *const bad[] = {
		"spiffe://other/hub/56-47-5a-a7-54-63",
		"spiffe://example/hub/56-47-5a-a7-54-64",
		"spiffe://example/hub/56-47-5A-A7-54-63",
		"spiffe://example/hub/56:47:5a:a7:54:63",
		"spiffe://example/hub/56-47-5a-a7-54-63/",
		"spiffe://example/hub/",
		"spiffe://example/service/56-47-5a-a7-54-63",
		"spiffe://example:1/hub/56-47-5a-a7-54-63",
		"SPIFFE://example/hub/56-47-5a-a7-54-63",
		"https://example/hub/56-47-5a-a7-54-63",
		"spiffe://example",
		"",
	};
	struct fixture *f = *state;
	uint8_t der[CERT_MAX];
	char uri[SPIFFE_URI_SIZE];
	struct cert_content content = good_content(f, uri);
	size_t len;

	assert_string_equal(uri, "spiffe://example/hub/56-47-5a-a7-54-63");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		content.uri = bad[i];
		len = sign(&content, der);
		if (verify(f, der, len, SAMPLE_NOW_S) != -EACCES)
			fail_msg("accepted %s", bad[i]);
	}
	content.uri = uri;
	len = sign(&content, der);
	assert_int_equal(verify(f, der, len, SAMPLE_NOW_S), 0);
}

static void verify_rejects_no_uri(void **state)
{
	static const uint8_t alt_name_uri[] = {0x55, 0x1d, 0x11, 0x04, 0x2a, 0x30, 0x28, 0x86};
	struct fixture *f = *state;

	/* The URI becomes a DNS name. */
	find(f->cert, f->cert_len, alt_name_uri, sizeof(alt_name_uri))[7] = 0x82;
	resign(f->cert, f->cert_len);
	assert_int_equal(verify(f, f->cert, f->cert_len, SAMPLE_NOW_S), -EACCES);
}

static void verify_rejects_two_uris(void **state)
{
	struct fixture *f = *state;
	uint8_t *uri = find(f->cert, f->cert_len, "spiffe://example/", 17);

	/* "spiffe://example/hub/..." (38 bytes) becomes two of 18. */
	uri[-1] = 18;
	uri[18] = 0x86;
	uri[19] = 18;
	resign(f->cert, f->cert_len);
	assert_int_equal(verify(f, f->cert, f->cert_len, SAMPLE_NOW_S), -EACCES);
}

static void verify_rejects_wrong_usages(void **state)
{
	static const uint8_t key_usage[] = {0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff,
					    0x04, 0x04, 0x03, 0x02, 0x07, 0x80};
	static const uint8_t client_auth[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02};
	struct fixture *f = *state;
	uint8_t *at;

	at = find(f->cert, f->cert_len, key_usage, sizeof(key_usage));
	at[11] = 0x20; /* keyEncipherment */
	resign(f->cert, f->cert_len);
	assert_int_equal(verify(f, f->cert, f->cert_len, SAMPLE_NOW_S), -EACCES);
	at[11] = 0x80;
	at = find(f->cert, f->cert_len, client_auth, sizeof(client_auth));
	at[7] = 0x03; /* codeSigning */
	resign(f->cert, f->cert_len);
	assert_int_equal(verify(f, f->cert, f->cert_len, SAMPLE_NOW_S), -EACCES);
	at[7] = 0x02;
	resign(f->cert, f->cert_len);
	assert_int_equal(verify(f, f->cert, f->cert_len, SAMPLE_NOW_S), 0);
}

static void verify_rejects_unknown_critical_extension(void **state)
{
	static const uint8_t key_usage[] = {0x55, 0x1d, 0x0f};
	struct fixture *f = *state;
	uint8_t *at = find(f->cert, f->cert_len, key_usage, sizeof(key_usage));

	at[2] = 0x1e; /* nameConstraints */
	assert_int_equal(verify(f, f->cert, f->cert_len, SAMPLE_NOW_S), -EBADMSG);
	at[2] = 0x13; /* basicConstraints twice */
	assert_int_equal(verify(f, f->cert, f->cert_len, SAMPLE_NOW_S), -EBADMSG);
}

static void verify_rejects_certificate_authority(void **state)
{
	struct fixture *f = *state;
	uint8_t der[CERT_MAX];
	char uri[SPIFFE_URI_SIZE];
	struct cert_content content = good_content(f, uri);

	assert_int_equal(verify(f, f->root, f->root_len, SAMPLE_NOW_S), -EACCES);
	content.is_ca = true;
	assert_int_equal(verify(f, der, sign(&content, der), SAMPLE_NOW_S), -EACCES);
}

static void zones_of_a_certificate_reach_its_reader(void **state)
{
	struct fixture *f = *state;
	uint8_t der[CERT_MAX];
	char uri[SPIFFE_URI_SIZE];
	struct cert_content content = good_content(f, uri);
	size_t len;

	assert_int_equal(verify(f, f->cert, f->cert_len, SAMPLE_NOW_S), 0);
	assert_string_equal(f->ret.zones, "");
	content.zones = "office,shop";
	memset(content.serial, 0x22, sizeof(content.serial));
	len = sign(&content, der);
	sample_check_vector("Documentation/trust.rst", "hub-certificate-with-zones", der, len);
	sample_check_seed("selftests/fuzz/corpus/cert/hub-with-zones", der, len);
	/* The second time from the cache. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(verify(f, der, len, SAMPLE_NOW_S), 0);
		assert_string_equal(f->ret.zones, "office,shop");
	}
}

static void verify_rejects_zones_in_another_spelling(void **state)
{
	static const char *const bad[] = {"shop,office", "office,Shop", "office,,sho",
					  "office;shop", "office,none", ",ffice,shop"};
	struct fixture *f = *state;
	uint8_t der[CERT_MAX];
	char uri[SPIFFE_URI_SIZE];
	struct cert_content content = good_content(f, uri);
	size_t len;

	content.zones = "office,shop";
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t *list;

		len = sign(&content, der);
		list = find(der, len, "office,shop", 11);
		resign(der, len);
		assert_int_equal(verify(f, der, len, SAMPLE_NOW_S), 0);
		f->ret.not_after_s = -7;
		memcpy(list, bad[i], 11);
		assert_int_equal(verify(f, der, len, SAMPLE_NOW_S), -EBADMSG);
	}
	content.zones = "office";
	len = sign(&content, der);
	find(der, len, "office", 6)[-2] = 0x16; /* IA5String */
	assert_int_equal(verify(f, der, len, SAMPLE_NOW_S), -EBADMSG);
}

static void roots_have_no_zones(void **state)
{
	struct fixture *f = *state;
	struct trust *trust = trust_new(MESH);
	uint8_t der[CERT_MAX], seed[ED25519_SEED_LEN];
	struct cert_content content = {
		.common_name = "root",
		.uri = "spiffe://" MESH,
		.not_after_s = SAMPLE_NOT_AFTER_S,
		.is_ca = true,
	};
	int n;

	sample_seed(SAMPLE_ROOT, seed);
	sample_pubkey(SAMPLE_ROOT, content.pubkey);
	sample_pubkey(SAMPLE_ROOT, content.issuer_pubkey);
	n = cert_write(&content, seed, der, sizeof(der));
	assert_int_equal(trust_add_root(trust, der, (size_t)n), 0);
	content.zones = "shop";
	n = cert_write(&content, seed, der, sizeof(der));
	assert_int_equal(trust_add_root(f->trust, der, (size_t)n), -EKEYREJECTED);
	trust_free(trust);
}

/* A certificate for a key that nobody has: issuing needs no proof of possession. */
static size_t numbered_cert(const struct fixture *f, uint32_t number, uint8_t *der)
{
	char uri[SPIFFE_URI_SIZE];
	struct cert_content content = good_content(f, uri);
	struct hub_id id;

	memset(content.pubkey, 0, sizeof(content.pubkey));
	for (size_t i = 0; i < sizeof(number); i++)
		content.pubkey[i] = (uint8_t)(number >> 8 * i);
	id = hub_id_from_pubkey(content.pubkey);
	spiffe_format_hub(MESH, &id, uri);
	return sign(&content, der);
}

static void verify_rejects_second_key_of_an_id(void **state)
{
	/* Found by hashing 20 million numbers. */
	const uint32_t first = 2229450, second = 10614371;
	struct fixture *f = *state;
	uint8_t a[CERT_MAX], b[CERT_MAX];
	size_t a_len = numbered_cert(f, first, a), b_len = numbered_cert(f, second, b);

	assert_int_equal(verify(f, a, a_len, SAMPLE_NOW_S), 0);
	f->ret.not_after_s = -7;
	assert_int_equal(verify(f, b, b_len, SAMPLE_NOW_S), -EADDRINUSE);
	assert_int_equal(verify(f, a, a_len, SAMPLE_NOW_S), 0);
	/* Whoever comes first. */
	trust_free(f->trust);
	f->trust = trust_new(MESH);
	assert_int_equal(trust_add_root(f->trust, f->root, f->root_len), 0);
	assert_int_equal(verify(f, b, b_len, SAMPLE_NOW_S), 0);
	f->ret.not_after_s = -7;
	assert_int_equal(verify(f, a, a_len, SAMPLE_NOW_S), -EADDRINUSE);
}

static size_t service_cert(struct fixture *f, uint8_t key, const char *service, uint8_t *der)
{
	struct issue_hub hub = request_for(f, key, 0x44);

	hub.name = hub.service = service;
	return sample_issue(&hub, der);
}

static void service_certificate_is_its_hubs_and_no_hub_certificate(void **state)
{
	struct fixture *f = *state;
	struct trust_service service = {.name = "untouched"};
	uint8_t der[CERT_MAX], pubkey[HUB_PUBKEY_LEN];
	size_t len = service_cert(f, SAMPLE_HUB, "till", der);
	struct hub_id hub, other = {{0x02, 1, 2, 3, 4, 5}};

	sample_pubkey(SAMPLE_HUB, pubkey);
	hub = hub_id_from_pubkey(pubkey);
	/* The second round from the cache. */
	for (int round = 0; round < 2; round++) {
		assert_int_equal(trust_judge_hub(f->trust, der, len, SAMPLE_NOW_S, &f->ret),
				 TRUST_NO_HUB);
		assert_int_equal(trust_judge_service(f->trust, der, len, SAMPLE_NOW_S, &other,
						     &service),
				 TRUST_OTHER_HUB);
		assert_int_equal(trust_judge_service(f->trust, f->cert, f->cert_len, SAMPLE_NOW_S,
						     &hub, &service),
				 TRUST_NO_SERVICE);
		assert_int_equal(trust_judge_service(f->trust, der, len, SAMPLE_NOT_AFTER_S + 1,
						     &hub, &service),
				 TRUST_EXPIRED);
		assert_int_equal(trust_judge_service(f->trust, der, len, SAMPLE_NOT_BEFORE_S - 1,
						     &hub, &service),
				 TRUST_NOT_YET);
		assert_string_equal(service.name, round ? "till" : "untouched");
		assert_int_equal(trust_judge_service(f->trust, der, len, SAMPLE_NOW_S, &hub,
						     &service),
				 TRUST_NOT_REFUSED);
		assert_string_equal(service.name, "till");
		assert_int_equal(trust_recheck(f->trust, service.digest, SAMPLE_NOW_S), 0);
	}
	assert_int_equal(trust_judge_service(f->trust, der, len - 1, SAMPLE_NOW_S, &hub, &service),
			 TRUST_MALFORMED);
	der[len - 1] ^= 1;
	assert_int_equal(trust_judge_service(f->trust, der, len, SAMPLE_NOW_S, &hub, &service),
			 TRUST_OTHER_ROOT);
}

static void service_uris_have_one_spelling(void **state)
{
	static const char *const bad[] = {
		"spiffe://example/hub/02-11-22-33-44-55/service/",
		"spiffe://example/hub/02-11-22-33-44-55/service/Till",
		"spiffe://example/hub/02-11-22-33-44-55/service/-till",
		"spiffe://example/hub/02-11-22-33-44-55/service/till/",
		"spiffe://example/hub/02-11-22-33-44-55/service/a/service/b",
		"spiffe://example/hub/02-11-22-33-44-55",
		"spiffe://example/hub/02:11:22:33:44:55/service/till",
		"spiffe://elsewhere/hub/02-11-22-33-44-55/service/till",
		"spiffe://example/service/till",
	};
	const struct hub_id id = {{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}};
	char longest[SPIFFE_SERVICE_MAX + 1], name[SPIFFE_SERVICE_MAX + 1], uri[SPIFFE_URI_SIZE];
	struct hub_id back;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	spiffe_format_service(MESH, &id, longest, uri);
	assert_int_equal(spiffe_parse_service(MESH, (uint8_t *)uri, strlen(uri), &back, name), 0);
	assert_string_equal(name, longest);
	assert_true(hub_id_equal(&back, &id));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(spiffe_parse_service(MESH, (const uint8_t *)bad[i], strlen(bad[i]),
						      &back, name),
				 -EACCES);
}

/* What one run has seen another one remembers: the later key stays refused. */
static void bindings_of_an_earlier_run_hold(void **state)
{
	struct fixture *f = *state;
	uint8_t a[CERT_MAX], b[CERT_MAX], pubkey[HUB_PUBKEY_LEN];
	size_t a_len = numbered_cert(f, 2229450, a), b_len = numbered_cert(f, 10614371, b);

	assert_false(trust_take_new_binding(f->trust, pubkey));
	assert_int_equal(verify(f, a, a_len, SAMPLE_NOW_S), 0);
	assert_true(trust_take_new_binding(f->trust, pubkey));
	assert_memory_equal(pubkey, f->ret.pubkey, sizeof(pubkey));
	assert_false(trust_take_new_binding(f->trust, pubkey));
	f->ret.not_after_s = -7;
	trust_free(f->trust);
	f->trust = trust_new(MESH);
	assert_int_equal(trust_add_root(f->trust, f->root, f->root_len), 0);
	assert_int_equal(trust_bind(f->trust, pubkey), 0);
	assert_int_equal(trust_bind(f->trust, pubkey), 0);
	assert_false(trust_take_new_binding(f->trust, pubkey)); /* it is on the disk already */
	assert_int_equal(verify(f, b, b_len, SAMPLE_NOW_S), -EADDRINUSE);
	assert_int_equal(verify(f, a, a_len, SAMPLE_NOW_S), 0);
	assert_false(trust_take_new_binding(f->trust, pubkey));
}

static void bindings_and_verdicts_are_bounded(void **state)
{
	struct fixture *f = *state;
	uint8_t der[CERT_MAX], first[CERT_MAX];
	size_t len, first_len = numbered_cert(f, 0, first);

	assert_int_equal(verify(f, first, first_len, SAMPLE_NOW_S), 0);
	for (uint32_t i = 1; i < TRUST_BINDINGS_MAX; i++) {
		len = numbered_cert(f, i, der);
		assert_int_equal(verify(f, der, len, SAMPLE_NOW_S), 0);
	}
	f->ret.not_after_s = -7;
	len = numbered_cert(f, TRUST_BINDINGS_MAX, der);
	assert_int_equal(verify(f, der, len, SAMPLE_NOW_S), -ENOSPC);
	/* Its verdict gave way long ago; its binding holds. */
	assert_int_equal(verify(f, first, first_len, SAMPLE_NOW_S), 0);
}

static void add_root_accepts_pem_and_der_once(void **state)
{
	struct fixture *f = *state;
	char pem[PEM_CERT_SIZE];
	uint8_t der[CERT_MAX];
	int n = pem_encode(PEM_CERTIFICATE, f->root, f->root_len, pem, sizeof(pem));

	assert_true(n > 0);
	for (size_t i = 0; i < TRUST_ROOTS_MAX + 1; i++)
		assert_int_equal(trust_add_root(f->trust, (uint8_t *)pem, (size_t)n), 0);
	for (uint8_t i = 1; i < TRUST_ROOTS_MAX; i++)
		assert_int_equal(trust_add_root(f->trust, der, sample_root(MESH, i, der)), 0);
	assert_int_equal(trust_add_root(f->trust, der, sample_root(MESH, 99, der)), -ENOSPC);
}

static void add_root_rejects_others(void **state)
{
	struct fixture *f = *state;
	uint8_t der[CERT_MAX];

	assert_int_equal(trust_add_root(f->trust, f->cert, f->cert_len), -EKEYREJECTED);
	assert_int_equal(trust_add_root(f->trust, der, sample_root("other", 1, der)), -EACCES);
	assert_int_equal(trust_add_root(f->trust, (const uint8_t *)"", 0), -EBADMSG);
	assert_int_equal(trust_add_root(f->trust, (const uint8_t *)"-----BEGIN CERTIFICATE-----",
					27),
			 -EBADMSG);
	f->root[f->root_len - 1] ^= 1;
	assert_int_equal(trust_add_root(f->trust, f->root, f->root_len), -EKEYREJECTED);
}

/*
 * An authority that a root has signed, and a hub's certificate that it has signed: nothing is between
 * root and hub.  Which of the two is revoked, and by whom, is no question then.
 */
static void intermediates_are_no_way_from_a_hub_to_a_root(void **state)
{
	struct fixture *f = *state;
	uint8_t middle[CERT_MAX], leaf[CERT_MAX], both[2 * CERT_MAX], seed[ED25519_SEED_LEN];
	char uri[SPIFFE_URI_SIZE];
	struct cert_content content = good_content(f, uri);
	struct trust *trust = trust_new(MESH);
	struct cert cert;
	size_t middle_len;
	int n;

	content.is_ca = true;
	content.common_name = "middle";
	content.uri = "spiffe://" MESH;
	sample_pubkey(SAMPLE_OTHER, content.pubkey);
	middle_len = sign(&content, middle);
	assert_int_equal(cert_parse(middle, middle_len, &cert), 0);
	content = good_content(f, uri);
	content.issuer = cert.subject;
	memcpy(content.issuer_pubkey, cert.pubkey, sizeof(cert.pubkey));
	sample_seed(SAMPLE_OTHER, seed);
	n = cert_write(&content, seed, leaf, sizeof(leaf));
	assert_true(n > 0);
	assert_int_equal(trust_judge_hub(f->trust, leaf, (size_t)n, SAMPLE_NOW_S, &f->ret),
			 TRUST_OTHER_ROOT);
	assert_int_equal(trust_judge_hub(f->trust, middle, middle_len, SAMPLE_NOW_S, &f->ret),
			 TRUST_AUTHORITY);
	memcpy(both, leaf, (size_t)n);
	memcpy(both + n, middle, middle_len);
	assert_int_equal(trust_judge_hub(f->trust, both, (size_t)n + middle_len, SAMPLE_NOW_S,
					 &f->ret),
			 TRUST_MALFORMED);
	assert_true(trust_add_root(f->trust, middle, middle_len) < 0); /* nor is it a root */
	assert_true(trust_add_root(trust, middle, middle_len) < 0);
	trust_free(trust);
	assert_int_equal(verify(f, f->cert, f->cert_len, SAMPLE_NOW_S), 0);
}

static void issue_refuses_bad_requests(void **state)
{
	struct fixture *f = *state;
	struct issue_root root = {.mesh = "Example", .not_after_s = 1};
	struct issue_hub hub = request_for(f, SAMPLE_HUB, 0x22);
	struct cert cert;
	uint8_t der[CERT_MAX];
	int n;

	hub.not_after_s = SAMPLE_ROOT_AFTER_S + 99;
	assert_int_equal(issue_root(&root, der, sizeof(der)), -EINVAL);
	root.mesh = "";
	assert_int_equal(issue_root(&root, der, sizeof(der)), -EINVAL);
	root.mesh = MESH;
	root.not_before_s = 2;
	assert_int_equal(issue_root(&root, der, sizeof(der)), -ERANGE);
	sample_seed(SAMPLE_OTHER, hub.root_seed);
	assert_int_equal(issue_hub(&hub, der, sizeof(der)), -EKEYREJECTED);
	sample_seed(SAMPLE_ROOT, hub.root_seed);
	assert_int_equal(issue_hub(&hub, der, 100), -EMSGSIZE);
	n = issue_hub(&hub, der, sizeof(der));
	assert_true(n > 0);
	/* Never longer than its root. */
	assert_int_equal(cert_parse(der, (size_t)n, &cert), 0);
	assert_true(cert.not_after_s == SAMPLE_ROOT_AFTER_S);
	hub.name = "";
	assert_int_equal(issue_hub(&hub, der, sizeof(der)), -EINVAL);
	hub.name = "hub-a";
	hub.zones = "shop,office";
	assert_int_equal(issue_hub(&hub, der, sizeof(der)), -EINVAL);
	hub.zones = "office,shop";
	assert_true(issue_hub(&hub, der, sizeof(der)) > 0);
	hub.root_der = f->cert;
	hub.root_der_len = f->cert_len;
	assert_int_equal(issue_hub(&hub, der, sizeof(der)), -EKEYREJECTED);
}

static void times_survive_a_round_trip(void **state)
{
	static const int64_t times[] = {
		-631152000,   0,	  951782400 /* 2000-02-29 */,  1709164800 /* 2024-02-29 */,
		2524607999,   2524608000, 4107542400 /* 2100-03-01 */, 253402300799,
		SAMPLE_NOW_S,
	};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		uint8_t buf[32];
		struct der_writer w = der_writer_init(buf, sizeof(buf));
		struct der_reader r;

		cert_time_write(&w, times[i]);
		assert_false(w.failed);
		r = der_reader_init(buf, w.used);
		assert_true(cert_time_read(&r) == times[i]);
		assert_int_equal(der_reader_end(&r), 0);
	}
}

static void time_reader_knows_dates_and_refuses_others(void **state)
{
	static const struct {
		const char *element;
		int64_t unix_s; /* -1: refused */
	} cases[] = {
		{"\x17\x0d"
		 "700101000001Z",
		 1},
		{"\x17\x0d"
		 "491231235959Z",
		 2524607999},
		{"\x18\x0f"
		 "20500101000000Z",
		 2524608000},
		{"\x17\x0d"
		 "230229000000Z",
		 -1}, /* no leap year */
		{"\x17\x0d"
		 "231301000000Z",
		 -1},
		{"\x17\x0d"
		 "230100000000Z",
		 -1},
		{"\x17\x0d"
		 "230101240000Z",
		 -1},
		{"\x17\x0d"
		 "230101000060Z",
		 -1},
		{"\x17\x0d"
		 "2301010000000",
		 -1}, /* no Z */
		{"\x17\x0b"
		 "2301010000Z",
		 -1}, /* no seconds */
		{"\x18\x0d"
		 "700101000001Z",
		 -1},
		{"\x17\x0d"
		 "7001010000/1Z",
		 -1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *element = cases[i].element;
		struct der_reader r = der_reader_init((const uint8_t *)element, strlen(element));
		int64_t unix_s = cert_time_read(&r);

		assert_int_equal(r.failed, cases[i].unix_s < 0);
		if (cases[i].unix_s >= 0)
			assert_true(unix_s == cases[i].unix_s);
	}
}

static void pem_keys_go_both_ways_and_nothing_else_does(void **state)
{
	uint8_t seed[ED25519_SEED_LEN], back[ED25519_SEED_LEN];
	char pem[PEM_KEY_SIZE];
	int n;

	sample_seed(SAMPLE_HUB, seed);
	n = pem_write_private_key(seed, pem, sizeof(pem));
	assert_true(n > 0);
	/* As `openssl genpkey -algorithm ed25519` writes that key. */
	assert_string_equal(pem,
			    "-----BEGIN PRIVATE KEY-----\n"
			    "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
			    "-----END PRIVATE KEY-----\n");
	assert_int_equal(pem_read_private_key((uint8_t *)pem, (size_t)n, back), 0);
	assert_memory_equal(back, seed, sizeof(seed));
	assert_int_equal(pem_read_public_key((uint8_t *)pem, (size_t)n, back), -EBADMSG);
	for (size_t len = 0; len < (size_t)n - 1; len++)
		assert_int_equal(pem_read_private_key((uint8_t *)pem, len, back), -EBADMSG);
	pem[40]++; /* another algorithm */
	assert_int_equal(pem_read_private_key((uint8_t *)pem, (size_t)n, back), -EBADMSG);
	assert_int_equal(pem_write_private_key(seed, pem, 100), -EMSGSIZE);
	n = pem_write_public_key(seed, pem, sizeof(pem));
	assert_int_equal(pem_read_public_key((uint8_t *)pem, (size_t)n, back), 0);
	assert_memory_equal(back, seed, sizeof(seed));
}

/* The TLS library must agree with us about our certificates and keys. */
static void wolfssl_accepts_certificate_and_key(void **state)
{
	struct fixture *f = *state;
	WOLFSSL_CERT_MANAGER *manager = wolfSSL_CertManagerNew();
	WOLFSSL_CTX *ctx = wolfSSL_CTX_new(wolfTLSv1_3_client_method());
	uint8_t seed[ED25519_SEED_LEN];
	char key[PEM_KEY_SIZE], cert[PEM_CERT_SIZE];
	struct issue_hub hub = request_for(f, SAMPLE_HUB, 0x22);
	uint8_t der[CERT_MAX];
	int key_len, cert_len, n;

	hub.not_before_s = time(NULL) - 60;
	hub.not_after_s = time(NULL) + 3600;
	n = (int)sample_issue(&hub, der);
	assert_int_equal(wolfSSL_CertManagerLoadCABuffer(manager, f->root, (long)f->root_len,
							 WOLFSSL_FILETYPE_ASN1),
			 WOLFSSL_SUCCESS);
	assert_int_equal(wolfSSL_CertManagerVerifyBuffer(manager, der, n, WOLFSSL_FILETYPE_ASN1),
			 WOLFSSL_SUCCESS);
	sample_seed(SAMPLE_HUB, seed);
	key_len = pem_write_private_key(seed, key, sizeof(key));
	cert_len = pem_encode(PEM_CERTIFICATE, der, (size_t)n, cert, sizeof(cert));
	assert_int_equal(wolfSSL_CTX_use_certificate_chain_buffer(ctx, (byte *)cert, cert_len),
			 WOLFSSL_SUCCESS);
	assert_int_equal(wolfSSL_CTX_use_PrivateKey_buffer(ctx, (byte *)key, key_len,
							   WOLFSSL_FILETYPE_PEM),
			 WOLFSSL_SUCCESS);
	assert_int_equal(wolfSSL_CTX_check_private_key(ctx), WOLFSSL_SUCCESS);
	wolfSSL_CTX_free(ctx);
	wolfSSL_CertManagerFree(manager);
}

static void every_error_has_its_sentence(void **state)
{
	static const int errors[] = {0,		  -EBADMSG, -EKEYREJECTED, -EKEYEXPIRED, -EACCES,
				     -EADDRINUSE, -ENOSPC,  -EKEYREVOKED,  -EINVAL};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(trust_error_text(errors[i]),
						trust_error_text(errors[k]));
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup_untouched, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(verify_accepts_issued_certificate),
		WITH_FIXTURE(certificates_match_documented_vectors),
		WITH_FIXTURE(verify_rejects_foreign_root),
		WITH_FIXTURE(verify_rejects_without_roots),
		WITH_FIXTURE(verify_rejects_self_signed_hub),
		WITH_FIXTURE(verify_rejects_hub_signed_by_hub),
		WITH_FIXTURE(verify_rejects_each_flipped_byte),
		WITH_FIXTURE(verify_rejects_every_truncation_and_tail),
		WITH_FIXTURE(verify_checks_dates_only_with_a_clock),
		WITH_FIXTURE(verify_checks_dates_of_root_until_it_is_renewed),
		WITH_FIXTURE(verify_rejects_identities_that_are_not_the_keys),
		WITH_FIXTURE(verify_rejects_no_uri),
		WITH_FIXTURE(verify_rejects_two_uris),
		WITH_FIXTURE(verify_rejects_wrong_usages),
		WITH_FIXTURE(verify_rejects_unknown_critical_extension),
		WITH_FIXTURE(verify_rejects_certificate_authority),
		WITH_FIXTURE(zones_of_a_certificate_reach_its_reader),
		WITH_FIXTURE(verify_rejects_zones_in_another_spelling),
		WITH_FIXTURE(roots_have_no_zones),
		WITH_FIXTURE(verify_rejects_second_key_of_an_id),
		WITH_FIXTURE(service_certificate_is_its_hubs_and_no_hub_certificate),
		WITH_FIXTURE(service_uris_have_one_spelling),
		WITH_FIXTURE(bindings_of_an_earlier_run_hold),
		WITH_FIXTURE(bindings_and_verdicts_are_bounded),
		WITH_FIXTURE(add_root_accepts_pem_and_der_once),
		WITH_FIXTURE(add_root_rejects_others),
		WITH_FIXTURE(intermediates_are_no_way_from_a_hub_to_a_root),
		WITH_FIXTURE(issue_refuses_bad_requests),
		cmocka_unit_test(times_survive_a_round_trip),
		cmocka_unit_test(time_reader_knows_dates_and_refuses_others),
		cmocka_unit_test(pem_keys_go_both_ways_and_nothing_else_does),
		WITH_FIXTURE(wolfssl_accepts_certificate_and_key),
		cmocka_unit_test(every_error_has_its_sentence),
	};

	wolfSSL_Init();
	return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
