/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_ETHER_H
#define _HM_ETHER_H

#include "../include/uapi/linux/hubmesh.h"

struct hm_device;
struct hm_endpoint;
struct hm_link;
struct net;
struct sk_buff;

void hm_ether_open(struct hm_device *hm);
void hm_ether_close(struct hm_device *hm);
enum hubmesh_drop hm_ether_xmit(struct net *net, struct hm_link *link,
				const struct hm_endpoint *ep, struct sk_buff *skb);
unsigned int hm_ether_frame_max(struct net *net, struct hm_link *link,
				const struct hm_endpoint *ep);
int hm_ether_register(void);
void hm_ether_unregister(void);

#endif
