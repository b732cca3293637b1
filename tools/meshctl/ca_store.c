// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: files of a certificate authority
 *
 * See ca_store.h.  Certificates are made by daemon/trust/issue.c; this file
 * draws randomness, and reads and writes files.
 */
#include "tools/meshctl/ca_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/secret.h"
#include "daemon/trust/issue.h"
#include "daemon/trust/pem.h"
#include "daemon/wire/manifest.h"

#define SECONDS_PER_DAY 86400
#define KEY_MODE 0600
#define CERT_MODE 0644
#define DIR_MODE 0700

/** struct key - in locked memory */
struct key {
	uint8_t seed[ED25519_SEED_LEN];
	uint8_t pubkey[ED25519_PUBKEY_LEN];
};

int ca_refuse(struct ca_error *error, int code, const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, ap);
	va_end(ap);
	error->hint = hint;
	return code;
}

int ca_refuse_errno(struct ca_error *error, const char *verb, const char *path)
{
	int code = -errno;

	return ca_refuse(error, code,
			 code == -EEXIST
				 ? "nothing is overwritten: remove it or choose another place"
				 : NULL,
			 "cannot %s %s: %s", verb, path, strerror(-code));
}

int ca_join(char path[CA_PATH_SIZE], const char *dir, const char *name, struct ca_error *error)
{
	if (snprintf(path, CA_PATH_SIZE, "%s/%s", dir, name) >= CA_PATH_SIZE)
		return ca_refuse(error, -ENAMETOOLONG, "use a shorter path", "path too long: %s",
				 dir);
	return 0;
}

static int draw_random(void *ret, size_t len, struct ca_error *error)
{
	if (getrandom(ret, len, 0) != (ssize_t)len)
		return ca_refuse(error, -EIO, NULL, "the system gives no random numbers");
	return 0;
}

static int make_key(struct key *key, struct ca_error *error)
{
	int r = draw_random(key->seed, sizeof(key->seed), error);

	if (r < 0)
		return r;
	if (ed25519_public_key(key->seed, key->pubkey) < 0)
		return ca_refuse(error, -EIO, NULL, "cannot make a key");
	return 0;
}

static int make_directory(const char *path, struct ca_error *error)
{
	if (mkdir(path, DIR_MODE) < 0 && errno != EEXIST)
		return ca_refuse_errno(error, "make directory", path);
	return 0;
}

int ca_sync_directory(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
}

int ca_write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return -1;
		}
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd);
}

/* A new file, or none. */
static int write_file(const char *path, mode_t mode, const char *text, size_t len,
		      struct ca_error *error)
{
	_cleanup_close_ int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	int r;

	if (fd < 0)
		return ca_refuse_errno(error, "create", path);
	if (ca_write_all(fd, text, len) == 0)
		return 0;
	r = ca_refuse_errno(error, "write", path);
	unlink(path);
	return r;
}

static int write_key(const char *path, const struct key *key, struct ca_error *error)
{
	_cleanup_secret_ char *text = secret_new(PEM_KEY_SIZE);
	int n = pem_write_private_key(key->seed, text, PEM_KEY_SIZE);

	if (n < 0)
		return ca_refuse(error, n, NULL, "cannot encode a key");
	return write_file(path, KEY_MODE, text, (size_t)n, error);
}

static int write_cert(const char *path, const uint8_t *der, size_t len, struct ca_error *error)
{
	char text[PEM_CERT_SIZE];
	int n = pem_encode(PEM_CERTIFICATE, der, len, text, sizeof(text));

	if (n < 0)
		return ca_refuse(error, n, NULL, "cannot encode a certificate");
	return write_file(path, CERT_MODE, text, (size_t)n, error);
}

int ca_read_file(const char *path, bool is_key, uint8_t *buf, size_t size, size_t *len,
		 struct ca_error *error)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n = 0;

	*len = 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return ca_refuse_errno(error, "read", path);
	if (!S_ISREG(st.st_mode))
		return ca_refuse(error, -EINVAL, NULL, "%s is not a regular file", path);
	if (is_key && (st.st_mode & (S_IRWXG | S_IRWXO)))
		return ca_refuse(error, -EPERM,
				 "make it private: chmod 600, and think of who read it",
				 "%s can be read by others", path);
	if (st.st_size > (off_t)size)
		return ca_refuse(error, -EFBIG, NULL, "%s is too large", path);
	while (*len < size && (n = read(fd, buf + *len, size - *len)) > 0)
		*len += (size_t)n;
	return n < 0 ? ca_refuse_errno(error, "read", path) : 0;
}

static void format_serial(const struct cert *cert, char ret[41])
{
	for (size_t i = 0; i < cert->serial.len; i++)
		snprintf(ret + 2 * i, 3, "%02x", cert->serial.bytes[i]);
}

static int describe(const char *path, const uint8_t *der, size_t len, struct ca_certificate *ret,
		    struct ca_error *error)
{
	struct ca_certificate c = {.der_len = len};
	struct cert cert;

	if (cert_parse(der, len, &cert) < 0)
		return ca_refuse(error, -EBADMSG,
				 "an X.509 v3 certificate with an Ed25519 key is meant",
				 "%s holds no certificate of a mesh", path);
	snprintf(c.path, sizeof(c.path), "%s", path);
	snprintf(c.subject, sizeof(c.subject), "%.*s", (int)cert.common_name.len,
		 cert.common_name.bytes ? (const char *)cert.common_name.bytes : "");
	if (cert.n_uris == 1)
		snprintf(c.uri, sizeof(c.uri), "%.*s", (int)cert.uri.len,
			 (const char *)cert.uri.bytes);
	format_serial(&cert, c.serial);
	c.is_root = cert.is_ca;
	c.hub = hub_id_from_pubkey(cert.pubkey);
	c.not_before_s = cert.not_before_s;
	c.not_after_s = cert.not_after_s;
	snprintf(c.zones, sizeof(c.zones), "%.*s", (int)cert.zones.len,
		 cert.zones.len ? (const char *)cert.zones.bytes : "");
	*ret = c;
	return 0;
}

/* DER of a file that holds PEM or DER. */
static int read_cert(const char *path, uint8_t *der, size_t size, size_t *len,
		     struct ca_error *error)
{
	uint8_t text[CA_FILE_MAX];
	size_t text_len;
	int r = ca_read_file(path, false, text, sizeof(text), &text_len, error), n;

	if (r < 0)
		return r;
	n = pem_decode(PEM_CERTIFICATE, text, text_len, der, size);
	if (n > 0) {
		*len = (size_t)n;
		return 0;
	}
	if (text_len > size)
		return ca_refuse(error, -EBADMSG, NULL, "%s holds no certificate", path);
	memcpy(der, text, text_len);
	*len = text_len;
	return 0;
}

int ca_read_certificate(const char *path, struct ca_certificate *ret, struct ca_error *error)
{
	uint8_t der[CERT_MAX];
	size_t len;
	int r = read_cert(path, der, sizeof(der), &len, error);

	return r < 0 ? r : describe(path, der, len, ret, error);
}

static int make_root_cert(const char *mesh, const struct key *key, unsigned int days, int64_t now_s,
			  uint8_t der[CERT_MAX], struct ca_error *error)
{
	_cleanup_secret_ struct issue_root *root = secret_new(sizeof(*root));
	int r;

	root->mesh = mesh;
	root->not_before_s = now_s - ISSUE_BACKDATE_S;
	root->not_after_s = now_s + (int64_t)days * SECONDS_PER_DAY;
	memcpy(root->seed, key->seed, sizeof(root->seed));
	r = draw_random(root->serial, sizeof(root->serial), error);
	if (r < 0)
		return r;
	r = issue_root(root, der, CERT_MAX);
	if (r == -EINVAL)
		return ca_refuse(error, r,
				 "use 1 to 63 of a-z 0-9 . - _, a letter or digit at both ends",
				 "bad mesh name '%s'", mesh);
	if (r < 0)
		return ca_refuse(error, r, "check the clock and --days", "cannot make the root: %s",
				 strerror(-r));
	return r;
}

int ca_create_root(const char *dir, const char *mesh, unsigned int days, int64_t now_s,
		   struct ca_certificate *ret, struct ca_error *error)
{
	_cleanup_secret_ struct key *key = secret_new(sizeof(*key));
	char key_path[CA_PATH_SIZE], cert_path[CA_PATH_SIZE];
	uint8_t der[CERT_MAX];
	int r, len;

	if ((r = ca_join(key_path, dir, "root.key", error)) < 0 ||
	    (r = ca_join(cert_path, dir, "root.crt", error)) < 0 || (r = make_key(key, error)) < 0)
		return r;
	len = make_root_cert(mesh, key, days, now_s, der, error);
	if (len < 0)
		return len;
	if ((r = make_directory(dir, error)) < 0 || (r = write_key(key_path, key, error)) < 0)
		return r;
	r = write_cert(cert_path, der, (size_t)len, error);
	if (r == 0 && (r = ca_sync_directory(dir)) < 0) {
		r = ca_refuse(error, r, NULL, "cannot sync %s: %s", dir, strerror(-r));
		unlink(cert_path);
	}
	if (r < 0) {
		unlink(key_path);
		return r;
	}
	return describe(cert_path, der, (size_t)len, ret, error);
}

int ca_load_root(const char *dir, uint8_t seed[ED25519_SEED_LEN], uint8_t der[CERT_MAX],
		 size_t *len, struct ca_error *error)
{
	_cleanup_secret_ uint8_t *text = secret_new(CA_FILE_MAX);
	char path[CA_PATH_SIZE];
	size_t text_len;
	int r;

	if ((r = ca_join(path, dir, "root.key", error)) < 0 ||
	    (r = ca_read_file(path, true, text, CA_FILE_MAX, &text_len, error)) < 0)
		return r;
	if (pem_read_private_key(text, text_len, seed) < 0)
		return ca_refuse(error, -EBADMSG, NULL, "%s holds no Ed25519 key (PKCS#8 PEM)",
				 path);
	if ((r = ca_join(path, dir, "root.crt", error)) < 0)
		return r;
	return read_cert(path, der, CERT_MAX, len, error);
}

/* The key of a PEM public key or of a certificate. */
static int load_public_key(const char *path, uint8_t ret[ED25519_PUBKEY_LEN],
			   struct ca_error *error)
{
	uint8_t text[CA_FILE_MAX], der[CERT_MAX];
	struct cert cert;
	size_t len;
	int r = ca_read_file(path, false, text, sizeof(text), &len, error);

	if (r < 0 || pem_read_public_key(text, len, ret) == 0)
		return r;
	r = pem_decode(PEM_CERTIFICATE, text, len, der, sizeof(der));
	if (r < 0 || cert_parse(der, (size_t)r, &cert) < 0)
		return ca_refuse(error, -EBADMSG, "make one with: openssl pkey -in hub.key -pubout",
				 "%s holds no Ed25519 public key (PEM)", path);
	memcpy(ret, cert.pubkey, ED25519_PUBKEY_LEN);
	return 0;
}

/**
 * struct identity_files - what ca_issue_hub() leaves behind
 * @key: NULL when the hub keeps its own
 * @cert: DER of the hub's certificate, borrowed
 * @root: DER of the root's, borrowed
 * @cert_len: bytes of @cert
 * @root_len: bytes of @root
 */
struct identity_files {
	const struct key *key;
	const uint8_t *cert, *root;
	size_t cert_len, root_len;
};

/* All of STATEDIR/identity or nothing new of it. */
static int write_identity(const char *state_dir, const struct identity_files *files,
			  char cert_path[CA_PATH_SIZE], struct ca_error *error)
{
	char dir[CA_PATH_SIZE], roots[CA_PATH_SIZE], key_path[CA_PATH_SIZE],
		root_path[CA_PATH_SIZE];
	int r, written = 0;

	if ((r = ca_join(dir, state_dir, "identity", error)) < 0 ||
	    (r = ca_join(roots, dir, "roots", error)) < 0 ||
	    (r = ca_join(key_path, dir, "hub.key", error)) < 0 ||
	    (r = ca_join(cert_path, dir, "hub.crt", error)) < 0 ||
	    (r = ca_join(root_path, roots, "root.crt", error)) < 0 ||
	    (r = make_directory(state_dir, error)) < 0 || (r = make_directory(dir, error)) < 0 ||
	    (r = make_directory(roots, error)) < 0)
		return r;
	if (files->key)
		r = write_key(key_path, files->key, error);
	if (r == 0 && ++written)
		r = write_cert(cert_path, files->cert, files->cert_len, error);
	if (r == 0 && ++written)
		r = write_cert(root_path, files->root, files->root_len, error);
	if (r == 0 && ++written && (r = ca_sync_directory(roots)) == 0)
		r = ca_sync_directory(dir);
	if (r == 0)
		return 0;
	if (written == 3) {
		ca_refuse(error, r, NULL, "cannot sync %s: %s", dir, strerror(-r));
		unlink(root_path);
	}
	if (written >= 2)
		unlink(cert_path);
	if (written >= 1 && files->key)
		unlink(key_path);
	return r;
}

static bool name_is_printable(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name < 0x20 || *name == 0x7f)
			return false;
	return true;
}

static int refuse_issue(int code, const struct ca_request *request, struct ca_error *error)
{
	switch (code) {
	case -EINVAL:
		return ca_refuse(error, code, "use 1 to 64 bytes", "bad hub name");
	case -EBADMSG:
	case -EKEYREJECTED:
		return ca_refuse(error, -EBADMSG, "make one with: meshctl ca init",
				 "%s holds no root of a mesh, or a key of another root",
				 request->dir);
	case -ERANGE:
		return ca_refuse(error, code, "check the clock and --days; a new root may be due",
				 "the validity would end before it begins");
	default:
		return ca_refuse(error, code, NULL, "cannot make the certificate: %s",
				 strerror(-code));
	}
}

/* Root, dates and serial number of a certificate to be. */
static int begin_issue(const struct ca_request *request, int64_t now_s, struct issue_hub *issue,
		       uint8_t root[CERT_MAX], size_t *root_len, struct ca_error *error)
{
	int r = ca_load_root(request->dir, issue->root_seed, root, root_len, error);

	issue->root_der = root;
	issue->root_der_len = *root_len;
	issue->not_before_s = now_s - ISSUE_BACKDATE_S;
	issue->not_after_s = now_s + (int64_t)request->days * SECONDS_PER_DAY;
	return r < 0 ? r : draw_random(issue->serial, sizeof(issue->serial), error);
}

static int write_service(const struct ca_request *request, const uint8_t *der, size_t len,
			 char path[CA_PATH_SIZE], struct ca_error *error)
{
	char dir[CA_PATH_SIZE], services[CA_PATH_SIZE], name[SPIFFE_SERVICE_MAX + sizeof(".crt")];
	int r;

	snprintf(name, sizeof(name), "%s.crt", request->service);
	if ((r = ca_join(dir, request->state_dir, "identity", error)) < 0 ||
	    (r = ca_join(services, dir, "services", error)) < 0 ||
	    (r = ca_join(path, services, name, error)) < 0 ||
	    (r = make_directory(request->state_dir, error)) < 0 ||
	    (r = make_directory(dir, error)) < 0 || (r = make_directory(services, error)) < 0 ||
	    (r = write_cert(path, der, len, error)) < 0)
		return r;
	r = ca_sync_directory(services);
	if (r < 0) {
		unlink(path);
		return ca_refuse(error, r, NULL, "cannot sync %s: %s", services, strerror(-r));
	}
	return 0;
}

int ca_issue_service(const struct ca_request *request, int64_t now_s, struct ca_certificate *ret,
		     struct ca_error *error)
{
	_cleanup_secret_ struct issue_hub *issue = secret_new(sizeof(*issue));
	uint8_t root[CERT_MAX], der[CERT_MAX];
	char path[CA_PATH_SIZE];
	size_t root_len = 0;
	int r, len;

	if (!manifest_name_is_valid(request->service))
		return ca_refuse(error, -EINVAL, "use 1 to 63 of a-z, 0-9 and hyphens",
				 "bad name of a service '%s'", request->service);
	r = begin_issue(request, now_s, issue, root, &root_len, error);
	if (r == 0)
		r = load_public_key(request->pubkey_path, issue->pubkey, error);
	if (r < 0)
		return r;
	issue->name = issue->service = request->service;
	len = issue_hub(issue, der, sizeof(der));
	if (len < 0)
		return refuse_issue(len, request, error);
	r = write_service(request, der, (size_t)len, path, error);
	return r < 0 ? r : describe(path, der, (size_t)len, ret, error);
}

int ca_issue_hub(const struct ca_request *request, int64_t now_s, struct ca_certificate *ret,
		 struct ca_error *error)
{
	_cleanup_secret_ struct issue_hub *issue = secret_new(sizeof(*issue));
	_cleanup_secret_ struct key *key = secret_new(sizeof(*key));
	uint8_t root[CERT_MAX], der[CERT_MAX];
	struct identity_files files = {.cert = der, .root = root};
	char cert_path[CA_PATH_SIZE], zones[ZONE_LIST_SIZE] = "";
	int r, len;

	if (!name_is_printable(request->hub))
		return refuse_issue(-EINVAL, request, error);
	if (request->zones && zone_list_make(request->zones, zones) < 0)
		return ca_refuse(
			error, -EINVAL,
			"a zone is 1 to 31 of a-z 0-9 -, a letter first; at most 16 of them",
			"bad --zone '%s'", request->zones);
	r = begin_issue(request, now_s, issue, root, &files.root_len, error);
	if (r < 0)
		return r;
	if (request->pubkey_path) {
		r = load_public_key(request->pubkey_path, key->pubkey, error);
	} else {
		r = make_key(key, error);
		files.key = key;
	}
	if (r < 0)
		return r;
	memcpy(issue->pubkey, key->pubkey, sizeof(issue->pubkey));
	issue->name = request->hub;
	issue->zones = zones;
	len = issue_hub(issue, der, sizeof(der));
	if (len < 0)
		return refuse_issue(len, request, error);
	files.cert_len = (size_t)len;
	r = write_identity(request->state_dir, &files, cert_path, error);
	return r < 0 ? r : describe(cert_path, der, (size_t)len, ret, error);
}
