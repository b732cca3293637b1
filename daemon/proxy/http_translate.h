/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: http_translate: bodies in the format of the service, answers in the client's
 *
 * Where a service of this hub says the format of its bodies (body: in its
 * manifest), a request of another format is held here until it is whole, and
 * goes on translated; so does the answer.  What needs none passes.  A request
 * is kept as it came for another attempt, which may lead to a service of
 * another format.  So it is with calls of gRPC in JSON to a service of this hub
 * that has a descriptor: what is made of them goes over a crossing.
 */
#ifndef PROXY_HTTP_TRANSLATE_H
#define PROXY_HTTP_TRANSLATE_H

#include "daemon/proxy/http.h"
#include "daemon/proxy/transcode.h"

/* A body while it is chunked: half of it may be the lines of small chunks. */
#define HTTP_TRANSLATE_RAW_MAX (2 * TRANSLATE_BODY_MAX)

enum http_translate_state {
	HTTP_TRANSLATE_FRESH, /* its head has not been looked at */
	HTTP_TRANSLATE_PASS,
	HTTP_TRANSLATE_COLLECT, /* until it is whole */
};

/**
 * struct http_translate - of one pump whose service says a format, or has a descriptor; made when
 *	it is needed
 * @schema: with a call in JSON: of the service, held; else NULL
 * @call: with @schema: what is called
 * @grpc_status: with @schema: of the answer, GRPC_STATUS_NONE not known
 * @request: enum http_translate_state
 * @answer: the same
 * @wanted: enum manifest_body the client would have its answer in, none: any
 * @request_sink: collects; nothing is ever read at this end
 * @answer_sink: the same
 * @held: bytes in both that are counted
 * @why: what the room said last
 * @reason: a sentence for the client, with that in it
 */
struct http_translate {
	struct schema *schema;
	struct transcode_called call;
	int grpc_status;
	enum http_translate_state request, answer;
	uint8_t wanted;
	struct end request_sink, answer_sink;
	size_t held;
	struct translate_refusal why;
	char reason[TRANSLATION_REASON_SIZE];
};

void http_translate_free(struct http *http);
/** http_translate_reset() - Another exchange, or another attempt. */
void http_translate_reset(struct http *http);

/** http_translate_to_service() - Where the body of the request goes. */
struct end *http_translate_to_service(struct http *http);
/** http_translate_to_client() - Where the body of the answer goes. */
struct end *http_translate_to_client(struct http *http);
/** http_translate_room() - Bytes that an end of the pump may hold. */
size_t http_translate_room(const struct http *http, const struct end *to);

/**
 * http_translate_request() - What is about to go to the service: let it pass, hold it, or rewrite it.
 * @http: the service has taken the connection
 * @refusal: filled on failure
 */
bool http_translate_request(struct http *http, struct http1_refusal *refusal);
/**
 * http_translate_head() - The head of an answer has come; passes it on unless it is held.
 * @http: the pump
 * @head: parsed
 * @bytes: the same
 * @len: of it
 * @refusal: filled on failure
 */
bool http_translate_head(struct http *http, const struct http1_head *head, const uint8_t *bytes,
			 size_t len, struct http1_refusal *refusal);
/** http_translate_answer() - More of the body of an answer has come, or all of it. */
bool http_translate_answer(struct http *http, struct http1_refusal *refusal);
/** http_translate_holds_answer() - An answer is held, of which the client has nothing yet. */
bool http_translate_holds_answer(const struct http *http);
/** http_translate_is_call() - The request is one of gRPC in JSON. */
bool http_translate_is_call(const struct http *http);
/** http_translate_is_fault() - Does the outcome of a call speak against the provider? */
bool http_translate_is_fault(const struct http *http);

#endif
