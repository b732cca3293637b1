/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: tree: a document between two formats
 *
 * Values are allocated in blocks and freed together.  Children are linked, as
 * CBOR need not say how many there are before they come.  Texts and byte strings are
 * borrowed from the document, or copied into it.
 */
#ifndef TRANSLATE_TREE_H
#define TRANSLATE_TREE_H

#include "daemon/lib/cleanup.h"
#include "daemon/translate/translate.h"

enum tree_kind {
	TREE_NULL,
	TREE_BOOL,
	TREE_UINT, /* @number */
	TREE_NEGATIVE, /* -1 - @number */
	TREE_FLOAT,
	TREE_TEXT,
	TREE_BYTES,
	TREE_ARRAY,
	TREE_MAP, /* children: key, value, key, value */
};

/**
 * struct tree_value - one value
 * @next: after it in its array or map
 * @first: child of an array or map
 * @bytes: of a text or byte string
 * @number: of an integer
 * @real: of a float
 * @is_true: of a boolean
 * @len: bytes of a text or byte string; children of an array; pairs of a map
 * @kind: enum tree_kind
 */
struct tree_value {
	struct tree_value *next;
	union {
		struct tree_value *first;
		const uint8_t *bytes;
		uint64_t number;
		double real;
		bool is_true;
	};
	uint32_t len;
	uint8_t kind;
};

struct tree_block;

/**
 * struct tree - values of one document; zero-initialise, then tree_free()
 * @blocks: newest first
 * @n_values: made so far
 * @refusal: filled by who refuses; borrowed
 */
struct tree {
	struct tree_block *blocks;
	size_t n_values;
	struct translate_refusal *refusal;
};

void tree_free(struct tree *tree);

/** tree_refuse() - Say why. Return: false. */
bool tree_refuse(struct tree *tree, enum translate_fault fault, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** tree_value() - A new one. Return: NULL too many, which is said. */
struct tree_value *tree_value(struct tree *tree, enum tree_kind kind);
/** tree_room() - Uninitialised bytes that live as long as the tree. */
uint8_t *tree_room(struct tree *tree, size_t len);
/** tree_copy() - A copy that lives as long as the tree. */
uint8_t *tree_copy(struct tree *tree, const void *bytes, size_t len);
/** tree_integer() - Make a value this number. */
void tree_integer(struct tree_value *value, int64_t number);
/** tree_is_utf8() - Is a text in form: shortest encodings, no surrogates, at most U+10FFFF? */
bool tree_is_utf8(const uint8_t *bytes, size_t len);
/** tree_check_keys() - Are the keys of a map texts or integers, none there twice? Else it is said. */
bool tree_check_keys(struct tree *tree, const struct tree_value *map);

/**
 * struct tree_input - bytes being read
 * @tree: grows
 * @next: first byte not read
 * @end: one past the last
 */
struct tree_input {
	struct tree *tree;
	const uint8_t *next, *end;
};

/**
 * struct tree_output - bytes being written; nothing more is once it is full
 * @bytes: heap
 * @len: of them written
 * @size: allocated
 * @is_full: TRANSLATE_BODY_MAX was not enough
 */
struct tree_output {
	uint8_t *bytes;
	size_t len, size;
	bool is_full;
};

void tree_put(struct tree_output *out, const void *bytes, size_t len);
/** tree_put_number() - Big endian, so many bytes of it. */
void tree_put_number(struct tree_output *out, uint8_t head, uint64_t number, size_t n_bytes);

/*
 * Readers: the value all of @bytes are; NULL refused.  Writers: false refused; that the output
 * is full is looked at by the caller.
 */
struct tree_value *json_read(struct tree *tree, const uint8_t *bytes, size_t len);
struct tree_value *cbor_read(struct tree *tree, const uint8_t *bytes, size_t len);
struct tree_value *msgpack_read(struct tree *tree, const uint8_t *bytes, size_t len);
bool json_write(struct tree *tree, const struct tree_value *value, struct tree_output *out);
bool cbor_write(struct tree *tree, const struct tree_value *value, struct tree_output *out);
bool msgpack_write(struct tree *tree, const struct tree_value *value, struct tree_output *out);

#endif
