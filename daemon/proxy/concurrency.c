// SPDX-License-Identifier: GPL-2.0
/* DOC: concurrency: see concurrency.h */
#include "daemon/proxy/concurrency.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "daemon/lib/prng.h"

#define LEAST_MARGIN 1.25 /* latency varies by itself: as Envoy's min_rtt buffer */
#define GRADIENT_MIN 0.5
#define GRADIENT_MAX 2.0
#define DROP_FACTOR 0.9 /* AIMD's, as Netflix has it */

static double limit_of(const struct concurrency *concurrency)
{
	return concurrency->limit > 0 ? concurrency->limit : CONCURRENCY_FIRST;
}

uint32_t concurrency_limit(const struct concurrency *concurrency,
			   const struct concurrency_settings *settings)
{
	double limit = concurrency->is_probing ? CONCURRENCY_PROBE : limit_of(concurrency);

	return limit < settings->max ? (uint32_t)limit : settings->max;
}

bool concurrency_begin(struct concurrency *concurrency, const struct concurrency_settings *settings)
{
	if (concurrency->in_flight >= concurrency_limit(concurrency, settings))
		return false;
	if (++concurrency->in_flight > concurrency->peak)
		concurrency->peak = concurrency->in_flight;
	return true;
}

void concurrency_end(struct concurrency *concurrency)
{
	assert(concurrency->in_flight > 0);
	concurrency->in_flight--;
}

static int compare_us(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void begin_window(struct concurrency *concurrency, uint64_t now_ns)
{
	concurrency->window_ns = now_ns;
	concurrency->n = 0;
	concurrency->n_dropped = 0;
	concurrency->peak = concurrency->in_flight;
}

static void take_least(struct concurrency *concurrency, uint64_t now_ns, uint32_t median_us)
{
	concurrency->least_us = median_us;
	concurrency->least_until_ns = now_ns + CONCURRENCY_LEAST_NS;
	concurrency->is_probing = false;
}

static void move_limit(struct concurrency *concurrency, const struct concurrency_settings *settings,
		       uint32_t median_us)
{
	double limit = limit_of(concurrency);
	double gradient = LEAST_MARGIN * concurrency->least_us / median_us;

	if (gradient < GRADIENT_MIN)
		gradient = GRADIENT_MIN;
	if (gradient > GRADIENT_MAX)
		gradient = GRADIENT_MAX;
	limit = gradient * limit + sqrt(limit);
	concurrency->limit = limit < settings->max ? limit : settings->max;
}

/*
 * Windows that began before a probe, or before it let the backlog through, hold latencies of
 * waiting; so the first one of a probe only empties the provider.
 */
static void judge_samples(struct concurrency *concurrency,
			  const struct concurrency_settings *settings, uint64_t now_ns)
{
	bool is_idle = concurrency->peak * 2 < concurrency_limit(concurrency, settings);
	bool was_calm = concurrency->is_probing && concurrency->peak <= CONCURRENCY_PROBE;
	uint32_t median_us;

	if (concurrency->n < CONCURRENCY_SAMPLES_MIN)
		return;
	qsort(concurrency->samples, concurrency->n, sizeof(concurrency->samples[0]), compare_us);
	median_us = concurrency->samples[concurrency->n / 2];
	if (is_idle || was_calm || median_us < concurrency->least_us)
		take_least(concurrency, now_ns, median_us);
	else if (!concurrency->is_probing && now_ns >= concurrency->least_until_ns)
		concurrency->is_probing = true;
	else if (!concurrency->is_probing)
		move_limit(concurrency, settings, median_us);
}

static void judge_drops(struct concurrency *concurrency)
{
	double limit = limit_of(concurrency) * DROP_FACTOR;

	if (concurrency->n_dropped && limit >= 1)
		concurrency->limit = limit;
}

void concurrency_sample(struct concurrency *concurrency,
			const struct concurrency_settings *settings, uint64_t now_ns,
			uint64_t latency_us, bool is_dropped)
{
	if (!concurrency->window_ns)
		begin_window(concurrency, now_ns);
	concurrency->n_dropped += is_dropped;
	if (!is_dropped && concurrency->n < CONCURRENCY_SAMPLES_MAX)
		concurrency->samples[concurrency->n++] = latency_us == 0 ? 1
							 : latency_us < UINT32_MAX
								 ? (uint32_t)latency_us
								 : UINT32_MAX;
	if (now_ns - concurrency->window_ns < CONCURRENCY_WINDOW_NS)
		return;
	if (concurrency->n + concurrency->n_dropped < CONCURRENCY_SAMPLES_MIN)
		return;
	judge_samples(concurrency, settings, now_ns);
	judge_drops(concurrency);
	begin_window(concurrency, now_ns);
}
