/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: http2_over_http1: a service that speaks HTTP/1.1, for the pump of HTTP/2
 *
 *	                              +- carrier -- socket or tunnel
 *	http2.c (up) -- link | streams |- carrier -- socket or tunnel
 *	                              +- carrier -- socket or tunnel
 *
 * A pooled connection of an entry meets a server of HTTP/2 that has one connection
 * of HTTP/1.1 to the service for each stream under way: a carrier.  It is used again
 * by the next stream, and let go when none has needed it for a while.  A carrier is a
 * flow of its own, to the provider of the pooled connection and no other.
 *
 *	http2_over_http1.c	the session, and which stream has which carrier
 *	carrier.c		one connection: a request out, its answer in
 *
 * Who breaks off is told as a provider tells it: REFUSED_STREAM if the service can
 * have seen nothing, CONNECT_ERROR if it may have, PROTOCOL_ERROR if it makes no
 * sense; so the pump makes requests again as it does elsewhere.
 */
#ifndef PROXY_HTTP2_OVER_HTTP1_H
#define PROXY_HTTP2_OVER_HTTP1_H

#include "daemon/proxy/crossing.h"
#include "daemon/proxy/http_convert.h"

/*
 * Connections to a service for one pooled connection, as many as that has requests before
 * another is opened; with ENTRY_HTTP2_MAX of those an entry has 800 at most.
 */
#define CARRIERS_MAX 100
#define CARRIERS_CLOSING_MAX 100 /* on top: whose streams are over, and that are about to close */
#define CARRIER_IDLE_S 60 /* unused: as long as servers keep such connections */

/**
 * struct http2_over_http1 - what a pooled connection of an entry meets
 * @crossing: first
 * @link: towards the pump
 * @flow: of the pooled connection
 * @carriers: the last one used first
 * @n_carriers: of them
 * @is_broken: the pump makes no sense
 * @has_failed: the first attempt has
 * @why: it has
 */
struct http2_over_http1 {
	struct crossing crossing;
	struct http2_link link;
	struct flow *flow;
	struct carrier *carriers;
	uint32_t n_carriers;
	bool is_broken, has_failed;
	enum proxy_end why;
};

/**
 * struct carrier - a connection of HTTP/1.1 to the service
 * @crossing: first
 * @end: client of @flow; its @in is the request
 * @flow: its own; NULL: gone
 * @over: whose; NULL: nobody's any more
 * @prev: in the list of @over
 * @next: the same
 * @stream: under way, 0 none
 * @is_begun: the attempt to connect was made
 * @is_spent: it is not used again, and about to close
 * @is_cut: the service is told that its answer, or the rest of the request, was broken off
 * @is_broken: the service has broken off, in the middle of what is still to be passed on
 * @is_head: the answer has no body
 * @has_all: the request is written whole
 * @is_sent: the service may have seen some of it
 * @is_persistent: the service will take another one
 * @is_private: the service may take the connection for that of who asked last
 * @has_head: the final answer's has come
 * @request_body: what is still to come
 * @owed: bytes in @end.in that the pump has had no credit for
 * @pending: read from the service: a head that has not ended, or what follows one
 * @seen: bytes of @pending searched for its end
 * @body: where in the answer we are
 * @content: of the answer, on its way to the pump
 * @trailer_lines: of the answer, until they are whole
 * @trailers: of the answer; NULL none
 */
struct carrier {
	struct crossing crossing;
	struct end end;
	struct flow *flow;
	struct http2_over_http1 *over;
	struct carrier *prev, *next;
	int32_t stream;
	bool is_begun, is_spent, is_cut, is_broken, is_head, has_all, is_sent, is_persistent,
		is_private, has_head;
	struct http_convert_body request_body;
	size_t owed;
	struct buffer pending;
	size_t seen;
	struct http1_body body;
	struct buffer content, trailer_lines;
	struct http2_fields *trailers;
};

/**
 * http2_over_http1_new() - In place of an attempt of a pooled connection.
 * @flow: of it, with hub, manifest and lease of the attempt; opened when a first carrier is
 */
void http2_over_http1_new(struct flow *flow);
/** http2_over_http1_close() - With its carriers; a flow without one is allowed. */
void http2_over_http1_close(struct flow *flow);
/** http2_over_http1_attempt_failed() - That of a carrier, whose flow is closed next. */
void http2_over_http1_attempt_failed(struct carrier *carrier, enum proxy_end why);
/** http2_over_http1_answer() - A head of an answer came, maybe not the last one. Return: false it makes no sense. */
bool http2_over_http1_answer(struct carrier *carrier, const struct http1_head *head);
/** http2_over_http1_resume() - There is content, or its end. */
void http2_over_http1_resume(struct carrier *carrier);
/** http2_over_http1_flush() - Make frames of what there is to say, before something is broken off. */
void http2_over_http1_flush(struct http2_over_http1 *over);
/** http2_over_http1_reset() - The stream of a carrier ends without its answer. @code: why. */
void http2_over_http1_reset(struct carrier *carrier, uint32_t code);
/** http2_over_http1_credit() - So much of the request's body has gone. */
void http2_over_http1_credit(struct carrier *carrier, size_t n);

/* carrier.c */
/** carrier_new() - One more, which will connect. Return: NULL there are too many flows. */
struct carrier *carrier_new(struct http2_over_http1 *over);
/** carrier_is_free() - May a stream use it? */
bool carrier_is_free(const struct carrier *carrier);
/**
 * carrier_begin() - A request.
 * @carrier: free, or new
 * @stream: of it
 * @head: written; emptied
 * @body: that follows
 * @has_all: nothing does
 * @is_head: its method is
 */
void carrier_begin(struct carrier *carrier, int32_t stream, struct buffer *head,
		   const struct http_convert_body *body, bool has_all, bool is_head);
/** carrier_write() - Some of the request's body. Return: false it is more than was said. */
bool carrier_write(struct carrier *carrier, const uint8_t *bytes, size_t len);
/** carrier_write_end() - It is whole. Return: false it is less than was said. */
bool carrier_write_end(struct carrier *carrier);
/** carrier_release() - Its stream is over: it is free, or closes if something is left undone. */
void carrier_release(struct carrier *carrier);
/** carrier_close() - Nobody's any more. */
void carrier_close(struct carrier *carrier);

#endif
