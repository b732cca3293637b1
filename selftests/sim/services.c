// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: services: providers that come, change and go
 *
 * With --services N every Nth hub provides "speech"; with --requests every hub
 * has a user of it, who asks at the same moment and keeps what he gets.  While there is trouble
 * providers change version, fail, recover, and stop offering; when all is
 * mended every hub must know exactly what is offered, by whom, in which state.
 * With --slow MS providers hear everything so much later, as on machines that
 * are loaded: without faults every user must have one SERVED_NS after all have asked.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/registry/registry.h"
#include "selftests/sim/sim.h"

#define SERVICE_NAME "speech"
#define HERD 3 /* times the mean: more is a herd; near providers may well have twice */
#define SERVED_NS (5 * NSEC_PER_SEC)
#define CHANGE_NS (400 * NSEC_PER_MSEC)

static bool is_provider(const struct sim *sim, const struct sim_node *node)
{
	return sim->options.services && node->index % sim->options.services == 0;
}

/* Half more, or less: a machine with too much to do has no fixed delay. */
uint64_t services_slowness_ns(struct sim *sim, int node)
{
	uint64_t mean_ns = sim->options.slow_ms * NSEC_PER_MSEC;

	if (!mean_ns || !is_provider(sim, &sim->nodes[node]))
		return 0;
	return mean_ns / 2 + prng_below(&sim->rng, mean_ns);
}

static struct manifest manifest_of(const struct sim *sim, const struct sim_node *node)
{
	struct manifest manifest = {
		.name = SERVICE_NAME,
		.protocol = MANIFEST_HTTP1,
		.n_endpoints = 1,
		.endpoints = {"127.0.0.1:8080"},
		.slots = sim->options.slots,
	};

	snprintf(manifest.version_text, sizeof(manifest.version_text), "1.0.%u", node->patch);
	return manifest;
}

static void offer(struct sim *sim, struct sim_node *node)
{
	struct manifest manifest = manifest_of(sim, node);
	int r = hub_on_service_set(node->hub, node_clock(sim, node), &manifest, SERVICE_AVAILABLE,
				   &sim->fx);

	if (r)
		sim_fail(sim, "n%d cannot offer its service: %d", node->index, r);
	hub_on_service_state(node->hub, node_clock(sim, node), SERVICE_NAME, manifest.version_text,
			     node->service_state, &sim->fx);
}

static void withdraw(struct sim *sim, struct sim_node *node)
{
	struct manifest manifest = manifest_of(sim, node);

	hub_on_service_removed(node->hub, node_clock(sim, node), SERVICE_NAME,
			       manifest.version_text, &sim->fx);
}

static uint64_t at_or_now(const struct sim *sim, uint64_t at_ns)
{
	return at_ns > sim->now_ns ? at_ns : sim->now_ns;
}

void services_start(struct sim *sim, struct sim_node *node)
{
	node->request = 0;
	versions_restore(node);
	if (sim->options.has_requests)
		sim_schedule(sim, at_or_now(sim, SIM_REQUEST_NS),
			     (struct sim_event){
				     .kind = SIM_REQUEST, .node = node->index, .a = node->life});
	if (is_provider(sim, node) && !node->is_withdrawn)
		offer(sim, node);
}

/* Make before break: both are there for a moment. */
static void upgrade(struct sim *sim, struct sim_node *node)
{
	if (!node->is_withdrawn)
		offer(sim, node);
	withdraw(sim, node);
	node->patch++;
}

void services_deploy(struct sim *sim, struct sim_node *node)
{
	if (!is_provider(sim, node) || !node->is_alive)
		return;
	upgrade(sim, node);
	offer(sim, node);
	node_run_effects(sim, node);
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
	default:
		upgrade(sim, node);
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
	struct manifest manifest = manifest_of(sim, other);

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

/* ---- requests ------------------------------------------------------------ */

void services_request(struct sim *sim, struct sim_node *node)
{
	struct broker_query query = {
		.name = SERVICE_NAME, .range_text = "^1.0.0", .lease_ms = 4000, .keep = true};

	node->request = hub_on_service_resolve(node->hub, node_clock(sim, node), &query, &sim->fx);
	if (!node->request)
		sim_fail(sim, "n%d cannot ask for a service", node->index);
	node_run_effects(sim, node);
}

/* No provider has leased more than it has, in any version of its service. */
static void check_capacity(struct sim *sim, const struct sim_node *node)
{
	const struct broker *broker = hub_get_broker(node->hub);
	const struct broker_lease *lease;

	for (size_t i = 0; (lease = broker_lease_at(broker, i)); i++) {
		uint32_t slots = broker_slots_leased(broker, lease->digest);

		if (slots > sim->options.slots)
			sim_fail(sim, "n%d has leased %u slots of %u", node->index, slots,
				 sim->options.slots);
	}
}

static bool has_granted(const struct sim_node *provider, const struct sim_node *user,
			const struct broker_request *request)
{
	const struct broker *broker = hub_get_broker(provider->hub);
	uint64_t epoch = hub_get_settings(user->hub)->boot_epoch;
	const struct broker_lease *lease;

	for (size_t i = 0; (lease = broker_lease_at(broker, i)); i++)
		if (lease->request == request->id && lease->epoch == epoch &&
		    hub_id_equal(&lease->hub, &user->id) && lease->slots >= request->slots)
			return true;
	return false;
}

/* Whoever believes to have a lease has one, unless the provider began a new life. */
static void check_belief(struct sim *sim, const struct sim_node *node)
{
	const struct broker_request *request =
		broker_find(hub_get_broker(node->hub), node->request);
	const struct sim_node *provider;

	if (!request || request->state != BROKER_STATE_LEASED ||
	    node_clock(sim, node) >= request->until_ns)
		return;
	provider = &sim->nodes[node_by_id(sim, &request->candidates[request->chosen].hub)];
	if (!provider->is_alive ||
	    hub_get_settings(provider->hub)->boot_epoch != request->provider_epoch)
		return;
	if (!has_granted(provider, node, request))
		sim_fail(sim, "n%d believes to have a lease at n%d, which knows of none",
			 node->index, provider->index);
}

static void note_served(struct sim *sim)
{
	for (int i = 0; i < sim->n_nodes; i++) {
		const struct sim_node *node = &sim->nodes[i];
		const struct broker_request *request =
			node->is_alive ? broker_find(hub_get_broker(node->hub), node->request)
				       : NULL;

		if (!request || request->state != BROKER_STATE_LEASED)
			return;
	}
	sim->served_ns = sim->now_ns - SIM_REQUEST_NS;
}

void services_check_leases(struct sim *sim)
{
	if (!sim->served_ns)
		note_served(sim);
	for (int i = 0; i < sim->n_nodes; i++) {
		if (!sim->nodes[i].is_alive)
			continue;
		check_capacity(sim, &sim->nodes[i]);
		check_belief(sim, &sim->nodes[i]);
	}
}

static size_t available_slots(const struct sim *sim)
{
	size_t slots = 0;

	for (int i = 0; i < sim->n_nodes; i++)
		if (is_provider(sim, &sim->nodes[i]) && !sim->nodes[i].is_withdrawn &&
		    sim->nodes[i].service_state == SERVICE_AVAILABLE)
			slots += sim->options.slots;
	return slots;
}

/* With room for all, all are served; a few providers' shares may leave slots unused. */
static bool all_are_served(const struct sim *sim, char *why, size_t size)
{
	size_t wanted = (size_t)sim->n_nodes + sim->n_nodes / 4;

	if (!sim->options.has_requests || available_slots(sim) < wanted)
		return true;
	for (int i = 0; i < sim->n_nodes; i++) {
		const struct sim_node *node = &sim->nodes[i];
		const struct broker_request *request =
			broker_find(hub_get_broker(node->hub), node->request);

		if (!request || request->state != BROKER_STATE_LEASED) {
			snprintf(why, size, "n%d's user has no provider: %s", i,
				 request ? broker_state_name(request->state) : "did not ask");
			return false;
		}
	}
	return true;
}

/* Everybody asked at once: no provider may have drawn far more than its part. */
static void check_spread(struct sim *sim)
{
	uint64_t providers = sim->options.services
				     ? (uint64_t)(sim->n_nodes - 1) / sim->options.services + 1
				     : 0;

	providers = versions_providers(sim, providers);
	if (sim->options.has_requests && !strcmp(sim->options.faults, "none") &&
	    sim->leases_max * providers > HERD * sim->leases_all)
		sim_fail(sim, "one of %llu providers has %llu of %llu leases",
			 (unsigned long long)providers, (unsigned long long)sim->leases_max,
			 (unsigned long long)sim->leases_all);
}

void services_count(struct sim *sim)
{
	for (int i = 0; i < sim->n_nodes; i++) {
		const struct broker *broker = hub_get_broker(sim->nodes[i].hub);
		uint64_t n = 0;

		while (broker_lease_at(broker, n))
			n++;
		sim->granted += broker_counters(broker)->granted;
		sim->refused += broker_counters(broker)->refused;
		sim->leases_all += n;
		sim->providers_used += n > 0;
		if (n > sim->leases_max)
			sim->leases_max = n;
	}
	check_spread(sim);
	if (sim->options.slow_ms && !strcmp(sim->options.faults, "none") &&
	    (!sim->served_ns || sim->served_ns > SERVED_NS))
		sim_fail(sim, "users had to wait %llu ms for slow providers",
			 (unsigned long long)(sim->served_ns / NSEC_PER_MSEC));
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
	return all_are_served(sim, why, size);
}
