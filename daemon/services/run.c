// SPDX-License-Identifier: GPL-2.0
/* DOC: run: see run.h */
#include "daemon/services/run.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/memory.h"

#define TEXT_MAX 255
#define OPTIONAL CYAML_FLAG_OPTIONAL
#define TEXT(key) CYAML_FIELD_STRING_PTR(#key, OPTIONAL, struct run_file, key, 0, TEXT_MAX)
#define NUMBER(key) CYAML_FIELD_INT_PTR(#key, OPTIONAL, struct run_file, key)
#define LIST(key)                                                                       \
	CYAML_FIELD_SEQUENCE(#key, OPTIONAL | CYAML_FLAG_POINTER, struct run_file, key, \
			     &list_entry, 0, RUN_WORDS_MAX)

static const cyaml_schema_value_t list_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, TEXT_MAX),
};

const cyaml_schema_field_t run_fields[] = {
	TEXT(kind),	     TEXT(user),	 TEXT(directory),	 TEXT(bundle),
	TEXT(restart),	     TEXT(stop_signal),	 TEXT(content_type),	 LIST(argv),
	LIST(environment),   NUMBER(memory_mib), NUMBER(cpu_milli),	 NUMBER(pids),
	NUMBER(open_files),  NUMBER(restart_ms), NUMBER(restart_max_ms), NUMBER(restarts),
	NUMBER(ready_ms),    NUMBER(drain_ms),	 NUMBER(stop_ms),	 NUMBER(timeout_ms),
	NUMBER(concurrency), CYAML_FIELD_END,
};

struct check {
	const struct run_file *file;
	const struct config_lines *lines;
	struct run_definition *ret;
	struct config_errors *errors;
};

#define complain(check, path, ...) \
	config_error((check)->errors, config_lines_of((check)->lines, path), __VA_ARGS__)

static void add_text(struct check *check, const char *path, const char *text)
{
	struct run_definition *ret = check->ret;
	size_t size = strlen(text) + 1;

	if (size > RUN_TEXT_MAX - ret->text_len) {
		complain(check, path, "argv and environment are longer than %d bytes; write less",
			 RUN_TEXT_MAX);
		return;
	}
	memcpy(ret->text + ret->text_len, text, size);
	ret->text_len += size;
}

static void check_argv(struct check *check)
{
	const struct run_file *file = check->file;

	if (!check->ret->is_bundle && (!file->argv_count || file->argv[0][0] != '/'))
		complain(check, file->argv_count ? "run.argv[0]" : "run",
			 "run.argv names no program; write argv: [\"/usr/bin/PROGRAM\", ...], an "
			 "absolute path first");
	if (check->ret->is_bundle && file->argv_count)
		complain(check, "run.argv",
			 "run.argv and run.bundle exclude each other; the bundle's config.json "
			 "has its arguments");
	for (uint32_t i = 0; i < file->argv_count; i++)
		add_text(check, "run.argv", file->argv[i]);
	check->ret->n_argv = file->argv_count;
}

static bool is_assignment(const char *text)
{
	const char *c = text;

	while (isalnum((unsigned char)*c) || *c == '_')
		c++;
	return c != text && *c == '=' && !isdigit((unsigned char)text[0]);
}

static void check_environment(struct check *check)
{
	const struct run_file *file = check->file;
	char path[32];

	for (uint32_t i = 0; i < file->environment_count; i++) {
		snprintf(path, sizeof(path), "run.environment[%u]", i);
		if (!is_assignment(file->environment[i]))
			complain(check, path, "'%.64s' sets no variable; write NAME=VALUE",
				 file->environment[i]);
		else
			add_text(check, path, file->environment[i]);
	}
	check->ret->n_environment = file->environment_count;
}

static void check_kind(struct check *check)
{
	const char *kind = check->file->kind ?: "service";

	if (strcmp(kind, "service") == 0)
		check->ret->kind = RUN_SERVICE;
	else if (strcmp(kind, "function") == 0)
		check->ret->kind = RUN_FUNCTION;
	else
		complain(check, "run.kind",
			 "run.kind '%.32s' is not known; write service or function", kind);
	if (check->ret->kind == RUN_FUNCTION && check->file->bundle)
		complain(check, "run.bundle",
			 "a function is a program; write argv, or kind: service");
}

static void check_path(struct check *check, const char *path, const char *value)
{
	if (value[0] != '/' || strlen(value) > LAUNCH_PATH_MAX)
		complain(check, path, "%s '%.64s' is not absolute; write a path that starts with /",
			 path, value);
	else
		memcpy(check->ret->directory, value, strlen(value) + 1);
}

static void check_place(struct check *check)
{
	const struct run_file *file = check->file;

	check->ret->is_bundle = file->bundle != NULL;
	if (file->bundle)
		check_path(check, "run.bundle", file->bundle);
	else
		check_path(check, "run.directory", file->directory ?: "/");
	if (!file->user)
		return;
	if (!file->user[0] || strlen(file->user) > LAUNCH_USER_MAX)
		complain(check, "run.user",
			 "run.user '%.32s' is not an account name; write one of "
			 "runtime.users in meshd.yaml",
			 file->user);
	else
		memcpy(check->ret->user, file->user, strlen(file->user) + 1);
}

static void check_restart(struct check *check)
{
	static const char *const names[] = {
		[SUPERVISE_ALWAYS] = "always",
		[SUPERVISE_ON_FAILURE] = "on-failure",
		[SUPERVISE_NEVER] = "never",
	};
	const char *restart = check->file->restart ?: names[SUPERVISE_ALWAYS];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(restart, names[i]) == 0) {
			check->ret->policy.restart = (uint8_t)i;
			return;
		}
	}
	complain(check, "run.restart",
		 "run.restart '%.32s' is not known; write always, on-failure or never", restart);
}

static void check_stop_signal(struct check *check)
{
	static const struct {
		const char *name;
		uint8_t number;
	} signals[] = {
		{"TERM", SIGTERM}, {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"HUP", SIGHUP},
		{"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"KILL", SIGKILL}, {"WINCH", SIGWINCH},
	};
	const char *name = check->file->stop_signal ?: "TERM";

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		if (strcmp(name, signals[i].name) == 0) {
			check->ret->stop_signal = signals[i].number;
			return;
		}
	}
	complain(check, "run.stop_signal",
		 "run.stop_signal '%.32s' is not known; write TERM, INT, QUIT, HUP, USR1, USR2, "
		 "WINCH or KILL",
		 name);
}

static void check_content_type(struct check *check)
{
	const char *type = check->file->content_type ?: "application/octet-stream";
	bool is_good = strlen(type) <= RUN_TYPE_MAX && strchr(type, '/');

	for (const char *c = type; *c; c++) /* goes into a header */
		is_good &= isprint((unsigned char)*c) != 0;
	if (!is_good)
		complain(check, "run.content_type",
			 "run.content_type '%.64s' is none; write one like text/plain", type);
	else
		memcpy(check->ret->content_type, type, strlen(type) + 1);
}

/* What would mean nothing is not written for nothing. */
static void check_of_kind(struct check *check)
{
	static const struct {
		const char *path;
		uint8_t kind;
	} keys[] = {
		{"run.restart", RUN_SERVICE},	     {"run.restart_ms", RUN_SERVICE},
		{"run.restart_max_ms", RUN_SERVICE}, {"run.restarts", RUN_SERVICE},
		{"run.ready_ms", RUN_SERVICE},	     {"run.drain_ms", RUN_SERVICE},
		{"run.stop_signal", RUN_SERVICE},    {"run.stop_ms", RUN_SERVICE},
		{"run.timeout_ms", RUN_FUNCTION},    {"run.concurrency", RUN_FUNCTION},
		{"run.content_type", RUN_FUNCTION},
	};
	bool is_function = check->ret->kind == RUN_FUNCTION;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (config_lines_has(check->lines, keys[i].path) &&
		    keys[i].kind != check->ret->kind)
			complain(check, keys[i].path, "%s is not of a %s; leave it out%s",
				 keys[i].path, is_function ? "function" : "service",
				 is_function ? "" : ", or write kind: function");
	if (check->ret->policy.wait_max_ms < check->ret->policy.wait_ms)
		complain(check, "run.restart_max_ms",
			 "run.restart_max_ms (%u) is below run.restart_ms (%u); write at least as "
			 "much",
			 check->ret->policy.wait_max_ms, check->ret->policy.wait_ms);
}

void run_check(const struct run_file *file, bool is_there, const struct config_lines *lines,
	       struct run_definition *ret, struct config_errors *errors)
{
	struct check check = {.file = file, .lines = lines, .ret = ret, .errors = errors};

	if (!is_there)
		return;
	check_kind(&check);
	check_place(&check);
	check_argv(&check);
	check_environment(&check);
	check_restart(&check);
	check_stop_signal(&check);
	check_content_type(&check);
	check_of_kind(&check);
}

bool run_add_environment(struct launch_spec *spec, const char *text)
{
	struct launch_words *words = &spec->environment;
	size_t name_len = strcspn(text, "=") + 1;

	for (size_t i = 0; i < words->n; i++) {
		if (strncmp(words->list[i], text, name_len) == 0) {
			words->list[i] = text;
			return true;
		}
	}
	if (words->n == LAUNCH_WORDS_MAX)
		return false;
	words->list[words->n++] = text;
	return true;
}

void run_fill_spec(const struct run_definition *run, const char *name, struct launch_spec *ret)
{
	const char *text = run->text;

	*ret = (struct launch_spec){
		.name = name,
		.user = run->user,
		.directory = run->directory[0] ? run->directory : "/",
		.memory_mib = run->memory_mib,
		.cpu_milli = run->cpu_milli,
		.pids = run->pids,
		.open_files = run->open_files,
		.is_bundle = run->is_bundle,
	};
	for (; ret->argv.n < run->n_argv; text += strlen(text) + 1)
		ret->argv.list[ret->argv.n++] = text;
	run_add_environment(ret, "PATH=/usr/local/bin:/usr/bin:/bin");
	run_add_environment(ret, "LANG=C.UTF-8");
	for (size_t i = 0; i < run->n_environment; text += strlen(text) + 1, i++)
		run_add_environment(ret, text);
}
