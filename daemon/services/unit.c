// SPDX-License-Identifier: GPL-2.0
/* DOC: unit: see unit.h */
#include "daemon/services/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/lib/prng.h"
#include "daemon/services/health.h"

#define RATE_WINDOW_MS 1000

/**
 * struct unit - a service's program
 * @loop: drives it
 * @runtime: runs it
 * @definition: in force for the program that runs
 * @next: in force from its next start, NULL the same
 * @probe: definition of the check whether it is ready
 * @events: whom to tell; its functions are NULL once nobody cares
 * @supervise: decides
 * @task: the program, NULL none
 * @pid: of its first process
 * @health: of @probe until it is ready, then of @definition; NULL none
 * @well: what the check says
 * @told: what the catalogue was told last
 * @timer: due when @supervise is, or a lease may be gone
 * @window: of the output's rate
 * @handles: of libuv, still open
 * @window_bytes: read in it
 * @output: what it wrote
 * @last_end: how it ended
 * @is_freed: unit_free() was called
 */
struct unit {
	uv_loop_t *loop;
	struct runtime *runtime;
	struct service_definition *definition, *next, *probe;
	struct unit_events events;
	struct supervise supervise;
	struct runtime_task *task;
	uint32_t pid;
	struct health *health;
	enum service_state well;
	int told;
	uv_timer_t timer, window;
	unsigned int handles;
	size_t window_bytes;
	struct program_log output;
	char last_end[RUNTIME_TEXT_MAX];
	bool is_freed;
};

static void settle(struct unit *unit);
static void act(struct unit *unit, enum supervise_action action);

static int64_t unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

__attribute__((format(printf, 2, 3))) static void note(struct unit *unit, const char *fmt, ...)
{
	char text[OUTPUT_LINE_MAX + 1], quoted[LOG_LINE_MAX / 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	program_log_note(&unit->output, unix_ms(), text);
	log_info(LOG_INFO_CLASS, "event=service-program service=%s text=%s",
		 unit->definition->manifest.name, log_quote(text, quoted, sizeof(quoted)));
}

/* ---- the catalogue ------------------------------------------------------- */

static enum service_state state_of(const struct unit *unit)
{
	switch (unit->supervise.state) {
	case SUPERVISE_RUNNING:
		return unit->well;
	case SUPERVISE_DRAINING:
		return SERVICE_DRAINING;
	default:
		return SERVICE_FAILING;
	}
}

static bool has_leases(const struct unit *unit)
{
	return unit->events.has_leases && unit->events.has_leases(unit->events.arg);
}

/* ---- health -------------------------------------------------------------- */

static void on_health(void *arg, enum service_state state, const char *why)
{
	struct unit *unit = arg;

	unit->well = state;
	if (why[0])
		note(unit, "health check: %s", why);
	settle(unit);
}

static void stop_health(struct unit *unit)
{
	health_free(unit->health);
	unit->health = NULL;
	free(unit->probe);
	unit->probe = NULL;
}

static void become_ready(struct unit *unit)
{
	const struct service_definition *d = unit->definition;

	stop_health(unit);
	unit->well = SERVICE_AVAILABLE;
	supervise_on_ready(&unit->supervise, uv_hrtime());
	note(unit, "ready");
	if (d->manifest.health != MANIFEST_HEALTH_NONE)
		unit->health = health_new(unit->loop, unit->runtime, d, SERVICE_AVAILABLE,
					  on_health, unit);
	settle(unit);
}

static void on_probe(void *arg, enum service_state state, const char *why)
{
	if (state == SERVICE_AVAILABLE)
		become_ready(arg);
}

/* By its health check; without one a program is ready when its endpoint accepts. */
static void watch_for_ready(struct unit *unit)
{
	struct service_definition *probe;

	if (unit->definition->manifest.health == MANIFEST_HEALTH_NONE &&
	    unit->definition->manifest.protocol == MANIFEST_UDP) {
		become_ready(unit); /* nothing to be seen from outside */
		return;
	}
	probe = unit->probe = xmemdup(unit->definition, sizeof(*probe));
	if (probe->manifest.health == MANIFEST_HEALTH_NONE) {
		probe->manifest.health = MANIFEST_HEALTH_TCP;
		probe->health_target[0] = '\0';
	}
	probe->manifest.health_interval_ms = UNIT_READY_INTERVAL_MS;
	unit->health =
		health_new(unit->loop, unit->runtime, probe, SERVICE_FAILING, on_probe, unit);
}

/* ---- the program --------------------------------------------------------- */

static void on_started(void *arg, uint32_t pid)
{
	struct unit *unit = arg;

	unit->pid = pid;
	note(unit, "started, process %u", pid);
	if (unit->supervise.state == SUPERVISE_STARTING)
		watch_for_ready(unit);
}

static void on_window(uv_timer_t *timer)
{
	struct unit *unit = timer->data;

	unit->window_bytes = 0;
	if (unit->task)
		runtime_pause(unit->task, false);
}

static void on_output(void *arg, enum runtime_stream stream, const char *bytes, size_t len)
{
	struct unit *unit = arg;

	program_log_add(&unit->output, unix_ms(), stream, bytes, len);
	if (!uv_is_active((uv_handle_t *)&unit->window))
		uv_timer_start(&unit->window, on_window, RATE_WINDOW_MS, 0);
	unit->window_bytes += len;
	if (unit->window_bytes >= UNIT_OUTPUT_RATE && unit->task)
		runtime_pause(unit->task, true);
}

static void take_next(struct unit *unit)
{
	if (!unit->next)
		return;
	free(unit->definition);
	unit->definition = steal_pointer(&unit->next);
	unit->supervise.policy = unit->definition->run.policy;
}

static void ended(struct unit *unit, const char *text, bool is_good)
{
	program_log_flush(&unit->output, unix_ms());
	unit->task = NULL;
	unit->pid = 0;
	stop_health(unit);
	snprintf(unit->last_end, sizeof(unit->last_end), "%s", text);
	note(unit, "ended: %s", text);
	take_next(unit);
	act(unit, supervise_on_end(&unit->supervise, uv_hrtime(), is_good));
	if (unit->supervise.state == SUPERVISE_GIVEN_UP)
		note(unit,
		     "given up after %u failures in a row; meshctl service start %s tries again",
		     unit->supervise.failures, unit->definition->manifest.name);
}

static void on_ended(void *arg, const struct runtime_end *end)
{
	struct unit *unit = arg;

	ended(unit, end->text, end->has_run && !end->signal && !end->status);
	settle(unit);
}

static void start(struct unit *unit)
{
	const struct runtime_events events = {on_started, on_output, on_ended, unit};
	char error[RUNTIME_TEXT_MAX];
	struct launch_spec spec;

	run_fill_spec(&unit->definition->run, unit->definition->manifest.name, &spec);
	unit->task = runtime_start(unit->runtime, &spec, NULL, 0, &events, error);
	if (!unit->task)
		ended(unit, error, false);
}

static void act(struct unit *unit, enum supervise_action action)
{
	if (action == SUPERVISE_START)
		start(unit);
	if (!unit->task)
		return;
	if (action == SUPERVISE_SIGNAL) {
		runtime_pause(unit->task, false); /* one that waits to write hears nothing */
		runtime_signal(unit->task, unit->definition->run.stop_signal);
	} else if (action == SUPERVISE_KILL) {
		note(unit, unit->supervise.state == SUPERVISE_STARTING ? "not ready in time: killed"
								       : "did not stop: killed");
		runtime_kill(unit->task);
	}
}

/* ---- time ---------------------------------------------------------------- */

static void on_handle_closed(uv_handle_t *handle)
{
	struct unit *unit = handle->data;

	if (--unit->handles)
		return;
	program_log_fini(&unit->output);
	free(unit->definition);
	free(unit->next);
	free(unit);
}

static void close_unit(struct unit *unit)
{
	uv_close((uv_handle_t *)&unit->timer, on_handle_closed);
	uv_close((uv_handle_t *)&unit->window, on_handle_closed);
}

static void on_timer(uv_timer_t *timer)
{
	struct unit *unit = timer->data;
	uint64_t now = uv_hrtime();

	if (unit->supervise.state == SUPERVISE_DRAINING && !has_leases(unit))
		act(unit, supervise_on_drained(&unit->supervise, now));
	act(unit, supervise_on_timer(&unit->supervise, now));
	settle(unit);
}

/* After whatever happened: the timer, and the catalogue if it is something else now. */
static void settle(struct unit *unit)
{
	uint64_t now = uv_hrtime(), at = unit->supervise.at_ns;
	enum service_state state = state_of(unit);

	if (unit->is_freed && !unit->task) {
		if (!uv_is_closing((uv_handle_t *)&unit->timer))
			close_unit(unit);
		return;
	}
	if (unit->supervise.state == SUPERVISE_DRAINING)
		at = earlier(at, now + UNIT_DRAIN_STEP_MS * NSEC_PER_MSEC);
	uv_update_time(unit->loop);
	if (at == NEVER)
		uv_timer_stop(&unit->timer);
	else
		uv_timer_start(&unit->timer, on_timer,
			       at > now ? (at - now) / NSEC_PER_MSEC + 1 : 1, 0);
	if ((int)state == unit->told || unit->is_freed)
		return;
	unit->told = (int)state;
	unit->events.state(unit->events.arg, state);
}

/* ---- life ---------------------------------------------------------------- */

struct unit *unit_new(uv_loop_t *loop, struct runtime *runtime,
		      const struct service_definition *definition, const struct unit_events *events)
{
	struct unit *unit = xnew(struct unit);

	unit->loop = loop;
	unit->runtime = runtime;
	unit->definition = xmemdup(definition, sizeof(*definition));
	unit->events = *events;
	unit->told = -1;
	uv_timer_init(loop, &unit->timer);
	uv_timer_init(loop, &unit->window);
	unit->timer.data = unit->window.data = unit;
	unit->handles = 2;
	supervise_init(&unit->supervise, &definition->run.policy);
	unit_order(unit, UNIT_START);
	return unit;
}

/* What the program and its check are made from; limits and times count too. */
static bool is_same_program(const struct service_definition *a, const struct service_definition *b)
{
	return memcmp(&a->run, &b->run, sizeof(a->run)) == 0 &&
	       strcmp(a->manifest.name, b->manifest.name) == 0 &&
	       strcmp(a->manifest.version_text, b->manifest.version_text) == 0 &&
	       memcmp(a->manifest.endpoints, b->manifest.endpoints,
		      sizeof(a->manifest.endpoints)) == 0 &&
	       a->manifest.health == b->manifest.health &&
	       a->manifest.health_interval_ms == b->manifest.health_interval_ms &&
	       strcmp(a->health_target, b->health_target) == 0 &&
	       a->health_timeout_ms == b->health_timeout_ms &&
	       a->health_failures == b->health_failures;
}

void unit_change(struct unit *unit, const struct service_definition *definition)
{
	const struct service_definition *now = unit->next ? unit->next : unit->definition;

	if (!is_same_program(now, definition)) {
		free(unit->next);
		unit->next = xmemdup(definition, sizeof(*definition));
		if (!unit->task)
			take_next(unit);
		act(unit, supervise_restart(&unit->supervise, uv_hrtime(), false));
	}
	unit->told = -1; /* a new version begins as failing, whatever this was */
	settle(unit);
}

void unit_free(struct unit *unit)
{
	if (!unit)
		return;
	unit->is_freed = true;
	stop_health(unit);
	unit->events = (struct unit_events){0};
	act(unit, supervise_stop(&unit->supervise, uv_hrtime(), false));
	settle(unit);
}

void unit_order(struct unit *unit, enum unit_verb verb)
{
	uint64_t now = uv_hrtime();

	switch (verb) {
	case UNIT_START:
		act(unit, supervise_start(&unit->supervise, now));
		break;
	case UNIT_STOP:
		act(unit, supervise_stop(&unit->supervise, now, has_leases(unit)));
		break;
	case UNIT_RESTART:
		act(unit, supervise_restart(&unit->supervise, now, has_leases(unit)));
		break;
	}
	settle(unit);
}

struct unit_view unit_get(const struct unit *unit)
{
	return (struct unit_view){
		.state = unit->supervise.state,
		.pid = unit->pid,
		.restarts = unit->supervise.restarts,
		.failures = unit->supervise.failures,
		.since_ns = unit->supervise.since_ns,
		.last_end = unit->last_end,
	};
}

const struct program_log *unit_get_output(const struct unit *unit)
{
	return &unit->output;
}
