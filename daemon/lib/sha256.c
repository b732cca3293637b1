// SPDX-License-Identifier: GPL-2.0
/* DOC: sha256: names of things by their content */
#include "daemon/lib/sha256.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/hash.h>
#include <wolfssl/wolfcrypt/sha256.h>

static const char hex_digits[] = "0123456789abcdef";

void sha256(const uint8_t *bytes, size_t len, uint8_t ret[SHA256_LEN])
{
	int error = wc_Sha256Hash(bytes, (word32)len, ret);

	assert(error == 0);
}

const char *sha256_format(const uint8_t digest[SHA256_LEN], char buf[SHA256_STRLEN])
{
	for (size_t i = 0; i < SHA256_LEN; i++) {
		buf[2 * i] = hex_digits[digest[i] >> 4];
		buf[2 * i + 1] = hex_digits[digest[i] & 15];
	}
	buf[2 * SHA256_LEN] = '\0';
	return buf;
}

int sha256_parse(const char *text, uint8_t ret[SHA256_LEN])
{
	uint8_t digest[SHA256_LEN];

	if (strlen(text) != 2 * SHA256_LEN)
		return -EINVAL;
	for (size_t i = 0; i < 2 * SHA256_LEN; i++) {
		const char *at = strchr(hex_digits, text[i]);

		if (!at)
			return -EINVAL;
		digest[i / 2] = (uint8_t)(digest[i / 2] << 4 | (at - hex_digits));
	}
	memcpy(ret, digest, sizeof(digest));
	return 0;
}
