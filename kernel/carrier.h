/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_CARRIER_H
#define _HM_CARRIER_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/udp.h>

struct hm_link;

#define HM_OUTER4	((unsigned int)(sizeof(struct iphdr) + sizeof(struct udphdr)))
#define HM_OUTER6	((unsigned int)(sizeof(struct ipv6hdr) + sizeof(struct udphdr)))

/* Room in front of a frame for outer headers, a VLAN tag and alignment. */
#define HM_OUTER_ROOM	ALIGN(HM_OUTER6 + ETH_HLEN + 4, 32)

/* How super-packets are marked; carrier.c says why. */
#define HM_GSO_TYPE	(SKB_GSO_UDP_L4 | SKB_GSO_UDP_TUNNEL)

/* A super-packet with every header must stay below 64 KiB, Ethernet included. */
#define HM_SUPER_BYTES	(GSO_LEGACY_MAX_SIZE - 1 - ETH_HLEN - HM_OUTER6)

/* Shared by the carriers */
unsigned int hm_carrier_whole_max(struct hm_link *link, unsigned int mtu,
				  unsigned int headers);
bool hm_carrier_is_search(const struct hm_link *link, const struct sk_buff *skb,
			  unsigned int len);

unsigned int hm_carrier_frame_max(struct hm_link *link);

#endif
