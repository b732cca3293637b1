/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_CARRIER_H
#define _HM_CARRIER_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/udp.h>
#include "link.h"

#define HM_OUTER4	((unsigned int)(sizeof(struct iphdr) + sizeof(struct udphdr)))
#define HM_OUTER6	((unsigned int)(sizeof(struct ipv6hdr) + sizeof(struct udphdr)))

/* Room in front of a frame for outer headers, a VLAN tag and alignment. */
#define HM_OUTER_ROOM	ALIGN(HM_OUTER6 + ETH_HLEN + 4, 32)

/* How super-packets are marked; carrier.c says why. */
#define HM_GSO_TYPE	(SKB_GSO_UDP_L4 | SKB_GSO_UDP_TUNNEL)

/* A super-packet with every header must stay below 64 KiB, Ethernet included. */
#define HM_SUPER_BYTES	(GSO_LEGACY_MAX_SIZE - 1 - ETH_HLEN - HM_OUTER6)

/* Shared by the carriers */
/**
 * hm_carrier_whole_max() - What fits in one packet and gets through.
 * @link: link; @link->route_max remembers what fits
 * @mtu: of the route or device
 * @headers: bytes of outer headers that count against it
 *
 * Return: longest frame, bytes.
 */
static inline unsigned int hm_carrier_whole_max(struct hm_link *link, unsigned int mtu,
						unsigned int headers)
{
	u32 limit = READ_ONCE(link->mtu);
	unsigned int max;

	if (limit && limit < mtu)
		mtu = limit;
	max = mtu > headers ? mtu - headers : 0;
	if (READ_ONCE(link->route_max) != max)
		WRITE_ONCE(link->route_max, max);
	limit = READ_ONCE(link->pmtu.limit);
	return limit && limit < max ? limit : max;
}

bool hm_carrier_is_search(const struct hm_link *link, const struct sk_buff *skb,
			  unsigned int len);

unsigned int hm_carrier_frame_max(struct hm_link *link);
unsigned int hm_carrier_outer_len(const struct hm_link *link);

#endif
