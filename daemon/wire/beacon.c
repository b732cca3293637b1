// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: beacon datagram: 140 bytes, fixed offsets
 *
 *   0      2     3      4              12               44
 *   +------+-----+------+--------------+----------------+
 *   | "HB" | ver | flags| mesh tag (8) | public key (32)|
 *   +------+-----+------+--------------+----------------+
 *   44               52        56              72            74     75
 *   +----------------+---------+---------------+-------------+------+------+
 *   | boot epoch (8) | seq (4) | digest (16)   | TCP port (2)| load |health|
 *   +----------------+---------+---------------+-------------+------+------+
 *   76                                                                 140
 *   +------------------------------------------------------------------+
 *   | Ed25519 signature over "hubmesh-beacon-v1" NUL || bytes 0..75 (64)|
 *   +------------------------------------------------------------------+
 *
 * Decoding checks form, verifying checks the signature; neither knows
 * whether the key is a member: a beacon only hints where to dial.
 */
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/hash.h>

#include "daemon/wire/beacon.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "daemon/lib/ed25519.h"

#define SIGNATURE_CONTEXT "hubmesh-beacon-v1"
#define FLAG_LEAVING 0x01 /* the others: sent as zero, ignored by version 1 */

enum {
	OFFSET_MAGIC = 0,
	OFFSET_VERSION = BEACON_VERSION_OFFSET,
	OFFSET_FLAGS = 3,
	OFFSET_MESH_TAG = 4,
	OFFSET_PUBKEY = OFFSET_MESH_TAG + BEACON_MESH_TAG_LEN,
	OFFSET_BOOT_EPOCH = OFFSET_PUBKEY + HUB_PUBKEY_LEN,
	OFFSET_SEQ = OFFSET_BOOT_EPOCH + 8,
	OFFSET_DIGEST = OFFSET_SEQ + 4,
	OFFSET_CONTROL_PORT = OFFSET_DIGEST + BEACON_DIGEST_LEN,
	OFFSET_LOAD = OFFSET_CONTROL_PORT + 2,
	OFFSET_HEALTH = OFFSET_LOAD + 1,
	OFFSET_SIGNATURE = OFFSET_HEALTH + 1,
};

static const uint8_t magic[2] = {'H', 'B'};

_Static_assert(OFFSET_SIGNATURE + ED25519_SIGNATURE_LEN == BEACON_LEN, "layout as documented");
_Static_assert(BEACON_LEN <= BEACON_MAX, "a beacon stays small");
_Static_assert('H' >> 4 != 1, "cannot be taken for a data frame, whose first nibble is 1");

static void put_be16(uint8_t *p, uint16_t value)
{
	value = htobe16(value);
	memcpy(p, &value, sizeof(value));
}

static void put_be32(uint8_t *p, uint32_t value)
{
	value = htobe32(value);
	memcpy(p, &value, sizeof(value));
}

static void put_be64(uint8_t *p, uint64_t value)
{
	value = htobe64(value);
	memcpy(p, &value, sizeof(value));
}

static uint16_t get_be16(const uint8_t *p)
{
	uint16_t value;

	memcpy(&value, p, sizeof(value));
	return be16toh(value);
}

static uint32_t get_be32(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return be32toh(value);
}

static uint64_t get_be64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return be64toh(value);
}

int beacon_encode(const struct beacon *beacon, const uint8_t private_key[32], uint8_t *buf,
		  size_t size)
{
	uint8_t out[BEACON_LEN];

	if (size < sizeof(out))
		return -EMSGSIZE;
	memcpy(out + OFFSET_MAGIC, magic, sizeof(magic));
	out[OFFSET_VERSION] = BEACON_VERSION;
	out[OFFSET_FLAGS] = beacon->is_leaving ? FLAG_LEAVING : 0;
	memcpy(out + OFFSET_MESH_TAG, beacon->mesh_tag, BEACON_MESH_TAG_LEN);
	memcpy(out + OFFSET_PUBKEY, beacon->pubkey, HUB_PUBKEY_LEN);
	put_be64(out + OFFSET_BOOT_EPOCH, beacon->boot_epoch);
	put_be32(out + OFFSET_SEQ, beacon->seq);
	memcpy(out + OFFSET_DIGEST, beacon->digest, BEACON_DIGEST_LEN);
	put_be16(out + OFFSET_CONTROL_PORT, beacon->control_port);
	out[OFFSET_LOAD] = beacon->load;
	out[OFFSET_HEALTH] = beacon->health;
	if (ed25519_sign(private_key, beacon->pubkey, SIGNATURE_CONTEXT, out, OFFSET_SIGNATURE,
			 out + OFFSET_SIGNATURE) < 0)
		return -EIO;
	memcpy(buf, out, sizeof(out));
	return sizeof(out);
}

/* 0, -EBADMSG, -EPROTO as beacon_decode(). */
static int check_form(const uint8_t *buf, size_t len)
{
	if (len < OFFSET_FLAGS || len > BEACON_MAX)
		return -EBADMSG;
	if (memcmp(buf + OFFSET_MAGIC, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	if (buf[OFFSET_VERSION] != BEACON_VERSION)
		return -EPROTO;
	if (len != BEACON_LEN || get_be16(buf + OFFSET_CONTROL_PORT) == 0)
		return -EBADMSG;
	return 0;
}

int beacon_decode(const uint8_t *buf, size_t len, struct beacon *ret)
{
	int r = check_form(buf, len);

	if (r < 0)
		return r;
	memcpy(ret->mesh_tag, buf + OFFSET_MESH_TAG, BEACON_MESH_TAG_LEN);
	memcpy(ret->pubkey, buf + OFFSET_PUBKEY, HUB_PUBKEY_LEN);
	ret->boot_epoch = get_be64(buf + OFFSET_BOOT_EPOCH);
	ret->seq = get_be32(buf + OFFSET_SEQ);
	memcpy(ret->digest, buf + OFFSET_DIGEST, BEACON_DIGEST_LEN);
	ret->control_port = get_be16(buf + OFFSET_CONTROL_PORT);
	ret->load = buf[OFFSET_LOAD];
	ret->health = buf[OFFSET_HEALTH];
	ret->is_leaving = buf[OFFSET_FLAGS] & FLAG_LEAVING;
	return 0;
}

int beacon_verify(const uint8_t *buf, size_t len)
{
	if (check_form(buf, len) < 0)
		return -EBADMSG;
	return ed25519_verify(buf + OFFSET_PUBKEY, SIGNATURE_CONTEXT, buf, OFFSET_SIGNATURE,
			      buf + OFFSET_SIGNATURE);
}

void beacon_mesh_tag(const char *mesh, uint8_t ret[BEACON_MESH_TAG_LEN])
{
	uint8_t digest[WC_SHA256_DIGEST_SIZE];
	int error = wc_Sha256Hash((const byte *)mesh, (word32)strlen(mesh), digest);

	assert(error == 0);
	memcpy(ret, digest, BEACON_MESH_TAG_LEN);
}
