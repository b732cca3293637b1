/* SPDX-License-Identifier: GPL-2.0 */
/* DOC: names/internal: shared by names.c, client.c and forward.c */
#ifndef NAMES_INTERNAL_H
#define NAMES_INTERNAL_H

#include <netinet/in.h>

#include "daemon/names/names.h"

#define NAMES_TCP_LENGTH_LEN 2 /* before each message over TCP, RFC 1035 section 4.2.2 */

struct names_client;
struct names_forward;

/**
 * struct names - the server
 * @loop: of the daemon
 * @settings: as given
 * @source: as given
 * @counters: since start
 * @udp: queries and replies
 * @tcp: listens
 * @clients: connections, a list
 * @n_clients: its length
 * @forwards: questions upstream, a list
 * @n_forwards: its length
 * @n_forwards_tcp: of them for clients of TCP
 * @tokens: queries that may come now, in thousandths
 * @tokens_at_ms: when they were counted
 * @open_handles: freed when the last is closed
 * @query: datagram being read
 * @reply: being written
 */
struct names {
	uv_loop_t *loop;
	struct names_settings settings;
	struct names_source source;
	struct names_counters counters;
	uv_udp_t udp;
	uv_tcp_t tcp;
	struct names_client *clients;
	unsigned int n_clients;
	struct names_forward *forwards;
	unsigned int n_forwards, n_forwards_tcp;
	uint64_t tokens, tokens_at_ms;
	unsigned int open_handles;
	uint8_t query[NAMES_QUERY_MAX + 1]; /* one more tells what is too long */
	struct names_reply reply;
};

/** names_hold() - One more handle is open. */
void names_hold(struct names *names);
/** names_release() - One handle is closed; the last frees @names. */
void names_release(struct names *names);
/** names_take_token() - May another query be answered now? Counts it if not. */
bool names_take_token(struct names *names);
/**
 * names_serve() - Answer into @names->reply.
 * @names: server
 * @query: untrusted bytes
 * @len: bytes available in @query
 * @is_tcp: came over TCP
 * Return: what became of it; counted.
 */
enum names_outcome names_serve(struct names *names, const uint8_t *query, size_t len, bool is_tcp);
/** names_send_udp() - @names->reply to @to; dropped when the socket is full. */
void names_send_udp(struct names *names, const struct sockaddr *to);

/** names_fill_sockaddr() - @ep as the system calls take it. */
void names_fill_sockaddr(const struct endpoint *ep, struct sockaddr_storage *ret);

/* client.c */
/** names_on_connection() - uv_connection_cb of the listener. */
void names_on_connection(uv_stream_t *server, int status);
/** names_clients_close() - All of them. */
void names_clients_close(struct names *names);
/** names_client_reply() - @names->reply to a client that waits for its forward. */
void names_client_reply(struct names_client *client);

/* forward.c */
/**
 * names_forward() - Ask upstream, over the protocol the client came by.
 * @names: server
 * @query: well-formed
 * @len: its length
 * @from: UDP client to answer; NULL for @client
 * @client: TCP client to answer with names_client_reply()
 *
 * Return: 0; or -errno with SERVFAIL in @names->reply, to be sent.
 */
int names_forward(struct names *names, const uint8_t *query, size_t len,
		  const struct sockaddr *from, struct names_client *client);
/** names_forward_forget() - @client is gone, nobody waits for its answer. */
void names_forward_forget(struct names *names, const struct names_client *client);
/** names_forwards_close() - All of them, unanswered. */
void names_forwards_close(struct names *names);

#endif
