// SPDX-License-Identifier: GPL-2.0
/* DOC: descriptor: see descriptor.h */
#include "daemon/services/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"

bool descriptor_path_is_valid(const char *path)
{
	size_t len = strlen(path);

	if (!len || len > DESCRIPTOR_PATH_MAX || path[len - 1] == '/')
		return false;
	return path[0] == '/' || (path[0] != '.' && !strchr(path, '/'));
}

struct descriptor_stamp descriptor_get_stamp(int dir, const char *path)
{
	struct stat st;

	if (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return (struct descriptor_stamp){.error = -errno};
	return (struct descriptor_stamp){
		.device = st.st_dev,
		.inode = st.st_ino,
		.size = st.st_size,
		.modified = st.st_mtim,
		.changed = st.st_ctim,
	};
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool descriptor_stamp_equal(const struct descriptor_stamp *a, const struct descriptor_stamp *b)
{
	return a->error == b->error && a->device == b->device && a->inode == b->inode &&
	       a->size == b->size && is_same_time(&a->modified, &b->modified) &&
	       is_same_time(&a->changed, &b->changed);
}

ssize_t services_read_file(int dir, const char *name, uint8_t *buf, size_t size)
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

struct schema *descriptor_read(int dir, const char *path, const char *file, char *error,
			       size_t error_size)
{
	_cleanup_free_ uint8_t *bytes = xmalloc(SCHEMA_BYTES_MAX + 1);
	ssize_t len = services_read_file(dir, path, bytes, SCHEMA_BYTES_MAX + 1);
	struct translate_refusal refusal;
	struct schema *schema;

	if (len < 0) {
		snprintf(error, error_size,
			 "%s: descriptor %s cannot be read: %s; write the name of a file beside "
			 "the definitions, or an absolute path, that meshd's account may read\n",
			 file, path, strerror((int)-len));
		return NULL;
	}
	schema = schema_parse(bytes, (size_t)len, &refusal);
	if (!schema) {
		snprintf(error, error_size, "%s: descriptor %s: %s%s\n", file, path, refusal.reason,
			 refusal.fault == TRANSLATE_LOSSY
				 ? "" /* of an HTTP path, which says what to write */
				 : "; write it with protoc --include_imports "
				   "--descriptor_set_out=FILE");
		return NULL;
	}
	if (schema->n_methods)
		return schema;
	snprintf(error, error_size,
		 "%s: descriptor %s has no service; write it of the .proto file that has\n", file,
		 path);
	schema_put(schema);
	return NULL;
}
