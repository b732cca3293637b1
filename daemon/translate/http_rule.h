/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: http_rule: HTTP paths of gRPC methods (google.api.http, google/api/http.proto)
 *
 * A method's options say by which requests of HTTP it can be called: a method of
 * HTTP, a path with variables that are fields of its message, and which field the
 * body is.  They are the bytes of an extension of google.protobuf.MethodOptions,
 * read with the descriptor set.  What could mean two things, or is not supported,
 * is refused there, so that a path means one method or none.
 *
 *	http_rule.c	templates: parsed, ordered, found
 *	http_values.c	values of a path and a query, as JSON would have them
 */
#ifndef TRANSLATE_HTTP_RULE_H
#define TRANSLATE_HTTP_RULE_H

#include "daemon/translate/schema.h"
#include "daemon/translate/wire.h"

#define HTTP_RULES_MAX 1024 /* of a descriptor set: all are looked at for a request */
#define HTTP_RULE_BINDINGS_MAX 32 /* of one method */
#define HTTP_RULE_TEMPLATE_MAX 255 /* bytes of a path template */
#define HTTP_RULE_SEGMENTS_MAX 32 /* of a path template */
#define HTTP_RULE_VARIABLES_MAX 8 /* of a path template */
#define HTTP_RULE_DEPTH_MAX 8 /* names in a path of fields: "book.author.name" */
#define HTTP_RULE_KIND_MAX 15 /* bytes of a method of HTTP, as the proxy has it */
#define HTTP_RULE_PARAMETERS_MAX 128 /* of a query */
#define HTTP_RULE_KINDS_SIZE 128 /* text of the methods of a path */

enum http_segment_kind {
	HTTP_SEGMENT_LITERAL,
	HTTP_SEGMENT_ONE, /* "*" */
	HTTP_SEGMENT_REST, /* "**" */
};

/**
 * struct http_segment - of a path template
 * @literal: with HTTP_SEGMENT_LITERAL
 * @kind: enum http_segment_kind
 */
struct http_segment {
	const char *literal;
	uint8_t kind;
};

/**
 * struct http_field_path - a field, and the messages it is in
 * @fields: from outside
 * @n: of them, at least one
 */
struct http_field_path {
	const struct schema_field *fields[HTTP_RULE_DEPTH_MAX];
	size_t n;
};

/**
 * struct http_variable - of a path template
 * @path: the field it is
 * @first: segment
 * @end: one past its last segment
 */
struct http_variable {
	struct http_field_path path;
	size_t first, end;
};

/**
 * struct http_rule - one way to call a method
 * @method: as it is called so; its @rule is this
 * @kind: method of HTTP
 * @text: path template as it was written
 * @body_text: name of the field that is the body, "*" all of them, "" none
 * @response_text: name of the field that is the answer, "" all of them
 * @segments: of the template
 * @n_segments: of them
 * @verb: behind its last colon; NULL none
 * @variables: of the template
 * @n_variables: of them
 * @body: the field that is the body; NULL none or all
 * @is_body_all: the body is the message, the path says the rest
 * @response_body: the field that is the answer; NULL all
 */
struct http_rule {
	struct schema_method method;
	const char *kind, *text, *body_text, *response_text;
	struct http_segment *segments;
	size_t n_segments;
	const char *verb;
	struct http_variable *variables;
	size_t n_variables;
	const struct schema_field *body;
	bool is_body_all;
	const struct schema_field *response_body;
};

/** http_rule_takes_body() - Is a body of a request anything to it? */
static inline bool http_rule_takes_body(const struct http_rule *rule)
{
	return rule->is_body_all || rule->body;
}

/**
 * http_rules_read() - Rules among the options of a method.
 * @schema: grows
 * @path: of the method, kept by @schema
 * @options: google.protobuf.MethodOptions
 *
 * Return: false malformed or too many, which is said.
 */
bool http_rules_read(struct schema *schema, const char *path, const struct wire_field *options);
/**
 * http_rules_resolve() - Once all messages are known: templates, fields, conflicts.
 * @schema: its rules are in the order they are tried in afterwards
 *
 * Return: false a rule is refused, which is said with what to write instead.
 */
bool http_rules_resolve(struct schema *schema);

/**
 * http_rule_find() - The rule for a request.
 * @schema: searched
 * @kind: method of HTTP
 * @path: without its query; not terminated
 * @len: of @path
 * @has_path: set: a rule of any method of HTTP has this path
 *
 * Rules with a verb are tried first; then from the left a literal comes before "*", and that
 * before "**".  No two rules are alike in that, so there is one that is the first.
 *
 * Return: NULL there is none.
 */
const struct http_rule *http_rule_find(const struct schema *schema, const char *kind,
				       const char *path, size_t len, bool *has_path);
/** http_rule_list_kinds() - Methods of HTTP of a path, as Allow has them; "" none. */
void http_rule_list_kinds(const struct schema *schema, const char *path, size_t len,
			  char ret[HTTP_RULE_KINDS_SIZE]);

/**
 * struct http_match - where the segments of a template are in a path
 * @from: offset of each
 * @to: offset of its end
 */
struct http_match {
	size_t from[HTTP_RULE_SEGMENTS_MAX], to[HTTP_RULE_SEGMENTS_MAX];
};

/** http_rule_match() - Is it a path of the rule?  It may have a query, which is passed over. */
bool http_rule_match(const struct http_rule *rule, const char *path, size_t len,
		     struct http_match *ret);

/* http_values.c */
/** enum http_decoding - what is left of the percent-encoding of a text */
enum http_decoding {
	HTTP_DECODE_ALL,
	HTTP_DECODE_BUT_SLASH, /* of many segments: "%2F" stays as it is */
	HTTP_DECODE_QUERY, /* "+" is a blank */
};

/** http_decode() - Return: bytes written to @ret, room for @len; -1 malformed. */
long http_decode(const char *text, size_t len, enum http_decoding how, uint8_t *ret);
/**
 * http_resolve_path() - A field by its name, and the names of the messages it is in.
 * @message: where it begins
 * @name: "book.author"; not terminated
 * @len: of @name
 * @may_repeat: it may be a list of values
 * @ret: filled on success
 *
 * Return: NULL; else why it cannot be written as a text.
 */
const char *http_resolve_path(const struct schema_message *message, const char *name, size_t len,
			      bool may_repeat, struct http_field_path *ret);
/**
 * http_request_value() - The message of a request, as JSON would have it.
 * @tree: grows
 * @rule: of the request
 * @path: with its query; not terminated
 * @path_len: of @path
 * @json: body of the request
 * @json_len: of @json
 *
 * Return: NULL refused, which is said.
 */
struct tree_value *http_request_value(struct tree *tree, const struct http_rule *rule,
				      const char *path, size_t path_len, const uint8_t *json,
				      size_t json_len);
/**
 * http_answer_value() - What of an answer is told.
 * @tree: grows
 * @rule: of the request
 * @value: the message
 *
 * Return: one of its fields, or what stands for it if it is not set; NULL refused.
 */
const struct tree_value *http_answer_value(struct tree *tree, const struct http_rule *rule,
					   const struct tree_value *value);

#endif
