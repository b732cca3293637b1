// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: ways of bulk: from socket to socket
 *
 * With TLS in the kernel: splice() into a pipe and out of it.  Without:
 * through buffers all flows share, and wolfSSL.  A source is read only when
 * all that was read before has been taken, so a slow reader stops its writer.
 */
#include "daemon/proxy/bulk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/proxy/ktls.h"

#define SPLICE_FLAGS (SPLICE_F_MOVE | SPLICE_F_NONBLOCK)

/* ---- records of our own ---- */

int bulk_flush(struct bulk *bulk)
{
	struct tls_output *out = tls_output(bulk->tls);

	while (out->len) {
		ssize_t n = send(bulk->fd, out->bytes, out->len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		tls_output_consume(out, (size_t)n);
	}
	return 0;
}

/* What is decrypted, after reading more if there is none. */
static ssize_t read_decrypted(struct bulk *bulk, uint8_t *buf, size_t size)
{
	ssize_t n;

	while ((n = tls_read(bulk->tls, buf, size)) == -EAGAIN) {
		ssize_t came = recv(bulk->fd, bulk->cipher, TRUNK_READ_SIZE, MSG_DONTWAIT);

		if (came <= 0)
			return came < 0 ? -errno : -ECONNRESET;
		tls_feed(bulk->tls, bulk->cipher, (size_t)came);
	}
	return n;
}

int bulk_write_small(struct bulk *bulk, const uint8_t *bytes, size_t len)
{
	int r;

	bulk->out.records++;
	bulk->plain += bulk->is_kernel ? len : 0;
	if (bulk->is_kernel)
		return send(bulk->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len
			       ? 0
			       : -EPIPE;
	r = tls_write(bulk->tls, bytes, len);
	if (r == 0)
		r = bulk_flush(bulk);
	return r == -EAGAIN ? 0 : r;
}

ssize_t bulk_read_small(struct bulk *bulk, uint8_t *buf, size_t size)
{
	return bulk->is_kernel ? ktls_read(bulk->fd, buf, size) : read_decrypted(bulk, buf, size);
}

/* ---- out ---- */

/* Return: bytes read; 0 the program has ended; -errno. */
static ssize_t fill_out(struct bulk *bulk)
{
	struct proxy *proxy = bulk->flow->proxy;
	ssize_t n;
	int r;

	if (bulk->is_kernel) {
		n = splice(bulk->near_fd, NULL, bulk->out.pipe[1], NULL, BULK_PIPE_SIZE,
			   SPLICE_FLAGS);
		return n < 0 ? -errno : n;
	}
	n = recv(bulk->near_fd, proxy->received, sizeof(proxy->received), MSG_DONTWAIT);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	r = tls_write(bulk->tls, proxy->received, (size_t)n);
	return r < 0 ? r : n;
}

/* Return: 0 nothing is held; -EAGAIN; -errno. */
static int drain_out(struct bulk *bulk)
{
	struct bulk_way *out = &bulk->out;

	if (!bulk->is_kernel) {
		int r = bulk_flush(bulk);

		if (r == 0)
			out->held = 0;
		return r;
	}
	while (out->held) {
		ssize_t n = splice(out->pipe[0], NULL, bulk->fd, NULL, out->held, SPLICE_FLAGS);

		if (n < 0)
			return -errno;
		out->held -= (size_t)n;
		bulk->plain += (size_t)n;
		out->records += (size_t)n / BULK_RECORD_SIZE + BULK_PIPE_RECORDS;
	}
	return 0;
}

static void note_out(struct bulk *bulk, size_t n)
{
	struct bulk_way *out = &bulk->out;

	out->held = n;
	if (!bulk->is_kernel)
		out->records += n / BULK_RECORD_SIZE + 1;
	if (out->records >= BULK_RECORDS_MAX)
		out->is_returning = true;
	flow_moved(bulk->flow, &bulk->flow->near.end, NULL, n);
}

static int say_end(struct bulk *bulk)
{
	int r;

	if (bulk->is_kernel) {
		r = ktls_close_notify(bulk->fd);
		bulk->plain += r == 0 ? KTLS_CLOSE_NOTIFY_LEN : 0;
		return r;
	}
	tls_close_notify(bulk->tls);
	return bulk_flush(bulk);
}

bool bulk_is_delivered(const struct bulk *bulk)
{
	int waiting;

	if (bulk->is_kernel)
		return ktls_is_delivered(bulk->fd, &bulk->count, bulk->plain);
	return ioctl(bulk->fd, SIOCOUTQ, &waiting) == 0 && waiting == 0;
}

int bulk_pump_out(struct bulk *bulk, struct end **culprit)
{
	struct bulk_way *out = &bulk->out;
	struct flow *flow = bulk->flow;
	size_t moved = 0;
	ssize_t n;
	int r;

	while (true) {
		*culprit = &flow->tunnel.end;
		r = drain_out(bulk);
		if (r < 0)
			return r == -EAGAIN ? 0 : r;
		if (out->state == BULK_WAY_RAW && (out->is_returning || out->has_ended))
			out->state = BULK_WAY_ENDING;
		if (out->state == BULK_WAY_ENDING) {
			r = say_end(bulk);
			return r == -EAGAIN ? 0 : r < 0 ? r : 1;
		}
		if (moved >= BULK_TURN_BYTES)
			return 0;
		*culprit = &flow->near.end;
		n = fill_out(bulk);
		if (n < 0)
			return n == -EAGAIN ? 0 : (int)n;
		if (n > 0)
			note_out(bulk, (size_t)n);
		else
			out->has_ended = true;
		moved += (size_t)n;
	}
}

/* ---- in ---- */

/* A record that is no data makes splice() fail: see what it says. */
static ssize_t read_what_is_no_data(struct bulk *bulk)
{
	uint8_t bytes[BULK_PLACE_LEN];
	ssize_t n = ktls_read(bulk->fd, bytes, sizeof(bytes));

	return n > 0 ? -EPROTO : n;
}

/* Return: bytes that came; 0 close_notify; -errno. */
static ssize_t fill_in_kernel(struct bulk *bulk)
{
	ssize_t n = splice(bulk->fd, NULL, bulk->in.pipe[1], NULL, BULK_PIPE_SIZE, SPLICE_FLAGS);

	if (n == 0)
		return -ECONNRESET; /* an end of TCP without close_notify */
	if (n < 0 && errno == EINVAL)
		return read_what_is_no_data(bulk);
	if (n < 0)
		return -errno;
	bulk->in.held = (size_t)n;
	return n;
}

/* Straight on; what the program's socket does not take, or why it cannot, is left to drain_in(). */
static void pass_on(struct bulk *bulk, const uint8_t *bytes, size_t len)
{
	ssize_t n = send(bulk->near_fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		n = 0;
	bulk->in.held = len - (size_t)n;
	if (bulk->in.held)
		buffer_append(&bulk->in.rest, bytes + n, bulk->in.held);
}

/* Return: as fill_in_kernel(). */
static ssize_t fill_in_here(struct bulk *bulk)
{
	struct proxy *proxy = bulk->flow->proxy;
	size_t have = 0;
	ssize_t n;

	do {
		n = read_decrypted(bulk, proxy->received + have, sizeof(proxy->received) - have);
		if (n > 0)
			have += (size_t)n;
	} while (n > 0 && have < sizeof(proxy->received));
	if (have == 0 || (n < 0 && n != -EAGAIN))
		return n;
	bulk->in.has_ended = n == 0;
	pass_on(bulk, proxy->received, have);
	return (ssize_t)have;
}

static ssize_t drain_some(struct bulk *bulk)
{
	struct bulk_way *in = &bulk->in;
	ssize_t n;

	if (bulk->is_kernel)
		return splice(in->pipe[0], NULL, bulk->near_fd, NULL, in->held, SPLICE_FLAGS);
	n = send(bulk->near_fd, in->rest.bytes + in->rest.start, buffer_len(&in->rest),
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		in->rest.start += (size_t)n;
	return n;
}

/* Return: 0 nothing is held; -EAGAIN; -errno. */
static int drain_in(struct bulk *bulk)
{
	struct bulk_way *in = &bulk->in;

	while (in->held) {
		ssize_t n = drain_some(bulk);

		if (n < 0)
			return -errno;
		in->held -= (size_t)n;
	}
	in->rest.start = in->rest.end = 0;
	return 0;
}

int bulk_pump_in(struct bulk *bulk, struct end **culprit)
{
	struct bulk_way *in = &bulk->in;
	struct flow *flow = bulk->flow;
	size_t moved = 0;
	ssize_t n;
	int r;

	while (true) {
		*culprit = &flow->near.end;
		r = drain_in(bulk);
		if (r < 0)
			return r == -EAGAIN ? 0 : r;
		if (in->has_ended)
			return 1;
		if (moved >= BULK_TURN_BYTES)
			return 0;
		*culprit = &flow->tunnel.end;
		n = bulk->is_kernel ? fill_in_kernel(bulk) : fill_in_here(bulk);
		if (n < 0)
			return n == -EAGAIN ? 0 : (int)n;
		if (n == 0) {
			in->has_ended = true;
			continue;
		}
		moved += (size_t)n;
		flow_moved(flow, &flow->tunnel.end, NULL, (size_t)n);
	}
}
