/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: concurrency: how many requests a provider has at a time
 *
 * Little's law says how many it can work at; more only wait there, where nobody can send them
 * elsewhere.  The limit follows the gradient of Envoy's adaptive concurrency filter, after each
 * window of samples:
 *
 *	gradient = 1.25 x least latency / median latency of the window, 0.5 to 2
 *	limit = gradient x limit + sqrt(limit)
 *
 * The least latency is that of a provider with nothing to wait for.  It is measured anew every
 * minute: by a window in which half of the limit was never reached if there is one, else by
 * letting through a few only for the length of a window.  Requests that time out or are refused
 * for load lower the limit as AIMD does.
 *
 * Pure; times come in as monotonic nanoseconds.
 */
#ifndef PROXY_CONCURRENCY_H
#define PROXY_CONCURRENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONCURRENCY_MAX_DEFAULT 200
#define CONCURRENCY_QUEUE_DEFAULT 64
#define CONCURRENCY_QUEUE_MS_DEFAULT 500
#define CONCURRENCY_FIRST 20 /* limit before anything is known, as Netflix's and Envoy's */
#define CONCURRENCY_PROBE 3 /* let through while the least latency is measured, as Envoy */
#define CONCURRENCY_SAMPLES_MIN 10 /* a window's median of fewer says little */
#define CONCURRENCY_SAMPLES_MAX 64 /* of more the first are taken */
#define CONCURRENCY_WINDOW_NS (100 * NSEC_PER_MSEC)
#define CONCURRENCY_LEAST_NS (60 * NSEC_PER_SEC) /* then the least latency is measured anew */

/**
 * struct concurrency_settings - of an entry
 * @is_on: there is a limit at all
 * @max: limit that is never passed
 * @queue: requests that may wait
 * @queue_ms: how long
 */
struct concurrency_settings {
	bool is_on;
	uint32_t max, queue, queue_ms;
};

/**
 * struct concurrency - of one provider; zero-initialise
 * @in_flight: requests it has
 * @peak: most of them in this window
 * @limit: of them; 0 not begun
 * @least_us: latency with nothing to wait for, 0 not known
 * @least_until_ns: then it is not known any more
 * @window_ns: when the window began
 * @n: entries of @samples
 * @samples: latencies in it, us
 * @n_dropped: requests in it that timed out or were refused for load
 * @is_probing: few are let through
 */
struct concurrency {
	uint32_t in_flight, peak;
	double limit;
	uint32_t least_us;
	uint64_t least_until_ns, window_ns;
	size_t n;
	uint32_t samples[CONCURRENCY_SAMPLES_MAX];
	uint32_t n_dropped;
	bool is_probing;
};

/** concurrency_limit() - As it is now: at least 1, at most settings->max. */
uint32_t concurrency_limit(const struct concurrency *concurrency,
			   const struct concurrency_settings *settings);
/** concurrency_begin() - May it have one more now? Then concurrency_end() must follow. */
bool concurrency_begin(struct concurrency *concurrency,
		       const struct concurrency_settings *settings);
void concurrency_end(struct concurrency *concurrency);
/**
 * concurrency_sample() - An answer began, or none came.
 * @concurrency: of the provider
 * @settings: of the entry
 * @now_ns: monotonic
 * @latency_us: from when it was let through
 * @is_dropped: it timed out or was refused for load; @latency_us does not count
 */
void concurrency_sample(struct concurrency *concurrency,
			const struct concurrency_settings *settings, uint64_t now_ns,
			uint64_t latency_us, bool is_dropped);

#endif
