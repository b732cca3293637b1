// SPDX-License-Identifier: GPL-2.0
/* DOC: world: virtual time, the trace and the shape of the underlay */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#include "daemon/lib/memory.h"
#include "daemon/trust/issue.h"
#include "selftests/sim/sim.h"

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

void sim_schedule(struct sim *sim, uint64_t at_ns, struct sim_event event)
{
	size_t i = sim->n_heap++;

	if (sim->n_heap > sim->heap_capacity) {
		sim->heap_capacity = sim->heap_capacity ? sim->heap_capacity * 2 : 1024;
		sim->heap = xreallocarray(sim->heap, sim->heap_capacity, sizeof(*sim->heap));
	}
	event.at_ns = at_ns < sim->now_ns ? sim->now_ns : at_ns;
	event.order = sim->order++;
	for (; i > 0 && before(&event, &sim->heap[(i - 1) / 2]); i = (i - 1) / 2)
		sim->heap[i] = sim->heap[(i - 1) / 2];
	sim->heap[i] = event;
}

bool sim_pop(struct sim *sim, struct sim_event *ret)
{
	struct sim_event last;
	size_t i = 0;

	if (!sim->n_heap)
		return false;
	*ret = sim->heap[0];
	last = sim->heap[--sim->n_heap];
	for (size_t child = 1; child < sim->n_heap; child = 2 * i + 1) {
		if (child + 1 < sim->n_heap && before(&sim->heap[child + 1], &sim->heap[child]))
			child++;
		if (!before(&sim->heap[child], &last))
			break;
		sim->heap[i] = sim->heap[child];
		i = child;
	}
	sim->heap[i] = last;
	sim->now_ns = ret->at_ns;
	sim->events++;
	return true;
}

void sim_trace(struct sim *sim, int node, const char *fmt, ...)
{
	char line[1024];
	int n = snprintf(line, sizeof(line), "%llu.%06llu n%d ",
			 (unsigned long long)(sim->now_ns / NSEC_PER_SEC),
			 (unsigned long long)(sim->now_ns % NSEC_PER_SEC / 1000), node);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	for (const char *p = line; *p; p++)
		sim->digest = (sim->digest ^ (uint8_t)*p) * 1099511628211ull;
	if (sim->trace)
		fprintf(sim->trace, "%s\n", line);
}

void sim_fail(struct sim *sim, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (sim->failure[0])
		return;
	n = snprintf(sim->failure, sizeof(sim->failure),
		     "at %llu.%06llu s: ", (unsigned long long)(sim->now_ns / NSEC_PER_SEC),
		     (unsigned long long)(sim->now_ns % NSEC_PER_SEC / 1000));
	va_start(ap, fmt);
	vsnprintf(sim->failure + n, sizeof(sim->failure) - n, fmt, ap);
	va_end(ap);
	sim_trace(sim, -1, "FAILURE %s", sim->failure);
}

uint64_t node_clock(const struct sim *sim, const struct sim_node *node)
{
	return NSEC_PER_SEC + sim->now_ns + (int64_t)sim->now_ns / 1000000 * node->drift_ppm;
}

static void add_edge(struct sim *sim, int a, int b, uint64_t delay_ns)
{
	struct sim_edge *edge = &sim->edges[sim->n_edges];

	if (sim->nodes[a].n_edges == SIM_EDGES_PER_NODE_MAX ||
	    sim->nodes[b].n_edges == SIM_EDGES_PER_NODE_MAX)
		return;
	*edge = (struct sim_edge){.node = {a, b}, .delay_ns = delay_ns, .is_up = true};
	sim->nodes[a].edges[sim->nodes[a].n_edges++] = sim->n_edges;
	sim->nodes[b].edges[sim->nodes[b].n_edges++] = sim->n_edges;
	sim->n_edges++;
}

static uint64_t some_delay(struct sim *sim)
{
	if (!strcmp(sim->options.topology, "evenring"))
		return NSEC_PER_MSEC;
	return 200000 + prng_below(&sim->rng, 5 * NSEC_PER_MSEC);
}

static void build_grid(struct sim *sim)
{
	int width = (int)ceil(sqrt(sim->n_nodes));

	for (int i = 0; i < sim->n_nodes; i++) {
		if ((i + 1) % width != 0 && i + 1 < sim->n_nodes)
			add_edge(sim, i, i + 1, some_delay(sim));
		if (i + width < sim->n_nodes)
			add_edge(sim, i, i + width, some_delay(sim));
	}
}

/* Random points; near ones are joined, and a line keeps it connected. */
static void build_geometric(struct sim *sim)
{
	double *x = xnew_array(double, sim->n_nodes), *y = xnew_array(double, sim->n_nodes);
	double radius2 = 6.0 / 3.14159265 / sim->n_nodes;

	for (int i = 0; i < sim->n_nodes; i++) {
		x[i] = prng_below(&sim->rng, 1000000) / 1e6;
		y[i] = prng_below(&sim->rng, 1000000) / 1e6;
	}
	for (int i = 0; i < sim->n_nodes; i++) {
		for (int j = i + 1; j < sim->n_nodes; j++) {
			double d2 = (x[i] - x[j]) * (x[i] - x[j]) + (y[i] - y[j]) * (y[i] - y[j]);

			if (j == i + 1 || d2 < radius2)
				add_edge(sim, i, j, 200000 + (uint64_t)(sqrt(d2) * 2e7));
		}
	}
	free(x);
	free(y);
}

void sim_build_topology(struct sim *sim)
{
	const char *name = sim->options.topology;

	sim->edges =
		xnew_array(struct sim_edge, (size_t)sim->n_nodes * SIM_EDGES_PER_NODE_MAX / 2 + 1);
	if (!strcmp(name, "grid")) {
		build_grid(sim);
		return;
	}
	if (!strcmp(name, "random")) {
		build_geometric(sim);
		return;
	}
	for (int i = 1; i < sim->n_nodes; i++)
		add_edge(sim, !strcmp(name, "star") ? 0 : i - 1, i, some_delay(sim));
	if (strstr(name, "ring") && sim->n_nodes > 2)
		add_edge(sim, sim->n_nodes - 1, 0, some_delay(sim));
}

bool sim_edge_has_frames(const struct sim *sim, int edge)
{
	const int *node = sim->edges[edge].node;

	return sim->nodes[node[0]].has_module && sim->nodes[node[1]].has_module;
}

bool sim_has_frames(const struct sim *sim, int from, int to)
{
	return sim->nodes[from].island >= 0 && sim->nodes[from].island == sim->nodes[to].island;
}

/* Each island is known by its lowest node. */
static void find_islands(struct sim *sim)
{
	bool has_changed = true;

	for (int i = 0; i < sim->n_nodes; i++)
		sim->nodes[i].island = sim->nodes[i].has_module ? i : -1;
	while (has_changed) {
		has_changed = false;
		for (int e = 0; e < sim->n_edges; e++) {
			int *a = &sim->nodes[sim->edges[e].node[0]].island;
			int *b = &sim->nodes[sim->edges[e].node[1]].island;

			if (!sim_edge_has_frames(sim, e) || *a == *b)
				continue;
			*a = *b = *a < *b ? *a : *b;
			has_changed = true;
		}
	}
}

static void make_root(struct sim *sim)
{
	struct issue_root root = {.mesh = "sim",
				  .not_before_s = 1700000000,
				  .not_after_s = 1700000000 + 3650ll * 86400};
	int len;

	for (size_t i = 0; i < sizeof(root.seed); i++)
		root.seed[i] = prng_next(&sim->rng);
	memcpy(sim->root_seed, root.seed, sizeof(root.seed));
	memset(root.serial, 0x11, sizeof(root.serial));
	len = issue_root(&root, sim->root, sizeof(sim->root));
	if (len < 0)
		sim_fail(sim, "issue_root: %d", len);
	else
		sim->root_len = len;
}

void sim_init(struct sim *sim, const struct sim_options *options)
{
	*sim = (struct sim){.options = *options, .digest = 14695981039346656037ull};
	sim->rng.state = options->seed;
	sim->n_nodes = options->hubs;
	sim->nodes = xnew_array(struct sim_node, sim->n_nodes);
	if (options->trace_path)
		sim->trace = fopen(options->trace_path, "w");
	make_root(sim);
	for (int i = 0; i < sim->n_nodes; i++) {
		struct sim_node *node = &sim->nodes[i];

		node->index = i;
		node->has_module = !options->bare || i % options->bare != 1;
		node->seals = xnew_array(struct sim_ring, sim->n_nodes);
		node->knows = xnew_array(bool, sim->n_nodes);
		node->guards = xnew_array(bool, sim->n_nodes);
		node->told = xnew_array(uint32_t, sim->n_nodes);
		node->neighbour = xnew_array(uint32_t, sim->n_nodes);
		node->routes = xnew_array(struct effect_route, sim->n_nodes);
		node->senders = xnew_array(struct sim_sender, sim->n_nodes);
		node->proved = xnew_array(uint8_t, sim->n_nodes);
		node->asked_ns = xnew_array(uint64_t, sim->n_nodes);
		if (options->has_drift)
			node->drift_ppm = (int64_t)prng_below(&sim->rng, 20001) - 10000;
		node_make_identity(sim, node);
	}
	sim_build_topology(sim);
	find_islands(sim);
}

void sim_fini(struct sim *sim)
{
	for (int i = 0; i < sim->n_nodes; i++) {
		struct sim_node *node = &sim->nodes[i];

		hub_free(node->hub);
		free(node->rulings);
		free(node->list);
		free(node->links);
		free(node->seals);
		free(node->knows);
		free(node->guards);
		free(node->told);
		free(node->neighbour);
		free(node->routes);
		trees_fini(node->trees);
		free(node->trees);
		free(node->senders);
		free(node->proved);
		free(node->asked_ns);
	}
	for (size_t i = 0; i < sim->n_heap; i++)
		free(sim->heap[i].bytes);
	for (size_t i = 0; i < sim->n_conns; i++) {
		for (int s = 0; sim->conns[i] && s < 2; s++) {
			while (sim->conns[i]->head[s]) {
				struct sim_message *next = sim->conns[i]->head[s]->next;

				free(sim->conns[i]->head[s]);
				sim->conns[i]->head[s] = next;
			}
		}
		free(sim->conns[i]);
	}
	effects_fini(&sim->fx);
	free(sim->conns);
	free(sim->heap);
	free(sim->nodes);
	free(sim->edges);
	if (sim->trace)
		fclose(sim->trace);
}
