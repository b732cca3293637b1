// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: the generic netlink family
 *
 * One policy per command, nested policies with ranges and exact lengths, strict
 * validation: what a command does not take is refused, and every refusal says
 * in words what was wrong.  This file has the family, the way from a message to
 * a device, and the commands on devices; netlink_*.c have one object each.
 * Documentation/netlink/specs/hubmesh.yaml describes the same for machines.
 *
 * A command finds its device in the namespace of the socket and holds a
 * reference on the net_device while it works, so the memory stays.  Whether the
 * device is still in use is hm->dead, looked at under hm->lock: unregistering
 * sets it under the same lock before it empties the tables, so nothing is ever
 * added to a device that has been emptied.
 *
 * Permissions: GENL_UNS_ADMIN_PERM asks for CAP_NET_ADMIN in the user namespace
 * that owns the socket's network namespace.  Only DEV_GET goes without: it
 * shows settings and counters, not the mesh.
 */
#include <linux/etherdevice.h>
#include "compat.h"
#include "netlink.h"

#define HM_NL_DEVICE							\
	[HUBMESH_A_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),		\
	[HUBMESH_A_IFNAME] = { .type = NLA_NUL_STRING, .len = IFNAMSIZ - 1 }

static struct netlink_range_validation port_range = { .min = 1, .max = U16_MAX };
static struct netlink_range_validation rekey_range = {
	.min = 1, .max = HM_SEAL_FRAMES_HARD,
};
static struct netlink_range_validation hop_rate_range = {
	.min = 0, .max = HM_HOP_RATE_PPS_MAX,
};

static const struct nla_policy peers_policy[HUBMESH_A_PEERS_MAX + 1] = {
	[HUBMESH_A_PEERS_FLAGS] = NLA_POLICY_MASK(NLA_U32, HUBMESH_PEERS_F_UNICAST |
								   HUBMESH_PEERS_F_FLOOD |
								   HUBMESH_PEERS_F_RESOLUTION),
	[HUBMESH_A_PEERS_LIST] = {
		.type = NLA_BINARY,
		.len = HUBMESH_PEERS_MAX * HM_HUB_ID_LEN,
	},
};

static const struct nla_policy device_set_policy[HUBMESH_A_DEVICE_MAX + 1] = {
	[HUBMESH_A_DEVICE_ID] = NLA_POLICY_EXACT_LEN(HM_HUB_ID_LEN),
	[HUBMESH_A_DEVICE_PORT] = NLA_POLICY_FULL_RANGE(NLA_U16, &port_range),
	[HUBMESH_A_DEVICE_CONTROL_PORT] = NLA_POLICY_FULL_RANGE(NLA_U16, &port_range),
	[HUBMESH_A_DEVICE_TTL] = NLA_POLICY_RANGE(NLA_U8, 1, HM_TTL_MAX),
	[HUBMESH_A_DEVICE_FDB_AGE_MS] = { .type = NLA_U32 },
	[HUBMESH_A_DEVICE_REKEY_FRAMES] = NLA_POLICY_FULL_RANGE(NLA_U64, &rekey_range),
	[HUBMESH_A_DEVICE_HOP_RATE_PPS] = NLA_POLICY_FULL_RANGE(NLA_U32, &hop_rate_range),
	[HUBMESH_A_DEVICE_STORM] = NLA_POLICY_NESTED(hm_nl_storm_policy),
	[HUBMESH_A_DEVICE_PEERS] = NLA_POLICY_NESTED(peers_policy),
};

static const struct nla_policy device_policy[HUBMESH_A_MAX + 1] = { HM_NL_DEVICE };

static const struct nla_policy dev_set_policy[HUBMESH_A_MAX + 1] = {
	HM_NL_DEVICE,
	[HUBMESH_A_DEVICE] = NLA_POLICY_NESTED(device_set_policy),
};

static const struct nla_policy link_new_policy[HUBMESH_A_MAX + 1] = {
	HM_NL_DEVICE,
	[HUBMESH_A_LINK] = NLA_POLICY_NESTED(hm_nl_link_new_policy),
};

static const struct nla_policy link_set_policy[HUBMESH_A_MAX + 1] = {
	HM_NL_DEVICE,
	[HUBMESH_A_LINK] = NLA_POLICY_NESTED(hm_nl_link_set_policy),
};

static const struct nla_policy link_policy[HUBMESH_A_MAX + 1] = {
	HM_NL_DEVICE,
	[HUBMESH_A_LINK] = NLA_POLICY_NESTED(hm_nl_link_name_policy),
};

static const struct nla_policy hub_policy[HUBMESH_A_MAX + 1] = {
	HM_NL_DEVICE,
	[HUBMESH_A_HUB] = NLA_POLICY_NESTED(hm_nl_hub_policy),
};

static const struct nla_policy key_set_policy[HUBMESH_A_MAX + 1] = {
	HM_NL_DEVICE,
	[HUBMESH_A_LINK] = NLA_POLICY_NESTED(hm_nl_link_name_policy),
	[HUBMESH_A_HUB] = NLA_POLICY_NESTED(hm_nl_hub_policy),
	[HUBMESH_A_KEY] = NLA_POLICY_NESTED(hm_nl_key_set_policy),
};

static const struct nla_policy key_phase_policy[HUBMESH_A_MAX + 1] = {
	HM_NL_DEVICE,
	[HUBMESH_A_LINK] = NLA_POLICY_NESTED(hm_nl_link_name_policy),
	[HUBMESH_A_HUB] = NLA_POLICY_NESTED(hm_nl_hub_policy),
	[HUBMESH_A_KEY] = NLA_POLICY_NESTED(hm_nl_key_phase_policy),
};

static const struct nla_policy route_replace_policy[HUBMESH_A_MAX + 1] = {
	HM_NL_DEVICE,
	[HUBMESH_A_ROUTES] = NLA_POLICY_NESTED(hm_nl_routes_policy),
};

static const struct nla_policy fdb_new_policy[HUBMESH_A_MAX + 1] = {
	HM_NL_DEVICE,
	[HUBMESH_A_FDB] = NLA_POLICY_NESTED(hm_nl_fdb_new_policy),
};

static const struct nla_policy fdb_del_policy[HUBMESH_A_MAX + 1] = {
	HM_NL_DEVICE,
	[HUBMESH_A_FDB] = NLA_POLICY_NESTED(hm_nl_fdb_del_policy),
};

static const struct nla_policy fdb_flush_policy[HUBMESH_A_MAX + 1] = {
	HM_NL_DEVICE,
	[HUBMESH_A_FDB] = NLA_POLICY_NESTED(hm_nl_fdb_flush_policy),
};

static const struct nla_policy qos_set_policy[HUBMESH_A_MAX + 1] = {
	HM_NL_DEVICE,
	[HUBMESH_A_LINK] = NLA_POLICY_NESTED(hm_nl_link_name_policy),
	[HUBMESH_A_QOS] = NLA_POLICY_NESTED(hm_nl_qos_policy),
};

static const struct nla_policy rule_replace_policy[HUBMESH_A_MAX + 1] = {
	HM_NL_DEVICE,
	[HUBMESH_A_RULES] = NLA_POLICY_NESTED(hm_nl_rules_policy),
};

static const struct nla_policy hub_set_policy[HUBMESH_A_MAX + 1] = {
	HM_NL_DEVICE,
	[HUBMESH_A_HUB] = NLA_POLICY_NESTED(hm_nl_hub_set_policy),
};

static const struct nla_policy filter_replace_policy[HUBMESH_A_MAX + 1] = {
	HM_NL_DEVICE,
	[HUBMESH_A_FILTER] = NLA_POLICY_NESTED(hm_nl_filter_policy),
};

/**
 * hm_nl_refuse() - Complete a refusal
 * @extack: extended ack of the command
 * @attr: attribute to blame unless one is blamed already; may be NULL
 * @ret: -errno, or 0 for no refusal
 *
 * Return: @ret.
 */
int hm_nl_refuse(struct netlink_ext_ack *extack, const struct nlattr *attr, int ret)
{
	if (!ret || !extack)
		return ret;
	if (!extack->bad_attr && attr)
		NL_SET_BAD_ATTR(extack, attr);
	if (!extack->_msg) {
		if (ret == -ENOMEM)
			NL_SET_ERR_MSG(extack, "out of memory");
		else
			NL_SET_ERR_MSG(extack, "refused; the error code says why");
	}
	return ret;
}

/**
 * hm_nl_parse_nest() - Parse a nest the command cannot do without
 * @tb: filled, @max + 1 entries
 * @max: highest attribute type inside
 * @info: the command
 * @type: HUBMESH_A_* of the nest
 * @policy: of its content
 *
 * Return: 0; -EINVAL missing or malformed.
 */
int hm_nl_parse_nest(struct nlattr **tb, int max, struct genl_info *info, int type,
		     const struct nla_policy *policy)
{
	if (GENL_REQ_ATTR_CHECK(info, type)) {
		NL_SET_ERR_MSG(info->extack, "the nest that says what to act on is missing");
		return -EINVAL;
	}
	return nla_parse_nested(tb, max, info->attrs[type], policy, info->extack);
}

/**
 * hm_nl_require() - An attribute inside a nest must be there
 * @nest: the nest
 * @tb: its parsed attributes
 * @type: attribute type
 * @what: the text if it is missing
 * @extack: extended ack of the command
 *
 * Return: 0 or -EINVAL.
 */
int hm_nl_require(const struct nlattr *nest, struct nlattr **tb, int type,
		  const char *what, struct netlink_ext_ack *extack)
{
	if (!NL_REQ_ATTR_CHECK(extack, nest, tb, type))
		return 0;
	if (extack)
		extack->_msg = what;
	return -EINVAL;
}

static struct net_device *find_by_attrs(struct net *net, struct nlattr **attrs,
					struct netlink_ext_ack *extack)
{
	struct nlattr *index = attrs ? attrs[HUBMESH_A_IFINDEX] : NULL;
	struct nlattr *name = attrs ? attrs[HUBMESH_A_IFNAME] : NULL;
	struct net_device *dev;

	if (!index == !name) {
		NL_SET_ERR_MSG(extack, "name the device by either IFINDEX or IFNAME");
		return ERR_PTR(-EINVAL);
	}
	dev = index ? dev_get_by_index(net, nla_get_u32(index)) :
		      dev_get_by_name(net, nla_data(name));
	if (!dev) {
		NL_SET_ERR_MSG_ATTR(extack, index ?: name,
				    "no such interface in this network namespace");
		return ERR_PTR(-ENODEV);
	}
	if (!hm_dev_is_hubmesh(dev)) {
		dev_put(dev);
		NL_SET_ERR_MSG_ATTR(extack, index ?: name, "not a hubmesh interface");
		return ERR_PTR(-EOPNOTSUPP);
	}
	return dev;
}

static struct hm_device *lock_device(struct hm_device *hm, struct netlink_ext_ack *extack)
{
	mutex_lock(&hm->lock);
	if (!hm->dead)
		return hm;
	hm_nl_device_unlock(hm);
	NL_SET_ERR_MSG(extack, "the device is being removed");
	return ERR_PTR(-ENODEV);
}

/**
 * hm_nl_device_get() - Find the device a command names
 * @info: the command
 *
 * Return: the device, to be given back with hm_nl_device_put(); ERR_PTR(-EINVAL)
 * none or two are named, -ENODEV there is none, -EOPNOTSUPP not ours.
 */
struct hm_device *hm_nl_device_get(struct genl_info *info)
{
	struct net_device *dev = find_by_attrs(genl_info_net(info), info->attrs, info->extack);

	return IS_ERR(dev) ? ERR_CAST(dev) : netdev_priv(dev);
}

/**
 * hm_nl_device_put() - Give a device back
 * @hm: from hm_nl_device_get()
 */
void hm_nl_device_put(struct hm_device *hm)
{
	dev_put(hm->dev);
}

/**
 * hm_nl_device_lock() - Find the device a command names and lock its tables
 * @info: the command
 *
 * Return: the device, to be given back with hm_nl_device_unlock(); an error as
 * hm_nl_device_get().
 */
struct hm_device *hm_nl_device_lock(struct genl_info *info)
{
	struct hm_device *hm = hm_nl_device_get(info);

	return IS_ERR(hm) ? hm : lock_device(hm, info->extack);
}

/**
 * hm_nl_dump_lock() - Find the device a dump is about and lock its tables
 * @skb: reply, for its socket's namespace
 * @cb: the dump; the cursor remembers the device
 *
 * Return: as hm_nl_device_lock().
 */
struct hm_device *hm_nl_dump_lock(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct hm_nl_cursor *cursor = hm_nl_cursor(cb);
	struct net *net = sock_net(skb->sk);
	struct hm_device *hm;
	struct net_device *dev;

	if (!cursor->ifindex) {
		dev = find_by_attrs(net, hm_dump_attrs(cb), cb->extack);
		if (IS_ERR(dev))
			return ERR_CAST(dev);
		cursor->ifindex = dev->ifindex;
	} else {
		dev = dev_get_by_index(net, cursor->ifindex);
		if (!dev) {
			NL_SET_ERR_MSG(cb->extack, "the device was removed");
			return ERR_PTR(-ENODEV);
		}
	}
	hm = lock_device(netdev_priv(dev), cb->extack);
	if (!IS_ERR(hm))
		cb->seq = hm->table_seq;
	return hm;
}

/**
 * hm_nl_device_unlock() - Undo hm_nl_device_lock() or hm_nl_dump_lock()
 * @hm: device
 */
void hm_nl_device_unlock(struct hm_device *hm)
{
	mutex_unlock(&hm->lock);
	hm_nl_device_put(hm);
}

/**
 * hm_nl_put_device_name() - Say which device a message is about
 * @skb: message
 * @hm: device
 *
 * Return: 0 or -EMSGSIZE.
 */
int hm_nl_put_device_name(struct sk_buff *skb, const struct hm_device *hm)
{
	if (nla_put_u32(skb, HUBMESH_A_IFINDEX, hm->dev->ifindex) ||
	    nla_put_string(skb, HUBMESH_A_IFNAME, hm->dev->name))
		return -EMSGSIZE;
	return 0;
}

static int put_u64(struct sk_buff *skb, int type, u64 value)
{
	return nla_put_u64_64bit(skb, type, value, HUBMESH_A_STATS_PAD);
}

/**
 * hm_nl_put_stats() - Put the counters of an object
 * @skb: message
 * @type: attribute type of the nest
 * @c: counters
 *
 * Return: 0 or -EMSGSIZE.
 */
int hm_nl_put_stats(struct sk_buff *skb, int type, const struct hm_counters __percpu *c)
{
	struct nlattr *nest = nla_nest_start(skb, type);
	struct hm_counters_sum sum;

	if (!nest)
		return -EMSGSIZE;
	hm_counters_sum(c, &sum);
	if (put_u64(skb, HUBMESH_A_STATS_RX_FRAMES, sum.rx_frames) ||
	    put_u64(skb, HUBMESH_A_STATS_RX_BYTES, sum.rx_bytes) ||
	    put_u64(skb, HUBMESH_A_STATS_TX_FRAMES, sum.tx_frames) ||
	    put_u64(skb, HUBMESH_A_STATS_TX_BYTES, sum.tx_bytes) ||
	    put_u64(skb, HUBMESH_A_STATS_RX_DROPS, sum.rx_drops) ||
	    put_u64(skb, HUBMESH_A_STATS_TX_DROPS, sum.tx_drops) ||
	    put_u64(skb, HUBMESH_A_STATS_FORWARDED, sum.forwarded))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_drops(struct sk_buff *skb, const struct hm_device *hm)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_DEVICE_DROPS);
	unsigned int why;

	if (!nest)
		return -EMSGSIZE;
	for (why = 1; why <= HUBMESH_DROP_MAX; why++)
		if (nla_put_u64_64bit(skb, why, hm_drops_sum(hm, why), HUBMESH_DROP_UNSPEC))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_peers(struct sk_buff *skb, const struct hm_peers *peers)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_DEVICE_PEERS);

	if (!nest || nla_put_u32(skb, HUBMESH_A_PEERS_FLAGS, peers->flags) ||
	    (peers->n && nla_put(skb, HUBMESH_A_PEERS_LIST, peers->n * HM_HUB_ID_LEN, peers->id)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* Under rtnl, without hm->lock: numbers, and a list that may be half an old one. */
static int put_settings(struct sk_buff *skb, const struct hm_device *hm)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_DEVICE);

	if (!nest ||
	    nla_put(skb, HUBMESH_A_DEVICE_ID, HM_HUB_ID_LEN, hm_own_id(hm)) ||
	    nla_put_u16(skb, HUBMESH_A_DEVICE_PORT, hm->port) ||
	    nla_put_u16(skb, HUBMESH_A_DEVICE_CONTROL_PORT, hm->control_port) ||
	    nla_put_u8(skb, HUBMESH_A_DEVICE_TTL, hm->ttl) ||
	    nla_put_u32(skb, HUBMESH_A_DEVICE_FDB_AGE_MS, hm->fdb_age_ms) ||
	    nla_put_u64_64bit(skb, HUBMESH_A_DEVICE_REKEY_FRAMES, hm->rekey_frames,
			      HUBMESH_A_DEVICE_PAD) ||
	    nla_put_u32(skb, HUBMESH_A_DEVICE_HOP_RATE_PPS, hm->hop_rate_pps) ||
	    hm_nl_put_stats(skb, HUBMESH_A_DEVICE_STATS, hm->counters) ||
	    put_drops(skb, hm) ||
	    nla_put_u32(skb, HUBMESH_A_DEVICE_LINKS, READ_ONCE(hm->n_links)) ||
	    nla_put_u32(skb, HUBMESH_A_DEVICE_HUBS, READ_ONCE(hm->n_hubs)) ||
	    nla_put_u64_64bit(skb, HUBMESH_A_DEVICE_GENERATION, READ_ONCE(hm->generation),
			      HUBMESH_A_DEVICE_PAD) ||
	    hm_nl_put_storm(skb, HUBMESH_A_DEVICE_STORM, &hm->storm) ||
	    nla_put_u64_64bit(skb, HUBMESH_A_DEVICE_FILTER_GENERATION,
			      READ_ONCE(hm->filter_generation), HUBMESH_A_DEVICE_PAD) ||
	    put_peers(skb, &hm->peers))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_device_message(struct sk_buff *skb, const struct hm_device *hm, u32 portid,
			      u32 seq, int flags, struct netlink_callback *cb)
{
	void *header = genlmsg_put(skb, portid, seq, &hm_genl_family, flags,
				   HUBMESH_CMD_DEV_GET);

	if (!header)
		return -EMSGSIZE;
	if (hm_nl_put_device_name(skb, hm) || put_settings(skb, hm)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	if (cb)
		genl_dump_check_consistent(cb, header);
	genlmsg_end(skb, header);
	return 0;
}

static int dev_get(struct sk_buff *skb, struct genl_info *info)
{
	struct hm_device *hm = hm_nl_device_lock(info);
	struct sk_buff *reply;
	int ret = -ENOMEM;

	if (IS_ERR(hm))
		return PTR_ERR(hm);
	reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (reply)
		ret = put_device_message(reply, hm, info->snd_portid, info->snd_seq, 0, NULL);
	hm_nl_device_unlock(hm);
	if (!ret)
		return genlmsg_reply(reply, info);
	nlmsg_free(reply);
	return hm_nl_refuse(info->extack, NULL, ret);
}

/* The cursor counts interfaces of the namespace; registering one changes cb->seq. */
static int dev_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct hm_nl_cursor *cursor = hm_nl_cursor(cb);
	struct net *net = sock_net(skb->sk);
	struct net_device *dev;
	u64 at = 0;

	rtnl_lock();
	cb->seq = net->dev_base_seq;
	for_each_netdev(net, dev) {
		if (at++ < cursor->at || !hm_dev_is_hubmesh(dev))
			continue;
		if (put_device_message(skb, netdev_priv(dev), NETLINK_CB(cb->skb).portid,
				       cb->nlh->nlmsg_seq, NLM_F_MULTI, cb))
			break;
		cursor->at = at;
	}
	rtnl_unlock();
	return skb->len;
}

/* What is absent is none. */
static int read_peers(const struct nlattr *nest, struct hm_peers *peers,
		      struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HUBMESH_A_PEERS_MAX + 1], *list;
	int ret;

	ret = nla_parse_nested(tb, HUBMESH_A_PEERS_MAX, nest, peers_policy, extack);
	if (ret)
		return ret;
	if (tb[HUBMESH_A_PEERS_FLAGS])
		peers->flags = nla_get_u32(tb[HUBMESH_A_PEERS_FLAGS]);
	list = tb[HUBMESH_A_PEERS_LIST];
	if (!list)
		return 0;
	if (nla_len(list) % HM_HUB_ID_LEN) {
		NL_SET_ERR_MSG_ATTR(extack, list, "PEERS_LIST: hub ids are 6 bytes each");
		return -EINVAL;
	}
	peers->n = nla_len(list) / HM_HUB_ID_LEN;
	memcpy(peers->id, nla_data(list), nla_len(list));
	return 0;
}

static void read_device_config(struct hm_device_config *cfg, struct nlattr **tb)
{
	int type;

	for (type = 1; type <= HUBMESH_A_DEVICE_MAX; type++)
		if (tb[type])
			cfg->set |= BIT(type);
	if (tb[HUBMESH_A_DEVICE_ID])
		memcpy(cfg->id, nla_data(tb[HUBMESH_A_DEVICE_ID]), HM_HUB_ID_LEN);
	if (tb[HUBMESH_A_DEVICE_PORT])
		cfg->port = nla_get_u16(tb[HUBMESH_A_DEVICE_PORT]);
	if (tb[HUBMESH_A_DEVICE_CONTROL_PORT])
		cfg->control_port = nla_get_u16(tb[HUBMESH_A_DEVICE_CONTROL_PORT]);
	if (tb[HUBMESH_A_DEVICE_TTL])
		cfg->ttl = nla_get_u8(tb[HUBMESH_A_DEVICE_TTL]);
	if (tb[HUBMESH_A_DEVICE_FDB_AGE_MS])
		cfg->fdb_age_ms = nla_get_u32(tb[HUBMESH_A_DEVICE_FDB_AGE_MS]);
	if (tb[HUBMESH_A_DEVICE_REKEY_FRAMES])
		cfg->rekey_frames = nla_get_u64(tb[HUBMESH_A_DEVICE_REKEY_FRAMES]);
	if (tb[HUBMESH_A_DEVICE_HOP_RATE_PPS])
		cfg->hop_rate_pps = nla_get_u32(tb[HUBMESH_A_DEVICE_HOP_RATE_PPS]);
	if (tb[HUBMESH_A_DEVICE_STORM])
		hm_nl_read_storm(tb[HUBMESH_A_DEVICE_STORM], cfg->storm_pps);
}

static int dev_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[HUBMESH_A_DEVICE_MAX + 1];
	struct hm_device_config cfg = {};
	struct hm_device *hm;
	int ret;

	ret = hm_nl_parse_nest(tb, HUBMESH_A_DEVICE_MAX, info, HUBMESH_A_DEVICE,
			       device_set_policy);
	if (ret)
		return ret;
	read_device_config(&cfg, tb);
	if (tb[HUBMESH_A_DEVICE_PEERS])
		ret = read_peers(tb[HUBMESH_A_DEVICE_PEERS], &cfg.peers, info->extack);
	if (ret)
		return ret;
	hm = hm_nl_device_get(info);
	if (IS_ERR(hm))
		return PTR_ERR(hm);
	ret = hm_device_configure(hm, &cfg, info->extack);
	hm_nl_device_put(hm);
	return hm_nl_refuse(info->extack, info->attrs[HUBMESH_A_DEVICE], ret);
}

#define HM_NL_OP(_cmd, _policy, ...) {					\
	.cmd = HUBMESH_CMD_##_cmd,					\
	.policy = _policy,						\
	.maxattr = HUBMESH_A_MAX,					\
	__VA_ARGS__							\
}

#define HM_NL_ADMIN .flags = GENL_UNS_ADMIN_PERM

static const struct genl_ops hm_genl_ops[] = {
	HM_NL_OP(DEV_GET, device_policy, .doit = dev_get, .dumpit = dev_dump),
	HM_NL_OP(DEV_SET, dev_set_policy, .doit = dev_set, HM_NL_ADMIN),
	HM_NL_OP(LINK_NEW, link_new_policy, .doit = hm_nl_link_new, HM_NL_ADMIN),
	HM_NL_OP(LINK_SET, link_set_policy, .doit = hm_nl_link_set, HM_NL_ADMIN),
	HM_NL_OP(LINK_DEL, link_policy, .doit = hm_nl_link_del, HM_NL_ADMIN),
	HM_NL_OP(LINK_GET, link_policy, .doit = hm_nl_link_get,
		 .dumpit = hm_nl_link_dump, HM_NL_ADMIN),
	HM_NL_OP(HUB_NEW, hub_policy, .doit = hm_nl_hub_new, HM_NL_ADMIN),
	HM_NL_OP(HUB_DEL, hub_policy, .doit = hm_nl_hub_del, HM_NL_ADMIN),
	HM_NL_OP(HUB_GET, hub_policy, .doit = hm_nl_hub_get,
		 .dumpit = hm_nl_hub_dump, HM_NL_ADMIN),
	HM_NL_OP(KEY_SET, key_set_policy, .doit = hm_nl_key_set, HM_NL_ADMIN),
	HM_NL_OP(KEY_USE, key_phase_policy, .doit = hm_nl_key_use, HM_NL_ADMIN),
	HM_NL_OP(KEY_DEL, key_phase_policy, .doit = hm_nl_key_del, HM_NL_ADMIN),
	HM_NL_OP(ROUTE_REPLACE, route_replace_policy, .doit = hm_nl_route_replace,
		 HM_NL_ADMIN),
	HM_NL_OP(ROUTE_GET, device_policy, .dumpit = hm_nl_route_dump, HM_NL_ADMIN),
	HM_NL_OP(FDB_NEW, fdb_new_policy, .doit = hm_nl_fdb_new, HM_NL_ADMIN),
	HM_NL_OP(FDB_DEL, fdb_del_policy, .doit = hm_nl_fdb_del, HM_NL_ADMIN),
	HM_NL_OP(FDB_GET, device_policy, .dumpit = hm_nl_fdb_dump, HM_NL_ADMIN),
	HM_NL_OP(FDB_FLUSH, fdb_flush_policy, .doit = hm_nl_fdb_flush, HM_NL_ADMIN),
	HM_NL_OP(QOS_SET, qos_set_policy, .doit = hm_nl_qos_set, HM_NL_ADMIN),
	HM_NL_OP(QOS_GET, link_policy, .doit = hm_nl_qos_get,
		 .dumpit = hm_nl_qos_dump, HM_NL_ADMIN),
	HM_NL_OP(RULE_REPLACE, rule_replace_policy, .doit = hm_nl_rule_replace, HM_NL_ADMIN),
	HM_NL_OP(RULE_GET, device_policy, .dumpit = hm_nl_rule_dump, HM_NL_ADMIN),
	HM_NL_OP(HUB_SET, hub_set_policy, .doit = hm_nl_hub_set, HM_NL_ADMIN),
	HM_NL_OP(FILTER_REPLACE, filter_replace_policy, .doit = hm_nl_filter_replace,
		 HM_NL_ADMIN),
	HM_NL_OP(FILTER_GET, device_policy, .dumpit = hm_nl_filter_dump, HM_NL_ADMIN),
	HM_NL_OP(GROUP_GET, device_policy, .doit = hm_nl_group_get, HM_NL_ADMIN),
};

static const struct genl_multicast_group hm_genl_groups[] = {
	[HM_MCGRP_EVENTS_ID] = {
		.name = HUBMESH_MCGRP_EVENTS,
		.flags = HM_GENL_MCAST_NET_ADMIN,
	},
};

/* Commands run in parallel: hm->lock orders those on one device. */
struct genl_family hm_genl_family __ro_after_init = {
	.name = HUBMESH_FAMILY_NAME,
	.version = HUBMESH_FAMILY_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = hm_genl_ops,
	.n_ops = ARRAY_SIZE(hm_genl_ops),
	.mcgrps = hm_genl_groups,
	.n_mcgrps = ARRAY_SIZE(hm_genl_groups),
};

/**
 * hm_netlink_register() - Offer the netlink family
 *
 * Context: Process context, module init.
 * Return: 0 or -errno.
 */
int __init hm_netlink_register(void)
{
	return genl_register_family(&hm_genl_family);
}

/**
 * hm_netlink_unregister() - Withdraw the netlink family
 *
 * Context: Process context, module exit; every device is gone, so no event is
 * under way.  Waits for commands.
 */
void hm_netlink_unregister(void)
{
	genl_unregister_family(&hm_genl_family);
}
