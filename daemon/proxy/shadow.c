// SPDX-License-Identifier: GPL-2.0
/* DOC: shadow: see shadow.h */
#include "daemon/proxy/shadow.h"

#include "daemon/lib/memory.h"
#include "daemon/proxy/http.h"

static const struct end_ops shadow_ops;

static struct shadow *shadow_of(struct end *end)
{
	return (struct shadow *)end;
}

/* ---- its answer ---- */

/* Return: the answer may be passed on; else it has not begun, or is no good and the flow over. */
static bool wins(struct shadow *shadow)
{
	const struct http *http = shadow->end.flow->http;

	if (shadow->has_won)
		return true;
	if (!http->has_head)
		return false;
	if (http->status >= 500) { /* the first attempt may do better */
		flow_close(shadow->end.flow, PROXY_END_STOP);
		return false;
	}
	shadow->has_won = true;
	http_hedge_won(shadow->parent, http);
	return true;
}

static size_t pass_to_parent(struct shadow *shadow)
{
	struct http *parent = shadow->parent;
	struct buffer *in = &shadow->end.other->in;
	size_t n = buffer_len(in), held = buffer_len(&parent->to_client.in);
	size_t room = held < HTTP_PASSING_MAX ? HTTP_PASSING_MAX - held : 0;

	if (n > room)
		n = room;
	if (n)
		buffer_append(&parent->to_client.in, in->bytes + in->start, n);
	parent->flow->moved_ns = proxy_now_ns(parent->flow->proxy);
	return n;
}

static void shadow_pull(struct end *end)
{
	struct shadow *shadow = shadow_of(end);
	struct end *from = end->other;
	struct http *parent = shadow->parent;
	size_t n;

	if (parent && !wins(shadow))
		return;
	n = parent ? pass_to_parent(shadow) : buffer_len(&from->in);
	if (n) {
		buffer_take(end->flow->proxy, &from->in, n);
		from->ops->taken(from, n);
	}
	if (from->has_ended && !buffer_len(&from->in) && !end->is_finished) {
		end->is_finished = true;
		flow_check_done(end->flow);
	}
	if (parent && n)
		http_settle(parent);
}

static void shadow_taken(struct end *end, size_t n)
{
	/* All of the request is here from the beginning. */
}

static void shadow_close(struct end *end, bool is_reset)
{
	struct shadow *shadow = shadow_of(end);
	struct http *parent = shadow->parent;

	if (shadow->is_mirror)
		end->flow->proxy->n_mirrors--;
	shadow->parent = NULL;
	if (!parent)
		return;
	parent->hedge = NULL;
	if (shadow->has_won)
		http_hedge_ended(parent, is_reset);
}

static const struct end_ops shadow_ops = {
	.pull = shadow_pull,
	.taken = shadow_taken,
	.close = shadow_close,
};

/* ---- life ---- */

/* @http has the request in its replay. Return: NULL too many connections. */
static struct shadow *shadow_new(struct http *http, struct entry *leg)
{
	struct proxy *proxy = leg->proxy;
	struct flow *flow = flow_new(proxy, &proxy->shadows);
	struct shadow *shadow;

	if (!flow)
		return NULL;
	flow->entry = leg;
	flow->idle_s = leg->settings.idle_s;
	flow->connect_ms = leg->settings.connect_ms;
	flow->request_ms = leg->settings.request_ms;
	shadow = xnew(struct shadow);
	shadow->end = (struct end){.ops = &shadow_ops, .flow = flow, .has_ended = true};
	buffer_append(&shadow->end.in, http->replay.bytes + http->replay.start,
		      buffer_len(&http->replay));
	flow->client = &shadow->end;
	http_new(flow, false);
	flow->http->shadow = shadow;
	http_listen(flow->http);
	return shadow;
}

void shadow_mirror(struct http *http)
{
	struct entry *door = http->flow->door;
	struct entry *leg = door ? door->legs[LEG_MIRROR] : NULL;
	struct resilience_counts *counts = &http->flow->counted->counts.resilience;
	struct proxy *proxy = http->flow->proxy;
	struct shadow *shadow = NULL;

	if (leg && entry_provider(leg) && http->can_replay && proxy->n_mirrors < MIRRORS_MAX)
		shadow = shadow_new(http, leg);
	if (!shadow) {
		counts->mirrors_dropped++;
		return;
	}
	counts->mirrored++;
	shadow->is_mirror = true;
	proxy->n_mirrors++;
	http_settle(shadow->end.flow->http);
}

void shadow_hedge(struct http *http)
{
	struct flow *flow = http->flow;
	struct entry *leg = flow->door ? flow->door->legs[LEG_HEDGE] : NULL;
	const struct broker_candidate *other = leg ? entry_provider(leg) : NULL;
	struct shadow *shadow;

	if (!other || hub_id_equal(&other->hub, &flow->hub) || http->hedge || http->has_head ||
	    http->has_begun || !http->can_replay || !http->request_body.is_done ||
	    !hedge_spend(&flow->door->resilience.hedge))
		return;
	shadow = shadow_new(http, leg);
	if (!shadow)
		return;
	flow->counted->counts.resilience.hedged++;
	shadow->parent = http;
	http->hedge = shadow;
	http_settle(shadow->end.flow->http);
}

void shadow_cancel(struct http *http)
{
	struct shadow *shadow = http->hedge;

	if (!shadow)
		return;
	http->hedge = NULL;
	shadow->parent = NULL;
	flow_close(shadow->end.flow, PROXY_END_STOP);
}

void shadow_pass_on(struct http *http)
{
	if (http->hedge && http->hedge->has_won)
		shadow_pull(&http->hedge->end);
}

bool shadow_is_late(const struct http *http, uint64_t now_ns)
{
	return http->shadow && http->shadow->is_mirror &&
	       now_ns - http->flow->since_ns > http->flow->request_ms * NSEC_PER_MSEC;
}
