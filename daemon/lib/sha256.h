/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIB_SHA256_H
#define LIB_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN 32
#define SHA256_STRLEN 65 /* hexadecimal and the NUL */

/** sha256() - Digest of @len bytes at @bytes. */
void sha256(const uint8_t *bytes, size_t len, uint8_t ret[SHA256_LEN]);
/** sha256_format() - Lower-case hexadecimal; returns @buf. */
const char *sha256_format(const uint8_t digest[SHA256_LEN], char buf[SHA256_STRLEN]);
/** sha256_parse() - 64 hexadecimal digits, nothing else. Return: 0; -EINVAL. */
int sha256_parse(const char *text, uint8_t ret[SHA256_LEN]);

#endif
