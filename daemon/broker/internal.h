/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: internal: what the files of daemon/broker share
 *
 *   broker.c    requests of our users
 *   match.c     candidates: filters, numbers, score
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

/**
 * struct broker_avoided - a provider not to be asked for a while
 * @hub: who
 * @digest: for which manifest
 * @until_ns: as long
 */
struct broker_avoided {
	struct hub_id hub;
	uint8_t digest[SHA256_LEN];
	uint64_t until_ns;
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
 * @generation: of the registry, last looked at
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

/** broker_say() - Append a message from us; fills kind, ends, request and digest. */
struct offer_message *broker_say(const struct broker *broker, struct broker_output *out,
				 enum offer_kind kind, const struct hub_id *to, uint64_t request,
				 const uint8_t *digest);

/* match.c */
/** candidates_fill() - Make @request's list anew from the registry. */
void candidates_fill(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		     struct broker_request *request);
/** candidate_check_offer() - Numbers of an offer against the query's limits. Sets the verdict. */
void candidate_check_offer(const struct broker_request *request,
			   struct broker_candidate *candidate);
uint32_t query_slots(const struct broker_query *query);
uint32_t query_min_slots(const struct broker_query *query);
bool broker_avoids(const struct broker *broker, uint64_t now_ns, const struct hub_id *hub,
		   const uint8_t *digest);
void broker_avoid(struct broker *broker, uint64_t now_ns, const struct broker_candidate *candidate,
		  uint64_t for_ns);

/* provider.c */
void provider_on_message(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
			 const struct offer_message *message, struct broker_output *out);
/** leases_expire() - Free what is over, or belongs to a life that is over. */
void leases_expire(struct broker *broker, uint64_t now_ns, const struct broker_world *world);
uint64_t leases_deadline(const struct broker *broker);

#endif
