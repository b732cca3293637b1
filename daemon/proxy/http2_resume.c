// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: http2_resume: answers over HTTP/2 that could be gone on with at another provider
 *
 * Of such an answer each byte of content is counted, and the headers of its
 * request are kept.  When it is broken off it becomes a request for the rest of
 * it, made as any other; the client sees one answer, which pauses.
 */
#include "daemon/proxy/http2.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"

static size_t to_list(const struct http2_fields *fields, struct http1_field ret[HTTP2_FIELDS_ROOM])
{
	for (size_t i = 0; i < fields->n; i++)
		ret[i] = (struct http1_field){http2_field_name(fields, i),
					      http2_field_value(fields, i)};
	return fields->n;
}

static struct resume_answer read_answer(const struct http2_fields *head,
					struct http1_field list[HTTP2_FIELDS_ROOM])
{
	struct resume_answer answer = {
		.status = http2_fields_status(head),
		.has_end = true,
		.fields = list,
		.n_fields = to_list(head, list),
	};

	answer.has_length = http2_fields_length(head, &answer.length);
	return answer;
}

static bool may_ask(const struct http2_exchange *exchange)
{
	struct http1_field list[HTTP2_FIELDS_ROOM];

	return strcmp(exchange->request.method, "GET") == 0 && !exchange->request.is_grpc &&
	       exchange->has_all && exchange->can_replay && exchange->head &&
	       !buffer_len(&exchange->replay) && !exchange->trailers &&
	       resume_may_ask(list, to_list(exchange->head, list));
}

void http2_resume_begin(struct http2_exchange *exchange, const struct http2_fields *head)
{
	struct http1_field list[HTTP2_FIELDS_ROOM];
	struct http1_text ranges;
	struct resume_answer answer;
	struct resume resume = {0};

	/* Most answers say nothing of ranges. */
	if (!http2_fields_find(head, "accept-ranges", &ranges) || exchange->translate ||
	    exchange->down->http2->role != HTTP2_PROGRAM || !may_ask(exchange) ||
	    http2_flow(exchange)->proxy->totals.buffered > HTTP2_RESUME_HELD_MAX)
		return;
	answer = read_answer(head, list);
	resume_begin(&resume, &answer);
	if (!resume.is_possible)
		return;
	exchange->resume = xnew(struct resume);
	*exchange->resume = resume;
}

bool http2_resume_is_possible(const struct http2_exchange *exchange)
{
	return exchange->resume && exchange->head && exchange->can_replay;
}

void http2_resume_prepare(struct http2_exchange *exchange)
{
	exchange->is_resuming = true;
	exchange->has_head = exchange->is_sent = false;
	exchange->uncredited = buffer_len(&exchange->to_client);
}

size_t http2_resume_put(const struct http2_exchange *exchange, char range[RESUME_RANGE_MAX],
			nghttp2_nv ret[HTTP2_RESUME_FIELDS])
{
	static const char range_name[] = "range", etag_name[] = "if-range";
	const struct resume *resume = exchange->resume;

	if (!exchange->is_resuming)
		return 0;
	resume_format_range(resume, range);
	ret[0] = (nghttp2_nv){(uint8_t *)range_name, (uint8_t *)range, strlen(range_name),
			      strlen(range), NGHTTP2_NV_FLAG_NONE};
	ret[1] = (nghttp2_nv){(uint8_t *)etag_name, (uint8_t *)resume->etag, strlen(etag_name),
			      strlen(resume->etag), NGHTTP2_NV_FLAG_NONE};
	return HTTP2_RESUME_FIELDS;
}

bool http2_resume_go_on(struct http2_exchange *exchange, const struct http2_fields *head)
{
	struct http1_field list[HTTP2_FIELDS_ROOM];
	struct resume_answer answer;

	if (head->is_too_large)
		return false;
	answer = read_answer(head, list);
	if (!resume_go_on(exchange->resume, &answer))
		return false;
	exchange->is_resuming = false;
	exchange->has_head = true;
	exchange->failed_ns = 0;
	http2_resilience(exchange)->resumed++;
	return true;
}

bool http2_resume_take(struct http2_exchange *exchange, const uint8_t **bytes, size_t *len)
{
	struct http1_text content = {(const char *)*bytes, *len};

	if (!exchange->resume)
		return true;
	if (!resume_take(exchange->resume, &content))
		return false;
	*bytes = (const uint8_t *)content.at;
	*len = content.len;
	return true;
}

bool http2_resume_is_whole(const struct http2_exchange *exchange)
{
	return !exchange->resume || !exchange->resume->is_gone_on ||
	       resume_is_whole(exchange->resume);
}
