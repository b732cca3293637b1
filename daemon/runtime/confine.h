/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: confine: what a program is left with
 *
 * Called in the process that becomes the program, in the order below; each
 * step is final.
 */
#ifndef RUNTIME_CONFINE_H
#define RUNTIME_CONFINE_H

#include "daemon/runtime/launcher.h"

/** confine_limits() - No core dumps, open files; without a cgroup memory and processes too. */
int confine_limits(const struct launch_spec *spec, bool has_cgroup);
/** confine_identity() - Become the account: no groups, no capabilities, never any again. */
int confine_identity(const struct launcher_account *account);
/** confine_keep() - Of the capabilities there are, keep these; bounding set and all. */
int confine_keep(const unsigned int *capabilities, size_t n);
/** confine_syscalls() - Load the filter: system calls on its list fail with EPERM. */
int confine_syscalls(void);

#endif
