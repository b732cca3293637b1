// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: dropping privileges
 *
 * CAP_NET_ADMIN stays: links, hubs, keys and addresses change all the time.
 * The bounding set is emptied if CAP_SETPCAP allows, and no_new_privs is set
 * in any case, so nothing executed could gain anything back; the filter
 * forbids executing to begin with.
 *
 * The filter is a deny list that kills.  An allow list would have to follow
 * every libc and library update and fail at run time on some machine; the
 * listed calls are those no code path of a network daemon needs and every
 * exploit chain wants: executing, tracing, mounting, loading code into the
 * kernel, namespaces, raw devices, identity changes, clocks.
 */
#include "daemon/privilege/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/lib/memory.h"

static const char *const forbidden[] = {
	/* other programs */
	"execve",
	"execveat",
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
	"kcmp",
	"pidfd_getfd",
	"process_madvise",
	"personality",
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
	"mknod",
	"mknodat",
	"open_by_handle_at",
	"fanotify_init",
	/* the kernel */
	"init_module",
	"finit_module",
	"delete_module",
	"kexec_load",
	"kexec_file_load",
	"reboot",
	"bpf",
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
	/* identity */
	"setuid",
	"setgid",
	"setreuid",
	"setregid",
	"setresuid",
	"setresgid",
	"setgroups",
	"setfsuid",
	"setfsgid",
	"capset",
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

int privilege_hide_memory(void)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

int privilege_find_account(const char *user, struct privilege_account *ret)
{
	const struct passwd *account;

	errno = 0;
	account = getpwnam(user);
	if (!account)
		return errno ? -errno : -ENOENT;
	ret->uid = account->pw_uid;
	ret->gid = account->pw_gid;
	return 0;
}

static int select_capabilities(bool binds_low_port)
{
	bool admin, bind;

	if (capng_get_caps_process() < 0)
		return -EPERM;
	admin = capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN);
	bind = binds_low_port && capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_BIND_SERVICE);
	capng_clear(CAPNG_SELECT_BOTH);
	if (admin)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN);
	if (bind)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_BIND_SERVICE);
	return 0;
}

int privilege_drop(const struct privilege_account *account, bool binds_low_port,
		   const char **error_text)
{
	bool bounds;
	int error;

	if (capng_get_caps_process() < 0) {
		*error_text = "the capabilities of this process cannot be read";
		return -EPERM;
	}
	bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	error = select_capabilities(binds_low_port);
	if (!error && account)
		error = capng_change_id((int)account->uid, (int)account->gid,
					CAPNG_DROP_SUPP_GRP |
						(bounds ? CAPNG_CLEAR_BOUNDING : CAPNG_NO_FLAG));
	else if (!error)
		error = capng_apply(bounds ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS);
	if (error) {
		*error_text =
			account ? "the account in 'user:' cannot be taken; start meshd as root "
				  "with CAP_SETUID and CAP_SETGID"
				: "capabilities cannot be dropped";
		return -EPERM;
	}
	/* Changing the account makes the process dumpable again. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
		*error_text = "no_new_privs cannot be set";
		return -errno;
	}
	return 0;
}

int privilege_filter_syscalls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int error = filter ? 0 : -ENOMEM;

	if (!error) /* a call by another architecture's numbers would dodge the list */
		error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	for (size_t i = 0; i < ARRAY_SIZE(forbidden) && !error; i++) {
		int number = seccomp_syscall_resolve_name(forbidden[i]);

		/* Unknown to this libseccomp or absent on this architecture. */
		if (number == __NR_SCMP_ERROR || number < 0 ||
		    (PTRACE_IS_ALLOWED && number == SCMP_SYS(ptrace)))
			continue;
		error = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, number, 0);
	}
	if (!error)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return error;
}
