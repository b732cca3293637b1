/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: broker: who serves whom, for how long
 *
 * User's side, a request from resolve to release:
 *
 *	GATHERING --offers--> ACCEPTING --lease--> LEASED --renewals--> ...
 *	    |  ^                 |                   |
 *	    |  +---refused-------+      lost, failing, gone: GATHERING again
 *	    +--nobody--> FALLBACK (the shared provider) or NONE; tried again later if kept
 *
 * Candidates are the registry's instances that pass every filter, nearest
 * first.  Few (BROKER_ASK_ALL_MAX) are all asked and scored; of many two
 * random near ones are asked and the better one taken (power of two choices:
 * Mitzenmacher 2001), with fresh numbers of load in their offers and a
 * peak-sensitive average of latency, seeded by the route's round trip
 * (Finagle's peak EWMA).  Among offers nearly as good as the best one is drawn
 * at random, so that equal users do not choose equally.
 *
 * Provider's side: nothing is reserved before an ACCEPT; a lease reserves
 * slots until it expires, is released, or its user's hub starts anew.  Only
 * the provider grants its slots, so no partition makes two of one.  The
 * user's end of a lease is before the provider's: it counts from when it
 * asked, and less.
 *
 * Does not send: what is to be said is appended to struct broker_output.
 * Reads the registry; times, costs and epochs come in with struct
 * broker_world.
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "daemon/lib/prng.h"
#include "daemon/registry/registry.h"
#include "daemon/wire/offer.h"

#define BROKER_REQUESTS_MAX 1024
#define BROKER_LEASES_MAX 4096 /* granted by us */
#define BROKER_LEASES_OF_HUB_MAX BROKER_REQUESTS_MAX /* each is of another request */
#define BROKER_CANDIDATES_MAX 64 /* of a request: the nearest */
#define BROKER_ASK_ALL_MAX 8 /* candidates that are all asked */
#define BROKER_CHOICES 2 /* asked at a time when there are more */
#define BROKER_NEAR 32 /* of which are drawn */
#define BROKER_ENOUGH 3 /* offers that may end the wait for the rest */
#define BROKER_ROUNDS_MAX 8
#define BROKER_WAY_NS (50 * NSEC_PER_MSEC) /* before looking again for a way that was lost */
#define BROKER_GATHER_NS (300 * NSEC_PER_MSEC)
#define BROKER_ACCEPT_NS (500 * NSEC_PER_MSEC) /* at least; else twice what its offer took */
#define BROKER_PATIENCE_NS (2 * NSEC_PER_SEC) /* with silence when there is nobody else */
#define BROKER_ACCEPT_MAX_NS (4 * NSEC_PER_SEC) /* leases of a few seconds still have a use then */
#define BROKER_LEASE_MS 10000 /* unless the query says otherwise */
#define BROKER_LEASE_MIN_MS 1000
#define BROKER_NEGATIVE_NS (2 * NSEC_PER_SEC)
#define BROKER_NEGATIVES_MAX 64
#define BROKER_AVOID_NS (5 * NSEC_PER_SEC) /* a provider that did not answer */
#define BROKER_AVOIDED_MAX 256
#define BROKER_RETRY_NS (5 * NSEC_PER_SEC) /* a kept request without provider */
#define BROKER_JITTER_NS (200 * NSEC_PER_MSEC) /* before users of one lost provider ask anew */
#define BROKER_STAY_NS \
	(30 * NSEC_PER_SEC) /* with an unwanted version, before others are tried again */
#define BROKER_NEARLY_PERCENT 10 /* offers that much worse than the best are as good */
#define BROKER_LATENCY_US 1000 /* of a service nobody has measured yet */
#define BROKER_LOADED_LEASE_MS 5000 /* at most, from BROKER_LOADED_PERMILLE on */
#define BROKER_LOADED_PERMILLE 800 /* from here on leases are shorter and dearer */
#define BROKER_SENDERS_MAX 4096 /* hubs whose message numbers are remembered */
#define BROKER_SHARED_MAX 107
#define BROKER_DRAWS 1000 /* shares are in permille */

/**
 * struct broker_query - what a user wants; zero-initialise, 0 and "" ask for nothing
 * @name: service
 * @range_text: versions, as semver_range_parse()
 * @interface: it must implement
 * @zone: it must serve
 * @capabilities: it must have, all of them
 * @credentials: the user has; it must need no others
 * @n_capabilities: entries of @capabilities
 * @n_credentials: entries of @credentials
 * @has_protocol: @protocol matters
 * @protocol: enum manifest_protocol
 * @is_stream: datagrams are of no use to it, whatever else is spoken
 * @max_latency_us: route and service together
 * @max_price_micro: of a slot for a second; 0 any
 * @slots: wanted, 0 = 1
 * @min_slots: taken at least, 0 = @slots: a counter-offer below is refused
 * @min_cpu_milli: of the provider in all
 * @min_memory_mib: of the provider in all
 * @lease_ms: 0 = BROKER_LEASE_MS
 * @keep: renew, and look for another when it is lost; else one lease and no more
 * @shared: endpoint of the shared provider, used when there is none
 * @has_not: @not_hub is set
 * @not_hub: whose services do not count: another provider than that one is wanted
 */
struct broker_query {
	char name[MANIFEST_NAME_MAX + 1];
	char range_text[SEMVER_RANGE_TEXT_MAX + 1];
	char interface[MANIFEST_INTERFACE_MAX + 1];
	char zone[MANIFEST_WORD_MAX + 1];
	char capabilities[MANIFEST_CAPABILITIES_MAX][MANIFEST_WORD_MAX + 1];
	char credentials[MANIFEST_CREDENTIALS_MAX][MANIFEST_CREDENTIAL_MAX + 1];
	size_t n_capabilities, n_credentials;
	bool has_protocol;
	uint8_t protocol;
	bool is_stream;
	uint32_t max_latency_us, max_price_micro, slots, min_slots, min_cpu_milli, min_memory_mib;
	uint32_t lease_ms;
	bool keep;
	char shared[BROKER_SHARED_MAX + 1];
	bool has_not;
	struct hub_id not_hub;
};

/** enum broker_verdict - why a candidate was chosen or not */
enum broker_verdict {
	BROKER_ELIGIBLE, /* passes every filter, not asked: others were nearer or drawn */
	BROKER_ASKED, /* no answer yet */
	BROKER_OFFERED, /* another offer was better */
	BROKER_CHOSEN,
	BROKER_WRONG_VERSION,
	BROKER_WRONG_INTERFACE,
	BROKER_WRONG_PROTOCOL,
	BROKER_WRONG_ZONE,
	BROKER_LACKS_CAPABILITY,
	BROKER_NEEDS_CREDENTIAL,
	BROKER_FAILING,
	BROKER_DRAINING,
	BROKER_UNREACHABLE,
	BROKER_TOO_SLOW,
	BROKER_TOO_DEAR,
	BROKER_TOO_SMALL,
	BROKER_AVOIDED, /* refused or was silent just now */
	BROKER_SILENT,
	BROKER_REFUSED, /* see the reason it gave */
	BROKER_LOST, /* was chosen, then failed, went or let the lease lapse */
	BROKER_ROLLED_BACK, /* its version is, and others offer another */
	BROKER_NOT_PINNED, /* this hub takes another version only */
	BROKER_OTHER_SHARE, /* this request is in another version's share */
	BROKER_EJECTED, /* its user says it does worse than others: only for want of them */
	BROKER_NOT_THIS, /* another provider than this one is asked for */
	BROKER_DATAGRAMS, /* it takes no streams, and the user has one */
	__BROKER_VERDICT_END,
};

/** broker_verdict_text() - For a person; "?" for another number. */
const char *broker_verdict_text(uint8_t verdict);

/** enum broker_tier - a tier is only asked when nobody before it serves */
enum broker_tier {
	BROKER_TIER_FIRST,
	BROKER_TIER_SECOND,
	BROKER_TIER_LAST, /* and the user has no shared provider */
	BROKER_TIER_NEVER,
};

/**
 * struct broker_rank - how much an instance is wanted, apart from its numbers
 * @tier: enum broker_tier
 * @verdict: enum broker_verdict as long as the tier is not asked
 */
struct broker_rank {
	uint8_t tier, verdict;
};

/**
 * struct broker_candidate - a provider with its numbers
 * @hub: who
 * @digest: of its manifest
 * @version_text: of the service
 * @verdict: enum broker_verdict
 * @reason: enum offer_reason, when BROKER_REFUSED
 * @tier: enum broker_tier
 * @closed: @verdict as long as its tier is not asked
 * @epoch: of the hub, as known when it became a candidate or was lost
 * @state_ns: when its catalogue said what holds now
 * @cost_us: of the route, UINT32_MAX none
 * @latency_us: of the service: measured, or BROKER_LATENCY_US
 * @error_permille: as seen from here
 * @load_permille: as its offer said, else as last told
 * @free_slots: likewise
 * @price_micro: likewise
 * @answer_ns: from the question to its offer
 * @slots: offered
 * @duration_ms: offered
 * @score: microseconds, see broker_score(); the least is best; 0 none
 */
struct broker_candidate {
	struct hub_id hub;
	uint8_t digest[SHA256_LEN];
	char version_text[SEMVER_TEXT_MAX + 1];
	uint8_t verdict, reason, tier, closed;
	uint64_t epoch, state_ns;
	uint32_t cost_us;
	uint64_t latency_us, answer_ns;
	uint32_t error_permille, load_permille, free_slots, price_micro, slots, duration_ms;
	uint64_t score;
};

enum broker_state {
	BROKER_STATE_GATHERING,
	BROKER_STATE_ACCEPTING,
	BROKER_STATE_LEASED,
	BROKER_STATE_FALLBACK,
	BROKER_STATE_NONE,
	__BROKER_STATE_END,
};

/** broker_state_name() - "gathering", ...; "?" for another number. */
const char *broker_state_name(uint8_t state);

/**
 * struct broker_request - one request of a user
 * @id: unique for this life of the hub
 * @query: what is wanted
 * @range: parsed
 * @draw: 0 to BROKER_DRAWS - 1: which share of its service's users it belongs to
 * @state: enum broker_state
 * @n: entries of @candidates
 * @n_more: further instances of that name that were not looked at
 * @candidates: nearest first
 * @generation: of the registry when they were listed
 * @chosen: index of the one accepted or leased, -1
 * @round: of questions, from 1
 * @asked_ns: when those of @round were asked
 * @serial: of the accept in force
 * @provider_epoch: boot epoch of the provider when accepted
 * @sent_ns: when the accept, or the oldest unanswered renewal, was sent
 * @until_ns: end of the lease, for us
 * @slots: leased
 * @held: provider that is being left, see broker_serving()
 * @held_epoch: its boot epoch
 * @held_until_ns: end of its lease, for us; 0 there is none
 * @lost_ns: when the last lease ended as its provider had no way, failed or started anew; 0 never
 * @leave_at: when to leave a provider that is not wanted any more, 0 not
 * @stay_until: not to leave an unwanted version before: it was taken for want of others
 * @next_at: when to act: deadline of a state, renewal, retry; NEVER
 * @switches: times a lease was lost or left for another
 * @from_cache: refused by the negative cache without asking anybody
 */
struct broker_request {
	uint64_t id;
	struct broker_query query;
	struct semver_range range;
	uint32_t draw;
	uint8_t state;
	size_t n, n_more;
	struct broker_candidate *candidates;
	uint64_t generation;
	int chosen;
	uint32_t round, serial;
	uint64_t asked_ns;
	uint64_t provider_epoch, sent_ns, until_ns;
	uint32_t slots;
	struct broker_candidate held;
	uint64_t held_epoch, held_until_ns, lost_ns;
	uint64_t leave_at, stay_until, next_at;
	uint32_t switches;
	bool from_cache;
};

/**
 * struct broker_lease - slots of ours that somebody has
 * @hub: whose user
 * @epoch: boot epoch of that hub
 * @request: its number there
 * @serial: of the accept
 * @digest: manifest
 * @slots: reserved
 * @until_ns: then they are free again
 */
struct broker_lease {
	struct hub_id hub;
	uint64_t epoch, request;
	uint32_t serial;
	uint8_t digest[SHA256_LEN];
	uint32_t slots;
	uint64_t until_ns;
};

/**
 * struct broker_world - what the room must be told
 * @registry: services of the mesh
 * @cost_us: of the route to a hub, 0 ourselves, UINT32_MAX none
 * @epoch: boot epoch of a hub, 0 not known
 * @arg: handed to the functions
 * @rank: of an instance for a request with a draw; NULL: all in the first tier
 * @ranking: grows when what @rank says may have changed
 */
struct broker_world {
	const struct registry *registry;
	uint32_t (*cost_us)(void *arg, const struct hub_id *hub);
	uint64_t (*epoch)(void *arg, const struct hub_id *hub);
	void *arg;
	struct broker_rank (*rank)(void *arg, const struct registry_instance *instance,
				   uint32_t draw);
	uint64_t ranking;
};

/**
 * struct broker_output - what is to be said; zero-initialise, free @messages
 * @messages: without epochs and seq, which the sender adds; owned
 * @n: entries of @messages
 */
struct broker_output {
	struct offer_message *messages;
	size_t n;
};

struct broker;

/** broker_new() - @seed is for draws and jitter. */
struct broker *broker_new(const struct hub_id *self, uint64_t seed);
/** broker_free() - NULL is allowed. */
void broker_free(struct broker *broker);

/**
 * broker_resolve() - Somebody needs a service.
 * @broker: the room
 * @now_ns: monotonic
 * @world: as it is now
 * @query: copied; strings terminated
 * @out: appended to
 *
 * Return: the request's id; 0 too many requests, or no valid query.
 */
uint64_t broker_resolve(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
			const struct broker_query *query, struct broker_output *out);
/**
 * broker_lost() - What a lease is for does not work for its user: avoid the provider, find another.
 * @broker: the room
 * @now_ns: monotonic
 * @id: request
 * @provider: that failed; the lease may have moved since
 * @digest: of its manifest
 * @out: appended to
 */
void broker_lost(struct broker *broker, uint64_t now_ns, uint64_t id, const struct hub_id *provider,
		 const uint8_t digest[SHA256_LEN], struct broker_output *out);
/**
 * broker_eject() - A provider works, but worse than others: use it only for want of them.
 * @broker: the room
 * @now_ns: monotonic
 * @id: request; finds another provider if it has this one
 * @provider: that is ejected, for all requests
 * @digest: of its manifest
 * @for_ns: as long
 * @out: appended to
 */
void broker_eject(struct broker *broker, uint64_t now_ns, uint64_t id,
		  const struct hub_id *provider, const uint8_t digest[SHA256_LEN], uint64_t for_ns,
		  struct broker_output *out);
/** broker_count_able() - Providers that could serve a request now, with those ejected. */
size_t broker_count_able(const struct broker *broker, uint64_t now_ns,
			 const struct broker_world *world, uint64_t id);
/** broker_release() - The user is done; the request is forgotten. */
void broker_release(struct broker *broker, uint64_t now_ns, uint64_t id, struct broker_output *out);
/**
 * broker_is_fresh() - May this message count? Keeps a replay window per sender.
 * @broker: remembers its number
 * @message: verified
 *
 * Return: false: an older life, or a number seen before or too old.
 */
bool broker_is_fresh(struct broker *broker, const struct offer_message *message);
/** broker_on_message() - A verified, fresh message to us. */
void broker_on_message(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		       const struct offer_message *message, struct broker_output *out);
/** broker_on_timer() - Time passed, or the registry or routes changed. */
void broker_on_timer(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		     struct broker_output *out);
uint64_t broker_deadline(const struct broker *broker);

/**
 * broker_score() - What a provider costs a user, microseconds.
 * @candidate: its numbers
 *
 * (route + latency) x (1 + 4 x load) x (1 + 10 x errors) + price.
 */
uint64_t broker_score(const struct broker_candidate *candidate);

/* Read side; borrowed until the next change. */
/**
 * broker_serving() - Whom a user may go to now.
 * @request: of any state
 *
 * That is whose lease is in force; while a lease that still holds is left for another, the
 * provider that is left: make before break.
 *
 * Return: NULL nobody in the mesh.
 */
const struct broker_candidate *broker_serving(const struct broker_request *request);
const struct broker_request *broker_find(const struct broker *broker, uint64_t id);
/** broker_request_at() - In order of id; NULL at the end. */
const struct broker_request *broker_request_at(const struct broker *broker, size_t i);
/** broker_forget_hub() - Leases a hub has of us end now: it is no member any more. */
void broker_forget_hub(struct broker *broker, const struct hub_id *hub);
/** broker_lease_at() - Leases we have granted; NULL at the end. */
const struct broker_lease *broker_lease_at(const struct broker *broker, size_t i);
/** broker_slots_leased() - Of one manifest of ours. */
uint32_t broker_slots_leased(const struct broker *broker, const uint8_t digest[SHA256_LEN]);

/**
 * struct broker_counters - since the start
 * @resolves: requests of users
 * @leased: times one got a lease
 * @fallbacks: times one got the shared provider or nothing
 * @negative_hits: of those, out of the negative cache
 * @switches: leases lost and sought anew
 * @granted: leases granted to others and ourselves
 * @refused: accepts and requests refused
 * @replayed: messages seen before
 * @late: answers that came after their question was given up
 */
struct broker_counters {
	uint64_t resolves, leased, fallbacks, negative_hits, switches, granted, refused, replayed,
		late;
};

const struct broker_counters *broker_counters(const struct broker *broker);

#endif
