/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: http_pool: ways to services that wait for another client
 *
 * When the client of a flow of HTTP/1.1 has gone and its way to the service, a
 * socket or a stream with a socket at its other end, is as if nothing had been
 * said on it, the flow is spare: it stays as it is, without a client, and the
 * next one that would go the same way gets it.  Nobody else's answer may ever
 * come with it, so what is not beyond doubt is not kept, and whatever a service
 * says while a flow is spare closes it.
 *
 *	client gone --- http_pool_give() ---> spare --- http_pool_take() ---> next client
 *					      | says something, ends, 4 s, does not
 *					      | lead there any more, reload, drain
 *					      v
 *					    closed
 *
 * All flows of an entry are alike to the service: it is told of one caller.
 *
 * For a pump of another kind that needs a way to a service of HTTP/1.1: take one, set its client to an
 * end of its own, call http_listen(), and say a request there; without a way to take, do so with a flow of
 * flow_new() and http_new().  When that end has ended and the answer has come whole, the flow gives
 * itself back; flow_close() forgets it.
 */
#ifndef PROXY_HTTP_POOL_H
#define PROXY_HTTP_POOL_H

#include "daemon/proxy/http.h"

#define HTTP_POOL_MAX 256 /* in all: each is a descriptor of the service's, perhaps a thread */
#define HTTP_POOL_SERVICE_MAX 64 /* of one service, so that none has them all */
/* Many services end a silent connection after 5 s: we do before a request could cross that. */
#define HTTP_POOL_IDLE_NS (4 * NSEC_PER_SEC)
/* A service that said something unasked is not believed to know which answer is whose. */
#define HTTP_POOL_DISTRUST_NS (60 * NSEC_PER_SEC)

/** http_pool_may_keep() - Is the service, between requests, fit for another client? */
bool http_pool_may_keep(const struct http *http);
/**
 * http_pool_give() - The client is done: keep the flow for another.
 * @http: between requests
 *
 * Return: it is spare now, and its client let go; false: it is not, nothing has changed.
 */
bool http_pool_give(struct http *http);
/**
 * http_pool_take() - For a program that has come.
 * @entry: it has come to
 *
 * Return: an open flow without client, to which one is accepted; NULL none.
 */
struct flow *http_pool_take(struct entry *entry);
/** http_pool_remove() - A flow is being closed: it is not spare any more, if it was. */
void http_pool_remove(struct flow *flow);
/** http_pool_heard() - The service of a spare flow has done something: close it. */
void http_pool_heard(struct flow *flow);
/** http_pool_distrust() - A service said something that nobody had asked for. */
void http_pool_distrust(struct flow *flow);
/** http_pool_is_distrusted() - Did it, not long ago? */
bool http_pool_is_distrusted(const struct flow *flow);
/** http_pool_settle() - Something happened at the hub, or time has passed: close what is no good. */
void http_pool_settle(struct proxy *proxy);
/** http_pool_clear() - Close all that are spare. */
void http_pool_clear(struct proxy *proxy);
/**
 * http_pool_may_risk() - May the request under way be the first on a connection that was spare?
 * @http: with the head of it, at an entry
 *
 * The service may end the connection at that moment, and nobody knows what it has seen: then the
 * request is made again, which must be possible.
 */
bool http_pool_may_risk(const struct http *http);
/** http_pool_is_stale() - Has such a request failed without any answer? Then that says nothing. */
bool http_pool_is_stale(const struct http *http);
/**
 * http_pool_is_clean() - Has the service been silent since its last answer?
 * @http: at whose service a request is about to begin
 *
 * Asked of the kernel, if its connection is ours: what is there before the request is no answer to
 * it.  A service that has said something is not trusted for a time.
 */
bool http_pool_is_clean(const struct http *http);
/** http_pool_binds_connection() - Does a header authenticate the connection it comes on? */
bool http_pool_binds_connection(const struct http1_field *field);
/**
 * http_pool_has_length() - Has an answer come to an end that could be seen?
 * @body: of it
 *
 * One to HEAD, a 204 or a 304 has none: a wrong service adds a body, for whoever comes next.
 */
bool http_pool_has_length(const struct http1_body *body);
/** http_pool_note() - A head is about to be sent on: does it bind the connection to its client? */
void http_pool_note(struct http *http, const struct http1_head *head);

#endif
