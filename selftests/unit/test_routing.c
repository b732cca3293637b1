// SPDX-License-Identifier: GPL-2.0
/* DOC: routing: shortest, equal-cost and loop-free ways over small graphs */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/routing/route.h"

#define N_MAX 24

static struct hub_id id_of(int i)
{
	return (struct hub_id){{0x02, 0, 0, 0, 0, i + 1}};
}

/* A graph as a cost matrix, 0 = no edge; hub 0 is ourselves. */
struct net {
	int n;
	uint32_t cost[N_MAX][N_MAX], frame_max[N_MAX][N_MAX];
	struct lsdb db;
	struct route_link links[N_MAX];
	size_t n_links;
	struct routes routes;
};

static struct net net;

static int setup(void **state)
{
	memset(&net, 0, sizeof(net));
	return 0;
}

static int teardown(void **state)
{
	routes_fini(&net.routes);
	lsdb_fini(&net.db);
	return 0;
}

static void edge(int a, int b, uint32_t cost)
{
	net.cost[a][b] = net.cost[b][a] = cost;
	net.n = a >= net.n ? a + 1 : net.n;
	net.n = b >= net.n ? b + 1 : net.n;
}

static void compute_as(int me)
{
	struct hub_id self = id_of(me);
	bool changed;

	lsdb_fini(&net.db);
	routes_fini(&net.routes);
	net.n_links = 0;
	for (int i = 0; i < net.n; i++) {
		struct record r = {.hub = id_of(i), .boot_epoch = 1, .seq = 1};

		for (int j = 0; j < net.n; j++) {
			if (net.cost[i][j])
				r.links[r.n_links++] = (struct record_link){
					id_of(j), net.cost[i][j], net.frame_max[i][j]};
		}
		lsdb_put(&net.db, 1, &r, (const uint8_t *)"", 0, &changed);
		if (net.cost[me][i])
			net.links[net.n_links++] = (struct route_link){
				i + 100, id_of(i), net.cost[me][i], net.frame_max[me][i]};
	}
	routes_compute(&net.db, &self, net.links, net.n_links, &net.routes);
}

static const struct route *route_to(int i)
{
	struct hub_id id = id_of(i);

	return routes_find(&net.routes, &id);
}

static void line_goes_through_the_middle(void **state)
{
	struct hub_id path[4], to = id_of(2), self = id_of(0);

	edge(0, 1, 10);
	edge(1, 2, 10);
	compute_as(0);
	assert_int_equal(route_to(2)->cost_us, 20);
	assert_int_equal(route_to(2)->hops, 2);
	assert_int_equal(route_to(2)->via[0], 101);
	assert_int_equal(route_to(2)->backup, 0);
	assert_int_equal(routes_path(&net.routes, &self, &to, path, 4), 3);
	assert_true(hub_id_equal(&path[1], &net.routes.list[0].hub));
	assert_int_equal(routes_path(&net.routes, &self, &to, path, 2), -ENOSPC);
}

static void link_listed_by_one_end_only_does_not_count(void **state)
{
	struct hub_id path[4], to = id_of(2), self = id_of(0);

	edge(0, 1, 10);
	edge(1, 2, 10);
	net.cost[2][1] = 0;
	compute_as(0);
	assert_null(route_to(2));
	assert_int_equal(routes_path(&net.routes, &self, &to, path, 4), -EHOSTUNREACH);
}

static void the_larger_of_both_costs_counts(void **state)
{
	edge(0, 1, 10);
	net.cost[1][0] = 30;
	compute_as(0);
	assert_int_equal(route_to(1)->cost_us, 30);
}

static void equal_costs_share_up_to_four_links(void **state)
{
	for (int i = 1; i <= 6; i++) {
		edge(0, i, 10);
		edge(i, 7, 10);
	}
	compute_as(0);
	assert_int_equal(route_to(7)->n_via, ROUTE_VIA_MAX);
	assert_true(route_to(7)->backup != 0); /* the fifth is loop free as well */
}

static void triangle_has_a_backup_and_it_is_loop_free(void **state)
{
	edge(0, 1, 10);
	edge(0, 2, 15);
	edge(1, 2, 10);
	compute_as(0);
	assert_int_equal(route_to(1)->via[0], 101);
	assert_int_equal(route_to(1)->backup, 102); /* 10 < 15 + 10 */
}

static void neighbour_that_would_send_it_back_is_no_backup(void **state)
{
	edge(0, 1, 10);
	edge(0, 2, 10);
	edge(1, 2, 100); /* from 2, the way to 1 leads through us */
	compute_as(0);
	assert_int_equal(route_to(1)->backup, 0);
}

static void parallel_link_is_backup_of_its_cheaper_twin(void **state)
{
	struct hub_id self = id_of(0);

	edge(0, 1, 10);
	compute_as(0);
	net.links[net.n_links++] = (struct route_link){200, id_of(1), 50, 0};
	routes_fini(&net.routes);
	routes_compute(&net.db, &self, net.links, net.n_links, &net.routes);
	assert_int_equal(route_to(1)->n_via, 1);
	assert_int_equal(route_to(1)->via[0], 101);
	assert_int_equal(route_to(1)->backup, 200);
}

static void own_dead_link_is_left_at_once(void **state)
{
	struct hub_id self = id_of(0);

	edge(0, 1, 10);
	edge(0, 2, 10);
	edge(1, 2, 10);
	compute_as(0);
	routes_fini(&net.routes);
	routes_compute(&net.db, &self, &net.links[1], 1, &net.routes); /* records unchanged */
	assert_int_equal(route_to(1)->via[0], 102);
	assert_int_equal(route_to(1)->hops, 2);
}

/* What fits from @a to @b; the other direction is its own. */
static void width(int a, int b, uint32_t frame_max)
{
	net.frame_max[a][b] = frame_max;
}

static void narrowest_link_of_the_way_decides(void **state)
{
	edge(0, 1, 10);
	edge(1, 2, 10);
	edge(2, 3, 10);
	width(0, 1, 9000);
	width(1, 2, 1400);
	width(2, 1, 1352); /* the way back */
	width(2, 3, 1500);
	compute_as(0);
	assert_int_equal(route_to(1)->frame_max, 9000);
	assert_int_equal(route_to(2)->frame_max, 1400);
	assert_int_equal(route_to(3)->frame_max, 1400);
	compute_as(3);
	assert_int_equal(route_to(0)->frame_max, 1352);
}

static void every_equal_way_and_the_backup_count(void **state)
{
	edge(0, 1, 10);
	edge(0, 2, 10);
	edge(1, 3, 10);
	edge(2, 3, 10);
	width(0, 1, 9000);
	width(1, 3, 9000);
	width(0, 2, 9000);
	width(2, 3, 1400);
	compute_as(0);
	assert_int_equal(route_to(3)->n_via, 2);
	assert_int_equal(route_to(3)->frame_max, 1400);
	edge(0, 2, 15); /* now it is the backup */
	compute_as(0);
	assert_int_equal(route_to(3)->n_via, 1);
	assert_int_equal(route_to(3)->backup, 102);
	assert_int_equal(route_to(3)->frame_max, 1400);
}

static void unknown_width_decides_nothing(void **state)
{
	edge(0, 1, 10);
	edge(1, 2, 10);
	compute_as(0);
	assert_int_equal(route_to(2)->frame_max, 0);
	width(1, 2, 1500);
	compute_as(0);
	assert_int_equal(route_to(1)->frame_max, 0);
	assert_int_equal(route_to(2)->frame_max, 1500);
}

static void equal_sets_compare_equal(void **state)
{
	struct routes before;

	edge(0, 1, 10);
	edge(1, 2, 10);
	compute_as(0);
	before = net.routes;
	net.routes = (struct routes){0};
	edge(1, 2, 11);
	compute_as(0);
	assert_true(routes_equal(&before, &net.routes));
	edge(0, 2, 1);
	compute_as(0);
	assert_false(routes_equal(&before, &net.routes));
	routes_fini(&before);
}

/* Random graphs against Floyd-Warshall, and RFC 5286 inequality 1. */
static void random_graphs_are_shortest_with_loop_free_backups(void **state)
{
	static uint64_t d[N_MAX][N_MAX];
	struct prng prng = {42};

	for (int round = 0; round < 60; round++) {
		teardown(NULL);
		setup(NULL);
		for (int i = 1; i < 16; i++) {
			edge(i, prng_below(&prng, i), 1 + prng_below(&prng, 9));
			edge(i, prng_below(&prng, i), 1 + prng_below(&prng, 9));
		}
		for (int i = 0; i < net.n; i++)
			for (int j = 0; j < net.n; j++)
				d[i][j] = i == j ? 0 : net.cost[i][j] ? net.cost[i][j] : 1000000;
		for (int k = 0; k < net.n; k++)
			for (int i = 0; i < net.n; i++)
				for (int j = 0; j < net.n; j++)
					if (d[i][k] + d[k][j] < d[i][j])
						d[i][j] = d[i][k] + d[k][j];
		compute_as(0);
		for (int to = 1; to < net.n; to++) {
			const struct route *r = route_to(to);

			assert_int_equal(r->cost_us, d[0][to]);
			for (uint32_t v = 0; v < r->n_via; v++)
				assert_int_equal(net.cost[0][r->via[v] - 100] +
							 d[r->via[v] - 100][to],
						 d[0][to]);
			if (r->backup)
				assert_true(d[r->backup - 100][to] <
					    d[r->backup - 100][0] + d[0][to]);
		}
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(line_goes_through_the_middle),
		T(link_listed_by_one_end_only_does_not_count),
		T(the_larger_of_both_costs_counts),
		T(equal_costs_share_up_to_four_links),
		T(triangle_has_a_backup_and_it_is_loop_free),
		T(neighbour_that_would_send_it_back_is_no_backup),
		T(parallel_link_is_backup_of_its_cheaper_twin),
		T(own_dead_link_is_left_at_once),
		T(narrowest_link_of_the_way_decides),
		T(every_equal_way_and_the_backup_count),
		T(unknown_width_decides_nothing),
		T(equal_sets_compare_equal),
		T(random_graphs_are_shortest_with_loop_free_backups),
	};

	return cmocka_run_group_tests_name("routing", tests, NULL, NULL);
}
