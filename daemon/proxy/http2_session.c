// SPDX-License-Identifier: GPL-2.0
/* DOC: http2_session: see http2_session.h */
#include "daemon/proxy/http2_session.h"

#include <errno.h>

#include "daemon/lib/memory.h"

static nghttp2_option *make_option(const struct http2_session_limits *limits)
{
	nghttp2_option *option;

	if (nghttp2_option_new(&option) != 0)
		return NULL;
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_max_outbound_ack(option, limits->acks_max);
	nghttp2_option_set_max_settings(option, limits->settings_max);
	if (limits->continuations_max)
		nghttp2_option_set_max_continuations(option, limits->continuations_max);
	nghttp2_option_set_stream_reset_rate_limit(option, limits->resets_burst,
						   limits->resets_per_s);
	if (limits->peer_streams_max)
		nghttp2_option_set_peer_max_concurrent_streams(option, limits->peer_streams_max);
	nghttp2_option_set_max_reserved_remote_streams(option, 0);
	nghttp2_option_set_no_closed_streams(option, 1);
	return option;
}

static int start(nghttp2_session *session, bool is_server,
		 const struct http2_session_limits *limits)
{
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits->window},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->head_max},
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->streams_max},
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, /* a client's to say, so last */
	};
	int r = nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings,
					ARRAY_SIZE(settings) - is_server);

	if (r == 0)
		r = nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
							  limits->connection_window);
	return r;
}

int http2_session_begin(nghttp2_session **ret, bool is_server, nghttp2_session_callbacks *callbacks,
			void *arg, const struct http2_session_limits *limits)
{
	nghttp2_option *option = make_option(limits);
	int r = NGHTTP2_ERR_NOMEM;

	if (callbacks && option)
		r = is_server ? nghttp2_session_server_new2(ret, callbacks, arg, option)
			      : nghttp2_session_client_new2(ret, callbacks, arg, option);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	if (r == 0)
		r = start(*ret, is_server, limits);
	return r == 0 ? 0 : -ENOMEM;
}
