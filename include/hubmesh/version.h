/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HUBMESH_VERSION_H
#define _HUBMESH_VERSION_H

/* The one place that says it: module, daemon, tool, Makefile and packages read it here. */
#define HUBMESH_VERSION "0.1.0"

#endif
