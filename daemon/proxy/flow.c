// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: flow: one connection being carried
 *
 * Ends are joined when a connection is taken on; bytes flow when the service
 * has taken it.  A flow is over when both ends have said all they had to say,
 * when one breaks, or when a limit says so; then both are closed, what it was
 * is counted and, at a bounded rate, logged.
 */
#include "daemon/proxy/internal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/proxy/bulk.h"

static const struct pump_ops bytes_pump;

struct flow *flow_new(struct proxy *proxy, struct counted *counted)
{
	struct flow *flow;

	if (proxy->totals.flows >= proxy->flows_max) {
		counted->counts.ends[PROXY_END_LIMIT]++;
		return NULL;
	}
	flow = xnew(struct flow);
	flow->proxy = proxy;
	flow->pump = &bytes_pump;
	flow->counted = counted;
	flow->since_ns = flow->moved_ns = flow->try_ns = flow->waiting_ns = proxy_now_ns(proxy);
	flow->idle_s = PROXY_IDLE_S_DEFAULT;
	flow->connect_ms = PROXY_CONNECT_MS_DEFAULT;
	flow->request_ms = PROXY_REQUEST_MS_DEFAULT;
	flow->handles = 1; /* until flow_close() */
	flow->next = proxy->flows;
	if (flow->next)
		flow->next->prev = flow;
	proxy->flows = flow;
	proxy->handles++;
	proxy->totals.flows++;
	counted->counts.connections++;
	counted->counts.open++;
	proxy_need_ticks(proxy);
	return flow;
}

struct flow *flow_new_upstream(struct proxy *proxy, struct counted *counted)
{
	struct flow *flow = flow_new(proxy, counted);

	if (!flow)
		return NULL;
	flow->is_upstream = true;
	counted->counts.connections--;
	counted->counts.open--;
	return flow;
}

void flow_put(struct flow *flow)
{
	struct proxy *proxy = flow->proxy;

	assert(flow->handles > 0);
	if (--flow->handles > 0)
		return;
	assert(flow->is_closed);
	flow->next_dead = proxy->dead_flows;
	proxy->dead_flows = flow;
	if (proxy->is_closed)
		flows_bury(proxy); /* nobody looks at any more */
}

static void flow_free(struct flow *flow)
{
	struct proxy *proxy = flow->proxy;

	buffer_release(proxy, &flow->near.end.in);
	buffer_release(proxy, &flow->far.end.in);
	buffer_release(proxy, &flow->tunnel.end.in);
	if (flow->pump->free)
		flow->pump->free(flow);
	free(flow);
	proxy_put_handle(proxy);
}

void flows_bury(struct proxy *proxy)
{
	struct flow *flow = proxy->dead_flows, *next;

	proxy->dead_flows = NULL;
	for (; flow; flow = next) {
		next = flow->next_dead;
		flow_free(flow); /* the last of a closed proxy takes that along */
	}
}

void flow_join(struct flow *flow, struct end *client, struct end *service)
{
	flow->pump->join(flow, client, service);
}

void flow_connect(struct flow *flow, struct sock *sock, const struct sockaddr *to)
{
	if (flow->pump->connect)
		flow->pump->connect(flow, to);
	else
		sock_connect(sock, flow, to);
}

bool flow_is_stranded(const struct flow *flow)
{
	struct hub_relays relays;
	struct endpoint endpoint;

	if (flow->tunnel.trunk && flow->tunnel.trunk->is_relayed) {
		hub_find_relays(flow->proxy->hub, &flow->hub, &relays);
		return !relays.n;
	}
	return flow->via == FLOW_MESH &&
	       hub_find_proxy(flow->proxy->hub, &flow->hub, &endpoint) == -EHOSTUNREACH;
}

void flow_opened(struct flow *flow)
{
	flow->is_open = true;
	flow->moved_ns = proxy_now_ns(flow->proxy);
	if (flow->near.is_open)
		sock_start_reading(&flow->near);
	if (flow->far.is_open)
		sock_start_reading(&flow->far);
	flow->pump->opened(flow);
}

static void note_first_byte(struct flow *flow)
{
	uint64_t from_ns = flow->asked_ns ? flow->asked_ns : flow->try_ns;

	histogram_add(&flow->counted->counts.first_byte, (flow->moved_ns - from_ns) / 1000);
	if (!flow_has_pump(flow))
		entry_report(flow, false);
}

/* The first bytes of a client: does anybody trace it?  Looked at only if it gets a line. */
static void note_request(struct flow *flow, const uint8_t *bytes, size_t n)
{
	struct proxy *proxy = flow->proxy;

	flow->asked_ns = flow->moved_ns;
	if (log_get_level() < LOG_LEVEL_INFO || flow_has_pump(flow))
		return; /* requests have lines of their own */
	flow->is_logged =
		bucket_take(&proxy->access_log, flow->moved_ns, ACCESS_LOG_PER_S, ACCESS_LOG_BURST);
	if (flow->is_logged && bytes)
		traceparent_find(bytes, n, flow->traceparent);
}

void flow_moved(struct flow *flow, const struct end *from, const uint8_t *bytes, size_t n)
{
	uint64_t *total = from == flow->client ? &flow->bytes_to_service
					       : &flow->bytes_from_service;
	bool is_first = *total == 0;

	flow->moved_ns = proxy_now_ns(flow->proxy);
	*total += n;
	if (flow->relay) {
		flow->proxy->totals.relayed_bytes += flow->via == FLOW_RELAY ? n : 0;
		return;
	}
	if (is_first && from == flow->client)
		note_request(flow, bytes, n);
	else if (is_first)
		note_first_byte(flow);
	bulk_consider(flow, n);
}

void flow_broken(struct flow *flow, const struct end *end)
{
	flow->pump->broken(flow, end);
}

void flow_check_done(struct flow *flow)
{
	flow->pump->settle(flow);
}

static void log_flow(struct flow *flow, enum proxy_end why, uint64_t now_ns)
{
	struct proxy *proxy = flow->proxy;
	char hub[HUB_ID_STRLEN] = "-";

	if (flow->counted == &proxy->shadows || (flow_has_pump(flow) && flow->bytes_to_service))
		return;
	if (!flow->is_logged && !flow->bytes_to_service && why != PROXY_END_STOP)
		flow->is_logged =
			bucket_take(&proxy->access_log, now_ns, ACCESS_LOG_PER_S, ACCESS_LOG_BURST);
	if (!flow->is_logged) {
		proxy->access_log_skipped++;
		return;
	}
	if (hub_id_is_valid(&flow->hub))
		hub_id_format(&flow->hub, hub);
	log_info(LOG_INFO_CLASS,
		 "event=access service=%s via=%s hub=%s end=%s to_service=%" PRIu64
		 " from_service=%" PRIu64 " us=%" PRIu64
		 " tries=%u traceparent=%s skipped=%" PRIu64,
		 flow->counted->name, flow_via_name(flow->via), hub, proxy_end_name(why),
		 flow->bytes_to_service, flow->bytes_from_service, (now_ns - flow->since_ns) / 1000,
		 flow->tries, flow->traceparent[0] ? flow->traceparent : "-",
		 proxy->access_log_skipped);
	proxy->access_log_skipped = 0;
}

static void count_end(struct flow *flow, enum proxy_end why)
{
	struct proxy_counts *counts = &flow->counted->counts;
	uint64_t now_ns = proxy_now_ns(flow->proxy);

	if (flow->is_upstream)
		return;
	counts->open--;
	counts->ends[why]++;
	counts->bytes_to_service += flow->bytes_to_service;
	counts->bytes_from_service += flow->bytes_from_service;
	histogram_add(&counts->duration, (now_ns - flow->since_ns) / 1000);
	log_flow(flow, why, now_ns);
}

static void unlink_flow(struct flow *flow)
{
	struct proxy *proxy = flow->proxy;

	if (flow->prev)
		flow->prev->next = flow->next;
	else
		proxy->flows = flow->next;
	if (flow->next)
		flow->next->prev = flow->prev;
	if (!flow->is_spare)
		proxy->totals.flows--;
}

void flow_rest(struct flow *flow)
{
	count_end(flow, PROXY_END_DONE);
	flow->proxy->totals.flows--;
	flow->is_spare = flow->is_upstream = true;
}

void flow_renew(struct flow *flow)
{
	struct proxy_counts *counts = &flow->counted->counts;

	flow->proxy->totals.flows++;
	flow->is_upstream = flow->is_logged = flow->is_reported = false;
	flow->since_ns = flow->moved_ns = flow->try_ns = flow->waiting_ns =
		proxy_now_ns(flow->proxy);
	flow->asked_ns = flow->bytes_to_service = flow->bytes_from_service = 0;
	flow->traceparent[0] = '\0';
	flow->tries = 0;
	counts->connections++;
	counts->open++;
	counts->reused++;
	counts->via_local += flow->via == FLOW_LOCAL;
	counts->via_mesh += flow->via == FLOW_MESH;
}

/* Return: true that closed it. */
static bool say_goodbye(struct flow *flow)
{
	bool is_closed;

	flow->handles++;
	if (flow->pump->part)
		flow->pump->part(flow);
	is_closed = flow->is_closed;
	flow_put(flow);
	return is_closed;
}

void flow_close(struct flow *flow, enum proxy_end why)
{
	bool is_reset = why != PROXY_END_DONE;

	if (flow->is_closed || say_goodbye(flow))
		return;
	if (!flow_has_pump(flow) && flow->is_open && why == PROXY_END_SERVICE_RESET &&
	    !flow->bytes_from_service)
		entry_report(flow, true);
	flow->is_closed = true;
	count_end(flow, why);
	unlink_flow(flow);
	if (flow->pump->closed)
		flow->pump->closed(flow, why);
	bulk_close(flow->bulk);
	if (flow->client)
		flow->client->ops->close(flow->client, is_reset);
	if (flow->service)
		flow->service->ops->close(flow->service, is_reset);
	flow_put(flow);
}

void flow_tick(struct flow *flow, uint64_t now_ns)
{
	bulk_tick(flow->bulk, now_ns);
	flow->pump->tick(flow, now_ns);
}

void flow_tick_attempt(struct flow *flow, uint64_t now_ns)
{
	if (flow->via == FLOW_WAITING) {
		if (now_ns - flow->try_ns > entry_wait_ns(flow->entry))
			entry_dispatch(flow);
		return;
	}
	if (now_ns - flow->try_ns <= flow->connect_ms * NSEC_PER_MSEC)
		return;
	flow->try_ns = now_ns;
	if (!sock_give_up(flow->via == FLOW_PROVIDER ? &flow->near : &flow->far) &&
	    flow->via != FLOW_PROVIDER)
		entry_attempt_failed(flow, PROXY_END_TIMEOUT);
}

/* ---- the pump of bytes that nobody understands: each end takes what the other said ---- */

void flow_join_ends(struct flow *flow, struct end *client, struct end *service)
{
	client->flow = service->flow = flow;
	client->other = service;
	service->other = client;
	flow->client = client;
	flow->service = service;
}

/* What came before the other could take it. */
void flow_pull_ends(struct flow *flow)
{
	flow->service->ops->pull(flow->service);
	if (!flow->is_closed)
		flow->client->ops->pull(flow->client);
}

static bool has_said_all(const struct end *end)
{
	return end->has_ended && buffer_len(&end->in) == 0 && end->other->is_finished;
}

void flow_settle_ends(struct flow *flow)
{
	if (!flow->is_closed && flow->service && has_said_all(flow->client) &&
	    has_said_all(flow->service) && !bulk_is_delivering(flow->bulk))
		flow_close(flow, PROXY_END_DONE);
}

static void bytes_broken(struct flow *flow, const struct end *end)
{
	flow_close(flow, end == flow->client ? PROXY_END_CLIENT_RESET : PROXY_END_SERVICE_RESET);
}

void flow_tick_ends(struct flow *flow, uint64_t now_ns)
{
	if (!flow->is_open)
		flow_tick_attempt(flow, now_ns);
	else if (now_ns - flow->moved_ns > flow->idle_s * NSEC_PER_SEC)
		flow_close(flow, PROXY_END_IDLE);
}

static const struct pump_ops bytes_pump = {
	.join = flow_join_ends,
	.opened = flow_pull_ends,
	.settle = flow_settle_ends,
	.broken = bytes_broken,
	.attempt_failed = flow_close,
	.tick = flow_tick_ends,
};

void flow_becomes_bytes(struct flow *flow)
{
	flow->pump = &bytes_pump;
	flow->is_bytes = true;
}
