// SPDX-License-Identifier: GPL-2.0
/* DOC: refusal: see refusal.h */
#include "daemon/trust/refusal.h"

#include <errno.h>

#define LOG_BURST 20 /* lines at once */
#define LOG_INTERVAL_NS 1000000000ull /* and one more each */

static const struct {
	int error;
	const char *name, *text;
} refusals[__TRUST_REFUSAL_END] = {
	[TRUST_NOT_REFUSED] = {0, "none", "the certificate is good"},
	[TRUST_MALFORMED] = {-EBADMSG, "malformed",
			     "not a certificate of this mesh's kind (X.509 v3, Ed25519)"},
	[TRUST_OTHER_ALGORITHM] = {-EBADMSG, "other-algorithm",
				   "the key or the signature is not Ed25519"},
	[TRUST_CHAIN] = {-EBADMSG, "chain", "more than one certificate was shown"},
	[TRUST_AUTHORITY] = {-EACCES, "authority",
			     "the certificate is an authority's, not a hub's"},
	[TRUST_WRONG_USAGE] = {-EACCES, "wrong-usage",
			       "its key usage is not that of a hub, both client and server"},
	[TRUST_NO_URI] = {-EACCES, "no-uri", "the certificate has no SPIFFE id"},
	[TRUST_SEVERAL_URIS] = {-EACCES, "several-uris", "the certificate has several URIs"},
	[TRUST_OTHER_MESH] = {-EACCES, "other-mesh", "the certificate is of another mesh"},
	[TRUST_NO_HUB] = {-EACCES, "no-hub", "the certificate's SPIFFE id names no hub"},
	[TRUST_NO_SERVICE] = {-EACCES, "no-service",
			      "the certificate's SPIFFE id names no service"},
	[TRUST_OTHER_KEY] = {-EACCES, "other-key",
			     "the certificate names another hub than the one its key makes"},
	[TRUST_SELF_SIGNED] = {-EKEYREJECTED, "self-signed",
			       "the certificate is signed by itself, not by a root of this mesh"},
	[TRUST_OTHER_ROOT] = {-EKEYREJECTED, "other-root", "not signed by a root of this mesh"},
	[TRUST_REVOKED] = {-EKEYREVOKED, "revoked",
			   "the hub, or its certificate, has been revoked"},
	[TRUST_NOT_YET] = {-EKEYEXPIRED, "not-yet",
			   "the certificate is not valid yet; check the clock"},
	[TRUST_EXPIRED] = {-EKEYEXPIRED, "expired",
			   "the certificate has expired; issue a new one, or check the clock"},
	[TRUST_ROOT_EXPIRED] = {-EKEYEXPIRED, "root-expired",
				"the root is outside its validity dates; check the clock"},
	[TRUST_ID_TAKEN] = {-EADDRINUSE, "id-taken", "another key already uses this hub id"},
	[TRUST_FULL] = {-ENOSPC, "full", "too many hubs are known"},
	[TRUST_OTHER_HUB] = {-EKEYREJECTED, "other-hub", "another hub answered than was wanted"},
	[TRUST_OTHER_SERVICE] = {-EKEYREJECTED, "other-service",
				 "the certificate is of another service than was wanted"},
	[TRUST_NONE_SHOWN] = {-EKEYREJECTED, "none-shown",
			      "no certificate was shown whose key was proved"},
};

const char *trust_refusal_name(unsigned int refusal)
{
	return refusal < __TRUST_REFUSAL_END ? refusals[refusal].name : "?";
}

const char *trust_refusal_text(unsigned int refusal)
{
	return refusal < __TRUST_REFUSAL_END ? refusals[refusal].text : "?";
}

int trust_refusal_error(unsigned int refusal)
{
	return refusal < __TRUST_REFUSAL_END ? refusals[refusal].error : -EBADMSG;
}

bool trust_refusals_note(struct trust_refusals *list, uint64_t now_ns, enum trust_refusal refusal)
{
	uint64_t from = list->log_full_at > now_ns ? list->log_full_at : now_ns;

	list->n[refusal]++;
	if (from + LOG_INTERVAL_NS > now_ns + LOG_BURST * LOG_INTERVAL_NS)
		return false;
	list->log_full_at = from + LOG_INTERVAL_NS;
	return true;
}
