// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: revocations: the lists in force, and those an operator has put there
 *
 * Files NAME.crl in revocations/, PEM or DER; ours are named by the key of the
 * root.  Whoever reads them verifies them: what a file says is a root's word
 * or nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "daemon/store/internal.h"

#define LISTS_DIR "revocations"
#define LIST_SUFFIX ".crl"
#define LIST_NAME_SIZE (SHA256_STRLEN + sizeof(LIST_SUFFIX))
#define TEMP_NAME ".incoming"

int store_open_lists(struct store *store)
{
	if (mkdirat(store->dir_fd, LISTS_DIR, 0700) < 0 && errno != EEXIST)
		return -errno;
	store->lists_fd =
		openat(store->dir_fd, LISTS_DIR, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return store->lists_fd < 0 ? -errno : 0;
}

int store_put_list(struct store *store, const uint8_t issuer[HUB_PUBKEY_LEN], const uint8_t *bytes,
		   size_t len)
{
	char name[LIST_NAME_SIZE], hex[SHA256_STRLEN];

	snprintf(name, sizeof(name), "%s" LIST_SUFFIX, sha256_format(issuer, hex));
	return store_note(store, store_replace(store->lists_fd, name, TEMP_NAME, bytes, len));
}

static void read_list(struct store *store, const char *name, store_list_fn fn, void *arg)
{
	_cleanup_close_ int fd =
		openat(store->lists_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	_cleanup_free_ uint8_t *bytes = xmalloc(STORE_FILE_MAX + 1);
	ssize_t len = fd < 0 ? -1 : read(fd, bytes, STORE_FILE_MAX + 1);

	if (len < 0)
		fn(arg, name, NULL, 0, -errno);
	else if (len > STORE_FILE_MAX)
		fn(arg, name, NULL, 0, -EFBIG);
	else
		fn(arg, name, bytes, (size_t)len, 0);
}

static bool is_list_name(const char *name)
{
	size_t len = strlen(name), suffix = strlen(LIST_SUFFIX);

	return name[0] != '.' && len > suffix && strcmp(name + len - suffix, LIST_SUFFIX) == 0;
}

/* As store_put_list() names them. */
static bool is_our_name(const char *name)
{
	uint8_t issuer[SHA256_LEN];
	char hex[SHA256_STRLEN] = "";

	if (strlen(name) != strlen(LIST_SUFFIX) + SHA256_STRLEN - 1)
		return false;
	memcpy(hex, name, SHA256_STRLEN - 1);
	return sha256_parse(hex, issuer) == 0;
}

/* Return: @n and those read, at most one more than STORE_LISTS_MAX. */
static int read_kind(struct store *store, DIR *dir, bool are_ours, int n, store_list_fn fn,
		     void *arg)
{
	const struct dirent *entry;

	rewinddir(dir);
	while (n <= STORE_LISTS_MAX && (entry = readdir(dir))) {
		if (!is_list_name(entry->d_name) || is_our_name(entry->d_name) != are_ours)
			continue;
		if (n++ < STORE_LISTS_MAX)
			read_list(store, entry->d_name, fn, arg);
		else
			fn(arg, entry->d_name, NULL, 0, -E2BIG);
	}
	return n;
}

/* Ours first: what was in force must be so again, whatever else lies there. */
int store_read_lists(struct store *store, store_list_fn fn, void *arg)
{
	int fd = dup(store->lists_fd);
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int n;

	if (!dir)
		return -errno;
	n = read_kind(store, dir, true, 0, fn, arg);
	read_kind(store, dir, false, n, fn, arg);
	return 0;
}
