// SPDX-License-Identifier: GPL-2.0
/* DOC: h2.c by itself: what a server owes a client that does not read, or stops halfway */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "daemon/transport/h2.h"

#define FRAME_HEADER_LEN 9
#define QUEUE_MAX 65536

enum { F_DATA, F_HEADERS, F_PRIORITY, F_RST };

/* HPACK without a table: GET or POST, https, a path, an authority: RFC 7541 appendix A */
#define GET "\202\207\4\12/v1/events\1\3hub"
#define POST "\203\207\4\7/v1/bye\1\3hub"
#define NOWHERE "\203\207\4\2/x\1\3hub"
#define HEADERLESS "\203\207\204" /* no authority: nghttp2 resets the stream */

static struct {
	unsigned int ready, messages, refused;
} seen;

static void on_ready(void *arg)
{
	seen.ready++;
}

static int on_message(void *arg, uint8_t message, const uint8_t *body, size_t len)
{
	seen.messages++;
	return 0;
}

static void on_refused(void *arg, unsigned int status)
{
	seen.refused++;
}

static void on_pong(void *arg, uint64_t token)
{
}

static size_t frame(uint8_t *to, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
		    size_t len)
{
	const uint8_t header[FRAME_HEADER_LEN] = {
		[1] = (uint8_t)(len >> 8),    [2] = (uint8_t)len,    [3] = type, [4] = flags,
		[7] = (uint8_t)(stream >> 8), [8] = (uint8_t)stream,
	};

	memcpy(to, header, sizeof(header));
	memcpy(to + sizeof(header), payload, len);
	return sizeof(header) + len;
}

static int receive(struct h2 *h2, uint8_t type, uint8_t flags, uint32_t stream, const char *payload)
{
	uint8_t bytes[256];

	return h2_receive(h2, 1000, bytes,
			  frame(bytes, type, flags, stream, payload, strlen(payload)));
}

/* A server whose client has opened its event stream. */
static int start(void **state)
{
	const struct h2_events events = {on_ready, on_message, on_refused, on_pong, NULL};
	static const char opening[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
	struct h2 *h2;

	memset(&seen, 0, sizeof(seen));
	if (h2_new(false, 1000, QUEUE_MAX, &events, &h2) < 0)
		return -1;
	*state = h2;
	assert_int_equal(h2_receive(h2, 1000, (const uint8_t *)opening, sizeof(opening)), 0);
	assert_int_equal(receive(h2, F_HEADERS, 5, 1, GET), 0);
	assert_int_equal(seen.ready, 1);
	return 0;
}

static int stop(void **state)
{
	h2_free(*state);
	return 0;
}

static void nothing_is_delivered_after_the_event_stream_has_ended(void **state)
{
	uint8_t bytes[256];
	size_t n = frame(bytes, F_RST, 0, 1, "\0\0\0\10", 4);

	n += frame(bytes + n, F_HEADERS, 5, 3, POST, strlen(POST));
	assert_int_equal(h2_receive(*state, 1000, bytes, n), -EPROTO);
	assert_int_equal(seen.messages, 0);
}

/* Requests without an end, one after the other, and nothing of the answers is read. */
static void assert_unread_ends(struct h2 *h2, const char *request)
{
	uint32_t stream = 1;
	int r;

	do {
		stream += 2;
		r = receive(h2, F_HEADERS, 4, stream, request);
	} while (r == 0 && stream < 20000);
	assert_int_equal(r, -EDQUOT);
	assert_true(stream / 2 <= H2_STREAMS_MAX + H2_FRAMES_MAX);
}

static void answers_nobody_reads_are_bounded(void **state)
{
	assert_unread_ends(*state, NOWHERE);
}

static void resets_nobody_reads_are_bounded(void **state)
{
	assert_unread_ends(*state, HEADERLESS);
}

/* Refused before its end, a request gets the answer first, and then the reset. */
static void early_refusal_is_answered(void **state)
{
	uint8_t bytes[1024];
	size_t n;

	h2_produce(*state, bytes, sizeof(bytes));
	assert_int_equal(receive(*state, F_HEADERS, 4, 3, NOWHERE), 0);
	assert_int_equal(seen.refused, 1);
	n = h2_produce(*state, bytes, sizeof(bytes));
	assert_true(n > FRAME_HEADER_LEN);
	assert_int_equal(bytes[3], F_HEADERS);
	assert_int_equal(bytes[8], 3);
	n -= FRAME_HEADER_LEN + bytes[2];
	assert_int_equal(n, FRAME_HEADER_LEN + 4);
	assert_memory_equal(bytes + FRAME_HEADER_LEN + bytes[2], "\0\0\4\3\0\0\0\0\3\0\0\0\0",
			    FRAME_HEADER_LEN + 4);
	/* What was under way meanwhile does no harm. */
	assert_int_equal(receive(*state, F_DATA, 1, 3, "rest"), 0);
	assert_int_equal(receive(*state, F_HEADERS, 5, 5, POST), 0);
	assert_int_equal(seen.messages, 1);
}

#define WITH_SERVER(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(nothing_is_delivered_after_the_event_stream_has_ended),
		WITH_SERVER(answers_nobody_reads_are_bounded),
		WITH_SERVER(resets_nobody_reads_are_bounded),
		WITH_SERVER(early_refusal_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
