// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: groups: which multicast this hub wants
 *
 * meshd tells the other hubs which groups are listened to here, so that trees pass by
 * those who do not listen.  A group that is wanted and not known to be would be lost, so
 * this file says "all" whenever it cannot be sure:
 *
 *   our own stack       joins groups in the interface's list: exact
 *   others through us   (a bridge, somebody promiscuous: IFF_ALLMULTI, IFF_PROMISC) are
 *                       heard when they report (IGMPv1-3, RFC 1112, 2236, 3376; MLDv1-2,
 *                       RFC 2710, 3810), which they do when they join and when they are
 *                       asked.  So "all" of a family until a querier has asked twice and
 *                       was given the time it gave, and again when none has asked for
 *                       HM_QUERIER_AGE_MS
 *   too many            all
 *
 * What is heard ages after HM_GROUP_AGE_MS (RFC 3376 section 8.4), and HM_GROUP_LEAVE_MS
 * after somebody left: the querier then asks whether others stay.  Version 1 and 2
 * reports that come from the mesh count as if they were from here: who hears one is
 * silent (RFC 2236 section 3).
 *
 * Some groups are always wanted and never listed (hm_group_is_prunable()): link-local
 * ones, which nobody reports or too much depends on, among them those of neighbour
 * discovery, and whatever is not IP.
 *
 * Whoever wants to know asks with GROUP_GET; a change is an event.
 */
#include <linux/etherdevice.h>
#include <linux/icmpv6.h>
#include <linux/igmp.h>
#include <linux/inetdevice.h>
#include <linux/sort.h>
#include <net/ip6_checksum.h>
#include <net/mld.h>
#include "compat.h"
#include "device.h"
#include "event.h"
#include "inner.h"
#include "main.h"

#define HM_IGMP_LEN	((unsigned int)sizeof(struct igmphdr))

/**
 * hm_group_key() - A multicast address as a number.
 * @mac: 6 bytes at any alignment
 *
 * Return: number; equal for equal addresses alone.
 */
u64 hm_group_key(const u8 *mac)
{
	return (u64)get_unaligned_be32(mac) << 16 | get_unaligned_be16(mac + sizeof(u32));
}

/* Address of a group as Ethernet has it. */
static bool is_igmp_mac(const u8 *mac)
{
	return mac[0] == 0x01 && mac[1] == 0x00 && mac[2] == 0x5e && !(mac[3] & 0x80);
}

static bool is_mld_mac(const u8 *mac)
{
	return mac[0] == 0x33 && mac[1] == 0x33;
}

/**
 * hm_group_is_prunable() - May a group be kept from hubs that do not ask for it?
 * @mac: its multicast address
 *
 * Not 224.0.0.0/24 and what shares addresses with it, not the low numbers of IPv6, among
 * them all nodes and all routers, not solicited nodes.
 *
 * Return: true if it may.
 */
bool hm_group_is_prunable(const u8 *mac)
{
	if (is_igmp_mac(mac))
		return mac[3] || mac[4];
	return is_mld_mac(mac) && mac[2] != 0xff && (mac[2] || mac[3] || mac[4]);
}

/* At once, but for changes that come right after others: those are looked at together. */
static void look_soon(struct hm_groups *groups)
{
	unsigned long next = READ_ONCE(groups->looked_at) + msecs_to_jiffies(HM_GROUP_LOOK_MS);
	unsigned long delay = time_before(jiffies, next) ? next - jiffies : 0;

	if (!test_and_set_bit(0, &groups->is_due))
		mod_delayed_work(hm_wq, &groups->work, delay);
}

/* ---- what was heard -------------------------------------------------------------- */

static struct hm_group *find_heard(struct hm_groups *groups, u64 key)
{
	unsigned int i;

	for (i = 0; i < groups->n_heard; i++)
		if (groups->heard[i].key == key)
			return &groups->heard[i];
	return NULL;
}

/* Somebody listens.  Lock held.  Return: true if that is news. */
static bool note_member(struct hm_groups *groups, u64 key)
{
	unsigned long expires = jiffies + msecs_to_jiffies(HM_GROUP_AGE_MS);
	struct hm_group *group = find_heard(groups, key);

	if (group) {
		group->expires = expires;
		return false;
	}
	if (groups->n_heard == HUBMESH_GROUPS_MAX) {
		groups->overflow_until = expires;
		groups->has_overflowed = true;
		return true;
	}
	groups->heard[groups->n_heard++] = (struct hm_group){ .key = key, .expires = expires };
	return true;
}

/* Somebody does not any more; others may.  Lock held.  Return: true if that is news. */
static bool note_leave(struct hm_groups *groups, u64 key)
{
	unsigned long expires = jiffies + msecs_to_jiffies(HM_GROUP_LEAVE_MS);
	struct hm_group *group = find_heard(groups, key);

	if (!group || time_before(group->expires, expires))
		return false;
	group->expires = expires;
	return true;
}

static void note_group(struct hm_groups *groups, const u8 *mac, bool is_member)
{
	u64 key = hm_group_key(mac);
	bool is_news;

	if (!hm_group_is_prunable(mac))
		return;
	spin_lock(&groups->lock);
	is_news = is_member ? note_member(groups, key) : note_leave(groups, key);
	spin_unlock(&groups->lock);
	if (is_news)
		look_soon(groups);
}

static void note_group4(struct hm_groups *groups, __be32 group, bool is_member)
{
	u8 mac[ETH_ALEN];

	ip_eth_mc_map(group, mac);
	note_group(groups, mac, is_member);
}

static void note_group6(struct hm_groups *groups, const struct in6_addr *group, bool is_member)
{
	u8 mac[ETH_ALEN];

	ipv6_eth_mc_map(group, mac);
	note_group(groups, mac, is_member);
}

/* Somebody asks everybody, and gives @response_ms to answer. */
static void note_query(struct hm_groups *groups, unsigned int family, unsigned int response_ms)
{
	struct hm_querier *querier = &groups->querier[family];

	spin_lock(&groups->lock);
	if (time_after(jiffies, querier->heard_at + msecs_to_jiffies(HM_QUERIER_AGE_MS)))
		querier->queries = 0;
	querier->heard_at = jiffies;
	if (querier->queries < 2 && ++querier->queries == 2)
		querier->answered_at = jiffies + msecs_to_jiffies(response_ms + HM_GROUP_LOOK_MS);
	spin_unlock(&groups->lock);
	look_soon(groups);
}

/* ---- IGMP ------------------------------------------------------------------------ */

/* RFC 3376 4.1.1: tenths of a second, as a small floating point number from 128 on. */
static unsigned int igmp_response_ms(u8 code)
{
	if (!code)		/* version 1 */
		return 10000;
	return 100 * (code < 128 ? code : ((code & 15) | 16) << (((code >> 4) & 7) + 3));
}

/* Does a record of a version 3 or MLDv2 report say that somebody listens, or left? */
static bool record_is_member(u8 type, unsigned int n_sources, bool *leaves)
{
	*leaves = type == IGMPV3_CHANGE_TO_INCLUDE && !n_sources;
	return type == IGMPV3_MODE_IS_EXCLUDE || type == IGMPV3_CHANGE_TO_EXCLUDE ||
	       type == IGMPV3_ALLOW_NEW_SOURCES ||
	       ((type == IGMPV3_MODE_IS_INCLUDE || type == IGMPV3_CHANGE_TO_INCLUDE) && n_sources);
}

/* False if it is malformed.  @note: write down what it says; else only check. */
static bool read_igmp3_report(struct hm_groups *groups, const u8 *message, unsigned int len,
			      bool note)
{
	unsigned int at = sizeof(struct igmpv3_report), n, size, sources;
	bool leaves, is_member;

	for (n = get_unaligned_be16(message + 6); n; n--, at += size) {
		if (at + sizeof(struct igmpv3_grec) > len)
			return false;
		sources = get_unaligned_be16(message + at + 2);
		size = sizeof(struct igmpv3_grec) + 4 * (sources + message[at + 1]);
		if (at + size > len || !ipv4_is_multicast(get_unaligned((__be32 *)(message + at + 4))))
			return false;
		is_member = record_is_member(message[at], sources, &leaves);
		if (note && (is_member || leaves))
			note_group4(groups, get_unaligned((__be32 *)(message + at + 4)), is_member);
	}
	return true;
}

/* False if it is malformed. */
static bool hear_igmp(struct hm_groups *groups, const u8 *message, unsigned int len,
		      bool is_local)
{
	__be32 group;

	if (len < HM_IGMP_LEN || ip_compute_csum(message, len))
		return false;
	group = get_unaligned((__be32 *)(message + 4));
	switch (message[0]) {
	case IGMP_HOST_MEMBERSHIP_QUERY:
		if (group && !ipv4_is_multicast(group))
			return false;
		if (!group)
			note_query(groups, HM_IGMP, igmp_response_ms(message[1]));
		return true;
	case IGMP_HOST_MEMBERSHIP_REPORT:
	case IGMPV2_HOST_MEMBERSHIP_REPORT:
	case IGMP_HOST_LEAVE_MESSAGE:
		if (!ipv4_is_multicast(group))
			return false;
		if (message[0] != IGMP_HOST_LEAVE_MESSAGE)
			note_group4(groups, group, true);
		else if (is_local)
			note_group4(groups, group, false);
		return true;
	case IGMPV3_HOST_MEMBERSHIP_REPORT:
		return read_igmp3_report(groups, message, len, false) &&
		       (!is_local || read_igmp3_report(groups, message, len, true));
	default:		/* others use IGMP too (RFC 3228) */
		return true;
	}
}

/* ---- MLD ------------------------------------------------------------------------- */

/* RFC 3810 5.1.3: milliseconds, as a small floating point number from 32768 on. */
static unsigned int mld_response_ms(u16 code)
{
	return code < 0x8000 ? code : ((code & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3);
}

static bool read_mld2_report(struct hm_groups *groups, const u8 *message, unsigned int len,
			     bool note)
{
	unsigned int at = sizeof(struct mld2_report), n, size, sources;
	bool leaves, is_member;
	struct in6_addr group;

	for (n = get_unaligned_be16(message + 6); n; n--, at += size) {
		if (at + sizeof(struct mld2_grec) > len)
			return false;
		sources = get_unaligned_be16(message + at + 2);
		size = sizeof(struct mld2_grec) + sizeof(group) * sources + 4 * message[at + 1];
		memcpy(&group, message + at + 4, sizeof(group));
		if (at + size > len || !ipv6_addr_is_multicast(&group))
			return false;
		is_member = record_is_member(message[at], sources, &leaves);
		if (note && (is_member || leaves))
			note_group6(groups, &group, is_member);
	}
	return true;
}

/* Is it MLD at all?  Of ICMPv6 it is these types. */
static bool is_mld(u8 type)
{
	return type == ICMPV6_MGM_QUERY || type == ICMPV6_MGM_REPORT ||
	       type == ICMPV6_MGM_REDUCTION || type == ICMPV6_MLD2_REPORT;
}

/* False if it is malformed. */
static bool hear_mld(struct hm_groups *groups, const struct hm_inner *in, const u8 *message,
		     unsigned int len, bool is_local)
{
	struct in6_addr group;

	if (csum_ipv6_magic(&in->src, &in->dst, len, IPPROTO_ICMPV6, csum_partial(message, len, 0)))
		return false;
	if (message[0] == ICMPV6_MLD2_REPORT)
		return len >= sizeof(struct mld2_report) &&
		       read_mld2_report(groups, message, len, false) &&
		       (!is_local || read_mld2_report(groups, message, len, true));
	if (len < sizeof(struct mld_msg))
		return false;
	memcpy(&group, message + offsetof(struct mld_msg, mld_mca), sizeof(group));
	if (message[0] == ICMPV6_MGM_QUERY && ipv6_addr_any(&group)) {
		note_query(groups, HM_MLD, mld_response_ms(get_unaligned_be16(message + 4)));
		return true;
	}
	if (!ipv6_addr_is_multicast(&group))
		return false;
	if (message[0] == ICMPV6_MGM_REPORT)
		note_group6(groups, &group, true);
	else if (message[0] == ICMPV6_MGM_REDUCTION && is_local)
		note_group6(groups, &group, false);
	return true;
}

/* ---- frames ---------------------------------------------------------------------- */

/*
 * IGMP lives for one hop, and so does MLD, from a link-local address, or from none
 * (RFC 2710 section 3, RFC 3590).
 */
static void hear(struct hm_groups *groups, const u8 *frame, unsigned int len, bool is_local)
{
	struct hm_inner in;
	bool is_sound = true;

	if (!hm_inner_read_link(&in, frame, len) ||
	    (in.ethertype != ETH_P_IP && in.ethertype != ETH_P_IPV6) ||
	    !hm_inner_read_net(&in, frame, len, len) || !in.l4 || in.l4 >= in.end)
		return;
	if (in.family == 4 && in.protocol == IPPROTO_IGMP)
		is_sound = frame[in.l3 + offsetof(struct iphdr, ttl)] == 1 &&
			   hear_igmp(groups, frame + in.l4, in.end - in.l4, is_local);
	else if (in.family == 6 && in.protocol == IPPROTO_ICMPV6 && is_mld(frame[in.l4]))
		is_sound = frame[in.l3 + offsetof(struct ipv6hdr, hop_limit)] == 1 &&
			   (ipv6_addr_any(&in.src) ||
			    ipv6_addr_type(&in.src) & IPV6_ADDR_LINKLOCAL) &&
			   hear_mld(groups, &in, frame + in.l4, in.end - in.l4, is_local);
	if (!is_sound)
		atomic64_inc(&groups->malformed);
}

/**
 * hm_groups_hear_local() - Somebody here sends a membership message.
 * @hm: device, groups.is_snooping
 * @skb: inner frame, hm_is_membership_frame(); made linear
 *
 * Context: RCU read side, BH disabled.
 */
void hm_groups_hear_local(struct hm_device *hm, struct sk_buff *skb)
{
	if (!skb_linearize(skb))
		hear(&hm->groups, skb->data, skb->len, true);
}

/**
 * hm_groups_hear_mesh() - A frame came from the mesh.
 * @hm: device, groups.is_snooping
 * @frame: inner frame, ETH_HLEN bytes at least
 * @len: its length
 *
 * Context: RCU read side, BH disabled.
 */
void hm_groups_hear_mesh(struct hm_device *hm, const u8 *frame, unsigned int len)
{
	hear(&hm->groups, frame, len, false);
}

/**
 * hm_is_membership_frame() - Is it IGMP or MLD, in its usual form?
 * @frame: inner frame
 * @len: bytes of it that can be read, ETH_HLEN at least
 *
 * Such frames are for those who keep count of groups, who need not be members.
 *
 * Return: true if it is.
 */
bool hm_is_membership_frame(const u8 *frame, unsigned int len)
{
	struct hm_inner in;

	if (!hm_inner_read_link(&in, frame, len))
		return false;
	if (in.ethertype == ETH_P_IP)
		return len >= in.l3 + sizeof(struct iphdr) &&
		       frame[in.l3 + offsetof(struct iphdr, protocol)] == IPPROTO_IGMP;
	/* MLD has a router alert, and little else to many has a hop-by-hop header. */
	return in.ethertype == ETH_P_IPV6 && len >= in.l3 + sizeof(struct ipv6hdr) &&
	       frame[in.l3 + offsetof(struct ipv6hdr, nexthdr)] == NEXTHDR_HOP;
}

/* ---- what is wanted --------------------------------------------------------------- */

static bool has_key(const struct hm_wanted *wanted, u64 key)
{
	unsigned int low = 0, high = wanted->n, at;

	while (low < high) {
		at = (low + high) / 2;
		if (wanted->key[at] == key)
			return true;
		if (wanted->key[at] < key)
			low = at + 1;
		else
			high = at;
	}
	return false;
}

/**
 * hm_groups_want() - Does anybody here want frames to a group?
 * @hm: device
 * @mac: destination
 *
 * Context: RCU read side.
 * Return: false if surely nobody does.
 */
bool hm_groups_want(const struct hm_device *hm, const u8 *mac)
{
	const struct hm_wanted *wanted = rcu_dereference(hm->groups.wanted);
	u32 all = is_mld_mac(mac) ? HUBMESH_GROUPS_F_ALL6 : HUBMESH_GROUPS_F_ALL4;

	return !wanted || !hm_group_is_prunable(mac) || wanted->flags & all ||
	       has_key(wanted, hm_group_key(mac));
}

/**
 * hm_groups_insist() - Is there somebody here for whom frames to a group are worth a session?
 * @hm: device
 * @mac: destination
 *
 * What every IPv6 stack says on its own account (MLD, router solicitations) is not: or every
 * hub that starts would have a session with every other.  A broadcast is: it is ARP, mostly,
 * and who is asked for must hear it.
 *
 * Context: RCU read side.
 * Return: true for broadcast, a group that was joined, and if others listen through us.
 */
bool hm_groups_insist(const struct hm_device *hm, const u8 *mac)
{
	return READ_ONCE(hm->groups.is_snooping) || is_broadcast_ether_addr(mac) ||
	       (hm_group_is_prunable(mac) && hm_groups_want(hm, mac));
}

static int compare_keys(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Add a group unless it is there. */
static void want(struct hm_wanted *wanted, u64 key)
{
	unsigned int i;

	for (i = 0; i < wanted->n; i++)
		if (wanted->key[i] == key)
			return;
	if (wanted->n == HUBMESH_GROUPS_MAX)
		wanted->flags |= HUBMESH_GROUPS_F_ALL4 | HUBMESH_GROUPS_F_ALL6;
	else
		wanted->key[wanted->n++] = key;
}

/* What our own stack, and what is stacked on it, has joined. */
static void want_joined(struct hm_wanted *wanted, struct net_device *dev)
{
	struct netdev_hw_addr *entry;

	netif_addr_lock_bh(dev);
	netdev_for_each_mc_addr(entry, dev)
		if (hm_group_is_prunable(entry->addr))
			want(wanted, hm_group_key(entry->addr));
	netif_addr_unlock_bh(dev);
}

/* Forget what is over.  Lock held.  Return: jiffies until the next is. */
static unsigned long forget_old(struct hm_groups *groups)
{
	unsigned long now = jiffies, next = msecs_to_jiffies(HM_GROUP_AGE_MS);
	unsigned int i = 0;

	while (i < groups->n_heard) {
		if (time_before_eq(groups->heard[i].expires, now)) {
			groups->heard[i] = groups->heard[--groups->n_heard];
			continue;
		}
		next = min(next, groups->heard[i++].expires - now);
	}
	if (groups->has_overflowed && time_before_eq(groups->overflow_until, now))
		groups->has_overflowed = false;
	return next;
}

/* Lock held.  Is everybody known who listens to groups of @family?  @next: look then. */
static bool is_complete(const struct hm_groups *groups, unsigned int family, unsigned long *next)
{
	const struct hm_querier *querier = &groups->querier[family];
	unsigned long gone_at = querier->heard_at + msecs_to_jiffies(HM_QUERIER_AGE_MS);

	if (querier->queries < 2 || time_before_eq(gone_at, jiffies))
		return false;
	if (time_before(jiffies, querier->answered_at)) {
		*next = min(*next, querier->answered_at - jiffies);
		return false;
	}
	*next = min(*next, gone_at - jiffies);
	return true;
}

/* What others want through us.  Return: jiffies until this may change by itself. */
static unsigned long want_heard(struct hm_wanted *wanted, struct hm_groups *groups)
{
	unsigned long next;
	unsigned int i;

	spin_lock_bh(&groups->lock);
	next = forget_old(groups);
	for (i = 0; i < groups->n_heard; i++)
		want(wanted, groups->heard[i].key);
	if (groups->has_overflowed || !is_complete(groups, HM_IGMP, &next))
		wanted->flags |= HUBMESH_GROUPS_F_ALL4;
	if (groups->has_overflowed || !is_complete(groups, HM_MLD, &next))
		wanted->flags |= HUBMESH_GROUPS_F_ALL6;
	spin_unlock_bh(&groups->lock);
	return next;
}

static bool is_same(const struct hm_wanted *a, const struct hm_wanted *b)
{
	return a && a->flags == b->flags && a->n == b->n &&
	       !memcmp(a->key, b->key, a->n * sizeof(a->key[0]));
}

static void look(struct work_struct *work)
{
	struct hm_groups *groups = container_of(to_delayed_work(work), struct hm_groups, work);
	struct hm_wanted *wanted, *old;

	clear_bit(0, &groups->is_due);
	WRITE_ONCE(groups->looked_at, jiffies);
	/* Without memory later: too much is wanted until then, or the last that is known. */
	wanted = kzalloc(struct_size(wanted, key, HUBMESH_GROUPS_MAX), GFP_KERNEL);
	if (!wanted) {
		look_soon(groups);
		return;
	}
	want_joined(wanted, groups->hm->dev);
	if (READ_ONCE(groups->is_snooping))
		queue_delayed_work(hm_wq, &groups->work, want_heard(wanted, groups) + 1);
	sort(wanted->key, wanted->n, sizeof(wanted->key[0]), compare_keys, NULL);
	old = rcu_dereference_protected(groups->wanted, true);	/* nobody else writes */
	if (is_same(old, wanted)) {
		kfree(wanted);
		return;
	}
	rcu_assign_pointer(groups->wanted, wanted);
	if (old)
		kfree_rcu(old, rcu);
	hm_event_groups(groups->hm);
}

/**
 * hm_groups_rx_mode() - The interface's list of groups, or who listens, has changed.
 * @dev: mesh interface
 *
 * Context: Address lock held, BH disabled.
 */
void hm_groups_rx_mode(struct net_device *dev)
{
	struct hm_device *hm = netdev_priv(dev);

	WRITE_ONCE(hm->groups.is_snooping, !!(dev->flags & (IFF_ALLMULTI | IFF_PROMISC)));
	look_soon(&hm->groups);
}

/**
 * hm_groups_init() - Start without groups.
 * @hm: device
 *
 * Context: Process context.
 */
void hm_groups_init(struct hm_device *hm)
{
	struct hm_groups *groups = &hm->groups;

	groups->hm = hm;
	groups->looked_at = jiffies;
	spin_lock_init(&groups->lock);
	atomic64_set(&groups->malformed, 0);
	INIT_DELAYED_WORK(&groups->work, look);
}

/**
 * hm_groups_stop() - Look no more.
 * @hm: device that is being unregistered: its list of groups changes no more
 *
 * Context: Process context.
 */
void hm_groups_stop(struct hm_device *hm)
{
	cancel_delayed_work_sync(&hm->groups.work);
}

/**
 * hm_groups_fini() - Free what is left.
 * @hm: device without readers
 */
void hm_groups_fini(struct hm_device *hm)
{
	kfree(rcu_dereference_protected(hm->groups.wanted, true));
}
