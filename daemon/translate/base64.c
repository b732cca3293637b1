// SPDX-License-Identifier: GPL-2.0
/* DOC: base64: bytes in proto3's JSON, RFC 4648; either alphabet is read, the first is written */
#include <string.h>

#include "daemon/translate/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int digit_of(uint8_t c)
{
	const char *at;

	if (c == '-')
		c = '+';
	if (c == '_')
		c = '/';
	at = c ? strchr(alphabet, c) : NULL;
	return at ? (int)(at - alphabet) : -1;
}

size_t base64_encode(const uint8_t *bytes, size_t len, char *ret)
{
	char *at = ret;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)bytes[i] << 16 |
				(n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
				(n > 2 ? bytes[i + 2] : 0u);

		*at++ = alphabet[bits >> 18];
		*at++ = alphabet[bits >> 12 & 63];
		*at++ = n > 1 ? alphabet[bits >> 6 & 63] : '=';
		*at++ = n > 2 ? alphabet[bits & 63] : '=';
	}
	return (size_t)(at - ret);
}

bool base64_decode(const uint8_t *text, size_t len, uint8_t *ret, size_t *ret_len)
{
	uint32_t bits = 0;
	unsigned int n_bits = 0;
	size_t padded = len;

	while (len && text[len - 1] == '=' && padded - len < 2)
		len--;
	if (len % 4 == 1 || (padded != len && padded % 4 != 0))
		return false;
	*ret_len = 0;
	for (size_t i = 0; i < len; i++) {
		int digit = digit_of(text[i]);

		if (digit < 0)
			return false;
		bits = bits << 6 | (uint32_t)digit;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		ret[(*ret_len)++] = (uint8_t)(bits >> n_bits);
	}
	/* Bits that are left over are zero, or two texts would be one string of bytes. */
	return (bits & ((1u << n_bits) - 1)) == 0;
}
