/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_TRAIN_H
#define _HM_TRAIN_H

#include <linux/hrtimer.h>
#include <linux/skbuff.h>
#include "limits.h"

struct hm_device;
struct hm_hub;

/**
 * struct hm_train_load - frames of one flow that leave as one packet
 * @frames: the frames, oldest first; equally long but for the last, which may be
 *	shorter
 * @hub_id: hub they go to
 * @flow: their flow entropy
 * @zone: their zone
 */
struct hm_train_load {
	struct sk_buff_head frames;
	u8 hub_id[HM_HUB_ID_LEN];
	u16 flow;
	__be16 zone;
};

/**
 * struct hm_train - where frames of one flow wait
 * @load: those that wait
 * @len: length of the first
 * @started_ns: when the first one came
 * @window_ns: start of the window that frames are counted in
 * @window_flow: flow they are counted of
 * @window_frames: frames of that flow seen since then
 * @vain_waits: trains since the last one that was worth its wait
 * @is_busy: the window before this one was busy
 * @pause_until_ns: nobody waits before: waiting did not pay
 */
struct hm_train {
	struct hm_train_load load;
	u32 len;
	u64 started_ns, window_ns, pause_until_ns;
	u32 window_frames, vain_waits;
	u16 window_flow;
	bool is_busy;
};

/**
 * struct hm_trains - the trains of one device and CPU
 * @hm: device
 * @lock: protects the rest; another CPU takes it only when the device goes down
 *	or this CPU goes away
 * @timer: sends trains that have waited long enough
 * @is_armed: @timer will run
 * @train: by low bits of the flow entropy
 */
struct hm_trains {
	struct hm_device *hm;
	spinlock_t lock;
	struct hrtimer timer;
	bool is_armed;
	struct hm_train train[HM_TRAINS];
};

int hm_trains_init(struct hm_device *hm);
void hm_trains_fini(struct hm_device *hm);
void hm_trains_flush(struct hm_device *hm);
bool hm_train_take(const struct hm_hub *hub, struct sk_buff *skb, u16 flow, __be16 zone);

#endif
