// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: http: HTTP/1.1 around api_answer()
 *
 * libmicrohttpd without threads and without a listening socket: the loop
 * accepts, this file looks at who connected and hands the connection over.
 * Bounded: connections in all and per user, bytes of header and body, idle
 * time.  Every answer made here is JSON; only what libmicrohttpd refuses by
 * itself (malformed HTTP, header beyond API_CONNECTION_MEMORY) is not.
 */
#include "daemon/api/http.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/lib/memory.h"
#include "daemon/services/services.h"

#define FUNCTIONS_PREFIX "/v1/functions/"
#define BODY_DISCARD_MAX (4 * API_REQUEST_MAX) /* of a body beyond the limit, then it is cut */

/**
 * struct user - connections of one user
 * @uid: of the peer processes
 * @connections: open, 0 = the slot is free
 */
struct user {
	uid_t uid;
	unsigned int connections;
};

struct api_http {
	struct MHD_Daemon *daemon;
	struct api_state *state;
	const struct api_socket *sock;
	struct exchange_waker waker;
	struct user users[API_CONNECTIONS_MAX];
	unsigned int connections;
};

/**
 * struct body - what has arrived of a request's body
 * @bytes: what was kept, owned
 * @len: bytes kept
 * @total: bytes arrived
 * @exchange: the call of a function it became, NULL none
 * @is_counted: its result is to be told to the registry
 * @digest: of the function's manifest, if so
 * @called_ns: when it was called
 */
struct body {
	uint8_t *bytes;
	size_t len, total;
	struct exchange *exchange;
	bool is_counted;
	uint8_t digest[SHA256_LEN];
	uint64_t called_ns;
};

static struct user *user_find(struct api_http *http, uid_t uid)
{
	struct user *free_slot = NULL;

	for (size_t i = 0; i < API_CONNECTIONS_MAX; i++) {
		if (http->users[i].connections == 0)
			free_slot = &http->users[i];
		else if (http->users[i].uid == uid)
			return &http->users[i];
	}
	if (free_slot)
		free_slot->uid = uid;
	return free_slot;
}

static bool peer_of(struct api_http *http, struct MHD_Connection *connection, struct api_peer *ret)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info && api_socket_peer(http->sock, info->connect_fd, ret) == 0;
}

/* The socket context is the user the connection is counted for. */
static void on_connection(void *arg, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct api_http *http = arg;
	struct user *user = *socket_context;
	struct api_peer peer;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		http->connections++;
		if (!peer_of(http, connection, &peer))
			return;
		user = user_find(http, peer.uid);
		if (user)
			user->connections++;
		*socket_context = user;
		return;
	}
	http->connections--;
	if (user)
		user->connections--;
	*socket_context = NULL;
}

static const char *query_argument(void *arg, const char *key)
{
	return MHD_lookup_connection_value(arg, MHD_GET_ARGUMENT_KIND, key);
}

static enum MHD_Result send_reply(struct MHD_Connection *connection, struct api_reply *reply)
{
	char *text = json_dumps(reply->body, JSON_COMPACT);
	struct MHD_Response *response;
	enum MHD_Result result;

	json_decref(reply->body);
	if (!text)
		return MHD_NO;
	response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type", "application/json");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	if (reply->allow)
		MHD_add_response_header(response, "Allow", reply->allow);
	result = MHD_queue_response(connection, reply->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct api_http *http, struct MHD_Connection *connection,
			      struct api_reply *reply)
{
	http->state->counters.requests++;
	http->state->counters.refused++;
	return send_reply(connection, reply);
}

static enum MHD_Result refuse_too_large(struct api_http *http, struct MHD_Connection *connection)
{
	struct api_reply reply;

	api_reply_error(&reply, MHD_HTTP_CONTENT_TOO_LARGE, "too_large", NULL,
			"a body may have %d bytes", API_REQUEST_MAX);
	return refuse(http, connection, &reply);
}

static bool announces_too_much(struct MHD_Connection *connection)
{
	const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
						       MHD_HTTP_HEADER_CONTENT_LENGTH);

	return text && strtoull(text, NULL, 10) > API_REQUEST_MAX;
}

/* Return: false to end the connection. */
static bool body_add(struct body *body, const char *bytes, size_t len)
{
	body->total += len;
	if (body->total > BODY_DISCARD_MAX)
		return false;
	if (body->total > API_REQUEST_MAX)
		return true;
	body->bytes = xreallocarray(body->bytes, body->len + len, 1);
	memcpy(body->bytes + body->len, bytes, len);
	body->len += len;
	return true;
}

/* Return: it is one, with @ret filled. */
static bool find_function(const struct api_http *http, const char *path, struct services_file *ret)
{
	const char *name = path + strlen(FUNCTIONS_PREFIX);
	size_t len = strcspn(name, "/");

	for (size_t i = 0;
	     http->state->context.services && services_at(http->state->context.services, i, ret);
	     i++)
		if (ret->function && strlen(function_name(ret->function)) == len &&
		    memcmp(function_name(ret->function), name, len) == 0)
			return true;
	return false;
}

/* Who calls it here is a user of it as who comes through the proxy, which counts its own. */
static void begin_counting(const struct api_http *http, struct body *body,
			   const struct manifest *manifest)
{
	const struct api_context *context = &http->state->context;
	const struct registry_instance *instance = registry_find_version(
		hub_get_registry(context->hub), &hub_get_settings(context->hub)->id, manifest->name,
		manifest->version_text);

	body->is_counted = instance && context->result;
	if (!body->is_counted)
		return;
	memcpy(body->digest, instance->digest, SHA256_LEN);
	body->called_ns = context->now_ns(context->arg);
}

/* A body that is too long says nothing of the function. */
static enum MHD_Result reply_of_function(const struct api_http *http, struct body *body)
{
	const struct api_context *context = &http->state->context;
	unsigned int status = exchange_status(body->exchange);

	if (body->is_counted && exchange_is_over(body->exchange) &&
	    status != MHD_HTTP_CONTENT_TOO_LARGE)
		context->result(context->arg, &hub_get_settings(context->hub)->id, body->digest,
				status >= MHD_HTTP_INTERNAL_SERVER_ERROR,
				(context->now_ns(context->arg) - body->called_ns) / 1000);
	body->is_counted = false;
	return exchange_reply(body->exchange);
}

/* Return: the path is a function's, and the call has begun. */
static bool call_function(struct api_http *http, struct MHD_Connection *connection,
			  const char *path, const char *method, const struct api_peer *peer,
			  struct body *body)
{
	const char *type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
						       MHD_HTTP_HEADER_CONTENT_TYPE);
	const struct function_request request = {
		.method = method,
		.path = path + strcspn(path + strlen(FUNCTIONS_PREFIX), "/") +
			strlen(FUNCTIONS_PREFIX),
		.query = "", /* libmicrohttpd has taken it apart */
		.content_type = type ? type : "",
		.body = body->bytes,
		.len = body->len,
	};
	struct services_file file;

	if (!find_function(http, path, &file) || !peer->may_change || strcmp(method, "POST") != 0)
		return false;
	http->state->counters.requests++;
	begin_counting(http, body, &file.definition->manifest);
	body->exchange = exchange_new(file.function, connection, &request, &http->waker);
	return true;
}

static enum MHD_Result answer(struct api_http *http, struct MHD_Connection *connection,
			      const char *path, const char *method, struct body *body)
{
	struct api_peer peer = {0};
	struct api_reply reply;

	if (!peer_of(http, connection, &peer) || !peer.may_ask) {
		http->state->counters.peers_refused++;
		api_reply_error(&reply, MHD_HTTP_FORBIDDEN, "not_allowed",
				"ask as root, or be a member of the socket's group",
				"user %u may not ask this daemon", peer.uid);
		return refuse(http, connection, &reply);
	}
	if (body->total > API_REQUEST_MAX)
		return refuse_too_large(http, connection);
	if (strncmp(path, FUNCTIONS_PREFIX, strlen(FUNCTIONS_PREFIX)) == 0 &&
	    call_function(http, connection, path, method, &peer, body))
		return exchange_is_over(body->exchange) ? reply_of_function(http, body) : MHD_YES;

	struct api_request request = {
		.method = method,
		.path = path,
		.argument = query_argument,
		.arg = connection,
		.body = body->bytes,
		.len = body->len,
		.may_change = peer.may_change,
	};

	api_answer(http->state, &request, &reply);
	return send_reply(connection, &reply);
}

/* Called once with the header, then with pieces of the body, then at its end. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **request_context)
{
	struct api_http *http = arg;
	struct body *body = *request_context;

	if (!body) {
		*request_context = xnew(struct body);
		if (announces_too_much(connection))
			return refuse_too_large(http, connection);
		return MHD_YES;
	}
	if (body->exchange)
		return reply_of_function(http, body);
	if (*upload_size) {
		bool goes_on = body_add(body, upload, *upload_size);

		*upload_size = 0;
		return goes_on ? MHD_YES : MHD_NO;
	}
	return answer(http, connection, path, method, body);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **request_context,
			 enum MHD_RequestTerminationCode code)
{
	struct body *body = *request_context;

	if (!body)
		return;
	exchange_free(body->exchange);
	free(body->bytes);
	free(body);
	*request_context = NULL;
}

struct api_http *api_http_new(struct api_state *state, const struct api_socket *sock,
			      const struct exchange_waker *waker)
{
	struct api_http *http = xnew(struct api_http);

	http->state = state;
	http->sock = sock;
	http->waker = *waker;
	http->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		on_request, http, MHD_OPTION_CONNECTION_LIMIT, (unsigned int)API_CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)API_TIMEOUT_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)API_CONNECTION_MEMORY,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, http, MHD_OPTION_END);
	if (!http->daemon) {
		free(http);
		return NULL;
	}
	return http;
}

void api_http_free(struct api_http *http)
{
	if (!http)
		return;
	MHD_stop_daemon(http->daemon);
	free(http);
}

int api_http_fd(const struct api_http *http)
{
	return MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int api_http_run(struct api_http *http)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;

	MHD_run(http->daemon);
	if (MHD_get_timeout(http->daemon, &timeout_ms) != MHD_YES)
		return -1;
	return timeout_ms > API_TIMEOUT_S * 1000 ? API_TIMEOUT_S * 1000 : (int)timeout_ms;
}

void api_http_add(struct api_http *http, int fd)
{
	static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\n"
				   "Content-Type: application/json\r\n"
				   "Connection: close\r\n\r\n"
				   "{\"api\":1,\"error\":{\"code\":\"busy\",\"message\":\"too many "
				   "connections\",\"hint\":\"try again in a moment\"}}";
	struct api_peer peer;
	struct user *user;

	if (api_socket_peer(http->sock, fd, &peer) < 0) {
		close(fd);
		return;
	}
	user = user_find(http, peer.uid);
	if (http->connections >= API_CONNECTIONS_MAX || !user ||
	    (peer.uid != 0 && user->connections >= API_CONNECTIONS_PER_UID_MAX)) {
		http->state->counters.connections_limited++;
		/* A fresh socket's buffer takes this whole or the peer is gone. */
		(void)!send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		close(fd);
		return;
	}
	/* Closes the descriptor when it fails. */
	MHD_add_connection(http->daemon, fd, NULL, 0);
}
