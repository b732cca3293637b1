// SPDX-License-Identifier: GPL-2.0
/* DOC: frames of a trunk find room in the buffer that all trunks share */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/internal.h"

/* A stream with as much to say as the buffer holds; when all is taken there is something else. */
struct world {
	struct proxy proxy;
	struct trunk trunk;
	struct flow flow;
	struct tunnel tunnel;
	struct end program;
	nghttp2_session *session;
	size_t pings;
	bool is_ready;
};

static struct world *world;

static void on_pull(struct end *end)
{
}

static void on_taken(struct end *end, size_t n)
{
	if (buffer_len(&end->in))
		return;
	world->pings++;
	assert_int_equal(nghttp2_submit_ping(world->session, NGHTTP2_FLAG_NONE, NULL), 0);
}

static void on_close(struct end *end, bool is_reset)
{
}

static const struct end_ops ops = {on_pull, on_taken, on_close};

static ssize_t on_wanted(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t max,
			 uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	size_t n = buffer_len(&world->program.in);

	if (!world->is_ready || !n)
		return NGHTTP2_ERR_DEFERRED;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	n = n < max ? n : max;
	return (ssize_t)(n < FRAME_PAYLOAD_MAX ? n : FRAME_PAYLOAD_MAX);
}

static int setup(void **state)
{
	const nghttp2_nv method = {(uint8_t *)":method", (uint8_t *)"GET", 7, 3, 0};
	nghttp2_data_provider content = {.read_callback = on_wanted};
	nghttp2_session_callbacks *callbacks;

	world = xnew(struct world);
	world->trunk.proxy = world->flow.proxy = &world->proxy;
	world->program.ops = &ops;
	world->tunnel.end.flow = &world->flow;
	world->tunnel.end.other = &world->program;
	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, tunnel_send_data);
	assert_int_equal(nghttp2_session_client_new(&world->session, callbacks, &world->trunk), 0);
	nghttp2_session_callbacks_del(callbacks);
	content.source.ptr = &world->tunnel;
	world->tunnel.stream =
		nghttp2_submit_request(world->session, NULL, &method, 1, &content, &world->tunnel);
	assert_true(world->tunnel.stream > 0);
	return 0;
}

static int teardown(void **state)
{
	nghttp2_session_del(world->session);
	buffer_release(&world->proxy, &world->program.in);
	while (world->proxy.n_idle_chunks)
		free(world->proxy.idle_chunks[--world->proxy.n_idle_chunks]);
	free(world);
	return 0;
}

/* As a flush does until the buffer is full. Return: bytes in it. */
static size_t collect(void)
{
	while (trunk_has_room(&world->trunk, TRUNK_FRAME_MAX)) {
		const uint8_t *bytes;
		ssize_t n = nghttp2_session_mem_send(world->session, &bytes);

		assert_true(n >= 0);
		if (n == 0)
			break;
		assert_true(trunk_has_room(&world->trunk, (size_t)n));
		trunk_put_plain(&world->trunk, bytes, (size_t)n);
	}
	return world->proxy.plain_len;
}

static void say(const uint8_t *bytes, size_t len)
{
	buffer_append(&world->program.in, bytes, len);
	world->is_ready = true;
	assert_int_equal(nghttp2_session_resume_data(world->session, world->tunnel.stream), 0);
}

/* Four frames of data are what a peer takes before it has said anything, and a buffer full. */
static void what_is_said_behind_data_finds_room(void **state)
{
	static uint8_t bytes[4 * FRAME_PAYLOAD_MAX];
	size_t room = 65536, sent = 0, n;

	assert_true(collect() > 0); /* preface and headers */
	world->proxy.plain_len = 0;
	say(bytes, sizeof(bytes));
	n = collect();
	assert_true(n >= room);
	assert_true(n <= TRUNK_PLAIN_SIZE);
	assert_int_equal(world->pings, 1);
	for (sent = n; n; sent += n) {
		world->proxy.plain_len = 0;
		n = collect();
	}
	assert_int_equal(sent, room + world->pings * 17);
	assert_int_equal(buffer_len(&world->program.in), 0);
}

static void data_waits_when_nothing_could_follow_it(void **state)
{
	const uint8_t bytes[1000] = {0};

	collect();
	world->proxy.plain_len = TRUNK_PLAIN_SIZE - TRUNK_FRAME_MAX;
	say(bytes, sizeof(bytes));
	collect();
	assert_int_equal(world->proxy.plain_len, TRUNK_PLAIN_SIZE - TRUNK_FRAME_MAX);
	assert_int_equal(buffer_len(&world->program.in), sizeof(bytes));
	world->proxy.plain_len = 0;
	collect();
	assert_int_equal(buffer_len(&world->program.in), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_said_behind_data_finds_room, setup,
						teardown),
		cmocka_unit_test_setup_teardown(data_waits_when_nothing_could_follow_it, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
