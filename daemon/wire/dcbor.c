// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: dcbor: libcbor's allocation-free halves with the rules on top
 *
 * cbor_stream_decode() looks at one item head and calls back with its value;
 * cbor_load(), which allocates what a peer declares, is not used.  Shortest
 * form is checked by comparing the bytes read with the bytes the value needs.
 */
#include "daemon/wire/dcbor.h"

#include <assert.h>
#include <cbor.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

enum item_kind { ITEM_OTHER, ITEM_UINT, ITEM_BYTES, ITEM_TEXT, ITEM_ARRAY, ITEM_MAP, ITEM_BOOL };

struct item {
	enum item_kind kind;
	uint64_t value; /* number, length, count or truth */
	const uint8_t *bytes;
};

static void on_uint8(void *arg, uint8_t value)
{
	*(struct item *)arg = (struct item){.kind = ITEM_UINT, .value = value};
}

static void on_uint16(void *arg, uint16_t value)
{
	*(struct item *)arg = (struct item){.kind = ITEM_UINT, .value = value};
}

static void on_uint32(void *arg, uint32_t value)
{
	*(struct item *)arg = (struct item){.kind = ITEM_UINT, .value = value};
}

static void on_uint64(void *arg, uint64_t value)
{
	*(struct item *)arg = (struct item){.kind = ITEM_UINT, .value = value};
}

static void on_bytes(void *arg, cbor_data bytes, size_t len)
{
	*(struct item *)arg = (struct item){.kind = ITEM_BYTES, .value = len, .bytes = bytes};
}

static void on_text(void *arg, cbor_data bytes, size_t len)
{
	*(struct item *)arg = (struct item){.kind = ITEM_TEXT, .value = len, .bytes = bytes};
}

static void on_array(void *arg, size_t n)
{
	*(struct item *)arg = (struct item){.kind = ITEM_ARRAY, .value = n};
}

static void on_map(void *arg, size_t n)
{
	*(struct item *)arg = (struct item){.kind = ITEM_MAP, .value = n};
}

static void on_bool(void *arg, bool value)
{
	*(struct item *)arg = (struct item){.kind = ITEM_BOOL, .value = value};
}

static size_t shortest_head(const struct item *item)
{
	if (item->kind == ITEM_BOOL || item->value < 24)
		return 1;
	if (item->value <= UINT8_MAX)
		return 2;
	if (item->value <= UINT16_MAX)
		return 3;
	return item->value <= UINT32_MAX ? 5 : 9;
}

/* Each element of an array or map takes at least one byte of what follows. */
static bool count_fits(const struct dcbor_reader *r, const struct item *item)
{
	uint64_t left = (uint64_t)(r->end - r->next);

	if (item->kind == ITEM_ARRAY)
		return item->value <= left;
	if (item->kind == ITEM_MAP)
		return item->value <= left / 2;
	return true;
}

static struct item next_item(struct dcbor_reader *r)
{
	static const struct item nothing;
	struct cbor_callbacks callbacks = cbor_empty_callbacks;
	struct cbor_decoder_result result;
	struct item item = nothing;
	size_t expected;

	callbacks.uint8 = on_uint8;
	callbacks.uint16 = on_uint16;
	callbacks.uint32 = on_uint32;
	callbacks.uint64 = on_uint64;
	callbacks.byte_string = on_bytes;
	callbacks.string = on_text;
	callbacks.array_start = on_array;
	callbacks.map_start = on_map;
	callbacks.boolean = on_bool;
	if (r->failed || r->next == r->end)
		goto refuse;
	result = cbor_stream_decode(r->next, (size_t)(r->end - r->next), &callbacks, &item);
	if (result.status != CBOR_DECODER_FINISHED || item.kind == ITEM_OTHER)
		goto refuse;
	expected = shortest_head(&item);
	if (item.kind == ITEM_BYTES || item.kind == ITEM_TEXT)
		expected += item.value;
	if (result.read != expected)
		goto refuse;
	r->next += result.read;
	if (!count_fits(r, &item))
		goto refuse;
	return item;
refuse:
	r->failed = true;
	return nothing;
}

static struct item next_item_of(struct dcbor_reader *r, enum item_kind kind, uint64_t max)
{
	static const struct item nothing;
	struct item item = next_item(r);

	if (!r->failed && item.kind == kind && item.value <= max)
		return item;
	r->failed = true;
	return nothing;
}

uint64_t dcbor_read_uint(struct dcbor_reader *r, uint64_t max)
{
	return next_item_of(r, ITEM_UINT, max).value;
}

bool dcbor_read_bool(struct dcbor_reader *r)
{
	return next_item_of(r, ITEM_BOOL, 1).value;
}

const uint8_t *dcbor_read_bytes(struct dcbor_reader *r, size_t max, size_t *len)
{
	struct item item = next_item_of(r, ITEM_BYTES, max);

	*len = item.value;
	return item.bytes;
}

void dcbor_read_exactly(struct dcbor_reader *r, uint8_t *ret, size_t len)
{
	struct item item = next_item_of(r, ITEM_BYTES, len);

	if (item.value != len)
		r->failed = true;
	else if (len && item.bytes)
		memcpy(ret, item.bytes, len);
}

/*
 * Length of the UTF-8 sequence at @p (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF) that is no control character; 0 if none.
 */
static size_t character_len(const uint8_t *p, size_t left)
{
	static const struct {
		uint8_t mask, lead, len;
		uint32_t min;
	} forms[] = {
		{0x80, 0x00, 1, 0x20},
		{0xe0, 0xc0, 2, 0xa0}, /* U+0080..U+009F are control characters */
		{0xf0, 0xe0, 3, 0x800},
		{0xf8, 0xf0, 4, 0x10000},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		uint32_t c = p[0] & (uint8_t)~forms[i].mask;

		if ((p[0] & forms[i].mask) != forms[i].lead)
			continue;
		if (forms[i].len > left)
			return 0;
		for (size_t k = 1; k < forms[i].len; k++) {
			if ((p[k] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (p[k] & 0x3f);
		}
		if (c < forms[i].min || c == 0x7f || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
			return 0;
		return forms[i].len;
	}
	return 0;
}

bool dcbor_is_text(const char *text, size_t len)
{
	size_t n = 1;

	for (size_t i = 0; i < len && n; i += n)
		n = character_len((const uint8_t *)text + i, len - i);
	return n != 0;
}

void dcbor_read_text(struct dcbor_reader *r, char *ret, size_t size)
{
	struct item item = next_item_of(r, ITEM_TEXT, size - 1);

	if (!dcbor_is_text((const char *)item.bytes, item.value)) {
		r->failed = true;
		return;
	}
	if (item.value)
		memcpy(ret, item.bytes, item.value);
	ret[item.value] = '\0';
}

size_t dcbor_read_array(struct dcbor_reader *r, size_t max)
{
	return next_item_of(r, ITEM_ARRAY, max).value;
}

struct dcbor_map dcbor_read_map(struct dcbor_reader *r)
{
	return (struct dcbor_map){.left = next_item_of(r, ITEM_MAP, DCBOR_MAP_MAX).value};
}

bool dcbor_next_key(struct dcbor_reader *r, struct dcbor_map *map)
{
	uint64_t key;

	if (r->failed || map->left == 0)
		return false;
	key = dcbor_read_uint(r, DCBOR_KEY_MAX);
	if (map->is_begun && key <= map->key)
		r->failed = true;
	if (r->failed)
		return false;
	map->left--;
	map->key = key;
	map->is_begun = true;
	if (key < DCBOR_KEY_OPTIONAL)
		map->seen |= UINT32_C(1) << key;
	return true;
}

/* Walks one value of any shape with a count of open items per level. */
static void skip_value(struct dcbor_reader *r)
{
	uint64_t open[DCBOR_DEPTH_MAX + 1] = {1};
	size_t depth = 0;

	for (size_t n = 0; n < DCBOR_SKIP_MAX; n++) {
		struct item item = next_item(r);

		if (r->failed)
			return;
		open[depth]--;
		if ((item.kind == ITEM_ARRAY || item.kind == ITEM_MAP) && item.value > 0) {
			if (depth == DCBOR_DEPTH_MAX)
				break;
			open[++depth] = item.kind == ITEM_MAP ? 2 * item.value : item.value;
		}
		while (open[depth] == 0) {
			if (depth == 0)
				return;
			depth--;
		}
	}
	r->failed = true;
}

void dcbor_unknown_key(struct dcbor_reader *r, const struct dcbor_map *map)
{
	if (map->key < DCBOR_KEY_OPTIONAL)
		r->failed = true;
	else
		skip_value(r);
}

int dcbor_reader_end(const struct dcbor_reader *r)
{
	return r->failed || r->next != r->end ? -EBADMSG : 0;
}

/* What libcbor wrote at the current place, 0 for "did not fit". */
static void advance(struct dcbor_writer *w, size_t written)
{
	if (written == 0)
		w->failed = true;
	w->used += written;
}

static uint8_t *place(const struct dcbor_writer *w)
{
	return w->start + w->used;
}

static size_t room(const struct dcbor_writer *w)
{
	return w->failed ? 0 : w->size - w->used;
}

void dcbor_write_uint(struct dcbor_writer *w, uint64_t value)
{
	advance(w, cbor_encode_uint(value, place(w), room(w)));
}

void dcbor_write_bool(struct dcbor_writer *w, bool value)
{
	advance(w, cbor_encode_bool(value, place(w), room(w)));
}

static void append(struct dcbor_writer *w, const void *bytes, size_t len)
{
	if (len > room(w)) {
		w->failed = true;
		return;
	}
	if (len)
		memcpy(place(w), bytes, len);
	w->used += len;
}

void dcbor_write_bytes(struct dcbor_writer *w, const uint8_t *bytes, size_t len)
{
	advance(w, cbor_encode_bytestring_start(len, place(w), room(w)));
	append(w, bytes, len);
}

void dcbor_write_text(struct dcbor_writer *w, const char *text)
{
	size_t len = strlen(text);

	advance(w, cbor_encode_string_start(len, place(w), room(w)));
	append(w, text, len);
}

void dcbor_write_array(struct dcbor_writer *w, size_t n)
{
	advance(w, cbor_encode_array_start(n, place(w), room(w)));
}

void dcbor_write_map(struct dcbor_writer *w, size_t n)
{
	advance(w, cbor_encode_map_start(n, place(w), room(w)));
}

int dcbor_writer_end(const struct dcbor_writer *w)
{
	assert(w->used <= INT_MAX);
	return w->failed ? -EMSGSIZE : (int)w->used;
}
