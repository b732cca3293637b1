// SPDX-License-Identifier: GPL-2.0
/* DOC: http2_over_http1: see http2_over_http1.h; the session with the pump */
#include "daemon/proxy/http2_over_http1.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/http2.h"
#include "daemon/proxy/http_pool.h"

#define CONNECT_GRACE_MS 1000 /* its first connection is to say by itself that it takes too long */

static struct http2_over_http1 *over_of(void *link)
{
	return (struct http2_over_http1 *)((char *)link - offsetof(struct http2_over_http1, link));
}

static struct carrier *carrier_at(nghttp2_session *session, int32_t stream)
{
	return stream ? nghttp2_session_get_stream_user_data(session, stream) : NULL;
}

static bool is_over(const struct http2_over_http1 *over)
{
	return over->crossing.is_closed || over->flow->is_closed;
}

/* ---- requests ---- */

static void reset(struct http2_over_http1 *over, int32_t stream, uint32_t code)
{
	nghttp2_submit_rst_stream(over->link.session, NGHTTP2_FLAG_NONE, stream, code);
}

/* The pump answers its client, and resets the stream. */
static void refuse(struct http2_over_http1 *over, int32_t stream,
		   const struct http1_refusal *refusal)
{
	nghttp2_session *asking = over->flow->http2->up.session;
	struct http2_exchange *exchange =
		asking ? nghttp2_session_get_stream_user_data(asking, stream) : NULL;

	if (!exchange)
		return;
	over->flow->counted->counts.http.untranslatable++;
	http2_exchange_cut(exchange, refusal->status, refusal->reason);
}

static struct carrier *find_carrier(struct http2_over_http1 *over)
{
	for (struct carrier *at = over->carriers; at; at = at->next)
		if (carrier_is_free(at) &&
		    (!at->flow->far.is_open || sock_is_silent(&at->flow->far)))
			return at;
	return carrier_new(over);
}

static bool is_head(const struct http2_fields *fields)
{
	struct http1_text method;

	return http2_fields_find(fields, ":method", &method) && http1_is(&method, "HEAD");
}

static bool binds_connection(const struct http2_fields *fields)
{
	for (size_t i = 0; i < fields->n; i++) {
		const struct http1_field field = {http2_field_name(fields, i),
						  http2_field_value(fields, i)};

		if (http_pool_binds_connection(&field))
			return true;
	}
	return false;
}

static void begin(struct http2_over_http1 *over, int32_t stream, const struct http2_fields *fields,
		  bool has_all)
{
	struct http_convert_body body;
	struct http1_refusal refusal;
	struct carrier *carrier;
	struct buffer head = {0};

	if (!http_convert_request_to_1(fields, has_all, &head, &body, &refusal)) {
		refuse(over, stream, &refusal);
	} else if (!(carrier = find_carrier(over))) {
		reset(over, stream, NGHTTP2_REFUSED_STREAM);
	} else {
		nghttp2_session_set_stream_user_data(over->link.session, stream, carrier);
		carrier_begin(carrier, stream, &head, &body, has_all, is_head(fields));
		carrier->is_private |= binds_connection(fields);
	}
	buffer_release(over->crossing.proxy, &head);
}

/* A service could take them for headers, and a hub on the way to it refuses them. */
static void take_trailers(struct http2_over_http1 *over, struct carrier *carrier,
			  const struct http2_fields *trailers)
{
	static const struct http1_refusal refusal = {
		501, "the service speaks HTTP/1.1, to which no trailers of requests are sent"};

	if (trailers->n)
		refuse(over, carrier->stream, &refusal);
	else if (!carrier_write_end(carrier))
		reset(over, carrier->stream, NGHTTP2_PROTOCOL_ERROR);
}

/* ---- answers ---- */

static ssize_t on_content_wanted(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t max,
				 uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct carrier *carrier = carrier_at(session, stream);
	nghttp2_nv nv[HTTP2_FIELDS_ROOM];
	size_t n;

	if (!carrier)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* it is gone, a reset follows */
	n = buffer_len(&carrier->content);
	if (!n && !carrier->body.is_done)
		return NGHTTP2_ERR_DEFERRED;
	if (n > max)
		n = max;
	if (n) {
		memcpy(buf, carrier->content.bytes + carrier->content.start, n);
		buffer_take(carrier->crossing.proxy, &carrier->content, n);
		crossing_mark_dirty(&carrier->crossing); /* there is room for more */
	}
	if (!carrier->body.is_done || buffer_len(&carrier->content))
		return (ssize_t)n;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (carrier->trailers) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_submit_trailer(session, stream, nv,
				       http2_fields_to_nv(carrier->trailers, nv));
	}
	return (ssize_t)n;
}

bool http2_over_http1_answer(struct carrier *carrier, const struct http1_head *head)
{
	const nghttp2_data_provider content = {.read_callback = on_content_wanted};
	nghttp2_session *session = carrier->over->link.session;
	struct http2_fields *fields = http2_fields_new();
	struct http1_refusal refusal;
	nghttp2_nv nv[HTTP2_FIELDS_ROOM];
	bool is_good = http_convert_answer_to_2(head, fields, &refusal);
	size_t n = http2_fields_to_nv(fields, nv);

	if (is_good && head->status < 200)
		nghttp2_submit_headers(session, NGHTTP2_FLAG_NONE, carrier->stream, NULL, nv, n,
				       NULL);
	else if (is_good)
		nghttp2_submit_response(session, carrier->stream, nv, n,
					carrier->body.is_done ? NULL : &content);
	http2_fields_free(fields);
	crossing_mark_dirty(&carrier->over->crossing);
	return is_good;
}

void http2_over_http1_resume(struct carrier *carrier)
{
	nghttp2_session_resume_data(carrier->over->link.session, carrier->stream);
	crossing_mark_dirty(&carrier->over->crossing);
}

void http2_over_http1_flush(struct http2_over_http1 *over)
{
	if (over && !is_over(over) && over->flow->is_open && http2_link_send(&over->link) < 0)
		over->is_broken = true;
	if (over)
		crossing_mark_dirty(&over->crossing);
}

void http2_over_http1_reset(struct carrier *carrier, uint32_t code)
{
	struct http2_over_http1 *over = carrier->over;
	int32_t stream = carrier->stream;

	carrier->stream = 0;
	if (!over || !stream)
		return;
	nghttp2_session_set_stream_user_data(over->link.session, stream, NULL);
	reset(over, stream, code);
	crossing_mark_dirty(&over->crossing);
}

void http2_over_http1_credit(struct carrier *carrier, size_t n)
{
	nghttp2_session_consume_stream(carrier->over->link.session, carrier->stream, n);
	crossing_mark_dirty(&carrier->over->crossing);
}

/* ---- events of nghttp2 ---- */

static void on_headers(struct http2_over_http1 *over, const nghttp2_frame *frame, bool has_all)
{
	struct carrier *carrier = carrier_at(over->link.session, frame->hd.stream_id);
	struct http2_fields *block = http2_link_take_block(&over->link);

	if (block && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		begin(over, frame->hd.stream_id, block, has_all);
	else if (block && carrier)
		take_trailers(over, carrier, block);
	http2_fields_free(block);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http2_over_http1 *over = over_of(arg);
	struct carrier *carrier = carrier_at(session, frame->hd.stream_id);
	bool has_all = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	if (frame->hd.type == NGHTTP2_HEADERS)
		on_headers(over, frame, has_all);
	else if (frame->hd.type == NGHTTP2_DATA && has_all && carrier &&
		 !carrier_write_end(carrier))
		reset(over, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
	return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream,
			 const uint8_t *bytes, size_t len, void *arg)
{
	struct http2_over_http1 *over = over_of(arg);
	struct carrier *carrier = carrier_at(session, stream);

	nghttp2_session_consume_connection(session, len);
	if (!carrier)
		nghttp2_session_consume_stream(session, stream, len);
	else if (!carrier_write(carrier, bytes, len))
		reset(over, stream, NGHTTP2_PROTOCOL_ERROR);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *arg)
{
	struct carrier *carrier = carrier_at(session, stream);

	if (!carrier)
		return 0;
	nghttp2_session_set_stream_user_data(session, stream, NULL);
	carrier_release(carrier);
	return 0;
}

/* Answered before it was whole: the rest of it is not wanted (RFC 9113, 8.1). */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http2_over_http1 *over = over_of(arg);
	struct carrier *carrier = carrier_at(session, frame->hd.stream_id);

	if (carrier && !carrier->has_all &&
	    (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
	    frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		reset(over, frame->hd.stream_id, NGHTTP2_NO_ERROR);
	return 0;
}

static nghttp2_session_callbacks *make_callbacks(void)
{
	nghttp2_session_callbacks *callbacks = http2_link_callbacks();

	if (!callbacks)
		return NULL;
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
	return callbacks;
}

/* ---- work ---- */

static bool is_reached(const struct http2_over_http1 *over)
{
	for (const struct carrier *at = over->carriers; at; at = at->next)
		if (at->flow && at->flow->is_open)
			return true;
	return false;
}

static void settle_opening(struct http2_over_http1 *over)
{
	if (is_reached(over))
		flow_opened(over->flow);
	else if (over->has_failed)
		flow_close(over->flow, over->why);
}

static void pass_on(struct http2_over_http1 *over)
{
	struct end *pump = over->link.end.other;

	do {
		if (over->is_broken || http2_link_receive(&over->link) < 0 ||
		    http2_link_send(&over->link) < 0) {
			flow_broken(over->flow, &over->link.end);
			return;
		}
		if (!buffer_len(&over->link.end.in))
			return;
		pump->ops->pull(pump);
	} while (!is_over(over) && !buffer_len(&over->link.end.in));
}

static void work(struct crossing *crossing)
{
	struct http2_over_http1 *over = (struct http2_over_http1 *)crossing;
	struct flow *flow = over->flow;

	if (is_over(over))
		return;
	flow->handles++;
	if (!flow->is_open)
		settle_opening(over);
	if (!is_over(over) && flow->is_open)
		pass_on(over);
	flow_put(flow);
}

/* ---- life ---- */

static void over_free(struct crossing *crossing)
{
	struct http2_over_http1 *over = (struct http2_over_http1 *)crossing;

	http2_link_fini(&over->link, crossing->proxy);
	free(over);
}

void http2_over_http1_new(struct flow *flow)
{
	struct http2_over_http1 *over = xnew(struct http2_over_http1);

	crossing_init(&over->crossing, flow->proxy, work, over_free);
	over->flow = flow;
	http2_link_init(&over->link, &over->crossing, flow);
	flow->over_http1 = over;
	flow_join(flow, flow->client, &over->link.end);
	over->has_failed = http2_link_begin(&over->link, true, make_callbacks(), CARRIERS_MAX) <
				   0 ||
			   !carrier_new(over);
	over->why = PROXY_END_LIMIT;
	flow->connect_ms += CONNECT_GRACE_MS;
	crossing_mark_dirty(&over->crossing);
}

void http2_over_http1_close(struct flow *flow)
{
	struct http2_over_http1 *over = flow->over_http1;

	flow->over_http1 = NULL;
	if (!over)
		return;
	while (over->carriers)
		carrier_close(over->carriers);
	crossing_close(&over->crossing);
}

void http2_over_http1_attempt_failed(struct carrier *carrier, enum proxy_end why)
{
	struct http2_over_http1 *over = carrier->over;

	if (!over || over->flow->is_open)
		return;
	over->has_failed = true;
	over->why = why;
	crossing_mark_dirty(&over->crossing);
}
