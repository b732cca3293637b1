// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: protobuf_known: Timestamp as RFC 3339 in UTC, Duration as seconds with an "s"
 *
 * Fractions have 0, 3, 6 or 9 digits when written, 0 to 9 when read.  Days are those of
 * Howard Hinnant's "chrono-compatible low-level date algorithms".
 */
#include <inttypes.h>
#include <string.h>

#include "daemon/translate/schema.h"

#define DURATION_MAX_S 315576000000 /* as protobuf's own limit: about ten thousand years */
#define TIMESTAMP_MIN_S (-62135596800) /* 0001-01-01T00:00:00Z */
#define TIMESTAMP_MAX_S 253402300799 /* 9999-12-31T23:59:59Z */
#define NANOS_MAX 999999999
#define NANO_DIGITS 9
#define DAY_S 86400
#define ERA_DAYS 146097 /* in 400 years */
#define EPOCH_DAYS 719468 /* from 0000-03-01 to 1970-01-01 */

/**
 * struct cursor - a text being read
 * @at: next character
 * @end: one past the last
 */
struct cursor {
	const uint8_t *at, *end;
};

bool protobuf_time_is_valid(enum schema_known known, const struct protobuf_time *time)
{
	if (known == SCHEMA_TIMESTAMP)
		return time->seconds >= TIMESTAMP_MIN_S && time->seconds <= TIMESTAMP_MAX_S &&
		       time->nanos >= 0 && time->nanos <= NANOS_MAX;
	return time->seconds >= -DURATION_MAX_S && time->seconds <= DURATION_MAX_S &&
	       time->nanos >= -NANOS_MAX && time->nanos <= NANOS_MAX &&
	       !(time->seconds > 0 && time->nanos < 0) && !(time->seconds < 0 && time->nanos > 0);
}

/* ---- writing ---- */

static void append_fraction(int32_t nanos, char *text, size_t size)
{
	size_t used = strlen(text);

	if (nanos < 0)
		nanos = -nanos;
	if (nanos == 0)
		return;
	if (nanos % 1000000 == 0)
		snprintf(text + used, size - used, ".%03" PRId32, nanos / 1000000);
	else if (nanos % 1000 == 0)
		snprintf(text + used, size - used, ".%06" PRId32, nanos / 1000);
	else
		snprintf(text + used, size - used, ".%09" PRId32, nanos);
}

static void format_date(int64_t days, char ret[PROTOBUF_TIME_SIZE])
{
	int64_t shifted = days + EPOCH_DAYS; /* not negative from the year 1 on */
	int64_t era = shifted / ERA_DAYS, day_of_era = shifted % ERA_DAYS;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
			       day_of_era / (ERA_DAYS - 1)) /
			      365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t from_march = (5 * day_of_year + 2) / 153;
	int64_t month = from_march < 10 ? from_march + 3 : from_march - 9;

	snprintf(ret, PROTOBUF_TIME_SIZE, "%04" PRId64 "-%02" PRId64 "-%02" PRId64,
		 year_of_era + era * 400 + (month <= 2), month,
		 day_of_year - (153 * from_march + 2) / 5 + 1);
}

void protobuf_format_time(enum schema_known known, const struct protobuf_time *time,
			  char ret[PROTOBUF_TIME_SIZE])
{
	int64_t days = time->seconds / DAY_S, rest = time->seconds % DAY_S;
	size_t used;

	if (known == SCHEMA_DURATION) {
		snprintf(ret, PROTOBUF_TIME_SIZE, "%s%" PRId64,
			 time->seconds < 0 || time->nanos < 0 ? "-" : "",
			 time->seconds < 0 ? -time->seconds : time->seconds);
		append_fraction(time->nanos, ret, PROTOBUF_TIME_SIZE);
		strcat(ret, "s");
		return;
	}
	if (rest < 0) {
		rest += DAY_S;
		days--;
	}
	format_date(days, ret);
	used = strlen(ret);
	snprintf(ret + used, PROTOBUF_TIME_SIZE - used, "T%02d:%02d:%02d", (int)(rest / 3600),
		 (int)(rest / 60 % 60), (int)(rest % 60));
	append_fraction(time->nanos, ret, PROTOBUF_TIME_SIZE);
	strcat(ret, "Z");
}

/* ---- reading ---- */

static bool take(struct cursor *in, char c)
{
	if (in->at == in->end || *in->at != (uint8_t)c)
		return false;
	in->at++;
	return true;
}

/* Exactly @n digits; -1 there are not. */
static int take_digits(struct cursor *in, size_t n)
{
	int value = 0;

	for (; n; n--) {
		if (in->at == in->end || *in->at < '0' || *in->at > '9')
			return -1;
		value = value * 10 + (*in->at++ - '0');
	}
	return value;
}

static bool take_fraction(struct cursor *in, int32_t *nanos)
{
	size_t n = 0;

	*nanos = 0;
	if (!take(in, '.'))
		return true;
	for (; in->at < in->end && *in->at >= '0' && *in->at <= '9' && n < NANO_DIGITS; n++)
		*nanos = *nanos * 10 + (*in->at++ - '0');
	for (size_t i = n; i < NANO_DIGITS; i++)
		*nanos *= 10;
	return n > 0;
}

static bool is_date(int year, int month, int day)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return year >= 1 && month >= 1 && month <= 12 && day >= 1 &&
	       day <= lengths[month - 1] + (is_leap && month == 2);
}

static int64_t days_of(int year, int month, int day)
{
	int64_t shifted = year - (month <= 2), era = shifted / 400, year_of_era = shifted % 400;
	int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - EPOCH_DAYS;
}

/* "Z", or hours and minutes that the clock is ahead of it. */
static bool take_zone(struct cursor *in, int64_t *ahead_s)
{
	int hours, minutes, sign;

	*ahead_s = 0;
	if (take(in, 'Z'))
		return true;
	sign = take(in, '+') ? 1 : take(in, '-') ? -1 : 0;
	hours = take_digits(in, 2);
	if (!sign || hours < 0 || hours > 23 || !take(in, ':'))
		return false;
	minutes = take_digits(in, 2);
	*ahead_s = sign * (hours * 3600 + minutes * 60);
	return minutes >= 0 && minutes < 60;
}

static bool parse_timestamp(struct cursor *in, struct protobuf_time *ret)
{
	int parts[6];
	int64_t ahead_s;

	for (size_t i = 0; i < 6; i++) {
		parts[i] = take_digits(in, i ? 2 : 4);
		if (parts[i] < 0 || (i < 5 && !take(in, "--T::"[i])))
			return false;
	}
	if (!is_date(parts[0], parts[1], parts[2]) || parts[3] > 23 || parts[4] > 59 ||
	    parts[5] > 59 || !take_fraction(in, &ret->nanos) || !take_zone(in, &ahead_s))
		return false;
	ret->seconds = days_of(parts[0], parts[1], parts[2]) * DAY_S + parts[3] * 3600 +
		       parts[4] * 60 + parts[5] - ahead_s;
	return true;
}

static bool parse_duration(struct cursor *in, struct protobuf_time *ret)
{
	bool is_negative = take(in, '-');
	const uint8_t *first = in->at;

	ret->seconds = 0;
	for (; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++) {
		if (ret->seconds > DURATION_MAX_S)
			return false;
		ret->seconds = ret->seconds * 10 + (*in->at - '0');
	}
	if (in->at == first || !take_fraction(in, &ret->nanos) || !take(in, 's'))
		return false;
	if (is_negative) {
		ret->seconds = -ret->seconds;
		ret->nanos = -ret->nanos;
	}
	return true;
}

bool protobuf_parse_time(enum schema_known known, const uint8_t *text, size_t len,
			 struct protobuf_time *ret)
{
	struct cursor in = {text, text + len};
	bool is_time = known == SCHEMA_TIMESTAMP ? parse_timestamp(&in, ret)
						 : parse_duration(&in, ret);

	return is_time && in.at == in.end && protobuf_time_is_valid(known, ret);
}
