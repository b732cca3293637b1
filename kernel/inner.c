// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: what rules can see of an inner frame
 *
 * One reader of the headers of an inner frame for the filter, the guards and
 * classification.
 * It takes nothing on trust: every header lies within the frame, and within the
 * packet that the header before it announces.  A frame that calls itself IPv4,
 * IPv6 or ARP and is not one is malformed, and so is one whose headers are so
 * many or so long that what a rule asks for lies beyond HM_INNER_HEADERS_MAX or
 * HM_EXT_HEADERS_MAX: rules cannot be passed by hiding from them.
 *
 * Fragments: the first must hold the ports (RFC 1858, RFC 7112) or is malformed;
 * the others have none, and those of IPv6 have the protocol that their fragment
 * header names.  A receiver cannot use them without the first.
 */
#include <linux/etherdevice.h>
#include <linux/icmpv6.h>
#include <linux/if_arp.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/dsfield.h>
#include <net/ip.h>
#include <net/ndisc.h>
#include "compat.h"
#include "inner.h"
#include "limits.h"

#define HM_ND_CODE_OFFSET	1
/* RFC 7401, RFC 5533 */
#define HM_NEXTHDR_HIP		139
#define HM_NEXTHDR_SHIM6	140

static bool is_vlan_tag(u16 ethertype)
{
	return ethertype == ETH_P_8021Q || ethertype == ETH_P_8021AD;
}

/**
 * hm_inner_read_link() - Read Ethernet header and VLAN tags.
 * @in: set to what is found, all else zero
 * @frame: inner frame
 * @len: bytes of it that can be read, ETH_HLEN at least
 *
 * Context: Pure.
 * A tag without a VLAN (a priority tag) in front of another one is malformed: the stack takes
 * it off and looks at the next, a bridge does not, so nobody can say which VLAN it is of.
 *
 * Return: false if it has more than HM_VLAN_TAGS_MAX tags, ends in one, or hides one so.
 */
bool hm_inner_read_link(struct hm_inner *in, const u8 *frame, unsigned int len)
{
	u16 ethertype = get_unaligned_be16(frame + 2 * ETH_ALEN);
	unsigned int at = ETH_HLEN, tags;

	memset(in, 0, sizeof(*in));
	for (tags = 0; is_vlan_tag(ethertype); tags++) {
		if (tags == HM_VLAN_TAGS_MAX || len < at + VLAN_HLEN || (tags && !in->vlan))
			return false;
		if (!tags) {
			in->vlan_tci = get_unaligned_be16(frame + at);
			in->vlan = in->vlan_tci & VLAN_VID_MASK;
			in->has_vlan = true;
		}
		ethertype = get_unaligned_be16(frame + at + 2);
		at += VLAN_HLEN;
	}
	in->ethertype = ethertype < ETH_P_802_3_MIN ? ETH_P_802_2 : ethertype;
	in->l3 = at;
	return true;
}

static bool has_ports(u8 protocol)
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

/* What is behind the IP headers, at @in->l4.  @seen: bytes up to which may be read. */
static bool read_transport(struct hm_inner *in, const u8 *frame, unsigned int seen)
{
	const u8 *ports = frame + in->l4;

	if (!has_ports(in->protocol))
		return true;
	if (in->l4 + 2 * sizeof(__be16) > seen)
		return false;
	in->sport = get_unaligned_be16(ports);
	in->dport = get_unaligned_be16(ports + sizeof(__be16));
	in->has_ports = true;
	return true;
}

static bool read_ipv4(struct hm_inner *in, const u8 *frame, unsigned int seen, unsigned int len)
{
	const struct iphdr *iph = (const struct iphdr *)(frame + in->l3);
	unsigned int header_len, total;

	if (in->l3 + sizeof(*iph) > seen || iph->version != 4 || iph->ihl < 5)
		return false;
	header_len = iph->ihl * 4;
	total = ntohs(iph->tot_len);
	if (in->l3 + header_len > seen || total < header_len || total > len - in->l3)
		return false;
	in->family = 4;
	in->src.s6_addr32[0] = get_unaligned(&iph->saddr);
	in->dst.s6_addr32[0] = get_unaligned(&iph->daddr);
	in->protocol = iph->protocol;
	in->ds = iph->tos;
	in->end = in->l3 + total;
	if (iph->frag_off & htons(IP_OFFSET))
		return true;
	in->l4 = in->l3 + header_len;
	return read_transport(in, frame, min_t(unsigned int, seen, in->end));
}

static bool is_ext_header(u8 type)
{
	switch (type) {
	case NEXTHDR_HOP:
	case NEXTHDR_ROUTING:
	case NEXTHDR_FRAGMENT:
	case NEXTHDR_AUTH:
	case NEXTHDR_DEST:
	case NEXTHDR_MOBILITY:
	case HM_NEXTHDR_HIP:
	case HM_NEXTHDR_SHIM6:
		return true;
	default:
		return false;
	}
}

/* Length of the extension header at @header. */
static unsigned int ext_header_len(u8 type, const u8 *header)
{
	if (type == NEXTHDR_FRAGMENT)
		return sizeof(struct frag_hdr);
	return type == NEXTHDR_AUTH ? ipv6_authlen((const struct ipv6_opt_hdr *)header) :
				      ipv6_optlen((const struct ipv6_opt_hdr *)header);
}

/* RFC 4861 7.1: what a receiver takes for a neighbour solicitation or advertisement. */
static bool is_neighbour_message(const struct hm_inner *in, const u8 *frame, unsigned int seen)
{
	const struct ipv6hdr *ip6h = (const struct ipv6hdr *)(frame + in->l3);
	const u8 *icmp = frame + in->l4;

	return ip6h->nexthdr == IPPROTO_ICMPV6 && ip6h->hop_limit == 255 &&
	       in->l4 + sizeof(struct nd_msg) <= seen && !icmp[HM_ND_CODE_OFFSET] &&
	       (icmp[0] == NDISC_NEIGHBOUR_SOLICITATION ||
		icmp[0] == NDISC_NEIGHBOUR_ADVERTISEMENT);
}

/* Follow the extension headers from @at on.  @seen: bytes up to which may be read. */
static bool read_ext_headers(struct hm_inner *in, const u8 *frame, unsigned int at,
			     unsigned int seen)
{
	unsigned int n;

	for (n = 0; is_ext_header(in->protocol); n++) {
		const u8 *header = frame + at;
		u8 type = in->protocol;

		if (n == HM_EXT_HEADERS_MAX || at + sizeof(struct frag_hdr) > seen)
			return false;
		in->protocol = header[0];
		if (type == NEXTHDR_FRAGMENT && get_unaligned_be16(header + 2) & IP6_OFFSET)
			return true;
		at += ext_header_len(type, header);
	}
	in->l4 = at;
	return at <= seen && read_transport(in, frame, seen);
}

static bool read_ipv6(struct hm_inner *in, const u8 *frame, unsigned int seen, unsigned int len)
{
	const struct ipv6hdr *ip6h = (const struct ipv6hdr *)(frame + in->l3);
	unsigned int at = in->l3 + sizeof(*ip6h), total;

	if (at > seen || ip6h->version != 6)
		return false;
	total = sizeof(*ip6h) + ntohs(ip6h->payload_len);
	if (total > len - in->l3)
		return false;
	in->family = 6;
	memcpy(&in->src, &ip6h->saddr, sizeof(in->src));
	memcpy(&in->dst, &ip6h->daddr, sizeof(in->dst));
	in->protocol = ip6h->nexthdr;
	in->ds = ipv6_get_dsfield(ip6h);
	in->end = in->l3 + total;
	seen = min_t(unsigned int, seen, in->end);
	if (!read_ext_headers(in, frame, at, seen))
		return false;
	in->is_resolution = in->l4 && is_neighbour_message(in, frame, seen);
	return true;
}

static bool read_arp(struct hm_inner *in, const u8 *frame, unsigned int seen)
{
	const struct hm_arp *arp = (const struct hm_arp *)(frame + in->l3);

	if (in->l3 + sizeof(*arp) > seen || arp->htype != htons(ARPHRD_ETHER) ||
	    arp->ptype != htons(ETH_P_IP) || arp->hlen != ETH_ALEN || arp->plen != 4)
		return false;
	in->is_resolution = arp->op == htons(ARPOP_REQUEST) || arp->op == htons(ARPOP_REPLY);
	return true;
}

/**
 * hm_inner_read_net() - Read what is behind the Ethernet header.
 * @in: from hm_inner_read_link(); completed
 * @frame: inner frame
 * @seen: bytes of it that can be read; HM_INNER_HEADERS_MAX of them count
 * @len: bytes of it
 *
 * Context: Pure.
 * Return: false if it is not what its Ethernet type says.
 */
bool hm_inner_read_net(struct hm_inner *in, const u8 *frame, unsigned int seen, unsigned int len)
{
	seen = min_t(unsigned int, seen, HM_INNER_HEADERS_MAX);
	switch (in->ethertype) {
	case ETH_P_IP:
		return read_ipv4(in, frame, seen, len);
	case ETH_P_IPV6:
		return read_ipv6(in, frame, seen, len);
	case ETH_P_ARP:
		return read_arp(in, frame, seen);
	default:
		return true;
	}
}
