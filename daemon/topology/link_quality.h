/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: link_quality: may a link carry routes, and at what cost
 *
 * Cost is LINK_COST_BASE_US plus half the smoothed round trip, rounded to
 * levels 25 % apart and left alone until the value has clearly moved to
 * another level, so that jitter does not reroute.  Flap damping: the first
 * failure costs nothing, but a link that keeps failing must stay up for
 * 1, 2, 4 .. LINK_HOLD_MAX_NS before it is used again; each
 * LINK_CALM_NS of staying up forgives one step.
 */
#ifndef TOPOLOGY_LINK_QUALITY_H
#define TOPOLOGY_LINK_QUALITY_H

#include <stdbool.h>

#include "daemon/lib/prng.h"

#define LINK_COST_BASE_US 100
#define LINK_COST_MAX_US 10000000 /* 10 s: nothing slower is worth telling apart */
#define LINK_HOLD_MIN_NS NSEC_PER_SEC
#define LINK_HOLD_MAX_NS (30 * NSEC_PER_SEC)
#define LINK_CALM_NS (60 * NSEC_PER_SEC)

/**
 * struct link_quality - of one link
 * @is_alive: the last report, and keys or session permit its use
 * @flaps: failures not yet forgiven
 * @alive_since_ns: when it came up
 * @usable_at: held down until then; NEVER while not alive
 * @srtt_us: smoothed, 0 unknown
 * @cost_us: what we announce
 */
struct link_quality {
	bool is_alive;
	uint32_t flaps;
	uint64_t alive_since_ns, usable_at;
	uint32_t srtt_us, cost_us;
};

void link_quality_init(struct link_quality *q);
void link_quality_up(struct link_quality *q, uint64_t now_ns);
void link_quality_down(struct link_quality *q, uint64_t now_ns);
/** link_quality_rtt() - Return: true when the announced cost changed. */
bool link_quality_rtt(struct link_quality *q, uint32_t rtt_us);
static inline bool link_quality_is_usable(const struct link_quality *q, uint64_t now_ns)
{
	return q->is_alive && now_ns >= q->usable_at;
}

#endif
