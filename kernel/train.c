// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: trains: small frames that leave together
 *
 * TCP hands over super-frames, programs that send UDP datagrams mostly do not,
 * and the way through an underlay costs the same for one frame as for sixty.
 * So when single UDP frames of one flow come close upon each other, they wait,
 * at most hm->train_ns (ethtool -C tx-usecs), and leave as one super-packet: one
 * walk through the underlay's stack here, one lookup at every relay, one walk
 * at the far end.  It is what a network card does with interrupts.
 *
 * Who does not send much does not wait: a flow that sends no more than
 * HM_TRAIN_FREE frames in that time is left alone.  A program that waits for an answer
 * before it sends on gains nothing; its trains stay short, and trains in a row
 * that leave with fewer than HM_TRAIN_WORTH frames because their time was up keep
 * their flow from waiting for HM_TRAIN_PAUSE_NS.  A single one does not: the sender
 * may have been kept from its CPU by who works off the train before.
 *
 * Order within a flow is kept: a frame that cannot ride (another length, a
 * super-frame) sends the waiting ones before it.
 *
 * A train is per CPU and low bits of the flow entropy.  It remembers the hub by
 * its id, so a hub or a key may go while frames wait.
 */
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/sched/clock.h>
#include <net/ip.h>
#include "carrier.h"
#include "compat.h"
#include "datapath.h"
#include "hub.h"
#include "seal.h"
#include "train.h"

/* A whole, single UDP datagram?  @skb: its headers are linear as far as they go. */
static bool is_datagram(const struct sk_buff *skb)
{
	const struct ethhdr *eth = (const struct ethhdr *)skb->data;
	unsigned int room = skb_headlen(skb) - ETH_HLEN;

	if (skb_is_gso(skb))
		return false;
	if (eth->h_proto == htons(ETH_P_IP) && room >= sizeof(struct iphdr)) {
		const struct iphdr *iph = (const struct iphdr *)(eth + 1);

		return iph->protocol == IPPROTO_UDP &&
		       !(iph->frag_off & htons(IP_MF | IP_OFFSET));
	}
	if (eth->h_proto == htons(ETH_P_IPV6) && room >= sizeof(struct ipv6hdr))
		return ((const struct ipv6hdr *)(eth + 1))->nexthdr == IPPROTO_UDP;
	return false;
}

static void load_init(struct hm_train_load *load)
{
	__skb_queue_head_init(&load->frames);
}

static bool is_loaded(const struct hm_train_load *load)
{
	return !skb_queue_empty(&load->frames);
}

/* Take the waiting frames out; trains->lock held. */
static void unload(struct hm_train *train, struct hm_train_load *out)
{
	memcpy(out->hub_id, train->load.hub_id, HM_HUB_ID_LEN);
	out->flow = train->load.flow;
	out->zone = train->load.zone;
	skb_queue_splice_init(&train->load.frames, &out->frames);
}

/*
 * Count a datagram of @flow; true if it came on the heels of others.  A window
 * that follows a busy one at once is busy from its start.
 */
static bool is_worth_waiting(struct hm_train *train, u16 flow, u64 now, u32 window_ns)
{
	u64 age = now - train->window_ns;

	if (age > window_ns || train->window_flow != flow) {
		train->is_busy = train->window_frames > HM_TRAIN_FREE &&
				 age < 2ULL * window_ns && train->window_flow == flow;
		train->window_flow = flow;
		train->window_ns = now;
		train->window_frames = 0;
	}
	train->window_frames++;
	return (train->is_busy || train->window_frames > HM_TRAIN_FREE) &&
	       now >= train->pause_until_ns;
}

static bool may_ride(const struct hm_train *train, const struct hm_hub *hub,
		     const struct sk_buff *skb, u16 flow, __be16 zone)
{
	return train->load.flow == flow && train->load.zone == zone && skb->len <= train->len &&
	       ether_addr_equal(train->load.hub_id, hub->id);
}

static void start(struct hm_trains *trains, struct hm_train *train, const struct hm_hub *hub,
		  const struct sk_buff *skb, u16 flow, __be16 zone, u64 now, u32 hold_ns)
{
	ether_addr_copy(train->load.hub_id, hub->id);
	train->load.flow = flow;
	train->load.zone = zone;
	train->len = skb->len;
	train->started_ns = now;
	if (trains->is_armed)
		return;
	trains->is_armed = true;
	hrtimer_start(&trains->timer, ns_to_ktime(hold_ns), HRTIMER_MODE_REL_PINNED_SOFT);
}

static bool is_full(const struct hm_train *train)
{
	const struct sk_buff_head *frames = &train->load.frames;
	unsigned int frame_len = train->len + HM_FRAME_OVERHEAD;

	return skb_queue_len(frames) == HM_BATCH_FRAMES ||
	       (skb_queue_len(frames) + 1) * frame_len > HM_SUPER_BYTES ||
	       skb_peek_tail(frames)->len < train->len;
}

/**
 * hm_train_take() - Let a frame wait for others, if that is worth it.
 * @hub: where it goes; has a seal key and a next hop, and the frame fits
 * @skb: inner frame; taken if the return value is true
 * @flow: its flow entropy
 * @zone: its zone; frames of several zones never share a packet
 *
 * Frames of the flow that must not be overtaken are sent before it returns.
 *
 * Context: RCU read side, BH disabled.
 * Return: true if @skb is the train's; false if the caller sends it now.
 */
bool hm_train_take(const struct hm_hub *hub, struct sk_buff *skb, u16 flow, __be16 zone)
{
	struct hm_trains *trains = this_cpu_ptr(hub->hm->trains);
	struct hm_train *train = &trains->train[flow % HM_TRAINS];
	u32 hold_ns = READ_ONCE(hub->hm->train_ns);
	bool may_wait = hold_ns && is_datagram(skb);
	struct hm_train_load before, after;
	u64 now;

	if (!may_wait && !is_loaded(&train->load))
		return false;
	load_init(&before);
	load_init(&after);
	spin_lock(&trains->lock);
	if (is_loaded(&train->load) && (!may_wait || !may_ride(train, hub, skb, flow, zone)))
		unload(train, &before);
	if (may_wait) {
		now = local_clock();
		may_wait = is_worth_waiting(train, flow, now, hold_ns);
	}
	if (may_wait) {
		if (!is_loaded(&train->load))
			start(trains, train, hub, skb, flow, zone, now, hold_ns);
		skb_dst_drop(skb);	/* may not be counted; nobody needs it any more */
		__skb_queue_tail(&train->load.frames, skb);
		if (is_full(train))
			unload(train, &after);
	} else if (is_loaded(&train->load)) {	/* a new window, or a pause */
		unload(train, &before);
	}
	spin_unlock(&trains->lock);
	if (is_loaded(&before))
		hm_xmit_train(hub->hm, &before);
	if (is_loaded(&after))
		hm_xmit_train(hub->hm, &after);
	return may_wait;
}

/* Unload a train whose time is up.  Return: ns until it is, 0 for no train. */
static u64 unload_if_due(struct hm_train *train, u64 now, u32 hold_ns,
			 struct hm_train_load *out)
{
	u64 waited = now - train->started_ns;

	if (!is_loaded(&train->load))
		return 0;
	if (waited < hold_ns && hold_ns - waited > HM_TRAIN_SLACK_NS)
		return hold_ns - waited;
	if (skb_queue_len(&train->load.frames) >= HM_TRAIN_WORTH)
		train->vain_waits = 0;
	else if (++train->vain_waits >= HM_TRAIN_VAIN_WAITS)
		train->pause_until_ns = now + HM_TRAIN_PAUSE_NS;
	unload(train, out);
	return 0;
}

/* Runs in softirq on the CPU of the trains, or elsewhere when that one goes away. */
static enum hrtimer_restart trains_due(struct hrtimer *timer)
{
	struct hm_trains *trains = container_of(timer, struct hm_trains, timer);
	u32 hold_ns = READ_ONCE(trains->hm->train_ns);
	u64 now = local_clock(), left, next_ns = 0;
	struct hm_train_load out;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < HM_TRAINS; i++) {
		load_init(&out);
		spin_lock(&trains->lock);
		left = unload_if_due(&trains->train[i], now, hold_ns, &out);
		spin_unlock(&trains->lock);
		if (left && (!next_ns || left < next_ns))
			next_ns = left;
		if (is_loaded(&out))
			hm_xmit_train(trains->hm, &out);
	}
	rcu_read_unlock();
	spin_lock(&trains->lock);
	/* A train that started while others were sent finds the timer armed. */
	for (i = 0; i < HM_TRAINS && !next_ns; i++)
		if (is_loaded(&trains->train[i].load))
			next_ns = hold_ns ?: 1;
	trains->is_armed = next_ns;
	spin_unlock(&trains->lock);
	if (!next_ns)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ns_to_ktime(next_ns));
	return HRTIMER_RESTART;
}

/**
 * hm_trains_flush() - Send what waits.
 * @hm: device; nothing is transmitted on it any more
 *
 * Context: Process context.
 */
void hm_trains_flush(struct hm_device *hm)
{
	struct hm_train_load out;
	unsigned int cpu, i;

	for_each_possible_cpu(cpu) {
		struct hm_trains *trains = per_cpu_ptr(hm->trains, cpu);

		hrtimer_cancel(&trains->timer);
		local_bh_disable();
		rcu_read_lock();
		trains->is_armed = false;
		for (i = 0; i < HM_TRAINS; i++) {
			load_init(&out);
			unload(&trains->train[i], &out);
			if (is_loaded(&out))
				hm_xmit_train(hm, &out);
		}
		rcu_read_unlock();
		local_bh_enable();
	}
}

/**
 * hm_trains_init() - Make the trains of a device.
 * @hm: device
 *
 * Context: Process context.
 * Return: 0; -ENOMEM.
 */
int hm_trains_init(struct hm_device *hm)
{
	unsigned int cpu, i;

	hm->trains = alloc_percpu(struct hm_trains);
	if (!hm->trains)
		return -ENOMEM;
	hm->train_ns = HM_TRAIN_NS_DEFAULT;
	for_each_possible_cpu(cpu) {
		struct hm_trains *trains = per_cpu_ptr(hm->trains, cpu);

		trains->hm = hm;
		spin_lock_init(&trains->lock);
		hm_hrtimer_init(&trains->timer, trains_due, HRTIMER_MODE_REL_PINNED_SOFT);
		for (i = 0; i < HM_TRAINS; i++)
			load_init(&trains->train[i].load);
	}
	return 0;
}

/**
 * hm_trains_fini() - Free the trains of a device.
 * @hm: device; it is closed, no frame waits
 */
void hm_trains_fini(struct hm_device *hm)
{
	free_percpu(hm->trains);
}
