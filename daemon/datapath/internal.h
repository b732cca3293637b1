/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DATAPATH_INTERNAL_H
#define DATAPATH_INTERNAL_H

#include <linux/hubmesh.h>
#include <net/if.h>

#include "daemon/datapath/device.h"
#include "daemon/datapath/datapath.h"
#include "daemon/netlink/netlink.h"

#define DATAPATH_EVENTS_PER_WAKE 256
#define DATAPATH_QUALITY_MS 2000 /* between two readings of every link's round trip */

/**
 * struct datapath_neighbour - addresses installed for a hub, to take away later
 * @hub: id, the key
 * @ula: its IPv6 neighbour entry
 * @ipv4: its IPv4 neighbour entry, 0 = none
 */
struct datapath_neighbour {
	struct hub_id hub;
	struct in6_addr ula;
	struct in_addr ipv4;
};

/**
 * struct datapath - state of the shell
 * @events: callbacks
 * @id: ours
 * @device: mesh0 and the rtnetlink socket
 * @genl: generic netlink request socket
 * @family: id of the family "hubmesh"
 * @event_group: multicast group of its events
 * @event_socket: receives them
 * @event_poll: of @event_socket
 * @quality: runs out when round trips are read again
 * @n_open: libuv handles that must close before memory goes
 * @probe_ms: for every link
 * @probe_misses: for every link
 * @ula: our address on mesh0, zero = none
 * @ipv4: ours, 0 = none
 * @ipv4_prefix_len: of @ipv4
 * @neighbours: sorted by hub
 * @n_neighbours: entries
 * @max_neighbours: room
 * @policy: what was asked for last, NULL nothing yet
 * @is_gone: somebody has deleted the interface or removed the module
 * @last_error: sentence about the last refusal
 */
struct datapath {
	struct hub_id id;
	struct device device;
	struct netlink *genl;
	uint16_t family;
	uint32_t event_group;
	struct mnl_socket *event_socket;
	uv_poll_t event_poll;
	uv_timer_t quality;
	unsigned int n_open;
	struct datapath_events events;
	uint32_t probe_ms, probe_misses;
	struct in6_addr ula;
	struct in_addr ipv4;
	uint8_t ipv4_prefix_len;
	struct datapath_neighbour *neighbours;
	size_t n_neighbours, max_neighbours;
	struct datapath_policy *policy;
	bool is_gone;
	char last_error[DATAPATH_TEXT_MAX];
};

/** datapath_dress_again() - Give the interface its addresses and neighbours back where it lost them. */
void datapath_dress_again(struct datapath *dp);
/** datapath_begin() - Start a command on our device. */
struct nlmsghdr *datapath_begin(struct datapath *dp, uint8_t command, uint16_t flags);
/** datapath_run() - Run it; keeps the kernel's sentence. Return: as netlink_run(). */
int datapath_run(struct datapath *dp, netlink_message_fn fn, void *arg);
/** datapath_dump() - A whole dump, again if the table changed meanwhile. */
int datapath_dump(struct datapath *dp, uint8_t command, netlink_message_fn fn, void *arg);
/** datapath_content() - Attributes of a message of the family, indexed by HUBMESH_A_*. */
void datapath_content(const struct nlmsghdr *message, const struct nlattr **ret);
/** datapath_keep_error() - Take over a sentence; returns @error. */
int datapath_keep_error(struct datapath *dp, int error, const char *text);

/* tables.c */
/** datapath_flush() - Delete every link and hub of an earlier run. Return: 0 or -errno. */
int datapath_flush(struct datapath *dp);
/** datapath_configure() - DEV_SET id and ports, device down. */
int datapath_configure(struct datapath *dp, const struct datapath_settings *settings);

/* stats.c */
/**
 * struct datapath_link_list - every link, as it was when it was read
 * @at: links; freed by the reader
 * @n: links
 * @max: room
 */
struct datapath_link_list {
	struct datapath_link_stats *at;
	size_t n, max;
};

/** datapath_list_links() - Read them all, to talk to the kernel about each. Return: 0 or -errno. */
int datapath_list_links(struct datapath *dp, struct datapath_link_list *ret);

/* policy_read.c */
/** datapath_storm() - Storm limits of a nest. */
struct policy_storm datapath_storm(const struct nlattr *nest);

/* policy.c */
/** datapath_policy_refresh() - Interfaces came or went: does the rule set mention them? */
void datapath_policy_refresh(struct datapath *dp);
/** datapath_policy_link() - Tell a link over interface @ifindex how to queue. */
int datapath_policy_link(struct datapath *dp, uint32_t link, uint32_t ifindex);

/* events.c */
void datapath_on_event(uv_poll_t *poll, int status, int events);
void datapath_on_quality(uv_timer_t *timer);
/** datapath_report_groups() - Read which groups are wanted here, and tell. */
void datapath_report_groups(struct datapath *dp);

#endif
