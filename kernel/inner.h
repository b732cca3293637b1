/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_INNER_H
#define _HM_INNER_H

#include <net/ipv6.h>

/**
 * struct hm_inner - what rules can see of an inner frame
 * @src: source address; an IPv4 address in its first word, the rest zero
 * @dst: destination address, likewise
 * @ethertype: behind VLAN tags, host order; ETH_P_802_2 for all frames with a length there
 * @vlan: outermost VLAN id, 0 for none
 * @sport: source port, host order
 * @dport: destination port, host order
 * @family: 4, 6, or 0 if it is not IP
 * @protocol: of what is behind the IP headers
 * @has_ports: it is one that has ports, and they are here
 * @is_resolution: ARP request or reply, or ND neighbour solicitation or advertisement
 * @l3: offset of what is behind the Ethernet header and VLAN tags; no entry of the ACL
 *	looks at the members from here on
 * @l4: offset of what is behind the IP headers, 0 for none or not the first fragment
 * @end: offset of the end of the IP packet
 * @vlan_tci: outermost VLAN tag
 * @has_vlan: there is one
 * @ds: DS field
 */
struct hm_inner {
	struct in6_addr src, dst;
	u16 ethertype, vlan;
	u16 sport, dport;
	u8 family, protocol;
	bool has_ports, is_resolution;
	u32 l3, l4, end;
	u16 vlan_tci;
	bool has_vlan;
	u8 ds;
};

/**
 * struct hm_prefix - addresses that begin alike
 * @address: as in struct hm_inner, bits beyond @len are zero
 * @family: 4 or 6
 * @len: bits that count
 */
struct hm_prefix {
	struct in6_addr address;
	u8 family, len;
};

/* Is @address, of the same family, one of them? */
static inline bool hm_prefix_has(const struct hm_prefix *prefix, const struct in6_addr *address)
{
	return ipv6_prefix_equal(&prefix->address, address, prefix->len);
}

/**
 * struct hm_arp - an ARP packet of IPv4 over Ethernet, from its fixed part on (RFC 826)
 * @htype: hardware type, 1
 * @ptype: protocol type, ETH_P_IP
 * @hlen: 6
 * @plen: 4
 * @op: operation
 * @sender_mac: sender's hardware address
 * @sender_ip: sender's protocol address
 * @target_mac: target's hardware address
 * @target_ip: target's protocol address
 */
struct hm_arp {
	__be16 htype, ptype;
	u8 hlen, plen;
	__be16 op;
	u8 sender_mac[6];
	__be32 sender_ip;
	u8 target_mac[6];
	__be32 target_ip;
} __packed;

bool hm_inner_read_link(struct hm_inner *in, const u8 *frame, unsigned int len);
bool hm_inner_read_net(struct hm_inner *in, const u8 *frame, unsigned int seen, unsigned int len);

#endif
