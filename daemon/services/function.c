// SPDX-License-Identifier: GPL-2.0
/* DOC: function: see function.h */
#include "daemon/services/function.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/lib/memory.h"
#include "daemon/lib/prng.h"

#define VARIABLES_MAX 8

/**
 * struct function_call - one call
 * @function: called
 * @next: called after it
 * @done: whom to tell
 * @arg: handed to @done
 * @variables: NAME=VALUE of CGI, owned
 * @n_variables: entries of @variables
 * @input: the body until the program has it, owned
 * @input_len: of @input
 * @task: NULL while it waits
 * @output: so far, owned
 * @output_len: of @output
 * @until_ns: its timeout
 */
struct function_call {
	struct function *function;
	struct function_call *next;
	function_done_fn done;
	void *arg;
	char *variables[VARIABLES_MAX];
	size_t n_variables;
	void *input;
	size_t input_len;
	struct runtime_task *task;
	char *output;
	size_t output_len;
	uint64_t until_ns;
};

/**
 * struct function - a program to be called
 * @loop: drives it
 * @runtime: runs it
 * @definition: of its service
 * @calls: oldest first
 * @n_calls: entries of @calls
 * @n_running: of them with a program
 * @timer: due at the earliest timeout
 * @log: what went to standard error
 */
struct function {
	uv_loop_t *loop;
	struct runtime *runtime;
	struct service_definition definition;
	struct function_call *calls;
	size_t n_calls, n_running;
	uv_timer_t timer;
	struct program_log log;
};

static void run_waiting(struct function *function);

static int64_t unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- a call's end -------------------------------------------------------- */

static void call_free(struct function_call *call)
{
	struct function_call **at = &call->function->calls;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	call->function->n_calls--;
	if (call->task) {
		call->function->n_running--;
		runtime_forget(call->task);
	}
	for (size_t i = 0; i < call->n_variables; i++)
		free(call->variables[i]);
	free(call->input);
	free(call->output);
	free(call);
}

static void call_end(struct function_call *call, const struct function_reply *reply)
{
	struct function *function = call->function;

	call->done(call->arg, reply);
	call_free(call);
	run_waiting(function);
}

static struct function_reply sentence(unsigned int status, const char *text)
{
	return (struct function_reply){status, "text/plain", text, strlen(text)};
}

static void call_fail(struct function_call *call, unsigned int status, const char *text)
{
	struct function_reply reply = sentence(status, text);

	program_log_note(&call->function->log, unix_ms(), text);
	call_end(call, &reply);
}

static void on_output(void *arg, enum runtime_stream stream, const char *bytes, size_t len)
{
	struct function_call *call = arg;

	if (stream == RUNTIME_ERROR_OUTPUT) {
		program_log_add(&call->function->log, unix_ms(), stream, bytes, len);
		return;
	}
	if (len > FUNCTION_BODY_MAX - call->output_len) {
		call_fail(call, 502, "the function wrote more than an answer may have\n");
		return;
	}
	call->output = xreallocarray(call->output, call->output_len + len, 1);
	memcpy(call->output + call->output_len, bytes, len);
	call->output_len += len;
}

static void on_ended(void *arg, const struct runtime_end *end)
{
	struct function_call *call = arg;
	const struct function_reply good = {200, call->function->definition.run.content_type,
					    call->output ? call->output : "", call->output_len};
	char text[RUNTIME_TEXT_MAX + 32];

	call->task = NULL;
	call->function->n_running--;
	program_log_flush(&call->function->log, unix_ms());
	if (end->has_run && !end->signal && !end->status) {
		call_end(call, &good);
		return;
	}
	snprintf(text, sizeof(text), "the function failed: %s\n", end->text);
	call_fail(call, end->has_run ? 500 : 503, text);
}

/* ---- time ---------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void set_timer(struct function *function)
{
	uint64_t at = NEVER, now = uv_hrtime();

	for (const struct function_call *call = function->calls; call; call = call->next)
		at = earlier(at, call->until_ns);
	uv_update_time(function->loop);
	if (at == NEVER)
		uv_timer_stop(&function->timer);
	else
		uv_timer_start(&function->timer, on_timer,
			       at > now ? (at - now) / NSEC_PER_MSEC + 1 : 1, 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct function *function = timer->data;
	struct function_call *call = function->calls;

	/* Ending one may start others, and change the list: look again from its beginning. */
	while (call) {
		if (uv_hrtime() >= call->until_ns) {
			call_fail(call, 504, "the function did not end in time\n");
			call = function->calls;
		} else {
			call = call->next;
		}
	}
	set_timer(function);
}

/* ---- a call's beginning -------------------------------------------------- */

static void add_variable(struct function_call *call, const char *name, const char *value)
{
	call->variables[call->n_variables++] = xasprintf("%s=%s", name, value);
}

static void call_start(struct function_call *call)
{
	struct function *function = call->function;
	const struct runtime_events events = {NULL, on_output, on_ended, call};
	struct function_reply reply;
	char error[RUNTIME_TEXT_MAX];
	struct launch_spec spec;

	run_fill_spec(&function->definition.run, function->definition.manifest.name, &spec);
	for (size_t i = 0; i < call->n_variables; i++)
		run_add_environment(&spec, call->variables[i]);
	call->task = runtime_start(function->runtime, &spec, call->input, call->input_len, &events,
				   error);
	if (!call->task) {
		reply = sentence(503, error);
		call->done(call->arg, &reply);
		call_free(call);
		return;
	}
	function->n_running++;
	free(call->input);
	call->input = NULL;
}

static struct function_call *first_waiting(struct function *function)
{
	struct function_call *call = function->calls;

	while (call && call->task)
		call = call->next;
	return call;
}

/* One that cannot be started is answered, and gone. */
static void run_waiting(struct function *function)
{
	struct function_call *call;

	while (function->n_running < function->definition.run.concurrency &&
	       (call = first_waiting(function)))
		call_start(call);
	set_timer(function);
}

static bool is_too_long(const struct function_request *request)
{
	return request->len > FUNCTION_BODY_MAX || strlen(request->path) > FUNCTION_FIELD_MAX ||
	       strlen(request->query) > FUNCTION_FIELD_MAX ||
	       strlen(request->content_type) > FUNCTION_FIELD_MAX;
}

static void start_soon(uv_timer_t *timer)
{
	run_waiting(timer->data);
}

struct function_call *function_call(struct function *function,
				    const struct function_request *request, function_done_fn done,
				    void *arg, struct function_reply *refused)
{
	struct function_call *call, **end = &function->calls;
	char length[24];

	if (is_too_long(request)) {
		*refused = sentence(413, "body, path or query is too long\n");
		return NULL;
	}
	if (function->n_calls >= function->definition.run.concurrency + FUNCTION_WAITING_MAX) {
		*refused = sentence(503, "too many calls of this function; try again later\n");
		return NULL;
	}
	call = xnew(struct function_call);
	call->function = function;
	call->done = done;
	call->arg = arg;
	call->input = xmemdup(request->body, request->len);
	call->input_len = request->len;
	call->until_ns =
		uv_hrtime() + (uint64_t)function->definition.run.timeout_ms * NSEC_PER_MSEC;
	snprintf(length, sizeof(length), "%zu", request->len);
	add_variable(call, "GATEWAY_INTERFACE", "CGI/1.1");
	add_variable(call, "SERVER_PROTOCOL", "HTTP/1.1");
	add_variable(call, "SCRIPT_NAME", function->definition.manifest.name);
	add_variable(call, "REQUEST_METHOD", request->method);
	add_variable(call, "PATH_INFO", request->path);
	add_variable(call, "QUERY_STRING", request->query);
	add_variable(call, "CONTENT_TYPE", request->content_type);
	add_variable(call, "CONTENT_LENGTH", length);
	while (*end)
		end = &(*end)->next;
	*end = call;
	function->n_calls++;
	uv_timer_start(&function->timer, start_soon, 0, 0);
	return call;
}

void function_cancel(struct function_call *call)
{
	struct function *function = call->function;

	call_free(call);
	uv_timer_start(&function->timer, start_soon, 0, 0);
}

/* ---- life ---------------------------------------------------------------- */

struct function *function_new(uv_loop_t *loop, struct runtime *runtime,
			      const struct service_definition *definition)
{
	struct function *function = xnew(struct function);

	function->loop = loop;
	function->runtime = runtime;
	function->definition = *definition;
	uv_timer_init(loop, &function->timer);
	function->timer.data = function;
	return function;
}

void function_end_calls(struct function *function)
{
	const struct function_reply reply = sentence(503, "the function is not offered any more\n");

	while (function->calls) {
		struct function_call *call = function->calls;

		call->done(call->arg, &reply);
		call_free(call);
	}
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct function *function = handle->data;

	program_log_fini(&function->log);
	free(function);
}

void function_free(struct function *function)
{
	if (!function)
		return;
	function_end_calls(function);
	uv_close((uv_handle_t *)&function->timer, on_timer_closed);
}

const char *function_name(const struct function *function)
{
	return function->definition.manifest.name;
}

const struct program_log *function_get_log(const struct function *function)
{
	return &function->log;
}
