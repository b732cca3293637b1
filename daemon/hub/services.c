// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: services: catalogues and manifests in and out
 *
 * Our own services make our catalogue; its digest goes into our record and
 * our beacon.  Another hub's record that names another catalogue than before
 * makes the registry want its bytes, and then the manifests'.  Wants are
 * pulled from the neighbour the record came from, then from others.  What we
 * want ourselves when a neighbour asks for it is sent on as soon as it comes,
 * so bytes follow the flood of the record that named them.
 */
#include "daemon/hub/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"

#define PULL_BODY_MAX 1024
#define BLOBS_BURST 2048 /* blobs sent to one neighbour at once */
#define BLOBS_INTERVAL_NS (2 * NSEC_PER_MSEC) /* and one more each */

/* ---- our own ------------------------------------------------------------- */

static struct own_service *own_find(struct hub *hub, const char *name, const char *version_text)
{
	for (size_t i = 0; i < hub->n_own; i++)
		if (strcmp(hub->own[i].name, name) == 0 &&
		    strcmp(hub->own[i].version_text, version_text) == 0)
			return &hub->own[i];
	return NULL;
}

static int compare_entries(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_LEN);
}

void services_publish(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	struct catalogue catalogue = {.hub = hub->settings.id, .n = hub->n_own};
	uint8_t bytes[CATALOGUE_MAX];
	const struct registry_blob *blob = NULL;
	bool is_same;
	int len;

	for (size_t i = 0; i < hub->n_own; i++) {
		memcpy(catalogue.entries[i].digest, hub->own[i].digest, SHA256_LEN);
		catalogue.entries[i].state = hub->own[i].state;
	}
	qsort(catalogue.entries, catalogue.n, sizeof(catalogue.entries[0]), compare_entries);
	versioning_fill(hub, &catalogue);
	len = catalogue_encode(&catalogue, bytes, sizeof(bytes));
	if (len > 0 && (catalogue.n || catalogue.n_rollbacks))
		blob = registry_add_blob(hub->registry, now_ns, bytes, (size_t)len);
	is_same = hub->has_catalogue == (blob != NULL) &&
		  (!blob || memcmp(hub->catalogue, blob->digest, SHA256_LEN) == 0);
	if (is_same)
		return;
	hub->has_catalogue = blob != NULL;
	if (blob)
		memcpy(hub->catalogue, blob->digest, SHA256_LEN);
	registry_set_catalogue(hub->registry, now_ns, hub->unix_s, &hub->settings.id,
			       blob ? hub->catalogue : NULL, 0);
	if (!hub->is_started || hub->is_stopped)
		return;
	hub->is_record_due = true;
	beacon_renew(hub, false, fx);
	topology_settle(hub, now_ns, fx);
}

static struct own_service *own_add(struct hub *hub, const struct manifest *manifest,
				   enum service_state state)
{
	struct own_service *own;

	if (hub->n_own == CATALOGUE_ENTRIES_MAX)
		return NULL;
	own = &hub->own[hub->n_own++];
	*own = (struct own_service){.state = state};
	memcpy(own->name, manifest->name, sizeof(own->name));
	memcpy(own->version_text, manifest->version_text, sizeof(own->version_text));
	return own;
}

int hub_on_service_set(struct hub *hub, uint64_t now_ns, const struct manifest *manifest,
		       enum service_state state, struct effects *fx)
{
	struct own_service *own = own_find(hub, manifest->name, manifest->version_text);
	struct manifest mine = *manifest;
	uint8_t bytes[MANIFEST_MAX];
	const struct registry_blob *blob;
	int len;

	mine.hub = hub->settings.id;
	if (!manifest_is_well_formed(&mine))
		return -EINVAL;
	len = manifest_encode(&mine, hub->private_key, hub->pubkey, bytes, sizeof(bytes));
	if (len < 0)
		return len;
	blob = registry_add_blob(hub->registry, now_ns, bytes, (size_t)len);
	if (!own && blob)
		own = own_add(hub, &mine, state);
	if (!own || !blob)
		return -ENOSPC;
	if (memcmp(own->digest, blob->digest, SHA256_LEN) == 0)
		return 0;
	memcpy(own->digest, blob->digest, SHA256_LEN);
	services_publish(hub, now_ns, fx);
	return 0;
}

void hub_on_service_removed(struct hub *hub, uint64_t now_ns, const char *name,
			    const char *version_text, struct effects *fx)
{
	struct own_service *own = own_find(hub, name, version_text);

	if (!own)
		return;
	*own = hub->own[--hub->n_own];
	services_publish(hub, now_ns, fx);
}

void hub_on_service_state(struct hub *hub, uint64_t now_ns, const char *name,
			  const char *version_text, enum service_state state, struct effects *fx)
{
	struct own_service *own = own_find(hub, name, version_text);

	if (!own || own->state == state)
		return;
	own->state = state;
	effects_log(fx, LOG_CLASS_INFO, "event=service-state service=%s version=%s state=%s", name,
		    version_text, service_state_name(state));
	services_publish(hub, now_ns, fx);
}

void hub_on_service_history(struct hub *hub, const struct registry_version *version)
{
	registry_restore_version(hub->registry, version);
}

void hub_on_service_cached(struct hub *hub, uint64_t now_ns, const uint8_t *bytes, size_t len)
{
	if (len > 0 && len <= MANIFEST_MAX)
		registry_add_blob(hub->registry, now_ns, bytes, len);
}

/* ---- others' ------------------------------------------------------------- */

void services_on_record(struct hub *hub, uint64_t now_ns, const struct lsdb_entry *entry,
			uint64_t from, struct effects *fx)
{
	char text[HUB_ID_STRLEN];
	int r = registry_set_catalogue(hub->registry, now_ns, hub->unix_s, &entry->hub,
				       entry->has_catalogue ? entry->catalogue : NULL, from);

	if (r)
		peer_fault(hub, now_ns, fx, "event=catalogue-refused hub=%s reason=\"%s\"",
			   hub_id_format(&entry->hub, text), registry_error_text(r));
}

void services_on_hub_forgotten(struct hub *hub, uint64_t now_ns, const struct hub_id *id)
{
	registry_forget_hub(hub->registry, now_ns, id);
}

static bool can_pull(const struct session *session)
{
	return session->state == SESSION_READY && session->kind == SESSION_PATH;
}

/*
 * The one it was heard of on; else the one towards the owner, who has it for sure; else any, not
 * the one that was asked in vain.  Of many neighbours most may wait for us to have it.
 */
static uint64_t pick_session(struct hub *hub, const struct registry_want *want)
{
	const struct session *from = sessions_find(&hub->sessions, want->from);
	const struct session *towards = session_towards(hub, &want->hub);
	size_t n = hub->sessions.n, start = prng_below(&hub->prng, n);
	uint64_t picked = 0;

	if (from && can_pull(from))
		return from->id;
	if (towards && can_pull(towards) && towards->id != want->session)
		return towards->id;
	for (size_t i = 0; i < n; i++) {
		const struct session *session = hub->sessions.list[(start + i) % n];

		if (!can_pull(session))
			continue;
		picked = session->id;
		if (picked != want->session)
			break;
	}
	return picked;
}

static void send_pull(struct hub *hub, uint64_t now_ns, uint64_t session_id,
		      const uint8_t (*digests)[SHA256_LEN], size_t n, struct effects *fx)
{
	struct session *session = sessions_find(&hub->sessions, session_id);
	uint8_t body[PULL_BODY_MAX];
	int len = control_encode_pull(digests, n, body, sizeof(body));

	assert(len > 0); /* PULL_BODY_MAX holds CONTROL_PULLS_MAX */
	if (session)
		session_send(hub, now_ns, session, CONTROL_PULL, body, (size_t)len, fx);
}

/* Neighbouring wants mostly go to one session: a PULL for each run of them. */
static void pull_due(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	uint8_t digests[CONTROL_PULLS_MAX][SHA256_LEN];
	struct registry_want *want;
	uint64_t session = 0;
	size_t n = 0;

	for (size_t i = 0; (want = registry_want_at(hub->registry, i)); i++) {
		uint64_t picked;

		if (now_ns < want->next_at)
			continue;
		picked = pick_session(hub, want);
		registry_want_asked(want, now_ns, picked);
		if (n && (picked != session || n == CONTROL_PULLS_MAX)) {
			send_pull(hub, now_ns, session, (const uint8_t(*)[SHA256_LEN])digests, n,
				  fx);
			n = 0;
		}
		session = picked;
		if (picked)
			memcpy(digests[n++], want->digest, SHA256_LEN);
	}
	if (n)
		send_pull(hub, now_ns, session, (const uint8_t(*)[SHA256_LEN])digests, n, fx);
}

static bool may_send_blob(struct session *session, uint64_t now_ns)
{
	uint64_t from = session->blobs_full_at > now_ns ? session->blobs_full_at : now_ns;

	if (from + BLOBS_INTERVAL_NS > now_ns + BLOBS_BURST * BLOBS_INTERVAL_NS)
		return false;
	session->blobs_full_at = from + BLOBS_INTERVAL_NS;
	return true;
}

static void send_blob(struct hub *hub, uint64_t now_ns, struct session *session,
		      const struct registry_blob *blob, struct effects *fx)
{
	if (may_send_blob(session, now_ns))
		session_send(hub, now_ns, session, CONTROL_BLOB, blob->bytes, blob->len, fx);
	else
		hub->counters.pulls_limited++;
}

int on_pull(struct hub *hub, uint64_t now_ns, struct session *session, const uint8_t *body,
	    size_t len, struct effects *fx)
{
	uint8_t digests[CONTROL_PULLS_MAX][SHA256_LEN];
	int n = control_decode_pull(body, len, digests);

	if (n < 0)
		return -EBADMSG;
	for (int i = 0; i < n; i++) {
		const struct registry_blob *blob = registry_find_blob(hub->registry, digests[i]);
		struct registry_want *want = blob ? NULL
						  : registry_find_want(hub->registry, digests[i]);

		if (blob)
			send_blob(hub, now_ns, session, blob, fx);
		else if (want)
			registry_want_add_asker(want, session->id);
	}
	return 0;
}

/* The key of a hub, from the certificate in its record. */
bool hub_pubkey(struct hub *hub, const struct hub_id *id, uint8_t ret[HUB_PUBKEY_LEN])
{
	_cleanup_free_ struct record *record = xnew(struct record);
	const struct lsdb_entry *entry = lsdb_find(&hub->lsdb, id);
	struct trust_identity identity;

	if (hub_id_equal(id, &hub->settings.id)) {
		memcpy(ret, hub->pubkey, HUB_PUBKEY_LEN);
		return true;
	}
	if (!entry || !entry->bytes || record_decode(entry->bytes, entry->len, record) ||
	    trust_verify_hub(hub->trust, record->cert, record->cert_len, hub->unix_s, &identity))
		return false;
	memcpy(ret, identity.pubkey, HUB_PUBKEY_LEN);
	return true;
}

static void cache_blob(const struct registry_blob *blob, struct effects *fx)
{
	struct effect *effect = effects_add(fx, EFFECT_BLOB_KEEP);

	memcpy(effect->blob.digest, blob->digest, SHA256_LEN);
	effect->blob.bytes = xmemdup(blob->bytes, blob->len);
	effect->blob.len = blob->len;
}

/* Return: 0 taken; -errno not. */
static int take_for(struct hub *hub, uint64_t now_ns, struct registry_want *want,
		    const uint8_t *bytes, size_t len, struct effects *fx)
{
	struct hub_id owner = want->hub;
	uint8_t pubkey[HUB_PUBKEY_LEN] = {0};
	char text[HUB_ID_STRLEN];
	int r;

	hub_pubkey(hub, &owner, pubkey); /* a hub that is gone has the key nothing verifies with */
	r = registry_take(hub->registry, now_ns, hub->unix_s, want, bytes, len, pubkey);
	if (r)
		peer_fault(hub, now_ns, fx, "event=manifest-refused hub=%s reason=\"%s\"",
			   hub_id_format(&owner, text), registry_error_text(r));
	return r;
}

int on_blob(struct hub *hub, uint64_t now_ns, struct session *session, const uint8_t *bytes,
	    size_t len, struct effects *fx)
{
	uint8_t digest[SHA256_LEN];
	uint64_t askers[REGISTRY_ASKERS_MAX];
	struct registry_want *want;
	const struct registry_blob *blob;
	size_t n = 0;

	if (len == 0 || len > MANIFEST_MAX)
		return -EBADMSG;
	sha256(bytes, len, digest);
	want = registry_find_want(hub->registry, digest);
	if (!want) {
		registry_get_counters(hub->registry)->blobs_unwanted++;
		return 0; /* asked two, or it was late */
	}
	for (; want; want = registry_find_want(hub->registry, digest)) {
		for (size_t i = 0; i < want->n_askers && n < REGISTRY_ASKERS_MAX; i++)
			askers[n++] = want->askers[i];
		take_for(hub, now_ns, want, bytes, len, fx);
	}
	blob = registry_find_blob(hub->registry, digest);
	if (!blob)
		return 0;
	cache_blob(blob, fx);
	for (size_t i = 0; i < n; i++) {
		struct session *asker = sessions_find(&hub->sessions, askers[i]);

		if (asker && can_pull(asker))
			send_blob(hub, now_ns, asker, blob, fx);
	}
	return 0;
}

/* ---- time ---------------------------------------------------------------- */

void services_settle(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	uint8_t digest[SHA256_LEN];

	if (now_ns < registry_deadline(hub->registry))
		return;
	pull_due(hub, now_ns, fx);
	while (registry_expire(hub->registry, now_ns, digest)) {
		struct effect *effect = effects_add(fx, EFFECT_BLOB_FORGET);

		memcpy(effect->blob.digest, digest, SHA256_LEN);
	}
}

uint64_t services_deadline(const struct hub *hub)
{
	return registry_deadline(hub->registry);
}
