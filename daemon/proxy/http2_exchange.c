// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: http2_exchange: one request over HTTP/2 and its answer
 *
 * Until the client has some of the answer (and for the rest of some answers, see
 * http2_resume.c) a request may be made again: if the
 * service has surely not worked on it (nothing sent, REFUSED_STREAM, beyond the
 * last stream of a GOAWAY), or if it is idempotent; as far as its body is
 * still here.  gRPC is POST, so it is made again in the first case only, unless
 * the entry names the method as one that may run twice.
 *
 * A provider never tries again and never answers for a service that breaks
 * off: it resets the stream, so that the entry can do this.
 */
#include "daemon/proxy/http2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/grpc_status.h"
#include "daemon/proxy/http2_lines.h"
#include "daemon/proxy/http2_transcode.h"
#include "daemon/translate/grpc.h"
#include "daemon/trust/spiffe.h"

static bool is_provider(const struct http2_exchange *exchange)
{
	return exchange->down->http2->role == HTTP2_PROVIDER;
}

/* ---- memory ---- */

/* The last thing done to it: it may be the one that is cut. */
static void count_held(struct http2_exchange *exchange)
{
	struct proxy *proxy = http2_flow(exchange)->proxy;
	size_t held =
		buffer_len(&exchange->to_service) + buffer_len(&exchange->to_client) +
		buffer_len(&exchange->replay) + http2_fields_size(exchange->head) +
		http2_fields_size(exchange->trailers) + http2_fields_size(exchange->answer_head) +
		http2_fields_size(exchange->answer_trailers) + http2_translate_count(exchange);
	bool is_more = held > exchange->held;

	proxy->totals.buffered += held;
	proxy->totals.buffered -= exchange->held;
	exchange->held = held;
	if (is_more && proxy->totals.buffered > BUFFERED_MAX)
		http2_relieve_pressure(proxy);
}

static void replace_fields(struct http2_fields **at, struct http2_fields *by)
{
	http2_fields_free(*at);
	*at = by;
}

static void forget_request(struct http2_exchange *exchange)
{
	if (exchange->plan.is_mirrored && !exchange->has_all)
		return; /* a copy is made of all of it */
	replace_fields(&exchange->head, NULL);
	buffer_release(http2_flow(exchange)->proxy, &exchange->replay);
	exchange->can_replay = false;
}

/* ---- streams ---- */

static void resume(struct http2_conn *conn, int32_t stream)
{
	if (conn->session && stream > 0)
		nghttp2_session_resume_data(conn->session, stream);
	http2_mark_dirty(conn);
}

static void resume_up(struct http2_exchange *exchange)
{
	if (exchange->up && exchange->up_stream > 0)
		resume(exchange->up, exchange->up_stream);
}

static void give_credit_down(struct http2_exchange *exchange, size_t n)
{
	if (exchange->is_over || !n || exchange->shadow)
		return;
	nghttp2_session_consume_stream(exchange->down->session, exchange->down_stream, n);
	http2_mark_dirty(exchange->down);
}

static void give_credit_up(struct http2_exchange *exchange, size_t n)
{
	if (!exchange->up || exchange->up_stream <= 0)
		return;
	nghttp2_session_consume_stream(exchange->up->session, exchange->up_stream, n);
	http2_mark_dirty(exchange->up);
}

static void attach(struct http2_exchange *exchange, struct http2_conn *up)
{
	exchange->up = up;
	exchange->up_stream = 0;
	exchange->up_prev = NULL;
	exchange->up_next = up->exchanges;
	if (exchange->up_next)
		exchange->up_next->up_prev = exchange;
	up->exchanges = exchange;
	up->n_exchanges++;
}

static void unlink_up(struct http2_exchange *exchange)
{
	struct http2_conn *up = exchange->up;

	exchange->up = NULL;
	if (exchange->up_prev)
		exchange->up_prev->up_next = exchange->up_next;
	else
		up->exchanges = exchange->up_next;
	if (exchange->up_next)
		exchange->up_next->up_prev = exchange->up_prev;
	up->n_exchanges--;
}

void http2_exchange_detach(struct http2_exchange *exchange, uint32_t code)
{
	struct http2_conn *up = exchange->up;

	http2_hold_release(exchange);
	if (!up)
		return;
	unlink_up(exchange);
	if (exchange->up_stream <= 0 || !up->session)
		return;
	nghttp2_session_set_stream_user_data(up->session, exchange->up_stream, NULL);
	if (code != NGHTTP2_NO_ERROR)
		nghttp2_submit_rst_stream(up->session, NGHTTP2_FLAG_NONE, exchange->up_stream,
					  code);
	http2_mark_dirty(up);
}

/* ---- results ---- */

static void count(struct http2_exchange *exchange, unsigned int status)
{
	struct flow *flow = http2_flow(exchange);
	const struct request_record record = {
		.via = exchange->via,
		.hub = exchange->hub,
		.method = exchange->request.method,
		.path = exchange->request.path,
		.status = status,
		.grpc_status = exchange->grpc_status,
		.is_refused = exchange->is_own,
		.is_copy = exchange->shadow,
		.asked_ns = exchange->asked_ns,
		.failed = exchange->tries,
		.traceparent = exchange->traceparent,
	};

	request_count(flow->proxy, flow->counted, &record);
}

void http2_count_malformed(struct http2_conn *down)
{
	const struct flow *flow = down->http2->flow;
	const struct request_record record = {
		.via = flow->via,
		.hub = flow->hub,
		.method = "",
		.path = "",
		.status = 400,
		.grpc_status = GRPC_STATUS_NONE,
		.is_refused = true,
		.traceparent = "",
	};

	request_count(flow->proxy, flow->counted, &record);
}

/* An answer that breaks off is an error although its headers were good. */
static void report(struct http2_exchange *exchange, bool is_error)
{
	struct entry *entry = http2_entry_of(exchange);
	struct proxy *proxy = http2_flow(exchange)->proxy;
	uint64_t now_ns = proxy_now_ns(proxy), us = (now_ns - exchange->asked_ns) / 1000;

	if (exchange->is_reported || (exchange->via != FLOW_LOCAL && exchange->via != FLOW_MESH))
		return;
	exchange->is_reported = true;
	proxy->events.result(proxy->events.arg, &exchange->hub, exchange->digest, is_error,
			     exchange->has_head ? exchange->head_us : us);
	if (entry)
		resilience_result(entry, &exchange->hub, exchange->digest, now_ns, is_error);
}

static bool is_answer_fault(const struct http2_exchange *exchange)
{
	if (exchange->request.is_grpc && exchange->status != 200)
		return true;
	if (exchange->request.is_grpc || exchange->grpc_status != GRPC_STATUS_NONE)
		return grpc_is_provider_fault(exchange->grpc_status);
	return exchange->status >= 500;
}

/* All of the answer has come, and with it what its headers may have left open. */
static void report_call(struct http2_exchange *exchange)
{
	report(exchange, is_answer_fault(exchange));
}

/* @is_dropped: none came, or the provider is too busy for one. */
static void note_answer(struct http2_exchange *exchange, bool is_dropped)
{
	resilience_answered(&exchange->admission, proxy_now_ns(http2_flow(exchange)->proxy),
			    is_dropped);
}

static unsigned int counted_status(const struct http2_exchange *exchange)
{
	if (!exchange->request.is_grpc || exchange->status != 200)
		return exchange->status;
	return grpc_to_http(exchange->grpc_status);
}

/* The provider says that it has too much to do; of gRPC that is UNAVAILABLE. */
static bool is_overload(const struct http2_exchange *exchange)
{
	return counted_status(exchange) == 503;
}

/* ---- to the client ---- */

static void reset_down(struct http2_exchange *exchange, uint32_t code)
{
	if (exchange->shadow)
		http2_shadow_end(exchange);
	if (exchange->is_over)
		return;
	http2_shadow_cancel(exchange);
	exchange->is_over = true;
	exchange->retry_ns = exchange->deadline_ns = 0;
	nghttp2_submit_rst_stream(exchange->down->session, NGHTTP2_FLAG_NONE, exchange->down_stream,
				  code);
	http2_mark_dirty(exchange->down);
}

/* What the client has may be no more than 1xx: then it can still be told what has gone wrong. */
static bool has_passed_head(const struct http2_exchange *exchange)
{
	return exchange->is_resuming ||
	       (exchange->has_begun && exchange->has_head && !exchange->answer_head);
}

/* From here on the client has some of the answer: the request is not made again. */
static void pass_head(struct http2_exchange *exchange)
{
	struct http2_conn *down = exchange->down;
	nghttp2_nv nv[HTTP2_FIELDS_ROOM];
	size_t n = http2_fields_to_nv(exchange->answer_head, nv);
	bool has_body = !exchange->is_answered || buffer_len(&exchange->to_client) ||
			exchange->answer_trailers;

	exchange->has_begun = true;
	exchange->is_held = false;
	nghttp2_submit_response(down->session, exchange->down_stream, nv, n,
				has_body ? &http2_body : NULL);
	replace_fields(&exchange->answer_head, NULL);
	if (!http2_resume_is_possible(exchange))
		forget_request(exchange);
	http2_mark_dirty(down);
}

static void drop_answer(struct http2_exchange *exchange)
{
	replace_fields(&exchange->answer_head, NULL);
	replace_fields(&exchange->answer_trailers, NULL);
	buffer_release(http2_flow(exchange)->proxy, &exchange->to_client);
	exchange->is_held = exchange->has_head = exchange->is_answered = false;
}

/* What comes of the request from here on goes nowhere. */
static void drop_request(struct http2_exchange *exchange)
{
	give_credit_down(exchange, buffer_len(&exchange->to_service) - exchange->credited +
					   http2_lines_drop_request(exchange));
	exchange->credited = 0;
	exchange->plan.is_mirrored = false;
	buffer_release(http2_flow(exchange)->proxy, &exchange->to_service);
	replace_fields(&exchange->trailers, NULL);
	forget_request(exchange);
}

static void put_grpc_status(struct http2_exchange *exchange, struct http2_fields *fields,
			    int grpc_status, const char *reason)
{
	exchange->grpc_status = grpc_status;
	http2_fields_put_number(fields, "grpc-status", (size_t)grpc_status);
	http2_fields_put(fields, "grpc-message", reason); /* sentences of ours need no escapes */
}

static void make_answer(struct http2_exchange *exchange, unsigned int status, int grpc_status,
			const char *reason)
{
	struct http2_fields *head = http2_fields_new();

	exchange->answer_head = head;
	exchange->status = exchange->request.is_grpc ? 200 : status;
	http2_fields_put_number(head, ":status", exchange->status);
	if (exchange->request.is_grpc) {
		http2_fields_put(head, "content-type", "application/grpc");
		put_grpc_status(exchange, head, grpc_status, reason);
		return;
	}
	if (http2_transcode_is_json(exchange)) {
		http2_transcode_say(exchange, head, status, reason);
		return;
	}
	http2_fields_put(head, "content-type", "text/plain");
	if (status == 503)
		http2_fields_put(head, "retry-after", REQUEST_RETRY_AFTER_S);
	http2_fields_put_number(head, "content-length", strlen(reason) + 1);
	if (exchange->request.is_head)
		return;
	buffer_append(&exchange->to_client, (const uint8_t *)reason, strlen(reason));
	buffer_append(&exchange->to_client, (const uint8_t *)"\n", 1);
}

static void break_off(struct http2_exchange *exchange, unsigned int status, const char *reason,
		      uint32_t code);

void http2_exchange_answer(struct http2_exchange *exchange, unsigned int status, int grpc_status,
			   const char *reason)
{
	if (exchange->shadow) {
		http2_shadow_end(exchange);
		return;
	}
	if (exchange->is_resuming) { /* it is too late for an answer */
		break_off(exchange, status, reason, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	http2_shadow_cancel(exchange);
	http2_exchange_detach(exchange, NGHTTP2_CANCEL);
	drop_answer(exchange);
	make_answer(exchange, status, grpc_status, reason);
	exchange->is_own = exchange->is_answered = true;
	exchange->retry_ns = exchange->deadline_ns = 0;
	count(exchange, status);
	pass_head(exchange);
	drop_request(exchange);
	http2_translate_reset(exchange);
	count_held(exchange);
}

static void answer(struct http2_exchange *exchange, unsigned int status, const char *reason)
{
	http2_exchange_answer(exchange, status, grpc_of_http(status), reason);
}

static void put_outcome(struct http2_exchange *exchange, unsigned int status, uint32_t grpc_status,
			const char *reason)
{
	struct http2_fields *trailers = http2_fields_new();
	bool was_answered = exchange->is_answered;

	put_grpc_status(exchange, trailers, (int)grpc_status, reason);
	replace_fields(&exchange->answer_trailers, trailers);
	exchange->is_own = exchange->is_answered = true;
	exchange->deadline_ns = 0;
	if (!was_answered)
		count(exchange, status);
	drop_request(exchange);
	resume(exchange->down, exchange->down_stream);
	count_held(exchange);
}

/* Of an answer in lines the last one says that it failed, and so do the trailers. */
static void fail_lines(struct http2_exchange *exchange, unsigned int status, const char *reason)
{
	if (!http2_lines_gives(exchange) || !has_passed_head(exchange)) {
		http2_exchange_cut(exchange, status, reason);
		return;
	}
	http2_exchange_detach(exchange, NGHTTP2_CANCEL);
	http2_lines_fail(exchange, grpc_code_of_http(status), reason);
	put_outcome(exchange, status, grpc_code_of_http(status), reason);
}

/* Its headers have gone: what remains to be said is said in trailers, or not at all. */
static void break_off(struct http2_exchange *exchange, unsigned int status, const char *reason,
		      uint32_t code)
{
	if (http2_lines_gives(exchange) && !exchange->is_answered && !exchange->shadow) {
		fail_lines(exchange, status, reason);
		return;
	}
	http2_exchange_detach(exchange, NGHTTP2_CANCEL);
	if (!exchange->request.is_grpc || is_provider(exchange) || exchange->is_answered ||
	    exchange->shadow) {
		reset_down(exchange, code);
		return;
	}
	put_outcome(exchange, status, (uint32_t)grpc_of_http(status), reason);
}

void http2_exchange_cut(struct http2_exchange *exchange, unsigned int status, const char *reason)
{
	if (exchange->is_over)
		return;
	if (!has_passed_head(exchange)) {
		answer(exchange, status, reason);
		return;
	}
	http2_exchange_detach(exchange, NGHTTP2_CANCEL);
	buffer_release(http2_flow(exchange)->proxy, &exchange->to_client);
	drop_request(exchange);
	reset_down(exchange, NGHTTP2_ENHANCE_YOUR_CALM);
	count_held(exchange);
}

void http2_exchange_stop(struct http2_exchange *exchange)
{
	const char *reason = "the hub is being stopped, or does not stand for the service any more";

	if (exchange->is_over || exchange->is_answered)
		return;
	if (!is_provider(exchange) && !has_passed_head(exchange)) {
		answer(exchange, 503, reason);
		return;
	}
	/* Of a provider the entry makes it again elsewhere, if it may be. */
	break_off(exchange, 503, reason,
		  is_provider(exchange) ? NGHTTP2_CONNECT_ERROR : NGHTTP2_CANCEL);
}

/* ---- attempts ---- */

static void note_way(struct http2_exchange *exchange, const struct flow *up)
{
	struct flow *down = http2_flow(exchange);

	exchange->via = up->via;
	exchange->hub = up->hub;
	memcpy(exchange->digest, up->digest, sizeof(exchange->digest));
	if (is_provider(exchange))
		return;
	down->via = up->via; /* where its last request went, for who looks */
	down->hub = up->hub;
}

/* The service gets to see it. */
static void ask(struct http2_exchange *exchange)
{
	struct http2_conn *up = exchange->up;
	nghttp2_nv nv[HTTP2_FIELDS_ROOM + HTTP2_RESUME_FIELDS];
	size_t n = http2_fields_to_nv(http2_translate_head(exchange), nv);
	char range[RESUME_RANGE_MAX];
	bool has_body = !exchange->has_all || buffer_len(&exchange->to_service) ||
			exchange->trailers || !http2_lines_are_asked(exchange);
	int32_t stream;

	n += http2_resume_put(exchange, range, nv + n);
	stream = nghttp2_submit_request(up->session, NULL, nv, n, has_body ? &http2_body : NULL,
					exchange);
	if (stream > 0) {
		exchange->up_stream = stream;
		http2_mark_dirty(up);
		return;
	}
	up->is_draining = true; /* its numbers are used up */
	http2_pool_remove(up->http2);
	http2_exchange_up_closed(exchange, NGHTTP2_REFUSED_STREAM);
}

/* All of what was held is here, and nothing of it as it came: another attempt takes the replay. */
static void ask_held(struct http2_exchange *exchange)
{
	struct http1_refusal refusal;

	if (!http2_translate_request_end(exchange, &refusal)) {
		http2_exchange_cut(exchange, refusal.status, refusal.reason);
		return;
	}
	exchange->is_sent = true;
	exchange->credited = buffer_len(&exchange->to_service);
	ask(exchange);
}

/* What is held gets credit, as nobody else takes it before it is whole. */
static void hold_request(struct http2_exchange *exchange)
{
	struct http1_refusal refusal;

	give_credit_down(exchange, buffer_len(&exchange->to_service) - exchange->credited);
	exchange->credited = buffer_len(&exchange->to_service);
	count_held(exchange);
	if (!http2_translate_holds_request(exchange))
		return; /* it was the one that was cut */
	if (!http2_translate_check(exchange, &refusal))
		http2_exchange_cut(exchange, refusal.status, refusal.reason);
	else if (exchange->has_all)
		ask_held(exchange);
}

/* Lines of the request that the service has room for; what is made of them has had its credit. */
static void pass_asked(struct http2_exchange *exchange)
{
	struct http1_refusal refusal;
	bool is_good = http2_lines_ask(exchange, &refusal);

	exchange->credited = buffer_len(&exchange->to_service);
	give_credit_down(exchange, http2_lines_asked_credit(exchange));
	if (!is_good) {
		fail_lines(exchange, refusal.status, refusal.reason);
		return;
	}
	resume_up(exchange);
	count_held(exchange);
}

/* What is no message is refused before the service hears of it, as far as it is here. */
static void ask_lines(struct http2_exchange *exchange)
{
	pass_asked(exchange);
	if (http2_lines_takes(exchange))
		ask(exchange);
}

static void submit(struct http2_exchange *exchange, struct http2_conn *up)
{
	struct http1_refusal refusal;

	attach(exchange, up);
	exchange->is_reported = false;
	if (!http2_translate_request(exchange, &refusal))
		http2_exchange_cut(exchange, refusal.status, refusal.reason);
	else if (http2_translate_holds_request(exchange))
		hold_request(exchange);
	else if (http2_lines_takes(exchange))
		ask_lines(exchange);
	else
		ask(exchange);
}

static void submit_if_place(struct http2_exchange *exchange, struct http2_conn *up)
{
	note_way(exchange, up->http2->flow);
	if (http2_hold_admit(exchange))
		submit(exchange, up);
}

void http2_exchange_submit(struct http2_exchange *exchange)
{
	struct http2_conn *up = exchange->up;

	http2_exchange_detach(exchange, NGHTTP2_NO_ERROR);
	submit_if_place(exchange, up);
}

void http2_exchange_dispatch(struct http2_exchange *exchange)
{
	struct entry *entry = http2_entry_of(exchange);
	struct http2 *http2 = NULL;

	exchange->retry_ns = 0;
	if (entry)
		http2 = http2_pool_get(entry, exchange->tries + exchange->is_overflow);
	if (!http2) {
		answer(exchange, 503,
		       entry ? "too many requests are under way"
			     : "the entry is not there any more");
		return;
	}
	if (http2->flow->is_open) {
		submit_if_place(exchange, &http2->up);
		return;
	}
	attach(exchange, &http2->up);
	if (!http2->is_begun) {
		http2->is_begun = true;
		entry_dispatch(http2->flow); /* may fail at once; then all this has gone on */
	}
}

static void dispatch_to_own(struct http2_exchange *exchange)
{
	struct http2_conn *up = &exchange->down->http2->up;

	note_way(exchange, http2_flow(exchange));
	if (up->is_draining || up->is_gone) {
		reset_down(exchange, NGHTTP2_REFUSED_STREAM);
		return;
	}
	submit(exchange, up);
}

/* All of it so far is sent again, but the client has had credit for some of it. */
static void restore_request(struct http2_exchange *exchange)
{
	struct proxy *proxy = http2_flow(exchange)->proxy;
	size_t waiting = buffer_len(&exchange->to_service) - exchange->credited +
			 http2_lines_drop_request(exchange);

	http2_translate_reset(exchange);
	if (has_passed_head(exchange)) {
		http2_resume_prepare(exchange);
		return;
	}
	drop_answer(exchange);
	if (!exchange->is_sent)
		return;
	exchange->is_sent = false;
	buffer_release(proxy, &exchange->to_service);
	if (buffer_len(&exchange->replay))
		buffer_append(&exchange->to_service,
			      exchange->replay.bytes + exchange->replay.start,
			      buffer_len(&exchange->replay));
	exchange->credited = buffer_len(&exchange->to_service) - waiting;
}

/* A reset by the service that says something to the client; what is the mesh's own does not. */
static bool is_carried(uint32_t code)
{
	return code == NGHTTP2_CANCEL || code == NGHTTP2_INTERNAL_ERROR ||
	       code == NGHTTP2_REFUSED_STREAM || code == NGHTTP2_ENHANCE_YOUR_CALM ||
	       code == NGHTTP2_INADEQUATE_SECURITY || code == NGHTTP2_HTTP_1_1_REQUIRED;
}

static void tell_failure(struct http2_exchange *exchange, enum proxy_end why, uint32_t code)
{
	struct http1_refusal refusal;

	if (is_carried(code)) {
		reset_down(exchange, code);
		return;
	}
	if (why == PROXY_END_NO_PROVIDER && exchange->tries)
		why = exchange->last_why;
	refusal = request_explain(why);
	http2_resilience(exchange)->rejected += why == PROXY_END_LIMIT;
	if (code == NGHTTP2_PROTOCOL_ERROR)
		refusal = (struct http1_refusal){
			502, "the service answered with something that is not HTTP/2"};
	answer(exchange, refusal.status, refusal.reason);
}

void http2_exchange_fail(struct http2_exchange *exchange, enum proxy_end why)
{
	tell_failure(exchange, why, NGHTTP2_NO_ERROR);
}

/*
 * The first try again is at once and where the lease leads: a connection may have ended under it.
 * Then the broker is asked for another provider.
 */
static void try_again(struct http2_exchange *exchange, enum proxy_end why, uint64_t now_ns,
		      bool is_lost)
{
	struct flow *flow = http2_flow(exchange);
	struct proxy *proxy = flow->proxy;

	restore_request(exchange);
	if (why == PROXY_END_NO_PROVIDER) {
		exchange->retry_ns = now_ns + PROXY_TICK_MS * NSEC_PER_MSEC;
		return;
	}
	exchange->last_why = why;
	if (!exchange->failed_ns)
		exchange->failed_ns = now_ns;
	flow->counted->counts.retries++;
	if (++exchange->tries > 1 && is_lost &&
	    (exchange->via == FLOW_LOCAL || exchange->via == FLOW_MESH))
		proxy->events.lost(proxy->events.arg, http2_entry_of(exchange)->request,
				   &exchange->hub, exchange->digest);
	if (!is_lost && exchange->tries > 1) /* who refuses is busy */
		exchange->retry_ns = now_ns + PROXY_TICK_MS * NSEC_PER_MSEC;
	else
		http2_exchange_dispatch(exchange);
}

/* Answered before it was whole: the rest of it is not wanted. */
static void stop_request(struct http2_exchange *exchange)
{
	http2_resilience(exchange)->mirrors_dropped += exchange->plan.is_mirrored;
	drop_request(exchange);
	if (exchange->is_said && !exchange->has_all && !exchange->is_own)
		reset_down(exchange, NGHTTP2_NO_ERROR);
	else if (!exchange->linger_ns)
		exchange->linger_ns = proxy_now_ns(http2_flow(exchange)->proxy);
	count_held(exchange);
}

/*
 * What clients make of a reset behind an answer differs, and some drop the answer: who sends the
 * rest of a request that we refuse is let to, unless it is much or takes long.
 */
static void linger(struct http2_exchange *exchange, size_t n)
{
	give_credit_down(exchange, n);
	exchange->lingered += n;
	if (exchange->is_said && exchange->lingered > HTTP2_LINGER_MAX)
		reset_down(exchange, NGHTTP2_NO_ERROR);
}

static bool has_lingered(const struct http2_exchange *exchange, uint64_t now_ns)
{
	return exchange->is_own && exchange->is_said && !exchange->has_all &&
	       now_ns - exchange->linger_ns > HTTP2_LINGER_NS;
}

void http2_exchange_said(struct http2_exchange *exchange)
{
	exchange->is_said = true;
	if (!exchange->up)
		stop_request(exchange);
}

/* The call is over, and who still writes lines to it would lose the last ones at a reset. */
static void let_linger(struct http2_exchange *exchange)
{
	if (!http2_lines_takes(exchange) || exchange->has_all)
		return;
	exchange->is_own = true;
	exchange->linger_ns = proxy_now_ns(http2_flow(exchange)->proxy);
}

static void leave_to_hedge(struct http2_exchange *exchange, enum proxy_end why, uint32_t code)
{
	exchange->is_left = true;
	exchange->last_why = why;
	exchange->left_code = code;
}

void http2_exchange_hedge_ended(struct http2_exchange *exchange)
{
	if (!exchange->is_left)
		return;
	exchange->is_left = false;
	tell_failure(exchange, exchange->last_why, exchange->left_code);
}

static void attempt_failed(struct http2_exchange *exchange, enum proxy_end why, bool is_untouched,
			   uint32_t code)
{
	const struct request_attempt attempt = {
		.entry = http2_entry_of(exchange),
		.since_ns = exchange->failed_ns,
		.tries = exchange->tries,
		.why = why,
		.is_safe = !exchange->is_sent ||
			   (exchange->can_replay && exchange->head &&
			    (is_untouched || exchange->request.is_idempotent)),
		.is_free = is_untouched || !exchange->is_sent,
	};
	uint64_t now_ns = proxy_now_ns(http2_flow(exchange)->proxy);
	bool is_said = is_carried(code); /* of this one request; the connection goes on */
	bool is_repeated = is_said && !is_untouched && exchange->tries;

	if (exchange->is_over)
		return;
	if (exchange->shadow)
		http2_shadow_end(exchange);
	else if (exchange->is_answered)
		stop_request(exchange);
	else if (http2_lines_gives(exchange) && has_passed_head(exchange))
		fail_lines(exchange, 503, "the connection to the service failed");
	else if (is_provider(exchange))
		reset_down(exchange, code == NGHTTP2_NO_ERROR ? NGHTTP2_CONNECT_ERROR : code);
	else if (!is_repeated && (!exchange->has_begun || http2_resume_is_possible(exchange)) &&
		 request_may_repeat(&attempt, now_ns))
		try_again(exchange, why, now_ns, !is_said);
	else if (has_passed_head(exchange))
		break_off(exchange, 502, "the connection to the service failed",
			  is_said ? code : NGHTTP2_INTERNAL_ERROR);
	else if (exchange->hedge)
		leave_to_hedge(exchange, why, code);
	else
		tell_failure(exchange, why, code);
}

void http2_exchange_up_closed(struct http2_exchange *exchange, uint32_t code)
{
	bool is_untouched = code == NGHTTP2_REFUSED_STREAM;

	if (!exchange->is_answered && !is_untouched && !exchange->is_over) {
		note_answer(exchange, true);
		report(exchange, true);
	}
	http2_exchange_detach(exchange, NGHTTP2_NO_ERROR);
	attempt_failed(exchange, PROXY_END_SERVICE_RESET, is_untouched, code);
}

void http2_exchange_stranded(struct http2_exchange *exchange)
{
	if ((exchange->has_begun && !http2_resume_is_possible(exchange)) || !exchange->is_sent ||
	    exchange->is_answered || !exchange->request.is_idempotent || !exchange->can_replay ||
	    !exchange->head)
		return;
	note_answer(exchange, true);
	report(exchange, true);
	http2_exchange_detach(exchange, NGHTTP2_CANCEL);
	attempt_failed(exchange, PROXY_END_UNREACHABLE, false, NGHTTP2_NO_ERROR);
}

void http2_exchange_up_lost(struct http2_exchange *exchange, enum proxy_end why, bool was_open)
{
	const struct flow *up = exchange->up->http2->flow;

	if (!was_open)
		note_way(exchange, up);
	exchange->up_stream = 0; /* its session ends with it */
	if (was_open && !exchange->is_answered && exchange->is_sent) {
		note_answer(exchange, true);
		report(exchange, true);
	}
	http2_exchange_detach(exchange, NGHTTP2_NO_ERROR);
	attempt_failed(exchange, why, !was_open,
		       exchange->is_sent       ? NGHTTP2_CONNECT_ERROR
		       : is_provider(exchange) ? NGHTTP2_REFUSED_STREAM
					       : NGHTTP2_NO_ERROR);
}

/* ---- the request ---- */

static struct http2_exchange *exchange_new(struct http2_conn *down, int32_t stream,
					   struct http2_fields *head)
{
	struct http2_exchange *exchange = xnew(struct http2_exchange);
	struct proxy *proxy = down->http2->flow->proxy;

	exchange->down = down;
	exchange->down_stream = stream;
	exchange->head = head;
	exchange->grpc_status = GRPC_STATUS_NONE;
	exchange->can_replay = exchange->is_reported = true;
	exchange->leg = __LEG_END;
	exchange->asked_ns = exchange->moved_ns = exchange->taken_ns = proxy_now_ns(proxy);
	exchange->via = down->http2->flow->via;
	exchange->hub = down->http2->flow->hub;
	exchange->down_next = down->exchanges;
	if (exchange->down_next)
		exchange->down_next->down_prev = exchange;
	down->exchanges = exchange;
	down->n_exchanges++;
	proxy->n_exchanges++;
	if (stream)
		nghttp2_session_set_stream_user_data(down->session, stream, exchange);
	return exchange;
}

struct http2_exchange *http2_exchange_copy(const struct http2_exchange *of, struct http2_conn *down,
					   enum http2_shadow shadow)
{
	struct http2_exchange *copy = exchange_new(down, 0, http2_fields_copy(of->head));

	copy->shadow = shadow;
	copy->request = of->request;
	copy->request.whole_path = (struct http1_text){"", 0}; /* borrowed from the other's */
	copy->has_all = true;
	copy->has_all_ns = copy->asked_ns;
	copy->deadline_ns = of->deadline_ns;
	memcpy(copy->traceparent, of->traceparent, sizeof(copy->traceparent));
	if (of->trailers)
		copy->trailers = http2_fields_copy(of->trailers);
	if (buffer_len(&of->replay))
		buffer_append(&copy->to_service, of->replay.bytes + of->replay.start,
			      buffer_len(&of->replay));
	count_held(copy);
	return copy;
}

void http2_exchange_adopt(struct http2_exchange *exchange, struct http2_exchange *hedge)
{
	struct http2_conn *up = hedge->up;

	note_answer(exchange, false);
	report(exchange, false); /* the first attempt takes as long at least */
	http2_exchange_detach(exchange, NGHTTP2_CANCEL);
	drop_answer(exchange);
	give_credit_down(exchange, buffer_len(&exchange->to_service) - exchange->credited);
	buffer_release(http2_flow(exchange)->proxy, &exchange->to_service);
	exchange->to_service = hedge->to_service;
	hedge->to_service = (struct buffer){0};
	exchange->credited = buffer_len(&exchange->to_service);
	unlink_up(hedge);
	attach(exchange, up);
	http2_translate_reset(exchange);
	exchange->translate = hedge->translate; /* it is the hedge's answer that comes */
	hedge->translate = NULL;
	exchange->up_stream = hedge->up_stream;
	nghttp2_session_set_stream_user_data(up->session, exchange->up_stream, exchange);
	resilience_move(&hedge->admission, &exchange->admission);
	exchange->leg = LEG_HEDGE;
	exchange->is_sent = true;
	exchange->is_left = false;
	exchange->is_reported = hedge->is_reported;
	exchange->retry_ns = 0;
	note_way(exchange, up->http2->flow);
}

void http2_exchange_free(struct http2_exchange *exchange, uint32_t code)
{
	struct http2_conn *down = exchange->down;
	struct proxy *proxy = http2_flow(exchange)->proxy;

	if (exchange->down_stream)
		nghttp2_session_set_stream_user_data(down->session, exchange->down_stream, NULL);
	http2_shadow_freed(exchange);
	http2_exchange_detach(exchange, code == NGHTTP2_NO_ERROR ? NGHTTP2_CANCEL : code);
	if (exchange->down_prev)
		exchange->down_prev->down_next = exchange->down_next;
	else
		down->exchanges = exchange->down_next;
	if (exchange->down_next)
		exchange->down_next->down_prev = exchange->down_prev;
	down->n_exchanges--;
	proxy->n_exchanges--;
	http2_translate_reset(exchange);
	proxy->totals.buffered -= exchange->held;
	replace_fields(&exchange->head, NULL);
	replace_fields(&exchange->trailers, NULL);
	replace_fields(&exchange->answer_head, NULL);
	replace_fields(&exchange->answer_trailers, NULL);
	buffer_release(proxy, &exchange->to_service);
	buffer_release(proxy, &exchange->to_client);
	buffer_release(proxy, &exchange->replay);
	free(exchange->resume);
	free(exchange);
}

/* What only the mesh may say, who calls, and the trace. */
static void rewrite_head(struct http2_exchange *exchange)
{
	char caller[sizeof("URI=") + SPIFFE_URI_SIZE] = "URI=";
	struct http2_fields *head = exchange->head;

	flow_format_caller(http2_flow(exchange), caller + strlen(caller));
	http2_fields_leave_out(head, REQUEST_CALLER);
	http2_fields_leave_out(head, REQUEST_TRACE);
	http2_fields_put(head, REQUEST_CALLER, caller);
	http2_fields_put(head, REQUEST_TRACE, exchange->traceparent);
}

static void take_request(struct http2_exchange *exchange)
{
	const struct http2_request *request = &exchange->request;

	memcpy(exchange->traceparent, request->traceparent, sizeof(exchange->traceparent));
	if (!exchange->traceparent[0])
		request_make_traceparent(http2_flow(exchange)->proxy, exchange->traceparent);
	if (request->timeout_ns && !is_provider(exchange) &&
	    __builtin_add_overflow(exchange->asked_ns, request->timeout_ns, &exchange->deadline_ns))
		exchange->deadline_ns = 0;
}

static bool judge(struct http2_exchange *exchange, struct http1_refusal *refusal)
{
	const struct http2_request *request = &exchange->request;
	struct http1_text method;

	if (!http2_read_request(exchange->head, &exchange->request, refusal))
		return false;
	method = (struct http1_text){request->method, strlen(request->method)};
	return !is_provider(exchange) ||
	       provider_check_request(http2_flow(exchange), &method, &request->whole_path, refusal);
}

void http2_exchange_begin(struct http2_conn *down, int32_t stream, struct http2_fields *head,
			  bool has_all)
{
	struct flow *flow = down->http2->flow;
	struct http1_refusal refusal;
	struct http2_exchange *exchange;
	bool is_good;

	/* Beyond the last stream of our GOAWAY it must not have been passed on. */
	if (flow->proxy->n_exchanges >= HTTP2_EXCHANGES_MAX || down->is_draining) {
		http2_fields_free(head);
		nghttp2_submit_rst_stream(down->session, NGHTTP2_FLAG_NONE, stream,
					  NGHTTP2_REFUSED_STREAM);
		return;
	}
	exchange = exchange_new(down, stream, head);
	exchange->has_all = has_all;
	exchange->has_all_ns = has_all ? exchange->asked_ns : 0;
	is_good = judge(exchange, &refusal);
	take_request(exchange);
	if (!is_good) {
		answer(exchange, refusal.status, refusal.reason);
		return;
	}
	rewrite_head(exchange);
	if (is_provider(exchange))
		dispatch_to_own(exchange);
	else
		http2_hold_begin(exchange);
	count_held(exchange);
}

static void note_for_replay(struct http2_exchange *exchange, const uint8_t *bytes, size_t len)
{
	struct buffer *replay = &exchange->replay;

	if (!exchange->can_replay || is_provider(exchange))
		return;
	if (buffer_len(replay) + len <= HTTP2_REPLAY_MAX) {
		buffer_append(replay, bytes, len);
		return;
	}
	buffer_release(http2_flow(exchange)->proxy, replay);
	exchange->can_replay = false;
}

void http2_exchange_request_data(struct http2_exchange *exchange, const uint8_t *bytes, size_t len)
{
	exchange->moved_ns = proxy_now_ns(http2_flow(exchange)->proxy);
	if (exchange->is_own || exchange->is_over || (exchange->is_answered && !exchange->up)) {
		linger(exchange, len);
		return;
	}
	note_for_replay(exchange, bytes, len);
	if (http2_lines_takes(exchange)) {
		http2_lines_asked(exchange, bytes, len);
		pass_asked(exchange);
		return;
	}
	buffer_append(&exchange->to_service, bytes, len);
	if (http2_translate_holds_request(exchange)) {
		hold_request(exchange);
		return;
	}
	resume_up(exchange);
	count_held(exchange);
}

void http2_exchange_request_end(struct http2_exchange *exchange, struct http2_fields *trailers)
{
	exchange->has_all = true;
	exchange->has_all_ns = exchange->moved_ns = proxy_now_ns(http2_flow(exchange)->proxy);
	if (trailers && trailers->is_too_large) {
		http2_fields_free(trailers);
		http2_exchange_cut(exchange, 431, "the trailers are longer than 16384 bytes");
		return;
	}
	if (trailers) {
		http2_fields_leave_out(trailers, REQUEST_CALLER);
		replace_fields(&exchange->trailers, trailers);
	}
	if (exchange->plan.is_mirrored)
		http2_hold_whole(exchange);
	if (http2_translate_holds_request(exchange))
		hold_request(exchange);
	if (http2_lines_takes(exchange) && exchange->up)
		pass_asked(exchange);
	if (exchange->has_begun)
		forget_request(exchange);
	resume_up(exchange);
	count_held(exchange);
}

/* Messages of the answer that the client has room for. */
static void pass_answered(struct http2_exchange *exchange)
{
	struct http1_refusal refusal;
	bool is_good = http2_lines_say(exchange, &refusal);

	give_credit_up(exchange, http2_lines_answered_credit(exchange));
	if (!is_good) {
		report(exchange, true);
		fail_lines(exchange, refusal.status, refusal.reason);
		return;
	}
	if (exchange->has_begun)
		resume(exchange->down, exchange->down_stream);
	count_held(exchange);
}

void http2_exchange_sent(struct http2_exchange *exchange, const struct http2_conn *on, size_t n)
{
	size_t *known = on->is_server ? &exchange->uncredited : &exchange->credited;
	size_t n_known = n < *known ? n : *known;

	exchange->moved_ns = exchange->taken_ns = proxy_now_ns(http2_flow(exchange)->proxy);
	*known -= n_known;
	n -= n_known;
	if (!on->is_server) {
		give_credit_down(exchange, n);
		if (http2_lines_takes(exchange))
			pass_asked(exchange);
	} else if (http2_lines_gives(exchange)) {
		pass_answered(exchange);
	} else if (!exchange->is_answered) { /* of what has ended credit is of no use */
		give_credit_up(exchange, n);
	}
	count_held(exchange);
}

/* ---- the answer ---- */

/* A small answer to what can be asked again: should its provider die, the client never knows. */
static bool can_hold(const struct http2_exchange *exchange, const struct http2_fields *head)
{
	uint64_t length;

	return !is_provider(exchange) && exchange->request.is_idempotent && exchange->can_replay &&
	       !exchange->has_begun && http2_fields_length(head, &length) &&
	       length <= HTTP2_HELD_MAX && !exchange->request.is_head;
}

/* The answer is none to what was asked. */
static void break_off_rest(struct http2_exchange *exchange)
{
	report(exchange, true);
	break_off(exchange, 502, "the rest of the answer does not fit", NGHTTP2_INTERNAL_ERROR);
}

/* To a client that has the head of the answer. */
static void take_rest(struct http2_exchange *exchange, struct http2_fields *head, bool has_all)
{
	unsigned int status = http2_fields_status(head);
	bool fits = status < 200 || (!has_all && http2_resume_go_on(exchange, head));

	http2_fields_free(head);
	exchange->moved_ns = proxy_now_ns(http2_flow(exchange)->proxy);
	if (!fits) {
		break_off_rest(exchange);
	} else if (status >= 200) {
		note_answer(exchange, false);
		report(exchange, false);
	}
}

/* 100, 103: more is to come. */
static void pass_interim(struct http2_exchange *exchange, struct http2_fields *head)
{
	struct http2_conn *down = exchange->down;
	nghttp2_nv nv[HTTP2_FIELDS_ROOM];

	if (exchange->shadow) {
		http2_fields_free(head);
		return;
	}
	http2_shadow_cancel(exchange);
	if (!exchange->is_over)
		nghttp2_submit_headers(down->session, NGHTTP2_FLAG_NONE, exchange->down_stream,
				       NULL, nv, http2_fields_to_nv(head, nv), NULL);
	http2_fields_free(head);
	exchange->has_begun = true;
	http2_mark_dirty(down);
}

/* Where JSON stands for gRPC both are said, and not all that is 5xx speaks against the provider. */
static bool is_fault(const struct http2_fields *head, unsigned int status)
{
	int grpc_status = http2_fields_grpc_status(head);

	return status >= 500 &&
	       (grpc_status == GRPC_STATUS_NONE || grpc_is_provider_fault(grpc_status));
}

void http2_exchange_answer_head(struct http2_exchange *exchange, struct http2_fields *head,
				bool has_all)
{
	unsigned int status = http2_fields_status(head);
	struct http1_refusal refusal;

	if (exchange->is_resuming) {
		take_rest(exchange, head, has_all);
		return;
	}
	if (status < 200) {
		pass_interim(exchange, head);
		return;
	}
	if (head->is_too_large) {
		http2_fields_free(head);
		report(exchange, true);
		answer(exchange, 502, "the headers of the answer are too long");
		return;
	}
	exchange->has_head = true;
	exchange->status = status;
	exchange->moved_ns = proxy_now_ns(http2_flow(exchange)->proxy);
	exchange->head_us = (exchange->moved_ns - exchange->asked_ns) / 1000;
	if (has_all && exchange->request.is_grpc)
		exchange->grpc_status = http2_fields_grpc_status(head);
	if (!is_overload(exchange))
		note_answer(exchange, false);
	if (!exchange->request.is_grpc && !(exchange->translate && exchange->translate->schema))
		report(exchange, is_fault(head, status));
	else if (has_all && exchange->request.is_grpc)
		report_call(exchange);
	if (exchange->shadow) {
		http2_shadow_answered(exchange, head, has_all);
		return;
	}
	http2_shadow_cancel(exchange);
	if (http2_flow(exchange)->door)
		hedge_note_answer(&http2_flow(exchange)->door->resilience.hedge, exchange->head_us);
	exchange->is_held = !has_all && can_hold(exchange, head);
	replace_fields(&exchange->answer_head, head);
	if (!http2_translate_answer(exchange, has_all, &refusal)) {
		report(exchange, true);
		answer(exchange, refusal.status, refusal.reason);
		return;
	}
	exchange->is_held |= http2_translate_holds_answer(exchange);
	if (!has_all && !exchange->is_held)
		http2_resume_begin(exchange, exchange->answer_head);
	if (has_all)
		http2_exchange_answer_end(exchange, NULL);
	else if (!exchange->is_held)
		pass_head(exchange);
	count_held(exchange);
}

static void hold_answer(struct http2_exchange *exchange, size_t n)
{
	struct http1_refusal refusal;

	give_credit_up(exchange, n);
	count_held(exchange);
	if (http2_translate_holds_answer(exchange) && !http2_translate_check(exchange, &refusal))
		http2_exchange_cut(exchange, refusal.status, refusal.reason);
}

void http2_exchange_answer_data(struct http2_exchange *exchange, const uint8_t *bytes, size_t len)
{
	size_t came = len;

	exchange->moved_ns = proxy_now_ns(http2_flow(exchange)->proxy);
	if (exchange->shadow && exchange->up) { /* nobody reads it */
		nghttp2_session_consume_stream(exchange->up->session, exchange->up_stream, len);
		http2_mark_dirty(exchange->up);
	}
	if (exchange->is_over || exchange->shadow || exchange->is_resuming)
		return; /* credit is of no use to it any more */
	if (http2_lines_gives(exchange)) {
		http2_lines_answered(exchange, bytes, len);
		pass_answered(exchange);
		return;
	}
	if (!http2_resume_take(exchange, &bytes, &len)) {
		break_off_rest(exchange);
		return;
	}
	if (came > len) /* the client has it already */
		give_credit_up(exchange, came - len);
	if (!len)
		return;
	buffer_append(&exchange->to_client, bytes, len);
	if (http2_translate_holds_answer(exchange)) {
		hold_answer(exchange, len);
		return;
	}
	if (exchange->has_begun)
		resume(exchange->down, exchange->down_stream);
	count_held(exchange);
}

void http2_exchange_answer_end(struct http2_exchange *exchange, struct http2_fields *trailers)
{
	struct http1_refusal refusal;

	if (exchange->is_answered || !exchange->has_head) {
		http2_fields_free(trailers);
		return;
	}
	if (!http2_resume_is_whole(exchange)) {
		http2_fields_free(trailers);
		break_off_rest(exchange);
		return;
	}
	if (exchange->resume && exchange->resume->is_gone_on) { /* they are of a part */
		http2_fields_free(trailers);
		trailers = NULL;
	}
	if (trailers && trailers->is_too_large) {
		http2_fields_free(trailers);
		report(exchange, true);
		break_off(exchange, 502, "the trailers of the answer are too long",
			  NGHTTP2_INTERNAL_ERROR);
		return;
	}
	if (http2_translate_holds_answer(exchange) &&
	    !http2_translate_answer_end(exchange, &trailers, &refusal)) {
		http2_fields_free(trailers);
		report(exchange, exchange->grpc_status == GRPC_STATUS_NONE);
		answer(exchange, refusal.status, refusal.reason);
		return;
	}
	if (trailers && (exchange->request.is_grpc || http2_lines_gives(exchange)))
		exchange->grpc_status = http2_fields_grpc_status(trailers);
	if (http2_lines_gives(exchange))
		http2_lines_end(exchange, trailers);
	exchange->is_answered = true;
	exchange->deadline_ns = 0;
	replace_fields(&exchange->answer_trailers, trailers);
	if (is_overload(exchange))
		note_answer(exchange, true);
	http2_hold_release(exchange);
	report_call(exchange);
	count(exchange, counted_status(exchange));
	let_linger(exchange);
	if (exchange->shadow) {
		http2_shadow_end(exchange);
		return;
	}
	if (exchange->answer_head) /* or it has gone already; what came before it may have */
		pass_head(exchange);
	else if (http2_lines_gives(exchange))
		pass_answered(exchange);
	else
		resume(exchange->down, exchange->down_stream);
	count_held(exchange);
}

/* ---- time ---- */

static void expire(struct http2_exchange *exchange)
{
	note_answer(exchange, true);
	report(exchange, true);
	if (has_passed_head(exchange))
		break_off(exchange, 504, "the service did not answer in time", NGHTTP2_CANCEL);
	else
		answer(exchange, 504, "the service did not answer in time");
}

/* A call of gRPC may talk as long as it likes; how long it waits it says itself. */
static bool is_late(const struct http2_exchange *exchange, uint64_t now_ns)
{
	uint64_t limit_ns = http2_flow(exchange)->request_ms * NSEC_PER_MSEC;

	if (exchange->is_resuming)
		return now_ns - exchange->failed_ns > limit_ns;
	if (exchange->deadline_ns)
		return now_ns >= exchange->deadline_ns;
	if (exchange->has_head)
		return false;
	if (exchange->request.is_grpc)
		return exchange->has_all && now_ns - exchange->has_all_ns > limit_ns;
	return now_ns - exchange->asked_ns > limit_ns &&
	       (exchange->has_all || now_ns - exchange->moved_ns > limit_ns);
}

void http2_exchange_tick(struct http2_exchange *exchange, uint64_t now_ns)
{
	if (exchange->is_over)
		return;
	if (has_lingered(exchange, now_ns))
		reset_down(exchange, NGHTTP2_NO_ERROR);
	if (exchange->is_answered || is_provider(exchange))
		return;
	if (is_late(exchange, now_ns))
		expire(exchange);
	else if (exchange->retry_ns && now_ns >= exchange->retry_ns)
		http2_exchange_dispatch(exchange);
}
