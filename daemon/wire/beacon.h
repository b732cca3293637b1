/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: beacon datagram
 *
 * At most 200 bytes, big endian, signed; Documentation/beacon.rst is the
 * specification.
 */
#ifndef WIRE_BEACON_H
#define WIRE_BEACON_H

#include <stddef.h>

#include "daemon/lib/hub_id.h"

#define BEACON_MAX 200 /* bytes any version may use */
#define BEACON_LEN 140 /* bytes of a version 1 beacon, exactly */
#define BEACON_VERSION 1 /* the one we speak */
#define BEACON_VERSION_OFFSET 2 /* in every version */
#define BEACON_MESH_TAG_LEN 8
#define BEACON_DIGEST_LEN 16
#define BEACON_GROUP4 "239.255.72.77" /* administratively scoped */
#define BEACON_GROUP6 "ff02::4842:6d65" /* link local */

/**
 * struct beacon - what a hub says to whoever can hear it
 * @mesh_tag: first bytes of SHA-256 of the mesh name: others' beacons are ignored
 * @pubkey: the key that signs; the hub id follows from it
 * @boot_epoch: grows with each start
 * @seq: grows when the content changes; the signature is made anew only then
 * @digest: of the manifest in force, zero without one
 * @control_port: TCP port for TLS
 * @load: 0 idle .. 255 saturated
 * @health: 0 failing .. 255 well
 * @is_leaving: last beacon of this boot
 */
struct beacon {
	uint8_t mesh_tag[BEACON_MESH_TAG_LEN];
	uint8_t pubkey[HUB_PUBKEY_LEN];
	uint64_t boot_epoch;
	uint32_t seq;
	uint8_t digest[BEACON_DIGEST_LEN];
	uint16_t control_port;
	uint8_t load, health;
	bool is_leaving;
};

/**
 * beacon_encode() - Write and sign a beacon.
 * @beacon: content; its pubkey must belong to @private_key
 * @private_key: Ed25519 seed
 * @buf: receives BEACON_LEN bytes, untouched on failure
 * @size: bytes available in @buf
 *
 * Context: Pure; deterministic.
 * Return: bytes written; -EMSGSIZE; -EIO signing failed (the keys do not belong together).
 */
int beacon_encode(const struct beacon *beacon, const uint8_t private_key[32], uint8_t *buf,
		  size_t size);

/**
 * beacon_decode() - Parse one beacon received from a neighbour; form only.
 * @buf: the datagram, borrowed for this call
 * @len: its length
 * @ret: filled on success, untouched on failure
 *
 * Context: Pure; no I/O, no clock, no cryptography.
 * Return: 0; -EBADMSG malformed (the peer's fault: count and drop); -EPROTO a
 * version we do not speak.
 */
int beacon_decode(const uint8_t *buf, size_t len, struct beacon *ret);

/**
 * beacon_verify() - Check the signature by the key inside.
 * @buf: the datagram
 * @len: its length
 *
 * Says that the owner of the key said so, not that the key is a member's.
 *
 * Context: Pure; one Ed25519 verification, so limit the rate per sender.
 * Return: 0; -EKEYREJECTED wrong signature; -EBADMSG beacon_decode() would refuse it.
 */
int beacon_verify(const uint8_t *buf, size_t len);

/** beacon_mesh_tag() - First bytes of SHA-256 of a mesh name. */
void beacon_mesh_tag(const char *mesh, uint8_t ret[BEACON_MESH_TAG_LEN]);

#endif
