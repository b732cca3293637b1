// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: services: the directory's events told to hub.c, and the cache on disk
 */
#include <errno.h>
#include <string.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/shell/daemon.h"

static int on_set(void *arg, const struct service_definition *definition, enum service_state state)
{
	struct daemon *d = arg;
	int r = hub_on_service_set(d->hub, daemon_now_ns(d), &definition->manifest, state, &d->fx);

	daemon_run_effects(d);
	return r;
}

static void on_removed(void *arg, const char *name, const char *version_text)
{
	struct daemon *d = arg;

	hub_on_service_removed(d->hub, daemon_now_ns(d), name, version_text, &d->fx);
	daemon_run_effects(d);
}

static void on_state(void *arg, const char *name, const char *version_text,
		     enum service_state state)
{
	struct daemon *d = arg;

	hub_on_service_state(d->hub, daemon_now_ns(d), name, version_text, state, &d->fx);
	daemon_run_effects(d);
}

struct schema *daemon_find_schema(void *arg, const uint8_t *digest)
{
	const struct daemon *d = arg;
	const struct registry_instance *instance =
		registry_find(hub_get_registry(d->hub), &hub_get_settings(d->hub)->id, digest);

	return instance ? services_schema(d->services, instance->manifest.name,
					  instance->manifest.version_text)
			: NULL;
}

static bool has_leases(void *arg, const char *name, const char *version_text)
{
	const struct daemon *d = arg;
	const struct registry_instance *own = registry_find_version(
		hub_get_registry(d->hub), &hub_get_settings(d->hub)->id, name, version_text);
	const struct broker_lease *lease;

	for (size_t i = 0; own && (lease = broker_lease_at(hub_get_broker(d->hub), i)); i++)
		if (memcmp(lease->digest, own->digest, SHA256_LEN) == 0)
			return true;
	return false;
}

struct services_events daemon_services_events(struct daemon *d)
{
	return (struct services_events){
		.set = on_set,
		.removed = on_removed,
		.state = on_state,
		.has_leases = has_leases,
		.arg = d,
	};
}

static void on_cached(void *arg, const uint8_t *bytes, size_t len)
{
	struct daemon *d = arg;

	hub_on_service_cached(d->hub, daemon_now_ns(d), bytes, len);
}

int daemon_order_version(void *arg, const struct hub_version_order *order)
{
	struct daemon *d = arg;
	int r = hub_on_version_order(d->hub, daemon_now_ns(d), order, &d->fx);

	daemon_run_effects(d);
	if (d->is_stopping)
		daemon_keep_versions(d); /* hub.c asks for nothing any more */
	if (d->versions_error[0])
		daemon_write_history(d); /* what was in the way may be gone */
	return r;
}

void daemon_read_cache(struct daemon *d)
{
	int r = store_read_blobs(d->store, on_cached, d);

	daemon_read_history(d);
	if (r)
		log_warning(LOG_LOCAL_CLASS, "event=manifest-cache-unreadable error=\"%s\"",
			    strerror(-r));
}

void daemon_run_blob(struct daemon *d, const struct effect *effect)
{
	int r;

	if (effect->kind == EFFECT_BLOB_FORGET) {
		store_delete_blob(d->store, effect->blob.digest);
		return;
	}
	r = store_put_blob(d->store, effect->blob.digest, effect->blob.bytes, effect->blob.len);
	if (r) /* it is pulled again after the next start */
		log_debug(LOG_LOCAL_CLASS, "event=manifest-not-cached error=\"%s\"", strerror(-r));
}

uint64_t daemon_resolve(void *arg, const struct broker_query *query)
{
	struct daemon *d = arg;
	uint64_t request = hub_on_service_resolve(d->hub, daemon_now_ns(d), query, &d->fx);

	daemon_run_effects(d);
	return request;
}

void daemon_lost(void *arg, uint64_t request, const struct hub_id *provider, const uint8_t *digest)
{
	struct daemon *d = arg;

	hub_on_service_lost(d->hub, daemon_now_ns(d), request, provider, digest, &d->fx);
	daemon_run_effects(d);
}

void daemon_eject(void *arg, uint64_t request, const struct hub_id *provider, const uint8_t *digest,
		  uint64_t for_ns)
{
	struct daemon *d = arg;

	hub_on_service_ejected(d->hub, daemon_now_ns(d), request, provider, digest, for_ns, &d->fx);
	daemon_run_effects(d);
}

void daemon_release(void *arg, uint64_t request)
{
	struct daemon *d = arg;

	hub_on_service_released(d->hub, daemon_now_ns(d), request, &d->fx);
	daemon_run_effects(d);
}

void daemon_result(void *arg, const struct hub_id *provider, const uint8_t *digest, bool is_error,
		   uint64_t latency_us)
{
	struct daemon *d = arg;

	if (hub_on_service_result(d->hub, daemon_now_ns(d), provider, digest, is_error, latency_us))
		daemon_run_effects(d); /* sets the deadline */
}
