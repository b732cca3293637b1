/* SPDX-License-Identifier: GPL-2.0 */
/* Every limit of the module, in one place, with where it comes from. */
#ifndef _HM_LIMITS_H
#define _HM_LIMITS_H

#include "../include/hubmesh/wire.h"
#include "../include/uapi/linux/hubmesh.h"

/* A few frames wait for a session, as neighbour discovery keeps a few. */
#define HM_HOLD_FRAMES_MAX	16
#define HM_HOLD_MS		5000
#define HM_NEED_SESSION_MS	1000	/* at most one event per hub and this */

/* Without a tree broadcast is copied to every hub with a session. */
#define HM_FLOOD_HUBS_MAX	64

/* Groups (groups.c): RFC 3376 section 8, defaults. */
#define HM_GROUP_AGE_MS		260000	/* 8.4: two queries and the time to answer */
#define HM_QUERIER_AGE_MS	255000	/* 8.5: two queries and half the time to answer */
#define HM_GROUP_LEAVE_MS	2000	/* 8.8: others that stay are asked twice */
#define HM_GROUP_LOOK_MS	50	/* changes in this time are told as one */

#define HM_FDB_AGE_MS_DEFAULT	300000	/* as the bridge */
#define HM_FDB_GC_MS		10000	/* ages learned entries this often, */
#define HM_FDB_GC_MS_MIN	100	/* more often when they age fast */

#define HM_PROBE_MS_DEFAULT	50
#define HM_PROBE_MS_MIN		10
#define HM_PROBE_MS_MAX		1000
#define HM_PROBE_MISSES_DEFAULT	3
#define HM_PROBE_MISSES_MIN	2
#define HM_PROBE_MISSES_MAX	100

/*
 * Path MTU search (pmtu.c), after RFC 8899.  Lengths are of frames: 1280 bytes pass
 * every IPv6 path, 576 every IPv4 one.
 */
#define HM_PMTU_BASE		1232U	/* 1280 - IPv6 and UDP header */
#define HM_PMTU_MIN		548U	/* 576 - IPv4 and UDP header */
#define HM_PMTU_STEP		16U	/* close enough */
#define HM_PMTU_TRIES		3
#define HM_PMTU_VERIFY_MS	3000
#define HM_PMTU_RAISE_MS	600000

#define HM_HOP_RATE_PPS_DEFAULT	1000	/* HOP frames per link */
#define HM_HOP_RATE_PPS_MAX	1000000
#define HM_HOP_BURST		256

/*
 * The hop sequence is 32 bits and per lane: ask for a new key at half, stop
 * well before it could wrap (other CPUs may be between check and use).
 */
#define HM_HOP_SEQ_SOFT		(1ULL << 31)
#define HM_HOP_SEQ_HARD		((1ULL << 32) - (1ULL << 16))
/*
 * Seal counter: AES-GCM keeps its confidentiality margin (2^-57 advantage)
 * for 2^32 frames of 1.5 kB (the bound of RFC 9001 appendix B.1, per lane
 * divided by HM_LANES); the hard stop is far above.
 */
#define HM_SEAL_FRAMES_SOFT	(1ULL << 29)
#define HM_SEAL_FRAMES_HARD	(1ULL << 34)

/* What a frame is longer than the inner frame in it. */
#define HM_FRAME_OVERHEAD	(HM_HDR_LEN + HM_ZONE_LEN + HM_SEAL_TAG_LEN)

#define HM_MTU_DEFAULT		1380	/* 1500 - HM_OVERHEAD_V6 */
#define HM_MTU_MIN		1280	/* IPv6 */
#define HM_MTU_MAX		(HM_FRAME_MAX - HM_HDR_LEN - HM_ZONE_LEN - 14 - HM_SEAL_TAG_LEN)

/* The packet every IPv4 host must be able to receive (RFC 791). */
#define HM_LINK_MTU_MIN		576

/*
 * Longest GSO frame the stack gives us: sealed, with 120 bytes more per segment,
 * it still is one UDP super-packet below 64 KiB at any MTU from 1280.
 */
#define HM_GSO_BYTES_MAX	60000

/* Trains (train.c). */
#define HM_TRAINS		8	/* per CPU */
#define HM_TRAIN_NS_DEFAULT	100000	/* as network cards delay interrupts */
#define HM_NEAR_LINKS		64	/* links found by one load, with the lowest indexes */
#define HM_TRAIN_US_MAX		10000
#define HM_TRAIN_FREE		1	/* frames in a wait's time that do not wait */
#define HM_TRAIN_WORTH		3	/* frames that make a wait worth it */
#define HM_TRAIN_PAUSE_NS	10000000	/* after waits that were not */
#define HM_TRAIN_SLACK_NS	5000	/* sent rather than waited for again */

/* Queues of links (qos.c). */
#define HM_LINK_RATE_MIN	1000	/* bytes/s: a full frame in 1.5 s */
#define HM_LINK_RATE_MAX	1000000000000ULL
#define HM_CLASS_STRICT		7	/* goes first, up to its share */
#define HM_QUEUE_STRICT_SHARE_DEFAULT 10	/* percent */
/* Class 0 is the measure; 1 is background (RFC 3662), 5 voice, 6 and 7 control. */
#define HM_QUEUE_WEIGHTS_DEFAULT { 4, 1, 4, 8, 8, 16, 8, 8 }
#define HM_QUEUE_WEIGHT_MAX	100
#define HM_QUEUE_QUANTUM	300	/* bytes a turn per weight: a full frame in 5 turns */
#define HM_QUEUE_FRAMES_DEFAULT	1000	/* per class; as many as pfifo keeps */
#define HM_QUEUE_FRAMES_MAX	16384
#define HM_QUEUE_BYTES_DEFAULT	(2 << 20)	/* per class; 1000 full frames and more */
#define HM_QUEUE_BYTES_MAX	(64 << 20)
#define HM_QUEUE_PIECE_MS	1	/* one packet keeps the link no longer than that, */
#define HM_QUEUE_PIECE_MIN	1600	/* a frame excepted */
#define HM_QUEUE_PIECE_MAX	65535	/* longest packet there is */
#define HM_QUEUE_BURST_NS	4000000	/* timers may be so late (HZ 250) without loss of rate */
#define HM_QUEUE_STRICT_BURST_NS 20000000	/* class 7 comes in bursts; of its share */
#define HM_QUEUE_TICK_NS	50000	/* the timer runs no more often */
#define HM_QUEUE_RUN_PACKETS	64	/* sent in one go, as a NAPI poll does */
/* RFC 8289 section 4.4, and where it leaves its sense. */
#define HM_CODEL_TARGET_US_DEFAULT 5000
#define HM_CODEL_TARGET_US_MIN	100
#define HM_CODEL_TARGET_US_MAX	1000000
#define HM_CODEL_INTERVAL_US_DEFAULT 100000
#define HM_CODEL_INTERVAL_US_MIN 1000
#define HM_CODEL_INTERVAL_US_MAX 10000000

#define HM_HUB_HASH_BITS	10

/* Most a token bucket counts in a second or holds: one second of it in parts of 1 / NSEC_PER_SEC,
 * and what it holds, still are a u64 together. */
#define HM_BUCKET_RATE_MAX	8000000000ULL
/* Buckets of rate limits and storm control hold a tenth of a second, but no less than this. */
#define HM_RATE_DEPTH_DIVISOR	10
#define HM_RATE_DEPTH_FRAMES	32
#define HM_RATE_DEPTH_BYTES	(2 * HM_FRAME_MAX)
#define HM_STORM_PPS_MAX	100000000
#define HM_STORM_UNKNOWN_PPS_DEFAULT 1000	/* a host that is gone must not load everybody */

/* Bytes of a frame that rules look at, and headers they follow: what needs more is malformed. */
#define HM_INNER_HEADERS_MAX	256
#define HM_VLAN_TAGS_MAX	2
#define HM_EXT_HEADERS_MAX	8
#define HM_ND_OPTIONS_MAX	32

#endif
