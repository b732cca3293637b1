// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: client: one TCP connection
 *
 * One query at a time: reading stops until its reply is written, so a client
 * holds one query and one reply of memory at most.  It may send the next ones
 * meanwhile, the kernel keeps them.  NAMES_IDLE_MS without a whole query, or
 * with a reply nobody reads, end the connection.
 *
 * When there are NAMES_CLIENTS_MAX, one that has asked nothing, or has all that it
 * asked for, makes room for the next: the one that has been so for the longest,
 * so that who connects in order to ask has the longest time to do so.  TCP does
 * not tell us whose program is at the other end, and all are on this machine: a
 * program that holds connections open displaces its own.  Those that wait for
 * the upstream are NAMES_FORWARDS_TCP_MAX at most.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/lib/memory.h"
#include "daemon/names/internal.h"

#define WHOLE_MAX (NAMES_TCP_LENGTH_LEN + NAMES_QUERY_MAX)

/**
 * struct names_client - connection
 * @names: server
 * @next: in its list
 * @tcp: stream
 * @idle: ends it
 * @write: of @reply
 * @reply: length and message, owned; NULL: none is being written
 * @bytes: read and not yet answered
 * @len: how many
 * @waits_since_ms: for a query, or the rest of one, or for its reply to be gone
 * @is_waiting: nothing is to be done for it
 * @is_closing: out of the list
 * @open_handles: freed with the last
 */
struct names_client {
	struct names *names;
	struct names_client *next;
	uv_tcp_t tcp;
	uv_timer_t idle;
	uv_write_t write;
	uint8_t *reply;
	uint8_t bytes[WHOLE_MAX];
	size_t len;
	uint64_t waits_since_ms;
	bool is_waiting, is_closing;
	unsigned int open_handles;
};

static void serve_next(struct names_client *client);

static void on_close(uv_handle_t *handle)
{
	struct names_client *client = handle->data;
	struct names *names = client->names;

	if (--client->open_handles)
		return;
	free(client->reply);
	free(client);
	names_release(names);
}

static void close_client(struct names_client *client)
{
	struct names *names = client->names;
	struct names_client **at = &names->clients;

	if (client->is_closing)
		return;
	client->is_closing = true;
	names_forward_forget(names, client);
	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	names->n_clients--;
	uv_close((uv_handle_t *)&client->tcp, on_close);
	uv_close((uv_handle_t *)&client->idle, on_close);
}

static void on_idle(uv_timer_t *timer)
{
	struct names_client *client = timer->data;

	client->names->counters.clients_idle++;
	close_client(client);
}

static void restart_idle(struct names_client *client)
{
	client->waits_since_ms = uv_now(client->names->loop);
	uv_timer_start(&client->idle, on_idle, NAMES_IDLE_MS, 0);
}

/* --- replies --- */

static void on_written(uv_write_t *write, int status)
{
	struct names_client *client = write->data;

	free(client->reply);
	client->reply = NULL;
	if (status < 0)
		close_client(client);
	if (client->is_closing)
		return;
	restart_idle(client);
	serve_next(client);
}

void names_client_reply(struct names_client *client)
{
	const struct names_reply *reply = &client->names->reply;
	size_t len = NAMES_TCP_LENGTH_LEN + reply->len;
	uv_buf_t buf;

	client->reply = xmalloc(len);
	client->reply[0] = (uint8_t)(reply->len >> 8);
	client->reply[1] = (uint8_t)reply->len;
	memcpy(client->reply + NAMES_TCP_LENGTH_LEN, reply->bytes, reply->len);
	buf = uv_buf_init((char *)client->reply, (unsigned int)len);
	client->write.data = client;
	client->waits_since_ms = uv_now(client->names->loop);
	if (uv_write(&client->write, (uv_stream_t *)&client->tcp, &buf, 1, on_written) < 0)
		close_client(client);
}

/* --- queries --- */

static void lend_rest(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct names_client *client = handle->data;

	*buf = uv_buf_init((char *)client->bytes + client->len,
			   (unsigned int)(sizeof(client->bytes) - client->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct names_client *client = stream->data;

	if (n < 0) {
		close_client(client);
		return;
	}
	client->len += (size_t)n;
	serve_next(client);
}

/* Return: length of the query at the front, or 0 when it is not whole yet. */
static size_t whole_query(const struct names_client *client)
{
	size_t len = client->len < NAMES_TCP_LENGTH_LEN
			     ? 0
			     : (size_t)(client->bytes[0] << 8 | client->bytes[1]);

	return client->len < NAMES_TCP_LENGTH_LEN + len ? 0 : len;
}

static bool is_hopeless(const struct names_client *client)
{
	size_t len;

	if (client->len < NAMES_TCP_LENGTH_LEN)
		return false;
	len = (size_t)(client->bytes[0] << 8 | client->bytes[1]);
	return len < NAMES_HEADER_LEN || len > NAMES_QUERY_MAX;
}

/* Answer the query at the front, or wait for more of it. */
static void serve_next(struct names_client *client)
{
	uint8_t query[NAMES_QUERY_MAX];
	size_t len = whole_query(client);
	enum names_outcome outcome;

	if (is_hopeless(client)) {
		client->names->counters.by_outcome[NAMES_MALFORMED]++;
		close_client(client);
		return;
	}
	client->is_waiting = !len;
	if (!len) {
		uv_read_start((uv_stream_t *)&client->tcp, lend_rest, on_read);
		return;
	}
	uv_read_stop((uv_stream_t *)&client->tcp);
	memcpy(query, client->bytes + NAMES_TCP_LENGTH_LEN, len);
	client->len -= NAMES_TCP_LENGTH_LEN + len;
	memmove(client->bytes, client->bytes + NAMES_TCP_LENGTH_LEN + len, client->len);
	outcome = names_take_token(client->names) ? names_serve(client->names, query, len, true)
						  : NAMES_DROPPED;
	if (outcome == NAMES_DROPPED)
		close_client(client);
	else if (outcome != NAMES_FORWARD ||
		 names_forward(client->names, query, len, NULL, client) < 0)
		names_client_reply(client);
}

/* --- room --- */

/* The kernel has its reply, libuv is still to tell us so, and it has not asked again. */
static bool is_replied(const struct names_client *client)
{
	return client->reply && !client->len &&
	       uv_stream_get_write_queue_size((const uv_stream_t *)&client->tcp) == 0;
}

/* The newest is first in the list. */
static struct names_client *find_longest_waiting(struct names *names)
{
	struct names_client *found = NULL;

	for (struct names_client *client = names->clients; client; client = client->next)
		if ((client->is_waiting || is_replied(client)) &&
		    (!found || client->waits_since_ms <= found->waits_since_ms))
			found = client;
	return found;
}

/* What it has said, but the loop has not come to: it may be the query. */
static void read_now(struct names_client *client)
{
	uv_os_fd_t fd;
	ssize_t n = -1;

	if (uv_fileno((const uv_handle_t *)&client->tcp, &fd) == 0)
		n = recv(fd, client->bytes + client->len, sizeof(client->bytes) - client->len,
			 MSG_DONTWAIT);
	if (n <= 0)
		return; /* nothing, or its end: libuv will tell of that */
	client->len += (size_t)n;
	if (client->is_waiting)
		serve_next(client);
}

/* Return: there is room; else all have something to be done. */
static bool make_room(struct names *names)
{
	while (names->n_clients == NAMES_CLIENTS_MAX) {
		struct names_client *client = find_longest_waiting(names);

		if (!client)
			return false;
		read_now(client);
		if ((!client->is_waiting && !is_replied(client)) || client->is_closing)
			continue;
		names->counters.clients_displaced++;
		close_client(client);
	}
	return true;
}

/* --- connections --- */

void names_on_connection(uv_stream_t *server, int status)
{
	struct names *names = server->data;
	struct names_client *client;
	bool has_room;

	if (status < 0)
		return;
	client = xnew(struct names_client);
	client->names = names;
	client->open_handles = 2;
	uv_tcp_init(names->loop, &client->tcp);
	uv_timer_init(names->loop, &client->idle);
	client->tcp.data = client->idle.data = client;
	names_hold(names);
	has_room = make_room(names);
	client->next = names->clients;
	names->clients = client;
	names->n_clients++;
	if (uv_accept(server, (uv_stream_t *)&client->tcp) < 0) {
		close_client(client);
	} else if (!has_room) {
		names->counters.clients_refused++;
		close_client(client);
	} else {
		restart_idle(client);
		serve_next(client);
	}
}

void names_clients_close(struct names *names)
{
	while (names->clients)
		close_client(names->clients);
}
