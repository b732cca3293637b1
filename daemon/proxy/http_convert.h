/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: http_convert: heads and trailers of HTTP/1.1 as those of HTTP/2, and back
 *
 * By RFC 9110, 9112 and 9113.  What is about one connection alone (Connection and
 * what it names, framing, TE but trailers) is not carried over; everything else is,
 * or the message is refused.  A head of HTTP/1.1 is written from nothing but words
 * and values that have been looked at, and then read again by http1.c, so that no
 * value can become a line of its own.  Pure; every byte is foreign.
 */
#ifndef PROXY_HTTP_CONVERT_H
#define PROXY_HTTP_CONVERT_H

#include "daemon/proxy/http1.h"
#include "daemon/proxy/http2_fields.h"

#define HTTP_CONVERT_AUTHORITY_MAX 255 /* a name of DNS and a port are shorter */

struct buffer;

/**
 * struct http_convert_body - what follows a head of HTTP/1.1 that was written
 * @framing: enum http1_framing
 * @length: with HTTP1_LENGTH
 */
struct http_convert_body {
	enum http1_framing framing;
	uint64_t length;
};

/**
 * struct http_convert_client - what has to be known of a request over HTTP/1.1 to answer it
 * @is_head: the method is
 * @is_persistent: its connection may go on
 * @is_old: it is HTTP/1.0: no chunks, no 1xx, no trailers
 * @takes_trailers: it says so: an answer gets chunks in place of its length, as some may come
 */
struct http_convert_client {
	bool is_head, is_persistent, is_old, takes_trailers;
};

/**
 * http_convert_request_to_2() - A request of HTTP/1.1 for a service that speaks HTTP/2.
 * @head: as http1_parse_request() gave it
 * @ret: empty; filled
 * @refusal: filled on failure
 *
 * Return: false it cannot be passed on; @refusal says what would be lost, or what is wrong.
 */
bool http_convert_request_to_2(const struct http1_head *head, struct http2_fields *ret,
			       struct http1_refusal *refusal);
/**
 * http_convert_answer_to_1() - An answer of HTTP/2, also an interim one, for a client of HTTP/1.1.
 * @fields: of the answer
 * @has_all: no body and no trailers follow
 * @client: who gets it
 * @ret: appended to; nothing if the client is to be spared an interim answer
 * @body: filled
 * @refusal: filled on failure, with status 502
 */
bool http_convert_answer_to_1(const struct http2_fields *fields, bool has_all,
			      const struct http_convert_client *client, struct buffer *ret,
			      struct http_convert_body *body, struct http1_refusal *refusal);
/**
 * http_convert_request_to_1() - A request of HTTP/2 for a service that speaks HTTP/1.1.
 * @fields: of the request
 * @has_all: no body and no trailers follow
 * @ret: appended to
 * @body: filled
 * @refusal: filled on failure
 */
bool http_convert_request_to_1(const struct http2_fields *fields, bool has_all, struct buffer *ret,
			       struct http_convert_body *body, struct http1_refusal *refusal);
/**
 * http_convert_answer_to_2() - An answer of HTTP/1.1, also an interim one, for a client of HTTP/2.
 * @head: as http1_parse_response() gave it
 * @ret: empty; filled
 * @refusal: filled on failure, with status 502
 */
bool http_convert_answer_to_2(const struct http1_head *head, struct http2_fields *ret,
			      struct http1_refusal *refusal);
/** http_convert_trailers_to_1() - @ret: appended to, without the empty line. Return: false they must not go on. */
bool http_convert_trailers_to_1(const struct http2_fields *fields, struct buffer *ret);
/** http_convert_trailers_to_2() - @ret: empty; filled. Return: false they must not go on. */
bool http_convert_trailers_to_2(const struct http1_head *trailers, struct http2_fields *ret);

#endif
