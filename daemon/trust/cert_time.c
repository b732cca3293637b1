// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: cert_time: proleptic Gregorian calendar without the C library
 *
 * timegm() and gmtime_r() may read zone files; days are counted here instead.
 * Algorithm: years begin in March so that the leap day is the last one, and
 * 400 years are 146097 days (H. Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms", 2013).
 */
#include "daemon/trust/cert_time.h"

#include <stdio.h>

#define DAYS_PER_ERA 146097 /* 400 years */
#define EPOCH_DAYS 719468 /* 0000-03-01 to 1970-01-01 */
#define SECONDS_PER_DAY 86400
#define UTC_TIME_LEN 13 /* YYMMDDHHMMSSZ */
#define GENERALIZED_TIME_LEN 15 /* YYYYMMDDHHMMSSZ */
#define TIME_MIN_S (-631152000LL) /* 1950-01-01 00:00:00 */
#define TIME_MAX_S 253402300799LL /* 9999-12-31 23:59:59 */
#define UTC_TIME_END_S 2524608000LL /* 2050-01-01 00:00:00 */

struct calendar {
	int64_t year;
	unsigned int month, day; /* from 1 */
};

static int64_t days_from_calendar(const struct calendar *c)
{
	int64_t year = c->year - (c->month <= 2), era = year / 400;
	int64_t year_of_era = year - era * 400;
	int64_t month = c->month > 2 ? c->month - 3 : c->month + 9;
	int64_t day_of_year = (153 * month + 2) / 5 + c->day - 1;

	return era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - EPOCH_DAYS;
}

static struct calendar calendar_from_days(int64_t days)
{
	int64_t z = days + EPOCH_DAYS, era = z / DAYS_PER_ERA, day_of_era = z - era * DAYS_PER_ERA;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
			       day_of_era / (DAYS_PER_ERA - 1)) /
			      365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153;
	struct calendar c = {
		.month = (unsigned int)(month < 10 ? month + 3 : month - 9),
		.day = (unsigned int)(day_of_year - (153 * month + 2) / 5 + 1),
	};

	c.year = year_of_era + era * 400 + (c.month <= 2);
	return c;
}

static unsigned int days_in_month(const struct calendar *c)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);

	return c->month == 2 && is_leap ? 29 : days[c->month - 1];
}

/* Two digits at @p; 100 and more if they are none. */
static unsigned int two_digits(const uint8_t *p)
{
	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return 100;
	return (unsigned int)(p[0] - '0') * 10 + (unsigned int)(p[1] - '0');
}

/* Year in @c, the rest "MMDDHHMMSSZ" at @p. */
static bool parse_rest(struct calendar c, const uint8_t *p, int64_t *ret)
{
	unsigned int hour = two_digits(p + 4), minute = two_digits(p + 6),
		     second = two_digits(p + 8);

	c.month = two_digits(p);
	c.day = two_digits(p + 2);
	if (c.month < 1 || c.month > 12 || c.day < 1 || c.day > days_in_month(&c))
		return false;
	if (hour > 23 || minute > 59 || second > 59 || p[10] != 'Z')
		return false;
	*ret = days_from_calendar(&c) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
	return true;
}

int64_t cert_time_read(struct der_reader *r)
{
	struct der_value value = der_next(r);
	struct calendar c = {0};
	int64_t unix_s = 0;

	if (value.tag == DER_UTC_TIME && value.len == UTC_TIME_LEN &&
	    two_digits(value.bytes) < 100) {
		c.year = two_digits(value.bytes);
		c.year += c.year < 50 ? 2000 : 1900;
		if (parse_rest(c, value.bytes + 2, &unix_s))
			return unix_s;
	}
	if (value.tag == DER_GENERALIZED_TIME && value.len == GENERALIZED_TIME_LEN &&
	    two_digits(value.bytes) < 100 && two_digits(value.bytes + 2) < 100) {
		c.year = two_digits(value.bytes) * 100 + two_digits(value.bytes + 2);
		if (c.year >= 1950 && parse_rest(c, value.bytes + 4, &unix_s))
			return unix_s;
	}
	r->failed = true;
	return 0;
}

void cert_time_write(struct der_writer *w, int64_t unix_s)
{
	char text[GENERALIZED_TIME_LEN + 32];
	int64_t days, second;
	struct calendar c;

	if (unix_s < TIME_MIN_S || unix_s > TIME_MAX_S) {
		w->failed = true;
		return;
	}
	second = (unix_s % SECONDS_PER_DAY + SECONDS_PER_DAY) % SECONDS_PER_DAY;
	days = (unix_s - second) / SECONDS_PER_DAY;
	c = calendar_from_days(days);
	snprintf(text, sizeof(text), "%04u%02u%02u%02u%02u%02uZ", (unsigned int)c.year, c.month,
		 c.day, (unsigned int)(second / 3600), (unsigned int)(second / 60 % 60),
		 (unsigned int)(second % 60));
	if (unix_s < UTC_TIME_END_S)
		der_write(w, DER_UTC_TIME, text + 2, UTC_TIME_LEN);
	else
		der_write(w, DER_GENERALIZED_TIME, text, GENERALIZED_TIME_LEN);
}
