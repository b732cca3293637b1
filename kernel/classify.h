/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_CLASSIFY_H
#define _HM_CLASSIFY_H

#include <linux/skbuff.h>
#include "inner.h"
#include "limits.h"

struct hm_device;

/**
 * struct hm_port_range - TCP, UDP or similar ports, host order
 * @first: lowest
 * @last: highest
 */
struct hm_port_range {
	u16 first, last;
};

/**
 * struct hm_rule - which frames get a class
 * @set: bit mask, BIT(HUBMESH_A_RULE_*) of what a frame must have; prefixes and port
 *	ranges count as SRC4, DST4, SPORT and DPORT, for either family
 * @class: class it gives
 * @vlan_pcp: priority of the outer VLAN tag
 * @dscp: DSCP
 * @protocol: IP protocol
 * @ethertype: type behind VLAN tags, host order
 * @vlan_id: of the outer VLAN tag
 * @src: source
 * @dst: destination
 * @sport: source port
 * @dport: destination port
 * @mark: mark of the packet, bits outside @mark_mask are zero
 * @mark_mask: its bits that count
 * @priority: priority of the packet
 */
struct hm_rule {
	u32 set;
	u8 class, vlan_pcp, dscp, protocol;
	u16 ethertype, vlan_id;
	struct hm_prefix src, dst;
	struct hm_port_range sport, dport;
	u32 mark, mark_mask, priority;
};

/**
 * struct hm_rules - the classification rules of a device, replaced as a whole
 * @rcu: for freeing after readers
 * @count: entries of @rule
 * @rule: the rules; the first that hits gives the class
 */
struct hm_rules {
	struct rcu_head rcu;
	unsigned int count;
	struct hm_rule rule[];
};

u8 hm_classify(const struct hm_device *hm, const struct sk_buff *skb);
void hm_rules_replace(struct hm_device *hm, struct hm_rules *rules);

#endif
