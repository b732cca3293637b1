/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: hub_fixture: two real hubs on one wire, carried by hand
 *
 * For tests that speak to hub.c event by event.  fixture_settle() moves
 * beacons, dials and messages between the two until nothing is in flight;
 * everything a hub asked for is counted by kind.
 */
#ifndef UNIT_HUB_FIXTURE_H
#define UNIT_HUB_FIXTURE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>

#include "daemon/hub/hub.h"
#include "daemon/lib/ed25519.h"
#include "daemon/lib/memory.h"
#include "daemon/lib/prng.h"
#include "daemon/routing/tree.h"
#include "daemon/trust/issue.h"
#include "daemon/trust/trust.h"
#include "daemon/wire/control.h"
#include "daemon/wire/record.h"

#define FIXTURE_QUEUE_MAX 4096
#define FIXTURE_IFINDEX 7
#define FIXTURE_NOT_BEFORE 1700000000

struct fixture_hub {
	struct hub *hub;
	struct hub_id id;
	uint8_t seed[32], pubkey[32], cert[2048];
	size_t cert_len;
	struct endpoint address;
	uint64_t boot_epoch;
	unsigned int n[EFFECT_LOG + 1]; /* effects by kind, those on sender keys left out */
	unsigned int n_sender[EFFECT_LOG + 1]; /* those */
	struct trees *trees; /* of the last set */
	struct effect_route route; /* first of the last set */
	struct effect link_set; /* the last one */
	size_t n_routes;
	uint64_t last_session;
	const char *zones; /* of its certificate */
	struct policy_guard guard; /* last one */
	bool had_guard_at_seal; /* before the first seal key */
	struct policy *policy;
};

struct fixture_item {
	int to;
	struct effect effect; /* owns its bytes */
	uint64_t session;
};

struct fixture {
	uint64_t now;
	bool has_datapath, drops_messages;
	bool cannot_dial[2]; /* behind a NAT: what it dials fails */
	struct fixture_hub h[2]; /* [0] has the lower id */
	uint8_t root_seed[32], root[2048];
	size_t root_len;
	struct fixture_item queue[FIXTURE_QUEUE_MAX];
	size_t n_queue;
	struct {
		uint64_t id[2];
		bool is_up;
	} conn[256];
	size_t n_conns;
	struct effects fx;
};

static inline void fixture_identity(struct fixture *f, struct fixture_hub *h, uint8_t byte)
{
	struct issue_hub issue = {.root_der = f->root,
				  .root_der_len = f->root_len,
				  .name = "x",
				  .zones = h->zones,
				  .not_before_s = FIXTURE_NOT_BEFORE,
				  .not_after_s = FIXTURE_NOT_BEFORE + 86400 * 300};
	int len;

	memset(h->seed, byte, sizeof(h->seed));
	ed25519_public_key(h->seed, h->pubkey);
	h->id = hub_id_from_pubkey(h->pubkey);
	memcpy(issue.root_seed, f->root_seed, sizeof(issue.root_seed));
	memcpy(issue.pubkey, h->pubkey, sizeof(issue.pubkey));
	memset(issue.serial, byte, sizeof(issue.serial));
	issue.serial[0] &= 0x7f;
	len = issue_hub(&issue, h->cert, sizeof(h->cert));
	if (len < 0)
		abort();
	h->cert_len = len;
}

static inline void fixture_run(struct fixture *f, int who)
{
	struct fixture_hub *h = &f->h[who];

	for (size_t i = 0; i < f->fx.n; i++) {
		struct effect *e = &f->fx.list[i];

		if (e->kind >= EFFECT_KEY_INSTALL && e->kind <= EFFECT_KEY_DEL &&
		    e->key.owner == KEY_OWNER_SENDER)
			h->n_sender[e->kind]++;
		else
			h->n[e->kind]++;
		if (e->kind == EFFECT_LINK_SET)
			h->link_set = *e;
		if (e->kind == EFFECT_ROUTES) {
			trees_fini(h->trees);
			free(h->trees);
			h->trees = e->routes.trees;
			e->routes.trees = NULL;
			h->n_routes = e->routes.n_routes;
			if (h->n_routes)
				h->route = e->routes.routes[0];
		}
		if (e->kind == EFFECT_GUARD)
			memcpy(&h->guard, &e->guard.guard, sizeof(h->guard));
		if (e->kind == EFFECT_KEY_INSTALL && e->key.owner == KEY_OWNER_SEAL &&
		    h->n[EFFECT_GUARD])
			h->had_guard_at_seal = true;
		if (e->kind != EFFECT_BEACON_SEND && e->kind != EFFECT_DIAL &&
		    e->kind != EFFECT_SEND && e->kind != EFFECT_CLOSE)
			continue;
		if (f->n_queue == FIXTURE_QUEUE_MAX)
			abort();
		f->queue[f->n_queue++] = (struct fixture_item){.to = !who, .effect = *e};
		if (e->kind == EFFECT_BEACON_SEND || e->kind == EFFECT_SEND)
			e->kind = EFFECT_PERSIST; /* bytes moved to the queue */
	}
	effects_clear(&f->fx);
}

static inline void fixture_start(struct fixture *f, int who)
{
	struct fixture_hub *h = &f->h[who];
	struct hub_settings s = {.id = h->id,
				 .cert_der = h->cert,
				 .cert_der_len = h->cert_len,
				 .mesh = "fixture",
				 .boot_epoch = ++h->boot_epoch,
				 .control_port = 4878,
				 .data_port = 4877,
				 .ipv4_pool = 0x0a4d0000,
				 .ipv4_pool_prefix_len = 24,
				 .beacon_interval_min_ms = 250,
				 .beacon_interval_max_ms = 4000,
				 .rekey_after_ms = 60000,
				 .session_idle_ms = 15000,
				 .has_datapath = f->has_datapath,
				 .policy = h->policy,
				 .seed = who};
	struct trust *trust = trust_new("fixture");

	memcpy(s.private_key, h->seed, sizeof(s.private_key));
	memcpy(s.sender_secret, h->seed, sizeof(s.sender_secret));
	snprintf(s.name, sizeof(s.name), "hub%d", who);
	trust_add_root(trust, f->root, f->root_len);
	h->hub = hub_new(&s, trust);
	h->address = (struct endpoint){.family = AF_INET, .ifindex = FIXTURE_IFINDEX};
	h->address.addr4.s_addr = htonl(0xc0a80001u + who);
	hub_on_start(h->hub, f->now, &f->fx);
	hub_on_interface(h->hub, f->now, FIXTURE_IFINDEX, true, NULL, &h->address, 1, &f->fx);
	fixture_run(f, who);
}

static inline struct fixture *fixture_new(bool has_datapath)
{
	struct issue_root root = {.mesh = "fixture",
				  .not_before_s = FIXTURE_NOT_BEFORE,
				  .not_after_s = FIXTURE_NOT_BEFORE + 86400 * 3000};
	struct fixture *f = xnew(struct fixture);
	int len;

	f->now = NSEC_PER_SEC;
	f->has_datapath = has_datapath;
	memset(root.seed, 9, sizeof(root.seed));
	memset(root.serial, 1, sizeof(root.serial));
	memcpy(f->root_seed, root.seed, sizeof(root.seed));
	len = issue_root(&root, f->root, sizeof(f->root));
	if (len < 0)
		abort();
	f->root_len = len;
	fixture_identity(f, &f->h[0], 1);
	fixture_identity(f, &f->h[1], 2);
	if (hub_id_cmp(&f->h[0].id, &f->h[1].id) > 0) {
		struct fixture_hub swap = f->h[0];

		f->h[0] = f->h[1];
		f->h[1] = swap;
	}
	fixture_start(f, 0);
	fixture_start(f, 1);
	return f;
}

static inline void fixture_free(struct fixture *f)
{
	for (size_t i = 0; i < f->n_queue; i++) {
		if (f->queue[i].effect.kind == EFFECT_BEACON_SEND)
			free(f->queue[i].effect.beacon_send.bytes);
		if (f->queue[i].effect.kind == EFFECT_SEND)
			free(f->queue[i].effect.send.body);
	}
	for (int who = 0; who < 2; who++) {
		trees_fini(f->h[who].trees);
		free(f->h[who].trees);
		hub_free(f->h[who].hub);
	}
	effects_fini(&f->fx);
	free(f);
}

static inline void fixture_up(struct fixture *f, int who, uint64_t session, bool is_client)
{
	struct fixture_hub *h = &f->h[who], *other = &f->h[!who];
	struct session_peer peer = {.hub = other->id,
				    .cert_der = other->cert,
				    .cert_der_len = other->cert_len,
				    .local = h->address,
				    .remote = other->address,
				    .is_client = is_client};

	if (is_client)
		peer.remote.port = 4878;
	h->last_session = session;
	hub_on_session_up(h->hub, f->now, session, &peer, &f->fx);
	fixture_run(f, who);
}

static inline int fixture_conn_of(struct fixture *f, int who, uint64_t session)
{
	for (size_t i = 0; i < f->n_conns; i++) {
		if (f->conn[i].is_up && f->conn[i].id[who] == session)
			return i;
	}
	return -1;
}

/* Only where the other hub is does anybody answer. */
static inline bool fixture_dial_arrives(const struct fixture *f, int who, const struct effect *e)
{
	const struct endpoint *at = &f->h[!who].address;

	if (f->cannot_dial[who])
		return false;
	return e->dial.over_mesh ||
	       (e->dial.to.family == at->family && e->dial.to.addr4.s_addr == at->addr4.s_addr);
}

static inline void fixture_carry(struct fixture *f, struct fixture_item *item)
{
	struct effect *e = &item->effect;
	int to = item->to, c;
	struct endpoint from = f->h[!to].address;

	if (e->kind == EFFECT_BEACON_SEND) {
		from.port = 4878;
		hub_on_beacon(f->h[to].hub, f->now, &from, e->beacon_send.bytes, e->beacon_send.len,
			      &f->fx);
		free(e->beacon_send.bytes);
	} else if (e->kind == EFFECT_DIAL && !fixture_dial_arrives(f, !to, e)) {
		hub_on_session_down(f->h[!to].hub, f->now, e->dial.session, -ECONNREFUSED, &f->fx);
		fixture_run(f, !to);
		return;
	} else if (e->kind == EFFECT_DIAL && f->n_conns < 256) {
		c = f->n_conns++;
		f->conn[c].is_up = true;
		f->conn[c].id[!to] = e->dial.session;
		f->conn[c].id[to] = 1001 + 2 * c;
		fixture_up(f, !to, e->dial.session, true);
		fixture_up(f, to, f->conn[c].id[to], false);
		return;
	} else if (e->kind == EFFECT_SEND) {
		c = fixture_conn_of(f, !to, e->send.session);
		if (c >= 0 && !f->drops_messages)
			hub_on_message(f->h[to].hub, f->now, f->conn[c].id[to], e->send.message,
				       e->send.body, e->send.len, &f->fx);
		free(e->send.body);
	} else if (e->kind == EFFECT_CLOSE) {
		c = fixture_conn_of(f, !to, e->close.session);
		if (c >= 0) {
			f->conn[c].is_up = false;
			hub_on_session_down(f->h[to].hub, f->now, f->conn[c].id[to], 0, &f->fx);
		}
	}
	fixture_run(f, to);
}

/* Let everything in flight arrive; no time passes. */
static inline void fixture_settle(struct fixture *f)
{
	for (int i = 0; f->n_queue > 0 && i < 100000; i++) {
		struct fixture_item item = f->queue[0];

		memmove(&f->queue[0], &f->queue[1], --f->n_queue * sizeof(item));
		fixture_carry(f, &item);
	}
}

/* Let @ns pass, running timers when they are due. */
static inline void fixture_pass(struct fixture *f, uint64_t ns)
{
	uint64_t end = f->now + ns;

	fixture_settle(f);
	for (int guard = 0; guard < 100000; guard++) {
		uint64_t at =
			earlier(hub_next_deadline(f->h[0].hub), hub_next_deadline(f->h[1].hub));

		if (at > end)
			break;
		f->now = at > f->now ? at : f->now;
		for (int who = 0; who < 2; who++) {
			hub_on_timer(f->h[who].hub, f->now, &f->fx);
			fixture_run(f, who);
		}
		fixture_settle(f);
	}
	f->now = end;
}

/** fixture_setup_pair() - For cmocka: two hubs on one wire, which know each other. */
static inline int fixture_setup_pair(void **state)
{
	*state = fixture_new(true);
	fixture_pass(*state, 2 * NSEC_PER_SEC);
	return 0;
}

static inline int fixture_teardown(void **state)
{
	fixture_free(*state);
	return 0;
}

#endif
