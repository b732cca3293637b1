// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: the Ethernet carrier
 *
 * Between hubs on one segment frames ride in Ethernet directly, with an
 * ethertype of their own: 28 or 48 bytes less on the wire, no route lookup, no
 * address needed, and no walk through the IP and UDP layers.  It works on
 * anything that looks like Ethernet: a card, a bridge, a VLAN, a bond.
 *
 * Super-packets stay whole as they do over UDP.  A device of software (veth,
 * bridge) passes them on; for one of hardware the stack cuts them here, by the
 * ethertype's offload.  They are marked with a kind of segmentation that such
 * software devices take and no hardware does, so that no card tries to cut what it
 * does not know.  Frames that a card received one by one stay so: the kernel does
 * not let modules join packets (skb_gro_receive() is not exported), which UDP GRO
 * does for the UDP carrier.
 *
 * Frames are not fragmented: the device's MTU is the limit.
 */
#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/rculist.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include "carrier.h"
#include "compat.h"
#include "datapath.h"
#include "ether.h"
#include "link.h"

/* Every device with NETIF_F_GSO_SOFTWARE takes it; it is not known to hardware. */
#define HM_ETHER_GSO_TYPE	SKB_GSO_SCTP

/* ---- transmit ------------------------------------------------------------------- */

static struct net_device *underlay_device(struct net *net, const struct hm_endpoint *ep)
{
	struct net_device *dev = dev_get_by_index_rcu(net, ep->oif);

	return likely(dev && dev->flags & IFF_UP && netif_carrier_ok(dev)) ? dev : NULL;
}

static unsigned int note_frame_max(struct hm_link *link, const struct net_device *dev)
{
	unsigned int max = hm_carrier_whole_max(link, READ_ONCE(dev->mtu), 0);

	if (READ_ONCE(link->frame_max) != max)
		WRITE_ONCE(link->frame_max, max);
	return max;
}

/**
 * hm_ether_frame_max() - Longest frame that the link's device takes now.
 * @net: underlay
 * @link: link; @link->frame_max remembers the answer
 * @ep: its endpoint
 *
 * Context: RCU read side, BH disabled.
 * Return: bytes; UINT_MAX without a device (hm_ether_xmit() says why).
 */
unsigned int hm_ether_frame_max(struct net *net, struct hm_link *link,
				const struct hm_endpoint *ep)
{
	const struct net_device *dev = underlay_device(net, ep);

	return dev ? note_frame_max(link, dev) : UINT_MAX;
}

static enum hubmesh_drop refuse(struct sk_buff *skb, enum hubmesh_drop why)
{
	kfree_skb(skb);
	return why;
}

/* A plain Ethernet device needs no call through a pointer; a VLAN does. */
static bool push_header(struct sk_buff *skb, struct net_device *dev, const u8 *to)
{
	struct ethhdr *eth;

	if (unlikely(!dev->header_ops || dev->header_ops->create != eth_header))
		return dev_hard_header(skb, dev, HM_ETHERTYPE, to, NULL, skb->len) >= 0;
	eth = skb_push(skb, ETH_HLEN);
	ether_addr_copy(eth->h_dest, to);
	ether_addr_copy(eth->h_source, dev->dev_addr);
	eth->h_proto = htons(HM_ETHERTYPE);
	return true;
}

/**
 * hm_ether_xmit() - Send one frame, or a super-packet of frames.
 * @net: underlay
 * @link: where to
 * @ep: its endpoint
 * @skb: frames at skb->data, gso_size set for more than one; consumed
 *
 * Context: RCU read side, BH disabled.
 * Return: 0, or the drop reason, not counted yet.
 */
enum hubmesh_drop hm_ether_xmit(struct net *net, struct hm_link *link,
				const struct hm_endpoint *ep, struct sk_buff *skb)
{
	unsigned int len = skb_is_gso(skb) ? skb_shinfo(skb)->gso_size : skb->len;
	struct net_device *dev = underlay_device(net, ep);
	int err;

	if (unlikely(!dev))
		return refuse(skb, HUBMESH_DROP_TX_UNDERLAY);
	if (unlikely(len > note_frame_max(link, dev)) && !hm_carrier_is_search(link, skb, len))
		return refuse(skb, HUBMESH_DROP_TX_MTU);
	if (unlikely(skb_cow_head(skb, LL_RESERVED_SPACE(dev))))
		return refuse(skb, HUBMESH_DROP_NO_MEMORY);
	skb_scrub_packet(skb, true);
	skb_clear_hash_if_not_l4(skb);
	skb->encapsulation = 0;
	skb->dev = dev;
	skb->protocol = htons(HM_ETHERTYPE);
	skb_reset_network_header(skb);
	skb_reset_transport_header(skb);
	/* A super-packet without a checksum to fill would be cut in any case. */
	skb->ip_summed = CHECKSUM_NONE;
	if (skb_is_gso(skb)) {
		skb->ip_summed = CHECKSUM_UNNECESSARY;
		skb_shinfo(skb)->gso_type = HM_ETHER_GSO_TYPE;
	}
	if (unlikely(!push_header(skb, dev, ep->remote_lladdr)))
		return refuse(skb, HUBMESH_DROP_TX_UNDERLAY);
	err = dev_queue_xmit(skb);
	return unlikely(net_xmit_eval(err)) ? HUBMESH_DROP_TX_UNDERLAY : 0;
}

/* ---- receive -------------------------------------------------------------------- */

/*
 * One handler for all devices: a second one for the same ethertype would share every
 * packet with the first, and a shared packet has to be copied before it is relayed.
 */
static unsigned int listeners_id __read_mostly;

/* The devices whose underlay a namespace is: struct hm_device, by @listener. */
struct listeners {
	struct list_head devices;
};

static struct list_head *listeners_of(struct net *net)
{
	return &((struct listeners *)net_generic(net, listeners_id))->devices;
}

/* Whose frame is it?  With several devices on a segment the hop tag tells. */
static struct hm_device *addressee(struct list_head *devices, struct sk_buff *skb)
{
	struct hm_device *first, *hm;

	first = list_first_or_null_rcu(devices, struct hm_device, listener);
	if (!first || list_is_last(&first->listener, devices) ||
	    !pskb_may_pull(skb, HM_HDR_LEN))
		return first;
	list_for_each_entry_rcu(hm, devices, listener)
		if (hm_receive_claims(hm, (const struct hm_hdr *)skb->data))
			return hm;
	return first;
}

static int ether_receive(struct sk_buff *skb, struct net_device *dev, struct packet_type *pt,
			 struct net_device *orig_dev)
{
	struct hm_device *hm;

	skb = skb_share_check(skb, GFP_ATOMIC);
	if (unlikely(!skb))
		return NET_RX_DROP;
	hm = skb->pkt_type == PACKET_HOST ? addressee(listeners_of(dev_net(dev)), skb) : NULL;
	/* What comes out of the mesh interface itself is a member's frame, not the underlay's. */
	if (!hm || dev == hm->dev) {
		kfree_skb(skb);
		return NET_RX_DROP;
	}
	hm_receive(hm, skb);
	return NET_RX_SUCCESS;
}

/**
 * hm_ether_open() - Listen for frames of our ethertype.
 * @hm: device
 *
 * Context: Process context, hm->lock and RTNL held.
 */
void hm_ether_open(struct hm_device *hm)
{
	list_add_tail_rcu(&hm->listener, listeners_of(hm->underlay));
	hm->is_listening = true;
}

/**
 * hm_ether_close() - Stop listening.
 * @hm: device
 *
 * Context: Process context, hm->lock and RTNL held; returns when no receiver runs.
 */
void hm_ether_close(struct hm_device *hm)
{
	if (!hm->is_listening)
		return;
	list_del_rcu(&hm->listener);
	hm->is_listening = false;
	synchronize_net();
}

static int __net_init listeners_init(struct net *net)
{
	INIT_LIST_HEAD(listeners_of(net));
	return 0;
}

static struct pernet_operations listeners_ops = {
	.init = listeners_init,
	.id = &listeners_id,
	.size = sizeof(struct listeners),
};

static struct packet_type ether_handler __read_mostly = {
	.type = cpu_to_be16(HM_ETHERTYPE),
	.func = ether_receive,
};

/* ---- segmentation -------------------------------------------------------- */

/*
 * Cut a super-packet; every frame gets the Ethernet header in front of it.  The frames need no
 * checksum; the packet keeps its mark, for the stack looks at it once more.
 */
static struct sk_buff *ether_gso_segment(struct sk_buff *skb, netdev_features_t features)
{
	u8 ip_summed = skb->ip_summed;
	struct sk_buff *frames;

	skb->ip_summed = CHECKSUM_NONE;
	frames = skb_segment(skb, features);
	skb->ip_summed = ip_summed;
	return frames;
}

static struct packet_offload ether_offload __read_mostly = {
	.type = cpu_to_be16(HM_ETHERTYPE),
	.priority = 10,
	.callbacks = {
		.gso_segment = ether_gso_segment,
	},
};

/**
 * hm_ether_register() - Take frames of our ethertype, and let the stack cut super-packets.
 *
 * Context: Process context, module init.
 * Return: 0; -ENOMEM.
 */
int hm_ether_register(void)
{
	int err = register_pernet_subsys(&listeners_ops);

	if (err)
		return err;
	dev_add_offload(&ether_offload);
	dev_add_pack(&ether_handler);
	return 0;
}

/**
 * hm_ether_unregister() - Undo hm_ether_register().
 *
 * Context: Process context, module exit, when no device is left.
 */
void hm_ether_unregister(void)
{
	dev_remove_pack(&ether_handler);
	dev_remove_offload(&ether_offload);
	unregister_pernet_subsys(&listeners_ops);
}
