// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: services: see services.h
 *
 * inotify only says "look": after SERVICES_SETTLE_MS the whole directory is
 * read and compared with what is in force, so lost and doubled events need no
 * care.  Files are opened through a descriptor taken before privileges were
 * dropped.
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
 * @services: it belongs to
 * @health: checker, NULL none
 */
struct file {
	char name[SERVICES_FILE_NAME_MAX + 1];
	uint8_t digest[SHA256_LEN];
	struct service_definition *definition;
	char *error;
	bool is_seen;
	struct services *services;
	struct health *health;
};

/**
 * struct services - the shell
 * @events: whom to tell
 * @fd: the directory
 * @watch: inotify
 * @settle: runs the scan
 * @handles: of libuv, still open
 * @files: in no order
 * @n: entries of @files
 * @is_started: services_start() was called
 */
struct services {
	struct services_events events;
	int fd;
	uv_fs_event_t watch;
	uv_timer_t settle;
	unsigned int handles;
	struct file *files[SERVICES_FILES_MAX];
	size_t n;
	bool is_started;
};

static _Thread_local char error_buffer[512];

static void file_free(struct file *file)
{
	health_free(file->health);
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
static const struct file *rival_of(const struct services *services, const struct file *file,
				   const struct service_definition *definition)
{
	for (size_t i = 0; i < services->n; i++) {
		const struct file *other = services->files[i];

		if (other != file && other->definition &&
		    is_same_service(other->definition, definition))
			return other;
	}
	return NULL;
}

static void file_set_error(struct file *file, const char *text)
{
	free(file->error);
	file->error = text ? xstrdup(text) : NULL;
	if (text)
		log_lines(text);
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

/* A changed check begins with what the service is believed to be: available. */
static void restart_health(struct services *services, struct file *file)
{
	const struct service_definition *d = file->definition;

	health_free(file->health);
	file->health = NULL;
	services->events.state(services->events.arg, d->manifest.name, d->manifest.version_text,
			       SERVICE_AVAILABLE);
	if (d->manifest.health != MANIFEST_HEALTH_NONE)
		file->health = health_new(services->settle.loop, d, on_health, file);
}

static void apply(struct services *services, struct file *file, struct service_definition *new)
{
	_cleanup_free_ struct service_definition *old = file->definition;
	char error[DEFINITION_ERROR_MAX];
	int r;

	file->definition = new;
	r = services->events.set(services->events.arg, new);
	if (r) {
		snprintf(error, sizeof(error), "%s: cannot be offered: %s\n", file->name,
			 r == -ENOSPC ? "too many services; remove some" : strerror(-r));
		file->definition = steal_pointer(&old);
		free(new);
		file_set_error(file, error);
		return;
	}
	if (old && !is_same_service(old, new))
		services->events.removed(services->events.arg, old->manifest.name,
					 old->manifest.version_text);
	restart_health(services, file);
	file_set_error(file, NULL);
	log_info(LOG_INFO_CLASS, "event=service-set file=%s service=%s version=%s", file->name,
		 new->manifest.name, new->manifest.version_text);
}

static void read_content(struct services *services, struct file *file, const uint8_t *bytes,
			 size_t len)
{
	_cleanup_free_ struct service_definition *new = xnew(struct service_definition);
	char error[DEFINITION_ERROR_MAX];
	const struct file *rival;

	if (definition_parse(file->name, bytes, len, new, error, sizeof(error))) {
		file_set_error(file, error);
		return;
	}
	rival = rival_of(services, file, new);
	if (rival) {
		snprintf(error, sizeof(error),
			 "%s: %s already defines %s %s; change name or version, or remove one\n",
			 file->name, rival->name, new->manifest.name, new->manifest.version_text);
		file_set_error(file, error);
		return;
	}
	apply(services, file, steal_pointer(&new));
}

/* Return: bytes read, at most @size; -errno. */
static ssize_t read_file(int dir, const char *name, uint8_t *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	while (len < size && n > 0) {
		n = read(fd, buf + len, size - len);
		if (n < 0)
			return -errno;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static struct file *file_get(struct services *services, const char *name)
{
	struct file *file = file_find(services, name);

	if (file || services->n == SERVICES_FILES_MAX)
		return file;
	file = services->files[services->n++] = xnew(struct file);
	file->services = services;
	snprintf(file->name, sizeof(file->name), "%s", name);
	return file;
}

static void scan_file(struct services *services, const char *name)
{
	_cleanup_free_ uint8_t *bytes = xmalloc(DEFINITION_FILE_MAX + 1);
	ssize_t len = read_file(services->fd, name, bytes, DEFINITION_FILE_MAX + 1);
	uint8_t digest[SHA256_LEN];
	struct file *file;
	char error[DEFINITION_ERROR_MAX];

	if (len == -ENOENT)
		return; /* gone again */
	file = file_get(services, name);
	if (!file) {
		log_error(LOG_LOCAL_CLASS,
			  "event=service-refused file=%s reason=\"more than %d files\"", name,
			  SERVICES_FILES_MAX);
		return;
	}
	file->is_seen = true;
	if (len < 0) {
		snprintf(error, sizeof(error), "%s: cannot be read: %s\n", name,
			 strerror((int)-len));
		if (!file->error)
			file_set_error(file, error);
		return;
	}
	sha256(bytes, (size_t)len, digest);
	if ((file->definition || file->error) && !memcmp(digest, file->digest, SHA256_LEN))
		return;
	memcpy(file->digest, digest, SHA256_LEN);
	read_content(services, file, bytes, (size_t)len);
}

static void drop_unseen(struct services *services)
{
	for (size_t i = services->n; i-- > 0;) {
		struct file *file = services->files[i];

		if (file->is_seen)
			continue;
		services->files[i] = services->files[--services->n];
		if (file->definition) {
			log_info(LOG_INFO_CLASS, "event=service-removed file=%s", file->name);
			services->events.removed(services->events.arg,
						 file->definition->manifest.name,
						 file->definition->manifest.version_text);
		}
		file_free(file);
	}
}

static bool is_service_file(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len <= SERVICES_FILE_NAME_MAX && len > strlen(SUFFIX) &&
	       strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_wanted(const struct dirent *entry)
{
	return is_service_file(entry->d_name);
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
	for (size_t i = 0; i < services->n; i++)
		services->files[i]->is_seen = false;
	for (int i = 0; i < n; i++) {
		scan_file(services, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	drop_unseen(services);
}

static void on_settled(uv_timer_t *timer)
{
	scan(timer->data);
}

static void on_change(uv_fs_event_t *watch, const char *name, int events, int status)
{
	struct services *services = watch->data;

	if (services->is_started && (!name || is_service_file(name)))
		uv_timer_start(&services->settle, on_settled, SERVICES_SETTLE_MS, 0);
}

static int fail(const char **error_text, int error, const char *path)
{
	snprintf(error_buffer, sizeof(error_buffer),
		 "services directory %s: %s; make it, or name another with services.directory",
		 path, strerror(-error));
	*error_text = error_buffer;
	return error;
}

int services_open(uv_loop_t *loop, const char *path, const struct services_events *events,
		  struct services **ret, const char **error_text)
{
	struct services *services;
	int fd, error;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return fail(error_text, -errno, path);
	fd = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(error_text, -errno, path);
	services = xnew(struct services);
	services->fd = fd;
	services->events = *events;
	uv_timer_init(loop, &services->settle);
	uv_fs_event_init(loop, &services->watch);
	services->settle.data = services->watch.data = services;
	services->handles = 2;
	error = uv_fs_event_start(&services->watch, on_change, path, 0);
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
	scan(services);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct services *services = handle->data;

	if (--services->handles)
		return;
	close(services->fd);
	free(services);
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
}

int services_give(struct services *services, uid_t uid, gid_t gid)
{
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
	    renameat(dir, TEMP_NAME, dir, name) < 0)
		return -errno;
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
	snprintf(file_name, sizeof(file_name), "%s" SUFFIX, new->manifest.name);
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

bool services_at(const struct services *services, size_t i, struct services_file *ret)
{
	if (i >= services->n)
		return false;
	*ret = (struct services_file){.file = services->files[i]->name,
				      .definition = services->files[i]->definition,
				      .error = services->files[i]->error};
	return true;
}
