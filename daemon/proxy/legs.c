// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: legs: further leases of an entry
 *
 * A leg is an entry without an address: it has a lease, and all that hangs on one.  The entry
 * sends some of its requests there: a share to another version or service, second attempts to
 * another provider than its own, copies to who is to see them.  A leg that nobody serves costs
 * no request: its share is the entry's again.
 */
#include <string.h>

#include "daemon/proxy/internal.h"

static struct broker_query query_of_share(const struct entry *entry, const char *service,
					  const char *range_text)
{
	struct broker_query query = entry->settings.query;

	memset(query.shared, 0, sizeof(query.shared));
	if (service[0]) { /* queries are compared byte by byte */
		memset(query.name, 0, sizeof(query.name));
		memcpy(query.name, service, strlen(service));
	}
	if (service[0] || range_text[0]) {
		memset(query.range_text, 0, sizeof(query.range_text));
		memcpy(query.range_text, range_text, strlen(range_text));
	}
	return query;
}

/* Return: it is wanted. */
static bool want(const struct entry *entry, size_t i, struct broker_query *ret)
{
	const struct resilience_settings *settings = &entry->settings.resilience;

	if (i == LEG_HEDGE) {
		*ret = query_of_share(entry, "", "");
		return settings->hedge.is_on;
	}
	if (i == LEG_MIRROR) {
		*ret = query_of_share(entry, settings->mirror.service, settings->mirror.range_text);
		return settings->mirror.percent > 0;
	}
	if (i >= settings->split.n)
		return false;
	*ret = query_of_share(entry, settings->split.shares[i].service,
			      settings->split.shares[i].range_text);
	return true;
}

void legs_apply(struct entry *entry)
{
	for (size_t i = 0; i < __LEG_END; i++) {
		struct broker_query query;
		struct entry *leg = entry->legs[i];

		if (!want(entry, i, &query)) {
			if (leg)
				entry_remove(leg);
			entry->legs[i] = NULL;
			continue;
		}
		if (!leg)
			leg = entry->legs[i] = entry_new_leg(entry);
		if (i == LEG_HEDGE) { /* legs_settle() knows of whom it must be another */
			query.has_not = leg->settings.query.has_not;
			query.not_hub = leg->settings.query.not_hub;
		}
		entry_set_query(leg, &query);
		leg->settings = entry->settings;
		leg->settings.query = query;
		leg->settings.has_shared = false;
		resilience_changed(leg);
	}
}

/* Another provider than the one of the entry, wherever that moves. */
static void follow_provider(struct entry *entry)
{
	const struct broker_candidate *provider = entry_provider(entry);
	struct entry *leg = entry->legs[LEG_HEDGE];
	struct broker_query query;

	if (!leg || !provider)
		return;
	query = leg->settings.query;
	query.has_not = true;
	query.not_hub = provider->hub;
	entry_set_query(leg, &query);
}

void legs_settle(struct entry *entry, uint64_t now_ns)
{
	follow_provider(entry);
	for (size_t i = 0; i < __LEG_END; i++)
		if (entry->legs[i] && (i != LEG_HEDGE || entry->legs[i]->settings.query.has_not))
			entry_ask(entry->legs[i], now_ns);
}

void legs_remove(struct entry *entry)
{
	for (size_t i = 0; i < __LEG_END; i++) {
		if (entry->legs[i])
			entry_remove(entry->legs[i]);
		entry->legs[i] = NULL;
	}
}

bool legs_is_sticky(const struct entry *door)
{
	const struct split_settings *split = &door->settings.resilience.split;

	return split->n && (split->header[0] || split->cookie[0]);
}

size_t legs_pick(struct entry *door, const struct http1_field *fields, size_t n)
{
	const struct split_settings *split = &door->settings.resilience.split;
	size_t i = split->n;

	if (split->n)
		i = split_pick(split, split_draw(split, fields, n, prng_next(&door->proxy->prng)));
	if (i == split->n || !door->legs[LEG_SPLIT + i] ||
	    !entry_provider(door->legs[LEG_SPLIT + i]))
		return __LEG_END;
	door->counted->counts.resilience.split[i]++;
	return LEG_SPLIT + i;
}

void legs_choose(struct flow *flow, const struct http1_head *head)
{
	struct entry *door = flow->door;
	size_t i = door ? legs_pick(door, head->fields, head->n_fields) : __LEG_END;

	if (door)
		flow->entry = i < __LEG_END ? door->legs[i] : door;
}
