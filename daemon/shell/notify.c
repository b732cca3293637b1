// SPDX-License-Identifier: GPL-2.0
#include "daemon/shell/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NOTIFY_MAX 1024

/* "/path", or "@name" in the abstract namespace. Return: address length; -errno. */
static int notify_address(const char *path, struct sockaddr_un *ret)
{
	size_t len = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || path[1] == '\0')
		return -EAFNOSUPPORT;
	if (len >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	memcpy(ret->sun_path, path, len);
	if (path[0] == '@')
		ret->sun_path[0] = '\0';
	return (int)(offsetof(struct sockaddr_un, sun_path) + len);
}

int notify_send(const char *fmt, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to;
	char text[NOTIFY_MAX];
	int len, to_len, fd, error = 0;
	va_list ap;

	if (!path || !*path)
		return 0;
	to_len = notify_address(path, &to);
	if (to_len < 0)
		return to_len;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(text))
		return -EMSGSIZE;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, text, (size_t)len, MSG_NOSIGNAL, (struct sockaddr *)&to, (socklen_t)to_len) <
	    0)
		error = -errno;
	close(fd);
	return error ? error : 1;
}

/* A whole positive number, or 0. */
static uint64_t environment_number(const char *name)
{
	const char *text = getenv(name);
	unsigned long long value;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	value = strtoull(text, &end, 10);
	return errno || *end ? 0 : value;
}

uint64_t notify_watchdog_us(void)
{
	uint64_t pid = environment_number("WATCHDOG_PID");

	if (pid && pid != (uint64_t)getpid())
		return 0;
	return environment_number("WATCHDOG_USEC");
}
