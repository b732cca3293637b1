/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: resilience: how an entry deals with providers that are bad, slow or full
 *
 * The decisions are in files of their own, pure: outlier, concurrency, hosts, fault, split,
 * hedge.  resilience.c asks them on behalf of the pumps, keeps the queue of each entry and tells
 * the broker.  Requests of whatever protocol have an admission each.
 */
#ifndef PROXY_RESILIENCE_H
#define PROXY_RESILIENCE_H

#include <sys/queue.h>

#include "daemon/proxy/fault.h"
#include "daemon/proxy/hedge.h"
#include "daemon/proxy/hosts.h"
#include "daemon/proxy/split.h"

#define DRAIN_MS_DEFAULT 5000 /* most requests are over long before */

/**
 * struct mirror_settings - of an entry
 * @percent: of requests that are also sent to @service; 0 none
 * @service: name
 * @range_text: versions of it; "" any
 */
struct mirror_settings {
	uint32_t percent;
	char service[MANIFEST_NAME_MAX + 1];
	char range_text[SEMVER_RANGE_TEXT_MAX + 1];
};

/**
 * struct resilience_settings - resilience: of an entry
 * @outlier: who is avoided
 * @concurrency: requests a provider has at a time
 * @fault: on purpose
 * @hedge: second attempts
 * @split: where shares of requests go
 * @mirror: where copies go
 * @drain_ms: for requests under way when the entry goes or the daemon stops
 */
struct resilience_settings {
	struct outlier_settings outlier;
	struct concurrency_settings concurrency;
	struct fault_settings fault;
	struct hedge_settings hedge;
	struct split_settings split;
	struct mirror_settings mirror;
	uint32_t drain_ms;
};

/**
 * struct resilience_counts - of a service; since the start
 * @ejections: providers that were ejected
 * @ejections_spared: that should have been, but too few would have been left
 * @queued: requests that waited for their provider to have place
 * @overflowed: of them, and of those that found the queue full, sent to the shared provider
 * @rejected: likewise, answered with 503
 * @faults_delayed: on purpose
 * @faults_aborted: on purpose
 * @split: requests sent to each share
 * @hedged: second attempts
 * @hedges_won: of them that answered first
 * @mirrored: copies sent
 * @mirrors_dropped: copies not sent: too many were under way, or nobody took them
 * @drained: connections that were ended after an answer
 * @drain_cut: connections whose answer took too long for that
 * @resumed: answers another provider went on with
 */
struct resilience_counts {
	uint64_t ejections, ejections_spared, queued, overflowed, rejected, faults_delayed,
		faults_aborted, split[SPLIT_MAX], hedged, hedges_won, mirrored, mirrors_dropped,
		drained, drain_cut, resumed;
};

struct entry;

/** enum admission_state - of a request */
enum admission_state {
	ADMISSION_NONE,
	ADMISSION_QUEUED,
	ADMISSION_BUSY, /* its provider has it */
};

/**
 * struct admission - a request and its provider; zero-initialise
 * @entry: whose provider; NULL with ADMISSION_NONE
 * @host: that has it, or will
 * @state: enum admission_state
 * @since_ns: of the state
 * @wake: there is place now, with the state back to NONE: ask again; from the loop
 * @link: in the entry's list for the state
 */
struct admission {
	struct entry *entry;
	struct host *host;
	uint8_t state;
	uint64_t since_ns;
	void (*wake)(struct admission *admission);
	TAILQ_ENTRY(admission) link;
};

TAILQ_HEAD(admissions, admission);

/**
 * struct resilience - state of an entry
 * @hosts: its providers
 * @hedge: budget and times
 * @queue: requests that wait, oldest first
 * @busy: requests that providers have
 * @n_queued: entries of @queue
 * @has_place: a request has left its provider since the queue was last looked at
 */
struct resilience {
	struct hosts hosts;
	struct hedge hedge;
	struct admissions queue, busy;
	uint32_t n_queued;
	bool has_place;
};

/**
 * struct resilience_plan - what an entry does to one request, decided when it comes
 * @fault: on purpose
 * @is_mirrored: a copy is to be made when the request is whole
 */
struct resilience_plan {
	struct fault fault;
	bool is_mirrored;
};

/** enum admission_verdict - of resilience_admit() */
enum admission_verdict {
	ADMISSION_PASS, /* send it */
	ADMISSION_WAIT, /* it is in the queue: wake() follows, or resilience_leave() takes it out */
	ADMISSION_FULL, /* the queue is, too */
};

/** resilience_init() - Of a new entry. */
void resilience_init(struct entry *entry);
/** resilience_changed() - It has other settings or providers: who waits may have place now. */
void resilience_changed(struct entry *entry);
/** resilience_warn() - Say loudly what is meant for tests only. */
void resilience_warn(const struct entry *entry);
/** resilience_fini() - The entry goes: requests go on without being counted. */
void resilience_fini(struct entry *entry);
/**
 * resilience_plan() - A request comes: draw for it, and let it earn budgets.
 * @entry: it uses, maybe a leg
 * @may_be_copied: as far as its protocol goes
 * @may_be_hedged: likewise, and the entry says so
 */
struct resilience_plan resilience_plan(struct entry *entry, bool may_be_copied, bool may_be_hedged);
/** resilience_hedge_ms() - How long the first attempt is waited for; 0: no second one is made. */
uint32_t resilience_hedge_ms(const struct entry *door);
/**
 * resilience_admit() - May a provider of an entry get a request?
 * @admission: of the request, in no state
 * @entry: whose request
 * @hub: of the provider
 * @digest: of its manifest
 * @now_ns: monotonic
 *
 * Return: enum admission_verdict.
 */
enum admission_verdict resilience_admit(struct admission *admission, struct entry *entry,
					const struct hub_id *hub, const uint8_t *digest,
					uint64_t now_ns);
/** resilience_move() - The place of a request at its provider is another's now, who has none. */
void resilience_move(struct admission *from, struct admission *to);
/** resilience_leave() - The request is over, fails, or waits no longer; in any state. */
void resilience_leave(struct admission *admission);
/**
 * resilience_answered() - An answer began, or none came in time.
 * @admission: of the request
 * @now_ns: monotonic
 * @is_dropped: it timed out, or the provider is too busy
 */
void resilience_answered(struct admission *admission, uint64_t now_ns, bool is_dropped);
/** resilience_result() - A use of a provider ended: is it an outlier? */
void resilience_result(struct entry *entry, const struct hub_id *hub, const uint8_t *digest,
		       uint64_t now_ns, bool is_error);
/** resilience_is_ejected() - Is a provider to be left as soon as there is another? */
bool resilience_is_ejected(struct entry *entry, const struct hub_id *hub, const uint8_t *digest,
			   uint64_t now_ns);
/** resilience_wake() - Requests that wait, and now have place, are sent on; from the loop. */
void resilience_wake(struct entry *entry);

#endif
