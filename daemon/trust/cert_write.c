// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: cert_write: making a certificate of the profile
 *
 * wolfSSL's generator takes whole days from its own clock and cannot mark
 * basicConstraints critical, so the two shapes are written here.
 */
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/hash.h>

#include "daemon/trust/cert.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "daemon/trust/cert_oid.h"
#include "daemon/trust/cert_time.h"
#include "daemon/trust/der.h"

#define KEY_ID_LEN 20 /* leftmost 160 bits of SHA-256, RFC 7093 section 2 method 1 */

static void write_version(struct der_writer *w)
{
	size_t tagged = der_begin(w, DER_CONTEXT_CONSTRUCTED(0));

	der_write(w, DER_INTEGER, "\x02", 1); /* version 3 */
	der_end(w, tagged);
}

static void write_serial(struct der_writer *w, const uint8_t serial[CERT_SERIAL_LEN])
{
	uint8_t positive[CERT_SERIAL_LEN];

	/* First bit 0: positive.  Second bit 1: no leading zero octet to drop. */
	memcpy(positive, serial, sizeof(positive));
	positive[0] = (uint8_t)((positive[0] & 0x7f) | 0x40);
	der_write(w, DER_INTEGER, positive, sizeof(positive));
}

static void write_algorithm(struct der_writer *w)
{
	size_t algorithm = der_begin(w, DER_SEQUENCE);

	der_write(w, DER_OID, oid_ed25519, sizeof(oid_ed25519));
	der_end(w, algorithm);
}

static void write_bits(struct der_writer *w, const uint8_t *bytes, size_t len)
{
	size_t bits = der_begin(w, DER_BIT_STRING);

	der_write_raw(w, "\0", 1); /* no unused bits */
	der_write_raw(w, bytes, len);
	der_end(w, bits);
}

static void write_name(struct der_writer *w, const char *common_name)
{
	size_t name = der_begin(w, DER_SEQUENCE);
	size_t rdn = der_begin(w, DER_SET);
	size_t attribute = der_begin(w, DER_SEQUENCE);

	der_write(w, DER_OID, oid_common_name, sizeof(oid_common_name));
	der_write(w, DER_UTF8_STRING, common_name, strlen(common_name));
	der_end(w, attribute);
	der_end(w, rdn);
	der_end(w, name);
}

static void write_validity(struct der_writer *w, const struct cert_content *content)
{
	size_t validity = der_begin(w, DER_SEQUENCE);

	cert_time_write(w, content->not_before_s);
	cert_time_write(w, content->not_after_s);
	der_end(w, validity);
}

static void write_public_key(struct der_writer *w, const uint8_t pubkey[ED25519_PUBKEY_LEN])
{
	size_t info = der_begin(w, DER_SEQUENCE);

	write_algorithm(w);
	write_bits(w, pubkey, ED25519_PUBKEY_LEN);
	der_end(w, info);
}

/* An open extension, waiting for its contents. */
struct open_extension {
	size_t extension, contents;
};

static struct open_extension begin_extension(struct der_writer *w, uint8_t last_octet,
					     bool is_critical)
{
	uint8_t oid[sizeof(oid_ce) + 1];
	struct open_extension open;

	memcpy(oid, oid_ce, sizeof(oid_ce));
	oid[sizeof(oid_ce)] = last_octet;
	open.extension = der_begin(w, DER_SEQUENCE);
	der_write(w, DER_OID, oid, sizeof(oid));
	if (is_critical)
		der_write(w, DER_BOOLEAN, "\xff", 1);
	open.contents = der_begin(w, DER_OCTET_STRING);
	return open;
}

static void end_extension(struct der_writer *w, struct open_extension open)
{
	der_end(w, open.contents);
	der_end(w, open.extension);
}

static void write_basic_constraints(struct der_writer *w, bool is_ca)
{
	struct open_extension open = begin_extension(w, CE_BASIC_CONSTRAINTS, true);
	size_t constraints = der_begin(w, DER_SEQUENCE);

	if (is_ca) {
		der_write(w, DER_BOOLEAN, "\xff", 1);
		der_write(w, DER_INTEGER, "\0", 1); /* path length: signs hubs only */
	}
	der_end(w, constraints);
	end_extension(w, open);
}

static void write_key_usage(struct der_writer *w, uint8_t usage)
{
	struct open_extension open = begin_extension(w, CE_KEY_USAGE, true);
	uint8_t bits[2] = {(uint8_t)__builtin_ctz(usage), usage}; /* unused bits, bits */

	der_write(w, DER_BIT_STRING, bits, sizeof(bits));
	end_extension(w, open);
}

static void write_extended_usage(struct der_writer *w)
{
	struct open_extension open = begin_extension(w, CE_EXTENDED_USAGE, false);
	size_t usages = der_begin(w, DER_SEQUENCE);

	der_write(w, DER_OID, oid_server_auth, sizeof(oid_server_auth));
	der_write(w, DER_OID, oid_client_auth, sizeof(oid_client_auth));
	der_end(w, usages);
	end_extension(w, open);
}

static void write_alt_name(struct der_writer *w, const char *uri)
{
	struct open_extension open = begin_extension(w, CE_ALT_NAME, false);
	size_t names = der_begin(w, DER_SEQUENCE);

	der_write(w, DER_CONTEXT(6), uri, strlen(uri));
	der_end(w, names);
	end_extension(w, open);
}

static void compute_key_id(const uint8_t pubkey[ED25519_PUBKEY_LEN], uint8_t ret[KEY_ID_LEN])
{
	uint8_t digest[WC_SHA256_DIGEST_SIZE];
	int error = wc_Sha256Hash(pubkey, ED25519_PUBKEY_LEN, digest);

	assert(error == 0);
	memcpy(ret, digest, KEY_ID_LEN);
}

static void write_subject_key_id(struct der_writer *w, const uint8_t pubkey[ED25519_PUBKEY_LEN])
{
	struct open_extension open = begin_extension(w, CE_SUBJECT_KEY_ID, false);
	uint8_t key_id[KEY_ID_LEN];

	compute_key_id(pubkey, key_id);
	der_write(w, DER_OCTET_STRING, key_id, sizeof(key_id));
	end_extension(w, open);
}

static void write_authority_key_id(struct der_writer *w, const uint8_t pubkey[ED25519_PUBKEY_LEN])
{
	struct open_extension open = begin_extension(w, CE_AUTHORITY_KEY_ID, false);
	size_t identifier = der_begin(w, DER_SEQUENCE);
	uint8_t key_id[KEY_ID_LEN];

	compute_key_id(pubkey, key_id);
	der_write(w, DER_CONTEXT(0), key_id, sizeof(key_id));
	der_end(w, identifier);
	end_extension(w, open);
}

static void write_zones(struct der_writer *w, const char *zones)
{
	struct open_extension open = {.extension = der_begin(w, DER_SEQUENCE)};

	/* Not critical: who does not filter by zones need not know them. */
	der_write(w, DER_OID, oid_zones, sizeof(oid_zones));
	open.contents = der_begin(w, DER_OCTET_STRING);
	der_write(w, DER_UTF8_STRING, zones, strlen(zones));
	end_extension(w, open);
}

static void write_extensions(struct der_writer *w, const struct cert_content *content)
{
	size_t tagged = der_begin(w, DER_CONTEXT_CONSTRUCTED(3));
	size_t list = der_begin(w, DER_SEQUENCE);

	write_basic_constraints(w, content->is_ca);
	if (content->is_ca) {
		write_key_usage(w, CERT_USAGE_CERT_SIGN | CERT_USAGE_CRL_SIGN);
	} else {
		write_key_usage(w, CERT_USAGE_DIGITAL_SIGNATURE);
		write_extended_usage(w);
	}
	write_alt_name(w, content->uri);
	write_subject_key_id(w, content->pubkey);
	write_authority_key_id(w, content->issuer_pubkey);
	if (content->zones && content->zones[0])
		write_zones(w, content->zones);
	der_end(w, list);
	der_end(w, tagged);
}

static void write_signed_part(struct der_writer *w, const struct cert_content *content)
{
	size_t tbs = der_begin(w, DER_SEQUENCE);

	write_version(w);
	write_serial(w, content->serial);
	write_algorithm(w);
	if (content->issuer.len)
		der_write_raw(w, content->issuer.bytes, content->issuer.len);
	else
		write_name(w, content->common_name);
	write_validity(w, content);
	write_name(w, content->common_name);
	write_public_key(w, content->pubkey);
	write_extensions(w, content);
	der_end(w, tbs);
}

/* Can both dates be written, and in this order? */
static bool dates_are_writable(const struct cert_content *content)
{
	uint8_t scratch[64];
	struct der_writer w = der_writer_init(scratch, sizeof(scratch));

	write_validity(&w, content);
	return !w.failed && content->not_before_s <= content->not_after_s;
}

int cert_write(const struct cert_content *content, const uint8_t issuer_seed[ED25519_SEED_LEN],
	       uint8_t *buf, size_t size)
{
	struct der_writer w = der_writer_init(buf, size < CERT_MAX ? size : CERT_MAX);
	uint8_t signature[ED25519_SIGNATURE_LEN];
	size_t certificate, begin;

	if (!dates_are_writable(content))
		return -ERANGE;
	certificate = der_begin(&w, DER_SEQUENCE);
	begin = w.used;
	write_signed_part(&w, content);
	if (w.failed)
		return -EMSGSIZE;
	if (ed25519_sign(issuer_seed, content->issuer_pubkey, NULL, buf + begin, w.used - begin,
			 signature) < 0)
		return -EIO;
	write_algorithm(&w);
	write_bits(&w, signature, sizeof(signature));
	der_end(&w, certificate);
	return der_writer_end(&w);
}
