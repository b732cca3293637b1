/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: ktls: records of TLS made and read by the kernel
 *
 * CONFIG_TLS, a module (tls.ko) with Debian.  Handshake and certificates stay
 * ours; the kernel gets the keys, and from then on the socket carries plain
 * bytes, which splice() moves without their ever being here.
 */
#ifndef PROXY_KTLS_H
#define PROXY_KTLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/transport/tls.h"

/**
 * ktls_probe() - Has this kernel TLS, and counts it as ktls_is_delivered() does?
 *
 * Carries a record of each suite over lo, which loads the modules of TLS and of its ciphers.  Their
 * first use would, too, but within a call of a daemon that others wait for.  Without lo only TLS is
 * loaded, and nothing is counted.
 *
 * Context: before privileges go; afterwards the kernel loads TLS only for CAP_NET_ADMIN.  Takes
 * milliseconds; the loading some 0.1 s, several s on a machine with far too much to do.
 */
bool ktls_probe(void);

#define KTLS_CLOSE_NOTIFY_LEN 2 /* plain bytes of ktls_close_notify() */

/**
 * struct ktls_count - what the peer's TCP has to have acknowledged before the first of our records
 * @acked: bytes, as TCP_INFO counts
 * @sequence: of that record
 * @suite: whose keys they are
 */
struct ktls_count {
	uint64_t acked, sequence;
	uint16_t suite;
};

/**
 * ktls_start() - Hand over a connection's keys, in both directions.
 * @fd: its socket; what was encrypted so far must be in it, what came must be read
 * @keys: of tls_keys()
 * @ret: for ktls_is_delivered()
 *
 * Return: 0; -errno the kernel has no TLS, or none with this suite: nothing has changed, but for
 * -EIO: half of it has, and the connection is lost.
 */
int ktls_start(int fd, const struct tls_keys *keys, struct ktls_count *ret);

/**
 * ktls_read() - Plain bytes, or what is not data.
 * @fd: started
 * @buf: receives bytes
 * @size: room in it
 *
 * Also says what splice() has found and may not pass on (EINVAL).
 * Return: bytes; 0 close_notify; -EAGAIN none yet; -ECONNRESET an end without close_notify, or an
 * alert; -EPROTO a message after the handshake: keys in the kernel do not change; -errno.
 */
ssize_t ktls_read(int fd, void *buf, size_t size);

/**
 * ktls_is_delivered() - Has the peer's TCP every record?
 * @fd: started
 * @count: of ktls_start()
 * @plain_len: bytes written since, those of alerts too
 *
 * The kernel takes records that TCP has no room for, sends them later, and drops them if the socket
 * is closed before that (tls_sw_release_resources_tx() of Linux 6.1); shutdown() makes it drop them
 * as well.  No poll() and no SIOCOUTQ tells of them, but they have their numbers in the sequence.
 */
bool ktls_is_delivered(int fd, const struct ktls_count *count, uint64_t plain_len);

/** ktls_close_notify() - Say that no more comes. Return: 0; -EAGAIN; -errno. */
int ktls_close_notify(int fd);

#endif
