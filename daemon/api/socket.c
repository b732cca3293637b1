// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: socket: the API's Unix socket and who is behind a connection
 *
 * The name appears by rename() with its final mode, so there is no moment at
 * which it is open to everyone and none at which a client finds nothing.  A
 * name left by a crash is recognised by nobody answering on it.
 */
#include "daemon/api/socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "daemon/lib/unix_socket.h"

#define GROUPS_MAX 65536 /* NGROUPS_MAX of the kernel */

static int fail(int error, const char **error_text, const char *text)
{
	*error_text = text;
	return error;
}

static int address_from_path(const char *path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	strcpy(ret->sun_path, path);
	return 0;
}

static int check_name_is_free(const struct sockaddr_un *address, const char **error_text)
{
	struct stat st;

	if (lstat(address->sun_path, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		return fail(-errno, error_text, "the API socket's path cannot be looked up");
	}
	if (!S_ISSOCK(st.st_mode))
		return fail(-EEXIST, error_text,
			    "the API socket's path is taken by something that is not a socket; "
			    "remove it or write another socket: in meshd.yaml");
	if (unix_socket_answers(address))
		return fail(-EADDRINUSE, error_text,
			    "another meshd answers on the API socket; stop it first");
	return 0;
}

static int bind_under_name(int fd, const struct sockaddr_un *temporary, const char *path,
			   struct stat *st, const char **error_text)
{
	unlink(temporary->sun_path);
	if (bind(fd, (const struct sockaddr *)temporary, sizeof(*temporary)) < 0)
		return fail(-errno, error_text,
			    errno == ENOENT ? "the API socket's directory does not exist; make it "
					      "(systemd: RuntimeDirectory=hubmesh)"
					    : "the API socket cannot be made in its directory");
	if (chmod(temporary->sun_path, API_SOCKET_MODE) < 0 || listen(fd, API_BACKLOG) < 0 ||
	    lstat(temporary->sun_path, st) < 0 || rename(temporary->sun_path, path) < 0) {
		int error = -errno;

		unlink(temporary->sun_path);
		return fail(error, error_text, "the API socket cannot be put in its place");
	}
	return 0;
}

int api_socket_open(const char *path, struct api_socket *ret, const char **error_text)
{
	_cleanup_free_ char *temporary_path = xasprintf("%s.new", path);
	struct sockaddr_un address, temporary;
	_cleanup_close_ int fd = -1;
	struct stat st;
	int error;

	if (address_from_path(path, &address) < 0 ||
	    address_from_path(temporary_path, &temporary) < 0)
		return fail(-ENAMETOOLONG, error_text,
			    "the API socket's path is too long; 103 bytes are the most");
	error = check_name_is_free(&address, error_text);
	if (error < 0)
		return error;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(-errno, error_text, "no socket for the API");
	error = bind_under_name(fd, &temporary, path, &st, error_text);
	if (error < 0)
		return error;
	*ret = (struct api_socket){
		.fd = steal_fd(&fd),
		.path = xstrdup(path),
		.dev = st.st_dev,
		.ino = st.st_ino,
	};
	return 0;
}

void api_socket_close(struct api_socket *sock)
{
	struct stat st;

	if (!sock->path)
		return;
	if (lstat(sock->path, &st) == 0 && st.st_dev == sock->dev && st.st_ino == sock->ino)
		unlink(sock->path);
	close(sock->fd);
	free(sock->path);
	*sock = (struct api_socket){.fd = -1};
}

static bool peer_is_in_group(int fd, gid_t primary, gid_t group)
{
	_cleanup_free_ gid_t *groups = NULL;
	socklen_t size = 0;

	if (primary == group)
		return true;
	/* The first call fails with ERANGE and tells the size. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE ||
	    size > GROUPS_MAX * sizeof(gid_t))
		return false;
	groups = xmalloc(size);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (size_t i = 0; i < size / sizeof(gid_t); i++)
		if (groups[i] == group)
			return true;
	return false;
}

int api_socket_peer(const struct api_socket *sock, int fd, struct api_peer *ret)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);
	struct stat st;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return -errno;
	*ret = (struct api_peer){.uid = credentials.uid};
	ret->may_change = credentials.uid == 0 || credentials.uid == geteuid();
	ret->may_ask = ret->may_change;
	/* Asked for each time: chown of the socket takes effect at once. */
	if (!ret->may_ask && stat(sock->path, &st) == 0)
		ret->may_ask = peer_is_in_group(fd, credentials.gid, st.st_gid);
	return 0;
}
