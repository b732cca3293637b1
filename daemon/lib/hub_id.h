/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIB_HUB_ID_H
#define LIB_HUB_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define HUB_ID_LEN 6
#define HUB_ID_STRLEN 18 /* "02:11:22:33:44:55" and the NUL */
#define HUB_PUBKEY_LEN 32

/**
 * struct hub_id - name of a hub: 46 bits of SHA-256 of its Ed25519 public key,
 * written as a locally administered unicast MAC address
 * @b: the address, first octet first
 */
struct hub_id {
	uint8_t b[HUB_ID_LEN];
};

/** hub_id_from_pubkey() - The id that belongs to a raw Ed25519 public key. */
struct hub_id hub_id_from_pubkey(const uint8_t pubkey[HUB_PUBKEY_LEN]);

/** hub_id_is_valid() - Locally administered, unicast, not zero. */
bool hub_id_is_valid(const struct hub_id *id);

/**
 * hub_id_parse() - Read the MAC notation.
 * @text: "02:11:22:33:44:55", either case, nothing before or behind
 * @ret: filled on success
 *
 * Return: 0; -EINVAL not a hub id (@ret untouched).
 */
int hub_id_parse(const char *text, struct hub_id *ret);

/** hub_id_format() - Write the MAC notation; returns @buf. */
const char *hub_id_format(const struct hub_id *id, char buf[HUB_ID_STRLEN]);

static inline int hub_id_cmp(const struct hub_id *a, const struct hub_id *b)
{
	return memcmp(a->b, b->b, HUB_ID_LEN);
}

static inline bool hub_id_equal(const struct hub_id *a, const struct hub_id *b)
{
	return hub_id_cmp(a, b) == 0;
}

#endif
