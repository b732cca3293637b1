/* SPDX-License-Identifier: GPL-2.0 */
#ifndef API_SNAPSHOT_H
#define API_SNAPSHOT_H

#include "daemon/api/names.h"
#include "daemon/datapath/datapath.h"

/**
 * struct api_snapshot - hubs and links by number, and the kernel's word on links
 * @links_capacity: entries @links has room for
 * @stats_capacity: entries @stats has room for
 * @names: index of hubs
 * @links: views, by link index; strings and sessions borrowed
 * @n_links: entries of @links
 * @stats: the kernel's, by link index; none without datapath
 * @n_stats: entries of @stats
 */
struct api_snapshot {
	struct api_names names;
	struct hub_view_link *links;
	size_t n_links, links_capacity;
	struct datapath_link_stats *stats;
	size_t n_stats, stats_capacity;
};

/**
 * api_snapshot_init() - Look at everything once.
 * @snapshot: filled; end it with api_snapshot_fini()
 * @hub: looked at
 * @datapath: NULL leaves the statistics empty, as does an error reading them
 */
void api_snapshot_init(struct api_snapshot *snapshot, const struct hub *hub,
		       struct datapath *datapath);
void api_snapshot_fini(struct api_snapshot *snapshot);
const struct hub_view_link *api_snapshot_link(const struct api_snapshot *snapshot, uint32_t link);
const struct datapath_link_stats *api_snapshot_stats(const struct api_snapshot *snapshot,
						     uint32_t link);

#endif
