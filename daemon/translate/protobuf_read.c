// SPDX-License-Identifier: GPL-2.0
/* DOC: protobuf_read: a message as proto3's JSON says it; see schema.h */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/translate/base64.h"
#include "daemon/translate/protobuf.h"

#define NUMBER_SIZE 24
#define REAL_SIZE 32
#define FLOAT_DIGITS_MIN 6
#define FLOAT_DIGITS_MAX 9

/**
 * struct slot - what came for one field
 * @value: NULL nothing
 * @last: of an array or a map; NULL it is empty
 */
struct slot {
	struct tree_value *value, *last;
};

static struct tree_value *read_message(struct tree *tree, const struct schema_message *message,
				       const uint8_t *bytes, size_t len, size_t depth);

uint8_t protobuf_wire_type(uint8_t type)
{
	switch (type) {
	case SCHEMA_DOUBLE:
	case SCHEMA_FIXED64:
	case SCHEMA_SFIXED64:
		return WIRE_64;
	case SCHEMA_FLOAT:
	case SCHEMA_FIXED32:
	case SCHEMA_SFIXED32:
		return WIRE_32;
	case SCHEMA_STRING:
	case SCHEMA_MESSAGE:
	case SCHEMA_BYTES:
		return WIRE_BYTES;
	default:
		return WIRE_VARINT;
	}
}

bool protobuf_check_message(struct tree *tree, const struct schema_message *message, size_t depth)
{
	if (depth > TRANSLATE_DEPTH_MAX)
		return tree_refuse(tree, TRANSLATE_TOO_LARGE, "messages are more than %d deep",
				   TRANSLATE_DEPTH_MAX);
	if (message->known == SCHEMA_NOT_TRANSLATED)
		return tree_refuse(tree, TRANSLATE_LOSSY, "%s is not translated", message->name);
	return message->is_proto3 ||
	       tree_refuse(tree, TRANSLATE_LOSSY, "%s is not of proto3, which alone is translated",
			   message->name);
}

/* ---- single values ---- */

static struct tree_value *text_value(struct tree *tree, const char *text)
{
	struct tree_value *value = tree_value(tree, TREE_TEXT);

	if (!value)
		return NULL;
	value->len = (uint32_t)strlen(text);
	value->bytes = tree_copy(tree, text, value->len);
	return value;
}

/* A number of 32 bits stays short: 0.1, not the 0.10000000149011612 that its 64 bits are. */
static double widen(float single)
{
	char text[REAL_SIZE];

	for (int digits = FLOAT_DIGITS_MIN; digits <= FLOAT_DIGITS_MAX; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, single);
		if (strtof(text, NULL) == single)
			break;
	}
	return strtod(text, NULL);
}

static struct tree_value *real_value(struct tree *tree, uint8_t type, uint64_t bits)
{
	struct tree_value *value;
	uint32_t low = (uint32_t)bits;
	float single;
	double real;

	memcpy(&single, &low, sizeof(single));
	memcpy(&real, &bits, sizeof(real));
	if (type == SCHEMA_FLOAT)
		real = isfinite(single) ? widen(single) : single;
	if (!isfinite(real))
		return text_value(tree, isnan(real) ? "NaN" : real < 0 ? "-Infinity" : "Infinity");
	value = tree_value(tree, TREE_FLOAT);
	if (value)
		value->real = real;
	return value;
}

static struct tree_value *enum_value(struct tree *tree, const struct schema_enum *enumeration,
				     int32_t number)
{
	struct tree_value *value;

	for (size_t i = 0; i < enumeration->n_values; i++)
		if (enumeration->values[i].number == number)
			return text_value(tree, enumeration->values[i].name);
	value = tree_value(tree, TREE_UINT);
	if (value)
		tree_integer(value, number);
	return value;
}

static struct tree_value *bool_value(struct tree *tree, bool is_true)
{
	struct tree_value *value = tree_value(tree, TREE_BOOL);

	if (value)
		value->is_true = is_true;
	return value;
}

static struct tree_value *integer_value(struct tree *tree, int64_t number)
{
	struct tree_value *value = tree_value(tree, TREE_UINT);

	if (value)
		tree_integer(value, number);
	return value;
}

static struct tree_value *long_value(struct tree *tree, bool is_signed, uint64_t number)
{
	char text[NUMBER_SIZE];

	if (is_signed)
		snprintf(text, sizeof(text), "%" PRId64, (int64_t)number);
	else
		snprintf(text, sizeof(text), "%" PRIu64, number);
	return text_value(tree, text);
}

static uint64_t unzigzag(uint64_t number)
{
	return number >> 1 ^ -(number & 1);
}

static struct tree_value *number_value(struct tree *tree, const struct schema_field *field,
				       uint64_t raw)
{
	switch (field->type) {
	case SCHEMA_DOUBLE:
	case SCHEMA_FLOAT:
		return real_value(tree, field->type, raw);
	case SCHEMA_BOOL:
		return bool_value(tree, raw);
	case SCHEMA_ENUM:
		return enum_value(tree, field->enumeration, (int32_t)raw);
	case SCHEMA_SINT32:
		return integer_value(tree, (int32_t)unzigzag((uint32_t)raw));
	case SCHEMA_UINT32:
	case SCHEMA_FIXED32:
		return integer_value(tree, (uint32_t)raw);
	case SCHEMA_INT32:
	case SCHEMA_SFIXED32:
		return integer_value(tree, (int32_t)raw);
	case SCHEMA_SINT64:
		return long_value(tree, true, unzigzag(raw));
	case SCHEMA_UINT64:
	case SCHEMA_FIXED64:
		return long_value(tree, false, raw);
	default:
		return long_value(tree, true, raw);
	}
}

static struct tree_value *string_value(struct tree *tree, const struct schema_field *field,
				       const struct wire_field *from)
{
	struct tree_value *value = tree_value(tree, TREE_TEXT);

	if (!value)
		return NULL;
	value->bytes = from->bytes;
	value->len = (uint32_t)from->len;
	if (field->type == SCHEMA_STRING) {
		if (tree_is_utf8(from->bytes, from->len))
			return value;
		tree_refuse(tree, TRANSLATE_MALFORMED, "%s is not UTF-8", field->json_name);
		return NULL;
	}
	value->len = (uint32_t)BASE64_SIZE(from->len);
	value->bytes = tree_room(tree, value->len);
	base64_encode(from->bytes, from->len, (char *)value->bytes);
	return value;
}

/* One value that is not repeated, or one of those that are; from nothing comes its default. */
static struct tree_value *single_value(struct tree *tree, const struct schema_field *field,
				       const struct wire_field *from, size_t depth)
{
	if (field->type == SCHEMA_MESSAGE)
		return read_message(tree, field->message, from->bytes, from->len, depth + 1);
	if (field->type == SCHEMA_STRING || field->type == SCHEMA_BYTES)
		return string_value(tree, field, from);
	return number_value(tree, field, from->value);
}

/* ---- many ---- */

static bool append(struct slot *slot, struct tree_value *value)
{
	if (!value)
		return false;
	if (slot->last)
		slot->last->next = value;
	else
		slot->value->first = value;
	slot->last = value;
	return true;
}

static bool append_packed(struct tree *tree, const struct schema_field *field,
			  const struct wire_field *from, struct slot *slot)
{
	struct tree_input in = {tree, from->bytes, from->bytes + from->len};
	uint8_t type = protobuf_wire_type(field->type);
	uint64_t raw;

	while (in.next < in.end) {
		if (type == WIRE_VARINT ? !wire_read_varint(&in, &raw)
					: !wire_read_fixed(&in, type == WIRE_64 ? 8 : 4, &raw))
			return false;
		if (!append(slot, number_value(tree, field, raw)))
			return false;
		slot->value->len++;
	}
	return true;
}

/* Keys of a map are texts in JSON. */
static struct tree_value *key_value(struct tree *tree, const struct schema_field *field,
				    const struct wire_field *from)
{
	struct tree_value *value = single_value(tree, field, from, 0);
	char text[NUMBER_SIZE];

	if (!value || value->kind == TREE_TEXT)
		return value;
	if (value->kind == TREE_BOOL)
		return text_value(tree, value->is_true ? "true" : "false");
	snprintf(text, sizeof(text), "%" PRId64,
		 value->kind == TREE_UINT ? (int64_t)value->number : -1 - (int64_t)value->number);
	return text_value(tree, text);
}

static bool append_pair(struct tree *tree, const struct schema_message *entry,
			const struct wire_field *from, struct slot *slot, size_t depth)
{
	struct tree_input in = {tree, from->bytes, from->bytes + from->len};
	struct wire_field parts[2] = {{.bytes = from->bytes}, {.bytes = from->bytes}}, part;

	while (in.next < in.end) {
		if (!wire_read_field(&in, &part))
			return false;
		if (part.number > 2 ||
		    part.type != protobuf_wire_type(entry->fields[part.number - 1].type))
			return tree_refuse(tree, TRANSLATE_LOSSY, "%s has an unknown field %u",
					   entry->name, part.number);
		parts[part.number - 1] = part;
	}
	slot->value->len++;
	return append(slot, key_value(tree, &entry->fields[0], &parts[0])) &&
	       append(slot, single_value(tree, &entry->fields[1], &parts[1], depth + 1));
}

static bool add_repeated(struct tree *tree, const struct schema_field *field,
			 const struct wire_field *from, struct slot *slot, size_t depth)
{
	bool is_map = field->message && field->message->is_map_entry;

	if (!slot->value)
		slot->value = tree_value(tree, is_map ? TREE_MAP : TREE_ARRAY);
	if (!slot->value)
		return false;
	if (is_map)
		return append_pair(tree, field->message, from, slot, depth);
	if (from->type == WIRE_BYTES && protobuf_wire_type(field->type) != WIRE_BYTES)
		return append_packed(tree, field, from, slot);
	slot->value->len++;
	return append(slot, single_value(tree, field, from, depth));
}

/* ---- messages ---- */

static bool is_of_type(const struct schema_field *field, const struct wire_field *from)
{
	return from->type == protobuf_wire_type(field->type) ||
	       (field->is_repeated && from->type == WIRE_BYTES);
}

/* Of the members of a oneof the last one counts. */
static void clear_others(const struct schema_message *message, const struct schema_field *field,
			 struct slot *slots)
{
	if (field->oneof < 0 || field->is_optional)
		return;
	for (size_t i = 0; i < message->n_fields; i++)
		if (message->fields[i].oneof == field->oneof && &message->fields[i] != field)
			slots[i] = (struct slot){0};
}

static bool add_field(struct tree *tree, const struct schema_message *message,
		      const struct wire_field *from, struct slot *slots, size_t depth)
{
	const struct schema_field *field = schema_field_by_number(message, from->number);
	struct slot *slot;

	if (!field || !is_of_type(field, from))
		return tree_refuse(tree, TRANSLATE_LOSSY, "%s has an unknown field %u",
				   message->name, from->number);
	slot = &slots[field - message->fields];
	if (field->is_repeated)
		return add_repeated(tree, field, from, slot, depth);
	if (slot->value && field->type == SCHEMA_MESSAGE)
		return tree_refuse(tree, TRANSLATE_LOSSY, "%s has %s in two parts", message->name,
				   field->name);
	clear_others(message, field, slots);
	slot->value = single_value(tree, field, from, depth);
	return slot->value != NULL;
}

static struct tree_value *map_of(struct tree *tree, const struct schema_message *message,
				 const struct slot *slots)
{
	struct tree_value *map = tree_value(tree, TREE_MAP), **at = map ? &map->first : NULL;

	for (size_t i = 0; map && i < message->n_fields; i++) {
		if (!slots[i].value)
			continue;
		*at = text_value(tree, message->fields[i].json_name);
		if (!*at)
			return NULL;
		(*at)->next = slots[i].value;
		at = &slots[i].value->next;
		map->len++;
	}
	return map;
}

static struct tree_value *time_of(struct tree *tree, const struct schema_message *message,
				  const struct protobuf_time *time)
{
	char text[PROTOBUF_TIME_SIZE];

	if (!protobuf_time_is_valid(message->known, time)) {
		tree_refuse(tree, TRANSLATE_LOSSY, "%s is out of range", message->name);
		return NULL;
	}
	protobuf_format_time(message->known, time, text);
	return text_value(tree, text);
}

/* Of Timestamp, Duration and wrappers the values of fields 1 and 2 are all there is. */
static struct tree_value *read_known(struct tree *tree, const struct schema_message *message,
				     const uint8_t *bytes, size_t len, size_t depth)
{
	struct tree_input in = {tree, bytes, bytes + len};
	struct wire_field parts[2] = {{.bytes = bytes}, {.bytes = bytes}}, part;
	struct protobuf_time time;

	while (in.next < in.end) {
		if (!wire_read_field(&in, &part))
			return NULL;
		if (part.number > message->n_fields ||
		    part.type != protobuf_wire_type(message->fields[part.number - 1].type)) {
			tree_refuse(tree, TRANSLATE_LOSSY, "%s has an unknown field %u",
				    message->name, part.number);
			return NULL;
		}
		parts[part.number - 1] = part;
	}
	if (message->known == SCHEMA_WRAPPER)
		return single_value(tree, &message->fields[0], &parts[0], depth);
	time = (struct protobuf_time){(int64_t)parts[0].value, (int32_t)parts[1].value};
	return time_of(tree, message, &time);
}

static struct tree_value *read_message(struct tree *tree, const struct schema_message *message,
				       const uint8_t *bytes, size_t len, size_t depth)
{
	struct tree_input in = {tree, bytes, bytes + len};
	_cleanup_free_ struct slot *slots = NULL;
	struct tree_value *map;
	struct wire_field field;

	if (!protobuf_check_message(tree, message, depth))
		return NULL;
	if (message->known != SCHEMA_ORDINARY)
		return read_known(tree, message, bytes, len, depth);
	slots = xnew_array(struct slot, message->n_fields);
	while (in.next < in.end)
		if (!wire_read_field(&in, &field) ||
		    !add_field(tree, message, &field, slots, depth))
			return NULL;
	for (size_t i = 0; i < message->n_fields; i++)
		if (slots[i].value && slots[i].value->kind == TREE_MAP &&
		    !tree_check_keys(tree, slots[i].value))
			return NULL;
	map = map_of(tree, message, slots);
	return map;
}

struct tree_value *protobuf_read(struct tree *tree, const struct schema_message *message,
				 const uint8_t *bytes, size_t len)
{
	return read_message(tree, message, bytes, len, 0);
}
