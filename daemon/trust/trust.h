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
#include "daemon/lib/sha256.h"
#include "daemon/lib/zone_name.h"
#include "daemon/trust/crl.h"
#include "daemon/trust/refusal.h"
#include "daemon/trust/spiffe.h"

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
 * trust_mesh_of_root() - Which mesh is a root of?  To explain a refusal; nothing is verified.
 * @cert: PEM or DER
 * @len: its bytes
 * @ret: name of the mesh
 *
 * Return: 0; -EBADMSG malformed, or it names none; -EACCES a name that is none.
 */
int trust_mesh_of_root(const uint8_t *cert, size_t len, char ret[SPIFFE_MESH_MAX + 1]);

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
 * other id, none or several URIs, not for a hub); -EKEYREVOKED; -EADDRINUSE id already
 * bound to another key; -ENOSPC TRUST_BINDINGS_MAX ids are bound.
 */
int trust_verify_hub(struct trust *trust, const uint8_t *der, size_t len, int64_t unix_time_s,
		     struct trust_identity *ret);

/** trust_judge_hub() - The same, and which way of not being a member it is. */
enum trust_refusal trust_judge_hub(struct trust *trust, const uint8_t *der, size_t len,
				   int64_t unix_time_s, struct trust_identity *ret);

/**
 * struct trust_service - what a verified service certificate says
 * @hub: that may use it: its key is the hub's
 * @name: of the service
 * @not_before_s: it begins then, Unix time
 * @not_after_s: it ends then, Unix time
 * @digest: SHA-256 of its DER, for trust_recheck()
 */
struct trust_service {
	struct hub_id hub;
	char name[SPIFFE_SERVICE_MAX + 1];
	int64_t not_before_s, not_after_s;
	uint8_t digest[SHA256_LEN];
};

/**
 * trust_judge_service() - Check a service certificate that a hub has shown.
 * @trust: the room
 * @der: the certificate, DER, nothing behind it; borrowed
 * @len: its bytes
 * @unix_time_s: 0 skips the validity dates
 * @hub: who has shown it and proved its own key, which must be the certificate's
 * @ret: filled on success, untouched on failure
 *
 * As for a hub but for the SPIFFE id, spiffe://<mesh>/hub/<id>/service/<name>.
 */
enum trust_refusal trust_judge_service(struct trust *trust, const uint8_t *der, size_t len,
				       int64_t unix_time_s, const struct hub_id *hub,
				       struct trust_service *ret);

/**
 * trust_recheck() - Is a certificate that was good still good?
 * @trust: the room
 * @digest: SHA-256 of its DER
 * @unix_time_s: 0 skips the validity dates
 *
 * Looks at revocations and dates, cheaply, for whoever keeps a connection open.  One of
 * which nothing is remembered any more is TRUST_OTHER_ROOT: its owner may show it again.
 */
enum trust_refusal trust_recheck(const struct trust *trust, const uint8_t digest[SHA256_LEN],
				 int64_t unix_time_s);

/**
 * struct trust_list - revocations of one root, in force
 * @issuer: key of the root
 * @subject: its DER Name
 * @digest: SHA-256 of @der
 * @der: owned
 * @len: its bytes
 * @crl: parsed, borrows from @der
 */
struct trust_list {
	uint8_t issuer[ED25519_PUBKEY_LEN];
	struct cert_span subject;
	uint8_t digest[SHA256_LEN];
	uint8_t *der;
	size_t len;
	struct crl crl;
};

/**
 * trust_add_revocations() - Take a list of a root's revocations into force.
 * @trust: the room
 * @bytes: PEM (the first of the text) or DER; borrowed
 * @len: its bytes
 * @ret: the list in force for that root afterwards, borrowed until the next call
 *
 * Of two lists of a root the one with the higher number stands, whatever the dates say; of two
 * with one number, which a root should never make, the one with the greater digest, so that
 * all hubs agree.  A list revokes certificates that its root has signed, no other's.
 *
 * Return: 0 it is in force now; -EALREADY it was already; -ESTALE a later one is;
 * -EBADMSG malformed, @ret untouched; -EKEYREJECTED no root of ours that may sign lists
 * signed it, @ret untouched.
 */
int trust_add_revocations(struct trust *trust, const uint8_t *bytes, size_t len,
			  const struct trust_list **ret);

/** trust_list_at() - Lists in force; NULL at the end. */
const struct trust_list *trust_list_at(const struct trust *trust, size_t i);

/**
 * trust_bind() - An id and its key, known from an earlier run.
 * @trust: the room
 * @pubkey: the key; its id follows
 *
 * Return: 0; -EADDRINUSE another key has the id; -ENOSPC.
 */
int trust_bind(struct trust *trust, const uint8_t pubkey[HUB_PUBKEY_LEN]);
/** trust_take_new_binding() - A key bound since the last call. Return: false none is left. */
bool trust_take_new_binding(struct trust *trust, uint8_t ret[HUB_PUBKEY_LEN]);

/** trust_error_text() - Sentence (no full stop) for a person for an error of this room. */
const char *trust_error_text(int error);

#endif
