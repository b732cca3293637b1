// SPDX-License-Identifier: GPL-2.0
#include "daemon/config/entry.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void config_entry_is(struct config_entry *entry, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(entry->at, sizeof(entry->at), fmt, ap);
	va_end(ap);
}

void config_entry_error(const struct config_entry *entry, const char *key, const char *fmt, ...)
{
	char path[2 * CONFIG_PATH_MAX], text[512];
	unsigned int line = config_lines_of(entry->lines, entry->at);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(path, sizeof(path), "%s.%s", entry->at, key ? key : "");
	if (key && config_lines_of(entry->lines, path) > line)
		line = config_lines_of(entry->lines, path);
	config_error(entry->errors, line, "%s%s%s %s", entry->at, key ? "." : "", key ? key : "",
		     text);
}

bool config_entry_number(const struct config_entry *entry, const char *key, const int64_t *given,
			 int64_t min, int64_t max, uint64_t *ret)
{
	if (!given)
		return false;
	if (*given < min || *given > max) {
		config_entry_error(entry, key,
				   "is %" PRId64 "; write a number from %" PRId64 " to %" PRId64,
				   *given, min, max);
		return false;
	}
	*ret = (uint64_t)*given;
	return true;
}

void config_entry_u32(const struct config_entry *entry, const char *key, const int64_t *given,
		      int64_t min, int64_t max, uint32_t *ret)
{
	uint64_t value;

	if (config_entry_number(entry, key, given, min, max, &value))
		*ret = (uint32_t)value;
}
