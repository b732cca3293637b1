/* SPDX-License-Identifier: GPL-2.0 */
/* The datapath's face to the tables: transmit, receive, carrier, probes. */
#ifndef _HM_DATAPATH_H
#define _HM_DATAPATH_H

#include "device.h"

struct hm_frame;

/* tx.c: ndo_start_xmit */
netdev_tx_t hm_xmit(struct sk_buff *skb, struct net_device *dev);
/* tx.c: room for frames in pages that are @skb's alone. */
unsigned int hm_super_add_pages(struct sk_buff *skb, struct hm_frame *frame, unsigned int frames,
				unsigned int frame_len, unsigned int last_len);
/* tx.c: send the frames of a train; they are consumed.  RCU, BH disabled. */
struct hm_train_load;
void hm_xmit_train(struct hm_device *hm, struct hm_train_load *load);
/* tx.c: a seal key came into use: send what was held.  Process context or BH. */
void hm_release_held(struct hm_hub *hub);
/* tx.c: tell meshd, once a second at most, that @hub and we lack a key. */
void hm_ask_for_session(struct hm_hub *hub);
/* tx.c: the hub is going or the wait was too long: drop what was held. */
void hm_drop_held(struct hm_hub *hub);
/* hold timer of a hub, INIT_DELAYED_WORK by hub.c */
void hm_hold_expired(struct work_struct *work);

/* rx.c: a packet with a copy of @f and nothing else, room for outer headers in front;
 * NULL without memory. */
struct sk_buff *hm_frame_copy(const struct hm_frame *f);
/* rx.c: a packet of frames came in by a carrier; consumes @skb. */
void hm_receive(struct hm_device *hm, struct sk_buff *skb);
bool hm_receive_claims(const struct hm_device *hm, const struct hm_hdr *h);
/* rx.c: encap_rcv of both sockets; consumes @skb (returns 0). */
int hm_udp_receive(struct sock *sk, struct sk_buff *skb);

/* tx.c: how a packet of frames leaves by a link: claims hop sequences, stamps
 * every header, hands it to the carrier; if the link has a rate, all that when
 * its queue (qos.c) lets it go.  Consumes @skb (frames at skb->data); @frame
 * lists its @n frames.  RCU read side, BH disabled.  Returns 0 (sent or waiting)
 * or the drop reason, counted. */
enum hubmesh_drop hm_hop_send(struct hm_link *link, struct sk_buff *skb,
			      struct hm_frame *frame, unsigned int n,
			      u16 flow, u8 dsfield);
/* tunnel.c: the same through the tunnel to hub @end; returns how many frames left. */
unsigned int hm_tunnel_send(struct hm_link *link, const u8 *end, struct sk_buff *skb,
			    const struct hm_frame *frame, unsigned int n);
/* tx.c: the same for a packet that has waited in the queue of @link and is found
 * with its frames not listed. */
enum hubmesh_drop hm_hop_send_waited(struct hm_link *link, struct sk_buff *skb);
/* tx.c: is @inner, a frame to hub @id with @len readable bytes, one that HOP
 * frames may carry?  Pure. */
bool hm_is_control_frame(const struct hm_device *hm, const u8 *inner, unsigned int len,
			 const u8 *id);
/* tx.c: seal one HOP or PROBE frame under @link's key and send it.  Consumes
 * @skb: a whole frame in linear memory, header filled but for phase, lane,
 * counter and hop fields.  RCU read side, BH disabled. */
void hm_link_seal_send(struct hm_link *link, struct sk_buff *skb);

/* carrier.c: open or close the UDP sockets in hm->underlay on hm->port;
 * process context, hm->lock held; closing waits for readers. */
int hm_carrier_open(struct hm_device *hm, struct netlink_ext_ack *extack);
void hm_carrier_close(struct hm_device *hm);
/* carrier.c: hand one frame or one super-packet (gso_size set) to the
 * underlay; RCU read side, BH disabled; consumes @skb (frame header at
 * skb->data).  @flow picks the UDP source port, @dsfield the outer DS byte.
 * Returns 0 or a drop reason already counted. */
enum hubmesh_drop hm_carrier_xmit(struct hm_link *link, struct sk_buff *skb,
				  u16 flow, u8 dsfield);

/* probe.c */
void hm_probe_init(struct hm_link *link);	/* from link creation, before it is visible */
void hm_probe_restart(struct hm_link *link);	/* settings or keys changed; process context */
void hm_probe_stop(struct hm_link *link);	/* process context, waits */
/* probe.c: @probe, padded or not, was opened from the link's peer.  BH disabled. */
void hm_probe_received(struct hm_link *link, const struct hm_probe *probe, bool is_padded);
/* probe.c: the link leads elsewhere: what was measured does not count any more. */
void hm_probe_forget(struct hm_link *link);

/* selftest.c: run at insmod in builds with HUBMESH_SELFTEST; 0 or -errno. */
int hm_selftest_run(void);
#ifdef HUBMESH_SELFTEST
u64 hm_selftest_key_start(void);
#else
static inline u64 hm_selftest_key_start(void)
{
	return 0;
}
#endif

#endif
