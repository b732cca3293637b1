/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: crl: a root's list of revocations
 *
 * A version 2 CRL (RFC 5280 section 5) with Ed25519 (RFC 8410), so that any
 * tool reads it, and one extension of ours: hubs that are revoked as such,
 * whatever certificate they show.  crl_parse() reads that profile and refuses
 * the rest; crl_write() makes it.  What follows from it is trust.c's matter.
 */
#ifndef TRUST_CRL_H
#define TRUST_CRL_H

#include "daemon/lib/hub_id.h"
#include "daemon/trust/cert.h"

#define CRL_ENTRIES_MAX 1024 /* of both kinds together */
#define CRL_MAX 32768 /* bytes of DER: all of them hubs, or 600 certificates; fits the local API */
#define CRL_PEM_SIZE 45056 /* such a list as PEM, with its NUL */

/** enum crl_reason - CRLReason (RFC 5280 section 5.3.1), those that are final */
enum crl_reason {
	CRL_REASON_UNSPECIFIED = 0,
	CRL_REASON_KEY_COMPROMISE = 1,
	CRL_REASON_AFFILIATION_CHANGED = 3,
	CRL_REASON_SUPERSEDED = 4,
	CRL_REASON_CESSATION = 5,
	CRL_REASON_PRIVILEGE_WITHDRAWN = 9,
};

/** crl_reason_name() - "key-compromise", ...; "unspecified" for another number. */
const char *crl_reason_name(unsigned int reason);
/** crl_reason_parse() - Its number. Return: 0..9; -EINVAL no such name. */
int crl_reason_parse(const char *name);

/**
 * struct crl - a parsed list; spans borrow from the DER
 * @signed_part: TBSCertList, what the signature covers
 * @issuer: DER Name
 * @signature: ED25519_SIGNATURE_LEN bytes
 * @number: grows with each list of a root
 * @this_update_s: when it was made, Unix time
 * @n_entries: of both kinds
 * @certificates: elements of revokedCertificates
 * @hubs: elements of our extension
 */
struct crl {
	struct cert_span signed_part, issuer;
	const uint8_t *signature;
	uint64_t number;
	int64_t this_update_s;
	size_t n_entries;
	struct cert_span certificates, hubs;
};

/**
 * struct crl_entry - what is revoked
 * @is_hub: @hub is; else the certificate with @serial
 * @hub: id
 * @serial: contents of the INTEGER, borrowed
 * @revoked_s: since when, Unix time; for people, it holds at once
 * @reason: enum crl_reason
 */
struct crl_entry {
	bool is_hub;
	struct hub_id hub;
	struct cert_span serial;
	int64_t revoked_s;
	uint8_t reason;
};

/**
 * crl_parse() - Read one DER list.
 * @der: untrusted bytes, borrowed for as long as @ret is used
 * @len: exactly the list
 * @ret: filled on success, untouched on failure
 *
 * Context: Pure; no cryptography, nothing allocated.
 * Return: 0; -EBADMSG not DER, not version 2, not Ed25519, no number, a critical
 * extension, a known one twice, an entry put on hold or of another issuer, or more than
 * CRL_ENTRIES_MAX.
 */
int crl_parse(const uint8_t *der, size_t len, struct crl *ret);

/** crl_check_signature() - Did the owner of @pubkey sign it? Return: 0; -EKEYREJECTED. */
int crl_check_signature(const struct crl *crl, const uint8_t pubkey[ED25519_PUBKEY_LEN]);

/**
 * struct crl_walk - a place in a list
 * @certificates: those not read yet
 * @hubs: likewise
 */
struct crl_walk {
	struct cert_span certificates, hubs;
};

/** crl_walk() - Begin. */
struct crl_walk crl_walk(const struct crl *crl);
/** crl_next() - Certificates in the list's order, then hubs. Return: false at the end. */
bool crl_next(struct crl_walk *walk, struct crl_entry *ret);

/**
 * struct crl_content - what crl_write() puts into a list
 * @issuer: DER Name of the root
 * @issuer_pubkey: its key
 * @number: at most INT64_MAX
 * @this_update_s: Unix time
 * @next_update_s: Unix time; for other tools, our lists are in force until the next
 * @entries: hubs in rising order of id, each once; certificates in any order
 * @n_entries: at most CRL_ENTRIES_MAX
 */
struct crl_content {
	struct cert_span issuer;
	uint8_t issuer_pubkey[ED25519_PUBKEY_LEN];
	uint64_t number;
	int64_t this_update_s, next_update_s;
	const struct crl_entry *entries;
	size_t n_entries;
};

/**
 * crl_write() - Make and sign a list.
 * @content: what it says
 * @issuer_seed: private key of @content->issuer_pubkey
 * @buf: receives DER
 * @size: bytes available in @buf
 *
 * Context: Pure; deterministic.
 * Return: bytes written; -EMSGSIZE; -ERANGE a date cannot be written; -EIO signing failed.
 */
int crl_write(const struct crl_content *content, const uint8_t issuer_seed[ED25519_SEED_LEN],
	      uint8_t *buf, size_t size);

#endif
