/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_KEY_H
#define _HM_KEY_H

#include <crypto/aead.h>
#include <crypto/chacha.h>
#include <linux/refcount.h>
#include <linux/siphash.h>
#include <linux/workqueue.h>
#include "replay.h"

/**
 * struct hm_lane_tx - transmit numbers of one lane, alone on its cache line
 * @counter: last seal counter given out
 * @hop_seq: last hop sequence given out (link keys)
 */
struct hm_lane_tx {
	atomic64_t counter;
	atomic64_t hop_seq;
} ____cacheline_aligned_in_smp;

/**
 * struct hm_cipher_key - one direction of an AEAD, keyed
 * @cipher: enum hubmesh_cipher
 * @aead: AES-256-GCM transform; NULL for ChaCha20-Poly1305
 * @is_async: @aead may finish a request after the call that made it
 * @chacha: ChaCha20 key words
 * @salt: nonce salt
 */
struct hm_cipher_key {
	u32 cipher;
	bool is_async;
	struct crypto_aead *aead;
	u32 chacha[CHACHA_KEY_SIZE / sizeof(u32)];
	u8 salt[HM_NONCE_LEN];
};

/**
 * struct hm_key - one phase of a pair of hubs or of a link, both directions, or of a
 *	sender key, one direction
 * @tx: seals
 * @rx: opens
 * @hop_tx: hop tag key, links only
 * @hop_rx: hop tag key, links only
 * @phase: 0..3
 * @is_link: made for a link: has hop tag keys
 * @asked: bit 0: the key-needed event was sent
 * @lanes: transmit numbers
 * @seal_seen: windows over seal counters; of a link's key lane 0 alone is used
 * @hop_seen: windows over hop sequences, links only
 * @refs: the keyring's reference and one per request in flight
 * @free_work: for freeing after readers
 *
 * Freed by hm_key_put(): last reference -> RCU grace period -> wiped and freed
 * in process context (crypto_free_aead may sleep).  A request that may finish
 * late holds a reference, taken before it is submitted.
 */
struct hm_key {
	struct hm_cipher_key tx, rx;
	siphash_key_t hop_tx, hop_rx;
	u8 phase;
	bool is_link;
	unsigned long asked;
	refcount_t refs;
	struct rcu_work free_work;
	struct hm_lane_tx lanes[HM_LANES];
	struct hm_replay seal_seen[HM_LANES];
	struct hm_replay hop_seen[HM_LANES];
};

/**
 * struct hm_keyring - the live phases of one owner
 * @lock: protects changes of @by_phase, @tx and @pending
 * @by_phase: installed keys; at most HM_PHASES_LIVE at once
 * @tx: the key transmit uses, one of @by_phase, or NULL
 * @pending: installed, receiving, and waiting for the peer's proof
 *
 * Writers hold the device lock; hm_keyring_promote() from receive takes
 * @lock.  Readers: RCU.
 */
struct hm_keyring {
	spinlock_t lock;
	struct hm_key __rcu *by_phase[HM_PHASES];
	struct hm_key __rcu *tx;
	struct hm_key __rcu *pending;
};

struct netlink_ext_ack;

/**
 * struct hm_key_config - what KEY_SET asks for; lives on the stack, wiped by
 * the caller with memzero_explicit
 * @phase: 0..3
 * @cipher: enum hubmesh_cipher
 * @is_link: for a link: HM_LINK_KEYMAT_LEN bytes of material count, else HM_SEAL_KEYMAT_LEN
 * @has_rx: there is a receive key; only a sender key lacks one of the two
 * @has_tx: there is a transmit key
 * @use_now: transmit moves to it at once, without the peer's proof
 * @rx: receive key material: AEAD key, salt and, for a link, hop tag key
 * @tx: transmit key material, same shape
 */
struct hm_key_config {
	u8 phase;
	u32 cipher;
	bool is_link;
	bool has_rx, has_tx;
	bool use_now;
	u8 rx[HM_LINK_KEYMAT_LEN];
	u8 tx[HM_LINK_KEYMAT_LEN];
};

/* A keyed cipher from key material (AEAD key 32, salt 12); process context. */
int hm_cipher_key_init(struct hm_cipher_key *ck, u32 cipher, const u8 *keymat);
void hm_cipher_key_fini(struct hm_cipher_key *ck);
/* A key outside any keyring, for keyrings and self-tests; ERR_PTR. */
struct hm_key *hm_key_new(const struct hm_key_config *cfg);

void hm_keyring_init(struct hm_keyring *ring);
/* Process context, may sleep.  Replaces a key of the same phase (its counters
 * die with it: refuse with -EEXIST if the material is the same phase AND the
 * key is in use for transmit, so a counter can never be reused under a key).
 * -ENOSPC when HM_PHASES_LIVE phases are installed. */
int hm_keyring_set(struct hm_keyring *ring, const struct hm_key_config *cfg,
		   struct netlink_ext_ack *extack);
int hm_keyring_use(struct hm_keyring *ring, u8 phase, struct netlink_ext_ack *extack);
int hm_keyring_del(struct hm_keyring *ring, u8 phase, struct netlink_ext_ack *extack);
void hm_keyring_clear(struct hm_keyring *ring);
/* Receive path: an authentic frame arrived under @key.  True if that moved
 * transmit to it; otherwise one comparison.  RCU read side, BH disabled. */
bool hm_keyring_promote_slow(struct hm_keyring *ring, struct hm_key *key);
static inline bool hm_keyring_promote(struct hm_keyring *ring, struct hm_key *key)
{
	return unlikely(rcu_access_pointer(ring->pending) == key) &&
	       hm_keyring_promote_slow(ring, key);
}
void hm_key_put(struct hm_key *key);
/* For dumps: tx phase or -1, and mask of live receive phases. Under RCU. */
int hm_keyring_tx_phase(const struct hm_keyring *ring);
u8 hm_keyring_rx_phases(const struct hm_keyring *ring);

static inline struct hm_key *hm_key_get(struct hm_key *key)
{
	return refcount_inc_not_zero(&key->refs) ? key : NULL;
}

#endif
