// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: transport between honest hubs: sessions, messages, keys, ends
 */
#include "transport_fixture.h"

static struct node alpha, bravo;

static int start_two(void **state)
{
	make_loop(state);
	node_start(&alpha, "alpha");
	node_start(&bravo, "bravo");
	return 0;
}

static int stop_two(void **state)
{
	node_stop(&alpha);
	node_stop(&bravo);
	return free_loop(state);
}

static void connect_nodes(struct node *client, struct node *server)
{
	node_dial(client, server, 2);
	wait_for(client->ups == 1 && server->ups == 1);
}

static struct session *only_session(struct node *node)
{
	assert_non_null(node->transport->sessions);
	assert_null(node->transport->sessions->next);
	return node->transport->sessions;
}

static void send_numbered(struct node *from, uint32_t first, uint32_t n, size_t len)
{
	static uint8_t body[CONTROL_BODY_MAX];

	for (uint32_t i = first; i < first + n; i++) {
		memcpy(body, &i, sizeof(i));
		assert_int_equal(transport_send(from->transport, from->session, CONTROL_RECORD,
						body, len),
				 0);
	}
}

static void session_up_describes_the_peer_on_both_ends(void **state)
{
	struct session_peer *a = &alpha.peer, *b = &bravo.peer;

	connect_nodes(&alpha, &bravo);
	assert_int_equal(alpha.session, 2);
	assert_int_equal(bravo.session, 1);
	assert_true(hub_id_equal(&a->hub, &bravo.id));
	assert_true(hub_id_equal(&b->hub, &alpha.id));
	assert_memory_equal(hub_id_from_pubkey(a->pubkey).b, bravo.id.b, HUB_ID_LEN);
	assert_true(a->is_client && !b->is_client);
	assert_false(a->over_mesh || b->over_mesh);
	assert_true(endpoint_equal_address(&a->local, &b->remote));
	assert_true(endpoint_equal_address(&a->remote, &b->local));
	assert_int_equal(a->local.port, b->remote.port);
	assert_int_equal(a->remote.port, transport_port(bravo.transport));
	assert_int_equal(transport_counters(alpha.transport)->dialled, 1);
	assert_int_equal(transport_counters(bravo.transport)->accepted, 1);
	assert_int_equal(transport_counters(bravo.transport)->handshakes_failed, 0);
}

static void dual_stack_listener_reports_ipv4_as_ipv4(void **state)
{
	struct endpoint to = loopback(AF_INET, transport_port(bravo.transport));
	struct endpoint from = loopback(AF_INET, 0);

	transport_dial(alpha.transport, 4, &bravo.id, &to, &from, true);
	wait_for(alpha.ups == 1 && bravo.ups == 1);
	assert_int_equal(bravo.peer.remote.family, AF_INET);
	assert_int_equal(bravo.peer.local.addr4.s_addr, htonl(INADDR_LOOPBACK));
	assert_int_equal(alpha.peer.local.addr4.s_addr, htonl(INADDR_LOOPBACK));
	assert_true(alpha.peer.over_mesh);
}

static bool is_always_mesh(void *arg, const struct in6_addr *addr)
{
	return arg == &bravo && IN6_IS_ADDR_LOOPBACK(addr);
}

static void inbound_on_a_mesh_address_is_over_mesh(void **state)
{
	bravo.transport->is_mesh_address = is_always_mesh;
	connect_nodes(&alpha, &bravo);
	assert_true(bravo.peer.over_mesh);
}

static void dial_without_expectation_learns_the_peer(void **state)
{
	struct endpoint to = loopback(AF_INET6, transport_port(bravo.transport));
	const struct hub_id anybody = {0};

	transport_dial(alpha.transport, 6, &anybody, &to, NULL, false);
	wait_for(alpha.ups == 1);
	assert_true(hub_id_equal(&alpha.peer.hub, &bravo.id));
}

static void messages_arrive_in_order_both_ways(void **state)
{
	connect_nodes(&alpha, &bravo);
	send_numbered(&alpha, 0, 20, CONTROL_BODY_MAX);
	send_numbered(&alpha, 20, 480, 100);
	send_numbered(&bravo, 0, 20, CONTROL_BODY_MAX);
	send_numbered(&bravo, 20, 480, 100);
	wait_for(alpha.messages == 500 && bravo.messages == 500);
	for (uint32_t i = 0; i < 500; i++) {
		assert_int_equal(alpha.inbox[i], i);
		assert_int_equal(bravo.inbox[i], i);
	}
	assert_int_equal(alpha.bytes, 20 * CONTROL_BODY_MAX + 480 * 100);
	assert_int_equal(bravo.bytes, alpha.bytes);
	assert_int_equal(alpha.number, CONTROL_RECORD);
}

/* 400 bodies of 64 KiB: more window updates than any flood limit allows at once. */
static void bulk_is_not_taken_for_a_flood(void **state)
{
	connect_nodes(&alpha, &bravo);
	for (uint32_t i = 0; i < 400; i += 40) {
		send_numbered(&alpha, i, 40, CONTROL_BODY_MAX);
		send_numbered(&bravo, i, 40, CONTROL_BODY_MAX);
		wait_for(alpha.downs + bravo.downs > 0 ||
			 (alpha.messages == i + 40 && bravo.messages == i + 40));
	}
	assert_int_equal(alpha.downs + bravo.downs, 0);
	assert_int_equal(alpha.messages, 400);
}

static void empty_bodies_and_every_number_arrive(void **state)
{
	connect_nodes(&alpha, &bravo);
	for (uint8_t m = CONTROL_HELLO; m < __CONTROL_END; m++) {
		assert_int_equal(transport_send(alpha.transport, 2, m, NULL, 0), 0);
		assert_int_equal(transport_send(bravo.transport, 1, m, NULL, 0), 0);
		wait_for(alpha.messages == m && bravo.messages == m);
		assert_int_equal(alpha.number, m);
		assert_int_equal(bravo.number, m);
		assert_int_equal(bravo.body_len, 0);
	}
}

static void refused_message_is_answered_400_and_counted(void **state)
{
	connect_nodes(&alpha, &bravo);
	bravo.message_result = -EBADMSG;
	send_numbered(&alpha, 0, 3, 8);
	wait_for(bravo.messages == 3);
	assert_int_equal(transport_counters(bravo.transport)->requests_refused, 3);
	bravo.message_result = 0;
	send_numbered(&alpha, 3, 1, 8);
	wait_for(bravo.messages == 4);
	assert_int_equal(transport_counters(bravo.transport)->requests_refused, 3);
	assert_int_equal(alpha.downs + bravo.downs, 0);
}

static void pings_measure_the_round_trip(void **state)
{
	transport_limits(alpha.transport)->ping_ms = 20;
	transport_limits(bravo.transport)->ping_ms = 20;
	connect_nodes(&alpha, &bravo);
	wait_for(alpha.rtts >= 3 && bravo.rtts >= 3);
	assert_true(alpha.rtt_us > 0 && alpha.rtt_us < WAIT_MS * 1000);
	assert_int_equal(transport_counters(alpha.transport)->pings_lost, 0);
}

static void exporter_agrees_on_both_ends_and_differs_otherwise(void **state)
{
	uint8_t a_rx[60], a_tx[60], b_rx[60], b_tx[60], seen[6][60];
	const struct {
		enum key_owner owner;
		uint32_t serial;
		uint8_t phase;
		uint32_t cipher;
	} cases[] = {{KEY_OWNER_LINK, 1, 0, 1}, {KEY_OWNER_SEAL, 1, 0, 1},
		     {KEY_OWNER_LINK, 2, 0, 1}, {KEY_OWNER_LINK, 1, 1, 1},
		     {KEY_OWNER_LINK, 1, 0, 2}, {KEY_OWNER_LINK, 0x01000000, 0, 1}};

	connect_nodes(&alpha, &bravo);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(transport_export_keys(alpha.transport, 2, cases[i].owner,
						       cases[i].serial, cases[i].phase,
						       cases[i].cipher, a_rx, a_tx, 60),
				 0);
		assert_int_equal(transport_export_keys(bravo.transport, 1, cases[i].owner,
						       cases[i].serial, cases[i].phase,
						       cases[i].cipher, b_rx, b_tx, 60),
				 0);
		assert_memory_equal(a_tx, b_rx, 60);
		assert_memory_equal(a_rx, b_tx, 60);
		assert_memory_not_equal(a_rx, a_tx, 60);
		memcpy(seen[i], a_tx, 60);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(seen[j], seen[i], 32);
	}
	assert_int_equal(transport_export_keys(alpha.transport, 8, KEY_OWNER_LINK, 1, 0, 1, a_rx,
					       a_tx, 44),
			 -ENOTCONN);
}

static void two_sessions_of_one_pair_have_different_keys(void **state)
{
	uint8_t rx[2][44], tx[2][44];

	connect_nodes(&alpha, &bravo);
	node_dial(&alpha, &bravo, 4);
	wait_for(alpha.ups == 2 && bravo.ups == 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(transport_export_keys(alpha.transport, 2u + 2u * (unsigned int)i,
						       KEY_OWNER_SEAL, 1, 0, 1, rx[i], tx[i], 44),
				 0);
	assert_memory_not_equal(rx[0], rx[1], 44);
	assert_memory_not_equal(tx[0], tx[1], 44);
}

static void dial_of_another_hub_than_expected_is_rejected(void **state)
{
	struct endpoint to = loopback(AF_INET6, transport_port(bravo.transport));

	transport_dial(alpha.transport, 2, &alpha.id, &to, NULL, false);
	wait_for(alpha.downs == 1);
	assert_int_equal(alpha.error, -EKEYREJECTED);
	assert_int_equal(alpha.down_session, 2);
	assert_int_equal(transport_counters(alpha.transport)->certificates_refused, 1);
	assert_int_equal(transport_counters(alpha.transport)->refusals.n[TRUST_OTHER_HUB], 1);
	wait_for(transport_counters(bravo.transport)->handshakes_failed == 1);
	assert_int_equal(alpha.ups + bravo.ups + bravo.downs, 0);
}

static void dial_of_a_closed_port_fails_later_not_at_once(void **state)
{
	struct endpoint to = loopback(AF_INET6, 1);
	struct endpoint from = {.family = AF_INET6, .addr6 = {.s6_addr = {0x20, 1, 0xd, 0xb8}}};

	transport_dial(alpha.transport, 2, &bravo.id, &to, NULL, false);
	transport_dial(alpha.transport, 4, &bravo.id, &to, &from, false);
	assert_int_equal(alpha.downs, 0);
	wait_for(alpha.downs == 2);
	assert_int_equal(transport_send(alpha.transport, 2, CONTROL_BYE, NULL, 0), -ENOTCONN);
}

static void closed_dial_reports_nothing(void **state)
{
	node_dial(&alpha, &bravo, 2);
	transport_close(alpha.transport, 2, "changed my mind");
	node_dial(&alpha, &bravo, 4);
	wait_for(alpha.ups == 1);
	assert_int_equal(alpha.session, 4);
	assert_int_equal(alpha.downs, 0);
}

/* It has failed already, but nobody was told yet: closing means that nobody is. */
static void close_of_a_session_that_has_failed_is_silent(void **state)
{
	struct endpoint nowhere = {.family = 0};

	transport_dial(alpha.transport, 2, &bravo.id, &nowhere, NULL, false);
	transport_dial(alpha.transport, 4, &bravo.id, &nowhere, NULL, false);
	transport_close(alpha.transport, 2, "changed my mind");
	transport_close(alpha.transport, 2, "twice");
	assert_int_equal(transport_send(alpha.transport, 2, CONTROL_BYE, NULL, 0), -ENOTCONN);
	wait_for(alpha.downs == 1);
	assert_int_equal(alpha.down_session, 4);
	node_dial(&alpha, &bravo, 6);
	wait_for(alpha.ups == 1);
	assert_int_equal(alpha.downs, 1);
}

static void close_delivers_what_was_queued_and_is_silent(void **state)
{
	connect_nodes(&alpha, &bravo);
	send_numbered(&alpha, 0, 30, CONTROL_BODY_MAX);
	assert_int_equal(transport_send(alpha.transport, 2, CONTROL_BYE, NULL, 0), 0);
	transport_close(alpha.transport, 2, "test");
	assert_int_equal(transport_send(alpha.transport, 2, CONTROL_BYE, NULL, 0), -ENOTCONN);
	wait_for(bravo.downs == 1);
	assert_int_equal(bravo.messages, 31);
	assert_int_equal(bravo.number, CONTROL_BYE);
	assert_int_equal(bravo.error, -ESHUTDOWN);
	wait_for(alpha.transport->n_sessions == 0);
	assert_int_equal(alpha.downs, 0);
}

static void close_by_the_server_delivers_what_was_queued(void **state)
{
	connect_nodes(&alpha, &bravo);
	send_numbered(&bravo, 0, 30, CONTROL_BODY_MAX);
	transport_close(bravo.transport, 1, "test");
	wait_for(alpha.downs == 1);
	assert_int_equal(alpha.messages, 30);
	assert_int_equal(alpha.error, -ESHUTDOWN);
	wait_for(bravo.transport->n_sessions == 0);
	assert_int_equal(bravo.downs, 0);
}

static void close_of_a_deaf_peer_ends_after_the_linger_time(void **state)
{
	connect_nodes(&alpha, &bravo);
	transport_limits(alpha.transport)->linger_ms = 50;
	uv_read_stop((uv_stream_t *)&only_session(&bravo)->tcp);
	transport_close(alpha.transport, 2, "test");
	wait_for(alpha.transport->n_sessions == 0);
	assert_int_equal(alpha.downs, 0);
}

static void vanished_peer_is_down_after_missed_pings(void **state)
{
	transport_limits(alpha.transport)->ping_ms = 20;
	transport_limits(alpha.transport)->ping_misses = 3;
	connect_nodes(&alpha, &bravo);
	wait_for(alpha.rtts > 0);
	uv_read_stop((uv_stream_t *)&only_session(&bravo)->tcp);
	uv_timer_stop(&only_session(&bravo)->timer);
	wait_for(alpha.downs == 1);
	assert_int_equal(alpha.error, -ETIMEDOUT);
	assert_true(transport_counters(alpha.transport)->pings_lost >= 3);
}

static void broken_connection_is_down_once(void **state)
{
	connect_nodes(&alpha, &bravo);
	session_fail(only_session(&bravo), -EIO);
	wait_for(alpha.downs == 1 && bravo.downs == 1);
	assert_int_equal(alpha.error, -ECONNRESET);
	assert_int_equal(bravo.error, -EIO);
	transport_close(alpha.transport, 2, "already gone");
	for (int i = 0; i < 10; i++)
		uv_run(loop, UV_RUN_ONCE);
	assert_int_equal(alpha.downs, 1);
	assert_int_equal(bravo.downs, 1);
}

static void full_write_queue_closes_the_session(void **state)
{
	static uint8_t body[CONTROL_BODY_MAX];
	int r = 0, n = 0;

	connect_nodes(&alpha, &bravo);
	uv_read_stop((uv_stream_t *)&only_session(&bravo)->tcp);
	while (r == 0 && n < 1000) {
		uv_run(loop, UV_RUN_NOWAIT);
		r = transport_send(alpha.transport, 2, CONTROL_RECORD, body, sizeof(body));
		n++;
	}
	assert_int_equal(r, -ENOBUFS);
	assert_in_range(n, TRANSPORT_WRITE_QUEUE_MAX / CONTROL_BODY_MAX, 400);
	assert_int_equal(alpha.downs, 0); /* never from within the call */
	wait_for(alpha.downs == 1);
	assert_int_equal(alpha.error, -ENOBUFS);
}

static void close_self(struct node *node)
{
	transport_close(node->transport, node->session, "inside");
}

static void free_self(struct node *node)
{
	transport_free(node->transport);
}

static void owner_may_close_within_a_message(void **state)
{
	connect_nodes(&alpha, &bravo);
	alpha.on_message = bravo.on_message = close_self;
	send_numbered(&alpha, 0, 5, 1000);
	wait_for(alpha.downs == 1);
	assert_int_equal(bravo.messages, 1);
	assert_int_equal(bravo.downs, 0);
	wait_for(bravo.transport->n_sessions == 0);
}

static void owner_may_free_within_a_message(void **state)
{
	connect_nodes(&alpha, &bravo);
	bravo.on_message = free_self;
	send_numbered(&alpha, 0, 5, 1000);
	wait_for(alpha.downs == 1);
	assert_int_equal(bravo.messages, 1);
	trust_free(bravo.trust);
	node_start(&bravo, "bravo"); /* for stop_two */
}

static void free_with_sessions_in_every_state_reports_nothing(void **state)
{
	struct node charlie;

	connect_nodes(&alpha, &bravo);
	node_start(&charlie, "alpha");
	node_dial(&charlie, &bravo, 2);
	node_dial(&charlie, &bravo, 4);
	wait_for(charlie.ups >= 1);
	node_dial(&charlie, &bravo, 6);
	node_stop(&charlie);
	assert_int_equal(charlie.downs, 0);
	wait_for(bravo.downs >= 1);
}

static void free_delivers_what_was_queued(void **state)
{
	connect_nodes(&alpha, &bravo);
	send_numbered(&alpha, 0, 2, 100);
	assert_int_equal(transport_send(alpha.transport, 2, CONTROL_BYE, NULL, 0), 0);
	transport_free(alpha.transport);
	wait_for(bravo.downs == 1);
	assert_int_equal(bravo.messages, 3);
	assert_int_equal(bravo.error, -ESHUTDOWN);
	trust_free(alpha.trust);
	node_start(&alpha, "alpha"); /* for stop_two */
}

static void taken_port_and_foreign_key_are_explained(void **state)
{
	const char *error_text = NULL;
	struct node charlie;

	assert_int_equal(node_try(&charlie, "alpha", "alpha", transport_port(bravo.transport),
				  &error_text),
			 -EADDRINUSE);
	assert_non_null(strstr(error_text, "port"));
	uv_run(loop, UV_RUN_NOWAIT);
	assert_int_equal(node_try(&charlie, "alpha", "bravo", 0, &error_text), -EBADMSG);
	assert_non_null(strstr(error_text, "key"));
}

#define WITH_TWO(f) cmocka_unit_test_setup_teardown(f, start_two, stop_two)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TWO(session_up_describes_the_peer_on_both_ends),
		WITH_TWO(dual_stack_listener_reports_ipv4_as_ipv4),
		WITH_TWO(inbound_on_a_mesh_address_is_over_mesh),
		WITH_TWO(dial_without_expectation_learns_the_peer),
		WITH_TWO(messages_arrive_in_order_both_ways),
		WITH_TWO(bulk_is_not_taken_for_a_flood),
		WITH_TWO(empty_bodies_and_every_number_arrive),
		WITH_TWO(refused_message_is_answered_400_and_counted),
		WITH_TWO(pings_measure_the_round_trip),
		WITH_TWO(exporter_agrees_on_both_ends_and_differs_otherwise),
		WITH_TWO(two_sessions_of_one_pair_have_different_keys),
		WITH_TWO(dial_of_another_hub_than_expected_is_rejected),
		WITH_TWO(dial_of_a_closed_port_fails_later_not_at_once),
		WITH_TWO(closed_dial_reports_nothing),
		WITH_TWO(close_of_a_session_that_has_failed_is_silent),
		WITH_TWO(close_delivers_what_was_queued_and_is_silent),
		WITH_TWO(close_by_the_server_delivers_what_was_queued),
		WITH_TWO(close_of_a_deaf_peer_ends_after_the_linger_time),
		WITH_TWO(vanished_peer_is_down_after_missed_pings),
		WITH_TWO(broken_connection_is_down_once),
		WITH_TWO(full_write_queue_closes_the_session),
		WITH_TWO(owner_may_close_within_a_message),
		WITH_TWO(owner_may_free_within_a_message),
		WITH_TWO(free_with_sessions_in_every_state_reports_nothing),
		WITH_TWO(free_delivers_what_was_queued),
		WITH_TWO(taken_port_and_foreign_key_are_explained),
	};

	return cmocka_run_group_tests(tests, make_pki, remove_pki);
}
