// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: beacon datagrams over UDP
 *
 * Multicast is sent with TTL 1 (IPv4: the administratively scoped group must
 * not leave the segment) and hop limit 255 (IPv6: the group is link local, a
 * router cannot forward it), without local loopback.  The interface is named
 * per datagram, so one socket serves all.  IP_MULTICAST_ALL is off: only
 * interfaces joined here deliver multicast.
 */
#include "daemon/underlay/datagram.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/wire/beacon.h"

#ifndef IPV6_MULTICAST_ALL /* linux/in6.h since 4.20, not in glibc's headers */
#define IPV6_MULTICAST_ALL 29
#endif

#define RECEIVE_BUFFER_BYTES (256 << 10)

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static int bind4(int fd, uint16_t port)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};

	if (set(fd, IPPROTO_IP, IP_PKTINFO, 1) < 0 ||
	    set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0) < 0 ||
	    set(fd, IPPROTO_IP, IP_MULTICAST_TTL, 1) < 0 ||
	    set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) < 0)
		return -1;
	return bind(fd, (struct sockaddr *)&any, sizeof(any));
}

static int bind6(int fd, uint16_t port)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0 ||
	    set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) < 0 ||
	    set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0) < 0 ||
	    set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 255) < 0 ||
	    set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0) < 0)
		return -1;
	return bind(fd, (struct sockaddr *)&any, sizeof(any));
}

int datagram_open(int family, uint16_t port, int *ret)
{
	_cleanup_close_ int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || (family == AF_INET ? bind4(fd, port) : bind6(fd, port)) < 0)
		return -errno;
	set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES); /* best effort */
	*ret = steal_fd(&fd);
	return 0;
}

int datagram_join(int fd, int family, uint32_t ifindex, bool joins)
{
	struct ip_mreqn group4 = {.imr_ifindex = (int)ifindex};
	struct ipv6_mreq group6 = {.ipv6mr_interface = ifindex};
	int result;

	if (family == AF_INET) {
		inet_pton(AF_INET, BEACON_GROUP4, &group4.imr_multiaddr);
		result = setsockopt(fd, IPPROTO_IP, joins ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP,
				    &group4, sizeof(group4));
	} else {
		inet_pton(AF_INET6, BEACON_GROUP6, &group6.ipv6mr_multiaddr);
		result = setsockopt(fd, IPPROTO_IPV6, joins ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP,
				    &group6, sizeof(group6));
	}
	return result < 0 && errno != EADDRINUSE ? -errno : 0;
}

/* Control data that pins a multicast datagram to its interface. */
static void pin_interface(struct msghdr *msg, const struct endpoint *to)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	struct in_pktinfo info4 = {.ipi_ifindex = (int)to->ifindex};
	struct in6_pktinfo info6 = {.ipi6_ifindex = to->ifindex};
	bool is_v4 = to->family == AF_INET;
	size_t len = is_v4 ? sizeof(info4) : sizeof(info6);

	cmsg->cmsg_level = is_v4 ? IPPROTO_IP : IPPROTO_IPV6;
	cmsg->cmsg_type = is_v4 ? IP_PKTINFO : IPV6_PKTINFO;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), is_v4 ? (void *)&info4 : (void *)&info6, len);
	msg->msg_controllen = CMSG_SPACE(len);
}

static bool is_multicast(const struct endpoint *ep)
{
	return ep->family == AF_INET ? IN_MULTICAST(ntohl(ep->addr4.s_addr))
				     : IN6_IS_ADDR_MULTICAST(&ep->addr6);
}

int datagram_send(int fd, const struct endpoint *to, const uint8_t *bytes, size_t len)
{
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(to->port)};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(to->port)};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo))] = {0};
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t sent;

	if (to->family == AF_INET) {
		to4.sin_addr = to->addr4;
		msg.msg_name = &to4;
		msg.msg_namelen = sizeof(to4);
	} else {
		to6.sin6_addr = to->addr6;
		if (IN6_IS_ADDR_LINKLOCAL(&to->addr6) || is_multicast(to))
			to6.sin6_scope_id = to->ifindex;
		msg.msg_name = &to6;
		msg.msg_namelen = sizeof(to6);
	}
	if (is_multicast(to)) {
		if (to->ifindex == 0)
			return -EINVAL; /* the default route's interface may be an excluded one */
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		pin_interface(&msg, to);
	}
	sent = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent < 0 ? -errno : 0;
}

static uint32_t arrival_interface(struct msghdr *msg)
{
	struct in6_pktinfo info6;
	struct in_pktinfo info4;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_PKTINFO) {
			memcpy(&info4, CMSG_DATA(cmsg), sizeof(info4));
			return (uint32_t)info4.ipi_ifindex;
		}
		if (cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info6, CMSG_DATA(cmsg), sizeof(info6));
			return info6.ipi6_ifindex;
		}
	}
	return 0;
}

int datagram_receive(int fd, struct endpoint *from, uint8_t bytes[static DATAGRAM_MAX])
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	struct iovec iov = {.iov_base = bytes, .iov_len = DATAGRAM_MAX};
	struct sockaddr_storage name;
	struct msghdr msg = {
		.msg_name = &name,
		.msg_namelen = sizeof(name),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	*from = (struct endpoint){.family = name.ss_family, .ifindex = arrival_interface(&msg)};
	if (name.ss_family == AF_INET) {
		from->addr4 = ((struct sockaddr_in *)&name)->sin_addr;
		from->port = ntohs(((struct sockaddr_in *)&name)->sin_port);
	} else {
		from->addr6 = ((struct sockaddr_in6 *)&name)->sin6_addr;
		from->port = ntohs(((struct sockaddr_in6 *)&name)->sin6_port);
	}
	return (int)n;
}
