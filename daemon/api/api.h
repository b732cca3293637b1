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
#define API_CONNECTIONS_PER_UID_MAX 16 /* of one user but root: nobody locks root out */
#define API_CONNECTION_MEMORY 32768 /* bytes for a connection's header and URL */
#define API_DROP_WINDOW_S 60 /* "drops rising" looks at this long a past */
#define API_CERTIFICATE_WARN_S (30 * 86400)

struct api;
struct config;
struct names;
struct proxy;
struct services;
struct store;
struct history;
struct proxy_identities;

/**
 * struct api_certificate - when our certificate is good
 * @not_before_s: from then on, Unix time
 * @not_after_s: until then, Unix time
 */
struct api_certificate {
	int64_t not_before_s, not_after_s;
};

/**
 * struct api_context - what the API may look at; pointers outlive it
 * @hub: answers through its views
 * @datapath: NULL without the module
 * @transport: for its counters; NULL leaves them out
 * @underlay: for interface names; NULL writes "?"
 * @proxy: carries connections to services; NULL: answered with 501
 * @history: performance of services; NULL, now or at all: none is kept
 * @history_error: why it is not open, "" it is; NULL: unknown
 * @versions_error: why orders and rulings are not on disk, "" they are; NULL: unknown
 * @services: what this hub provides; NULL: it cannot be asked or changed
 * @names: name server; NULL: off
 * @config: the settings in force, without secrets (there are none in it)
 * @module_error: why @datapath is NULL, for a person; may be NULL
 * @certificate: dates of ours; NULL: unknown
 * @store: whether the state directory can be written; NULL: unknown
 * @identities: certificates of our services; NULL: none
 * @now_ns: monotonic clock of the hub's events
 * @reload: POST /v1/reload: 0 or -EINVAL with text; NULL: answered with 501
 * @resolve: a user needs a service: the request's id, 0 refused; NULL: never
 * @release: the user of a request is done; NULL: nobody ever asked
 * @result: a use of a leased service ended; NULL: nobody ever has a lease
 * @order_version: an operator wants another version, as hub_on_version_order(); NULL: -ENOSYS
 * @revoke: a list of revocations comes from an operator: hub_on_revocations(), with a sentence
 *	unless 0; NULL: answered with 501
 * @arg: handed to the functions
 */
struct api_context {
	const struct hub *hub;
	struct datapath *datapath;
	const struct transport *transport;
	const struct underlay *underlay;
	const struct proxy *proxy;
	struct services *services;
	const struct names *names;
	struct history *const *history;
	const char *history_error, *versions_error;
	const struct config *config;
	const char *module_error;
	const struct api_certificate *certificate;
	const struct store *store;
	const struct proxy_identities *identities;
	uint64_t (*now_ns)(void *arg);
	int (*reload)(void *arg, char *error, size_t error_size);
	uint64_t (*resolve)(void *arg, const struct broker_query *query);
	void (*release)(void *arg, uint64_t request);
	void (*result)(void *arg, const struct hub_id *provider, const uint8_t *digest,
		       bool is_error, uint64_t latency_us);
	int (*order_version)(void *arg, const struct hub_version_order *order);
	int (*revoke)(void *arg, const uint8_t *bytes, size_t len, const char **error_text);
	void *arg;
};

/**
 * api_open() - Take the socket path and answer on it from @loop.
 * @loop: drives everything; must outlive the api
 * @socket_path: a stale socket there is replaced, a live one or another kind of file is not
 * @context: copied; what it points to is borrowed until api_close()
 * @ret: filled on success
 * @error_text: on failure, a sentence for a person (static text)
 *
 * The socket is 0660 and belongs to the daemon's effective user and group; chown its group after
 * this to let another group ask.
 *
 * Return: 0; -EADDRINUSE a daemon answers there; -EEXIST not a socket; -ENAMETOOLONG;
 * -ENOENT no such directory; other -errno.
 */
int api_open(uv_loop_t *loop, const char *socket_path, const struct api_context *context,
	     struct api **ret, const char **error_text);
/** api_close() - Remove the socket, end connections; needs the loop to run once more to free. */
void api_close(struct api *api);
/**
 * api_log_line() - Remember a line for GET /v1/log (ring of API_LOG_LINES_MAX).
 * @api: NULL is allowed and forgets the line
 * @unix_ms: wall clock
 * @level: 0 error .. 3 debug
 * @class: "info", "peer", "local", "bug"
 * @text: copied, at most LOG_LINE_MAX bytes (daemon/lib/log.h)
 *
 * Context: Any thread, so that it can be called from log_set_sink()'s sink.
 */
void api_log_line(struct api *api, int64_t unix_ms, int level, const char *class, const char *text);

#endif
