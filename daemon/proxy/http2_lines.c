// SPDX-License-Identifier: GPL-2.0
/* DOC: http2_lines: see http2_lines.h */
#include "daemon/proxy/http2_lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/http2_translate.h"
#include "daemon/translate/grpc.h"

static struct http2_lines *lines_of(const struct http2_exchange *exchange)
{
	return exchange->translate ? exchange->translate->lines : NULL;
}

static struct counted *counted_of(const struct http2_exchange *exchange)
{
	return http2_flow(exchange)->counted;
}

bool http2_lines_takes(const struct http2_exchange *exchange)
{
	const struct http2_lines *lines = lines_of(exchange);

	return lines && lines->takes;
}

bool http2_lines_gives(const struct http2_exchange *exchange)
{
	const struct http2_lines *lines = lines_of(exchange);

	return lines && lines->gives;
}

void http2_lines_free(struct proxy *proxy, struct http2_lines *lines)
{
	if (!lines)
		return;
	buffer_release(proxy, &lines->asked);
	buffer_release(proxy, &lines->answered);
	free(lines->last);
	free(lines);
}

size_t http2_lines_held(const struct http2_lines *lines)
{
	return lines ? buffer_len(&lines->asked) + buffer_len(&lines->answered) + lines->last_len
		     : 0;
}

static bool is_crowded(const struct http2_exchange *exchange, struct http1_refusal *refusal)
{
	if (http2_flow(exchange)->proxy->translating <= TRANSLATION_HELD_MAX)
		return false;
	translation_is_crowded(counted_of(exchange), refusal);
	return true;
}

/* ---- requests ---- */

void http2_lines_asked(struct http2_exchange *exchange, const uint8_t *bytes, size_t len)
{
	struct http2_lines *lines = lines_of(exchange);

	lines->asked_owed += len;
	if (!lines->is_broken)
		buffer_append(&lines->asked, bytes, len);
}

/* Of the next line, without its end; @has_end: it has one. */
static size_t next_line(const struct http2_lines *lines, bool *has_end)
{
	const uint8_t *at = translation_bytes(&lines->asked);
	size_t len = buffer_len(&lines->asked);
	const uint8_t *end = len ? memchr(at, '\n', len) : NULL;

	*has_end = end != NULL;
	return end ? (size_t)(end - at) : len;
}

static bool is_blank(const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (at[i] != ' ' && at[i] != '\t' && at[i] != '\r')
			return false;
	return true;
}

static bool ask_line(struct http2_exchange *exchange, size_t len, struct http1_refusal *refusal)
{
	struct http2_translate *translate = exchange->translate;
	struct http2_lines *lines = translate->lines;
	struct translate_refusal why;
	uint8_t *message;
	size_t message_len;

	lines->n_asked++;
	if (is_blank(translation_bytes(&lines->asked), len))
		return true;
	if (grpc_request_line(translate->call.method, translation_bytes(&lines->asked), len,
			      &message, &message_len, &why)) {
		buffer_append(&exchange->to_service, message, message_len);
		free(message);
		return true;
	}
	snprintf(translate->reason, sizeof(translate->reason), "line %" PRIu64 ": %s",
		 lines->n_asked, why.reason);
	return translation_refuse(counted_of(exchange), refusal,
				  why.fault == TRANSLATE_TOO_LARGE ? 413 : 400, translate->reason);
}

bool http2_lines_ask(struct http2_exchange *exchange, struct http1_refusal *refusal)
{
	struct http2_lines *lines = lines_of(exchange);
	struct proxy *proxy = http2_flow(exchange)->proxy;
	bool has_end;

	while (!lines->is_broken && buffer_len(&lines->asked) &&
	       buffer_len(&exchange->to_service) < HTTP2_LINES_AHEAD) {
		size_t len = next_line(lines, &has_end);

		if (len > TRANSLATE_BODY_MAX)
			return translation_refuse(counted_of(exchange), refusal, 413,
						  "a line of more than 1048576 bytes is not "
						  "translated");
		if (!has_end && !exchange->has_all)
			return !is_crowded(exchange, refusal);
		if (!ask_line(exchange, len, refusal))
			return false;
		buffer_take(proxy, &lines->asked, len + has_end);
	}
	return true;
}

/* What waits for room is owed; of a line that is not whole the rest has to come. */
size_t http2_lines_asked_credit(struct http2_exchange *exchange)
{
	struct http2_lines *lines = lines_of(exchange);
	size_t owed = lines->asked_owed;

	if (!lines->is_broken && buffer_len(&lines->asked) &&
	    buffer_len(&exchange->to_service) >= HTTP2_LINES_AHEAD)
		return 0;
	lines->asked_owed = 0;
	return owed;
}

size_t http2_lines_drop_request(struct http2_exchange *exchange)
{
	struct http2_lines *lines = lines_of(exchange);
	size_t owed;

	if (!lines)
		return 0;
	owed = lines->asked_owed;
	lines->asked_owed = 0;
	buffer_release(http2_flow(exchange)->proxy, &lines->asked);
	return owed;
}

bool http2_lines_are_asked(const struct http2_exchange *exchange)
{
	return !http2_lines_takes(exchange) || !buffer_len(&lines_of(exchange)->asked);
}

/* ---- answers ---- */

void http2_lines_answered(struct http2_exchange *exchange, const uint8_t *bytes, size_t len)
{
	struct http2_lines *lines = lines_of(exchange);

	lines->answered_owed += len;
	if (!lines->is_broken)
		buffer_append(&lines->answered, bytes, len);
}

static bool refuse_answer(struct http2_exchange *exchange, const char *why,
			  struct http1_refusal *refusal)
{
	struct translate_refusal refused = {.fault = TRANSLATE_MALFORMED};

	snprintf(refused.reason, sizeof(refused.reason), "%s", why);
	translation_explain_answer(&refused, exchange->translate->reason);
	return translation_refuse(counted_of(exchange), refusal, 502, exchange->translate->reason);
}

/* The next message, with its frame; 0: not all of it is here. */
static bool next_message(struct http2_exchange *exchange, size_t *ret,
			 struct http1_refusal *refusal)
{
	const struct buffer *answered = &lines_of(exchange)->answered;
	size_t size = grpc_message_size(translation_bytes(answered), buffer_len(answered));

	*ret = 0;
	if (size > GRPC_PREFIX_LEN + TRANSLATE_BODY_MAX)
		return refuse_answer(exchange, "a message is more than 1048576 bytes", refusal);
	if (size && size <= buffer_len(answered))
		*ret = size;
	return true;
}

static bool say_message(struct http2_exchange *exchange, size_t size, struct http1_refusal *refusal)
{
	struct http2_lines *lines = lines_of(exchange);
	struct translate_refusal why;
	uint8_t *line;
	size_t len;

	if (!grpc_answer_line(exchange->translate->call.method, translation_bytes(&lines->answered),
			      size, &line, &len, &why))
		return refuse_answer(exchange, why.reason, refusal);
	buffer_append(&exchange->to_client, line, len);
	free(line);
	buffer_take(http2_flow(exchange)->proxy, &lines->answered, size);
	return true;
}

static void say_last(struct http2_exchange *exchange)
{
	struct http2_lines *lines = lines_of(exchange);

	if (lines->last)
		buffer_append(&exchange->to_client, lines->last, lines->last_len);
	free(lines->last);
	lines->last = NULL;
	lines->last_len = 0;
}

bool http2_lines_say(struct http2_exchange *exchange, struct http1_refusal *refusal)
{
	struct http2_lines *lines = lines_of(exchange);
	size_t size;

	while (!lines->is_broken && buffer_len(&lines->answered) &&
	       buffer_len(&exchange->to_client) < HTTP2_LINES_AHEAD) {
		if (!next_message(exchange, &size, refusal))
			return false;
		if (!size && lines->has_ended)
			return refuse_answer(exchange, "a message is not whole", refusal);
		if (!size)
			return !is_crowded(exchange, refusal);
		if (!say_message(exchange, size, refusal))
			return false;
	}
	if (lines->has_ended && !buffer_len(&lines->answered))
		say_last(exchange);
	return true;
}

size_t http2_lines_answered_credit(struct http2_exchange *exchange)
{
	struct http2_lines *lines = lines_of(exchange);
	size_t owed = lines->answered_owed;

	if (!lines->is_broken && buffer_len(&lines->answered) &&
	    buffer_len(&exchange->to_client) >= HTTP2_LINES_AHEAD)
		return 0;
	lines->answered_owed = 0;
	return owed;
}

static void set_last(struct http2_lines *lines, const struct grpc_failure *failure)
{
	free(lines->last);
	grpc_failure_line(failure, &lines->last, &lines->last_len);
}

void http2_lines_end(struct http2_exchange *exchange, const struct http2_fields *trailers)
{
	struct http2_lines *lines = lines_of(exchange);
	struct http1_text message = {"", 0};
	struct grpc_failure failure = {.is_encoded = true};

	lines->has_ended = true;
	if (exchange->grpc_status == 0)
		return;
	if (trailers)
		http2_fields_find(trailers, "grpc-message", &message);
	failure.code = exchange->grpc_status < 0 ? (uint32_t)grpc_code_of_http(502)
						 : (uint32_t)exchange->grpc_status;
	failure.message = message.at;
	failure.len = message.len;
	if (exchange->grpc_status < 0) {
		failure.message = "the service's answer has no grpc-status";
		failure.len = strlen(failure.message);
		failure.is_encoded = false;
	}
	set_last(lines, &failure);
	if (!buffer_len(&lines->answered))
		say_last(exchange);
}

void http2_lines_fail(struct http2_exchange *exchange, unsigned int code, const char *reason)
{
	struct http2_lines *lines = lines_of(exchange);
	const struct grpc_failure failure = {
		.code = code, .message = reason, .len = strlen(reason)};

	set_last(lines, &failure);
	lines->is_broken = lines->has_ended = true;
	buffer_release(http2_flow(exchange)->proxy, &lines->answered);
	say_last(exchange);
}

bool http2_lines_are_said(const struct http2_exchange *exchange)
{
	const struct http2_lines *lines = lines_of(exchange);

	return !lines || !lines->gives || (!buffer_len(&lines->answered) && !lines->last);
}
