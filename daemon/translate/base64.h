/* SPDX-License-Identifier: GPL-2.0 */
/* DOC: base64: see base64.c */
#ifndef TRANSLATE_BASE64_H
#define TRANSLATE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** BASE64_SIZE() - Characters for so many bytes. */
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4)

/** base64_encode() - With padding. Return: BASE64_SIZE(@len), written to @ret. */
size_t base64_encode(const uint8_t *bytes, size_t len, char *ret);
/**
 * base64_decode() - Both alphabets, with padding or without.
 * @text: not terminated
 * @len: of it
 * @ret: has room for @len bytes
 * @ret_len: set on success
 *
 * Return: false it is none.
 */
bool base64_decode(const uint8_t *text, size_t len, uint8_t *ret, size_t *ret_len);

#endif
