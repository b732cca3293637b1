/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_LINK_H
#define _HM_LINK_H

#include <net/dst_cache.h>
#include <linux/in6.h>
#include "key.h"
#include "stats.h"

struct hm_device;

/**
 * struct hm_endpoint - the underlay addresses of a link
 * @rcu: for freeing after readers: the whole struct is replaced on change
 * @family: AF_INET or AF_INET6
 * @local4: source, 0 = routing decides
 * @remote4: destination
 * @local6: as @local4
 * @remote6: as @remote4
 * @remote_port: UDP destination port
 * @oif: underlay interface the link is bound to, 0 = any
 */
struct hm_endpoint {
	struct rcu_head rcu;
	sa_family_t family;
	__be16 remote_port;
	int oif;
	struct in_addr local4, remote4;
	struct in6_addr local6, remote6;
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
 * @mtu: largest outer IP packet, 0 = ask the route
 * @last_rx: jiffies of the newest authentic frame
 * @probe: liveness state, owned by probe.c
 * @hop_tokens: rate limit of HOP frames
 * @refs: the table's reference and one per deferred user
 * @rcu: for freeing after readers
 *
 * Found by index through hm->links (xarray).  Unlinked under hm->lock;
 * readers hold RCU.
 */
struct hm_link {
	struct hm_device *hm;
	u16 index;
	u16 remote_index;
	u8 peer[HM_HUB_ID_LEN];
	u8 state;
	u32 mtu;
	struct hm_endpoint __rcu *endpoint;
	struct dst_cache dst_cache;
	struct hm_keyring keys;
	struct hm_counters __percpu *counters;
	unsigned long last_rx;
	struct {
		struct delayed_work work;
		u32 interval_ms, misses;
		spinlock_t lock;	/* protects the rest, touched per probe */
		u64 tx_seq;
		u64 echo_seq, echo_ns, echo_at_ns;	/* newest probe received */
		u32 rtt_us, jitter_us;
	} probe;
	struct {
		spinlock_t lock;
		u32 tokens;
		u64 stamp_ns;
	} hop_rate;
	refcount_t refs;
	struct rcu_work free_work;
};

struct hm_link *hm_link_by_index(const struct hm_device *hm, u32 index);	/* RCU */
/* link.c: state change from probe.c or carrier loss; any context.  Sends the
 * event, returns true if the state changed. */
bool hm_link_set_state(struct hm_link *link, enum hubmesh_link_state state);
void hm_link_put(struct hm_link *link);
void hm_links_oif_down(struct hm_device *hm, int ifindex);
void hm_links_clear(struct hm_device *hm);

static inline struct hm_link *hm_link_get(struct hm_link *link)
{
	return refcount_inc_not_zero(&link->refs) ? link : NULL;
}

static inline bool hm_link_is_usable(const struct hm_link *link)
{
	return READ_ONCE(link->state) != HUBMESH_LINK_DOWN;
}

#endif
