// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: renewing: our certificate is replaced while we run
 *
 * The key stays, and with it our id, our sessions and our signatures.  Records
 * carry the new one from now on; sessions that are there were judged by the
 * old one and stay until they are renewed anyway.
 */
#include "daemon/hub/internal.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/trust/cert.h"

/* Before it is judged: the trust room would remember another hub's key for good. */
static bool is_of_our_key(const struct hub *hub, const uint8_t *der, size_t len)
{
	struct cert cert;

	return cert_parse(der, len, &cert) != 0 ||
	       memcmp(cert.pubkey, hub->pubkey, HUB_PUBKEY_LEN) == 0;
}

enum trust_refusal hub_judge_certificate(struct hub *hub, const uint8_t *der, size_t len,
					 int64_t unix_time_s, struct trust_identity *ret)
{
	if (!is_of_our_key(hub, der, len))
		return TRUST_OTHER_HUB;
	return trust_judge_hub(hub->trust, der, len, unix_time_s, ret);
}

void hub_on_certificate(struct hub *hub, uint64_t now_ns, const uint8_t *der, size_t len,
			const struct trust_identity *judged, struct effects *fx)
{
	free(hub->cert);
	hub->cert = xmemdup(der, len);
	hub->settings.cert_der = hub->cert;
	hub->settings.cert_der_len = len;
	hub->is_revoked = false; /* the old one's number may have been on a list */
	memcpy(hub->zones, judged->zones, sizeof(hub->zones));
	if (!hub->is_started || hub->is_stopped)
		return;
	policy_enforce(hub, fx); /* says which of our zones are not certified */
	hub->is_record_due = true;
	topology_settle(hub, now_ns, fx);
}
