// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: notifications
 *
 * What meshd must hear about, on the multicast group "events" of the namespace
 * the device is in now.  A message is built only if somebody listens and with
 * memory at hand only: an event may be lost (the listener sees ENOBUFS, or
 * nothing when the allocation fails), so none carries what a GET would not tell.
 *
 * The device holds its namespace: while a hub or link exists its device does,
 * and a namespace outlives its devices.
 */
#include "device.h"
#include "event.h"
#include "netlink.h"

struct event_message {
	struct sk_buff *skb;
	struct net *net;
	void *header;
};

/*
 * Room for the largest event and for one that names an object; what a listener's
 * socket buffer is charged with, so a burst of small events costs little.
 */
#define EVENT_ROOM_LINK		1024
#define EVENT_ROOM_SMALL	192

static bool event_begin(struct event_message *msg, const struct hm_device *hm,
			enum hubmesh_event what)
{
	size_t room = what == HUBMESH_EVENT_LINK ? EVENT_ROOM_LINK : EVENT_ROOM_SMALL;

	msg->net = dev_net(hm->dev);
	if (!genl_has_listeners(&hm_genl_family, msg->net, HM_MCGRP_EVENTS_ID))
		return false;
	msg->skb = genlmsg_new(room, GFP_ATOMIC);
	if (!msg->skb)
		return false;
	msg->header = genlmsg_put(msg->skb, 0, 0, &hm_genl_family, 0, HUBMESH_CMD_EVENT);
	if (!msg->header || hm_nl_put_device_name(msg->skb, hm) ||
	    nla_put_u32(msg->skb, HUBMESH_A_EVENT, what)) {
		nlmsg_free(msg->skb);
		return false;
	}
	return true;
}

static void event_send(struct event_message *msg, int fill_error)
{
	if (WARN_ON_ONCE(fill_error)) {
		nlmsg_free(msg->skb);
		return;
	}
	genlmsg_end(msg->skb, msg->header);
	genlmsg_multicast_netns(&hm_genl_family, msg->net, msg->skb, 0,
				HM_MCGRP_EVENTS_ID, GFP_ATOMIC);
}

static int put_hub_id(struct sk_buff *skb, const u8 *id)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_HUB);

	if (!nest || nla_put(skb, HUBMESH_A_HUB_ID, HM_HUB_ID_LEN, id))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_link_index(struct sk_buff *skb, u32 index)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_LINK);

	if (!nest || nla_put_u32(skb, HUBMESH_A_LINK_INDEX, index))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_key_phase(struct sk_buff *skb, u8 phase)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_KEY);

	if (!nest || nla_put_u8(skb, HUBMESH_A_KEY_PHASE, phase))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_sender_key(struct sk_buff *skb, u8 phase)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_KEY);

	if (!nest || nla_put_u8(skb, HUBMESH_A_KEY_PHASE, phase) ||
	    nla_put_u32(skb, HUBMESH_A_KEY_SCOPE, HUBMESH_KEY_SCOPE_SENDER))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/**
 * hm_event_link() - Tell that a link's state changed
 * @link: link, as LINK_GET would show it
 *
 * Context: Any but hard interrupts.
 */
void hm_event_link(struct hm_link *link)
{
	struct event_message msg;

	rcu_read_lock();
	if (event_begin(&msg, link->hm, HUBMESH_EVENT_LINK))
		event_send(&msg, hm_nl_put_link(msg.skb, link));
	rcu_read_unlock();
}

/**
 * hm_event_groups() - Tell that other groups are wanted here
 * @hm: device; GROUP_GET shows them
 *
 * Context: Any but hard interrupts.
 */
void hm_event_groups(struct hm_device *hm)
{
	struct event_message msg;

	rcu_read_lock();
	if (event_begin(&msg, hm, HUBMESH_EVENT_GROUPS))
		event_send(&msg, 0);
	rcu_read_unlock();
}

/**
 * hm_event_need_session() - Tell that frames wait for a seal key
 * @hub: hub they are for; the caller limits the rate by hub->asked_at
 *
 * Context: Any but hard interrupts.
 */
void hm_event_need_session(struct hm_hub *hub)
{
	struct event_message msg;

	rcu_read_lock();
	if (event_begin(&msg, hub->hm, HUBMESH_EVENT_NEED_SESSION))
		event_send(&msg, put_hub_id(msg.skb, hub->id));
	rcu_read_unlock();
}

/**
 * hm_event_hub_key() - Tell about a seal key
 * @hub: owner
 * @phase: the key's phase
 * @what: HUBMESH_EVENT_KEY_NEEDED or HUBMESH_EVENT_KEY_IN_USE
 *
 * Context: Any but hard interrupts.
 */
void hm_event_hub_key(struct hm_hub *hub, u8 phase, enum hubmesh_event what)
{
	struct event_message msg;

	rcu_read_lock();
	if (event_begin(&msg, hub->hm, what))
		event_send(&msg, put_hub_id(msg.skb, hub->id) ?:
				 put_key_phase(msg.skb, phase));
	rcu_read_unlock();
}

/**
 * hm_event_sender_key() - Tell about a key we seal tree frames with
 * @hm: device
 * @phase: the key's phase
 * @what: HUBMESH_EVENT_KEY_NEEDED or HUBMESH_EVENT_KEY_IN_USE
 *
 * Context: Any but hard interrupts.
 */
void hm_event_sender_key(struct hm_device *hm, u8 phase, enum hubmesh_event what)
{
	struct event_message msg;

	rcu_read_lock();
	if (event_begin(&msg, hm, what))
		event_send(&msg, put_hub_id(msg.skb, hm_own_id(hm)) ?:
				 put_sender_key(msg.skb, phase));
	rcu_read_unlock();
}

/**
 * hm_event_link_key() - Tell about a link key
 * @link: owner
 * @phase: the key's phase
 * @what: HUBMESH_EVENT_KEY_NEEDED or HUBMESH_EVENT_KEY_IN_USE
 *
 * Context: Any but hard interrupts.
 */
void hm_event_link_key(struct hm_link *link, u8 phase, enum hubmesh_event what)
{
	struct event_message msg;

	rcu_read_lock();
	if (event_begin(&msg, link->hm, what))
		event_send(&msg, put_link_index(msg.skb, link->index) ?:
				 put_key_phase(msg.skb, phase));
	rcu_read_unlock();
}

/**
 * hm_event_fdb() - Tell that an fdb entry came, moved or went
 * @hm: device
 * @what: HUBMESH_EVENT_FDB_NEW or HUBMESH_EVENT_FDB_DEL
 * @mac: address
 * @hub_id: hub it is or was behind
 * @flags: HUBMESH_FDB_F_*
 *
 * Context: Any but hard interrupts.
 */
void hm_event_fdb(struct hm_device *hm, enum hubmesh_event what, const u8 *mac,
		  const u8 *hub_id, u32 flags)
{
	struct event_message msg;

	rcu_read_lock();
	if (event_begin(&msg, hm, what))
		event_send(&msg, hm_nl_put_fdb(msg.skb, mac, hub_id, flags));
	rcu_read_unlock();
}
