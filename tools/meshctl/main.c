// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl: find the command and run it, once or again and again
 *
 * A command's result is collected and printed at once (tools/lib/watch.h);
 * commands that print while they run write to standard output directly.
 */
#include <locale.h>
#include <langinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <curl/curl.h>

#include "tools/lib/watch.h"
#include "tools/meshctl/commands.h"
#include "tools/meshctl/meshctl.h"

static void ctl_init(struct meshctl *ctl)
{
	const char *socket_path = getenv("MESHCTL_SOCKET"), *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	struct winsize size;

	*ctl = (struct meshctl){
		.socket_path = socket_path && socket_path[0] ? socket_path : MESHCTL_SOCKET_DEFAULT,
		.output = MESHCTL_TABLE,
		.out = stdout,
		.err = stderr,
	};
	ctl->is_terminal = isatty(STDOUT_FILENO);
	ctl->color = ctl->is_terminal && !(no_color && no_color[0]) && term &&
		     strcmp(term, "dumb") != 0;
	ctl->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	if (ctl->is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		ctl->width = size.ws_col;
}

/* What one run of a command needs: struct watch's argument. */
struct run {
	struct meshctl *ctl;
	int argc;
	char **argv;
};

static int run_once(struct watch *watch, FILE *out)
{
	const struct run *run = watch->arg;
	struct meshctl *ctl = run->ctl;
	int code;

	ctl->out = out;
	code = ctl->command->run(ctl, run->argc, run->argv);
	ctl->out = stdout;
	watch->interval_s = ctl->watch_s;
	watch->is_redraw = ctl->is_terminal && ctl->output == MESHCTL_TABLE;
	return code;
}

static int run_command(struct meshctl *ctl, int argc, char **argv)
{
	struct run run = {ctl, argc, argv};
	struct watch watch = {.arg = &run, .run = run_once};

	ctl->command = meshctl_command_find(argv[0]);
	if (!ctl->command) {
		const char *nearest = meshctl_command_nearest(argv[0]);
		char hint[64] = "meshctl help lists the commands";

		if (nearest)
			snprintf(hint, sizeof(hint), "did you mean: meshctl %s", nearest);
		return meshctl_fail(ctl, MESHCTL_USAGE, hint, "there is no command \"%s\"",
				    argv[0]);
	}
	if (ctl->command->is_live) {
		if (ctl->watch_s > 0)
			return meshctl_fail(ctl, MESHCTL_USAGE, NULL,
					    "%s cannot be watched: it runs by itself", argv[0]);
		return ctl->command->run(ctl, argc, argv);
	}
	return watch_run(&watch);
}

static int run_help(struct meshctl *ctl, int argc, char **argv)
{
	char *help_argv[] = {argv[1], (char *)"--help", NULL};

	if (argc > 1)
		return run_command(ctl, 2, help_argv);
	meshctl_print_help(ctl->out);
	return MESHCTL_OK;
}

int main(int argc, char **argv)
{
	struct meshctl ctl;
	int opt, first;

	setlocale(LC_ALL, "");
	signal(SIGPIPE, SIG_IGN);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	ctl_init(&ctl);
	opt = meshctl_getopt(&ctl, argc, argv, "+", NULL);
	if (opt == 'h') {
		meshctl_print_help(stdout);
		return MESHCTL_OK;
	}
	if (opt != -1)
		return meshctl_getopt_end(&ctl, opt);
	first = optind;
	if (first == argc) {
		meshctl_print_help(stderr);
		return MESHCTL_USAGE;
	}
	if (strcmp(argv[first], "help") == 0)
		return run_help(&ctl, argc - first, argv + first);
	return run_command(&ctl, argc - first, argv + first);
}
