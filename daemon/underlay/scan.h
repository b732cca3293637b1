/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: which interfaces there are, and which of them carry the mesh
 */
#ifndef UNDERLAY_SCAN_H
#define UNDERLAY_SCAN_H

#include <net/if.h>

#include "daemon/netlink/netlink.h"
#include "daemon/underlay/underlay.h"

#define UNDERLAY_INTERFACES_MAX 64 /* chosen at once; HUB_INTERFACES_MAX */
#define UNDERLAY_KIND_MAX 16

/**
 * struct underlay_link - what the choice depends on
 * @name: of the interface
 * @kind: rtnetlink kind ("veth", "hubmesh"), "" for hardware
 * @port_of: kind of the master it is a port of ("bridge"), "" for none
 * @flags: IFF_*
 * @type: ARPHRD_*
 */
struct underlay_link {
	char name[IFNAMSIZ], kind[UNDERLAY_KIND_MAX], port_of[UNDERLAY_KIND_MAX];
	unsigned int flags;
	unsigned short type;
};

/**
 * struct underlay_interface - a chosen interface
 * @ifindex: its index
 * @name: its name
 * @has_lladdr: it is Ethernet, with address @lladdr, and wide enough for any frame
 * @lladdr: see @has_lladdr
 * @is_up: administratively up and with carrier
 * @joined4: member of the IPv4 beacon group
 * @joined6: member of the IPv6 beacon group
 * @join_error: last failure to join, so that it is logged once
 * @n_addresses: entries of @addresses
 * @addresses: usable unicast addresses, port 0, each with @ifindex
 */
struct underlay_interface {
	uint32_t ifindex;
	char name[IFNAMSIZ];
	bool is_up, joined4, joined6, has_lladdr;
	uint8_t lladdr[ENDPOINT_LLADDR_LEN];
	int join_error;
	size_t n_addresses;
	struct endpoint addresses[UNDERLAY_ADDRESSES_MAX];
};

struct underlay_table {
	size_t n;
	struct underlay_interface at[UNDERLAY_INTERFACES_MAX];
};

/**
 * underlay_link_is_chosen() - Whether an interface carries the mesh.
 * @settings: patterns
 * @link: the interface
 *
 * Never: loopback, the mesh interface, any interface of kind hubmesh, what
 * @exclude matches.  With @include: what it matches.  Without: Ethernet that
 * is no port of a bridge, bond or team (their master is used instead).
 *
 * Context: Pure.
 */
bool underlay_link_is_chosen(const struct underlay_settings *settings,
			     const struct underlay_link *link);

/**
 * underlay_scan() - Read chosen interfaces and their addresses.
 * @nl: request socket
 * @settings: what to choose by
 * @ret: overwritten, also on failure; joins cleared
 * Return: 0 or -errno; -EINTR the tables changed meanwhile, try again.
 */
int underlay_scan(struct netlink *nl, const struct underlay_settings *settings,
		  struct underlay_table *ret);

struct underlay_interface *underlay_table_find(struct underlay_table *table, uint32_t ifindex);

#endif
