/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: identity: services that say who they are
 *
 * A root may certify that a hub's key speaks for a service (trust.rst).  What a
 * trunk proves is the hub; such a certificate, shown with a call or with its
 * answer, adds the name of the service, and needs no key of its own.
 */
#ifndef PROXY_IDENTITY_H
#define PROXY_IDENTITY_H

#include <stddef.h>

#include "daemon/trust/trust.h"

#define PROXY_IDENTITIES_MAX 64 /* as many as the proxy has entries */
#define PROXY_IDENTITY_STRLEN 2800 /* TRUST_CERT_MAX bytes in base64, with the NUL */

/**
 * struct proxy_identity - a certificate of ours
 * @name: of the service
 * @text: its DER in base64, as it is shown; owned
 * @file: it came from; owned, may be NULL
 * @digest: SHA-256 of its DER
 * @not_before_s: it begins then, Unix time; 0 not known
 * @not_after_s: it ends then, Unix time; 0 not known
 */
struct proxy_identity {
	char name[SPIFFE_SERVICE_MAX + 1];
	char *text, *file;
	uint8_t digest[SHA256_LEN];
	int64_t not_before_s, not_after_s;
};

/**
 * struct proxy_identities - ours; zero-initialise
 * @list: in the order they were added
 * @n: of them
 */
struct proxy_identities {
	struct proxy_identity list[PROXY_IDENTITIES_MAX];
	size_t n;
};

/** proxy_identities_add() - Verified certificate, copied. Return: 0; -ENOSPC; -EMSGSIZE. */
int proxy_identities_add(struct proxy_identities *identities, const char *name, const uint8_t *der,
			 size_t len);
/** proxy_identities_of() - The one that came from a file; NULL: none. */
struct proxy_identity *proxy_identities_of(struct proxy_identities *identities, const char *file);
/** proxy_identities_find() - What we show for a service, the one that lasts longest; NULL: nothing. */
const char *proxy_identities_find(const struct proxy_identities *identities, const char *name);
void proxy_identities_fini(struct proxy_identities *identities);

/** identity_read() - From a header to DER. Return: bytes; -EBADMSG. */
int identity_read(const uint8_t *value, size_t len, uint8_t ret[TRUST_CERT_MAX]);

#endif
