/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: neighbour: whom we hear, and where
 *
 * A table of (hub, underlay address) pairs learned from signed beacons.  An
 * entry says "a hub of this name spoke from this address lately": a hint
 * where to dial, never proof of membership (TLS gives that).
 *
 * Decides: whether a datagram is worth a signature check (form, mesh tag,
 * our own voice, rate), whether it verifies, and what it changes.  A beacon
 * that is byte for byte the one heard before costs a memcmp; signature
 * checks are rate limited per source address and in all.  Entries expire
 * after neighbours_set_lifetime().
 *
 * Anyone can repeat a beacon from any address.  So a hub has a few addresses
 * at most, dials go through them in turn, one where the hub has been is never
 * given up for a new one, and another only after a dial there has failed.
 *
 * Does not send, does not dial, keeps no clock.
 */
#ifndef BEACON_NEIGHBOUR_H
#define BEACON_NEIGHBOUR_H

#include "daemon/lib/endpoint.h"
#include "daemon/lib/prng.h"
#include "daemon/wire/beacon.h"

#define NEIGHBOURS_MAX 4096
#define NEIGHBOUR_ADDRESSES_MAX 8 /* per hub */
#define NEIGHBOUR_DISPLACE_NS NSEC_PER_SEC /* between two that give way to new ones, per hub */
#define NEIGHBOUR_VERIFY_BURST 16 /* signature checks per source address */
#define NEIGHBOUR_VERIFY_INTERVAL_NS (100 * NSEC_PER_MSEC) /* one token, per source */
#define NEIGHBOUR_VERIFY_ALL_BURST 512
#define NEIGHBOUR_VERIFY_ALL_INTERVAL_NS (2 * NSEC_PER_MSEC)

/**
 * struct neighbour - a hub heard from an address
 * @hub: derived from the beacon's key
 * @at: where to dial: source address, receiving interface, announced port
 * @beacon: content
 * @heard_ns: last time
 * @since_ns: first time
 * @has_worked: a session with the hub was there: the address is its own
 * @failures: dials there in a row that did not reach it
 * @bytes: the datagram, for comparison
 * @len: its length
 */
struct neighbour {
	struct hub_id hub;
	struct endpoint at;
	struct beacon beacon;
	uint64_t heard_ns, since_ns;
	bool has_worked;
	uint32_t failures;
	uint8_t bytes[BEACON_MAX];
	uint16_t len;
};

/** enum neighbour_verdict - what became of a datagram */
enum neighbour_verdict {
	NEIGHBOUR_NEW, /* first time from this hub at this address */
	NEIGHBOUR_REBOOTED, /* known, newer boot epoch */
	NEIGHBOUR_RETURNED, /* known, was silent for more than one and a half Imax */
	NEIGHBOUR_REFRESHED, /* known, nothing new that matters */
	NEIGHBOUR_LEFT, /* said goodbye; its entries are gone */
	NEIGHBOUR_OURSELVES, /* our own voice */
	NEIGHBOUR_OTHER_MESH,
	NEIGHBOUR_MALFORMED,
	NEIGHBOUR_OTHER_VERSION, /* of the beacon format: one of the two wants an upgrade */
	NEIGHBOUR_BAD_SIGNATURE,
	NEIGHBOUR_STALE, /* of an earlier life: replayed or late */
	NEIGHBOUR_LIMITED, /* too many checks, or table full */
};

struct neighbours;

/** neighbours_new() - Empty table for a mesh (its tag) and ourselves. */
struct neighbours *neighbours_new(const uint8_t mesh_tag[BEACON_MESH_TAG_LEN],
				  const struct hub_id *self);
void neighbours_free(struct neighbours *table);
/** neighbours_set_lifetime() - Imax of the mesh: entries live three of it and slack. */
void neighbours_set_lifetime(struct neighbours *table, uint64_t imax_ns);

/**
 * neighbours_hear() - A datagram came to the beacon port.
 * @table: entries change for an authentic beacon only, the rate limits for any
 * @now_ns: monotonic
 * @from: source address with the receiving interface; its port is not used
 * @bytes: the datagram, untrusted, borrowed for the call
 * @len: its length, any
 * @ret: the entry, borrowed until the next call; for LEFT a copy of what it
 *	was; set for the first five verdicts, else untouched
 *
 * Return: enum neighbour_verdict.
 */
enum neighbour_verdict neighbours_hear(struct neighbours *table, uint64_t now_ns,
				       const struct endpoint *from, const uint8_t *bytes,
				       size_t len, const struct neighbour **ret);
/**
 * neighbours_best() - Where to dial a hub over an interface.
 * @table: what was heard
 * @hub: hub to dial
 * @ifindex: interface it must have been heard on; 0 is no wildcard
 *
 * Addresses where the hub has been come before others.  Both ends should pick
 * the same address family: IPv4 first, then global or unique local IPv6, link
 * local last; the lowest address among equals.
 *
 * Return: the entry, borrowed until the table changes; NULL when not heard there.
 */
const struct neighbour *neighbours_best(const struct neighbours *table, const struct hub_id *hub,
					uint32_t ifindex);
/**
 * neighbours_pick() - Where to dial a hub over an interface after dials that failed.
 * @table: what was heard
 * @hub: hub to dial
 * @ifindex: as neighbours_best()
 * @turn: dials in a row that failed; 0 gives neighbours_best()
 *
 * Goes through all addresses; where the hub has been comes every second time.
 *
 * Return: as neighbours_best().
 */
const struct neighbour *neighbours_pick(const struct neighbours *table, const struct hub_id *hub,
					uint32_t ifindex, uint32_t turn);
/** neighbours_hears_link_local() - Was a hub heard on an interface from a link-local address? */
bool neighbours_hears_link_local(const struct neighbours *table, const struct hub_id *hub,
				 uint32_t ifindex);
/** neighbours_dialled() - A session with @hub came up at @at, or a dial there failed. */
void neighbours_dialled(struct neighbours *table, const struct hub_id *hub,
			const struct endpoint *at, bool worked);
/** neighbours_forget_interface() - It went away. */
void neighbours_forget_interface(struct neighbours *table, uint32_t ifindex);
/** neighbours_forget_hub() - It said goodbye. */
void neighbours_forget_hub(struct neighbours *table, const struct hub_id *hub);
/** neighbours_expire() - Drop what was not heard for a lifetime. */
void neighbours_expire(struct neighbours *table, uint64_t now_ns);
uint64_t neighbours_deadline(const struct neighbours *table);
size_t neighbours_count(const struct neighbours *table);

#endif
