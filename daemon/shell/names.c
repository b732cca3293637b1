// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: what the name server is told of the mesh; opening it and redirection
 *
 * Neither is needed for the mesh to work: what keeps them from opening is
 * said once.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "daemon/address/mesh_address.h"
#include "daemon/lib/log.h"
#include "daemon/proxy/loopback.h"
#include "daemon/shell/daemon.h"
#include "daemon/transport/address.h"

/**
 * struct search - hubs by name or by address
 * @name: as asked for; a hub id has '-' for ':'
 * @address: the other way to ask
 * @found: the hub
 * @n: hubs that match
 */
struct search {
	const char *name;
	const struct endpoint *address;
	struct hub_view_hub found;
	unsigned int n;
};

static bool is_named(const struct hub_view_hub *view, const char *name)
{
	char id[HUB_ID_STRLEN];

	if (strcasecmp(view->name ?: "", name) == 0)
		return true;
	hub_id_format(&view->id, id);
	for (char *c = id; *c; c++)
		if (*c == ':')
			*c = '-';
	return strcmp(id, name) == 0;
}

static bool has_address(const struct hub_view_hub *view, const struct endpoint *address)
{
	if (address->family == AF_INET)
		return view->ipv4.s_addr != 0 && view->ipv4.s_addr == address->addr4.s_addr;
	return IN6_ARE_ADDR_EQUAL(&view->ula, &address->addr6);
}

/* Of several that claim one IPv4 address, the one that keeps it. */
static int match(const struct hub_view_hub *view, void *arg)
{
	struct search *search = arg;

	if (search->name ? !is_named(view, search->name) : !has_address(view, search->address))
		return 0;
	if (!search->n++ || address_keeps(&view->id, &search->found.id))
		search->found = *view;
	return 0;
}

static bool takes(const struct proxy_entry_view *view, enum names_transport transport)
{
	return transport == NAMES_ANY || view->is_udp == (transport == NAMES_UDP);
}

/*
 * The entry's own address, with its port; one that listens on a Unix socket has none.
 * Of several the first where somebody listens, else the first that has one.
 */
static int find_service(void *arg, const char *name, enum names_transport transport,
			struct names_found *ret)
{
	const struct daemon *d = arg;
	struct proxy_entry_view view;
	struct endpoint address;
	int result = -ENOENT;

	for (size_t i = 0; proxy_entry_at(d->proxy, i, &view); i++) {
		if (strcmp(view.name, name) != 0 || !takes(&view, transport))
			continue;
		result = 0;
		if (address_from_sockaddr((const struct sockaddr_storage *)view.listen, &address) <
			    0 ||
		    (ret->n && !view.is_listening))
			continue;
		ret->addresses[0] = address;
		ret->n = 1;
		if (view.is_listening)
			break;
	}
	return result;
}

static bool is_of_services(const struct endpoint *address)
{
	return address->family == AF_INET &&
	       (ntohl(address->addr4.s_addr) & LOOPBACK_MASK) == LOOPBACK_NET;
}

static int find_service_at(const struct daemon *d, const struct endpoint *address, char *name,
			   size_t size)
{
	struct proxy_entry_view view;
	struct endpoint listen;

	for (size_t i = 0; proxy_entry_at(d->proxy, i, &view); i++) {
		if (address_from_sockaddr((const struct sockaddr_storage *)view.listen, &listen) <
		    0)
			continue;
		listen.port = 0;
		if (!endpoint_equal_address(&listen, address))
			continue;
		snprintf(name, size, "%s", view.name);
		return 0;
	}
	return -ENOENT;
}

static int find_hub(void *arg, const char *name, struct names_found *ret)
{
	const struct daemon *d = arg;
	struct search search = {.name = name};

	hub_for_each_hub(d->hub, match, &search);
	if (search.n != 1)
		return search.n ? -ENOTUNIQ : -ENOENT;
	ret->addresses[ret->n++] = (struct endpoint){.family = AF_INET6, .addr6 = search.found.ula};
	if (search.found.ipv4.s_addr)
		ret->addresses[ret->n++] =
			(struct endpoint){.family = AF_INET, .addr4 = search.found.ipv4};
	return 0;
}

static bool is_of_mesh(const struct daemon *d, const struct endpoint *address)
{
	const struct hub_settings *settings = hub_get_settings(d->hub);

	if (address->family == AF_INET)
		return address_is_in_pool(settings->ipv4_pool, settings->ipv4_pool_prefix_len,
					  ntohl(address->addr4.s_addr));
	return daemon_is_mesh_address((void *)d, &address->addr6);
}

static int find_owner(void *arg, const struct endpoint *address, char *name, size_t size)
{
	const struct daemon *d = arg;
	struct search search = {.address = address};

	if (is_of_services(address))
		return find_service_at(d, address, name, size);
	if (!is_of_mesh(d, address))
		return -EAFNOSUPPORT;
	hub_for_each_hub(d->hub, match, &search);
	if (!search.n || !search.found.name || !search.found.name[0])
		return -ENOENT;
	snprintf(name, size, "%s.hub", search.found.name);
	return 0;
}

void daemon_open_names(struct daemon *d)
{
	const struct names_settings settings = {
		.listen = d->config.names_listen,
		.upstream = d->config.names_upstream,
	};
	const struct names_source source = {
		.find_service = find_service,
		.find_hub = find_hub,
		.find_owner = find_owner,
		.arg = d,
	};
	char quoted[DAEMON_ERROR_MAX];
	const char *error_text = "";

	if (!settings.listen.family)
		return;
	if (names_open(&d->loop, &settings, &source, &d->names, &error_text) < 0)
		log_warning(LOG_LOCAL_CLASS, "event=no-names effect=\"no .mesh names\" text=%s",
			    log_quote(error_text, quoted, sizeof(quoted)));
}

void daemon_open_redirect(struct daemon *d)
{
	char error_text[REDIRECT_ERROR_MAX] = "", quoted[DAEMON_ERROR_MAX];

	if (d->config.is_redirect_off)
		return;
	if (redirect_open(d->config.redirect_cgroup, &d->redirect, error_text) < 0)
		log_warning(LOG_LOCAL_CLASS,
			    "event=no-redirect effect=\"programs must use local entries\" text=%s",
			    log_quote(error_text, quoted, sizeof(quoted)));
}
