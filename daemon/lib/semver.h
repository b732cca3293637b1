/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: semver: versions and ranges of them
 *
 * Versions are those of semver.org 2.0.0, build metadata included in the text
 * and ignored in comparison.  A range is a list of comparators that must all
 * hold, written as npm and cargo do:
 *
 *	*  1.2.3  =1.2.3  >1.2  >=1.2.3 <2  ^1.2.3  ~1.2.3  1.2.x  1.x
 *
 * A pre-release is in a range only if the range names a pre-release of the
 * same major.minor.patch: nobody gets 2.0.0-rc1 by asking for ">=1".
 */
#ifndef LIB_SEMVER_H
#define LIB_SEMVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEMVER_TEXT_MAX 63 /* bytes of a version */
#define SEMVER_PRE_MAX 47
#define SEMVER_NUMBER_MAX 999999999u
#define SEMVER_RANGE_TEXT_MAX 127
#define SEMVER_COMPARATORS_MAX 8

/**
 * struct semver - a version
 * @major: incompatible changes
 * @minor: additions
 * @patch: repairs
 * @pre: pre-release identifiers, "" for a release
 */
struct semver {
	uint32_t major, minor, patch;
	char pre[SEMVER_PRE_MAX + 1];
};

/**
 * semver_parse() - Read "1.2.3", "1.2.3-rc.1+build.5".
 * @text: nothing before or behind the version
 * @ret: filled on success, untouched on failure
 *
 * Return: 0; -EINVAL.
 */
int semver_parse(const char *text, struct semver *ret);
/** semver_compare() - Precedence, semver.org section 11. Return: <0, 0, >0. */
int semver_compare(const struct semver *a, const struct semver *b);

/** enum semver_operator - how a version must stand to another */
enum semver_operator { SEMVER_EQ, SEMVER_LT, SEMVER_LE, SEMVER_GT, SEMVER_GE };

/**
 * struct semver_range - comparators, all of which must hold; none: any release
 * @n: entries of @list
 * @list: operator and version
 */
struct semver_range {
	size_t n;
	struct {
		enum semver_operator operator;
		struct semver version;
	} list[SEMVER_COMPARATORS_MAX];
};

/** semver_range_parse() - "" means "*". Return: 0; -EINVAL with @ret untouched. */
int semver_range_parse(const char *text, struct semver_range *ret);
bool semver_range_has(const struct semver_range *range, const struct semver *version);

#endif
