// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: bulk: to open a raw connection, to redeem one, there and back
 *
 *	caller				provider
 *	CONNECTING, HANDSHAKE		a trunk that has not said which stream
 *	ticket ------------------>	UP: leaves the stream
 *	REDEEMING
 *	UP: leaves the stream <---	place
 *	place ------------------->
 *
 * The caller says nothing between its ticket and the provider's place, so that
 * no byte which is the kernel's to decrypt is ever read here.  The ticket is a
 * stream's number and a secret exported from the TLS of the stream's trunk:
 * only the two who share that know it, and certificate and hub must be the
 * same.  A place is how many bytes of a direction the stream has carried.
 *
 * Before the ticket is sent any failure leaves the connection on its stream.
 * Then only the provider's close_notify does; everything else ends it, since
 * nobody could say which bytes have arrived.
 */
#include "daemon/proxy/bulk.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/lib/secret.h"
#include "daemon/transport/address.h"
#include "daemon/transport/refused.h"

#define TICKET_LABEL "EXPORTER-hubmesh-bulk"
#define SECRET_LEN (BULK_TICKET_LEN - 4)

static void bulk_run(struct bulk *bulk);
static void bulk_broken(struct bulk *bulk, struct end *culprit, int error);
static void want_events(struct bulk *bulk, bool is_kicked);

/* ---- life ---- */

static void on_closed(uv_handle_t *handle)
{
	struct bulk *bulk = handle->data;
	struct flow *flow = bulk->flow;

	if (--bulk->n_handles > 0)
		return;
	close(bulk->fd);
	close(bulk->near_fd);
	for (int i = 0; i < 2; i++) {
		if (bulk->out.pipe[i] >= 0)
			close(bulk->out.pipe[i]);
		if (bulk->in.pipe[i] >= 0)
			close(bulk->in.pipe[i]);
	}
	tls_free(bulk->tls);
	free(bulk->in.rest.bytes);
	free(bulk->late.bytes);
	free(bulk->cipher);
	free(bulk);
	flow_put(flow);
}

void bulk_close(struct bulk *bulk)
{
	struct flow *flow;

	if (!bulk || bulk->is_closed)
		return;
	flow = bulk->flow;
	bulk->is_closed = true;
	flow->bulk = NULL;
	flow->long_bytes = 0;
	flow->proxy->totals.bulk--;
	uv_close((uv_handle_t *)&bulk->raw, on_closed);
	uv_close((uv_handle_t *)&bulk->near, on_closed);
	uv_close((uv_handle_t *)&bulk->look, on_closed);
}

/* Nothing has left the stream yet, or everything is back. */
static void stay_on_stream(struct bulk *bulk, int error)
{
	struct flow *flow = bulk->flow;
	char hub[HUB_ID_STRLEN];

	if (error) {
		flow->proxy->totals.bulk_failed++;
		log_debug(LOG_PEER_CLASS,
			  "event=bulk-failed service=%s hub=%s error=\"%s\" effect=\"the "
			  "connection stays on its stream\"",
			  flow->counted->name, hub_id_format(&flow->hub, hub), strerror(-error));
	}
	bulk_close(bulk);
	/* What has held it back has gone: an end that came late counts now. */
	if (bulk->has_late_end && bulk->in.state != BULK_WAY_BACK) {
		flow->tunnel.end.has_ended = true;
		flow->near.end.ops->pull(&flow->near.end);
	}
	flow_check_done(flow); /* bulk_is_delivering() has held it back */
}

static int open_pipe(struct bulk_way *way)
{
	if (pipe2(way->pipe, O_NONBLOCK | O_CLOEXEC) < 0) {
		way->pipe[0] = way->pipe[1] = -1;
		return -errno;
	}
	fcntl(way->pipe[1], F_SETPIPE_SZ, BULK_PIPE_SIZE); /* else it has 64 KiB */
	return 0;
}

static int duplicate_near(struct flow *flow)
{
	uv_os_fd_t fd;
	int r = uv_fileno(&flow->near.handle, &fd);

	if (r == 0)
		r = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return r == -1 ? -errno : r;
}

/*
 * No TCP_USER_TIMEOUT: it ends a connection whose reader rests for as long.  While the
 * stream is open its trunk's PINGs notice that a hub is gone; for the rest there is TCP's.
 */
static void set_socket_options(int fd)
{
	const unsigned int no_timeout = 0; /* as a trunk it began with one */
	const int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &no_timeout, sizeof(no_timeout));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static void on_raw_ready(uv_poll_t *poll, int status, int events)
{
	struct bulk *bulk = poll->data;

	bulk_run(bulk);
	/* Neither side lets go of it before the other has all. */
	if (status < 0 && !bulk->is_closed)
		bulk_broken(bulk, &bulk->flow->tunnel.end, -ECONNRESET);
}

static void on_near_ready(uv_poll_t *poll, int status, int events)
{
	struct bulk *bulk = poll->data;

	if (!bulk->is_closed && status < 0)
		flow_broken(bulk->flow, &bulk->flow->near.end);
	else
		bulk_run(bulk);
}

/* Everything that could be short is had before anybody relies on it.  Takes @fd. */
static int bulk_new(struct flow *flow, int fd, struct bulk **ret)
{
	struct proxy *proxy = flow->proxy;
	struct bulk *bulk = xnew(struct bulk);
	int r;

	bulk->flow = flow;
	bulk->fd = fd;
	bulk->place_result = -EAGAIN;
	bulk->in.pipe[0] = bulk->in.pipe[1] = bulk->out.pipe[0] = bulk->out.pipe[1] = -1;
	bulk->since_ns = proxy_now_ns(proxy);
	bulk->near_fd = r = duplicate_near(flow);
	if (r >= 0)
		r = open_pipe(&bulk->in);
	if (r >= 0)
		r = open_pipe(&bulk->out);
	/* Neither fails for an open descriptor: it is in no loop yet. */
	if (r >= 0)
		r = uv_poll_init(proxy->loop, &bulk->raw, fd);
	if (r < 0) {
		bulk->n_handles = 1;
		bulk->raw.data = bulk;
		flow->handles++;
		on_closed((uv_handle_t *)&bulk->raw);
		return r;
	}
	uv_poll_init(proxy->loop, &bulk->near, bulk->near_fd);
	uv_timer_init(proxy->loop, &bulk->look);
	bulk->raw.data = bulk->near.data = bulk->look.data = bulk;
	bulk->n_handles = 3;
	bulk->cipher = xmalloc(TRUNK_READ_SIZE);
	set_socket_options(fd);
	flow->handles++;
	flow->bulk = bulk;
	proxy->totals.bulk++;
	*ret = bulk;
	return 0;
}

/* The connection cannot go on: bytes may be lost on the raw one. */
static void bulk_broken(struct bulk *bulk, struct end *culprit, int error)
{
	struct flow *flow = bulk->flow;
	char hub[HUB_ID_STRLEN];

	flow->proxy->totals.bulk_failed++;
	log_debug(LOG_PEER_CLASS, "event=bulk-broken service=%s hub=%s error=\"%s\"",
		  flow->counted->name, hub_id_format(&flow->hub, hub), strerror(-error));
	flow_broken(flow, culprit);
}

/* ---- ticket ---- */

static int make_ticket(struct trunk *trunk, int32_t stream, uint8_t ret[BULK_TICKET_LEN])
{
	for (int i = 0; i < 4; i++)
		ret[i] = (uint8_t)((uint32_t)stream >> (24 - 8 * i));
	return tls_export(trunk->tls, TICKET_LABEL, ret, 4, ret + 4, SECRET_LEN);
}

static bool is_equal_in_constant_time(const uint8_t *a, const uint8_t *b, size_t len)
{
	uint8_t difference = 0;

	for (size_t i = 0; i < len; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}

/* Bytes that nobody looks into: only they may leave the stream they came in by. */
static bool is_plain_bytes(const struct flow *flow)
{
	return !flow_has_pump(flow) && !flow->is_upstream && !flow->datagrams;
}

/* One trunk of the hub has that stream with that secret. */
static struct flow *find_flow(struct trunk *raw, const uint8_t ticket[BULK_TICKET_LEN])
{
	uint8_t expected[BULK_TICKET_LEN];
	struct flow *found = NULL;

	for (struct flow *flow = raw->proxy->flows; flow && !found; flow = flow->next) {
		struct trunk *trunk = flow->tunnel.trunk;

		if (flow->via == FLOW_PROVIDER && trunk && hub_id_equal(&trunk->hub, &raw->hub) &&
		    flow->is_open && is_plain_bytes(flow) && !flow->bulk &&
		    make_ticket(trunk, flow->tunnel.stream, expected) == 0 &&
		    memcmp(expected, ticket, 4) == 0 &&
		    is_equal_in_constant_time(expected, ticket, sizeof(expected)))
			found = flow;
	}
	secret_wipe(expected, sizeof(expected));
	return found;
}

/* ---- from the stream, and back ---- */

/* From now on the records may be the kernel's. */
static int start_records(struct bulk *bulk)
{
	struct proxy *proxy = bulk->flow->proxy;
	struct tls_keys keys;
	int r;

	if (tls_has_unread(bulk->tls) || tls_output(bulk->tls)->len)
		return -EPROTO;
	if (!proxy->has_ktls)
		return 0;
	r = tls_keys(bulk->tls, &keys);
	if (r == 0)
		r = ktls_start(bulk->fd, &keys, &bulk->count);
	secret_wipe(&keys, sizeof(keys));
	bulk->is_kernel = r == 0;
	if (r == -EIO)
		return r;
	if (bulk->is_kernel) {
		free(bulk->cipher);
		bulk->cipher = NULL;
	}
	return 0;
}

static void bulk_up(struct bulk *bulk)
{
	struct flow *flow = bulk->flow;

	bulk->state = BULK_UP;
	flow->proxy->totals.bulk_opened++;
	flow->proxy->totals.bulk_kernel += bulk->is_kernel;
	sock_lend_reading(&flow->near);
	bulk->out.state = BULK_WAY_LEAVING;
}

static uint64_t carried_from(const struct flow *flow, const struct end *end)
{
	return end == flow->client ? flow->bytes_to_service : flow->bytes_from_service;
}

/* All that was read for the stream is on it: the rest goes here. Return: 0; -errno. */
static int leave_stream(struct bulk *bulk)
{
	struct flow *flow = bulk->flow;
	uint64_t place = carried_from(flow, &flow->near.end);
	uint8_t bytes[BULK_PLACE_LEN];

	for (int i = 0; i < BULK_PLACE_LEN; i++)
		bytes[i] = (uint8_t)(place >> (56 - 8 * i));
	bulk->out.state = flow->near.end.has_ended ? BULK_WAY_ENDING : BULK_WAY_RAW;
	return bulk_write_small(bulk, bytes, sizeof(bytes));
}

/* Return: 1 it is known; 0 close_notify; -EAGAIN; -errno. */
static int read_place(struct bulk *bulk)
{
	if (bulk->place_result != -EAGAIN)
		return bulk->place_result;
	while (bulk->place_len < BULK_PLACE_LEN) {
		ssize_t n = bulk_read_small(bulk, bulk->place_bytes + bulk->place_len,
					    BULK_PLACE_LEN - bulk->place_len);

		if (n <= 0) {
			bulk->place_result = (int)n;
			return bulk->place_result;
		}
		bulk->place_len += (size_t)n;
	}
	for (int i = 0; i < BULK_PLACE_LEN; i++)
		bulk->place = bulk->place << 8 | bulk->place_bytes[i];
	bulk->has_place = true;
	bulk->place_result = 1;
	return 1;
}

/* Has all of the stream that comes before arrived where it belongs? */
static bool may_join(struct bulk *bulk)
{
	struct flow *flow = bulk->flow;

	return bulk->has_place && bulk->in.state == BULK_WAY_STREAM &&
	       carried_from(flow, &flow->tunnel.end) - buffer_len(&bulk->late) == bulk->place &&
	       buffer_len(&flow->tunnel.end.in) == 0 && !flow->near.is_writing;
}

static void out_is_back(struct bulk *bulk)
{
	struct flow *flow = bulk->flow;
	struct sock *near = &flow->near;

	bulk->out.state = BULK_WAY_BACK;
	near->is_reading_lent = false;
	near->end.has_ended |= bulk->out.has_ended;
	if (near->end.has_ended)
		flow->tunnel.end.ops->pull(&flow->tunnel.end);
	else
		sock_start_reading(near);
	if (near->end.has_ended && !flow->is_closed)
		flow_check_done(flow);
}

static void in_is_back(struct bulk *bulk)
{
	struct flow *flow = bulk->flow;

	bulk->in.state = BULK_WAY_BACK;
	flow->near.is_writing_lent = false;
	flow->tunnel.end.has_ended |= bulk->has_late_end;
	flow->near.end.ops->pull(&flow->near.end);
}

bool bulk_hold_end(struct bulk *bulk)
{
	if (!bulk || bulk->state < BULK_REDEEMING || bulk->in.state == BULK_WAY_BACK)
		return false;
	bulk->has_late_end = true;
	return true;
}

bool bulk_holds_end(const struct bulk *bulk)
{
	return bulk && bulk->has_late_end;
}

bool bulk_is_delivering(const struct bulk *bulk)
{
	return bulk && bulk->in.state == BULK_WAY_BACK && bulk->out.state == BULK_WAY_BACK;
}

size_t bulk_keep_late(struct bulk *bulk, const uint8_t *bytes, size_t len)
{
	struct tunnel *tunnel;
	uint64_t carried;
	size_t n = len;

	/* Two connections: what the other one has to say first may be there already. */
	if (!bulk || bulk->state < BULK_REDEEMING || bulk_is_delivering(bulk) ||
	    read_place(bulk) != 1)
		return len;
	tunnel = &bulk->flow->tunnel;
	carried = carried_from(bulk->flow, &tunnel->end);
	if (bulk->in.state == BULK_WAY_STREAM && carried <= bulk->place) {
		want_events(bulk, true);
		return len;
	}
	/* The peer has gone back, and has more: so do we, for the next raw connection. */
	bulk->out.is_returning = true;
	want_events(bulk, true);
	if (bulk->in.state != BULK_WAY_STREAM)
		return len;
	if (n > carried - bulk->place)
		n = (size_t)(carried - bulk->place);
	buffer_append(&bulk->late, bytes + len - n, n);
	tunnel->held += n;
	bulk->flow->proxy->totals.buffered += n;
	return len - n;
}

/* ---- what goes on now ---- */

static int check_peer(struct bulk *bulk)
{
	struct flow *flow = bulk->flow;

	if (hub_id_equal(&tls_identity(bulk->tls)->hub, &flow->hub))
		return 0;
	flow->proxy->totals.wrong_hub++;
	refused_note_fd(&flow->proxy->totals.refusals, TRUST_OTHER_HUB, "bulk", bulk->fd);
	return -EKEYREJECTED;
}

static int send_ticket(struct bulk *bulk)
{
	struct flow *flow = bulk->flow;
	uint8_t ticket[BULK_TICKET_LEN];
	int r;

	if (!flow->tunnel.trunk)
		return -ECANCELED; /* it is nearly over */
	if (proxy_now_ns(flow->proxy) - bulk->since_ns > TRUNK_HANDSHAKE_NS)
		return -ETIMEDOUT; /* the provider may not wait much longer for it */
	r = make_ticket(flow->tunnel.trunk, flow->tunnel.stream, ticket);
	if (r == 0)
		r = bulk_write_small(bulk, ticket, sizeof(ticket));
	secret_wipe(ticket, sizeof(ticket));
	if (r == 0 && tls_output(bulk->tls)->len)
		r = -ENOBUFS; /* an empty socket takes as little as that */
	return r;
}

static int connect_result(int fd)
{
	socklen_t len = sizeof(int);
	int error = 0;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return -error;
}

/* Return: 0 the ticket is sent; -EAGAIN; -errno. */
static int shake_hands(struct bulk *bulk)
{
	struct proxy *proxy = bulk->flow->proxy;
	ssize_t n;
	int r;

	if (bulk->state == BULK_CONNECTING) {
		r = connect_result(bulk->fd);
		if (r == 0)
			r = tls_new_client(proxy->tls, BULK_ALPN, &bulk->tls);
		if (r < 0)
			return r;
		bulk->state = BULK_HANDSHAKE;
	} else {
		n = recv(bulk->fd, bulk->cipher, TRUNK_READ_SIZE, MSG_DONTWAIT);
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		tls_feed(bulk->tls, bulk->cipher, (size_t)n);
	}
	r = tls_handshake(bulk->tls);
	if (r != -EAGAIN && tls_certificate_refused(bulk->tls))
		proxy->totals.certificates_refused++;
	if (r != -EAGAIN)
		refused_note_fd(&proxy->totals.refusals, tls_refusal(bulk->tls), "bulk", bulk->fd);
	if (r == 0)
		r = check_peer(bulk);
	if (r == 0 || r == -EAGAIN) {
		int flushed = bulk_flush(bulk);

		r = flushed < 0 ? (flushed == -EAGAIN ? -ENOBUFS : flushed) : r;
	}
	return r == 0 ? send_ticket(bulk) : r;
}

static void run_handshake(struct bulk *bulk)
{
	int r = shake_hands(bulk);

	if (r == 0)
		r = start_records(bulk);
	if (r == 0)
		bulk->state = BULK_REDEEMING;
	if (r == 0 || r == -EAGAIN)
		want_events(bulk, false);
	else
		stay_on_stream(bulk, r);
}

/* Return: false the raw connection is over. */
static bool run_place(struct bulk *bulk)
{
	int r = bulk->has_place ? 1 : read_place(bulk);

	if (r == -EAGAIN)
		return true;
	if (r == 0 && bulk->state == BULK_REDEEMING) {
		/* The provider did not leave it; if it has ended there, not for want of anything. */
		stay_on_stream(bulk, bulk->has_late_end ? 0 : -EPERM);
		return false;
	}
	if (r <= 0) {
		bulk_broken(bulk, &bulk->flow->tunnel.end, r ? r : -EPROTO);
		return false;
	}
	if (bulk->state == BULK_REDEEMING)
		bulk_up(bulk);
	return true;
}

/* Return: false it is over. */
static bool run_out(struct bulk *bulk)
{
	struct end *culprit = &bulk->flow->tunnel.end;
	int r = 0;

	if (bulk->out.state == BULK_WAY_LEAVING && buffer_len(&bulk->flow->near.end.in) == 0)
		r = leave_stream(bulk);
	if (r == 0 && (bulk->out.state == BULK_WAY_RAW || bulk->out.state == BULK_WAY_ENDING))
		r = bulk_pump_out(bulk, &culprit);
	if (r < 0)
		bulk_broken(bulk, culprit, r);
	else if (r == 1)
		out_is_back(bulk);
	return !bulk->is_closed;
}

/* Return: false it is over. */
static bool run_in(struct bulk *bulk)
{
	struct flow *flow = bulk->flow;
	struct end *culprit = &flow->tunnel.end;
	int r = 0;

	if (bulk->has_place && bulk->in.state == BULK_WAY_STREAM &&
	    carried_from(flow, &flow->tunnel.end) - buffer_len(&bulk->late) > bulk->place)
		r = -EPROTO;
	if (may_join(bulk)) {
		bulk->in.state = BULK_WAY_RAW;
		flow->near.is_writing_lent = true;
		flow->tunnel.end.in = bulk->late; /* where such bytes wait from now on */
		bulk->late = (struct buffer){0};
	}
	if (r == 0 && bulk->in.state == BULK_WAY_RAW)
		r = bulk_pump_in(bulk, &culprit);
	if (r < 0)
		bulk_broken(bulk, culprit, r);
	else if (r == 1)
		in_is_back(bulk);
	return !bulk->is_closed;
}

/* Whatever is there after close_notify is an end: a good one, or else. */
static bool has_peer_ended(const struct bulk *bulk)
{
	uint8_t byte;

	return recv(bulk->fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

/* Both directions are back here.  Closed before the peer has all, the kernel drops the rest. */
static void run_delivery(struct bulk *bulk)
{
	bool has_ended = has_peer_ended(bulk); /* first: its FIN acknowledges what it has */

	if (bulk_is_delivered(bulk))
		stay_on_stream(bulk, 0);
	else if (has_ended)
		bulk_broken(bulk, &bulk->flow->tunnel.end, -ECONNRESET);
	else
		want_events(bulk, false);
}

static void bulk_run(struct bulk *bulk)
{
	int r;

	if (bulk->is_closed)
		return;
	if (bulk->state < BULK_REDEEMING) {
		run_handshake(bulk);
		return;
	}
	r = bulk->is_kernel ? 0 : bulk_flush(bulk); /* an answer of wolfSSL's own */
	if (r < 0 && r != -EAGAIN) {
		bulk_broken(bulk, &bulk->flow->tunnel.end, r);
		return;
	}
	if (!run_place(bulk) || (bulk->state == BULK_UP && (!run_out(bulk) || !run_in(bulk))))
		return;
	if (bulk_is_delivering(bulk))
		run_delivery(bulk);
	else
		want_events(bulk, false);
}

static void poll_for(uv_poll_t *poll, int events, uv_poll_cb ready)
{
	if (events)
		uv_poll_start(poll, events, ready);
	else
		uv_poll_stop(poll);
}

static void on_look_time(uv_timer_t *timer)
{
	bulk_run(timer->data);
}

static void look_again(struct bulk *bulk)
{
	if (uv_is_active((uv_handle_t *)&bulk->look))
		return;
	bulk->look_ms = bulk->look_ms ? bulk->look_ms * 2 : 1;
	if (bulk->look_ms > BULK_LOOK_MS_MAX)
		bulk->look_ms = BULK_LOOK_MS_MAX;
	uv_timer_start(&bulk->look, on_look_time, bulk->look_ms, 0);
}

/* A source only when nothing of it is held, a destination only when something is. */
static void want_events(struct bulk *bulk, bool is_kicked)
{
	bool has_out = bulk->out.held || bulk->out.state == BULK_WAY_ENDING ||
		       (!bulk->is_kernel && bulk->tls && tls_output(bulk->tls)->len);
	bool reads_raw = bulk->state != BULK_CONNECTING &&
			 (!bulk->has_place || (bulk->in.state == BULK_WAY_RAW && !bulk->in.held) ||
			  bulk_is_delivering(bulk));
	/* A turn ended with bytes here that no socket will tell of. */
	bool has_unread = bulk->in.state == BULK_WAY_RAW && !bulk->in.held && !bulk->is_kernel &&
			  tls_has_unread(bulk->tls);
	bool wants_writing = has_out || has_unread || is_kicked || bulk->state == BULK_CONNECTING;
	int raw = (reads_raw ? UV_READABLE : 0) | (wants_writing ? UV_WRITABLE : 0);
	int near = (bulk->out.state == BULK_WAY_RAW && !bulk->out.held ? UV_READABLE : 0) |
		   (bulk->in.held ? UV_WRITABLE : 0);

	poll_for(&bulk->raw, raw, on_raw_ready);
	poll_for(&bulk->near, near, on_near_ready);
	if (bulk_is_delivering(bulk))
		look_again(bulk);
}

void bulk_kick(struct bulk *bulk)
{
	if (bulk && !bulk_is_delivering(bulk) &&
	    (bulk->out.state == BULK_WAY_LEAVING || bulk->out.is_returning ||
	     (bulk->has_place && bulk->in.state == BULK_WAY_STREAM)))
		want_events(bulk, true);
}

void bulk_tick(struct bulk *bulk, uint64_t now_ns)
{
	if (bulk && bulk->state < BULK_REDEEMING && now_ns - bulk->since_ns > TRUNK_HANDSHAKE_NS)
		stay_on_stream(bulk, -ETIMEDOUT);
}

/* ---- to open ---- */

static int connect_raw(struct flow *flow)
{
	struct sockaddr_storage address;
	struct endpoint endpoint;
	socklen_t len;
	int fd, r;

	if (hub_find_proxy(flow->proxy->hub, &flow->hub, &endpoint) < 0 ||
	    address_to_sockaddr(&endpoint, &address) < 0)
		return -EHOSTUNREACH;
	len = address.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					    : sizeof(struct sockaddr_in);
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, len) == 0 || errno == EINPROGRESS)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

void bulk_consider(struct flow *flow, size_t n)
{
	struct proxy *proxy = flow->proxy;
	struct bulk *bulk;
	int fd;

	if (n < BULK_PIECE_MIN || flow->via != FLOW_MESH || flow->bulk || !is_plain_bytes(flow))
		return;
	flow->long_bytes += n;
	if (flow->long_bytes < BULK_START_BYTES || proxy->totals.bulk >= BULK_MAX ||
	    !flow->tunnel.trunk || flow->tunnel.trunk->is_relayed)
		return;
	flow->long_bytes = 0; /* if it fails: once more after as many */
	fd = connect_raw(flow);
	if (fd < 0 || bulk_new(flow, fd, &bulk) < 0)
		proxy->totals.bulk_failed++;
	else
		want_events(bulk, false);
}

/* ---- to redeem ---- */

static int duplicate_raw(struct trunk *trunk)
{
	uv_os_fd_t fd;

	if (trunk->writing.bytes || uv_fileno((uv_handle_t *)&trunk->tcp, &fd) < 0)
		return -EPROTO;
	return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static int take_over(struct trunk *trunk, struct flow *flow)
{
	struct bulk *bulk;
	int fd = duplicate_raw(trunk), r;

	if (fd < 0)
		return -EMFILE;
	r = bulk_new(flow, fd, &bulk);
	if (r < 0)
		return r;
	bulk->tls = trunk->tls;
	memcpy(bulk->zones, trunk->zones, sizeof(bulk->zones));
	trunk->tls = NULL; /* goes without a goodbye: the connection goes on */
	r = start_records(bulk);
	trunk_end(trunk, 0);
	if (r < 0) {
		bulk_broken(bulk, &flow->tunnel.end, r);
		return 0;
	}
	bulk_up(bulk);
	want_events(bulk, true);
	return 0;
}

int bulk_redeem(struct trunk *trunk, const uint8_t *ticket, size_t len)
{
	struct proxy *proxy = trunk->proxy;
	struct flow *flow = len == BULK_TICKET_LEN ? find_flow(trunk, ticket) : NULL;

	if (flow && proxy->totals.bulk < BULK_MAX && !tls_has_unread(trunk->tls) &&
	    take_over(trunk, flow) == 0)
		return 0;
	proxy->totals.calls_refused++;
	tls_close_notify(trunk->tls);
	trunk_flush(trunk);
	return -EPERM;
}
