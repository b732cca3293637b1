// SPDX-License-Identifier: GPL-2.0
/* DOC: sequential: see sequential.h */
#include "daemon/versions/sequential.h"

#include <math.h>

static struct sequential_counts sum(struct sequential_counts a, struct sequential_counts b)
{
	return (struct sequential_counts){.n = a.n + b.n, .bad = a.bad + b.bad};
}

static struct sequential_counts worse(struct sequential_counts a, struct sequential_counts b)
{
	return b.bad > a.bad ? b : a;
}

static void block_begin(struct sequential_stream *stream, uint64_t block)
{
	double bad = stream->current.bad;

	stream->worst = worse(stream->worst, sum(stream->before, stream->current));
	if (stream->current.n) {
		stream->complete = sum(stream->complete, stream->current);
		stream->squares += bad * bad / stream->current.n;
		stream->blocks++;
	}
	stream->before = block == stream->block + 1 ? stream->current
						    : (struct sequential_counts){0};
	stream->current = (struct sequential_counts){0};
	stream->block = block;
}

void sequential_add(struct sequential_stream *stream, uint64_t now_ns, bool is_bad)
{
	uint64_t block = now_ns / SEQUENTIAL_BLOCK_NS;

	if (block != stream->block)
		block_begin(stream, block);
	stream->all.n++;
	stream->all.bad += is_bad;
	stream->current.n++;
	stream->current.bad += is_bad;
}

struct sequential_counts sequential_judged(const struct sequential_stream *stream)
{
	struct sequential_counts out = worse(stream->worst, sum(stream->before, stream->current));

	return (struct sequential_counts){.n = stream->all.n - out.n,
					  .bad = stream->all.bad - out.bad};
}

double sequential_dispersion(const struct sequential_stream *stream)
{
	double n = stream->complete.n, bad = stream->complete.bad;
	double chance = n > 0 ? bad * (n - bad) / (n * n) : 0, dispersion;

	if (stream->blocks < SEQUENTIAL_BLOCKS_MIN || chance <= 0)
		return 1;
	dispersion = (stream->squares - bad * bad / n) / chance / (stream->blocks - 1);
	return dispersion > 1 ? dispersion : 1;
}

void sequential_halve(struct sequential_counts *counts)
{
	counts->n /= 2;
	counts->bad /= 2;
}

void sequential_age(struct sequential_stream *stream)
{
	sequential_halve(&stream->all);
	sequential_halve(&stream->current);
	sequential_halve(&stream->before);
	sequential_halve(&stream->worst);
	sequential_halve(&stream->complete);
	stream->blocks /= 2;
	stream->squares /= 2;
}

static double ln_gamma(double x)
{
	int sign;

	return lgamma_r(x, &sign); /* lgamma() has a global for the sign */
}

/* Likelihood with the rate averaged over Beta(1/2, 1/2). */
static double ln_mixture(double n, double bad)
{
	return ln_gamma(bad + 0.5) + ln_gamma(n - bad + 0.5) - ln_gamma(n + 1.0) - log(M_PI);
}

/* Likelihood with the rate that makes it largest. */
static double ln_largest(double n, double bad)
{
	double good = n - bad;

	return (bad > 0 ? bad * log(bad / n) : 0) + (good > 0 ? good * log(good / n) : 0);
}

double sequential_evidence(const struct sequential_counts *old, const struct sequential_counts *new,
			   double old_dispersion, double new_dispersion)
{
	double old_n = old->n / old_dispersion, old_bad = old->bad / old_dispersion;
	double new_n = new->n / new_dispersion, new_bad = new->bad / new_dispersion;

	return ln_mixture(old_n, old_bad) + ln_mixture(new_n, new_bad) -
	       ln_largest(old_n + new_n, old_bad + new_bad);
}
