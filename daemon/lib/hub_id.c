// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: hub_id: the name of a hub and its notation
 *
 * The id is the first six octets of SHA-256 of the raw public key with the
 * two low bits of the first octet replaced: locally administered set, group
 * clear.  46 bits of the hash remain.
 */
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/hash.h>

#include "daemon/lib/hub_id.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#define OCTET_GROUP 0x01 /* multicast */
#define OCTET_LOCAL 0x02 /* locally administered */

struct hub_id hub_id_from_pubkey(const uint8_t pubkey[HUB_PUBKEY_LEN])
{
	uint8_t digest[WC_SHA256_DIGEST_SIZE];
	struct hub_id id;
	int error = wc_Sha256Hash(pubkey, HUB_PUBKEY_LEN, digest);

	assert(error == 0);
	memcpy(id.b, digest, HUB_ID_LEN);
	id.b[0] = (uint8_t)((id.b[0] & ~OCTET_GROUP) | OCTET_LOCAL);
	return id;
}

bool hub_id_is_valid(const struct hub_id *id)
{
	return (id->b[0] & (OCTET_GROUP | OCTET_LOCAL)) == OCTET_LOCAL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hub_id_parse(const char *text, struct hub_id *ret)
{
	struct hub_id id;

	if (strnlen(text, HUB_ID_STRLEN) != HUB_ID_STRLEN - 1)
		return -EINVAL;
	for (size_t i = 0; i < HUB_ID_LEN; i++) {
		const char *octet = text + 3 * i;
		int high = hex_digit(octet[0]), low = hex_digit(octet[1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		if (i + 1 < HUB_ID_LEN && octet[2] != ':')
			return -EINVAL;
		id.b[i] = (uint8_t)(high << 4 | low);
	}
	if (!hub_id_is_valid(&id))
		return -EINVAL;
	*ret = id;
	return 0;
}

const char *hub_id_format(const struct hub_id *id, char buf[HUB_ID_STRLEN])
{
	snprintf(buf, HUB_ID_STRLEN, "%02x:%02x:%02x:%02x:%02x:%02x", id->b[0], id->b[1], id->b[2],
		 id->b[3], id->b[4], id->b[5]);
	return buf;
}
