/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: unit: a service whose program meshd runs
 *
 * A shell: joins the supervise room (when), the runtime (what runs), the
 * health checker (is it well) and the output.  What it is in the catalogue
 * follows: available when it is ready and well, draining before it is
 * stopped, failing in all other states.
 */
#ifndef SERVICES_UNIT_H
#define SERVICES_UNIT_H

#include "daemon/runtime/runtime.h"
#include "daemon/services/definition.h"
#include "daemon/services/program_log.h"

#define UNIT_READY_INTERVAL_MS 100 /* between two looks whether it is ready */
#define UNIT_DRAIN_STEP_MS 100 /* between two looks whether leases are left */
#define UNIT_OUTPUT_RATE 262144 /* bytes read in a second; who writes more waits */

struct unit;

/**
 * struct unit_events - whom to tell
 * @state: it is something else in the catalogue than before
 * @has_leases: does anybody use it?
 * @arg: handed to the functions
 */
struct unit_events {
	void (*state)(void *arg, enum service_state state);
	bool (*has_leases)(void *arg);
	void *arg;
};

/**
 * struct unit_view - for whoever asks
 * @state: enum supervise_state
 * @pid: of its first process, 0 none
 * @restarts: unasked, in all
 * @failures: in a row
 * @since_ns: when @state began, of uv_hrtime()
 * @last_end: how it ended last, "" never
 */
struct unit_view {
	uint8_t state;
	uint32_t pid, restarts, failures;
	uint64_t since_ns;
	const char *last_end;
};

/** enum unit_verb - what somebody wants */
enum unit_verb { UNIT_START, UNIT_STOP, UNIT_RESTART };

/**
 * unit_new() - Start it.
 * @loop: drives it
 * @runtime: runs it
 * @definition: copied
 * @events: copied; @state is called from within
 */
struct unit *unit_new(uv_loop_t *loop, struct runtime *runtime,
		      const struct service_definition *definition,
		      const struct unit_events *events);
/** unit_change() - Another definition: at once when its program may stay, else with a restart. */
void unit_change(struct unit *unit, const struct service_definition *definition);
/** unit_free() - No call follows; the program gets its stop signal and its grace. */
void unit_free(struct unit *unit);
/** unit_order() - Start, stop or restart it. */
void unit_order(struct unit *unit, enum unit_verb verb);
/** unit_get() - How it is. */
struct unit_view unit_get(const struct unit *unit);
/** unit_get_output() - What it wrote. */
const struct program_log *unit_get_output(const struct unit *unit);

#endif
