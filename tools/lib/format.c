// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: format: numbers and text for people
 *
 * About three digits carry meaning; the unit follows the size.  JSON output
 * has the raw numbers, so nothing here needs to be parsed back.
 */
#include "tools/lib/format.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

static const char *scaled(double value, const char *unit, char *buf)
{
	if (value < 9.995)
		snprintf(buf, FORMAT_MAX, "%.2f%s", value, unit);
	else if (value < 99.95)
		snprintf(buf, FORMAT_MAX, "%.1f%s", value, unit);
	else
		snprintf(buf, FORMAT_MAX, "%.0f%s", value, unit);
	return buf;
}

const char *format_duration_us(uint64_t us, char buf[FORMAT_MAX])
{
	if (us < 1000)
		snprintf(buf, FORMAT_MAX, "%" PRIu64 " us", us);
	else if (us < 10000)
		snprintf(buf, FORMAT_MAX, "%.1f ms", (double)us / 1e3);
	else if (us < 1000000)
		snprintf(buf, FORMAT_MAX, "%.0f ms", (double)us / 1e3);
	else
		scaled((double)us / 1e6, " s", buf);
	return buf;
}

const char *format_age_s(uint64_t seconds, char buf[FORMAT_MAX])
{
	uint64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;

	if (minutes == 0)
		snprintf(buf, FORMAT_MAX, "%" PRIu64 "s", seconds);
	else if (hours == 0)
		snprintf(buf, FORMAT_MAX, "%" PRIu64 "m%02" PRIu64 "s", minutes, seconds % 60);
	else if (days == 0)
		snprintf(buf, FORMAT_MAX, "%" PRIu64 "h%02" PRIu64 "m", hours, minutes % 60);
	else
		snprintf(buf, FORMAT_MAX, "%" PRIu64 "d%" PRIu64 "h", days, hours % 24);
	return buf;
}

const char *format_bytes(uint64_t bytes, char buf[FORMAT_MAX])
{
	static const char *const units[] = {" KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
	double value = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(buf, FORMAT_MAX, "%" PRIu64 " B", bytes);
		return buf;
	}
	while (value >= 1023.5 && i + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		i++;
	}
	return scaled(value, units[i], buf);
}

static const char *thousands(double value, const char *const *units, size_t n_units, char *buf)
{
	size_t i = 0;

	while (value >= 999.5 && i + 1 < n_units) {
		value /= 1000;
		i++;
	}
	if (i == 0) {
		snprintf(buf, FORMAT_MAX, "%.0f%s", value, units[0]);
		return buf;
	}
	return scaled(value, units[i], buf);
}

const char *format_rate(double bits_per_s, char buf[FORMAT_MAX])
{
	static const char *const units[] = {" bit/s", " kbit/s", " Mbit/s", " Gbit/s", " Tbit/s"};

	return thousands(bits_per_s > 0 ? bits_per_s : 0, units, sizeof(units) / sizeof(units[0]),
			 buf);
}

const char *format_count(uint64_t count, char buf[FORMAT_MAX])
{
	static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};

	return thousands((double)count, units, sizeof(units) / sizeof(units[0]), buf);
}

const char *format_percent(uint64_t part, uint64_t whole, char buf[FORMAT_MAX])
{
	double percent = whole ? 100.0 * (double)part / (double)whole : 0;

	if (whole == 0)
		snprintf(buf, FORMAT_MAX, "-");
	else if (part == 0)
		snprintf(buf, FORMAT_MAX, "0 %%");
	else if (percent < 0.01)
		snprintf(buf, FORMAT_MAX, "<0.01 %%");
	else if (percent < 9.995)
		snprintf(buf, FORMAT_MAX, "%.2f %%", percent);
	else
		snprintf(buf, FORMAT_MAX, "%.0f %%", percent);
	return buf;
}

const char *format_safe(const char *text, char *buf, size_t size)
{
	size_t len = 0;

	for (const unsigned char *c = (const unsigned char *)text; *c && len + 1 < size; c++) {
		bool is_c1 = c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f;

		buf[len++] = *c < 0x20 || *c == 0x7f || is_c1 ? '?' : (char)*c;
		if (is_c1)
			c++;
	}
	buf[len] = '\0';
	return buf;
}
