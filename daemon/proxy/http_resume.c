// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: http_resume: answers of HTTP/1.1 that could be gone on with at another provider
 *
 * Of such an answer each byte of content is counted.  One in chunks is put into chunks of our own, so
 * that its client is never in the middle of one when it is broken off; the last chunk and the
 * trailers pass as they come, and with them the possibility ends.
 */
#include <string.h>

#include "daemon/proxy/http.h"

#define LAST_CHUNK "0\r\n"
#define EMPTY_LINE "\r\n"

static struct resume_answer read_answer(const struct http1_head *head)
{
	return (struct resume_answer){
		.status = head->status,
		.has_length = head->framing == HTTP1_LENGTH,
		.has_end = head->framing == HTTP1_LENGTH || head->framing == HTTP1_CHUNKED,
		.length = head->length,
		.fields = head->fields,
		.n_fields = head->n_fields,
	};
}

void http_resume_begin(struct http *http, const struct http1_head *head)
{
	const struct resume_answer answer = read_answer(head);

	resume_begin(&http->resume, &answer);
	http->is_resume_chunked = head->framing == HTTP1_CHUNKED;
}

void http_resume_ask(struct http *http)
{
	char headers[RESUME_HEADERS_MAX];
	size_t len = resume_write(&http->resume, headers);

	buffer_append(&http->to_service.in, http->replay.bytes + http->replay.start,
		      buffer_len(&http->replay) - strlen(EMPTY_LINE));
	buffer_append(&http->to_service.in, (const uint8_t *)headers, len);
	buffer_append(&http->to_service.in, (const uint8_t *)EMPTY_LINE, strlen(EMPTY_LINE));
}

bool http_resume_go_on(struct http *http, const struct http1_head *head)
{
	const struct resume_answer answer = read_answer(head);

	return resume_go_on(&http->resume, &answer);
}

static void put(struct http *http, const char *bytes, size_t len)
{
	if (len)
		buffer_append(&http->to_client.in, (const uint8_t *)bytes, len);
}

/* Return: false it is not what was to come. */
static bool pass_piece(struct http *http, struct http1_piece *piece)
{
	struct resume *resume = &http->resume;
	bool is_done = http->response_body.is_done;

	if (!piece->is_trailer) {
		if (!resume_take(resume, &piece->bytes))
			return false;
		buffer_append_content(&http->to_client.in, http->is_resume_chunked,
				      (const uint8_t *)piece->bytes.at, piece->bytes.len);
	} else if (!resume->is_gone_on) {
		put(http, LAST_CHUNK, strlen(LAST_CHUNK));
		put(http, piece->bytes.at, piece->bytes.len);
		resume->is_possible = false;
	}
	if (!is_done || !resume->is_gone_on)
		return true;
	if (http->is_resume_chunked)
		put(http, LAST_CHUNK EMPTY_LINE, strlen(LAST_CHUNK EMPTY_LINE));
	return resume_is_whole(resume);
}

bool http_resume_move(struct http *http)
{
	struct http1_body *body = &http->response_body;
	struct end *service = http->flow->service;

	while (!body->is_done && http->resume.is_possible &&
	       buffer_len(&http->to_client.in) < HTTP_PASSING_MAX) {
		bool is_pending = buffer_len(&http->response) > 0;
		const struct buffer *in = is_pending ? &http->response : &service->in;
		size_t have = buffer_len(in);
		struct http1_piece piece;
		long n;

		if (!have)
			return true;
		n = http1_body_unwrap(body, in->bytes + in->start,
				      have < HTTP_PASSING_MAX ? have : HTTP_PASSING_MAX, &piece);
		if (n < 0 || !pass_piece(http, &piece))
			return false;
		http_take_from(http, service, is_pending ? &http->response : NULL, (size_t)n);
		http->again = true;
	}
	return true;
}
