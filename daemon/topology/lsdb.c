// SPDX-License-Identifier: GPL-2.0
/* DOC: lsdb: see lsdb.h */
#include "daemon/topology/lsdb.h"

#include <stdlib.h>

#include "daemon/lib/memory.h"

static void entry_drop_record(struct lsdb_entry *entry)
{
	free(entry->links);
	free(entry->groups);
	free(entry->bytes);
	entry->links = NULL;
	entry->n_links = 0;
	entry->has_frameless = false;
	entry->datapath = RECORD_DATAPATH_NOT_TOLD;
	entry->group_flags = 0;
	entry->groups = NULL;
	entry->n_groups = 0;
	entry->bytes = NULL;
	entry->len = 0;
	entry->ipv4 = 0;
	entry->has_catalogue = false;
	entry->proxy_port = 0;
}

static void entry_drop_held(struct lsdb_entry *entry)
{
	free(entry->held);
	entry->held = NULL;
	entry->held_at = NEVER;
}

static void entry_free(struct lsdb_entry *entry)
{
	entry_drop_record(entry);
	entry_drop_held(entry);
	free(entry);
}

void lsdb_fini(struct lsdb *db)
{
	for (size_t i = 0; i < db->n; i++)
		entry_free(db->list[i]);
	free(db->list);
	*db = (struct lsdb){0};
}

static size_t lower_bound(const struct lsdb *db, const struct hub_id *hub)
{
	size_t low = 0, high = db->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (hub_id_cmp(&db->list[mid]->hub, hub) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct lsdb_entry *lsdb_find(const struct lsdb *db, const struct hub_id *hub)
{
	size_t i = lower_bound(db, hub);

	return i < db->n && hub_id_equal(&db->list[i]->hub, hub) ? db->list[i] : NULL;
}

static enum lsdb_freshness compare(uint64_t epoch, uint64_t seq, uint64_t than_epoch,
				   uint64_t than_seq)
{
	if (epoch != than_epoch)
		return epoch > than_epoch ? LSDB_NEWER : LSDB_OLDER;
	if (seq != than_seq)
		return seq > than_seq ? LSDB_NEWER : LSDB_OLDER;
	return LSDB_SAME;
}

enum lsdb_freshness lsdb_compare(const struct lsdb *db, const struct hub_id *hub,
				 uint64_t boot_epoch, uint64_t seq)
{
	const struct lsdb_entry *entry = lsdb_find(db, hub);

	if (!entry)
		return LSDB_NEWER;
	return compare(boot_epoch, seq, entry->boot_epoch, entry->seq);
}

bool lsdb_has_held(const struct lsdb *db, const struct record *record)
{
	const struct lsdb_entry *entry = lsdb_find(db, &record->hub);

	return entry && entry->held &&
	       compare(record->boot_epoch, record->seq, entry->held_epoch, entry->held_seq) !=
		       LSDB_NEWER;
}

bool lsdb_hold(struct lsdb *db, uint64_t now_ns, const struct record *record, const uint8_t *bytes,
	       size_t len, uint64_t from)
{
	struct lsdb_entry *entry = lsdb_find(db, &record->hub);

	if (!entry || !entry->bytes || now_ns >= entry->accepted_ns + LSDB_ORIGIN_INTERVAL_NS)
		return false;
	if (lsdb_has_held(db, record))
		return true;
	free(entry->held);
	entry->held = xmemdup(bytes, len);
	entry->held_len = len;
	entry->held_epoch = record->boot_epoch;
	entry->held_seq = record->seq;
	entry->held_from = from;
	entry->held_at = entry->accepted_ns + LSDB_ORIGIN_INTERVAL_NS;
	return true;
}

bool lsdb_take_held(struct lsdb *db, uint64_t now_ns, uint8_t **bytes, size_t *len, uint64_t *from)
{
	for (size_t i = 0; i < db->n; i++) {
		struct lsdb_entry *entry = db->list[i];

		if (!entry->held || now_ns < entry->held_at)
			continue;
		*bytes = entry->held;
		*len = entry->held_len;
		*from = entry->held_from;
		entry->held = NULL;
		entry->held_at = NEVER;
		return true;
	}
	return false;
}

static struct lsdb_entry *entry_insert(struct lsdb *db, const struct hub_id *hub)
{
	struct lsdb_entry *entry;
	size_t i;

	if (db->n >= LSDB_MAX)
		return NULL;
	if (db->n == db->capacity) {
		db->capacity = db->capacity ? db->capacity * 2 : 16;
		db->list = xreallocarray(db->list, db->capacity, sizeof(struct lsdb_entry *));
	}
	i = lower_bound(db, hub);
	memmove(&db->list[i + 1], &db->list[i], (db->n - i) * sizeof(struct lsdb_entry *));
	db->n++;
	entry = xnew(struct lsdb_entry);
	entry->hub = *hub;
	entry->held_at = NEVER;
	db->list[i] = entry;
	return entry;
}

static bool same_links(const struct lsdb_entry *entry, const struct record *record)
{
	if (entry->n_links != record->n_links)
		return false;
	for (size_t i = 0; i < record->n_links; i++) {
		if (!hub_id_equal(&entry->links[i].peer, &record->links[i].peer) ||
		    entry->links[i].cost_us != record->links[i].cost_us ||
		    entry->links[i].frame_max != record->links[i].frame_max ||
		    entry->links[i].is_frameless != record->links[i].is_frameless)
			return false;
	}
	return true;
}

static bool same_groups(const struct lsdb_entry *entry, const struct record *record)
{
	return entry->group_flags == record->group_flags && entry->n_groups == record->n_groups &&
	       memcmp(entry->groups, record->groups, record->n_groups * RECORD_GROUP_LEN) == 0;
}

struct lsdb_entry *lsdb_put(struct lsdb *db, uint64_t now_ns, const struct record *record,
			    const uint8_t *bytes, size_t len, bool *links_changed)
{
	struct lsdb_entry *entry = lsdb_find(db, &record->hub);
	bool is_new = !entry || !entry->bytes;

	if (!entry)
		entry = entry_insert(db, &record->hub);
	if (!entry)
		return NULL;
	*links_changed = is_new || !same_links(entry, record) || !same_groups(entry, record);
	if (is_new)
		entry->reachable_ns = now_ns;
	entry_drop_record(entry);
	entry->boot_epoch = record->boot_epoch;
	entry->seq = record->seq;
	memcpy(entry->name, record->name, sizeof(entry->name));
	entry->ipv4 = record->ipv4;
	entry->has_catalogue = record->has_catalogue;
	entry->proxy_port = record->proxy_port;
	entry->datapath = record->datapath;
	memcpy(entry->catalogue, record->catalogue, sizeof(entry->catalogue));
	entry->n_links = record->n_links;
	entry->links = xmemdup(record->links, record->n_links * sizeof(*record->links));
	for (size_t i = 0; i < record->n_links; i++)
		entry->has_frameless |= record->links[i].is_frameless;
	entry->group_flags = record->group_flags;
	entry->n_groups = record->n_groups;
	entry->groups = xmemdup(record->groups, record->n_groups * RECORD_GROUP_LEN);
	entry->bytes = xmemdup(bytes, len);
	entry->len = len;
	entry->accepted_ns = now_ns;
	if (entry->held && compare(entry->held_epoch, entry->held_seq, entry->boot_epoch,
				   entry->seq) != LSDB_NEWER)
		entry_drop_held(entry);
	return entry;
}

bool lsdb_age(struct lsdb *db, uint64_t now_ns, const struct hub_id *self, struct hub_id *forgotten)
{
	for (size_t i = db->n; i-- > 0;) {
		struct lsdb_entry *entry = db->list[i];

		if (hub_id_equal(&entry->hub, self))
			continue;
		if (entry->bytes && now_ns >= entry->reachable_ns + LSDB_UNREACHABLE_NS) {
			*forgotten = entry->hub;
			entry_drop_record(entry);
			entry_drop_held(entry);
			return true;
		}
		if (!entry->bytes && now_ns >= entry->reachable_ns + 2 * LSDB_UNREACHABLE_NS) {
			entry_free(entry);
			memmove(&db->list[i], &db->list[i + 1],
				(db->n - i - 1) * sizeof(struct lsdb_entry *));
			db->n--;
		}
	}
	return false;
}

void lsdb_drop(struct lsdb *db, uint64_t now_ns, const struct hub_id *hub)
{
	struct lsdb_entry *entry = lsdb_find(db, hub);

	if (!entry)
		return;
	entry_drop_record(entry);
	entry_drop_held(entry);
	entry->reachable_ns = now_ns;
}

uint64_t lsdb_deadline(const struct lsdb *db, const struct hub_id *self)
{
	uint64_t at = NEVER;

	for (size_t i = 0; i < db->n; i++) {
		const struct lsdb_entry *entry = db->list[i];

		if (hub_id_equal(&entry->hub, self))
			continue;
		at = earlier(at, entry->held_at);
		at = earlier(at,
			     entry->reachable_ns + (entry->bytes ? 1 : 2) * LSDB_UNREACHABLE_NS);
	}
	return at;
}

size_t lsdb_digest(const struct lsdb *db, size_t from, struct control_digest_entry *ret, size_t max)
{
	size_t n = 0;

	for (size_t i = from; i < db->n && n < max; i++, n++) {
		ret[n] = (struct control_digest_entry){.hub = db->list[i]->hub,
						       .boot_epoch = db->list[i]->boot_epoch,
						       .seq = db->list[i]->seq};
	}
	return n;
}

bool lsdb_has_frameless(const struct lsdb *db)
{
	for (size_t i = 0; i < db->n; i++)
		if (db->list[i]->has_frameless)
			return true;
	return false;
}

const struct record_link *lsdb_link(const struct lsdb_entry *entry, const struct hub_id *peer)
{
	size_t low = 0, high = entry->n_links;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (hub_id_cmp(&entry->links[mid].peer, peer) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < entry->n_links && hub_id_equal(&entry->links[low].peer, peer))
		return &entry->links[low];
	return NULL;
}
