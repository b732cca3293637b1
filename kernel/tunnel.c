// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: tunnels: how frames get around a dead link
 *
 * Where no neighbour would take over the frames of a dead next hop without sending
 * some of them back, the route's backup names a hub further off that does not
 * (RFC 7490).  Frames for it get a second header, and relays take them there by
 * that; the hub strips it (rx.c, open_tunnel()) and goes on with the frame.
 *
 * That lasts until meshd has computed new routes: so each frame is simply copied
 * into a packet of its own, behind its new header.
 */
#include "carrier.h"
#include "datapath.h"
#include "seal.h"

/* Header of a tunnel to @end for the frame behind @h: hops, class, lane and flow are its. */
static void fill_header(struct hm_hdr *outer, const struct hm_device *hm, const u8 *end,
			const struct hm_hdr *h)
{
	memcpy(outer, h, HM_HDR_LEN);
	outer->ver_type = HM_WIRE_VERSION << 4 | HM_TYPE_TUNNEL;
	outer->class_phase = hm_hdr_class(h) << HM_CLASS_SHIFT;
	memcpy(outer->dst, end, HM_HUB_ID_LEN);
	memcpy(outer->src, hm_own_id(hm), HM_HUB_ID_LEN);
	outer->counter = 0;
}

/* Return: 0 (sent or waiting) or the drop reason, counted. */
static enum hubmesh_drop send_one(struct hm_link *link, const u8 *end, const struct hm_frame *f)
{
	struct hm_frame outer = { .len = f->len + HM_HDR_LEN };
	struct sk_buff *skb;

	if (unlikely(outer.len > HM_FRAME_MAX)) {
		hm_drop_count(link->hm, link->counters, HUBMESH_DROP_TX_MTU, 1);
		return HUBMESH_DROP_TX_MTU;
	}
	skb = alloc_skb(HM_OUTER_ROOM + outer.len, GFP_ATOMIC | __GFP_NOWARN);
	if (unlikely(!skb)) {
		hm_drop_count(link->hm, link->counters, HUBMESH_DROP_NO_MEMORY, 1);
		return HUBMESH_DROP_NO_MEMORY;
	}
	skb_reserve(skb, HM_OUTER_ROOM);
	outer.hdr = skb_put(skb, HM_HDR_LEN);
	fill_header(outer.hdr, link->hm, end, f->hdr);
	skb_put_data(skb, f->hdr, f->len);
	skb->priority = hm_hdr_class(f->hdr);
	return hm_hop_send(link, skb, &outer, 1, ntohs(f->hdr->flow),
			   hm_hdr_class(f->hdr) << 5);
}

unsigned int hm_tunnel_send(struct hm_link *link, const u8 *end, struct sk_buff *skb,
			    const struct hm_frame *frame, unsigned int n)
{
	unsigned int i, sent = 0;

	for (i = 0; i < n; i++)
		sent += !send_one(link, end, &frame[i]);
	consume_skb(skb);
	return sent;
}
