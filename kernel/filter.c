// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: the filter: zones, zone pairs, ACL
 *
 * Who sends is in a zone: by a rule about its MAC, else its VLAN, else the
 * interface it came in by, else its hub; none (0) if no rule says so.  The zone of
 * the sender travels in the sealed part.  Once a rule set has a zone or a pair,
 * frames pass only between zones that are a pair, in that direction; then the
 * first ACL entry that matches decides, and if none does the frame passes.  Both
 * are asked twice: where a frame is sealed (hm_filter_tx), as far as the zone of
 * the destination is known there, and where it is opened (hm_police_inner), which
 * believes the sealed zone if the hub's certificate has it (guard.c).
 *
 * What must pass for hubs to talk about filters at all: frames of the control
 * port, and ND between the hubs themselves.  Address resolution of others passes
 * between zones that may send to each other in one direction at least, and only
 * an ACL entry that names it (ARP by its Ethernet type, ND by protocol ICMPv6)
 * matches it.
 *
 * A rule set is built by a transaction, as a route set is, published by RCU when
 * it is complete, and never changes after.  An entry that the set before also
 * had goes on counting where that one stopped.
 */
#include <linux/bsearch.h>
#include <linux/etherdevice.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include "compat.h"
#include "datapath.h"
#include "filter.h"
#include "main.h"

/* ---- zones ------------------------------------------------------------------ */

/**
 * hm_zone_key() - Key of a zone rule.
 * @kind: what it is about
 * @mac: MAC or hub id, for those kinds; else NULL
 * @number: VLAN id or interface index, for those kinds
 *
 * Context: Pure.
 * Return: key, unique among all kinds.
 */
u64 hm_zone_key(enum hm_zone_kind kind, const u8 *mac, u32 number)
{
	return (u64)kind << 48 | (mac ? ether_addr_to_u64(mac) : number);
}

static int compare_zones(const void *a, const void *b)
{
	const struct hm_zone_rule *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

static u32 pair_number(const struct hm_zone_pair *pair)
{
	return (u32)pair->src << 16 | pair->dst;
}

static int compare_pairs(const void *a, const void *b)
{
	u32 x = pair_number(a), y = pair_number(b);

	return x < y ? -1 : x > y;
}

/* Return: true and the zone if there is a rule. */
static bool zone_of(const struct hm_filter *filter, enum hm_zone_kind kind, const u8 *mac,
		    u32 number, u16 *zone)
{
	const struct hm_zone_rule key = { .key = hm_zone_key(kind, mac, number) }, *rule;

	if (!(filter->kinds & BIT(kind)))
		return false;
	rule = __inline_bsearch(&key, filter->zones, filter->n_zones, sizeof(*rule),
				compare_zones);
	if (rule)
		*zone = rule->zone;
	return rule;
}

static bool has_zones(const struct hm_filter *filter)
{
	return filter->n_zones || filter->n_pairs;
}

static bool is_pair(const struct hm_filter *filter, u16 src, u16 dst)
{
	const struct hm_zone_pair key = { .src = src, .dst = dst };

	return filter->n_pairs &&
	       __inline_bsearch(&key, filter->pairs, filter->n_pairs, sizeof(key), compare_pairs);
}

/*
 * The port of the bridge that our interface is in through which @mac is reached; 0 if
 * it is in none, or the bridge does not know.
 */
static int egress_ifindex(const struct hm_device *hm, const u8 *mac)
{
	struct net_device *bridge = netdev_master_upper_dev_get_rcu(hm->dev);
	struct net_device_path_stack stack;

	if (!bridge || !netif_is_bridge_master(bridge) ||
	    dev_fill_forward_path(bridge, mac, &stack) < 0 || stack.num_paths < 2)
		return 0;
	return stack.path[1].dev->ifindex;
}

static u16 source_zone(const struct hm_filter *filter, const struct hm_device *hm,
		       const struct sk_buff *skb, const struct hm_inner *in)
{
	const u8 *src = ((const struct ethhdr *)skb->data)->h_source;
	u16 zone = HM_ZONE_NONE;

	if (zone_of(filter, HM_ZONE_MAC, src, 0, &zone) ||
	    (in->vlan && zone_of(filter, HM_ZONE_VLAN, NULL, in->vlan, &zone)) ||
	    (skb->skb_iif && zone_of(filter, HM_ZONE_IFINDEX, NULL, skb->skb_iif, &zone)))
		return zone;
	zone_of(filter, HM_ZONE_HUB, hm_own_id(hm), 0, &zone);
	return zone;
}

/* Zone of @dst at @hub, or anywhere if that is NULL.  False if no rule here says: the hub decides. */
static bool remote_zone(const struct hm_filter *filter, const struct hm_hub *hub, const u8 *dst,
			const struct hm_inner *in, u16 *zone)
{
	return zone_of(filter, HM_ZONE_MAC, dst, 0, zone) ||
	       (in->vlan && zone_of(filter, HM_ZONE_VLAN, NULL, in->vlan, zone)) ||
	       (hub && zone_of(filter, HM_ZONE_HUB, hub->id, 0, zone));
}

/* Zone of @dst here. */
static u16 local_zone(const struct hm_filter *filter, const struct hm_device *hm, const u8 *dst,
		      const struct hm_inner *in)
{
	u16 zone = HM_ZONE_NONE;
	int ifindex;

	if (zone_of(filter, HM_ZONE_MAC, dst, 0, &zone) ||
	    (in->vlan && zone_of(filter, HM_ZONE_VLAN, NULL, in->vlan, &zone)))
		return zone;
	if (filter->kinds & BIT(HM_ZONE_IFINDEX)) {
		ifindex = egress_ifindex(hm, dst);
		if (ifindex && zone_of(filter, HM_ZONE_IFINDEX, NULL, ifindex, &zone))
			return zone;
	}
	zone_of(filter, HM_ZONE_HUB, hm_own_id(hm), 0, &zone);
	return zone;
}

/* ---- the ACL ------------------------------------------------------------------ */

/* An IPv6 address as %pI6c writes it, and the zero behind it. */
#define HM_ADDRESS_TEXT	48

/**
 * struct hm_case - a frame to decide on
 * @hm: device
 * @filter: rule set
 * @hub: hub it goes to, or comes from; NULL if it goes to all
 * @in: what it is
 * @src_zone: zone of the sender
 * @dst_zone: zone of the receiver
 * @knows_dst: @dst_zone is known
 * @is_rx: it comes
 * @is_from_hub: its source address is the id of the hub that seals it
 * @frames: frames it will be
 */
struct hm_case {
	const struct hm_device *hm;
	const struct hm_filter *filter;
	const struct hm_hub *hub;
	const struct hm_inner *in;
	u16 src_zone, dst_zone;
	bool knows_dst, is_rx, is_from_hub;
	unsigned int frames;
};

/*
 * Tag of a frame: in one word what an entry wants to be equal, so that an entry that
 * does not match mostly costs one comparison.
 */
#define HM_TAG_ETHERTYPE(type)	((u64)(type) << 48)
#define HM_TAG_VLAN(vlan)	((u64)(vlan) << 32)
#define HM_TAG_SRC_ZONE(zone)	((u64)(zone) << 16)
#define HM_TAG_PROTOCOL(number)	((u64)(number) << 8)
#define HM_TAG_IPV4		BIT_ULL(0)
#define HM_TAG_IPV6		BIT_ULL(1)
#define HM_TAG_PORTS		BIT_ULL(2)
#define HM_TAG_RESOLUTION	BIT_ULL(3)
#define HM_TAG_IP		BIT_ULL(4)

static u64 tag_of_family(u8 family)
{
	return family ? HM_TAG_IP | (family == 4 ? HM_TAG_IPV4 : HM_TAG_IPV6) : 0;
}

static u64 tag_of(const struct hm_inner *in, u16 src_zone)
{
	return HM_TAG_ETHERTYPE(in->ethertype) | HM_TAG_VLAN(in->vlan) |
	       HM_TAG_SRC_ZONE(src_zone) | HM_TAG_PROTOCOL(in->protocol) |
	       tag_of_family(in->family) | (in->has_ports ? HM_TAG_PORTS : 0) |
	       (in->is_resolution ? HM_TAG_RESOLUTION : 0);
}

/* Address resolution is matched by entries that name it only. */
static bool names_resolution(const struct hm_acl_rule *rule)
{
	return rule->fields & HM_ACL_PROTOCOL ||
	       (rule->fields & HM_ACL_ETHERTYPE && rule->ethertype == ETH_P_ARP);
}

/* What of a frame's tag @entry's rule wants to be how. */
static void fill_tag(struct hm_acl_entry *entry)
{
	const struct hm_acl_rule *rule = &entry->rule;
	u64 family = tag_of_family(rule->src.family ?: rule->dst.family);
	u16 fields = rule->fields;

	entry->tag = HM_TAG_ETHERTYPE(rule->ethertype) | HM_TAG_VLAN(rule->vlan) |
		     HM_TAG_SRC_ZONE(rule->src_zone) | HM_TAG_PROTOCOL(rule->protocol) |
		     HM_TAG_IP | HM_TAG_PORTS | family;
	entry->mask = family | (fields & HM_ACL_ETHERTYPE ? HM_TAG_ETHERTYPE(U16_MAX) : 0) |
		      (fields & HM_ACL_VLAN ? HM_TAG_VLAN(U16_MAX) : 0) |
		      (fields & HM_ACL_SRC_ZONE ? HM_TAG_SRC_ZONE(U16_MAX) : 0) |
		      (fields & HM_ACL_PROTOCOL ? HM_TAG_PROTOCOL(U8_MAX) : 0) |
		      (fields & HM_ACL_IP ? HM_TAG_IP : 0) |
		      (fields & HM_ACL_PORTS ? HM_TAG_PORTS : 0) |
		      (names_resolution(rule) ? 0 : HM_TAG_RESOLUTION);
}

static bool is_within(u16 port, u16 first, u16 last)
{
	return port >= first && port <= last;
}

/* Does all that @entry names match, the destination's zone excepted? */
static bool entry_matches(const struct hm_acl_entry *entry, const struct hm_inner *in, u64 tag)
{
	const struct hm_acl_rule *rule = &entry->rule;
	u16 fields;

	if ((tag ^ entry->tag) & entry->mask)
		return false;
	fields = rule->fields;
	if (fields & HM_ACL_PORTS && (!is_within(in->dport, rule->dport_first, rule->dport_last) ||
				      !is_within(in->sport, rule->sport_first, rule->sport_last)))
		return false;
	if (fields & HM_ACL_DST && !hm_prefix_has(&rule->dst, &in->dst))
		return false;
	return !(fields & HM_ACL_SRC) || hm_prefix_has(&rule->src, &in->src);
}

/*
 * The entry that decides; NULL if none does, or if that depends on a zone that only
 * the destination knows.
 */
static const struct hm_acl_entry *acl_find(const struct hm_case *c)
{
	const struct hm_acl_entry *entry = c->filter->acl, *end = entry + c->filter->n_acl;
	u64 tag = tag_of(c->in, c->src_zone);

	for (; entry < end; entry++) {
		if (!entry_matches(entry, c->in, tag))
			continue;
		if (!(entry->rule.fields & HM_ACL_DST_ZONE))
			return entry;
		if (!c->knows_dst)
			return NULL;
		if (entry->rule.dst_zone == c->dst_zone)
			return entry;
	}
	return NULL;
}

static void log_hit(const struct hm_acl_entry *entry, const struct hm_case *c)
{
	const struct hm_inner *in = c->in;
	static const u8 to_all[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	char src[HM_ADDRESS_TEXT] = "-", dst[HM_ADDRESS_TEXT] = "-";

	if (!net_ratelimit())
		return;
	if (in->family) {
		snprintf(src, sizeof(src), in->family == 6 ? "%pI6c" : "%pI4", &in->src);
		snprintf(dst, sizeof(dst), in->family == 6 ? "%pI6c" : "%pI4", &in->dst);
	}
	netdev_info(c->hm->dev,
		    "acl generation=%llu entry=%td action=%s direction=%s hub=%pM src_zone=%u dst_zone=%u ethertype=0x%04x vlan=%u protocol=%u src=%s dst=%s sport=%u dport=%u\n",
		    c->filter->generation, entry - c->filter->acl,
		    entry->rule.action == HUBMESH_ACL_DENY ? "deny" : "accept",
		    c->is_rx ? "rx" : "tx", c->hub ? c->hub->id : to_all, c->src_zone, c->dst_zone, in->ethertype,
		    in->vlan, in->protocol, src, dst, in->sport, in->dport);
}

static void note_hit(const struct hm_acl_entry *entry, const struct hm_case *c)
{
	struct hm_hits_cpu *mine = this_cpu_ptr(entry->hits->cpu);
	u32 every = entry->rule.log_every;

	u64_stats_update_begin(&mine->syncp);
	u64_stats_add(&mine->frames, c->frames);
	u64_stats_update_end(&mine->syncp);
	if (every && !((u32)(atomic_inc_return(&entry->hits->since_log) - 1) % every))
		log_hit(entry, c);
}

/* May the zones talk? */
static bool zones_allow(const struct hm_case *c)
{
	return !has_zones(c->filter) || !c->knows_dst ||
	       is_pair(c->filter, c->src_zone, c->dst_zone) ||
	       (c->in->is_resolution && is_pair(c->filter, c->dst_zone, c->src_zone));
}

/* Return: 0 or why not; @entry: what the ACL says, found before or now. */
static enum hubmesh_drop decide(const struct hm_case *c, const struct hm_acl_entry *entry)
{
	if (!entry)
		return 0;
	note_hit(entry, c);
	if (entry->rule.action == HUBMESH_ACL_ACCEPT)
		return 0;
	return c->is_rx ? HUBMESH_DROP_RX_ACL : HUBMESH_DROP_TX_ACL;
}

/* ND between hubs: without it they do not reach each other's control port. */
static bool is_control_resolution(const struct hm_case *c)
{
	return c->is_from_hub && c->in->family && c->in->is_resolution;
}

/* ---- transmit ------------------------------------------------------------------ */

/**
 * hm_filter_tx() - May a frame be sealed?
 * @filter: rule set
 * @hm: device
 * @hub: hub it is for; NULL for all, if not hm_filter_asks_hub()
 * @skb: inner frame or GSO super-frame; its headers are made linear
 * @zone: set to its zone, for the sealed part
 *
 * Context: RCU read side, BH disabled.
 * Return: 0 or why not, not counted.
 */
enum hubmesh_drop hm_filter_tx(const struct hm_filter *filter, const struct hm_device *hm,
			       const struct hm_hub *hub, struct sk_buff *skb, __be16 *zone)
{
	struct hm_case c = { .hm = hm, .filter = filter, .hub = hub };
	const struct ethhdr *eth;
	struct hm_inner in;

	if (unlikely(!pskb_may_pull(skb, min(skb->len, HM_INNER_HEADERS_MAX))))
		return HUBMESH_DROP_NO_MEMORY;
	eth = (const struct ethhdr *)skb->data;
	if (unlikely(!hm_inner_read_link(&in, skb->data, skb_headlen(skb))))
		return HUBMESH_DROP_TX_MALFORMED;
	c.src_zone = source_zone(filter, hm, skb, &in);
	*zone = htons(c.src_zone);
	if (hub && hm_is_control_frame(hm, skb->data, skb_headlen(skb), hub->id))
		return 0;
	if (unlikely(!hm_inner_read_net(&in, skb->data, skb_headlen(skb), skb->len)))
		return HUBMESH_DROP_TX_MALFORMED;
	c.in = &in;
	c.knows_dst = remote_zone(filter, hub, eth->h_dest, &in, &c.dst_zone);
	c.is_from_hub = ether_addr_equal(eth->h_source, hm_own_id(hm));
	c.frames = skb_shinfo(skb)->gso_segs ?: 1;
	if (is_control_resolution(&c))
		return 0;
	if (unlikely(!zones_allow(&c)))
		return HUBMESH_DROP_TX_ZONE;
	return decide(&c, acl_find(&c));
}

/* ---- receive -------------------------------------------------------------------- */

/**
 * hm_police_init() - Get ready for the inner frames of one packet.
 * @police: filled
 * @hub: hub that sealed them
 *
 * Context: RCU read side, until the last hm_police_inner().
 */
void hm_police_init(struct hm_police *police, struct hm_hub *hub)
{
	police->hm = hub->hm;
	police->hub = hub;
	police->guard = rcu_dereference(hub->guard);
	police->filter = rcu_dereference(hub->hm->filter);
	police->has_last = false;
}

/* As acl_find(): frames of one packet usually are of one flow. */
static const struct hm_acl_entry *acl_find_again(struct hm_police *police, const struct hm_case *c)
{
	if (police->has_last && police->last_src == c->src_zone &&
	    police->last_dst == c->dst_zone &&
	    !memcmp(&police->last, c->in, offsetof(struct hm_inner, l3)))
		return police->last_entry;
	police->last = *c->in;
	police->last_src = c->src_zone;
	police->last_dst = c->dst_zone;
	police->last_entry = acl_find(c);
	police->has_last = true;
	return police->last_entry;
}

/* A frame from @hub that nobody here knows the receiver of goes to many. */
static bool storm_permits(struct hm_storm *storm, const struct hm_device *hm, const u8 *dst)
{
	enum hm_storm_kind kind = hm_storm_kind(dst);

	if (kind == HM_STORM_UNKNOWN &&
	    (ether_addr_equal_unaligned(dst, hm_own_id(hm)) || !storm->pps[kind] ||
	     egress_ifindex(hm, dst)))
		return true;
	return hm_storm_take(storm, kind);
}

static enum hubmesh_drop check_guard(struct hm_police *police, const u8 *frame,
				     const struct hm_inner *in)
{
	struct hm_guard *guard = police->guard;

	if (unlikely(!hm_guard_allows_source(guard, police->hub, frame, in)))
		return HUBMESH_DROP_RX_GUARD;
	return likely(storm_permits(&guard->storm, police->hm, frame)) ?
		       0 : HUBMESH_DROP_RX_STORM;
}

static enum hubmesh_drop check_filter(struct hm_police *police, const u8 *frame,
				      const struct hm_inner *in, u16 zone)
{
	struct hm_case c = {
		.hm = police->hm,
		.filter = police->filter,
		.hub = police->hub,
		.in = in,
		.src_zone = zone,
		.knows_dst = true,
		.is_rx = true,
		.is_from_hub = ether_addr_equal_unaligned(frame + ETH_ALEN, police->hub->id),
		.frames = 1,
	};

	if (is_control_resolution(&c))
		return 0;
	if (has_zones(c.filter))
		c.dst_zone = local_zone(c.filter, c.hm, frame, in);
	if (unlikely(!zones_allow(&c)))
		return HUBMESH_DROP_RX_ZONE;
	return c.filter->n_acl ? decide(&c, acl_find_again(police, &c)) : 0;
}

/* Over how many links a frame came, if it started with as many hops as ours do. */
static unsigned int hops_used(const struct hm_device *hm, u8 ttl)
{
	u8 initial = READ_ONCE(hm->ttl);

	return ttl < initial ? initial - ttl + 1 : 1;
}

/**
 * hm_police_inner() - May an opened inner frame go on?
 * @police: of its packet; hm_police_is_on()
 * @frame: inner frame, ETH_HLEN bytes at least
 * @len: its length
 * @zone: zone in the sealed part
 * @ttl: hops left when it arrived
 *
 * Context: RCU read side, softirq.
 * Return: 0 or why not, not counted.
 */
enum hubmesh_drop hm_police_inner(struct hm_police *police, const u8 *frame, unsigned int len,
				  u16 zone, u8 ttl)
{
	const struct hm_filter *filter = police->filter;
	bool is_control = hm_is_control_frame(police->hm, frame, len, hm_own_id(police->hm));
	struct hm_guard *guard = police->guard;
	enum hubmesh_drop why = 0;
	struct hm_inner in;

	if (guard && unlikely(!hm_guard_take(guard, len)))
		return HUBMESH_DROP_RX_RATE;
	if (filter && filter->hops_max &&
	    unlikely(hops_used(police->hm, ttl) > filter->hops_max))
		return HUBMESH_DROP_RX_HOPS;
	if (guard && !is_control && unlikely(!hm_guard_allows_zone(guard, zone)))
		return HUBMESH_DROP_RX_ZONE;
	if (unlikely(!hm_inner_read_link(&in, frame, len) ||
		     !hm_inner_read_net(&in, frame, len, len)))
		return HUBMESH_DROP_RX_INNER;
	if (guard)
		why = check_guard(police, frame, &in);
	if (likely(!why) && filter && !is_control)
		why = check_filter(police, frame, &in, zone);
	return why;
}

/* ---- rule sets ------------------------------------------------------------------- */

static struct hm_hits *hits_new(void)
{
	struct hm_hits *hits = kzalloc(sizeof(*hits), GFP_KERNEL);

	if (!hits)
		return NULL;
	hits->cpu = netdev_alloc_pcpu_stats(struct hm_hits_cpu);
	if (!hits->cpu) {
		kfree(hits);
		return NULL;
	}
	refcount_set(&hits->refs, 1);
	return hits;
}

static void hits_put(struct hm_hits *hits)
{
	if (!refcount_dec_and_test(&hits->refs))
		return;
	free_percpu(hits->cpu);
	kfree(hits);
}

/**
 * hm_hits_sum() - Add up a counter.
 * @hits: counter
 *
 * Context: Any.
 * Return: frames since the entry is in force.
 */
u64 hm_hits_sum(const struct hm_hits *hits)
{
	unsigned int start;
	u64 sum = 0, one;
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct hm_hits_cpu *from = per_cpu_ptr(hits->cpu, cpu);

		do {
			start = hm_stats_fetch_begin(&from->syncp);
			one = u64_stats_read(&from->frames);
		} while (hm_stats_fetch_retry(&from->syncp, start));
		sum += one;
	}
	return sum;
}

/* No reader is left. */
static void filter_free(struct hm_filter *filter)
{
	unsigned int i;

	for (i = 0; i < filter->n_acl; i++)
		hits_put(filter->acl[i].hits);
	kvfree(filter->acl);
	kvfree(filter->pairs);
	kvfree(filter->zones);
	kfree(filter);
}

static void filter_free_work(struct work_struct *work)
{
	filter_free(container_of(to_rcu_work(work), struct hm_filter, free_work));
}

static void publish(struct hm_device *hm, struct hm_filter *filter)
{
	struct hm_filter *old;

	old = rcu_replace_pointer(hm->filter, filter, lockdep_is_held(&hm->lock));
	if (old)
		queue_rcu_work(hm_wq, &old->free_work);
}

/**
 * hm_filter_abort() - Discard the unfinished transaction, if there is one.
 * @hm: device
 *
 * Context: Process context, hm->lock held.
 */
void hm_filter_abort(struct hm_device *hm)
{
	lockdep_assert_held(&hm->lock);
	if (hm->pending_filter)
		filter_free(hm->pending_filter);
	hm->pending_filter = NULL;
}

/**
 * hm_filter_clear() - Drop every rule.
 * @hm: device that is being unregistered
 *
 * Context: Process context, hm->lock held.
 */
void hm_filter_clear(struct hm_device *hm)
{
	hm_filter_abort(hm);
	publish(hm, NULL);
}

/**
 * hm_filter_begin() - Start a transaction with an empty set.
 * @hm: device
 * @generation: number of the set, above the one in force
 * @extack: tells why on refusal
 *
 * Discards an unfinished transaction; on refusal it is left alone.
 *
 * Context: Process context, hm->lock held.
 * Return: 0; -ESTALE the generation is not above the one in force; -ENOMEM.
 */
int hm_filter_begin(struct hm_device *hm, u64 generation, struct netlink_ext_ack *extack)
{
	struct hm_filter *filter;

	lockdep_assert_held(&hm->lock);
	if (generation <= hm->filter_generation) {
		NL_SET_ERR_MSG(extack, "FILTER_GENERATION: must be above the generation in force (see DEV_GET)");
		return -ESTALE;
	}
	filter = kzalloc(sizeof(*filter), GFP_KERNEL);
	if (!filter)
		return -ENOMEM;
	hm_filter_abort(hm);
	filter->generation = generation;
	INIT_RCU_WORK(&filter->free_work, filter_free_work);
	hm->pending_filter = filter;
	return 0;
}

/**
 * hm_filter_continue() - Check that a message belongs to the open transaction.
 * @hm: device
 * @generation: what the message says
 * @extack: tells why on refusal
 *
 * Context: Process context, hm->lock held.
 * Return: 0; -ENOENT no transaction is open; -ESTALE another one is.
 */
int hm_filter_continue(const struct hm_device *hm, u64 generation, struct netlink_ext_ack *extack)
{
	lockdep_assert_held(&hm->lock);
	if (!hm->pending_filter) {
		NL_SET_ERR_MSG(extack, "no filter transaction is open: start with HUBMESH_FILTER_F_BEGIN");
		return -ENOENT;
	}
	if (hm->pending_filter->generation != generation) {
		NL_SET_ERR_MSG(extack, "FILTER_GENERATION: another transaction is open; start with HUBMESH_FILTER_F_BEGIN");
		return -ESTALE;
	}
	return 0;
}

/* Room for one more of @n elements in *@array.  Return: 0 or -ENOMEM. */
static int make_room(void **array, u32 *room, u32 n, size_t size)
{
	u32 more = max(2 * n, 16U);
	void *larger;

	if (n < *room)
		return 0;
	larger = kvmalloc_array(more, size, GFP_KERNEL);
	if (!larger)
		return -ENOMEM;
	if (n)
		memcpy(larger, *array, n * size);
	kvfree(*array);
	*array = larger;
	*room = more;
	return 0;
}

/**
 * hm_filter_add_zone() - Add a zone rule to the open transaction.
 * @hm: device; a transaction is open
 * @key: hm_zone_key() of who it is about
 * @zone: zone, not HM_ZONE_NONE
 * @extack: tells why on refusal
 *
 * Context: Process context, hm->lock held.
 * Return: 0; -E2BIG the set is full; -ENOMEM.
 */
int hm_filter_add_zone(struct hm_device *hm, u64 key, u16 zone, struct netlink_ext_ack *extack)
{
	struct hm_filter *filter = hm->pending_filter;

	if (filter->n_zones == HUBMESH_FILTER_ZONES_MAX) {
		NL_SET_ERR_MSG(extack, "FILTER_ZONE: more than 32768 zone rules");
		return -E2BIG;
	}
	if (make_room((void **)&filter->zones, &filter->zones_room, filter->n_zones,
		      sizeof(*filter->zones)))
		return -ENOMEM;
	filter->zones[filter->n_zones++] = (struct hm_zone_rule){ .key = key, .zone = zone };
	filter->kinds |= BIT(key >> 48);
	return 0;
}

/**
 * hm_filter_add_pair() - Add a zone pair to the open transaction.
 * @hm: device; a transaction is open
 * @src: zone that may send
 * @dst: zone it may send to
 * @extack: tells why on refusal
 *
 * Context: Process context, hm->lock held.
 * Return: 0; -E2BIG the set is full; -ENOMEM.
 */
int hm_filter_add_pair(struct hm_device *hm, u16 src, u16 dst, struct netlink_ext_ack *extack)
{
	struct hm_filter *filter = hm->pending_filter;

	if (filter->n_pairs == HUBMESH_FILTER_PAIRS_MAX) {
		NL_SET_ERR_MSG(extack, "FILTER_PAIR: more than 4096 zone pairs");
		return -E2BIG;
	}
	if (make_room((void **)&filter->pairs, &filter->pairs_room, filter->n_pairs,
		      sizeof(*filter->pairs)))
		return -ENOMEM;
	filter->pairs[filter->n_pairs++] = (struct hm_zone_pair){ .src = src, .dst = dst };
	return 0;
}

static int check_rule(const struct hm_acl_rule *rule, struct netlink_ext_ack *extack)
{
	u8 family = rule->src.family ?: rule->dst.family;

	if (rule->src.family && rule->dst.family && rule->src.family != rule->dst.family) {
		NL_SET_ERR_MSG(extack, "ACL_SRC and ACL_DST: one is IPv4 and one IPv6: no frame is both");
		return -EINVAL;
	}
	if (rule->fields & HM_ACL_ETHERTYPE && rule->fields & HM_ACL_IP &&
	    (rule->ethertype != ETH_P_IP || family == 6) &&
	    (rule->ethertype != ETH_P_IPV6 || family == 4)) {
		NL_SET_ERR_MSG(extack, "ACL_ETHERTYPE: is not that of the protocol, prefix or ports");
		return -EINVAL;
	}
	if (rule->sport_first > rule->sport_last || rule->dport_first > rule->dport_last) {
		NL_SET_ERR_MSG(extack, "ACL ports: the first is above the last");
		return -EINVAL;
	}
	return 0;
}

/**
 * hm_filter_add_acl() - Add an entry to the ACL of the open transaction.
 * @hm: device; a transaction is open
 * @rule: what it matches and does
 * @extack: tells why on refusal
 *
 * Context: Process context, hm->lock held.
 * Return: 0; -EINVAL nothing can match it; -E2BIG the set is full; -ENOMEM.
 */
int hm_filter_add_acl(struct hm_device *hm, const struct hm_acl_rule *rule,
		      struct netlink_ext_ack *extack)
{
	struct hm_filter *filter = hm->pending_filter;
	struct hm_hits *hits;
	int ret;

	ret = check_rule(rule, extack);
	if (ret)
		return ret;
	if (filter->n_acl == HUBMESH_FILTER_ACL_MAX) {
		NL_SET_ERR_MSG(extack, "FILTER_ACL: more than 1024 entries");
		return -E2BIG;
	}
	if (make_room((void **)&filter->acl, &filter->acl_room, filter->n_acl,
		      sizeof(*filter->acl)))
		return -ENOMEM;
	hits = hits_new();
	if (!hits)
		return -ENOMEM;
	/* With its padding: inherit_hits() compares memory. */
	memcpy(&filter->acl[filter->n_acl].rule, rule, sizeof(*rule));
	filter->acl[filter->n_acl].hits = hits;
	fill_tag(&filter->acl[filter->n_acl++]);
	return 0;
}

/* Entries that were in @old go on counting where they are. */
static void inherit_hits(struct hm_filter *filter, const struct hm_filter *old)
{
	unsigned int i, j = 0, tried;

	for (i = 0; old->n_acl && i < filter->n_acl; i++) {
		struct hm_acl_entry *entry = &filter->acl[i];

		/* Start behind the last one found: sets mostly change little. */
		for (tried = 0; tried < old->n_acl; tried++, j = (j + 1) % old->n_acl)
			if (!memcmp(&old->acl[j].rule, &entry->rule, sizeof(entry->rule)))
				break;
		if (tried == old->n_acl)
			continue;
		hits_put(entry->hits);
		entry->hits = old->acl[j].hits;
		refcount_inc(&entry->hits->refs);
		j = (j + 1) % old->n_acl;
	}
}

static int sort_zones(struct hm_filter *filter, struct netlink_ext_ack *extack)
{
	unsigned int i;

	if (filter->n_zones)
		sort(filter->zones, filter->n_zones, sizeof(*filter->zones), compare_zones, NULL);
	for (i = 1; i < filter->n_zones; i++) {
		if (filter->zones[i].key != filter->zones[i - 1].key)
			continue;
		NL_SET_ERR_MSG(extack, "FILTER_ZONE: the set has two rules about the same MAC, VLAN, interface or hub");
		return -EEXIST;
	}
	return 0;
}

/**
 * hm_filter_commit() - Put the open transaction in force.
 * @hm: device; a transaction is open
 * @extack: tells why on refusal
 *
 * Context: Process context, hm->lock held.
 * Return: 0; -EEXIST two rules are about the same; the transaction stays open then.
 */
int hm_filter_commit(struct hm_device *hm, struct netlink_ext_ack *extack)
{
	struct hm_filter *filter = hm->pending_filter, *old;
	int ret;

	lockdep_assert_held(&hm->lock);
	ret = sort_zones(filter, extack);
	if (ret)
		return ret;
	if (filter->n_pairs)
		sort(filter->pairs, filter->n_pairs, sizeof(*filter->pairs), compare_pairs, NULL);
	old = rcu_dereference_protected(hm->filter, lockdep_is_held(&hm->lock));
	if (old)
		inherit_hits(filter, old);
	hm->pending_filter = NULL;
	hm->filter_generation = filter->generation;
	if (has_zones(filter) || filter->n_acl || filter->hops_max) {
		publish(hm, filter);
	} else {
		publish(hm, NULL);
		filter_free(filter);
	}
	hm_tables_changed(hm);
	return 0;
}
