/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: http2_fixture: pumps of HTTP/2 between peers in memory, without sockets, hub or loop
 *
 * A world is an entry (a program's connection, and one upstream) or a provider
 * (a hub's connection to a service).  At either side is a peer: an end that
 * keeps what it is given, and a session of nghttp2 or whatever bytes a test
 * says.  Include it in one file of a program, as fake_hub.h.
 */
#ifndef SELFTESTS_HTTP2_FIXTURE_H
#define SELFTESTS_HTTP2_FIXTURE_H

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/proxy/crossing.h"
#include "daemon/proxy/http2.h"
#include "selftests/unit/fake_hub.h"

#define PEER_STREAMS_MAX 32 /* that are remembered */
#define PEER_TEXT_MAX 1024
#define PEER_BODY_MAX 4096 /* of a body, that are remembered */
#define PEER_HEADERS_MAX 12

/**
 * struct seen - what a peer has heard on a stream
 * @text: headers, "name=value;" one after the other, of all blocks
 * @body: the first bytes of DATA
 * @n_body: bytes of DATA
 * @reset: code, -1 none
 * @has_ended: END_STREAM
 */
struct seen {
	char text[PEER_TEXT_MAX];
	uint8_t body[PEER_BODY_MAX];
	size_t n_body;
	int64_t reset;
	bool has_ended;
};

/**
 * struct says - what a peer says on a stream
 * @headers: name, value, name, ... NULL
 * @body: bytes
 * @len: of @body, 0 there is none
 * @trailers: as @headers
 */
struct says {
	const char *headers[2 * PEER_HEADERS_MAX + 1];
	const void *body;
	size_t len;
	const char *trailers[2 * PEER_HEADERS_MAX + 1];
};

/**
 * struct peer - who is outside a pump
 * @end: first
 * @session: NULL: bytes are only kept
 * @got: bytes not looked at yet
 * @room: bytes it takes in all; SIZE_MAX: it reads
 * @answers: as a service: to every request
 * @is_closed: the pump let go
 * @is_reset: with a reset
 * @is_goodbye: GOAWAY came
 * @n_requests: as a service
 * @says: in its requests, or in every answer; NULL a short one
 * @said: bytes of @says that a stream has had, by stream number / 2
 * @seen: by stream number / 2
 */
struct peer {
	struct end end;
	nghttp2_session *session;
	struct buffer got;
	size_t room;
	bool answers, is_closed, is_reset, is_goodbye;
	unsigned int n_requests;
	const struct says *says;
	size_t said[PEER_STREAMS_MAX];
	struct seen seen[PEER_STREAMS_MAX];
};

/** struct world - see DOC */
struct world {
	struct hub hub;
	struct proxy proxy;
	struct proxy_settings *settings;
	struct counted counted;
	struct entry entry;
	struct flow *near, *far; /* the same one at a provider */
	struct peer client, service;
	unsigned int n_results, n_errors, n_lost;
};

static inline struct seen *seen_at(struct peer *peer, int32_t stream)
{
	return &peer->seen[stream / 2 % PEER_STREAMS_MAX];
}

static inline int peer_on_header(nghttp2_session *session, const nghttp2_frame *frame,
				 const uint8_t *name, size_t name_len, const uint8_t *value,
				 size_t value_len, uint8_t flags, void *arg)
{
	struct seen *seen = seen_at(arg, frame->hd.stream_id);
	size_t n = strlen(seen->text);

	snprintf(seen->text + n, sizeof(seen->text) - n, "%.*s=%.*s;", (int)name_len, name,
		 (int)value_len, value);
	return 0;
}

#define PEER_NV(name, value)                                                          \
	{                                                                             \
		(uint8_t *)(name), (uint8_t *)(value), strlen(name), strlen(value), 0 \
	}

/** peer_to_nv() - Names and values for nghttp2. Return: entries. */
static inline size_t peer_to_nv(const char *const *texts, nghttp2_nv ret[PEER_HEADERS_MAX])
{
	size_t n = 0;

	for (; texts[0]; texts += 2)
		ret[n++] = (nghttp2_nv)PEER_NV(texts[0], texts[1]);
	return n;
}

static inline ssize_t peer_on_read(nghttp2_session *session, int32_t stream, uint8_t *buf,
				   size_t max, uint32_t *flags, nghttp2_data_source *source,
				   void *arg)
{
	static const struct says answer = {.body = "answer", .len = sizeof("answer") - 1};
	struct peer *peer = arg;
	const struct says *says = peer->says ? peer->says : &answer;
	size_t *said = &peer->said[stream / 2 % PEER_STREAMS_MAX];
	size_t n = says->len - *said < max ? says->len - *said : max;
	nghttp2_nv nv[PEER_HEADERS_MAX];

	if (n)
		memcpy(buf, (const char *)says->body + *said, n);
	*said += n;
	if (*said < says->len)
		return (ssize_t)n;
	*said = 0;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (says->trailers[0]) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_submit_trailer(session, stream, nv, peer_to_nv(says->trailers, nv));
	}
	return (ssize_t)n;
}

static inline void peer_answer(struct peer *peer, int32_t stream)
{
	const nghttp2_nv headers[] = {PEER_NV(":status", "200"), PEER_NV("x-from", "service")};
	const nghttp2_data_provider body = {.read_callback = peer_on_read};
	bool has_body = !peer->says || peer->says->len || peer->says->trailers[0];
	nghttp2_nv nv[PEER_HEADERS_MAX];

	nghttp2_submit_response(peer->session, stream, peer->says ? nv : headers,
				peer->says ? peer_to_nv(peer->says->headers, nv) : 2,
				has_body ? &body : NULL);
}

static inline int peer_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct peer *peer = arg;
	struct seen *seen = seen_at(peer, frame->hd.stream_id);

	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		peer->n_requests++;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		peer->is_goodbye = true;
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		seen->reset = frame->rst_stream.error_code;
	if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
	    !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	seen->has_ended = true;
	if (peer->answers && nghttp2_session_check_server_session(session))
		peer_answer(peer, frame->hd.stream_id);
	return 0;
}

static inline int peer_on_data(nghttp2_session *session, uint8_t flags, int32_t stream,
			       const uint8_t *bytes, size_t len, void *arg)
{
	struct seen *seen = seen_at(arg, stream);

	for (size_t i = 0; i < len && seen->n_body + i < PEER_BODY_MAX; i++)
		seen->body[seen->n_body + i] = bytes[i];
	seen->n_body += len;
	return 0;
}

static inline void peer_begin(struct peer *peer, bool is_server)
{
	nghttp2_session_callbacks *callbacks;

	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, peer_on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, peer_on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, peer_on_data);
	if (is_server)
		nghttp2_session_server_new(&peer->session, callbacks, peer);
	else
		nghttp2_session_client_new(&peer->session, callbacks, peer);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(peer->session, NGHTTP2_FLAG_NONE, NULL, 0);
}

static inline void peer_pull(struct end *end)
{
	struct peer *peer = (struct peer *)end;
	struct end *from = end->other;
	size_t n = buffer_len(&from->in);

	if (n > peer->room)
		n = peer->room;
	if (n) {
		buffer_append(&peer->got, from->in.bytes + from->in.start, n);
		if (peer->room != SIZE_MAX)
			peer->room -= n;
		buffer_take(end->flow->proxy, &from->in, n);
		from->ops->taken(from, n);
	}
	if (from->has_ended && !buffer_len(&from->in))
		end->is_finished = true;
}

static inline void peer_taken(struct end *end, size_t n)
{
}

static inline void peer_close(struct end *end, bool is_reset)
{
	struct peer *peer = (struct peer *)end;

	peer->is_closed = true;
	peer->is_reset = is_reset;
}

static const struct end_ops peer_ops = {peer_pull, peer_taken, peer_close};

/** peer_ask() - As a client: make the request it says. Return: its stream. */
static inline int32_t peer_ask(struct peer *peer, const struct says *says)
{
	const nghttp2_data_provider body = {.read_callback = peer_on_read};
	bool has_body = says->len || says->trailers[0];
	nghttp2_nv nv[PEER_HEADERS_MAX];

	peer->says = says;
	return nghttp2_submit_request(peer->session, NULL, nv, peer_to_nv(says->headers, nv),
				      has_body ? &body : NULL, NULL);
}

/** peer_say() - Bytes of its own. */
static inline void peer_say(struct peer *peer, const void *bytes, size_t len)
{
	if (peer->is_closed || !len)
		return;
	buffer_append(&peer->end.in, bytes, len);
	if (peer->end.other)
		peer->end.other->ops->pull(peer->end.other);
}

/* Return: something moved. */
static inline bool peer_run(struct world *world, struct peer *peer)
{
	bool has_moved = false;
	const uint8_t *bytes;
	ssize_t n;

	if (!peer->session)
		return false;
	if (buffer_len(&peer->got)) {
		has_moved = true;
		nghttp2_session_mem_recv(peer->session, peer->got.bytes + peer->got.start,
					 buffer_len(&peer->got));
		buffer_release(&world->proxy, &peer->got);
	}
	while ((n = nghttp2_session_mem_send(peer->session, &bytes)) > 0) {
		has_moved = true;
		peer_say(peer, bytes, (size_t)n);
	}
	return has_moved;
}

/** world_run() - Until nothing moves. */
static inline void world_run(struct world *world)
{
	bool has_moved = true;

	while (has_moved) {
		has_moved = world->proxy.http2_dirty || world->proxy.crossings;
		crossings_flush(&world->proxy);
		http2_flush(&world->proxy);
		has_moved |= peer_run(world, &world->client);
		has_moved |= peer_run(world, &world->service);
	}
}

static inline void world_result(void *arg, const struct hub_id *provider, const uint8_t *digest,
				bool is_error, uint64_t latency_us)
{
	struct world *world = arg;

	world->n_results++;
	world->n_errors += is_error;
}

static inline void world_lost(void *arg, uint64_t request, const struct hub_id *provider,
			      const uint8_t *digest)
{
	((struct world *)arg)->n_lost++;
}

static inline struct world *world_base(void)
{
	static struct proxy_settings settings; /* large: not made anew for each input */
	struct world *world = xnew(struct world);

	settings.n_rules = 0;
	world->settings = &settings;
	log_set_level(LOG_LEVEL_ERROR);
	fake_hub_init(&world->hub);
	world->proxy.hub = &world->hub;
	world->proxy.settings = &settings;
	world->proxy.mesh = world->hub.settings.mesh;
	world->proxy.handles = 1;
	world->proxy.flows_max = PROXY_FLOWS_MAX;
	world->proxy.is_ticking = true;
	world->proxy.events =
		(struct proxy_events){.result = world_result, .lost = world_lost, .arg = world};
	strcpy(world->counted.name, "speech");
	world->client.end.ops = world->service.end.ops = &peer_ops;
	world->client.room = world->service.room = SIZE_MAX;
	world->service.answers = true;
	for (int i = 0; i < PEER_STREAMS_MAX; i++)
		world->client.seen[i].reset = world->service.seen[i].reset = -1;
	return world;
}

/** world_provider() - A hub's connection to a service of ours. */
static inline struct world *world_provider(void)
{
	struct world *world = world_base();
	struct flow *flow = flow_new(&world->proxy, &world->counted);

	world->near = world->far = flow;
	flow->via = FLOW_PROVIDER;
	flow->hub = fake_id(2);
	flow->http2 = http2_new(flow, HTTP2_PROVIDER);
	flow_join(flow, &world->client.end, &world->service.end);
	flow_opened(flow);
	return world;
}

/* Another connection to a provider, open at once. */
static inline void world_open_upstream(struct world *world)
{
	struct flow *flow = flow_new_upstream(&world->proxy, &world->counted);

	world->far = flow;
	flow->entry = &world->entry;
	flow->via = FLOW_SHARED;
	flow->http2 = http2_new(flow, HTTP2_UPSTREAM);
	flow->http2->is_pooled = flow->http2->is_begun = true;
	world->entry.http2[world->entry.n_http2++] = flow->http2;
	flow_join(flow, NULL, &world->service.end);
	flow_opened(flow);
}

/** world_entry() - A program's connection, and one to the shared provider. */
static inline struct world *world_entry(void)
{
	struct world *world = world_base();
	struct flow *flow = flow_new(&world->proxy, &world->counted);

	world->near = flow;
	world->entry.proxy = &world->proxy;
	world->entry.counted = &world->counted;
	flow->entry = &world->entry;
	for (int i = 0; i < 100; i++)
		budget_earn(&world->entry.budget);
	world_open_upstream(world);
	flow->client = &world->client.end;
	flow->http2 = http2_new(flow, HTTP2_PROGRAM);
	http2_listen(flow->http2);
	return world;
}

/** world_ask() - A request of the client's. Return: what came back of it, so far. */
static inline struct seen *world_ask(struct world *world, const struct says *says)
{
	int32_t stream = peer_ask(&world->client, says);

	world_run(world);
	return seen_at(&world->client, stream);
}

static inline struct proxy_http_counts *world_counts(struct world *world)
{
	return &world->counted.counts.http;
}

static inline bool seen_has(const struct seen *seen, const char *text)
{
	return strstr(seen->text, text) != NULL;
}

static inline bool seen_is_body(const struct seen *seen, const void *bytes, size_t len)
{
	return seen->n_body == len && memcmp(seen->body, bytes, len) == 0;
}

/** world_free() - Close all; whatever was done, nothing may be left. */
static inline void world_free(struct world *world)
{
	struct proxy *proxy = &world->proxy;

	while (proxy->flows)
		flow_close(proxy->flows, PROXY_END_STOP);
	crossings_flush(proxy);
	http2_flush(proxy);
	flows_bury(proxy);
	assert(proxy->handles == 1 && !proxy->http2_dirty && !proxy->crossings);
	assert(proxy->n_exchanges == 0 && proxy->totals.buffered == 0 && proxy->translating == 0);
	nghttp2_session_del(world->client.session);
	nghttp2_session_del(world->service.session);
	buffer_release(proxy, &world->client.got);
	buffer_release(proxy, &world->service.got);
	buffer_release(proxy, &world->client.end.in);
	buffer_release(proxy, &world->service.end.in);
	while (proxy->n_idle_chunks)
		free(proxy->idle_chunks[--proxy->n_idle_chunks]);
	free(world);
}

#endif
