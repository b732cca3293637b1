/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: cleanup: owners that let go at the end of their scope
 *
 * A local variable marked _cleanup_(fn) calls fn(&variable) when it leaves
 * scope, on every path.  To hand the value on instead, return
 * steal_pointer(&p) or steal_fd(&fd).
 */
#ifndef LIB_CLEANUP_H
#define LIB_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

/**
 * DEFINE_CLEANUP() - Make a cleanup function name##_cleanup for a pointer type.
 * @type: pointer type, e.g. "struct thing *"
 * @fn: what frees it, e.g. thing_free; not called for NULL
 *
 * Use as: DEFINE_CLEANUP(struct thing *, thing_free);
 *         _cleanup_(thing_free_cleanup) struct thing *thing = NULL;
 */
#define DEFINE_CLEANUP(type, fn)                                             \
	static inline __attribute__((unused)) void fn##_cleanup(type *owner) \
	{                                                                    \
		if (*owner)                                                  \
			fn(*owner);                                          \
	}

static inline void cleanup_free(void *owner)
{
	free(*(void **)owner);
}

/* Keeps errno, so that a function may return -errno after it. */
static inline void cleanup_close(const int *owner)
{
	int saved = errno;

	if (*owner >= 0)
		close(*owner);
	errno = saved;
}

DEFINE_CLEANUP(FILE *, fclose)
DEFINE_CLEANUP(DIR *, closedir)

/* The variable must be initialised: NULL, or -1 for a descriptor. */
#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_close_ _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(fclose_cleanup)
#define _cleanup_closedir_ _cleanup_(closedir_cleanup)

/** steal_pointer() - Take the value out of an owner, which then holds NULL. */
#define steal_pointer(owner)                             \
	({                                               \
		__typeof__(*(owner)) stolen_ = *(owner); \
		*(owner) = NULL;                         \
		stolen_;                                 \
	})

/** steal_fd() - Take a descriptor out of an owner, which then holds -1. */
static inline int steal_fd(int *owner)
{
	int fd = *owner;

	*owner = -1;
	return fd;
}

#endif
