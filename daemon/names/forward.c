// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: forward: questions for the upstream server
 *
 * Over the protocol the client came by, each question from a socket of its
 * own: the kernel chooses its port, the system's random source its id, and a
 * connected socket hears nobody else (RFC 5452).  A reply must repeat id and
 * question byte by byte.  Anything else is counted and waited past; after
 * NAMES_FORWARD_MS the client is told SERVFAIL.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/lib/memory.h"
#include "daemon/names/internal.h"

/**
 * struct names_forward - a question under way
 * @names: server
 * @next: in its list
 * @udp: to the upstream, for a UDP client
 * @tcp: the same for a TCP client
 * @timer: ends it
 * @connect: of @tcp
 * @write: of @query over @tcp
 * @from: UDP client
 * @client: TCP client; NULL: UDP, or it is gone
 * @is_tcp: which socket is used
 * @is_closing: out of the list
 * @open_handles: freed with the last
 * @client_id: of the query as it came
 * @query_len: bytes of the message in @query
 * @query: with our id, the length for TCP before it
 * @reply_len: bytes in @reply
 * @reply_size: bytes allocated
 * @reply: owned; over TCP the length comes first
 */
struct names_forward {
	struct names *names;
	struct names_forward *next;
	union {
		uv_udp_t udp;
		uv_tcp_t tcp;
	};
	uv_timer_t timer;
	uv_connect_t connect;
	uv_write_t write;
	struct sockaddr_storage from;
	struct names_client *client;
	bool is_tcp, is_closing;
	unsigned int open_handles;
	uint8_t client_id[2];
	size_t query_len;
	uint8_t query[NAMES_TCP_LENGTH_LEN + NAMES_QUERY_MAX];
	size_t reply_len, reply_size;
	uint8_t *reply;
};

static const uint8_t *query_of(const struct names_forward *forward)
{
	return forward->query + NAMES_TCP_LENGTH_LEN;
}

static void on_close(uv_handle_t *handle)
{
	struct names_forward *forward = handle->data;
	struct names *names = forward->names;

	if (--forward->open_handles)
		return;
	free(forward->reply);
	free(forward);
	names_release(names);
}

static void close_forward(struct names_forward *forward)
{
	struct names *names = forward->names;
	struct names_forward **at = &names->forwards;

	if (forward->is_closing)
		return;
	forward->is_closing = true;
	while (*at != forward)
		at = &(*at)->next;
	*at = forward->next;
	names->n_forwards--;
	names->n_forwards_tcp -= forward->is_tcp;
	uv_close(forward->is_tcp ? (uv_handle_t *)&forward->tcp : (uv_handle_t *)&forward->udp,
		 on_close);
	uv_close((uv_handle_t *)&forward->timer, on_close);
}

/* @names->reply goes to the client, with its own id. */
static void deliver(struct names_forward *forward)
{
	struct names_client *client = forward->client;
	struct names *names = forward->names;
	bool is_tcp = forward->is_tcp;

	memcpy(names->reply.bytes, forward->client_id, sizeof(forward->client_id));
	close_forward(forward);
	if (!is_tcp)
		names_send_udp(names, (struct sockaddr *)&forward->from);
	else if (client)
		names_client_reply(client);
}

static void give_up(struct names_forward *forward)
{
	if (forward->is_closing)
		return;
	forward->names->counters.forwards_failed++;
	names_fail(query_of(forward), forward->query_len, false, &forward->names->reply);
	deliver(forward);
}

static void on_timeout(uv_timer_t *timer)
{
	give_up(timer->data);
}

/* Return: was it the answer. */
static bool take_reply(struct names_forward *forward, const uint8_t *bytes, size_t len)
{
	struct names *names = forward->names;
	size_t limit = NAMES_REPLY_MAX;

	if (!names_is_reply(query_of(forward), forward->query_len, bytes, len)) {
		names->counters.forwards_strange++;
		return false;
	}
	if (!forward->is_tcp)
		limit = names_udp_limit(query_of(forward), forward->query_len);
	if (len > limit) {
		names_fail(query_of(forward), forward->query_len, true, &names->reply);
		names->counters.truncated++;
	} else {
		memcpy(names->reply.bytes, bytes, len);
		names->reply.len = len;
	}
	deliver(forward);
	return true;
}

/* --- UDP --- */

static void lend_datagram(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct names_forward *forward = handle->data;

	*buf = uv_buf_init((char *)forward->reply, (unsigned int)forward->reply_size);
}

static void on_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
			unsigned int flags)
{
	struct names_forward *forward = udp->data;

	if (n < 0)
		give_up(forward); /* nobody listens there */
	else if (from && flags & UV_UDP_PARTIAL)
		forward->names->counters.forwards_strange++;
	else if (from && !forward->is_closing)
		take_reply(forward, forward->reply, (size_t)n);
}

static int ask_udp(struct names_forward *forward, const struct sockaddr *upstream)
{
	uv_buf_t buf = uv_buf_init((char *)query_of(forward), (unsigned int)forward->query_len);
	int error = uv_udp_connect(&forward->udp, upstream);

	forward->reply_size = NAMES_FORWARD_UDP_MAX;
	forward->reply = xmalloc(forward->reply_size);
	if (!error)
		error = uv_udp_recv_start(&forward->udp, lend_datagram, on_datagram);
	if (!error)
		error = uv_udp_try_send(&forward->udp, &buf, 1, NULL);
	return error < 0 ? error : 0;
}

/* --- TCP --- */

static void lend_stream(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct names_forward *forward = handle->data;

	*buf = uv_buf_init((char *)forward->reply + forward->reply_len,
			   (unsigned int)(forward->reply_size - forward->reply_len));
}

static void on_stream(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct names_forward *forward = stream->data;
	size_t len;

	if (n < 0) {
		give_up(forward);
		return;
	}
	forward->reply_len += (size_t)n;
	if (forward->is_closing || forward->reply_len < NAMES_TCP_LENGTH_LEN)
		return;
	len = (size_t)(forward->reply[0] << 8 | forward->reply[1]);
	if (forward->reply_len >= NAMES_TCP_LENGTH_LEN + len &&
	    !take_reply(forward, forward->reply + NAMES_TCP_LENGTH_LEN, len))
		give_up(forward);
}

static void on_written(uv_write_t *write, int status)
{
	if (status < 0)
		give_up(write->data);
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct names_forward *forward = connect->data;
	uv_stream_t *stream = (uv_stream_t *)&forward->tcp;
	uv_buf_t buf = uv_buf_init((char *)forward->query,
				   (unsigned int)(NAMES_TCP_LENGTH_LEN + forward->query_len));

	forward->write.data = forward;
	if (forward->is_closing)
		return;
	if (status < 0 || uv_write(&forward->write, stream, &buf, 1, on_written) < 0 ||
	    uv_read_start(stream, lend_stream, on_stream) < 0)
		give_up(forward);
}

static int ask_tcp(struct names_forward *forward, const struct sockaddr *upstream)
{
	forward->reply_size = NAMES_TCP_LENGTH_LEN + NAMES_REPLY_MAX;
	forward->reply = xmalloc(forward->reply_size);
	forward->connect.data = forward;
	return uv_tcp_connect(&forward->connect, &forward->tcp, upstream, on_connected);
}

/* --- life --- */

static struct names_forward *new_forward(struct names *names, bool is_tcp)
{
	struct names_forward *forward = xnew(struct names_forward);

	forward->names = names;
	forward->is_tcp = is_tcp;
	if (is_tcp)
		uv_tcp_init(names->loop, &forward->tcp);
	else
		uv_udp_init(names->loop, &forward->udp);
	uv_timer_init(names->loop, &forward->timer);
	forward->tcp.data = forward->timer.data = forward;
	forward->open_handles = 2;
	names_hold(names);
	forward->next = names->forwards;
	names->forwards = forward;
	names->n_forwards++;
	names->n_forwards_tcp += is_tcp;
	return forward;
}

static void keep_query(struct names_forward *forward, const uint8_t *query, size_t len)
{
	uint8_t *message = forward->query + NAMES_TCP_LENGTH_LEN;

	forward->query[0] = (uint8_t)(len >> 8);
	forward->query[1] = (uint8_t)len;
	memcpy(message, query, len);
	memcpy(forward->client_id, query, sizeof(forward->client_id));
	forward->query_len = len;
}

int names_forward(struct names *names, const uint8_t *query, size_t len,
		  const struct sockaddr *from, struct names_client *client)
{
	struct names_forward *forward;
	struct sockaddr_storage upstream;
	int error;

	if (names->n_forwards >= NAMES_FORWARDS_MAX ||
	    (client && names->n_forwards_tcp >= NAMES_FORWARDS_TCP_MAX)) {
		names->counters.forwards_refused++;
		names_fail(query, len, false, &names->reply);
		return -EBUSY;
	}
	forward = new_forward(names, client != NULL);
	forward->client = client;
	keep_query(forward, query, len);
	if (from)
		memcpy(&forward->from, from,
		       from->sa_family == AF_INET ? sizeof(struct sockaddr_in)
						  : sizeof(struct sockaddr_in6));
	names_fill_sockaddr(&names->settings.upstream, &upstream);
	/* An id that can be guessed is worse than no answer. */
	error = getrandom(forward->query + NAMES_TCP_LENGTH_LEN, 2, GRND_NONBLOCK) == 2 ? 0
											: -EAGAIN;
	if (!error)
		error = client ? ask_tcp(forward, (struct sockaddr *)&upstream)
			       : ask_udp(forward, (struct sockaddr *)&upstream);
	if (error) {
		names->counters.forwards_failed++;
		names_fail(query, len, false, &names->reply);
		close_forward(forward);
		return error;
	}
	uv_timer_start(&forward->timer, on_timeout, NAMES_FORWARD_MS, 0);
	return 0;
}

void names_forward_forget(struct names *names, const struct names_client *client)
{
	for (struct names_forward *forward = names->forwards; forward; forward = forward->next)
		if (forward->client == client) {
			close_forward(forward);
			return; /* one query at a time */
		}
}

void names_forwards_close(struct names *names)
{
	while (names->forwards)
		close_forward(names->forwards);
}
