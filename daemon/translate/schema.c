// SPDX-License-Identifier: GPL-2.0
/* DOC: schema: see schema.h; field numbers are those of google/protobuf/descriptor.proto */
#include "daemon/translate/schema.h"

#include <ctype.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/translate/http_rule.h"
#include "daemon/translate/wire.h"

enum file_field { SET_FILE = 1, FILE_PACKAGE = 2, FILE_MESSAGE = 4, FILE_ENUM, FILE_SERVICE };
enum message_field { MESSAGE_FIELD = 2, MESSAGE_NESTED, MESSAGE_ENUM, MESSAGE_OPTIONS = 7 };
enum field_field {
	FIELD_NUMBER = 3,
	FIELD_LABEL,
	FIELD_TYPE,
	FIELD_TYPE_NAME,
	FIELD_OPTIONS = 8,
	FIELD_ONEOF,
	FIELD_JSON_NAME,
	FIELD_PROTO3_OPTIONAL = 17,
};
enum method_field {
	METHOD_INPUT = 2,
	METHOD_OUTPUT,
	METHOD_OPTIONS,
	METHOD_CLIENT_STREAMS,
	METHOD_SERVER_STREAMS
};

#define NAME 1 /* of anything */
#define FILE_SYNTAX 12
#define OPTION_PACKED 2
#define OPTION_MAP_ENTRY 7
#define ENUM_VALUE 2
#define ENUM_NUMBER 2
#define SERVICE_METHOD 2
#define LABEL_REPEATED 3
#define PACKAGE "google.protobuf."

/**
 * struct scope - where a definition is
 * @schema: grows
 * @prefix: of names: "package." or "package.Outer."
 * @is_proto3: the file is
 * @depth: messages around it
 */
struct scope {
	struct schema *schema;
	const char *prefix;
	bool is_proto3;
	size_t depth;
};

static bool refuse(struct schema *schema, const char *why)
{
	return tree_refuse(&schema->arena, TRANSLATE_MALFORMED, "the descriptor set %s", why);
}

static const char *keep(struct schema *schema, const char *text)
{
	return (const char *)tree_copy(&schema->arena, text, strlen(text) + 1);
}

/* A name with what it is in; NULL it is too long, which is said. */
static const char *join(struct schema *schema, const char *prefix, const struct wire_field *name,
			const char *behind)
{
	char text[SCHEMA_NAME_MAX + 1];
	int n = snprintf(text, sizeof(text), "%s%.*s%s", prefix, (int)name->len,
			 (const char *)name->bytes, behind);

	if (name->len <= SCHEMA_NAME_MAX && n >= 0 && n < (int)sizeof(text))
		return keep(schema, text);
	refuse(schema, "has a name that is too long");
	return NULL;
}

static struct tree_input input_of(struct schema *schema, const struct wire_field *field)
{
	return (struct tree_input){&schema->arena, field->bytes, field->bytes + field->len};
}

/* The last field of a number, as protobuf has it; without it a zero one. */
static bool find(struct schema *schema, const struct wire_field *in, uint32_t number,
		 struct wire_field *ret)
{
	struct tree_input input = input_of(schema, in);
	struct wire_field field;

	*ret = (struct wire_field){.bytes = (const uint8_t *)""};
	while (input.next < input.end) {
		if (!wire_read_field(&input, &field))
			return false;
		if (field.number == number)
			*ret = field;
	}
	if (!ret->bytes)
		ret->bytes = (const uint8_t *)"";
	return true;
}

static bool find_name(struct schema *schema, const struct wire_field *in, const char *prefix,
		      const char *behind, const char **ret)
{
	struct wire_field name;

	*ret = find(schema, in, NAME, &name) ? join(schema, prefix, &name, behind) : NULL;
	return *ret != NULL;
}

void *schema_grow(struct schema *schema, void *array, size_t n, size_t max, size_t size)
{
	if (n >= max) {
		refuse(schema, "has more messages, fields, enums, methods or HTTP paths than we "
			       "take");
		return NULL;
	}
	if (n & (n - 1)) /* doubled at each power of two */
		return array;
	return xreallocarray(array, n ? 2 * n : 1, size);
}

/* One more zeroed element; NULL as above. */
#define ADD(schema, array, n, max)                                                               \
	({                                                                                       \
		__typeof__(array) grown_ = schema_grow(schema, array, n, max, sizeof(*(array))); \
		if (grown_) {                                                                    \
			(array) = grown_;                                                        \
			grown_ += (n)++;                                                         \
			memset(grown_, 0, sizeof(*grown_));                                      \
		}                                                                                \
		grown_;                                                                          \
	})

/* ---- enums ---- */

static bool add_value(struct scope *scope, struct schema_enum *to, const struct wire_field *in)
{
	struct schema_value *value =
		ADD(scope->schema, to->values, to->n_values, SCHEMA_VALUES_MAX);
	struct wire_field number;

	if (!value || !find_name(scope->schema, in, "", "", &value->name) ||
	    !find(scope->schema, in, ENUM_NUMBER, &number))
		return false;
	value->number = (int32_t)number.value;
	return true;
}

static bool add_enum(struct scope *scope, const struct wire_field *in)
{
	struct schema *schema = scope->schema;
	struct schema_enum *added = ADD(schema, schema->enums, schema->n_enums, SCHEMA_ENUMS_MAX);
	struct tree_input input = input_of(schema, in);
	struct wire_field field;

	if (!added || !find_name(schema, in, scope->prefix, "", &added->name))
		return false;
	while (input.next < input.end)
		if (!wire_read_field(&input, &field) ||
		    (field.number == ENUM_VALUE && field.type == WIRE_BYTES &&
		     !add_value(scope, added, &field)))
			return false;
	return true;
}

/* ---- messages ---- */

/* As protoc derives it: letters after '_' are capitals. */
static void derive_json_name(const char *name, char *ret)
{
	bool is_upper = false;

	for (; *name; name++) {
		if (*name != '_')
			*ret++ = (char)(is_upper ? toupper((unsigned char)*name) : *name);
		is_upper = *name == '_';
	}
	*ret = '\0';
}

static bool read_json_name(struct schema *schema, struct schema_field *field,
			   const struct wire_field *given)
{
	char derived[SCHEMA_NAME_MAX + 1];

	if (given->len) {
		field->json_name = join(schema, "", given, "");
		return field->json_name != NULL;
	}
	derive_json_name(field->name, derived);
	field->json_name = keep(schema, derived);
	return true;
}

static bool read_type_name(struct schema *schema, struct schema_field *field,
			   struct wire_field *name)
{
	if (name->len && *name->bytes == '.') {
		name->bytes++;
		name->len--;
	}
	field->type_name = join(schema, "", name, "");
	return field->type_name != NULL;
}

static bool take_field_part(struct schema *schema, struct schema_field *field,
			    struct wire_field *part, struct wire_field *json_name)
{
	struct wire_field packed;

	switch (part->number) {
	case FIELD_NUMBER:
		field->number = (uint32_t)part->value;
		return true;
	case FIELD_LABEL:
		field->is_repeated = part->value == LABEL_REPEATED;
		return true;
	case FIELD_TYPE:
		field->type = part->value < __SCHEMA_TYPE_END ? (uint8_t)part->value : 0;
		return true;
	case FIELD_TYPE_NAME:
		return read_type_name(schema, field, part);
	case FIELD_ONEOF:
		field->oneof = (int32_t)part->value;
		return true;
	case FIELD_JSON_NAME:
		*json_name = *part;
		return true;
	case FIELD_PROTO3_OPTIONAL:
		field->is_optional = part->value;
		return true;
	case FIELD_OPTIONS:
		if (!find(schema, part, OPTION_PACKED, &packed))
			return false;
		field->is_unpacked = packed.number && !packed.value;
		return true;
	default:
		return true;
	}
}

static bool add_field(struct scope *scope, struct schema_message *to, const struct wire_field *in)
{
	struct schema *schema = scope->schema;
	struct schema_field *field = ADD(schema, to->fields, to->n_fields, SCHEMA_FIELDS_MAX);
	struct wire_field part, json_name = {0};
	struct tree_input input = input_of(schema, in);

	if (!field || !find_name(schema, in, "", "", &field->name))
		return false;
	field->oneof = -1;
	field->type_name = "";
	while (input.next < input.end) {
		if (!wire_read_field(&input, &part))
			return false;
		if (!part.bytes)
			part.bytes = (const uint8_t *)"";
		if (!take_field_part(schema, field, &part, &json_name))
			return false;
	}
	if (!field->number || !field->type)
		return refuse(schema, "has a field without a number or type");
	return read_json_name(schema, field, &json_name);
}

static uint8_t known_of(const char *name)
{
	static const struct {
		const char *name;
		uint8_t known;
	} names[] = {
		{"Timestamp", SCHEMA_TIMESTAMP},      {"Duration", SCHEMA_DURATION},
		{"DoubleValue", SCHEMA_WRAPPER},      {"FloatValue", SCHEMA_WRAPPER},
		{"Int64Value", SCHEMA_WRAPPER},	      {"UInt64Value", SCHEMA_WRAPPER},
		{"Int32Value", SCHEMA_WRAPPER},	      {"UInt32Value", SCHEMA_WRAPPER},
		{"BoolValue", SCHEMA_WRAPPER},	      {"StringValue", SCHEMA_WRAPPER},
		{"BytesValue", SCHEMA_WRAPPER},	      {"Any", SCHEMA_NOT_TRANSLATED},
		{"FieldMask", SCHEMA_NOT_TRANSLATED}, {"Struct", SCHEMA_NOT_TRANSLATED},
		{"Value", SCHEMA_NOT_TRANSLATED},     {"ListValue", SCHEMA_NOT_TRANSLATED},
	};

	if (strncmp(name, PACKAGE, strlen(PACKAGE)) != 0)
		return SCHEMA_ORDINARY;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name + strlen(PACKAGE), names[i].name) == 0)
			return names[i].known;
	return SCHEMA_ORDINARY;
}

static int compare_fields(const void *a, const void *b)
{
	const struct schema_field *one = a, *two = b;

	return (one->number > two->number) - (one->number < two->number);
}

static bool add_message(struct scope *scope, const struct wire_field *in);

/* Fields and options; what is inside it comes later, as it may move the array we are in. */
static bool read_fields(struct scope *scope, struct schema_message *to, const struct wire_field *in)
{
	struct tree_input input = input_of(scope->schema, in);
	struct wire_field field, option;

	while (input.next < input.end) {
		if (!wire_read_field(&input, &field))
			return false;
		if (field.type != WIRE_BYTES)
			continue;
		if (field.number == MESSAGE_FIELD && !add_field(scope, to, &field))
			return false;
		if (field.number == MESSAGE_OPTIONS) {
			if (!find(scope->schema, &field, OPTION_MAP_ENTRY, &option))
				return false;
			to->is_map_entry = option.value;
		}
	}
	if (to->n_fields)
		qsort(to->fields, to->n_fields, sizeof(*to->fields), compare_fields);
	for (size_t i = 1; i < to->n_fields; i++)
		if (to->fields[i - 1].number == to->fields[i].number)
			return refuse(scope->schema, "has two fields of one number");
	return true;
}

/* Messages and enums in a file or in a message: which numbers they have there. */
static bool add_types(struct scope *scope, const struct wire_field *in, uint32_t message,
		      uint32_t enumeration)
{
	struct tree_input input = input_of(scope->schema, in);
	struct wire_field field;

	while (input.next < input.end) {
		if (!wire_read_field(&input, &field))
			return false;
		if (field.type != WIRE_BYTES)
			continue;
		if ((field.number == message && !add_message(scope, &field)) ||
		    (field.number == enumeration && !add_enum(scope, &field)))
			return false;
	}
	return true;
}

static bool add_message(struct scope *scope, const struct wire_field *in)
{
	struct schema *schema = scope->schema;
	struct schema_message *added =
		ADD(schema, schema->messages, schema->n_messages, SCHEMA_MESSAGES_MAX);
	struct scope inner = *scope;

	if (!added || !find_name(schema, in, scope->prefix, "", &added->name))
		return false;
	added->is_proto3 = scope->is_proto3;
	added->known = known_of(added->name);
	if (!read_fields(scope, added, in))
		return false;
	if (inner.depth++ >= SCHEMA_NESTED_MAX)
		return refuse(schema, "has messages too deep inside one another");
	return find_name(schema, in, scope->prefix, ".", &inner.prefix) &&
	       add_types(&inner, in, MESSAGE_NESTED, MESSAGE_ENUM);
}

/* ---- services ---- */

static bool add_method(struct scope *scope, const struct wire_field *in)
{
	struct schema *schema = scope->schema;
	struct schema_method *added =
		ADD(schema, schema->methods, schema->n_methods, SCHEMA_METHODS_MAX);
	struct wire_field input, output, options, client, server;
	struct schema_field name = {0};

	if (!added || !find_name(schema, in, scope->prefix, "", &added->path) ||
	    !find(schema, in, METHOD_INPUT, &input) || !find(schema, in, METHOD_OUTPUT, &output) ||
	    !find(schema, in, METHOD_OPTIONS, &options) ||
	    !find(schema, in, METHOD_CLIENT_STREAMS, &client) ||
	    !find(schema, in, METHOD_SERVER_STREAMS, &server))
		return false;
	added->is_client_streaming = client.value;
	added->is_server_streaming = server.value;
	if (!read_type_name(schema, &name, &input))
		return false;
	added->input_name = name.type_name;
	if (!read_type_name(schema, &name, &output))
		return false;
	added->output_name = name.type_name;
	return http_rules_read(schema, added->path, &options);
}

static bool add_service(struct scope *scope, const struct wire_field *in)
{
	struct tree_input input = input_of(scope->schema, in);
	struct scope inner = *scope;
	struct wire_field field;

	if (!find_name(scope->schema, in, scope->prefix, "/", &inner.prefix))
		return false;
	while (input.next < input.end)
		if (!wire_read_field(&input, &field) ||
		    (field.number == SERVICE_METHOD && field.type == WIRE_BYTES &&
		     !add_method(&inner, &field)))
			return false;
	return true;
}

static bool add_file(struct schema *schema, const struct wire_field *in)
{
	struct scope scope = {.schema = schema, .prefix = ""};
	struct tree_input input = input_of(schema, in);
	struct wire_field field, package, syntax;

	if (!find(schema, in, FILE_PACKAGE, &package) || !find(schema, in, FILE_SYNTAX, &syntax))
		return false;
	scope.is_proto3 = syntax.len == 6 && memcmp(syntax.bytes, "proto3", 6) == 0;
	if (package.len)
		scope.prefix = join(schema, "", &package, ".");
	if (!scope.prefix || !add_types(&scope, in, FILE_MESSAGE, FILE_ENUM))
		return false;
	while (input.next < input.end)
		if (!wire_read_field(&input, &field) ||
		    (field.number == FILE_SERVICE && field.type == WIRE_BYTES &&
		     !add_service(&scope, &field)))
			return false;
	return true;
}

/* ---- all of it ---- */

/* All three begin with the name they are found by. */
static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

_Static_assert(offsetof(struct schema_message, name) == 0, "sorted by their first member");
_Static_assert(offsetof(struct schema_enum, name) == 0, "sorted by their first member");
_Static_assert(offsetof(struct schema_method, path) == 0, "sorted by their first member");

static bool sort(struct schema *schema, void *array, size_t n, size_t size)
{
	if (n)
		qsort(array, n, size, compare_names);
	for (size_t i = 1; i < n; i++)
		if (compare_names((char *)array + (i - 1) * size, (char *)array + i * size) == 0)
			return refuse(schema, "has a name twice");
	return true;
}

static const void *search(const char *name, const void *array, size_t n, size_t size)
{
	return n ? bsearch(&name, array, n, size, compare_names) : NULL;
}

const struct schema_message *schema_find_message(const struct schema *schema, const char *name)
{
	return search(name, schema->messages, schema->n_messages, sizeof(*schema->messages));
}

static bool is_map_entry_valid(const struct schema_message *message)
{
	return message->n_fields == 2 && message->fields[0].number == 1 &&
	       message->fields[1].number == 2 && !message->fields[0].is_repeated &&
	       !message->fields[1].is_repeated;
}

static bool resolve_field(struct schema *schema, struct schema_field *field)
{
	if (field->type == SCHEMA_MESSAGE)
		field->message = schema_find_message(schema, field->type_name);
	else if (field->type == SCHEMA_ENUM)
		field->enumeration = search(field->type_name, schema->enums, schema->n_enums,
					    sizeof(*schema->enums));
	else
		return true;
	if (!field->message && !field->enumeration)
		return tree_refuse(&schema->arena, TRANSLATE_MALFORMED,
				   "the descriptor set has no %s; make it with protoc "
				   "--include_imports",
				   field->type_name);
	return !field->message || !field->message->is_map_entry ||
	       is_map_entry_valid(field->message) || refuse(schema, "has a malformed map");
}

/* The messages we write texts or values for have to be what they are called. */
static bool is_known_valid(const struct schema_message *message)
{
	if (message->known == SCHEMA_TIMESTAMP || message->known == SCHEMA_DURATION)
		return message->n_fields == 2 && message->fields[0].number == 1 &&
		       message->fields[0].type == SCHEMA_INT64 && message->fields[1].number == 2 &&
		       message->fields[1].type == SCHEMA_INT32;
	return message->known != SCHEMA_WRAPPER ||
	       (message->n_fields == 1 && message->fields[0].number == 1 &&
		message->fields[0].type != SCHEMA_MESSAGE && !message->fields[0].is_repeated);
}

static bool resolve(struct schema *schema)
{
	for (size_t i = 0; i < schema->n_messages; i++) {
		struct schema_message *message = &schema->messages[i];

		if (!is_known_valid(message))
			return refuse(schema, "has a message of google.protobuf that is not it");
		for (size_t j = 0; j < message->n_fields; j++)
			if (!resolve_field(schema, &message->fields[j]))
				return false;
	}
	for (size_t i = 0; i < schema->n_methods; i++) {
		struct schema_method *method = &schema->methods[i];

		method->input = schema_find_message(schema, method->input_name);
		method->output = schema_find_message(schema, method->output_name);
		if (!method->input || !method->output)
			return refuse(schema, "lacks a message of a method; make it with protoc "
					      "--include_imports");
	}
	return http_rules_resolve(schema);
}

static bool parse(struct schema *schema, const uint8_t *bytes, size_t len)
{
	struct tree_input input = {&schema->arena, bytes, bytes + len};
	struct wire_field field;

	if (len > SCHEMA_BYTES_MAX)
		return refuse(schema, "is more than 1 MiB");
	while (input.next < input.end)
		if (!wire_read_field(&input, &field) ||
		    (field.number == SET_FILE && field.type == WIRE_BYTES &&
		     !add_file(schema, &field)))
			return false;
	return sort(schema, schema->messages, schema->n_messages, sizeof(*schema->messages)) &&
	       sort(schema, schema->enums, schema->n_enums, sizeof(*schema->enums)) &&
	       sort(schema, schema->methods, schema->n_methods, sizeof(*schema->methods)) &&
	       resolve(schema);
}

struct schema *schema_parse(const uint8_t *bytes, size_t len, struct translate_refusal *refusal)
{
	struct schema *schema = xnew(struct schema);
	bool is_good;

	schema->references = 1;
	schema->arena.refusal = refusal;
	is_good = parse(schema, bytes, len);
	schema->arena.refusal = NULL;
	if (is_good) {
		sha256(bytes, len, schema->digest);
		return schema;
	}
	schema_put(schema);
	return NULL;
}

struct schema *schema_get(struct schema *schema)
{
	schema->references++;
	return schema;
}

void schema_put(struct schema *schema)
{
	if (!schema || --schema->references)
		return;
	for (size_t i = 0; i < schema->n_messages; i++)
		free(schema->messages[i].fields);
	for (size_t i = 0; i < schema->n_enums; i++)
		free(schema->enums[i].values);
	free(schema->messages);
	free(schema->enums);
	free(schema->methods);
	free(schema->rules);
	tree_free(&schema->arena);
	free(schema);
}

const struct schema_method *schema_method_by_name(const struct schema *schema, const char *name)
{
	return search(name, schema->methods, schema->n_methods, sizeof(*schema->methods));
}

const struct schema_method *schema_find_method(const struct schema *schema, const char *path,
					       size_t len)
{
	char name[SCHEMA_NAME_MAX + 1];

	if (len < 2 || len > SCHEMA_NAME_MAX || path[0] != '/' || memchr(path, '\0', len))
		return NULL;
	snprintf(name, sizeof(name), "%.*s", (int)len - 1, path + 1);
	return schema_method_by_name(schema, name);
}

const struct schema_field *schema_field_by_number(const struct schema_message *message,
						  uint32_t number)
{
	const struct schema_field wanted = {.number = number};

	return message->n_fields ? bsearch(&wanted, message->fields, message->n_fields,
					   sizeof(wanted), compare_fields)
				 : NULL;
}

static bool is_named(const char *name, const uint8_t *text, size_t len)
{
	return strlen(name) == len && memcmp(name, text, len) == 0;
}

const struct schema_field *schema_field_by_name(const struct schema_message *message,
						const uint8_t *name, size_t len)
{
	for (size_t i = 0; i < message->n_fields; i++)
		if (is_named(message->fields[i].json_name, name, len))
			return &message->fields[i];
	for (size_t i = 0; i < message->n_fields; i++)
		if (is_named(message->fields[i].name, name, len))
			return &message->fields[i];
	return NULL;
}
