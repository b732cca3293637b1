/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: dialer: who dials, when, and which of two sessions stays
 *
 * Both ends of a path want one session.  The hub with the lower id dials at
 * once, the other gives it DIALER_YIELD_NS and then dials too (the lower one
 * may be unable to reach us, e.g. behind NAT).  Failures back off from
 * DIALER_BACKOFF_MIN_NS doubling to DIALER_BACKOFF_MAX_NS, with jitter; a
 * sign of life (new boot epoch, silence broken) starts over.  If both came
 * up, both ends keep the one dialled by the lower id without talking about it.
 */
#ifndef SESSION_DIALER_H
#define SESSION_DIALER_H

#include <stdbool.h>

#include "daemon/lib/hub_id.h"
#include "daemon/lib/prng.h"

#define DIALER_YIELD_NS (1500 * NSEC_PER_MSEC)
#define DIALER_BACKOFF_MIN_NS (500 * NSEC_PER_MSEC)
#define DIALER_BACKOFF_MAX_NS (30 * NSEC_PER_SEC)
#define DIALER_JITTER_PERCENT 25

/**
 * struct dialer - when to dial next
 * @next_at: ns; NEVER while there is no reason to
 * @failures: in a row
 */
struct dialer {
	uint64_t next_at;
	uint32_t failures;
};

/** dialer_init() - Nothing to dial yet. */
void dialer_init(struct dialer *dialer);
/**
 * dialer_want() - We know where the peer is and have no session.
 * @dialer: of the path
 * @now_ns: monotonic
 * @self: our id
 * @peer: the neighbour's id; the lower of the two dials at once
 *
 * Keeps an earlier plan; otherwise at once or after yielding, by id.
 */
void dialer_want(struct dialer *dialer, uint64_t now_ns, const struct hub_id *self,
		 const struct hub_id *peer);
/** dialer_restart() - Sign of life: forget failures and plan anew. */
void dialer_restart(struct dialer *dialer, uint64_t now_ns, const struct hub_id *self,
		    const struct hub_id *peer);
/** dialer_failed() - A dial or a session failed: plan the next try. */
void dialer_failed(struct dialer *dialer, uint64_t now_ns, struct prng *prng);
/** dialer_stop() - No reason to dial (session up, or peer unknown). */
void dialer_stop(struct dialer *dialer);
/** dialer_succeeded() - The session proved good: forget failures and stop. */
void dialer_succeeded(struct dialer *dialer);

/**
 * dialer_prefers() - Of two sessions of one path, is this the one to keep?
 * @self: our id
 * @peer: id of the hub at the other end
 * @is_client: we dialled it
 *
 * Return: true for the one dialled by the lower id.
 */
bool dialer_prefers(const struct hub_id *self, const struct hub_id *peer, bool is_client);

#endif
