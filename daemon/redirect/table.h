/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: table: what redirect.c writes and redirect.bpf.c reads
 *
 * One layout for both compilers; nothing outside this room includes it.
 */
#ifndef REDIRECT_TABLE_H
#define REDIRECT_TABLE_H

#include <linux/types.h>

/* Local users of services on one machine; a hash of this size takes 0.1 MB of the kernel's. */
#define REDIRECT_ENTRIES_MAX 1024

/**
 * struct redirect_peer - an address a program connects to
 * @addr: IPv6, network order; IPv4 as ::ffff:a.b.c.d, so that both kinds of
 *	socket find one entry
 * @port: network order
 * @protocol: IPPROTO_TCP or IPPROTO_UDP, host order
 */
struct redirect_peer {
	__u32 addr[4];
	__u16 port;
	__u16 protocol;
};

/**
 * struct redirect_value - what becomes of a connection to it
 * @to: where it goes
 * @slot: index of its counter, below REDIRECT_ENTRIES_MAX
 */
struct redirect_value {
	struct redirect_peer to;
	__u32 slot;
};

_Static_assert(sizeof(struct redirect_peer) == 20, "no padding: the bytes are a hash key");

#endif
