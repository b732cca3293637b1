// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: health: the warnings of GET /v1/status
 *
 * Decides what deserves a person's attention and says what to do about it.
 * Pure: numbers in, JSON out.  Each check is one function of the table at
 * the end and adds at most one warning; the order of the table is the order
 * of seriousness.
 */
#include "daemon/api/health.h"

#include <inttypes.h>
#include <linux/hubmesh.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "daemon/api/api.h"
#include "daemon/api/json.h"
#include "daemon/proxy/identity.h"

#define DROPS_MIN 100 /* fewer in a window are everyday life */
#define DROPS_PER_FRAMES 100 /* one in so many is worth a warning */
#define DAY_S 86400
#define STATE_FREE_MIN (256 << 10) /* bytes: the history takes so much at once */
#define DATE_MAX 40

void health_history_add(struct health_history *history, uint64_t now_ns,
			const struct datapath_device_stats *stats)
{
	if (history->n == HEALTH_SAMPLES) {
		history->n--;
		memmove(&history->at_ns[0], &history->at_ns[1],
			history->n * sizeof(history->at_ns[0]));
		memmove(&history->sample[0], &history->sample[1],
			history->n * sizeof(history->sample[0]));
	}
	history->at_ns[history->n] = now_ns;
	history->sample[history->n] = *stats;
	history->n++;
}

static uint64_t frames_seen(const struct datapath_stats *stats)
{
	return stats->rx_frames + stats->tx_frames;
}

uint64_t health_drops(const struct health *health, uint64_t *window_s, uint64_t *frames,
		      unsigned int *worst)
{
	uint64_t dropped = 0, grown_most = 0;
	const struct datapath_device_stats *then;

	*worst = HUBMESH_DROP_UNSPEC;
	*window_s = *frames = 0;
	if (!health->history || !health->device || health->history->n == 0)
		return 0;
	then = &health->history->sample[0];
	for (unsigned int i = 1; i <= HUBMESH_DROP_MAX; i++) {
		uint64_t grown = health->device->drops[i] - then->drops[i];

		if (health->device->drops[i] < then->drops[i])
			grown = health->device->drops[i]; /* the device was made anew */
		dropped += grown;
		if (grown > grown_most) {
			grown_most = grown;
			*worst = i;
		}
	}
	*window_s = (health->now_ns - health->history->at_ns[0]) / 1000000000;
	*frames = frames_seen(&health->device->stats);
	if (*frames >= frames_seen(&then->stats))
		*frames -= frames_seen(&then->stats);
	*frames += dropped;
	return dropped;
}

static void warn(json_t *list, const char *code, const char *severity, const char *hint,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void warn(json_t *list, const char *code, const char *severity, const char *hint,
		 const char *fmt, ...)
{
	json_t *entry = json_object();
	char message[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	api_set_text(entry, "code", code);
	api_set_text(entry, "severity", severity);
	api_set_text(entry, "message", message);
	api_set_text(entry, "hint", hint);
	json_array_append_new(list, entry);
}

/* RFC 3339, so that a person with whatever clock can compare. */
static const char *format_date(int64_t unix_s, char buf[DATE_MAX])
{
	time_t at = unix_s;
	struct tm tm;

	if (!gmtime_r(&at, &tm) || !strftime(buf, DATE_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(buf, DATE_MAX, "a date that is no date");
	return buf;
}

static void check_certificate(const struct health *h, json_t *list)
{
	int64_t left_s = h->certificate ? h->certificate->not_after_s - h->unix_s : 0;
	int64_t wait_s = h->certificate ? h->certificate->not_before_s - h->unix_s : 0;
	char date[DATE_MAX];

	if (h->is_revoked)
		warn(list, "certificate_revoked", "error",
		     "ask who keeps the root why; a new key is needed: meshctl ca issue",
		     "this hub, or its certificate, has been revoked: other hubs refuse it");
	if (!h->certificate)
		return;
	if (wait_s > 0)
		warn(list, "certificate_not_yet_valid", "error",
		     "look at the clock with date; if it is right, wait, or issue a new one: "
		     "meshctl ca issue",
		     "this hub's certificate is not valid before %s, says this hub's clock: if "
		     "it is right, other hubs refuse it",
		     format_date(h->certificate->not_before_s, date));
	else if (left_s > API_CERTIFICATE_WARN_S)
		return;
	else if (left_s <= 0)
		warn(list, "certificate_expired", "error",
		     "issue a new one: meshctl ca issue; if the date here is wrong, set the clock",
		     "this hub's certificate expired %" PRId64 " days ago: other hubs refuse it",
		     -left_s / DAY_S);
	else
		warn(list, "certificate_expires", left_s < 7 * DAY_S ? "error" : "warning",
		     "issue a new one before that: meshctl ca issue",
		     "this hub's certificate expires in %" PRId64 " days", left_s / DAY_S);
}

static void check_service_certificate(const struct health *h, const struct proxy_identity *identity,
				      json_t *list)
{
	int64_t left_s = identity->not_after_s - h->unix_s;
	bool is_over = left_s <= 0;
	char date[DATE_MAX];

	if (identity->not_before_s > h->unix_s)
		warn(list, "service_certificate_not_yet_valid", "error",
		     "look at the clock with date; if it is right, wait, or issue a new one: "
		     "meshctl ca issue-service",
		     "the certificate for service %s is not valid before %s, says this hub's clock",
		     identity->name, format_date(identity->not_before_s, date));
	else if (left_s <= API_CERTIFICATE_WARN_S)
		warn(list, is_over ? "service_certificate_expired" : "service_certificate_expires",
		     left_s < 7 * DAY_S ? "error" : "warning",
		     "issue a new one: meshctl ca issue-service; it is read without a restart",
		     "the certificate for service %s %s %" PRId64 " days%s", identity->name,
		     is_over ? "expired" : "expires in", (is_over ? -left_s : left_s) / DAY_S,
		     is_over ? " ago" : "");
}

static void check_service_certificates(const struct health *h, json_t *list)
{
	for (size_t i = 0; h->identities && i < h->identities->n; i++)
		check_service_certificate(h, &h->identities->list[i], list);
}

static void check_id_conflicts(const struct health *h, json_t *list)
{
	if (h->counters->id_conflicts)
		warn(list, "id_conflict", "error",
		     "meshctl log names it; enrol that machine again with a key of its own",
		     "%" PRIu64 " times another key claimed a hub id in use: it was refused",
		     h->counters->id_conflicts);
}

static void check_twin(const struct health *h, json_t *list)
{
	if (h->has_twin)
		warn(list, "identity_used_twice", "error",
		     "a copied disk? Stop the copy, delete identity/ and numbers/ in its state "
		     "directory and give it one of its own: meshctl ca issue",
		     "another machine has the identity of this hub: heard %" PRIu64
		     " times, last %" PRIu64 " s ago",
		     h->counters->twins_heard, (uint64_t)(h->twin_ago_ns / NSEC_PER_SEC));
}

static void check_state(const struct health *h, json_t *list)
{
	const char *hint = "free space there, or make it writable: what this hub has to remember "
			   "over a restart is lost until then";

	if (h->state.write_error)
		warn(list, "state_unwritable", "error", hint,
		     "the state directory %s cannot be written: %s", h->state_dir,
		     strerror(-h->state.write_error));
	else if (h->state.free_bytes < STATE_FREE_MIN)
		warn(list, "state_unwritable", "error", hint,
		     "the disk of the state directory %s is full: %" PRIu64 " KiB are left",
		     h->state_dir, h->state.free_bytes / 1024);
}

/* Orders that a restart forgets are worse than figures that are not there. */
static void check_history(const struct health *h, json_t *list)
{
	const char *hint = "mend what it says; it is tried again every minute";

	if (h->versions_error && h->versions_error[0])
		warn(list, "versions_not_kept", "error", hint,
		     "orders and rulings about versions would be forgotten at a restart: %s",
		     h->versions_error);
	else if (h->history_error && h->history_error[0])
		warn(list, "no_history", "error", hint,
		     "pins, canaries and rollbacks of earlier runs are not in force: %s",
		     h->history_error);
}

static void check_module(const struct health *h, json_t *list)
{
	if (!h->has_datapath)
		warn(list, "no_module", "warning",
		     "modprobe hubmesh && systemctl restart meshd; until then there is no mesh "
		     "interface, only control and services",
		     "the kernel module is not in use%s%s", h->module_error ? ": " : "",
		     h->module_error ? h->module_error : "");
}

static void check_alone(const struct health *h, json_t *list)
{
	char hint[256];

	if (h->links_up)
		return;
	snprintf(hint, sizeof(hint),
		 "let UDP and TCP port %u and UDP port %u pass between the hubs; where multicast "
		 "does not reach, name a hub under seeds: in meshd.yaml",
		 h->control_port, h->data_port);
	warn(list, "no_neighbour", "error", hint, "no neighbour is up: this hub is alone");
}

static void check_links(const struct health *h, json_t *list)
{
	if (h->links_up && h->links > h->links_up)
		warn(list, "links_down", "warning", "meshctl links shows which",
		     "%zu of %zu links are down", h->links - h->links_up, h->links);
}

static void check_unreachable(const struct health *h, json_t *list)
{
	if (h->links_up && h->hubs > h->reachable)
		warn(list, "hubs_unreachable", "warning", "meshctl hubs shows which",
		     "%zu of %zu known hubs cannot be reached", h->hubs - h->reachable, h->hubs);
}

static void check_drops(const struct health *h, json_t *list)
{
	uint64_t window_s, frames, dropped;
	unsigned int worst;

	dropped = health_drops(h, &window_s, &frames, &worst);
	if (dropped < DROPS_MIN || dropped < frames / DROPS_PER_FRAMES)
		return;
	warn(list, "drops_rising", "warning", "meshctl stats --drops shows all reasons",
	     "%" PRIu64 " of %" PRIu64 " frames dropped in the last %" PRIu64 " s, most by %s: %s",
	     dropped, frames, window_s, api_drop_name(worst), api_drop_explanation(worst));
}

static void check_address_conflicts(const struct health *h, json_t *list)
{
	if (h->counters->address_conflicts)
		warn(list, "address_conflict", "warning",
		     "nothing to do unless it repeats: then write a larger ipv4: {pool: }",
		     "%" PRIu64 " times two hubs wanted one IPv4 address: one moved",
		     h->counters->address_conflicts);
}

json_t *health_warnings(const struct health *health)
{
	static void (*const checks[])(const struct health *h, json_t *list) = {
		check_certificate,  check_service_certificates,
		check_alone,	    check_state,
		check_history,	    check_twin,
		check_id_conflicts, check_module,
		check_links,	    check_unreachable,
		check_drops,	    check_address_conflicts,
	};
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](health, list);
	return list;
}
