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
#define STORE_SERVICES_MAX 64 /* certificates of services, as PROXY_IDENTITIES_MAX */
#define STORE_IDENTITY_DIR "identity"
#define STORE_SERVICES_DIR STORE_IDENTITY_DIR "/services"
#define STORE_LISTS_MAX 64 /* files of revocations looked at: 8 of ours, the rest an operator's */
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
 * store_load_identity() - Read identity/hub.key, hub.crt and roots/\*.crt, open services/.
 * @store: open
 * @ret: filled on success, to be wiped with store_identity_wipe(); every
 *	buffer has a NUL after its length
 * @error_text: on failure, a sentence for a person (thread-local text)
 *
 * Return: 0; -ENOENT a file is missing; -EPERM wrong owner or mode; -EFBIG,
 * -ENODATA (empty) or -ENOSPC (too many roots).
 */
int store_load_identity(struct store *store, struct store_identity *ret, const char **error_text);

/**
 * store_read_certificate() - Read identity/hub.crt again.
 * @store: store_load_identity() was called
 * @ret: its bytes on success, with a NUL behind them; the caller frees them
 * @ret_len: how many
 * @error_text: on failure, a sentence for a person (thread-local text)
 *
 * Return: 0; the errors of store_load_identity().
 */
int store_read_certificate(struct store *store, uint8_t **ret, size_t *ret_len,
			   const char **error_text);

typedef void (*store_service_fn)(void *arg, const char *file, const uint8_t *bytes, size_t len,
				 const char *error_text);
/**
 * store_read_services() - Call @fn with every identity/services/\*.crt, in order of names.
 * @store: store_load_identity() was called
 * @fn: told the file's name and its bytes, PEM or DER; NULL bytes and a sentence if there are none
 * @arg: handed to @fn
 *
 * Return: 0; -ESTALE the directory was deleted under us; other -errno.
 */
int store_read_services(struct store *store, store_service_fn fn, void *arg);

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

/**
 * struct store_state - may the directory be written?
 * @write_error: -errno of the last write, 0 it worked
 * @free_bytes: that we may fill; UINT64_MAX not known
 */
struct store_state {
	int write_error;
	uint64_t free_bytes;
};
/** store_state() - How writing goes. */
void store_state(const struct store *store, struct store_state *ret);
/** store_retry() - After a write that failed: does it work again? For store_state(). */
void store_retry(struct store *store);

/** store_put_blob() - Cache bytes by their digest, not synced. Return: 0 or -errno. */
int store_put_blob(struct store *store, const uint8_t digest[SHA256_LEN], const uint8_t *bytes,
		   size_t len);
/** store_delete_blob() - No harm if it is not there. */
void store_delete_blob(struct store *store, const uint8_t digest[SHA256_LEN]);
typedef void (*store_blob_fn)(void *arg, const uint8_t *bytes, size_t len);
/** store_read_blobs() - Call @fn with all of them; others' files are removed. Return: 0, -errno. */
int store_read_blobs(struct store *store, store_blob_fn fn, void *arg);

/** store_add_key() - Remember a hub's key for good; synced. Return: 0 or -errno. */
int store_add_key(struct store *store, const uint8_t pubkey[HUB_PUBKEY_LEN]);
typedef void (*store_key_fn)(void *arg, const uint8_t pubkey[HUB_PUBKEY_LEN]);
/**
 * store_read_keys() - Call @fn with each of them, in the order they were added.
 * @store: open
 * @fn: called
 * @arg: handed to @fn
 *
 * What a power cut left of the last one is cut off.
 *
 * Return: 0 or -errno.
 */
int store_read_keys(struct store *store, store_key_fn fn, void *arg);
/** store_put_list() - Keep the list of revocations of a root; its last one goes. Return: 0, -errno. */
int store_put_list(struct store *store, const uint8_t issuer[HUB_PUBKEY_LEN], const uint8_t *bytes,
		   size_t len);
typedef void (*store_list_fn)(void *arg, const char *name, const uint8_t *bytes, size_t len,
			      int error);
/**
 * store_read_lists() - Call @fn with every revocations/\*.crl.
 * @store: open
 * @fn: told the file's name and its bytes; NULL bytes and -errno when it cannot be read, -E2BIG of
 *	the first of more than STORE_LISTS_MAX
 * @arg: handed to @fn
 *
 * Those of store_put_list() come first.
 *
 * Return: 0 or -errno.
 */
int store_read_lists(struct store *store, store_list_fn fn, void *arg);

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
