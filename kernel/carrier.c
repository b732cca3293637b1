// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: the UDP carrier
 *
 * Moves frames between links and the underlay: two UDP sockets per device in
 * the namespace the device was made in, a cached route per link, and the outer
 * headers.  It knows nothing of keys.
 *
 * A packet may hold many frames: it is then a UDP super-packet (gso_size = one
 * frame) that the underlay segments as late as it can.  Between namespaces it
 * arrives whole.  UDP sockets with an encap_rcv refuse such packets unless
 * their gso_type names a tunnel (udp_unexpected_gso()), because the socket's
 * owner might not expect them.  Ours does, so super-packets carry SKB_GSO_UDP_L4
 * | SKB_GSO_UDP_TUNNEL with skb->encapsulation clear: segmentation goes by
 * SKB_GSO_UDP_L4 alone, and a device without both features gets them segmented
 * in software.  Frames that a real interface received one by one are joined by
 * UDP GRO, and gro_complete() gives them the same mark.
 *
 * Outer checksums: a single frame over IPv4 has none; over IPv6, and in
 * super-packets (whose segmentation and GRO need one), it is left to the
 * device as for any local packet.  We accept both, over IPv6 too (RFC 6935: the
 * frame is authenticated as a whole, a damaged address cannot mislead it).
 *
 * The outer packet is not fragmented (DF set); what does not fit is dropped as
 * TX_MTU, and hm_carrier_frame_max() lets ingress refuse it with ICMP first.  One
 * exception: IPv6 inside the mesh needs 1280 bytes whatever the underlay (RFC 8200
 * section 5), so frames up to HM_FRAME_FLOOR cross narrower links in fragments.
 */
#include <linux/udp.h>
#include <net/gro.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/route.h>
#include <net/udp.h>
#include <net/udp_tunnel.h>
#include "carrier.h"
#include "compat.h"
#include "datapath.h"
#include "ether.h"
#include "seal.h"

/* UDP source ports: the ephemeral range of RFC 6335, by flow. */
static __be16 source_port(u16 flow)
{
	return htons(0xc000 | (flow & 0x3fff));
}

/*
 * UDP GRO has joined frames for our socket: finish like
 * udp_gro_complete_segment(), and mark the packet as expected (see above).
 */
static int carrier_gro_complete(struct sock *sk, struct sk_buff *skb, int nhoff)
{
	struct udphdr *uh = (struct udphdr *)(skb->data + nhoff - sizeof(*uh));

	skb->csum_start = (unsigned char *)uh - skb->head;
	skb->csum_offset = offsetof(struct udphdr, check);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->encapsulation = 0;
	skb_shinfo(skb)->gso_segs = NAPI_GRO_CB(skb)->count;
	skb_shinfo(skb)->gso_type = HM_GSO_TYPE;
	return 0;
}

static int open_socket(struct hm_device *hm, sa_family_t family, struct sock __rcu **ret)
{
	struct udp_tunnel_sock_cfg tunnel = {
		.sk_user_data = hm,
		.encap_type = 1,
		.encap_rcv = hm_udp_receive,
		.gro_complete = carrier_gro_complete,
	};
	struct udp_port_cfg port = {
		.family = family,
		.local_udp_port = htons(hm->port),
		.use_udp6_tx_checksums = true,
		.use_udp6_rx_checksums = false,
		.ipv6_v6only = true,
	};
	struct socket *sock;
	int on = 1, err;

	err = udp_sock_create(hm->underlay, &port, &sock);
	if (err)
		return err;
	sock->sk->sk_allocation = GFP_ATOMIC;
	setup_udp_tunnel_sock(hm->underlay, sock, &tunnel);
	err = sock->ops->setsockopt(sock, SOL_UDP, UDP_GRO, KERNEL_SOCKPTR(&on), sizeof(on));
	if (err) {
		udp_tunnel_sock_release(sock);
		return err;
	}
	rcu_assign_pointer(*ret, sock->sk);
	return 0;
}

static void close_socket(struct sock __rcu **slot)
{
	struct sock *sk = rcu_dereference_protected(*slot, true);

	if (!sk)
		return;
	RCU_INIT_POINTER(*slot, NULL);
	udp_tunnel_sock_release(sk->sk_socket);
}

/**
 * hm_carrier_open() - Open the UDP sockets of a device, and listen on Ethernet.
 * @hm: device with @underlay and @port set
 * @extack: why not
 *
 * A kernel without IPv6 gets the IPv4 socket alone.
 *
 * Context: Process context, hm->lock held.
 * Return: 0; -EADDRINUSE the port is taken; other errors of socket creation.
 */
int hm_carrier_open(struct hm_device *hm, struct netlink_ext_ack *extack)
{
	int err;

	err = open_socket(hm, AF_INET, &hm->sock4);
	if (err) {
		NL_SET_ERR_MSG(extack, "DEVICE_PORT: cannot open the IPv4 socket; is the port in use?");
		return err;
	}
	err = open_socket(hm, AF_INET6, &hm->sock6);
	if (err && err != -EAFNOSUPPORT && err != -EPFNOSUPPORT) {
		NL_SET_ERR_MSG(extack, "DEVICE_PORT: cannot open the IPv6 socket; is the port in use?");
		hm_carrier_close(hm);
		return err;
	}
	hm_ether_open(hm);
	return 0;
}

/**
 * hm_carrier_close() - Close the UDP sockets of a device, and stop listening.
 * @hm: device
 *
 * Context: Process context, hm->lock held; returns when no receiver runs.
 */
void hm_carrier_close(struct hm_device *hm)
{
	hm_ether_close(hm);
	close_socket(&hm->sock4);
	close_socket(&hm->sock6);
}

/* Largest frame that may be sent, in fragments if it must; remembers it. */
static unsigned int note_frame_max(struct hm_link *link, unsigned int whole_max)
{
	unsigned int max = max_t(unsigned int, whole_max, HM_FRAME_FLOOR);

	if (READ_ONCE(link->frame_max) != max)
		WRITE_ONCE(link->frame_max, max);
	return max;
}

/**
 * hm_carrier_is_search() - May a frame be longer than what is known to get through?
 * @link: link
 * @skb: frame at skb->data
 * @len: its length
 *
 * Return: true for a probe that asks, up to what the route takes.
 */
bool hm_carrier_is_search(const struct hm_link *link, const struct sk_buff *skb, unsigned int len)
{
	return hm_hdr_type((const struct hm_hdr *)skb->data) == HM_TYPE_PROBE &&
	       len <= READ_ONCE(link->route_max);
}

/*
 * Route to an IPv4 endpoint: from the link's cache, else looked up.  The
 * caller owns the reference.
 */
static struct rtable *route4(struct net *net, struct hm_link *link,
			     const struct hm_endpoint *ep, __be16 sport, __be32 *saddr)
{
	struct rtable *rt = dst_cache_get_ip4(&link->dst_cache, saddr);
	struct flowi4 fl4;

	if (likely(rt))
		return rt;
	memset(&fl4, 0, sizeof(fl4));
	fl4.flowi4_proto = IPPROTO_UDP;
	fl4.flowi4_oif = ep->oif;
	fl4.saddr = ep->local4.s_addr;
	fl4.daddr = ep->remote4.s_addr;
	fl4.fl4_sport = sport;
	fl4.fl4_dport = ep->remote_port;
	rt = ip_route_output_key(net, &fl4);
	if (IS_ERR(rt))
		return rt;
	if (rt->dst.dev == link->hm->dev) {	/* the mesh cannot carry itself */
		ip_rt_put(rt);
		return ERR_PTR(-ELOOP);
	}
	dst_cache_set_ip4(&link->dst_cache, &rt->dst, fl4.saddr);
	*saddr = fl4.saddr;
	return rt;
}

#if IS_ENABLED(CONFIG_IPV6)
static struct dst_entry *route6(struct net *net, struct hm_link *link,
				const struct hm_endpoint *ep,
				const struct sock *sk, __be16 sport, struct in6_addr *saddr)
{
	struct dst_entry *dst = dst_cache_get_ip6(&link->dst_cache, saddr);
	struct flowi6 fl6;

	if (likely(dst))
		return dst;
	memset(&fl6, 0, sizeof(fl6));
	fl6.flowi6_proto = IPPROTO_UDP;
	fl6.flowi6_oif = ep->oif;
	fl6.saddr = ep->local6;
	fl6.daddr = ep->remote6;
	fl6.fl6_sport = sport;
	fl6.fl6_dport = ep->remote_port;
	dst = ipv6_stub->ipv6_dst_lookup_flow(net, sk, &fl6, NULL);
	if (IS_ERR(dst))
		return dst;
	if (dst->dev == link->hm->dev) {
		dst_release(dst);
		return ERR_PTR(-ELOOP);
	}
	dst_cache_set_ip6(&link->dst_cache, dst, &fl6.saddr);
	*saddr = fl6.saddr;
	return dst;
}
#endif

static enum hubmesh_drop refuse(struct sk_buff *skb, enum hubmesh_drop why)
{
	kfree_skb(skb);
	return why;
}

/*
 * Check that frames fit the route, and make room for the outer headers.  @whole_max
 * receives 0, or what each outer packet may carry of frames that must be fragmented.
 */
static enum hubmesh_drop make_room(struct hm_link *link, struct sk_buff *skb,
				   const struct dst_entry *dst, unsigned int headers,
				   unsigned int *whole_max)
{
	unsigned int len = skb_is_gso(skb) ? skb_shinfo(skb)->gso_size : skb->len;

	*whole_max = hm_carrier_whole_max(link, dst_mtu(dst), headers);
	if (unlikely(len > note_frame_max(link, *whole_max)) && !hm_carrier_is_search(link, skb, len))
		return HUBMESH_DROP_TX_MTU;
	if (likely(len <= *whole_max) || hm_carrier_is_search(link, skb, len))
		*whole_max = 0;
	if (unlikely(skb_cow_head(skb, LL_RESERVED_SPACE(dst->dev) + headers)))
		return HUBMESH_DROP_NO_MEMORY;
	return 0;
}

/* Forget what the packet was before; keep its hash and priority. */
static void make_outer(struct sk_buff *skb, struct dst_entry *dst)
{
	skb_scrub_packet(skb, true);
	skb_clear_hash_if_not_l4(skb);
	skb_dst_set(skb, dst);
	skb->encapsulation = 0;
	skb->dev = dst->dev;
}

static struct udphdr *push_udp(struct sk_buff *skb, __be16 sport, __be16 dport)
{
	struct udphdr *uh = __skb_push(skb, sizeof(*uh));

	skb_reset_transport_header(skb);
	uh->source = sport;
	uh->dest = dport;
	uh->len = htons(skb->len);
	uh->check = 0;
	skb->ip_summed = CHECKSUM_NONE;
	return uh;
}

static void leave_udp_checksum(struct sk_buff *skb, struct udphdr *uh, __sum16 pseudo)
{
	uh->check = ~pseudo;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_transport_header(skb) - skb->head;
	skb->csum_offset = offsetof(struct udphdr, check);
}

static enum hubmesh_drop xmit4(struct net *net, struct hm_link *link,
			       const struct hm_endpoint *ep, struct sk_buff *skb,
			       __be16 sport, u8 dsfield)
{
	enum hubmesh_drop why;
	unsigned int whole_max;
	struct udphdr *uh;
	struct rtable *rt;
	struct iphdr *iph;
	__be32 saddr;
	int err;

	rt = route4(net, link, ep, sport, &saddr);
	if (IS_ERR(rt))
		return refuse(skb, HUBMESH_DROP_TX_UNDERLAY);
	why = make_room(link, skb, &rt->dst, HM_OUTER4, &whole_max);
	if (unlikely(why)) {
		ip_rt_put(rt);
		return refuse(skb, why);
	}
	make_outer(skb, &rt->dst);
	uh = push_udp(skb, sport, ep->remote_port);
	if (skb_is_gso(skb))
		leave_udp_checksum(skb, uh, udp_v4_check(skb->len, saddr,
							 ep->remote4.s_addr, 0));
	iph = __skb_push(skb, sizeof(*iph));
	skb_reset_network_header(skb);
	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	*(__be16 *)iph = htons(0x4500 | dsfield);
	iph->frag_off = htons(IP_DF);
	iph->ttl = ip4_dst_hoplimit(&rt->dst);
	iph->protocol = IPPROTO_UDP;
	iph->saddr = saddr;
	iph->daddr = ep->remote4.s_addr;
	iph->id = 0;	/* atomic datagrams: RFC 6864 */
	if (unlikely(whole_max)) {
		iph->frag_off = 0;
		__ip_select_ident(net, iph, skb_shinfo(skb)->gso_segs ?: 1);
		IPCB(skb)->frag_max_size = whole_max + HM_OUTER4;
	}
	skb->protocol = htons(ETH_P_IP);
	err = ip_local_out(net, NULL, skb);
	return unlikely(net_xmit_eval(err)) ? HUBMESH_DROP_TX_UNDERLAY : 0;
}

#if IS_ENABLED(CONFIG_IPV6)
static enum hubmesh_drop xmit6(struct net *net, struct hm_link *link,
			       const struct hm_endpoint *ep, struct sk_buff *skb,
			       __be16 sport, u8 dsfield)
{
	struct sock *sk = rcu_dereference(link->hm->sock6);
	struct dst_entry *dst;
	enum hubmesh_drop why;
	unsigned int whole_max;
	struct in6_addr saddr;
	struct ipv6hdr *ip6h;
	struct udphdr *uh;
	int err;

	if (unlikely(!sk))
		return refuse(skb, HUBMESH_DROP_TX_UNDERLAY);
	dst = route6(net, link, ep, sk, sport, &saddr);
	if (IS_ERR(dst))
		return refuse(skb, HUBMESH_DROP_TX_UNDERLAY);
	why = make_room(link, skb, dst, HM_OUTER6, &whole_max);
	if (unlikely(why)) {
		dst_release(dst);
		return refuse(skb, why);
	}
	make_outer(skb, dst);
	uh = push_udp(skb, sport, ep->remote_port);
	leave_udp_checksum(skb, uh, udp_v6_check(skb->len, &saddr, &ep->remote6, 0));
	ip6h = __skb_push(skb, sizeof(*ip6h));
	skb_reset_network_header(skb);
	memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));
	ip6_flow_hdr(ip6h, dsfield, 0);
	ip6h->payload_len = htons(skb->len - sizeof(*ip6h));
	ip6h->nexthdr = IPPROTO_UDP;
	ip6h->hop_limit = ip6_dst_hoplimit(dst);
	ip6h->saddr = saddr;
	ip6h->daddr = ep->remote6;
	if (unlikely(whole_max)) {
		skb->ignore_df = 1;
		IP6CB(skb)->frag_max_size = max_t(unsigned int, whole_max + HM_OUTER6,
						  IPV6_MIN_MTU);
	}
	skb->protocol = htons(ETH_P_IPV6);
	err = ip6_local_out(net, NULL, skb);
	return unlikely(net_xmit_eval(err)) ? HUBMESH_DROP_TX_UNDERLAY : 0;
}

static unsigned int frame_max6(struct net *net, struct hm_link *link,
			       const struct hm_endpoint *ep)
{
	struct sock *sk = rcu_dereference(link->hm->sock6);
	struct in6_addr saddr;
	struct dst_entry *dst;
	unsigned int max;

	dst = sk ? route6(net, link, ep, sk, source_port(0), &saddr) : ERR_PTR(-ENETUNREACH);
	if (IS_ERR(dst))
		return UINT_MAX;
	max = note_frame_max(link, hm_carrier_whole_max(link, dst_mtu(dst), HM_OUTER6));
	dst_release(dst);
	return max;
}
#else
static unsigned int frame_max6(struct net *net, struct hm_link *link,
			       const struct hm_endpoint *ep)
{
	return UINT_MAX;
}

static enum hubmesh_drop xmit6(struct net *net, struct hm_link *link,
			       const struct hm_endpoint *ep, struct sk_buff *skb,
			       __be16 sport, u8 dsfield)
{
	return refuse(skb, HUBMESH_DROP_TX_UNDERLAY);
}
#endif

/**
 * hm_carrier_frame_max() - Largest frame that the link takes now.
 * @link: link; @link->frame_max remembers the answer
 *
 * Context: RCU read side, BH disabled.
 * Return: bytes, header to AEAD tag; UINT_MAX when there is no route (then
 * hm_carrier_xmit() says why).
 */
unsigned int hm_carrier_frame_max(struct hm_link *link)
{
	const struct hm_endpoint *ep = rcu_dereference(link->endpoint);
	struct net *net = READ_ONCE(link->hm->underlay);
	unsigned int max;
	struct rtable *rt;
	__be32 saddr;

	if (!ep || !net)
		return UINT_MAX;
	if (ep->family == AF_PACKET)
		return hm_ether_frame_max(net, link, ep);
	if (ep->family == AF_INET) {
		rt = route4(net, link, ep, source_port(0), &saddr);
		if (IS_ERR(rt))
			return UINT_MAX;
		max = hm_carrier_whole_max(link, dst_mtu(&rt->dst), HM_OUTER4);
		max = note_frame_max(link, max);
		ip_rt_put(rt);
		return max;
	}
	return frame_max6(net, link, ep);
}

/**
 * hm_carrier_outer_len() - What the carrier puts in front of each frame.
 * @link: link
 *
 * Context: RCU read side.
 * Return: bytes, from the IP header on, or the Ethernet header where there is none.
 */
unsigned int hm_carrier_outer_len(const struct hm_link *link)
{
	const struct hm_endpoint *ep = rcu_dereference(link->endpoint);

	if (ep && ep->family == AF_PACKET)
		return ETH_HLEN;
	return ep && ep->family == AF_INET ? HM_OUTER4 : HM_OUTER6;
}

/**
 * hm_carrier_xmit() - Send one frame, or a super-packet of frames.
 * @link: where to
 * @skb: stamped frames at skb->data, gso_size set for more than one; consumed
 * @flow: picks the UDP source port
 * @dsfield: outer DS byte
 *
 * Context: RCU read side, BH disabled.
 * Return: 0, or the drop reason, counted on the device and the link.
 */
enum hubmesh_drop hm_carrier_xmit(struct hm_link *link, struct sk_buff *skb,
				  u16 flow, u8 dsfield)
{
	const struct hm_endpoint *ep = rcu_dereference(link->endpoint);
	struct net *net = READ_ONCE(link->hm->underlay);	/* NULL: it is going */
	unsigned int frames = skb_shinfo(skb)->gso_segs ?: 1;
	unsigned int bytes = skb->len;
	enum hubmesh_drop why;

	if (unlikely(!ep || !net))
		why = refuse(skb, HUBMESH_DROP_TX_UNDERLAY);
	else if (ep->family == AF_PACKET)
		why = hm_ether_xmit(net, link, ep, skb);
	else if (ep->family == AF_INET)
		why = xmit4(net, link, ep, skb, source_port(flow), dsfield);
	else
		why = xmit6(net, link, ep, skb, source_port(flow), dsfield);

	if (likely(!why)) {
		hm_count_tx(link->counters, frames, bytes);
		return 0;
	}
	hm_drop_count(link->hm, link->counters, why, frames);
	return why;
}
