/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MESHCTL_COMMANDS_H
#define MESHCTL_COMMANDS_H

#include "tools/meshctl/meshctl.h"

/** meshctl_commands() - The table of commands; @n is set to its length. */
const struct meshctl_command *meshctl_commands(size_t *n);
/** meshctl_command_find() - By exact name. Return: NULL when there is none. */
const struct meshctl_command *meshctl_command_find(const char *name);
/** meshctl_command_nearest() - For a mistyped name. Return: NULL when none is near. */
const char *meshctl_command_nearest(const char *name);
/** meshctl_print_help() - Commands and global options. */
void meshctl_print_help(FILE *out);

#endif
