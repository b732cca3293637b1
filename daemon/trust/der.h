/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: der: reading and writing DER (X.690)
 *
 * As much as X.509 needs: one-byte tags, definite shortest lengths below
 * 64 KiB.  Nothing is allocated.  Reader and writer remember their first
 * failure, so a caller checks once at the end.
 */
#ifndef TRUST_DER_H
#define TRUST_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DER_BOOLEAN 0x01
#define DER_INTEGER 0x02
#define DER_BIT_STRING 0x03
#define DER_OCTET_STRING 0x04
#define DER_OID 0x06
#define DER_ENUMERATED 0x0a
#define DER_UTF8_STRING 0x0c
#define DER_UTC_TIME 0x17
#define DER_GENERALIZED_TIME 0x18
#define DER_SEQUENCE 0x30
#define DER_SET 0x31
#define DER_CONTEXT(n) (0x80 | (n)) /* [n], primitive */
#define DER_CONTEXT_CONSTRUCTED(n) (0xa0 | (n)) /* [n], constructed */

/**
 * struct der_reader - a place in borrowed bytes
 * @next: first byte not read yet
 * @end: one past the last byte
 * @failed: something was refused; nothing read since counts
 */
struct der_reader {
	const uint8_t *next, *end;
	bool failed;
};

/**
 * struct der_value - one element
 * @tag: identifier octet
 * @bytes: contents; never NULL
 * @len: bytes of contents
 * @whole: identifier, length and contents
 * @whole_len: bytes of @whole
 */
struct der_value {
	uint8_t tag;
	const uint8_t *bytes;
	size_t len;
	const uint8_t *whole;
	size_t whole_len;
};

static inline struct der_reader der_reader_init(const uint8_t *buf, size_t len)
{
	return (struct der_reader){.next = buf, .end = buf + len};
}

/** der_next() - Any element; empty after a failure. */
struct der_value der_next(struct der_reader *r);
/** der_read() - An element that must have @tag. */
struct der_value der_read(struct der_reader *r, uint8_t tag);
/** der_enter() - A reader over the contents of an element that must have @tag. */
struct der_reader der_enter(struct der_reader *r, uint8_t tag);
/** der_is_next() - Is there an element and does it have @tag? */
bool der_is_next(const struct der_reader *r, uint8_t tag);
static inline bool der_at_end(const struct der_reader *r)
{
	return r->failed || r->next == r->end;
}
/** der_reader_end() - Return: 0 all bytes were read and nothing failed; -EBADMSG. */
int der_reader_end(const struct der_reader *r);
/** der_value_is() - Are the contents exactly these bytes? */
bool der_value_is(const struct der_value *value, const void *bytes, size_t len);

/**
 * struct der_writer - a place in a buffer
 * @buf: first byte
 * @size: bytes there
 * @used: bytes written
 * @failed: it did not fit
 */
struct der_writer {
	uint8_t *buf;
	size_t size, used;
	bool failed;
};

static inline struct der_writer der_writer_init(uint8_t *buf, size_t size)
{
	return (struct der_writer){.buf = buf, .size = size};
}

/** der_begin() - Open an element. Return: what der_end() wants. */
size_t der_begin(struct der_writer *w, uint8_t tag);
/** der_end() - Close it: the length is put in front of what was written since. */
void der_end(struct der_writer *w, size_t begin);
/** der_write() - A whole element. */
void der_write(struct der_writer *w, uint8_t tag, const void *bytes, size_t len);
/** der_write_raw() - Bytes as they are: contents, or elements made elsewhere. */
void der_write_raw(struct der_writer *w, const void *bytes, size_t len);
/** der_writer_end() - Return: bytes written; -EMSGSIZE. */
int der_writer_end(const struct der_writer *w);

#endif
