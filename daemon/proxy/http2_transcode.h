/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: http2_transcode: calls of gRPC in JSON, where the service has a descriptor
 *
 * A POST of JSON to /package.Service/Method is held until it is whole and made
 * as a call; the messages and status of the answer are held, too, and said in
 * JSON under the status of HTTP that means the same.  Calls of gRPC's own
 * clients pass.  A kind of http2_translate.h; the room is daemon/translate/grpc.h.
 */
#ifndef PROXY_HTTP2_TRANSCODE_H
#define PROXY_HTTP2_TRANSCODE_H

#include "daemon/proxy/http2_translate.h"

/** http2_transcode_request() - As http2_translate_request(), of a service that says no format. */
bool http2_transcode_request(struct http2_exchange *exchange, struct http1_refusal *refusal);
/** http2_transcode_request_end() - As http2_translate_request_end(). */
bool http2_transcode_request_end(struct http2_exchange *exchange, struct http1_refusal *refusal);
/** http2_transcode_answer() - As http2_translate_answer(). */
bool http2_transcode_answer(struct http2_exchange *exchange, bool has_all,
			    struct http1_refusal *refusal);
/** http2_transcode_answer_end() - As http2_translate_answer_end(). */
bool http2_transcode_answer_end(struct http2_exchange *exchange, struct http2_fields **trailers,
				struct http1_refusal *refusal);
/** http2_transcode_is_json() - Is what we answer ourselves JSON? */
bool http2_transcode_is_json(const struct http2_exchange *exchange);
/**
 * http2_transcode_say() - An answer of ours.
 * @exchange: its @to_client gets the body
 * @head: has its status, and gets the rest
 * @status: of HTTP
 * @reason: a sentence
 */
void http2_transcode_say(struct http2_exchange *exchange, struct http2_fields *head,
			 unsigned int status, const char *reason);

#endif
