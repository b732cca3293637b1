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

#include "daemon/hub/effects.h"

#define STORE_FILE_MAX 65536

struct store;

/**
 * struct store_identity - files of the identity; key is in locked memory
 */
struct store_identity {
	uint8_t *cert_pem, *key_pem;
	size_t cert_pem_len, key_pem_len;
	uint8_t *roots_pem[8];
	size_t roots_pem_len[8];
	size_t n_roots;
};

/** store_open() - Check or make the directory. Return: 0 or -errno and @error_text. */
int store_open(const char *dir, struct store **ret, const char **error_text);
void store_close(struct store *store);
int store_load_identity(struct store *store, struct store_identity *ret, const char **error_text);
void store_identity_wipe(struct store_identity *identity);
/** store_get() - A persisted number; @fallback when there is none. Return: 0; -EIO corrupt. */
int store_get(struct store *store, enum persist_key key, uint64_t fallback, uint64_t *ret);
int store_put(struct store *store, enum persist_key key, uint64_t value);

#endif
