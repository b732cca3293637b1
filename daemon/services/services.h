/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: services: the directory of services this hub provides
 *
 * A shell.  Watches a directory of YAML files (Documentation/manifest.rst);
 * a file that appears, changes or goes is an event.  A file with errors
 * changes nothing: what it said before stays in force, and the errors are
 * kept for whoever asks.  Health checks (health.h) run for every service in
 * force.
 */
#ifndef SERVICES_SERVICES_H
#define SERVICES_SERVICES_H

#include <sys/types.h>
#include <uv.h>

#include "daemon/services/definition.h"

#define SERVICES_FILES_MAX CATALOGUE_ENTRIES_MAX
#define SERVICES_FILE_NAME_MAX (MANIFEST_NAME_MAX + 64) /* "NAME.yaml", some longer */
#define SERVICES_SETTLE_MS 50 /* after a change, for the rest of it to come */

struct services;

/**
 * struct services_events - whom to tell
 * @set: a service is there, or promises something else
 * @removed: a service of this name and version is not offered any more
 * @state: its health check says otherwise than before
 * @arg: handed to the functions
 *
 * A new version is set before the old one is removed.
 */
struct services_events {
	int (*set)(void *arg, const struct service_definition *definition);
	void (*removed)(void *arg, const char *name, const char *version_text);
	void (*state)(void *arg, const char *name, const char *version_text,
		      enum service_state state);
	void *arg;
};

/**
 * services_open() - Open or make the directory and watch it.
 * @loop: drives the watch
 * @path: of the directory; made with mode 0700 if its parent is there
 * @events: copied
 * @ret: filled on success
 * @error_text: on failure, a sentence for a person (thread-local text)
 *
 * Nothing is read before services_start().
 *
 * Return: 0 or -errno.
 */
int services_open(uv_loop_t *loop, const char *path, const struct services_events *events,
		  struct services **ret, const char **error_text);
/** services_start() - Read what is there; events come from now on. */
void services_start(struct services *services);
/** services_close() - Ends with the loop's next turns; NULL is allowed. */
void services_close(struct services *services);
/** services_give() - Hand the directory to the account the daemon will run as. Return: 0, -errno. */
int services_give(struct services *services, uid_t uid, gid_t gid);

/**
 * services_add() - Check a definition and write it as NAME.yaml.
 * @services: tells of it at once
 * @bytes: the YAML
 * @len: its length
 * @name: filled on success, MANIFEST_NAME_MAX + 1 bytes
 * @error: receives a line per problem
 * @error_size: bytes available in @error
 *
 * Return: 0; -EINVAL with @error; -errno writing.
 */
int services_add(struct services *services, const uint8_t *bytes, size_t len, char *name,
		 char *error, size_t error_size);
/** services_remove() - Delete the files that define @name. Return: 0; -ENOENT; -errno. */
int services_remove(struct services *services, const char *name);

/**
 * struct services_file - one file, for whoever asks
 * @file: its name
 * @definition: in force; NULL when it never was good
 * @error: what is wrong with it now, NULL nothing
 */
struct services_file {
	const char *file;
	const struct service_definition *definition;
	const char *error;
};

/** services_at() - Walk over the files, @i from 0. Return: false at the end. */
bool services_at(const struct services *services, size_t i, struct services_file *ret);

#endif
