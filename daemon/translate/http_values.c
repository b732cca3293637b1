// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: http_values: see http_rule.h
 *
 * Values of a path and a query are put into the body as if it had had them: one
 * that the body has as well must be the same, as clients that send a resource
 * whole have its name in both.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/translate/http_rule.h"
#include "daemon/translate/protobuf.h"

#define SHOWN_MAX 48 /* of a name that was sent, in a sentence about it */
#define INTEGER_SIZE 24

/* ---- texts ---- */

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

long http_decode(const char *text, size_t len, enum http_decoding how, uint8_t *ret)
{
	long n = 0;

	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (text[i] != '%') {
			ret[n++] = how == HTTP_DECODE_QUERY && text[i] == '+' ? ' '
									      : (uint8_t)text[i];
			continue;
		}
		high = len - i > 2 ? hex_of(text[i + 1]) : -1;
		low = high < 0 ? -1 : hex_of(text[i + 2]);
		if (low < 0)
			return -1;
		if (how == HTTP_DECODE_BUT_SLASH && (high << 4 | low) == '/') {
			memcpy(ret + n, text + i, 3);
			n += 3;
		} else {
			ret[n++] = (uint8_t)(high << 4 | low);
		}
		i += 2;
	}
	return n;
}

/**
 * struct text - a name or value, decoded
 * @at: in the tree
 * @len: bytes
 */
struct text {
	const uint8_t *at;
	size_t len;
};

static bool decode(struct tree *tree, const char *from, size_t len, enum http_decoding how,
		   struct text *ret)
{
	uint8_t *room = tree_room(tree, len);
	long n = http_decode(from, len, how, room);

	if (n < 0)
		return tree_refuse(tree, TRANSLATE_MALFORMED,
				   "write %% and two hexadecimal digits in '%.*s'",
				   len < SHOWN_MAX ? (int)len : SHOWN_MAX, from);
	*ret = (struct text){room, (size_t)n};
	return tree_is_utf8(ret->at, ret->len) ||
	       tree_refuse(tree, TRANSLATE_MALFORMED, "'%.*s' is not UTF-8",
			   len < SHOWN_MAX ? (int)len : SHOWN_MAX, from);
}

/* ---- fields ---- */

static bool is_text(const struct schema_field *field)
{
	const struct schema_message *message = field->message;

	if (!message)
		return field->type != SCHEMA_GROUP;
	return message->known == SCHEMA_TIMESTAMP || message->known == SCHEMA_DURATION ||
	       message->known == SCHEMA_WRAPPER;
}

static const char *check_last(const struct schema_field *field, bool may_repeat)
{
	if (field->is_repeated && !may_repeat)
		return "is a list, which a path cannot have";
	if (field->message && field->message->is_map_entry)
		return "is a map, which only a body can have";
	return is_text(field) ? NULL : "is a message, which only a body can have";
}

const char *http_resolve_path(const struct schema_message *message, const char *name, size_t len,
			      bool may_repeat, struct http_field_path *ret)
{
	for (ret->n = 0;;) {
		const char *dot = len ? memchr(name, '.', len) : NULL;
		size_t n = dot ? (size_t)(dot - name) : len;
		const struct schema_field *field =
			schema_field_by_name(message, (const uint8_t *)name, n);

		if (!field)
			return "is no field";
		if (ret->n == HTTP_RULE_DEPTH_MAX)
			return "is more than 8 names deep";
		ret->fields[ret->n++] = field;
		if (!dot)
			return check_last(field, may_repeat);
		if (!field->message || field->is_repeated ||
		    field->message->known != SCHEMA_ORDINARY)
			return "is inside something that is no single message";
		message = field->message;
		name += n + 1;
		len -= n + 1;
	}
}

/* ---- values ---- */

static void become(struct tree_value *value, uint8_t kind)
{
	*value = (struct tree_value){.next = value->next, .kind = kind};
}

static bool take_bool(const struct text *text, struct tree_value *ret)
{
	bool is_true = text->len == 4 && memcmp(text->at, "true", 4) == 0;

	if (!is_true && (text->len != 5 || memcmp(text->at, "false", 5) != 0))
		return false;
	become(ret, TREE_BOOL);
	ret->is_true = is_true;
	return true;
}

/* By number; a name is none. */
static bool take_enum(const struct text *text, struct tree_value *ret)
{
	char digits[INTEGER_SIZE], *end;
	long number;

	if (!text->len || text->len >= sizeof(digits) ||
	    !(isdigit(text->at[0]) || (text->at[0] == '-' && text->len > 1)))
		return false;
	memcpy(digits, text->at, text->len);
	digits[text->len] = '\0';
	errno = 0;
	number = strtol(digits, &end, 10);
	if (errno || *end)
		return false;
	become(ret, TREE_UINT);
	tree_integer(ret, number);
	return true;
}

/* As JSON would have it; whether a text is a number is looked at where it is written. */
static bool take_value(struct tree *tree, const struct schema_field *field, const struct text *text,
		       struct tree_value *ret)
{
	if (field->message && field->message->known == SCHEMA_WRAPPER)
		field = &field->message->fields[0];
	if (field->type == SCHEMA_BOOL)
		return take_bool(text, ret) ||
		       tree_refuse(tree, TRANSLATE_MALFORMED, "%s: write true or false",
				   field->json_name);
	if (field->type == SCHEMA_ENUM && take_enum(text, ret))
		return true;
	become(ret, TREE_TEXT);
	ret->bytes = text->at;
	ret->len = (uint32_t)text->len;
	return true;
}

static bool is_same_text(const struct tree_value *a, const uint8_t *bytes, size_t len)
{
	return a->kind == TREE_TEXT && a->len == len && memcmp(a->bytes, bytes, len) == 0;
}

static bool is_same(const struct tree_value *body, const struct tree_value *said)
{
	char number[INTEGER_SIZE];

	if (said->kind == TREE_BOOL)
		return body->kind == TREE_BOOL && body->is_true == said->is_true;
	if (said->kind != TREE_TEXT)
		return body->kind == said->kind && body->number == said->number;
	if (body->kind != TREE_UINT && body->kind != TREE_NEGATIVE)
		return is_same_text(body, said->bytes, said->len);
	/* JSON may have as a number what a path has as text. */
	snprintf(number, sizeof(number), "%lld",
		 body->kind == TREE_UINT ? (long long)body->number : -1 - (long long)body->number);
	return is_same_text(said, (const uint8_t *)number, strlen(number));
}

/* The value of a field, null if there was none. */
static struct tree_value *member_of(struct tree *tree, const struct schema_message *message,
				    struct tree_value *map, const struct schema_field *field)
{
	struct tree_value *key, *value;

	for (key = map->first; key; key = key->next->next)
		if (schema_field_by_name(message, key->bytes, key->len) == field)
			return key->next;
	key = tree_value(tree, TREE_TEXT);
	value = key ? tree_value(tree, TREE_NULL) : NULL;
	if (!value)
		return NULL;
	key->bytes = (const uint8_t *)field->json_name;
	key->len = (uint32_t)strlen(field->json_name);
	key->next = value;
	value->next = map->first;
	map->first = key;
	map->len++;
	return value;
}

static bool add_to_list(struct tree *tree, const struct schema_field *field,
			const struct text *text, struct tree_value *list)
{
	struct tree_value *value = tree_value(tree, TREE_NULL), **at = &list->first;

	if (!value || !take_value(tree, field, text, value))
		return false;
	while (*at)
		at = &(*at)->next;
	*at = value;
	list->len++;
	return true;
}

static bool put_last(struct tree *tree, const struct schema_field *field, const struct text *text,
		     struct tree_value *value)
{
	struct tree_value said = {.kind = TREE_NULL};

	if (field->is_repeated) {
		if (value->kind == TREE_NULL)
			become(value, TREE_ARRAY);
		return add_to_list(tree, field, text, value);
	}
	if (value->kind == TREE_NULL)
		return take_value(tree, field, text, value);
	return take_value(tree, field, text, &said) &&
	       (is_same(value, &said) ||
		tree_refuse(tree, TRANSLATE_MALFORMED,
			    "%s is said twice, and not the same; write it once", field->json_name));
}

static bool put(struct tree *tree, const struct http_rule *rule, struct tree_value *map,
		const struct http_field_path *path, const struct text *text)
{
	const struct schema_message *message = rule->method.input;

	for (size_t i = 0; i < path->n; i++) {
		const struct schema_field *field = path->fields[i];
		struct tree_value *value = member_of(tree, message, map, field);

		if (!value)
			return false;
		if (i + 1 == path->n)
			return put_last(tree, field, text, value);
		if (value->kind == TREE_NULL)
			become(value, TREE_MAP);
		if (value->kind != TREE_MAP)
			return tree_refuse(tree, TRANSLATE_MALFORMED, "%s: write an object",
					   field->json_name);
		map = value;
		message = field->message;
	}
	return true;
}

/* ---- requests ---- */

static bool put_variables(struct tree *tree, const struct http_rule *rule, const char *path,
			  size_t len, struct tree_value *map)
{
	struct http_match match;
	struct text text;

	if (!http_rule_match(rule, path, len, &match))
		return tree_refuse(tree, TRANSLATE_MALFORMED, "the path is not one of %s",
				   rule->text);
	for (size_t i = 0; i < rule->n_variables; i++) {
		const struct http_variable *variable = &rule->variables[i];
		size_t first = variable->first, last = variable->end - 1;
		bool is_single = first == last && rule->segments[first].kind != HTTP_SEGMENT_REST;

		if (!decode(tree, path + match.from[first], match.to[last] - match.from[first],
			    is_single ? HTTP_DECODE_ALL : HTTP_DECODE_BUT_SLASH, &text) ||
		    !put(tree, rule, map, &variable->path, &text))
			return false;
	}
	return true;
}

static bool put_parameter(struct tree *tree, const struct http_rule *rule, const char *at,
			  size_t len, struct tree_value *map)
{
	const char *equals = len ? memchr(at, '=', len) : NULL;
	size_t name_len = equals ? (size_t)(equals - at) : len;
	struct http_field_path path;
	struct text name, value = {(const uint8_t *)"", 0};
	const char *why;

	if (!decode(tree, at, name_len, HTTP_DECODE_QUERY, &name) ||
	    (equals && !decode(tree, equals + 1, len - name_len - 1, HTTP_DECODE_QUERY, &value)))
		return false;
	why = rule->is_body_all
		      ? "is of the query, but the body is the message; write it into the JSON"
		      : http_resolve_path(rule->method.input, (const char *)name.at, name.len, true,
					  &path);
	if (!why && rule->body && path.fields[0] == rule->body)
		why = "is of the body; write it into the JSON";
	if (why)
		return tree_refuse(tree, TRANSLATE_MALFORMED, "parameter '%.*s' %s",
				   name.len < SHOWN_MAX ? (int)name.len : SHOWN_MAX,
				   (const char *)name.at, why);
	return put(tree, rule, map, &path, &value);
}

static bool put_query(struct tree *tree, const struct http_rule *rule, const char *path, size_t len,
		      struct tree_value *map)
{
	const char *at = len ? memchr(path, '?', len) : NULL, *end = path + len;
	size_t n = 0;

	for (at = at ? at + 1 : end; at < end;) {
		const char *and = memchr(at, '&', (size_t)(end - at));
		const char *to = and? and : end;

		if (to > at && ++n > HTTP_RULE_PARAMETERS_MAX)
			return tree_refuse(tree, TRANSLATE_MALFORMED,
					   "the query has more than %d parameters",
					   HTTP_RULE_PARAMETERS_MAX);
		if (to > at && !put_parameter(tree, rule, at, (size_t)(to - at), map))
			return false;
		at = and? and+1 : end;
	}
	return true;
}

static struct tree_value *read_body(struct tree *tree, const struct http_rule *rule,
				    const uint8_t *json, size_t len)
{
	struct tree_value *map = tree_value(tree, TREE_MAP), *body, *value;

	if (len && !http_rule_takes_body(rule)) {
		tree_refuse(tree, TRANSLATE_MALFORMED,
			    "%s %s takes no body; write fields into the query", rule->kind,
			    rule->text);
		return NULL;
	}
	if (!len || !map)
		return map;
	body = json_read(tree, json, len);
	if (!body)
		return NULL;
	if (rule->is_body_all) {
		if (body->kind == TREE_MAP)
			return body;
		tree_refuse(tree, TRANSLATE_MALFORMED, "%s: write an object",
			    rule->method.input->name);
		return NULL;
	}
	value = member_of(tree, rule->method.input, map, rule->body);
	if (!value)
		return NULL;
	body->next = value->next;
	*value = *body;
	return map;
}

struct tree_value *http_request_value(struct tree *tree, const struct http_rule *rule,
				      const char *path, size_t path_len, const uint8_t *json,
				      size_t json_len)
{
	struct tree_value *map = read_body(tree, rule, json, json_len);

	return map && put_variables(tree, rule, path, path_len, map) &&
			       put_query(tree, rule, path, path_len, map)
		       ? map
		       : NULL;
}

/* ---- answers ---- */

/* Of a field that is not set comes what it is then. */
static const struct tree_value *unset_value(struct tree *tree, const struct http_rule *rule)
{
	const struct schema_field *field = rule->response_body;
	struct tree_output out = {0};
	struct tree_value *value;

	if (field->is_repeated)
		return tree_value(tree, field->message && field->message->is_map_entry
						? TREE_MAP
						: TREE_ARRAY);
	if (field->message)
		return tree_value(tree, TREE_NULL);
	wire_put_tag(&out, field->number, protobuf_wire_type(field->type));
	if (protobuf_wire_type(field->type) == WIRE_VARINT ||
	    protobuf_wire_type(field->type) == WIRE_BYTES)
		wire_put_varint(&out, 0);
	else
		wire_put_fixed(&out, 0, protobuf_wire_type(field->type) == WIRE_64 ? 8 : 4);
	value = protobuf_read(tree, rule->method.output, tree_copy(tree, out.bytes, out.len),
			      out.len); /* an empty text is borrowed from there */
	free(out.bytes);
	return value ? value->first->next : NULL;
}

const struct tree_value *http_answer_value(struct tree *tree, const struct http_rule *rule,
					   const struct tree_value *value)
{
	const char *name = rule->response_body->json_name;

	for (const struct tree_value *key = value->first; key; key = key->next->next)
		if (is_same_text(key, (const uint8_t *)name, strlen(name)))
			return key->next;
	return unset_value(tree, rule);
}
