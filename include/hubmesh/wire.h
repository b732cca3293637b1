/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) */
/*
 * DOC: Hubmesh frame layout
 *
 * What two hubs put on a link, shared by the kernel module, meshd and the
 * tests.  Documentation/frame.rst is the specification; this file is its
 * only other copy, and the static_asserts below keep the sizes honest.
 *
 *   0      1      2      3      4             6             8
 *   +------+------+------+------+-------------+-------------+
 *   |ver   |hphase|class |lane  | link index  | flow        |
 *   |type  |ttl   |phase |      | (receiver's)| entropy     |
 *   |      |      |flags |      |             |             |
 *   +------+------+------+------+-------------+-------------+
 *   | destination hub (6)                     | source hub ..
 *   +-----------------------------------------+- - - - - - -+
 *   .. source hub (6)           | hop sequence (4)          |
 *   +---------------------------+---------------------------+
 *   | seal counter (8)                                      |
 *   +-------------------------------------------------------+
 *   | hop tag: SipHash-2-4 over bytes 0..31 (8)             |
 *   +-------------------------------------------------------+
 *   | sealed part: source zone (2), inner Ethernet frame    |
 *   | AEAD tag (16)                                         |
 *   +-------------------------------------------------------+
 *
 * A relay rewrites ttl, hop phase, link index, hop sequence and hop tag;
 * everything else in bytes 0..31 is additional data of the AEAD, taken with
 * the rewritten fields set to zero.  All fields are big endian.
 *
 * Changes against the first sketch of the layout, with reasons, are listed
 * in Documentation/frame.rst: the hop phase (which link key made the hop
 * tag) sits in the top bits of the ttl byte, and the receiver's link index
 * takes half of the flow entropy, so that a link is found by one array
 * lookup instead of by outer addresses (NAT, several links per address pair
 * and changing source ports all keep working).
 */
#ifndef _HUBMESH_WIRE_H
#define _HUBMESH_WIRE_H

#include <linux/types.h>

#ifdef __KERNEL__
#include <linux/build_bug.h>
#else
#include <assert.h>
#endif

#define HM_WIRE_VERSION		1

/* Frame types (low nibble of byte 0). */
#define HM_TYPE_UNICAST		1	/* sealed end to end, relayed blind */
#define HM_TYPE_TREE		2	/* sealed with a sender key, replicated */
#define HM_TYPE_HOP		3	/* sealed per link, control port only */
#define HM_TYPE_PROBE		4	/* sealed per link, never relayed */
#define HM_TYPE_TUNNEL		5	/* a whole UNICAST frame, repaired around a dead link */

#define HM_HUB_ID_LEN		6	/* a locally administered unicast MAC */
#define HM_HDR_LEN		40
#define HM_HOP_TAGGED_LEN	32	/* bytes covered by the hop tag */
#define HM_SEAL_TAG_LEN		16	/* AEAD tag, both suites */
#define HM_ZONE_LEN		2	/* source zone, first in the sealed part */
#define HM_INNER_MIN		14	/* inner Ethernet header */
#define HM_FRAME_MIN		(HM_HDR_LEN + HM_SEAL_TAG_LEN)
#define HM_FRAME_MAX		65000	/* one frame, before the outer headers */

/* Every link takes frames with the smallest IPv6 packet, in fragments if it must. */
#define HM_FRAME_FLOOR	(1280 + 14 + HM_ZONE_LEN + HM_HDR_LEN + HM_SEAL_TAG_LEN)

/* What a frame adds to an inner Ethernet payload, outer UDP/IPv6 included. */
#define HM_OVERHEAD_V6		(40 + 8 + HM_HDR_LEN + HM_ZONE_LEN + 14 + HM_SEAL_TAG_LEN)

#define HM_TTL_MASK		0x3f	/* byte 1, low 6 bits */
#define HM_TTL_MAX		63
#define HM_TTL_DEFAULT		32
#define HM_HOP_PHASE_SHIFT	6	/* byte 1, high 2 bits */

#define HM_CLASSES		8
#define HM_CLASS_SHIFT		5	/* byte 2, high 3 bits */
#define HM_SEAL_PHASE_SHIFT	3	/* byte 2, bits 3-4 */
#define HM_SEAL_PHASE_MASK	0x18
#define HM_FLAGS_MASK		0x07	/* byte 2, low 3 bits; those not named here are zero */
#define HM_FLAG_PACKED		0x01	/* UNICAST: several inner frames, struct hm_packed */

#define HM_PHASES		4	/* two bits on the wire */
#define HM_PHASES_LIVE		3	/* receive phases alive at once */
#define HM_LANES		16	/* lanes in use; higher numbers are refused */
#define HM_LANES_BULK		8	/* of those, for class 0: by flow; each other class has one */
#define HM_WINDOW_BITS		2048	/* replay window, per lane */

#define HM_LINK_INDEX_MAX	65535	/* 0 is never assigned */

#define HM_ETHERTYPE		0x88b6	/* IEEE local experimental 2: frames without IP */
#define HM_PORT_DATA		4877	/* UDP: frames, owned by the kernel */
#define HM_PORT_CONTROL		4878	/* UDP: beacons; TCP: TLS between hubs */
#define HM_PORT_PROXY		4879	/* TCP: streams of services between proxies */

/**
 * struct hm_hdr - the 40 bytes in front of every sealed part
 * @ver_type: version (high nibble) and HM_TYPE_* (low nibble)
 * @hop_ttl: hop key phase (2 bits) and hops left (6 bits); rewritten per hop
 * @class_phase: class (3 bits), seal key phase (2 bits), flags (3 bits)
 * @lane: lane number, below HM_LANES
 * @link_index: index the receiver of this hop gave to the link; rewritten per hop
 * @flow: flow entropy, equal for all frames of one inner flow
 * @dst: destination hub (or tree id)
 * @src: source hub
 * @hop_seq: sequence of this link, hop phase and lane; rewritten per hop
 * @counter: seal counter of this seal key and lane, the AEAD nonce
 * @hop_tag: SipHash-2-4 over the 32 bytes before it; rewritten per hop
 */
struct hm_hdr {
	__u8	ver_type;
	__u8	hop_ttl;
	__u8	class_phase;
	__u8	lane;
	__be16	link_index;
	__be16	flow;
	__u8	dst[HM_HUB_ID_LEN];
	__u8	src[HM_HUB_ID_LEN];
	__be32	hop_seq;
	__be64	counter;
	__be64	hop_tag;
} __attribute__((packed));	/* a frame may start at any address */

/**
 * struct hm_packed - in front of each inner frame of a HM_FLAG_PACKED frame
 * @len: bytes of the inner frame that follows, at least HM_INNER_MIN; 0 ends the
 *	list, the rest is padding of zeros
 *
 * Entries follow each other without gaps, behind the source zone.
 */
struct hm_packed {
	__be16	len;
} __attribute__((packed));

/*
 * A frame of type TUNNEL is a header with a whole UNICAST frame behind it; nothing of it is
 * sealed but what that frame has sealed.
 *
 * AEAD nonce (12 bytes): salt XOR (3 zero bytes, lane, 8-byte counter).
 * AEAD additional data (32 bytes): bytes 0..31 with hop_ttl, link_index and
 * hop_seq set to zero.
 *
 * Key material for one direction of a hub pair (seal) or of a link, as the
 * TLS exporter gives it and netlink takes it:
 *   seal: AEAD key (32), salt (12)
 *   link: AEAD key (32), salt (12), hop tag key (16)
 */
#define HM_AEAD_KEY_LEN		32
#define HM_NONCE_LEN		12
#define HM_AAD_LEN		32
#define HM_HOP_KEY_LEN		16
#define HM_SEAL_KEYMAT_LEN	(HM_AEAD_KEY_LEN + HM_NONCE_LEN)
#define HM_LINK_KEYMAT_LEN	(HM_AEAD_KEY_LEN + HM_NONCE_LEN + HM_HOP_KEY_LEN)

#define HM_PROBE_F_SILENT	0x01	/* the sender hears nothing from the receiver any more */

/**
 * struct hm_probe - sealed part of a PROBE frame
 * @seq: counts probes sent on this link, from 1
 * @tx_ns: sender's monotonic clock when this probe left
 * @echo_seq: newest @seq the sender has received, 0 for none
 * @echo_ns: @tx_ns of that probe, returned unchanged
 * @held_ns: how long the sender held it before echoing
 * @padded_seq: newest padded probe the sender has received, 0 for none
 * @flags: HM_PROBE_F_*; those not named here are zero
 *
 * Zeros may follow: the probe then asks whether frames of its length get through.
 */
struct hm_probe {
	__be64	seq;
	__be64	tx_ns;
	__be64	echo_seq;
	__be64	echo_ns;
	__be64	held_ns;
	__be64	padded_seq;
	__be64	flags;
} __attribute__((packed));

#ifndef __cplusplus
_Static_assert(sizeof(struct hm_hdr) == HM_HDR_LEN, "frame header is 40 bytes");
_Static_assert(__builtin_offsetof(struct hm_hdr, link_index) == 4, "link index at 4");
_Static_assert(__builtin_offsetof(struct hm_hdr, dst) == 8, "destination at 8");
_Static_assert(__builtin_offsetof(struct hm_hdr, src) == 14, "source at 14");
_Static_assert(__builtin_offsetof(struct hm_hdr, hop_seq) == 20, "hop sequence at 20");
_Static_assert(__builtin_offsetof(struct hm_hdr, counter) == 24, "seal counter at 24");
_Static_assert(__builtin_offsetof(struct hm_hdr, hop_tag) == HM_HOP_TAGGED_LEN,
	       "hop tag covers all before it");
_Static_assert(sizeof(struct hm_probe) == 56, "probe is 56 bytes");
_Static_assert(HM_OVERHEAD_V6 == 120, "overhead named in Documentation");
_Static_assert((HM_ZONE_LEN + HM_INNER_MIN) % 4 == 0, "inner IP header stays aligned");
_Static_assert((HM_LANES_BULK & (HM_LANES_BULK - 1)) == 0, "bulk lanes are a power of two");
_Static_assert(HM_LANES_BULK + HM_CLASSES <= HM_LANES, "a lane for each class");
#endif

#endif /* _HUBMESH_WIRE_H */
