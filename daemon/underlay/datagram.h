/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: the two beacon sockets
 */
#ifndef UNDERLAY_DATAGRAM_H
#define UNDERLAY_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/endpoint.h"

#define DATAGRAM_MAX 512 /* longer ones arrive cut; a beacon has 200 bytes at most */

/**
 * datagram_open() - A beacon socket bound to @port on every address.
 * @port: host order
 * @ret: filled on success
 * @family: AF_INET or AF_INET6 (v6 only)
 * Return: 0; -EAFNOSUPPORT the host has no such family; other -errno.
 */
int datagram_open(int family, uint16_t port, int *ret);
/** datagram_join() - Enter or leave the beacon group on an interface. Return: 0 or -errno. */
int datagram_join(int fd, int family, uint32_t ifindex, bool joins);
/** datagram_send() - Multicast leaves by @to->ifindex. Return: 0 or -errno. */
int datagram_send(int fd, const struct endpoint *to, const uint8_t *bytes, size_t len);
/**
 * datagram_receive() - One datagram.
 * @fd: from datagram_open()
 * @bytes: receives the datagram
 * @from: source, with the interface it came in by
 * Return: bytes, at most DATAGRAM_MAX; -EAGAIN; other -errno.
 */
int datagram_receive(int fd, struct endpoint *from, uint8_t bytes[static DATAGRAM_MAX]);

#endif
