/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: hub: the one place where the rooms meet
 *
 * One function per thing that can happen.  Each takes the time (monotonic,
 * nanoseconds), looks at the rooms, changes them and appends effects.
 * Nothing in here or below does I/O, reads a clock or draws a random number:
 * seeds come with the settings.  The shells and the simulator are the only
 * callers; they run the effects when the function has returned.
 */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "daemon/broker/broker.h"
#include "daemon/hub/effects.h"
#include "daemon/registry/registry.h"
#include "daemon/trust/trust.h"
#include "daemon/versions/versions.h"
#include "daemon/wire/record.h"

struct hub;

#define HUB_NAME_MAX 63
#define HUB_SENDER_SECRET_LEN 32
#define HUB_SEEDS_MAX 64
#define HUB_ALLOWED_MAX 64
#define HUB_INTERFACES_MAX 64
#define HUB_TWIN_NS (600 * NSEC_PER_SEC) /* so long one that was heard is told of */

/**
 * struct hub_settings - what configuration and identity tell the hub; copied
 * @id: our hub id
 * @cert_der: our certificate, DER; borrowed during hub_new() and copied
 * @cert_der_len: its length
 * @private_key: Ed25519 seed (32) for signing beacons and records; copied into
 *	locked memory, wiped by hub_free()
 * @mesh: mesh name (SPIFFE trust domain)
 * @name: hub name for people
 * @boot_epoch: persisted number of this start, already incremented
 * @lsr_seq: last persisted link-state sequence
 * @control_port: TCP and beacon UDP port, host order
 * @data_port: UDP port of the kernel's carrier, host order
 * @proxy_port: TCP port other hubs' proxies reach ours on, 0 = none; told in our record
 * @ipv4_pool: network (host order), 0 = no IPv4
 * @ipv4_pool_prefix_len: 8..30
 * @ipv4_last: address used before, host order, 0 = none
 * @seeds: unicast beacon targets
 * @n_seeds: entries of @seeds
 * @beacon_interval_min_ms: Trickle Imin
 * @beacon_interval_max_ms: Trickle Imax
 * @rekey_after_ms: age of a key before it is replaced
 * @session_idle_ms: a mesh session without messages closes after this
 * @has_datapath: the kernel module is there
 * @cipher: preferred enum hubmesh_cipher, 0 = ChaCha20-Poly1305
 * @policy: who may send what; borrowed for the call and copied; NULL = nobody wrote any
 * @peers_flags: HUBMESH_PEERS_F_*: what is exchanged with @peers alone
 * @peers: hubs that these do not bar
 * @n_peers: entries of @peers
 * @seed: for jitter and tie-breaks; the simulator's reproducibility
 * @sender_secret: random, fresh at each start; what our frames for many are sealed with is
 *	derived from it.  Copied into locked memory, wiped by hub_free()
 */
struct hub_settings {
	struct hub_id id;
	const uint8_t *cert_der;
	size_t cert_der_len;
	uint8_t private_key[32];
	char mesh[HUB_NAME_MAX + 1];
	char name[HUB_NAME_MAX + 1];
	uint64_t boot_epoch, lsr_seq;
	uint16_t control_port, data_port, proxy_port;
	uint32_t ipv4_pool;
	uint8_t ipv4_pool_prefix_len;
	uint32_t ipv4_last;
	struct endpoint seeds[HUB_SEEDS_MAX];
	size_t n_seeds;
	uint32_t beacon_interval_min_ms, beacon_interval_max_ms;
	uint64_t rekey_after_ms, session_idle_ms;
	bool has_datapath;
	uint32_t cipher;
	const struct policy *policy;
	uint32_t peers_flags;
	struct hub_id peers[HUB_ALLOWED_MAX];
	size_t n_peers;
	uint64_t seed;
	uint8_t sender_secret[HUB_SENDER_SECRET_LEN];
};

struct trust; /* daemon/trust/trust.h: roots and verification, pure */

/**
 * hub_new() - Make a hub; sends nothing before hub_on_start().
 * @settings: copied
 * @trust: roots to verify against; owned by the hub from now on
 *
 * Return: the hub, never NULL (aborts on OOM).
 */
struct hub *hub_new(const struct hub_settings *settings, struct trust *trust);
void hub_free(struct hub *hub);

/* Events.  @now_ns is monotonic.  All append to @fx. */

void hub_on_start(struct hub *hub, uint64_t now_ns, struct effects *fx);
/** hub_on_timer() - Time passed; call at hub_next_deadline() or later. */
void hub_on_timer(struct hub *hub, uint64_t now_ns, struct effects *fx);
/** hub_next_deadline() - When hub_on_timer() wants to run next, ns. */
uint64_t hub_next_deadline(const struct hub *hub);

/**
 * hub_on_interface() - An underlay interface chosen for the mesh came, changed or went.
 * @hub: whose interface
 * @now_ns: monotonic
 * @ifindex: its index
 * @up: has carrier and is administratively up
 * @lladdr: its Ethernet address, copied, where frames may go without IP; else NULL
 * @addresses: its usable unicast addresses (each with @ifindex), copied, the first
 *	HUB_ADDRESSES_MAX of them; NULL when @n_addresses is 0
 * @n_addresses: entries; 0 when it goes
 * @fx: appended to
 */
void hub_on_interface(struct hub *hub, uint64_t now_ns, uint32_t ifindex, bool up,
		      const uint8_t lladdr[ENDPOINT_LLADDR_LEN], const struct endpoint *addresses,
		      size_t n_addresses, struct effects *fx);

/** hub_on_beacon() - A UDP datagram came to the beacon port. */
void hub_on_beacon(struct hub *hub, uint64_t now_ns, const struct endpoint *from,
		   const uint8_t *bytes, size_t len, struct effects *fx);

/**
 * struct session_peer - who is at the other end of a TLS session
 * @hub: id bound to the certificate's key
 * @pubkey: that key
 * @cert_der: leaf certificate, borrowed for the call
 * @cert_der_len: its length
 * @local: our address of the connection
 * @remote: the peer's
 * @is_client: we dialled
 * @over_mesh: runs over mesh0
 */
struct session_peer {
	struct hub_id hub;
	uint8_t pubkey[HUB_PUBKEY_LEN];
	const uint8_t *cert_der;
	size_t cert_der_len;
	struct endpoint local, remote;
	bool is_client;
	bool over_mesh;
};

/** hub_on_session_up() - Mutual TLS is complete and verified. */
void hub_on_session_up(struct hub *hub, uint64_t now_ns, uint64_t session,
		       const struct session_peer *peer, struct effects *fx);
/** hub_on_session_down() - It ended, or a DIAL failed (@error: -errno). */
void hub_on_session_down(struct hub *hub, uint64_t now_ns, uint64_t session, int error,
			 struct effects *fx);
/**
 * hub_on_message() - A control message arrived on a session.
 * @hub: whose session
 * @now_ns: monotonic
 * @session: its id; one we have closed meanwhile is ignored
 * @message: enum control_message, any other number is out of place
 * @body: untrusted, borrowed for the call
 * @len: its length
 * @fx: appended to
 *
 * Return: 0; -EBADMSG malformed, -EPROTO out of place: the shell answers the
 * peer with 400 and hub.c has already counted and logged it.
 */
int hub_on_message(struct hub *hub, uint64_t now_ns, uint64_t session, uint8_t message,
		   const uint8_t *body, size_t len, struct effects *fx);

/** enum link_report_state - what the datapath (or session pings) says of a link */
enum link_report_state { LINK_REPORT_UP, LINK_REPORT_DOWN };

/**
 * struct link_report - what is known of a link now
 * @state: does it carry frames
 * @rtt_us: smoothed round trip, 0 = not known
 * @frame_max: longest frame that gets through, bytes; 0 = not known
 */
struct link_report {
	enum link_report_state state;
	uint32_t rtt_us, frame_max;
};

/**
 * hub_on_link_report() - Liveness or quality of a link changed.
 * @hub: daemon
 * @now_ns: monotonic
 * @link: index
 * @report: what the kernel, or without it the session, measured
 * @fx: receives what follows
 */
void hub_on_link_report(struct hub *hub, uint64_t now_ns, uint32_t link,
			const struct link_report *report, struct effects *fx);
/**
 * hub_on_session_rtt() - Round trip measured on a session (HTTP/2 PING).
 * @hub: whose session
 * @now_ns: monotonic
 * @session: its id; one without a path (mesh, seed, unknown) is ignored
 * @rtt_us: microseconds, 0 = unknown
 * @fx: appended to
 *
 * Gives links without kernel probes their cost; ignored for the others.
 */
void hub_on_session_rtt(struct hub *hub, uint64_t now_ns, uint64_t session, uint32_t rtt_us,
			struct effects *fx);
/**
 * hub_on_clock() - Wall-clock time became known or was stepped.
 * @hub: keeps @unix_s for the certificates in records
 * @now_ns: monotonic, not looked at
 * @unix_s: seconds since 1970, 0 = not known (certificate dates are then not
 *	checked; a hub without a battery-backed clock must still boot the mesh).
 *
 * Call once before hub_on_start(), then about once a minute and on steps.
 */
void hub_on_clock(struct hub *hub, uint64_t now_ns, int64_t unix_s);
/** hub_on_need_session() - The kernel holds frames for a hub without a seal key. */
void hub_on_need_session(struct hub *hub, uint64_t now_ns, const struct hub_id *peer,
			 struct effects *fx);
/**
 * hub_on_groups() - Other multicast groups are wanted here than before.
 * @hub: daemon
 * @now_ns: monotonic
 * @flags: RECORD_GROUPS_*
 * @groups: multicast addresses, 6 bytes each, sorted, each once; copied, the first
 *	RECORD_GROUPS_MAX of them, and then everything is wanted
 * @n_groups: entries of @groups
 * @fx: appended to
 */
void hub_on_groups(struct hub *hub, uint64_t now_ns, uint32_t flags, const uint8_t (*groups)[6],
		   size_t n_groups, struct effects *fx);
/** hub_on_key_needed() - A key nears its frame limit. */
void hub_on_key_needed(struct hub *hub, uint64_t now_ns, enum key_owner owner, uint32_t link,
		       const struct hub_id *peer, uint8_t phase, struct effects *fx);
/** hub_on_key_failed() - A key effect could not be carried out. */
void hub_on_key_failed(struct hub *hub, uint64_t now_ns, enum key_owner owner, uint32_t link,
		       const struct hub_id *peer, uint8_t phase, int error, struct effects *fx);
/** hub_on_config() - New settings after SIGHUP; sessions stay. Identity may not change. */
void hub_on_config(struct hub *hub, uint64_t now_ns, const struct hub_settings *settings,
		   struct effects *fx);
/**
 * hub_on_revocations() - An operator hands us a list of a root's revocations.
 * @hub: daemon
 * @now_ns: monotonic
 * @bytes: PEM or DER, borrowed
 * @len: its length
 * @fx: appended to
 *
 * Return: as trust_add_revocations().
 */
int hub_on_revocations(struct hub *hub, uint64_t now_ns, const uint8_t *bytes, size_t len,
		       struct effects *fx);
/** hub_on_stop() - Say goodbye: neighbours learn at once. */
void hub_on_stop(struct hub *hub, uint64_t now_ns, struct effects *fx);

/**
 * hub_on_service_set() - A service of ours is there, or promises something else.
 * @hub: provider
 * @now_ns: monotonic
 * @manifest: by name and version; its hub is filled in
 * @state: what it begins as; one of that name and version that is there keeps its own
 * @fx: appended to
 *
 * May come before hub_on_start().
 *
 * Return: 0; -EINVAL against the schema; -EMSGSIZE too large to sign; -ENOSPC
 * CATALOGUE_ENTRIES_MAX services.
 */
int hub_on_service_set(struct hub *hub, uint64_t now_ns, const struct manifest *manifest,
		       enum service_state state, struct effects *fx);
/** hub_on_service_removed() - A service of ours is not offered any more. */
void hub_on_service_removed(struct hub *hub, uint64_t now_ns, const char *name,
			    const char *version_text, struct effects *fx);
/** hub_on_service_state() - Its health check says otherwise than before, or it drains. */
void hub_on_service_state(struct hub *hub, uint64_t now_ns, const char *name,
			  const char *version_text, enum service_state state, struct effects *fx);
/** hub_on_service_history() - A version known from an earlier run; told once. */
void hub_on_service_history(struct hub *hub, const struct registry_version *version);
/** hub_on_service_cached() - Bytes of BLOB_KEEP from an earlier run; before hub_on_start(). */
void hub_on_service_cached(struct hub *hub, uint64_t now_ns, const uint8_t *bytes, size_t len);
/**
 * hub_on_service_result() - A request to a provider ended.
 * @hub: whose user it was
 * @now_ns: monotonic
 * @provider: who served it
 * @digest: manifest it was served under; one not in the registry any more is ignored
 * @is_error: it failed
 * @latency_us: how long it took
 *
 * Return: true when a version is ruled about: hub_on_timer() is due at once.
 */
bool hub_on_service_result(struct hub *hub, uint64_t now_ns, const struct hub_id *provider,
			   const uint8_t digest[SHA256_LEN], bool is_error, uint64_t latency_us);

/** enum hub_version_verb - what may be asked of versions */
enum hub_version_verb {
	HUB_VERSION_ROLLBACK, /* take @version no more; "": the highest offered */
	HUB_VERSION_CANARY, /* @version gets @permille of new leases, others the rest; 0 ends it */
	HUB_VERSION_PROMOTE, /* @version ("": the canary) is accepted and gets all new leases */
	HUB_VERSION_PIN, /* only @version, or the manifest or code with that digest; "" any */
	HUB_VERSION_CLEAR, /* forget rulings of @version; "": of all, pin and canary, too */
};

/**
 * struct hub_version_order - an operator's order
 * @verb: enum hub_version_verb
 * @service: name
 * @version: see the verb
 * @permille: of CANARY
 */
struct hub_version_order {
	enum hub_version_verb verb;
	const char *service, *version;
	uint32_t permille;
};

/**
 * hub_on_version_order() - An operator wants another version to be used.
 * @hub: whose users
 * @now_ns: monotonic
 * @order: borrowed
 * @fx: appended to
 *
 * Return: 0; -EINVAL no service name, version, digest or share; -ENOENT nobody offers, or
 * nothing is known of, such a version; -ENOSPC too many services with a wish.
 */
int hub_on_version_order(struct hub *hub, uint64_t now_ns, const struct hub_version_order *order,
			 struct effects *fx);
/** hub_on_version_ruling() - A ruling of an earlier run: what this one ruled, or was ordered, stays. */
void hub_on_version_ruling(struct hub *hub, const struct versions_ruling *ruling);
/** hub_on_version_wish() - A wish of an earlier run, likewise. */
void hub_on_version_wish(struct hub *hub, const struct versions_wish *wish);
/**
 * hub_on_history_read() - What an earlier run has left was told, after hub_on_start().
 * @hub: it is in force from now on
 * @now_ns: monotonic
 * @fx: appended to
 */
void hub_on_history_read(struct hub *hub, uint64_t now_ns, struct effects *fx);

/**
 * hub_on_service_resolve() - A user needs a service.
 * @hub: whose user
 * @now_ns: monotonic
 * @query: copied
 * @fx: appended to
 *
 * What comes of it is read with broker_find(hub_get_broker()).  The request is
 * kept until hub_on_service_released(); one without query.keep ends by itself.
 *
 * Return: the request; 0 no valid query, too many requests, or not running.
 */
uint64_t hub_on_service_resolve(struct hub *hub, uint64_t now_ns, const struct broker_query *query,
				struct effects *fx);
/** hub_on_service_ejected() - A user's provider does worse than others: see broker_eject(). */
void hub_on_service_ejected(struct hub *hub, uint64_t now_ns, uint64_t request,
			    const struct hub_id *provider, const uint8_t *digest, uint64_t for_ns,
			    struct effects *fx);
/** hub_count_able() - Providers that could serve a request now: see broker_count_able(). */
size_t hub_count_able(const struct hub *hub, uint64_t now_ns, uint64_t request);
/** hub_on_service_lost() - A user's provider does not work for it: see broker_lost(). */
void hub_on_service_lost(struct hub *hub, uint64_t now_ns, uint64_t request,
			 const struct hub_id *provider, const uint8_t *digest, struct effects *fx);
/** hub_on_service_released() - The user of a request is done. */
void hub_on_service_released(struct hub *hub, uint64_t now_ns, uint64_t request,
			     struct effects *fx);

/* Read side: for the local API and the simulator's checks. Walks are in a
 * stable order (by id or index). Strings and pointers are borrowed until the
 * next event. */

/**
 * struct hub_view_hub - one hub as we know it
 * @id: whose record it is
 * @name: for people, from the record; need not be unique
 * @ula: follows from mesh and id
 * @ipv4: what its record claims, network order, 0 = none; two hubs may claim one
 * @boot_epoch: of its newest record
 * @lsr_seq: sequence of that record
 * @hops: links to cross, 0 for ourselves, UINT32_MAX unreachable
 * @cost_us: route cost, at most UINT32_MAX; 0 for ourselves and when unreachable
 * @last_heard_ns: monotonic time its newest record came, 0 = ourselves
 * @is_self: ourselves
 * @is_neighbour: a link of ours to it is alive
 * @has_seal: we have a seal key to transmit to it with
 * @has_frames: frames get there; of ourselves: we have a data path
 * @datapath: whether its record says that it has one
 * @n_links: neighbours its record lists
 * @zones: of its certificate, a zone list, "" none
 */
struct hub_view_hub {
	struct hub_id id;
	const char *name;
	struct in6_addr ula;
	struct in_addr ipv4;
	uint64_t boot_epoch, lsr_seq;
	uint32_t hops, cost_us;
	uint64_t last_heard_ns;
	bool is_self, is_neighbour, has_seal, has_frames;
	enum record_datapath datapath;
	uint32_t n_links;
	const char *zones;
};

struct hub_view_link {
	uint32_t link, remote_link;
	struct hub_id peer;
	struct endpoint local, remote;
	bool is_up, is_on_ethernet;
	uint32_t rtt_us, cost_us;
	uint8_t tx_phase; /* 0xff = none */
	uint64_t session, up_since_ns;
};

struct hub_view_session {
	uint64_t session;
	struct hub_id peer;
	struct endpoint local, remote;
	bool is_up, is_client, over_mesh;
	uint64_t since_ns, last_message_ns;
	uint8_t seal_phase; /* 0xff = none */
	uint64_t rekey_at_ns; /* 0 = not scheduled */
};

/**
 * struct hub_counters - what came from outside and what became of it
 * @beacons_sent: datagrams: one per group and interface, one per seed
 * @beacons_heard: authentic and of another hub of our mesh, repeated ones too
 * @beacons_malformed: no beacon
 * @beacons_other_version: of a version we do not speak
 * @beacons_bad_signature: checked and not signed by the key inside
 * @beacons_other_mesh: with another mesh tag
 * @beacons_limited: over the rate of signature checks, no room, or of an earlier life
 * @sessions_up: passed mutual TLS and were given a HELLO
 * @sessions_failed: dials that never came up
 * @sessions_refused: passed mutual TLS and were closed at once: to ourselves, not the hub we
 *	dialled, too many, or closed by us meanwhile
 * @messages_in: on sessions we hold, whatever became of them
 * @messages_out: handed to the shell
 * @messages_malformed: body does not decode
 * @messages_out_of_place: not allowed now, or of an unknown kind
 * @records_accepted: newer records of others, verified and stored
 * @records_stale: not newer than what we hold
 * @records_bad_signature: certificate good, signature wrong
 * @records_refused: certificate not good, or database full
 * @records_limited: newer, but too soon after the one before: held, or dropped for one held
 * @routes_computed: runs of routes_compute()
 * @rekeys: link and seal keys that took over from another
 * @id_conflicts: records refused because their id is bound to another key
 * @address_conflicts: records of others that claimed our IPv4 address
 * @pulls_limited: manifests a neighbour pulled too fast and did not get
 * @broker_forwarded: messages between other hubs, passed on
 * @broker_unroutable: without a way to the receiver, or out of hops
 * @broker_refused: to us, and not from whom they say, of another life, or seen before
 * @broker_limited: over the rate of a session
 * @revocations_accepted: lists that came into force
 * @revocations_refused: lists no root of ours has signed
 * @revocations_limited: lists over the rate of a session, in or out
 * @hubs_expelled: hubs that had to go
 * @twins_heard: beacons and records of another machine with our key
 */
struct hub_counters {
	uint64_t beacons_sent, beacons_heard, beacons_malformed, beacons_other_version,
		beacons_bad_signature, beacons_other_mesh, beacons_limited;
	uint64_t sessions_up, sessions_failed, sessions_refused;
	uint64_t messages_in, messages_out, messages_malformed, messages_out_of_place;
	uint64_t records_accepted, records_stale, records_bad_signature, records_refused,
		records_limited;
	uint64_t routes_computed, rekeys, id_conflicts, address_conflicts;
	uint64_t pulls_limited, broker_forwarded, broker_unroutable, broker_refused, broker_limited;
	uint64_t revocations_accepted, revocations_refused, revocations_limited, hubs_expelled,
		twins_heard;
};

typedef int (*hub_view_hub_fn)(const struct hub_view_hub *view, void *arg);
typedef int (*hub_view_link_fn)(const struct hub_view_link *view, void *arg);
typedef int (*hub_view_session_fn)(const struct hub_view_session *view, void *arg);
/**
 * typedef hub_view_route_fn - How connections to a hub go.
 * @route: its first links
 * @cost_us: of all of it
 * @hops: links to cross
 * @has_frames: the kernel has it; else sessions and trunks go there, and other hubs carry those
 * @arg: the caller's
 */
typedef int (*hub_view_route_fn)(const struct effect_route *route, uint32_t cost_us, uint32_t hops,
				 bool has_frames, void *arg);

/* Each stops at the first non-zero return and passes it on. */
int hub_for_each_hub(const struct hub *hub, hub_view_hub_fn fn, void *arg);
int hub_for_each_link(const struct hub *hub, hub_view_link_fn fn, void *arg);
int hub_for_each_session(const struct hub *hub, hub_view_session_fn fn, void *arg);
int hub_for_each_route(const struct hub *hub, hub_view_route_fn fn, void *arg);
/**
 * hub_path() - Hubs on the way to a hub by our own topology, ourselves first; where frames go
 * there, their way.
 * @hub: where the way begins
 * @to: where it ends; ourselves gives one entry
 * @path: receives their ids, untouched on failure
 * @max: entries of @path
 *
 * Return: number of hubs written (at most @max); -EHOSTUNREACH; -ENOSPC longer than @max.
 */
int hub_path(const struct hub *hub, const struct hub_id *to, struct hub_id *path, size_t max);
const struct hub_counters *hub_counters(const struct hub *hub);
const struct hub_settings *hub_get_settings(const struct hub *hub);
uint64_t hub_route_generation(const struct hub *hub);
/** hub_get_broker() - Requests and leases, to read. */
const struct broker *hub_get_broker(const struct hub *hub);
/** hub_get_versions() - Rulings and wishes, to read and to remember. */
const struct versions *hub_get_versions(const struct hub *hub);
/**
 * hub_has_twin() - Was another machine with our identity heard within HUB_TWIN_NS?
 * @hub: the hub
 * @now_ns: monotonic
 * @ago_ns: how long ago, if so
 */
bool hub_has_twin(const struct hub *hub, uint64_t now_ns, uint64_t *ago_ns);
/** hub_is_revoked() - We are on a list ourselves. */
bool hub_is_revoked(const struct hub *hub);
/** hub_take_binding() - A hub's key seen for the first time, to remember. Return: false none. */
bool hub_take_binding(struct hub *hub, uint8_t ret[HUB_PUBKEY_LEN]);
/** hub_get_trust() - Lists of revocations, to read. */
const struct trust *hub_get_trust(const struct hub *hub);
/**
 * hub_judge_certificate() - May a certificate take the place of ours?
 * @hub: whose
 * @der: the certificate
 * @len: its bytes
 * @unix_time_s: dates are judged by; 0 not known
 * @ret: what it says, on success
 *
 * Return: trust_judge_hub(); TRUST_OTHER_HUB it is for another key than ours.
 */
enum trust_refusal hub_judge_certificate(struct hub *hub, const uint8_t *der, size_t len,
					 int64_t unix_time_s, struct trust_identity *ret);
/**
 * hub_on_certificate() - Ours has been replaced; sessions and keys stay.
 * @hub: whose
 * @now_ns: monotonic
 * @der: the new one; copied
 * @len: its bytes
 * @judged: what hub_judge_certificate() said it says
 * @fx: effects are added
 */
void hub_on_certificate(struct hub *hub, uint64_t now_ns, const uint8_t *der, size_t len,
			const struct trust_identity *judged, struct effects *fx);
/** hub_judge_service() - A service certificate for our own key: trust_judge_service(). */
enum trust_refusal hub_judge_service(struct hub *hub, const uint8_t *der, size_t len,
				     int64_t unix_time_s, struct trust_service *ret);
/** hub_get_registry() - Services of the mesh, to read. */
const struct registry *hub_get_registry(const struct hub *hub);
/**
 * hub_find_proxy() - Where another hub's proxy is reached from here.
 * @hub: ours
 * @peer: the other one
 * @ret: filled on success
 *
 * Over the mesh where frames go and both have seal keys for it, as any number of relays may lie
 * between; else at the underlay address of a link that is alive; else over the mesh all the same
 * where frames go: the first packet brings the keys.
 *
 * Return: 0; -ENOENT not known, or it has no proxy; -EHOSTUNREACH no way that TCP could take.
 */
int hub_find_proxy(const struct hub *hub, const struct hub_id *peer, struct endpoint *ret);

#define HUB_RELAYS_MAX 8 /* links of a route, its backup, and some more */

/**
 * struct hub_relays - hubs on the ways to a hub
 * @list: the last on the route that frames reach, if it is no neighbour; neighbours on the
 *	route, then others; each once
 * @n: entries of @list
 * @hops: links to cross by the first of them
 */
struct hub_relays {
	struct hub_id list[HUB_RELAYS_MAX];
	size_t n;
	uint32_t hops;
};

/**
 * hub_find_relays() - Who may carry bytes to a hub whose proxy no TCP of ours reaches.
 * @hub: ours
 * @to: the far one
 * @ret: hubs that hub_find_proxy() finds, and by which our topology knows a way that does not
 *	lead back here; none of them for a neighbour, or one that is not known or has no proxy
 */
void hub_find_relays(const struct hub *hub, const struct hub_id *to, struct hub_relays *ret);
/** hub_find() - By id, name, ULA or IPv4 text. Return: 0; -ENOENT; -ENOTUNIQ (name). */
int hub_find(const struct hub *hub, const char *text, struct hub_id *ret);

#endif
