// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: check: is the mesh what it should be?
 *
 * The truth comes from the world (which wires are up, which machines live)
 * and an independent Floyd-Warshall, not from the rooms' own algorithms.
 */
#include <stdlib.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "selftests/sim/sim.h"

#define FAR (UINT64_MAX / 4)

struct costs {
	const struct sim *sim;
	int node;
	bool is_framed; /* links that frames go over only */
	uint64_t *cost; /* announced, directed, n x n */
};

static int note_link(const struct hub_view_link *view, void *arg)
{
	struct costs *c = arg;
	int peer = node_by_id(c->sim, &view->peer);
	uint64_t *slot = &c->cost[c->node * c->sim->n_nodes + peer];

	if (c->is_framed && !(c->sim->nodes[c->node].has_module && c->sim->nodes[peer].has_module))
		return 0;
	if (view->is_up && view->cost_us < *slot)
		*slot = view->cost_us;
	return 0;
}

/* Distances by Floyd-Warshall over links both ends have. */
static void distances(const struct sim *sim, bool is_framed, uint64_t *d)
{
	int n = sim->n_nodes;
	_cleanup_free_ uint64_t *cost = xnew_array(uint64_t, (size_t)n * n);

	for (int i = 0; i < n * n; i++)
		cost[i] = FAR;
	for (int i = 0; i < n; i++) {
		struct costs c = {sim, i, is_framed, cost};

		if (sim->nodes[i].is_alive)
			hub_for_each_link(sim->nodes[i].hub, note_link, &c);
	}
	for (int i = 0; i < n; i++) {
		for (int j = 0; j < n; j++) {
			uint64_t a = cost[i * n + j], b = cost[j * n + i];

			d[i * n + j] = i == j ? 0 : a == FAR || b == FAR ? FAR : a > b ? a : b;
		}
	}
	for (int k = 0; k < n; k++) {
		for (int i = 0; i < n; i++) {
			for (int j = 0; j < n; j++) {
				uint64_t via = d[i * n + k] + d[k * n + j];

				if (via < d[i * n + j])
					d[i * n + j] = via;
			}
		}
	}
}

struct seen {
	const struct sim *sim;
	int node, n;
	const uint64_t *distance; /* over all links */
	const uint64_t *framed; /* over those for frames */
	uint32_t *ipv4; /* by node, as this node sees it */
	char why[128];
};

static int compare_hub(const struct hub_view_hub *view, void *arg)
{
	struct seen *seen = arg;
	int to = node_by_id(seen->sim, &view->id);
	bool has_frames = sim_has_frames(seen->sim, seen->node, to);
	uint64_t want =
		(has_frames ? seen->framed : seen->distance)[seen->node * seen->sim->n_nodes + to];

	if (view->hops == UINT32_MAX || (to != seen->node && view->cost_us != want)) {
		snprintf(seen->why, sizeof(seen->why), "n%d to n%d: cost %u, shortest %llu",
			 seen->node, to, view->hops == UINT32_MAX ? 0 : view->cost_us,
			 (unsigned long long)want);
		return 1;
	}
	if (view->has_frames != has_frames ||
	    (view->datapath == RECORD_DATAPATH_THERE) != seen->sim->nodes[to].has_module) {
		snprintf(seen->why, sizeof(seen->why), "n%d to n%d: frames %d, should be %d",
			 seen->node, to, view->has_frames, has_frames);
		return 1;
	}
	if (view->lsr_seq != seen->sim->nodes[to].disk[PERSIST_LSR_SEQ]) {
		snprintf(seen->why, sizeof(seen->why), "n%d holds an old record of n%d", seen->node,
			 to);
		return 1;
	}
	seen->ipv4[to] = view->ipv4.s_addr;
	seen->n++;
	return 0;
}

static bool has_duplicate_ipv4(const struct seen *seen, int n)
{
	for (int i = 0; i < n; i++) {
		for (int j = i + 1; j < n; j++) {
			if (!seen->ipv4[i] || seen->ipv4[i] == seen->ipv4[j])
				return true;
		}
	}
	return false;
}

/* Each hub's address, as its own record says, leads to it in the kernel. */
static bool has_wrong_neighbour(const struct seen *seen)
{
	const struct sim_node *node = &seen->sim->nodes[seen->node];

	for (int i = 0; i < seen->sim->n_nodes; i++) {
		uint32_t want = sim_has_frames(seen->sim, seen->node, i) ? seen->ipv4[i] : 0;

		if (i != seen->node && node->neighbour[i] != want)
			return true;
	}
	return false;
}

struct wire {
	int edge;
	bool is_found;
};

static int find_wire(const struct hub_view_link *view, void *arg)
{
	struct wire *wire = arg;

	wire->is_found |= view->is_up && view->local.ifindex == edge_ifindex(wire->edge);
	return 0;
}

static bool is_link_of(const struct sim *sim, const struct sim_node *node, int edge)
{
	struct wire wire = {.edge = edge};
	bool is_found = false;

	for (size_t l = 1; l < node->n_links; l++)
		is_found |= node->links[l].exists && node->links[l].is_up &&
			    node->links[l].edge == edge;
	if (sim_edge_has_frames(sim, edge))
		return is_found;
	hub_for_each_link(node->hub, find_wire, &wire);
	return wire.is_found && !is_found;
}

static bool edges_are_links(const struct sim *sim, char *why, size_t size)
{
	for (int e = 0; e < sim->n_edges; e++) {
		for (int s = 0; s < 2; s++) {
			const struct sim_node *node = &sim->nodes[sim->edges[e].node[s]];

			if (!is_link_of(sim, node, e)) {
				snprintf(why, size, "wire %d has no link at n%d", e, node->index);
				return false;
			}
		}
	}
	return true;
}

static bool walks_arrive(struct sim *sim, char *why, size_t size)
{
	for (int i = 0; i < sim->n_nodes; i++) {
		for (int j = 0; j < sim->n_nodes; j++) {
			uint64_t delay;
			int hops = kernel_walk(sim, i, j, &delay);

			if ((hops >= 0) != (i == j || sim_has_frames(sim, i, j))) {
				snprintf(why, size, "n%d to n%d: %s", i, j,
					 hops >= 0    ? "where none should go"
					 : hops == -2 ? "loop"
						      : "black hole");
				return false;
			}
		}
	}
	return true;
}

static int island_size(const struct sim *sim, int of)
{
	int n = 0;

	for (int i = 0; i < sim->n_nodes; i++)
		n += sim_has_frames(sim, of, i);
	return n;
}

/* One copy for every hub along the trees; who listens gets the group, whoever else may not. */
static bool trees_reach_everybody(struct sim *sim, char *why, size_t size)
{
	_cleanup_free_ int *copies = xnew_array(int, sim->n_nodes);

	for (int root = 0; root < sim->n_nodes; root++) {
		if (!sim->nodes[root].has_module)
			continue;
		if (kernel_spread(sim, root, false, copies) != island_size(sim, root)) {
			snprintf(why, size, "tree of n%d does not reach everybody once", root);
			return false;
		}
		if (kernel_spread(sim, root, true, copies) < 0) {
			snprintf(why, size, "group of n%d is refused", root);
			return false;
		}
		for (int i = 1; i < sim->n_nodes; i += 2) {
			if (!copies[i] && sim_has_frames(sim, root, i)) {
				snprintf(why, size, "group of n%d does not reach n%d", root, i);
				return false;
			}
		}
	}
	return true;
}

/* Who is said to have the key in use has it. */
static bool sender_keys_agree(const struct sim *sim, char *why, size_t size)
{
	for (int i = 0; i < sim->n_nodes; i++) {
		const struct sim_node *node = &sim->nodes[i];
		const struct sim_sender *own = &node->senders[i];

		for (int j = 0; j < sim->n_nodes && own->tx >= 0; j++) {
			const struct sim_sender *theirs = &sim->nodes[j].senders[i];

			if (j == i || !(node->proved[j] >> own->tx & 1))
				continue;
			if (theirs->is_live[own->tx] &&
			    memcmp(theirs->material[own->tx], own->material[own->tx],
				   SENDER_MATERIAL_LEN) == 0)
				continue;
			snprintf(why, size, "n%d makes no copies for n%d, which lacks its key", i,
				 j);
			return false;
		}
	}
	return true;
}

/* Neighbours have a session: nothing keeps them from having each other's. */
static bool neighbours_have_sender_keys(const struct sim *sim, char *why, size_t size)
{
	for (int e = 0; e < sim->n_edges; e++) {
		for (int s = 0; s < 2; s++) {
			const struct sim_node *node = &sim->nodes[sim->edges[e].node[s]];
			int peer = sim->edges[e].node[!s], tx = node->senders[node->index].tx;

			if (!sim_edge_has_frames(sim, e) ||
			    (tx >= 0 && node->proved[peer] >> tx & 1))
				continue;
			snprintf(why, size, "n%d copies for its neighbour n%d", node->index, peer);
			return false;
		}
	}
	return true;
}

bool check_converged(struct sim *sim, char *why, size_t size)
{
	int n = sim->n_nodes;
	_cleanup_free_ uint64_t *distance = xnew_array(uint64_t, (size_t)n * n);
	_cleanup_free_ uint64_t *framed = xnew_array(uint64_t, (size_t)n * n);
	_cleanup_free_ uint32_t *ipv4 = xnew_array(uint32_t, n);

	for (int i = 0; i < n; i++) {
		if (!sim->nodes[i].is_alive) {
			snprintf(why, size, "n%d is not alive", i);
			return false;
		}
	}
	if (!edges_are_links(sim, why, size))
		return false;
	distances(sim, false, distance);
	distances(sim, true, framed);
	for (int i = 0; i < n; i++) {
		struct seen seen = {.sim = sim,
				    .node = i,
				    .distance = distance,
				    .framed = framed,
				    .ipv4 = ipv4};

		if (hub_for_each_hub(sim->nodes[i].hub, compare_hub, &seen)) {
			snprintf(why, size, "%s", seen.why);
			return false;
		}
		if (seen.n != n || has_duplicate_ipv4(&seen, n)) {
			snprintf(why, size, "n%d sees %d of %d hubs or a duplicate IPv4", i, seen.n,
				 n);
			return false;
		}
		if (has_wrong_neighbour(&seen)) {
			snprintf(why, size, "n%d has an IPv4 neighbour entry that misleads", i);
			return false;
		}
	}
	return walks_arrive(sim, why, size) && proxies_check(sim, why, size) &&
	       services_converged(sim, why, size) && trees_reach_everybody(sim, why, size) &&
	       sender_keys_agree(sim, why, size) && neighbours_have_sender_keys(sim, why, size);
}
