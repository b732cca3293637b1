/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: mesh_address: IP addresses on the mesh
 *
 * IPv6: a unique local address (RFC 4193) computed from the mesh name and the
 * hub id, so everyone can compute everyone's and no one has to ask.
 * IPv4: a claim in the configured pool, hashed from mesh and hub id, carried
 * in the link-state record.  If two hubs claim one address the lower id
 * keeps it and the other takes the next one nobody claims.
 * Pure functions without state.
 */
#ifndef ADDRESS_MESH_ADDRESS_H
#define ADDRESS_MESH_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/lib/hub_id.h"

#define ADDRESS_MESH_TAG_LEN 8 /* first bytes of SHA-256 of the mesh name */

/**
 * address_ula() - fd + 40 bits of the mesh tag, subnet 0, EUI-64 of the hub id.
 * @mesh_tag: as in beacons; its first five bytes are used
 * @hub: whose address
 *
 * Return: the address; cannot fail.
 */
struct in6_addr address_ula(const uint8_t mesh_tag[ADDRESS_MESH_TAG_LEN], const struct hub_id *hub);
/** address_is_in_pool() - A host address of the pool: not its network or broadcast. */
bool address_is_in_pool(uint32_t pool, uint8_t prefix_len, uint32_t address);
/**
 * address_claim() - Choose our IPv4 address.
 * @mesh_tag: as in beacons
 * @hub: our id; hashed with @mesh_tag it says where in the pool the search starts
 * @pool: network, host order, its host bits are ignored; 0 = no IPv4
 * @prefix_len: 8..30, anything else counts as no pool
 * @preferred: host order, tried first when inside the pool, 0 = none
 * @taken: addresses others claim, sorted ascending, host order; NULL when @n_taken is 0
 * @n_taken: entries of @taken
 *
 * Return: host order; 0 without a pool or with every address taken.
 */
uint32_t address_claim(const uint8_t mesh_tag[ADDRESS_MESH_TAG_LEN], const struct hub_id *hub,
		       uint32_t pool, uint8_t prefix_len, uint32_t preferred, const uint32_t *taken,
		       size_t n_taken);
/** address_keeps() - Of two claimants of one address, does @a keep it against @b? */
bool address_keeps(const struct hub_id *a, const struct hub_id *b);

#endif
