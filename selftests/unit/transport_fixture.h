/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: transport_fixture: two hubs on one loop, with certificates of pki_fixture.h
 *
 * Everything runs on ::1 or 127.0.0.1 with ports the kernel chose.  wait_for()
 * turns the loop until a condition holds or a deadline has passed; nothing
 * sleeps for luck.
 */
#ifndef SELFTESTS_TRANSPORT_FIXTURE_H
#define SELFTESTS_TRANSPORT_FIXTURE_H

#include "pki_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>
#include <uv.h>

#include "daemon/transport/session.h"
#include "daemon/trust/trust.h"

#define WAIT_MS 8000 /* generous: sanitizers on a busy machine */
#define INBOX_MAX 4096

/**
 * struct node - one hub's transport and what it reported
 * @on_message: runs inside the message event if set
 */
struct node {
	struct transport *transport;
	struct trust *trust;
	struct hub_id id;
	unsigned int ups, downs, messages, rtts;
	uint64_t session, down_session;
	int error, message_result;
	struct session_peer peer;
	uint32_t rtt_us;
	uint8_t number;
	size_t body_len, bytes;
	uint32_t inbox[INBOX_MAX]; /* first four bytes of each body */
	void (*on_message)(struct node *node);
};

static uv_loop_t *loop;
static uv_timer_t waker;
static uint64_t wait_deadline;

#define wait_for(condition)                                                     \
	do {                                                                    \
		wait_deadline = uv_hrtime() + WAIT_MS * 1000000ull;             \
		while (!(condition)) {                                          \
			if (uv_hrtime() > wait_deadline)                        \
				fail_msg("waited in vain for: %s", #condition); \
			uv_run(loop, UV_RUN_ONCE);                              \
		}                                                               \
	} while (0)

/* ---- nodes ---- */

static void on_up(void *arg, uint64_t session, const struct session_peer *peer)
{
	struct node *node = arg;

	node->ups++;
	node->session = session;
	node->peer = *peer;
	assert_true(peer->cert_der_len > 100 && peer->cert_der[0] == 0x30);
	assert_int_equal(session & 1, peer->is_client ? 0 : 1);
}

static void on_down(void *arg, uint64_t session, int error)
{
	struct node *node = arg;

	node->downs++;
	node->down_session = session;
	node->error = error;
}

static int on_message(void *arg, uint64_t session, uint8_t message, const uint8_t *body, size_t len)
{
	struct node *node = arg;

	assert_int_equal(session, node->session);
	if (node->messages < INBOX_MAX && len >= sizeof(uint32_t))
		memcpy(&node->inbox[node->messages], body, sizeof(uint32_t));
	node->messages++;
	node->number = message;
	node->body_len = len;
	node->bytes += len;
	if (node->on_message)
		node->on_message(node);
	return node->message_result;
}

static void on_rtt(void *arg, uint64_t session, uint32_t rtt_us)
{
	struct node *node = arg;

	node->rtts++;
	node->rtt_us = rtt_us;
}

static bool is_never_mesh(void *arg, const struct in6_addr *addr)
{
	return false;
}

static int node_try(struct node *node, const char *cert, const char *key, uint16_t port,
		    const char **error_text)
{
	struct transport_events events = {on_up, on_down, on_message, on_rtt, node};
	char name[64];
	struct file cert_pem, key_pem, root_pem = read_file("root.crt");
	struct transport_settings settings = {.port = port, .is_mesh_address = is_never_mesh};
	int r;

	snprintf(name, sizeof(name), "%s.crt", cert);
	cert_pem = read_file(name);
	snprintf(name, sizeof(name), "%s.key", key);
	key_pem = read_file(name);
	settings.cert_pem = cert_pem.bytes;
	settings.cert_pem_len = cert_pem.len;
	settings.key_pem = key_pem.bytes;
	settings.key_pem_len = key_pem.len;
	memset(node, 0, sizeof(*node));
	node->trust = trust_new(MESH);
	assert_int_equal(trust_add_root(node->trust, root_pem.bytes, root_pem.len), 0);
	node->id = id_of_key(key);
	r = transport_new(loop, &settings, node->trust, &events, &node->transport, error_text);
	if (r < 0)
		trust_free(node->trust);
	return r;
}

static void node_start(struct node *node, const char *name)
{
	const char *error_text = "";

	if (node_try(node, name, name, 0, &error_text) != 0)
		fail_msg("transport_new: %s", error_text);
}

static void node_stop(struct node *node)
{
	transport_free(node->transport);
	uv_run(loop, UV_RUN_NOWAIT);
	uv_run(loop, UV_RUN_NOWAIT);
	trust_free(node->trust);
}

static struct endpoint loopback(int family, uint16_t port)
{
	struct endpoint ep = {.family = (sa_family_t)family, .port = port};

	if (family == AF_INET)
		ep.addr4.s_addr = htonl(INADDR_LOOPBACK);
	else
		ep.addr6 = in6addr_loopback;
	return ep;
}

static void node_dial(struct node *from, const struct node *to, uint64_t session)
{
	struct endpoint ep = loopback(AF_INET6, transport_port(to->transport));

	transport_dial(from->transport, session, &to->id, &ep, NULL, false);
}

static void on_wake(uv_timer_t *timer)
{
}

static int make_loop(void **state)
{
	loop = uv_loop_new();
	uv_timer_init(loop, &waker);
	uv_timer_start(&waker, on_wake, 5, 5);
	return 0;
}

static int free_loop(void **state)
{
	uv_close((uv_handle_t *)&waker, NULL);
	for (int i = 0; i < 10; i++)
		uv_run(loop, UV_RUN_NOWAIT);
	assert_int_equal(uv_loop_close(loop), 0); /* nothing left open */
	free(loop);
	return 0;
}

#endif
