// SPDX-License-Identifier: GPL-2.0
/* DOC: tree: see tree.h */
#include "daemon/translate/tree.h"

#include <stdarg.h>
#include <string.h>

#include "daemon/lib/memory.h"

#define BLOCK_SIZE 16384 /* most bodies are one */
#define OUTPUT_MIN 512
#define SHOWN_MAX 32 /* of what was sent, in a sentence about it */

/**
 * struct tree_block - memory of many values
 * @next: older one
 * @used: bytes of @bytes given out
 * @size: of @bytes
 * @bytes: aligned for a value
 */
struct tree_block {
	struct tree_block *next;
	size_t used, size;
	max_align_t bytes[];
};

void tree_free(struct tree *tree)
{
	while (tree->blocks) {
		struct tree_block *block = tree->blocks;

		tree->blocks = block->next;
		free(block);
	}
}

bool tree_refuse(struct tree *tree, enum translate_fault fault, const char *fmt, ...)
{
	va_list args;
	char *reason = tree->refusal->reason;

	tree->refusal->fault = fault;
	va_start(args, fmt);
	vsnprintf(reason, sizeof(tree->refusal->reason), fmt, args);
	va_end(args);
	/* It may quote what was sent. */
	for (; *reason; reason++)
		if (*reason < ' ' || *reason > '~')
			*reason = '?';
	return false;
}

static void *take(struct tree *tree, size_t len)
{
	struct tree_block *block = tree->blocks;
	void *taken;

	len = (len + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (!block || block->size - block->used < len) {
		size_t size = len > BLOCK_SIZE ? len : BLOCK_SIZE;

		block = xmalloc(sizeof(*block) + size);
		*block = (struct tree_block){.next = tree->blocks, .size = size};
		tree->blocks = block;
	}
	taken = (uint8_t *)block->bytes + block->used;
	block->used += len;
	return taken;
}

struct tree_value *tree_value(struct tree *tree, enum tree_kind kind)
{
	struct tree_value *value;

	if (tree->n_values >= TRANSLATE_VALUES_MAX) {
		tree_refuse(tree, TRANSLATE_TOO_LARGE,
			    "the body has more than %d values; send less at a time",
			    TRANSLATE_VALUES_MAX);
		return NULL;
	}
	tree->n_values++;
	value = take(tree, sizeof(*value));
	*value = (struct tree_value){.kind = (uint8_t)kind};
	return value;
}

uint8_t *tree_room(struct tree *tree, size_t len)
{
	return take(tree, len);
}

uint8_t *tree_copy(struct tree *tree, const void *bytes, size_t len)
{
	uint8_t *copy = take(tree, len);

	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

void tree_integer(struct tree_value *value, int64_t number)
{
	value->kind = number < 0 ? TREE_NEGATIVE : TREE_UINT;
	value->number = number < 0 ? ~(uint64_t)number : (uint64_t)number;
}

/* Bytes after the first and the smallest code point that needs them; 0: none may follow it. */
static size_t sequence_of(uint8_t first, uint32_t *min, uint32_t *point)
{
	if (first >= 0xc0 && first < 0xe0) {
		*min = 0x80;
		*point = first & 0x1fu;
		return 1;
	}
	if (first >= 0xe0 && first < 0xf0) {
		*min = 0x800;
		*point = first & 0x0fu;
		return 2;
	}
	*min = 0x10000;
	*point = first & 0x07u;
	return first >= 0xf0 && first < 0xf8 ? 3 : 0;
}

bool tree_is_utf8(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint32_t min, point;
		size_t more;

		if (bytes[i] < 0x80)
			continue;
		more = sequence_of(bytes[i], &min, &point);
		if (!more || len - i <= more)
			return false;
		while (more--) {
			if ((bytes[++i] & 0xc0) != 0x80)
				return false;
			point = point << 6 | (bytes[i] & 0x3fu);
		}
		if (point < min || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
			return false;
	}
	return true;
}

static int compare_keys(const void *a, const void *b)
{
	const struct tree_value *one = *(const struct tree_value *const *)a;
	const struct tree_value *two = *(const struct tree_value *const *)b;
	int order;

	if (one->kind != two->kind)
		return one->kind < two->kind ? -1 : 1;
	if (one->kind != TREE_TEXT)
		return (one->number > two->number) - (one->number < two->number);
	order = memcmp(one->bytes, two->bytes, one->len < two->len ? one->len : two->len);
	return order ? order : (one->len > two->len) - (one->len < two->len);
}

static bool refuse_twice(struct tree *tree, const struct tree_value *key)
{
	if (key->kind != TREE_TEXT)
		return tree_refuse(tree, TRANSLATE_MALFORMED, "a map has an integer as key twice");
	return tree_refuse(tree, TRANSLATE_MALFORMED, "a map has the key '%.*s' twice",
			   key->len < SHOWN_MAX ? (int)key->len : SHOWN_MAX,
			   (const char *)key->bytes);
}

bool tree_check_keys(struct tree *tree, const struct tree_value *map)
{
	_cleanup_free_ const struct tree_value **keys = xcalloc(map->len, sizeof(*keys));
	size_t n = 0;

	for (const struct tree_value *key = map->first; key; key = key->next->next) {
		if (key->kind != TREE_TEXT && key->kind != TREE_UINT && key->kind != TREE_NEGATIVE)
			return tree_refuse(tree, TRANSLATE_LOSSY,
					   "a map has a key that is neither text nor an integer");
		keys[n++] = key;
	}
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < n; i++)
		if (compare_keys(&keys[i - 1], &keys[i]) == 0)
			return refuse_twice(tree, keys[i]);
	return true;
}

void tree_put(struct tree_output *out, const void *bytes, size_t len)
{
	out->is_full |= len > TRANSLATE_BODY_MAX - out->len;
	if (out->is_full || !len)
		return;
	if (out->len + len > out->size) {
		size_t size = out->size ? out->size : OUTPUT_MIN;

		while (size < out->len + len)
			size *= 2;
		out->bytes = xreallocarray(out->bytes, size, 1);
		out->size = size;
	}
	memcpy(out->bytes + out->len, bytes, len);
	out->len += len;
}

void tree_put_number(struct tree_output *out, uint8_t head, uint64_t number, size_t n_bytes)
{
	uint8_t bytes[1 + sizeof(number)] = {head};

	for (size_t i = 0; i < n_bytes; i++)
		bytes[1 + i] = (uint8_t)(number >> 8 * (n_bytes - 1 - i));
	tree_put(out, bytes, 1 + n_bytes);
}
