/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: numbers and text for people
 *
 * Every function writes into the caller's buffer and returns it.
 */
#ifndef TOOLS_FORMAT_H
#define TOOLS_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define FORMAT_MAX 32 /* enough for every number */

/** format_duration_us() - "850 us", "1.2 ms", "35 ms", "2.50 s". */
const char *format_duration_us(uint64_t us, char buf[FORMAT_MAX]);
/** format_age_s() - "0s", "45s", "3m12s", "5h07m", "12d4h". */
const char *format_age_s(uint64_t seconds, char buf[FORMAT_MAX]);
/** format_bytes() - "999 B", "1.5 KiB", "12 MiB". */
const char *format_bytes(uint64_t bytes, char buf[FORMAT_MAX]);
/** format_rate() - Bits a second: "0 bit/s", "12.3 Mbit/s". */
const char *format_rate(double bits_per_s, char buf[FORMAT_MAX]);
/** format_count() - "999", "12.3k", "4.56M": at most three digits that matter. */
const char *format_count(uint64_t count, char buf[FORMAT_MAX]);
/** format_percent() - Share of @part in @whole: "0 %", "0.02 %", "13 %"; "-" without a whole. */
const char *format_percent(uint64_t part, uint64_t whole, char buf[FORMAT_MAX]);

/**
 * format_safe() - Text from other machines, harmless on a terminal.
 * @text: from anywhere
 * @buf: receives the copy
 * @size: of @buf, at least 1
 *
 * Control characters (C0, DEL, C1 in UTF-8) become '?'; the rest is copied, cut to @size.
 */
const char *format_safe(const char *text, char *buf, size_t size);

#endif
