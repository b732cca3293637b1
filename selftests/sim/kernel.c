// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: kernel: what hubmesh.ko would do with the effects
 *
 * Keeps each node's tables, refuses what the module refuses, probes links
 * every SIM_PROBE_NS, walks frames hop by hop, and raises the safety
 * failures: a transmit key the peer lacks, a route over a missing link, a
 * generation that does not grow, key material used twice.
 */
#include <stdlib.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "selftests/sim/sim.h"

#define TTL 32

const uint8_t sim_group[6] = {0x01, 0x00, 0x5e, 0x01, 0x01, 0x01};
#define LIVE_MAX 3

static void ring_reset(struct sim *sim, struct sim_ring *ring)
{
	*ring = (struct sim_ring){.tx = -1, .pending = -1, .born_ns = sim->now_ns};
}

void kernel_reset(struct sim *sim, struct sim_node *node)
{
	free(node->links);
	node->links = NULL;
	node->n_links = 0;
	node->generation = 0;
	for (int i = 0; i < sim->n_nodes; i++) {
		ring_reset(sim, &node->seals[i]);
		node->knows[i] = node->guards[i] = false;
		node->told[i] = node->neighbour[i] = 0;
		node->routes[i].n_via = 0;
		node->asked_ns[i] = 0;
		node->senders[i] = (struct sim_sender){.tx = -1};
		node->proved[i] = 0;
	}
	trees_fini(node->trees);
	free(node->trees);
	node->trees = NULL;
}

static struct sim_link *link_at(const struct sim_node *node, uint32_t index)
{
	if (index == 0 || index >= node->n_links || !node->links[index].exists)
		return NULL;
	return &node->links[index];
}

static void link_set(struct sim *sim, struct sim_node *node, const struct effect *effect)
{
	uint32_t index = effect->link_set.link;
	struct sim_link *link;

	if (index >= node->n_links) {
		node->links = xreallocarray(node->links, index + 1, sizeof(*link));
		memset(&node->links[node->n_links], 0, (index + 1 - node->n_links) * sizeof(*link));
		node->n_links = index + 1;
	}
	link = &node->links[index];
	if (!link->exists) {
		*link = (struct sim_link){.exists = true};
		ring_reset(sim, &link->ring);
	}
	link->peer = node_by_id(sim, &effect->link_set.peer);
	link->remote_link = effect->link_set.remote_link;
	link->edge = (int)effect->link_set.remote.ifindex - 1;
	sim_trace(sim, node->index, "link-set link=%u remote=%u peer=n%d", index, link->remote_link,
		  link->peer);
	if (effect->link_set.remote.port != SIM_DATA_PORT)
		sim_fail(sim, "n%d link %u has no data port", node->index, index);
}

static struct sim_ring *ring_of(struct sim *sim, struct sim_node *node, const struct effect *effect)
{
	struct sim_link *link;
	int peer;

	if (effect->key.owner == KEY_OWNER_LINK) {
		link = link_at(node, effect->key.link);
		return link ? &link->ring : NULL;
	}
	peer = node_by_id(sim, &effect->key.hub);
	return peer >= 0 && node->knows[peer] ? &node->seals[peer] : NULL;
}

static void key_install(struct sim *sim, struct sim_node *node, struct sim_ring *ring,
			const struct effect *effect)
{
	struct sim_conn *conn;
	struct sim_key *key = &ring->keys[effect->key.phase];
	int live = 0, side;

	conn = net_conn_of(sim, node->index, effect->key.session, &side);
	for (int i = 0; i < SIM_PHASES; i++)
		live += ring->keys[i].is_live && i != effect->key.phase;
	if (!conn || live >= LIVE_MAX || ring->tx == effect->key.phase) {
		sim_fail(sim, "n%d installs phase %u: conn=%p live=%d tx=%d", node->index,
			 effect->key.phase, (void *)conn, live, ring->tx);
		return;
	}
	if (key->conn == conn->id && key->serial == effect->key.serial)
		sim_fail(sim, "n%d installs the same key material twice", node->index);
	*key = (struct sim_key){.is_live = true,
				.conn = conn->id,
				.serial = effect->key.serial,
				.cipher = effect->key.cipher,
				.peer_life = conn->life[!side],
				.made_ns = sim->now_ns};
	ring->pending = effect->key.phase;
}

static void sender_del(const struct sim *sim, struct sim_node *node, int of, uint8_t phase)
{
	struct sim_sender *sender = &node->senders[of];

	for (int i = 0; i < SIM_PHASES; i++) {
		if (phase != EFFECT_PHASES_ALL && phase != i)
			continue;
		sender->is_live[i] = false;
		sender->tx = sender->tx == i ? -1 : sender->tx;
		for (int k = 0; of == node->index && k < sim->n_nodes; k++)
			node->proved[k] &= ~(1u << i);
	}
	if (of != node->index && phase == EFFECT_PHASES_ALL)
		node->proved[of] = 0;
}

static void sender_install(struct sim *sim, struct sim_node *node, int of,
			   const struct effect *effect)
{
	struct sim_sender *sender = &node->senders[of];
	uint8_t phase = effect->key.phase;
	int live = 0;

	for (int i = 0; i < SIM_PHASES; i++)
		live += sender->is_live[i] && i != phase;
	if (live >= LIVE_MAX || sender->tx == phase)
		sim_fail(sim, "n%d installs phase %u of n%d's sender key: live=%d tx=%d",
			 node->index, phase, of, live, sender->tx);
	for (int i = 0; of == node->index && i < SIM_PHASES; i++) {
		if (memcmp(sender->material[i], effect->key.material, SENDER_MATERIAL_LEN) == 0)
			sim_fail(sim, "n%d seals with one sender key twice", node->index);
	}
	sender->is_live[phase] = true;
	memcpy(sender->material[phase], effect->key.material, SENDER_MATERIAL_LEN);
	for (int k = 0; of == node->index && k < sim->n_nodes; k++)
		node->proved[k] &= ~(1u << phase);
}

static void sender_effect(struct sim *sim, struct sim_node *node, const struct effect *effect)
{
	int of = node_by_id(sim, &effect->key.hub);
	struct sim_sender *own = &node->senders[node->index];
	uint8_t phase = effect->key.phase;

	if (of != node->index && !node->knows[of]) {
		sim_fail(sim, "n%d sender key of a hub the kernel lacks", node->index);
	} else if (effect->kind == EFFECT_KEY_INSTALL) {
		sender_install(sim, node, of, effect);
	} else if (effect->kind == EFFECT_KEY_DEL) {
		sender_del(sim, node, of, phase);
	} else if (!own->is_live[phase]) {
		sim_fail(sim, "n%d uses a phase of its sender key that it lacks", node->index);
	} else if (of == node->index) {
		own->tx = phase;
	} else {
		node->proved[of] |= 1u << phase;
	}
}

static void key_effect(struct sim *sim, struct sim_node *node, const struct effect *effect)
{
	static const char *const verbs[] = {"install", "use", "del"};
	struct sim_ring *ring = ring_of(sim, node, effect);
	uint8_t phase = effect->key.phase;

	if (effect->key.owner == KEY_OWNER_SENDER) {
		sim_trace(sim, node->index, "key-%s sender peer=n%d phase=%u",
			  verbs[effect->kind - EFFECT_KEY_INSTALL],
			  node_by_id(sim, &effect->key.hub), phase);
		sender_effect(sim, node, effect);
		return;
	}
	sim_trace(sim, node->index, "key-%s %s link=%u peer=n%d phase=%u",
		  verbs[effect->kind - EFFECT_KEY_INSTALL],
		  effect->key.owner == KEY_OWNER_LINK ? "link" : "seal", effect->key.link,
		  node_by_id(sim, &effect->key.hub), phase);
	if (!ring) {
		sim_fail(sim, "n%d key for an owner the kernel lacks", node->index);
		return;
	}
	if (effect->kind == EFFECT_KEY_INSTALL) {
		int peer = node_by_id(sim, &effect->key.hub);

		if (effect->key.owner == KEY_OWNER_SEAL && !node->guards[peer])
			sim_fail(sim, "n%d seal key before a guard of n%d", node->index, peer);
		key_install(sim, node, ring, effect);
	} else if (effect->kind == EFFECT_KEY_USE) {
		if (!ring->keys[phase].is_live)
			sim_fail(sim, "n%d uses a phase it lacks", node->index);
		ring->tx = phase;
		if (ring->pending == phase)
			ring->pending = -1;
	} else {
		ring->keys[phase].is_live = false;
		ring->tx = ring->tx == phase ? -1 : ring->tx;
		ring->pending = ring->pending == phase ? -1 : ring->pending;
	}
}

static void trees_set(struct sim *sim, struct sim_node *node, const struct effect *effect)
{
	const struct trees *trees = effect->routes.trees;

	for (size_t i = 0; i < trees->n; i++) {
		int root = node_by_id(sim, &trees->list[i].root);

		if (root != node->index && !node->knows[root])
			sim_fail(sim, "n%d tree of a hub the kernel lacks", node->index);
		for (uint32_t c = 0; c < trees->list[i].n_children; c++) {
			if (!link_at(node, trees->list[i].child[c]))
				sim_fail(sim, "n%d tree over a link the kernel lacks", node->index);
		}
	}
	trees_fini(node->trees);
	free(node->trees);
	node->trees = trees_copy(trees);
}

static void check_tunnel(struct sim *sim, const struct sim_node *node,
			 const struct effect_route *route, int to)
{
	int end = node_by_id(sim, &route->tunnel_end);

	if (!route->backup || end < 0 || end == to || end == node->index || !node->knows[end])
		sim_fail(sim, "n%d tunnel to n%d that ends at n%d", node->index, to, end);
}

static void routes_set(struct sim *sim, struct sim_node *node, const struct effect *effect)
{
	if (effect->routes.generation <= node->generation)
		sim_fail(sim, "n%d route generation does not grow", node->index);
	node->generation = effect->routes.generation;
	for (int i = 0; i < sim->n_nodes; i++)
		node->routes[i].n_via = 0;
	for (size_t r = 0; r < effect->routes.n_routes; r++) {
		const struct effect_route *route = &effect->routes.routes[r];
		int to = node_by_id(sim, &route->hub);

		if (to < 0 || !node->knows[to] || !route->n_via) {
			sim_fail(sim, "n%d route to a hub the kernel lacks", node->index);
			continue;
		}
		for (int v = 0; v < route->n_via; v++) {
			if (!link_at(node, route->via[v].link))
				sim_fail(sim, "n%d route over a link the kernel lacks",
					 node->index);
		}
		if (route->backup && !link_at(node, route->backup))
			sim_fail(sim, "n%d backup over a link the kernel lacks", node->index);
		if (hub_id_is_valid(&route->tunnel_end))
			check_tunnel(sim, node, route, to);
		node->routes[to] = *route;
	}
	trees_set(sim, node, effect);
	sim_trace(sim, node->index, "routes generation=%llu n=%zu",
		  (unsigned long long)node->generation, effect->routes.n_routes);
}

/*
 * As datapath/tables.c does it: what a hub had is deleted by the address alone,
 * whoever has it by then; what it gets replaces whoever had it.
 */
static void set_neighbour(struct sim *sim, struct sim_node *node, int peer, uint32_t ipv4)
{
	for (int i = 0; i < sim->n_nodes; i++) {
		uint32_t entry = node->neighbour[i];

		if (entry && (entry == ipv4 || entry == node->told[peer]))
			node->neighbour[i] = 0;
	}
	node->told[peer] = node->neighbour[peer] = ipv4;
}

static bool is_routed_over(const struct sim *sim, const struct sim_node *node, uint32_t link)
{
	for (int i = 0; i < sim->n_nodes; i++) {
		for (int v = 0; v < node->routes[i].n_via; v++) {
			if (node->routes[i].via[v].link == link)
				return true;
		}
		if (node->routes[i].n_via && node->routes[i].backup == link)
			return true;
	}
	return false;
}

void kernel_effect(struct sim *sim, struct sim_node *node, const struct effect *effect)
{
	struct sim_link *link;
	int peer;

	if (!node->has_module) {
		sim_fail(sim, "n%d has no module and wants something of it: effect %d", node->index,
			 effect->kind);
		return;
	}
	switch (effect->kind) {
	case EFFECT_LINK_SET:
		link_set(sim, node, effect);
		break;
	case EFFECT_LINK_DEL:
		link = link_at(node, effect->link_del.link);
		sim_trace(sim, node->index, "link-del link=%u", effect->link_del.link);
		if (!link || is_routed_over(sim, node, effect->link_del.link))
			sim_fail(sim, "n%d deletes link %u that is %s", node->index,
				 effect->link_del.link, link ? "routed over" : "not there");
		if (link)
			link->exists = false;
		break;
	case EFFECT_HUB_SET:
		peer = node_by_id(sim, &effect->hub_set.hub);
		node->knows[peer] = true;
		set_neighbour(sim, node, peer, effect->hub_set.ipv4.s_addr);
		break;
	case EFFECT_GUARD:
		peer = node_by_id(sim, &effect->guard.hub);
		if (!node->knows[peer])
			sim_fail(sim, "n%d guards n%d, which the kernel lacks", node->index, peer);
		node->guards[peer] = true;
		break;
	case EFFECT_HUB_DEL:
		peer = node_by_id(sim, &effect->hub_del.hub);
		node->knows[peer] = node->guards[peer] = false;
		set_neighbour(sim, node, peer, 0);
		ring_reset(sim, &node->seals[peer]);
		node->senders[peer] = (struct sim_sender){.tx = -1};
		node->proved[peer] = 0;
		break;
	case EFFECT_KEY_INSTALL:
	case EFFECT_KEY_USE:
	case EFFECT_KEY_DEL:
		key_effect(sim, node, effect);
		break;
	case EFFECT_ROUTES:
		routes_set(sim, node, effect);
		break;
	default:
		break;
	}
}

/*
 * A frame under @from's transmit key arrives where @to_ring is.  A missing
 * key is a broken promise unless the receiver was restarted or made anew
 * after the key.
 */
static bool ring_receive(struct sim *sim, const struct sim_node *from, struct sim_ring *ring,
			 const struct sim_node *to, struct sim_ring *to_ring, const char *what)
{
	const struct sim_key *key = &ring->keys[ring->tx];
	const struct sim_key *theirs = &to_ring->keys[ring->tx];

	if (theirs->is_live && theirs->conn == key->conn && theirs->serial == key->serial &&
	    theirs->cipher == key->cipher) {
		if (to_ring->pending == ring->tx) {
			to_ring->tx = ring->tx;
			to_ring->pending = -1;
			sim->promotions++;
		}
		return true;
	}
	if (to->life == key->peer_life && to_ring->born_ns <= key->made_ns)
		sim_fail(sim, "n%d transmits to n%d with %s phase %d the other lacks", from->index,
			 to->index, what, ring->tx);
	return false;
}

static void probe_link(struct sim *sim, struct sim_node *node, struct sim_link *link)
{
	struct sim_node *peer = &sim->nodes[link->peer];
	struct sim_link *theirs;

	if (link->ring.tx < 0 || !peer->is_alive || !sim->edges[link->edge].is_up)
		return;
	theirs = link_at(peer, link->remote_link);
	if (!theirs || theirs->peer != node->index || theirs->edge != link->edge)
		return;
	if (ring_receive(sim, node, &link->ring, peer, &theirs->ring, "link"))
		theirs->heard_ns = sim->now_ns;
}

static void judge_link(struct sim *sim, struct sim_node *node, uint32_t index)
{
	struct sim_link *link = &node->links[index];
	bool heard = link->heard_ns && sim->now_ns <= link->heard_ns + SIM_PROBE_DEAD_NS;
	uint64_t rtt_us = 2 * sim->edges[link->edge].delay_ns / 1000;
	struct link_report report = {0};

	if (heard == link->is_up)
		return;
	link->is_up = heard;
	sim_trace(sim, node->index, "link-%s link=%u", heard ? "up" : "down", index);
	report.state = heard ? LINK_REPORT_UP : LINK_REPORT_DOWN;
	report.rtt_us = heard ? rtt_us + prng_below(&sim->rng, rtt_us / 20 + 1) : 0;
	hub_on_link_report(node->hub, node_clock(sim, node), index, &report, &sim->fx);
	node_run_effects(sim, node);
}

void kernel_probe_all(struct sim *sim)
{
	for (int i = 0; i < sim->n_nodes; i++) {
		struct sim_node *node = &sim->nodes[i];

		for (size_t l = 1; node->is_alive && l < node->n_links; l++) {
			if (node->links[l].exists)
				probe_link(sim, node, &node->links[l]);
		}
	}
	for (int i = 0; i < sim->n_nodes; i++) {
		struct sim_node *node = &sim->nodes[i];

		for (size_t l = 1; node->is_alive && l < node->n_links; l++) {
			if (node->links[l].exists)
				judge_link(sim, node, l);
		}
	}
}

/* @tunnel_end receives where the tunnel ends that a frame takes by the link; -1 for none. */
static struct sim_link *pick_link(struct sim *sim, const struct sim_node *node,
				  const struct effect_route *route, int *tunnel_end)
{
	*tunnel_end = -1;
	for (int v = 0; v < route->n_via; v++) {
		struct sim_link *link = link_at(node, route->via[v].link);

		if (link && link->is_up && link->ring.tx >= 0)
			return link;
	}
	if (route->n_via && route->backup) {
		struct sim_link *link = link_at(node, route->backup);

		if (hub_id_is_valid(&route->tunnel_end))
			*tunnel_end = node_by_id(sim, &route->tunnel_end);
		if (link && link->is_up && link->ring.tx >= 0)
			return link;
	}
	return NULL;
}

int kernel_walk(struct sim *sim, int from, int to, uint64_t *delay_ns)
{
	int at = from, hops = 0, end = -1, new_end;

	*delay_ns = 0;
	while (at != to) {
		const struct sim_node *node = &sim->nodes[at];
		const struct sim_link *link;

		if (!node->is_alive)
			return -1;
		link = pick_link(sim, node, &node->routes[end >= 0 ? end : to], &new_end);
		if (!link || !sim->edges[link->edge].is_up || (end >= 0 && new_end >= 0))
			return -1; /* tunnels do not nest */
		end = new_end >= 0 ? new_end : end;
		if (++hops > TTL && hops > sim->n_nodes)
			return -2;
		*delay_ns += sim->edges[link->edge].delay_ns;
		at = link->peer;
		end = at == end ? -1 : end;
	}
	return sim->nodes[to].is_alive ? hops : -1;
}

/* Both ends of a wire take its links for dead, or for alive again. */
static void set_links_of(struct sim *sim, int edge, bool is_up)
{
	sim->edges[edge].is_up = is_up;
	for (int s = 0; s < 2; s++) {
		struct sim_node *node = &sim->nodes[sim->edges[edge].node[s]];

		for (size_t l = 1; l < node->n_links; l++) {
			if (node->links[l].exists && node->links[l].edge == edge)
				node->links[l].is_up = is_up;
		}
	}
}

void kernel_cut_each(struct sim *sim)
{
	for (int e = 0; e < sim->n_edges && !sim->failure[0]; e++) {
		set_links_of(sim, e, false);
		for (int i = 0; i < sim->n_nodes; i++) {
			for (int j = 0; j < sim->n_nodes; j++) {
				uint64_t delay;
				int hops = kernel_walk(sim, i, j, &delay);

				sim->walks_repaired += hops >= 0;
				sim->walks_lost += hops < 0;
				if (hops == -2)
					sim_fail(sim, "n%d to n%d loops when wire %d is cut", i, j,
						 e);
			}
		}
		set_links_of(sim, e, true);
	}
}

bool kernel_send_frame(struct sim *sim, int from, int to)
{
	struct sim_node *node = &sim->nodes[from], *peer = &sim->nodes[to];
	uint64_t delay;
	int hops;

	if (!node->is_alive || !node->knows[to])
		return false;
	if (node->seals[to].tx < 0) {
		if (node->asked_ns[to] && sim->now_ns < node->asked_ns[to] + NSEC_PER_SEC)
			return false;
		node->asked_ns[to] = sim->now_ns;
		hub_on_need_session(node->hub, node_clock(sim, node), &peer->id, &sim->fx);
		node_run_effects(sim, node);
		return false;
	}
	sim->frames_sent++;
	hops = kernel_walk(sim, from, to, &delay);
	sim->loops += hops == -2;
	if (hops < 0 || !peer->knows[from] ||
	    !ring_receive(sim, node, &node->seals[to], peer, &peer->seals[from], "seal")) {
		sim->frames_lost++;
		return false;
	}
	sim->frames_delivered++;
	return true;
}

static const struct tree *tree_of(const struct sim_node *node, const struct hub_id *root)
{
	for (size_t i = 0; node->trees && i < node->trees->n; i++) {
		if (hub_id_equal(&node->trees->list[i].root, root))
			return &node->trees->list[i];
	}
	return NULL;
}

static uint64_t children_for(const struct tree *tree, bool is_group)
{
	for (size_t i = 0; is_group && i < tree->n_groups; i++) {
		if (memcmp(tree->groups[i].mac, sim_group, sizeof(sim_group)) == 0)
			return tree->groups[i].children;
	}
	return UINT64_MAX;
}

int kernel_spread(struct sim *sim, int root, bool is_group, int *copies)
{
	_cleanup_free_ int *queue = xnew_array(int, sim->n_nodes);
	int head = 0, tail = 0;

	memset(copies, 0, sim->n_nodes * sizeof(*copies));
	copies[root] = 1;
	queue[tail++] = root;
	while (head < tail) {
		const struct sim_node *node = &sim->nodes[queue[head++]];
		const struct tree *tree = tree_of(node, &sim->nodes[root].id);

		for (uint32_t c = 0; tree && c < tree->n_children; c++) {
			struct sim_link *link = link_at(node, tree->child[c]);
			const struct tree *theirs;

			if (!(children_for(tree, is_group) >> c & 1) || !link)
				continue;
			theirs = tree_of(&sim->nodes[link->peer], &sim->nodes[root].id);
			if (!theirs || !hub_id_equal(&theirs->parent, &node->id) ||
			    ++copies[link->peer] > 1)
				return -1;
			queue[tail++] = link->peer;
		}
	}
	return tail;
}
