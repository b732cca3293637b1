/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PROXY_TRACEPARENT_H
#define PROXY_TRACEPARENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACEPARENT_LEN 55 /* version 00 */
#define TRACEPARENT_SEARCH_MAX 4096 /* bytes of a request that are looked at */

/**
 * traceparent_find() - The W3C trace context in the head of an HTTP/1 request.
 * @bytes: beginning of the request
 * @len: bytes there; those beyond TRACEPARENT_SEARCH_MAX are not looked at
 * @ret: filled on success, terminated
 *
 * Context: Pure.
 * Return: true there is one, well formed and of version 00 (W3C Trace Context, section 3.2).
 */
bool traceparent_find(const uint8_t *bytes, size_t len, char ret[TRACEPARENT_LEN + 1]);
/**
 * traceparent_read() - The value of a traceparent header.
 * @value: not terminated
 * @len: its bytes
 * @ret: filled on success, terminated
 *
 * Return: as traceparent_find().
 */
bool traceparent_read(const char *value, size_t len, char ret[TRACEPARENT_LEN + 1]);
/** traceparent_make() - A new one, not sampled. */
void traceparent_make(const uint64_t random[3], char ret[TRACEPARENT_LEN + 1]);

#endif
