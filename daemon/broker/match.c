// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: match: which providers a query could use, and what each would cost
 */
#include "daemon/broker/internal.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"

static const char *const verdict_texts[] = {
	"suitable, but not asked: others were nearer or drawn",
	"asked, no answer yet",
	"offered, but another offer was better",
	"chosen",
	"version is not in the range",
	"implements another interface",
	"speaks another protocol",
	"does not serve the zone",
	"lacks a capability",
	"needs a credential the user does not have",
	"fails its health check",
	"is draining",
	"cannot be reached",
	"too slow",
	"too dear",
	"has too little to offer",
	"refused or was silent just now",
	"did not answer",
	"refused",
	"was chosen and is lost",
};

_Static_assert(ARRAY_SIZE(verdict_texts) == __BROKER_VERDICT_END, "every one has a text");

const char *broker_verdict_text(uint8_t verdict)
{
	return verdict < ARRAY_SIZE(verdict_texts) ? verdict_texts[verdict] : "?";
}

uint32_t query_slots(const struct broker_query *query)
{
	return query->slots ? query->slots : 1;
}

uint32_t query_min_slots(const struct broker_query *query)
{
	return query->min_slots ? query->min_slots : query_slots(query);
}

static bool has_word(const char *rows, size_t row_size, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(rows + i * row_size, word) == 0)
			return true;
	return false;
}

#define HAS_WORD(owner, list, word) \
	has_word((const char *)(owner)->list, sizeof((owner)->list[0]), (owner)->n_##list, word)

/* What the manifest alone says. */
static enum broker_verdict match_manifest(const struct broker_request *request,
					  const struct manifest *m)
{
	const struct broker_query *query = &request->query;

	if (!semver_range_has(&request->range, &m->version))
		return BROKER_WRONG_VERSION;
	if (query->interface[0] && strcmp(query->interface, m->interface) != 0)
		return BROKER_WRONG_INTERFACE;
	if (query->has_protocol && query->protocol != m->protocol)
		return BROKER_WRONG_PROTOCOL;
	if (query->zone[0] && m->n_zones && !HAS_WORD(m, zones, query->zone))
		return BROKER_WRONG_ZONE;
	for (size_t i = 0; i < query->n_capabilities; i++)
		if (!HAS_WORD(m, capabilities, query->capabilities[i]))
			return BROKER_LACKS_CAPABILITY;
	for (size_t i = 0; i < m->n_credentials; i++)
		if (!HAS_WORD(query, credentials, m->credentials[i]))
			return BROKER_NEEDS_CREDENTIAL;
	if (m->slots < query_min_slots(query) || m->cpu_milli < query->min_cpu_milli ||
	    m->memory_mib < query->min_memory_mib)
		return BROKER_TOO_SMALL;
	if (query->max_price_micro && m->price_micro > query->max_price_micro)
		return BROKER_TOO_DEAR;
	return BROKER_ELIGIBLE;
}

static uint64_t expected_us(const struct broker_candidate *candidate)
{
	return candidate->cost_us + candidate->latency_us;
}

static enum broker_verdict match(const struct broker *broker, uint64_t now_ns,
				 const struct broker_request *request,
				 const struct registry_instance *instance,
				 const struct broker_candidate *candidate)
{
	uint32_t max_latency_us = request->query.max_latency_us;
	enum broker_verdict verdict = match_manifest(request, &instance->manifest);

	if (verdict != BROKER_ELIGIBLE)
		return verdict;
	if (instance->state == SERVICE_FAILING)
		return BROKER_FAILING;
	if (instance->state == SERVICE_DRAINING)
		return BROKER_DRAINING;
	if (candidate->cost_us == UINT32_MAX)
		return BROKER_UNREACHABLE;
	if (max_latency_us && expected_us(candidate) > max_latency_us)
		return BROKER_TOO_SLOW;
	if (broker_avoids(broker, now_ns, &candidate->hub, candidate->digest))
		return BROKER_AVOIDED;
	return BROKER_ELIGIBLE;
}

static void candidate_init(const struct broker *broker, uint64_t now_ns,
			   const struct broker_world *world, const struct broker_request *request,
			   const struct registry_instance *instance, struct broker_candidate *ret)
{
	const struct registry_live *live = &instance->live;

	*ret = (struct broker_candidate){
		.hub = instance->manifest.hub,
		.cost_us = world->cost_us(world->arg, &instance->manifest.hub),
		.latency_us = live->latency_us ? live->latency_us : BROKER_LATENCY_US,
		.error_permille = live->error_permille,
		.load_permille = live->load_permille,
		.free_slots = live->free_slots,
		.price_micro = live->price_micro,
	};
	memcpy(ret->digest, instance->digest, SHA256_LEN);
	memcpy(ret->version_text, instance->manifest.version_text, sizeof(ret->version_text));
	ret->verdict = match(broker, now_ns, request, instance, ret);
}

/* Suitable ones first, near ones first. */
static int compare_candidates(const void *a, const void *b)
{
	const struct broker_candidate *x = a, *y = b;
	bool x_fits = x->verdict == BROKER_ELIGIBLE, y_fits = y->verdict == BROKER_ELIGIBLE;
	int order;

	if (x_fits != y_fits)
		return x_fits ? -1 : 1;
	if (x->cost_us != y->cost_us)
		return x->cost_us < y->cost_us ? -1 : 1;
	order = hub_id_cmp(&x->hub, &y->hub);
	return order ? order : memcmp(x->digest, y->digest, SHA256_LEN);
}

void candidates_fill(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		     struct broker_request *request)
{
	size_t first = registry_first(world->registry, request->query.name), n = 0;
	const struct registry_instance *instance;
	_cleanup_free_ struct broker_candidate *all = NULL;

	while ((instance = registry_at(world->registry, first + n)) &&
	       strcmp(instance->manifest.name, request->query.name) == 0)
		n++;
	all = xnew_array(struct broker_candidate, n + 1);
	for (size_t i = 0; i < n; i++)
		candidate_init(broker, now_ns, world, request,
			       registry_at(world->registry, first + i), &all[i]);
	qsort(all, n, sizeof(*all), compare_candidates);
	request->n = n < BROKER_CANDIDATES_MAX ? n : BROKER_CANDIDATES_MAX;
	request->n_more = n - request->n;
	free(request->candidates);
	request->candidates = xmemdup(all, request->n * sizeof(*all));
	request->chosen = -1;
}

uint64_t broker_score(const struct broker_candidate *candidate)
{
	uint64_t score = expected_us(candidate);

	score = score * (1000 + 4 * (uint64_t)candidate->load_permille) / 1000;
	score = score * (1000 + 10 * (uint64_t)candidate->error_permille) / 1000;
	return score + candidate->price_micro + 1; /* 0 says: none */
}

void candidate_check_offer(const struct broker_request *request, struct broker_candidate *candidate)
{
	const struct broker_query *query = &request->query;

	candidate->score = broker_score(candidate);
	if (candidate->slots < query_min_slots(query))
		candidate->verdict = BROKER_TOO_SMALL;
	else if (query->max_price_micro && candidate->price_micro > query->max_price_micro)
		candidate->verdict = BROKER_TOO_DEAR;
	else
		candidate->verdict = BROKER_OFFERED;
}

bool broker_avoids(const struct broker *broker, uint64_t now_ns, const struct hub_id *hub,
		   const uint8_t *digest)
{
	for (size_t i = 0; i < BROKER_AVOIDED_MAX; i++) {
		const struct broker_avoided *avoided = &broker->avoided[i];

		if (now_ns < avoided->until_ns && hub_id_equal(&avoided->hub, hub) &&
		    memcmp(avoided->digest, digest, SHA256_LEN) == 0)
			return true;
	}
	return false;
}

void broker_avoid(struct broker *broker, uint64_t now_ns, const struct broker_candidate *candidate,
		  uint64_t for_ns)
{
	struct broker_avoided *avoided = &broker->avoided[broker->next_avoided];

	broker->next_avoided = (broker->next_avoided + 1) % BROKER_AVOIDED_MAX;
	avoided->hub = candidate->hub;
	memcpy(avoided->digest, candidate->digest, SHA256_LEN);
	avoided->until_ns = now_ns + for_ns;
}
