// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: der: elements in and out
 *
 * The writer opens an element with its tag only and inserts the length when
 * it is closed, moving the contents by one to three bytes.  See der.h.
 */
#include "daemon/trust/der.h"

#include <errno.h>
#include <string.h>

#define TAG_NUMBER_MASK 0x1f /* all ones: the tag goes on in the next byte */
#define LENGTH_LONG 0x80
#define LENGTH_MAX 0xffff

static const uint8_t nothing[1];

static struct der_value refuse(struct der_reader *r)
{
	r->failed = true;
	return (struct der_value){.bytes = nothing, .whole = nothing};
}

/* Shortest form only; moves @r behind the length octets. */
static bool read_length(struct der_reader *r, size_t *ret)
{
	size_t left = (size_t)(r->end - r->next), n, length = 0;

	if (left < 1)
		return false;
	if (!(r->next[0] & LENGTH_LONG)) {
		*ret = *r->next++;
		return true;
	}
	n = r->next[0] & ~LENGTH_LONG;
	if (n < 1 || n > 2 || left < 1 + n)
		return false;
	for (size_t i = 1; i <= n; i++)
		length = length << 8 | r->next[i];
	if (length < (n == 1 ? 0x80 : 0x100))
		return false;
	r->next += 1 + n;
	*ret = length;
	return true;
}

struct der_value der_next(struct der_reader *r)
{
	struct der_value value;

	if (r->failed || r->next == r->end)
		return refuse(r);
	value.whole = r->next;
	value.tag = *r->next++;
	if ((value.tag & TAG_NUMBER_MASK) == TAG_NUMBER_MASK)
		return refuse(r);
	if (!read_length(r, &value.len) || value.len > (size_t)(r->end - r->next))
		return refuse(r);
	value.bytes = r->next;
	r->next += value.len;
	value.whole_len = (size_t)(r->next - value.whole);
	return value;
}

struct der_value der_read(struct der_reader *r, uint8_t tag)
{
	struct der_value value = der_next(r);

	return r->failed || value.tag != tag ? refuse(r) : value;
}

struct der_reader der_enter(struct der_reader *r, uint8_t tag)
{
	struct der_value value = der_read(r, tag);
	struct der_reader inner = der_reader_init(value.bytes, value.len);

	inner.failed = r->failed;
	return inner;
}

bool der_is_next(const struct der_reader *r, uint8_t tag)
{
	return !r->failed && r->next < r->end && *r->next == tag;
}

int der_reader_end(const struct der_reader *r)
{
	return r->failed || r->next != r->end ? -EBADMSG : 0;
}

bool der_value_is(const struct der_value *value, const void *bytes, size_t len)
{
	return value->len == len && memcmp(value->bytes, bytes, len) == 0;
}

void der_write_raw(struct der_writer *w, const void *bytes, size_t len)
{
	if (w->failed || len > w->size - w->used) {
		w->failed = true;
		return;
	}
	if (len)
		memcpy(w->buf + w->used, bytes, len);
	w->used += len;
}

size_t der_begin(struct der_writer *w, uint8_t tag)
{
	der_write_raw(w, &tag, 1);
	return w->used;
}

void der_end(struct der_writer *w, size_t begin)
{
	size_t len = w->used - begin, n;
	uint8_t head[3];

	if (w->failed || len > LENGTH_MAX) {
		w->failed = true;
		return;
	}
	if (len < LENGTH_LONG) {
		n = 1;
		head[0] = (uint8_t)len;
	} else if (len <= 0xff) {
		n = 2;
		head[0] = LENGTH_LONG | 1;
		head[1] = (uint8_t)len;
	} else {
		n = 3;
		head[0] = LENGTH_LONG | 2;
		head[1] = (uint8_t)(len >> 8);
		head[2] = (uint8_t)len;
	}
	der_write_raw(w, head, n); /* makes room or fails */
	if (w->failed)
		return;
	memmove(w->buf + begin + n, w->buf + begin, len);
	memcpy(w->buf + begin, head, n);
}

void der_write(struct der_writer *w, uint8_t tag, const void *bytes, size_t len)
{
	size_t begin = der_begin(w, tag);

	der_write_raw(w, bytes, len);
	der_end(w, begin);
}

int der_writer_end(const struct der_writer *w)
{
	return w->failed ? -EMSGSIZE : (int)w->used;
}
