// SPDX-License-Identifier: GPL-2.0
/* DOC: keyring: see keyring.h */
#include "daemon/session/keyring.h"

#include <errno.h>

static uint32_t count_live(const struct keyring *ring)
{
	uint32_t n = 0;

	for (int i = 0; i < KEYRING_PHASES; i++)
		n += ring->phases[i].is_live;
	return n;
}

static void install(struct keyring *ring, uint8_t phase, uint32_t serial)
{
	ring->phases[phase] = (struct keyring_phase){.is_live = true,
						     .serial = serial,
						     .delete_at = NEVER,
						     .order = ++ring->installations};
}

static uint8_t drop(struct keyring *ring, uint8_t phase)
{
	ring->phases[phase].is_live = false;
	ring->phases[phase].delete_at = NEVER;
	return 1u << phase;
}

static void linger_others(struct keyring *ring, uint64_t now_ns)
{
	for (int i = 0; i < KEYRING_PHASES; i++) {
		if (ring->phases[i].is_live && i != ring->tx)
			ring->phases[i].delete_at =
				earlier(ring->phases[i].delete_at, now_ns + KEYRING_LINGER_NS);
	}
}

static void use(struct keyring *ring, uint64_t now_ns, uint8_t phase)
{
	ring->tx = phase;
	ring->used_since_ns = now_ns;
	ring->phases[phase].delete_at = NEVER;
	ring->refused = KEYRING_NO_PHASE;
	linger_others(ring, now_ns);
}

void keyring_init(struct keyring *ring)
{
	*ring = (struct keyring){.tx = KEYRING_NO_PHASE, .refused = KEYRING_NO_PHASE};
	for (int i = 0; i < KEYRING_PHASES; i++)
		ring->phases[i].delete_at = NEVER;
}

/* The next phase after the one in use that is neither live nor refused. */
static uint8_t free_phase(const struct keyring *ring)
{
	uint8_t start = ring->tx == KEYRING_NO_PHASE ? 0 : ring->tx + 1;
	uint8_t last_resort = KEYRING_NO_PHASE;

	if (count_live(ring) >= KEYRING_LIVE_MAX)
		return KEYRING_NO_PHASE;
	for (int i = 0; i < KEYRING_PHASES; i++) {
		uint8_t phase = (start + i) % KEYRING_PHASES;

		if (ring->phases[phase].is_live)
			continue;
		if (phase != ring->refused)
			return phase;
		last_resort = phase;
	}
	return last_resort;
}

bool keyring_can_offer(const struct keyring *ring)
{
	return ring->step == KEYRING_IDLE && free_phase(ring) != KEYRING_NO_PHASE;
}

uint8_t keyring_offer(struct keyring *ring, uint64_t now_ns, uint64_t session, uint32_t serial)
{
	uint8_t phase = free_phase(ring);

	install(ring, phase, serial);
	ring->step = KEYRING_OFFERED;
	ring->step_phase = phase;
	ring->step_serial = serial;
	ring->step_session = session;
	ring->step_until = now_ns + KEYRING_STEP_NS;
	return phase;
}

/* A phase we could accept: free, or held without being used by us. */
static uint8_t acceptable_phase(const struct keyring *ring)
{
	uint8_t phase = free_phase(ring);

	for (uint8_t i = 0; i < KEYRING_PHASES && phase == KEYRING_NO_PHASE; i++) {
		if (ring->phases[i].is_live && i != ring->tx)
			phase = i;
	}
	return phase;
}

int keyring_on_offer(struct keyring *ring, uint64_t now_ns, uint64_t session, uint8_t phase,
		     uint32_t serial, bool we_win, uint8_t *dropped, uint8_t *suggest)
{
	bool crossing = ring->step == KEYRING_OFFERED;
	uint8_t mask = 0;
	uint32_t live;

	if ((crossing && we_win) || phase == ring->tx) {
		*suggest = phase == ring->tx ? acceptable_phase(ring) : phase;
		return -EBUSY;
	}
	live = count_live(ring) - (crossing ? 1 : 0);
	if (!ring->phases[phase].is_live && live >= KEYRING_LIVE_MAX) {
		*suggest = acceptable_phase(ring);
		return -EBUSY;
	}
	if (crossing)
		mask |= drop(ring, ring->step_phase);
	/* The peer offers only what it does not hold, so it cannot be using it. */
	if (ring->phases[phase].is_live)
		mask |= drop(ring, phase);
	install(ring, phase, serial);
	ring->step = KEYRING_ACCEPTED;
	ring->step_phase = phase;
	ring->step_serial = serial;
	ring->step_session = session;
	ring->step_until = now_ns + KEYRING_STEP_NS;
	*dropped = mask;
	return 0;
}

int keyring_on_accept(struct keyring *ring, uint64_t now_ns, uint64_t session, uint8_t phase,
		      uint32_t serial)
{
	if (ring->step != KEYRING_OFFERED || ring->step_session != session ||
	    ring->step_phase != phase || ring->step_serial != serial)
		return -ENOENT;
	ring->step = KEYRING_IDLE;
	use(ring, now_ns, phase);
	ring->unproved = true;
	ring->proof_session = session;
	ring->proof_since_ns = now_ns;
	return 0;
}

int keyring_on_confirm(struct keyring *ring, uint64_t now_ns, uint8_t phase, uint32_t serial)
{
	if (phase >= KEYRING_PHASES || !ring->phases[phase].is_live ||
	    ring->phases[phase].serial != serial)
		return -ENOENT;
	if (ring->step == KEYRING_ACCEPTED && ring->step_phase == phase)
		ring->step = KEYRING_IDLE;
	if (ring->tx != KEYRING_NO_PHASE &&
	    ring->phases[phase].order <= ring->phases[ring->tx].order)
		return -EALREADY;
	use(ring, now_ns, phase);
	ring->unproved = false;
	ring->proof_session = 0;
	return 0;
}

uint8_t keyring_on_refuse(struct keyring *ring, uint64_t session, uint32_t serial,
			  uint8_t suggested)
{
	if (ring->step != KEYRING_OFFERED || ring->step_session != session ||
	    ring->step_serial != serial)
		return KEYRING_NO_PHASE;
	ring->step = KEYRING_IDLE;
	ring->refused = suggested == ring->step_phase ? KEYRING_NO_PHASE : ring->step_phase;
	drop(ring, ring->step_phase);
	return ring->step_phase;
}

static uint8_t abandon_step(struct keyring *ring)
{
	uint8_t mask = ring->step == KEYRING_OFFERED ? drop(ring, ring->step_phase) : 0;

	ring->step = KEYRING_IDLE;
	return mask;
}

uint8_t keyring_on_session_down(struct keyring *ring, uint64_t session)
{
	uint8_t mask = 0;

	if (ring->step != KEYRING_IDLE && ring->step_session == session)
		mask = abandon_step(ring);
	if (ring->unproved && ring->proof_session == session) {
		ring->proof_session = 0;
		for (int i = 0; i < KEYRING_PHASES; i++)
			ring->phases[i].delete_at = NEVER;
	}
	return mask;
}

bool keyring_repeat_confirm(struct keyring *ring, uint64_t now_ns, uint64_t session)
{
	if (!ring->unproved || ring->proof_session || ring->tx == KEYRING_NO_PHASE)
		return false;
	ring->proof_session = session;
	ring->proof_since_ns = now_ns;
	linger_others(ring, now_ns);
	return true;
}

/* A session that lives so long has delivered the CONFIRM it carries. */
static uint64_t proved_at(const struct keyring *ring)
{
	return ring->unproved && ring->proof_session ? ring->proof_since_ns + KEYRING_LINGER_NS
						     : NEVER;
}

uint8_t keyring_expire(struct keyring *ring, uint64_t now_ns)
{
	uint8_t mask = 0;

	if (ring->step != KEYRING_IDLE && now_ns >= ring->step_until)
		mask |= abandon_step(ring);
	for (int i = 0; i < KEYRING_PHASES; i++) {
		if (ring->phases[i].is_live && now_ns >= ring->phases[i].delete_at)
			mask |= drop(ring, i);
	}
	if (now_ns >= proved_at(ring))
		ring->unproved = false;
	return mask;
}

void keyring_forget(struct keyring *ring, uint8_t phase)
{
	if (phase >= KEYRING_PHASES)
		return;
	drop(ring, phase);
	if (ring->step != KEYRING_IDLE && ring->step_phase == phase)
		ring->step = KEYRING_IDLE;
	if (ring->tx == phase)
		ring->tx = KEYRING_NO_PHASE;
}

uint8_t keyring_clear(struct keyring *ring)
{
	uint8_t mask = 0;

	for (int i = 0; i < KEYRING_PHASES; i++) {
		if (ring->phases[i].is_live)
			mask |= 1u << i;
	}
	keyring_init(ring);
	return mask;
}

uint64_t keyring_deadline(const struct keyring *ring)
{
	uint64_t at = ring->step == KEYRING_IDLE ? NEVER : ring->step_until;

	at = earlier(at, proved_at(ring));
	for (int i = 0; i < KEYRING_PHASES; i++) {
		if (ring->phases[i].is_live)
			at = earlier(at, ring->phases[i].delete_at);
	}
	return at;
}
