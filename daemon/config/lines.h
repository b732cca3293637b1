/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CONFIG_LINES_H
#define CONFIG_LINES_H

#include <cyaml/cyaml.h>
#include <stdint.h>

#include "daemon/config/errors.h"

#define CONFIG_LINES_MAX 4096 /* values in a file */
#define CONFIG_PATH_MAX 48

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
 * config_lines_scan() - Check the form of a file against @schema, note lines.
 * @bytes: the file
 * @len: its length
 * @schema: libcyaml schema of the whole file
 * @ret: lines of the values seen, zero-initialised by the caller
 * @errors: one entry per problem
 *
 * Context: Pure.
 * Return: 0; -EINVAL with @errors.
 */
int config_lines_scan(const uint8_t *bytes, size_t len, const cyaml_schema_value_t *schema,
		      struct config_lines *ret, struct config_errors *errors);
/** config_lines_of() - Line of a value; 1 if it is not in the file. */
unsigned int config_lines_of(const struct config_lines *lines, const char *path);

#endif
