// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: transmit: from mesh0 into the mesh
 *
 * hm_xmit() takes one inner frame or GSO super-frame from the stack, finds the
 * hub it is for (hub id, fdb, or every hub), and has it sealed:
 *
 *   single frame   sealed where it is, if the buffer is ours alone and has
 *                  room; else copied once, into a packet of its own
 *   close frames   of one flow of datagrams wait for each other (train.c) and are
 *                  copied into one super-packet, several small ones to a frame
 *   for many       sealed once and sent along our tree (tree.c), and a copy each, sealed
 *                  for it, to hubs that are not known to have the key it is sealed with
 *   GSO            cut here: every segment is copied once, payload checksummed
 *                  on the way, from the fragments into one fresh run of pages
 *                  laid out frame after frame, which is one UDP super-packet
 *
 * then tx_sealed() sends the packet to the next hop through hm_hop_send(), the
 * point where relayed frames join.
 *
 * A hub without a seal key: frames of the control port leave as HOP frames,
 * under the link's key, so that two hubs can make keys at all; others wait in
 * hub->held, and meshd is told that a session is needed.
 *
 * A pointer into an skb never outlives the function that made it, frames of a
 * batch excepted: nothing reallocates a packet between the filling of its batch
 * and hm_hop_send().
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/icmp.h>
#include <net/ip6_checksum.h>
#include "carrier.h"
#include "compat.h"
#include "datapath.h"
#include "event.h"
#include "filter.h"
#include "frames.h"
#include "inner.h"
#include "main.h"
#include "qos.h"
#include "seal.h"
#include "train.h"

/* A run of pages that the allocator has at hand, as it has those of page fragments. */
#define HM_CHUNK_BYTES	PAGE_FRAG_CACHE_MAX_SIZE
#define HM_SUPER_FRAMES	HM_BATCH_FRAMES	/* and UDP_MAX_SEGMENTS of 6.1 */
#define HM_SUPER_FRAGS	16
/* Inner headers that the frame's class without a rule and the control port are read from. */
#define HM_INNER_LOOK							\
	((unsigned int)(ETH_HLEN + sizeof(struct ipv6hdr) + sizeof(struct tcphdr)))

/**
 * struct hm_tx - where an inner frame goes and how
 * @hm: device
 * @hub: hub it is sealed for, NULL for HOP and TREE frames
 * @link: first hop, NULL for TREE frames
 * @key: key it is sealed with
 * @hdr: header of its frames, counter and hop fields excepted
 * @tunnel_end: hub where the tunnel ends that its frames take, or NULL
 * @frame_max: longest frame that fits behind the first hop
 * @flow: flow entropy
 * @class: class of the inner frame
 * @zone: zone of the sender
 * @dsfield: outer DS byte
 */
struct hm_tx {
	struct hm_device *hm;
	struct hm_hub *hub;
	struct hm_link *link;
	struct hm_key *key;
	struct hm_hdr hdr;
	const u8 *tunnel_end;
	u32 frame_max;
	u16 flow;
	__be16 zone;
	u8 class, dsfield;
};

static void tx_refuse(struct hm_device *hm, struct hm_counters __percpu *owner,
		      struct sk_buff *skb, enum hubmesh_drop why)
{
	hm_drop_count(hm, owner, why, 1);
	kfree_skb(skb);
}

/* Count @n frames that got as far as having a key and a way. */
static void tx_count_drop(const struct hm_tx *tx, enum hubmesh_drop why, unsigned int n)
{
	struct hm_counters __percpu *owner = tx->hub ? tx->hub->counters : NULL;

	if (!owner && tx->link)
		owner = tx->link->counters;
	hm_drop_count(tx->hm, owner, why, n);
}

/* ---- numbers -------------------------------------------------------------- */

/* Claim @n numbers that nobody has used; the first, or 0 if there are no more. */
static u64 claim_numbers(atomic64_t *last, unsigned int n, u64 hard)
{
	u64 end = atomic64_add_return(n, last);

	return likely(end <= hard) ? end - n + 1 : 0;
}

static bool key_wants_successor(struct hm_key *key, u64 number, u64 soft)
{
	return unlikely(number >= soft) && !test_bit(0, &key->asked) &&
	       !test_and_set_bit(0, &key->asked);
}

/* Seal counters for @n frames; 0 if the key is used up, which the caller counts. */
static u64 claim_counters(const struct hm_tx *tx, unsigned int n)
{
	u64 soft = min_t(u64, READ_ONCE(tx->hm->rekey_frames), HM_SEAL_FRAMES_SOFT);
	u64 first = claim_numbers(&tx->key->lanes[tx->hdr.lane].counter, n,
				  HM_SEAL_FRAMES_HARD);

	if (unlikely(!first))
		return 0;
	if (key_wants_successor(tx->key, first + n - 1, soft)) {
		if (tx->hub)
			hm_event_hub_key(tx->hub, tx->key->phase, HUBMESH_EVENT_KEY_NEEDED);
		else if (tx->link)
			hm_event_link_key(tx->link, tx->key->phase, HUBMESH_EVENT_KEY_NEEDED);
		else
			hm_event_sender_key(tx->hm, tx->key->phase, HUBMESH_EVENT_KEY_NEEDED);
	}
	return first;
}

/* ---- the hop ---------------------------------------------------------------- */

/* Hop sequences for @n frames under @key.  Return: the first, or 0 and @why. */
static u64 claim_hop(struct hm_link *link, struct hm_key *key, u8 lane, unsigned int n,
		     enum hubmesh_drop *why)
{
	u64 seq, soft;

	*why = HUBMESH_DROP_TX_NO_LINK_KEY;
	if (unlikely(!key))
		return 0;
	seq = claim_numbers(&key->lanes[lane].hop_seq, n, HM_HOP_SEQ_HARD);
	*why = HUBMESH_DROP_TX_KEY_EXHAUSTED;
	if (unlikely(!seq))
		return 0;
	soft = min_t(u64, READ_ONCE(link->hm->rekey_frames), HM_HOP_SEQ_SOFT);
	if (key_wants_successor(key, seq + n - 1, soft))
		hm_event_link_key(link, key->phase, HUBMESH_EVENT_KEY_NEEDED);
	return seq;
}

static enum hubmesh_drop hop_refuse(struct hm_link *link, struct sk_buff *skb,
				    enum hubmesh_drop why, unsigned int n)
{
	hm_drop_count(link->hm, link->counters, why, n);
	kfree_skb(skb);
	return why;
}

enum hubmesh_drop hm_hop_send(struct hm_link *link, struct sk_buff *skb,
			      struct hm_frame *frame, unsigned int n,
			      u16 flow, u8 dsfield)
{
	struct hm_queue *queue = rcu_dereference(link->queue_in_use);
	struct hm_key *key = rcu_dereference(link->keys.tx);
	__be16 remote_index = htons(READ_ONCE(link->remote_index));
	enum hubmesh_drop why;
	unsigned int i;
	u64 seq;

	if (unlikely(queue))
		return hm_queue_take(queue, skb, hm_hdr_class(frame->hdr), n);
	seq = claim_hop(link, key, frame->hdr->lane, n, &why);
	if (unlikely(!seq))
		return hop_refuse(link, skb, why, n);
	for (i = 0; i < n; i++)
		hm_hop_stamp(frame[i].hdr, key, remote_index, seq + i);
	return hm_carrier_xmit(link, skb, flow, dsfield);
}

enum hubmesh_drop hm_hop_send_waited(struct hm_link *link, struct sk_buff *skb)
{
	unsigned int n = skb_shinfo(skb)->gso_segs ?: 1;
	struct hm_key *key = rcu_dereference(link->keys.tx);
	__be16 remote_index = htons(READ_ONCE(link->remote_index));
	struct hm_frame_walk walk;
	enum hubmesh_drop why;
	struct hm_frame f;
	u64 seq;

	hm_frame_walk_init(&walk, skb, skb_is_gso(skb) ? skb_shinfo(skb)->gso_size : skb->len);
	/* They were contiguous when they were sealed, and nothing has moved them. */
	if (WARN_ON_ONCE(!hm_frame_next(&walk, &f)))
		return hop_refuse(link, skb, HUBMESH_DROP_NO_MEMORY, n);
	seq = claim_hop(link, key, f.hdr->lane, n, &why);
	if (unlikely(!seq))
		return hop_refuse(link, skb, why, n);
	do {
		hm_hop_stamp(f.hdr, key, remote_index, seq++);
	} while (hm_frame_next(&walk, &f));
	/* All frames of a packet are of one class and flow. */
	return hm_carrier_xmit(link, skb, ntohs(f.hdr->flow), hm_hdr_class(f.hdr) << 5);
}

/* Every frame of a packet is sealed (batch->done of everything we send). */
static void tx_sealed(struct hm_batch *batch)
{
	unsigned int i;

	for (i = 0; i < batch->frames; i++)
		if (unlikely(batch->frame[i].why))
			break;
	if (unlikely(i < batch->frames || !batch->link)) {
		hm_drop_count(batch->hm, NULL, HUBMESH_DROP_CRYPTO, batch->frames);
		kfree_skb(batch->skb);
	} else {
		hm_count_tx(batch->hm->counters, batch->frames, batch->skb->len);
		if (batch->hub)
			hm_count_tx(batch->hub->counters, batch->frames, batch->skb->len);
		if (unlikely(batch->has_tunnel))
			hm_tunnel_send(batch->link, batch->tunnel_end, batch->skb, batch->frame,
				       batch->frames);
		else
			hm_hop_send(batch->link, batch->skb, batch->frame, batch->frames,
				    batch->flow, batch->dsfield);
	}
	hm_batch_free(batch);
}

/* A frame for many is sealed: it leaves by every link that leads to some of them. */
static void tree_sealed(struct hm_batch *batch)
{
	struct hm_frame *f = &batch->frame[0];
	const struct hm_tree *tree = rcu_dereference(batch->hm->tree.tree);
	enum hubmesh_drop why = 0;

	if (unlikely(f->why))
		why = HUBMESH_DROP_CRYPTO;
	else if (unlikely(!tree))
		why = HUBMESH_DROP_TX_NO_ROUTE;
	if (unlikely(why)) {
		hm_drop_count(batch->hm, NULL, why, 1);
		kfree_skb(batch->skb);
	} else {
		hm_count_tx(batch->hm->counters, 1, f->len);
		hm_tree_send(batch->hm, tree, NULL, batch->skb, f);
	}
	hm_batch_free(batch);
}

/* ---- one frame -------------------------------------------------------------- */

static unsigned int frame_len_of(unsigned int inner_len)
{
	return inner_len + HM_FRAME_OVERHEAD;
}

/* Header and zone in front of the inner frame. */
static void write_header(struct hm_hdr *h, const struct hm_tx *tx, u64 counter)
{
	memcpy(h, &tx->hdr, HM_HDR_LEN);
	h->counter = cpu_to_be64(counter);
	BUILD_BUG_ON(sizeof(tx->zone) != HM_ZONE_LEN);
	memcpy(h + 1, &tx->zone, HM_ZONE_LEN);
}

static struct hm_batch *tx_batch_new(const struct hm_tx *tx, struct sk_buff *skb,
				     unsigned int frames)
{
	struct hm_batch *batch = hm_batch_new(tx->hm, frames);

	if (unlikely(!batch))
		return NULL;
	batch->hub = tx->hub;
	batch->link = tx->link;
	batch->key = tx->key;
	batch->skb = skb;
	batch->done = hm_hdr_type(&tx->hdr) == HM_TYPE_TREE ? tree_sealed : tx_sealed;
	batch->has_tunnel = tx->tunnel_end;
	if (unlikely(batch->has_tunnel))
		memcpy(batch->tunnel_end, tx->tunnel_end, HM_HUB_ID_LEN);
	batch->flow = tx->flow;
	batch->dsfield = tx->dsfield;
	batch->frames = frames;
	return batch;
}

/* Complete the checksum the stack left to the device.  @start: CHECKSUM_PARTIAL
 * offsets count from the inner frame's first byte. */
static bool fill_checksum(const struct sk_buff *skb, int start, u8 *inner, unsigned int len)
{
	unsigned int at = start + skb->csum_offset;
	__sum16 sum;

	if (unlikely(start < 0 || at + sizeof(sum) > len))
		return false;
	sum = csum_fold(csum_partial(inner + start, len - start, 0)) ?: CSUM_MANGLED_0;
	put_unaligned(sum, (__sum16 *)(inner + at));
	return true;
}

/* May the frame be sealed in its own buffer? */
static bool can_seal_in_place(const struct sk_buff *skb)
{
	return !skb_is_nonlinear(skb) && !skb_cloned(skb) &&
	       skb_headroom(skb) >= HM_HDR_LEN + HM_ZONE_LEN + HM_OUTER_ROOM &&
	       skb_tailroom(skb) >= HM_SEAL_TAG_LEN;
}

/* A fresh packet with a copy of the inner frame at its place in it. */
static struct sk_buff *copy_inner(const struct sk_buff *skb)
{
	struct sk_buff *out;

	out = alloc_skb(HM_OUTER_ROOM + frame_len_of(skb->len), GFP_ATOMIC | __GFP_NOWARN);
	if (unlikely(!out))
		return NULL;
	skb_reserve(out, HM_OUTER_ROOM + HM_HDR_LEN + HM_ZONE_LEN);
	if (unlikely(skb_copy_bits(skb, 0, __skb_put(out, skb->len), skb->len))) {
		kfree_skb(out);
		return NULL;
	}
	skb_copy_hash(out, skb);
	out->priority = skb->priority;
	return out;
}

/*
 * Seal one frame.  @skb is left alone unless @may_take, then it is consumed
 * and perhaps used.
 */
static void tx_single(const struct hm_tx *tx, struct sk_buff *skb, bool may_take)
{
	enum hubmesh_drop why = HUBMESH_DROP_NO_MEMORY;
	int csum_start = -1;
	struct sk_buff *out = skb;
	struct hm_batch *batch;
	u64 counter;

	if (skb->ip_summed == CHECKSUM_PARTIAL)
		csum_start = skb_checksum_start_offset(skb);
	if (!may_take || !can_seal_in_place(skb)) {
		out = copy_inner(skb);
		if (unlikely(!out))
			goto drop;
	}
	if (skb->ip_summed == CHECKSUM_PARTIAL &&
	    unlikely(!fill_checksum(skb, csum_start, out->data, out->len))) {
		why = HUBMESH_DROP_TX_MALFORMED;
		goto drop;
	}
	batch = tx_batch_new(tx, out, 1);
	if (unlikely(!batch))
		goto drop;
	counter = claim_counters(tx, 1);
	if (unlikely(!counter)) {
		hm_batch_free(batch);
		why = HUBMESH_DROP_TX_KEY_EXHAUSTED;
		goto drop;
	}
	__skb_put(out, HM_SEAL_TAG_LEN);
	batch->frame[0].hdr = __skb_push(out, HM_HDR_LEN + HM_ZONE_LEN);
	batch->frame[0].len = out->len;
	batch->frame[0].why = 0;
	write_header(batch->frame[0].hdr, tx, counter);
	if (may_take && out != skb)
		consume_skb(skb);
	hm_batch_seal(batch);
	return;

drop:
	tx_count_drop(tx, why, 1);
	if (out != skb)
		kfree_skb(out);
	if (may_take)
		kfree_skb(skb);
}

/* ---- GSO ---------------------------------------------------------------------- */

/**
 * struct hm_segmenter - cuts one GSO frame of TCP or UDP
 * @skb: the frame; its headers are linear
 * @l3: offset of the IP header
 * @l4: offset of the TCP or UDP header
 * @hdr_len: length of all headers, repeated in every segment
 * @mss: payload of every segment but the last
 * @left: payload not yet taken
 * @index: segments taken
 * @frag: fragment the payload goes on in, -1 for the linear part
 * @off: offset in that fragment, or from skb->data
 * @is_v6: IPv6, else IPv4
 * @is_tcp: TCP, else UDP
 * @is_fixed_id: segments keep the IPv4 id instead of counting up
 */
struct hm_segmenter {
	const struct sk_buff *skb;
	unsigned int l3, l4, hdr_len, mss, left, index;
	int frag;
	unsigned int off;
	bool is_v6, is_tcp, is_fixed_id;
};

#define HM_GSO_SIMPLE (SKB_GSO_TCPV4 | SKB_GSO_TCPV6 | SKB_GSO_UDP_L4 |	\
		       SKB_GSO_TCP_ECN | SKB_GSO_TCP_FIXEDID | SKB_GSO_DODGY)

/* Is the IP header at @l3 what gso_type says, and complete? */
static bool segmenter_check_ip(const struct hm_segmenter *s, const u8 *data)
{
	u8 proto = s->is_tcp ? IPPROTO_TCP : IPPROTO_UDP;

	if (s->is_v6) {
		const struct ipv6hdr *ip6h = (const struct ipv6hdr *)(data + s->l3);

		return s->l4 == s->l3 + sizeof(*ip6h) && ip6h->version == 6 &&
		       ip6h->nexthdr == proto;
	} else {
		const struct iphdr *iph = (const struct iphdr *)(data + s->l3);

		return s->l4 >= s->l3 + sizeof(*iph) && iph->version == 4 &&
		       s->l4 == s->l3 + iph->ihl * 4 && iph->protocol == proto;
	}
}

/* Return: false if the frame is not of the plain kind; the stack cuts it then. */
static bool segmenter_init(struct hm_segmenter *s, struct sk_buff *skb)
{
	unsigned int type = skb_shinfo(skb)->gso_type;
	const struct tcphdr *th;

	if (IS_ENABLED(CONFIG_HIGHMEM) || type & ~HM_GSO_SIMPLE || skb->encapsulation ||
	    skb_has_frag_list(skb) || !skb_transport_header_was_set(skb))
		return false;
	s->skb = skb;
	s->l3 = skb_network_offset(skb);
	s->l4 = skb_transport_offset(skb);
	s->is_tcp = type & (SKB_GSO_TCPV4 | SKB_GSO_TCPV6);
	s->is_v6 = s->is_tcp ? type & SKB_GSO_TCPV6 : skb->protocol == htons(ETH_P_IPV6);
	s->is_fixed_id = type & SKB_GSO_TCP_FIXEDID;
	s->hdr_len = s->l4 + (s->is_tcp ? sizeof(struct tcphdr) : sizeof(struct udphdr));
	if (s->l3 < ETH_HLEN || s->l4 <= s->l3 || s->hdr_len > skb_headlen(skb))
		return false;
	if (s->is_tcp) {
		th = (const struct tcphdr *)(skb->data + s->l4);
		if (th->doff < 5)
			return false;
		s->hdr_len = s->l4 + th->doff * 4;
	}
	if (s->hdr_len > skb_headlen(skb) || s->hdr_len >= skb->len ||
	    !segmenter_check_ip(s, skb->data))
		return false;
	s->mss = skb_shinfo(skb)->gso_size;
	s->left = skb->len - s->hdr_len;
	s->index = 0;
	s->frag = -1;
	s->off = s->hdr_len;
	return s->mss != 0;
}

/* Copy the next @len bytes of payload and sum them. */
static __wsum segmenter_copy(struct hm_segmenter *s, u8 *to, unsigned int len)
{
	const struct skb_shared_info *shinfo = skb_shinfo(s->skb);
	unsigned int done = 0, n, size;
	__wsum sum = 0, part;
	const u8 *from;

	while (done < len) {
		if (s->frag < 0) {
			from = s->skb->data;
			size = skb_headlen(s->skb);
		} else {
			from = skb_frag_address(&shinfo->frags[s->frag]);
			size = skb_frag_size(&shinfo->frags[s->frag]);
		}
		if (s->off == size) {
			s->frag++;
			s->off = 0;
			continue;
		}
		n = min(len - done, size - s->off);
		part = csum_partial_copy_nocheck(from + s->off, to + done, n);
		sum = csum_block_add(sum, part, done);
		s->off += n;
		done += n;
	}
	s->left -= len;
	return sum;
}

static void segment_finish_ip(const struct hm_segmenter *s, u8 *inner, unsigned int len)
{
	if (s->is_v6) {
		struct ipv6hdr *ip6h = (struct ipv6hdr *)(inner + s->l3);

		ip6h->payload_len = htons(len - s->l3 - sizeof(*ip6h));
	} else {
		struct iphdr *iph = (struct iphdr *)(inner + s->l3);

		iph->tot_len = htons(len - s->l3);
		if (!s->is_fixed_id)
			iph->id = htons(ntohs(iph->id) + s->index);
		ip_send_check(iph);
	}
}

static __sum16 segment_checksum(const struct hm_segmenter *s, const u8 *inner,
				unsigned int l4_len, u8 proto, __wsum sum)
{
	if (s->is_v6) {
		const struct ipv6hdr *ip6h = (const struct ipv6hdr *)(inner + s->l3);

		return csum_ipv6_magic(&ip6h->saddr, &ip6h->daddr, l4_len, proto, sum);
	} else {
		const struct iphdr *iph = (const struct iphdr *)(inner + s->l3);

		return csum_tcpudp_magic(iph->saddr, iph->daddr, l4_len, proto, sum);
	}
}

/* Write the next segment, an inner frame with right checksums, to @inner. */
static unsigned int segmenter_next(struct hm_segmenter *s, u8 *inner)
{
	unsigned int payload = min(s->mss, s->left), len = s->hdr_len + payload;
	bool is_last = payload == s->left;
	__wsum sum;

	memcpy(inner, s->skb->data, s->hdr_len);
	sum = segmenter_copy(s, inner + s->hdr_len, payload);
	segment_finish_ip(s, inner, len);
	if (s->is_tcp) {
		struct tcphdr *th = (struct tcphdr *)(inner + s->l4);

		th->seq = htonl(ntohl(th->seq) + s->index * s->mss);
		if (!is_last)
			th->fin = th->psh = 0;
		if (s->index)
			th->cwr = 0;
		th->check = 0;
		sum = csum_partial(th, s->hdr_len - s->l4, sum);
		th->check = segment_checksum(s, inner, len - s->l4, IPPROTO_TCP, sum);
	} else {
		struct udphdr *uh = (struct udphdr *)(inner + s->l4);

		uh->len = htons(len - s->l4);
		uh->check = 0;
		sum = csum_partial(uh, sizeof(*uh), sum);
		uh->check = segment_checksum(s, inner, len - s->l4, IPPROTO_UDP, sum) ?:
			    CSUM_MANGLED_0;
	}
	s->index++;
	return len;
}

/* Whole pages, nobody else's: who gets the packet sees by their count whether it may write. */
static struct page *chunk_alloc(unsigned int bytes)
{
	unsigned int order = get_order(bytes);
	gfp_t gfp = GFP_ATOMIC | __GFP_COMP | __GFP_NOWARN;

	if (order)	/* there is another way: leave the reserves alone */
		gfp |= __GFP_NORETRY | __GFP_NOMEMALLOC;
	return alloc_pages(gfp, order);
}

/**
 * hm_super_add_pages() - Give a packet room for frames, whole frames to a fragment.
 * @skb: packet without fragments
 * @frame: filled
 * @frames: how many there should be
 * @frame_len: length of each but the last
 * @last_len: length of the last one
 *
 * Context: BH disabled.
 * Return: frames there is room for.
 */
unsigned int hm_super_add_pages(struct sk_buff *skb, struct hm_frame *frame, unsigned int frames,
				unsigned int frame_len, unsigned int last_len)
{
	unsigned int most = max(HM_CHUNK_BYTES / frame_len, 1U), n, i, bytes, done = 0;
	struct page *page;
	u8 *p;

	while (done < frames && skb_shinfo(skb)->nr_frags < HM_SUPER_FRAGS) {
		n = min(frames - done, most);
		page = chunk_alloc(n * frame_len);
		if (unlikely(!page)) {	/* no run of pages that long: try half */
			if (n == 1)
				break;
			most = n / 2;
			continue;
		}
		p = page_address(page);
		for (i = 0; i < n; i++) {
			frame[done + i].hdr = (struct hm_hdr *)(p + i * frame_len);
			frame[done + i].len = frame_len;
			frame[done + i].why = 0;
		}
		done += n;
		bytes = n * frame_len;
		if (done == frames) {
			frame[done - 1].len = last_len;
			bytes -= frame_len - last_len;
		}
		skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, 0, bytes, page_size(page));
	}
	return done;
}

/**
 * super_new() - A packet of frames with their headers, the inner frames missing.
 * @tx: where they go
 * @frames: how many there should be
 * @frame_len: length of each but the last
 * @last_len: length of the last one
 * @like: gives hash and priority
 * @ret: batch of the frames; fewer than asked for if memory is short
 *
 * Return: 0 or why there is none.
 */
static enum hubmesh_drop super_new(const struct hm_tx *tx, unsigned int frames,
				   unsigned int frame_len, unsigned int last_len,
				   const struct sk_buff *like, struct hm_batch **ret)
{
	struct sk_buff *out = alloc_skb(HM_OUTER_ROOM, GFP_ATOMIC | __GFP_NOWARN);
	enum hubmesh_drop why = HUBMESH_DROP_NO_MEMORY;
	struct hm_batch *batch;
	unsigned int i;
	u64 counter;

	if (unlikely(!out))
		return why;
	skb_reserve(out, HM_OUTER_ROOM);
	batch = tx_batch_new(tx, out, frames);
	if (unlikely(!batch))
		goto free;
	batch->frames = hm_super_add_pages(out, batch->frame, frames, frame_len, last_len);
	if (unlikely(!batch->frames))
		goto free;
	why = HUBMESH_DROP_TX_KEY_EXHAUSTED;
	counter = claim_counters(tx, batch->frames);
	if (unlikely(!counter))
		goto free;
	for (i = 0; i < batch->frames; i++)
		write_header(batch->frame[i].hdr, tx, counter + i);
	if (batch->frames > 1) {
		skb_shinfo(out)->gso_size = frame_len;
		skb_shinfo(out)->gso_segs = batch->frames;
		skb_shinfo(out)->gso_type = HM_GSO_TYPE;
	}
	skb_copy_hash(out, like);
	out->priority = like->priority;
	*ret = batch;
	return 0;

free:
	if (batch)
		hm_batch_free(batch);
	kfree_skb(out);
	return why;
}

static u8 *inner_of(const struct hm_frame *f)
{
	return hm_sealed_part(f) + HM_ZONE_LEN;
}

/* One super-packet from the next segments.  Return: 0 or why not. */
static enum hubmesh_drop tx_super(const struct hm_tx *tx, struct hm_segmenter *s)
{
	unsigned int frame_len = frame_len_of(s->hdr_len + s->mss);
	unsigned int segs = DIV_ROUND_UP(s->left, s->mss);
	unsigned int frames = min3(segs, HM_SUPER_BYTES / frame_len, (unsigned int)HM_SUPER_FRAMES);
	unsigned int last_len = frame_len, i;
	enum hubmesh_drop why;
	struct hm_batch *batch;

	if (frames == segs)
		last_len = frame_len_of(s->hdr_len + s->left - (segs - 1) * s->mss);
	why = super_new(tx, frames, frame_len, last_len, s->skb, &batch);
	if (unlikely(why))
		return why;
	for (i = 0; i < batch->frames; i++)
		segmenter_next(s, inner_of(&batch->frame[i]));
	hm_batch_seal(batch);
	return 0;
}

/* A GSO frame we cannot cut ourselves: the stack does, we seal one by one. */
static void tx_gso_by_stack(const struct hm_tx *tx, struct sk_buff *skb)
{
	struct sk_buff *segs, *next;

	segs = skb_gso_segment(skb, NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_HIGHDMA);
	if (IS_ERR_OR_NULL(segs)) {
		tx_count_drop(tx, HUBMESH_DROP_TX_MALFORMED, 1);
		return;
	}
	skb_list_walk_safe(segs, segs, next) {
		skb_mark_not_on_list(segs);
		tx_single(tx, segs, true);
	}
}

/* Leaves @skb alone, though it may be cut into pieces that share its data. */
static void tx_gso(const struct hm_tx *tx, struct sk_buff *skb)
{
	enum hubmesh_drop why = 0;
	struct hm_segmenter s;

	if (unlikely(!segmenter_init(&s, skb))) {
		tx_gso_by_stack(tx, skb);
		return;
	}
	while (s.left && !why)
		why = tx_super(tx, &s);
	if (unlikely(why))
		tx_count_drop(tx, why, DIV_ROUND_UP(s.left, s.mss));
}

/* ---- trains ------------------------------------------------------------------- */

/* Copy the inner frame; complete the checksum the stack left to the device. */
static void copy_rider(const struct sk_buff *skb, u8 *inner)
{
	unsigned int start = skb->len;
	__sum16 sum;

	if (skb->ip_summed == CHECKSUM_PARTIAL)
		start = skb_checksum_start_offset(skb);
	skb_copy_bits(skb, 0, inner, start);
	if (start == skb->len)
		return;
	sum = csum_fold(skb_copy_and_csum_bits(skb, start, inner + start, skb->len - start)) ?:
	      CSUM_MANGLED_0;
	put_unaligned(sum, (__sum16 *)(inner + start + skb->csum_offset));
}

/* May copy_rider() take the frame? */
static bool can_ride(const struct sk_buff *skb)
{
	int start;

	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return true;
	start = skb_checksum_start_offset(skb);
	return start >= 0 && start + skb->csum_offset + sizeof(__sum16) <= skb->len;
}

/* How many inner frames of @len fit one frame that any inner frame could be. */
static unsigned int riders_per_frame(const struct hm_tx *tx, unsigned int len)
{
	unsigned int room = min(READ_ONCE(tx->hm->dev->mtu) + ETH_HLEN,
				tx->frame_max - HM_FRAME_OVERHEAD);

	return max(room / (unsigned int)(sizeof(struct hm_packed) + len), 1U);
}

/* One packet, an inner frame to each of its frames.  Return: 0 or why not. */
static enum hubmesh_drop tx_ride_alone(const struct hm_tx *tx, struct sk_buff_head *riders)
{
	struct sk_buff *skb = skb_peek(riders);
	struct hm_batch *batch;
	enum hubmesh_drop why;
	unsigned int i;

	why = super_new(tx, skb_queue_len(riders), frame_len_of(skb->len),
			frame_len_of(skb_peek_tail(riders)->len), skb, &batch);
	if (unlikely(why))
		return why;
	for (i = 0; i < batch->frames; i++) {
		skb = __skb_dequeue(riders);
		copy_rider(skb, inner_of(&batch->frame[i]));
		consume_skb(skb);
	}
	hm_batch_seal(batch);
	return 0;
}

/* Write up to @max riders, one behind the other.  Return: bytes written. */
static unsigned int pack_riders(u8 *to, struct sk_buff_head *riders, unsigned int max)
{
	unsigned int used = 0;
	struct sk_buff *skb;

	while (max-- && (skb = __skb_dequeue(riders))) {
		((struct hm_packed *)(to + used))->len = htons(skb->len);
		used += sizeof(struct hm_packed);
		copy_rider(skb, to + used);
		used += skb->len;
		consume_skb(skb);
	}
	return used;
}

/* One packet, @per inner frames to each of its frames.  Return: 0 or why not. */
static enum hubmesh_drop tx_ride_packed(const struct hm_tx *tx, struct sk_buff_head *riders,
					unsigned int per)
{
	unsigned int n = skb_queue_len(riders), frames = DIV_ROUND_UP(n, per), room, last, i;
	unsigned int entry = sizeof(struct hm_packed) + skb_peek(riders)->len;
	struct hm_tx packed = *tx;
	struct hm_batch *batch;
	enum hubmesh_drop why;

	packed.hdr.class_phase |= HM_FLAG_PACKED;
	room = per * entry;
	last = (n - (frames - 1) * per) * entry - skb_peek(riders)->len +
	       skb_peek_tail(riders)->len;
	why = super_new(&packed, frames, frame_len_of(room), frame_len_of(last),
			skb_peek(riders), &batch);
	if (unlikely(why))
		return why;
	for (i = 0; i < batch->frames; i++)
		pack_riders(inner_of(&batch->frame[i]), riders, per);
	hm_batch_seal(batch);
	return 0;
}

/* ---- what fits ------------------------------------------------------------ */

static bool inner_fits(const struct sk_buff *skb, unsigned int frame_max)
{
	unsigned int headers = frame_len_of(0);

	if (unlikely(frame_max < headers))
		return false;
	frame_max = min_t(unsigned int, frame_max, HM_FRAME_MAX) - headers;
	return skb_is_gso(skb) ? skb_gso_validate_mac_len(skb, frame_max) :
				 skb->len <= frame_max;
}

/*
 * Tell the inner sender what fits; counts the drop, leaves @skb alone.  A VLAN device on ours
 * has a sender, too, and its tags take room.
 */
static void tx_too_big(const struct hm_tx *tx, struct sk_buff *skb, unsigned int frame_max)
{
	unsigned int mtu = 0, headers;
	struct hm_inner in;

	hm_drop_count(tx->hm, tx->link ? tx->link->counters : NULL, HUBMESH_DROP_TX_MTU,
		      skb_shinfo(skb)->gso_segs ?: 1);
	/* ICMP is made from the IP header that the stack knows of: it must be the frame's. */
	if (!hm_inner_read_link(&in, skb->data, skb_headlen(skb)) ||
	    in.l3 != skb_network_offset(skb))
		return;
	headers = frame_len_of(in.l3);
	if (frame_max > headers)
		mtu = frame_max - headers;
	if (in.ethertype == ETH_P_IP) {
		icmp_ndo_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED,
			      htonl(max_t(unsigned int, mtu, 576)));
#if IS_ENABLED(CONFIG_IPV6)
	} else if (in.ethertype == ETH_P_IPV6) {
		icmpv6_ndo_send(skb, ICMPV6_PKT_TOOBIG, 0,
				max_t(unsigned int, mtu, IPV6_MIN_MTU));
#endif
	}
}

/* Ask the rule set, if there is one.  False if the frame is refused, which is counted. */
static bool tx_is_allowed(struct hm_tx *tx, struct sk_buff *skb)
{
	const struct hm_filter *filter = rcu_dereference(tx->hm->filter);
	enum hubmesh_drop why;

	if (likely(!filter))
		return true;
	why = hm_filter_tx(filter, tx->hm, tx->hub, skb, &tx->zone);
	if (unlikely(why))
		tx_count_drop(tx, why, skb_shinfo(skb)->gso_segs ?: 1);
	return !why;
}

/* Longest frame that fits the way, of which the first link takes @link_max. */
static unsigned int way_frame_max(const struct hm_tx *tx, unsigned int link_max)
{
	unsigned int max = min(link_max, tx->frame_max), extra = tx->tunnel_end ? HM_HDR_LEN : 0;

	return max > extra ? max - extra : 0;
}

/* Refuse, with ICMP, what would not fit the underlay. */
static bool tx_fits(const struct hm_tx *tx, struct sk_buff *skb)
{
	unsigned int frame_max;

	if (likely(inner_fits(skb, way_frame_max(tx, READ_ONCE(tx->link->frame_max)))))
		return true;
	frame_max = way_frame_max(tx, hm_carrier_frame_max(tx->link));
	if (inner_fits(skb, frame_max))
		return true;
	tx_too_big(tx, skb, frame_max);
	return false;
}

/* ---- to one hub ------------------------------------------------------------------- */

/* First hop towards @hub and what fits behind it.  Return: 0 or why there is none. */
static enum hubmesh_drop select_link(struct hm_tx *tx, const struct hm_hub *hub)
{
	const struct hm_nexthops *nh = rcu_dereference(hub->nexthops);

	if (unlikely(!nh || (!nh->count && !nh->backup)))
		return HUBMESH_DROP_TX_NO_ROUTE;
	tx->frame_max = nh->frame_max;
	tx->link = hm_nexthops_select(nh, tx->flow);
	if (unlikely(!tx->link))
		return HUBMESH_DROP_TX_LINK_DOWN;
	tx->tunnel_end = hm_nexthops_tunnel(nh, tx->link);
	return 0;
}

/*
 * Bulk of several flows is spread, so that CPUs work apart.  Other classes have a
 * lane each: queues may let one class overtake another by more than a window.
 */
static u8 lane_of(u8 class, u16 flow)
{
	return class ? HM_LANES_BULK + class : flow & (HM_LANES_BULK - 1);
}

/* @dst: hub, or group of a TREE frame. */
static void tx_fill_header(struct hm_tx *tx, const u8 *dst, u8 type)
{
	struct hm_hdr *h = &tx->hdr;

	h->ver_type = HM_WIRE_VERSION << 4 | type;
	h->hop_ttl = READ_ONCE(tx->hm->ttl);
	h->class_phase = tx->class << HM_CLASS_SHIFT | tx->key->phase << HM_SEAL_PHASE_SHIFT;
	h->lane = type == HM_TYPE_HOP ? 0 : lane_of(tx->class, tx->flow);
	h->link_index = 0;
	h->flow = htons(tx->flow);
	memcpy(h->dst, dst, HM_HUB_ID_LEN);
	memcpy(h->src, hm_own_id(tx->hm), HM_HUB_ID_LEN);
	h->hop_seq = 0;
	h->counter = 0;
	h->hop_tag = 0;
}

/* Everything that follows from what the frame is and where it goes. */
static void tx_prepare(struct hm_tx *tx, const u8 *dst, u8 type)
{
	tx->dsfield = tx->class << 5;
	tx_fill_header(tx, dst, type);
}

/* Seal and send what fits.  @skb is consumed if @may_take, else left alone. */
static void tx_seal(struct hm_tx *tx, const struct hm_hub *hub, u8 type,
		    struct sk_buff *skb, bool may_take)
{
	tx_prepare(tx, hub->id, type);
	if (!skb_is_gso(skb)) {
		tx_single(tx, skb, may_take);
		return;
	}
	tx_gso(tx, skb);
	if (may_take)
		consume_skb(skb);
}

static u16 flow_of(struct sk_buff *skb)
{
	u32 hash = skb_get_hash(skb);

	return hash ^ hash >> 16;
}

void hm_ask_for_session(struct hm_hub *hub)
{
	unsigned long asked_at = READ_ONCE(hub->asked_at);

	if (asked_at && time_before(jiffies, asked_at + msecs_to_jiffies(HM_NEED_SESSION_MS)))
		return;
	/* One of several CPUs asks. */
	if (cmpxchg(&hub->asked_at, asked_at, jiffies ?: 1) == asked_at)
		hm_event_need_session(hub);
}

/* No seal key yet: keep a few frames, and say that a session is needed. */
static void hold(struct hm_hub *hub, struct sk_buff *skb)
{
	hm_ask_for_session(hub);
	if (skb_queue_len_lockless(&hub->held) >= HM_HOLD_FRAMES_MAX) {
		tx_refuse(hub->hm, hub->counters, skb, HUBMESH_DROP_TX_NO_SESSION);
		return;
	}
	skb_dst_drop(skb);	/* may not be counted */
	skb_queue_tail(&hub->held, skb);
	queue_delayed_work(hm_wq, &hub->hold_work, msecs_to_jiffies(HM_HOLD_MS));
	/* A key that came into use since the caller looked may have missed it. */
	if (unlikely(rcu_access_pointer(hub->keys.tx)))
		hm_release_held(hub);
}

/* Frames of the control port, while there is no seal: sealed hop by hop. */
static void tx_hop(struct hm_tx *tx, struct hm_hub *hub, struct sk_buff *skb)
{
	enum hubmesh_drop why = select_link(tx, hub);

	if (unlikely(!why && tx->tunnel_end))
		why = HUBMESH_DROP_TX_LINK_DOWN;	/* HOP frames are opened by the next hub */
	if (unlikely(why)) {
		tx_refuse(tx->hm, hub->counters, skb, why);
		return;
	}
	tx->key = rcu_dereference(tx->link->keys.tx);
	if (unlikely(!tx->key)) {
		tx_refuse(tx->hm, tx->link->counters, skb, HUBMESH_DROP_TX_NO_LINK_KEY);
		return;
	}
	tx->hub = NULL;
	if (unlikely(!tx_fits(tx, skb)))
		consume_skb(skb);
	else
		tx_seal(tx, hub, HM_TYPE_HOP, skb, true);
}

/* Find key and first hop.  @tx: @hm, @hub, @flow are set.  Return: 0 or why not. */
static enum hubmesh_drop tx_resolve(struct hm_tx *tx)
{
	enum hubmesh_drop why;

	tx->key = rcu_dereference(tx->hub->keys.tx);
	if (unlikely(!tx->key))
		return HUBMESH_DROP_TX_NO_SESSION;
	why = select_link(tx, tx->hub);
	if (unlikely(why))
		return why;
	return unlikely(!rcu_access_pointer(tx->link->keys.tx)) ?
		       HUBMESH_DROP_TX_NO_LINK_KEY : 0;
}

/* The way of the frames is looked up anew: it may have changed while they waited. */
void hm_xmit_train(struct hm_device *hm, struct hm_train_load *load)
{
	struct hm_tx tx = {
		.hm = hm,
		.hub = hm_hub_by_id(hm, load->hub_id),
		.flow = load->kind.flow,
		.class = load->kind.class,
		.zone = load->kind.zone,
	};
	const struct sk_buff *first = skb_peek(&load->frames);
	enum hubmesh_drop why = HUBMESH_DROP_TX_NO_HUB;
	unsigned int per;

	if (likely(tx.hub))
		why = tx_resolve(&tx);
	if (likely(!why)) {
		tx.frame_max = way_frame_max(&tx, hm_carrier_frame_max(tx.link));
		if (unlikely(!inner_fits(first, tx.frame_max)))
			why = HUBMESH_DROP_TX_MTU;
	}
	if (likely(!why))
		tx_prepare(&tx, tx.hub->id, HM_TYPE_UNICAST);
	if (!why && skb_queue_len(&load->frames) == 1) {
		tx_single(&tx, __skb_dequeue(&load->frames), true);
		return;
	}
	per = likely(!why) ? riders_per_frame(&tx, first->len) : 1;
	while (likely(!why) && !skb_queue_empty(&load->frames))
		why = per > 1 ? tx_ride_packed(&tx, &load->frames, per) :
				tx_ride_alone(&tx, &load->frames);
	if (likely(!why))
		return;
	hm_drop_count(hm, tx.hub ? tx.hub->counters : NULL, why, skb_queue_len(&load->frames));
	__skb_queue_purge(&load->frames);
}

/* Did the frame get into a train? */
static bool tx_waits(const struct hm_tx *tx, struct sk_buff *skb)
{
	struct hm_train_kind kind = {
		.flow = tx->flow,
		.zone = tx->zone,
		.class = tx->class,
	};

	return can_ride(skb) && hm_train_take(tx->hub, skb, &kind);
}

/* Unicast to a known hub; consumes @skb. */
static void tx_to_hub(struct hm_hub *hub, struct sk_buff *skb)
{
	struct hm_tx tx = { .hm = hub->hm, .hub = hub, .flow = flow_of(skb),
			    .class = hm_classify(hub->hm, skb) };
	enum hubmesh_drop why = tx_resolve(&tx);

	if (unlikely(READ_ONCE(hub->barred) & HM_BARRED_UNICAST) &&
	    !hm_is_control_frame(hub->hm, skb->data, skb_headlen(skb), hub->id)) {
		tx_refuse(hub->hm, hub->counters, skb, HUBMESH_DROP_TX_PEER);
		return;
	}
	if (unlikely(why == HUBMESH_DROP_TX_NO_SESSION)) {
		if (hm_is_control_frame(hub->hm, skb->data, skb_headlen(skb), hub->id))
			tx_hop(&tx, hub, skb);
		else
			hold(hub, skb);
		return;
	}
	if (unlikely(why)) {
		tx_refuse(hub->hm, why == HUBMESH_DROP_TX_NO_LINK_KEY ? tx.link->counters :
									hub->counters, skb, why);
		return;
	}
	if (unlikely(!tx_is_allowed(&tx, skb))) {
		kfree_skb(skb);
		return;
	}
	if (unlikely(!tx_fits(&tx, skb))) {
		consume_skb(skb);
		return;
	}
	if (tx_waits(&tx, skb))
		return;
	tx_seal(&tx, hub, HM_TYPE_UNICAST, skb, true);
}

/* ---- to many hubs ----------------------------------------------------------------- */

/* May a frame for many leave by our tree?  @tx: @hm is set; sets @key. */
static bool can_use_tree(struct hm_tx *tx)
{
	const struct hm_filter *filter = rcu_dereference(tx->hm->filter);

	tx->key = rcu_dereference(tx->hm->sender.tx);
	return tx->key && rcu_access_pointer(tx->hm->tree.tree) &&
	       !(filter && hm_filter_asks_hub(filter));
}

/*
 * What relays prune by: the group, if members are all who want it.  Broadcast is what goes
 * everywhere: frames for an address nobody knows, and membership messages.
 */
static const u8 *tree_dst(const struct hm_device *hm, const struct hm_tree *tree,
			  const struct sk_buff *skb)
{
	if (!is_multicast_ether_addr(skb->data) ||
	    (tree->n_groups && hm_is_membership_frame(skb->data, skb_headlen(skb))))
		return hm->dev->broadcast;
	return skb->data;
}

/* Seal once, for all.  @skb is consumed. */
static void tx_tree(struct hm_tx *tx, struct sk_buff *skb)
{
	const struct hm_tree *tree = rcu_dereference(tx->hm->tree.tree);
	u32 frame_max;

	if (unlikely(!tree || !tx_is_allowed(tx, skb))) {
		kfree_skb(skb);
		return;
	}
	frame_max = hm_tree_frame_max(tree);
	if (unlikely(!inner_fits(skb, frame_max))) {
		tx_too_big(tx, skb, frame_max);
		consume_skb(skb);
		return;
	}
	tx_prepare(tx, tree_dst(tx->hm, tree, skb), HM_TYPE_TREE);
	if (!skb_is_gso(skb)) {
		tx_single(tx, skb, true);
		return;
	}
	tx_gso_by_stack(tx, skb);
	consume_skb(skb);
}

/*
 * A copy each to hubs with a seal; not to those that have the sender key of @proved
 * phases.  @skb is left alone.  Return: how many.
 */
static unsigned int tx_copies(struct hm_tx *tx, struct sk_buff *skb, u8 proved)
{
	unsigned int bucket, copies = 0, beyond = 0;
	struct hm_device *hm = tx->hm;
	struct hm_hub *hub;

	hm_for_each_hub(hm, bucket, hub) {
		if (READ_ONCE(hub->sender_proved) & proved ||
		    READ_ONCE(hub->barred) & HM_BARRED_FLOOD)
			continue;
		tx->hub = hub;
		tx->key = rcu_dereference(hub->keys.tx);
		if (!tx->key || select_link(tx, hub))
			continue;
		if (copies == HM_FLOOD_HUBS_MAX) {
			beyond++;
			continue;
		}
		copies++;
		if (likely(tx_is_allowed(tx, skb) && tx_fits(tx, skb)))
			tx_seal(tx, hub, HM_TYPE_UNICAST, skb, false);
	}
	if (beyond)
		hm_drop_count(hm, NULL, HUBMESH_DROP_TX_FLOOD_LIMIT, beyond);
	return copies;
}

/* Broadcast, multicast, unknown unicast; consumes @skb. */
static void tx_flood(struct hm_device *hm, struct sk_buff *skb)
{
	struct hm_tx tx = { .hm = hm, .flow = flow_of(skb), .class = hm_classify(hm, skb) };
	struct hm_tx by_tree = tx;
	unsigned int copies = 0;
	bool has_tree;

	if (unlikely(!hm_peers_allow_flood(hm, skb->data, skb_headlen(skb), skb->len))) {
		tx_refuse(hm, NULL, skb, HUBMESH_DROP_TX_PEER);
		return;
	}
	if (unlikely(!hm_storm_take(&hm->storm, hm_storm_kind(skb->data)))) {
		tx_refuse(hm, NULL, skb, HUBMESH_DROP_TX_STORM);
		return;
	}
	if (READ_ONCE(hm->groups.is_snooping) &&
	    hm_is_membership_frame(skb->data, skb_headlen(skb)))
		hm_groups_hear_local(hm, skb);
	has_tree = can_use_tree(&by_tree);
	if (!has_tree || READ_ONCE(hm->n_proved) != READ_ONCE(hm->n_hubs))
		copies = tx_copies(&tx, skb, has_tree ? BIT(by_tree.key->phase) : 0);
	if (has_tree)
		tx_tree(&by_tree, skb);
	else if (copies)
		consume_skb(skb);
	else
		tx_refuse(hm, NULL, skb, HUBMESH_DROP_TX_NO_HUB);
}

/**
 * hm_xmit() - Send what the stack gives to the mesh interface.
 * @skb: inner Ethernet frame, or GSO super-frame; consumed
 * @dev: mesh interface
 *
 * Context: BH disabled.
 * Return: NETDEV_TX_OK always; drops are counted.
 */
netdev_tx_t hm_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct hm_device *hm = netdev_priv(dev);
	const struct ethhdr *eth;
	struct hm_hub *hub;

	rcu_read_lock();
	/* Headers first: what looks at them takes no pointer across this. */
	if (unlikely(!pskb_may_pull(skb, min(skb->len, HM_INNER_LOOK)) || skb->len < ETH_HLEN)) {
		tx_refuse(hm, NULL, skb, HUBMESH_DROP_TX_MALFORMED);
		goto out;
	}
	eth = (const struct ethhdr *)skb->data;
	hub = NULL;
	if (likely(!is_multicast_ether_addr(eth->h_dest))) {
		hub = hm_hub_by_id(hm, eth->h_dest);
		if (!hub)
			hub = hm_fdb_lookup(hm, eth->h_dest);
	}
	if (likely(hub))
		tx_to_hub(hub, skb);
	else
		tx_flood(hm, skb);
out:
	rcu_read_unlock();
	return NETDEV_TX_OK;
}

/* ---- held frames and control frames ----------------------------------------------- */

void hm_release_held(struct hm_hub *hub)
{
	struct sk_buff *skb;

	cancel_delayed_work(&hub->hold_work);
	local_bh_disable();
	rcu_read_lock();
	while (rcu_access_pointer(hub->keys.tx) && (skb = skb_dequeue(&hub->held)))
		tx_to_hub(hub, skb);
	rcu_read_unlock();
	local_bh_enable();
}

void hm_drop_held(struct hm_hub *hub)
{
	struct sk_buff *skb;

	local_bh_disable();
	while ((skb = skb_dequeue(&hub->held)))
		tx_refuse(hub->hm, hub->counters, skb, HUBMESH_DROP_TX_NO_SESSION);
	local_bh_enable();
}

void hm_hold_expired(struct work_struct *work)
{
	hm_drop_held(container_of(to_delayed_work(work), struct hm_hub, hold_work));
}

bool hm_is_control_frame(const struct hm_device *hm, const u8 *inner, unsigned int len,
			 const u8 *id)
{
	const struct ethhdr *eth = (const struct ethhdr *)inner;
	const struct ipv6hdr *ip6h = (const struct ipv6hdr *)(eth + 1);
	const struct tcphdr *th = (const struct tcphdr *)(ip6h + 1);
	__be16 port = htons(READ_ONCE(hm->control_port));

	if (len < sizeof(*eth) + sizeof(*ip6h) + sizeof(*th))
		return false;
	/*
	 * nexthdr TCP: no extension header, so not a fragment either.  The port is the
	 * server's: from it no connection is opened, or it would lead to every other port.
	 */
	return ether_addr_equal_unaligned(eth->h_dest, id) &&
	       eth->h_proto == htons(ETH_P_IPV6) && ip6h->version == 6 &&
	       ip6h->nexthdr == IPPROTO_TCP &&
	       (th->dest == port || (th->source == port && (!th->syn || th->ack)));
}

/* ---- HOP and PROBE frames ------------------------------------------------------------ */

static void link_sealed(struct hm_batch *batch)
{
	if (unlikely(batch->frame[0].why || !batch->link)) {
		hm_drop_count(batch->hm, NULL, HUBMESH_DROP_CRYPTO, 1);
		kfree_skb(batch->skb);
	} else {
		hm_hop_send(batch->link, batch->skb, batch->frame, 1,
			    batch->flow, batch->dsfield);
	}
	hm_batch_free(batch);
}

void hm_link_seal_send(struct hm_link *link, struct sk_buff *skb)
{
	struct hm_hdr *h = (struct hm_hdr *)skb->data;
	struct hm_tx tx = { .hm = link->hm, .link = link };
	enum hubmesh_drop why = HUBMESH_DROP_TX_NO_LINK_KEY;
	struct hm_batch *batch;
	u64 counter;

	tx.flow = ntohs(h->flow);
	tx.dsfield = hm_hdr_class(h) << 5;
	tx.key = rcu_dereference(link->keys.tx);
	if (unlikely(!tx.key))
		goto drop;
	why = HUBMESH_DROP_NO_MEMORY;
	batch = tx_batch_new(&tx, skb, 1);
	if (unlikely(!batch))
		goto drop;
	batch->done = link_sealed;
	counter = claim_counters(&tx, 1);
	if (unlikely(!counter)) {
		hm_batch_free(batch);
		why = HUBMESH_DROP_TX_KEY_EXHAUSTED;
		goto drop;
	}
	h->lane = 0;
	h->class_phase = (h->class_phase & ~HM_SEAL_PHASE_MASK) |
			 tx.key->phase << HM_SEAL_PHASE_SHIFT;
	h->counter = cpu_to_be64(counter);
	batch->frame[0].hdr = h;
	batch->frame[0].len = skb->len;
	batch->frame[0].why = 0;
	hm_batch_seal(batch);
	return;

drop:
	tx_count_drop(&tx, why, 1);
	kfree_skb(skb);
}
