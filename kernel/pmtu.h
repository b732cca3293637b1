/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_PMTU_H
#define _HM_PMTU_H

#include <linux/types.h>

struct hm_link;

/**
 * struct hm_pmtu - what size of frame gets through a link
 * @limit: longer frames get lost; 0 none is known to.  READ_ONCE on the fast path
 * @route_max: longest frame the route takes; the search is for this
 * @good: longest known or assumed to get through
 * @bad: shortest known to get lost; above @route_max if none is
 * @size: length being tried, or to be tried at @due
 * @tries: padded probes of @size sent
 * @first_seq: the first of them
 * @due: jiffies of the next step
 * @raise_at: jiffies when what was lost is tried again
 * @seen_seq: newest padded probe received from the peer, 0 none
 *
 * Under link->probe.lock but for @limit and @route_max, which are read without.
 */
struct hm_pmtu {
	u32 limit, route_max;
	u32 good, bad, size, tries;
	u64 first_seq, seen_seq;
	unsigned long due, raise_at;
};

/* Under link->probe.lock */
bool hm_pmtu_round(struct hm_link *link, u64 seq, u32 *frame_len);
bool hm_pmtu_acked(struct hm_link *link, u64 seen_seq);
void hm_pmtu_reset(struct hm_link *link);

#endif
