/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: api: local HTTP/JSON on a Unix socket
 *
 * A shell over libmicrohttpd driven by the daemon's loop.  Reads the hub
 * through its views and the datapath's statistics; changes nothing but what
 * a POST names.  Peer credentials: root and the socket's group may ask;
 * only root (or the daemon's own user) may POST.  Every answer is
 * {"api": 1, ...}; errors are {"api": 1, "error": {"code", "message", "hint"}}.
 * Documentation/api.rst lists resources and fields; they are stable.
 */
#ifndef API_API_H
#define API_API_H

#include <uv.h>

#include "daemon/datapath/datapath.h"
#include "daemon/hub/hub.h"
#include "daemon/transport/transport.h"
#include "daemon/underlay/underlay.h"

#define API_VERSION 1
#define API_CONNECTIONS_MAX 32
#define API_REQUEST_MAX 65536
#define API_TIMEOUT_S 30
#define API_LOG_LINES_MAX 1024 /* recent log lines kept for meshctl log */

struct api;
struct config;

/**
 * struct api_context - what the API may look at; pointers outlive it
 * @datapath: NULL without the module
 * @reload: POST /v1/reload: 0 or -EINVAL with text
 */
struct api_context {
	const struct hub *hub;
	struct datapath *datapath;
	const struct transport *transport;
	const struct underlay *underlay;
	const struct config *config;
	uint64_t (*now_ns)(void *arg);
	int (*reload)(void *arg, char *error, size_t error_size);
	void *arg;
};

int api_open(uv_loop_t *loop, const char *socket_path, const struct api_context *context,
	     struct api **ret, const char **error_text);
void api_close(struct api *api);
/** api_log_line() - Remember a line for GET /v1/log (ring of API_LOG_LINES_MAX). */
void api_log_line(struct api *api, int64_t unix_ms, int level, const char *class, const char *text);

#endif
