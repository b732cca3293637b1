// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: fuzzer for answers that are broken off and gone on with
 *
 * Every service has the same bytes under the same ETag.  Each byte of the input
 * is a step: the service says more of the content, breaks off, ends, or, as the
 * next one, answers what was asked; or it says anything, the bytes that follow.
 * While none has, what the client gets is the content and nothing else, and an
 * end stands behind all of it alone.
 */
#include "selftests/unit/http_fixture.h"

#define CONTENT_LEN 200
#define STEP_MASK 0x07
#define STEP_CHUNKED 0x08 /* the rest is said in chunks */
#define STEP_SLOWLY 0x10 /* byte by byte */
#define LEN_SHIFT 5 /* what is left of a step: how much, in eights */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum step {
	SAY,
	BREAK_OFF,
	END,
	ANSWER,
	FINISH,
	SAY_ANYTHING,
};

/**
 * struct service - the one that is asked
 * @n_way: which way to it
 * @at: byte of the content it says next
 * @has_answered: its head has been said
 * @is_chunked: as it says
 * @is_done: it has said all
 * @is_wild: something else was said, by it or one before
 */
struct service {
	unsigned int n_way;
	size_t at;
	bool has_answered, is_chunked, is_done, is_wild;
};

static char content_at(size_t i)
{
	return (char)('a' + i % 23);
}

static void say(struct world *world, const char *bytes, size_t len, bool is_slow)
{
	for (size_t i = 0; is_slow && i < len; i++)
		world_serve(world->flow, bytes + i, 1);
	if (!is_slow)
		world_serve(world->flow, bytes, len);
}

static void say_content(struct world *world, struct service *service, size_t n, bool is_slow)
{
	char text[CONTENT_LEN + 32];
	size_t len = 0;

	if (n > CONTENT_LEN - service->at)
		n = CONTENT_LEN - service->at;
	if (!n || !service->has_answered || service->is_done)
		return;
	if (service->is_chunked)
		len = (size_t)snprintf(text, sizeof(text), "%zx\r\n", n);
	for (size_t i = 0; i < n; i++)
		text[len++] = content_at(service->at++);
	if (service->is_chunked)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\n");
	say(world, text, len, is_slow);
}

/* Return: the first byte that is wanted; -1 all of it. */
static int wanted(struct world *world, const struct service *service)
{
	const uint8_t *range;
	int from;

	range = memmem(world->asked.bytes + world->asked.start, buffer_len(&world->asked),
		       "Range: bytes=", 13);
	if (!range)
		return -1;
	from = atoi((const char *)range + 13); /* a line's end stands behind it */
	if (service->is_wild && from >= CONTENT_LEN)
		return CONTENT_LEN - 1; /* one before it had more to say */
	assert(from >= 0 && from < CONTENT_LEN);
	return from;
}

static void answer(struct world *world, struct service *service, uint8_t step)
{
	int from;
	char text[256];
	size_t len;

	if (service->has_answered || !buffer_len(&world->asked))
		return;
	from = wanted(world, service);
	service->has_answered = true;
	service->at = from < 0 ? 0 : (size_t)from;
	service->is_chunked = from < 0 || step & STEP_CHUNKED;
	len = (size_t)snprintf(text, sizeof(text),
			       "HTTP/1.1 %d OK\r\nAccept-Ranges: bytes\r\nETag: \"a\"\r\n",
			       from < 0 ? 200 : 206);
	if (from >= 0)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"Content-Range: bytes %d-%d/%d\r\n", from, CONTENT_LEN - 1,
					CONTENT_LEN);
	if (service->is_chunked)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"Transfer-Encoding: chunked\r\n\r\n");
	else
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"Content-Length: %d\r\n\r\n", CONTENT_LEN - from);
	say(world, text, len, step & STEP_SLOWLY);
}

static void finish(struct world *world, struct service *service, uint8_t step)
{
	static const char last[] = "0\r\nX: y\r\n\r\n";

	say_content(world, service, CONTENT_LEN, step & STEP_SLOWLY);
	if (!service->has_answered || service->is_done)
		return;
	service->is_done = true;
	if (service->is_chunked)
		say(world, last, strlen(last), step & STEP_SLOWLY);
}

/* Return: bytes of @data used up. */
static size_t do_step(struct world *world, struct service *service, const uint8_t *data, size_t len)
{
	struct flow *flow = world->flow;
	uint8_t step = data[0];
	size_t n;

	switch ((enum step)(step & STEP_MASK)) {
	case SAY:
		say_content(world, service, 8 * (step >> LEN_SHIFT) + 1, step & STEP_SLOWLY);
		return 1;
	case BREAK_OFF:
		if (!flow->is_closed && flow->service == &flow->tunnel.end)
			flow_broken(flow, &flow->tunnel.end);
		return 1;
	case END:
		world_end(flow);
		return 1;
	case ANSWER:
		answer(world, service, step);
		return 1;
	case FINISH:
		finish(world, service, step);
		return 1;
	default:
		n = len < 2 ? 0 : data[1] < len - 2 ? data[1] : len - 2;
		service->is_wild = true;
		say(world, (const char *)data + (len < 2 ? 1 : 2), n, step & STEP_SLOWLY);
		return len < 2 ? 1 : n + 2;
	}
}

static void check(const struct world *world)
{
	size_t n = buffer_len(&world->client.got), seen = 0, at, len = 0;
	const uint8_t *bytes = n ? world->client.got.bytes + world->client.got.start : NULL;
	struct http1_refusal refusal;
	struct http1_piece piece;
	struct http1_body body;
	struct http1_head head;

	at = n ? http1_find_end(bytes, n, &seen) : 0;
	if (!at)
		return;
	assert(http1_parse_response(bytes, at, false, &head, &refusal));
	if (head.status != 200)
		return; /* ours: nothing had come */
	http1_body_begin(&body, &head, true);
	while (at < n && !body.is_done) {
		long taken = http1_body_unwrap(&body, bytes + at, n - at, &piece);

		assert(taken > 0);
		at += (size_t)taken;
		for (size_t i = 0; !piece.is_trailer && i < piece.bytes.len; i++)
			assert(piece.bytes.at[i] == content_at(len++));
	}
	assert(at == n && len <= CONTENT_LEN);
	assert(!body.is_done || len == CONTENT_LEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *world = world_new();
	struct service service = {.n_way = 1};

	world_come(world);
	world_say(world, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	while (size && !world->client.is_closed) {
		size_t n = do_step(world, &service, data, size);

		world_connect(world); /* an attempt that is wanted succeeds */
		if (world->n_ways != service.n_way)
			service = (struct service){.n_way = world->n_ways,
						   .is_wild = service.is_wild};
		if (!service.is_wild)
			check(world);
		data += n;
		size -= n;
	}
	world_free(world);
	return 0;
}
