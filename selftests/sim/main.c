// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: main: one simulated run
 *
 * Phases: boot, trouble (faults of the kinds asked for), heal (everything is
 * mended; the mesh must converge within HEAL_LIMIT_NS), seals (every pair, or
 * a sample, must be able to deliver).  Safety is checked all the time.
 * Same options, same trace: the digest at the end says so.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "selftests/sim/sim.h"

#define HEAL_LIMIT_NS (90 * NSEC_PER_SEC)
#define SEAL_LIMIT_NS (60 * NSEC_PER_SEC)
#define CHECK_NS (250 * NSEC_PER_MSEC)
#define SEAL_PAIRS_MAX 400
#define LEASES_NS (100 * NSEC_PER_MSEC)
#define CUT_HUBS_MAX 64 /* every pair for every wire: bigger meshes take minutes */
#define BOOT_NS (6 * NSEC_PER_SEC)

static void schedule_faults(struct sim *sim)
{
	uint64_t end = sim->options.seconds * NSEC_PER_SEC;

	for (uint64_t at = BOOT_NS; at < end;
	     at += NSEC_PER_SEC / 2 + prng_below(&sim->rng, 2 * NSEC_PER_SEC))
		sim_schedule(sim, at, (struct sim_event){.kind = SIM_FAULT});
}

static void cut_edge(struct sim *sim, int e, uint64_t for_ns)
{
	sim_trace(sim, -1, "cut edge=%d n%d-n%d", e, sim->edges[e].node[0], sim->edges[e].node[1]);
	sim->edges[e].is_up = false;
	sim_schedule(sim, sim->now_ns + for_ns,
		     (struct sim_event){.kind = SIM_EDGE_HEAL, .edge = e});
}

static void partition(struct sim *sim)
{
	int border = 1 + prng_below(&sim->rng, sim->n_nodes);
	uint64_t for_ns = 2 * NSEC_PER_SEC + prng_below(&sim->rng, 15 * NSEC_PER_SEC);

	for (int e = 0; e < sim->n_edges; e++) {
		if ((sim->edges[e].node[0] < border) != (sim->edges[e].node[1] < border))
			cut_edge(sim, e, for_ns);
	}
}

static void kill_node(struct sim *sim, bool nicely)
{
	struct sim_node *node = &sim->nodes[prng_below(&sim->rng, sim->n_nodes)];

	if (!node->is_alive)
		return;
	if (nicely)
		node_stop(sim, node);
	else
		node_crash(sim, node);
	sim_schedule(sim,
		     sim->now_ns + NSEC_PER_SEC / 10 + prng_below(&sim->rng, 12 * NSEC_PER_SEC),
		     (struct sim_event){.kind = SIM_NODE_START, .node = node->index});
}

static void on_fault(struct sim *sim)
{
	switch (prng_below(&sim->rng, 4)) {
	case 0:
		if (sim->options.has_cut && sim->n_edges)
			cut_edge(sim, prng_below(&sim->rng, sim->n_edges),
				 NSEC_PER_SEC / 20 + prng_below(&sim->rng, 8 * NSEC_PER_SEC));
		break;
	case 1:
		if (sim->options.has_partition && prng_below(&sim->rng, 3) == 0)
			partition(sim);
		break;
	case 2:
		if (sim->options.has_crash)
			kill_node(sim, false);
		break;
	default:
		if (sim->options.has_restart)
			kill_node(sim, true);
	}
}

static void on_traffic(struct sim *sim)
{
	int a = prng_below(&sim->rng, sim->n_nodes), b = prng_below(&sim->rng, sim->n_nodes);

	if (a != b && sim_has_frames(sim, a, b))
		kernel_send_frame(sim, a, b);
	sim_schedule(sim, sim->now_ns + prng_below(&sim->rng, 60 * NSEC_PER_MSEC),
		     (struct sim_event){.kind = SIM_TRAFFIC});
}

static void on_timer(struct sim *sim, const struct sim_event *event)
{
	struct sim_node *node = &sim->nodes[event->node];

	if (!node->is_alive || node->life != event->a || node->timer != event->at_ns)
		return;
	node->timer = NEVER;
	hub_on_timer(node->hub, node_clock(sim, node), &sim->fx);
	node_run_effects(sim, node);
}

static void dispatch(struct sim *sim, const struct sim_event *event)
{
	switch (event->kind) {
	case SIM_TIMER:
		on_timer(sim, event);
		break;
	case SIM_PROBE:
		kernel_probe_all(sim);
		sim_schedule(sim, sim->now_ns + SIM_PROBE_NS,
			     (struct sim_event){.kind = SIM_PROBE});
		break;
	case SIM_FAULT:
		on_fault(sim);
		break;
	case SIM_EDGE_HEAL:
		sim->edges[event->edge].is_up = true;
		sim_trace(sim, -1, "mend edge=%d", event->edge);
		break;
	case SIM_NODE_START:
		node_start(sim, &sim->nodes[event->node]);
		break;
	case SIM_TRAFFIC:
		on_traffic(sim);
		break;
	case SIM_CHECK:
		break;
	case SIM_REQUEST:
		if (sim->nodes[event->node].is_alive && sim->nodes[event->node].life == event->a)
			services_request(sim, &sim->nodes[event->node]);
		break;
	case SIM_LEASES:
		services_check_leases(sim);
		sim_schedule(sim, sim->now_ns + LEASES_NS, (struct sim_event){.kind = SIM_LEASES});
		break;
	case SIM_DEPLOY:
		versions_on_deploy(sim);
		break;
	case SIM_USE:
		versions_on_use(sim);
		break;
	case SIM_REVOKE:
		revocations_on_event(sim);
		break;
	case SIM_SERVICE:
		if (!sim->heal_ns)
			services_on_event(sim);
		break;
	default:
		net_on_event(sim, event);
	}
	free(event->bytes);
}

/* Run until @until, or until the mesh has converged when @stop_converged. */
static bool run_until(struct sim *sim, uint64_t until, bool stop_converged, char *why, size_t size)
{
	uint64_t next_check = sim->now_ns;
	struct sim_event event;

	while (!sim->failure[0] && sim_pop(sim, &event)) {
		dispatch(sim, &event);
		if (stop_converged && sim->now_ns >= next_check) {
			next_check = sim->now_ns + CHECK_NS;
			if (sim->list_number ? revocations_converged(sim, why, size)
					     : check_converged(sim, why, size))
				return true;
		}
		if (sim->now_ns >= until)
			return false;
	}
	return false;
}

static bool seal_sample(struct sim *sim, uint32_t pair, int *a, int *b)
{
	uint32_t n = sim->n_nodes, all = n * (n - 1), step = 1;

	if (all > SEAL_PAIRS_MAX)
		step = all / SEAL_PAIRS_MAX + 1;
	pair *= step;
	if (pair >= all)
		return false;
	*a = pair / (n - 1);
	*b = pair % (n - 1);
	*b += *b >= *a;
	return true;
}

/* Every sampled pair must deliver; frames are sent anew twice a second. */
static bool phase_seals(struct sim *sim)
{
	uint64_t limit = sim->now_ns + SEAL_LIMIT_NS, start = sim->now_ns;
	int a = 0, b = 0, missing_a = 0, missing_b = 0;

	while (!sim->failure[0]) {
		uint32_t missing = 0;
		char why[8];

		for (uint32_t p = 0; seal_sample(sim, p, &a, &b); p++) {
			if (sim_has_frames(sim, a, b) && !kernel_send_frame(sim, a, b)) {
				missing++;
				missing_a = a;
				missing_b = b;
			}
		}
		sim->seals_ns = sim->now_ns - start;
		if (!missing)
			return true;
		if (sim->now_ns >= limit) {
			sim_fail(sim, "%u pairs cannot deliver, e.g. n%d to n%d", missing,
				 missing_a, missing_b);
			return false;
		}
		sim_schedule(sim, sim->now_ns + CHECK_NS, (struct sim_event){.kind = SIM_CHECK});
		run_until(sim, sim->now_ns + CHECK_NS, false, why, sizeof(why));
	}
	return false;
}

static void heal(struct sim *sim)
{
	sim_trace(sim, -1, "heal");
	sim->heal_ns = sim->now_ns;
	for (int e = 0; e < sim->n_edges; e++)
		sim->edges[e].is_up = true;
	for (int i = 0; i < sim->n_nodes; i++)
		node_start(sim, &sim->nodes[i]);
}

static bool run(struct sim *sim)
{
	const struct sim_options *o = &sim->options;
	char why[256] = "";

	for (int i = 0; i < sim->n_nodes; i++)
		sim_schedule(sim, prng_below(&sim->rng, 500 * NSEC_PER_MSEC),
			     (struct sim_event){.kind = SIM_NODE_START, .node = i});
	sim_schedule(sim, 0, (struct sim_event){.kind = SIM_PROBE});
	sim_schedule(sim, BOOT_NS, (struct sim_event){.kind = SIM_TRAFFIC});
	if (o->has_requests)
		sim_schedule(sim, SIM_REQUEST_NS, (struct sim_event){.kind = SIM_LEASES});
	versions_begin(sim);
	revocations_begin(sim);
	if (o->has_churn)
		sim_schedule(sim, BOOT_NS, (struct sim_event){.kind = SIM_SERVICE});
	if (o->has_cut || o->has_partition || o->has_crash || o->has_restart)
		schedule_faults(sim);
	else if (!o->has_revoke &&
		 run_until(sim, o->seconds * NSEC_PER_SEC, true, why, sizeof(why)))
		sim->first_converged_ns = sim->now_ns;
	run_until(sim, o->seconds * NSEC_PER_SEC, false, why, sizeof(why));
	if (sim->failure[0])
		return false;
	heal(sim);
	if (!run_until(sim, sim->now_ns + HEAL_LIMIT_NS, true, why, sizeof(why))) {
		sim_fail(sim, "not converged %llu s after healing: %s",
			 (unsigned long long)(HEAL_LIMIT_NS / NSEC_PER_SEC), why);
		return false;
	}
	sim->converged_ns = sim->now_ns - sim->heal_ns;
	if (o->has_revoke)
		return true;
	services_count(sim);
	versions_check(sim);
	if (sim->n_nodes <= CUT_HUBS_MAX)
		kernel_cut_each(sim);
	return !sim->failure[0] && phase_seals(sim);
}

static bool parse_faults(struct sim_options *o)
{
	char *copy = xstrdup(o->faults), *save = NULL;
	bool ok = true;

	for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (!strcmp(word, "loss"))
			o->has_loss = true;
		else if (!strcmp(word, "cut"))
			o->has_cut = true;
		else if (!strcmp(word, "partition"))
			o->has_partition = true;
		else if (!strcmp(word, "crash"))
			o->has_crash = true;
		else if (!strcmp(word, "restart"))
			o->has_restart = true;
		else if (!strcmp(word, "drift"))
			o->has_drift = true;
		else if (!strcmp(word, "rekey"))
			o->has_rekey = true;
		else if (!strcmp(word, "churn"))
			o->has_churn = true;
		else if (!strcmp(word, "revoke"))
			o->has_revoke = true;
		else if (strcmp(word, "none"))
			ok = false;
	}
	free(copy);
	return ok;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: sim [--seed N] [--topology line|ring|evenring|grid|star|random] "
		"[--hubs N]\n"
		"           [--seconds N] [--faults loss,cut,partition,crash,restart,drift,"
		"rekey,churn,revoke]\n           [--services EVERY_NTH] [--slots N] [--requests] "
		"[--deploy good|errors|slow]\n           [--slow MS] [--bare EVERY_NTH] [--trace "
		"FILE] [--verbose]\n");
	return 2;
}

static void print_result(const struct sim *sim, bool ok)
{
	const struct sim_options *o = &sim->options;

	printf("%s seed=%llu topology=%s hubs=%d faults=%s digest=%016llx events=%llu "
	       "first_ms=%llu converged_ms=%llu seals_ms=%llu frames=%llu delivered=%llu "
	       "loops=%llu promotions=%llu leases=%llu max=%llu providers=%llu granted=%llu "
	       "refused=%llu cut_walks=%llu cut_lost=%llu left_ms=%llu rollbacks=%llu uses=%llu "
	       "failed=%llu spread_ms=%llu served_ms=%llu\n",
	       ok ? "PASS" : "FAIL", (unsigned long long)o->seed, o->topology, o->hubs, o->faults,
	       (unsigned long long)sim->digest, (unsigned long long)sim->events,
	       (unsigned long long)sim->first_converged_ns / 1000000,
	       (unsigned long long)sim->converged_ns / 1000000,
	       (unsigned long long)sim->seals_ns / 1000000, (unsigned long long)sim->frames_sent,
	       (unsigned long long)sim->frames_delivered, (unsigned long long)sim->loops,
	       (unsigned long long)sim->promotions, (unsigned long long)sim->leases_all,
	       (unsigned long long)sim->leases_max, (unsigned long long)sim->providers_used,
	       (unsigned long long)sim->granted, (unsigned long long)sim->refused,
	       (unsigned long long)sim->walks_repaired, (unsigned long long)sim->walks_lost,
	       (unsigned long long)(sim->left_ns - sim->deployed_ns) / 1000000,
	       (unsigned long long)sim->rollbacks, (unsigned long long)sim->uses,
	       (unsigned long long)sim->uses_failed, (unsigned long long)sim->spread_ns / 1000000,
	       (unsigned long long)sim->served_ns / 1000000);
	if (!ok)
		printf("%s\nrepeat: sim --seed %llu --topology %s --hubs %d --seconds %llu "
		       "--faults %s --services %d --slots %u --slow %u --bare %d%s%s%s "
		       "--trace sim.trace\n",
		       sim->failure, (unsigned long long)o->seed, o->topology, o->hubs,
		       (unsigned long long)o->seconds, o->faults, o->services, o->slots, o->slow_ms,
		       o->bare, o->has_requests ? " --requests" : "", o->deploy ? " --deploy " : "",
		       o->deploy ?: "");
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"seed", 1, NULL, 's'},	    {"services", 1, NULL, 'S'},
		{"requests", 0, NULL, 'R'}, {"slots", 1, NULL, 'L'},
		{"deploy", 1, NULL, 'D'},   {"topology", 1, NULL, 't'},
		{"hubs", 1, NULL, 'n'},	    {"seconds", 1, NULL, 'T'},
		{"faults", 1, NULL, 'f'},   {"slow", 1, NULL, 'w'},
		{"bare", 1, NULL, 'b'},	    {"trace", 1, NULL, 'o'},
		{"verbose", 0, NULL, 'v'},  {0}};
	struct sim_options o = {.seed = 1,
				.topology = "ring",
				.hubs = 8,
				.seconds = 30,
				.faults = "none",
				.slots = 8};
	struct sim sim;
	bool ok;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			o.seed = strtoull(optarg, NULL, 0);
			break;
		case 'L':
			o.slots = (uint32_t)atoi(optarg);
			break;
		case 'w':
			o.slow_ms = (uint32_t)atoi(optarg);
			break;
		case 'b':
			o.bare = atoi(optarg);
			break;
		case 'D':
			o.deploy = optarg;
			break;
		case 'R':
			o.has_requests = true;
			break;
		case 'S':
			o.services = atoi(optarg);
			break;
		case 't':
			o.topology = optarg;
			break;
		case 'n':
			o.hubs = atoi(optarg);
			break;
		case 'T':
			o.seconds = strtoull(optarg, NULL, 0);
			break;
		case 'f':
			o.faults = optarg;
			break;
		case 'o':
			o.trace_path = optarg;
			break;
		case 'v':
			o.verbose = true;
			break;
		default:
			return usage();
		}
	}
	if (o.hubs < 2 || o.hubs > SIM_HUBS_MAX || o.services < 0 || o.slots < 1 || o.bare < 0 ||
	    o.bare == 1 || o.slots > MANIFEST_SLOTS_MAX || !parse_faults(&o))
		return usage();
	sim_init(&sim, &o);
	ok = run(&sim);
	print_result(&sim, ok);
	sim_fini(&sim);
	return ok ? 0 : 1;
}
