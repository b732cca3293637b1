// SPDX-License-Identifier: GPL-2.0
#include "daemon/wire/envelope.h"

#include <errno.h>

#include "daemon/lib/ed25519.h"
#include "daemon/wire/dcbor.h"

enum {
	ELEMENTS = 2, /* body, signature */
};

int envelope_seal(const char *context, const uint8_t *body, size_t body_len,
		  const uint8_t private_key[32], const uint8_t pubkey[HUB_PUBKEY_LEN], uint8_t *buf,
		  size_t size)
{
	struct dcbor_writer w = dcbor_writer_init(buf, size);
	uint8_t signature[ED25519_SIGNATURE_LEN];

	if (ed25519_sign(private_key, pubkey, context, body, body_len, signature) < 0)
		return -EIO;
	dcbor_write_array(&w, ELEMENTS);
	dcbor_write_bytes(&w, body, body_len);
	dcbor_write_bytes(&w, signature, sizeof(signature));
	return dcbor_writer_end(&w);
}

static int split(const uint8_t *buf, size_t len, size_t max, struct envelope *ret,
		 uint8_t signature[ED25519_SIGNATURE_LEN])
{
	struct dcbor_reader r = dcbor_reader_init(buf, len);

	if (len > max || dcbor_read_array(&r, ELEMENTS) != ELEMENTS)
		return -EBADMSG;
	ret->body = dcbor_read_bytes(&r, max, &ret->body_len);
	dcbor_read_exactly(&r, signature, ED25519_SIGNATURE_LEN);
	return dcbor_reader_end(&r);
}

int envelope_open(const uint8_t *buf, size_t len, size_t max, struct envelope *ret)
{
	uint8_t signature[ED25519_SIGNATURE_LEN];

	return split(buf, len, max, ret, signature) < 0 ? -EBADMSG : 0;
}

int envelope_verify(const uint8_t *buf, size_t len, size_t max, const char *context,
		    const uint8_t pubkey[HUB_PUBKEY_LEN])
{
	uint8_t signature[ED25519_SIGNATURE_LEN];
	struct envelope envelope;

	if (split(buf, len, max, &envelope, signature) < 0)
		return -EBADMSG;
	return ed25519_verify(pubkey, context, envelope.body, envelope.body_len, signature);
}
