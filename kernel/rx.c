// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: receive: the life of a frame
 *
 * hm_receive() gets a packet of one or many frames from a carrier and takes them
 * through these steps, in this order; each may drop a frame for the reasons
 * named, and every drop is counted:
 *
 *   1. take_packet	make the packet's memory ours, find the frames in it
 *			(RX_DEVICE_DOWN, NO_MEMORY)
 *   2. check_form	RX_SHORT, RX_OVERSIZE, RX_VERSION, RX_TYPE, RX_FLAGS, RX_LANE
 *   3. find_link_key	RX_LINK_UNKNOWN, RX_HOP_NO_KEY
 *   4. check_hop	RX_HOP_TAG, RX_HOP_REPLAY: from here on the frame is
 *			known to come from the link's peer, now
 *   5. dispatch	by type and destination (RX_OWN_SOURCE)
 *
 *   for another hub	6. relay: FWD_TTL, FWD_NO_ROUTE, FWD_LINK_DOWN,
 *			FWD_SPLIT_HORIZON; hm_hop_send() stamps it for the next hop
 *   TREE		6. relay_tree: RX_HUB_UNKNOWN, FWD_NO_TREE, RX_TREE_PARENT,
 *			RX_SEAL_REPLAY, FWD_*; a copy to each child; RX_SEAL_NO_KEY; then as
 *			for us, from the opening on
 *   TUNNEL for us	6. open_tunnel: RX_TUNNEL, then 5 with the frame in it
 *   for us		6. open_frames: RX_HUB_UNKNOWN, RX_SEAL_NO_KEY, RX_SEAL_REPLAY,
 *			RX_SEAL_AUTH
 *			7. accept_opened: RX_SEAL_REPLAY, RX_INNER, RX_PEER, and for each inner
 *			frame what guard and rule set say (filter.c): RX_RATE, RX_HOPS,
 *			RX_ZONE, RX_GUARD, RX_STORM, RX_ACL
 *			8. deliver to mesh0
 *   HOP		6. open_hop: RX_HOP_RATE, RX_SEAL_*
 *			7. accept_hop: RX_INNER, RX_HOP_POLICY, then relay or deliver
 *   PROBE		6. open_probe, 7. accept_probe: RX_PROBE
 *
 * Frames of one packet are usually alike (same link, lane, hubs and flow), so
 * the steps work on the packet as a whole: what was found for one frame serves
 * the next if the first 20 bytes of their headers are equal.  A packet whose
 * frames differ, or of which some but not all are to be relayed, is split into
 * packets of one frame first.
 *
 * Nothing is written into a packet before step 4 has passed, and then only into
 * memory that take_packet() made sure is ours.
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include "carrier.h"
#include "compat.h"
#include "datapath.h"
#include "event.h"
#include "filter.h"
#include "frames.h"
#include "join.h"
#include "seal.h"

/**
 * struct hm_rx - what was found for the last frame looked at
 * @hm: device
 * @last: its header; NULL before the first
 * @link: link it came by
 * @key: link key of its hop phase
 * @from: link of the first good frame
 * @frames: good frames of @link not counted yet
 * @bytes: their bytes
 */
struct hm_rx {
	struct hm_device *hm;
	const struct hm_hdr *last;
	struct hm_link *link;
	struct hm_key *key;
	struct hm_link *from;
	unsigned int frames, bytes;
};

static bool is_alike(const struct hm_hdr *a, const struct hm_hdr *b)
{
	BUILD_BUG_ON(HM_ALIKE_LEN != 20);
	return !((get_unaligned((const u64 *)a) ^ get_unaligned((const u64 *)b)) |
		 (get_unaligned((const u64 *)a + 1) ^ get_unaligned((const u64 *)b + 1)) |
		 (get_unaligned((const u32 *)a + 4) ^ get_unaligned((const u32 *)b + 4)));
}

static bool is_own_id(const struct hm_device *hm, const u8 *id)
{
	return ether_addr_equal_unaligned(hm_own_id(hm), id);
}

/* Nothing of @batch goes on: count the frames that were good until now. */
static void drop_rest(struct hm_batch *batch, struct hm_counters __percpu *owner,
		      enum hubmesh_drop why)
{
	unsigned int i, n = 0;

	for (i = 0; i < batch->frames; i++)
		n += !batch->frame[i].why;
	if (n)
		hm_drop_count(batch->hm, owner, why, n);
	kfree_skb(batch->skb);
	hm_batch_free(batch);
}

/* ---- 1. the packet ------------------------------------------------------------ */

/* Find the frames, every @step bytes.  False if one is not contiguous. */
static bool list_frames(struct hm_batch *batch, const struct sk_buff *skb, unsigned int step)
{
	struct hm_frame_walk walk;
	unsigned int n = 0;

	hm_frame_walk_init(&walk, skb, step);
	while (hm_frame_next(&walk, &batch->frame[n]))
		n++;
	batch->frames = n;
	return !walk.left;
}

/*
 * May anybody else have a reference on a page of the packet?  A bridge or a mirror gives a
 * super-packet to several devices as clones, but for a device that takes none the stack cuts
 * a clone into packets that are no clones and still share its pages: if they were written to here
 * these would change, and be opened, on their way out there.  Page pools count otherwise.
 */
static bool may_share_pages(const struct sk_buff *skb)
{
	const struct skb_shared_info *shinfo = skb_shinfo(skb);
	unsigned int i;

	for (i = 0; i < shinfo->nr_frags; i++)
		if (skb->pp_recycle || page_count(skb_frag_page(&shinfo->frags[i])) != 1)
			return true;
	return false;
}

/* Does surely nobody else see or change the packet's memory? */
static bool has_own_memory(const struct sk_buff *skb)
{
	return !skb_cloned(skb) && !skb_has_shared_frag(skb) && !skb_has_frag_list(skb) &&
	       !may_share_pages(skb);
}

/* A copy in pages of its own, frame behind frame; uses the list of @batch. */
static struct sk_buff *copy_frames(struct hm_batch *batch, const struct sk_buff *skb,
				   unsigned int step, unsigned int frames)
{
	struct sk_buff *copy = alloc_skb(HM_OUTER_ROOM, GFP_ATOMIC | __GFP_NOWARN);
	struct hm_frame *frame = batch->frame;
	unsigned int i;

	if (unlikely(!copy))
		return NULL;
	skb_reserve(copy, HM_OUTER_ROOM);
	if (unlikely(hm_super_add_pages(copy, frame, frames, step,
					skb->len - (frames - 1) * step) < frames))
		goto free;
	for (i = 0; i < frames; i++)
		if (unlikely(skb_copy_bits(skb, i * step, frame[i].hdr, frame[i].len)))
			goto free;
	skb_shinfo(copy)->gso_size = step;
	skb_shinfo(copy)->gso_segs = frames;
	skb_shinfo(copy)->gso_type = HM_GSO_TYPE;
	skb_copy_hash(copy, skb);
	copy->dev = skb->dev;
	return copy;

free:
	kfree_skb(copy);
	return NULL;
}

/* The packet, or a copy, in memory that nobody else sees or changes; consumes @skb. */
static struct sk_buff *own_memory(struct hm_batch *batch, struct sk_buff *skb,
				  unsigned int step, unsigned int frames)
{
	struct sk_buff *copy;

	if (likely(has_own_memory(skb)))
		return skb;
	copy = frames > 1 ? copy_frames(batch, skb, step, frames) :
			    skb_copy(skb, GFP_ATOMIC | __GFP_NOWARN);
	if (copy)
		consume_skb(skb);
	else
		kfree_skb(skb);
	return copy;
}

/* The packet with its frames listed, ours to write to; NULL if it was dropped. */
static struct hm_batch *take_packet(struct hm_device *hm, struct sk_buff *skb)
{
	unsigned int step, frames = 1;
	struct hm_batch *batch;

	step = max(skb->len, 1U);
	if (skb_is_gso(skb) && skb_shinfo(skb)->gso_size < skb->len) {
		step = skb_shinfo(skb)->gso_size;
		frames = DIV_ROUND_UP(skb->len, step);
	}
	if (unlikely(step < HM_FRAME_MIN || step > HM_FRAME_MAX)) {
		hm_drop_count(hm, NULL, step < HM_FRAME_MIN ? HUBMESH_DROP_RX_SHORT :
			      HUBMESH_DROP_RX_OVERSIZE, frames);
		kfree_skb(skb);
		return NULL;
	}
	batch = hm_batch_new(hm, frames);
	if (unlikely(!batch))
		goto no_memory;
	skb = own_memory(batch, skb, step, frames);
	if (unlikely(!skb))
		goto no_memory;
	batch->skb = skb;
	if (unlikely(!list_frames(batch, skb, step)) &&
	    (skb_linearize(skb) || !list_frames(batch, skb, step)))
		goto no_memory;
	if (frames == 1 && unlikely(skb_is_gso(skb)))
		skb_gso_reset(skb);
	return batch;

no_memory:
	hm_drop_count(hm, NULL, HUBMESH_DROP_NO_MEMORY, frames);
	if (batch)
		hm_batch_free(batch);
	kfree_skb(skb);
	return NULL;
}

/* ---- 2. to 4. one frame up to its hop window ------------------------------------ */

static __always_inline enum hubmesh_drop check_form(const struct hm_frame *f)
{
	const struct hm_hdr *h = f->hdr;
	u8 known_flags = 0;

	if (h->ver_type >> 4 != HM_WIRE_VERSION)
		return HUBMESH_DROP_RX_VERSION;
	switch (hm_hdr_type(h)) {
	case HM_TYPE_UNICAST:
	case HM_TYPE_TREE:
		known_flags = HM_FLAG_PACKED;
		break;
	case HM_TYPE_HOP:
	case HM_TYPE_PROBE:
	case HM_TYPE_TUNNEL:
		break;
	default:
		return HUBMESH_DROP_RX_TYPE;
	}
	if (h->class_phase & HM_FLAGS_MASK & ~known_flags)
		return HUBMESH_DROP_RX_FLAGS;
	if (h->lane >= HM_LANES)
		return HUBMESH_DROP_RX_LANE;
	return 0;
}

/* Count what came in on rx->link so far. */
static void count_link(struct hm_rx *rx)
{
	if (rx->frames)
		hm_count_rx(rx->link->counters, rx->frames, rx->bytes);
	rx->frames = 0;
	rx->bytes = 0;
}

static enum hubmesh_drop find_link_key(struct hm_rx *rx, const struct hm_hdr *h)
{
	count_link(rx);
	rx->last = NULL;
	rx->key = NULL;
	rx->link = hm_link_by_index(rx->hm, ntohs(h->link_index));
	if (!rx->link)
		return HUBMESH_DROP_RX_LINK_UNKNOWN;
	rx->key = rcu_dereference(rx->link->keys.by_phase[hm_hdr_hop_phase(h)]);
	if (!rx->key)
		return HUBMESH_DROP_RX_HOP_NO_KEY;
	rx->last = h;
	return 0;
}

static enum hubmesh_drop check_hop(const struct hm_rx *rx, const struct hm_hdr *h)
{
	if (unlikely(hm_hop_tag(h, &rx->key->hop_rx) != h->hop_tag))
		return HUBMESH_DROP_RX_HOP_TAG;
	if (unlikely(!hm_replay_accept(&rx->key->hop_seen[h->lane], ntohl(h->hop_seq))))
		return HUBMESH_DROP_RX_HOP_REPLAY;
	return 0;
}

/* The first authentic frame of a run: the link lives, the peer has the key. */
static void note_authentic(struct hm_rx *rx)
{
	hm_link_heard(rx->link);
	if (hm_keyring_promote(&rx->link->keys, rx->key))
		hm_event_link_key(rx->link, rx->key->phase, HUBMESH_EVENT_KEY_IN_USE);
}

/* Steps 2 to 4.  Inline, as what follows: at a relay every call is 1 % of a frame's cost. */
static __always_inline enum hubmesh_drop accept_frame(struct hm_rx *rx, const struct hm_frame *f)
{
	bool is_new_run = false;
	enum hubmesh_drop why;

	if (unlikely(f->len < HM_FRAME_MIN)) {
		rx->link = rx->last ? rx->link : NULL;
		return HUBMESH_DROP_RX_SHORT;
	}
	if (!rx->last || !is_alike(rx->last, f->hdr)) {
		why = check_form(f);
		if (!why)
			why = find_link_key(rx, f->hdr);
		if (unlikely(why))
			return why;
		is_new_run = true;
	}
	why = check_hop(rx, f->hdr);
	if (unlikely(why)) {
		rx->last = is_new_run ? NULL : rx->last;
		return why;
	}
	if (is_new_run)
		note_authentic(rx);
	if (!rx->from)
		rx->from = rx->link;
	rx->frames++;
	rx->bytes += f->len;
	return 0;
}

static void refuse_frame(const struct hm_rx *rx, enum hubmesh_drop why)
{
	hm_drop_count(rx->hm, rx->link ? rx->link->counters : NULL, why, 1);
}

/* Take every frame through steps 2 to 4.  Return: how many are good. */
static unsigned int accept_frames(struct hm_rx *rx, struct hm_batch *batch)
{
	unsigned int i, good = 0;

	for (i = 0; i < batch->frames; i++) {
		enum hubmesh_drop why = accept_frame(rx, &batch->frame[i]);

		if (unlikely(why)) {
			batch->frame[i].why = why;
			refuse_frame(rx, why);
			continue;
		}
		good++;
	}
	count_link(rx);
	return good;
}

/* ---- 6. to another hub -------------------------------------------------------------- */

/*
 * Where frames with header @h that came by @from go next, and through whose tunnel
 * (@tunnel_end, or NULL).  Tunnels do not nest, and HOP frames are opened at each hop.
 */
static __always_inline enum hubmesh_drop
select_next_hop(const struct hm_device *hm, const struct hm_hdr *h, const struct hm_link *from,
		struct hm_link **next, const u8 **tunnel_end)
{
	const struct hm_nexthops *nh;
	struct hm_hub *hub;

	if (unlikely(hm_hdr_ttl(h) <= 1))
		return HUBMESH_DROP_FWD_TTL;
	hub = hm_hub_by_id(hm, h->dst);
	if (unlikely(!hub))
		return HUBMESH_DROP_FWD_NO_ROUTE;
	nh = rcu_dereference(hub->nexthops);
	if (unlikely(!nh || (!nh->count && !nh->backup)))
		return HUBMESH_DROP_FWD_NO_ROUTE;
	*next = hm_nexthops_select(nh, ntohs(h->flow));
	if (unlikely(!*next))
		return HUBMESH_DROP_FWD_LINK_DOWN;
	*tunnel_end = hm_nexthops_tunnel(nh, *next);
	if (unlikely(*tunnel_end))	/* often back by @from: the next hub sends it elsewhere */
		return hm_hdr_type(h) == HM_TYPE_UNICAST ? 0 : HUBMESH_DROP_FWD_LINK_DOWN;
	if (unlikely(*next == from))
		return HUBMESH_DROP_FWD_SPLIT_HORIZON;
	return 0;
}

/* Is it a frame that this hub only passes on? */
static bool is_to_relay(const struct hm_device *hm, const struct hm_hdr *h)
{
	return hm_hdr_type(h) == HM_TYPE_UNICAST && !is_own_id(hm, h->dst) &&
	       !is_own_id(hm, h->src);
}

/* The link a drop counts at as well; none for a frame that came in a tunnel (no @from). */
static struct hm_counters __percpu *counters_of(const struct hm_link *from)
{
	return likely(from) ? from->counters : NULL;
}

/* Send @n alike frames, all of @skb, on to their next hop; consumes @skb. */
static __always_inline void relay(struct hm_device *hm, struct sk_buff *skb,
				  struct hm_frame *frame, unsigned int n,
				  const struct hm_link *from)
{
	const struct hm_hdr *h = frame->hdr;
	enum hubmesh_drop why;
	struct hm_link *next;
	const u8 *tunnel_end;
	unsigned int i;

	why = select_next_hop(hm, h, from, &next, &tunnel_end);
	if (unlikely(why)) {
		hm_drop_count(hm, counters_of(from), why, n);
		kfree_skb(skb);
		return;
	}
	for (i = 0; i < n; i++)
		frame[i].hdr->hop_ttl--;	/* select_next_hop(): it is above 1 */
	if (unlikely(tunnel_end)) {
		n = hm_tunnel_send(next, tunnel_end, skb, frame, n);
		hm_count_forwarded(hm->counters, n);
		hm_count_forwarded(next->counters, n);
		return;
	}
	if (n > 1) {
		skb_shinfo(skb)->gso_segs = n;
		skb_shinfo(skb)->gso_type = HM_GSO_TYPE;
	}
	skb_orphan(skb);
	skb->priority = hm_hdr_class(h);
	if (!hm_hop_send(next, skb, frame, n, ntohs(h->flow), hm_hdr_class(h) << 5)) {
		hm_count_forwarded(hm->counters, n);
		hm_count_forwarded(next->counters, n);
	}
}

/* ---- 6. to 8. for us ------------------------------------------------------------------ */

static bool is_inner_frame_sane(const u8 *inner, unsigned int len)
{
	return len >= HM_INNER_MIN &&
	       !is_multicast_ether_addr(((const struct ethhdr *)inner)->h_source);
}

/**
 * struct inner_walk - the inner frames of an opened frame, one or several
 * @at: what has not been looked at yet
 * @left: bytes of it
 * @inner: inner frame found last
 * @len: its length
 * @is_packed: they are packed
 */
struct inner_walk {
	const u8 *at, *inner;
	unsigned int left, len;
	bool is_packed;
};

static void walk_init(struct inner_walk *walk, const struct hm_frame *f)
{
	walk->at = hm_sealed_part(f) + HM_ZONE_LEN;
	walk->left = hm_sealed_len(f) - HM_ZONE_LEN;
	walk->is_packed = hm_hdr_is_packed(f->hdr);
}

/* Find the next inner frame.  False at the end, and at what is not one. */
static bool walk_next(struct inner_walk *walk)
{
	const unsigned int prefix = walk->is_packed ? sizeof(struct hm_packed) : 0;

	if (walk->left <= prefix)
		return false;
	walk->len = walk->left;
	if (prefix)
		walk->len = ntohs(((const struct hm_packed *)walk->at)->len);
	if (!walk->len || walk->len > walk->left - prefix)
		return false;
	walk->inner = walk->at + prefix;
	walk->at += prefix + walk->len;
	walk->left -= prefix + walk->len;
	return true;
}

/* Is the list complete?  What is left then is padding. */
static bool walk_is_at_end(const struct inner_walk *walk)
{
	return !walk->left ||
	       (walk->is_packed && (walk->left < sizeof(struct hm_packed) ||
				    !((const struct hm_packed *)walk->at)->len));
}

/* Are all inner frames of @f, one at least, whole and sane? */
static bool is_inside_sane(const struct hm_frame *f)
{
	struct inner_walk walk;
	unsigned int n = 0;

	if (hm_sealed_len(f) < HM_ZONE_LEN)
		return false;
	for (walk_init(&walk, f); walk_next(&walk); n++)
		if (!is_inner_frame_sane(walk.inner, walk.len))
			return false;
	return n && walk_is_at_end(&walk);
}

/*
 * Is one of the inner frames for this hub's own address?  That is never sent to many, and
 * the sender key, which many have, must not vouch for it.
 */
static bool is_for_us_alone(const struct hm_device *hm, const struct hm_frame *f)
{
	struct inner_walk walk;

	for (walk_init(&walk, f); walk_next(&walk);)
		if (is_own_id(hm, ((const struct ethhdr *)walk.inner)->h_dest))
			return true;
	return false;
}

/* May its hub send us all that is in @f? */
static bool is_from_allowed_peer(const struct hm_hub *hub, const struct hm_frame *f)
{
	struct inner_walk walk;

	for (walk_init(&walk, f); walk_next(&walk);)
		if (!hm_peer_allows(hub, walk.inner, walk.len))
			return false;
	return true;
}

/* Take the inner frame that @walk found last out of its frame. */
static void walk_remove(struct inner_walk *walk)
{
	u8 *entry = (u8 *)walk->inner - sizeof(struct hm_packed);
	unsigned int size = walk->len + sizeof(struct hm_packed);

	memmove(entry, walk->at, walk->left);
	memset(entry + walk->left, 0, size);	/* ends the list */
	walk->at = entry;
}

/*
 * Ask guard and rule set about every inner frame.  Those refused leave a packed frame,
 * each counted; only with the last of them the frame is refused.
 */
static enum hubmesh_drop police_frame(struct hm_police *police, struct hm_frame *f)
{
	u16 zone = get_unaligned_be16(hm_sealed_part(f));
	u8 ttl = hm_hdr_ttl(f->hdr);
	enum hubmesh_drop why = 0, refused = 0;
	unsigned int passed = 0;
	struct inner_walk walk;

	for (walk_init(&walk, f); walk_next(&walk);) {
		why = hm_police_inner(police, walk.inner, walk.len, zone, ttl);
		if (likely(!why)) {
			passed++;
			continue;
		}
		if (refused)
			hm_drop_count(police->hm, police->hub->counters, refused, 1);
		refused = why;
		if (walk.is_packed)
			walk_remove(&walk);
	}
	if (likely(!refused) || !passed)
		return refused;
	hm_drop_count(police->hm, police->hub->counters, refused, 1);
	return 0;
}

/* Step 7 for one frame. */
static enum hubmesh_drop accept_opened_frame(struct hm_batch *batch, struct hm_police *police,
					     struct hm_frame *f)
{
	if (unlikely(!hm_replay_accept(&batch->key->seal_seen[f->hdr->lane],
				       be64_to_cpu(f->hdr->counter))))
		return HUBMESH_DROP_RX_SEAL_REPLAY;
	if (unlikely(!is_inside_sane(f)))
		return HUBMESH_DROP_RX_INNER;
	if (unlikely(hm_hdr_type(f->hdr) == HM_TYPE_TREE && is_for_us_alone(batch->hm, f)))
		return HUBMESH_DROP_RX_INNER;
	if (unlikely((READ_ONCE(batch->hub->barred) ||
		      READ_ONCE(batch->hm->peers.flags) & HUBMESH_PEERS_F_RESOLUTION) &&
		     !is_from_allowed_peer(batch->hub, f)))
		return HUBMESH_DROP_RX_PEER;
	return hm_police_is_on(police) ? police_frame(police, f) : 0;
}

/* Frames of one packet are of one flow: the first inner frame speaks for all. */
static void learn_source(struct hm_device *hm, struct hm_hub *hub, const struct hm_frame *f)
{
	const struct ethhdr *eth;
	struct inner_walk walk;

	walk_init(&walk, f);
	walk_next(&walk);	/* is_inside_sane(): there is one */
	eth = (const struct ethhdr *)walk.inner;
	if (!ether_addr_equal_unaligned(eth->h_source, hub->id))
		hm_fdb_learn(hm, hub, eth->h_source);
}

/* The outer packet becomes the inner frame. */
static void deliver_single(struct hm_batch *batch)
{
	struct sk_buff *skb = batch->skb;
	struct hm_frame *f = &batch->frame[0];
	u8 class = hm_hdr_class(f->hdr);

	if (pskb_trim(skb, skb->len - HM_SEAL_TAG_LEN) ||
	    !pskb_may_pull(skb, HM_HDR_LEN + HM_ZONE_LEN + ETH_HLEN)) {
		hm_drop_count(batch->hm, NULL, HUBMESH_DROP_NO_MEMORY, 1);
		kfree_skb(skb);
		return;
	}
	__skb_pull(skb, HM_HDR_LEN + HM_ZONE_LEN);
	skb_orphan(skb);
	skb_scrub_packet(skb, true);
	skb_clear_hash(skb);
	skb_set_queue_mapping(skb, 0);
	skb->encapsulation = 0;
	skb->priority = class;
	hm_join_deliver(batch->hm, skb);
}

/* Others listen through us: look for what they, or those they listen to, say of groups. */
static void hear_memberships(struct hm_batch *batch)
{
	struct inner_walk walk;
	unsigned int i;

	for (i = 0; i < batch->frames; i++) {
		if (batch->frame[i].why)
			continue;
		for (walk_init(&walk, &batch->frame[i]); walk_next(&walk);)
			if (is_multicast_ether_addr(walk.inner) &&
			    hm_is_membership_frame(walk.inner, walk.len))
				hm_groups_hear_mesh(batch->hm, walk.inner, walk.len);
	}
}

static void deliver_opened(struct hm_batch *batch, unsigned int frames, unsigned int bytes)
{
	struct inner_walk walk;
	struct hm_join join;
	unsigned int i;

	hm_count_rx(batch->hub->counters, frames, bytes);
	hm_count_rx(batch->hm->counters, frames, bytes);
	if (unlikely(READ_ONCE(batch->hm->groups.is_snooping)))
		hear_memberships(batch);
	if (batch->frames == 1 && !hm_hdr_is_packed(batch->frame[0].hdr)) {
		deliver_single(batch);
		return;
	}
	hm_join_init(&join, batch->hm);
	for (i = 0; i < batch->frames; i++) {
		const struct hm_frame *f = &batch->frame[i];

		if (unlikely(f->why))
			continue;
		for (walk_init(&walk, f); walk_next(&walk);)
			hm_join_add(&join, walk.inner, walk.len, hm_hdr_class(f->hdr),
				    f->is_paged);
	}
	hm_join_flush(&join);
	consume_skb(batch->skb);
}

/* Step 7: every frame of the packet went through the cipher. */
static void accept_opened(struct hm_batch *batch)
{
	unsigned int i, good = 0, bytes = 0;
	struct hm_police police;

	if (unlikely(!batch->hub || !netif_running(batch->hm->dev))) {
		drop_rest(batch, NULL, HUBMESH_DROP_RX_DEVICE_DOWN);
		return;
	}
	hm_police_init(&police, batch->hub);
	for (i = 0; i < batch->frames; i++) {
		struct hm_frame *f = &batch->frame[i];
		bool was_good = !f->why;

		if (likely(was_good))
			f->why = accept_opened_frame(batch, &police, f);
		if (likely(!f->why)) {
			if (!good++)
				learn_source(batch->hm, batch->hub, f);
			bytes += f->len;
		} else if (was_good || f->why == HUBMESH_DROP_RX_SEAL_AUTH ||
			   f->why == HUBMESH_DROP_CRYPTO) {
			hm_drop_count(batch->hm, batch->hub->counters, f->why, 1);
		}
	}
	if (unlikely(!good)) {
		kfree_skb(batch->skb);
	} else {
		if (hm_keyring_promote(&batch->hub->keys, batch->key)) {
			hm_event_hub_key(batch->hub, batch->key->phase, HUBMESH_EVENT_KEY_IN_USE);
			hm_release_held(batch->hub);
		}
		deliver_opened(batch, good, bytes);
	}
	hm_batch_free(batch);
}

/* Step 6: frames sealed for us. */
static void open_frames(struct hm_batch *batch, const struct hm_hdr *h)
{
	unsigned int i;

	batch->hub = hm_hub_by_id(batch->hm, h->src);
	if (unlikely(!batch->hub)) {
		drop_rest(batch, NULL, HUBMESH_DROP_RX_HUB_UNKNOWN);
		return;
	}
	batch->key = rcu_dereference(batch->hub->keys.by_phase[hm_hdr_seal_phase(h)]);
	if (unlikely(!batch->key)) {
		drop_rest(batch, batch->hub->counters, HUBMESH_DROP_RX_SEAL_NO_KEY);
		return;
	}
	for (i = 0; i < batch->frames; i++) {
		struct hm_frame *f = &batch->frame[i];

		if (likely(f->why || hm_replay_may_accept(&batch->key->seal_seen[h->lane],
							  be64_to_cpu(f->hdr->counter))))
			continue;
		f->why = HUBMESH_DROP_RX_SEAL_REPLAY;
		hm_drop_count(batch->hm, batch->hub->counters, f->why, 1);
	}
	batch->done = accept_opened;
	hm_batch_open(batch);
}

/* ---- 6. to many hubs ------------------------------------------------------------------ */

/* The frame has nothing to do here: the last child gets its packet. */
static void pass_on(struct hm_batch *batch, const struct hm_tree *tree,
		    const struct hm_link *from)
{
	skb_orphan(batch->skb);
	hm_count_forwarded(batch->hm->counters,
			   hm_tree_send(batch->hm, tree, from, batch->skb, &batch->frame[0]));
	hm_batch_free(batch);
}

/* Pass the frame on, then open it if somebody here wants it. */
static void relay_tree(struct hm_batch *batch, const struct hm_link *from)
{
	struct hm_frame *f = &batch->frame[0];
	const struct hm_hdr *h = f->hdr;
	struct hm_hub *root = hm_hub_by_id(batch->hm, h->src);
	const struct hm_tree *tree;

	if (unlikely(!root)) {
		drop_rest(batch, from->counters, HUBMESH_DROP_RX_HUB_UNKNOWN);
		return;
	}
	tree = rcu_dereference(root->tree.tree);
	if (unlikely(!tree)) {
		drop_rest(batch, from->counters, HUBMESH_DROP_FWD_NO_TREE);
		return;
	}
	if (unlikely(!ether_addr_equal(tree->parent, from->peer))) {
		drop_rest(batch, from->counters, HUBMESH_DROP_RX_TREE_PARENT);
		return;
	}
	batch->hub = root;
	batch->key = rcu_dereference(root->sender.by_phase[hm_hdr_seal_phase(h)]);
	/* It came round in a circle: the others downstream have it as well. */
	if (likely(batch->key) && !hm_replay_may_accept(&batch->key->seal_seen[h->lane],
							be64_to_cpu(h->counter))) {
		drop_rest(batch, root->counters, HUBMESH_DROP_RX_SEAL_REPLAY);
		return;
	}
	if (!hm_groups_want(batch->hm, h->dst)) {
		pass_on(batch, tree, from);
		return;
	}
	hm_count_forwarded(batch->hm->counters, hm_tree_send(batch->hm, tree, from, NULL, f));
	if (unlikely(READ_ONCE(root->barred) & HM_BARRED_FLOOD)) {
		drop_rest(batch, root->counters, HUBMESH_DROP_RX_PEER);
		return;
	}
	if (unlikely(!batch->key)) {
		if (hm_groups_insist(batch->hm, h->dst))
			hm_ask_for_session(root);
		drop_rest(batch, root->counters, HUBMESH_DROP_RX_SEAL_NO_KEY);
		return;
	}
	batch->done = accept_opened;
	hm_batch_open(batch);
}

/* ---- 6. and 7. HOP and PROBE: sealed under the link's key ------------------------------- */

/* Check that an opened HOP or PROBE frame is good and new; else count why not. */
static bool is_link_frame_new(struct hm_batch *batch)
{
	struct hm_frame *f = &batch->frame[0];

	if (likely(!f->why) &&
	    !hm_replay_accept(&batch->key->seal_seen[f->hdr->lane],
			      be64_to_cpu(f->hdr->counter)))
		f->why = HUBMESH_DROP_RX_SEAL_REPLAY;
	if (unlikely(f->why))
		hm_drop_count(batch->hm, batch->link ? batch->link->counters : NULL, f->why, 1);
	return !f->why && batch->link && netif_running(batch->hm->dev);
}

/* The frame is for another hub: seal it for the next hop.  Owns the packet. */
static void relay_hop(struct hm_batch *batch)
{
	struct hm_hdr *h = batch->frame[0].hdr;
	const u8 *tunnel_end;
	struct hm_link *next;
	enum hubmesh_drop why;

	why = select_next_hop(batch->hm, h, batch->link, &next, &tunnel_end);
	if (unlikely(why)) {
		hm_drop_count(batch->hm, batch->link->counters, why, 1);
		kfree_skb(batch->skb);
		return;
	}
	h->hop_ttl--;
	skb_orphan(batch->skb);
	batch->skb->priority = hm_hdr_class(h);
	hm_count_forwarded(batch->hm->counters, 1);
	hm_count_forwarded(next->counters, 1);
	hm_link_seal_send(next, batch->skb);
}

static void accept_hop(struct hm_batch *batch)
{
	struct hm_frame *f = &batch->frame[0];
	const u8 *inner = hm_sealed_part(f) + HM_ZONE_LEN;
	unsigned int len;

	if (unlikely(!is_link_frame_new(batch))) {
		kfree_skb(batch->skb);
		goto out;
	}
	len = hm_sealed_len(f) - HM_ZONE_LEN;
	if (unlikely(hm_sealed_len(f) < HM_ZONE_LEN || !is_inner_frame_sane(inner, len)))
		f->why = HUBMESH_DROP_RX_INNER;
	else if (unlikely(!hm_is_control_frame(batch->hm, inner, len, f->hdr->dst)))
		f->why = HUBMESH_DROP_RX_HOP_POLICY;
	if (unlikely(f->why)) {
		hm_drop_count(batch->hm, batch->link->counters, f->why, 1);
		kfree_skb(batch->skb);
	} else if (is_own_id(batch->hm, f->hdr->dst)) {
		hm_count_rx(batch->hm->counters, 1, f->len);
		deliver_single(batch);
	} else {
		relay_hop(batch);
	}
out:
	hm_batch_free(batch);
}

static bool is_probe(const struct hm_frame *f)
{
	const struct hm_probe *probe = (const void *)hm_sealed_part(f);

	return hm_sealed_len(f) >= sizeof(*probe) &&
	       !(probe->flags & ~cpu_to_be64(HM_PROBE_F_SILENT));
}

static void accept_probe(struct hm_batch *batch)
{
	struct hm_frame *f = &batch->frame[0];

	if (likely(is_link_frame_new(batch))) {
		if (likely(is_probe(f)))
			hm_probe_received(batch->link, (const void *)hm_sealed_part(f),
					  hm_sealed_len(f) > sizeof(struct hm_probe));
		else
			hm_drop_count(batch->hm, batch->link->counters, HUBMESH_DROP_RX_PROBE, 1);
	}
	consume_skb(batch->skb);
	hm_batch_free(batch);
}

/* Open one frame under the key of the link it came by, then call @done. */
static void open_link_frame(struct hm_batch *batch, struct hm_link *link,
			    void (*done)(struct hm_batch *batch))
{
	const struct hm_hdr *h = batch->frame[0].hdr;

	batch->link = link;
	batch->key = rcu_dereference(link->keys.by_phase[hm_hdr_seal_phase(h)]);
	if (unlikely(!batch->key)) {
		drop_rest(batch, link->counters, HUBMESH_DROP_RX_SEAL_NO_KEY);
		return;
	}
	batch->done = done;
	hm_batch_open(batch);
}

static void open_hop(struct hm_batch *batch, struct hm_link *link)
{
	if (unlikely(!hm_bucket_take(&link->hop_rate, READ_ONCE(link->hm->hop_rate_pps),
				     HM_HOP_BURST, 1))) {
		drop_rest(batch, link->counters, HUBMESH_DROP_RX_HOP_RATE);
		return;
	}
	open_link_frame(batch, link, accept_hop);
}

static void open_probe(struct hm_batch *batch, struct hm_link *link)
{
	const struct hm_hdr *h = batch->frame[0].hdr;

	if (unlikely(!ether_addr_equal_unaligned(h->src, link->peer) ||
		     !is_own_id(batch->hm, h->dst))) {
		drop_rest(batch, link->counters, HUBMESH_DROP_RX_PROBE);
		return;
	}
	open_link_frame(batch, link, accept_probe);
}

/* ---- 5. who it is for ------------------------------------------------------------------ */

/* What is in a tunnel that ends here: a UNICAST frame, which is whole. */
static bool is_tunnelled_frame_sane(const struct hm_frame *f)
{
	return f->len >= HM_FRAME_MIN && hm_hdr_type(f->hdr) == HM_TYPE_UNICAST && !check_form(f);
}

/* The frame in the tunnel takes the place of the outer one, with the hops that has left. */
static bool open_tunnel(struct hm_batch *batch, struct hm_link *from)
{
	struct hm_frame *f = &batch->frame[0];
	u8 hop_ttl = f->hdr->hop_ttl;

	f->hdr++;
	f->len -= HM_HDR_LEN;	/* at least HM_FRAME_MIN before */
	if (unlikely(!is_tunnelled_frame_sane(f))) {
		drop_rest(batch, from->counters, HUBMESH_DROP_RX_TUNNEL);
		return false;
	}
	if (unlikely(!pskb_pull(batch->skb, HM_HDR_LEN))) {
		drop_rest(batch, from->counters, HUBMESH_DROP_NO_MEMORY);
		return false;
	}
	f->hdr->hop_ttl = hop_ttl;
	return true;
}

/* A packet whose good frames are alike; only for UNICAST more than one.  @from is NULL for
 * a frame that came in a tunnel. */
static void dispatch(struct hm_batch *batch, const struct hm_hdr *h, struct hm_link *from)
{
	u8 type = hm_hdr_type(h);

	if (unlikely(type == HM_TYPE_PROBE)) {
		open_probe(batch, from);
		return;
	}
	if (unlikely(is_own_id(batch->hm, h->src))) {
		drop_rest(batch, counters_of(from), HUBMESH_DROP_RX_OWN_SOURCE);
		return;
	}
	if (unlikely(type == HM_TYPE_TUNNEL && is_own_id(batch->hm, h->dst))) {
		/* Not again: it is UNICAST now.  It may well leave where the tunnel came in. */
		if (open_tunnel(batch, from))
			dispatch(batch, batch->frame[0].hdr, NULL);
		return;
	}
	if (unlikely(type == HM_TYPE_HOP)) {
		open_hop(batch, from);
	} else if (unlikely(type == HM_TYPE_TREE)) {
		relay_tree(batch, from);
	} else if (is_own_id(batch->hm, h->dst)) {
		open_frames(batch, h);
	} else {
		relay(batch->hm, batch->skb, batch->frame, batch->frames, from);
		hm_batch_free(batch);
	}
}

struct sk_buff *hm_frame_copy(const struct hm_frame *f)
{
	struct sk_buff *skb = alloc_skb(HM_OUTER_ROOM + f->len, GFP_ATOMIC | __GFP_NOWARN);

	if (unlikely(!skb))
		return NULL;
	skb_reserve(skb, HM_OUTER_ROOM);
	skb_put_data(skb, f->hdr, f->len);
	return skb;
}

/* Each good frame goes on as a packet of its own. */
static void split(struct hm_rx *rx, struct hm_batch *batch)
{
	unsigned int i;

	for (i = 0; i < batch->frames; i++) {
		const struct hm_frame *f = &batch->frame[i];
		struct hm_batch *one;
		struct sk_buff *skb;
		struct hm_link *from;

		if (f->why)
			continue;
		from = hm_link_by_index(rx->hm, ntohs(f->hdr->link_index));
		skb = hm_frame_copy(f);
		one = hm_batch_new(rx->hm, 1);
		if (unlikely(!from || !skb || !one)) {
			hm_drop_count(rx->hm, NULL, HUBMESH_DROP_NO_MEMORY, 1);
			kfree_skb(skb);
			if (one)
				hm_batch_free(one);
			continue;
		}
		skb->dev = batch->skb->dev;
		one->skb = skb;
		one->frames = 1;
		one->frame[0] = *f;
		one->frame[0].hdr = (struct hm_hdr *)skb->data;
		one->frame[0].is_paged = false;
		dispatch(one, one->frame[0].hdr, from);
	}
	consume_skb(batch->skb);
	hm_batch_free(batch);
}

/* The first good frame, if all good frames are alike and may stay together. */
static const struct hm_hdr *common_header(const struct hm_batch *batch, unsigned int good)
{
	const struct hm_hdr *first = NULL;
	unsigned int i;

	for (i = 0; i < batch->frames; i++) {
		const struct hm_frame *f = &batch->frame[i];

		if (unlikely(f->why))
			continue;
		if (!first)
			first = f->hdr;
		else if (!is_alike(first, f->hdr))
			return NULL;
	}
	if (batch->frames > 1 &&
	    (hm_hdr_type(first) != HM_TYPE_UNICAST ||
	     (good != batch->frames && !is_own_id(batch->hm, first->dst))))
		return NULL;
	return first;
}

/* One frame, in memory that nobody else has: what most packets are without offload. */
static bool is_plain(const struct sk_buff *skb)
{
	return !skb_is_nonlinear(skb) && !skb_is_gso(skb) && !skb_cloned(skb) &&
	       skb->len <= HM_FRAME_MAX;
}

static void receive_one(struct hm_rx *rx, struct sk_buff *skb)
{
	struct hm_frame f = { .hdr = (struct hm_hdr *)skb->data, .len = skb->len };
	struct hm_batch *batch;
	enum hubmesh_drop why;

	why = accept_frame(rx, &f);
	if (unlikely(why)) {
		refuse_frame(rx, why);
		kfree_skb(skb);
		return;
	}
	count_link(rx);
	if (is_to_relay(rx->hm, f.hdr)) {
		relay(rx->hm, skb, &f, 1, rx->from);
		return;
	}
	batch = hm_batch_new(rx->hm, 1);
	if (unlikely(!batch)) {
		refuse_frame(rx, HUBMESH_DROP_NO_MEMORY);
		kfree_skb(skb);
		return;
	}
	batch->skb = skb;
	batch->frame[0] = f;
	batch->frames = 1;
	dispatch(batch, f.hdr, rx->from);
}

static void receive_many(struct hm_rx *rx, struct sk_buff *skb)
{
	struct hm_batch *batch = take_packet(rx->hm, skb);
	const struct hm_hdr *first;
	unsigned int good;

	if (unlikely(!batch))
		return;
	good = accept_frames(rx, batch);
	if (unlikely(!good)) {
		kfree_skb(batch->skb);
		hm_batch_free(batch);
		return;
	}
	first = common_header(batch, good);
	if (likely(first))
		dispatch(batch, first, rx->from);
	else
		split(rx, batch);
}

/**
 * hm_receive_claims() - Does a frame come from a neighbour of this device?
 * @hm: device
 * @h: its header
 *
 * Context: RCU read side.
 * Return: true if the hop tag is that of a link of @hm.
 */
bool hm_receive_claims(const struct hm_device *hm, const struct hm_hdr *h)
{
	struct hm_link *link = hm_link_by_index(hm, ntohs(h->link_index));
	struct hm_key *key;

	key = link ? rcu_dereference(link->keys.by_phase[hm_hdr_hop_phase(h)]) : NULL;
	return key && hm_hop_tag(h, &key->hop_rx) == h->hop_tag;
}

/**
 * hm_receive() - One packet of one or many frames.
 * @hm: device it came for
 * @skb: packet, from the first frame's header on; consumed
 *
 * Context: RCU read side, BH disabled.
 */
void hm_receive(struct hm_device *hm, struct sk_buff *skb)
{
	struct hm_rx rx = { .hm = hm };

	if (unlikely(!netif_running(hm->dev))) {
		hm_drop_count(hm, NULL, HUBMESH_DROP_RX_DEVICE_DOWN,
			      skb_shinfo(skb)->gso_segs ?: 1);
		kfree_skb(skb);
	} else if (is_plain(skb)) {
		receive_one(&rx, skb);
	} else {
		receive_many(&rx, skb);
	}
}
/**
 * hm_udp_receive() - One UDP packet of one or many frames.
 * @sk: our socket
 * @skb: packet, from the UDP header on; consumed
 *
 * Context: RCU read side, BH disabled (encap_rcv).
 * Return: 0 always: the packet is ours.
 */
int hm_udp_receive(struct sock *sk, struct sk_buff *skb)
{
	struct hm_device *hm = rcu_dereference_sk_user_data(sk);

	/*
	 * A super-packet without HM_GSO_TYPE (from a program that used
	 * UDP_SEGMENT) was cut by udp_queue_rcv_skb(), which gives us the
	 * pieces still chained: sending one on would send the others with it.
	 */
	skb_mark_not_on_list(skb);
	if (unlikely(!hm)) {		/* the socket is closing */
		kfree_skb(skb);
		return 0;
	}
	__skb_pull(skb, sizeof(struct udphdr));
	hm_receive(hm, skb);
	return 0;
}
