// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: statistics
 *
 * Counters live per CPU, so that counting a frame never touches a cache line
 * another CPU writes; readers add the CPUs up.  Every frame that is not carried
 * on is counted once under a typed reason (enum hubmesh_drop) on its device
 * and, where one is known, on the link or hub it belonged to, and fires the
 * tracepoint hubmesh:hubmesh_drop.
 */
#include "stats.h"
#include "compat.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define HM_DROP_STRING(name, str, doc) [HUBMESH_DROP_##name] = str,
static const char * const hm_drop_names[] = {
	[HUBMESH_DROP_UNSPEC] = "unspec",
	HUBMESH_DROP_REASONS(HM_DROP_STRING)
};

static_assert(ARRAY_SIZE(hm_drop_names) == HUBMESH_DROP_MAX + 1);

/**
 * hm_drop_name() - Name of a drop reason
 * @why: reason
 *
 * Context: Any.
 * Return: the name, as in ethtool -S; "unspec" for a number that is none.
 */
const char *hm_drop_name(enum hubmesh_drop why)
{
	return hm_drop_names[why <= HUBMESH_DROP_MAX ? why : HUBMESH_DROP_UNSPEC];
}

/**
 * hm_counters_alloc() - Make the counters of a device, link or hub
 * @link_index: index of the link they belong to, 0 for a device or hub
 *
 * Context: Process context, may sleep.
 * Return: zeroed counters, to be freed with free_percpu(); NULL without memory.
 */
struct hm_counters __percpu *hm_counters_alloc(u32 link_index)
{
	struct hm_counters __percpu *counters;
	int cpu;

	counters = netdev_alloc_pcpu_stats(struct hm_counters);
	if (!counters)
		return NULL;
	for_each_possible_cpu(cpu)
		per_cpu_ptr(counters, cpu)->link_index = link_index;
	return counters;
}

/**
 * hm_drops_alloc() - Make the drop counters of a device
 *
 * Context: Process context, may sleep.
 * Return: zeroed counters, to be freed with free_percpu(); NULL without memory.
 */
struct hm_drops __percpu *hm_drops_alloc(void)
{
	return netdev_alloc_pcpu_stats(struct hm_drops);
}

/*
 * Reasons named rx-* and fwd-* concern received frames, the rest frames to send.
 * CRYPTO and NO_MEMORY can be either; sealing is where they are likely (what fails
 * to open is RX_SEAL_AUTH), so they count as frames to send.
 */
static bool drop_is_receive(enum hubmesh_drop why)
{
	return hm_drop_names[why][0] == 'r' || hm_drop_names[why][0] == 'f';
}

static void count_drop(struct hm_counters *mine, enum hubmesh_drop why, unsigned int n)
{
	u64_stats_update_begin(&mine->syncp);
	u64_stats_add(drop_is_receive(why) ? &mine->rx_drops : &mine->tx_drops, n);
	u64_stats_update_end(&mine->syncp);
}

/**
 * hm_drop_count() - Count frames that are not carried on
 * @hm: device
 * @owner: counters of the link or hub the frames belonged to, or NULL
 * @why: reason
 * @n: frames
 *
 * Counts on @hm and @owner and fires the drop tracepoint.  Frees nothing.
 *
 * Context: Any but hard interrupts.
 */
void hm_drop_count(struct hm_device *hm, struct hm_counters __percpu *owner,
		   enum hubmesh_drop why, unsigned int n)
{
	struct hm_drops *drops;
	u32 link_index = 0;

	if (WARN_ON_ONCE(why > HUBMESH_DROP_MAX))
		why = HUBMESH_DROP_UNSPEC;
	local_bh_disable();
	drops = this_cpu_ptr(hm->drops);
	u64_stats_update_begin(&drops->syncp);
	u64_stats_add(&drops->count[why], n);
	u64_stats_update_end(&drops->syncp);
	count_drop(this_cpu_ptr(hm->counters), why, n);
	if (owner) {
		link_index = this_cpu_ptr(owner)->link_index;
		count_drop(this_cpu_ptr(owner), why, n);
	}
	trace_hubmesh_drop(hm->dev, why, link_index, n);
	local_bh_enable();
}

/**
 * hm_counters_sum() - Add up the counters of all CPUs
 * @c: counters of a device, link or hub
 * @sum: filled
 *
 * Context: Any.
 */
void hm_counters_sum(const struct hm_counters __percpu *c, struct hm_counters_sum *sum)
{
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct hm_counters *from = per_cpu_ptr(c, cpu);
		struct hm_counters_sum one;
		unsigned int start;

		do {
			start = hm_stats_fetch_begin(&from->syncp);
			one.rx_frames = u64_stats_read(&from->rx_frames);
			one.rx_bytes = u64_stats_read(&from->rx_bytes);
			one.tx_frames = u64_stats_read(&from->tx_frames);
			one.tx_bytes = u64_stats_read(&from->tx_bytes);
			one.rx_drops = u64_stats_read(&from->rx_drops);
			one.tx_drops = u64_stats_read(&from->tx_drops);
			one.forwarded = u64_stats_read(&from->forwarded);
		} while (hm_stats_fetch_retry(&from->syncp, start));

		sum->rx_frames += one.rx_frames;
		sum->rx_bytes += one.rx_bytes;
		sum->tx_frames += one.tx_frames;
		sum->tx_bytes += one.tx_bytes;
		sum->rx_drops += one.rx_drops;
		sum->tx_drops += one.tx_drops;
		sum->forwarded += one.forwarded;
	}
}

/**
 * hm_drops_sum() - Add up one drop reason over all CPUs
 * @hm: device
 * @why: reason, at most HUBMESH_DROP_MAX
 *
 * Context: Any.
 * Return: frames dropped for @why since the device was made.
 */
u64 hm_drops_sum(const struct hm_device *hm, enum hubmesh_drop why)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct hm_drops *from = per_cpu_ptr(hm->drops, cpu);
		unsigned int start;
		u64 one;

		do {
			start = hm_stats_fetch_begin(&from->syncp);
			one = u64_stats_read(&from->count[why]);
		} while (hm_stats_fetch_retry(&from->syncp, start));
		sum += one;
	}
	return sum;
}
