/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_SEAL_H
#define _HM_SEAL_H

#include <linux/siphash.h>
#include <linux/skbuff.h>
#include "compat.h"
#include "key.h"

/* Frames that a CPU's spare batch can hold: those of one super-packet we make. */
#define HM_BATCH_FRAMES	64

struct hm_batch;
struct hm_device;
struct hm_hub;
struct hm_link;
struct hm_request;

/**
 * struct hm_frame - one frame inside a packet, contiguous in memory
 * @hdr: its header
 * @len: header to AEAD tag
 * @why: enum hubmesh_drop if it failed, 0 while it is good
 * @is_paged: lies in a page fragment of the packet, not in its linear part
 */
struct hm_frame {
	struct hm_hdr *hdr;
	u16 len;
	u8 why;
	bool is_paged;
};

/**
 * struct hm_batch - frames of one packet, sealed or opened in place together
 * @hm: device
 * @hub: the other end of the seal, NULL for HOP and PROBE frames
 * @link: where the packet leaves (seal), or came from (open)
 * @key: key of all frames
 * @skb: packet the frames lie in; owned
 * @done: called once when every frame is finished, with the RCU read lock
 *	held and BH disabled; owns the batch from then on
 * @request: AEAD request, used again for each frame that finishes at once
 * @pending: requests that have not finished, and one for the submitter
 * @is_seal: seal, else open
 * @holds_key: a reference on @key is held
 * @is_spare_size: may be kept for the next packet
 * @is_deferred: some request did not finish at once: @hub and @link hold
 *	references
 * @has_tunnel: frames leave through a tunnel
 * @tunnel_end: hub where it ends
 * @dsfield: outer DS byte
 * @flow: flow entropy
 * @frames: number of frames
 * @frame: the frames
 */
struct hm_batch {
	struct hm_device *hm;
	struct hm_hub *hub;
	struct hm_link *link;
	struct hm_key *key;
	struct sk_buff *skb;
	void (*done)(struct hm_batch *batch);
	struct hm_request *request;
	atomic_t pending;
	bool is_seal, holds_key, is_spare_size, is_deferred, has_tunnel;
	u8 tunnel_end[HM_HUB_ID_LEN];
	u8 dsfield;
	u16 flow;
	unsigned int frames;
	struct hm_frame frame[];
};

static_assert(HUBMESH_DROP_MAX <= U8_MAX, "struct hm_frame keeps reasons in a byte");

void hm_seal_note_request_size(unsigned int size);
void hm_seal_fini(void);
struct hm_batch *hm_batch_new(struct hm_device *hm, unsigned int frames);
void hm_batch_free(struct hm_batch *batch);
void hm_batch_seal(struct hm_batch *batch);
void hm_batch_open(struct hm_batch *batch);

/* Equal in all frames of one flow on one hop: everything before the numbers. */
#define HM_ALIKE_LEN	offsetof(struct hm_hdr, hop_seq)

static inline u8 *hm_sealed_part(const struct hm_frame *f)
{
	return (u8 *)(f->hdr + 1);
}

/* Bytes between header and AEAD tag. */
static inline unsigned int hm_sealed_len(const struct hm_frame *f)
{
	return f->len - HM_HDR_LEN - HM_SEAL_TAG_LEN;
}

static inline u8 hm_hdr_type(const struct hm_hdr *h)
{
	return h->ver_type & 0x0f;
}

static inline u8 hm_hdr_ttl(const struct hm_hdr *h)
{
	return h->hop_ttl & HM_TTL_MASK;
}

static inline u8 hm_hdr_hop_phase(const struct hm_hdr *h)
{
	return h->hop_ttl >> HM_HOP_PHASE_SHIFT;
}

static inline u8 hm_hdr_class(const struct hm_hdr *h)
{
	return h->class_phase >> HM_CLASS_SHIFT;
}

static inline u8 hm_hdr_seal_phase(const struct hm_hdr *h)
{
	return (h->class_phase & HM_SEAL_PHASE_MASK) >> HM_SEAL_PHASE_SHIFT;
}

/* Does the frame hold several inner frames? */
static inline bool hm_hdr_is_packed(const struct hm_hdr *h)
{
	return h->class_phase & HM_FLAG_PACKED;
}

/**
 * hm_hop_tag() - Tag over the 32 bytes before the tag.
 * @h: header, complete but for the tag
 * @key: hop tag key of the link and direction
 *
 * SipHash-2-4 over bytes 0..31 (Aumasson and Bernstein, 2012).
 */
static inline __be64 hm_hop_tag(const struct hm_hdr *h, const siphash_key_t *key)
{
	const u8 *p = (const u8 *)h;

	return cpu_to_be64(siphash_4u64(get_unaligned_le64(p),
					get_unaligned_le64(p + 8),
					get_unaligned_le64(p + 16),
					get_unaligned_le64(p + 24), key));
}

/**
 * hm_hop_stamp() - Fill what a hop rewrites in a header, ttl excepted.
 * @h: header
 * @key: link key that transmit uses
 * @remote_index: the receiver's index of the link
 * @seq: hop sequence, never used before on this key and lane
 */
static inline void hm_hop_stamp(struct hm_hdr *h, const struct hm_key *key,
				__be16 remote_index, u32 seq)
{
	h->hop_ttl = hm_hdr_ttl(h) | key->phase << HM_HOP_PHASE_SHIFT;
	h->link_index = remote_index;
	h->hop_seq = cpu_to_be32(seq);
	h->hop_tag = hm_hop_tag(h, &key->hop_tx);
}

#endif
