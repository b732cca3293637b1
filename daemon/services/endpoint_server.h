/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: endpoint_server: HTTP/1.1 on a function's endpoint
 *
 * Bounded in connections, header, body and idle time.  Who may connect is a
 * matter of the endpoint: loopback, or the mode of a Unix socket's directory.
 */
#ifndef SERVICES_ENDPOINT_SERVER_H
#define SERVICES_ENDPOINT_SERVER_H

#include "daemon/services/function.h"

#define ENDPOINT_CONNECTIONS_MAX 128
#define ENDPOINT_CONNECTION_MEMORY 16384 /* bytes of header and URL */
#define ENDPOINT_IDLE_S 30

struct endpoint_server;

/**
 * endpoint_server_new() - Serve a function.
 * @loop: drives it
 * @function: called; freed after this
 * @endpoint: ADDRESS:PORT or unix:/PATH
 * @ret: filled on success
 *
 * Return: 0; -errno of the socket.
 */
int endpoint_server_new(uv_loop_t *loop, struct function *function, const char *endpoint,
			struct endpoint_server **ret);
/** endpoint_server_free() - After function_end_calls(); NULL is allowed. */
void endpoint_server_free(struct endpoint_server *server);

#endif
