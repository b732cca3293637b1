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
 * kernel, namespaces, raw devices, identity changes, clocks.  Of bpf() two
 * commands stay: they change a table whose descriptor we hold (redirect/).
 */
#include "daemon/privilege/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <linux/bpf.h>
#include <pwd.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/lib/memory.h"
#include "daemon/privilege/syscalls.h"

static const char *const forbidden[] = {
	/* other programs */
	"execve",
	"execveat",
	"process_madvise",
	"personality",
	/* device nodes; mkfifo is none of ours either */
	"mknod",
	"mknodat",
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
};

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

/* Everything but BPF_MAP_UPDATE_ELEM and BPF_MAP_DELETE_ELEM. */
static int forbid_bpf(scmp_filter_ctx filter)
{
	int error;

	_Static_assert(BPF_MAP_DELETE_ELEM == BPF_MAP_UPDATE_ELEM + 1, "a range of two");
	error = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(bpf), 1,
				 SCMP_A0(SCMP_CMP_LT, BPF_MAP_UPDATE_ELEM));
	if (error)
		return error;
	return seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(bpf), 1,
				SCMP_A0(SCMP_CMP_GT, BPF_MAP_DELETE_ELEM));
}

int privilege_filter_syscalls(void)
{
	scmp_filter_ctx filter;
	int error = syscalls_filter_new(SCMP_ACT_KILL_PROCESS, &filter);

	if (!error)
		error = syscalls_refuse(filter, SCMP_ACT_KILL_PROCESS, forbidden,
					ARRAY_SIZE(forbidden));
	if (!error)
		error = forbid_bpf(filter);
	if (!error)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return error;
}
