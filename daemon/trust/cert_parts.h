/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: cert_parts: what certificates and revocation lists have in common
 *
 * Read by cert.c and crl.c, written by cert_write.c and crl_write.c.
 */
#ifndef TRUST_CERT_PARTS_H
#define TRUST_CERT_PARTS_H

#include "daemon/trust/cert.h"
#include "daemon/trust/der.h"

static inline struct cert_span cert_contents(const struct der_value *value)
{
	return (struct cert_span){.bytes = value->bytes, .len = value->len};
}

static inline struct cert_span cert_whole(const struct der_value *value)
{
	return (struct cert_span){.bytes = value->whole, .len = value->whole_len};
}

static inline void cert_fail_unless(struct der_reader *r, bool condition)
{
	if (!condition)
		r->failed = true;
}

/** cert_read_serial() - CertificateSerialNumber: the contents of the INTEGER. */
struct cert_span cert_read_serial(struct der_reader *r);
/** cert_read_algorithm() - Fails unless it is Ed25519. Return: false it is another one. */
bool cert_read_algorithm(struct der_reader *r);
/** cert_read_bits() - A BIT STRING of @len whole octets; empty on failure. */
struct cert_span cert_read_bits(struct der_reader *r, size_t len);

/**
 * struct cert_extension - an extension's identifier and contents
 * @oid: contents of the OID
 * @inner: a reader over what the OCTET STRING holds
 * @is_critical: it says so
 */
struct cert_extension {
	struct der_value oid;
	struct der_reader inner;
	bool is_critical;
};

/** cert_read_extension() - The next of a list; what it holds is not looked at. */
struct cert_extension cert_read_extension(struct der_reader *list);
/** cert_extension_number() - Last octet of an OID of id-ce, -1 for another. */
int cert_extension_number(const struct cert_extension *extension);

/** struct cert_open_extension - one being written, waiting for its contents */
struct cert_open_extension {
	size_t extension, contents;
};

/** cert_begin_extension() - One of id-ce, by the last octet of its OID. */
struct cert_open_extension cert_begin_extension(struct der_writer *w, uint8_t last_octet,
						bool is_critical);
/** cert_begin_own_extension() - One of ours, by its OID; not critical. */
struct cert_open_extension cert_begin_own_extension(struct der_writer *w, const uint8_t *oid,
						    size_t len);
void cert_end_extension(struct der_writer *w, struct cert_open_extension open);
void cert_write_algorithm(struct der_writer *w);
void cert_write_bits(struct der_writer *w, const uint8_t *bytes, size_t len);
/**
 * cert_write_signature() - Sign what was written, and close it.
 * @w: holds the signed part and nothing behind it
 * @outer: the SEQUENCE of signed part, algorithm and signature, as der_begin() gave it
 * @begin: where in @w the signed part begins
 * @seed: of the issuer's private key
 * @pubkey: of the issuer
 *
 * Return: as der_writer_end(); -EMSGSIZE @w was too small; -EIO the library refused to sign.
 */
int cert_write_signature(struct der_writer *w, size_t outer, size_t begin,
			 const uint8_t seed[ED25519_SEED_LEN],
			 const uint8_t pubkey[ED25519_PUBKEY_LEN]);
/** cert_write_key_id() - Tag and the first 160 bits of the key's SHA-256 (RFC 7093 2, 1). */
void cert_write_key_id(struct der_writer *w, uint8_t tag, const uint8_t pubkey[ED25519_PUBKEY_LEN]);
void cert_write_authority_key_id(struct der_writer *w, const uint8_t pubkey[ED25519_PUBKEY_LEN]);

#endif
