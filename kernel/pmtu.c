// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: path MTU of a link
 *
 * An underlay between two hubs may have a narrow place that its own ICMP does
 * not tell of: then frames of a length just vanish.  So sizes are tried, in the
 * manner of RFC 8899: some PROBE frames are padded to a length, the peer says
 * in its own probes which padded probe it got last, and what is not answered
 * after HM_PMTU_TRIES tries did not get through.
 *
 *   the route's maximum --answered--> verified every HM_PMTU_VERIFY_MS
 *        |                                   |
 *      lost: limit = base                  lost: limit = base
 *        v                                   |
 *   halving between good and bad  <----------+
 *        |
 *        +--apart by HM_PMTU_STEP--> limit = good, verified; HM_PMTU_RAISE_MS
 *                                    later the route's maximum is tried again
 *
 * Until something was lost the route's MTU counts: a link that is fine, as most
 * are, is never slower for the search.
 */
#include <linux/jiffies.h>
#include "link.h"
#include "pmtu.h"

/* Long enough for a probe there, the peer's next round, and that probe back. */
static unsigned long answer_time(const struct hm_link *link)
{
	u32 interval_ms = max(READ_ONCE(link->probe.interval_ms), 1U);

	return msecs_to_jiffies(2 * interval_ms) +
	       usecs_to_jiffies(2 * READ_ONCE(link->probe.rtt_us)) + 1;
}

static void start(struct hm_pmtu *p, u32 route_max)
{
	p->route_max = route_max;
	p->good = min(route_max, HM_PMTU_BASE);
	p->bad = route_max + 1;
	p->size = route_max;
	p->tries = 0;
	p->due = jiffies;
	p->raise_at = jiffies + msecs_to_jiffies(HM_PMTU_RAISE_MS);
}

/* Choose what to try next, between @good and @bad, or @good itself later. */
static void choose(struct hm_pmtu *p)
{
	p->tries = 0;
	p->due = jiffies;
	if (p->bad - p->good > HM_PMTU_STEP) {
		p->size = p->good + (p->bad - p->good) / 2;
		return;
	}
	p->size = p->good;
	p->due += msecs_to_jiffies(HM_PMTU_VERIFY_MS);
}

/* True if that changed what frames may be sent. */
static bool set_limit(struct hm_pmtu *p, u32 limit)
{
	if (p->limit == limit)
		return false;
	WRITE_ONCE(p->limit, limit);
	return true;
}

static bool lost(struct hm_pmtu *p)
{
	if (p->size <= p->good)		/* what was good is not any more */
		p->good = p->size > HM_PMTU_BASE ? HM_PMTU_BASE : HM_PMTU_MIN;
	p->good = min(p->good, p->size);
	p->bad = max(p->size, p->good + 1);
	choose(p);
	return set_limit(p, p->good);
}

/**
 * hm_pmtu_round() - What the next probe should be padded to.
 * @link: link that is up; @link->pmtu.route_max is what its route takes
 * @seq: number of the probe
 * @frame_len: receives the length, 0 for no padding
 *
 * Context: Softirq, link->probe.lock held.
 * Return: true if the limit changed.
 */
bool hm_pmtu_round(struct hm_link *link, u64 seq, u32 *frame_len)
{
	u32 route_max = READ_ONCE(link->route_max);
	struct hm_pmtu *p = &link->pmtu;
	bool has_changed = false;

	*frame_len = 0;
	if (!route_max)
		return false;
	if (route_max != p->route_max) {
		start(p, route_max);
		has_changed = set_limit(p, 0);
	}
	if (time_before(jiffies, p->due))
		return has_changed;
	if (p->bad <= p->route_max && time_after_eq(jiffies, p->raise_at)) {
		p->raise_at = jiffies + msecs_to_jiffies(HM_PMTU_RAISE_MS);
		p->bad = p->route_max + 1;
		p->size = p->route_max;
		p->tries = 0;
	}
	if (p->tries == HM_PMTU_TRIES) {
		has_changed = lost(p);
		if (time_before(jiffies, p->due))
			return has_changed;
	}
	if (!p->tries++)
		p->first_seq = seq;
	p->due = jiffies + answer_time(link);
	*frame_len = p->size;
	return has_changed;
}

/**
 * hm_pmtu_acked() - The peer told which padded probe it got last.
 * @link: link
 * @seen_seq: number of that probe, 0 for none
 *
 * Context: BH disabled, link->probe.lock held.
 * Return: true if the limit changed.
 */
bool hm_pmtu_acked(struct hm_link *link, u64 seen_seq)
{
	struct hm_pmtu *p = &link->pmtu;

	if (!p->tries || seen_seq < p->first_seq)
		return false;
	p->good = p->size;
	p->bad = max(p->bad, p->good + 1);
	choose(p);
	return set_limit(p, p->good < p->route_max ? p->good : 0);
}

/**
 * hm_pmtu_reset() - Forget everything: the link leads elsewhere.
 * @link: link
 *
 * Context: BH disabled, link->probe.lock held.
 */
void hm_pmtu_reset(struct hm_link *link)
{
	link->pmtu.route_max = 0;
	link->pmtu.tries = 0;
	link->pmtu.seen_seq = 0;
	WRITE_ONCE(link->pmtu.limit, 0);
}
