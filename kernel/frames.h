/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: the frames in a packet
 *
 * A packet holds one frame, or many of equal length (the last may be shorter),
 * each contiguous in the linear part or in one page fragment.  Receive looks for
 * them in what the underlay gives; the queue of a link looks for them again in a
 * packet that has waited.
 */
#ifndef _HM_FRAMES_H
#define _HM_FRAMES_H

#include "seal.h"

/**
 * struct hm_frame_walk - finds the frames of a packet, one after the other
 * @skb: packet
 * @step: length of each frame but the last
 * @left: bytes behind the last frame found; not 0 at the end of the walk if a frame
 *	was not contiguous
 * @base: linear part or fragment the walk has got to
 * @size: its length
 * @off: how far the walk has got in it
 * @frag: number of the fragment, -1 for the linear part
 */
struct hm_frame_walk {
	const struct sk_buff *skb;
	unsigned int step, left;
	u8 *base;
	unsigned int size, off;
	int frag;
};

/**
 * hm_frame_walk_init() - Start before the first frame.
 * @walk: filled
 * @skb: packet, from the first frame on; not changed while the walk lasts
 * @step: length of each frame but the last, not 0
 */
static inline void hm_frame_walk_init(struct hm_frame_walk *walk, const struct sk_buff *skb,
				      unsigned int step)
{
	walk->skb = skb;
	walk->step = step;
	walk->left = skb->len;
	walk->base = skb->data;
	walk->size = skb_headlen(skb);
	walk->off = 0;
	walk->frag = -1;
}

/**
 * hm_frame_next() - Find the next frame.
 * @walk: walk
 * @f: filled
 *
 * Return: false at the end, and at a frame that is not contiguous; @f is then
 * untouched.
 */
static inline bool hm_frame_next(struct hm_frame_walk *walk, struct hm_frame *f)
{
	const skb_frag_t *frag;
	unsigned int len = min(walk->step, walk->left);

	if (!len)
		return false;
	while (walk->off == walk->size) {
		frag = &skb_shinfo(walk->skb)->frags[++walk->frag];
		walk->base = skb_frag_address_safe(frag);
		walk->size = skb_frag_size(frag);
		walk->off = 0;
		if (unlikely(!walk->base))
			return false;
	}
	if (walk->size - walk->off < len)
		return false;
	f->hdr = (struct hm_hdr *)(walk->base + walk->off);
	f->len = len;
	f->why = 0;
	f->is_paged = walk->frag >= 0;
	walk->off += len;
	walk->left -= len;
	return true;
}

#endif
