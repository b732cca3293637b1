// SPDX-License-Identifier: GPL-2.0
/* DOC: limiter: see limiter.h */
#include "daemon/proxy/limiter.h"

#define MILLI 1000
#define NS_PER_MILLI_TOKEN(per_s) (NSEC_PER_SEC / MILLI / (per_s))

static void bucket_fill(struct bucket *bucket, uint64_t now_ns, uint32_t per_s, uint32_t max)
{
	uint64_t came;

	if (now_ns <= bucket->filled_ns)
		return;
	came = (now_ns - bucket->filled_ns) / NS_PER_MILLI_TOKEN(per_s);
	if (bucket->filled_ns == 0 || came >= (uint64_t)max * MILLI) {
		bucket->filled_ns = now_ns;
		bucket->milli = (uint64_t)max * MILLI;
		return;
	}
	bucket->filled_ns += came * NS_PER_MILLI_TOKEN(per_s); /* the rest counts next time */
	bucket->milli += came;
	if (bucket->milli > (uint64_t)max * MILLI)
		bucket->milli = (uint64_t)max * MILLI;
}

bool bucket_take(struct bucket *bucket, uint64_t now_ns, uint32_t per_s, uint32_t max)
{
	bucket_fill(bucket, now_ns, per_s, max);
	if (bucket->milli < MILLI)
		return false;
	bucket->milli -= MILLI;
	return true;
}

void budget_earn(struct budget *budget)
{
	if (budget->bucket.milli < (uint64_t)BUDGET_MAX * MILLI)
		budget->bucket.milli += BUDGET_PERCENT * MILLI / 100;
}

bool budget_spend(struct budget *budget, uint64_t now_ns)
{
	return bucket_take(&budget->bucket, now_ns, BUDGET_PER_S, BUDGET_MAX);
}

bool breaker_allows(struct breaker *breaker, uint64_t now_ns)
{
	if (!breaker->is_open)
		return true;
	if (breaker->is_trying || now_ns < breaker->until_ns)
		return false;
	breaker->is_trying = true;
	return true;
}

bool breaker_result(struct breaker *breaker, uint64_t now_ns, bool is_error)
{
	bool opens;

	if (!is_error) {
		*breaker = (struct breaker){0};
		return false;
	}
	if (breaker->failures < UINT32_MAX)
		breaker->failures++;
	if (breaker->is_open && !breaker->is_trying)
		return false; /* began before it opened */
	opens = breaker->is_trying || breaker->failures >= BREAKER_FAILURES;
	if (!opens)
		return false;
	breaker->open_ns = breaker->is_trying ? 2 * breaker->open_ns : BREAKER_OPEN_NS;
	if (breaker->open_ns > BREAKER_OPEN_MAX_NS)
		breaker->open_ns = BREAKER_OPEN_MAX_NS;
	breaker->until_ns = now_ns + breaker->open_ns;
	breaker->is_open = true;
	breaker->is_trying = false;
	return true;
}
