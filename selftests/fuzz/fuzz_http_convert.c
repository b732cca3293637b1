// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: fuzzer for heads that change from one version of HTTP to the other
 *
 * The first byte says which way.  Heads of HTTP/1.1 are bytes; those of HTTP/2 are
 * fields: a byte for the length of the name, one for that of the value (times four),
 * then both.  What is written must be one message, with one meaning: the one that
 * was read.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/http_convert.h"
#include "daemon/proxy/internal.h"

#define KIND 0x07
#define KIND_HAS_ALL 0x08
#define KIND_HEAD 0x10
#define KIND_OLD 0x20
#define KIND_TRAILERS 0x40
#define KIND_CLOSE 0x80

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http1_refusal refusal;

static struct http2_fields *read_fields(const uint8_t *data, size_t size)
{
	struct http2_fields *fields = http2_fields_new();

	while (size >= 2) {
		size_t name_len = data[0], value_len = 4u * data[1];
		struct http1_text name, value;

		data += 2;
		size -= 2;
		name_len = name_len < size ? name_len : size;
		name = (struct http1_text){(const char *)data, name_len};
		data += name_len;
		size -= name_len;
		value_len = value_len < size ? value_len : size;
		value = (struct http1_text){(const char *)data, value_len};
		data += value_len;
		size -= value_len;
		http2_fields_add(fields, &name, &value, false, true);
	}
	return fields;
}

/* What nghttp2 and our own hubs would take: lower case, nothing of a connection, no line ends. */
static void check_fields(const struct http2_fields *fields)
{
	static const char *const never[] = {"connection", "transfer-encoding", "upgrade",
					    "keep-alive", "proxy-connection"};
	bool is_over = false;

	for (size_t i = 0; i < fields->n; i++) {
		const struct http1_text name = http2_field_name(fields, i);
		const struct http1_text value = http2_field_value(fields, i);
		const struct http1_text word = {name.at + 1, name.len - 1};

		assert(name.len);
		assert(name.at[0] != ':' || !is_over);
		is_over |= name.at[0] != ':';
		assert(http1_is_token(name.at[0] == ':' ? &word : &name));
		assert(http1_is_value(&value));
		for (size_t k = 0; k < name.len; k++)
			assert(name.at[k] < 'A' || name.at[k] > 'Z');
		for (size_t k = 0; k < ARRAY_SIZE(never); k++)
			assert(!http1_is(&name, never[k]));
	}
}

/* One head, and nothing behind it. */
static void check_lines(const struct buffer *ret)
{
	size_t seen = 0;

	assert(http1_find_end(ret->bytes + ret->start, buffer_len(ret), &seen) == buffer_len(ret));
	assert(!memchr(ret->bytes + ret->start, '\0', buffer_len(ret)));
}

static void check_same_request(const struct http1_head *head, const struct http2_fields *fields)
{
	struct http1_text method, path, host;
	struct http_convert_body body;
	struct http1_head again;
	struct buffer ret = {0};
	bool is_good;

	assert(http2_fields_find(fields, ":method", &method) &&
	       http2_fields_find(fields, ":path", &path));
	assert(!http2_fields_find(fields, "host", &host));
	assert(method.len == head->method.len && !memcmp(method.at, head->method.at, method.len));
	is_good = http_convert_request_to_1(fields, head->framing == HTTP1_NO_BODY, &ret, &body,
					    &refusal);
	if (is_good) {
		check_lines(&ret);
		assert(http1_parse_request(ret.bytes, buffer_len(&ret), &again, &refusal));
		assert(again.target.len == path.len && !memcmp(again.target.at, path.at, path.len));
		assert(head->framing != HTTP1_LENGTH || again.length == head->length);
		assert(head->framing != HTTP1_CHUNKED || again.framing == HTTP1_CHUNKED);
	}
	free(ret.bytes);
}

static void fuzz_request_to_2(const uint8_t *data, size_t size)
{
	struct http2_fields *fields = http2_fields_new();
	struct http1_head head;

	if (http1_parse_request(data, size, &head, &refusal) &&
	    http_convert_request_to_2(&head, fields, &refusal)) {
		check_fields(fields);
		check_same_request(&head, fields);
	} else {
		assert(refusal.status >= 400 && refusal.reason);
	}
	http2_fields_free(fields);
}

static void fuzz_answer_to_2(const uint8_t *data, size_t size, bool is_head)
{
	struct http2_fields *fields = http2_fields_new();
	struct http1_head head;

	if (http1_parse_response(data, size, is_head, &head, &refusal) &&
	    http_convert_answer_to_2(&head, fields, &refusal)) {
		check_fields(fields);
		assert(http2_fields_status(fields) == head.status);
	}
	http2_fields_free(fields);
}

static void fuzz_request_to_1(const uint8_t *data, size_t size, bool has_all)
{
	struct http2_fields *fields = read_fields(data, size);
	struct http_convert_body body;
	struct http1_text method, path;
	struct http1_head head;
	struct buffer ret = {0};

	if (http_convert_request_to_1(fields, has_all, &ret, &body, &refusal)) {
		check_lines(&ret);
		assert(http1_parse_request(ret.bytes, buffer_len(&ret), &head, &refusal));
		assert(http2_fields_find(fields, ":method", &method) &&
		       http2_fields_find(fields, ":path", &path));
		assert(head.method.len == method.len && head.target.len == path.len);
		assert(head.framing == body.framing && head.length == body.length);
		assert(!has_all || body.framing == HTTP1_NO_BODY || !body.length);
		assert(http1_find_one(&head, "host") && !head.is_upgrade && head.is_persistent);
	} else {
		assert(refusal.status >= 400 && refusal.reason);
	}
	free(ret.bytes);
	http2_fields_free(fields);
}

static void fuzz_answer_to_1(const uint8_t *data, size_t size, uint8_t kind)
{
	const struct http_convert_client client = {
		.is_head = kind & KIND_HEAD,
		.is_old = kind & KIND_OLD,
		.is_persistent = !(kind & KIND_CLOSE),
		.takes_trailers = kind & KIND_TRAILERS,
	};
	struct http2_fields *fields = read_fields(data, size);
	struct http_convert_body body;
	struct http1_head head;
	struct buffer ret = {0};

	if (!http_convert_answer_to_1(fields, kind & KIND_HAS_ALL, &client, &ret, &body,
				      &refusal)) {
		assert(refusal.status == 502 && refusal.reason);
	} else if (buffer_len(&ret)) {
		check_lines(&ret);
		assert(http1_parse_response(ret.bytes, buffer_len(&ret), client.is_head, &head,
					    &refusal));
		assert(head.status == http2_fields_status(fields) && head.framing == body.framing);
		assert(!client.is_old || (head.status >= 200 && head.framing != HTTP1_CHUNKED));
	} else {
		assert(client.is_old && http2_fields_status(fields) < 200);
	}
	free(ret.bytes);
	http2_fields_free(fields);
}

static void fuzz_trailers(const uint8_t *data, size_t size)
{
	struct http2_fields *fields = read_fields(data, size), *back = http2_fields_new();
	struct buffer ret = {0};
	struct http1_head head;

	if (http_convert_trailers_to_1(fields, &ret)) {
		buffer_append(&ret, (const uint8_t *)"\r\n", 2);
		assert(http1_parse_trailers(ret.bytes, buffer_len(&ret), &head, &refusal));
		assert(head.n_fields == fields->n);
		if (http_convert_trailers_to_2(&head, back)) {
			check_fields(back);
			assert(back->n == fields->n);
		}
	}
	free(ret.bytes);
	http2_fields_free(fields);
	http2_fields_free(back);
}

/* However a body is cut, what is inside it is the same. */
static void fuzz_unwrap(const uint8_t *data, size_t size, size_t cut)
{
	const struct http1_head chunked = {.framing = HTTP1_CHUNKED};
	struct http1_body at, taken;
	struct http1_piece piece;
	size_t n = 0;
	long r = 1, whole;

	http1_body_begin(&at, &chunked, true);
	taken = at;
	whole = http1_body_take(&taken, data, size);
	while (n < size && !at.is_done && r > 0) {
		size_t len = size - n < cut ? size - n : cut;

		r = http1_body_unwrap(&at, data + n, len, &piece);
		if (r < 0)
			break;
		assert(r > 0 && (size_t)r <= len && piece.bytes.len <= (size_t)r);
		n += (size_t)r;
	}
	assert(r < 0 ? whole < 0 : whole == (long)n && at.is_done == taken.is_done);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t kind;

	if (!size)
		return 0;
	kind = *data++;
	size--;
	switch (kind & KIND) {
	case 0:
		fuzz_request_to_2(data, size);
		break;
	case 1:
		fuzz_answer_to_2(data, size, kind & KIND_HEAD);
		break;
	case 2:
		fuzz_request_to_1(data, size, kind & KIND_HAS_ALL);
		break;
	case 3:
		fuzz_answer_to_1(data, size, kind);
		break;
	case 4:
		fuzz_trailers(data, size);
		break;
	default:
		fuzz_unwrap(data, size, (kind >> 3) + 1u);
		break;
	}
	return 0;
}
