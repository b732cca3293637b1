// SPDX-License-Identifier: GPL-2.0
/* DOC: exchange: see exchange.h */
#include "daemon/services/exchange.h"

#include <stdlib.h>

#include "daemon/lib/memory.h"

/**
 * struct exchange - a call and its answer
 * @connection: suspended while @call is there
 * @waker: runs the server
 * @call: NULL when it is over
 * @status: of the answer
 * @content_type: of @body
 * @body: of the answer, owned
 * @len: of @body
 */
struct exchange {
	struct MHD_Connection *connection;
	const struct exchange_waker *waker;
	struct function_call *call;
	unsigned int status;
	char content_type[RUN_TYPE_MAX + 1];
	void *body;
	size_t len;
};

static void take_reply(struct exchange *exchange, const struct function_reply *reply)
{
	exchange->status = reply->status;
	snprintf(exchange->content_type, sizeof(exchange->content_type), "%s", reply->content_type);
	exchange->body = xmemdup(reply->body, reply->len);
	exchange->len = reply->len;
}

static void on_done(void *arg, const struct function_reply *reply)
{
	struct exchange *exchange = arg;

	exchange->call = NULL;
	take_reply(exchange, reply);
	MHD_resume_connection(exchange->connection);
	exchange->waker->wake(exchange->waker->arg);
}

struct exchange *exchange_new(struct function *function, struct MHD_Connection *connection,
			      const struct function_request *request,
			      const struct exchange_waker *waker)
{
	struct exchange *exchange = xnew(struct exchange);
	struct function_reply refused;

	exchange->connection = connection;
	exchange->waker = waker;
	exchange->call = function_call(function, request, on_done, exchange, &refused);
	if (exchange->call)
		MHD_suspend_connection(connection);
	else
		take_reply(exchange, &refused);
	return exchange;
}

bool exchange_is_over(const struct exchange *exchange)
{
	return !exchange->call;
}

unsigned int exchange_status(const struct exchange *exchange)
{
	return exchange->status;
}

enum MHD_Result exchange_reply(struct exchange *exchange)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	if (exchange->call)
		return MHD_NO;
	response = MHD_create_response_from_buffer(exchange->len, exchange->body,
						   MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", exchange->content_type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	result = MHD_queue_response(exchange->connection, exchange->status, response);
	MHD_destroy_response(response);
	return result;
}

void exchange_free(struct exchange *exchange)
{
	if (!exchange)
		return;
	if (exchange->call)
		function_cancel(exchange->call);
	free(exchange->body);
	free(exchange);
}
