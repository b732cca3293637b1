/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: trust: who is a member
 *
 * Holds the mesh's root certificates and the bindings hub id <-> public key
 * seen so far.  Pure: certificates and the wall-clock time come in as
 * arguments; verification is arithmetic.
 */
#ifndef TRUST_TRUST_H
#define TRUST_TRUST_H

#include <stddef.h>

#include "daemon/lib/hub_id.h"

#define TRUST_ROOTS_MAX 8
#define TRUST_BINDINGS_MAX 16384
#define TRUST_VERIFIED_MAX 4096 /* cache of verified certificates */

struct trust;

/**
 * trust_new() - Make an empty room for a mesh.
 * @mesh: SPIFFE trust domain every identity must be in
 */
struct trust *trust_new(const char *mesh);
void trust_free(struct trust *trust);
/** trust_add_root() - PEM or DER. Return: 0; -EBADMSG; -ENOSPC; -EKEYREJECTED not a CA. */
int trust_add_root(struct trust *trust, const uint8_t *cert, size_t len);

/**
 * struct trust_identity - what a verified hub certificate says
 */
struct trust_identity {
	struct hub_id hub;
	uint8_t pubkey[HUB_PUBKEY_LEN];
	int64_t not_before_s, not_after_s; /* Unix time */
};

/**
 * trust_verify_hub() - Check a hub certificate (DER) against the roots.
 * @unix_time_s: 0 skips the validity dates (no clock known)
 *
 * Checks the signature chain, Ed25519, exactly one URI SAN
 * spiffe://<mesh>/hub/<id>, that <id> is the key's id, key usage, dates, and
 * that no other key claimed the id before (-EADDRINUSE).
 *
 * Return: 0; -EBADMSG malformed; -EKEYREJECTED not signed by a root;
 * -EKEYEXPIRED dates; -EACCES identity wrong (other mesh, other id, none or
 * several URIs); -EADDRINUSE id already bound to another key; -ENOSPC.
 */
int trust_verify_hub(struct trust *trust, const uint8_t *der, size_t len, int64_t unix_time_s,
		     struct trust_identity *ret);
/** trust_error_text() - Sentence for a person for an error of this room. */
const char *trust_error_text(int error);

#endif
