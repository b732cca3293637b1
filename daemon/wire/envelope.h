/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: envelope: a signed body, as records and manifests travel
 *
 * A deterministic CBOR array of two byte strings: the body, and the hub's
 * Ed25519 signature over a context, NUL and the body (ed25519_sign()).
 */
#ifndef WIRE_ENVELOPE_H
#define WIRE_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/hub_id.h"

/**
 * struct envelope - what an envelope holds
 * @body: borrowed from the bytes it was read from
 * @body_len: its length
 */
struct envelope {
	const uint8_t *body;
	size_t body_len;
};

/**
 * envelope_seal() - Sign a body.
 * @context: what kind of body it is
 * @body: bytes
 * @body_len: their number
 * @private_key: signs
 * @pubkey: of @private_key
 * @buf: receives the envelope
 * @size: of @buf
 *
 * Return: bytes written; -ENOSPC; -EIO the library refused to sign.
 */
int envelope_seal(const char *context, const uint8_t *body, size_t body_len,
		  const uint8_t private_key[32], const uint8_t pubkey[HUB_PUBKEY_LEN], uint8_t *buf,
		  size_t size);

/** envelope_open() - Read without verifying; @max bounds all. Return: 0 or -EBADMSG. */
int envelope_open(const uint8_t *buf, size_t len, size_t max, struct envelope *ret);

/** envelope_verify() - Return: 0; -EBADMSG no envelope; -EKEYREJECTED another's signature. */
int envelope_verify(const uint8_t *buf, size_t len, size_t max, const char *context,
		    const uint8_t pubkey[HUB_PUBKEY_LEN]);

#endif
