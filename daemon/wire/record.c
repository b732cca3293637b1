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
#include "daemon/wire/envelope.h"

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
	/* Optional, and unknown to older hubs */
	RECORD_CATALOGUE = DCBOR_KEY_OPTIONAL,
	RECORD_GROUP_FLAGS = DCBOR_KEY_OPTIONAL + 1,
	RECORD_GROUPS = DCBOR_KEY_OPTIONAL + 2,
	RECORD_PROXY_PORT = DCBOR_KEY_OPTIONAL + 3,
	RECORD_FLAGS = DCBOR_KEY_OPTIONAL + 4,
	RECORD_FRAMELESS_LINKS = DCBOR_KEY_OPTIONAL + 5,
};

enum {
	LINK_ELEMENTS = 3, /* peer, cost, frame_max */
	FRAMELESS_LINK_ELEMENTS = 2, /* peer, cost */
};

enum {
	FLAG_DATAPATH = 0x1,
};

_Static_assert(RECORD_SIGNATURE_LEN == ED25519_SIGNATURE_LEN, "one kind of signature");

/* Multicast, and above the one before. */
static bool is_group_in_place(const struct record *record, size_t i)
{
	const uint8_t *group = record->groups[i];

	return group[0] & 1 &&
	       (i == 0 || memcmp(group - RECORD_GROUP_LEN, group, RECORD_GROUP_LEN) < 0);
}

static void assert_well_formed(const struct record *record)
{
	assert(hub_id_is_valid(&record->hub));
	assert(record->cert_len > 0 && record->cert_len <= RECORD_CERT_MAX);
	assert(memchr(record->name, '\0', sizeof(record->name)));
	assert(record->n_links <= RECORD_LINKS_MAX);
	for (size_t i = 0; i < record->n_links; i++) {
		const struct record_link *link = &record->links[i];

		assert(hub_id_is_valid(&link->peer) && !hub_id_equal(&link->peer, &record->hub));
		assert(link->cost_us > 0 && !(link->is_frameless && link->frame_max));
		assert(i == 0 || hub_id_cmp(&link[-1].peer, &link->peer) < 0);
	}
	assert(record->n_groups <= RECORD_GROUPS_MAX);
	for (size_t i = 0; i < record->n_groups; i++)
		assert(is_group_in_place(record, i));
}

static size_t count_frameless(const struct record *record)
{
	size_t n = 0;

	for (size_t i = 0; i < record->n_links; i++)
		n += record->links[i].is_frameless;
	return n;
}

static void write_frameless_links(struct dcbor_writer *w, const struct record *record, size_t n)
{
	dcbor_write_uint(w, RECORD_FRAMELESS_LINKS);
	dcbor_write_array(w, n);
	for (size_t i = 0; i < record->n_links; i++) {
		if (!record->links[i].is_frameless)
			continue;
		dcbor_write_array(w, FRAMELESS_LINK_ELEMENTS);
		dcbor_write_bytes(w, record->links[i].peer.b, HUB_ID_LEN);
		dcbor_write_uint(w, record->links[i].cost_us);
	}
}

static int encode_body(const struct record *record, uint8_t *buf, size_t size)
{
	struct dcbor_writer w = dcbor_writer_init(buf, size);
	bool has_flags = record->datapath != RECORD_DATAPATH_NOT_TOLD;
	size_t n_frameless = count_frameless(record);

	dcbor_write_map(&w, 9 + record->has_catalogue + (record->proxy_port != 0) + has_flags +
				    (n_frameless != 0));
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
	dcbor_write_array(&w, record->n_links - n_frameless);
	for (size_t i = 0; i < record->n_links; i++) {
		if (record->links[i].is_frameless)
			continue;
		dcbor_write_array(&w, LINK_ELEMENTS);
		dcbor_write_bytes(&w, record->links[i].peer.b, HUB_ID_LEN);
		dcbor_write_uint(&w, record->links[i].cost_us);
		dcbor_write_uint(&w, record->links[i].frame_max);
	}
	if (record->has_catalogue) {
		dcbor_write_uint(&w, RECORD_CATALOGUE);
		dcbor_write_bytes(&w, record->catalogue, SHA256_LEN);
	}
	dcbor_write_uint(&w, RECORD_GROUP_FLAGS);
	dcbor_write_uint(&w, record->group_flags);
	dcbor_write_uint(&w, RECORD_GROUPS);
	dcbor_write_bytes(&w, record->groups[0], record->n_groups * RECORD_GROUP_LEN);
	if (record->proxy_port) {
		dcbor_write_uint(&w, RECORD_PROXY_PORT);
		dcbor_write_uint(&w, record->proxy_port);
	}
	if (has_flags) {
		dcbor_write_uint(&w, RECORD_FLAGS);
		dcbor_write_uint(&w, record->datapath == RECORD_DATAPATH_THERE ? FLAG_DATAPATH : 0);
	}
	if (n_frameless)
		write_frameless_links(&w, record, n_frameless);
	return dcbor_writer_end(&w);
}

int record_encode(const struct record *record, const uint8_t private_key[32],
		  const uint8_t pubkey[HUB_PUBKEY_LEN], uint8_t *buf, size_t size)
{
	_cleanup_free_ uint8_t *body = xmalloc(RECORD_MAX);
	int body_len;

	assert_well_formed(record);
	body_len = encode_body(record, body, RECORD_MAX);
	if (body_len < 0)
		return body_len;
	return envelope_seal(SIGNATURE_CONTEXT, body, (size_t)body_len, private_key, pubkey, buf,
			     size < RECORD_MAX ? size : RECORD_MAX);
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

/* Into its place among those there are. Return: false, it is there already, or there is no room. */
static bool insert_link(struct record *record, const struct record_link *link)
{
	size_t at = record->n_links;

	if (record->n_links == RECORD_LINKS_MAX)
		return false;
	while (at > 0 && hub_id_cmp(&link->peer, &record->links[at - 1].peer) < 0)
		at--;
	if (at > 0 && hub_id_equal(&link->peer, &record->links[at - 1].peer))
		return false;
	memmove(&record->links[at + 1], &record->links[at],
		(record->n_links - at) * sizeof(record->links[0]));
	record->links[at] = *link;
	record->n_links++;
	return true;
}

static void read_frameless_links(struct dcbor_reader *r, struct record *record)
{
	size_t n = dcbor_read_array(r, RECORD_LINKS_MAX);
	struct hub_id before = {0};

	for (size_t i = 0; i < n && !r->failed; i++) {
		struct record_link link = {.is_frameless = true};

		if (dcbor_read_array(r, FRAMELESS_LINK_ELEMENTS) != FRAMELESS_LINK_ELEMENTS)
			dcbor_reader_fail(r);
		dcbor_read_exactly(r, link.peer.b, HUB_ID_LEN);
		link.cost_us = (uint32_t)dcbor_read_uint(r, UINT32_MAX);
		if (r->failed || !hub_id_is_valid(&link.peer) || link.cost_us == 0 ||
		    hub_id_cmp(&before, &link.peer) >= 0 || !insert_link(record, &link))
			dcbor_reader_fail(r);
		before = link.peer;
	}
}

static void read_groups(struct dcbor_reader *r, struct record *record)
{
	size_t len;
	const uint8_t *bytes = dcbor_read_bytes(r, sizeof(record->groups), &len);

	if (r->failed)
		return;
	if (len % RECORD_GROUP_LEN)
		dcbor_reader_fail(r);
	record->n_groups = len / RECORD_GROUP_LEN;
	memcpy(record->groups, bytes, record->n_groups * RECORD_GROUP_LEN);
	for (size_t i = 0; i < record->n_groups; i++) {
		if (!is_group_in_place(record, i))
			dcbor_reader_fail(r);
	}
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
	struct envelope envelope;
	struct record record = {.group_flags = RECORD_GROUPS_ALL};
	struct dcbor_reader r;
	struct dcbor_map map;

	if (envelope_open(buf, len, RECORD_MAX, &envelope) < 0)
		return -EBADMSG;
	r = dcbor_reader_init(envelope.body, envelope.body_len);
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
		case RECORD_GROUP_FLAGS: /* others may come */
			record.group_flags = (uint32_t)dcbor_read_uint(&r, UINT32_MAX) &
					     RECORD_GROUPS_ALL;
			break;
		case RECORD_GROUPS:
			read_groups(&r, &record);
			break;
		case RECORD_PROXY_PORT:
			record.proxy_port = (uint16_t)dcbor_read_uint(&r, UINT16_MAX);
			break;
		case RECORD_FLAGS: /* others may come */
			record.datapath = dcbor_read_uint(&r, UINT32_MAX) & FLAG_DATAPATH
						  ? RECORD_DATAPATH_THERE
						  : RECORD_DATAPATH_NONE;
			break;
		case RECORD_FRAMELESS_LINKS: /* after the others, as keys rise */
			read_frameless_links(&r, &record);
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
	return envelope_verify(buf, len, RECORD_MAX, SIGNATURE_CONTEXT, pubkey);
}
