/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: pem: text envelopes of certificates and keys (RFC 7468)
 *
 * Everything is decoded into the caller's buffer, so that a private key is
 * in no memory the caller does not wipe.
 */
#ifndef TRUST_PEM_H
#define TRUST_PEM_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/ed25519.h"

#define PEM_CERTIFICATE "CERTIFICATE"
#define PEM_CRL "X509 CRL"
#define PEM_PRIVATE_KEY "PRIVATE KEY"
#define PEM_PUBLIC_KEY "PUBLIC KEY"

#define PEM_KEY_SIZE 160 /* a key of either kind as PEM, with its NUL */
#define PEM_CERT_SIZE 8192 /* a certificate of CERT_MAX bytes as PEM, with its NUL */

/**
 * pem_decode() - The first envelope of a kind in a text.
 * @label: PEM_CERTIFICATE, ...
 * @text: the file, not necessarily terminated; other text around is allowed
 * @len: its bytes
 * @buf: receives the DER
 * @size: bytes available in @buf
 *
 * Return: bytes written; -EBADMSG no such envelope, or not base64; -EMSGSIZE.
 */
int pem_decode(const char *label, const uint8_t *text, size_t len, uint8_t *buf, size_t size);

/** pem_encode() - Envelope with 64-character lines. Return: characters before the NUL; -EMSGSIZE. */
int pem_encode(const char *label, const uint8_t *der, size_t len, char *buf, size_t size);

/** pem_write_private_key() - PKCS#8 PrivateKeyInfo (RFC 8410), as openssl genpkey writes it. */
int pem_write_private_key(const uint8_t seed[ED25519_SEED_LEN], char *buf, size_t size);
/** pem_read_private_key() - Its seed. Return: 0; -EBADMSG not an Ed25519 private key. */
int pem_read_private_key(const uint8_t *text, size_t len, uint8_t ret[ED25519_SEED_LEN]);
/** pem_write_public_key() - SubjectPublicKeyInfo (RFC 8410). */
int pem_write_public_key(const uint8_t pubkey[ED25519_PUBKEY_LEN], char *buf, size_t size);
/** pem_read_public_key() - Raw public key. Return: 0; -EBADMSG not an Ed25519 public key. */
int pem_read_public_key(const uint8_t *text, size_t len, uint8_t ret[ED25519_PUBKEY_LEN]);

#endif
