// SPDX-License-Identifier: GPL-2.0
/* DOC: datagrams: see datagrams.h */
#include "daemon/proxy/datagrams.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/transport/address.h"

/**
 * struct udp_socket - connected to a service; outlives its flow until libuv lets go of it
 * @udp: libuv's
 * @datagrams: whose; NULL the flow has ended
 * @proxy: likewise
 */
struct udp_socket {
	uv_udp_t udp;
	struct datagrams *datagrams;
	struct proxy *proxy;
};

static struct proxy_datagram_counts *counts_of(const struct flow *flow)
{
	return &flow->counted->counts.datagrams;
}

/* ---- what waits ---- */

static void unhold(struct datagram_end *at, size_t n)
{
	at->end.flow->proxy->totals.datagram_bytes -= n;
}

static size_t held_by(const struct datagram_end *at)
{
	return buffer_len(&at->end.in) + buffer_len(&at->waiting);
}

static bool has_room(const struct datagram_end *at, size_t size)
{
	size_t held = held_by(at) + size;

	if (held <= DATAGRAM_FAIR_BYTES)
		return true;
	return held <= DATAGRAM_QUEUE_BYTES &&
	       at->end.flow->proxy->totals.datagram_bytes + size <= DATAGRAM_HELD_MAX;
}

/* Return: bytes of the first capsule that waits; all that wait are whole. */
static size_t first_len(const struct datagram_end *at)
{
	struct capsule capsule;
	uint64_t skip = 0;
	ssize_t n = capsule_read(&skip, at->waiting.bytes + at->waiting.start,
				 buffer_len(&at->waiting), &capsule);

	assert(n > 0);
	return (size_t)n;
}

static void drop_first(struct datagram_end *at)
{
	size_t n = first_len(at);

	buffer_take(at->end.flow->proxy, &at->waiting, n);
	unhold(at, n);
	counts_of(at->end.flow)->dropped_queue++;
}

/* Promise no more than the next frame takes: the rest can still make room. */
static bool may_promise(const struct datagram_end *at)
{
	return buffer_len(&at->end.in) < FRAME_PAYLOAD_MAX;
}

static void promise_next(struct datagram_end *at)
{
	while (buffer_len(&at->waiting) && may_promise(at)) {
		size_t n = first_len(at);

		buffer_append(&at->end.in, at->waiting.bytes + at->waiting.start, n);
		buffer_take(at->end.flow->proxy, &at->waiting, n);
	}
}

static void hold(struct datagram_end *at, const uint8_t *bytes, size_t len)
{
	uint8_t head[CAPSULE_HEAD_MAX];
	size_t n = capsule_write_head(len, head);
	struct buffer *to;

	while (!has_room(at, n + len) && buffer_len(&at->waiting))
		drop_first(at);
	if (!has_room(at, n + len)) {
		counts_of(at->end.flow)->dropped_queue++;
		return;
	}
	to = buffer_len(&at->waiting) || !may_promise(at) ? &at->waiting : &at->end.in;
	buffer_append(to, head, n);
	buffer_append(to, bytes, len);
	at->end.flow->proxy->totals.datagram_bytes += n + len;
}

/* It came in at an end. */
static void received(struct datagram_end *at, const uint8_t *bytes, size_t len)
{
	hold(at, bytes, len);
	if (at->end.flow->is_open)
		at->end.other->ops->pull(at->end.other);
}

/* ---- questions and answers ---- */

/* What became of what was asked. */
static void report(struct datagrams *datagrams, bool is_error, uint64_t now_ns)
{
	struct flow *flow = datagrams->flow;
	struct proxy *proxy = flow->proxy;

	if (flow->via != FLOW_LOCAL && flow->via != FLOW_MESH)
		return;
	/* A client that asks in a row tells nothing new each time; an error always does. */
	if (!is_error && datagrams->reported_ns &&
	    now_ns - datagrams->reported_ns < DATAGRAM_REPORT_NS)
		return;
	datagrams->reported_ns = now_ns;
	proxy->events.result(proxy->events.arg, &flow->hub, flow->digest, is_error,
			     (now_ns - datagrams->asked_ns) / 1000);
}

static void look_later(struct datagrams *datagrams, uint64_t now_ns);

static void note_to_service(struct datagrams *datagrams, size_t len)
{
	struct flow *flow = datagrams->flow;

	flow->moved_ns = proxy_now_ns(flow->proxy);
	flow->bytes_to_service += len;
	counts_of(flow)->to_service++;
	if (!datagrams->silent_ns)
		datagrams->silent_ns = flow->moved_ns;
	if (datagrams->asked_ns && !datagrams->is_overdue)
		return;
	datagrams->asked_ns = flow->moved_ns;
	datagrams->is_overdue = false;
	if (flow->reply_ms)
		look_later(datagrams, flow->moved_ns);
}

static void note_from_service(struct datagrams *datagrams, size_t len)
{
	struct flow *flow = datagrams->flow;

	flow->moved_ns = proxy_now_ns(flow->proxy);
	flow->bytes_from_service += len;
	counts_of(flow)->from_service++;
	datagrams->silent_ns = 0;
	if (!datagrams->asked_ns)
		return;
	histogram_add(&flow->counted->counts.first_byte,
		      (flow->moved_ns - datagrams->asked_ns) / 1000);
	report(datagrams, false, flow->moved_ns);
	datagrams->asked_ns = 0;
}

/* What was sent is lost; the next datagram of the client begins a flow to whoever serves then. */
static void give_up(struct datagrams *datagrams)
{
	struct flow *flow = datagrams->flow;

	if (!datagrams->is_provider) {
		if (datagrams->asked_ns && !datagrams->is_overdue)
			report(datagrams, true, proxy_now_ns(flow->proxy));
		entry_leave(flow);
	}
	flow_close(flow, PROXY_END_SERVICE_RESET);
}

/* "Port unreachable" by ICMP, and its like. */
static void refused(struct datagrams *datagrams)
{
	counts_of(datagrams->flow)->refused++;
	give_up(datagrams);
}

static void datagrams_broken(struct flow *flow, const struct end *end)
{
	if (flow->datagrams->is_provider)
		flow_close(flow, PROXY_END_DONE); /* how a caller ends a flow that is idle */
	else
		give_up(flow->datagrams);
}

bool datagrams_should_move(const struct datagrams *datagrams)
{
	const struct flow *flow = datagrams->flow;

	if (!flow->is_open || !datagrams->silent_ns ||
	    proxy_now_ns(flow->proxy) - datagrams->silent_ns < DATAGRAM_MOVE_NS)
		return false;
	return entry_has_moved(flow) || (flow->via == FLOW_SHARED && flow->entry->had_provider);
}

/* ---- time ---- */

static bool is_waiting_for_answer(const struct datagrams *datagrams)
{
	return datagrams->flow->reply_ms && datagrams->asked_ns && !datagrams->is_overdue;
}

static void answer_is_overdue(struct datagrams *datagrams, uint64_t now_ns)
{
	datagrams->is_overdue = true;
	counts_of(datagrams->flow)->unanswered++;
	report(datagrams, true, now_ns);
	entry_leave(datagrams->flow);
}

static void on_timer(uv_timer_t *timer)
{
	struct datagrams *datagrams = timer->data;
	struct flow *flow = datagrams->flow;
	uint64_t now_ns = proxy_now_ns(flow->proxy);

	if (flow->is_open && now_ns - flow->moved_ns >= flow->idle_s * NSEC_PER_SEC) {
		flow_close(flow, PROXY_END_DONE);
		return;
	}
	if (flow->is_open && is_waiting_for_answer(datagrams) &&
	    now_ns - datagrams->asked_ns >= flow->reply_ms * NSEC_PER_MSEC)
		answer_is_overdue(datagrams, now_ns);
	if (!flow->is_closed)
		look_later(datagrams, now_ns);
}

/* The timer is not moved with each datagram: it looks, and goes on. */
static void look_later(struct datagrams *datagrams, uint64_t now_ns)
{
	const struct flow *flow = datagrams->flow;
	uint64_t at_ns = flow->moved_ns + flow->idle_s * NSEC_PER_SEC;

	if (!flow->is_open) /* attempts have limits of their own */
		at_ns = now_ns + PROXY_TICK_MS * NSEC_PER_MSEC;
	if (is_waiting_for_answer(datagrams))
		at_ns = earlier(at_ns, datagrams->asked_ns + flow->reply_ms * NSEC_PER_MSEC);
	uv_timer_start(&datagrams->timer, on_timer,
		       at_ns > now_ns ? (at_ns - now_ns) / NSEC_PER_MSEC + 1 : 1, 0);
}

/* ---- ends ---- */

static int send_now(uv_udp_t *udp, const struct capsule *capsule, const struct sockaddr *to)
{
	uv_buf_t buf = uv_buf_init((char *)capsule->payload, (unsigned int)capsule->len);

	return uv_udp_try_send(udp, &buf, 1, to);
}

static void send_to_client(struct datagrams *datagrams, const struct capsule *capsule)
{
	struct sockaddr_storage to;

	address_to_sockaddr(&datagrams->from.address, &to);
	if (send_now(&datagrams->flow->entry->udp, capsule, (struct sockaddr *)&to) < 0)
		counts_of(datagrams->flow)->dropped_socket++;
	else
		note_from_service(datagrams, capsule->len);
}

static void send_to_service(struct datagrams *datagrams, const struct capsule *capsule)
{
	int r = send_now(&datagrams->socket->udp, capsule, NULL);

	if (r == UV_ECONNREFUSED)
		refused(datagrams); /* an earlier one was */
	else if (r < 0)
		counts_of(datagrams->flow)->dropped_socket++;
	else if (datagrams->is_provider)
		note_to_service(datagrams, capsule->len);
}

static void deliver(struct datagram_end *to, const struct capsule *capsule)
{
	struct datagrams *datagrams = to->end.flow->datagrams;

	if (to == &datagrams->client)
		send_to_client(datagrams, capsule);
	else
		send_to_service(datagrams, capsule);
}

static void malformed(struct flow *flow)
{
	char hub[HUB_ID_STRLEN];

	counts_of(flow)->malformed++;
	if (bucket_take(&flow->proxy->access_log, proxy_now_ns(flow->proxy), ACCESS_LOG_PER_S,
			ACCESS_LOG_BURST))
		log_warning(LOG_PEER_CLASS,
			    "event=bad-capsule service=%s hub=%s effect=\"flow ended\"",
			    flow->counted->name, hub_id_format(&flow->hub, hub));
	if (flow->datagrams->is_provider)
		flow_close(flow, PROXY_END_CLIENT_RESET);
	else
		give_up(flow->datagrams);
}

static void datagram_pull(struct end *end)
{
	struct datagram_end *to = (struct datagram_end *)end;
	struct end *from = end->other;
	struct flow *flow = end->flow;

	while (buffer_len(&from->in)) {
		struct capsule capsule;
		ssize_t n = capsule_read(&to->skip, from->in.bytes + from->in.start,
					 buffer_len(&from->in), &capsule);

		if (n == 0)
			break;
		if (n < 0) {
			malformed(flow);
			return;
		}
		if (capsule.payload)
			deliver(to, &capsule);
		if (flow->is_closed)
			return;
		buffer_take(flow->proxy, &from->in, (size_t)n);
		from->ops->taken(from, (size_t)n);
	}
	if (from->has_ended)
		flow_close(flow, PROXY_END_DONE);
}

static void datagram_taken(struct end *end, size_t n)
{
	struct datagram_end *at = (struct datagram_end *)end;

	unhold(at, n);
	promise_next(at);
}

static void datagram_close(struct end *end, bool is_reset)
{
	/* Nothing to tell: a datagram socket has no end.  datagrams_closed() does the rest. */
}

static const struct end_ops datagram_ops = {
	.pull = datagram_pull,
	.taken = datagram_taken,
	.close = datagram_close,
};

void datagrams_take(struct datagrams *datagrams, const uint8_t *bytes, size_t len)
{
	note_to_service(datagrams, len);
	received(&datagrams->client, bytes, len);
}

/* ---- sockets towards services ---- */

void datagrams_lend(struct proxy *proxy, uv_buf_t *buf)
{
	if (!proxy->datagrams)
		proxy->datagrams = xmalloc(DATAGRAM_READS * DATAGRAM_SIZE);
	*buf = uv_buf_init((char *)proxy->datagrams, DATAGRAM_READS * DATAGRAM_SIZE);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct udp_socket *socket = handle->data;

	datagrams_lend(socket->proxy, buf);
}

static void on_reply(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
		     unsigned int flags)
{
	struct udp_socket *socket = udp->data;
	struct datagrams *datagrams = socket->datagrams;

	if (!datagrams || (n >= 0 && !from))
		return; /* nothing more to read */
	if (n < 0) {
		refused(datagrams);
		return;
	}
	if (datagrams->is_provider)
		note_from_service(datagrams, (size_t)n);
	received(&datagrams->service, (const uint8_t *)buf->base, (size_t)n);
}

static void on_socket_closed(uv_handle_t *handle)
{
	struct udp_socket *socket = handle->data;
	struct proxy *proxy = socket->proxy;

	free(socket);
	proxy_put_handle(proxy);
}

static void drop_socket(struct udp_socket *socket)
{
	socket->datagrams = NULL;
	uv_close((uv_handle_t *)&socket->udp, on_socket_closed);
}

static int open_socket(struct datagrams *datagrams, const struct sockaddr *to)
{
	struct proxy *proxy = datagrams->flow->proxy;
	struct sockaddr_storage own = {0};
	struct udp_socket *socket;
	int r, len = sizeof(own);

	if (to->sa_family == AF_UNIX)
		return -EAFNOSUPPORT;
	socket = xnew(struct udp_socket);
	uv_udp_init(proxy->loop, &socket->udp);
	proxy->handles++;
	socket->udp.data = socket;
	socket->proxy = proxy;
	r = uv_udp_connect(&socket->udp, to);
	if (r == 0)
		r = uv_udp_recv_start(&socket->udp, on_alloc, on_reply);
	if (r < 0) {
		drop_socket(socket);
		return r;
	}
	uv_udp_getsockname(&socket->udp, (struct sockaddr *)&own, &len);
	address_from_sockaddr(&own, &datagrams->own);
	socket->datagrams = datagrams;
	datagrams->socket = socket;
	return 0;
}

/* Where a socket of a flow would be an end, ends of ours are. */
static void datagrams_join(struct flow *flow, struct end *client, struct end *service)
{
	bool is_here = client != &flow->tunnel.end, is_there = service == &flow->tunnel.end;

	flow_join_ends(flow, is_here ? &flow->datagrams->client.end : client,
		       is_there ? service : &flow->datagrams->service.end);
}

static void datagrams_connect(struct flow *flow, const struct sockaddr *to)
{
	struct datagrams *datagrams = flow->datagrams;
	int r = open_socket(datagrams, to);

	if (datagrams->is_provider && r == 0) {
		provider_connected(flow);
	} else if (datagrams->is_provider) {
		provider_connect_failed(flow);
	} else if (r == 0) {
		entry_attempt_ok(flow);
	} else {
		entry_attempt_failed(flow, PROXY_END_UNREACHABLE);
	}
}

const struct endpoint *datagrams_from(const struct datagrams *datagrams)
{
	return datagrams->is_provider ? &datagrams->own : &datagrams->from.address;
}

/* ---- life ---- */

static void on_timer_closed(uv_handle_t *handle)
{
	struct datagrams *datagrams = handle->data;

	flow_put(datagrams->flow);
}

static void datagrams_closed(struct flow *flow, enum proxy_end why)
{
	struct datagrams *datagrams = flow->datagrams;

	flow->proxy->totals.datagram_flows--;
	unhold(&datagrams->client, held_by(&datagrams->client));
	unhold(&datagrams->service, held_by(&datagrams->service));
	if (!datagrams->is_provider)
		clients_remove(flow->entry->clients, &datagrams->from);
	if (datagrams->socket)
		drop_socket(datagrams->socket);
	datagrams->socket = NULL;
	uv_close((uv_handle_t *)&datagrams->timer, on_timer_closed);
}

static void datagrams_free(struct flow *flow)
{
	struct datagrams *datagrams = flow->datagrams;

	for (int i = 0; i < 2; i++) {
		struct datagram_end *at = i ? &datagrams->service : &datagrams->client;

		buffer_release(flow->proxy, &at->end.in);
		buffer_release(flow->proxy, &at->waiting);
	}
	free(datagrams);
}

static void datagrams_tick(struct flow *flow, uint64_t now_ns)
{
	if (!flow->is_open) /* else there is the timer */
		flow_tick_attempt(flow, now_ns);
}

static const struct pump_ops datagrams_pump = {
	.join = datagrams_join,
	.connect = datagrams_connect,
	.opened = flow_pull_ends,
	.settle = flow_settle_ends,
	.broken = datagrams_broken,
	.attempt_failed = flow_close,
	.closed = datagrams_closed,
	.free = datagrams_free,
	.tick = datagrams_tick,
};

void datagrams_new(struct flow *flow, const struct endpoint *from)
{
	struct proxy *proxy = flow->proxy;
	struct datagrams *datagrams = xnew(struct datagrams);

	datagrams->flow = flow;
	datagrams->is_provider = !from;
	datagrams->client.end = datagrams->service.end =
		(struct end){.ops = &datagram_ops, .flow = flow};
	flow->pump = &datagrams_pump;
	flow->datagrams = datagrams;
	flow->is_reported = true; /* each exchange is, by us */
	flow->is_logged =
		bucket_take(&proxy->access_log, flow->since_ns, ACCESS_LOG_PER_S, ACCESS_LOG_BURST);
	proxy->totals.datagram_flows++;
	uv_timer_init(proxy->loop, &datagrams->timer);
	datagrams->timer.data = datagrams;
	flow->handles++;
	look_later(datagrams, flow->since_ns);
	if (!from)
		return;
	flow->client = &datagrams->client.end;
	datagrams->from.address = *from;
	clients_add(flow->entry->clients, &datagrams->from);
}
