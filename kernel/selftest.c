// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: self-tests at insmod
 *
 * Builds with HUBMESH_SELFTEST=y run these before anything else can use the
 * module; a failure is logged and fails the load.  They need no device, no
 * netlink and no network: windows, ciphers, tags, headers, next hops.
 */
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "datapath.h"
#include "route.h"
#include "seal.h"

#define FAIL(...) do {							\
		pr_err("hubmesh: selftest=" __VA_ARGS__);		\
		return false;						\
	} while (0)

static unsigned long long key_start;
module_param(key_start, ullong, 0600);
MODULE_PARM_DESC(key_start, "numbers that new keys have used up (test builds only)");

/**
 * hm_selftest_key_start() - Where the counters of a new key begin.
 *
 * Return: numbers used up; 0 unless a test wants to see a key at its limit.
 */
u64 hm_selftest_key_start(void)
{
	return key_start;
}

/* ---- replay windows ---------------------------------------------------------- */

/* One step: @number is offered, @ok says whether it must be taken. */
struct window_step {
	u64 number;
	bool ok;
};

static const struct window_step window_edges[] = {
	{ 0, false },				/* numbers start at 1 */
	{ 1, true }, { 1, false },		/* duplicate */
	{ 63, true }, { 64, true }, { 65, true },	/* word boundary, both sides */
	{ 63, false }, { 64, false }, { 65, false },
	{ 2, true },				/* reordered */
	{ 2048, true }, { 3, true },		/* window not full yet */
	{ 2049, true },				/* 1 leaves */
	{ 1, false }, { 2, false }, { 4, true },
	{ 4096, true },
	{ 2048, false },			/* top - window: too old */
	{ 2050, true }, { 2050, false },	/* oldest but one */
	{ 4096 + 2111, true },			/* last of the spare word */
	{ 4160, true }, { 4159, false },	/* exactly the window; one beyond */
	{ 1ULL << 32, true },			/* huge jump: everything is new */
	{ 6207, false }, { (1ULL << 32) - 2047, true }, { (1ULL << 32) - 2048, false },
	{ (1ULL << 32) + 1, true }, { 1ULL << 32, false },
	{ U64_MAX - 1, true }, { U64_MAX, true }, { U64_MAX, false },
	{ U64_MAX - 2047, true }, { U64_MAX - 2048, false },
};

static bool replay_takes_each_number_once(void)
{
	struct hm_replay *w = kmalloc(sizeof(*w), GFP_KERNEL);
	unsigned int i;
	bool ok = true;

	if (!w)
		return false;
	hm_replay_init(w);
	for (i = 0; i < ARRAY_SIZE(window_edges) && ok; i++) {
		const struct window_step *step = &window_edges[i];

		ok = hm_replay_may_accept(w, step->number) == step->ok;
		local_bh_disable();
		ok = hm_replay_accept(w, step->number) == step->ok && ok;
		local_bh_enable();
		if (!ok)
			pr_err("hubmesh: selftest=replay step=%u number=%llu\n", i, step->number);
	}
	kfree(w);
	return ok;
}

static bool replay_counts_losses(void)
{
	struct hm_replay *w = kmalloc(sizeof(*w), GFP_KERNEL);
	u64 number, lost;

	if (!w)
		return false;
	hm_replay_init(w);
	local_bh_disable();
	for (number = 1; number <= 10000; number++)
		if (number % 100)
			hm_replay_accept(w, number);
	/* far enough that every number up to 10000 has left; none of them is tracked */
	hm_replay_accept(w, 10000 + 64 * HM_WINDOW_WORDS);
	local_bh_enable();
	lost = w->lost;
	kfree(w);
	if (lost < 100 || lost > 100 + 64)
		FAIL("replay-loss lost=%llu\n", lost);
	return true;
}

/* ---- tags ------------------------------------------------------------------------ */

static void fill_header(struct hm_hdr *h)
{
	u8 i, *p = (u8 *)h;

	for (i = 0; i < sizeof(*h); i++)
		p[i] = i;
}

/* SipHash-2-4 paper, appendix: key 00..0f, message 00..1f. */
static bool hop_tag_matches_known_answer(void)
{
	static const siphash_key_t key = { { 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL } };
	struct hm_hdr h;

	fill_header(&h);
	if (be64_to_cpu(hm_hop_tag(&h, &key)) != 0x7127512f72f27cceULL)
		FAIL("hop-tag got=%llx\n", be64_to_cpu(hm_hop_tag(&h, &key)));
	h.hop_ttl ^= 1;
	if (be64_to_cpu(hm_hop_tag(&h, &key)) == 0x7127512f72f27cceULL)
		FAIL("hop-tag a changed ttl passes\n");
	return true;
}

static bool header_fields_are_where_the_wire_says(void)
{
	struct hm_hdr h;

	fill_header(&h);
	h.ver_type = HM_WIRE_VERSION << 4 | HM_TYPE_HOP;
	h.hop_ttl = 2 << HM_HOP_PHASE_SHIFT | 33;
	h.class_phase = 5 << HM_CLASS_SHIFT | 3 << HM_SEAL_PHASE_SHIFT;
	if (hm_hdr_type(&h) != HM_TYPE_HOP || hm_hdr_ttl(&h) != 33 ||
	    hm_hdr_hop_phase(&h) != 2 || hm_hdr_class(&h) != 5 || hm_hdr_seal_phase(&h) != 3)
		FAIL("header parse\n");
	if (ntohs(h.link_index) != 0x0405 || h.dst[0] != 8 || h.src[5] != 19 ||
	    ntohl(h.hop_seq) != 0x14151617 || be64_to_cpu(h.counter) != 0x18191a1b1c1d1e1fULL)
		FAIL("header offsets\n");
	return true;
}

/* ---- ciphers ------------------------------------------------------------------------ */

struct seal_result {
	struct completion done;
	u8 why;
};

static struct seal_result *result_of(const struct hm_batch *batch)
{
	return (struct seal_result *)batch->skb;
}

static void note_result(struct hm_batch *batch)
{
	struct seal_result *result = result_of(batch);

	result->why = batch->frame[0].why;
	hm_batch_free(batch);
	complete(&result->done);
}

/* Seal or open one frame of @len bytes; returns its drop reason. */
static u8 run_cipher(struct hm_key *key, void *frame, unsigned int len, bool is_seal)
{
	struct seal_result result;
	struct hm_batch *batch;

	init_completion(&result.done);
	local_bh_disable();
	batch = hm_batch_new(NULL, 1);
	if (!batch) {
		local_bh_enable();
		return HUBMESH_DROP_NO_MEMORY;
	}
	batch->skb = (struct sk_buff *)&result;
	batch->key = key;
	batch->done = note_result;
	batch->frames = 1;
	batch->frame[0].hdr = frame;
	batch->frame[0].len = len;
	batch->frame[0].why = 0;
	rcu_read_lock();
	if (is_seal)
		hm_batch_seal(batch);
	else
		hm_batch_open(batch);
	rcu_read_unlock();
	local_bh_enable();
	wait_for_completion(&result.done);
	return result.why;
}

/*
 * Frame: header bytes 00 01 .. 27, sealed part of 32 bytes 80 81 ..; key 00 01
 * .. 1f, salt 20 .. 2b.  The answers were computed with OpenSSL from the rules
 * of Documentation/frame.rst.
 */
#define TEST_TEXT	32
#define TEST_FRAME	(HM_HDR_LEN + TEST_TEXT + HM_SEAL_TAG_LEN)

static void fill_test_frame(u8 *frame)
{
	unsigned int i;

	fill_header((struct hm_hdr *)frame);
	for (i = 0; i < TEST_TEXT; i++)
		frame[HM_HDR_LEN + i] = 0x80 + i;
	memset(frame + HM_HDR_LEN + TEST_TEXT, 0, HM_SEAL_TAG_LEN);
}

static const struct {
	u32 cipher;
	const char *name;
	u8 sealed[TEST_TEXT + HM_SEAL_TAG_LEN];
} seal_answers[] = {
#include "selftest_answers.h"
};

static bool tampering_is_refused(struct hm_key *key, const u8 *sealed, const char *name)
{
	/* AAD, cipher text, tag; and what a hop may rewrite */
	static const struct { u8 at; bool refused; } flips[] = {
		{ 0, true }, { 2, true }, { 3, true }, { 6, true }, { 8, true }, { 19, true },
		{ 24, true }, { 31, true }, { HM_HDR_LEN, true },
		{ HM_HDR_LEN + TEST_TEXT - 1, true }, { HM_HDR_LEN + TEST_TEXT, true },
		{ TEST_FRAME - 1, true },
		{ 1, false }, { 4, false }, { 5, false }, { 20, false }, { 23, false }, { 32, false },
	};
	unsigned int i;
	bool ok = true;
	u8 *frame = kmalloc(TEST_FRAME, GFP_KERNEL), why;

	for (i = 0; frame && i < ARRAY_SIZE(flips) && ok; i++) {
		memcpy(frame, sealed, TEST_FRAME);
		frame[flips[i].at] ^= 1;
		why = run_cipher(key, frame, TEST_FRAME, false);
		ok = why == (flips[i].refused ? HUBMESH_DROP_RX_SEAL_AUTH : 0);
		if (!ok)
			pr_err("hubmesh: selftest=tamper cipher=%s byte=%u why=%u\n",
			       name, flips[i].at, why);
	}
	ok = frame && ok;
	kfree(frame);
	return ok;
}

/* Every length of the last block, and lengths around the SIMD strides. */
static bool lengths_round_trip(struct hm_key *key, const char *name)
{
	const unsigned int text_max = 2050;
	u8 *frame = kmalloc(2 * (HM_HDR_LEN + text_max + HM_SEAL_TAG_LEN), GFP_KERNEL);
	u8 *copy = frame + HM_HDR_LEN + text_max + HM_SEAL_TAG_LEN;
	unsigned int len, text;
	bool ok = true;

	if (!frame)
		return false;
	for (text = 0; text <= text_max && ok; text += text < 600 ? 1 : 29) {
		len = HM_HDR_LEN + text + HM_SEAL_TAG_LEN;
		get_random_bytes(frame, len);
		memcpy(copy, frame, len);
		ok = !run_cipher(key, frame, len, true) &&
		     (text < 8 || memcmp(frame + HM_HDR_LEN, copy + HM_HDR_LEN, text)) &&
		     !memcmp(frame, copy, HM_HDR_LEN) &&
		     !run_cipher(key, frame, len, false) &&
		     !memcmp(frame, copy, HM_HDR_LEN + text);
		if (!ok)
			pr_err("hubmesh: selftest=round-trip cipher=%s text=%u\n", name, text);
	}
	kfree(frame);
	return ok;
}

static bool seal_matches_known_answer(unsigned int which)
{
	struct hm_key_config cfg = {
		.cipher = seal_answers[which].cipher,
		.is_link = true,
		.has_rx = true,
		.has_tx = true,
	};
	u8 *frame = kmalloc(2 * TEST_FRAME, GFP_KERNEL), *plain = frame + TEST_FRAME;
	const char *name = seal_answers[which].name;
	struct hm_key *key;
	unsigned int i;
	bool ok = false;

	for (i = 0; i < HM_SEAL_KEYMAT_LEN; i++)
		cfg.tx[i] = cfg.rx[i] = i;
	key = hm_key_new(&cfg);
	if (!frame || IS_ERR(key)) {
		pr_err("hubmesh: selftest=seal cipher=%s key=%d\n", name, PTR_ERR_OR_ZERO(key));
		if (!IS_ERR(key))
			hm_key_put(key);
		kfree(frame);
		return false;
	}
	fill_test_frame(plain);
	memcpy(frame, plain, TEST_FRAME);
	if (run_cipher(key, frame, TEST_FRAME, true) ||
	    memcmp(frame + HM_HDR_LEN, seal_answers[which].sealed, TEST_TEXT + HM_SEAL_TAG_LEN))
		pr_err("hubmesh: selftest=seal cipher=%s got=%*ph\n", name,
		       TEST_TEXT + HM_SEAL_TAG_LEN, frame + HM_HDR_LEN);
	else if (!tampering_is_refused(key, frame, name) || !lengths_round_trip(key, name))
		;
	else if (run_cipher(key, frame, TEST_FRAME, false) ||
		 memcmp(frame, plain, HM_HDR_LEN + TEST_TEXT))
		pr_err("hubmesh: selftest=open cipher=%s\n", name);
	else
		ok = true;
	hm_key_put(key);
	kfree(frame);
	return ok;
}

static bool seals_match_known_answers(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(seal_answers); i++)
		if (!seal_matches_known_answer(i))
			return false;
	return true;
}

/* ---- keyrings -------------------------------------------------------------------------- */

static bool keyring_moves_only_on_proof(void)
{
	struct hm_key_config cfg = {
		.cipher = HUBMESH_CIPHER_CHACHA20_POLY1305,
		.has_rx = true,
		.has_tx = true,
	};
	struct hm_keyring ring = { };
	bool ok;

	hm_keyring_init(&ring);
	cfg.use_now = true;
	ok = !hm_keyring_set(&ring, &cfg, NULL);
	ok = ok && hm_keyring_set(&ring, &cfg, NULL) == -EEXIST;
	cfg.use_now = false;
	cfg.phase = 1;
	ok = ok && !hm_keyring_set(&ring, &cfg, NULL);
	rcu_read_lock();
	ok = ok && hm_keyring_tx_phase(&ring) == 0 && hm_keyring_rx_phases(&ring) == 3;
	ok = ok && !hm_keyring_promote(&ring, rcu_dereference(ring.by_phase[0]));
	ok = ok && hm_keyring_promote(&ring, rcu_dereference(ring.by_phase[1]));
	ok = ok && hm_keyring_tx_phase(&ring) == 1;
	rcu_read_unlock();
	cfg.phase = 2;
	ok = ok && !hm_keyring_set(&ring, &cfg, NULL);
	cfg.phase = 3;
	ok = ok && hm_keyring_set(&ring, &cfg, NULL) == -ENOSPC;
	ok = ok && !hm_keyring_del(&ring, 0, NULL) && hm_keyring_del(&ring, 0, NULL) == -ENOENT;
	ok = ok && !hm_keyring_set(&ring, &cfg, NULL) && !hm_keyring_use(&ring, 3, NULL);
	hm_keyring_clear(&ring);
	ok = ok && !hm_keyring_rx_phases(&ring) && !rcu_access_pointer(ring.tx);
	if (!ok)
		pr_err("hubmesh: selftest=keyring\n");
	return ok;
}

/* ---- next hops ---------------------------------------------------------------------------- */

static bool nexthops_share_by_weight(void)
{
	struct hm_link *links = kcalloc(3, sizeof(*links), GFP_KERNEL);
	struct hm_nexthops nh = { .count = 2, .total_weight = 4 };
	unsigned int flow, hits = 0;
	bool ok;

	if (!links)
		return false;
	nh.via[0].link = &links[0];
	nh.via[0].weight = 1;
	nh.via[1].link = &links[1];
	nh.via[1].weight = 3;
	nh.backup = &links[2];
	for (flow = 0; flow < 65536; flow++)
		hits += hm_nexthops_select(&nh, flow) == &links[0];
	ok = hits == 65536 / 4;
	links[0].state = HUBMESH_LINK_DOWN;
	for (flow = 0; flow < 65536; flow += 257)
		ok = ok && hm_nexthops_select(&nh, flow) == &links[1];
	links[1].state = HUBMESH_LINK_DOWN;
	ok = ok && hm_nexthops_select(&nh, 1) == &links[2];
	links[2].state = HUBMESH_LINK_DOWN;
	ok = ok && !hm_nexthops_select(&nh, 1);
	kfree(links);
	if (!ok)
		FAIL("nexthops hits=%u\n", hits);
	return true;
}

/**
 * hm_selftest_run() - Run every test.
 *
 * Context: Process context, before any device exists.
 * Return: 0; -EPERM if one failed (it has said which).
 */
int hm_selftest_run(void)
{
	static const struct {
		const char *name;
		bool (*run)(void);
	} tests[] = {
#define TEST(name) { #name, name }
		TEST(replay_takes_each_number_once),
		TEST(replay_counts_losses),
		TEST(hop_tag_matches_known_answer),
		TEST(header_fields_are_where_the_wire_says),
		TEST(seals_match_known_answers),
		TEST(keyring_moves_only_on_proof),
		TEST(nexthops_share_by_weight),
#undef TEST
	};
	unsigned int i, failed = 0;

	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		if (tests[i].run())
			continue;
		pr_err("hubmesh: selftest=%s result=failed\n", tests[i].name);
		failed++;
	}
	if (failed)
		return -EPERM;
	pr_info("hubmesh: selftest result=passed tests=%zu\n", ARRAY_SIZE(tests));
	return 0;
}
