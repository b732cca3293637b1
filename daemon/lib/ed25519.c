// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: ed25519: wolfCrypt behind raw keys
 *
 * wolfCrypt's key object holds the private key while it is used; freeing it
 * wipes it, and so is the copy of the message, which may be a certificate.
 */
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/ed25519.h>

#include "daemon/lib/ed25519.h"

#include <errno.h>
#include <string.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"

_Static_assert(ED25519_SEED_LEN == ED25519_KEY_SIZE, "seed as wolfCrypt has it");
_Static_assert(ED25519_PUBKEY_LEN == ED25519_PUB_KEY_SIZE, "public key as wolfCrypt has it");
_Static_assert(ED25519_SIGNATURE_LEN == ED25519_SIG_SIZE, "signature as wolfCrypt has it");

int ed25519_public_key(const uint8_t seed[ED25519_SEED_LEN], uint8_t ret[ED25519_PUBKEY_LEN])
{
	uint8_t pubkey[ED25519_PUBKEY_LEN];
	ed25519_key key;
	int error;

	if (wc_ed25519_init(&key) != 0)
		return -EIO;
	error = wc_ed25519_import_private_only(seed, ED25519_SEED_LEN, &key);
	if (error == 0)
		error = wc_ed25519_make_public(&key, pubkey, sizeof(pubkey));
	wc_ed25519_free(&key);
	if (error != 0)
		return -EIO;
	memcpy(ret, pubkey, sizeof(pubkey));
	return 0;
}

int ed25519_sign(const uint8_t seed[ED25519_SEED_LEN], const uint8_t pubkey[ED25519_PUBKEY_LEN],
		 const char *context, const uint8_t *message, size_t len,
		 uint8_t ret[ED25519_SIGNATURE_LEN])
{
	size_t context_len = context ? strlen(context) + 1 : 0;
	uint8_t signature[ED25519_SIGNATURE_LEN];
	_cleanup_free_ uint8_t *copy = NULL;
	word32 signature_len = sizeof(signature);
	ed25519_key key;
	int error;

	if (len > ED25519_MESSAGE_MAX - context_len)
		return -EMSGSIZE;
	copy = xmalloc(context_len + len);
	if (context_len)
		memcpy(copy, context, context_len);
	if (len)
		memcpy(copy + context_len, message, len);
	if (wc_ed25519_init(&key) != 0)
		return -EIO;
	/* Untrusted import: wolfCrypt checks that the halves belong together. */
	error = wc_ed25519_import_private_key_ex(seed, ED25519_SEED_LEN, pubkey, ED25519_PUBKEY_LEN,
						 &key, 0);
	if (error == 0)
		error = wc_ed25519_sign_msg(copy, (word32)(context_len + len), signature,
					    &signature_len, &key);
	wc_ed25519_free(&key);
	if (error != 0 || signature_len != sizeof(signature))
		return -EIO;
	memcpy(ret, signature, sizeof(signature));
	return 0;
}

int ed25519_verify(const uint8_t pubkey[ED25519_PUBKEY_LEN], const char *context,
		   const uint8_t *message, size_t len,
		   const uint8_t signature[ED25519_SIGNATURE_LEN])
{
	size_t context_len = context ? strlen(context) + 1 : 0;
	int error, verified = 0;
	ed25519_key key;

	if (len > ED25519_MESSAGE_MAX - context_len || wc_ed25519_init(&key) != 0)
		return -EKEYREJECTED;
	error = wc_ed25519_import_public_ex(pubkey, ED25519_PUBKEY_LEN, &key, 0);
	if (error == 0)
		error = wc_ed25519_verify_msg_init(signature, ED25519_SIGNATURE_LEN, &key,
						   (byte)Ed25519, NULL, 0);
	if (error == 0 && context_len)
		error = wc_ed25519_verify_msg_update((const byte *)context, (word32)context_len,
						     &key);
	if (error == 0 && len)
		error = wc_ed25519_verify_msg_update(message, (word32)len, &key);
	if (error == 0)
		error = wc_ed25519_verify_msg_final(signature, ED25519_SIGNATURE_LEN, &verified,
						    &key);
	wc_ed25519_free(&key);
	return error == 0 && verified == 1 ? 0 : -EKEYREJECTED;
}
