// SPDX-License-Identifier: GPL-2.0
/* DOC: zone_name: see zone_name.h */
#include "daemon/lib/zone_name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct name {
	const char *text;
	size_t len;
};

static bool is_word(const char *name, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(name, word, len) == 0;
}

bool zone_name_is_valid(const char *name, size_t len)
{
	if (len < 1 || len > ZONE_NAME_MAX || name[0] < 'a' || name[0] > 'z')
		return false;
	for (size_t i = 1; i < len; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= '0' && name[i] <= '9') &&
		    name[i] != '-')
			return false;
	return !is_word(name, len, "any") && !is_word(name, len, "none") &&
	       !is_word(name, len, "self");
}

static int compare_names(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);

	if (order || x->len == y->len)
		return order;
	return x->len < y->len ? -1 : 1;
}

/* Names between the commas. Return: how many; -E2BIG; -EINVAL. */
static int split(const char *text, size_t len, struct name names[ZONE_LIST_NAMES_MAX])
{
	const char *end = text + len;
	int n = 0;

	for (;; text++) {
		const char *comma = memchr(text, ',', (size_t)(end - text));
		size_t name_len = (size_t)((comma ? comma : end) - text);

		if (n == ZONE_LIST_NAMES_MAX)
			return -E2BIG;
		if (!zone_name_is_valid(text, name_len))
			return -EINVAL;
		names[n++] = (struct name){text, name_len};
		if (!comma)
			return n;
		text = comma;
	}
}

bool zone_list_is_valid(const char *list, size_t len)
{
	struct name names[ZONE_LIST_NAMES_MAX];
	int n = len <= ZONE_LIST_MAX ? split(list, len, names) : -E2BIG;

	for (int i = 1; i < n; i++)
		if (compare_names(&names[i - 1], &names[i]) >= 0)
			return false;
	return n > 0;
}

int zone_list_make(const char *text, char ret[ZONE_LIST_SIZE])
{
	struct name names[ZONE_LIST_NAMES_MAX];
	int n = split(text, strlen(text), names);
	char list[ZONE_LIST_SIZE];
	size_t used = 0;

	if (n < 0)
		return n;
	qsort(names, (size_t)n, sizeof(names[0]), compare_names);
	for (int i = 0; i < n; i++) {
		if (i && compare_names(&names[i - 1], &names[i]) == 0)
			continue;
		if (used + 1 + names[i].len > ZONE_LIST_MAX)
			return -E2BIG;
		if (used)
			list[used++] = ',';
		memcpy(list + used, names[i].text, names[i].len);
		used += names[i].len;
	}
	list[used] = '\0';
	memcpy(ret, list, used + 1);
	return 0;
}

const char *zone_list_next(const char **at, size_t *len)
{
	const char *name = *at;

	if (!*name)
		return NULL;
	*len = strcspn(name, ",");
	*at = name + *len + (name[*len] == ',');
	return name;
}

bool zone_list_has(const char *list, const char *name)
{
	const char *entry;
	size_t len;

	while ((entry = zone_list_next(&list, &len)))
		if (is_word(entry, len, name))
			return true;
	return false;
}
