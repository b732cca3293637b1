// SPDX-License-Identifier: GPL-2.0
/* DOC: cert_parts: see cert_parts.h */
#include "daemon/trust/cert_parts.h"

#include <errno.h>
#include <string.h>

#include "daemon/lib/sha256.h"
#include "daemon/trust/cert_oid.h"

#define KEY_ID_LEN 20 /* leftmost 160 bits of SHA-256, RFC 7093 section 2 method 1 */

struct cert_span cert_read_serial(struct der_reader *r)
{
	struct der_value serial = der_read(r, DER_INTEGER);

	cert_fail_unless(r, serial.len >= 1 && serial.len <= CERT_SERIAL_MAX);
	return cert_contents(&serial);
}

/* AlgorithmIdentifier of Ed25519: the OID and no parameters (RFC 8410). */
bool cert_read_algorithm(struct der_reader *r)
{
	struct der_reader algorithm = der_enter(r, DER_SEQUENCE);
	struct der_value oid = der_read(&algorithm, DER_OID);
	bool is_well_formed = !algorithm.failed;
	bool is_ours = der_reader_end(&algorithm) == 0 &&
		       der_value_is(&oid, oid_ed25519, sizeof(oid_ed25519));

	cert_fail_unless(r, is_ours);
	return is_ours || !is_well_formed;
}

struct cert_span cert_read_bits(struct der_reader *r, size_t len)
{
	struct der_value bits = der_read(r, DER_BIT_STRING);

	if (bits.len != len + 1 || bits.bytes[0] != 0) {
		r->failed = true;
		return (struct cert_span){0};
	}
	return (struct cert_span){.bytes = bits.bytes + 1, .len = len};
}

struct cert_extension cert_read_extension(struct der_reader *list)
{
	struct der_reader reader = der_enter(list, DER_SEQUENCE);
	struct cert_extension extension = {.oid = der_read(&reader, DER_OID)};

	extension.is_critical = der_is_next(&reader, DER_BOOLEAN);
	if (extension.is_critical) {
		struct der_value value = der_read(&reader, DER_BOOLEAN);

		cert_fail_unless(&reader, value.len == 1 && value.bytes[0] == 0xff);
	}
	extension.inner = der_enter(&reader, DER_OCTET_STRING);
	cert_fail_unless(list, der_reader_end(&reader) == 0);
	return extension;
}

int cert_extension_number(const struct cert_extension *extension)
{
	const struct der_value *oid = &extension->oid;

	if (oid->len != sizeof(oid_ce) + 1 || memcmp(oid->bytes, oid_ce, sizeof(oid_ce)) != 0)
		return -1;
	return oid->bytes[sizeof(oid_ce)];
}

static struct cert_open_extension begin(struct der_writer *w, const uint8_t *oid, size_t len,
					bool is_critical)
{
	struct cert_open_extension open = {.extension = der_begin(w, DER_SEQUENCE)};

	der_write(w, DER_OID, oid, len);
	if (is_critical)
		der_write(w, DER_BOOLEAN, "\xff", 1);
	open.contents = der_begin(w, DER_OCTET_STRING);
	return open;
}

struct cert_open_extension cert_begin_extension(struct der_writer *w, uint8_t last_octet,
						bool is_critical)
{
	uint8_t oid[sizeof(oid_ce) + 1];

	memcpy(oid, oid_ce, sizeof(oid_ce));
	oid[sizeof(oid_ce)] = last_octet;
	return begin(w, oid, sizeof(oid), is_critical);
}

struct cert_open_extension cert_begin_own_extension(struct der_writer *w, const uint8_t *oid,
						    size_t len)
{
	return begin(w, oid, len, false);
}

void cert_end_extension(struct der_writer *w, struct cert_open_extension open)
{
	der_end(w, open.contents);
	der_end(w, open.extension);
}

void cert_write_algorithm(struct der_writer *w)
{
	size_t algorithm = der_begin(w, DER_SEQUENCE);

	der_write(w, DER_OID, oid_ed25519, sizeof(oid_ed25519));
	der_end(w, algorithm);
}

void cert_write_bits(struct der_writer *w, const uint8_t *bytes, size_t len)
{
	size_t bits = der_begin(w, DER_BIT_STRING);

	der_write_raw(w, "\0", 1); /* no unused bits */
	der_write_raw(w, bytes, len);
	der_end(w, bits);
}

int cert_write_signature(struct der_writer *w, size_t outer, size_t begin,
			 const uint8_t seed[ED25519_SEED_LEN],
			 const uint8_t pubkey[ED25519_PUBKEY_LEN])
{
	uint8_t signature[ED25519_SIGNATURE_LEN];

	if (w->failed)
		return -EMSGSIZE;
	if (ed25519_sign(seed, pubkey, NULL, w->buf + begin, w->used - begin, signature) < 0)
		return -EIO;
	cert_write_algorithm(w);
	cert_write_bits(w, signature, sizeof(signature));
	der_end(w, outer);
	return der_writer_end(w);
}

void cert_write_key_id(struct der_writer *w, uint8_t tag, const uint8_t pubkey[ED25519_PUBKEY_LEN])
{
	uint8_t digest[SHA256_LEN];

	sha256(pubkey, ED25519_PUBKEY_LEN, digest);
	der_write(w, tag, digest, KEY_ID_LEN);
}

void cert_write_authority_key_id(struct der_writer *w, const uint8_t pubkey[ED25519_PUBKEY_LEN])
{
	struct cert_open_extension open = cert_begin_extension(w, CE_AUTHORITY_KEY_ID, false);
	size_t identifier = der_begin(w, DER_SEQUENCE);

	cert_write_key_id(w, DER_CONTEXT(0), pubkey);
	der_end(w, identifier);
	cert_end_extension(w, open);
}
