// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: privileges: what is dropped is gone, what the filter forbids kills
 *
 * Every step is final, so each test runs in a child process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cap-ng.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/privilege/privilege.h"

#define CHILD_SIGNAL 1000 /* added to the number of the signal that ended it */

/* Exit status of the child, or CHILD_SIGNAL + signal. */
static int in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? CHILD_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

static int filter(void)
{
	const char *error_text;

	return privilege_drop(NULL, false, &error_text) || privilege_filter_syscalls();
}

static int execute(void)
{
	char *const argv[] = {"/bin/true", NULL};

	execv("/bin/true", argv);
	return 100;
}

static int filter_and_execute(void)
{
	return filter() ? 99 : execute();
}

static int filter_and_unshare(void)
{
	return filter() ? 99 : (int)syscall(SYS_unshare, 0);
}

static int filter_and_load_bpf(void)
{
	return filter() ? 99 : (int)syscall(SYS_bpf, 0, NULL, 0);
}

static int filter_and_look_into_a_map(void)
{
	return filter() ? 99 : (int)syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, NULL, 0);
}

static int filter_and_open_a_map(void)
{
	return filter() ? 99 : (int)syscall(SYS_bpf, BPF_MAP_GET_FD_BY_ID, NULL, 0);
}

/* Refused by the kernel, as there is no such map, and not by the filter. */
static int filter_and_change_a_map(void)
{
	union bpf_attr attr = {.map_fd = (uint32_t)-1};

	if (filter())
		return 99;
	return syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)) == 0 ||
	       syscall(SYS_bpf, BPF_MAP_DELETE_ELEM, &attr, sizeof(attr)) == 0;
}

static int filter_and_work(void)
{
	if (filter())
		return 99;
	free(malloc(1 << 20));
	return getpid() > 0 && write(-1, "", 1) < 0 ? 0 : 1;
}

static void filter_kills_what_a_daemon_never_does(void **state)
{
	assert_int_equal(in_child(execute), 0); /* without the filter it works */
	assert_int_equal(in_child(filter_and_execute), CHILD_SIGNAL + SIGSYS);
	assert_int_equal(in_child(filter_and_unshare), CHILD_SIGNAL + SIGSYS);
	assert_int_equal(in_child(filter_and_load_bpf), CHILD_SIGNAL + SIGSYS);
	assert_int_equal(in_child(filter_and_look_into_a_map), CHILD_SIGNAL + SIGSYS);
	assert_int_equal(in_child(filter_and_open_a_map), CHILD_SIGNAL + SIGSYS);
}

static void filter_lets_a_daemon_work(void **state)
{
	assert_int_equal(in_child(filter_and_work), 0);
	assert_int_equal(in_child(filter_and_change_a_map), 0);
}

static bool has(unsigned int capability)
{
	capng_get_caps_process();
	return capng_have_capability(CAPNG_EFFECTIVE, capability);
}

static int drop_and_look(void)
{
	const char *error_text;

	if (privilege_drop(NULL, false, &error_text))
		return 99;
	return has(CAP_SYS_ADMIN) + 2 * has(CAP_NET_BIND_SERVICE) + 4 * !has(CAP_NET_ADMIN) +
	       8 * (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) +
	       16 * (prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 0) +
	       32 * (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0);
}

static int drop_with_low_port(void)
{
	const char *error_text;

	return privilege_drop(NULL, true, &error_text) ? 99 : !has(CAP_NET_BIND_SERVICE);
}

static int become_account(void)
{
	const struct privilege_account account = {.uid = 12345, .gid = 12346};
	const char *error_text;

	if (privilege_drop(&account, false, &error_text))
		return 99;
	return (getuid() != 12345) + 2 * (geteuid() != 12345) + 4 * (getgid() != 12346) +
	       8 * !has(CAP_NET_ADMIN) + 16 * has(CAP_SETUID) + 32 * (setuid(0) == 0);
}

static void drop_keeps_network_administration_only(void **state)
{
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(drop_and_look), 0);
	assert_int_equal(in_child(drop_with_low_port), 0);
}

static void drop_takes_the_account_for_good(void **state)
{
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(become_account), 0);
}

static int hide(void)
{
	struct rlimit limit;

	return privilege_hide_memory() || getrlimit(RLIMIT_CORE, &limit) || limit.rlim_max != 0 ||
	       prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0;
}

static void memory_is_hidden(void **state)
{
	assert_int_equal(in_child(hide), 0);
}

static void account_is_found_or_not(void **state)
{
	struct privilege_account account = {.uid = 77};

	assert_int_equal(privilege_find_account("no-such-account", &account), -ENOENT);
	assert_int_equal(account.uid, 77);
	assert_int_equal(privilege_find_account("root", &account), 0);
	assert_int_equal(account.uid, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filter_kills_what_a_daemon_never_does),
		cmocka_unit_test(filter_lets_a_daemon_work),
		cmocka_unit_test(drop_keeps_network_administration_only),
		cmocka_unit_test(drop_takes_the_account_for_good),
		cmocka_unit_test(memory_is_hidden),
		cmocka_unit_test(account_is_found_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
