// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: making and dressing mesh0
 *
 * The kernel is kept from adding anything by itself: no link-local address,
 * no router solicitations, no duplicate address detection.  Addresses follow
 * from hub ids, a conflict is found by the control plane, and every neighbour
 * is known, so nothing is ever resolved by multicast.
 */
#include "daemon/datapath/device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"

static size_t address_len(int family)
{
	return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

/* --- the interface --- */

struct found {
	uint32_t ifindex, flags;
	char kind[16];
};

static void read_found(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *tb[IFLA_LINKINFO + 1], *info[IFLA_INFO_KIND + 1];
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(message);
	struct found *found = arg;

	if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(*ifi))
		return;
	netlink_parse(message, sizeof(*ifi), tb, IFLA_LINKINFO);
	netlink_parse_nested(tb[IFLA_LINKINFO], info, IFLA_INFO_KIND);
	found->ifindex = (uint32_t)ifi->ifi_index;
	found->flags = ifi->ifi_flags;
	if (info[IFLA_INFO_KIND])
		snprintf(found->kind, sizeof(found->kind), "%.*s",
			 (int)mnl_attr_get_payload_len(info[IFLA_INFO_KIND]),
			 mnl_attr_get_str(info[IFLA_INFO_KIND]));
}

static struct nlmsghdr *begin_link(struct device *device, uint16_t type, uint16_t flags,
				   struct ifinfomsg **ifi)
{
	struct nlmsghdr *message = netlink_begin(device->rtnl, type, flags);

	*ifi = mnl_nlmsg_put_extra_header(message, sizeof(**ifi));
	(*ifi)->ifi_family = AF_UNSPEC;
	(*ifi)->ifi_index = (int)device->ifindex;
	return message;
}

static int find(struct device *device, struct found *ret)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *message = begin_link(device, RTM_GETLINK, 0, &ifi);

	ifi->ifi_index = 0;
	mnl_attr_put_strz(message, IFLA_IFNAME, device->name);
	return netlink_run(device->rtnl, read_found, ret);
}

static int create(struct device *device, const struct hub_id *id, uint32_t mtu)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *message = begin_link(device, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifi);
	struct nlattr *info;

	mnl_attr_put_strz(message, IFLA_IFNAME, device->name);
	mnl_attr_put(message, IFLA_ADDRESS, HUB_ID_LEN, id->b);
	mnl_attr_put_u32(message, IFLA_MTU, mtu);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, DEVICE_KIND);
	mnl_attr_nest_end(message, info);
	return netlink_run(device->rtnl, NULL, NULL);
}

static int find_or_create(struct device *device, const struct hub_id *id, uint32_t mtu)
{
	struct found found = {0};
	int error = find(device, &found);

	if (error == -ENODEV) {
		/* The kernel loads the module itself when it is installed. */
		error = create(device, id, mtu);
		if (error == -EOPNOTSUPP)
			return netlink_fail(
				device->rtnl, -ENOENT,
				"the kernel module hubmesh is not loaded and could not be; "
				"run: modprobe hubmesh");
		if (error)
			return error;
		device->is_new = true;
		error = find(device, &found);
	}
	if (error)
		return error;
	if (strcmp(found.kind, DEVICE_KIND) != 0)
		return netlink_fail(
			device->rtnl, -EEXIST,
			"interface %s exists and is not a hubmesh interface; remove it, or "
			"name another with 'interface: {name: ...}'",
			device->name);
	device->ifindex = found.ifindex;
	return 0;
}

int device_open(struct device *device, const char *name, const struct hub_id *id, uint32_t mtu)
{
	int error;

	snprintf(device->name, sizeof(device->name), "%s", name);
	if (!device->rtnl) {
		error = netlink_new(NETLINK_ROUTE, &device->rtnl);
		if (error)
			return error;
	}
	error = find_or_create(device, id, mtu);
	if (error || device->is_new)
		return error;
	error = device_set_up(device, false);
	return error ? error : device_set_mtu(device, mtu);
}

void device_close(struct device *device)
{
	netlink_free(device->rtnl);
	device->rtnl = NULL;
}

int device_delete(struct device *device)
{
	struct ifinfomsg *ifi;
	int error;

	if (!device->ifindex)
		return 0;
	begin_link(device, RTM_DELLINK, 0, &ifi);
	error = netlink_run(device->rtnl, NULL, NULL);
	device->ifindex = 0;
	return error == -ENODEV ? 0 : error;
}

int device_set_up(struct device *device, bool up)
{
	struct ifinfomsg *ifi;

	begin_link(device, RTM_NEWLINK, 0, &ifi);
	ifi->ifi_change = IFF_UP;
	ifi->ifi_flags = up ? IFF_UP : 0;
	return netlink_run(device->rtnl, NULL, NULL);
}

int device_set_mtu(struct device *device, uint32_t mtu)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *message = begin_link(device, RTM_NEWLINK, 0, &ifi);

	mnl_attr_put_u32(message, IFLA_MTU, mtu);
	return netlink_run(device->rtnl, NULL, NULL);
}

void device_quiet(const struct device *device)
{
	static const struct {
		const char *name, *value;
	} settings[] = {
		{"accept_ra", "0"},
		{"router_solicitations", "0"},
		{"addr_gen_mode", "1"}, /* none */
		{"accept_dad", "0"},
		/* last: hosts that do without IPv6 elsewhere have it in the mesh */
		{"disable_ipv6", "0"},
	};
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		_cleanup_close_ int fd = -1;

		snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", device->name,
			 settings[i].name);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, settings[i].value, strlen(settings[i].value)) < 0)
			log_warning(LOG_LOCAL_CLASS, "event=sysctl-failed path=%s error=\"%s\"",
				    path, strerror(errno));
	}
}

/* --- addresses --- */

int device_address(struct device *device, bool add, int family, const void *addr,
		   uint8_t prefix_len)
{
	struct nlmsghdr *message = netlink_begin(device->rtnl, add ? RTM_NEWADDR : RTM_DELADDR,
						 add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(message, sizeof(*ifa));
	int error;

	ifa->ifa_family = (uint8_t)family;
	ifa->ifa_prefixlen = prefix_len;
	ifa->ifa_index = device->ifindex;
	mnl_attr_put(message, IFA_LOCAL, address_len(family), addr);
	mnl_attr_put(message, IFA_ADDRESS, address_len(family), addr);
	if (add)
		mnl_attr_put_u32(message, IFA_FLAGS, IFA_F_NODAD | IFA_F_PERMANENT);
	error = netlink_run(device->rtnl, NULL, NULL);
	return !add && error == -EADDRNOTAVAIL ? 0 : error;
}

struct sought {
	uint32_t ifindex;
	struct in6_addr addr;
	bool is_there;
};

static void look_for(const struct nlmsghdr *message, void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(message);
	const struct nlattr *tb[IFA_ADDRESS + 1];
	struct sought *sought = arg;
	struct in6_addr addr;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*ifa) || ifa->ifa_index != sought->ifindex)
		return;
	netlink_parse(message, sizeof(*ifa), tb, IFA_ADDRESS);
	if (netlink_bytes(tb[IFA_ADDRESS], &addr, sizeof(addr)))
		sought->is_there |= IN6_ARE_ADDR_EQUAL(&addr, &sought->addr);
}

bool device_is_undressed(struct device *device, const struct in6_addr *addr)
{
	struct sought sought = {.ifindex = device->ifindex, .addr = *addr};
	struct found found = {0};
	struct nlmsghdr *message;
	struct ifaddrmsg *ifa;

	if (find(device, &found) || !(found.flags & IFF_UP))
		return false;
	message = netlink_begin(device->rtnl, RTM_GETADDR, NLM_F_DUMP);
	ifa = mnl_nlmsg_put_extra_header(message, sizeof(*ifa));
	ifa->ifa_family = AF_INET6;
	return netlink_run(device->rtnl, look_for, &sought) == 0 && !sought.is_there;
}

struct stale {
	uint32_t ifindex;
	size_t n;
	struct {
		uint8_t family, prefix_len;
		uint8_t addr[sizeof(struct in6_addr)];
	} at[DEVICE_STALE_ADDRESSES_MAX];
};

static void note_stale(const struct nlmsghdr *message, void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(message);
	const struct nlattr *tb[IFA_LOCAL + 1], *addr;
	struct stale *stale = arg;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*ifa) || ifa->ifa_index != stale->ifindex ||
	    stale->n == DEVICE_STALE_ADDRESSES_MAX)
		return;
	netlink_parse(message, sizeof(*ifa), tb, IFA_LOCAL);
	addr = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	if (!netlink_bytes(addr, stale->at[stale->n].addr, address_len(ifa->ifa_family)))
		return;
	stale->at[stale->n].family = ifa->ifa_family;
	stale->at[stale->n++].prefix_len = ifa->ifa_prefixlen;
}

int device_flush_addresses(struct device *device)
{
	struct stale stale = {.ifindex = device->ifindex};
	struct nlmsghdr *message = netlink_begin(device->rtnl, RTM_GETADDR, NLM_F_DUMP);
	int error;

	mnl_nlmsg_put_extra_header(message, sizeof(struct ifaddrmsg));
	error = netlink_run(device->rtnl, note_stale, &stale);
	if (error && error != -EINTR)
		return error;
	for (size_t i = 0; i < stale.n; i++) {
		error = device_address(device, false, stale.at[i].family, stale.at[i].addr,
				       stale.at[i].prefix_len);
		if (error)
			return error;
	}
	return 0;
}

/* --- neighbours --- */

int device_neighbour(struct device *device, bool add, int family, const void *addr,
		     const struct hub_id *mac)
{
	struct nlmsghdr *message = netlink_begin(device->rtnl, add ? RTM_NEWNEIGH : RTM_DELNEIGH,
						 add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(message, sizeof(*ndm));
	int error;

	ndm->ndm_family = (uint8_t)family;
	ndm->ndm_ifindex = (int)device->ifindex;
	ndm->ndm_state = add ? NUD_PERMANENT : 0;
	mnl_attr_put(message, NDA_DST, address_len(family), addr);
	if (add)
		mnl_attr_put(message, NDA_LLADDR, HUB_ID_LEN, mac->b);
	error = netlink_run(device->rtnl, NULL, NULL);
	return !add && error == -ENOENT ? 0 : error;
}
