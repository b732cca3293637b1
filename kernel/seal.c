// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: sealing and opening frames
 *
 * The unit of work is a batch: the frames of one packet, sealed or opened in
 * place under one key.  Frames are contiguous in memory and complete but for
 * the cipher's work: header filled (the part a hop rewrites excepted), plain
 * text where the cipher text goes.
 *
 * AES-256-GCM goes through the crypto API, because that is where AES-NI is.
 * Such a request usually finishes at once, and one request then serves every
 * frame of the batch.  It may also finish later, in another context: then the
 * request stays with its frame, the batch takes references on its hub and
 * link, and whoever finishes last calls batch->done.  The key's reference is
 * taken before anything is submitted.  Batches of one flow may then overtake
 * each other; receive windows are wide enough for that.
 *
 * ChaCha20-Poly1305 (RFC 8439) is built from the library functions: the
 * crypto API's template for it costs several requests per frame.
 *
 * What a failure means, and what happens to the frames, is up to batch->done.
 *
 * Each CPU keeps one finished batch with its request for the next packet, so
 * that sealing and opening normally allocate nothing.
 */
#include <crypto/algapi.h>
#include <crypto/chacha.h>
#include <crypto/poly1305.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include "compat.h"
#include "device.h"
#include "seal.h"

/**
 * struct hm_request - one frame in the hands of the crypto API
 * @batch: batch of the frame
 * @frame: frame it works on
 * @sg: additional data; sealed part with tag
 * @aad: additional data
 * @iv: nonce
 * @size: bytes the transform may use behind @aead
 * @aead: the request and, behind it, what the transform needs
 */
struct hm_request {
	struct hm_batch *batch;
	struct hm_frame *frame;
	struct scatterlist sg[2];
	u8 aad[HM_AAD_LEN];
	u8 iv[HM_NONCE_LEN];
	unsigned int size;
	struct aead_request aead CRYPTO_MINALIGN_ATTR;
};

/* Largest crypto_aead_reqsize() of any key; only grows. */
static unsigned int request_size;

/**
 * hm_seal_note_request_size() - A transform needs requests of this size.
 * @size: crypto_aead_reqsize() of a new key
 *
 * Context: Process context, before the key can be used.
 */
void hm_seal_note_request_size(unsigned int size)
{
	unsigned int seen = READ_ONCE(request_size);

	while (size > seen) {
		unsigned int was = cmpxchg(&request_size, seen, size);

		if (was == seen)
			break;
		seen = was;
	}
}

/* A finished batch that can hold HM_BATCH_FRAMES frames, or NULL; BH disabled. */
static DEFINE_PER_CPU(struct hm_batch *, spare_batch);

static void batch_release(struct hm_batch *batch)
{
	kfree(batch->request);
	kfree(batch);
}

/**
 * hm_seal_fini() - Free what the CPUs keep for the next packet.
 *
 * Context: Process context, at module exit: no batch is under way.
 */
void hm_seal_fini(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct hm_batch *batch = per_cpu(spare_batch, cpu);

		per_cpu(spare_batch, cpu) = NULL;
		if (batch)
			batch_release(batch);
	}
}

/**
 * hm_batch_new() - Make an empty batch.
 * @hm: device
 * @frames: how many frames it must hold
 *
 * Context: BH disabled.
 * Return: a batch to be freed with hm_batch_free(), or NULL.
 */
struct hm_batch *hm_batch_new(struct hm_device *hm, unsigned int frames)
{
	struct hm_batch *batch = __this_cpu_read(spare_batch);

	if (likely(batch && frames <= HM_BATCH_FRAMES)) {
		__this_cpu_write(spare_batch, NULL);
	} else {
		frames = max_t(unsigned int, frames, HM_BATCH_FRAMES);
		batch = kmalloc(struct_size(batch, frame, frames), GFP_ATOMIC | __GFP_NOWARN);
		if (unlikely(!batch))
			return NULL;
		batch->request = NULL;
		batch->is_spare_size = frames == HM_BATCH_FRAMES;
	}
	batch->hm = hm;
	batch->hub = NULL;
	batch->link = NULL;
	batch->key = NULL;
	batch->holds_key = false;
	batch->is_deferred = false;
	return batch;
}

/**
 * hm_batch_free() - Free a batch that is not under way.
 * @batch: batch; its packet must have been given away or freed
 *
 * Context: RCU read side, BH disabled.
 */
void hm_batch_free(struct hm_batch *batch)
{
	if (unlikely(batch->is_deferred)) {
		if (batch->hub)
			hm_hub_put(batch->hub);
		if (batch->link)
			hm_link_put(batch->link);
		if (batch->hm)
			dev_put(batch->hm->dev);
	}
	if (batch->holds_key)
		hm_key_put(batch->key);
	if (likely(batch->is_spare_size && !__this_cpu_read(spare_batch)))
		__this_cpu_write(spare_batch, batch);
	else
		batch_release(batch);
}

/* salt XOR (3 zero bytes, lane, counter): wire.h */
static void make_nonce(u8 *nonce, const u8 *salt, const struct hm_hdr *h)
{
	memcpy(nonce, salt, HM_NONCE_LEN);
	nonce[3] ^= h->lane;
	put_unaligned(get_unaligned((u64 *)(nonce + 4)) ^ (__force u64)h->counter,
		      (u64 *)(nonce + 4));
}

/* The header as the AEAD sees it: what hops rewrite is zero. */
static void make_aad(u8 *aad, const struct hm_hdr *h)
{
	struct hm_hdr *copy = (struct hm_hdr *)aad;

	memcpy(aad, h, HM_AAD_LEN);
	copy->hop_ttl = 0;
	copy->link_index = 0;
	copy->hop_seq = 0;
}

/**
 * struct chacha_poly - ChaCha20-Poly1305 at work on one frame
 * @state: ChaCha20 state; its counter stands at block 1
 * @start: key stream of blocks 0 and 1
 */
struct chacha_poly {
	u32 state[CHACHA_STATE_WORDS];
	u8 start[2 * CHACHA_BLOCK_SIZE];
};

/*
 * RFC 8439 section 2.6: block 0 keys Poly1305, the text starts at block 1.  Two
 * blocks are made, because a single one would not go through the SIMD code.
 */
static void chacha_poly_start(struct chacha_poly *cp, const struct hm_cipher_key *ck,
			      const struct hm_hdr *h)
{
	u8 iv[CHACHA_IV_SIZE] = { };

	make_nonce(iv + CHACHA_IV_SIZE - HM_NONCE_LEN, ck->salt, h);
	chacha_init(cp->state, ck->chacha, iv);
	memset(cp->start, 0, sizeof(cp->start));
	chacha_crypt(cp->state, cp->start, cp->start, sizeof(cp->start), 20);
	cp->state[12] = 1;	/* the block counter */
}

/*
 * RFC 8439 section 2.8: tag over additional data, cipher text and lengths.  Padding
 * and lengths go in one piece: each piece costs a switch to the SIMD unit and back.
 */
static void chacha_poly_tag(struct chacha_poly *cp, const struct hm_hdr *h,
			    const u8 *text, unsigned int len, u8 *tag)
{
	unsigned int pad = -len & (POLY1305_BLOCK_SIZE - 1);
	u8 aad[HM_AAD_LEN], end[2 * POLY1305_BLOCK_SIZE] = { };
	struct poly1305_desc_ctx poly;

	make_aad(aad, h);
	put_unaligned_le64(HM_AAD_LEN, end + pad);
	put_unaligned_le64(len, end + pad + sizeof(u64));
	poly1305_init(&poly, cp->start);
	poly1305_update(&poly, aad, sizeof(aad));
	poly1305_update(&poly, text, len);
	poly1305_update(&poly, end, pad + 2 * sizeof(u64));
	poly1305_final(&poly, tag);
	memzero_explicit(&poly, sizeof(poly));
}

static int chacha_crypt_frame(const struct hm_cipher_key *ck, const struct hm_frame *f,
			      bool is_seal)
{
	u8 *text = hm_sealed_part(f), tag[HM_SEAL_TAG_LEN];
	unsigned int len = hm_sealed_len(f);
	struct chacha_poly cp;
	int err = 0;

	chacha_poly_start(&cp, ck, f->hdr);
	if (is_seal) {
		chacha_crypt(cp.state, text, text, len, 20);
		chacha_poly_tag(&cp, f->hdr, text, len, text + len);
	} else {
		chacha_poly_tag(&cp, f->hdr, text, len, tag);
		if (crypto_memneq(tag, text + len, HM_SEAL_TAG_LEN))
			err = -EBADMSG;
		else
			chacha_crypt(cp.state, text, text, len, 20);
	}
	memzero_explicit(&cp, sizeof(cp));
	return err;
}

static void frame_finish(struct hm_batch *batch, struct hm_frame *f, int err)
{
	if (likely(!err))
		return;
	f->why = err == -EBADMSG && !batch->is_seal ? HUBMESH_DROP_RX_SEAL_AUTH :
						      HUBMESH_DROP_CRYPTO;
}

static void request_done(void *data, int err)
{
	struct hm_request *request = data;
	struct hm_batch *batch = request->batch;

	if (err == -EINPROGRESS)	/* left a backlog: not finished yet */
		return;
	frame_finish(batch, request->frame, err);
	kfree(request);
	if (!atomic_dec_and_test(&batch->pending))
		return;
	local_bh_disable();
	rcu_read_lock();
	batch->done(batch);
	rcu_read_unlock();
	local_bh_enable();
}
HM_DEFINE_CRYPTO_CALLBACK(request_callback, request_done)

static struct hm_request *request_new(struct hm_batch *batch)
{
	unsigned int size = READ_ONCE(request_size);
	struct hm_request *request;

	request = kmalloc(sizeof(*request) + size, GFP_ATOMIC | __GFP_NOWARN);
	if (unlikely(!request))
		return NULL;
	request->batch = batch;
	request->size = size;
	sg_init_table(request->sg, ARRAY_SIZE(request->sg));
	sg_set_buf(&request->sg[0], request->aad, HM_AAD_LEN);
	aead_request_set_callback(&request->aead, 0, request_callback, request);
	aead_request_set_ad(&request->aead, HM_AAD_LEN);
	return request;
}

/* The batch's request, ready for @aead. */
static struct hm_request *batch_request(struct hm_batch *batch, struct crypto_aead *aead)
{
	struct hm_request *request = batch->request;

	if (unlikely(!request || request->size < crypto_aead_reqsize(aead))) {
		kfree(request);
		request = request_new(batch);
		batch->request = request;
	}
	return request;
}

/* Return: 0 or an error: finished; -EINPROGRESS: request_done() will be called. */
static int aead_crypt_frame(struct hm_batch *batch, const struct hm_cipher_key *ck,
			    struct hm_frame *f)
{
	struct hm_request *request = batch_request(batch, ck->aead);
	unsigned int len = hm_sealed_len(f);
	int err;

	if (unlikely(!request))
		return -ENOMEM;
	request->frame = f;
	aead_request_set_tfm(&request->aead, ck->aead);
	make_nonce(request->iv, ck->salt, f->hdr);
	make_aad(request->aad, f->hdr);
	sg_set_buf(&request->sg[1], hm_sealed_part(f), len + HM_SEAL_TAG_LEN);
	if (!batch->is_seal)
		len += HM_SEAL_TAG_LEN;
	aead_request_set_crypt(&request->aead, request->sg, request->sg, len, request->iv);
	err = batch->is_seal ? crypto_aead_encrypt(&request->aead) :
			       crypto_aead_decrypt(&request->aead);
	if (unlikely(err == -EINPROGRESS))
		batch->request = NULL;	/* it is the transform's until it calls back */
	return err;
}

/* Some request will finish late: what the batch points to must wait for it. */
static void batch_defer(struct hm_batch *batch)
{
	batch->is_deferred = true;
	/* A hub or link that is dying cannot be held: the device is, on its own. */
	if (batch->hm)		/* self-tests have none */
		dev_hold(batch->hm->dev);
	if (batch->hub)
		batch->hub = hm_hub_get(batch->hub);
	if (batch->link)
		batch->link = hm_link_get(batch->link);
}

static void batch_run(struct hm_batch *batch)
{
	const struct hm_cipher_key *ck = batch->is_seal ? &batch->key->tx : &batch->key->rx;
	unsigned int i, finished = 0;
	int err;

	/*
	 * A dying key cannot be held any more.  Then nothing may be submitted
	 * that could outlive our RCU read side.
	 */
	batch->holds_key = ck->is_async && hm_key_get(batch->key);
	if (unlikely(ck->is_async && !batch->holds_key)) {
		for (i = 0; i < batch->frames; i++)
			batch->frame[i].why = HUBMESH_DROP_CRYPTO;
	}
	atomic_set(&batch->pending, batch->frames + 1);
	for (i = 0; i < batch->frames; i++) {
		struct hm_frame *f = &batch->frame[i];

		if (unlikely(f->why))
			err = 0;
		else if (ck->aead)
			err = aead_crypt_frame(batch, ck, f);
		else
			err = chacha_crypt_frame(ck, f, batch->is_seal);
		if (unlikely(err == -EINPROGRESS)) {
			if (!batch->is_deferred)
				batch_defer(batch);
			continue;
		}
		if (unlikely(err))
			frame_finish(batch, f, err);
		finished++;
	}
	/* Not deferred: nobody else has the batch, no atomic needed. */
	if (likely(!batch->is_deferred) ||
	    atomic_sub_and_test(finished + 1, &batch->pending))
		batch->done(batch);
}

/**
 * hm_batch_seal() - Seal the frames of a batch in place.
 * @batch: @key, @done and the frames are set; frames with @why set are skipped
 *
 * Calls batch->done, now or later.
 *
 * Context: RCU read side, BH disabled.
 */
void hm_batch_seal(struct hm_batch *batch)
{
	batch->is_seal = true;
	batch_run(batch);
}

/**
 * hm_batch_open() - Check and open the frames of a batch in place.
 * @batch: as for hm_batch_seal()
 *
 * A frame that does not authenticate gets RX_SEAL_AUTH; its content is then
 * undefined.  Calls batch->done, now or later.
 *
 * Context: RCU read side, BH disabled.
 */
void hm_batch_open(struct hm_batch *batch)
{
	batch->is_seal = false;
	batch_run(batch);
}
