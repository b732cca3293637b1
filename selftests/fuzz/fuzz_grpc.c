// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: gRPC as JSON: two bytes of length, a descriptor set, then by a letter
 *
 *	j	JSON of a request
 *	a	an answer
 *	l	lines of a request
 *	p	a request of HTTP: method, blank, path, line feed, JSON
 *
 * What is understood of a method's messages is written, and then means the same.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/translate/grpc.h"
#include "daemon/translate/http_rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* JSON of an answer may be sent again where both messages are one: it gives that JSON again. */
static void check_json(const struct schema_method *method, const uint8_t *json, size_t len)
{
	struct translate_refusal refusal;
	uint8_t *message, *again;
	size_t message_len, again_len;

	if (!grpc_request(method, json, len, &message, &message_len, &refusal)) {
		assert(refusal.reason[0]);
		return;
	}
	if (method->input == method->output &&
	    grpc_answer(method, message, message_len, &again, &again_len, &refusal))
		free(again);
	free(message);
}

static void check_answer(const struct schema_method *method, const uint8_t *data, size_t size)
{
	struct translate_refusal refusal;
	uint8_t *json, *message, *again;
	size_t len, message_len, again_len;

	if (!grpc_answer(method, data, size, &json, &len, &refusal)) {
		assert(refusal.reason[0]);
		return;
	}
	if (method->input == method->output && !method->is_server_streaming &&
	    grpc_request(method, json, len, &message, &message_len, &refusal)) {
		assert(grpc_answer(method, message, message_len, &again, &again_len, &refusal));
		assert(again_len == len && memcmp(again, json, len) == 0);
		free(message);
		free(again);
	}
	free(json);
}

/* Each by itself; what is a message of an answer, too, is a line of one. */
static void check_lines(const struct schema_method *method, const uint8_t *data, size_t size)
{
	struct translate_refusal refusal;

	while (size) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) : size, message_len, line_len;
		uint8_t *message, *line;

		if (grpc_request_line(method, data, len, &message, &message_len, &refusal)) {
			assert(grpc_message_size(message, message_len) == message_len);
			if (grpc_answer_line(method, message, message_len, &line, &line_len,
					     &refusal)) {
				assert(!memchr(line, '\n', line_len - 1));
				free(line);
			}
			free(message);
		} else {
			assert(refusal.reason[0]);
		}
		data += len + (end != NULL);
		size -= len + (end != NULL);
	}
}

/* What is said by a path is a message, or refused. */
static void check_path(const struct schema *schema, const char *text, size_t size)
{
	const char *blank = memchr(text, ' ', size), *end = memchr(text, '\n', size);
	char kind[HTTP_RULE_KIND_MAX + 1] = "", kinds[HTTP_RULE_KINDS_SIZE];
	struct translate_refusal refusal;
	const struct http_rule *rule;
	uint8_t *message, *json;
	size_t len, path_len, json_len;
	bool has_path;

	if (!blank || !end || blank > end || blank - text > HTTP_RULE_KIND_MAX)
		return;
	memcpy(kind, text, (size_t)(blank - text));
	path_len = (size_t)(end - blank) - 1;
	rule = http_rule_find(schema, kind, blank + 1, path_len, &has_path);
	http_rule_list_kinds(schema, blank + 1, path_len, kinds);
	assert(has_path == (kinds[0] != '\0'));
	if (!rule)
		return;
	if (!grpc_request_by_path(&rule->method, blank + 1, path_len, (const uint8_t *)end + 1,
				  size - (size_t)(end + 1 - text), &message, &len, &refusal)) {
		assert(refusal.reason[0]);
		return;
	}
	if (grpc_answer(&rule->method, message, len, &json, &json_len, &refusal))
		free(json);
	free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct translate_refusal refusal;
	struct grpc_failure failure;
	struct schema *schema;
	uint8_t *json, kind;
	size_t set_len, len;

	failure = (struct grpc_failure){5, (const char *)data, size, size & 1, NULL, 0};
	assert(grpc_failure(&failure, &json, &len));
	free(json);
	if (size < 3)
		return 0;
	set_len = (size_t)data[0] << 8 | data[1];
	if (set_len > size - 3)
		set_len = size - 3;
	schema = schema_parse(data + 2, set_len, &refusal);
	if (!schema)
		return 0;
	kind = data[2 + set_len];
	if (kind == 'p')
		check_path(schema, (const char *)data + 3 + set_len, size - 3 - set_len);
	for (size_t i = 0; i < schema->n_methods; i++) {
		if (kind == 'l')
			check_lines(&schema->methods[i], data + 3 + set_len, size - 3 - set_len);
		else if (kind == 'j')
			check_json(&schema->methods[i], data + 3 + set_len, size - 3 - set_len);
		else
			check_answer(&schema->methods[i], data + 3 + set_len, size - 3 - set_len);
	}
	schema_put(schema);
	return 0;
}
