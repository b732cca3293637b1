/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: internal: what the files of daemon/broker share
 *
 *   broker.c    requests of our users
 *   match.c     candidates: filters, numbers, score
 *   silence.c   who is left alone for a while
 *   provider.c  leases of our slots, replay windows
 */
#ifndef BROKER_INTERNAL_H
#define BROKER_INTERNAL_H

#include "daemon/broker/broker.h"

/**
 * struct broker_negative - a query that found nobody
 * @hash: of the query
 * @generation: of the registry then
 * @until_ns: not to be tried before
 */
struct broker_negative {
	uint64_t hash, generation, until_ns;
};

/** enum broker_avoidance - why a provider is not asked for a while */
enum broker_avoidance {
	BROKER_AVOID_REFUSED, /* it did, or has ended a lease: who asks again will hear the same */
	BROKER_AVOID_SILENT, /* until it answers */
	BROKER_AVOID_LOST, /* its user could not reach the service: only for want of others */
	BROKER_AVOID_EJECTED, /* its user says it does worse than others: likewise */
};

/**
 * struct broker_avoided - a provider not to be asked for a while
 * @hub: who
 * @digest: for which manifest
 * @epoch: the life of the hub that deserved it
 * @since_ns: from then on
 * @until_ns: as long
 * @why: enum broker_avoidance
 */
struct broker_avoided {
	struct hub_id hub;
	uint8_t digest[SHA256_LEN];
	uint64_t epoch, since_ns, until_ns;
	uint8_t why;
};

/**
 * struct broker_sender - numbers seen of one hub (RFC 4303 section 3.4.3)
 * @hub: who
 * @epoch: of its life
 * @highest: number seen
 * @mask: bit n: @highest - n was seen
 */
struct broker_sender {
	struct hub_id hub;
	uint64_t epoch, highest, mask;
};

/**
 * struct broker - the room
 * @self: our id
 * @prng: for draws and jitter
 * @requests: sorted by id
 * @n_requests: entries of @requests
 * @next_id: of the next request
 * @leases: granted, in no order
 * @n_leases: entries of @leases
 * @negatives: ring
 * @next_negative: to be overwritten
 * @avoided: ring
 * @next_avoided: to be overwritten
 * @senders: in no order
 * @n_senders: entries of @senders
 * @generation: of the world, last looked at
 * @counters: see there
 */
struct broker {
	struct hub_id self;
	struct prng prng;
	struct broker_request **requests;
	size_t n_requests;
	uint64_t next_id;
	struct broker_lease *leases;
	size_t n_leases;
	struct broker_negative negatives[BROKER_NEGATIVES_MAX];
	size_t next_negative;
	struct broker_avoided avoided[BROKER_AVOIDED_MAX];
	size_t next_avoided;
	struct broker_sender *senders;
	size_t n_senders;
	uint64_t generation;
	struct broker_counters counters;
};

/** world_generation() - Grows when who serves, or who is wanted, has changed. */
static inline uint64_t world_generation(const struct broker_world *world)
{
	return registry_generation(world->registry) + world->ranking;
}

/** broker_say() - Append a message from us; fills kind, ends, request and digest. */
struct offer_message *broker_say(const struct broker *broker, struct broker_output *out,
				 enum offer_kind kind, const struct hub_id *to, uint64_t request,
				 const uint8_t *digest);

/* match.c */
/** candidates_fill() - Make @request's list anew from the registry. */
void candidates_fill(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		     struct broker_request *request);
/**
 * candidates_open_next() - Nobody of the tier that was asked serves.
 * @request: its candidates of the next tier become eligible
 *
 * Return: false when there is none.
 */
bool candidates_open_next(struct broker_request *request);
/** candidates_has_better() - Does somebody of a tier before @tier offer it? */
bool candidates_has_better(const struct broker *broker, uint64_t now_ns,
			   const struct broker_world *world, const struct broker_request *request,
			   uint8_t tier);
/** candidate_check_offer() - Numbers of an offer against the query's limits. Sets the verdict. */
void candidate_check_offer(const struct broker_request *request,
			   struct broker_candidate *candidate);
uint32_t query_slots(const struct broker_query *query);
uint32_t query_min_slots(const struct broker_query *query);
/** candidates_count_able() - Who could serve @request now, in whatever tier. */
size_t candidates_count_able(const struct broker *broker, uint64_t now_ns,
			     const struct broker_world *world,
			     const struct broker_request *request);
/* broker.c */
/** broker_try_soon() - A kept request that has nobody is to ask again now. */
void broker_try_soon(struct broker *broker, uint64_t now_ns, struct broker_request *request);

/* silence.c */
/**
 * broker_avoids() - Was it avoided for this, for a time that lasts?
 * @broker: asked
 * @now_ns: monotonic
 * @candidate: provider
 * @why: for this
 *
 * What is avoided has a new chance at once when its hub has started anew since or its catalogue says
 * that it is available again; what is ejected has not: its user saw bad answers of one that was.
 *
 * Return: it is not to be asked, or only for want of others.
 */
bool broker_avoids(const struct broker *broker, uint64_t now_ns,
		   const struct broker_candidate *candidate, enum broker_avoidance why);
/** broker_avoid() - For @for_ns, or as long as it is avoided for that reason already. */
void broker_avoid(struct broker *broker, uint64_t now_ns, const struct broker_candidate *candidate,
		  uint64_t for_ns, enum broker_avoidance why);
/** broker_avoid_silent() - Whoever has not answered @request, which goes on without. */
void broker_avoid_silent(struct broker *broker, uint64_t now_ns,
			 const struct broker_request *request);
/** broker_on_late() - A silent one has answered: it may be asked, by all that have nobody now. */
void broker_on_late(struct broker *broker, uint64_t now_ns,
		    const struct broker_candidate *candidate);

/* provider.c */
void provider_on_message(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
			 const struct offer_message *message, struct broker_output *out);
/** leases_expire() - Free what is over, or belongs to a life that is over. */
void leases_expire(struct broker *broker, uint64_t now_ns, const struct broker_world *world);
uint64_t leases_deadline(const struct broker *broker);

#endif
