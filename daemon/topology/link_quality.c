// SPDX-License-Identifier: GPL-2.0
/* DOC: link_quality: see link_quality.h */
#include "daemon/topology/link_quality.h"

#define FLAPS_MAX 6 /* 1 s << 5 is above the maximum */

void link_quality_init(struct link_quality *q)
{
	*q = (struct link_quality){.usable_at = NEVER, .cost_us = LINK_COST_BASE_US};
}

void link_quality_up(struct link_quality *q, uint64_t now_ns)
{
	uint64_t hold = 0;

	if (q->is_alive)
		return;
	if (q->flaps > 1)
		hold = earlier(LINK_HOLD_MIN_NS << (q->flaps - 2), LINK_HOLD_MAX_NS);
	q->is_alive = true;
	q->alive_since_ns = now_ns;
	q->usable_at = now_ns + hold;
}

void link_quality_down(struct link_quality *q, uint64_t now_ns)
{
	uint64_t calm;

	if (!q->is_alive)
		return;
	calm = (now_ns - q->alive_since_ns) / LINK_CALM_NS;
	q->flaps = calm >= q->flaps ? 0 : q->flaps - calm;
	if (q->flaps < FLAPS_MAX)
		q->flaps++;
	q->is_alive = false;
	q->usable_at = NEVER;
}

static uint32_t nearest_level(uint32_t cost)
{
	uint32_t level = LINK_COST_BASE_US;

	while (level < LINK_COST_MAX_US && level + level / 8 < cost)
		level += level / 4;
	return level;
}

bool link_quality_rtt(struct link_quality *q, uint32_t rtt_us)
{
	uint32_t raw, before = q->cost_us;

	if (rtt_us == 0)
		return false;
	if (rtt_us > 2 * LINK_COST_MAX_US)
		rtt_us = 2 * LINK_COST_MAX_US;
	/* RFC 6298 weight of 1/8 */
	q->srtt_us = q->srtt_us ? q->srtt_us - q->srtt_us / 8 + rtt_us / 8 : rtt_us;
	if (q->srtt_us == 0)
		q->srtt_us = 1;
	raw = LINK_COST_BASE_US + q->srtt_us / 2;
	/* Half a level beyond the border between two levels. */
	if (raw > before + before / 4 || raw < before - before / 5)
		q->cost_us = nearest_level(raw);
	return q->cost_us != before;
}
