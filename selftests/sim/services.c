// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: services: providers that come, change and go
 *
 * With --services N every Nth hub provides "speech".  While there is trouble
 * providers change version, fail, recover, and stop offering; when all is
 * mended every hub must know exactly what is offered, by whom, in which state.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/registry/registry.h"
#include "selftests/sim/sim.h"

#define SERVICE_NAME "speech"
#define CHANGE_NS (400 * NSEC_PER_MSEC)

static bool is_provider(const struct sim *sim, const struct sim_node *node)
{
	return sim->options.services && node->index % sim->options.services == 0;
}

static struct manifest manifest_of(const struct sim_node *node)
{
	struct manifest manifest = {
		.name = SERVICE_NAME,
		.protocol = MANIFEST_HTTP1,
		.n_endpoints = 1,
		.endpoints = {"127.0.0.1:8080"},
		.slots = SIM_SERVICE_SLOTS,
	};

	snprintf(manifest.version_text, sizeof(manifest.version_text), "1.0.%u", node->patch);
	return manifest;
}

static void offer(struct sim *sim, struct sim_node *node)
{
	struct manifest manifest = manifest_of(node);
	int r = hub_on_service_set(node->hub, node_clock(sim, node), &manifest, &sim->fx);

	if (r)
		sim_fail(sim, "n%d cannot offer its service: %d", node->index, r);
	hub_on_service_state(node->hub, node_clock(sim, node), SERVICE_NAME, manifest.version_text,
			     node->service_state, &sim->fx);
}

static void withdraw(struct sim *sim, struct sim_node *node)
{
	struct manifest manifest = manifest_of(node);

	hub_on_service_removed(node->hub, node_clock(sim, node), SERVICE_NAME,
			       manifest.version_text, &sim->fx);
}

void services_start(struct sim *sim, struct sim_node *node)
{
	if (is_provider(sim, node) && !node->is_withdrawn)
		offer(sim, node);
}

static void change(struct sim *sim, struct sim_node *node)
{
	sim_trace(sim, node->index, "service change patch=%u state=%u withdrawn=%d", node->patch,
		  node->service_state, node->is_withdrawn);
	switch (prng_below(&sim->rng, 4)) {
	case 0:
		withdraw(sim, node);
		node->is_withdrawn = !node->is_withdrawn;
		break;
	case 1:
		node->service_state = (uint8_t)prng_below(&sim->rng, __SERVICE_STATE_END);
		break;
	default: /* make before break: both are there for a moment */
		if (!node->is_withdrawn)
			offer(sim, node);
		withdraw(sim, node);
		node->patch++;
	}
	if (!node->is_withdrawn)
		offer(sim, node);
}

void services_on_event(struct sim *sim)
{
	struct sim_node *node = &sim->nodes[prng_below(&sim->rng, sim->n_nodes)];

	if (is_provider(sim, node) && node->is_alive) {
		change(sim, node);
		node_run_effects(sim, node);
	}
	sim_schedule(sim, sim->now_ns + CHANGE_NS, (struct sim_event){.kind = SIM_SERVICE});
}

static bool sees(const struct sim *sim, const struct sim_node *node, const struct sim_node *other,
		 char *why, size_t size)
{
	const struct registry *registry = hub_get_registry(node->hub);
	struct manifest manifest = manifest_of(other);

	for (size_t i = registry_first(registry, SERVICE_NAME); i < registry_count(registry); i++) {
		const struct registry_instance *instance = registry_at(registry, i);

		if (hub_id_equal(&instance->manifest.hub, &other->id) &&
		    strcmp(instance->manifest.version_text, manifest.version_text) == 0 &&
		    instance->state == other->service_state)
			return true;
	}
	snprintf(why, size, "n%d does not see n%d's service %s in state %u", node->index,
		 other->index, manifest.version_text, other->service_state);
	return false;
}

bool services_converged(const struct sim *sim, char *why, size_t size)
{
	size_t offered = 0;

	for (int i = 0; i < sim->n_nodes; i++)
		offered += is_provider(sim, &sim->nodes[i]) && !sim->nodes[i].is_withdrawn;
	for (int i = 0; i < sim->n_nodes; i++) {
		const struct sim_node *node = &sim->nodes[i];
		size_t known = registry_count(hub_get_registry(node->hub));

		if (known != offered) {
			snprintf(why, size, "n%d knows %zu services of %zu", i, known, offered);
			return false;
		}
		for (int k = 0; k < sim->n_nodes; k++) {
			const struct sim_node *other = &sim->nodes[k];

			if (is_provider(sim, other) && !other->is_withdrawn &&
			    !sees(sim, node, other, why, size))
				return false;
		}
	}
	return true;
}
