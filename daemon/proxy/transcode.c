// SPDX-License-Identifier: GPL-2.0
/* DOC: transcode: see transcode.h */
#include "daemon/proxy/transcode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/proxy/grpc_status.h"
#include "daemon/translate/grpc.h"

const char *const transcode_request_names[] = {"accept",	"content-encoding",	"te",
					       "grpc-encoding", "grpc-accept-encoding", NULL};

bool transcode_is_answer_name(const struct http1_text *name)
{
	static const char *const names[] = {"content-type",    "content-length",
					    "grpc-status",     "grpc-encoding",
					    "accept-encoding", "grpc-accept-encoding",
					    "trailer",	       "transfer-encoding"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (http1_is(name, names[i]))
			return true;
	return false;
}

struct schema *transcode_find_schema(const struct flow *flow)
{
	const struct proxy *proxy = flow->proxy;

	if (!proxy->events.schema || (flow->via != FLOW_PROVIDER && flow->via != FLOW_LOCAL))
		return NULL;
	return proxy->events.schema(proxy->events.arg, flow->digest);
}

/* ---- requests ---- */

/* gRPC's own, and gRPC-Web, which is the service's to understand. */
static bool is_call(const struct translation_fields *fields)
{
	return fields->type.len >= strlen(TRANSCODE_TYPE) &&
	       strncasecmp(fields->type.at, TRANSCODE_TYPE, strlen(TRANSCODE_TYPE)) == 0;
}

/* A path without its query, and who has it. */
struct found {
	const char *path;
	size_t path_len;
	bool has_query, has_path;
	const struct schema_method *plain, *method;
};

static struct found find_method(const struct schema *schema,
				const struct transcode_request *request)
{
	const struct http1_text *path = &request->path;
	const char *query = path->len ? memchr(path->at, '?', path->len) : NULL;
	struct found ret = {
		.path = path->at,
		.path_len = query ? (size_t)(query - path->at) : path->len,
		.has_query = query != NULL,
	};
	char kind[HTTP_RULE_KIND_MAX + 2];
	const struct http_rule *rule;

	snprintf(kind, sizeof(kind), "%.*s", (int)request->method.len, request->method.at);
	ret.plain = schema_find_method(schema, ret.path, ret.path_len);
	if (ret.plain && strcmp(kind, "POST") == 0) {
		ret.method = ret.plain;
		return ret;
	}
	rule = http_rule_find(schema, kind, ret.path, ret.path_len, &ret.has_path);
	ret.method = rule ? &rule->method : NULL;
	return ret;
}

static bool refuse_kind(struct counted *counted, const struct schema *schema,
			const struct found *found, struct transcode_called *called,
			struct http1_refusal *refusal)
{
	if (found->plain) {
		snprintf(called->allow, sizeof(called->allow), "POST");
		return translation_refuse(counted, refusal, 405,
					  "a method of gRPC is called with POST");
	}
	http_rule_list_kinds(schema, found->path, found->path_len, called->allow);
	return translation_refuse(counted, refusal, 405,
				  "the path is not called with this method of HTTP; see Allow");
}

static bool check_method(struct counted *counted, const struct schema *schema,
			 const struct found *found, struct transcode_called *called,
			 struct http1_refusal *refusal)
{
	const struct schema_method *method = called->method;

	if (!method && (found->plain || found->has_path))
		return refuse_kind(counted, schema, found, called, refusal);
	if (!method)
		return translation_refuse(counted, refusal, 404,
					  "the service's descriptor has no such method or HTTP "
					  "path; write /package.Service/Method, or a path that "
					  "meshctl service show has");
	if ((!method->rule || called->takes_lines) && found->has_query)
		return translation_refuse(counted, refusal, 400,
					  "a query is not translated; write its values into the "
					  "JSON");
	return !method->is_client_streaming || called->takes_lines ||
	       translation_refuse(counted, refusal, 501,
				  "the method takes a stream of messages, which one body of JSON "
				  "is not; write each as a line, with Content-Type: "
				  "application/x-ndjson");
}

/* As translate_choose() has it: weight, precision, then what the request is in. */
static bool wants_lines(const struct translation_fields *fields)
{
	const struct translate_wish *json = &fields->wishes[MANIFEST_BODY_JSON];
	const struct translate_wish *lines = &fields->lines;

	if (!fields->accepts)
		return fields->is_lines;
	if (lines->weight != json->weight)
		return lines->weight > json->weight;
	if (lines->precision != json->precision)
		return lines->precision > json->precision;
	return lines->weight && fields->is_lines;
}

static void find_lines(const struct transcode_request *request, struct transcode_called *called)
{
	const struct schema_method *method = called->method;

	if (!method)
		return;
	called->takes_lines = method->is_client_streaming && request->fields->is_lines;
	called->gives_lines = method->is_server_streaming && wants_lines(request->fields);
}

static bool check_lines(struct counted *counted, const struct transcode_request *request,
			struct transcode_called *called, struct http1_refusal *refusal)
{
	const struct translation_fields *fields = request->fields;

	if (request->has_lines)
		return true;
	/* Who takes both gets what there is. */
	called->gives_lines &= fields->accepts && !fields->wishes[MANIFEST_BODY_JSON].weight;
	return (!called->takes_lines && !called->gives_lines) ||
	       translation_refuse(
		       counted, refusal, 501,
		       "lines of JSON for a service of the entry's own hub need an entry "
		       "with protocol grpc, or another hub as provider");
}

/* What a path says all of needs no body, and some clients say only then that it has ended. */
static bool takes_body(const struct schema_method *method)
{
	return !method->rule || http_rule_takes_body(method->rule);
}

static bool check_body(struct counted *counted, const struct transcode_called *called,
		       const struct transcode_request *request, struct http1_refusal *refusal)
{
	const struct translation_fields *fields = request->fields;
	const struct schema_method *method = called->method;
	struct translation_body body = *request->body;

	body.has_length &= !called->takes_lines; /* a stream may be as long as it likes */
	if (!called->takes_lines && fields->format != MANIFEST_BODY_JSON &&
	    (fields->type.len || (request->body->is_there && takes_body(method))))
		return translation_refuse(counted, refusal, 415,
					  "the method takes application/json, and calls of gRPC");
	if (fields->accepts && !called->gives_lines && !fields->wishes[MANIFEST_BODY_JSON].weight)
		return translation_refuse(counted, refusal, 406,
					  "Accept does not take application/json, which is what "
					  "the answer can be had in");
	return translation_check_request(counted, fields, &body, refusal);
}

enum translation_verdict transcode_judge(struct counted *counted, const struct schema *schema,
					 const struct transcode_request *request,
					 struct transcode_called *called,
					 struct http1_refusal *refusal)
{
	const struct found found = find_method(schema, request);
	bool is_known = found.method || found.plain || found.has_path;

	if (is_call(request->fields))
		return TRANSLATION_PASS;
	*called = (struct transcode_called){.method = found.method};
	/* Something else that it serves, beside its methods. */
	if (!is_known && !schema->n_rules && request->fields->format != MANIFEST_BODY_JSON)
		return TRANSLATION_PASS;
	find_lines(request, called);
	return check_method(counted, schema, &found, called, refusal) &&
			       check_lines(counted, request, called, refusal) &&
			       check_body(counted, called, request, refusal)
		       ? TRANSLATION_COLLECT
		       : TRANSLATION_REFUSE;
}

bool transcode_call(struct counted *counted, const struct schema_method *method,
		    const struct http1_text *path, const uint8_t *json, size_t len,
		    struct transcode_bytes *ret, char reason[TRANSLATION_REASON_SIZE],
		    struct http1_refusal *refusal)
{
	struct translate_refusal why;

	if (!grpc_request_by_path(method, path->at, path->len, json, len, &ret->bytes, &ret->len,
				  &why)) {
		memcpy(reason, why.reason, sizeof(why.reason));
		return translation_refuse(counted, refusal,
					  why.fault == TRANSLATE_TOO_LARGE ? 413 : 400, reason);
	}
	counted->counts.http.translated++;
	return true;
}

/* ---- answers ---- */

bool transcode_check_answer(struct counted *counted, const struct http1_text *type,
			    const struct http1_text *encoding, struct http1_refusal *refusal)
{
	if (!type->len || !grpc_is_content_type(type))
		return translation_refuse(counted, refusal, 502,
					  "the service answered with something that is not gRPC");
	return !encoding->len || http1_is(encoding, "identity") ||
	       translation_refuse(counted, refusal, 502,
				  "the service answered with compressed messages, which it was not "
				  "asked for, and which are not translated");
}

static bool say_messages(const struct transcode_answer *answer, bool is_array,
			 struct transcode_bytes *ret, struct translate_refusal *why)
{
	struct schema_method method = *answer->method;

	method.is_server_streaming |= is_array;
	return grpc_answer(&method, answer->bytes, answer->len, &ret->bytes, &ret->len, why);
}

/* What came before a failure is told with it. */
static bool say_failure(const struct transcode_answer *answer, struct transcode_bytes *ret,
			struct translate_refusal *why)
{
	struct grpc_failure failure = {
		.code = (uint32_t)answer->status,
		.message = answer->message.at,
		.len = answer->message.len,
		.is_encoded = true,
	};
	struct transcode_bytes messages = {0};
	bool is_good;

	if (answer->len && !say_messages(answer, true, &messages, why))
		return false;
	failure.messages = messages.bytes;
	failure.messages_len = messages.len;
	is_good = grpc_failure(&failure, &ret->bytes, &ret->len);
	if (!is_good)
		snprintf(why->reason, sizeof(why->reason), "it would be more than %d bytes of JSON",
			 TRANSLATE_BODY_MAX);
	free(messages.bytes);
	return is_good;
}

bool transcode_answer(struct counted *counted, const struct transcode_answer *answer,
		      struct transcode_bytes *ret, char reason[TRANSLATION_REASON_SIZE],
		      struct http1_refusal *refusal)
{
	struct translate_refusal why;
	bool is_good;

	if (answer->status == GRPC_STATUS_NONE)
		return translation_refuse(counted, refusal, 502,
					  "the service's answer has no grpc-status");
	is_good = answer->status ? say_failure(answer, ret, &why)
				 : say_messages(answer, false, ret, &why);
	if (is_good)
		return true;
	translation_explain_answer(&why, reason);
	return translation_refuse(counted, refusal, 502, reason);
}

struct transcode_bytes transcode_say(unsigned int status, const char *reason)
{
	const struct grpc_failure failure = {
		.code = grpc_code_of_http(status),
		.message = reason,
		.len = strlen(reason),
	};
	struct transcode_bytes ret = {0};

	grpc_failure(&failure, &ret.bytes, &ret.len); /* a sentence of ours is short */
	return ret;
}
