/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: history: versions and performance of services, in SQLite
 *
 * A shell.  history/history.db in the state directory: a line per version of
 * every service at every hub, and samples of what users here saw: one a
 * minute for a day, then one an hour for a month.  What the registry knows is
 * written once a minute and at the end; a power cut costs a minute.
 *
 * The file stays open under an exclusive lock with its journal, so that it
 * can be written after privileges were dropped.  One that is broken is put
 * aside and begun anew; one of a later schema is left alone.
 */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include <sys/types.h>

#include "daemon/registry/registry.h"

#define HISTORY_SCHEMA 1
#define HISTORY_MINUTES_S 86400 /* samples of a minute are kept so long */
#define HISTORY_HOURS_S (30 * 86400) /* and of an hour */
#define HISTORY_VERSIONS_MAX 4096 /* rows; the longest unseen go first */
#define HISTORY_SAMPLES_MAX 200000 /* rows; the oldest go first */

struct history;

/**
 * history_open() - Open or make DIR/history.db.
 * @dir: directory, made with mode 0700 if its parent is there
 * @ret: filled on success
 * @error_text: on failure, a sentence for a person (thread-local text)
 *
 * Context: Blocking; start of the daemon.
 * Return: 0; -EPROTO of a later schema; -EIO or other -errno.
 */
int history_open(const char *dir, struct history **ret, const char **error_text);
/** history_close() - NULL is allowed. */
void history_close(struct history *history);
/** history_give() - Hand the files to the account the daemon will run as. Return: 0, -errno. */
int history_give(struct history *history, uid_t uid, gid_t gid);

typedef void (*history_version_fn)(void *arg, const struct registry_version *version);
/** history_restore() - The versions the file knows, newest first. Return: number, or -EIO. */
int history_restore(struct history *history, history_version_fn fn, void *arg);
/**
 * history_write() - What a registry knows of versions, and samples since the last time.
 * @history: one transaction
 * @registry: its versions
 * @unix_s: now; 0 (no clock): nothing is written
 *
 * Return: 0; -EIO.
 */
int history_write(struct history *history, const struct registry *registry, int64_t unix_s);
/** history_thin() - Minutes into hours, old hours away, limits kept. Return: 0; -EIO. */
int history_thin(struct history *history, int64_t unix_s);

/**
 * struct history_sample - what users here saw of a version in a span of time
 * @hub: provider
 * @version_text: of the service
 * @unix_s: beginning
 * @span_s: 60 or 3600
 * @requests: in it
 * @errors: of those
 * @latency_us_sum: of the successes
 */
struct history_sample {
	struct hub_id hub;
	const char *version_text;
	int64_t unix_s;
	uint32_t span_s;
	uint64_t requests, errors, latency_us_sum;
};

typedef void (*history_sample_fn)(const struct history_sample *sample, void *arg);
/** history_samples() - The newest @max of a service, newest first. Return: number, or -EIO. */
int history_samples(struct history *history, const char *name, unsigned int max,
		    history_sample_fn fn, void *arg);

#endif
