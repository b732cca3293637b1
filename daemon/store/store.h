/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: store: the state directory
 *
 * A shell.  /var/lib/hubmesh (0700): identity/{hub.key 0600, hub.crt, roots/},
 * numbers (one small file each, written by rename after fsync).  Refuses keys
 * that group or others can read, and a directory that is not ours.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/hub/effects.h"

#define STORE_FILE_MAX 65536 /* bytes of a certificate file */
#define STORE_KEY_MAX 4095 /* bytes of the key file: one locked page with its NUL */
#define STORE_ROOTS_MAX 8
#define STORE_BLOB_MAX 4096 /* MANIFEST_MAX, CATALOGUE_MAX */
#define STORE_BLOBS_MAX 8192 /* files looked at, as REGISTRY_BLOBS_MAX */

struct store;

/**
 * struct store_identity - files of the identity; key is in locked memory
 * @cert_pem: certificate chain, leaf first
 * @key_pem: private key, in locked memory
 * @cert_pem_len: bytes of @cert_pem
 * @key_pem_len: bytes of @key_pem
 * @roots_pem: root certificates, PEM or DER
 * @roots_pem_len: bytes of each
 * @n_roots: entries of @roots_pem
 */
struct store_identity {
	uint8_t *cert_pem, *key_pem;
	size_t cert_pem_len, key_pem_len;
	uint8_t *roots_pem[STORE_ROOTS_MAX];
	size_t roots_pem_len[STORE_ROOTS_MAX];
	size_t n_roots;
};

/**
 * store_open() - Check or make the directory and lock it for this process.
 * @dir: path; made with mode 0700 if its parent is there
 * @ret: filled on success
 * @error_text: on failure, a sentence for a person (thread-local text)
 *
 * Context: Blocking; start of the daemon.  The lock dies with the process.
 * Return: 0; -EBUSY another meshd holds the directory; -EPERM it is not ours
 * or others may write to it; other -errno.
 */
int store_open(const char *dir, struct store **ret, const char **error_text);

/** store_close() - Release the lock; NULL is allowed. */
void store_close(struct store *store);

/**
 * store_load_identity() - Read identity/hub.key, hub.crt and roots/\*.crt.
 * @store: open
 * @ret: filled on success, to be wiped with store_identity_wipe(); every
 *	buffer has a NUL after its length
 * @error_text: on failure, a sentence for a person (thread-local text)
 *
 * Return: 0; -ENOENT a file is missing; -EPERM wrong owner or mode; -EFBIG,
 * -ENODATA (empty) or -ENOSPC (too many roots).
 */
int store_load_identity(struct store *store, struct store_identity *ret, const char **error_text);

/** store_identity_wipe() - Overwrite the key, free everything; zeroes @identity. */
void store_identity_wipe(struct store_identity *identity);

/**
 * store_get() - A persisted number; @fallback when there is none.
 * @store: open
 * @key: which number
 * @fallback: when there is none yet
 * @ret: filled on success
 *
 * Return: 0; -EIO corrupt (@ret untouched); other -errno reading.
 */
int store_get(struct store *store, enum persist_key key, uint64_t fallback, uint64_t *ret);

/**
 * store_put() - Persist a number: it is on the disk when this returns 0.
 * @store: open
 * @key: which number
 * @value: replaces it
 *
 * Context: Blocking (two fsyncs of tiny files).
 * Return: 0 or -errno; the old number stays in force on failure.
 */
int store_put(struct store *store, enum persist_key key, uint64_t value);

/** store_put_blob() - Cache bytes by their digest, not synced. Return: 0 or -errno. */
int store_put_blob(struct store *store, const uint8_t digest[SHA256_LEN], const uint8_t *bytes,
		   size_t len);
/** store_delete_blob() - No harm if it is not there. */
void store_delete_blob(struct store *store, const uint8_t digest[SHA256_LEN]);
typedef void (*store_blob_fn)(void *arg, const uint8_t *bytes, size_t len);
/** store_read_blobs() - Call @fn with all of them; others' files are removed. Return: 0, -errno. */
int store_read_blobs(struct store *store, store_blob_fn fn, void *arg);

/**
 * store_give() - Hand the numbers to the account the daemon will run as.
 * @store: open
 * @uid: new owner
 * @gid: new group
 *
 * The directory and the identity stay with their owner: the numbers are
 * reached through a descriptor opened before privileges are dropped.
 *
 * Return: 0 or -errno of chown.
 */
int store_give(struct store *store, uid_t uid, gid_t gid);

#endif
