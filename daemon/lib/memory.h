/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: memory: allocation that never fails
 *
 * A daemon that cannot get a few bytes cannot do anything sensible: these
 * abort with one line on stderr.  Sizes that come from outside must be
 * bounded by the caller before they get here.  Free with free().
 */
#ifndef LIB_MEMORY_H
#define LIB_MEMORY_H

#include <stddef.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define MEMORY_MALLOC_ __attribute__((malloc, returns_nonnull, warn_unused_result))

/** xmalloc() - Uninitialised bytes; a unique pointer even for 0. */
void *xmalloc(size_t size) MEMORY_MALLOC_;
/** xcalloc() - @n zeroed elements; overflow aborts. */
void *xcalloc(size_t n, size_t size) MEMORY_MALLOC_;
/** xreallocarray() - Resize; overflow aborts; new elements are uninitialised. */
void *xreallocarray(void *p, size_t n, size_t size)
	__attribute__((returns_nonnull, warn_unused_result));
/** xmemdup() - Copy of @len bytes; @p may be NULL when @len is 0. */
void *xmemdup(const void *p, size_t len) MEMORY_MALLOC_;
char *xstrdup(const char *text) MEMORY_MALLOC_;
/** xstrndup() - Copy of at most @len bytes of @text, always terminated. */
char *xstrndup(const char *text, size_t len) MEMORY_MALLOC_;
char *xasprintf(const char *fmt, ...) MEMORY_MALLOC_ __attribute__((format(printf, 1, 2)));

/** xnew() - One zeroed object of @type. */
#define xnew(type) ((type *)xcalloc(1, sizeof(type)))
/** xnew_array() - @n zeroed objects of @type. */
#define xnew_array(type, n) ((type *)xcalloc(n, sizeof(type)))

#endif
