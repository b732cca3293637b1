// SPDX-License-Identifier: GPL-2.0
/* DOC: http: see http.h; states, attempts and what a client is told */
#include "daemon/proxy/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/proxy/grpc_status.h"
#include "daemon/proxy/http1_over_http2.h"
#include "daemon/proxy/http_pool.h"
#include "daemon/proxy/http_translate.h"
#include "daemon/proxy/request.h"
#include "daemon/proxy/shadow.h"
#include "daemon/trust/spiffe.h"

static void pump(struct http *http);

/* ---- counting ---- */

static void count_request(struct http *http, bool is_refused)
{
	const struct flow *flow = http->flow;
	const struct request_record record = {
		.via = flow->via,
		.hub = flow->hub,
		.method = http->method,
		.path = http->path,
		.status = http->status,
		.grpc_status = http_translate_is_call(http) ? http->translate->grpc_status
							    : GRPC_STATUS_NONE,
		.is_refused = is_refused,
		.is_copy = http->shadow != NULL,
		.asked_ns = http->asked_ns,
		.failed = http->tries,
		.traceparent = http->traceparent,
	};

	request_count(flow->proxy, flow->counted, &record);
}

/* @is_dropped: there was no answer, or the provider is too busy for one. */
static void report(struct http *http, bool is_error, bool is_dropped)
{
	struct flow *flow = http->flow;
	struct proxy *proxy = flow->proxy;
	uint64_t now_ns = proxy_now_ns(proxy);

	if (flow->via != FLOW_LOCAL && flow->via != FLOW_MESH)
		return;
	resilience_answered(&http->admission, now_ns, is_dropped);
	proxy->events.result(proxy->events.arg, &flow->hub, flow->digest, is_error,
			     (now_ns - http->asked_ns) / 1000);
	if (flow->entry)
		resilience_result(flow->entry, &flow->hub, flow->digest, now_ns, is_error);
}

/* ---- answers of our own ---- */

void http_drop_service(struct http *http)
{
	struct flow *flow = http->flow;
	const struct end *wire = http1_over_http2_wire(flow);

	http->is_kept = false;
	if (http->is_provider || !flow->service)
		return;
	flow->is_open = false;
	http1_over_http2_free(flow);
	if (wire == &flow->tunnel.end) {
		tunnel_ops.close(&flow->tunnel.end, true);
		buffer_release(flow->proxy, &flow->tunnel.end.in);
	} else {
		http->is_dropping = sock_drop(&flow->far);
	}
	flow->service = NULL;
	buffer_release(flow->proxy, &http->response);
	http->response_seen = 0;
}

void http_end(struct http *http)
{
	http->state = HTTP_CLOSING;
	http->closing_ns = proxy_now_ns(http->flow->proxy);
	http->retry_ns = 0;
	http->to_client.has_ended = true;
	buffer_release(http->flow->proxy, &http->request);
	buffer_release(http->flow->proxy, &http->stalled);
	if (!http->is_kept)
		http_drop_service(http);
}

/*
 * The client is done; the service need not be.  One that has said so sends nothing more, so its
 * connection can be closed as soon as the answer is the kernel's: no FIN first, no turn for its own.
 */
static void end_client(struct http *http)
{
	const struct flow *flow = http->flow;

	http->is_leaving = http->is_last && !http->is_provider && !http->shadow &&
			   http->request_body.is_done && !buffer_len(&http->request) &&
			   !buffer_len(&flow->client->in);
	http->is_kept = http_pool_may_keep(http);
	http_end(http);
	http->to_client.has_ended = !http->is_leaving;
}

/* Nobody is there any more to say anything to. */
static void be_over(struct http *http)
{
	if (!http_pool_give(http))
		flow_close(http->flow, PROXY_END_DONE);
}

/* The connection ends with it: of what else the client has sent nothing more is believed. */
/* Who calls gRPC in JSON is told in JSON. */
static void put_answer(struct http *http, unsigned int status, const char *reason)
{
	struct transcode_bytes json = {0};
	bool is_json = http_translate_is_call(http), has_allow = is_json && status == 405;
	char text[512];
	int n;

	if (is_json)
		json = transcode_say(status, reason);
	n = snprintf(text, sizeof(text),
		     "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		     "Connection: close\r\n%s%s%s%s\r\n",
		     status, http1_status_text(status), is_json ? "application/json" : "text/plain",
		     is_json ? json.len : strlen(reason) + 1,
		     status == 503 ? "Retry-After: " REQUEST_RETRY_AFTER_S "\r\n" : "",
		     has_allow ? "Allow: " : "", has_allow ? http->translate->call.allow : "",
		     has_allow ? "\r\n" : "");
	buffer_append(&http->to_client.in, (uint8_t *)text, (size_t)n);
	if (is_json && !http->is_head)
		buffer_append(&http->to_client.in, json.bytes, json.len);
	free(json.bytes);
	if (is_json || http->is_head)
		return;
	buffer_append(&http->to_client.in, (const uint8_t *)reason, strlen(reason));
	buffer_append(&http->to_client.in, (const uint8_t *)"\n", 1);
}

void http_answer(struct http *http, unsigned int status, const char *reason)
{
	shadow_cancel(http);
	if (http->shadow || http->is_resuming) { /* there is nobody to tell, or it is too late */
		flow_close(http->flow,
			   http->shadow ? PROXY_END_UNREACHABLE : PROXY_END_SERVICE_RESET);
		return;
	}
	if (http->is_held)
		buffer_release(http->flow->proxy, &http->to_client.in);
	http->is_held = http->is_stalled = false;
	resilience_leave(&http->admission);
	http->status = status;
	count_request(http, true);
	put_answer(http, status, reason);
	http_end(http);
	http->again = true;
}

/* ---- attempts ---- */

void http_dispatch(struct http *http)
{
	http->retry_ns = 0;
	if (http->is_dropping)
		return; /* its socket is needed; http_dropped() */
	http->dialled = http->flow->entry;
	entry_dispatch(http->flow);
}

/* Has the service some of it?  What has not come from the client yet does not count. */
static bool is_sent(const struct http *http)
{
	return !http->is_stalled && http->n_put > buffer_len(&http->to_service.in);
}

void http_forget_earlier(struct http *http)
{
	buffer_take(http->flow->proxy, &http->to_service.in, http_request_at(http));
}

static void restore_request(struct http *http)
{
	struct proxy *proxy = http->flow->proxy;

	if (http->is_held)
		buffer_release(proxy, &http->to_client.in);
	http->is_held = http->has_head = false;
	http_translate_reset(http);
	http->to_service = (struct end){
		.ops = http->to_service.ops, .flow = http->flow, .in = http->to_service.in};
	http->is_untouched = false;
	if (!is_sent(http) && !http->is_rewritten && !http->is_resuming) {
		http_forget_earlier(http);
		return;
	}
	buffer_release(proxy, &http->to_service.in);
	if (http->is_resuming)
		http_resume_ask(http);
	else
		buffer_append(&http->to_service.in, http->replay.bytes + http->replay.start,
			      buffer_len(&http->replay));
	http->n_put = buffer_len(&http->to_service.in);
	http->is_rewritten = false;
}

static void tell_failure(struct http *http, enum proxy_end why)
{
	struct http1_refusal refusal = request_explain(why);

	http->flow->counted->counts.resilience.rejected += why == PROXY_END_LIMIT;
	http_answer(http, refusal.status, refusal.reason);
}

static bool may_try_again(struct http *http, enum proxy_end why, uint64_t now_ns)
{
	bool is_here = !is_sent(http) && !http->is_rewritten;
	bool may_be_twice = http->is_idempotent || http->is_untouched || !is_sent(http);
	const struct request_attempt attempt = {
		.entry = http->flow->entry,
		.since_ns = http->failed_ns,
		.tries = http->tries,
		.why = why,
		.is_safe = is_here || (may_be_twice && http->can_replay),
	};

	return !http->shadow && request_may_repeat(&attempt, now_ns);
}

/*
 * The first try again is at once and where the lease leads: an idle connection may have ended
 * under it.  Then the broker is asked for another provider.
 */
static void http_failed(struct http *http, enum proxy_end why)
{
	struct flow *flow = http->flow;
	struct proxy *proxy = flow->proxy;
	uint64_t now_ns = proxy_now_ns(proxy);

	http_drop_service(http);
	resilience_leave(&http->admission);
	if (!may_try_again(http, why, now_ns)) {
		tell_failure(http,
			     why == PROXY_END_NO_PROVIDER && http->tries ? http->last_why : why);
		pump(http);
		return;
	}
	restore_request(http);
	http->retry_ns = now_ns;
	flow->waiting_ns = now_ns;
	if (why == PROXY_END_NO_PROVIDER) {
		http->retry_ns += PROXY_TICK_MS * NSEC_PER_MSEC;
		return;
	}
	http->last_why = why;
	if (!http->failed_ns)
		http->failed_ns = now_ns;
	flow->counted->counts.retries++;
	if (++http->tries > 1 && (flow->via == FLOW_LOCAL || flow->via == FLOW_MESH))
		proxy->events.lost(proxy->events.arg, flow->entry->request, &flow->hub,
				   flow->digest);
	http_dispatch(http);
}

static bool http_is_waiting(const struct flow *flow)
{
	const struct http *http = flow->http;

	return http->state == HTTP_OPEN && !http->is_dropping && !http->retry_ns &&
	       !http->is_stalled && !http->has_head && http->admission.state != ADMISSION_QUEUED;
}

static void http_attempt_failed(struct flow *flow, enum proxy_end why)
{
	if (flow->http->state == HTTP_OPEN)
		http_failed(flow->http, why);
}

static void http_dropped(struct flow *flow)
{
	struct http *http = flow->http;

	http->is_dropping = false;
	if (http->state == HTTP_OPEN && !flow->service && http_is_waiting(flow))
		http_dispatch(http);
}

/* A way that was good before was gone already, or just then: that is nobody's failure. */
static void ask_afresh(struct http *http)
{
	struct flow *flow = http->flow;

	http_drop_service(http);
	resilience_leave(&http->admission);
	restore_request(http);
	http->is_reused = false;
	flow->waiting_ns = proxy_now_ns(flow->proxy);
	flow->counted->counts.retries++;
	http_dispatch(http);
}

/*
 * A provider has one request under way at a time, and breaks off if its service does.  So what it
 * ends as if all had been said, without a word to a request, ended before that was passed on.
 */
static bool has_passed_none(const struct http *http)
{
	const struct flow *flow = http->flow;

	return flow->is_read_there && flow->service == &flow->tunnel.end &&
	       flow->tunnel.end.has_ended;
}

/* May the request go elsewhere whatever its method? */
static bool is_untouched(const struct http *http)
{
	return !http->has_head && !http->has_begun && !buffer_len(&http->response) &&
	       (!is_sent(http) || has_passed_none(http));
}

static bool may_ask_afresh(const struct http *http)
{
	return http->is_untouched && http->has_served && !http->shadow &&
	       (http->can_replay || (!is_sent(http) && !http->is_rewritten));
}

/* The service is gone while a request is under way. */
static void service_failed(struct http *http)
{
	struct flow *flow = http->flow;

	if (http->is_stalled) { /* nothing was asked: there will be another way when its time comes */
		http_drop_service(http);
		return;
	}
	http->is_untouched = http->state == HTTP_OPEN && is_untouched(http);
	if (http->is_provider && http->is_untouched) {
		buffer_release(flow->proxy, &http->to_service.in);
		http_end(http); /* see has_passed_none() */
		return;
	}
	if (http_pool_is_stale(http) || may_ask_afresh(http)) {
		ask_afresh(http);
		return;
	}
	if (http->state == HTTP_OPEN)
		report(http, true, true);
	http->is_resuming = http->state == HTTP_OPEN && http->has_begun &&
			    http->resume.is_possible && http->can_replay;
	if (http->is_provider || http->state == HTTP_UPGRADED ||
	    (http->has_begun && !http->is_resuming))
		flow_close(flow, PROXY_END_SERVICE_RESET); /* the entry can try again elsewhere */
	else
		http_failed(http, PROXY_END_UNREACHABLE);
}

/*
 * A service that answers early need not read on, and may break off behind its answer.
 * Return: something it has said is still to be passed on.
 */
static bool hear_the_rest(struct http *http)
{
	const struct flow *flow = http->flow;
	const struct sock *sock = http->is_provider ? &flow->near : &flow->far;
	struct end *service = flow->service;

	if (http->state != HTTP_OPEN || !service)
		return false;
	if (service == &sock->end && sock_has_bytes(sock)) {
		http->is_service_broken = http->is_service_cut = true;
		return true;
	}
	if (!http->has_head || !buffer_len(&service->in))
		return false;
	http->is_service_broken = true;
	http->is_service_cut |= !service->has_ended;
	service->has_ended = true;
	return true;
}

static void http_broken(struct flow *flow, const struct end *end)
{
	struct http *http = flow->http;
	bool is_idle = http->state == HTTP_IDLE || http->state == HTTP_CLOSING;

	if (flow->is_spare) {
		flow_close(flow, PROXY_END_DONE);
	} else if (end == flow->client && is_idle) {
		be_over(http);
	} else if (end == flow->client) {
		flow_close(flow, PROXY_END_CLIENT_RESET);
	} else if (!is_idle && hear_the_rest(http)) {
		pump(http);
	} else if (!is_idle) {
		service_failed(http);
	} else if (http->is_provider) { /* what it has answered is still passed on */
		http->is_service_broken = true;
		if (http->state == HTTP_IDLE)
			http_end(http);
		pump(http);
	} else {
		http_drop_service(http);
	}
}

/* ---- bytes ---- */

void http_take_from(struct http *http, struct end *from, struct buffer *pending, size_t n)
{
	if (pending) {
		buffer_take(http->flow->proxy, pending, n);
		return;
	}
	buffer_take(http->flow->proxy, &from->in, n);
	from->ops->taken(from, n);
}

/* What is read waits in a buffer of ours until it holds a head. */
static void gather(struct http *http, struct end *from, struct buffer *pending)
{
	size_t n = buffer_len(&from->in);

	if (buffer_len(pending) + n > HTTP1_HEAD_MAX)
		n = buffer_len(pending) < HTTP1_HEAD_MAX ? HTTP1_HEAD_MAX - buffer_len(pending) : 0;
	if (!n)
		return;
	buffer_append(pending, from->in.bytes + from->in.start, n);
	http_take_from(http, from, NULL, n);
}

static void note_for_replay(struct http *http, const uint8_t *bytes, size_t n)
{
	if (!http->can_replay)
		return;
	http->can_replay = buffer_len(&http->replay) + n <= HTTP_REPLAY_MAX;
	if (http->can_replay)
		buffer_append(&http->replay, bytes, n);
	else
		buffer_release(http->flow->proxy, &http->replay);
}

/* Return: false the body is malformed. */
static bool move_body(struct http *http, struct http1_body *body, struct buffer *pending,
		      struct end *from, struct end *to)
{
	while (!body->is_done && buffer_len(&to->in) < http_translate_room(http, to)) {
		bool is_pending = buffer_len(pending) > 0;
		struct buffer *in = is_pending ? pending : &from->in;
		size_t have = buffer_len(in);
		const uint8_t *bytes;
		long n;

		if (!have)
			return true;
		bytes = in->bytes + in->start;
		if (have > HTTP_PASSING_MAX)
			have = HTTP_PASSING_MAX;
		n = http1_body_take(body, bytes, have);
		if (n < 0)
			return false;
		buffer_append(&to->in, bytes, (size_t)n);
		if (body == &http->request_body)
			note_for_replay(http, bytes, (size_t)n);
		if (to == &http->to_service)
			http->n_put += (size_t)n;
		http_take_from(http, from, is_pending ? pending : NULL, (size_t)n);
		http->again = true;
	}
	return true;
}

/* Bytes of another protocol. */
static void move_bytes(struct http *http, struct buffer *pending, struct end *from, struct end *to)
{
	struct http1_body all = {.framing = HTTP1_UNTIL_CLOSE};

	move_body(http, &all, pending, from, to);
	if (from->has_ended && !buffer_len(pending) && !buffer_len(&from->in) && !to->has_ended)
		to->has_ended = http->again = true;
}

/* ---- requests ---- */

static void copy_shown(char *ret, size_t size, const struct http1_text *text)
{
	const char *query = memchr(text->at, '?', text->len);
	size_t len = query ? (size_t)(query - text->at) : text->len;

	snprintf(ret, size, "%.*s", (int)(len < size ? len : size - 1), text->at);
}

static void begin_request(struct http *http, const struct http1_head *head)
{
	struct flow *flow = http->flow;
	char caller[SPIFFE_URI_SIZE];
	size_t before = buffer_len(&http->to_service.in);

	http_write_request(&http->to_service.in, head, flow_format_caller(flow, caller),
			   http->traceparent);
	buffer_release(flow->proxy, &http->replay);
	http->can_replay = !http->is_provider;
	http->n_put = buffer_len(&http->to_service.in) - before;
	note_for_replay(http, http->to_service.in.bytes + http->to_service.in.start + before,
			http->n_put);
	http1_body_begin(&http->request_body, head, false);
}

static void note_head(struct http *http, const struct http1_head *head)
{
	struct http1_text path = http1_path_of(&head->target);

	http->asked_ns = proxy_now_ns(http->flow->proxy);
	http->began_ns = 0;
	http->is_head = http1_is(&head->method, "HEAD");
	http->is_idempotent = http1_is_idempotent(&head->method);
	http->is_persistent = head->is_persistent;
	http->is_last = !head->is_persistent;
	http->wants_upgrade = head->is_upgrade;
	http->may_resume = http1_is(&head->method, "GET") && head->framing == HTTP1_NO_BODY &&
			   !http->is_provider && !head->is_upgrade &&
			   resume_may_ask(head->fields, head->n_fields);
	copy_shown(http->method, sizeof(http->method), &head->method);
	copy_shown(http->path, sizeof(http->path), &path);
	http_take_traceparent(http->flow->proxy, head, http->traceparent);
}

/* Return: false the head is answered, not passed on. */
static bool judge(struct http *http, const struct http1_head *head)
{
	const struct http1_text path = http1_path_of(&head->target);
	struct http1_refusal refusal = {0};

	if (!http_connection_is_safe(head)) {
		http_answer(http, 400, "Connection names a header that must stay");
		return false;
	}
	if (!http->is_provider ||
	    provider_check_request(http->flow, &head->method, &path, &refusal))
		return true;
	http_answer(http, refusal.status, refusal.reason);
	return false;
}

static void reset_exchange(struct http *http)
{
	http->is_resuming = http->resume.is_possible = false;
	http->is_head = http->has_begun = http->is_held = http->has_head = false;
	http->is_mirrored = http->is_rewritten = http->is_untouched = false;
	http->status = http->tries = 0;
	http->asked_ns = http->failed_ns = http->retry_ns = 0;
	http->method[0] = http->path[0] = http->traceparent[0] = '\0';
	http->flow->tries = 0;
	http_translate_reset(http);
}

/* Return: a request is under way now. */
static bool take_request(struct http *http)
{
	struct flow *flow = http->flow;
	struct buffer *pending = &http->request;
	struct http1_refusal refusal;
	struct http1_head head;
	bool is_good;
	size_t len;

	gather(http, flow->client, pending);
	/* An empty line before a request is what RFC 9112 2.2 has us forgive. */
	if (buffer_len(pending) >= 2 && memcmp(pending->bytes + pending->start, "\r\n", 2) == 0)
		buffer_take(flow->proxy, pending, 2);
	if (!buffer_len(pending)) {
		if (flow->client->has_ended)
			end_client(http);
		return false;
	}
	if (!http->began_ns) {
		http->began_ns = proxy_now_ns(flow->proxy);
		reset_exchange(http);
	}
	len = http1_find_end(pending->bytes + pending->start, buffer_len(pending),
			     &http->request_seen);
	if (!len) {
		if (!http1_check_size(pending->bytes + pending->start, buffer_len(pending),
				      &refusal))
			http_answer(http, refusal.status, refusal.reason);
		else if (flow->client->has_ended)
			flow_close(flow, PROXY_END_CLIENT_RESET);
		return false;
	}
	http->request_seen = 0;
	http->state = HTTP_OPEN;
	is_good = http1_parse_request(pending->bytes + pending->start, len, &head, &refusal);
	if (!is_good) {
		http_answer(http, refusal.status, refusal.reason);
		return false;
	}
	note_head(http, &head);
	if (!judge(http, &head))
		return false;
	if (http->is_provider && !http_pool_is_clean(http)) {
		http_end(http); /* without a word to it: see has_passed_none() */
		return false;
	}
	legs_choose(flow, &head);
	http_pool_note(http, &head);
	/* That the client ends its connection is nothing to the service: others may use ours. */
	if (!http->is_provider && head.minor == 1 && !head.is_upgrade)
		head.is_persistent = true;
	begin_request(http, &head);
	buffer_take(flow->proxy, pending, len);
	http->again = true;
	return true;
}

static void pass_request_body(struct http *http)
{
	struct flow *flow = http->flow;

	if (!move_body(http, &http->request_body, &http->request, flow->client,
		       http_translate_to_service(http))) {
		if (http->has_begun)
			flow_close(flow, PROXY_END_CLIENT_RESET);
		else
			http_answer(http, 400, "the chunked body is malformed");
	} else if (!http->request_body.is_done && flow->client->has_ended &&
		   !buffer_len(&flow->client->in) && !buffer_len(&http->request)) {
		flow_close(flow, PROXY_END_CLIENT_RESET);
	} else if (http->request_body.is_done && http->is_mirrored) {
		http->is_mirrored = false;
		shadow_mirror(http);
	}
}

static void pump_request(struct http *http)
{
	struct flow *flow = http->flow;
	bool is_new;

	switch (http->state) {
	case HTTP_CLOSING:
		if (buffer_len(&flow->client->in))
			http_take_from(http, flow->client, NULL, buffer_len(&flow->client->in));
		return;
	case HTTP_UPGRADED:
		move_bytes(http, &http->request, flow->client, &http->to_service);
		return;
	default:
		is_new = http->state == HTTP_IDLE && take_request(http);
	}
	if (flow->is_closed || http->state != HTTP_OPEN || http->is_stalled ||
	    (is_new && http_is_held(http)))
		return;
	pass_request_body(http);
	if (!flow->is_closed && is_new && !http->is_provider && http->state == HTTP_OPEN)
		http_proceed(http);
}

/* What took a request for want of place does not keep the connection. */
static bool must_move(const struct http *http)
{
	return http->dialled != http->flow->entry || entry_has_moved(http->flow) ||
	       (http->is_overflow && http->flow->via == FLOW_SHARED);
}

void http_proceed(struct http *http)
{
	struct flow *flow = http->flow;

	if (flow->is_open && (must_move(http) || (http->is_reused && !http_pool_may_risk(http)) ||
			      !http_pool_is_clean(http)))
		http_drop_service(http);
	if (!flow->is_open)
		http_forget_earlier(http);
	http->is_overflow = false;
	if (flow->is_open) {
		http_admit_open(http);
		return;
	}
	flow->waiting_ns = proxy_now_ns(flow->proxy);
	http_dispatch(http);
}

/* ---- responses ---- */

static void finish_exchange(struct http *http, bool is_persistent)
{
	struct flow *flow = http->flow;

	count_request(http, false);
	resilience_leave(&http->admission);
	buffer_release(flow->proxy, &http->replay);
	http->again = true;
	http->is_held = http->is_reused = false;
	http->state = HTTP_IDLE;
	if (http->drain_ns)
		flow->counted->counts.resilience.drained++;
	if (http->drain_ns || !is_persistent || !http->is_persistent ||
	    !http->request_body.is_done || (http->is_provider && http_pool_is_distrusted(flow)))
		end_client(http);
}

void http_hedge_won(struct http *http, const struct http *winner)
{
	struct flow *flow = http->flow;

	flow->counted->counts.resilience.hedges_won++;
	report(http, false, false); /* the first attempt takes as long at least */
	if (http->is_held)
		buffer_release(flow->proxy, &http->to_client.in);
	http_drop_service(http);
	resilience_leave(&http->admission);
	buffer_release(flow->proxy, &http->replay);
	http->is_held = http->can_replay = false;
	http->has_head = http->has_begun = true;
	http->retry_ns = 0;
	http->status = winner->status;
	http->is_persistent &= winner->is_persistent;
	if (flow->door)
		hedge_note_answer(&flow->door->resilience.hedge,
				  (proxy_now_ns(flow->proxy) - http->asked_ns) / 1000);
}

void http_hedge_ended(struct http *http, bool is_reset)
{
	if (is_reset) {
		flow_close(http->flow, PROXY_END_SERVICE_RESET);
		return;
	}
	finish_exchange(http, true);
	pump(http);
}

/* A small answer to what can be asked again: should its provider die, the client never knows. */
static bool can_hold(const struct http *http, const struct http1_head *head)
{
	return head->status >= 200 && head->framing == HTTP1_LENGTH &&
	       head->length <= HTTP_HELD_MAX && http->is_idempotent && http->can_replay &&
	       !http->has_begun && !buffer_len(&http->to_client.in) && !http->flow->near.is_writing;
}

static void take_final(struct http *http, const struct http1_head *head)
{
	shadow_cancel(http);
	http->has_head = http->has_served = true;
	http->status = head->status;
	http->does_service_stay = head->is_persistent;
	http->is_persistent &= head->is_persistent;
	if (http->flow->door)
		hedge_note_answer(&http->flow->door->resilience.hedge,
				  (proxy_now_ns(http->flow->proxy) - http->asked_ns) / 1000);
	http1_body_begin(&http->response_body, head, true);
	if (!http_translate_is_call(http) || !http_translate_holds_answer(http))
		report(http, head->status >= 500, head->status == 503);
}

/* Return: false it is not the rest of the answer. */
static bool take_rest(struct http *http, const struct http1_head *head, size_t len)
{
	struct flow *flow = http->flow;

	if (head->status >= 200 && !http_resume_go_on(http, head))
		return false;
	if (head->status >= 200) {
		http1_body_begin(&http->response_body, head, true);
		http->has_head = true;
		http->is_resuming = false;
		http->failed_ns = 0;
		flow->counted->counts.resilience.resumed++;
	}
	buffer_take(flow->proxy, &http->response, len);
	http->again = true;
	return true;
}

/*
 * Does the client have to be told that its connection ends after this answer?  So it does if the
 * answer comes before the end of the request, which may never come.
 */
static bool ends_client(const struct http *http, const struct http1_head *head)
{
	bool is_last = !http->is_persistent || !http->request_body.is_done;

	return head->status >= 200 && !http->is_provider && !http->translate &&
	       (http->drain_ns || (is_last && head->is_persistent));
}

/* Return: false the service speaks in another way than HTTP/1.1. */
static bool take_response(struct http *http)
{
	struct buffer *pending = &http->response;
	struct http1_refusal refusal;
	struct http1_head head;
	size_t len;

	gather(http, http->flow->service, pending);
	if (!buffer_len(pending))
		return true;
	len = http1_find_end(pending->bytes + pending->start, buffer_len(pending),
			     &http->response_seen);
	if (!len)
		return buffer_len(pending) < HTTP1_HEAD_MAX;
	http->response_seen = 0;
	if (!http1_parse_response(pending->bytes + pending->start, len, http->is_head, &head,
				  &refusal) ||
	    (head.status == 101 && !http->wants_upgrade))
		return false;
	if (http->is_resuming)
		return take_rest(http, &head, len);
	http->is_held = can_hold(http, &head);
	if (http->may_resume && !http->is_held && !http->translate && head.status >= 200)
		http_resume_begin(http, &head);
	if (ends_client(http, &head)) {
		http->is_persistent = false;
		http_write_last(&http->to_client.in, pending->bytes + pending->start, &head);
	} else if (!http_translate_head(http, &head, pending->bytes + pending->start, len,
					&refusal)) {
		http_answer(http, refusal.status, refusal.reason);
		return true;
	}
	if (head.status == 101) {
		http->state = HTTP_UPGRADED;
		http->status = 101;
		report(http, false, false);
		count_request(http, false);
	} else if (head.status >= 200) {
		take_final(http, &head);
	}
	buffer_take(http->flow->proxy, pending, len);
	http->again = true;
	if (http->is_held || http_translate_holds_answer(http))
		return true;
	http->has_begun = true;
	if (http->resume.is_possible)
		return true;
	buffer_release(http->flow->proxy, &http->replay);
	http->can_replay = false;
	return true;
}

static void answer_bad_service(struct http *http)
{
	report(http, true, false);
	if (http->has_begun)
		flow_close(http->flow, PROXY_END_SERVICE_RESET);
	else
		http_answer(http, 502, "the service answered with something that is not HTTP/1.1");
}

/* The service says something, or ends, while nobody has asked it: never an answer to what comes next. */
static void pump_idle_service(struct http *http)
{
	struct flow *flow = http->flow;
	struct end *service = flow->service;

	if (!service->has_ended && !buffer_len(&service->in) && !buffer_len(&http->response))
		return;
	if (buffer_len(&service->in) || buffer_len(&http->response))
		http_pool_distrust(flow);
	if (!http->is_provider)
		http_drop_service(http);
	else
		http_end(http);
	http->again = true;
}

/* Return: false it is no good. */
static bool move_answer(struct http *http)
{
	if (http->resume.is_possible && !http_resume_move(http))
		return false;
	return http->resume.is_possible ||
	       move_body(http, &http->response_body, &http->response, http->flow->service,
			 http_translate_to_client(http));
}

static void pump_response_body(struct http *http)
{
	struct flow *flow = http->flow;
	struct end *service = flow->service;
	struct http1_refusal refusal;
	bool has_all, is_call, is_good;

	if (!move_answer(http)) {
		answer_bad_service(http);
		return;
	}
	has_all = service->has_ended && !buffer_len(&service->in) && !buffer_len(&http->response);
	if (has_all && http->response_body.framing == HTTP1_UNTIL_CLOSE && !http->is_service_cut)
		http->response_body.is_done = true;
	is_call = http_translate_is_call(http) && http_translate_holds_answer(http);
	is_good = http_translate_answer(http, &refusal);
	if (is_call && (!is_good || http->response_body.is_done))
		report(http, http_translate_is_fault(http), false);
	if (!is_good)
		http_answer(http, refusal.status, refusal.reason);
	else if (http->response_body.is_done) /* at an entry the next one finds a service again */
		finish_exchange(http, !http->is_provider || !service->has_ended);
	else if (has_all)
		service_failed(http);
	if (!flow->is_closed && http->state == HTTP_IDLE)
		pump_idle_service(http); /* before the next request of a pipeline */
}

/* The same before it has got a byte of the request that is next. */
static void pump_unasked_service(struct http *http)
{
	struct flow *flow = http->flow;
	bool has_said = buffer_len(&flow->service->in) || buffer_len(&http->response);

	if (!has_said && !flow->service->has_ended)
		return;
	if (has_said)
		http_pool_distrust(flow);
	buffer_release(flow->proxy, &http->response);
	service_failed(http);
	http->again = true;
}

static void pump_response(struct http *http)
{
	struct flow *flow = http->flow;

	shadow_pass_on(http);
	if (!flow->is_open || !flow->service)
		return;
	if (http->state == HTTP_OPEN && !is_sent(http)) {
		pump_unasked_service(http);
		return;
	}
	switch (http->state) {
	case HTTP_IDLE:
		pump_idle_service(http);
		return;
	case HTTP_UPGRADED:
		move_bytes(http, &http->response, flow->service, &http->to_client);
		return;
	case HTTP_CLOSING:
		if (http->is_kept)
			pump_idle_service(http);
		return;
	default:
		break;
	}
	if (http->has_head) {
		pump_response_body(http);
		return;
	}
	if (!take_response(http))
		answer_bad_service(http);
	else if (http->state == HTTP_OPEN && !http->has_head && flow->service->has_ended &&
		 !http->again)
		service_failed(http);
}

/* ---- the pump ---- */

static bool is_said(const struct end *end)
{
	return end->has_ended && !buffer_len(&end->in) && end->other && end->other->is_finished;
}

static void leave(struct http *http)
{
	struct flow *flow = http->flow;

	if (!buffer_len(&http->to_client.in) && !flow->near.is_writing &&
	    !buffer_len(&flow->client->in)) {
		be_over(http);
		return;
	}
	http->is_leaving = false; /* after all: the answer is long, or the client says more */
	http->to_client.has_ended = true;
	flow->client->ops->pull(flow->client);
}

static void check_over(struct http *http)
{
	struct flow *flow = http->flow;
	bool is_over = false;

	if (http->state == HTTP_CLOSING && http->is_leaving) {
		leave(http);
		return;
	}
	if (http->state == HTTP_CLOSING)
		is_over = is_said(&http->to_client) &&
			  (http->is_provider || flow->client->has_ended);
	else if (http->state == HTTP_UPGRADED)
		is_over = is_said(&http->to_client) && is_said(&http->to_service);
	if (is_over)
		be_over(http);
}

static void pass_on(struct http *http)
{
	struct flow *flow = http->flow;
	struct http1_refusal refusal;

	size_t before = buffer_len(&http->to_service.in);

	if (flow->is_open && flow->service && !http->is_stalled &&
	    !http_translate_request(http, &refusal))
		http_answer(http, refusal.status, refusal.reason);
	http->n_put += buffer_len(&http->to_service.in) - before; /* or less: it is held now */
	if (flow->is_open && flow->service && !http->is_stalled && !http->is_service_broken)
		flow->service->ops->pull(flow->service);
	if (!flow->is_closed && !http->is_held &&
	    (buffer_len(&http->to_client.in) || http->to_client.has_ended))
		flow->client->ops->pull(flow->client);
}

/* A client that has gone while it was written to may have left the flow spare. */
static bool is_gone(const struct flow *flow)
{
	return flow->is_closed || flow->is_spare;
}

static void pump(struct http *http)
{
	struct flow *flow = http->flow;

	http->again = true;
	if (http->is_pumping || flow->is_closed)
		return;
	if (flow->is_spare) {
		http_pool_heard(flow);
		return;
	}
	http->is_pumping = true;
	flow->handles++;
	while (http->again && !is_gone(flow)) {
		http->again = false;
		pump_request(http);
		if (!is_gone(flow))
			pump_response(http);
		if (!is_gone(flow))
			pass_on(http);
	}
	http->is_pumping = false;
	if (!is_gone(flow))
		check_over(http);
	flow_put(flow);
}

static void http_taken(struct end *end, size_t n)
{
	pump(end->flow->http);
}

static void http_pull(struct end *end)
{
	pump(end->flow->http);
}

static void http_close(struct end *end, bool is_reset)
{
	/* Only the ends outside are closed. */
}

static const struct end_ops http_ops = {
	.pull = http_pull,
	.taken = http_taken,
	.close = http_close,
};

/* ---- time ---- */

static void tick_open(struct http *http, uint64_t now_ns)
{
	struct flow *flow = http->flow;
	uint64_t limit_ns = flow->request_ms * NSEC_PER_MSEC;
	uint64_t since_ns = http->is_resuming ? http->failed_ns : http->asked_ns;

	if (http_is_stranded(http)) {
		service_failed(http);
	} else if (!http->has_head && !http->is_provider && now_ns - since_ns > limit_ns &&
		   (http->request_body.is_done || now_ns - flow->moved_ns > limit_ns)) {
		report(http, true, true);
		http_answer(http, 504, "the service did not answer in time");
		pump(http);
	} else if (http->retry_ns && now_ns >= http->retry_ns) {
		http_dispatch(http);
	} else if (!flow->is_open && !http->retry_ns && !http->is_dropping && !http->has_head &&
		   http->admission.state != ADMISSION_QUEUED && !http->is_stalled) {
		flow_tick_attempt(flow, now_ns);
	} else if (now_ns - flow->moved_ns > flow->idle_s * NSEC_PER_SEC) {
		flow_close(flow, PROXY_END_IDLE);
	}
}

/* A client that reads slowly is not one that has nothing more to read. */
static void tick_closing(struct http *http, uint64_t now_ns)
{
	struct flow *flow = http->flow;

	if (!is_said(&http->to_client))
		http->closing_ns = now_ns;
	if ((http->drain_ns && now_ns >= http->drain_ns) ||
	    now_ns - http->closing_ns > HTTP_CLOSING_NS)
		be_over(http);
	else if (now_ns - flow->moved_ns > flow->idle_s * NSEC_PER_SEC)
		flow_close(flow, PROXY_END_IDLE);
}

static void http_tick(struct flow *flow, uint64_t now_ns)
{
	struct http *http = flow->http;

	if (flow->is_spare || http_tick_drain(http, now_ns))
		return;
	if (shadow_is_late(http, now_ns)) {
		flow_close(flow, PROXY_END_TIMEOUT);
		return;
	}
	if (http->state == HTTP_OPEN) {
		tick_open(http, now_ns);
	} else if (http->state == HTTP_CLOSING) {
		tick_closing(http, now_ns);
	} else if (http->state == HTTP_IDLE && http->began_ns &&
		   now_ns - http->began_ns > HTTP_HEAD_NS) {
		http_answer(http, 408, "the head of the request took longer than 10 s");
		pump(http);
	} else if (http->is_provider && !flow->is_open) {
		flow_tick_attempt(flow, now_ns);
	} else if (now_ns - flow->moved_ns > flow->idle_s * NSEC_PER_SEC) {
		flow_close(flow, PROXY_END_IDLE);
	}
}

/* ---- life ---- */

static void http_free(struct flow *flow)
{
	struct proxy *proxy = flow->proxy;
	struct http *http = flow->http;

	http1_over_http2_free(flow);
	http_translate_free(http);
	buffer_release(proxy, &http->to_client.in);
	buffer_release(proxy, &http->to_service.in);
	buffer_release(proxy, &http->request);
	buffer_release(proxy, &http->response);
	buffer_release(proxy, &http->replay);
	buffer_release(proxy, &http->stalled);
	if (http->shadow)
		buffer_release(proxy, &http->shadow->end.in);
	free(http->shadow);
	free(http);
}

void http_listen(struct http *http)
{
	struct flow *flow = http->flow;

	flow->client->flow = flow;
	flow->client->other = &http->to_client;
	http->to_client.other = flow->client;
	sock_start_reading(&flow->near);
}

static void http_join(struct flow *flow, struct end *client, struct end *service)
{
	struct http *http = flow->http;

	if (flow->client)
		client = flow->client; /* a shadow: the socket is not used */
	http1_over_http2_free(flow); /* of an earlier attempt */
	if (flow->is_crossing)
		service = http1_over_http2_new(flow, service);
	client->flow = service->flow = flow;
	client->other = &http->to_client;
	http->to_client.other = client;
	service->other = &http->to_service;
	http->to_service.other = service;
	http->does_service_stay = http->is_reused = http->has_served = false;
	http->is_service_broken = http->is_service_cut = false;
	flow->client = client;
	flow->service = service;
}

void http_settle(struct http *http)
{
	pump(http);
}

static void settle_flow(struct flow *flow)
{
	pump(flow->http);
}

static void drain_flow(struct flow *flow)
{
	http_drain(flow->http);
}

static const struct pump_ops http_pump = {
	.reads_requests = true,
	.join = http_join,
	.opened = settle_flow,
	.settle = settle_flow,
	.broken = http_broken,
	.dropped = http_dropped,
	.is_waiting = http_is_waiting,
	.attempt_failed = http_attempt_failed,
	.drain = drain_flow,
	.is_drained = http_is_drained,
	.closed = http_closed,
	.free = http_free,
	.tick = http_tick,
};

struct http *http_new(struct flow *flow, bool is_provider)
{
	struct http *http = xnew(struct http);

	http->flow = flow;
	http->is_provider = is_provider;
	http->admission.wake = http_wake;
	http->to_client = (struct end){.ops = &http_ops, .flow = flow};
	http->to_service = (struct end){.ops = &http_ops, .flow = flow};
	flow->pump = &http_pump;
	flow->http = http;
	return http;
}
