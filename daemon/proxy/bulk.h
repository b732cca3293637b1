/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: bulk: a connection that carries much gets TLS of its own
 *
 *	stream of a trunk	... bytes up to a place ------------------- more bytes, END_STREAM
 *	raw connection				   place, bytes, close_notify
 *
 * The stream stays: who calls, with what right, whether it was broken off and
 * when a side has ended is said there, as ever.  Only bytes of the middle, of
 * either direction by itself, take the raw connection: TLS to the same port
 * with an ALPN of its own, its records the kernel's if it can (ktls.h), so that
 * splice() moves bytes that never come here.  Documentation/proxy.rst, "Bulk".
 *
 *	bulk.c		to open, to redeem; from the stream and back to it
 *	bulk_way.c	bytes between the program's socket and the raw connection
 */
#ifndef PROXY_BULK_H
#define PROXY_BULK_H

#include "daemon/proxy/internal.h"
#include "daemon/proxy/ktls.h"

#define BULK_ALPN "hubmesh-bulk/1"
#define BULK_PIECE_MIN 4096 /* a read of fewer bytes is a conversation, not bulk */
#define BULK_START_BYTES (4 << 20) /* carried in such pieces: worth a handshake of some 2 ms */
#define BULK_MAX 64 /* at a time: six descriptors and up to 512 KiB of pipes each */
/*
 * Of one key, RFC 8446 section 5.5 allows 2^24.5 for AES-GCM.  Much earlier, after some
 * 500 MB, the way back to the stream and a new raw connection is a thing of every day.
 */
#ifndef BULK_RECORDS_MAX /* a test has a meshd with fewer */
#define BULK_RECORDS_MAX (1 << 16)
#endif
#define BULK_PIPE_SIZE (256 << 10)
#define BULK_PIPE_RECORDS 4 /* of 64 pages at most, 17 fragments to a record */
#define BULK_RECORD_SIZE 16384
#define BULK_TURN_BYTES (1 << 20) /* then others have their turn */
#define BULK_LOOK_MS_MAX 256 /* between looks whether the peer has all; from 1 on, doubling */
#define BULK_TICKET_LEN (4 + 32) /* stream and exported secret */
#define BULK_PLACE_LEN 8

enum bulk_state {
	BULK_CONNECTING,
	BULK_HANDSHAKE, /* and the ticket is not sent yet: nobody depends on us */
	BULK_REDEEMING, /* it is: from here on the provider may leave the stream */
	BULK_UP,
};

/**
 * enum bulk_way_state - where the bytes of a direction are
 * @BULK_WAY_STREAM: still on the stream
 * @BULK_WAY_LEAVING: what we have read for it is being sent there; nothing more is read
 * @BULK_WAY_RAW: on the raw connection
 * @BULK_WAY_ENDING: close_notify is to be said
 * @BULK_WAY_BACK: on the stream again
 */
enum bulk_way_state {
	BULK_WAY_STREAM,
	BULK_WAY_LEAVING,
	BULK_WAY_RAW,
	BULK_WAY_ENDING,
	BULK_WAY_BACK,
};

/**
 * struct bulk_way - one direction
 * @state: enum bulk_way_state
 * @is_returning: out: no more is to be read for it
 * @has_ended: nothing comes after what is held
 * @pipe: in the kernel; -1 none
 * @held: bytes read and not written: in @pipe, or out of our memory
 * @records: out: at most so many were made
 * @rest: in, without the kernel: what the program's socket did not take
 */
struct bulk_way {
	uint8_t state;
	bool is_returning, has_ended;
	int pipe[2];
	size_t held;
	uint64_t records;
	struct buffer rest;
};

/**
 * struct bulk - a raw connection
 * @flow: whose; it is held
 * @tls: handshake and certificates; records too, unless @is_kernel
 * @state: enum bulk_state
 * @is_kernel: records are the kernel's
 * @is_closed: gone but for its handles
 * @has_place: @place came
 * @has_late_end: END_STREAM came, and counts when the peer's direction is back
 * @look_ms: for so long before the next look, when both are back
 * @n_handles: of libuv
 * @fd: raw socket
 * @near_fd: the program's or service's, another descriptor than libuv's
 * @raw: of @fd
 * @near: of @near_fd
 * @look: no socket tells when its peer has all
 * @count: of the kernel's records
 * @plain: bytes given to the kernel
 * @out: from there to the peer
 * @in: from the peer
 * @place: bytes of @in on the stream before those here
 * @place_bytes: as it came
 * @place_len: bytes of it so far
 * @place_result: of reading it: -EAGAIN not yet
 * @late: of the stream, from @place on; of tunnel's held
 * @cipher: without the kernel: as read from @fd
 * @zones: of the peer's certificate
 * @since_ns: opened
 */
struct bulk {
	struct flow *flow;
	struct tls *tls;
	uint8_t state;
	bool is_kernel, is_closed, has_place, has_late_end;
	uint32_t look_ms, n_handles;
	int fd, near_fd;
	uv_poll_t raw, near;
	uv_timer_t look;
	struct ktls_count count;
	uint64_t plain;
	struct bulk_way out, in;
	uint64_t place;
	uint8_t place_bytes[BULK_PLACE_LEN];
	size_t place_len;
	int place_result;
	struct buffer late;
	uint8_t *cipher;
	char zones[ZONE_LIST_SIZE];
	uint64_t since_ns;
};

/* bulk.c, for the rest of the proxy */
/** bulk_consider() - Bytes were read at an end: is it bulk?  Then a raw connection is opened. */
void bulk_consider(struct flow *flow, size_t n);
/**
 * bulk_redeem() - Somebody verified opened a raw connection and shows a ticket.
 * @trunk: as which it began; closed without a word if its connection is taken over
 * @ticket: what it said first
 * @len: bytes of @ticket
 *
 * Return: 0; -EPERM no such stream, or no room: it is told, and stays on the stream.
 */
int bulk_redeem(struct trunk *trunk, const uint8_t *ticket, size_t len);
/** bulk_kick() - Bytes of the stream, or for it, have gone on. NULL is allowed. */
void bulk_kick(struct bulk *bulk);
/** bulk_hold_end() - END_STREAM came. Return: it counts later. NULL: false. */
bool bulk_hold_end(struct bulk *bulk);
/** bulk_holds_end() - Did one that counts later? NULL: false. */
bool bulk_holds_end(const struct bulk *bulk);
/** bulk_is_delivering() - Is all said on the raw connection, and the peer may not have it yet? */
bool bulk_is_delivering(const struct bulk *bulk);
/**
 * bulk_keep_late() - Bytes came on the stream; those after raw ones that are not written yet wait.
 * @bulk: NULL: all are in order
 * @bytes: copied as far as they wait
 * @len: bytes of @bytes, counted by flow_moved() already
 *
 * Return: how many of the first are in order.
 */
size_t bulk_keep_late(struct bulk *bulk, const uint8_t *bytes, size_t len);
void bulk_tick(struct bulk *bulk, uint64_t now_ns);
/** bulk_close() - The flow is over. NULL is allowed. */
void bulk_close(struct bulk *bulk);

/* bulk_way.c */
/** bulk_write_small() - So few bytes that an empty socket takes them. Return: 0; -errno. */
int bulk_write_small(struct bulk *bulk, const uint8_t *bytes, size_t len);
/** bulk_read_small() - Return: bytes; 0 close_notify; -EAGAIN; -errno. */
ssize_t bulk_read_small(struct bulk *bulk, uint8_t *buf, size_t size);
/** bulk_flush() - What was encrypted here. Return: 0 all gone; -EAGAIN; -errno. */
int bulk_flush(struct bulk *bulk);
/** bulk_is_delivered() - Has the peer's TCP all we said? */
bool bulk_is_delivered(const struct bulk *bulk);
/**
 * bulk_pump_out() - From the program's socket to the peer, as far as it goes.
 * @bulk: BULK_WAY_RAW or BULK_WAY_ENDING
 * @culprit: on failure the end that failed
 *
 * Return: 0 goes on when a socket is ready; 1 the direction is back; -errno.
 */
int bulk_pump_out(struct bulk *bulk, struct end **culprit);
/** bulk_pump_in() - The other way, likewise. */
int bulk_pump_in(struct bulk *bulk, struct end **culprit);

#endif
