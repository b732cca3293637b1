// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: versions: a new version comes to half of the providers
 *
 * With --deploy every user (--requests) makes ten requests a second to the
 * provider it has; one in a hundred fails, times are log-normal.  At
 * DEPLOY_NS every second provider replaces its version by the next.  With
 * "errors" three in ten requests to that fail, with "slow" they take three
 * times as long: LEAVE_NS later no user may be there, and those who left must
 * not crowd at few of the rest.  With "good" it is as the old one was: no hub
 * may have rolled it back.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "selftests/sim/sim.h"

#define USE_NS (100 * NSEC_PER_MSEC) /* between two requests of a user */
#define DEPLOY_NS (60 * NSEC_PER_SEC)
#define LEAVE_NS (90 * NSEC_PER_SEC)
#define USUAL_ERRORS 0.01
#define BAD_ERRORS 0.3
#define USUAL_LATENCY_US 10000
#define SLOWER 3
#define SIGMA 0.7 /* of the logarithm of a time */

static bool is_deploying(const struct sim *sim, const char *how)
{
	return sim->options.deploy && !strcmp(sim->options.deploy, how);
}

static bool is_bad(const struct sim *sim)
{
	return is_deploying(sim, "errors") || is_deploying(sim, "slow");
}

void versions_begin(struct sim *sim)
{
	if (!sim->options.deploy)
		return;
	sim_schedule(sim, SIM_REQUEST_NS, (struct sim_event){.kind = SIM_USE});
	sim_schedule(sim, DEPLOY_NS, (struct sim_event){.kind = SIM_DEPLOY});
}

void versions_on_deploy(struct sim *sim)
{
	sim->deployed_ns = sim->left_ns = sim->now_ns;
	for (int i = 0; i < sim->n_nodes; i++)
		if (i / (sim->options.services ?: 1) % 2)
			services_deploy(sim, &sim->nodes[i]);
}

static double uniform(struct sim *sim)
{
	return (double)(prng_next(&sim->rng) >> 11) * 0x1p-53;
}

static uint64_t latency_us(struct sim *sim)
{
	double normal = sqrt(-2 * log(1 - uniform(sim))) * cos(2 * M_PI * uniform(sim));

	return (uint64_t)(USUAL_LATENCY_US * exp(SIGMA * normal));
}

static void use(struct sim *sim, struct sim_node *node)
{
	const struct broker_request *request =
		broker_find(hub_get_broker(node->hub), node->request);
	const struct broker_candidate *chosen;
	uint64_t us = latency_us(sim);
	double errors = USUAL_ERRORS;

	if (!request || request->state != BROKER_STATE_LEASED)
		return;
	chosen = &request->candidates[request->chosen];
	if (strcmp(chosen->version_text, "1.0.0") != 0) {
		sim->left_ns = sim->now_ns;
		errors = is_deploying(sim, "errors") ? BAD_ERRORS : errors;
		us *= is_deploying(sim, "slow") ? SLOWER : 1;
	}
	sim->uses++;
	errors = uniform(sim) < errors;
	sim->uses_failed += errors > 0;
	if (hub_on_service_result(node->hub, node_clock(sim, node), &chosen->hub, chosen->digest,
				  errors > 0, us))
		hub_on_timer(node->hub, node_clock(sim, node), &sim->fx);
	node_run_effects(sim, node);
}

void versions_on_use(struct sim *sim)
{
	for (int i = 0; i < sim->n_nodes; i++)
		if (sim->nodes[i].is_alive)
			use(sim, &sim->nodes[i]);
	sim_schedule(sim, sim->now_ns + USE_NS, (struct sim_event){.kind = SIM_USE});
}

void versions_keep(struct sim_node *node)
{
	const struct versions *versions = hub_get_versions(node->hub);
	const struct versions_ruling *ruling;

	for (node->n_rulings = 0; (ruling = versions_ruling_at(versions, node->n_rulings));) {
		node->rulings =
			xreallocarray(node->rulings, node->n_rulings + 1, sizeof(*node->rulings));
		node->rulings[node->n_rulings++] = *ruling;
	}
}

void versions_restore(struct sim_node *node)
{
	for (size_t i = 0; i < node->n_rulings; i++)
		hub_on_version_ruling(node->hub, &node->rulings[i]);
}

uint64_t versions_providers(const struct sim *sim, uint64_t providers)
{
	return is_bad(sim) ? (providers + 1) / 2 : providers;
}

void versions_check(struct sim *sim)
{
	for (int i = 0; i < sim->n_nodes; i++) {
		const struct versions *versions = hub_get_versions(sim->nodes[i].hub);
		const struct versions_ruling *ruling;

		for (size_t k = 0; (ruling = versions_ruling_at(versions, k)); k++)
			sim->rollbacks += ruling->kind == VERSIONS_ROLLED_BACK;
	}
	if (is_deploying(sim, "good") && sim->rollbacks)
		sim_fail(sim, "%llu hubs rolled back a good version",
			 (unsigned long long)sim->rollbacks);
	if (is_bad(sim) && (!sim->rollbacks || sim->left_ns > sim->deployed_ns + LEAVE_NS))
		sim_fail(sim, "a bad version had users %llu s after it came; %llu hubs left it",
			 (unsigned long long)((sim->left_ns - sim->deployed_ns) / NSEC_PER_SEC),
			 (unsigned long long)sim->rollbacks);
}
