// SPDX-License-Identifier: GPL-2.0
/* DOC: registry: see registry.h */
#include "daemon/registry/registry.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"

/**
 * struct registry_hub - what one hub offers
 * @hub: who
 * @has_catalogue: @catalogue is named by its record
 * @catalogue: digest of the catalogue its record names
 * @applied: instances follow @catalogue; else its bytes are missing
 * @n_rollbacks: entries of @rollbacks
 * @rollbacks: of the catalogue applied last, owned
 */
struct registry_hub {
	struct hub_id hub;
	bool has_catalogue, applied;
	uint8_t catalogue[SHA256_LEN];
	size_t n_rollbacks;
	struct catalogue_rollback *rollbacks;
};

/**
 * struct registry - the room
 * @hubs: sorted by hub
 * @instances: sorted by name, hub, digest
 * @blobs: sorted by digest
 * @wants: in no order
 * @versions: sorted by name, hub, first seen
 * @n_hubs: entries of @hubs
 * @n_instances: of @instances
 * @n_blobs: of @blobs
 * @n_wants: of @wants
 * @n_versions: of @versions
 * @bytes: of all blobs
 * @generation: see registry_generation()
 * @sweep_at: when to look for blobs nobody names
 * @counters: see there
 */
struct registry {
	struct registry_hub *hubs;
	struct registry_instance **instances;
	struct registry_blob **blobs;
	struct registry_want **wants;
	struct registry_version *versions;
	size_t n_hubs, n_instances, n_blobs, n_wants, n_versions;
	size_t bytes;
	uint64_t generation, sweep_at;
	struct registry_counters counters;
};

struct registry *registry_new(void)
{
	struct registry *registry = xnew(struct registry);

	registry->sweep_at = NEVER;
	return registry;
}

void registry_free(struct registry *registry)
{
	if (!registry)
		return;
	for (size_t i = 0; i < registry->n_instances; i++)
		free(registry->instances[i]);
	for (size_t i = 0; i < registry->n_hubs; i++)
		free(registry->hubs[i].rollbacks);
	for (size_t i = 0; i < registry->n_blobs; i++) {
		free(registry->blobs[i]->bytes);
		free(registry->blobs[i]);
	}
	for (size_t i = 0; i < registry->n_wants; i++)
		free(registry->wants[i]);
	free(registry->hubs);
	free(registry->instances);
	free(registry->blobs);
	free(registry->wants);
	free(registry->versions);
	free(registry);
}

/* Lists grow by doubling: room for one more when @n is a power of two. */
static void *grown(void *list, size_t n, size_t size)
{
	if (n & (n - 1))
		return list;
	return xreallocarray(list, n ? 2 * n : 1, size);
}

/* ---- blobs --------------------------------------------------------------- */

static size_t blob_index(const struct registry *registry, const uint8_t *digest)
{
	size_t low = 0, high = registry->n_blobs;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (memcmp(registry->blobs[mid]->digest, digest, SHA256_LEN) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct registry_blob *blob_find(const struct registry *registry, const uint8_t *digest)
{
	size_t i = blob_index(registry, digest);

	if (i < registry->n_blobs && !memcmp(registry->blobs[i]->digest, digest, SHA256_LEN))
		return registry->blobs[i];
	return NULL;
}

const struct registry_blob *registry_find_blob(const struct registry *registry,
					       const uint8_t *digest)
{
	return blob_find(registry, digest);
}

static void blob_remove(struct registry *registry, size_t i)
{
	struct registry_blob *blob = registry->blobs[i];

	registry->bytes -= blob->len;
	memmove(&registry->blobs[i], &registry->blobs[i + 1],
		(registry->n_blobs - i - 1) * sizeof(*registry->blobs));
	registry->n_blobs--;
	free(blob->bytes);
	free(blob);
}

/* Services that come and go in quick succession leave a catalogue each. */
static bool is_crowded(const struct registry *registry)
{
	return registry->n_blobs > REGISTRY_BLOBS_CROWDED ||
	       registry->bytes > REGISTRY_BYTES_CROWDED;
}

const struct registry_blob *registry_add_blob(struct registry *registry, uint64_t now_ns,
					      const uint8_t *bytes, size_t len)
{
	uint8_t digest[SHA256_LEN];
	struct registry_blob *blob;
	size_t i;

	sha256(bytes, len, digest);
	blob = blob_find(registry, digest);
	if (blob) {
		blob->used_ns = now_ns;
		return blob;
	}
	if (registry->n_blobs == REGISTRY_BLOBS_MAX || registry->bytes + len > REGISTRY_BYTES_MAX)
		return NULL;
	i = blob_index(registry, digest);
	registry->blobs = grown(registry->blobs, registry->n_blobs, sizeof(*registry->blobs));
	memmove(&registry->blobs[i + 1], &registry->blobs[i],
		(registry->n_blobs - i) * sizeof(*registry->blobs));
	registry->n_blobs++;
	blob = registry->blobs[i] = xnew(struct registry_blob);
	memcpy(blob->digest, digest, SHA256_LEN);
	blob->bytes = xmemdup(bytes, len);
	blob->len = len;
	blob->used_ns = now_ns;
	registry->bytes += len;
	registry->sweep_at = earlier(registry->sweep_at,
				     is_crowded(registry) ? now_ns : now_ns + REGISTRY_SWEEP_NS);
	return blob;
}

/* ---- wants --------------------------------------------------------------- */

struct registry_want *registry_find_want(const struct registry *registry, const uint8_t *digest)
{
	for (size_t i = 0; i < registry->n_wants; i++)
		if (memcmp(registry->wants[i]->digest, digest, SHA256_LEN) == 0)
			return registry->wants[i];
	return NULL;
}

struct registry_want *registry_want_at(const struct registry *registry, size_t i)
{
	return i < registry->n_wants ? registry->wants[i] : NULL;
}

static void want_remove(struct registry *registry, struct registry_want *want)
{
	for (size_t i = 0; i < registry->n_wants; i++) {
		if (registry->wants[i] == want) {
			registry->wants[i] = registry->wants[--registry->n_wants];
			break;
		}
	}
	free(want);
}

static void wants_remove_of(struct registry *registry, const struct hub_id *hub)
{
	for (size_t i = registry->n_wants; i-- > 0;)
		if (hub_id_equal(&registry->wants[i]->hub, hub))
			want_remove(registry, registry->wants[i]);
}

/* Wants are per hub: who names another's bytes must not get them refused for that one. */
static bool is_wanted(const struct registry *registry, const uint8_t *digest,
		      const struct hub_id *hub)
{
	for (size_t i = 0; i < registry->n_wants; i++)
		if (memcmp(registry->wants[i]->digest, digest, SHA256_LEN) == 0 &&
		    hub_id_equal(&registry->wants[i]->hub, hub))
			return true;
	return false;
}

static int want_add(struct registry *registry, uint64_t now_ns, const uint8_t *digest,
		    const struct hub_id *hub, bool is_catalogue, uint64_t from)
{
	struct registry_want *want;

	if (is_wanted(registry, digest, hub))
		return 0;
	if (registry->n_wants == REGISTRY_WANTS_MAX)
		return -ENOSPC;
	want = xnew(struct registry_want);
	memcpy(want->digest, digest, SHA256_LEN);
	want->hub = *hub;
	want->is_catalogue = is_catalogue;
	want->from = from;
	want->next_at = now_ns;
	registry->wants = grown(registry->wants, registry->n_wants, sizeof(*registry->wants));
	registry->wants[registry->n_wants++] = want;
	return 0;
}

void registry_want_asked(struct registry_want *want, uint64_t now_ns, uint64_t session)
{
	uint64_t wait = REGISTRY_RETRY_NS << (want->tries < 16 ? want->tries : 16);

	want->session = session;
	want->from = 0; /* others next time */
	want->tries++;
	want->next_at = now_ns + earlier(wait, REGISTRY_RETRY_MAX_NS);
}

bool registry_want_add_asker(struct registry_want *want, uint64_t session)
{
	for (size_t i = 0; i < want->n_askers; i++)
		if (want->askers[i] == session)
			return true;
	if (want->n_askers == REGISTRY_ASKERS_MAX)
		return false;
	want->askers[want->n_askers++] = session;
	return true;
}

/* ---- history ------------------------------------------------------------- */

static int version_order(const struct registry_version *version, const char *name,
			 const struct hub_id *hub)
{
	int order = strcmp(version->name, name);

	return order ? order : hub_id_cmp(&version->hub, hub);
}

static struct registry_version *version_find(const struct registry *registry,
					     const struct hub_id *hub, const uint8_t *digest)
{
	for (size_t i = 0; i < registry->n_versions; i++) {
		struct registry_version *version = &registry->versions[i];

		if (hub_id_equal(&version->hub, hub) &&
		    memcmp(version->digest, digest, SHA256_LEN) == 0)
			return version;
	}
	return NULL;
}

static void version_remove(struct registry *registry, size_t i)
{
	memmove(&registry->versions[i], &registry->versions[i + 1],
		(registry->n_versions - i - 1) * sizeof(*registry->versions));
	registry->n_versions--;
}

/* Make room: the one longest out of force goes, of this service if that has its share. */
static void versions_make_room(struct registry *registry, const char *name,
			       const struct hub_id *hub)
{
	size_t same = 0, oldest = SIZE_MAX;
	bool only_same;

	for (size_t i = 0; i < registry->n_versions; i++)
		same += version_order(&registry->versions[i], name, hub) == 0;
	only_same = same >= REGISTRY_VERSIONS_PER_SERVICE_MAX;
	if (!only_same && registry->n_versions < REGISTRY_VERSIONS_MAX)
		return;
	for (size_t i = 0; i < registry->n_versions; i++) {
		const struct registry_version *version = &registry->versions[i];

		if (only_same && version_order(version, name, hub) != 0)
			continue;
		if (oldest == SIZE_MAX || version->last_ns < registry->versions[oldest].last_ns)
			oldest = i;
	}
	version_remove(registry, oldest);
}

/* A zeroed line behind those of the same service and hub that were not seen later. */
static struct registry_version *version_insert(struct registry *registry, const char *name,
					       const struct hub_id *hub, int64_t first_unix_s)
{
	struct registry_version *version;
	size_t at = 0;

	while (at < registry->n_versions && version_order(&registry->versions[at], name, hub) <= 0)
		at++;
	while (at > 0 && version_order(&registry->versions[at - 1], name, hub) == 0 &&
	       registry->versions[at - 1].first_unix_s > first_unix_s)
		at--;
	registry->versions =
		grown(registry->versions, registry->n_versions, sizeof(*registry->versions));
	memmove(&registry->versions[at + 1], &registry->versions[at],
		(registry->n_versions - at) * sizeof(*registry->versions));
	registry->n_versions++;
	version = &registry->versions[at];
	*version = (struct registry_version){.hub = *hub};
	memcpy(version->name, name, strlen(name) + 1);
	return version;
}

static void version_seen(struct registry *registry, uint64_t now_ns, int64_t unix_s,
			 const struct registry_instance *instance)
{
	const struct manifest *manifest = &instance->manifest;
	struct registry_version *version = version_find(registry, &manifest->hub, instance->digest);

	if (!version) {
		versions_make_room(registry, manifest->name, &manifest->hub);
		/* The newest, whatever the clock says that the others were seen by. */
		version = version_insert(registry, manifest->name, &manifest->hub, INT64_MAX);
		version->first_unix_s = unix_s;
		memcpy(version->version_text, manifest->version_text,
		       sizeof(version->version_text));
		memcpy(version->digest, instance->digest, SHA256_LEN);
	}
	version->is_current = true;
	version->last_ns = now_ns;
	version->last_unix_s = unix_s;
}

static void version_add_past(struct registry_version *line, const struct registry_version *past)
{
	line->requests += past->requests;
	line->errors += past->errors;
	line->latency_us_sum += past->latency_us_sum;
	if (past->first_unix_s)
		line->first_unix_s = past->first_unix_s;
}

bool registry_restore_version(struct registry *registry, const struct registry_version *version)
{
	struct registry_version *line = version_find(registry, &version->hub, version->digest);
	size_t same = 0;

	if (line) {
		version_add_past(line, version);
		return false;
	}
	for (size_t i = 0; i < registry->n_versions; i++)
		same += version_order(&registry->versions[i], version->name, &version->hub) == 0;
	if (registry->n_versions == REGISTRY_VERSIONS_MAX ||
	    same == REGISTRY_VERSIONS_PER_SERVICE_MAX)
		return false;
	line = version_insert(registry, version->name, &version->hub, version->first_unix_s);
	*line = *version;
	line->is_current = false;
	line->last_ns = 0;
	return true;
}

int64_t registry_last_seen_s(const struct registry_version *version, uint64_t now_ns)
{
	if (!version->is_current || !version->last_unix_s)
		return version->last_unix_s;
	return version->last_unix_s + (int64_t)((now_ns - version->last_ns) / NSEC_PER_SEC);
}

const struct registry_version *registry_version_at(const struct registry *registry, size_t i)
{
	return i < registry->n_versions ? &registry->versions[i] : NULL;
}

/* ---- instances ----------------------------------------------------------- */

static int instance_order(const struct registry_instance *a, const char *name,
			  const struct hub_id *hub, const uint8_t *digest)
{
	int order = strcmp(a->manifest.name, name);

	if (!order)
		order = hub_id_cmp(&a->manifest.hub, hub);
	return order ? order : memcmp(a->digest, digest, SHA256_LEN);
}

static size_t instance_index(const struct registry *registry, const char *name,
			     const struct hub_id *hub, const uint8_t *digest)
{
	size_t low = 0, high = registry->n_instances;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (instance_order(registry->instances[mid], name, hub, digest) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct registry_instance *registry_find(const struct registry *registry, const struct hub_id *hub,
					const uint8_t *digest)
{
	for (size_t i = 0; i < registry->n_instances; i++) {
		struct registry_instance *instance = registry->instances[i];

		if (hub_id_equal(&instance->manifest.hub, hub) &&
		    memcmp(instance->digest, digest, SHA256_LEN) == 0)
			return instance;
	}
	return NULL;
}

const struct registry_instance *registry_find_version(const struct registry *registry,
						      const struct hub_id *hub, const char *name,
						      const char *version_text)
{
	const struct registry_instance *instance;

	for (size_t i = registry_first(registry, name);
	     (instance = registry_at(registry, i)) && strcmp(instance->manifest.name, name) == 0;
	     i++)
		if (hub_id_equal(&instance->manifest.hub, hub) &&
		    strcmp(instance->manifest.version_text, version_text) == 0)
			return instance;
	return NULL;
}

size_t registry_count(const struct registry *registry)
{
	return registry->n_instances;
}

struct registry_instance *registry_at(const struct registry *registry, size_t i)
{
	return i < registry->n_instances ? registry->instances[i] : NULL;
}

size_t registry_first(const struct registry *registry, const char *name)
{
	static const struct hub_id lowest;
	static const uint8_t zero[SHA256_LEN];
	size_t i = instance_index(registry, name, &lowest, zero);

	if (i < registry->n_instances && strcmp(registry->instances[i]->manifest.name, name) == 0)
		return i;
	return registry->n_instances;
}

uint64_t registry_generation(const struct registry *registry)
{
	return registry->generation;
}

static void instance_remove(struct registry *registry, uint64_t now_ns, size_t i)
{
	struct registry_instance *instance = registry->instances[i];
	struct registry_version *version =
		version_find(registry, &instance->manifest.hub, instance->digest);

	if (version) {
		version->last_unix_s = registry_last_seen_s(version, now_ns);
		version->is_current = false;
		version->last_ns = now_ns;
	}
	memmove(&registry->instances[i], &registry->instances[i + 1],
		(registry->n_instances - i - 1) * sizeof(*registry->instances));
	registry->n_instances--;
	registry->generation++;
	free(instance);
}

/* Everything of @hub that @catalogue (NULL: empty) does not name. */
static void instances_prune(struct registry *registry, uint64_t now_ns, const struct hub_id *hub,
			    const struct catalogue *catalogue)
{
	for (size_t i = registry->n_instances; i-- > 0;) {
		const struct registry_instance *instance = registry->instances[i];
		bool is_named = false;

		if (!hub_id_equal(&instance->manifest.hub, hub))
			continue;
		for (size_t k = 0; catalogue && k < catalogue->n; k++)
			is_named |=
				!memcmp(catalogue->entries[k].digest, instance->digest, SHA256_LEN);
		if (!is_named)
			instance_remove(registry, now_ns, i);
	}
}

static int instance_add(struct registry *registry, uint64_t now_ns, int64_t unix_s,
			const struct manifest *manifest, const struct catalogue_entry *entry)
{
	struct registry_instance *instance;
	size_t i;

	if (registry->n_instances == REGISTRY_INSTANCES_MAX)
		return -ENOSPC;
	i = instance_index(registry, manifest->name, &manifest->hub, entry->digest);
	registry->instances =
		grown(registry->instances, registry->n_instances, sizeof(*registry->instances));
	memmove(&registry->instances[i + 1], &registry->instances[i],
		(registry->n_instances - i) * sizeof(*registry->instances));
	registry->n_instances++;
	instance = registry->instances[i] = xnew(struct registry_instance);
	memcpy(instance->digest, entry->digest, SHA256_LEN);
	instance->state = entry->state;
	instance->since_ns = instance->state_ns = now_ns;
	instance->manifest = *manifest;
	instance->live.free_slots = manifest->slots;
	instance->live.price_micro = manifest->price_micro;
	registry->generation++;
	version_seen(registry, now_ns, unix_s, instance);
	return 0;
}

static void instance_set_state(struct registry *registry, uint64_t now_ns,
			       struct registry_instance *instance, uint8_t state)
{
	if (instance->state == state)
		return;
	instance->state = state;
	instance->state_ns = now_ns;
	registry->generation++;
}

/* ---- hubs and their catalogues ------------------------------------------- */

static size_t hub_index(const struct registry *registry, const struct hub_id *hub)
{
	size_t low = 0, high = registry->n_hubs;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (hub_id_cmp(&registry->hubs[mid].hub, hub) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct registry_hub *hub_find(const struct registry *registry, const struct hub_id *hub)
{
	size_t i = hub_index(registry, hub);

	return i < registry->n_hubs && hub_id_equal(&registry->hubs[i].hub, hub)
		       ? &registry->hubs[i]
		       : NULL;
}

static struct registry_hub *hub_get(struct registry *registry, const struct hub_id *id)
{
	struct registry_hub *hub = hub_find(registry, id);
	size_t i = hub_index(registry, id);

	if (hub || registry->n_hubs == REGISTRY_HUBS_MAX)
		return hub;
	registry->hubs = grown(registry->hubs, registry->n_hubs, sizeof(*registry->hubs));
	memmove(&registry->hubs[i + 1], &registry->hubs[i],
		(registry->n_hubs - i) * sizeof(*registry->hubs));
	registry->n_hubs++;
	registry->hubs[i] = (struct registry_hub){.hub = *id};
	return &registry->hubs[i];
}

/* A manifest whose bytes are here, verified when they came, becomes an instance. */
static int use_manifest(struct registry *registry, uint64_t now_ns, int64_t unix_s,
			const struct hub_id *hub, const struct catalogue_entry *entry,
			struct registry_blob *blob)
{
	struct registry_instance *instance = registry_find(registry, hub, entry->digest);
	struct manifest manifest;
	int r;

	blob->used_ns = now_ns;
	if (instance) {
		instance_set_state(registry, now_ns, instance, entry->state);
		return 0;
	}
	r = manifest_decode(blob->bytes, blob->len, &manifest);
	if (r)
		return r;
	if (!hub_id_equal(&manifest.hub, hub))
		return -EACCES;
	return instance_add(registry, now_ns, unix_s, &manifest, entry);
}

static void take_rollbacks(struct registry_hub *hub, const struct catalogue *catalogue)
{
	free(hub->rollbacks);
	hub->rollbacks = NULL;
	hub->n_rollbacks = catalogue->n_rollbacks;
	if (hub->n_rollbacks)
		hub->rollbacks =
			xmemdup(catalogue->rollbacks, hub->n_rollbacks * sizeof(*hub->rollbacks));
}

const struct catalogue_rollback *registry_find_rollback(const struct registry *registry,
							const uint8_t build[SHA256_LEN], size_t *i,
							struct hub_id *hub)
{
	while (*i < registry->n_hubs) {
		const struct registry_hub *one = &registry->hubs[(*i)++];

		for (size_t k = 0; k < one->n_rollbacks; k++) {
			if (memcmp(one->rollbacks[k].build, build, SHA256_LEN) != 0)
				continue;
			*hub = one->hub;
			return &one->rollbacks[k];
		}
	}
	return NULL;
}

/* The catalogue's bytes are here: instances follow it, missing manifests are wanted. */
static int apply_catalogue(struct registry *registry, uint64_t now_ns, int64_t unix_s,
			   struct registry_hub *hub, struct registry_blob *blob, uint64_t from)
{
	struct hub_id id = hub->hub;
	struct catalogue catalogue;
	int result = 0;

	blob->used_ns = now_ns;
	if (catalogue_decode(blob->bytes, blob->len, &catalogue))
		return -EBADMSG;
	if (!hub_id_equal(&catalogue.hub, &id))
		return -EACCES;
	hub->applied = true;
	take_rollbacks(hub, &catalogue);
	wants_remove_of(registry, &id);
	instances_prune(registry, now_ns, &id, &catalogue);
	for (size_t i = 0; i < catalogue.n && !result; i++) {
		const struct catalogue_entry *entry = &catalogue.entries[i];
		struct registry_blob *manifest = blob_find(registry, entry->digest);

		if (manifest)
			result = use_manifest(registry, now_ns, unix_s, &id, entry, manifest);
		else
			result = want_add(registry, now_ns, entry->digest, &id, false, from);
	}
	return result;
}

int registry_set_catalogue(struct registry *registry, uint64_t now_ns, int64_t unix_s,
			   const struct hub_id *id, const uint8_t *digest, uint64_t from)
{
	struct registry_hub *hub = digest ? hub_get(registry, id) : hub_find(registry, id);
	struct registry_blob *blob;

	if (!digest) {
		if (hub)
			registry_forget_hub(registry, now_ns, id);
		return 0;
	}
	if (!hub) {
		registry->counters.hubs_full++;
		return -ENOSPC;
	}
	if (hub->has_catalogue && memcmp(hub->catalogue, digest, SHA256_LEN) == 0)
		return 0;
	hub->has_catalogue = true;
	hub->applied = false;
	memcpy(hub->catalogue, digest, SHA256_LEN);
	wants_remove_of(registry, id);
	blob = blob_find(registry, digest);
	if (blob)
		return apply_catalogue(registry, now_ns, unix_s, hub, blob, from);
	return want_add(registry, now_ns, digest, id, true, from);
}

void registry_forget_hub(struct registry *registry, uint64_t now_ns, const struct hub_id *id)
{
	size_t i = hub_index(registry, id);

	wants_remove_of(registry, id);
	instances_prune(registry, now_ns, id, NULL);
	if (i == registry->n_hubs || !hub_id_equal(&registry->hubs[i].hub, id))
		return;
	free(registry->hubs[i].rollbacks);
	memmove(&registry->hubs[i], &registry->hubs[i + 1],
		(registry->n_hubs - i - 1) * sizeof(*registry->hubs));
	registry->n_hubs--;
}

/* The entry of the catalogue in force that names @digest. */
static bool catalogue_names(const struct registry *registry, const struct registry_hub *hub,
			    const uint8_t *digest, struct catalogue_entry *ret)
{
	const struct registry_blob *blob = blob_find(registry, hub->catalogue);
	struct catalogue catalogue;

	if (!blob || catalogue_decode(blob->bytes, blob->len, &catalogue))
		return false;
	for (size_t i = 0; i < catalogue.n; i++) {
		if (memcmp(catalogue.entries[i].digest, digest, SHA256_LEN) == 0) {
			*ret = catalogue.entries[i];
			return true;
		}
	}
	return false;
}

/* Verify before anything is kept: bytes that lie must not sit in the store and be passed on. */
static int check_manifest(const struct hub_id *hub, const uint8_t *bytes, size_t len,
			  const uint8_t *pubkey)
{
	struct manifest manifest;
	int r = manifest_decode(bytes, len, &manifest);

	if (r)
		return r;
	if (!hub_id_equal(&manifest.hub, hub))
		return -EACCES;
	return manifest_verify(bytes, len, pubkey);
}

static int check_catalogue(const struct hub_id *hub, const uint8_t *bytes, size_t len)
{
	struct catalogue catalogue;

	if (catalogue_decode(bytes, len, &catalogue))
		return -EBADMSG;
	return hub_id_equal(&catalogue.hub, hub) ? 0 : -EACCES;
}

int registry_take(struct registry *registry, uint64_t now_ns, int64_t unix_s,
		  struct registry_want *want, const uint8_t *bytes, size_t len,
		  const uint8_t pubkey[HUB_PUBKEY_LEN])
{
	struct hub_id id = want->hub;
	struct registry_hub *hub = hub_find(registry, &id);
	bool is_catalogue = want->is_catalogue;
	uint64_t from = want->session;
	struct catalogue_entry entry;
	const struct registry_blob *blob;
	int r;

	assert(hub);
	r = is_catalogue ? check_catalogue(&id, bytes, len)
			 : check_manifest(&id, bytes, len, pubkey);
	want_remove(registry, want);
	blob = r ? NULL : registry_add_blob(registry, now_ns, bytes, len);
	if (!r && !blob)
		r = -ENOSPC;
	if (r) {
		registry->counters.blobs_refused++;
		return r;
	}
	registry->counters.blobs_accepted++;
	if (is_catalogue)
		return apply_catalogue(registry, now_ns, unix_s, hub,
				       blob_find(registry, blob->digest), from);
	if (!catalogue_names(registry, hub, blob->digest, &entry))
		return 0;
	return use_manifest(registry, now_ns, unix_s, &id, &entry,
			    blob_find(registry, entry.digest));
}

const char *registry_error_text(int error)
{
	switch (error) {
	case -EBADMSG:
		return "malformed, or against the schema";
	case -EPROTO:
		return "of a later format: this hub wants an upgrade";
	case -EACCES:
		return "in the name of another hub";
	case -EKEYREJECTED:
		return "not signed by the hub it is of";
	case -ENOSPC:
		return "no room";
	default:
		return "refused";
	}
}

/* ---- time ---------------------------------------------------------------- */

/* Catalogues in force, and what they name, are in use. */
static void mark_used(struct registry *registry, uint64_t now_ns)
{
	for (size_t i = 0; i < registry->n_hubs; i++) {
		struct registry_blob *blob = blob_find(registry, registry->hubs[i].catalogue);

		if (blob)
			blob->used_ns = now_ns;
	}
	for (size_t i = 0; i < registry->n_instances; i++) {
		struct registry_blob *blob = blob_find(registry, registry->instances[i]->digest);

		if (blob)
			blob->used_ns = now_ns;
	}
}

bool registry_expire(struct registry *registry, uint64_t now_ns, uint8_t digest[SHA256_LEN])
{
	uint64_t keep_ns = is_crowded(registry) ? 1 : REGISTRY_KEEP_NS;
	size_t oldest = 0;

	if (now_ns < registry->sweep_at)
		return false;
	mark_used(registry, now_ns);
	for (size_t i = 1; i < registry->n_blobs; i++)
		if (registry->blobs[i]->used_ns < registry->blobs[oldest]->used_ns)
			oldest = i;
	if (registry->n_blobs && now_ns >= registry->blobs[oldest]->used_ns + keep_ns) {
		memcpy(digest, registry->blobs[oldest]->digest, SHA256_LEN);
		blob_remove(registry, oldest);
		return true;
	}
	registry->sweep_at = registry->n_blobs ? now_ns + REGISTRY_SWEEP_NS : NEVER;
	return false;
}

uint64_t registry_deadline(const struct registry *registry)
{
	uint64_t at = registry->sweep_at;

	for (size_t i = 0; i < registry->n_wants; i++)
		at = earlier(at, registry->wants[i]->next_at);
	return at;
}

/* ---- live ---------------------------------------------------------------- */

void registry_note_load(struct registry_instance *instance, uint64_t now_ns, uint32_t load_permille,
			uint32_t free_slots, uint32_t price_micro)
{
	instance->live.told_ns = now_ns;
	instance->live.load_permille = load_permille;
	instance->live.free_slots = free_slots;
	instance->live.price_micro = price_micro;
	instance->live.answered++;
}

/* @old moves towards @sample by the share of REGISTRY_DECAY_NS that has passed. */
static uint64_t moved(uint64_t old, uint64_t sample, uint64_t passed_ns)
{
	uint64_t keep = REGISTRY_DECAY_NS / NSEC_PER_MSEC,
		 passed = passed_ns / NSEC_PER_MSEC + keep / 64; /* a burst counts, too */

	if (passed > 100 * keep)
		return sample;
	return (old * keep + sample * passed) / (keep + passed);
}

void registry_result(struct registry *registry, uint64_t now_ns, struct registry_instance *instance,
		     bool is_error, uint64_t latency_us)
{
	struct registry_live *live = &instance->live;
	struct registry_version *version =
		version_find(registry, &instance->manifest.hub, instance->digest);
	uint64_t passed = live->result_ns ? now_ns - live->result_ns : UINT64_MAX;

	if (latency_us > UINT32_MAX)
		latency_us = UINT32_MAX;
	live->requests++;
	live->errors += is_error;
	if (!is_error)
		live->latency_us = latency_us >= live->latency_us
					   ? latency_us
					   : moved(live->latency_us, latency_us, passed);
	live->error_permille = (uint32_t)moved(live->error_permille, is_error ? 1000 : 0,
					       live->result_ns ? passed : REGISTRY_DECAY_NS);
	live->result_ns = now_ns;
	if (!version)
		return;
	version->requests++;
	version->errors += is_error;
	version->latency_us_sum += is_error ? 0 : latency_us;
}

const struct registry_counters *registry_counters(const struct registry *registry)
{
	return &registry->counters;
}

struct registry_counters *registry_get_counters(struct registry *registry)
{
	return &registry->counters;
}
