/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: http2_fields: header blocks of HTTP/2, and what they say of a request
 *
 * nghttp2 has refused what RFC 9113 section 8 forbids: connection-specific
 * headers, upper case, control characters, pseudo-headers out of place,
 * lengths that do not hold.  Here come the limits, and what a service behind
 * us could read in another way than we do.  Pure; every byte is foreign.
 */
#ifndef PROXY_HTTP2_FIELDS_H
#define PROXY_HTTP2_FIELDS_H

#include <nghttp2/nghttp2.h>

#include "daemon/proxy/allow.h"
#include "daemon/proxy/http1.h"
#include "daemon/proxy/traceparent.h"

#define HTTP2_HEAD_MAX HTTP1_HEAD_MAX /* names, values and 32 each (RFC 9113, 6.5.2) */
#define HTTP2_FIELDS_MAX HTTP1_FIELDS_MAX
#define HTTP2_ADDED_MAX 1024 /* what a hub before us has added of its own */
#define HTTP2_FIELDS_ADDED 4
#define HTTP2_FIELDS_TRANSLATED 8 /* what a translated message has that it came without */
#define HTTP2_FIELDS_ROOM \
	(HTTP2_FIELDS_MAX + 2 * HTTP2_FIELDS_ADDED + HTTP2_FIELDS_TRANSLATED) /* a hub's, ours */
#define HTTP2_FIELD_COST 32 /* of each, on top of its bytes; the same */
#define HTTP2_PATH_SHOWN (ALLOW_PATH_LEN + 1) /* one more than a rule can name */

/**
 * struct http2_field - a header
 * @at: offset of its name; the value follows
 * @name_len: bytes
 * @value_len: bytes
 * @is_sensitive: must not be indexed by anybody
 */
struct http2_field {
	uint32_t at;
	uint16_t name_len, value_len;
	bool is_sensitive;
};

/**
 * struct http2_fields - a header block
 * @n: entries of @list
 * @list: in their order
 * @bytes: of all names and values
 * @len: bytes there
 * @size: allocated
 * @cost: as limits count
 * @is_too_large: a limit was met; what came then is not here
 */
struct http2_fields {
	size_t n;
	struct http2_field list[HTTP2_FIELDS_ROOM];
	char *bytes;
	size_t len, size, cost;
	bool is_too_large;
};

struct http2_fields *http2_fields_new(void);
/** http2_fields_free() - NULL is allowed. */
void http2_fields_free(struct http2_fields *fields);
/**
 * http2_fields_add() - One more.
 * @fields: grows, or is marked too large
 * @name: lower case
 * @value: of it
 * @is_sensitive: must not be indexed
 * @is_from_hub: what a hub adds of its own may be there too
 */
void http2_fields_add(struct http2_fields *fields, const struct http1_text *name,
		      const struct http1_text *value, bool is_sensitive, bool is_from_hub);
/** http2_fields_put() - One of ours, of which there are so many that there is room. */
void http2_fields_put(struct http2_fields *fields, const char *name, const char *value);
/** http2_fields_put_number() - The same, in decimal. */
void http2_fields_put_number(struct http2_fields *fields, const char *name, size_t number);
/** http2_fields_copy() - The same headers once more. */
struct http2_fields *http2_fields_copy(const struct http2_fields *fields);
/** http2_fields_size() - Bytes of memory; NULL has none. */
size_t http2_fields_size(const struct http2_fields *fields);
struct http1_text http2_field_name(const struct http2_fields *fields, size_t i);
struct http1_text http2_field_value(const struct http2_fields *fields, size_t i);
/** http2_fields_find() - Value of the first of a name. Return: false there is none. */
bool http2_fields_find(const struct http2_fields *fields, const char *name, struct http1_text *ret);
/** http2_fields_status() - Of an answer: 100 to 999; 0 it has none, so it is trailers. */
unsigned int http2_fields_status(const struct http2_fields *fields);
/** http2_fields_length() - Value of content-length. Return: false none, or none that counts. */
bool http2_fields_length(const struct http2_fields *fields, uint64_t *ret);
/** http2_fields_grpc_status() - Of trailers, or of an answer without a body. */
int http2_fields_grpc_status(const struct http2_fields *fields);
/** http2_fields_leave_out() - Headers of this name, with '_' for '-' too, are gone. */
void http2_fields_leave_out(struct http2_fields *fields, const char *name);
/** http2_fields_to_nv() - For nghttp2; borrows. Return: entries. */
size_t http2_fields_to_nv(const struct http2_fields *fields, nghttp2_nv ret[HTTP2_FIELDS_ROOM]);

/**
 * struct http2_request - what the headers of a request say
 * @method: of it
 * @path: for rules and the log: the beginning of it
 * @whole_path: borrowed from the headers
 * @is_grpc: by its content type
 * @is_json: the same; lines of it, too
 * @is_head: no body is answered
 * @is_idempotent: may be made twice
 * @timeout_ns: of gRPC, or of a call of it in JSON; 0 none
 * @traceparent: its own if it has a good one, else ""
 */
struct http2_request {
	char method[HTTP1_METHOD_MAX + 1], path[HTTP2_PATH_SHOWN + 1];
	struct http1_text whole_path;
	bool is_grpc, is_json, is_head, is_idempotent;
	uint64_t timeout_ns;
	char traceparent[TRACEPARENT_LEN + 1];
};

/**
 * http2_read_request() - What is asked?
 * @fields: of the request, whole
 * @ret: filled as far as it can be, also on failure
 * @refusal: filled on failure
 *
 * Return: false it cannot be passed on.
 */
bool http2_read_request(const struct http2_fields *fields, struct http2_request *ret,
			struct http1_refusal *refusal);

#endif
