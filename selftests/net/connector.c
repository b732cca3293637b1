// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: connector: a program that knows nothing of redirection
 *
 * usage: connector [-6] [-d DEVICE] [-t PORT] tcp|udp ADDRESS PORT
 *
 *	-6	an IPv6 socket that takes no IPv4
 *	-d	bound to a device
 *	-t	then connects the same (UDP) socket to this port of the address
 *
 * Connects, asks, prints "PEER BODY": the peer's address and port as
 * getpeername() says, and what the answer holds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

static int find(const char *address, const char *port, bool is_tcp, struct sockaddr_storage *ret,
		socklen_t *len)
{
	struct addrinfo hints = {.ai_socktype = is_tcp ? SOCK_STREAM : SOCK_DGRAM,
				 .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *list = NULL;

	if (getaddrinfo(address, port, &hints, &list) != 0)
		return -1;
	memcpy(ret, list->ai_addr, list->ai_addrlen);
	*len = list->ai_addrlen;
	freeaddrinfo(list);
	return 0;
}

static int talk(int fd)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	char answer[1024] = "", peer[64], port[8];
	struct sockaddr_storage addr;
	socklen_t addr_len = sizeof(addr);
	size_t len = 0;
	ssize_t n = 0;
	char *body;

	if (getpeername(fd, (struct sockaddr *)&addr, &addr_len) < 0)
		return fail("getpeername");
	getnameinfo((struct sockaddr *)&addr, addr_len, peer, sizeof(peer), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	if (write(fd, request, sizeof(request) - 1) < 0)
		return fail("write");
	do {
		n = read(fd, answer + len, sizeof(answer) - 1 - len);
		len += n > 0 ? (size_t)n : 0;
		body = strstr(answer, "\r\n\r\n");
	} while (n > 0 && !(body && body[4]));
	if (n < 0 || !body)
		return fail("read");
	printf("%s:%s %s\n", peer, port, body + 4);
	return 0;
}

int main(int argc, char **argv)
{
	const char *device = NULL, *second = NULL;
	struct sockaddr_storage addr = {0};
	const struct timeval patience = {.tv_sec = 10};
	bool only_v6 = false, is_tcp;
	socklen_t len = 0;
	int option, on = 1, fd;

	while ((option = getopt(argc, argv, "6d:t:")) != -1) {
		if (option == '6')
			only_v6 = true;
		else if (option == 'd')
			device = optarg;
		else
			second = optarg;
	}
	if (argc - optind != 3)
		return 64;
	is_tcp = strcmp(argv[optind], "tcp") == 0;
	if (find(argv[optind + 1], argv[optind + 2], is_tcp, &addr, &len) < 0)
		return 64;
	fd = socket(addr.ss_family, is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (only_v6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, strlen(device)) < 0)
		return fail("bind to device");
	if (connect(fd, (struct sockaddr *)&addr, len) < 0)
		return fail("connect");
	if (second) {
		if (find(argv[optind + 1], second, is_tcp, &addr, &len) < 0 ||
		    connect(fd, (struct sockaddr *)&addr, len) < 0)
			return fail("second connect");
	}
	return talk(fd);
}
