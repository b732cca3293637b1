// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: fuzzer for ways to a service of HTTP/1.1 that clients leave to each other
 *
 * Each byte is a step: a client comes, asks, or goes; its service answers,
 * answers twice, says something unasked, or ends; or says anything, the bytes
 * that follow.  What a service says when nobody has asked, or behind an answer, is
 * marked: no client may ever hear it.  When all is closed nothing is left.
 */
#include "selftests/unit/http_fixture.h"

#define STEP_MASK 0x07
#define STEP_SLOWLY 0x08 /* the service says it byte by byte */
#define STEP_UNSAFE 0x10 /* the client asks by POST */
#define STEP_LAST 0x20 /* and says that it asks no more */
#define STEP_CHUNKED 0x40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum step {
	COME,
	ASK,
	ANSWER,
	ANSWER_TWICE,
	SAY_UNASKED,
	END,
	LEAVE,
	SAY_ANYTHING,
};

/**
 * struct service - what has been said on the way in use
 * @n_way: which that is
 * @n_said: requests of the client that is there
 * @n_answered: on it
 * @is_wild: nobody can tell its answers from what else it said
 */
struct service {
	unsigned int n_way, n_said, n_answered;
	bool is_wild;
};

static unsigned int count_asked(const struct buffer *asked)
{
	unsigned int n = 0;

	for (size_t i = asked->start; i + 4 <= asked->end; i++)
		n += memcmp(asked->bytes + i, "\r\n\r\n", 4) == 0;
	return n;
}

static void say(struct flow *flow, const char *bytes, size_t len, bool is_slow)
{
	if (!is_slow) {
		world_serve(flow, bytes, len);
		return;
	}
	for (size_t i = 0; i < len; i++)
		world_serve(flow, bytes + i, 1);
}

static void ask(struct world *world, uint8_t step)
{
	char text[256];

	snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: a\r\n%s%s\r\n",
		 step & STEP_UNSAFE ? "POST" : "GET",
		 step & STEP_UNSAFE ? "Content-Length: 0\r\n" : "",
		 step & STEP_LAST ? "Connection: close\r\n" : "");
	world_say(world, text);
}

static void answer(struct world *world, struct service *service, uint8_t step)
{
	char text[256];

	service->n_answered++;
	/* The next request of a pipeline is there before the second answer is. */
	if ((step & STEP_MASK) == ANSWER_TWICE && step & STEP_SLOWLY &&
	    service->n_said > service->n_answered)
		service->is_wild = true;
	snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s%s",
		 step & STEP_CHUNKED ? "Transfer-Encoding: chunked\r\n\r\n3\r\nown\r\n0\r\n\r\n"
				     : "Content-Length: 3\r\n\r\nown",
		 (step & STEP_MASK) == ANSWER_TWICE
			 ? "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
			 : "");
	say(world->flow, text, strlen(text), step & STEP_SLOWLY);
}

/* Return: bytes of @data used up. */
static size_t do_step(struct world *world, struct service *service, const uint8_t *data, size_t len)
{
	static const char unasked[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
	struct flow *flow = world->flow ? world->flow : world->counted.spare;
	bool has_asked = count_asked(&world->asked) > service->n_answered;
	uint8_t step = data[0];
	size_t n;

	switch ((enum step)(step & STEP_MASK)) {
	case COME:
		world_come(world);
		service->n_answered = 0;
		service->n_said = 1;
		ask(world, step);
		return 1;
	case ASK:
		service->n_said++;
		ask(world, step);
		return 1;
	case ANSWER:
	case ANSWER_TWICE:
		if (has_asked)
			answer(world, service, step);
		return 1;
	case SAY_UNASKED:
		if (!has_asked)
			say(flow, unasked, strlen(unasked), step & STEP_SLOWLY);
		return 1;
	case END:
		world_end(flow);
		return 1;
	case LEAVE:
		world_leave(world);
		buffer_release(&world->proxy, &world->asked);
		service->n_answered = 0;
		return 1;
	default:
		n = len < 2 ? 0 : data[1] < len - 2 ? data[1] : len - 2;
		service->is_wild = true;
		say(flow, (const char *)data + (len < 2 ? 1 : 2), n, step & STEP_SLOWLY);
		return len < 2 ? 1 : n + 2;
	}
}

/* On another way nothing has been said; but the client may have heard of what was before. */
static void note_way(const struct world *world, struct service *service)
{
	if (world->n_ways == service->n_way)
		return;
	service->n_way = world->n_ways;
	service->n_answered = 0;
	service->is_wild &= buffer_len(&world->client.got) > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *world = world_new();
	struct service service = {0};

	while (size) {
		size_t n = do_step(world, &service, data, size);

		world_connect(world); /* an attempt that is wanted succeeds */
		note_way(world, &service);
		assert(service.is_wild || !world_hears(&world->client.got, "evil"));
		assert(world->counted.n_spare <= HTTP_POOL_SERVICE_MAX);
		data += n;
		size -= n;
	}
	world_free(world);
	return 0;
}
