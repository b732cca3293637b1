/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PROXY_HISTOGRAM_H
#define PROXY_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS 32 /* the last one holds all from 2^31 us = 36 minutes on */

/**
 * struct histogram - durations by powers of two
 * @n: how many in all
 * @sum_us: of all
 * @buckets: [i] counts those of 2^i us to below 2^(i+1) us; below 1 us counts as 1
 */
struct histogram {
	uint64_t n, sum_us;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t us);
/** histogram_at() - Upper bound, us, of what @permille of all are below; 0 there are none. */
uint64_t histogram_at(const struct histogram *histogram, uint32_t permille);

#endif
