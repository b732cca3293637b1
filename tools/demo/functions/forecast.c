// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: a function in C: a town in, its forecast out, asked over HTTP with sockets alone
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEXT_MAX 4096

static int fail(const char *what)
{
	fprintf(stderr, "forecast: %s\n", what);
	return EXIT_FAILURE;
}

/* "http://HOST:PORT/PATH" */
static int parse_url(const char *url, char *host, char *port, char *path)
{
	return sscanf(url, "http://%255[^:/]:%15[0-9]/%1023s", host, port, path) == 3 ? 0 : -1;
}

static int dial(const char *host, const char *port)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &list))
		return -1;
	for (const struct addrinfo *at = list; at && fd < 0; at = at->ai_next) {
		fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
		if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) < 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd;
}

static size_t read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	return len;
}

int main(void)
{
	const char *url = getenv("WEATHER_URL");
	char host[256], port[16], path[1024], town[TEXT_MAX], answer[TEXT_MAX];
	const char *body;
	int fd;

	if (!url || parse_url(url, host, port, path))
		return fail("WEATHER_URL is not http://HOST:PORT/PATH");
	read_all(STDIN_FILENO, town, sizeof(town));
	fd = dial(host, port);
	if (fd < 0)
		return fail("the weather service cannot be reached");
	dprintf(fd, "GET /%s HTTP/1.0\r\nHost: %s\r\n\r\n", path, host);
	read_all(fd, answer, sizeof(answer));
	body = strstr(answer, "\r\n\r\n");
	if (!body || !strstr(answer, " 200 "))
		return fail("the weather service did not answer well");
	printf("C: %s: %s", town, body + 4);
	return EXIT_SUCCESS;
}
