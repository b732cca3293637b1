// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: revocations: a hub is revoked while there is trouble
 *
 * With fault "revoke" three lists are put on three hubs at three moments of the
 * trouble, the first of them with a hub of the mesh on it.  When all is mended
 * every other hub must have the last list, know nothing of the revoked one,
 * not in its tables and not in its kernel, and all others.
 */
#include <string.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "daemon/trust/trust.h"
#include "selftests/sim/sim.h"

#define N_LISTS 3
#define ISSUED_S 1700000500

void revocations_begin(struct sim *sim)
{
	uint64_t trouble_ns = sim->options.seconds * NSEC_PER_SEC;

	sim->revoked = -1;
	if (!sim->options.has_revoke)
		return;
	for (int i = 1; i <= N_LISTS; i++)
		sim_schedule(sim, trouble_ns * (uint64_t)i / (N_LISTS + 1),
			     (struct sim_event){.kind = SIM_REVOKE});
}

static size_t make_list(const struct sim *sim, uint8_t *der)
{
	struct crl_entry entries[N_LISTS];
	struct crl_content content = {
		.number = sim->list_number,
		.this_update_s = ISSUED_S,
		.next_update_s = ISSUED_S,
		.entries = entries,
		.n_entries = sim->list_number,
	};
	uint8_t serial[N_LISTS] = {1, 2, 3};
	struct cert root;
	int len;

	if (cert_parse(sim->root, sim->root_len, &root) < 0)
		return 0;
	content.issuer = root.subject;
	memcpy(content.issuer_pubkey, root.pubkey, sizeof(root.pubkey));
	entries[0] = (struct crl_entry){
		.is_hub = true, .hub = sim->nodes[sim->revoked].id, .revoked_s = ISSUED_S};
	for (size_t i = 1; i < sim->list_number; i++) /* certificates nobody has */
		entries[i] = (struct crl_entry){.serial = {&serial[i], 1}, .revoked_s = ISSUED_S};
	len = crl_write(&content, sim->root_seed, der, CRL_MAX);
	return len > 0 ? (size_t)len : 0;
}

void revocations_on_event(struct sim *sim)
{
	struct sim_node *node = &sim->nodes[prng_below(&sim->rng, sim->n_nodes)];
	uint8_t der[CRL_MAX];

	if (sim->revoked < 0)
		sim->revoked = (int)prng_below(&sim->rng, sim->n_nodes);
	if (!node->is_alive || node->index == sim->revoked) { /* somewhere else, soon */
		sim_schedule(sim, sim->now_ns + NSEC_PER_MSEC,
			     (struct sim_event){.kind = SIM_REVOKE});
		return;
	}
	sim->list_number++;
	sim->listed_ns = sim->now_ns;
	sim_trace(sim, node->index, "list %llu revokes n%d", (unsigned long long)sim->list_number,
		  sim->revoked);
	if (hub_on_revocations(node->hub, node_clock(sim, node), der, make_list(sim, der),
			       &sim->fx))
		sim_fail(sim, "n%d does not take list %llu", node->index,
			 (unsigned long long)sim->list_number);
	node_run_effects(sim, node);
}

void revocations_keep(struct sim *sim, struct sim_node *node, const struct effect *effect)
{
	free(node->list);
	node->list = xmemdup(effect->revocations.bytes, effect->revocations.len);
	node->list_len = effect->revocations.len;
	sim->spread_ns = sim->now_ns - sim->listed_ns;
}

void revocations_restore(struct sim_node *node, struct trust *trust)
{
	const struct trust_list *list;

	if (node->list)
		trust_add_revocations(trust, node->list, node->list_len, &list);
}

struct seen {
	const struct sim *sim;
	int n;
	bool has_revoked;
};

static int note_hub(const struct hub_view_hub *view, void *arg)
{
	struct seen *seen = arg;

	seen->has_revoked |= node_by_id(seen->sim, &view->id) == seen->sim->revoked;
	seen->n += view->hops != UINT32_MAX;
	return 0;
}

static int note_session(const struct hub_view_session *view, void *arg)
{
	struct seen *seen = arg;

	seen->has_revoked |= view->is_up &&
			     node_by_id(seen->sim, &view->peer) == seen->sim->revoked;
	return 0;
}

static const char *objection_to(const struct sim *sim, const struct sim_node *node)
{
	const struct trust_list *list = trust_list_at(hub_get_trust(node->hub), 0);
	struct seen seen = {.sim = sim};

	if (!list || list->crl.number != sim->list_number)
		return "lacks the last list";
	hub_for_each_session(node->hub, note_session, &seen);
	if (seen.has_revoked)
		return "has a session with the revoked one";
	hub_for_each_hub(node->hub, note_hub, &seen);
	if (seen.has_revoked)
		return "knows the revoked one";
	if (node->knows[sim->revoked])
		return "has the revoked one in its kernel";
	for (size_t i = 1; i < node->n_links; i++)
		if (node->links[i].exists && node->links[i].peer == sim->revoked)
			return "has a link to the revoked one";
	return seen.n == sim->n_nodes - 1 ? NULL : "does not see all the others";
}

bool revocations_converged(const struct sim *sim, char *why, size_t size)
{
	for (int i = 0; i < sim->n_nodes; i++) {
		const struct sim_node *node = &sim->nodes[i];
		const char *objection;

		if (i == sim->revoked)
			continue;
		objection = node->is_alive ? objection_to(sim, node) : "is not alive";
		if (objection) {
			snprintf(why, size, "n%d %s", i, objection);
			return false;
		}
	}
	return true;
}
