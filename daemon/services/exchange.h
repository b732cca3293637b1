/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: exchange: a function's call as one exchange of HTTP
 *
 * The connection of libmicrohttpd is suspended while the function runs.
 */
#ifndef SERVICES_EXCHANGE_H
#define SERVICES_EXCHANGE_H

#include <microhttpd.h>

#include "daemon/services/function.h"

struct exchange;

/**
 * struct exchange_waker - runs the server; libmicrohttpd leaves that to us after a resume
 * @wake: have it run from the loop soon
 * @arg: handed to it
 */
struct exchange_waker {
	void (*wake)(void *arg);
	void *arg;
};

/**
 * exchange_new() - Call @function and suspend @connection until it is over.
 * @function: to be called
 * @connection: of a server that may suspend
 * @request: copied
 * @waker: borrowed
 *
 * Then the server asks its handler again, which calls exchange_reply().
 */
struct exchange *exchange_new(struct function *function, struct MHD_Connection *connection,
			      const struct function_request *request,
			      const struct exchange_waker *waker);
/** exchange_is_over() - There is an answer. */
bool exchange_is_over(const struct exchange *exchange);
/** exchange_status() - Of the answer, once there is one. */
unsigned int exchange_status(const struct exchange *exchange);
/** exchange_reply() - Queue the answer. */
enum MHD_Result exchange_reply(struct exchange *exchange);
/** exchange_free() - Ends the call if it goes on; NULL is allowed. */
void exchange_free(struct exchange *exchange);

#endif
