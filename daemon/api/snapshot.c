// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: snapshot: links joined with the kernel's statistics, for one answer
 *
 * The hub knows what a link is for, the kernel how it does.  Both lists are
 * taken at the start of an answer and looked up by link index.
 */
#include "daemon/api/snapshot.h"

#include <stdlib.h>

#include "daemon/lib/memory.h"

static int link_add(const struct hub_view_link *view, void *arg)
{
	struct api_snapshot *s = arg;

	if (s->n_links == s->links_capacity) {
		s->links_capacity = s->links_capacity ? s->links_capacity * 2 : 16;
		s->links = xreallocarray(s->links, s->links_capacity, sizeof(*s->links));
	}
	s->links[s->n_links++] = *view;
	return 0;
}

static void stats_add(const struct datapath_link_stats *stats, void *arg)
{
	struct api_snapshot *s = arg;

	if (s->n_stats == s->stats_capacity) {
		s->stats_capacity = s->stats_capacity ? s->stats_capacity * 2 : 16;
		s->stats = xreallocarray(s->stats, s->stats_capacity, sizeof(*s->stats));
	}
	s->stats[s->n_stats++] = *stats;
}

static int number_compare(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static int link_compare(const void *a, const void *b)
{
	const struct hub_view_link *x = a, *y = b;

	return number_compare(x->link, y->link);
}

static int stats_compare(const void *a, const void *b)
{
	const struct datapath_link_stats *x = a, *y = b;

	return number_compare(x->link, y->link);
}

void api_snapshot_init(struct api_snapshot *snapshot, const struct hub *hub,
		       struct datapath *datapath)
{
	*snapshot = (struct api_snapshot){0};
	api_names_init(&snapshot->names, hub);
	hub_for_each_link(hub, link_add, snapshot);
	if (datapath && datapath_read_links(datapath, stats_add, snapshot) < 0)
		snapshot->n_stats = 0;
	if (snapshot->n_links)
		qsort(snapshot->links, snapshot->n_links, sizeof(*snapshot->links), link_compare);
	if (snapshot->n_stats)
		qsort(snapshot->stats, snapshot->n_stats, sizeof(*snapshot->stats), stats_compare);
}

void api_snapshot_fini(struct api_snapshot *snapshot)
{
	api_names_fini(&snapshot->names);
	free(snapshot->links);
	free(snapshot->stats);
	*snapshot = (struct api_snapshot){0};
}

const struct hub_view_link *api_snapshot_link(const struct api_snapshot *snapshot, uint32_t link)
{
	struct hub_view_link key = {.link = link};

	if (snapshot->n_links == 0)
		return NULL;
	return bsearch(&key, snapshot->links, snapshot->n_links, sizeof(*snapshot->links),
		       link_compare);
}

const struct datapath_link_stats *api_snapshot_stats(const struct api_snapshot *snapshot,
						     uint32_t link)
{
	struct datapath_link_stats key = {.link = link};

	if (snapshot->n_stats == 0)
		return NULL;
	return bsearch(&key, snapshot->stats, snapshot->n_stats, sizeof(*snapshot->stats),
		       stats_compare);
}
