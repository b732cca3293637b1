/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_BUCKET_H
#define _HM_BUCKET_H

#include <linux/ktime.h>
#include <linux/spinlock.h>
#include "limits.h"

/**
 * struct hm_bucket - token bucket, full when first used
 * @lock: protects the rest
 * @credit: tokens in it, in parts of 1 / NSEC_PER_SEC
 * @stamp_ns: when @credit was right, 0 before the first use
 */
struct hm_bucket {
	spinlock_t lock;
	u64 credit, stamp_ns;
};

static inline void hm_bucket_init(struct hm_bucket *bucket)
{
	spin_lock_init(&bucket->lock);
	bucket->credit = 0;
	bucket->stamp_ns = 0;
}

/**
 * hm_bucket_take() - Take tokens, all or none.
 * @bucket: bucket
 * @rate: tokens that come in per second, at most HM_BUCKET_RATE_MAX
 * @depth: tokens it holds, likewise
 * @cost: tokens to take, at most @depth
 *
 * Context: BH disabled.
 * Return: true if they were there.
 */
static inline bool hm_bucket_take(struct hm_bucket *bucket, u64 rate, u64 depth, u32 cost)
{
	u64 now = ktime_get_coarse_ns(), full = depth * NSEC_PER_SEC, earned;
	bool has_tokens;

	spin_lock(&bucket->lock);
	earned = min_t(u64, now - bucket->stamp_ns, NSEC_PER_SEC) * rate;
	bucket->credit = bucket->stamp_ns ? min(bucket->credit + earned, full) : full;
	bucket->stamp_ns = now;
	has_tokens = bucket->credit >= cost * (u64)NSEC_PER_SEC;
	if (has_tokens)
		bucket->credit -= cost * (u64)NSEC_PER_SEC;
	spin_unlock(&bucket->lock);
	return has_tokens;
}

#endif
