/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: trickle: when to send the next beacon
 *
 * RFC 6206 without suppression (k = infinity): every hub must be heard, so
 * nobody keeps quiet because others spoke.  The interval doubles from Imin
 * to Imax while nothing changes and falls back to Imin when something does.
 * trickle_hurry() brings one transmission forward, no more often than
 * TRICKLE_HURRY_GAP_NS, so that discovery does not wait for an interval and
 * a flood of strangers cannot make us shout.
 */
#ifndef BEACON_TRICKLE_H
#define BEACON_TRICKLE_H

#include <stdbool.h>

#include "daemon/lib/prng.h"

#define TRICKLE_HURRY_JITTER_NS (50 * NSEC_PER_MSEC)
#define TRICKLE_HURRY_GAP_NS (200 * NSEC_PER_MSEC)

/**
 * struct trickle - one timer; all times ns
 * @imin: shortest interval
 * @imax: longest interval
 * @interval: the one running
 * @ends_at: when it ends
 * @fire_at: when to transmit in it, NEVER once done
 * @sent_at: last transmission
 * @has_sent: @sent_at means something
 */
struct trickle {
	uint64_t imin, imax, interval, ends_at, fire_at, sent_at;
	bool has_sent;
};

/** trickle_init() - Start at Imin with a transmission at once (jitter only). */
void trickle_init(struct trickle *t, uint64_t now_ns, uint64_t imin_ns, uint64_t imax_ns,
		  struct prng *prng);
/** trickle_set_intervals() - New bounds; restarts at Imin. */
void trickle_set_intervals(struct trickle *t, uint64_t now_ns, uint64_t imin_ns, uint64_t imax_ns,
			   struct prng *prng);
/** trickle_reset() - Inconsistency (RFC 6206 section 4.2 rule 6): back to Imin. */
void trickle_reset(struct trickle *t, uint64_t now_ns, struct prng *prng);
/** trickle_hurry() - Transmit within TRICKLE_HURRY_JITTER_NS if the gap allows. */
void trickle_hurry(struct trickle *t, uint64_t now_ns, struct prng *prng);
/** trickle_run() - Let time pass. Return: true when a beacon is to be sent now. */
bool trickle_run(struct trickle *t, uint64_t now_ns, struct prng *prng);
/** trickle_deadline() - When trickle_run() wants to run. */
uint64_t trickle_deadline(const struct trickle *t);

#endif
