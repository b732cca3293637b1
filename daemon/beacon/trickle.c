// SPDX-License-Identifier: GPL-2.0
/* DOC: trickle: see trickle.h */
#include "daemon/beacon/trickle.h"

static void begin_interval(struct trickle *t, uint64_t now_ns, uint64_t interval, struct prng *prng)
{
	t->interval = interval;
	t->fire_at = now_ns + interval / 2 + prng_below(prng, interval - interval / 2);
	t->ends_at = now_ns + interval;
}

void trickle_init(struct trickle *t, uint64_t now_ns, uint64_t imin_ns, uint64_t imax_ns,
		  struct prng *prng)
{
	t->has_sent = false;
	trickle_set_intervals(t, now_ns, imin_ns, imax_ns, prng);
	trickle_hurry(t, now_ns, prng);
}

void trickle_set_intervals(struct trickle *t, uint64_t now_ns, uint64_t imin_ns, uint64_t imax_ns,
			   struct prng *prng)
{
	t->imin = imin_ns > NSEC_PER_MSEC ? imin_ns : NSEC_PER_MSEC;
	t->imax = imax_ns > t->imin ? imax_ns : t->imin;
	begin_interval(t, now_ns, t->imin, prng);
}

void trickle_reset(struct trickle *t, uint64_t now_ns, struct prng *prng)
{
	if (t->interval > t->imin)
		begin_interval(t, now_ns, t->imin, prng);
}

void trickle_hurry(struct trickle *t, uint64_t now_ns, struct prng *prng)
{
	uint64_t at = now_ns;

	if (t->has_sent && at < t->sent_at + TRICKLE_HURRY_GAP_NS)
		at = t->sent_at + TRICKLE_HURRY_GAP_NS;
	t->fire_at = earlier(t->fire_at, at + prng_below(prng, TRICKLE_HURRY_JITTER_NS));
}

bool trickle_run(struct trickle *t, uint64_t now_ns, struct prng *prng)
{
	bool fired = now_ns >= t->fire_at;

	if (fired) {
		t->fire_at = NEVER;
		t->sent_at = now_ns;
		t->has_sent = true;
	}
	if (now_ns >= t->ends_at)
		begin_interval(t, now_ns, earlier(t->interval * 2, t->imax), prng);
	return fired;
}

uint64_t trickle_deadline(const struct trickle *t)
{
	return earlier(t->fire_at, t->ends_at);
}
