/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: underlay: beacon sockets and the interfaces beneath the mesh
 *
 * A shell: watches links and addresses over rtnetlink (libmnl), tells
 * which chosen interfaces have carrier and which addresses they hold, joins
 * the beacon groups there (IPv4 and IPv6) and moves beacon datagrams.  Never
 * uses loopback, the mesh interface, or an interface configuration excludes.
 */
#ifndef UNDERLAY_UNDERLAY_H
#define UNDERLAY_UNDERLAY_H

#include <uv.h>

#include "daemon/lib/endpoint.h"

#define UNDERLAY_PATTERNS_MAX 32
#define UNDERLAY_ADDRESSES_MAX 16 /* per interface */
#define UNDERLAY_DATAGRAMS_PER_WAKE 64

struct underlay;

struct underlay_events {
	void (*interface)(void *arg, uint32_t ifindex, const char *name, bool up,
			  const uint8_t *lladdr, /* NULL: not Ethernet */
			  const struct endpoint *addresses, size_t n_addresses);
	void (*beacon)(void *arg, const struct endpoint *from, const uint8_t *bytes, size_t len);
	void *arg;
};

/**
 * struct underlay_settings - borrowed during the call
 * @n_include: entries of @include
 * @n_exclude: entries of @exclude
 * @include: fnmatch patterns of interface names ("eth*"); none = every physical-like one
 * @exclude: patterns that win over @include
 * @mesh_ifname: never used as underlay
 * @port: beacon UDP port, host order
 */
struct underlay_settings {
	const char *const *include;
	const char *const *exclude;
	size_t n_include, n_exclude;
	const char *mesh_ifname;
	uint16_t port;
};

int underlay_open(uv_loop_t *loop, const struct underlay_settings *settings,
		  const struct underlay_events *events, struct underlay **ret,
		  const char **error_text);
int underlay_reload(struct underlay *underlay, const struct underlay_settings *settings);
void underlay_close(struct underlay *underlay);
/** underlay_send() - One beacon. A multicast @to leaves by @to->ifindex. Return: 0 or -errno. */
int underlay_send(struct underlay *underlay, const struct endpoint *to, const uint8_t *bytes,
		  size_t len);
/** underlay_name() - Name of an interface index, "?" if gone. */
const char *underlay_name(const struct underlay *underlay, uint32_t ifindex);

#endif
