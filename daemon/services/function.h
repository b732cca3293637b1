/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: function: a program that is started for each call
 *
 * A shell.  The request's body is its standard input, its standard output is
 * the answer's body, its exit status says whether it succeeded; what it is
 * called with is in CGI's variables.  So many run at a time, some more wait,
 * further ones are refused; each is killed at its timeout.
 */
#ifndef SERVICES_FUNCTION_H
#define SERVICES_FUNCTION_H

#include "daemon/runtime/runtime.h"
#include "daemon/services/definition.h"
#include "daemon/services/program_log.h"

#define FUNCTION_WAITING_MAX 64 /* calls */
#define FUNCTION_BODY_MAX (1 << 20) /* bytes of a request, and of an answer */
#define FUNCTION_FIELD_MAX 2048 /* bytes of path, query or content type */

struct function;
struct function_call;

/**
 * struct function_request - what it is called with; borrowed
 * @method: of HTTP
 * @path: below the function, "" or with a slash
 * @query: after the question mark
 * @content_type: of the body, "" not said
 * @body: bytes
 * @len: of @body
 */
struct function_request {
	const char *method, *path, *query, *content_type;
	const void *body;
	size_t len;
};

/**
 * struct function_reply - what came of it; borrowed
 * @status: 200; 413 too long; 500 it failed; 502 wrote too much; 503 too many; 504 in time
 * @content_type: of @body
 * @body: its output, or a sentence
 * @len: of @body
 */
struct function_reply {
	unsigned int status;
	const char *content_type, *body;
	size_t len;
};

/** typedef function_done_fn - the call is over; the call is gone after this */
typedef void (*function_done_fn)(void *arg, const struct function_reply *reply);

/** function_new() - @definition is copied; its run.kind is RUN_FUNCTION. */
struct function *function_new(uv_loop_t *loop, struct runtime *runtime,
			      const struct service_definition *definition);
/** function_free() - Ends its calls, each with 503; NULL is allowed. */
void function_free(struct function *function);
/** function_end_calls() - Each with 503. */
void function_end_calls(struct function *function);
/** function_name() - Of its service. */
const char *function_name(const struct function *function);
/** function_get_log() - What its calls wrote to standard error. */
const struct program_log *function_get_log(const struct function *function);

/**
 * function_call() - Call it.
 * @function: to be called
 * @request: copied
 * @done: never called from within
 * @arg: handed to @done
 * @refused: filled when the call is not taken
 *
 * Return: the call, until @done; NULL with @refused.
 */
struct function_call *function_call(struct function *function,
				    const struct function_request *request, function_done_fn done,
				    void *arg, struct function_reply *refused);
/** function_cancel() - Nobody waits any more: ends it, @done is not called. */
void function_cancel(struct function_call *call);

#endif
