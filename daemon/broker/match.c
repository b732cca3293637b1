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
	"version is rolled back",
	"another version is pinned",
	"in the share of another version",
	"fails more than others do; taken for want of them only",
	"another provider than this one is asked for",
	"takes datagrams only, which must be asked for: protocol: udp",
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
	if (query->has_protocol && !manifest_protocol_serves(m->protocol, query->protocol))
		return BROKER_WRONG_PROTOCOL;
	if (query->is_stream && m->protocol == MANIFEST_UDP)
		return BROKER_DATAGRAMS;
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
	if (request->query.has_not && hub_id_equal(&candidate->hub, &request->query.not_hub))
		return BROKER_NOT_THIS;
	if (broker_avoids(broker, now_ns, candidate, BROKER_AVOID_REFUSED) ||
	    broker_avoids(broker, now_ns, candidate, BROKER_AVOID_SILENT))
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
		.epoch = world->epoch(world->arg, &instance->manifest.hub),
		.state_ns = instance->state_ns,
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

/* Tiers a request may go to; who has a shared provider has no use for the last. */
static uint8_t last_tier(const struct broker_request *request)
{
	return request->query.shared[0] ? BROKER_TIER_SECOND : BROKER_TIER_LAST;
}

/* Who belongs to a later tier than the first that offers the service is told so. */
static void rank_candidates(const struct broker *broker, uint64_t now_ns,
			    const struct broker_world *world, const struct broker_request *request,
			    size_t first, struct broker_candidate *list, size_t n)
{
	uint8_t open = BROKER_TIER_NEVER;

	for (size_t i = 0; i < n; i++) {
		struct broker_rank rank = {BROKER_TIER_FIRST, BROKER_ELIGIBLE};

		if (world->rank)
			rank = world->rank(world->arg, registry_at(world->registry, first + i),
					   request->draw);
		if (rank.tier < BROKER_TIER_LAST &&
		    broker_avoids(broker, now_ns, &list[i], BROKER_AVOID_EJECTED))
			rank = (struct broker_rank){BROKER_TIER_LAST, BROKER_EJECTED};
		else if (rank.tier < BROKER_TIER_LAST &&
			 broker_avoids(broker, now_ns, &list[i], BROKER_AVOID_LOST))
			rank = (struct broker_rank){BROKER_TIER_LAST, BROKER_AVOIDED};
		list[i].tier = rank.tier;
		list[i].closed = rank.verdict;
		if (list[i].verdict == BROKER_ELIGIBLE && rank.tier < open)
			open = rank.tier;
	}
	if (open > last_tier(request))
		open = last_tier(request);
	for (size_t i = 0; i < n; i++)
		if (list[i].verdict == BROKER_ELIGIBLE && list[i].tier > open)
			list[i].verdict = list[i].closed;
}

/* Would its tier be asked if those before it refuse? */
static bool is_waiting(const struct broker_candidate *candidate)
{
	return candidate->tier < BROKER_TIER_NEVER && candidate->tier > BROKER_TIER_FIRST &&
	       candidate->verdict == candidate->closed;
}

/* Suitable ones first, then those that may become so; near ones first. */
static int compare_candidates(const void *a, const void *b)
{
	const struct broker_candidate *x = a, *y = b;
	bool x_fits = x->verdict == BROKER_ELIGIBLE, y_fits = y->verdict == BROKER_ELIGIBLE;
	bool x_waits = is_waiting(x), y_waits = is_waiting(y);
	int order;

	if (x_fits != y_fits)
		return x_fits ? -1 : 1;
	if (x_waits != y_waits)
		return x_waits ? -1 : 1;
	if (x->cost_us != y->cost_us)
		return x->cost_us < y->cost_us ? -1 : 1;
	order = hub_id_cmp(&x->hub, &y->hub);
	return order ? order : memcmp(x->digest, y->digest, SHA256_LEN);
}

/* All instances of the service, in the registry's order. Return: owned by the caller. */
static struct broker_candidate *candidates_of(const struct broker *broker, uint64_t now_ns,
					      const struct broker_world *world,
					      const struct broker_request *request, size_t *ret_n)
{
	size_t first = registry_first(world->registry, request->query.name), n = 0;
	const struct registry_instance *instance;
	struct broker_candidate *all;

	while ((instance = registry_at(world->registry, first + n)) &&
	       strcmp(instance->manifest.name, request->query.name) == 0)
		n++;
	all = xnew_array(struct broker_candidate, n + 1);
	for (size_t i = 0; i < n; i++)
		candidate_init(broker, now_ns, world, request,
			       registry_at(world->registry, first + i), &all[i]);
	rank_candidates(broker, now_ns, world, request, first, all, n);
	*ret_n = n;
	return all;
}

bool candidates_has_better(const struct broker *broker, uint64_t now_ns,
			   const struct broker_world *world, const struct broker_request *request,
			   uint8_t tier)
{
	_cleanup_free_ struct broker_candidate *all = NULL;
	bool has_better = false;
	size_t n;

	all = candidates_of(broker, now_ns, world, request, &n);
	for (size_t i = 0; i < n; i++)
		has_better |= all[i].verdict == BROKER_ELIGIBLE && all[i].tier < tier;
	return has_better;
}

size_t candidates_count_able(const struct broker *broker, uint64_t now_ns,
			     const struct broker_world *world, const struct broker_request *request)
{
	_cleanup_free_ struct broker_candidate *all = NULL;
	size_t n, n_able = 0;

	all = candidates_of(broker, now_ns, world, request, &n);
	for (size_t i = 0; i < n; i++)
		n_able += all[i].verdict == BROKER_ELIGIBLE || is_waiting(&all[i]);
	return n_able;
}

bool candidates_open_next(struct broker_request *request)
{
	uint8_t next = BROKER_TIER_NEVER;

	for (size_t i = 0; i < request->n; i++)
		if (is_waiting(&request->candidates[i]) && request->candidates[i].tier < next)
			next = request->candidates[i].tier;
	if (next > last_tier(request))
		return false;
	for (size_t i = 0; i < request->n; i++) {
		struct broker_candidate *candidate = &request->candidates[i];

		if (candidate->tier == next && is_waiting(candidate))
			candidate->verdict = BROKER_ELIGIBLE;
	}
	return true;
}

void candidates_fill(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		     struct broker_request *request)
{
	_cleanup_free_ struct broker_candidate *all = NULL;
	size_t n;

	all = candidates_of(broker, now_ns, world, request, &n);
	qsort(all, n, sizeof(*all), compare_candidates);
	request->n = n < BROKER_CANDIDATES_MAX ? n : BROKER_CANDIDATES_MAX;
	request->n_more = n - request->n;
	free(request->candidates);
	request->candidates = xmemdup(all, request->n * sizeof(*all));
	request->generation = world_generation(world);
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
