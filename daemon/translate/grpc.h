/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: grpc: calls of gRPC as JSON, by a schema
 *
 * POST /package.Service/Method with application/json is a call with
 * application/grpc, and so is a request by an HTTP path of the method
 * (http_rule.h); statuses become those of HTTP as grpc-gateway has them.  A
 * method that answers with a stream answers with an array, or with lines, each
 * of them {"result": ...}, and one that takes a stream takes lines.
 */
#ifndef TRANSLATE_GRPC_H
#define TRANSLATE_GRPC_H

#include "daemon/translate/schema.h"

#define GRPC_PREFIX_LEN 5 /* compressed, length */
#define GRPC_MESSAGE_MAX 1024 /* of a status, decoded */

/**
 * grpc_request() - Body of a call.
 * @method: takes no stream, else refused
 * @json: of the request; empty is {}
 * @len: its bytes
 * @ret: the framed message; the caller frees
 * @ret_len: set on success
 * @refusal: filled on failure
 */
bool grpc_request(const struct schema_method *method, const uint8_t *json, size_t len,
		  uint8_t **ret, size_t *ret_len, struct translate_refusal *refusal);
/**
 * grpc_request_by_path() - The same for a request that may have come by an HTTP path.
 * @method: its @rule says what of @path is of the message; without one that is nothing
 * @path: of the request, with its query; not terminated
 * @path_len: of @path
 * @json: of the request
 * @len: its bytes
 * @ret: the framed message; the caller frees
 * @ret_len: set on success
 * @refusal: filled on failure
 */
bool grpc_request_by_path(const struct schema_method *method, const char *path, size_t path_len,
			  const uint8_t *json, size_t len, uint8_t **ret, size_t *ret_len,
			  struct translate_refusal *refusal);
/**
 * grpc_answer() - Messages of an answer.
 * @method: that was called
 * @bytes: all DATA of the answer
 * @len: their number
 * @ret: JSON of the message, or an array of those of a stream; the caller frees
 * @ret_len: set on success
 * @refusal: filled on failure: compressed, not whole, not of the schema; not one, without a stream
 */
bool grpc_answer(const struct schema_method *method, const uint8_t *bytes, size_t len,
		 uint8_t **ret, size_t *ret_len, struct translate_refusal *refusal);
/**
 * grpc_request_line() - One message of a stream of requests.
 * @method: takes it
 * @json: one line of the request
 * @len: its bytes
 * @ret: the framed message; the caller frees
 * @ret_len: set on success
 * @refusal: filled on failure
 */
bool grpc_request_line(const struct schema_method *method, const uint8_t *json, size_t len,
		       uint8_t **ret, size_t *ret_len, struct translate_refusal *refusal);
/** grpc_message_size() - Bytes of the first message and its frame; 0 not known yet. */
size_t grpc_message_size(const uint8_t *bytes, size_t len);
/**
 * grpc_answer_line() - One message of a stream of answers.
 * @method: that was called
 * @bytes: the message in its frame
 * @len: grpc_message_size() of it
 * @ret: {"result": ...} and a line feed; the caller frees
 * @ret_len: set on success
 * @refusal: filled on failure
 */
bool grpc_answer_line(const struct schema_method *method, const uint8_t *bytes, size_t len,
		      uint8_t **ret, size_t *ret_len, struct translate_refusal *refusal);
/** grpc_code_of_http() - Code in an answer of ours with a status of HTTP. */
uint32_t grpc_code_of_http(unsigned int status);

/**
 * struct grpc_failure - an answer whose status is not 0
 * @code: grpc-status
 * @message: not terminated
 * @len: of @message
 * @is_encoded: @message is grpc-message as it came, percent-encoded
 * @messages: JSON of what came before the failure; NULL nothing did
 * @messages_len: of it
 */
struct grpc_failure {
	uint32_t code;
	const char *message;
	size_t len;
	bool is_encoded;
	const uint8_t *messages;
	size_t messages_len;
};

/**
 * grpc_failure() - Body of such an answer: {"code":5,"message":"..."}, maybe with "messages".
 * @failure: to be said; its message is cut at GRPC_MESSAGE_MAX
 * @ret: JSON; the caller frees
 * @ret_len: set on success
 *
 * Return: false with @messages it would be more than TRANSLATE_BODY_MAX.
 */
bool grpc_failure(const struct grpc_failure *failure, uint8_t **ret, size_t *ret_len);
/** grpc_failure_line() - The same as last line: {"error": ...}, without "messages". */
void grpc_failure_line(const struct grpc_failure *failure, uint8_t **ret, size_t *ret_len);

#endif
