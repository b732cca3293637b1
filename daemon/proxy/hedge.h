/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: hedge: when a second attempt is made before the first has failed
 *
 * The tail at scale (Dean, Barroso, CACM 56(2), 2013): an attempt at another provider once the
 * first has taken longer than nearly all do cuts the tail for a few percent more load.  The
 * budget keeps it at a tenth of requests when everything is slow.  Pure.
 */
#ifndef PROXY_HEDGE_H
#define PROXY_HEDGE_H

#include <stdbool.h>

#include "daemon/proxy/allow.h"
#include "daemon/proxy/histogram.h"

#define HEDGE_PERCENT 10 /* of requests may be made twice */
#define HEDGE_SAVED_MAX 10 /* unused ones that are kept for later */
#define HEDGE_PERMILLE 950 /* of answers come in the time waited */
#define HEDGE_SAMPLES_MIN 50 /* that is 2.5 beyond it */
#define HEDGE_SAMPLES_MAX 1024 /* then old ones count half */
#define HEDGE_METHODS_MAX 16 /* of gRPC, or services with all of theirs */
#define HEDGE_MIN_US 1000 /* sooner, half of the second attempts would be for scheduling */

/**
 * struct hedge_settings - of an entry
 * @is_on: requests are hedged at all
 * @after_ms: when, 0 by what answers take
 * @grpc_methods: prefixes of paths of gRPC methods that may be made twice
 * @n_grpc_methods: entries of @grpc_methods
 */
struct hedge_settings {
	bool is_on;
	uint32_t after_ms;
	char grpc_methods[HEDGE_METHODS_MAX][ALLOW_PATH_LEN + 1];
	size_t n_grpc_methods;
};

/**
 * struct hedge - of an entry; zero-initialise
 * @milli: thousandths of second attempts that may be made
 * @times: of answers
 */
struct hedge {
	uint32_t milli;
	struct histogram times;
};

/** hedge_note_request() - One that could be hedged was made. */
void hedge_note_request(struct hedge *hedge);
/** hedge_note_answer() - One came after so long. */
void hedge_note_answer(struct hedge *hedge, uint64_t us);
/** hedge_delay_us() - How long to wait for the first attempt; 0: not enough is known. */
uint64_t hedge_delay_us(const struct hedge *hedge, const struct hedge_settings *settings);
/** hedge_names_method() - May a method of gRPC be made twice? */
bool hedge_names_method(const struct hedge_settings *settings, const char *path);
/** hedge_spend() - May a second attempt be made? */
bool hedge_spend(struct hedge *hedge);

#endif
