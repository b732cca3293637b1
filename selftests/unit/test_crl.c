// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: lists of revocations: what one says, which one stands, and whom it keeps out
 */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include "selftests/unit/trust_fixture.h"

#include "daemon/trust/pem.h"
#include "daemon/trust/spiffe.h"

#define REVOKED_S (SAMPLE_NOT_BEFORE_S + 86400)

static struct hub_id hub_of(uint8_t key)
{
	uint8_t pubkey[HUB_PUBKEY_LEN];

	sample_pubkey(key, pubkey);
	return hub_id_from_pubkey(pubkey);
}

/* sample_cert()'s serial as the certificate has it. */
static struct crl_entry certificate_entry(void)
{
	static const uint8_t serial[CERT_SERIAL_LEN] = {0x62, 0x22, 0x22, 0x22, 0x22, 0x22,
							0x22, 0x22, 0x22, 0x22, 0x22, 0x22,
							0x22, 0x22, 0x22, 0x22};

	return (struct crl_entry){.serial = {serial, sizeof(serial)},
				  .revoked_s = REVOKED_S,
				  .reason = CRL_REASON_SUPERSEDED};
}

static struct crl_entry hub_entry(uint8_t key)
{
	return (struct crl_entry){.is_hub = true,
				  .hub = hub_of(key),
				  .revoked_s = REVOKED_S,
				  .reason = CRL_REASON_KEY_COMPROMISE};
}

static int make_list(uint8_t root_key, uint64_t number, const struct crl_entry *entries, size_t n,
		     uint8_t *buf)
{
	uint8_t root[CERT_MAX], seed[ED25519_SEED_LEN];
	struct crl_content content = {
		.number = number,
		.this_update_s = REVOKED_S,
		.next_update_s = SAMPLE_ROOT_AFTER_S,
		.entries = entries,
		.n_entries = n,
	};
	struct cert cert;

	assert_int_equal(cert_parse(root, sample_root(MESH, root_key, root), &cert), 0);
	content.issuer = cert.subject;
	memcpy(content.issuer_pubkey, cert.pubkey, sizeof(cert.pubkey));
	sample_seed(root_key, seed);
	return crl_write(&content, seed, buf, CRL_MAX);
}

static int add(struct fixture *f, uint64_t number, const struct crl_entry *entries, size_t n)
{
	int len = make_list(SAMPLE_ROOT, number, entries, n, f->list);

	assert_true(len > 0);
	return trust_add_revocations(f->trust, f->list, (size_t)len, &f->in_force);
}

static int verify(struct fixture *f)
{
	return trust_verify_hub(f->trust, f->cert, f->cert_len, 0, &f->ret);
}

static void list_says_what_was_written(void **state)
{
	struct fixture *f = *state;
	const struct crl_entry entries[] = {certificate_entry(), hub_entry(SAMPLE_HUB)};
	int len = make_list(SAMPLE_ROOT, 0x80, entries, 2, f->list);
	struct crl_entry entry;
	struct crl_walk walk;
	struct crl crl;

	assert_true(len > 0);
	sample_check_vector("Documentation/trust.rst", "revocation-list", f->list, (size_t)len);
	sample_check_seed("selftests/fuzz/corpus/crl/list", f->list, (size_t)len);
	assert_int_equal(crl_parse(f->list, (size_t)len, &crl), 0);
	assert_int_equal(crl.number, 0x80);
	assert_int_equal(crl.this_update_s, REVOKED_S);
	assert_int_equal(crl.n_entries, 2);
	walk = crl_walk(&crl);
	assert_true(crl_next(&walk, &entry));
	assert_false(entry.is_hub);
	assert_int_equal(entry.serial.len, CERT_SERIAL_LEN);
	assert_int_equal(entry.reason, CRL_REASON_SUPERSEDED);
	assert_int_equal(entry.revoked_s, REVOKED_S);
	assert_true(crl_next(&walk, &entry));
	assert_true(entry.is_hub && hub_id_equal(&entry.hub, &entries[1].hub));
	assert_int_equal(entry.reason, CRL_REASON_KEY_COMPROMISE);
	assert_false(crl_next(&walk, &entry));
}

static void list_without_entries_revokes_nothing(void **state)
{
	struct fixture *f = *state;
	int len = make_list(SAMPLE_ROOT, 1, NULL, 0, f->list);
	struct crl_entry entry;
	struct crl_walk walk;
	struct crl crl;

	sample_check_seed("selftests/fuzz/corpus/crl/empty", f->list, (size_t)len);
	assert_int_equal(crl_parse(f->list, (size_t)len, &crl), 0);
	walk = crl_walk(&crl);
	assert_false(crl_next(&walk, &entry));
	assert_int_equal(add(f, 1, NULL, 0), 0);
	assert_int_equal(verify(f), 0);
}

static void numbers_have_one_spelling(void **state)
{
	static const uint64_t numbers[] = {0,	  1,	  0x7f,	  0x80,	    0xff,
					   0x100, 0x7fff, 0x8000, INT64_MAX};
	struct fixture *f = *state;
	struct crl crl;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int len = make_list(SAMPLE_ROOT, numbers[i], NULL, 0, f->list);

		assert_int_equal(crl_parse(f->list, (size_t)len, &crl), 0);
		assert_true(crl.number == numbers[i]);
	}
	assert_int_equal(make_list(SAMPLE_ROOT, (uint64_t)INT64_MAX + 1, NULL, 0, f->list),
			 -EMSGSIZE);
}

static void list_is_refused_cut_off_or_longer(void **state)
{
	struct fixture *f = *state;
	const struct crl_entry entries[] = {certificate_entry(), hub_entry(SAMPLE_HUB)};
	int len = make_list(SAMPLE_ROOT, 1, entries, 2, f->list);
	struct crl crl;

	f->list[len] = 0;
	for (int n = 0; n <= len + 1; n++)
		if (n != len)
			assert_int_equal(crl_parse(f->list, (size_t)n, &crl), -EBADMSG);
}

static void list_is_refused_with_any_byte_changed(void **state)
{
	struct fixture *f = *state;
	const struct crl_entry entries[] = {certificate_entry(), hub_entry(SAMPLE_HUB)};
	int len = make_list(SAMPLE_ROOT, 1, entries, 2, f->list);

	for (int i = 0; i < len; i++) {
		f->list[i] ^= 1;
		assert_true(trust_add_revocations(f->trust, f->list, (size_t)len, &f->in_force) <
			    0);
		f->list[i] ^= 1;
	}
	assert_null(trust_list_at(f->trust, 0));
	assert_int_equal(verify(f), 0);
	assert_int_equal(trust_add_revocations(f->trust, f->list, (size_t)len, &f->in_force), 0);
}

/* Hold would be a revocation that ends; critical parts change what a list means. */
static void list_is_refused_with_what_would_end_it(void **state)
{
	struct fixture *f = *state;
	struct crl_entry entry = certificate_entry();
	struct crl crl;
	int len;

	entry.reason = 6; /* certificateHold */
	len = make_list(SAMPLE_ROOT, 1, &entry, 1, f->list);
	assert_int_equal(crl_parse(f->list, (size_t)len, &crl), -EBADMSG);
	entry = hub_entry(SAMPLE_HUB);
	entry.reason = 8; /* removeFromCRL */
	len = make_list(SAMPLE_ROOT, 1, &entry, 1, f->list);
	assert_int_equal(crl_parse(f->list, (size_t)len, &crl), -EBADMSG);
	entry.reason = 0;
	memset(&entry.hub, 0, sizeof(entry.hub));
	len = make_list(SAMPLE_ROOT, 1, &entry, 1, f->list);
	assert_int_equal(crl_parse(f->list, (size_t)len, &crl), -EBADMSG);
}

static void hub_is_named_once(void **state)
{
	struct fixture *f = *state;
	const struct crl_entry twice[] = {hub_entry(SAMPLE_HUB), hub_entry(SAMPLE_HUB)};
	int len = make_list(SAMPLE_ROOT, 1, twice, 2, f->list);
	struct crl crl;

	assert_int_equal(crl_parse(f->list, (size_t)len, &crl), -EBADMSG);
}

static void list_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct crl_entry *entries = calloc(CRL_ENTRIES_MAX + 1, sizeof(*entries));
	char *pem = malloc(CRL_PEM_SIZE);
	struct crl crl;
	int len;

	for (unsigned int i = 0; i < CRL_ENTRIES_MAX + 1; i++) {
		entries[i] = hub_entry(SAMPLE_HUB);
		entries[i].hub = (struct hub_id){{0x02, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}};
	}
	len = make_list(SAMPLE_ROOT, 1, entries, CRL_ENTRIES_MAX, f->list);
	assert_true(len > 0);
	assert_int_equal(crl_parse(f->list, (size_t)len, &crl), 0);
	assert_int_equal(crl.n_entries, CRL_ENTRIES_MAX);
	len = pem_encode(PEM_CRL, f->list, (size_t)len, pem, CRL_PEM_SIZE);
	assert_true(len > 0);
	assert_int_equal(trust_add_revocations(f->trust, (uint8_t *)pem, (size_t)len, &f->in_force),
			 0);
	assert_int_equal(make_list(SAMPLE_ROOT, 1, entries, CRL_ENTRIES_MAX + 1, f->list),
			 -EMSGSIZE);
	free(entries);
	free(pem);
}

static void revoked_certificate_is_refused_and_another_of_the_hub_is_not(void **state)
{
	struct fixture *f = *state;
	const struct crl_entry entry = certificate_entry();
	uint8_t digest[SHA256_LEN];

	assert_int_equal(verify(f), 0); /* and remembered */
	sha256(f->cert, f->cert_len, digest);
	assert_int_equal(trust_recheck(f->trust, digest, 0), TRUST_NOT_REFUSED);
	assert_int_equal(add(f, 1, &entry, 1), 0);
	assert_int_equal(verify(f), -EKEYREVOKED);
	assert_int_equal(trust_recheck(f->trust, digest, 0), TRUST_REVOKED);
	assert_int_equal(trust_judge_hub(f->trust, f->cert, f->cert_len, 0, &f->ret),
			 TRUST_REVOKED);
}

static void revoked_hub_is_refused_with_any_certificate(void **state)
{
	struct fixture *f = *state;
	const struct crl_entry entry = hub_entry(SAMPLE_HUB);
	struct issue_hub hub = request_for(f, SAMPLE_HUB, 0x33);
	uint8_t der[CERT_MAX];
	size_t n;

	assert_int_equal(add(f, 1, &entry, 1), 0);
	assert_int_equal(verify(f), -EKEYREVOKED);
	n = sample_issue(&hub, der);
	assert_int_equal(trust_verify_hub(f->trust, der, n, 0, &f->ret), -EKEYREVOKED);
	n = sample_cert(MESH, SAMPLE_ROOT, SAMPLE_OTHER, der);
	assert_int_equal(trust_verify_hub(f->trust, der, n, 0, &f->ret), 0);
}

/* Long after nextUpdate: who waits for a list to expire waits in vain. */
static void expiry_of_a_list_ends_nothing(void **state)
{
	struct fixture *f = *state;
	const struct crl_entry entry = hub_entry(SAMPLE_HUB);

	assert_int_equal(add(f, 1, &entry, 1), 0);
	assert_int_equal(trust_judge_hub(f->trust, f->cert, f->cert_len, SAMPLE_ROOT_AFTER_S * 2,
					 &f->ret),
			 TRUST_REVOKED);
}

static void later_number_stands(void **state)
{
	struct fixture *f = *state;
	const struct crl_entry entry = hub_entry(SAMPLE_HUB);

	assert_int_equal(add(f, 7, &entry, 1), 0);
	assert_int_equal(add(f, 7, &entry, 1), -EALREADY);
	assert_int_equal(add(f, 6, NULL, 0), -ESTALE);
	assert_int_equal(f->in_force->crl.number, 7);
	assert_int_equal(verify(f), -EKEYREVOKED);
	assert_int_equal(add(f, 8, NULL, 0), 0); /* the root's word: it may take one back */
	assert_int_equal(verify(f), 0);
	assert_int_equal(trust_list_at(f->trust, 0)->crl.number, 8);
	assert_null(trust_list_at(f->trust, 1));
}

/* Whichever comes first, all agree. */
static void one_of_two_lists_with_one_number_stands(void **state)
{
	struct fixture *f = *state;
	const struct crl_entry entries[] = {hub_entry(SAMPLE_HUB), hub_entry(SAMPLE_OTHER)};
	uint8_t digest[2][SHA256_LEN];

	for (int order = 0; order < 2; order++) {
		struct trust *trust = trust_new(MESH);

		assert_int_equal(trust_add_root(trust, f->root, f->root_len), 0);
		for (int i = 0; i < 2; i++) {
			int len = make_list(SAMPLE_ROOT, 3, &entries[i ^ order], 1, f->list);

			trust_add_revocations(trust, f->list, (size_t)len, &f->in_force);
		}
		memcpy(digest[order], f->in_force->digest, SHA256_LEN);
		trust_free(trust);
	}
	assert_memory_equal(digest[0], digest[1], SHA256_LEN);
}

static void list_of_another_root_says_nothing(void **state)
{
	struct fixture *f = *state;
	const struct crl_entry entry = hub_entry(SAMPLE_HUB);
	int len = make_list(SAMPLE_OTHER, 9, &entry, 1, f->list);
	uint8_t root[CERT_MAX];

	assert_int_equal(trust_add_revocations(f->trust, f->list, (size_t)len, &f->in_force),
			 -EKEYREJECTED);
	/* One we believe as well, but it has not signed this hub. */
	assert_int_equal(trust_add_root(f->trust, root, sample_root(MESH, SAMPLE_OTHER, root)), 0);
	assert_int_equal(trust_add_revocations(f->trust, f->list, (size_t)len, &f->in_force), 0);
	assert_int_equal(verify(f), 0);
}

static void root_that_may_not_sign_lists_is_not_heard(void **state)
{
	struct fixture *f = *state;
	const struct crl_entry entry = hub_entry(SAMPLE_HUB);
	static const uint8_t usage[] = {0x03, 0x02, 0x01, 0x06};
	struct trust *trust = trust_new(MESH);
	uint8_t *at;
	int len;

	at = memmem(f->root, f->root_len, usage, sizeof(usage));
	assert_non_null(at);
	at[2] = 2; /* one bit fewer: keyCertSign alone */
	at[3] = 0x04;
	resign(f->root, f->root_len);
	assert_int_equal(trust_add_root(trust, f->root, f->root_len), 0);
	len = make_list(SAMPLE_ROOT, 1, &entry, 1, f->list);
	assert_int_equal(trust_add_revocations(trust, f->list, (size_t)len, &f->in_force),
			 -EKEYREJECTED);
	trust_free(trust);
}

/* Other tools must read the same out of it: wolfSSL refuses the certificate it names. */
static void wolfssl_reads_the_list(void **state)
{
	struct fixture *f = *state;
	WOLFSSL_CERT_MANAGER *manager = wolfSSL_CertManagerNew();
	const struct crl_entry entries[] = {certificate_entry(), hub_entry(SAMPLE_OTHER)};
	uint8_t der[CERT_MAX];
	int len = make_list(SAMPLE_ROOT, 1, entries, 2, f->list);
	struct issue_hub hub = request_for(f, SAMPLE_HUB, 0x22);
	long n;

	hub.not_after_s = SAMPLE_ROOT_AFTER_S; /* wolfSSL asks its own clock */
	n = (long)sample_issue(&hub, der);
	assert_int_equal(wolfSSL_CertManagerLoadCABuffer(manager, f->root, (long)f->root_len,
							 WOLFSSL_FILETYPE_ASN1),
			 WOLFSSL_SUCCESS);
	assert_int_equal(wolfSSL_CertManagerVerifyBuffer(manager, der, n, WOLFSSL_FILETYPE_ASN1),
			 WOLFSSL_SUCCESS);
	assert_int_equal(wolfSSL_CertManagerLoadCRLBuffer(manager, f->list, len,
							  WOLFSSL_FILETYPE_ASN1),
			 WOLFSSL_SUCCESS);
	assert_int_equal(wolfSSL_CertManagerVerifyBuffer(manager, der, n, WOLFSSL_FILETYPE_ASN1),
			 CRL_CERT_REVOKED);
	wolfSSL_CertManagerFree(manager);
}

static void reasons_have_names(void **state)
{
	assert_int_equal(crl_reason_parse("key-compromise"), CRL_REASON_KEY_COMPROMISE);
	assert_int_equal(crl_reason_parse("unspecified"), 0);
	assert_int_equal(crl_reason_parse("hold"), -EINVAL);
	assert_string_equal(crl_reason_name(CRL_REASON_CESSATION), "cessation");
	assert_string_equal(crl_reason_name(2), "unspecified");
	for (unsigned int i = 0; i < __TRUST_REFUSAL_END; i++)
		for (unsigned int k = 0; k < i; k++)
			assert_string_not_equal(trust_refusal_text(i), trust_refusal_text(k));
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(list_says_what_was_written),
		WITH_FIXTURE(list_without_entries_revokes_nothing),
		WITH_FIXTURE(numbers_have_one_spelling),
		WITH_FIXTURE(list_is_refused_cut_off_or_longer),
		WITH_FIXTURE(list_is_refused_with_any_byte_changed),
		WITH_FIXTURE(list_is_refused_with_what_would_end_it),
		WITH_FIXTURE(hub_is_named_once),
		WITH_FIXTURE(list_is_bounded),
		WITH_FIXTURE(revoked_certificate_is_refused_and_another_of_the_hub_is_not),
		WITH_FIXTURE(revoked_hub_is_refused_with_any_certificate),
		WITH_FIXTURE(expiry_of_a_list_ends_nothing),
		WITH_FIXTURE(later_number_stands),
		WITH_FIXTURE(one_of_two_lists_with_one_number_stands),
		WITH_FIXTURE(list_of_another_root_says_nothing),
		WITH_FIXTURE(root_that_may_not_sign_lists_is_not_heard),
		WITH_FIXTURE(wolfssl_reads_the_list),
		cmocka_unit_test(reasons_have_names),
	};

	wolfSSL_Init();
	return cmocka_run_group_tests_name("crl", tests, NULL, NULL);
}
