/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: transcode: what pumps of HTTP/1.1 and HTTP/2 do alike to make calls of gRPC of JSON
 *
 * Which requests are calls, what is refused and with what sentence, and what
 * an answer becomes; a pump holds the bodies and writes the headers.  As
 * translation.h is for bodies; Documentation/translate.rst, gRPC.
 */
#ifndef PROXY_TRANSCODE_H
#define PROXY_TRANSCODE_H

#include "daemon/proxy/translation.h"
#include "daemon/translate/http_rule.h"

#define TRANSCODE_TYPE "application/grpc"

/** transcode_request_names - left out of a call, besides those of a translated request; NULL ends it */
extern const char *const transcode_request_names[];
/** transcode_is_answer_name() - Is it of the body of an answer, or of the call on its way to us? */
bool transcode_is_answer_name(const struct http1_text *name);

/** transcode_find_schema() - Of the service at the end of a flow; NULL it has none. Borrowed. */
struct schema *transcode_find_schema(const struct flow *flow);

/**
 * struct transcode_request - what is asked
 * @method: of HTTP
 * @path: with its query
 * @fields: of its headers
 * @body: of it
 * @has_lines: lines of JSON can be passed on as they come
 */
struct transcode_request {
	struct http1_text method, path;
	const struct translation_fields *fields;
	const struct translation_body *body;
	bool has_lines;
};

/**
 * struct transcode_called - what a request is
 * @method: that it calls, NULL there is no such; it lives as long as the schema
 * @takes_lines: its body is a stream of messages, each a line
 * @gives_lines: and so the answer is to be
 * @allow: when it is refused with 405: the methods of HTTP its path has
 */
struct transcode_called {
	const struct schema_method *method;
	bool takes_lines, gives_lines;
	char allow[HTTP_RULE_KINDS_SIZE];
};

/**
 * transcode_judge() - Is a request a call in JSON?
 * @counted: of the service
 * @schema: of the service
 * @request: see there
 * @called: filled but with TRANSLATION_PASS
 * @refusal: filled with TRANSLATION_REFUSE
 *
 * Return: TRANSLATION_PASS, TRANSLATION_COLLECT (but what @called takes in lines) or
 * TRANSLATION_REFUSE.
 */
enum translation_verdict transcode_judge(struct counted *counted, const struct schema *schema,
					 const struct transcode_request *request,
					 struct transcode_called *called,
					 struct http1_refusal *refusal);

/**
 * struct transcode_bytes - a body that was made
 * @bytes: heap; the owner frees
 * @len: of it
 */
struct transcode_bytes {
	uint8_t *bytes;
	size_t len;
};

/**
 * transcode_call() - The message of a call, in its frame.
 * @counted: of the service
 * @method: that is called
 * @path: it is called by, with its query
 * @json: of the request, whole
 * @len: of it
 * @ret: filled on success
 * @reason: room for a sentence that @refusal names
 * @refusal: filled on failure
 */
bool transcode_call(struct counted *counted, const struct schema_method *method,
		    const struct http1_text *path, const uint8_t *json, size_t len,
		    struct transcode_bytes *ret, char reason[TRANSLATION_REASON_SIZE],
		    struct http1_refusal *refusal);
/**
 * transcode_check_answer() - Is an answer with status 200 one of gRPC that can be read?
 * @counted: of the service
 * @type: its Content-Type, len 0 none
 * @encoding: its grpc-encoding, len 0 none
 * @refusal: filled on failure
 */
bool transcode_check_answer(struct counted *counted, const struct http1_text *type,
			    const struct http1_text *encoding, struct http1_refusal *refusal);

/**
 * struct transcode_answer - of the service, whole
 * @method: that was called
 * @bytes: its messages, in their frames
 * @len: of them
 * @status: grpc-status; GRPC_STATUS_NONE none came
 * @message: grpc-message as it came, len 0 none
 */
struct transcode_answer {
	const struct schema_method *method;
	const uint8_t *bytes;
	size_t len;
	int status;
	struct http1_text message;
};

/**
 * transcode_answer() - Its JSON.
 * @counted: of the service; refusals are counted
 * @answer: of it
 * @ret: JSON
 * @reason: room for @refusal's
 * @refusal: filled on failure
 *
 * That it was translated is for the caller to count, when its headers are good, too.
 */
bool transcode_answer(struct counted *counted, const struct transcode_answer *answer,
		      struct transcode_bytes *ret, char reason[TRANSLATION_REASON_SIZE],
		      struct http1_refusal *refusal);
/** transcode_say() - JSON of an answer of ours. */
struct transcode_bytes transcode_say(unsigned int status, const char *reason);

#endif
