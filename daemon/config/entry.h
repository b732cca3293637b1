/* SPDX-License-Identifier: GPL-2.0 */
/* DOC: config entry: telling what is wrong with one entry of a list */
#ifndef CONFIG_ENTRY_H
#define CONFIG_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/config/errors.h"
#include "daemon/config/lines.h"

/**
 * struct config_entry - the entry of the file that is being looked at
 * @lines: of the file
 * @errors: grows
 * @at: path of the entry, "policy.acl[3]"
 */
struct config_entry {
	const struct config_lines *lines;
	struct config_errors *errors;
	char at[CONFIG_PATH_MAX];
};

/** config_entry_is() - The entry at this path is looked at from now on. */
void config_entry_is(struct config_entry *entry, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * config_entry_error() - Add one problem of the entry.
 * @entry: the entry
 * @key: it is about, at the line of that key; NULL, or one that is not there: the entry as a whole
 * @fmt: what is wrong and what to write instead
 */
void config_entry_error(const struct config_entry *entry, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * config_entry_number() - A number between bounds, or a problem of the entry.
 * @entry: the entry
 * @key: of the number
 * @given: what the file says, NULL nothing
 * @min: smallest allowed
 * @max: largest allowed, at least @min
 * @ret: filled if it is there and good
 *
 * Return: it is there and good.
 */
bool config_entry_number(const struct config_entry *entry, const char *key, const int64_t *given,
			 int64_t min, int64_t max, uint64_t *ret);

/** config_entry_u32() - The same, into 32 bits: @max is at most UINT32_MAX. */
void config_entry_u32(const struct config_entry *entry, const char *key, const int64_t *given,
		      int64_t min, int64_t max, uint32_t *ret);

#endif
