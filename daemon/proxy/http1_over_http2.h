/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: http1_over_http2: a service that speaks HTTP/2, for the pump of HTTP/1.1
 *
 *	http.c -- front | streams, one at a time | link -- socket or tunnel
 *
 * The pump sends one request at a time and reads its answer, as from any service
 * of HTTP/1.1.  What would be lost in between is refused, and told to the client by
 * http_answer(); what the service breaks off is broken off at the front, so that
 * the pump makes the request again elsewhere if it may.
 */
#ifndef PROXY_HTTP1_OVER_HTTP2_H
#define PROXY_HTTP1_OVER_HTTP2_H

#include "daemon/proxy/internal.h"

/**
 * http1_over_http2_new() - For an attempt of a flow that has a pump of HTTP/1.1.
 * @flow: of an entry; without what was there for an earlier attempt
 * @service: end that frames go to, when the attempt succeeds
 *
 * Return: the end that the pump is to have as its service.
 */
struct end *http1_over_http2_new(struct flow *flow, struct end *service);
/** http1_over_http2_free() - Let go of it, if there is one; its service stays. */
void http1_over_http2_free(struct flow *flow);
/** http1_over_http2_wire() - The end towards the service itself, whether @flow has a crossing or not. */
struct end *http1_over_http2_wire(const struct flow *flow);

#endif
