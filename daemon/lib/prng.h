/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: prng: repeatable numbers for jitter
 *
 * splitmix64 (Steele, Lea, Flood 2014).  For spreading timers only: nothing
 * that an attacker must not guess may come from here.  The state is one
 * number, seeded by whoever owns it, so that a simulation repeats.
 */
#ifndef LIB_PRNG_H
#define LIB_PRNG_H

#include <stdint.h>

#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_SEC 1000000000ull

/** NEVER - Deadline of something that is not scheduled. */
#define NEVER UINT64_MAX

/**
 * struct prng - state
 * @state: any value is a good seed
 */
struct prng {
	uint64_t state;
};

/** prng_next() - 64 well mixed bits. */
static inline uint64_t prng_next(struct prng *prng)
{
	uint64_t z = (prng->state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/** prng_below() - Evenly in 0 .. @bound - 1; 0 when @bound is 0. */
static inline uint64_t prng_below(struct prng *prng, uint64_t bound)
{
	return bound ? prng_next(prng) % bound : 0;
}

/** prng_spread() - @value moved by up to @percent either way. */
static inline uint64_t prng_spread(struct prng *prng, uint64_t value, uint32_t percent)
{
	uint64_t span = value / 100 * percent;

	return value - span + prng_below(prng, 2 * span + 1);
}

/** earlier() - The smaller of two deadlines. */
static inline uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

#endif
