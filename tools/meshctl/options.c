// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: options: the command line, and saying what is wrong
 *
 * Global options may stand before or after the command's name; both places
 * end in meshctl_getopt().
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tools/lib/failure.h"
#include "tools/lib/watch.h"
#include "tools/meshctl/meshctl.h"

#define OPTIONS_MAX 24

enum { OPT_WATCH = 0x100, OPT_NO_COLOR };

static const struct option global_options[] = {
	{"socket", required_argument, NULL, 's'},
	{"output", required_argument, NULL, 'o'},
	{"watch", optional_argument, NULL, OPT_WATCH},
	{"no-color", no_argument, NULL, OPT_NO_COLOR},
	{"help", no_argument, NULL, 'h'},
};

int meshctl_fail(struct meshctl *ctl, int code, const char *hint, const char *fmt, ...)
{
	char message[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	failure_print(ctl->err, ctl->output == MESHCTL_JSON ? ctl->out : NULL, "meshctl", code,
		      message, hint);
	return code;
}

static bool parse_watch(struct meshctl *ctl, const char *text)
{
	if (watch_parse(text, &ctl->watch_s))
		return true;
	ctl->watch_s = 0;
	meshctl_fail(ctl, MESHCTL_USAGE, NULL, "--watch takes %g to %g seconds, not \"%s\"",
		     WATCH_MIN_S, WATCH_MAX_S, text);
	return false;
}

/* Return: 0 it was a global option; '?' it was, and is wrong; @opt otherwise. */
static int apply_global(struct meshctl *ctl, int opt)
{
	switch (opt) {
	case 's':
		ctl->socket_path = optarg;
		return 0;
	case 'o':
		if (strcmp(optarg, "json") == 0) {
			ctl->output = MESHCTL_JSON;
		} else if (strcmp(optarg, "table") == 0) {
			ctl->output = MESHCTL_TABLE;
		} else {
			meshctl_fail(ctl, MESHCTL_USAGE, NULL, "-o takes table or json, not \"%s\"",
				     optarg);
			return '?';
		}
		return 0;
	case OPT_WATCH:
		return parse_watch(ctl, optarg) ? 0 : '?';
	case OPT_NO_COLOR:
		ctl->color = false;
		return 0;
	default:
		return opt;
	}
}

int meshctl_getopt(struct meshctl *ctl, int argc, char **argv, const char *shortopts,
		   const struct option *longopts)
{
	const size_t n_global = sizeof(global_options) / sizeof(global_options[0]);
	struct option all[OPTIONS_MAX + 1] = {0};
	const char *order = "";
	char letters[64];
	size_t n = 0;
	int opt;

	/* "+" and ":" must come first, in this order. */
	if (shortopts && *shortopts == '+') {
		order = "+";
		shortopts++;
	}
	snprintf(letters, sizeof(letters), "%s:s:o:h%s", order, shortopts ? shortopts : "");
	for (; longopts && longopts[n].name && n < OPTIONS_MAX - n_global; n++)
		all[n] = longopts[n];
	memcpy(&all[n], global_options, sizeof(global_options));
	do {
		opt = getopt_long(argc, argv, letters, all, NULL);
		if (opt == ':') {
			meshctl_fail(ctl, MESHCTL_USAGE, NULL, "%s needs an argument",
				     argv[optind - 1]);
			return '?';
		}
		if (opt == '?') {
			meshctl_fail(ctl, MESHCTL_USAGE, NULL, "unknown option %s",
				     argv[optind - 1]);
			return '?';
		}
		opt = apply_global(ctl, opt);
	} while (opt == 0);
	return opt;
}

int meshctl_getopt_end(struct meshctl *ctl, int opt)
{
	const struct meshctl_command *command = ctl->command;

	ctl->watch_s = 0; /* neither is worth repeating */
	if (opt == 'h' && command) {
		fprintf(ctl->out, "Usage: meshctl %s%s%s\n\n%s.\n\n%s", command->name,
			command->arguments[0] ? " " : "", command->arguments, command->summary,
			command->help);
		return MESHCTL_OK;
	}
	if (command)
		fprintf(ctl->err, "  meshctl %s --help shows how it is used\n", command->name);
	else
		fprintf(ctl->err, "  meshctl help lists commands and options\n");
	return MESHCTL_USAGE;
}

bool meshctl_no_operands(struct meshctl *ctl, int argc, char **argv, int *ret)
{
	int opt;

	optind = 0;
	opt = meshctl_getopt(ctl, argc, argv, NULL, NULL);
	if (opt != -1) {
		*ret = meshctl_getopt_end(ctl, opt);
		return false;
	}
	if (optind < argc) {
		meshctl_fail(ctl, MESHCTL_USAGE, NULL, "%s takes no argument, but got \"%s\"",
			     argv[0], argv[optind]);
		*ret = meshctl_getopt_end(ctl, '?');
		return false;
	}
	return true;
}
