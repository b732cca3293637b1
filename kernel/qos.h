/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_QOS_H
#define _HM_QOS_H

#include <linux/hrtimer.h>
#include <linux/skbuff.h>
#include <net/codel.h>
#include "limits.h"

struct hm_device;
struct hm_link;
struct hm_queue;

/**
 * struct hm_class_counts - what became of the frames of a class
 * @sent_frames: left the queue, and the underlay took them
 * @sent_bytes: their bytes, outer headers not counted
 * @full: dropped, the queue was full
 * @codel: dropped by CoDel
 * @flushed: dropped, they waited when link or interface went away
 * @peak_us: longest wait of any that was sent or dropped by CoDel
 */
struct hm_class_counts {
	u64 sent_frames, sent_bytes, full, codel, flushed;
	u32 peak_us;
};

/**
 * struct hm_class_settings - how a class is queued
 * @weight: quantums a turn
 * @limit_frames: no more are taken while so many wait
 * @limit_bytes: no more are taken while so many wait
 * @target_us: CoDel: standing delay that is tolerated
 * @interval_us: CoDel: for how long
 */
struct hm_class_settings {
	u8 weight;
	u32 limit_frames, limit_bytes, target_us, interval_us;
};

/**
 * struct hm_queue_class - the frames of one class that wait for a link
 * @queue: queue of the link
 * @packets: packets of frames, oldest first
 * @frames: frames in them
 * @bytes: their bytes, outer headers not counted
 * @deficit: bytes it may send before its turn is over
 * @settings: as set
 * @codel: @settings for CoDel
 * @vars: state of CoDel
 * @codel_stats: what CoDel wants to know of the packets
 * @counts: statistics
 */
struct hm_queue_class {
	struct hm_queue *queue;
	struct sk_buff_head packets;
	u32 frames, bytes;
	s32 deficit;
	struct hm_class_settings settings;
	struct codel_params codel;
	struct codel_vars vars;
	struct codel_stats codel_stats;
	struct hm_class_counts counts;
};

/**
 * struct hm_queue - frames that wait for a link with a rate
 * @link: the link; it owns the queue
 * @lock: protects the rest; not held while a packet is sent
 * @timer: runs the queue when the link may send again
 * @rate: bytes of outer IP packets per second; 0 for no limit.  Changes under the
 *	device lock too
 * @strict_share: percent of @rate that class 7 has before the others
 * @piece_bytes: longer packets of several frames are cut
 * @next_ns: the link may send from then on
 * @strict_next_ns: class 7 may go before the others from then on
 * @frames: frames in all classes
 * @turn: class whose turn it is
 * @is_running: somebody sends from the queue
 * @is_armed: @timer will run
 * @is_dead: the link is gone, nothing may wait any more
 * @class: the classes
 */
struct hm_queue {
	struct hm_link *link;
	spinlock_t lock;
	struct hrtimer timer;
	u64 rate;
	u8 strict_share;
	u32 piece_bytes;
	u64 next_ns, strict_next_ns;
	u32 frames;
	u8 turn;
	bool is_running, is_armed, is_dead;
	struct hm_queue_class class[HM_CLASSES];
};

/**
 * struct hm_class_report - one class as shown
 * @settings: as set
 * @counts: statistics
 * @frames: frames that wait
 * @bytes: their bytes
 * @sojourn_us: age of the oldest
 */
struct hm_class_report {
	struct hm_class_settings settings;
	struct hm_class_counts counts;
	u32 frames, bytes, sojourn_us;
};

/**
 * struct hm_queue_config - what QOS_SET asks for
 * @strict_share: new share of class 7, if @has_strict_share
 * @has_strict_share: @strict_share is given
 * @set: for each class, bit mask, BIT(HUBMESH_A_CLASS_*) of the settings that are given
 * @class: those settings
 */
struct hm_queue_config {
	u8 strict_share;
	bool has_strict_share;
	u32 set[HM_CLASSES];
	struct hm_class_settings class[HM_CLASSES];
};

struct hm_queue *hm_queue_new(struct hm_link *link);
void hm_queue_free(struct hm_queue *queue);
void hm_queue_stop(struct hm_queue *queue);
void hm_queue_flush(struct hm_queue *queue);
void hm_queue_set_rate(struct hm_queue *queue, u64 rate);
void hm_queue_configure(struct hm_queue *queue, const struct hm_queue_config *cfg);
void hm_queue_report(struct hm_queue *queue, u8 number, struct hm_class_report *report);
enum hubmesh_drop hm_queue_take(struct hm_queue *queue, struct sk_buff *skb, u8 number,
				unsigned int frames);

#endif
