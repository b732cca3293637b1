// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: trunk: TLS 1.3 and HTTP/2 to the proxy of another hub
 *
 *	open	CONNECTING -> HANDSHAKE -> UP -> closed
 *	accept		      HANDSHAKE -> UP -> closed
 *
 * The one that opens it is the HTTP client and the only one that calls.  Both
 * certificates are verified by trust; the opener insists on the hub it wanted.
 * There is no resumption: a resumed handshake shows no certificate, so it would
 * outlive a revocation, and a trunk that lasts has little to gain from it.
 *
 * What one turn of the loop brings is flushed together just before it sleeps:
 * frames of many streams share a TLS record and a system call.
 */
#include "daemon/proxy/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/proxy/bulk.h"
#include "daemon/proxy/http2_session.h"
#include "daemon/proxy/relay.h"
#include "daemon/transport/address.h"
#include "daemon/transport/refused.h"

#define TRUNK_USER_TIMEOUT_MS 8000 /* as TRUNK_SILENT_NS, for what TCP repeats in vain */
#define TRUNK_UNSENT_BYTES 262144 /* TCP_NOTSENT_LOWAT: new streams get their turn among bulk */

/* ---- out ---- */

void trunk_mark_dirty(struct trunk *trunk)
{
	struct proxy *proxy = trunk->proxy;

	if (trunk->is_dirty || trunk->is_closed)
		return;
	trunk->is_dirty = true;
	trunk->next_dirty = proxy->dirty;
	proxy->dirty = trunk;
}

bool trunk_has_room(const struct trunk *trunk, size_t len)
{
	return TRUNK_PLAIN_SIZE - trunk->proxy->plain_len >= len;
}

void trunk_put_plain(struct trunk *trunk, const uint8_t *bytes, size_t len)
{
	struct proxy *proxy = trunk->proxy;

	memcpy(proxy->plain + proxy->plain_len, bytes, len);
	proxy->plain_len += len;
}

/* Frames into the common buffer. Return: 0; -EPROTO nghttp2 gave up. */
static int collect_frames(struct trunk *trunk)
{
	/* tunnel_send_data() leaves as much. */
	while (trunk_has_room(trunk, TRUNK_FRAME_MAX)) {
		const uint8_t *bytes;
		ssize_t n = nghttp2_session_mem_send(trunk->session, &bytes);

		if (n == 0)
			break;
		if (n < 0 || !trunk_has_room(trunk, (size_t)n))
			return -EPROTO;
		trunk_put_plain(trunk, bytes, (size_t)n);
	}
	return 0;
}

static void on_written(uv_write_t *write, int status)
{
	struct trunk *trunk = write->data;

	free(trunk->writing.bytes);
	trunk->writing = (struct tls_output){0};
	if (trunk->is_closed)
		return;
	if (status < 0)
		trunk_fail(trunk, status);
	else
		trunk_flush(trunk);
}

/* Return: true all of it is gone; false wait, or the trunk is closed. */
static bool write_encrypted(struct trunk *trunk)
{
	struct tls_output *out = tls_output(trunk->tls);
	uv_buf_t buf = uv_buf_init((char *)out->bytes, (unsigned int)out->len);
	int r = out->len ? uv_try_write((uv_stream_t *)&trunk->tcp, &buf, 1) : 0;

	if (r < 0 && r != UV_EAGAIN) {
		trunk_fail(trunk, r);
		return false;
	}
	if (r > 0)
		tls_output_consume(out, (size_t)r);
	if (out->len == 0)
		return true;
	trunk->writing = *out;
	*out = (struct tls_output){0};
	buf = uv_buf_init((char *)trunk->writing.bytes, (unsigned int)trunk->writing.len);
	trunk->write.data = trunk;
	r = uv_write(&trunk->write, (uv_stream_t *)&trunk->tcp, &buf, 1, on_written);
	if (r < 0)
		trunk_fail(trunk, r);
	return false;
}

void trunk_flush(struct trunk *trunk)
{
	struct proxy *proxy = trunk->proxy;

	if (trunk->is_receiving) {
		trunk_mark_dirty(trunk);
		return;
	}
	if (trunk->is_closed || !trunk->tls || trunk->writing.bytes || proxy->plain_len)
		return; /* or a flush is on the stack and goes on */
	do {
		int r = trunk->session ? collect_frames(trunk) : 0;

		if (r == 0 && proxy->plain_len)
			r = tls_write(trunk->tls, proxy->plain, proxy->plain_len);
		proxy->plain_len = 0;
		if (r < 0) {
			trunk_fail(trunk, r);
			return;
		}
		if (tls_output(trunk->tls)->len == 0)
			return;
	} while (write_encrypted(trunk));
}

/* ---- life ---- */

static void on_closed(uv_handle_t *handle)
{
	struct trunk *trunk = handle->data;
	struct proxy *proxy = trunk->proxy;

	nghttp2_session_del(trunk->session);
	tls_free(trunk->tls);
	free(trunk->writing.bytes);
	free(trunk);
	proxy_put_handle(proxy);
}

static void forget_dirty(struct trunk *trunk)
{
	struct trunk **link = &trunk->proxy->dirty;

	if (!trunk->is_dirty)
		return;
	while (*link != trunk)
		link = &(*link)->next_dirty;
	*link = trunk->next_dirty;
	trunk->is_dirty = false;
}

/* Say why, as far as the socket takes it at once. */
static void say_goodbye(struct trunk *trunk, int error)
{
	if (!trunk->tls || trunk->writing.bytes)
		return;
	if (trunk->session && !trunk->is_receiving && trunk->proxy->plain_len == 0) {
		nghttp2_session_terminate_session(trunk->session, error ? NGHTTP2_PROTOCOL_ERROR
									: NGHTTP2_NO_ERROR);
		if (collect_frames(trunk) == 0 && trunk->proxy->plain_len)
			tls_write(trunk->tls, trunk->proxy->plain, trunk->proxy->plain_len);
		trunk->proxy->plain_len = 0;
		tls_close_notify(trunk->tls);
	}
	if (tls_output(trunk->tls)->len) {
		uv_buf_t buf = uv_buf_init((char *)tls_output(trunk->tls)->bytes,
					   (unsigned int)tls_output(trunk->tls)->len);

		uv_try_write((uv_stream_t *)&trunk->tcp, &buf, 1);
	}
}

void trunk_end(struct trunk *trunk, int error)
{
	struct proxy *proxy = trunk->proxy;

	if (trunk->is_closed)
		return;
	say_goodbye(trunk, error);
	trunk->is_closed = true;
	forget_dirty(trunk);
	if (trunk->prev)
		trunk->prev->next = trunk->next;
	else
		proxy->trunks = trunk->next;
	if (trunk->next)
		trunk->next->prev = trunk->prev;
	proxy->totals.trunks--;
	for_each_flow (flow, proxy) {
		if (flow->tunnel.trunk == trunk)
			tunnel_closed(&flow->tunnel, true);
	}
	uv_close((uv_handle_t *)&trunk->tcp, on_closed);
}

void trunk_fail(struct trunk *trunk, int error)
{
	char hub[HUB_ID_STRLEN];

	if (trunk->is_closed)
		return;
	trunk->proxy->totals.trunks_failed++;
	log_debug(LOG_PEER_CLASS, "event=trunk-failed hub=%s is_client=%d error=\"%s\"",
		  hub_id_format(&trunk->hub, hub), trunk->is_client,
		  error ? strerror(-error) : "closed");
	trunk_end(trunk, error);
}

/* Its handle is for the caller to initialise. */
static struct trunk *trunk_new(struct proxy *proxy, bool is_client)
{
	struct trunk *trunk = xnew(struct trunk);

	trunk->proxy = proxy;
	trunk->is_client = is_client;
	trunk->since_ns = trunk->heard_ns = trunk->used_ns = proxy_now_ns(proxy);
	trunk->next = proxy->trunks;
	if (trunk->next)
		trunk->next->prev = trunk;
	proxy->trunks = trunk;
	proxy->totals.trunks++;
	proxy->totals.trunks_opened++;
	proxy->handles++;
	proxy_need_ticks(proxy);
	return trunk;
}

static struct trunk *trunk_new_tcp(struct proxy *proxy, bool is_client)
{
	struct trunk *trunk = trunk_new(proxy, is_client);

	uv_tcp_init(proxy->loop, &trunk->tcp);
	trunk->handle.data = trunk;
	return trunk;
}

static void set_socket_options(struct trunk *trunk)
{
	const unsigned int timeout_ms = TRUNK_USER_TIMEOUT_MS, unsent = TRUNK_UNSENT_BYTES;
	uv_os_fd_t fd;

	if (trunk->is_relayed)
		return;
	uv_tcp_nodelay(&trunk->tcp, 1);
	if (uv_fileno((uv_handle_t *)&trunk->tcp, &fd) != 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

/* ---- events of HTTP/2 ---- */

static struct tunnel *tunnel_at(nghttp2_session *session, int32_t stream)
{
	return nghttp2_session_get_stream_user_data(session, stream);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct trunk *trunk = arg;

	trunk->call = (struct call){0};
	trunk->status = 0;
	trunk->reason[0] = '\0';
	trunk->n_headers = 0;
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *arg)
{
	struct trunk *trunk = arg;

	if (++trunk->n_headers > TRUNK_HEADERS_MAX)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* RST_STREAM */
	if (!trunk->is_client)
		call_take_header(&trunk->call, name, name_len, value, value_len);
	else if (name_len == 7 && memcmp(name, ":status", 7) == 0 && value_len == 3)
		trunk->status = (unsigned int)(value[0] - '0') * 100 +
				(unsigned int)(value[1] - '0') * 10 +
				(unsigned int)(value[2] - '0');
	else if (name_len == strlen(CALL_REASON) && memcmp(name, CALL_REASON, name_len) == 0)
		call_read_reason(value, value_len, trunk->reason);
	else
		call_take_header(&trunk->call, name, name_len, value, value_len);
	return 0;
}

static void on_answer(struct trunk *trunk, struct tunnel *tunnel)
{
	struct flow *flow = tunnel->end.flow;
	char hub[HUB_ID_STRLEN];

	if (tunnel->is_answered || flow->is_closed)
		return;
	tunnel->is_answered = true;
	if (flow->relay) {
		relay_answered(flow, trunk->status, trunk->reason);
		return;
	}
	if (trunk->status == 200 && !entry_believes(flow, trunk)) {
		entry_provider_lost(flow);
		return;
	}
	if (trunk->status == 200) {
		entry_attempt_ok(flow);
		return;
	}
	log_debug(LOG_PEER_CLASS, "event=call-refused service=%s hub=%s status=%u reason=\"%s\"",
		  flow->counted->name, hub_id_format(&trunk->hub, hub), trunk->status,
		  trunk->reason);
	entry_attempt_failed(flow, trunk->status >= 400 && trunk->status < 500
					   ? PROXY_END_REFUSED
					   : PROXY_END_UNREACHABLE);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct trunk *trunk = arg;
	int32_t stream = frame->hd.stream_id;
	struct tunnel *tunnel = stream ? tunnel_at(session, stream) : NULL;

	if (frame->hd.type == NGHTTP2_HEADERS && !trunk->is_client &&
	    frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
		provider_on_call(trunk, stream);
		tunnel = tunnel_at(session, stream);
	} else if (frame->hd.type == NGHTTP2_HEADERS && tunnel && trunk->is_client) {
		on_answer(trunk, tunnel);
		tunnel = tunnel_at(session, stream); /* a refusal lets go of it */
	} else if (frame->hd.type == NGHTTP2_PING && frame->hd.flags & NGHTTP2_FLAG_ACK) {
		trunk->ping_ns = 0;
	} else if (frame->hd.type == NGHTTP2_GOAWAY) {
		trunk->is_draining = true;
	}
	if (tunnel && frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
	    (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA))
		tunnel_received_end(tunnel);
	return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream,
			 const uint8_t *bytes, size_t len, void *arg)
{
	struct tunnel *tunnel = tunnel_at(session, stream);

	nghttp2_session_consume_connection(session, len);
	if (tunnel)
		tunnel_receive(tunnel, bytes, len);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *arg)
{
	struct tunnel *tunnel = tunnel_at(session, stream);

	if (!tunnel)
		return 0;
	nghttp2_session_set_stream_user_data(session, stream, NULL);
	tunnel_closed(tunnel, code != NGHTTP2_NO_ERROR);
	return 0;
}

static nghttp2_session_callbacks *make_callbacks(void)
{
	nghttp2_session_callbacks *callbacks;

	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		return NULL;
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, tunnel_send_data);
	return callbacks;
}

static int start_http(struct trunk *trunk)
{
	const struct http2_session_limits limits = {
		.acks_max = TRUNK_ACKS_MAX,
		.settings_max = TRUNK_SETTINGS_MAX,
		.resets_burst = TRUNK_RESETS_BURST,
		.resets_per_s = TRUNK_RESETS_PER_S,
		.peer_streams_max = TRUNK_STREAMS_MAX,
		.streams_max = trunk->is_client ? 0 : TRUNK_STREAMS_MAX,
		.window = TUNNEL_WINDOW,
		.connection_window = TRUNK_WINDOW,
		.head_max = 4096,
	};

	return http2_session_begin(&trunk->session, !trunk->is_client, make_callbacks(), trunk,
				   &limits);
}

/* ---- in ---- */

/*
 * A hub has a few.  More are those of its earlier lives, the ends of which nobody has heard, or are
 * meant to keep others out; those that carry least make way, the oldest first.
 */
static void limit_trunks_of(const struct hub_id *hub, struct proxy *proxy)
{
	struct trunk *least = NULL;
	uint32_t n = 0;

	for (struct trunk *trunk = proxy->trunks; trunk; trunk = trunk->next) { /* newest first */
		if (trunk->is_client || trunk->state != TRUNK_UP || !hub_id_equal(&trunk->hub, hub))
			continue;
		n++;
		if (!least || trunk->n_streams <= least->n_streams)
			least = trunk;
	}
	if (n < TRUNKS_FROM_HUB_MAX)
		return;
	proxy->totals.trunks_limited++;
	trunk_fail(least, -EBUSY);
}

/* Verified: is it the hub that was wanted?  Then what waits for it may go. */
static int trunk_is_verified(struct trunk *trunk)
{
	const struct trust_identity *identity = tls_identity(trunk->tls);
	struct proxy *proxy = trunk->proxy;
	int r;

	if (trunk->is_client && !hub_id_equal(&identity->hub, &trunk->hub)) {
		proxy->totals.wrong_hub++;
		refused_note(&proxy->totals.refusals, TRUST_OTHER_HUB, "trunk", &trunk->tcp);
		return -EKEYREJECTED;
	}
	trunk->hub = identity->hub;
	memcpy(trunk->zones, identity->zones, sizeof(trunk->zones));
	if (!trunk->is_client && strcmp(tls_protocol(trunk->tls), BULK_ALPN) == 0) {
		trunk->state = TRUNK_REDEEMING;
		return 0;
	}
	if (!trunk->is_client)
		limit_trunks_of(&trunk->hub, proxy);
	r = start_http(trunk);
	if (r < 0)
		return r;
	trunk->state = TRUNK_UP;
	trunk->used_ns = proxy_now_ns(proxy);
	for_each_flow (flow, proxy) {
		if (flow->tunnel.trunk == trunk)
			tunnel_submit(&flow->tunnel);
	}
	trunk_mark_dirty(trunk);
	return 0;
}

static int shake_hands(struct trunk *trunk)
{
	int r = tls_handshake(trunk->tls);

	if (r == 0)
		return trunk_is_verified(trunk);
	if (r == -EAGAIN)
		return r;
	if (tls_certificate_refused(trunk->tls))
		trunk->proxy->totals.certificates_refused++;
	refused_note(&trunk->proxy->totals.refusals, tls_refusal(trunk->tls), "trunk", &trunk->tcp);
	return r;
}

static int understand(struct trunk *trunk, size_t n)
{
	ssize_t r;

	if (trunk->state == TRUNK_REDEEMING)
		return bulk_redeem(trunk, trunk->proxy->received, n);
	trunk->is_receiving = true;
	r = nghttp2_session_mem_recv(trunk->session, trunk->proxy->received, n);
	trunk->is_receiving = false;
	if (r < 0)
		return -EPROTO;
	if (nghttp2_session_get_outbound_queue_size(trunk->session) > TRUNK_FRAMES_MAX)
		return -EDQUOT;
	return 0;
}

/* Return: -EAGAIN all of it is read, or why it is over. */
static int trunk_receive(struct trunk *trunk, const uint8_t *bytes, size_t len)
{
	struct proxy *proxy = trunk->proxy;
	int r;

	if (!trunk->tls) {
		/* Nothing is spent on anybody before it says something like TLS. */
		if (!tls_looks_like_client_hello(bytes, len))
			return -EPROTO;
		r = tls_new(proxy->tls, false, &trunk->tls);
		if (r < 0)
			return r;
	}
	tls_feed(trunk->tls, bytes, len);
	if (trunk->state == TRUNK_HANDSHAKE) {
		r = shake_hands(trunk);
		if (r < 0)
			return r;
	}
	while (!trunk->is_closed) {
		ssize_t n = tls_read(trunk->tls, proxy->received, sizeof(proxy->received));

		if (n <= 0)
			return n < 0 ? (int)n : -ECONNRESET;
		r = understand(trunk, (size_t)n);
		if (r < 0)
			return r;
	}
	return -EAGAIN;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct trunk *trunk = handle->data;

	*buf = uv_buf_init((char *)trunk->proxy->read_buffer, TRUNK_READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct trunk *trunk = stream->data;
	int r;

	if (trunk->is_closed || n == 0)
		return;
	if (n < 0) {
		trunk_fail(trunk, n == UV_EOF ? -ECONNRESET : (int)n);
		return;
	}
	trunk->heard_ns = proxy_now_ns(trunk->proxy);
	r = trunk_receive(trunk, trunk->proxy->read_buffer, (size_t)n);
	if (r != -EAGAIN)
		trunk_fail(trunk, r);
	else
		trunk_mark_dirty(trunk);
}

static void begin_handshake(struct trunk *trunk)
{
	int r;

	set_socket_options(trunk);
	trunk->state = TRUNK_HANDSHAKE;
	r = uv_read_start((uv_stream_t *)&trunk->tcp, on_alloc, on_read);
	if (r < 0)
		trunk_fail(trunk, r);
}

/* ---- to open ---- */

static void trunk_connected(struct trunk *trunk, int status)
{
	int r = status;

	if (trunk->is_closed)
		return;
	if (r == 0)
		r = tls_new(trunk->proxy->tls, true, &trunk->tls);
	if (r == 0) {
		begin_handshake(trunk);
		r = shake_hands(trunk);
	}
	if (r < 0 && r != -EAGAIN)
		trunk_fail(trunk, r);
	else
		trunk_flush(trunk);
}

static void on_connected(uv_connect_t *connect, int status)
{
	trunk_connected(connect->data, status);
}

/* By other hubs: what we say waits in the socket until one of them takes it on. */
static struct trunk *trunk_open_relayed(struct proxy *proxy, const struct hub_id *hub)
{
	int fd = relay_open(proxy, hub), r;
	struct trunk *trunk;

	if (fd < 0)
		return NULL;
	trunk = trunk_new(proxy, true);
	trunk->is_relayed = true;
	trunk->hub = *hub;
	uv_pipe_init(proxy->loop, &trunk->pipe, 0);
	trunk->handle.data = trunk;
	r = uv_pipe_open(&trunk->pipe, fd);
	if (r < 0)
		close(fd);
	trunk_connected(trunk, r);
	return trunk->is_closed ? NULL : trunk;
}

static struct trunk *trunk_open(struct proxy *proxy, const struct hub_id *hub)
{
	struct sockaddr_storage address;
	struct endpoint endpoint;
	struct trunk *trunk;
	int r = hub_find_proxy(proxy->hub, hub, &endpoint);

	if (r == -EHOSTUNREACH)
		return trunk_open_relayed(proxy, hub);
	if (r < 0 || address_to_sockaddr(&endpoint, &address) < 0)
		return NULL;
	trunk = trunk_new_tcp(proxy, true);
	trunk->hub = *hub;
	trunk->connect.data = trunk;
	r = uv_tcp_connect(&trunk->connect, &trunk->tcp, (struct sockaddr *)&address, on_connected);
	if (r == 0)
		return trunk;
	trunk_fail(trunk, r);
	return NULL;
}

void trunk_retire(struct trunk *trunk)
{
	if (trunk->is_client) {
		trunk->is_draining = true;
	} else if (trunk->session) {
		nghttp2_submit_shutdown_notice(trunk->session);
		trunk_mark_dirty(trunk);
	}
}

/* A hub that others took us to and that TCP reaches now: what is new goes there by itself. */
static bool is_detour(const struct trunk *trunk)
{
	struct endpoint endpoint;

	return trunk->is_relayed && hub_find_proxy(trunk->proxy->hub, &trunk->hub, &endpoint) == 0;
}

struct trunk *trunk_towards(struct proxy *proxy, const struct hub_id *hub)
{
	struct trunk *best = NULL, *opened;
	uint32_t n = 0;

	for (struct trunk *trunk = proxy->trunks; trunk; trunk = trunk->next) {
		if (!trunk->is_client || trunk->is_draining || !hub_id_equal(&trunk->hub, hub))
			continue;
		if (is_detour(trunk)) {
			trunk->is_draining = true;
			continue;
		}
		n++;
		if (!best || trunk->n_streams < best->n_streams)
			best = trunk;
	}
	if (best && best->n_streams < TRUNK_STREAMS_FEW)
		return best;
	if (n < TRUNKS_PER_HUB_MAX && proxy->totals.trunks < TRUNKS_MAX) {
		opened = trunk_open(proxy, hub);
		if (opened)
			return opened;
	}
	return best && best->n_streams < TRUNK_STREAMS_MAX ? best : NULL;
}

/* ---- to accept ---- */

/* An honest handshake takes milliseconds, so a flood of others locks nobody out. */
static bool make_room(struct proxy *proxy, uint64_t now_ns)
{
	struct trunk *oldest = NULL;
	uint32_t n = 0;

	for (struct trunk *trunk = proxy->trunks; trunk; trunk = trunk->next) {
		if (trunk->is_client || trunk->state == TRUNK_UP)
			continue;
		n++;
		oldest = trunk; /* newest first */
	}
	if (n <= TRUNKS_UNFINISHED_MAX && proxy->totals.trunks <= TRUNKS_MAX)
		return true;
	proxy->totals.trunks_limited++;
	if (!oldest || now_ns - oldest->since_ns < TRUNK_EVICT_NS)
		return false;
	trunk_fail(oldest, -EBUSY);
	return true;
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct proxy *proxy = listener->data;
	struct trunk *trunk;
	int r;

	if (status < 0)
		return; /* it has gone, or descriptors are short: libuv has dropped it */
	trunk = trunk_new_tcp(proxy, false);
	r = uv_accept(listener, (uv_stream_t *)&trunk->tcp);
	if (r == 0 && !make_room(proxy, trunk->since_ns))
		r = -EBUSY;
	if (r < 0)
		trunk_fail(trunk, r);
	else
		begin_handshake(trunk);
}

static int bind_any(struct proxy *proxy, int family, uint16_t port)
{
	struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	int r = uv_tcp_bind(
		&proxy->listener,
		family == AF_INET6 ? (struct sockaddr *)&any6 : (struct sockaddr *)&any4, 0);

	return r < 0 ? r : uv_listen((uv_stream_t *)&proxy->listener, TRUNK_BACKLOG, on_connection);
}

static int bind_port(struct proxy *proxy, uint16_t port)
{
	int r = bind_any(proxy, AF_INET6, port);

	return r == -EAFNOSUPPORT ? bind_any(proxy, AF_INET, port) : r;
}

int trunk_listen(struct proxy *proxy, const char **error_text)
{
	struct sockaddr_storage address = {0};
	struct endpoint endpoint = {0};
	int r, len = sizeof(address);

	uv_tcp_init(proxy->loop, &proxy->listener);
	proxy->listener.data = proxy;
	proxy->handles++;
	proxy->is_listening = true;
	r = bind_port(proxy, proxy->settings->port);
	if (r == -EADDRINUSE && !proxy->settings->has_port)
		r = bind_port(proxy, 0);
	if (r < 0) {
		*error_text = r == -EADDRINUSE ? "proxy.port is in use by another program"
					       : "cannot listen on proxy.port";
		return r;
	}
	uv_tcp_getsockname(&proxy->listener, (struct sockaddr *)&address, &len);
	address_from_sockaddr(&address, &endpoint);
	proxy->port = endpoint.port;
	return 0;
}

/* ---- time ---- */

/* Has it said something that we did not get to read?  Then we stood still, not the other hub. */
static bool has_unread(const struct trunk *trunk)
{
	uv_os_fd_t fd;
	char byte;

	return uv_fileno((const uv_handle_t *)&trunk->tcp, &fd) == 0 &&
	       recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) > 0;
}

static bool is_too_slow(const struct trunk *trunk, uint64_t now_ns)
{
	uint64_t age_ns = now_ns - trunk->since_ns;

	if (trunk->is_client)
		return age_ns > TRUNK_HANDSHAKE_NS;
	return age_ns > TRUNK_ACCEPT_MAX_NS || (age_ns > TRUNK_ACCEPT_NS && !has_unread(trunk));
}

/* Silence is suspicious only when something is owed. */
static void check_life(struct trunk *trunk, uint64_t now_ns)
{
	const uint8_t opaque[8] = {0};

	if (trunk->ping_ns && now_ns - trunk->ping_ns > TRUNK_SILENT_NS &&
	    now_ns - trunk->heard_ns > TRUNK_SILENT_NS && !has_unread(trunk)) {
		trunk_fail(trunk, -ETIMEDOUT);
		return;
	}
	if (trunk->ping_ns || now_ns - trunk->heard_ns < TRUNK_PING_NS || !trunk->n_streams)
		return;
	trunk->ping_ns = now_ns;
	nghttp2_submit_ping(trunk->session, NGHTTP2_FLAG_NONE, opaque);
	trunk_mark_dirty(trunk);
}

void trunk_tick(struct trunk *trunk, uint64_t now_ns)
{
	if (trunk->state != TRUNK_UP) {
		if (is_too_slow(trunk, now_ns))
			trunk_fail(trunk, -ETIMEDOUT);
		return;
	}
	if (trunk->n_streams)
		trunk->used_ns = now_ns;
	else if (now_ns - trunk->used_ns > (trunk->is_client ? TRUNK_IDLE_NS : TRUNK_LEFT_NS)) {
		trunk_end(trunk, 0);
		return;
	}
	check_life(trunk, now_ns);
}
