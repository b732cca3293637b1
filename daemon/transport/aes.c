// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: aes: see aes.h
 *
 * A handle is made for each record: wolfSSL 5.5 never tells when it is done with a
 * key, and setting one up costs a tenth of what encrypting a full record does.
 */
#include "daemon/transport/aes.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <gcrypt.h>
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/cryptocb.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#ifndef WOLF_CRYPTO_CB
#error "wolfSSL was built without callbacks for ciphers (WOLF_CRYPTO_CB)"
#endif

#define DEVICE 0x686d /* any number but INVALID_DEVID; "hm" */

/**
 * struct record - what wolfSSL asks for, either way
 * @aes: its key
 * @iv: nonce
 * @iv_len: of it
 * @aad: additional data
 * @aad_len: of it
 * @in: bytes to work on
 * @out: where to; may be @in
 * @len: of both
 */
struct record {
	const Aes *aes;
	const uint8_t *iv, *aad, *in;
	size_t iv_len, aad_len, len;
	uint8_t *out;
};

static gcry_cipher_hd_t open_cipher(const struct record *record)
{
	const int algorithm = record->aes->keylen == 16 ? GCRY_CIPHER_AES128 : GCRY_CIPHER_AES256;
	gcry_cipher_hd_t cipher;

	if (gcry_cipher_open(&cipher, algorithm, GCRY_CIPHER_MODE_GCM, 0))
		return NULL;
	if (gcry_cipher_setkey(cipher, record->aes->devKey, (size_t)record->aes->keylen) ||
	    gcry_cipher_setiv(cipher, record->iv, record->iv_len) ||
	    gcry_cipher_authenticate(cipher, record->aad, record->aad_len)) {
		gcry_cipher_close(cipher);
		return NULL;
	}
	return cipher;
}

static int encrypt(const struct record *record, uint8_t *tag, size_t tag_len)
{
	gcry_cipher_hd_t cipher = open_cipher(record);
	gcry_error_t error;

	if (!cipher)
		return AES_GCM_AUTH_E;
	error = gcry_cipher_encrypt(cipher, record->out, record->len, record->in, record->len);
	if (!error)
		error = gcry_cipher_gettag(cipher, tag, tag_len);
	gcry_cipher_close(cipher);
	return error ? AES_GCM_AUTH_E : 0;
}

static int decrypt(const struct record *record, const uint8_t *tag, size_t tag_len)
{
	gcry_cipher_hd_t cipher = open_cipher(record);
	gcry_error_t error;

	if (!cipher)
		return AES_GCM_AUTH_E;
	error = gcry_cipher_decrypt(cipher, record->out, record->len, record->in, record->len);
	if (!error)
		error = gcry_cipher_checktag(cipher, tag, tag_len);
	gcry_cipher_close(cipher);
	return error ? AES_GCM_AUTH_E : 0;
}

static int on_wanted(int device, wc_CryptoInfo *info, void *arg)
{
	if (info->algo_type != WC_ALGO_TYPE_CIPHER || info->cipher.type != WC_CIPHER_AES_GCM)
		return CRYPTOCB_UNAVAILABLE; /* wolfSSL does it itself */
	if (info->cipher.enc)
		return encrypt(&(struct record){.aes = info->cipher.aesgcm_enc.aes,
						.iv = info->cipher.aesgcm_enc.iv,
						.aad = info->cipher.aesgcm_enc.authIn,
						.in = info->cipher.aesgcm_enc.in,
						.iv_len = info->cipher.aesgcm_enc.ivSz,
						.aad_len = info->cipher.aesgcm_enc.authInSz,
						.len = info->cipher.aesgcm_enc.sz,
						.out = info->cipher.aesgcm_enc.out},
			       info->cipher.aesgcm_enc.authTag, info->cipher.aesgcm_enc.authTagSz);
	return decrypt(&(struct record){.aes = info->cipher.aesgcm_dec.aes,
					.iv = info->cipher.aesgcm_dec.iv,
					.aad = info->cipher.aesgcm_dec.authIn,
					.in = info->cipher.aesgcm_dec.in,
					.iv_len = info->cipher.aesgcm_dec.ivSz,
					.aad_len = info->cipher.aesgcm_dec.authInSz,
					.len = info->cipher.aesgcm_dec.sz,
					.out = info->cipher.aesgcm_dec.out},
		       info->cipher.aesgcm_dec.authTag, info->cipher.aesgcm_dec.authTagSz);
}

static bool cpu_has_aes(void)
{
	char *features = gcry_get_config(0, "hwflist");
	bool has = features && (strstr(features, ":intel-aesni:") ||
				strstr(features, ":arm-aes:") || strstr(features, ":ppc-vcrypto:"));

	gcry_free(features);
	return has;
}

bool aes_init(void)
{
	if (!gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P)) {
		gcry_check_version(NULL);
		gcry_control(GCRYCTL_DISABLE_SECMEM, 0); /* wolfSSL's copy of the key has none */
		gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
	}
	return wc_CryptoCb_RegisterDevice(DEVICE, on_wanted, NULL) == 0 && cpu_has_aes();
}

int aes_device(void)
{
	return DEVICE;
}
