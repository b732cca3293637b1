// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: address: between endpoints and what sockets speak
 */
#include "daemon/transport/address.h"

#include <errno.h>
#include <string.h>

int address_from_sockaddr(const struct sockaddr_storage *from, struct endpoint *ret)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)from;
	struct endpoint ep = {0};

	if (from->ss_family == AF_INET) {
		ep.family = AF_INET;
		ep.addr4 = in4->sin_addr;
		ep.port = ntohs(in4->sin_port);
	} else if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		ep.family = AF_INET;
		memcpy(&ep.addr4, &in6->sin6_addr.s6_addr[12], sizeof(ep.addr4));
		ep.port = ntohs(in6->sin6_port);
	} else if (from->ss_family == AF_INET6) {
		ep.family = AF_INET6;
		ep.addr6 = in6->sin6_addr;
		ep.port = ntohs(in6->sin6_port);
		if (IN6_IS_ADDR_LINKLOCAL(&ep.addr6))
			ep.ifindex = in6->sin6_scope_id;
	} else {
		return -EAFNOSUPPORT;
	}
	*ret = ep;
	return 0;
}

int address_to_sockaddr(const struct endpoint *from, struct sockaddr_storage *ret)
{
	struct sockaddr_storage storage = {.ss_family = from->family};
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
	struct sockaddr_in *in4 = (struct sockaddr_in *)&storage;
	int len;

	if (from->family == AF_INET) {
		in4->sin_addr = from->addr4;
		in4->sin_port = htons(from->port);
		len = sizeof(*in4);
	} else if (from->family == AF_INET6) {
		in6->sin6_addr = from->addr6;
		in6->sin6_port = htons(from->port);
		if (IN6_IS_ADDR_LINKLOCAL(&from->addr6))
			in6->sin6_scope_id = from->ifindex;
		len = sizeof(*in6);
	} else {
		return -EAFNOSUPPORT;
	}
	*ret = storage;
	return len;
}

struct in6_addr address_to_in6(const struct endpoint *ep)
{
	struct in6_addr mapped = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	if (ep->family == AF_INET6)
		return ep->addr6;
	memcpy(&mapped.s6_addr[12], &ep->addr4, sizeof(ep->addr4));
	return mapped;
}
