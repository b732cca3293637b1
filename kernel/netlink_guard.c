// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: guards and storm limits in netlink messages
 *
 * Between messages and guard.c: HUB_SET, and the nests of prefixes and storm limits
 * that other commands carry too.
 */
#include "netlink.h"

#define HM_PREFIX4_LEN	(sizeof(struct in_addr) + 1)
#define HM_PREFIX6_LEN	(sizeof(struct in6_addr) + 1)

static struct netlink_range_validation pps_range = { .max = HM_STORM_PPS_MAX };
static struct netlink_range_validation learn_range = { .max = HUBMESH_FDB_MAX };
static struct netlink_range_validation bytes_range = { .max = HM_BUCKET_RATE_MAX };

const struct nla_policy hm_nl_storm_policy[HUBMESH_A_STORM_MAX + 1] = {
	[HUBMESH_A_STORM_BROADCAST_PPS] = NLA_POLICY_FULL_RANGE(NLA_U32, &pps_range),
	[HUBMESH_A_STORM_MULTICAST_PPS] = NLA_POLICY_FULL_RANGE(NLA_U32, &pps_range),
	[HUBMESH_A_STORM_UNKNOWN_PPS] = NLA_POLICY_FULL_RANGE(NLA_U32, &pps_range),
};

static const struct nla_policy prefixes_policy[HUBMESH_A_PREFIXES_MAX + 1] = {
	[HUBMESH_A_PREFIXES_PREFIX] = { .type = NLA_BINARY, .len = HM_PREFIX6_LEN },
};

const struct nla_policy hm_nl_guard_policy[HUBMESH_A_GUARD_MAX + 1] = {
	[HUBMESH_A_GUARD_ZONES] = {
		.type = NLA_BINARY,
		.len = HUBMESH_GUARD_ZONES_MAX * sizeof(u16),
	},
	[HUBMESH_A_GUARD_MACS] = {
		.type = NLA_BINARY,
		.len = HUBMESH_GUARD_MACS_MAX * ETH_ALEN,
	},
	[HUBMESH_A_GUARD_MACS_LEARN] = NLA_POLICY_FULL_RANGE(NLA_U32, &learn_range),
	[HUBMESH_A_GUARD_PREFIXES] = NLA_POLICY_NESTED(prefixes_policy),
	[HUBMESH_A_GUARD_FRAMES_PPS] = NLA_POLICY_FULL_RANGE(NLA_U32, &pps_range),
	[HUBMESH_A_GUARD_BYTES_PS] = NLA_POLICY_FULL_RANGE(NLA_U64, &bytes_range),
	[HUBMESH_A_GUARD_STORM] = NLA_POLICY_NESTED(hm_nl_storm_policy),
	[HUBMESH_A_GUARD_SCOPE] = NLA_POLICY_NESTED(prefixes_policy),
};

/* ---- storm limits and prefixes ------------------------------------------------ */

/**
 * hm_nl_read_storm() - Read storm limits.
 * @nest: nest of HUBMESH_A_STORM_*, policy checked
 * @pps: filled, 0 for a kind that is absent
 */
void hm_nl_read_storm(const struct nlattr *nest, u32 *pps)
{
	const struct nlattr *attr;
	int left;

	memset(pps, 0, HM_STORM_KINDS * sizeof(*pps));
	nla_for_each_nested(attr, nest, left)
		pps[nla_type(attr) - HUBMESH_A_STORM_BROADCAST_PPS] = nla_get_u32(attr);
}

/**
 * hm_nl_put_storm() - Put storm limits.
 * @skb: message
 * @type: attribute type of the nest
 * @storm: limits
 *
 * Return: 0 or -EMSGSIZE.
 */
int hm_nl_put_storm(struct sk_buff *skb, int type, const struct hm_storm *storm)
{
	struct nlattr *nest = nla_nest_start(skb, type);
	unsigned int kind;

	BUILD_BUG_ON(HUBMESH_A_STORM_MULTICAST_PPS - HUBMESH_A_STORM_BROADCAST_PPS !=
		     HM_STORM_MULTICAST);
	BUILD_BUG_ON(HUBMESH_A_STORM_UNKNOWN_PPS - HUBMESH_A_STORM_BROADCAST_PPS !=
		     HM_STORM_UNKNOWN);
	if (!nest)
		return -EMSGSIZE;
	for (kind = 0; kind < HM_STORM_KINDS; kind++)
		if (nla_put_u32(skb, HUBMESH_A_STORM_BROADCAST_PPS + kind,
				READ_ONCE(storm->pps[kind])))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/**
 * hm_nl_read_prefix() - Read a prefix.
 * @attr: binary: address, prefix length
 * @prefix: filled
 * @extack: extended ack of the command
 *
 * Return: 0 or -EINVAL.
 */
int hm_nl_read_prefix(const struct nlattr *attr, struct hm_prefix *prefix,
		      struct netlink_ext_ack *extack)
{
	unsigned int bytes = nla_len(attr);
	const u8 *data = nla_data(attr);
	struct in6_addr address = {};

	if (bytes != HM_PREFIX4_LEN && bytes != HM_PREFIX6_LEN) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "a prefix is an IPv4 or IPv6 address and one byte of length");
		return -EINVAL;
	}
	bytes--;
	prefix->family = bytes == sizeof(struct in_addr) ? 4 : 6;
	prefix->len = data[bytes];
	if (prefix->len > bytes * 8) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "the prefix length is above that of the address");
		return -EINVAL;
	}
	memcpy(&address, data, bytes);
	ipv6_addr_prefix(&prefix->address, &address, prefix->len);
	if (ipv6_addr_equal(&prefix->address, &address))
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr, "the address has bits set behind the prefix");
	return -EINVAL;
}

/**
 * hm_nl_put_prefix() - Put a prefix.
 * @skb: message
 * @type: attribute type
 * @prefix: prefix
 *
 * Return: 0 or -EMSGSIZE.
 */
int hm_nl_put_prefix(struct sk_buff *skb, int type, const struct hm_prefix *prefix)
{
	unsigned int bytes = prefix->family == 4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	struct nlattr *attr = nla_reserve(skb, type, bytes + 1);

	if (!attr)
		return -EMSGSIZE;
	memcpy(nla_data(attr), &prefix->address, bytes);
	((u8 *)nla_data(attr))[bytes] = prefix->len;
	return 0;
}

/* ---- guards -------------------------------------------------------------------- */

/* Number of @size-byte elements of a binary attribute; 0 without it.  < 0: a broken one. */
static int count_elements(const struct nlattr *attr, unsigned int size,
			  struct netlink_ext_ack *extack)
{
	if (!attr)
		return 0;
	if (nla_len(attr) % size) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "not a whole number of elements");
		return -EINVAL;
	}
	return nla_len(attr) / size;
}

static int count_prefixes(const struct nlattr *nest, int max, struct netlink_ext_ack *extack)
{
	const struct nlattr *attr;
	int left, n = 0;

	if (!nest)
		return 0;
	nla_for_each_nested(attr, nest, left)
		n++;
	if (n <= max)
		return n;
	NL_SET_ERR_MSG_ATTR(extack, nest, "more than 64 prefixes, or 8 of the scope, for one hub");
	return -E2BIG;
}

static int read_prefixes(struct hm_prefix *prefixes, u32 *n, const struct nlattr *nest,
			 struct netlink_ext_ack *extack)
{
	const struct nlattr *attr;
	int left, ret;

	if (!nest)
		return 0;
	nla_for_each_nested(attr, nest, left) {
		ret = hm_nl_read_prefix(attr, &prefixes[(*n)++], extack);
		if (ret)
			return ret;
	}
	return 0;
}

static int read_macs(struct hm_guard *guard, const struct nlattr *attr, unsigned int n,
		     struct netlink_ext_ack *extack)
{
	unsigned int i;

	memcpy(guard->macs, nla_data(attr), n * ETH_ALEN);
	guard->n_macs = n;
	for (i = 0; i < n; i++) {
		if (is_valid_ether_addr(guard->macs[i]))
			continue;
		NL_SET_ERR_MSG_ATTR(extack, attr, "GUARD_MACS: must be unicast addresses");
		return -EADDRNOTAVAIL;
	}
	return 0;
}

/* The room for lists is there.  Return: 0 or -errno. */
static int fill_guard(struct hm_guard *guard, struct nlattr **tb, unsigned int n_zones,
		      unsigned int n_macs, struct netlink_ext_ack *extack)
{
	int ret = 0;

	guard->checks_zones = tb[HUBMESH_A_GUARD_ZONES];
	guard->checks_macs = tb[HUBMESH_A_GUARD_MACS] || tb[HUBMESH_A_GUARD_MACS_LEARN];
	guard->checks_prefixes = tb[HUBMESH_A_GUARD_PREFIXES];
	guard->has_scope = tb[HUBMESH_A_GUARD_SCOPE];
	if (guard->has_scope && !guard->checks_prefixes) {
		NL_SET_ERR_MSG_ATTR(extack, tb[HUBMESH_A_GUARD_SCOPE],
				    "GUARD_SCOPE: of what? GUARD_PREFIXES is missing");
		return -EINVAL;
	}
	guard->n_zones = n_zones;
	if (n_zones)
		memcpy(guard->zones, nla_data(tb[HUBMESH_A_GUARD_ZONES]), n_zones * sizeof(u16));
	if (tb[HUBMESH_A_GUARD_MACS_LEARN])
		guard->macs_learn = nla_get_u32(tb[HUBMESH_A_GUARD_MACS_LEARN]);
	if (tb[HUBMESH_A_GUARD_FRAMES_PPS])
		guard->frames_pps = nla_get_u32(tb[HUBMESH_A_GUARD_FRAMES_PPS]);
	if (tb[HUBMESH_A_GUARD_BYTES_PS])
		guard->bytes_ps = nla_get_u64(tb[HUBMESH_A_GUARD_BYTES_PS]);
	if (tb[HUBMESH_A_GUARD_STORM])
		hm_nl_read_storm(tb[HUBMESH_A_GUARD_STORM], guard->storm.pps);
	if (n_macs)
		ret = read_macs(guard, tb[HUBMESH_A_GUARD_MACS], n_macs, extack);
	return ret ?: read_prefixes(guard->prefixes, &guard->n_prefixes,
				    tb[HUBMESH_A_GUARD_PREFIXES], extack) ?:
		      read_prefixes(guard->scope, &guard->n_scope, tb[HUBMESH_A_GUARD_SCOPE],
				    extack);
}

/**
 * hm_nl_read_guard() - Make the guard that a nest describes.
 * @nest: nest of HUBMESH_A_GUARD_*
 * @extack: extended ack of the command
 *
 * Return: guard; ERR_PTR(-EINVAL), (-E2BIG), (-EADDRNOTAVAIL) malformed, (-ENOMEM).
 */
struct hm_guard *hm_nl_read_guard(const struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HUBMESH_A_GUARD_MAX + 1];
	int ret, n_zones, n_macs, n_prefixes, n_scope;
	struct hm_guard *guard;

	ret = nla_parse_nested(tb, HUBMESH_A_GUARD_MAX, nest, hm_nl_guard_policy, extack);
	if (ret)
		return ERR_PTR(ret);
	n_zones = count_elements(tb[HUBMESH_A_GUARD_ZONES], sizeof(u16), extack);
	n_macs = count_elements(tb[HUBMESH_A_GUARD_MACS], ETH_ALEN, extack);
	n_prefixes = count_prefixes(tb[HUBMESH_A_GUARD_PREFIXES], HUBMESH_GUARD_PREFIXES_MAX,
				    extack);
	n_scope = count_prefixes(tb[HUBMESH_A_GUARD_SCOPE], HUBMESH_GUARD_SCOPE_MAX, extack);
	if (n_zones < 0 || n_macs < 0 || n_prefixes < 0 || n_scope < 0)
		return ERR_PTR(min(min3(n_zones, n_macs, n_prefixes), n_scope));
	guard = hm_guard_new(n_zones, n_macs, n_prefixes, n_scope);
	if (!guard)
		return ERR_PTR(-ENOMEM);
	ret = fill_guard(guard, tb, n_zones, n_macs, extack);
	if (!ret)
		return guard;
	kfree(guard);
	return ERR_PTR(ret);
}

static int put_prefixes(struct sk_buff *skb, int type, const struct hm_prefix *prefixes, u32 n)
{
	struct nlattr *nest = nla_nest_start(skb, type);
	u32 i;

	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < n; i++)
		if (hm_nl_put_prefix(skb, HUBMESH_A_PREFIXES_PREFIX, &prefixes[i]))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/**
 * hm_nl_put_guard() - Put the guard of a hub, if it has one.
 * @skb: message
 * @hub: hub, device lock held
 *
 * Return: 0 or -EMSGSIZE.
 */
int hm_nl_put_guard(struct sk_buff *skb, const struct hm_hub *hub)
{
	const struct hm_guard *guard;
	struct nlattr *nest;

	guard = rcu_dereference_protected(hub->guard, lockdep_is_held(&hub->hm->lock));
	if (!guard)
		return 0;
	nest = nla_nest_start(skb, HUBMESH_A_HUB_GUARD);
	if (!nest ||
	    (guard->checks_zones &&
	     nla_put(skb, HUBMESH_A_GUARD_ZONES, guard->n_zones * sizeof(u16), guard->zones)) ||
	    (guard->checks_macs &&
	     (nla_put(skb, HUBMESH_A_GUARD_MACS, guard->n_macs * ETH_ALEN, guard->macs) ||
	      nla_put_u32(skb, HUBMESH_A_GUARD_MACS_LEARN, guard->macs_learn))) ||
	    (guard->checks_prefixes && put_prefixes(skb, HUBMESH_A_GUARD_PREFIXES,
						    guard->prefixes, guard->n_prefixes)) ||
	    (guard->has_scope &&
	     put_prefixes(skb, HUBMESH_A_GUARD_SCOPE, guard->scope, guard->n_scope)) ||
	    nla_put_u32(skb, HUBMESH_A_GUARD_FRAMES_PPS, guard->frames_pps) ||
	    nla_put_u64_64bit(skb, HUBMESH_A_GUARD_BYTES_PS, guard->bytes_ps,
			      HUBMESH_A_GUARD_PAD) ||
	    hm_nl_put_storm(skb, HUBMESH_A_GUARD_STORM, &guard->storm))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}
