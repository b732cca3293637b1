/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: supervise: when a service's program is started, stopped, given up
 *
 * A room: state of one program, what happens to it and when comes in, what to
 * do goes out.
 *
 *   stopped -> starting -> running -> draining -> stopping -> stopped
 *                 |           |                       |
 *                 +--> waiting (backoff) <------------+ (restart)
 *                         |
 *                         +-> given up
 *
 * A program that ends unasked is started again by its policy after a pause
 * that doubles with each failure in a row, to a bound; after so many in a row
 * it is given up until somebody says start.  One that has run for
 * SUPERVISE_STABLE_NS begins with a clean record.
 */
#ifndef SUPERVISE_SUPERVISE_H
#define SUPERVISE_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>

#define SUPERVISE_STABLE_NS (10 * 1000000000ull)

/** enum supervise_restart - policy for a program that ends unasked */
enum supervise_restart {
	SUPERVISE_ALWAYS,
	SUPERVISE_ON_FAILURE, /* not when it exits with 0 */
	SUPERVISE_NEVER,
};

/** enum supervise_state - of a program */
enum supervise_state {
	SUPERVISE_STOPPED, /* asked to, or ended and not to be restarted */
	SUPERVISE_STARTING, /* until it is ready */
	SUPERVISE_RUNNING,
	SUPERVISE_DRAINING, /* its leases run out */
	SUPERVISE_STOPPING, /* it got its stop signal */
	SUPERVISE_WAITING, /* for its next start */
	SUPERVISE_GIVEN_UP, /* too many failures in a row */
};

/** enum supervise_action - what to do now */
enum supervise_action {
	SUPERVISE_NOTHING,
	SUPERVISE_START,
	SUPERVISE_SIGNAL, /* the stop signal */
	SUPERVISE_KILL,
};

/**
 * struct supervise_policy - as the definition says
 * @restart: enum supervise_restart
 * @wait_ms: before the first restart
 * @wait_max_ms: bound of the doubled wait
 * @failures_max: in a row, then it is given up
 * @ready_ms: to become ready in
 * @drain_ms: for leases to run out
 * @stop_ms: from stop signal to kill
 */
struct supervise_policy {
	uint8_t restart;
	uint32_t wait_ms, wait_max_ms, failures_max, ready_ms, drain_ms, stop_ms;
};

/**
 * struct supervise - one program
 * @policy: how to treat it
 * @state: enum supervise_state
 * @is_again: start it when it has ended
 * @was_killed: the kill has been ordered
 * @failures: in a row
 * @restarts: in all, unasked
 * @since_ns: when @state began
 * @at_ns: when supervise_on_timer() is due, NEVER
 */
struct supervise {
	struct supervise_policy policy;
	uint8_t state;
	bool is_again, was_killed;
	uint32_t failures, restarts;
	uint64_t since_ns, at_ns;
};

/** supervise_init() - Stopped. */
void supervise_init(struct supervise *ret, const struct supervise_policy *policy);
/** supervise_start() - Somebody wants it to run.  A clean record. */
enum supervise_action supervise_start(struct supervise *s, uint64_t now_ns);
/** supervise_stop() - Somebody wants it to stop; @has_leases: users are to be waited for. */
enum supervise_action supervise_stop(struct supervise *s, uint64_t now_ns, bool has_leases);
/** supervise_restart() - Stop, and start when it has ended. */
enum supervise_action supervise_restart(struct supervise *s, uint64_t now_ns, bool has_leases);
/** supervise_on_drained() - No lease is left. */
enum supervise_action supervise_on_drained(struct supervise *s, uint64_t now_ns);
/** supervise_on_ready() - It does its work. */
void supervise_on_ready(struct supervise *s, uint64_t now_ns);
/** supervise_on_end() - None of its processes is left; @is_good: it exited with 0. */
enum supervise_action supervise_on_end(struct supervise *s, uint64_t now_ns, bool is_good);
/** supervise_on_timer() - @now_ns has reached at_ns. */
enum supervise_action supervise_on_timer(struct supervise *s, uint64_t now_ns);
/** supervise_is_alive() - A program has been started and has not ended. */
bool supervise_is_alive(const struct supervise *s);
/** supervise_state_name() - "running", "backoff", ... */
const char *supervise_state_name(uint8_t state);

#endif
