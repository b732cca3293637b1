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
#include "daemon/names/names.h"
#include "daemon/proxy/proxy.h"
#include "daemon/redirect/redirect.h"
#include "daemon/runtime/runtime.h"
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

#define DAEMON_REDIRECTIONS_MAX 64 /* as many as the proxy has entries */

/**
 * struct daemon_redirection - connections to a shared provider go to an entry
 * @shared: what programs connect to
 * @entry: where they arrive
 * @protocol: IPPROTO_TCP or IPPROTO_UDP
 */
struct daemon_redirection {
	struct endpoint shared, entry;
	int protocol;
};

/**
 * struct daemon - a running meshd
 * @loop: the only one
 * @config_path: file to read again on SIGHUP
 * @config: settings in force
 * @store: state directory, locked
 * @trust: until hub_new() takes it, then NULL
 * @hub: decides
 * @datapath: NULL without the kernel module
 * @module_wait: for the module to be loaded; NULL: it is, or it is not waited for
 * @underlay: beacons and interfaces
 * @transport: sessions
 * @identities: certificates of our services
 * @proxy: carries connections to services
 * @runtime: runs programs; NULL: none is to be run
 * @services: what this hub provides
 * @names: DNS for local programs; NULL: off, or it could not be opened
 * @redirect: of connections to shared providers; NULL likewise
 * @redirections: in force in @redirect
 * @n_redirections: entries of @redirections
 * @history: of services; NULL: its directory could not be opened
 * @is_history_read: what an earlier run has left in it is in force
 * @history_error: why it is not open, for a person; "" it is
 * @history_write_error: -errno of the last write, 0 it worked
 * @versions_error: why rulings and wishes are not in it, for a person; "" they are
 * @api: local socket
 * @fx: effects waiting to be carried out
 * @running: effects being carried out
 * @is_running: daemon_run_effects() is on the stack
 * @is_stopping: goodbye has been said
 * @exit_status: of the process, when the loop has ended
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
 * @identity_watch: inotify of our certificate
 * @identities_watch: inotify of the certificates of our services
 * @identities_settle: runs until they are read again
 * @certificate: ours, its dates
 * @certificate_digest: SHA-256 of the file it came from
 * @key_pem: our key, in locked memory, for contexts of TLS with another certificate
 * @key_pem_len: its bytes
 * @certificates_warned_s: when the log was told last of some that end soon, Unix time
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
	struct datapath_wait *module_wait;
	struct underlay *underlay;
	struct transport *transport;
	struct proxy_identities identities;
	struct proxy *proxy;
	struct runtime *runtime;
	struct services *services;
	struct names *names;
	struct redirect *redirect;
	struct daemon_redirection redirections[DAEMON_REDIRECTIONS_MAX];
	size_t n_redirections;
	struct history *history;
	bool is_history_read;
	char history_error[DAEMON_ERROR_MAX];
	int history_write_error;
	char versions_error[DAEMON_ERROR_MAX];
	struct api *api;
	struct effects fx, running;
	bool is_running, is_stopping;
	int exit_status;
	uint64_t stop_at_ns;
	uv_timer_t deadline, clock, history_timer, watchdog, stop;
	unsigned int history_writes;
	uv_signal_t on_terminate, on_interrupt, on_hangup;
	uint8_t *keys;
	struct in6_addr mesh_prefix;
	uv_fs_event_t identity_watch, identities_watch;
	uv_timer_t identities_settle;
	struct api_certificate certificate;
	uint8_t certificate_digest[SHA256_LEN];
	uint8_t *key_pem;
	size_t key_pem_len;
	int64_t certificates_warned_s;
	char module_error[DAEMON_ERROR_MAX];
};

/* events.c: callback tables for the shells, and the timers and signals */
struct datapath_events daemon_datapath_events(struct daemon *d);
/** daemon_on_module() - The module is loaded, and we started without. */
void daemon_on_module(void *arg);
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
/** daemon_find_schema() - What the messages of a service of ours are, by the digest of its manifest. */
struct schema *daemon_find_schema(void *arg, const uint8_t *digest);
/** daemon_eject() - The provider does worse than others: avoid it for a time. */
void daemon_eject(void *arg, uint64_t request, const struct hub_id *provider, const uint8_t *digest,
		  uint64_t for_ns);
/** daemon_lost() - The provider a request leads to does not work. */
void daemon_lost(void *arg, uint64_t request, const struct hub_id *provider, const uint8_t *digest);
/** daemon_release() - The user of a request is done. */
void daemon_release(void *arg, uint64_t request);
/** daemon_result() - A use of a service ended. */
void daemon_result(void *arg, const struct hub_id *provider, const uint8_t *digest, bool is_error,
		   uint64_t latency_us);
/** daemon_order_version() - An operator wants another version. Return: hub_on_version_order(). */
int daemon_order_version(void *arg, const struct hub_version_order *order);
/** daemon_read_cache() - Manifests and history of an earlier run, to the hub. */
void daemon_read_cache(struct daemon *d);
/** daemon_run_blob() - BLOB_KEEP and BLOB_FORGET. */
void daemon_run_blob(struct daemon *d, const struct effect *effect);

/* history.c */
/** daemon_open_history() - Opens @d->history, or says why not and goes on without. */
void daemon_open_history(struct daemon *d);
/** daemon_read_history() - What an earlier run has left, to the hub, once. */
void daemon_read_history(struct daemon *d);
/** daemon_keep_versions() - Rulings and wishes, to disk; @d->versions_error says how it went. */
void daemon_keep_versions(struct daemon *d);
/** daemon_write_history() - What the registry knows, to disk; opens it again if need be. */
void daemon_write_history(struct daemon *d);

/* certificate.c */
/** daemon_keep_key() - Take the key out of @identity, for daemon_reload_certificate(). */
void daemon_keep_key(struct daemon *d, struct store_identity *identity);
/** daemon_reload_certificate() - Ours may have been renewed: show the new one from now on. */
void daemon_reload_certificate(struct daemon *d);

/* identities.c */
/** daemon_read_service_identities() - Those that are good for us, to @d->identities. */
void daemon_read_service_identities(struct daemon *d);
/** daemon_reload_service_identities() - Again: they may have been renewed, added, taken away. */
void daemon_reload_service_identities(struct daemon *d);
/** daemon_watch_identities() - Before privileges are dropped: reload when certificates change. */
void daemon_watch_identities(struct daemon *d);
/** daemon_warn_of_certificates() - Once a day of those that end soon, to the log. */
void daemon_warn_of_certificates(struct daemon *d);

/* bindings.c */
/** daemon_load_bindings() - Keys of hubs seen in earlier runs, into @d->trust. */
void daemon_load_bindings(struct daemon *d);
/** daemon_keep_bindings() - Keys seen for the first time, to disk. */
void daemon_keep_bindings(struct daemon *d);

/* revocations.c */
/** daemon_load_revocations() - Those on disk into @d->trust, before it is asked anything. */
void daemon_load_revocations(struct daemon *d);
/** daemon_reload_revocations() - The same while the hub runs: an operator may have put one there. */
void daemon_reload_revocations(struct daemon *d);
/** daemon_install_revocations() - Return: hub_on_revocations(), with a sentence unless 0. */
int daemon_install_revocations(void *arg, const uint8_t *bytes, size_t len,
			       const char **error_text);
/** daemon_revocations_error() - Sentence for an error of trust_add_revocations(). */
const char *daemon_revocations_error(int error);
/** daemon_run_revocations() - REVOCATIONS. */
void daemon_run_revocations(struct daemon *d, const struct effect *effect);

/* names.c */
/** daemon_open_names() - Opens @d->names, or says why not and goes on without. */
void daemon_open_names(struct daemon *d);
/** daemon_open_redirect() - Opens @d->redirect, or says why not and goes on without. */
void daemon_open_redirect(struct daemon *d);

/* proxy.c */
/** daemon_proxy_events() - What the proxy asks of the rest. */
struct proxy_events daemon_proxy_events(struct daemon *d);

/* settings.c */
/** daemon_unix_time() - Seconds since 1970; 0 when the clock was evidently never set. */
int64_t daemon_unix_time(void);
/** daemon_fill_settings() - What configuration gives the hub; the rest is left alone. */
void daemon_fill_settings(const struct config *config, struct hub_settings *ret);
/** daemon_apply_topology() - Tell the module which hubs frames are exchanged with. */
void daemon_apply_topology(struct daemon *d);
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
