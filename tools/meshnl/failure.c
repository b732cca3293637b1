// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: failure: what the kernel said, what to do, and the exit code
 */
#include <errno.h>
#include <stdarg.h>
#include <sysexits.h>

#include "tools/lib/failure.h"
#include "tools/meshnl/meshnl.h"

#define MESSAGE_MAX 512

int meshnl_fail(struct meshnl *nl, int code, const char *hint, const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	failure_print(nl->err, nl->is_json ? nl->out : NULL, "meshnl", code, message, hint);
	return code;
}

int meshnl_fail_errno(struct meshnl *nl, int err, const char *device, const char *why)
{
	static const struct {
		int error, code;
		const char *hint;
	} known[] = {
		{ENOENT, EX_UNAVAILABLE, "load the module: modprobe hubmesh"},
		{EOPNOTSUPP, EX_UNAVAILABLE, "load the module: modprobe hubmesh"},
		{ETIMEDOUT, EX_UNAVAILABLE, "dmesg may tell where the kernel is stuck"},
		{EAGAIN, EX_UNAVAILABLE, "try again when it is calmer"},
		{EPERM, EX_NOPERM, "needs CAP_NET_ADMIN where the network namespace belongs to"},
		{EACCES, EX_NOPERM, "needs CAP_NET_ADMIN where the network namespace belongs to"},
		{ENODEV, MESHNL_NO, "meshnl show lists the interfaces of this network namespace"},
		{EMEDIUMTYPE, MESHNL_NO, "ip link removes interfaces of other kinds"},
		{EEXIST, MESHNL_NO, NULL},
		{EBADMSG, EX_DATAERR, "meshnl and hubmesh.ko may be of different versions"},
		{E2BIG, EX_DATAERR, "meshnl and hubmesh.ko may be of different versions"},
	};
	const char *name = device ? device : "hubmesh";

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (-err != known[i].error)
			continue;
		if (err == -ENOENT)
			why = "the kernel has no hubmesh module loaded";
		return meshnl_fail(nl, known[i].code, known[i].hint, "%s: %s", name, why);
	}
	return meshnl_fail(nl, MESHNL_NO, NULL, "%s: %s", name, why);
}
