// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: DIR/root.crl, the list of what a root has revoked
 *
 * Read, checked against the root, added to and replaced by rename: whoever
 * loses power has the old list or the new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "daemon/lib/secret.h"
#include "daemon/trust/crl.h"
#include "daemon/trust/pem.h"
#include "tools/meshctl/ca_files.h"

#define LIST_NAME "root.crl"
#define LIST_MODE 0644

/**
 * struct authority - a root and its list
 * @seed: private key, in locked memory
 * @root_der: certificate
 * @root: parsed
 * @list_der: the list as it is on disk
 * @list: parsed; zero without a file
 */
struct authority {
	uint8_t *seed;
	uint8_t root_der[CERT_MAX];
	struct cert root;
	uint8_t list_der[CRL_MAX];
	struct crl list;
};

static int parse_serial(const char *text, uint8_t ret[CERT_SERIAL_MAX])
{
	size_t len = strlen(text);

	if (len < 2 || len % 2 || len > 2 * CERT_SERIAL_MAX ||
	    strspn(text, "0123456789abcdefABCDEF") != len)
		return -EINVAL;
	for (size_t i = 0; i < len / 2; i++) {
		const char digits[] = {text[2 * i], text[2 * i + 1], '\0'};

		ret[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return (int)(len / 2);
}

/* As in certificates or as everywhere else: with hyphens or with colons. */
static int parse_hub(const char *text, struct hub_id *ret)
{
	char colons[HUB_ID_STRLEN] = "";

	if (strlen(text) >= sizeof(colons))
		return -EINVAL;
	strcpy(colons, text);
	for (char *p = colons; *p; p++)
		if (*p == '-')
			*p = ':';
	return hub_id_parse(colons, ret);
}

static int parse_entry(const char *what, uint8_t serial[CERT_SERIAL_MAX], struct crl_entry *ret,
		       struct ca_error *error)
{
	int n;

	ret->is_hub = parse_hub(what, &ret->hub) == 0;
	if (ret->is_hub)
		return 0;
	n = parse_serial(what, serial);
	if (n < 0)
		return ca_refuse(
			error, -EINVAL,
			"give a hub id (meshctl hubs) or a serial number (meshctl ca show)",
			"'%s' is neither a hub nor a certificate", what);
	ret->serial = (struct cert_span){serial, (size_t)n};
	return 0;
}

static int load_list(const char *path, struct authority *a, struct ca_error *error)
{
	_cleanup_free_ uint8_t *text = xmalloc(CRL_PEM_SIZE);
	size_t len;
	int r = ca_read_file(path, false, text, CRL_PEM_SIZE, &len, error);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = pem_decode(PEM_CRL, text, len, a->list_der, sizeof(a->list_der));
	if (r < 0 || crl_parse(a->list_der, (size_t)r, &a->list) < 0 ||
	    crl_check_signature(&a->list, a->root.pubkey) < 0)
		return ca_refuse(error, -EBADMSG,
				 "put back the file as it was; hubs keep the list they have",
				 "%s is no list of this root", path);
	return 0;
}

static int load(const char *dir, const char *path, struct authority *a, struct ca_error *error)
{
	size_t len;
	int r = ca_load_root(dir, a->seed, a->root_der, &len, error);

	if (r < 0)
		return r;
	if (cert_parse(a->root_der, len, &a->root) < 0 ||
	    !(a->root.key_usage & CERT_USAGE_CRL_SIGN))
		return ca_refuse(error, -EBADMSG, "make one with: meshctl ca init",
				 "%s holds no root that may sign lists", dir);
	return load_list(path, a, error);
}

static bool is_same(const struct crl_entry *a, const struct crl_entry *b)
{
	if (a->is_hub != b->is_hub)
		return false;
	return a->is_hub ? hub_id_equal(&a->hub, &b->hub)
			 : a->serial.len == b->serial.len &&
				   memcmp(a->serial.bytes, b->serial.bytes, a->serial.len) == 0;
}

/* Hubs in rising order; certificates as they came. */
static int compare_entries(const void *a, const void *b)
{
	const struct crl_entry *x = a, *y = b;

	if (x->is_hub != y->is_hub)
		return x->is_hub ? 1 : -1;
	return x->is_hub ? hub_id_cmp(&x->hub, &y->hub) : 0;
}

/* The old entries and one more. Return: their number; 0 it is there already. */
static size_t collect(const struct crl *old, const struct crl_entry *more,
		      struct crl_entry entries[CRL_ENTRIES_MAX + 1])
{
	struct crl_walk walk = crl_walk(old);
	size_t n = 0;

	while (crl_next(&walk, &entries[n])) {
		if (is_same(&entries[n], more))
			return 0;
		n++;
	}
	entries[n++] = *more;
	qsort(entries, n, sizeof(*entries), compare_entries);
	return n;
}

static int replace(const char *dir, const char *path, const uint8_t *der, size_t len,
		   struct ca_error *error)
{
	_cleanup_free_ char *text = xmalloc(CRL_PEM_SIZE);
	_cleanup_close_ int fd = -1;
	char temp[CA_PATH_SIZE];
	int n = pem_encode(PEM_CRL, der, len, text, CRL_PEM_SIZE);
	int r = n < 0 ? ca_refuse(error, n, NULL, "cannot encode the list")
		      : ca_join(temp, dir, LIST_NAME ".new", error);

	if (r < 0)
		return r;
	unlink(temp); /* of an interrupted run */
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, LIST_MODE);
	if (fd < 0)
		return ca_refuse_errno(error, "create", temp);
	if (ca_write_all(fd, text, (size_t)n) < 0 || rename(temp, path) < 0) {
		r = ca_refuse_errno(error, "write", path);
		unlink(temp);
		return r;
	}
	r = ca_sync_directory(dir);
	return r < 0 ? ca_refuse(error, r, NULL, "cannot sync %s: %s", dir, strerror(-r)) : 0;
}

static int write_list(const struct authority *a, const struct crl_entry *entries, size_t n,
		      int64_t now_s, uint8_t *der, struct ca_error *error)
{
	struct crl_content content = {
		.issuer = a->root.subject,
		.number = a->list.number + 1,
		.this_update_s = now_s,
		.next_update_s = a->root.not_after_s,
		.entries = entries,
		.n_entries = n,
	};
	int len;

	memcpy(content.issuer_pubkey, a->root.pubkey, sizeof(content.issuer_pubkey));
	len = crl_write(&content, a->seed, der, CRL_MAX);
	if (len == -EMSGSIZE)
		return ca_refuse(error, -EFBIG,
				 "begin a new root: a list holds 1000 hubs or 600 certificates",
				 "the list is full");
	if (len < 0)
		return ca_refuse(error, -EBADMSG, "are root.key and root.crt of one root?",
				 "cannot sign the list: %s", strerror(-len));
	return len;
}

int ca_revoke(const char *dir, const char *what, unsigned int reason, int64_t now_s,
	      struct ca_list *ret, struct ca_error *error)
{
	_cleanup_free_ struct crl_entry *entries =
		xnew_array(struct crl_entry, CRL_ENTRIES_MAX + 1);
	_cleanup_free_ struct authority *a = xnew(struct authority);
	_cleanup_secret_ uint8_t *seed = secret_new(ED25519_SEED_LEN);
	_cleanup_free_ uint8_t *der = xmalloc(CRL_MAX);
	struct crl_entry entry = {.revoked_s = now_s, .reason = (uint8_t)reason};
	uint8_t serial[CERT_SERIAL_MAX];
	int r = parse_entry(what, serial, &entry, error);
	size_t n;

	a->seed = seed;
	if (r == 0)
		r = ca_join(ret->path, dir, LIST_NAME, error);
	if (r == 0)
		r = load(dir, ret->path, a, error);
	if (r < 0)
		return r;
	n = collect(&a->list, &entry, entries);
	ret->is_new = n > 0;
	ret->number = a->list.number + ret->is_new;
	ret->n_entries = n ? n : a->list.n_entries;
	if (!ret->is_new)
		return 0;
	r = write_list(a, entries, n, now_s, der, error);
	return r < 0 ? r : replace(dir, ret->path, der, (size_t)r, error);
}
