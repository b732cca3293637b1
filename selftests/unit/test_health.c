// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: health checks against a server that answers what the test wants
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/services/health.h"

#define WAIT_MS 5000

struct client {
	uv_tcp_t tcp;
	uv_write_t write;
	char buf[1024];
};

struct fixture {
	uv_loop_t loop;
	uv_tcp_t server;
	uv_timer_t timer;
	bool is_listening, timed_out, is_silent;
	const char *answer;
	size_t answer_len;
	char asked[1024];
	unsigned int checks;
	struct service_definition definition;
	struct health *health;
	int state; /* -1 none told */
	char why[HEALTH_WHY_MAX];
};

static void on_client_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *ret)
{
	struct client *client = handle->data;

	*ret = uv_buf_init(client->buf, sizeof(client->buf) - 1);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *client = stream->data;
	struct fixture *f = stream->loop->data;
	uv_buf_t answer = uv_buf_init((char *)f->answer, (unsigned int)f->answer_len);

	if (n < 0) {
		uv_close((uv_handle_t *)stream, on_client_closed);
		return;
	}
	client->buf[n] = '\0';
	snprintf(f->asked, sizeof(f->asked), "%s", client->buf);
	if (!f->is_silent && f->answer_len)
		uv_write(&client->write, stream, &answer, 1, NULL);
}

static void on_connection(uv_stream_t *server, int status)
{
	struct client *client = calloc(1, sizeof(*client));
	struct fixture *f = server->loop->data;

	f->checks++;
	uv_tcp_init(server->loop, &client->tcp);
	client->tcp.data = client;
	assert_int_equal(uv_accept(server, (uv_stream_t *)&client->tcp), 0);
	uv_read_start((uv_stream_t *)&client->tcp, on_alloc, on_read);
}

static void on_state(void *arg, enum service_state state, const char *why)
{
	struct fixture *f = arg;

	f->state = (int)state;
	snprintf(f->why, sizeof(f->why), "%s", why);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct sockaddr_in address;
	int len = sizeof(address);

	uv_loop_init(&f->loop);
	f->loop.data = f;
	uv_timer_init(&f->loop, &f->timer);
	f->timer.data = f;
	uv_ip4_addr("127.0.0.1", 0, &address);
	uv_tcp_init(&f->loop, &f->server);
	assert_int_equal(uv_tcp_bind(&f->server, (struct sockaddr *)&address, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&f->server, 16, on_connection), 0);
	uv_tcp_getsockname(&f->server, (struct sockaddr *)&address, &len);
	f->is_listening = true;
	f->definition = (struct service_definition){.health_timeout_ms = 200, .health_failures = 3};
	f->definition.manifest.n_endpoints = 1;
	snprintf(f->definition.manifest.endpoints[0], MANIFEST_ENDPOINT_MAX, "127.0.0.1:%u",
		 ntohs(address.sin_port));
	f->definition.manifest.health_interval_ms = 20;
	f->state = -1;
	*state = f;
	return 0;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	if (!uv_is_closing(handle))
		uv_close(handle, handle->type == UV_TCP && handle->data ? on_client_closed : NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	health_free(f->health);
	uv_run(&f->loop, UV_RUN_NOWAIT);
	uv_walk(&f->loop, close_handle, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	free(f);
	return 0;
}

static void begin(struct fixture *f, enum manifest_health kind, const char *target,
		  const char *answer, size_t answer_len)
{
	f->definition.manifest.health = kind;
	snprintf(f->definition.health_target, sizeof(f->definition.health_target), "%s", target);
	f->answer = answer;
	f->answer_len = answer_len;
	f->health = health_new(&f->loop, NULL, &f->definition, SERVICE_AVAILABLE, on_state, f);
}

static void on_timeout(uv_timer_t *timer)
{
	((struct fixture *)timer->data)->timed_out = true;
}

static void start_waiting(struct fixture *f)
{
	f->timed_out = false;
	uv_timer_start(&f->timer, on_timeout, WAIT_MS, 0);
}

static void expect_state(struct fixture *f, int state, const char *why)
{
	start_waiting(f);
	while (f->state != state && !f->timed_out)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(f->state, state);
	if (!strstr(f->why, why))
		fail_msg("wanted \"%s\" in \"%s\"", why, f->why);
}

/* So many more checks, and nothing to tell. */
static void expect_quiet(struct fixture *f, unsigned int checks)
{
	unsigned int end = f->checks + checks;

	start_waiting(f);
	while (f->checks < end && !f->timed_out)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_false(f->timed_out);
	assert_int_equal(f->state, -1);
}

static void tcp_is_well_while_somebody_listens(void **state)
{
	struct fixture *f = *state;

	begin(f, MANIFEST_HEALTH_TCP, "", "", 0);
	expect_quiet(f, 5);
	uv_close((uv_handle_t *)&f->server, NULL);
	expect_state(f, SERVICE_FAILING, "connecting: connection refused");
}

static void service_that_never_was_well_fails_at_once(void **state)
{
	struct fixture *f = *state;

	f->definition.health_failures = 100;
	f->definition.manifest.health_interval_ms = 3000;
	begin(f, MANIFEST_HEALTH_TCP, "127.0.0.1:1", "", 0);
	expect_state(f, SERVICE_FAILING, "refused");
}

#define HTTP(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n"

static void http_wants_a_good_status_and_recovers(void **state)
{
	struct fixture *f = *state;

	begin(f, MANIFEST_HEALTH_HTTP, "/healthz", HTTP("204 No Content"),
	      strlen(HTTP("204 No Content")));
	expect_quiet(f, 5);
	assert_non_null(strstr(f->asked, "GET /healthz HTTP/1.1\r\n"));
	f->answer = HTTP("503 Gone Bad");
	f->answer_len = strlen(f->answer);
	expect_state(f, SERVICE_FAILING, "HTTP status 503");
	f->answer = HTTP("200 OK");
	f->answer_len = strlen(f->answer);
	expect_state(f, SERVICE_AVAILABLE, "");
}

static void http_refuses_silence_and_what_is_not_http(void **state)
{
	struct fixture *f = *state;

	begin(f, MANIFEST_HEALTH_HTTP, "", "SSH-2.0-OpenSSH\r\n", 17);
	expect_state(f, SERVICE_FAILING, "not HTTP");
	health_free(f->health);
	f->is_silent = true;
	f->state = -1;
	begin(f, MANIFEST_HEALTH_HTTP, "", "", 0);
	expect_state(f, SERVICE_FAILING, "no answer in time");
}

/* SETTINGS, HEADERS (:status 200), DATA (status @s), trailers (grpc-status @g). */
#define GRPC(s, g)               \
	"\0\0\0\4\0\0\0\0\0"     \
	"\0\0\1\1\4\0\0\0\1\x88" \
	"\0\0\7\0\0\0\0\0\1\0\0\0\0\2\x08" s "\0\0\x0f\1\5\0\0\0\1\0\x0bgrpc-status\1" g

static void grpc_wants_serving(void **state)
{
	struct fixture *f = *state;

	begin(f, MANIFEST_HEALTH_GRPC, "speech", GRPC("\1", "0"), sizeof(GRPC("\1", "0")) - 1);
	expect_quiet(f, 5);
	f->answer = GRPC("\2", "0"); /* NOT_SERVING */
	expect_state(f, SERVICE_FAILING, "not SERVING");
	f->answer = GRPC("\1", "0");
	expect_state(f, SERVICE_AVAILABLE, "");
	f->answer = GRPC("\1", "5"); /* NOT_FOUND */
	expect_state(f, SERVICE_FAILING, "not SERVING");
}

static void grpc_refuses_what_is_not_http2(void **state)
{
	struct fixture *f = *state;

	begin(f, MANIFEST_HEALTH_GRPC, "", HTTP("200 OK"), strlen(HTTP("200 OK")));
	expect_state(f, SERVICE_FAILING, "SERVING");
}

static void checker_that_is_freed_in_the_middle_is_silent(void **state)
{
	struct fixture *f = *state;

	f->is_silent = true;
	begin(f, MANIFEST_HEALTH_HTTP, "", "", 0);
	start_waiting(f);
	while (f->checks == 0 && !f->timed_out)
		uv_run(&f->loop, UV_RUN_ONCE);
	health_free(f->health);
	f->health = NULL;
	uv_timer_start(&f->timer, on_timeout, 400, 0);
	while (!f->timed_out)
		uv_run(&f->loop, UV_RUN_ONCE);
	f->timed_out = false;
	assert_int_equal(f->state, -1);
}

static void targets_are_checked(void **state)
{
	assert_true(health_target_is_valid(MANIFEST_HEALTH_TCP, "[::1]:5"));
	assert_false(health_target_is_valid(MANIFEST_HEALTH_TCP, "here"));
	assert_true(health_target_is_valid(MANIFEST_HEALTH_HTTP, "/a?b"));
	assert_false(health_target_is_valid(MANIFEST_HEALTH_HTTP, "/a\r\nX: y"));
	assert_true(health_target_is_valid(MANIFEST_HEALTH_COMMAND, "/bin/true"));
	assert_false(health_target_is_valid(MANIFEST_HEALTH_COMMAND, "true"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(tcp_is_well_while_somebody_listens),
		TEST(service_that_never_was_well_fails_at_once),
		TEST(http_wants_a_good_status_and_recovers),
		TEST(http_refuses_silence_and_what_is_not_http),
		TEST(grpc_wants_serving),
		TEST(grpc_refuses_what_is_not_http2),
		TEST(checker_that_is_freed_in_the_middle_is_silent),
		cmocka_unit_test(targets_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
