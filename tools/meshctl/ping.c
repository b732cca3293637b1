// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl ping: is a hub reachable through the mesh, and how fast
 *
 * The daemon turns a name into a mesh address; the echo requests then take
 * the way all traffic takes: mesh0, sealing, relays.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/meshctl/client.h"
#include "tools/meshctl/echo.h"
#include "tools/lib/format.h"
#include "tools/meshctl/output.h"

#define INTERVAL_DEFAULT_S 1.0
#define INTERVAL_MIN_S 0.01
#define INTERVAL_MAX_S 3600.0
#define COUNT_MAX 1000000
#define LAST_WAIT_NS 1000000000ULL /* for the last reply */
#define WINDOW 1024 /* replies to requests further back are not counted */
#define NAME_MAX_LEN 1024

struct ping {
	struct meshctl *ctl;
	struct echo echo;
	char name[CELL_MAX], address[CELL_MAX];
	uint64_t count, sent, received, duplicates, errors;
	uint64_t interval_ns;
	uint64_t min_us, max_us;
	double sum_us, sum_squares_us;
	bool is_answered[WINDOW];
};

static volatile sig_atomic_t is_interrupted;

static void on_interrupt(int signal_number)
{
	is_interrupted = 1;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void say(const struct ping *ping, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void say(const struct ping *ping, const char *fmt, ...)
{
	va_list args;

	if (ping->ctl->output == MESHCTL_JSON)
		return;
	va_start(args, fmt);
	vfprintf(ping->ctl->out, fmt, args);
	va_end(args);
	fflush(ping->ctl->out);
}

static void send_one(struct ping *ping)
{
	uint16_t seq = (uint16_t)++ping->sent;
	int error;

	ping->is_answered[seq % WINDOW] = false;
	error = echo_send(&ping->echo, seq, now_ns());
	if (error < 0) {
		ping->errors++;
		say(ping, "request %u: %s\n", seq, strerror(-error));
	}
}

static void count_reply(struct ping *ping, uint16_t seq, uint64_t rtt_us)
{
	char rtt[FORMAT_MAX];
	bool is_duplicate = ping->is_answered[seq % WINDOW];

	if ((uint16_t)(ping->sent - seq) >= WINDOW)
		return;
	ping->is_answered[seq % WINDOW] = true;
	say(ping, "reply %u from %s: %s%s\n", seq, ping->name, format_duration_us(rtt_us, rtt),
	    is_duplicate ? " (again)" : "");
	if (is_duplicate) {
		ping->duplicates++;
		return;
	}
	ping->received++;
	if (ping->received == 1 || rtt_us < ping->min_us)
		ping->min_us = rtt_us;
	if (rtt_us > ping->max_us)
		ping->max_us = rtt_us;
	ping->sum_us += (double)rtt_us;
	ping->sum_squares_us += (double)rtt_us * (double)rtt_us;
}

/* Take replies until @deadline_ns, or until every request is answered when @is_last. */
static void listen_until(struct ping *ping, uint64_t deadline_ns, bool is_last)
{
	while (!is_interrupted && !(is_last && ping->received + ping->errors >= ping->sent)) {
		struct pollfd pfd = {.fd = ping->echo.fd, .events = POLLIN};
		uint64_t now = now_ns(), sent_ns;
		struct timespec wait;
		uint16_t seq;
		int error;

		if (now >= deadline_ns)
			return;
		wait.tv_sec = (time_t)((deadline_ns - now) / 1000000000);
		wait.tv_nsec = (long)((deadline_ns - now) % 1000000000);
		if (ppoll(&pfd, 1, &wait, NULL) <= 0)
			continue;
		error = echo_receive(&ping->echo, &seq, &sent_ns);
		now = now_ns();
		if (error == 0 && now >= sent_ns) {
			count_reply(ping, seq, (now - sent_ns) / 1000);
		} else if (error < 0 && error != -EAGAIN) {
			ping->errors++;
			say(ping, "%s: %s\n", ping->name, strerror(-error));
		}
	}
}

static void run(struct ping *ping)
{
	uint64_t next_ns = now_ns();

	while (!is_interrupted && (ping->count == 0 || ping->sent < ping->count)) {
		bool is_last;

		send_one(ping);
		is_last = ping->sent == ping->count;
		next_ns += ping->interval_ns;
		listen_until(ping, is_last ? now_ns() + LAST_WAIT_NS : next_ns, is_last);
	}
}

static json_t *statistics(const struct ping *ping)
{
	json_t *object = json_pack("{s:i, s:s, s:s, s:I, s:I, s:I, s:I}", "api", 1, "hub",
				   ping->name, "address", ping->address, "sent",
				   (json_int_t)ping->sent, "received", (json_int_t)ping->received,
				   "duplicates", (json_int_t)ping->duplicates, "errors",
				   (json_int_t)ping->errors);
	double n = (double)ping->received, mean, variance;

	if (ping->received) {
		mean = ping->sum_us / n;
		variance = ping->sum_squares_us / n - mean * mean;
		json_object_set_new(object, "rtt_min_us", json_integer((json_int_t)ping->min_us));
		json_object_set_new(object, "rtt_mean_us", json_integer((json_int_t)mean));
		json_object_set_new(object, "rtt_max_us", json_integer((json_int_t)ping->max_us));
		json_object_set_new(object, "rtt_deviation_us",
				    json_integer((json_int_t)sqrt(variance > 0 ? variance : 0)));
	}
	return object;
}

static void draw_statistics(struct meshctl *ctl, const json_t *answer)
{
	uint64_t sent = field_number(answer, "sent"), received = field_number(answer, "received");
	char a[FORMAT_MAX], b[FORMAT_MAX], c[FORMAT_MAX], d[FORMAT_MAX];

	fprintf(ctl->out, "%" PRIu64 " sent, %" PRIu64 " received, %s lost\n", sent, received,
		format_percent(sent > received ? sent - received : 0, sent, a));
	if (received)
		fprintf(ctl->out, "round trip min %s, mean %s, max %s, deviation %s\n",
			format_duration_us(field_number(answer, "rtt_min_us"), a),
			format_duration_us(field_number(answer, "rtt_mean_us"), b),
			format_duration_us(field_number(answer, "rtt_max_us"), c),
			format_duration_us(field_number(answer, "rtt_deviation_us"), d));
	else
		fputs("no reply: meshctl path and meshctl links show where the way ends\n",
		      ctl->out);
}

/* Name, id or address to a mesh address, by the daemon. */
static int resolve(struct ping *ping, const char *hub, bool is_ipv4)
{
	char escaped[NAME_MAX_LEN];
	const char *address;
	json_t *answer = NULL, *to;
	int code = client_get(ping->ctl, &answer, "/v1/path?to=%s",
			      client_escape(hub, escaped, sizeof(escaped)));

	if (code != MESHCTL_OK)
		return code;
	to = json_object_get(answer, "to");
	address = json_string_value(json_object_get(to, is_ipv4 ? "ipv4" : "ula"));
	field_text(to, "name", hub, ping->name);
	snprintf(ping->address, sizeof(ping->address), "%.*s", CELL_MAX - 1,
		 address ? address : "");
	json_decref(answer);
	if (!address)
		return meshctl_fail(ping->ctl, MESHCTL_NO, is_ipv4 ? "try without -4" : NULL,
				    "%s has no mesh address of that kind", ping->name);
	return MESHCTL_OK;
}

static int parse(struct ping *ping, int argc, char **argv, bool *is_ipv4)
{
	static const struct option options[] = {{"count", required_argument, NULL, 'c'},
						{"interval", required_argument, NULL, 'i'},
						{0}};
	double interval_s = INTERVAL_DEFAULT_S;
	char *end = NULL;
	int opt;

	optind = 0;
	while ((opt = meshctl_getopt(ping->ctl, argc, argv, "c:i:4", options)) != -1) {
		switch (opt) {
		case 'c':
			ping->count = strtoull(optarg, &end, 10);
			if (*end || end == optarg || ping->count < 1 || ping->count > COUNT_MAX)
				return meshctl_fail(ping->ctl, MESHCTL_USAGE, NULL,
						    "-c takes 1 to %d, not \"%s\"", COUNT_MAX,
						    optarg);
			break;
		case 'i':
			interval_s = strtod(optarg, &end);
			if (*end || end == optarg || !(interval_s >= INTERVAL_MIN_S) ||
			    interval_s > INTERVAL_MAX_S)
				return meshctl_fail(ping->ctl, MESHCTL_USAGE, NULL,
						    "-i takes %g to %g seconds, not \"%s\"",
						    INTERVAL_MIN_S, INTERVAL_MAX_S, optarg);
			break;
		case '4':
			*is_ipv4 = true;
			break;
		default:
			is_interrupted = 1; /* over already */
			return meshctl_getopt_end(ping->ctl, opt);
		}
	}
	ping->interval_ns = (uint64_t)(interval_s * 1e9);
	if (argc - optind == 1)
		return MESHCTL_OK;
	meshctl_fail(ping->ctl, MESHCTL_USAGE, NULL, "ping takes one hub");
	return meshctl_getopt_end(ping->ctl, '?');
}

int cmd_ping(struct meshctl *ctl, int argc, char **argv)
{
	struct sigaction interrupt = {.sa_handler = on_interrupt};
	struct ping ping = {.ctl = ctl};
	bool is_ipv4 = false;
	int code, error;

	code = parse(&ping, argc, argv, &is_ipv4);
	if (code != MESHCTL_OK || is_interrupted)
		return code;
	code = resolve(&ping, argv[optind], is_ipv4);
	if (code != MESHCTL_OK)
		return code;
	error = echo_open(ping.address, &ping.echo);
	if (error == -EACCES)
		return meshctl_fail(ctl, MESHCTL_NOPERM,
				    "run it as root (sudo), or let your group ping: sysctl "
				    "net.ipv4.ping_group_range",
				    "no ICMP socket for you");
	if (error < 0)
		return meshctl_fail(ctl, MESHCTL_NO,
				    "is the mesh interface up? meshctl status says",
				    "%s cannot be sent to: %s", ping.address, strerror(-error));
	sigaction(SIGINT, &interrupt, NULL);
	sigaction(SIGTERM, &interrupt, NULL);
	say(&ping, "ping %s (%s)\n", ping.name, ping.address);
	run(&ping);
	echo_close(&ping.echo);
	code = output_answer(ctl, statistics(&ping), draw_statistics);
	return code == MESHCTL_OK && ping.received == 0 ? MESHCTL_NO : code;
}
