/* SPDX-License-Identifier: GPL-2.0 */
/* DOC: http2_session: nghttp2 as all of the proxy use it: bounded, and with credit given by hand */
#ifndef PROXY_HTTP2_SESSION_H
#define PROXY_HTTP2_SESSION_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct http2_session_limits - what a peer may do
 * @acks_max: answers to its SETTINGS and PING that wait to be sent
 * @settings_max: entries of a SETTINGS
 * @continuations_max: of a header block, 0 nghttp2's own limit
 * @resets_burst: streams it may reset at once
 * @resets_per_s: and all the time
 * @peer_streams_max: that we have at a time before it has said how many, 0 nghttp2's own limit
 * @streams_max: that it may have at a time
 * @window: bytes that it may send unasked on a stream
 * @connection_window: the same on all of them
 * @head_max: bytes of a header list
 */
struct http2_session_limits {
	size_t acks_max, settings_max, continuations_max;
	uint64_t resets_burst, resets_per_s;
	uint32_t peer_streams_max, streams_max, window, head_max;
	int32_t connection_window;
};

/**
 * http2_session_begin() - A session, with its SETTINGS to be sent.
 * @ret: set if one was made, also on failure
 * @is_server: the peer asks
 * @callbacks: deleted; NULL there was no memory for them
 * @arg: theirs
 * @limits: of it
 *
 * Return: 0; -ENOMEM.
 */
int http2_session_begin(nghttp2_session **ret, bool is_server, nghttp2_session_callbacks *callbacks,
			void *arg, const struct http2_session_limits *limits);

#endif
