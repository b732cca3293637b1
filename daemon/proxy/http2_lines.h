/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: http2_lines: streams of messages of gRPC as lines of JSON (application/x-ndjson)
 *
 * What http2_transcode.h does with one message, for each as it comes: a line of a
 * request is a message to the service, a message of the answer is a line
 * {"result": ...}, and a call that fails has {"error": ...} as its last.  Nothing is
 * held but what is not whole, and what its reader has no room for: who sends it
 * gets no credit for it until then.
 *
 *	request -> @asked -> to_service		answer -> @answered -> to_client
 */
#ifndef PROXY_HTTP2_LINES_H
#define PROXY_HTTP2_LINES_H

#include "daemon/proxy/http2.h"

#define HTTP2_LINES_AHEAD 65536 /* bytes made ahead of what a reader has taken */

/**
 * struct http2_lines - of one exchange that has them
 * @takes: the request is lines
 * @gives: the answer is
 * @asked: of the request, not translated yet
 * @answered: of the answer, not translated yet
 * @asked_owed: bytes of @asked, and of what was made of it, without credit
 * @answered_owed: the same
 * @n_asked: lines of the request so far
 * @last: line that tells of a failure, to be said behind all messages; heap, NULL none
 * @last_len: of it
 * @has_ended: all of the answer is here
 * @is_broken: of the request no more is read, of the answer no more is said
 */
struct http2_lines {
	bool takes, gives;
	struct buffer asked, answered;
	size_t asked_owed, answered_owed;
	uint64_t n_asked;
	uint8_t *last;
	size_t last_len;
	bool has_ended, is_broken;
};

/** http2_lines_takes() - Is the request lines? */
bool http2_lines_takes(const struct http2_exchange *exchange);
/** http2_lines_gives() - Is the answer? */
bool http2_lines_gives(const struct http2_exchange *exchange);
/** http2_lines_free() - NULL is allowed. */
void http2_lines_free(struct proxy *proxy, struct http2_lines *lines);
/** http2_lines_held() - Bytes that wait; NULL has none. */
size_t http2_lines_held(const struct http2_lines *lines);

/** http2_lines_asked() - More of the request. */
void http2_lines_asked(struct http2_exchange *exchange, const uint8_t *bytes, size_t len);
/** http2_lines_ask() - As many of its lines as the service has room for. Return: false refused. */
bool http2_lines_ask(struct http2_exchange *exchange, struct http1_refusal *refusal);
/** http2_lines_asked_credit() - Bytes that who asks has credit for now. */
size_t http2_lines_asked_credit(struct http2_exchange *exchange);
/** http2_lines_drop_request() - Nothing more of it is read. Return: bytes that had no credit. */
size_t http2_lines_drop_request(struct http2_exchange *exchange);
/** http2_lines_are_asked() - Has all that has come of the request been made messages? */
bool http2_lines_are_asked(const struct http2_exchange *exchange);

/** http2_lines_answered() - More of the answer. */
void http2_lines_answered(struct http2_exchange *exchange, const uint8_t *bytes, size_t len);
/** http2_lines_say() - As many of its messages as the client has room for. Return: false refused. */
bool http2_lines_say(struct http2_exchange *exchange, struct http1_refusal *refusal);
/** http2_lines_answered_credit() - Bytes that the service has credit for now. */
size_t http2_lines_answered_credit(struct http2_exchange *exchange);
/** http2_lines_end() - All of the answer is here, with its status in @exchange. */
void http2_lines_end(struct http2_exchange *exchange, const struct http2_fields *trailers);
/** http2_lines_fail() - Nothing more of it is said but that it failed. */
void http2_lines_fail(struct http2_exchange *exchange, unsigned int code, const char *reason);
/** http2_lines_are_said() - Has all that has come of the answer been made lines? */
bool http2_lines_are_said(const struct http2_exchange *exchange);

#endif
