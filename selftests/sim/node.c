// SPDX-License-Identifier: GPL-2.0
/* DOC: node: the shell of one simulated machine */
#include <stdlib.h>
#include <errno.h>

#include "daemon/lib/ed25519.h"
#include "daemon/lib/memory.h"
#include "daemon/trust/issue.h"
#include "daemon/trust/trust.h"
#include "selftests/sim/sim.h"

#define IPV4_POOL 0x0a4d0000u /* 10.77.0.0 */

void node_make_identity(struct sim *sim, struct sim_node *node)
{
	struct issue_hub issue = {.root_der = sim->root,
				  .root_der_len = sim->root_len,
				  .not_before_s = 1700000000,
				  .not_after_s = 1700000000 + 397ll * 86400};
	uint8_t pubkey[HUB_PUBKEY_LEN];
	char name[32];
	int len;

	for (size_t i = 0; i < sizeof(node->seed); i++)
		node->seed[i] = prng_next(&sim->rng);
	ed25519_public_key(node->seed, pubkey);
	node->id = hub_id_from_pubkey(pubkey);
	snprintf(name, sizeof(name), "n%d", node->index);
	issue.name = name;
	memcpy(issue.root_seed, sim->root_seed, sizeof(issue.root_seed));
	memcpy(issue.pubkey, pubkey, sizeof(pubkey));
	memset(issue.serial, 0x22, sizeof(issue.serial));
	memcpy(issue.serial + 1, node->id.b, HUB_ID_LEN);
	len = issue_hub(&issue, node->cert, sizeof(node->cert));
	if (len < 0)
		sim_fail(sim, "issue_hub: %d", len);
	else
		node->cert_len = len;
}

int node_by_id(const struct sim *sim, const struct hub_id *id)
{
	for (int i = 0; i < sim->n_nodes; i++) {
		if (hub_id_equal(&sim->nodes[i].id, id))
			return i;
	}
	return -1;
}

/* Tight, so that claims collide. */
static uint8_t pool_prefix_len(int n_hubs)
{
	uint8_t len = 30;

	while ((1 << (32 - len)) - 2 < n_hubs + n_hubs / 4)
		len--;
	return len;
}

static void fill_settings(const struct sim *sim, struct sim_node *node, struct hub_settings *s)
{
	*s = (struct hub_settings){
		.id = node->id,
		.cert_der = node->cert,
		.cert_der_len = node->cert_len,
		.mesh = "sim",
		.boot_epoch = ++node->disk[PERSIST_BOOT_EPOCH],
		.lsr_seq = node->disk[PERSIST_LSR_SEQ],
		.control_port = SIM_CONTROL_PORT,
		.data_port = SIM_DATA_PORT,
		.ipv4_pool = IPV4_POOL,
		.ipv4_pool_prefix_len = pool_prefix_len(sim->n_nodes),
		.ipv4_last = node->disk[PERSIST_IPV4],
		.beacon_interval_min_ms = 250,
		.beacon_interval_max_ms = 8000,
		.rekey_after_ms = sim->options.has_rekey ? 25000 : 3600000,
		.session_idle_ms = 40000, /* a session may outlive its key */
		.has_datapath = node->has_module,
		.proxy_port = SIM_PROXY_PORT,
		.seed = sim->options.seed ^ (uint64_t)node->index << 32 ^ node->life,
	};
	memcpy(s->private_key, node->seed, sizeof(s->private_key));
	memcpy(s->sender_secret, node->seed, sizeof(s->sender_secret));
	s->sender_secret[0] ^= (uint8_t)node->life; /* another at each start */
	s->sender_secret[1] ^= (uint8_t)(node->life >> 8);
	snprintf(s->name, sizeof(s->name), "n%d", node->index);
}

void node_start(struct sim *sim, struct sim_node *node)
{
	struct trust *trust;
	struct hub_settings settings;

	if (node->is_alive)
		return;
	node->is_alive = true;
	node->life++;
	node->started_ns = sim->now_ns;
	node->timer = NEVER;
	kernel_reset(sim, node);
	sim_trace(sim, node->index, "start life=%u", node->life);
	trust = trust_new("sim");
	trust_add_root(trust, sim->root, sim->root_len);
	revocations_restore(node, trust);
	fill_settings(sim, node, &settings);
	node->hub = hub_new(&settings, trust);
	hub_on_clock(node->hub, node_clock(sim, node), 1700000000 + 1000);
	services_start(sim, node);
	hub_on_start(node->hub, node_clock(sim, node), &sim->fx);
	hub_on_groups(node->hub, node_clock(sim, node), 0, &sim_group, node->index % 2 ? 1 : 0,
		      &sim->fx);
	node_run_effects(sim, node);
	for (int i = 0; i < node->n_edges; i++) {
		int e = node->edges[i], side = sim->edges[e].node[1] == node->index;
		struct endpoint address = edge_address(sim, e, side);

		hub_on_interface(node->hub, node_clock(sim, node), edge_ifindex(e), true, NULL,
				 &address, 1, &sim->fx);
		node_run_effects(sim, node);
	}
}

void node_crash(struct sim *sim, struct sim_node *node)
{
	if (!node->is_alive)
		return;
	sim_trace(sim, node->index, "crash");
	node->is_alive = false;
	hub_free(node->hub);
	node->hub = NULL;
	kernel_reset(sim, node);
}

void node_stop(struct sim *sim, struct sim_node *node)
{
	if (!node->is_alive)
		return;
	sim_trace(sim, node->index, "stop");
	hub_on_stop(node->hub, node_clock(sim, node), &sim->fx);
	node_run_effects(sim, node);
	for (size_t i = 0; i < sim->n_conns; i++) {
		struct sim_conn *conn = sim->conns[i];

		for (int s = 0; conn && s < 2; s++) {
			if (conn->node[s] == node->index && conn->is_open[s])
				net_close(sim, node, conn->session[s]);
		}
	}
	node_crash(sim, node);
}

static void persist(struct sim *sim, struct sim_node *node, const struct effect *effect)
{
	if (effect->persist.key == PERSIST_LSR_SEQ &&
	    effect->persist.value <= node->disk[PERSIST_LSR_SEQ])
		sim_fail(sim, "n%d announces sequence %llu again", node->index,
			 (unsigned long long)effect->persist.value);
	node->disk[effect->persist.key] = effect->persist.value;
}

static void run_effect(struct sim *sim, struct sim_node *node, const struct effect *effect)
{
	switch (effect->kind) {
	case EFFECT_BEACON_SEND:
		net_beacon(sim, node, effect);
		break;
	case EFFECT_DIAL:
		net_dial(sim, node, effect);
		break;
	case EFFECT_CLOSE:
		sim_trace(sim, node->index, "close session=%llu reason=\"%s\"",
			  (unsigned long long)effect->close.session, effect->close.reason);
		net_close(sim, node, effect->close.session);
		break;
	case EFFECT_SEND:
		net_send(sim, node, effect);
		break;
	case EFFECT_PERSIST:
		persist(sim, node, effect);
		break;
	case EFFECT_LOG:
		sim_trace(sim, node->index, "log class=%d %s", effect->log.class, effect->log.text);
		if (effect->log.class == LOG_CLASS_BUG)
			sim_fail(sim, "n%d logs a bug: %s", node->index, effect->log.text);
		break;
	case EFFECT_BLOB_KEEP:
	case EFFECT_BLOB_FORGET:
		break; /* a crash loses the cache: everything is pulled again */
	case EFFECT_VERSIONS:
		versions_keep(node);
		break;
	case EFFECT_REVOCATIONS:
		revocations_keep(sim, node, effect);
		break;
	case EFFECT_ADDRESSES:
		node->ula = effect->addresses.ula;
		break;
	default:
		kernel_effect(sim, node, effect);
	}
}

void node_run_effects(struct sim *sim, struct sim_node *node)
{
	uint64_t deadline, wait, clock = node_clock(sim, node);

	for (size_t i = 0; i < sim->fx.n; i++) {
		sim->sent_by_kind[sim->fx.list[i].kind]++;
		run_effect(sim, node, &sim->fx.list[i]);
	}
	effects_clear(&sim->fx);
	deadline = hub_next_deadline(node->hub);
	if (deadline == NEVER)
		return;
	wait = deadline > clock ? deadline - clock : 0;
	wait = sim->now_ns + wait + wait / 50 + 1000; /* drift: never early */
	if (wait < node->timer) {
		node->timer = wait;
		sim_schedule(sim, wait,
			     (struct sim_event){
				     .kind = SIM_TIMER, .node = node->index, .a = node->life});
	}
}
