// SPDX-License-Identifier: GPL-2.0
/* DOC: carrier: see http2_over_http1.h; one connection of HTTP/1.1 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/http2_over_http1.h"
#include "daemon/proxy/http_pool.h"

static struct carrier *carrier_of(struct end *end)
{
	return (struct carrier *)((char *)end - offsetof(struct carrier, end));
}

/* ---- the request ---- */

bool carrier_is_free(const struct carrier *carrier)
{
	return carrier->flow && carrier->flow->is_open && !carrier->stream && !carrier->is_spent &&
	       !carrier->end.other->has_ended && !buffer_len(&carrier->end.other->in);
}

void carrier_begin(struct carrier *carrier, int32_t stream, struct buffer *head,
		   const struct http_convert_body *body, bool has_all, bool is_head)
{
	carrier->stream = stream;
	carrier->request_body = *body;
	carrier->has_all = has_all;
	carrier->is_head = is_head;
	carrier->is_sent = carrier->has_head = carrier->is_persistent = false;
	carrier->owed = carrier->seen = 0;
	carrier->body = (struct http1_body){0};
	carrier->flow->idle_s = carrier->over->flow->idle_s;
	buffer_append(&carrier->end.in, head->bytes + head->start, buffer_len(head));
	crossing_mark_dirty(&carrier->crossing);
}

static void put(struct carrier *carrier, const char *word)
{
	buffer_append(&carrier->end.in, (const uint8_t *)word, strlen(word));
}

bool carrier_write(struct carrier *carrier, const uint8_t *bytes, size_t len)
{
	struct http_convert_body *body = &carrier->request_body;

	carrier->owed += len;
	if (!len)
		return true;
	if (body->framing != HTTP1_CHUNKED && body->length < len)
		return false;
	if (body->framing != HTTP1_CHUNKED)
		body->length -= len;
	buffer_append_content(&carrier->end.in, body->framing == HTTP1_CHUNKED, bytes, len);
	crossing_mark_dirty(&carrier->crossing);
	return true;
}

bool carrier_write_end(struct carrier *carrier)
{
	if (carrier->has_all)
		return true;
	if (carrier->request_body.framing == HTTP1_CHUNKED)
		put(carrier, "0\r\n\r\n");
	else if (carrier->request_body.length)
		return false;
	carrier->has_all = true;
	crossing_mark_dirty(&carrier->crossing);
	return true;
}

/* ---- the answer ---- */

static void fail(struct carrier *carrier, uint32_t code)
{
	carrier->is_spent = carrier->is_cut = true;
	http2_over_http1_reset(carrier, code);
	crossing_mark_dirty(&carrier->crossing);
}

static void take_from_service(struct carrier *carrier, size_t n)
{
	struct end *from = carrier->end.other;

	buffer_take(carrier->crossing.proxy, &from->in, n);
	from->ops->taken(from, n);
}

static void gather(struct carrier *carrier)
{
	struct end *from = carrier->end.other;
	size_t have = buffer_len(&carrier->pending), n = buffer_len(&from->in);

	if (have + n > HTTP1_HEAD_MAX)
		n = have < HTTP1_HEAD_MAX ? HTTP1_HEAD_MAX - have : 0;
	if (!n)
		return;
	buffer_append(&carrier->pending, from->in.bytes + from->in.start, n);
	take_from_service(carrier, n);
}

static bool has_ended(const struct carrier *carrier)
{
	const struct end *from = carrier->end.other;

	return from->has_ended && !buffer_len(&from->in);
}

/*
 * Has the service seen nothing of the request?  A provider that ends its stream as if all had been
 * said, without a word to a request, has not passed that on.
 */
static bool is_untouched(const struct carrier *carrier)
{
	return !carrier->is_sent ||
	       (carrier->flow->via == FLOW_MESH && !buffer_len(&carrier->pending));
}

/* Return: there may be more to take. */
static bool take_head(struct carrier *carrier)
{
	struct buffer *pending = &carrier->pending;
	struct http1_refusal refusal;
	struct http1_head head;
	size_t len = 0;

	gather(carrier);
	if (buffer_len(pending))
		len = http1_find_end(pending->bytes + pending->start, buffer_len(pending),
				     &carrier->seen);
	if (!len) {
		if (buffer_len(pending) >= HTTP1_HEAD_MAX)
			fail(carrier, NGHTTP2_PROTOCOL_ERROR);
		else if (has_ended(carrier))
			fail(carrier, is_untouched(carrier) ? NGHTTP2_REFUSED_STREAM
							    : NGHTTP2_CONNECT_ERROR);
		return false;
	}
	carrier->seen = 0;
	/* What is said before it was asked answers nothing. */
	if (!carrier->is_sent) {
		http_pool_distrust(carrier->flow);
		fail(carrier, NGHTTP2_REFUSED_STREAM);
		return false;
	}
	if (!http1_parse_response(pending->bytes + pending->start, len, carrier->is_head, &head,
				  &refusal)) {
		fail(carrier, NGHTTP2_PROTOCOL_ERROR);
		return false;
	}
	carrier->has_head = head.status >= 200;
	carrier->is_persistent = head.is_persistent;
	if (carrier->has_head)
		http1_body_begin(&carrier->body, &head, true);
	if (!http2_over_http1_answer(carrier, &head)) {
		fail(carrier, NGHTTP2_PROTOCOL_ERROR);
		return false;
	}
	buffer_take(carrier->crossing.proxy, pending, len);
	return true;
}

/* Return: false they must not go on. */
static bool take_trailers(struct carrier *carrier)
{
	const struct buffer *lines = &carrier->trailer_lines;
	struct http1_refusal refusal;
	struct http1_head trailers;

	if (!buffer_len(lines))
		return true;
	if (!http1_parse_trailers(lines->bytes + lines->start, buffer_len(lines), &trailers,
				  &refusal))
		return false;
	if (!trailers.n_fields)
		return true;
	carrier->trailers = http2_fields_new();
	return http_convert_trailers_to_2(&trailers, carrier->trailers);
}

/* Return: there may be more to take. */
static bool take_piece(struct carrier *carrier)
{
	bool is_pending = buffer_len(&carrier->pending) > 0;
	const struct buffer *in = is_pending ? &carrier->pending : &carrier->end.other->in;
	struct http1_piece piece;
	struct buffer *to;
	long n;

	if (!buffer_len(in)) {
		if (!has_ended(carrier))
			return false;
		carrier->body.is_done = carrier->body.framing == HTTP1_UNTIL_CLOSE &&
					!carrier->is_broken;
		if (!carrier->body.is_done)
			fail(carrier, NGHTTP2_CONNECT_ERROR);
		return false;
	}
	n = http1_body_unwrap(&carrier->body, in->bytes + in->start, buffer_len(in), &piece);
	if (n < 0) {
		fail(carrier, NGHTTP2_PROTOCOL_ERROR);
		return false;
	}
	to = piece.is_trailer ? &carrier->trailer_lines : &carrier->content;
	if (piece.bytes.len)
		buffer_append(to, (const uint8_t *)piece.bytes.at, piece.bytes.len);
	if (is_pending)
		buffer_take(carrier->crossing.proxy, &carrier->pending, (size_t)n);
	else
		take_from_service(carrier, (size_t)n);
	if (carrier->body.is_done && !take_trailers(carrier))
		fail(carrier, NGHTTP2_PROTOCOL_ERROR);
	return true;
}

static void take_answer(struct carrier *carrier)
{
	bool is_more = true;

	while (is_more && carrier->stream && !carrier->is_spent && !carrier->has_head)
		is_more = take_head(carrier);
	while (is_more && carrier->stream && !carrier->is_spent && !carrier->body.is_done &&
	       buffer_len(&carrier->content) < CROSSING_PASSING_MAX)
		is_more = take_piece(carrier);
	if (carrier->stream && carrier->has_head && !carrier->is_spent)
		http2_over_http1_resume(carrier);
}

/* ---- work ---- */

static void pass_request(struct carrier *carrier)
{
	size_t before = buffer_len(&carrier->end.in);

	carrier->end.other->ops->pull(carrier->end.other);
	carrier->is_sent |= buffer_len(&carrier->end.in) < before;
}

static void close_flow(struct carrier *carrier)
{
	flow_close(carrier->flow, carrier->is_cut ? PROXY_END_CLIENT_RESET : PROXY_END_DONE);
}

/* What follows an answer, or comes without one asked for, could be taken for that to another. */
static void note_unasked(const struct carrier *carrier)
{
	bool is_between = !carrier->has_head || carrier->body.is_done;

	if (is_between && (buffer_len(&carrier->end.other->in) || buffer_len(&carrier->pending)))
		http_pool_distrust(carrier->flow);
}

static void work(struct crossing *crossing)
{
	struct carrier *carrier = (struct carrier *)crossing;
	struct flow *flow = carrier->flow;

	if (!flow || flow->is_closed)
		return;
	flow->handles++;
	if (carrier->is_spent) {
		close_flow(carrier);
	} else if (!carrier->is_begun) {
		carrier->is_begun = true;
		entry_attempt(flow, &carrier->over->flow->hub, carrier->over->flow->digest);
	} else if (flow->is_open) {
		if (buffer_len(&carrier->end.in) && !carrier->is_broken)
			pass_request(carrier);
		if (!flow->is_closed)
			take_answer(carrier);
		/* It ends, or says something, while nobody has asked it. */
		if (!flow->is_closed && !carrier->stream && !carrier_is_free(carrier)) {
			note_unasked(carrier);
			close_flow(carrier);
		}
	}
	if (carrier->over)
		crossing_mark_dirty(&carrier->over->crossing);
	flow_put(flow);
}

static void carrier_pull(struct end *end)
{
	crossing_mark_dirty(&carrier_of(end)->crossing);
}

static void carrier_taken(struct end *end, size_t n)
{
	struct carrier *carrier = carrier_of(end);
	size_t credit = buffer_len(&end->in) && n < carrier->owed ? n : carrier->owed;

	carrier->is_sent = true;
	carrier->owed -= credit;
	if (credit && carrier->stream)
		http2_over_http1_credit(carrier, credit);
}

static void unlink_carrier(struct carrier *carrier)
{
	struct http2_over_http1 *over = carrier->over;

	carrier->over = NULL;
	if (!over)
		return;
	if (carrier->prev)
		carrier->prev->next = carrier->next;
	else
		over->carriers = carrier->next;
	if (carrier->next)
		carrier->next->prev = carrier->prev;
	over->n_carriers--;
}

/* Its flow closes, whoever wanted that. */
static void carrier_end_close(struct end *end, bool is_reset)
{
	struct carrier *carrier = carrier_of(end);

	if (carrier->stream)
		http2_over_http1_reset(carrier, carrier->is_sent ? NGHTTP2_CONNECT_ERROR
								 : NGHTTP2_REFUSED_STREAM);
	carrier->flow = NULL;
	unlink_carrier(carrier);
	crossing_close(&carrier->crossing);
}

static const struct end_ops carrier_ops = {
	.pull = carrier_pull,
	.taken = carrier_taken,
	.close = carrier_end_close,
};

/* ---- the pump of its flow ---- */

static void carrier_join(struct flow *flow, struct end *client, struct end *service)
{
	flow_join_ends(flow, &flow->carrier->end, service);
}

static void carrier_settle(struct flow *flow)
{
	crossing_mark_dirty(&flow->carrier->crossing);
}

/* Has a service that broke off said more than its reader has taken so far? */
static bool has_more(const struct carrier *carrier)
{
	return carrier->stream && carrier->has_head && !carrier->is_spent &&
	       !carrier->body.is_done && buffer_len(&carrier->end.other->in);
}

/* A service that answers early and does not read the rest breaks off behind its answer. */
static void carrier_broken(struct flow *flow, const struct end *end)
{
	struct carrier *carrier = flow->carrier;
	struct end *service = carrier->end.other;

	if (flow->is_open) {
		take_answer(carrier);
		http2_over_http1_flush(carrier->over);
	}
	if (flow->is_closed)
		return;
	if (carrier->stream && flow->far.is_open && sock_has_bytes(&flow->far)) {
		carrier->is_broken = true;
		return;
	}
	if (flow->is_open && has_more(carrier)) {
		carrier->is_broken |= !service->has_ended;
		service->has_ended = true;
		return;
	}
	flow_close(flow, PROXY_END_SERVICE_RESET);
}

static bool carrier_is_waiting(const struct flow *flow)
{
	return false; /* it goes where its pooled connection went */
}

static void carrier_attempt_failed(struct flow *flow, enum proxy_end why)
{
	http2_over_http1_attempt_failed(flow->carrier, why);
	flow_close(flow, why);
}

/* The rest is done when its end is closed, and the memory is the crossing's. */
static const struct pump_ops carrier_pump = {
	.reads_requests = true,
	.join = carrier_join,
	.opened = carrier_settle,
	.settle = carrier_settle,
	.broken = carrier_broken,
	.is_waiting = carrier_is_waiting,
	.attempt_failed = carrier_attempt_failed,
	.tick = flow_tick_ends,
};

/* ---- life ---- */

static void forget_answer(struct carrier *carrier)
{
	struct proxy *proxy = carrier->crossing.proxy;

	buffer_release(proxy, &carrier->content);
	buffer_release(proxy, &carrier->trailer_lines);
	http2_fields_free(carrier->trailers);
	carrier->trailers = NULL;
}

void carrier_release(struct carrier *carrier)
{
	bool is_whole = carrier->has_all && carrier->has_head && carrier->body.is_done &&
			!buffer_len(&carrier->end.in) && !buffer_len(&carrier->pending);

	carrier->stream = 0;
	carrier->is_cut |= !is_whole;
	/* Another program's request may be the next. */
	carrier->is_spent |= !is_whole || !carrier->is_persistent || carrier->is_private ||
			     !http_pool_has_length(&carrier->body);
	if (carrier->flow && carrier->has_head)
		note_unasked(carrier);
	carrier->is_spent |= carrier->flow && http_pool_is_distrusted(carrier->flow);
	forget_answer(carrier);
	if (carrier->flow)
		carrier->flow->idle_s = CARRIER_IDLE_S;
	crossing_mark_dirty(&carrier->crossing);
}

void carrier_close(struct carrier *carrier)
{
	carrier->stream = 0; /* whose session ends with it */
	if (carrier->flow)
		flow_close(carrier->flow, PROXY_END_CLIENT_RESET);
}

static void carrier_free(struct crossing *crossing)
{
	struct carrier *carrier = (struct carrier *)crossing;

	forget_answer(carrier);
	buffer_release(crossing->proxy, &carrier->end.in);
	buffer_release(crossing->proxy, &carrier->pending);
	free(carrier);
}

struct carrier *carrier_new(struct http2_over_http1 *over)
{
	struct flow *parent = over->flow, *flow = NULL;
	struct carrier *carrier;

	if (over->n_carriers < CARRIERS_MAX + CARRIERS_CLOSING_MAX)
		flow = flow_new_upstream(parent->proxy, parent->counted);
	if (!flow)
		return NULL;
	carrier = xnew(struct carrier);
	crossing_init(&carrier->crossing, parent->proxy, work, carrier_free);
	carrier->end = (struct end){.ops = &carrier_ops, .flow = flow};
	carrier->flow = flow;
	carrier->over = over;
	carrier->next = over->carriers;
	if (carrier->next)
		carrier->next->prev = carrier;
	over->carriers = carrier;
	over->n_carriers++;
	flow->carrier = carrier;
	flow->pump = &carrier_pump;
	flow->client = &carrier->end;
	flow->entry = parent->entry;
	memcpy(flow->called, parent->called, sizeof(flow->called));
	flow->must_prove = parent->must_prove;
	flow->via = parent->via;
	flow->idle_s = CARRIER_IDLE_S;
	flow->connect_ms = parent->connect_ms;
	crossing_mark_dirty(&carrier->crossing);
	return carrier;
}
