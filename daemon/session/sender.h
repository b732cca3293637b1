/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: sender: the key that one hub seals with for many
 *
 * Serial numbers count the keys of a life, phases go round with them.  A new key is told
 * to every hub there is a session with; it comes into use when all who had the one before
 * have said that they have it, or SENDER_STEP_NS later: who has not gets copies sealed
 * for it alone, until it has.  The one before is deleted SENDER_LINGER_NS after that, and
 * until then no further key is made: two are alive at most.
 *
 * Material is derived from a secret that the shell draws at random at each start (HKDF,
 * RFC 5869), so this needs no random source and the shell remembers nothing.
 */
#ifndef SESSION_SENDER_H
#define SESSION_SENDER_H

#include <stdbool.h>

#include "daemon/lib/prng.h"

#define SENDER_PHASES 4 /* two bits on the wire */
#define SENDER_SECRET_LEN 32
#define SENDER_MATERIAL_LEN 44
#define SENDER_STEP_NS (10 * NSEC_PER_SEC)
#define SENDER_LINGER_NS (10 * NSEC_PER_SEC)

/**
 * struct sender - our key
 * @serial: of the newest, 0 none was made
 * @is_used: frames are sealed with it
 * @has_old: the one before is installed
 * @use_at: it comes into use then at the latest, NEVER
 * @drop_at: the one before is deleted then, NEVER
 * @renew_at: another one is made then, NEVER
 */
struct sender {
	uint32_t serial;
	bool is_used, has_old;
	uint64_t use_at, drop_at, renew_at;
};

void sender_init(struct sender *sender);
static inline uint8_t sender_phase(uint32_t serial)
{
	return serial % SENDER_PHASES;
}
/** sender_can_renew() - None was made, or the newest is in use and alone. */
bool sender_can_renew(const struct sender *sender);
/** sender_renew() - Make the next; the caller checked sender_can_renew(). */
void sender_renew(struct sender *sender, uint64_t now_ns, uint64_t renew_at);
/** sender_use() - Frames are sealed with the newest from now on. */
void sender_use(struct sender *sender, uint64_t now_ns);
uint64_t sender_next(const struct sender *sender);
/**
 * sender_derive() - Material of a key.
 * @secret: of this start
 * @serial: of the key
 * @ret: filled; the caller wipes it
 *
 * Return: 0; -EIO the cipher library failed.
 */
int sender_derive(const uint8_t secret[SENDER_SECRET_LEN], uint32_t serial,
		  uint8_t ret[SENDER_MATERIAL_LEN]);

#endif
