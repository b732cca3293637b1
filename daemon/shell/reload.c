// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: SIGHUP and POST /v1/reload
 *
 * The whole file is read and checked first; one error or one change that
 * needs a restart, and nothing changes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/lib/secret.h"
#include "daemon/shell/daemon.h"

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* The launcher was told before it could be told anything else. */
static bool is_same_runtime(const struct config *old, const struct config *new)
{
	for (size_t i = 0; i < CONFIG_RUNTIME_USERS_MAX; i++)
		if (!is_same_text(old->runtime_users[i], new->runtime_users[i]))
			return false;
	return is_same_text(old->runtime_bundles, new->runtime_bundles);
}

/* Name of the first setting whose change needs a restart, or NULL. */
static const char *needs_restart(const struct config *old, const struct config *new)
{
	if (!is_same_text(old->mesh, new->mesh))
		return "mesh";
	if (!is_same_text(old->state_dir, new->state_dir))
		return "state";
	if (!is_same_text(old->socket_path, new->socket_path))
		return "socket";
	if (!is_same_text(old->user, new->user))
		return "user";
	if (!is_same_text(old->services_dir, new->services_dir))
		return "services.directory";
	if (!is_same_runtime(old, new))
		return "runtime";
	if (!is_same_text(old->ifname, new->ifname))
		return "interface.name";
	if (old->is_udp_only != new->is_udp_only)
		return "underlay.carrier";
	if (old->control_port != new->control_port)
		return "ports.control";
	if (old->data_port != new->data_port)
		return "ports.data";
	if (!endpoint_equal(&old->names_listen, &new->names_listen))
		return "names.listen";
	if (!endpoint_equal(&old->names_upstream, &new->names_upstream))
		return "names.upstream";
	if (old->is_redirect_off != new->is_redirect_off ||
	    !is_same_text(old->redirect_cgroup, new->redirect_cgroup))
		return "redirect.cgroup";
	if (old->proxy->port != new->proxy->port || old->proxy->has_port != new->proxy->has_port)
		return "proxy.port";
	return NULL;
}

struct underlay_settings daemon_underlay_settings(const struct config *config)
{
	return (struct underlay_settings){
		.include = (const char *const *)config->include,
		.exclude = (const char *const *)config->exclude,
		.n_include = config->n_include,
		.n_exclude = config->n_exclude,
		.mesh_ifname = config->ifname,
		.port = config->control_port,
	};
}

/* These warn: the file is good, and what the kernel refuses stays as it was. */
static void apply_to_datapath(struct daemon *d)
{
	int error;

	if (!d->datapath)
		return;
	error = datapath_set_mtu(d->datapath, d->config.mtu);
	if (!error)
		error = datapath_set_probes(d->datapath, d->config.probe_ms,
					    d->config.probe_misses);
	if (error)
		log_warning(LOG_LOCAL_CLASS, "event=reload-partly error=\"%s\"",
			    datapath_last_error(d->datapath));
}

static void apply(struct daemon *d)
{
	struct underlay_settings underlay = daemon_underlay_settings(&d->config);
	struct hub_settings *settings = secret_new(sizeof(*settings));
	int error;

	log_set_level(d->config.log_level);
	error = underlay_reload(d->underlay, &underlay);
	if (error)
		log_warning(LOG_LOCAL_CLASS, "event=reload-partly what=underlay error=\"%s\"",
			    strerror(-error));
	apply_to_datapath(d);
	*settings = *hub_get_settings(d->hub);
	daemon_fill_settings(&d->config, settings);
	hub_on_config(d->hub, daemon_now_ns(d), settings, &d->fx);
	daemon_apply_topology(d);
	secret_free(settings);
	proxy_reload(d->proxy, d->config.proxy);
	daemon_run_effects(d);
}

static void log_lines(char *text)
{
	char *rest = NULL, quoted[LOG_LINE_MAX / 2];

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		log_error(LOG_LOCAL_CLASS, "event=config-refused action=keep-old text=%s",
			  log_quote(line, quoted, sizeof(quoted)));
}

int daemon_reload(void *arg, char *error, size_t error_size)
{
	struct daemon *d = arg;
	struct config config = {0};
	const char *restart;
	char copy[4096];
	int result = config_load(d->config_path, &config, error, error_size);

	restart = result ? NULL : needs_restart(&d->config, &config);
	if (restart) {
		snprintf(error, error_size,
			 "%s: '%s' cannot change while meshd runs; run: systemctl restart meshd\n",
			 d->config_path, restart);
		config_fini(&config);
	}
	if (result || restart) {
		snprintf(copy, sizeof(copy), "%s", error);
		log_lines(copy);
		return -EINVAL;
	}
	config_fini(&d->config);
	d->config = config;
	apply(d);
	daemon_reload_revocations(d);
	daemon_reload_certificate(d);
	daemon_reload_service_identities(d);
	log_info(LOG_INFO_CLASS, "event=reloaded file=%s", d->config_path);
	return 0;
}
