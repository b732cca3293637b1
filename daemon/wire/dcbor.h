/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: dcbor: the deterministic subset of CBOR that hubs speak
 *
 * RFC 8949 section 4.2.1 with less: unsigned integers, byte strings, text,
 * booleans, arrays and maps; shortest form, definite lengths, map keys that
 * are unsigned integers in rising order.  Nothing is allocated, nothing is
 * read twice, and a count never exceeds the bytes that are left.
 *
 * Reader and writer remember their first failure: call, call, call, then ask
 * once.  After a failure readers return zero values, so loops over counts end.
 *
 * Evolution: map keys below DCBOR_KEY_OPTIONAL must be understood, so an
 * unknown one is refused; an unknown key from there on is skipped.
 */
#ifndef WIRE_DCBOR_H
#define WIRE_DCBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DCBOR_KEY_OPTIONAL 32 /* keys from here on may be ignored */
#define DCBOR_KEY_MAX 255
#define DCBOR_MAP_MAX 64 /* keys in one map */
#define DCBOR_DEPTH_MAX 4 /* nesting inside a skipped value */
#define DCBOR_SKIP_MAX 65536 /* items inside a skipped value */

/**
 * struct dcbor_reader - a place in a message
 * @next: first byte not read yet
 * @end: one past the last byte
 * @failed: something was refused; nothing read since counts
 */
struct dcbor_reader {
	const uint8_t *next, *end;
	bool failed;
};

/**
 * struct dcbor_map - a walk over one map
 * @left: pairs not begun
 * @key: of the pair being read
 * @seen: bit mask of the keys below DCBOR_KEY_OPTIONAL read so far
 * @is_begun: @key is valid
 */
struct dcbor_map {
	size_t left;
	uint64_t key;
	uint32_t seen;
	bool is_begun;
};

static inline struct dcbor_reader dcbor_reader_init(const uint8_t *buf, size_t len)
{
	return (struct dcbor_reader){.next = buf, .end = buf + len};
}

uint64_t dcbor_read_uint(struct dcbor_reader *r, uint64_t max);
bool dcbor_read_bool(struct dcbor_reader *r);
/** dcbor_read_bytes() - Borrowed from the message; @max limits the length. */
const uint8_t *dcbor_read_bytes(struct dcbor_reader *r, size_t max, size_t *len);
/** dcbor_read_exactly() - A byte string of @len bytes, copied to @ret. */
void dcbor_read_exactly(struct dcbor_reader *r, uint8_t *ret, size_t len);
/** dcbor_is_text() - Would dcbor_read_text() take these bytes? */
bool dcbor_is_text(const char *text, size_t len);
/** dcbor_read_text() - UTF-8 without control characters, at most @size - 1 bytes. */
void dcbor_read_text(struct dcbor_reader *r, char *ret, size_t size);
/** dcbor_read_array() - Elements that follow, at most @max. */
size_t dcbor_read_array(struct dcbor_reader *r, size_t max);
/** dcbor_read_map() - Begin a map. */
struct dcbor_map dcbor_read_map(struct dcbor_reader *r);
/** dcbor_next_key() - Advance; @map->key holds the key. Return: false at the end or on failure. */
bool dcbor_next_key(struct dcbor_reader *r, struct dcbor_map *map);
/** dcbor_unknown_key() - Skip or refuse the value of a key the caller does not know. */
void dcbor_unknown_key(struct dcbor_reader *r, const struct dcbor_map *map);
/** dcbor_reader_fail() - The caller refuses what it read. */
static inline void dcbor_reader_fail(struct dcbor_reader *r)
{
	r->failed = true;
}
/** dcbor_reader_end() - Return: 0 all bytes were read and nothing failed; -EBADMSG. */
int dcbor_reader_end(const struct dcbor_reader *r);

/**
 * struct dcbor_writer - a place in a buffer
 * @start: first byte
 * @size: bytes there
 * @used: bytes written
 * @failed: it did not fit
 */
struct dcbor_writer {
	uint8_t *start;
	size_t size, used;
	bool failed;
};

static inline struct dcbor_writer dcbor_writer_init(uint8_t *buf, size_t size)
{
	return (struct dcbor_writer){.start = buf, .size = size};
}

void dcbor_write_uint(struct dcbor_writer *w, uint64_t value);
void dcbor_write_bool(struct dcbor_writer *w, bool value);
void dcbor_write_bytes(struct dcbor_writer *w, const uint8_t *bytes, size_t len);
void dcbor_write_text(struct dcbor_writer *w, const char *text);
void dcbor_write_array(struct dcbor_writer *w, size_t n);
void dcbor_write_map(struct dcbor_writer *w, size_t n);
/** dcbor_writer_end() - Return: bytes written; -EMSGSIZE. */
int dcbor_writer_end(const struct dcbor_writer *w);

#endif
