// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: services: see services.h
 *
 * inotify only says "look": after SERVICES_SETTLE_MS the whole directory is
 * read and compared with what is in force, so lost and doubled events need no
 * care.  Files are opened through a descriptor taken before privileges were
 * dropped.
 *
 * inotify watches a directory, not a path.  Now and then it is looked whether
 * the path leads to another one: removed and made anew, a link that points
 * elsewhere, something mounted there.  Then that one is opened and watched.
 * While it leads nowhere all stays as it is.
 */
#include "daemon/services/services.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/services/endpoint_server.h"
#include "daemon/services/health.h"

#define SUFFIX ".yaml"
#define TEMP_NAME ".incoming"

/**
 * struct file - a file and what came of it
 * @name: in the directory
 * @digest: of its content when it was last read
 * @definition: in force, NULL none
 * @error: of the content last read, NULL none
 * @is_seen: mark of a scan
 * @is_blocked: @error is about other things than the content: looked at again by each scan
 * @descriptor: path of the descriptor that was last looked for, "" none
 * @stamp: of that, then
 * @watch: of the directory of @descriptor, if that is another one; NULL none
 * @schema: in force with @definition, NULL none
 * @services: it belongs to
 * @health: checker, NULL none
 * @unit: its program, NULL none
 * @function: NULL when it is none
 * @server: of @function, NULL it cannot be served now
 * @trouble: why @server is NULL, NULL none; tried again every SERVICES_RETRY_MS
 */
struct file {
	char name[SERVICES_FILE_NAME_MAX + 1];
	uint8_t digest[SHA256_LEN];
	struct service_definition *definition;
	char *error;
	bool is_seen, is_blocked;
	char descriptor[DESCRIPTOR_PATH_MAX + 1];
	struct descriptor_stamp stamp;
	uv_fs_event_t *watch;
	struct schema *schema;
	struct services *services;
	struct health *health;
	struct unit *unit;
	struct function *function;
	struct endpoint_server *server;
	char *trouble;
};

/**
 * struct services - the shell
 * @events: whom to tell
 * @runtime: runs programs, NULL none
 * @path: of the directory
 * @fd: the directory
 * @watch: inotify
 * @settle: runs the scan
 * @look: runs look_at_path()
 * @retry: runs while a function cannot be served
 * @handles: of libuv, still open
 * @files: in no order
 * @n: entries of @files
 * @n_excess: files there is no room for, by the last scan
 * @is_started: services_start() was called
 * @is_lost: @path leads nowhere, and the log says so
 * @has_changed: something was set or removed since a scan cleared this
 */
struct services {
	struct services_events events;
	struct runtime *runtime;
	char *path;
	int fd;
	uv_fs_event_t watch;
	uv_timer_t settle, look, retry;
	unsigned int handles;
	struct file *files[SERVICES_FILES_MAX];
	size_t n, n_excess;
	bool is_started, is_lost, has_changed;
};

static _Thread_local char error_buffer[512];

static void stop_function(struct file *file)
{
	if (file->function)
		function_end_calls(file->function);
	endpoint_server_free(file->server);
	function_free(file->function);
	free(file->trouble);
	file->server = NULL;
	file->function = NULL;
	file->trouble = NULL;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct services *services = handle->data;

	if (--services->handles)
		return;
	if (services->fd >= 0)
		close(services->fd);
	free(services->path);
	free(services);
}

static void on_watch_closed(uv_handle_t *handle)
{
	on_handle_closed(handle);
	free(handle);
}

static void unwatch(struct file *file)
{
	if (!file->watch)
		return;
	file->watch->data = file->services; /* the file may be gone by then */
	uv_close((uv_handle_t *)file->watch, on_watch_closed);
	file->watch = NULL;
}

static void file_free(struct file *file)
{
	stop_function(file);
	unwatch(file);
	health_free(file->health);
	unit_free(file->unit);
	schema_put(file->schema);
	free(file->definition);
	free(file->error);
	free(file);
}

static void log_lines(const char *text)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *rest = NULL, quoted[LOG_LINE_MAX / 2];

	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		log_error(LOG_LOCAL_CLASS, "event=service-refused text=%s",
			  log_quote(line, quoted, sizeof(quoted)));
}

static struct file *file_find(struct services *services, const char *name)
{
	for (size_t i = 0; i < services->n; i++)
		if (strcmp(services->files[i]->name, name) == 0)
			return services->files[i];
	return NULL;
}

static bool is_same_service(const struct service_definition *a, const struct service_definition *b)
{
	return strcmp(a->manifest.name, b->manifest.name) == 0 &&
	       strcmp(a->manifest.version_text, b->manifest.version_text) == 0;
}

/* Another file that is in force for the same name and version. */
static struct file *rival_of(const struct services *services, const struct file *file,
			     const struct service_definition *definition)
{
	for (size_t i = 0; i < services->n; i++) {
		struct file *other = services->files[i];

		if (other != file && other->definition &&
		    is_same_service(other->definition, definition))
			return other;
	}
	return NULL;
}

static void file_set_error(struct file *file, const char *text)
{
	bool is_news = text && (!file->error || strcmp(file->error, text) != 0);

	free(file->error);
	file->error = text ? xstrdup(text) : NULL;
	file->is_blocked = false;
	if (is_news)
		log_lines(text);
}

/* It may pass without the file being changed. */
static void file_set_blocked(struct file *file, const char *text)
{
	file_set_error(file, text);
	file->is_blocked = true;
}

static void on_health(void *arg, enum service_state state, const char *why)
{
	struct file *file = arg;
	const struct manifest *m = &file->definition->manifest;

	if (why[0])
		log_warning(LOG_LOCAL_CLASS,
			    "event=service-unwell service=%s version=%s why=\"%s\"", m->name,
			    m->version_text, why);
	file->services->events.state(file->services->events.arg, m->name, m->version_text, state);
}

static void on_unit_state(void *arg, enum service_state state)
{
	struct file *file = arg;
	const struct manifest *m = &file->definition->manifest;

	file->services->events.state(file->services->events.arg, m->name, m->version_text, state);
}

static bool on_unit_leases(void *arg)
{
	struct file *file = arg;
	const struct manifest *m = &file->definition->manifest;

	return file->services->events.has_leases(file->services->events.arg, m->name,
						 m->version_text);
}

/* What meshd runs is checked by its unit. Return: it is. */
static bool restart_unit(struct services *services, struct file *file)
{
	const struct unit_events events = {on_unit_state, on_unit_leases, file};
	bool is_unit = file->definition->run.kind == RUN_SERVICE;

	if (!is_unit) {
		unit_free(file->unit);
		file->unit = NULL;
	} else if (file->unit) {
		unit_change(file->unit, file->definition);
	} else {
		file->unit = unit_new(services->settle.loop, services->runtime, file->definition,
				      &events);
	}
	return is_unit;
}

static void begin_checks(struct services *services, struct file *file)
{
	const struct service_definition *d = file->definition;

	services->events.state(services->events.arg, d->manifest.name, d->manifest.version_text,
			       SERVICE_AVAILABLE);
	if (d->manifest.health != MANIFEST_HEALTH_NONE)
		file->health = health_new(services->settle.loop, services->runtime, d,
					  SERVICE_AVAILABLE, on_health, file);
}

static void on_retry(uv_timer_t *timer);

static void note_trouble(struct services *services, struct file *file, int error)
{
	const struct manifest *m = &file->definition->manifest;
	char text[DEFINITION_ERROR_MAX];

	snprintf(text, sizeof(text),
		 "%s: endpoint %.107s cannot be listened at: %s; it is tried again every %d s\n",
		 file->name, m->endpoints[0], strerror(-error), SERVICES_RETRY_MS / 1000);
	if (!file->trouble || strcmp(file->trouble, text) != 0)
		log_error(LOG_LOCAL_CLASS,
			  "event=function-not-served service=%s endpoint=%s error=\"%s\"", m->name,
			  m->endpoints[0], strerror(-error));
	free(file->trouble);
	file->trouble = xstrdup(text);
	services->events.state(services->events.arg, m->name, m->version_text, SERVICE_FAILING);
	uv_timer_start(&services->retry, on_retry, SERVICES_RETRY_MS, 0);
}

static void serve_function(struct services *services, struct file *file)
{
	const struct manifest *m = &file->definition->manifest;
	int error = endpoint_server_new(services->settle.loop, file->function, m->endpoints[0],
					&file->server);

	if (error) {
		note_trouble(services, file, error);
		return;
	}
	free(file->trouble);
	file->trouble = NULL;
	begin_checks(services, file);
}

static void on_retry(uv_timer_t *timer)
{
	struct services *services = timer->data;

	for (size_t i = 0; i < services->n; i++)
		if (services->files[i]->trouble)
			serve_function(services, services->files[i]);
}

/* Return: it is one. */
static bool start_function(struct services *services, struct file *file)
{
	const struct service_definition *d = file->definition;

	if (d->run.kind != RUN_FUNCTION)
		return false;
	file->function = function_new(services->settle.loop, services->runtime, d);
	serve_function(services, file);
	return true;
}

/* A changed check begins with what the service is believed to be: available. */
static void restart_health(struct services *services, struct file *file)
{
	health_free(file->health);
	file->health = NULL;
	stop_function(file); /* a program of its name may want the endpoint now */
	if (!restart_unit(services, file) && !start_function(services, file))
		begin_checks(services, file);
}

static void tell_removed(const struct services *services, const struct service_definition *d)
{
	services->events.removed(services->events.arg, d->manifest.name, d->manifest.version_text);
}

/* A program that we run is not ready yet, and its unit tells when it is. */
static enum service_state first_state(const struct service_definition *definition)
{
	return definition->run.kind == RUN_SERVICE ? SERVICE_FAILING : SERVICE_AVAILABLE;
}

/* The new one first, so that the name never goes; but where there is no room for both, it has to. */
static int replace(const struct services *services, const struct service_definition *old,
		   const struct service_definition *new)
{
	bool has_both = old && !is_same_service(old, new);
	int r = services->events.set(services->events.arg, new, first_state(new));

	if (r == -ENOSPC && has_both) {
		tell_removed(services, old);
		r = services->events.set(services->events.arg, new, first_state(new));
		if (r)
			services->events.set(services->events.arg, old, first_state(old));
	} else if (!r && has_both) {
		tell_removed(services, old);
	}
	return r;
}

/* Takes @new and @schema, which may be NULL. */
static void apply(struct services *services, struct file *file, struct service_definition *new,
		  struct schema *schema)
{
	_cleanup_free_ struct service_definition *old = file->definition;
	char error[DEFINITION_ERROR_MAX];
	int r;

	file->definition = new;
	r = replace(services, old, new);
	if (r) {
		snprintf(error, sizeof(error), "%s: cannot be offered: %s\n", file->name,
			 r == -ENOSPC ? "too many services; remove some" : strerror(-r));
		file->definition = steal_pointer(&old);
		free(new);
		schema_put(schema);
		file_set_blocked(file, error);
		return;
	}
	schema_put(file->schema);
	file->schema = schema;
	services->has_changed = true;
	restart_health(services, file);
	file_set_error(file, NULL);
	log_info(LOG_INFO_CLASS, "event=service-set file=%s service=%s version=%s", file->name,
		 new->manifest.name, new->manifest.version_text);
}

static bool lacks_runtime(const struct services *services, const char *file,
			  const struct service_definition *d, char *error, size_t error_size)
{
	if (services->runtime ||
	    (d->run.kind == RUN_NONE && d->manifest.health != MANIFEST_HEALTH_COMMAND))
		return false;
	snprintf(error, error_size,
		 "%s: %s needs programs to be run, and this meshd runs none; write runtime: "
		 "{users: [nobody]} in meshd.yaml and restart it\n",
		 file, d->run.kind == RUN_NONE ? "health.kind command" : "'run'");
	return true;
}

/* ---- descriptors ---- */

static void on_settled(uv_timer_t *timer);

static void on_descriptor_change(uv_fs_event_t *watch, const char *name, int events, int status)
{
	const struct file *file = watch->data;

	if (!name || strcmp(strrchr(file->descriptor, '/') + 1, name) == 0)
		uv_timer_start(&file->services->settle, on_settled, SERVICES_SETTLE_MS, 0);
}

/* One in the services' directory is watched with that. */
static void watch_descriptor(struct services *services, struct file *file)
{
	char directory[DESCRIPTOR_PATH_MAX + 1];
	char *end;

	unwatch(file);
	if (file->descriptor[0] != '/')
		return;
	memcpy(directory, file->descriptor, sizeof(directory));
	end = strrchr(directory, '/');
	end[end == directory] = '\0';
	file->watch = xnew(uv_fs_event_t);
	file->watch->data = file;
	uv_fs_event_init(services->settle.loop, file->watch);
	services->handles++;
	if (uv_fs_event_start(file->watch, on_descriptor_change, directory, 0) == 0)
		return;
	log_warning(LOG_LOCAL_CLASS,
		    "event=descriptor-not-watched file=%s descriptor=%s effect=\"changes are "
		    "noticed with those of the file\"",
		    file->name, file->descriptor);
	unwatch(file);
}

/* Whatever comes of it: it is looked at again when it has changed. */
static void note_descriptor(struct services *services, struct file *file, const char *path)
{
	bool is_other = strcmp(file->descriptor, path) != 0;

	snprintf(file->descriptor, sizeof(file->descriptor), "%s", path);
	if (is_other)
		watch_descriptor(services, file);
	if (path[0])
		file->stamp = descriptor_get_stamp(services->fd, path);
}

static bool has_new_descriptor(const struct services *services, const struct file *file)
{
	struct descriptor_stamp now;

	if (!file->descriptor[0])
		return false;
	now = descriptor_get_stamp(services->fd, file->descriptor);
	return !descriptor_stamp_equal(&now, &file->stamp);
}

/* Return: false refused. */
static bool read_descriptor(struct services *services, struct file *file, const char *path,
			    struct schema **ret)
{
	char error[DEFINITION_ERROR_MAX];

	*ret = NULL;
	note_descriptor(services, file, path);
	if (!path[0])
		return true;
	*ret = descriptor_read(services->fd, path, file->name, error, sizeof(error));
	if (!*ret)
		file_set_error(file, error);
	return *ret;
}

/* The definition is in force and stays as it is. */
static void replace_schema(struct services *services, struct file *file)
{
	struct schema *schema;

	if (!read_descriptor(services, file, file->definition->descriptor, &schema))
		return;
	schema_put(file->schema);
	file->schema = schema;
	log_info(LOG_INFO_CLASS, "event=descriptor-set file=%s descriptor=%s", file->name,
		 file->descriptor);
}

/* ---- files ---- */

static void drop(struct services *services, struct file *file)
{
	size_t i = 0;

	while (services->files[i] != file)
		i++;
	services->files[i] = services->files[--services->n];
	services->has_changed = true;
	if (file->definition) {
		log_info(LOG_INFO_CLASS, "event=service-removed file=%s", file->name);
		tell_removed(services, file->definition);
	}
	file_free(file);
}

static void drop_unseen(struct services *services)
{
	for (size_t i = services->n; i-- > 0;)
		if (!services->files[i]->is_seen)
			drop(services, services->files[i]);
}

static void read_content(struct services *services, struct file *file, const uint8_t *bytes,
			 size_t len)
{
	_cleanup_free_ struct service_definition *new = xnew(struct service_definition);
	char error[DEFINITION_ERROR_MAX];
	struct file *rival;
	struct schema *schema;

	note_descriptor(services, file, "");
	if (definition_parse(file->name, bytes, len, new, error, sizeof(error)) ||
	    lacks_runtime(services, file->name, new, error, sizeof(error))) {
		file_set_error(file, error);
		return;
	}
	rival = rival_of(services, file, new);
	if (rival && !rival->is_seen) { /* it was renamed */
		drop(services, rival);
		rival = NULL;
	}
	if (rival) {
		snprintf(error, sizeof(error),
			 "%s: %s already defines %s %s; change name or version, or remove one\n",
			 file->name, rival->name, new->manifest.name, new->manifest.version_text);
		file_set_blocked(file, error);
		return;
	}
	if (read_descriptor(services, file, new->descriptor, &schema))
		apply(services, file, steal_pointer(&new), schema);
}

/* Asked before a file is opened: of thousands most are not. */
static bool has_room(struct services *services, const char *name)
{
	if (file_find(services, name))
		return true;
	if (services->n == SERVICES_FILES_MAX)
		drop_unseen(services); /* the one that has this one's room may be gone */
	return services->n < SERVICES_FILES_MAX;
}

static struct file *file_get(struct services *services, const char *name)
{
	struct file *file = file_find(services, name);

	if (file)
		return file;
	file = services->files[services->n++] = xnew(struct file);
	file->services = services;
	snprintf(file->name, sizeof(file->name), "%s", name);
	return file;
}

static void explain_unreadable(const struct services *services, const char *name, int error,
			       char *buf, size_t size)
{
	switch (error) {
	case EACCES:
		snprintf(buf, size,
			 "%s: cannot be read: %s; meshd runs as uid %u, run: chown %u '%s/%s'\n",
			 name, strerror(error), geteuid(), geteuid(), services->path, name);
		break;
	case ELOOP:
		snprintf(buf, size, "%s: cannot be read: it is a symbolic link; write a file\n",
			 name);
		break;
	case EINVAL:
		snprintf(buf, size, "%s: cannot be read: it is no file; remove it\n", name);
		break;
	default:
		snprintf(buf, size, "%s: cannot be read: %s\n", name, strerror(error));
	}
}

static void scan_file(struct services *services, const char *name)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	uint8_t digest[SHA256_LEN];
	bool is_same;
	struct file *file;
	char error[DEFINITION_ERROR_MAX];
	ssize_t len;

	if (!has_room(services, name)) {
		services->n_excess++;
		return;
	}
	bytes = xmalloc(DEFINITION_FILE_MAX + 1);
	len = services_read_file(services->fd, name, bytes, DEFINITION_FILE_MAX + 1);
	if (len == -ENOENT)
		return; /* gone again */
	file = file_get(services, name);
	file->is_seen = true;
	if (len < 0) {
		explain_unreadable(services, name, (int)-len, error, sizeof(error));
		file_set_blocked(file, error);
		return;
	}
	sha256(bytes, (size_t)len, digest);
	is_same = (file->definition || file->error) && !file->is_blocked &&
		  !memcmp(digest, file->digest, SHA256_LEN);
	if (is_same && !has_new_descriptor(services, file))
		return;
	if (is_same && !file->error) {
		replace_schema(services, file);
		return;
	}
	memcpy(file->digest, digest, SHA256_LEN);
	read_content(services, file, bytes, (size_t)len);
}

static bool is_service_file(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len <= SERVICES_FILE_NAME_MAX && len > strlen(SUFFIX) &&
	       strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

static bool is_descriptor(const struct services *services, const char *name)
{
	for (size_t i = 0; i < services->n; i++)
		if (strcmp(services->files[i]->descriptor, name) == 0)
			return true;
	return false;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_wanted(const struct dirent *entry)
{
	return is_service_file(entry->d_name);
}

/* All are marked before any is read: what is gone must not stand in the way of what came. */
static void scan_names(struct services *services, struct dirent *const *names, int n)
{
	size_t n_excess = services->n_excess;

	services->has_changed = false;
	services->n_excess = 0;
	for (size_t i = 0; i < services->n; i++)
		services->files[i]->is_seen = false;
	for (int i = 0; i < n; i++) {
		struct file *file = file_find(services, names[i]->d_name);

		if (file)
			file->is_seen = true;
	}
	for (int i = 0; i < n; i++)
		scan_file(services, names[i]->d_name);
	drop_unseen(services);
	if (services->n_excess && services->n_excess != n_excess)
		log_error(LOG_LOCAL_CLASS,
			  "event=service-refused files=%zu reason=\"more than %d files\"",
			  services->n_excess, SERVICES_FILES_MAX);
}

static bool has_blocked(const struct services *services)
{
	for (size_t i = 0; i < services->n; i++)
		if (services->files[i]->is_blocked)
			return true;
	return false;
}

static void scan(struct services *services)
{
	struct dirent **names = NULL;
	int n = scandirat(services->fd, ".", &names, is_wanted, compare_names);

	if (n < 0) {
		log_error(LOG_LOCAL_CLASS, "event=services-unreadable error=\"%s\"",
			  strerror(errno));
		return;
	}
	scan_names(services, names, n);
	/* What one file was in the way of is possible when that changed; each round frees one. */
	for (size_t i = 0; i < SERVICES_FILES_MAX && services->has_changed && has_blocked(services);
	     i++)
		scan_names(services, names, n);
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

static void on_settled(uv_timer_t *timer)
{
	scan(timer->data);
}

static void on_change(uv_fs_event_t *watch, const char *name, int events, int status)
{
	struct services *services = watch->data;

	if (services->is_started &&
	    (!name || is_service_file(name) || is_descriptor(services, name)))
		uv_timer_start(&services->settle, on_settled, SERVICES_SETTLE_MS, 0);
}

/* ---- the directory ---- */

/* First the directory, then its watch: if the path changes between them, look_at_path() sees that. */
static int open_directory(struct services *services)
{
	_cleanup_close_ int fd = open(services->path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	uv_fs_event_stop(&services->watch);
	error = uv_fs_event_start(&services->watch, on_change, services->path, 0);
	if (error)
		return error;
	if (services->fd >= 0)
		close(services->fd);
	services->fd = steal_fd(&fd);
	return 0;
}

/* Return: -errno the path leads nowhere; 0 to the directory that is open; 1 to another one. */
static int compare_path(const struct services *services)
{
	struct stat now, then;

	if (fstat(services->fd, &then) < 0)
		return -errno;
	if (stat(services->path, &now) == 0)
		return now.st_dev != then.st_dev || now.st_ino != then.st_ino;
	/* The account we run as may not come to it: that it was deleted is seen all the same. */
	return errno == EACCES && then.st_nlink ? 0 : -errno;
}

static void look_at_path(struct services *services)
{
	int r = compare_path(services);

	if (r > 0)
		r = open_directory(services) ?: 1;
	if (r < 0 && !services->is_lost)
		log_warning(LOG_LOCAL_CLASS,
			    "event=services-directory-lost directory=%s error=\"%s\" hint=\"%s\"",
			    services->path, strerror(-r),
			    r == -EACCES
				    ? "make it, readable for meshd's account, and restart meshd"
				    : "make it anew, it is looked for");
	services->is_lost = r < 0;
	if (r <= 0)
		return;
	log_info(LOG_INFO_CLASS, "event=services-directory-changed directory=%s", services->path);
	scan(services);
}

static void on_look(uv_timer_t *timer)
{
	look_at_path(timer->data);
}

static int fail(const char **error_text, int error, const char *path)
{
	snprintf(error_buffer, sizeof(error_buffer),
		 "services directory %s: %s; make it, or name another with services.directory",
		 path, strerror(-error));
	*error_text = error_buffer;
	return error;
}

int services_open(uv_loop_t *loop, const char *path, struct runtime *runtime,
		  const struct services_events *events, struct services **ret,
		  const char **error_text)
{
	struct services *services;
	int error;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return fail(error_text, -errno, path);
	services = xnew(struct services);
	services->path = xstrdup(path);
	services->fd = -1;
	services->events = *events;
	services->runtime = runtime;
	uv_timer_init(loop, &services->settle);
	uv_timer_init(loop, &services->look);
	uv_fs_event_init(loop, &services->watch);
	uv_timer_init(loop, &services->retry);
	services->settle.data = services->look.data = services->watch.data = services;
	services->retry.data = services;
	services->handles = 4;
	error = open_directory(services);
	if (error) {
		services_close(services);
		return fail(error_text, error, path);
	}
	*ret = services;
	return 0;
}

void services_start(struct services *services)
{
	services->is_started = true;
	uv_timer_start(&services->look, on_look, SERVICES_LOOK_MS, SERVICES_LOOK_MS);
	scan(services);
}

void services_close(struct services *services)
{
	if (!services)
		return;
	for (size_t i = 0; i < services->n; i++)
		file_free(services->files[i]);
	services->n = 0;
	uv_close((uv_handle_t *)&services->watch, on_handle_closed);
	uv_close((uv_handle_t *)&services->settle, on_handle_closed);
	uv_close((uv_handle_t *)&services->look, on_handle_closed);
	uv_close((uv_handle_t *)&services->retry, on_handle_closed);
}

/* ---- another account ---- */

/* As open() will decide; more elaborate rules it will find out by itself. */
static bool may_read(const struct stat *st, uid_t uid, gid_t gid)
{
	mode_t bit = st->st_uid == uid ? S_IRUSR : st->st_gid == gid ? S_IRGRP : S_IROTH;

	return uid == 0 || st->st_mode & bit;
}

/*
 * Only what has no other name: the account could have linked it here to get it.
 * Return: 0; -EPERM it is not for us to give; -errno.
 */
static int give_file(int fd, const struct stat *st, bool is_dir_ours, uid_t uid, gid_t gid)
{
	if (!is_dir_ours || st->st_uid != geteuid() || st->st_nlink != 1)
		return -EPERM;
	return fchown(fd, uid, gid) < 0 ? -errno : 0;
}

static void give_name(struct services *services, const char *name, bool is_dir_ours, uid_t uid,
		      gid_t gid)
{
	_cleanup_close_ int fd =
		openat(services->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return; /* the scan tells */
	if (give_file(fd, &st, is_dir_ours, uid, gid) == 0 || may_read(&st, uid, gid))
		return;
	log_warning(LOG_LOCAL_CLASS,
		    "event=service-file-not-given file=%s effect=\"uid %u cannot read it\" "
		    "hint=\"chown %u '%s/%s'\"",
		    name, uid, uid, services->path, name);
}

int services_give(struct services *services, uid_t uid, gid_t gid)
{
	struct dirent **names = NULL;
	struct stat dir;
	bool is_ours;
	int n;

	if (fstat(services->fd, &dir) < 0)
		return -errno;
	is_ours = dir.st_uid == geteuid() && !(dir.st_mode & (S_IWGRP | S_IWOTH));
	n = scandirat(services->fd, ".", &names, is_wanted, compare_names);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		give_name(services, names[i]->d_name, is_ours, uid, gid);
		free(names[i]);
	}
	free(names);
	return fchown(services->fd, uid, gid) < 0 ? -errno : 0;
}

static int write_file(int dir, const char *name, const uint8_t *bytes, size_t len)
{
	_cleanup_close_ int fd = -1;

	unlinkat(dir, TEMP_NAME, 0);
	fd = openat(dir, TEMP_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	errno = ENOSPC; /* a short write sets none */
	if (write(fd, bytes, len) != (ssize_t)len || fsync(fd) < 0 ||
	    renameat(dir, TEMP_NAME, dir, name) < 0) {
		int error = -errno;

		unlinkat(dir, TEMP_NAME, 0);
		return error;
	}
	return fsync(dir) < 0 ? -errno : 0;
}

int services_add(struct services *services, const uint8_t *bytes, size_t len, char *name,
		 char *error, size_t error_size)
{
	_cleanup_free_ struct service_definition *new = xnew(struct service_definition);
	char file_name[SERVICES_FILE_NAME_MAX + 1];
	const struct file *rival, *file;
	int r = definition_parse("service", bytes, len, new, error, error_size);

	if (r)
		return r;
	look_at_path(services);
	if (services->is_lost) {
		snprintf(error, error_size, "the services directory %s is gone; make it anew\n",
			 services->path);
		return -ENOENT;
	}
	if (lacks_runtime(services, "service", new, error, error_size))
		return -EINVAL;
	if (new->descriptor[0]) {
		struct schema *schema = descriptor_read(services->fd, new->descriptor, "service",
							error, error_size);

		if (!schema)
			return -EINVAL;
		schema_put(schema);
	}
	snprintf(file_name, sizeof(file_name), "%s" SUFFIX, new->manifest.name);
	if (!file_find(services, file_name) && services->n == SERVICES_FILES_MAX) {
		snprintf(error, error_size, "service: there are %d files; remove one\n",
			 SERVICES_FILES_MAX);
		return -EINVAL;
	}
	rival = rival_of(services, file_find(services, file_name), new);
	if (rival) {
		snprintf(error, error_size, "%s already defines %s %s; change it there\n",
			 rival->name, new->manifest.name, new->manifest.version_text);
		return -EINVAL;
	}
	r = write_file(services->fd, file_name, bytes, len);
	if (r) {
		snprintf(error, error_size, "%s: %s\n", file_name, strerror(-r));
		return r;
	}
	scan(services);
	file = file_find(services, file_name);
	if (!file || file->error) {
		snprintf(error, error_size, "%s", file ? file->error : "too many files\n");
		return -EINVAL;
	}
	memcpy(name, new->manifest.name, MANIFEST_NAME_MAX + 1);
	return 0;
}

int services_remove(struct services *services, const char *name)
{
	int result = -ENOENT;

	look_at_path(services);
	for (size_t i = 0; i < services->n; i++) {
		const struct file *file = services->files[i];

		if (!file->definition || strcmp(file->definition->manifest.name, name) != 0)
			continue;
		if (unlinkat(services->fd, file->name, 0) < 0)
			return -errno;
		result = 0;
	}
	if (!result)
		scan(services);
	return result;
}

int services_order(struct services *services, const char *name, enum unit_verb verb)
{
	int result = -ENOENT;

	for (size_t i = 0; i < services->n; i++) {
		const struct file *file = services->files[i];

		if (!file->definition || strcmp(file->definition->manifest.name, name) != 0)
			continue;
		if (file->unit)
			unit_order(file->unit, verb);
		result = file->unit ? 0 : result ? -ENOTSUP : 0;
	}
	return result;
}

void services_end_calls(struct services *services)
{
	for (size_t i = 0; services && i < services->n; i++)
		if (services->files[i]->function)
			function_end_calls(services->files[i]->function);
}

struct schema *services_schema(const struct services *services, const char *name,
			       const char *version_text)
{
	for (size_t i = 0; services && i < services->n; i++) {
		const struct file *file = services->files[i];

		if (file->definition && strcmp(file->definition->manifest.name, name) == 0 &&
		    strcmp(file->definition->manifest.version_text, version_text) == 0)
			return file->schema;
	}
	return NULL;
}

bool services_at(const struct services *services, size_t i, struct services_file *ret)
{
	if (i >= services->n)
		return false;
	*ret = (struct services_file){.file = services->files[i]->name,
				      .definition = services->files[i]->definition,
				      .error = services->files[i]->error
						       ?: services->files[i]->trouble,
				      .unit = services->files[i]->unit,
				      .function = services->files[i]->function};
	return true;
}
