/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_REPLAY_H
#define _HM_REPLAY_H

#include <linux/spinlock.h>
#include <linux/bitmap.h>
#include "limits.h"

/*
 * One word more than the window: the word being entered is cleared while
 * the oldest still counts (RFC 6479).
 */
#define HM_WINDOW_WORDS	(HM_WINDOW_BITS / BITS_PER_LONG + 1)

/**
 * struct hm_replay - sliding window over one lane's numbers
 * @lock: protects the rest; a lane is fed by one flow, so by one CPU
 * @top: highest number accepted, 0 before the first (numbers start at 1)
 * @lost: numbers that left the window unseen (loss seen by the receiver)
 * @seen: ring of bits, RFC 6479
 */
struct hm_replay {
	spinlock_t lock;
	u64 top;
	u64 lost;
	unsigned long seen[HM_WINDOW_WORDS];
};

void hm_replay_init(struct hm_replay *w);
bool hm_replay_may_accept(const struct hm_replay *w, u64 number);
bool hm_replay_accept(struct hm_replay *w, u64 number);

#endif
