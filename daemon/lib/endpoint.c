// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: endpoint: address notation
 *
 * "192.0.2.1:4878", "[2001:db8::1]:4878", "[fe80::1%3]:4878"; without a port
 * the brackets may be left out.  The scope is an interface index, as number:
 * names need a system call, which belongs to the underlay shell.
 */
#include "daemon/lib/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

bool endpoint_equal_address(const struct endpoint *a, const struct endpoint *b)
{
	if (a->family != b->family || a->ifindex != b->ifindex)
		return false;
	if (a->family == AF_INET)
		return a->addr4.s_addr == b->addr4.s_addr;
	return memcmp(&a->addr6, &b->addr6, sizeof(a->addr6)) == 0;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return endpoint_equal_address(a, b) && a->port == b->port;
}

const char *endpoint_format(const struct endpoint *ep, char buf[ENDPOINT_STRLEN])
{
	char address[INET6_ADDRSTRLEN], scope[16] = "";

	if (ep->family == AF_INET) {
		inet_ntop(AF_INET, &ep->addr4, address, sizeof(address));
		snprintf(buf, ENDPOINT_STRLEN, "%s:%u", address, ep->port);
	} else if (ep->family == AF_INET6) {
		inet_ntop(AF_INET6, &ep->addr6, address, sizeof(address));
		if (ep->ifindex)
			snprintf(scope, sizeof(scope), "%%%u", ep->ifindex);
		snprintf(buf, ENDPOINT_STRLEN, "[%s%s]:%u", address, scope, ep->port);
	} else {
		snprintf(buf, ENDPOINT_STRLEN, "-");
	}
	return buf;
}

/* Decimal digits only, the whole text, at most @max. */
static int parse_number(const char *text, uint32_t max, uint32_t *ret)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > max)
			return -EINVAL;
	}
	*ret = (uint32_t)value;
	return 0;
}

static int parse_port(const char *text, struct endpoint *ep)
{
	uint32_t port;
	int r = parse_number(text, UINT16_MAX, &port);

	if (r == 0)
		ep->port = (uint16_t)port;
	return r;
}

/* "addr" or "addr%index"; cuts @text at the percent sign. */
static int parse_address6(char *text, struct endpoint *ep)
{
	char *percent = strchr(text, '%');

	if (percent) {
		*percent = '\0';
		if (parse_number(percent + 1, INT32_MAX, &ep->ifindex) < 0 || ep->ifindex == 0)
			return -EINVAL;
	}
	ep->family = AF_INET6;
	return inet_pton(AF_INET6, text, &ep->addr6) == 1 ? 0 : -EINVAL;
}

static int parse_bracketed(char *text, struct endpoint *ep)
{
	char *close = strchr(text, ']');

	if (!close)
		return -EINVAL;
	*close = '\0';
	if (close[1] == ':') {
		if (parse_port(close + 2, ep) < 0)
			return -EINVAL;
	} else if (close[1] != '\0') {
		return -EINVAL;
	}
	return parse_address6(text + 1, ep);
}

int endpoint_parse(const char *text, struct endpoint *ret)
{
	struct endpoint ep = {0};
	char copy[ENDPOINT_STRLEN], *colon;
	int r;

	if (strnlen(text, sizeof(copy)) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	colon = strchr(copy, ':');
	if (copy[0] == '[') {
		r = parse_bracketed(copy, &ep);
	} else if (colon && strchr(colon + 1, ':')) {
		r = parse_address6(copy, &ep);
	} else {
		ep.family = AF_INET;
		if (colon && parse_port(colon + 1, &ep) < 0)
			return -EINVAL;
		if (colon)
			*colon = '\0';
		r = inet_pton(AF_INET, copy, &ep.addr4) == 1 ? 0 : -EINVAL;
	}
	if (r == 0)
		*ret = ep;
	return r;
}

socklen_t endpoint_to_sockaddr(const struct endpoint *ep, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (ep->family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)ret;

		*in = (struct sockaddr_in){
			.sin_family = AF_INET, .sin_port = htons(ep->port), .sin_addr = ep->addr4};
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	*in6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
				     .sin6_port = htons(ep->port),
				     .sin6_addr = ep->addr6,
				     .sin6_scope_id = ep->ifindex};
	return sizeof(*in6);
}
