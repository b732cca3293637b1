/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: device: mesh0 as the rest of Linux sees it
 *
 * Interface, addresses and neighbours, over rtnetlink; knows nothing of hubs
 * and keys.
 */
#ifndef DATAPATH_DEVICE_H
#define DATAPATH_DEVICE_H

#include <net/if.h>
#include <netinet/in.h>

#include "daemon/lib/hub_id.h"
#include "daemon/netlink/netlink.h"

#define DEVICE_KIND "hubmesh"
#define DEVICE_STALE_ADDRESSES_MAX 64

/**
 * struct device - the mesh interface
 * @rtnl: request socket
 * @name: of the interface
 * @ifindex: its index, 0 before it exists
 * @is_new: made by device_open(), not found
 */
struct device {
	struct netlink *rtnl;
	char name[IFNAMSIZ];
	uint32_t ifindex;
	bool is_new;
};

/**
 * device_open() - Find or make the interface; it is down afterwards.
 * @device: zero-initialised; to be given to device_close() in any case
 * @name: of the interface
 * @mtu: of the interface
 * @id: MAC of a new one; one that is found keeps its own for now
 * Return: 0; -ENOENT the kernel has no such kind; -EEXIST the name belongs to
 * another kind; other -errno.  @device->rtnl->error says more.
 */
int device_open(struct device *device, const char *name, const struct hub_id *id, uint32_t mtu);
/** device_close() - Close the socket; the interface stays. */
void device_close(struct device *device);
/** device_delete() - Remove the interface. Return: 0, also if it is gone; -errno. */
int device_delete(struct device *device);
/** device_quiet() - No addresses or chatter of the kernel's own making on it. */
void device_quiet(const struct device *device);
/**
 * device_is_undressed() - Has somebody taken our address away, as setting it down and up does?
 * @device: opened
 * @addr: ours
 * Return: true if it is up and has not that address; false also while that cannot be read.
 */
bool device_is_undressed(struct device *device, const struct in6_addr *addr);

/** device_flush_addresses() - Remove addresses of an earlier run. */
int device_flush_addresses(struct device *device);
int device_set_up(struct device *device, bool up);
int device_set_mtu(struct device *device, uint32_t mtu);

/**
 * device_address() - Add or remove one of our addresses.
 * @device: the interface
 * @add: false removes
 * @prefix_len: of the on-link route
 * @family: AF_INET or AF_INET6
 * @addr: struct in_addr or struct in6_addr
 * Return: 0, also if there is nothing to do; -errno.
 */
int device_address(struct device *device, bool add, int family, const void *addr,
		   uint8_t prefix_len);
/** device_neighbour() - Add (or replace) or remove a permanent neighbour. Return: as above. */
int device_neighbour(struct device *device, bool add, int family, const void *addr,
		     const struct hub_id *mac);

#endif
