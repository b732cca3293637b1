// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: what the proxy asks of hub.c: leases for its entries, results for the registry;
 * and what its entries mean for redirection
 *
 * A shared provider is redirected while its entry listens and somebody in the mesh
 * serves; at all other times programs connect as if there were no mesh.
 */
#include <errno.h>
#include <string.h>

#include "daemon/lib/log.h"
#include "daemon/shell/daemon.h"
#include "daemon/transport/address.h"

static bool is_redirectable(const struct proxy_entry_view *view, struct daemon_redirection *ret)
{
	ret->protocol = view->is_udp ? IPPROTO_UDP : IPPROTO_TCP;
	return view->shared && view->is_listening && view->has_provider &&
	       !address_from_sockaddr((const struct sockaddr_storage *)view->shared,
				      &ret->shared) &&
	       !address_from_sockaddr((const struct sockaddr_storage *)view->listen, &ret->entry);
}

static bool is_same_shared(const struct daemon_redirection *a, const struct daemon_redirection *b)
{
	return a->protocol == b->protocol && endpoint_equal(&a->shared, &b->shared);
}

static bool holds(const struct daemon_redirection *list, size_t n,
		  const struct daemon_redirection *one)
{
	for (size_t i = 0; i < n; i++)
		if (is_same_shared(&list[i], one) && endpoint_equal(&list[i].entry, &one->entry))
			return true;
	return false;
}

/* Of several entries with one shared provider the first that can serve has it. */
static size_t list_wanted(const struct daemon *d, struct daemon_redirection *wanted)
{
	struct proxy_entry_view view;
	size_t n = 0;

	for (size_t i = 0; proxy_entry_at(d->proxy, i, &view); i++) {
		bool is_taken = false;

		if (n == DAEMON_REDIRECTIONS_MAX || !is_redirectable(&view, &wanted[n]))
			continue;
		for (size_t k = 0; k < n; k++)
			is_taken |= is_same_shared(&wanted[k], &wanted[n]);
		n += !is_taken;
	}
	return n;
}

static void say_redirection(const struct daemon_redirection *one, const char *event, int error)
{
	const char *protocol = one->protocol == IPPROTO_UDP ? "udp" : "tcp";
	char shared[ENDPOINT_STRLEN], entry[ENDPOINT_STRLEN];

	endpoint_format(&one->shared, shared);
	endpoint_format(&one->entry, entry);
	if (error)
		log_warning(LOG_LOCAL_CLASS, "event=%s protocol=%s shared=%s entry=%s error=\"%s\"",
			    event, protocol, shared, entry, strerror(-error));
	else
		log_info(LOG_INFO_CLASS, "event=%s protocol=%s shared=%s entry=%s", event, protocol,
			 shared, entry);
}

static void on_entries_changed(void *arg)
{
	struct daemon_redirection wanted[DAEMON_REDIRECTIONS_MAX];
	struct daemon *d = arg;
	size_t n;

	if (!d->redirect)
		return;
	n = list_wanted(d, wanted);
	for (size_t i = 0; i < d->n_redirections;) {
		if (holds(wanted, n, &d->redirections[i])) {
			i++;
			continue;
		}
		redirect_del(d->redirect, d->redirections[i].protocol, &d->redirections[i].shared);
		say_redirection(&d->redirections[i], "redirection-ended", 0);
		d->redirections[i] = d->redirections[--d->n_redirections];
	}
	for (size_t i = 0; i < n; i++) {
		int r;

		if (holds(d->redirections, d->n_redirections, &wanted[i]))
			continue;
		r = redirect_set(d->redirect, wanted[i].protocol, &wanted[i].shared,
				 &wanted[i].entry);
		say_redirection(&wanted[i], r ? "not-redirected" : "redirected", r);
		if (!r)
			d->redirections[d->n_redirections++] = wanted[i];
	}
}

struct proxy_events daemon_proxy_events(struct daemon *d)
{
	return (struct proxy_events){
		.resolve = daemon_resolve,
		.release = daemon_release,
		.result = daemon_result,
		.lost = daemon_lost,
		.eject = daemon_eject,
		.schema = daemon_find_schema,
		.changed = on_entries_changed,
		.arg = d,
	};
}
