// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: versioning: which version of a service our users take
 *
 * Results of users go to the registry (what an instance is worth) and to the
 * versions room (whether its build may stay).  What the room rules, and what
 * an operator orders, changes the rank of instances for the broker, is kept
 * across restarts, and our own rollbacks go into our catalogue: other hubs
 * take them as a hint that makes them judge earlier, not as a verdict.
 */
#include "daemon/hub/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TELLERS_ENOUGH 8 /* hubs that tell of a rollback: ours would be no news */
#define TEXT_MAX 256

/* Do users here know the same version in other code? */
static bool is_one_of_several(const struct hub *hub, const struct versions_id *id)
{
	const struct versions_build *build;

	for (size_t i = 0; (build = versions_build_at(hub->versions, i)); i++)
		if (strcmp(build->id.service, id->service) == 0 &&
		    strcmp(build->id.version_text, id->version_text) == 0)
			return true;
	return false;
}

/* Lines name no code: of a manifest that is gone it is known only if there was one build. */
static bool is_line_of(const struct hub *hub, const struct registry_version *line,
		       const struct versions_id *id)
{
	const struct registry_instance *instance =
		registry_find(hub->registry, &line->hub, line->digest);
	uint8_t build[SHA256_LEN], other[SHA256_LEN];
	struct versions_id of_line;

	if (strcmp(line->name, id->service) || strcmp(line->version_text, id->version_text))
		return false;
	if (!instance)
		return !is_one_of_several(hub, id);
	of_line = versions_id_of(&instance->manifest);
	versions_key(id, build);
	versions_key(&of_line, other);
	return memcmp(build, other, SHA256_LEN) == 0;
}

/* What earlier runs, and this one so far, saw of a build, not known yet, at any hub. */
static struct sequential_counts past_of(const struct hub *hub, const struct versions_id *id)
{
	struct sequential_counts past = {0};
	const struct registry_version *line;
	uint64_t n = 0, bad = 0;

	for (size_t i = 0; (line = registry_version_at(hub->registry, i)); i++) {
		if (!is_line_of(hub, line, id))
			continue;
		n += line->requests;
		bad += line->errors;
	}
	while (n > UINT32_MAX) { /* the room scales it down further */
		n /= 2;
		bad /= 2;
	}
	past.n = (uint32_t)n;
	past.bad = (uint32_t)bad;
	return past;
}

static size_t count_tellers(const struct hub *hub, const struct versions_id *id)
{
	uint8_t build[SHA256_LEN];
	size_t i = 0, n = 0;
	struct hub_id who;

	versions_key(id, build);
	while (registry_find_rollback(hub->registry, build, &i, &who))
		n += !hub_id_equal(&who, &hub->settings.id);
	return n;
}

bool hub_on_service_result(struct hub *hub, uint64_t now_ns, const struct hub_id *provider,
			   const uint8_t digest[SHA256_LEN], bool is_error, uint64_t latency_us)
{
	struct registry_instance *instance = registry_find(hub->registry, provider, digest);
	struct sequential_counts past = {0};
	struct versions_build *build;
	struct versions_id id;

	if (!instance)
		return false;
	id = versions_id_of(&instance->manifest);
	if (!versions_find(hub->versions, &id))
		past = past_of(hub, &id);
	registry_result(hub->registry, now_ns, instance, is_error, latency_us);
	build = versions_result(hub->versions, now_ns, &id, &past, is_error, latency_us);
	return build && versions_judge(hub->versions, build, hub->unix_s,
				       build->has_against && count_tellers(hub, &id) > 0);
}

struct broker_rank versioning_rank(void *arg, const struct registry_instance *instance,
				   uint32_t draw)
{
	static const struct broker_rank ranks[] = {
		[VERSIONS_TAKEN] = {BROKER_TIER_FIRST, BROKER_ELIGIBLE},
		[VERSIONS_OTHER_SHARE] = {BROKER_TIER_SECOND, BROKER_OTHER_SHARE},
		[VERSIONS_IS_ROLLED_BACK] = {BROKER_TIER_LAST, BROKER_ROLLED_BACK},
		[VERSIONS_NOT_PINNED] = {BROKER_TIER_NEVER, BROKER_NOT_PINNED},
	};
	const struct hub *hub = arg;
	struct versions_id id;

	_Static_assert(BROKER_DRAWS == VERSIONS_PERMILLE, "a draw is a share");
	if (versions_is_idle(hub->versions))
		return ranks[VERSIONS_TAKEN];
	id = versions_id_of(&instance->manifest);
	return ranks[versions_rank(hub->versions, &id, instance->digest, draw)];
}

/* ---- telling others ------------------------------------------------------ */

static bool is_worth_telling(const struct hub *hub, const struct versions_ruling *ruling)
{
	return ruling->kind == VERSIONS_ROLLED_BACK && ruling->reason != VERSIONS_BY_OPERATOR &&
	       count_tellers(hub, &ruling->id) < TELLERS_ENOUGH;
}

static int compare_rollbacks(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_LEN);
}

void versioning_fill(const struct hub *hub, struct catalogue *catalogue)
{
	const struct versions_ruling *ruling;
	size_t n = 0;

	while (versions_ruling_at(hub->versions, n))
		n++;
	while (n-- > 0 && catalogue->n_rollbacks < CATALOGUE_ROLLBACKS_MAX) {
		struct catalogue_rollback *rollback = &catalogue->rollbacks[catalogue->n_rollbacks];

		ruling = versions_ruling_at(hub->versions, n);
		if (!is_worth_telling(hub, ruling))
			continue;
		*rollback = (struct catalogue_rollback){
			.by_latency = ruling->reason == VERSIONS_BY_LATENCY,
			.new_n = ruling->new.n,
			.new_bad = ruling->new.bad,
			.old_n = ruling->old.n,
			.old_bad = ruling->old.bad,
		};
		versions_key(&ruling->id, rollback->build);
		catalogue->n_rollbacks++;
	}
	qsort(catalogue->rollbacks, catalogue->n_rollbacks, sizeof(catalogue->rollbacks[0]),
	      compare_rollbacks);
}

static void log_newest(const struct hub *hub, struct effects *fx)
{
	const struct versions_ruling *newest = versions_newest(hub->versions, hub->versions_known);
	char text[TEXT_MAX];

	if (newest)
		effects_log(
			fx, LOG_CLASS_INFO,
			"event=version-%s service=%s version=%s against=%s reason=%s text=\"%s\"",
			newest->kind == VERSIONS_ROLLED_BACK ? "rolled-back" : "accepted",
			newest->id.service, newest->id.version_text, newest->against,
			versions_reason_name(newest->reason),
			versions_describe(newest, text, sizeof(text)));
}

void versioning_settle(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	if (versions_generation(hub->versions) == hub->versions_known)
		return;
	log_newest(hub, fx);
	hub->versions_known = versions_generation(hub->versions);
	effects_add(fx, EFFECT_VERSIONS);
	services_publish(hub, now_ns, fx);
}

uint64_t versioning_deadline(const struct hub *hub)
{
	return versions_generation(hub->versions) == hub->versions_known ? NEVER : 0;
}

/* ---- orders -------------------------------------------------------------- */

static bool is_instance_of(const struct registry_instance *instance, const char *service,
			   const char *version_text)
{
	return strcmp(instance->manifest.name, service) == 0 &&
	       strcmp(instance->manifest.version_text, version_text) == 0;
}

/* Of the versions offered now that are not rolled back; "" none. */
static const char *highest_offered(const struct hub *hub, const char *service)
{
	const struct registry_instance *instance;
	const struct manifest *best = NULL;

	for (size_t i = registry_first(hub->registry, service);
	     (instance = registry_at(hub->registry, i)) &&
	     strcmp(instance->manifest.name, service) == 0;
	     i++) {
		struct versions_id id = versions_id_of(&instance->manifest);
		const struct versions_ruling *ruling = versions_ruling_of(hub->versions, &id);

		if (ruling && ruling->kind == VERSIONS_ROLLED_BACK)
			continue;
		if (!best || semver_compare(&instance->manifest.version, &best->version) > 0)
			best = &instance->manifest;
	}
	return best ? best->version_text : "";
}

/* Every build of a version that is offered. Return: 0; -ENOENT there is none. */
static int rule_by_hand(struct hub *hub, const char *service, const char *version_text,
			enum versions_kind kind)
{
	const struct registry_instance *instance;
	struct versions_ruling ruling = {
		.kind = kind, .reason = VERSIONS_BY_OPERATOR, .unix_s = hub->unix_s};
	int r = -ENOENT;

	for (size_t i = registry_first(hub->registry, service);
	     (instance = registry_at(hub->registry, i)) &&
	     strcmp(instance->manifest.name, service) == 0;
	     i++) {
		if (!is_instance_of(instance, service, version_text))
			continue;
		ruling.id = versions_id_of(&instance->manifest);
		versions_rule(hub->versions, &ruling);
		r = 0;
	}
	return r;
}

static struct versions_wish wish_of(const struct hub *hub, const char *service)
{
	const struct versions_wish *old = versions_wish_of(hub->versions, service);
	struct versions_wish wish = old ? *old : (struct versions_wish){0};

	memcpy(wish.service, service, strlen(service) + 1);
	return wish;
}

/* Does a pin, by version or digest, still lead to a version that is rolled back? */
static bool is_pinned(const struct hub *hub, const char *service, const char *version_text)
{
	const struct registry_instance *instance;
	bool found = false;

	for (size_t i = registry_first(hub->registry, service);
	     !found && (instance = registry_at(hub->registry, i)); i++) {
		struct versions_id id = versions_id_of(&instance->manifest);

		found = is_instance_of(instance, service, version_text) &&
			versions_rank(hub->versions, &id, instance->digest, 0) == VERSIONS_TAKEN;
	}
	return found;
}

static int order_pin(struct hub *hub, const char *service, const char *version)
{
	struct versions_wish wish = wish_of(hub, service);

	if (version[0] && !versions_pin_is_valid(version))
		return -EINVAL;
	memset(wish.pin, 0, sizeof(wish.pin));
	memcpy(wish.pin, version, strlen(version) + 1);
	return versions_wish_set(hub->versions, &wish);
}

/* Of two orders the later counts: it undoes a pin of that version. */
static int order_rollback(struct hub *hub, const char *service, const char *version)
{
	int r;

	if (!version[0])
		version = highest_offered(hub, service);
	r = rule_by_hand(hub, service, version, VERSIONS_ROLLED_BACK);
	return !r && is_pinned(hub, service, version) ? order_pin(hub, service, "") : r;
}

/* It is offered, and all that is offered of it is rolled back. */
static bool is_out(const struct hub *hub, const char *service, const char *version_text)
{
	const struct registry_instance *instance;
	bool is_out = false;

	for (size_t i = registry_first(hub->registry, service);
	     (instance = registry_at(hub->registry, i)); i++) {
		struct versions_id id = versions_id_of(&instance->manifest);
		const struct versions_ruling *ruling = versions_ruling_of(hub->versions, &id);

		if (!is_instance_of(instance, service, version_text))
			continue;
		is_out = ruling && ruling->kind == VERSIONS_ROLLED_BACK;
		if (!is_out)
			return false;
	}
	return is_out;
}

static int order_canary(struct hub *hub, const char *service, const char *version,
			uint32_t permille)
{
	struct versions_wish wish = wish_of(hub, service);
	struct semver parsed;

	if (semver_parse(version, &parsed) || permille > VERSIONS_PERMILLE)
		return -EINVAL;
	if (permille && is_out(hub, service, version))
		return -EACCES;
	memset(wish.canary, 0, sizeof(wish.canary));
	if (permille)
		memcpy(wish.canary, version, strlen(version) + 1);
	wish.permille = permille;
	return versions_wish_set(hub->versions, &wish);
}

/* Here, too, the later order counts: a pin of another version would leave it without leases. */
static int order_promote(struct hub *hub, const char *service, const char *version)
{
	struct versions_wish wish = wish_of(hub, service);
	int r;

	if (!version[0])
		version = wish.canary;
	r = rule_by_hand(hub, service, version, VERSIONS_ACCEPTED);
	if (!r && wish.pin[0] && !is_pinned(hub, service, version))
		r = order_pin(hub, service, "");
	return r ? r : order_canary(hub, service, version, VERSIONS_PERMILLE);
}

static int order_clear(struct hub *hub, const char *service, const char *version)
{
	struct versions_wish none = {0};

	if (!versions_clear(hub->versions, service, version[0] ? version : NULL) && version[0])
		return -ENOENT;
	memcpy(none.service, service, strlen(service) + 1);
	return version[0] ? 0 : versions_wish_set(hub->versions, &none);
}

int hub_on_version_order(struct hub *hub, uint64_t now_ns, const struct hub_version_order *order,
			 struct effects *fx)
{
	int r = -EINVAL;

	if (!manifest_name_is_valid(order->service) || strlen(order->version) > VERSIONS_PIN_MAX)
		return -EINVAL;
	switch (order->verb) {
	case HUB_VERSION_ROLLBACK:
		r = order_rollback(hub, order->service, order->version);
		break;
	case HUB_VERSION_CANARY:
		r = order_canary(hub, order->service, order->version, order->permille);
		break;
	case HUB_VERSION_PROMOTE:
		r = order_promote(hub, order->service, order->version);
		break;
	case HUB_VERSION_PIN:
		r = order_pin(hub, order->service, order->version);
		break;
	case HUB_VERSION_CLEAR:
		r = order_clear(hub, order->service, order->version);
		break;
	}
	if (!r)
		versions_note_order(hub->versions, order->service);
	if (hub->is_started && !hub->is_stopped)
		topology_settle(hub, now_ns, fx);
	return r;
}

void hub_on_version_ruling(struct hub *hub, const struct versions_ruling *ruling)
{
	versions_restore_ruling(hub->versions, ruling);
	hub->versions_known = versions_generation(hub->versions);
}

void hub_on_version_wish(struct hub *hub, const struct versions_wish *wish)
{
	versions_restore_wish(hub->versions, wish);
	hub->versions_known = versions_generation(hub->versions);
}

void hub_on_history_read(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	services_publish(hub, now_ns, fx);
	topology_settle(hub, now_ns, fx);
}

const struct versions *hub_get_versions(const struct hub *hub)
{
	return hub->versions;
}
