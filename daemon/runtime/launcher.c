// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: launcher: see launcher.h
 *
 * One loop: meshd's messages, shims' records, shims' deaths.  What meshd
 * sends is decoded, checked against the accounts and the table of tasks, and
 * done; what it may not ask for is answered FAILED.  A malformed message ends
 * the launcher and all it runs: the meshd on the other side is not itself.
 */
#include "daemon/runtime/launcher.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "daemon/runtime/cgroup.h"
#include "daemon/runtime/confine.h"
#include "daemon/runtime/shim.h"

#define SOCKET_FD 3 /* of guard and launcher; above it only what they open */

/**
 * struct task - a program
 * @number: of meshd's
 * @pid: of the shim; 0 the entry is free
 * @records: pipe from the shim
 * @group: its cgroup, "" none
 * @is_silent: the shim has closed its end
 * @has_ended: the shim told how
 * @signal: that ended it
 * @status: it exited with
 */
struct task {
	uint32_t number;
	pid_t pid;
	int records;
	char group[CGROUP_PATH_MAX];
	bool is_silent, has_ended;
	uint8_t signal, status;
};

/**
 * struct launcher - the process
 * @settings: what it may do
 * @cgroups: where groups are made
 * @signals: signalfd of SIGCHLD
 * @tasks: in no order
 */
struct launcher {
	const struct launcher_settings *settings;
	const struct cgroups *cgroups;
	int signals;
	struct task tasks[LAUNCHER_TASKS_MAX];
};

/* ---- to meshd ------------------------------------------------------------ */

/* Waits while meshd is busy; when it is gone the loop sees that. */
static void send_message(const struct launch_message *message)
{
	uint8_t buf[LAUNCH_MESSAGE_MAX];
	int len = launch_encode(message, buf, sizeof(buf));

	if (len > 0)
		(void)!send(SOCKET_FD, buf, (size_t)len, MSG_NOSIGNAL);
}

static void send_hello(const struct launcher *launcher)
{
	struct launch_message *message = xnew(struct launch_message);

	message->kind = LAUNCH_HELLO;
	message->pid = (uint32_t)getpid();
	message->has_cgroup = launcher->cgroups->base[0];
	message->note = launcher->cgroups->note;
	send_message(message);
	free(message);
}

static void send_failed(uint32_t task, uint8_t stage, uint32_t error)
{
	struct launch_message *message = xnew(struct launch_message);

	message->kind = LAUNCH_FAILED;
	message->task = task;
	message->stage = stage;
	message->error = error;
	send_message(message);
	free(message);
}

static void send_ended(const struct task *task)
{
	struct launch_message *message = xnew(struct launch_message);

	message->kind = LAUNCH_ENDED;
	message->task = task->number;
	message->signal = task->has_ended ? task->signal : SIGKILL;
	message->status = task->status;
	message->is_out_of_memory = cgroup_was_out_of_memory(task->group);
	send_message(message);
	free(message);
}

/* ---- tasks --------------------------------------------------------------- */

static struct task *find_task(struct launcher *launcher, uint32_t number)
{
	for (size_t i = 0; i < LAUNCHER_TASKS_MAX; i++)
		if (launcher->tasks[i].pid && launcher->tasks[i].number == number)
			return &launcher->tasks[i];
	return NULL;
}

static struct task *free_task(struct launcher *launcher)
{
	for (size_t i = 0; i < LAUNCHER_TASKS_MAX; i++)
		if (!launcher->tasks[i].pid)
			return &launcher->tasks[i];
	return NULL;
}

static const struct launcher_account *find_account(const struct launcher_settings *settings,
						   const char *user)
{
	if (!user[0])
		return &settings->accounts[0];
	for (size_t i = 0; i < settings->n_accounts; i++)
		if (strcmp(settings->accounts[i].name, user) == 0)
			return &settings->accounts[i];
	return NULL;
}

/* Below the directory by its real path: neither ".." nor a link leads out. */
static bool bundle_is_allowed(const struct launcher_settings *settings, const char *path)
{
	char real[PATH_MAX], base[PATH_MAX];
	size_t len;

	if (!settings->bundles || !realpath(settings->bundles, base) || !realpath(path, real))
		return false;
	len = strlen(base);
	return strncmp(real, base, len) == 0 && real[len] == '/';
}

static void run_order(struct launcher *launcher, struct task *task, uint32_t number,
		      struct shim_order *order)
{
	struct task new = {.number = number};
	pid_t pid;

	order->procs_fd = -1;
	if (launcher->cgroups->base[0]) {
		order->procs_fd = cgroup_make(launcher->cgroups, order->spec, number, new.group);
		if (order->procs_fd < 0) {
			send_failed(number, LAUNCH_STAGE_CGROUP, (uint32_t)-order->procs_fd);
			return;
		}
	}
	pid = shim_start(order, &new.records);
	if (order->procs_fd >= 0)
		close(order->procs_fd);
	if (pid < 0) {
		if (new.group[0])
			cgroup_remove(new.group);
		send_failed(number, LAUNCH_STAGE_PROCESS, (uint32_t)-pid);
		return;
	}
	new.pid = pid;
	*task = new;
}

/* Every START is answered by an ENDED in the end, so a refused one too. */
static void start(struct launcher *launcher, const struct launch_message *message, const int *fds)
{
	const struct launch_spec *spec = &message->spec;
	struct shim_order order = {.spec = spec};
	struct task *task = free_task(launcher);
	const struct task none = {.number = message->task};

	order.account = find_account(launcher->settings, spec->user);
	memcpy(order.fds, fds, sizeof(order.fds));
	if (!task || find_task(launcher, message->task))
		send_failed(message->task, LAUNCH_STAGE_ROOM, EBUSY);
	else if (!order.account)
		send_failed(message->task, LAUNCH_STAGE_ACCOUNT, EPERM);
	else if (spec->is_bundle && !bundle_is_allowed(launcher->settings, spec->directory))
		send_failed(message->task, LAUNCH_STAGE_BUNDLE, EPERM);
	else
		run_order(launcher, task, message->task, &order);
	if (!find_task(launcher, message->task))
		send_ended(&none);
}

static void on_record(struct task *task, const struct shim_record *record)
{
	struct launch_message *message;

	if (record->kind == LAUNCH_ENDED) {
		task->has_ended = true;
		task->signal = record->signal;
		task->status = record->status;
		return;
	}
	message = xnew(struct launch_message);
	message->kind = record->kind;
	message->task = task->number;
	message->pid = (uint32_t)task->pid;
	message->stage = record->stage;
	message->error = record->error;
	send_message(message);
	free(message);
}

static void read_records(struct task *task)
{
	struct shim_record record;
	ssize_t n;

	while ((n = read(task->records, &record, sizeof(record))) == (ssize_t)sizeof(record))
		on_record(task, &record);
	task->is_silent |= n == 0; /* its death may take longer: a fork bomb has many children */
}

static void reap(struct launcher *launcher)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		for (size_t i = 0; i < LAUNCHER_TASKS_MAX; i++) {
			struct task *task = &launcher->tasks[i];

			if (task->pid != pid)
				continue;
			read_records(task);
			send_ended(task);
			close(task->records);
			if (task->group[0])
				cgroup_remove(task->group);
			task->pid = 0;
		}
	}
}

/* ---- from meshd ---------------------------------------------------------- */

/* Return: descriptors that came with it, all of them in @fds. */
static size_t take_fds(struct msghdr *header, int *fds, size_t max)
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		n = n > max ? max : n;
		memcpy(fds, CMSG_DATA(c), n * sizeof(int));
	}
	return n;
}

static void do_message(struct launcher *launcher, const struct launch_message *message,
		       const int *fds, size_t n_fds)
{
	struct task *task = find_task(launcher, message->task);

	if (message->kind == LAUNCH_START && n_fds == LAUNCH_FDS)
		start(launcher, message, fds);
	else if (message->kind == LAUNCH_SIGNAL && task)
		kill(task->pid, message->signal);
	else if (message->kind == LAUNCH_KILL && task)
		kill(task->pid, SIGKILL);
}

/* Return: false when meshd is gone, or not itself. */
static bool on_socket(struct launcher *launcher)
{
	static uint8_t buf[LAUNCH_MESSAGE_MAX + 1];
	static struct launch_message message;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(LAUNCH_FDS * sizeof(int))];
	} control;
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr header = {.msg_iov = &iov,
				.msg_iovlen = 1,
				.msg_control = control.bytes,
				.msg_controllen = sizeof(control)};
	ssize_t len = recvmsg(SOCKET_FD, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	int fds[LAUNCH_FDS];
	size_t n_fds;
	bool is_good;

	if (len < 0)
		return errno == EAGAIN || errno == EINTR;
	n_fds = take_fds(&header, fds, LAUNCH_FDS);
	is_good = len > 0 && !(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
		  launch_decode(buf, (size_t)len, &message) == 0;
	if (is_good)
		do_message(launcher, &message, fds, n_fds);
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
	return is_good;
}

/* ---- the loop ------------------------------------------------------------ */

static size_t count_tasks(const struct launcher *launcher)
{
	size_t n = 0;

	for (size_t i = 0; i < LAUNCHER_TASKS_MAX; i++)
		n += launcher->tasks[i].pid != 0;
	return n;
}

/* One turn. Return: false when meshd is gone. */
static bool turn(struct launcher *launcher, bool has_meshd, int timeout_ms)
{
	struct pollfd fds[2 + LAUNCHER_TASKS_MAX];
	struct signalfd_siginfo info;
	size_t n = 2;

	fds[0] = (struct pollfd){.fd = has_meshd ? SOCKET_FD : -1, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = launcher->signals, .events = POLLIN};
	for (size_t i = 0; i < LAUNCHER_TASKS_MAX; i++)
		if (launcher->tasks[i].pid && !launcher->tasks[i].is_silent)
			fds[n++] =
				(struct pollfd){.fd = launcher->tasks[i].records, .events = POLLIN};
	if (poll(fds, n, timeout_ms) < 0)
		return has_meshd;
	for (size_t i = 0; i < LAUNCHER_TASKS_MAX; i++)
		if (launcher->tasks[i].pid)
			read_records(&launcher->tasks[i]);
	while (read(launcher->signals, &info, sizeof(info)) > 0)
		;
	reap(launcher);
	return fds[0].revents ? on_socket(launcher) : has_meshd;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void signal_all(const struct launcher *launcher, int number)
{
	for (size_t i = 0; i < LAUNCHER_TASKS_MAX; i++)
		if (launcher->tasks[i].pid)
			kill(launcher->tasks[i].pid, number);
}

static void end_all(struct launcher *launcher)
{
	int64_t until = now_ms() + LAUNCHER_END_MS;

	signal_all(launcher, SIGTERM);
	while (count_tasks(launcher) && now_ms() < until)
		turn(launcher, false, (int)(until - now_ms()) + 1);
	signal_all(launcher, SIGKILL);
	while (count_tasks(launcher))
		turn(launcher, false, -1);
}

/* crun needs what containers need; without it these are enough. */
static int drop_privileges(const struct launcher_settings *settings)
{
	static const unsigned int keeps[] = {CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_SYS_ADMIN,
					     CAP_KILL};

	if (settings->bundles)
		return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
	return confine_keep(keeps, ARRAY_SIZE(keeps));
}

__attribute__((noreturn)) static void launcher_run(const struct launcher_settings *settings,
						   const struct cgroups *cgroups, pid_t guard)
{
	struct launcher *launcher = xnew(struct launcher);
	sigset_t children;
	bool has_meshd = true;

	prctl(PR_SET_NAME, "meshd-launcher");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != guard || drop_privileges(settings))
		_exit(EXIT_FAILURE);
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, NULL);
	launcher->signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	launcher->settings = settings;
	launcher->cgroups = cgroups;
	cgroups_clear(cgroups);
	send_hello(launcher);
	while (has_meshd)
		has_meshd = turn(launcher, true, -1);
	end_all(launcher);
	_exit(EXIT_SUCCESS);
}

/* ---- the guard ----------------------------------------------------------- */

/* Nothing of meshd's but the socket; a stop signal to all of the unit is meshd's business. */
static void leave_meshd(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	fd = fcntl(fd, F_DUPFD_CLOEXEC, SOCKET_FD + 1);
	for (int i = 0; i < LAUNCH_FDS; i++)
		dup2(null, i);
	dup2(fd, SOCKET_FD);
	fcntl(SOCKET_FD, F_SETFD, FD_CLOEXEC);
	close_range(SOCKET_FD + 1, ~0u, 0);
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

__attribute__((noreturn)) static void guard_run(const struct launcher_settings *settings, int fd,
						pid_t daemon)
{
	const struct timespec pause = {.tv_nsec = LAUNCHER_RETRY_MS * 1000000l};
	struct cgroups *cgroups = xnew(struct cgroups);
	pid_t guard, pid;
	int status;

	leave_meshd(fd);
	prctl(PR_SET_NAME, "meshd-guard");
	guard = getpid();
	cgroups_open(cgroups, daemon);
	for (;;) {
		pid = _Fork(); /* libuv's handlers of fork() are not ours to run */
		if (pid == 0)
			launcher_run(settings, cgroups, guard);
		if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		    WEXITSTATUS(status) == EXIT_SUCCESS)
			break; /* meshd is gone, and all is ended */
		nanosleep(&pause, NULL);
	}
	cgroups_close(cgroups); /* its parent is read-only but for CAP_DAC_OVERRIDE */
	_exit(EXIT_SUCCESS);
}

static bool has_capabilities(void)
{
	return capng_get_caps_process() == 0 &&
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN) &&
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_SETUID) &&
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_SETGID) &&
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) &&
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_KILL);
}

int launcher_fork(const struct launcher_settings *settings, int *ret_fd, const char **error_text)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	pid_t daemon = getpid(), pid;
	int pair[2];

	if (!has_capabilities()) {
		*error_text = "runtime.users needs root, with CAP_SYS_ADMIN, SETUID, SETGID, "
			      "SETPCAP and KILL; leave it out, or see Documentation/runtime.rst";
		return -EPERM;
	}
	*error_text = "no process for the launcher of programs";
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	pid = _Fork();
	if (pid == 0)
		guard_run(settings, theirs, daemon);
	if (pid < 0 || fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	*ret_fd = steal_fd(&ours);
	return 0;
}
