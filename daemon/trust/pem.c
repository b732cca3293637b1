// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: pem: base64 between BEGIN and END lines
 *
 * Both key forms of RFC 8410 have a fixed prefix before the 32 raw bytes, so
 * they are written and recognised by that prefix.
 */
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/coding.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include "daemon/trust/pem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/secret.h"

#define BOUNDARY_SIZE 64
#define BODY_MAX 65536 /* characters between the boundaries: more than any kind we read has */
#define KEY_DER_MAX 128 /* PKCS#8 version 2 with the public key is 83 bytes */

/* SEQUENCE { INTEGER 0, SEQUENCE { OID Ed25519 }, OCTET STRING { OCTET STRING seed } } */
static const uint8_t private_prefix[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
					 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
/* SEQUENCE { SEQUENCE { OID Ed25519 }, BIT STRING key } */
static const uint8_t public_prefix[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
					0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

int pem_decode(const char *label, const uint8_t *text, size_t len, uint8_t *buf, size_t size)
{
	char begin[BOUNDARY_SIZE], end[BOUNDARY_SIZE];
	const uint8_t *body, *stop;
	word32 written = (word32)size;
	int n, error;

	n = snprintf(begin, sizeof(begin), "-----BEGIN %s-----", label);
	body = memmem(text, len, begin, (size_t)n);
	if (!body)
		return -EBADMSG;
	body += n;
	n = snprintf(end, sizeof(end), "-----END %s-----", label);
	stop = memmem(body, (size_t)(text + len - body), end, (size_t)n);
	if (!stop || stop - body > BODY_MAX)
		return -EBADMSG;
	error = Base64_Decode(body, (word32)(stop - body), buf, &written);
	if (error == BUFFER_E)
		return -EMSGSIZE;
	if (error != 0 || written == 0)
		return -EBADMSG;
	return (int)written;
}

int pem_encode(const char *label, const uint8_t *der, size_t len, char *buf, size_t size)
{
	word32 written;
	size_t used;
	int n;

	n = snprintf(buf, size, "-----BEGIN %s-----\n", label);
	if (n < 0 || (size_t)n >= size)
		return -EMSGSIZE;
	used = (size_t)n;
	written = (word32)(size - used);
	if (Base64_Encode(der, (word32)len, (byte *)buf + used, &written) != 0)
		return -EMSGSIZE;
	used += written;
	n = snprintf(buf + used, size - used, "-----END %s-----\n", label);
	if (n < 0 || (size_t)n >= size - used)
		return -EMSGSIZE;
	return (int)(used + (size_t)n);
}

static int write_key(const char *label, const uint8_t *prefix, size_t prefix_len,
		     const uint8_t key[32], char *buf, size_t size)
{
	uint8_t der[KEY_DER_MAX];
	int r;

	memcpy(der, prefix, prefix_len);
	memcpy(der + prefix_len, key, 32);
	r = pem_encode(label, der, prefix_len + 32, buf, size);
	secret_wipe(der, sizeof(der));
	return r;
}

static int read_key(const char *label, const uint8_t *prefix, size_t prefix_len,
		    const uint8_t *text, size_t len, uint8_t ret[32])
{
	uint8_t der[KEY_DER_MAX];
	int n = pem_decode(label, text, len, der, sizeof(der)), r = -EBADMSG;

	if (n == (int)prefix_len + 32 && memcmp(der, prefix, prefix_len) == 0) {
		memcpy(ret, der + prefix_len, 32);
		r = 0;
	}
	secret_wipe(der, sizeof(der));
	return r;
}

int pem_write_private_key(const uint8_t seed[ED25519_SEED_LEN], char *buf, size_t size)
{
	return write_key(PEM_PRIVATE_KEY, private_prefix, sizeof(private_prefix), seed, buf, size);
}

int pem_read_private_key(const uint8_t *text, size_t len, uint8_t ret[ED25519_SEED_LEN])
{
	return read_key(PEM_PRIVATE_KEY, private_prefix, sizeof(private_prefix), text, len, ret);
}

int pem_write_public_key(const uint8_t pubkey[ED25519_PUBKEY_LEN], char *buf, size_t size)
{
	return write_key(PEM_PUBLIC_KEY, public_prefix, sizeof(public_prefix), pubkey, buf, size);
}

int pem_read_public_key(const uint8_t *text, size_t len, uint8_t ret[ED25519_PUBKEY_LEN])
{
	return read_key(PEM_PUBLIC_KEY, public_prefix, sizeof(public_prefix), text, len, ret);
}
