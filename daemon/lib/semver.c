// SPDX-License-Identifier: GPL-2.0
/* DOC: semver: see semver.h */
#include "daemon/lib/semver.h"

#include <errno.h>
#include <string.h>

#define DIGITS "0123456789"
#define IDENTIFIER DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"

/* A number without leading zeros. Return: characters taken, 0 = none. */
static size_t take_number(const char *text, uint32_t *ret)
{
	size_t n = strspn(text, DIGITS);
	uint64_t value = 0;

	if (n == 0 || n > 9 || (n > 1 && text[0] == '0'))
		return 0;
	for (size_t i = 0; i < n; i++)
		value = value * 10 + (uint64_t)(text[i] - '0');
	if (value > SEMVER_NUMBER_MAX)
		return 0;
	*ret = (uint32_t)value;
	return n;
}

/* Dot-separated identifiers; numeric ones of a pre-release have no leading zero. */
static size_t take_identifiers(const char *text, bool is_pre)
{
	size_t used = 0;

	for (;;) {
		size_t n = strspn(text + used, IDENTIFIER);
		bool is_number = strspn(text + used, DIGITS) >= n;

		if (n == 0 || (is_pre && is_number && n > 1 && text[used] == '0'))
			return 0;
		used += n;
		if (text[used] != '.')
			return used;
		used++;
	}
}

/* "-pre" and "+build" behind the numbers. Return: 0 or -EINVAL; @text moves to the end. */
static int take_suffixes(const char **text, struct semver *ret)
{
	size_t n;

	ret->pre[0] = '\0';
	if (**text == '-') {
		n = take_identifiers(*text + 1, true);
		if (n == 0 || n > SEMVER_PRE_MAX)
			return -EINVAL;
		memcpy(ret->pre, *text + 1, n);
		ret->pre[n] = '\0';
		*text += n + 1;
	}
	if (**text == '+') {
		n = take_identifiers(*text + 1, false);
		if (n == 0)
			return -EINVAL;
		*text += n + 1;
	}
	return 0;
}

int semver_parse(const char *text, struct semver *ret)
{
	struct semver version;
	uint32_t *numbers[] = {&version.major, &version.minor, &version.patch};

	if (strlen(text) > SEMVER_TEXT_MAX)
		return -EINVAL;
	for (size_t i = 0; i < 3; i++) {
		size_t n;

		if (i > 0 && *text++ != '.')
			return -EINVAL;
		n = take_number(text, numbers[i]);
		if (n == 0)
			return -EINVAL;
		text += n;
	}
	if (take_suffixes(&text, &version) < 0 || *text)
		return -EINVAL;
	*ret = version;
	return 0;
}

static int compare_numbers(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

/* One identifier each, up to its dot: numbers below words, numbers by value. */
static int compare_identifiers(const char *a, size_t a_len, const char *b, size_t b_len)
{
	bool a_number = strspn(a, DIGITS) >= a_len, b_number = strspn(b, DIGITS) >= b_len;
	size_t len = a_len < b_len ? a_len : b_len;
	int order;

	if (a_number != b_number)
		return a_number ? -1 : 1;
	if (a_number && a_len != b_len) /* no leading zeros: longer is larger */
		return a_len < b_len ? -1 : 1;
	order = memcmp(a, b, len);
	if (order)
		return order;
	return a_len < b_len ? -1 : a_len > b_len;
}

static int compare_pre(const char *a, const char *b)
{
	if (!*a || !*b) /* a release is above its pre-releases */
		return (*a == '\0') - (*b == '\0');
	for (;;) {
		size_t a_len = strcspn(a, "."), b_len = strcspn(b, ".");
		int order = compare_identifiers(a, a_len, b, b_len);

		if (order)
			return order;
		a += a_len;
		b += b_len;
		if (!*a || !*b)
			return (*a != '\0') - (*b != '\0');
		a++;
		b++;
	}
}

int semver_compare(const struct semver *a, const struct semver *b)
{
	int order = compare_numbers(a->major, b->major);

	if (!order)
		order = compare_numbers(a->minor, b->minor);
	if (!order)
		order = compare_numbers(a->patch, b->patch);
	return order ? order : compare_pre(a->pre, b->pre);
}

/* ---- ranges -------------------------------------------------------------- */

/**
 * struct partial - a version in a range, maybe cut short
 * @version: missing numbers are 0
 * @given: numbers that were there, 0 to 3
 */
struct partial {
	struct semver version;
	int given;
};

static bool is_wildcard(char c)
{
	return c == '*' || c == 'x' || c == 'X';
}

static size_t take_partial(const char *text, struct partial *ret)
{
	uint32_t *numbers[] = {&ret->version.major, &ret->version.minor, &ret->version.patch};
	const char *at = text;

	*ret = (struct partial){0};
	for (int i = 0; i < 3; i++) {
		size_t n;

		if (i > 0 && *at != '.')
			break;
		at += i > 0;
		if (is_wildcard(*at)) {
			at++;
			while (*at == '.' && is_wildcard(at[1]))
				at += 2;
			break;
		}
		n = take_number(at, numbers[i]);
		if (n == 0)
			return 0;
		at += n;
		ret->given = i + 1;
	}
	if (ret->given == 3 && take_suffixes(&at, &ret->version) < 0)
		return 0;
	return (size_t)(at - text);
}

static int add(struct semver_range *range, enum semver_operator operator, struct semver version)
{
	if (range->n == SEMVER_COMPARATORS_MAX)
		return -EINVAL;
	range->list[range->n].operator= operator;
	range->list[range->n++].version = version;
	return 0;
}

/* The first version above all that begin with the first @numbers of @version. */
static struct semver above(const struct semver *version, int numbers)
{
	struct semver next = {.major = version->major};

	if (numbers <= 1) {
		next.major++;
		return next;
	}
	next.minor = version->minor;
	if (numbers == 2) {
		next.minor++;
		return next;
	}
	next.patch = version->patch + 1;
	return next;
}

/* From @partial up to below the next version that differs in the first @numbers. */
static int add_span(struct semver_range *range, const struct partial *partial, int numbers)
{
	struct semver end = above(&partial->version, numbers);

	if (add(range, SEMVER_GE, partial->version) < 0)
		return -EINVAL;
	return add(range, SEMVER_LT, end);
}

/* What ^ holds still: everything up to the first number that is not 0. */
static int caret_numbers(const struct partial *partial)
{
	if (partial->version.major > 0 || partial->given <= 1)
		return 1;
	if (partial->version.minor > 0 || partial->given == 2)
		return 2;
	return 3;
}

static int add_comparator(struct semver_range *range, const char *symbol, size_t symbol_len,
			  const struct partial *partial)
{
	bool is_whole = partial->given == 3;

	if (partial->given == 0) /* any: what is behind an operator must be a number */
		return symbol_len == 0 ? 0 : -EINVAL;
	if (symbol_len == 0 || (symbol_len == 1 && *symbol == '=')) {
		if (is_whole)
			return add(range, SEMVER_EQ, partial->version);
		return add_span(range, partial, partial->given);
	}
	if (symbol_len == 1 && *symbol == '^')
		return add_span(range, partial, caret_numbers(partial));
	if (symbol_len == 1 && *symbol == '~')
		return add_span(range, partial, partial->given == 1 ? 1 : 2);
	if (symbol_len == 2 && *symbol == '>')
		return add(range, SEMVER_GE, partial->version);
	if (symbol_len == 1 && *symbol == '<')
		return add(range, SEMVER_LT, partial->version);
	if (symbol_len == 1) /* ">1.2": above all of 1.2 */
		return is_whole ? add(range, SEMVER_GT, partial->version)
				: add(range, SEMVER_GE, above(&partial->version, partial->given));
	return is_whole ? add(range, SEMVER_LE, partial->version)
			: add(range, SEMVER_LT, above(&partial->version, partial->given));
}

/* Return: length of an operator at @text, 0 none. */
static size_t operator_len(const char *text)
{
	if ((text[0] == '<' || text[0] == '>') && text[1] == '=')
		return 2;
	return *text && strchr("<>=^~", *text) ? 1 : 0;
}

int semver_range_parse(const char *text, struct semver_range *ret)
{
	struct semver_range range = {0};

	if (strlen(text) > SEMVER_RANGE_TEXT_MAX)
		return -EINVAL;
	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		size_t symbol_len = operator_len(text), used;
		const char *symbol = text;
		struct partial partial;

		text += symbol_len;
		text += strspn(text, " ");
		used = take_partial(text, &partial);
		if (used == 0 || (text[used] && text[used] != ' ') ||
		    add_comparator(&range, symbol, symbol_len, &partial) < 0)
			return -EINVAL;
		text += used;
	}
	*ret = range;
	return 0;
}

static bool holds(enum semver_operator operator, int order)
{
	switch (operator) {
	case SEMVER_EQ:
		return order == 0;
	case SEMVER_LT:
		return order < 0;
	case SEMVER_LE:
		return order <= 0;
	case SEMVER_GT:
		return order > 0;
	default:
		return order >= 0;
	}
}

static bool names_pre_of(const struct semver_range *range, const struct semver *version)
{
	for (size_t i = 0; i < range->n; i++) {
		const struct semver *named = &range->list[i].version;

		if (named->pre[0] && named->major == version->major &&
		    named->minor == version->minor && named->patch == version->patch)
			return true;
	}
	return false;
}

bool semver_range_has(const struct semver_range *range, const struct semver *version)
{
	if (version->pre[0] && !names_pre_of(range, version))
		return false;
	for (size_t i = 0; i < range->n; i++) {
		if (!holds(range->list[i].operator,
			   semver_compare(version, &range->list[i].version)))
			return false;
	}
	return true;
}
