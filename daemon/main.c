// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshd: start, run, stop
 *
 * Read main() for the order.  Whatever fails before the loop ends the
 * program with one sentence on stderr, except the kernel module: without it
 * this hub is a control plane only.  Closing is the same order backwards.
 */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/lib/secret.h"
#include "daemon/privilege/privilege.h"
#include "daemon/runtime/launcher.h"
#include "daemon/shell/daemon.h"
#include "daemon/shell/notify.h"
#include "daemon/shell/resident.h"
#include "hubmesh/version.h"

#define DEFAULT_CONFIG "/etc/hubmesh/meshd.yaml"
#define CONFIG_ERRORS_TEXT_MAX 8192

/**
 * struct options - command line
 * @config_path: -c
 * @only_checks: --check-config
 */
struct options {
	const char *config_path;
	bool only_checks;
};

/* Prints the sentence, also to the journal; returns the exit status. */
static int refuse(int status, const char *text)
{
	char quoted[LOG_LINE_MAX / 2];

	log_error(LOG_LOCAL_CLASS, "event=start-failed text=%s",
		  log_quote(text, quoted, sizeof(quoted)));
	notify_send("STATUS=%s\nERRNO=%d", text, EINVAL);
	return status;
}

/* A full disk may have room again any moment: the service manager tries again, unlike EX_CONFIG. */
static int refuse_state(int error, const char *text)
{
	bool may_pass = error == -ENOSPC || error == -EDQUOT || error == -EROFS;

	return refuse(may_pass ? EX_TEMPFAIL : EX_CONFIG, text);
}

/* --- command line and configuration --- */

static void print_usage(FILE *to)
{
	fputs("usage: meshd [-c FILE] [--check-config]\n"
	      "\n"
	      "  -c, --config FILE   settings (default " DEFAULT_CONFIG ")\n"
	      "      --check-config  check the settings, say ok or what is wrong, and exit\n"
	      "  -V, --version       print the version and exit\n"
	      "  -h, --help          print this and exit\n"
	      "\n"
	      "meshd stays in the foreground and logs to stderr.  SIGHUP: read the settings\n"
	      "again.  SIGTERM: stop.  See meshd(8), meshd.yaml(5).\n",
	      to);
}

/* Return: -1 to go on, or the exit status. */
static int parse_options(int argc, char **argv, struct options *ret)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"check-config", no_argument, NULL, 'C'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{"foreground", no_argument, NULL, 'f'}, /* it always is */
		{0},
	};
	int c;

	ret->config_path = DEFAULT_CONFIG;
	while ((c = getopt_long(argc, argv, "c:Vhf", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			ret->config_path = optarg;
			break;
		case 'C':
			ret->only_checks = true;
			break;
		case 'V':
			puts("meshd " HUBMESH_VERSION);
			return EX_OK;
		case 'h':
			print_usage(stdout);
			return EX_OK;
		case 'f':
			break;
		default:
			print_usage(stderr);
			return EX_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "meshd: unexpected argument '%s'\n", argv[optind]);
	print_usage(stderr);
	return EX_USAGE;
}

static int load_config(struct daemon *d, const struct options *options)
{
	char errors[CONFIG_ERRORS_TEXT_MAX];

	d->config_path = options->config_path;
	if (config_load(d->config_path, &d->config, errors, sizeof(errors)) == 0)
		return 0;
	fputs(errors, stderr);
	return EX_DATAERR;
}

/* --- launcher of programs --- */

/* First of all: it is forked, and what is opened later is not its business. */
static int open_runtime(struct daemon *d)
{
	struct launcher_settings settings = {.bundles = d->config.runtime_bundles};
	const char *error_text = "";
	char text[128];
	int fd;

	for (size_t i = 0; i < d->config.n_runtime_users; i++) {
		struct launcher_account *account = &settings.accounts[settings.n_accounts++];
		const char *user = d->config.runtime_users[i];
		struct privilege_account found;

		snprintf(text, sizeof(text),
			 "account '%s' (runtime.users) does not exist; run: useradd --system %s",
			 user, user);
		if (privilege_find_account(user, &found) < 0)
			return refuse(EX_NOUSER, text);
		snprintf(account->name, sizeof(account->name), "%s", user);
		account->uid = found.uid;
		account->gid = found.gid;
	}
	if (!settings.n_accounts)
		return 0;
	if (launcher_fork(&settings, &fd, &error_text) < 0)
		return refuse(EX_NOPERM, error_text);
	d->runtime = runtime_new(&d->loop, fd);
	return 0;
}

/* --- identity and numbers --- */

/* The PEM files are needed once more, by the transport. */
static int open_identity(struct daemon *d, struct store_identity *identity,
			 struct hub_settings *settings, uint8_t *cert_der)
{
	const char *error_text = NULL;
	char error[DAEMON_ERROR_MAX];
	int r = store_open(d->config.state_dir, &d->store, &error_text);

	if (!r)
		r = store_load_identity(d->store, identity, &error_text);
	if (r < 0)
		return refuse_state(r, error_text);
	d->trust = trust_new(d->config.mesh);
	r = daemon_read_identity(d, identity, settings, cert_der, TRUST_CERT_MAX, error);
	if (!r)
		r = daemon_read_numbers(d, settings, error);
	if (r < 0)
		return refuse_state(r, error);
	daemon_fill_settings(&d->config, settings); /* looks for our id among the centres */
	return 0;
}

/* --- shells --- */

static int open_datapath(struct daemon *d, const struct hub_settings *settings)
{
	const struct config *config = &d->config;
	struct datapath_settings wanted = {
		.ifname = config->ifname,
		.id = settings->id,
		.data_port = config->data_port,
		.control_port = config->control_port,
		.mtu = config->mtu,
		.probe_ms = config->probe_ms,
		.probe_misses = config->probe_misses,
		.cipher = config->cipher,
	};
	struct datapath_events events = daemon_datapath_events(d);
	const char *error_text = "";
	char quoted[DAEMON_ERROR_MAX];
	int error = datapath_open(&d->loop, &wanted, &events, &d->datapath, &error_text);

	/* It may come between a look and a wait, so there is a look after that. */
	if (error == -ENOENT && !datapath_wait_new(&d->loop, daemon_on_module, d, &d->module_wait))
		error = datapath_open(&d->loop, &wanted, &events, &d->datapath, &error_text);
	if (error != -ENOENT) {
		datapath_wait_free(d->module_wait);
		d->module_wait = NULL;
	}
	if (!error)
		return 0;
	if (error != -ENOENT && error != -EPERM)
		return refuse(EX_UNAVAILABLE, error_text);
	snprintf(d->module_error, sizeof(d->module_error), "%s", error_text);
	log_warning(LOG_LOCAL_CLASS, "event=no-datapath effect=control-plane-only text=%s",
		    log_quote(error_text, quoted, sizeof(quoted)));
	return 0;
}

static int open_network(struct daemon *d, const struct store_identity *identity)
{
	struct underlay_settings underlay = daemon_underlay_settings(&d->config);
	struct underlay_events underlay_events = daemon_underlay_events(d);
	struct transport_settings transport = {
		.cert_pem = identity->cert_pem,
		.cert_pem_len = identity->cert_pem_len,
		.key_pem = identity->key_pem,
		.key_pem_len = identity->key_pem_len,
		.port = d->config.control_port,
		.is_mesh_address = daemon_is_mesh_address,
	};
	struct transport_events transport_events = daemon_transport_events(d);
	const char *error_text = "";

	if (underlay_open(&d->loop, &underlay, &underlay_events, &d->underlay, &error_text) < 0 ||
	    transport_new(&d->loop, &transport, d->trust, &transport_events, &d->transport,
			  &error_text) < 0)
		return refuse(EX_UNAVAILABLE, error_text);
	return 0;
}

static int open_proxy(struct daemon *d, const struct store_identity *identity,
		      struct hub_settings *settings)
{
	const struct proxy_options options = {
		.cert_pem = identity->cert_pem,
		.cert_pem_len = identity->cert_pem_len,
		.key_pem = identity->key_pem,
		.key_pem_len = identity->key_pem_len,
		.mesh = settings->mesh,
		.identities = &d->identities,
		.settings = d->config.proxy,
	};
	struct proxy_events events = daemon_proxy_events(d);
	const char *error_text = "";

	if (proxy_open(&d->loop, &options, d->trust, &events, &d->proxy, &error_text) < 0)
		return refuse(EX_UNAVAILABLE, error_text);
	settings->proxy_port = proxy_port(d->proxy);
	return 0;
}

static int open_services(struct daemon *d)
{
	struct services_events events = daemon_services_events(d);
	const char *error_text = "";
	int r;

	daemon_open_history(d);
	r = services_open(&d->loop, d->config.services_dir, d->runtime, &events, &d->services,
			  &error_text);
	return r < 0 ? refuse_state(r, error_text) : 0;
}

static void remember_line(void *arg, int64_t unix_ms, int level, const char *class,
			  const char *text)
{
	api_log_line(((struct daemon *)arg)->api, unix_ms, level, class, text);
}

static int open_api(struct daemon *d)
{
	struct api_context context = {
		.hub = d->hub,
		.datapath = d->datapath,
		.transport = d->transport,
		.underlay = d->underlay,
		.proxy = d->proxy,
		.services = d->services,
		.names = d->names,
		.history = &d->history,
		.history_error = d->history_error,
		.versions_error = d->versions_error,
		.config = &d->config,
		.module_error = d->datapath ? NULL : d->module_error,
		.certificate = &d->certificate,
		.store = d->store,
		.identities = &d->identities,
		.now_ns = daemon_now_ns,
		.reload = daemon_reload,
		.resolve = daemon_resolve,
		.release = daemon_release,
		.result = daemon_result,
		.order_version = daemon_order_version,
		.revoke = daemon_install_revocations,
		.arg = d,
	};
	_cleanup_free_ char *path = xstrdup(d->config.socket_path);
	const char *error_text = "";

	if (mkdir(dirname(path), 0755) < 0 && errno != EEXIST)
		log_debug(LOG_LOCAL_CLASS, "event=socket-directory error=\"%s\"", strerror(errno));
	if (api_open(&d->loop, d->config.socket_path, &context, &d->api, &error_text) < 0)
		return refuse(EX_UNAVAILABLE, error_text);
	log_set_sink(remember_line, d);
	return 0;
}

/* --- privileges --- */

static int drop_privileges(struct daemon *d)
{
	bool low = d->config.control_port < PRIVILEGE_LOW_PORTS_END ||
		   d->config.data_port < PRIVILEGE_LOW_PORTS_END ||
		   proxy_needs_low_port(d->config.proxy);
	struct privilege_account account;
	const char *error_text = "";
	char text[128];

	if (d->config.user) {
		snprintf(text, sizeof(text),
			 "account '%s' (user:) cannot be used; run: useradd --system %s",
			 d->config.user, d->config.user);
		if (privilege_find_account(d->config.user, &account) < 0 ||
		    store_give(d->store, account.uid, account.gid) < 0 ||
		    services_give(d->services, account.uid, account.gid) < 0 ||
		    (d->history && history_give(d->history, account.uid, account.gid) < 0) ||
		    chown(d->config.socket_path, account.uid, account.gid) < 0)
			return refuse(EX_NOUSER, text);
	}
	if (privilege_drop(d->config.user ? &account : NULL, low, &error_text) < 0)
		return refuse(EX_NOPERM, error_text);
	if (privilege_filter_syscalls() < 0)
		return refuse(EX_OSERR, "the system call filter cannot be loaded; the kernel needs "
					"CONFIG_SECCOMP_FILTER");
	return 0;
}

/* --- life --- */

/* Returns the exit status; what was opened until then is in @d. */
static int open_all(struct daemon *d)
{
	struct hub_settings *settings = secret_new(sizeof(*settings));
	struct store_identity identity = {0};
	uint8_t cert_der[TRUST_CERT_MAX];
	int status = open_identity(d, &identity, settings, cert_der);

	if (!status)
		status = open_datapath(d, settings);
	if (!status)
		status = open_network(d, &identity);
	if (!status)
		status = open_proxy(d, &identity, settings);
	if (!status) {
		settings->has_datapath = d->datapath != NULL;
		d->hub = hub_new(settings, d->trust);
		d->trust = NULL; /* the hub's now */
		daemon_apply_topology(d);
		daemon_keep_key(d, &identity);
		daemon_watch_identities(d);
		daemon_read_service_identities(d);
		status = open_services(d);
	}
	if (!status) {
		daemon_open_names(d);
		daemon_open_redirect(d);
		status = open_api(d);
	}
	store_identity_wipe(&identity);
	secret_free(settings);
	return status ? status : drop_privileges(d);
}

static void close_all(struct daemon *d)
{
	log_set_sink(NULL, NULL);
	daemon_write_history(d);
	daemon_close_events(d);
	services_end_calls(d->services); /* the API may wait for some */
	api_close(d->api);
	redirect_close(d->redirect);
	names_close(d->names);
	services_close(d->services);
	runtime_close(d->runtime);
	proxy_close(d->proxy);
	d->proxy = NULL;
	if (d->transport)
		transport_free(d->transport);
	underlay_close(d->underlay);
	datapath_wait_free(d->module_wait);
	datapath_close(d->datapath, !d->config.keep_interface);
	uv_run(&d->loop, UV_RUN_DEFAULT); /* until every handle is closed */
	uv_loop_close(&d->loop);
	if (d->hub)
		hub_free(d->hub); /* and with it what the transport verified by */
	trust_free(d->trust);
	proxy_identities_fini(&d->identities);
	effects_fini(&d->fx);
	effects_fini(&d->running);
	secret_free(d->keys);
	secret_free(d->key_pem);
	history_close(d->history);
	store_close(d->store);
	config_fini(&d->config);
}

static void run(struct daemon *d)
{
	char id[HUB_ID_STRLEN];

	daemon_start_events(d);
	hub_id_format(&hub_get_settings(d->hub)->id, id);
	log_info(LOG_INFO_CLASS,
		 "event=started version=" HUBMESH_VERSION " hub=%s name=%s mesh=%s datapath=%d", id,
		 d->config.name, d->config.mesh, d->datapath != NULL);
	resident_drop_startup();
	notify_send("READY=1\nSTATUS=Hub %s (%s) of mesh %s%s", d->config.name, id, d->config.mesh,
		    d->datapath ? "" : ", without the kernel module");
	uv_run(&d->loop, UV_RUN_DEFAULT);
	log_info(LOG_INFO_CLASS, "event=stopped");
}

/* One thread, small heap: give memory back and never make a second arena. */
static void tune_heap(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TRIM_THRESHOLD, 256 << 10);
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct daemon *d;
	int status = parse_options(argc, argv, &options);

	if (status >= 0)
		return status;
	tune_heap();
	signal(SIGPIPE, SIG_IGN);
	umask(0077);
	d = xnew(struct daemon);
	uv_loop_init(&d->loop);
	status = load_config(d, &options);
	if (!status && options.only_checks) {
		puts("ok");
	} else if (!status) {
		log_set_level(d->config.log_level);
		privilege_hide_memory();
		status = open_runtime(d);
		d->keys = secret_new(2 * TRANSPORT_KEYMAT_LEN);
		if (!status)
			status = open_all(d);
		if (!status) {
			run(d);
			status = d->exit_status;
		}
	}
	close_all(d);
	free(d);
	return status;
}
