// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: guards: what the frames of one hub may be
 *
 * The seal says which hub a frame is from.  A guard says what that hub may send
 * us: which zones it may claim (its certificate knows), how much, how much of
 * what goes to many, and whose inner source addresses it may use, MAC and IP.
 * Addresses are checked wherever a receiver would learn them from: Ethernet and
 * IP headers, ARP senders, ND targets and link-layer address options.  A scope
 * leaves addresses outside of it alone: of the mesh's own prefixes a hub may use
 * its own address only, while networks bridged to it are nobody's business.
 *
 * A guard is set as a whole and read under RCU; a hub without one may send
 * anything, at the cost of a test of its pointer.
 */
#include <linux/icmpv6.h>
#include <linux/slab.h>
#include <net/ndisc.h>
#include "compat.h"
#include "device.h"

/**
 * hm_storm_init() - Start without limits.
 * @storm: zeroed
 */
void hm_storm_init(struct hm_storm *storm)
{
	unsigned int kind;

	for (kind = 0; kind < HM_STORM_KINDS; kind++)
		hm_bucket_init(&storm->bucket[kind]);
}

static u64 frames_depth(u32 pps)
{
	return max_t(u64, pps / HM_RATE_DEPTH_DIVISOR, HM_RATE_DEPTH_FRAMES);
}

/**
 * hm_storm_take() - May one more frame go to many?
 * @storm: limits
 * @kind: kind of the frame
 *
 * Context: BH disabled.
 * Return: false if it is above the limit.
 */
bool hm_storm_take(struct hm_storm *storm, enum hm_storm_kind kind)
{
	u32 pps = READ_ONCE(storm->pps[kind]);

	return !pps || hm_bucket_take(&storm->bucket[kind], pps, frames_depth(pps), 1);
}

/**
 * hm_guard_new() - Make a guard that checks nothing yet.
 * @n_zones: zones there is to be room for
 * @n_macs: likewise
 * @n_prefixes: likewise
 * @n_scope: likewise
 *
 * Context: Process context.
 * Return: guard, for hm_guard_set() or kfree(); NULL without memory.
 */
struct hm_guard *hm_guard_new(unsigned int n_zones, unsigned int n_macs, unsigned int n_prefixes,
			      unsigned int n_scope)
{
	struct hm_guard *guard;

	guard = kzalloc(sizeof(*guard) + (n_prefixes + n_scope) * sizeof(*guard->prefixes) +
				n_zones * sizeof(*guard->zones) + n_macs * sizeof(*guard->macs),
			GFP_KERNEL);
	if (!guard)
		return NULL;
	guard->prefixes = (struct hm_prefix *)(guard + 1);
	guard->scope = guard->prefixes + n_prefixes;
	guard->zones = (u16 *)(guard->scope + n_scope);
	guard->macs = (u8 (*)[ETH_ALEN])(guard->zones + n_zones);
	hm_bucket_init(&guard->frames);
	hm_bucket_init(&guard->bytes);
	hm_storm_init(&guard->storm);
	return guard;
}

/**
 * hm_guard_set() - Put a guard in place of the one a hub has.
 * @hub: hub
 * @guard: guard, the hub's from now on; NULL for none
 *
 * Context: Process context, device lock held.
 */
void hm_guard_set(struct hm_hub *hub, struct hm_guard *guard)
{
	struct hm_guard *old;

	old = rcu_replace_pointer(hub->guard, guard, lockdep_is_held(&hub->hm->lock));
	if (old)
		kfree_rcu(old, rcu);
}

/**
 * hm_guard_allows_zone() - May the hub claim a zone?
 * @guard: its guard
 * @zone: zone in the sealed part
 *
 * Context: RCU read side.
 * Return: true if it may.
 */
bool hm_guard_allows_zone(const struct hm_guard *guard, u16 zone)
{
	unsigned int i;

	if (!guard->checks_zones)
		return true;
	for (i = 0; i < guard->n_zones; i++)
		if (guard->zones[i] == zone)
			return true;
	return false;
}

/**
 * hm_guard_take() - May the hub send one more frame?
 * @guard: its guard
 * @len: length of the inner frame
 *
 * Context: RCU read side, BH disabled.
 * Return: false if that is above its rate.
 */
bool hm_guard_take(struct hm_guard *guard, unsigned int len)
{
	u64 bytes_depth = max_t(u64, guard->bytes_ps / HM_RATE_DEPTH_DIVISOR, HM_RATE_DEPTH_BYTES);

	if (guard->frames_pps && !hm_bucket_take(&guard->frames, guard->frames_pps,
						 frames_depth(guard->frames_pps), 1))
		return false;
	return !guard->bytes_ps ||
	       hm_bucket_take(&guard->bytes, guard->bytes_ps, bytes_depth, len);
}

static bool allows_mac(const struct hm_guard *guard, struct hm_hub *hub, const u8 *mac)
{
	unsigned int i;

	if (ether_addr_equal(mac, hub->id))
		return true;
	for (i = 0; i < guard->n_macs; i++)
		if (ether_addr_equal(mac, guard->macs[i]))
			return true;
	return guard->macs_learn && hm_fdb_learn_some(hub->hm, hub, mac, guard->macs_learn);
}

static bool is_listed(const struct hm_prefix *list, unsigned int n, u8 family,
		      const struct in6_addr *address)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (list[i].family == family && hm_prefix_has(&list[i], address))
			return true;
	return false;
}

static bool allows_ip(const struct hm_guard *guard, u8 family, const struct in6_addr *address)
{
	return is_listed(guard->prefixes, guard->n_prefixes, family, address) ||
	       (guard->has_scope && !is_listed(guard->scope, guard->n_scope, family, address));
}

/* RFC 5227: who asks for an address before using it has none yet. */
static bool allows_arp_ip(const struct hm_guard *guard, const struct hm_arp *arp)
{
	struct in6_addr claimed = {};

	claimed.s6_addr32[0] = get_unaligned(arp->sender_ip ? &arp->sender_ip : &arp->target_ip);
	return allows_ip(guard, 4, &claimed);
}

static bool is_neighbour_discovery(const struct hm_inner *in, const u8 *frame)
{
	return in->family == 6 && in->protocol == IPPROTO_ICMPV6 && in->l4 &&
	       in->l4 < in->end && frame[in->l4] >= NDISC_ROUTER_SOLICITATION &&
	       frame[in->l4] <= NDISC_REDIRECT;
}

/* Offset of the options in an ND message of a type (RFC 4861 section 4). */
static unsigned int nd_options_offset(u8 type)
{
	switch (type) {
	case NDISC_ROUTER_SOLICITATION:
		return sizeof(struct rs_msg);
	case NDISC_ROUTER_ADVERTISEMENT:
		return sizeof(struct ra_msg);
	case NDISC_REDIRECT:
		return sizeof(struct rd_msg);
	default:
		return sizeof(struct nd_msg);
	}
}

/* Do all link-layer address options of an ND message name @mac? */
static bool nd_names_only(const struct hm_inner *in, const u8 *frame, const u8 *mac)
{
	unsigned int at = in->l4 + nd_options_offset(frame[in->l4]), n, len;

	for (n = 0; n < HM_ND_OPTIONS_MAX && at + 8 <= in->end; n++, at += len) {
		const u8 *option = frame + at;

		len = option[1] * 8;
		if (!len || at + len > in->end)
			return false;
		if ((option[0] == ND_OPT_SOURCE_LL_ADDR || option[0] == ND_OPT_TARGET_LL_ADDR) &&
		    (len != 8 || !ether_addr_equal_unaligned(option + 2, mac)))
			return false;
	}
	return at == in->end;
}

/* Is the address that an ND message claims the hub's? */
static bool allows_nd_ip(const struct hm_guard *guard, const struct hm_inner *in, const u8 *frame)
{
	const struct nd_msg *nd = (const struct nd_msg *)(frame + in->l4);
	struct in6_addr target;
	u8 type = frame[in->l4];

	/* From the unspecified address a solicitation claims its target (RFC 4862 5.4). */
	if (type != NDISC_NEIGHBOUR_ADVERTISEMENT &&
	    (type != NDISC_NEIGHBOUR_SOLICITATION || !ipv6_addr_any(&in->src)))
		return true;
	if (in->l4 + sizeof(*nd) > in->end)
		return false;
	memcpy(&target, &nd->target, sizeof(target));
	return allows_ip(guard, 6, &target);
}

static bool allows_packet(const struct hm_guard *guard, const struct hm_inner *in, const u8 *frame)
{
	if (in->ethertype == ETH_P_ARP)
		return allows_arp_ip(guard, (const struct hm_arp *)(frame + in->l3));
	if (!in->family)
		return true;
	if (is_neighbour_discovery(in, frame) && !allows_nd_ip(guard, in, frame))
		return false;
	if (in->family == 6 && in->protocol == IPPROTO_ICMPV6 && ipv6_addr_any(&in->src))
		return true;
	return allows_ip(guard, in->family, &in->src);
}

/* Do those who resolve addresses learn no other MAC from the frame than its source? */
static bool resolves_to_source(const struct hm_inner *in, const u8 *frame, const u8 *mac)
{
	const struct hm_arp *arp = (const struct hm_arp *)(frame + in->l3);

	if (in->ethertype == ETH_P_ARP)
		return ether_addr_equal_unaligned(arp->sender_mac, mac);
	return !is_neighbour_discovery(in, frame) || nd_names_only(in, frame, mac);
}

/**
 * hm_guard_allows_source() - Are the inner source addresses the hub's?
 * @guard: its guard
 * @hub: hub that sealed the frame
 * @frame: inner frame, contiguous
 * @in: what was read of it, to the end
 *
 * Context: RCU read side, softirq.  May learn the source address.
 * Return: false if one of them is not.
 */
bool hm_guard_allows_source(const struct hm_guard *guard, struct hm_hub *hub, const u8 *frame,
			    const struct hm_inner *in)
{
	u8 mac[ETH_ALEN] __aligned(2);

	memcpy(mac, frame + ETH_ALEN, ETH_ALEN);
	if (guard->checks_prefixes && !allows_packet(guard, in, frame))
		return false;
	return !guard->checks_macs ||
	       (resolves_to_source(in, frame, mac) && allows_mac(guard, hub, mac));
}
