// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: unix_socket: names of Unix sockets
 *
 * A name that is left by a crash is recognised by nobody answering on it.
 */
#include "daemon/lib/unix_socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"

/* A full backlog (EAGAIN) means that somebody listens, too. */
bool unix_socket_answers(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return false;
	return connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	       errno == EAGAIN || errno == EINPROGRESS;
}

int unix_socket_clear(const struct sockaddr_un *address)
{
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (unix_socket_answers(address))
		return -EADDRINUSE;
	return unlink(address->sun_path) < 0 ? -errno : 0;
}
