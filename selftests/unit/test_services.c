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
#include <unistd.h>

#include <cmocka.h>

#include "daemon/lib/memory.h"
#include "daemon/services/services.h"

#define LEAST "name: speech\nversion: 1.0.0\nprotocol: http1\nendpoints: [\"127.0.0.1:80\"]\n"
#define WAIT_MS 5000

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
		      "failures: 9}\nformat: 1\n"),
		0);
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

static void each_error_names_its_line(void **state)
{
	static const struct {
		const char *text, *wanted;
	} bad[] = {
		{"", "x.yaml:1: empty"},
		{"version: 1.0.0\n", "'name' is missing"},
		{LEAST "bogus: 1\n", "x.yaml:5: unknown key 'bogus'"},
		{LEAST "name: again\n", "x.yaml:5: 'name' is given twice"},
		{LEAST "price_micro: -1\n", "x.yaml:5: price_micro is -1"},
		{LEAST "available: {slots: 0}\n", "x.yaml:5: available.slots is 0"},
		{LEAST "digest: abc\n", "x.yaml:5: digest is not SHA-256"},
		{LEAST "zones: [home, \"A b\"]\n", "x.yaml:5: 'A b' is no word"},
		{LEAST "zones: [home, home]\n", "x.yaml:5: zones has 'home' twice"},
		{LEAST "health: {kind: magic}\n", "x.yaml:5: health.kind 'magic'"},
		{LEAST "health: {kind: command}\n", "cannot run commands"},
		{LEAST "health: {kind: http, target: x}\n",
		 "x.yaml:5: health.target 'x' does not fit"},
		{LEAST "format: 2\n", "x.yaml:5: format 2"},
		{"name: S\nversion: 1\nprotocol: x\nendpoints: [y]\n", "x.yaml:1: name 'S'"},
		{"name: S\nversion: 1\nprotocol: x\nendpoints: [y]\n", "x.yaml:2: version '1'"},
		{"name: S\nversion: 1\nprotocol: x\nendpoints: [y]\n", "x.yaml:3: protocol 'x'"},
		{"name: S\nversion: 1\nprotocol: x\nendpoints: [y]\n", "x.yaml:4: endpoint 'y'"},
		{"name: [\n", "this is not YAML"},
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
	char told[512]; /* "+name version;" and "-name version;" */
	bool timed_out;
};

static void tell(struct fixture *f, char sign, const char *name, const char *version)
{
	size_t used = strlen(f->told);

	snprintf(f->told + used, sizeof(f->told) - used, "%c%s %s;", sign, name, version);
}

static int on_set(void *arg, const struct service_definition *d)
{
	tell(arg, '+', d->manifest.name, d->manifest.version_text);
	return 0;
}

static void on_removed(void *arg, const char *name, const char *version_text)
{
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
	struct services_events events = {on_set, on_removed, on_state, f};
	const char *error_text = "";

	strcpy(f->dir, "/tmp/test_services.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	uv_loop_init(&f->loop);
	uv_timer_init(&f->loop, &f->timer);
	f->timer.data = f;
	assert_int_equal(services_open(&f->loop, f->dir, &events, &f->services, &error_text), 0);
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

int main(void)
{
#define ON_DIRECTORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(least_definition_gets_defaults),
		cmocka_unit_test(every_key_is_read_and_words_are_sorted),
		cmocka_unit_test(each_error_names_its_line),
		ON_DIRECTORY(files_that_come_change_and_go_are_told),
		ON_DIRECTORY(file_with_errors_changes_nothing_until_it_is_good),
		ON_DIRECTORY(two_files_cannot_define_one_version),
		ON_DIRECTORY(add_writes_and_remove_deletes),
		ON_DIRECTORY(symbolic_links_and_directories_are_no_definitions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
