// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meaning of the sections names: and redirect:
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "daemon/config/check.h"
#include "daemon/lib/memory.h"

#define DNS_PORT 53
#define NAMES_LISTEN "127.77.0.1:53" /* 127.0.0.53 is systemd-resolved's */

static bool is_loopback(const struct endpoint *ep)
{
	return ep->family == AF_INET ? ntohl(ep->addr4.s_addr) >> 24 == IN_LOOPBACKNET
				     : IN6_IS_ADDR_LOOPBACK(&ep->addr6);
}

static bool is_somewhere(const struct endpoint *ep)
{
	uint32_t v4 = ntohl(ep->addr4.s_addr);

	if (ep->family == AF_INET)
		return v4 != INADDR_ANY && v4 != INADDR_BROADCAST && !IN_MULTICAST(v4);
	return !IN6_IS_ADDR_UNSPECIFIED(&ep->addr6) && !IN6_IS_ADDR_MULTICAST(&ep->addr6) &&
	       !IN6_IS_ADDR_LINKLOCAL(&ep->addr6);
}

static bool parse_server(const char *text, struct endpoint *ret)
{
	if (endpoint_parse(text, ret) < 0)
		return false;
	if (ret->port == 0)
		ret->port = DNS_PORT;
	return true;
}

static void check_names(const struct config_file *file, const struct config_lines *lines,
			struct config *ret, struct config_errors *errors)
{
	const char *listen = file->names.listen ?: NAMES_LISTEN, *upstream = file->names.upstream;

	if (strcmp(listen, "none") != 0 &&
	    (!parse_server(listen, &ret->names_listen) || !is_loopback(&ret->names_listen)))
		config_error(errors, config_lines_of(lines, "names.listen"),
			     "names.listen '%.64s' is not a loopback address; write one like "
			     "127.77.0.1:53, or none",
			     listen);
	if (upstream &&
	    (!parse_server(upstream, &ret->names_upstream) || !is_somewhere(&ret->names_upstream)))
		config_error(errors, config_lines_of(lines, "names.upstream"),
			     "names.upstream '%.64s' is not the address of a name server; write "
			     "one like 192.0.2.53",
			     upstream);
	else if (upstream && endpoint_equal(&ret->names_listen, &ret->names_upstream))
		config_error(errors, config_lines_of(lines, "names.upstream"),
			     "names.upstream is names.listen, which would ask itself; write "
			     "another server");
}

void config_check_names(const struct config_file *file, const struct config_lines *lines,
			struct config *ret, struct config_errors *errors)
{
	const char *cgroup = file->redirect.cgroup;

	check_names(file, lines, ret, errors);
	ret->is_redirect_off = cgroup && strcmp(cgroup, "none") == 0;
	if (!cgroup || ret->is_redirect_off)
		return;
	if (cgroup[0] != '/')
		config_error(errors, config_lines_of(lines, "redirect.cgroup"),
			     "redirect.cgroup '%.64s' is not absolute; write the directory of a "
			     "cgroup v2, e.g. /sys/fs/cgroup, or none",
			     cgroup);
	else
		ret->redirect_cgroup = xstrdup(cgroup);
}
