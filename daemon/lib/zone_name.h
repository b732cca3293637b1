/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: zone_name: what a zone is called, and lists of such names
 *
 * A list is text, sorted, with commas between: certificates carry it, so there
 * is exactly one way to write it.
 */
#ifndef LIB_ZONE_NAME_H
#define LIB_ZONE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define ZONE_NAME_MAX 31 /* characters */
#define ZONE_LIST_NAMES_MAX 16
#define ZONE_LIST_MAX 255 /* characters of a list */
#define ZONE_LIST_SIZE (ZONE_LIST_MAX + 1)

/**
 * zone_name_is_valid() - Can it be the name of a zone?
 * @name: not terminated
 * @len: its length
 *
 * Return: true for 1 to ZONE_NAME_MAX of a-z, 0-9 and hyphen that begin with a letter, but
 * for the words that mean something else: any, none, self.
 */
bool zone_name_is_valid(const char *name, size_t len);

/**
 * zone_list_is_valid() - Is it a list as zone_list_make() makes it?
 * @list: untrusted, not terminated
 * @len: its length
 *
 * Return: true if it is; an empty list is none.
 */
bool zone_list_is_valid(const char *list, size_t len);

/**
 * zone_list_make() - Sort names, leave out repeated ones.
 * @text: names with commas between, in any order
 * @ret: filled on success
 *
 * Return: 0; -EINVAL a name that is none, or no name; -E2BIG too many or too long.
 */
int zone_list_make(const char *text, char ret[ZONE_LIST_SIZE]);

/**
 * zone_list_next() - Walk over a list.
 * @at: where to look; moved behind the name
 * @len: set to its length
 *
 * Return: the name, not terminated; NULL at the end.
 */
const char *zone_list_next(const char **at, size_t *len);

/** zone_list_has() - Is a (terminated) name in a list? */
bool zone_list_has(const char *list, const char *name);

#endif
