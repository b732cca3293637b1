// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: what happens outside, told to hub.c
 *
 * Every callback has the same form: one hub_on_x() with the time, then the
 * effects.  Signals and the goodbye at the end are here too.
 */
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "daemon/lib/log.h"
#include "daemon/lib/prng.h"
#include "daemon/shell/daemon.h"
#include "daemon/shell/notify.h"

uint64_t daemon_now_ns(void *arg)
{
	return uv_hrtime(); /* CLOCK_MONOTONIC */
}

/* --- the end --- */

static int count_session(const struct hub_view_session *view, void *arg)
{
	return view->is_up;
}

static void on_stop_step(uv_timer_t *timer)
{
	struct daemon *d = timer->data;
	bool is_said = daemon_now_ns(d) >= d->stop_at_ns ||
		       !hub_for_each_session(d->hub, count_session, NULL);

	if (is_said && proxy_is_drained(d->proxy))
		uv_stop(&d->loop);
}

static void stop(struct daemon *d)
{
	if (d->is_stopping) {
		uv_stop(&d->loop); /* asked twice: at once */
		return;
	}
	d->is_stopping = true;
	d->stop_at_ns = daemon_now_ns(d) + DAEMON_STOP_MS * NSEC_PER_MSEC;
	proxy_drain(d->proxy);
	if (d->config.keep_interface && d->datapath && !d->exit_status) {
		/* Neighbours keep a link without a session for a while; a goodbye ends it. */
		notify_send("STOPPING=1\nSTATUS=Leaving the traffic to the kernel");
		d->stop_at_ns = 0;
	} else {
		notify_send("STOPPING=1\nSTATUS=Saying goodbye");
		hub_on_stop(d->hub, daemon_now_ns(d), &d->fx);
		daemon_run_effects(d);
	}
	uv_timer_start(&d->stop, on_stop_step, DAEMON_STOP_STEP_MS, DAEMON_STOP_STEP_MS);
}

/* --- datapath --- */

static void on_link(void *arg, uint32_t link, bool is_up, uint32_t rtt_us, uint32_t frame_max)
{
	const struct link_report report = {
		.state = is_up ? LINK_REPORT_UP : LINK_REPORT_DOWN,
		.rtt_us = rtt_us,
		.frame_max = frame_max,
	};
	struct daemon *d = arg;

	hub_on_link_report(d->hub, daemon_now_ns(d), link, &report, &d->fx);
	daemon_run_effects(d);
}

static void on_need_session(void *arg, const struct hub_id *peer)
{
	struct daemon *d = arg;

	hub_on_need_session(d->hub, daemon_now_ns(d), peer, &d->fx);
	daemon_run_effects(d);
}

static void on_key_needed(void *arg, enum key_owner owner, uint32_t link, const struct hub_id *peer,
			  uint8_t phase)
{
	struct daemon *d = arg;

	hub_on_key_needed(d->hub, daemon_now_ns(d), owner, link, peer, phase, &d->fx);
	daemon_run_effects(d);
}

static void on_groups(void *arg, uint32_t flags, const uint8_t (*groups)[6], size_t n_groups)
{
	struct daemon *d = arg;

	hub_on_groups(d->hub, daemon_now_ns(d), flags, groups, n_groups, &d->fx);
	daemon_run_effects(d);
}

/* Every key in the kernel is gone, and so is what hub.c believes: only a start makes it anew. */
static void on_gone(void *arg)
{
	struct daemon *d = arg;

	log_error(LOG_LOCAL_CLASS,
		  "event=datapath-gone interface=%s text=\"the interface was deleted or the module "
		  "removed; meshd ends, start it again (systemd does)\"",
		  datapath_ifname(d->datapath));
	d->exit_status = EX_UNAVAILABLE;
	stop(d);
}

/*
 * The interface is made before privileges are dropped, and what the hub is to others depends on it:
 * a start is the way to have it that is tried every day.
 */
void daemon_on_module(void *arg)
{
	struct daemon *d = arg;

	log_warning(
		LOG_LOCAL_CLASS,
		"event=datapath-came text=\"the kernel module is loaded now; meshd ends, start it "
		"again (systemd does)\"");
	d->exit_status = EX_UNAVAILABLE;
	stop(d);
}

struct datapath_events daemon_datapath_events(struct daemon *d)
{
	return (struct datapath_events){
		.link = on_link,
		.need_session = on_need_session,
		.key_needed = on_key_needed,
		.groups = on_groups,
		.gone = on_gone,
		.arg = d,
	};
}

/* --- underlay --- */

static void on_interface(void *arg, uint32_t ifindex, const char *name, bool up,
			 const uint8_t *lladdr, const struct endpoint *addresses,
			 size_t n_addresses)
{
	struct daemon *d = arg;

	log_info(LOG_INFO_CLASS, "event=interface name=%s ifindex=%u up=%d addresses=%zu", name,
		 ifindex, up, n_addresses);
	hub_on_interface(d->hub, daemon_now_ns(d), ifindex, up,
			 d->config.is_udp_only ? NULL : lladdr, addresses, n_addresses, &d->fx);
	daemon_run_effects(d);
}

static void on_beacon(void *arg, const struct endpoint *from, const uint8_t *bytes, size_t len)
{
	struct daemon *d = arg;

	hub_on_beacon(d->hub, daemon_now_ns(d), from, bytes, len, &d->fx);
	daemon_run_effects(d);
}

struct underlay_events daemon_underlay_events(struct daemon *d)
{
	return (struct underlay_events){
		.interface = on_interface,
		.beacon = on_beacon,
		.arg = d,
	};
}

/* --- transport --- */

static void on_session_up(void *arg, uint64_t session, const struct session_peer *peer)
{
	struct daemon *d = arg;

	hub_on_session_up(d->hub, daemon_now_ns(d), session, peer, &d->fx);
	daemon_run_effects(d);
}

static void on_session_down(void *arg, uint64_t session, int error)
{
	struct daemon *d = arg;

	hub_on_session_down(d->hub, daemon_now_ns(d), session, error, &d->fx);
	daemon_run_effects(d);
}

static int on_message(void *arg, uint64_t session, uint8_t message, const uint8_t *body, size_t len)
{
	struct daemon *d = arg;
	int result = hub_on_message(d->hub, daemon_now_ns(d), session, message, body, len, &d->fx);

	daemon_run_effects(d);
	return result;
}

static void on_rtt(void *arg, uint64_t session, uint32_t rtt_us)
{
	struct daemon *d = arg;

	hub_on_session_rtt(d->hub, daemon_now_ns(d), session, rtt_us, &d->fx);
	daemon_run_effects(d);
}

struct transport_events daemon_transport_events(struct daemon *d)
{
	return (struct transport_events){
		.session_up = on_session_up,
		.session_down = on_session_down,
		.message = on_message,
		.rtt = on_rtt,
		.arg = d,
	};
}

/* Every hub's ULA is in one /64. */
bool daemon_is_mesh_address(void *arg, const struct in6_addr *addr)
{
	const struct daemon *d = arg;

	return !IN6_IS_ADDR_UNSPECIFIED(&d->mesh_prefix) &&
	       memcmp(addr, &d->mesh_prefix, sizeof(*addr) / 2) == 0;
}

/* --- clock, watchdog --- */

static void on_clock(uv_timer_t *timer)
{
	struct daemon *d = timer->data;

	hub_on_clock(d->hub, daemon_now_ns(d), daemon_unix_time());
	daemon_run_effects(d);
	daemon_warn_of_certificates(d);
	store_retry(d->store);
}

static void on_history(uv_timer_t *timer)
{
	daemon_write_history(timer->data);
}

/* Runs from the loop, so a stuck loop stops it and systemd restarts us. */
static void on_watchdog(uv_timer_t *timer)
{
	notify_send("WATCHDOG=1");
}

/* --- signals --- */

static void on_stop_signal(uv_signal_t *handle, int signum)
{
	struct daemon *d = handle->data;

	if (!d->is_stopping)
		log_info(LOG_INFO_CLASS, "event=stopping signal=%d", signum);
	stop(d);
}

static void on_hangup_signal(uv_signal_t *handle, int signum)
{
	struct daemon *d = handle->data;
	char error[4096];

	notify_send("RELOADING=1\nMONOTONIC_USEC=%llu",
		    (unsigned long long)(daemon_now_ns(d) / 1000));
	daemon_reload(d, error, sizeof(error)); /* logs what it refuses */
	notify_send("READY=1");
}

/* --- life --- */

static void start_timer(struct daemon *d, uv_timer_t *timer)
{
	uv_timer_init(&d->loop, timer);
	timer->data = d;
}

static void start_signal(struct daemon *d, uv_signal_t *handle, uv_signal_cb fn, int signum)
{
	uv_signal_init(&d->loop, handle);
	handle->data = d;
	uv_signal_start(handle, fn, signum);
}

void daemon_start_events(struct daemon *d)
{
	uint64_t watchdog_us = notify_watchdog_us();

	start_timer(d, &d->deadline);
	start_timer(d, &d->clock);
	start_timer(d, &d->history_timer);
	start_timer(d, &d->watchdog);
	start_timer(d, &d->stop);
	start_signal(d, &d->on_terminate, on_stop_signal, SIGTERM);
	start_signal(d, &d->on_interrupt, on_stop_signal, SIGINT);
	start_signal(d, &d->on_hangup, on_hangup_signal, SIGHUP);
	if (watchdog_us > 0)
		uv_timer_start(&d->watchdog, on_watchdog, 0, watchdog_us / 2000);
	uv_timer_start(&d->history_timer, on_history, DAEMON_HISTORY_MS, DAEMON_HISTORY_MS);
	uv_timer_start(&d->clock, on_clock, DAEMON_CLOCK_MS, DAEMON_CLOCK_MS);
	hub_on_clock(d->hub, daemon_now_ns(d), daemon_unix_time());
	daemon_read_cache(d);
	services_start(d->services);
	hub_on_start(d->hub, daemon_now_ns(d), &d->fx);
	daemon_run_effects(d);
	proxy_start(d->proxy, d->hub);
}

void daemon_close_events(struct daemon *d)
{
	uv_handle_t *handles[] = {
		(uv_handle_t *)&d->deadline,
		(uv_handle_t *)&d->clock,
		(uv_handle_t *)&d->history_timer,
		(uv_handle_t *)&d->watchdog,
		(uv_handle_t *)&d->stop,
		(uv_handle_t *)&d->on_terminate,
		(uv_handle_t *)&d->on_interrupt,
		(uv_handle_t *)&d->on_hangup,
		(uv_handle_t *)&d->identity_watch,
		(uv_handle_t *)&d->identities_watch,
		(uv_handle_t *)&d->identities_settle,
	};

	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
		if (handles[i]->data)
			uv_close(handles[i], NULL);
}
