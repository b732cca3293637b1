// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: names: daemon/names/ alone, with the mesh of names_fixture.h
 *
 * usage: names LISTEN [UPSTREAM]
 *
 * Says "ready", serves until its input ends, then prints one line of counters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <uv.h>

#include "daemon/names/names.h"
#include "selftests/unit/names_fixture.h"

static void lend(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	static char bytes[64];

	*buf = uv_buf_init(bytes, sizeof(bytes));
}

static void on_input(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	if (n >= 0)
		return;
	uv_close((uv_handle_t *)stream, NULL);
	uv_stop(stream->loop);
}

static void print_counters(const struct names_counters *counters)
{
	static const char *const outcomes[NAMES_OUTCOMES] = {
		"answered",    "unknown",   "ambiguous", "refused",
		"unsupported", "malformed", "dropped",	 "forward",
	};

	for (size_t i = 0; i < NAMES_OUTCOMES; i++)
		printf("%s=%llu ", outcomes[i], (unsigned long long)counters->by_outcome[i]);
	printf("tcp=%llu truncated=%llu limited=%llu clients_refused=%llu "
	       "clients_displaced=%llu clients_idle=%llu "
	       "forwards_refused=%llu forwards_failed=%llu forwards_strange=%llu\n",
	       (unsigned long long)counters->by_tcp, (unsigned long long)counters->truncated,
	       (unsigned long long)counters->limited, (unsigned long long)counters->clients_refused,
	       (unsigned long long)counters->clients_displaced,
	       (unsigned long long)counters->clients_idle,
	       (unsigned long long)counters->forwards_refused,
	       (unsigned long long)counters->forwards_failed,
	       (unsigned long long)counters->forwards_strange);
}

int main(int argc, char **argv)
{
	struct names_settings settings = {0};
	const char *error_text = "";
	struct names *names = NULL;
	uv_loop_t loop;
	uv_pipe_t input;

	if (argc < 2 || endpoint_parse(argv[1], &settings.listen) < 0 ||
	    (argc > 2 && endpoint_parse(argv[2], &settings.upstream) < 0))
		return EX_USAGE;
	setvbuf(stdout, NULL, _IOLBF, 0);
	uv_loop_init(&loop);
	if (names_open(&loop, &settings, &fixture_source, &names, &error_text) < 0) {
		puts(error_text);
		uv_run(&loop, UV_RUN_DEFAULT);
		uv_loop_close(&loop);
		return EX_UNAVAILABLE;
	}
	uv_pipe_init(&loop, &input, 0);
	uv_pipe_open(&input, 0);
	uv_read_start((uv_stream_t *)&input, lend, on_input);
	puts("ready");
	uv_run(&loop, UV_RUN_DEFAULT);
	print_counters(names_counters(names));
	names_close(names);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop) ? EX_SOFTWARE : 0;
}
