/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: datapath: the daemon's hand on hubmesh.ko and on mesh0
 *
 * A shell over generic netlink and rtnetlink (both libmnl): makes
 * the device, installs links, hubs, keys and routes, listens to the event
 * group and reads statistics.  Requests are answered by the kernel at once,
 * so they are blocking with a receive timeout; events come through the loop.
 */
#ifndef DATAPATH_DATAPATH_H
#define DATAPATH_DATAPATH_H

#include <uv.h>

#include "daemon/hub/effects.h"

#define DATAPATH_TEXT_MAX 384 /* bytes of datapath_last_error() */
#define DATAPATH_DROPS_MAX 64 /* more than enum hubmesh_drop has */

struct datapath;

struct datapath_events {
	void (*link)(void *arg, uint32_t link, bool is_up, uint32_t rtt_us, uint32_t frame_max);
	void (*need_session)(void *arg, const struct hub_id *hub);
	void (*key_needed)(void *arg, enum key_owner owner, uint32_t link, const struct hub_id *hub,
			   uint8_t phase);
	/* @flags: RECORD_GROUPS_*; @groups: sorted */
	void (*groups)(void *arg, uint32_t flags, const uint8_t (*groups)[6], size_t n_groups);
	/* Once: somebody has deleted the interface or removed the module, with all that was set. */
	void (*gone)(void *arg);
	void *arg;
};

/**
 * struct datapath_settings - borrowed during datapath_open()
 * @ifname: mesh interface, e.g. "mesh0"; created if missing, reused if it is ours
 * @id: hub id, becomes the MAC
 * @data_port: UDP port of the carrier
 * @control_port: TCP port HOP frames may carry
 * @mtu: of the interface
 * @probe_ms: probe interval for every link
 * @probe_misses: until a link is down
 * @cipher: preferred enum hubmesh_cipher
 */
struct datapath_settings {
	const char *ifname;
	struct hub_id id;
	uint16_t data_port, control_port;
	uint32_t mtu, probe_ms, probe_misses, cipher;
};

struct datapath_wait;

/**
 * datapath_wait_new() - Wait for the module to be loaded.
 * @loop: delivers
 * @came: called once, when it is there
 * @arg: handed to @came
 * @ret: filled on success
 *
 * One that came before this call is not told of: look afterwards.
 *
 * Return: 0 or -errno.
 */
int datapath_wait_new(uv_loop_t *loop, void (*came)(void *arg), void *arg,
		      struct datapath_wait **ret);
/** datapath_wait_free() - NULL is allowed. */
void datapath_wait_free(struct datapath_wait *wait);

/**
 * datapath_open() - Find the module, make and raise the interface.
 * @loop: delivers the events
 * @settings: borrowed for the call
 * @events: copied
 * @ret: filled on success
 * @error_text: on failure, a sentence for a person (thread-local text)
 *
 * Return: 0; -ENOENT the module is not loaded and cannot be (control plane
 * only); -EPERM; -EEXIST the name belongs to something else; other -errno.
 * @error_text says why for a person.
 */
int datapath_open(uv_loop_t *loop, const struct datapath_settings *settings,
		  const struct datapath_events *events, struct datapath **ret,
		  const char **error_text);
/** datapath_close() - Stop listening; deletes the interface if @delete_device. */
void datapath_close(struct datapath *dp, bool delete_device);

/* Effects; each returns 0 or the kernel's -errno, with datapath_last_error()
 * giving the kernel's extack sentence. Idempotent: SET updates what exists,
 * DEL of what is gone is 0.  @lladdr: send in Ethernet to this address of 6 bytes, by
 * @remote's interface; NULL: UDP. */
int datapath_link_set(struct datapath *dp, uint32_t link, uint32_t remote_link,
		      const struct hub_id *peer, const struct endpoint *local,
		      const struct endpoint *remote, const uint8_t *lladdr);
int datapath_link_del(struct datapath *dp, uint32_t link);
int datapath_hub_set(struct datapath *dp, const struct hub_id *hub, const struct in6_addr *ula,
		     struct in_addr ipv4); /* kernel hub + permanent neighbours on mesh0 */
int datapath_hub_del(struct datapath *dp, const struct hub_id *hub, const struct in6_addr *ula,
		     struct in_addr ipv4);
/* Key material is wiped from every buffer of the shell after sending.  Of a sender key one of
 * @rx and @tx is NULL. */
int datapath_key_install(struct datapath *dp, enum key_owner owner, uint32_t link,
			 const struct hub_id *hub, uint8_t phase, uint32_t cipher,
			 const uint8_t *rx, const uint8_t *tx, size_t len);
int datapath_key_use(struct datapath *dp, enum key_owner owner, uint32_t link,
		     const struct hub_id *hub, uint8_t phase);
int datapath_key_del(struct datapath *dp, enum key_owner owner, uint32_t link,
		     const struct hub_id *hub, uint8_t phase);
/* EFFECT_ROUTES; splits over messages of one transaction; the kernel wants the generation to
 * grow, over restarts too */
int datapath_routes(struct datapath *dp, const struct effect *effect);
int datapath_addresses(struct datapath *dp, const struct in6_addr *ula, struct in_addr ipv4,
		       uint8_t ipv4_prefix_len); /* replaces what was set before */
/** datapath_policy() - Rule set, storm limits, classification, queues; each replaced as one. */
int datapath_policy(struct datapath *dp, const struct policy_tables *tables);
/** datapath_guard() - What the frames of a hub the kernel knows may be; all zero: anything. */
int datapath_guard(struct datapath *dp, const struct hub_id *hub, const struct policy_guard *guard);
int datapath_set_mtu(struct datapath *dp, uint32_t mtu);
/** datapath_set_peers() - Which hubs frames are exchanged with: HUBMESH_PEERS_F_*, a list. */
int datapath_set_peers(struct datapath *dp, uint32_t flags, const struct hub_id *peers, size_t n);
/** datapath_set_probes() - Probe timing of every link, present and future. */
int datapath_set_probes(struct datapath *dp, uint32_t probe_ms, uint32_t probe_misses);
const char *datapath_last_error(const struct datapath *dp);
const char *datapath_ifname(const struct datapath *dp);

/* Statistics for the API: blocking dumps, one callback per object.  The
 * callback must not call the datapath: its answer is still being read. */
struct datapath_stats {
	uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes, rx_drops, tx_drops, forwarded;
};
struct datapath_link_stats {
	uint32_t link;
	uint32_t state; /* enum hubmesh_link_state */
	uint32_t rtt_us, jitter_us, frame_max;
	uint32_t ifindex; /* it is bound to, 0 none */
	uint64_t lost;
	uint8_t tx_phase, rx_phases; /* tx 0xff = none */
	struct datapath_stats stats;
};
struct datapath_hub_stats {
	struct hub_id hub;
	uint8_t tx_phase, rx_phases;
	uint32_t held;
	struct datapath_stats stats;
};
/**
 * struct datapath_device_stats - the device's counters
 * @stats: of the device as a whole
 * @generation: of the route set in force
 * @filter_generation: of the rule set in force, 0 there was none yet
 * @storm: limits of what is flooded from here
 * @drops: indexed by enum hubmesh_drop
 */
struct datapath_device_stats {
	struct datapath_stats stats;
	uint64_t drops[DATAPATH_DROPS_MAX];
	uint64_t generation, filter_generation;
	struct policy_storm storm;
};
int datapath_read_device(struct datapath *dp, struct datapath_device_stats *ret);
int datapath_read_links(struct datapath *dp,
			void (*fn)(const struct datapath_link_stats *s, void *arg), void *arg);
int datapath_read_hubs(struct datapath *dp,
		       void (*fn)(const struct datapath_hub_stats *s, void *arg), void *arg);

/**
 * struct datapath_class - a class of a link's queue
 * @settings: how it waits; every number is set
 * @sent_frames: left for the underlay
 * @sent_bytes: their bytes
 * @drops_full: frames that found it full
 * @drops_codel: frames that waited too long
 * @drops_flushed: frames that waited when the link or interface went
 * @backlog_frames: frames that wait
 * @backlog_bytes: their bytes
 * @delay_us: age of the oldest of them
 * @delay_peak_us: longest wait so far
 */
struct datapath_class {
	struct policy_class settings;
	uint64_t sent_frames, sent_bytes, drops_full, drops_codel, drops_flushed;
	uint32_t backlog_frames, backlog_bytes, delay_us, delay_peak_us;
};

/**
 * struct datapath_queue - the queue of a link
 * @link: index
 * @bytes_ps: rate, 0 = none: nothing ever waits
 * @strict_share: percent class 7 has before all others
 * @class: each class
 */
struct datapath_queue {
	uint32_t link;
	uint64_t bytes_ps;
	uint8_t strict_share;
	struct datapath_class class[POLICY_CLASSES];
};
int datapath_read_queues(struct datapath *dp,
			 void (*fn)(const struct datapath_queue *queue, void *arg), void *arg);

/**
 * struct datapath_rule - one piece of the rule set in force
 * @kind: which of the members is set
 * @hops_max: frames over more hops are refused, 0 any
 * @member: who is in a zone; an interface by its name now, "" if it has none any more
 * @ifindex: of such an interface
 * @pair: zones
 * @entry: of the ACL
 * @hits: frames it decided on
 */
struct datapath_rule {
	enum {
		DATAPATH_RULE_HOPS,
		DATAPATH_RULE_MEMBER,
		DATAPATH_RULE_PAIR,
		DATAPATH_RULE_ENTRY
	} kind;
	uint8_t hops_max;
	struct policy_member member;
	uint32_t ifindex;
	struct policy_pair pair;
	struct policy_entry entry;
	uint64_t hits;
};
int datapath_read_rules(struct datapath *dp,
			void (*fn)(const struct datapath_rule *rule, void *arg), void *arg);
/** datapath_read_guards() - Hubs that have one; of lists, as much as we ever set. */
int datapath_read_guards(struct datapath *dp,
			 void (*fn)(const struct hub_id *hub, const struct policy_guard *guard,
				    void *arg),
			 void *arg);

#endif
