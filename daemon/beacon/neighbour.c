// SPDX-License-Identifier: GPL-2.0
/* DOC: neighbour: see neighbour.h */
#include "daemon/beacon/neighbour.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "daemon/lib/memory.h"

#define SOURCES 256 /* token buckets, shared by addresses that hash alike */
#define LIFETIME_INTERVALS 3
#define LIFETIME_SLACK_NS NSEC_PER_SEC

/**
 * struct bucket - token bucket kept as one time (GCRA)
 * @full_at: when the bucket is full again
 */
struct bucket {
	uint64_t full_at;
};

struct neighbours {
	uint8_t mesh_tag[BEACON_MESH_TAG_LEN];
	struct hub_id self;
	uint64_t imax_ns, lifetime_ns;
	struct neighbour *list; /* sorted by hub, then by arrival */
	size_t n, capacity;
	struct bucket sources[SOURCES], all;
	struct neighbour left; /* copy handed out with NEIGHBOUR_LEFT */
};

struct neighbours *neighbours_new(const uint8_t mesh_tag[BEACON_MESH_TAG_LEN],
				  const struct hub_id *self)
{
	struct neighbours *table = xnew(struct neighbours);

	memcpy(table->mesh_tag, mesh_tag, BEACON_MESH_TAG_LEN);
	table->self = *self;
	neighbours_set_lifetime(table, 30 * NSEC_PER_SEC);
	return table;
}

void neighbours_free(struct neighbours *table)
{
	if (!table)
		return;
	free(table->list);
	free(table);
}

void neighbours_set_lifetime(struct neighbours *table, uint64_t imax_ns)
{
	table->imax_ns = imax_ns;
	table->lifetime_ns = LIFETIME_INTERVALS * imax_ns + LIFETIME_SLACK_NS;
}

static bool bucket_take(struct bucket *bucket, uint64_t now_ns, uint64_t interval, uint32_t burst)
{
	uint64_t from = bucket->full_at > now_ns ? bucket->full_at : now_ns;

	if (from + interval > now_ns + burst * interval)
		return false;
	bucket->full_at = from + interval;
	return true;
}

static struct bucket *source_bucket(struct neighbours *table, const struct endpoint *from)
{
	const uint8_t *bytes = from->family == AF_INET ? (const uint8_t *)&from->addr4
						       : (const uint8_t *)&from->addr6;
	size_t len = from->family == AF_INET ? 4 : 16;
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return &table->sources[(hash ^ hash >> 16) % SOURCES];
}

/* First entry of @hub, or where it would be. */
static size_t lower_bound(const struct neighbours *table, const struct hub_id *hub)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (hub_id_cmp(&table->list[mid].hub, hub) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static size_t run_length(const struct neighbours *table, size_t first, const struct hub_id *hub)
{
	size_t n = 0;

	while (first + n < table->n && hub_id_equal(&table->list[first + n].hub, hub))
		n++;
	return n;
}

static void remove_at(struct neighbours *table, size_t i)
{
	memmove(&table->list[i], &table->list[i + 1], (table->n - i - 1) * sizeof(*table->list));
	table->n--;
}

static struct neighbour *insert_at(struct neighbours *table, size_t i)
{
	if (table->n == table->capacity) {
		table->capacity = table->capacity ? table->capacity * 2 : 16;
		table->list = xreallocarray(table->list, table->capacity, sizeof(*table->list));
	}
	memmove(&table->list[i + 1], &table->list[i], (table->n - i) * sizeof(*table->list));
	table->n++;
	memset(&table->list[i], 0, sizeof(*table->list));
	return &table->list[i];
}

static bool same_bytes(const struct neighbour *entry, const uint8_t *bytes, size_t len)
{
	return entry->len == len && memcmp(entry->bytes, bytes, len) == 0;
}

/* Signed content we have verified already, or worth verifying now. */
static bool is_authentic(struct neighbours *table, uint64_t now_ns, const struct endpoint *from,
			 size_t first, size_t n, const uint8_t *bytes, size_t len,
			 enum neighbour_verdict *why)
{
	for (size_t i = first; i < first + n; i++) {
		if (same_bytes(&table->list[i], bytes, len))
			return true;
	}
	*why = NEIGHBOUR_LIMITED;
	if (!bucket_take(source_bucket(table, from), now_ns, NEIGHBOUR_VERIFY_INTERVAL_NS,
			 NEIGHBOUR_VERIFY_BURST) ||
	    !bucket_take(&table->all, now_ns, NEIGHBOUR_VERIFY_ALL_INTERVAL_NS,
			 NEIGHBOUR_VERIFY_ALL_BURST))
		return false;
	*why = NEIGHBOUR_BAD_SIGNATURE;
	return beacon_verify(bytes, len) == 0;
}

/* Of a hub's addresses one that may go for a new one, or NULL. */
static struct neighbour *find_failed(struct neighbours *table, uint64_t now_ns, size_t first,
				     size_t n)
{
	struct neighbour *ret = NULL;

	for (size_t i = first; i < first + n; i++) {
		struct neighbour *entry = &table->list[i];

		if (now_ns < entry->since_ns + NEIGHBOUR_DISPLACE_NS)
			return NULL;
		if (!entry->has_worked && entry->failures > (ret ? ret->failures : 0))
			ret = entry;
	}
	return ret;
}

/*
 * A further address of a hub.  While there is room it counts as news; when it
 * takes the place of another it does not, or replays could set the pace.
 */
static struct neighbour *add_address(struct neighbours *table, uint64_t now_ns, size_t first,
				     size_t n, enum neighbour_verdict *verdict)
{
	struct neighbour *entry;

	*verdict = NEIGHBOUR_NEW;
	if (n >= NEIGHBOUR_ADDRESSES_MAX) {
		entry = find_failed(table, now_ns, first, n);
		if (!entry)
			return NULL;
		*verdict = NEIGHBOUR_REFRESHED;
		remove_at(table, entry - table->list);
		n--;
	}
	if (table->n >= NEIGHBOURS_MAX)
		return NULL;
	entry = insert_at(table, first + n);
	entry->since_ns = now_ns;
	return entry;
}

static enum neighbour_verdict note(struct neighbours *table, uint64_t now_ns,
				   const struct endpoint *from, size_t first, size_t n,
				   const struct hub_id *hub, const struct beacon *beacon,
				   const uint8_t *bytes, size_t len, const struct neighbour **ret)
{
	enum neighbour_verdict verdict = NEIGHBOUR_REFRESHED;
	struct neighbour *entry = NULL;

	for (size_t i = first; i < first + n && !entry; i++) {
		if (endpoint_equal_address(&table->list[i].at, from))
			entry = &table->list[i];
	}
	if (!entry) {
		entry = add_address(table, now_ns, first, n, &verdict);
		if (!entry)
			return NEIGHBOUR_LIMITED;
		entry->hub = *hub;
	} else if (beacon->boot_epoch > entry->beacon.boot_epoch) {
		verdict = NEIGHBOUR_REBOOTED;
	} else if (now_ns > entry->heard_ns + table->imax_ns * 3 / 2) {
		verdict = NEIGHBOUR_RETURNED;
	}
	entry->at = *from;
	entry->at.port = beacon->control_port;
	entry->beacon = *beacon;
	entry->heard_ns = now_ns;
	memcpy(entry->bytes, bytes, len);
	entry->len = len;
	*ret = entry;
	return verdict;
}

enum neighbour_verdict neighbours_hear(struct neighbours *table, uint64_t now_ns,
				       const struct endpoint *from, const uint8_t *bytes,
				       size_t len, const struct neighbour **ret)
{
	enum neighbour_verdict why;
	struct beacon beacon;
	struct hub_id hub;
	size_t first, n;
	int r;

	r = beacon_decode(bytes, len, &beacon);
	if (r)
		return r == -EPROTO ? NEIGHBOUR_OTHER_VERSION : NEIGHBOUR_MALFORMED;
	if (memcmp(beacon.mesh_tag, table->mesh_tag, BEACON_MESH_TAG_LEN) != 0)
		return NEIGHBOUR_OTHER_MESH;
	hub = hub_id_from_pubkey(beacon.pubkey);
	if (hub_id_equal(&hub, &table->self))
		return NEIGHBOUR_OURSELVES;
	first = lower_bound(table, &hub);
	n = run_length(table, first, &hub);
	for (size_t i = first; i < first + n; i++) {
		if (beacon.boot_epoch < table->list[i].beacon.boot_epoch)
			return NEIGHBOUR_STALE;
	}
	if (!is_authentic(table, now_ns, from, first, n, bytes, len, &why))
		return why;
	if (beacon.is_leaving) {
		table->left = (struct neighbour){.hub = hub, .at = *from, .beacon = beacon};
		neighbours_forget_hub(table, &hub);
		*ret = &table->left;
		return NEIGHBOUR_LEFT;
	}
	return note(table, now_ns, from, first, n, &hub, &beacon, bytes, len, ret);
}

/* Smaller is better; see neighbours_best(). */
static int address_rank(const struct endpoint *at)
{
	if (at->family == AF_INET)
		return 0;
	return IN6_IS_ADDR_LINKLOCAL(&at->addr6) ? 2 : 1;
}

static bool is_better(const struct neighbour *x, const struct neighbour *y)
{
	const struct endpoint *a = &x->at, *b = &y->at;
	int diff = address_rank(a) - address_rank(b);

	if (x->has_worked != y->has_worked)
		return x->has_worked;
	if (diff)
		return diff < 0;
	if (a->family == AF_INET)
		return ntohl(a->addr4.s_addr) < ntohl(b->addr4.s_addr);
	return memcmp(&a->addr6, &b->addr6, sizeof(a->addr6)) < 0;
}

const struct neighbour *neighbours_pick(const struct neighbours *table, const struct hub_id *hub,
					uint32_t ifindex, uint32_t turn)
{
	const struct neighbour *sorted[NEIGHBOUR_ADDRESSES_MAX];
	size_t first = lower_bound(table, hub), end = first + run_length(table, first, hub), n = 0;

	for (size_t i = first; i < end; i++) {
		const struct neighbour *entry = &table->list[i];
		size_t at = n;

		if (entry->at.ifindex != ifindex)
			continue;
		for (; at > 0 && is_better(entry, sorted[at - 1]); at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = entry;
		n++;
	}
	if (n <= 1 || turn == 0)
		return n ? sorted[0] : NULL;
	if (!sorted[0]->has_worked)
		return sorted[turn % n];
	return turn % 2 ? sorted[1 + turn / 2 % (n - 1)] : sorted[0];
}

const struct neighbour *neighbours_best(const struct neighbours *table, const struct hub_id *hub,
					uint32_t ifindex)
{
	return neighbours_pick(table, hub, ifindex, 0);
}

bool neighbours_hears_link_local(const struct neighbours *table, const struct hub_id *hub,
				 uint32_t ifindex)
{
	size_t first = lower_bound(table, hub), end = first + run_length(table, first, hub);

	for (size_t i = first; i < end; i++) {
		const struct endpoint *at = &table->list[i].at;

		if (at->ifindex == ifindex && at->family == AF_INET6 &&
		    IN6_IS_ADDR_LINKLOCAL(&at->addr6))
			return true;
	}
	return false;
}

void neighbours_dialled(struct neighbours *table, const struct hub_id *hub,
			const struct endpoint *at, bool worked)
{
	size_t first = lower_bound(table, hub), n = run_length(table, first, hub);

	for (size_t i = first; i < first + n; i++) {
		struct neighbour *entry = &table->list[i];

		if (!endpoint_equal_address(&entry->at, at))
			continue;
		entry->has_worked |= worked;
		entry->failures = worked ? 0 : entry->failures + 1;
	}
}

void neighbours_forget_interface(struct neighbours *table, uint32_t ifindex)
{
	for (size_t i = table->n; i-- > 0;) {
		if (table->list[i].at.ifindex == ifindex)
			remove_at(table, i);
	}
}

void neighbours_forget_hub(struct neighbours *table, const struct hub_id *hub)
{
	size_t first = lower_bound(table, hub);

	for (size_t n = run_length(table, first, hub); n > 0; n--)
		remove_at(table, first);
}

void neighbours_expire(struct neighbours *table, uint64_t now_ns)
{
	for (size_t i = table->n; i-- > 0;) {
		if (now_ns >= table->list[i].heard_ns + table->lifetime_ns)
			remove_at(table, i);
	}
}

uint64_t neighbours_deadline(const struct neighbours *table)
{
	uint64_t at = NEVER;

	for (size_t i = 0; i < table->n; i++)
		at = earlier(at, table->list[i].heard_ns + table->lifetime_ns);
	return at;
}

size_t neighbours_count(const struct neighbours *table)
{
	return table->n;
}
