/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: registry: which services there are, where, and how they do
 *
 * Every hub's record names its catalogue by digest, the catalogue its
 * manifests; the registry says which of these bytes are missing (wants),
 * takes them when they come, checks them against the digest and the owner's
 * key, and keeps one instance for every manifest in a catalogue in force.
 * An instance carries what is known of it now (live): what its provider told,
 * what its users saw.  Of every version a hub ever had of a service a line of
 * history stays, with its results.
 *
 * Bounds: REGISTRY_* below.  What does not fit is refused with a reason; a
 * hub can fill no more than its own share (CATALOGUE_ENTRIES_MAX manifests).
 *
 * Does not send, does not know who is a neighbour, keeps no clock.
 */
#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H

#include "daemon/lib/prng.h"
#include "daemon/wire/manifest.h"

#define REGISTRY_HUBS_MAX 4096
#define REGISTRY_INSTANCES_MAX 4096
#define REGISTRY_BLOBS_MAX 8192
#define REGISTRY_BYTES_MAX (4 << 20) /* of all blobs: keeps the daemon small */
/* Beyond these what no catalogue names goes at once, the longest unused first. */
#define REGISTRY_BLOBS_CROWDED (REGISTRY_BLOBS_MAX / 4 * 3)
#define REGISTRY_BYTES_CROWDED (REGISTRY_BYTES_MAX / 4 * 3)
#define REGISTRY_WANTS_MAX 4096
#define REGISTRY_ASKERS_MAX 8 /* sessions that wait for one blob we want too */
#define REGISTRY_VERSIONS_MAX 1024
#define REGISTRY_VERSIONS_PER_SERVICE_MAX 16 /* of one service of one hub */
#define REGISTRY_RETRY_NS (200 * NSEC_PER_MSEC) /* doubled with each try */
#define REGISTRY_RETRY_MAX_NS (30 * NSEC_PER_SEC)
#define REGISTRY_KEEP_NS (600 * NSEC_PER_SEC) /* a blob no catalogue names any more */
#define REGISTRY_SWEEP_NS (60 * NSEC_PER_SEC)
#define REGISTRY_DECAY_NS (10 * NSEC_PER_SEC) /* time constant of latency and errors */

/**
 * struct registry_live - how an instance does, as far as we know
 * @told_ns: when its provider last told its load, 0 never
 * @load_permille: slots in use
 * @free_slots: slots not in use
 * @price_micro: asked for last
 * @asked: requests for an offer
 * @answered: of those, answered with anything
 * @requests: results reported by users
 * @errors: of those, failures
 * @latency_us: peak-sensitive moving average, see registry_result()
 * @error_permille: moving average
 * @result_ns: time of the newest result, 0 none
 */
struct registry_live {
	uint64_t told_ns;
	uint32_t load_permille, free_slots, price_micro;
	uint64_t asked, answered, requests, errors;
	uint64_t latency_us;
	uint32_t error_permille;
	uint64_t result_ns;
};

/**
 * struct registry_instance - a service at a hub
 * @digest: of its manifest
 * @state: enum service_state, from the catalogue
 * @since_ns: when we first had it
 * @state_ns: when @state became what it is
 * @manifest: what it promises
 * @live: how it does
 */
struct registry_instance {
	uint8_t digest[SHA256_LEN];
	uint8_t state;
	uint64_t since_ns, state_ns;
	struct manifest manifest;
	struct registry_live live;
};

/**
 * struct registry_version - one version of a service at a hub, now or once
 * @hub: provider
 * @name: service
 * @version_text: as in the manifest
 * @digest: of the manifest
 * @first_unix_s: when it came, 0 = clock not known
 * @last_unix_s: when it was last in force, while it is when it came; see registry_last_seen_s()
 * @last_ns: the same, monotonic
 * @is_current: in the hub's catalogue
 * @requests: results reported
 * @errors: of those, failures
 * @latency_us_sum: of the successes
 */
struct registry_version {
	struct hub_id hub;
	char name[MANIFEST_NAME_MAX + 1];
	char version_text[SEMVER_TEXT_MAX + 1];
	uint8_t digest[SHA256_LEN];
	int64_t first_unix_s, last_unix_s;
	uint64_t last_ns;
	bool is_current;
	uint64_t requests, errors, latency_us_sum;
};

/**
 * struct registry_want - bytes that are missing
 * @digest: what they must hash to
 * @hub: whose catalogue or manifest it is
 * @is_catalogue: else a manifest
 * @from: session it was heard of on, tried first; 0 none
 * @session: asked now, 0 not yet
 * @tries: so far
 * @next_at: when to ask (again)
 * @n_askers: entries of @askers
 * @askers: sessions whose own question we can answer when it comes
 */
struct registry_want {
	uint8_t digest[SHA256_LEN];
	struct hub_id hub;
	bool is_catalogue;
	uint64_t from, session;
	uint32_t tries;
	uint64_t next_at;
	size_t n_askers;
	uint64_t askers[REGISTRY_ASKERS_MAX];
};

/**
 * struct registry_blob - bytes by their digest: manifests and catalogues
 * @digest: SHA-256
 * @bytes: owned
 * @len: their number
 * @used_ns: last time a catalogue in force named it
 */
struct registry_blob {
	uint8_t digest[SHA256_LEN];
	uint8_t *bytes;
	size_t len;
	uint64_t used_ns;
};

struct registry;

struct registry *registry_new(void);
/** registry_free() - NULL is allowed. */
void registry_free(struct registry *registry);

/**
 * registry_set_catalogue() - A hub's verified record names its catalogue.
 * @registry: instances follow at once as far as the bytes are here
 * @now_ns: monotonic
 * @unix_s: wall clock for the history, 0 not known
 * @hub: whose
 * @digest: NULL: it offers nothing
 * @from: session the record came on, 0 none
 *
 * Return: 0; -ENOSPC no room for the hub, its instances or wants.
 */
int registry_set_catalogue(struct registry *registry, uint64_t now_ns, int64_t unix_s,
			   const struct hub_id *hub, const uint8_t *digest, uint64_t from);

/*
 * registry_find_want() - By digest; NULL when it is not missing.  Several hubs
 * may name one digest: ask again after registry_take().  Borrowed until the
 * next change.
 */
struct registry_want *registry_find_want(const struct registry *registry, const uint8_t *digest);
/** registry_want_at() - Walk over wants, @i from 0; NULL at the end. */
struct registry_want *registry_want_at(const struct registry *registry, size_t i);
/** registry_want_asked() - It was asked for on @session; plans the next try. */
void registry_want_asked(struct registry_want *want, uint64_t now_ns, uint64_t session);
/** registry_want_add_asker() - Return: false when it is full. */
bool registry_want_add_asker(struct registry_want *want, uint64_t session);

/**
 * registry_take() - Missing bytes have come.
 * @registry: the want goes, whatever comes of it
 * @now_ns: monotonic
 * @unix_s: as above
 * @want: of this registry; what the bytes must be
 * @bytes: hash to @want->digest, asserted; copied
 * @len: their number
 * @pubkey: of @want->hub
 *
 * Return: 0; -EBADMSG malformed; -EPROTO later format; -EACCES of another
 * hub; -EKEYREJECTED not signed by the hub; -ENOSPC full.
 */
int registry_take(struct registry *registry, uint64_t now_ns, int64_t unix_s,
		  struct registry_want *want, const uint8_t *bytes, size_t len,
		  const uint8_t pubkey[HUB_PUBKEY_LEN]);
/** registry_error_text() - Sentence for a person for an error of registry_take(). */
const char *registry_error_text(int error);

/**
 * registry_add_blob() - Bytes of our own, or from the cache on disk.
 * @registry: keeps them until no catalogue names them for REGISTRY_KEEP_NS
 * @now_ns: monotonic
 * @bytes: copied; not looked at before a catalogue names them
 * @len: at most MANIFEST_MAX
 *
 * A cache needs no proof: what no signed record leads to by digest is never used.
 *
 * Return: the blob; NULL when full.
 */
const struct registry_blob *registry_add_blob(struct registry *registry, uint64_t now_ns,
					      const uint8_t *bytes, size_t len);
const struct registry_blob *registry_find_blob(const struct registry *registry,
					       const uint8_t *digest);

/** registry_forget_hub() - It is not in the mesh any more; its history stays. */
void registry_forget_hub(struct registry *registry, uint64_t now_ns, const struct hub_id *hub);

/**
 * registry_expire() - Drop one blob that nobody named for long.
 * @registry: swept every REGISTRY_SWEEP_NS
 * @now_ns: monotonic
 * @digest: filled with the one dropped
 *
 * Return: true when there was one; call again.
 */
bool registry_expire(struct registry *registry, uint64_t now_ns, uint8_t digest[SHA256_LEN]);
uint64_t registry_deadline(const struct registry *registry);

/* What came of it. */

/** registry_note_load() - Its provider told how full it is and what it asks. */
void registry_note_load(struct registry_instance *instance, uint64_t now_ns, uint32_t load_permille,
			uint32_t free_slots, uint32_t price_micro);
/**
 * registry_result() - A user's request to an instance ended.
 * @registry: has the instance's version in its history
 * @now_ns: monotonic
 * @instance: who served it
 * @is_error: it failed
 * @latency_us: how long it took
 *
 * The latency average jumps to a higher value and decays to a lower one with
 * REGISTRY_DECAY_NS, as Finagle's peak EWMA does: a slow provider is noticed
 * with its first slow answer.
 */
void registry_result(struct registry *registry, uint64_t now_ns, struct registry_instance *instance,
		     bool is_error, uint64_t latency_us);

/* Read side. Pointers are borrowed until the next change. */

/** registry_generation() - Another number whenever the set of instances or a state changed. */
uint64_t registry_generation(const struct registry *registry);
/** registry_find_version() - Of a hub's service; NULL: it does not offer that. */
const struct registry_instance *registry_find_version(const struct registry *registry,
						      const struct hub_id *hub, const char *name,
						      const char *version_text);
size_t registry_count(const struct registry *registry);
/** registry_at() - Instances in order of name, then hub, then digest. */
struct registry_instance *registry_at(const struct registry *registry, size_t i);
/** registry_first() - Index of the first instance of a service; registry_count() if none. */
size_t registry_first(const struct registry *registry, const char *name);
struct registry_instance *registry_find(const struct registry *registry, const struct hub_id *hub,
					const uint8_t *digest);
/**
 * registry_restore_version() - A line of history from an earlier run.
 * @registry: is new, or has less than its share of the service
 * @version: copied; not current before a catalogue names it.  If the line is there, for the file
 *	could be read late, the results of both count; so it may be told once
 *
 * Return: false when there is no room, or the line is there.
 */
bool registry_restore_version(struct registry *registry, const struct registry_version *version);
/** registry_last_seen_s() - When a version was in force last, Unix time: now, if it is. 0 not known. */
int64_t registry_last_seen_s(const struct registry_version *version, uint64_t now_ns);
/** registry_version_at() - History in order of name, hub, first seen; NULL at the end. */
const struct registry_version *registry_version_at(const struct registry *registry, size_t i);

/**
 * registry_find_rollback() - Hubs that say they have rolled a build back.
 * @registry: has their catalogues
 * @build: see versions_key()
 * @i: where to look on, 0 at first; advanced
 * @hub: filled with who says so
 *
 * Return: what it says; NULL no further one.
 */
const struct catalogue_rollback *registry_find_rollback(const struct registry *registry,
							const uint8_t build[SHA256_LEN], size_t *i,
							struct hub_id *hub);

/**
 * struct registry_counters - what became of bytes
 * @blobs_accepted: manifests and catalogues taken
 * @blobs_refused: hashed right and were wrong: the owner's fault
 * @blobs_unwanted: nobody had asked for them
 * @hubs_full: catalogues not kept for want of room
 */
struct registry_counters {
	uint64_t blobs_accepted, blobs_refused, blobs_unwanted, hubs_full;
};

const struct registry_counters *registry_counters(const struct registry *registry);
/** registry_get_counters() - hub.c counts unwanted blobs through it. */
struct registry_counters *registry_get_counters(struct registry *registry);

#endif
