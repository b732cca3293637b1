// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: memory: aborting allocators
 *
 * See memory.h.  The message is written without allocating.
 */
#include "daemon/lib/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *must(void *p)
{
	static const char text[] = "<2>class=local event=out-of-memory\n";

	if (p)
		return p;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0) {
		/* Nowhere left to say it. */
	}
	abort();
}

void *xmalloc(size_t size)
{
	return must(malloc(size ? size : 1));
}

void *xcalloc(size_t n, size_t size)
{
	return must(calloc(n ? n : 1, size ? size : 1));
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	/* reallocarray() with a zero size would free. */
	return must(reallocarray(p, n ? n : 1, size ? size : 1));
}

void *xmemdup(const void *p, size_t len)
{
	void *copy = xmalloc(len);

	if (len)
		memcpy(copy, p, len);
	return copy;
}

char *xstrdup(const char *text)
{
	return must(strdup(text));
}

char *xstrndup(const char *text, size_t len)
{
	return must(strndup(text, len));
}

char *xasprintf(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return must(n < 0 ? NULL : text);
}
