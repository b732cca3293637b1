/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: issue: making roots and hub certificates
 *
 * For `meshctl ca`, the simulator and tests.  Pure: keys, serial numbers and
 * dates come from the caller, who draws them from getrandom(2) and the clock.
 */
#ifndef TRUST_ISSUE_H
#define TRUST_ISSUE_H

#include "daemon/trust/cert.h"

#define ISSUE_ROOT_DAYS 3650 /* default validity */
#define ISSUE_HUB_DAYS 397
#define ISSUE_DAYS_MAX 36500
#define ISSUE_BACKDATE_S 3600 /* clocks at the edge are late */

/**
 * struct issue_root - a certificate authority to be
 * @mesh: valid SPIFFE trust domain; the subject is "<mesh> root"
 * @seed: its private key
 * @serial: random
 * @not_before_s: Unix time
 * @not_after_s: Unix time
 */
struct issue_root {
	const char *mesh;
	uint8_t seed[ED25519_SEED_LEN];
	uint8_t serial[CERT_SERIAL_LEN];
	int64_t not_before_s, not_after_s;
};

/**
 * issue_root() - Make a self-signed root certificate.
 * @root: what it says
 * @buf: receives DER, at most CERT_MAX bytes
 * @size: bytes available in @buf
 *
 * Context: Pure; deterministic.
 * Return: bytes of DER written; -EINVAL @root->mesh; -EMSGSIZE; -ERANGE dates; -EIO signing.
 */
int issue_root(const struct issue_root *root, uint8_t *buf, size_t size);

/**
 * struct issue_hub - a member to be
 * @root_der: the root's certificate, borrowed
 * @root_der_len: its bytes
 * @root_seed: the root's private key
 * @pubkey: the hub's key
 * @name: subject of the certificate, for people; 1..CERT_COMMON_NAME_MAX bytes
 * @zones: zones it may be in, a zone list; NULL or "" none
 * @service: name of a service of the hub, then the certificate is that one's; NULL: the hub's
 * @serial: random
 * @not_before_s: Unix time
 * @not_after_s: Unix time; cut to the root's
 */
struct issue_hub {
	const uint8_t *root_der;
	size_t root_der_len;
	uint8_t root_seed[ED25519_SEED_LEN];
	uint8_t pubkey[ED25519_PUBKEY_LEN];
	const char *name, *zones, *service;
	uint8_t serial[CERT_SERIAL_LEN];
	int64_t not_before_s, not_after_s;
};

/**
 * issue_hub() - Make a hub certificate for the mesh of the root.
 * @hub: what it says
 * @buf: receives DER, at most CERT_MAX bytes
 * @size: bytes available in @buf
 *
 * Context: Pure; deterministic.
 * Return: bytes of DER written; -EINVAL @hub->name or @hub->zones; -EBADMSG the root cannot
 * be read; -EKEYREJECTED it is no root of a mesh or the key is not its;
 * -EMSGSIZE; -ERANGE dates; -EIO signing.
 */
int issue_hub(const struct issue_hub *hub, uint8_t *buf, size_t size);

#endif
