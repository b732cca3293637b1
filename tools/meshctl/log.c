// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl log: the daemon's recent lines, and how many of them it writes
 *
 * Following asks again every FOLLOW_MS with the place reached; a daemon that
 * was restarted is noticed by its sequence numbers and read from its start.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/meshctl/client.h"
#include "tools/lib/format.h"
#include "tools/meshctl/output.h"
#include "tools/meshctl/views.h"

#define FOLLOW_MS 500
#define LINES_DEFAULT 20
#define LINES_MAX 100000

static const char *level_color(const char *level)
{
	if (strcmp(level, "error") == 0)
		return "red";
	return strcmp(level, "warning") == 0 ? "yellow" : "reset";
}

void draw_log(struct meshctl *ctl, const json_t *answer)
{
	char level[CELL_MAX], class[CELL_MAX], when[32], text[2048];
	uint64_t missed = field_number(answer, "missed");
	json_t *line;
	size_t i;

	if (missed)
		fprintf(ctl->out, "... %" PRIu64 " lines are gone\n", missed);
	json_array_foreach(json_object_get(answer, "lines"), i, line)
	{
		const char *raw = json_string_value(json_object_get(line, "text"));
		time_t seconds = (time_t)(field_number(line, "unix_ms") / 1000);
		struct tm tm;

		if (!localtime_r(&seconds, &tm) ||
		    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm) == 0)
			snprintf(when, sizeof(when), "?");
		field_text(line, "level", "?", level);
		fprintf(ctl->out, "%s%s.%03u%s %s%-7s%s %-5s %s\n", output_color(ctl, "dim"), when,
			(unsigned int)(field_number(line, "unix_ms") % 1000),
			output_color(ctl, "reset"), output_color(ctl, level_color(level)), level,
			output_color(ctl, "reset"), field_text(line, "class", "-", class),
			format_safe(raw ? raw : "", text, sizeof(text)));
	}
}

static int print_lines(struct meshctl *ctl, uint64_t after, unsigned long max, uint64_t *next)
{
	json_t *answer = NULL;
	int code;

	if (after)
		code = client_get(ctl, &answer, "/v1/log?after=%" PRIu64, after);
	else
		code = client_get(ctl, &answer, "/v1/log?max=%lu", max);
	if (code != MESHCTL_OK)
		return code;
	*next = field_number(answer, "next_after");
	/* While following, JSON is written only when there is news. */
	if (after && json_array_size(json_object_get(answer, "lines")) == 0) {
		json_decref(answer);
		return MESHCTL_OK;
	}
	return output_answer(ctl, answer, draw_log);
}

int cmd_log(struct meshctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{"follow", no_argument, NULL, 'f'}, {"lines", required_argument, NULL, 'n'}, {0}};
	const struct timespec pause = {.tv_nsec = FOLLOW_MS * 1000000L};
	unsigned long max = LINES_DEFAULT;
	bool is_following = false;
	uint64_t next = 0;
	char *end;
	int opt, code;

	optind = 0;
	while ((opt = meshctl_getopt(ctl, argc, argv, "fn:", options)) != -1) {
		if (opt == 'f') {
			is_following = true;
		} else if (opt == 'n') {
			max = strtoul(optarg, &end, 10);
			if (*end || end == optarg || max > LINES_MAX || optarg[0] == '-') {
				meshctl_fail(ctl, MESHCTL_USAGE, NULL,
					     "-n takes a number of lines, not \"%s\"", optarg);
				return meshctl_getopt_end(ctl, '?');
			}
		} else {
			return meshctl_getopt_end(ctl, opt);
		}
	}
	if (optind < argc) {
		meshctl_fail(ctl, MESHCTL_USAGE, NULL, "log takes no argument but options");
		return meshctl_getopt_end(ctl, '?');
	}
	code = print_lines(ctl, 0, max, &next);
	while (is_following && code == MESHCTL_OK) {
		nanosleep(&pause, NULL);
		code = next ? print_lines(ctl, next, max, &next)
			    : print_lines(ctl, 0, LINES_MAX, &next);
	}
	return code;
}

static void draw_log_level(struct meshctl *ctl, const json_t *answer)
{
	char text[CELL_MAX];

	fprintf(ctl->out, "log level is %s until meshd restarts or reloads\n",
		field_text(answer, "level", "?", text));
}

int cmd_log_level(struct meshctl *ctl, int argc, char **argv)
{
	json_t *answer = NULL, *body;
	char *text;
	int opt, code;

	optind = 0;
	opt = meshctl_getopt(ctl, argc, argv, NULL, NULL);
	if (opt != -1)
		return meshctl_getopt_end(ctl, opt);
	body = argc - optind == 1 ? json_pack("{s:s}", "level", argv[optind]) : NULL;
	text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	if (!text) {
		meshctl_fail(ctl, MESHCTL_USAGE, NULL,
			     "log-level takes one of error, warning, info, debug");
		return meshctl_getopt_end(ctl, '?');
	}
	code = client_post(ctl, &answer, "/v1/log-level", text);
	free(text);
	return code == MESHCTL_OK ? output_answer(ctl, answer, draw_log_level) : code;
}
