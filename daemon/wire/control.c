// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: control messages: paths and bodies
 *
 * Bodies are deterministic CBOR maps (dcbor.h).  Every key below is
 * required; Documentation/control.rst has the same table.
 */
#include "daemon/wire/control.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/lib/secret.h"
#include "daemon/wire/dcbor.h"
#include "hubmesh/wire.h"

#define DATA_PORT_MAX 65535
#define CIPHER_MAX 31 /* control_hello.ciphers is a mask of 32 bits */

enum hello_key {
	HELLO_BOOT_EPOCH = 1,
	HELLO_LINK = 2,
	HELLO_DATA_PORT = 3,
	HELLO_NAME = 4,
	HELLO_CIPHERS = 5,
	HELLO_REPLACES = 6,
	HELLO_ALL = 0x7e, /* bits of the above: all required */
	HELLO_LLADDR = 32, /* optional */
};

enum key_key {
	KEY_OWNER = 1,
	KEY_PHASE = 2,
	KEY_SERIAL = 3,
	KEY_CIPHER = 4,
	KEY_ALL = 0x1e,
};

enum sender_key {
	SENDER_SERIAL = 1,
	SENDER_PHASE = 2,
	SENDER_CIPHER = 3,
	SENDER_MATERIAL = 4,
	SENDER_KEY_ALL = 0x1e,
	SENDER_HAVE_ALL = 0x06,
};

enum digest_key {
	DIGEST_ENTRIES = 1,
	DIGEST_ALL = 0x02,
};

enum pull_key {
	PULL_DIGESTS = 1,
	PULL_ALL = 0x02,
};

enum lists_key {
	LISTS_ENTRIES = 1,
	LISTS_ALL = 0x02,
};

enum {
	ENTRY_ELEMENTS = 3, /* hub, boot epoch, sequence */
	LIST_ELEMENTS = 3, /* issuer, number, digest */
};

/* Indexed by enum control_message. */
static const char *const paths[] = {
	[CONTROL_HELLO] = "/v1/hello",
	[CONTROL_KEY_OFFER] = "/v1/key-offer",
	[CONTROL_KEY_ACCEPT] = "/v1/key-accept",
	[CONTROL_KEY_CONFIRM] = "/v1/key-confirm",
	[CONTROL_KEY_REFUSE] = "/v1/key-refuse",
	[CONTROL_RECORD] = "/v1/record",
	[CONTROL_DIGEST] = "/v1/digest",
	[CONTROL_BYE] = "/v1/bye",
	[CONTROL_PULL] = "/v1/pull",
	[CONTROL_BLOB] = "/v1/blob",
	[CONTROL_BROKER] = "/v1/broker",
	[CONTROL_SENDER_KEY] = "/v1/sender-key",
	[CONTROL_SENDER_HAVE] = "/v1/sender-have",
	[CONTROL_REVOCATIONS] = "/v1/revocations",
	[CONTROL_REVOCATIONS_HAVE] = "/v1/revocations-have",
};

_Static_assert(ARRAY_SIZE(paths) == __CONTROL_END, "every message has a path");

const char *control_path(uint8_t message)
{
	return message < ARRAY_SIZE(paths) ? paths[message] : NULL;
}

int control_from_path(const char *path, size_t len)
{
	for (size_t i = 1; i < ARRAY_SIZE(paths); i++)
		if (strlen(paths[i]) == len && memcmp(paths[i], path, len) == 0)
			return (int)i;
	return -ENOENT;
}

int control_encode_hello(const struct control_hello *m, uint8_t *buf, size_t size)
{
	struct dcbor_writer w = dcbor_writer_init(buf, size);

	assert(m->link <= HM_LINK_INDEX_MAX);
	assert(memchr(m->name, '\0', sizeof(m->name)));
	dcbor_write_map(&w, m->has_lladdr ? 7 : 6);
	dcbor_write_uint(&w, HELLO_BOOT_EPOCH);
	dcbor_write_uint(&w, m->boot_epoch);
	dcbor_write_uint(&w, HELLO_LINK);
	dcbor_write_uint(&w, m->link);
	dcbor_write_uint(&w, HELLO_DATA_PORT);
	dcbor_write_uint(&w, m->data_port);
	dcbor_write_uint(&w, HELLO_NAME);
	dcbor_write_text(&w, m->name);
	dcbor_write_uint(&w, HELLO_CIPHERS);
	dcbor_write_uint(&w, m->ciphers);
	dcbor_write_uint(&w, HELLO_REPLACES);
	dcbor_write_bool(&w, m->replaces);
	if (m->has_lladdr) {
		dcbor_write_uint(&w, HELLO_LLADDR);
		dcbor_write_bytes(&w, m->lladdr, sizeof(m->lladdr));
	}
	return dcbor_writer_end(&w);
}

/* An address that a frame can be sent to: not of a group, not zero. */
static bool read_lladdr(struct dcbor_reader *r, uint8_t ret[ENDPOINT_LLADDR_LEN])
{
	static const uint8_t nobody[ENDPOINT_LLADDR_LEN];
	size_t len = 0;
	const uint8_t *bytes = dcbor_read_bytes(r, ENDPOINT_LLADDR_LEN, &len);

	if (!bytes || len != ENDPOINT_LLADDR_LEN || bytes[0] & 1 ||
	    memcmp(bytes, nobody, sizeof(nobody)) == 0)
		return false;
	memcpy(ret, bytes, ENDPOINT_LLADDR_LEN);
	return true;
}

int control_decode_hello(const uint8_t *buf, size_t len, struct control_hello *ret)
{
	struct dcbor_reader r = dcbor_reader_init(buf, len);
	struct dcbor_map map = dcbor_read_map(&r);
	struct control_hello m = {0};

	while (dcbor_next_key(&r, &map)) {
		switch (map.key) {
		case HELLO_BOOT_EPOCH:
			m.boot_epoch = dcbor_read_uint(&r, UINT64_MAX);
			break;
		case HELLO_LINK:
			m.link = (uint32_t)dcbor_read_uint(&r, HM_LINK_INDEX_MAX);
			break;
		case HELLO_DATA_PORT:
			m.data_port = (uint16_t)dcbor_read_uint(&r, DATA_PORT_MAX);
			break;
		case HELLO_NAME:
			dcbor_read_text(&r, m.name, sizeof(m.name));
			break;
		case HELLO_CIPHERS:
			m.ciphers = (uint32_t)dcbor_read_uint(&r, UINT32_MAX);
			break;
		case HELLO_REPLACES:
			m.replaces = dcbor_read_bool(&r);
			break;
		case HELLO_LLADDR:
			m.has_lladdr = read_lladdr(&r, m.lladdr);
			if (!m.has_lladdr)
				return -EBADMSG;
			break;
		default:
			dcbor_unknown_key(&r, &map);
		}
	}
	if (dcbor_reader_end(&r) < 0 || map.seen != HELLO_ALL)
		return -EBADMSG;
	*ret = m;
	return 0;
}

int control_encode_key(const struct control_key *m, uint8_t *buf, size_t size)
{
	struct dcbor_writer w = dcbor_writer_init(buf, size);

	assert(m->owner <= CONTROL_KEY_OWNER_MAX && m->phase < HM_PHASES);
	assert(m->cipher <= CIPHER_MAX);
	dcbor_write_map(&w, 4);
	dcbor_write_uint(&w, KEY_OWNER);
	dcbor_write_uint(&w, m->owner);
	dcbor_write_uint(&w, KEY_PHASE);
	dcbor_write_uint(&w, m->phase);
	dcbor_write_uint(&w, KEY_SERIAL);
	dcbor_write_uint(&w, m->serial);
	dcbor_write_uint(&w, KEY_CIPHER);
	dcbor_write_uint(&w, m->cipher);
	return dcbor_writer_end(&w);
}

int control_decode_key(const uint8_t *buf, size_t len, struct control_key *ret)
{
	struct dcbor_reader r = dcbor_reader_init(buf, len);
	struct dcbor_map map = dcbor_read_map(&r);
	struct control_key m = {0};

	while (dcbor_next_key(&r, &map)) {
		switch (map.key) {
		case KEY_OWNER:
			m.owner = (uint8_t)dcbor_read_uint(&r, CONTROL_KEY_OWNER_MAX);
			break;
		case KEY_PHASE:
			m.phase = (uint8_t)dcbor_read_uint(&r, HM_PHASES - 1);
			break;
		case KEY_SERIAL:
			m.serial = (uint32_t)dcbor_read_uint(&r, UINT32_MAX);
			break;
		case KEY_CIPHER:
			m.cipher = (uint32_t)dcbor_read_uint(&r, CIPHER_MAX);
			break;
		default:
			dcbor_unknown_key(&r, &map);
		}
	}
	if (dcbor_reader_end(&r) < 0 || map.seen != KEY_ALL)
		return -EBADMSG;
	*ret = m;
	return 0;
}

int control_encode_sender_key(const struct control_sender *m, uint8_t *buf, size_t size)
{
	struct dcbor_writer w = dcbor_writer_init(buf, size);

	assert(m->serial > 0 && m->phase < HM_PHASES && m->cipher <= CIPHER_MAX);
	dcbor_write_map(&w, 4);
	dcbor_write_uint(&w, SENDER_SERIAL);
	dcbor_write_uint(&w, m->serial);
	dcbor_write_uint(&w, SENDER_PHASE);
	dcbor_write_uint(&w, m->phase);
	dcbor_write_uint(&w, SENDER_CIPHER);
	dcbor_write_uint(&w, m->cipher);
	dcbor_write_uint(&w, SENDER_MATERIAL);
	dcbor_write_bytes(&w, m->material, sizeof(m->material));
	return dcbor_writer_end(&w);
}

int control_encode_sender_have(const struct control_sender *m, uint8_t *buf, size_t size)
{
	struct dcbor_writer w = dcbor_writer_init(buf, size);

	assert(m->serial > 0 && m->phase < HM_PHASES);
	dcbor_write_map(&w, 2);
	dcbor_write_uint(&w, SENDER_SERIAL);
	dcbor_write_uint(&w, m->serial);
	dcbor_write_uint(&w, SENDER_PHASE);
	dcbor_write_uint(&w, m->phase);
	return dcbor_writer_end(&w);
}

/* @all: keys that must be there; no others may. */
static int decode_sender(const uint8_t *buf, size_t len, uint32_t all, struct control_sender *ret)
{
	struct dcbor_reader r = dcbor_reader_init(buf, len);
	struct dcbor_map map = dcbor_read_map(&r);
	struct control_sender m = {0};
	int error = 0;

	while (dcbor_next_key(&r, &map)) {
		switch (map.key) {
		case SENDER_SERIAL:
			m.serial = (uint32_t)dcbor_read_uint(&r, UINT32_MAX);
			break;
		case SENDER_PHASE:
			m.phase = (uint8_t)dcbor_read_uint(&r, HM_PHASES - 1);
			break;
		case SENDER_CIPHER:
			m.cipher = (uint32_t)dcbor_read_uint(&r, CIPHER_MAX);
			break;
		case SENDER_MATERIAL:
			dcbor_read_exactly(&r, m.material, sizeof(m.material));
			break;
		default:
			dcbor_unknown_key(&r, &map);
		}
	}
	if (dcbor_reader_end(&r) < 0 || map.seen != all || m.serial == 0)
		error = -EBADMSG;
	else
		*ret = m;
	secret_wipe(&m, sizeof(m));
	return error;
}

int control_decode_sender_key(const uint8_t *buf, size_t len, struct control_sender *ret)
{
	return decode_sender(buf, len, SENDER_KEY_ALL, ret);
}

int control_decode_sender_have(const uint8_t *buf, size_t len, struct control_sender *ret)
{
	return decode_sender(buf, len, SENDER_HAVE_ALL, ret);
}

int control_encode_digest(const struct control_digest_entry *e, size_t n, uint8_t *buf, size_t size)
{
	struct dcbor_writer w = dcbor_writer_init(buf, size);

	assert(n <= CONTROL_DIGESTS_MAX);
	dcbor_write_map(&w, 1);
	dcbor_write_uint(&w, DIGEST_ENTRIES);
	dcbor_write_array(&w, n);
	for (size_t i = 0; i < n; i++) {
		assert(hub_id_is_valid(&e[i].hub));
		assert(i == 0 || hub_id_cmp(&e[i - 1].hub, &e[i].hub) < 0);
		dcbor_write_array(&w, ENTRY_ELEMENTS);
		dcbor_write_bytes(&w, e[i].hub.b, HUB_ID_LEN);
		dcbor_write_uint(&w, e[i].boot_epoch);
		dcbor_write_uint(&w, e[i].seq);
	}
	return dcbor_writer_end(&w);
}

static struct control_digest_entry read_entry(struct dcbor_reader *r)
{
	struct control_digest_entry entry = {0};

	if (dcbor_read_array(r, ENTRY_ELEMENTS) != ENTRY_ELEMENTS)
		dcbor_reader_fail(r);
	dcbor_read_exactly(r, entry.hub.b, HUB_ID_LEN);
	entry.boot_epoch = dcbor_read_uint(r, UINT64_MAX);
	entry.seq = dcbor_read_uint(r, UINT64_MAX);
	if (!hub_id_is_valid(&entry.hub))
		dcbor_reader_fail(r);
	return entry;
}

/* One pass; @ret NULL only checks. */
static int walk_digest(const uint8_t *buf, size_t len, struct control_digest_entry *ret, size_t max)
{
	struct dcbor_reader r = dcbor_reader_init(buf, len);
	struct dcbor_map map = dcbor_read_map(&r);
	struct control_digest_entry before = {0};
	size_t n = 0;

	while (dcbor_next_key(&r, &map)) {
		if (map.key != DIGEST_ENTRIES) {
			dcbor_unknown_key(&r, &map);
			continue;
		}
		n = dcbor_read_array(&r, max);
		for (size_t i = 0; i < n && !r.failed; i++) {
			struct control_digest_entry entry = read_entry(&r);

			if (i > 0 && hub_id_cmp(&before.hub, &entry.hub) >= 0)
				dcbor_reader_fail(&r);
			before = entry;
			if (ret)
				ret[i] = entry;
		}
	}
	if (dcbor_reader_end(&r) < 0 || map.seen != DIGEST_ALL)
		return -EBADMSG;
	return (int)n;
}

int control_decode_digest(const uint8_t *buf, size_t len, struct control_digest_entry *ret,
			  size_t max)
{
	int r;

	if (max > CONTROL_DIGESTS_MAX)
		max = CONTROL_DIGESTS_MAX;
	/* Twice, so that @ret stays untouched when the end is bad. */
	r = walk_digest(buf, len, NULL, max);
	if (r < 0)
		return r;
	return walk_digest(buf, len, ret, max);
}

int control_encode_pull(const uint8_t (*digests)[SHA256_LEN], size_t n, uint8_t *buf, size_t size)
{
	struct dcbor_writer w = dcbor_writer_init(buf, size);

	assert(n > 0 && n <= CONTROL_PULLS_MAX);
	dcbor_write_map(&w, 1);
	dcbor_write_uint(&w, PULL_DIGESTS);
	dcbor_write_array(&w, n);
	for (size_t i = 0; i < n; i++)
		dcbor_write_bytes(&w, digests[i], SHA256_LEN);
	return dcbor_writer_end(&w);
}

int control_decode_pull(const uint8_t *buf, size_t len, uint8_t (*ret)[SHA256_LEN])
{
	struct dcbor_reader r = dcbor_reader_init(buf, len);
	struct dcbor_map map = dcbor_read_map(&r);
	uint8_t digests[CONTROL_PULLS_MAX][SHA256_LEN];
	size_t n = 0;

	while (dcbor_next_key(&r, &map)) {
		if (map.key != PULL_DIGESTS) {
			dcbor_unknown_key(&r, &map);
			continue;
		}
		n = dcbor_read_array(&r, CONTROL_PULLS_MAX);
		for (size_t i = 0; i < n && !r.failed; i++)
			dcbor_read_exactly(&r, digests[i], SHA256_LEN);
	}
	if (dcbor_reader_end(&r) < 0 || map.seen != PULL_ALL || n == 0)
		return -EBADMSG;
	memcpy(ret, digests, n * SHA256_LEN);
	return (int)n;
}

int control_encode_lists(const struct control_list *lists, size_t n, uint8_t *buf, size_t size)
{
	struct dcbor_writer w = dcbor_writer_init(buf, size);

	assert(n <= CONTROL_LISTS_MAX);
	dcbor_write_map(&w, 1);
	dcbor_write_uint(&w, LISTS_ENTRIES);
	dcbor_write_array(&w, n);
	for (size_t i = 0; i < n; i++) {
		dcbor_write_array(&w, LIST_ELEMENTS);
		dcbor_write_bytes(&w, lists[i].issuer, HUB_PUBKEY_LEN);
		dcbor_write_uint(&w, lists[i].number);
		dcbor_write_bytes(&w, lists[i].digest, SHA256_LEN);
	}
	return dcbor_writer_end(&w);
}

int control_decode_lists(const uint8_t *buf, size_t len, struct control_list *ret, size_t max)
{
	struct dcbor_reader r = dcbor_reader_init(buf, len);
	struct dcbor_map map = dcbor_read_map(&r);
	struct control_list lists[CONTROL_LISTS_MAX];
	size_t n = 0;

	while (dcbor_next_key(&r, &map)) {
		if (map.key != LISTS_ENTRIES) {
			dcbor_unknown_key(&r, &map);
			continue;
		}
		n = dcbor_read_array(&r, max < CONTROL_LISTS_MAX ? max : CONTROL_LISTS_MAX);
		for (size_t i = 0; i < n && !r.failed; i++) {
			if (dcbor_read_array(&r, LIST_ELEMENTS) != LIST_ELEMENTS)
				dcbor_reader_fail(&r);
			dcbor_read_exactly(&r, lists[i].issuer, HUB_PUBKEY_LEN);
			lists[i].number = dcbor_read_uint(&r, UINT64_MAX);
			dcbor_read_exactly(&r, lists[i].digest, SHA256_LEN);
		}
	}
	if (dcbor_reader_end(&r) < 0 || map.seen != LISTS_ALL)
		return -EBADMSG;
	memcpy(ret, lists, n * sizeof(lists[0]));
	return (int)n;
}
