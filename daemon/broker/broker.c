// SPDX-License-Identifier: GPL-2.0
/* DOC: broker: requests of our users; see broker.h */
#include "daemon/broker/broker.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/broker/internal.h"
#include "daemon/lib/memory.h"

#define USED_PERCENT 95 /* of a lease: our clock may be slower than the provider's */
#define RENEWALS 8 /* tries in the second half of a lease */
#define LINGER_NS (30 * NSEC_PER_SEC) /* a request that is over can be explained so long */

static const char *const state_names[] = {"gathering", "accepting", "leased", "fallback", "none"};

_Static_assert(ARRAY_SIZE(state_names) == __BROKER_STATE_END, "every one has a name");

const char *broker_state_name(uint8_t state)
{
	return state < ARRAY_SIZE(state_names) ? state_names[state] : "?";
}

struct broker *broker_new(const struct hub_id *self, uint64_t seed)
{
	struct broker *broker = xnew(struct broker);

	broker->self = *self;
	broker->prng.state = seed;
	broker->next_id = 1;
	return broker;
}

static void request_free(struct broker_request *request)
{
	free(request->candidates);
	free(request);
}

void broker_free(struct broker *broker)
{
	if (!broker)
		return;
	for (size_t i = 0; i < broker->n_requests; i++)
		request_free(broker->requests[i]);
	free(broker->requests);
	free(broker->leases);
	free(broker->senders);
	free(broker);
}

struct offer_message *broker_say(const struct broker *broker, struct broker_output *out,
				 enum offer_kind kind, const struct hub_id *to, uint64_t request,
				 const uint8_t *digest)
{
	struct offer_message *message;

	if ((out->n & (out->n - 1)) == 0)
		out->messages = xreallocarray(out->messages, out->n ? 2 * out->n : 1,
					      sizeof(*out->messages));
	message = &out->messages[out->n++];
	*message = (struct offer_message){
		.kind = kind, .from = broker->self, .to = *to, .request = request};
	memcpy(message->digest, digest, SHA256_LEN);
	return message;
}

/* ---- table --------------------------------------------------------------- */

static size_t request_index(const struct broker *broker, uint64_t id)
{
	size_t low = 0, high = broker->n_requests;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (broker->requests[mid]->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct broker_request *request_find(const struct broker *broker, uint64_t id)
{
	size_t i = request_index(broker, id);

	return i < broker->n_requests && broker->requests[i]->id == id ? broker->requests[i] : NULL;
}

const struct broker_request *broker_find(const struct broker *broker, uint64_t id)
{
	return request_find(broker, id);
}

const struct broker_request *broker_request_at(const struct broker *broker, size_t i)
{
	return i < broker->n_requests ? broker->requests[i] : NULL;
}

static void request_remove(struct broker *broker, struct broker_request *request)
{
	size_t i = request_index(broker, request->id);

	memmove(&broker->requests[i], &broker->requests[i + 1],
		(broker->n_requests - i - 1) * sizeof(*broker->requests));
	broker->n_requests--;
	request_free(request);
}

/* ---- negative cache ------------------------------------------------------ */

/* FNV-1a over all of the query: unused bytes are zero. */
static uint64_t query_hash(const struct broker_query *query)
{
	const uint8_t *bytes = (const uint8_t *)query;
	uint64_t hash = 14695981039346656037ull;

	for (size_t i = 0; i < sizeof(*query); i++)
		hash = (hash ^ bytes[i]) * 1099511628211ull;
	return hash;
}

static bool is_known_to_fail(const struct broker *broker, uint64_t now_ns,
			     const struct broker_world *world, const struct broker_query *query)
{
	uint64_t hash = query_hash(query);

	for (size_t i = 0; i < BROKER_NEGATIVES_MAX; i++) {
		const struct broker_negative *negative = &broker->negatives[i];

		if (negative->hash == hash && now_ns < negative->until_ns &&
		    negative->generation == world_generation(world))
			return true;
	}
	return false;
}

static void remember_failure(struct broker *broker, uint64_t now_ns,
			     const struct broker_world *world, const struct broker_query *query)
{
	broker->negatives[broker->next_negative] =
		(struct broker_negative){.hash = query_hash(query),
					 .generation = world_generation(world),
					 .until_ns = now_ns + BROKER_NEGATIVE_NS};
	broker->next_negative = (broker->next_negative + 1) % BROKER_NEGATIVES_MAX;
}

static void forget_failure(struct broker *broker, const struct broker_query *query)
{
	uint64_t hash = query_hash(query);

	for (size_t i = 0; i < BROKER_NEGATIVES_MAX; i++)
		if (broker->negatives[i].hash == hash)
			broker->negatives[i].until_ns = 0;
}

/* ---- asking -------------------------------------------------------------- */

static void settle_without(struct broker *broker, uint64_t now_ns, struct broker_request *request)
{
	request->held_until_ns = 0;
	request->state = request->query.shared[0] ? BROKER_STATE_FALLBACK : BROKER_STATE_NONE;
	request->chosen = -1;
	request->next_at =
		now_ns +
		(request->query.keep ? prng_spread(&broker->prng, BROKER_RETRY_NS, 20) : LINGER_NS);
	broker->counters.fallbacks++;
}

static void ask(struct broker *broker, struct broker_request *request,
		struct broker_candidate *candidate, struct broker_output *out)
{
	struct offer_message *message = broker_say(broker, out, OFFER_REQUEST, &candidate->hub,
						   request->id, candidate->digest);

	message->slots = query_slots(&request->query);
	message->duration_ms = request->query.lease_ms;
	candidate->verdict = BROKER_ASKED;
}

static size_t count_of(const struct broker_request *request, enum broker_verdict verdict)
{
	size_t n = 0;

	for (size_t i = 0; i < request->n; i++)
		n += request->candidates[i].verdict == verdict;
	return n;
}

/* The @k-th candidate not asked yet; they are sorted nearest first. */
static struct broker_candidate *eligible_at(struct broker_request *request, size_t k)
{
	for (size_t i = 0; i < request->n; i++)
		if (request->candidates[i].verdict == BROKER_ELIGIBLE && k-- == 0)
			return &request->candidates[i];
	return NULL;
}

/* Return: false when nobody is left to ask. */
static bool ask_round(struct broker *broker, uint64_t now_ns, struct broker_request *request,
		      struct broker_output *out)
{
	size_t n = count_of(request, BROKER_ELIGIBLE);
	size_t take = n <= BROKER_ASK_ALL_MAX ? n : BROKER_CHOICES;

	if (n == 0 || request->round == BROKER_ROUNDS_MAX)
		return false;
	for (size_t i = 0; i < take; i++, n--) {
		size_t near = n < BROKER_NEAR ? n : BROKER_NEAR;
		size_t k = take == n ? 0 : prng_below(&broker->prng, near);

		ask(broker, request, eligible_at(request, k), out);
	}
	request->round++;
	request->state = BROKER_STATE_GATHERING;
	request->asked_ns = now_ns;
	request->next_at = now_ns + BROKER_GATHER_NS;
	return true;
}

static void note_silence(struct broker_request *request)
{
	for (size_t i = 0; i < request->n; i++)
		if (request->candidates[i].verdict == BROKER_ASKED)
			request->candidates[i].verdict = BROKER_SILENT;
}

/*
 * A late answer is better than none, or than a version that is not wanted; a
 * shared provider is better than waiting, and a late answer leads away from it.
 */
static bool wait_for_silent(uint64_t now_ns, struct broker_request *request)
{
	note_silence(request);
	if (request->query.shared[0] || count_of(request, BROKER_SILENT) == 0 ||
	    now_ns >= request->asked_ns + BROKER_PATIENCE_NS)
		return false;
	request->state = BROKER_STATE_GATHERING;
	request->next_at = request->asked_ns + BROKER_PATIENCE_NS;
	return true;
}

/*
 * The way to a hub that starts anew is gone for a moment, when its first record
 * names no links yet; who has nobody else waits as for a late answer.
 */
static bool wait_for_way(uint64_t now_ns, struct broker_request *request)
{
	if (request->query.shared[0] || count_of(request, BROKER_UNREACHABLE) == 0 ||
	    !request->lost_ns || now_ns >= request->lost_ns + BROKER_PATIENCE_NS)
		return false;
	request->state = BROKER_STATE_GATHERING;
	request->round = 0;
	request->next_at = now_ns + BROKER_WAY_NS;
	return true;
}

/* Answers are for its round; without one it is about to begin anew. */
static bool is_gathering(const struct broker_request *request)
{
	return request->state == BROKER_STATE_GATHERING && request->round > 0;
}

static bool waits_for_silent(const struct broker_request *request)
{
	return is_gathering(request) && count_of(request, BROKER_SILENT) > 0 &&
	       count_of(request, BROKER_ASKED) == 0;
}

static void begin(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		  struct broker_request *request, struct broker_output *out);

static void ask_or_settle(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
			  struct broker_request *request, struct broker_output *out)
{
	bool is_new = request->generation != world_generation(world);

	if (ask_round(broker, now_ns, request, out))
		return;
	if (!is_new && wait_for_silent(now_ns, request))
		return;
	broker_avoid_silent(broker, now_ns, request);
	if (is_new) {
		begin(broker, now_ns, world, request, out); /* there may be others by now */
		return;
	}
	if (candidates_open_next(request) && ask_round(broker, now_ns, request, out))
		return;
	if (wait_for_way(now_ns, request))
		return;
	remember_failure(broker, now_ns, world, &request->query);
	settle_without(broker, now_ns, request);
}

static void begin(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		  struct broker_request *request, struct broker_output *out)
{
	candidates_fill(broker, now_ns, world, request);
	request->round = 0;
	request->from_cache = is_known_to_fail(broker, now_ns, world, &request->query);
	if (request->from_cache) {
		broker->counters.negative_hits++;
		settle_without(broker, now_ns, request);
		return;
	}
	ask_or_settle(broker, now_ns, world, request, out);
}

/* A provider is gone: look for another, but not all of its users at once. */
static void begin_later(struct broker *broker, uint64_t now_ns, struct broker_request *request)
{
	request->state = BROKER_STATE_GATHERING;
	request->round = 0;
	request->next_at = now_ns + prng_below(&broker->prng, BROKER_JITTER_NS);
}

uint64_t broker_resolve(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
			const struct broker_query *query, struct broker_output *out)
{
	struct semver_range range;
	struct broker_request *request;

	if (broker->n_requests == BROKER_REQUESTS_MAX || !manifest_name_is_valid(query->name) ||
	    semver_range_parse(query->range_text, &range) < 0 ||
	    query->n_capabilities > MANIFEST_CAPABILITIES_MAX ||
	    query->n_credentials > MANIFEST_CREDENTIALS_MAX || query->slots > MANIFEST_SLOTS_MAX ||
	    query->min_slots > query_slots(query) || query->lease_ms > OFFER_DURATION_MAX_MS)
		return 0;
	request = xnew(struct broker_request);
	request->id = broker->next_id++;
	request->query = *query;
	if (!request->query.lease_ms)
		request->query.lease_ms = BROKER_LEASE_MS;
	request->range = range;
	request->chosen = -1;
	request->draw = (uint32_t)prng_below(&broker->prng, BROKER_DRAWS);
	if ((broker->n_requests & (broker->n_requests - 1)) == 0)
		broker->requests = xreallocarray(broker->requests,
						 broker->n_requests ? 2 * broker->n_requests : 1,
						 sizeof(*broker->requests));
	broker->requests[broker->n_requests++] = request; /* ids only grow */
	broker->counters.resolves++;
	begin(broker, now_ns, world, request, out);
	return request->id;
}

/* ---- accepting ----------------------------------------------------------- */

static void say_release(const struct broker *broker, const struct broker_request *request,
			const struct broker_candidate *candidate, struct broker_output *out)
{
	broker_say(broker, out, OFFER_RELEASE, &candidate->hub, request->id, candidate->digest)
		->serial = request->serial;
}

static void say_accept(const struct broker *broker, const struct broker_request *request,
		       const struct broker_candidate *candidate, struct broker_output *out)
{
	struct offer_message *message = broker_say(broker, out, OFFER_ACCEPT, &candidate->hub,
						   request->id, candidate->digest);

	message->serial = request->serial;
	message->slots = query_slots(&request->query);
	if (candidate->slots < message->slots)
		message->slots = candidate->slots;
	message->duration_ms = candidate->duration_ms;
	message->price_micro = candidate->price_micro;
}

/* Who was slow to offer is slow to answer again: leaving it at once for the next is no quicker. */
static uint64_t accept_ns(const struct broker_candidate *candidate)
{
	uint64_t wait_ns = 2 * candidate->answer_ns;

	if (wait_ns < BROKER_ACCEPT_NS)
		return BROKER_ACCEPT_NS;
	return wait_ns < BROKER_ACCEPT_MAX_NS ? wait_ns : BROKER_ACCEPT_MAX_NS;
}

static void accept(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		   struct broker_request *request, struct broker_candidate *candidate,
		   struct broker_output *out)
{
	candidate->verdict = BROKER_CHOSEN;
	broker_avoid_silent(broker, now_ns, request);
	request->chosen = (int)(candidate - request->candidates);
	request->state = BROKER_STATE_ACCEPTING;
	request->provider_epoch = world->epoch(world->arg, &candidate->hub);
	request->sent_ns = now_ns;
	request->next_at = now_ns + accept_ns(candidate);
	request->serial++;
	say_accept(broker, request, candidate, out);
}

/* Of the offers there are; one of a better tier may have come late. */
static uint8_t best_tier(const struct broker_request *request)
{
	uint8_t best = BROKER_TIER_NEVER;

	for (size_t i = 0; i < request->n; i++) {
		const struct broker_candidate *candidate = &request->candidates[i];

		if (candidate->verdict == BROKER_OFFERED && candidate->tier < best)
			best = candidate->tier;
	}
	return best;
}

static uint64_t best_score(const struct broker_request *request)
{
	uint64_t best = UINT64_MAX;
	uint8_t tier = best_tier(request);

	for (size_t i = 0; i < request->n; i++) {
		const struct broker_candidate *candidate = &request->candidates[i];

		if (candidate->verdict == BROKER_OFFERED && candidate->tier == tier)
			best = earlier(best, candidate->score);
	}
	return best;
}

static bool is_drawable(const struct broker_candidate *candidate, uint8_t tier, uint64_t limit)
{
	return candidate->verdict == BROKER_OFFERED && candidate->tier == tier &&
	       candidate->score <= limit;
}

/* One of the offers that are nearly the best, by their free slots. */
static struct broker_candidate *draw_offer(struct broker *broker, struct broker_request *request)
{
	uint64_t limit = best_score(request), weight = 0, draw;
	uint8_t tier = best_tier(request);

	limit += limit / 100 * BROKER_NEARLY_PERCENT;
	for (size_t i = 0; i < request->n; i++) {
		const struct broker_candidate *candidate = &request->candidates[i];

		if (is_drawable(candidate, tier, limit))
			weight += candidate->free_slots;
	}
	draw = prng_below(&broker->prng, weight);
	for (size_t i = 0; i < request->n; i++) {
		struct broker_candidate *candidate = &request->candidates[i];

		if (!is_drawable(candidate, tier, limit))
			continue;
		if (draw < candidate->free_slots)
			return candidate;
		draw -= candidate->free_slots;
	}
	return NULL;
}

static void decide(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		   struct broker_request *request, struct broker_output *out)
{
	struct broker_candidate *candidate = draw_offer(broker, request);

	if (now_ns >= request->next_at)
		note_silence(request);
	if (candidate)
		accept(broker, now_ns, world, request, candidate, out);
	else
		ask_or_settle(broker, now_ns, world, request, out);
}

/* Nobody who has not answered yet could be better, or all have answered. */
static bool is_good_enough(const struct broker_request *request)
{
	uint64_t best = best_score(request);
	uint8_t tier = best_tier(request);

	if (count_of(request, BROKER_ASKED) == 0)
		return true;
	if (count_of(request, BROKER_OFFERED) < BROKER_ENOUGH)
		return false;
	for (size_t i = 0; i < request->n; i++) {
		struct broker_candidate idle = request->candidates[i];

		idle.load_permille = 0;
		if (idle.verdict == BROKER_ASKED && idle.tier <= tier && broker_score(&idle) < best)
			return false;
	}
	return true;
}

/* ---- answers ------------------------------------------------------------- */

static struct broker_candidate *candidate_of(struct broker_request *request,
					     const struct offer_message *message)
{
	for (size_t i = 0; i < request->n; i++)
		if (hub_id_equal(&request->candidates[i].hub, &message->from) &&
		    memcmp(request->candidates[i].digest, message->digest, SHA256_LEN) == 0)
			return &request->candidates[i];
	return NULL;
}

static bool is_chosen(const struct broker_request *request,
		      const struct broker_candidate *candidate)
{
	return request->chosen >= 0 && &request->candidates[request->chosen] == candidate;
}

/* Has it been asked by this request, and not been told yet that it was? */
static bool is_answer_due(const struct broker_candidate *candidate)
{
	return candidate->verdict == BROKER_ASKED || candidate->verdict == BROKER_SILENT;
}

static bool is_without(const struct broker_request *request)
{
	return request->state == BROKER_STATE_FALLBACK || request->state == BROKER_STATE_NONE;
}

/* An answer of a silent one: the offer is as good as any, and what was taken instead may be worse. */
static void on_late_offer(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
			  struct broker_request *request, const struct broker_candidate *candidate,
			  struct broker_output *out)
{
	if (candidate->verdict != BROKER_OFFERED)
		return;
	forget_failure(broker, &request->query);
	if (is_without(request) && request->query.keep &&
	    request->generation == world_generation(world)) {
		decide(broker, now_ns, world, request, out);
	} else if (request->state == BROKER_STATE_LEASED &&
		   candidate->tier < request->candidates[request->chosen].tier) {
		request->stay_until = 0; /* it was not want of others */
		request->leave_at = now_ns + 1 + prng_below(&broker->prng, BROKER_JITTER_NS);
		request->next_at = earlier(request->next_at, request->leave_at);
	}
}

static void on_offer(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		     struct broker_request *request, struct broker_candidate *candidate,
		     const struct offer_message *message, struct broker_output *out)
{
	bool is_counter = request->state == BROKER_STATE_ACCEPTING &&
			  is_chosen(request, candidate) && message->serial == request->serial &&
			  message->slots < candidate->slots;

	bool is_late = candidate->verdict == BROKER_SILENT;

	if (!is_counter && !is_answer_due(candidate))
		return;
	candidate->slots = message->slots;
	candidate->duration_ms = message->duration_ms;
	candidate->price_micro = message->price_micro;
	candidate->load_permille = message->load_permille;
	candidate->free_slots = message->free_slots;
	candidate_check_offer(request, candidate);
	candidate->answer_ns = now_ns - (is_counter ? request->sent_ns : request->asked_ns);
	if (is_late)
		broker_on_late(broker, now_ns, candidate);
	if (is_counter && candidate->verdict == BROKER_OFFERED)
		accept(broker, now_ns, world, request, candidate, out);
	else if (is_counter || (is_gathering(request) && is_good_enough(request)))
		decide(broker, now_ns, world, request, out);
	else if (is_late)
		on_late_offer(broker, now_ns, world, request, candidate, out);
}

static void give_back(struct broker *broker, uint64_t now_ns, struct broker_request *request,
		      struct broker_output *out)
{
	struct broker_candidate *candidate = &request->candidates[request->chosen];

	say_release(broker, request, candidate, out);
	candidate->verdict = BROKER_LOST;
	request->chosen = -1;
	request->until_ns = 0;
	request->switches++;
	broker->counters.switches++;
	begin_later(broker, now_ns, request);
}

static void lose(struct broker *broker, uint64_t now_ns, struct broker_request *request,
		 enum broker_avoidance why, struct broker_output *out)
{
	broker_avoid(broker, now_ns, &request->candidates[request->chosen], BROKER_AVOID_NS, why);
	give_back(broker, now_ns, request, out);
}

static void on_refuse(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		      struct broker_request *request, struct broker_candidate *candidate,
		      const struct offer_message *message, struct broker_output *out)
{
	bool was_chosen = is_chosen(request, candidate);

	if (was_chosen ? message->serial != request->serial : !is_answer_due(candidate))
		return;
	if (was_chosen && request->state == BROKER_STATE_LEASED) {
		lose(broker, now_ns, request, BROKER_AVOID_REFUSED, out);
		candidate->reason = message->reason;
		return;
	}
	if (was_chosen && now_ns >= request->sent_ns + BROKER_ACCEPT_NS)
		say_release(broker, request, candidate, out); /* an answer may have been lost */
	candidate->verdict = BROKER_REFUSED;
	candidate->reason = message->reason;
	candidate->load_permille = message->load_permille;
	candidate->free_slots = message->free_slots;
	broker_avoid(broker, now_ns, candidate, message->retry_ms * NSEC_PER_MSEC,
		     BROKER_AVOID_REFUSED);
	if (was_chosen || (is_gathering(request) && is_good_enough(request)))
		decide(broker, now_ns, world, request, out);
}

static uint64_t lease_ns(const struct broker_request *request)
{
	return request->candidates[request->chosen].duration_ms * NSEC_PER_MSEC;
}

/* Time counts from when we asked: the provider's began later, so it ends later. */
static void on_lease(struct broker *broker, struct broker_request *request,
		     struct broker_candidate *candidate, const struct offer_message *message)
{
	if (!request->sent_ns)
		return; /* twice */
	candidate->duration_ms = message->duration_ms;
	candidate->load_permille = message->load_permille;
	candidate->free_slots = message->free_slots;
	if (request->state == BROKER_STATE_ACCEPTING) {
		broker->counters.leased++;
		request->stay_until =
			candidate->tier < BROKER_TIER_LAST ? 0 : request->sent_ns + BROKER_STAY_NS;
	}
	request->state = BROKER_STATE_LEASED;
	request->held_until_ns = 0;
	request->slots = message->slots;
	request->until_ns = request->sent_ns + lease_ns(request) / 100 * USED_PERCENT;
	request->next_at = request->query.keep ? request->sent_ns + lease_ns(request) / 2
					       : request->until_ns;
	request->sent_ns = 0;
}

static void on_answer(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		      const struct offer_message *message, struct broker_output *out)
{
	struct broker_request *request = request_find(broker, message->request);
	struct broker_candidate *candidate = request ? candidate_of(request, message) : NULL;

	if (message->kind == OFFER_LEASE) {
		if (candidate && is_chosen(request, candidate) &&
		    message->serial == request->serial)
			on_lease(broker, request, candidate, message);
		else if (!candidate || !is_chosen(request, candidate))
			broker_say(broker, out, OFFER_RELEASE, &message->from, message->request,
				   message->digest)
				->serial = message->serial; /* too late: somebody else serves it */
		if (candidate && candidate->verdict == BROKER_SILENT)
			broker_on_late(broker, now_ns, candidate);
		return;
	}
	if (!candidate)
		return;
	if (message->kind == OFFER_OFFER)
		on_offer(broker, now_ns, world, request, candidate, message, out);
	else
		on_refuse(broker, now_ns, world, request, candidate, message, out);
}

void broker_on_message(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		       const struct offer_message *message, struct broker_output *out)
{
	switch (message->kind) {
	case OFFER_OFFER:
	case OFFER_LEASE:
	case OFFER_REFUSE:
		on_answer(broker, now_ns, world, message, out);
		break;
	default:
		provider_on_message(broker, now_ns, world, message, out);
	}
}

/* Does the request go to this provider, by its lease or one that is left? */
static bool is_served_by(const struct broker_request *request, const struct hub_id *provider,
			 const uint8_t digest[SHA256_LEN])
{
	const struct broker_candidate *candidate = request ? broker_serving(request) : NULL;

	return candidate && hub_id_equal(&candidate->hub, provider) &&
	       memcmp(candidate->digest, digest, SHA256_LEN) == 0;
}

void broker_lost(struct broker *broker, uint64_t now_ns, uint64_t id, const struct hub_id *provider,
		 const uint8_t digest[SHA256_LEN], struct broker_output *out)
{
	struct broker_request *request = request_find(broker, id);

	if (!is_served_by(request, provider, digest))
		return;
	if (request->state == BROKER_STATE_LEASED) {
		lose(broker, now_ns, request, BROKER_AVOID_LOST, out);
		return;
	}
	broker_avoid(broker, now_ns, broker_serving(request), BROKER_AVOID_NS, BROKER_AVOID_LOST);
	request->held_until_ns = 0; /* another is sought already */
}

void broker_eject(struct broker *broker, uint64_t now_ns, uint64_t id,
		  const struct hub_id *provider, const uint8_t digest[SHA256_LEN], uint64_t for_ns,
		  struct broker_output *out)
{
	struct broker_request *request = request_find(broker, id);
	struct broker_candidate ejected = {.hub = *provider};

	memcpy(ejected.digest, digest, SHA256_LEN);
	broker_avoid(broker, now_ns, &ejected, for_ns, BROKER_AVOID_EJECTED);
	if (!is_served_by(request, provider, digest))
		return;
	if (request->state == BROKER_STATE_LEASED)
		give_back(broker, now_ns, request, out);
	else
		request->held_until_ns = 0; /* another is sought already */
}

size_t broker_count_able(const struct broker *broker, uint64_t now_ns,
			 const struct broker_world *world, uint64_t id)
{
	const struct broker_request *request = broker_find(broker, id);

	return request ? candidates_count_able(broker, now_ns, world, request) : 0;
}

void broker_release(struct broker *broker, uint64_t now_ns, uint64_t id, struct broker_output *out)
{
	struct broker_request *request = request_find(broker, id);

	if (!request)
		return;
	if (request->chosen >= 0)
		say_release(broker, request, &request->candidates[request->chosen], out);
	request_remove(broker, request);
}

/* ---- time ---------------------------------------------------------------- */

/* Is the provider of a lease still what it was? */
static bool provider_serves(const struct broker_world *world,
			    const struct broker_candidate *provider, uint64_t epoch)
{
	const struct registry_instance *instance =
		registry_find(world->registry, &provider->hub, provider->digest);

	return instance && instance->state != SERVICE_FAILING &&
	       world->cost_us(world->arg, &provider->hub) != UINT32_MAX &&
	       world->epoch(world->arg, &provider->hub) == epoch;
}

const struct broker_candidate *broker_serving(const struct broker_request *request)
{
	if (request->state == BROKER_STATE_LEASED && request->chosen >= 0)
		return &request->candidates[request->chosen];
	return request->held_until_ns ? &request->held : NULL;
}

static void renew(struct broker *broker, uint64_t now_ns, struct broker_request *request,
		  struct broker_output *out)
{
	const struct broker_candidate *chosen = &request->candidates[request->chosen];
	struct offer_message *message =
		broker_say(broker, out, OFFER_RENEW, &chosen->hub, request->id, chosen->digest);

	message->serial = request->serial;
	message->slots = request->slots;
	message->duration_ms = request->query.lease_ms;
	if (!request->sent_ns) /* the oldest counts: any of them may be the one answered */
		request->sent_ns = now_ns;
	request->next_at = earlier(request->until_ns, now_ns + lease_ns(request) / 2 / RENEWALS);
}

/* Its version was rolled back, or another one pinned: not all of its users at once. */
static bool should_leave(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
			 struct broker_request *request)
{
	const struct broker_candidate *chosen = &request->candidates[request->chosen];
	const struct registry_instance *instance =
		registry_find(world->registry, &chosen->hub, chosen->digest);
	uint8_t tier = world->rank && instance
			       ? world->rank(world->arg, instance, request->draw).tier
			       : BROKER_TIER_FIRST;

	if (tier < BROKER_TIER_LAST || now_ns < request->stay_until ||
	    !candidates_has_better(broker, now_ns, world, request, tier)) {
		request->leave_at = 0;
		return false;
	}
	if (!request->leave_at)
		request->leave_at = now_ns + 1 + prng_below(&broker->prng, BROKER_JITTER_NS);
	request->next_at = earlier(request->next_at, request->leave_at);
	return now_ns >= request->leave_at;
}

/* Nothing is released: what is in flight has the lease until it ends by itself. */
static void leave(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		  struct broker_request *request, struct broker_output *out)
{
	request->held = request->candidates[request->chosen];
	request->held_epoch = request->provider_epoch;
	request->held_until_ns = request->until_ns;
	request->leave_at = 0;
	request->until_ns = 0;
	request->sent_ns = 0;
	request->switches++;
	broker->counters.switches++;
	begin(broker, now_ns, world, request, out);
}

static void on_accept_silent(struct broker *broker, uint64_t now_ns,
			     const struct broker_world *world, struct broker_request *request,
			     struct broker_output *out)
{
	struct broker_candidate *candidate = &request->candidates[request->chosen];
	uint64_t end_ns = request->sent_ns + BROKER_PATIENCE_NS;

	if (now_ns < end_ns && !count_of(request, BROKER_OFFERED) &&
	    !count_of(request, BROKER_ELIGIBLE)) {
		say_accept(broker, request, candidate, out); /* it has the same answer */
		request->next_at = earlier(now_ns + BROKER_ACCEPT_NS, end_ns);
		return;
	}
	say_release(broker, request, candidate, out);
	candidate->verdict = BROKER_SILENT;
	broker_avoid_silent(broker, now_ns, request);
	request->chosen = -1;
	decide(broker, now_ns, world, request, out);
}

/* Return: false when the request is over and was removed. */
static bool request_on_timer(struct broker *broker, uint64_t now_ns,
			     const struct broker_world *world, struct broker_request *request,
			     struct broker_output *out)
{
	struct broker_candidate *chosen =
		request->chosen < 0 ? NULL : &request->candidates[request->chosen];
	bool is_due = now_ns >= request->next_at;

	if (request->held_until_ns &&
	    (now_ns >= request->held_until_ns ||
	     !provider_serves(world, &request->held, request->held_epoch)))
		request->held_until_ns = 0;
	switch (request->state) {
	case BROKER_STATE_GATHERING:
		if (is_due && request->round == 0)
			begin(broker, now_ns, world, request, out);
		else if (is_due)
			decide(broker, now_ns, world, request, out);
		return true;
	case BROKER_STATE_ACCEPTING:
		if (is_due)
			on_accept_silent(broker, now_ns, world, request, out);
		return true;
	case BROKER_STATE_LEASED:
		if (now_ns >= request->until_ns && !request->query.keep)
			break;
		if (now_ns >= request->until_ns) {
			lose(broker, now_ns, request, BROKER_AVOID_REFUSED, out);
		} else if (!provider_serves(world, chosen, request->provider_epoch)) {
			/* It may serve again in a moment: others first, but not nobody. */
			chosen->epoch = world->epoch(world->arg, &chosen->hub);
			request->lost_ns = now_ns;
			lose(broker, now_ns, request, BROKER_AVOID_LOST, out);
		} else if (should_leave(broker, now_ns, world, request))
			leave(broker, now_ns, world, request, out);
		else if (is_due)
			renew(broker, now_ns, request, out);
		return true;
	default:
		if (is_due && request->query.keep)
			begin(broker, now_ns, world, request, out);
		else if (is_due)
			break;
		return true;
	}
	request_remove(broker, request);
	return false;
}

void broker_try_soon(struct broker *broker, uint64_t now_ns, struct broker_request *request)
{
	forget_failure(broker, &request->query);
	if (request->query.keep && is_without(request))
		request->next_at = earlier(request->next_at,
					   now_ns + prng_below(&broker->prng, BROKER_JITTER_NS));
}

/* Is there a way now to somebody who had none? */
static bool is_in_reach(const struct broker_world *world, struct broker_request *request)
{
	for (size_t i = 0; i < request->n; i++) {
		struct broker_candidate *candidate = &request->candidates[i];

		if (candidate->verdict != BROKER_UNREACHABLE ||
		    world->cost_us(world->arg, &candidate->hub) == UINT32_MAX)
			continue;
		candidate->verdict = BROKER_ELIGIBLE; /* looked at once; begin() lists anew */
		return true;
	}
	return false;
}

/* Services or routes changed: who has none may find one now. */
static void wake_waiting(struct broker *broker, uint64_t now_ns, const struct broker_world *world)
{
	bool has_changed = broker->generation != world_generation(world);

	broker->generation = world_generation(world);
	for (size_t i = 0; i < broker->n_requests; i++) {
		struct broker_request *request = broker->requests[i];

		if (request->query.keep && is_without(request) &&
		    (has_changed || is_in_reach(world, request)))
			broker_try_soon(broker, now_ns, request);
		else if (has_changed && waits_for_silent(request))
			request->next_at = now_ns;
	}
}

void broker_on_timer(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		     struct broker_output *out)
{
	leases_expire(broker, now_ns, world);
	wake_waiting(broker, now_ns, world);
	for (size_t i = broker->n_requests; i-- > 0;)
		request_on_timer(broker, now_ns, world, broker->requests[i], out);
}

uint64_t broker_deadline(const struct broker *broker)
{
	uint64_t at = leases_deadline(broker);

	for (size_t i = 0; i < broker->n_requests; i++) {
		const struct broker_request *request = broker->requests[i];

		at = earlier(at, request->next_at);
		if (request->held_until_ns)
			at = earlier(at, request->held_until_ns);
	}
	return at;
}

const struct broker_counters *broker_counters(const struct broker *broker)
{
	return &broker->counters;
}
