// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: underlay shell: watch, report, move beacons
 *
 * A notification of rtnetlink says only "look again": after a short pause
 * that gathers bursts, links and addresses are read (scan.c), compared with
 * what was reported last, and differences go out through the interface
 * callback, departures first.  The first report comes from the loop, never
 * from underlay_open().  Beacons are taken only from chosen interfaces that
 * are up.
 */
#include "daemon/underlay/underlay.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/underlay/datagram.h"
#include "daemon/underlay/scan.h"

#define GATHER_MS 100 /* between a notification and reading the tables */
#define NOTICES_PER_WAKE 64

/**
 * struct underlay - state of the shell
 * @settings: own copy; patterns are owned
 * @patterns: the owned patterns, include then exclude
 * @mesh_ifname: the owned name
 * @events: callbacks
 * @nl: request socket
 * @monitor: rtnetlink notifications
 * @monitor_poll: of @monitor
 * @poll4: of @fd4
 * @poll6: of @fd6
 * @gather: runs out when the tables are to be read
 * @fd4: beacon socket, -1 without IPv4
 * @fd6: beacon socket, -1 without IPv6
 * @table: what was reported
 * @n_open: libuv handles that must close before memory goes
 */
struct underlay {
	struct underlay_settings settings;
	char *patterns[2 * UNDERLAY_PATTERNS_MAX];
	char *mesh_ifname;
	struct underlay_events events;
	struct netlink *nl;
	struct mnl_socket *monitor;
	uv_poll_t monitor_poll, poll4, poll6;
	uv_timer_t gather;
	int fd4, fd6;
	struct underlay_table table;
	unsigned int n_open;
};

static _Thread_local char error_buffer[256];

static int fail(const char **error_text, int error, const char *what)
{
	snprintf(error_buffer, sizeof(error_buffer), "%s: %s", what, strerror(-error));
	*error_text = error_buffer;
	return error;
}

/* --- settings --- */

static void settings_fini(struct underlay *u)
{
	for (size_t i = 0; i < ARRAY_SIZE(u->patterns); i++) {
		free(u->patterns[i]);
		u->patterns[i] = NULL;
	}
	free(u->mesh_ifname);
	u->mesh_ifname = NULL;
}

static int settings_copy(struct underlay *u, const struct underlay_settings *settings)
{
	char **exclude = u->patterns + UNDERLAY_PATTERNS_MAX;

	if (settings->n_include > UNDERLAY_PATTERNS_MAX ||
	    settings->n_exclude > UNDERLAY_PATTERNS_MAX)
		return -E2BIG;
	settings_fini(u);
	for (size_t i = 0; i < settings->n_include; i++)
		u->patterns[i] = xstrdup(settings->include[i]);
	for (size_t i = 0; i < settings->n_exclude; i++)
		exclude[i] = xstrdup(settings->exclude[i]);
	u->mesh_ifname = xstrdup(settings->mesh_ifname);
	u->settings = *settings;
	u->settings.include = (const char *const *)u->patterns;
	u->settings.exclude = (const char *const *)exclude;
	u->settings.mesh_ifname = u->mesh_ifname;
	return 0;
}

/* --- interfaces --- */

static bool is_same_report(const struct underlay_interface *a, const struct underlay_interface *b)
{
	if (a->is_up != b->is_up || a->n_addresses != b->n_addresses ||
	    a->has_lladdr != b->has_lladdr ||
	    memcmp(a->lladdr, b->lladdr, sizeof(a->lladdr)) != 0 || strcmp(a->name, b->name) != 0)
		return false;
	for (size_t i = 0; i < a->n_addresses; i++)
		if (!endpoint_equal_address(&a->addresses[i], &b->addresses[i]))
			return false;
	return true;
}

/* Logs a failure when it is new, not again at each scan. */
static void join_groups(struct underlay *u, struct underlay_interface *interface)
{
	int error4 = 0, error6 = 0;

	if (!interface->is_up)
		return;
	if (u->fd4 >= 0 && !interface->joined4) {
		error4 = datagram_join(u->fd4, AF_INET, interface->ifindex, true);
		interface->joined4 = error4 == 0;
	}
	if (u->fd6 >= 0 && !interface->joined6) {
		error6 = datagram_join(u->fd6, AF_INET6, interface->ifindex, true);
		interface->joined6 = error6 == 0;
	}
	if (error4 && error4 != interface->join_error)
		log_warning(LOG_LOCAL_CLASS,
			    "event=beacon-group-failed family=ipv4 interface=%s error=\"%s\"%s",
			    interface->name, strerror(-error4),
			    error4 == -ENOBUFS ? " hint=\"raise net.ipv4.igmp_max_memberships\""
					       : "");
	if (error6 && !error4 && error6 != interface->join_error)
		log_info(LOG_LOCAL_CLASS,
			 "event=beacon-group-failed family=ipv6 interface=%s error=\"%s\"",
			 interface->name, strerror(-error6));
	interface->join_error = error4 ? error4 : error6;
}

static void leave_groups(struct underlay *u, const struct underlay_interface *interface)
{
	if (interface->joined4)
		datagram_join(u->fd4, AF_INET, interface->ifindex, false);
	if (interface->joined6)
		datagram_join(u->fd6, AF_INET6, interface->ifindex, false);
}

/* Memberships end with what departed and go on with what stayed. */
static void update_groups(struct underlay *u, struct underlay_table *before)
{
	for (size_t i = 0; i < before->n; i++) {
		const struct underlay_interface *old = &before->at[i];
		struct underlay_interface *now = underlay_table_find(&u->table, old->ifindex);

		if (!now) {
			leave_groups(u, old);
			continue;
		}
		now->joined4 = old->joined4;
		now->joined6 = old->joined6;
		now->join_error = old->join_error;
	}
	for (size_t i = 0; i < u->table.n; i++)
		join_groups(u, &u->table.at[i]);
}

static void report_differences(struct underlay *u, struct underlay_table *before)
{
	static const struct underlay_interface none;

	for (size_t i = 0; i < before->n; i++)
		if (!underlay_table_find(&u->table, before->at[i].ifindex))
			u->events.interface(u->events.arg, before->at[i].ifindex,
					    before->at[i].name, false, NULL, NULL, 0);
	for (size_t i = 0; i < u->table.n; i++) {
		const struct underlay_interface *now = &u->table.at[i];
		const struct underlay_interface *old = underlay_table_find(before, now->ifindex);

		if (!is_same_report(old ? old : &none, now))
			u->events.interface(u->events.arg, now->ifindex, now->name, now->is_up,
					    now->has_lladdr ? now->lladdr : NULL, now->addresses,
					    now->n_addresses);
	}
}

static void on_gathered(uv_timer_t *timer)
{
	struct underlay *u = timer->data;
	_cleanup_free_ struct underlay_table *before = xmemdup(&u->table, sizeof(u->table));
	int error = underlay_scan(u->nl, &u->settings, &u->table);

	if (error) {
		log_write(error == -EINTR ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, LOG_LOCAL_CLASS,
			  "event=underlay-scan-failed error=\"%s\"", u->nl->error);
		u->table = *before;
		uv_timer_start(&u->gather, on_gathered, GATHER_MS, 0);
		return;
	}
	update_groups(u, before);
	report_differences(u, before);
}

static void on_notice(uv_poll_t *poll, int status, int events)
{
	struct underlay *u = poll->data;
	_Alignas(8) char buf[16384];
	ssize_t n = 1;

	/* What it says does not matter, nor that some were lost (ENOBUFS). */
	for (int i = 0; i < NOTICES_PER_WAKE && (n >= 0 || errno == ENOBUFS); i++)
		n = mnl_socket_recvfrom(u->monitor, buf, sizeof(buf));
	if (!uv_is_active((uv_handle_t *)&u->gather))
		uv_timer_start(&u->gather, on_gathered, GATHER_MS, 0);
}

/* --- beacons --- */

static void on_datagram(uv_poll_t *poll, int status, int events)
{
	struct underlay *u = poll->data;
	int fd = poll == &u->poll4 ? u->fd4 : u->fd6;
	uint8_t bytes[DATAGRAM_MAX];
	const struct underlay_interface *interface;
	struct endpoint from;
	int n;

	for (int i = 0; i < UNDERLAY_DATAGRAMS_PER_WAKE; i++) {
		n = datagram_receive(fd, &from, bytes);
		if (n == -EAGAIN)
			return;
		if (n < 0)
			continue; /* an error of an earlier datagram; it is consumed now */
		interface = underlay_table_find(&u->table, from.ifindex);
		if (interface && interface->is_up)
			u->events.beacon(u->events.arg, &from, bytes, (size_t)n);
	}
}

int underlay_send(struct underlay *u, const struct endpoint *to, const uint8_t *bytes, size_t len)
{
	int fd = to->family == AF_INET ? u->fd4 : u->fd6;

	return fd < 0 ? -EAFNOSUPPORT : datagram_send(fd, to, bytes, len);
}

const char *underlay_name(const struct underlay *u, uint32_t ifindex)
{
	for (size_t i = 0; i < u->table.n; i++)
		if (u->table.at[i].ifindex == ifindex)
			return u->table.at[i].name;
	return "?";
}

/* --- life --- */

static int open_sockets(struct underlay *u, const char **error_text)
{
	static const uint32_t groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR};
	char what[64];
	int error, error6;

	error = netlink_new(NETLINK_ROUTE, &u->nl);
	if (!error)
		error = netlink_listen(NETLINK_ROUTE, groups, ARRAY_SIZE(groups), &u->monitor);
	if (error)
		return fail(error_text, error, "rtnetlink");
	snprintf(what, sizeof(what), "UDP port %u for beacons", u->settings.port);
	error = datagram_open(AF_INET, u->settings.port, &u->fd4);
	error6 = datagram_open(AF_INET6, u->settings.port, &u->fd6);
	if (error && error != -EAFNOSUPPORT)
		return fail(error_text, error, what);
	if (error6 && error6 != -EAFNOSUPPORT)
		return fail(error_text, error6, what);
	return u->fd4 < 0 && u->fd6 < 0 ? fail(error_text, error, what) : 0;
}

static int start_poll(struct underlay *u, uv_loop_t *loop, uv_poll_t *poll, int fd, uv_poll_cb fn)
{
	int error;

	if (fd < 0)
		return 0;
	error = uv_poll_init(loop, poll, fd);
	if (error)
		return error;
	u->n_open++;
	poll->data = u;
	return uv_poll_start(poll, UV_READABLE, fn);
}

static int start_handles(struct underlay *u, uv_loop_t *loop)
{
	int error = start_poll(u, loop, &u->monitor_poll, mnl_socket_get_fd(u->monitor), on_notice);

	if (!error)
		error = start_poll(u, loop, &u->poll4, u->fd4, on_datagram);
	if (!error)
		error = start_poll(u, loop, &u->poll6, u->fd6, on_datagram);
	if (error)
		return error;
	uv_timer_init(loop, &u->gather);
	u->n_open++;
	u->gather.data = u;
	return uv_timer_start(&u->gather, on_gathered, 0, 0);
}

int underlay_open(uv_loop_t *loop, const struct underlay_settings *settings,
		  const struct underlay_events *events, struct underlay **ret,
		  const char **error_text)
{
	struct underlay *u = xnew(struct underlay);
	int error;

	u->fd4 = u->fd6 = -1;
	u->events = *events;
	error = settings_copy(u, settings);
	if (error)
		fail(error_text, error, "underlay patterns");
	else
		error = open_sockets(u, error_text);
	if (!error) {
		error = start_handles(u, loop);
		if (error)
			fail(error_text, error, "event loop");
	}
	if (error) {
		underlay_close(u);
		return error;
	}
	*ret = u;
	return 0;
}

int underlay_reload(struct underlay *u, const struct underlay_settings *settings)
{
	int error = settings_copy(u, settings);

	return error ? error : uv_timer_start(&u->gather, on_gathered, 0, 0);
}

static void free_memory(struct underlay *u)
{
	settings_fini(u);
	free(u);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct underlay *u = handle->data;

	if (--u->n_open == 0)
		free_memory(u);
}

static void close_handle(uv_handle_t *handle)
{
	if (handle->data) /* set when it was initialised */
		uv_close(handle, on_handle_closed);
}

void underlay_close(struct underlay *u)
{
	if (!u)
		return;
	close_handle((uv_handle_t *)&u->monitor_poll);
	close_handle((uv_handle_t *)&u->poll4);
	close_handle((uv_handle_t *)&u->poll6);
	close_handle((uv_handle_t *)&u->gather);
	netlink_free(u->nl);
	if (u->monitor)
		mnl_socket_close(u->monitor);
	if (u->fd4 >= 0)
		close(u->fd4);
	if (u->fd6 >= 0)
		close(u->fd6);
	if (u->n_open == 0)
		free_memory(u);
}
