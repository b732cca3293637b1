/* SPDX-License-Identifier: GPL-2.0 */
#ifndef API_HTTP_H
#define API_HTTP_H

#include "daemon/api/resource.h"
#include "daemon/api/socket.h"
#include "daemon/services/exchange.h"

struct api_http;

/**
 * api_http_new() - An HTTP server without a listening socket, to be run by a loop.
 * @state: answers; borrowed
 * @sock: tells who may ask; borrowed
 * @waker: has api_http_run() called soon
 * Return: NULL when libmicrohttpd refuses.
 */
struct api_http *api_http_new(struct api_state *state, const struct api_socket *sock,
			      const struct exchange_waker *waker);
/** api_http_free() - Ends every connection. */
void api_http_free(struct api_http *http);
/** api_http_fd() - Readable when api_http_run() has something to do. */
int api_http_fd(const struct api_http *http);
/** api_http_run() - Do what can be done without waiting. Return: ms until next time, -1 = on fd. */
int api_http_run(struct api_http *http);
/** api_http_add() - Take over an accepted connection; refuses and closes it over a limit. */
void api_http_add(struct api_http *http, int fd);

#endif
