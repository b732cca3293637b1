/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: lsdb: link-state database
 *
 * The newest signed record of every hub, ours included.  Newer means a
 * higher (boot epoch, sequence).  Callers verify a record (certificate and
 * signature) before lsdb_put(); the database compares, limits the rate per
 * origin, remembers when a hub was last reachable, and forgets it after
 * LSDB_UNREACHABLE_NS.  A forgotten record leaves a tombstone for as long
 * again: neighbours that forget a little later would otherwise hand it back,
 * and the two would keep it alive for ever.
 */
#ifndef TOPOLOGY_LSDB_H
#define TOPOLOGY_LSDB_H

#include <netinet/in.h>
#include <stdbool.h>

#include "daemon/lib/prng.h"
#include "daemon/wire/control.h"
#include "daemon/wire/record.h"

#define LSDB_MAX 4096
#define LSDB_ORIGIN_INTERVAL_NS (100 * NSEC_PER_MSEC) /* between records of one hub */
#define LSDB_UNREACHABLE_NS (3600 * NSEC_PER_SEC)
#define LSDB_REFRESH_NS (900 * NSEC_PER_SEC) /* own record is said again */
#define LSDB_ANTI_ENTROPY_NS (30 * NSEC_PER_SEC)

/**
 * struct lsdb_entry - one hub
 * @hub: who
 * @boot_epoch: of the record
 * @seq: of the record
 * @name: for people
 * @ipv4: claimed, host order
 * @has_catalogue: @catalogue is set
 * @catalogue: SHA-256 of its catalogue of services
 * @proxy_port: TCP port it takes streams of services on, 0 none
 * @datapath: has it one?
 * @has_frameless: some of @links are frameless
 * @n_links: entries of @links
 * @links: owned, sorted by peer
 * @group_flags: RECORD_GROUPS_*
 * @n_groups: entries of @groups
 * @groups: owned, sorted
 * @bytes: the signed record, owned; NULL: a tombstone
 * @len: its length
 * @accepted_ns: when it came
 * @reachable_ns: when routing last found a way to it
 * @held: a newer record waiting for the rate limit, owned, verified
 * @held_len: its length
 * @held_epoch: its boot epoch
 * @held_seq: its sequence
 * @held_from: session it came on
 * @held_at: when to look at it
 */
struct lsdb_entry {
	struct hub_id hub;
	uint64_t boot_epoch, seq;
	char name[RECORD_NAME_MAX + 1];
	uint32_t ipv4;
	bool has_catalogue;
	uint8_t catalogue[SHA256_LEN];
	uint16_t proxy_port;
	enum record_datapath datapath;
	bool has_frameless;
	size_t n_links;
	struct record_link *links;
	uint32_t group_flags;
	size_t n_groups;
	uint8_t (*groups)[RECORD_GROUP_LEN];
	uint8_t *bytes;
	size_t len;
	uint64_t accepted_ns, reachable_ns;
	uint8_t *held;
	size_t held_len;
	uint64_t held_epoch, held_seq, held_from, held_at;
};

/** struct lsdb - entries sorted by hub; pointers to them stay valid until removed */
struct lsdb {
	struct lsdb_entry **list;
	size_t n, capacity;
};

/** enum lsdb_freshness - a record's (epoch, seq) against what we hold */
enum lsdb_freshness { LSDB_OLDER, LSDB_SAME, LSDB_NEWER };

void lsdb_fini(struct lsdb *db);
struct lsdb_entry *lsdb_find(const struct lsdb *db, const struct hub_id *hub);
/** lsdb_compare() - LSDB_NEWER also when the hub is not known. */
enum lsdb_freshness lsdb_compare(const struct lsdb *db, const struct hub_id *hub,
				 uint64_t boot_epoch, uint64_t seq);
/** lsdb_has_held() - One at least as new as @record is waiting: no need to verify @record. */
bool lsdb_has_held(const struct lsdb *db, const struct record *record);
/**
 * lsdb_hold() - Keep a newer record of a hub that speaks too often, for later.
 * @db: the newest of several is kept; needs no room for a further hub
 * @now_ns: monotonic
 * @record: decoded from @bytes, LSDB_NEWER than what is stored, verified: a forged
 *	one would keep the genuine one out
 * @bytes: the signed record, copied if held
 * @len: its length
 * @from: session it came on, handed back by lsdb_take_held()
 *
 * Return: true when held (or not newer than what is held): nothing more to do now.
 */
bool lsdb_hold(struct lsdb *db, uint64_t now_ns, const struct record *record, const uint8_t *bytes,
	       size_t len, uint64_t from);
/** lsdb_take_held() - Next held record that is due; caller frees @bytes. Return: false none. */
bool lsdb_take_held(struct lsdb *db, uint64_t now_ns, uint8_t **bytes, size_t *len, uint64_t *from);
/**
 * lsdb_put() - Store a verified newer record.
 * @db: what it held of the hub is replaced, a tombstone too
 * @now_ns: monotonic
 * @record: decoded, copied but for the certificate
 * @bytes: the signed record, copied
 * @len: its length
 * @links_changed: filled on success: links, costs or groups differ from before, or none
 *	were known
 *
 * Return: the entry, owned by @db; NULL when it holds LSDB_MAX other hubs.
 */
struct lsdb_entry *lsdb_put(struct lsdb *db, uint64_t now_ns, const struct record *record,
			    const uint8_t *bytes, size_t len, bool *links_changed);
/**
 * lsdb_age() - Forget a hub unreachable for too long.
 * @db: tombstones that have served their time are removed on the way
 * @now_ns: monotonic
 * @self: our id, never forgotten
 * @forgotten: filled with one hub that became a tombstone
 *
 * Return: true when there was one; call again.
 */
bool lsdb_age(struct lsdb *db, uint64_t now_ns, const struct hub_id *self,
	      struct hub_id *forgotten);
/** lsdb_drop() - Forget what a hub said, now; a tombstone stays. */
void lsdb_drop(struct lsdb *db, uint64_t now_ns, const struct hub_id *hub);
uint64_t lsdb_deadline(const struct lsdb *db, const struct hub_id *self);
/**
 * lsdb_digest() - One part of what we hold, in order of hub.
 * @db: tombstones are told too, so that nobody hands us what we forgot
 * @from: index to start at
 * @ret: filled
 * @max: entries of @ret
 *
 * Return: entries written (at most @max).
 */
size_t lsdb_digest(const struct lsdb *db, size_t from, struct control_digest_entry *ret,
		   size_t max);
/** lsdb_has_frameless() - Some hub lists a link without frames. */
bool lsdb_has_frameless(const struct lsdb *db);
/** lsdb_link() - The entry's link to @peer, NULL when none. */
const struct record_link *lsdb_link(const struct lsdb_entry *entry, const struct hub_id *peer);

#endif
