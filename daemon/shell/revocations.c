// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: lists of revocations between the state directory and hub.c
 *
 * At the start they are in force before our own certificate is looked at; on
 * reload the directory is read again, so that a file put there is a way to
 * hand one in.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/lib/log.h"
#include "daemon/shell/daemon.h"

static void say_refused(const char *name, const char *why)
{
	char quoted[DAEMON_ERROR_MAX];

	log_error(
		LOG_LOCAL_CLASS,
		"event=revocations-refused file=%s reason=\"%s\" hint=\"make one with: meshctl ca "
		"revoke\"",
		log_quote(name, quoted, sizeof(quoted)), why);
}

const char *daemon_revocations_error(int error)
{
	switch (error) {
	case -EBADMSG:
		return "not a list of revocations of this kind (X.509 CRL, Ed25519)";
	case -EKEYREJECTED:
		return "not signed by a root of this mesh that may sign such lists";
	case -ESTALE:
		return "a later list of the same root is in force";
	case -EALREADY:
		return "it is in force already";
	case -E2BIG:
		return "there are more files than are read; remove those that are not needed";
	default:
		return strerror(-error);
	}
}

static void on_file_at_start(void *arg, const char *name, const uint8_t *bytes, size_t len,
			     int error)
{
	struct daemon *d = arg;
	const struct trust_list *list;

	if (!error)
		error = trust_add_revocations(d->trust, bytes, len, &list);
	if (error && error != -EALREADY && error != -ESTALE)
		say_refused(name, daemon_revocations_error(error));
}

void daemon_load_revocations(struct daemon *d)
{
	int error = store_read_lists(d->store, on_file_at_start, d);

	if (error)
		log_error(LOG_LOCAL_CLASS, "event=revocations-unreadable error=\"%s\"",
			  strerror(-error));
}

static void on_file(void *arg, const char *name, const uint8_t *bytes, size_t len, int error)
{
	struct daemon *d = arg;

	if (!error)
		error = hub_on_revocations(d->hub, daemon_now_ns(d), bytes, len, &d->fx);
	if (error && error != -EALREADY && error != -ESTALE)
		say_refused(name, daemon_revocations_error(error));
}

void daemon_reload_revocations(struct daemon *d)
{
	store_read_lists(d->store, on_file, d);
	daemon_run_effects(d);
}

int daemon_install_revocations(void *arg, const uint8_t *bytes, size_t len, const char **error_text)
{
	struct daemon *d = arg;
	int r = hub_on_revocations(d->hub, daemon_now_ns(d), bytes, len, &d->fx);

	*error_text = r ? daemon_revocations_error(r) : NULL;
	daemon_run_effects(d);
	return r;
}

void daemon_run_revocations(struct daemon *d, const struct effect *effect)
{
	int r = store_put_list(d->store, effect->revocations.issuer, effect->revocations.bytes,
			       effect->revocations.len);

	if (r)
		log_error(LOG_LOCAL_CLASS,
			  "event=revocations-not-kept effect=\"forgotten at a restart until a "
			  "neighbour tells them again\" error=\"%s\"",
			  strerror(-r));
	if (d->proxy)
		proxy_recheck(d->proxy);
}
