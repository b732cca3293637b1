// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: liveness of links
 *
 * While a link has a transmit key, a probe leaves it every interval.  A probe
 * carries our clock and gives back the clock of the newest probe received from
 * the peer with the time we held it: each side measures the round trip without
 * synchronised clocks, by RFC 6298 smoothing.
 *
 * Any authentic frame, probe or not, shows that the peer lives; the first one
 * takes the link up.  A link that has been up and silent for @misses intervals
 * goes down, which turns routes to their backup at once (hm_nexthops_select()).
 * It goes on probing, so that it comes up again by itself.
 *
 * Detection is as precise as the timer: the interval, rounded up to jiffies.
 */
#include <linux/etherdevice.h>
#include <linux/ktime.h>
#include "carrier.h"
#include "datapath.h"
#include "device.h"
#include "main.h"
#include "seal.h"

#define HM_PROBE_CLASS	7
#define HM_PROBE_FRAME	(HM_HDR_LEN + sizeof(struct hm_probe) + HM_SEAL_TAG_LEN)

static void schedule_probe(struct hm_link *link, u32 interval_ms)
{
	queue_delayed_work(hm_wq, &link->probe.work, msecs_to_jiffies(interval_ms));
}

static void fill_probe(struct hm_link *link, struct hm_probe *probe)
{
	u64 now = ktime_get_ns();

	spin_lock_bh(&link->probe.lock);
	probe->seq = cpu_to_be64(++link->probe.tx_seq);
	probe->tx_ns = cpu_to_be64(now);
	probe->echo_seq = cpu_to_be64(link->probe.echo_seq);
	probe->echo_ns = cpu_to_be64(link->probe.echo_ns);
	probe->held_ns = cpu_to_be64(link->probe.echo_seq ? now - link->probe.echo_at_ns : 0);
	spin_unlock_bh(&link->probe.lock);
}

/* One probe.  RCU read side, BH disabled. */
static void send_probe(struct hm_link *link)
{
	struct sk_buff *skb;
	struct hm_hdr *h;

	skb = alloc_skb(HM_OUTER_ROOM + HM_PROBE_FRAME, GFP_ATOMIC | __GFP_NOWARN);
	if (unlikely(!skb)) {
		hm_drop_count(link->hm, link->counters, HUBMESH_DROP_NO_MEMORY, 1);
		return;
	}
	skb_reserve(skb, HM_OUTER_ROOM);
	h = skb_put_zero(skb, HM_PROBE_FRAME);
	h->ver_type = HM_WIRE_VERSION << 4 | HM_TYPE_PROBE;
	h->hop_ttl = 1;
	h->class_phase = HM_PROBE_CLASS << HM_CLASS_SHIFT;
	memcpy(h->dst, link->peer, HM_HUB_ID_LEN);
	memcpy(h->src, hm_own_id(link->hm), HM_HUB_ID_LEN);
	fill_probe(link, (struct hm_probe *)(h + 1));
	skb->priority = HM_PROBE_CLASS;
	hm_link_seal_send(link, skb);
}

static bool is_silent(const struct hm_link *link, u32 interval_ms)
{
	unsigned long limit = msecs_to_jiffies(READ_ONCE(link->probe.misses) * interval_ms);

	return time_after(jiffies, READ_ONCE(link->last_rx) + limit);
}

static void probe_work(struct work_struct *work)
{
	struct hm_link *link = container_of(to_delayed_work(work), struct hm_link, probe.work);
	u32 interval_ms = READ_ONCE(link->probe.interval_ms);

	if (!interval_ms || !rcu_access_pointer(link->keys.tx))
		return;		/* hm_probe_restart() starts us again */
	schedule_probe(link, interval_ms);
	if (READ_ONCE(link->state) == HUBMESH_LINK_UP && is_silent(link, interval_ms))
		hm_link_set_state(link, HUBMESH_LINK_DOWN);
	if (!netif_running(link->hm->dev))
		return;
	local_bh_disable();
	rcu_read_lock();
	send_probe(link);
	rcu_read_unlock();
	local_bh_enable();
}

void hm_probe_init(struct hm_link *link)
{
	spin_lock_init(&link->probe.lock);
	INIT_DELAYED_WORK(&link->probe.work, probe_work);
}

void hm_probe_restart(struct hm_link *link)
{
	mod_delayed_work(hm_wq, &link->probe.work, 0);
}

void hm_probe_stop(struct hm_link *link)
{
	cancel_delayed_work_sync(&link->probe.work);
}

void hm_probe_alive(struct hm_link *link)
{
	unsigned long now = jiffies;

	if (READ_ONCE(link->last_rx) != now)
		WRITE_ONCE(link->last_rx, now);
	if (unlikely(READ_ONCE(link->state) != HUBMESH_LINK_UP))
		hm_link_set_state(link, HUBMESH_LINK_UP);
}

/* RFC 6298 section 2: RTT with gain 1/8, deviation with gain 1/4. */
static void smooth_rtt(struct hm_link *link, u32 sample_us)
{
	u32 rtt = link->probe.rtt_us, jitter = link->probe.jitter_us;

	if (!rtt) {
		jitter = sample_us / 2;
		rtt = sample_us;
	} else {
		s32 error = (s32)sample_us - (s32)rtt;

		jitter += (abs(error) - (s32)jitter) / 4;
		rtt += error / 8;
	}
	WRITE_ONCE(link->probe.rtt_us, max(rtt, 1U));
	WRITE_ONCE(link->probe.jitter_us, jitter);
}

void hm_probe_received(struct hm_link *link, const struct hm_probe *probe)
{
	u64 now = ktime_get_ns(), seq = be64_to_cpu(probe->seq), rtt_ns;

	spin_lock(&link->probe.lock);
	if (seq > link->probe.echo_seq) {
		link->probe.echo_seq = seq;
		link->probe.echo_ns = be64_to_cpu(probe->tx_ns);
		link->probe.echo_at_ns = now;
	}
	if (probe->echo_seq) {
		/* our own clock came back; an impossible answer is ignored */
		rtt_ns = now - be64_to_cpu(probe->echo_ns) - be64_to_cpu(probe->held_ns);
		if (rtt_ns < 60ULL * NSEC_PER_SEC)
			smooth_rtt(link, div_u64(rtt_ns, NSEC_PER_USEC));
	}
	spin_unlock(&link->probe.lock);
}
