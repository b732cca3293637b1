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
 * takes the link up.  Twice in each interval the link looks whether a frame came
 * since the last look.  It goes down when looks of @misses intervals in a row saw none,
 * which turns routes to their backup at once (hm_nexthops_select()).  It goes on
 * probing, so that it comes up again by itself.
 *
 * A line may fail in one direction only, and the end that still hears has no way
 * to notice.  So the end that does not hear says so in its probes, from the look on
 * with which it gives up, and the link is down for both.
 *
 * Some intervals send a second probe, padded to a length that pmtu.c wants tried.
 *
 * Silence is counted in looks, not in time: a hub that was itself stopped (a
 * busy CPU, a paused virtual machine) wakes to one late look, not to a clock
 * that condemns every neighbour.  They run from a timer, in softirq: no thread has
 * to be scheduled to keep a link alive.
 *
 * The timer is a high-resolution one: jiffies of 4 ms, rounded up at every look,
 * would add 15 % to the default.  Detection takes between @misses and @misses + 1/2
 * intervals after the last frame; one look each interval would make it @misses + 1, and
 * more looks gain less than they cost.
 */
#include <linux/etherdevice.h>
#include <linux/ktime.h>
#include "carrier.h"
#include "datapath.h"
#include "device.h"
#include "event.h"
#include "seal.h"

#define HM_PROBE_CLASS	7
#define HM_PROBE_LOOKS	2	/* each interval; the first of them sends a probe, too */
#define HM_PROBE_FRAME	(HM_HDR_LEN + sizeof(struct hm_probe) + HM_SEAL_TAG_LEN)

/* Have too many looks in a row found nothing? */
static bool is_silent(const struct hm_link *link)
{
	return READ_ONCE(link->probe.silent_looks) >=
	       HM_PROBE_LOOKS * READ_ONCE(link->probe.misses);
}

/* @link->probe.lock held */
static void fill_probe(struct hm_link *link, struct hm_probe *probe)
{
	u64 now = ktime_get_ns();

	probe->seq = cpu_to_be64(link->probe.tx_seq);
	probe->tx_ns = cpu_to_be64(now);
	probe->echo_seq = cpu_to_be64(link->probe.echo_seq);
	probe->echo_ns = cpu_to_be64(link->probe.echo_ns);
	probe->held_ns = cpu_to_be64(link->probe.echo_seq ? now - link->probe.echo_at_ns : 0);
	probe->padded_seq = cpu_to_be64(link->pmtu.seen_seq);
	probe->flags = cpu_to_be64(is_silent(link) ? HM_PROBE_F_SILENT : 0);
}

/* A probe of @frame_len bytes, its content missing; NULL if there is no memory. */
static struct sk_buff *probe_new(const struct hm_link *link, unsigned int frame_len)
{
	struct sk_buff *skb;
	struct hm_hdr *h;

	skb = alloc_skb(HM_OUTER_ROOM + frame_len, GFP_ATOMIC | __GFP_NOWARN);
	if (unlikely(!skb))
		return NULL;
	skb_reserve(skb, HM_OUTER_ROOM);
	h = skb_put_zero(skb, frame_len);
	h->ver_type = HM_WIRE_VERSION << 4 | HM_TYPE_PROBE;
	h->hop_ttl = 1;
	h->class_phase = HM_PROBE_CLASS << HM_CLASS_SHIFT;
	memcpy(h->dst, link->peer, HM_HUB_ID_LEN);
	memcpy(h->src, hm_own_id(link->hm), HM_HUB_ID_LEN);
	skb->priority = HM_PROBE_CLASS;
	return skb;
}

static void send_probe(struct hm_link *link, unsigned int frame_len)
{
	struct sk_buff *skb = probe_new(link, frame_len);

	if (unlikely(!skb)) {
		hm_drop_count(link->hm, link->counters, HUBMESH_DROP_NO_MEMORY, 1);
		return;
	}
	spin_lock(&link->probe.lock);
	link->probe.tx_seq++;
	fill_probe(link, (struct hm_probe *)(skb->data + HM_HDR_LEN));
	spin_unlock(&link->probe.lock);
	hm_link_seal_send(link, skb);
}

/* What gets through changed: meshd computes ways by it. */
static void tell_frame_max(struct hm_link *link)
{
	hm_carrier_frame_max(link);	/* remembers it */
	hm_event_link(link);
}

/*
 * The interval's probe, and another one padded to a length that is being tried: a
 * length that does not get through must not look like a dead link.
 */
static void send_probes(struct hm_link *link)
{
	bool has_changed = false;
	u32 padded_len = 0;

	send_probe(link, HM_PROBE_FRAME);
	hm_carrier_frame_max(link);	/* what does the route take now? */
	spin_lock(&link->probe.lock);
	if (READ_ONCE(link->state) == HUBMESH_LINK_UP)
		has_changed = hm_pmtu_round(link, link->probe.tx_seq + 1, &padded_len);
	spin_unlock(&link->probe.lock);
	if (padded_len > HM_PROBE_FRAME)
		send_probe(link, padded_len);
	if (has_changed)
		tell_frame_max(link);
}

/* Count the looks that find nothing.  @heard is set by receive. */
static void look(struct hm_link *link)
{
	u32 silent = READ_ONCE(link->probe.silent_looks);

	if (READ_ONCE(link->probe.heard)) {
		WRITE_ONCE(link->probe.heard, false);
		silent = 0;
	} else if (silent < U32_MAX) {
		silent++;
	}
	WRITE_ONCE(link->probe.silent_looks, silent);
	if (is_silent(link))
		hm_link_set_state(link, HUBMESH_LINK_DOWN);
}

static enum hrtimer_restart probe_due(struct hrtimer *timer)
{
	struct hm_link *link = container_of(timer, struct hm_link, probe.timer);
	u32 interval_ms = READ_ONCE(link->probe.interval_ms);
	u32 looks = READ_ONCE(link->probe.looks);

	if (!interval_ms || !rcu_access_pointer(link->keys.tx))
		return HRTIMER_NORESTART;	/* hm_probe_restart() starts us again */
	/* Not hrtimer_forward(): hm_probe_restart() may start the timer meanwhile. */
	hrtimer_start(timer, ns_to_ktime((u64)interval_ms * NSEC_PER_MSEC / HM_PROBE_LOOKS),
		      HRTIMER_MODE_REL_SOFT);
	look(link);
	WRITE_ONCE(link->probe.looks, looks + 1);
	if (looks % HM_PROBE_LOOKS || !netif_running(link->hm->dev))
		return HRTIMER_NORESTART;
	rcu_read_lock();
	send_probes(link);
	rcu_read_unlock();
	return HRTIMER_NORESTART;
}

void hm_probe_init(struct hm_link *link)
{
	spin_lock_init(&link->probe.lock);
	hm_hrtimer_init(&link->probe.timer, probe_due, HRTIMER_MODE_REL_SOFT);
}

void hm_probe_restart(struct hm_link *link)
{
	WRITE_ONCE(link->probe.is_unheard, false);
	WRITE_ONCE(link->probe.looks, 0);
	hrtimer_start(&link->probe.timer, 0, HRTIMER_MODE_REL_SOFT);
}

void hm_probe_stop(struct hm_link *link)
{
	hrtimer_cancel(&link->probe.timer);
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

/* The peer tells whether it hears us. */
static void note_peer_hears(struct hm_link *link, bool hears)
{
	if (likely(READ_ONCE(link->probe.is_unheard) == !hears))
		return;
	WRITE_ONCE(link->probe.is_unheard, !hears);
	if (hears)
		hm_link_heard(link);
	else
		hm_link_set_state(link, HUBMESH_LINK_DOWN);
}

void hm_probe_received(struct hm_link *link, const struct hm_probe *probe, bool is_padded)
{
	bool has_changed;
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
	if (is_padded)
		link->pmtu.seen_seq = max(link->pmtu.seen_seq, seq);
	has_changed = hm_pmtu_acked(link, be64_to_cpu(probe->padded_seq));
	spin_unlock(&link->probe.lock);
	note_peer_hears(link, !(probe->flags & cpu_to_be64(HM_PROBE_F_SILENT)));
	if (unlikely(has_changed))
		tell_frame_max(link);
}

void hm_probe_forget(struct hm_link *link)
{
	spin_lock_bh(&link->probe.lock);
	link->probe.echo_seq = 0;
	WRITE_ONCE(link->probe.silent_looks, 0);
	WRITE_ONCE(link->probe.is_unheard, false);
	hm_pmtu_reset(link);
	spin_unlock_bh(&link->probe.lock);
}
