// SPDX-License-Identifier: GPL-2.0
/* DOC: protobuf_write: a message out of proto3's JSON; see schema.h */
#include <errno.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/translate/base64.h"
#include "daemon/translate/protobuf.h"

#define NUMBER_MAX 64 /* characters of a number that is a text */

static bool write_message(struct tree *tree, const struct schema_message *message,
			  const struct tree_value *value, struct tree_output *out, size_t depth);

static bool refuse(struct tree *tree, const struct schema_field *field, const char *wanted)
{
	return tree_refuse(tree, TRANSLATE_MALFORMED, "%s: write %s", field->json_name, wanted);
}

/* ---- numbers ---- */

/* A copy with an end. Return: false it is no number of ours. */
static bool take_text(const struct tree_value *value, char ret[NUMBER_MAX + 1])
{
	if (value->kind != TREE_TEXT || !value->len || value->len > NUMBER_MAX ||
	    !memchr("-0123456789", value->bytes[0], 11))
		return false;
	memcpy(ret, value->bytes, value->len);
	ret[value->len] = '\0';
	return strlen(ret) == value->len;
}

static bool parse_real(const struct tree_value *value, double *ret)
{
	static const struct {
		const char *text;
		double real;
	} names[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};
	char text[NUMBER_MAX + 1], *end;

	for (size_t i = 0; value->kind == TREE_TEXT && i < ARRAY_SIZE(names); i++)
		if (value->len == strlen(names[i].text) &&
		    memcmp(value->bytes, names[i].text, value->len) == 0) {
			*ret = names[i].real;
			return true;
		}
	if (value->kind == TREE_FLOAT)
		*ret = value->real;
	else if (value->kind == TREE_UINT)
		*ret = (double)value->number;
	else if (value->kind == TREE_NEGATIVE)
		*ret = -1 - (double)value->number;
	else if (!take_text(value, text) || strpbrk(text, "xX"))
		return false;
	else {
		*ret = strtod(text, &end);
		return !*end && isfinite(*ret);
	}
	return true;
}

/* @magnitude of an integer, and its sign; a float must be one. */
static bool parse_magnitude(const struct tree_value *value, bool *is_negative, uint64_t *magnitude)
{
	char text[NUMBER_MAX + 1], *end;
	double real;

	if (value->kind == TREE_UINT || value->kind == TREE_NEGATIVE) {
		*is_negative = value->kind == TREE_NEGATIVE;
		*magnitude = value->number + *is_negative;
		return value->number != UINT64_MAX || !*is_negative;
	}
	if (take_text(value, text) && !strpbrk(text, ".eExX")) {
		*is_negative = text[0] == '-';
		if (*is_negative && (text[1] < '0' || text[1] > '9'))
			return false;
		errno = 0;
		*magnitude = strtoull(text + *is_negative, &end, 10);
		return !*end && !errno;
	}
	if (!parse_real(value, &real) || real != trunc(real) || fabs(real) >= 0x1p64)
		return false;
	*is_negative = real < 0;
	*magnitude = (uint64_t)fabs(real);
	return true;
}

/* Two's complement of 64 bits, within what @bits hold. */
static bool parse_integer(const struct tree_value *value, bool is_signed, unsigned int bits,
			  uint64_t *ret)
{
	uint64_t max = UINT64_MAX >> (64 - bits + is_signed), magnitude;
	bool is_negative;

	if (!parse_magnitude(value, &is_negative, &magnitude))
		return false;
	*ret = is_negative ? -magnitude : magnitude;
	if (!is_negative || !magnitude)
		return magnitude <= max;
	return is_signed && magnitude <= max + 1;
}

static uint64_t zigzag(uint64_t number)
{
	return number << 1 ^ -(number >> 63);
}

static bool parse_enum(const struct schema_enum *enumeration, const struct tree_value *value,
		       uint64_t *ret)
{
	if (value->kind != TREE_TEXT)
		return parse_integer(value, true, 32, ret);
	for (size_t i = 0; i < enumeration->n_values; i++) {
		const struct schema_value *known = &enumeration->values[i];

		if (strlen(known->name) != value->len ||
		    memcmp(known->name, value->bytes, value->len) != 0)
			continue;
		*ret = (uint64_t)(int64_t)known->number;
		return true;
	}
	return false;
}

static bool parse_float(uint8_t type, const struct tree_value *value, uint64_t *ret)
{
	uint32_t low;
	double real;
	float single;

	if (!parse_real(value, &real) ||
	    (type == SCHEMA_FLOAT && isfinite(real) && fabs(real) > (double)FLT_MAX))
		return false;
	if (type == SCHEMA_DOUBLE) {
		memcpy(ret, &real, sizeof(real));
		return true;
	}
	single = (float)real;
	memcpy(&low, &single, sizeof(low));
	*ret = low;
	return true;
}

/* A number as it is on the wire. */
static bool parse_number(struct tree *tree, const struct schema_field *field,
			 const struct tree_value *value, uint64_t *ret)
{
	bool is_good;

	switch (field->type) {
	case SCHEMA_DOUBLE:
	case SCHEMA_FLOAT:
		return parse_float(field->type, value, ret) || refuse(tree, field, "a number");
	case SCHEMA_BOOL:
		if (value->kind != TREE_BOOL)
			return refuse(tree, field, "true or false");
		*ret = value->is_true;
		return true;
	case SCHEMA_ENUM:
		return parse_enum(field->enumeration, value, ret) ||
		       refuse(tree, field, "a name or number of its enum");
	case SCHEMA_UINT32:
	case SCHEMA_FIXED32:
		return parse_integer(value, false, 32, ret) ||
		       refuse(tree, field, "an integer from 0 to 2^32 - 1");
	case SCHEMA_UINT64:
	case SCHEMA_FIXED64:
		return parse_integer(value, false, 64, ret) ||
		       refuse(tree, field, "an integer from 0 to 2^64 - 1, as text");
	case SCHEMA_INT32:
	case SCHEMA_SFIXED32:
	case SCHEMA_SINT32:
		is_good = parse_integer(value, true, 32, ret);
		if (is_good && field->type == SCHEMA_SINT32)
			*ret = zigzag(*ret);
		return is_good || refuse(tree, field, "an integer from -2^31 to 2^31 - 1");
	default:
		is_good = parse_integer(value, true, 64, ret);
		if (is_good && field->type == SCHEMA_SINT64)
			*ret = zigzag(*ret);
		return is_good || refuse(tree, field, "an integer from -2^63 to 2^63 - 1, as text");
	}
}

static void put_number(struct tree_output *out, uint8_t type, uint64_t raw)
{
	switch (protobuf_wire_type(type)) {
	case WIRE_VARINT:
		wire_put_varint(out, raw);
		break;
	case WIRE_64:
		wire_put_fixed(out, raw, 8);
		break;
	default:
		wire_put_fixed(out, raw, 4);
	}
}

/* ---- strings and messages ---- */

static void put_bytes(struct tree_output *out, uint32_t number, const uint8_t *bytes, size_t len)
{
	wire_put_tag(out, number, WIRE_BYTES);
	wire_put_varint(out, len);
	tree_put(out, bytes, len);
}

/* What was written apart, as its length goes in front. */
static void put_part(struct tree_output *out, uint32_t number, struct tree_output *part)
{
	put_bytes(out, number, part->bytes, part->len);
	out->is_full |= part->is_full;
	free(part->bytes);
}

static bool write_string(struct tree *tree, const struct schema_field *field,
			 const struct tree_value *value, struct tree_output *out)
{
	uint8_t *bytes;
	size_t len;

	if (value->kind != TREE_TEXT)
		return refuse(tree, field, "a text");
	if (field->type == SCHEMA_STRING) {
		put_bytes(out, field->number, value->bytes, value->len);
		return true;
	}
	bytes = tree_room(tree, value->len);
	if (!base64_decode(value->bytes, value->len, bytes, &len))
		return refuse(tree, field, "bytes in base64");
	put_bytes(out, field->number, bytes, len);
	return true;
}

static bool write_single(struct tree *tree, const struct schema_field *field,
			 const struct tree_value *value, struct tree_output *out, size_t depth)
{
	struct tree_output part = {0};
	uint64_t raw;
	bool is_good;

	if (field->type == SCHEMA_STRING || field->type == SCHEMA_BYTES)
		return write_string(tree, field, value, out);
	if (field->type == SCHEMA_MESSAGE) {
		is_good = write_message(tree, field->message, value, &part, depth + 1);
		put_part(out, field->number, &part);
		return is_good;
	}
	if (!parse_number(tree, field, value, &raw))
		return false;
	wire_put_tag(out, field->number, protobuf_wire_type(field->type));
	put_number(out, field->type, raw);
	return true;
}

/* ---- many ---- */

static bool write_packed(struct tree *tree, const struct schema_field *field,
			 const struct tree_value *array, struct tree_output *out)
{
	struct tree_output part = {0};
	uint64_t raw;

	for (const struct tree_value *child = array->first; child; child = child->next) {
		if (!parse_number(tree, field, child, &raw)) {
			free(part.bytes);
			return false;
		}
		put_number(&part, field->type, raw);
	}
	if (array->first)
		put_part(out, field->number, &part);
	return true;
}

/* A key that JSON has as text. */
static bool write_key(struct tree *tree, const struct schema_field *field,
		      const struct tree_value *key, struct tree_output *out)
{
	struct tree_value value = *key;

	if (field->type == SCHEMA_BOOL) {
		bool is_true = key->len == 4 && memcmp(key->bytes, "true", 4) == 0;

		if (!is_true && (key->len != 5 || memcmp(key->bytes, "false", 5) != 0))
			return refuse(tree, field, "\"true\" or \"false\"");
		value = (struct tree_value){.kind = TREE_BOOL, .is_true = is_true};
	}
	return write_single(tree, field, &value, out, 0);
}

static bool write_map(struct tree *tree, const struct schema_field *field,
		      const struct tree_value *map, struct tree_output *out, size_t depth)
{
	const struct schema_message *entry = field->message;

	if (map->kind != TREE_MAP)
		return refuse(tree, field, "an object");
	for (const struct tree_value *key = map->first; key; key = key->next->next) {
		struct tree_output part = {0};
		bool is_good = (key->next->kind != TREE_NULL ||
				refuse(tree, field, "values that are not null")) &&
			       write_key(tree, &entry->fields[0], key, &part) &&
			       write_single(tree, &entry->fields[1], key->next, &part, depth + 1);

		put_part(out, field->number, &part);
		if (!is_good)
			return false;
	}
	return true;
}

static bool write_repeated(struct tree *tree, const struct schema_field *field,
			   const struct tree_value *array, struct tree_output *out, size_t depth)
{
	if (field->message && field->message->is_map_entry)
		return write_map(tree, field, array, out, depth);
	if (array->kind != TREE_ARRAY)
		return refuse(tree, field, "an array");
	if (protobuf_wire_type(field->type) != WIRE_BYTES && !field->is_unpacked)
		return write_packed(tree, field, array, out);
	for (const struct tree_value *child = array->first; child; child = child->next) {
		if (child->kind == TREE_NULL)
			return refuse(tree, field, "values that are not null");
		if (!write_single(tree, field, child, out, depth))
			return false;
	}
	return true;
}

/* ---- messages ---- */

static bool write_known(struct tree *tree, const struct schema_message *message,
			const struct tree_value *value, struct tree_output *out, size_t depth)
{
	bool is_timestamp = message->known == SCHEMA_TIMESTAMP;
	struct protobuf_time time;

	if (message->known == SCHEMA_WRAPPER)
		return write_single(tree, &message->fields[0], value, out, depth);
	if (value->kind != TREE_TEXT ||
	    !protobuf_parse_time(message->known, value->bytes, value->len, &time))
		return tree_refuse(tree, TRANSLATE_MALFORMED, "%s: write a text like \"%s\"",
				   message->name, is_timestamp ? "2026-01-31T12:00:00Z" : "1.5s");
	wire_put_tag(out, 1, WIRE_VARINT);
	wire_put_varint(out, (uint64_t)time.seconds);
	wire_put_tag(out, 2, WIRE_VARINT);
	wire_put_varint(out, (uint64_t)(int64_t)time.nanos);
	return true;
}

/* Under both of its names, or with another of its oneof. */
static bool is_said_before(const struct schema_message *message, const struct schema_field *field,
			   const bool *seen)
{
	for (size_t i = 0; i < message->n_fields; i++)
		if (seen[i] &&
		    (&message->fields[i] == field || (field->oneof >= 0 && !field->is_optional &&
						      message->fields[i].oneof == field->oneof)))
			return true;
	return false;
}

static bool write_member(struct tree *tree, const struct schema_message *message,
			 const struct tree_value *key, bool *seen, struct tree_output *out,
			 size_t depth)
{
	const struct tree_value *value = key->next;
	const struct schema_field *field = schema_field_by_name(message, key->bytes, key->len);

	if (!field)
		return tree_refuse(tree, TRANSLATE_LOSSY, "%s has no field '%.*s'", message->name,
				   key->len < 32 ? (int)key->len : 32, (const char *)key->bytes);
	if (value->kind == TREE_NULL)
		return true;
	if (is_said_before(message, field, seen))
		return tree_refuse(tree, TRANSLATE_MALFORMED,
				   "%s has '%s' twice, or with another of its oneof", message->name,
				   field->json_name);
	seen[field - message->fields] = true;
	return field->is_repeated ? write_repeated(tree, field, value, out, depth)
				  : write_single(tree, field, value, out, depth);
}

static bool write_message(struct tree *tree, const struct schema_message *message,
			  const struct tree_value *value, struct tree_output *out, size_t depth)
{
	_cleanup_free_ bool *seen = NULL;

	if (!protobuf_check_message(tree, message, depth))
		return false;
	if (message->known != SCHEMA_ORDINARY)
		return write_known(tree, message, value, out, depth);
	if (value->kind != TREE_MAP)
		return tree_refuse(tree, TRANSLATE_MALFORMED, "%s: write an object", message->name);
	seen = xnew_array(bool, message->n_fields);
	for (const struct tree_value *key = value->first; key; key = key->next->next)
		if (!write_member(tree, message, key, seen, out, depth))
			return false;
	return true;
}

bool protobuf_write(struct tree *tree, const struct schema_message *message,
		    const struct tree_value *value, struct tree_output *out)
{
	return write_message(tree, message, value, out, 0);
}
