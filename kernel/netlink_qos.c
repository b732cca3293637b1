// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: netlink commands on queues and classification rules
 *
 * Between messages and qos.c, classify.c: QOS_SET, QOS_GET, RULE_REPLACE,
 * RULE_GET.  A set of rules is built whole before it replaces the one in force.
 */
#include "netlink.h"
#include "qos.h"

static struct netlink_range_validation weight_range = {
	.min = 1, .max = HM_QUEUE_WEIGHT_MAX,
};
static struct netlink_range_validation frames_range = {
	.min = 1, .max = HM_QUEUE_FRAMES_MAX,
};
static struct netlink_range_validation bytes_range = {
	.min = 1, .max = HM_QUEUE_BYTES_MAX,
};
static struct netlink_range_validation target_range = {
	.min = HM_CODEL_TARGET_US_MIN, .max = HM_CODEL_TARGET_US_MAX,
};
static struct netlink_range_validation interval_range = {
	.min = HM_CODEL_INTERVAL_US_MIN, .max = HM_CODEL_INTERVAL_US_MAX,
};

static const struct nla_policy class_policy[HUBMESH_A_CLASS_MAX + 1] = {
	[HUBMESH_A_CLASS_NUMBER] = NLA_POLICY_MAX(NLA_U8, HM_CLASSES - 1),
	[HUBMESH_A_CLASS_WEIGHT] = NLA_POLICY_FULL_RANGE(NLA_U8, &weight_range),
	[HUBMESH_A_CLASS_LIMIT_FRAMES] = NLA_POLICY_FULL_RANGE(NLA_U32, &frames_range),
	[HUBMESH_A_CLASS_LIMIT_BYTES] = NLA_POLICY_FULL_RANGE(NLA_U32, &bytes_range),
	[HUBMESH_A_CLASS_TARGET_US] = NLA_POLICY_FULL_RANGE(NLA_U32, &target_range),
	[HUBMESH_A_CLASS_INTERVAL_US] = NLA_POLICY_FULL_RANGE(NLA_U32, &interval_range),
	[HUBMESH_A_CLASS_SENT_FRAMES] = HM_NL_READ_ONLY,
	[HUBMESH_A_CLASS_SENT_BYTES] = HM_NL_READ_ONLY,
	[HUBMESH_A_CLASS_DROPS_FULL] = HM_NL_READ_ONLY,
	[HUBMESH_A_CLASS_DROPS_CODEL] = HM_NL_READ_ONLY,
	[HUBMESH_A_CLASS_DROPS_FLUSHED] = HM_NL_READ_ONLY,
	[HUBMESH_A_CLASS_BACKLOG_FRAMES] = HM_NL_READ_ONLY,
	[HUBMESH_A_CLASS_BACKLOG_BYTES] = HM_NL_READ_ONLY,
	[HUBMESH_A_CLASS_SOJOURN_US] = HM_NL_READ_ONLY,
	[HUBMESH_A_CLASS_SOJOURN_PEAK_US] = HM_NL_READ_ONLY,
};

const struct nla_policy hm_nl_qos_policy[HUBMESH_A_QOS_MAX + 1] = {
	[HUBMESH_A_QOS_STRICT_SHARE] = NLA_POLICY_MAX(NLA_U8, 100),
	[HUBMESH_A_QOS_CLASS] = NLA_POLICY_NESTED(class_policy),
};

/* ---- queues ------------------------------------------------------------------- */

static int read_class(struct hm_queue_config *cfg, const struct nlattr *nest,
		      struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HUBMESH_A_CLASS_MAX + 1];
	struct hm_class_settings *class;
	u8 number;
	int type, ret;

	ret = nla_parse_nested(tb, HUBMESH_A_CLASS_MAX, nest, class_policy, extack) ?:
	      hm_nl_require(nest, tb, HUBMESH_A_CLASS_NUMBER, "CLASS_NUMBER: which class?",
			    extack);
	if (ret)
		return ret;
	number = nla_get_u8(tb[HUBMESH_A_CLASS_NUMBER]);
	if (cfg->set[number]) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "a class is named twice");
		return -EEXIST;
	}
	for (type = 1; type <= HUBMESH_A_CLASS_MAX; type++)
		if (tb[type])
			cfg->set[number] |= BIT(type);
	class = &cfg->class[number];
	if (tb[HUBMESH_A_CLASS_WEIGHT])
		class->weight = nla_get_u8(tb[HUBMESH_A_CLASS_WEIGHT]);
	if (tb[HUBMESH_A_CLASS_LIMIT_FRAMES])
		class->limit_frames = nla_get_u32(tb[HUBMESH_A_CLASS_LIMIT_FRAMES]);
	if (tb[HUBMESH_A_CLASS_LIMIT_BYTES])
		class->limit_bytes = nla_get_u32(tb[HUBMESH_A_CLASS_LIMIT_BYTES]);
	if (tb[HUBMESH_A_CLASS_TARGET_US])
		class->target_us = nla_get_u32(tb[HUBMESH_A_CLASS_TARGET_US]);
	if (tb[HUBMESH_A_CLASS_INTERVAL_US])
		class->interval_us = nla_get_u32(tb[HUBMESH_A_CLASS_INTERVAL_US]);
	return 0;
}

static int read_queue_config(struct hm_queue_config *cfg, const struct nlattr *nest,
			     struct nlattr **tb, struct netlink_ext_ack *extack)
{
	struct nlattr *attr;
	int left, ret;

	memset(cfg, 0, sizeof(*cfg));
	cfg->has_strict_share = tb[HUBMESH_A_QOS_STRICT_SHARE];
	if (cfg->has_strict_share)
		cfg->strict_share = nla_get_u8(tb[HUBMESH_A_QOS_STRICT_SHARE]);
	nla_for_each_nested(attr, nest, left) {
		if (nla_type(attr) != HUBMESH_A_QOS_CLASS)
			continue;
		ret = read_class(cfg, attr, extack);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * hm_nl_qos_set() - QOS_SET: change how a link queues its classes
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno with nothing changed.
 */
int hm_nl_qos_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *link_tb[HUBMESH_A_LINK_MAX + 1], *tb[HUBMESH_A_QOS_MAX + 1];
	struct hm_queue_config cfg;
	struct hm_device *hm;
	struct hm_link *link;
	int ret;

	ret = hm_nl_parse_nest(link_tb, HUBMESH_A_LINK_MAX, info, HUBMESH_A_LINK,
			       hm_nl_link_name_policy) ?:
	      hm_nl_parse_nest(tb, HUBMESH_A_QOS_MAX, info, HUBMESH_A_QOS, hm_nl_qos_policy) ?:
	      read_queue_config(&cfg, info->attrs[HUBMESH_A_QOS], tb, info->extack);
	if (ret)
		return ret;
	hm = hm_nl_device_lock(info);
	if (IS_ERR(hm))
		return PTR_ERR(hm);
	link = hm_nl_link_find(hm, link_tb, info->attrs[HUBMESH_A_LINK], info->extack);
	if (IS_ERR(link))
		ret = PTR_ERR(link);
	else
		hm_queue_configure(link->queue, &cfg);
	hm_nl_device_unlock(hm);
	return ret;
}

static int put_u64(struct sk_buff *skb, int type, u64 value)
{
	return nla_put_u64_64bit(skb, type, value, HUBMESH_A_CLASS_PAD);
}

static int put_class(struct sk_buff *skb, struct hm_queue *queue, u8 number)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_QOS_CLASS);
	struct hm_class_report r;

	if (!nest)
		return -EMSGSIZE;
	hm_queue_report(queue, number, &r);
	if (nla_put_u8(skb, HUBMESH_A_CLASS_NUMBER, number) ||
	    nla_put_u8(skb, HUBMESH_A_CLASS_WEIGHT, r.settings.weight) ||
	    nla_put_u32(skb, HUBMESH_A_CLASS_LIMIT_FRAMES, r.settings.limit_frames) ||
	    nla_put_u32(skb, HUBMESH_A_CLASS_LIMIT_BYTES, r.settings.limit_bytes) ||
	    nla_put_u32(skb, HUBMESH_A_CLASS_TARGET_US, r.settings.target_us) ||
	    nla_put_u32(skb, HUBMESH_A_CLASS_INTERVAL_US, r.settings.interval_us) ||
	    put_u64(skb, HUBMESH_A_CLASS_SENT_FRAMES, r.counts.sent_frames) ||
	    put_u64(skb, HUBMESH_A_CLASS_SENT_BYTES, r.counts.sent_bytes) ||
	    put_u64(skb, HUBMESH_A_CLASS_DROPS_FULL, r.counts.full) ||
	    put_u64(skb, HUBMESH_A_CLASS_DROPS_CODEL, r.counts.codel) ||
	    put_u64(skb, HUBMESH_A_CLASS_DROPS_FLUSHED, r.counts.flushed) ||
	    nla_put_u32(skb, HUBMESH_A_CLASS_BACKLOG_FRAMES, r.frames) ||
	    nla_put_u32(skb, HUBMESH_A_CLASS_BACKLOG_BYTES, r.bytes) ||
	    nla_put_u32(skb, HUBMESH_A_CLASS_SOJOURN_US, r.sojourn_us) ||
	    nla_put_u32(skb, HUBMESH_A_CLASS_SOJOURN_PEAK_US, r.counts.peak_us))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_queue(struct sk_buff *skb, const struct hm_link *link)
{
	struct nlattr *nest = nla_nest_start(skb, HUBMESH_A_LINK);
	u8 number;

	if (!nest || nla_put_u32(skb, HUBMESH_A_LINK_INDEX, link->index) ||
	    nla_put_u64_64bit(skb, HUBMESH_A_LINK_RATE, READ_ONCE(link->queue->rate),
			      HUBMESH_A_LINK_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	nest = nla_nest_start(skb, HUBMESH_A_QOS);
	if (!nest || nla_put_u8(skb, HUBMESH_A_QOS_STRICT_SHARE, link->queue->strict_share))
		return -EMSGSIZE;
	for (number = 0; number < HM_CLASSES; number++)
		if (put_class(skb, link->queue, number))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_queue_message(struct sk_buff *skb, const struct hm_link *link, u32 portid,
			     u32 seq, int flags, struct netlink_callback *cb)
{
	void *header = genlmsg_put(skb, portid, seq, &hm_genl_family, flags,
				   HUBMESH_CMD_QOS_GET);

	if (!header)
		return -EMSGSIZE;
	if (hm_nl_put_device_name(skb, link->hm) || put_queue(skb, link)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	if (cb)
		genl_dump_check_consistent(cb, header);
	genlmsg_end(skb, header);
	return 0;
}

/* hm->lock held; the reply is sent by the caller. */
static struct sk_buff *queue_reply(struct genl_info *info, const struct hm_link *link)
{
	struct sk_buff *reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (reply && put_queue_message(reply, link, info->snd_portid, info->snd_seq, 0, NULL)) {
		nlmsg_free(reply);
		reply = NULL;
	}
	return reply;
}

/**
 * hm_nl_qos_get() - QOS_GET: show the queue of one link
 * @skb: request
 * @info: the command
 *
 * Return: 0 or -errno.
 */
int hm_nl_qos_get(struct sk_buff *skb, struct genl_info *info)
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
		reply = queue_reply(info, link);
	hm_nl_device_unlock(hm);
	if (reply)
		return genlmsg_reply(reply, info);
	return hm_nl_refuse(info->extack, NULL, ret ?: -ENOMEM);
}

/**
 * hm_nl_qos_dump() - QOS_GET dump: show the queue of every link, in order of index
 * @skb: reply
 * @cb: the dump
 *
 * Return: bytes put, 0 at the end; -errno.
 */
int hm_nl_qos_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct hm_nl_cursor *cursor = hm_nl_cursor(cb);
	struct hm_device *hm = hm_nl_dump_lock(skb, cb);
	struct hm_link *link;
	unsigned long index;

	if (IS_ERR(hm))
		return PTR_ERR(hm);
	xa_for_each_start(&hm->links, index, link, cursor->at) {
		if (put_queue_message(skb, link, NETLINK_CB(cb->skb).portid,
				      cb->nlh->nlmsg_seq, NLM_F_MULTI, cb))
			break;
		cursor->at = index + 1;
	}
	hm_nl_device_unlock(hm);
	return skb->len;
}

/* ---- rules -------------------------------------------------------------------- */

static struct netlink_range_validation ethertype_range = {
	.min = ETH_P_802_3_MIN, .max = U16_MAX,
};
static struct netlink_range_validation vlan_id_range = { .min = 0, .max = 4094 };

static const struct nla_policy rule_policy[HUBMESH_A_RULE_MAX + 1] = {
	[HUBMESH_A_RULE_CLASS] = NLA_POLICY_MAX(NLA_U8, HM_CLASSES - 1),
	[HUBMESH_A_RULE_ETHERTYPE] = NLA_POLICY_FULL_RANGE(NLA_U16, &ethertype_range),
	[HUBMESH_A_RULE_VLAN_ID] = NLA_POLICY_FULL_RANGE(NLA_U16, &vlan_id_range),
	[HUBMESH_A_RULE_VLAN_PCP] = NLA_POLICY_MAX(NLA_U8, 7),
	[HUBMESH_A_RULE_DSCP] = NLA_POLICY_MAX(NLA_U8, 63),
	[HUBMESH_A_RULE_PROTOCOL] = { .type = NLA_U8 },
	[HUBMESH_A_RULE_SRC4] = NLA_POLICY_EXACT_LEN(sizeof(struct in_addr)),
	[HUBMESH_A_RULE_SRC6] = NLA_POLICY_EXACT_LEN(sizeof(struct in6_addr)),
	[HUBMESH_A_RULE_SRC_PREFIX] = NLA_POLICY_MAX(NLA_U8, 128),
	[HUBMESH_A_RULE_DST4] = NLA_POLICY_EXACT_LEN(sizeof(struct in_addr)),
	[HUBMESH_A_RULE_DST6] = NLA_POLICY_EXACT_LEN(sizeof(struct in6_addr)),
	[HUBMESH_A_RULE_DST_PREFIX] = NLA_POLICY_MAX(NLA_U8, 128),
	[HUBMESH_A_RULE_SPORT] = { .type = NLA_U16 },
	[HUBMESH_A_RULE_SPORT_LAST] = { .type = NLA_U16 },
	[HUBMESH_A_RULE_DPORT] = { .type = NLA_U16 },
	[HUBMESH_A_RULE_DPORT_LAST] = { .type = NLA_U16 },
	[HUBMESH_A_RULE_MARK] = { .type = NLA_U32 },
	[HUBMESH_A_RULE_MARK_MASK] = { .type = NLA_U32 },
	[HUBMESH_A_RULE_PRIORITY] = { .type = NLA_U32 },
};

const struct nla_policy hm_nl_rules_policy[HUBMESH_A_RULES_MAX + 1] = {
	[HUBMESH_A_RULES_RULE] = NLA_POLICY_NESTED(rule_policy),
};

/* Read one of @attr4 and @attr6, if there is one.  @bits: prefix length, or NULL. */
static int read_prefix(struct hm_prefix *prefix, const struct nlattr *attr4,
		       const struct nlattr *attr6, const struct nlattr *bits,
		       struct netlink_ext_ack *extack)
{
	const struct nlattr *attr = attr4 ?: attr6;
	struct in6_addr address = {};
	unsigned int length, n;

	if (attr4 && attr6) {
		NL_SET_ERR_MSG_ATTR(extack, attr6, "IPv4 or IPv6 prefix, not both");
		return -EINVAL;
	}
	if (!attr) {
		if (!bits)
			return 0;
		NL_SET_ERR_MSG_ATTR(extack, bits, "a prefix length needs an address");
		return -EINVAL;
	}
	length = nla_len(attr) * BITS_PER_BYTE;
	n = bits ? nla_get_u8(bits) : length;
	if (n > length) {
		NL_SET_ERR_MSG_ATTR(extack, bits, "longer than the address: at most 32, or 128 for IPv6");
		return -ERANGE;
	}
	prefix->family = attr4 ? 4 : 6;
	prefix->len = n;
	memcpy(&address, nla_data(attr), nla_len(attr));
	ipv6_addr_prefix(&prefix->address, &address, n);
	if (ipv6_addr_equal(&prefix->address, &address))
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr, "the address has bits behind its prefix: clear them");
	return -EINVAL;
}

static int read_ports(struct hm_port_range *range, const struct nlattr *first,
		      const struct nlattr *last, struct netlink_ext_ack *extack)
{
	if (!first) {
		if (!last)
			return 0;
		NL_SET_ERR_MSG_ATTR(extack, last, "the first port of the range is missing");
		return -EINVAL;
	}
	range->first = nla_get_u16(first);
	range->last = last ? nla_get_u16(last) : range->first;
	if (range->last >= range->first)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, last, "the last port is below the first");
	return -ERANGE;
}

static int read_mark(struct hm_rule *rule, struct nlattr **tb, struct netlink_ext_ack *extack)
{
	const struct nlattr *mark = tb[HUBMESH_A_RULE_MARK], *mask = tb[HUBMESH_A_RULE_MARK_MASK];

	if (!mark) {
		if (!mask)
			return 0;
		NL_SET_ERR_MSG_ATTR(extack, mask, "a mask needs a mark");
		return -EINVAL;
	}
	rule->mark = nla_get_u32(mark);
	rule->mark_mask = mask ? nla_get_u32(mask) : U32_MAX;
	if (!(rule->mark & ~rule->mark_mask))
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, mark, "the mark has bits that its mask leaves out");
	return -EINVAL;
}

static void read_numbers(struct hm_rule *rule, struct nlattr **tb)
{
	rule->class = nla_get_u8(tb[HUBMESH_A_RULE_CLASS]);
	if (tb[HUBMESH_A_RULE_ETHERTYPE])
		rule->ethertype = nla_get_u16(tb[HUBMESH_A_RULE_ETHERTYPE]);
	if (tb[HUBMESH_A_RULE_VLAN_ID])
		rule->vlan_id = nla_get_u16(tb[HUBMESH_A_RULE_VLAN_ID]);
	if (tb[HUBMESH_A_RULE_VLAN_PCP])
		rule->vlan_pcp = nla_get_u8(tb[HUBMESH_A_RULE_VLAN_PCP]);
	if (tb[HUBMESH_A_RULE_DSCP])
		rule->dscp = nla_get_u8(tb[HUBMESH_A_RULE_DSCP]);
	if (tb[HUBMESH_A_RULE_PROTOCOL])
		rule->protocol = nla_get_u8(tb[HUBMESH_A_RULE_PROTOCOL]);
	if (tb[HUBMESH_A_RULE_PRIORITY])
		rule->priority = nla_get_u32(tb[HUBMESH_A_RULE_PRIORITY]);
}

static int read_rule(struct hm_rule *rule, const struct nlattr *nest,
		     struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HUBMESH_A_RULE_MAX + 1];
	int type, ret;

	ret = nla_parse_nested(tb, HUBMESH_A_RULE_MAX, nest, rule_policy, extack) ?:
	      hm_nl_require(nest, tb, HUBMESH_A_RULE_CLASS, "RULE_CLASS: which class?", extack);
	if (ret)
		return ret;
	for (type = 1; type <= HUBMESH_A_RULE_MAX; type++)
		if (tb[type])
			rule->set |= BIT(type);
	/* A prefix is looked for under one name, whatever its family. */
	if (tb[HUBMESH_A_RULE_SRC6])
		rule->set |= BIT(HUBMESH_A_RULE_SRC4);
	if (tb[HUBMESH_A_RULE_DST6])
		rule->set |= BIT(HUBMESH_A_RULE_DST4);
	read_numbers(rule, tb);
	return read_prefix(&rule->src, tb[HUBMESH_A_RULE_SRC4], tb[HUBMESH_A_RULE_SRC6],
			   tb[HUBMESH_A_RULE_SRC_PREFIX], extack) ?:
	       read_prefix(&rule->dst, tb[HUBMESH_A_RULE_DST4], tb[HUBMESH_A_RULE_DST6],
			   tb[HUBMESH_A_RULE_DST_PREFIX], extack) ?:
	       read_ports(&rule->sport, tb[HUBMESH_A_RULE_SPORT], tb[HUBMESH_A_RULE_SPORT_LAST],
			  extack) ?:
	       read_ports(&rule->dport, tb[HUBMESH_A_RULE_DPORT], tb[HUBMESH_A_RULE_DPORT_LAST],
			  extack) ?:
	       read_mark(rule, tb, extack);
}

/* The rules in @nest; NULL for none.  ERR_PTR on refusal, extack set. */
static struct hm_rules *rules_new(const struct nlattr *nest, struct netlink_ext_ack *extack)
{
	unsigned int count = 0;
	struct hm_rules *rules;
	struct nlattr *attr;
	int left, ret;

	nla_for_each_nested(attr, nest, left)
		count += nla_type(attr) == HUBMESH_A_RULES_RULE;
	if (!count)
		return NULL;
	if (count > HUBMESH_RULES_MAX) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "more than 64 rules");
		return ERR_PTR(-E2BIG);
	}
	rules = kzalloc(struct_size(rules, rule, count), GFP_KERNEL);
	if (!rules)
		return ERR_PTR(-ENOMEM);
	nla_for_each_nested(attr, nest, left) {
		if (nla_type(attr) != HUBMESH_A_RULES_RULE)
			continue;
		ret = read_rule(&rules->rule[rules->count++], attr, extack);
		if (ret) {
			kfree(rules);
			return ERR_PTR(ret);
		}
	}
	return rules;
}

/**
 * hm_nl_rule_replace() - RULE_REPLACE: replace all classification rules as one
 * @skb: request
 * @info: the command; an empty nest takes all rules away
 *
 * Return: 0 or -errno with the rules in force untouched.
 */
int hm_nl_rule_replace(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *nest = info->attrs[HUBMESH_A_RULES];
	struct nlattr *tb[HUBMESH_A_RULES_MAX + 1];
	struct hm_rules *rules;
	struct hm_device *hm;
	int ret;

	ret = hm_nl_parse_nest(tb, HUBMESH_A_RULES_MAX, info, HUBMESH_A_RULES,
			       hm_nl_rules_policy);
	if (ret)
		return ret;
	rules = rules_new(nest, info->extack);
	if (IS_ERR(rules))
		return hm_nl_refuse(info->extack, nest, PTR_ERR(rules));
	hm = hm_nl_device_lock(info);
	if (IS_ERR(hm)) {
		kfree(rules);
		return PTR_ERR(hm);
	}
	hm_rules_replace(hm, rules);
	hm_nl_device_unlock(hm);
	return 0;
}

static int put_prefix(struct sk_buff *skb, const struct hm_prefix *prefix, int type4, int type6,
		      int type_bits)
{
	int type = prefix->family == 4 ? type4 : type6;
	int len = prefix->family == 4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);

	if (!prefix->family)
		return 0;
	if (nla_put(skb, type, len, &prefix->address) || nla_put_u8(skb, type_bits, prefix->len))
		return -EMSGSIZE;
	return 0;
}

static int put_ports(struct sk_buff *skb, const struct hm_port_range *range, int type_first,
		     int type_last)
{
	if (nla_put_u16(skb, type_first, range->first) ||
	    nla_put_u16(skb, type_last, range->last))
		return -EMSGSIZE;
	return 0;
}

static bool has(const struct hm_rule *rule, int type)
{
	return rule->set & BIT(type);
}

static int put_rule_content(struct sk_buff *skb, const struct hm_rule *rule)
{
	if (nla_put_u8(skb, HUBMESH_A_RULE_CLASS, rule->class) ||
	    (has(rule, HUBMESH_A_RULE_ETHERTYPE) &&
	     nla_put_u16(skb, HUBMESH_A_RULE_ETHERTYPE, rule->ethertype)) ||
	    (has(rule, HUBMESH_A_RULE_VLAN_ID) &&
	     nla_put_u16(skb, HUBMESH_A_RULE_VLAN_ID, rule->vlan_id)) ||
	    (has(rule, HUBMESH_A_RULE_VLAN_PCP) &&
	     nla_put_u8(skb, HUBMESH_A_RULE_VLAN_PCP, rule->vlan_pcp)) ||
	    (has(rule, HUBMESH_A_RULE_DSCP) &&
	     nla_put_u8(skb, HUBMESH_A_RULE_DSCP, rule->dscp)) ||
	    (has(rule, HUBMESH_A_RULE_PROTOCOL) &&
	     nla_put_u8(skb, HUBMESH_A_RULE_PROTOCOL, rule->protocol)) ||
	    put_prefix(skb, &rule->src, HUBMESH_A_RULE_SRC4, HUBMESH_A_RULE_SRC6,
		       HUBMESH_A_RULE_SRC_PREFIX) ||
	    put_prefix(skb, &rule->dst, HUBMESH_A_RULE_DST4, HUBMESH_A_RULE_DST6,
		       HUBMESH_A_RULE_DST_PREFIX) ||
	    (has(rule, HUBMESH_A_RULE_SPORT) &&
	     put_ports(skb, &rule->sport, HUBMESH_A_RULE_SPORT, HUBMESH_A_RULE_SPORT_LAST)) ||
	    (has(rule, HUBMESH_A_RULE_DPORT) &&
	     put_ports(skb, &rule->dport, HUBMESH_A_RULE_DPORT, HUBMESH_A_RULE_DPORT_LAST)) ||
	    (has(rule, HUBMESH_A_RULE_MARK) &&
	     (nla_put_u32(skb, HUBMESH_A_RULE_MARK, rule->mark) ||
	      nla_put_u32(skb, HUBMESH_A_RULE_MARK_MASK, rule->mark_mask))) ||
	    (has(rule, HUBMESH_A_RULE_PRIORITY) &&
	     nla_put_u32(skb, HUBMESH_A_RULE_PRIORITY, rule->priority)))
		return -EMSGSIZE;
	return 0;
}

static int put_rule(struct sk_buff *skb, const struct hm_rule *rule)
{
	struct nlattr *rules = nla_nest_start(skb, HUBMESH_A_RULES), *nest;

	if (!rules)
		return -EMSGSIZE;
	nest = nla_nest_start(skb, HUBMESH_A_RULES_RULE);
	if (!nest || put_rule_content(skb, rule))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	nla_nest_end(skb, rules);
	return 0;
}

/* One rule a message. */
static int put_rule_message(struct sk_buff *skb, const struct hm_device *hm,
			    const struct hm_rule *rule, struct netlink_callback *cb)
{
	void *header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				   &hm_genl_family, NLM_F_MULTI, HUBMESH_CMD_RULE_GET);

	if (!header)
		return -EMSGSIZE;
	if (hm_nl_put_device_name(skb, hm) || put_rule(skb, rule)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genl_dump_check_consistent(cb, header);
	genlmsg_end(skb, header);
	return 0;
}

/**
 * hm_nl_rule_dump() - RULE_GET dump: show the classification rules, in order
 * @skb: reply
 * @cb: the dump
 *
 * Return: bytes put, 0 at the end; -errno.
 */
int hm_nl_rule_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct hm_nl_cursor *cursor = hm_nl_cursor(cb);
	struct hm_device *hm = hm_nl_dump_lock(skb, cb);
	const struct hm_rules *rules;

	if (IS_ERR(hm))
		return PTR_ERR(hm);
	rules = rcu_dereference_protected(hm->rules, lockdep_is_held(&hm->lock));
	for (; rules && cursor->at < rules->count; cursor->at++)
		if (put_rule_message(skb, hm, &rules->rule[cursor->at], cb))
			break;
	hm_nl_device_unlock(hm);
	return skb->len;
}
