// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: cbor: RFC 8949, see tree.h
 *
 * Read in any encoding, also of indefinite length; written in preferred
 * serialization but for half floats.  Not libcbor's reader: version 0.8
 * allocates an array as long as a header of nine bytes claims it is.
 */
#include <math.h>
#include <string.h>

#include "daemon/translate/tree.h"

enum cbor_major {
	CBOR_UINT,
	CBOR_NEGATIVE,
	CBOR_BYTES,
	CBOR_TEXT,
	CBOR_ARRAY,
	CBOR_MAP,
	CBOR_TAG,
	CBOR_SIMPLE,
};

enum cbor_info {
	CBOR_INFO_1 = 24, /* the argument is in one byte, in two, ... */
	CBOR_INFO_2,
	CBOR_INFO_4,
	CBOR_INFO_8,
	CBOR_INFO_INDEFINITE = 31,
};

enum cbor_simple { CBOR_FALSE = 20, CBOR_TRUE, CBOR_NULL, CBOR_UNDEFINED };

#define CBOR_BREAK 0xff
#define SIMPLE_LONG_MIN 32 /* smaller ones have but one form, RFC 8949 3.3 */
#define HALF_EXPONENT_MAX 31
#define HALF_BIAS 25 /* with the ten bits of the mantissa taken as an integer */

/**
 * struct cbor_head - first bytes of an item
 * @argument: as RFC 8949, 3
 * @major: enum cbor_major
 * @info: lower five bits
 */
struct cbor_head {
	uint64_t argument;
	uint8_t major, info;
};

static struct tree_value *read_item(struct tree_input *in, size_t depth);

/* ---- reading ---- */

static bool refuse_short(struct tree_input *in)
{
	return tree_refuse(in->tree, TRANSLATE_MALFORMED,
			   "the body is not CBOR: it ends inside a value");
}

static bool read_head(struct tree_input *in, struct cbor_head *head)
{
	size_t n;

	if (in->next == in->end)
		return refuse_short(in);
	*head = (struct cbor_head){.major = *in->next >> 5, .info = *in->next & 0x1f};
	in->next++;
	head->argument = head->info;
	if (head->info < CBOR_INFO_1)
		return true;
	if (head->info == CBOR_INFO_INDEFINITE && head->major >= CBOR_BYTES &&
	    head->major != CBOR_TAG)
		return true;
	if (head->info > CBOR_INFO_8)
		return tree_refuse(in->tree, TRANSLATE_MALFORMED,
				   "the body is not CBOR: additional information %u is reserved",
				   head->info);
	n = (size_t)1 << (head->info - CBOR_INFO_1);
	if ((size_t)(in->end - in->next) < n)
		return refuse_short(in);
	head->argument = 0;
	while (n--)
		head->argument = head->argument << 8 | *in->next++;
	return true;
}

static bool take_break(struct tree_input *in)
{
	if (in->next == in->end || *in->next != CBOR_BREAK)
		return false;
	in->next++;
	return true;
}

/* Bytes of a string of definite length; NULL refused. */
static const uint8_t *read_run(struct tree_input *in, const struct cbor_head *head)
{
	const uint8_t *bytes = in->next;

	if (head->argument > (size_t)(in->end - in->next)) {
		refuse_short(in);
		return NULL;
	}
	in->next += head->argument;
	if (head->major == CBOR_TEXT && !tree_is_utf8(bytes, head->argument)) {
		tree_refuse(in->tree, TRANSLATE_MALFORMED, "a text is not UTF-8");
		return NULL;
	}
	return bytes;
}

/* Chunks of a string of indefinite length, which RFC 8949 3.2.3 wants of its own kind. */
static bool read_chunks(struct tree_input *in, uint8_t major, struct tree_value *value)
{
	struct tree_output whole = {0};
	const uint8_t *run = in->next;
	struct cbor_head head;

	while (run && !take_break(in)) {
		run = NULL;
		if (!read_head(in, &head))
			break;
		if (head.major != major || head.info == CBOR_INFO_INDEFINITE) {
			tree_refuse(in->tree, TRANSLATE_MALFORMED,
				    "the body is not CBOR: a string has a chunk that is none");
			break;
		}
		run = read_run(in, &head);
		if (run)
			tree_put(&whole, run, head.argument);
	}
	value->bytes = tree_copy(in->tree, whole.bytes, whole.len);
	value->len = (uint32_t)whole.len;
	free(whole.bytes);
	return run != NULL;
}

static bool read_string(struct tree_input *in, const struct cbor_head *head,
			struct tree_value *value)
{
	if (head->info == CBOR_INFO_INDEFINITE)
		return read_chunks(in, head->major, value);
	value->bytes = read_run(in, head);
	value->len = (uint32_t)head->argument;
	return value->bytes != NULL;
}

static bool read_children(struct tree_input *in, const struct cbor_head *head,
			  struct tree_value *value, size_t depth)
{
	struct tree_value **at = &value->first;
	bool is_map = value->kind == TREE_MAP, is_open = head->info == CBOR_INFO_INDEFINITE;

	if (depth >= TRANSLATE_DEPTH_MAX)
		return tree_refuse(in->tree, TRANSLATE_TOO_LARGE,
				   "arrays and maps are more than %d deep", TRANSLATE_DEPTH_MAX);
	for (uint64_t left = head->argument; is_open ? !take_break(in) : left > 0; left--) {
		for (int i = 0; i <= is_map; i++) {
			*at = read_item(in, depth + 1);
			if (!*at)
				return false;
			at = &(*at)->next;
		}
		value->len++;
	}
	return !is_map || tree_check_keys(in->tree, value);
}

static double half_to_double(uint16_t half)
{
	int exponent = half >> 10 & 0x1f, mantissa = half & 0x3ff;
	double value;

	if (exponent == 0)
		value = ldexp(mantissa, 1 - HALF_BIAS);
	else if (exponent < HALF_EXPONENT_MAX)
		value = ldexp(mantissa + 0x400, exponent - HALF_BIAS);
	else
		value = mantissa ? NAN : INFINITY;
	return half & 0x8000 ? -value : value;
}

static double read_float(const struct cbor_head *head)
{
	uint32_t bits = (uint32_t)head->argument;
	double real;
	float single;

	if (head->info == CBOR_INFO_2)
		return half_to_double((uint16_t)bits);
	memcpy(&single, &bits, sizeof(single));
	if (head->info == CBOR_INFO_4)
		return single;
	memcpy(&real, &head->argument, sizeof(real));
	return real;
}

static bool read_simple(struct tree_input *in, const struct cbor_head *head,
			struct tree_value *value)
{
	if (head->info == CBOR_INFO_INDEFINITE)
		return tree_refuse(in->tree, TRANSLATE_MALFORMED,
				   "the body is not CBOR: a break that ends nothing");
	if (head->info == CBOR_INFO_1 && head->argument < SIMPLE_LONG_MIN)
		return tree_refuse(in->tree, TRANSLATE_MALFORMED,
				   "the body is not CBOR: a simple value below 32 in two bytes");
	if (head->info >= CBOR_INFO_2) {
		value->kind = TREE_FLOAT;
		value->real = read_float(head);
	} else if (head->argument == CBOR_FALSE || head->argument == CBOR_TRUE) {
		value->kind = TREE_BOOL;
		value->is_true = head->argument == CBOR_TRUE;
	} else if (head->argument != CBOR_NULL) {
		return tree_refuse(in->tree, TRANSLATE_LOSSY,
				   "CBOR's simple value %u%s has no equal in other formats",
				   (unsigned int)head->argument,
				   head->argument == CBOR_UNDEFINED ? " (undefined)" : "");
	}
	return true;
}

static bool read_into(struct tree_input *in, const struct cbor_head *head, struct tree_value *value,
		      size_t depth)
{
	switch (head->major) {
	case CBOR_UINT:
	case CBOR_NEGATIVE:
		value->number = head->argument;
		return true;
	case CBOR_BYTES:
	case CBOR_TEXT:
		return read_string(in, head, value);
	case CBOR_ARRAY:
	case CBOR_MAP:
		return read_children(in, head, value, depth);
	case CBOR_TAG:
		return tree_refuse(in->tree, TRANSLATE_LOSSY,
				   "CBOR's tag %llu has no equal in other formats",
				   (unsigned long long)head->argument);
	default:
		return read_simple(in, head, value);
	}
}

static struct tree_value *read_item(struct tree_input *in, size_t depth)
{
	static const uint8_t kinds[] = {
		[CBOR_UINT] = TREE_UINT, [CBOR_NEGATIVE] = TREE_NEGATIVE, [CBOR_BYTES] = TREE_BYTES,
		[CBOR_TEXT] = TREE_TEXT, [CBOR_ARRAY] = TREE_ARRAY,	  [CBOR_MAP] = TREE_MAP,
		[CBOR_TAG] = TREE_NULL,	 [CBOR_SIMPLE] = TREE_NULL,
	};
	struct tree_value *value;
	struct cbor_head head;

	if (!read_head(in, &head))
		return NULL;
	value = tree_value(in->tree, kinds[head.major]);
	return value && read_into(in, &head, value, depth) ? value : NULL;
}

struct tree_value *cbor_read(struct tree *tree, const uint8_t *bytes, size_t len)
{
	struct tree_input in = {.tree = tree, .next = bytes, .end = bytes + len};
	struct tree_value *value = read_item(&in, 0);

	if (value && in.next != in.end) {
		tree_refuse(tree, TRANSLATE_MALFORMED, "the body is not CBOR: %zu bytes behind it",
			    (size_t)(in.end - in.next));
		return NULL;
	}
	return value;
}

/* ---- writing ---- */

static void put_head(struct tree_output *out, enum cbor_major major, uint64_t argument)
{
	uint8_t head = (uint8_t)(major << 5);

	if (argument < CBOR_INFO_1)
		tree_put_number(out, (uint8_t)(head | argument), 0, 0);
	else if (argument <= UINT8_MAX)
		tree_put_number(out, head | CBOR_INFO_1, argument, 1);
	else if (argument <= UINT16_MAX)
		tree_put_number(out, head | CBOR_INFO_2, argument, 2);
	else if (argument <= UINT32_MAX)
		tree_put_number(out, head | CBOR_INFO_4, argument, 4);
	else
		tree_put_number(out, head | CBOR_INFO_8, argument, 8);
}

static void put_float(struct tree_output *out, double real)
{
	float single = (float)real;
	uint64_t bits = 0;

	if (single == real || isnan(real)) {
		memcpy(&bits, &single, sizeof(single));
		bits = (uint32_t)bits;
		tree_put_number(out, CBOR_SIMPLE << 5 | CBOR_INFO_4, bits, 4);
		return;
	}
	memcpy(&bits, &real, sizeof(bits));
	tree_put_number(out, CBOR_SIMPLE << 5 | CBOR_INFO_8, bits, 8);
}

static bool put_children(struct tree *tree, const struct tree_value *value, struct tree_output *out)
{
	put_head(out, value->kind == TREE_MAP ? CBOR_MAP : CBOR_ARRAY, value->len);
	for (const struct tree_value *child = value->first; child; child = child->next)
		if (!cbor_write(tree, child, out))
			return false;
	return true;
}

bool cbor_write(struct tree *tree, const struct tree_value *value, struct tree_output *out)
{
	switch (value->kind) {
	case TREE_NULL:
		put_head(out, CBOR_SIMPLE, CBOR_NULL);
		break;
	case TREE_BOOL:
		put_head(out, CBOR_SIMPLE, value->is_true ? CBOR_TRUE : CBOR_FALSE);
		break;
	case TREE_UINT:
		put_head(out, CBOR_UINT, value->number);
		break;
	case TREE_NEGATIVE:
		put_head(out, CBOR_NEGATIVE, value->number);
		break;
	case TREE_FLOAT:
		put_float(out, value->real);
		break;
	case TREE_TEXT:
	case TREE_BYTES:
		put_head(out, value->kind == TREE_TEXT ? CBOR_TEXT : CBOR_BYTES, value->len);
		tree_put(out, value->bytes, value->len);
		break;
	default:
		return put_children(tree, value, out);
	}
	return true;
}
