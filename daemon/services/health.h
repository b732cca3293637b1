/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: health: is a service of ours what it promises to be?
 *
 * A shell.  Connects to the service's first endpoint (or what the check's
 * target says) at its interval: tcp wants a connection, http a status below
 * 400 for GET of the target, grpc SERVING of grpc.health.v1.Health, command
 * exit status 0 of a program run by the launcher.  One check at a time, bounded
 * in time and bytes.
 *
 * A service is failing after so many failures in a row, and at once if its
 * very first check fails; it is available again after HEALTH_RECOVERED
 * successes in a row.
 */
#ifndef SERVICES_HEALTH_H
#define SERVICES_HEALTH_H

#include <uv.h>

#include "daemon/runtime/runtime.h"
#include "daemon/services/definition.h"

#define HEALTH_RECOVERED 2
#define HEALTH_BYTES_MAX 16384 /* read in one check */
#define HEALTH_WHY_MAX 128

struct health;

/**
 * typedef health_fn - the state changed
 * @arg: as given
 * @state: SERVICE_AVAILABLE or SERVICE_FAILING
 * @why: the last failure, for a person; "" when available
 */
typedef void (*health_fn)(void *arg, enum service_state state, const char *why);

/**
 * health_new() - Check a service from now on; the first time at once.
 * @loop: drives it
 * @runtime: runs commands; NULL: they fail
 * @definition: with a health kind other than none; borrowed until health_free()
 * @state: what it is believed to be; SERVICE_FAILING ends with a first success
 * @fn: told of changes, never from within this call
 * @arg: handed to @fn
 *
 * Return: the checker, never NULL.
 */
struct health *health_new(uv_loop_t *loop, struct runtime *runtime,
			  const struct service_definition *definition, enum service_state state,
			  health_fn fn, void *arg);
/** health_free() - No call follows; memory goes with the loop's next turns. NULL is allowed. */
void health_free(struct health *health);

/**
 * health_target_is_valid() - Can this target be checked?
 * @kind: enum manifest_health
 * @target: "" is the default: the first endpoint, "/", or the server as a whole; of a command
 *	its path and arguments, with blanks between
 */
bool health_target_is_valid(uint8_t kind, const char *target);

#endif
