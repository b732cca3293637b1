// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: names: from hub id to name, for one answer
 *
 * Links, routes, sessions and statistics know hubs by id; people know them by
 * name.  The index is built from the hub's views, used for one request and
 * thrown away, so it can never be stale.
 */
#include "daemon/api/names.h"

#include <stdlib.h>

#include "daemon/lib/memory.h"

static int names_add(const struct hub_view_hub *view, void *arg)
{
	struct api_names *names = arg;

	if (names->n == names->capacity) {
		names->capacity = names->capacity ? names->capacity * 2 : 64;
		names->list = xreallocarray(names->list, names->capacity, sizeof(*names->list));
	}
	names->list[names->n++] = (struct api_name){
		.id = view->id,
		.name = view->name,
		.ula = view->ula,
		.ipv4 = view->ipv4,
		.cost_us = view->cost_us,
	};
	return 0;
}

static int name_compare(const void *a, const void *b)
{
	const struct api_name *x = a, *y = b;

	return hub_id_cmp(&x->id, &y->id);
}

void api_names_init(struct api_names *names, const struct hub *hub)
{
	*names = (struct api_names){0};
	hub_for_each_hub(hub, names_add, names);
	if (names->n)
		qsort(names->list, names->n, sizeof(*names->list), name_compare);
}

void api_names_fini(struct api_names *names)
{
	free(names->list);
	*names = (struct api_names){0};
}

const struct api_name *api_names_find(const struct api_names *names, const struct hub_id *id)
{
	struct api_name key = {.id = *id};

	if (names->n == 0)
		return NULL;
	return bsearch(&key, names->list, names->n, sizeof(*names->list), name_compare);
}
