/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_STATS_H
#define _HM_STATS_H

#include <linux/percpu.h>
#include <linux/u64_stats_sync.h>
#include "limits.h"

/**
 * struct hm_counters - per-CPU counters of a device, link or hub
 * @rx_frames: frames accepted for this object
 * @rx_bytes: their bytes
 * @tx_frames: frames sent by this object
 * @tx_bytes: their bytes
 * @rx_drops: received frames dropped on account of this object
 * @tx_drops: frames to send dropped on account of this object
 * @forwarded: frames relayed (link: out of this link)
 * @link_index: of the link they belong to, 0 for a device or hub; lets the drop
 *	tracepoint name the link
 * @syncp: for 64-bit reads on 32-bit machines
 */
struct hm_counters {
	u64_stats_t rx_frames, rx_bytes, tx_frames, tx_bytes;
	u64_stats_t rx_drops, tx_drops, forwarded;
	u32 link_index;
	struct u64_stats_sync syncp;
};

struct hm_drops {
	u64_stats_t count[HUBMESH_DROP_MAX + 1];
	struct u64_stats_sync syncp;
};

struct hm_counters_sum {
	u64 rx_frames, rx_bytes, tx_frames, tx_bytes, rx_drops, tx_drops, forwarded;
};

struct hm_device;

/* NULL without memory; free with free_percpu(). */
struct hm_counters __percpu *hm_counters_alloc(u32 link_index);
struct hm_drops __percpu *hm_drops_alloc(void);
/* Bottom halves disabled (softirq or ndo_start_xmit). @n frames, @bytes in all. */
/**
 * hm_count_rx() - Count frames accepted for an object
 * @c: counters of a device, link or hub
 * @n: frames
 * @bytes: bytes in all of them
 *
 * Context: Bottom halves disabled.
 */
static inline void hm_count_rx(struct hm_counters __percpu *c, unsigned int n, unsigned int bytes)
{
	struct hm_counters *mine = this_cpu_ptr(c);

	u64_stats_update_begin(&mine->syncp);
	u64_stats_add(&mine->rx_frames, n);
	u64_stats_add(&mine->rx_bytes, bytes);
	u64_stats_update_end(&mine->syncp);
}

/**
 * hm_count_tx() - Count frames sent by an object
 * @c: counters of a device, link or hub
 * @n: frames
 * @bytes: bytes in all of them
 *
 * Context: Bottom halves disabled.
 */
static inline void hm_count_tx(struct hm_counters __percpu *c, unsigned int n, unsigned int bytes)
{
	struct hm_counters *mine = this_cpu_ptr(c);

	u64_stats_update_begin(&mine->syncp);
	u64_stats_add(&mine->tx_frames, n);
	u64_stats_add(&mine->tx_bytes, bytes);
	u64_stats_update_end(&mine->syncp);
}

/**
 * hm_count_forwarded() - Count frames relayed
 * @c: counters of a device or of the outgoing link
 * @n: frames
 *
 * Context: Bottom halves disabled.
 */
static inline void hm_count_forwarded(struct hm_counters __percpu *c, unsigned int n)
{
	struct hm_counters *mine = this_cpu_ptr(c);

	u64_stats_update_begin(&mine->syncp);
	u64_stats_add(&mine->forwarded, n);
	u64_stats_update_end(&mine->syncp);
}

void hm_counters_sum(const struct hm_counters __percpu *c, struct hm_counters_sum *sum);
/* Count @n frames dropped for @why on the device (and, if given, the link or
 * hub counters), and fire the drop tracepoint.  Does not free anything.  Any
 * context but hard interrupts. */
void hm_drop_count(struct hm_device *hm, struct hm_counters __percpu *owner,
		   enum hubmesh_drop why, unsigned int n);
u64 hm_drops_sum(const struct hm_device *hm, enum hubmesh_drop why);
const char *hm_drop_name(enum hubmesh_drop why);	/* "rx-short", ... */

#endif
