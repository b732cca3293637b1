// SPDX-License-Identifier: GPL-2.0
/* DOC: resilience: see resilience.h */
#include "daemon/proxy/internal.h"

#include "daemon/lib/log.h"

void resilience_init(struct entry *entry)
{
	TAILQ_INIT(&entry->resilience.queue);
	TAILQ_INIT(&entry->resilience.busy);
}

void resilience_changed(struct entry *entry)
{
	entry->resilience.has_place = entry->proxy->has_place = true;
}

void resilience_warn(const struct entry *entry)
{
	const struct fault_settings *fault = &entry->settings.resilience.fault;

	if (fault_is_on(fault))
		log_warning(LOG_LOCAL_CLASS,
			    "event=faults-on-purpose service=%s abort_percent=%u delay_percent=%u "
			    "hint=\"for tests only: remove resilience.fault from the entry\"",
			    entry->counted->name, fault->abort_percent, fault->delay_percent);
}

void resilience_fini(struct entry *entry)
{
	struct resilience *own = &entry->resilience;
	struct admission *admission;

	entry->settings.resilience.concurrency.is_on = false; /* nobody comes back */
	while ((admission = TAILQ_FIRST(&own->busy)))
		resilience_leave(admission);
	while ((admission = TAILQ_FIRST(&own->queue))) {
		resilience_leave(admission);
		admission->wake(admission);
	}
}

/* ---- requests that come ---- */

struct resilience_plan resilience_plan(struct entry *entry, bool may_be_copied, bool may_be_hedged)
{
	const struct resilience_settings *settings = &entry->settings.resilience;
	struct entry *door = entry->parent ? entry->parent : entry;
	struct prng *prng = &entry->proxy->prng;

	budget_earn(&entry->budget);
	if (may_be_hedged)
		hedge_note_request(&door->resilience.hedge);
	return (struct resilience_plan){
		.is_mirrored = may_be_copied && prng_below(prng, 100) < settings->mirror.percent,
		.fault = fault_decide(&settings->fault, (uint32_t)prng_below(prng, FAULT_PERCENT),
				      (uint32_t)prng_below(prng, FAULT_PERCENT)),
	};
}

uint32_t resilience_hedge_ms(const struct entry *door)
{
	const struct hedge_settings *settings = &door->settings.resilience.hedge;
	const uint32_t us_per_ms = 1000;

	if (!settings->is_on)
		return 0;
	return (uint32_t)((hedge_delay_us(&door->resilience.hedge, settings) + us_per_ms - 1) /
			  us_per_ms);
}

/* ---- concurrency ---- */

static void enter(struct admission *admission, struct entry *entry, struct host *host,
		  uint8_t state, uint64_t now_ns)
{
	struct resilience *own = &entry->resilience;

	admission->entry = entry;
	admission->host = host;
	admission->state = state;
	admission->since_ns = now_ns;
	if (state == ADMISSION_BUSY) {
		TAILQ_INSERT_TAIL(&own->busy, admission, link);
		return;
	}
	TAILQ_INSERT_TAIL(&own->queue, admission, link);
	own->n_queued++;
	entry->counted->counts.resilience.queued++;
}

enum admission_verdict resilience_admit(struct admission *admission, struct entry *entry,
					const struct hub_id *hub, const uint8_t *digest,
					uint64_t now_ns)
{
	const struct concurrency_settings *settings = &entry->settings.resilience.concurrency;
	struct host *host;

	if (!settings->is_on)
		return ADMISSION_PASS;
	host = hosts_take(&entry->resilience.hosts, hub, digest, now_ns);
	if (!host)
		return ADMISSION_PASS; /* more providers at work than any mesh has of a service */
	if (concurrency_begin(&host->concurrency, settings)) {
		enter(admission, entry, host, ADMISSION_BUSY, now_ns);
		return ADMISSION_PASS;
	}
	if (entry->resilience.n_queued >= settings->queue)
		return ADMISSION_FULL;
	enter(admission, entry, NULL, ADMISSION_QUEUED, now_ns);
	return ADMISSION_WAIT;
}

void resilience_move(struct admission *from, struct admission *to)
{
	struct resilience *own;

	if (from->state != ADMISSION_BUSY)
		return;
	own = &from->entry->resilience;
	TAILQ_REMOVE(&own->busy, from, link);
	to->entry = from->entry;
	to->host = from->host;
	to->state = from->state;
	to->since_ns = from->since_ns;
	TAILQ_INSERT_TAIL(&own->busy, to, link);
	from->state = ADMISSION_NONE;
	from->entry = NULL;
	from->host = NULL;
}

void resilience_leave(struct admission *admission)
{
	struct resilience *own;

	if (admission->state == ADMISSION_NONE)
		return;
	own = &admission->entry->resilience;
	if (admission->state == ADMISSION_BUSY) {
		TAILQ_REMOVE(&own->busy, admission, link);
		concurrency_end(&admission->host->concurrency);
		own->has_place = admission->entry->proxy->has_place = true;
	} else {
		TAILQ_REMOVE(&own->queue, admission, link);
		own->n_queued--;
	}
	admission->state = ADMISSION_NONE;
	admission->entry = NULL;
	admission->host = NULL;
}

void resilience_answered(struct admission *admission, uint64_t now_ns, bool is_dropped)
{
	if (admission->state != ADMISSION_BUSY)
		return;
	concurrency_sample(&admission->host->concurrency,
			   &admission->entry->settings.resilience.concurrency, now_ns,
			   (now_ns - admission->since_ns) / 1000, is_dropped);
}

/* Who finds no place all the same has been put behind the others: it goes back to the front. */
static void keep_turn(struct entry *entry, struct admission *admission)
{
	struct resilience *own = &entry->resilience;

	TAILQ_REMOVE(&own->queue, admission, link);
	TAILQ_INSERT_HEAD(&own->queue, admission, link);
	entry->counted->counts.resilience.queued--; /* it is the same wait */
}

void resilience_wake(struct entry *entry)
{
	struct resilience *own = &entry->resilience;
	struct admission *admission;

	if (!own->has_place)
		return;
	own->has_place = false;
	while ((admission = TAILQ_FIRST(&own->queue))) {
		resilience_leave(admission);
		admission->wake(admission);
		if (admission->state == ADMISSION_QUEUED) {
			keep_turn(entry, admission);
			return;
		}
	}
}

/* ---- outliers ---- */

static void eject(struct entry *entry, struct host *host, enum outlier_verdict verdict,
		  uint64_t now_ns)
{
	const struct outlier_settings *settings = &entry->settings.resilience.outlier;
	struct resilience_counts *counts = &entry->counted->counts.resilience;
	struct proxy *proxy = entry->proxy;
	size_t n_able =
		hub_count_able(proxy->hub, now_ns, entry->request) + entry->settings.has_shared;
	const struct host ejected = *host; /* the broker's answer may come before we are done */
	char text[HUB_ID_STRLEN];
	uint64_t for_ns;

	if (!outlier_may_eject(settings, hosts_count_ejected(&entry->resilience.hosts, now_ns),
			       n_able)) {
		counts->ejections_spared++;
		return;
	}
	for_ns = outlier_eject(&host->outlier, settings, now_ns);
	counts->ejections++;
	log_warning(LOG_PEER_CLASS,
		    "event=provider-ejected service=%s hub=%s reason=%s for_s=%u "
		    "effect=\"its requests go to others as long\"",
		    entry->counted->name, hub_id_format(&ejected.hub, text),
		    outlier_verdict_name(verdict), (unsigned int)(for_ns / NSEC_PER_SEC));
	proxy->events.eject(proxy->events.arg, entry->request, &ejected.hub, ejected.digest,
			    for_ns);
}

void resilience_result(struct entry *entry, const struct hub_id *hub, const uint8_t *digest,
		       uint64_t now_ns, bool is_error)
{
	const struct outlier_settings *settings = &entry->settings.resilience.outlier;
	struct outlier_counts others;
	enum outlier_verdict verdict;
	struct host *host;

	if (!settings->is_on)
		return;
	host = hosts_take(&entry->resilience.hosts, hub, digest, now_ns);
	if (!host || outlier_is_ejected(&host->outlier, now_ns))
		return; /* what began before, or there is nobody else */
	others = hosts_counts_but(&entry->resilience.hosts, host);
	verdict = outlier_result(&host->outlier, settings, now_ns, is_error, &others);
	if (verdict != OUTLIER_GOOD)
		eject(entry, host, verdict, now_ns);
}

bool resilience_is_ejected(struct entry *entry, const struct hub_id *hub, const uint8_t *digest,
			   uint64_t now_ns)
{
	const struct host *host;

	if (!entry->settings.resilience.outlier.is_on)
		return false;
	host = hosts_take(&entry->resilience.hosts, hub, digest, now_ns);
	return host && outlier_is_ejected(&host->outlier, now_ns);
}
