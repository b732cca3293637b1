// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: identity files
 *
 *   identity/hub.key       Ed25519 private key, PEM, 0600 or 0400
 *   identity/hub.crt       certificate chain, PEM, leaf first
 *   identity/roots/x.crt   root certificates of the mesh, PEM or DER, 1 to 8
 *   identity/services/x.crt  certificates of services of this hub, if there are any
 *
 * Read once, before privileges are dropped, but for hub.crt and those of services, which
 * are public and may be renewed, these also come and go, while we run.  The key goes into one locked
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
				  errno == EACCES
					  ? "; the account meshd runs as must be able to read it"
					  : "; make an identity: meshctl ca issue --dir CADIR "
					    "--hub NAME --out STATEDIR",
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

	if (fd < 0 && errno == ENOENT)
		return store_fail(error_text, -ENOENT,
				  "%s/identity/roots is missing; copy the mesh's root certificate "
				  "there, as NAME.crt",
				  store->dir);
	snprintf(dir, sizeof(dir), "%s/identity/roots", store->dir);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_errno(dir, "", error_text);
	error = store_check_owner(dir, &st, error_text);
	if (error)
		return error;
	n = scandirat(fd, ".", &names, is_certificate_name, alphasort);
	if (n < 0)
		return fail_errno(dir, "", error_text);
	if (n > STORE_ROOTS_MAX)
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
	if (!error && !ret->n_roots)
		return store_fail(error_text, -ENOENT,
				  "%s/identity/roots holds no NAME.crt; copy the mesh's root "
				  "certificate there",
				  store->dir);
	return error;
}

/* Kept open, as the way to it is closed once privileges are dropped; made, so that it can be watched. */
static int open_services(struct store *store, int identity_fd, const char **error_text)
{
	char dir[PATH_MAX];
	struct stat st;
	int fd;

	snprintf(dir, sizeof(dir), "%s/" STORE_SERVICES_DIR, store->dir);
	mkdirat(identity_fd, "services", 0755); /* what is missing then is said below */
	fd = openat(identity_fd, "services", O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && (errno == ENOENT || errno == EROFS || errno == EACCES))
		return 0; /* without any, as nobody could put one there */
	if (fd < 0 || fstat(fd, &st) < 0) {
		if (fd >= 0)
			close(fd);
		return fail_errno(dir, "", error_text);
	}
	if (store->services_fd >= 0)
		close(store->services_fd);
	store->services_fd = fd;
	return store_check_owner(dir, &st, error_text);
}

static void read_service(struct store *store, const char *name, store_service_fn fn, void *arg)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	const char *error_text = "";
	char dir[PATH_MAX];
	size_t len = 0;

	snprintf(dir, sizeof(dir), "%s/" STORE_SERVICES_DIR, store->dir);
	if (load_certificate(store->services_fd, dir, name, &bytes, &len, &error_text) < 0)
		fn(arg, name, NULL, 0, error_text);
	else
		fn(arg, name, bytes, len, NULL);
}

int store_read_services(struct store *store, store_service_fn fn, void *arg)
{
	struct dirent **names = NULL;
	struct stat st;
	int n;

	if (store->services_fd < 0)
		return 0;
	if (fstat(store->services_fd, &st) < 0)
		return -errno;
	if (st.st_nlink == 0)
		return -ESTALE;
	n = scandirat(store->services_fd, ".", &names, is_certificate_name, alphasort);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		if (i < STORE_SERVICES_MAX)
			read_service(store, names[i]->d_name, fn, arg);
		else
			fn(arg, names[i]->d_name, NULL, 0, "more certificates than are used");
		free(names[i]);
	}
	free(names);
	return 0;
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
	if (!error)
		error = open_services(store, fd, error_text);
	if (error) {
		store_identity_wipe(&identity);
		return error;
	}
	if (store->identity_fd >= 0)
		close(store->identity_fd);
	store->identity_fd = steal_fd(&fd);
	*ret = identity;
	return 0;
}

int store_read_certificate(struct store *store, uint8_t **ret, size_t *ret_len,
			   const char **error_text)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s/" STORE_IDENTITY_DIR, store->dir);
	return load_certificate(store->identity_fd, dir, "hub.crt", ret, ret_len, error_text);
}

void store_identity_wipe(struct store_identity *identity)
{
	secret_free(identity->key_pem);
	free(identity->cert_pem);
	for (size_t i = 0; i < STORE_ROOTS_MAX; i++)
		free(identity->roots_pem[i]);
	*identity = (struct store_identity){0};
}
