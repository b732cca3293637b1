/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: secret: memory for private keys
 *
 * Whole pages of their own, kept out of swap and core dumps where the system
 * lets us, and wiped before they go back.
 */
#ifndef LIB_SECRET_H
#define LIB_SECRET_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "daemon/lib/cleanup.h"

/**
 * secret_new() - Zeroed, locked pages.
 * @size: bytes wanted, at most 1 MiB
 *
 * Locking is best effort (RLIMIT_MEMLOCK); wiping is not.
 * Return: the bytes, never NULL (aborts on OOM).
 */
void *secret_new(size_t size) __attribute__((returns_nonnull, warn_unused_result));
/** secret_free() - Wipe and release; NULL is allowed. */
void secret_free(void *secret);

/** secret_wipe() - Overwrite key material in any buffer; never optimised away. */
static inline void secret_wipe(void *p, size_t len)
{
	explicit_bzero(p, len);
}

static inline void cleanup_secret(void *owner)
{
	secret_free(*(void **)owner);
}
#define _cleanup_secret_ _cleanup_(cleanup_secret)

#endif
