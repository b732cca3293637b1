/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIB_ENDPOINT_H
#define LIB_ENDPOINT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct endpoint - an underlay address and the interface it is reached by
 * @family: AF_INET or AF_INET6
 * @port: host order; 0 where only the address matters
 * @ifindex: interface (scope of link-local addresses), 0 = any
 * @addr4: network order, when AF_INET
 * @addr6: when AF_INET6
 */
struct endpoint {
	sa_family_t family;
	uint16_t port;
	uint32_t ifindex;
	union {
		struct in_addr addr4;
		struct in6_addr addr6;
	};
};

#define ENDPOINT_LLADDR_LEN 6 /* of an Ethernet interface */
#define ENDPOINT_STRLEN 80 /* "[v6%ifindex]:port" and the NUL */

/** endpoint_equal_address() - Same family, address and interface; port ignored. */
bool endpoint_equal_address(const struct endpoint *a, const struct endpoint *b);
/** endpoint_equal() - Same family, address, interface and port. */
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
const char *endpoint_format(const struct endpoint *ep, char buf[ENDPOINT_STRLEN]);
/** endpoint_to_sockaddr() - Return: its length. */
socklen_t endpoint_to_sockaddr(const struct endpoint *ep, struct sockaddr_storage *ret);
/** endpoint_parse() - "1.2.3.4:5", "[::1]:5", port optional (0). Return: 0 or -EINVAL. */
int endpoint_parse(const char *text, struct endpoint *ret);

#endif
