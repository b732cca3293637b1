// SPDX-License-Identifier: GPL-2.0
/* DOC: http1_over_http2: see http1_over_http2.h */
#include "daemon/proxy/http1_over_http2.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/crossing.h"
#include "daemon/proxy/http.h"
#include "daemon/proxy/http_convert.h"

/**
 * struct http1_over_http2 - the crossing of one attempt
 * @crossing: first
 * @front: its @in is the answer, in HTTP/1.1
 * @link: towards the service
 * @flow: whose
 * @stream: of the request under way, 0 none
 * @request_body: of it, as it comes from the pump
 * @content: of it, on its way to the service
 * @client: who asks
 * @has_head: the final answer's has come
 * @is_answered: all of the answer has come
 * @body: of the answer, as the pump gets it
 * @owed: bytes at @front that the service has had no credit for
 * @taken: bytes of the request that the pump has not been told of
 * @has_news: there is more at @front than the pump has been told of
 * @is_broken: the service broke the answer off
 * @is_last: it takes no further requests
 * @refusal: what the client is to be told; status 0 nothing
 */
struct http1_over_http2 {
	struct crossing crossing;
	struct end front;
	struct http2_link link;
	struct flow *flow;
	int32_t stream;
	struct http1_body request_body;
	struct buffer content;
	struct http_convert_client client;
	bool has_head, is_answered;
	struct http_convert_body body;
	size_t owed, taken;
	bool has_news, is_broken, is_last;
	struct http1_refusal refusal;
};

static struct http1_over_http2 *over_of_front(struct end *end)
{
	return (struct http1_over_http2 *)((char *)end - offsetof(struct http1_over_http2, front));
}

static struct http1_over_http2 *over_of_link(void *link)
{
	return (struct http1_over_http2 *)((char *)link - offsetof(struct http1_over_http2, link));
}

/* ---- the answer ---- */

static void put(struct http1_over_http2 *over, const char *word)
{
	buffer_append(&over->front.in, (const uint8_t *)word, strlen(word));
}

static void break_off(struct http1_over_http2 *over)
{
	over->is_broken = true;
	if (over->stream)
		nghttp2_submit_rst_stream(over->link.session, NGHTTP2_FLAG_NONE, over->stream,
					  NGHTTP2_PROTOCOL_ERROR);
}

static void refuse(struct http1_over_http2 *over, const struct http1_refusal *refusal)
{
	break_off(over);
	if (over->has_head)
		return;
	over->refusal = *refusal;
	over->flow->counted->counts.http.untranslatable++;
}

/*
 * Who neither said that it reads trailers nor was told of any is spared them: RFC 9110, 6.5.1.
 * Return: the answer is whole.
 */
static bool has_ended_well(struct http1_over_http2 *over, const struct http2_fields *trailers)
{
	if (over->body.framing == HTTP1_LENGTH)
		return !over->body.length;
	if (over->body.framing != HTTP1_CHUNKED)
		return true;
	put(over, "0\r\n");
	if (trailers && !http_convert_trailers_to_1(trailers, &over->front.in))
		return false;
	put(over, "\r\n");
	return true;
}

static void end_answer(struct http1_over_http2 *over, const struct http2_fields *trailers)
{
	if (over->is_answered || over->is_broken)
		return;
	if (!over->has_head || !has_ended_well(over, trailers)) {
		break_off(over);
		return;
	}
	over->is_answered = true;
	over->front.has_ended |= over->body.framing == HTTP1_UNTIL_CLOSE;
	over->has_news = true;
}

static void take_head(struct http1_over_http2 *over, const struct http2_fields *block, bool has_all)
{
	struct http1_refusal refusal;
	struct buffer head = {0};

	if (over->has_head || over->is_broken) {
		break_off(over);
		return;
	}
	if (!http_convert_answer_to_1(block, has_all, &over->client, &head, &over->body,
				      &refusal)) {
		refuse(over, &refusal);
	} else {
		over->has_head = http2_fields_status(block) >= 200;
		if (buffer_len(&head))
			buffer_append(&over->front.in, head.bytes + head.start, buffer_len(&head));
	}
	buffer_release(over->crossing.proxy, &head);
}

static void take_block(struct http1_over_http2 *over, const struct http2_fields *block,
		       bool has_all)
{
	if (http2_fields_status(block) || !over->has_head)
		take_head(over, block, has_all);
	else if (!has_all)
		break_off(over);
	if (has_all)
		end_answer(over, http2_fields_status(block) ? NULL : block);
}

static void take_data(struct http1_over_http2 *over, const uint8_t *bytes, size_t len)
{
	if (!over->has_head || over->is_broken || over->body.framing == HTTP1_NO_BODY ||
	    (over->body.framing == HTTP1_LENGTH && len > over->body.length)) {
		break_off(over);
		return;
	}
	if (!len)
		return;
	if (over->body.framing == HTTP1_LENGTH)
		over->body.length -= len;
	buffer_append_content(&over->front.in, over->body.framing == HTTP1_CHUNKED, bytes, len);
	over->owed += len;
}

/* ---- events of nghttp2 ---- */

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http1_over_http2 *over = over_of_link(arg);
	bool is_headers = frame->hd.type == NGHTTP2_HEADERS;
	struct http2_fields *block = is_headers ? http2_link_take_block(&over->link) : NULL;
	bool has_all = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	if (frame->hd.type == NGHTTP2_GOAWAY)
		over->is_last = true;
	if (frame->hd.stream_id && frame->hd.stream_id == over->stream) {
		if (block)
			take_block(over, block, has_all);
		else if (frame->hd.type == NGHTTP2_DATA && has_all)
			end_answer(over, NULL);
	}
	http2_fields_free(block);
	return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream,
			 const uint8_t *bytes, size_t len, void *arg)
{
	struct http1_over_http2 *over = over_of_link(arg);

	nghttp2_session_consume_connection(session, len);
	if (stream == over->stream && !over->is_answered)
		take_data(over, bytes, len);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *arg)
{
	struct http1_over_http2 *over = over_of_link(arg);

	if (stream != over->stream)
		return 0;
	over->stream = 0;
	over->is_broken |= !over->is_answered;
	return 0;
}

static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int error,
			     void *arg)
{
	struct http1_over_http2 *over = over_of_link(arg);

	over->is_broken |= frame->hd.type == NGHTTP2_HEADERS;
	return 0;
}

static ssize_t on_content_wanted(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t max,
				 uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct http1_over_http2 *over = over_of_link(arg);
	size_t n = buffer_len(&over->content);

	if (stream != over->stream)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (!n && !over->request_body.is_done)
		return NGHTTP2_ERR_DEFERRED;
	if (n > max)
		n = max;
	if (n) {
		memcpy(buf, over->content.bytes + over->content.start, n);
		buffer_take(over->crossing.proxy, &over->content, n);
	}
	if (over->request_body.is_done && !buffer_len(&over->content))
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static nghttp2_session_callbacks *make_callbacks(void)
{
	nghttp2_session_callbacks *callbacks = http2_link_callbacks();

	if (!callbacks)
		return NULL;
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
	return callbacks;
}

/* ---- the request ---- */

static void take_from_pump(struct http1_over_http2 *over, size_t n)
{
	buffer_take(over->crossing.proxy, &over->front.other->in, n);
	over->taken += n;
}

static void submit(struct http1_over_http2 *over, const struct http1_head *head,
		   const struct http2_fields *fields)
{
	const nghttp2_data_provider content = {.read_callback = on_content_wanted};
	nghttp2_nv nv[HTTP2_FIELDS_ROOM];
	size_t n = http2_fields_to_nv(fields, nv);

	http1_body_begin(&over->request_body, head, false);
	over->client = (struct http_convert_client){
		.is_head = http1_is(&head->method, "HEAD"),
		.is_persistent = head->is_persistent,
		.is_old = head->minor == 0,
		.takes_trailers = http1_takes_trailers(head),
	};
	over->has_head = over->is_answered = false;
	over->stream = nghttp2_submit_request(over->link.session, NULL, nv, n,
					      over->request_body.is_done ? NULL : &content, NULL);
	if (over->stream > 0)
		return;
	over->stream = 0;
	over->is_broken = true; /* its numbers are used up */
}

/* The pump writes heads whole. */
static void take_request(struct http1_over_http2 *over)
{
	const struct buffer *in = &over->front.other->in;
	struct http1_refusal refusal;
	struct http2_fields *fields;
	struct http1_head head;
	const uint8_t *bytes;
	size_t seen = 0, len;

	if (!buffer_len(in))
		return;
	bytes = in->bytes + in->start;
	len = http1_find_end(bytes, buffer_len(in), &seen);
	if (!len)
		return;
	fields = http2_fields_new();
	if (http1_parse_request(bytes, len, &head, &refusal) &&
	    http_convert_request_to_2(&head, fields, &refusal)) {
		submit(over, &head, fields);
		take_from_pump(over, len);
	} else {
		over->has_head = false;
		refuse(over, &refusal);
	}
	http2_fields_free(fields);
}

/* What is left of a request that was answered early is for nobody. */
static void take_content(struct http1_over_http2 *over)
{
	const struct buffer *in = &over->front.other->in;

	while (!over->request_body.is_done && buffer_len(in) &&
	       buffer_len(&over->content) < CROSSING_PASSING_MAX) {
		size_t have = buffer_len(in) < CROSSING_PASSING_MAX ? buffer_len(in)
								    : CROSSING_PASSING_MAX;
		struct http1_piece piece;
		long n =
			http1_body_unwrap(&over->request_body, in->bytes + in->start, have, &piece);

		if (n < 0) {
			break_off(over);
			return;
		}
		if (over->stream && piece.bytes.len && !piece.is_trailer)
			buffer_append(&over->content, (const uint8_t *)piece.bytes.at,
				      piece.bytes.len);
		take_from_pump(over, (size_t)n);
	}
	if (over->stream)
		nghttp2_session_resume_data(over->link.session, over->stream);
}

static bool is_between_requests(const struct http1_over_http2 *over)
{
	return over->request_body.is_done && (over->is_answered || !over->stream) &&
	       !buffer_len(&over->front.in);
}

static void take_from_client(struct http1_over_http2 *over)
{
	if (is_between_requests(over) && !over->is_last && !over->front.has_ended) {
		buffer_release(over->crossing.proxy, &over->content);
		take_request(over);
	}
	take_content(over);
}

/* ---- work ---- */

static bool is_over(const struct http1_over_http2 *over)
{
	return over->crossing.is_closed || over->flow->is_closed;
}

/* As much as the pump may be given; what else there is waits at its end, unread. */
static void take_from_service(struct http1_over_http2 *over)
{
	struct end *from = over->link.end.other;
	size_t before = buffer_len(&over->front.in);

	if (before < CROSSING_PASSING_MAX && http2_link_receive(&over->link) < 0)
		over->is_broken = over->is_last = true;
	over->has_news |= buffer_len(&over->front.in) > before;
	if (!from->has_ended || buffer_len(&from->in))
		return;
	over->is_last = true;
	over->is_broken |= over->stream && !over->is_answered;
}

static void pass_on(struct http1_over_http2 *over)
{
	struct end *to = over->link.end.other;

	do {
		if (http2_link_send(&over->link) < 0) {
			over->is_broken = over->is_last = true;
			return;
		}
		if (!buffer_len(&over->link.end.in))
			return;
		to->ops->pull(to);
	} while (!is_over(over) && !buffer_len(&over->link.end.in));
}

/* Tells the pump; from here on it may all be over. */
static void tell(struct http1_over_http2 *over)
{
	struct flow *flow = over->flow;
	struct end *pump = over->front.other;
	bool had_ended = over->front.has_ended;
	size_t taken = over->taken;

	over->taken = 0;
	if (over->refusal.status) {
		http_answer(flow->http, over->refusal.status, over->refusal.reason);
		http_settle(flow->http);
		return;
	}
	if (over->is_broken) {
		flow_broken(flow, &over->front);
		return;
	}
	/* While there is an answer to read, an end would be taken for the client's own. */
	over->front.has_ended |= over->is_last && !buffer_len(&over->front.in) &&
				 (over->is_answered || !over->stream);
	if (over->has_news || over->front.has_ended != had_ended) {
		over->has_news = false;
		pump->ops->pull(pump);
	}
	if (taken && !is_over(over))
		pump->ops->taken(pump, taken);
}

static void work(struct crossing *crossing)
{
	struct http1_over_http2 *over = (struct http1_over_http2 *)crossing;
	struct flow *flow = over->flow;

	if (is_over(over) || !flow->is_open)
		return;
	flow->handles++;
	take_from_service(over);
	if (!over->is_broken)
		take_from_client(over);
	pass_on(over);
	if (!is_over(over))
		tell(over);
	flow_put(flow);
}

/* ---- the ends ---- */

static void front_pull(struct end *end)
{
	crossing_mark_dirty(&over_of_front(end)->crossing);
}

static void front_taken(struct end *end, size_t n)
{
	struct http1_over_http2 *over = over_of_front(end);
	size_t credit = buffer_len(&end->in) && n < over->owed ? n : over->owed;

	over->owed -= credit;
	if (credit && over->stream)
		nghttp2_session_consume_stream(over->link.session, over->stream, credit);
	crossing_mark_dirty(&over->crossing);
}

static void front_close(struct end *end, bool is_reset)
{
	struct http1_over_http2 *over = over_of_front(end);
	struct end *wire = over->link.end.other;

	wire->ops->close(wire, is_reset);
	http1_over_http2_free(over->flow);
}

static const struct end_ops front_ops = {
	.pull = front_pull,
	.taken = front_taken,
	.close = front_close,
};

/* ---- life ---- */

static void over_free(struct crossing *crossing)
{
	struct http1_over_http2 *over = (struct http1_over_http2 *)crossing;

	http2_link_fini(&over->link, crossing->proxy);
	buffer_release(crossing->proxy, &over->front.in);
	buffer_release(crossing->proxy, &over->content);
	free(over);
}

struct end *http1_over_http2_new(struct flow *flow, struct end *service)
{
	struct http1_over_http2 *over = xnew(struct http1_over_http2);

	crossing_init(&over->crossing, flow->proxy, work, over_free);
	over->flow = flow;
	over->front = (struct end){.ops = &front_ops, .flow = flow};
	http2_link_init(&over->link, &over->crossing, flow);
	over->link.end.other = service;
	over->request_body.is_done = true;
	service->flow = flow;
	service->other = &over->link.end;
	flow->over_http2 = over;
	if (http2_link_begin(&over->link, false, make_callbacks(), 0) < 0)
		over->is_broken = true;
	return &over->front;
}

void http1_over_http2_free(struct flow *flow)
{
	struct http1_over_http2 *over = flow->over_http2;

	flow->over_http2 = NULL;
	if (!over)
		return;
	over->link.end.other->other = NULL;
	crossing_close(&over->crossing);
}

struct end *http1_over_http2_wire(const struct flow *flow)
{
	const struct http1_over_http2 *over = flow->over_http2;

	return over && flow->service == &over->front ? over->link.end.other : flow->service;
}
