// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: blobs: manifests and catalogues of other hubs, cached by digest
 *
 * One file each in manifests/, named by the SHA-256 of its content.  A file
 * whose content is not what its name says is removed.  Not synced: what a
 * power cut takes is pulled again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/store/internal.h"

#define TEMP_NAME ".incoming"

int store_open_blobs(struct store *store)
{
	if (mkdirat(store->dir_fd, "manifests", 0700) < 0 && errno != EEXIST)
		return -errno;
	store->blobs_fd =
		openat(store->dir_fd, "manifests", O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return store->blobs_fd < 0 ? -errno : 0;
}

static int put_blob(struct store *store, const uint8_t digest[SHA256_LEN], const uint8_t *bytes,
		    size_t len)
{
	_cleanup_close_ int fd = -1;
	char name[SHA256_STRLEN];

	unlinkat(store->blobs_fd, TEMP_NAME, 0);
	fd = openat(store->blobs_fd, TEMP_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	errno = ENOSPC; /* a short write sets none */
	if (write(fd, bytes, len) != (ssize_t)len ||
	    renameat(store->blobs_fd, TEMP_NAME, store->blobs_fd, sha256_format(digest, name)) <
		    0) {
		int error = -errno;

		unlinkat(store->blobs_fd, TEMP_NAME, 0); /* the disk may be full of such */
		return error;
	}
	return 0;
}

int store_put_blob(struct store *store, const uint8_t digest[SHA256_LEN], const uint8_t *bytes,
		   size_t len)
{
	return store_note(store, put_blob(store, digest, bytes, len));
}

void store_delete_blob(struct store *store, const uint8_t digest[SHA256_LEN])
{
	char name[SHA256_STRLEN];

	unlinkat(store->blobs_fd, sha256_format(digest, name), 0);
}

static void read_blob(struct store *store, const char *name, store_blob_fn fn, void *arg)
{
	_cleanup_close_ int fd = -1;
	uint8_t wanted[SHA256_LEN], digest[SHA256_LEN], bytes[STORE_BLOB_MAX + 1];
	ssize_t len;

	if (name[0] == '.')
		return;
	fd = openat(store->blobs_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	len = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
	if (len > 0 && len <= STORE_BLOB_MAX && sha256_parse(name, wanted) == 0) {
		sha256(bytes, (size_t)len, digest);
		if (memcmp(digest, wanted, SHA256_LEN) == 0) {
			fn(arg, bytes, (size_t)len);
			return;
		}
	}
	unlinkat(store->blobs_fd, name, 0);
}

int store_read_blobs(struct store *store, store_blob_fn fn, void *arg)
{
	int fd = dup(store->blobs_fd);
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!dir)
		return -errno;
	rewinddir(dir);
	for (int n = 0; n < STORE_BLOBS_MAX && (entry = readdir(dir)); n++)
		read_blob(store, entry->d_name, fn, arg);
	return 0;
}
