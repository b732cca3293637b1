/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: session: the private side of transport
 *
 * What transport.c (listener, table, public calls) and session.c (life of
 * one connection) share.  Nobody else includes this, except the tests, which
 * shorten the limits.
 *
 *	dial    CONNECTING -> HANDSHAKE -> PREFACE -> UP -> DRAINING -> DEAD
 *	accept		      HANDSHAKE -> PREFACE -> UP -> DRAINING -> DEAD
 *
 * HANDSHAKE ends when the peer is verified, PREFACE when the event stream is
 * open: then, and not before, session_up is reported.  DRAINING follows
 * transport_close(): the queue, GOAWAY and close_notify leave, bounded by a
 * timer.  Any state may fall to DEAD, where libuv still owns the handles;
 * session_down is reported and the memory freed when it has let go of them,
 * so never from within a call of the owner.  Until then the id finds it: the
 * owner may close what has failed, and is told nothing.
 */
#ifndef TRANSPORT_SESSION_H
#define TRANSPORT_SESSION_H

#include "daemon/transport/h2.h"
#include "daemon/transport/tls.h"
#include "daemon/transport/transport.h"

#define TRANSPORT_BUCKETS 256 /* of the session table, a power of two */
#define TRANSPORT_BACKLOG 128 /* listen(2) */
#define TRANSPORT_READ_SIZE 65536 /* one buffer for all sessions: reads are consumed at once */
#define TRANSPORT_PLAIN_SIZE 16384 /* one TLS record */
#define TRANSPORT_FLUSH_BYTES 65536 /* encrypted ahead of the socket, per session */
#define TRANSPORT_UNSENT_BYTES 131072 /* TCP_NOTSENT_LOWAT: keeps PINGs ahead of bulk */
#define TRANSPORT_EVICT_MS 1000 /* age at which an unfinished handshake may be displaced */
#define TRANSPORT_LINGER_MS 1000 /* DRAINING at most */
#define TRANSPORT_STALL_MS 15000 /* a queue that does not move: slow reader */

/**
 * struct transport_limits - the numbers tests want smaller; TRANSPORT_* otherwise
 * @connect_ms: from dialling to a TCP connection
 * @handshake_ms: from a TCP connection to an open event stream
 * @ping_ms: PING interval, and the tick that counts misses and stalls
 * @ping_misses: ticks in a row without a sign of life until the session is closed
 * @linger_ms: DRAINING at most
 * @stall_ms: time in which a queue must hand over a message, or the session is closed
 * @sessions_max: dialled and accepted, in all
 * @handshakes_max: accepted and not yet UP, in all
 * @handshakes_per_peer_max: accepted and not yet UP, per remote address
 * @write_queue_max: bytes of messages waiting, per session
 */
struct transport_limits {
	uint32_t connect_ms, handshake_ms, ping_ms, ping_misses, linger_ms, stall_ms;
	uint32_t sessions_max, handshakes_max, handshakes_per_peer_max;
	size_t write_queue_max;
};

enum session_state {
	SESSION_CONNECTING,
	SESSION_HANDSHAKE,
	SESSION_PREFACE,
	SESSION_UP,
	SESSION_DRAINING,
	SESSION_DEAD,
};

/**
 * struct session - one connection
 * @transport: the shell it belongs to
 * @next_in_bucket: session table
 * @prev: list of all sessions
 * @next: list of all sessions
 * @next_dirty: list of sessions with output to flush before the loop sleeps
 * @id: names it to the owner: even, the owner's choice, if dialled; odd, ours, if accepted
 * @state: see the picture above
 * @is_client: we dialled
 * @over_mesh: runs over mesh0: the owner said so, or is_mesh_address() of @local
 * @is_dirty: is on that list
 * @is_reported: the owner knows the id: session_down is owed
 * @is_silent: closed by the owner: nothing is owed
 * @said_goodbye: GOAWAY and close_notify are on their way
 * @drain_reason: static text, for GOAWAY
 * @is_shut: FIN is on its way, nothing more to write
 * @handles: of libuv, still open
 * @since_ms: loop time it began
 * @error: why it is DEAD
 * @expected: peer asked for by dial; all zero = any
 * @local: our address; all zero until TCP is connected
 * @remote: the peer's; all zero until TCP is connected
 * @tcp: the socket
 * @timer: deadline of @state; ticks every ping_ms when UP
 * @connect: of a dial, busy while CONNECTING
 * @write: busy while @writing holds bytes
 * @shutdown: busy from @is_shut until FIN is out
 * @tls: NULL until there is something to say, or bytes came
 * @h2: NULL until the peer is verified
 * @writing: buffer libuv is writing; the rest waits in @tls
 * @ping_token: of the newest PING
 * @ping_sent_ns: 0 = none outstanding
 * @ping_misses: ticks without answer and without any byte from the peer
 * @bytes_in: from the network, whole life
 * @bytes_in_at_tick: the same at the last tick
 * @sent_at_tick: messages sent at the last tick
 * @stalled_ms: how long the queue has not moved
 */
struct session {
	struct transport *transport;
	struct session *next_in_bucket, *prev, *next, *next_dirty;
	uint64_t id;
	enum session_state state;
	bool is_client, over_mesh, is_dirty, is_reported, is_silent, said_goodbye, is_shut;
	const char *drain_reason;
	uint64_t since_ms;
	unsigned int handles;
	int error;
	struct hub_id expected;
	struct endpoint local, remote;
	uv_tcp_t tcp;
	uv_timer_t timer;
	uv_connect_t connect;
	uv_write_t write;
	uv_shutdown_t shutdown;
	struct tls *tls;
	struct h2 *h2;
	struct tls_output writing;
	uint64_t ping_token, ping_sent_ns;
	uint32_t ping_misses;
	uint64_t bytes_in, bytes_in_at_tick, sent_at_tick;
	uint32_t stalled_ms;
};

/**
 * struct transport - the shell
 * @loop: the owner's
 * @events: whom to tell, copied
 * @is_mesh_address: of struct transport_settings, NULL = nothing is accepted over the mesh
 * @limits: those in force
 * @counters: since transport_new()
 * @tls: our identity and trust, for all sessions; owned
 * @listener: socket of the control port
 * @flusher: runs before the loop sleeps, for @dirty
 * @is_freed: transport_free() was called; memory goes with the last handle
 * @handles: of libuv, still open (those of sessions count one per session)
 * @port: of the listener, host order
 * @next_inbound_id: for the next connection accepted, always odd
 * @n_sessions: all but DEAD ones
 * @n_unfinished: sessions accepted, not yet UP
 * @buckets: the session table, by id; DEAD ones too
 * @sessions: list of all but DEAD ones
 * @dirty: list of those with output to flush
 * @read_buffer: encrypted bytes of the read being handled
 * @plain_in: decrypted, on the way to HTTP/2
 * @plain_out: from HTTP/2, about to be encrypted
 */
struct transport {
	uv_loop_t *loop;
	struct transport_events events;
	bool (*is_mesh_address)(void *arg, const struct in6_addr *addr);
	struct transport_limits limits;
	struct transport_counters counters;
	struct tls_context *tls;
	uv_tcp_t listener;
	uv_prepare_t flusher;
	bool is_freed;
	unsigned int handles;
	uint16_t port;
	uint64_t next_inbound_id;
	unsigned int n_sessions, n_unfinished;
	struct session *buckets[TRANSPORT_BUCKETS];
	struct session *sessions, *dirty;
	uint8_t read_buffer[TRANSPORT_READ_SIZE];
	uint8_t plain_in[TRANSPORT_PLAIN_SIZE];
	uint8_t plain_out[TRANSPORT_PLAIN_SIZE];
};

/** transport_limits() - The live limits, for tests to change. */
struct transport_limits *transport_limits(struct transport *transport);

/* transport.c, for session.c */
/** transport_remove() - Take a DEAD session out of counts and lists; its id still finds it. */
void transport_remove(struct transport *transport, struct session *session);
/** transport_forget() - Its memory goes: the id finds nobody any more. */
void transport_forget(struct transport *transport, struct session *session);
/** transport_put_handle() - One libuv handle (or session) is closed; may free the transport. */
void transport_put_handle(struct transport *transport);

/* session.c, for transport.c */
/** session_new() - Timer ready, TCP handle not, in no list yet; aborts on OOM. */
struct session *session_new(struct transport *transport, uint64_t id, bool is_client);
/** session_accept() - Take the connection waiting at the listener. */
void session_accept(struct session *session);
/** session_connect() - Start connecting; @from NULL or family 0: routing decides. */
void session_connect(struct session *session, const struct endpoint *to,
		     const struct endpoint *from);
/** session_drain() - The owner closes; @reason is for the peer's log. */
void session_drain(struct session *session, const char *reason);
/** session_abandon() - The transport goes: say goodbye if that works at once, no events. */
void session_abandon(struct session *session);
/** session_fail() - It is over; harmless when DEAD. @error: -errno for session_down. */
void session_fail(struct session *session, int error);
/** session_flush() - Move output towards the socket. */
void session_flush(struct session *session);
/** session_mark_dirty() - Flush before the loop sleeps. */
void session_mark_dirty(struct session *session);

#endif
