// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: certificates of services: from the state directory to the proxy
 *
 * Read at start, on reload, and when inotify says that the directory changed.
 * What is new is shown from then on; streams that were begun with another go
 * on.  A file that is not good is logged, and the certificate it had before
 * stays: what it is for works as long as that is good.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/shell/daemon.h"
#include "daemon/trust/pem.h"

#define SETTLE_MS 200 /* files come in pieces, and renewals in pairs */
#define DAY_S 86400

_Static_assert(STORE_SERVICES_MAX <= PROXY_IDENTITIES_MAX, "all are taken");

/**
 * struct reading - one look at the directory
 * @d: whose
 * @next: what will be in force
 * @unix_s: dates are judged by; 0 at start, when the clock may be wrong
 */
struct reading {
	struct daemon *d;
	struct proxy_identities next;
	int64_t unix_s;
};

/* The old one of that file is in force again. Return: there was one. */
static bool keep(struct reading *reading, const char *file)
{
	struct proxy_identity *old = proxy_identities_of(&reading->d->identities, file);

	if (!old)
		return false;
	reading->next.list[reading->next.n++] = *old;
	*old = (struct proxy_identity){0};
	return true;
}

static void refuse(struct reading *reading, const char *file, const char *refusal, const char *why)
{
	char name[LOG_LINE_MAX / 8], reason[LOG_LINE_MAX / 4];
	bool is_kept = keep(reading, file);

	log_error(LOG_LOCAL_CLASS,
		  "event=service-certificate-refused refusal=%s file=%s action=%s reason=%s "
		  "hint=\"meshctl ca issue-service\"",
		  refusal, log_quote(file, name, sizeof(name)), is_kept ? "keep-old" : "none",
		  log_quote(why, reason, sizeof(reason)));
}

static void take(struct reading *reading, const char *file, const struct trust_service *service,
		 const uint8_t *der, size_t len)
{
	char name[LOG_LINE_MAX / 8];
	struct proxy_identity *identity;
	bool is_renewed = proxy_identities_of(&reading->d->identities, file);

	if (proxy_identities_add(&reading->next, service->name, der, len))
		return; /* as many are read as there is room for, of a size that fits */
	identity = &reading->next.list[reading->next.n - 1];
	identity->file = xstrdup(file);
	identity->not_before_s = service->not_before_s;
	identity->not_after_s = service->not_after_s;
	memcpy(identity->digest, service->digest, SHA256_LEN);
	reading->d->certificates_warned_s = 0; /* its end may be near, and was not said */
	log_info(LOG_INFO_CLASS,
		 "event=service-certificate%s service=%s file=%s not_after_s=%" PRId64,
		 is_renewed ? "-renewed" : "", service->name, log_quote(file, name, sizeof(name)),
		 service->not_after_s);
}

static void on_file(void *arg, const char *file, const uint8_t *bytes, size_t len,
		    const char *error_text)
{
	struct reading *reading = arg;
	const struct proxy_identity *old = proxy_identities_of(&reading->d->identities, file);
	uint8_t der[TRUST_CERT_MAX], digest[SHA256_LEN];
	struct trust_service service;
	enum trust_refusal refusal;
	int n;

	if (!bytes) {
		refuse(reading, file, "unreadable", error_text);
		return;
	}
	n = pem_decode(PEM_CERTIFICATE, bytes, len, der, sizeof(der));
	if (n > 0) {
		bytes = der;
		len = (size_t)n;
	}
	sha256(bytes, len, digest);
	if (old && memcmp(old->digest, digest, SHA256_LEN) == 0) {
		keep(reading, file);
		return;
	}
	refusal = hub_judge_service(reading->d->hub, bytes, len, reading->unix_s, &service);
	if (refusal)
		refuse(reading, file, trust_refusal_name(refusal), trust_refusal_text(refusal));
	else
		take(reading, file, &service, bytes, len);
}

static void say_gone(const struct proxy_identities *old)
{
	for (size_t i = 0; i < old->n; i++) {
		const struct proxy_identity *identity = &old->list[i];

		if (identity->text)
			log_info(LOG_INFO_CLASS, "event=service-certificate-gone service=%s",
				 identity->name);
	}
}

static void read_all(struct daemon *d, int64_t unix_s)
{
	struct reading reading = {.d = d, .unix_s = unix_s};
	int error = store_read_services(d->store, on_file, &reading);

	if (error) { /* before any file was looked at */
		log_error(LOG_LOCAL_CLASS,
			  "event=service-certificates-unreadable action=keep-old error=\"%s\" "
			  "hint=\"%s\"",
			  strerror(-error),
			  error == -ESTALE ? "the directory was deleted; make it again and restart "
					     "meshd"
					   : "look at identity/services in the state directory");
		return;
	}
	say_gone(&d->identities);
	proxy_identities_fini(&d->identities);
	d->identities = reading.next;
	daemon_warn_of_certificates(d);
}

void daemon_read_service_identities(struct daemon *d)
{
	read_all(d, 0); /* dates are for those it is shown to */
}

void daemon_reload_service_identities(struct daemon *d)
{
	read_all(d, daemon_unix_time());
}

/* ---- changes ---- */

static void on_settled(uv_timer_t *timer)
{
	daemon_reload_certificate(timer->data);
	daemon_reload_service_identities(timer->data);
}

static void on_change(uv_fs_event_t *watch, const char *name, int events, int status)
{
	struct daemon *d = watch->data;

	uv_timer_start(&d->identities_settle, on_settled, SETTLE_MS, 0);
}

static void watch(struct daemon *d, uv_fs_event_t *handle, const char *directory)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", d->config.state_dir, directory);
	int error;

	uv_fs_event_init(&d->loop, handle);
	handle->data = d;
	error = uv_fs_event_start(handle, on_change, path, 0);
	if (error)
		log_warning(LOG_LOCAL_CLASS,
			    "event=certificates-not-watched directory=%s effect=\"read again on "
			    "reload only\" error=\"%s\"",
			    directory, uv_strerror(error));
}

void daemon_watch_identities(struct daemon *d)
{
	uv_timer_init(&d->loop, &d->identities_settle);
	d->identities_settle.data = d;
	watch(d, &d->identity_watch, STORE_IDENTITY_DIR);
	watch(d, &d->identities_watch, STORE_SERVICES_DIR);
}

/* ---- their ends ---- */

static bool warn_of_end(const char *what, int64_t not_after_s, int64_t now_s, const char *hint)
{
	int64_t left_s = not_after_s - now_s;

	if (!not_after_s || left_s > API_CERTIFICATE_WARN_S)
		return false;
	log_warning(LOG_LOCAL_CLASS,
		    "event=certificate-%s what=%s days=%" PRId64 " hint=\"issue a new one: %s\"",
		    left_s > 0 ? "expires" : "expired", what,
		    (left_s > 0 ? left_s : -left_s) / DAY_S, hint);
	return true;
}

void daemon_warn_of_certificates(struct daemon *d)
{
	int64_t now_s = daemon_unix_time();
	char what[SPIFFE_SERVICE_MAX + 16];
	bool is_said;

	if (!now_s || now_s < d->certificates_warned_s + DAY_S)
		return;
	is_said = warn_of_end("hub", d->certificate.not_after_s, now_s, "meshctl ca issue");
	for (size_t i = 0; i < d->identities.n; i++) {
		snprintf(what, sizeof(what), "service:%s", d->identities.list[i].name);
		is_said |= warn_of_end(what, d->identities.list[i].not_after_s, now_s,
				       "meshctl ca issue-service");
	}
	if (is_said)
		d->certificates_warned_s = now_s;
}
