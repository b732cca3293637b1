// SPDX-License-Identifier: GPL-2.0
/* DOC: supervise: see supervise.h */
#include "daemon/supervise/supervise.h"

#include "daemon/lib/prng.h"

static void enter(struct supervise *s, uint64_t now_ns, uint8_t state, uint64_t wait_ms)
{
	s->state = state;
	s->since_ns = now_ns;
	s->at_ns = wait_ms ? now_ns + wait_ms * NSEC_PER_MSEC : NEVER;
}

static enum supervise_action begin(struct supervise *s, uint64_t now_ns)
{
	s->is_again = s->was_killed = false;
	enter(s, now_ns, SUPERVISE_STARTING, s->policy.ready_ms);
	return SUPERVISE_START;
}

static enum supervise_action end_it(struct supervise *s, uint64_t now_ns)
{
	enter(s, now_ns, SUPERVISE_STOPPING, s->policy.stop_ms);
	return SUPERVISE_SIGNAL;
}

void supervise_init(struct supervise *ret, const struct supervise_policy *policy)
{
	*ret = (struct supervise){.policy = *policy, .state = SUPERVISE_STOPPED, .at_ns = NEVER};
}

bool supervise_is_alive(const struct supervise *s)
{
	return s->state == SUPERVISE_STARTING || s->state == SUPERVISE_RUNNING ||
	       s->state == SUPERVISE_DRAINING || s->state == SUPERVISE_STOPPING;
}

enum supervise_action supervise_start(struct supervise *s, uint64_t now_ns)
{
	s->failures = 0;
	switch (s->state) {
	case SUPERVISE_STOPPED:
	case SUPERVISE_WAITING:
	case SUPERVISE_GIVEN_UP:
		return begin(s, now_ns);
	case SUPERVISE_DRAINING: /* nobody has told it yet */
		s->is_again = false;
		enter(s, now_ns, SUPERVISE_RUNNING, 0);
		return SUPERVISE_NOTHING;
	case SUPERVISE_STOPPING:
		s->is_again = true;
		return SUPERVISE_NOTHING;
	default:
		return SUPERVISE_NOTHING;
	}
}

enum supervise_action supervise_stop(struct supervise *s, uint64_t now_ns, bool has_leases)
{
	s->is_again = false;
	switch (s->state) {
	case SUPERVISE_RUNNING:
		if (has_leases && s->policy.drain_ms) {
			enter(s, now_ns, SUPERVISE_DRAINING, s->policy.drain_ms);
			return SUPERVISE_NOTHING;
		}
		return end_it(s, now_ns);
	case SUPERVISE_STARTING:
		return end_it(s, now_ns);
	case SUPERVISE_WAITING:
	case SUPERVISE_GIVEN_UP:
		enter(s, now_ns, SUPERVISE_STOPPED, 0);
		return SUPERVISE_NOTHING;
	default:
		return SUPERVISE_NOTHING;
	}
}

enum supervise_action supervise_restart(struct supervise *s, uint64_t now_ns, bool has_leases)
{
	enum supervise_action action;

	if (!supervise_is_alive(s))
		return supervise_start(s, now_ns);
	action = supervise_stop(s, now_ns, has_leases);
	s->is_again = true;
	s->failures = 0;
	return action;
}

enum supervise_action supervise_on_drained(struct supervise *s, uint64_t now_ns)
{
	return s->state == SUPERVISE_DRAINING ? end_it(s, now_ns) : SUPERVISE_NOTHING;
}

void supervise_on_ready(struct supervise *s, uint64_t now_ns)
{
	if (s->state == SUPERVISE_STARTING)
		enter(s, now_ns, SUPERVISE_RUNNING, 0);
}

static uint64_t wait_of(const struct supervise *s)
{
	uint64_t wait_ms = s->policy.wait_ms;

	for (uint32_t i = 1; i < s->failures && wait_ms < s->policy.wait_max_ms; i++)
		wait_ms *= 2;
	return wait_ms < s->policy.wait_max_ms ? wait_ms : s->policy.wait_max_ms;
}

static enum supervise_action on_unasked_end(struct supervise *s, uint64_t now_ns, bool is_good)
{
	if (s->state == SUPERVISE_RUNNING && now_ns - s->since_ns >= SUPERVISE_STABLE_NS)
		s->failures = 0;
	s->failures++;
	if (s->policy.restart == SUPERVISE_NEVER ||
	    (s->policy.restart == SUPERVISE_ON_FAILURE && is_good)) {
		enter(s, now_ns, SUPERVISE_STOPPED, 0);
	} else if (s->failures >= s->policy.failures_max) {
		enter(s, now_ns, SUPERVISE_GIVEN_UP, 0);
	} else {
		s->restarts++;
		enter(s, now_ns, SUPERVISE_WAITING, wait_of(s));
	}
	return SUPERVISE_NOTHING;
}

enum supervise_action supervise_on_end(struct supervise *s, uint64_t now_ns, bool is_good)
{
	bool was_asked = s->state == SUPERVISE_STOPPING || s->state == SUPERVISE_DRAINING;

	if (!supervise_is_alive(s))
		return SUPERVISE_NOTHING;
	if (s->is_again)
		return begin(s, now_ns);
	if (!was_asked)
		return on_unasked_end(s, now_ns, is_good && !s->was_killed);
	enter(s, now_ns, SUPERVISE_STOPPED, 0);
	return SUPERVISE_NOTHING;
}

enum supervise_action supervise_on_timer(struct supervise *s, uint64_t now_ns)
{
	if (now_ns < s->at_ns)
		return SUPERVISE_NOTHING;
	switch (s->state) {
	case SUPERVISE_WAITING:
		return begin(s, now_ns);
	case SUPERVISE_DRAINING:
		return end_it(s, now_ns);
	case SUPERVISE_STARTING: /* never ready */
	case SUPERVISE_STOPPING:
		s->was_killed = true;
		/* Again after as long, should the order be lost. */
		s->at_ns = now_ns + (s->policy.stop_ms + 1) * NSEC_PER_MSEC;
		return SUPERVISE_KILL;
	default:
		s->at_ns = NEVER;
		return SUPERVISE_NOTHING;
	}
}

const char *supervise_state_name(uint8_t state)
{
	static const char *const names[] = {
		[SUPERVISE_STOPPED] = "stopped",   [SUPERVISE_STARTING] = "starting",
		[SUPERVISE_RUNNING] = "running",   [SUPERVISE_DRAINING] = "draining",
		[SUPERVISE_STOPPING] = "stopping", [SUPERVISE_WAITING] = "backoff",
		[SUPERVISE_GIVEN_UP] = "given-up",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}
