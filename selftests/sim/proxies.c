// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: proxies: can every hub's programs reach every hub's services?
 *
 * Asks every hub where another's proxy is, as its trunks would, and goes there: by a frame
 * to a mesh address, by a wire to the address at its other end, or through the hubs that are
 * named as relays, which are asked in their turn until one of them leads there.
 */
#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "selftests/sim/sim.h"

#define SPARE 2 /* relays more than the topology knows of, as in daemon/proxy/relay.h */

/* Return: 0 something listens there that is @to's; -EHOSTUNREACH none is known; else what is wrong. */
static int go_to(struct sim *sim, int from, int to, const char **why)
{
	const struct sim_node *node = &sim->nodes[from];
	struct endpoint at;
	uint64_t delay;
	int r = hub_find_proxy(node->hub, &sim->nodes[to].id, &at);

	if (r == -EHOSTUNREACH)
		return r;
	*why = r ? "its proxy is not known" : "the address is not its own";
	if (r || at.port != SIM_PROXY_PORT)
		return -EINVAL;
	if (at.family == AF_INET6) {
		*why = "no frame gets to the mesh address";
		return IN6_ARE_ADDR_EQUAL(&at.addr6, &sim->nodes[to].ula) &&
				       kernel_walk(sim, from, to, &delay) >= 0
			       ? 0
			       : -EINVAL;
	}
	for (int i = 0; i < node->n_edges; i++) {
		int edge = node->edges[i];

		for (int side = 0; side < 2; side++)
			if (sim->edges[edge].node[side] == to &&
			    edge_address(sim, edge, side).addr4.s_addr == at.addr4.s_addr)
				return 0;
	}
	return -EINVAL;
}

/* @asker: never asked in its turn, -1 none; @left: hubs that may lie between. */
static bool reach(struct sim *sim, int asker, int from, int to, uint32_t left, const char **why)
{
	struct hub_relays relays;
	bool is_reached = false;
	int r = go_to(sim, from, to, why);

	if (r != -EHOSTUNREACH)
		return r == 0;
	hub_find_relays(sim->nodes[from].hub, &sim->nodes[to].id, &relays);
	if (asker < 0)
		left = relays.hops - 1 + SPARE;
	*why = "nobody would carry a trunk there";
	for (size_t i = 0; left > 0 && i < relays.n && !is_reached; i++) {
		int relay = node_by_id(sim, &relays.list[i]);

		if (relay == asker)
			continue;
		if (go_to(sim, from, relay, why) != 0)
			return false;
		is_reached = reach(sim, from, relay, to, left - 1, why);
	}
	return is_reached;
}

bool proxies_check(struct sim *sim, char *why, size_t size)
{
	for (int i = 0; i < sim->n_nodes; i++) {
		for (int j = 0; j < sim->n_nodes; j++) {
			const char *objection = "";

			if (i == j || reach(sim, -1, i, j, 0, &objection))
				continue;
			snprintf(why, size, "programs of n%d do not reach services of n%d: %s", i,
				 j, objection);
			return false;
		}
	}
	return true;
}
