/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MESHCTL_CA_REVOCATIONS_H
#define MESHCTL_CA_REVOCATIONS_H

#include "tools/meshctl/meshctl.h"

/** ca_revocations() - "ca revocations [install FILE]", @argv[0] being the second word. */
int ca_revocations(struct meshctl *ctl, int argc, char **argv);

#endif
