/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: effects: everything hub.c asks the world to do
 *
 * hub.c and the rooms only decide.  What they decide leaves as a list of
 * effects, in order; a shell (or the simulator) carries them out after the
 * event function has returned and reports results as later events.  When a
 * key cannot be installed or used, the shell sends nothing more of the list on
 * its session and reports that: hub.c then ends the session.  An
 * effect owns the bytes it carries.  Key effects name the TLS session whose
 * exporter yields the material; sender keys alone, which are made by hub.c or
 * come in a message, are carried here, and wiped with the effect.
 */
#ifndef HUB_EFFECTS_H
#define HUB_EFFECTS_H

#include <stddef.h>

#include "daemon/lib/endpoint.h"
#include "daemon/lib/hub_id.h"
#include "daemon/lib/sha256.h"
#include "daemon/policy/policy.h"

#define EFFECTS_MAX 65536 /* per event; more is a bug, asserted */
#define EFFECT_NEXTHOPS_MAX 4

enum effect_kind {
	EFFECT_BEACON_SEND, /* bytes to a multicast group or a unicast seed */
	EFFECT_DIAL, /* open a TLS session */
	EFFECT_CLOSE, /* close one, with a reason for the log */
	EFFECT_SEND, /* one control message on a session */
	EFFECT_LINK_SET, /* create or update a kernel link */
	EFFECT_LINK_DEL,
	EFFECT_HUB_SET, /* make a hub known to the kernel, with its addresses */
	EFFECT_HUB_DEL,
	EFFECT_KEY_INSTALL, /* export from a session and install, transmit pending */
	EFFECT_KEY_USE, /* transmit with a phase: the peer has proved it */
	EFFECT_KEY_DEL,
	EFFECT_ROUTES, /* replace the whole route set */
	EFFECT_ADDRESSES, /* our own addresses on mesh0 */
	EFFECT_GUARD, /* what the kernel checks of a hub's frames */
	EFFECT_POLICY, /* replace rule set, classification and queues */
	EFFECT_PERSIST, /* remember a number across restarts */
	EFFECT_BLOB_KEEP, /* cache a manifest or catalogue on disk, by its digest */
	EFFECT_BLOB_FORGET, /* remove it there */
	EFFECT_VERSIONS, /* rulings or wishes changed: remember them (hub_get_versions()) */
	EFFECT_REVOCATIONS, /* remember a list; judge other connections anew */
	EFFECT_LOG, /* something a person should read */
};

/** enum key_owner - what a key belongs to */
enum key_owner {
	KEY_OWNER_LINK, /* hop tags, HOP and PROBE frames of one link */
	KEY_OWNER_SEAL, /* frames between two hubs, through any relay */
	KEY_OWNER_SENDER, /* frames of one hub to many */
};

#define EFFECT_PHASES_ALL 0xff /* KEY_DEL of a sender: every phase */

/** enum persist_key - numbers that must survive a restart */
enum persist_key {
	PERSIST_BOOT_EPOCH, /* grows by one at each start */
	PERSIST_LSR_SEQ, /* never announce a sequence twice */
	PERSIST_IPV4, /* the mesh IPv4 address in use, host order */
};

/** enum log_class - whose fault a line is about */
enum log_class {
	LOG_CLASS_INFO, /* news */
	LOG_CLASS_PEER, /* a peer misbehaved */
	LOG_CLASS_LOCAL, /* configuration or machine */
	LOG_CLASS_BUG, /* ours */
};

/**
 * struct effect_nexthop - one way out
 * @link: local link index
 * @weight: share, at least 1
 */
struct effect_nexthop {
	uint32_t link;
	uint8_t weight;
};

/**
 * struct effect_route - how to reach one hub
 * @hub: destination
 * @n_via: entries of @via, at least 1
 * @via: equal-cost links
 * @backup: loop-free alternative link, 0 = none
 * @tunnel_end: hub where the tunnel by @backup ends, all zero for no tunnel
 * @frame_max: longest frame that fits all the way, 0 = not known
 */
struct effect_route {
	struct hub_id hub;
	uint8_t n_via;
	struct effect_nexthop via[EFFECT_NEXTHOPS_MAX];
	uint32_t backup, frame_max;
	struct hub_id tunnel_end;
};

struct trees; /* daemon/routing/tree.h */

/**
 * struct effect - one entry; the member of the union named like the kind
 * @kind: what is asked for; says which member of the union is set
 * @beacon_send: one datagram from the beacon port
 * @beacon_send.to: group with the interface to send on, or a seed
 * @beacon_send.bytes: signed beacon, owned
 * @beacon_send.len: its length
 * @dial: a session to open; success and failure come back as events
 * @dial.session: id given by hub.c, even
 * @dial.peer: hub that must answer, all zero = learn it (seed)
 * @dial.to: underlay address, or the peer's ULA
 * @dial.from: source address, family 0 = routing decides
 * @dial.over_mesh: through mesh0
 * @close: a session to end; hub.c has forgotten it, no event follows
 * @close.session: its id, ours or one the peer dialled
 * @close.reason: static text, the peer gets it in GOAWAY
 * @send: one message to queue on a session
 * @send.session: id of a session that is up
 * @send.message: enum control_message
 * @send.body: CBOR, owned
 * @send.len: its length, 0 for BYE
 * @link_set: a kernel link to create or update
 * @link_set.link: our index, chosen by hub.c
 * @link_set.remote_link: the peer's index, from its HELLO
 * @link_set.peer: neighbour at its other end
 * @link_set.remote: the peer's underlay address, port = its data port
 * @link_set.local: our underlay address, port = our data port
 * @link_set.has_lladdr: frames go in Ethernet, to @link_set.remote_lladdr by
 *	@link_set.remote's interface
 * @link_set.remote_lladdr: the peer's Ethernet address
 * @link_del: a kernel link to delete; its keys go with it
 * @link_del.link: our index
 * @hub_set: a hub to make known, or its addresses to change
 * @hub_set.hub: its id
 * @hub_set.ula: its mesh IPv6 address, all zero = none
 * @hub_set.ipv4: its mesh IPv4 address, network order, 0 = none
 * @hub_del: a hub to delete; its seal keys go with it
 * @hub_del.hub: its id
 * @hub_del.ula: as in the last HUB_SET
 * @hub_del.ipv4: as in the last HUB_SET
 * @key: KEY_INSTALL, KEY_USE and KEY_DEL
 * @key.owner: what the key belongs to
 * @key.link: our index, when LINK
 * @key.hub: the peer; names the key when SEAL.  When SENDER the hub that seals with it,
 *	or, for KEY_USE, another hub than us: one that has that phase of ours
 * @key.session: whose exporter yields it, or when SENDER what it came on; unused by DEL
 * @key.phase: slot of the key, below KEYRING_PHASES
 * @key.serial: goes into the exporter context, INSTALL only
 * @key.cipher: enum hubmesh_cipher, INSTALL only
 * @key.material: AEAD key (32) and salt (12), INSTALL when SENDER only, owned
 * @routes: the whole route set; what it does not name goes
 * @routes.generation: grows with each set, over restarts too
 * @routes.routes: sorted by hub, owned
 * @routes.n_routes: entries of @routes.routes
 * @routes.trees: our place in the tree of every root, owned
 * @routes.tree_frame_max: longest frame that fits our own tree, 0 = not known
 * @addresses: our own addresses on mesh0; they replace those set before
 * @addresses.ula: IPv6, prefix length 64
 * @addresses.ipv4: network order, 0 = none
 * @addresses.ipv4_prefix_len: of the pool
 * @guard: what the frames of a hub the kernel knows may be
 * @guard.hub: its id
 * @guard.guard: all of it
 * @policy: replaces what was set before
 * @policy.tables: owned
 * @persist: a number to remember
 * @persist.key: which one
 * @persist.value: it
 * @blob: BLOB_KEEP and BLOB_FORGET
 * @blob.digest: SHA-256 of the bytes
 * @blob.bytes: owned, KEEP only
 * @blob.len: their number
 * @revocations: a list of revocations that is in force now
 * @revocations.issuer: key of the root that signed it; of its lists the last is kept
 * @revocations.bytes: DER, owned
 * @revocations.len: their number
 * @log: a line to write
 * @log.class: whose fault it is
 * @log.text: key=value pairs, owned
 */
struct effect {
	enum effect_kind kind;
	union {
		struct {
			struct endpoint to;
			uint8_t *bytes;
			size_t len;
		} beacon_send;
		struct {
			uint64_t session;
			struct hub_id peer;
			struct endpoint to;
			struct endpoint from;
			bool over_mesh;
		} dial;
		struct {
			uint64_t session;
			const char *reason;
		} close;
		struct {
			uint64_t session;
			uint8_t message;
			uint8_t *body;
			size_t len;
		} send;
		struct {
			uint32_t link;
			uint32_t remote_link;
			struct hub_id peer;
			struct endpoint remote;
			struct endpoint local;
			bool has_lladdr;
			uint8_t remote_lladdr[ENDPOINT_LLADDR_LEN];
		} link_set;
		struct {
			uint32_t link;
		} link_del;
		struct {
			struct hub_id hub;
			struct in6_addr ula;
			struct in_addr ipv4;
		} hub_set;
		struct {
			struct hub_id hub;
			struct in6_addr ula;
			struct in_addr ipv4;
		} hub_del;
		struct {
			enum key_owner owner;
			uint32_t link;
			struct hub_id hub;
			uint64_t session;
			uint8_t phase;
			uint32_t serial;
			uint32_t cipher;
			uint8_t *material;
		} key;
		struct {
			uint64_t generation;
			struct effect_route *routes;
			size_t n_routes;
			struct trees *trees;
			uint32_t tree_frame_max;
		} routes;
		struct {
			struct in6_addr ula;
			struct in_addr ipv4;
			uint8_t ipv4_prefix_len;
		} addresses;
		struct {
			struct hub_id hub;
			struct policy_guard guard;
		} guard;
		struct {
			struct policy_tables *tables;
		} policy;
		struct {
			enum persist_key key;
			uint64_t value;
		} persist;
		struct {
			uint8_t digest[SHA256_LEN];
			uint8_t *bytes;
			size_t len;
		} blob;
		struct {
			uint8_t issuer[HUB_PUBKEY_LEN];
			uint8_t *bytes;
			size_t len;
		} revocations;
		struct {
			enum log_class class;
			char *text;
		} log;
	};
};

/**
 * struct effects - ordered list; zero-initialise to make an empty one
 * @list: owned, in the order to carry them out; NULL while nothing was ever added
 * @n: entries in use
 * @capacity: entries @list has room for
 */
struct effects {
	struct effect *list;
	size_t n, capacity;
};

/** effects_add() - Append a zeroed entry of @kind; never fails (aborts on OOM). */
struct effect *effects_add(struct effects *fx, enum effect_kind kind);
/** effects_log() - Append a LOG entry, printf style. */
void effects_log(struct effects *fx, enum log_class class, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** effects_clear() - Free everything the entries own; keeps the list's memory. */
void effects_clear(struct effects *fx);
/** effects_fini() - effects_clear() and free the list. */
void effects_fini(struct effects *fx);

#endif
