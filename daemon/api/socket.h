/* SPDX-License-Identifier: GPL-2.0 */
#ifndef API_SOCKET_H
#define API_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#define API_SOCKET_MODE 0660
#define API_BACKLOG 32

/**
 * struct api_socket - a listening socket and its name
 * @fd: listening, non-blocking
 * @path: its name, owned
 * @dev: device and
 * @ino: inode of the name, to remove only what is ours
 */
struct api_socket {
	int fd;
	char *path;
	dev_t dev;
	ino_t ino;
};

/**
 * struct api_peer - who is at the other end of a connection
 * @uid: effective user when it connected
 * @may_ask: root, our own user, or in the socket's group
 * @may_change: root or our own user
 */
struct api_peer {
	uid_t uid;
	bool may_ask, may_change;
};

/**
 * api_socket_open() - Listen on @path.
 * @path: name of the socket
 * @ret: filled on success
 * @error_text: on failure, a sentence for a person (static text)
 * Return: as api_open(); @ret is untouched on failure.
 */
int api_socket_open(const char *path, struct api_socket *ret, const char **error_text);
/** api_socket_close() - Stop listening, remove the name unless another daemon has taken it. */
void api_socket_close(struct api_socket *sock);
/**
 * api_socket_peer() - Credentials of a connected peer, as the kernel saw them at connect().
 * @sock: whose group may ask
 * @fd: connected socket
 * @ret: filled on success
 *
 * Supplementary groups are the peer process's own (SO_PEERGROUPS): no name
 * service is asked, so nothing blocks.
 *
 * Return: 0; -errno, and then nobody may do anything.
 */
int api_socket_peer(const struct api_socket *sock, int fd, struct api_peer *ret);

#endif
