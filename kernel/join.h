/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_JOIN_H
#define _HM_JOIN_H

#include <linux/types.h>

struct hm_device;
struct sk_buff;

/**
 * struct hm_join - opened frames of one packet on their way to the stack
 * @hm: device
 * @skb: packet being built, NULL for none
 * @tail: last skb of @skb's fragment list, or @skb itself
 * @segs: TCP segments in it
 * @mss: payload of its first segment
 * @l4: offset of its TCP header
 * @hdr_len: length of its headers
 * @next_seq: TCP sequence its next segment must have
 * @next_id: IPv4 id its next segment must have
 * @is_v6: IPv6, else IPv4
 * @is_closed: takes no more segments
 */
struct hm_join {
	struct hm_device *hm;
	struct sk_buff *skb, *tail;
	unsigned int segs, mss, l4, hdr_len;
	u32 next_seq;
	u16 next_id;
	bool is_v6, is_closed;
};

void hm_join_init(struct hm_join *join, struct hm_device *hm);
void hm_join_add(struct hm_join *join, const u8 *inner, unsigned int len, u8 class,
		 bool is_paged);
void hm_join_flush(struct hm_join *join);
void hm_join_deliver(struct hm_device *hm, struct sk_buff *skb);

#endif
