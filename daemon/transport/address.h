/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TRANSPORT_ADDRESS_H
#define TRANSPORT_ADDRESS_H

#include <sys/socket.h>

#include "daemon/lib/endpoint.h"

/**
 * address_from_sockaddr() - Socket address as an endpoint.
 * @from: address of a family the mesh uses, AF_INET or AF_INET6; what other families have
 *	behind the family is not read
 * @ret: filled on success, untouched on failure
 *
 * IPv4 seen through a dual-stack socket becomes AF_INET; @ret->ifindex is the
 * scope of link-local addresses and 0 for all others.
 *
 * Return: 0; -EAFNOSUPPORT another family.
 */
int address_from_sockaddr(const struct sockaddr_storage *from, struct endpoint *ret);
/** address_to_sockaddr() - The other way. Return: length for connect(2); -EAFNOSUPPORT. */
int address_to_sockaddr(const struct endpoint *from, struct sockaddr_storage *ret);
/** address_to_in6() - As IPv6, IPv4 mapped. */
struct in6_addr address_to_in6(const struct endpoint *ep);

#endif
