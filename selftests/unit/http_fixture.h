/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: http_fixture: an entry's pump of HTTP/1.1 between clients and a service in memory
 *
 * A world is an entry without hub or sockets.  Clients come one after the other;
 * each gets a way to the service that an earlier one has left, or a new one.
 * What either side says is whatever a test or the fuzzer says.  Include it in
 * one file of a program, as fake_hub.h.
 */
#ifndef SELFTESTS_HTTP_FIXTURE_H
#define SELFTESTS_HTTP_FIXTURE_H

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/proxy/http_pool.h"
#include "selftests/unit/fake_hub.h"

/**
 * struct program - a client
 * @end: first
 * @got: all it has heard
 * @is_closed: its connection is over
 * @is_slow: it does not read
 */
struct program {
	struct end end;
	struct buffer got;
	bool is_closed, is_slow;
};

/**
 * struct world - see DOC
 * @hub: no hub, but its settings
 * @proxy: whose pump it is
 * @settings: of that
 * @counted: the service
 * @entry: it stands for
 * @client: who is there
 * @flow: of the client that is there
 * @asked: what the service of @flow has heard
 * @is_deaf: the service takes nothing of what is said
 * @n_ways: to the service, so far
 * @n_errors: that the broker has heard of
 */
struct world {
	struct hub hub;
	struct proxy proxy;
	struct proxy_settings *settings;
	struct counted counted;
	struct entry entry;
	struct program client;
	struct flow *flow;
	struct buffer asked;
	bool is_deaf;
	unsigned int n_ways, n_errors;
};

static struct world *world_of(struct end *end)
{
	return (struct world *)((char *)end->flow->proxy - offsetof(struct world, proxy));
}

static inline void swallow(struct end *end, struct buffer *ret)
{
	struct end *from = end->other;
	size_t n = buffer_len(&from->in);

	if (n) {
		buffer_append(ret, from->in.bytes + from->in.start, n);
		buffer_take(end->flow->proxy, &from->in, n);
		from->ops->taken(from, n);
	}
	if (from->has_ended && !buffer_len(&from->in))
		end->is_finished = true;
}

static inline void program_pull(struct end *end)
{
	struct program *program = (struct program *)end;

	if (!program->is_slow)
		swallow(end, &program->got);
}

static inline void service_pull(struct end *end)
{
	if (!world_of(end)->is_deaf)
		swallow(end, &world_of(end)->asked);
}

static inline void nothing_taken(struct end *end, size_t n)
{
}

static inline void program_close(struct end *end, bool is_reset)
{
	((struct program *)end)->is_closed = true;
}

static inline void service_close(struct end *end, bool is_reset)
{
}

static const struct end_ops program_ops = {program_pull, nothing_taken, program_close};
static const struct end_ops service_ops = {service_pull, nothing_taken, service_close};

static inline void world_result(void *arg, const struct hub_id *provider, const uint8_t *digest,
				bool is_error, uint64_t latency_us)
{
	((struct world *)arg)->n_errors += is_error;
}

static inline void world_lost(void *arg, uint64_t request, const struct hub_id *provider,
			      const uint8_t *digest)
{
}

static inline struct world *world_new(void)
{
	static struct proxy_settings settings; /* large: not made anew for each input */
	struct world *world = xnew(struct world);

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
	world->proxy.counted[world->proxy.n_counted++] = &world->counted;
	strcpy(world->counted.name, "speech");
	world->entry.proxy = &world->proxy;
	world->entry.counted = &world->counted;
	for (int i = 0; i < 100; i++)
		budget_earn(&world->entry.budget);
	return world;
}

/** world_connect() - What the entry waits for is there: a way to the service that nobody had. */
static inline void world_connect(struct world *world)
{
	struct flow *flow = world->flow;

	if (!flow || flow->is_closed || flow->service || flow->http->state != HTTP_OPEN ||
	    flow->via != FLOW_WAITING)
		return;
	flow->via = FLOW_MESH;
	flow->tunnel = (struct tunnel){.end = {.ops = &service_ops, .flow = flow}};
	buffer_release(&world->proxy, &world->asked); /* of an earlier way */
	world->n_ways++;
	flow_join(flow, flow->client, &flow->tunnel.end);
	entry_attempt_ok(flow);
}

/** world_leave() - The client goes. */
static inline void world_leave(struct world *world)
{
	struct flow *flow = world->flow;

	if (flow && !flow->is_closed && flow->client == &world->client.end) {
		world->client.end.has_ended = true;
		world->client.end.is_finished = true;
		flow_check_done(flow);
	}
	/* A second one: what it was told last was not read. */
	if (flow && !flow->is_closed && flow->client == &world->client.end)
		flow_broken(flow, &world->client.end);
	if (flow && !flow->is_closed && flow->client == &world->client.end)
		flow_close(flow, PROXY_END_CLIENT_RESET);
	world->flow = NULL;
	buffer_release(&world->proxy, &world->client.end.in);
	buffer_release(&world->proxy, &world->client.got);
	flows_bury(&world->proxy);
}

/** world_come() - Another client; the one before is gone. */
static inline void world_come(struct world *world)
{
	struct flow *flow;

	world_leave(world);
	world->client = (struct program){.end = {.ops = &program_ops}};
	buffer_release(&world->proxy, &world->asked);
	flow = http_pool_take(&world->entry);
	if (!flow) {
		flow = flow_new(&world->proxy, &world->counted);
		http_new(flow, false);
		flow->via = FLOW_WAITING;
	}
	world->flow = flow;
	flow->entry = flow->door = &world->entry;
	flow->client = &world->client.end;
	http_listen(flow->http);
}

/** world_say() - The client says so. */
static inline void world_say(struct world *world, const char *text)
{
	struct program *client = &world->client;

	if (!world->flow || client->is_closed || world->flow->client != &client->end)
		return;
	buffer_append(&client->end.in, (const uint8_t *)text, strlen(text));
	client->end.other->ops->pull(client->end.other);
	world_connect(world);
}

/** world_serve() - The service at the end of @flow's way says so. */
static inline void world_serve(struct flow *flow, const char *bytes, size_t len)
{
	if (!flow || flow->is_closed || flow->service != &flow->tunnel.end || !len)
		return;
	buffer_append(&flow->tunnel.end.in, (const uint8_t *)bytes, len);
	flow->tunnel.end.other->ops->pull(flow->tunnel.end.other);
}

/** world_end() - It ends. */
static inline void world_end(struct flow *flow)
{
	if (!flow || flow->is_closed || flow->service != &flow->tunnel.end)
		return;
	flow->tunnel.end.has_ended = true;
	flow->tunnel.end.other->ops->pull(flow->tunnel.end.other);
}

/** world_hears() - Is this in what was said so far? */
static inline bool world_hears(const struct buffer *got, const char *text)
{
	return got->bytes && memmem(got->bytes + got->start, buffer_len(got), text, strlen(text));
}

/** world_free() - Close all; whatever was done, nothing may be left. */
static inline void world_free(struct world *world)
{
	struct proxy *proxy = &world->proxy;

	world_leave(world);
	while (proxy->flows)
		flow_close(proxy->flows, PROXY_END_STOP);
	flows_bury(proxy);
	assert(proxy->handles == 1 && proxy->totals.flows == 0 && proxy->totals.spare == 0);
	assert(world->counted.n_spare == 0 && !world->counted.spare);
	assert(world->counted.counts.open == 0);
	buffer_release(proxy, &world->asked);
	buffer_release(proxy, &world->client.got);
	while (proxy->n_idle_chunks)
		free(proxy->idle_chunks[--proxy->n_idle_chunks]);
	free(world);
}

#endif
