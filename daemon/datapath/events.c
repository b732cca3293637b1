// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: what the module tells us
 *
 * Events come through the loop on their own socket, so a request made by a
 * callback never meets one.  The kernel may drop events under pressure; none
 * carries what a read would not tell, so after ENOBUFS, and every
 * DATAPATH_QUALITY_MS for the round trips, every link is read and reported.
 * A dump is finished before its first report: a callback may send requests.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/datapath/internal.h"
#include "daemon/lib/cleanup.h"
#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/wire/record.h"

_Static_assert(HUBMESH_GROUPS_F_ALL4 == RECORD_GROUPS_ALL4 &&
		       HUBMESH_GROUPS_F_ALL6 == RECORD_GROUPS_ALL6,
	       "records say it as the kernel does");
_Static_assert(HUBMESH_GROUPS_MAX == RECORD_GROUPS_MAX, "a record has as many as the kernel");

static void report_link(struct datapath *dp, uint32_t link, uint32_t state, uint32_t rtt_us,
			uint32_t frame_max)
{
	if (link && (state == HUBMESH_LINK_UP || state == HUBMESH_LINK_DOWN))
		dp->events.link(dp->events.arg, link, state == HUBMESH_LINK_UP, rtt_us, frame_max);
}

/* --- events --- */

static void on_link_event(struct datapath *dp, const struct nlattr **tb)
{
	const struct nlattr *link[HUBMESH_A_LINK_MAX + 1];

	netlink_parse_nested(tb[HUBMESH_A_LINK], link, HUBMESH_A_LINK_MAX);
	report_link(dp, netlink_u32(link[HUBMESH_A_LINK_INDEX], 0),
		    netlink_u32(link[HUBMESH_A_LINK_STATE], HUBMESH_LINK_NEW),
		    netlink_u32(link[HUBMESH_A_LINK_RTT_US], 0),
		    netlink_u32(link[HUBMESH_A_LINK_FRAME_MAX], 0));
}

static bool read_hub(const struct nlattr **tb, struct hub_id *ret)
{
	const struct nlattr *hub[HUBMESH_A_HUB_MAX + 1];

	netlink_parse_nested(tb[HUBMESH_A_HUB], hub, HUBMESH_A_HUB_MAX);
	return netlink_bytes(hub[HUBMESH_A_HUB_ID], ret, HUB_ID_LEN);
}

static void on_key_needed_event(struct datapath *dp, const struct nlattr **tb)
{
	const struct nlattr *link[HUBMESH_A_LINK_MAX + 1], *key[HUBMESH_A_KEY_MAX + 1];
	enum key_owner owner = KEY_OWNER_SEAL;
	struct hub_id hub = {0};
	uint32_t index;

	netlink_parse_nested(tb[HUBMESH_A_LINK], link, HUBMESH_A_LINK_MAX);
	netlink_parse_nested(tb[HUBMESH_A_KEY], key, HUBMESH_A_KEY_MAX);
	index = netlink_u32(link[HUBMESH_A_LINK_INDEX], 0);
	if (!key[HUBMESH_A_KEY_PHASE] || (!index && !read_hub(tb, &hub)))
		return;
	if (netlink_u32(key[HUBMESH_A_KEY_SCOPE], HUBMESH_KEY_SCOPE_PAIR) ==
	    HUBMESH_KEY_SCOPE_SENDER)
		owner = KEY_OWNER_SENDER;
	else if (index)
		owner = KEY_OWNER_LINK;
	dp->events.key_needed(dp->events.arg, owner, index, &hub,
			      netlink_u8(key[HUBMESH_A_KEY_PHASE], 0));
}

static void on_message(struct datapath *dp, const struct nlmsghdr *message)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(message);
	const struct nlattr *tb[HUBMESH_A_MAX + 1];
	struct hub_id hub;

	if (message->nlmsg_type != dp->family ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*genl) || genl->cmd != HUBMESH_CMD_EVENT)
		return;
	datapath_content(message, tb);
	if (netlink_u32(tb[HUBMESH_A_IFINDEX], 0) != dp->device.ifindex)
		return;
	switch (netlink_u32(tb[HUBMESH_A_EVENT], HUBMESH_EVENT_UNSPEC)) {
	case HUBMESH_EVENT_LINK:
		on_link_event(dp, tb);
		break;
	case HUBMESH_EVENT_NEED_SESSION:
		if (read_hub(tb, &hub))
			dp->events.need_session(dp->events.arg, &hub);
		break;
	case HUBMESH_EVENT_KEY_NEEDED:
		on_key_needed_event(dp, tb);
		break;
	case HUBMESH_EVENT_GROUPS:
		datapath_report_groups(dp);
		break;
	default: /* KEY_IN_USE and FDB_* decide nothing here */
		break;
	}
}

/* --- groups --- */

struct groups {
	uint32_t flags;
	size_t n;
	uint8_t at[HUBMESH_GROUPS_MAX][ETH_ALEN];
};

static void note_groups(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *tb[HUBMESH_A_MAX + 1], *nest[HUBMESH_A_GROUPS_MAX + 1], *list;
	struct groups *groups = arg;

	datapath_content(message, tb);
	netlink_parse_nested(tb[HUBMESH_A_GROUPS], nest, HUBMESH_A_GROUPS_MAX);
	groups->flags = netlink_u32(nest[HUBMESH_A_GROUPS_FLAGS], groups->flags);
	list = nest[HUBMESH_A_GROUPS_LIST];
	if (!list || mnl_attr_get_payload_len(list) > sizeof(groups->at))
		return;
	groups->n = mnl_attr_get_payload_len(list) / ETH_ALEN;
	memcpy(groups->at, mnl_attr_get_payload(list), groups->n * ETH_ALEN);
}

void datapath_report_groups(struct datapath *dp)
{
	struct groups groups = {.flags = HUBMESH_GROUPS_F_ALL4 | HUBMESH_GROUPS_F_ALL6};

	datapath_begin(dp, HUBMESH_CMD_GROUP_GET, 0);
	if (datapath_run(dp, note_groups, &groups)) {
		log_debug(LOG_LOCAL_CLASS, "event=datapath-read-failed error=\"%s\"",
			  datapath_last_error(dp));
		return; /* what was told last stays: at first everything */
	}
	dp->events.groups(dp->events.arg, groups.flags, (const uint8_t(*)[6])groups.at, groups.n);
}

/* --- reading every link --- */

static void report_gone(struct datapath *dp)
{
	if (!dp->is_gone)
		dp->events.gone(dp->events.arg);
	dp->is_gone = true;
}

/* Without @with_down only round trips of what is up are news. */
static void report_every_link(struct datapath *dp, bool with_down)
{
	struct datapath_link_list links;
	int error = datapath_list_links(dp, &links);

	if (error == -ENODEV || error == -ENOENT) /* no such interface, no such family */
		report_gone(dp);
	else if (error)
		log_warning(LOG_LOCAL_CLASS, "event=datapath-read-failed error=\"%s\"",
			    datapath_last_error(dp));
	for (size_t i = 0; i < links.n && !error; i++)
		if (with_down || links.at[i].state == HUBMESH_LINK_UP)
			report_link(dp, links.at[i].link, links.at[i].state, links.at[i].rtt_us,
				    links.at[i].frame_max);
	free(links.at);
}

void datapath_on_quality(uv_timer_t *timer)
{
	datapath_dress_again(timer->data);
	report_every_link(timer->data, false);
	datapath_policy_refresh(timer->data);
	datapath_report_groups(timer->data);
}

void datapath_on_event(uv_poll_t *poll, int status, int events)
{
	struct datapath *dp = poll->data;
	_Alignas(8) uint8_t buf[16384];
	const struct nlmsghdr *message;
	bool has_lost = false;
	ssize_t n;
	int left;

	for (int i = 0; i < DATAPATH_EVENTS_PER_WAKE; i++) {
		n = mnl_socket_recvfrom(dp->event_socket, buf, sizeof(buf));
		if (n < 0 && errno == ENOBUFS) {
			has_lost = true;
			continue;
		}
		if (n < 0)
			break;
		left = (int)n;
		message = (const struct nlmsghdr *)buf;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			on_message(dp, message);
	}
	if (has_lost) {
		log_info(LOG_LOCAL_CLASS, "event=datapath-events-lost action=read-every-link");
		report_every_link(dp, true);
		datapath_report_groups(dp);
	}
}
