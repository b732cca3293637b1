/* SPDX-License-Identifier: GPL-2.0 */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <stdarg.h>
#include <sys/stat.h>

#include "daemon/store/store.h"

#define STORE_ERROR_MAX 1024

/**
 * struct store - an open, locked state directory
 * @dir: its path, for messages
 * @dir_fd: the directory
 * @lock_fd: holds the flock
 * @numbers_fd: numbers/, used after privileges are dropped
 * @blobs_fd: manifests/, likewise
 */
struct store {
	char *dir;
	int dir_fd, lock_fd, numbers_fd, blobs_fd;
};

/** store_fail() - Write a sentence to the thread's error text; returns @error. */
int store_fail(const char **error_text, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** store_open_blobs() - Open or make manifests/. Return: 0 or -errno. */
int store_open_blobs(struct store *store);

/** store_check_owner() - Ours or root's, writable by the owner only. Return: 0 or -EPERM. */
int store_check_owner(const char *path, const struct stat *st, const char **error_text);

#endif
