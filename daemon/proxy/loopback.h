/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: loopback: an address of its own for each service, out of 127.77.0.0/16
 *
 * A program that is sent to a service by name keeps the port it knows, so
 * services that share a port need addresses of their own.  The address follows
 * from the name, so that it stays over restarts and is the same on every hub;
 * of two names that want one the first in the alphabet has it.  Pure.
 */
#ifndef PROXY_LOOPBACK_H
#define PROXY_LOOPBACK_H

#include <netinet/in.h>
#include <stddef.h>

#define LOOPBACK_NET 0x7f4d0000u /* 127.77.0.0, host order */
#define LOOPBACK_MASK 0xffff0000u
#define LOOPBACK_HOSTS 65534u /* 127.77.0.1 to 127.77.255.254 */

/**
 * loopback_assign() - Addresses of services.
 * @names: of services; a name that is there twice gets one address
 * @n: their number, below LOOPBACK_HOSTS
 * @ret: filled in the order of @names
 */
void loopback_assign(const char *const *names, size_t n, struct in_addr *ret);

#endif
