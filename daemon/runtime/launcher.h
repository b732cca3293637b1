/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: launcher: runs programs for a meshd that may not
 *
 * Two processes, forked before meshd opens anything.  The guard waits for the
 * launcher and makes another when it dies; the launcher does what messages on
 * its end of a socket pair say (launch.h), for the accounts it was told of at
 * the start and no others.  For each program it makes a shim (shim.h).
 *
 * Who dies takes what it started along: shims die with their launcher
 * (PDEATHSIG) and with a shim its whole pid namespace; the launcher with its
 * guard; and a launcher whose meshd is gone, which it sees as the end of the
 * socket, ends every program and then itself.
 */
#ifndef RUNTIME_LAUNCHER_H
#define RUNTIME_LAUNCHER_H

#include <sys/types.h>

#include "daemon/runtime/launch.h"

#define LAUNCHER_USERS_MAX 8
#define LAUNCHER_TASKS_MAX 128
#define LAUNCHER_END_MS 1000 /* from SIGTERM to SIGKILL when meshd is gone */
#define LAUNCHER_RETRY_MS 200 /* between a launcher's death and the next */

/**
 * struct launcher_account - an account programs may run as
 * @name: as in meshd.yaml
 * @uid: looked up before meshd drops privileges
 * @gid: its primary group
 */
struct launcher_account {
	char name[LAUNCH_USER_MAX + 1];
	uid_t uid;
	gid_t gid;
};

/**
 * struct launcher_settings - what it may do
 * @accounts: those it may become
 * @n_accounts: at least one
 * @bundles: OCI bundles lie below this directory; NULL: none is run
 */
struct launcher_settings {
	struct launcher_account accounts[LAUNCHER_USERS_MAX];
	size_t n_accounts;
	const char *bundles;
};

/**
 * launcher_fork() - Make guard and launcher.
 * @settings: copied by the fork
 * @ret_fd: our end of the pair, non-blocking
 * @error_text: on failure, a sentence for a person (static text)
 *
 * Context: Before any thread, key or socket of ours exists.
 * Return: 0; -EPERM without the capabilities for it; other -errno.
 */
int launcher_fork(const struct launcher_settings *settings, int *ret_fd, const char **error_text);

#endif
