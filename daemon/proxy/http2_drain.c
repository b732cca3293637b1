// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: http2_drain: connections of HTTP/2 that are to end, and let their requests end first
 *
 * RFC 9113 6.8: a GOAWAY that names no stream says that there will be no more
 * streams; who asks may have sent some before it heard that.  A PING behind it
 * is answered when it has, and then a GOAWAY names the last stream.  What is
 * under way goes on until it ends, or is told that there is no time left; who
 * does not even take that in time is cut.
 */
#include "daemon/proxy/http2.h"

static struct resilience_counts *counts_of(const struct http2 *http2)
{
	return &http2->flow->counted->counts.resilience;
}

static void say_that_it_ends(struct http2 *http2)
{
	nghttp2_session *session = http2->down.session;

	if (nghttp2_submit_shutdown_notice(session) != 0 ||
	    nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, NULL) != 0)
		http2_drain(&http2->down); /* a GOAWAY has been sent before */
	http2_mark_dirty(&http2->down);
}

void http2_drain_all(struct flow *flow)
{
	struct http2 *http2 = flow->http2;
	uint32_t ms = flow->entry ? flow->entry->settings.resilience.drain_ms : DRAIN_MS_DEFAULT;

	if (flow->is_closed || http2->drain_ns || http2->role == HTTP2_UPSTREAM)
		return; /* connections to providers end with their requests */
	if (http2->role == HTTP2_SHADOW) {
		http2_shadow_drain(http2);
		return;
	}
	if (!http2->is_begun) { /* nothing has been said yet */
		flow_close(flow, flow->is_open ? PROXY_END_DONE : PROXY_END_STOP);
		return;
	}
	http2->said_ns = proxy_now_ns(flow->proxy);
	http2->drain_ns = http2->said_ns + ms * NSEC_PER_MSEC;
	say_that_it_ends(http2);
}

void http2_drain_heard(struct http2 *http2)
{
	if (http2->drain_ns)
		http2_drain(&http2->down);
}

/* Return: the flow was closed. */
static bool cut(struct http2 *http2, uint64_t now_ns)
{
	struct http2_exchange *next;

	if (http2->cut_ns && now_ns - http2->cut_ns > HTTP2_LAST_WORDS_NS) {
		flow_close(http2->flow, PROXY_END_STOP);
		return true;
	}
	if (http2->cut_ns)
		return false;
	http2->cut_ns = now_ns;
	counts_of(http2)->drain_cut++;
	for (struct http2_exchange *at = http2->down.exchanges; at; at = next) {
		next = at->down_next;
		http2_exchange_stop(at);
	}
	http2_mark_dirty(&http2->down);
	return false;
}

bool http2_drain_tick(struct http2 *http2, uint64_t now_ns)
{
	if (!http2->drain_ns)
		return false;
	if (now_ns - http2->said_ns > HTTP2_PING_NS || now_ns >= http2->drain_ns)
		http2_drain(&http2->down);
	return now_ns >= http2->drain_ns && cut(http2, now_ns);
}

void http2_drain_ended(const struct http2 *http2)
{
	if (http2->drain_ns && !http2->cut_ns)
		counts_of(http2)->drained++;
}

bool http2_is_drained(const struct flow *flow)
{
	return flow->http2->role == HTTP2_UPSTREAM || flow->http2->role == HTTP2_SHADOW ||
	       flow->is_closed;
}
