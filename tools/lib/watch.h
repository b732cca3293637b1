/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: run a command once, or again and again with --watch
 *
 * What a command writes is collected in memory and printed at once, so that a watched table
 * does not flicker and never shows half an answer.
 */
#ifndef TOOLS_WATCH_H
#define TOOLS_WATCH_H

#include <stdbool.h>
#include <stdio.h>

#define WATCH_DEFAULT_S 2.0
#define WATCH_MIN_S 0.1
#define WATCH_MAX_S 3600.0

/**
 * struct watch - what runs and how often
 * @interval_s: seconds between two runs, 0 = run once
 * @is_redraw: each result goes over the last one, on a terminal
 * @arg: for @run
 * @run: writes its result to @out; may set @interval_s and @is_redraw, as options are found
 *	while a command runs; returns an exit code of sysexits.h
 */
struct watch {
	double interval_s;
	bool is_redraw;
	void *arg;
	int (*run)(struct watch *watch, FILE *out);
};

/**
 * watch_parse() - Seconds of --watch.
 * @text: as typed; NULL for the default
 * @ret_s: receives them; untouched on failure
 * Return: false if it is no number from WATCH_MIN_S to WATCH_MAX_S.
 */
bool watch_parse(const char *text, double *ret_s);

/**
 * watch_run() - Run it, and again until that cannot help: a daemon or a device that is not
 * there may come back, a wrong command line or a missing privilege stays.
 * @watch: what and how often
 * Return: exit code of the last run; EX_IOERR if standard output cannot be written.
 */
int watch_run(struct watch *watch);

#endif
