// SPDX-License-Identifier: GPL-2.0
/* DOC: HTTP/1.1 heads and bodies: what passes has one meaning, all else is refused */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "daemon/proxy/http1.h"

#define LINES "GET / HTTP/1.1\r\nHost: a\r\n"

static struct http1_head head;
static struct http1_refusal refusal;

/* Return: 0 it passes; else the status. */
static unsigned int request(const char *text)
{
	return http1_parse_request((const uint8_t *)text, strlen(text), &head, &refusal)
		       ? 0
		       : refusal.status;
}

static unsigned int response(const char *text, bool is_head)
{
	return http1_parse_response((const uint8_t *)text, strlen(text), is_head, &head, &refusal)
		       ? 0
		       : refusal.status;
}

static void requests_in_form_pass(void **state)
{
	assert_int_equal(request(LINES "\r\n"), 0);
	assert_true(head.is_persistent);
	assert_int_equal(head.framing, HTTP1_NO_BODY);
	assert_int_equal(request("POST /a?b HTTP/1.0\r\ncontent-length:\t12 \r\n\r\n"), 0);
	assert_false(head.is_persistent);
	assert_int_equal(head.framing, HTTP1_LENGTH);
	assert_int_equal(head.length, 12);
	assert_int_equal(
		request(LINES "Transfer-Encoding: Chunked\r\nConnection: x, Close\r\n\r\n"), 0);
	assert_int_equal(head.framing, HTTP1_CHUNKED);
	assert_false(head.is_persistent);
	assert_int_equal(request(LINES "Connection: Upgrade\r\nUpgrade: websocket\r\n"
				       "Expect: 100-continue\r\n\r\n"),
			 0);
	assert_true(head.is_upgrade && head.expects_continue);
	assert_int_equal(request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
	assert_int_equal(request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), 0);
	assert_true(head.is_persistent);
}

static void requests_with_two_meanings_are_refused(void **state)
{
	static const struct {
		unsigned int status;
		const char *text;
	} refused[] = {
		{400, LINES "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{400, LINES "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"},
		{400, LINES "Content-Length: 5, 5\r\n\r\n"},
		{400, LINES "Content-Length: +5\r\n\r\n"},
		{400, LINES "Content-Length: 0x5\r\n\r\n"},
		{400, LINES "Content-Length:\r\n\r\n"},
		{400, LINES "Content-Length: 1000000000000000000\r\n\r\n"},
		{400, LINES "Content_Length: 5\r\n\r\n"},
		{400, LINES "Transfer_Encoding: chunked\r\n\r\n"},
		{400, LINES "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{501, LINES "Transfer-Encoding: gzip, chunked\r\n\r\n"},
		{501, LINES "Transfer-Encoding: xchunked\r\n\r\n"},
		{400, "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{400, LINES "Transfer-Encoding : chunked\r\n\r\n"},
		{400, LINES " Transfer-Encoding: chunked\r\n\r\n"},
		{400, LINES "X: a\r\n folded\r\n\r\n"},
		{400, LINES "X: a\nY: b\r\n\r\n"},
		{400, LINES "X: a\rY: b\r\n\r\n"},
		{400, LINES "X: a\001b\r\n\r\n"},
		{400, LINES ": a\r\n\r\n"},
		{400, LINES "no colon\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\n\r\n"},
		{400, LINES "Host: b\r\n\r\n"},
		{400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /\r\nHost: a\r\n\r\n"},
		{400, "GET x HTTP/1.1\r\nHost: a\r\n\r\n"},
		{505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
		{505, "GET / http/1.1\r\nHost: a\r\n\r\n"},
		{501, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"},
		{501, "LONGLONGLONGLONGLONG / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{417, LINES "Expect: miracles\r\n\r\n"},
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		unsigned int status = request(refused[i].text);

		/* A second space makes another version of the rest. */
		if (status != refused[i].status && !(status == 505 && refused[i].status == 400))
			fail_msg("%s: %u", refused[i].text, status);
		assert_non_null(refusal.reason);
	}
}

static void heads_have_limits(void **state)
{
	static char text[HTTP1_HEAD_MAX + 100];
	int n = snprintf(text, sizeof(text), LINES);

	for (int i = 0; i < HTTP1_FIELDS_MAX; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "A: b\r\n");
	snprintf(text + n, sizeof(text) - (size_t)n, "\r\n");
	assert_int_equal(request(text), 431);
	memset(text, 'a', sizeof(text));
	assert_true(http1_check_size((uint8_t *)text, HTTP1_LINE_MAX, &refusal));
	assert_false(http1_check_size((uint8_t *)text, HTTP1_LINE_MAX + 1, &refusal));
	assert_int_equal(refusal.status, 414);
	text[10] = '\n';
	assert_true(http1_check_size((uint8_t *)text, HTTP1_HEAD_MAX - 1, &refusal));
	assert_false(http1_check_size((uint8_t *)text, HTTP1_HEAD_MAX, &refusal));
	assert_int_equal(refusal.status, 431);
}

static void end_of_head_is_found_in_any_pieces(void **state)
{
	const char *text = LINES "\r\nrest";
	size_t seen = 0, len = 0;

	while (len < strlen(text) && !http1_find_end((const uint8_t *)text, ++len, &seen))
		;
	assert_int_equal(len, strlen(LINES "\r\n"));
}

static void responses_say_where_their_body_ends(void **state)
{
	assert_int_equal(response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false), 0);
	assert_int_equal(head.length, 3);
	assert_int_equal(response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true), 0);
	assert_int_equal(head.framing, HTTP1_NO_BODY);
	assert_int_equal(response("HTTP/1.1 204 \r\n\r\n", false), 0);
	assert_int_equal(head.framing, HTTP1_NO_BODY);
	assert_int_equal(response("HTTP/1.1 304\r\nContent-Length: 3\r\n\r\n", false), 0);
	assert_int_equal(head.framing, HTTP1_NO_BODY);
	assert_int_equal(response("HTTP/1.1 200 OK\r\n\r\n", false), 0);
	assert_int_equal(head.framing, HTTP1_UNTIL_CLOSE);
	assert_false(head.is_persistent);
	assert_int_equal(response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
				  "Transfer-Encoding: chunked\r\n\r\n",
				  false),
			 502);
	assert_int_equal(response("HTTP/1.1 20 OK\r\n\r\n", false), 502);
	assert_int_equal(response("HTTP/1.1 999 OK\r\n\r\n", false), 502);
	assert_int_equal(response("ICY 200 OK\r\n\r\n", false), 502);
	assert_int_equal(response("x", false), 502);
}

/* Bytes of a chunked body taken one by one; -1 refused; -2 not done. */
static long chunked(const char *text, bool takes_trailers)
{
	const struct http1_head chunked_head = {.framing = HTTP1_CHUNKED};
	struct http1_body body, whole;
	long n = 0, r;

	http1_body_begin(&body, &chunked_head, takes_trailers);
	whole = body;
	for (const char *c = text; *c && !body.is_done; c++, n++)
		if (http1_body_take(&body, (const uint8_t *)c, 1) != 1)
			return -1;
	r = http1_body_take(&whole, (const uint8_t *)text, strlen(text));
	assert_int_equal(r, n);
	return body.is_done ? n : -2;
}

static void chunks_in_form_pass_and_others_do_not(void **state)
{
	assert_int_equal(chunked("5\r\nhello\r\n0\r\n\r\nnext", false), 15);
	assert_int_equal(chunked("5;a=b\r\nhello\r\n0\r\n\r\n", false), 19);
	assert_int_equal(chunked("0\r\nA: b\r\n\r\n", true), 11);
	assert_int_equal(chunked("0\r\nA: b\r\n\r\n", false), -1);
	assert_int_equal(chunked("5\r\nhell", false), -2);
	assert_int_equal(chunked("5\nhello\r\n0\r\n\r\n", false), -1);
	assert_int_equal(chunked("5\r\nhelloX\r\n0\r\n\r\n", false), -1);
	assert_int_equal(chunked("0x5\r\nhello\r\n0\r\n\r\n", false), -1);
	assert_int_equal(chunked("-1\r\n", false), -1);
	assert_int_equal(chunked(" 5\r\nhello\r\n", false), -1);
	assert_int_equal(chunked("5 \r\nhello\r\n", false), -1);
	assert_int_equal(chunked("\r\n", false), -1);
	assert_int_equal(chunked("5;a\nb\r\nhello\r\n", false), -1);
	assert_int_equal(chunked("1000000000000000\r\n", false), -1);
	assert_int_equal(chunked("0\r\n\rX", false), -1);
}

static bool is_plain(const char *path)
{
	const struct http1_text text = {path, strlen(path)};

	return http1_path_is_plain(&text);
}

static void paths_that_hide_where_they_lead_are_not_plain(void **state)
{
	assert_true(is_plain("/v1/a.b/..c/x?y=/../z"));
	assert_true(is_plain("/v1/%20"));
	assert_false(is_plain("/v1/../admin"));
	assert_false(is_plain("/v1/.."));
	assert_false(is_plain("/v1/./a"));
	assert_false(is_plain("/v1/..;x/admin"));
	assert_false(is_plain("/v1/%2E./admin"));
	assert_false(is_plain("/v1/..%2fadmin"));
	assert_false(is_plain("/v1\\..\\admin"));
}

static void paths_are_found_in_targets(void **state)
{
	const struct http1_text absolute = {"http://a:1/b?c", 14}, bare = {"http://a", 8};
	struct http1_text path = http1_path_of(&absolute);

	assert_int_equal(path.len, 4);
	assert_memory_equal(path.at, "/b?c", 4);
	path = http1_path_of(&bare);
	assert_int_equal(path.len, 1);
	assert_memory_equal(path.at, "/", 1);
}

static bool has_path(const char *target, const char *path)
{
	const struct http1_text text = {target, strlen(target)};
	struct http1_text found = http1_path_of(&text);

	return found.len == strlen(path) && memcmp(found.at, path, found.len) == 0;
}

/* What a rule sees must be what the service serves. */
static void paths_are_not_found_behind_an_authority_that_has_ended(void **state)
{
	assert_true(has_path("http://a?/v1", "/"));
	assert_true(has_path("http://a#/v1", "/"));
	assert_true(has_path("http://", "/"));
	assert_true(has_path("a+b-1.c://x/v1", "/v1"));
	assert_true(has_path("admin/://x/v1", ""));
	assert_true(has_path("admin?://x/v1", ""));
	assert_true(has_path("1a://x/v1", ""));
	assert_true(has_path("://x/v1", ""));
	assert_true(has_path("*", ""));
}

static void headers_are_the_same_with_underscores(void **state)
{
	const struct http1_text name = {"X_Forwarded-Client_cert", 23};

	assert_true(http1_is_header(&name, "x-forwarded-client-cert"));
	assert_false(http1_is_header(&name, "x-forwarded-client"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_in_form_pass),
		cmocka_unit_test(requests_with_two_meanings_are_refused),
		cmocka_unit_test(heads_have_limits),
		cmocka_unit_test(end_of_head_is_found_in_any_pieces),
		cmocka_unit_test(responses_say_where_their_body_ends),
		cmocka_unit_test(chunks_in_form_pass_and_others_do_not),
		cmocka_unit_test(paths_that_hide_where_they_lead_are_not_plain),
		cmocka_unit_test(paths_are_found_in_targets),
		cmocka_unit_test(paths_are_not_found_behind_an_authority_that_has_ended),
		cmocka_unit_test(headers_are_the_same_with_underscores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
