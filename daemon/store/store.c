// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: the state directory
 *
 *   <state>/               ours or root's, not writable by others; made 0700
 *     lock                 flock()ed by the running meshd, holds its pid
 *     identity/            see identity.c
 *     manifests/           0700; other hubs' manifests by digest, see blobs.c
 *     revocations/         0700; lists in force, NAME.crl, see revocations.c
 *     numbers/             0700; boot-epoch, lsr-seq, ipv4: decimal and newline;
 *                          keys: see keys.c
 *
 * A number is replaced by writing a temporary file, fsync, rename, fsync of
 * the directory: after a power cut either the old or the new one is there.
 * A temporary file found at start is from an interrupted write and removed.
 */
#include "daemon/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "daemon/store/internal.h"

#define NUMBERS_DIR "numbers"
#define TEMP_SUFFIX ".tmp"
#define NUMBER_TEXT_MAX 24 /* 20 digits, newline, NUL */
#define PROBE_NAME ".probe" /* in numbers/ */
#define PROBE_LEN 4096 /* a block: less may fit into what is there already */

static const char *const number_names[] = {
	[PERSIST_BOOT_EPOCH] = "boot-epoch",
	[PERSIST_LSR_SEQ] = "lsr-seq",
	[PERSIST_IPV4] = "ipv4",
};

static _Thread_local char error_buffer[STORE_ERROR_MAX];

int store_fail(const char **error_text, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error_buffer, sizeof(error_buffer), fmt, ap);
	va_end(ap);
	*error_text = error_buffer;
	return error;
}

int store_check_owner(const char *path, const struct stat *st, const char **error_text)
{
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return store_fail(
			error_text, -EPERM,
			"%s belongs to uid %u, not to uid %u who runs meshd; run: chown %u "
			"'%s'",
			path, st->st_uid, geteuid(), geteuid(), path);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return store_fail(error_text, -EPERM,
				  "%s can be written by group or others; run: chmod go-w '%s'",
				  path, path);
	return 0;
}

static int open_directory(const char *dir, int *ret, const char **error_text)
{
	_cleanup_close_ int fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	struct stat st;
	int error;

	if (fd < 0 && errno == ENOENT && mkdir(dir, 0700) == 0)
		fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		error = -errno;
		return store_fail(error_text, error,
				  "state directory %s: %s; make it, or name another with 'state:'",
				  dir, strerror(-error));
	}
	error = store_check_owner(dir, &st, error_text);
	if (error)
		return error;
	*ret = steal_fd(&fd);
	return 0;
}

/* The pid in the file is for people only; the flock decides. */
static int take_lock(const char *dir, int dir_fd, int *ret, const char **error_text)
{
	_cleanup_close_ int fd =
		openat(dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	char pid[32] = "";
	int error, n;

	if (fd < 0) {
		error = -errno;
		return store_fail(error_text, error,
				  "%s/lock: %s; meshd must be able to write there", dir,
				  strerror(-error));
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		n = pread(fd, pid, sizeof(pid) - 1, 0);
		pid[strspn(n > 0 ? pid : "", "0123456789")] = '\0';
		return store_fail(error_text, -EBUSY,
				  "another meshd (pid %s) uses %s; stop it first, or give this one "
				  "another 'state:' directory",
				  pid[0] ? pid : "unknown", dir);
	}
	n = snprintf(pid, sizeof(pid), "%d\n", getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) != n) {
		error = -errno;
		return store_fail(error_text, error, "%s/lock: %s", dir, strerror(-error));
	}
	*ret = steal_fd(&fd);
	return 0;
}

/*
 * Numbers may belong to any account when we are root: store_give() of an
 * earlier run handed them over.  Their parent is checked and O_NOFOLLOW keeps
 * whoever owns them inside.
 */
static int open_numbers(const char *dir, int dir_fd, int *ret, const char **error_text)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int error;

	if (mkdirat(dir_fd, NUMBERS_DIR, 0700) < 0 && errno != EEXIST) {
		error = -errno;
		return store_fail(error_text, error, "%s/" NUMBERS_DIR ": %s", dir,
				  strerror(-error));
	}
	fd = openat(dir_fd, NUMBERS_DIR, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0) {
		error = -errno;
		return store_fail(error_text, error, "%s/" NUMBERS_DIR ": %s", dir,
				  strerror(-error));
	}
	if ((geteuid() != 0 && st.st_uid != geteuid()) || (st.st_mode & 022))
		return store_fail(error_text, -EPERM,
				  "%s/" NUMBERS_DIR
				  " must belong to uid %u and be writable by no one "
				  "else; run: chown %u '%s/" NUMBERS_DIR
				  "' && chmod 700 '%s/" NUMBERS_DIR "'",
				  dir, geteuid(), geteuid(), dir, dir);
	*ret = steal_fd(&fd);
	return 0;
}

static void temp_name(enum persist_key key, char buf[static 32])
{
	snprintf(buf, 32, "%s" TEMP_SUFFIX, number_names[key]);
}

static void remove_stale_temps(int numbers_fd)
{
	char name[32];

	for (size_t i = 0; i < ARRAY_SIZE(number_names); i++) {
		temp_name((enum persist_key)i, name);
		unlinkat(numbers_fd, name, 0);
	}
}

int store_open(const char *dir, struct store **ret, const char **error_text)
{
	struct store *store = xnew(struct store);
	int error;

	store->dir_fd = store->lock_fd = store->numbers_fd = store->blobs_fd = -1;
	store->lists_fd = store->identity_fd = store->services_fd = -1;
	store->dir = xstrdup(dir);
	error = open_directory(dir, &store->dir_fd, error_text);
	if (!error)
		error = take_lock(dir, store->dir_fd, &store->lock_fd, error_text);
	if (!error)
		error = open_numbers(dir, store->dir_fd, &store->numbers_fd, error_text);
	if (!error && store_open_blobs(store))
		error = store_fail(error_text, -EIO, "%s/manifests cannot be made or opened", dir);
	if (!error && store_open_lists(store))
		error = store_fail(error_text, -EIO, "%s/revocations cannot be made or opened",
				   dir);
	if (error) {
		store_close(store);
		return error;
	}
	remove_stale_temps(store->numbers_fd);
	*ret = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (store->numbers_fd >= 0)
		close(store->numbers_fd);
	if (store->blobs_fd >= 0)
		close(store->blobs_fd);
	if (store->lists_fd >= 0)
		close(store->lists_fd);
	if (store->identity_fd >= 0)
		close(store->identity_fd);
	if (store->services_fd >= 0)
		close(store->services_fd);
	if (store->lock_fd >= 0)
		close(store->lock_fd); /* and with it the flock */
	if (store->dir_fd >= 0)
		close(store->dir_fd);
	free(store->dir);
	free(store);
}

/* Exactly what store_put() writes: 1..20 digits and a newline, nothing else. */
static int parse_number(const char *text, size_t len, uint64_t *ret)
{
	uint64_t value = 0;

	if (len < 2 || len > 21 || text[len - 1] != '\n')
		return -EIO;
	for (size_t i = 0; i < len - 1; i++) {
		if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
			return -EIO;
	}
	*ret = value;
	return 0;
}

int store_get(struct store *store, enum persist_key key, uint64_t fallback, uint64_t *ret)
{
	_cleanup_close_ int fd = openat(store->numbers_fd, number_names[key],
					O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char text[NUMBER_TEXT_MAX];
	ssize_t n;

	if (fd < 0 && errno == ENOENT) {
		*ret = fallback;
		return 0;
	}
	if (fd < 0)
		return errno == ELOOP ? -EIO : -errno;
	n = read(fd, text, sizeof(text));
	if (n < 0)
		return errno == EISDIR ? -EIO : -errno;
	return parse_number(text, (size_t)n, ret);
}

static int write_whole(int dir_fd, const char *name, const void *bytes, size_t len)
{
	_cleanup_close_ int fd = -1;

	unlinkat(dir_fd, name, 0);
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	errno = ENOSPC; /* a short write sets none */
	if (write(fd, bytes, len) != (ssize_t)len)
		return -errno;
	return fsync(fd) < 0 ? -errno : 0;
}

int store_replace(int dir_fd, const char *name, const char *temp, const void *bytes, size_t len)
{
	int error = write_whole(dir_fd, temp, bytes, len);

	if (!error && renameat(dir_fd, temp, dir_fd, name) < 0)
		error = -errno;
	if (error) {
		unlinkat(dir_fd, temp, 0);
		return error;
	}
	return fsync(dir_fd) < 0 ? -errno : 0;
}

int store_put(struct store *store, enum persist_key key, uint64_t value)
{
	char text[NUMBER_TEXT_MAX], temp[32];
	int n = snprintf(text, sizeof(text), "%" PRIu64 "\n", value);

	temp_name(key, temp);
	return store_note(store, store_replace(store->numbers_fd, number_names[key], temp, text,
					       (size_t)n));
}

int store_note(struct store *store, int error)
{
	store->write_error = error;
	return error;
}

void store_retry(struct store *store)
{
	uint8_t bytes[PROBE_LEN] = {0};

	if (!store->write_error)
		return;
	store_note(store, write_whole(store->numbers_fd, PROBE_NAME, bytes, sizeof(bytes)));
	unlinkat(store->numbers_fd, PROBE_NAME, 0);
}

void store_state(const struct store *store, struct store_state *ret)
{
	struct statvfs fs;

	*ret = (struct store_state){.write_error = store->write_error, .free_bytes = UINT64_MAX};
	/* Some file systems count no blocks. */
	if (fstatvfs(store->dir_fd, &fs) == 0 && fs.f_blocks)
		ret->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
}

int store_give(struct store *store, uid_t uid, gid_t gid)
{
	for (size_t i = 0; i < ARRAY_SIZE(number_names); i++)
		if (fchownat(store->numbers_fd, number_names[i], uid, gid, AT_SYMLINK_NOFOLLOW) <
			    0 &&
		    errno != ENOENT)
			return -errno;
	if (fchownat(store->numbers_fd, STORE_KEYS_NAME, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno != ENOENT)
		return -errno;
	if (fchown(store->numbers_fd, uid, gid) < 0 || fchown(store->blobs_fd, uid, gid) < 0 ||
	    fchown(store->lists_fd, uid, gid) < 0)
		return -errno;
	if (store->services_fd >= 0 && fchmod(store->services_fd, 0755) < 0)
		return -errno; /* what is in there is public, and read again */
	if (store->identity_fd >= 0 && fchmod(store->identity_fd, 0711) < 0)
		return -errno; /* likewise hub.crt; the key is in a file that others cannot read */
	return 0;
}
