// SPDX-License-Identifier: GPL-2.0
/* DOC: http2_transcode: see http2_transcode.h */
#include "daemon/proxy/http2_transcode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/grpc_status.h"
#include "daemon/proxy/transcode.h"

static struct counted *counted_of(const struct http2_exchange *exchange)
{
	return http2_flow(exchange)->counted;
}

/* ---- requests ---- */

static struct http2_lines *make_lines(struct http2_exchange *exchange)
{
	if (!exchange->translate->lines)
		exchange->translate->lines = xnew(struct http2_lines);
	return exchange->translate->lines;
}

/* As long as the headers are here: a copy of a request has only those. */
static struct http1_text path_of(const struct http2_exchange *exchange)
{
	struct http1_text path = {"", 0};

	http2_fields_find(exchange->head, ":path", &path);
	return path;
}

/* A call is a POST to the method's own path, whatever path it came by. */
static struct http2_fields *copy_head(const struct http2_exchange *exchange)
{
	const struct schema_method *method = exchange->translate->call.method;
	const struct http2_fields *from = exchange->head;
	char path[SCHEMA_NAME_MAX + 2];
	struct http2_fields *head;

	if (!method->rule)
		return http2_fields_copy(from);
	head = http2_fields_new();
	snprintf(path, sizeof(path), "/%s", method->path);
	http2_fields_put(head, ":method", "POST");
	http2_fields_put(head, ":path", path);
	for (size_t i = 0; i < from->n; i++) {
		const struct http1_text name = http2_field_name(from, i);
		const struct http1_text value = http2_field_value(from, i);

		if (!http1_is(&name, ":method") && !http1_is(&name, ":path"))
			http2_fields_add(head, &name, &value, from->list[i].is_sensitive, true);
	}
	return head;
}

static bool put_call_head(struct http2_exchange *exchange, struct http1_refusal *refusal)
{
	struct http2_fields *head = exchange->translate->head = copy_head(exchange);

	http2_translate_leave_out(head, translation_request_names);
	http2_translate_leave_out(head, translation_answer_names);
	http2_translate_leave_out(head, transcode_request_names);
	http2_fields_put(head, "content-type", TRANSCODE_TYPE);
	http2_fields_put(head, "te", "trailers");
	http2_fields_put(head, "grpc-accept-encoding", "identity");
	return !head->is_too_large ||
	       translation_refuse(counted_of(exchange), refusal, 431,
				  "the headers are too long for a call; leave some out");
}

/* It goes on at once; what has come of it is read as lines, and again for another attempt. */
static bool begin_lines(struct http2_exchange *exchange, struct http1_refusal *refusal)
{
	struct buffer *body = &exchange->to_service;
	struct http2_lines *lines = make_lines(exchange);

	exchange->translate->holds_request = false;
	lines->takes = true;
	lines->asked = *body;
	lines->asked_owed = buffer_len(body) - exchange->credited;
	*body = (struct buffer){0};
	exchange->credited = 0;
	exchange->is_sent = true;
	counted_of(exchange)->counts.http.translated++;
	return put_call_head(exchange, refusal);
}

bool http2_transcode_request(struct http2_exchange *exchange, struct http1_refusal *refusal)
{
	const struct translation_fields fields = http2_translate_read_fields(exchange->head);
	const struct translation_body body = http2_translate_request_body(exchange);
	const struct transcode_request request = {
		.method = {exchange->request.method, strlen(exchange->request.method)},
		.path = path_of(exchange),
		.fields = &fields,
		.body = &body,
		.has_lines = true,
	};
	struct schema *schema = transcode_find_schema(exchange->up->http2->flow);
	struct transcode_called called;
	enum translation_verdict verdict;

	if (!schema)
		return true;
	verdict = transcode_judge(counted_of(exchange), schema, &request, &called, refusal);
	if (verdict == TRANSLATION_PASS)
		return true;
	exchange->translate = xnew(struct http2_translate);
	exchange->translate->schema = schema_get(schema);
	exchange->translate->call = called;
	if (verdict == TRANSLATION_REFUSE)
		return false;
	http2_translate_hold_request(exchange);
	return !called.takes_lines || begin_lines(exchange, refusal);
}

bool http2_transcode_request_end(struct http2_exchange *exchange, struct http1_refusal *refusal)
{
	struct http2_translate *translate = exchange->translate;
	const struct buffer *json = &exchange->to_service;
	const struct http1_text path = path_of(exchange);
	struct transcode_bytes message;

	if (!transcode_call(counted_of(exchange), translate->call.method, &path,
			    translation_bytes(json), buffer_len(json), &message, translate->reason,
			    refusal))
		return false;
	http2_translate_replace(exchange, &exchange->to_service, message.bytes, message.len);
	translate->holds_request = false;
	return put_call_head(exchange, refusal);
}

/* ---- answers ---- */

static struct http1_text value_of(const struct http2_fields *fields, const char *name)
{
	struct http1_text value = {"", 0};

	http2_fields_find(fields, name, &value);
	return value;
}

static void copy_fields(struct http2_fields *to, const struct http2_fields *from)
{
	for (size_t i = 0; from && i < from->n; i++) {
		const struct http1_text name = http2_field_name(from, i);
		const struct http1_text value = http2_field_value(from, i);

		if (name.at[0] != ':' && !transcode_is_answer_name(&name))
			http2_fields_add(to, &name, &value, from->list[i].is_sensitive, true);
	}
}

/* The client is told 200 when the service begins to answer; how it ends is said behind it. */
static void give_lines(struct http2_exchange *exchange)
{
	struct http2_fields *head = http2_fields_new();

	http2_fields_put(head, ":status", "200");
	http2_fields_put(head, "content-type", translate_lines_type());
	copy_fields(head, exchange->answer_head);
	http2_fields_free(exchange->answer_head);
	exchange->answer_head = head;
	make_lines(exchange)->gives = true;
	counted_of(exchange)->counts.http.translated++;
}

bool http2_transcode_answer(struct http2_exchange *exchange, bool has_all,
			    struct http1_refusal *refusal)
{
	const struct http1_text type = value_of(exchange->answer_head, "content-type");
	const struct http1_text encoding = value_of(exchange->answer_head, "grpc-encoding");
	bool has_failed = has_all && http2_fields_grpc_status(exchange->answer_head) != 0;

	if (exchange->status != 200)
		return true; /* no answer of gRPC: it speaks for itself */
	if (!transcode_check_answer(counted_of(exchange), &type, &encoding, refusal))
		return false;
	if (!exchange->translate->call.gives_lines || has_failed) {
		exchange->translate->holds_answer = true;
		return true;
	}
	give_lines(exchange);
	if (has_all)
		exchange->grpc_status = 0;
	return true;
}

/* Trailers become headers, as what reads JSON looks for them there, if at all. */
static struct http2_fields *make_answer_head(const struct http2_exchange *exchange,
					     const struct http2_fields *trailers, size_t len)
{
	struct http2_fields *head = http2_fields_new();

	http2_fields_put_number(head, ":status", grpc_to_http(exchange->grpc_status));
	http2_fields_put(head, "content-type", translate_media_type(MANIFEST_BODY_JSON));
	http2_fields_put_number(head, "content-length", len);
	http2_fields_put_number(head, "grpc-status", (size_t)exchange->grpc_status);
	copy_fields(head, exchange->answer_head);
	copy_fields(head, trailers);
	return head;
}

static bool replace_head(struct http2_exchange *exchange, size_t len,
			 struct http2_fields **trailers, struct http1_refusal *refusal)
{
	struct http2_fields *head = make_answer_head(exchange, *trailers, len);

	if (head->is_too_large) {
		http2_fields_free(head);
		return translation_refuse(counted_of(exchange), refusal, 502,
					  "the headers and trailers of the service's answer are "
					  "together too long");
	}
	http2_fields_free(exchange->answer_head);
	exchange->answer_head = head;
	exchange->status = http2_fields_status(head);
	http2_fields_free(*trailers);
	*trailers = NULL;
	return true;
}

bool http2_transcode_answer_end(struct http2_exchange *exchange, struct http2_fields **trailers,
				struct http1_refusal *refusal)
{
	const struct http2_fields *outcome = *trailers ? *trailers : exchange->answer_head;
	struct http2_translate *translate = exchange->translate;
	const struct buffer *body = &exchange->to_client;
	const struct transcode_answer answer = {
		.method = translate->call.method,
		.bytes = translation_bytes(body),
		.len = buffer_len(body),
		.status = http2_fields_grpc_status(outcome),
		.message = value_of(outcome, "grpc-message"),
	};
	struct transcode_bytes json;

	exchange->grpc_status = answer.status;
	if (!transcode_answer(counted_of(exchange), &answer, &json, translate->reason, refusal))
		return false;
	if (!replace_head(exchange, json.len, trailers, refusal)) {
		free(json.bytes);
		return false;
	}
	counted_of(exchange)->counts.http.translated++;
	http2_translate_replace(exchange, &exchange->to_client, json.bytes, json.len);
	translate->holds_answer = false;
	return true;
}

/* ---- answers of ours ---- */

bool http2_transcode_is_json(const struct http2_exchange *exchange)
{
	const struct flow *flow = http2_flow(exchange);
	const struct broker_query *query = flow->entry ? &flow->entry->settings.query : NULL;

	if (exchange->translate)
		return exchange->translate->schema;
	if (!exchange->request.is_json)
		return false;
	return query ? query->has_protocol && query->protocol == MANIFEST_GRPC
		     : transcode_find_schema(flow) != NULL;
}

void http2_transcode_say(struct http2_exchange *exchange, struct http2_fields *head,
			 unsigned int status, const char *reason)
{
	struct transcode_bytes json = transcode_say(status, reason);

	http2_fields_put(head, "content-type", translate_media_type(MANIFEST_BODY_JSON));
	http2_fields_put_number(head, "content-length", json.len);
	if (status == 405 && exchange->translate)
		http2_fields_put(head, "allow", exchange->translate->call.allow);
	if (!exchange->request.is_head)
		buffer_append(&exchange->to_client, json.bytes, json.len);
	free(json.bytes);
}
