// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: cert_write: making a certificate of the profile
 *
 * wolfSSL's generator takes whole days from its own clock and cannot mark
 * basicConstraints critical, so the two shapes are written here.
 */
#include "daemon/trust/cert.h"

#include <errno.h>
#include <string.h>

#include "daemon/trust/cert_oid.h"
#include "daemon/trust/cert_parts.h"
#include "daemon/trust/cert_time.h"

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

	cert_write_algorithm(w);
	cert_write_bits(w, pubkey, ED25519_PUBKEY_LEN);
	der_end(w, info);
}

static void write_basic_constraints(struct der_writer *w, bool is_ca)
{
	struct cert_open_extension open = cert_begin_extension(w, CE_BASIC_CONSTRAINTS, true);
	size_t constraints = der_begin(w, DER_SEQUENCE);

	if (is_ca) {
		der_write(w, DER_BOOLEAN, "\xff", 1);
		der_write(w, DER_INTEGER, "\0", 1); /* path length: signs hubs only */
	}
	der_end(w, constraints);
	cert_end_extension(w, open);
}

static void write_key_usage(struct der_writer *w, uint8_t usage)
{
	struct cert_open_extension open = cert_begin_extension(w, CE_KEY_USAGE, true);
	uint8_t bits[2] = {(uint8_t)__builtin_ctz(usage), usage}; /* unused bits, bits */

	der_write(w, DER_BIT_STRING, bits, sizeof(bits));
	cert_end_extension(w, open);
}

static void write_extended_usage(struct der_writer *w)
{
	struct cert_open_extension open = cert_begin_extension(w, CE_EXTENDED_USAGE, false);
	size_t usages = der_begin(w, DER_SEQUENCE);

	der_write(w, DER_OID, oid_server_auth, sizeof(oid_server_auth));
	der_write(w, DER_OID, oid_client_auth, sizeof(oid_client_auth));
	der_end(w, usages);
	cert_end_extension(w, open);
}

static void write_alt_name(struct der_writer *w, const char *uri)
{
	struct cert_open_extension open = cert_begin_extension(w, CE_ALT_NAME, false);
	size_t names = der_begin(w, DER_SEQUENCE);

	der_write(w, DER_CONTEXT(6), uri, strlen(uri));
	der_end(w, names);
	cert_end_extension(w, open);
}

static void write_subject_key_id(struct der_writer *w, const uint8_t pubkey[ED25519_PUBKEY_LEN])
{
	struct cert_open_extension open = cert_begin_extension(w, CE_SUBJECT_KEY_ID, false);

	cert_write_key_id(w, DER_OCTET_STRING, pubkey);
	cert_end_extension(w, open);
}

/* Not critical: who does not filter by zones need not know them. */
static void write_zones(struct der_writer *w, const char *zones)
{
	struct cert_open_extension open = cert_begin_own_extension(w, oid_zones, sizeof(oid_zones));

	der_write(w, DER_UTF8_STRING, zones, strlen(zones));
	cert_end_extension(w, open);
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
	cert_write_authority_key_id(w, content->issuer_pubkey);
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
	cert_write_algorithm(w);
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
	size_t certificate, begin;

	if (!dates_are_writable(content))
		return -ERANGE;
	certificate = der_begin(&w, DER_SEQUENCE);
	begin = w.used;
	write_signed_part(&w, content);
	return cert_write_signature(&w, certificate, begin, issuer_seed, content->issuer_pubkey);
}
