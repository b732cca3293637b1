// SPDX-License-Identifier: GPL-2.0
/* DOC: http2_fields: see http2_fields.h */
#include "daemon/proxy/http2_fields.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/grpc_status.h"
#include "daemon/translate/translate.h"

#define BYTES_MIN 512

/* What services behind us might take for the header with dashes, as CGI does. */
static const char *const framing_names[] = {"content-length", "transfer-encoding", "host",
					    "connection", "upgrade"};

struct http2_fields *http2_fields_new(void)
{
	return xnew(struct http2_fields);
}

struct http2_fields *http2_fields_copy(const struct http2_fields *fields)
{
	struct http2_fields *copy = http2_fields_new();

	*copy = *fields;
	copy->bytes = NULL;
	if (fields->size) {
		copy->bytes = xreallocarray(NULL, fields->size, 1);
		memcpy(copy->bytes, fields->bytes, fields->len);
	}
	return copy;
}

void http2_fields_free(struct http2_fields *fields)
{
	if (!fields)
		return;
	free(fields->bytes);
	free(fields);
}

static void append(struct http2_fields *fields, const struct http1_text *name,
		   const struct http1_text *value, bool is_sensitive)
{
	size_t more = name->len + value->len, size = fields->size ? fields->size : BYTES_MIN;

	while (size < fields->len + more)
		size *= 2;
	if (size != fields->size)
		fields->bytes = xreallocarray(fields->bytes, size, 1);
	fields->size = size;
	fields->list[fields->n++] = (struct http2_field){(uint32_t)fields->len, (uint16_t)name->len,
							 (uint16_t)value->len, is_sensitive};
	if (name->len)
		memcpy(fields->bytes + fields->len, name->at, name->len);
	if (value->len)
		memcpy(fields->bytes + fields->len + name->len, value->at, value->len);
	fields->len += more;
	fields->cost += more + HTTP2_FIELD_COST;
}

void http2_fields_add(struct http2_fields *fields, const struct http1_text *name,
		      const struct http1_text *value, bool is_sensitive, bool is_from_hub)
{
	size_t cost_max = HTTP2_HEAD_MAX + (is_from_hub ? HTTP2_ADDED_MAX : 0);
	size_t n_max = HTTP2_FIELDS_MAX + (is_from_hub ? HTTP2_FIELDS_ADDED : 0);

	if (fields->n >= n_max ||
	    fields->cost + name->len + value->len + HTTP2_FIELD_COST > cost_max)
		fields->is_too_large = true;
	if (!fields->is_too_large)
		append(fields, name, value, is_sensitive);
}

void http2_fields_put(struct http2_fields *fields, const char *name, const char *value)
{
	const struct http1_text name_text = {name, strlen(name)};
	const struct http1_text value_text = {value, strlen(value)};

	assert(fields->n < HTTP2_FIELDS_ROOM);
	append(fields, &name_text, &value_text, false);
}

void http2_fields_put_number(struct http2_fields *fields, const char *name, size_t number)
{
	char text[sizeof("18446744073709551615")];

	snprintf(text, sizeof(text), "%zu", number);
	http2_fields_put(fields, name, text);
}

size_t http2_fields_size(const struct http2_fields *fields)
{
	return fields ? sizeof(*fields) + fields->size : 0;
}

struct http1_text http2_field_name(const struct http2_fields *fields, size_t i)
{
	return (struct http1_text){fields->bytes + fields->list[i].at, fields->list[i].name_len};
}

struct http1_text http2_field_value(const struct http2_fields *fields, size_t i)
{
	const struct http2_field *field = &fields->list[i];

	return (struct http1_text){fields->bytes + field->at + field->name_len, field->value_len};
}

bool http2_fields_find(const struct http2_fields *fields, const char *name, struct http1_text *ret)
{
	for (size_t i = 0; i < fields->n; i++) {
		const struct http1_text at = http2_field_name(fields, i);

		if (!http1_is(&at, name))
			continue;
		*ret = http2_field_value(fields, i);
		return true;
	}
	return false;
}

static bool read_number(const struct http1_text *text, size_t digits_max, uint64_t *ret)
{
	uint64_t n = 0;

	if (!text->len || text->len > digits_max)
		return false;
	for (size_t i = 0; i < text->len; i++) {
		if (text->at[i] < '0' || text->at[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(text->at[i] - '0');
	}
	*ret = n;
	return true;
}

unsigned int http2_fields_status(const struct http2_fields *fields)
{
	struct http1_text value;
	uint64_t status;

	if (!http2_fields_find(fields, ":status", &value) || !read_number(&value, 3, &status))
		return 0;
	return status >= 100 ? (unsigned int)status : 0;
}

bool http2_fields_length(const struct http2_fields *fields, uint64_t *ret)
{
	struct http1_text value;

	return http2_fields_find(fields, "content-length", &value) &&
	       read_number(&value, HTTP1_LENGTH_DIGITS_MAX, ret);
}

int http2_fields_grpc_status(const struct http2_fields *fields)
{
	struct http1_text value;

	return http2_fields_find(fields, "grpc-status", &value) ? grpc_parse_status(&value)
								: GRPC_STATUS_NONE;
}

void http2_fields_leave_out(struct http2_fields *fields, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < fields->n; i++) {
		const struct http1_text at = http2_field_name(fields, i);

		if (!http1_is_header(&at, name))
			fields->list[kept++] = fields->list[i];
	}
	fields->n = kept;
}

size_t http2_fields_to_nv(const struct http2_fields *fields, nghttp2_nv ret[HTTP2_FIELDS_ROOM])
{
	for (size_t i = 0; i < fields->n; i++) {
		const struct http1_text name = http2_field_name(fields, i);
		const struct http1_text value = http2_field_value(fields, i);

		ret[i] = (nghttp2_nv){(uint8_t *)name.at, (uint8_t *)value.at, name.len, value.len,
				      fields->list[i].is_sensitive ? NGHTTP2_NV_FLAG_NO_INDEX
								   : NGHTTP2_NV_FLAG_NONE};
	}
	return fields->n;
}

/* ---- requests ---- */

static bool refuse(struct http1_refusal *refusal, unsigned int status, const char *reason)
{
	*refusal = (struct http1_refusal){status, reason};
	return false;
}

static bool read_method(const struct http1_text *method, struct http2_request *ret,
			struct http1_refusal *refusal)
{
	if (!nghttp2_check_method((const uint8_t *)method->at, method->len))
		return refuse(refusal, 400, "the method is no word");
	snprintf(ret->method, sizeof(ret->method), "%.*s", (int)method->len, method->at);
	if (method->len > HTTP1_METHOD_MAX)
		return refuse(refusal, 501, "the method is longer than 15 characters");
	if (strcmp(ret->method, "CONNECT") == 0)
		return refuse(refusal, 501,
			      "CONNECT is not for a service; make the request itself");
	ret->is_head = strcmp(ret->method, "HEAD") == 0;
	ret->is_idempotent = http1_is_idempotent(method);
	return true;
}

static bool read_path(const struct http1_text *path, struct http2_request *ret,
		      struct http1_refusal *refusal)
{
	const char *fragment = path->len ? memchr(path->at, '#', path->len) : NULL;
	bool is_all = path->len == 1 && path->at[0] == '*' && strcmp(ret->method, "OPTIONS") == 0;

	snprintf(ret->path, sizeof(ret->path), "%.*s", (int)path->len, path->at);
	ret->whole_path = *path;
	if (path->len > HTTP1_LINE_MAX)
		return refuse(refusal, 414, "the path is longer than 8192 bytes");
	if ((!path->len || path->at[0] != '/') && !is_all)
		return refuse(refusal, 400, "the path does not begin with a slash");
	for (size_t i = 0; i < path->len; i++)
		if (path->at[i] <= ' ' || path->at[i] >= 0x7f)
			return refuse(refusal, 400, "the path has a blank or a control character");
	return !fragment || refuse(refusal, 400, "the path has a fragment");
}

/* One who reads host and one who reads :authority must mean the same. */
static bool check_authority(const struct http2_fields *fields, struct http1_refusal *refusal)
{
	struct http1_text authority, host = {"", 0};
	unsigned int n_hosts = 0;

	for (size_t i = 0; i < fields->n; i++) {
		const struct http1_text name = http2_field_name(fields, i);

		if (!http1_is(&name, "host"))
			continue;
		host = http2_field_value(fields, i);
		n_hosts++;
	}
	if (n_hosts > 1)
		return refuse(refusal, 400, "there are two hosts");
	if (!n_hosts || !http2_fields_find(fields, ":authority", &authority))
		return true;
	if (host.len != authority.len || memcmp(host.at, authority.at, host.len) != 0)
		return refuse(refusal, 400, "host and :authority differ");
	return true;
}

static bool check_names(const struct http2_fields *fields, struct http1_refusal *refusal)
{
	for (size_t i = 0; i < fields->n; i++) {
		const struct http1_text name = http2_field_name(fields, i);

		if (!memchr(name.at, '_', name.len))
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(framing_names); k++)
			if (http1_is_header(&name, framing_names[k]))
				return refuse(refusal, 400,
					      "a header of framing is spelled with _");
	}
	return true;
}

static void read_rest(const struct http2_fields *fields, struct http2_request *ret)
{
	struct http1_text value;
	unsigned int n_traces = 0;
	bool is_odd;

	if (http2_fields_find(fields, "content-type", &value)) {
		ret->is_grpc = grpc_is_content_type(&value);
		ret->is_json = translate_parse_media_type(value.at, value.len, &is_odd) ==
				       MANIFEST_BODY_JSON ||
			       translate_is_lines(value.at, value.len);
	}
	if ((ret->is_grpc || ret->is_json) && http2_fields_find(fields, "grpc-timeout", &value) &&
	    !grpc_parse_timeout(&value, &ret->timeout_ns))
		ret->timeout_ns = 0; /* whether that is an error is the service's to say */
	for (size_t i = 0; i < fields->n; i++) {
		const struct http1_text name = http2_field_name(fields, i);

		if (!http1_is(&name, "traceparent"))
			continue;
		value = http2_field_value(fields, i);
		n_traces++;
	}
	/* Of one that is there twice nobody knows which is meant. */
	if (n_traces == 1)
		traceparent_read(value.at, value.len, ret->traceparent);
}

bool http2_read_request(const struct http2_fields *fields, struct http2_request *ret,
			struct http1_refusal *refusal)
{
	struct http1_text method = {"", 0}, path = {"", 0};

	*ret = (struct http2_request){.whole_path = path};
	read_rest(fields, ret);
	http2_fields_find(fields, ":method", &method);
	http2_fields_find(fields, ":path", &path);
	if (fields->is_too_large)
		return refuse(refusal, 431, "the headers are longer than 16384 bytes, or over 100");
	return read_method(&method, ret, refusal) && read_path(&path, ret, refusal) &&
	       check_authority(fields, refusal) && check_names(fields, refusal);
}
