// SPDX-License-Identifier: GPL-2.0
#include "daemon/proxy/histogram.h"

static size_t bucket_of(uint64_t us)
{
	size_t i = us ? 63u - (size_t)__builtin_clzll(us) : 0;

	return i < HISTOGRAM_BUCKETS ? i : HISTOGRAM_BUCKETS - 1;
}

void histogram_add(struct histogram *histogram, uint64_t us)
{
	histogram->n++;
	histogram->sum_us += us;
	histogram->buckets[bucket_of(us)]++;
}

uint64_t histogram_at(const struct histogram *histogram, uint32_t permille)
{
	uint64_t seen = 0, wanted = (histogram->n * permille + 999) / 1000;

	for (size_t i = 0; histogram->n && i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (seen >= wanted && seen)
			return 2ull << i;
	}
	return 0;
}
