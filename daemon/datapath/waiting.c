// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: waiting for the module
 *
 * The kernel tells whoever listens when a family of generic netlink comes.
 * Ours is told of once; what is done about it is not decided here.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/hubmesh.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "daemon/datapath/datapath.h"
#include "daemon/lib/memory.h"
#include "daemon/netlink/netlink.h"

/* The controller's one group, "notify", has the number of its family: net/netlink/genetlink.c. */
#define NOTIFY_GROUP GENL_ID_CTRL
#define MESSAGES_PER_WAKE 32 /* the loop turns between */

/**
 * struct datapath_wait - listens for the module's family
 * @socket: of the controller's group
 * @poll: of it
 * @came: told, once
 * @arg: handed to @came
 */
struct datapath_wait {
	struct mnl_socket *socket;
	uv_poll_t poll;
	void (*came)(void *arg);
	void *arg;
};

static bool is_ours(const struct nlmsghdr *message)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(message);
	const struct nlattr *tb[CTRL_ATTR_FAMILY_NAME + 1], *name;

	if (message->nlmsg_type != GENL_ID_CTRL ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*genl) || genl->cmd != CTRL_CMD_NEWFAMILY)
		return false;
	netlink_parse(message, sizeof(*genl), tb, CTRL_ATTR_FAMILY_NAME);
	name = tb[CTRL_ATTR_FAMILY_NAME];
	return name && mnl_attr_get_payload_len(name) == sizeof(HUBMESH_FAMILY_NAME) &&
	       memcmp(mnl_attr_get_payload(name), HUBMESH_FAMILY_NAME,
		      sizeof(HUBMESH_FAMILY_NAME)) == 0;
}

/* Families are few: no message is lost but to a flood, and then the next start finds the module. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct datapath_wait *wait = poll->data;
	_Alignas(8) uint8_t buf[16384];
	const struct nlmsghdr *message;
	bool has_come = false;
	ssize_t n;
	int left;

	for (int i = 0; i < MESSAGES_PER_WAKE; i++) {
		n = mnl_socket_recvfrom(wait->socket, buf, sizeof(buf));
		if (n < 0)
			break;
		left = (int)n;
		message = (const struct nlmsghdr *)buf;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			has_come |= is_ours(message);
	}
	if (!has_come)
		return;
	uv_poll_stop(poll);
	wait->came(wait->arg);
}

int datapath_wait_new(uv_loop_t *loop, void (*came)(void *arg), void *arg,
		      struct datapath_wait **ret)
{
	const uint32_t group = NOTIFY_GROUP;
	struct datapath_wait *wait = xnew(struct datapath_wait);
	int r = netlink_listen(NETLINK_GENERIC, &group, 1, &wait->socket);

	if (!r)
		r = uv_poll_init(loop, &wait->poll, mnl_socket_get_fd(wait->socket));
	if (r) {
		if (wait->socket)
			mnl_socket_close(wait->socket);
		free(wait);
		return r;
	}
	wait->came = came;
	wait->arg = arg;
	wait->poll.data = wait;
	uv_poll_start(&wait->poll, UV_READABLE, on_readable);
	*ret = wait;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void datapath_wait_free(struct datapath_wait *wait)
{
	if (!wait)
		return;
	uv_poll_stop(&wait->poll); /* before its descriptor goes */
	mnl_socket_close(wait->socket);
	uv_close((uv_handle_t *)&wait->poll, on_closed);
}
