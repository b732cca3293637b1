/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: resident: what only start-up needed does not stay in memory
 *
 * Libraries run a lot of code once (gnutls, which libmicrohttpd brings, most of
 * all).  Pages of code and constants are clean copies of files: dropped from the
 * process they cost nothing, and one that is needed again comes back with a minor
 * fault.
 */
#ifndef SHELL_RESIDENT_H
#define SHELL_RESIDENT_H

/**
 * resident_drop_startup() - Give back heap, code and constants that start-up used.
 *
 * Context: Once, when the daemon is ready.  Best effort: nothing depends on it.
 */
void resident_drop_startup(void);

#endif
