// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: history in SQLite: what is written comes back, thinner with time and bounded
 */
#include "selftests/unit/samples.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "daemon/lib/memory.h"
#include "daemon/store/history.h"

#define START_S (1800000000 - 1800000000 % 3600)

struct fixture {
	char dir[64];
	struct history *history;
	struct registry *registry;
	struct registry_version version;
};

static void open_history(struct fixture *f)
{
	const char *error_text = "";

	if (history_new(f->dir, &f->history, &error_text) || history_open(f->history, &error_text))
		fail_msg("%s", error_text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/test_history.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->registry = registry_new();
	f->version = (struct registry_version){.hub = {{2, 1}},
					       .name = "speech",
					       .version_text = "1.0.0",
					       .first_unix_s = START_S};
	f->version.digest[0] = 0x77;
	open_history(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	history_close(f->history);
	registry_free(f->registry);
	snprintf(command, sizeof(command), "rm -r %s", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* The version's totals are now these. */
static void write_totals(struct fixture *f, int64_t unix_s, uint64_t requests, uint64_t errors,
			 uint64_t latency_us_sum)
{
	registry_free(f->registry);
	f->registry = registry_new();
	f->version.requests = requests;
	f->version.errors = errors;
	f->version.latency_us_sum = latency_us_sum;
	assert_true(registry_restore_version(f->registry, &f->version));
	assert_int_equal(history_write(f->history, f->registry, unix_s), 0);
}

struct seen {
	int n;
	struct history_sample first, last;
};

static void on_sample(const struct history_sample *sample, void *arg)
{
	struct seen *seen = arg;

	if (!seen->n++)
		seen->first = *sample;
	seen->last = *sample;
}

static struct seen samples(struct fixture *f)
{
	struct seen seen = {0};
	int n;

	n = history_samples(f->history, "speech", 1000, on_sample, &seen);
	assert_int_equal(n, seen.n);
	return seen;
}

static void restore(void *arg, const struct registry_version *version)
{
	assert_true(registry_restore_version(arg, version));
}

static void versions_come_back_after_a_restart(void **state)
{
	struct fixture *f = *state;
	const struct registry_version *back;

	write_totals(f, START_S, 10, 2, 800);
	history_close(f->history);
	open_history(f);
	registry_free(f->registry);
	f->registry = registry_new();
	assert_int_equal(history_restore(f->history, restore, f->registry), 1);
	back = registry_version_at(f->registry, 0);
	assert_string_equal(back->name, "speech");
	assert_true(back->requests == 10 && back->errors == 2 && back->latency_us_sum == 800 &&
		    back->first_unix_s == START_S && !back->is_current);
}

static void samples_hold_what_came_since_the_last(void **state)
{
	struct fixture *f = *state;
	struct seen seen;

	write_totals(f, START_S, 10, 2, 800);
	write_totals(f, START_S + 30, 15, 2, 1300); /* same minute */
	write_totals(f, START_S + 60, 16, 3, 1300);
	write_totals(f, START_S + 120, 16, 3, 1300); /* nothing happened */
	seen = samples(f);
	assert_int_equal(seen.n, 2);
	assert_true(seen.first.unix_s == START_S + 60 && seen.first.requests == 1 &&
		    seen.first.errors == 1 && seen.first.span_s == 60);
	assert_true(seen.last.requests == 15 && seen.last.latency_us_sum == 1300);
}

static void old_minutes_become_hours_and_old_hours_go(void **state)
{
	struct fixture *f = *state;
	int64_t now = START_S + HISTORY_MINUTES_S + 2 * 3600;
	struct seen seen;

	for (int i = 0; i < 60; i++)
		write_totals(f, START_S + 60 * i, (uint64_t)i + 1, 0, 100 * ((uint64_t)i + 1));
	write_totals(f, now, 70, 0, 7000);
	assert_int_equal(samples(f).n, 61);
	assert_int_equal(history_thin(f->history, now), 0);
	assert_int_equal(history_thin(f->history, now), 0);
	seen = samples(f);
	assert_int_equal(seen.n, 2);
	assert_true(seen.last.span_s == 3600 && seen.last.requests == 60 &&
		    seen.last.latency_us_sum == 6000 && seen.last.unix_s == START_S);
	assert_int_equal(history_thin(f->history, START_S + HISTORY_HOURS_S + 3601), 0);
	assert_int_equal(samples(f).n, 1);
}

static void without_a_clock_nothing_is_written(void **state)
{
	struct fixture *f = *state;

	write_totals(f, 0, 10, 2, 800);
	assert_int_equal(samples(f).n, 0);
	assert_int_equal(history_thin(f->history, 0), 0);
}

static void broken_file_is_put_aside(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct stat st;
	FILE *file;

	history_close(f->history);
	snprintf(path, sizeof(path), "%s/history.db", f->dir);
	file = fopen(path, "w");
	for (int i = 0; i < 1000; i++)
		fputs("this is no database\n", file);
	fclose(file);
	open_history(f);
	write_totals(f, START_S, 10, 2, 800);
	assert_int_equal(samples(f).n, 1);
	strcat(path, ".broken");
	assert_int_equal(stat(path, &st), 0);
}

static void file_that_is_damaged_inside_is_put_aside(void **state)
{
	static const char garbage[4096] = {[0] = 0x55, [99] = 0x55};
	struct fixture *f = *state;
	char path[128];
	struct stat st;
	FILE *file;

	for (uint8_t i = 0; i < 200; i++) {
		f->version.digest[1] = i;
		write_totals(f, START_S + 60 * i, 10, 2, 800);
	}
	history_close(f->history);
	snprintf(path, sizeof(path), "%s/history.db", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 8 * (long)sizeof(garbage));
	file = fopen(path, "r+");
	for (long at = st.st_size / 2; at < st.st_size; at += (long)sizeof(garbage)) {
		fseek(file, at, SEEK_SET);
		fwrite(garbage, 1, sizeof(garbage), file);
	}
	fclose(file);
	open_history(f);
	f->version.digest[1] = 0;
	write_totals(f, START_S, 10, 2, 800);
	assert_int_equal(samples(f).n, 1);
	strcat(path, ".broken");
	assert_int_equal(stat(path, &st), 0);
}

static void other_tables_are_put_aside(void **state)
{
	struct fixture *f = *state;
	char path[128];
	sqlite3 *db;

	history_close(f->history);
	snprintf(path, sizeof(path), "%s/history.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "DROP TABLE version; CREATE TABLE version (x)", NULL,
				      NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	open_history(f);
	write_totals(f, START_S, 10, 2, 800);
	assert_int_equal(samples(f).n, 1);
}

/* A disk without room: what was ruled is in force all the same, and nothing is put aside. */
static void file_that_cannot_be_written_is_read_and_kept(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, none;
	int restored, written;
	char path[128];
	struct stat st;

	write_totals(f, START_S, 10, 2, 800);
	history_close(f->history);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	open_history(f);
	registry_free(f->registry);
	f->registry = registry_new();
	restored = history_restore(f->history, restore, f->registry);
	f->version.requests = 20;
	f->version.digest[1] = 9;
	registry_restore_version(f->registry, &f->version);
	written = history_write(f->history, f->registry, START_S + 60);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(restored, 1);
	assert_true(written < 0);
	assert_int_equal(history_write(f->history, f->registry, START_S + 120), 0);
	assert_int_equal(samples(f).n, 2);
	snprintf(path, sizeof(path), "%s/history.db.broken", f->dir);
	assert_int_not_equal(stat(path, &st), 0);
}

static void file_of_a_later_schema_is_left_alone(void **state)
{
	struct fixture *f = *state;
	const char *error_text = "";
	struct history *other = NULL;
	char path[128];
	uint8_t version[4] = {0, 0, 0, HISTORY_SCHEMA + 1};
	FILE *file;

	history_close(f->history);
	snprintf(path, sizeof(path), "%s/history.db", f->dir);
	file = fopen(path, "r+");
	fseek(file, 60, SEEK_SET); /* user_version, sqlite.org/fileformat.html */
	fwrite(version, 1, sizeof(version), file);
	fclose(file);
	assert_int_equal(history_new(f->dir, &other, &error_text), 0);
	assert_int_equal(history_open(other, &error_text), -EPROTO);
	assert_non_null(strstr(error_text, "later meshd"));
	assert_false(history_is_open(other));
	f->history = other;
}

struct restored {
	struct versions_ruling rulings[4];
	struct versions_wish wishes[4];
	int n_rulings, n_wishes;
};

static void on_ruling(void *arg, const struct versions_ruling *ruling)
{
	struct restored *restored = arg;

	restored->rulings[restored->n_rulings++] = *ruling;
}

static void on_wish(void *arg, const struct versions_wish *wish)
{
	struct restored *restored = arg;

	restored->wishes[restored->n_wishes++] = *wish;
}

static void rulings_and_wishes_come_back_in_their_order(void **state)
{
	struct fixture *f = *state;
	struct versions *versions = versions_new();
	struct versions_ruling ruling = {.id = {.service = "speech", .version_text = "1.1.0"},
					 .kind = VERSIONS_ROLLED_BACK,
					 .reason = VERSIONS_BY_ERRORS,
					 .against = "1.0.0",
					 .old = {1000, 10},
					 .new = {60, 20},
					 .evidence_centi = 411,
					 .unix_s = START_S};
	struct versions_wish wish = {
		.service = "speech", .pin = "1.0.0", .canary = "1.1.0", .permille = 50};
	struct restored restored = {0};

	versions_rule(versions, &ruling);
	ruling.id.has_code = true;
	ruling.id.code[31] = 7;
	ruling.kind = VERSIONS_ACCEPTED;
	versions_rule(versions, &ruling);
	assert_int_equal(versions_wish_set(versions, &wish), 0);
	assert_int_equal(history_write_rulings(f->history, versions), 0);
	assert_int_equal(history_write_rulings(f->history, versions), 0); /* replaces */
	history_close(f->history);
	open_history(f);
	assert_int_equal(history_restore_rulings(f->history, on_ruling, on_wish, &restored), 0);
	assert_int_equal(restored.n_rulings, 2);
	assert_int_equal(restored.n_wishes, 1);
	for (int i = 0; i < 2; i++)
		assert_memory_equal(&restored.rulings[i], versions_ruling_at(versions, (size_t)i),
				    sizeof(ruling));
	assert_string_equal(restored.wishes[0].pin, "1.0.0");
	assert_string_equal(restored.wishes[0].canary, "1.1.0");
	assert_int_equal(restored.wishes[0].permille, 50);
	versions_clear(versions, "speech", NULL);
	wish.pin[0] = wish.canary[0] = '\0';
	versions_wish_set(versions, &wish);
	assert_int_equal(history_write_rulings(f->history, versions), 0);
	restored = (struct restored){0};
	assert_int_equal(history_restore_rulings(f->history, on_ruling, on_wish, &restored), 0);
	assert_int_equal(restored.n_rulings + restored.n_wishes, 0);
	versions_free(versions);
}

#define DIGEST "x'7700000000000000000000000000000000000000000000000000000000000000'"

static void rows_that_make_no_sense_are_left_out(void **state)
{
	static const char *const rows[] = {
		"INSERT INTO ruling VALUES (0,'s','1.0.0',x'00',1,1,'',1,0,1,0,0,0)",
		"INSERT INTO ruling VALUES (1,'s','1.0.0',NULL,9,1,'',1,0,1,0,0,0)",
		"INSERT INTO ruling VALUES (2,'s','1.0.0',NULL,1,9,'',1,0,1,0,0,0)",
		"INSERT INTO ruling VALUES (3,'s','1.0.0',NULL,1,1,'',1,2,1,0,0,0)",
		"INSERT INTO ruling VALUES (4,'s',printf('%99d', 1),NULL,1,1,'',1,0,1,0,0,0)",
		"INSERT INTO wish VALUES ('s',printf('%99d', 1),'',0)",
		"INSERT INTO wish VALUES ('t','','1.0.0',1001)",
		"INSERT INTO wish VALUES ('v','latest','',0)",
		"INSERT INTO wish VALUES ('w','','latest',5)",
		"INSERT INTO wish VALUES ('no name','1.0.0','',0)",
		"INSERT INTO wish VALUES ('u','1.0.0','',0)",
		"INSERT INTO ruling VALUES (5,'no name','1.0.0',NULL,1,1,'',1,0,1,0,0,0)",
		"INSERT INTO ruling VALUES (6,'s','latest',NULL,1,1,'',1,0,1,0,0,0)",
		"INSERT INTO version VALUES (x'020100000000','no name'," DIGEST
		",'1.0.0',1,1,1,0,0)",
		"INSERT INTO version VALUES (x'020200000000','s'," DIGEST ",'latest',1,1,1,0,0)",
		"INSERT INTO version VALUES (x'020300000000','s'," DIGEST ",'1.0.0',1,1,1,2,0)",
		"INSERT INTO version VALUES (x'020400000000','s'," DIGEST ",'1.0.0',1,1,-1,0,0)",
		"INSERT INTO version VALUES (x'0205','s'," DIGEST ",'1.0.0',1,1,1,0,0)",
		"INSERT INTO version VALUES (x'020600000000','s'," DIGEST ",'1.0.0',1,1,1,0,0)",
	};
	struct fixture *f = *state;
	struct restored restored = {0};
	char path[128];
	sqlite3 *db;

	history_close(f->history);
	snprintf(path, sizeof(path), "%s/history.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(sqlite3_exec(db, rows[i], NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	open_history(f);
	assert_int_equal(history_restore_rulings(f->history, on_ruling, on_wish, &restored), 0);
	assert_int_equal(restored.n_rulings, 0);
	assert_int_equal(restored.n_wishes, 1);
	assert_string_equal(restored.wishes[0].service, "u");
	assert_int_equal(history_restore(f->history, restore, f->registry), 1);
}

/* A month of hours, and a clock that is ten years ahead for three hours. */
static void clock_that_jumps_takes_as_many_samples_as_time_passes(void **state)
{
	struct fixture *f = *state;
	int64_t years = 10LL * 365 * 86400;
	struct seen seen;
	int i;

	for (i = 0; i < 700; i++)
		write_totals(f, START_S + 3600LL * i, (uint64_t)i + 1, 0, 100);
	for (int call = 0; call < 3; call++)
		assert_int_equal(history_thin(f->history, START_S + years + 3600LL * call), 0);
	seen = samples(f);
	assert_in_range(seen.n, 700 - 3 * 3, 700);
	assert_int_equal(seen.first.unix_s, START_S + 3600LL * 699);
	/* The clock is right again: nothing more is too old. */
	i = seen.n;
	assert_int_equal(history_thin(f->history, START_S + 3600LL * 700), 0);
	assert_int_equal(samples(f).n, i);
}

static void after_a_long_rest_what_is_too_old_goes_little_by_little(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 48; i++)
		write_totals(f, START_S + 3600LL * i, (uint64_t)i + 1, 0, 100);
	for (int call = 0; call < 48; call++)
		assert_int_equal(history_thin(f->history, START_S + 2LL * HISTORY_HOURS_S), 0);
	assert_int_equal(samples(f).n, 0);
}

static void numbers_at_the_ends_are_no_reason_to_fall(void **state)
{
	static const char *const rows[] = {
		"INSERT INTO sample VALUES "
		"('speech',9223372036854775807,60,x'020100000000',x'77',1,0,1)",
		"INSERT INTO sample VALUES "
		"('speech',-9223372036854775808,60,x'020100000000',x'78',1,0,1)",
		"INSERT INTO sample VALUES ('speech','yesterday',60,x'020100000000',x'79',1,0,1)",
		"INSERT INTO sample VALUES ('speech',x'00',3600,'me','you',1.5,'0',-1)",
	};
	struct fixture *f = *state;
	char path[128];

	history_close(f->history);
	snprintf(path, sizeof(path), "%s/history.db", f->dir);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		sqlite3 *db;

		assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
		assert_int_equal(sqlite3_exec(db, "DELETE FROM sample", NULL, NULL, NULL),
				 SQLITE_OK);
		assert_int_equal(sqlite3_exec(db, rows[i], NULL, NULL, NULL), SQLITE_OK);
		sqlite3_close(db);
		open_history(f);
		assert_int_equal(history_thin(f->history, START_S), 0);
		samples(f);
		history_close(f->history);
	}
	open_history(f);
}

static void closed_file_is_neither_read_nor_written(void **state)
{
	struct fixture *f = *state;
	struct versions *versions = versions_new();
	const char *error_text = "";
	struct restored restored;

	history_close(f->history);
	assert_int_equal(history_new(f->dir, &f->history, &error_text), 0);
	assert_false(history_is_open(f->history));
	assert_int_equal(history_write(f->history, f->registry, START_S), -ENODEV);
	assert_int_equal(history_thin(f->history, START_S), -ENODEV);
	assert_int_equal(history_restore(f->history, restore, f->registry), -ENODEV);
	assert_int_equal(history_write_rulings(f->history, versions), -ENODEV);
	assert_int_equal(history_restore_rulings(f->history, on_ruling, on_wish, &restored),
			 -ENODEV);
	assert_int_equal(history_samples(f->history, "speech", 1, on_sample, NULL), -ENODEV);
	versions_free(versions);
}

static void file_that_cannot_be_opened_is_opened_later(void **state)
{
	struct fixture *f = *state;
	const char *error_text = "";
	char path[128], saved[136];

	write_totals(f, START_S, 10, 2, 800);
	history_close(f->history);
	snprintf(path, sizeof(path), "%s/history.db", f->dir);
	snprintf(saved, sizeof(saved), "%s.saved", path);
	assert_int_equal(rename(path, saved), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(history_new(f->dir, &f->history, &error_text), 0);
	assert_true(history_open(f->history, &error_text) < 0);
	assert_non_null(strstr(error_text, "cannot be opened"));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rename(saved, path), 0);
	assert_int_equal(history_open(f->history, &error_text), 0);
	assert_true(history_is_open(f->history));
	assert_int_equal(samples(f).n, 1);
}

static void damaged_file_that_cannot_be_put_aside_is_told(void **state)
{
	struct fixture *f = *state;
	const char *error_text = "";
	char command[256];

	history_close(f->history);
	snprintf(command, sizeof(command),
		 "mkdir -p %s/history.db.broken/in-the-way && head -c 9999 /dev/zero | tr '\\0' x "
		 ">%s/history.db",
		 f->dir, f->dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(history_new(f->dir, &f->history, &error_text), 0);
	assert_int_equal(history_open(f->history, &error_text), -EBADMSG);
	assert_non_null(
		strstr(error_text, "damaged, and cannot be put aside as history.db.broken"));
	assert_false(history_is_open(f->history));
	snprintf(command, sizeof(command), "rm -r %s/history.db.broken", f->dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(history_open(f->history, &error_text), 0);
}

/* Whoever opens one for reading waits for somebody who writes. */
static void pipe_in_place_of_the_file_holds_nobody_up(void **state)
{
	struct fixture *f = *state;
	const char *error_text = "";
	char path[128];

	history_close(f->history);
	snprintf(path, sizeof(path), "%s/history.db", f->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(history_new(f->dir, &f->history, &error_text), 0);
	assert_true(history_open(f->history, &error_text) < 0);
}

static void file_that_is_taken_away_is_noticed(void **state)
{
	struct fixture *f = *state;
	const char *error_text = "";
	char path[128];

	write_totals(f, START_S, 10, 2, 800);
	assert_true(history_is_open(f->history));
	snprintf(path, sizeof(path), "%s/history.db", f->dir);
	assert_int_equal(unlink(path), 0);
	assert_false(history_is_open(f->history));
	assert_int_equal(history_open(f->history, &error_text), 0);
	write_totals(f, START_S, 10, 2, 800);
	assert_int_equal(access(path, F_OK), 0);
}

static void directory_that_is_deleted_is_made_anew(void **state)
{
	struct fixture *f = *state;
	const char *error_text = "";
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", f->dir);
	assert_int_equal(system(command), 0);
	assert_false(history_is_open(f->history));
	assert_int_equal(history_open(f->history, &error_text), -ESTALE);
	history_close(f->history);
	open_history(f);
	write_totals(f, START_S, 10, 2, 800);
	assert_int_equal(samples(f).n, 1);
}

/* More than the cache of pages holds. */
static void fill(struct fixture *f)
{
	registry_free(f->registry);
	f->registry = registry_new();
	for (unsigned int i = 0; i < 1000; i++) {
		struct registry_version version = f->version;

		version.hub.b[4] = (uint8_t)(i / 250);
		version.hub.b[5] = (uint8_t)i;
		snprintf(version.name, sizeof(version.name), "service-%u", i);
		version.digest[1] = (uint8_t)i;
		version.digest[2] = (uint8_t)(i >> 8);
		version.requests = 10;
		version.latency_us_sum = 800;
		assert_true(registry_restore_version(f->registry, &version));
	}
	assert_int_equal(history_write(f->history, f->registry, START_S), 0);
}

static void file_that_is_damaged_while_open_is_put_aside_and_begun_anew(void **state)
{
	struct fixture *f = *state;
	const char *error_text = "";
	char path[128], aside[136];
	struct stat st;
	FILE *file;
	int r;

	fill(f);
	snprintf(path, sizeof(path), "%s/history.db", f->dir);
	snprintf(aside, sizeof(aside), "%s.broken", path);
	assert_int_equal(stat(path, &st), 0);
	file = fopen(path, "r+");
	for (off_t i = 0; i < st.st_size; i++)
		fputc(0x55, file);
	fclose(file);
	r = history_write(f->history, f->registry, START_S + 60);
	assert_int_equal(r, -EBADMSG);
	assert_false(history_is_open(f->history));
	assert_int_equal(history_open(f->history, &error_text), 0);
	assert_int_equal(access(aside, F_OK), 0);
	assert_int_equal(history_write(f->history, f->registry, START_S + 60), 0);
}

static void use(struct fixture *f)
{
	struct registry *registry = registry_new();
	struct restored restored = {0};
	struct seen seen = {0};
	int r;

	r = history_restore(f->history, restore, registry);
	assert_true(r >= 0 || r == -EBADMSG);
	r = history_restore_rulings(f->history, on_ruling, on_wish, &restored);
	assert_true(r >= 0 || r == -EBADMSG || r == -ENODEV);
	history_samples(f->history, "service-7", 1000, on_sample, &seen);
	history_write(f->history, f->registry, START_S + 3600);
	history_thin(f->history, START_S + 3600);
	registry_free(registry);
}

static void write_until_killed(struct fixture *f)
{
	for (uint64_t i = 1;; i++)
		write_totals(f, START_S + 60 * (int64_t)i, i, 0, i * 100);
}

static void kill_while_it_is_written_costs_no_more_than_the_last_minute(void **state)
{
	struct fixture *f = *state;
	char aside[136];
	pid_t child;

	write_totals(f, START_S, 1, 0, 100);
	snprintf(aside, sizeof(aside), "%s/history.db.broken", f->dir);
	for (useconds_t round = 0; round < 20; round++) {
		history_close(f->history);
		child = fork();
		if (!child) {
			open_history(f);
			write_until_killed(f);
		}
		usleep(5000 + 1777 * round); /* wherever it is then */
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		open_history(f);
		assert_int_not_equal(access(aside, F_OK), 0);
		assert_true(samples(f).n >= 1);
	}
}

#define ROUNDS 120

/* Cut at any length, bytes changed anywhere: opened or put aside, and used without harm. */
static void whatever_is_in_the_file_does_no_harm(void **state)
{
	struct fixture *f = *state;
	char path[128], copy[128], command[300];
	unsigned int seed = 77;
	struct stat st;

	fill(f);
	history_close(f->history);
	snprintf(path, sizeof(path), "%s/history.db", f->dir);
	snprintf(copy, sizeof(copy), "%s/copy", f->dir);
	snprintf(command, sizeof(command), "cp %s %s", path, copy);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "cp %s %s", copy, path);
	assert_int_equal(stat(copy, &st), 0);
	for (int round = 0; round < ROUNDS; round++) {
		FILE *file;

		assert_int_equal(system(command), 0);
		if (round % 2)
			assert_int_equal(truncate(path,
						  round < 40 ? round : st.st_size * round / ROUNDS),
					 0);
		file = fopen(path, "r+");
		for (int i = 0; i < (round % 4 ? 20 : 0); i++) {
			/* Half of them where the schema and the first tables are. */
			fseek(file, rand_r(&seed) % (i % 2 ? 8192 : st.st_size), SEEK_SET);
			fputc(rand_r(&seed), file);
		}
		fclose(file);
		open_history(f);
		use(f);
		history_close(f->history);
	}
	open_history(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(versions_come_back_after_a_restart),
		TEST(samples_hold_what_came_since_the_last),
		TEST(old_minutes_become_hours_and_old_hours_go),
		TEST(without_a_clock_nothing_is_written),
		TEST(broken_file_is_put_aside),
		TEST(file_that_is_damaged_inside_is_put_aside),
		TEST(other_tables_are_put_aside),
		TEST(file_that_cannot_be_written_is_read_and_kept),
		TEST(file_of_a_later_schema_is_left_alone),
		TEST(rulings_and_wishes_come_back_in_their_order),
		TEST(rows_that_make_no_sense_are_left_out),
		TEST(clock_that_jumps_takes_as_many_samples_as_time_passes),
		TEST(after_a_long_rest_what_is_too_old_goes_little_by_little),
		TEST(numbers_at_the_ends_are_no_reason_to_fall),
		TEST(closed_file_is_neither_read_nor_written),
		TEST(file_that_cannot_be_opened_is_opened_later),
		TEST(damaged_file_that_cannot_be_put_aside_is_told),
		TEST(pipe_in_place_of_the_file_holds_nobody_up),
		TEST(file_that_is_taken_away_is_noticed),
		TEST(directory_that_is_deleted_is_made_anew),
		TEST(file_that_is_damaged_while_open_is_put_aside_and_begun_anew),
		TEST(kill_while_it_is_written_costs_no_more_than_the_last_minute),
		TEST(whatever_is_in_the_file_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
