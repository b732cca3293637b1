// SPDX-License-Identifier: GPL-2.0
/* DOC: history: see history.h */
#include "daemon/store/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"

#define PATH_MAX_LEN 512
#define MINUTE_S 60
#define HOUR_S 3600
#define CACHE_KIB "128" /* a page cache of 2 MiB is not worth its memory here */
#define STRINGIFY_(x) #x
#define STRINGIFY(x) STRINGIFY_(x)

static const char pragmas[] = "PRAGMA locking_mode=EXCLUSIVE;"
			      "PRAGMA journal_mode=TRUNCATE;"
			      "PRAGMA synchronous=NORMAL;"
			      "PRAGMA temp_store=MEMORY;"
			      "PRAGMA cache_size=-" CACHE_KIB ";";

static const char schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS version ("
	" hub BLOB NOT NULL, name TEXT NOT NULL, digest BLOB NOT NULL, version TEXT NOT NULL,"
	" first_s INTEGER NOT NULL, last_s INTEGER NOT NULL,"
	" requests INTEGER NOT NULL, errors INTEGER NOT NULL, latency_sum INTEGER NOT NULL,"
	" PRIMARY KEY (hub, digest)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS sample ("
	" name TEXT NOT NULL, at_s INTEGER NOT NULL, span_s INTEGER NOT NULL,"
	" hub BLOB NOT NULL, digest BLOB NOT NULL,"
	" requests INTEGER NOT NULL, errors INTEGER NOT NULL, latency_sum INTEGER NOT NULL,"
	" PRIMARY KEY (name, at_s, span_s, hub, digest)) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS sample_age ON sample (span_s, at_s);"
	"PRAGMA user_version=" STRINGIFY(HISTORY_SCHEMA) ";"
							 "COMMIT;";

enum statement {
	PUT_VERSION,
	ADD_SAMPLE,
	GET_VERSIONS,
	GET_SAMPLES,
	OLD_TOTALS,
	__STATEMENT_END,
};

static const char *const statements[] = {
	[PUT_VERSION] = "INSERT INTO version VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)"
			" ON CONFLICT (hub, digest) DO UPDATE SET last_s=?6, requests=?7,"
			" errors=?8, latency_sum=?9",
	[ADD_SAMPLE] = "INSERT INTO sample VALUES (?1,?2,?3,?4,?5,?6,?7,?8)"
		       " ON CONFLICT DO UPDATE SET requests=requests+?6, errors=errors+?7,"
		       " latency_sum=latency_sum+?8",
	[GET_VERSIONS] = "SELECT hub, name, digest, version, first_s, last_s, requests, errors,"
			 " latency_sum FROM version ORDER BY last_s DESC LIMIT ?1",
	[GET_SAMPLES] = "SELECT s.hub, v.version, s.at_s, s.span_s, s.requests, s.errors,"
			" s.latency_sum FROM sample s JOIN version v USING (hub, digest)"
			" WHERE s.name=?1 ORDER BY s.at_s DESC, v.version LIMIT ?2",
	[OLD_TOTALS] = "SELECT requests, errors, latency_sum FROM version"
		       " WHERE hub=?1 AND digest=?2",
};

_Static_assert(ARRAY_SIZE(statements) == __STATEMENT_END, "every one has its text");

/**
 * struct history - an open file
 * @db: the file
 * @prepared: by enum statement
 * @dir_fd: its directory
 */
struct history {
	sqlite3 *db;
	sqlite3_stmt *prepared[__STATEMENT_END];
	int dir_fd;
};

static _Thread_local char error_buffer[PATH_MAX_LEN + 128];

static int fail(const char **error_text, int error, const char *path, const char *what)
{
	snprintf(error_buffer, sizeof(error_buffer), "%s: %s", path, what);
	*error_text = error_buffer;
	return error;
}

static int run(struct history *history, const char *sql)
{
	return sqlite3_exec(history->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -EIO;
}

static int read_number(struct history *history, const char *sql, int64_t *ret)
{
	sqlite3_stmt *statement = NULL;
	int r = -EIO;

	if (sqlite3_prepare_v2(history->db, sql, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW) {
		*ret = sqlite3_column_int64(statement, 0);
		r = 0;
	}
	sqlite3_finalize(statement);
	return r;
}

static void close_db(struct history *history)
{
	for (size_t i = 0; i < __STATEMENT_END; i++)
		sqlite3_finalize(history->prepared[i]);
	memset(history->prepared, 0, sizeof(history->prepared));
	sqlite3_close(history->db);
	history->db = NULL;
}

/* Return: 0; -EPROTO of a later schema; -EIO broken. */
static int open_db(struct history *history, const char *path)
{
	int64_t version = 0;

	if (sqlite3_open_v2(path, &history->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
		    SQLITE_OK ||
	    run(history, pragmas) || read_number(history, "PRAGMA user_version", &version))
		return -EIO;
	if (version > HISTORY_SCHEMA)
		return -EPROTO;
	if (run(history, schema))
		return -EIO;
	for (size_t i = 0; i < __STATEMENT_END; i++)
		if (sqlite3_prepare_v3(history->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &history->prepared[i], NULL) != SQLITE_OK)
			return -EIO;
	return 0;
}

int history_open(const char *dir, struct history **ret, const char **error_text)
{
	struct history *history;
	char path[PATH_MAX_LEN], aside[PATH_MAX_LEN + 16];
	int r;

	if (snprintf(path, sizeof(path), "%s/history.db", dir) >= (int)sizeof(path))
		return fail(error_text, -ENAMETOOLONG, dir, "path is too long");
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return fail(error_text, -errno, dir, strerror(errno));
	history = xnew(struct history);
	history->dir_fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	r = history->dir_fd < 0 ? -errno : open_db(history, path);
	if (r == -EIO) { /* what it knew is lost; what the mesh does goes on */
		close_db(history);
		snprintf(aside, sizeof(aside), "%s.broken", path);
		if (rename(path, aside) == 0) {
			log_error(LOG_LOCAL_CLASS, "event=history-broken aside=%s", aside);
			r = open_db(history, path);
		}
	}
	if (r) {
		history_close(history);
		return fail(error_text, r, path,
			    r == -EPROTO ? "written by a later meshd"
					 : "cannot be opened or written");
	}
	*ret = history;
	return 0;
}

void history_close(struct history *history)
{
	if (!history)
		return;
	close_db(history);
	if (history->dir_fd >= 0)
		close(history->dir_fd);
	free(history);
}

int history_give(struct history *history, uid_t uid, gid_t gid)
{
	static const char *const names[] = {"history.db", "history.db-journal"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (fchownat(history->dir_fd, names[i], uid, gid, AT_SYMLINK_NOFOLLOW) < 0 &&
		    errno != ENOENT)
			return -errno;
	return fchown(history->dir_fd, uid, gid) < 0 ? -errno : 0;
}

/* ---- versions ------------------------------------------------------------ */

static bool read_version(sqlite3_stmt *row, struct registry_version *ret)
{
	const char *name = (const char *)sqlite3_column_text(row, 1);
	const char *version = (const char *)sqlite3_column_text(row, 3);

	if (sqlite3_column_bytes(row, 0) != HUB_ID_LEN ||
	    sqlite3_column_bytes(row, 2) != SHA256_LEN || !name || !version ||
	    strlen(name) > MANIFEST_NAME_MAX || strlen(version) > SEMVER_TEXT_MAX)
		return false;
	*ret = (struct registry_version){
		.first_unix_s = sqlite3_column_int64(row, 4),
		.last_unix_s = sqlite3_column_int64(row, 5),
		.requests = (uint64_t)sqlite3_column_int64(row, 6),
		.errors = (uint64_t)sqlite3_column_int64(row, 7),
		.latency_us_sum = (uint64_t)sqlite3_column_int64(row, 8),
	};
	memcpy(ret->hub.b, sqlite3_column_blob(row, 0), HUB_ID_LEN);
	memcpy(ret->digest, sqlite3_column_blob(row, 2), SHA256_LEN);
	strcpy(ret->name, name);
	strcpy(ret->version_text, version);
	return true;
}

int history_restore(struct history *history, history_version_fn fn, void *arg)
{
	sqlite3_stmt *statement = history->prepared[GET_VERSIONS];
	struct registry_version version;
	int n = 0, r;

	sqlite3_bind_int(statement, 1, REGISTRY_VERSIONS_MAX);
	while ((r = sqlite3_step(statement)) == SQLITE_ROW) {
		if (!read_version(statement, &version))
			continue;
		fn(arg, &version);
		n++;
	}
	sqlite3_reset(statement);
	return r == SQLITE_DONE ? n : -EIO;
}

static int step_once(sqlite3_stmt *statement)
{
	int r = sqlite3_step(statement);

	sqlite3_reset(statement);
	return r == SQLITE_DONE ? 0 : -EIO;
}

static void bind_key(sqlite3_stmt *statement, int hub_at, int digest_at,
		     const struct registry_version *version)
{
	sqlite3_bind_blob(statement, hub_at, version->hub.b, HUB_ID_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(statement, digest_at, version->digest, SHA256_LEN, SQLITE_STATIC);
}

static void bind_results(sqlite3_stmt *statement, int at, uint64_t requests, uint64_t errors,
			 uint64_t latency_us_sum)
{
	sqlite3_bind_int64(statement, at, (sqlite3_int64)requests);
	sqlite3_bind_int64(statement, at + 1, (sqlite3_int64)errors);
	sqlite3_bind_int64(statement, at + 2, (sqlite3_int64)latency_us_sum);
}

/* What the file said before; zeroes for a new line. */
static void read_totals(struct history *history, const struct registry_version *version,
			uint64_t ret[3])
{
	sqlite3_stmt *statement = history->prepared[OLD_TOTALS];

	memset(ret, 0, 3 * sizeof(*ret));
	bind_key(statement, 1, 2, version);
	if (sqlite3_step(statement) == SQLITE_ROW)
		for (int i = 0; i < 3; i++)
			ret[i] = (uint64_t)sqlite3_column_int64(statement, i);
	sqlite3_reset(statement);
}

static int add_sample(struct history *history, const struct registry_version *version,
		      const uint64_t before[3], int64_t unix_s)
{
	sqlite3_stmt *statement = history->prepared[ADD_SAMPLE];

	if (version->requests <= before[0])
		return 0; /* nothing was seen of it */
	sqlite3_bind_text(statement, 1, version->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, unix_s - unix_s % MINUTE_S);
	sqlite3_bind_int(statement, 3, MINUTE_S);
	bind_key(statement, 4, 5, version);
	bind_results(statement, 6, version->requests - before[0], version->errors - before[1],
		     version->latency_us_sum - before[2]);
	return step_once(statement);
}

static int put_version(struct history *history, const struct registry_version *version,
		       int64_t unix_s)
{
	sqlite3_stmt *statement = history->prepared[PUT_VERSION];
	uint64_t before[3];
	int r;

	read_totals(history, version, before);
	r = add_sample(history, version, before, unix_s);
	if (r)
		return r;
	bind_key(statement, 1, 3, version);
	sqlite3_bind_text(statement, 2, version->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 4, version->version_text, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 5, version->first_unix_s);
	sqlite3_bind_int64(statement, 6, version->is_current ? unix_s : version->last_unix_s);
	bind_results(statement, 7, version->requests, version->errors, version->latency_us_sum);
	return step_once(statement);
}

int history_write(struct history *history, const struct registry *registry, int64_t unix_s)
{
	const struct registry_version *version;
	int r;

	if (!unix_s)
		return 0;
	r = run(history, "BEGIN IMMEDIATE");
	for (size_t i = 0; !r && (version = registry_version_at(registry, i)); i++)
		r = put_version(history, version, unix_s);
	if (!r)
		r = run(history, "COMMIT");
	if (r)
		run(history, "ROLLBACK");
	return r;
}

/* ---- samples ------------------------------------------------------------- */

int history_thin(struct history *history, int64_t unix_s)
{
	char sql[2048];
	int r;

	if (!unix_s)
		return 0;
	snprintf(sql, sizeof(sql),
		 "BEGIN IMMEDIATE;"
		 "INSERT INTO sample SELECT name, at_s - at_s %% %d, %d, hub, digest,"
		 " sum(requests), sum(errors), sum(latency_sum) FROM sample"
		 " WHERE span_s=%d AND at_s<%lld GROUP BY 1, 2, 4, 5"
		 " ON CONFLICT DO UPDATE SET requests=requests+excluded.requests,"
		 " errors=errors+excluded.errors, latency_sum=latency_sum+excluded.latency_sum;"
		 "DELETE FROM sample WHERE span_s=%d AND at_s<%lld;"
		 "DELETE FROM sample WHERE at_s<%lld;"
		 "DELETE FROM sample WHERE at_s<=(SELECT at_s FROM sample ORDER BY at_s DESC"
		 " LIMIT 1 OFFSET %d);"
		 "DELETE FROM version WHERE (hub, digest) IN (SELECT hub, digest FROM version"
		 " ORDER BY last_s DESC LIMIT -1 OFFSET %d);"
		 "DELETE FROM sample WHERE (hub, digest) NOT IN (SELECT hub, digest FROM version);"
		 "COMMIT;",
		 HOUR_S, HOUR_S, MINUTE_S, (long long)(unix_s - HISTORY_MINUTES_S), MINUTE_S,
		 (long long)(unix_s - HISTORY_MINUTES_S), (long long)(unix_s - HISTORY_HOURS_S),
		 HISTORY_SAMPLES_MAX, HISTORY_VERSIONS_MAX);
	r = run(history, sql);
	if (r)
		run(history, "ROLLBACK");
	return r;
}

int history_samples(struct history *history, const char *name, unsigned int max,
		    history_sample_fn fn, void *arg)
{
	sqlite3_stmt *statement = history->prepared[GET_SAMPLES];
	int n = 0, r;

	sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, max);
	while ((r = sqlite3_step(statement)) == SQLITE_ROW) {
		struct history_sample sample = {
			.version_text = (const char *)sqlite3_column_text(statement, 1),
			.unix_s = sqlite3_column_int64(statement, 2),
			.span_s = (uint32_t)sqlite3_column_int(statement, 3),
			.requests = (uint64_t)sqlite3_column_int64(statement, 4),
			.errors = (uint64_t)sqlite3_column_int64(statement, 5),
			.latency_us_sum = (uint64_t)sqlite3_column_int64(statement, 6),
		};

		if (sqlite3_column_bytes(statement, 0) != HUB_ID_LEN || !sample.version_text)
			continue;
		memcpy(sample.hub.b, sqlite3_column_blob(statement, 0), HUB_ID_LEN);
		fn(&sample, arg);
		n++;
	}
	sqlite3_reset(statement);
	return r == SQLITE_DONE ? n : -EIO;
}
