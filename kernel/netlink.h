/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_NETLINK_H
#define _HM_NETLINK_H

#include <net/genetlink.h>
#include "device.h"

extern struct genl_family hm_genl_family;
#define HM_MCGRP_EVENTS_ID 0

int hm_netlink_register(void);
void hm_netlink_unregister(void);

/**
 * struct hm_nl_cursor - where a dump goes on, kept in cb->ctx
 * @ifindex: device, 0 before the first message
 * @bucket: hash bucket, for hubs and routes
 * @at: entries of @bucket done, or the next index or the last number seen
 */
struct hm_nl_cursor {
	int ifindex;
	u32 bucket;
	u64 at;
};

static inline struct hm_nl_cursor *hm_nl_cursor(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct hm_nl_cursor) > sizeof(cb->ctx));
	return (struct hm_nl_cursor *)cb->ctx;
}

/* netlink.c: find the device a command names.  _get takes a reference on the
 * net_device, _lock also hm->lock, and refuses a device that is going.  ERR_PTR
 * with extack on refusal. */
struct hm_device *hm_nl_device_get(struct genl_info *info);
void hm_nl_device_put(struct hm_device *hm);
struct hm_device *hm_nl_device_lock(struct genl_info *info);
struct hm_device *hm_nl_dump_lock(struct sk_buff *skb, struct netlink_callback *cb);
void hm_nl_device_unlock(struct hm_device *hm);

/* netlink.c: make sure a refusal has a text and names an attribute; returns @ret. */
int hm_nl_refuse(struct netlink_ext_ack *extack, const struct nlattr *attr, int ret);
/* netlink.c: the nest @type must be there and well-formed.  0 or -errno. */
int hm_nl_parse_nest(struct nlattr **tb, int max, struct genl_info *info, int type,
		     const struct nla_policy *policy);
int hm_nl_require(const struct nlattr *nest, struct nlattr **tb, int type,
		  const char *what, struct netlink_ext_ack *extack);

/* Shown by GET, refused in a change. */
#define HM_NL_READ_ONLY {						\
	.type = NLA_REJECT,						\
	.reject_message = "read only",					\
}

/* Fill functions: 0 or -EMSGSIZE. */
int hm_nl_put_device_name(struct sk_buff *skb, const struct hm_device *hm);
int hm_nl_put_stats(struct sk_buff *skb, int type, const struct hm_counters __percpu *c);
int hm_nl_put_link(struct sk_buff *skb, const struct hm_link *link);
int hm_nl_put_storm(struct sk_buff *skb, int type, const struct hm_storm *storm);
int hm_nl_put_prefix(struct sk_buff *skb, int type, const struct hm_prefix *prefix);
int hm_nl_put_guard(struct sk_buff *skb, const struct hm_hub *hub);
int hm_nl_put_tree(struct sk_buff *skb, const u8 *root, const struct hm_tree *tree);
int hm_nl_put_fdb(struct sk_buff *skb, const u8 *mac, const u8 *hub_id, u32 flags);

/* Read functions: what nests of several commands hold. */
void hm_nl_read_storm(const struct nlattr *nest, u32 *pps);
int hm_nl_read_prefix(const struct nlattr *attr, struct hm_prefix *prefix,
		      struct netlink_ext_ack *extack);
int hm_nl_stage_tree(struct hm_device *hm, struct nlattr *nest, struct netlink_ext_ack *extack);
struct hm_guard *hm_nl_read_guard(const struct nlattr *nest, struct netlink_ext_ack *extack);

/* Resolve LINK{INDEX} or HUB{ID} of a command; hm->lock held. */
struct hm_link *hm_nl_link_find(struct hm_device *hm, struct nlattr **tb,
				const struct nlattr *nest, struct netlink_ext_ack *extack);
struct hm_hub *hm_nl_hub_find(struct hm_device *hm, const struct nlattr *id,
			      struct netlink_ext_ack *extack);

extern const struct nla_policy hm_nl_link_new_policy[HUBMESH_A_LINK_MAX + 1];
extern const struct nla_policy hm_nl_link_set_policy[HUBMESH_A_LINK_MAX + 1];
extern const struct nla_policy hm_nl_link_name_policy[HUBMESH_A_LINK_MAX + 1];
extern const struct nla_policy hm_nl_hub_policy[HUBMESH_A_HUB_MAX + 1];
extern const struct nla_policy hm_nl_key_set_policy[HUBMESH_A_KEY_MAX + 1];
extern const struct nla_policy hm_nl_key_phase_policy[HUBMESH_A_KEY_MAX + 1];
extern const struct nla_policy hm_nl_routes_policy[HUBMESH_A_ROUTES_MAX + 1];
extern const struct nla_policy hm_nl_fdb_new_policy[HUBMESH_A_FDB_MAX + 1];
extern const struct nla_policy hm_nl_fdb_del_policy[HUBMESH_A_FDB_MAX + 1];
extern const struct nla_policy hm_nl_fdb_flush_policy[HUBMESH_A_FDB_MAX + 1];
extern const struct nla_policy hm_nl_qos_policy[HUBMESH_A_QOS_MAX + 1];
extern const struct nla_policy hm_nl_rules_policy[HUBMESH_A_RULES_MAX + 1];
extern const struct nla_policy hm_nl_hub_set_policy[HUBMESH_A_HUB_MAX + 1];
extern const struct nla_policy hm_nl_guard_policy[HUBMESH_A_GUARD_MAX + 1];
extern const struct nla_policy hm_nl_storm_policy[HUBMESH_A_STORM_MAX + 1];
extern const struct nla_policy hm_nl_tree_policy[HUBMESH_A_TREE_MAX + 1];
extern const struct nla_policy hm_nl_filter_policy[HUBMESH_A_FILTER_MAX + 1];

int hm_nl_link_new(struct sk_buff *skb, struct genl_info *info);
int hm_nl_link_set(struct sk_buff *skb, struct genl_info *info);
int hm_nl_link_del(struct sk_buff *skb, struct genl_info *info);
int hm_nl_link_get(struct sk_buff *skb, struct genl_info *info);
int hm_nl_link_dump(struct sk_buff *skb, struct netlink_callback *cb);
int hm_nl_hub_new(struct sk_buff *skb, struct genl_info *info);
int hm_nl_hub_set(struct sk_buff *skb, struct genl_info *info);
int hm_nl_hub_del(struct sk_buff *skb, struct genl_info *info);
int hm_nl_hub_get(struct sk_buff *skb, struct genl_info *info);
int hm_nl_hub_dump(struct sk_buff *skb, struct netlink_callback *cb);
int hm_nl_key_set(struct sk_buff *skb, struct genl_info *info);
int hm_nl_key_use(struct sk_buff *skb, struct genl_info *info);
int hm_nl_key_del(struct sk_buff *skb, struct genl_info *info);
int hm_nl_route_replace(struct sk_buff *skb, struct genl_info *info);
int hm_nl_route_dump(struct sk_buff *skb, struct netlink_callback *cb);
int hm_nl_fdb_new(struct sk_buff *skb, struct genl_info *info);
int hm_nl_fdb_del(struct sk_buff *skb, struct genl_info *info);
int hm_nl_fdb_dump(struct sk_buff *skb, struct netlink_callback *cb);
int hm_nl_fdb_flush(struct sk_buff *skb, struct genl_info *info);
int hm_nl_qos_set(struct sk_buff *skb, struct genl_info *info);
int hm_nl_qos_get(struct sk_buff *skb, struct genl_info *info);
int hm_nl_qos_dump(struct sk_buff *skb, struct netlink_callback *cb);
int hm_nl_rule_replace(struct sk_buff *skb, struct genl_info *info);
int hm_nl_rule_dump(struct sk_buff *skb, struct netlink_callback *cb);
int hm_nl_filter_replace(struct sk_buff *skb, struct genl_info *info);
int hm_nl_filter_dump(struct sk_buff *skb, struct netlink_callback *cb);
int hm_nl_group_get(struct sk_buff *skb, struct genl_info *info);

#endif
