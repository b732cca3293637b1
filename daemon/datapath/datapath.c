// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: opening and closing the data path
 *
 * Order: interface (found or made, down), family, event socket, leftovers of
 * an earlier run flushed, id and ports set, interface up.  Undone backwards;
 * an interface we made does not outlive a failure.
 */
#include "daemon/datapath/datapath.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/datapath/internal.h"
#include "daemon/lib/memory.h"

static _Thread_local char error_buffer[DATAPATH_TEXT_MAX];

/* --- requests --- */

struct nlmsghdr *datapath_begin(struct datapath *dp, uint8_t command, uint16_t flags)
{
	struct nlmsghdr *message =
		netlink_begin_genl(dp->genl, dp->family, command, HUBMESH_FAMILY_VERSION, flags);

	mnl_attr_put_u32(message, HUBMESH_A_IFINDEX, dp->device.ifindex);
	return message;
}

int datapath_keep_error(struct datapath *dp, int error, const char *text)
{
	snprintf(dp->last_error, sizeof(dp->last_error), "%s",
		 text && text[0] ? text : strerror(-error));
	return error;
}

int datapath_run(struct datapath *dp, netlink_message_fn fn, void *arg)
{
	int error = netlink_run(dp->genl, fn, arg);

	return error ? datapath_keep_error(dp, error, dp->genl->error) : 0;
}

/* An inconsistent dump has shown most of the table; what it missed comes next time. */
int datapath_dump(struct datapath *dp, uint8_t command, netlink_message_fn fn, void *arg)
{
	int error;

	datapath_begin(dp, command, NLM_F_DUMP);
	error = datapath_run(dp, fn, arg);
	return error == -EINTR ? 0 : error;
}

void datapath_content(const struct nlmsghdr *message, const struct nlattr **ret)
{
	netlink_parse(message, sizeof(struct genlmsghdr), ret, HUBMESH_A_MAX);
}

const char *datapath_last_error(const struct datapath *dp)
{
	return dp->last_error;
}

const char *datapath_ifname(const struct datapath *dp)
{
	return dp->device.name;
}

int datapath_set_mtu(struct datapath *dp, uint32_t mtu)
{
	int error = device_set_mtu(&dp->device, mtu);

	return error ? datapath_keep_error(dp, error, dp->device.rtnl->error) : 0;
}

/* --- the family --- */

static void read_group(struct datapath *dp, const struct nlattr *nest)
{
	const struct nlattr *tb[CTRL_ATTR_MCAST_GRP_MAX + 1];

	netlink_parse_nested(nest, tb, CTRL_ATTR_MCAST_GRP_MAX);
	if (tb[CTRL_ATTR_MCAST_GRP_NAME] &&
	    strcmp(mnl_attr_get_str(tb[CTRL_ATTR_MCAST_GRP_NAME]), HUBMESH_MCGRP_EVENTS) == 0)
		dp->event_group = netlink_u32(tb[CTRL_ATTR_MCAST_GRP_ID], 0);
}

static void read_family(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *tb[CTRL_ATTR_MCAST_GROUPS + 1], *group;
	struct datapath *dp = arg;

	netlink_parse(message, sizeof(struct genlmsghdr), tb, CTRL_ATTR_MCAST_GROUPS);
	netlink_bytes(tb[CTRL_ATTR_FAMILY_ID], &dp->family, sizeof(dp->family));
	if (!tb[CTRL_ATTR_MCAST_GROUPS])
		return;
	mnl_attr_for_each_nested (group, tb[CTRL_ATTR_MCAST_GROUPS])
		read_group(dp, group);
}

static int find_family(struct datapath *dp)
{
	struct nlmsghdr *message;
	int error;

	if (!dp->genl) {
		error = netlink_new(NETLINK_GENERIC, &dp->genl);
		if (error)
			return datapath_keep_error(dp, error, NULL);
	}
	message = netlink_begin_genl(dp->genl, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, 0);
	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, HUBMESH_FAMILY_NAME);
	error = datapath_run(dp, read_family, dp);
	if (!error && (!dp->family || !dp->event_group))
		error = datapath_keep_error(dp, -EPROTO, "the module's netlink family is not ours");
	return error;
}

/* --- life --- */

static int open_device(struct datapath *dp, const struct datapath_settings *settings)
{
	int error = device_open(&dp->device, settings->ifname, &settings->id, settings->mtu);

	if (error)
		return datapath_keep_error(dp, error,
					   dp->device.rtnl ? dp->device.rtnl->error : NULL);
	return find_family(dp);
}

static int prepare_device(struct datapath *dp, const struct datapath_settings *settings)
{
	int error = 0;

	if (!dp->device.is_new) {
		error = datapath_flush(dp);
		if (!error && device_flush_addresses(&dp->device))
			error = datapath_keep_error(dp, -EIO, dp->device.rtnl->error);
	}
	if (!error)
		error = datapath_configure(dp, settings);
	if (!error && !dp->device.is_new) /* what an earlier run sealed with */
		error = datapath_key_del(dp, KEY_OWNER_SENDER, 0, &dp->id, EFFECT_PHASES_ALL);
	if (error)
		return error;
	device_quiet(&dp->device);
	error = device_set_up(&dp->device, true);
	if (!error)
		return 0;
	snprintf(dp->last_error, sizeof(dp->last_error), "%s cannot be set up: %s%s",
		 dp->device.name, dp->device.rtnl->error,
		 error == -EADDRINUSE
			 ? "; another program uses the UDP port, set 'ports: {data: ...}'"
			 : "");
	return error;
}

static int start_listening(struct datapath *dp, uv_loop_t *loop)
{
	int error = netlink_listen(NETLINK_GENERIC, &dp->event_group, 1, &dp->event_socket);

	if (!error)
		error = uv_poll_init(loop, &dp->event_poll, mnl_socket_get_fd(dp->event_socket));
	if (error)
		return datapath_keep_error(dp, error, NULL);
	dp->event_poll.data = dp;
	uv_poll_start(&dp->event_poll, UV_READABLE, datapath_on_event);
	uv_timer_init(loop, &dp->quality);
	dp->quality.data = dp;
	uv_timer_start(&dp->quality, datapath_on_quality, DATAPATH_QUALITY_MS, DATAPATH_QUALITY_MS);
	dp->n_open = 2;
	return 0;
}

int datapath_open(uv_loop_t *loop, const struct datapath_settings *settings,
		  const struct datapath_events *events, struct datapath **ret,
		  const char **error_text)
{
	struct datapath *dp = xnew(struct datapath);
	int error;

	dp->events = *events;
	dp->id = settings->id;
	dp->probe_ms = settings->probe_ms;
	dp->probe_misses = settings->probe_misses;
	error = open_device(dp, settings);
	if (!error)
		error = start_listening(dp, loop);
	if (!error)
		error = prepare_device(dp, settings);
	if (error) {
		snprintf(error_buffer, sizeof(error_buffer), "%s", dp->last_error);
		*error_text = error_buffer;
		datapath_close(dp, dp->device.is_new);
		return error;
	}
	*ret = dp;
	return 0;
}

static void free_memory(struct datapath *dp)
{
	free(dp->neighbours);
	free(dp->policy);
	free(dp);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct datapath *dp = handle->data;

	if (--dp->n_open == 0)
		free_memory(dp);
}

void datapath_close(struct datapath *dp, bool delete_device)
{
	if (!dp)
		return;
	if (delete_device && dp->device.rtnl)
		device_delete(&dp->device);
	if (dp->n_open) {
		uv_close((uv_handle_t *)&dp->event_poll, on_handle_closed);
		uv_close((uv_handle_t *)&dp->quality, on_handle_closed);
	}
	if (dp->event_socket)
		mnl_socket_close(dp->event_socket);
	netlink_free(dp->genl);
	device_close(&dp->device);
	if (!dp->n_open)
		free_memory(dp);
}
