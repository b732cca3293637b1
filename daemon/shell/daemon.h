/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: daemon: the hub with its real shells around it
 *
 * Owns everything main.c opens.  What happens outside becomes an event of
 * hub.c here (events.c); what hub.c then wants done is carried out
 * (effects.c), and one timer is set to its next deadline.
 */
#ifndef SHELL_DAEMON_H
#define SHELL_DAEMON_H

#include <uv.h>

#include "daemon/api/api.h"
#include "daemon/config/config.h"
#include "daemon/datapath/datapath.h"
#include "daemon/hub/hub.h"
#include "daemon/services/services.h"
#include "daemon/store/history.h"
#include "daemon/store/store.h"
#include "daemon/transport/transport.h"
#include "daemon/trust/trust.h"
#include "daemon/underlay/underlay.h"

#define DAEMON_EFFECT_ROUNDS_MAX 64 /* then the loop runs before the rest */
#define DAEMON_CLOCK_MS 60000 /* between two looks at the wall clock */
#define DAEMON_HISTORY_MS 60000 /* between two writes of the services' history */
#define DAEMON_HISTORY_THIN 60 /* writes after which it is made thinner */
#define DAEMON_STOP_MS 500 /* for the goodbye to leave */
#define DAEMON_STOP_STEP_MS 20 /* between two looks whether it has */
#define DAEMON_ERROR_MAX 512

/**
 * struct daemon - a running meshd
 * @loop: the only one
 * @config_path: file to read again on SIGHUP
 * @config: settings in force
 * @store: state directory, locked
 * @trust: until hub_new() takes it, then NULL
 * @hub: decides
 * @datapath: NULL without the kernel module
 * @underlay: beacons and interfaces
 * @transport: sessions
 * @services: what this hub provides
 * @history: of services; NULL: it could not be opened
 * @api: local socket
 * @fx: effects waiting to be carried out
 * @running: effects being carried out
 * @is_running: daemon_run_effects() is on the stack
 * @is_stopping: goodbye has been said
 * @stop_at_ns: when to stop waiting for it
 * @deadline: fires when hub_on_timer() is due
 * @clock: fires to look at the wall clock
 * @history_timer: fires when @history is to be written
 * @history_writes: so far
 * @watchdog: tells systemd that the loop turns
 * @stop: fires until the goodbye has left
 * @on_terminate: SIGTERM
 * @on_interrupt: SIGINT
 * @on_hangup: SIGHUP
 * @keys: locked memory for key material on its way to the kernel
 * @mesh_prefix: our ULA; its /64 tells connections over the mesh
 * @certificate_not_after_s: ours ends then, Unix time
 * @module_error: why there is no datapath, for a person
 */
struct daemon {
	uv_loop_t loop;
	const char *config_path;
	struct config config;
	struct store *store;
	struct trust *trust;
	struct hub *hub;
	struct datapath *datapath;
	struct underlay *underlay;
	struct transport *transport;
	struct services *services;
	struct history *history;
	struct api *api;
	struct effects fx, running;
	bool is_running, is_stopping;
	uint64_t stop_at_ns;
	uv_timer_t deadline, clock, history_timer, watchdog, stop;
	unsigned int history_writes;
	uv_signal_t on_terminate, on_interrupt, on_hangup;
	uint8_t *keys;
	struct in6_addr mesh_prefix;
	int64_t certificate_not_after_s;
	char module_error[DAEMON_ERROR_MAX];
};

/* events.c: callback tables for the shells, and the timers and signals */
struct datapath_events daemon_datapath_events(struct daemon *d);
struct underlay_events daemon_underlay_events(struct daemon *d);
struct transport_events daemon_transport_events(struct daemon *d);
bool daemon_is_mesh_address(void *arg, const struct in6_addr *addr);
uint64_t daemon_now_ns(void *arg);
/** daemon_start_events() - Timers, signals, watchdog; then hub_on_start(). */
void daemon_start_events(struct daemon *d);
/** daemon_close_events() - Close what daemon_start_events() opened. */
void daemon_close_events(struct daemon *d);

/* effects.c */
/** daemon_run_effects() - Carry out @d->fx until empty, set the deadline timer. */
void daemon_run_effects(struct daemon *d);

/* services.c */
struct services_events daemon_services_events(struct daemon *d);
/** daemon_resolve() - A local user needs a service. Return: the request; 0 refused. */
uint64_t daemon_resolve(void *arg, const struct broker_query *query);
/** daemon_release() - The user of a request is done. */
void daemon_release(void *arg, uint64_t request);
/** daemon_result() - A use of a service ended. */
void daemon_result(void *arg, const struct hub_id *provider, const uint8_t *digest, bool is_error,
		   uint64_t latency_us);
/** daemon_open_history() - Opens @d->history, or says why not and goes on without. */
void daemon_open_history(struct daemon *d);
/** daemon_write_history() - What the registry knows, to disk. */
void daemon_write_history(struct daemon *d);
/** daemon_read_cache() - Manifests and history of an earlier run, to the hub. */
void daemon_read_cache(struct daemon *d);
/** daemon_run_blob() - BLOB_KEEP and BLOB_FORGET. */
void daemon_run_blob(struct daemon *d, const struct effect *effect);

/* settings.c */
/** daemon_unix_time() - Seconds since 1970; 0 when the clock was evidently never set. */
int64_t daemon_unix_time(void);
/** daemon_fill_settings() - What configuration gives the hub; the rest is left alone. */
void daemon_fill_settings(const struct config *config, struct hub_settings *ret);
/**
 * daemon_read_identity() - Identity files into trust and settings.
 * @d: has its trust room
 * @identity: files as read
 * @ret: identity members are filled
 * @size: bytes available in @cert_der
 * @error: receives the sentence
 * @cert_der: buffer for our certificate, of @size bytes; @ret points into it
 * Return: 0 or -errno with a sentence in @error (DAEMON_ERROR_MAX).
 */
int daemon_read_identity(struct daemon *d, const struct store_identity *identity,
			 struct hub_settings *ret, uint8_t *cert_der, size_t size, char *error);
/** daemon_read_numbers() - Persisted numbers; the new boot epoch is on disk afterwards. */
int daemon_read_numbers(struct daemon *d, struct hub_settings *ret, char *error);

/* reload.c */
/** daemon_reload() - Read the configuration again. Return: 0; -EINVAL and the old stays. */
int daemon_reload(void *arg, char *error, size_t error_size);
/** daemon_underlay_settings() - Borrowed view of @config. */
struct underlay_settings daemon_underlay_settings(const struct config *config);

#endif
