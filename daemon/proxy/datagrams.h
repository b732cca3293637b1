/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: datagrams: a pump for flows of UDP
 *
 *	client address -- entry -- [capsules in a stream] -- connected socket -- service
 *
 * A flow is what one address of a client and a service say to each other.  A
 * datagram comes in at an end, waits there as a capsule (capsule.h) and is
 * taken by the other end: a stream of a trunk, or a socket, which sends it or
 * loses it.  What waits is bounded; the oldest make room, as late datagrams are
 * worth least.  Bytes already given to a stream stay, or it could not be read.
 *
 *	datagrams.c	the pump, and sockets towards services
 *	udp.c		entries that listen on UDP: which flow a datagram belongs to
 *	clients.c	the flows of an entry by address and last use
 */
#ifndef PROXY_DATAGRAMS_H
#define PROXY_DATAGRAMS_H

#include "daemon/proxy/capsule.h"
#include "daemon/proxy/clients.h"
#include "daemon/proxy/internal.h"

#define DATAGRAM_FLOWS_MAX 3072 /* of PROXY_FLOWS_MAX: connections find room beside them */
#define DATAGRAM_QUEUE_BYTES (160 << 10) /* that wait at an end: room for two of the largest */
#define DATAGRAM_HELD_MAX (8 << 20) /* that wait in all flows */
#define DATAGRAM_FAIR_BYTES 4096 /* that a flow may hold when others have filled that */
#define DATAGRAM_PROVIDER_IDLE_S PROXY_UDP_IDLE_MAX_S /* the caller decides, but not for longer */
#define DATAGRAM_MOVE_NS NSEC_PER_SEC /* without answer, then a flow follows the lease */
#define DATAGRAM_REPORT_NS (100 * NSEC_PER_MSEC) /* between results of a flow to the broker */
#define DATAGRAM_SIZE 65536 /* libuv's room for each */
#define DATAGRAM_READS 16 /* with one system call */

_Static_assert(CAPSULE_MAX <= TUNNEL_WINDOW, "a capsule in part never stops its own stream");

struct udp_socket;

/**
 * struct datagram_end - a client or a socket
 * @end: first; its @in is what the other end has been promised
 * @waiting: whole capsules behind that
 * @skip: of capsule_read() of the other end's
 */
struct datagram_end {
	struct end end;
	struct buffer waiting;
	uint64_t skip;
};

/**
 * struct datagrams - the pump of a flow
 * @flow: whose
 * @client: at an entry
 * @service: when the service is reached from this hub
 * @from: at an entry: whose datagrams these are, in the entry's table
 * @own: at a provider: the address the service sees
 * @socket: of @service; NULL none
 * @timer: looks for silence
 * @is_provider: there is no @client
 * @is_overdue: what was asked at @asked_ns has been given up
 * @asked_ns: the first datagram to the service that nothing has answered, 0 none; another
 *	one after it has been given up
 * @silent_ns: the first since the service said anything, 0 none
 * @reported_ns: last result told to the broker
 */
struct datagrams {
	struct flow *flow;
	struct datagram_end client, service;
	struct client from;
	struct endpoint own;
	struct udp_socket *socket;
	uv_timer_t timer;
	bool is_provider, is_overdue;
	uint64_t asked_ns, silent_ns, reported_ns;
};

/**
 * datagrams_new() - Put the pump into a flow that has no ends yet.
 * @flow: its limits are set
 * @from: at an entry: the client, already not in the table; NULL at a provider
 */
void datagrams_new(struct flow *flow, const struct endpoint *from);
/** datagrams_take() - The client said this. */
void datagrams_take(struct datagrams *datagrams, const uint8_t *bytes, size_t len);
/** datagrams_should_move() - The lease leads elsewhere, and nobody answers where it led. */
bool datagrams_should_move(const struct datagrams *datagrams);
/** datagrams_lend() - uv_alloc_cb for any socket: room to read into. @handle->loop's one proxy. */
void datagrams_lend(struct proxy *proxy, uv_buf_t *buf);

/** datagrams_from() - Whose they are; at the provider, as the service sees it. */
const struct endpoint *datagrams_from(const struct datagrams *datagrams);

/* udp.c */
/** udp_listen() - Take the entry's address. Return: 0; -errno of libuv, and it must be closed. */
int udp_listen(struct entry *entry);
/** udp_end_flows() - The entry goes, and its clients' flows with it. */
void udp_end_flows(struct entry *entry);

#endif
