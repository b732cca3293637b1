// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: provider: our slots and who has them
 *
 * Admission: the manifest must be in force and available, a slot free, and
 * no hub may have more than half of the slots while others have some, nor more
 * leases than it can have requests.  From BROKER_LOADED_PERMILLE on leases are
 * short and cost up to twice the price; with fewer free slots than wanted the
 * offer is for those.
 */
#include "daemon/broker/internal.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"

#define PERMILLE 1000
#define GRACE_PERCENT 10 /* our end of a lease is after the user's, whose clock may drift */
#define RETRY_MIN_MS 200
#define WINDOW 64 /* bits of broker_sender.mask */

/* ---- replays ------------------------------------------------------------- */

static struct broker_sender *sender_get(struct broker *broker, const struct offer_message *message)
{
	struct broker_sender *sender;

	for (size_t i = 0; i < broker->n_senders; i++)
		if (hub_id_equal(&broker->senders[i].hub, &message->from))
			return &broker->senders[i];
	if (broker->n_senders == BROKER_SENDERS_MAX)
		return NULL;
	if ((broker->n_senders & (broker->n_senders - 1)) == 0)
		broker->senders = xreallocarray(broker->senders,
						broker->n_senders ? 2 * broker->n_senders : 1,
						sizeof(*broker->senders));
	sender = &broker->senders[broker->n_senders++];
	*sender = (struct broker_sender){.hub = message->from};
	return sender;
}

bool broker_is_fresh(struct broker *broker, const struct offer_message *message)
{
	struct broker_sender *sender = sender_get(broker, message);
	uint64_t behind;

	if (!sender || message->from_epoch < sender->epoch || message->seq == 0)
		goto stale;
	if (message->from_epoch > sender->epoch) {
		sender->epoch = message->from_epoch;
		sender->highest = sender->mask = 0;
	}
	if (message->seq > sender->highest) {
		uint64_t ahead = message->seq - sender->highest;

		sender->mask = ahead < WINDOW ? sender->mask << ahead : 0;
		sender->mask |= 1;
		sender->highest = message->seq;
		return true;
	}
	behind = sender->highest - message->seq;
	if (behind >= WINDOW || (sender->mask & 1ull << behind))
		goto stale;
	sender->mask |= 1ull << behind;
	return true;
stale:
	broker->counters.replayed++;
	return false;
}

/* ---- leases -------------------------------------------------------------- */

static struct broker_lease *lease_find(struct broker *broker, const struct offer_message *message)
{
	for (size_t i = 0; i < broker->n_leases; i++) {
		struct broker_lease *lease = &broker->leases[i];

		if (lease->request == message->request && lease->epoch == message->from_epoch &&
		    hub_id_equal(&lease->hub, &message->from))
			return lease;
	}
	return NULL;
}

static void lease_remove(struct broker *broker, struct broker_lease *lease)
{
	*lease = broker->leases[--broker->n_leases];
}

static struct broker_lease *lease_add(struct broker *broker, const struct offer_message *message)
{
	struct broker_lease *lease;
	size_t theirs = 0;

	for (size_t i = 0; i < broker->n_leases; i++)
		theirs += hub_id_equal(&broker->leases[i].hub, &message->from);
	if (broker->n_leases == BROKER_LEASES_MAX || theirs == BROKER_LEASES_OF_HUB_MAX)
		return NULL;
	if ((broker->n_leases & (broker->n_leases - 1)) == 0)
		broker->leases = xreallocarray(broker->leases,
					       broker->n_leases ? 2 * broker->n_leases : 1,
					       sizeof(*broker->leases));
	lease = &broker->leases[broker->n_leases++];
	*lease = (struct broker_lease){
		.hub = message->from, .epoch = message->from_epoch, .request = message->request};
	memcpy(lease->digest, message->digest, SHA256_LEN);
	return lease;
}

uint32_t broker_slots_leased(const struct broker *broker, const uint8_t digest[SHA256_LEN])
{
	uint32_t used = 0;

	for (size_t i = 0; i < broker->n_leases; i++)
		if (memcmp(broker->leases[i].digest, digest, SHA256_LEN) == 0)
			used += broker->leases[i].slots;
	return used;
}

static uint32_t slots_of(const struct broker *broker, const struct offer_message *message)
{
	uint32_t used = 0;

	for (size_t i = 0; i < broker->n_leases; i++)
		if (hub_id_equal(&broker->leases[i].hub, &message->from) &&
		    memcmp(broker->leases[i].digest, message->digest, SHA256_LEN) == 0)
			used += broker->leases[i].slots;
	return used;
}

static uint32_t retry_ms(const struct broker *broker, uint64_t now_ns, const uint8_t *digest)
{
	uint64_t at = NEVER, ms;

	for (size_t i = 0; i < broker->n_leases; i++)
		if (memcmp(broker->leases[i].digest, digest, SHA256_LEN) == 0)
			at = earlier(at, broker->leases[i].until_ns);
	if (at == NEVER || at <= now_ns)
		return RETRY_MIN_MS;
	ms = (at - now_ns) / NSEC_PER_MSEC;
	if (ms > BROKER_AVOID_NS / NSEC_PER_MSEC)
		return BROKER_AVOID_NS / NSEC_PER_MSEC; /* a release may come sooner */
	return ms < RETRY_MIN_MS ? RETRY_MIN_MS : (uint32_t)ms;
}

/**
 * struct terms - what we would give now
 * @slots: 0 nothing
 * @used: in use
 * @load_permille: the same as a share
 * @free_slots: not in use
 * @duration_ms: of a lease
 * @price_micro: of a slot for a second
 * @reason: enum offer_reason, when @slots is 0
 */
struct terms {
	uint32_t slots, used, load_permille, free_slots, duration_ms, price_micro;
	uint8_t reason;
};

static uint32_t bounded_duration(uint32_t duration_ms)
{
	if (duration_ms < BROKER_LEASE_MIN_MS)
		return BROKER_LEASE_MIN_MS;
	return duration_ms > OFFER_DURATION_MAX_MS ? OFFER_DURATION_MAX_MS : duration_ms;
}

static struct terms terms_for(const struct broker *broker, const struct broker_world *world,
			      const struct offer_message *message, uint32_t held)
{
	const struct registry_instance *instance =
		registry_find(world->registry, &broker->self, message->digest);
	struct terms terms = {.duration_ms = bounded_duration(message->duration_ms)};
	uint32_t all, theirs, share;

	if (!instance) {
		terms.reason = OFFER_REASON_UNKNOWN;
		return terms;
	}
	all = instance->manifest.slots;
	theirs = slots_of(broker, message) - held;
	share = all / 2 ? all / 2 : 1;
	terms.used = broker_slots_leased(broker, message->digest) - held;
	terms.free_slots = all > terms.used ? all - terms.used : 0;
	terms.load_permille = terms.used < all ? terms.used * PERMILLE / all : PERMILLE;
	terms.price_micro = instance->manifest.price_micro;
	if (terms.load_permille >= BROKER_LOADED_PERMILLE) {
		uint64_t dearer = (uint64_t)terms.price_micro *
				  (terms.load_permille - BROKER_LOADED_PERMILLE) /
				  (PERMILLE - BROKER_LOADED_PERMILLE);

		terms.price_micro +=
			(uint32_t)dearer < UINT32_MAX - terms.price_micro ? (uint32_t)dearer : 0;
		if (terms.duration_ms > BROKER_LOADED_LEASE_MS)
			terms.duration_ms = BROKER_LOADED_LEASE_MS;
	}
	terms.slots = message->slots < terms.free_slots ? message->slots : terms.free_slots;
	if (instance->state != SERVICE_AVAILABLE)
		terms.reason = OFFER_REASON_NOT_AVAILABLE;
	else if (terms.slots == 0)
		terms.reason = OFFER_REASON_BUSY;
	else if (theirs + terms.slots > share && terms.used > theirs)
		terms.reason = OFFER_REASON_SHARE;
	if (terms.reason)
		terms.slots = 0;
	return terms;
}

static void answer(const struct broker *broker, uint64_t now_ns,
		   const struct offer_message *message, const struct terms *terms,
		   enum offer_kind kind, struct broker_output *out)
{
	struct offer_message *reply =
		broker_say(broker, out, kind, &message->from, message->request, message->digest);

	reply->serial = message->serial;
	reply->slots = terms->slots;
	reply->duration_ms = terms->duration_ms;
	reply->price_micro = terms->price_micro;
	reply->load_permille = terms->load_permille;
	reply->free_slots = terms->free_slots;
	reply->reason = terms->reason;
	if (kind == OFFER_REFUSE)
		reply->retry_ms = retry_ms(broker, now_ns, message->digest);
}

static void refuse(struct broker *broker, uint64_t now_ns, const struct offer_message *message,
		   const struct terms *terms, struct broker_output *out)
{
	broker->counters.refused++;
	answer(broker, now_ns, message, terms, OFFER_REFUSE, out);
}

static void on_request(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		       const struct offer_message *message, struct broker_output *out)
{
	struct terms terms = terms_for(broker, world, message, 0);

	if (terms.slots)
		answer(broker, now_ns, message, &terms, OFFER_OFFER, out);
	else
		refuse(broker, now_ns, message, &terms, out);
}

static void grant(struct broker *broker, uint64_t now_ns, const struct offer_message *message,
		  struct broker_lease *lease, const struct terms *terms, struct broker_output *out)
{
	uint64_t duration_ns = terms->duration_ms * NSEC_PER_MSEC;
	struct terms granted = *terms;

	lease->slots = terms->slots;
	lease->serial = message->serial;
	lease->until_ns = now_ns + duration_ns + duration_ns / 100 * GRACE_PERCENT;
	granted.free_slots -= terms->slots < granted.free_slots ? terms->slots : granted.free_slots;
	answer(broker, now_ns, message, &granted, OFFER_LEASE, out);
}

static bool keeps_leases(const struct broker *broker, const struct broker_world *world,
			 const struct offer_message *message)
{
	const struct registry_instance *instance =
		registry_find(world->registry, &broker->self, message->digest);

	return instance && instance->state != SERVICE_FAILING;
}

/* Asked again, an accept gets the same lease: the answer may have been lost. */
static void on_accept(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		      const struct offer_message *message, struct broker_output *out)
{
	struct broker_lease *lease = lease_find(broker, message);
	struct terms terms;

	if (lease && message->serial < lease->serial)
		return; /* overtaken by a later one */
	if (lease && memcmp(lease->digest, message->digest, SHA256_LEN) != 0) {
		lease_remove(broker, lease); /* the request moves to another manifest of ours */
		lease = NULL;
	}
	terms = terms_for(broker, world, message, lease ? lease->slots : 0);
	if (lease && lease->serial == message->serial && keeps_leases(broker, world, message)) {
		terms.slots = lease->slots;
		terms.reason = OFFER_REASON_NONE;
	}
	if (terms.slots && terms.slots < message->slots) { /* fewer than accepted: ask first */
		answer(broker, now_ns, message, &terms, OFFER_OFFER, out);
		return;
	}
	if (terms.slots && !lease)
		lease = lease_add(broker, message);
	if (terms.slots && !lease) {
		terms.slots = 0;
		terms.reason = OFFER_REASON_BUSY;
	}
	if (!terms.slots) {
		if (lease && lease->serial < message->serial)
			lease_remove(broker, lease); /* the user has given that one up */
		refuse(broker, now_ns, message, &terms, out);
		return;
	}
	broker->counters.granted++;
	grant(broker, now_ns, message, lease, &terms, out);
}

/*
 * Draining services keep their leases; failing ones do not.  What is refused is not free yet: the
 * user counts on it until it hears so, and then gives it back; if it never does, it ends in time.
 */
static void on_renew(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
		     const struct offer_message *message, struct broker_output *out)
{
	const struct registry_instance *instance =
		registry_find(world->registry, &broker->self, message->digest);
	struct broker_lease *lease = lease_find(broker, message);
	struct terms terms = terms_for(broker, world, message, lease ? lease->slots : 0);

	if (lease && lease->serial == message->serial && keeps_leases(broker, world, message) &&
	    memcmp(lease->digest, message->digest, SHA256_LEN) == 0) {
		terms.slots = lease->slots;
		terms.reason = OFFER_REASON_NONE;
		grant(broker, now_ns, message, lease, &terms, out);
		return;
	}
	terms.slots = 0;
	terms.reason = instance ? lease ? OFFER_REASON_NOT_AVAILABLE : OFFER_REASON_NO_LEASE
				: OFFER_REASON_UNKNOWN;
	refuse(broker, now_ns, message, &terms, out);
}

static void on_release(struct broker *broker, const struct offer_message *message)
{
	struct broker_lease *lease = lease_find(broker, message);

	if (lease && lease->serial <= message->serial)
		lease_remove(broker, lease);
}

void provider_on_message(struct broker *broker, uint64_t now_ns, const struct broker_world *world,
			 const struct offer_message *message, struct broker_output *out)
{
	leases_expire(broker, now_ns, world);
	switch (message->kind) {
	case OFFER_REQUEST:
		on_request(broker, now_ns, world, message, out);
		break;
	case OFFER_ACCEPT:
		on_accept(broker, now_ns, world, message, out);
		break;
	case OFFER_RENEW:
		on_renew(broker, now_ns, world, message, out);
		break;
	default:
		on_release(broker, message);
	}
}

void leases_expire(struct broker *broker, uint64_t now_ns, const struct broker_world *world)
{
	for (size_t i = broker->n_leases; i-- > 0;) {
		struct broker_lease *lease = &broker->leases[i];

		if (now_ns >= lease->until_ns ||
		    world->epoch(world->arg, &lease->hub) > lease->epoch)
			lease_remove(broker, lease);
	}
}

void broker_forget_hub(struct broker *broker, const struct hub_id *hub)
{
	for (size_t i = broker->n_leases; i-- > 0;)
		if (hub_id_equal(&broker->leases[i].hub, hub))
			lease_remove(broker, &broker->leases[i]);
}

uint64_t leases_deadline(const struct broker *broker)
{
	uint64_t at = NEVER;

	for (size_t i = 0; i < broker->n_leases; i++)
		at = earlier(at, broker->leases[i].until_ns);
	return at;
}

const struct broker_lease *broker_lease_at(const struct broker *broker, size_t i)
{
	return i < broker->n_leases ? &broker->leases[i] : NULL;
}
