// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: netlink commands on hubs
 *
 * Between messages and hub.c: HUB_NEW, HUB_SET, HUB_DEL, HUB_GET.
 */
#include "netlink.h"

const struct nla_policy hm_nl_hub_policy[HUBMESH_A_HUB_MAX + 1] = {
	[HUBMESH_A_HUB_ID] = NLA_POLICY_EXACT_LEN(HM_HUB_ID_LEN),
	[HUBMESH_A_HUB_TX_PHASE] = HM_NL_READ_ONLY,
	[HUBMESH_A_HUB_RX_PHASES] = HM_NL_READ_ONLY,
	[HUBMESH_A_HUB_HELD] = HM_NL_READ_ONLY,
	[HUBMESH_A_HUB_STATS] = HM_NL_READ_ONLY,
	[HUBMESH_A_HUB_SENDER_PHASES] = HM_NL_READ_ONLY,
	[HUBMESH_A_HUB_SENDER_PROVED] = HM_NL_READ_ONLY,
};

const struct nla_policy hm_nl_hub_set_policy[HUBMESH_A_HUB_MAX + 1] = {
	[HUBMESH_A_HUB_ID] = NLA_POLICY_EXACT_LEN(HM_HUB_ID_LEN),
	[HUBMESH_A_HUB_TX_PHASE] = HM_NL_READ_ONLY,
	[HUBMESH_A_HUB_RX_PHASES] = HM_NL_READ_ONLY,
	[HUBMESH_A_HUB_HELD] = HM_NL_READ_ONLY,
	[HUBMESH_A_HUB_STATS] = HM_NL_READ_ONLY,
	[HUBMESH_A_HUB_SENDER_PHASES] = HM_NL_READ_ONLY,
	[HUBMESH_A_HUB_SENDER_PROVED] = HM_NL_READ_ONLY,
	[HUBMESH_A_HUB_GUARD] = NLA_POLICY_NESTED(hm_nl_guard_policy),
};

static int put_hub(struct sk_buff *skb, const struct hm_hub *hub)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_HUB);
	u8 rx_phases;
	int tx_phase;

	rcu_read_lock();
	tx_phase = hm_keyring_tx_phase(&hub->keys);
	rx_phases = hm_keyring_rx_phases(&hub->keys);
	rcu_read_unlock();
	if (!nest || nla_put(skb, HUBMESH_A_HUB_ID, HM_HUB_ID_LEN, hub->id) ||
	    (tx_phase >= 0 && nla_put_u8(skb, HUBMESH_A_HUB_TX_PHASE, tx_phase)) ||
	    nla_put_u8(skb, HUBMESH_A_HUB_RX_PHASES, rx_phases) ||
	    nla_put_u32(skb, HUBMESH_A_HUB_HELD, skb_queue_len_lockless(&hub->held)) ||
	    hm_nl_put_stats(skb, HUBMESH_A_HUB_STATS, hub->counters) ||
	    hm_nl_put_guard(skb, hub) ||
	    nla_put_u8(skb, HUBMESH_A_HUB_SENDER_PHASES, hm_keyring_rx_phases(&hub->sender)) ||
	    nla_put_u8(skb, HUBMESH_A_HUB_SENDER_PROVED, hub->sender_proved))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_hub_message(struct sk_buff *skb, const struct hm_hub *hub, u32 portid,
			   u32 seq, int flags, struct netlink_callback *cb)
{
	void *header = genlmsg_put(skb, portid, seq, &hm_genl_family, flags,
				   HUBMESH_CMD_HUB_GET);

	if (!header)
		return -EMSGSIZE;
	if (hm_nl_put_device_name(skb, hub->hm) || put_hub(skb, hub)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	if (cb)
		genl_dump_check_consistent(cb, header);
	genlmsg_end(skb, header);
	return 0;
}

/**
 * hm_nl_hub_find() - Find the hub an attribute names
 * @hm: device, lock held
 * @id: attribute with a hub id
 * @extack: extended ack of the command
 *
 * Return: the hub, good while the lock is held; ERR_PTR(-ENOENT) not known.
 */
struct hm_hub *hm_nl_hub_find(struct hm_device *hm, const struct nlattr *id,
			      struct netlink_ext_ack *extack)
{
	struct hm_hub *hub = hm_hub_by_id(hm, nla_data(id));

	if (hub)
		return hub;
	NL_SET_ERR_MSG_ATTR(extack, id, "that hub is not known: add it with HUB_NEW");
	return ERR_PTR(-ENOENT);
}

/* Parses the nest and locks the device.  ERR_PTR with extack on refusal. */
static struct hm_device *begin(struct genl_info *info, struct nlattr **tb,
			       const struct nla_policy *policy)
{
	int ret;

	ret = hm_nl_parse_nest(tb, HUBMESH_A_HUB_MAX, info, HUBMESH_A_HUB, policy) ?:
	      hm_nl_require(info->attrs[HUBMESH_A_HUB], tb, HUBMESH_A_HUB_ID,
			    "HUB_ID: which hub?", info->extack);
	return ret ? ERR_PTR(ret) : hm_nl_device_lock(info);
}

/**
 * hm_nl_hub_new() - HUB_NEW: make a hub known
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno.
 */
int hm_nl_hub_new(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[HUBMESH_A_HUB_MAX + 1];
	struct hm_device *hm = begin(info, tb, hm_nl_hub_policy);
	int ret;

	if (IS_ERR(hm))
		return PTR_ERR(hm);
	ret = hm_hub_new(hm, nla_data(tb[HUBMESH_A_HUB_ID]), info->extack);
	hm_nl_device_unlock(hm);
	return hm_nl_refuse(info->extack, tb[HUBMESH_A_HUB_ID], ret);
}

/**
 * hm_nl_hub_set() - HUB_SET: replace what is allowed to a hub
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno with the hub untouched.
 */
int hm_nl_hub_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[HUBMESH_A_HUB_MAX + 1];
	struct hm_device *hm = begin(info, tb, hm_nl_hub_set_policy);
	struct hm_guard *guard = NULL;
	struct hm_hub *hub;
	int ret;

	if (IS_ERR(hm))
		return PTR_ERR(hm);
	hub = hm_nl_hub_find(hm, tb[HUBMESH_A_HUB_ID], info->extack);
	ret = PTR_ERR_OR_ZERO(hub);
	if (!ret && tb[HUBMESH_A_HUB_GUARD]) {
		guard = hm_nl_read_guard(tb[HUBMESH_A_HUB_GUARD], info->extack);
		ret = PTR_ERR_OR_ZERO(guard);
	}
	if (!ret)
		hm_guard_set(hub, guard);
	hm_nl_device_unlock(hm);
	return hm_nl_refuse(info->extack, tb[HUBMESH_A_HUB_GUARD], ret);
}

/**
 * hm_nl_hub_del() - HUB_DEL: forget a hub and all that belongs to it
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno.
 */
int hm_nl_hub_del(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[HUBMESH_A_HUB_MAX + 1];
	struct hm_device *hm = begin(info, tb, hm_nl_hub_policy);
	struct hm_hub *hub;
	int ret = 0;

	if (IS_ERR(hm))
		return PTR_ERR(hm);
	hub = hm_nl_hub_find(hm, tb[HUBMESH_A_HUB_ID], info->extack);
	if (IS_ERR(hub))
		ret = PTR_ERR(hub);
	else
		hm_hub_del(hub);
	hm_nl_device_unlock(hm);
	return ret;
}

/**
 * hm_nl_hub_get() - HUB_GET: show one hub
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno.
 */
int hm_nl_hub_get(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[HUBMESH_A_HUB_MAX + 1];
	struct hm_device *hm = begin(info, tb, hm_nl_hub_policy);
	struct sk_buff *reply = NULL;
	struct hm_hub *hub;
	int ret;

	if (IS_ERR(hm))
		return PTR_ERR(hm);
	hub = hm_nl_hub_find(hm, tb[HUBMESH_A_HUB_ID], info->extack);
	ret = PTR_ERR_OR_ZERO(hub);
	if (!ret) {
		reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
		ret = !reply ? -ENOMEM :
		      put_hub_message(reply, hub, info->snd_portid, info->snd_seq, 0, NULL);
	}
	hm_nl_device_unlock(hm);
	if (!ret)
		return genlmsg_reply(reply, info);
	nlmsg_free(reply);
	return hm_nl_refuse(info->extack, NULL, ret);
}

/**
 * hm_nl_hub_dump() - HUB_GET dump: show every hub
 * @skb: reply
 * @cb: the dump
 *
 * Return: bytes put, 0 at the end; -errno.
 */
int hm_nl_hub_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct hm_nl_cursor *cursor = hm_nl_cursor(cb);
	struct hm_device *hm = hm_nl_dump_lock(skb, cb);
	struct hm_hub *hub;
	u64 at;

	if (IS_ERR(hm))
		return PTR_ERR(hm);
	for (; cursor->bucket < ARRAY_SIZE(hm->hubs); cursor->bucket++, cursor->at = 0) {
		at = 0;
		hlist_for_each_entry(hub, &hm->hubs[cursor->bucket], node) {
			if (at++ < cursor->at)
				continue;
			if (put_hub_message(skb, hub, NETLINK_CB(cb->skb).portid,
					    cb->nlh->nlmsg_seq, NLM_F_MULTI, cb))
				goto full;
			cursor->at = at;
		}
	}
full:
	hm_nl_device_unlock(hm);
	return skb->len;
}
