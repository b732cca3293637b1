// SPDX-License-Identifier: GPL-2.0
/* DOC: signed messages between brokers: see offer.h and Documentation/broker.rst */
#include "daemon/wire/offer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "daemon/lib/ed25519.h"
#include "daemon/lib/memory.h"
#include "daemon/wire/dcbor.h"

#define SIGNATURE_CONTEXT "hubmesh-broker-v1"
#define PERMILLE 1000

enum offer_key {
	OFFER_KEY_KIND = 1,
	OFFER_KEY_FROM = 2,
	OFFER_KEY_TO = 3,
	OFFER_KEY_FROM_EPOCH = 4,
	OFFER_KEY_TO_EPOCH = 5,
	OFFER_KEY_SEQ = 6,
	OFFER_KEY_REQUEST = 7,
	OFFER_KEY_SERIAL = 8,
	OFFER_KEY_DIGEST = 9,
	OFFER_KEY_SLOTS = 10,
	OFFER_KEY_DURATION = 11,
	OFFER_KEY_PRICE = 12,
	OFFER_KEY_LOAD = 13,
	OFFER_KEY_FREE = 14,
	OFFER_KEY_REASON = 15,
	OFFER_KEY_RETRY = 16,
	OFFER_KEYS = 16,
	OFFER_KEY_ALL = 0x1fffe, /* bits of the above */
};

enum {
	OUTER_ELEMENTS = 3, /* ttl, body, signature */
};

_Static_assert(OFFER_SIGNATURE_LEN == ED25519_SIGNATURE_LEN, "one kind of signature");

static const char *const kind_names[] = {"request", "offer",  "accept", "lease",
					 "renew",   "refuse", "release"};
static const char *const reason_texts[] = {
	"no reason given",
	"every slot is leased",
	"this hub has its share of the slots",
	"the provider does not offer this version any more",
	"the provider is failing or draining",
	"the provider knows no such lease",
};

_Static_assert(ARRAY_SIZE(kind_names) == __OFFER_KIND_END, "every one has a name");
_Static_assert(ARRAY_SIZE(reason_texts) == __OFFER_REASON_END, "every one has a text");

const char *offer_kind_name(uint8_t kind)
{
	return kind < ARRAY_SIZE(kind_names) ? kind_names[kind] : "?";
}

const char *offer_reason_text(uint8_t reason)
{
	return reason < ARRAY_SIZE(reason_texts) ? reason_texts[reason] : "?";
}

static void write_number(struct dcbor_writer *w, enum offer_key key, uint64_t value)
{
	dcbor_write_uint(w, key);
	dcbor_write_uint(w, value);
}

static int encode_body(const struct offer_message *m, uint8_t *buf, size_t size)
{
	struct dcbor_writer w = dcbor_writer_init(buf, size);

	dcbor_write_map(&w, OFFER_KEYS);
	write_number(&w, OFFER_KEY_KIND, m->kind);
	dcbor_write_uint(&w, OFFER_KEY_FROM);
	dcbor_write_bytes(&w, m->from.b, HUB_ID_LEN);
	dcbor_write_uint(&w, OFFER_KEY_TO);
	dcbor_write_bytes(&w, m->to.b, HUB_ID_LEN);
	write_number(&w, OFFER_KEY_FROM_EPOCH, m->from_epoch);
	write_number(&w, OFFER_KEY_TO_EPOCH, m->to_epoch);
	write_number(&w, OFFER_KEY_SEQ, m->seq);
	write_number(&w, OFFER_KEY_REQUEST, m->request);
	write_number(&w, OFFER_KEY_SERIAL, m->serial);
	dcbor_write_uint(&w, OFFER_KEY_DIGEST);
	dcbor_write_bytes(&w, m->digest, SHA256_LEN);
	write_number(&w, OFFER_KEY_SLOTS, m->slots);
	write_number(&w, OFFER_KEY_DURATION, m->duration_ms);
	write_number(&w, OFFER_KEY_PRICE, m->price_micro);
	write_number(&w, OFFER_KEY_LOAD, m->load_permille);
	write_number(&w, OFFER_KEY_FREE, m->free_slots);
	write_number(&w, OFFER_KEY_REASON, m->reason);
	write_number(&w, OFFER_KEY_RETRY, m->retry_ms);
	return dcbor_writer_end(&w);
}

static bool is_consistent(const struct offer_message *m)
{
	return m->kind < __OFFER_KIND_END && m->reason < __OFFER_REASON_END &&
	       hub_id_is_valid(&m->from) && hub_id_is_valid(&m->to) &&
	       m->duration_ms <= OFFER_DURATION_MAX_MS && m->load_permille <= PERMILLE;
}

int offer_encode(const struct offer_message *message, const uint8_t private_key[32],
		 const uint8_t pubkey[HUB_PUBKEY_LEN], uint8_t *buf, size_t size)
{
	uint8_t body[OFFER_MAX], signature[OFFER_SIGNATURE_LEN];
	struct dcbor_writer w = dcbor_writer_init(buf, size < OFFER_MAX ? size : OFFER_MAX);
	int len;

	assert(is_consistent(message));
	len = encode_body(message, body, sizeof(body));
	if (len < 0)
		return len;
	if (ed25519_sign(private_key, pubkey, SIGNATURE_CONTEXT, body, (size_t)len, signature) < 0)
		return -EIO;
	dcbor_write_array(&w, OUTER_ELEMENTS);
	dcbor_write_uint(&w, OFFER_TTL);
	dcbor_write_bytes(&w, body, (size_t)len);
	dcbor_write_bytes(&w, signature, sizeof(signature));
	return dcbor_writer_end(&w);
}

/* Borrowed parts of the outer array. */
static int split(const uint8_t *buf, size_t len, uint8_t *ttl, const uint8_t **body,
		 size_t *body_len, uint8_t signature[OFFER_SIGNATURE_LEN])
{
	struct dcbor_reader r = dcbor_reader_init(buf, len);

	if (len > OFFER_MAX || dcbor_read_array(&r, OUTER_ELEMENTS) != OUTER_ELEMENTS)
		return -EBADMSG;
	*ttl = (uint8_t)dcbor_read_uint(&r, OFFER_TTL);
	*body = dcbor_read_bytes(&r, OFFER_MAX, body_len);
	dcbor_read_exactly(&r, signature, OFFER_SIGNATURE_LEN);
	return dcbor_reader_end(&r);
}

static uint32_t read_u32(struct dcbor_reader *r)
{
	return (uint32_t)dcbor_read_uint(r, UINT32_MAX);
}

static void read_value(struct dcbor_reader *r, const struct dcbor_map *map, struct offer_message *m)
{
	switch (map->key) {
	case OFFER_KEY_KIND:
		m->kind = (uint8_t)dcbor_read_uint(r, __OFFER_KIND_END - 1);
		break;
	case OFFER_KEY_FROM:
		dcbor_read_exactly(r, m->from.b, HUB_ID_LEN);
		break;
	case OFFER_KEY_TO:
		dcbor_read_exactly(r, m->to.b, HUB_ID_LEN);
		break;
	case OFFER_KEY_FROM_EPOCH:
		m->from_epoch = dcbor_read_uint(r, UINT64_MAX);
		break;
	case OFFER_KEY_TO_EPOCH:
		m->to_epoch = dcbor_read_uint(r, UINT64_MAX);
		break;
	case OFFER_KEY_SEQ:
		m->seq = dcbor_read_uint(r, UINT64_MAX);
		break;
	case OFFER_KEY_REQUEST:
		m->request = dcbor_read_uint(r, UINT64_MAX);
		break;
	case OFFER_KEY_SERIAL:
		m->serial = read_u32(r);
		break;
	case OFFER_KEY_DIGEST:
		dcbor_read_exactly(r, m->digest, SHA256_LEN);
		break;
	case OFFER_KEY_SLOTS:
		m->slots = read_u32(r);
		break;
	case OFFER_KEY_DURATION:
		m->duration_ms = read_u32(r);
		break;
	case OFFER_KEY_PRICE:
		m->price_micro = read_u32(r);
		break;
	case OFFER_KEY_LOAD:
		m->load_permille = read_u32(r);
		break;
	case OFFER_KEY_FREE:
		m->free_slots = read_u32(r);
		break;
	case OFFER_KEY_REASON:
		m->reason = (uint8_t)dcbor_read_uint(r, __OFFER_REASON_END - 1);
		break;
	case OFFER_KEY_RETRY:
		m->retry_ms = read_u32(r);
		break;
	default:
		dcbor_unknown_key(r, map);
	}
}

int offer_decode(const uint8_t *buf, size_t len, struct offer_message *ret)
{
	uint8_t signature[OFFER_SIGNATURE_LEN], ttl;
	struct offer_message message = {0};
	const uint8_t *body;
	size_t body_len;
	struct dcbor_reader r;
	struct dcbor_map map;

	if (split(buf, len, &ttl, &body, &body_len, signature) < 0)
		return -EBADMSG;
	r = dcbor_reader_init(body, body_len);
	map = dcbor_read_map(&r);
	while (dcbor_next_key(&r, &map))
		read_value(&r, &map, &message);
	if (dcbor_reader_end(&r) < 0 || map.seen != OFFER_KEY_ALL || !is_consistent(&message))
		return -EBADMSG;
	*ret = message;
	return 0;
}

int offer_verify(const uint8_t *buf, size_t len, const uint8_t pubkey[HUB_PUBKEY_LEN])
{
	uint8_t signature[OFFER_SIGNATURE_LEN], ttl;
	const uint8_t *body;
	size_t body_len;

	if (split(buf, len, &ttl, &body, &body_len, signature) < 0)
		return -EBADMSG;
	return ed25519_verify(pubkey, SIGNATURE_CONTEXT, body, body_len, signature);
}

int offer_forward(const uint8_t *buf, size_t len, uint8_t *ret, size_t size)
{
	uint8_t signature[OFFER_SIGNATURE_LEN], ttl;
	struct dcbor_writer w = dcbor_writer_init(ret, size);
	const uint8_t *body;
	size_t body_len;

	if (split(buf, len, &ttl, &body, &body_len, signature) < 0)
		return -EBADMSG;
	if (ttl <= 1)
		return -ETIME;
	dcbor_write_array(&w, OUTER_ELEMENTS);
	dcbor_write_uint(&w, ttl - 1u);
	dcbor_write_bytes(&w, body, body_len);
	dcbor_write_bytes(&w, signature, sizeof(signature));
	return dcbor_writer_end(&w);
}
