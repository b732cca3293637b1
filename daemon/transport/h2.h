/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: h2: control messages over one HTTP/2 connection
 *
 * No socket, no loop, no clock: decrypted bytes and the time go in, bytes to
 * encrypt come out.  The TLS client is the HTTP client.  Its messages are
 * POSTs, one body after the other, so they arrive in the order they were
 * queued.  The server's messages travel on the response to the client's
 * first request, GET /v1/events, each as
 *
 *	message number (1) | body length (4, big endian) | body
 *
 * Every list and rate a peer can grow has a limit here.
 * Documentation/transport.rst is the specification.
 */
#ifndef TRANSPORT_H2_H
#define TRANSPORT_H2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/wire/control.h"

#define H2_EVENTS_PATH "/v1/events"
#define H2_EVENT_HEADER_LEN 5
#define H2_STREAMS_MAX 100 /* concurrent requests we accept */
#define H2_POSTS_MAX 64 /* requests of ours waiting for their answer */
#define H2_HEADER_LIST_MAX 4096 /* RFC 9113 6.5.2 measure; more ends the connection */
#define H2_HEADER_TABLE 1024 /* HPACK dynamic table, either direction */
#define H2_WINDOW 65535 /* bytes in flight per stream and connection */
#define H2_BODIES_MAX (4 * CONTROL_BODY_MAX) /* half-received bodies, all streams together */
#define H2_SETTINGS_MAX 16 /* entries in one SETTINGS frame */
#define H2_ACKS_MAX 64 /* PING and SETTINGS answers waiting to be sent */
#define H2_FRAMES_MAX 400 /* frames not sent yet: answer, reset, window for each request; acks */
#define H2_CONTINUATIONS_MAX 1
#define H2_RESETS_BURST 20 /* RST_STREAM, received or provoked (CVE-2023-44487) */
#define H2_RESETS_PER_S 10
#define H2_CONTROL_FRAMES_BURST 100 /* PING, SETTINGS, PRIORITY, empty DATA */
#define H2_CONTROL_FRAMES_PER_S 20
#define H2_WINDOW_UPDATES_BURST 400
#define H2_WINDOW_UPDATES_PER_S 100
#define H2_WINDOW_UPDATES_PER_DATA 2 /* stream and connection, for each DATA frame of ours */

struct h2;

/**
 * struct h2_events - what a connection reports, from within h2_receive()
 * @ready: both prefaces are exchanged and the event stream is open
 * @message: a message is complete. Return: 0; -EBADMSG, -EPROTO answered with 400
 * @refused: we answered a request with 4xx, or dropped an unknown event
 * @pong: the peer answered the PING with this token
 * @arg: passed to all
 */
struct h2_events {
	void (*ready)(void *arg);
	int (*message)(void *arg, uint8_t message, const uint8_t *body, size_t len);
	void (*refused)(void *arg, unsigned int status);
	void (*pong)(void *arg, uint64_t token);
	void *arg;
};

/**
 * h2_new() - One end of a connection; its preface waits in h2_produce().
 * @is_client: we opened the TLS connection
 * @now_ms: monotonic
 * @queue_max: bytes of messages waiting, in all
 * @events: copied
 * @ret: set on success; h2_free() releases it
 *
 * Return: 0; -ENOMEM.
 */
int h2_new(bool is_client, uint64_t now_ms, size_t queue_max, const struct h2_events *events,
	   struct h2 **ret);
/** h2_free() - Not from within an event. NULL is fine. */
void h2_free(struct h2 *h2);

/**
 * h2_receive() - Bytes from the peer.
 * @h2: connection
 * @now_ms: monotonic
 * @bytes: decrypted, borrowed for the call
 * @len: how many
 *
 * Return: 0; the error of h2_error(). The caller sends what h2_produce() still
 * gives (GOAWAY says why) and closes.
 */
int h2_receive(struct h2 *h2, uint64_t now_ms, const uint8_t *bytes, size_t len);

/**
 * h2_error() - Why the connection is over.
 * @h2: connection
 *
 * Return: 0 it is not; -ESHUTDOWN the peer said goodbye; -EPROTO one side
 * broke the protocol; -EDQUOT the peer broke a limit; -ENOMEM.
 */
int h2_error(const struct h2 *h2);

/** h2_produce() - Write up to @size bytes for the peer to @buf. Return: bytes; 0 nothing to say. */
size_t h2_produce(struct h2 *h2, uint8_t *buf, size_t size);

/**
 * h2_queue() - Send one message after those queued before.
 * @h2: connection; before the event stream is open the message waits
 * @message: enum control_message
 * @body: CBOR, copied; may be NULL when @len is 0
 * @len: bytes of @body
 *
 * Return: 0; -EMSGSIZE longer than CONTROL_BODY_MAX; -EINVAL unknown number;
 * -ENOBUFS over the queue limit; -ENOMEM.
 */
int h2_queue(struct h2 *h2, uint8_t message, const uint8_t *body, size_t len);
/** h2_is_idle() - Is no message waiting to be sent? */
bool h2_is_idle(const struct h2 *h2);
/** h2_messages_sent() - Counts messages handed over completely; tells a stall from a queue. */
uint64_t h2_messages_sent(const struct h2 *h2);

/** h2_ping() - Send a PING carrying @token. */
void h2_ping(struct h2 *h2, uint64_t token);
/** h2_goodbye() - Say GOAWAY without error; @reason is for the peer's log. */
void h2_goodbye(struct h2 *h2, const char *reason);

#endif
