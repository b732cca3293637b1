/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: meshnl: what every command shares
 *
 * A command is a function that takes its operands and returns an exit code of sysexits.h,
 * and a line in the table of commands.c.  A view is a function that reads tables into a
 * JSON object (tables.c) and one that draws the object (views.c).
 */
#ifndef MESHNL_MESHNL_H
#define MESHNL_MESHNL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Of the objects of -o json: a new number when a member changes its meaning or goes. */
#define MESHNL_JSON_VERSION 1
#define MESHNL_NO 1 /* exit code: asked and answered, and the answer is negative */

struct meshnl_command;

/**
 * struct meshnl - options and where output goes
 * @is_json: objects for programs instead of tables
 * @watch_s: seconds between two runs, 0 = run once
 * @color: SGR sequences are welcome on @out
 * @is_terminal: standard output is a terminal
 * @out: where a command writes its result
 * @err: where trouble is reported
 * @command: the one that runs
 */
struct meshnl {
	bool is_json;
	double watch_s;
	bool color, is_terminal;
	FILE *out, *err;
	const struct meshnl_command *command;
};

/**
 * struct meshnl_command - one line of the command table
 * @name: as typed
 * @arguments: what follows the name in the usage line, "" for nothing
 * @summary: one line for the help
 * @operands_min: fewest operands
 * @operands_max: most operands
 * @is_live: writes while it runs, or changes something: not for --watch
 * @run: @operands are NULL behind the last
 */
struct meshnl_command {
	const char *name, *arguments, *summary;
	int operands_min, operands_max;
	bool is_live;
	int (*run)(struct meshnl *nl, char **operands);
};

/** meshnl_commands() - The table; @n receives the number of its lines. */
const struct meshnl_command *meshnl_commands(size_t *n);
/** meshnl_command_find() - Line of @name or NULL. */
const struct meshnl_command *meshnl_command_find(const char *name);
/** meshnl_print_help() - Commands and options. */
void meshnl_print_help(FILE *out);

/**
 * meshnl_fail() - Say what went wrong and what to do about it.
 * @nl: where to
 * @code: exit code to return
 * @hint: what to do, a sentence without a full stop; NULL for none
 * @fmt: what is wrong, where
 * Return: @code.
 */
int meshnl_fail(struct meshnl *nl, int code, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * meshnl_fail_errno() - Say why the kernel did not do it, and what to do.
 * @nl: where to
 * @err: negative errno, from tables.h or kernel.h
 * @device: the interface it was about; NULL for none
 * @why: what the kernel said
 * Return: the exit code for @err.
 */
int meshnl_fail_errno(struct meshnl *nl, int err, const char *device, const char *why);

#endif
