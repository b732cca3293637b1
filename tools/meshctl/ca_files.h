/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: what the files of an authority have in common: reading, writing, complaining
 */
#ifndef MESHCTL_CA_FILES_H
#define MESHCTL_CA_FILES_H

#include <stddef.h>

#include "tools/meshctl/ca_store.h"

#define CA_PATH_SIZE CA_TEXT_MAX

/** ca_refuse() - Fill @error; @hint is static text or NULL. Return: @code. */
int ca_refuse(struct ca_error *error, int code, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/** ca_refuse_errno() - "cannot VERB PATH: reason", from errno. Return: -errno. */
int ca_refuse_errno(struct ca_error *error, const char *verb, const char *path);
/** ca_join() - DIR/NAME. Return: 0; -ENAMETOOLONG. */
int ca_join(char path[CA_PATH_SIZE], const char *dir, const char *name, struct ca_error *error);
/** ca_read_file() - At most @size bytes; -EFBIG for more. A key must not be open to others. */
int ca_read_file(const char *path, bool is_key, uint8_t *buf, size_t size, size_t *len,
		 struct ca_error *error);
/** ca_write_all() - All of it, synced. Return: 0; -1 with errno. */
int ca_write_all(int fd, const char *text, size_t len);
/** ca_sync_directory() - Return: 0 or -errno. */
int ca_sync_directory(const char *path);
/** ca_load_root() - The root's seed, and its certificate as DER. */
int ca_load_root(const char *dir, uint8_t seed[ED25519_SEED_LEN], uint8_t der[CERT_MAX],
		 size_t *len, struct ca_error *error);

#endif
