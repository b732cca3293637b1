/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: signed messages between brokers
 *
 * Two hubs that negotiate need share no link and no session: an envelope
 * travels hop by hop over the neighbours' sessions.  CBOR array [ ttl, body,
 * signature ]; the signature is Ed25519 by the sender over
 * "hubmesh-broker-v1" || 0 || body, so relays can read and drop, not alter or
 * invent; the ttl is theirs.  Documentation/broker.rst.
 */
#ifndef WIRE_OFFER_H
#define WIRE_OFFER_H

#include "daemon/lib/hub_id.h"
#include "daemon/lib/sha256.h"

#define OFFER_MAX 512 /* bytes of an envelope */
#define OFFER_TTL 64 /* as the kernel's frames */
#define OFFER_SIGNATURE_LEN 64
#define OFFER_DURATION_MAX_MS 3600000

enum offer_kind {
	OFFER_REQUEST, /* user: what would you give me? */
	OFFER_OFFER, /* provider: this, now; nothing is reserved */
	OFFER_ACCEPT, /* user: reserve it */
	OFFER_LEASE, /* provider: reserved */
	OFFER_RENEW, /* user: for longer */
	OFFER_REFUSE, /* provider: no, and why */
	OFFER_RELEASE, /* user: I do not need it any more */
	__OFFER_KIND_END,
};

enum offer_reason {
	OFFER_REASON_NONE,
	OFFER_REASON_BUSY, /* every slot is leased */
	OFFER_REASON_SHARE, /* the user's hub has its share */
	OFFER_REASON_UNKNOWN, /* no such manifest is offered */
	OFFER_REASON_NOT_AVAILABLE, /* failing or draining */
	OFFER_REASON_NO_LEASE, /* nothing to renew: expired, or lost in a restart */
	__OFFER_REASON_END,
};

/**
 * struct offer_message - one of them; what a kind does not need is 0
 * @kind: enum offer_kind
 * @from: sender, whose key signs
 * @to: receiver
 * @from_epoch: boot epoch of the sender
 * @to_epoch: boot epoch the sender knows of the receiver; another one: dropped
 * @seq: counts the sender's messages of this epoch; never used twice
 * @request: number of the user's request, of its hub and epoch
 * @serial: counts the accepts of a request; a lease belongs to one
 * @digest: manifest spoken of
 * @slots: wanted, offered or leased
 * @duration_ms: of the lease
 * @price_micro: of a slot for a second
 * @load_permille: slots in use at the provider
 * @free_slots: slots not in use
 * @reason: enum offer_reason, of a refusal
 * @retry_ms: try again after, of a refusal
 */
struct offer_message {
	uint8_t kind;
	struct hub_id from, to;
	uint64_t from_epoch, to_epoch, seq, request;
	uint32_t serial;
	uint8_t digest[SHA256_LEN];
	uint32_t slots, duration_ms, price_micro, load_permille, free_slots;
	uint8_t reason;
	uint32_t retry_ms;
};

/** offer_kind_name() - "request", ...; "?" for another number. */
const char *offer_kind_name(uint8_t kind);
/** offer_reason_text() - What a person is told; "?" for another number. */
const char *offer_reason_text(uint8_t reason);

/**
 * offer_encode() - Write and sign, with a full ttl.
 * @message: kind, reason and ids are asserted
 * @private_key: Ed25519 seed of @message->from
 * @pubkey: its public half
 * @buf: receives the envelope
 * @size: bytes available in @buf
 *
 * Context: Pure; deterministic.
 * Return: bytes written; -EMSGSIZE; -EIO signing failed.
 */
int offer_encode(const struct offer_message *message, const uint8_t private_key[32],
		 const uint8_t pubkey[HUB_PUBKEY_LEN], uint8_t *buf, size_t size);
/** offer_decode() - Form only. Return: 0; -EBADMSG with @ret untouched. */
int offer_decode(const uint8_t *buf, size_t len, struct offer_message *ret);
/** offer_verify() - Return: 0; -EKEYREJECTED wrong signature; -EBADMSG no envelope. */
int offer_verify(const uint8_t *buf, size_t len, const uint8_t pubkey[HUB_PUBKEY_LEN]);
/**
 * offer_forward() - The same envelope with one hop less to go.
 * @buf: envelope that decodes
 * @len: its length
 * @ret: receives it
 * @size: bytes available in @ret
 *
 * Return: bytes written; -ETIME no hop is left; -EMSGSIZE; -EBADMSG.
 */
int offer_forward(const uint8_t *buf, size_t len, uint8_t *ret, size_t size);

#endif
