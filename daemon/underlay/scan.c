// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: reading interfaces and addresses by rtnetlink dumps
 *
 * No cache of the kernel's tables is kept: after any change both are read
 * again and compared with what was reported.  There is then nothing to get
 * out of step, lost notifications included.
 */
#include "daemon/underlay/scan.h"

#include <errno.h>
#include <fnmatch.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/log.h"
#include "hubmesh/wire.h"

struct scan {
	const struct underlay_settings *settings;
	struct underlay_table *table;
	bool is_full;
};

static bool matches(const char *name, const char *const *patterns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fnmatch(patterns[i], name, 0) == 0)
			return true;
	return false;
}

bool underlay_link_is_chosen(const struct underlay_settings *settings,
			     const struct underlay_link *link)
{
	if ((link->flags & IFF_LOOPBACK) || strcmp(link->kind, "hubmesh") == 0 ||
	    strcmp(link->name, settings->mesh_ifname) == 0 ||
	    matches(link->name, settings->exclude, settings->n_exclude))
		return false;
	if (settings->n_include)
		return matches(link->name, settings->include, settings->n_include);
	return link->type == ARPHRD_ETHER && strcmp(link->port_of, "bridge") != 0 &&
	       strcmp(link->port_of, "bond") != 0 && strcmp(link->port_of, "team") != 0;
}

static void copy_text(const struct nlattr *attr, char *ret, size_t size)
{
	if (attr)
		snprintf(ret, size, "%.*s", (int)mnl_attr_get_payload_len(attr),
			 mnl_attr_get_str(attr));
}

static void read_link(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *tb[IFLA_LINKINFO + 1], *info[IFLA_INFO_SLAVE_KIND + 1];
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(message);
	struct scan *scan = arg;
	struct underlay_link link = {0};
	struct underlay_interface *interface;

	if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(*ifi))
		return;
	netlink_parse(message, sizeof(*ifi), tb, IFLA_LINKINFO);
	netlink_parse_nested(tb[IFLA_LINKINFO], info, IFLA_INFO_SLAVE_KIND);
	link.flags = ifi->ifi_flags;
	link.type = ifi->ifi_type;
	copy_text(tb[IFLA_IFNAME], link.name, sizeof(link.name));
	copy_text(info[IFLA_INFO_KIND], link.kind, sizeof(link.kind));
	copy_text(info[IFLA_INFO_SLAVE_KIND], link.port_of, sizeof(link.port_of));
	if (!underlay_link_is_chosen(scan->settings, &link))
		return;
	if (scan->table->n == UNDERLAY_INTERFACES_MAX) {
		scan->is_full = true;
		return;
	}
	interface = &scan->table->at[scan->table->n++];
	interface->ifindex = (uint32_t)ifi->ifi_index;
	interface->is_up = (ifi->ifi_flags & IFF_UP) && (ifi->ifi_flags & IFF_RUNNING);
	memcpy(interface->name, link.name, sizeof(interface->name));
	/* Ethernet does not fragment: where IPv6 does not fit, frames go in UDP */
	interface->has_lladdr =
		link.type == ARPHRD_ETHER &&
		netlink_u32(tb[IFLA_MTU], HM_FRAME_FLOOR) >= HM_FRAME_FLOOR &&
		netlink_bytes(tb[IFLA_ADDRESS], interface->lladdr, sizeof(interface->lladdr));
}

/* Addresses still being checked for duplicates cannot be used yet. */
static bool is_usable(uint32_t flags)
{
	return !(flags & (IFA_F_DADFAILED | IFA_F_DEPRECATED)) &&
	       (!(flags & IFA_F_TENTATIVE) || (flags & IFA_F_OPTIMISTIC));
}

static void read_address(const struct nlmsghdr *message, void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(message);
	const struct nlattr *tb[IFA_FLAGS + 1], *address;
	struct underlay_interface *interface;
	struct scan *scan = arg;
	struct endpoint ep = {0};

	if (message->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(message) < sizeof(*ifa))
		return;
	interface = underlay_table_find(scan->table, ifa->ifa_index);
	if (!interface || interface->n_addresses == UNDERLAY_ADDRESSES_MAX)
		return;
	netlink_parse(message, sizeof(*ifa), tb, IFA_FLAGS);
	if (!is_usable(netlink_u32(tb[IFA_FLAGS], ifa->ifa_flags)))
		return;
	ep.family = ifa->ifa_family;
	ep.ifindex = ifa->ifa_index;
	/* IFA_LOCAL is ours where IFA_ADDRESS may be the peer's (point to point). */
	address = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	if (ep.family == AF_INET
		    ? !netlink_bytes(address, &ep.addr4, sizeof(ep.addr4))
		    : ep.family != AF_INET6 || !netlink_bytes(address, &ep.addr6, sizeof(ep.addr6)))
		return;
	interface->addresses[interface->n_addresses++] = ep;
}

int underlay_scan(struct netlink *nl, const struct underlay_settings *settings,
		  struct underlay_table *ret)
{
	struct scan scan = {.settings = settings, .table = ret};
	struct nlmsghdr *message;
	struct ifinfomsg *ifi;
	int error;

	memset(ret, 0, sizeof(*ret));
	message = netlink_begin(nl, RTM_GETLINK, NLM_F_DUMP);
	ifi = mnl_nlmsg_put_extra_header(message, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	mnl_attr_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	error = netlink_run(nl, read_link, &scan);
	if (error)
		return error;
	if (scan.is_full)
		log_warning(LOG_LOCAL_CLASS,
			    "event=underlay-full used=%d hint=\"set underlay.include to the "
			    "interfaces that matter\"",
			    UNDERLAY_INTERFACES_MAX);
	message = netlink_begin(nl, RTM_GETADDR, NLM_F_DUMP);
	mnl_nlmsg_put_extra_header(message, sizeof(struct ifaddrmsg));
	return netlink_run(nl, read_address, &scan);
}

struct underlay_interface *underlay_table_find(struct underlay_table *table, uint32_t ifindex)
{
	for (size_t i = 0; i < table->n; i++)
		if (table->at[i].ifindex == ifindex)
			return &table->at[i];
	return NULL;
}
