/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: the module's tables as objects
 *
 * Documentation/man/meshnl.8.rst tells the members of each.
 */
#ifndef MESHNL_TABLES_H
#define MESHNL_TABLES_H

#include <jansson.h>

#include "tools/meshnl/kernel.h"

/**
 * typedef tables_read_fn - Read what one view shows.
 * @kernel: from kernel_open()
 * @device: name of the interface
 * @answer: object that receives the members
 * @why: what is wrong, for a person
 * Return: as kernel_get().
 */
typedef int (*tables_read_fn)(struct kernel *kernel, const char *device, json_t *answer,
			      char why[KERNEL_WHY_MAX]);

int tables_read_links(struct kernel *kernel, const char *device, json_t *answer, char *why);
int tables_read_hubs(struct kernel *kernel, const char *device, json_t *answer, char *why);
int tables_read_routes(struct kernel *kernel, const char *device, json_t *answer, char *why);
int tables_read_trees(struct kernel *kernel, const char *device, json_t *answer, char *why);
int tables_read_fdb(struct kernel *kernel, const char *device, json_t *answer, char *why);
int tables_read_keys(struct kernel *kernel, const char *device, json_t *answer, char *why);
int tables_read_qos(struct kernel *kernel, const char *device, json_t *answer, char *why);
int tables_read_filter(struct kernel *kernel, const char *device, json_t *answer, char *why);
int tables_read_stats(struct kernel *kernel, const char *device, json_t *answer, char *why);
int tables_read_drops(struct kernel *kernel, const char *device, json_t *answer, char *why);

/**
 * tables_read_devices() - Everything of one interface or of all.
 * @kernel: from kernel_open()
 * @device: name of the interface; NULL for all
 * @answer: receives "devices"; one whose tables we may not read has "restricted" true and
 *	its settings alone
 * @why: what is wrong, for a person
 * Return: as kernel_get().
 */
int tables_read_devices(struct kernel *kernel, const char *device, json_t *answer, char *why);

#endif
