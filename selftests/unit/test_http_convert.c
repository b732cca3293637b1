// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: heads of HTTP/1.1 as those of HTTP/2 and back: what they become, what would be lost, and
 * the corpus of requests that are meant to be read in two ways
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/http_convert.h"
#include "daemon/proxy/internal.h"

#define FIRST(method, path) ":method " method "\n:scheme http\n:path " path "\n"
#define GET FIRST("GET", "/") ":authority a\n"
#define POST FIRST("POST", "/") ":authority a\n"

static struct http1_refusal refusal;
static char text[HTTP1_HEAD_MAX * 2];
static struct http_convert_body body;

/* ---- from lines of "name value" ---- */

static struct http2_fields *fields_of_bytes(const char *lines, size_t len)
{
	struct http2_fields *fields = http2_fields_new();

	while (len) {
		const char *end = memchr(lines, '\n', len);
		size_t line = (size_t)(end - lines);
		const char *space = memchr(lines, ' ', line);
		const struct http1_text name = {lines, (size_t)(space - lines)};
		const struct http1_text value = {space + 1, line - name.len - 1};

		http2_fields_add(fields, &name, &value, false, true);
		len -= line + 1;
		lines = end + 1;
	}
	return fields;
}

static struct http2_fields *fields_of(const char *lines)
{
	return fields_of_bytes(lines, strlen(lines));
}

static void show_fields(const struct http2_fields *fields)
{
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < fields->n; i++) {
		const struct http1_text name = http2_field_name(fields, i);
		const struct http1_text value = http2_field_value(fields, i);

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s %.*s\n", (int)name.len,
				      name.at, (int)value.len, value.at);
	}
}

static void show_buffer(struct buffer *buffer)
{
	snprintf(text, sizeof(text), "%.*s", (int)buffer_len(buffer),
		 buffer->bytes ? (const char *)buffer->bytes + buffer->start : "");
	free(buffer->bytes);
}

/* ---- each way; Return: 0 it passes, and is in @text; else the status ---- */

static unsigned int request_to_2(const char *lines)
{
	struct http2_fields *fields = http2_fields_new();
	struct http1_head head;
	bool is_good =
		http1_parse_request((const uint8_t *)lines, strlen(lines), &head, &refusal) &&
		http_convert_request_to_2(&head, fields, &refusal);

	show_fields(fields);
	http2_fields_free(fields);
	return is_good ? 0 : refusal.status;
}

static unsigned int answer_to_2(const char *lines, bool is_head)
{
	struct http2_fields *fields = http2_fields_new();
	struct http1_head head;
	bool is_good = http1_parse_response((const uint8_t *)lines, strlen(lines), is_head, &head,
					    &refusal) &&
		       http_convert_answer_to_2(&head, fields, &refusal);

	show_fields(fields);
	http2_fields_free(fields);
	return is_good ? 0 : refusal.status;
}

static unsigned int bytes_to_1(const char *lines, size_t len, bool has_all)
{
	struct http2_fields *fields = fields_of_bytes(lines, len);
	struct buffer ret = {0};
	bool is_good = http_convert_request_to_1(fields, has_all, &ret, &body, &refusal);

	show_buffer(&ret);
	http2_fields_free(fields);
	return is_good ? 0 : refusal.status;
}

static unsigned int request_to_1(const char *lines, bool has_all)
{
	return bytes_to_1(lines, strlen(lines), has_all);
}

static unsigned int answer_to_1(const char *lines, bool has_all, struct http_convert_client client)
{
	struct http2_fields *fields = fields_of(lines);
	struct buffer ret = {0};
	bool is_good = http_convert_answer_to_1(fields, has_all, &client, &ret, &body, &refusal);

	show_buffer(&ret);
	http2_fields_free(fields);
	return is_good ? 0 : refusal.status;
}

static bool has(const char *part)
{
	return strstr(text, part) != NULL;
}

static const struct http_convert_client plain = {.is_persistent = true};
static const struct http_convert_client old = {.is_old = true};

/* ---- what they become ---- */

static void requests_of_http1_become_those_of_http2(void **state)
{
	assert_int_equal(request_to_2(
				 "POST /a?b HTTP/1.1\r\nHost: s.mesh:80\r\nX-Up: \tOne two \r\n"
				 "Cookie: a=1; b=2\r\nContent-Length: 5\r\n"
				 "Expect: 100-continue\r\n\r\n"),
			 0);
	assert_string_equal(text, ":method POST\n:scheme http\n:authority s.mesh:80\n:path /a?b\n"
				  "x-up One two\ncookie a=1; b=2\ncontent-length 5\n"
				  "expect 100-continue\n");
	assert_int_equal(request_to_2("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
	assert_true(has(":path *\n"));
	assert_int_equal(request_to_2("GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
	assert_true(has(":authority a\n:path /x\n"));
	assert_int_equal(request_to_2("GET HTTPS://[::1]:1 HTTP/1.1\r\nHost: [::1]:1\r\n\r\n"), 0);
	assert_true(has(":scheme https\n:authority [::1]:1\n:path /\n"));
	assert_int_equal(request_to_2("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"), 0);
	assert_string_equal(text, ":method GET\n:scheme http\n:path /\n");
}

static void what_is_of_one_connection_stays_behind(void **state)
{
	assert_int_equal(request_to_2(
				 "GET / HTTP/1.1\r\nHost: a\r\nConnection: x-one, keep-alive\r\n"
				 "X-One: 1\r\nX-Two: 2\r\nKeep-Alive: timeout=5\r\n"
				 "Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\n"
				 "HTTP2-Settings: AAA\r\nTE: gzip;q=1, trailers\r\n\r\n"),
			 0);
	assert_string_equal(text, ":method GET\n:scheme http\n:authority a\n:path /\nx-two 2\n"
				  "te trailers\n");
	assert_int_equal(request_to_2("POST / HTTP/1.1\r\nHost: a\r\nTE: deflate\r\n"
				      "Transfer-Encoding: chunked\r\n\r\n"),
			 0);
	assert_string_equal(text, ":method POST\n:scheme http\n:authority a\n:path /\n");
	assert_int_equal(
		answer_to_2("HTTP/1.1 200 Fine\r\nServer: x\r\nConnection: close, x-hop\r\n"
			    "X-Hop: 1\r\nKeep-Alive: 1\r\nTransfer-Encoding: chunked\r\n"
			    "Set-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
			    false),
		0);
	assert_string_equal(text, ":status 200\nserver x\nset-cookie a\nset-cookie b\n");
}

static void requests_of_http2_become_those_of_http1(void **state)
{
	assert_int_equal(request_to_1(FIRST("GET", "/a?b") ":authority s:1\ncookie a=1\nx-y z\n"
							   "cookie b=2\nte trailers\n",
				      true),
			 0);
	assert_string_equal(text, "GET /a?b HTTP/1.1\r\nhost: s:1\r\nx-y: z\r\ncookie: a=1; b=2\r\n"
				  "te: trailers\r\nconnection: te\r\n\r\n");
	assert_int_equal(body.framing, HTTP1_NO_BODY);
	assert_int_equal(request_to_1(POST "content-length 7\n", false), 0);
	assert_int_equal(body.framing, HTTP1_LENGTH);
	assert_int_equal(body.length, 7);
	assert_int_equal(request_to_1(POST, false), 0);
	assert_int_equal(body.framing, HTTP1_CHUNKED);
	assert_true(has("transfer-encoding: chunked\r\n"));
	assert_int_equal(request_to_1(POST, true), 0);
	assert_true(has("content-length: 0\r\n"));
	assert_int_equal(request_to_1(FIRST("GET", "/") "host b\n", true), 0);
	assert_true(has("host: b\r\n"));
}

static void answers_of_http2_are_framed_as_the_client_can_read_them(void **state)
{
	struct http_convert_client trailers = {.is_persistent = true, .takes_trailers = true};
	struct http_convert_client head = {.is_head = true, .is_persistent = true};

	assert_int_equal(answer_to_1(":status 200\nx-y z\ncontent-length 3\n", false, plain), 0);
	assert_string_equal(text, "HTTP/1.1 200 OK\r\nx-y: z\r\ncontent-length: 3\r\n\r\n");
	assert_int_equal(body.length, 3);
	assert_int_equal(answer_to_1(":status 200\n", false, plain), 0);
	assert_int_equal(body.framing, HTTP1_CHUNKED);
	assert_int_equal(answer_to_1(":status 200\n", true, plain), 0);
	assert_true(has("content-length: 0\r\n"));
	assert_int_equal(answer_to_1(":status 200\ncontent-length 3\ntrailer x\n", false, plain),
			 0);
	assert_int_equal(body.framing, HTTP1_CHUNKED);
	assert_false(has("content-length"));
	assert_int_equal(answer_to_1(":status 200\ncontent-length 3\n", false, trailers), 0);
	assert_int_equal(body.framing, HTTP1_CHUNKED);
	assert_int_equal(answer_to_1(":status 200\ncontent-length 3\n", true, head), 0);
	assert_true(has("content-length: 3\r\n"));
	assert_int_equal(body.framing, HTTP1_NO_BODY);
	assert_int_equal(answer_to_1(":status 204\ncontent-length 0\n", true, plain), 0);
	assert_false(has("content-length"));
	assert_int_equal(answer_to_1(":status 304\ncontent-length 9\n", true, plain), 0);
	assert_int_equal(body.framing, HTTP1_NO_BODY);
	assert_int_equal(answer_to_1(":status 103\nlink x\n", false, plain), 0);
	assert_string_equal(text, "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n");
	assert_int_equal(answer_to_1(":status 200\n", true, (struct http_convert_client){0}), 0);
	assert_true(has("connection: close\r\n"));
}

static void clients_of_http1_0_get_what_they_know(void **state)
{
	struct http_convert_client kept = {.is_old = true, .is_persistent = true};

	assert_int_equal(answer_to_1(":status 200\n", false, old), 0);
	assert_int_equal(body.framing, HTTP1_UNTIL_CLOSE);
	assert_true(has("connection: close\r\n"));
	assert_int_equal(answer_to_1(":status 200\n", false, kept), 0);
	assert_true(has("connection: close\r\n"));
	assert_int_equal(answer_to_1(":status 200\ncontent-length 3\n", false, kept), 0);
	assert_true(has("connection: keep-alive\r\n"));
	assert_int_equal(answer_to_1(":status 100\n", false, old), 0);
	assert_string_equal(text, "");
	assert_int_equal(answer_to_1(":status 200\ntrailer x\n", false, old), 502);
	assert_int_equal(answer_to_1(":status 200\ncontent-type application/grpc\n", false, old),
			 502);
}

static void answers_of_http1_become_those_of_http2(void **state)
{
	assert_int_equal(answer_to_2("HTTP/1.1 100 Continue\r\n\r\n", false), 0);
	assert_string_equal(text, ":status 100\n");
	assert_int_equal(answer_to_2("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", true), 0);
	assert_string_equal(text, ":status 200\ncontent-length 4\n");
	assert_int_equal(answer_to_2("HTTP/1.1 204 No\r\nContent-Length: 4\r\n\r\n", false), 0);
	assert_string_equal(text, ":status 204\n");
	assert_int_equal(answer_to_2("HTTP/1.0 200\r\n\r\n", false), 0);
	assert_int_equal(answer_to_2("HTTP/1.1 101 Up\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
				     false),
			 502);
}

static void what_would_be_lost_is_refused(void **state)
{
	assert_int_equal(request_to_2("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
				      "Upgrade: websocket\r\n\r\n"),
			 501);
	assert_int_equal(request_to_2("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
				      "Upgrade: h2c, websocket\r\n\r\n"),
			 501);
	assert_int_equal(request_to_2("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"), 501);
	assert_int_equal(request_to_2("POST / HTTP/1.0\r\nContent-Type: application/grpc\r\n\r\n"),
			 501);
	assert_int_equal(request_to_1(POST "content-type application/grpc+proto\n", false), 501);
	assert_int_equal(request_to_1(":method CONNECT\n:authority a:1\n", true), 501);
	assert_int_equal(request_to_1(FIRST("CONNECT", "/") ":authority a\n:protocol websocket\n",
				      false),
			 501);
}

static void trailers_pass_unless_they_are_of_a_head(void **state)
{
	static const char *const refused[] = {
		"content-length 1\n",
		"transfer-encoding chunked\n",
		"host a\n",
		":status 200\n",
		"connection x\n",
		"set-cookie a\n",
		"X-Up 1\n",
		"x a\r\n",
		"content_length 1\n",
		"authorization a\n",
		"te x\n",
		" a\n",
	};
	struct http2_fields *fields = fields_of("x-sum 1\ngrpc-status 0\n"), *back;
	struct buffer lines = {0};
	struct http1_head head;

	assert_true(http_convert_trailers_to_1(fields, &lines));
	buffer_append(&lines, (const uint8_t *)"\r\n", 2);
	assert_true(http1_parse_trailers(lines.bytes, buffer_len(&lines), &head, &refusal));
	back = http2_fields_new();
	assert_true(http_convert_trailers_to_2(&head, back));
	show_fields(back);
	assert_string_equal(text, "x-sum 1\ngrpc-status 0\n");
	free(lines.bytes);
	http2_fields_free(fields);
	http2_fields_free(back);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		lines = (struct buffer){0};
		fields = fields_of(refused[i]);
		assert_false(http_convert_trailers_to_1(fields, &lines));
		free(lines.bytes);
		http2_fields_free(fields);
	}
	assert_true(http1_parse_trailers((const uint8_t *)"Content-Length: 1\r\n\r\n", 21, &head,
					 &refusal));
	back = http2_fields_new();
	assert_false(http_convert_trailers_to_2(&head, back));
	http2_fields_free(back);
}

/* ---- the hostile corpus ---- */

static void requests_of_http1_with_two_meanings_become_none(void **state)
{
	static const char *const refused[] = {
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: "
		"chunked\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: "
		"4\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4, 4\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x4\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n",
		"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: \r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: user@a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
		"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET http://a@b/ HTTP/1.1\r\nHost: a@b\r\n\r\n",
		"GET http://a?x=/ HTTP/1.1\r\nHost: a?x=\r\n\r\n",
		"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET x://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET a/b HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / x HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /\tx HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n",
		"G{T / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: 1\rY: 2\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: 1\nY: 2\r\n\r\n",
		"GET / HTTP/1.1\nHost: a\n\n",
		"GET / HTTP/1.1\r\nHost: a\r\n:path: /b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n",
	};
	static const char nul[] = "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n";
	struct http1_head head;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (request_to_2(refused[i]) == 0)
			fail_msg("passed: %s", refused[i]);
	assert_false(http1_parse_request((const uint8_t *)nul, sizeof(nul) - 1, &head, &refusal));
}

static void requests_of_http2_with_two_meanings_become_none(void **state)
{
	static const char *const refused[] = {
		POST "transfer-encoding chunked\n",
		POST "transfer_encoding chunked\n",
		POST "transfer-encoding chunked\ncontent-length 4\n",
		POST "content-length 4\ncontent-length 4\n",
		POST "content-length 4\ncontent-length 5\n",
		POST "content_length 4\n",
		POST "content-length +4\n",
		POST "content-length 4 \n",
		POST "content-length 4, 4\n",
		POST "content-length \n",
		POST "content-length 9999999999999999999\n",
		POST "connection close\n",
		POST "connection content-length\n",
		POST "keep-alive 1\n",
		POST "proxy-connection x\n",
		POST "upgrade websocket\n",
		POST "te gzip\n",
		POST "te trailers, chunked\n",
		POST "X-Up 1\n",
		POST "x:y 1\n",
		POST "x a\rb\n",
		POST "x a\r\n",
		POST "x \x01\n",
		POST "x \x7f\n",
		POST " 1\n",
		POST "x  lead\n",
		POST "x trail \n",
		POST ":path /b\n",
		POST ":status 200\n",
		GET "x 1\n:authority b\n",
		FIRST("GET", "/") ":path /b\n:authority a\n",
		FIRST("GET", "/") ":authority a\n:authority b\n",
		FIRST("GET", "/"),
		FIRST("GET", "/") ":authority a\nhost b\n",
		FIRST("GET", "/") "host a\nhost a\n",
		FIRST("GET", "/") ":authority \n",
		FIRST("GET", "/") ":authority a/b\n",
		FIRST("GET", "/") ":authority u@a\n",
		FIRST("GET", "/") ":authority a b\n",
		FIRST("GET", "/") ":authority a\\b\n",
		FIRST("GET", "/") ":authority a\r\n",
		FIRST("GET", "") ":authority a\n",
		FIRST("GET", "a") ":authority a\n",
		FIRST("GET", "*") ":authority a\n",
		FIRST("GET", "http://b/") ":authority a\n",
		FIRST("GET", "/ HTTP/1.1") ":authority a\n",
		FIRST("GET", "/ HTTP/1.1\r") ":authority a\n",
		FIRST("GET", "/#x") ":authority a\n",
		FIRST("GET", "/\x80") ":authority a\n",
		FIRST("GET /x HTTP/1.1\rX:", "/") ":authority a\n",
		FIRST("", "/") ":authority a\n",
		FIRST("WAYTOOLONGAMETHOD", "/") ":authority a\n",
	};
	static const char line[] = POST "x a\0b\n";
	static const char name[] = POST "x\0y b\n";
	static const char path[] = ":method GET\n:scheme http\n:path /\0x\n:authority a\n";

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (request_to_1(refused[i], false) == 0)
			fail_msg("passed: %s became %s", refused[i], text);
	assert_int_not_equal(bytes_to_1(line, sizeof(line) - 1, false), 0);
	assert_int_not_equal(bytes_to_1(name, sizeof(name) - 1, false), 0);
	assert_int_not_equal(bytes_to_1(path, sizeof(path) - 1, false), 0);
	assert_int_not_equal(request_to_1(POST "content-length 4\n", true), 0);
}

/* LF cannot be written in a line of the tests above. */
static void values_of_http2_do_not_become_lines(void **state)
{
	static const struct {
		struct http1_text name, value;
	} smuggled[] = {
		{{"x", 1}, {"a\r\nhost: b", 10}},
		{{"x", 1}, {"a\nhost: b", 9}},
		{{"x", 1}, {"a\r\n\r\nGET / HTTP/1.1", 19}},
		{{"x\r\nhost: b\r\ny", 14}, {"a", 1}},
		{{"x\nhost", 6}, {"b", 1}},
		{{"cookie", 6}, {"a\r\nx: y", 7}},
		{{"te", 2}, {"trailers\r\nx: y", 14}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(smuggled); i++) {
		struct http2_fields *fields = fields_of(POST);
		struct buffer ret = {0};

		http2_fields_add(fields, &smuggled[i].name, &smuggled[i].value, false, true);
		assert_false(http_convert_request_to_1(fields, false, &ret, &body, &refusal));
		free(ret.bytes);
		http2_fields_free(fields);
	}
}

static void answers_of_http2_with_two_meanings_become_none(void **state)
{
	static const char *const refused[] = {
		":status 200\ntransfer-encoding chunked\n",
		":status 200\nconnection close\n",
		":status 200\nupgrade x\n",
		":status 200\ncontent-length 3\ncontent-length 3\n",
		":status 200\ncontent_length 3\n",
		":status 200\ncontent-length x\n",
		":status 200\nx a\r\n",
		":status 200\nx \x01\n",
		":status 200\nX 1\n",
		":status 200\n:status 204\n",
		":status 200\n:path /\n",
		"x 1\n:status 200\n",
		":status 20\n",
		":status 099\n",
		":status 101\n",
		":status 600\n",
		"x 1\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (answer_to_1(refused[i], false, plain) != 502)
			fail_msg("passed: %s became %s", refused[i], text);
	assert_int_equal(answer_to_1(":status 200\ncontent-length 3\n", true, plain), 502);
}

static void large_heads_are_refused(void **state)
{
	char *lines = xmalloc(40000);
	size_t n = (size_t)sprintf(lines, GET);

	for (int i = 0; i < 4; i++) {
		n += (size_t)sprintf(lines + n, "x ");
		memset(lines + n, 'v', 4500);
		n += 4500;
		lines[n++] = '\n';
	}
	assert_int_equal(bytes_to_1(lines, n, true), 431);
	n = (size_t)sprintf(lines, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < 99; i++) {
		n += (size_t)sprintf(lines + n, "x: ");
		memset(lines + n, 'v', 158);
		n += 158;
		n += (size_t)sprintf(lines + n, "\r\n");
	}
	sprintf(lines + n, "\r\n");
	assert_int_equal(request_to_2(lines), 431); /* HTTP/2 counts 32 bytes for each */
	free(lines);
}

static void bodies_are_unwrapped_however_they_are_cut(void **state)
{
	static const char chunks[] = "5;x=y\r\nhello\r\n3\r\n, w\r\n0\r\nX-Sum: 1\r\n\r\nrest";
	const struct http1_head chunked = {.framing = HTTP1_CHUNKED};

	for (size_t cut = 1; cut < sizeof(chunks); cut++) {
		char content[32] = "", trailers[32] = "";
		struct http1_piece piece;
		struct http1_body at;
		size_t n = 0;

		http1_body_begin(&at, &chunked, true);
		while (!at.is_done) {
			size_t len = sizeof(chunks) - 1 - n < cut ? sizeof(chunks) - 1 - n : cut;
			long r = http1_body_unwrap(&at, (const uint8_t *)chunks + n, len, &piece);

			assert_true(r > 0);
			n += (size_t)r;
			strncat(piece.is_trailer ? trailers : content, piece.bytes.at,
				piece.bytes.len);
		}
		assert_string_equal(content, "hello, w");
		assert_string_equal(trailers, "X-Sum: 1\r\n\r\n");
		assert_string_equal(chunks + n, "rest");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_of_http1_become_those_of_http2),
		cmocka_unit_test(what_is_of_one_connection_stays_behind),
		cmocka_unit_test(requests_of_http2_become_those_of_http1),
		cmocka_unit_test(answers_of_http2_are_framed_as_the_client_can_read_them),
		cmocka_unit_test(clients_of_http1_0_get_what_they_know),
		cmocka_unit_test(answers_of_http1_become_those_of_http2),
		cmocka_unit_test(what_would_be_lost_is_refused),
		cmocka_unit_test(trailers_pass_unless_they_are_of_a_head),
		cmocka_unit_test(requests_of_http1_with_two_meanings_become_none),
		cmocka_unit_test(requests_of_http2_with_two_meanings_become_none),
		cmocka_unit_test(values_of_http2_do_not_become_lines),
		cmocka_unit_test(answers_of_http2_with_two_meanings_become_none),
		cmocka_unit_test(large_heads_are_refused),
		cmocka_unit_test(bodies_are_unwrapped_however_they_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
