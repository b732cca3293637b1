// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl top: rates of links and hubs, refreshed
 *
 * Rates are differences of two answers of /v1/stats over the daemon's own
 * clock (at_ms).  Plain ANSI on the alternate screen; the terminal is put
 * back on every way out.  Without a terminal: one view over one interval.
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tools/meshctl/client.h"
#include "tools/lib/format.h"
#include "tools/meshctl/output.h"
#include "tools/meshctl/views.h"

#define DELAY_DEFAULT_S 2.0
#define DELAY_MIN_S 0.1
#define DELAY_MAX_S 3600.0
#define SCREEN_ENTER "\033[?1049h\033[?25l"
#define SCREEN_LEAVE "\033[?25h\033[?1049l"

static volatile sig_atomic_t is_ending;

static void on_end(int signal_number)
{
	is_ending = 1;
}

static const json_t *find_same(const json_t *list, const char *key, const json_t *object)
{
	const json_t *wanted = json_object_get(object, key);
	json_t *entry;
	size_t i;

	json_array_foreach(list, i,
			   entry) if (json_equal(json_object_get(entry, key), wanted)) return entry;
	return NULL;
}

static double rate(const json_t *before, const json_t *now, const char *field, double seconds)
{
	uint64_t a = field_number(before, field), b = field_number(now, field);

	/* A counter that went back belongs to a device made anew. */
	return before && b > a && seconds > 0 ? (double)(b - a) / seconds : 0;
}

static void set_rates(json_t *row, const json_t *before, const json_t *now, double seconds)
{
	static const char *const fields[] = {"rx_bytes",  "tx_bytes",  "rx_frames",
					     "tx_frames", "forwarded", "lost_frames"};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		json_object_set_new(row, fields[i],
				    json_real(rate(before, now, fields[i], seconds)));
	json_object_set_new(row, "drops",
			    json_real(rate(before, now, "rx_drops", seconds) +
				      rate(before, now, "tx_drops", seconds)));
}

/* Rows of rates for the table: what an object is called, and how fast it counts. */
static json_t *rate_rows(const json_t *before, const json_t *now, const char *list, const char *key,
			 double seconds)
{
	static const char *const kept[] = {"name", "peer_name", "interface", "state", "rtt_us"};
	json_t *rows = json_array(), *object;
	size_t i;

	json_array_foreach(json_object_get(now, list), i, object)
	{
		json_t *row = json_object();

		for (size_t k = 0; k < sizeof(kept) / sizeof(kept[0]); k++)
			json_object_set(row, kept[k], json_object_get(object, kept[k]));
		set_rates(row, find_same(json_object_get(before, list), key, object), object,
			  seconds);
		json_array_append_new(rows, row);
	}
	return rows;
}

static void cell_rate(const json_t *row, const char *field, char *buf)
{
	format_rate(json_real_value(json_object_get(row, field)) * 8, buf);
}

static void cell_per_second(const json_t *row, const char *field, char *buf)
{
	double value = json_real_value(json_object_get(row, field));

	format_count(value < 1e18 ? (uint64_t)(value + 0.5) : 0, buf);
}

static void draw_rates(struct meshctl *ctl, json_t *rows, const char *title, const char *name,
		       bool is_link)
{
	const struct column columns[] = {
		{title, name, cell_text},
		{"RX", "rx_bytes", cell_rate, NULL, true},
		{"TX", "tx_bytes", cell_rate, NULL, true},
		{"RX/S", "rx_frames", cell_per_second, NULL, true},
		{"TX/S", "tx_frames", cell_per_second, NULL, true},
		{"RELAYED/S", "forwarded", cell_per_second, NULL, true},
		{"DROPS/S", "drops", cell_per_second, NULL, true},
		{"LOST/S", "lost_frames", cell_per_second, NULL, true},
		{"RTT", "rtt_us", cell_us, NULL, true},
		{"STATE", "state", cell_text},
	};
	size_t n = sizeof(columns) / sizeof(columns[0]);

	output_table(ctl, rows, columns, is_link ? n : n - 3, "none");
	json_decref(rows);
}

void draw_top(struct meshctl *ctl, const json_t *before, const json_t *now)
{
	uint64_t then_ms = field_number(before, "at_ms"), now_ms = field_number(now, "at_ms");
	double seconds = now_ms > then_ms && before ? (double)(now_ms - then_ms) / 1000 : 0;
	json_t *device = json_object_get(now, "datapath"), *row;

	if (!json_is_object(device)) {
		fputs("no data path: nothing moves (meshctl status says why)\n", ctl->out);
		return;
	}
	row = json_object();
	json_object_set(row, "interface", json_object_get(device, "interface"));
	set_rates(row, json_object_get(before, "datapath"), device, seconds);
	draw_rates(ctl, json_pack("[o]", row), "INTERFACE", "interface", false);
	fputc('\n', ctl->out);
	draw_rates(ctl, rate_rows(before, now, "links", "link", seconds), "LINK TO", "peer_name",
		   true);
	fputc('\n', ctl->out);
	draw_rates(ctl, rate_rows(before, now, "hubs", "id", seconds), "HUB", "name", false);
}

/* Return: true to go on, false when the user or a signal wants an end. */
static bool wait_for_key(double seconds, bool is_terminal)
{
	struct pollfd pfd = {.fd = is_terminal ? STDIN_FILENO : -1, .events = POLLIN};
	struct timespec wait = {.tv_sec = (time_t)seconds};
	char key;

	wait.tv_nsec = (long)((seconds - (double)wait.tv_sec) * 1e9);
	if (ppoll(&pfd, 1, &wait, NULL) > 0 &&
	    (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q'))
		return false;
	return !is_ending;
}

static void screen_enter(struct termios *saved)
{
	struct sigaction end = {.sa_handler = on_end};
	struct termios raw;

	tcgetattr(STDIN_FILENO, saved);
	raw = *saved;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGHUP, &end, NULL);
	fputs(SCREEN_ENTER, stdout);
}

static void screen_leave(const struct termios *saved)
{
	tcsetattr(STDIN_FILENO, TCSANOW, saved);
	fputs(SCREEN_LEAVE, stdout);
	fflush(stdout);
}

static void draw_screen(struct meshctl *ctl, const json_t *before, const json_t *now,
			double delay_s)
{
	struct meshctl page = *ctl;
	char *text = NULL;
	size_t len = 0;

	page.out = open_memstream(&text, &len);
	if (!page.out)
		return;
	fprintf(page.out, "%smeshctl top%s  every %g s, q quits\n\n", output_color(ctl, "bold"),
		output_color(ctl, "reset"), delay_s);
	draw_top(&page, before, now);
	fclose(page.out);
	fputs("\033[H", stdout);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			fputs("\033[K", stdout);
		putchar(text[i]);
	}
	fputs("\033[J", stdout);
	fflush(stdout);
	free(text);
}

/* Views until the end; the first has no rates, as there is nothing before it. */
static int show_views(struct meshctl *ctl, double delay_s, unsigned long count)
{
	json_t *before = NULL, *now = NULL;
	int code;

	for (unsigned long shown = 0;;) {
		code = client_get(ctl, &now, "/v1/stats");
		if (code != MESHCTL_OK)
			break;
		draw_screen(ctl, before, now, delay_s);
		if (++shown == count || !wait_for_key(delay_s, true))
			break;
		json_decref(before);
		before = now;
		now = NULL;
	}
	json_decref(before);
	json_decref(now);
	return code;
}

static int run_screen(struct meshctl *ctl, double delay_s, unsigned long count)
{
	struct meshctl inner = *ctl;
	struct termios saved;
	char *trouble = NULL;
	size_t len = 0;
	int code;

	/* What goes wrong is told when the usual screen is back. */
	inner.err = open_memstream(&trouble, &len);
	if (!inner.err)
		return MESHCTL_IO;
	screen_enter(&saved);
	code = show_views(&inner, delay_s, count);
	screen_leave(&saved);
	fclose(inner.err);
	fputs(trouble, ctl->err);
	free(trouble);
	return code;
}

static int run_plain(struct meshctl *ctl, double delay_s, unsigned long count)
{
	json_t *before = NULL, *now = NULL;
	int code = client_get(ctl, &before, "/v1/stats");

	for (unsigned long shown = 0; code == MESHCTL_OK && shown < count; shown++) {
		wait_for_key(delay_s, false);
		code = client_get(ctl, &now, "/v1/stats");
		if (code != MESHCTL_OK)
			break;
		if (shown)
			fputc('\n', ctl->out);
		draw_top(ctl, before, now);
		fflush(ctl->out);
		json_decref(before);
		before = now;
		now = NULL;
	}
	json_decref(before);
	return code;
}

int cmd_top(struct meshctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"delay", required_argument, NULL, 'd'},
						{"count", required_argument, NULL, 'n'},
						{0}};
	double delay_s = DELAY_DEFAULT_S;
	unsigned long count = 0;
	bool is_wrong = false;
	char *end = NULL;
	int opt;

	optind = 0;
	while ((opt = meshctl_getopt(ctl, argc, argv, "d:n:", options)) != -1) {
		if (opt == 'd') {
			delay_s = strtod(optarg, &end);
			is_wrong |= *end || end == optarg || !(delay_s >= DELAY_MIN_S) ||
				    delay_s > DELAY_MAX_S;
		} else if (opt == 'n') {
			count = strtoul(optarg, &end, 10);
			is_wrong |= *end || end == optarg || count == 0 || optarg[0] == '-';
		} else {
			return meshctl_getopt_end(ctl, opt);
		}
	}
	if (is_wrong || optind < argc) {
		meshctl_fail(ctl, MESHCTL_USAGE, NULL,
			     "top takes -d with %g to %g seconds and -n with a count", DELAY_MIN_S,
			     DELAY_MAX_S);
		return meshctl_getopt_end(ctl, '?');
	}
	if (ctl->output == MESHCTL_JSON)
		return meshctl_fail(ctl, MESHCTL_USAGE, "meshctl -o json stats has the counters",
				    "top is for people");
	if (ctl->is_terminal && isatty(STDIN_FILENO))
		return run_screen(ctl, delay_s, count);
	return run_plain(ctl, delay_s, count ? count : 1);
}
