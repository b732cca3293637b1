// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: echo: ICMP echo requests and replies (RFC 792, RFC 4443 section 4)
 *
 * Prefers the unprivileged datagram socket; where net.ipv4.ping_group_range
 * forbids it, root gets a raw one.  The request carries a mark and the time
 * it left, so a reply tells its round trip by itself.
 */
#include "tools/meshctl/echo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MARK 0x6875626d65736831ULL /* "hubmesh1" */

/* Header and payload are laid out alike for both families. */
struct echo_packet {
	uint8_t type, code;
	uint16_t checksum, id, seq;
	uint64_t mark, sent_ns;
};
_Static_assert(sizeof(struct echo_packet) == 24, "ICMP header 8, mark 8, time 8");

static int open_socket(sa_family_t family, bool *is_raw)
{
	int protocol = family == AF_INET6 ? (int)IPPROTO_ICMPV6 : (int)IPPROTO_ICMP;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	*is_raw = false;
	if (fd >= 0)
		return fd;
	*is_raw = true;
	fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	return fd >= 0 ? fd : -EACCES;
}

static void hear_replies_only(const struct echo *echo)
{
	struct icmp6_filter filter;

	if (!echo->is_raw || echo->family != AF_INET6)
		return;
	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
	setsockopt(echo->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter));
}

int echo_open(const char *address, struct echo *ret)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct echo echo = {.id = htons((uint16_t)getpid())};
	const struct sockaddr *to = (const struct sockaddr *)&v6;
	socklen_t len = sizeof(v6);

	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
		echo.family = AF_INET;
		to = (const struct sockaddr *)&v4;
		len = sizeof(v4);
	} else if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1) {
		echo.family = AF_INET6;
	} else {
		return -EINVAL;
	}
	echo.fd = open_socket(echo.family, &echo.is_raw);
	if (echo.fd < 0)
		return echo.fd;
	if (connect(echo.fd, to, len) < 0) {
		int error = -errno;

		close(echo.fd);
		return error;
	}
	hear_replies_only(&echo);
	*ret = echo;
	return 0;
}

void echo_close(struct echo *echo)
{
	close(echo->fd);
	echo->fd = -1;
}

/* RFC 1071; the kernel does it for ICMPv6 and for datagram sockets. */
static uint16_t checksum(const struct echo_packet *packet)
{
	const uint8_t *bytes = (const uint8_t *)packet;
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(*packet); i += 2) {
		uint16_t word;

		memcpy(&word, bytes + i, sizeof(word));
		sum += word;
	}
	sum = (sum >> 16) + (sum & 0xffff);
	sum += sum >> 16;
	return (uint16_t)~sum;
}

int echo_send(struct echo *echo, uint16_t seq, uint64_t now_ns)
{
	struct echo_packet packet = {
		.type = echo->family == AF_INET6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO,
		.id = echo->id,
		.seq = htons(seq),
		.mark = MARK,
		.sent_ns = now_ns,
	};

	if (echo->family == AF_INET)
		packet.checksum = checksum(&packet);
	if (send(echo->fd, &packet, sizeof(packet), 0) < 0)
		return -errno;
	return 0;
}

int echo_parse(const struct echo *echo, const uint8_t *bytes, size_t len, uint16_t *seq,
	       uint64_t *sent_ns)
{
	uint8_t reply = echo->family == AF_INET6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY;
	struct echo_packet packet;

	if (echo->is_raw && echo->family == AF_INET) { /* the IPv4 header comes along */
		size_t header = len ? (size_t)(bytes[0] & 0x0f) * 4 : 0;

		if (header < 20 || header > len)
			return -EAGAIN;
		bytes += header;
		len -= header;
	}
	if (len < sizeof(packet))
		return -EAGAIN;
	memcpy(&packet, bytes, sizeof(packet));
	if (packet.type != reply || packet.mark != MARK || (echo->is_raw && packet.id != echo->id))
		return -EAGAIN;
	*seq = ntohs(packet.seq);
	*sent_ns = packet.sent_ns;
	return 0;
}

int echo_receive(struct echo *echo, uint16_t *seq, uint64_t *sent_ns)
{
	uint8_t buf[256];
	ssize_t n = recv(echo->fd, buf, sizeof(buf), 0);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return echo_parse(echo, buf, (size_t)n, seq, sent_ns);
}
