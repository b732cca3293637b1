/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: cgroup: a control group v2 for each program
 *
 * Below meshd's own group:  hubmesh-PID/daemon  for meshd and its launcher,
 * hubmesh-PID/NAME-TASK  for each program.  A group that has processes may
 * not pass controllers on, hence "daemon"; the root may, and nothing moves.
 */
#ifndef RUNTIME_CGROUP_H
#define RUNTIME_CGROUP_H

#include <sys/types.h>

#include "daemon/runtime/launch.h"

#define CGROUP_PATH_MAX 512

/**
 * struct cgroups - where groups are made
 * @base: directory; "" when there are none
 * @note: why not, for a person
 */
struct cgroups {
	char base[CGROUP_PATH_MAX];
	char note[LAUNCH_NOTE_MAX + 1];
};

/** cgroups_open() - Find and prepare the subtree, move @daemon and ourselves if need be. */
void cgroups_open(struct cgroups *ret, pid_t daemon);
/** cgroups_close() - Remove what is empty. */
void cgroups_close(const struct cgroups *cgroups);
/** cgroups_clear() - End and remove the groups an earlier launcher left. */
void cgroups_clear(const struct cgroups *cgroups);

/**
 * cgroup_make() - A group with the limits of @spec.
 * @cgroups: has a base
 * @spec: name and limits
 * @task: number
 * @path: receives the directory, CGROUP_PATH_MAX bytes
 *
 * Return: descriptor of its cgroup.procs; -errno.
 */
int cgroup_make(const struct cgroups *cgroups, const struct launch_spec *spec, uint32_t task,
		char *path);
/** cgroup_was_out_of_memory() - Did the kernel kill in it? */
bool cgroup_was_out_of_memory(const char *path);
/** cgroup_remove() - Kill whatever is in it, remove it. */
void cgroup_remove(const char *path);

#endif
