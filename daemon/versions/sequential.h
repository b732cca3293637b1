/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: sequential: is a stream of yes and no worse than another?
 *
 * Two streams of Bernoulli samples, old and new; the question may be asked
 * after every sample, for as long as one likes, and still the probability of
 * ever calling equal streams different is bounded.  The statistic is an
 * e-process by universal inference (Wasserman, Ramdas, Balakrishnan:
 * Universal inference, PNAS 117(29), 2020, section 8): the likelihood of what
 * was seen if each stream has its own rate, averaged over Beta(1/2, 1/2), over
 * the largest likelihood if both have the same.  Under one common rate the
 * expectation of that ratio never exceeds 1, so it ever reaches 1/a with
 * probability a at most (Ville's inequality).
 *
 * Real failures come in bursts, which samples of one rate do not.  Two things
 * take care of that, and both can only make a false alarm rarer.  The new
 * stream is judged without its worst ten seconds (two adjacent blocks): what is
 * over in SEQUENTIAL_BLOCK_NS counts for nothing.  And samples count for less
 * by as much as blocks differ more than chance allows (quasi-likelihood:
 * McCullagh, Nelder: Generalized Linear Models, section 4.5): a version that is
 * simply bad is so in every block and loses nothing.
 */
#ifndef VERSIONS_SEQUENTIAL_H
#define VERSIONS_SEQUENTIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/lib/prng.h"

#define SEQUENTIAL_BLOCK_NS (5 * NSEC_PER_SEC) /* a burst so long never convicts */
#define SEQUENTIAL_BLOCKS_MIN 3 /* fewer say nothing about how they differ */

/**
 * struct sequential_counts - samples of a stream
 * @n: all
 * @bad: of those, failures (or slow ones)
 */
struct sequential_counts {
	uint32_t n, bad;
};

/**
 * struct sequential_stream - samples with their worst two adjacent blocks
 * @all: since the beginning
 * @block: number of the block that is being filled: time over SEQUENTIAL_BLOCK_NS
 * @current: samples in it
 * @before: samples in the one just before it
 * @worst: of two adjacent blocks, the two with the most bad ones that are complete
 * @blocks: complete
 * @squares: over them, sum of bad squared over samples
 * @complete: samples in them
 */
struct sequential_stream {
	struct sequential_counts all;
	uint64_t block;
	struct sequential_counts current, before, worst, complete;
	uint32_t blocks;
	double squares;
};

/** sequential_add() - One more sample; @now_ns never goes back. */
void sequential_add(struct sequential_stream *stream, uint64_t now_ns, bool is_bad);
/** sequential_judged() - What counts of a stream: all but its worst two adjacent blocks. */
struct sequential_counts sequential_judged(const struct sequential_stream *stream);
/**
 * sequential_dispersion() - How much more blocks differ than chance allows.
 * @stream: with at least SEQUENTIAL_BLOCKS_MIN complete blocks
 *
 * Return: Pearson's statistic over its degrees of freedom, at least 1.
 */
double sequential_dispersion(const struct sequential_stream *stream);
/** sequential_halve() - Let old samples count for less: they must not count for ever. */
void sequential_halve(struct sequential_counts *counts);
/** sequential_age() - sequential_halve() all of a stream. */
void sequential_age(struct sequential_stream *stream);
/**
 * sequential_evidence() - How much speaks for two rates instead of one.
 * @old: reference
 * @new: judged
 * @old_dispersion: samples of @old count for less by it, 1 in full
 * @new_dispersion: the same of @new
 *
 * Return: natural logarithm of the e-value; evidence of 1 in a false alarms is ln(a).
 */
double sequential_evidence(const struct sequential_counts *old, const struct sequential_counts *new,
			   double old_dispersion, double new_dispersion);

#endif
