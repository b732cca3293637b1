// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: http2_hold: requests of HTTP/2 that wait, fail on purpose, or are too many
 *
 * A request that waits has no stream towards a service; what comes of its body
 * stays within the window of its client's stream.  It waits because its entry
 * says so, or because its provider, known when there is a connection to one,
 * has no place.  Then the same timer counts until there should be a second
 * attempt.
 */
#include "daemon/proxy/http2.h"

#include <stddef.h>
#include <stdlib.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/grpc_status.h"

/**
 * struct http2_timer - of a request that waits
 * @timer: libuv's; it lives until that lets go
 * @proxy: whose loop
 * @exchange: who waits; NULL not any more
 */
struct http2_timer {
	uv_timer_t timer;
	struct proxy *proxy;
	struct http2_exchange *exchange;
};

struct entry *http2_entry_of(const struct http2_exchange *exchange)
{
	struct entry *entry = http2_flow(exchange)->entry;
	struct entry *leg = entry && exchange->leg < __LEG_END ? entry->legs[exchange->leg] : NULL;

	return leg ? leg : entry;
}

/* ---- to wait ---- */

static void on_time(uv_timer_t *timer);

static void on_timer_closed(uv_handle_t *handle)
{
	struct http2_timer *timer = handle->data;

	proxy_put_handle(timer->proxy);
	free(timer);
}

static void wait_no_more(struct http2_exchange *exchange)
{
	struct http2_timer *timer = exchange->timer;

	if (!timer)
		return;
	exchange->timer = NULL;
	timer->exchange = NULL;
	uv_close((uv_handle_t *)&timer->timer, on_timer_closed);
}

static void wait_for(struct http2_exchange *exchange, uint32_t ms)
{
	struct proxy *proxy = http2_flow(exchange)->proxy;
	struct http2_timer *timer = xnew(struct http2_timer);

	wait_no_more(exchange);
	timer->proxy = proxy;
	timer->exchange = exchange;
	timer->timer.data = timer;
	exchange->timer = timer;
	proxy->handles++;
	uv_timer_init(proxy->loop, &timer->timer);
	uv_timer_start(&timer->timer, on_time, ms, 0);
}

void http2_hold_release(struct http2_exchange *exchange)
{
	wait_no_more(exchange);
	exchange->is_delayed = false;
	resilience_leave(&exchange->admission);
}

/* ---- a request that comes ---- */

static void choose_leg(struct http2_exchange *exchange)
{
	struct entry *door = http2_flow(exchange)->door;
	struct http1_field fields[HTTP2_FIELDS_ROOM];
	size_t n = 0;

	if (!door)
		return;
	if (legs_is_sticky(door))
		for (; n < exchange->head->n; n++)
			fields[n] = (struct http1_field){http2_field_name(exchange->head, n),
							 http2_field_value(exchange->head, n)};
	exchange->leg = legs_pick(door, fields, n);
}

static void fail_on_purpose(struct http2_exchange *exchange)
{
	const struct entry *entry = http2_entry_of(exchange);
	unsigned int status = exchange->plan.fault.status;
	int grpc_status = entry ? (int)entry->settings.resilience.fault.abort_grpc_status : 0;

	http2_resilience(exchange)->faults_aborted++;
	http2_exchange_answer(
		exchange, status, grpc_status ? grpc_status : grpc_of_http(status),
		"this request fails on purpose: see fault in the configuration of its entry");
}

static void proceed(struct http2_exchange *exchange)
{
	exchange->is_delayed = false;
	if (exchange->plan.fault.status) {
		fail_on_purpose(exchange);
		return;
	}
	if (exchange->plan.is_mirrored && exchange->has_all)
		http2_shadow_copy(exchange);
	http2_exchange_dispatch(exchange);
}

void http2_hold_whole(struct http2_exchange *exchange)
{
	if (!exchange->is_delayed && !exchange->is_own)
		http2_shadow_copy(exchange);
}

/* A method of gRPC may be made twice if the configuration says so; of others HTTP says it. */
static bool can_hedge(struct http2_exchange *exchange)
{
	const struct entry *door = http2_flow(exchange)->door;
	const struct hedge_settings *settings = door ? &door->settings.resilience.hedge : NULL;

	if (!settings || !settings->is_on || exchange->shadow)
		return false;
	if (exchange->request.is_grpc && hedge_names_method(settings, exchange->request.path))
		exchange->request.is_idempotent = true;
	return exchange->request.is_idempotent;
}

void http2_hold_begin(struct http2_exchange *exchange)
{
	struct entry *entry;

	choose_leg(exchange);
	entry = http2_entry_of(exchange);
	if (entry)
		exchange->plan = resilience_plan(entry, true, can_hedge(exchange));
	if (!exchange->plan.fault.delay_ms) {
		proceed(exchange);
		return;
	}
	http2_resilience(exchange)->faults_delayed++;
	exchange->is_delayed = true;
	wait_for(exchange, exchange->plan.fault.delay_ms);
}

/* ---- for place at the provider ---- */

/* The provider gets the request now. */
static void begin_attempt(struct http2_exchange *exchange)
{
	uint32_t ms = can_hedge(exchange) ? resilience_hedge_ms(http2_flow(exchange)->door) : 0;

	wait_no_more(exchange);
	if (ms && !exchange->hedge)
		wait_for(exchange, ms);
}

/* Somebody else is to take it: the shared provider, or nobody. */
static void turn_away(struct http2_exchange *exchange)
{
	const struct entry *entry = http2_entry_of(exchange);

	wait_no_more(exchange);
	if (entry && entry->settings.has_shared) {
		exchange->is_overflow = true;
		http2_resilience(exchange)->overflowed++;
		http2_exchange_dispatch(exchange);
		return;
	}
	http2_exchange_fail(exchange, PROXY_END_LIMIT);
}

bool http2_hold_admit(struct http2_exchange *exchange)
{
	struct entry *entry = http2_entry_of(exchange);
	enum admission_verdict verdict = ADMISSION_PASS;

	exchange->admission.wake = http2_hold_wake;
	if (entry && (exchange->via == FLOW_LOCAL || exchange->via == FLOW_MESH))
		verdict = resilience_admit(&exchange->admission, entry, &exchange->hub,
					   exchange->digest,
					   proxy_now_ns(http2_flow(exchange)->proxy));
	if (verdict == ADMISSION_PASS)
		begin_attempt(exchange);
	else if (verdict == ADMISSION_FULL)
		turn_away(exchange);
	else if (!exchange->timer)
		wait_for(exchange, entry->settings.resilience.concurrency.queue_ms);
	return verdict == ADMISSION_PASS;
}

void http2_hold_wake(struct admission *admission)
{
	http2_exchange_dispatch(
		(struct http2_exchange *)((char *)admission -
					  offsetof(struct http2_exchange, admission)));
}

static void on_time(uv_timer_t *timer)
{
	struct http2_exchange *exchange = ((struct http2_timer *)timer->data)->exchange;

	wait_no_more(exchange);
	if (exchange->is_delayed) {
		proceed(exchange);
	} else if (exchange->admission.state == ADMISSION_QUEUED) {
		resilience_leave(&exchange->admission);
		turn_away(exchange);
	} else {
		http2_shadow_hedge(exchange);
	}
}
