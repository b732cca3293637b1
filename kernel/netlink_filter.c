// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: netlink commands on rule sets
 *
 * Between messages and filter.c: FILTER_REPLACE, FILTER_GET.  As with routes, a
 * message of the open transaction that is refused ends the transaction: a set with a
 * hole must never be committed because somebody overlooked an error.
 */
#include <linux/if_vlan.h>
#include "filter.h"
#include "netlink.h"

static struct netlink_range_validation ifindex_range = { .min = 1, .max = S32_MAX };

static const struct nla_policy zone_policy[HUBMESH_A_ZONE_MAX + 1] = {
	[HUBMESH_A_ZONE_ID] = NLA_POLICY_MIN(NLA_U16, 1),
	[HUBMESH_A_ZONE_MAC] = NLA_POLICY_EXACT_LEN(ETH_ALEN),
	[HUBMESH_A_ZONE_VLAN] = NLA_POLICY_RANGE(NLA_U16, 1, VLAN_N_VID - 2),
	[HUBMESH_A_ZONE_IFINDEX] = NLA_POLICY_FULL_RANGE(NLA_U32, &ifindex_range),
	[HUBMESH_A_ZONE_HUB] = NLA_POLICY_EXACT_LEN(HM_HUB_ID_LEN),
};

static const struct nla_policy pair_policy[HUBMESH_A_PAIR_MAX + 1] = {
	[HUBMESH_A_PAIR_SRC] = { .type = NLA_U16 },
	[HUBMESH_A_PAIR_DST] = { .type = NLA_U16 },
};

static const struct nla_policy acl_policy[HUBMESH_A_ACL_MAX + 1] = {
	[HUBMESH_A_ACL_ACTION] = NLA_POLICY_RANGE(NLA_U32, HUBMESH_ACL_ACCEPT, HUBMESH_ACL_DENY),
	[HUBMESH_A_ACL_SRC_ZONE] = { .type = NLA_U16 },
	[HUBMESH_A_ACL_DST_ZONE] = { .type = NLA_U16 },
	[HUBMESH_A_ACL_ETHERTYPE] = { .type = NLA_U16 },
	[HUBMESH_A_ACL_VLAN] = NLA_POLICY_MAX(NLA_U16, VLAN_N_VID - 2),
	[HUBMESH_A_ACL_PROTOCOL] = { .type = NLA_U8 },
	[HUBMESH_A_ACL_SRC] = { .type = NLA_BINARY },
	[HUBMESH_A_ACL_DST] = { .type = NLA_BINARY },
	[HUBMESH_A_ACL_SPORT_FIRST] = { .type = NLA_U16 },
	[HUBMESH_A_ACL_SPORT_LAST] = { .type = NLA_U16 },
	[HUBMESH_A_ACL_DPORT_FIRST] = { .type = NLA_U16 },
	[HUBMESH_A_ACL_DPORT_LAST] = { .type = NLA_U16 },
	[HUBMESH_A_ACL_LOG] = { .type = NLA_U32 },
	[HUBMESH_A_ACL_HITS] = HM_NL_READ_ONLY,
};

const struct nla_policy hm_nl_filter_policy[HUBMESH_A_FILTER_MAX + 1] = {
	[HUBMESH_A_FILTER_GENERATION] = { .type = NLA_U64 },
	[HUBMESH_A_FILTER_FLAGS] =
		NLA_POLICY_MASK(NLA_U32, HUBMESH_FILTER_F_BEGIN | HUBMESH_FILTER_F_COMMIT),
	[HUBMESH_A_FILTER_HOPS_LIMIT] = NLA_POLICY_MAX(NLA_U8, HM_TTL_MAX),
	[HUBMESH_A_FILTER_ZONE] = NLA_POLICY_NESTED(zone_policy),
	[HUBMESH_A_FILTER_PAIR] = NLA_POLICY_NESTED(pair_policy),
	[HUBMESH_A_FILTER_ACL] = NLA_POLICY_NESTED(acl_policy),
};

/* ---- FILTER_REPLACE ------------------------------------------------------------- */

static const int zone_attr_of[] = {
	[HM_ZONE_MAC] = HUBMESH_A_ZONE_MAC,
	[HM_ZONE_VLAN] = HUBMESH_A_ZONE_VLAN,
	[HM_ZONE_IFINDEX] = HUBMESH_A_ZONE_IFINDEX,
	[HM_ZONE_HUB] = HUBMESH_A_ZONE_HUB,
};

static u64 read_zone_key(enum hm_zone_kind kind, const struct nlattr *attr)
{
	switch (kind) {
	case HM_ZONE_VLAN:
		return hm_zone_key(kind, NULL, nla_get_u16(attr));
	case HM_ZONE_IFINDEX:
		return hm_zone_key(kind, NULL, nla_get_u32(attr));
	default:
		return hm_zone_key(kind, nla_data(attr), 0);
	}
}

static int stage_zone(struct hm_device *hm, struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HUBMESH_A_ZONE_MAX + 1];
	unsigned int kind, n = 0;
	u64 key = 0;
	int ret;

	ret = nla_parse_nested(tb, HUBMESH_A_ZONE_MAX, nest, zone_policy, extack) ?:
	      hm_nl_require(nest, tb, HUBMESH_A_ZONE_ID, "ZONE_ID: which zone?", extack);
	if (ret)
		return ret;
	for (kind = 0; kind < ARRAY_SIZE(zone_attr_of); kind++) {
		if (!tb[zone_attr_of[kind]])
			continue;
		key = read_zone_key(kind, tb[zone_attr_of[kind]]);
		n++;
	}
	if (n != 1) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "a zone rule is about one MAC, VLAN, interface or hub");
		return -EINVAL;
	}
	if (tb[HUBMESH_A_ZONE_MAC] && !is_valid_ether_addr(nla_data(tb[HUBMESH_A_ZONE_MAC]))) {
		NL_SET_ERR_MSG_ATTR(extack, tb[HUBMESH_A_ZONE_MAC], "ZONE_MAC: must be unicast");
		return -EADDRNOTAVAIL;
	}
	return hm_filter_add_zone(hm, key, nla_get_u16(tb[HUBMESH_A_ZONE_ID]), extack);
}

static int stage_pair(struct hm_device *hm, struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HUBMESH_A_PAIR_MAX + 1];
	int ret;

	ret = nla_parse_nested(tb, HUBMESH_A_PAIR_MAX, nest, pair_policy, extack) ?:
	      hm_nl_require(nest, tb, HUBMESH_A_PAIR_SRC, "PAIR_SRC: from which zone?", extack) ?:
	      hm_nl_require(nest, tb, HUBMESH_A_PAIR_DST, "PAIR_DST: to which zone?", extack);
	if (ret)
		return ret;
	return hm_filter_add_pair(hm, nla_get_u16(tb[HUBMESH_A_PAIR_SRC]),
				  nla_get_u16(tb[HUBMESH_A_PAIR_DST]), extack);
}

static void read_u16(u16 *value, struct hm_acl_rule *rule, u16 field, const struct nlattr *attr)
{
	if (!attr)
		return;
	*value = nla_get_u16(attr);
	rule->fields |= field;
}

/* A port range; any port without it. */
static int read_ports(u16 *first, u16 *last, struct hm_acl_rule *rule, struct nlattr *from,
		      struct nlattr *to, struct netlink_ext_ack *extack)
{
	*last = U16_MAX;
	if (!from && !to)
		return 0;
	if (!from) {
		NL_SET_ERR_MSG_ATTR(extack, to, "ACL ports: a last port needs a first");
		return -EINVAL;
	}
	*first = nla_get_u16(from);
	*last = to ? nla_get_u16(to) : *first;
	rule->fields |= HM_ACL_PORTS;
	return 0;
}

static int read_acl_prefix(struct hm_prefix *prefix, struct hm_acl_rule *rule, u16 field,
			   const struct nlattr *attr, struct netlink_ext_ack *extack)
{
	if (!attr)
		return 0;
	rule->fields |= field;
	return hm_nl_read_prefix(attr, prefix, extack);
}

static int read_rule(struct hm_acl_rule *rule, struct nlattr **tb, struct netlink_ext_ack *extack)
{
	memset(rule, 0, sizeof(*rule));
	rule->action = nla_get_u32(tb[HUBMESH_A_ACL_ACTION]);
	read_u16(&rule->src_zone, rule, HM_ACL_SRC_ZONE, tb[HUBMESH_A_ACL_SRC_ZONE]);
	read_u16(&rule->dst_zone, rule, HM_ACL_DST_ZONE, tb[HUBMESH_A_ACL_DST_ZONE]);
	read_u16(&rule->ethertype, rule, HM_ACL_ETHERTYPE, tb[HUBMESH_A_ACL_ETHERTYPE]);
	read_u16(&rule->vlan, rule, HM_ACL_VLAN, tb[HUBMESH_A_ACL_VLAN]);
	if (tb[HUBMESH_A_ACL_PROTOCOL]) {
		rule->protocol = nla_get_u8(tb[HUBMESH_A_ACL_PROTOCOL]);
		rule->fields |= HM_ACL_PROTOCOL;
	}
	if (tb[HUBMESH_A_ACL_LOG])
		rule->log_every = nla_get_u32(tb[HUBMESH_A_ACL_LOG]);
	return read_ports(&rule->sport_first, &rule->sport_last, rule,
			  tb[HUBMESH_A_ACL_SPORT_FIRST], tb[HUBMESH_A_ACL_SPORT_LAST], extack) ?:
	       read_ports(&rule->dport_first, &rule->dport_last, rule,
			  tb[HUBMESH_A_ACL_DPORT_FIRST], tb[HUBMESH_A_ACL_DPORT_LAST], extack) ?:
	       read_acl_prefix(&rule->src, rule, HM_ACL_SRC, tb[HUBMESH_A_ACL_SRC], extack) ?:
	       read_acl_prefix(&rule->dst, rule, HM_ACL_DST, tb[HUBMESH_A_ACL_DST], extack);
}

static int stage_acl(struct hm_device *hm, struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HUBMESH_A_ACL_MAX + 1];
	struct hm_acl_rule rule;
	int ret;

	ret = nla_parse_nested(tb, HUBMESH_A_ACL_MAX, nest, acl_policy, extack) ?:
	      hm_nl_require(nest, tb, HUBMESH_A_ACL_ACTION, "ACL_ACTION: accept or deny?",
			    extack) ?:
	      read_rule(&rule, tb, extack);
	return ret ?: hm_filter_add_acl(hm, &rule, extack);
}

static int stage_rules(struct hm_device *hm, struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct nlattr *attr;
	int left, ret = 0;

	nla_for_each_nested(attr, nest, left) {
		if (nla_type(attr) == HUBMESH_A_FILTER_ZONE)
			ret = stage_zone(hm, attr, extack);
		else if (nla_type(attr) == HUBMESH_A_FILTER_PAIR)
			ret = stage_pair(hm, attr, extack);
		else if (nla_type(attr) == HUBMESH_A_FILTER_ACL)
			ret = stage_acl(hm, attr, extack);
		else if (nla_type(attr) == HUBMESH_A_FILTER_HOPS_LIMIT)
			hm->pending_filter->hops_max = nla_get_u8(attr);
		if (ret)
			return hm_nl_refuse(extack, attr, ret);
	}
	return 0;
}

/* hm->lock held. */
static int replace(struct hm_device *hm, struct nlattr *nest, struct nlattr **tb,
		   struct netlink_ext_ack *extack)
{
	u64 generation = nla_get_u64(tb[HUBMESH_A_FILTER_GENERATION]);
	u32 flags = tb[HUBMESH_A_FILTER_FLAGS] ? nla_get_u32(tb[HUBMESH_A_FILTER_FLAGS]) : 0;
	int ret;

	if (flags & HUBMESH_FILTER_F_BEGIN)
		ret = hm_filter_begin(hm, generation, extack);
	else
		ret = hm_filter_continue(hm, generation, extack);
	if (ret)
		return ret;
	ret = stage_rules(hm, nest, extack);
	if (!ret && flags & HUBMESH_FILTER_F_COMMIT)
		ret = hm_filter_commit(hm, extack);
	if (ret)
		hm_filter_abort(hm);
	return ret;
}

/**
 * hm_nl_filter_replace() - FILTER_REPLACE: one step of a rule set transaction
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno with the set in force untouched.
 */
int hm_nl_filter_replace(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *nest = info->attrs[HUBMESH_A_FILTER];
	struct nlattr *tb[HUBMESH_A_FILTER_MAX + 1];
	struct hm_device *hm;
	int ret;

	ret = hm_nl_parse_nest(tb, HUBMESH_A_FILTER_MAX, info, HUBMESH_A_FILTER,
			       hm_nl_filter_policy) ?:
	      hm_nl_require(nest, tb, HUBMESH_A_FILTER_GENERATION,
			    "FILTER_GENERATION is missing", info->extack);
	if (ret)
		return ret;
	hm = hm_nl_device_lock(info);
	if (IS_ERR(hm))
		return PTR_ERR(hm);
	ret = replace(hm, nest, tb, info->extack);
	hm_nl_device_unlock(hm);
	return hm_nl_refuse(info->extack, nest, ret);
}

/* ---- FILTER_GET ------------------------------------------------------------------- */

static int put_zone(struct sk_buff *skb, const struct hm_zone_rule *rule)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_FILTER_ZONE);
	enum hm_zone_kind kind = rule->key >> 48;
	u8 mac[ETH_ALEN];
	int ret;

	if (!nest || nla_put_u16(skb, HUBMESH_A_ZONE_ID, rule->zone))
		return -EMSGSIZE;
	if (kind == HM_ZONE_VLAN) {
		ret = nla_put_u16(skb, HUBMESH_A_ZONE_VLAN, rule->key);
	} else if (kind == HM_ZONE_IFINDEX) {
		ret = nla_put_u32(skb, HUBMESH_A_ZONE_IFINDEX, rule->key);
	} else {
		u64_to_ether_addr(rule->key & GENMASK_ULL(47, 0), mac);
		ret = nla_put(skb, zone_attr_of[kind], ETH_ALEN, mac);
	}
	nla_nest_end(skb, nest);
	return ret;
}

static int put_pair(struct sk_buff *skb, const struct hm_zone_pair *pair)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_FILTER_PAIR);

	if (!nest || nla_put_u16(skb, HUBMESH_A_PAIR_SRC, pair->src) ||
	    nla_put_u16(skb, HUBMESH_A_PAIR_DST, pair->dst))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_matches(struct sk_buff *skb, const struct hm_acl_rule *rule)
{
	u16 fields = rule->fields;

	if ((fields & HM_ACL_SRC_ZONE &&
	     nla_put_u16(skb, HUBMESH_A_ACL_SRC_ZONE, rule->src_zone)) ||
	    (fields & HM_ACL_DST_ZONE &&
	     nla_put_u16(skb, HUBMESH_A_ACL_DST_ZONE, rule->dst_zone)) ||
	    (fields & HM_ACL_ETHERTYPE &&
	     nla_put_u16(skb, HUBMESH_A_ACL_ETHERTYPE, rule->ethertype)) ||
	    (fields & HM_ACL_VLAN && nla_put_u16(skb, HUBMESH_A_ACL_VLAN, rule->vlan)) ||
	    (fields & HM_ACL_PROTOCOL &&
	     nla_put_u8(skb, HUBMESH_A_ACL_PROTOCOL, rule->protocol)) ||
	    (fields & HM_ACL_SRC && hm_nl_put_prefix(skb, HUBMESH_A_ACL_SRC, &rule->src)) ||
	    (fields & HM_ACL_DST && hm_nl_put_prefix(skb, HUBMESH_A_ACL_DST, &rule->dst)))
		return -EMSGSIZE;
	if (fields & HM_ACL_PORTS &&
	    (nla_put_u16(skb, HUBMESH_A_ACL_SPORT_FIRST, rule->sport_first) ||
	     nla_put_u16(skb, HUBMESH_A_ACL_SPORT_LAST, rule->sport_last) ||
	     nla_put_u16(skb, HUBMESH_A_ACL_DPORT_FIRST, rule->dport_first) ||
	     nla_put_u16(skb, HUBMESH_A_ACL_DPORT_LAST, rule->dport_last)))
		return -EMSGSIZE;
	return 0;
}

static int put_acl(struct sk_buff *skb, const struct hm_acl_entry *entry)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_FILTER_ACL);

	if (!nest || nla_put_u32(skb, HUBMESH_A_ACL_ACTION, entry->rule.action) ||
	    put_matches(skb, &entry->rule) ||
	    (entry->rule.log_every &&
	     nla_put_u32(skb, HUBMESH_A_ACL_LOG, entry->rule.log_every)) ||
	    nla_put_u64_64bit(skb, HUBMESH_A_ACL_HITS, hm_hits_sum(entry->hits),
			      HUBMESH_A_ACL_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* Part @at of a rule set: its settings, then zones, pairs, ACL.  -ENOENT behind the last. */
static int put_part(struct sk_buff *skb, const struct hm_filter *filter, u64 at)
{
	if (!at)
		return nla_put_u8(skb, HUBMESH_A_FILTER_HOPS_LIMIT, filter ? filter->hops_max : 0);
	at--;
	if (!filter)
		return -ENOENT;
	if (at < filter->n_zones)
		return put_zone(skb, &filter->zones[at]);
	at -= filter->n_zones;
	if (at < filter->n_pairs)
		return put_pair(skb, &filter->pairs[at]);
	at -= filter->n_pairs;
	return at < filter->n_acl ? put_acl(skb, &filter->acl[at]) : -ENOENT;
}

/* Return: 0, -EMSGSIZE, or -ENOENT behind the last part. */
static int put_part_message(struct sk_buff *skb, const struct hm_device *hm, u64 at,
			    struct netlink_callback *cb)
{
	const struct hm_filter *filter;
	struct nlattr *nest;
	void *header;
	int ret;

	filter = rcu_dereference_protected(hm->filter, lockdep_is_held(&hm->lock));
	header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			     &hm_genl_family, NLM_F_MULTI, HUBMESH_CMD_FILTER_GET);
	if (!header)
		return -EMSGSIZE;
	ret = hm_nl_put_device_name(skb, hm);
	nest = nla_nest_start(skb, HUBMESH_A_FILTER);
	if (ret || !nest ||
	    nla_put_u64_64bit(skb, HUBMESH_A_FILTER_GENERATION, hm->filter_generation,
			      HUBMESH_A_FILTER_PAD))
		ret = -EMSGSIZE;
	else
		ret = put_part(skb, filter, at);
	if (ret) {
		genlmsg_cancel(skb, header);
		return ret;
	}
	nla_nest_end(skb, nest);
	genl_dump_check_consistent(cb, header);
	genlmsg_end(skb, header);
	return 0;
}

/**
 * hm_nl_filter_dump() - FILTER_GET dump: show the rule set in force
 * @skb: reply
 * @cb: the dump
 *
 * Return: bytes put, 0 at the end; -errno.
 */
int hm_nl_filter_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct hm_nl_cursor *cursor = hm_nl_cursor(cb);
	struct hm_device *hm = hm_nl_dump_lock(skb, cb);

	if (IS_ERR(hm))
		return PTR_ERR(hm);
	while (!put_part_message(skb, hm, cursor->at, cb))
		cursor->at++;
	hm_nl_device_unlock(hm);
	return skb->len;
}
