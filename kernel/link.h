/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_LINK_H
#define _HM_LINK_H

#include <net/dst_cache.h>
#include <linux/if_ether.h>
#include <linux/in6.h>
#include "bucket.h"
#include "key.h"
#include "pmtu.h"
#include "stats.h"

struct hm_device;
struct hm_queue;
struct netlink_ext_ack;

/**
 * struct hm_endpoint - the underlay addresses of a link
 * @rcu: for freeing after readers: the whole struct is replaced on change
 * @family: AF_INET or AF_INET6 for UDP, AF_PACKET for Ethernet
 * @local4: source, 0 = routing decides
 * @remote4: destination
 * @local6: as @local4
 * @remote6: as @remote4
 * @remote_port: UDP destination port
 * @remote_lladdr: Ethernet address of the other end's interface
 * @oif: underlay interface the link is bound to, 0 = any (UDP only)
 */
struct hm_endpoint {
	struct rcu_head rcu;
	sa_family_t family;
	__be16 remote_port;
	int oif;
	struct in_addr local4, remote4;
	struct in6_addr local6, remote6;
	u8 remote_lladdr[ETH_ALEN];
};

/**
 * struct hm_link - adjacency to one hub over one underlay path
 * @hm: the device it belongs to
 * @index: ours, what the peer writes into frames it sends here
 * @remote_index: the peer's, what we write
 * @peer: hub at the other end
 * @endpoint: where it leads; replaced as a whole under RCU
 * @dst_cache: route to @endpoint; reset when it changes
 * @keys: hop tag keys and AEAD for HOP and PROBE frames
 * @counters: per-CPU statistics
 * @state: enum hubmesh_link_state; READ_ONCE on the fast path
 * @state_lock: orders changes of @state with their events; any context
 * @mtu: largest outer IP packet, 0 = ask the route
 * @frame_max: largest frame to send: what fitted the route when last looked at
 *	(carrier.c) and is not known to get lost (pmtu.c); 0 = not looked at yet
 * @route_max: what fitted the route alone
 * @pmtu: search for what gets through
 * @queue_in_use: @queue while frames must go through it, else NULL
 * @queue: where frames wait when the link has a rate, owned by qos.c
 * @probe: liveness state, owned by probe.c
 * @hop_rate: token bucket of HOP frames
 * @lost_before: frames lost under link keys that have been replaced; under the
 *	device lock
 * @refs: the table's reference, one per next-hop group and one per deferred
 *	user
 * @free_work: for freeing after readers
 *
 * Found by index through hm->links (xarray).  Unlinked under hm->lock; readers
 * hold RCU.  The last reference queues @free_work, which runs after an RCU
 * grace period.  Each link holds a reference on its net_device until it is
 * freed: link->hm is good as long as the link is.
 */
struct hm_link {
	struct hm_device *hm;
	u16 index;
	u16 remote_index;
	u8 peer[HM_HUB_ID_LEN];
	u8 state;
	spinlock_t state_lock;
	u32 mtu;
	u32 frame_max, route_max;
	struct hm_pmtu pmtu;
	struct hm_endpoint __rcu *endpoint;
	struct dst_cache dst_cache;
	struct hm_keyring keys;
	struct hm_counters __percpu *counters;
	struct hm_queue __rcu *queue_in_use;
	struct hm_queue *queue;
	struct {
		struct hrtimer timer;
		u32 interval_ms, misses;
		u32 looks;		/* of the timer; some of them send a probe */
		u32 silent_looks;	/* in a row, that found no frame */
		bool heard;		/* a frame came since the last look */
		bool is_unheard;	/* the peer says that it hears nothing from us */
		spinlock_t lock;	/* protects the rest, touched per probe */
		u64 tx_seq;
		u64 echo_seq, echo_ns, echo_at_ns;	/* newest probe received */
		u32 rtt_us, jitter_us;
	} probe;
	struct hm_bucket hop_rate;
	u64 lost_before;
	refcount_t refs;
	struct rcu_work free_work;
};

struct hm_link *hm_link_by_index(const struct hm_device *hm, u32 index);	/* RCU */
/* link.c: state change from probe.c or carrier loss; any context.  Sends the
 * event, returns true if the state changed. */
bool hm_link_set_state(struct hm_link *link, enum hubmesh_link_state state);
/**
 * hm_link_heard() - An authentic frame came in: the peer is alive.
 * @link: where it came in
 *
 * That takes the link up, unless the peer has said that it does not hear us.
 *
 * Context: RCU read side, BH disabled.
 */
static inline void hm_link_heard(struct hm_link *link)
{
	if (!READ_ONCE(link->probe.heard))
		WRITE_ONCE(link->probe.heard, true);
	if (unlikely(READ_ONCE(link->state) != HUBMESH_LINK_UP &&
		     !READ_ONCE(link->probe.is_unheard)))
		hm_link_set_state(link, HUBMESH_LINK_UP);
}

void hm_link_put(struct hm_link *link);
void hm_links_oif_down(struct hm_device *hm, int ifindex);
void hm_links_oif_up(struct hm_device *hm, int ifindex);
void hm_links_clear(struct hm_device *hm);
/* link.c: drop what waits for any link (the interface went down); hm->lock held. */
void hm_links_flush_queues(struct hm_device *hm);
/* The underlay is gone: forget routes through it.  hm->lock held, sockets closed. */
void hm_links_forget_routes(struct hm_device *hm);

/**
 * struct hm_link_config - what LINK_NEW or LINK_SET asks for
 * @set: bit mask, BIT(HUBMESH_A_LINK_*) of the members that are given
 * @index: our index
 * @remote_index: the peer's index
 * @peer: hub at the other end
 * @endpoint: addresses, port and interface; only the given members are used
 * @probe_ms: probe interval
 * @probe_misses: silent intervals until down
 * @mtu: largest outer packet
 * @rate: bytes of outer packets per second, 0 for no limit
 */
struct hm_link_config {
	u32 set;
	u32 index, remote_index;
	u8 peer[HM_HUB_ID_LEN];
	struct hm_endpoint endpoint;
	u32 probe_ms, probe_misses, mtu;
	u64 rate;
};

/* link.c, hm->lock held */
int hm_link_new(struct hm_device *hm, const struct hm_link_config *cfg,
		struct hm_link **ret, struct netlink_ext_ack *extack);
int hm_link_set(struct hm_link *link, const struct hm_link_config *cfg,
		struct netlink_ext_ack *extack);
void hm_link_del(struct hm_link *link);
u64 hm_link_lost(const struct hm_link *link);
u64 hm_link_lost_under(const struct hm_link *link, u8 phase);

static inline struct hm_link *hm_link_get(struct hm_link *link)
{
	return refcount_inc_not_zero(&link->refs) ? link : NULL;
}

static inline bool hm_link_is_usable(const struct hm_link *link)
{
	return READ_ONCE(link->state) != HUBMESH_LINK_DOWN;
}

#endif
