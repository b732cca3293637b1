// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: links
 *
 * A link is the adjacency to one hub over one underlay path.  This file owns
 * the table of links (index -> link), their addresses, their liveness state and
 * their lifetime; probe.c decides when the state changes, key.c what a key is,
 * route.c who uses a link.
 *
 * States: NEW (no authentic frame yet) -> UP <-> DOWN.  Anything but DOWN may
 * carry frames.
 *
 * Removal: the link leaves the table and every next-hop group under hm->lock,
 * its keys are wiped, its probes and its queue stopped; readers may still use it until their
 * rcu_read_unlock().  The next-hop groups put their references after a grace
 * period of their own, the last reference queues the free after another.
 */
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/inetdevice.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/route.h>
#include "datapath.h"
#include "device.h"
#include "event.h"
#include "main.h"
#include "qos.h"

static void link_free_work(struct work_struct *work)
{
	struct hm_link *link = container_of(to_rcu_work(work), struct hm_link, free_work);
	struct net_device *dev = link->hm->dev;

	/* No reader is left: the endpoint needs no grace period of its own. */
	kfree(rcu_dereference_protected(link->endpoint, true));
	hm_queue_free(link->queue);
	dst_cache_destroy(&link->dst_cache);
	free_percpu(link->counters);
	kfree(link);
	dev_put(dev);
}

/**
 * hm_link_put() - Drop a reference
 * @link: link
 *
 * Context: Any.  The last reference frees the link after an RCU grace period.
 */
void hm_link_put(struct hm_link *link)
{
	if (refcount_dec_and_test(&link->refs))
		queue_rcu_work(hm_wq, &link->free_work);
}

/**
 * hm_link_by_index() - Find a link
 * @hm: device
 * @index: our index of the link
 *
 * Context: RCU read side, or hm->lock held.
 * Return: the link, borrowed; NULL if there is none.
 */
struct hm_link *hm_link_by_index(const struct hm_device *hm, u32 index)
{
	if (likely(index < HM_NEAR_LINKS))
		return rcu_dereference_check(hm->near_links[index],
					     lockdep_is_held(&hm->lock));
	return xa_load((struct xarray *)&hm->links, index);
}

/**
 * hm_link_set_state() - Change a link's liveness
 * @link: link
 * @state: new state
 *
 * Sends the event.  The lock makes the order of events the order of changes:
 * the last event delivered tells the state that holds.
 *
 * Context: Any but hard interrupts.
 * Return: true if the state changed.
 */
bool hm_link_set_state(struct hm_link *link, enum hubmesh_link_state state)
{
	bool changed;

	if (READ_ONCE(link->state) == state)
		return false;
	spin_lock_bh(&link->state_lock);
	changed = link->state != state;
	if (changed) {
		WRITE_ONCE(link->state, state);
		hm_event_link(link);
	}
	spin_unlock_bh(&link->state_lock);
	return changed;
}

/**
 * hm_links_oif_down() - An underlay interface lost its carrier
 * @hm: device
 * @ifindex: the interface, in hm->underlay
 *
 * Takes the links bound to it down at once, without waiting for probes.
 *
 * Context: Any but hard interrupts.
 */
void hm_links_oif_down(struct hm_device *hm, int ifindex)
{
	struct hm_link *link;
	unsigned long index;

	rcu_read_lock();
	xa_for_each(&hm->links, index, link)
		if (rcu_dereference(link->endpoint)->oif == ifindex)
			hm_link_set_state(link, HUBMESH_LINK_DOWN);
	rcu_read_unlock();
}

/**
 * hm_links_oif_up() - An underlay interface has its carrier again
 * @hm: device
 * @ifindex: the interface, in hm->underlay
 *
 * A link that probes comes up by itself.  One that does not would stay down for
 * ever, as neither side sends on a link that is down: it starts anew.
 *
 * Context: Any but hard interrupts.
 */
void hm_links_oif_up(struct hm_device *hm, int ifindex)
{
	struct hm_link *link;
	unsigned long index;

	rcu_read_lock();
	xa_for_each(&hm->links, index, link)
		if (rcu_dereference(link->endpoint)->oif == ifindex &&
		    READ_ONCE(link->state) == HUBMESH_LINK_DOWN &&
		    !READ_ONCE(link->probe.interval_ms))
			hm_link_set_state(link, HUBMESH_LINK_NEW);
	rcu_read_unlock();
}

/**
 * hm_links_forget_routes() - Release cached routes: their namespace is going
 * @hm: device; its sockets are closed, so nothing looks routes up any more
 *
 * Context: Process context, hm->lock held.
 */
void hm_links_forget_routes(struct hm_device *hm)
{
	struct hm_link *link;
	unsigned long index;

	lockdep_assert_held(&hm->lock);
	xa_for_each(&hm->links, index, link)
		dst_cache_reset_now(&link->dst_cache);
}

/*
 * A namespace that has had no IPv4 address yet takes every address for a
 * broadcast address, even 127.0.0.1: it cannot tell, so we do not ask.
 */
static bool address4_is_broadcast(struct net *net, __be32 addr)
{
	return inet_addr_type(net, addr) == RTN_BROADCAST &&
	       inet_addr_type(net, htonl(INADDR_LOOPBACK)) != RTN_BROADCAST;
}

static bool address4_is_unicast(struct net *net, struct in_addr addr)
{
	return !ipv4_is_zeronet(addr.s_addr) && !ipv4_is_multicast(addr.s_addr) &&
	       !ipv4_is_lbcast(addr.s_addr) && !address4_is_broadcast(net, addr.s_addr);
}

static bool address6_is_unicast(const struct in6_addr *addr)
{
	return !ipv6_addr_any(addr) && !ipv6_addr_is_multicast(addr) &&
	       !ipv6_addr_v4mapped(addr);
}

static int check_oif(struct hm_device *hm, int oif, struct netlink_ext_ack *extack)
{
	struct net_device *dev;
	int ret = 0;

	if (!oif)
		return 0;
	rcu_read_lock();
	dev = dev_get_by_index_rcu(hm->underlay, oif);
	if (!dev) {
		NL_SET_ERR_MSG(extack, "LINK_OIF: no such interface in the underlay namespace");
		ret = -ENODEV;
	} else if (dev == hm->dev) {
		NL_SET_ERR_MSG(extack, "LINK_OIF: a link cannot ride on its own mesh interface");
		ret = -ELOOP;
	}
	rcu_read_unlock();
	return ret;
}

static int check_endpoint4(struct hm_device *hm, const struct hm_endpoint *ep,
			   struct netlink_ext_ack *extack)
{
	if (!address4_is_unicast(hm->underlay, ep->remote4)) {
		NL_SET_ERR_MSG(extack, "LINK_REMOTE4: not a unicast address");
		return -EADDRNOTAVAIL;
	}
	if (ep->local4.s_addr && !address4_is_unicast(hm->underlay, ep->local4)) {
		NL_SET_ERR_MSG(extack, "LINK_LOCAL4: not a unicast address; 0.0.0.0 lets routing decide");
		return -EADDRNOTAVAIL;
	}
	return 0;
}

static int check_endpoint6(const struct hm_endpoint *ep, struct netlink_ext_ack *extack)
{
	if (!address6_is_unicast(&ep->remote6)) {
		NL_SET_ERR_MSG(extack, "LINK_REMOTE6: not a unicast IPv6 address");
		return -EADDRNOTAVAIL;
	}
	if (!ipv6_addr_any(&ep->local6) && !address6_is_unicast(&ep->local6)) {
		NL_SET_ERR_MSG(extack, "LINK_LOCAL6: not a unicast IPv6 address; :: lets routing decide");
		return -EADDRNOTAVAIL;
	}
	if (ipv6_addr_type(&ep->remote6) & IPV6_ADDR_LINKLOCAL && !ep->oif) {
		NL_SET_ERR_MSG(extack, "LINK_REMOTE6: a link-local address needs LINK_OIF");
		return -EINVAL;
	}
	return 0;
}

/* Frames ride on the device itself, so it must be one that they fit. */
static int check_endpoint_ether(struct hm_device *hm, const struct hm_endpoint *ep,
				struct netlink_ext_ack *extack)
{
	const struct net_device *dev;
	int ret = -EINVAL;

	if (!is_valid_ether_addr(ep->remote_lladdr)) {
		NL_SET_ERR_MSG(extack, "LINK_REMOTE_LLADDR: not a unicast Ethernet address");
		return -EADDRNOTAVAIL;
	}
	if (!ep->oif) {
		NL_SET_ERR_MSG(extack, "LINK_REMOTE_LLADDR: needs LINK_OIF, the interface on that segment");
		return ret;
	}
	rcu_read_lock();
	dev = dev_get_by_index_rcu(hm->underlay, ep->oif);
	if (!dev) {
		ret = -ENODEV;
	} else if (dev->type != ARPHRD_ETHER) {
		NL_SET_ERR_MSG(extack, "LINK_OIF: not an Ethernet interface; use LINK_REMOTE4 or LINK_REMOTE6");
	} else if (READ_ONCE(dev->mtu) < HM_FRAME_FLOOR) {
		NL_SET_ERR_MSG(extack, "LINK_OIF: MTU below 1352 cannot carry IPv6; use LINK_REMOTE4 or LINK_REMOTE6");
	} else {
		ret = 0;
	}
	rcu_read_unlock();
	return ret;
}

static int check_endpoint(struct hm_device *hm, const struct hm_endpoint *ep,
			  struct netlink_ext_ack *extack)
{
	int ret;

	if (!hm->underlay) {
		NL_SET_ERR_MSG(extack, "the underlay namespace is gone: make a new device");
		return -ENONET;
	}
	if (!ep->remote_port) {
		NL_SET_ERR_MSG(extack, "LINK_REMOTE_PORT: must not be 0");
		return -EINVAL;
	}
	if (ep->family == AF_INET6 && !IS_ENABLED(CONFIG_IPV6)) {
		NL_SET_ERR_MSG(extack, "LINK_REMOTE6: this kernel has no IPv6");
		return -EAFNOSUPPORT;
	}
	ret = check_oif(hm, ep->oif, extack);
	if (ret)
		return ret;
	switch (ep->family) {
	case AF_INET:
		return check_endpoint4(hm, ep, extack);
	case AF_INET6:
		return check_endpoint6(ep, extack);
	default:
		return check_endpoint_ether(hm, ep, extack);
	}
}

/* Addresses of one family replace those of the other. */
static int merge_addresses(struct hm_endpoint *ep, const struct hm_link_config *cfg,
			   struct netlink_ext_ack *extack)
{
	bool has4 = cfg->set & (BIT(HUBMESH_A_LINK_REMOTE4) | BIT(HUBMESH_A_LINK_LOCAL4));
	bool has6 = cfg->set & (BIT(HUBMESH_A_LINK_REMOTE6) | BIT(HUBMESH_A_LINK_LOCAL6));
	bool has_ether = cfg->set & BIT(HUBMESH_A_LINK_REMOTE_LLADDR);

	if (has4 + has6 + has_ether > 1) {
		NL_SET_ERR_MSG(extack, "a link has IPv4, IPv6 or Ethernet addresses: give one kind");
		return -EINVAL;
	}
	if (has_ether) {
		ep->local4.s_addr = 0;
		ep->remote4.s_addr = 0;
		ep->local6 = in6addr_any;
		ep->remote6 = in6addr_any;
		ep->family = AF_PACKET;
		ether_addr_copy(ep->remote_lladdr, cfg->endpoint.remote_lladdr);
	}
	if (cfg->set & BIT(HUBMESH_A_LINK_REMOTE4)) {
		ep->local6 = in6addr_any;
		ep->remote6 = in6addr_any;
		ep->family = AF_INET;
		ep->remote4 = cfg->endpoint.remote4;
	}
	if (cfg->set & BIT(HUBMESH_A_LINK_REMOTE6)) {
		ep->local4.s_addr = 0;
		ep->remote4.s_addr = 0;
		ep->family = AF_INET6;
		ep->remote6 = cfg->endpoint.remote6;
	}
	if ((has4 && ep->family != AF_INET) || (has6 && ep->family != AF_INET6)) {
		NL_SET_ERR_MSG(extack, "local and remote address must be of one family");
		return -EINVAL;
	}
	if (cfg->set & BIT(HUBMESH_A_LINK_LOCAL4))
		ep->local4 = cfg->endpoint.local4;
	if (cfg->set & BIT(HUBMESH_A_LINK_LOCAL6))
		ep->local6 = cfg->endpoint.local6;
	return 0;
}

/*
 * A new endpoint made of @old (or of nothing) and what @cfg gives.
 * Returns ERR_PTR on refusal, extack set.
 */
static struct hm_endpoint *endpoint_new(struct hm_device *hm, const struct hm_endpoint *old,
					const struct hm_link_config *cfg,
					struct netlink_ext_ack *extack)
{
	struct hm_endpoint *ep = kzalloc(sizeof(*ep), GFP_KERNEL);
	int ret;

	if (!ep)
		return ERR_PTR(-ENOMEM);
	if (old)
		*ep = *old;
	else
		ep->remote_port = htons(HM_PORT_DATA);
	ret = merge_addresses(ep, cfg, extack);
	if (ret)
		goto err;
	if (cfg->set & BIT(HUBMESH_A_LINK_REMOTE_PORT))
		ep->remote_port = cfg->endpoint.remote_port;
	if (cfg->set & BIT(HUBMESH_A_LINK_OIF))
		ep->oif = cfg->endpoint.oif;
	if (ep->family == AF_UNSPEC) {
		NL_SET_ERR_MSG(extack, "a link needs LINK_REMOTE4, LINK_REMOTE6 or LINK_REMOTE_LLADDR");
		ret = -EINVAL;
		goto err;
	}
	ret = check_endpoint(hm, ep, extack);
	if (ret)
		goto err;
	return ep;

err:
	kfree(ep);
	return ERR_PTR(ret);
}

static bool config_changes_endpoint(const struct hm_link_config *cfg)
{
	return cfg->set & (BIT(HUBMESH_A_LINK_REMOTE4) | BIT(HUBMESH_A_LINK_LOCAL4) |
			   BIT(HUBMESH_A_LINK_REMOTE6) | BIT(HUBMESH_A_LINK_LOCAL6) |
			   BIT(HUBMESH_A_LINK_REMOTE_PORT) | BIT(HUBMESH_A_LINK_OIF) |
			   BIT(HUBMESH_A_LINK_REMOTE_LLADDR));
}

/* Plain numbers: each is read once per use, so they need no grace period. */
static void apply_numbers(struct hm_link *link, const struct hm_link_config *cfg)
{
	if (cfg->set & BIT(HUBMESH_A_LINK_REMOTE_INDEX))
		WRITE_ONCE(link->remote_index, cfg->remote_index);
	if (cfg->set & BIT(HUBMESH_A_LINK_MTU))
		WRITE_ONCE(link->mtu, cfg->mtu);
	if (cfg->set & BIT(HUBMESH_A_LINK_PROBE_MS))
		WRITE_ONCE(link->probe.interval_ms, cfg->probe_ms);
	if (cfg->set & BIT(HUBMESH_A_LINK_PROBE_MISSES))
		WRITE_ONCE(link->probe.misses, cfg->probe_misses);
	if (cfg->set & BIT(HUBMESH_A_LINK_RATE))
		hm_queue_set_rate(link->queue, cfg->rate);
}

static int check_numbers(const struct hm_link_config *cfg, struct netlink_ext_ack *extack)
{
	if (cfg->set & BIT(HUBMESH_A_LINK_PROBE_MS) && cfg->probe_ms &&
	    (cfg->probe_ms < HM_PROBE_MS_MIN || cfg->probe_ms > HM_PROBE_MS_MAX)) {
		NL_SET_ERR_MSG(extack, "LINK_PROBE_MS: must be 10..1000, or 0 for no probes");
		return -ERANGE;
	}
	if (cfg->set & BIT(HUBMESH_A_LINK_MTU) && cfg->mtu && cfg->mtu < HM_LINK_MTU_MIN) {
		NL_SET_ERR_MSG(extack, "LINK_MTU: must be 576..65535, or 0 to ask the route");
		return -ERANGE;
	}
	if (cfg->set & BIT(HUBMESH_A_LINK_RATE) && cfg->rate && cfg->rate < HM_LINK_RATE_MIN) {
		NL_SET_ERR_MSG(extack, "LINK_RATE: at least 1000 bytes per second, or 0 for no limit");
		return -ERANGE;
	}
	return 0;
}

static struct hm_link *link_alloc(struct hm_device *hm, u32 index, const u8 *peer)
{
	struct hm_link *link = kzalloc(sizeof(*link), GFP_KERNEL);

	if (!link)
		return NULL;
	link->counters = hm_counters_alloc(index);
	if (!link->counters)
		goto err_counters;
	if (dst_cache_init(&link->dst_cache, GFP_KERNEL))
		goto err_dst;
	link->queue = hm_queue_new(link);
	if (!link->queue)
		goto err_queue;
	link->hm = hm;
	link->index = index;
	ether_addr_copy(link->peer, peer);
	link->state = HUBMESH_LINK_NEW;
	spin_lock_init(&link->state_lock);
	hm_bucket_init(&link->hop_rate);
	hm_keyring_init(&link->keys);
	refcount_set(&link->refs, 1);
	INIT_RCU_WORK(&link->free_work, link_free_work);
	hm_probe_init(link);
	link->probe.interval_ms = HM_PROBE_MS_DEFAULT;
	link->probe.misses = HM_PROBE_MISSES_DEFAULT;
	dev_hold(hm->dev);
	return link;

err_queue:
	dst_cache_destroy(&link->dst_cache);
err_dst:
	free_percpu(link->counters);
err_counters:
	kfree(link);
	return NULL;
}

/* Reserves the place: lookups find nothing until the link is stored. */
static int reserve_index(struct hm_device *hm, const struct hm_link_config *cfg,
			 u32 *index, struct netlink_ext_ack *extack)
{
	int ret;

	if (cfg->set & BIT(HUBMESH_A_LINK_INDEX)) {
		*index = cfg->index;
		ret = xa_insert(&hm->links, *index, NULL, GFP_KERNEL);
		if (ret == -EBUSY) {
			NL_SET_ERR_MSG(extack, "LINK_INDEX: in use; leave it out to get a free one");
			return -EEXIST;
		}
		return ret;
	}
	ret = xa_alloc(&hm->links, index, NULL, XA_LIMIT(1, HM_LINK_INDEX_MAX), GFP_KERNEL);
	if (ret == -EBUSY) {
		NL_SET_ERR_MSG(extack, "every link index is in use: remove a link");
		return -ENOSPC;
	}
	return ret;
}

/**
 * hm_link_new() - Add a link
 * @hm: device
 * @cfg: what is asked for; needs the peer and a remote address
 * @ret: the new link, borrowed: good while hm->lock is held; untouched on failure
 * @extack: tells why on refusal
 *
 * Context: Process context, hm->lock held.
 * Return: 0; -EEXIST the index is taken; -ENOSPC all are; -EADDRNOTAVAIL an
 * address is not unicast or the peer is this hub; -ENODEV no such underlay
 * interface; -ELOOP it is the mesh interface; -ENONET the underlay is gone;
 * -EINVAL, -ERANGE something is missing or out of range; -ENOMEM.
 */
int hm_link_new(struct hm_device *hm, const struct hm_link_config *cfg,
		struct hm_link **ret, struct netlink_ext_ack *extack)
{
	struct hm_endpoint *ep;
	struct hm_link *link;
	u32 index;
	int err;

	lockdep_assert_held(&hm->lock);
	if (ether_addr_equal(cfg->peer, hm_own_id(hm))) {
		NL_SET_ERR_MSG(extack, "LINK_PEER: is this hub itself");
		return -EADDRNOTAVAIL;
	}
	err = check_numbers(cfg, extack);
	if (err)
		return err;
	ep = endpoint_new(hm, NULL, cfg, extack);
	if (IS_ERR(ep))
		return PTR_ERR(ep);
	err = reserve_index(hm, cfg, &index, extack);
	if (err)
		goto err_endpoint;
	link = link_alloc(hm, index, cfg->peer);
	if (!link) {
		err = -ENOMEM;
		goto err_index;
	}
	RCU_INIT_POINTER(link->endpoint, ep);
	apply_numbers(link, cfg);
	/* The reserved place needs no memory, so this cannot fail. */
	xa_store(&hm->links, index, link, GFP_KERNEL);
	if (index < HM_NEAR_LINKS)
		rcu_assign_pointer(hm->near_links[index], link);
	hm->n_links++;
	hm_tables_changed(hm);
	*ret = link;
	return 0;

err_index:
	xa_release(&hm->links, index);
err_endpoint:
	kfree(ep);
	return err;
}

/**
 * hm_link_set() - Change a link in place
 * @link: link
 * @cfg: members to change; index and peer are ignored
 * @extack: tells why on refusal
 *
 * Nothing is changed on refusal.
 *
 * Context: Process context, link->hm->lock held.
 * Return: 0 or an error as hm_link_new().
 */
int hm_link_set(struct hm_link *link, const struct hm_link_config *cfg,
		struct netlink_ext_ack *extack)
{
	struct hm_device *hm = link->hm;
	struct hm_endpoint *old, *ep;
	int ret;

	lockdep_assert_held(&hm->lock);
	ret = check_numbers(cfg, extack);
	if (ret)
		return ret;
	if (config_changes_endpoint(cfg)) {
		old = rcu_dereference_protected(link->endpoint, lockdep_is_held(&hm->lock));
		ep = endpoint_new(hm, old, cfg, extack);
		if (IS_ERR(ep))
			return PTR_ERR(ep);
		rcu_assign_pointer(link->endpoint, ep);
		/*
		 * A sender that still sees the old endpoint may cache a route
		 * to it: wait for such senders, then forget what they cached.
		 */
		synchronize_net();
		dst_cache_reset(&link->dst_cache);
		kfree(old);
	}
	if (config_changes_endpoint(cfg) || cfg->set & BIT(HUBMESH_A_LINK_REMOTE_INDEX))
		hm_probe_forget(link);
	apply_numbers(link, cfg);
	if (cfg->set & (BIT(HUBMESH_A_LINK_PROBE_MS) | BIT(HUBMESH_A_LINK_PROBE_MISSES)))
		hm_probe_restart(link);
	hm_tables_changed(hm);
	return 0;
}

/**
 * hm_link_del() - Remove a link and its keys
 * @link: link; not to be used by the caller afterwards
 *
 * Routes that use it go on without it.
 *
 * What waits in the link's queue is dropped.
 *
 * Context: Process context, link->hm->lock held; waits for the link's timers.
 */
void hm_link_del(struct hm_link *link)
{
	struct hm_device *hm = link->hm;

	lockdep_assert_held(&hm->lock);
	if (link->index < HM_NEAR_LINKS)
		RCU_INIT_POINTER(hm->near_links[link->index], NULL);
	xa_erase(&hm->links, link->index);
	hm->n_links--;
	hm_route_link_gone(hm, link);
	hm_tables_changed(hm);
	hm_probe_stop(link);
	hm_queue_stop(link->queue);
	hm_keyring_clear(&link->keys);
	hm_link_put(link);
}

/**
 * hm_links_clear() - Remove every link
 * @hm: device that is being unregistered
 *
 * Context: Process context, hm->lock held.
 */
void hm_links_clear(struct hm_device *hm)
{
	struct hm_link *link;
	unsigned long index;

	xa_for_each(&hm->links, index, link)
		hm_link_del(link);
}

/**
 * hm_links_flush_queues() - Drop what waits for any link
 * @hm: device that is going down
 *
 * Context: Process context, hm->lock held.
 */
void hm_links_flush_queues(struct hm_device *hm)
{
	struct hm_link *link;
	unsigned long index;

	lockdep_assert_held(&hm->lock);
	xa_for_each(&hm->links, index, link)
		hm_queue_flush(link->queue);
}

static u64 key_lost(const struct hm_key *key)
{
	u64 lost = 0;
	int lane;

	for (lane = 0; lane < HM_LANES; lane++)
		lost += READ_ONCE(key->hop_seen[lane].lost);
	return lost;
}

/**
 * hm_link_lost() - Frames missing in the hop sequences of a link
 * @link: link
 *
 * Context: RCU read side.
 * Return: frames lost on the way here since the link was made.
 */
u64 hm_link_lost(const struct hm_link *link)
{
	u64 lost = READ_ONCE(link->lost_before);
	const struct hm_key *key;
	int phase;

	for (phase = 0; phase < HM_PHASES; phase++) {
		key = rcu_dereference(link->keys.by_phase[phase]);
		if (key)
			lost += key_lost(key);
	}
	return lost;
}

/**
 * hm_link_lost_under() - Frames lost under one link key
 * @link: link
 * @phase: phase of the key
 *
 * The count dies with the key: whoever replaces one adds it to
 * link->lost_before.
 *
 * Context: Process context, link->hm->lock held.
 * Return: frames lost, 0 without a key of that phase.
 */
u64 hm_link_lost_under(const struct hm_link *link, u8 phase)
{
	const struct hm_key *key;

	key = rcu_dereference_protected(link->keys.by_phase[phase],
					lockdep_is_held(&link->hm->lock));
	return key ? key_lost(key) : 0;
}
