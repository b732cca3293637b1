/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: refusal: why a certificate does not make a member
 *
 * Counted by reason wherever certificates are shown to us, so that a person
 * sees which of the many ways not to be a member somebody has found.
 */
#ifndef TRUST_REFUSAL_H
#define TRUST_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

/** enum trust_refusal - the first thing found wrong, in the order they are looked at */
enum trust_refusal {
	TRUST_NOT_REFUSED,
	TRUST_MALFORMED, /* not DER, or not of the profile */
	TRUST_OTHER_ALGORITHM, /* a key or signature that is not Ed25519 */
	TRUST_CHAIN, /* more than the one certificate */
	TRUST_AUTHORITY, /* basicConstraints say CA */
	TRUST_WRONG_USAGE, /* keyUsage, extendedKeyUsage */
	TRUST_NO_URI,
	TRUST_SEVERAL_URIS,
	TRUST_OTHER_MESH,
	TRUST_NO_HUB, /* of the mesh, but not the name of a hub */
	TRUST_NO_SERVICE, /* likewise, where that of a service is wanted */
	TRUST_OTHER_KEY, /* names another hub than its key's */
	TRUST_SELF_SIGNED, /* by the hub itself */
	TRUST_OTHER_ROOT, /* signed by nobody we believe */
	TRUST_REVOKED,
	TRUST_NOT_YET, /* validity begins later */
	TRUST_EXPIRED,
	TRUST_ROOT_EXPIRED, /* the root's own dates */
	TRUST_ID_TAKEN, /* another key has the id */
	TRUST_FULL, /* TRUST_BINDINGS_MAX */
	TRUST_OTHER_HUB, /* good, but not who was wanted */
	TRUST_OTHER_SERVICE, /* good, but of another service than was wanted */
	TRUST_NONE_SHOWN, /* no certificate came, or its owner did not prove the key */
	__TRUST_REFUSAL_END,
};

/** trust_refusal_name() - "expired", ...; "?" for another number. */
const char *trust_refusal_name(unsigned int refusal);
/** trust_refusal_text() - Sentence (no full stop) for a person. */
const char *trust_refusal_text(unsigned int refusal);
/** trust_refusal_error() - As trust_verify_hub() says it: 0 or -errno. */
int trust_refusal_error(unsigned int refusal);

/**
 * struct trust_refusals - how often, by enum trust_refusal
 * @n: of each
 * @log_full_at: for trust_refusals_note(), ns
 */
struct trust_refusals {
	uint64_t n[__TRUST_REFUSAL_END];
	uint64_t log_full_at;
};

/**
 * trust_refusals_note() - Count one.
 * @refusals: zero-initialised
 * @now_ns: monotonic
 * @refusal: why
 *
 * Return: true: a log line may be written; strangers must not fill the log.
 */
bool trust_refusals_note(struct trust_refusals *refusals, uint64_t now_ns,
			 enum trust_refusal refusal);

#endif
