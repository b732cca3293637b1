/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CONFIG_LINES_H
#define CONFIG_LINES_H

#include <cyaml/cyaml.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/config/errors.h"

#define CONFIG_LINES_MAX 4096 /* values in a file */
#define CONFIG_PATH_MAX 64 /* "proxy.entries[63].resilience.concurrency.queue_ms" fits */

/**
 * struct config_lines - on which line each value begins
 * @n: entries of @at
 * @at: "ports.control", "seeds[0]" -> line, from 1
 */
struct config_lines {
	size_t n;
	struct {
		char path[CONFIG_PATH_MAX];
		unsigned int line;
	} at[CONFIG_LINES_MAX];
};

/**
 * struct config_form - what a kind of file looks like
 * @schema: libcyaml schema of the whole file
 * @manual: where a person reads about it
 * @least: what it must hold at least
 */
struct config_form {
	const cyaml_schema_value_t *schema;
	const char *manual, *least;
};

/**
 * config_lines_scan() - Check the form of a file, note lines.
 * @bytes: the file
 * @len: its length
 * @form: what it should look like
 * @ret: lines of the values seen, zero-initialised by the caller
 * @errors: one entry per problem
 *
 * Context: Pure.
 * Return: 0; -EINVAL with @errors.
 */
int config_lines_scan(const uint8_t *bytes, size_t len, const struct config_form *form,
		      struct config_lines *ret, struct config_errors *errors);
/** config_lines_has() - Is there a value, or a section, at @path? */
bool config_lines_has(const struct config_lines *lines, const char *path);
/**
 * config_lines_of() - Line to tell a person of a value.
 * @lines: of the file
 * @path: of the value
 *
 * Return: its line; if it is not in the file that of the section it belongs to, or 1.
 */
unsigned int config_lines_of(const struct config_lines *lines, const char *path);

#endif
