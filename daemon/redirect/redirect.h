/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: redirect: connections to shared providers go to local entries
 *
 * A shell.  Programs connect to the address they always had; while there is
 * an entry for it, the kernel sends them to the entry instead
 * (redirect.bpf.c).  The hooks belong to descriptors of this process: they
 * end with it, however it ends.  Documentation/redirect.rst.
 */
#ifndef REDIRECT_REDIRECT_H
#define REDIRECT_REDIRECT_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/endpoint.h"

#define REDIRECT_ERROR_MAX 256 /* bytes of a sentence, with the NUL */

struct redirect;

/**
 * redirect_open() - Load the programs and attach them to a cgroup, with no entry yet.
 * @cgroup: directory of a cgroup v2; NULL: the first mount point of cgroup2
 * @ret: filled on success
 * @error: on failure, a sentence for a person (REDIRECT_ERROR_MAX)
 *
 * Needs CAP_BPF, CAP_NET_ADMIN and, as Linux 6.1 will not check a store to half of a
 * stack slot without it, CAP_PERFMON; nothing later needs any capability.
 *
 * Return: 0; -ENOENT no cgroup2 is mounted; -EPERM; -EOPNOTSUPP no BPF or too
 * old a kernel; other -errno.
 */
int redirect_open(const char *cgroup, struct redirect **ret, char error[REDIRECT_ERROR_MAX]);
/** redirect_close() - Detach at once; connections made stay. NULL is allowed. */
void redirect_close(struct redirect *redirect);

/**
 * redirect_set() - From now on, connections to @shared go to @entry.
 * @redirect: where
 * @protocol: IPPROTO_TCP, or IPPROTO_UDP for sockets that connect()
 * @shared: what programs connect to: unicast, not link-local, with a port
 * @entry: where they arrive, with a port; for an IPv4 @shared IPv4, for IPv6
 *	either: IPv4 is reached as a mapped address, not by IPV6_V6ONLY sockets
 *
 * Replaces an earlier entry of @shared, whose count goes on.
 *
 * Return: 0; -EINVAL these addresses cannot be redirected; -ENOSPC
 * REDIRECT_ENTRIES_MAX; other -errno of the kernel, and nothing has changed.
 */
int redirect_set(struct redirect *redirect, int protocol, const struct endpoint *shared,
		 const struct endpoint *entry);
/** redirect_del() - They go where they were going again. Return: 0; -ENOENT; -errno. */
int redirect_del(struct redirect *redirect, int protocol, const struct endpoint *shared);
/**
 * redirect_get_count() - Connections redirected since its entry was set first.
 * @redirect: where
 * @protocol: as set
 * @shared: as set
 * @ret: filled on success
 * Return: 0; -ENOENT.
 */
int redirect_get_count(const struct redirect *redirect, int protocol, const struct endpoint *shared,
		       uint64_t *ret);

#endif
