// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: watch: run a command once or again and again
 */
#include "tools/lib/watch.h"

#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

#define CLEAR_ALL "\033[2J"
#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"

bool watch_parse(const char *text, double *ret_s)
{
	double seconds = WATCH_DEFAULT_S;
	char *end;

	if (text) {
		seconds = strtod(text, &end);
		if (*end || end == text)
			return false;
	}
	if (!(seconds >= WATCH_MIN_S && seconds <= WATCH_MAX_S))
		return false;
	*ret_s = seconds;
	return true;
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

static int run_once(struct watch *watch, bool is_redraw)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int code;

	if (!out)
		return EX_IOERR;
	code = watch->run(watch, out);
	fclose(out);
	if (is_redraw)
		redraw(text, len);
	else
		fwrite(text, 1, len, stdout);
	free(text);
	return fflush(stdout) == 0 ? code : EX_IOERR;
}

static void pause_s(double seconds)
{
	struct timespec pause = {.tv_sec = (time_t)seconds};

	pause.tv_nsec = (long)((seconds - (double)pause.tv_sec) * 1e9);
	nanosleep(&pause, NULL);
}

int watch_run(struct watch *watch)
{
	int code = run_once(watch, false);

	if (watch->interval_s > 0 && watch->is_redraw)
		fputs(CLEAR_ALL, stdout);
	while (watch->interval_s > 0 && code != EX_USAGE && code != EX_NOPERM && code != EX_IOERR) {
		pause_s(watch->interval_s);
		code = run_once(watch, watch->is_redraw);
	}
	return code;
}
