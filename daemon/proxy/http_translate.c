// SPDX-License-Identifier: GPL-2.0
/* DOC: http_translate: see http_translate.h */
#include "daemon/proxy/http_translate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/grpc_status.h"

#define LENGTH_SIZE 64
#define ACCEPT_SIZE 64

/* ---- heads ---- */

static struct translation_fields read_fields(const struct http1_head *head)
{
	struct translation_fields ret = {0};

	for (size_t i = 0; i < head->n_fields; i++)
		translation_read_field(&ret, &head->fields[i].name, &head->fields[i].value);
	return ret;
}

static struct translation_body read_body(const struct http1_head *head)
{
	struct translation_body ret = {
		.has_length = head->framing == HTTP1_LENGTH,
		.length = head->length,
	};

	ret.is_empty = ret.has_length && head->length == 0;
	ret.is_there = head->framing != HTTP1_NO_BODY && !ret.is_empty;
	return ret;
}

static void put_text(struct buffer *ret, const char *text)
{
	buffer_append(ret, (const uint8_t *)text, strlen(text));
}

static void put_bytes(struct buffer *ret, const char *at, size_t len)
{
	if (len)
		buffer_append(ret, (const uint8_t *)at, len);
}

static bool is_listed(const char *const *names, const struct http1_text *name)
{
	for (; *names; names++)
		if (http1_is(name, *names))
			return true;
	return false;
}

static void put_field(struct buffer *ret, const struct http1_field *field)
{
	put_bytes(ret, field->name.at, field->name.len);
	put_text(ret, ": ");
	put_bytes(ret, field->value.at, field->value.len);
	put_text(ret, "\r\n");
}

/* Lists of names; NULL ends them. */
typedef const char *const *const name_lists[];

static bool is_in_any(const char *const *const *lists, const struct http1_text *name)
{
	for (; *lists; lists++)
		if (is_listed(*lists, name))
			return true;
	return false;
}

static void put_fields(struct buffer *ret, const struct http1_head *head,
		       const char *const *const *without)
{
	for (size_t i = 0; i < head->n_fields; i++)
		if (!is_in_any(without, &head->fields[i].name))
			put_field(ret, &head->fields[i]);
}

/* A head without the headers named, and without its empty line. */
static void put_head(struct buffer *ret, const struct http1_head *head, const uint8_t *bytes,
		     size_t len, const char *const *const *without)
{
	const uint8_t *end = memchr(bytes, '\n', len);

	assert(end);
	buffer_append(ret, bytes, (size_t)(end - bytes) + 1);
	put_fields(ret, head, without);
}

static void put_type(struct buffer *ret, uint8_t format)
{
	put_text(ret, "Content-Type: ");
	put_text(ret, translate_media_type(format));
	put_text(ret, "\r\n");
}

static void put_length(struct buffer *ret, size_t len)
{
	char text[LENGTH_SIZE];

	snprintf(text, sizeof(text), "Content-Length: %zu\r\n", len);
	put_text(ret, text);
}

/* ---- what is held ---- */

static size_t held_by(const struct http_translate *translate)
{
	return buffer_len(&translate->request_sink.in) + buffer_len(&translate->answer_sink.in);
}

static bool count_held(struct http *http, struct http1_refusal *refusal)
{
	struct http_translate *translate = http->translate;
	struct flow *flow = http->flow;

	return translation_hold(flow->proxy, &translate->held, held_by(translate)) ||
	       translation_is_crowded(flow->counted, refusal);
}

static void release(struct http *http)
{
	struct http_translate *translate = http->translate;
	struct proxy *proxy = http->flow->proxy;

	buffer_release(proxy, &translate->request_sink.in);
	buffer_release(proxy, &translate->answer_sink.in);
	translation_hold(proxy, &translate->held, 0);
}

static void forget_call(struct http_translate *translate)
{
	schema_put(translate->schema);
	translate->schema = NULL;
	translate->call.method = NULL;
	translate->grpc_status = GRPC_STATUS_NONE;
}

void http_translate_reset(struct http *http)
{
	if (!http->translate)
		return;
	release(http);
	forget_call(http->translate);
	http->translate->request = http->translate->answer = HTTP_TRANSLATE_FRESH;
	http->translate->wanted = MANIFEST_BODY_NONE;
}

void http_translate_free(struct http *http)
{
	if (!http->translate)
		return;
	release(http);
	forget_call(http->translate);
	free(http->translate);
}

struct end *http_translate_to_service(struct http *http)
{
	return http->translate && http->translate->request == HTTP_TRANSLATE_COLLECT
		       ? &http->translate->request_sink
		       : &http->to_service;
}

struct end *http_translate_to_client(struct http *http)
{
	return http_translate_holds_answer(http) ? &http->translate->answer_sink : &http->to_client;
}

bool http_translate_holds_answer(const struct http *http)
{
	return http->translate && http->translate->answer == HTTP_TRANSLATE_COLLECT;
}

size_t http_translate_room(const struct http *http, const struct end *to)
{
	return to == &http->to_service || to == &http->to_client
		       ? HTTP_PASSING_MAX
		       : HTTP_TRANSLATE_RAW_MAX + HTTP1_HEAD_MAX;
}

/* ---- bodies ---- */

static int digit_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Chunks, which http1_body_take() has seen all of, put together where they are; trailers, with
 * their empty line, stay where they are, too.
 */
static size_t join_chunks(uint8_t *bytes, size_t len, size_t *trailers_at)
{
	size_t n = 0, at = 0;

	while (at < len) {
		const uint8_t *line_end;
		uint64_t size = 0;

		for (; at < len && digit_of(bytes[at]) >= 0; at++)
			size = size << 4 | (uint64_t)digit_of(bytes[at]);
		line_end = memchr(bytes + at, '\n', len - at);
		if (!size && line_end)
			at = (size_t)(line_end - bytes) + 1;
		if (!size || !line_end)
			break;
		at = (size_t)(line_end - bytes) + 1;
		assert(size + 2 <= len - at);
		memmove(bytes + n, bytes + at, size);
		n += size;
		at += size + 2;
	}
	*trailers_at = at;
	return n;
}

/**
 * struct held - a message that is whole
 * @bytes: of its head, then its body; borrowed
 * @head_len: bytes of the head
 * @head: parsed
 * @body: made anew; the owner frees
 * @body_len: bytes of it
 */
struct held {
	uint8_t *bytes;
	size_t head_len;
	struct http1_head head;
	uint8_t *body;
	size_t body_len;
};

static bool translate_held(struct http *http, struct held *held, size_t len, uint8_t from,
			   uint8_t to)
{
	struct translation_job job = {
		.from = from,
		.to = to,
		.bytes = held->bytes + held->head_len,
		.len = len - held->head_len,
	};
	size_t trailers_at;

	if (held->head.framing == HTTP1_CHUNKED)
		job.len = join_chunks(held->bytes + held->head_len, job.len, &trailers_at);
	if (!translation_do(http->flow->counted, &job, &http->translate->why))
		return false;
	held->body = job.ret;
	held->body_len = job.ret_len;
	return true;
}

/* ---- requests ---- */

static bool wants_translation(const struct http *http)
{
	return translation_is_wanted(http->translate->wanted, http->flow->body);
}

/* The service is told that we can read what it writes, and nothing else that was not said. */
static void put_accept(struct http *http, struct buffer *ret,
		       const struct translation_fields *fields)
{
	char text[ACCEPT_SIZE];

	if (!wants_translation(http) || !fields->accepts)
		return;
	snprintf(text, sizeof(text), "Accept: %s\r\n", translate_media_type(http->flow->body));
	put_text(ret, text);
}

/* A request that has no body for us, but an answer. */
static void rewrite_head(struct http *http, const struct http1_head *head, const uint8_t *bytes,
			 size_t len, const struct translation_fields *fields)
{
	const name_lists without = {translation_answer_names, NULL};
	struct buffer *in = &http->to_service.in, whole = {0};
	size_t behind = http->n_put - len;

	http->is_rewritten = true;
	buffer_append(&whole, in->bytes + in->start, http_request_at(http));
	put_head(&whole, head, bytes, len, without);
	put_accept(http, &whole, fields);
	put_text(&whole, "\r\n");
	buffer_append(&whole, bytes + len, behind);
	buffer_release(http->flow->proxy, in);
	*in = whole;
}

/* Out of what is about to be sent. */
static void begin_collecting(struct http *http, const struct http1_head *head)
{
	struct http_translate *translate = http->translate;
	struct buffer *in = &http->to_service.in;
	size_t at = http_request_at(http);

	translate->request = HTTP_TRANSLATE_COLLECT;
	http->is_rewritten = true; /* another attempt takes the replay */
	buffer_append(&translate->request_sink.in, in->bytes + in->start + at, http->n_put);
	in->end = in->start + at;
	if (in->start == in->end)
		buffer_release(http->flow->proxy, in);
	if (head->expects_continue && !http->request_body.is_done)
		put_text(&http->to_client.in, "HTTP/1.1 100 Continue\r\n\r\n");
}

static enum translation_verdict judge_request(struct http *http, const struct http1_head *head,
					      const struct translation_fields *fields,
					      const struct translation_body *body,
					      struct http1_refusal *refusal)
{
	struct http_translate *translate = http->translate;
	struct flow *flow = http->flow;
	const struct transcode_request request = {
		.method = head->method,
		.path = http1_path_of(&head->target),
		.fields = fields,
		.body = body,
	};
	struct schema *schema = flow->body ? NULL : transcode_find_schema(flow);
	enum translation_verdict verdict;

	if (!schema && !flow->body)
		return TRANSLATION_PASS;
	if (!schema)
		return translation_judge_request(flow->counted, flow->body, fields, body,
						 &translate->wanted, refusal);
	verdict = transcode_judge(flow->counted, schema, &request, &translate->call, refusal);
	if (verdict != TRANSLATION_PASS)
		translate->schema = schema_get(schema);
	return verdict;
}

static bool look_at_request(struct http *http, struct http1_refusal *refusal)
{
	struct buffer *in = &http->to_service.in;
	const uint8_t *bytes = in->bytes + in->start + http_request_at(http);
	size_t seen = 0, len = http1_find_end(bytes, http->n_put, &seen);
	struct translation_fields fields;
	struct translation_body body;
	struct http1_head head;

	http->translate->request = HTTP_TRANSLATE_PASS;
	if (!len || !http1_parse_request(bytes, len, &head, refusal) || head.is_upgrade)
		return true;
	fields = read_fields(&head);
	body = read_body(&head);
	switch (judge_request(http, &head, &fields, &body, refusal)) {
	case TRANSLATION_REWRITE:
		rewrite_head(http, &head, bytes, len, &fields);
		return true;
	case TRANSLATION_COLLECT:
		begin_collecting(http, &head);
		return true;
	case TRANSLATION_REFUSE:
		return false;
	default:
		return true;
	}
}

static void put_request(struct http *http, const struct held *held,
			const struct translation_fields *fields)
{
	const name_lists without = {translation_request_names,
				    wants_translation(http) ? translation_answer_names : NULL,
				    NULL};
	struct buffer *ret = &http->to_service.in;

	put_head(ret, &held->head, held->bytes, held->head_len, without);
	put_accept(http, ret, fields);
	put_type(ret, http->flow->body);
	put_length(ret, held->body_len);
	put_text(ret, "\r\n");
	put_bytes(ret, (const char *)held->body, held->body_len);
}

static void put_call(struct http *http, const struct held *held,
		     const struct transcode_bytes *message)
{
	const name_lists without = {translation_request_names, translation_answer_names,
				    transcode_request_names, NULL};
	struct buffer *ret = &http->to_service.in;

	put_text(ret, "POST /");
	put_text(ret, http->translate->call.method->path);
	put_text(ret, " HTTP/1.1\r\n");
	put_fields(ret, &held->head, without);
	put_text(ret, "Content-Type: " TRANSCODE_TYPE "\r\nGrpc-Accept-Encoding: identity\r\n");
	put_length(ret, message->len);
	put_text(ret, "\r\n");
	buffer_append(ret, message->bytes, message->len);
}

static bool send_call(struct http *http, struct held *held, size_t len,
		      struct http1_refusal *refusal)
{
	struct http_translate *translate = http->translate;
	const struct http1_text path = http1_path_of(&held->head.target);
	size_t raw_len = len - held->head_len, trailers_at;
	struct transcode_bytes message;

	if (held->head.framing == HTTP1_CHUNKED)
		raw_len = join_chunks(held->bytes + held->head_len, raw_len, &trailers_at);
	if (!transcode_call(http->flow->counted, translate->call.method, &path,
			    held->bytes + held->head_len, raw_len, &message, translate->reason,
			    refusal))
		return false;
	put_call(http, held, &message);
	free(message.bytes);
	translate->request = HTTP_TRANSLATE_PASS;
	release(http);
	return true;
}

/* All of the request is held. */
static bool send_request(struct http *http, struct http1_refusal *refusal)
{
	struct buffer *in = &http->translate->request_sink.in;
	struct held held = {.bytes = in->bytes + in->start};
	struct translate_refusal *why = &http->translate->why;
	struct translation_fields fields;
	size_t seen = 0;

	held.head_len = http1_find_end(held.bytes, buffer_len(in), &seen);
	if (!http1_parse_request(held.bytes, held.head_len, &held.head, refusal))
		return false;
	if (http->translate->schema)
		return send_call(http, &held, buffer_len(in), refusal);
	fields = read_fields(&held.head);
	if (!translate_held(http, &held, buffer_len(in), fields.format, http->flow->body)) {
		*refusal =
			(struct http1_refusal){translation_request_status(why->fault), why->reason};
		return false;
	}
	put_request(http, &held, &fields);
	free(held.body);
	http->translate->request = HTTP_TRANSLATE_PASS;
	release(http);
	return true;
}

static bool pass_request(struct http *http, struct http1_refusal *refusal)
{
	struct http_translate *translate = http->translate;

	if (translate->request == HTTP_TRANSLATE_FRESH && !look_at_request(http, refusal))
		return false;
	if (translate->request != HTTP_TRANSLATE_COLLECT)
		return true;
	if (!count_held(http, refusal))
		return false;
	if (buffer_len(&translate->request_sink.in) > HTTP_TRANSLATE_RAW_MAX)
		return translation_request_is_large(http->flow->counted, refusal);
	return !http->request_body.is_done || send_request(http, refusal);
}

/* Only a crossing leads from HTTP/1.1 to gRPC. */
static bool may_translate(const struct http *http)
{
	const struct flow *flow = http->flow;

	return flow->body || http_translate_is_call(http) ||
	       (flow->is_crossing && transcode_find_schema(flow));
}

bool http_translate_request(struct http *http, struct http1_refusal *refusal)
{
	if (!may_translate(http) || http->state != HTTP_OPEN)
		return true;
	if (!http->translate) {
		http->translate = xnew(struct http_translate);
		http->translate->grpc_status = GRPC_STATUS_NONE;
		http->translate->request_sink = http->translate->answer_sink =
			(struct end){.ops = http->to_client.ops, .flow = http->flow};
	}
	if (pass_request(http, refusal))
		return true;
	release(http);
	buffer_release(http->flow->proxy, &http->to_service.in);
	return false;
}

/* ---- answers ---- */

static void put_etag(struct buffer *ret, const struct http1_text *etag)
{
	if (!etag->len)
		return;
	put_text(ret, strncmp(etag->at, "W/", 2) == 0 ? "ETag: " : "ETag: W/");
	put_bytes(ret, etag->at, etag->len);
	put_text(ret, "\r\n");
}

/* What every answer says that might have been another for another Accept. */
static void put_end(struct buffer *ret)
{
	put_text(ret, "Vary: Accept\r\n\r\n");
}

static void put_answer_head(struct http *http, struct buffer *ret, const struct http1_head *head,
			    const uint8_t *bytes, size_t len,
			    const struct translation_fields *fields)
{
	const name_lists without = {translation_response_names, NULL};

	put_head(ret, head, bytes, len, without);
	put_type(ret, http->translate->wanted);
	put_etag(ret, &fields->etag);
}

/* ---- answers to calls in JSON ---- */

static struct http1_text value_of(const struct http1_head *head, const char *name)
{
	for (size_t i = 0; i < head->n_fields; i++)
		if (http1_is(&head->fields[i].name, name))
			return head->fields[i].value;
	return (struct http1_text){"", 0};
}

static bool look_at_answer(struct http *http, const struct http1_head *head, const uint8_t *bytes,
			   size_t len, struct http1_refusal *refusal)
{
	const struct http1_text type = value_of(head, "content-type");
	const struct http1_text encoding = value_of(head, "grpc-encoding");

	if (head->status != 200) { /* no answer of gRPC: it speaks for itself */
		buffer_append(&http->to_client.in, bytes, len);
		return true;
	}
	if (!transcode_check_answer(http->flow->counted, &type, &encoding, refusal))
		return false;
	http->translate->answer = HTTP_TRANSLATE_COLLECT;
	buffer_append(&http->translate->answer_sink.in, bytes, len);
	return true;
}

/**
 * struct reply - of the service, taken apart
 * @held: head and body
 * @trailers: of them only the fields
 * @body_len: bytes behind the head
 */
struct reply {
	struct held held;
	struct http1_head trailers;
	size_t body_len;
};

static bool take_apart(struct http *http, struct reply *ret, struct http1_refusal *refusal)
{
	struct buffer *in = &http->translate->answer_sink.in;
	uint8_t *body;
	size_t seen = 0, trailers_at, len;

	ret->held.bytes = in->bytes + in->start;
	ret->held.head_len = http1_find_end(ret->held.bytes, buffer_len(in), &seen);
	if (!http1_parse_response(ret->held.bytes, ret->held.head_len, http->is_head,
				  &ret->held.head, refusal))
		return false;
	body = ret->held.bytes + ret->held.head_len;
	len = ret->body_len = buffer_len(in) - ret->held.head_len;
	if (ret->held.head.framing != HTTP1_CHUNKED)
		return true;
	ret->body_len = join_chunks(body, len, &trailers_at);
	return http1_parse_trailers(body + trailers_at, len - trailers_at, &ret->trailers, refusal);
}

static void put_metadata(struct buffer *ret, const struct http1_head *from)
{
	for (size_t i = 0; i < from->n_fields; i++)
		if (!transcode_is_answer_name(&from->fields[i].name))
			put_field(ret, &from->fields[i]);
}

/* Trailers become headers, as what reads JSON looks for them there, if at all. */
static bool put_reply(struct http *http, const struct reply *reply,
		      const struct transcode_bytes *json, struct http1_refusal *refusal)
{
	struct buffer *ret = &http->to_client.in;
	size_t before = buffer_len(ret);
	char line[LENGTH_SIZE];

	http->status = grpc_to_http(http->translate->grpc_status);
	snprintf(line, sizeof(line), "HTTP/1.1 %u \r\nGrpc-Status: %d\r\n", http->status,
		 http->translate->grpc_status);
	put_text(ret, line);
	put_type(ret, MANIFEST_BODY_JSON);
	put_length(ret, json->len);
	put_metadata(ret, &reply->held.head);
	put_metadata(ret, &reply->trailers);
	put_text(ret, "\r\n");
	if (buffer_len(ret) - before > HTTP1_HEAD_MAX) {
		ret->end = ret->start + before;
		return translation_refuse(http->flow->counted, refusal, 502,
					  "the headers and trailers of the service's answer are "
					  "together too long");
	}
	buffer_append(ret, json->bytes, json->len);
	return true;
}

static bool send_reply(struct http *http, struct http1_refusal *refusal)
{
	struct http_translate *translate = http->translate;
	struct reply reply = {0};
	const struct http1_head *outcome = &reply.trailers;
	struct http1_text status;
	struct transcode_answer answer = {.method = translate->call.method};
	struct transcode_bytes json;
	bool is_good;

	if (!take_apart(http, &reply, refusal))
		return false;
	if (!value_of(outcome, "grpc-status").len)
		outcome = &reply.held.head;
	status = value_of(outcome, "grpc-status");
	answer.status = translate->grpc_status = status.len ? grpc_parse_status(&status)
							    : GRPC_STATUS_NONE;
	answer.message = value_of(outcome, "grpc-message");
	answer.bytes = reply.held.bytes + reply.held.head_len;
	answer.len = reply.body_len;
	if (!transcode_answer(http->flow->counted, &answer, &json, translate->reason, refusal))
		return false;
	is_good = put_reply(http, &reply, &json, refusal);
	http->flow->counted->counts.http.translated += is_good;
	free(json.bytes);
	translate->answer = HTTP_TRANSLATE_PASS;
	release(http);
	return is_good;
}

bool http_translate_is_call(const struct http *http)
{
	return http->translate && http->translate->schema;
}

bool http_translate_is_fault(const struct http *http)
{
	return grpc_is_provider_fault(http->translate->grpc_status);
}

/* ---- the same for both ---- */

bool http_translate_head(struct http *http, const struct http1_head *head, const uint8_t *bytes,
			 size_t len, struct http1_refusal *refusal)
{
	const name_lists nothing = {NULL};
	struct buffer *ret = &http->to_client.in;
	struct translation_fields fields;
	struct translation_body body;

	if (!http->translate || http->translate->request == HTTP_TRANSLATE_FRESH ||
	    head->status < 200) {
		buffer_append(ret, bytes, len);
		return true;
	}
	if (http->translate->schema)
		return look_at_answer(http, head, bytes, len, refusal);
	fields = read_fields(head);
	body = read_body(head);
	switch (translation_judge_answer(http->flow->counted, http->flow->body,
					 http->translate->wanted, head->status, &fields, &body,
					 refusal)) {
	case TRANSLATION_VARY:
		put_head(ret, head, bytes, len, nothing);
		put_end(ret);
		return true;
	case TRANSLATION_REWRITE:
		put_answer_head(http, ret, head, bytes, len, &fields);
		put_end(ret);
		return true;
	case TRANSLATION_COLLECT:
		http->translate->answer = HTTP_TRANSLATE_COLLECT;
		buffer_append(&http->translate->answer_sink.in, bytes, len);
		return true;
	case TRANSLATION_REFUSE:
		return false;
	default:
		buffer_append(ret, bytes, len);
		return true;
	}
}

/* All of the answer is held. */
static bool send_answer(struct http *http, struct http1_refusal *refusal)
{
	struct http_translate *translate = http->translate;
	struct buffer *in = &translate->answer_sink.in, *ret = &http->to_client.in;
	struct held held = {.bytes = in->bytes + in->start};
	struct translation_fields fields;
	size_t seen = 0;

	if (translate->schema)
		return send_reply(http, refusal);
	held.head_len = http1_find_end(held.bytes, buffer_len(in), &seen);
	if (!http1_parse_response(held.bytes, held.head_len, http->is_head, &held.head, refusal))
		return false;
	fields = read_fields(&held.head);
	if (!translate_held(http, &held, buffer_len(in), fields.format, translate->wanted)) {
		translation_explain_answer(&translate->why, translate->reason);
		*refusal = (struct http1_refusal){502, translate->reason};
		return false;
	}
	put_answer_head(http, ret, &held.head, held.bytes, held.head_len, &fields);
	put_length(ret, held.body_len);
	put_end(ret);
	put_bytes(ret, (const char *)held.body, held.body_len);
	free(held.body);
	translate->answer = HTTP_TRANSLATE_PASS;
	release(http);
	return true;
}

static bool pass_answer(struct http *http, struct http1_refusal *refusal)
{
	if (!count_held(http, refusal))
		return false;
	if (buffer_len(&http->translate->answer_sink.in) > HTTP_TRANSLATE_RAW_MAX)
		return translation_answer_is_large(http->flow->counted, refusal);
	return !http->response_body.is_done || send_answer(http, refusal);
}

bool http_translate_answer(struct http *http, struct http1_refusal *refusal)
{
	if (!http_translate_holds_answer(http) || pass_answer(http, refusal))
		return true;
	release(http);
	return false;
}
