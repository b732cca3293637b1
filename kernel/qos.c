// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: the queue of a link
 *
 * A link with a rate (HUBMESH_A_LINK_RATE) sends no faster than that, so that what
 * waits, waits here, where its class is known, and not in a network card or a modem.
 * A link without one has no queue: hm_hop_send() sees link->queue_in_use NULL and
 * goes on.  When a rate is taken away the queue stays in use until it has sent what
 * waits, so that nothing is overtaken within its class.
 *
 * What waits is sealed but not stamped: hop sequence and hop tag are made when a
 * packet leaves (hm_hop_send_waited()), so the receiver's windows see them in order
 * though classes overtake each other.  Seal counters are per class (tx.c, lanes).
 *
 *   in     a packet of many frames is cut into pieces of at most 1 ms of the rate
 *          (or one frame), which share its pages; what finds its class full is
 *          dropped (TX_QUEUE_FULL)
 *   out    class 7 first, as long as that takes no more than its share of the rate;
 *          then all classes by deficit round robin (Shreedhar and Varghese, 1995);
 *          CoDel (RFC 8289, net/codel_impl.h) drops what has waited too long
 *          (TX_CODEL).  The outer header does not exist yet, so nothing is marked
 *   when   a token bucket, kept as the time from which on the link may send: each
 *          packet moves it on by its length over the rate.  A packet goes if that
 *          time has come, however long it is; time that was not used is kept for
 *          HM_QUEUE_BURST_NS
 *
 * The queue runs where a packet is put in and from an hrtimer, both in softirq; one
 * at a time (is_running), a limited number of packets, and never from within
 * itself: a packet that is put in while another is sent finds is_running set, and the
 * loop that sends finds the packet.
 *
 * Life: the queue is made with its link and freed with it, after readers.  When the
 * link leaves the table hm_queue_stop() drops what waits, refuses what still comes and
 * waits for the timer, which is not armed again.  The interface going down drops what
 * waits as well.
 */
#include <linux/math64.h>
#include <linux/slab.h>
#include <net/codel.h>
#include <net/codel_impl.h>
#include "carrier.h"
#include "compat.h"
#include "datapath.h"
#include "link.h"
#include "qos.h"

/**
 * struct queue_mark - what is noted in a packet that waits (skb->cb)
 * @since: when it came
 * @class: class of its frames
 */
struct queue_mark {
	codel_time_t since;
	u8 class;
};

static struct queue_mark *mark_of(const struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct queue_mark) > sizeof(skb->cb));
	return (struct queue_mark *)skb->cb;
}

static unsigned int frames_in(const struct sk_buff *skb)
{
	return skb_shinfo(skb)->gso_segs ?: 1;
}

/* Bytes of the IP packets that @skb becomes. */
static u32 outer_bytes(const struct hm_queue *queue, const struct sk_buff *skb)
{
	return skb->len + frames_in(skb) * hm_carrier_outer_len(queue->link);
}

/* How long @skb keeps a link with a rate busy. */
static u64 send_ns(const struct hm_queue *queue, const struct sk_buff *skb)
{
	return div64_u64((u64)outer_bytes(queue, skb) * NSEC_PER_SEC, queue->rate);
}

/* ---- in --------------------------------------------------------------------- */

/* Add what @from has at @off, @len bytes, to @to, whose linear part is big enough. */
static void append_range(struct sk_buff *to, const struct sk_buff *from, unsigned int off,
			 unsigned int len)
{
	const struct skb_shared_info *shinfo = skb_shinfo(from);
	unsigned int size = skb_headlen(from), n, i;

	if (off < size) {
		n = min(len, size - off);
		skb_put_data(to, from->data + off, n);
		off += n;
		len -= n;
	}
	off -= size;
	for (i = 0; len && i < shinfo->nr_frags; i++) {
		const skb_frag_t *frag = &shinfo->frags[i];

		size = skb_frag_size(frag);
		if (off >= size) {
			off -= size;
			continue;
		}
		n = min(len, size - off);
		get_page(skb_frag_page(frag));
		skb_add_rx_frag(to, skb_shinfo(to)->nr_frags, skb_frag_page(frag),
				skb_frag_off(frag) + off, n, n);
		off = 0;
		len -= n;
	}
}

/* A packet of the next @frames frames of @skb, from @off on; it shares their pages. */
static struct sk_buff *piece_new(const struct sk_buff *skb, unsigned int off,
				 unsigned int frames)
{
	unsigned int step = skb_shinfo(skb)->gso_size, len = min(frames * step, skb->len - off);
	unsigned int linear = 0;
	struct sk_buff *piece;

	if (off < skb_headlen(skb))
		linear = min(len, skb_headlen(skb) - off);
	piece = alloc_skb(HM_OUTER_ROOM + linear, GFP_ATOMIC | __GFP_NOWARN);
	if (unlikely(!piece))
		return NULL;
	skb_reserve(piece, HM_OUTER_ROOM);
	append_range(piece, skb, off, len);
	frames = DIV_ROUND_UP(len, step);
	if (frames > 1) {
		skb_shinfo(piece)->gso_size = step;
		skb_shinfo(piece)->gso_segs = frames;
		skb_shinfo(piece)->gso_type = HM_GSO_TYPE;
	}
	skb_copy_hash(piece, skb);
	piece->priority = skb->priority;
	return piece;
}

/*
 * Cut @skb into packets of at most @most frames.  Return: frames lost for want of
 * memory; @skb is consumed.
 */
static unsigned int cut(struct sk_buff *skb, unsigned int most, struct sk_buff_head *pieces)
{
	unsigned int frames = frames_in(skb), done = 0;
	struct sk_buff *piece;

	while (done < frames) {
		piece = piece_new(skb, done * skb_shinfo(skb)->gso_size, most);
		if (unlikely(!piece))
			break;
		done += frames_in(piece);
		__skb_queue_tail(pieces, piece);
	}
	consume_skb(skb);
	return frames - done;
}

static bool is_full(const struct hm_queue_class *class)
{
	return class->frames >= class->settings.limit_frames ||
	       class->bytes >= class->settings.limit_bytes;
}

/* Put one packet in, or drop it.  Lock held.  Return: 0 or why not. */
static enum hubmesh_drop put_packet(struct hm_queue_class *class, struct sk_buff *skb)
{
	struct hm_queue *queue = class->queue;
	unsigned int frames = frames_in(skb);
	enum hubmesh_drop why = 0;

	if (unlikely(queue->is_dead)) {
		class->counts.flushed += frames;
		why = HUBMESH_DROP_TX_QUEUE_FLUSHED;
	} else if (is_full(class)) {
		class->counts.full += frames;
		why = HUBMESH_DROP_TX_QUEUE_FULL;
	}
	if (why) {
		hm_drop_count(queue->link->hm, queue->link->counters, why, frames);
		kfree_skb(skb);
		return why;
	}
	/* It may wait for long: nothing of where it came from must wait with it. */
	skb_scrub_packet(skb, true);
	mark_of(skb)->since = codel_get_time();
	mark_of(skb)->class = class - queue->class;
	__skb_queue_tail(&class->packets, skb);
	class->frames += frames;
	class->bytes += skb->len;
	queue->frames += frames;
	return 0;
}

/* ---- out -------------------------------------------------------------------- */

static u32 age_us(const struct sk_buff *skb)
{
	return codel_time_to_us(codel_get_time() - mark_of(skb)->since);
}

/* Take the oldest packet out.  Lock held. */
static struct sk_buff *take_oldest(struct hm_queue_class *class)
{
	struct sk_buff *skb = __skb_dequeue(&class->packets);

	if (!skb)
		return NULL;
	class->frames -= frames_in(skb);
	class->bytes -= skb->len;
	class->queue->frames -= frames_in(skb);
	return skb;
}

static struct sk_buff *codel_take(struct codel_vars *vars, void *ctx)
{
	struct hm_queue_class *class = ctx;
	struct sk_buff *skb = take_oldest(class);

	if (skb)
		class->counts.peak_us = max(class->counts.peak_us, age_us(skb));
	return skb;
}

static void codel_drop(struct sk_buff *skb, void *ctx)
{
	struct hm_queue_class *class = ctx;
	struct hm_link *link = class->queue->link;

	class->counts.codel += frames_in(skb);
	hm_drop_count(link->hm, link->counters, HUBMESH_DROP_TX_CODEL, frames_in(skb));
	kfree_skb(skb);
}

static u32 codel_len(const struct sk_buff *skb)
{
	return skb->len;
}

static codel_time_t codel_since(const struct sk_buff *skb)
{
	return mark_of(skb)->since;
}

/* The next packet of a class, or NULL.  Lock held. */
static struct sk_buff *take_packet(struct hm_queue_class *class)
{
	return codel_dequeue(class, &class->bytes, &class->codel, &class->vars,
			     &class->codel_stats, codel_len, codel_since, codel_drop,
			     codel_take);
}

/* Class 7, as long as it keeps to its share.  Lock held. */
static struct sk_buff *take_strict(struct hm_queue *queue, u64 now)
{
	struct hm_queue_class *class = &queue->class[HM_CLASS_STRICT];
	struct sk_buff *skb;

	if (!class->frames || !queue->strict_share || queue->strict_next_ns > now)
		return NULL;
	skb = take_packet(class);
	if (!skb || !queue->rate)
		return skb;
	queue->strict_next_ns = max(queue->strict_next_ns, now - HM_QUEUE_STRICT_BURST_NS) +
				div_u64(send_ns(queue, skb) * 100, queue->strict_share);
	return skb;
}

/*
 * The class whose turn it is, while its deficit lasts.  A class that has nothing to
 * send saves nothing, but pays off what it has overdrawn.  A round gives every class
 * a quantum at least, so the loop ends: after HM_QUEUE_PIECE_MAX / HM_QUEUE_QUANTUM
 * rounds, and a few for the outer headers.
 * Lock held.
 */
static struct sk_buff *take_fair(struct hm_queue *queue)
{
	struct hm_queue_class *class;
	struct sk_buff *skb;

	while (queue->frames) {
		class = &queue->class[queue->turn];
		if (class->frames && class->deficit > 0) {
			skb = take_packet(class);
			if (!skb)	/* CoDel dropped the last one */
				continue;
			class->deficit -= outer_bytes(queue, skb);
			return skb;
		}
		if (!class->frames)
			class->deficit = min(class->deficit, 0);
		queue->turn = (queue->turn + 1) % HM_CLASSES;
		class = &queue->class[queue->turn];
		class->deficit += HM_QUEUE_QUANTUM * class->settings.weight;
	}
	return NULL;
}

/* The next packet, if it may be sent now.  Lock held. */
static struct sk_buff *take_next(struct hm_queue *queue)
{
	u64 now = ktime_get_ns();
	struct sk_buff *skb;

	if (!queue->frames || queue->next_ns > now)
		return NULL;
	skb = take_strict(queue, now) ?: take_fair(queue);
	if (!skb || !queue->rate)
		return skb;
	queue->next_ns = max(queue->next_ns, now - HM_QUEUE_BURST_NS) + send_ns(queue, skb);
	return skb;
}

/* Lock held, released while the packet is sent. */
static void send_packet(struct hm_queue *queue, struct sk_buff *skb)
	__releases(&queue->lock) __acquires(&queue->lock)
{
	struct hm_class_counts *counts = &queue->class[mark_of(skb)->class].counts;
	unsigned int frames = frames_in(skb), bytes = skb->len;
	enum hubmesh_drop why;

	spin_unlock(&queue->lock);
	why = hm_hop_send_waited(queue->link, skb);
	spin_lock(&queue->lock);
	if (unlikely(why))
		return;
	counts->sent_frames += frames;
	counts->sent_bytes += bytes;
}

/* Run the queue at @at_ns, or when it would have run anyway.  Lock held. */
static void arm(struct hm_queue *queue, u64 at_ns)
{
	if (queue->is_armed || queue->is_dead)
		return;
	queue->is_armed = true;
	hrtimer_start(&queue->timer, ns_to_ktime(at_ns), HRTIMER_MODE_ABS_SOFT);
}

/* Nothing waits, and nothing need wait: go past the queue.  Lock held. */
static void retire(struct hm_queue *queue)
{
	RCU_INIT_POINTER(queue->link->queue_in_use, NULL);
}

/* Send what may be sent.  RCU read side, BH disabled, lock held. */
static void run_queue(struct hm_queue *queue)
{
	unsigned int budget = HM_QUEUE_RUN_PACKETS;
	struct sk_buff *skb;

	if (queue->is_running)
		return;
	queue->is_running = true;
	while (budget-- && (skb = take_next(queue)))
		send_packet(queue, skb);
	queue->is_running = false;
	if (queue->frames)
		arm(queue, max(queue->next_ns, ktime_get_ns() + HM_QUEUE_TICK_NS));
	else if (!queue->rate)
		retire(queue);
}

static void drop_all(struct hm_queue *queue)
{
	struct hm_link *link = queue->link;
	struct hm_queue_class *class;
	struct sk_buff *skb;
	unsigned int i;

	for (i = 0; i < HM_CLASSES; i++) {
		class = &queue->class[i];
		while ((skb = take_oldest(class))) {
			class->counts.flushed += frames_in(skb);
			hm_drop_count(link->hm, link->counters,
				      HUBMESH_DROP_TX_QUEUE_FLUSHED, frames_in(skb));
			kfree_skb(skb);
		}
	}
}

/* Softirq. */
static enum hrtimer_restart queue_due(struct hrtimer *timer)
{
	struct hm_queue *queue = container_of(timer, struct hm_queue, timer);

	rcu_read_lock();
	spin_lock(&queue->lock);
	queue->is_armed = false;
	if (unlikely(!netif_running(queue->link->hm->dev)))
		drop_all(queue);	/* came while the interface went down */
	run_queue(queue);
	spin_unlock(&queue->lock);
	rcu_read_unlock();
	return HRTIMER_NORESTART;	/* run_queue() has armed it if need be */
}

/**
 * hm_queue_take() - Let a packet wait for its link, or send it if that is free.
 * @queue: queue of the link
 * @skb: sealed frames at skb->data, gso_size set for more than one; consumed
 * @number: class of the frames
 * @frames: how many they are
 *
 * Context: RCU read side, BH disabled.
 * Return: 0 if any frame waits or was sent; the drop reason of the last one if none
 * does.  Drops are counted.
 */
enum hubmesh_drop hm_queue_take(struct hm_queue *queue, struct sk_buff *skb, u8 number,
				unsigned int frames)
{
	struct hm_queue_class *class = &queue->class[number];
	struct hm_link *link = queue->link;
	enum hubmesh_drop why = HUBMESH_DROP_NO_MEMORY, refused;
	unsigned int most = frames, lost = 0;
	struct sk_buff_head pieces;
	bool has_taken = false;

	__skb_queue_head_init(&pieces);
	if (frames > 1)
		most = max(READ_ONCE(queue->piece_bytes) / skb_shinfo(skb)->gso_size, 1U);
	if (frames > most)
		lost = cut(skb, most, &pieces);
	else
		__skb_queue_tail(&pieces, skb);
	if (unlikely(lost))
		hm_drop_count(link->hm, link->counters, HUBMESH_DROP_NO_MEMORY, lost);

	spin_lock(&queue->lock);
	while ((skb = __skb_dequeue(&pieces))) {
		refused = put_packet(class, skb);
		if (refused)
			why = refused;
		else
			has_taken = true;
	}
	run_queue(queue);
	spin_unlock(&queue->lock);
	return has_taken ? 0 : why;
}

/* ---- settings and life ------------------------------------------------------- */

static const u8 default_weight[HM_CLASSES] = HM_QUEUE_WEIGHTS_DEFAULT;

static codel_time_t codel_time_of_us(u32 us)
{
	return ((u64)us * NSEC_PER_USEC) >> CODEL_SHIFT;
}

/* The settings of a class, as CoDel wants them.  Lock held. */
static void apply_codel(struct hm_queue_class *class)
{
	class->codel.target = codel_time_of_us(class->settings.target_us);
	class->codel.interval = codel_time_of_us(class->settings.interval_us);
	class->codel.mtu = class->queue->piece_bytes;
}

static void class_init(struct hm_queue *queue, unsigned int number)
{
	struct hm_queue_class *class = &queue->class[number];

	class->queue = queue;
	__skb_queue_head_init(&class->packets);
	class->settings.weight = default_weight[number];
	class->settings.limit_frames = HM_QUEUE_FRAMES_DEFAULT;
	class->settings.limit_bytes = HM_QUEUE_BYTES_DEFAULT;
	class->settings.target_us = HM_CODEL_TARGET_US_DEFAULT;
	class->settings.interval_us = HM_CODEL_INTERVAL_US_DEFAULT;
	codel_params_init(&class->codel);
	codel_vars_init(&class->vars);
	codel_stats_init(&class->codel_stats);
	apply_codel(class);
}

/**
 * hm_queue_new() - Make the queue of a link, out of use.
 * @link: link being made
 *
 * Context: Process context, may sleep.
 * Return: the queue, to be freed with hm_queue_free(); NULL without memory.
 */
struct hm_queue *hm_queue_new(struct hm_link *link)
{
	struct hm_queue *queue = kzalloc(sizeof(*queue), GFP_KERNEL);
	unsigned int i;

	if (!queue)
		return NULL;
	queue->link = link;
	spin_lock_init(&queue->lock);
	hm_hrtimer_init(&queue->timer, queue_due, HRTIMER_MODE_ABS_SOFT);
	queue->strict_share = HM_QUEUE_STRICT_SHARE_DEFAULT;
	queue->piece_bytes = HM_QUEUE_PIECE_MAX;
	for (i = 0; i < HM_CLASSES; i++)
		class_init(queue, i);
	return queue;
}

/**
 * hm_queue_free() - Free a queue in which nothing waits.
 * @queue: queue that was stopped, or never used; its link has no readers
 */
void hm_queue_free(struct hm_queue *queue)
{
	kfree(queue);
}

/**
 * hm_queue_flush() - Drop what waits.
 * @queue: queue
 *
 * Context: Process context.
 */
void hm_queue_flush(struct hm_queue *queue)
{
	spin_lock_bh(&queue->lock);
	drop_all(queue);
	spin_unlock_bh(&queue->lock);
}

/**
 * hm_queue_stop() - Drop what waits and take nothing more.
 * @queue: queue of a link that has left the table
 *
 * Context: Process context; waits for the timer.
 */
void hm_queue_stop(struct hm_queue *queue)
{
	spin_lock_bh(&queue->lock);
	queue->is_dead = true;
	drop_all(queue);
	spin_unlock_bh(&queue->lock);
	hrtimer_cancel(&queue->timer);
}

/**
 * hm_queue_set_rate() - Change how fast a link sends.
 * @queue: queue of the link
 * @rate: bytes per second; 0 for no limit, once what waits has been sent
 *
 * Context: Process context, device lock held.
 */
void hm_queue_set_rate(struct hm_queue *queue, u64 rate)
{
	u64 piece = rate ? div_u64(rate, MSEC_PER_SEC) * HM_QUEUE_PIECE_MS : HM_QUEUE_PIECE_MAX;
	unsigned int i;

	spin_lock_bh(&queue->lock);
	WRITE_ONCE(queue->rate, rate);
	WRITE_ONCE(queue->piece_bytes, clamp_t(u64, piece, HM_QUEUE_PIECE_MIN,
					       HM_QUEUE_PIECE_MAX));
	for (i = 0; i < HM_CLASSES; i++)
		apply_codel(&queue->class[i]);
	/* Times that were counted with the old rate say nothing about the new one. */
	queue->next_ns = 0;
	queue->strict_next_ns = 0;
	if (rate)
		rcu_assign_pointer(queue->link->queue_in_use, queue);
	if (queue->is_armed)
		hrtimer_start(&queue->timer, 0, HRTIMER_MODE_ABS_SOFT);
	else
		arm(queue, 0);
	spin_unlock_bh(&queue->lock);
}

static void configure_class(struct hm_queue_class *class, u32 set,
			    const struct hm_class_settings *wanted)
{
	struct hm_class_settings *settings = &class->settings;

	if (set & BIT(HUBMESH_A_CLASS_WEIGHT))
		settings->weight = wanted->weight;
	if (set & BIT(HUBMESH_A_CLASS_LIMIT_FRAMES))
		settings->limit_frames = wanted->limit_frames;
	if (set & BIT(HUBMESH_A_CLASS_LIMIT_BYTES))
		settings->limit_bytes = wanted->limit_bytes;
	if (set & BIT(HUBMESH_A_CLASS_TARGET_US))
		settings->target_us = wanted->target_us;
	if (set & BIT(HUBMESH_A_CLASS_INTERVAL_US))
		settings->interval_us = wanted->interval_us;
	apply_codel(class);
}

/**
 * hm_queue_configure() - Change how classes are queued.
 * @queue: queue
 * @cfg: what to change, ranges checked
 *
 * What waits stays, though it be more than a new limit.
 *
 * Context: Process context, device lock held.
 */
void hm_queue_configure(struct hm_queue *queue, const struct hm_queue_config *cfg)
{
	unsigned int i;

	spin_lock_bh(&queue->lock);
	if (cfg->has_strict_share)
		queue->strict_share = cfg->strict_share;
	for (i = 0; i < HM_CLASSES; i++)
		configure_class(&queue->class[i], cfg->set[i], &cfg->class[i]);
	spin_unlock_bh(&queue->lock);
}

/**
 * hm_queue_report() - Show a class.
 * @queue: queue
 * @number: class
 * @report: filled
 *
 * Context: Process context.
 */
void hm_queue_report(struct hm_queue *queue, u8 number, struct hm_class_report *report)
{
	const struct hm_queue_class *class = &queue->class[number];

	spin_lock_bh(&queue->lock);
	report->settings = class->settings;
	report->counts = class->counts;
	report->frames = class->frames;
	report->bytes = class->bytes;
	report->sojourn_us = skb_queue_empty(&class->packets) ? 0 :
			     age_us(skb_peek(&class->packets));
	spin_unlock_bh(&queue->lock);
}
