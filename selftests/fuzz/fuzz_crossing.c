// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: fuzzer for programs and services of two versions of HTTP, either of which says anything
 *
 * The first byte is a plan: which way, who is foreign, and what a proper client
 * asks.  The rest are the foreign one's bytes, cut into pieces whose length is the
 * byte before each.  Whatever is said, what a client of HTTP/1.1 gets are whole heads
 * with one meaning, one to a request, and when all is closed nothing is left.
 */
#include "selftests/unit/http2_fixture.h"

#include "daemon/proxy/http.h"
#include "daemon/proxy/http2_over_http1.h"

#define PLAN_FROM_2 0x01 /* programs speak HTTP/2, the service HTTP/1.1 */
#define PLAN_SERVICE 0x02 /* the service is foreign, not the client */
#define PLAN_HEAD 0x04
#define PLAN_POST 0x08
#define PLAN_OLD 0x10
#define PLAN_HELLO 0x20 /* the foreign one has opened its connection of HTTP/2 properly */
#define PLAN_END 0x40 /* and ends it properly */
#define ANSWER_1 \
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t client_hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
static const uint8_t server_hello[] = "\0\0\0\4\0\0\0\0";

static const char *method_of(uint8_t plan)
{
	return plan & PLAN_HEAD ? "HEAD" : plan & PLAN_POST ? "POST" : "GET";
}

/* ---- programs of HTTP/1.1 ---- */

static struct world *begin_from_1(uint8_t plan)
{
	struct world *world = world_base();
	struct flow *flow = flow_new(&world->proxy, &world->counted);

	world->near = world->far = flow;
	world->entry.proxy = &world->proxy;
	world->entry.counted = &world->counted;
	flow->entry = &world->entry;
	flow->client = &world->client.end;
	http_listen(http_new(flow, false));
	if (!(plan & PLAN_SERVICE))
		peer_begin(&world->service, true);
	return world;
}

/* A request waits for a lease: let it go to the service. */
static void serve_from_1(struct world *world)
{
	struct flow *flow = world->far;

	if (flow->is_closed)
		return;
	if (!flow->service && flow->http->state == HTTP_OPEN && flow->via == FLOW_WAITING &&
	    !world->service.end.flow) {
		flow->via = FLOW_SHARED;
		flow->is_crossing = true;
		flow_join(flow, &world->client.end, &world->service.end);
		flow_opened(flow);
	}
	if (!flow->service)
		world->service.is_closed = world->service.end.flow != NULL;
}

static void ask_in_1(struct world *world, uint8_t plan)
{
	char text[128];

	snprintf(text, sizeof(text), "%s / HTTP/1.%d\r\nHost: a\r\nTE: trailers\r\n%s\r\n",
		 method_of(plan), !(plan & PLAN_OLD),
		 plan & PLAN_POST ? "Content-Length: 4\r\n" : "");
	peer_say(&world->client, text, strlen(text));
	if (plan & PLAN_POST)
		peer_say(&world->client, "body", 4);
}

/* Return: bytes of one answer; 0 it is not whole. */
static size_t check_answer(const uint8_t *bytes, size_t len, bool is_head)
{
	struct http1_refusal refusal;
	struct http1_head head;
	struct http1_body body;
	size_t seen = 0, at;
	long n;

	at = http1_find_end(bytes, len, &seen);
	if (!at)
		return 0;
	assert(http1_parse_response(bytes, at, is_head, &head, &refusal));
	assert(head.status != 101);
	http1_body_begin(&body, &head, true);
	if (head.status < 200)
		return at;
	n = http1_body_take(&body, bytes + at, len - at);
	assert(n >= 0);
	return body.is_done ? at + (size_t)n : 0;
}

static void check_answers(const struct world *world, uint8_t plan)
{
	const struct buffer *got = &world->client.got;
	size_t at = 0, n = 1;

	while (n && at < buffer_len(got)) {
		n = check_answer(got->bytes + got->start + at, buffer_len(got) - at,
				 plan & PLAN_HEAD);
		at += n;
	}
}

/* ---- programs of HTTP/2 ---- */

static struct world *begin_from_2(uint8_t plan)
{
	struct world *world = world_base();
	struct flow *near = flow_new(&world->proxy, &world->counted), *far, *wire;

	world->near = near;
	world->entry.proxy = &world->proxy;
	world->entry.counted = &world->counted;
	near->entry = &world->entry;
	world->far = far = flow_new_upstream(&world->proxy, &world->counted);
	far->entry = &world->entry;
	far->via = FLOW_SHARED;
	http2_new(far, HTTP2_UPSTREAM);
	far->http2->is_pooled = far->http2->is_begun = true;
	world->entry.http2[world->entry.n_http2++] = far->http2;
	http2_over_http1_new(far);
	far->over_http1->n_carriers = UINT32_MAX / 2; /* there is one socket, no more */
	far->over_http1->carriers->is_begun = true;
	wire = far->over_http1->carriers->flow;
	flow_join(wire, NULL, &world->service.end);
	flow_opened(wire);
	near->client = &world->client.end;
	http2_listen(http2_new(near, HTTP2_PROGRAM));
	if (plan & PLAN_SERVICE)
		peer_begin(&world->client, false);
	else if (plan & PLAN_HELLO)
		peer_say(&world->client, client_hello, sizeof(client_hello));
	return world;
}

static void ask_in_2(struct world *world, uint8_t plan)
{
	const nghttp2_nv headers[] = {PEER_NV(":method", method_of(plan)),
				      PEER_NV(":scheme", "http"), PEER_NV(":authority", "a"),
				      PEER_NV(":path", "/v1")};
	const nghttp2_data_provider body = {.read_callback = peer_on_read};

	nghttp2_submit_request(world->client.session, NULL, headers, 4,
			       plan & PLAN_POST ? &body : NULL, NULL);
}

/* A proper service of HTTP/1.1: an answer for each head it finds. */
static void answer_in_1(struct world *world)
{
	struct buffer *got = &world->service.got;
	size_t seen = 0, n;

	while ((n = buffer_len(got)
			    ? http1_find_end(got->bytes + got->start, buffer_len(got), &seen)
			    : 0)) {
		struct http1_refusal refusal;
		struct http1_head head;

		if (http1_parse_request(got->bytes + got->start, n, &head, &refusal))
			peer_say(&world->service, ANSWER_1, strlen(ANSWER_1));
		buffer_take(&world->proxy, got, n);
		seen = 0;
	}
}

/* ---- both ---- */

static void run(struct world *world, uint8_t plan)
{
	world_run(world);
	if (!(plan & PLAN_FROM_2)) {
		serve_from_1(world);
		world_run(world);
		serve_from_1(world);
		if (plan & PLAN_SERVICE) /* else nobody knows which of them are to HEAD */
			check_answers(world, plan);
	} else if (!(plan & PLAN_SERVICE)) {
		answer_in_1(world);
		world_run(world);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	struct peer *foreign;
	struct world *world;
	uint8_t plan;

	if (!size)
		return 0;
	plan = *data++;
	world = plan & PLAN_FROM_2 ? begin_from_2(plan) : begin_from_1(plan);
	foreign = plan & PLAN_SERVICE ? &world->service : &world->client;
	for (int i = 0; plan & PLAN_SERVICE && i < 2; i++) {
		if (plan & PLAN_FROM_2)
			ask_in_2(world, plan);
		else
			ask_in_1(world, plan);
	}
	run(world, plan);
	if (plan & PLAN_SERVICE && plan & PLAN_HELLO && !(plan & PLAN_FROM_2))
		peer_say(&world->service, server_hello, sizeof(server_hello));
	while (data < end) {
		size_t n = *data++;

		if (n > (size_t)(end - data))
			n = (size_t)(end - data);
		peer_say(foreign, data, n);
		data += n;
		run(world, plan);
	}
	if (plan & PLAN_END && !foreign->is_closed && foreign->end.other) {
		foreign->end.has_ended = true;
		foreign->end.other->ops->pull(foreign->end.other);
		run(world, plan);
	}
	world_free(world);
	return 0;
}
