/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: run: how a service's program is run, as its definition says
 *
 * The key `run` of a definition; Documentation/runtime.rst.  It stays on the
 * hub: none of it is in the manifest.
 */
#ifndef SERVICES_RUN_H
#define SERVICES_RUN_H

#include <cyaml/cyaml.h>

#include "daemon/config/errors.h"
#include "daemon/config/lines.h"
#include "daemon/runtime/launch.h"
#include "daemon/supervise/supervise.h"

#define RUN_WORDS_MAX 32 /* of argv, and of environment */
#define RUN_TEXT_MAX 4096 /* bytes of all of them, each with its NUL */
#define RUN_TYPE_MAX 63 /* of a content type */

/** enum run_kind - what is done with the program */
enum run_kind {
	RUN_NONE, /* somebody else runs it */
	RUN_SERVICE, /* started with meshd, restarted */
	RUN_FUNCTION, /* started for each call */
};

/**
 * struct run_definition - a program and its treatment
 * @kind: enum run_kind
 * @is_bundle: @directory is an OCI bundle
 * @user: account, "" = first of runtime.users
 * @directory: to run in
 * @memory_mib: limit, 0 any; as below
 * @cpu_milli: limit
 * @pids: limit
 * @open_files: limit
 * @policy: restarts and times
 * @stop_signal: its number
 * @timeout_ms: of a call of a function
 * @concurrency: calls of a function at a time
 * @content_type: of a function's answers
 * @n_argv: strings of @text that are arguments
 * @n_environment: those after them
 * @text: NUL-terminated strings, one after the other
 * @text_len: bytes of @text
 */
struct run_definition {
	uint8_t kind;
	bool is_bundle;
	char user[LAUNCH_USER_MAX + 1], directory[LAUNCH_PATH_MAX + 1];
	uint32_t memory_mib, cpu_milli, pids, open_files;
	struct supervise_policy policy;
	uint8_t stop_signal;
	uint32_t timeout_ms, concurrency;
	char content_type[RUN_TYPE_MAX + 1];
	size_t n_argv, n_environment;
	char text[RUN_TEXT_MAX];
	size_t text_len;
};

/**
 * struct run_file - the section as written; NULL = key absent
 * @kind: word
 * @user: account
 * @directory: path
 * @bundle: path
 * @restart: word
 * @stop_signal: name
 * @content_type: text
 * @argv: list
 * @environment: list
 * @argv_count: entries of @argv
 * @environment_count: entries of @environment
 * @memory_mib: number, as all below
 * @cpu_milli: number
 * @pids: number
 * @open_files: number
 * @restart_ms: number
 * @restart_max_ms: number
 * @restarts: number
 * @ready_ms: number
 * @drain_ms: number
 * @stop_ms: number
 * @timeout_ms: number
 * @concurrency: number
 */
struct run_file {
	char *kind, *user, *directory, *bundle, *restart, *stop_signal, *content_type;
	char **argv, **environment;
	uint32_t argv_count, environment_count;
	int64_t *memory_mib, *cpu_milli, *pids, *open_files;
	int64_t *restart_ms, *restart_max_ms, *restarts, *ready_ms, *drain_ms, *stop_ms;
	int64_t *timeout_ms, *concurrency;
};

/** run_fields - libcyaml's schema of the section */
extern const cyaml_schema_field_t run_fields[];

/**
 * run_check() - What the section means; its numbers are checked with the definition's others.
 * @file: as written
 * @is_there: the definition has the section
 * @lines: of the file
 * @ret: filled as far as it is good
 * @errors: one entry per problem
 */
void run_check(const struct run_file *file, bool is_there, const struct config_lines *lines,
	       struct run_definition *ret, struct config_errors *errors);

/**
 * run_fill_spec() - What the launcher is to be told.
 * @run: borrowed as long as @ret
 * @name: of the service, likewise
 * @ret: filled; PATH and LANG are there, and may be replaced by the definition's
 */
void run_fill_spec(const struct run_definition *run, const char *name, struct launch_spec *ret);
/** run_add_environment() - One more NAME=VALUE, borrowed; false when there is no room. */
bool run_add_environment(struct launch_spec *spec, const char *text);

#endif
