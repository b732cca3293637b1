// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: silence: providers left alone for a while, and those that answer after all
 *
 * Who refused, failed or did not answer is not asked again for some seconds.
 * Silence is the weakest of these reasons: on a loaded machine an answer comes
 * after its question was given up.  It ends the silence at once, for every
 * request that would have asked or has given up.
 */
#include "daemon/broker/internal.h"

#include <string.h>

static bool is_about(const struct broker_avoided *avoided, const struct broker_candidate *candidate)
{
	return hub_id_equal(&avoided->hub, &candidate->hub) &&
	       memcmp(avoided->digest, candidate->digest, SHA256_LEN) == 0;
}

/* What it deserved that for may be over. */
static bool is_news_of(const struct broker_avoided *avoided,
		       const struct broker_candidate *candidate)
{
	return candidate->epoch > avoided->epoch || candidate->state_ns > avoided->since_ns;
}

bool broker_avoids(const struct broker *broker, uint64_t now_ns,
		   const struct broker_candidate *candidate, enum broker_avoidance why)
{
	for (size_t i = 0; i < BROKER_AVOIDED_MAX; i++) {
		const struct broker_avoided *avoided = &broker->avoided[i];

		if (now_ns < avoided->until_ns && avoided->why == why &&
		    is_about(avoided, candidate) &&
		    (why == BROKER_AVOID_EJECTED || !is_news_of(avoided, candidate)))
			return true;
	}
	return false;
}

/* The one there is already, so that repetitions push nobody else out. */
static struct broker_avoided *avoided_slot(struct broker *broker,
					   const struct broker_candidate *candidate, uint8_t why)
{
	size_t i;

	for (i = 0; i < BROKER_AVOIDED_MAX; i++)
		if (broker->avoided[i].why == why && is_about(&broker->avoided[i], candidate))
			return &broker->avoided[i];
	i = broker->next_avoided;
	broker->next_avoided = (i + 1) % BROKER_AVOIDED_MAX;
	broker->avoided[i] = (struct broker_avoided){.hub = candidate->hub, .why = why};
	memcpy(broker->avoided[i].digest, candidate->digest, SHA256_LEN);
	return &broker->avoided[i];
}

void broker_avoid(struct broker *broker, uint64_t now_ns, const struct broker_candidate *candidate,
		  uint64_t for_ns, enum broker_avoidance why)
{
	struct broker_avoided *avoided = avoided_slot(broker, candidate, why);

	avoided->epoch = candidate->epoch;
	avoided->since_ns = now_ns;
	if (avoided->until_ns < now_ns + for_ns)
		avoided->until_ns = now_ns + for_ns;
}

void broker_avoid_silent(struct broker *broker, uint64_t now_ns,
			 const struct broker_request *request)
{
	for (size_t i = 0; i < request->n; i++)
		if (request->candidates[i].verdict == BROKER_SILENT)
			broker_avoid(broker, now_ns, &request->candidates[i], BROKER_AVOID_NS,
				     BROKER_AVOID_SILENT);
}

static bool misses(const struct broker_request *request, const struct broker_candidate *candidate)
{
	for (size_t i = 0; i < request->n; i++) {
		const struct broker_candidate *other = &request->candidates[i];

		if ((other->verdict == BROKER_SILENT || other->verdict == BROKER_AVOIDED) &&
		    hub_id_equal(&other->hub, &candidate->hub) &&
		    memcmp(other->digest, candidate->digest, SHA256_LEN) == 0)
			return true;
	}
	return false;
}

void broker_on_late(struct broker *broker, uint64_t now_ns,
		    const struct broker_candidate *candidate)
{
	broker->counters.late++;
	for (size_t i = 0; i < BROKER_AVOIDED_MAX; i++)
		if (broker->avoided[i].why == BROKER_AVOID_SILENT &&
		    is_about(&broker->avoided[i], candidate))
			broker->avoided[i].until_ns = 0;
	for (size_t i = 0; i < broker->n_requests; i++) {
		struct broker_request *request = broker->requests[i];

		if (misses(request, candidate))
			broker_try_soon(broker, now_ns, request);
	}
}
