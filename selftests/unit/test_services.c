// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: definitions of services: what is read, what is refused and where; the watched directory
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <signal.h>

#include "daemon/lib/memory.h"
#include "daemon/services/services.h"

#define LEAST "name: speech\nversion: 1.0.0\nprotocol: http1\nendpoints: [\"127.0.0.1:80\"]\n"
#define GRPC "name: speech\nversion: 1.0.0\nprotocol: grpc\nendpoints: [\"127.0.0.1:80\"]\n"
#define WAIT_MS 5000
#define SEED "selftests/fuzz/corpus/grpc/answer" /* a descriptor set, behind its length */
#define SEED_MAX 16384

static struct service_definition definition;
static char error[DEFINITION_ERROR_MAX];

static int parse(const char *text)
{
	return definition_parse("x.yaml", (const uint8_t *)text, strlen(text), &definition, error,
				sizeof(error));
}

static void least_definition_gets_defaults(void **state)
{
	assert_int_equal(parse(LEAST), 0);
	assert_string_equal(definition.manifest.name, "speech");
	assert_int_equal(definition.manifest.slots, 1);
	assert_int_equal(definition.manifest.health, MANIFEST_HEALTH_NONE);
	assert_int_equal(definition.manifest.health_interval_ms, 0);
	assert_int_equal(definition.health_failures, 3);
	definition.manifest.hub = (struct hub_id){{2}};
	assert_true(manifest_is_well_formed(&definition.manifest));
}

static void every_key_is_read_and_words_are_sorted(void **state)
{
	assert_int_equal(
		parse(LEAST
		      "interface: org.example.speech/v1\n"
		      "digest: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n"
		      "capabilities: [streaming, german]\ncredentials: [group:kitchen]\n"
		      "zones: [home]\nneeds: {cpu_milli: 1, memory_mib: 2}\n"
		      "available: {slots: 3, cpu_milli: 4, memory_mib: 5}\nprice_micro: 6\n"
		      "health: {kind: http, target: /healthz, interval_ms: 700, timeout_ms: 80, "
		      "failures: 9}\nformat: 1\nbody: msgpack\n"),
		0);
	assert_int_equal(definition.manifest.body, MANIFEST_BODY_MSGPACK);
	assert_string_equal(definition.manifest.capabilities[0], "german");
	assert_string_equal(definition.manifest.capabilities[1], "streaming");
	assert_int_equal(definition.manifest.code[0], 0x9f);
	assert_true(definition.manifest.slots == 3 && definition.manifest.memory_mib == 5 &&
		    definition.manifest.price_micro == 6 && definition.health_failures == 9 &&
		    definition.manifest.health_interval_ms == 700);
	assert_string_equal(definition.health_target, "/healthz");
	definition.manifest.hub = (struct hub_id){{2}};
	assert_true(manifest_is_well_formed(&definition.manifest));
}

static void program_gets_path_and_language_and_what_is_named(void **state)
{
	struct launch_spec spec;

	assert_int_equal(parse(LEAST "run: {argv: [/bin/echo, a b], environment: [LANG=de, X=],\n"
				     "  memory_mib: 64, stop_signal: INT, restart: on-failure}\n"),
			 0);
	assert_int_equal(definition.run.kind, RUN_SERVICE);
	assert_int_equal(definition.run.stop_signal, SIGINT);
	assert_int_equal(definition.run.policy.restart, SUPERVISE_ON_FAILURE);
	assert_int_equal(definition.run.pids, 256);
	run_fill_spec(&definition.run, "echo", &spec);
	assert_int_equal(spec.argv.n, 2);
	assert_string_equal(spec.argv.list[1], "a b");
	assert_null(spec.argv.list[2]);
	assert_int_equal(spec.environment.n, 3);
	assert_string_equal(spec.environment.list[1], "LANG=de");
	assert_string_equal(spec.environment.list[2], "X=");
	assert_int_equal(spec.memory_mib, 64);
	assert_int_equal(parse(LEAST), 0);
	assert_int_equal(definition.run.kind, RUN_NONE);
}

static void output_keeps_the_newest_lines_and_cuts_long_ones(void **state)
{
	struct program_log *output = xnew(struct program_log);
	char text[2 * OUTPUT_LINE_MAX];

	program_log_add(output, 1, 0, "one\ntw", 6);
	program_log_add(output, 2, 1, "other\n\n", 7);
	program_log_add(output, 3, 0, "o\n", 2);
	assert_int_equal(output->last_seq, 3); /* the empty one is none */
	assert_string_equal(program_log_get(output, 3)->text, "two");
	assert_int_equal(program_log_get(output, 2)->stream, 1);
	program_log_add(output, 4, 0, "end", 3);
	program_log_flush(output, 4);
	assert_string_equal(program_log_get(output, 4)->text, "end");
	memset(text, 'x', sizeof(text));
	program_log_note(output, 4, "a sentence\n");
	assert_string_equal(program_log_get(output, 5)->text, "a sentence");
	program_log_add(output, 5, 0, text, sizeof(text));
	assert_int_equal(strlen(program_log_get(output, 6)->text), OUTPUT_LINE_MAX);
	assert_int_equal(output->last_seq, 7);
	for (int i = 0; i < 2 * OUTPUT_LINES_MAX; i++)
		program_log_add(output, 6, 0, "l\n", 2);
	assert_int_equal(output->last_seq - program_log_oldest(output) + 1, OUTPUT_LINES_MAX);
	assert_null(program_log_get(output, program_log_oldest(output) - 1));
	program_log_fini(output);
	free(output);
}

static void each_error_names_its_line(void **state)
{
	static const struct {
		const char *text, *wanted;
	} bad[] = {
		{"", "x.yaml:1: empty"},
		{"# nothing yet\n",
		 "x.yaml:1: nothing is configured; write at least name, version"},
		{"version: 1.0.0\n", "'name' is missing"},
		{LEAST "bogus: 1\n", "x.yaml:5: unknown key 'bogus'"},
		{LEAST "name: again\n", "x.yaml:5: 'name' is given twice"},
		{LEAST "price_micro: -1\n", "x.yaml:5: price_micro is -1"},
		{LEAST "available: {slots: 0}\n", "x.yaml:5: available.slots is 0"},
		{LEAST "digest: abc\n", "x.yaml:5: digest is not SHA-256"},
		{LEAST "zones: [home, \"A b\"]\n", "x.yaml:5: 'A b' is no word"},
		{LEAST "zones: [home, home]\n", "x.yaml:5: zones has 'home' twice"},
		{LEAST "health: {kind: magic}\n", "x.yaml:5: health.kind 'magic'"},
		{LEAST "health: {kind: command}\n", "x.yaml:5: 'health.target' is missing"},
		{LEAST "health: {interval_ms: 500}\n", "x.yaml:5: 'health.kind' is missing"},
		{LEAST "health: {kind: command, target: true}\n", "does not fit"},
		{LEAST "run: {user: nobody}\n", "x.yaml:5: run.argv names no program"},
		{LEAST "run: {argv: [ls]}\n", "x.yaml:5: run.argv names no program"},
		{LEAST "run: {argv: [/bin/ls], bundle: /b}\n", "exclude each other"},
		{LEAST "run: {argv: [/bin/ls], kind: x}\n", "run.kind 'x' is not known"},
		{LEAST "run: {bundle: /b, kind: function}\n", "a function is a program"},
		{LEAST "run: {argv: [/bin/ls], kind: function, restart: never}\n",
		 "x.yaml:5: run.restart is not of a function; leave it out"},
		{LEAST "run: {argv: [/bin/ls], timeout_ms: 500}\n",
		 "x.yaml:5: run.timeout_ms is not of a service; leave it out, or write kind"},
		{LEAST "run: {argv: [/bin/ls], restart_ms: 5000, restart_max_ms: 100}\n",
		 "run.restart_max_ms (100) is below run.restart_ms (5000)"},
		{GRPC "run: {argv: [/bin/ls], kind: function}\n",
		 "x.yaml:3: protocol 'grpc' is not what a function is called by"},
		{LEAST "run: {argv: [/bin/ls], restart: x}\n", "run.restart 'x' is not known"},
		{LEAST "run: {argv: [/bin/ls], stop_signal: STOP}\n", "'STOP' is not known"},
		{LEAST "run: {argv: [/bin/ls], environment: [A=1, \"2=B\"]}\n", "'2=B' sets no"},
		{LEAST "run: {argv: [/bin/ls], environment: [A]}\n", "'A' sets no variable"},
		{LEAST "run: {argv: [/bin/ls], directory: tmp}\n", "is not absolute"},
		{LEAST "run: {argv: [/bin/ls], pids: 65536}\n", "run.pids is 65536"},
		{LEAST "run: {argv: [/bin/ls], content_type: text}\n", "'text' is none"},
		{LEAST "run: {argv: [/bin/ls], shell: yes}\n", "x.yaml:5: unknown key 'shell'"},
		{LEAST "health: {kind: http, target: x}\n",
		 "x.yaml:5: health.target 'x' does not fit"},
		{LEAST "format: 2\n", "x.yaml:5: format 2"},
		{LEAST "body: xml\n", "x.yaml:5: body 'xml' is not known; write one of none, json"},
		{"name: a\nversion: 1.0.0\nprotocol: tcp\nendpoints: [\"1.2.3.4:5\"]\nbody: cbor\n",
		 "x.yaml:5: body is of services that speak HTTP; write protocol: http1 or http2"},
		{LEAST "descriptor: a.pb\n", "x.yaml:5: descriptor is of services that speak gRPC"},
		{GRPC "descriptor: ../a.pb\n", "x.yaml:5: descriptor '../a.pb' is no file"},
		{GRPC "descriptor: .a\n", "x.yaml:5: descriptor '.a' is no file"},
		{GRPC "descriptor: a/b\n", "x.yaml:5: descriptor 'a/b' is no file"},
		{GRPC "descriptor: /a/\n", "x.yaml:5: descriptor '/a/' is no file"},
		{"name: S\nversion: 1\nprotocol: x\nendpoints: [y]\n", "x.yaml:1: name 'S'"},
		{"name: S\nversion: 1\nprotocol: x\nendpoints: [y]\n", "x.yaml:2: version '1'"},
		{"name: S\nversion: 1\nprotocol: x\nendpoints: [y]\n", "x.yaml:3: protocol 'x'"},
		{"name: S\nversion: 1\nprotocol: x\nendpoints: [y]\n", "x.yaml:4: endpoint 'y'"},
		{"name: [\n", "this is not YAML"},
		{"name: [\n", "as in Documentation/manifest.rst"},
		{"name: s\nversion: 1.0.0\nprotocol: tcp\nendpoints: [\"unix:/tmp/\\e[31m\"]\n",
		 "is no address"},
		{"name: s\nversion: 1.0.0\nprotocol: tcp\nendpoints: [\"unix:/\\x9b\"]\n",
		 "is no address"},
		{LEAST "run: {}\n", "x.yaml:5: run.argv names no program"},
		{LEAST "run: {argv: []}\n", "x.yaml:5: run.argv names no program"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_not_equal(parse(bad[i].text), 0);
		if (!strstr(error, bad[i].wanted))
			fail_msg("wanted \"%s\" in:\n%s", bad[i].wanted, error);
	}
}

/* ---- the directory ------------------------------------------------------- */

struct fixture {
	uv_loop_t loop;
	uv_timer_t timer;
	struct services *services;
	char dir[64];
	char told[4096]; /* "+name version;" and "-name version;" */
	bool timed_out, is_full;
};

static void tell(struct fixture *f, char sign, const char *name, const char *version)
{
	size_t used = strlen(f->told);

	snprintf(f->told + used, sizeof(f->told) - used, "%c%s %s;", sign, name, version);
}

static int on_set(void *arg, const struct service_definition *d, enum service_state state)
{
	if (((struct fixture *)arg)->is_full)
		return -ENOSPC;
	assert_int_equal(state, SERVICE_AVAILABLE); /* nobody runs programs here */
	tell(arg, '+', d->manifest.name, d->manifest.version_text);
	return 0;
}

static void on_removed(void *arg, const char *name, const char *version_text)
{
	((struct fixture *)arg)->is_full = false;
	tell(arg, '-', name, version_text);
}

static void on_state(void *arg, const char *name, const char *version_text,
		     enum service_state state)
{
}

static void write_text(struct fixture *f, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void delete_file(struct fixture *f, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	unlink(path);
}

static void on_timeout(uv_timer_t *timer)
{
	((struct fixture *)timer->data)->timed_out = true;
}

/* Turn the loop until the events since the last call are exactly @told. */
static void expect_told(struct fixture *f, const char *told)
{
	f->timed_out = false;
	uv_timer_start(&f->timer, on_timeout, WAIT_MS, 0);
	while (strcmp(f->told, told) != 0 && !f->timed_out)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_string_equal(f->told, told);
	f->told[0] = '\0';
}

static const char *error_of(struct fixture *f, const char *name)
{
	struct services_file file;

	for (size_t i = 0; services_at(f->services, i, &file); i++)
		if (strcmp(file.file, name) == 0)
			return file.error;
	return "no such file";
}

static void expect_error(struct fixture *f, const char *name, const char *wanted)
{
	f->timed_out = false;
	uv_timer_start(&f->timer, on_timeout, WAIT_MS, 0);
	while (!f->timed_out && !(error_of(f, name) && strstr(error_of(f, name), wanted)))
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_non_null(error_of(f, name));
	assert_non_null(strstr(error_of(f, name), wanted));
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct services_events events = {on_set, on_removed, on_state, NULL, f};
	const char *error_text = "";

	strcpy(f->dir, "/tmp/test_services.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	uv_loop_init(&f->loop);
	uv_timer_init(&f->loop, &f->timer);
	f->timer.data = f;
	assert_int_equal(services_open(&f->loop, f->dir, NULL, &events, &f->services, &error_text),
			 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	services_close(f->services);
	uv_close((uv_handle_t *)&f->timer, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	snprintf(command, sizeof(command), "rm -r %s", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void files_that_come_change_and_go_are_told(void **state)
{
	struct fixture *f = *state;

	write_text(f, "a.yaml", LEAST);
	write_text(f, "README", "not a service");
	services_start(f->services);
	expect_told(f, "+speech 1.0.0;");
	write_text(f, "b.yaml",
		   "name: b\nversion: 2.0.0\nprotocol: tcp\nendpoints: [\"[::1]:5\"]\n");
	expect_told(f, "+b 2.0.0;");
	write_text(f, "a.yaml",
		   "name: speech\nversion: 1.1.0\nprotocol: tcp\nendpoints: [\"1.2.3.4:5\"]\n");
	expect_told(f, "+speech 1.1.0;-speech 1.0.0;");
	delete_file(f, "b.yaml");
	expect_told(f, "-b 2.0.0;");
}

static void file_with_errors_changes_nothing_until_it_is_good(void **state)
{
	struct fixture *f = *state;

	write_text(f, "a.yaml", LEAST);
	services_start(f->services);
	expect_told(f, "+speech 1.0.0;");
	write_text(f, "a.yaml", LEAST "bogus: 1\n");
	expect_error(f, "a.yaml", "a.yaml:5: unknown key");
	assert_string_equal(f->told, "");
	write_text(f, "a.yaml", LEAST "price_micro: 7\n");
	expect_told(f, "+speech 1.0.0;");
	assert_null(error_of(f, "a.yaml"));
}

static void two_files_cannot_define_one_version(void **state)
{
	struct fixture *f = *state;

	write_text(f, "a.yaml", LEAST);
	write_text(f, "b.yaml", LEAST);
	services_start(f->services);
	assert_string_equal(f->told, "+speech 1.0.0;");
	assert_non_null(strstr(error_of(f, "b.yaml"), "a.yaml already defines speech 1.0.0"));
}

static void file_that_is_renamed_stays_offered(void **state)
{
	struct fixture *f = *state;
	char from[128], to[128];

	write_text(f, "a.yaml", LEAST);
	services_start(f->services);
	expect_told(f, "+speech 1.0.0;");
	snprintf(from, sizeof(from), "%s/a.yaml", f->dir);
	snprintf(to, sizeof(to), "%s/b.yaml", f->dir);
	assert_int_equal(rename(from, to), 0);
	expect_told(f, "-speech 1.0.0;+speech 1.0.0;");
	assert_null(error_of(f, "b.yaml"));
	assert_string_equal(error_of(f, "a.yaml"), "no such file");
}

static void file_that_stood_back_is_offered_when_the_other_is_gone_or_changed(void **state)
{
	struct fixture *f = *state;

	write_text(f, "a.yaml", LEAST);
	write_text(f, "b.yaml", LEAST);
	write_text(f, "c.yaml", LEAST);
	services_start(f->services);
	expect_told(f, "+speech 1.0.0;");
	delete_file(f, "a.yaml");
	expect_told(f, "-speech 1.0.0;+speech 1.0.0;");
	assert_null(error_of(f, "b.yaml"));
	assert_non_null(strstr(error_of(f, "c.yaml"), "b.yaml already defines speech 1.0.0"));
	write_text(f, "b.yaml",
		   "name: b\nversion: 2.0.0\nprotocol: tcp\nendpoints: [\"[::1]:5\"]\n");
	expect_told(f, "+b 2.0.0;-speech 1.0.0;+speech 1.0.0;");
	assert_null(error_of(f, "c.yaml"));
}

static void write_numbered(struct fixture *f, const char *name, int number)
{
	char text[128];

	snprintf(text, sizeof(text),
		 "name: s%d\nversion: 1.0.0\nprotocol: tcp\nendpoints: [\"[::1]:5\"]\n", number);
	write_text(f, name, text);
}

static void full_directory_takes_a_file_for_each_that_goes(void **state)
{
	struct fixture *f = *state;
	struct services_file file;
	char name[MANIFEST_NAME_MAX + 1], path[128];

	for (int i = 0; i < SERVICES_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "f%02d.yaml", i);
		write_numbered(f, name, i);
	}
	write_numbered(f, "z.yaml", 99);
	services_start(f->services);
	assert_true(services_at(f->services, SERVICES_FILES_MAX - 1, &file));
	assert_string_equal(error_of(f, "z.yaml"), "no such file");
	assert_int_not_equal(services_add(f->services, (const uint8_t *)LEAST, strlen(LEAST), name,
					  error, sizeof(error)),
			     0);
	assert_non_null(strstr(error, "there are 64 files; remove one"));
	snprintf(path, sizeof(path), "%s/speech.yaml", f->dir);
	assert_int_not_equal(access(path, F_OK), 0);
	f->told[0] = '\0';
	delete_file(f, "f07.yaml");
	expect_told(f, "-s7 1.0.0;+s99 1.0.0;");
}

static void file_that_can_be_read_again_has_no_error_left(void **state)
{
	struct fixture *f = *state;
	char path[128], away[128];

	write_text(f, "a.yaml", LEAST);
	services_start(f->services);
	expect_told(f, "+speech 1.0.0;");
	snprintf(path, sizeof(path), "%s/a.yaml", f->dir);
	snprintf(away, sizeof(away), "%s/away", f->dir);
	assert_int_equal(rename(path, away), 0);
	assert_int_equal(symlink(away, path), 0);
	expect_error(f, "a.yaml", "cannot be read");
	assert_string_equal(f->told, "");
	assert_int_equal(rename(away, path), 0);
	expect_told(f, "+speech 1.0.0;");
	assert_null(error_of(f, "a.yaml"));
}

static void add_writes_and_remove_deletes(void **state)
{
	struct fixture *f = *state;
	char name[MANIFEST_NAME_MAX + 1];

	services_start(f->services);
	assert_int_equal(services_add(f->services, (const uint8_t *)LEAST, strlen(LEAST), name,
				      error, sizeof(error)),
			 0);
	assert_string_equal(name, "speech");
	assert_string_equal(f->told, "+speech 1.0.0;");
	assert_int_not_equal(
		services_add(f->services, (const uint8_t *)"x", 1, name, error, sizeof(error)), 0);
	f->told[0] = '\0';
	assert_int_equal(services_remove(f->services, "other"), -ENOENT);
	assert_int_equal(services_remove(f->services, "speech"), 0);
	assert_string_equal(f->told, "-speech 1.0.0;");
}

static void run_command(const char *fmt, const char *dir)
{
	char command[256];

	snprintf(command, sizeof(command), fmt, dir, dir, dir);
	assert_int_equal(system(command), 0);
}

/* inotify watches what was there at the start. */
static void directory_that_is_made_anew_is_watched(void **state)
{
	struct fixture *f = *state;

	write_text(f, "a.yaml", LEAST);
	services_start(f->services);
	expect_told(f, "+speech 1.0.0;");
	run_command("rm -r %s", f->dir);
	expect_told(f, "-speech 1.0.0;");
	run_command("mkdir %s", f->dir);
	write_numbered(f, "b.yaml", 1);
	expect_told(f, "+s1 1.0.0;");
	write_numbered(f, "c.yaml", 2); /* by inotify again */
	expect_told(f, "+s2 1.0.0;");
	delete_file(f, "b.yaml");
	expect_told(f, "-s1 1.0.0;");
}

static void directory_that_is_moved_away_counts_until_another_is_there(void **state)
{
	struct fixture *f = *state;
	char name[MANIFEST_NAME_MAX + 1];

	write_text(f, "a.yaml", LEAST);
	services_start(f->services);
	expect_told(f, "+speech 1.0.0;");
	run_command("mv %s %s.away", f->dir);
	assert_int_equal(services_add(f->services, (const uint8_t *)LEAST, strlen(LEAST), name,
				      error, sizeof(error)),
			 -ENOENT);
	assert_non_null(strstr(error, "is gone; make it anew"));
	assert_non_null(strstr(error, f->dir));
	assert_string_equal(f->told, "");
	run_command("mkdir %s && rm -r %s.away", f->dir);
	expect_told(f, "-speech 1.0.0;");
	assert_int_equal(services_add(f->services, (const uint8_t *)LEAST, strlen(LEAST), name,
				      error, sizeof(error)),
			 0);
	assert_string_equal(f->told, "+speech 1.0.0;");
}

static void add_finds_a_directory_that_was_made_anew(void **state)
{
	struct fixture *f = *state;
	char name[MANIFEST_NAME_MAX + 1], path[128];

	services_start(f->services);
	run_command("rmdir %s && mkdir %s", f->dir);
	assert_int_equal(services_add(f->services, (const uint8_t *)LEAST, strlen(LEAST), name,
				      error, sizeof(error)),
			 0);
	snprintf(path, sizeof(path), "%s/speech.yaml", f->dir);
	assert_int_equal(access(path, F_OK), 0);
	assert_string_equal(f->told, "+speech 1.0.0;");
}

/* And takes no room from what could be written otherwise. */
static void file_that_cannot_be_written_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	char name[MANIFEST_NAME_MAX + 1], path[128];
	struct rlimit before, none;
	int r;

	services_start(f->services);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = before;
	none.rlim_cur = 5;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	r = services_add(f->services, (const uint8_t *)LEAST, strlen(LEAST), name, error,
			 sizeof(error));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(r < 0);
	snprintf(path, sizeof(path), "%s/.incoming", f->dir);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_string_equal(f->told, "");
}

/* A deployment that turns a link. */
static void link_that_leads_elsewhere_is_followed(void **state)
{
	struct fixture *f = *state;
	struct services_events events = {on_set, on_removed, on_state, NULL, f};
	const char *error_text = "";
	struct services *linked;
	char path[128];

	run_command("mkdir %s/old %s/new && ln -s old %s/now", f->dir);
	write_numbered(f, "old/a.yaml", 1);
	write_numbered(f, "new/a.yaml", 2);
	snprintf(path, sizeof(path), "%s/now", f->dir);
	assert_int_equal(services_open(&f->loop, path, NULL, &events, &linked, &error_text), 0);
	services_start(linked);
	expect_told(f, "+s1 1.0.0;");
	run_command("ln -sfn new %s/now", f->dir);
	expect_told(f, "+s2 1.0.0;-s1 1.0.0;");
	services_close(linked);
}

static void what_is_no_file_holds_nobody_up(void **state)
{
	struct fixture *f = *state;

	run_command("mkfifo %s/p.yaml && ln -s p.yaml %s/q.yaml && ln -s /dev/zero %s/z.yaml",
		    f->dir);
	write_text(f, "a.yaml", LEAST);
	services_start(f->services);
	assert_string_equal(f->told, "+speech 1.0.0;");
	assert_non_null(strstr(error_of(f, "p.yaml"), "it is no file"));
	assert_non_null(strstr(error_of(f, "q.yaml"), "it is a symbolic link"));
	assert_non_null(strstr(error_of(f, "z.yaml"), "it is a symbolic link"));
}

static void huge_file_is_refused_without_being_read(void **state)
{
	struct fixture *f = *state;

	run_command("truncate -s 1T %s/h.yaml", f->dir);
	write_text(f, "a.yaml", LEAST);
	services_start(f->services);
	assert_string_equal(f->told, "+speech 1.0.0;");
	assert_non_null(strstr(error_of(f, "h.yaml"), "h.yaml"));
}

static void thousands_of_files_are_counted_and_the_first_in_force(void **state)
{
	struct fixture *f = *state;
	struct services_file file;
	char name[32];

	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "f%04d.yaml", i);
		write_numbered(f, name, i);
	}
	services_start(f->services);
	assert_true(services_at(f->services, SERVICES_FILES_MAX - 1, &file));
	assert_false(services_at(f->services, SERVICES_FILES_MAX, &file));
	assert_null(error_of(f, "f0000.yaml"));
}

static void symbolic_links_and_directories_are_no_definitions(void **state)
{
	struct fixture *f = *state;
	char command[256];

	snprintf(command, sizeof(command), "ln -s /etc/hostname %s/l.yaml; mkdir %s/d.yaml", f->dir,
		 f->dir);
	assert_int_equal(system(command), 0);
	services_start(f->services);
	assert_non_null(strstr(error_of(f, "l.yaml"), "cannot be read"));
	assert_non_null(strstr(error_of(f, "d.yaml"), "cannot be read"));
	assert_string_equal(f->told, "");
}

/* ---- descriptors --------------------------------------------------------- */

static void write_bytes(const char *path, const void *bytes, size_t len)
{
	char temporary[256];
	FILE *file;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	file = fopen(temporary, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
	assert_int_equal(rename(temporary, path), 0);
}

/* The set of translate.proto, or what is left of it. */
static void write_set(const char *path, size_t less)
{
	uint8_t bytes[SEED_MAX];
	FILE *file = fopen(SEED, "r");

	assert_non_null(file);
	assert_true(fread(bytes, 1, sizeof(bytes), file) > 2);
	fclose(file);
	write_bytes(path, bytes + 2, ((size_t)bytes[0] << 8 | bytes[1]) - less);
}

static bool has_method(struct fixture *f)
{
	const struct schema *schema = services_schema(f->services, "speech", "1.0.0");

	return schema && schema_find_method(schema, "/demo.Echo/Say", 14);
}

/* Turn the loop until the schema in force is another one than @was. */
static void expect_other_schema(struct fixture *f, const struct schema *was)
{
	f->timed_out = false;
	uv_timer_start(&f->timer, on_timeout, WAIT_MS, 0);
	while (!f->timed_out && services_schema(f->services, "speech", "1.0.0") == was)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_false(f->timed_out);
}

/* @path: where it is; @name: as the definition says. */
static void check_descriptor(struct fixture *f, const char *path, const char *name)
{
	char text[512];
	struct schema *first;

	snprintf(text, sizeof(text), GRPC "descriptor: %s\n", name);
	write_text(f, "a.yaml", text);
	services_start(f->services);
	expect_error(f, "a.yaml", "cannot be read: No such file");
	assert_string_equal(f->told, "");
	write_set(path, 0); /* it comes */
	expect_told(f, "+speech 1.0.0;");
	assert_true(has_method(f));
	assert_null(error_of(f, "a.yaml"));
	first = schema_get(services_schema(f->services, "speech", "1.0.0"));
	write_set(path, 0); /* it changes, and nothing but it */
	expect_other_schema(f, first);
	schema_put(first);
	assert_true(has_method(f));
	write_set(path, 1);
	expect_error(f, "a.yaml", name);
	assert_true(has_method(f)); /* what is in force stays */
	write_set(path, 0);
	expect_told(f, "+speech 1.0.0;");
	assert_null(error_of(f, "a.yaml"));
	write_text(f, "a.yaml", GRPC);
	expect_told(f, "+speech 1.0.0;");
	assert_null(services_schema(f->services, "speech", "1.0.0"));
}

static void descriptor_beside_its_definition_comes_changes_and_breaks(void **state)
{
	struct fixture *f = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/speech.pb", f->dir);
	check_descriptor(f, path, "speech.pb");
}

static void descriptor_elsewhere_is_watched_there(void **state)
{
	struct fixture *f = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s.away", f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/speech.pb");
	check_descriptor(f, path, path);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

static void check_refused(struct fixture *f, const char *path, const char *wanted)
{
	char text[512], name[MANIFEST_NAME_MAX + 1];

	snprintf(text, sizeof(text), GRPC "descriptor: %s\n", path);
	assert_int_equal(services_add(f->services, (const uint8_t *)text, strlen(text), name, error,
				      sizeof(error)),
			 -EINVAL);
	if (!strstr(error, path) || !strstr(error, wanted))
		fail_msg("%s", error);
}

static void descriptor_that_is_none_is_refused_with_file_and_reason(void **state)
{
	static const uint8_t unknown_service[] = "\x0a\x0f\x32\x0d\x0a\x01S\x12\x08\x0a\x01M\x12"
						 "\x01X\x1a";
	static char large[SCHEMA_BYTES_MAX + 1];
	struct fixture *f = *state;
	struct services_file file;
	char path[128];

	services_start(f->services);
	check_refused(f, "none.pb", "cannot be read: No such file");
	check_refused(f, "/dev/zero", "cannot be read: Invalid argument");
	snprintf(path, sizeof(path), "%s/set.pb", f->dir);
	write_bytes(path, "", 0);
	check_refused(f, "set.pb", "has no service");
	write_bytes(path, "\xff\xff", 2);
	check_refused(f, "set.pb", "protoc --include_imports");
	write_bytes(path, unknown_service, sizeof(unknown_service));
	check_refused(f, "set.pb", "lacks a message of a method");
	write_bytes(path, large, sizeof(large));
	check_refused(f, "set.pb", "more than 1 MiB");
	assert_false(services_at(f->services, 0, &file)); /* nothing was written */
}

static void new_version_takes_the_place_of_the_old_where_there_is_room_for_one(void **state)
{
	struct fixture *f = *state;

	write_text(f, "a.yaml", LEAST);
	services_start(f->services);
	expect_told(f, "+speech 1.0.0;");
	f->is_full = true;
	write_text(f, "b.yaml",
		   "name: b\nversion: 2.0.0\nprotocol: tcp\nendpoints: [\"[::1]:5\"]\n");
	expect_error(f, "b.yaml", "too many services");
	delete_file(f, "b.yaml");
	write_text(f, "a.yaml",
		   "name: speech\nversion: 2.0.0\nprotocol: tcp\nendpoints: [\"[::1]:5\"]\n");
	expect_told(f, "-speech 1.0.0;+speech 2.0.0;");
}

int main(void)
{
#define ON_DIRECTORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(least_definition_gets_defaults),
		cmocka_unit_test(every_key_is_read_and_words_are_sorted),
		cmocka_unit_test(program_gets_path_and_language_and_what_is_named),
		cmocka_unit_test(output_keeps_the_newest_lines_and_cuts_long_ones),
		cmocka_unit_test(each_error_names_its_line),
		ON_DIRECTORY(files_that_come_change_and_go_are_told),
		ON_DIRECTORY(new_version_takes_the_place_of_the_old_where_there_is_room_for_one),
		ON_DIRECTORY(file_with_errors_changes_nothing_until_it_is_good),
		ON_DIRECTORY(two_files_cannot_define_one_version),
		ON_DIRECTORY(file_that_is_renamed_stays_offered),
		ON_DIRECTORY(file_that_stood_back_is_offered_when_the_other_is_gone_or_changed),
		ON_DIRECTORY(full_directory_takes_a_file_for_each_that_goes),
		ON_DIRECTORY(file_that_can_be_read_again_has_no_error_left),
		ON_DIRECTORY(add_writes_and_remove_deletes),
		ON_DIRECTORY(symbolic_links_and_directories_are_no_definitions),
		ON_DIRECTORY(directory_that_is_made_anew_is_watched),
		ON_DIRECTORY(directory_that_is_moved_away_counts_until_another_is_there),
		ON_DIRECTORY(add_finds_a_directory_that_was_made_anew),
		ON_DIRECTORY(file_that_cannot_be_written_leaves_nothing),
		ON_DIRECTORY(link_that_leads_elsewhere_is_followed),
		ON_DIRECTORY(what_is_no_file_holds_nobody_up),
		ON_DIRECTORY(huge_file_is_refused_without_being_read),
		ON_DIRECTORY(thousands_of_files_are_counted_and_the_first_in_force),
		cmocka_unit_test_setup_teardown(
			descriptor_beside_its_definition_comes_changes_and_breaks, setup, teardown),
		cmocka_unit_test_setup_teardown(descriptor_elsewhere_is_watched_there, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			descriptor_that_is_none_is_refused_with_file_and_reason, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
