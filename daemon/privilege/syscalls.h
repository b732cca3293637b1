/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVILEGE_SYSCALLS_H
#define PRIVILEGE_SYSCALLS_H

#include <seccomp.h>
#include <stddef.h>

/**
 * syscalls_refuse() - Add rules for named system calls.
 * @filter: of libseccomp
 * @action: what becomes of them
 * @names: a name this libseccomp or architecture does not know is passed over
 * @n: entries of @names
 *
 * Return: 0 or -errno.
 */
int syscalls_refuse(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t n);

/**
 * syscalls_filter_new() - A filter without what neither meshd nor a program it runs has a use for.
 * @action: what becomes of calls in the list
 * @ret: the filter, which allows the rest; the caller's to release, on failure too
 *
 * bpf(2) is not in the list: meshd may do a little of it.  A call by the numbers of another
 * architecture, which would dodge the list, ends the process.
 *
 * Return: 0 or -errno.
 */
int syscalls_filter_new(uint32_t action, scmp_filter_ctx *ret);

#endif
