/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: collected configuration errors, one line each
 */
#ifndef CONFIG_ERRORS_H
#define CONFIG_ERRORS_H

#include <stddef.h>

#define CONFIG_ERRORS_MAX 20 /* lines; the rest is only counted */

/**
 * struct config_errors - "file:line: what; write ..." lines
 * @file: name for the lines
 * @text: caller's buffer, always terminated
 * @size: its size
 * @used: bytes in it without the NUL
 * @n: problems found
 */
struct config_errors {
	const char *file;
	char *text;
	size_t size, used, n;
};

/** config_error() - Add one problem; @line 0 leaves the line out. */
void config_error(struct config_errors *errors, unsigned int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
