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

static int on_set(void *arg, const struct service_definition *definition)
{
	struct daemon *d = arg;
	int r = hub_on_service_set(d->hub, daemon_now_ns(d), &definition->manifest, &d->fx);

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

struct services_events daemon_services_events(struct daemon *d)
{
	return (struct services_events){
		.set = on_set,
		.removed = on_removed,
		.state = on_state,
		.arg = d,
	};
}

static void on_cached(void *arg, const uint8_t *bytes, size_t len)
{
	struct daemon *d = arg;

	hub_on_service_cached(d->hub, daemon_now_ns(d), bytes, len);
}

static void on_version(void *arg, const struct registry_version *version)
{
	hub_on_service_history(((struct daemon *)arg)->hub, version);
}

void daemon_open_history(struct daemon *d)
{
	_cleanup_free_ char *dir = xasprintf("%s/history", d->config.state_dir);
	const char *error_text = "";
	char quoted[DAEMON_ERROR_MAX];

	if (history_open(dir, &d->history, &error_text) < 0)
		log_warning(LOG_LOCAL_CLASS,
			    "event=no-history effect=\"versions and performance of "
			    "services are forgotten at a restart\" text=%s",
			    log_quote(error_text, quoted, sizeof(quoted)));
}

void daemon_write_history(struct daemon *d)
{
	int64_t now = daemon_unix_time();
	int r;

	if (!d->history || !d->hub)
		return;
	r = history_write(d->history, hub_get_registry(d->hub), now);
	if (!r && d->history_writes++ % DAEMON_HISTORY_THIN == 0)
		r = history_thin(d->history, now);
	if (r)
		log_error(LOG_LOCAL_CLASS, "event=history-not-written error=\"%s\"", strerror(-r));
}

void daemon_read_cache(struct daemon *d)
{
	int r = store_read_blobs(d->store, on_cached, d);

	if (d->history && history_restore(d->history, on_version, d) < 0)
		log_error(LOG_LOCAL_CLASS, "event=history-unreadable");

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

	hub_on_service_result(d->hub, daemon_now_ns(d), provider, digest, is_error, latency_us);
}
