// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: keys and keyrings
 *
 * A key is one phase of a pair of hubs (seal) or of a link, both directions, or of
 * what one hub seals with for all others (sender key), one direction,
 * with everything that lives and dies with it: transmit counters, replay
 * windows, ciphers.  A keyring holds the live phases of one owner and says
 * which of them transmit uses.
 *
 * Rekeying is make-before-break.  A key is installed for receive at once and
 * as @pending for transmit; the first authentic frame under it proves that
 * the peer has it too and moves transmit there (hm_keyring_promote()), or
 * meshd moves it (hm_keyring_use()).  The key of the phase before stays for
 * receive until meshd deletes it.
 *
 * A counter is never used twice under a key: counters start at zero with a
 * new struct hm_key, and a phase that transmit uses cannot be replaced.
 * Which key material is installed, and when, is meshd's decision.
 */
#include <linux/netlink.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "compat.h"
#include "datapath.h"
#include "key.h"
#include "main.h"
#include "seal.h"

/**
 * hm_cipher_key_init() - Key one direction of a cipher.
 * @ck: filled on success
 * @cipher: enum hubmesh_cipher
 * @keymat: AEAD key (32 bytes), then nonce salt (12 bytes)
 *
 * Context: Process context, may sleep.
 * Return: 0; -EOPNOTSUPP a cipher we do not know; errors of the crypto API.
 */
int hm_cipher_key_init(struct hm_cipher_key *ck, u32 cipher, const u8 *keymat)
{
	struct crypto_aead *aead = NULL;
	unsigned int i;
	int ret;

	if (cipher == HUBMESH_CIPHER_AES_256_GCM) {
		aead = crypto_alloc_aead("gcm(aes)", 0, 0);
		if (IS_ERR(aead))
			return PTR_ERR(aead);
		ret = crypto_aead_setkey(aead, keymat, HM_AEAD_KEY_LEN);
		if (!ret)
			ret = crypto_aead_setauthsize(aead, HM_SEAL_TAG_LEN);
		if (ret) {
			crypto_free_aead(aead);
			return ret;
		}
		hm_seal_note_request_size(crypto_aead_reqsize(aead));
	} else if (cipher != HUBMESH_CIPHER_CHACHA20_POLY1305) {
		return -EOPNOTSUPP;
	}
	ck->cipher = cipher;
	ck->aead = aead;
	ck->is_async = aead && crypto_aead_tfm(aead)->__crt_alg->cra_flags & CRYPTO_ALG_ASYNC;
	for (i = 0; i < ARRAY_SIZE(ck->chacha); i++)
		ck->chacha[i] = get_unaligned_le32(keymat + 4 * i);
	memcpy(ck->salt, keymat + HM_AEAD_KEY_LEN, HM_NONCE_LEN);
	return 0;
}

/**
 * hm_cipher_key_fini() - Wipe one direction.
 * @ck: initialised by hm_cipher_key_init(), or all zero
 *
 * Context: Process context.
 */
void hm_cipher_key_fini(struct hm_cipher_key *ck)
{
	crypto_free_aead(ck->aead);	/* accepts NULL, wipes its key */
	memzero_explicit(ck, sizeof(*ck));
}

static void key_free(struct hm_key *key)
{
	hm_cipher_key_fini(&key->tx);
	hm_cipher_key_fini(&key->rx);
	kfree_sensitive(key);
}

static void key_free_work(struct work_struct *work)
{
	key_free(container_of(to_rcu_work(work), struct hm_key, free_work));
}

static void siphash_key_from_bytes(siphash_key_t *key, const u8 *bytes)
{
	key->key[0] = get_unaligned_le64(bytes);
	key->key[1] = get_unaligned_le64(bytes + 8);
}

/**
 * hm_key_new() - Make a key from key material.
 * @cfg: phase, cipher and material
 *
 * Context: Process context, may sleep.
 * Return: the key with one reference; ERR_PTR(-ENOMEM) or what
 * hm_cipher_key_init() says.
 */
struct hm_key *hm_key_new(const struct hm_key_config *cfg)
{
	struct hm_key *key = kzalloc(sizeof(*key), GFP_KERNEL);
	unsigned int lane;
	int ret = 0;

	if (!key)
		return ERR_PTR(-ENOMEM);
	if (cfg->has_tx)
		ret = hm_cipher_key_init(&key->tx, cfg->cipher, cfg->tx);
	if (!ret && cfg->has_rx)
		ret = hm_cipher_key_init(&key->rx, cfg->cipher, cfg->rx);
	if (ret) {
		key_free(key);
		return ERR_PTR(ret);
	}
	if (cfg->is_link) {
		siphash_key_from_bytes(&key->hop_tx, cfg->tx + HM_SEAL_KEYMAT_LEN);
		siphash_key_from_bytes(&key->hop_rx, cfg->rx + HM_SEAL_KEYMAT_LEN);
	}
	key->phase = cfg->phase;
	key->is_link = cfg->is_link;
	for (lane = 0; lane < HM_LANES; lane++) {
		atomic64_set(&key->lanes[lane].counter, hm_selftest_key_start());
		atomic64_set(&key->lanes[lane].hop_seq, hm_selftest_key_start());
		hm_replay_init(&key->seal_seen[lane]);
		hm_replay_init(&key->hop_seen[lane]);
	}
	INIT_RCU_WORK(&key->free_work, key_free_work);
	refcount_set(&key->refs, 1);
	return key;
}

/**
 * hm_key_put() - Drop a reference; the last one frees the key after readers.
 * @key: key, or NULL
 *
 * Context: Any.
 */
void hm_key_put(struct hm_key *key)
{
	if (key && refcount_dec_and_test(&key->refs))
		queue_rcu_work(hm_wq, &key->free_work);
}

/* Writers hold the device lock; the ring's lock keeps promotion out. */
static struct hm_key *ring_key(const struct hm_keyring *ring, u8 phase)
{
	return rcu_dereference_protected(ring->by_phase[phase], true);
}

static unsigned int ring_live_phases(const struct hm_keyring *ring)
{
	unsigned int phase, live = 0;

	for (phase = 0; phase < HM_PHASES; phase++)
		live += !!ring_key(ring, phase);
	return live;
}

/**
 * hm_keyring_init() - Make a keyring without keys.
 * @ring: zeroed memory
 */
void hm_keyring_init(struct hm_keyring *ring)
{
	spin_lock_init(&ring->lock);
}

/**
 * hm_keyring_set() - Install one phase.
 * @ring: keyring of a link or hub, or of sender keys
 * @cfg: what to install; the caller wipes it
 * @extack: why not
 *
 * Context: Process context, device lock held, may sleep.
 * Return: 0; -EINVAL phase out of range; -EEXIST transmit uses that phase;
 * -ENOSPC HM_PHASES_LIVE phases are installed; errors of hm_key_new().
 */
int hm_keyring_set(struct hm_keyring *ring, const struct hm_key_config *cfg,
		   struct netlink_ext_ack *extack)
{
	struct hm_key *key, *old;

	if (cfg->phase >= HM_PHASES) {
		NL_SET_ERR_MSG(extack, "KEY_PHASE: must be 0..3");
		return -EINVAL;
	}
	old = ring_key(ring, cfg->phase);
	if (old && old == rcu_access_pointer(ring->tx)) {
		NL_SET_ERR_MSG(extack, "KEY_PHASE: transmit uses this phase; install another and move to it");
		return -EEXIST;
	}
	if (!old && ring_live_phases(ring) >= HM_PHASES_LIVE) {
		NL_SET_ERR_MSG(extack, "KEY_PHASE: three phases are installed; delete one first");
		return -ENOSPC;
	}
	key = hm_key_new(cfg);
	if (IS_ERR(key)) {
		NL_SET_ERR_MSG(extack, "KEY_CIPHER: this kernel cannot set up that cipher");
		return PTR_ERR(key);
	}

	spin_lock_bh(&ring->lock);
	/* Promotion may have moved transmit to the old key since we looked. */
	if (old && old == rcu_access_pointer(ring->tx)) {
		spin_unlock_bh(&ring->lock);
		NL_SET_ERR_MSG(extack, "KEY_PHASE: transmit has just moved to this phase");
		hm_key_put(key);
		return -EEXIST;
	}
	if (old && old == rcu_access_pointer(ring->pending))
		RCU_INIT_POINTER(ring->pending, NULL);
	rcu_assign_pointer(ring->by_phase[cfg->phase], key);
	if (cfg->use_now) {
		rcu_assign_pointer(ring->tx, key);
		RCU_INIT_POINTER(ring->pending, NULL);
	} else {
		rcu_assign_pointer(ring->pending, key);
	}
	spin_unlock_bh(&ring->lock);
	hm_key_put(old);
	return 0;
}

/**
 * hm_keyring_use() - Transmit with an installed phase from now on.
 * @ring: keyring
 * @phase: phase that the peer has proved to have
 * @extack: why not
 *
 * Context: Process context, device lock held.
 * Return: 0; -EINVAL phase out of range; -ENOENT no key of that phase.
 */
int hm_keyring_use(struct hm_keyring *ring, u8 phase, struct netlink_ext_ack *extack)
{
	struct hm_key *key;

	if (phase >= HM_PHASES) {
		NL_SET_ERR_MSG(extack, "KEY_PHASE: must be 0..3");
		return -EINVAL;
	}
	key = ring_key(ring, phase);
	if (!key) {
		NL_SET_ERR_MSG(extack, "KEY_PHASE: no key of that phase is installed");
		return -ENOENT;
	}
	spin_lock_bh(&ring->lock);
	rcu_assign_pointer(ring->tx, key);
	if (rcu_access_pointer(ring->pending) == key)
		RCU_INIT_POINTER(ring->pending, NULL);
	spin_unlock_bh(&ring->lock);
	return 0;
}

static void ring_remove(struct hm_keyring *ring, u8 phase)
{
	struct hm_key *key = ring_key(ring, phase);

	spin_lock_bh(&ring->lock);
	RCU_INIT_POINTER(ring->by_phase[phase], NULL);
	if (rcu_access_pointer(ring->tx) == key)
		RCU_INIT_POINTER(ring->tx, NULL);
	if (rcu_access_pointer(ring->pending) == key)
		RCU_INIT_POINTER(ring->pending, NULL);
	spin_unlock_bh(&ring->lock);
	hm_key_put(key);
}

/**
 * hm_keyring_del() - Forget and wipe one phase.
 * @ring: keyring
 * @phase: phase to delete; if transmit used it, there is no transmit key then
 * @extack: why not
 *
 * Context: Process context, device lock held.
 * Return: 0; -EINVAL phase out of range; -ENOENT no key of that phase.
 */
int hm_keyring_del(struct hm_keyring *ring, u8 phase, struct netlink_ext_ack *extack)
{
	if (phase >= HM_PHASES) {
		NL_SET_ERR_MSG(extack, "KEY_PHASE: must be 0..3");
		return -EINVAL;
	}
	if (!ring_key(ring, phase)) {
		NL_SET_ERR_MSG(extack, "KEY_PHASE: no key of that phase is installed");
		return -ENOENT;
	}
	ring_remove(ring, phase);
	return 0;
}

/**
 * hm_keyring_clear() - Forget and wipe every phase.
 * @ring: keyring
 *
 * Context: Process context; device lock held or the owner already unlinked.
 */
void hm_keyring_clear(struct hm_keyring *ring)
{
	u8 phase;

	for (phase = 0; phase < HM_PHASES; phase++)
		if (ring_key(ring, phase))
			ring_remove(ring, phase);
}

/**
 * hm_keyring_promote_slow() - The peer has proved the pending key: use it.
 * @ring: keyring
 * @key: key under which an authentic frame arrived
 *
 * Context: RCU read side, BH disabled.
 * Return: true if transmit moved to @key.
 */
bool hm_keyring_promote_slow(struct hm_keyring *ring, struct hm_key *key)
{
	bool moved;

	spin_lock_bh(&ring->lock);
	moved = rcu_access_pointer(ring->pending) == key;
	if (moved) {
		rcu_assign_pointer(ring->tx, key);
		RCU_INIT_POINTER(ring->pending, NULL);
	}
	spin_unlock_bh(&ring->lock);
	return moved;
}

/**
 * hm_keyring_tx_phase() - Phase that transmit uses, for dumps.
 * @ring: keyring
 *
 * Context: RCU read side.
 * Return: 0..3, or -1 without a transmit key.
 */
int hm_keyring_tx_phase(const struct hm_keyring *ring)
{
	const struct hm_key *key = rcu_dereference(ring->tx);

	return key ? key->phase : -1;
}

/**
 * hm_keyring_rx_phases() - Phases that receive accepts, for dumps.
 * @ring: keyring
 *
 * Context: Any.
 * Return: bit mask of phases.
 */
u8 hm_keyring_rx_phases(const struct hm_keyring *ring)
{
	u8 phase, mask = 0;

	for (phase = 0; phase < HM_PHASES; phase++)
		if (rcu_access_pointer(ring->by_phase[phase]))
			mask |= BIT(phase);
	return mask;
}
