// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: link-state record: the body, and the signature around it
 *
 * The signed bytes are kept as a byte string inside the outer array, so a
 * relay floods exactly what the speaker signed, including keys this version
 * does not know.  Documentation/record.rst is the specification.
 */
#include "daemon/wire/record.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/ed25519.h"
#include "daemon/lib/memory.h"
#include "daemon/wire/dcbor.h"

#define SIGNATURE_CONTEXT "hubmesh-record-v1"

enum record_key {
	RECORD_HUB = 1,
	RECORD_BOOT_EPOCH = 2,
	RECORD_SEQ = 3,
	RECORD_NAME = 4,
	RECORD_IPV4 = 5,
	RECORD_CERT = 6,
	RECORD_LINKS = 7,
	RECORD_ALL = 0xfe, /* bits of the above */
	RECORD_CATALOGUE = 32, /* may be missing, and unknown to older hubs */
};

enum {
	OUTER_ELEMENTS = 2, /* body, signature */
	LINK_ELEMENTS = 3, /* peer, cost, frame_max */
};

_Static_assert(RECORD_SIGNATURE_LEN == ED25519_SIGNATURE_LEN, "one kind of signature");

static void assert_well_formed(const struct record *record)
{
	assert(hub_id_is_valid(&record->hub));
	assert(record->cert_len > 0 && record->cert_len <= RECORD_CERT_MAX);
	assert(memchr(record->name, '\0', sizeof(record->name)));
	assert(record->n_links <= RECORD_LINKS_MAX);
	for (size_t i = 0; i < record->n_links; i++) {
		const struct record_link *link = &record->links[i];

		assert(hub_id_is_valid(&link->peer) && !hub_id_equal(&link->peer, &record->hub));
		assert(link->cost_us > 0);
		assert(i == 0 || hub_id_cmp(&link[-1].peer, &link->peer) < 0);
	}
}

static int encode_body(const struct record *record, uint8_t *buf, size_t size)
{
	struct dcbor_writer w = dcbor_writer_init(buf, size);

	dcbor_write_map(&w, 7 + record->has_catalogue);
	dcbor_write_uint(&w, RECORD_HUB);
	dcbor_write_bytes(&w, record->hub.b, HUB_ID_LEN);
	dcbor_write_uint(&w, RECORD_BOOT_EPOCH);
	dcbor_write_uint(&w, record->boot_epoch);
	dcbor_write_uint(&w, RECORD_SEQ);
	dcbor_write_uint(&w, record->seq);
	dcbor_write_uint(&w, RECORD_NAME);
	dcbor_write_text(&w, record->name);
	dcbor_write_uint(&w, RECORD_IPV4);
	dcbor_write_uint(&w, record->ipv4);
	dcbor_write_uint(&w, RECORD_CERT);
	dcbor_write_bytes(&w, record->cert, record->cert_len);
	dcbor_write_uint(&w, RECORD_LINKS);
	dcbor_write_array(&w, record->n_links);
	for (size_t i = 0; i < record->n_links; i++) {
		dcbor_write_array(&w, LINK_ELEMENTS);
		dcbor_write_bytes(&w, record->links[i].peer.b, HUB_ID_LEN);
		dcbor_write_uint(&w, record->links[i].cost_us);
		dcbor_write_uint(&w, record->links[i].frame_max);
	}
	if (record->has_catalogue) {
		dcbor_write_uint(&w, RECORD_CATALOGUE);
		dcbor_write_bytes(&w, record->catalogue, SHA256_LEN);
	}
	return dcbor_writer_end(&w);
}

int record_encode(const struct record *record, const uint8_t private_key[32],
		  const uint8_t pubkey[HUB_PUBKEY_LEN], uint8_t *buf, size_t size)
{
	_cleanup_free_ uint8_t *body = xmalloc(RECORD_MAX);
	uint8_t signature[RECORD_SIGNATURE_LEN];
	struct dcbor_writer w = dcbor_writer_init(buf, size < RECORD_MAX ? size : RECORD_MAX);
	int body_len;

	assert_well_formed(record);
	body_len = encode_body(record, body, RECORD_MAX);
	if (body_len < 0)
		return body_len;
	if (ed25519_sign(private_key, pubkey, SIGNATURE_CONTEXT, body, (size_t)body_len,
			 signature) < 0)
		return -EIO;
	dcbor_write_array(&w, OUTER_ELEMENTS);
	dcbor_write_bytes(&w, body, (size_t)body_len);
	dcbor_write_bytes(&w, signature, sizeof(signature));
	return dcbor_writer_end(&w);
}

/* Borrowed parts of the outer array. */
static int split(const uint8_t *buf, size_t len, const uint8_t **body, size_t *body_len,
		 uint8_t signature[RECORD_SIGNATURE_LEN])
{
	struct dcbor_reader r = dcbor_reader_init(buf, len);

	if (len > RECORD_MAX)
		return -EBADMSG;
	if (dcbor_read_array(&r, OUTER_ELEMENTS) != OUTER_ELEMENTS)
		return -EBADMSG;
	*body = dcbor_read_bytes(&r, RECORD_MAX, body_len);
	dcbor_read_exactly(&r, signature, RECORD_SIGNATURE_LEN);
	return dcbor_reader_end(&r);
}

static void read_links(struct dcbor_reader *r, struct record *record)
{
	size_t n = dcbor_read_array(r, RECORD_LINKS_MAX);

	for (size_t i = 0; i < n && !r->failed; i++) {
		struct record_link *link = &record->links[i];

		if (dcbor_read_array(r, LINK_ELEMENTS) != LINK_ELEMENTS)
			dcbor_reader_fail(r);
		dcbor_read_exactly(r, link->peer.b, HUB_ID_LEN);
		link->cost_us = (uint32_t)dcbor_read_uint(r, UINT32_MAX);
		link->frame_max = (uint32_t)dcbor_read_uint(r, UINT32_MAX);
		if (!hub_id_is_valid(&link->peer) || link->cost_us == 0)
			dcbor_reader_fail(r);
		if (i > 0 && hub_id_cmp(&link[-1].peer, &link->peer) >= 0)
			dcbor_reader_fail(r);
	}
	record->n_links = n;
}

/* Relations between members; their own ranges were checked while reading. */
static bool is_consistent(const struct record *record)
{
	if (!hub_id_is_valid(&record->hub) || record->cert_len == 0)
		return false;
	for (size_t i = 0; i < record->n_links; i++)
		if (hub_id_equal(&record->links[i].peer, &record->hub))
			return false;
	return true;
}

int record_decode(const uint8_t *buf, size_t len, struct record *ret)
{
	uint8_t signature[RECORD_SIGNATURE_LEN];
	const uint8_t *body;
	size_t body_len;
	struct record record = {0};
	struct dcbor_reader r;
	struct dcbor_map map;

	if (split(buf, len, &body, &body_len, signature) < 0)
		return -EBADMSG;
	r = dcbor_reader_init(body, body_len);
	map = dcbor_read_map(&r);
	while (dcbor_next_key(&r, &map)) {
		switch (map.key) {
		case RECORD_HUB:
			dcbor_read_exactly(&r, record.hub.b, HUB_ID_LEN);
			break;
		case RECORD_BOOT_EPOCH:
			record.boot_epoch = dcbor_read_uint(&r, UINT64_MAX);
			break;
		case RECORD_SEQ:
			record.seq = dcbor_read_uint(&r, UINT64_MAX);
			break;
		case RECORD_NAME:
			dcbor_read_text(&r, record.name, sizeof(record.name));
			break;
		case RECORD_IPV4:
			record.ipv4 = (uint32_t)dcbor_read_uint(&r, UINT32_MAX);
			break;
		case RECORD_CERT:
			record.cert = dcbor_read_bytes(&r, RECORD_CERT_MAX, &record.cert_len);
			break;
		case RECORD_LINKS:
			read_links(&r, &record);
			break;
		case RECORD_CATALOGUE:
			dcbor_read_exactly(&r, record.catalogue, SHA256_LEN);
			record.has_catalogue = true;
			break;
		default:
			dcbor_unknown_key(&r, &map);
		}
	}
	if (dcbor_reader_end(&r) < 0 || map.seen != RECORD_ALL || !is_consistent(&record))
		return -EBADMSG;
	*ret = record;
	return 0;
}

int record_verify(const uint8_t *buf, size_t len, const uint8_t pubkey[HUB_PUBKEY_LEN])
{
	uint8_t signature[RECORD_SIGNATURE_LEN];
	const uint8_t *body;
	size_t body_len;

	if (split(buf, len, &body, &body_len, signature) < 0)
		return -EBADMSG;
	return ed25519_verify(pubkey, SIGNATURE_CONTEXT, body, body_len, signature);
}
