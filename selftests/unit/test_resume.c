// SPDX-License-Identifier: GPL-2.0
/* DOC: answers that are broken off and gone on with: what may be, and what an entry's pump makes of it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/proxy/resume.h"
#include "selftests/unit/http_fixture.h"

#define ASK "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define RANGES "Accept-Ranges: bytes\r\nETag: \"a\"\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define CONTENT "hello, whole world of bytes"
#define CONTENT_LEN (sizeof(CONTENT) - 1)

static const char content[] = CONTENT;

/* ---- what may be gone on with -------------------------------------------- */

static struct resume_answer answer_of(const char *status, const char *text)
{
	static char bytes[2][512];
	static struct http1_head head[2];
	static int which;
	struct http1_refusal refusal;
	int n;

	which = !which; /* the last two stay */
	n = snprintf(bytes[which], sizeof(bytes[0]), "HTTP/1.1 %s OK\r\n%s\r\n", status, text);
	assert_true(http1_parse_response((uint8_t *)bytes[which], (size_t)n, false, &head[which],
					 &refusal));
	return (struct resume_answer){
		.status = head[which].status,
		.has_length = head[which].framing == HTTP1_LENGTH,
		.has_end = head[which].framing != HTTP1_UNTIL_CLOSE,
		.length = head[which].length,
		.fields = head[which].fields,
		.n_fields = head[which].n_fields,
	};
}

#define WHOLE "Content-Length: 1000\r\nAccept-Ranges: bytes\r\n"
#define REST(range, etag, len) \
	"Content-Range: bytes " range "\r\nETag: " etag "\r\nContent-Length: " len "\r\n"

static void resume_is_of_whole_answers_with_strong_etags_only(void **state)
{
	static const char *const good[] = {
		WHOLE "ETag: \"a\"\r\n",
		CHUNKED RANGES,
		CHUNKED RANGES "Content-Encoding: gzip\r\n",
		"Content-Length: 5\r\naccept-ranges: Bytes\r\netag: \"a\"\r\n",
	};
	static const char *const bad[][2] = {
		{"206", WHOLE "ETag: \"a\"\r\n"},
		{"203", WHOLE "ETag: \"a\"\r\n"},
		{"200", WHOLE},
		{"200", WHOLE "ETag: W/\"a\"\r\n"},
		{"200", WHOLE "ETag: a\r\n"},
		{"200", WHOLE "ETag: \"\r\n"},
		{"200", WHOLE "ETag: \"a\"b\"\r\n"},
		{"200", WHOLE "ETag: \"a\"\r\nETag: \"b\"\r\n"},
		{"200", WHOLE "Accept-Ranges: none\r\nETag: \"a\"\r\n"},
		{"200", "Content-Length: 1000\r\nETag: \"a\"\r\n"},
		{"200", "Content-Length: 9\r\nAccept-Ranges: none\r\nETag: \"a\"\r\n"},
		{"200", CHUNKED "ETag: \"a\"\r\n"},
		{"200", CHUNKED RANGES "Trailer: digest\r\n"},
		{"200", CHUNKED RANGES "Content-Encoding: a\r\nContent-Encoding: b\r\n"},
		{"200", CHUNKED RANGES "Content-Encoding: 12345678901234567890123456789012\r\n"},
		{"200", RANGES}, /* until the connection ends */
	};
	struct resume_answer answer;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct resume resume = {0};

		answer = answer_of("200", good[i]);
		resume_begin(&resume, &answer);
		assert_true(resume.is_possible);
		assert_string_equal(resume.etag, "\"a\"");
		assert_int_equal(resume.has_length, i % 3 == 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct resume resume = {.is_possible = true};

		answer = answer_of(bad[i][0], bad[i][1]);
		resume_begin(&resume, &answer);
		assert_false(resume.is_possible);
	}
}

static void resume_is_of_requests_for_all_of_it(void **state)
{
	static const char *const names[] = {"accept", "range", "Range", "if-range", "if_range"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct http1_field field = {{names[i], strlen(names[i])}, {"x", 1}};

		assert_int_equal(resume_may_ask(&field, 1), i == 0);
	}
}

static struct resume begun(const char *text, const char *said)
{
	struct http1_text passed = {said, strlen(said)};
	struct resume_answer answer = answer_of("200", text);
	struct resume resume = {0};

	resume_begin(&resume, &answer);
	assert_true(resume.is_possible);
	assert_true(resume_take(&resume, &passed));
	assert_int_equal(passed.len, strlen(said));
	return resume;
}

static void rest_is_exactly_what_is_missing(void **state)
{
	static const char *const good[] = {
		REST("3-9/10", "\"a\"", "7"),
		"Content-Range: BYTES 3-9/10\r\nETag: \"a\"\r\n" CHUNKED,
		REST("3-9/10", "\"a\"", "7") "Content-Encoding: gzip\r\n",
	};
	static const char *const bad[][2] = {
		{"200", "Content-Length: 10\r\n" RANGES},
		{"206", REST("3-9/10", "\"b\"", "7")},
		{"206", REST("3-9/10", "W/\"a\"", "7")},
		{"206", REST("3-9/11", "\"a\"", "7")},
		{"206", REST("3-10/11", "\"a\"", "8")},
		{"206", REST("4-9/10", "\"a\"", "6")},
		{"206", REST("2-9/10", "\"a\"", "8")},
		{"206", REST("3-8/10", "\"a\"", "6")},
		{"206", REST("3-9/*", "\"a\"", "7")},
		{"206", REST("3-9/10", "\"a\"", "8")},
		{"206", REST("3-9/10 ,", "\"a\"", "7")},
		{"206", REST("-9/10", "\"a\"", "7")},
		{"206", REST("+3-9/10", "\"a\"", "7")},
		{"206", REST("3-9", "\"a\"", "7")},
		{"206", REST("0000000000000000003-9/10", "\"a\"", "7")},
		{"206", REST("3-18446744073709551615/18446744073709551616", "\"a\"", "7")},
		{"206", REST("3-9/10", "\"a\"", "7") "Content-Range: bytes 3-9/10\r\n"},
		{"206", REST("3-9/10", "\"a\"", "7") "ETag: \"a\"\r\n"},
		{"206", REST("3-9/10", "\"a\"", "7") "Content-Encoding: br\r\n"},
		{"206", "ETag: \"a\"\r\nContent-Length: 7\r\n"},
		{"206", "Content-Range: bytes 3-9/10\r\nContent-Length: 7\r\n"},
		{"206", "Content-Range: bytes 3-9/10\r\nETag: \"a\"\r\n"}, /* until it ends */
		{"416", REST("3-9/10", "\"a\"", "7")},
	};
	static const char gzip[] = "Content-Length: 10\r\n" RANGES "Content-Encoding: gzip\r\n";
	struct resume_answer answer;
	char text[RESUME_HEADERS_MAX];
	struct resume resume;
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct http1_text rest = {"3456789", 7};

		resume = begun(gzip, "012");
		len = resume_write(&resume, text);
		assert_int_equal(len, strlen(text));
		assert_string_equal(text, "Range: bytes=3-\r\nIf-Range: \"a\"\r\n");
		answer = answer_of("206", good[i]);
		assert_true(resume_go_on(&resume, &answer));
		assert_true(resume_take(&resume, &rest));
		assert_true(resume_is_whole(&resume));
		rest = (struct http1_text){"x", 1};
		assert_false(resume_take(&resume, &rest)); /* more than there is */
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct resume before = resume = begun(gzip, "012");

		answer = answer_of(bad[i][0], bad[i][1]);
		assert_false(resume_go_on(&resume, &answer));
		assert_memory_equal(&resume, &before, sizeof(resume));
	}
}

static void rest_of_unknown_length_begins_with_the_last_byte_that_came(void **state)
{
	struct http1_text rest = {"234", 3}, other = {"x34", 3}, nothing = {"2", 1};
	struct resume resume = begun(CHUNKED RANGES, "012"), again;
	struct resume_answer answer = answer_of("206", REST("2-4/5", "\"a\"", "3"));
	char range[RESUME_RANGE_MAX];

	resume_format_range(&resume, range);
	assert_string_equal(range, "bytes=2-");
	assert_true(resume_go_on(&resume, &answer));
	again = resume;
	assert_false(resume_take(&again, &other)); /* not the same bytes */
	assert_true(resume_take(&resume, &rest));
	assert_int_equal(rest.len, 2);
	assert_memory_equal(rest.at, "34", 2);
	assert_true(resume_is_whole(&resume));
	/* Broken off once more behind all of it. */
	resume_format_range(&resume, range);
	assert_string_equal(range, "bytes=4-");
	/* All but the end had come. */
	resume = begun(CHUNKED RANGES, "012");
	answer = answer_of("206", REST("2-2/3", "\"a\"", "1"));
	assert_true(resume_go_on(&resume, &answer));
	assert_false(resume_is_whole(&resume));
	assert_true(resume_take(&resume, &nothing));
	assert_int_equal(nothing.len, 0);
	assert_true(resume_is_whole(&resume));
	/* The other one's is shorter than what has come. */
	resume = begun(CHUNKED RANGES, "012");
	answer = answer_of("206", REST("2-1/2", "\"a\"", "0"));
	assert_false(resume_go_on(&resume, &answer));
	/* Nothing has come but the head. */
	resume = begun(CHUNKED RANGES, "");
	resume_format_range(&resume, range);
	assert_string_equal(range, "bytes=0-");
}

static void headers_have_room_for_the_longest(void **state)
{
	struct resume resume = {.is_possible = true, .passed = UINT64_MAX};
	char text[RESUME_HEADERS_MAX];

	memset(resume.etag, '"', RESUME_ETAG_MAX);
	assert_true(resume_write(&resume, text) < sizeof(text));
	assert_non_null(strstr(text, "\r\nIf-Range: "));
	assert_string_equal(text + strlen(text) - 2, "\r\n");
}

/* ---- what an entry's pump makes of it ------------------------------------ */

/**
 * struct download - what a client has got
 * @content: without chunks
 * @len: bytes of it
 * @is_whole: it has come to its end
 */
struct download {
	char content[256];
	size_t len;
	bool is_whole;
};

static struct download read_download(const struct buffer *got)
{
	const uint8_t *bytes = got->bytes + got->start;
	size_t n = buffer_len(got), seen = 0, at = http1_find_end(bytes, n, &seen);
	struct http1_refusal refusal;
	struct download ret = {0};
	struct http1_body body;
	struct http1_piece piece;
	struct http1_head head;

	if (!at)
		return ret;
	assert_true(http1_parse_response(bytes, at, false, &head, &refusal));
	assert_int_equal(head.status, 200);
	http1_body_begin(&body, &head, true);
	while (at < n && !body.is_done) {
		long taken = http1_body_unwrap(&body, bytes + at, n - at, &piece);

		assert_true(taken > 0);
		at += (size_t)taken;
		if (piece.is_trailer)
			continue;
		assert_true(ret.len + piece.bytes.len < sizeof(ret.content));
		memcpy(ret.content + ret.len, piece.bytes.at, piece.bytes.len);
		ret.len += piece.bytes.len;
	}
	assert_int_equal(at, n); /* and nothing behind it */
	ret.is_whole = body.is_done;
	return ret;
}

/* Which byte the service is asked for; -1 for none in particular. */
static int asked_from(struct world *world)
{
	const char *at;
	int from = -1;

	buffer_append(&world->asked, (const uint8_t *)"", 1);
	world->asked.end--;
	at = strstr((const char *)world->asked.bytes + world->asked.start, "\r\nRange: bytes=");
	if (at)
		assert_int_equal(sscanf(at, "\r\nRange: bytes=%d-\r\nIf-Range: \"a\"\r\n", &from),
				 1);
	return from;
}

static void serve(struct world *world, const char *text)
{
	world_serve(world->flow, text, strlen(text));
}

static void serve_rest(struct world *world, int from, bool is_chunked)
{
	size_t len = CONTENT_LEN - (size_t)from;
	char text[512], framing[64];

	snprintf(framing, sizeof(framing), "Content-Length: %zu\r\n", len);
	snprintf(text, sizeof(text),
		 "HTTP/1.1 206 Partial\r\n%sContent-Range: bytes %d-%zu/%zu\r\n%s\r\n", RANGES,
		 from, CONTENT_LEN - 1, CONTENT_LEN, is_chunked ? CHUNKED : framing);
	serve(world, text);
	if (is_chunked)
		snprintf(text, sizeof(text), "1\r\n%.1s\r\n%zx\r\n%s\r\n0\r\nX: y\r\n\r\n",
			 &content[from], len - 1, &content[from + 1]);
	else
		snprintf(text, sizeof(text), "%s", &content[from]);
	serve(world, len == 1 && is_chunked ? "1\r\ns\r\n0\r\n\r\n" : text);
}

static struct world *asked(void)
{
	struct world *world = world_new();

	world_come(world);
	world_say(world, ASK);
	return world;
}

static void break_off(struct world *world)
{
	flow_broken(world->flow, &world->flow->tunnel.end);
	world_connect(world);
}

static const char chunked_head[] = "HTTP/1.1 200 OK\r\n" RANGES CHUNKED "\r\n";
static const char chunked_body[] =
	"5;x=y\r\nhello\r\n0A\r\n, whole wo\r\n1\r\nr\r\nb\r\nld of bytes\r\n0\r\nX: y\r\n\r\n";

/* Wherever it breaks off: the client has all of it, or sees that it has not. */
static void chunked_answer_is_gone_on_with_from_every_byte(void **state)
{
	size_t last_chunk = (size_t)(strstr(chunked_body, "0\r\nX") + 3 - chunked_body);

	for (size_t at = 0; at < strlen(chunked_body); at++) {
		for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
			struct world *world = asked();
			struct download got;

			serve(world, chunked_head);
			world_serve(world->flow, chunked_body, at);
			break_off(world);
			got = read_download(&world->client.got);
			assert_memory_equal(got.content, CONTENT, got.len);
			assert_false(got.is_whole);
			if (at >= last_chunk) {
				assert_true(world->client.is_closed);
				world_free(world);
				continue;
			}
			assert_int_equal(world->n_ways, 2);
			assert_int_equal(asked_from(world), got.len ? (int)got.len - 1 : 0);
			serve_rest(world, asked_from(world), is_chunked);
			got = read_download(&world->client.got);
			assert_true(got.is_whole);
			assert_int_equal(got.len, CONTENT_LEN);
			assert_memory_equal(got.content, CONTENT, got.len);
			assert_int_equal(world->counted.counts.resilience.resumed, 1);
			assert_false(world->client.is_closed);
			world_free(world);
		}
	}
}

static void unbroken_chunked_answer_keeps_content_and_trailers(void **state)
{
	for (size_t step = 1; step <= strlen(chunked_body); step++) {
		struct world *world = asked();
		struct download got;

		serve(world, chunked_head);
		for (size_t at = 0; at < strlen(chunked_body); at += step)
			world_serve(world->flow, chunked_body + at,
				    at + step < strlen(chunked_body) ? step
								     : strlen(chunked_body) - at);
		got = read_download(&world->client.got);
		assert_true(got.is_whole);
		assert_int_equal(got.len, CONTENT_LEN);
		assert_memory_equal(got.content, CONTENT, got.len);
		assert_true(world_hears(&world->client.got, "\r\n0\r\nX: y\r\n\r\n"));
		world_free(world);
	}
}

static void answer_of_known_length_may_go_on_in_chunks(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n" RANGES "Content-Length: 20000\r\n\r\n";
	struct world *world = asked();
	char *text = xmalloc(20001);

	memset(text, 'x', 20000);
	text[20000] = '\0';
	serve(world, head);
	world_serve(world->flow, text, 15000);
	break_off(world);
	assert_int_equal(asked_from(world), 15000);
	serve(world, "HTTP/1.1 103 Early Hints\r\n\r\n"
		     "HTTP/1.1 206 Partial\r\n" RANGES CHUNKED
		     "Content-Range: bytes 15000-19999/20000\r\n\r\n1388\r\n");
	world_serve(world->flow, text, 5000);
	serve(world, "\r\n0\r\n\r\n");
	assert_int_equal(buffer_len(&world->client.got), strlen(head) + 20000);
	assert_false(world->client.is_closed);
	world_say(world, ASK); /* its connection goes on */
	serve(world, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown");
	assert_true(world_hears(&world->client.got, "own"));
	free(text);
	world_free(world);
}

static void rest_that_breaks_off_is_gone_on_with_again(void **state)
{
	struct world *world = asked();
	struct download got;

	serve(world, chunked_head);
	serve(world, "5\r\nhello\r\n");
	break_off(world);
	serve(world, "HTTP/1.1 206 Partial\r\n" RANGES CHUNKED
		     "Content-Range: bytes 4-26/27\r\n\r\n2\r\no,\r\n5\r\n wh");
	break_off(world);
	assert_int_equal(asked_from(world), strlen("hello, wh")); /* the length is known now */
	serve_rest(world, asked_from(world), false);
	got = read_download(&world->client.got);
	assert_true(got.is_whole);
	assert_memory_equal(got.content, CONTENT, CONTENT_LEN);
	assert_int_equal(world->counted.counts.resilience.resumed, 2);
	world_free(world);
}

/* Never a wrong byte, never an end that looks like one. */
static void rest_that_does_not_fit_cuts_the_answer(void **state)
{
	static const char *const rests[] = {
		"HTTP/1.1 200 OK\r\n" RANGES "Content-Length: 27\r\n\r\n" CONTENT,
		"HTTP/1.1 206 P\r\n" RANGES "Content-Length: 22\r\n"
		"Content-Range: bytes 5-26/27\r\n\r\n" CONTENT,
		"HTTP/1.1 206 P\r\nETag: \"b\"\r\nContent-Length: 23\r\n"
		"Content-Range: bytes 4-26/27\r\n\r\n" CONTENT,
		"HTTP/1.1 206 P\r\n" RANGES "Content-Length: 23\r\n"
		"Content-Range: bytes 4-26/27\r\n\r\nX, whole world of bytes",
		"HTTP/1.1 206 P\r\n" RANGES CHUNKED
		"Content-Range: bytes 4-26/27\r\n\r\n2\r\no,\r\n0\r\n\r\n",
		"HTTP/1.1 206 P\r\n" RANGES CHUNKED "Content-Range: bytes 4-6/7\r\n\r\n"
		"5\r\no, wh\r\n0\r\n\r\n",
		"HTTP/1.1 206 P\r\n" RANGES CHUNKED "Content-Range: bytes 4-26/27\r\n\r\nz\r\n",
		("HTTP/1.1 416 No\r\nETag: \"a\"\r\nContent-Range: bytes */5\r\nContent-Length: "
		 "0\r\n\r\n"),
		"rubbish\r\n\r\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rests); i++) {
		struct world *world = asked();
		struct download got;

		serve(world, chunked_head);
		serve(world, "5\r\nhello\r\n");
		break_off(world);
		assert_int_equal(asked_from(world), 4);
		serve(world, rests[i]);
		assert_true(world->client.is_closed);
		got = read_download(&world->client.got);
		assert_false(got.is_whole);
		assert_memory_equal(got.content, CONTENT, got.len);
		world_free(world);
	}
}

static void other_answers_are_cut(void **state)
{
	static const struct {
		const char *request, *answer;
	} uses[] = {
		{ASK, "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n5\r\nhello\r\n"},
		{"GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-\r\n\r\n",
		 "HTTP/1.1 200 OK\r\n" RANGES CHUNKED "\r\n5\r\nhello\r\n"},
		{"POST / HTTP/1.1\r\nHost: a\r\n\r\n",
		 "HTTP/1.1 200 OK\r\n" RANGES CHUNKED "\r\n5\r\nhello\r\n"},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
		 "HTTP/1.1 200 OK\r\n" RANGES CHUNKED "\r\n5\r\nhello\r\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(uses); i++) {
		struct world *world = world_new();

		world_come(world);
		world_say(world, uses[i].request);
		serve(world, uses[i].answer);
		assert_true(world_hears(&world->client.got, "hello"));
		break_off(world);
		assert_true(world->client.is_closed);
		assert_int_equal(world->n_ways, 1);
		world_free(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resume_is_of_whole_answers_with_strong_etags_only),
		cmocka_unit_test(resume_is_of_requests_for_all_of_it),
		cmocka_unit_test(rest_is_exactly_what_is_missing),
		cmocka_unit_test(rest_of_unknown_length_begins_with_the_last_byte_that_came),
		cmocka_unit_test(headers_have_room_for_the_longest),
		cmocka_unit_test(chunked_answer_is_gone_on_with_from_every_byte),
		cmocka_unit_test(unbroken_chunked_answer_keeps_content_and_trailers),
		cmocka_unit_test(answer_of_known_length_may_go_on_in_chunks),
		cmocka_unit_test(rest_that_breaks_off_is_gone_on_with_again),
		cmocka_unit_test(rest_that_does_not_fit_cuts_the_answer),
		cmocka_unit_test(other_answers_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
