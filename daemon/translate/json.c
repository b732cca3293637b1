// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: json: see tree.h
 *
 * Read by jansson: integers of 64 bits with sign, other numbers binary64 as
 * RFC 7493 has it, no key twice, nothing behind.  Written here, as jansson 2.14
 * writes 0.1 with 17 digits.
 */
#include <jansson.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "daemon/translate/tree.h"

#define DIGITS_MIN 15 /* any binary64 of fewer digits survives; none needs more than the next */
#define DIGITS_MAX 17
#define REAL_SIZE 32

/* ---- reading ---- */

/* jansson makes objects of all of it before we see any: count what they will be. */
static bool check_size(struct tree *tree, const uint8_t *bytes, size_t len)
{
	size_t depth = 0, n = 1;
	bool is_text = false;

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '"')
			is_text = !is_text;
		if (is_text) {
			i += bytes[i] == '\\';
			continue;
		}
		if (bytes[i] == '[' || bytes[i] == '{')
			depth++;
		else if ((bytes[i] == ']' || bytes[i] == '}') && depth)
			depth--;
		n += bytes[i] == ',' || bytes[i] == ':' || bytes[i] == '[' || bytes[i] == '{';
		if (depth > TRANSLATE_DEPTH_MAX)
			return tree_refuse(tree, TRANSLATE_TOO_LARGE,
					   "arrays and objects are more than %d deep",
					   TRANSLATE_DEPTH_MAX);
		if (n > TRANSLATE_VALUES_MAX)
			return tree_refuse(tree, TRANSLATE_TOO_LARGE,
					   "the body has more than %d values; send less at a time",
					   TRANSLATE_VALUES_MAX);
	}
	return true;
}

static struct tree_value *convert(struct tree *tree, json_t *json);

static bool add_text(struct tree *tree, struct tree_value ***at, const char *text, size_t len)
{
	struct tree_value *value = tree_value(tree, TREE_TEXT);

	if (!value)
		return false;
	value->bytes = tree_copy(tree, text, len);
	value->len = (uint32_t)len;
	**at = value;
	*at = &value->next;
	return true;
}

static bool add(struct tree *tree, struct tree_value ***at, json_t *json)
{
	struct tree_value *value = convert(tree, json);

	if (!value)
		return false;
	**at = value;
	*at = &value->next;
	return true;
}

static bool convert_children(struct tree *tree, struct tree_value *value, json_t *json)
{
	struct tree_value **at = &value->first;
	const char *key;
	json_t *child;
	size_t i;

	json_array_foreach(json, i, child) if (!add(tree, &at, child)) return false;
	json_object_foreach(json, key, child) if (!add_text(tree, &at, key, strlen(key)) ||
						  !add(tree, &at, child)) return false;
	value->len =
		(uint32_t)(json_is_array(json) ? json_array_size(json) : json_object_size(json));
	return true;
}

static struct tree_value *convert(struct tree *tree, json_t *json)
{
	static const uint8_t kinds[] = {
		[JSON_OBJECT] = TREE_MAP,   [JSON_ARRAY] = TREE_ARRAY, [JSON_STRING] = TREE_TEXT,
		[JSON_INTEGER] = TREE_UINT, [JSON_REAL] = TREE_FLOAT,  [JSON_TRUE] = TREE_BOOL,
		[JSON_FALSE] = TREE_BOOL,   [JSON_NULL] = TREE_NULL,
	};
	struct tree_value *value = tree_value(tree, kinds[json_typeof(json)]);

	if (!value)
		return NULL;
	switch (value->kind) {
	case TREE_MAP:
	case TREE_ARRAY:
		return convert_children(tree, value, json) ? value : NULL;
	case TREE_TEXT:
		value->len = (uint32_t)json_string_length(json);
		value->bytes = tree_copy(tree, json_string_value(json), value->len);
		break;
	case TREE_UINT:
		tree_integer(value, json_integer_value(json));
		break;
	case TREE_FLOAT:
		value->real = json_real_value(json);
		break;
	default:
		value->is_true = json_is_true(json);
	}
	return value;
}

static void refuse_json(struct tree *tree, json_error_t *error)
{
	bool is_number = json_error_code(error) == json_error_numeric_overflow;

	tree_refuse(tree, is_number ? TRANSLATE_LOSSY : TRANSLATE_MALFORMED,
		    "the body is not JSON that can be translated: line %d, column %d: %s",
		    error->line, error->column, error->text);
}

struct tree_value *json_read(struct tree *tree, const uint8_t *bytes, size_t len)
{
	struct tree_value *value;
	json_error_t error;
	json_t *json;

	if (!check_size(tree, bytes, len))
		return NULL;
	json = json_loadb((const char *)bytes, len,
			  JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (!json) {
		refuse_json(tree, &error);
		return NULL;
	}
	value = convert(tree, json);
	json_decref(json);
	return value;
}

/* ---- writing ---- */

static void put_escaped(struct tree_output *out, uint8_t c)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *at = c ? strchr(plain, c) : NULL;
	char text[8] = {'\\'};

	if (at)
		text[1] = letters[at - plain];
	else
		snprintf(text, sizeof(text), "\\u%04x", c);
	tree_put(out, text, strlen(text));
}

static void put_text(struct tree_output *out, const uint8_t *bytes, size_t len)
{
	size_t begun = 0;

	tree_put(out, "\"", 1);
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] >= ' ' && bytes[i] != '"' && bytes[i] != '\\')
			continue;
		tree_put(out, bytes + begun, i - begun);
		put_escaped(out, bytes[i]);
		begun = i + 1;
	}
	tree_put(out, bytes + begun, len - begun);
	tree_put(out, "\"", 1);
}

/* Digits that are read as the same number; with a mark that it is no integer. */
static bool put_real(struct tree *tree, double real, struct tree_output *out)
{
	char text[REAL_SIZE];

	if (!isfinite(real))
		return tree_refuse(tree, TRANSLATE_LOSSY, "JSON has no number for %s",
				   isnan(real) ? "NaN" : "infinity");
	for (int digits = DIGITS_MIN; digits <= DIGITS_MAX; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	tree_put(out, text, strlen(text));
	if (!strpbrk(text, ".e"))
		tree_put(out, ".0", 2);
	return true;
}

static bool put_integer(struct tree *tree, const struct tree_value *value, struct tree_output *out)
{
	char text[REAL_SIZE];

	if (value->number > INT64_MAX)
		return tree_refuse(
			tree, TRANSLATE_LOSSY,
			"an integer of more than 63 bits is no number that JSON's readers "
			"agree on; send it as text");
	snprintf(text, sizeof(text), "%" PRId64,
		 value->kind == TREE_UINT ? (int64_t)value->number : -1 - (int64_t)value->number);
	tree_put(out, text, strlen(text));
	return true;
}

static bool put_map(struct tree *tree, const struct tree_value *map, struct tree_output *out)
{
	tree_put(out, "{", 1);
	for (const struct tree_value *key = map->first; key; key = key->next->next) {
		if (key->kind != TREE_TEXT)
			return tree_refuse(tree, TRANSLATE_LOSSY,
					   "a map has an integer as key; JSON has only texts");
		if (memchr(key->bytes, '\0', key->len))
			return tree_refuse(
				tree, TRANSLATE_LOSSY,
				"a map has a key with a zero byte, which JSON's readers do "
				"not agree on");
		put_text(out, key->bytes, key->len);
		tree_put(out, ":", 1);
		if (!json_write(tree, key->next, out))
			return false;
		if (key->next->next)
			tree_put(out, ",", 1);
	}
	tree_put(out, "}", 1);
	return true;
}

static bool put_array(struct tree *tree, const struct tree_value *array, struct tree_output *out)
{
	tree_put(out, "[", 1);
	for (const struct tree_value *child = array->first; child; child = child->next) {
		if (!json_write(tree, child, out))
			return false;
		if (child->next)
			tree_put(out, ",", 1);
	}
	tree_put(out, "]", 1);
	return true;
}

bool json_write(struct tree *tree, const struct tree_value *value, struct tree_output *out)
{
	switch (value->kind) {
	case TREE_NULL:
		tree_put(out, "null", 4);
		return true;
	case TREE_BOOL:
		tree_put(out, value->is_true ? "true" : "false", value->is_true ? 4 : 5);
		return true;
	case TREE_UINT:
	case TREE_NEGATIVE:
		return put_integer(tree, value, out);
	case TREE_FLOAT:
		return put_real(tree, value->real, out);
	case TREE_TEXT:
		put_text(out, value->bytes, value->len);
		return true;
	case TREE_ARRAY:
		return put_array(tree, value, out);
	case TREE_MAP:
		return put_map(tree, value, out);
	default:
		return tree_refuse(tree, TRANSLATE_LOSSY,
				   "JSON has no byte strings; send it as text (base64, say)");
	}
}
