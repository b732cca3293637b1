// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: fuzzer for HTTP/2 in the proxy: a program, a hub or a service that says anything
 *
 * The first byte is a plan: entry or provider, who is foreign, whether that one
 * has opened the connection properly, whether its peer reads, and whether bodies
 * are translated.  The rest are
 * its bytes, cut into pieces whose length is the byte before each.  The other
 * side is a proper peer of nghttp2.  Whatever is said, memory held is bounded,
 * a request has one answer, and when all is closed nothing is left.
 */
#include "daemon/translate/schema.h"
#include "selftests/unit/http2_fixture.h"

#define PLAN_PROVIDER 0x01
#define PLAN_SERVICE 0x02 /* the service is foreign, not the client */
#define PLAN_HELLO 0x04
#define PLAN_DEAF 0x08 /* the peer stops reading */
#define PLAN_RULES 0x10
#define PLAN_LATE 0x20 /* time passes at the end */
#define PLAN_BODY 0x40 /* requests of the proper client have bodies */
/* The service says body: cbor, or, with rules, has a descriptor; requests are JSON, or lines of it. */
#define PLAN_TRANSLATES 0x80
#define DEAF_BYTES 1000
#define REQUESTS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t client_hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
static const uint8_t server_hello[] = "\0\0\0\4\0\0\0\0";

/*
 * protoc's of: package p; message M {int32 a = 1; string b = 2;}
 * service S {C(M) at GET /c/{b}, D(M) a stream, E(a stream) a stream at POST /l with body "*"}
 */
static const uint8_t descriptor_set[] =
	"\x0a\x92\x01\x0a\x07p.proto\x12\x01p\"\x1f\x0a\x01M\x12\x0c\x0a\x01"
	"a\x18\x01 \x01(\x05R\x01"
	"a\x12\x0c\x0a\x01"
	"b\x18\x02 \x01(\x09R\x01"
	"b2[\x0a\x01S\x12\x1f\x0a\x01"
	"C\x12\x04.p.M\x1a\x04.p.M\"\x0e\x82\xd3\xe4\x93\x02\x08\x12\x06/c/{b}\x12\x11\x0a"
	"\x01"
	"D\x12\x04.p.M\x1a\x04.p.M0\x01\x12\"\x0a\x01"
	"E\x12\x04.p.M\x1a\x04.p.M\"\x0d\x82\xd3\xe4\x93\x02\x07\"\x02/l:\x01*(\x01"
	"0\x01"
	"b\x06proto3";

static const struct says json_request = {{":method", "POST", ":scheme", "http", ":authority", "a",
					  ":path", "/v1", "content-type", "application/json"},
					 "{\"a\":1}",
					 7,
					 {NULL}};
static const struct says json_call = {{":method", "POST", ":scheme", "http", ":authority", "a",
				       ":path", "/p.S/D", "content-type", "application/json"},
				      "{\"a\":1}",
				      7,
				      {NULL}};
static const struct says lines_call = {{":method", "POST", ":scheme", "http", ":authority", "a",
					":path", "/l", "content-type", "application/x-ndjson"},
				       "{\"a\":1}\n{\"b\":\"c\"}\n{}",
				       20,
				       {NULL}};
static const struct says cbor_answer = {
	{":status", "200", "content-type", "application/cbor"}, "\xa1\x61\x61\x01", 4, {NULL}};
static const struct says call_answer = {{":status", "200", "content-type", "application/grpc"},
					"\0\0\0\0\2\x08\1",
					7,
					{"grpc-status", "0"}};

static struct schema *find_schema(void *arg, const uint8_t *digest)
{
	static struct schema *schema; /* parsed once */
	struct translate_refusal refusal;

	if (!schema)
		schema = schema_parse(descriptor_set, sizeof(descriptor_set) - 1, &refusal);
	assert(schema);
	return schema;
}

static void begin_translating(struct world *world, uint8_t plan)
{
	bool is_grpc = plan & PLAN_RULES;

	if (is_grpc) {
		world->settings->rules[0].n_paths = 0;
		world->proxy.events.schema = find_schema;
		world->far->via = plan & PLAN_PROVIDER ? FLOW_PROVIDER : FLOW_LOCAL;
	} else {
		world->far->body = MANIFEST_BODY_CBOR;
	}
	if (!(plan & PLAN_SERVICE))
		world->service.says = is_grpc ? &call_answer : &cbor_answer;
	else
		world->client.says = !is_grpc		? &json_request
				     : plan & PLAN_BODY ? &lines_call
							: &json_call;
}

/* Its headers and its body: a request that a proper client makes. */
static void ask(struct world *world, const char *method, bool has_body)
{
	const nghttp2_nv headers[] = {PEER_NV(":method", method),
				      PEER_NV(":scheme", "http"),
				      PEER_NV(":authority", "a"),
				      PEER_NV(":path", "/v1"),
				      PEER_NV("content-type", "application/grpc"),
				      PEER_NV("grpc-timeout", "1S")};
	const nghttp2_data_provider body = {.read_callback = peer_on_read};

	if (world->client.says) {
		peer_ask(&world->client, world->client.says);
		return;
	}
	nghttp2_submit_request(world->client.session, NULL, headers, has_body ? 6 : 4,
			       has_body ? &body : NULL, NULL);
}

static void begin(struct world *world, uint8_t plan)
{
	if (plan & PLAN_RULES) {
		world->settings->n_rules = 1;
		world->settings->rules[0] =
			(struct allow_rule){.service = "speech", .n_paths = 1, .paths = {"/v1"}};
	}
	if (plan & PLAN_TRANSLATES)
		begin_translating(world, plan);
	if (plan & PLAN_SERVICE) {
		peer_begin(&world->client, false);
		if (plan & PLAN_HELLO)
			peer_say(&world->service, server_hello, sizeof(server_hello));
		for (int i = 0; i < REQUESTS; i++)
			ask(world, i ? "GET" : "POST", plan & PLAN_BODY);
	} else {
		peer_begin(&world->service, true);
		if (plan & PLAN_HELLO)
			peer_say(&world->client, client_hello, sizeof(client_hello));
	}
	if (plan & PLAN_DEAF)
		(plan & PLAN_SERVICE ? &world->client : &world->service)->room = DEAF_BYTES;
}

static void check(const struct world *world, uint8_t plan)
{
	size_t more = plan & PLAN_TRANSLATES ? TRANSLATE_BODY_MAX : 0;
	uint64_t held = 0;
	uint32_t n = 0;

	for (struct flow *flow = world->proxy.flows; flow; flow = flow->next) {
		const struct http2_exchange *at = flow->http2 ? flow->http2->down.exchanges : NULL;

		for (; at; at = at->down_next, n++) {
			assert(at->down->http2 == flow->http2);
			assert(!at->up || at->up->n_exchanges);
			assert(buffer_len(&at->to_client) <= HTTP2_WINDOW + HTTP2_HEAD_MAX + more);
			assert(buffer_len(&at->to_service) <=
			       HTTP2_WINDOW + HTTP2_REPLAY_MAX + more);
			held += at->held;
		}
	}
	assert(n == world->proxy.n_exchanges && held == world->proxy.totals.buffered);
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
	world = plan & PLAN_PROVIDER ? world_provider() : world_entry();
	foreign = plan & PLAN_SERVICE ? &world->service : &world->client;
	begin(world, plan);
	world_run(world);
	while (data < end) {
		size_t n = *data++;

		if (n > (size_t)(end - data))
			n = (size_t)(end - data);
		peer_say(foreign, data, n);
		data += n;
		world_run(world);
		check(world, plan);
	}
	if (plan & PLAN_LATE) {
		for (struct flow *flow = world->proxy.flows, *next; flow; flow = next) {
			next = flow->next;
			if (flow->via != FLOW_WAITING)
				flow_tick(flow, uv_hrtime() + 2 * HTTP2_HEAD_NS);
		}
		world_run(world);
		check(world, plan);
	}
	world_free(world);
	return 0;
}
