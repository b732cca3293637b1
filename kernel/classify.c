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
 * Rules look at headers only as far as they are where they usually are: two VLAN
 * tags, IPv6 without extension headers, first fragments.  What is not there does
 * not hit.
 */
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/dsfield.h>
#include <net/ip.h>
#include "classify.h"
#include "device.h"

#define HM_DSCP_SHIFT	2	/* DS field: DSCP, then two bits of ECN */
#define HM_VLAN_TAGS	2	/* looked behind */

/**
 * struct inner_look - what rules look at in a frame
 * @ethertype: type behind VLAN tags
 * @vlan_tci: outer VLAN tag
 * @has_vlan: there is one
 * @has_ports: @sport and @dport are
 * @family: AF_INET, AF_INET6 or AF_UNSPEC; the next four only if not AF_UNSPEC
 * @dscp: DSCP
 * @protocol: IP protocol
 * @src: source address, IPv4 in the first word
 * @dst: destination address
 * @sport: source port, host order
 * @dport: destination port, host order
 */
struct inner_look {
	__be16 ethertype;
	u16 vlan_tci;
	bool has_vlan, has_ports;
	sa_family_t family;
	u8 dscp, protocol;
	__be32 src[4], dst[4];
	u16 sport, dport;
};

static bool protocol_has_ports(u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return true;
	default:
		return false;
	}
}

static void look_at_ports(struct inner_look *look, const struct sk_buff *skb, int at)
{
	__be16 room[2];
	const __be16 *ports;

	if (!protocol_has_ports(look->protocol))
		return;
	ports = skb_header_pointer(skb, at, sizeof(room), room);
	if (!ports)
		return;
	look->sport = ntohs(ports[0]);
	look->dport = ntohs(ports[1]);
	look->has_ports = true;
}

static void look_at_ipv4(struct inner_look *look, const struct sk_buff *skb, int at)
{
	struct iphdr room;
	const struct iphdr *iph = skb_header_pointer(skb, at, sizeof(room), &room);

	if (!iph || iph->version != 4 || iph->ihl < 5)
		return;
	look->family = AF_INET;
	look->dscp = iph->tos >> HM_DSCP_SHIFT;
	look->protocol = iph->protocol;
	look->src[0] = iph->saddr;
	look->dst[0] = iph->daddr;
	if (!(iph->frag_off & htons(IP_OFFSET)))
		look_at_ports(look, skb, at + iph->ihl * 4);
}

static void look_at_ipv6(struct inner_look *look, const struct sk_buff *skb, int at)
{
	struct ipv6hdr room;
	const struct ipv6hdr *ip6h = skb_header_pointer(skb, at, sizeof(room), &room);

	if (!ip6h || ip6h->version != 6)
		return;
	look->family = AF_INET6;
	look->dscp = ipv6_get_dsfield(ip6h) >> HM_DSCP_SHIFT;
	look->protocol = ip6h->nexthdr;
	memcpy(look->src, &ip6h->saddr, sizeof(look->src));
	memcpy(look->dst, &ip6h->daddr, sizeof(look->dst));
	look_at_ports(look, skb, at + sizeof(*ip6h));
}

/* @skb: an inner frame, its Ethernet header linear. */
static void look_at(struct inner_look *look, const struct sk_buff *skb)
{
	struct vlan_hdr room;
	const struct vlan_hdr *tag;
	int at = ETH_HLEN, tags;

	memset(look, 0, sizeof(*look));
	look->ethertype = ((const struct ethhdr *)skb->data)->h_proto;
	for (tags = 0; tags < HM_VLAN_TAGS && eth_type_vlan(look->ethertype); tags++) {
		tag = skb_header_pointer(skb, at, sizeof(room), &room);
		if (!tag)
			return;
		if (!look->has_vlan)
			look->vlan_tci = ntohs(tag->h_vlan_TCI);
		look->has_vlan = true;
		look->ethertype = tag->h_vlan_encapsulated_proto;
		at += VLAN_HLEN;
	}
	if (look->ethertype == htons(ETH_P_IP))
		look_at_ipv4(look, skb, at);
	else if (look->ethertype == htons(ETH_P_IPV6))
		look_at_ipv6(look, skb, at);
}

static bool prefix_has(const struct hm_rule_prefix *prefix, sa_family_t family, const __be32 *addr)
{
	unsigned int i;

	if (prefix->family != family)
		return false;
	for (i = 0; i < ARRAY_SIZE(prefix->addr); i++)
		if ((addr[i] & prefix->mask[i]) != prefix->addr[i])
			return false;
	return true;
}

static bool range_has(const struct hm_port_range *range, u16 port)
{
	return port >= range->first && port <= range->last;
}

/* Of a rule that names it, does the frame have @name as @is_so says? */
#define HM_NAMES_OTHER(rule, name, is_so)				\
	((rule)->set & BIT(HUBMESH_A_RULE_##name) && !(is_so))

static bool rule_hits_link(const struct hm_rule *rule, const struct inner_look *look,
			   const struct sk_buff *skb)
{
	u16 vlan_id = look->vlan_tci & VLAN_VID_MASK, pcp = look->vlan_tci >> VLAN_PRIO_SHIFT;

	return !(HM_NAMES_OTHER(rule, ETHERTYPE, rule->ethertype == look->ethertype) ||
		 HM_NAMES_OTHER(rule, VLAN_ID, look->has_vlan && rule->vlan_id == vlan_id) ||
		 HM_NAMES_OTHER(rule, VLAN_PCP, look->has_vlan && rule->vlan_pcp == pcp) ||
		 HM_NAMES_OTHER(rule, MARK, rule->mark == (skb->mark & rule->mark_mask)) ||
		 HM_NAMES_OTHER(rule, PRIORITY, rule->priority == skb->priority));
}

static bool rule_hits_ip(const struct hm_rule *rule, const struct inner_look *look)
{
	bool is_ip = look->family != AF_UNSPEC;

	return !(HM_NAMES_OTHER(rule, DSCP, is_ip && rule->dscp == look->dscp) ||
		 HM_NAMES_OTHER(rule, PROTOCOL, is_ip && rule->protocol == look->protocol) ||
		 HM_NAMES_OTHER(rule, SRC4, prefix_has(&rule->src, look->family, look->src)) ||
		 HM_NAMES_OTHER(rule, DST4, prefix_has(&rule->dst, look->family, look->dst)) ||
		 HM_NAMES_OTHER(rule, SPORT, look->has_ports && range_has(&rule->sport, look->sport)) ||
		 HM_NAMES_OTHER(rule, DPORT, look->has_ports && range_has(&rule->dport, look->dport)));
}

/* First rule that hits, or NULL. */
static const struct hm_rule *find_rule(const struct hm_rules *rules, const struct sk_buff *skb)
{
	struct inner_look look;
	unsigned int i;

	look_at(&look, skb);
	for (i = 0; i < rules->count; i++)
		if (rule_hits_link(&rules->rule[i], &look, skb) &&
		    rule_hits_ip(&rules->rule[i], &look))
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
