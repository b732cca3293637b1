// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: log: line formatting and the two readers of it
 *
 * Each line is built in a buffer on the stack and leaves in one write(2), so
 * lines of several threads do not mix.  See log.h.
 */
#include "daemon/lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int threshold = LOG_LEVEL_INFO;
static log_sink_fn second_reader;
static void *second_reader_arg;

void log_set_level(int level)
{
	threshold = level;
}

int log_get_level(void)
{
	return threshold;
}

void log_set_sink(log_sink_fn sink, void *arg)
{
	second_reader = sink;
	second_reader_arg = arg;
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static void replace_control_characters(char *text)
{
	for (; *text; text++)
		if (is_control(*text))
			*text = '?';
}

/* sd-daemon(3): the journal reads "<N>" as a syslog priority. */
static int syslog_priority(int level)
{
	static const int priorities[] = {3, 4, 6, 7};

	if (level < LOG_LEVEL_ERROR)
		return priorities[LOG_LEVEL_ERROR];
	if (level > LOG_LEVEL_DEBUG)
		return priorities[LOG_LEVEL_DEBUG];
	return priorities[level];
}

static void write_stderr(int level, const char *class, const char *text)
{
	char line[LOG_LINE_MAX + 64];
	size_t n, done = 0;

	if (isatty(STDERR_FILENO))
		snprintf(line, sizeof(line), "class=%s %s\n", class, text);
	else
		snprintf(line, sizeof(line), "<%d>class=%s %s\n", syslog_priority(level), class,
			 text);
	n = strlen(line);
	line[n - 1] = '\n';
	while (done < n) {
		ssize_t written = write(STDERR_FILENO, line + done, n - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return;
		done += (size_t)written;
	}
}

void log_write(int level, const char *class, const char *fmt, ...)
{
	char text[LOG_LINE_MAX];
	int saved = errno, n;
	struct timespec now;
	va_list ap;

	if (level > threshold)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(text))
		memcpy(text + sizeof(text) - 4, "...", 4);
	replace_control_characters(text);
	write_stderr(level, class, text);
	if (second_reader) {
		clock_gettime(CLOCK_REALTIME, &now);
		second_reader(second_reader_arg, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
			      level, class, text);
	}
	errno = saved;
}

static bool needs_quotes(const char *text)
{
	if (!*text)
		return true;
	for (; *text; text++)
		if (is_control(*text) || strchr(" \"\\=", *text))
			return true;
	return false;
}

const char *log_quote(const char *text, char *buf, size_t size)
{
	size_t n = 0;

	if (!needs_quotes(text)) {
		snprintf(buf, size, "%s", text);
		return buf;
	}
	if (size < 3) {
		if (size)
			buf[0] = '\0';
		return buf;
	}
	buf[n++] = '"';
	/* Room for an escaped character, the closing quote and the NUL. */
	for (; *text && n + 4 <= size; text++) {
		if (*text == '"' || *text == '\\')
			buf[n++] = '\\';
		buf[n++] = is_control(*text) ? '?' : *text;
	}
	buf[n++] = '"';
	buf[n] = '\0';
	return buf;
}
