// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: history: of services, and what was ruled and ordered of their versions, to disk and back
 *
 * What cannot be opened or written is tried again once a minute.  A file that
 * opens late is read then, and adds to what this run knows; what cannot be
 * kept is in force meanwhile, and who ordered it is told.
 */
#include <errno.h>
#include <string.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/shell/daemon.h"

static void on_version(void *arg, const struct registry_version *version)
{
	hub_on_service_history(((struct daemon *)arg)->hub, version);
}

static void on_ruling(void *arg, const struct versions_ruling *ruling)
{
	hub_on_version_ruling(((struct daemon *)arg)->hub, ruling);
}

static void on_wish(void *arg, const struct versions_wish *wish)
{
	hub_on_version_wish(((struct daemon *)arg)->hub, wish);
}

/* ---- to open ---- */

static void note_error(struct daemon *d, const char *text)
{
	char quoted[DAEMON_ERROR_MAX];

	if (strcmp(text, d->history_error) == 0)
		return;
	snprintf(d->history_error, sizeof(d->history_error), "%s", text);
	log_warning(
		LOG_LOCAL_CLASS,
		"event=no-history effect=\"pins, canaries and rollbacks of earlier runs are not "
		"in force, and new ones are forgotten at a restart; tried again every minute\" "
		"text=%s",
		log_quote(text, quoted, sizeof(quoted)));
}

/* Return: 0 or -errno with a sentence. */
static int open_again(struct daemon *d, const char **error_text)
{
	_cleanup_free_ char *dir = xasprintf("%s/history", d->config.state_dir);
	int r = d->history ? history_open(d->history, error_text) : -ESTALE;

	if (r != -ESTALE)
		return r;
	history_close(d->history);
	d->history = NULL;
	r = history_new(dir, &d->history, error_text);
	return r ? r : history_open(d->history, error_text);
}

void daemon_open_history(struct daemon *d)
{
	const char *error_text = "";

	if (open_again(d, &error_text)) {
		note_error(d, error_text);
		return;
	}
	if (d->history_error[0])
		log_info(LOG_INFO_CLASS, "event=history-opened");
	d->history_error[0] = '\0';
}

void daemon_read_history(struct daemon *d)
{
	if (d->history_error[0] || d->is_history_read)
		return;
	/* Told twice they would count once, the versions' results would not: so these come first. */
	if (history_restore_rulings(d->history, on_ruling, on_wish, d) < 0) {
		log_error(LOG_LOCAL_CLASS, "event=history-unreadable");
		return;
	}
	d->is_history_read = true;
	if (history_restore(d->history, on_version, d) < 0)
		log_error(LOG_LOCAL_CLASS, "event=history-unreadable");
}

/* ---- to write ---- */

static const char *text_of(int error)
{
	switch (error) {
	case -EBADMSG:
		return "history.db is damaged";
	case -ENODEV:
		return "history.db is not open";
	default:
		return strerror(-error);
	}
}

/* The file is there and open, and what was in it is in what we would write. */
static bool is_ready(const struct daemon *d)
{
	return d->history && history_is_open(d->history) && d->is_history_read;
}

void daemon_keep_versions(struct daemon *d)
{
	int r = is_ready(d) ? history_write_rulings(d->history, hub_get_versions(d->hub)) : -ENODEV;
	const char *text = !r ? "" : d->history_error[0] ? d->history_error : text_of(r);
	char quoted[DAEMON_ERROR_MAX];

	if (r && strcmp(text, d->versions_error) != 0)
		log_error(
			LOG_LOCAL_CLASS,
			"event=versions-not-kept effect=\"forgotten at a restart, unless it can be "
			"written before; tried again every minute\" text=%s",
			log_quote(text, quoted, sizeof(quoted)));
	if (!r && d->versions_error[0])
		log_info(LOG_INFO_CLASS, "event=versions-kept");
	snprintf(d->versions_error, sizeof(d->versions_error), "%s", text);
}

/* What is told of an earlier run is in force at once. */
static void read_late(struct daemon *d)
{
	if (d->is_history_read)
		return;
	daemon_read_history(d);
	hub_on_history_read(d->hub, daemon_now_ns(d), &d->fx);
	daemon_run_effects(d);
}

/* Return: false it is not open, or was not read. */
static bool make_ready(struct daemon *d)
{
	if (is_ready(d) && !history_is_read_only(d->history))
		return true;
	daemon_open_history(d);
	if (d->history_error[0])
		return false;
	read_late(d);
	if (d->is_history_read && !history_is_read_only(d->history))
		daemon_keep_versions(d); /* the file may be a new one */
	return d->is_history_read;
}

static void write_services(struct daemon *d)
{
	int64_t now = daemon_unix_time();
	int r = history_write(d->history, hub_get_registry(d->hub), now);

	if (!r && d->history_writes++ % DAEMON_HISTORY_THIN == 0)
		r = history_thin(d->history, now);
	if (r && r != d->history_write_error)
		log_error(LOG_LOCAL_CLASS, "event=history-not-written error=\"%s\"", text_of(r));
	d->history_write_error = r;
}

void daemon_write_history(struct daemon *d)
{
	bool has_started = d->history_timer.data;

	if (!has_started || !make_ready(d))
		return;
	if (d->versions_error[0])
		daemon_keep_versions(d);
	write_services(d);
}
