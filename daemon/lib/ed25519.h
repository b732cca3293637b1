/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: ed25519: signatures (RFC 8032), raw keys in, raw signatures out
 *
 * A private key is the 32-byte seed.  Signed statements of the mesh prefix
 * their bytes with a context, a text with its NUL, so that a signature of one
 * kind can never be taken for another kind.
 */
#ifndef LIB_ED25519_H
#define LIB_ED25519_H

#include <stddef.h>
#include <stdint.h>

#define ED25519_SEED_LEN 32
#define ED25519_PUBKEY_LEN 32
#define ED25519_SIGNATURE_LEN 64
#define ED25519_MESSAGE_MAX 65536 /* context and message together, bytes */

/** ed25519_public_key() - Return: 0; -EIO the library refused. */
int ed25519_public_key(const uint8_t seed[ED25519_SEED_LEN], uint8_t ret[ED25519_PUBKEY_LEN]);

/**
 * ed25519_sign() - Sign context || NUL || message.
 * @seed: private key
 * @pubkey: its public half; a foreign one is refused, as it would leak the key
 * @context: text put before the message with its NUL; NULL signs the message alone
 * @message: bytes to sign
 * @len: bytes in @message
 * @ret: the signature, untouched on failure
 *
 * Context: Pure; deterministic.
 * Return: 0; -EMSGSIZE longer than ED25519_MESSAGE_MAX; -EIO signing failed.
 */
int ed25519_sign(const uint8_t seed[ED25519_SEED_LEN], const uint8_t pubkey[ED25519_PUBKEY_LEN],
		 const char *context, const uint8_t *message, size_t len,
		 uint8_t ret[ED25519_SIGNATURE_LEN]);

/** ed25519_verify() - Counterpart of ed25519_sign(). Return: 0; -EKEYREJECTED. */
int ed25519_verify(const uint8_t pubkey[ED25519_PUBKEY_LEN], const char *context,
		   const uint8_t *message, size_t len,
		   const uint8_t signature[ED25519_SIGNATURE_LEN]);

#endif
