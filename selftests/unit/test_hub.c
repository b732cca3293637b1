// SPDX-License-Identifier: GPL-2.0
/* DOC: hub.c: what happens when things happen, two hubs on one wire */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "selftests/unit/hub_fixture.h"

#define S NSEC_PER_SEC
#define MS NSEC_PER_MSEC

static int link_is(const struct hub_view_link *view, void *arg)
{
	*(struct hub_view_link *)arg = *view;
	return 1;
}

static struct hub_view_link link_of(struct fixture *f, int who)
{
	struct hub_view_link view = {0};

	hub_for_each_link(f->h[who].hub, link_is, &view);
	return view;
}

static int count_hub(const struct hub_view_hub *view, void *arg)
{
	*(int *)arg += view->hops != UINT32_MAX;
	return 0;
}

static int reachable(struct fixture *f, int who)
{
	int n = 0;

	hub_for_each_hub(f->h[who].hub, count_hub, &n);
	return n;
}

static void two_hubs_find_each_other_within_two_seconds(void **state)
{
	struct fixture *f = *state;

	for (int who = 0; who < 2; who++) {
		assert_int_equal(f->h[who].n[EFFECT_LINK_SET], 1);
		assert_int_equal(f->h[who].n[EFFECT_KEY_INSTALL], 2); /* link and seal */
		assert_int_equal(f->h[who].n[EFFECT_KEY_USE], 2);
		assert_int_equal(f->h[who].n_routes, 1);
		assert_true(link_of(f, who).is_up);
		assert_int_equal(reachable(f, who), 2);
	}
	assert_int_equal(f->h[0].n[EFFECT_DIAL], 1); /* the lower id */
	assert_int_equal(f->h[1].n[EFFECT_DIAL], 0);
}

/* By default a hub may use its own addresses of the mesh, from its first sealed frame on. */
static void every_hub_has_a_guard_before_its_first_seal_key(void **state)
{
	struct fixture *f = *state;

	for (int who = 0; who < 2; who++) {
		const struct policy_guard *guard = &f->h[who].guard;

		assert_true(f->h[who].had_guard_at_seal);
		assert_true(guard->checks_addresses && guard->has_scope);
		assert_false(guard->checks_zones);
		assert_int_equal(guard->n_prefixes, 2); /* its IPv4 came with its record */
		assert_memory_equal(&guard->prefixes[0].address[13], &f->h[!who].id.b[3], 3);
	}
}

static struct policy *policy_with_zone(const char *name)
{
	struct policy *policy = policy_new();

	policy->n_zones = 1;
	strcpy(policy->zones[0].name, name);
	policy->zones[0].number = policy_zone_number(name);
	return policy;
}

static void a_new_policy_changes_guards_and_keeps_sessions(void **state)
{
	struct fixture *f = *state;
	struct hub_settings settings = *hub_get_settings(f->h[0].hub);
	unsigned int policies = f->h[0].n[EFFECT_POLICY], closes = f->h[0].n[EFFECT_CLOSE],
		     guards = f->h[0].n[EFFECT_GUARD];
	struct policy *policy = policy_with_zone("shop");

	assert_int_equal(policies, 1);
	settings.policy = policy;
	hub_on_config(f->h[0].hub, f->now, &settings, &f->fx);
	fixture_run(f, 0);
	assert_int_equal(f->h[0].n[EFFECT_POLICY], policies + 1);
	assert_int_equal(f->h[0].n[EFFECT_GUARD], guards + 1);
	assert_true(f->h[0].guard.checks_zones);
	assert_int_equal(f->h[0].guard.n_zones, 1); /* none: not certified */
	/* The same again is nothing new. */
	hub_on_config(f->h[0].hub, f->now, &settings, &f->fx);
	fixture_run(f, 0);
	assert_int_equal(f->h[0].n[EFFECT_POLICY], policies + 1);
	assert_int_equal(f->h[0].n[EFFECT_GUARD], guards + 1);
	assert_int_equal(f->h[0].n[EFFECT_CLOSE], closes);
	free(policy);
}

static void zones_come_from_the_certificate_a_hub_shows(void **state)
{
	struct fixture *f = *state;
	struct policy *policy = policy_with_zone("shop");
	struct hub_settings settings = *hub_get_settings(f->h[0].hub);

	settings.policy = policy;
	hub_on_config(f->h[0].hub, f->now, &settings, &f->fx);
	fixture_run(f, 0);
	assert_int_equal(f->h[0].guard.n_zones, 1);
	/* The other restarts with a certificate that names it. */
	hub_free(f->h[1].hub);
	f->h[1].zones = "office,shop";
	fixture_identity(f, &f->h[1], f->h[1].seed[0]);
	fixture_start(f, 1);
	fixture_pass(f, 30 * S);
	assert_int_equal(f->h[0].guard.n_zones, 2);
	assert_int_equal(f->h[0].guard.zones[1], policy_zone_number("shop"));
	/* And with one that does not any more. */
	hub_free(f->h[1].hub);
	f->h[1].zones = NULL;
	fixture_identity(f, &f->h[1], f->h[1].seed[0]);
	fixture_start(f, 1);
	fixture_pass(f, 30 * S);
	assert_int_equal(f->h[0].guard.n_zones, 1);
	free(policy);
}

static void idle_hubs_are_quiet(void **state)
{
	struct fixture *f = *state;
	unsigned int routes = f->h[0].n[EFFECT_ROUTES], persists;

	fixture_pass(f, 15 * S);
	persists = hub_counters(f->h[0].hub)->messages_out;
	fixture_pass(f, 25 * S);
	assert_int_equal(f->h[0].n[EFFECT_ROUTES], routes);
	assert_true(hub_counters(f->h[0].hub)->messages_out - persists <= 4); /* one digest */
}

/* The kernel of hub 0 speaks. */
static void report_link(struct fixture *f, uint32_t link, enum link_report_state is,
			uint32_t rtt_us, uint32_t frame_max)
{
	const struct link_report report = {is, rtt_us, frame_max};

	hub_on_link_report(f->h[0].hub, f->now, link, &report, &f->fx);
}

static void kernel_down_report_removes_routes_at_once(void **state)
{
	struct fixture *f = *state;

	report_link(f, 1, LINK_REPORT_DOWN, 0, 0);
	fixture_run(f, 0);
	assert_int_equal(f->h[0].n_routes, 0);
	assert_int_equal(reachable(f, 0), 1);
	fixture_pass(f, S);
	assert_int_equal(f->h[1].n_routes, 0); /* by the flooded record */
	report_link(f, 1, LINK_REPORT_UP, 500, 0);
	fixture_run(f, 0);
	fixture_pass(f, S);
	assert_int_equal(f->h[1].n_routes, 1);
}

static void report_for_unknown_link_is_ignored(void **state)
{
	struct fixture *f = *state;

	report_link(f, 99, LINK_REPORT_DOWN, 0, 0);
	assert_int_equal(f->fx.n, 0);
	assert_int_equal(reachable(f, 0), 2);
}

static void lost_session_is_redialled_and_link_stays(void **state)
{
	struct fixture *f = *state;
	unsigned int dels = f->h[0].n[EFFECT_LINK_DEL];

	f->conn[0].is_up = false;
	for (int who = 0; who < 2; who++) {
		hub_on_session_down(f->h[who].hub, f->now, f->conn[0].id[who], -ETIMEDOUT, &f->fx);
		fixture_run(f, who);
	}
	assert_int_equal(f->h[0].n_routes, 1);
	fixture_pass(f, 3 * S);
	assert_int_equal(f->h[0].n[EFFECT_LINK_DEL], dels);
	assert_int_equal(link_of(f, 0).tx_phase, 1); /* a fresh key */
	assert_int_equal(link_of(f, 1).tx_phase, 1);
}

static void rekey_replaces_the_session_and_both_keys(void **state)
{
	struct fixture *f = *state;
	uint64_t session = link_of(f, 0).session;

	fixture_pass(f, 75 * S);
	assert_int_equal(link_of(f, 0).tx_phase, 1);
	assert_int_equal(link_of(f, 1).tx_phase, 1);
	assert_int_not_equal(link_of(f, 0).session, session);
	assert_int_equal(hub_counters(f->h[0].hub)->rekeys, 2);
	assert_int_equal(f->h[0].n_routes, 1);
}

static void goodbye_removes_links_at_once(void **state)
{
	struct fixture *f = *state;

	hub_on_stop(f->h[0].hub, f->now, &f->fx);
	fixture_run(f, 0);
	fixture_settle(f);
	assert_int_equal(f->h[1].n_routes, 0);
	assert_int_equal(f->h[1].n[EFFECT_LINK_DEL], 1);
}

static void restarted_peer_gets_new_keys(void **state)
{
	struct fixture *f = *state;
	unsigned int dels = f->h[1].n[EFFECT_KEY_DEL];

	hub_free(f->h[0].hub);
	f->conn[0].is_up = false;
	fixture_start(f, 0);
	fixture_pass(f, 3 * S);
	assert_true(f->h[1].n[EFFECT_KEY_DEL] >= dels + 2);
	assert_true(link_of(f, 1).is_up);
	assert_int_equal(link_of(f, 0).tx_phase, link_of(f, 1).tx_phase);
	assert_int_equal(reachable(f, 0), 2);
}

static void session_with_ourselves_or_a_stranger_is_refused(void **state)
{
	struct fixture *f = *state;
	struct session_peer peer = {
		.hub = f->h[0].id, .local = f->h[0].address, .remote = f->h[1].address};
	unsigned int closes = f->h[0].n[EFFECT_CLOSE];

	hub_on_session_up(f->h[0].hub, f->now, 5001, &peer, &f->fx);
	fixture_run(f, 0);
	assert_int_equal(f->h[0].n[EFFECT_CLOSE], closes + 1);
	assert_int_equal(hub_counters(f->h[0].hub)->sessions_refused, 1);
}

static void message_before_hello_is_out_of_place(void **state)
{
	struct fixture *f = *state;
	struct session_peer peer = {
		.hub = f->h[1].id, .local = f->h[0].address, .remote = f->h[1].address};

	hub_on_session_up(f->h[0].hub, f->now, 5001, &peer, &f->fx);
	fixture_run(f, 0);
	assert_int_equal(hub_on_message(f->h[0].hub, f->now, 5001, CONTROL_BYE, NULL, 0, &f->fx),
			 -EPROTO);
	assert_int_equal(hub_on_message(f->h[0].hub, f->now, 5001, CONTROL_HELLO,
					(const uint8_t *)"?", 1, &f->fx),
			 -EBADMSG);
	assert_int_equal(hub_counters(f->h[0].hub)->messages_malformed, 1);
	assert_int_equal(hub_counters(f->h[0].hub)->messages_out_of_place, 1);
}

static void forged_record_is_refused_and_counted(void **state)
{
	struct fixture *f = *state;
	struct record record = {.hub = f->h[1].id,
				.boot_epoch = 9,
				.seq = 99,
				.name = "evil",
				.cert = f->h[1].cert,
				.cert_len = f->h[1].cert_len};
	static uint8_t bytes[RECORD_MAX];
	int len = record_encode(&record, f->h[0].seed, f->h[0].pubkey, bytes, sizeof(bytes));

	f->now += S;
	assert_true(len > 0);
	assert_int_equal(hub_on_message(f->h[0].hub, f->now, f->conn[0].id[0], CONTROL_RECORD,
					bytes, len, &f->fx),
			 0);
	assert_int_equal(hub_counters(f->h[0].hub)->records_bad_signature, 1);
	assert_int_equal(reachable(f, 0), 2);
}

static void own_record_of_a_later_life_makes_us_jump_over_it(void **state)
{
	struct fixture *f = *state;
	struct record record = {.hub = f->h[0].id,
				.boot_epoch = 41,
				.seq = 500,
				.name = "me",
				.cert = f->h[0].cert,
				.cert_len = f->h[0].cert_len};
	static uint8_t bytes[RECORD_MAX];
	int len = record_encode(&record, f->h[0].seed, f->h[0].pubkey, bytes, sizeof(bytes));

	assert_int_equal(hub_on_message(f->h[0].hub, f->now, f->conn[0].id[0], CONTROL_RECORD,
					bytes, len, &f->fx),
			 0);
	fixture_run(f, 0);
	assert_int_equal(hub_get_settings(f->h[0].hub)->boot_epoch, 42);
	fixture_pass(f, 5 * S);
	assert_int_equal(reachable(f, 0), 2);
	assert_int_equal(reachable(f, 1), 2);
}

static void without_module_no_kernel_effects_but_a_topology(void **state)
{
	struct fixture *f = fixture_new(false);

	fixture_pass(f, 3 * S);
	assert_int_equal(reachable(f, 0), 2);
	assert_int_equal(f->h[0].n[EFFECT_LINK_SET], 0);
	assert_int_equal(f->h[0].n[EFFECT_KEY_INSTALL], 0);
	assert_int_equal(f->h[0].n[EFFECT_ROUTES], 0);
	fixture_free(f);
}

/* Another start of the second hub, of another kind maybe. */
static void start_again(struct fixture *f, bool has_datapath)
{
	hub_free(f->h[1].hub);
	for (size_t i = 0; i < f->n_conns; i++) {
		if (!f->conn[i].is_up)
			continue;
		f->conn[i].is_up = false;
		hub_on_session_down(f->h[0].hub, f->now, f->conn[i].id[0], -ECONNRESET, &f->fx);
		fixture_run(f, 0);
	}
	f->has_datapath = has_datapath;
	fixture_start(f, 1);
	fixture_pass(f, 5 * S);
}

static int view_of_other(const struct hub_view_hub *view, void *arg)
{
	if (!view->is_self)
		*(struct hub_view_hub *)arg = *view;
	return 0;
}

static struct hub_view_hub other_of(struct fixture *f, int who)
{
	struct hub_view_hub view = {0};

	hub_for_each_hub(f->h[who].hub, view_of_other, &view);
	return view;
}

static int count_route(const struct effect_route *route, uint32_t cost_us, uint32_t hops,
		       bool has_frames, void *arg)
{
	int *n = arg;

	n[0]++;
	n[1] += has_frames;
	return 0;
}

static void hub_with_module_has_a_link_without_frames_to_one_without(void **state)
{
	struct fixture *f = fixture_new(true);
	int routes[2][2] = {0};

	start_again(f, false);
	for (int who = 0; who < 2; who++) {
		struct hub_view_hub other = other_of(f, who);

		assert_true(link_of(f, who).is_up);
		assert_int_equal(reachable(f, who), 2);
		assert_int_equal(other.hops, 1);
		assert_true(other.is_neighbour);
		assert_false(other.has_frames || other.has_seal);
		assert_int_equal(other.datapath,
				 who ? RECORD_DATAPATH_THERE : RECORD_DATAPATH_NONE);
		hub_for_each_route(f->h[who].hub, count_route, routes[who]);
		assert_int_equal(routes[who][0], 1);
		assert_int_equal(routes[who][1], 0);
	}
	/* The kernel of the first hears nothing of it. */
	assert_int_equal(f->h[0].n[EFFECT_LINK_SET], 0);
	assert_int_equal(f->h[0].n[EFFECT_KEY_INSTALL], 0);
	assert_int_equal(f->h[0].n_routes, 0);
	fixture_free(f);
}

static void link_without_frames_lives_as_long_as_its_session(void **state)
{
	struct fixture *f = fixture_new(true);

	start_again(f, false);
	assert_int_equal(reachable(f, 0), 2);
	hub_on_stop(f->h[1].hub, f->now, &f->fx);
	fixture_run(f, 1);
	fixture_settle(f);
	assert_false(link_of(f, 0).is_up);
	assert_int_equal(reachable(f, 0), 1);
	fixture_free(f);
}

static void link_gets_and_loses_frames_with_the_module_of_the_other_end(void **state)
{
	struct fixture *f = *state;

	assert_true(other_of(f, 0).has_frames);
	start_again(f, false);
	assert_true(link_of(f, 0).is_up);
	assert_int_equal(reachable(f, 0), 2);
	assert_false(other_of(f, 0).has_frames);
	assert_int_equal(f->h[0].n[EFFECT_LINK_DEL], 1);
	assert_int_equal(f->h[0].n_routes, 0);
	start_again(f, true);
	assert_true(link_of(f, 0).is_up);
	assert_true(other_of(f, 0).has_frames && other_of(f, 0).has_seal);
	assert_int_equal(other_of(f, 0).datapath, RECORD_DATAPATH_THERE);
	assert_int_equal(f->h[0].n_routes, 1);
	assert_int_equal(f->h[0].n[EFFECT_LINK_SET], 2);
}

static void failed_key_ends_its_session_and_is_tried_anew(void **state)
{
	struct fixture *f = *state;

	hub_on_key_failed(f->h[0].hub, f->now, KEY_OWNER_LINK, 1, NULL, 0, -ENOSPC, &f->fx);
	fixture_run(f, 0);
	assert_false(link_of(f, 0).is_up);
	fixture_pass(f, 5 * S);
	assert_true(link_of(f, 0).is_up);
	assert_int_equal(link_of(f, 0).tx_phase, link_of(f, 1).tx_phase);
}

static void interface_going_takes_its_links_along(void **state)
{
	struct fixture *f = *state;

	hub_on_interface(f->h[0].hub, f->now, FIXTURE_IFINDEX, false, NULL, NULL, 0, &f->fx);
	fixture_run(f, 0);
	assert_int_equal(f->h[0].n_routes, 0);
	assert_int_equal(f->h[0].n[EFFECT_LINK_DEL], 1);
	hub_on_interface(f->h[0].hub, f->now, FIXTURE_IFINDEX, true, NULL, &f->h[0].address, 1,
			 &f->fx);
	fixture_run(f, 0);
	fixture_pass(f, 12 * S);
	assert_int_equal(f->h[0].n_routes, 1);
}

static void hub_is_found_by_name_id_and_address(void **state)
{
	struct fixture *f = *state;
	struct hub_id id;
	char text[HUB_ID_STRLEN];

	assert_int_equal(hub_find(f->h[0].hub, "hub1", &id), 0);
	assert_true(hub_id_equal(&id, &f->h[1].id));
	assert_int_equal(hub_find(f->h[0].hub, hub_id_format(&f->h[1].id, text), &id), 0);
	assert_int_equal(hub_find(f->h[0].hub, "nobody", &id), -ENOENT);
	assert_int_equal(hub_path(f->h[0].hub, &f->h[1].id, &id, 1), -ENOSPC);
}

/* ---- trees and sender keys ---- */

static const struct tree *tree_at(const struct fixture_hub *at, const struct fixture_hub *root)
{
	for (size_t i = 0; i < at->trees->n; i++) {
		if (hub_id_equal(&at->trees->list[i].root, &root->id))
			return &at->trees->list[i];
	}
	return NULL;
}

static void neighbours_exchange_sender_keys(void **state)
{
	struct fixture *f = *state;

	for (int who = 0; who < 2; who++) {
		assert_int_equal(f->h[who].n_sender[EFFECT_KEY_INSTALL], 2); /* ours, theirs */
		assert_int_equal(f->h[who].n_sender[EFFECT_KEY_USE], 2); /* they have it, use it */
		assert_int_equal(f->h[who].n_sender[EFFECT_KEY_DEL], 0);
	}
}

static void rekey_makes_another_sender_key_and_drops_the_old(void **state)
{
	struct fixture *f = *state;

	fixture_pass(f, 90 * S);
	for (int who = 0; who < 2; who++) {
		assert_int_equal(f->h[who].n_sender[EFFECT_KEY_INSTALL], 4);
		assert_int_equal(f->h[who].n_sender[EFFECT_KEY_USE], 4);
		assert_int_equal(f->h[who].n_sender[EFFECT_KEY_DEL], 1); /* ours; theirs lingers */
	}
}

static void sender_key_that_nears_its_limit_is_renewed(void **state)
{
	struct fixture *f = *state;

	hub_on_key_needed(f->h[0].hub, f->now, KEY_OWNER_SENDER, 0, &f->h[0].id, 1, &f->fx);
	fixture_run(f, 0);
	fixture_pass(f, S);
	assert_int_equal(f->h[0].n_sender[EFFECT_KEY_USE], 4);
	assert_int_equal(f->h[1].n_sender[EFFECT_KEY_INSTALL], 3);
}

static int send_sender(struct fixture *f, uint8_t message, uint32_t serial, uint8_t phase,
		       uint32_t cipher)
{
	struct control_sender m = {serial, phase, cipher, "material"};
	uint8_t body[96];
	int len = message == CONTROL_SENDER_KEY
			  ? control_encode_sender_key(&m, body, sizeof(body))
			  : control_encode_sender_have(&m, body, sizeof(body)),
	    r;

	r = hub_on_message(f->h[0].hub, f->now, f->conn[0].id[0], message, body, (size_t)len,
			   &f->fx);
	fixture_run(f, 0);
	return r;
}

static void sender_messages_out_of_place_are_refused(void **state)
{
	struct fixture *f = *state;
	unsigned int installs = f->h[0].n_sender[EFFECT_KEY_INSTALL];
	unsigned int uses = f->h[0].n_sender[EFFECT_KEY_USE];

	assert_int_equal(send_sender(f, CONTROL_SENDER_KEY, 2, 3, 2), -EPROTO); /* phase */
	assert_int_equal(send_sender(f, CONTROL_SENDER_KEY, 2, 2, 9), -EPROTO); /* cipher */
	assert_int_equal(send_sender(f, CONTROL_SENDER_HAVE, 2, 2, 0), -EPROTO); /* not made yet */
	assert_int_equal(send_sender(f, CONTROL_SENDER_HAVE, 1, 2, 0), -EPROTO); /* phase */
	assert_int_equal(send_sender(f, CONTROL_SENDER_HAVE, 1, 1, 0), 0); /* said before */
	assert_int_equal(f->h[0].n_sender[EFFECT_KEY_INSTALL], installs);
	assert_int_equal(f->h[0].n_sender[EFFECT_KEY_USE], uses);
	assert_int_equal(send_sender(f, CONTROL_SENDER_KEY, 2, 2, 2), 0);
	assert_int_equal(f->h[0].n_sender[EFFECT_KEY_INSTALL], installs + 1);
	assert_int_equal(send_sender(f, CONTROL_SENDER_KEY, 3, 3, 2), 0);
	assert_int_equal(f->h[0].n_sender[EFFECT_KEY_DEL], 1); /* two are kept */
}

static void restarted_peer_is_told_the_sender_key_again(void **state)
{
	struct fixture *f = *state;

	hub_free(f->h[1].hub);
	f->conn[0].is_up = false;
	fixture_start(f, 1);
	fixture_pass(f, 3 * S);
	assert_int_equal(f->h[0].n_sender[EFFECT_KEY_DEL], 1); /* all of the peer's */
	assert_int_equal(f->h[0].n_sender[EFFECT_KEY_INSTALL], 3);
	assert_int_equal(f->h[0].n_sender[EFFECT_KEY_USE], 3); /* it has ours again */
}

static void groups_of_records_prune_trees(void **state)
{
	static const uint8_t group[1][6] = {{0x01, 0, 0x5e, 1, 1, 1}};
	struct fixture *f = *state;

	assert_int_equal(tree_at(&f->h[0], &f->h[0])->n_children, 1);
	assert_int_equal(tree_at(&f->h[0], &f->h[1])->n_children, 0);
	assert_true(hub_id_equal(&tree_at(&f->h[0], &f->h[1])->parent, &f->h[1].id));
	hub_on_groups(f->h[0].hub, f->now, 0, group, 1, &f->fx);
	fixture_run(f, 0);
	hub_on_groups(f->h[1].hub, f->now, 0, NULL, 0, &f->fx);
	fixture_run(f, 1);
	fixture_pass(f, 2 * S);
	assert_int_equal(tree_at(&f->h[0], &f->h[0])->n_groups, 1);
	assert_true(tree_at(&f->h[0], &f->h[0])->groups[0].children == 0);
	assert_int_equal(tree_at(&f->h[1], &f->h[1])->n_groups, 0); /* who wants it gets it */
	hub_on_groups(f->h[1].hub, f->now, RECORD_GROUPS_ALL4, NULL, 0, &f->fx);
	fixture_run(f, 1);
	fixture_pass(f, 2 * S);
	assert_int_equal(tree_at(&f->h[0], &f->h[0])->n_groups, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup_pair, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(two_hubs_find_each_other_within_two_seconds),
		T(every_hub_has_a_guard_before_its_first_seal_key),
		T(a_new_policy_changes_guards_and_keeps_sessions),
		T(zones_come_from_the_certificate_a_hub_shows),
		T(idle_hubs_are_quiet),
		T(kernel_down_report_removes_routes_at_once),
		T(report_for_unknown_link_is_ignored),
		T(lost_session_is_redialled_and_link_stays),
		T(rekey_replaces_the_session_and_both_keys),
		T(goodbye_removes_links_at_once),
		T(restarted_peer_gets_new_keys),
		T(session_with_ourselves_or_a_stranger_is_refused),
		T(message_before_hello_is_out_of_place),
		T(forged_record_is_refused_and_counted),
		T(own_record_of_a_later_life_makes_us_jump_over_it),
		cmocka_unit_test(without_module_no_kernel_effects_but_a_topology),
		cmocka_unit_test(hub_with_module_has_a_link_without_frames_to_one_without),
		cmocka_unit_test(link_without_frames_lives_as_long_as_its_session),
		T(link_gets_and_loses_frames_with_the_module_of_the_other_end),
		T(failed_key_ends_its_session_and_is_tried_anew),
		T(interface_going_takes_its_links_along),
		T(hub_is_found_by_name_id_and_address),
		T(neighbours_exchange_sender_keys),
		T(rekey_makes_another_sender_key_and_drops_the_old),
		T(sender_key_that_nears_its_limit_is_renewed),
		T(sender_messages_out_of_place_are_refused),
		T(restarted_peer_is_told_the_sender_key_again),
		T(groups_of_records_prune_trees),
	};

	return cmocka_run_group_tests_name("hub", tests, NULL, NULL);
}
