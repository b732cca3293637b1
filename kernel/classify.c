// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: which class a frame is of
 *
 * A frame is classed once, by the hub where it enters the mesh; its header carries
 * the class from there on, under the seal and under every hop tag.  The first
 * rule that hits decides.  Without one, and with no rules at all, which costs one
 * pointer test: the VLAN priority, else the class selector of the DS field (its
 * upper three bits), else the priority the stack gave the packet.
 *
 * Rules see what inner.c reads.  What is not there, or is malformed, does not hit;
 * refusing it is the filter's business.
 */
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/dsfield.h>
#include "classify.h"
#include "device.h"

#define HM_DSCP_SHIFT	2	/* DS field: DSCP, then two bits of ECN */

static bool range_has(const struct hm_port_range *range, u16 port)
{
	return port >= range->first && port <= range->last;
}

/* Of a rule that names it, does the frame have @name as @is_so says? */
#define HM_NAMES_OTHER(rule, name, is_so)				\
	((rule)->set & BIT(HUBMESH_A_RULE_##name) && !(is_so))

static bool rule_hits_link(const struct hm_rule *rule, const struct hm_inner *in,
			   const struct sk_buff *skb)
{
	u16 vlan_id = in->vlan_tci & VLAN_VID_MASK, pcp = in->vlan_tci >> VLAN_PRIO_SHIFT;

	return !(HM_NAMES_OTHER(rule, ETHERTYPE, rule->ethertype == in->ethertype) ||
		 HM_NAMES_OTHER(rule, VLAN_ID, in->has_vlan && rule->vlan_id == vlan_id) ||
		 HM_NAMES_OTHER(rule, VLAN_PCP, in->has_vlan && rule->vlan_pcp == pcp) ||
		 HM_NAMES_OTHER(rule, MARK, rule->mark == (skb->mark & rule->mark_mask)) ||
		 HM_NAMES_OTHER(rule, PRIORITY, rule->priority == skb->priority));
}

static bool prefix_hits(const struct hm_prefix *prefix, const struct hm_inner *in,
			const struct in6_addr *address)
{
	return prefix->family == in->family && hm_prefix_has(prefix, address);
}

static bool rule_hits_ip(const struct hm_rule *rule, const struct hm_inner *in)
{
	u8 dscp = in->ds >> HM_DSCP_SHIFT;

	return !(HM_NAMES_OTHER(rule, DSCP, in->family && rule->dscp == dscp) ||
		 HM_NAMES_OTHER(rule, PROTOCOL, in->family && rule->protocol == in->protocol) ||
		 HM_NAMES_OTHER(rule, SRC4, prefix_hits(&rule->src, in, &in->src)) ||
		 HM_NAMES_OTHER(rule, DST4, prefix_hits(&rule->dst, in, &in->dst)) ||
		 HM_NAMES_OTHER(rule, SPORT, in->has_ports && range_has(&rule->sport, in->sport)) ||
		 HM_NAMES_OTHER(rule, DPORT, in->has_ports && range_has(&rule->dport, in->dport)));
}

/* @skb: an inner frame, its Ethernet header linear. */
static void look_at(struct hm_inner *in, const struct sk_buff *skb)
{
	unsigned int seen = min(skb->len, HM_INNER_HEADERS_MAX);
	u8 room[HM_INNER_HEADERS_MAX] __aligned(4);
	const u8 *frame = skb_header_pointer(skb, 0, seen, room);

	if (hm_inner_read_link(in, frame, seen))
		hm_inner_read_net(in, frame, seen, skb->len);
}

/* First rule that hits, or NULL. */
static noinline_for_stack const struct hm_rule *find_rule(const struct hm_rules *rules,
							  const struct sk_buff *skb)
{
	struct hm_inner in;
	unsigned int i;

	look_at(&in, skb);
	for (i = 0; i < rules->count; i++)
		if (rule_hits_link(&rules->rule[i], &in, skb) &&
		    rule_hits_ip(&rules->rule[i], &in))
			return &rules->rule[i];
	return NULL;
}

/* VLAN priority, DSCP class selector, else what the stack gave it. */
static u8 class_without_rule(const struct sk_buff *skb)
{
	const struct ethhdr *eth = (const struct ethhdr *)skb->data;
	unsigned int at = ETH_HLEN;
	__be16 proto = eth->h_proto;

	if (proto == htons(ETH_P_8021Q) && skb_headlen(skb) >= VLAN_ETH_HLEN) {
		const struct vlan_ethhdr *veth = (const struct vlan_ethhdr *)skb->data;

		return ntohs(veth->h_vlan_TCI) >> VLAN_PRIO_SHIFT;
	}
	if (proto == htons(ETH_P_IP) && skb_headlen(skb) >= at + sizeof(struct iphdr))
		return ((const struct iphdr *)(skb->data + at))->tos >> 5;
	if (proto == htons(ETH_P_IPV6) && skb_headlen(skb) >= at + sizeof(struct ipv6hdr))
		return ipv6_get_dsfield((const struct ipv6hdr *)(skb->data + at)) >> 5;
	return min_t(u32, skb->priority, HM_CLASSES - 1);
}

/**
 * hm_classify() - Say which class an inner frame is of.
 * @hm: device
 * @skb: inner frame, its Ethernet and IP headers linear as far as they go
 *
 * Context: RCU read side.
 * Return: class, 0..7.
 */
u8 hm_classify(const struct hm_device *hm, const struct sk_buff *skb)
{
	const struct hm_rules *rules = rcu_dereference(hm->rules);
	const struct hm_rule *rule = NULL;

	if (unlikely(rules))
		rule = find_rule(rules, skb);
	return unlikely(rule) ? rule->class : class_without_rule(skb);
}

/**
 * hm_rules_replace() - Put a set of rules in force, as one.
 * @hm: device
 * @rules: made with kmalloc, owned by the device from now on; NULL for none
 *
 * Context: Process context, hm->lock held.
 */
void hm_rules_replace(struct hm_device *hm, struct hm_rules *rules)
{
	struct hm_rules *old;

	old = rcu_replace_pointer(hm->rules, rules, lockdep_is_held(&hm->lock));
	if (old)
		kfree_rcu(old, rcu);
	hm_tables_changed(hm);
}
