// SPDX-License-Identifier: GPL-2.0
/* DOC: identity: see identity.h */
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/coding.h>

#include "daemon/proxy/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"

int proxy_identities_add(struct proxy_identities *identities, const char *name, const uint8_t *der,
			 size_t len)
{
	struct proxy_identity *identity;
	char text[PROXY_IDENTITY_STRLEN];
	word32 written = sizeof(text) - 1;

	if (identities->n == PROXY_IDENTITIES_MAX)
		return -ENOSPC;
	if (len > TRUST_CERT_MAX ||
	    Base64_Encode_NoNl(der, (word32)len, (byte *)text, &written) != 0)
		return -EMSGSIZE;
	text[written] = '\0';
	identity = &identities->list[identities->n++];
	strcpy(identity->name, name); /* names of services have one length everywhere */
	identity->text = xstrdup(text);
	return 0;
}

const char *proxy_identities_find(const struct proxy_identities *identities, const char *name)
{
	const struct proxy_identity *best = NULL;

	for (size_t i = 0; i < identities->n; i++) {
		const struct proxy_identity *identity = &identities->list[i];

		if (strcmp(identity->name, name) == 0 &&
		    (!best || identity->not_after_s > best->not_after_s))
			best = identity;
	}
	return best ? best->text : NULL;
}

struct proxy_identity *proxy_identities_of(struct proxy_identities *identities, const char *file)
{
	for (size_t i = 0; i < identities->n; i++)
		if (identities->list[i].file && strcmp(identities->list[i].file, file) == 0)
			return &identities->list[i];
	return NULL;
}

void proxy_identities_fini(struct proxy_identities *identities)
{
	for (size_t i = 0; i < identities->n; i++) {
		free(identities->list[i].text);
		free(identities->list[i].file);
	}
	*identities = (struct proxy_identities){0};
}

/* wolfSSL passes over white space, and over what is left of four characters. */
static bool is_base64(const uint8_t *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=",
			    value[i]) ||
		    value[i] == '\0')
			return false;
	return len % 4 == 0;
}

int identity_read(const uint8_t *value, size_t len, uint8_t ret[TRUST_CERT_MAX])
{
	word32 written = TRUST_CERT_MAX;

	if (len == 0 || len >= PROXY_IDENTITY_STRLEN || !is_base64(value, len) ||
	    Base64_Decode(value, (word32)len, ret, &written) != 0 || written == 0)
		return -EBADMSG;
	return (int)written;
}
