/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_GUARD_H
#define _HM_GUARD_H

#include <linux/etherdevice.h>
#include "bucket.h"
#include "inner.h"

struct hm_hub;

/* What a storm is made of. */
enum hm_storm_kind {
	HM_STORM_BROADCAST,
	HM_STORM_MULTICAST,
	HM_STORM_UNKNOWN,
	HM_STORM_KINDS,
};

/**
 * struct hm_storm - limits of frames that go to many
 * @pps: frames per second of each kind, 0 for any number
 * @bucket: their buckets
 */
struct hm_storm {
	u32 pps[HM_STORM_KINDS];
	struct hm_bucket bucket[HM_STORM_KINDS];
};

/**
 * struct hm_guard - what the frames of a hub may be
 * @rcu: for freeing after readers
 * @checks_zones: only zones in @zones
 * @checks_macs: only the hub's own id, @macs, and @macs_learn more
 * @checks_prefixes: only source addresses in @prefixes
 * @has_scope: that is true of addresses in @scope only; others are free
 * @frames_pps: inner frames per second, 0 for any number
 * @bytes_ps: their bytes per second, 0 for any number
 * @frames: bucket of @frames_pps
 * @bytes: bucket of @bytes_ps
 * @storm: what it floods to us
 * @macs_learn: number of addresses that may be learned behind it
 * @n_zones: length of @zones
 * @n_macs: length of @macs
 * @n_prefixes: length of @prefixes
 * @n_scope: length of @scope
 * @zones: behind @scope
 * @macs: behind @zones
 * @prefixes: behind this struct
 * @scope: behind @prefixes
 *
 * Buckets excepted it does not change: a new one takes its place, with full buckets.
 */
struct hm_guard {
	struct rcu_head rcu;
	bool checks_zones, checks_macs, checks_prefixes, has_scope;
	u32 frames_pps;
	u64 bytes_ps;
	struct hm_bucket frames, bytes;
	struct hm_storm storm;
	u32 macs_learn;
	u32 n_zones, n_macs, n_prefixes, n_scope;
	u16 *zones;
	u8 (*macs)[ETH_ALEN];
	struct hm_prefix *prefixes, *scope;
};

struct hm_guard *hm_guard_new(unsigned int n_zones, unsigned int n_macs, unsigned int n_prefixes,
			      unsigned int n_scope);
void hm_guard_set(struct hm_hub *hub, struct hm_guard *guard);
bool hm_guard_allows_zone(const struct hm_guard *guard, u16 zone);
bool hm_guard_take(struct hm_guard *guard, unsigned int len);
bool hm_guard_allows_source(const struct hm_guard *guard, struct hm_hub *hub, const u8 *frame,
			    const struct hm_inner *in);

void hm_storm_init(struct hm_storm *storm);
bool hm_storm_take(struct hm_storm *storm, enum hm_storm_kind kind);

/* Kind of a frame that is flooded. */
static inline enum hm_storm_kind hm_storm_kind(const u8 *dst)
{
	if (is_broadcast_ether_addr(dst))
		return HM_STORM_BROADCAST;
	return is_multicast_ether_addr(dst) ? HM_STORM_MULTICAST : HM_STORM_UNKNOWN;
}

#endif
