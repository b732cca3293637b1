/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: notify: telling the service manager how we are
 *
 * The protocol of sd_notify(3), which its page asks programs to speak by
 * themselves rather than to depend on libsystemd for it: that library and what
 * it pulls in would be an eighth of the daemon's resident memory.
 */
#ifndef SHELL_NOTIFY_H
#define SHELL_NOTIFY_H

#include <stdint.h>

/**
 * notify_send() - Tell the service manager, if there is one.
 * @fmt: lines of "NAME=value", printf style, at most NOTIFY_MAX bytes
 *
 * Return: 1 sent; 0 nobody to tell (NOTIFY_SOCKET is not set); -errno.
 */
int notify_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * notify_watchdog_us() - How often the service manager wants a sign of life.
 *
 * Return: microseconds; 0 when it wants none from this process.
 */
uint64_t notify_watchdog_us(void);

#endif
