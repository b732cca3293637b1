// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: shim: see shim.h
 *
 * Everything after the clone runs in the child and reports through the pipe;
 * nothing returns there.
 */
#include "daemon/runtime/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/runtime/confine.h"

#define CRUN "/usr/bin/crun"
#define CRUN_STATE "/run/hubmesh-crun"
#define UMASK 0077

/* Descriptors of the shim, below which nothing else may be. */
enum { SHIM_RECORDS = 3, SHIM_PROCS, SHIM_FDS_END };
#define FDS_SAFE 16 /* above all of these */

static void tell(int fd, const struct shim_record *record)
{
	/* The pipe is empty or the launcher is gone. */
	(void)!write(fd, record, sizeof(*record));
}

__attribute__((noreturn)) static void fail(int fd, uint8_t stage, int error)
{
	const struct shim_record record = {.kind = LAUNCH_FAILED,
					   .stage = stage,
					   .error = (uint32_t)(error < 0 ? -error : error)};

	tell(fd, &record);
	_exit(EXIT_FAILURE);
}

/* ---- the program --------------------------------------------------------- */

static void reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* crun takes account, limits and filter from the bundle's config.json. */
__attribute__((noreturn)) static void become_container(const struct shim_order *order, int records)
{
	char id[LAUNCH_NAME_MAX + 32], *argv[] = {(char *)CRUN,
						  (char *)"--root",
						  (char *)CRUN_STATE,
						  (char *)"--cgroup-manager=disabled",
						  (char *)"run",
						  (char *)"--bundle",
						  (char *)order->spec->directory,
						  id,
						  NULL};
	static char *const environment[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};

	snprintf(id, sizeof(id), "%s-%ld", order->spec->name, syscall(SYS_gettid));
	execve(CRUN, argv, environment);
	fail(records, LAUNCH_STAGE_BUNDLE, errno);
}

static void limit(const struct shim_order *order, int records)
{
	int error = confine_limits(order->spec, order->procs_fd >= 0);

	if (error)
		fail(records, LAUNCH_STAGE_LIMITS, error);
}

__attribute__((noreturn)) static void become_program(const struct shim_order *order, int records)
{
	const struct launch_spec *spec = order->spec;
	int error;

	reset_signals();
	setsid(); /* no controlling terminal, a process group of its own */
	umask(UMASK);
	if (close_range(SHIM_RECORDS, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		fail(records, LAUNCH_STAGE_PROCESS, errno);
	if (spec->is_bundle) {
		limit(order, records);
		become_container(order, records);
	}
	error = confine_identity(order->account);
	if (error)
		fail(records, LAUNCH_STAGE_PRIVILEGES, error);
	if (chdir(spec->directory) < 0)
		fail(records, LAUNCH_STAGE_DIRECTORY, errno);
	error = confine_syscalls();
	if (error)
		fail(records, LAUNCH_STAGE_FILTER, error);
	limit(order, records); /* last: what is left to do here needs memory, too */
	execve(spec->argv.list[0], (char *const *)spec->argv.list,
	       (char *const *)spec->environment.list);
	fail(records, LAUNCH_STAGE_EXECUTE, errno);
}

/* ---- the shim ------------------------------------------------------------ */

/* Standard descriptors, records, cgroup.procs; nothing else stays open. */
static void arrange_fds(const struct shim_order *order, int records)
{
	int from[SHIM_FDS_END];

	for (int i = 0; i < LAUNCH_FDS; i++)
		from[i] = order->fds[i];
	from[SHIM_RECORDS] = records;
	from[SHIM_PROCS] = order->procs_fd;
	for (int i = 0; i < SHIM_FDS_END; i++)
		if (from[i] >= 0)
			from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, FDS_SAFE);
	for (int i = 0; i < SHIM_FDS_END; i++)
		if (from[i] >= 0)
			dup2(from[i], i);
	close_range(order->procs_fd >= 0 ? SHIM_FDS_END : SHIM_PROCS, ~0u, 0);
}

/* A /proc of the new namespace: the host's shows processes that are none of its business. */
static int mount_proc(void)
{
	if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return -errno;
	return 0;
}

/* Tells how it ended; with us ends whatever it left behind. */
static void reap(pid_t program)
{
	struct shim_record record = {.kind = LAUNCH_ENDED};
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != program)
			continue;
		if (WIFSIGNALED(status))
			record.signal = (uint8_t)WTERMSIG(status);
		else
			record.status = (uint8_t)WEXITSTATUS(status);
		tell(SHIM_RECORDS, &record);
		_exit(EXIT_SUCCESS);
	}
}

__attribute__((noreturn)) static void watch(pid_t program, const sigset_t *all)
{
	for (;;) {
		int number = sigwaitinfo(all, NULL);

		if (number == SIGCHLD)
			reap(program);
		else if (number > 0)
			kill(-program, number);
	}
}

/* Return: 0 executed; else the record says why not. */
static int await_execution(int fd, struct shim_record *ret)
{
	ssize_t n;

	do
		n = read(fd, ret, sizeof(*ret));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*ret) ? -ECHILD : 0;
}

__attribute__((noreturn)) static void shim_run(const struct shim_order *order, int records)
{
	static const unsigned int keeps[] = {CAP_KILL};
	struct pollfd launcher = {.fd = SHIM_RECORDS};
	struct shim_record record;
	sigset_t all;
	int executed[2];
	pid_t program;
	int error;

	arrange_fds(order, records);
	prctl(PR_SET_NAME, "meshd-shim");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (poll(&launcher, 1, 0) > 0) /* it died before it could take us along */
		_exit(EXIT_FAILURE);
	if (order->procs_fd >= 0 && (write(SHIM_PROCS, "0", 1) < 0 || close(SHIM_PROCS) < 0))
		fail(SHIM_RECORDS, LAUNCH_STAGE_CGROUP, errno);
	error = mount_proc();
	if (error)
		fail(SHIM_RECORDS, LAUNCH_STAGE_MOUNT, error);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	program = pipe2(executed, O_CLOEXEC) < 0 ? -1 : _Fork();
	if (program < 0)
		fail(SHIM_RECORDS, LAUNCH_STAGE_PROCESS, errno);
	if (program == 0)
		become_program(order, executed[1]);
	close_range(0, LAUNCH_FDS - 1, 0);
	close(executed[1]);
	error = confine_keep(keeps, 1);
	if (error)
		fail(SHIM_RECORDS, LAUNCH_STAGE_PRIVILEGES, error);
	if (await_execution(executed[0], &record)) {
		tell(SHIM_RECORDS, &record);
		_exit(EXIT_FAILURE);
	}
	record = (struct shim_record){.kind = LAUNCH_STARTED};
	tell(SHIM_RECORDS, &record);
	watch(program, &all);
}

pid_t shim_start(const struct shim_order *order, int *ret_fd)
{
	int records[2];
	pid_t pid;

	if (pipe2(records, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	/* As fork() does: no stack of its own.  glibc has no wrapper with flags. */
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		shim_run(order, records[1]);
	if (pid < 0)
		pid = -errno;
	close(records[1]);
	if (pid < 0)
		close(records[0]);
	else
		*ret_fd = records[0];
	return pid;
}
