// SPDX-License-Identifier: GPL-2.0
/* DOC: grpc: see grpc.h; https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
#include "daemon/translate/grpc.h"

#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/translate/http_rule.h"

static bool finish(struct tree *tree, bool is_good, struct tree_output *out, uint8_t **ret,
		   size_t *ret_len)
{
	if (is_good && out->is_full)
		is_good = tree_refuse(tree, TRANSLATE_TOO_LARGE,
				      "the message would be more than %d bytes",
				      TRANSLATE_BODY_MAX);
	tree_free(tree);
	if (!is_good) {
		free(out->bytes);
		return false;
	}
	*ret = out->bytes;
	*ret_len = out->len;
	return true;
}

/* google/rpc/code.proto */
enum {
	CODE_INVALID_ARGUMENT = 3,
	CODE_DEADLINE_EXCEEDED = 4,
	CODE_NOT_FOUND = 5,
	CODE_PERMISSION_DENIED = 7,
	CODE_RESOURCE_EXHAUSTED = 8,
	CODE_UNIMPLEMENTED = 12,
	CODE_INTERNAL = 13,
	CODE_UNAVAILABLE = 14,
};

static bool check_size(struct tree *tree, size_t len)
{
	return len <= TRANSLATE_BODY_MAX ||
	       tree_refuse(tree, TRANSLATE_TOO_LARGE,
			   "a body of more than %d bytes is not translated", TRANSLATE_BODY_MAX);
}

static void put_prefix(struct tree_output *out, size_t len)
{
	tree_put_number(out, 0, len, GRPC_PREFIX_LEN - 1);
}

/**
 * struct request - of HTTP
 * @path: with its query
 * @path_len: of it
 * @json: its body
 * @len: of it
 */
struct request {
	const char *path;
	size_t path_len;
	const uint8_t *json;
	size_t len;
};

static struct tree_value *read_request(struct tree *tree, const struct schema_method *method,
				       const struct request *request)
{
	static const uint8_t nothing[] = "{}";

	if (!check_size(tree, request->len))
		return NULL;
	if (method->rule)
		return http_request_value(tree, method->rule, request->path, request->path_len,
					  request->json, request->len);
	return request->len ? json_read(tree, request->json, request->len)
			    : json_read(tree, nothing, sizeof(nothing) - 1);
}

static bool write_framed(struct tree *tree, const struct schema_method *method,
			 const struct tree_value *value, struct tree_output *out)
{
	struct tree_output message = {0};
	bool is_good = protobuf_write(tree, method->input, value, &message);

	put_prefix(out, message.len);
	tree_put(out, message.bytes, message.len);
	out->is_full |= message.is_full;
	free(message.bytes);
	return is_good;
}

static bool write_request(struct tree *tree, const struct schema_method *method,
			  const struct request *request, struct tree_output *out)
{
	const struct tree_value *value;

	if (method->is_client_streaming)
		return tree_refuse(tree, TRANSLATE_LOSSY,
				   "%s takes a stream of messages, which JSON is not",
				   method->path);
	value = read_request(tree, method, request);
	return value && write_framed(tree, method, value, out);
}

bool grpc_request_by_path(const struct schema_method *method, const char *path, size_t path_len,
			  const uint8_t *json, size_t len, uint8_t **ret, size_t *ret_len,
			  struct translate_refusal *refusal)
{
	const struct request request = {path, path_len, json, len};
	struct tree tree = {.refusal = refusal};
	struct tree_output out = {0};

	return finish(&tree, write_request(&tree, method, &request, &out), &out, ret, ret_len);
}

bool grpc_request(const struct schema_method *method, const uint8_t *json, size_t len,
		  uint8_t **ret, size_t *ret_len, struct translate_refusal *refusal)
{
	return grpc_request_by_path(method, "", 0, json, len, ret, ret_len, refusal);
}

bool grpc_request_line(const struct schema_method *method, const uint8_t *json, size_t len,
		       uint8_t **ret, size_t *ret_len, struct translate_refusal *refusal)
{
	struct tree tree = {.refusal = refusal};
	struct tree_output out = {0};
	const struct tree_value *value = check_size(&tree, len) ? json_read(&tree, json, len)
								: NULL;

	return finish(&tree, value && write_framed(&tree, method, value, &out), &out, ret, ret_len);
}

/**
 * struct message - in its frame
 * @bytes: borrowed
 * @len: of it
 */
struct message {
	const uint8_t *bytes;
	size_t len;
};

size_t grpc_message_size(const uint8_t *bytes, size_t len)
{
	uint32_t said = 0;

	if (len < GRPC_PREFIX_LEN)
		return 0;
	for (size_t i = 1; i < GRPC_PREFIX_LEN; i++)
		said = said << 8 | bytes[i];
	return GRPC_PREFIX_LEN + (size_t)said;
}

/* The next one of what is left. */
static bool take_message(struct tree *tree, const uint8_t **bytes, size_t *len, struct message *ret)
{
	size_t size = grpc_message_size(*bytes, *len);

	if (size && (*bytes)[0])
		return tree_refuse(tree, TRANSLATE_LOSSY, "a message is compressed");
	if (!size || size > *len)
		return tree_refuse(tree, TRANSLATE_MALFORMED, "a message is not whole");
	*ret = (struct message){*bytes + GRPC_PREFIX_LEN, size - GRPC_PREFIX_LEN};
	*bytes += size;
	*len -= size;
	return true;
}

static bool write_message(struct tree *tree, const struct schema_method *method,
			  const struct message *message, struct tree_output *out)
{
	const struct tree_value *value =
		protobuf_read(tree, method->output, message->bytes, message->len);

	if (value && method->rule && method->rule->response_body)
		value = http_answer_value(tree, method->rule, value);
	return value && json_write(tree, value, out);
}

static bool write_stream(struct tree *tree, const struct schema_method *method,
			 const uint8_t *bytes, size_t len, struct tree_output *out)
{
	struct message message;

	tree_put(out, "[", 1);
	while (len) {
		if (out->len > 1)
			tree_put(out, ",", 1);
		if (!take_message(tree, &bytes, &len, &message) ||
		    !write_message(tree, method, &message, out))
			return false;
	}
	tree_put(out, "]", 1);
	return true;
}

static bool write_answer(struct tree *tree, const struct schema_method *method,
			 const uint8_t *bytes, size_t len, struct tree_output *out)
{
	struct message message;

	if (!check_size(tree, len))
		return false;
	if (method->is_server_streaming)
		return write_stream(tree, method, bytes, len, out);
	if (!len)
		return tree_refuse(tree, TRANSLATE_MALFORMED, "there is no message");
	if (!take_message(tree, &bytes, &len, &message))
		return false;
	if (len)
		return tree_refuse(tree, TRANSLATE_MALFORMED, "there is more than one message");
	return write_message(tree, method, &message, out);
}

bool grpc_answer(const struct schema_method *method, const uint8_t *bytes, size_t len,
		 uint8_t **ret, size_t *ret_len, struct translate_refusal *refusal)
{
	struct tree tree = {.refusal = refusal};
	struct tree_output out = {0};

	return finish(&tree, write_answer(&tree, method, bytes, len, &out), &out, ret, ret_len);
}

static void put_text(struct tree_output *out, const char *text)
{
	tree_put(out, text, strlen(text));
}

static bool write_answer_line(struct tree *tree, const struct schema_method *method,
			      const uint8_t *bytes, size_t len, struct tree_output *out)
{
	struct message message;

	put_text(out, "{\"result\":");
	if (!take_message(tree, &bytes, &len, &message) ||
	    !write_message(tree, method, &message, out))
		return false;
	put_text(out, "}\n");
	return true;
}

bool grpc_answer_line(const struct schema_method *method, const uint8_t *bytes, size_t len,
		      uint8_t **ret, size_t *ret_len, struct translate_refusal *refusal)
{
	struct tree tree = {.refusal = refusal};
	struct tree_output out = {0};

	return finish(&tree, write_answer_line(&tree, method, bytes, len, &out), &out, ret,
		      ret_len);
}

uint32_t grpc_code_of_http(unsigned int status)
{
	switch (status) {
	case 403:
		return CODE_PERMISSION_DENIED;
	case 404:
		return CODE_NOT_FOUND;
	case 405:
	case 501:
		return CODE_UNIMPLEMENTED;
	case 413:
	case 431:
		return CODE_RESOURCE_EXHAUSTED;
	case 503:
		return CODE_UNAVAILABLE;
	case 504:
		return CODE_DEADLINE_EXCEEDED;
	default:
		return status < 500 ? CODE_INVALID_ARGUMENT : CODE_INTERNAL;
	}
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t decode_percent(const char *text, size_t len, uint8_t ret[GRPC_MESSAGE_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < GRPC_MESSAGE_MAX; i++) {
		if (text[i] == '%' && len - i > 2 && hex(text[i + 1]) >= 0 &&
		    hex(text[i + 2]) >= 0) {
			ret[n++] = (uint8_t)(hex(text[i + 1]) << 4 | hex(text[i + 2]));
			i += 2;
		} else {
			ret[n++] = (uint8_t)text[i];
		}
	}
	return n;
}

static void put_failure(struct tree_output *out, const struct grpc_failure *failure)
{
	uint8_t text[GRPC_MESSAGE_MAX];
	struct tree_value said = {.kind = TREE_TEXT, .bytes = text};
	size_t len = failure->len < GRPC_MESSAGE_MAX ? failure->len : GRPC_MESSAGE_MAX;
	struct translate_refusal refusal;
	struct tree tree = {.refusal = &refusal};
	char code[32];

	if (failure->is_encoded)
		len = decode_percent(failure->message, failure->len, text);
	else if (len)
		memcpy(text, failure->message, len);
	if (tree_is_utf8(text, len)) /* not cut inside a character, nor none to begin with */
		said.len = (uint32_t)len;
	snprintf(code, sizeof(code), "{\"code\":%u,\"message\":", failure->code);
	put_text(out, code);
	json_write(&tree, &said, out); /* of a text it refuses nothing */
	tree_free(&tree);
}

bool grpc_failure(const struct grpc_failure *failure, uint8_t **ret, size_t *ret_len)
{
	struct translate_refusal refusal;
	struct tree tree = {.refusal = &refusal};
	struct tree_output out = {0};

	put_failure(&out, failure);
	if (failure->messages) {
		put_text(&out, ",\"messages\":");
		tree_put(&out, failure->messages, failure->messages_len);
	}
	put_text(&out, "}");
	return finish(&tree, true, &out, ret, ret_len);
}

void grpc_failure_line(const struct grpc_failure *failure, uint8_t **ret, size_t *ret_len)
{
	struct tree_output out = {0};

	put_text(&out, "{\"error\":");
	put_failure(&out, failure);
	put_text(&out, "}}\n");
	*ret = out.bytes; /* a message is short: it is never full */
	*ret_len = out.len;
}
