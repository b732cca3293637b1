/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: trust_fixture: a trust room with one root, and a hub's certificate that is good
 *
 * Certificates are those of samples.h; tests change one thing and sign again.
 */
#ifndef SELFTESTS_TRUST_FIXTURE_H
#define SELFTESTS_TRUST_FIXTURE_H

#include "selftests/unit/samples.h"

#include "daemon/trust/trust.h"

#define MESH "example"

struct fixture {
	struct trust *trust;
	struct trust_identity ret;
	uint8_t root[CERT_MAX], cert[CERT_MAX], list[CRL_MAX];
	size_t root_len, cert_len;
	const struct trust_list *in_force;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->trust = trust_new(MESH);
	f->root_len = sample_root(MESH, SAMPLE_ROOT, f->root);
	f->cert_len = sample_cert(MESH, SAMPLE_ROOT, SAMPLE_HUB, f->cert);
	assert_int_equal(trust_add_root(f->trust, f->root, f->root_len), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	trust_free(f->trust);
	free(f);
	return 0;
}

/* A certificate whose signed part was changed and signed again by the root. */
static inline void resign(uint8_t *der, size_t len)
{
	uint8_t seed[ED25519_SEED_LEN], pubkey[ED25519_PUBKEY_LEN];
	struct cert cert;

	assert_int_equal(cert_parse(der, len, &cert), 0);
	sample_seed(SAMPLE_ROOT, seed);
	sample_pubkey(SAMPLE_ROOT, pubkey);
	assert_int_equal(ed25519_sign(seed, pubkey, NULL, cert.signed_part.bytes,
				      cert.signed_part.len, (uint8_t *)cert.signature),
			 0);
}

/* What the fixture's root is asked to sign; tests change one thing. */
static inline struct issue_hub request_for(const struct fixture *f, uint8_t key, uint8_t serial)
{
	return sample_request(f->root, f->root_len, SAMPLE_ROOT, key, serial);
}

#endif
