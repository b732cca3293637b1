// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: api: the loop's side of the local API
 *
 * Owns the socket, the HTTP server and their handles: accepts connections,
 * runs the server when its epoll descriptor or its timer says so, and takes
 * a sample of the device's counters now and then for the warnings of
 * /v1/status.
 */
#include "daemon/api/api.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "daemon/api/http.h"
#include "daemon/api/socket.h"
#include "daemon/lib/memory.h"

#define ACCEPTS_PER_WAKE 16
#define ACCEPT_RETRY_MS 1000 /* after running out of descriptors */
#define SAMPLE_MS (API_DROP_WINDOW_S * 1000 / (HEALTH_SAMPLES - 1))

struct api {
	struct api_socket sock;
	struct api_state state;
	struct api_http *http;
	uv_poll_t listener, server;
	uv_timer_t deadline, sampler, accept_retry;
	unsigned int open_handles;
};

static void api_run(struct api *api);

static void on_deadline(uv_timer_t *timer)
{
	api_run(timer->data);
}

static void api_run(struct api *api)
{
	int timeout_ms = api_http_run(api->http);

	if (timeout_ms < 0)
		uv_timer_stop(&api->deadline);
	else
		uv_timer_start(&api->deadline, on_deadline, (uint64_t)timeout_ms, 0);
}

static void wake(void *arg)
{
	struct api *api = arg;

	uv_timer_start(&api->deadline, on_deadline, 0, 0);
}

static void on_server(uv_poll_t *poll, int status, int events)
{
	api_run(poll->data);
}

static void on_listener(uv_poll_t *poll, int status, int events);

static void on_accept_retry(uv_timer_t *timer)
{
	struct api *api = timer->data;

	uv_poll_start(&api->listener, UV_READABLE, on_listener);
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
	struct api *api = poll->data;

	for (int i = 0; i < ACCEPTS_PER_WAKE; i++) {
		int fd = accept4(api->sock.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			api_http_add(api->http, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			/* The listener stays readable: look away for a while. */
			uv_poll_stop(&api->listener);
			uv_timer_start(&api->accept_retry, on_accept_retry, ACCEPT_RETRY_MS, 0);
		}
		break;
	}
	api_run(api);
}

static void on_sample(uv_timer_t *timer)
{
	struct api *api = timer->data;
	const struct api_context *context = &api->state.context;
	struct datapath_device_stats stats = {0};

	if (context->datapath && datapath_read_device(context->datapath, &stats) == 0)
		health_history_add(&api->state.history, context->now_ns(context->arg), &stats);
}

static void handles_init(struct api *api, uv_loop_t *loop)
{
	int error = 0;

	error |= uv_poll_init(loop, &api->listener, api->sock.fd);
	error |= uv_poll_init(loop, &api->server, api_http_fd(api->http));
	error |= uv_timer_init(loop, &api->deadline);
	error |= uv_timer_init(loop, &api->sampler);
	error |= uv_timer_init(loop, &api->accept_retry);
	assert(!error); /* fresh, pollable descriptors */
	api->listener.data = api->server.data = api;
	api->deadline.data = api->sampler.data = api->accept_retry.data = api;
	api->open_handles = 5;
	uv_poll_start(&api->listener, UV_READABLE, on_listener);
	uv_poll_start(&api->server, UV_READABLE, on_server);
	uv_timer_start(&api->sampler, on_sample, 0, SAMPLE_MS);
}

int api_open(uv_loop_t *loop, const char *socket_path, const struct api_context *context,
	     struct api **ret, const char **error_text)
{
	struct api *api = xnew(struct api);
	int error;

	error = api_socket_open(socket_path, &api->sock, error_text);
	if (error < 0) {
		free(api);
		return error;
	}
	api->http = api_http_new(&api->state, &api->sock, &(struct exchange_waker){wake, api});
	if (!api->http) {
		*error_text = "libmicrohttpd refused to start";
		api_socket_close(&api->sock);
		free(api);
		return -EIO;
	}
	api->state.context = *context;
	api->state.ring = log_ring_new();
	api->state.started_ns = context->now_ns(context->arg);
	handles_init(api, loop);
	*ret = api;
	return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct api *api = handle->data;

	if (--api->open_handles)
		return;
	log_ring_free(api->state.ring);
	free(api);
}

void api_close(struct api *api)
{
	if (!api)
		return;
	/* libuv forgets the descriptors before they are closed. */
	uv_poll_stop(&api->listener);
	uv_poll_stop(&api->server);
	uv_close((uv_handle_t *)&api->listener, on_handle_closed);
	uv_close((uv_handle_t *)&api->server, on_handle_closed);
	uv_close((uv_handle_t *)&api->deadline, on_handle_closed);
	uv_close((uv_handle_t *)&api->sampler, on_handle_closed);
	uv_close((uv_handle_t *)&api->accept_retry, on_handle_closed);
	api_http_free(api->http);
	api_socket_close(&api->sock);
}

void api_log_line(struct api *api, int64_t unix_ms, int level, const char *class, const char *text)
{
	if (api)
		log_ring_add(api->state.ring, unix_ms, level, class, text);
}
