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

#include "daemon/lib/cleanup.h"
#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"

#define FILE_NAME "history.db"
#define PATH_SIZE 64 /* of the file, through the descriptor of its directory */
#define VFS_NAME_SIZE 32
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
	"CREATE TABLE IF NOT EXISTS ruling ("
	" number INTEGER PRIMARY KEY, service TEXT NOT NULL, version TEXT NOT NULL, code BLOB,"
	" kind INTEGER NOT NULL, reason INTEGER NOT NULL, against TEXT NOT NULL,"
	" old_n INTEGER NOT NULL, old_bad INTEGER NOT NULL,"
	" new_n INTEGER NOT NULL, new_bad INTEGER NOT NULL,"
	" evidence_centi INTEGER NOT NULL, at_s INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS wish ("
	" service TEXT PRIMARY KEY, pin TEXT NOT NULL, canary TEXT NOT NULL,"
	" permille INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS sample_age ON sample (span_s, at_s);"
	"PRAGMA user_version=" STRINGIFY(HISTORY_SCHEMA) ";"
							 "COMMIT;";

enum statement {
	PUT_VERSION,
	ADD_SAMPLE,
	GET_VERSIONS,
	GET_SAMPLES,
	OLD_TOTALS,
	PUT_RULING,
	PUT_WISH,
	GET_RULINGS,
	GET_WISHES,
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
	[PUT_RULING] = "INSERT INTO ruling VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)",
	[PUT_WISH] = "INSERT INTO wish VALUES (?1,?2,?3,?4)",
	[GET_RULINGS] = "SELECT * FROM ruling ORDER BY number",
	[GET_WISHES] = "SELECT * FROM wish ORDER BY service",
};

_Static_assert(ARRAY_SIZE(statements) == __STATEMENT_END, "every one has its text");

/**
 * struct history - a file and its directory
 * @db: the file, NULL it is not open
 * @prepared: by enum statement
 * @dir: path of the directory, for messages
 * @dir_fd: the directory
 * @path: of the file through @dir_fd: who runs us now may not come to it by its name
 * @vfs: SQLite's own, but takes @path as it is
 * @vfs_name: of @vfs
 */
struct history {
	sqlite3 *db;
	sqlite3_stmt *prepared[__STATEMENT_END];
	char *dir;
	int dir_fd;
	char path[PATH_SIZE];
	sqlite3_vfs vfs;
	char vfs_name[VFS_NAME_SIZE];
};

#define ERROR_MAX 512

static _Thread_local char error_buffer[ERROR_MAX];

static int fail(const char **error_text, int error, const char *dir, const char *what)
{
	snprintf(error_buffer, sizeof(error_buffer), "%s/" FILE_NAME ": %s", dir, what);
	*error_text = error_buffer;
	return error;
}

/* Of the last call of SQLite. */
static int error_of(const struct history *history)
{
	switch (sqlite3_errcode(history->db)) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* tables are not as they should be */
		return -EBADMSG;
	default:
		return -EIO;
	}
}

static int run(struct history *history, const char *sql)
{
	return sqlite3_exec(history->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0
									     : error_of(history);
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

/* A file that was cut short opens well, and fails when what is missing is read. */
static bool is_sound(struct history *history)
{
	sqlite3_stmt *statement = NULL;
	bool is_ok = false;

	if (sqlite3_prepare_v2(history->db, "PRAGMA quick_check(1)", -1, &statement, NULL) ==
		    SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		is_ok = strcmp((const char *)sqlite3_column_text(statement, 0) ?: "", "ok") == 0;
	sqlite3_finalize(statement);
	return is_ok;
}

static int prepare(struct history *history)
{
	for (size_t i = 0; i < __STATEMENT_END; i++)
		if (sqlite3_prepare_v3(history->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &history->prepared[i], NULL) != SQLITE_OK)
			return error_of(history);
	return 0;
}

/*
 * A file of our schema is not written to: what it says is in force on a full disk, too.
 * Return: 0; -EPROTO of a later schema; -EBADMSG broken; other -errno cannot be read or written now.
 */
static int open_db(struct history *history)
{
	int64_t version = 0;
	int r;

	if (sqlite3_open_v2(history->path, &history->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
			    history->vfs_name) != SQLITE_OK)
		return error_of(history);
	r = run(history, pragmas);
	if (!r && read_number(history, "PRAGMA user_version", &version))
		r = error_of(history);
	if (r)
		return r;
	if (version > HISTORY_SCHEMA)
		return -EPROTO;
	if (!is_sound(history))
		return sqlite3_errcode(history->db) == SQLITE_OK ? -EBADMSG : error_of(history);
	if (version < HISTORY_SCHEMA)
		r = run(history, schema);
	return r ? r : prepare(history);
}

/* SQLite would look for the directory by its name again. */
static int keep_path(sqlite3_vfs *vfs, const char *path, int size, char *ret)
{
	return snprintf(ret, (size_t)size, "%s", path) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int register_vfs(struct history *history)
{
	sqlite3_initialize();
	history->vfs = *sqlite3_vfs_find(NULL);
	snprintf(history->vfs_name, sizeof(history->vfs_name), "history-%d", history->dir_fd);
	history->vfs.zName = history->vfs_name;
	history->vfs.xFullPathname = keep_path;
	return sqlite3_vfs_register(&history->vfs, 0) == SQLITE_OK ? 0 : -ENOMEM;
}

int history_new(const char *dir, struct history **ret, const char **error_text)
{
	_cleanup_close_ int fd = -1;
	struct history *history;
	int r = 0;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return fail(error_text, -errno, dir, strerror(errno));
	fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return fail(error_text, -errno, dir, strerror(errno));
	history = xnew(struct history);
	history->dir = xstrdup(dir);
	history->dir_fd = steal_fd(&fd);
	snprintf(history->path, sizeof(history->path), "/proc/self/fd/%d/" FILE_NAME,
		 history->dir_fd);
	r = register_vfs(history);
	if (r) {
		history_close(history);
		return fail(error_text, r, dir, "SQLite cannot be used");
	}
	*ret = history;
	return 0;
}

int history_open(struct history *history, const char **error_text)
{
	static const char aside[] = FILE_NAME ".broken";
	char what[ERROR_MAX / 2];
	struct stat st;
	int r;

	close_db(history);
	if (fstat(history->dir_fd, &st) == 0 && !st.st_nlink)
		return fail(error_text, -ESTALE, history->dir, "the directory was deleted");
	r = open_db(history);
	if (r == -EBADMSG) { /* what it knew is lost; what the mesh does goes on */
		close_db(history);
		if (renameat(history->dir_fd, FILE_NAME, history->dir_fd, aside) == 0) {
			log_error(LOG_LOCAL_CLASS, "event=history-broken aside=%s/%s", history->dir,
				  aside);
			r = open_db(history);
		}
	}
	if (!r)
		return 0;
	if (r == -EPROTO)
		snprintf(what, sizeof(what), "written by a later meshd");
	else if (r == -EBADMSG)
		snprintf(what, sizeof(what), "damaged, and cannot be put aside as %s", aside);
	else
		snprintf(what, sizeof(what), "cannot be opened or written: %s",
			 history->db ? sqlite3_errmsg(history->db) : strerror(-r));
	close_db(history);
	return fail(error_text, r, history->dir, what);
}

static bool has_moved(struct history *history)
{
	int is_so = 0;

	return sqlite3_file_control(history->db, "main", SQLITE_FCNTL_HAS_MOVED, &is_so) ==
		       SQLITE_OK &&
	       is_so;
}

bool history_is_open(struct history *history)
{
	if (history->db && has_moved(history))
		close_db(history);
	return history->db;
}

bool history_is_read_only(const struct history *history)
{
	return history->db && sqlite3_db_readonly(history->db, "main") == 1;
}

void history_close(struct history *history)
{
	if (!history)
		return;
	close_db(history);
	sqlite3_vfs_unregister(&history->vfs);
	close(history->dir_fd);
	free(history->dir);
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

/* ---- steps --------------------------------------------------------------- */

static int step_once(struct history *history, sqlite3_stmt *statement)
{
	int r = sqlite3_step(statement) == SQLITE_DONE ? 0 : error_of(history);

	sqlite3_reset(statement);
	return r;
}

/* The last row was read: was it the last one?  A file that is broken is closed, to be opened anew. */
static int end_of_rows(struct history *history, sqlite3_stmt *statement, int step)
{
	int r = step == SQLITE_DONE ? 0 : error_of(history);

	sqlite3_reset(statement);
	if (r == -EBADMSG)
		close_db(history);
	return r;
}

/* Likewise. */
static int end_transaction(struct history *history, int r)
{
	if (!r)
		r = run(history, "COMMIT");
	if (r)
		run(history, "ROLLBACK");
	if (r == -EBADMSG)
		close_db(history);
	return r;
}

/* ---- versions ------------------------------------------------------------ */

/* Whole numbers that count, and of @n not more than that are bad. */
static bool are_counts(int64_t n, int64_t bad, int64_t sum)
{
	return n >= 0 && bad >= 0 && bad <= n && sum >= 0;
}

static bool read_version(sqlite3_stmt *row, struct registry_version *ret)
{
	const char *name = (const char *)sqlite3_column_text(row, 1);
	const char *version = (const char *)sqlite3_column_text(row, 3);
	struct semver parsed;

	if (sqlite3_column_bytes(row, 0) != HUB_ID_LEN ||
	    sqlite3_column_bytes(row, 2) != SHA256_LEN || !name || !version ||
	    !manifest_name_is_valid(name) || strlen(version) > SEMVER_TEXT_MAX ||
	    semver_parse(version, &parsed) ||
	    !are_counts(sqlite3_column_int64(row, 6), sqlite3_column_int64(row, 7),
			sqlite3_column_int64(row, 8)))
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

	if (!history->db)
		return -ENODEV;
	sqlite3_bind_int(statement, 1, REGISTRY_VERSIONS_MAX);
	while ((r = sqlite3_step(statement)) == SQLITE_ROW) {
		if (!read_version(statement, &version))
			continue;
		fn(arg, &version);
		n++;
	}
	r = end_of_rows(history, statement, r);
	return r ? r : n;
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

	if (version->requests <= before[0] || version->errors < before[1] ||
	    version->latency_us_sum < before[2])
		return 0; /* nothing was seen of it, or the file tells of more than there was */
	sqlite3_bind_text(statement, 1, version->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, unix_s - unix_s % MINUTE_S);
	sqlite3_bind_int(statement, 3, MINUTE_S);
	bind_key(statement, 4, 5, version);
	bind_results(statement, 6, version->requests - before[0], version->errors - before[1],
		     version->latency_us_sum - before[2]);
	return step_once(history, statement);
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
	return step_once(history, statement);
}

int history_write(struct history *history, const struct registry *registry, int64_t unix_s)
{
	const struct registry_version *version;
	int r;

	if (!history->db)
		return -ENODEV;
	if (!unix_s)
		return 0;
	r = run(history, "BEGIN IMMEDIATE");
	for (size_t i = 0; !r && (version = registry_version_at(registry, i)); i++)
		r = put_version(history, version, unix_s);
	return end_transaction(history, r);
}

/* ---- rulings ------------------------------------------------------------- */

static int put_ruling(struct history *history, size_t number, const struct versions_ruling *ruling)
{
	sqlite3_stmt *statement = history->prepared[PUT_RULING];
	const int64_t numbers[] = {ruling->old.n,   ruling->old.bad,	    ruling->new.n,
				   ruling->new.bad, ruling->evidence_centi, ruling->unix_s};

	sqlite3_clear_bindings(statement);
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)number);
	sqlite3_bind_text(statement, 2, ruling->id.service, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 3, ruling->id.version_text, -1, SQLITE_STATIC);
	if (ruling->id.has_code)
		sqlite3_bind_blob(statement, 4, ruling->id.code, SHA256_LEN, SQLITE_STATIC);
	sqlite3_bind_int(statement, 5, ruling->kind);
	sqlite3_bind_int(statement, 6, ruling->reason);
	sqlite3_bind_text(statement, 7, ruling->against, -1, SQLITE_STATIC);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sqlite3_bind_int64(statement, (int)i + 8, numbers[i]);
	return step_once(history, statement);
}

static int put_wish(struct history *history, const struct versions_wish *wish)
{
	sqlite3_stmt *statement = history->prepared[PUT_WISH];

	sqlite3_bind_text(statement, 1, wish->service, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 2, wish->pin, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 3, wish->canary, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 4, wish->permille);
	return step_once(history, statement);
}

int history_write_rulings(struct history *history, const struct versions *versions)
{
	const struct versions_ruling *ruling;
	const struct versions_wish *wish;
	int r;

	if (!history->db)
		return -ENODEV;
	r = run(history, "BEGIN IMMEDIATE; DELETE FROM ruling; DELETE FROM wish");
	for (size_t i = 0; !r && (ruling = versions_ruling_at(versions, i)); i++)
		r = put_ruling(history, i, ruling);
	for (size_t i = 0; !r && (wish = versions_wish_at(versions, i)); i++)
		r = put_wish(history, wish);
	return end_transaction(history, r);
}

/* Return: false: no text, or too long for @size. */
static bool read_text(sqlite3_stmt *row, int column, char *ret, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	if (!text || strlen(text) >= size)
		return false;
	memcpy(ret, text, strlen(text) + 1);
	return true;
}

static bool read_ruling(sqlite3_stmt *row, struct versions_ruling *ret)
{
	struct versions_ruling ruling = {
		.kind = (uint8_t)sqlite3_column_int(row, 4),
		.reason = (uint8_t)sqlite3_column_int(row, 5),
		.old = {(uint32_t)sqlite3_column_int64(row, 7),
			(uint32_t)sqlite3_column_int64(row, 8)},
		.new = {(uint32_t)sqlite3_column_int64(row, 9),
			(uint32_t)sqlite3_column_int64(row, 10)},
		.evidence_centi = sqlite3_column_int(row, 11),
		.unix_s = sqlite3_column_int64(row, 12),
	};
	int code = sqlite3_column_bytes(row, 3);
	struct semver parsed;

	ruling.id.has_code = code == SHA256_LEN;
	if (ruling.id.has_code)
		memcpy(ruling.id.code, sqlite3_column_blob(row, 3), SHA256_LEN);
	if ((code && code != SHA256_LEN) || ruling.kind >= __VERSIONS_KIND_END ||
	    ruling.reason >= __VERSIONS_REASON_END || ruling.old.bad > ruling.old.n ||
	    ruling.new.bad > ruling.new.n ||
	    !read_text(row, 1, ruling.id.service, sizeof(ruling.id.service)) ||
	    !read_text(row, 2, ruling.id.version_text, sizeof(ruling.id.version_text)) ||
	    !read_text(row, 6, ruling.against, sizeof(ruling.against)) ||
	    !manifest_name_is_valid(ruling.id.service) ||
	    semver_parse(ruling.id.version_text, &parsed))
		return false;
	*ret = ruling;
	return true;
}

static bool read_wish(sqlite3_stmt *row, struct versions_wish *ret)
{
	struct versions_wish wish = {.permille = (uint32_t)sqlite3_column_int64(row, 3)};
	struct semver parsed;

	if (!read_text(row, 0, wish.service, sizeof(wish.service)) ||
	    !read_text(row, 1, wish.pin, sizeof(wish.pin)) ||
	    !read_text(row, 2, wish.canary, sizeof(wish.canary)) ||
	    wish.permille > VERSIONS_PERMILLE || !manifest_name_is_valid(wish.service) ||
	    (wish.pin[0] && !versions_pin_is_valid(wish.pin)) ||
	    (wish.canary[0] && semver_parse(wish.canary, &parsed)))
		return false;
	*ret = wish;
	return true;
}

int history_restore_rulings(struct history *history, history_ruling_fn on_ruling,
			    history_wish_fn on_wish, void *arg)
{
	sqlite3_stmt *rulings = history->prepared[GET_RULINGS];
	sqlite3_stmt *wishes = history->prepared[GET_WISHES];
	struct versions_ruling ruling;
	struct versions_wish wish;
	int r;

	if (!history->db)
		return -ENODEV;
	while ((r = sqlite3_step(rulings)) == SQLITE_ROW)
		if (read_ruling(rulings, &ruling))
			on_ruling(arg, &ruling);
	r = end_of_rows(history, rulings, r);
	if (r)
		return r;
	while ((r = sqlite3_step(wishes)) == SQLITE_ROW)
		if (read_wish(wishes, &wish))
			on_wish(arg, &wish);
	return end_of_rows(history, wishes, r);
}

/* ---- samples ------------------------------------------------------------- */

/*
 * Before what time samples are too old, and not more than HISTORY_THIN_S behind the oldest of them.
 * None: far in the past.
 */
static int find_limit(struct history *history, const char *oldest_sql, int64_t too_old_s,
		      int64_t *ret)
{
	int64_t oldest_s = 0;

	if (read_number(history, oldest_sql, &oldest_s))
		return error_of(history);
	*ret = oldest_s < too_old_s - HISTORY_THIN_S ? oldest_s + HISTORY_THIN_S : too_old_s;
	return 0;
}

int history_thin(struct history *history, int64_t unix_s)
{
	int64_t minutes_s = 0, hours_s = 0;
	char sql[2048];
	int r;

	if (!history->db)
		return -ENODEV;
	if (!unix_s)
		return 0;
	r = find_limit(history, "SELECT min(at_s) FROM sample WHERE span_s=" STRINGIFY(MINUTE_S),
		       unix_s - HISTORY_MINUTES_S, &minutes_s);
	if (!r)
		r = find_limit(history, "SELECT min(at_s) FROM sample", unix_s - HISTORY_HOURS_S,
			       &hours_s);
	if (r)
		return end_transaction(history, r);
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
		 "DELETE FROM sample WHERE (hub, digest) NOT IN (SELECT hub, digest FROM version);",
		 HOUR_S, HOUR_S, MINUTE_S, (long long)minutes_s, MINUTE_S, (long long)minutes_s,
		 (long long)hours_s, HISTORY_SAMPLES_MAX, HISTORY_VERSIONS_MAX);
	return end_transaction(history, run(history, sql));
}

int history_samples(struct history *history, const char *name, unsigned int max,
		    history_sample_fn fn, void *arg)
{
	sqlite3_stmt *statement = history->prepared[GET_SAMPLES];
	int n = 0, r;

	if (!history->db)
		return -ENODEV;
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

		if (sqlite3_column_bytes(statement, 0) != HUB_ID_LEN || !sample.version_text ||
		    !are_counts((int64_t)sample.requests, (int64_t)sample.errors,
				(int64_t)sample.latency_us_sum))
			continue;
		memcpy(sample.hub.b, sqlite3_column_blob(statement, 0), HUB_ID_LEN);
		fn(&sample, arg);
		n++;
	}
	r = end_of_rows(history, statement, r);
	return r ? r : n;
}
