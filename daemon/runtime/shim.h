/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: shim: first process of a program's pid namespace
 *
 * Between launcher and program: passes signals on to the program's process
 * group, reaps, tells how the program ended, and ends with it.  As the first
 * process of a pid namespace it takes every process in there along when it
 * ends, whatever ended it; the kernel lets the launcher reap it only when none
 * is left.  It keeps CAP_KILL, no more.
 */
#ifndef RUNTIME_SHIM_H
#define RUNTIME_SHIM_H

#include <sys/types.h>

#include "daemon/runtime/launch.h"
#include "daemon/runtime/launcher.h"

/**
 * struct shim_record - what a shim tells its launcher, through a pipe
 * @kind: LAUNCH_STARTED, LAUNCH_FAILED or LAUNCH_ENDED
 * @stage: of FAILED
 * @signal: of ENDED
 * @status: of ENDED
 * @error: of FAILED
 */
struct shim_record {
	uint8_t kind, stage, signal, status;
	uint32_t error;
};

/**
 * struct shim_order - what to run
 * @spec: checked
 * @account: to become; not of a bundle
 * @fds: standard input, output, error
 * @procs_fd: cgroup.procs of its group; -1 none, then limits are rlimits
 */
struct shim_order {
	const struct launch_spec *spec;
	const struct launcher_account *account;
	int fds[LAUNCH_FDS], procs_fd;
};

/**
 * shim_start() - Make a shim, which makes the program.
 * @order: borrowed
 * @ret_fd: read end of the pipe of records, non-blocking; its end means the shim ended
 *
 * Return: its pid; -errno.
 */
pid_t shim_start(const struct shim_order *order, int *ret_fd);

#endif
