// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: net: the underlay
 *
 * Each edge is a wire between two interfaces.  Beacons on it are lost,
 * doubled and reordered; sessions behave like TCP: in order, delayed, stalled
 * while the wire is cut (or, over the mesh, while routes lead nowhere) and
 * broken after SIM_SESSION_DEAD_NS of that.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "daemon/lib/memory.h"
#include "selftests/sim/sim.h"

#define RETRANSMIT_NS (200 * NSEC_PER_MSEC)

uint32_t edge_ifindex(int edge)
{
	return edge + 1;
}

struct endpoint edge_address(const struct sim *sim, int edge, int side)
{
	struct endpoint ep = {.family = AF_INET, .ifindex = edge_ifindex(edge)};

	ep.addr4.s_addr = htonl(0xc0000000u + (uint32_t)edge * 4 + 1 + side);
	return ep;
}

static int side_of(const struct sim *sim, int edge, int node)
{
	return sim->edges[edge].node[1] == node;
}

static void beacon_once(struct sim *sim, struct sim_node *node, int edge, uint64_t extra_ns,
			const struct effect *effect)
{
	int side = side_of(sim, edge, node->index);
	struct sim_event event = {.kind = SIM_BEACON,
				  .edge = edge,
				  .side = side,
				  .node = sim->edges[edge].node[!side]};

	event.bytes = xmemdup(effect->beacon_send.bytes, effect->beacon_send.len);
	event.len = effect->beacon_send.len;
	sim_schedule(sim, sim->now_ns + sim->edges[edge].delay_ns + extra_ns, event);
}

void net_beacon(struct sim *sim, struct sim_node *node, const struct effect *effect)
{
	int edge = (int)effect->beacon_send.to.ifindex - 1;

	if (edge < 0 || edge >= sim->n_edges || !sim->edges[edge].is_up)
		return;
	if (sim->options.has_loss && prng_below(&sim->rng, 100) < 20)
		return;
	beacon_once(sim, node, edge, 0, effect);
	if (sim->options.has_loss && prng_below(&sim->rng, 100) < 10)
		beacon_once(sim, node, edge, prng_below(&sim->rng, 300 * NSEC_PER_MSEC), effect);
}

struct sim_conn *net_conn_of(struct sim *sim, int node, uint64_t session, int *side)
{
	for (size_t i = sim->n_conns; i-- > 0;) {
		struct sim_conn *conn = sim->conns[i];

		for (int s = 0; conn && s < 2; s++) {
			if (conn->node[s] == node && conn->session[s] == session &&
			    conn->life[s] == sim->nodes[node].life) {
				*side = s;
				return conn;
			}
		}
	}
	return NULL;
}

static bool is_same_life(const struct sim *sim, const struct sim_conn *conn, int side)
{
	const struct sim_node *node = &sim->nodes[conn->node[side]];

	return node->is_alive && node->life == conn->life[side];
}

/* Can bytes from @side reach the other now? */
static bool is_passable(struct sim *sim, const struct sim_conn *conn, int side, uint64_t *delay)
{
	if (!conn->over_mesh) {
		*delay = sim->edges[conn->edge].delay_ns;
		return sim->edges[conn->edge].is_up;
	}
	return kernel_walk(sim, conn->node[side], conn->node[!side], delay) >= 0;
}

static struct sim_conn *conn_new(struct sim *sim, struct sim_node *node,
				 const struct effect *effect, int target)
{
	struct sim_conn *conn = xnew(struct sim_conn);

	if (sim->n_conns == sim->conns_capacity) {
		sim->conns_capacity = sim->conns_capacity ? sim->conns_capacity * 2 : 256;
		sim->conns =
			xreallocarray(sim->conns, sim->conns_capacity, sizeof(struct sim_conn *));
	}
	sim->conns[sim->n_conns++] = conn;
	conn->id = sim->n_conns;
	conn->node[0] = node->index;
	conn->node[1] = target;
	conn->life[0] = node->life;
	conn->session[0] = effect->dial.session;
	conn->session[1] = conn->id * 2 + 1;
	conn->over_mesh = effect->dial.over_mesh;
	conn->is_open[0] = true;
	return conn;
}

/* Whose address is that? Fills the edge for underlay addresses. */
static int target_of(const struct sim *sim, const struct sim_node *node,
		     const struct effect *effect, int *edge)
{
	*edge = -1;
	if (effect->dial.over_mesh) {
		for (int i = 0; i < sim->n_nodes; i++) {
			if (i != node->index &&
			    IN6_ARE_ADDR_EQUAL(&sim->nodes[i].ula, &effect->dial.to.addr6))
				return i;
		}
		return -1;
	}
	for (int i = 0; i < node->n_edges; i++) {
		int e = node->edges[i], there = !side_of(sim, e, node->index);
		struct endpoint address = edge_address(sim, e, there);

		if (address.addr4.s_addr == effect->dial.to.addr4.s_addr) {
			*edge = e;
			return sim->edges[e].node[there];
		}
	}
	return -1;
}

void net_dial(struct sim *sim, struct sim_node *node, const struct effect *effect)
{
	struct sim_event event = {.kind = SIM_CONNECT_FAILED, .node = node->index};
	uint64_t wait = SIM_SESSION_DEAD_NS, delay;
	struct sim_conn *conn;
	int edge, target = target_of(sim, node, effect, &edge);

	sim_trace(sim, node->index, "dial session=%llu to=n%d mesh=%d",
		  (unsigned long long)effect->dial.session, target, effect->dial.over_mesh);
	if (target < 0) {
		sim_fail(sim, "n%d dials an address nobody has", node->index);
		return;
	}
	conn = conn_new(sim, node, effect, target);
	conn->edge = edge;
	conn->life[1] = sim->nodes[target].life;
	if (is_passable(sim, conn, 0, &delay) && is_passable(sim, conn, 1, &delay)) {
		wait = 2 * delay;
		if (sim->nodes[target].is_alive) {
			event.kind = SIM_CONNECTED;
			wait = 4 * delay + SIM_HANDSHAKE_NS;
		}
	}
	event.a = conn->id;
	sim_schedule(sim, sim->now_ns + wait, event);
}

static void enqueue(struct sim *sim, struct sim_conn *conn, int side, uint8_t message,
		    const uint8_t *body, size_t len)
{
	struct sim_message *m = xmalloc(sizeof(*m) + len);
	uint64_t delay = RETRANSMIT_NS;

	is_passable(sim, conn, side, &delay);
	m->next = NULL;
	m->message = message;
	m->len = len;
	m->due_ns = sim->now_ns + delay + services_slowness_ns(sim, conn->node[!side]);
	if (len)
		memcpy(m->body, body, len);
	if (conn->tail[side])
		conn->tail[side]->next = m;
	else
		conn->head[side] = m;
	conn->tail[side] = m;
	sim_schedule(sim, m->due_ns,
		     (struct sim_event){.kind = SIM_PUMP, .a = conn->id, .side = side});
}

void net_send(struct sim *sim, struct sim_node *node, const struct effect *effect)
{
	struct sim_conn *conn;
	int side;

	conn = net_conn_of(sim, node->index, effect->send.session, &side);
	if (conn && conn->is_open[side])
		enqueue(sim, conn, side, effect->send.message, effect->send.body, effect->send.len);
}

void net_close(struct sim *sim, struct sim_node *node, uint64_t session)
{
	struct sim_conn *conn;
	int side;

	conn = net_conn_of(sim, node->index, session, &side);
	if (!conn || !conn->is_open[side])
		return;
	conn->is_open[side] = false;
	if (conn->is_open[!side])
		enqueue(sim, conn, side, 0, NULL, 0);
}

static void report_up(struct sim *sim, struct sim_conn *conn, int side)
{
	struct sim_node *node = &sim->nodes[conn->node[side]];
	struct session_peer peer = {.hub = sim->nodes[conn->node[!side]].id,
				    .cert_der = sim->nodes[conn->node[!side]].cert,
				    .cert_der_len = sim->nodes[conn->node[!side]].cert_len,
				    .is_client = side == 0,
				    .over_mesh = conn->over_mesh};

	if (conn->over_mesh) {
		peer.local.family = peer.remote.family = AF_INET6;
		peer.local.addr6 = node->ula;
		peer.remote.addr6 = sim->nodes[conn->node[!side]].ula;
	} else {
		int my_side = side_of(sim, conn->edge, node->index);

		peer.local = edge_address(sim, conn->edge, my_side);
		peer.remote = edge_address(sim, conn->edge, !my_side);
		peer.local.ifindex = 0; /* TCP does not tell for IPv4 */
		peer.remote.ifindex = 0;
	}
	sim_trace(sim, node->index, "session-up session=%llu peer=n%d",
		  (unsigned long long)conn->session[side], conn->node[!side]);
	hub_on_session_up(node->hub, node_clock(sim, node), conn->session[side], &peer, &sim->fx);
	node_run_effects(sim, node);
}

static void report_down(struct sim *sim, struct sim_conn *conn, int side, int error)
{
	struct sim_node *node = &sim->nodes[conn->node[side]];
	bool was_open = conn->is_open[side];

	conn->is_open[side] = false;
	if (!was_open || !is_same_life(sim, conn, side))
		return;
	sim_trace(sim, node->index, "session-down session=%llu error=%d",
		  (unsigned long long)conn->session[side], error);
	hub_on_session_down(node->hub, node_clock(sim, node), conn->session[side], error, &sim->fx);
	node_run_effects(sim, node);
}

static void on_connected(struct sim *sim, struct sim_conn *conn)
{
	struct sim_node *server = &sim->nodes[conn->node[1]];
	uint64_t delay;

	if (!is_same_life(sim, conn, 0))
		return;
	if (!server->is_alive || server->life != conn->life[1] ||
	    !is_passable(sim, conn, 0, &delay)) {
		report_down(sim, conn, 0, -ETIMEDOUT);
		return;
	}
	conn->is_open[1] = true;
	sim_schedule(sim, sim->now_ns + delay,
		     (struct sim_event){.kind = SIM_ACCEPTED, .a = conn->id});
	sim_schedule(sim, sim->now_ns + NSEC_PER_SEC,
		     (struct sim_event){.kind = SIM_KEEPALIVE, .a = conn->id});
	if (conn->is_open[0])
		report_up(sim, conn, 0);
	else
		enqueue(sim, conn, 0, 0, NULL, 0);
}

static void deliver(struct sim *sim, struct sim_conn *conn, int from, const struct sim_message *m)
{
	struct sim_node *node = &sim->nodes[conn->node[!from]];
	int r;

	if (!conn->is_open[!from] || !is_same_life(sim, conn, !from))
		return;
	if (m->message == 0) {
		report_down(sim, conn, !from, 0);
		return;
	}
	r = hub_on_message(node->hub, node_clock(sim, node), conn->session[!from], m->message,
			   m->body, m->len, &sim->fx);
	if (r)
		sim_fail(sim, "n%d refuses message %u of n%d: %d", node->index, m->message,
			 conn->node[from], r);
	node_run_effects(sim, node);
}

static void on_pump(struct sim *sim, struct sim_conn *conn, int side)
{
	uint64_t delay;

	while (conn->head[side] && conn->head[side]->due_ns <= sim->now_ns) {
		struct sim_message *m = conn->head[side];

		if (!is_passable(sim, conn, side, &delay)) {
			sim_schedule(
				sim, sim->now_ns + RETRANSMIT_NS,
				(struct sim_event){.kind = SIM_PUMP, .a = conn->id, .side = side});
			return;
		}
		conn->head[side] = m->next;
		if (!m->next)
			conn->tail[side] = NULL;
		deliver(sim, conn, side, m);
		free(m);
	}
}

static bool is_over(const struct sim *sim, const struct sim_conn *conn)
{
	for (int s = 0; s < 2; s++) {
		if ((conn->is_open[s] && is_same_life(sim, conn, s)) || conn->head[s])
			return false;
	}
	return true;
}

static void conn_discard(struct sim *sim, struct sim_conn *conn)
{
	for (int s = 0; s < 2; s++) {
		while (conn->head[s]) {
			struct sim_message *next = conn->head[s]->next;

			free(conn->head[s]);
			conn->head[s] = next;
		}
	}
	sim->conns[conn->id - 1] = NULL;
	free(conn);
}

/* HTTP/2 PING of the real transport: five unanswered and the session is over. */
static void on_keepalive(struct sim *sim, struct sim_conn *conn)
{
	uint64_t delay;
	bool works = is_passable(sim, conn, 0, &delay) && is_passable(sim, conn, 1, &delay);

	for (int s = 0; s < 2; s++) {
		const struct sim_node *other = &sim->nodes[conn->node[!s]];

		if (!conn->is_open[s])
			continue;
		if (works && other->is_alive && other->life != conn->life[!s])
			report_down(sim, conn, s, -ECONNRESET);
		works = works && is_same_life(sim, conn, !s);
	}
	if (works)
		conn->dead_since_ns = 0;
	else if (!conn->dead_since_ns)
		conn->dead_since_ns = sim->now_ns;
	else if (sim->now_ns >= conn->dead_since_ns + SIM_SESSION_DEAD_NS) {
		report_down(sim, conn, 0, -ETIMEDOUT);
		report_down(sim, conn, 1, -ETIMEDOUT);
		conn_discard(sim, conn);
		return;
	}
	if (is_over(sim, conn))
		conn_discard(sim, conn);
	else
		sim_schedule(sim, sim->now_ns + NSEC_PER_SEC,
			     (struct sim_event){.kind = SIM_KEEPALIVE, .a = conn->id});
}

static void on_beacon(struct sim *sim, const struct sim_event *event)
{
	struct sim_node *node = &sim->nodes[event->node];
	struct endpoint from = edge_address(sim, event->edge, event->side);

	from.port = SIM_CONTROL_PORT;
	if (!node->is_alive || !sim->edges[event->edge].is_up)
		return;
	hub_on_beacon(node->hub, node_clock(sim, node), &from, event->bytes, event->len, &sim->fx);
	node_run_effects(sim, node);
}

void net_on_event(struct sim *sim, const struct sim_event *event)
{
	struct sim_conn *conn;

	if (event->kind == SIM_BEACON) {
		on_beacon(sim, event);
		return;
	}
	conn = sim->conns[event->a - 1];
	if (!conn)
		return;
	switch (event->kind) {
	case SIM_CONNECTED:
		on_connected(sim, conn);
		break;
	case SIM_ACCEPTED:
		if (is_same_life(sim, conn, 1))
			report_up(sim, conn, 1);
		break;
	case SIM_CONNECT_FAILED:
		report_down(sim, conn, 0, -ETIMEDOUT);
		conn_discard(sim, conn);
		break;
	case SIM_PUMP:
		on_pump(sim, conn, event->side);
		break;
	default:
		on_keepalive(sim, conn);
	}
}
