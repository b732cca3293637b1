// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: relay: ways for our trunks, and for those of other hubs; see relay.h
 *
 *	FLOW_WAY	near: our end of the pair, tunnel: the hub that is asked
 *	FLOW_RELAY	tunnel: the hub that asked, near: TCP, or the pair of a way of ours
 */
#include "daemon/proxy/relay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/transport/address.h"

static const struct pump_ops relay_pump;

/* ---- life ---- */

static bool may_log(struct proxy *proxy)
{
	return bucket_take(&proxy->access_log, proxy_now_ns(proxy), ACCESS_LOG_PER_S,
			   ACCESS_LOG_BURST);
}

static struct flow *relay_new(struct proxy *proxy, enum flow_via via, const struct hub_id *to,
			      unsigned int relays)
{
	struct flow *flow = flow_new_upstream(proxy, &proxy->relaying);

	if (!flow)
		return NULL;
	flow->via = via;
	flow->pump = &relay_pump;
	flow->relay = xnew(struct relay);
	flow->relay->to = *to;
	flow->relay->relays = relays;
	if (via == FLOW_WAY)
		proxy->totals.ways++;
	else
		proxy->totals.relayed++;
	return flow;
}

static void set_refusal(struct flow *flow, unsigned int status, const char *reason)
{
	flow->relay->status = status;
	snprintf(flow->relay->reason, sizeof(flow->relay->reason), "%s", reason);
}

static void log_relayed(struct flow *flow, enum proxy_end why)
{
	char from[HUB_ID_STRLEN], to[HUB_ID_STRLEN];

	if (!flow->is_open || !may_log(flow->proxy))
		return;
	log_info(LOG_INFO_CLASS,
		 "event=relayed from=%s to=%s end=%s bytes_to=%" PRIu64 " bytes_from=%" PRIu64
		 " us=%" PRIu64,
		 hub_id_format(&flow->hub, from), hub_id_format(&flow->relay->to, to),
		 proxy_end_name(why), flow->bytes_to_service, flow->bytes_from_service,
		 (proxy_now_ns(flow->proxy) - flow->since_ns) / 1000);
}

/* The hub that asked hears why, if it has not heard yes. */
static void refuse_asker(struct flow *flow)
{
	struct relay *relay = flow->relay;

	if (flow->via != FLOW_RELAY || flow->is_open || !flow->tunnel.trunk)
		return;
	flow->proxy->totals.relayed_failed++;
	tunnel_refuse(&flow->tunnel, relay->status ? relay->status : 502,
		      relay->status ? relay->reason : "no way to the hub");
}

static void relay_closed(struct flow *flow, enum proxy_end why)
{
	struct proxy_totals *totals = &flow->proxy->totals;
	struct flow *other = flow->relay->other;

	if (flow->via == FLOW_WAY) {
		totals->ways--;
		totals->ways_failed += !flow->is_open;
	} else {
		totals->relayed--;
		log_relayed(flow, why);
	}
	refuse_asker(flow);
	if (!other)
		return;
	flow->relay->other = other->relay->other = NULL;
	/* What was said to the end is in the pair still, and the other reads it to the end. */
	if (other->is_closed || (why == PROXY_END_DONE && other->is_open))
		return;
	if (flow->relay->status)
		set_refusal(other, flow->relay->status, flow->relay->reason);
	flow_close(other, why);
}

static void relay_free(struct flow *flow)
{
	free(flow->relay);
}

static void relay_broken(struct flow *flow, const struct end *end)
{
	flow_close(flow, end == flow->client ? PROXY_END_CLIENT_RESET : PROXY_END_SERVICE_RESET);
}

/* ---- ways: other hubs are asked ---- */

static bool was_tried(const struct relay *relay, const struct hub_id *hub)
{
	for (size_t i = 0; i < relay->n_tried; i++)
		if (hub_id_equal(&relay->tried[i], hub))
			return true;
	return false;
}

static const struct hub_id *pick_hub(const struct relay *relay, const struct hub_relays *relays)
{
	for (size_t i = 0; i < relays->n; i++) {
		const struct hub_id *hub = &relays->list[i];

		if (!was_tried(relay, hub) &&
		    !(relay->has_asker && hub_id_equal(hub, &relay->asker)))
			return hub;
	}
	return NULL;
}

static void ask_next(struct flow *flow)
{
	struct relay *relay = flow->relay;
	struct proxy *proxy = flow->proxy;
	struct hub_relays relays;
	const struct hub_id *hub;
	struct trunk *trunk;

	hub_find_relays(proxy->hub, &relay->to, &relays);
	while (relay->n_tried < (relay->has_asker ? RELAY_TRIED_FOR_OTHERS : RELAY_TRIED_MAX) &&
	       (hub = pick_hub(relay, &relays))) {
		relay->tried[relay->n_tried++] = flow->hub = *hub;
		trunk = trunk_towards(proxy, hub);
		if (!trunk)
			continue;
		flow->try_ns = proxy_now_ns(proxy);
		flow_join(flow, &flow->near.end, &flow->tunnel.end);
		tunnel_open(&flow->tunnel, flow, trunk); /* may end in here again, or close it */
		return;
	}
	flow_close(flow, PROXY_END_UNREACHABLE);
}

void relay_answered(struct flow *flow, unsigned int status, const char *reason)
{
	struct proxy *proxy = flow->proxy;
	struct flow *other = flow->relay->other;
	char to[HUB_ID_STRLEN], hub[HUB_ID_STRLEN];

	if (status == 200) {
		proxy->totals.ways_opened++;
		flow_opened(flow);
		if (other && !flow->is_closed)
			relay_connected(other);
		return;
	}
	if (may_log(proxy))
		log_warning(LOG_PEER_CLASS, "event=way-refused to=%s by=%s status=%u reason=\"%s\"",
			    hub_id_format(&flow->relay->to, to), hub_id_format(&flow->hub, hub),
			    status, reason);
	set_refusal(flow, status, reason);
	relay_attempt_failed(flow, PROXY_END_REFUSED);
}

void relay_attempt_failed(struct flow *flow, enum proxy_end why)
{
	if (flow->is_closed)
		return;
	if (flow->via == FLOW_RELAY) {
		if (!flow->relay->status)
			set_refusal(flow, 502, "the hub does not answer");
		flow_close(flow, why);
		return;
	}
	if (flow->tunnel.trunk)
		tunnel_ops.close(&flow->tunnel.end, true);
	flow->service = NULL;
	ask_next(flow);
}

/*
 * A way of ours, or one for a hub that has asked; @asker: its flow, or NULL.  It is asked for at
 * the end, when everybody knows everybody.
 */
static int way_begin(struct proxy *proxy, const struct hub_id *to, unsigned int relays, int fd,
		     struct flow *asker)
{
	struct flow *flow = relay_new(proxy, FLOW_WAY, to, relays);
	int r;

	if (!flow) {
		close(fd);
		return -EBUSY;
	}
	flow->client = &flow->near.end;
	if (asker) {
		flow->relay->has_asker = true;
		flow->relay->asker = asker->hub;
		flow->relay->other = asker;
		asker->relay->other = flow;
	}
	r = sock_open(&flow->near, flow, fd);
	if (r < 0) {
		close(fd);
		flow_close(flow, PROXY_END_UNREACHABLE);
		return r;
	}
	ask_next(flow);
	return flow->is_closed ? -EHOSTUNREACH : 0;
}

int relay_open(struct proxy *proxy, const struct hub_id *to)
{
	struct hub_relays relays;
	unsigned int n;
	int fds[2], r;

	hub_find_relays(proxy->hub, to, &relays);
	if (!relays.n)
		return -EHOSTUNREACH;
	n = relays.hops - 1 + RELAY_SPARE;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -errno;
	r = way_begin(proxy, to, n < CALL_RELAYS_MAX ? n : CALL_RELAYS_MAX, fds[1], NULL);
	if (r < 0)
		close(fds[0]);
	return r < 0 ? r : fds[0];
}

/* ---- relays: other hubs ask ---- */

/* As much as is free for each hub: the more ask, the less each has, and there is room for one more. */
static bool has_share(const struct proxy *proxy, const struct hub_id *hub)
{
	uint64_t n_free = RELAYS_MAX - proxy->totals.relayed, n_theirs = 0;

	for_each_flow (flow, proxy)
		n_theirs += flow->via == FLOW_RELAY && hub_id_equal(&flow->hub, hub);
	return n_theirs < n_free;
}

/* Return: NULL; else why not, with the status. */
static const char *objection_to(struct trunk *trunk, int found, unsigned int *status)
{
	const struct call *call = &trunk->call;
	const struct proxy *proxy = trunk->proxy;

	*status = 503;
	if (proxy->is_draining)
		return "the hub is being stopped";
	*status = 403;
	if (!proxy->settings->does_relay)
		return "proxy.relay of this hub is off";
	*status = 404;
	if (hub_id_equal(&call->hub, &hub_get_settings(proxy->hub)->id) ||
	    hub_id_equal(&call->hub, &trunk->hub) || found == -ENOENT)
		return "no other hub of the mesh with a proxy has that id";
	*status = 508;
	if (found < 0 && call->relays < 2)
		return "the way crosses more hubs than it may";
	*status = 503;
	if (!has_share(proxy, &trunk->hub) ||
	    !bucket_take(&trunk->relays, proxy_now_ns(proxy), RELAYS_PER_S, RELAYS_BURST))
		return "the hub has its share of the ways there may be";
	return NULL;
}

static void refuse(struct trunk *trunk, int32_t stream, unsigned int status, const char *reason)
{
	struct proxy *proxy = trunk->proxy;
	char from[HUB_ID_STRLEN], to[HUB_ID_STRLEN];

	proxy->totals.relayed_refused++;
	if (may_log(proxy))
		log_warning(LOG_PEER_CLASS,
			    "event=relay-refused from=%s to=%s status=%u reason=\"%s\"",
			    hub_id_format(&trunk->hub, from), hub_id_format(&trunk->call.hub, to),
			    status, reason);
	tunnel_refuse_stream(trunk, stream, status, reason);
}

static void relay_by_way(struct flow *flow)
{
	struct relay *relay = flow->relay;
	int fds[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
		relay_attempt_failed(flow, PROXY_END_LIMIT);
		return;
	}
	r = sock_open(&flow->near, flow, fds[0]);
	if (r < 0) {
		close(fds[0]);
		close(fds[1]);
		relay_attempt_failed(flow, PROXY_END_LIMIT);
		return;
	}
	r = way_begin(flow->proxy, &relay->to, relay->relays - 1, fds[1], flow);
	if (r < 0)
		relay_attempt_failed(flow, PROXY_END_LIMIT);
}

void relay_on_call(struct trunk *trunk, int32_t stream)
{
	struct proxy *proxy = trunk->proxy;
	const struct call *call = &trunk->call;
	struct sockaddr_storage address;
	struct endpoint endpoint;
	const char *objection;
	unsigned int status;
	struct flow *flow;
	int found = hub_find_proxy(proxy->hub, &call->hub, &endpoint);

	if (found == 0 && address_to_sockaddr(&endpoint, &address) < 0)
		found = -EHOSTUNREACH;
	objection = objection_to(trunk, found, &status);
	if (objection) {
		refuse(trunk, stream, status, objection);
		return;
	}
	flow = relay_new(proxy, FLOW_RELAY, &call->hub, call->relays);
	if (!flow) {
		refuse(trunk, stream, 503, "too many connections");
		return;
	}
	flow->hub = trunk->hub;
	tunnel_take(&flow->tunnel, trunk, stream);
	flow_join(flow, &flow->tunnel.end, &flow->near.end);
	if (found == 0)
		flow_connect(flow, &flow->near, (struct sockaddr *)&address);
	else
		relay_by_way(flow);
}

void relay_connected(struct flow *flow)
{
	flow->proxy->totals.relayed_opened++;
	tunnel_accept(&flow->tunnel);
	flow_opened(flow);
}

/* ---- judged again, and time ---- */

/* Rules are those of the ends; a relay knows members, and whether it is one. */
static void relay_recheck(struct flow *flow)
{
	const struct proxy *proxy = flow->proxy;
	struct endpoint endpoint;

	if (flow->via == FLOW_RELAY &&
	    (!proxy->settings->does_relay ||
	     hub_find_proxy(proxy->hub, &flow->relay->to, &endpoint) == -ENOENT))
		flow_close(flow, PROXY_END_POLICY);
}

/* Routes know before TCP does that the next hub is gone; what goes by a way knows it by that one. */
static bool is_stranded(const struct flow *flow)
{
	const struct hub_id *next = flow->via == FLOW_WAY ? &flow->hub : &flow->relay->to;
	struct endpoint endpoint;

	return !(flow->via == FLOW_RELAY && flow->near.is_unix) &&
	       hub_find_proxy(flow->proxy->hub, next, &endpoint) < 0;
}

/* A relay has its answer on the way back before the hub that asked gives up. */
static uint64_t try_limit_ns(const struct flow *flow)
{
	return flow->relay->relays * RELAY_TRY_NS - (flow->via == FLOW_RELAY ? RELAY_BACK_NS : 0);
}

static void attempt_timed_out(struct flow *flow)
{
	if (flow->via == FLOW_RELAY) {
		set_refusal(flow, 504, "the hub does not answer in time");
		if (sock_give_up(&flow->near))
			return;
	}
	relay_attempt_failed(flow, PROXY_END_TIMEOUT);
}

static void relay_tick(struct flow *flow, uint64_t now_ns)
{
	if (!flow->is_open && now_ns - flow->since_ns > TRUNK_HANDSHAKE_NS)
		flow_close(flow, PROXY_END_TIMEOUT); /* no trunk waits for it any more */
	else if (flow->is_open && now_ns - flow->moved_ns > RELAY_IDLE_NS)
		flow_close(flow, PROXY_END_IDLE);
	else if (flow->is_open && now_ns - flow->moved_ns > RELAY_SILENT_NS && is_stranded(flow))
		flow_close(flow, PROXY_END_SERVICE_RESET);
	else if (!flow->is_open && now_ns - flow->try_ns > try_limit_ns(flow))
		attempt_timed_out(flow);
}

static const struct pump_ops relay_pump = {
	.join = flow_join_ends,
	.opened = flow_pull_ends,
	.settle = flow_settle_ends,
	.broken = relay_broken,
	.attempt_failed = flow_close,
	.recheck = relay_recheck,
	.closed = relay_closed,
	.free = relay_free,
	.tick = relay_tick,
};
