/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: meshctl: what every command shares
 *
 * A command is one file with one function, `int cmd_NAME(struct meshctl *ctl,
 * int argc, char **argv)`, and one line in the table of main.c.  argv[0] is
 * the command's name.  It reads its options with meshctl_getopt(), writes to
 * ctl->out only, reports trouble with meshctl_fail() and returns an exit code.
 *
 * To add a command: write cmd_x.c (copy hubs.c), declare it below, add its
 * line to main.c's table, a section to Documentation/man/meshctl.8.rst and
 * its words to scripts/completion/meshctl.bash; test_meshctl_output.c checks
 * that the three agree.
 */
#ifndef MESHCTL_MESHCTL_H
#define MESHCTL_MESHCTL_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define MESHCTL_SOCKET_DEFAULT "/run/hubmesh/meshd.sock"

/**
 * enum meshctl_exit - exit codes, the numbers of sysexits.h
 * @MESHCTL_OK: done
 * @MESHCTL_NO: asked and answered, and the answer is negative (no reply, no route)
 * @MESHCTL_USAGE: the command line is wrong
 * @MESHCTL_DATA: input or an answer cannot be understood
 * @MESHCTL_UNAVAILABLE: the daemon does not answer
 * @MESHCTL_CANTCREAT: an output file cannot be made
 * @MESHCTL_IO: reading or writing failed
 * @MESHCTL_NOPERM: not allowed
 */
enum meshctl_exit {
	MESHCTL_OK = 0,
	MESHCTL_NO = 1,
	MESHCTL_USAGE = 64,
	MESHCTL_DATA = 65,
	MESHCTL_UNAVAILABLE = 69,
	MESHCTL_CANTCREAT = 73,
	MESHCTL_IO = 74,
	MESHCTL_NOPERM = 77,
};

enum meshctl_output {
	MESHCTL_TABLE, /* for people: aligned, humanised units */
	MESHCTL_JSON, /* for programs: raw numbers, stable names */
};

struct meshctl_command;

/**
 * struct meshctl - global options and where output goes
 * @socket_path: the daemon's API socket
 * @output: table or json
 * @watch_s: seconds between redraws, 0 = run once
 * @color: SGR sequences are welcome on @out
 * @utf8: the terminal shows UTF-8
 * @is_terminal: standard output is a terminal
 * @width: columns of the terminal, 0 = unlimited
 * @out: where the command writes its result
 * @err: where trouble is reported
 * @command: the one that runs
 */
struct meshctl {
	const char *socket_path;
	enum meshctl_output output;
	double watch_s;
	bool color, utf8, is_terminal;
	unsigned int width;
	FILE *out, *err;
	const struct meshctl_command *command;
};

/**
 * struct meshctl_command - one line of the command table
 * @name: as typed
 * @arguments: what follows the name in the usage line, "" for nothing
 * @summary: one line for `meshctl help`
 * @help: options and an example, for `meshctl NAME --help`
 * @is_live: writes while it runs (ping, log -f, top, ca's prompts): not
 *	collected before printing and not for --watch
 * @run: returns an enum meshctl_exit
 */
struct meshctl_command {
	const char *name, *arguments, *summary, *help;
	bool is_live;
	int (*run)(struct meshctl *ctl, int argc, char **argv);
};

int cmd_status(struct meshctl *ctl, int argc, char **argv);
int cmd_hubs(struct meshctl *ctl, int argc, char **argv);
int cmd_links(struct meshctl *ctl, int argc, char **argv);
int cmd_routes(struct meshctl *ctl, int argc, char **argv);
int cmd_path(struct meshctl *ctl, int argc, char **argv);
int cmd_sessions(struct meshctl *ctl, int argc, char **argv);
int cmd_qos(struct meshctl *ctl, int argc, char **argv);
int cmd_proxy(struct meshctl *ctl, int argc, char **argv);
int cmd_filter(struct meshctl *ctl, int argc, char **argv);
int cmd_stats(struct meshctl *ctl, int argc, char **argv);
int cmd_ping(struct meshctl *ctl, int argc, char **argv);
int cmd_top(struct meshctl *ctl, int argc, char **argv);
int cmd_log(struct meshctl *ctl, int argc, char **argv);
int cmd_log_level(struct meshctl *ctl, int argc, char **argv);
int cmd_reload(struct meshctl *ctl, int argc, char **argv);
int cmd_config(struct meshctl *ctl, int argc, char **argv);
int cmd_service(struct meshctl *ctl, int argc, char **argv);
int cmd_resolve(struct meshctl *ctl, int argc, char **argv);
int cmd_versions(struct meshctl *ctl, int argc, char **argv);
int cmd_rollback(struct meshctl *ctl, int argc, char **argv);
int cmd_canary(struct meshctl *ctl, int argc, char **argv);
int cmd_promote(struct meshctl *ctl, int argc, char **argv);
int cmd_pin(struct meshctl *ctl, int argc, char **argv);
int cmd_clear(struct meshctl *ctl, int argc, char **argv);
int cmd_ca(struct meshctl *ctl, int argc, char **argv);
int cmd_version(struct meshctl *ctl, int argc, char **argv);

/**
 * meshctl_getopt() - getopt_long() for commands.
 * @ctl: receives the global options
 * @argc: as given to the command
 * @argv: as given to the command
 * @shortopts: the command's own letters ("c:i:"), without "s", "o" and "h": those are global;
 *	a leading "+" stops at the first operand, as commands with subcommands need
 * @longopts: the command's own long options, ended by a zero entry; NULL for none
 *
 * Global options (-s, -o, --watch, --no-color) are taken out and applied to
 * @ctl on the way.  The caller begins with optind = 0.
 *
 * Return: the option, as getopt_long(); -1 at the end (operands start at optind);
 * 'h' when --help was asked for; '?' when something is wrong and has been
 * reported.  Hand both to meshctl_getopt_end().
 */
int meshctl_getopt(struct meshctl *ctl, int argc, char **argv, const char *shortopts,
		   const struct option *longopts);

/**
 * meshctl_getopt_end() - What to do with 'h' or '?' from meshctl_getopt().
 * @ctl: where to print
 * @opt: what meshctl_getopt() returned
 * Return: for 'h' prints the command's help, MESHCTL_OK; for '?' points to it, MESHCTL_USAGE.
 */
int meshctl_getopt_end(struct meshctl *ctl, int opt);

/**
 * meshctl_no_operands() - Parse the options of a command that has none of its own.
 * @ctl: receives the global options
 * @argc: as given to the command
 * @argv: as given to the command
 * @ret: exit code, when the command is over already (help, usage error)
 * Return: true to go on.
 */
bool meshctl_no_operands(struct meshctl *ctl, int argc, char **argv, int *ret);

/**
 * meshctl_fail() - Say what went wrong and what to do about it.
 * @ctl: where to print
 * @code: exit code to return
 * @hint: what to do, a sentence without a full stop; NULL for none
 * @fmt: what is wrong, where
 *
 * Prints "meshctl: WHAT" and "  HINT" to ctl->err; with -o json
 * {"error": {"code", "message", "hint"}} goes to ctl->out as well.
 *
 * Return: @code.
 */
int meshctl_fail(struct meshctl *ctl, int code, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
