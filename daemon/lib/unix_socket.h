/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIB_UNIX_SOCKET_H
#define LIB_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/un.h>

/** unix_socket_answers() - Does somebody listen at @address? */
bool unix_socket_answers(const struct sockaddr_un *address);
/**
 * unix_socket_clear() - Remove what a run that was killed has left.
 * @address: a path
 *
 * Context: Does not block.
 * Return: 0 the path is free now; -EADDRINUSE somebody listens there; -EEXIST it is no socket;
 * other -errno.
 */
int unix_socket_clear(const struct sockaddr_un *address);

#endif
