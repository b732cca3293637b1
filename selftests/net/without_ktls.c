// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: without_ktls: runs a program to which the kernel has no TLS
 *
 * As on a kernel without the module: setting the upper layer protocol of a
 * socket ends with ENOENT.  Everything else is as it was.
 */
#include <errno.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UPPER_LAYER_PROTOCOL \
	31 /* TCP_ULP of linux/tcp.h, which is not for use beside netinet/in.h */

int main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r;

	if (argc < 2 || !filter)
		return 2;
	/* The program may have privileges to drop. */
	r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOENT), SCMP_SYS(setsockopt), 2,
				     SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP),
				     SCMP_A2(SCMP_CMP_EQ, UPPER_LAYER_PROTOCOL));
	if (r == 0)
		r = seccomp_load(filter);
	if (r < 0) {
		fprintf(stderr, "without_ktls: %s\n", strerror(-r));
		return 1;
	}
	seccomp_release(filter);
	execv(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
