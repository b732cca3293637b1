/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: internal: the graph that routes and trees are computed on
 *
 * Nodes are the database's entries, by index; edges are links that both ends list, at
 * the larger of the two costs, so distances are the same both ways.  Where frames are to
 * go, links that either end lists as frameless are none.
 */
#ifndef ROUTING_INTERNAL_H
#define ROUTING_INTERNAL_H

#include "daemon/routing/route.h"

#define NO_NODE UINT32_MAX

/**
 * struct edge - one way of a link
 * @to: node
 * @cost: at least 1
 * @frame_max: longest frame that gets through towards @to, 0 = not known
 */
struct edge {
	uint32_t to, cost, frame_max;
};

/**
 * struct graph - edges in compressed rows
 * @db: nodes, borrowed
 * @n: nodes
 * @self: ours
 * @kind: links that are edges
 * @row: edges of node i are row[i] .. row[i + 1] - 1
 * @edges: rising by id of the far end in each row
 */
struct graph {
	const struct lsdb *db;
	uint32_t n, self;
	enum route_kind kind;
	uint32_t *row;
	struct edge *edges;
};

/**
 * struct spf - what Dijkstra finds, by node
 * @distance: ROUTE_UNREACHABLE without a way
 * @parent: node before it; NULL with @hops if not wanted
 * @hops: links to cross
 * @frame_max: over every shortest path; NULL if not wanted
 */
struct spf {
	uint64_t *distance;
	uint32_t *parent, *hops, *frame_max;
};

/** graph_node_of() - Return: index of @hub, or NO_NODE. */
uint32_t graph_node_of(const struct lsdb *db, const struct hub_id *hub);
void graph_build(struct graph *g, const struct lsdb *db, uint32_t self, enum route_kind kind,
		 const struct route_link *links, size_t n_links);
void graph_fini(struct graph *g);
void graph_dijkstra(const struct graph *g, uint32_t source, const struct spf *spf);

#endif
