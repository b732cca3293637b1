// SPDX-License-Identifier: GPL-2.0
/* DOC: confine: see confine.h */
#include "daemon/runtime/confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/privilege/syscalls.h"

#define NAMESPACES                                                                     \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET)

static int set_limit(int which, rlim_t value)
{
	const struct rlimit limit = {value, value};

	return setrlimit((__rlimit_resource_t)which, &limit) < 0 ? -errno : 0;
}

int confine_limits(const struct launch_spec *spec, bool has_cgroup)
{
	int error = set_limit(RLIMIT_CORE, 0);

	if (!error && spec->open_files)
		error = set_limit(RLIMIT_NOFILE, spec->open_files);
	if (has_cgroup)
		return error;
	if (!error && spec->memory_mib) /* of each process */
		error = set_limit(RLIMIT_AS, (rlim_t)spec->memory_mib << 20);
	if (!error && spec->pids) /* of all processes of the account */
		error = set_limit(RLIMIT_NPROC, spec->pids);
	return error;
}

/* libcap-ng remembers whose capabilities it saw, and _Fork() does not tell it. */
static void select_none(void)
{
	capng_setpid(getpid());
	capng_clear(CAPNG_SELECT_BOTH);
}

int confine_keep(const unsigned int *capabilities, size_t n)
{
	select_none();
	for (size_t i = 0; i < n; i++)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
			     capabilities[i]);
	if (capng_apply(CAPNG_SELECT_BOTH) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -EPERM;
	return 0;
}

int confine_identity(const struct launcher_account *account)
{
	select_none();
	if (capng_change_id((int)account->uid, (int)account->gid,
			    CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING) < 0 ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -EPERM;
	return 0;
}

int confine_syscalls(void)
{
	const uint32_t refuse = SCMP_ACT_ERRNO(EPERM);
	scmp_filter_ctx filter;
	int error = syscalls_filter_new(refuse, &filter);

	if (!error)
		error = seccomp_rule_add(filter, refuse, SCMP_SYS(bpf), 0);
	/* clone3 hides its flags from a filter: "not there", and libc takes clone. */
	if (!error)
		error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	for (uint32_t flag = 1u << 31; flag && !error; flag >>= 1)
		if (flag & NAMESPACES)
			error = seccomp_rule_add(filter, refuse, SCMP_SYS(clone), 1,
						 SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
	if (!error)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return error;
}
