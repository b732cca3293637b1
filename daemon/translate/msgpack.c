// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: msgpack: MessagePack, see tree.h
 *
 * The specification of 2013 and later: texts and byte strings are two things.
 * Written in the shortest form.  Not libmsgpack-c's reader: it allocates an
 * array as long as a header of five bytes claims it is.
 */
#include <math.h>
#include <string.h>

#include "daemon/translate/tree.h"

/* First bytes; of a range its first. */
enum msgpack_head {
	MSGPACK_FIXMAP = 0x80,
	MSGPACK_FIXARRAY = 0x90,
	MSGPACK_FIXSTR = 0xa0,
	MSGPACK_NIL = 0xc0,
	MSGPACK_UNUSED = 0xc1,
	MSGPACK_FALSE = 0xc2,
	MSGPACK_TRUE = 0xc3,
	MSGPACK_BIN8 = 0xc4,
	MSGPACK_BIN16 = 0xc5,
	MSGPACK_BIN32 = 0xc6,
	MSGPACK_EXT8 = 0xc7,
	MSGPACK_EXT32 = 0xc9,
	MSGPACK_FLOAT32 = 0xca,
	MSGPACK_FLOAT64 = 0xcb,
	MSGPACK_UINT8 = 0xcc,
	MSGPACK_UINT64 = 0xcf,
	MSGPACK_INT8 = 0xd0,
	MSGPACK_INT64 = 0xd3,
	MSGPACK_FIXEXT1 = 0xd4,
	MSGPACK_FIXEXT16 = 0xd8,
	MSGPACK_STR8 = 0xd9,
	MSGPACK_STR16 = 0xda,
	MSGPACK_STR32 = 0xdb,
	MSGPACK_ARRAY16 = 0xdc,
	MSGPACK_ARRAY32 = 0xdd,
	MSGPACK_MAP16 = 0xde,
	MSGPACK_MAP32 = 0xdf,
	MSGPACK_NEGATIVE_FIXINT = 0xe0,
};

#define FIXINT_MAX 0x7f
#define FIXNEGATIVE_MAX 31 /* -32, as -1 - n */
#define FIXMAP_MAX 15
#define FIXARRAY_MAX 15
#define FIXSTR_MAX 31

static struct tree_value *read_item(struct tree_input *in, size_t depth);

/* ---- reading ---- */

static bool read_number(struct tree_input *in, size_t n_bytes, uint64_t *ret)
{
	*ret = 0;
	if ((size_t)(in->end - in->next) < n_bytes)
		return tree_refuse(in->tree, TRANSLATE_MALFORMED,
				   "the body is not MessagePack: it ends inside a value");
	while (n_bytes--)
		*ret = *ret << 8 | *in->next++;
	return true;
}

static bool read_string(struct tree_input *in, struct tree_value *value, uint64_t len)
{
	if (len > (size_t)(in->end - in->next))
		return tree_refuse(in->tree, TRANSLATE_MALFORMED,
				   "the body is not MessagePack: it ends inside a string");
	value->bytes = in->next;
	value->len = (uint32_t)len;
	in->next += len;
	return value->kind == TREE_BYTES || tree_is_utf8(value->bytes, len) ||
	       tree_refuse(in->tree, TRANSLATE_MALFORMED, "a text is not UTF-8");
}

static bool read_children(struct tree_input *in, struct tree_value *value, uint64_t n, size_t depth)
{
	bool is_map = value->kind == TREE_MAP;
	struct tree_value **at = &value->first;

	if (depth >= TRANSLATE_DEPTH_MAX)
		return tree_refuse(in->tree, TRANSLATE_TOO_LARGE,
				   "arrays and maps are more than %d deep", TRANSLATE_DEPTH_MAX);
	for (uint64_t i = 0; i < n << is_map; i++) {
		*at = read_item(in, depth + 1);
		if (!*at)
			return false;
		at = &(*at)->next;
	}
	value->len = (uint32_t)n;
	return !is_map || tree_check_keys(in->tree, value);
}

static bool read_float(struct tree_input *in, struct tree_value *value, size_t n_bytes)
{
	uint64_t bits;
	uint32_t low;
	float single;

	if (!read_number(in, n_bytes, &bits))
		return false;
	low = (uint32_t)bits;
	memcpy(&single, &low, sizeof(single));
	if (n_bytes == sizeof(single))
		value->real = single;
	else
		memcpy(&value->real, &bits, sizeof(value->real));
	return true;
}

static bool read_signed(struct tree_input *in, struct tree_value *value, size_t n_bytes)
{
	unsigned int spare = (unsigned int)(64 - 8 * n_bytes);
	uint64_t bits;

	if (!read_number(in, n_bytes, &bits))
		return false;
	tree_integer(value, (int64_t)(bits << spare) >> spare);
	return true;
}

/* A kind whose head says the length in 1, 2 or 4 bytes. */
static bool read_long(struct tree_input *in, struct tree_value *value, size_t n_bytes, size_t depth)
{
	uint64_t len;

	if (!read_number(in, n_bytes, &len))
		return false;
	if (value->kind == TREE_ARRAY || value->kind == TREE_MAP)
		return read_children(in, value, len, depth);
	return read_string(in, value, len);
}

static bool read_fixed(struct tree_input *in, struct tree_value *value, uint8_t head, size_t depth)
{
	switch (value->kind) {
	case TREE_UINT:
		value->number = head;
		return true;
	case TREE_NEGATIVE:
		value->number = (uint8_t)~head;
		return true;
	case TREE_TEXT:
		return read_string(in, value, head & FIXSTR_MAX);
	default:
		return read_children(in, value, head & FIXARRAY_MAX, depth);
	}
}

static bool is_fixed(uint8_t head)
{
	return head < MSGPACK_NIL || head >= MSGPACK_NEGATIVE_FIXINT;
}

static enum tree_kind kind_of(uint8_t head)
{
	if (head <= FIXINT_MAX || (head >= MSGPACK_UINT8 && head <= MSGPACK_INT64))
		return TREE_UINT;
	if (head >= MSGPACK_NEGATIVE_FIXINT)
		return TREE_NEGATIVE;
	if (head < MSGPACK_FIXARRAY || head >= MSGPACK_MAP16)
		return TREE_MAP;
	if (head < MSGPACK_FIXSTR || head >= MSGPACK_ARRAY16)
		return TREE_ARRAY;
	if (head < MSGPACK_NIL || head >= MSGPACK_STR8)
		return TREE_TEXT;
	if (head >= MSGPACK_BIN8 && head <= MSGPACK_BIN32)
		return TREE_BYTES;
	if (head == MSGPACK_FLOAT32 || head == MSGPACK_FLOAT64)
		return TREE_FLOAT;
	return head == MSGPACK_FALSE || head == MSGPACK_TRUE ? TREE_BOOL : TREE_NULL;
}

static bool refuse_extension(struct tree_input *in, uint8_t head)
{
	uint64_t ignored, type;

	if (head <= MSGPACK_EXT32 && !read_number(in, (size_t)1 << (head - MSGPACK_EXT8), &ignored))
		return false;
	return read_number(in, 1, &type) &&
	       tree_refuse(in->tree, TRANSLATE_LOSSY,
			   "MessagePack's extension type %d%s has no equal in other formats",
			   (int8_t)type, (int8_t)type == -1 ? " (timestamp)" : "");
}

static bool read_after(struct tree_input *in, uint8_t head, struct tree_value *value, size_t depth)
{
	if (is_fixed(head))
		return read_fixed(in, value, head, depth);
	if (head >= MSGPACK_MAP16)
		return read_long(in, value, (size_t)2 << (head - MSGPACK_MAP16), depth);
	if (head >= MSGPACK_ARRAY16)
		return read_long(in, value, (size_t)2 << (head - MSGPACK_ARRAY16), depth);
	if (head >= MSGPACK_STR8)
		return read_long(in, value, (size_t)1 << (head - MSGPACK_STR8), depth);
	if (head >= MSGPACK_FIXEXT1 || (head >= MSGPACK_EXT8 && head <= MSGPACK_EXT32))
		return refuse_extension(in, head);
	if (head >= MSGPACK_INT8)
		return read_signed(in, value, (size_t)1 << (head - MSGPACK_INT8));
	if (head >= MSGPACK_UINT8)
		return read_number(in, (size_t)1 << (head - MSGPACK_UINT8), &value->number);
	if (head >= MSGPACK_FLOAT32)
		return read_float(in, value, (size_t)4 << (head - MSGPACK_FLOAT32));
	if (head >= MSGPACK_BIN8)
		return read_long(in, value, (size_t)1 << (head - MSGPACK_BIN8), depth);
	value->is_true = head == MSGPACK_TRUE;
	return head != MSGPACK_UNUSED ||
	       tree_refuse(in->tree, TRANSLATE_MALFORMED,
			   "the body is not MessagePack: it has a byte c1 as head of a value");
}

static struct tree_value *read_item(struct tree_input *in, size_t depth)
{
	struct tree_value *value;
	uint64_t head;

	if (!read_number(in, 1, &head))
		return NULL;
	value = tree_value(in->tree, kind_of((uint8_t)head));
	return value && read_after(in, (uint8_t)head, value, depth) ? value : NULL;
}

struct tree_value *msgpack_read(struct tree *tree, const uint8_t *bytes, size_t len)
{
	struct tree_input in = {.tree = tree, .next = bytes, .end = bytes + len};
	struct tree_value *value = read_item(&in, 0);

	if (value && in.next != in.end) {
		tree_refuse(tree, TRANSLATE_MALFORMED,
			    "the body is not MessagePack: %zu bytes behind it",
			    (size_t)(in.end - in.next));
		return NULL;
	}
	return value;
}

/* ---- writing ---- */

static size_t bytes_for(uint64_t number)
{
	if (number <= UINT8_MAX)
		return 1;
	if (number <= UINT16_MAX)
		return 2;
	return number <= UINT32_MAX ? 4 : 8;
}

/* Base two logarithm of 1, 2, 4, 8: heads of one kind follow one another by it. */
static uint8_t step_of(size_t n_bytes)
{
	return (uint8_t)__builtin_ctzl(n_bytes);
}

/* @first: head for a length in one byte, or where that would be. */
static void put_long(struct tree_output *out, uint8_t first, size_t n_bytes, size_t len)
{
	tree_put_number(out, (uint8_t)(first + step_of(n_bytes)), len, n_bytes);
}

static void put_uint(struct tree_output *out, uint64_t number)
{
	size_t n_bytes = bytes_for(number);

	if (number <= FIXINT_MAX)
		tree_put_number(out, (uint8_t)number, 0, 0);
	else
		put_long(out, MSGPACK_UINT8, n_bytes, number);
}

/* -1 - number; the sign takes a bit more than the number. */
static bool put_negative(struct tree *tree, uint64_t number, struct tree_output *out)
{
	if (number > INT64_MAX)
		return tree_refuse(tree, TRANSLATE_LOSSY, "MessagePack has no integer below -2^63");
	if (number <= FIXNEGATIVE_MAX)
		tree_put_number(out, (uint8_t)~number, 0, 0);
	else
		put_long(out, MSGPACK_INT8, bytes_for(number << 1), ~number);
	return true;
}

static void put_float(struct tree_output *out, double real)
{
	float single = (float)real;
	uint32_t low;
	uint64_t bits;

	memcpy(&low, &single, sizeof(low));
	memcpy(&bits, &real, sizeof(bits));
	if (single == real || isnan(real))
		tree_put_number(out, MSGPACK_FLOAT32, low, sizeof(low));
	else
		tree_put_number(out, MSGPACK_FLOAT64, bits, sizeof(bits));
}

static void put_string(struct tree_output *out, const struct tree_value *value)
{
	if (value->kind == TREE_BYTES)
		put_long(out, MSGPACK_BIN8, bytes_for(value->len), value->len);
	else if (value->len <= FIXSTR_MAX)
		tree_put_number(out, (uint8_t)(MSGPACK_FIXSTR | value->len), 0, 0);
	else
		put_long(out, MSGPACK_STR8, bytes_for(value->len), value->len);
	tree_put(out, value->bytes, value->len);
}

static bool put_children(struct tree *tree, const struct tree_value *value, struct tree_output *out)
{
	bool is_map = value->kind == TREE_MAP;
	size_t n_bytes = bytes_for(value->len) < 2 ? 2 : bytes_for(value->len);

	if (value->len <= (is_map ? FIXMAP_MAX : FIXARRAY_MAX))
		tree_put_number(
			out, (uint8_t)((is_map ? MSGPACK_FIXMAP : MSGPACK_FIXARRAY) | value->len),
			0, 0);
	else
		put_long(out, (is_map ? MSGPACK_MAP16 : MSGPACK_ARRAY16) - 1, n_bytes, value->len);
	for (const struct tree_value *child = value->first; child; child = child->next)
		if (!msgpack_write(tree, child, out))
			return false;
	return true;
}

bool msgpack_write(struct tree *tree, const struct tree_value *value, struct tree_output *out)
{
	switch (value->kind) {
	case TREE_NULL:
		tree_put_number(out, MSGPACK_NIL, 0, 0);
		return true;
	case TREE_BOOL:
		tree_put_number(out, value->is_true ? MSGPACK_TRUE : MSGPACK_FALSE, 0, 0);
		return true;
	case TREE_UINT:
		put_uint(out, value->number);
		return true;
	case TREE_NEGATIVE:
		return put_negative(tree, value->number, out);
	case TREE_FLOAT:
		put_float(out, value->real);
		return true;
	case TREE_TEXT:
	case TREE_BYTES:
		put_string(out, value);
		return true;
	default:
		return put_children(tree, value, out);
	}
}
