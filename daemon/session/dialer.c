// SPDX-License-Identifier: GPL-2.0
/* DOC: dialer: see dialer.h */
#include "daemon/session/dialer.h"

#define DOUBLINGS_MAX 6 /* 0.5 s << 6 is above the maximum */

void dialer_init(struct dialer *dialer)
{
	*dialer = (struct dialer){.next_at = NEVER};
}

void dialer_want(struct dialer *dialer, uint64_t now_ns, const struct hub_id *self,
		 const struct hub_id *peer)
{
	if (dialer->next_at != NEVER)
		return;
	dialer->next_at = now_ns + (hub_id_cmp(self, peer) < 0 ? 0 : DIALER_YIELD_NS);
}

void dialer_restart(struct dialer *dialer, uint64_t now_ns, const struct hub_id *self,
		    const struct hub_id *peer)
{
	dialer_init(dialer);
	dialer_want(dialer, now_ns, self, peer);
}

void dialer_failed(struct dialer *dialer, uint64_t now_ns, struct prng *prng)
{
	uint32_t doublings = dialer->failures < DOUBLINGS_MAX ? dialer->failures : DOUBLINGS_MAX;
	uint64_t wait = earlier(DIALER_BACKOFF_MIN_NS << doublings, DIALER_BACKOFF_MAX_NS);

	dialer->failures++;
	dialer->next_at = now_ns + prng_spread(prng, wait, DIALER_JITTER_PERCENT);
}

void dialer_stop(struct dialer *dialer)
{
	dialer->next_at = NEVER;
}

void dialer_succeeded(struct dialer *dialer)
{
	dialer_init(dialer);
}

bool dialer_prefers(const struct hub_id *self, const struct hub_id *peer, bool is_client)
{
	return (hub_id_cmp(self, peer) < 0) == is_client;
}
