/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: limiter: how often, and whether at all
 *
 * A bucket of tokens, the retry budget built on it (RFC 9110 leaves retries to
 * the client; the budget is Finagle's: a share of the requests, and a few a
 * second whatever their number) and a circuit breaker (Nygard, Release It!):
 *
 *	CLOSED --failures in a row--> OPEN --time--> HALF OPEN --success--> CLOSED
 *				       ^---------------failure--+
 *
 * Pure; times come in as monotonic nanoseconds.
 */
#ifndef PROXY_LIMITER_H
#define PROXY_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/lib/prng.h"

#define BUDGET_PERCENT 20 /* retries per request */
#define BUDGET_PER_S 10 /* and so many a second in any case */
#define BUDGET_MAX 100 /* saved up at most */
#define BREAKER_FAILURES 5 /* in a row, until it opens */
#define BREAKER_OPEN_NS NSEC_PER_SEC /* doubled with each failed trial */
#define BREAKER_OPEN_MAX_NS (30 * NSEC_PER_SEC)

/**
 * struct bucket - tokens; zero-initialise for an empty one
 * @milli: thousandths of tokens there
 * @filled_ns: when it was last filled
 */
struct bucket {
	uint64_t milli, filled_ns;
};

/**
 * bucket_take() - Take a token.
 * @bucket: filled to now first
 * @now_ns: monotonic
 * @per_s: tokens that come each second
 * @max: tokens it holds
 *
 * Return: true there was one.
 */
bool bucket_take(struct bucket *bucket, uint64_t now_ns, uint32_t per_s, uint32_t max);

/** struct budget - of retries; zero-initialise */
struct budget {
	struct bucket bucket;
};

/** budget_earn() - A request was made for the first time. */
void budget_earn(struct budget *budget);
/** budget_spend() - May one be made again? */
bool budget_spend(struct budget *budget, uint64_t now_ns);

/**
 * struct breaker - of one provider; zero-initialise for a closed one
 * @failures: in a row
 * @open_ns: how long it opens
 * @until_ns: when a trial may be made
 * @is_open: refuses
 * @is_trying: the trial is on its way
 */
struct breaker {
	uint32_t failures;
	uint64_t open_ns, until_ns;
	bool is_open, is_trying;
};

/** breaker_allows() - May a request be made now? When half open: one. */
bool breaker_allows(struct breaker *breaker, uint64_t now_ns);
/** breaker_result() - One that was allowed ended. Return: true: it opened now. */
bool breaker_result(struct breaker *breaker, uint64_t now_ns, bool is_error);

#endif
