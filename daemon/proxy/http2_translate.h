/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: http2_translate: bodies in the format of the service, answers in the client's
 *
 * What http_translate.h is for HTTP/1.1: where a request goes to a service of
 * this hub that says a format, it is held until it is whole, and goes on
 * translated; so does the answer.  A held body waits where a passing one would
 * (to_service, to_client), but gets credit at once and is counted apart.  The
 * headers of the request stay as they came, for another attempt.
 */
#ifndef PROXY_HTTP2_TRANSLATE_H
#define PROXY_HTTP2_TRANSLATE_H

#include "daemon/proxy/http2.h"
#include "daemon/proxy/http2_lines.h"
#include "daemon/proxy/transcode.h"

/**
 * struct http2_translate - of one exchange whose service says a format, or has a descriptor
 * @schema: of the service, held; NULL it says a format
 * @call: with @schema: what is called
 * @lines: what is not whole of streams of messages; NULL there are none
 * @spoken: enum manifest_body of the service
 * @wanted: enum manifest_body the client would have its answer in, none: any
 * @holds_request: until it is whole
 * @holds_answer: the same
 * @head: headers of the request as the service gets them; NULL as they came
 * @held: bytes that are counted
 * @reason: a sentence for the client
 */
struct http2_translate {
	struct schema *schema;
	struct transcode_called call;
	struct http2_lines *lines;
	uint8_t spoken, wanted;
	bool holds_request, holds_answer;
	struct http2_fields *head;
	size_t held;
	char reason[TRANSLATION_REASON_SIZE];
};

/** http2_translate_reset() - Another attempt, or none any more. */
void http2_translate_reset(struct http2_exchange *exchange);
/** http2_translate_count() - What is held has changed. Return: bytes of its own. */
size_t http2_translate_count(struct http2_exchange *exchange);

/**
 * http2_translate_request() - What is about to go to the service: let it pass, hold it, or rewrite it.
 * @exchange: its @up is open
 * @refusal: filled on failure
 */
bool http2_translate_request(struct http2_exchange *exchange, struct http1_refusal *refusal);
/** http2_translate_head() - Headers of the request as the service gets them. */
const struct http2_fields *http2_translate_head(const struct http2_exchange *exchange);
/** http2_translate_holds_request() - Nothing of it goes to the service yet. */
bool http2_translate_holds_request(const struct http2_exchange *exchange);
/** http2_translate_request_end() - All of a held request is here. */
bool http2_translate_request_end(struct http2_exchange *exchange, struct http1_refusal *refusal);

/**
 * http2_translate_answer() - The final headers of an answer are in @answer_head.
 * @exchange: gets them rewritten, unless the answer is held
 * @has_all: there is no body
 * @refusal: filled on failure
 */
bool http2_translate_answer(struct http2_exchange *exchange, bool has_all,
			    struct http1_refusal *refusal);
/** http2_translate_holds_answer() - The client has nothing of it yet. */
bool http2_translate_holds_answer(const struct http2_exchange *exchange);
/**
 * http2_translate_answer_end() - All of a held answer is here.
 * @exchange: of it
 * @trailers: of it, NULL none; changed, and NULL if they have become headers
 * @refusal: filled on failure
 */
bool http2_translate_answer_end(struct http2_exchange *exchange, struct http2_fields **trailers,
				struct http1_refusal *refusal);
/** http2_translate_check() - Is what is held within its limits? */
bool http2_translate_check(struct http2_exchange *exchange, struct http1_refusal *refusal);

/* What both kinds do alike. */
struct translation_fields http2_translate_read_fields(const struct http2_fields *fields);
struct translation_body http2_translate_request_body(const struct http2_exchange *exchange);
void http2_translate_leave_out(struct http2_fields *fields, const char *const *names);
/** http2_translate_hold_request() - Who waits for 100 is told to go on. */
void http2_translate_hold_request(struct http2_exchange *exchange);
/** http2_translate_replace() - A translated body for one that came. Takes @bytes. */
void http2_translate_replace(struct http2_exchange *exchange, struct buffer *body, uint8_t *bytes,
			     size_t len);

#endif
