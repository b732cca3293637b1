// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshnl: talks to hubmesh.ko itself, with no daemon or a broken one
 *
 * Reads the options, which may stand anywhere, enters the network namespace and runs the
 * command once, or again and again.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <linux/limits.h>

#include "tools/lib/watch.h"
#include "tools/meshnl/meshnl.h"

#define NETNS_DIR "/run/netns/" /* where `ip netns add` puts names */

enum { OPT_WATCH = 0x100, OPT_NO_COLOR };

static const struct option options[] = {
	{"netns", required_argument, NULL, 'n'},
	{"output", required_argument, NULL, 'o'},
	{"watch", optional_argument, NULL, OPT_WATCH},
	{"no-color", no_argument, NULL, OPT_NO_COLOR},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static int enter_netns(struct meshnl *nl, const char *name)
{
	char path[PATH_MAX];
	bool is_path = strchr(name, '/');
	int fd, err;

	snprintf(path, sizeof(path), "%s%s", is_path ? "" : NETNS_DIR, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	err = fd < 0 || setns(fd, CLONE_NEWNET) < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	if (!err)
		return EX_OK;
	if (err == EPERM || err == EACCES)
		return meshnl_fail(nl, EX_NOPERM, "needs CAP_SYS_ADMIN",
				   "cannot enter network namespace %s: %s", name, strerror(err));
	return meshnl_fail(nl, MESHNL_NO, "ip netns list shows those that have a name",
			   "cannot enter network namespace %s: %s", name, strerror(err));
}

static int set_output(struct meshnl *nl, const char *form)
{
	if (strcmp(form, "json") != 0 && strcmp(form, "table") != 0)
		return meshnl_fail(nl, EX_USAGE, NULL, "-o takes table or json, not \"%s\"", form);
	nl->is_json = strcmp(form, "json") == 0;
	return EX_OK;
}

static int set_watch(struct meshnl *nl, const char *seconds)
{
	if (watch_parse(seconds, &nl->watch_s))
		return EX_OK;
	return meshnl_fail(nl, EX_USAGE, NULL, "--watch takes %g to %g seconds, not \"%s\"",
			   WATCH_MIN_S, WATCH_MAX_S, seconds);
}

/* @ret_netns receives the name, as errors should be in the form asked for behind it. */
static int parse(struct meshnl *nl, int argc, char **argv, const char **ret_netns)
{
	int opt, code = EX_OK;

	while (code == EX_OK && (opt = getopt_long(argc, argv, ":n:o:h", options, NULL)) != -1) {
		switch (opt) {
		case 'n':
			*ret_netns = optarg;
			break;
		case 'o':
			code = set_output(nl, optarg);
			break;
		case 'h':
			meshnl_print_help(stdout);
			exit(fflush(stdout) == 0 ? EX_OK : EX_IOERR);
		case OPT_WATCH:
			code = set_watch(nl, optarg);
			break;
		case OPT_NO_COLOR:
			nl->color = false;
			break;
		default:
			code = meshnl_fail(nl, EX_USAGE, "meshnl --help lists the options",
					   opt == ':' ? "%s needs an argument"
						      : "unknown option %s",
					   argv[optind - 1]);
		}
	}
	return code;
}

static int find_command(struct meshnl *nl, int n_operands, char **operands)
{
	const struct meshnl_command *command = meshnl_command_find(operands[0]);

	if (!command)
		return meshnl_fail(nl, EX_USAGE, "meshnl --help lists the commands",
				   "there is no command \"%s\"", operands[0]);
	if (n_operands - 1 < command->operands_min || n_operands - 1 > command->operands_max)
		return meshnl_fail(nl, EX_USAGE, NULL, "usage: meshnl %s %s", command->name,
				   command->arguments);
	if (command->is_live && nl->watch_s > 0)
		return meshnl_fail(nl, EX_USAGE, NULL, "%s cannot be watched", command->name);
	nl->command = command;
	return EX_OK;
}

/* What one run of a command needs: struct watch's argument. */
struct run {
	struct meshnl *nl;
	char **operands;
};

static int run_once(struct watch *watch, FILE *out)
{
	const struct run *run = watch->arg;
	int code;

	run->nl->out = out;
	code = run->nl->command->run(run->nl, run->operands);
	run->nl->out = stdout;
	return code;
}

static void init(struct meshnl *nl)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	*nl = (struct meshnl){.out = stdout, .err = stderr};
	nl->is_terminal = isatty(STDOUT_FILENO);
	nl->color = nl->is_terminal && !(no_color && no_color[0]) && term &&
		    strcmp(term, "dumb") != 0;
}

int main(int argc, char **argv)
{
	const char *netns = NULL;
	struct watch watch;
	struct meshnl nl;
	struct run run;
	int code;

	signal(SIGPIPE, SIG_IGN);
	init(&nl);
	code = parse(&nl, argc, argv, &netns);
	if (code == EX_OK && optind == argc) {
		meshnl_print_help(stderr);
		return EX_USAGE;
	}
	if (code == EX_OK)
		code = find_command(&nl, argc - optind, argv + optind);
	if (code == EX_OK && netns)
		code = enter_netns(&nl, netns);
	if (code != EX_OK)
		return code;
	run = (struct run){&nl, argv + optind + 1};
	if (nl.command->is_live)
		return nl.command->run(&nl, run.operands);
	watch = (struct watch){nl.watch_s, nl.is_terminal && !nl.is_json, &run, run_once};
	return watch_run(&watch);
}
