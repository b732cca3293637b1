/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: crossing: between a pump of one version of HTTP and a service that speaks the other
 *
 *	pump -- end | crossing | end -- socket or tunnel
 *
 * A pump meets an end that speaks as its programs do; what the service says and
 * hears is another matter.  That of HTTP/1.1 programs is http1_over_http2.c, one
 * to a connection; that of HTTP/2 programs http2_over_http1.c, one to a pooled
 * connection.  Which heads become which is http_convert.c.
 *
 * A crossing works only just before the loop sleeps, so never while a pump or a
 * session of nghttp2 that called it is on the stack.  Whatever it calls may close it:
 * its memory stays while it works or is waited for.
 */
#ifndef PROXY_CROSSING_H
#define PROXY_CROSSING_H

#include "daemon/proxy/internal.h"

#define CROSSING_PASSING_MAX 32768 /* content held, each way: as much as a pump passes at once */
#define CROSSING_WINDOW 65535 /* bytes of content that a peer may send unasked */

/**
 * struct crossing - what is common to them
 * @proxy: whose
 * @work: look at both sides, pass on what can be
 * @free: when nobody knows it any more
 * @next_dirty: in the list of those with work
 * @is_dirty: it is in that list
 * @is_closed: its owner has let go
 * @users: owner, list and stack
 */
struct crossing {
	struct proxy *proxy;
	void (*work)(struct crossing *crossing);
	void (*free)(struct crossing *crossing);
	struct crossing *next_dirty;
	bool is_dirty, is_closed;
	uint32_t users;
};

/**
 * struct http2_link - a session of nghttp2 at an end of a crossing
 * @end: its @in are frames for the other end to take
 * @crossing: has work when the other end has news
 * @session: NULL before it begins; its callbacks get the link
 * @block: headers that are coming; NULL none
 */
struct http2_link {
	struct end end;
	struct crossing *crossing;
	nghttp2_session *session;
	struct http2_fields *block;
};

/** crossing_init() - @work and @free: see there. */
void crossing_init(struct crossing *crossing, struct proxy *proxy,
		   void (*work)(struct crossing *crossing),
		   void (*free)(struct crossing *crossing));
/** crossing_mark_dirty() - There may be work. */
void crossing_mark_dirty(struct crossing *crossing);
/** crossing_close() - Its owner lets go; it may be freed now. */
void crossing_close(struct crossing *crossing);
/** crossings_flush() - Do what one turn of the loop asked for. */
void crossings_flush(struct proxy *proxy);

/** http2_link_init() - An end of @crossing's; the other one is joined to it by the caller. */
void http2_link_init(struct http2_link *link, struct crossing *crossing, struct flow *flow);
/** http2_link_callbacks() - Those that gather @block, to be added to. Return: NULL no memory. */
nghttp2_session_callbacks *http2_link_callbacks(void);
/**
 * http2_link_begin() - A session with a peer that is a pump of ours, or a service.
 * @link: ready
 * @is_server: the peer asks
 * @callbacks: freed; NULL there was no memory for them
 * @streams_max: that the peer may have at a time
 *
 * Return: 0; -ENOMEM.
 */
int http2_link_begin(struct http2_link *link, bool is_server, nghttp2_session_callbacks *callbacks,
		     uint32_t streams_max);
/** http2_link_take_block() - The headers that have come. Return: the caller's; NULL none. */
struct http2_fields *http2_link_take_block(struct http2_link *link);
/** http2_link_send() - Frames into the end, as far as it has room. Return: 0; -EPROTO. */
int http2_link_send(struct http2_link *link);
/** http2_link_receive() - Understand what the other end has. Return: 0; -EPROTO. */
int http2_link_receive(struct http2_link *link);
void http2_link_fini(struct http2_link *link, struct proxy *proxy);

#endif
