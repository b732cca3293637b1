/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: privilege: what meshd may do once it runs
 *
 * A shell.  Three steps, each final: no core dumps (before the key is read);
 * account and capabilities down to those the running daemon uses; a filter
 * over system calls it never makes.  Documentation/daemon.rst, "Privileges".
 */
#ifndef PRIVILEGE_PRIVILEGE_H
#define PRIVILEGE_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

#define PRIVILEGE_LOW_PORTS_END 1024 /* those below take CAP_NET_BIND_SERVICE */

/**
 * struct privilege_account - who to become
 * @uid: account
 * @gid: its primary group
 */
struct privilege_account {
	uid_t uid;
	gid_t gid;
};

/** privilege_hide_memory() - No core dumps, no ptrace by others. Return: 0 or -errno. */
int privilege_hide_memory(void);

/**
 * privilege_find_account() - Look an account up, while files can still be read.
 * @user: name
 * @ret: filled on success
 *
 * Return: 0; -ENOENT; other -errno.
 */
int privilege_find_account(const char *user, struct privilege_account *ret);

/**
 * privilege_drop() - Keep CAP_NET_ADMIN (and CAP_NET_BIND_SERVICE), lose the rest.
 * @account: become this account; NULL stays
 * @binds_low_port: a port below 1024 may be bound again
 * @error_text: on failure, a sentence for a person (static text)
 *
 * Capabilities the process does not have are not asked for: without
 * CAP_NET_ADMIN meshd is a control plane only.
 *
 * Return: 0 or -errno.
 */
int privilege_drop(const struct privilege_account *account, bool binds_low_port,
		   const char **error_text);

/** privilege_filter_syscalls() - Load the seccomp filter. Return: 0 or -errno. */
int privilege_filter_syscalls(void);

#endif
