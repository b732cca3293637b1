// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl: find the command and run it, once or again and again
 *
 * A command's result is collected in memory and printed at once, so that a
 * watched table does not flicker and never shows half an answer; commands
 * that print while they run write to standard output directly.
 */
#include <locale.h>
#include <langinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "tools/meshctl/commands.h"
#include "tools/meshctl/meshctl.h"

#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"

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

/* Over what was there, line by line, then clear the rest. */
static void redraw(const char *text, size_t len)
{
	fputs(HOME, stdout);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			fputs(CLEAR_LINE, stdout);
		putchar(text[i]);
	}
	fputs(CLEAR_BELOW, stdout);
}

static int run_once(struct meshctl *ctl, int argc, char **argv, bool is_redraw)
{
	char *text = NULL;
	size_t len = 0;
	int code;

	ctl->out = open_memstream(&text, &len);
	if (!ctl->out)
		return MESHCTL_IO;
	code = ctl->command->run(ctl, argc, argv);
	fclose(ctl->out);
	ctl->out = stdout;
	if (is_redraw)
		redraw(text, len);
	else
		fwrite(text, 1, len, stdout);
	free(text);
	return fflush(stdout) == 0 ? code : MESHCTL_IO;
}

static void watch_pause(double seconds)
{
	struct timespec pause = {.tv_sec = (time_t)seconds};

	pause.tv_nsec = (long)((seconds - (double)pause.tv_sec) * 1e9);
	nanosleep(&pause, NULL);
}

static int run_watched(struct meshctl *ctl, int argc, char **argv, int code)
{
	bool is_redraw = ctl->is_terminal && ctl->output == MESHCTL_TABLE;

	if (is_redraw)
		fputs("\033[2J", stdout);
	/* A daemon that restarts is waited for; a wrong command line is not. */
	while (code != MESHCTL_USAGE && code != MESHCTL_NOPERM && code != MESHCTL_IO) {
		watch_pause(ctl->watch_s);
		code = run_once(ctl, argc, argv, is_redraw);
	}
	return code;
}

static int run_command(struct meshctl *ctl, int argc, char **argv)
{
	int code;

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
	code = run_once(ctl, argc, argv, false);
	if (ctl->watch_s > 0)
		code = run_watched(ctl, argc, argv, code);
	return code;
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
