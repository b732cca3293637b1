// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: http_hold: requests that wait, fail on purpose, or are drained
 *
 * A request waits while its provider has no place for it, or because its entry
 * says so.  If there is a connection to the service already, the head is taken
 * away from it meanwhile: whoever sends for the service finds nothing.  Bodies
 * stay unread then.
 */
#include "daemon/proxy/http.h"

#include <stddef.h>

#include "daemon/proxy/http_pool.h"
#include "daemon/proxy/shadow.h"

static struct resilience_counts *counts_of(const struct http *http)
{
	return &http->flow->counted->counts.resilience;
}

/* ---- to wait ---- */

static void stall(struct http *http)
{
	http->stalled = http->to_service.in;
	http->to_service.in = (struct buffer){0};
	http->is_stalled = true;
}

static void unstall(struct http *http)
{
	if (!http->is_stalled)
		return;
	http->to_service.in = http->stalled;
	http->stalled = (struct buffer){0};
	http->is_stalled = false;
}

static void on_time(uv_timer_t *timer);

static void wait_for(struct http *http, uint32_t ms)
{
	struct flow *flow = http->flow;

	if (!http->has_timer) {
		uv_timer_init(flow->proxy->loop, &http->timer);
		http->timer.data = http;
		http->has_timer = true;
		flow->handles++;
	}
	uv_timer_start(&http->timer, on_time, ms, 0);
}

static void wait_no_more(struct http *http)
{
	if (http->has_timer)
		uv_timer_stop(&http->timer);
}

/* ---- on purpose ---- */

static bool fails(struct http *http)
{
	if (!http->fault.status)
		return false;
	counts_of(http)->faults_aborted++;
	http_answer(http, http->fault.status,
		    "this request fails on purpose: see fault in the configuration of its entry");
	return true;
}

static bool can_hedge(const struct http *http)
{
	const struct entry *door = http->flow->door;

	return door && door->settings.resilience.hedge.is_on && http->is_idempotent &&
	       !http->wants_upgrade;
}

/* The provider gets the request now. */
static void begin_attempt(struct http *http)
{
	uint32_t ms = can_hedge(http) ? resilience_hedge_ms(http->flow->door) : 0;

	wait_no_more(http);
	if (ms)
		wait_for(http, ms);
}

bool http_is_held(struct http *http)
{
	struct flow *flow = http->flow;
	struct resilience_plan plan;

	if (http->is_provider || http->shadow || !flow->entry)
		return false;
	plan = resilience_plan(flow->entry, !http->wants_upgrade, can_hedge(http));
	http->is_mirrored = plan.is_mirrored;
	http->fault = plan.fault;
	if (!http->fault.delay_ms)
		return fails(http);
	counts_of(http)->faults_delayed++;
	stall(http);
	wait_for(http, http->fault.delay_ms);
	return true;
}

static void end_delay(struct http *http)
{
	unstall(http);
	if (!fails(http))
		http_proceed(http);
	http_settle(http);
}

/* ---- for place at the provider ---- */

/* Somebody else is to take it: the shared provider, or nobody. */
static void turn_away(struct http *http)
{
	struct flow *flow = http->flow;

	http->is_overflow = true;
	if (flow->entry && flow->entry->settings.has_shared)
		counts_of(http)->overflowed++;
}

enum admission_verdict http_admit(struct http *http, const struct hub_id *hub,
				  const uint8_t *digest)
{
	struct flow *flow = http->flow;
	struct entry *entry = flow->entry;
	enum admission_verdict verdict;

	if (http->is_overflow)
		return ADMISSION_FULL;
	resilience_leave(&http->admission);
	verdict = resilience_admit(&http->admission, entry, hub, digest, proxy_now_ns(flow->proxy));
	if (verdict == ADMISSION_PASS) {
		begin_attempt(http);
	} else if (verdict == ADMISSION_FULL) {
		wait_no_more(http);
		turn_away(http);
	} else if (!http->has_timer || !uv_is_active((uv_handle_t *)&http->timer)) {
		wait_for(http, entry->settings.resilience.concurrency.queue_ms);
	}
	return verdict;
}

bool http_is_stranded(const struct http *http)
{
	return !http->is_provider && http->flow->entry && http->flow->service &&
	       (!http->has_begun || http->resume.is_possible) && http->is_idempotent &&
	       http->can_replay && flow_is_stranded(http->flow);
}

/* Its connection leads to a provider that is full. */
static void go_elsewhere(struct http *http)
{
	unstall(http);
	http_drop_service(http);
	http_forget_earlier(http);
	http_dispatch(http);
}

void http_admit_open(struct http *http)
{
	struct flow *flow = http->flow;
	bool is_counted = flow->entry && (flow->via == FLOW_LOCAL || flow->via == FLOW_MESH);

	switch (is_counted ? http_admit(http, &flow->hub, flow->digest) : ADMISSION_PASS) {
	case ADMISSION_PASS:
		break;
	case ADMISSION_WAIT:
		stall(http);
		break;
	case ADMISSION_FULL:
		go_elsewhere(http);
		break;
	}
}

void http_wake(struct admission *admission)
{
	struct http *http = (struct http *)((char *)admission - offsetof(struct http, admission));

	if (http->flow->is_closed || http->state != HTTP_OPEN)
		return;
	unstall(http);
	http_proceed(http);
	http_settle(http);
}

static void on_time(uv_timer_t *timer)
{
	struct http *http = timer->data;

	if (http->flow->is_closed || http->state != HTTP_OPEN)
		return;
	if (http->admission.state != ADMISSION_QUEUED) {
		if (http->is_stalled)
			end_delay(http);
		else
			shadow_hedge(http);
		return;
	}
	resilience_leave(&http->admission);
	turn_away(http);
	go_elsewhere(http);
	http_settle(http);
}

/* ---- to an end ---- */

/* Has the client said nothing that wants an answer? */
static bool is_idle(const struct http *http)
{
	return http->state == HTTP_IDLE && !http->began_ns &&
	       !buffer_len(&http->flow->client->in) && !buffer_len(&http->request);
}

void http_drain(struct http *http)
{
	struct flow *flow = http->flow;
	uint32_t ms = flow->entry ? flow->entry->settings.resilience.drain_ms : DRAIN_MS_DEFAULT;

	if (flow->is_closed || http->drain_ns || http->state == HTTP_UPGRADED)
		return;
	if (http->state == HTTP_CLOSING) { /* its client may be slow */
		http->drain_ns = proxy_now_ns(flow->proxy) + ms * NSEC_PER_MSEC;
		return;
	}
	if (flow->is_spare) {
		flow_close(flow, PROXY_END_DONE);
		return;
	}
	if (http->shadow) {
		if (http->shadow->is_mirror)
			flow_close(flow, PROXY_END_STOP);
		return; /* a hedge ends with its request */
	}
	http->drain_ns = proxy_now_ns(flow->proxy) + ms * NSEC_PER_MSEC;
	if (!is_idle(http))
		return;
	counts_of(http)->drained++;
	if (http->is_provider && !flow->is_open) {
		flow_close(flow, PROXY_END_STOP);
		return;
	}
	http_end(http);
	http_settle(http);
}

bool http_tick_drain(struct http *http, uint64_t now_ns)
{
	if (!http->drain_ns || now_ns < http->drain_ns || http->state == HTTP_CLOSING ||
	    http->state == HTTP_UPGRADED)
		return false;
	counts_of(http)->drain_cut++;
	flow_close(http->flow, PROXY_END_STOP);
	return true;
}

bool http_is_drained(const struct flow *flow)
{
	const struct http *http = flow->http;

	if (http->state == HTTP_UPGRADED)
		return true; /* a stream of bytes, as those that never were HTTP */
	return http->state == HTTP_CLOSING && !buffer_len(&http->to_client.in) &&
	       http->to_client.other && http->to_client.other->is_finished;
}

static void on_timer_closed(uv_handle_t *handle)
{
	flow_put(((struct http *)handle->data)->flow);
}

void http_closed(struct flow *flow, enum proxy_end why)
{
	struct http *http = flow->http;

	http_pool_remove(flow);
	resilience_leave(&http->admission);
	shadow_cancel(http);
	if (http->has_timer)
		uv_close((uv_handle_t *)&http->timer, on_timer_closed);
	http->has_timer = false;
}
