// SPDX-License-Identifier: GPL-2.0
/* DOC: http2: see http2.h; sessions, frames, limits and time */
#include "daemon/proxy/http2.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/http2_lines.h"
#include "daemon/proxy/http2_over_http1.h"
#include "daemon/proxy/http2_session.h"

static struct http2_conn *conn_of(struct end *end)
{
	return (struct http2_conn *)end;
}

static struct flow *flow_of(const struct http2_conn *conn)
{
	return conn->http2->flow;
}

static struct http2_exchange *exchange_at(nghttp2_session *session, int32_t stream)
{
	return stream ? nghttp2_session_get_stream_user_data(session, stream) : NULL;
}

/* ---- out ---- */

void http2_mark_dirty(struct http2_conn *conn)
{
	struct flow *flow = flow_of(conn);

	if (conn->is_dirty || flow->is_closed ||
	    (!conn->session && conn->http2->role != HTTP2_SHADOW))
		return;
	conn->is_dirty = true;
	conn->next_dirty = flow->proxy->http2_dirty;
	flow->proxy->http2_dirty = conn;
	flow->handles++;
}

static ssize_t on_body_wanted(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t max,
			      uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	const struct http2_conn *conn = arg;
	struct http2_exchange *exchange = exchange_at(session, stream);
	const struct http2_fields *trailers;
	nghttp2_nv nv[HTTP2_FIELDS_ROOM];
	const struct buffer *from;
	bool has_all;
	size_t n;

	if (!exchange)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* it is gone, a reset follows */
	from = conn->is_server ? &exchange->to_client : &exchange->to_service;
	has_all = conn->is_server ? exchange->is_answered && http2_lines_are_said(exchange)
				  : exchange->has_all && http2_lines_are_asked(exchange);
	trailers = conn->is_server ? exchange->answer_trailers : exchange->trailers;
	n = buffer_len(from);
	if (!n && !has_all)
		return NGHTTP2_ERR_DEFERRED;
	if (n > max)
		n = max;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (!has_all || n < buffer_len(from))
		return (ssize_t)n;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (trailers && trailers->n) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_submit_trailer(session, stream, nv, http2_fields_to_nv(trailers, nv));
	}
	return (ssize_t)n;
}

const nghttp2_data_provider http2_body = {.read_callback = on_body_wanted};

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header,
			size_t len, nghttp2_data_source *source, void *arg)
{
	struct http2_conn *conn = arg;
	struct http2_exchange *exchange = exchange_at(session, frame->hd.stream_id);
	struct buffer *from;

	if (!exchange)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (buffer_len(&conn->end.in) >= HTTP2_OUT_MAX)
		return NGHTTP2_ERR_WOULDBLOCK;
	from = conn->is_server ? &exchange->to_client : &exchange->to_service;
	/* It was cut while the frame waited for room: the stream is reset in place of it. */
	if (buffer_len(from) < len)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	buffer_append(&conn->end.in, header, FRAME_HEADER_LEN);
	if (!len)
		return 0;
	buffer_append(&conn->end.in, from->bytes + from->start, len);
	buffer_take(flow_of(conn)->proxy, from, len);
	http2_exchange_sent(exchange, conn, len);
	return 0;
}

/* What programs and services of this hub get is counted here; the rest as it is read. */
static void count_out(struct http2_conn *conn, size_t n)
{
	struct flow *flow = flow_of(conn);

	flow->moved_ns = proxy_now_ns(flow->proxy);
	if (conn->http2->role == HTTP2_PROGRAM)
		flow->bytes_from_service += n;
	else if (conn->http2->role == HTTP2_UPSTREAM)
		flow->bytes_to_service += n;
}

/* Return: 0; -EPROTO nghttp2 gave up. */
static int make_frames(struct http2_conn *conn)
{
	size_t before = buffer_len(&conn->end.in);
	ssize_t n = 1;

	conn->is_busy = true;
	while (n > 0 && buffer_len(&conn->end.in) < HTTP2_OUT_MAX) {
		const uint8_t *bytes;

		n = nghttp2_session_mem_send(conn->session, &bytes);
		if (n > 0)
			buffer_append(&conn->end.in, bytes, (size_t)n);
	}
	conn->is_busy = false;
	if (buffer_len(&conn->end.in) > before)
		count_out(conn, buffer_len(&conn->end.in) - before);
	return n < 0 ? -EPROTO : 0;
}

/* All has been said on a side that takes part no longer: let its end follow. */
static void check_over(struct http2_conn *conn)
{
	struct flow *flow = flow_of(conn);
	bool is_over = !nghttp2_session_want_read(conn->session) &&
		       !nghttp2_session_want_write(conn->session);

	is_over |= conn->is_draining && conn->is_server && !conn->n_exchanges &&
		   !nghttp2_session_want_write(conn->session);
	if (!is_over || buffer_len(&conn->end.in) || flow->is_closed)
		return;
	if (!conn->is_server) {
		flow_broken(flow, flow->service);
		return;
	}
	if (!conn->end.has_ended)
		http2_drain_ended(conn->http2);
	conn->end.has_ended = true;
	if (!conn->end.other->is_finished)
		conn->end.other->ops->pull(conn->end.other);
	if (!flow->is_closed && conn->end.other->is_finished)
		flow_close(flow, PROXY_END_DONE);
}

static void conn_flush(struct http2_conn *conn)
{
	struct flow *flow = flow_of(conn);

	if (conn->http2->role == HTTP2_SHADOW) {
		http2_shadow_flush(conn->http2);
		return;
	}
	if (flow->is_closed || conn->is_gone || !conn->session)
		return;
	do {
		if (make_frames(conn) < 0) {
			flow_broken(flow, conn->end.other);
			return;
		}
		if (!buffer_len(&conn->end.in))
			break;
		conn->end.other->ops->pull(conn->end.other);
	} while (!flow->is_closed && !conn->is_gone && !buffer_len(&conn->end.in));
	if (!flow->is_closed && !conn->is_gone)
		check_over(conn);
}

void http2_flush(struct proxy *proxy)
{
	while (proxy->http2_dirty) {
		struct http2_conn *conn = proxy->http2_dirty;
		struct flow *flow = flow_of(conn);

		proxy->http2_dirty = conn->next_dirty;
		conn->is_dirty = false;
		conn_flush(conn);
		flow_put(flow);
	}
}

void http2_drain(struct http2_conn *conn)
{
	if (conn->is_draining || !conn->session)
		return;
	conn->is_draining = true;
	nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE,
			      nghttp2_session_get_last_proc_stream_id(conn->session),
			      NGHTTP2_NO_ERROR, NULL, 0);
	http2_mark_dirty(conn);
}

/* ---- events of nghttp2 ---- */

/* After this nothing of what it says is looked at. */
static int give_up(struct http2_conn *conn, uint32_t code)
{
	nghttp2_session_terminate_session(conn->session, code);
	http2_mark_dirty(conn);
	return 0;
}

static bool is_closed(const struct http2_conn *conn)
{
	return flow_of(conn)->is_closed || conn->is_gone;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http2_conn *conn = arg;

	if (is_closed(conn))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	http2_fields_free(conn->block);
	conn->block = http2_fields_new();
	return 0;
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *arg)
{
	struct http2_conn *conn = arg;

	if (is_closed(conn))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (hd->type == NGHTTP2_HEADERS)
		conn->block_ns = proxy_now_ns(flow_of(conn)->proxy);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *arg)
{
	const struct http1_text name_text = {(const char *)name, name_len};
	const struct http1_text value_text = {(const char *)value, value_len};
	struct http2_conn *conn = arg;

	if (conn->block)
		http2_fields_add(conn->block, &name_text, &value_text,
				 flags & NGHTTP2_NV_FLAG_NO_INDEX,
				 conn->http2->role != HTTP2_PROGRAM);
	return 0;
}

/* nghttp2 would only leave it out; it is what smuggling is made of. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
			     const uint8_t *name, size_t name_len, const uint8_t *value,
			     size_t value_len, uint8_t flags, void *arg)
{
	nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
				  NGHTTP2_PROTOCOL_ERROR);
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void on_headers(struct http2_conn *conn, const nghttp2_frame *frame)
{
	struct http2_exchange *exchange = exchange_at(conn->session, frame->hd.stream_id);
	struct http2_fields *block = conn->block;
	bool has_all = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	conn->block = NULL;
	conn->block_ns = 0;
	if (!block)
		return;
	if (conn->is_server && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		http2_exchange_begin(conn, frame->hd.stream_id, block, has_all);
	else if (!exchange)
		http2_fields_free(block);
	else if (conn->is_server)
		http2_exchange_request_end(exchange, block);
	else if (http2_fields_status(block))
		http2_exchange_answer_head(exchange, block, has_all);
	else
		http2_exchange_answer_end(exchange, block);
}

static void on_data_end(struct http2_conn *conn, struct http2_exchange *exchange)
{
	if (!exchange)
		return;
	if (conn->is_server)
		http2_exchange_request_end(exchange, NULL);
	else
		http2_exchange_answer_end(exchange, NULL);
}

static bool is_noise(const nghttp2_frame *frame)
{
	return frame->hd.type == NGHTTP2_PRIORITY ||
	       (frame->hd.type == NGHTTP2_DATA && !frame->hd.length &&
		!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM));
}

/* The service, or the hub before it, takes no more; where requests go then is not its to say. */
static void on_goaway(struct http2_conn *conn)
{
	conn->is_draining = true;
	if (conn->http2->role == HTTP2_UPSTREAM)
		http2_pool_remove(conn->http2);
	else if (!conn->is_server)
		http2_drain(&conn->http2->down);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http2_conn *conn = arg;

	if (is_closed(conn))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (is_noise(frame) && !bucket_take(&conn->noise, proxy_now_ns(flow_of(conn)->proxy),
					    HTTP2_NOISE_PER_S, HTTP2_NOISE_BURST))
		return give_up(conn, NGHTTP2_ENHANCE_YOUR_CALM);
	if (frame->hd.type == NGHTTP2_HEADERS)
		on_headers(conn, frame);
	else if (frame->hd.type == NGHTTP2_DATA && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		on_data_end(conn, exchange_at(session, frame->hd.stream_id));
	else if (frame->hd.type == NGHTTP2_GOAWAY && !conn->is_server)
		on_goaway(conn);
	else if (frame->hd.type == NGHTTP2_PING && frame->hd.flags & NGHTTP2_FLAG_ACK)
		http2_drain_heard(conn->http2);
	return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream,
			 const uint8_t *bytes, size_t len, void *arg)
{
	struct http2_conn *conn = arg;
	struct http2_exchange *exchange = exchange_at(session, stream);

	if (is_closed(conn))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	nghttp2_session_consume_connection(session, len);
	if (!exchange)
		nghttp2_session_consume_stream(session, stream, len);
	else if (conn->is_server)
		http2_exchange_request_data(exchange, bytes, len);
	else
		http2_exchange_answer_data(exchange, bytes, len);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *arg)
{
	struct http2_conn *conn = arg;
	struct http2_exchange *exchange = exchange_at(session, stream);

	if (!exchange)
		return 0;
	nghttp2_session_set_stream_user_data(session, stream, NULL);
	if (conn->is_server)
		http2_exchange_free(exchange, code);
	else
		http2_exchange_up_closed(exchange, code);
	return 0;
}

/* Resets that a client can force out of us, one after the other (CVE-2025-8671). */
static bool is_forced(uint32_t code)
{
	return code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR ||
	       code == NGHTTP2_STREAM_CLOSED || code == NGHTTP2_FRAME_SIZE_ERROR;
}

/* Return: false they are too many. */
static bool note_forced_reset(struct http2_conn *conn, const nghttp2_frame *frame)
{
	uint64_t now_ns = proxy_now_ns(flow_of(conn)->proxy);

	if (!exchange_at(conn->session, frame->hd.stream_id))
		http2_count_malformed(conn); /* nghttp2 has not shown it to us */
	return conn->http2->role != HTTP2_PROGRAM ||
	       bucket_take(&conn->resets, now_ns, HTTP2_RESETS_PER_S, HTTP2_RESETS_BURST);
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http2_conn *conn = arg;
	struct http2_exchange *exchange = exchange_at(session, frame->hd.stream_id);

	if (!conn->is_server) {
		if (exchange && frame->hd.type == NGHTTP2_HEADERS)
			exchange->is_sent = true;
		return 0;
	}
	if (exchange && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
	    frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		http2_exchange_said(exchange);
	else if (frame->hd.type == NGHTTP2_RST_STREAM && is_forced(frame->rst_stream.error_code) &&
		 !note_forced_reset(conn, frame))
		return give_up(conn, NGHTTP2_ENHANCE_YOUR_CALM);
	return 0;
}

static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int error,
			     void *arg)
{
	struct http2_conn *conn = arg;

	if (conn->is_server || frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	for (struct http2_exchange *at = conn->exchanges; at; at = at->up_next)
		if (at->up_stream == frame->hd.stream_id) {
			http2_exchange_up_closed(at, NGHTTP2_REFUSED_STREAM);
			break;
		}
	return 0;
}

static nghttp2_session_callbacks *make_callbacks(void)
{
	nghttp2_session_callbacks *callbacks;

	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		return NULL;
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
	return callbacks;
}

/* Return: 0; -ENOMEM. */
static int conn_begin(struct http2_conn *conn)
{
	const bool is_program = conn->http2->role ==
				HTTP2_PROGRAM; /* else there are many behind it */
	const struct http2_session_limits limits = {
		.acks_max = HTTP2_ACKS_MAX,
		.settings_max = HTTP2_SETTINGS_MAX,
		.continuations_max = HTTP2_CONTINUATIONS_MAX,
		.resets_burst = is_program ? HTTP2_RESETS_BURST : TRUNK_RESETS_BURST,
		.resets_per_s = is_program ? HTTP2_RESETS_PER_S : TRUNK_RESETS_PER_S,
		.streams_max = is_program ? HTTP2_STREAMS_MAX : HTTP2_HUB_STREAMS_MAX,
		.window = HTTP2_WINDOW,
		.connection_window = HTTP2_CONNECTION_WINDOW,
		.head_max = HTTP2_HEAD_MAX + (is_program ? 0 : HTTP2_ADDED_MAX),
	};
	int r = http2_session_begin(&conn->session, conn->is_server, make_callbacks(), conn,
				    &limits);

	http2_mark_dirty(conn);
	return r;
}

/* ---- in ---- */

static void understand(struct http2_conn *conn, struct end *from)
{
	struct flow *flow = flow_of(conn);

	while (!is_closed(conn) && buffer_len(&from->in)) {
		size_t n = buffer_len(&from->in);
		ssize_t r;

		conn->is_busy = true;
		r = nghttp2_session_mem_recv(conn->session, from->in.bytes + from->in.start, n);
		conn->is_busy = false;
		if (is_closed(conn))
			return;
		if (r < 0 ||
		    nghttp2_session_get_outbound_queue_size(conn->session) > HTTP2_FRAMES_MAX) {
			flow_broken(flow, from);
			return;
		}
		buffer_take(flow->proxy, &from->in, n);
		from->ops->taken(from, n);
	}
}

static void conn_receive(struct http2_conn *conn)
{
	struct flow *flow = flow_of(conn);
	struct end *from = conn->end.other;

	if (!conn->session || conn->is_busy || is_closed(conn) || !from)
		return;
	flow->handles++;
	understand(conn, from);
	if (!is_closed(conn) && from->has_ended && !buffer_len(&from->in))
		flow_broken(flow, from);
	http2_mark_dirty(conn);
	flow_put(flow);
}

/* ---- what kind of connection? ---- */

/* It is something else, that only the service understands: TLS, or HTTP/1.1. */
static void become_bytes(struct http2 *http2)
{
	struct flow *flow = http2->flow;
	bool is_provider = http2->role == HTTP2_PROVIDER;

	flow->pump->free(flow);
	flow->http2 = NULL;
	flow_becomes_bytes(flow);
	if (!is_provider) {
		flow->client->other = NULL;
		flow->waiting_ns = proxy_now_ns(flow->proxy);
		entry_dispatch(flow);
		return;
	}
	if (!provider_is_allowed(flow)) {
		flow_close(flow, PROXY_END_POLICY);
		return;
	}
	flow_join(flow, flow->client, flow->service);
	flow->service->ops->pull(flow->service);
	if (!flow->is_closed)
		flow->client->ops->pull(flow->client);
}

static void begin(struct http2 *http2)
{
	http2->is_begun = true;
	if (conn_begin(&http2->down) < 0 ||
	    (http2->role == HTTP2_PROVIDER && conn_begin(&http2->up) < 0)) {
		flow_close(http2->flow, PROXY_END_LIMIT);
		return;
	}
	if (http2->role == HTTP2_PROVIDER)
		conn_receive(&http2->up);
	conn_receive(&http2->down);
}

/* Prior knowledge (RFC 9113, 3.3): a client's first bytes. */
static void look_at_first_bytes(struct http2 *http2)
{
	struct end *client = http2->flow->client;
	size_t n = buffer_len(&client->in);

	if (http2->role == HTTP2_PROVIDER && !http2->flow->is_open)
		return;
	if (n > NGHTTP2_CLIENT_MAGIC_LEN)
		n = NGHTTP2_CLIENT_MAGIC_LEN;
	if (!n && client->has_ended)
		flow_close(http2->flow, PROXY_END_DONE);
	else if (n && (memcmp(client->in.bytes + client->in.start, NGHTTP2_CLIENT_MAGIC, n) != 0 ||
		       (client->has_ended && n < NGHTTP2_CLIENT_MAGIC_LEN)))
		become_bytes(http2);
	else if (n == NGHTTP2_CLIENT_MAGIC_LEN)
		begin(http2);
}

/* ---- the ends ---- */

static void http2_pull(struct end *end)
{
	struct http2_conn *conn = conn_of(end);

	if (!conn->http2->is_begun && conn->is_server)
		look_at_first_bytes(conn->http2);
	else
		conn_receive(conn);
}

static void http2_taken(struct end *end, size_t n)
{
	http2_mark_dirty(conn_of(end));
}

static void http2_close(struct end *end, bool is_reset)
{
	/* Only the ends outside are closed. */
}

static const struct end_ops http2_ops = {
	.pull = http2_pull,
	.taken = http2_taken,
	.close = http2_close,
};

static void http2_settle(struct flow *flow)
{
	struct http2 *http2 = flow->http2;

	flow->handles++;
	if (http2->role != HTTP2_UPSTREAM && flow->client->other)
		http2_pull(&http2->down.end);
	if (!flow->is_closed && flow->http2)
		conn_receive(&http2->up);
	flow_put(flow);
}

/* The service of a provider ended: what it has answered is still passed on. */
static void service_is_gone(struct http2 *http2)
{
	struct http2_conn *up = &http2->up;

	if (!http2->is_begun) {
		flow_close(http2->flow, PROXY_END_SERVICE_RESET);
		return;
	}
	up->is_gone = true;
	http2_drain(&http2->down);
	while (up->exchanges)
		http2_exchange_up_lost(up->exchanges, PROXY_END_SERVICE_RESET, true);
}

static void http2_broken(struct flow *flow, const struct end *end)
{
	struct http2 *http2 = flow->http2;
	bool is_idle = !http2->down.n_exchanges && !http2->up.n_exchanges;

	if (http2->role == HTTP2_UPSTREAM)
		flow_close(flow, is_idle ? PROXY_END_DONE : PROXY_END_SERVICE_RESET);
	else if (end == flow->client)
		flow_close(flow,
			   is_idle && end->has_ended ? PROXY_END_DONE : PROXY_END_CLIENT_RESET);
	else
		service_is_gone(http2);
}

/* ---- life ---- */

static void conn_init(struct http2_conn *conn, struct http2 *http2, bool is_server)
{
	conn->http2 = http2;
	conn->is_server = is_server;
	conn->end.ops = &http2_ops;
	conn->end.flow = http2->flow;
}

static void conn_fini(struct http2_conn *conn)
{
	struct proxy *proxy = flow_of(conn)->proxy;

	nghttp2_session_del(conn->session);
	http2_fields_free(conn->block);
	buffer_release(proxy, &conn->end.in);
}

static void http2_free(struct flow *flow)
{
	struct http2 *http2 = flow->http2;

	conn_fini(&http2->down);
	conn_fini(&http2->up);
	free(http2);
}

static void join(struct http2_conn *conn, struct end *other)
{
	other->flow = conn->end.flow;
	other->other = &conn->end;
	conn->end.other = other;
}

void http2_listen(struct http2 *http2)
{
	join(&http2->down, http2->flow->client);
	sock_start_reading(&http2->flow->near);
}

static void http2_join(struct flow *flow, struct end *client, struct end *service)
{
	struct http2 *http2 = flow->http2;

	if (http2->role == HTTP2_PROVIDER) {
		join(&http2->down, client);
		flow->client = client;
	}
	join(&http2->up, service);
	flow->service = service;
}

static void http2_opened(struct flow *flow)
{
	struct http2 *http2 = flow->http2;
	struct http2_exchange *at = http2->up.exchanges, *newer;

	if (http2->role != HTTP2_UPSTREAM) {
		http2_settle(flow);
		return;
	}
	if (conn_begin(&http2->up) < 0) {
		flow_close(flow, PROXY_END_LIMIT);
		return;
	}
	while (at && at->up_next)
		at = at->up_next;
	/* Who came first has a place first; those that have one are put before all that wait. */
	for (; at && !at->up_stream && !flow->is_closed; at = newer) {
		newer = at->up_prev;
		http2_exchange_submit(at);
	}
}

static void say_goodbye(struct http2_conn *conn)
{
	if (!conn->session || conn->is_busy || conn->is_gone || !conn->end.other)
		return;
	nghttp2_session_terminate_session(conn->session, NGHTTP2_NO_ERROR);
	if (make_frames(conn) == 0 && buffer_len(&conn->end.in))
		conn->end.other->ops->pull(conn->end.other);
}

static void http2_part(struct flow *flow)
{
	struct http2 *http2 = flow->http2;

	if (http2->is_parting)
		return; /* what it says breaks the end, which closes the flow */
	http2->is_parting = true;
	say_goodbye(&http2->down);
	say_goodbye(&http2->up);
}

static void http2_closed(struct flow *flow, enum proxy_end why)
{
	struct http2 *http2 = flow->http2;

	http2_pool_remove(http2);
	while (http2->down.exchanges)
		http2_exchange_free(http2->down.exchanges, NGHTTP2_CANCEL);
	while (http2->up.exchanges)
		http2_exchange_up_lost(http2->up.exchanges, why, flow->is_open);
	http2_over_http1_close(flow);
}

/* ---- time and memory ---- */

static void http2_recheck(struct flow *flow)
{
	struct http2 *http2 = flow->http2;
	struct http1_refusal refusal;

	for (struct http2_exchange *at = http2->down.exchanges; at; at = at->down_next) {
		const struct http1_text method = {at->request.method, strlen(at->request.method)};
		const struct http1_text path = {at->request.path, strlen(at->request.path)};

		if (!at->is_own && !provider_check_request(flow, &method, &path, &refusal))
			http2_exchange_cut(at, refusal.status, refusal.reason);
	}
}

static void tick_down(struct http2 *http2, uint64_t now_ns)
{
	const struct http2_conn *down = &http2->down;
	struct flow *flow = http2->flow;
	bool is_slow = !http2->is_begun && flow->client->other && buffer_len(&flow->client->in) &&
		       now_ns - flow->moved_ns > HTTP2_HEAD_NS;

	for (struct http2_exchange *at = down->exchanges, *next; at; at = next) {
		next = at->down_next;
		http2_exchange_tick(at, now_ns);
		if (flow->is_closed)
			return; /* and took the rest along */
	}
	if (http2_drain_tick(http2, now_ns))
		return;
	if (is_slow || (down->block_ns && now_ns - down->block_ns > HTTP2_HEAD_NS) ||
	    now_ns - flow->moved_ns > flow->idle_s * NSEC_PER_SEC)
		flow_close(flow, PROXY_END_IDLE);
	else if (down->is_draining)
		http2_mark_dirty(&http2->down); /* to see whether it is over */
}

static void http2_tick(struct flow *flow, uint64_t now_ns)
{
	struct http2 *http2 = flow->http2;

	if (http2->role != HTTP2_PROGRAM && !flow->is_open)
		flow_tick_attempt(flow, now_ns);
	else if (http2->role == HTTP2_UPSTREAM)
		http2_pool_tick(http2, now_ns);
	else
		tick_down(http2, now_ns);
}

/* Who has not taken anything for long; among those who move, who holds most. */
bool http2_relieve_pressure(struct proxy *proxy)
{
	struct http2_exchange *slowest = NULL, *largest = NULL;
	uint64_t now_ns = proxy_now_ns(proxy);

	for_each_flow (flow, proxy) {
		for (struct http2_exchange *at = flow->http2 ? flow->http2->down.exchanges : NULL;
		     at; at = at->down_next) {
			if (!at->held || at->is_over)
				continue;
			if (!slowest || at->taken_ns < slowest->taken_ns)
				slowest = at;
			if (!largest || at->held > largest->held)
				largest = at;
		}
	}
	if (!slowest)
		return false;
	http2_exchange_cut(now_ns - slowest->taken_ns > BUFFERED_SLOW_NS ? slowest : largest, 503,
			   "memory is short, and this request moves too slowly");
	return true;
}

static bool http2_is_waiting(const struct flow *flow)
{
	return flow->is_upstream; /* a program's connection goes nowhere, its requests do */
}

static const struct pump_ops http2_pump = {
	.reads_requests = true,
	.join = http2_join,
	.opened = http2_opened,
	.settle = http2_settle,
	.broken = http2_broken,
	.is_waiting = http2_is_waiting,
	.attempt_failed = flow_close,
	.recheck = http2_recheck,
	.drain = http2_drain_all,
	.is_drained = http2_is_drained,
	.part = http2_part,
	.closed = http2_closed,
	.free = http2_free,
	.tick = http2_tick,
};

struct http2 *http2_new(struct flow *flow, enum http2_role role)
{
	struct http2 *http2 = xnew(struct http2);

	http2->flow = flow;
	http2->role = role;
	conn_init(&http2->down, http2, true);
	conn_init(&http2->up, http2, false);
	if (role == HTTP2_UPSTREAM)
		flow->client = &http2->up.end;
	flow->pump = &http2_pump;
	flow->http2 = http2;
	return http2;
}
