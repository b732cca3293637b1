// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: heads of requests as they are passed on
 *
 * Headers keep their order and bytes.  Left out: what only the mesh may say,
 * who calls, also in spellings that CGI takes for it; and what Connection
 * names, as RFC 9110 7.6.1 has it.
 */
#include <errno.h>
#include <string.h>

#include "daemon/proxy/http.h"
#include "daemon/proxy/request.h"

#define CALLER REQUEST_CALLER
#define TRACE REQUEST_TRACE

/* What a client may not have taken away on our word: framing, routing, identity. */
static const char *const kept_names[] = {
	"host", "content-length", "transfer-encoding", "connection", "authorization", CALLER,
	TRACE,	"forwarded",
};

static void put(struct buffer *ret, const char *text)
{
	buffer_append(ret, (const uint8_t *)text, strlen(text));
}

static void put_text(struct buffer *ret, const struct http1_text *text)
{
	if (text->len)
		buffer_append(ret, (const uint8_t *)text->at, text->len);
}

static void put_field(struct buffer *ret, const char *name, const char *value)
{
	put(ret, name);
	put(ret, ": ");
	put(ret, value);
	put(ret, "\r\n");
}

static void put_line(struct buffer *ret, const struct http1_field *field)
{
	put_text(ret, &field->name);
	put(ret, ": ");
	put_text(ret, &field->value);
	put(ret, "\r\n");
}

bool http_connection_is_safe(const struct http1_head *head)
{
	for (size_t i = 0; i < sizeof(kept_names) / sizeof(kept_names[0]); i++) {
		const struct http1_text name = {kept_names[i], strlen(kept_names[i])};

		if (http1_connection_names(head, &name))
			return false;
	}
	return true;
}

static bool is_left_out(const struct http1_head *head, const struct http1_text *name)
{
	return http1_is_header(name, CALLER) || http1_is_header(name, TRACE) ||
	       http1_is(name, "connection") || http1_is(name, "te") ||
	       http1_connection_names(head, name);
}

/* The options that have a meaning here, each at most once. */
static void put_connection(struct buffer *ret, const struct http1_head *head)
{
	if (head->is_upgrade)
		put_field(ret, "Connection", head->is_persistent ? "upgrade" : "upgrade, close");
	else if (!head->is_persistent)
		put_field(ret, "Connection", "close");
	else if (head->minor == 0)
		put_field(ret, "Connection", "keep-alive");
}

void http_write_request(struct buffer *ret, const struct http1_head *head, const char *caller,
			const char *traceparent)
{
	put_text(ret, &head->method);
	put(ret, " ");
	put_text(ret, &head->target);
	put(ret, head->minor ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http1_field *field = &head->fields[i];

		if (is_left_out(head, &field->name))
			continue;
		put_line(ret, field);
	}
	put_connection(ret, head);
	if (http1_takes_trailers(head)) {
		put_field(ret, "TE", "trailers");
		put_field(ret, "Connection", "te");
	}
	put(ret, "X-Forwarded-Client-Cert: URI=");
	put(ret, caller);
	put(ret, "\r\n");
	put_field(ret, TRACE, traceparent);
	put(ret, "\r\n");
}

void http_write_last(struct buffer *ret, const uint8_t *bytes, const struct http1_head *head)
{
	const uint8_t *line_end = (const uint8_t *)rawmemchr(bytes, '\n') + 1;

	buffer_append(ret, bytes, (size_t)(line_end - bytes));
	for (size_t i = 0; i < head->n_fields; i++)
		if (!http1_is(&head->fields[i].name, "connection"))
			put_line(ret, &head->fields[i]);
	put_field(ret, "Connection", "close");
	put(ret, "\r\n");
}

static bool find_traceparent(const struct http1_head *head, char ret[TRACEPARENT_LEN + 1])
{
	const struct http1_text *value = http1_find_one(head, TRACE);

	return value && traceparent_read(value->at, value->len, ret);
}

void http_take_traceparent(struct proxy *proxy, const struct http1_head *head,
			   char ret[TRACEPARENT_LEN + 1])
{
	if (!find_traceparent(head, ret))
		request_make_traceparent(proxy, ret);
}
