// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: session: the life of one connection
 *
 * Glue between a libuv socket, tls.c and h2.c: bytes read are fed to TLS,
 * what TLS yields goes to HTTP/2, what HTTP/2 and TLS have to say is written
 * when the loop is about to sleep.  One timer serves every deadline: connect,
 * handshake, PING interval, linger.
 *
 * The owner may call transport_send(), transport_close() and transport_free()
 * from within any event.  None of them frees anything at once: a session is
 * freed in the close callback of its last handle, so no pointer on the stack
 * goes stale.
 */
#include "daemon/transport/session.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/transport/address.h"
#include "daemon/transport/refused.h"

static void session_push(struct session *s);

/* ---- end ---- */

static void session_destroy(struct session *s)
{
	struct transport *t = s->transport;

	transport_forget(t, s);
	if (s->is_reported && !s->is_silent && !t->is_freed)
		t->events.session_down(t->events.arg, s->id, s->error);
	h2_free(s->h2);
	tls_free(s->tls);
	free(s->writing.bytes);
	free(s);
	transport_put_handle(t);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct session *s = handle->data;

	if (--s->handles == 0)
		session_destroy(s);
}

void session_fail(struct session *s, int error)
{
	if (s->state == SESSION_DEAD)
		return;
	if (s->state == SESSION_HANDSHAKE || s->state == SESSION_PREFACE)
		s->transport->counters.handshakes_failed++;
	transport_remove(s->transport, s);
	s->state = SESSION_DEAD;
	s->error = error;
	uv_close((uv_handle_t *)&s->tcp, on_handle_closed);
	uv_close((uv_handle_t *)&s->timer, on_handle_closed);
}

/* Fail, but let what explains it (an alert, GOAWAY) go first if the socket takes it. */
static void session_fail_politely(struct session *s, int error)
{
	session_push(s);
	if (s->state == SESSION_DEAD)
		return;
	if (s->tls && !s->writing.bytes) {
		struct tls_output *out = tls_output(s->tls);
		uv_buf_t buf;

		tls_close_notify(s->tls);
		buf = uv_buf_init((char *)out->bytes, (unsigned int)out->len);
		if (out->len > 0)
			uv_try_write((uv_stream_t *)&s->tcp, &buf, 1);
	}
	session_fail(s, error);
}

static void on_deadline(uv_timer_t *timer)
{
	struct session *s = timer->data;

	session_fail(s, -ETIMEDOUT);
}

static void on_shut(uv_shutdown_t *request, int status)
{
	/* The peer's FIN, or the linger timer, ends it. */
}

/* DRAINING and everything is written: say FIN and wait for the peer's. */
static void session_shut(struct session *s)
{
	if (s->is_shut)
		return;
	s->is_shut = true;
	if (uv_shutdown(&s->shutdown, (uv_stream_t *)&s->tcp, on_shut) != 0)
		session_fail(s, 0);
}

void session_drain(struct session *s, const char *reason)
{
	s->is_silent = true;
	if (s->state != SESSION_UP) {
		session_fail_politely(s, 0);
		return;
	}
	s->state = SESSION_DRAINING;
	s->drain_reason = reason;
	uv_timer_start(&s->timer, on_deadline, s->transport->limits.linger_ms, 0);
	session_mark_dirty(s);
}

void session_abandon(struct session *s)
{
	s->is_silent = true;
	session_push(s); /* what is queued goes before GOAWAY */
	if (s->state == SESSION_UP)
		h2_goodbye(s->h2, "stopping");
	session_fail_politely(s, 0);
}

/* ---- out ---- */

static void on_written(uv_write_t *request, int status)
{
	struct session *s = request->data;

	if (s->state == SESSION_DEAD)
		return;
	free(s->writing.bytes);
	s->writing = (struct tls_output){0};
	if (status < 0)
		session_fail(s, status);
	else
		session_flush(s);
}

/* Let HTTP/2 fill the encrypted output up to a bound. Return: 0 or -errno. */
static int session_encrypt(struct session *s)
{
	uint8_t *plain = s->transport->plain_out;
	size_t n;

	while (tls_output(s->tls)->len < TRANSPORT_FLUSH_BYTES) {
		n = h2_produce(s->h2, plain, TRANSPORT_PLAIN_SIZE);
		if (n == 0)
			break;
		if (tls_write(s->tls, plain, n) < 0)
			return -EPROTO;
	}
	return 0;
}

/* DRAINING, and the queue has left: goodbye, once. Nothing is encrypted after it. */
static void session_say_goodbye(struct session *s)
{
	if (s->state != SESSION_DRAINING || s->said_goodbye || !h2_is_idle(s->h2) ||
	    tls_output(s->tls)->len > TRANSPORT_FLUSH_BYTES / 2)
		return;
	h2_goodbye(s->h2, s->drain_reason);
	s->said_goodbye = true;
	if (session_encrypt(s) == 0)
		tls_close_notify(s->tls);
}

/* Hand output to the socket. Return: true all of it is gone, false wait or DEAD. */
static bool session_write(struct session *s)
{
	struct tls_output *out = tls_output(s->tls);
	uv_buf_t buf = uv_buf_init((char *)out->bytes, (unsigned int)out->len);
	int r = uv_try_write((uv_stream_t *)&s->tcp, &buf, 1);

	if (r < 0 && r != UV_EAGAIN) {
		session_fail(s, r);
		return false;
	}
	if (r > 0) {
		s->transport->counters.bytes_out += (uint64_t)r;
		tls_output_consume(out, (size_t)r);
	}
	if (out->len == 0)
		return true;
	s->writing = *out;
	*out = (struct tls_output){0};
	s->transport->counters.bytes_out += s->writing.len;
	buf = uv_buf_init((char *)s->writing.bytes, (unsigned int)s->writing.len);
	s->write.data = s;
	r = uv_write(&s->write, (uv_stream_t *)&s->tcp, &buf, 1, on_written);
	if (r < 0)
		session_fail(s, r);
	return false;
}

static void session_push(struct session *s)
{
	if (s->state == SESSION_DEAD || s->state == SESSION_CONNECTING || !s->tls || s->is_shut ||
	    s->writing.bytes)
		return;
	for (;;) {
		if (s->h2 && !s->said_goodbye && session_encrypt(s) < 0) {
			session_fail(s, -EPROTO);
			return;
		}
		session_say_goodbye(s);
		if (tls_output(s->tls)->len == 0)
			break;
		if (!session_write(s))
			return;
	}
	if (s->said_goodbye)
		session_shut(s);
}

void session_flush(struct session *s)
{
	session_push(s);
	if (s->state != SESSION_DEAD && s->h2 && h2_error(s->h2) && !s->said_goodbye)
		session_fail_politely(s, h2_error(s->h2));
}

void session_mark_dirty(struct session *s)
{
	if (s->is_dirty || s->state == SESSION_DEAD)
		return;
	s->is_dirty = true;
	s->next_dirty = s->transport->dirty;
	s->transport->dirty = s;
}

/* ---- events of HTTP/2 ---- */

static void on_ping_timer(uv_timer_t *timer);

static void on_ready(void *arg)
{
	struct session *s = arg;
	struct transport *t = s->transport;
	const struct trust_identity *identity = tls_identity(s->tls);
	struct session_peer peer = {
		.hub = identity->hub,
		.local = s->local,
		.remote = s->remote,
		.is_client = s->is_client,
		.over_mesh = s->over_mesh,
	};

	if (s->state != SESSION_PREFACE)
		return;
	if (!s->is_client)
		t->n_unfinished--;
	s->state = SESSION_UP;
	s->is_reported = true;
	uv_timer_start(&s->timer, on_ping_timer, t->limits.ping_ms, t->limits.ping_ms);
	memcpy(peer.pubkey, identity->pubkey, sizeof(peer.pubkey));
	peer.cert_der = tls_peer_cert(s->tls, &peer.cert_der_len);
	t->events.session_up(t->events.arg, s->id, &peer);
	tls_drop_peer_cert(s->tls);
}

static int on_message(void *arg, uint8_t message, const uint8_t *body, size_t len)
{
	struct session *s = arg;
	struct transport *t = s->transport;

	if (s->state != SESSION_UP || t->is_freed)
		return -EPROTO; /* closed by the owner a moment ago */
	return t->events.message(t->events.arg, s->id, message, body, len);
}

static void on_refused(void *arg, unsigned int status)
{
	struct session *s = arg;

	s->transport->counters.requests_refused++;
}

static void on_pong(void *arg, uint64_t token)
{
	struct session *s = arg;
	struct transport *t = s->transport;
	uint64_t rtt_us;

	if (!s->ping_sent_ns || token != s->ping_token || s->state != SESSION_UP || t->is_freed)
		return;
	rtt_us = (uv_hrtime() - s->ping_sent_ns) / 1000;
	s->ping_sent_ns = 0;
	s->ping_misses = 0;
	t->events.rtt(t->events.arg, s->id, rtt_us > UINT32_MAX ? UINT32_MAX : (uint32_t)rtt_us);
}

/* ---- liveness ---- */

/* A queue that did not move since the last tick belongs to a slow reader. */
static bool is_stalled(struct session *s)
{
	uint64_t sent = h2_messages_sent(s->h2);

	if (h2_is_idle(s->h2) || sent != s->sent_at_tick)
		s->stalled_ms = 0;
	else
		s->stalled_ms += s->transport->limits.ping_ms;
	s->sent_at_tick = sent;
	return s->stalled_ms >= s->transport->limits.stall_ms;
}

static void on_ping_timer(uv_timer_t *timer)
{
	struct session *s = timer->data;
	struct transport *t = s->transport;

	if (s->bytes_in != s->bytes_in_at_tick)
		s->ping_misses = 0; /* alive, only busy */
	else if (s->ping_sent_ns) {
		s->ping_misses++;
		t->counters.pings_lost++;
	}
	s->bytes_in_at_tick = s->bytes_in;
	if (s->ping_misses >= t->limits.ping_misses || is_stalled(s)) {
		session_fail(s, -ETIMEDOUT);
		return;
	}
	if (s->ping_sent_ns)
		return; /* TCP repeats it, no need to */
	s->ping_sent_ns = uv_hrtime();
	h2_ping(s->h2, ++s->ping_token);
	session_mark_dirty(s);
}

/* ---- in ---- */

/* The peer is verified: is it the one we wanted? Then speak HTTP/2. */
static int session_start_h2(struct session *s)
{
	static const struct hub_id nobody;
	const struct h2_events events = {on_ready, on_message, on_refused, on_pong, s};
	struct transport *t = s->transport;

	if (!hub_id_equal(&s->expected, &nobody) &&
	    !hub_id_equal(&s->expected, &tls_identity(s->tls)->hub)) {
		t->counters.certificates_refused++;
		refused_note(&t->counters.refusals, TRUST_OTHER_HUB, "session", &s->tcp);
		return -EKEYREJECTED;
	}
	s->state = SESSION_PREFACE;
	return h2_new(s->is_client, uv_now(t->loop), t->limits.write_queue_max, &events, &s->h2);
}

static int session_handshake(struct session *s)
{
	int r = tls_handshake(s->tls);

	if (r == 0)
		return session_start_h2(s);
	if (r == -EAGAIN)
		return r;
	if (tls_certificate_refused(s->tls))
		s->transport->counters.certificates_refused++;
	refused_note(&s->transport->counters.refusals, tls_refusal(s->tls), "session", &s->tcp);
	return r;
}

/* Decrypt and understand all that was fed. Return: -EAGAIN all done, or why it is over. */
static int session_decrypt(struct session *s)
{
	struct transport *t = s->transport;

	while (s->state == SESSION_PREFACE || s->state == SESSION_UP ||
	       s->state == SESSION_DRAINING) {
		ssize_t n = tls_read(s->tls, t->plain_in, TRANSPORT_PLAIN_SIZE);
		int r;

		if (n < 0)
			return (int)n;
		if (n == 0)
			return -ECONNRESET; /* close_notify without GOAWAY */
		r = h2_receive(s->h2, uv_now(t->loop), t->plain_in, (size_t)n);
		if (r < 0)
			return r;
	}
	return -EAGAIN;
}

static int session_receive(struct session *s, const uint8_t *bytes, size_t len)
{
	int r = -EAGAIN;

	if (!s->tls) {
		/* Nothing is spent on a peer before it says something like TLS. */
		if (!tls_looks_like_client_hello(bytes, len))
			return -EPROTO;
		r = tls_new(s->transport->tls, false, &s->tls);
		if (r < 0)
			return r;
	}
	tls_feed(s->tls, bytes, len);
	if (s->state == SESSION_HANDSHAKE) {
		r = session_handshake(s);
		if (r < 0)
			return r;
	}
	return session_decrypt(s);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct session *s = handle->data;

	*buf = uv_buf_init((char *)s->transport->read_buffer, TRANSPORT_READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct session *s = stream->data;
	int r;

	if (s->state == SESSION_DEAD || n == 0)
		return;
	if (n < 0) {
		session_fail(s, n == UV_EOF ? -ECONNRESET : (int)n);
		return;
	}
	s->bytes_in += (uint64_t)n;
	s->transport->counters.bytes_in += (uint64_t)n;
	if (s->said_goodbye)
		return; /* read on until FIN, or closing would reset and lose our last words */
	r = session_receive(s, (const uint8_t *)buf->base, (size_t)n);
	if (r < 0 && r != -EAGAIN) {
		session_fail_politely(s, r);
		return;
	}
	session_flush(s);
}

/* ---- begin ---- */

static int find_addresses(struct session *s)
{
	struct sockaddr_storage address;
	int r, len = sizeof(address);

	r = uv_tcp_getsockname(&s->tcp, (struct sockaddr *)&address, &len);
	if (r == 0)
		r = address_from_sockaddr(&address, &s->local);
	len = sizeof(address);
	if (r == 0)
		r = uv_tcp_getpeername(&s->tcp, (struct sockaddr *)&address, &len);
	if (r == 0)
		r = address_from_sockaddr(&address, &s->remote);
	return r;
}

/* Best effort: a kernel that refuses one of these still carries the session. */
static void set_socket_options(struct session *s)
{
	const struct transport_limits *limits = &s->transport->limits;
	unsigned int user_timeout_ms = limits->ping_ms * limits->ping_misses;
	int unsent = TRANSPORT_UNSENT_BYTES;
	uv_os_fd_t fd;

	uv_tcp_nodelay(&s->tcp, 1);
	if (uv_fileno((uv_handle_t *)&s->tcp, &fd) != 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof(user_timeout_ms));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

static void session_begin_handshake(struct session *s)
{
	int r;

	set_socket_options(s);
	s->state = SESSION_HANDSHAKE;
	uv_timer_start(&s->timer, on_deadline, s->transport->limits.handshake_ms, 0);
	r = uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read);
	if (r < 0)
		session_fail(s, r);
}

/* Unfinished handshakes of one address are few: one host cannot use up all. */
static bool is_over_handshake_limits(struct session *s)
{
	const struct transport *t = s->transport;
	struct in6_addr from = address_to_in6(&s->remote);
	uint32_t n = 0;

	if (t->n_sessions > t->limits.sessions_max)
		return true;
	for (const struct session *other = t->sessions; other; other = other->next) {
		struct in6_addr theirs;

		if (other->is_client || other->state >= SESSION_UP)
			continue;
		theirs = address_to_in6(&other->remote);
		n += IN6_ARE_ADDR_EQUAL(&from, &theirs);
	}
	return n > t->limits.handshakes_per_peer_max;
}

/*
 * All places taken: the oldest unfinished handshake goes if it had its time.
 * An honest one takes milliseconds, so a flood does not lock anybody out.
 */
static bool make_room(struct transport *t)
{
	struct session *oldest = NULL;

	if (t->n_unfinished <= t->limits.handshakes_max)
		return true;
	t->counters.handshakes_limited++;
	for (struct session *s = t->sessions; s; s = s->next)
		if (!s->is_client && s->state < SESSION_UP &&
		    (!oldest || s->since_ms < oldest->since_ms))
			oldest = s;
	if (!oldest || uv_now(t->loop) - oldest->since_ms < TRANSPORT_EVICT_MS)
		return false;
	session_fail(oldest, -EBUSY);
	return true;
}

void session_accept(struct session *s)
{
	struct transport *t = s->transport;
	struct in6_addr local;
	int r;

	r = uv_tcp_init(t->loop, &s->tcp);
	assert(r == 0);
	r = uv_accept((uv_stream_t *)&t->listener, (uv_stream_t *)&s->tcp);
	if (r == 0)
		r = find_addresses(s);
	if (r < 0) {
		session_fail(s, r);
		return;
	}
	t->counters.accepted++;
	if (is_over_handshake_limits(s)) {
		t->counters.handshakes_limited++;
		session_fail(s, -EBUSY);
		return;
	}
	if (!make_room(t)) {
		session_fail(s, -EBUSY);
		return;
	}
	local = address_to_in6(&s->local);
	s->over_mesh = t->is_mesh_address && t->is_mesh_address(t->events.arg, &local);
	session_begin_handshake(s);
}

static void on_connected(uv_connect_t *request, int status)
{
	struct session *s = request->data;
	int r;

	if (s->state == SESSION_DEAD)
		return;
	r = status < 0 ? status : find_addresses(s);
	if (r < 0) {
		session_fail(s, r);
		return;
	}
	session_begin_handshake(s);
	if (s->state == SESSION_DEAD)
		return;
	r = tls_new(s->transport->tls, true, &s->tls);
	if (r == 0)
		r = session_handshake(s);
	if (r < 0 && r != -EAGAIN)
		session_fail(s, r);
	else
		session_flush(s);
}

static int bind_source(struct session *s, const struct endpoint *from)
{
	struct endpoint source = *from;
	struct sockaddr_storage address;
	int r;

	source.port = 0;
	r = address_to_sockaddr(&source, &address);
	return r < 0 ? r : uv_tcp_bind(&s->tcp, (struct sockaddr *)&address, 0);
}

void session_connect(struct session *s, const struct endpoint *to, const struct endpoint *from)
{
	struct transport *t = s->transport;
	struct sockaddr_storage address;
	int r;

	s->is_reported = true; /* whatever happens, session_down is owed */
	r = uv_tcp_init(t->loop, &s->tcp);
	assert(r == 0);
	r = t->n_sessions > t->limits.sessions_max ? -ENOSPC : address_to_sockaddr(to, &address);
	if (r >= 0 && from && from->family != 0)
		r = bind_source(s, from);
	if (r >= 0) {
		s->connect.data = s;
		r = uv_tcp_connect(&s->connect, &s->tcp, (struct sockaddr *)&address, on_connected);
	}
	if (r >= 0)
		r = uv_timer_start(&s->timer, on_deadline, t->limits.connect_ms, 0);
	if (r < 0)
		session_fail(s, r);
	else
		t->counters.dialled++;
}

struct session *session_new(struct transport *t, uint64_t id, bool is_client)
{
	struct session *s = xnew(struct session);

	s->transport = t;
	s->id = id;
	s->is_client = is_client;
	s->state = SESSION_CONNECTING;
	s->since_ms = uv_now(t->loop);
	s->handles = 2;
	s->tcp.data = s;
	uv_timer_init(t->loop, &s->timer);
	s->timer.data = s;
	return s;
}
