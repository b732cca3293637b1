// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: from opened frames to the stack
 *
 * The frames of one super-packet usually are the segments of one TCP super-
 * segment that the sender's stack made.  GRO would join them again, after an
 * skb has been made for each.  Here they are joined first: one skb with a copy
 * of the first frame's headers and a page fragment for each payload, the
 * opened packet's own pages.  The rules are those of inet_gro_receive() and
 * tcp_gro_receive(): headers equal but for length, id and checksum, sequence
 * and id counting on, only ACK and PSH set, PSH or a short payload ends the run.
 * So the stack could cut the result into exactly the frames that arrived.  Payloads
 * beyond MAX_SKB_FRAGS go to skbs of fragments only, in frag_list, as GRO does.
 *
 * What cannot be joined becomes an skb of its own, in order.  Everything goes
 * up through gro_cells, where GRO may join across packets.
 *
 * Inner checksums are not verified: the AEAD has authenticated every byte that
 * the sending hub sealed (as WireGuard argues).
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <net/checksum.h>
#include <net/ip6_checksum.h>
#include "device.h"
#include "join.h"

#define HM_JOIN_HEADERS_MAX	(ETH_HLEN + sizeof(struct ipv6hdr) + 60)

/**
 * hm_join_deliver() - Give an inner frame to the stack as received by mesh0.
 * @hm: device
 * @skb: from the inner Ethernet header on; consumed.  ip_summed is kept if
 *	CHECKSUM_PARTIAL
 *
 * Context: BH disabled.
 */
void hm_join_deliver(struct hm_device *hm, struct sk_buff *skb)
{
	if (skb->ip_summed != CHECKSUM_PARTIAL || !skb_is_gso(skb)) {
		skb->ip_summed = CHECKSUM_UNNECESSARY;
		skb->csum_level = ~0;	/* all levels */
	}
	skb->protocol = eth_type_trans(skb, hm->dev);
	skb_reset_network_header(skb);
	gro_cells_receive(&hm->gro_cells, skb);
}

/**
 * hm_join_init() - Start with the frames of a packet.
 * @join: joiner
 * @hm: device
 */
void hm_join_init(struct hm_join *join, struct hm_device *hm)
{
	join->hm = hm;
	join->skb = NULL;
}

/**
 * struct segment - an inner frame that may be part of a run
 * @inner: its Ethernet header
 * @th: its TCP header
 * @l4: offset of the TCP header
 * @hdr_len: length of all headers
 * @payload: length of the payload
 * @is_v6: IPv6, else IPv4
 */
struct segment {
	const u8 *inner;
	const struct tcphdr *th;
	unsigned int l4, hdr_len, payload;
	bool is_v6;
};

static bool parse_ip(struct segment *s, unsigned int len)
{
	const struct iphdr *iph = (const struct iphdr *)(s->inner + ETH_HLEN);
	const struct ipv6hdr *ip6h = (const struct ipv6hdr *)iph;
	__be16 proto = ((const struct ethhdr *)s->inner)->h_proto;

	if (proto == htons(ETH_P_IP) && len >= ETH_HLEN + sizeof(*iph)) {
		s->is_v6 = false;
		s->l4 = ETH_HLEN + sizeof(*iph);
		return *(const u8 *)iph == 0x45 && iph->protocol == IPPROTO_TCP &&
		       ntohs(iph->tot_len) == len - ETH_HLEN &&
		       !(iph->frag_off & htons(~IP_DF & 0xffff)) &&
		       !ip_fast_csum((const u8 *)iph, 5);
	}
	if (proto == htons(ETH_P_IPV6) && len >= ETH_HLEN + sizeof(*ip6h)) {
		s->is_v6 = true;
		s->l4 = ETH_HLEN + sizeof(*ip6h);
		return ip6h->version == 6 && ip6h->nexthdr == IPPROTO_TCP &&
		       ntohs(ip6h->payload_len) == len - s->l4;
	}
	return false;
}

/* Is the frame a plain TCP segment with payload? */
static bool parse_segment(struct segment *s, const u8 *inner, unsigned int len)
{
	s->inner = inner;
	if (!parse_ip(s, len) || len < s->l4 + sizeof(*s->th))
		return false;
	s->th = (const struct tcphdr *)(inner + s->l4);
	s->hdr_len = s->l4 + s->th->doff * 4;
	if (s->th->doff < 5 || s->hdr_len >= len)
		return false;
	s->payload = len - s->hdr_len;
	return (tcp_flag_word(s->th) & htonl(0x0fff0000) & ~TCP_FLAG_PSH) == TCP_FLAG_ACK;
}

static bool is_same_ip(const struct hm_join *join, const struct segment *s)
{
	const u8 *a = join->skb->data + ETH_HLEN, *b = s->inner + ETH_HLEN;
	const struct iphdr *ip_a = (const struct iphdr *)a, *ip_b = (const struct iphdr *)b;
	const struct ipv6hdr *ip6_a = (const struct ipv6hdr *)a;
	const struct ipv6hdr *ip6_b = (const struct ipv6hdr *)b;

	if (s->is_v6)
		return *(const __be32 *)ip6_a == *(const __be32 *)ip6_b &&
		       ip6_a->hop_limit == ip6_b->hop_limit &&
		       !memcmp(&ip6_a->saddr, &ip6_b->saddr, 2 * sizeof(struct in6_addr));
	return ip_a->tos == ip_b->tos && ip_a->ttl == ip_b->ttl &&
	       ip_a->frag_off == ip_b->frag_off && ntohs(ip_b->id) == join->next_id &&
	       ip_a->saddr == ip_b->saddr && ip_a->daddr == ip_b->daddr;
}

/* May @s go on where the packet being built ends? */
static bool can_follow(const struct hm_join *join, const struct segment *s)
{
	const struct sk_buff *skb = join->skb;
	const struct tcphdr *th = (const struct tcphdr *)(skb->data + join->l4);

	return !join->is_closed && s->is_v6 == join->is_v6 && s->hdr_len == join->hdr_len &&
	       s->payload <= join->mss &&
	       skb->len + s->payload < GSO_LEGACY_MAX_SIZE - 1 &&
	       ntohl(s->th->seq) == join->next_seq &&
	       s->th->ack_seq == th->ack_seq && s->th->window == th->window &&
	       *(const __be32 *)s->th == *(const __be32 *)th &&
	       !memcmp(skb->data, s->inner, ETH_HLEN) && is_same_ip(join, s) &&
	       !memcmp(th + 1, s->th + 1, join->hdr_len - join->l4 - sizeof(*th));
}

/* Make room for one more fragment behind @tail.  False if there is no memory. */
static bool grow(struct hm_join *join)
{
	struct sk_buff *more;

	if (likely(skb_shinfo(join->tail)->nr_frags < MAX_SKB_FRAGS))
		return true;
	more = alloc_skb(0, GFP_ATOMIC | __GFP_NOWARN);
	if (unlikely(!more))
		return false;
	if (join->tail == join->skb)
		skb_shinfo(join->skb)->frag_list = more;
	else
		join->tail->next = more;
	join->skb->truesize += more->truesize;
	join->tail = more;
	return true;
}

/* Needs room in @tail. */
static void append_payload(struct hm_join *join, const struct segment *s)
{
	const u8 *payload = s->inner + s->hdr_len;
	struct page *page = virt_to_head_page(payload);
	unsigned int truesize = s->payload + s->hdr_len;

	get_page(page);
	skb_add_rx_frag(join->tail, skb_shinfo(join->tail)->nr_frags, page,
			payload - (u8 *)page_address(page), s->payload, truesize);
	if (join->tail != join->skb) {
		join->skb->len += s->payload;
		join->skb->data_len += s->payload;
		join->skb->truesize += truesize;
	}
	join->segs++;
	join->next_seq += s->payload;
	join->next_id++;
	join->is_closed = s->payload < join->mss || s->th->psh;
}

static struct sk_buff *inner_skb(unsigned int room, u8 class)
{
	struct sk_buff *skb = alloc_skb(NET_SKB_PAD + NET_IP_ALIGN + room,
					GFP_ATOMIC | __GFP_NOWARN);

	if (likely(skb)) {
		skb_reserve(skb, NET_SKB_PAD + NET_IP_ALIGN);
		skb->priority = class;
	}
	return skb;
}

static void drop_no_memory(struct hm_join *join)
{
	hm_drop_count(join->hm, NULL, HUBMESH_DROP_NO_MEMORY, 1);
}

static void start(struct hm_join *join, const struct segment *s, u8 class)
{
	struct sk_buff *skb = inner_skb(HM_JOIN_HEADERS_MAX, class);

	if (unlikely(!skb)) {
		drop_no_memory(join);
		return;
	}
	skb_put_data(skb, s->inner, s->hdr_len);
	join->skb = skb;
	join->tail = skb;
	join->segs = 0;
	join->mss = s->payload;
	join->l4 = s->l4;
	join->hdr_len = s->hdr_len;
	join->is_v6 = s->is_v6;
	join->next_seq = ntohl(s->th->seq);
	join->next_id = s->is_v6 ? 0 : ntohs(((struct iphdr *)(skb->data + ETH_HLEN))->id);
	append_payload(join, s);
}

/* The headers of the run: lengths, checksums, and what GSO needs. */
static void finish_run(struct hm_join *join)
{
	struct sk_buff *skb = join->skb;
	struct tcphdr *th = (struct tcphdr *)(skb->data + join->l4);
	unsigned int l4_len = skb->len - join->l4;

	if (join->is_v6) {
		struct ipv6hdr *ip6h = (struct ipv6hdr *)(skb->data + ETH_HLEN);

		ip6h->payload_len = htons(l4_len);
		th->check = ~csum_ipv6_magic(&ip6h->saddr, &ip6h->daddr, l4_len,
					     IPPROTO_TCP, 0);
	} else {
		struct iphdr *iph = (struct iphdr *)(skb->data + ETH_HLEN);

		iph->tot_len = htons(skb->len - ETH_HLEN);
		ip_send_check(iph);
		th->check = ~csum_tcpudp_magic(iph->saddr, iph->daddr, l4_len,
					       IPPROTO_TCP, 0);
	}
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_headroom(skb) + join->l4;
	skb->csum_offset = offsetof(struct tcphdr, check);
	skb_shinfo(skb)->gso_size = join->mss;
	skb_shinfo(skb)->gso_segs = join->segs;
	skb_shinfo(skb)->gso_type = join->is_v6 ? SKB_GSO_TCPV6 : SKB_GSO_TCPV4;
}

/**
 * hm_join_flush() - Deliver what is being built.
 * @join: joiner
 *
 * Context: BH disabled.
 */
void hm_join_flush(struct hm_join *join)
{
	if (!join->skb)
		return;
	if (join->segs > 1)
		finish_run(join);
	hm_join_deliver(join->hm, join->skb);
	join->skb = NULL;
}

static void deliver_copy(struct hm_join *join, const u8 *inner, unsigned int len, u8 class)
{
	struct sk_buff *skb = inner_skb(len, class);

	if (unlikely(!skb)) {
		drop_no_memory(join);
		return;
	}
	skb_put_data(skb, inner, len);
	hm_join_deliver(join->hm, skb);
}

/**
 * hm_join_add() - Take one inner frame; deliver it, now or with others.
 * @join: joiner
 * @inner: frame, opened; its memory outlives hm_join_flush()
 * @len: its length
 * @class: its class
 * @is_paged: lies in a page fragment that may be shared
 *
 * Context: BH disabled.
 */
void hm_join_add(struct hm_join *join, const u8 *inner, unsigned int len, u8 class,
		 bool is_paged)
{
	struct segment s;

	if (!is_paged || !parse_segment(&s, inner, len)) {
		hm_join_flush(join);
		deliver_copy(join, inner, len, class);
		return;
	}
	if (join->skb && can_follow(join, &s) && grow(join)) {
		((struct tcphdr *)(join->skb->data + join->l4))->psh |= s.th->psh;
		append_payload(join, &s);
		return;
	}
	hm_join_flush(join);
	start(join, &s, class);
}
