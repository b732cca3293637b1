/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: requests to hubmesh.ko and its answers, over libnl
 */
#ifndef MESHNL_KERNEL_H
#define MESHNL_KERNEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct nl_cb;

/* What a person reads; the kernel's own sentences have less than 80 characters. */
#define KERNEL_WHY_MAX 256
/* More than any table of the module has (HUBMESH_LINKS_MAX), so a dump ends. */
#define KERNEL_MESSAGES_MAX 70000
/* Links of a busy hub change a few times a second and a dump takes milliseconds. */
#define KERNEL_DUMP_TRIES 10

struct kernel;

/**
 * typedef kernel_message_fn - One message of an answer.
 * @arg: as given
 * @cmd: enum hubmesh_cmd
 * @message: its attributes (decode_message()), borrowed for this call
 * Return: 0; a negative errno ends the exchange.
 */
typedef int (*kernel_message_fn)(void *arg, uint8_t cmd, json_t *message);

/**
 * kernel_open() - A socket that speaks to the module.
 * @ret: receives it, to be given to kernel_close(); untouched on failure
 * @cb: callbacks with other ways to send and receive, for tests; NULL for the kernel's own
 * @why: what is wrong, for a person; untouched on success
 *
 * In the network namespace of the caller.
 *
 * Return: 0; -ENOENT the kernel has no family hubmesh: no module; else a negative errno.
 */
int kernel_open(struct kernel **ret, struct nl_cb *cb, char why[KERNEL_WHY_MAX]);
/** kernel_close() - Close and free @kernel; NULL is taken. */
void kernel_close(struct kernel *kernel);

/**
 * kernel_get() - Ask for one thing, or with @is_dump for a table.
 * @kernel: from kernel_open()
 * @cmd: enum hubmesh_cmd that reads
 * @device: name of the interface; NULL for all (DEV_GET alone takes that)
 * @is_dump: the command's dump
 * @ret: receives an array of messages; untouched on failure
 * @why: what is wrong, for a person: the kernel's text where it sent one
 *
 * Messages become JSON as they come.  A dump that was interrupted by a change is asked for
 * again, KERNEL_DUMP_TRIES times in all.
 *
 * Return: 0; -EAGAIN the table changed during each of them; -EBADMSG the answer is malformed; -ETIMEDOUT there was none; -E2BIG more than
 *	KERNEL_MESSAGES_MAX messages; else the kernel's errno, negative.
 */
int kernel_get(struct kernel *kernel, uint8_t cmd, const char *device, bool is_dump, json_t **ret,
	       char why[KERNEL_WHY_MAX]);

/**
 * kernel_listen() - Hand on events until @on_event ends it.
 * @kernel: from kernel_open(); good for nothing else afterwards
 * @on_event: gets each event; @message is NULL after events were lost
 * @arg: for @on_event
 * @why: as in kernel_get()
 *
 * Return: what @on_event returned; -EBADMSG a malformed event; else a negative errno.
 */
int kernel_listen(struct kernel *kernel, kernel_message_fn on_event, void *arg,
		  char why[KERNEL_WHY_MAX]);

/**
 * kernel_device_add() - Make an interface of kind hubmesh.
 * @name: of the interface
 * @why: as in kernel_get()
 * Return: 0 or a negative errno: -EOPNOTSUPP there is no module, -EEXIST the name is taken.
 */
int kernel_device_add(const char *name, char why[KERNEL_WHY_MAX]);

/**
 * kernel_device_del() - Remove an interface of kind hubmesh.
 * @name: of the interface
 * @why: as in kernel_get()
 * Return: 0 or a negative errno: -ENODEV no such interface, -EMEDIUMTYPE of another kind.
 */
int kernel_device_del(const char *name, char why[KERNEL_WHY_MAX]);

#endif
