/* SPDX-License-Identifier: GPL-2.0 */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <stdarg.h>
#include <sys/stat.h>

#include "daemon/store/store.h"

#define STORE_KEYS_NAME "keys" /* in numbers/ */
#define STORE_ERROR_MAX 1024

/**
 * struct store - an open, locked state directory
 * @dir: its path, for messages
 * @dir_fd: the directory
 * @write_error: of the last write, 0 it worked
 * @lock_fd: holds the flock
 * @numbers_fd: numbers/, used after privileges are dropped
 * @blobs_fd: manifests/, likewise
 * @lists_fd: revocations/, likewise
 * @identity_fd: identity/, likewise; -1 it was not read yet
 * @services_fd: identity/services/, likewise; -1 there is none
 */
struct store {
	char *dir;
	int write_error;
	int dir_fd, lock_fd, numbers_fd, blobs_fd, lists_fd, identity_fd, services_fd;
};

/** store_fail() - Write a sentence to the thread's error text; returns @error. */
int store_fail(const char **error_text, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** store_open_blobs() - Open or make manifests/. Return: 0 or -errno. */
int store_open_blobs(struct store *store);

/** store_open_lists() - Open or make revocations/. Return: 0 or -errno. */
int store_open_lists(struct store *store);
/** store_replace() - A file is the old or the new one, whenever power goes. Return: 0 or -errno. */
int store_replace(int dir_fd, const char *name, const char *temp, const void *bytes, size_t len);

/** store_note() - How a write went, for store_state(). Return: @error. */
int store_note(struct store *store, int error);

/** store_check_owner() - Ours or root's, writable by the owner only. Return: 0 or -EPERM. */
int store_check_owner(const char *path, const struct stat *st, const char **error_text);

#endif
