// SPDX-License-Identifier: GPL-2.0
/* DOC: http_convert: see http_convert.h */
#include "daemon/proxy/http_convert.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/grpc_status.h"
#include "daemon/proxy/internal.h"

#define AUTHORITY_MARKS "-._~!$&'()*+;=:[]%"
#define STATUS_LINE_SIZE 64 /* the longest reason of ours has 31 characters */
#define LENGTH_SIZE sizeof("18446744073709551615")

/* About one connection, so never carried over (RFC 9110, 7.6.1; RFC 9113, 8.2.2). */
static const char *const hop_names[] = {
	"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
};
/* In trailers some would be taken for what they are in a head (RFC 9110, 6.5.1). */
static const char *const head_names[] = {
	"content-length",   "host",	     "te",     "trailer",    "content-type",
	"content-encoding", "authorization", "cookie", "set-cookie", "expect",
};

static bool refuse(struct http1_refusal *refusal, unsigned int status, const char *reason)
{
	*refusal = (struct http1_refusal){status, reason};
	return false;
}

static struct http1_text text_of(const char *word)
{
	return (struct http1_text){word, strlen(word)};
}

static bool is_one_of(const struct http1_text *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (http1_is_header(name, names[i]))
			return true;
	return false;
}

#define IS_ONE_OF(name, names) is_one_of(name, names, ARRAY_SIZE(names))

/* A name or address, and maybe a port: nothing that a server could take for a user or a path. */
static bool is_authority(const struct http1_text *text)
{
	if (!text->len || text->len > HTTP_CONVERT_AUTHORITY_MAX)
		return false;
	for (size_t i = 0; i < text->len; i++) {
		char c = text->at[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    (!c || !strchr(AUTHORITY_MARKS, c)))
			return false;
	}
	return true;
}

static bool is_same(const struct http1_text *a, const struct http1_text *b)
{
	return a->len == b->len && memcmp(a->at, b->at, a->len) == 0;
}

static bool is_grpc(const struct http1_head *head)
{
	for (size_t i = 0; i < head->n_fields; i++)
		if (http1_is(&head->fields[i].name, "content-type") &&
		    grpc_is_content_type(&head->fields[i].value))
			return true;
	return false;
}

/* ---- to HTTP/2 ---- */

static void add_text(struct http2_fields *ret, const char *name, const struct http1_text *value)
{
	const struct http1_text name_text = text_of(name);

	http2_fields_add(ret, &name_text, value, false, true);
}

static void add(struct http2_fields *ret, const char *name, const char *value)
{
	const struct http1_text value_text = text_of(value);

	add_text(ret, name, &value_text);
}

/* Names of HTTP/2 are lower case. */
static void add_field(struct http2_fields *ret, const struct http1_field *field)
{
	const struct http2_field *added = &ret->list[ret->n];
	size_t before = ret->n;

	http2_fields_add(ret, &field->name, &field->value, http1_is(&field->name, "authorization"),
			 true);
	for (size_t i = 0; ret->n > before && i < added->name_len; i++) {
		char *c = &ret->bytes[added->at + i];

		if (*c >= 'A' && *c <= 'Z')
			*c |= 0x20;
	}
}

static bool is_hop(const struct http1_head *head, const struct http1_text *name)
{
	return IS_ONE_OF(name, hop_names) || http1_is(name, "te") ||
	       http1_is(name, "http2-settings") || http1_connection_names(head, name);
}

/**
 * struct target - what the request line and Host say together
 * @scheme: of a target in absolute form, else "http"
 * @authority: len 0: a client of HTTP/1.0 said none
 * @path: with its query
 */
struct target {
	const char *scheme;
	struct http1_text authority, path;
};

/* Return: false a scheme we do not know, or no absolute form at all. */
static bool read_absolute(const struct http1_text *target, struct target *ret)
{
	static const char *const schemes[] = {"http", "https"};
	static const char scheme_end[] = "://";

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t len = strlen(schemes[i]) + strlen(scheme_end);
		struct http1_text scheme = {target->at, strlen(schemes[i])};
		const char *slash;

		if (target->len < len || !http1_is(&scheme, schemes[i]) ||
		    memcmp(target->at + scheme.len, scheme_end, strlen(scheme_end)) != 0)
			continue;
		ret->scheme = schemes[i];
		ret->authority = (struct http1_text){target->at + len, target->len - len};
		ret->path = text_of("/");
		slash = ret->authority.len ? memchr(ret->authority.at, '/', ret->authority.len)
					   : NULL;
		if (!slash)
			return true;
		ret->path = (struct http1_text){slash, ret->authority.len -
							       (size_t)(slash - ret->authority.at)};
		ret->authority.len -= ret->path.len;
		return true;
	}
	return false;
}

/* One who reads the target and one who reads Host must mean the same. */
static bool read_target(const struct http1_head *head, struct target *ret,
			struct http1_refusal *refusal)
{
	const struct http1_text *host = http1_find_one(head, "host");
	const struct http1_text *target = &head->target;

	*ret = (struct target){.scheme = "http", .authority = {"", 0}, .path = *target};
	if (host)
		ret->authority = *host;
	if (!target->len || target->at[0] != '/') {
		if (http1_is(target, "*")) {
			if (!http1_is(&head->method, "OPTIONS"))
				return refuse(refusal, 400, "the target * is for OPTIONS alone");
		} else if (!read_absolute(target, ret)) {
			return refuse(refusal, 400, "the target is no path");
		} else if (host && !is_same(host, &ret->authority)) {
			return refuse(refusal, 400, "Host and the target name two servers");
		}
	}
	if ((host || ret->authority.len) && !is_authority(&ret->authority))
		return refuse(refusal, 400, "Host is not a name or an address");
	if (memchr(ret->path.at, '#', ret->path.len))
		return refuse(refusal, 400, "the target has a fragment");
	return true;
}

/* What HTTP/2 cannot say, or the client could not be told. */
static bool check_losses(const struct http1_head *head, struct http1_refusal *refusal)
{
	const struct http1_text *upgrade = http1_find_one(head, "upgrade");

	/* Who offers HTTP/2 itself may be answered in HTTP/1.1. */
	if (head->is_upgrade && !(upgrade && http1_is(upgrade, "h2c")))
		return refuse(refusal, 501,
			      "the service speaks HTTP/2, where nothing can be upgraded to");
	if (head->minor == 0 && is_grpc(head))
		return refuse(refusal, 501,
			      "gRPC ends its answers with trailers, which HTTP/1.0 has not");
	return true;
}

bool http_convert_request_to_2(const struct http1_head *head, struct http2_fields *ret,
			       struct http1_refusal *refusal)
{
	struct target target;

	if (!read_target(head, &target, refusal) || !check_losses(head, refusal))
		return false;
	add_text(ret, ":method", &head->method);
	add(ret, ":scheme", target.scheme);
	if (target.authority.len)
		add_text(ret, ":authority", &target.authority);
	add_text(ret, ":path", &target.path);
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http1_field *field = &head->fields[i];

		if (is_hop(head, &field->name) || http1_is(&field->name, "host") ||
		    (head->minor == 0 && http1_is(&field->name, "expect")))
			continue;
		add_field(ret, field);
	}
	/* gRPC asks for it, and a hub of an older version before us has left it out. */
	if (http1_takes_trailers(head) || is_grpc(head))
		add(ret, "te", "trailers");
	if (ret->is_too_large)
		return refuse(refusal, 431, "the headers are longer than 16384 bytes, or over 100");
	return true;
}

bool http_convert_answer_to_2(const struct http1_head *head, struct http2_fields *ret,
			      struct http1_refusal *refusal)
{
	bool has_no_length = head->status < 200 || head->status == 204;
	char status[LENGTH_SIZE];

	if (head->status == 101)
		return refuse(refusal, 502, "the service upgrades to what nobody asked for");
	snprintf(status, sizeof(status), "%u", head->status);
	add(ret, ":status", status);
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http1_field *field = &head->fields[i];

		if (is_hop(head, &field->name) ||
		    (has_no_length && http1_is(&field->name, "content-length")))
			continue;
		add_field(ret, field);
	}
	return !ret->is_too_large || refuse(refusal, 502, "the headers of the answer are too long");
}

bool http_convert_trailers_to_2(const struct http1_head *trailers, struct http2_fields *ret)
{
	for (size_t i = 0; i < trailers->n_fields; i++) {
		const struct http1_field *field = &trailers->fields[i];

		if (IS_ONE_OF(&field->name, hop_names) || IS_ONE_OF(&field->name, head_names))
			return false;
		add_field(ret, field);
	}
	return !ret->is_too_large;
}

/* ---- to HTTP/1.1 ---- */

static void put_text(struct buffer *ret, const struct http1_text *text)
{
	if (text->len)
		buffer_append(ret, (const uint8_t *)text->at, text->len);
}

static void put(struct buffer *ret, const char *word)
{
	const struct http1_text text = text_of(word);

	put_text(ret, &text);
}

static void put_field(struct buffer *ret, const struct http1_text *name,
		      const struct http1_text *value)
{
	put_text(ret, name);
	put(ret, ": ");
	put_text(ret, value);
	put(ret, "\r\n");
}

static void put_line(struct buffer *ret, const char *name, const char *value)
{
	const struct http1_text name_text = text_of(name), value_text = text_of(value);

	put_field(ret, &name_text, &value_text);
}

static bool is_pseudo(const struct http1_text *name)
{
	return name->len && name->at[0] == ':';
}

/* Nothing in it could end its line, or begin another. */
static bool is_clean(const struct http1_text *name, const struct http1_text *value)
{
	for (size_t i = 0; i < name->len; i++)
		if (name->at[i] >= 'A' && name->at[i] <= 'Z')
			return false;
	return http1_is_token(name) && http1_is_value(value) && !IS_ONE_OF(name, hop_names);
}

static bool read_length(const struct http1_text *text, uint64_t *ret)
{
	*ret = 0;
	if (!text->len || text->len > HTTP1_LENGTH_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < text->len; i++) {
		if (text->at[i] < '0' || text->at[i] > '9')
			return false;
		*ret = *ret * 10 + (uint64_t)(text->at[i] - '0');
	}
	return true;
}

/**
 * struct facts - what decides the framing of a message of HTTP/2
 * @has_length: there is a content-length
 * @length: it
 * @has_trailers: some are announced, or gRPC's will come
 * @has_te: the sender takes trailers
 * @n_cookies: headers of them
 */
struct facts {
	bool has_length;
	uint64_t length;
	bool has_trailers, has_te;
	size_t n_cookies;
};

/* Return: false it has headers that no message of HTTP/2 may have. */
static bool read_facts(const struct http2_fields *fields, struct facts *ret)
{
	*ret = (struct facts){0};
	for (size_t i = 0; i < fields->n; i++) {
		const struct http1_text name = http2_field_name(fields, i);
		const struct http1_text value = http2_field_value(fields, i);

		if (is_pseudo(&name))
			continue;
		if (!is_clean(&name, &value))
			return false;
		if (http1_is_header(&name, "content-length")) {
			if (ret->has_length || !http1_is(&name, "content-length") ||
			    !read_length(&value, &ret->length))
				return false;
			ret->has_length = true;
		}
		if (http1_is(&name, "te")) {
			if (!http1_is(&value, "trailers"))
				return false;
			ret->has_te = true;
		}
		ret->n_cookies += http1_is(&name, "cookie");
		ret->has_trailers |= http1_is(&name, "trailer");
		ret->has_trailers |= http1_is(&name, "content-type") &&
				     grpc_is_content_type(&value);
	}
	return true;
}

static bool check_pseudo(const struct http2_fields *fields, const char *const *names, size_t n)
{
	bool is_over = false;

	for (size_t i = 0; i < fields->n; i++) {
		const struct http1_text name = http2_field_name(fields, i);
		bool is_known = false;

		if (!is_pseudo(&name)) {
			is_over = true;
			continue;
		}
		for (size_t k = 0; k < n; k++)
			is_known |= http1_is(&name, names[k]);
		for (size_t k = 0; k < i; k++) {
			const struct http1_text other = http2_field_name(fields, k);

			is_known &= !is_same(&name, &other);
		}
		if (!is_known || is_over)
			return false;
	}
	return true;
}

static void put_length(struct buffer *ret, struct http_convert_body *body, uint64_t length)
{
	char text[LENGTH_SIZE];

	*body = (struct http_convert_body){HTTP1_LENGTH, length};
	snprintf(text, sizeof(text), "%" PRIu64, length);
	put_line(ret, "content-length", text);
}

static void put_chunked(struct buffer *ret, struct http_convert_body *body)
{
	*body = (struct http_convert_body){.framing = HTTP1_CHUNKED};
	put_line(ret, "transfer-encoding", "chunked");
}

/* Crumbs are one header here (RFC 9113, 8.2.3). */
static void put_cookies(struct buffer *ret, const struct http2_fields *fields)
{
	bool is_first = true;

	put(ret, "cookie: ");
	for (size_t i = 0; i < fields->n; i++) {
		const struct http1_text name = http2_field_name(fields, i);
		const struct http1_text value = http2_field_value(fields, i);

		if (!http1_is(&name, "cookie"))
			continue;
		if (!is_first)
			put(ret, "; ");
		put_text(ret, &value);
		is_first = false;
	}
	put(ret, "\r\n");
}

static bool find_authority(const struct http2_fields *fields, struct http1_text *ret,
			   struct http1_refusal *refusal)
{
	if (!http2_fields_find(fields, ":authority", ret) &&
	    !http2_fields_find(fields, "host", ret))
		return refuse(refusal, 400, "neither :authority nor host says who is asked");
	return is_authority(ret) || refuse(refusal, 400, ":authority is not a name or an address");
}

static bool takes_body(const struct http2_request *request)
{
	return strcmp(request->method, "POST") == 0 || strcmp(request->method, "PUT") == 0 ||
	       strcmp(request->method, "PATCH") == 0;
}

static void put_request_framing(struct buffer *ret, const struct http2_request *request,
				const struct facts *facts, bool has_all,
				struct http_convert_body *body)
{
	*body = (struct http_convert_body){.framing = HTTP1_NO_BODY};
	if (facts->has_length)
		put_length(ret, body, facts->length);
	else if (!has_all)
		put_chunked(ret, body);
	else if (takes_body(request))
		put_length(ret, body, 0);
}

static void put_request(struct buffer *ret, const struct http2_fields *fields,
			const struct http2_request *request, const struct http1_text *authority,
			const struct facts *facts)
{
	put(ret, request->method);
	put(ret, " ");
	put_text(ret, &request->whole_path);
	put(ret, " HTTP/1.1\r\nhost: ");
	put_text(ret, authority);
	put(ret, "\r\n");
	for (size_t i = 0; i < fields->n; i++) {
		const struct http1_text name = http2_field_name(fields, i);
		const struct http1_text value = http2_field_value(fields, i);

		if (!is_pseudo(&name) && !http1_is(&name, "host") && !http1_is(&name, "te") &&
		    !http1_is(&name, "cookie") && !http1_is(&name, "content-length"))
			put_field(ret, &name, &value);
	}
	if (facts->n_cookies)
		put_cookies(ret, fields);
	if (facts->has_te) {
		put_line(ret, "te", "trailers");
		put_line(ret, "connection", "te");
	}
}

/* What was written is what its reader will find. */
static bool check_request(const struct buffer *ret, size_t from,
			  const struct http_convert_body *body, struct http1_refusal *refusal)
{
	size_t len = buffer_len(ret) - from;
	struct http1_head head;

	if (len > HTTP1_HEAD_MAX)
		return refuse(refusal, 431, "the headers are longer than 16384 bytes");
	if (!http1_parse_request(ret->bytes + ret->start + from, len, &head, refusal))
		return false;
	return (head.framing == body->framing && head.length == body->length) ||
	       refuse(refusal, 400, "the request has two meanings in HTTP/1.1");
}

bool http_convert_request_to_1(const struct http2_fields *fields, bool has_all, struct buffer *ret,
			       struct http_convert_body *body, struct http1_refusal *refusal)
{
	static const char *const names[] = {":method", ":scheme", ":authority", ":path"};
	struct http2_request request;
	size_t from = buffer_len(ret);
	struct http1_text authority;
	struct facts facts;

	if (!http2_read_request(fields, &request, refusal) ||
	    !find_authority(fields, &authority, refusal))
		return false;
	if (!check_pseudo(fields, names, ARRAY_SIZE(names)) || !read_facts(fields, &facts))
		return refuse(refusal, 400, "a header is malformed, or of a connection");
	if (request.is_grpc)
		return refuse(refusal, 501,
			      "the service speaks HTTP/1.1, over which there is no gRPC");
	if (has_all && facts.length)
		return refuse(refusal, 400, "the body is shorter than content-length");
	put_request(ret, fields, &request, &authority, &facts);
	put_request_framing(ret, &request, &facts, has_all, body);
	put(ret, "\r\n");
	return check_request(ret, from, body, refusal);
}

/* Return: false the client could not be told where the answer ends, or what comes behind it. */
static bool put_answer_framing(struct buffer *ret, unsigned int status, const struct facts *facts,
			       bool has_all, const struct http_convert_client *client,
			       struct http_convert_body *body)
{
	*body = (struct http_convert_body){.framing = HTTP1_NO_BODY};
	if (status < 200 || status == 204)
		return true;
	if (client->is_head || status == 304) {
		if (facts->has_length)
			put_length(ret, body, facts->length);
		body->framing = HTTP1_NO_BODY;
	} else if (has_all) {
		put_length(ret, body, 0);
	} else if (facts->has_length && !facts->has_trailers && !client->takes_trailers) {
		put_length(ret, body, facts->length);
	} else if (!client->is_old) {
		put_chunked(ret, body);
	} else {
		body->framing = HTTP1_UNTIL_CLOSE;
		return !facts->has_trailers;
	}
	return true;
}

static void put_persistence(struct buffer *ret, const struct http_convert_client *client,
			    const struct http_convert_body *body)
{
	if (!client->is_persistent || body->framing == HTTP1_UNTIL_CLOSE)
		put_line(ret, "connection", "close");
	else if (client->is_old)
		put_line(ret, "connection", "keep-alive");
}

static bool check_answer(const struct buffer *ret, size_t from, bool is_head,
			 const struct http_convert_body *body, struct http1_refusal *refusal)
{
	size_t len = buffer_len(ret) - from;
	struct http1_head head;

	if (len > HTTP1_HEAD_MAX)
		return refuse(refusal, 502, "the headers of the answer are too long");
	return (http1_parse_response(ret->bytes + ret->start + from, len, is_head, &head,
				     refusal) &&
		head.framing == body->framing) ||
	       refuse(refusal, 502, "the answer has two meanings in HTTP/1.1");
}

bool http_convert_answer_to_1(const struct http2_fields *fields, bool has_all,
			      const struct http_convert_client *client, struct buffer *ret,
			      struct http_convert_body *body, struct http1_refusal *refusal)
{
	static const char *const names[] = {":status"};
	unsigned int status = http2_fields_status(fields);
	size_t from = buffer_len(ret);
	struct facts facts;
	char line[STATUS_LINE_SIZE];

	*body = (struct http_convert_body){.framing = HTTP1_NO_BODY};
	if (status < 100 || status == 101 || status > 599 || fields->is_too_large ||
	    !check_pseudo(fields, names, ARRAY_SIZE(names)) || !read_facts(fields, &facts) ||
	    (has_all && facts.length && !client->is_head && status != 304))
		return refuse(refusal, 502, "the service answered with something that is no HTTP");
	if (status < 200 && client->is_old)
		return true;
	snprintf(line, sizeof(line), "HTTP/1.1 %u %s\r\n", status, http1_status_text(status));
	put(ret, line);
	for (size_t i = 0; i < fields->n; i++) {
		const struct http1_text name = http2_field_name(fields, i);
		const struct http1_text value = http2_field_value(fields, i);

		if (!is_pseudo(&name) && !http1_is(&name, "te") &&
		    !http1_is(&name, "content-length"))
			put_field(ret, &name, &value);
	}
	if (!put_answer_framing(ret, status, &facts, has_all, client, body))
		return refuse(refusal, 502,
			      "the answer ends with trailers, which HTTP/1.0 has not");
	if (status >= 200)
		put_persistence(ret, client, body);
	put(ret, "\r\n");
	return check_answer(ret, from, client->is_head, body, refusal);
}

bool http_convert_trailers_to_1(const struct http2_fields *fields, struct buffer *ret)
{
	size_t before = buffer_len(ret);

	for (size_t i = 0; i < fields->n; i++) {
		const struct http1_text name = http2_field_name(fields, i);
		const struct http1_text value = http2_field_value(fields, i);

		if (!is_clean(&name, &value) || IS_ONE_OF(&name, head_names))
			return false;
		put_field(ret, &name, &value);
	}
	return !fields->is_too_large && buffer_len(ret) - before < HTTP1_TRAILERS_MAX;
}
