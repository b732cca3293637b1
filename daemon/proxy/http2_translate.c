// SPDX-License-Identifier: GPL-2.0
/* DOC: http2_translate: see http2_translate.h */
#include "daemon/proxy/http2_translate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/http2_transcode.h"

static struct counted *counted_of(const struct http2_exchange *exchange)
{
	return http2_flow(exchange)->counted;
}

/* ---- what is held ---- */

bool http2_translate_holds_request(const struct http2_exchange *exchange)
{
	return exchange->translate && exchange->translate->holds_request;
}

bool http2_translate_holds_answer(const struct http2_exchange *exchange)
{
	return exchange->translate && exchange->translate->holds_answer;
}

size_t http2_translate_count(struct http2_exchange *exchange)
{
	struct http2_translate *translate = exchange->translate;
	size_t held = 0;

	if (!translate)
		return 0;
	if (translate->holds_request)
		held += buffer_len(&exchange->to_service);
	if (translate->holds_answer)
		held += buffer_len(&exchange->to_client);
	held += http2_lines_held(translate->lines);
	translation_hold(http2_flow(exchange)->proxy, &translate->held, held);
	return http2_fields_size(translate->head) + http2_lines_held(translate->lines);
}

void http2_translate_reset(struct http2_exchange *exchange)
{
	struct http2_translate *translate = exchange->translate;

	if (!translate)
		return;
	translation_hold(http2_flow(exchange)->proxy, &translate->held, 0);
	http2_fields_free(translate->head);
	http2_lines_free(http2_flow(exchange)->proxy, translate->lines);
	schema_put(translate->schema);
	free(translate);
	exchange->translate = NULL;
}

bool http2_translate_check(struct http2_exchange *exchange, struct http1_refusal *refusal)
{
	const struct http2_translate *translate = exchange->translate;
	const struct proxy *proxy = http2_flow(exchange)->proxy;

	if (proxy->translating > TRANSLATION_HELD_MAX)
		return translation_is_crowded(counted_of(exchange), refusal);
	if (translate->holds_request && buffer_len(&exchange->to_service) > TRANSLATE_BODY_MAX)
		return translation_request_is_large(counted_of(exchange), refusal);
	if (translate->holds_answer && buffer_len(&exchange->to_client) > TRANSLATE_BODY_MAX)
		return translation_answer_is_large(counted_of(exchange), refusal);
	return true;
}

/* ---- headers ---- */

struct translation_fields http2_translate_read_fields(const struct http2_fields *fields)
{
	struct translation_fields ret = {0};

	for (size_t i = 0; i < fields->n; i++) {
		const struct http1_text name = http2_field_name(fields, i);
		const struct http1_text value = http2_field_value(fields, i);

		translation_read_field(&ret, &name, &value);
	}
	return ret;
}

void http2_translate_leave_out(struct http2_fields *fields, const char *const *names)
{
	for (; *names; names++)
		http2_fields_leave_out(fields, *names);
}

const struct http2_fields *http2_translate_head(const struct http2_exchange *exchange)
{
	return exchange->translate && exchange->translate->head ? exchange->translate->head
								: exchange->head;
}

/* Without what would have the answer in parts, or packed; the service is told what we can read. */
static void ask_for_plain_answer(const struct http2_translate *translate, struct http2_fields *head)
{
	struct http1_text accept;

	if (!translation_is_wanted(translate->wanted, translate->spoken))
		return;
	http2_translate_leave_out(head, translation_answer_names);
	if (http2_fields_find(head, "accept", &accept))
		http2_fields_put(head, "accept", translate_media_type(translate->spoken));
}

static void put_etag(struct http2_fields *head, const struct http1_text *etag)
{
	char text[HTTP2_HEAD_MAX + sizeof("W/")];

	if (!etag->len)
		return;
	snprintf(text, sizeof(text), "%s%.*s", strncmp(etag->at, "W/", 2) == 0 ? "" : "W/",
		 (int)etag->len, etag->at);
	http2_fields_put(head, "etag", text);
}

/* Of a translated answer; what another Accept might have had is said too. */
static void rewrite_answer(struct http2_exchange *exchange)
{
	struct http2_fields *head = exchange->answer_head;
	const struct translation_fields fields = http2_translate_read_fields(head);

	http2_translate_leave_out(head, translation_response_names);
	http2_fields_put(head, "content-type", translate_media_type(exchange->translate->wanted));
	put_etag(head, &fields.etag);
	http2_fields_put(head, "vary", "Accept");
}

/* ---- bodies ---- */

void http2_translate_replace(struct http2_exchange *exchange, struct buffer *body, uint8_t *bytes,
			     size_t len)
{
	buffer_release(http2_flow(exchange)->proxy, body);
	if (len)
		buffer_append(body, bytes, len);
	free(bytes);
}

static bool translate_buffer(struct http2_exchange *exchange, struct buffer *body, uint8_t from,
			     uint8_t to, struct translate_refusal *why)
{
	struct translation_job job = {
		.from = from, .to = to, .bytes = translation_bytes(body), .len = buffer_len(body)};

	if (!translation_do(counted_of(exchange), &job, why))
		return false;
	http2_translate_replace(exchange, body, job.ret, job.ret_len);
	return true;
}

/* ---- requests ---- */

void http2_translate_hold_request(struct http2_exchange *exchange)
{
	nghttp2_nv nv = {(uint8_t *)":status", (uint8_t *)"100", 7, 3, NGHTTP2_NV_FLAG_NONE};
	struct http1_text expect;

	exchange->translate->holds_request = true;
	if (exchange->has_all || !http2_fields_find(exchange->head, "expect", &expect) ||
	    !http1_is(&expect, "100-continue"))
		return;
	nghttp2_submit_headers(exchange->down->session, NGHTTP2_FLAG_NONE, exchange->down_stream,
			       NULL, &nv, 1, NULL);
	http2_mark_dirty(exchange->down);
}

struct translation_body http2_translate_request_body(const struct http2_exchange *exchange)
{
	struct translation_body ret = {0};

	ret.has_length = http2_fields_length(exchange->head, &ret.length);
	ret.is_empty = ret.has_length && !ret.length;
	ret.is_there = !ret.is_empty && (!exchange->has_all || buffer_len(&exchange->to_service));
	return ret;
}

static bool translate_request(struct http2_exchange *exchange, struct http1_refusal *refusal)
{
	const struct translation_fields fields = http2_translate_read_fields(exchange->head);
	const struct translation_body body = http2_translate_request_body(exchange);
	struct http2_translate *translate = exchange->translate = xnew(struct http2_translate);

	translate->spoken = exchange->up->http2->flow->body;
	switch (translation_judge_request(counted_of(exchange), translate->spoken, &fields, &body,
					  &translate->wanted, refusal)) {
	case TRANSLATION_REWRITE:
		translate->head = http2_fields_copy(exchange->head);
		ask_for_plain_answer(translate, translate->head);
		return true;
	case TRANSLATION_COLLECT:
		http2_translate_hold_request(exchange);
		return true;
	case TRANSLATION_REFUSE:
		return false;
	default:
		return true;
	}
}

bool http2_translate_request(struct http2_exchange *exchange, struct http1_refusal *refusal)
{
	http2_translate_reset(exchange);
	return exchange->up->http2->flow->body ? translate_request(exchange, refusal)
					       : http2_transcode_request(exchange, refusal);
}

bool http2_translate_request_end(struct http2_exchange *exchange, struct http1_refusal *refusal)
{
	struct http2_translate *translate = exchange->translate;
	const struct translation_fields fields = http2_translate_read_fields(exchange->head);
	struct translate_refusal why;
	struct http2_fields *head;

	if (translate->schema)
		return http2_transcode_request_end(exchange, refusal);
	if (!translate_buffer(exchange, &exchange->to_service, fields.format, translate->spoken,
			      &why)) {
		memcpy(translate->reason, why.reason, sizeof(why.reason));
		*refusal = (struct http1_refusal){translation_request_status(why.fault),
						  translate->reason};
		return false;
	}
	translate->holds_request = false;
	head = translate->head = http2_fields_copy(exchange->head);
	http2_translate_leave_out(head, translation_request_names);
	ask_for_plain_answer(translate, head);
	http2_fields_put(head, "content-type", translate_media_type(translate->spoken));
	http2_fields_put_number(head, "content-length", buffer_len(&exchange->to_service));
	if (exchange->trailers)
		http2_translate_leave_out(exchange->trailers, translation_digest_names);
	return true;
}

/* ---- answers ---- */

static struct translation_body read_answer_body(const struct http2_exchange *exchange, bool has_all)
{
	struct translation_body ret = {0};
	bool is_bodiless = exchange->request.is_head || exchange->status == 204 ||
			   exchange->status == 304;

	ret.has_length = !is_bodiless && http2_fields_length(exchange->answer_head, &ret.length);
	ret.is_empty = !is_bodiless && (has_all || (ret.has_length && !ret.length));
	ret.is_there = !is_bodiless && !ret.is_empty;
	return ret;
}

bool http2_translate_answer(struct http2_exchange *exchange, bool has_all,
			    struct http1_refusal *refusal)
{
	struct http2_translate *translate = exchange->translate;
	struct translation_fields fields;
	struct translation_body body;

	if (!translate)
		return true;
	if (translate->schema)
		return http2_transcode_answer(exchange, has_all, refusal);
	fields = http2_translate_read_fields(exchange->answer_head);
	body = read_answer_body(exchange, has_all);
	switch (translation_judge_answer(counted_of(exchange), translate->spoken, translate->wanted,
					 exchange->status, &fields, &body, refusal)) {
	case TRANSLATION_VARY:
		http2_fields_put(exchange->answer_head, "vary", "Accept");
		return true;
	case TRANSLATION_REWRITE:
		rewrite_answer(exchange);
		return true;
	case TRANSLATION_COLLECT:
		translate->holds_answer = true;
		return true;
	case TRANSLATION_REFUSE:
		return false;
	default:
		return true;
	}
}

bool http2_translate_answer_end(struct http2_exchange *exchange, struct http2_fields **trailers,
				struct http1_refusal *refusal)
{
	struct http2_translate *translate = exchange->translate;
	struct translate_refusal why;

	if (translate->schema)
		return http2_transcode_answer_end(exchange, trailers, refusal);
	if (!translate_buffer(exchange, &exchange->to_client, translate->spoken, translate->wanted,
			      &why)) {
		translation_explain_answer(&why, translate->reason);
		*refusal = (struct http1_refusal){502, translate->reason};
		return false;
	}
	translate->holds_answer = false;
	rewrite_answer(exchange);
	http2_fields_put_number(exchange->answer_head, "content-length",
				buffer_len(&exchange->to_client));
	if (*trailers)
		http2_translate_leave_out(*trailers, translation_digest_names);
	return true;
}
