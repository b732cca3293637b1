// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: history in SQLite: what is written comes back, thinner with time and bounded
 */
#include "selftests/unit/samples.h"

#include <errno.h>
#include <sys/stat.h>

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

	if (history_open(f->dir, &f->history, &error_text))
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
	assert_int_equal(history_open(f->dir, &other, &error_text), -EPROTO);
	assert_non_null(strstr(error_text, "later meshd"));
	f->history = NULL;
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
		TEST(file_of_a_later_schema_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
