// SPDX-License-Identifier: GPL-2.0
/* DOC: endpoint_server: see endpoint_server.h */
#include "daemon/services/endpoint_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/endpoint.h"
#include "daemon/lib/memory.h"
#include "daemon/lib/unix_socket.h"
#include "daemon/services/exchange.h"

#define UNIX_PREFIX "unix:"
#define UNIX_MODE 0666 /* its directory says who may */
#define BACKLOG 128
#define DRAINED_MAX (16 * FUNCTION_BODY_MAX) /* read and thrown away, so that a 413 is heard */

/**
 * struct endpoint_server - the server
 * @function: called
 * @daemon: of libmicrohttpd
 * @poll: of its epoll descriptor
 * @deadline: when it wants to run again
 * @waker: sets @deadline to now
 * @handles: of libuv, still open
 * @path: of a Unix socket, "" none
 */
struct endpoint_server {
	struct function *function;
	struct MHD_Daemon *daemon;
	uv_poll_t poll;
	uv_timer_t deadline;
	struct exchange_waker waker;
	unsigned int handles;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
};

/**
 * struct arrival - a request on its way in
 * @query: after the question mark, owned
 * @body: so far, owned
 * @len: of @body; more than FUNCTION_BODY_MAX: it is too long, and the rest is thrown away
 * @has_head: the handler saw its header
 * @exchange: NULL until the body is whole
 */
struct arrival {
	char *query;
	uint8_t *body;
	size_t len;
	bool has_head;
	struct exchange *exchange;
};

/* libmicrohttpd takes the query apart; a program wants it as it came. */
static void *on_uri(void *arg, const char *uri, struct MHD_Connection *connection)
{
	struct arrival *arrival = xnew(struct arrival);
	const char *query = strchr(uri, '?');

	arrival->query = xstrdup(query ? query + 1 : "");
	return arrival;
}

/* Nothing more is read of the connection: what follows may be a body. */
static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned int status)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;

	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result count_length(void *arg, enum MHD_ValueKind kind, const char *key,
				    const char *value)
{
	size_t *n = arg;

	*n += strcasecmp(key, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0 ||
	      strcasecmp(key, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
	return MHD_YES;
}

/* Whose length was said twice may have ended elsewhere for whoever passed it on (RFC 9112, 6.3). */
static enum MHD_Result check_head(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_CONTENT_LENGTH);
	size_t n = 0;

	MHD_get_connection_values(connection, MHD_HEADER_KIND, count_length, &n);
	if (n > 1)
		return refuse(connection, MHD_HTTP_BAD_REQUEST);
	if (length && strtoull(length, NULL, 10) > FUNCTION_BODY_MAX)
		return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE);
	return MHD_YES;
}

/* In chunks it never said how long it would be. Return: MHD_NO: enough. */
static enum MHD_Result take_body(struct arrival *arrival, const char *upload, size_t *upload_size)
{
	bool is_too_long = *upload_size + arrival->len > FUNCTION_BODY_MAX;

	if (!is_too_long) {
		arrival->body = xreallocarray(arrival->body, arrival->len + *upload_size, 1);
		memcpy(arrival->body + arrival->len, upload, *upload_size);
	}
	arrival->len += *upload_size;
	*upload_size = 0;
	return arrival->len <= DRAINED_MAX ? MHD_YES : MHD_NO;
}

static enum MHD_Result call(struct endpoint_server *server, struct MHD_Connection *connection,
			    const char *path, const char *method, struct arrival *arrival)
{
	const char *type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
						       MHD_HTTP_HEADER_CONTENT_TYPE);
	const struct function_request request = {
		.method = method,
		.path = path,
		.query = arrival->query,
		.content_type = type ? type : "",
		.body = arrival->body,
		.len = arrival->len,
	};

	arrival->exchange = exchange_new(server->function, connection, &request, &server->waker);
	free(arrival->body);
	arrival->body = NULL;
	return MHD_YES;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **context)
{
	struct arrival *arrival = *context;

	if (arrival->exchange)
		return exchange_reply(arrival->exchange);
	if (!arrival->has_head) {
		arrival->has_head = true;
		return check_head(connection);
	}
	if (*upload_size)
		return take_body(arrival, upload, upload_size);
	if (arrival->len > FUNCTION_BODY_MAX)
		return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE);
	call(arg, connection, path, method, arrival);
	/* Refused at once: it is not suspended, and nobody asks again. */
	return exchange_is_over(arrival->exchange) ? exchange_reply(arrival->exchange) : MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode code)
{
	struct arrival *arrival = *context;

	if (!arrival)
		return;
	exchange_free(arrival->exchange);
	free(arrival->query);
	free(arrival->body);
	free(arrival);
	*context = NULL;
}

/* ---- the loop ------------------------------------------------------------ */

static void run(struct endpoint_server *server);

static void on_deadline(uv_timer_t *timer)
{
	run(timer->data);
}

static void wake(void *arg)
{
	struct endpoint_server *server = arg;

	uv_timer_start(&server->deadline, on_deadline, 0, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	run(poll->data);
}

static void run(struct endpoint_server *server)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;

	MHD_run(server->daemon);
	if (MHD_get_timeout(server->daemon, &timeout_ms) != MHD_YES)
		uv_timer_stop(&server->deadline);
	else
		uv_timer_start(&server->deadline, on_deadline, timeout_ms, 0);
}

/* ---- life ---------------------------------------------------------------- */

static int listen_unix(const char *path, char *ret_path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	error = unix_socket_clear(&address);
	if (error)
		return error;
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(path, UNIX_MODE) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	memcpy(ret_path, path, strlen(path) + 1);
	return steal_fd(&fd);
}

static int listen_tcp(const char *endpoint)
{
	struct sockaddr_storage address;
	socklen_t len;
	struct endpoint at;
	_cleanup_close_ int fd = -1;
	int on = 1;

	if (endpoint_parse(endpoint, &at) < 0)
		return -EINVAL;
	len = endpoint_to_sockaddr(&at, &address);
	fd = socket(at.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, len) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return steal_fd(&fd);
}

static struct MHD_Daemon *start(struct endpoint_server *server, int fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request,
				server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
				(unsigned int)ENDPOINT_CONNECTIONS_MAX,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)ENDPOINT_IDLE_S,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				(size_t)ENDPOINT_CONNECTION_MEMORY, MHD_OPTION_URI_LOG_CALLBACK,
				on_uri, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
				MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

int endpoint_server_new(uv_loop_t *loop, struct function *function, const char *endpoint,
			struct endpoint_server **ret)
{
	struct endpoint_server *server = xnew(struct endpoint_server);
	bool is_unix = strncmp(endpoint, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0;
	int fd = is_unix ? listen_unix(endpoint + strlen(UNIX_PREFIX), server->path)
			 : listen_tcp(endpoint);

	server->function = function;
	if (fd >= 0) {
		server->daemon = start(server, fd);
		if (!server->daemon) {
			close(fd);
			fd = -EIO;
		}
	}
	if (fd < 0) {
		free(server);
		return fd;
	}
	uv_poll_init(loop, &server->poll,
		     MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
	uv_timer_init(loop, &server->deadline);
	server->poll.data = server->deadline.data = server;
	server->handles = 2;
	server->waker = (struct exchange_waker){wake, server};
	uv_poll_start(&server->poll, UV_READABLE, on_poll);
	*ret = server;
	return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct endpoint_server *server = handle->data;

	if (--server->handles == 0)
		free(server);
}

void endpoint_server_free(struct endpoint_server *server)
{
	if (!server)
		return;
	/* libuv forgets the descriptor before it is closed. */
	uv_poll_stop(&server->poll);
	uv_close((uv_handle_t *)&server->poll, on_handle_closed);
	uv_close((uv_handle_t *)&server->deadline, on_handle_closed);
	MHD_stop_daemon(server->daemon); /* and the listening socket */
	if (server->path[0])
		unlink(server->path);
}
