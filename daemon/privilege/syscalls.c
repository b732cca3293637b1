// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: syscalls: the deny list meshd and the programs it runs share
 *
 * Calls that reach other processes, the file systems' shape, the kernel
 * itself, keys, namespaces and clocks.  Documentation/runtime.rst lists them
 * for those who write programs.
 */
#include "daemon/privilege/syscalls.h"

#include <errno.h>

#include "daemon/lib/memory.h"

static const char *const common[] = {
	/* other processes */
	"ptrace",
	"kcmp",
	"pidfd_getfd",
	"process_vm_readv",
	"process_vm_writev",
	"uselib",
	/* file systems */
	"mount",
	"umount2",
	"pivot_root",
	"chroot",
	"move_mount",
	"open_tree",
	"fsopen",
	"fsconfig",
	"fsmount",
	"fspick",
	"mount_setattr",
	"swapon",
	"swapoff",
	"quotactl",
	"acct",
	"open_by_handle_at",
	"fanotify_init",
	/* the kernel */
	"init_module",
	"finit_module",
	"delete_module",
	"kexec_load",
	"kexec_file_load",
	"reboot",
	"perf_event_open",
	"userfaultfd",
	"io_uring_setup",
	"io_uring_enter",
	"io_uring_register",
	"iopl",
	"ioperm",
	"modify_ldt",
	"lookup_dcookie",
	"syslog",
	/* keys, namespaces, names */
	"keyctl",
	"add_key",
	"request_key",
	"unshare",
	"setns",
	"sethostname",
	"setdomainname",
	"vhangup",
	/* clocks */
	"settimeofday",
	"clock_settime",
	"clock_adjtime",
	"adjtimex",
};

/* The leak checker of a sanitizer build traces its own process at exit. */
#ifdef __SANITIZE_ADDRESS__
#define PTRACE_IS_ALLOWED 1
#else
#define PTRACE_IS_ALLOWED 0
#endif

int syscalls_refuse(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t n)
{
	int error = 0;

	for (size_t i = 0; i < n && !error; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);

		/* Unknown to this libseccomp or absent on this architecture. */
		if (number == __NR_SCMP_ERROR || number < 0 ||
		    (PTRACE_IS_ALLOWED && action == SCMP_ACT_KILL_PROCESS &&
		     number == SCMP_SYS(ptrace)))
			continue;
		error = seccomp_rule_add(filter, action, number, 0);
	}
	return error;
}

int syscalls_filter_new(uint32_t action, scmp_filter_ctx *ret)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int error = filter ? 0 : -ENOMEM;

	*ret = filter;
	if (!error)
		error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!error)
		error = syscalls_refuse(filter, action, common, ARRAY_SIZE(common));
	return error;
}
