// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: sock: an end that is a TCP or Unix socket
 *
 * Reads into a chunk and keeps reading while there is room in it; writes at
 * once what the socket takes, and hands the rest to libuv together with the
 * memory.  Until that is written nothing more is taken from the other end.
 */
#include "daemon/proxy/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/proxy/bulk.h"
#include "daemon/proxy/relay.h"

static const struct end_ops sock_ops;

static struct sock *sock_of(struct end *end)
{
	return (struct sock *)end;
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct sock *sock = handle->data;
	struct buffer *in = &sock->end.in;

	if (!in->bytes)
		buffer_get_chunk(sock->end.flow->proxy, in);
	else
		buffer_grow(sock->end.flow->proxy, in);
	*buf = uv_buf_init((char *)in->bytes + in->end, (unsigned int)buffer_room(in));
	buf->base = (char *)in->bytes + in->end; /* buffer_room() may have moved it */
}

static void stop_reading(struct sock *sock)
{
	if (!sock->is_reading)
		return;
	uv_read_stop(&sock->stream);
	sock->is_reading = false;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct sock *sock = stream->data;
	struct end *end = &sock->end;
	struct flow *flow = end->flow;
	struct buffer *in = &end->in;

	if (flow->is_closed)
		return;
	if (n > 0) {
		in->end += (size_t)n;
		flow_moved(flow, end, in->bytes + in->end - n, (size_t)n);
	} else if (in->bytes && buffer_len(in) == 0) {
		buffer_release(flow->proxy, in);
	}
	if (n == UV_EOF) {
		end->has_ended = true;
		stop_reading(sock);
	} else if (n < 0) {
		flow_broken(flow, end);
		return;
	}
	if (n == 0 || (!flow->is_open && !flow_has_pump(flow))) {
		if (in->bytes && buffer_room(in) == 0)
			stop_reading(sock);
		return;
	}
	end->other->ops->pull(end->other);
	if (flow->is_closed)
		return;
	if (in->bytes && buffer_room(in) == 0)
		stop_reading(sock);
	else if (in->bytes)
		buffer_shrink(flow->proxy, in);
	if (end->has_ended)
		flow_check_done(flow);
}

void sock_start_reading(struct sock *sock)
{
	if (sock->is_reading || sock->is_reading_lent || !sock->is_connected || sock->end.has_ended)
		return;
	if (sock->end.in.bytes && buffer_room(&sock->end.in) == 0)
		return;
	if (uv_read_start(&sock->stream, on_alloc, on_read) == 0)
		sock->is_reading = true;
}

void sock_lend_reading(struct sock *sock)
{
	stop_reading(sock);
	sock->is_reading_lent = true;
}

static void sock_taken(struct end *end, size_t n)
{
	struct sock *sock = sock_of(end);

	bulk_kick(end->flow->bulk);
	if (!end->flow->is_closed && (end->flow->is_open || flow_has_pump(end->flow)))
		sock_start_reading(sock);
}

/* ---- writing ---- */

ssize_t sock_write_now(struct sock *sock, const uint8_t *bytes, size_t len)
{
	uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned int)len);
	int r = uv_try_write(&sock->stream, &buf, 1);

	return r == UV_EAGAIN ? 0 : r;
}

/* Return: 1; 0 it has ended; -errno. */
static ssize_t peek(const struct sock *sock)
{
	uv_os_fd_t fd;
	char byte;
	ssize_t n;

	if (uv_fileno(&sock->handle, &fd) != 0)
		return -EBADF;
	n = recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);
	return n < 0 ? -errno : n;
}

bool sock_is_silent(const struct sock *sock)
{
	return peek(sock) == -EAGAIN;
}

bool sock_has_bytes(const struct sock *sock)
{
	return peek(sock) > 0;
}

static void sock_pull(struct end *end);

static void on_written(uv_write_t *write, int status)
{
	struct sock *sock = write->data;
	struct flow *flow = sock->end.flow;
	size_t n = buffer_len(&sock->out);

	buffer_release(flow->proxy, &sock->out);
	sock->is_writing = false;
	if (flow->is_closed || uv_is_closing(&sock->handle))
		return;
	if (status < 0) {
		flow_broken(flow, &sock->end);
		return;
	}
	flow->moved_ns = proxy_now_ns(flow->proxy);
	sock->end.other->ops->taken(sock->end.other, n);
	sock_pull(&sock->end);
}

/* The socket is full: libuv gets the bytes with their memory. */
static int write_later(struct sock *sock, struct buffer *from)
{
	uv_buf_t buf;

	sock->out = *from;
	*from = (struct buffer){0};
	sock->is_writing = true;
	sock->write.data = sock;
	buf = uv_buf_init((char *)sock->out.bytes + sock->out.start,
			  (unsigned int)buffer_len(&sock->out));
	return uv_write(&sock->write, &sock->stream, &buf, 1, on_written);
}

/* Nothing waits to be written, so libuv need not wait for that and take a turn of the loop. */
static void send_fin(struct sock *sock)
{
	uv_os_fd_t fd;

	if (uv_fileno(&sock->handle, &fd) == 0)
		shutdown(fd, SHUT_WR); /* or the socket is gone and reading says so */
}

static void sock_pull(struct end *end)
{
	struct sock *sock = sock_of(end);
	struct end *from = end->other;
	struct flow *flow = end->flow;

	if (!sock->is_connected || sock->is_writing || sock->is_writing_lent || end->is_finished)
		return;
	while (buffer_len(&from->in)) {
		ssize_t n = sock_write_now(sock, from->in.bytes + from->in.start,
					   buffer_len(&from->in));

		if (n > 0) {
			buffer_take(flow->proxy, &from->in, (size_t)n);
			from->ops->taken(from, (size_t)n);
		}
		if (n >= 0 && buffer_len(&from->in))
			n = write_later(sock, &from->in);
		if (n < 0) {
			flow_broken(flow, end);
			return;
		}
		if (sock->is_writing)
			return;
	}
	if (!from->has_ended)
		return;
	end->is_finished = true;
	send_fin(sock);
	flow_check_done(flow);
}

/* ---- life ---- */

static void sock_init(struct sock *sock, struct flow *flow, bool is_unix)
{
	struct proxy *proxy = flow->proxy;

	*sock = (struct sock){.end = {.ops = &sock_ops, .flow = flow, .other = sock->end.other},
			      .is_unix = is_unix};
	if (is_unix)
		uv_pipe_init(proxy->loop, &sock->pipe, 0);
	else
		uv_tcp_init(proxy->loop, &sock->tcp);
	sock->handle.data = sock;
	sock->is_open = true;
	flow->handles++;
}

static void on_closed(uv_handle_t *handle)
{
	struct sock *sock = handle->data;

	flow_put(sock->end.flow);
}

/*
 * RST instead of FIN: the kernel sends one for a socket closed with this option.  It is set from the
 * beginning, so that programs do not take our death for the end of what they were told.
 */
static void set_reset(uv_handle_t *handle, bool is_reset)
{
	const struct linger at_once = {.l_onoff = is_reset};
	uv_os_fd_t fd;

	if (handle->type == UV_TCP && uv_fileno(handle, &fd) == 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

void sock_prepare_listener(uv_tcp_t *listener)
{
	uv_tcp_nodelay(listener, 1);
	set_reset((uv_handle_t *)listener, true);
}

static void sock_close(struct end *end, bool is_reset)
{
	struct sock *sock = sock_of(end);

	if (!sock->is_open || uv_is_closing(&sock->handle))
		return;
	if (!is_reset)
		set_reset(&sock->handle, false);
	sock->is_connected = sock->is_reading = false;
	uv_close(&sock->handle, on_closed);
}

int sock_accept(struct sock *sock, struct flow *flow, uv_stream_t *listener, bool is_unix)
{
	int r;

	sock_init(sock, flow, is_unix);
	r = uv_accept(listener, &sock->stream);
	sock->is_connected = r == 0;
	return r;
}

int sock_open(struct sock *sock, struct flow *flow, int fd)
{
	int r;

	sock_init(sock, flow, true);
	r = uv_pipe_open(&sock->pipe, fd);
	sock->is_connected = r == 0;
	return r;
}

static void attempt_failed(struct flow *flow)
{
	if (flow->is_closed)
		return;
	if (flow->via == FLOW_PROVIDER)
		provider_connect_failed(flow);
	else
		entry_attempt_failed(flow, PROXY_END_UNREACHABLE);
}

/* Only now may the sock be used for another attempt. */
static void on_attempt_closed(uv_handle_t *handle)
{
	struct sock *sock = handle->data;
	struct flow *flow = sock->end.flow;

	sock->is_open = false;
	attempt_failed(flow);
	flow_put(flow);
}

static void on_dropped(uv_handle_t *handle)
{
	struct sock *sock = handle->data;
	struct flow *flow = sock->end.flow;

	sock->is_open = false;
	buffer_release(flow->proxy, &sock->end.in);
	if (!flow->is_closed)
		flow->pump->dropped(flow);
	flow_put(flow);
}

bool sock_drop(struct sock *sock)
{
	if (!sock->is_open || uv_is_closing(&sock->handle))
		return false;
	set_reset(&sock->handle, false);
	sock->is_connected = sock->is_reading = false;
	uv_close(&sock->handle, on_dropped);
	return true;
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct sock *sock = connect->data;
	struct flow *flow = sock->end.flow;

	if (flow->is_closed || uv_is_closing(&sock->handle))
		return;
	if (status < 0) {
		uv_close(&sock->handle, on_attempt_closed);
		return;
	}
	sock->is_connected = true;
	set_reset(&sock->handle, true);
	if (flow->via == FLOW_PROVIDER)
		provider_connected(flow);
	else if (flow->relay)
		relay_connected(flow);
	else
		entry_attempt_ok(flow);
}

int sock_connect(struct sock *sock, struct flow *flow, const struct sockaddr *to)
{
	int r = 0;

	sock_init(sock, flow, to->sa_family == AF_UNIX);
	sock->connect.data = sock;
	if (sock->is_unix) {
		uv_pipe_connect(&sock->connect, &sock->pipe,
				((const struct sockaddr_un *)to)->sun_path, on_connected);
	} else {
		r = uv_tcp_connect(&sock->connect, &sock->tcp, to, on_connected);
		uv_tcp_nodelay(&sock->tcp, 1);
	}
	if (r < 0)
		uv_close(&sock->handle, on_attempt_closed);
	return 0;
}

bool sock_give_up(struct sock *sock)
{
	if (!sock->is_open || sock->is_connected || uv_is_closing(&sock->handle))
		return false;
	uv_close(&sock->handle, on_attempt_closed);
	return true;
}

static const struct end_ops sock_ops = {
	.pull = sock_pull,
	.taken = sock_taken,
	.close = sock_close,
};
