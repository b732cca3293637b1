/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: session: one TLS session from dial to end
 *
 *   DIALING --up--> GREETING --HELLO heard--> READY --> gone
 *              (accepted sessions start at GREETING)
 *
 * A session belongs to a path (one underlay interface towards one peer), to
 * a seed not yet known by name, or runs over the mesh.  It says which
 * messages may come when, hands out offer serials, follows the parts of a
 * DIGEST and knows when it is too quiet.  What to do about any of it is
 * hub.c's business.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "daemon/lib/endpoint.h"
#include "daemon/lib/prng.h"
#include "daemon/wire/control.h"

#define SESSIONS_MAX 4096
#define SESSIONS_PER_PEER_MAX 16
#define SESSION_HELLO_NS (10 * NSEC_PER_SEC) /* HELLO must come within */

enum session_state { SESSION_DIALING, SESSION_GREETING, SESSION_READY };

/** enum session_kind - what it is for */
enum session_kind { SESSION_PATH, SESSION_SEED, SESSION_MESH };

/**
 * struct session - one of them
 * @id: even when we dialled
 * @peer: all zero while a seed has not told its name
 * @kind: see above
 * @state: see above
 * @path: link index of its path, when SESSION_PATH and up
 * @seed: index of the seed it was dialled for, -1
 * @local: our address of the connection, family 0 while DIALING
 * @remote: the peer's; while DIALING what we dial
 * @is_client: we dialled
 * @replaces: takes over from the session the path has (rekey)
 * @wants_link_key: we are to offer a link key on it as soon as possible
 * @wants_seal_key: likewise a seal key
 * @retry_at: when to try a wanted offer again, NEVER
 * @hello: the peer's, when READY
 * @offers: made by us so far
 * @since_ns: dialled or accepted
 * @last_ns: last message either way
 * @digest_from: an unfinished DIGEST continues after this hub
 * @has_digest_from: there is one
 * @digest_sent_ns: when we last sent ours, 0 never
 * @has_cert: @cert_digest is set
 * @cert_digest: SHA-256 of the certificate it was opened with
 * @blobs_full_at: rate limit of blobs the peer pulls
 * @broker_full_at: rate limit of broker messages it hands us
 * @lists_in_full_at: rate limit of lists of revocations it hands us
 * @lists_out_full_at: likewise that it gets
 */
struct session {
	uint64_t id;
	struct hub_id peer;
	enum session_kind kind;
	enum session_state state;
	uint32_t path;
	int seed;
	struct endpoint local, remote;
	bool is_client, replaces;
	bool wants_link_key, wants_seal_key;
	uint64_t retry_at;
	struct control_hello hello;
	uint32_t offers;
	uint64_t since_ns, last_ns;
	struct hub_id digest_from;
	bool has_digest_from;
	uint64_t digest_sent_ns;
	bool has_cert;
	uint8_t cert_digest[SHA256_LEN];
	uint64_t blobs_full_at, broker_full_at, lists_in_full_at, lists_out_full_at;
};

/**
 * struct sessions - table, sorted by id
 * @list: owned; pointers stay valid until the session is removed
 * @n: entries in use, at most SESSIONS_MAX
 * @capacity: entries @list has room for
 */
struct sessions {
	struct session **list;
	size_t n, capacity;
};

void sessions_fini(struct sessions *table);
/** sessions_add() - Zeroed, no seed, no retry. Return: NULL when full or @id is taken. */
struct session *sessions_add(struct sessions *table, uint64_t id);
struct session *sessions_find(const struct sessions *table, uint64_t id);
void sessions_remove(struct sessions *table, struct session *session);

/**
 * session_allows() - May a message come now?
 * @session: it came on
 * @message: enum control_message
 * @key_owner_link: KEY_OWNER_LINK, which this room cannot see
 * @key: decoded body of a KEY message, NULL for the others
 *
 * HELLO first and once; everything else after it; links' keys, records and
 * what they name not over the mesh.
 *
 * Return: false when it is out of place.
 */
bool session_allows(const struct session *session, uint8_t message, uint8_t key_owner_link,
		    const struct control_key *key);
/** session_next_serial() - Client odd, server even: never the same context twice. */
uint32_t session_next_serial(struct session *session);
/** session_pick_cipher() - @preferred if both can, else the lowest common, 0 none. */
uint32_t session_pick_cipher(uint32_t preferred, uint32_t ours, uint32_t theirs);
/** session_deadline() - HELLO overdue, idle mesh session, or a wanted offer. */
uint64_t session_deadline(const struct session *session, uint64_t idle_ns);

#endif
