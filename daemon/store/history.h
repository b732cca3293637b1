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
 * can be written after privileges were dropped, and is opened through a
 * descriptor of its directory, so that it can be opened then, too: whenever it
 * is not open history_open() may be tried again.  One that is broken, at the
 * start or later, is put aside and begun anew; one of a later schema is left
 * alone; one that somebody takes away is noticed.
 */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include <sys/types.h>

#include "daemon/registry/registry.h"
#include "daemon/versions/versions.h"

#define HISTORY_SCHEMA 1
#define HISTORY_MINUTES_S 86400 /* samples of a minute are kept so long */
#define HISTORY_HOURS_S (30 * 86400) /* and of an hour */
#define HISTORY_VERSIONS_MAX 4096 /* rows; the longest unseen go first */
#define HISTORY_SAMPLES_MAX 200000 /* rows; the oldest go first */
/* What one history_thin() may take, beyond the oldest there is: a clock that jumps takes no more. */
#define HISTORY_THIN_S (2 * 3600)

struct history;

/**
 * history_new() - A history whose file is not open yet.
 * @dir: directory, made with mode 0700 if its parent is there
 * @ret: filled on success
 * @error_text: on failure, a sentence for a person (thread-local text)
 *
 * Return: 0 or -errno.
 */
int history_new(const char *dir, struct history **ret, const char **error_text);
/**
 * history_open() - Open or make history.db; anew, if it is open.
 * @history: its directory is
 * @error_text: on failure, a sentence for a person (thread-local text)
 *
 * Context: Blocking; also after privileges were dropped.
 * Return: 0; -EPROTO of a later schema; -ESTALE the directory was deleted, history_new() makes it
 * anew; other -errno: it may be tried again.  A damaged file is put aside.
 */
int history_open(struct history *history, const char **error_text);
/**
 * history_is_open() - Can it be read?
 * @history: its file is closed here if another one, or none, has its name now
 *
 * What failed because the file is broken has closed it, too.  history_open() may be tried again.
 */
bool history_is_open(struct history *history);
/** history_is_read_only() - It could be opened for reading alone: to write it, open it anew. */
bool history_is_read_only(const struct history *history);
/** history_close() - NULL is allowed. */
void history_close(struct history *history);
/** history_give() - Hand the files to the account the daemon will run as. Return: 0, -errno. */
int history_give(struct history *history, uid_t uid, gid_t gid);

/*
 * What follows returns -ENODEV when the file is not open; and for what went wrong with it -ENOSPC,
 * -EROFS, -EBADMSG (it is broken) or -EIO.
 */

typedef void (*history_version_fn)(void *arg, const struct registry_version *version);
/** history_restore() - The versions the file knows, newest first. Return: number, or -errno. */
int history_restore(struct history *history, history_version_fn fn, void *arg);
/**
 * history_write() - What a registry knows of versions, and samples since the last time.
 * @history: one transaction
 * @registry: its versions
 * @unix_s: now; 0 (no clock): nothing is written
 *
 * Return: 0 or -errno.
 */
int history_write(struct history *history, const struct registry *registry, int64_t unix_s);
/**
 * history_thin() - Minutes into hours, old hours away, limits kept.
 * @history: called about once an hour
 * @unix_s: now; 0 (no clock): nothing is done
 *
 * A clock may be wrong by years, and right again the next day.  So each call goes HISTORY_THIN_S
 * beyond the oldest sample at most: what is too old goes twice as fast as time passes, and a jump
 * takes two hours of samples for each hour it lasts.
 *
 * Return: 0 or -errno.
 */
int history_thin(struct history *history, int64_t unix_s);

typedef void (*history_ruling_fn)(void *arg, const struct versions_ruling *ruling);
typedef void (*history_wish_fn)(void *arg, const struct versions_wish *wish);
/**
 * history_write_rulings() - What must survive of the versions room, at once.
 * @history: one transaction
 * @versions: all of its rulings and wishes; what the file had goes
 *
 * Return: 0; -errno, and the file has what it had.
 */
int history_write_rulings(struct history *history, const struct versions *versions);
/** history_restore_rulings() - In the order they were ruled. Return: 0 or -errno. */
int history_restore_rulings(struct history *history, history_ruling_fn on_ruling,
			    history_wish_fn on_wish, void *arg);

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
/** history_samples() - The newest @max of a service, newest first. Return: number, or -errno. */
int history_samples(struct history *history, const char *name, unsigned int max,
		    history_sample_fn fn, void *arg);

#endif
