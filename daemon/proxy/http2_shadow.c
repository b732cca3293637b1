// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: http2_shadow: requests of HTTP/2 made once more, by us
 *
 * A shadow is an exchange in a flow of its own, whose down side is nobody: all
 * of the request is there from the beginning.  The answer to a copy is dropped.
 * A hedge that is answered before the first attempt hands its stream over to
 * the exchange it was made for, before a byte of the answer is passed on: so
 * there is one answer, whatever else still comes.  Neither is made again, and
 * what we would answer ourselves ends it.
 *
 * It ends in the turn of the loop (http2_shadow_flush()), as whoever ends it
 * may still look at it.
 */
#include "daemon/proxy/http2.h"

#include "daemon/proxy/grpc_status.h"
#include "daemon/proxy/shadow.h"

/* Return: NULL too many connections or requests. */
static struct http2_exchange *make_shadow(const struct http2_exchange *exchange, struct entry *leg,
					  enum http2_shadow shadow)
{
	struct proxy *proxy = leg->proxy;
	struct flow *flow;

	if (proxy->n_exchanges >= HTTP2_EXCHANGES_MAX)
		return NULL;
	flow = flow_new(proxy, &proxy->shadows);
	if (!flow)
		return NULL;
	flow->entry = leg;
	flow->idle_s = leg->settings.idle_s;
	flow->connect_ms = leg->settings.connect_ms;
	flow->request_ms = leg->settings.request_ms;
	flow->is_open = true; /* nothing is waited for on its own account */
	http2_new(flow, HTTP2_SHADOW);
	flow->http2->is_begun = true;
	return http2_exchange_copy(exchange, &flow->http2->down, shadow);
}

/* ---- copies ---- */

void http2_shadow_copy(struct http2_exchange *exchange)
{
	struct proxy *proxy = http2_flow(exchange)->proxy;
	struct entry *door = http2_flow(exchange)->door;
	struct entry *leg = door ? door->legs[LEG_MIRROR] : NULL;
	struct http2_exchange *copy = NULL;

	exchange->plan.is_mirrored = false;
	if (leg && entry_provider(leg) && exchange->can_replay && exchange->head &&
	    proxy->n_mirrors < MIRRORS_MAX)
		copy = make_shadow(exchange, leg, HTTP2_COPY);
	if (!copy) {
		http2_resilience(exchange)->mirrors_dropped++;
		return;
	}
	http2_resilience(exchange)->mirrored++;
	proxy->n_mirrors++;
	http2_exchange_dispatch(copy);
}

/* ---- hedges ---- */

void http2_shadow_hedge(struct http2_exchange *exchange)
{
	struct entry *door = http2_flow(exchange)->door;
	struct entry *leg = door ? door->legs[LEG_HEDGE] : NULL;
	const struct broker_candidate *other = leg ? entry_provider(leg) : NULL;
	struct http2_exchange *hedge;

	if (!other || hub_id_equal(&other->hub, &exchange->hub) || exchange->hedge ||
	    exchange->has_head || exchange->has_begun || !exchange->can_replay || !exchange->head ||
	    !exchange->has_all || !hedge_spend(&door->resilience.hedge))
		return;
	hedge = make_shadow(exchange, leg, HTTP2_HEDGE);
	if (!hedge)
		return;
	http2_resilience(exchange)->hedged++;
	hedge->parent = exchange;
	exchange->hedge = hedge;
	http2_exchange_dispatch(hedge);
}

void http2_shadow_cancel(struct http2_exchange *exchange)
{
	struct http2_exchange *hedge = exchange->hedge;

	if (!hedge)
		return;
	exchange->hedge = NULL;
	hedge->parent = NULL;
	http2_shadow_end(hedge);
}

/* The first attempt may do better. */
static bool is_bad(const struct http2_exchange *hedge, bool has_all)
{
	if (!hedge->request.is_grpc)
		return hedge->status >= 500;
	return hedge->status != 200 || (has_all && grpc_is_provider_fault(hedge->grpc_status));
}

void http2_shadow_answered(struct http2_exchange *shadow, struct http2_fields *head, bool has_all)
{
	struct http2_exchange *parent = shadow->parent;

	if (!parent || is_bad(shadow, has_all)) {
		http2_fields_free(head);
		if (shadow->shadow == HTTP2_HEDGE)
			http2_shadow_end(shadow);
		else if (has_all)
			http2_exchange_answer_end(shadow, NULL);
		return;
	}
	http2_resilience(parent)->hedges_won++;
	http2_exchange_adopt(parent, shadow);
	http2_shadow_end(shadow);
	http2_exchange_answer_head(parent, head, has_all);
}

/* ---- the end ---- */

static void leave_parent(struct http2_exchange *shadow)
{
	struct http2_exchange *parent = shadow->parent;

	shadow->parent = NULL;
	if (!parent)
		return;
	parent->hedge = NULL;
	http2_exchange_hedge_ended(parent);
}

void http2_shadow_end(struct http2_exchange *shadow)
{
	if (shadow->is_over)
		return;
	http2_exchange_detach(shadow, NGHTTP2_CANCEL);
	shadow->is_over = true;
	shadow->retry_ns = shadow->deadline_ns = 0;
	http2_mark_dirty(shadow->down);
	leave_parent(shadow);
}

void http2_shadow_freed(struct http2_exchange *exchange)
{
	http2_shadow_cancel(exchange);
	leave_parent(exchange);
	if (exchange->shadow == HTTP2_COPY)
		http2_flow(exchange)->proxy->n_mirrors--;
}

void http2_shadow_drain(struct http2 *http2)
{
	struct http2_exchange *shadow = http2->down.exchanges;

	if (shadow && shadow->shadow == HTTP2_COPY)
		http2_shadow_end(shadow);
}

void http2_shadow_flush(struct http2 *http2)
{
	const struct http2_exchange *shadow = http2->down.exchanges;

	if (!http2->flow->is_closed && shadow && shadow->is_over)
		flow_close(http2->flow, PROXY_END_DONE);
}
