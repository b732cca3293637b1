// SPDX-License-Identifier: GPL-2.0
/* DOC: cgroup: see cgroup.h */
#include "daemon/runtime/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"

#define FILE_TEXT_MAX 4096
#define CPU_PERIOD_US 100000 /* the kernel's default */
#define CONTROLLERS "+memory +pids +cpu"

/* Return: 0; -errno. */
static int write_text(const char *dir, const char *name, const char *text)
{
	char path[CGROUP_PATH_MAX + 64];
	_cleanup_close_ int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

static int read_text(const char *dir, const char *name, char *buf, size_t size)
{
	char path[CGROUP_PATH_MAX + 64];
	_cleanup_close_ int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

/* Mount point of cgroup2: "36 35 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw". */
static bool find_mount(char *ret, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[FILE_TEXT_MAX], at[CGROUP_PATH_MAX];

	while (file && fgets(line, sizeof(line), file)) {
		if (!strstr(line, " - cgroup2 ") ||
		    sscanf(line, "%*s %*s %*s %*s %511s", at) != 1 || strlen(at) >= size)
			continue;
		memcpy(ret, at, strlen(at) + 1);
		return true;
	}
	return false;
}

/* Our group in the unified hierarchy: the line "0::/path". */
static bool find_own(char *ret, size_t size)
{
	char text[FILE_TEXT_MAX], *line, *rest = NULL;

	if (read_text("/proc/self", "cgroup", text, sizeof(text)))
		return false;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, "0::/", 4) != 0 || strlen(line + 3) >= size)
			continue;
		memcpy(ret, line + 3, strlen(line + 3) + 1);
		return true;
	}
	return false;
}

static bool has_controllers(const char *dir)
{
	char text[FILE_TEXT_MAX];

	return read_text(dir, "cgroup.controllers", text, sizeof(text)) == 0 &&
	       strstr(text, "memory") && strstr(text, "pids") && strstr(text, "cpu");
}

static void refuse(struct cgroups *ret, const char *why)
{
	snprintf(ret->note, sizeof(ret->note), "%s", why);
	if (ret->base[0])
		rmdir(ret->base);
	ret->base[0] = '\0';
}

/* A group with processes passes nothing on: meshd and we go into a leaf of our own. */
static int move_daemon(const char *base, pid_t daemon)
{
	char leaf[CGROUP_PATH_MAX + 16], text[32];
	int error;

	snprintf(leaf, sizeof(leaf), "%s/daemon", base);
	if (mkdir(leaf, 0755) < 0 && errno != EEXIST)
		return -errno;
	snprintf(text, sizeof(text), "%d", (int)daemon);
	error = write_text(leaf, "cgroup.procs", text);
	return error ? error : write_text(leaf, "cgroup.procs", "0");
}

void cgroups_open(struct cgroups *ret, pid_t daemon)
{
	char mount[CGROUP_PATH_MAX], own[CGROUP_PATH_MAX], dir[CGROUP_PATH_MAX];
	bool is_root;
	int error = 0;

	*ret = (struct cgroups){0};
	if (!find_mount(mount, sizeof(mount)) || !find_own(own, sizeof(own))) {
		refuse(ret, "there is no cgroup v2");
		return;
	}
	is_root = strcmp(own, "/") == 0;
	if ((size_t)snprintf(dir, sizeof(dir), "%s%s", mount, is_root ? "" : own) >= sizeof(dir) ||
	    (size_t)snprintf(ret->base, sizeof(ret->base), "%s/hubmesh-%d", dir, (int)daemon) >=
		    sizeof(ret->base) - LAUNCH_NAME_MAX - 32 ||
	    !has_controllers(dir)) {
		ret->base[0] = '\0';
		refuse(ret, "cgroup v2 has no memory, pids and cpu controllers for meshd");
		return;
	}
	if (mkdir(ret->base, 0755) < 0 && errno != EEXIST)
		error = -errno;
	if (!error && !is_root)
		error = move_daemon(ret->base, daemon);
	if (!error)
		error = write_text(dir, "cgroup.subtree_control", CONTROLLERS);
	if (!error)
		error = write_text(ret->base, "cgroup.subtree_control", CONTROLLERS);
	if (error)
		refuse(ret, "meshd may not divide its cgroup; systemd: Delegate=yes");
}

static void for_each_group(const struct cgroups *cgroups, void (*fn)(const char *path))
{
	_cleanup_closedir_ DIR *dir = cgroups->base[0] ? opendir(cgroups->base) : NULL;
	char path[2 * CGROUP_PATH_MAX];
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
		    strcmp(entry->d_name, "daemon") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", cgroups->base, entry->d_name);
		fn(path);
	}
}

void cgroups_clear(const struct cgroups *cgroups)
{
	for_each_group(cgroups, cgroup_remove);
}

void cgroups_close(const struct cgroups *cgroups)
{
	cgroups_clear(cgroups);
	if (cgroups->base[0])
		rmdir(cgroups->base); /* not while we are in its leaf: systemd removes it then */
}

static int set_limits(const char *path, const struct launch_spec *spec)
{
	char text[64];
	int error = 0;

	if (spec->memory_mib) {
		snprintf(text, sizeof(text), "%" PRIu64, (uint64_t)spec->memory_mib << 20);
		error = write_text(path, "memory.max", text);
		/* Absent without swap; a limit on memory that swaps is none. */
		write_text(path, "memory.swap.max", "0");
	}
	if (!error) /* half a program is worse than none */
		error = write_text(path, "memory.oom.group", "1");
	if (!error && spec->pids) {
		snprintf(text, sizeof(text), "%u", spec->pids + 1); /* and the first process */
		error = write_text(path, "pids.max", text);
	}
	if (!error && spec->cpu_milli) {
		snprintf(text, sizeof(text), "%" PRIu64 " %d",
			 (uint64_t)spec->cpu_milli * CPU_PERIOD_US / 1000, CPU_PERIOD_US);
		error = write_text(path, "cpu.max", text);
	}
	return error;
}

int cgroup_make(const struct cgroups *cgroups, const struct launch_spec *spec, uint32_t task,
		char *path)
{
	char procs[CGROUP_PATH_MAX + 16];
	int fd, error = 0;

	snprintf(path, CGROUP_PATH_MAX, "%.400s/%s-%u", cgroups->base, spec->name, task);
	if (mkdir(path, 0755) < 0)
		return -errno;
	error = set_limits(path, spec);
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	fd = error ? -1 : open(procs, O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	error = error ? error : -errno;
	rmdir(path);
	return error;
}

bool cgroup_was_out_of_memory(const char *path)
{
	char text[FILE_TEXT_MAX];
	const char *line;

	if (!path[0] || read_text(path, "memory.events", text, sizeof(text)))
		return false;
	line = strstr(text, "oom_kill ");
	return line && line[strlen("oom_kill ")] != '0';
}

void cgroup_remove(const char *path)
{
	write_text(path, "cgroup.kill", "1");
	rmdir(path);
}
