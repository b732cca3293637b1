/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "daemon/config/config.h"
#include "daemon/config/lines.h"
#include "daemon/config/schema.h"

/**
 * config_check() - Turn what the file says into settings, with defaults.
 * @file: as loaded; strings are copied
 * @lines: for the errors
 * @ret: zero-initialised by the caller; filled as far as possible, to be
 *	given to config_fini() in any case
 * @errors: one entry per problem
 *
 * Context: Pure but for the host's name, the default of "name".
 * Return: 0; -EINVAL with @errors.
 */
int config_check(const struct config_file *file, const struct config_lines *lines,
		 struct config *ret, struct config_errors *errors);

/**
 * config_check_names() - The sections names: and redirect:.
 * @file: as loaded
 * @lines: of the file
 * @ret: their members are filled
 * @errors: one entry per problem
 */
void config_check_names(const struct config_file *file, const struct config_lines *lines,
			struct config *ret, struct config_errors *errors);

#endif
