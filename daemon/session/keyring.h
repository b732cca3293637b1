/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: keyring: which key phases are live, and moving to the next
 *
 * One keyring per link and per seal (pair of hubs), mirroring the kernel's.
 * It never sees key material: only phases, and the session and serial whose
 * exporter yields them.  Make before break:
 *
 *   offering side                    answering side
 *   install P (receive)
 *   OFFER P            ------------>  install P (receive)
 *                      <------------  ACCEPT P
 *   transmit with P
 *   CONFIRM P          ------------>  transmit with P
 *   ... KEYRING_LINGER_NS later both delete the older phases
 *
 * The rule everything here serves: nobody transmits with a phase the other
 * has not installed.  It holds when a session dies at any point:
 *  - before ACCEPT arrives: the offering side never used P, so the other never
 *    will; the offering side deletes it, the other may replace it.
 *  - after ACCEPT, CONFIRM lost: the offering side uses P and must keep the
 *    old phase, because the other may still use that ("unproved").  Deletion
 *    stops until a later session repeats CONFIRM.
 * Of two crossing offers the one of the lower hub id stands.
 *
 * Serials: the TLS client of a session counts 1, 3, 5, the server 2, 4, 6, so
 * no two offers of a session ever name the same exporter context.
 */
#ifndef SESSION_KEYRING_H
#define SESSION_KEYRING_H

#include <stdbool.h>

#include "daemon/lib/prng.h"

#define KEYRING_PHASES 4 /* two bits on the wire */
#define KEYRING_LIVE_MAX 3 /* the kernel's limit */
#define KEYRING_NO_PHASE 0xff
#define KEYRING_LINGER_NS (10 * NSEC_PER_SEC) /* above the 5 s in which transport notices death */
#define KEYRING_STEP_NS (10 * NSEC_PER_SEC) /* an offer unanswered for so long is dropped */

enum keyring_step {
	KEYRING_IDLE,
	KEYRING_OFFERED, /* we wait for ACCEPT */
	KEYRING_ACCEPTED, /* we wait for CONFIRM */
};

/**
 * struct keyring_phase - one installed key
 * @is_live: installed for receive
 * @serial: offer it came from
 * @delete_at: ns, NEVER = not scheduled
 * @order: counts installations: a late CONFIRM must not move us back
 */
struct keyring_phase {
	bool is_live;
	uint32_t serial;
	uint64_t delete_at, order;
};

/**
 * struct keyring - phases of one owner
 * @phases: by number
 * @tx: phase we transmit with, KEYRING_NO_PHASE
 * @used_since_ns: since when @tx is in use
 * @step: where the negotiation stands
 * @step_phase: its phase
 * @step_serial: its offer
 * @step_session: its session
 * @step_until: it is dropped then
 * @unproved: we moved to @tx but cannot know that the peer did
 * @proof_session: session carrying our CONFIRM, 0 = none alive
 * @refused: phase the peer would not have, KEYRING_NO_PHASE
 * @installations: so far
 */
struct keyring {
	struct keyring_phase phases[KEYRING_PHASES];
	uint8_t tx;
	uint64_t used_since_ns;
	enum keyring_step step;
	uint8_t step_phase;
	uint32_t step_serial;
	uint64_t step_session, step_until;
	bool unproved;
	uint64_t proof_session;
	uint8_t refused;
	uint64_t installations;
};

void keyring_init(struct keyring *ring);
/** keyring_can_offer() - Idle and a phase is free. */
bool keyring_can_offer(const struct keyring *ring);
/**
 * keyring_offer() - Begin; caller checked keyring_can_offer().
 * @ring: of the link or seal
 * @now_ns: monotonic; without an answer the offer ends KEYRING_STEP_NS later
 * @session: it goes out on
 * @serial: from session_next_serial(), never used on @session before
 *
 * Return: the phase to install and offer.
 */
uint8_t keyring_offer(struct keyring *ring, uint64_t now_ns, uint64_t session, uint32_t serial);

/**
 * keyring_on_offer() - The peer offers a phase.
 * @ring: of the link or seal
 * @now_ns: monotonic; without CONFIRM the step ends KEYRING_STEP_NS later
 * @session: it came on
 * @phase: offered; the caller checked that it is below KEYRING_PHASES
 * @serial: of the offer
 * @we_win: our crossing offer stands against the peer's
 * @drop: filled on 0: mask of phases to delete before installing @phase
 * @suggest: filled on -EBUSY: phase to put into REFUSE
 *
 * Return: 0 install @phase and send ACCEPT; -EBUSY send REFUSE.
 */
int keyring_on_offer(struct keyring *ring, uint64_t now_ns, uint64_t session, uint8_t phase,
		     uint32_t serial, bool we_win, uint8_t *drop, uint8_t *suggest);
/** keyring_on_accept() - Return: 0 use @phase and send CONFIRM; -ENOENT not what we offered. */
int keyring_on_accept(struct keyring *ring, uint64_t now_ns, uint64_t session, uint8_t phase,
		      uint32_t serial);
/**
 * keyring_on_confirm() - The peer transmits with a phase.
 * @ring: of the link or seal
 * @now_ns: monotonic; once @phase is used, the others go KEYRING_LINGER_NS later
 * @phase: any value
 * @serial: of the offer; must be the one @phase was installed for
 *
 * Return: 0 use it; -EALREADY we do, or use a newer one; -ENOENT we do not hold it.
 */
int keyring_on_confirm(struct keyring *ring, uint64_t now_ns, uint8_t phase, uint32_t serial);
/** keyring_on_refuse() - Return: phase to delete; KEYRING_NO_PHASE not our offer. */
uint8_t keyring_on_refuse(struct keyring *ring, uint64_t session, uint32_t serial,
			  uint8_t suggested);
/** keyring_on_session_down() - Return: mask of phases to delete. */
uint8_t keyring_on_session_down(struct keyring *ring, uint64_t session);
/**
 * keyring_repeat_confirm() - On a new session: must CONFIRM of the phase in use be said again?
 * @ring: of the link or seal
 * @now_ns: monotonic; the older phases go KEYRING_LINGER_NS later
 * @session: READY; carries the proof from now on if the answer is true
 *
 * Return: true, with the deletion of older phases scheduled again.
 */
bool keyring_repeat_confirm(struct keyring *ring, uint64_t now_ns, uint64_t session);
/** keyring_expire() - Return: mask of phases to delete now. */
uint8_t keyring_expire(struct keyring *ring, uint64_t now_ns);
/** keyring_forget() - @phase could not be installed or used: it is gone. */
void keyring_forget(struct keyring *ring, uint8_t phase);
/** keyring_clear() - The peer lost its keys, or the owner goes. Return: mask to delete. */
uint8_t keyring_clear(struct keyring *ring);
uint64_t keyring_deadline(const struct keyring *ring);
static inline bool keyring_is_usable(const struct keyring *ring)
{
	return ring->tx != KEYRING_NO_PHASE;
}
/** keyring_is_settled() - No negotiation runs and the peer is known to have followed. */
bool keyring_is_settled(const struct keyring *ring);

#endif
