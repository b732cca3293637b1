/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: capsule: datagrams in a stream
 *
 * RFC 9297 section 3.2 and RFC 9298 section 5, as written here:
 *
 *	type 0x00 (DATAGRAM)	variable-length integer, RFC 9000 section 16
 *	length			the same: of what follows
 *	context id 0x00		the same
 *	payload			of one UDP datagram, none to CAPSULE_PAYLOAD_MAX bytes
 *
 * Capsules of other types and datagrams of other contexts are passed over, so
 * that a later version may say more.  Pure; every byte read here comes from
 * another hub.
 */
#ifndef PROXY_CAPSULE_H
#define PROXY_CAPSULE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CAPSULE_PAYLOAD_MAX 65527 /* RFC 9298 section 5 */
#define CAPSULE_HEAD_MAX 6 /* as we write it: 1 + 4 + 1 */
/*
 * A datagram's capsule however its integers are written.  One that is only there in part
 * waits in the window of its stream, so it must fit the smallest.
 */
#define CAPSULE_MAX 65535

/**
 * struct capsule - what was read
 * @payload: in the bytes given; NULL: nothing for us was in them
 * @len: its bytes, may be 0
 */
struct capsule {
	const uint8_t *payload;
	size_t len;
};

/**
 * capsule_write_head() - What goes before a payload.
 * @len: of the payload, at most CAPSULE_PAYLOAD_MAX
 * @head: receives it
 *
 * Return: bytes written.
 */
size_t capsule_write_head(size_t len, uint8_t head[CAPSULE_HEAD_MAX]);

/**
 * capsule_read() - The next capsule of a stream.
 * @skip: bytes still to come of one that is passed over; 0 at first
 * @bytes: of the stream, not read before
 * @len: bytes available in @bytes
 * @ret: set when bytes were taken
 *
 * Return: bytes taken; 0 more are needed; -EBADMSG a datagram longer than any, or without
 * context: the peer's fault, what follows cannot be read.
 */
ssize_t capsule_read(uint64_t *skip, const uint8_t *bytes, size_t len, struct capsule *ret);

#endif
