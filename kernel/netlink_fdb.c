// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: netlink commands on the forwarding database
 *
 * Between messages and fdb.c: FDB_NEW, FDB_DEL, FDB_GET, FDB_FLUSH.
 */
#include "netlink.h"

const struct nla_policy hm_nl_fdb_new_policy[HUBMESH_A_FDB_MAX + 1] = {
	[HUBMESH_A_FDB_MAC] = NLA_POLICY_EXACT_LEN(ETH_ALEN),
	[HUBMESH_A_FDB_HUB] = NLA_POLICY_EXACT_LEN(HM_HUB_ID_LEN),
	[HUBMESH_A_FDB_FLAGS] = NLA_POLICY_MASK(NLA_U32, HUBMESH_FDB_F_STATIC),
	[HUBMESH_A_FDB_IDLE_MS] = HM_NL_READ_ONLY,
};

const struct nla_policy hm_nl_fdb_del_policy[HUBMESH_A_FDB_MAX + 1] = {
	[HUBMESH_A_FDB_MAC] = NLA_POLICY_EXACT_LEN(ETH_ALEN),
};

const struct nla_policy hm_nl_fdb_flush_policy[HUBMESH_A_FDB_MAX + 1] = {
	[HUBMESH_A_FDB_HUB] = NLA_POLICY_EXACT_LEN(HM_HUB_ID_LEN),
};

static int put_names(struct sk_buff *skb, const u8 *mac, const u8 *hub_id, u32 flags)
{
	if (nla_put(skb, HUBMESH_A_FDB_MAC, ETH_ALEN, mac) ||
	    nla_put(skb, HUBMESH_A_FDB_HUB, HM_HUB_ID_LEN, hub_id) ||
	    nla_put_u32(skb, HUBMESH_A_FDB_FLAGS, flags))
		return -EMSGSIZE;
	return 0;
}

/**
 * hm_nl_put_fdb() - Put an fdb entry, as events show it
 * @skb: message
 * @mac: address
 * @hub_id: hub it is behind
 * @flags: HUBMESH_FDB_F_*
 *
 * Context: Any.
 * Return: 0 or -EMSGSIZE.
 */
int hm_nl_put_fdb(struct sk_buff *skb, const u8 *mac, const u8 *hub_id, u32 flags)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_FDB);

	if (!nest || put_names(skb, mac, hub_id, flags))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* RCU read side. */
static int put_entry(struct sk_buff *skb, const struct hm_fdb_entry *entry)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_FDB);
	bool is_static = READ_ONCE(entry->is_static);
	unsigned long seen = READ_ONCE(entry->seen);
	u64 idle_ms = jiffies64_to_msecs(jiffies - seen);

	if (!nest ||
	    put_names(skb, entry->mac, rcu_dereference(entry->hub)->id,
		      is_static ? HUBMESH_FDB_F_STATIC : 0) ||
	    nla_put_u64_64bit(skb, HUBMESH_A_FDB_IDLE_MS, idle_ms, HUBMESH_A_FDB_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_entry_message(struct sk_buff *skb, const struct hm_device *hm,
			     const struct hm_fdb_entry *entry, struct netlink_callback *cb)
{
	void *header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				   &hm_genl_family, NLM_F_MULTI, HUBMESH_CMD_FDB_GET);

	if (!header)
		return -EMSGSIZE;
	if (hm_nl_put_device_name(skb, hm) || put_entry(skb, entry)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

/**
 * hm_nl_fdb_new() - FDB_NEW: add a static MAC behind a hub
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno.
 */
int hm_nl_fdb_new(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *nest = info->attrs[HUBMESH_A_FDB];
	struct nlattr *tb[HUBMESH_A_FDB_MAX + 1];
	struct hm_device *hm;
	struct hm_hub *hub;
	int ret;

	ret = hm_nl_parse_nest(tb, HUBMESH_A_FDB_MAX, info, HUBMESH_A_FDB,
			       hm_nl_fdb_new_policy) ?:
	      hm_nl_require(nest, tb, HUBMESH_A_FDB_MAC, "FDB_MAC: which address?",
			    info->extack) ?:
	      hm_nl_require(nest, tb, HUBMESH_A_FDB_HUB, "FDB_HUB: behind which hub?",
			    info->extack);
	if (ret)
		return ret;
	if (tb[HUBMESH_A_FDB_FLAGS] &&
	    !(nla_get_u32(tb[HUBMESH_A_FDB_FLAGS]) & HUBMESH_FDB_F_STATIC)) {
		NL_SET_ERR_MSG_ATTR(info->extack, tb[HUBMESH_A_FDB_FLAGS],
				    "FDB_FLAGS: entries are learned or static; set HUBMESH_FDB_F_STATIC or leave it out");
		return -EINVAL;
	}
	hm = hm_nl_device_lock(info);
	if (IS_ERR(hm))
		return PTR_ERR(hm);
	hub = hm_nl_hub_find(hm, tb[HUBMESH_A_FDB_HUB], info->extack);
	if (IS_ERR(hub))
		ret = PTR_ERR(hub);
	else
		ret = hm_fdb_add_static(hm, hub, nla_data(tb[HUBMESH_A_FDB_MAC]),
					info->extack);
	hm_nl_device_unlock(hm);
	return hm_nl_refuse(info->extack, tb[HUBMESH_A_FDB_MAC], ret);
}

/**
 * hm_nl_fdb_del() - FDB_DEL: remove one MAC
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno.
 */
int hm_nl_fdb_del(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *nest = info->attrs[HUBMESH_A_FDB];
	struct nlattr *tb[HUBMESH_A_FDB_MAX + 1];
	struct hm_device *hm;
	int ret;

	ret = hm_nl_parse_nest(tb, HUBMESH_A_FDB_MAX, info, HUBMESH_A_FDB,
			       hm_nl_fdb_del_policy) ?:
	      hm_nl_require(nest, tb, HUBMESH_A_FDB_MAC, "FDB_MAC: which address?",
			    info->extack);
	if (ret)
		return ret;
	hm = hm_nl_device_lock(info);
	if (IS_ERR(hm))
		return PTR_ERR(hm);
	ret = hm_fdb_del(hm, nla_data(tb[HUBMESH_A_FDB_MAC]), info->extack);
	hm_nl_device_unlock(hm);
	return hm_nl_refuse(info->extack, tb[HUBMESH_A_FDB_MAC], ret);
}

/**
 * hm_nl_fdb_flush() - FDB_FLUSH: remove learned entries, of one hub or all
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno.
 */
int hm_nl_fdb_flush(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[HUBMESH_A_FDB_MAX + 1] = {};
	struct hm_hub *hub = NULL;
	struct hm_device *hm;
	int ret = 0;

	if (info->attrs[HUBMESH_A_FDB])
		ret = hm_nl_parse_nest(tb, HUBMESH_A_FDB_MAX, info, HUBMESH_A_FDB,
				       hm_nl_fdb_flush_policy);
	if (ret)
		return ret;
	hm = hm_nl_device_lock(info);
	if (IS_ERR(hm))
		return PTR_ERR(hm);
	if (tb[HUBMESH_A_FDB_HUB])
		hub = hm_nl_hub_find(hm, tb[HUBMESH_A_FDB_HUB], info->extack);
	if (IS_ERR(hub))
		ret = PTR_ERR(hub);
	else
		hm_fdb_flush(hm, hub);
	hm_nl_device_unlock(hm);
	return ret;
}

/**
 * hm_nl_fdb_dump() - FDB_GET dump: show the fdb, oldest entry first
 * @skb: reply
 * @cb: the dump
 *
 * Entries have ascending numbers, so the dump is consistent without a check: it
 * shows every entry that was there all along exactly once.
 *
 * Return: bytes put, 0 at the end; -errno.
 */
int hm_nl_fdb_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct hm_nl_cursor *cursor = hm_nl_cursor(cb);
	struct hm_device *hm = hm_nl_dump_lock(skb, cb);
	struct hm_fdb_entry *entry;

	if (IS_ERR(hm))
		return PTR_ERR(hm);
	rcu_read_lock();
	entry = hm_fdb_next(hm, cursor->at);
	if (!entry)
		goto done;
	list_for_each_entry_from_rcu(entry, &hm->fdb_entries, all) {
		if (put_entry_message(skb, hm, entry, cb))
			break;
		cursor->at = entry->id;
	}
done:
	rcu_read_unlock();
	hm_nl_device_unlock(hm);
	return skb->len;
}
