/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: signed link-state record
 *
 * CBOR array [ body (byte string), signature (byte string, 64) ].  The body is
 * a CBOR map; the signature is Ed25519 over "hubmesh-record-v1" || 0 || body,
 * by the key of the certificate inside the body.  Documentation/record.rst.
 */
#ifndef WIRE_RECORD_H
#define WIRE_RECORD_H

#include <netinet/in.h>
#include <stddef.h>

#include "daemon/lib/hub_id.h"
#include "daemon/lib/sha256.h"

#define RECORD_LINKS_MAX 128
#define RECORD_NAME_MAX 63
#define RECORD_CERT_MAX 2048
#define RECORD_SIGNATURE_LEN 64
#define RECORD_MAX 16384

/**
 * struct record_link - one link of a record
 * @peer: hub at the other end
 * @cost_us: at least 1
 * @frame_max: longest frame that gets through towards @peer, bytes; 0 = not known
 */
struct record_link {
	struct hub_id peer;
	uint32_t cost_us, frame_max;
};

/**
 * struct record - what one hub says of itself and its links
 * @hub: the speaker
 * @boot_epoch: newer epoch beats older
 * @seq: within an epoch, newer beats older (persisted, so it grows for ever)
 * @name: for people
 * @ipv4: claimed mesh address, host order, 0 = none
 * @cert: certificate, DER, points into the decoded buffer
 * @cert_len: its length
 * @has_catalogue: @catalogue is set
 * @catalogue: SHA-256 of the hub's catalogue of services
 * @n_links: entries of @links
 * @links: neighbours that are up, sorted by peer, one entry each
 */
struct record {
	struct hub_id hub;
	uint64_t boot_epoch, seq;
	char name[RECORD_NAME_MAX + 1];
	uint32_t ipv4;
	const uint8_t *cert;
	size_t cert_len;
	bool has_catalogue;
	uint8_t catalogue[SHA256_LEN];
	size_t n_links;
	struct record_link links[RECORD_LINKS_MAX];
};

/**
 * record_encode() - Build and sign.
 * @record: content; ids, costs and the order of links are asserted
 * @private_key: Ed25519 seed
 * @pubkey: its public half
 * @buf: receives the record
 * @size: bytes available in @buf; more than RECORD_MAX are not used
 *
 * Context: Pure; deterministic.
 * Return: bytes written; -EMSGSIZE; -EIO signing failed (the keys do not belong together).
 */
int record_encode(const struct record *record, const uint8_t private_key[32],
		  const uint8_t pubkey[HUB_PUBKEY_LEN], uint8_t *buf, size_t size);

/**
 * record_decode() - Parse; checks form only.
 * @buf: the record, borrowed for as long as @ret->cert is used
 * @len: its length
 * @ret: filled on success, untouched on failure
 *
 * Context: Pure; no cryptography.
 * Return: 0; -EBADMSG malformed.
 */
int record_decode(const uint8_t *buf, size_t len, struct record *ret);

/**
 * record_verify() - Check the signature under the key of the record's certificate.
 * @buf: the record
 * @len: its length
 * @pubkey: from trust_verify_hub() of the certificate, whose hub id must equal the record's
 *
 * Return: 0; -EKEYREJECTED wrong signature; -EBADMSG not a record.
 */
int record_verify(const uint8_t *buf, size_t len, const uint8_t pubkey[HUB_PUBKEY_LEN]);

#endif
