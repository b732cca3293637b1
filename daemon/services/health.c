// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: health: see health.h
 *
 * An attempt owns its socket and dies with it; the checker keeps the count.
 * A checker that is freed forgets its attempt, which closes by itself.
 */
#include "daemon/services/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>

#include "daemon/lib/endpoint.h"
#include "daemon/lib/memory.h"
#include "daemon/services/grpc.h"

#define UNIX_PREFIX "unix:"
#define REQUEST_MAX 512
#define STATUS_LINE_MAX 32 /* "HTTP/1.1 200" is 12 */
#define STATUS_GOOD_BELOW 400

/**
 * struct attempt - one check
 * @owner: NULL when it does not matter any more
 * @has_stream: it has a socket
 * @stream: the socket, one of the two
 * @connect: request to libuv
 * @timeout: ends it
 * @handles: of libuv, still open
 * @is_over: closing
 * @request: what http asks
 * @read_bytes: so far
 * @line: beginning of the answer of http
 * @line_len: bytes there
 * @grpc: NULL but for grpc
 * @task: the program of a command, while it runs
 * @buf: for reading
 */
struct attempt {
	struct health *owner;
	bool has_stream;
	union {
		uv_stream_t any;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} stream;
	uv_connect_t connect;
	uv_timer_t timeout;
	unsigned int handles;
	bool is_over;
	char request[REQUEST_MAX];
	size_t read_bytes;
	char line[STATUS_LINE_MAX + 1];
	size_t line_len;
	struct grpc_check *grpc;
	struct runtime_task *task;
	char buf[2048];
};

struct health {
	uv_loop_t *loop;
	struct runtime *runtime;
	const struct service_definition *definition;
	health_fn fn;
	void *arg;
	uv_timer_t timer;
	struct attempt *attempt;
	enum service_state state;
	uint32_t failures, successes;
	bool has_result;
};

/* ---- the count ----------------------------------------------------------- */

static void set_state(struct health *health, enum service_state state, const char *why)
{
	if (health->state == state)
		return;
	health->state = state;
	health->fn(health->arg, state, why);
}

static void note_success(struct health *health)
{
	health->failures = 0;
	health->successes++;
	if (!health->has_result || health->successes >= HEALTH_RECOVERED)
		set_state(health, SERVICE_AVAILABLE, "");
}

static void note_failure(struct health *health, const char *why)
{
	bool is_first = !health->has_result;

	health->successes = 0;
	health->failures++;
	if (is_first || health->failures >= health->definition->health_failures)
		set_state(health, SERVICE_FAILING, why);
}

/* ---- one attempt --------------------------------------------------------- */

static void on_handle_closed(uv_handle_t *handle)
{
	struct attempt *attempt = handle->data;

	if (--attempt->handles)
		return;
	grpc_check_free(attempt->grpc);
	free(attempt);
}

static void attempt_close(struct attempt *attempt)
{
	if (attempt->is_over)
		return;
	attempt->is_over = true;
	if (attempt->task)
		runtime_forget(attempt->task);
	if (attempt->has_stream)
		uv_close((uv_handle_t *)&attempt->stream, on_handle_closed);
	uv_close((uv_handle_t *)&attempt->timeout, on_handle_closed);
}

/* @why NULL: it is well. */
static void attempt_end(struct attempt *attempt, const char *why)
{
	struct health *health = attempt->owner;

	if (attempt->is_over)
		return;
	attempt_close(attempt);
	if (!health)
		return;
	attempt->owner = NULL;
	health->attempt = NULL;
	if (why)
		note_failure(health, why);
	else
		note_success(health);
	health->has_result = true;
}

static void attempt_end_uv(struct attempt *attempt, const char *what, int error)
{
	char why[HEALTH_WHY_MAX];

	snprintf(why, sizeof(why), "%s: %s", what, uv_strerror(error));
	attempt_end(attempt, why);
}

static void on_timeout(uv_timer_t *timer)
{
	attempt_end(timer->data, "no answer in time");
}

/* Requests are far shorter than a socket's buffer: what does not fit at once is a failure. */
static void attempt_write(struct attempt *attempt, const void *bytes, size_t len)
{
	uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned int)len);
	int r = uv_try_write(&attempt->stream.any, &buf, 1);

	if (r < 0 || (size_t)r != len)
		attempt_end_uv(attempt, "writing", r < 0 ? r : UV_ENOBUFS);
}

static void flush_grpc(struct attempt *attempt)
{
	const uint8_t *bytes;
	ssize_t n;

	while (!attempt->is_over && (n = grpc_check_output(attempt->grpc, &bytes)) != 0) {
		if (n < 0)
			attempt_end(attempt, "HTTP/2 failed");
		else
			attempt_write(attempt, bytes, (size_t)n);
	}
}

static void on_http_bytes(struct attempt *attempt, const char *bytes, size_t len)
{
	char why[HEALTH_WHY_MAX];
	int status;

	if (len > STATUS_LINE_MAX - attempt->line_len)
		len = STATUS_LINE_MAX - attempt->line_len;
	memcpy(attempt->line + attempt->line_len, bytes, len);
	attempt->line_len += len;
	attempt->line[attempt->line_len] = '\0';
	if (attempt->line_len < strlen("HTTP/1.1 200"))
		return;
	if (sscanf(attempt->line, "HTTP/1.%*1[01] %3d", &status) != 1) {
		attempt_end(attempt, "the answer is not HTTP");
	} else if (status >= STATUS_GOOD_BELOW) {
		snprintf(why, sizeof(why), "HTTP status %d", status);
		attempt_end(attempt, why);
	} else {
		attempt_end(attempt, NULL);
	}
}

static void on_grpc_bytes(struct attempt *attempt, const char *bytes, size_t len)
{
	int verdict = grpc_check_input(attempt->grpc, (const uint8_t *)bytes, len);

	if (verdict)
		attempt_end(attempt, verdict > 0 ? NULL : "gRPC health is not SERVING");
	else
		flush_grpc(attempt);
}

static void on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *ret)
{
	struct attempt *attempt = handle->data;

	*ret = uv_buf_init(attempt->buf, sizeof(attempt->buf));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct attempt *attempt = stream->data;

	if (n < 0) {
		attempt_end_uv(attempt, "reading", (int)n);
		return;
	}
	attempt->read_bytes += (size_t)n;
	if (attempt->read_bytes > HEALTH_BYTES_MAX)
		attempt_end(attempt, "the answer does not end");
	else if (attempt->grpc)
		on_grpc_bytes(attempt, buf->base, (size_t)n);
	else
		on_http_bytes(attempt, buf->base, (size_t)n);
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct attempt *attempt = connect->data;
	const struct service_definition *d = attempt->owner ? attempt->owner->definition : NULL;

	if (attempt->is_over || !d)
		return;
	if (status < 0) {
		attempt_end_uv(attempt, "connecting", status);
		return;
	}
	if (d->manifest.health == MANIFEST_HEALTH_TCP) {
		attempt_end(attempt, NULL);
		return;
	}
	uv_read_start(&attempt->stream.any, on_alloc, on_read);
	if (attempt->grpc) {
		flush_grpc(attempt);
		return;
	}
	snprintf(attempt->request, sizeof(attempt->request),
		 "GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: meshd\r\nConnection: "
		 "close\r\n\r\n",
		 d->health_target[0] ? d->health_target : "/");
	attempt_write(attempt, attempt->request, strlen(attempt->request));
}

static void attempt_connect(struct attempt *attempt, uv_loop_t *loop, const char *endpoint)
{
	struct sockaddr_storage address;
	struct endpoint at;
	int r;

	attempt->has_stream = true;
	attempt->handles++;
	if (strncmp(endpoint, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
		uv_pipe_init(loop, &attempt->stream.pipe, 0);
		attempt->stream.any.data = attempt;
		uv_pipe_connect(&attempt->connect, &attempt->stream.pipe,
				endpoint + strlen(UNIX_PREFIX), on_connected);
		return;
	}
	uv_tcp_init(loop, &attempt->stream.tcp);
	attempt->stream.any.data = attempt;
	endpoint_parse(endpoint, &at); /* the definition was checked */
	endpoint_to_sockaddr(&at, &address);
	r = uv_tcp_connect(&attempt->connect, &attempt->stream.tcp,
			   (const struct sockaddr *)&address, on_connected);
	if (r < 0)
		attempt_end_uv(attempt, "connecting", r);
}

static void on_command_ended(void *arg, const struct runtime_end *end)
{
	struct attempt *attempt = arg;
	char why[HEALTH_WHY_MAX];

	attempt->task = NULL;
	snprintf(why, sizeof(why), "the command: %.100s", end->text);
	attempt_end(attempt, end->has_run && !end->signal && !end->status ? NULL : why);
}

/* Words between blanks; what the service's program may not, its check may not either. */
static void attempt_run(struct attempt *attempt, struct health *health)
{
	const struct service_definition *d = health->definition;
	const struct runtime_events events = {.ended = on_command_ended, .arg = attempt};
	char target[DEFINITION_TARGET_MAX + 1], *rest = NULL, error[RUNTIME_TEXT_MAX];
	struct launch_spec spec;

	run_fill_spec(&d->run, d->manifest.name, &spec);
	if (spec.is_bundle)
		spec.directory = "/";
	spec.is_bundle = false;
	spec.argv.n = 0;
	memcpy(target, d->health_target, sizeof(target));
	for (char *word = strtok_r(target, " ", &rest); word && spec.argv.n < LAUNCH_WORDS_MAX;
	     word = strtok_r(NULL, " ", &rest))
		spec.argv.list[spec.argv.n++] = word;
	spec.argv.list[spec.argv.n] = NULL;
	attempt->task = runtime_start(health->runtime, &spec, NULL, 0, &events, error);
	if (!attempt->task)
		attempt_end(attempt, error);
}

static const char *endpoint_of(const struct service_definition *d)
{
	if (d->manifest.health == MANIFEST_HEALTH_TCP && d->health_target[0])
		return d->health_target;
	return d->manifest.endpoints[0];
}

static void on_due(uv_timer_t *timer)
{
	struct health *health = timer->data;
	struct attempt *attempt;

	if (health->attempt)
		return; /* the timeout may be longer than the interval */
	attempt = health->attempt = xnew(struct attempt);
	attempt->owner = health;
	attempt->handles = 1;
	attempt->connect.data = attempt;
	if (health->definition->manifest.health == MANIFEST_HEALTH_GRPC)
		attempt->grpc = grpc_check_new(health->definition->health_target);
	uv_timer_init(health->loop, &attempt->timeout);
	attempt->timeout.data = attempt;
	uv_timer_start(&attempt->timeout, on_timeout, health->definition->health_timeout_ms, 0);
	if (health->definition->manifest.health == MANIFEST_HEALTH_COMMAND)
		attempt_run(attempt, health);
	else
		attempt_connect(attempt, health->loop, endpoint_of(health->definition));
}

struct health *health_new(uv_loop_t *loop, struct runtime *runtime,
			  const struct service_definition *definition, enum service_state state,
			  health_fn fn, void *arg)
{
	struct health *health = xnew(struct health);

	health->loop = loop;
	health->runtime = runtime;
	health->definition = definition;
	health->state = state;
	health->fn = fn;
	health->arg = arg;
	uv_timer_init(loop, &health->timer);
	health->timer.data = health;
	uv_timer_start(&health->timer, on_due, 0, definition->manifest.health_interval_ms);
	return health;
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void health_free(struct health *health)
{
	if (!health)
		return;
	if (health->attempt) {
		health->attempt->owner = NULL;
		attempt_close(health->attempt);
	}
	uv_close((uv_handle_t *)&health->timer, on_timer_closed);
}

bool health_target_is_valid(uint8_t kind, const char *target)
{
	if (!target[0])
		return true;
	switch (kind) {
	case MANIFEST_HEALTH_TCP:
		return manifest_endpoint_is_valid(target);
	case MANIFEST_HEALTH_HTTP: /* goes into a request line */
		return target[0] == '/' && !strpbrk(target, " \t\r\n");
	case MANIFEST_HEALTH_GRPC:
		return strlen(target) <= GRPC_SERVICE_MAX;
	case MANIFEST_HEALTH_COMMAND:
		return target[0] == '/';
	default:
		return false;
	}
}
