/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: trust: who is a member
 *
 * Holds the mesh's root certificates and the bindings hub id <-> public key
 * seen so far.  Pure: certificates and the wall-clock time come in as
 * arguments; verification is arithmetic.  Documentation/trust.rst describes
 * the certificates.
 */
#ifndef TRUST_TRUST_H
#define TRUST_TRUST_H

#include <stddef.h>

#include "daemon/lib/hub_id.h"
#include "daemon/lib/zone_name.h"

#define TRUST_ROOTS_MAX 8
#define TRUST_BINDINGS_MAX 16384
#define TRUST_VERIFIED_MAX 4096 /* cache of verified certificates */
#define TRUST_CERT_MAX 2048 /* bytes of a hub certificate, as RECORD_CERT_MAX */

struct trust;

/**
 * trust_new() - Make an empty room for a mesh.
 * @mesh: SPIFFE trust domain every identity must be in; copied.  With one that
 *	is no valid name (spiffe_mesh_is_valid()) nothing ever verifies.
 *
 * Return: the room, never NULL (aborts on OOM).
 */
struct trust *trust_new(const char *mesh);

/** trust_free() - NULL is allowed. */
void trust_free(struct trust *trust);

/**
 * trust_add_root() - Believe a certificate authority from now on.
 * @trust: the room
 * @cert: self-signed certificate, PEM (the first of the text) or DER; borrowed
 * @len: its bytes
 *
 * Adding a root twice changes nothing.  Its dates are checked when it is used.
 *
 * Return: 0; -EBADMSG malformed; -EKEYREJECTED not a CA or not signed by
 * itself; -EACCES its SPIFFE id is another mesh's; -ENOSPC TRUST_ROOTS_MAX.
 */
int trust_add_root(struct trust *trust, const uint8_t *cert, size_t len);

/**
 * struct trust_identity - what a verified hub certificate says
 * @hub: id of the key
 * @pubkey: the key
 * @not_before_s: Unix time
 * @not_after_s: Unix time
 * @zones: zones it may be in, a zone list; "" none
 */
struct trust_identity {
	struct hub_id hub;
	uint8_t pubkey[HUB_PUBKEY_LEN];
	int64_t not_before_s, not_after_s;
	char zones[ZONE_LIST_SIZE];
};

/**
 * trust_verify_hub() - Check a hub certificate against the roots.
 * @trust: the room
 * @der: the certificate, DER, nothing behind it; borrowed
 * @len: its bytes
 * @unix_time_s: 0 skips the validity dates (no clock known)
 * @ret: filled on success, untouched on failure
 *
 * Checks Ed25519, exactly one URI SAN spiffe://<mesh>/hub/<id>, that <id> is
 * the key's id, key usage (digitalSignature, not a CA, and both client and
 * server if extended usage is given), the signature of a root, dates of both,
 * and that no other key claimed the id before.
 *
 * Context: Pure; remembers the verdict and the binding in @trust.
 * Return: 0; -EBADMSG malformed or not of the profile; -EKEYREJECTED not
 * signed by a root; -EKEYEXPIRED dates; -EACCES identity wrong (other mesh,
 * other id, none or several URIs, not for a hub); -EADDRINUSE id already bound
 * to another key; -ENOSPC TRUST_BINDINGS_MAX ids are bound.
 */
int trust_verify_hub(struct trust *trust, const uint8_t *der, size_t len, int64_t unix_time_s,
		     struct trust_identity *ret);

/** trust_error_text() - Sentence (no full stop) for a person for an error of this room. */
const char *trust_error_text(int error);

#endif
