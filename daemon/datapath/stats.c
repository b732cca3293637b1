// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: reading the module's counters
 */
#include <string.h>

#include "daemon/datapath/internal.h"
#include "daemon/lib/memory.h"

struct reader {
	void (*link)(const struct datapath_link_stats *stats, void *arg);
	void (*hub)(const struct datapath_hub_stats *stats, void *arg);
	void *arg;
};

static struct datapath_stats read_stats(const struct nlattr *nest)
{
	const struct nlattr *tb[HUBMESH_A_STATS_MAX + 1];

	netlink_parse_nested(nest, tb, HUBMESH_A_STATS_MAX);
	return (struct datapath_stats){
		.rx_frames = netlink_u64(tb[HUBMESH_A_STATS_RX_FRAMES], 0),
		.rx_bytes = netlink_u64(tb[HUBMESH_A_STATS_RX_BYTES], 0),
		.tx_frames = netlink_u64(tb[HUBMESH_A_STATS_TX_FRAMES], 0),
		.tx_bytes = netlink_u64(tb[HUBMESH_A_STATS_TX_BYTES], 0),
		.rx_drops = netlink_u64(tb[HUBMESH_A_STATS_RX_DROPS], 0),
		.tx_drops = netlink_u64(tb[HUBMESH_A_STATS_TX_DROPS], 0),
		.forwarded = netlink_u64(tb[HUBMESH_A_STATS_FORWARDED], 0),
	};
}

static void read_device(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *tb[HUBMESH_A_MAX + 1], *device[HUBMESH_A_DEVICE_MAX + 1];
	const struct nlattr *drops[DATAPATH_DROPS_MAX];
	struct datapath_device_stats *ret = arg;

	datapath_content(message, tb);
	netlink_parse_nested(tb[HUBMESH_A_DEVICE], device, HUBMESH_A_DEVICE_MAX);
	netlink_parse_nested(device[HUBMESH_A_DEVICE_DROPS], drops, DATAPATH_DROPS_MAX - 1);
	ret->stats = read_stats(device[HUBMESH_A_DEVICE_STATS]);
	ret->generation = netlink_u64(device[HUBMESH_A_DEVICE_GENERATION], 0);
	ret->filter_generation = netlink_u64(device[HUBMESH_A_DEVICE_FILTER_GENERATION], 0);
	ret->storm = datapath_storm(device[HUBMESH_A_DEVICE_STORM]);
	for (size_t i = 0; i < DATAPATH_DROPS_MAX; i++)
		ret->drops[i] = netlink_u64(drops[i], 0);
}

int datapath_read_device(struct datapath *dp, struct datapath_device_stats *ret)
{
	struct datapath_device_stats stats = {0};
	int error;

	datapath_begin(dp, HUBMESH_CMD_DEV_GET, 0);
	error = datapath_run(dp, read_device, &stats);
	if (error)
		return error;
	*ret = stats;
	return 0;
}

static void read_link(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *tb[HUBMESH_A_MAX + 1], *link[HUBMESH_A_LINK_MAX + 1];
	const struct reader *reader = arg;
	struct datapath_link_stats stats;

	datapath_content(message, tb);
	netlink_parse_nested(tb[HUBMESH_A_LINK], link, HUBMESH_A_LINK_MAX);
	stats = (struct datapath_link_stats){
		.link = netlink_u32(link[HUBMESH_A_LINK_INDEX], 0),
		.state = netlink_u32(link[HUBMESH_A_LINK_STATE], HUBMESH_LINK_NEW),
		.rtt_us = netlink_u32(link[HUBMESH_A_LINK_RTT_US], 0),
		.frame_max = netlink_u32(link[HUBMESH_A_LINK_FRAME_MAX], 0),
		.ifindex = netlink_u32(link[HUBMESH_A_LINK_OIF], 0),
		.jitter_us = netlink_u32(link[HUBMESH_A_LINK_JITTER_US], 0),
		.lost = netlink_u64(link[HUBMESH_A_LINK_LOST], 0),
		.tx_phase = netlink_u8(link[HUBMESH_A_LINK_TX_PHASE], 0xff),
		.rx_phases = netlink_u8(link[HUBMESH_A_LINK_RX_PHASES], 0),
		.stats = read_stats(link[HUBMESH_A_LINK_STATS]),
	};
	if (stats.link)
		reader->link(&stats, reader->arg);
}

int datapath_read_links(struct datapath *dp,
			void (*fn)(const struct datapath_link_stats *s, void *arg), void *arg)
{
	struct reader reader = {.link = fn, .arg = arg};

	return datapath_dump(dp, HUBMESH_CMD_LINK_GET, read_link, &reader);
}

static void note_link(const struct datapath_link_stats *stats, void *arg)
{
	struct datapath_link_list *list = arg;

	if (list->n == list->max) {
		list->max = list->max ? 2 * list->max : 64;
		list->at = xreallocarray(list->at, list->max, sizeof(*list->at));
	}
	list->at[list->n++] = *stats;
}

int datapath_list_links(struct datapath *dp, struct datapath_link_list *ret)
{
	*ret = (struct datapath_link_list){0};
	return datapath_read_links(dp, note_link, ret);
}

static void read_hub(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *tb[HUBMESH_A_MAX + 1], *hub[HUBMESH_A_HUB_MAX + 1];
	const struct reader *reader = arg;
	struct datapath_hub_stats stats;

	datapath_content(message, tb);
	netlink_parse_nested(tb[HUBMESH_A_HUB], hub, HUBMESH_A_HUB_MAX);
	stats = (struct datapath_hub_stats){
		.tx_phase = netlink_u8(hub[HUBMESH_A_HUB_TX_PHASE], 0xff),
		.rx_phases = netlink_u8(hub[HUBMESH_A_HUB_RX_PHASES], 0),
		.held = netlink_u32(hub[HUBMESH_A_HUB_HELD], 0),
		.stats = read_stats(hub[HUBMESH_A_HUB_STATS]),
	};
	if (netlink_bytes(hub[HUBMESH_A_HUB_ID], &stats.hub, HUB_ID_LEN))
		reader->hub(&stats, reader->arg);
}

int datapath_read_hubs(struct datapath *dp,
		       void (*fn)(const struct datapath_hub_stats *s, void *arg), void *arg)
{
	struct reader reader = {.hub = fn, .arg = arg};

	return datapath_dump(dp, HUBMESH_CMD_HUB_GET, read_hub, &reader);
}
