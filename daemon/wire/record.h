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
#include <stdbool.h>
#include <stddef.h>

#include "daemon/lib/hub_id.h"
#include "daemon/lib/sha256.h"

#define RECORD_LINKS_MAX 128
#define RECORD_NAME_MAX 63
#define RECORD_CERT_MAX 2048
#define RECORD_SIGNATURE_LEN 64
#define RECORD_MAX 16384
#define RECORD_GROUPS_MAX 128
#define RECORD_GROUP_LEN 6
#define RECORD_GROUPS_ALL4 0x1 /* every IPv4 group is wanted */
#define RECORD_GROUPS_ALL6 0x2 /* every IPv6 group is wanted */
#define RECORD_GROUPS_ALL (RECORD_GROUPS_ALL4 | RECORD_GROUPS_ALL6)

/**
 * struct record_link - one link of a record
 * @peer: hub at the other end
 * @cost_us: at least 1
 * @frame_max: longest frame that gets through towards @peer, bytes; 0 = not known
 * @is_frameless: sessions and trunks only, as one of the two hubs has a data path and the other
 *	has not
 */
struct record_link {
	struct hub_id peer;
	uint32_t cost_us, frame_max;
	bool is_frameless;
};

/** enum record_datapath - has the speaker a data path, that is frames? */
enum record_datapath {
	RECORD_DATAPATH_NOT_TOLD, /* by hubs older than the key */
	RECORD_DATAPATH_NONE,
	RECORD_DATAPATH_THERE,
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
 * @proxy_port: TCP port it takes streams of services on, 0 none
 * @datapath: enum record_datapath
 * @n_links: entries of @links
 * @links: neighbours that are up, sorted by peer, one entry each
 * @group_flags: RECORD_GROUPS_*; all when the record does not say
 * @n_groups: entries of @groups
 * @groups: multicast addresses of groups that are wanted, sorted, each once
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
	uint16_t proxy_port;
	enum record_datapath datapath;
	size_t n_links;
	struct record_link links[RECORD_LINKS_MAX];
	uint32_t group_flags;
	size_t n_groups;
	uint8_t groups[RECORD_GROUPS_MAX][RECORD_GROUP_LEN];
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
