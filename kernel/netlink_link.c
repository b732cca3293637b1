// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: netlink commands on links
 *
 * Between messages and link.c: LINK_NEW, LINK_SET, LINK_DEL, LINK_GET.
 */
#include "netlink.h"

static struct netlink_range_validation index_range = { .min = 1, .max = HM_LINK_INDEX_MAX };
static struct netlink_range_validation remote_index_range = {
	.min = 0, .max = HM_LINK_INDEX_MAX,
};
static struct netlink_range_validation port_range = { .min = 1, .max = U16_MAX };
static struct netlink_range_validation oif_range = { .min = 0, .max = S32_MAX };
static struct netlink_range_validation mtu_range = { .min = 0, .max = U16_MAX };

#define HM_NL_LINK_READ_ONLY						\
	[HUBMESH_A_LINK_STATE] = HM_NL_READ_ONLY,			\
	[HUBMESH_A_LINK_RTT_US] = HM_NL_READ_ONLY,			\
	[HUBMESH_A_LINK_JITTER_US] = HM_NL_READ_ONLY,			\
	[HUBMESH_A_LINK_STATS] = HM_NL_READ_ONLY,			\
	[HUBMESH_A_LINK_TX_PHASE] = HM_NL_READ_ONLY,			\
	[HUBMESH_A_LINK_RX_PHASES] = HM_NL_READ_ONLY,			\
	[HUBMESH_A_LINK_LOST] = HM_NL_READ_ONLY,			\
	[HUBMESH_A_LINK_FRAME_MAX] = HM_NL_READ_ONLY

#define HM_NL_LINK_SETTINGS						\
	[HUBMESH_A_LINK_INDEX] = NLA_POLICY_FULL_RANGE(NLA_U32, &index_range), \
	[HUBMESH_A_LINK_REMOTE_INDEX] =					\
		NLA_POLICY_FULL_RANGE(NLA_U32, &remote_index_range),	\
	[HUBMESH_A_LINK_LOCAL4] = NLA_POLICY_EXACT_LEN(sizeof(struct in_addr)), \
	[HUBMESH_A_LINK_REMOTE4] = NLA_POLICY_EXACT_LEN(sizeof(struct in_addr)), \
	[HUBMESH_A_LINK_LOCAL6] = NLA_POLICY_EXACT_LEN(sizeof(struct in6_addr)), \
	[HUBMESH_A_LINK_REMOTE6] = NLA_POLICY_EXACT_LEN(sizeof(struct in6_addr)), \
	[HUBMESH_A_LINK_REMOTE_PORT] = NLA_POLICY_FULL_RANGE(NLA_U16, &port_range), \
	[HUBMESH_A_LINK_OIF] = NLA_POLICY_FULL_RANGE(NLA_U32, &oif_range), \
	[HUBMESH_A_LINK_REMOTE_LLADDR] = NLA_POLICY_EXACT_LEN(ETH_ALEN), \
	[HUBMESH_A_LINK_PROBE_MS] = NLA_POLICY_MAX(NLA_U32, HM_PROBE_MS_MAX), \
	[HUBMESH_A_LINK_PROBE_MISSES] =					\
		NLA_POLICY_RANGE(NLA_U32, HM_PROBE_MISSES_MIN, HM_PROBE_MISSES_MAX), \
	[HUBMESH_A_LINK_MTU] = NLA_POLICY_FULL_RANGE(NLA_U32, &mtu_range)

const struct nla_policy hm_nl_link_new_policy[HUBMESH_A_LINK_MAX + 1] = {
	HM_NL_LINK_SETTINGS,
	HM_NL_LINK_READ_ONLY,
	[HUBMESH_A_LINK_PEER] = NLA_POLICY_EXACT_LEN(HM_HUB_ID_LEN),
};

const struct nla_policy hm_nl_link_set_policy[HUBMESH_A_LINK_MAX + 1] = {
	HM_NL_LINK_SETTINGS,
	HM_NL_LINK_READ_ONLY,
	[HUBMESH_A_LINK_PEER] = {
		.type = NLA_REJECT,
		.reject_message = "a link's peer cannot change: remove the link and add another",
	},
};

const struct nla_policy hm_nl_link_name_policy[HUBMESH_A_LINK_MAX + 1] = {
	[HUBMESH_A_LINK_INDEX] = NLA_POLICY_FULL_RANGE(NLA_U32, &index_range),
};

static void read_endpoint(struct hm_endpoint *ep, struct nlattr **tb)
{
	if (tb[HUBMESH_A_LINK_LOCAL4])
		ep->local4.s_addr = nla_get_in_addr(tb[HUBMESH_A_LINK_LOCAL4]);
	if (tb[HUBMESH_A_LINK_REMOTE4])
		ep->remote4.s_addr = nla_get_in_addr(tb[HUBMESH_A_LINK_REMOTE4]);
	if (tb[HUBMESH_A_LINK_LOCAL6])
		ep->local6 = nla_get_in6_addr(tb[HUBMESH_A_LINK_LOCAL6]);
	if (tb[HUBMESH_A_LINK_REMOTE6])
		ep->remote6 = nla_get_in6_addr(tb[HUBMESH_A_LINK_REMOTE6]);
	if (tb[HUBMESH_A_LINK_REMOTE_PORT])
		ep->remote_port = htons(nla_get_u16(tb[HUBMESH_A_LINK_REMOTE_PORT]));
	if (tb[HUBMESH_A_LINK_OIF])
		ep->oif = nla_get_u32(tb[HUBMESH_A_LINK_OIF]);
	if (tb[HUBMESH_A_LINK_REMOTE_LLADDR])
		ether_addr_copy(ep->remote_lladdr,
				nla_data(tb[HUBMESH_A_LINK_REMOTE_LLADDR]));
}

static void read_config(struct hm_link_config *cfg, struct nlattr **tb)
{
	int type;

	memset(cfg, 0, sizeof(*cfg));
	for (type = 1; type <= HUBMESH_A_LINK_MAX; type++)
		if (tb[type])
			cfg->set |= BIT(type);
	read_endpoint(&cfg->endpoint, tb);
	if (tb[HUBMESH_A_LINK_INDEX])
		cfg->index = nla_get_u32(tb[HUBMESH_A_LINK_INDEX]);
	if (tb[HUBMESH_A_LINK_REMOTE_INDEX])
		cfg->remote_index = nla_get_u32(tb[HUBMESH_A_LINK_REMOTE_INDEX]);
	if (tb[HUBMESH_A_LINK_PEER])
		memcpy(cfg->peer, nla_data(tb[HUBMESH_A_LINK_PEER]), HM_HUB_ID_LEN);
	if (tb[HUBMESH_A_LINK_PROBE_MS])
		cfg->probe_ms = nla_get_u32(tb[HUBMESH_A_LINK_PROBE_MS]);
	if (tb[HUBMESH_A_LINK_PROBE_MISSES])
		cfg->probe_misses = nla_get_u32(tb[HUBMESH_A_LINK_PROBE_MISSES]);
	if (tb[HUBMESH_A_LINK_MTU])
		cfg->mtu = nla_get_u32(tb[HUBMESH_A_LINK_MTU]);
}

static int put_endpoint(struct sk_buff *skb, const struct hm_endpoint *ep)
{
	if (ep->family == AF_PACKET) {
		return nla_put(skb, HUBMESH_A_LINK_REMOTE_LLADDR, ETH_ALEN, ep->remote_lladdr) ||
		       nla_put_u32(skb, HUBMESH_A_LINK_OIF, ep->oif) ? -EMSGSIZE : 0;
	}
	if (ep->family == AF_INET) {
		if (nla_put_in_addr(skb, HUBMESH_A_LINK_REMOTE4, ep->remote4.s_addr) ||
		    (ep->local4.s_addr &&
		     nla_put_in_addr(skb, HUBMESH_A_LINK_LOCAL4, ep->local4.s_addr)))
			return -EMSGSIZE;
	} else {
		if (nla_put_in6_addr(skb, HUBMESH_A_LINK_REMOTE6, &ep->remote6) ||
		    (!ipv6_addr_any(&ep->local6) &&
		     nla_put_in6_addr(skb, HUBMESH_A_LINK_LOCAL6, &ep->local6)))
			return -EMSGSIZE;
	}
	if (nla_put_u16(skb, HUBMESH_A_LINK_REMOTE_PORT, ntohs(ep->remote_port)) ||
	    nla_put_u32(skb, HUBMESH_A_LINK_OIF, ep->oif))
		return -EMSGSIZE;
	return 0;
}

static int put_state(struct sk_buff *skb, const struct hm_link *link)
{
	int tx_phase = hm_keyring_tx_phase(&link->keys);

	if (nla_put_u32(skb, HUBMESH_A_LINK_STATE, READ_ONCE(link->state)) ||
	    nla_put_u32(skb, HUBMESH_A_LINK_RTT_US, READ_ONCE(link->probe.rtt_us)) ||
	    nla_put_u32(skb, HUBMESH_A_LINK_JITTER_US, READ_ONCE(link->probe.jitter_us)) ||
	    (tx_phase >= 0 && nla_put_u8(skb, HUBMESH_A_LINK_TX_PHASE, tx_phase)) ||
	    nla_put_u8(skb, HUBMESH_A_LINK_RX_PHASES, hm_keyring_rx_phases(&link->keys)) ||
	    nla_put_u32(skb, HUBMESH_A_LINK_FRAME_MAX, READ_ONCE(link->frame_max)) ||
	    nla_put_u64_64bit(skb, HUBMESH_A_LINK_LOST, hm_link_lost(link),
			      HUBMESH_A_LINK_PAD) ||
	    hm_nl_put_stats(skb, HUBMESH_A_LINK_STATS, link->counters))
		return -EMSGSIZE;
	return 0;
}

static int put_link_content(struct sk_buff *skb, const struct hm_link *link)
{
	if (nla_put_u32(skb, HUBMESH_A_LINK_INDEX, link->index) ||
	    nla_put(skb, HUBMESH_A_LINK_PEER, HM_HUB_ID_LEN, link->peer) ||
	    nla_put_u32(skb, HUBMESH_A_LINK_REMOTE_INDEX, READ_ONCE(link->remote_index)) ||
	    nla_put_u32(skb, HUBMESH_A_LINK_PROBE_MS, READ_ONCE(link->probe.interval_ms)) ||
	    nla_put_u32(skb, HUBMESH_A_LINK_PROBE_MISSES, READ_ONCE(link->probe.misses)) ||
	    nla_put_u32(skb, HUBMESH_A_LINK_MTU, READ_ONCE(link->mtu)) ||
	    put_endpoint(skb, rcu_dereference(link->endpoint)) ||
	    put_state(skb, link))
		return -EMSGSIZE;
	return 0;
}

/**
 * hm_nl_put_link() - Put a link, settings, state and statistics
 * @skb: message
 * @link: link
 *
 * Context: Any; takes the RCU read side.
 * Return: 0 or -EMSGSIZE.
 */
int hm_nl_put_link(struct sk_buff *skb, const struct hm_link *link)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_LINK);
	int ret;

	if (!nest)
		return -EMSGSIZE;
	rcu_read_lock();
	ret = put_link_content(skb, link);
	rcu_read_unlock();
	if (!ret)
		nla_nest_end(skb, nest);
	return ret;
}

static int put_link_message(struct sk_buff *skb, const struct hm_link *link, u32 portid,
			    u32 seq, int flags, u8 cmd, struct netlink_callback *cb)
{
	void *header = genlmsg_put(skb, portid, seq, &hm_genl_family, flags, cmd);

	if (!header)
		return -EMSGSIZE;
	if (hm_nl_put_device_name(skb, link->hm) || hm_nl_put_link(skb, link)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	if (cb)
		genl_dump_check_consistent(cb, header);
	genlmsg_end(skb, header);
	return 0;
}

/* hm->lock held; the reply is sent by the caller. */
static struct sk_buff *link_reply(struct genl_info *info, const struct hm_link *link)
{
	struct sk_buff *reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (reply && put_link_message(reply, link, info->snd_portid, info->snd_seq, 0,
				      info->genlhdr->cmd, NULL)) {
		nlmsg_free(reply);
		reply = NULL;
	}
	return reply;
}

/**
 * hm_nl_link_find() - Find the link a command names
 * @hm: device, lock held
 * @tb: parsed content of @nest
 * @nest: HUBMESH_A_LINK of the command
 * @extack: extended ack of the command
 *
 * Return: the link, good while the lock is held; ERR_PTR(-EINVAL) none is
 * named, -ENOENT no link has that index.
 */
struct hm_link *hm_nl_link_find(struct hm_device *hm, struct nlattr **tb,
				const struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct hm_link *link;
	int ret;

	ret = hm_nl_require(nest, tb, HUBMESH_A_LINK_INDEX, "LINK_INDEX: which link?", extack);
	if (ret)
		return ERR_PTR(ret);
	link = hm_link_by_index(hm, nla_get_u32(tb[HUBMESH_A_LINK_INDEX]));
	if (link)
		return link;
	NL_SET_ERR_MSG_ATTR(extack, tb[HUBMESH_A_LINK_INDEX], "no link has that index");
	return ERR_PTR(-ENOENT);
}

/**
 * hm_nl_link_new() - LINK_NEW: add a link, reply with what became of it
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno; a link whose reply cannot be sent is not kept.
 */
int hm_nl_link_new(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *nest = info->attrs[HUBMESH_A_LINK];
	struct nlattr *tb[HUBMESH_A_LINK_MAX + 1];
	struct sk_buff *reply = NULL;
	struct hm_link_config cfg;
	struct hm_device *hm;
	struct hm_link *link;
	int ret;

	ret = hm_nl_parse_nest(tb, HUBMESH_A_LINK_MAX, info, HUBMESH_A_LINK,
			       hm_nl_link_new_policy) ?:
	      hm_nl_require(nest, tb, HUBMESH_A_LINK_PEER,
			    "LINK_PEER: which hub is at the other end?", info->extack);
	if (ret)
		return ret;
	read_config(&cfg, tb);
	if (!hm_hub_id_is_valid(cfg.peer)) {
		NL_SET_ERR_MSG_ATTR(info->extack, tb[HUBMESH_A_LINK_PEER],
				    "must be a locally administered unicast MAC");
		return -EADDRNOTAVAIL;
	}
	hm = hm_nl_device_lock(info);
	if (IS_ERR(hm))
		return PTR_ERR(hm);
	ret = hm_link_new(hm, &cfg, &link, info->extack);
	if (!ret) {
		reply = link_reply(info, link);
		if (!reply) {
			hm_link_del(link);
			ret = -ENOMEM;
		}
	}
	hm_nl_device_unlock(hm);
	if (ret)
		return hm_nl_refuse(info->extack, nest, ret);
	return genlmsg_reply(reply, info);
}

/**
 * hm_nl_link_set() - LINK_SET: change a link in place
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno with nothing changed.
 */
int hm_nl_link_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *nest = info->attrs[HUBMESH_A_LINK];
	struct nlattr *tb[HUBMESH_A_LINK_MAX + 1];
	struct hm_link_config cfg;
	struct hm_device *hm;
	struct hm_link *link;
	int ret;

	ret = hm_nl_parse_nest(tb, HUBMESH_A_LINK_MAX, info, HUBMESH_A_LINK,
			       hm_nl_link_set_policy);
	if (ret)
		return ret;
	read_config(&cfg, tb);
	hm = hm_nl_device_lock(info);
	if (IS_ERR(hm))
		return PTR_ERR(hm);
	link = hm_nl_link_find(hm, tb, nest, info->extack);
	ret = IS_ERR(link) ? PTR_ERR(link) : hm_link_set(link, &cfg, info->extack);
	hm_nl_device_unlock(hm);
	return hm_nl_refuse(info->extack, nest, ret);
}

/**
 * hm_nl_link_del() - LINK_DEL: remove a link and its keys
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno.
 */
int hm_nl_link_del(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[HUBMESH_A_LINK_MAX + 1];
	struct hm_device *hm;
	struct hm_link *link;
	int ret;

	ret = hm_nl_parse_nest(tb, HUBMESH_A_LINK_MAX, info, HUBMESH_A_LINK,
			       hm_nl_link_name_policy);
	if (ret)
		return ret;
	hm = hm_nl_device_lock(info);
	if (IS_ERR(hm))
		return PTR_ERR(hm);
	link = hm_nl_link_find(hm, tb, info->attrs[HUBMESH_A_LINK], info->extack);
	if (IS_ERR(link))
		ret = PTR_ERR(link);
	else
		hm_link_del(link);
	hm_nl_device_unlock(hm);
	return ret;
}

/**
 * hm_nl_link_get() - LINK_GET: show one link
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno.
 */
int hm_nl_link_get(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[HUBMESH_A_LINK_MAX + 1];
	struct sk_buff *reply = NULL;
	struct hm_device *hm;
	struct hm_link *link;
	int ret;

	ret = hm_nl_parse_nest(tb, HUBMESH_A_LINK_MAX, info, HUBMESH_A_LINK,
			       hm_nl_link_name_policy);
	if (ret)
		return ret;
	hm = hm_nl_device_lock(info);
	if (IS_ERR(hm))
		return PTR_ERR(hm);
	link = hm_nl_link_find(hm, tb, info->attrs[HUBMESH_A_LINK], info->extack);
	if (IS_ERR(link))
		ret = PTR_ERR(link);
	else
		reply = link_reply(info, link);
	hm_nl_device_unlock(hm);
	if (reply)
		return genlmsg_reply(reply, info);
	return hm_nl_refuse(info->extack, NULL, ret ?: -ENOMEM);
}

/**
 * hm_nl_link_dump() - LINK_GET dump: show every link, in order of index
 * @skb: reply
 * @cb: the dump
 *
 * Return: bytes put, 0 at the end; -errno.
 */
int hm_nl_link_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct hm_nl_cursor *cursor = hm_nl_cursor(cb);
	struct hm_device *hm = hm_nl_dump_lock(skb, cb);
	struct hm_link *link;
	unsigned long index;

	if (IS_ERR(hm))
		return PTR_ERR(hm);
	xa_for_each_start(&hm->links, index, link, cursor->at) {
		if (put_link_message(skb, link, NETLINK_CB(cb->skb).portid,
				     cb->nlh->nlmsg_seq, NLM_F_MULTI,
				     HUBMESH_CMD_LINK_GET, cb))
			break;
		cursor->at = index + 1;
	}
	hm_nl_device_unlock(hm);
	return skb->len;
}
