// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: our certificate, read again
 *
 * On reload, and when inotify says that its directory changed.  Sessions and
 * trunks that begin from then on show the new one, and our record carries it;
 * what lives goes on.  One that is not good, or not for our key, is logged,
 * and the one in force stays: it works as long as it is good.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/log.h"
#include "daemon/lib/secret.h"
#include "daemon/shell/daemon.h"
#include "daemon/trust/pem.h"

void daemon_keep_key(struct daemon *d, struct store_identity *identity)
{
	d->key_pem = identity->key_pem;
	d->key_pem_len = identity->key_pem_len;
	identity->key_pem = NULL;
	sha256(identity->cert_pem, identity->cert_pem_len, d->certificate_digest);
}

static void refuse(const char *refusal, const char *why)
{
	char reason[LOG_LINE_MAX / 4];

	log_error(LOG_LOCAL_CLASS,
		  "event=certificate-not-renewed refusal=%s file=hub.crt action=keep-old reason=%s "
		  "hint=\"meshctl ca issue --pubkey OLD-HUB.CRT\"",
		  refusal, log_quote(why, reason, sizeof(reason)));
}

/* A context that wolfSSL makes of what was judged fails for want of memory alone. */
static bool show(struct daemon *d, const uint8_t *pem, size_t len)
{
	const struct transport_settings sessions = {
		.cert_pem = pem,
		.cert_pem_len = len,
		.key_pem = d->key_pem,
		.key_pem_len = d->key_pem_len,
	};
	const struct proxy_options trunks = {
		.cert_pem = pem,
		.cert_pem_len = len,
		.key_pem = d->key_pem,
		.key_pem_len = d->key_pem_len,
	};
	const char *error_text = "";

	if (transport_renew(d->transport, &sessions, &error_text) == 0 &&
	    proxy_renew(d->proxy, &trunks, &error_text) == 0)
		return true;
	refuse("unusable", error_text);
	return false;
}

static bool take(struct daemon *d, const uint8_t *pem, size_t len)
{
	struct trust_identity identity;
	uint8_t der[TRUST_CERT_MAX];
	enum trust_refusal refusal = TRUST_MALFORMED;
	int n = pem_decode(PEM_CERTIFICATE, pem, len, der, sizeof(der));

	if (n > 0)
		refusal = hub_judge_certificate(d->hub, der, (size_t)n, daemon_unix_time(),
						&identity);
	if (refusal) {
		refuse(trust_refusal_name(refusal), refusal == TRUST_OTHER_HUB
							    ? "it is for another key than hub.key"
							    : trust_refusal_text(refusal));
		return false;
	}
	if (!show(d, pem, len))
		return false;
	hub_on_certificate(d->hub, daemon_now_ns(d), der, (size_t)n, &identity, &d->fx);
	d->certificate.not_before_s = identity.not_before_s;
	d->certificate.not_after_s = identity.not_after_s;
	d->certificates_warned_s = 0; /* its end may be near, and was not said */
	log_info(LOG_INFO_CLASS, "event=certificate-renewed not_after_s=%" PRId64,
		 identity.not_after_s);
	daemon_run_effects(d);
	daemon_warn_of_certificates(d);
	return true;
}

void daemon_reload_certificate(struct daemon *d)
{
	_cleanup_free_ uint8_t *pem = NULL;
	uint8_t digest[SHA256_LEN];
	const char *error_text = "";
	size_t len = 0;

	if (store_read_certificate(d->store, &pem, &len, &error_text) < 0) {
		refuse("unreadable", error_text);
		return;
	}
	sha256(pem, len, digest);
	if (memcmp(digest, d->certificate_digest, SHA256_LEN) == 0)
		return;
	if (take(d, pem, len))
		memcpy(d->certificate_digest, digest, SHA256_LEN);
}
