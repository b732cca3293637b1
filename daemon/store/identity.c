// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: identity files
 *
 *   identity/hub.key       Ed25519 private key, PEM, 0600 or 0400
 *   identity/hub.crt       certificate chain, PEM, leaf first
 *   identity/roots/x.crt   root certificates of the mesh, PEM or DER, 1 to 8
 *
 * Read once, before privileges are dropped.  The key goes into one locked
 * memory that core dumps leave out, and nowhere else.  Files others could have
 * written are refused: who can write a root certificate owns the mesh.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "daemon/lib/secret.h"
#include "daemon/store/internal.h"

static int fail_errno(const char *path, const char *advice, const char **error_text)
{
	int error = -errno;

	return store_fail(error_text, error, "%s: %s%s", path, strerror(-error), advice);
}

/* Opens and checks one file; @path is only for messages. */
static int open_checked(int dir_fd, const char *name, const char *path, size_t max, bool is_key,
			int *ret, const char **error_text)
{
	_cleanup_close_ int fd =
		openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	int error;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_errno(path,
				  "; make an identity: meshctl ca issue --dir CADIR --hub NAME "
				  "--out STATEDIR",
				  error_text);
	if (!S_ISREG(st.st_mode))
		return store_fail(error_text, -EPERM, "%s is not a regular file", path);
	if (is_key && (st.st_mode & 0177))
		return store_fail(
			error_text, -EPERM,
			"%s has mode %03o, others must not read a private key; run: chmod "
			"600 '%s'",
			path, st.st_mode & 0777, path);
	error = store_check_owner(path, &st, error_text);
	if (error)
		return error;
	if ((uint64_t)st.st_size > max)
		return store_fail(error_text, -EFBIG, "%s is larger than %zu bytes", path, max);
	if (st.st_size == 0)
		return store_fail(error_text, -ENODATA, "%s is empty", path);
	*ret = steal_fd(&fd);
	return 0;
}

/* @buf has room for @max + 1.  A file that grows while we read is refused. */
static int read_all(int fd, const char *path, uint8_t *buf, size_t max, size_t *ret,
		    const char **error_text)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, buf + len, max + 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(path, "", error_text);
		len += (size_t)n;
	} while (n != 0 && len <= max);
	if (len > max || len == 0)
		return store_fail(error_text, -EFBIG, "%s changed while it was read", path);
	buf[len] = '\0';
	*ret = len;
	return 0;
}

static int load_key(struct store *store, int identity_fd, struct store_identity *ret,
		    const char **error_text)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	int error;

	snprintf(path, sizeof(path), "%s/identity/hub.key", store->dir);
	error = open_checked(identity_fd, "hub.key", path, STORE_KEY_MAX, true, &fd, error_text);
	if (error)
		return error;
	ret->key_pem = secret_new(STORE_KEY_MAX + 1);
	return read_all(fd, path, ret->key_pem, STORE_KEY_MAX, &ret->key_pem_len, error_text);
}

static int load_certificate(int dir_fd, const char *dir, const char *name, uint8_t **ret,
			    size_t *ret_len, const char **error_text)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	uint8_t *buf;
	int error;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	error = open_checked(dir_fd, name, path, STORE_FILE_MAX, false, &fd, error_text);
	if (error)
		return error;
	buf = xmalloc(STORE_FILE_MAX + 1);
	error = read_all(fd, path, buf, STORE_FILE_MAX, ret_len, error_text);
	if (error) {
		free(buf);
		return error;
	}
	*ret = xreallocarray(buf, *ret_len + 1, 1);
	return 0;
}

static int is_certificate_name(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 4 && strcmp(entry->d_name + len - 4, ".crt") == 0;
}

static int load_roots(struct store *store, int identity_fd, struct store_identity *ret,
		      const char **error_text)
{
	_cleanup_close_ int fd =
		openat(identity_fd, "roots", O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct dirent **names = NULL;
	char dir[PATH_MAX];
	struct stat st;
	int n, error;

	snprintf(dir, sizeof(dir), "%s/identity/roots", store->dir);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_errno(dir, "; copy the mesh's root certificate there, as NAME.crt",
				  error_text);
	error = store_check_owner(dir, &st, error_text);
	if (error)
		return error;
	n = scandirat(fd, ".", &names, is_certificate_name, alphasort);
	if (n < 0)
		return fail_errno(dir, "", error_text);
	if (n == 0)
		error = store_fail(error_text, -ENOENT,
				   "%s holds no NAME.crt; copy the mesh's root certificate there",
				   dir);
	else if (n > STORE_ROOTS_MAX)
		error = store_fail(error_text, -ENOSPC,
				   "%s holds %d certificates, at most %d are used; remove some",
				   dir, n, STORE_ROOTS_MAX);
	for (int i = 0; i < n; i++) {
		if (!error)
			error = load_certificate(fd, dir, names[i]->d_name, &ret->roots_pem[i],
						 &ret->roots_pem_len[i], error_text);
		if (!error)
			ret->n_roots++;
		free(names[i]);
	}
	free(names);
	return error;
}

int store_load_identity(struct store *store, struct store_identity *ret, const char **error_text)
{
	_cleanup_close_ int fd =
		openat(store->dir_fd, "identity", O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct store_identity identity = {0};
	char dir[PATH_MAX];
	struct stat st;
	int error;

	snprintf(dir, sizeof(dir), "%s/identity", store->dir);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_errno(dir,
				  "; make an identity: meshctl ca issue --dir CADIR --hub NAME "
				  "--out STATEDIR",
				  error_text);
	error = store_check_owner(dir, &st, error_text);
	if (!error)
		error = load_key(store, fd, &identity, error_text);
	if (!error)
		error = load_certificate(fd, dir, "hub.crt", &identity.cert_pem,
					 &identity.cert_pem_len, error_text);
	if (!error)
		error = load_roots(store, fd, &identity, error_text);
	if (error) {
		store_identity_wipe(&identity);
		return error;
	}
	*ret = identity;
	return 0;
}

void store_identity_wipe(struct store_identity *identity)
{
	secret_free(identity->key_pem);
	free(identity->cert_pem);
	for (size_t i = 0; i < STORE_ROOTS_MAX; i++)
		free(identity->roots_pem[i]);
	*identity = (struct store_identity){0};
}
