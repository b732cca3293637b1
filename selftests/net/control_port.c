// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: control_port: the transport alone, as a target for test_control_port
 *
 * usage: control_port CERT KEY ROOT MESH
 *
 * Prints "port N", serves until standard input ends, then prints one line of
 * counters.  Every accepted message is answered by an empty BYE on the event
 * stream, so a client can see both directions work.
 */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "daemon/transport/transport.h"
#include "daemon/wire/control.h"

#define PEM_MAX 8192

struct target {
	struct transport *transport;
	uint64_t ups, downs, messages;
};

static void on_up(void *arg, uint64_t session, const struct session_peer *peer)
{
	((struct target *)arg)->ups++;
}

static void on_down(void *arg, uint64_t session, int error)
{
	((struct target *)arg)->downs++;
}

static int on_message(void *arg, uint64_t session, uint8_t message, const uint8_t *body, size_t len)
{
	struct target *target = arg;

	target->messages++;
	transport_send(target->transport, session, CONTROL_BYE, NULL, 0);
	return 0;
}

static void on_rtt(void *arg, uint64_t session, uint32_t rtt_us)
{
}

static bool is_mesh(void *arg, const struct in6_addr *addr)
{
	return false;
}

static size_t slurp(const char *path, uint8_t bytes[PEM_MAX])
{
	FILE *f = fopen(path, "rb");
	size_t len;

	if (!f) {
		perror(path);
		exit(1);
	}
	len = fread(bytes, 1, PEM_MAX, f);
	fclose(f);
	return len;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	static char ignored[64];

	*buf = uv_buf_init(ignored, sizeof(ignored));
}

static void on_stdin(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	if (n < 0)
		uv_stop(stream->loop);
}

static void serve(uv_loop_t *loop, struct target *target)
{
	const struct transport_counters *c;
	uv_pipe_t input;

	printf("port %u\n", transport_port(target->transport));
	fflush(stdout);
	uv_pipe_init(loop, &input, 0);
	uv_pipe_open(&input, 0);
	uv_read_start((uv_stream_t *)&input, on_alloc, on_stdin);
	uv_run(loop, UV_RUN_DEFAULT);
	c = transport_counters(target->transport);
	printf("ups=%lu downs=%lu messages=%lu accepted=%lu failed=%lu limited=%lu refused=%lu\n",
	       target->ups, target->downs, target->messages, c->accepted, c->handshakes_failed,
	       c->handshakes_limited, c->requests_refused);
	uv_close((uv_handle_t *)&input, NULL);
	transport_free(target->transport);
	uv_run(loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
	static uint8_t cert[PEM_MAX], key[PEM_MAX], root[PEM_MAX];
	struct transport_settings settings = {
		.cert_pem = cert, .key_pem = key, .is_mesh_address = is_mesh};
	struct target target = {0};
	struct transport_events events = {on_up, on_down, on_message, on_rtt, &target};
	const char *error_text = "";
	struct trust *trust;
	uv_loop_t loop;

	if (argc != 5) {
		fprintf(stderr, "usage: control_port CERT KEY ROOT MESH\n");
		return 64;
	}
	settings.cert_pem_len = slurp(argv[1], cert);
	settings.key_pem_len = slurp(argv[2], key);
	trust = trust_new(argv[4]);
	if (trust_add_root(trust, root, slurp(argv[3], root)) != 0) {
		fprintf(stderr, "control_port: %s: not a root\n", argv[3]);
		return 1;
	}
	uv_loop_init(&loop);
	if (transport_new(&loop, &settings, trust, &events, &target.transport, &error_text) != 0) {
		fprintf(stderr, "control_port: %s\n", error_text);
		return 1;
	}
	serve(&loop, &target);
	trust_free(trust);
	return uv_loop_close(&loop) == 0 ? 0 : 1;
}
