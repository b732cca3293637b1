/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: internal: what the files of daemon/hub share
 *
 * hub.c tells the story, one function per event.  Its chapters:
 *   adjacency.c  paths to neighbours: dialling, links up and down, grace
 *   negotiate.c  link and seal keys over sessions, rekey
 *   sender.c     the key of frames for many: ours to others, theirs to us
 *   flood.c      link-state records in and out, routes, trees, addresses
 *   ways.c       routes of frames and of sessions
 *   services.c   catalogues and manifests in and out
 *   brokering.c  the broker's messages on their way
 *   versioning.c results of services, rollbacks, what an operator wants of versions
 *   revoking.c   lists of revocations in and out, and who must go
 *   guard.c      what the kernel lets hubs send
 *   view.c       the read side
 * All of them wire rooms together; none is called from outside.
 */
#ifndef HUB_INTERNAL_H
#define HUB_INTERNAL_H

#include "daemon/address/mesh_address.h"
#include "daemon/beacon/neighbour.h"
#include "daemon/beacon/trickle.h"
#include "daemon/broker/broker.h"
#include "daemon/hub/hub.h"
#include "daemon/registry/registry.h"
#include "daemon/routing/route.h"
#include "daemon/routing/tree.h"
#include "daemon/session/dialer.h"
#include "daemon/session/keyring.h"
#include "daemon/session/sender.h"
#include "daemon/session/session.h"
#include "daemon/topology/link_quality.h"
#include "daemon/topology/lsdb.h"
#include "daemon/trust/trust.h"
#include "daemon/versions/versions.h"

#define HUB_PATHS_MAX 1024 /* the link index stays small; kernel allows 65535 */
#define HUB_ADDRESSES_MAX 16 /* per interface */
#define HUB_PEERS_MAX 8192
#define HUB_GRACE_NS (10 * NSEC_PER_SEC) /* a live link may lack a session so long */
#define HUB_ORIGINATE_NS (100 * NSEC_PER_MSEC) /* between own records */
#define HUB_ROUTE_DELAY_NS (50 * NSEC_PER_MSEC) /* between route computations */
#define HUB_ROUTE_COST_NS 1000 /* added per node and neighbour: big meshes wait longer */
#define HUB_SEED_WAIT_NS (2 * NSEC_PER_SEC) /* beacons get a chance first */
#define HUB_SEED_CHECK_NS (10 * NSEC_PER_SEC)
#define HUB_SEED_SELF_NS (300 * NSEC_PER_SEC) /* a seed that turned out to be us */
#define HUB_REKEY_RETRY_NS (30 * NSEC_PER_SEC)
#define HUB_REKEY_JITTER_PERCENT 10
#define HUB_OFFER_RETRY_NS NSEC_PER_SEC
#define HUB_DIGEST_REPLY_NS (5 * NSEC_PER_SEC)
#define HUB_RECORDS_PUSH_MAX 1024 /* records answered to one DIGEST */
#define HUB_HELD_SENDS_MAX 16384 /* messages for held records in one event */
#define HUB_CARRIER_PROOF_NS (2 * NSEC_PER_SEC) /* UDP up so soon after Ethernet went down */
#define HUB_LOG_BURST 20 /* lines about peers' faults */
#define HUB_LOG_INTERVAL_NS NSEC_PER_SEC

/** enum path_carrier - what frames to a neighbour ride in */
enum path_carrier {
	PATH_UDP,
	PATH_ETHERNET,
};

/**
 * struct path - one way to a neighbour: its id over one of our interfaces
 * @link: index, ours to give, lowest free
 * @peer: neighbour
 * @ifindex: interface
 * @dialer: when to dial
 * @session: the READY session in force, 0
 * @successor: READY session that takes over once its key is in use (rekey), 0
 * @dialing: dial in progress, 0
 * @dialled: where the last one went, family 0 once the peer has answered there
 * @failed_dials: in a row; the next one tries another address
 * @is_link: HELLO was exchanged: the link exists
 * @in_kernel: LINK_SET was sent
 * @remote_link: peer's index
 * @local: our address
 * @remote: peer's address, with its data port
 * @carrier: what frames to the peer ride in
 * @remote_lladdr: peer's Ethernet address, with PATH_ETHERNET
 * @fell_back_at: when frames were taken off Ethernet because the link was down; NEVER
 * @is_deaf_to_ethernet: UDP got through where Ethernet did not
 * @keys: link key phases
 * @quality: liveness and cost
 * @frame_max: longest frame that gets through, 0 = not known
 * @is_announced: was usable when routes and record last took note
 * @reported_down: the kernel says so
 * @grace_until: the link goes then, for want of a session; NEVER
 * @rekey_at: NEVER
 */
struct path {
	uint32_t link;
	struct hub_id peer;
	uint32_t ifindex;
	struct dialer dialer;
	uint64_t session, successor, dialing;
	struct endpoint dialled;
	uint32_t failed_dials;
	bool is_link, in_kernel;
	uint32_t remote_link;
	struct endpoint local, remote;
	enum path_carrier carrier;
	uint8_t remote_lladdr[ENDPOINT_LLADDR_LEN];
	uint64_t fell_back_at;
	bool is_deaf_to_ethernet;
	struct keyring keys;
	struct link_quality quality;
	uint32_t frame_max;
	bool is_announced, reported_down;
	uint64_t grace_until, rekey_at;
};

/**
 * struct peer - a hub we know of: neighbour or far
 * @hub: id
 * @boot_epoch: of its present life, 0 not known
 * @seal: seal key phases
 * @rekey_at: of the seal, NEVER
 * @mesh: dialling over the mesh
 * @in_kernel: HUB_SET was sent (without a datapath: would have been), with @ula and @ipv4
 * @ula: its mesh address, as last told; zero until a route leads there
 * @ipv4: its mesh address, as last told, network order, 0 = none
 * @zones: of the certificate it showed last, NULL none
 * @guard: as last told to the kernel
 * @sender_proved: serial of our sender key that it has, 0 none
 * @sender_rx: mask of the phases of its sender key that we have
 * @sender_rx_phase: newest of them
 */
struct peer {
	struct hub_id hub;
	uint64_t boot_epoch;
	struct keyring seal;
	uint64_t rekey_at;
	struct dialer mesh;
	bool in_kernel;
	struct in6_addr ula;
	struct in_addr ipv4;
	char *zones;
	struct policy_guard guard;
	uint32_t sender_proved;
	uint8_t sender_rx, sender_rx_phase;
};

struct iface {
	uint32_t ifindex;
	struct endpoint addresses[HUB_ADDRESSES_MAX];
	size_t n_addresses;
	bool has_lladdr;
	uint8_t lladdr[ENDPOINT_LLADDR_LEN];
};

/**
 * struct seed - a configured unicast target
 * @at: configured address; without a port there, our own control port
 * @dialer: when to dial it, or to look again whether a session serves it
 * @peer: who answered there, all zero unknown
 * @session: dial or session, 0
 */
struct seed {
	struct endpoint at;
	struct dialer dialer;
	struct hub_id peer;
	uint64_t session;
};

/**
 * struct own_service - a service we provide
 * @name: of the service
 * @version_text: of the version; a service may have several at a time
 * @digest: of its manifest
 * @state: enum service_state
 */
struct own_service {
	char name[MANIFEST_NAME_MAX + 1];
	char version_text[SEMVER_TEXT_MAX + 1];
	uint8_t digest[SHA256_LEN];
	uint8_t state;
};

/**
 * struct twin - what was heard of another machine with our identity
 * @heard_ns: last; 0 never
 * @said_ns: it was logged last; 0 never
 * @check_at_ns: the next beacon that may be one is looked at then
 * @was_behind: somebody has had a record of us that is newer than ours
 */
struct twin {
	uint64_t heard_ns, said_ns, check_at_ns;
	bool was_behind;
};

struct hub {
	struct hub_settings settings;
	uint8_t *cert; /* copy */
	uint8_t *private_key; /* locked memory */
	uint8_t pubkey[HUB_PUBKEY_LEN];
	struct trust *trust;
	uint8_t mesh_tag[BEACON_MESH_TAG_LEN];
	struct in6_addr ula;
	int64_t unix_s;
	bool is_started, is_stopped;
	struct prng prng;
	struct hub_counters counters;
	uint64_t log_full_at; /* rate limit of lines about peers */

	struct trickle trickle;
	uint8_t beacon[BEACON_MAX];
	size_t beacon_len;
	uint32_t beacon_seq;
	struct neighbours *neighbours;

	struct iface ifaces[HUB_INTERFACES_MAX];
	size_t n_ifaces;
	struct seed seeds[HUB_SEEDS_MAX];

	struct sessions sessions;
	uint64_t next_session;
	struct path **paths; /* sorted by link index */
	size_t n_paths, paths_capacity;
	struct peer **peers; /* sorted by hub */
	size_t n_peers, peers_capacity;

	struct lsdb lsdb;
	uint64_t lsr_seq, originated_ns;
	bool is_record_due;
	uint64_t anti_entropy_at, age_at;
	struct routes routes; /* of sessions */
	struct routes frame_routes; /* the kernel's */
	struct trees trees;
	uint8_t *sender_secret; /* locked memory */
	struct sender sender;
	uint32_t group_flags;
	size_t n_groups;
	uint8_t groups[RECORD_GROUPS_MAX][RECORD_GROUP_LEN];
	uint64_t routed_ns, generation;
	uint64_t route_changes; /* of any route: who serves best may be another one now */
	bool are_routes_due, have_links_changed;
	uint32_t ipv4; /* ours, host order */
	uint8_t ipv4_prefix_len; /* as last told with it */

	struct registry *registry;
	struct own_service own[CATALOGUE_ENTRIES_MAX];
	size_t n_own;
	bool has_catalogue;
	uint8_t catalogue[SHA256_LEN]; /* of our own */

	struct broker *broker;
	uint64_t broker_seq, broker_changes;
	struct versions *versions;
	uint64_t versions_known; /* generation last settled */
	struct policy *policy; /* copy */
	char zones[ZONE_LIST_SIZE]; /* of our certificate */
	bool is_revoked; /* we are, and have said so */
	struct twin twin;
};

/* hub.c: shared by the chapters */
void peer_fault(struct hub *hub, uint64_t now_ns, struct effects *fx, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void session_send(struct hub *hub, uint64_t now_ns, struct session *session, uint8_t message,
		  const uint8_t *body, size_t len, struct effects *fx);
/** session_end() - Close it and let go of everything that hung on it. */
void session_end(struct hub *hub, uint64_t now_ns, struct session *session, const char *reason,
		 struct effects *fx);
/** session_released() - It is gone: keys, paths and seeds learn of it; frees it. */
void session_released(struct hub *hub, uint64_t now_ns, struct session *session,
		      struct effects *fx);
/** neighbour_left() - All links and sessions to it end now, without grace. */
void neighbour_left(struct hub *hub, uint64_t now_ns, const struct hub_id *peer, const char *reason,
		    struct effects *fx);
struct session *mesh_session_of(const struct hub *hub, const struct hub_id *peer, bool ready);
struct session *path_session_of(const struct hub *hub, const struct hub_id *peer);
/** hub_new_life() - Our epoch must grow while we run: drop all keys and sessions. */
void hub_new_life(struct hub *hub, uint64_t now_ns, uint64_t boot_epoch, struct effects *fx);
struct peer *peer_find(const struct hub *hub, const struct hub_id *id);
/** peer_get() - Find or make. Return: NULL when the table is full. */
struct peer *peer_get(struct hub *hub, const struct hub_id *id);
/**
 * peers_sweep() - Free peers without record, session, path and keys.
 * @hub: its table; every pointer to a peer is stale afterwards, so not from
 *	within a walk over peers or anything a session's end may lead to
 */
void peers_sweep(struct hub *hub);
/** peer_set_epoch() - It speaks of a life; another one than before lost all keys. */
void peer_set_epoch(struct hub *hub, uint64_t now_ns, struct peer *peer, uint64_t boot_epoch,
		    uint64_t except_session, struct effects *fx);

/** beacon_renew() - Content changed: sign it anew. */
void beacon_renew(struct hub *hub, bool is_leaving, struct effects *fx);

/* twin.c */
/** twin_on_beacon() - One with our key in it came; anybody may have sent it. */
void twin_on_beacon(struct hub *hub, uint64_t now_ns, const struct endpoint *from,
		    const uint8_t *bytes, size_t len, struct effects *fx);
/** twin_on_record() - A verified one of us came that is newer than ours. */
void twin_on_record(struct hub *hub, uint64_t now_ns, const struct record *record,
		    struct effects *fx);

/* adjacency.c */
struct path *path_by_link(const struct hub *hub, uint32_t link);
struct path *path_find(const struct hub *hub, const struct hub_id *peer, uint32_t ifindex);
/** path_get() - Find or make. Return: NULL when the table is full. */
struct path *path_get(struct hub *hub, const struct hub_id *peer, uint32_t ifindex);
uint32_t ifindex_of_address(const struct hub *hub, const struct endpoint *local);
void path_dial(struct hub *hub, uint64_t now_ns, struct path *path, bool replaces,
	       struct effects *fx);
void mesh_dial(struct hub *hub, uint64_t now_ns, struct peer *peer, bool replaces,
	       struct effects *fx);
/** path_session_ready() - HELLO came on @session. Return: false when it was ended. */
bool path_session_ready(struct hub *hub, uint64_t now_ns, struct path *path,
			struct session *session, struct effects *fx);
void path_session_lost(struct hub *hub, uint64_t now_ns, struct path *path, uint64_t session,
		       struct effects *fx);
/** path_lladdr() - Our Ethernet address on the link's interface. Return: false, none to tell. */
bool path_lladdr(const struct hub *hub, uint32_t link, uint8_t ret[ENDPOINT_LLADDR_LEN]);
/** path_choose_carrier() - By what HELLO and beacons told. Return: true, it is another one. */
bool path_choose_carrier(const struct hub *hub, struct path *path, const struct session *session);
/** path_judge_carrier() - The kernel reported the link: does Ethernet get through? */
void path_judge_carrier(struct hub *hub, uint64_t now_ns, struct path *path, struct effects *fx);
/** path_send_link() - Tell the kernel of the link as it is now. */
void path_send_link(const struct path *path, struct effects *fx);
/** path_evaluate() - Keys, reports or session changed: is the link alive? */
void path_evaluate(struct hub *hub, uint64_t now_ns, struct path *path);
/** path_promote() - The successor's key is in use: end the older session. */
void path_promote(struct hub *hub, uint64_t now_ns, struct path *path, struct effects *fx);
/** path_remove_link() - Routes first, then the link. */
void path_remove_link(struct hub *hub, uint64_t now_ns, struct path *path, struct effects *fx);
/** paths_note_usable() - Return: some link became usable or stopped being so. */
bool paths_note_usable(struct hub *hub, uint64_t now_ns);
void paths_on_timer(struct hub *hub, uint64_t now_ns, struct effects *fx);
void seeds_on_timer(struct hub *hub, uint64_t now_ns, struct effects *fx);
uint64_t paths_deadline(const struct hub *hub);

void peer_free(struct peer *peer);

/* guard.c */
/** peer_set_guard() - Certificate, addresses or policy may have changed: tell the kernel. */
void peer_set_guard(struct hub *hub, struct peer *peer, struct effects *fx);
/** peer_set_zones() - A verified certificate of it says so: a zone list. */
void peer_set_zones(struct hub *hub, struct peer *peer, const char *zones, struct effects *fx);
/** session_judge() - Is the certificate of one that came up still good? Then take its zones. */
enum trust_refusal session_judge(struct hub *hub, struct session *session,
				 const struct session_peer *shown, struct effects *fx);
/** guards_update() - peer_set_guard() of every hub. */
void guards_update(struct hub *hub, struct effects *fx);
/** policy_replace() - Take over a copy; NULL = nobody wrote any. Return: it differs. */
bool policy_replace(struct hub *hub, const struct policy *policy);
/** policy_enforce() - Tell the kernel all of it. */
void policy_enforce(struct hub *hub, struct effects *fx);

/* negotiate.c */
void session_try_offers(struct hub *hub, uint64_t now_ns, struct session *session,
			struct effects *fx);
/** session_can_key() - The peer has a data path and a cipher of ours. */
bool session_can_key(const struct hub *hub, const struct session *session);
/** seals_try_offers() - Routes changed: first seal keys may have waited for one. */
void seals_try_offers(struct hub *hub, uint64_t now_ns, struct effects *fx);
void session_keys_ready(struct hub *hub, uint64_t now_ns, struct session *session,
			struct effects *fx);
int on_key_message(struct hub *hub, uint64_t now_ns, struct session *session, uint8_t message,
		   const struct control_key *key, struct effects *fx);
void keys_session_down(struct hub *hub, uint64_t now_ns, const struct session *session,
		       struct effects *fx);
void keys_on_timer(struct hub *hub, uint64_t now_ns, struct effects *fx);
uint64_t keys_deadline(const struct hub *hub);
/** keys_delete() - KEY_DEL for every phase of @mask. */
void keys_delete(struct hub *hub, enum key_owner owner, uint32_t link, const struct hub_id *peer,
		 uint8_t mask, struct effects *fx);

/* sender.c */
/** sender_session_ready() - The peer gets our key, if it lacks it. */
void sender_session_ready(struct hub *hub, uint64_t now_ns, struct session *session,
			  struct effects *fx);
int on_sender_key(struct hub *hub, uint64_t now_ns, struct session *session, const uint8_t *body,
		  size_t len, struct effects *fx);
int on_sender_have(struct hub *hub, uint64_t now_ns, struct session *session, const uint8_t *body,
		   size_t len, struct effects *fx);
/** sender_peer_restarted() - It has no keys any more, ours nor its own. */
void sender_peer_restarted(struct peer *peer, struct effects *fx);
/** sender_peer_gone() - HUB_DEL has taken its keys: one that left must not read on. */
void sender_peer_gone(struct hub *hub, uint64_t now_ns, struct peer *peer);
/** sender_peers_changed() - Who must not have our key any more gets no further one. */
void sender_peers_changed(struct hub *hub, uint64_t now_ns);
/** sender_restart() - We begin a new life: others take our keys for lost. */
void sender_restart(struct hub *hub, struct effects *fx);
void sender_on_timer(struct hub *hub, uint64_t now_ns, struct effects *fx);
uint64_t sender_deadline(const struct hub *hub);

/* flood.c */
int on_record(struct hub *hub, uint64_t now_ns, const uint8_t *bytes, size_t len, uint64_t from,
	      struct effects *fx);
int on_digest(struct hub *hub, uint64_t now_ns, struct session *session, const uint8_t *body,
	      size_t len, struct effects *fx);
void send_digest(struct hub *hub, uint64_t now_ns, struct session *session, struct effects *fx);
/** peer_make_known() - HUB_SET without addresses, if need be: keys must have an owner. */
void peer_make_known(struct hub *hub, struct peer *peer, struct effects *fx);
/** forget_hub() - Its record is gone: services, keys and addresses go, too. */
void forget_hub(struct hub *hub, uint64_t now_ns, const struct hub_id *id, struct effects *fx);
/** session_is_flooding() - It carries records and what must spread like them. */
bool session_is_flooding(const struct session *session);
/* ways.c */
/** path_is_frameless() - One end of the link has a data path, the other has not. */
bool path_is_frameless(const struct hub *hub, const struct path *path);
/** way_of_frames() - NULL: the kernel has none. */
const struct route *way_of_frames(const struct hub *hub, const struct hub_id *id);
/** ways_to() - The routes by which programs' connections to a hub go. */
const struct routes *ways_to(const struct hub *hub, const struct hub_id *id);
/** way_to() - That one itself. Return: NULL unreachable. */
const struct route *way_to(const struct hub *hub, const struct hub_id *id);
/** way_of_addresses() - NULL: a mesh address would lead nowhere (or would, with a data path). */
const struct route *way_of_addresses(const struct hub *hub, const struct hub_id *id);
/**
 * ways_compute() - Routes and trees from records and links, in place of those there are.
 * @hub: its routes of sessions are overwritten without being freed
 * @now_ns: monotonic
 *
 * Return: what the kernel has to be told has changed.
 */
bool ways_compute(struct hub *hub, uint64_t now_ns);

void routes_update(struct hub *hub, uint64_t now_ns, struct effects *fx);
/** topology_settle() - End of every event: routes and own record, if due. */
void topology_settle(struct hub *hub, uint64_t now_ns, struct effects *fx);
void topology_on_timer(struct hub *hub, uint64_t now_ns, struct effects *fx);
uint64_t topology_deadline(const struct hub *hub);
void ipv4_choose(struct hub *hub, struct effects *fx);

/* revoking.c */
/** revocations_send_have() - Which lists we have, with every DIGEST. */
void revocations_send_have(struct hub *hub, uint64_t now_ns, struct session *session,
			   struct effects *fx);
int on_revocations_have(struct hub *hub, uint64_t now_ns, struct session *session,
			const uint8_t *body, size_t len, struct effects *fx);
int on_revocations(struct hub *hub, uint64_t now_ns, struct session *session, const uint8_t *body,
		   size_t len, struct effects *fx);

/* services.c */
/** services_on_record() - A record was stored; @from: session it came on, 0 none. */
void services_on_record(struct hub *hub, uint64_t now_ns, const struct lsdb_entry *entry,
			uint64_t from, struct effects *fx);
void services_on_hub_forgotten(struct hub *hub, uint64_t now_ns, const struct hub_id *id);
int on_pull(struct hub *hub, uint64_t now_ns, struct session *session, const uint8_t *body,
	    size_t len, struct effects *fx);
int on_blob(struct hub *hub, uint64_t now_ns, struct session *session, const uint8_t *bytes,
	    size_t len, struct effects *fx);
/** services_settle() - End of every event: pull what is missing and due. */
void services_settle(struct hub *hub, uint64_t now_ns, struct effects *fx);
uint64_t services_deadline(const struct hub *hub);

/* brokering.c */
int on_broker(struct hub *hub, uint64_t now_ns, struct session *session, const uint8_t *body,
	      size_t len, struct effects *fx);
/** session_towards() - Session to the neighbour on the way to a hub. Return: NULL, no way now. */
struct session *session_towards(struct hub *hub, const struct hub_id *to);
/** brokering_settle() - End of every event: timers, and providers that changed. */
void brokering_settle(struct hub *hub, uint64_t now_ns, struct effects *fx);
uint64_t brokering_deadline(const struct hub *hub);
/* versioning.c */
/** versioning_rank() - For struct broker_world; @arg is the hub. */
struct broker_rank versioning_rank(void *arg, const struct registry_instance *instance,
				   uint32_t draw);
/** versioning_fill() - What other hubs should hear, into our catalogue. */
void versioning_fill(const struct hub *hub, struct catalogue *catalogue);
/** versioning_settle() - End of every event: rulings that changed are kept and told. */
void versioning_settle(struct hub *hub, uint64_t now_ns, struct effects *fx);
uint64_t versioning_deadline(const struct hub *hub);
/** services_publish() - Our services, or what we tell of others', changed. */
void services_publish(struct hub *hub, uint64_t now_ns, struct effects *fx);

/** hub_pubkey() - Return: false when no valid record of the hub is known. */
bool hub_pubkey(struct hub *hub, const struct hub_id *id, uint8_t ret[HUB_PUBKEY_LEN]);

/** hub_ciphers() - Mask of what we support: 1 << enum hubmesh_cipher. */
uint32_t hub_ciphers(void);

#endif
