/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: services: the directory of services this hub provides
 *
 * A shell.  Watches a directory of YAML files (Documentation/manifest.rst);
 * a file that appears, changes or goes is an event.  A file with errors
 * changes nothing: what it said before stays in force, and the errors are
 * kept for whoever asks.  So it is with the descriptors (descriptor.h) that
 * definitions name, wherever they are.  Health checks (health.h) run for every service in
 * force.
 */
#ifndef SERVICES_SERVICES_H
#define SERVICES_SERVICES_H

#include <sys/types.h>
#include <uv.h>

#include "daemon/services/definition.h"
#include "daemon/services/function.h"
#include "daemon/services/unit.h"

#define SERVICES_FILES_MAX CATALOGUE_ENTRIES_MAX
#define SERVICES_FILE_NAME_MAX (MANIFEST_NAME_MAX + 64) /* "NAME.yaml", some longer */
#define SERVICES_SETTLE_MS 50 /* after a change, for the rest of it to come */
/* Between looks whether the path leads to another directory now: no event of inotify tells. */
#define SERVICES_LOOK_MS 2000
#define SERVICES_RETRY_MS 5000 /* as entries of the proxy: an address may become free any time */

struct services;

/**
 * struct services_events - whom to tell
 * @set: a service is there, or promises something else; what it begins as unless it was there
 * @removed: a service of this name and version is not offered any more
 * @state: its health check says otherwise than before
 * @has_leases: somebody uses it
 * @arg: handed to the functions
 *
 * A new version is set before the old one is removed.
 */
struct services_events {
	int (*set)(void *arg, const struct service_definition *definition,
		   enum service_state state);
	void (*removed)(void *arg, const char *name, const char *version_text);
	void (*state)(void *arg, const char *name, const char *version_text,
		      enum service_state state);
	bool (*has_leases)(void *arg, const char *name, const char *version_text);
	void *arg;
};

/**
 * services_open() - Open or make the directory and watch it.
 * @loop: drives the watch
 * @path: of the directory; made with mode 0700 if its parent is there
 * @runtime: runs programs; NULL: definitions that need it are refused
 * @events: copied
 * @ret: filled on success
 * @error_text: on failure, a sentence for a person (thread-local text)
 *
 * Nothing is read before services_start().
 *
 * Return: 0 or -errno.
 */
int services_open(uv_loop_t *loop, const char *path, struct runtime *runtime,
		  const struct services_events *events, struct services **ret,
		  const char **error_text);
/** services_start() - Read what is there; events come from now on. */
void services_start(struct services *services);
/** services_close() - Ends with the loop's next turns; NULL is allowed. */
void services_close(struct services *services);
/**
 * services_give() - Hand the directory to the account the daemon will run as.
 * @services: not started
 * @uid: new owner
 * @gid: new group
 *
 * And the files in it that are ours, as long as nobody else could have put them there, for that
 * account may not be able to read them.  Otherwise those it cannot read are logged, with the
 * command that mends it.
 *
 * Return: 0 or -errno of chown.
 */
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
 * @unit: its program, NULL when meshd runs none
 * @function: NULL when it is none
 */
struct services_file {
	const char *file;
	const struct service_definition *definition;
	const char *error;
	const struct unit *unit;
	struct function *function;
};

/**
 * services_order() - Start, stop or restart the programs of a service.
 * @services: has it
 * @name: of the service, all its versions
 * @verb: what to do
 *
 * Return: 0; -ENOENT no such service here; -ENOTSUP meshd does not run it.
 */
int services_order(struct services *services, const char *name, enum unit_verb verb);
/** services_end_calls() - Of functions, each with 503. */
void services_end_calls(struct services *services);
/** services_schema() - What the messages of a service are; NULL it does not say.  Borrowed. */
struct schema *services_schema(const struct services *services, const char *name,
			       const char *version_text);
/** services_at() - Walk over the files, @i from 0. Return: false at the end. */
bool services_at(const struct services *services, size_t i, struct services_file *ret);

#endif
