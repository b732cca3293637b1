/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: schema: messages and methods of a FileDescriptorSet (protoc --descriptor_set_out)
 *
 * Debian has no C library that reads descriptors at run time: protobuf-c
 * compiles them in, and libupb-dev of 2020 leaves out the headers for it.
 */
#ifndef TRANSLATE_SCHEMA_H
#define TRANSLATE_SCHEMA_H

#include "daemon/lib/sha256.h"
#include "daemon/translate/tree.h"

#define SCHEMA_BYTES_MAX (1 << 20) /* of a descriptor set */
#define SCHEMA_MESSAGES_MAX 4096
#define SCHEMA_FIELDS_MAX 512 /* of one message */
#define SCHEMA_ENUMS_MAX 4096
#define SCHEMA_VALUES_MAX 4096 /* of one enum */
#define SCHEMA_METHODS_MAX 4096
#define SCHEMA_NAME_MAX 255 /* full name of anything */
#define SCHEMA_NESTED_MAX 16 /* messages inside one another */

/* As FieldDescriptorProto.Type numbers them. */
enum schema_type {
	SCHEMA_DOUBLE = 1,
	SCHEMA_FLOAT,
	SCHEMA_INT64,
	SCHEMA_UINT64,
	SCHEMA_INT32,
	SCHEMA_FIXED64,
	SCHEMA_FIXED32,
	SCHEMA_BOOL,
	SCHEMA_STRING,
	SCHEMA_GROUP,
	SCHEMA_MESSAGE,
	SCHEMA_BYTES,
	SCHEMA_UINT32,
	SCHEMA_ENUM,
	SCHEMA_SFIXED32,
	SCHEMA_SFIXED64,
	SCHEMA_SINT32,
	SCHEMA_SINT64,
	__SCHEMA_TYPE_END,
};

/** enum schema_known - messages of google.protobuf whose JSON is no object of their fields */
enum schema_known {
	SCHEMA_ORDINARY,
	SCHEMA_TIMESTAMP,
	SCHEMA_DURATION,
	SCHEMA_WRAPPER, /* Int32Value and its like: JSON has the value */
	SCHEMA_NOT_TRANSLATED, /* Any, FieldMask, Struct, Value, ListValue */
};

/**
 * struct schema_value - of an enum
 * @name: of it
 * @number: of it
 */
struct schema_value {
	const char *name;
	int32_t number;
};

/**
 * struct schema_enum - an enum
 * @name: full
 * @values: in their order; of two with one number the first is written
 * @n_values: of them
 */
struct schema_enum {
	const char *name;
	struct schema_value *values;
	size_t n_values;
};

struct schema_message;

/**
 * struct schema_field - of a message
 * @name: as in the .proto file
 * @json_name: as in JSON
 * @type_name: of its message or enum
 * @message: with SCHEMA_MESSAGE
 * @enumeration: with SCHEMA_ENUM
 * @number: of it
 * @oneof: index, -1 none
 * @type: enum schema_type
 * @is_repeated: an array, or a map
 * @is_optional: proto3 optional: its oneof is its own
 * @is_unpacked: repeated numbers each with their tag
 */
struct schema_field {
	const char *name, *json_name, *type_name;
	const struct schema_message *message;
	const struct schema_enum *enumeration;
	uint32_t number;
	int32_t oneof;
	uint8_t type;
	bool is_repeated, is_optional, is_unpacked;
};

/**
 * struct schema_message - a message
 * @name: full
 * @fields: in rising order of number
 * @n_fields: of them
 * @known: enum schema_known
 * @is_map_entry: key is field 1, value field 2
 * @is_proto3: others are refused when they are met
 */
struct schema_message {
	const char *name;
	struct schema_field *fields;
	size_t n_fields;
	uint8_t known;
	bool is_map_entry, is_proto3;
};

struct http_rule;

/**
 * struct schema_method - a method
 * @path: "package.Service/Method"
 * @input_name: of its message
 * @output_name: of its message
 * @input: what it takes
 * @output: what it gives
 * @rule: of the HTTP path it is called by; NULL by its own
 * @is_client_streaming: it takes any number of messages
 * @is_server_streaming: it gives any number
 */
struct schema_method {
	const char *path, *input_name, *output_name;
	const struct schema_message *input, *output;
	const struct http_rule *rule;
	bool is_client_streaming, is_server_streaming;
};

/**
 * struct schema - all of a descriptor set
 * @arena: memory of names
 * @messages: in rising order of name
 * @enums: in rising order of name
 * @methods: in rising order of path
 * @rules: HTTP paths, in the order they are tried in (http_rule.h)
 * @n_messages: of them
 * @n_enums: of them
 * @n_methods: of them
 * @n_rules: of them
 * @digest: of the bytes it was read from
 * @references: of who uses it
 */
struct schema {
	struct tree arena;
	struct schema_message *messages;
	struct schema_enum *enums;
	struct schema_method *methods;
	struct http_rule *rules;
	size_t n_messages, n_enums, n_methods, n_rules;
	uint8_t digest[SHA256_LEN];
	uint32_t references;
};

/**
 * schema_parse() - Read a descriptor set.
 * @bytes: a serialized FileDescriptorSet, with its imports (protoc --include_imports)
 * @len: its bytes
 * @refusal: filled on failure
 *
 * Context: Pure.
 * Return: with one reference; NULL refused.
 */
struct schema *schema_parse(const uint8_t *bytes, size_t len, struct translate_refusal *refusal);
/** schema_get() - One more uses it. Return: the same. */
struct schema *schema_get(struct schema *schema);
/** schema_put() - One uses it no more; NULL is allowed. */
void schema_put(struct schema *schema);
/** schema_find_message() - By its full name; NULL there is none. */
const struct schema_message *schema_find_message(const struct schema *schema, const char *name);
/**
 * schema_find_method() - By the path of a gRPC request.
 * @schema: searched
 * @path: with the slash in front; not terminated
 * @len: of it
 */
const struct schema_method *schema_find_method(const struct schema *schema, const char *path,
					       size_t len);
/** schema_method_by_name() - By "package.Service/Method"; NULL there is none. */
const struct schema_method *schema_method_by_name(const struct schema *schema, const char *name);
/** schema_grow() - Room for one more element of an array; NULL there are too many, which is said. */
void *schema_grow(struct schema *schema, void *array, size_t n, size_t max, size_t size);
/** schema_field_by_number() - NULL there is none. */
const struct schema_field *schema_field_by_number(const struct schema_message *message,
						  uint32_t number);
/** schema_field_by_name() - By its name in JSON or in the .proto file; NULL there is none. */
const struct schema_field *schema_field_by_name(const struct schema_message *message,
						const uint8_t *name, size_t len);

/*
 * protobuf_read.c, protobuf_write.c: a message as JSON would say it, and back.
 * Unknown fields are refused in both directions: they would be lost.
 */
struct tree_value *protobuf_read(struct tree *tree, const struct schema_message *message,
				 const uint8_t *bytes, size_t len);
bool protobuf_write(struct tree *tree, const struct schema_message *message,
		    const struct tree_value *value, struct tree_output *out);

/* protobuf_known.c: texts of Timestamp and Duration */
#define PROTOBUF_TIME_SIZE 40

/** struct protobuf_time - seconds and nanoseconds, of an instant or a span */
struct protobuf_time {
	int64_t seconds;
	int32_t nanos;
};

/** protobuf_time_is_valid() - Is it within the years 1 to 9999, or ten thousand years long? */
bool protobuf_time_is_valid(enum schema_known known, const struct protobuf_time *time);
void protobuf_format_time(enum schema_known known, const struct protobuf_time *time,
			  char ret[PROTOBUF_TIME_SIZE]);
/** protobuf_parse_time() - Return: false it is none, or not valid. */
bool protobuf_parse_time(enum schema_known known, const uint8_t *text, size_t len,
			 struct protobuf_time *ret);

#endif
