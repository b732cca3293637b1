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
	bool has_no_datapath[N_MAX];
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

static bool is_frameless(int a, int b)
{
	return net.has_no_datapath[a] != net.has_no_datapath[b];
}

static void compute_kind(int me, enum route_kind kind)
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
				r.links[r.n_links++] = (struct record_link){id_of(j),
									    net.cost[i][j],
									    net.frame_max[i][j],
									    is_frameless(i, j)};
		}
		lsdb_put(&net.db, 1, &r, (const uint8_t *)"", 0, &changed);
		if (net.cost[me][i] && !(kind == ROUTES_OF_FRAMES && is_frameless(me, i)))
			net.links[net.n_links++] = (struct route_link){
				i + 100, id_of(i), net.cost[me][i], net.frame_max[me][i]};
	}
	routes_compute(&net.db, &self, kind, net.links, net.n_links, &net.routes);
}

static void compute_as(int me)
{
	compute_kind(me, ROUTES_OF_FRAMES);
}

static const struct route *route_to(int i)
{
	struct hub_id id = id_of(i);

	return routes_find(&net.routes, &id);
}

/* The hub where the tunnel towards @to ends; 0, ourselves, for none. */
static int tunnel_of(int to)
{
	const struct route *route = route_to(to);

	return hub_id_is_valid(&route->tunnel_end) ? route->tunnel_end.b[5] - 1 : 0;
}

static void ring(int n, uint32_t cost)
{
	for (int i = 0; i < n; i++)
		edge(i, (i + 1) % n, cost);
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
	routes_compute(&net.db, &self, ROUTES_OF_FRAMES, net.links, net.n_links, &net.routes);
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
	routes_compute(&net.db, &self, ROUTES_OF_FRAMES, &net.links[1], 1,
		       &net.routes); /* records unchanged */
	assert_int_equal(route_to(1)->via[0], 102);
	assert_int_equal(route_to(1)->hops, 2);
}

static void frames_stop_before_a_hub_without_a_data_path(void **state)
{
	edge(0, 1, 10);
	edge(1, 2, 10);
	edge(2, 3, 10);
	net.has_no_datapath[1] = true;
	compute_kind(0, ROUTES_OF_FRAMES);
	assert_int_equal(net.routes.n, 0);
	compute_kind(3, ROUTES_OF_FRAMES);
	assert_int_equal(net.routes.n, 1); /* 2, and no further */
	assert_non_null(route_to(2));
	compute_kind(0, ROUTES_OF_SESSIONS);
	assert_int_equal(net.routes.n, 3);
	assert_int_equal(route_to(3)->hops, 3);
}

static void frames_go_round_a_hub_without_a_data_path_and_sessions_past_it(void **state)
{
	/* 0 - 1 - 2, or 0 - 3 - 4 - 2: a ring */
	edge(0, 1, 10);
	edge(1, 2, 10);
	edge(2, 4, 10);
	edge(4, 3, 10);
	edge(3, 0, 10);
	net.has_no_datapath[1] = true;
	compute_kind(0, ROUTES_OF_FRAMES);
	assert_int_equal(route_to(2)->hops, 3);
	assert_int_equal(route_to(2)->via[0], 103);
	assert_int_equal(route_to(2)->backup, 0); /* that would lead by 1, or to its tunnel */
	assert_int_equal(tunnel_of(2), 0);
	assert_null(route_to(1));
	compute_kind(0, ROUTES_OF_SESSIONS);
	assert_int_equal(route_to(2)->hops, 2);
	assert_int_equal(route_to(2)->via[0], 101);
}

static void link_that_one_end_calls_frameless_carries_no_frames(void **state)
{
	struct hub_id self = id_of(0);
	struct record r = {.hub = id_of(1), .boot_epoch = 1, .seq = 2, .n_links = 1};
	bool changed;

	edge(0, 1, 10);
	compute_as(0);
	assert_non_null(route_to(1));
	/* It runs without its module now, and we have not noticed. */
	r.links[0] = (struct record_link){id_of(0), 10, 0, true};
	lsdb_put(&net.db, 2, &r, (const uint8_t *)"", 0, &changed);
	assert_true(changed);
	assert_true(lsdb_has_frameless(&net.db));
	routes_fini(&net.routes);
	routes_compute(&net.db, &self, ROUTES_OF_FRAMES, net.links, net.n_links, &net.routes);
	assert_null(route_to(1));
	routes_fini(&net.routes);
	routes_compute(&net.db, &self, ROUTES_OF_SESSIONS, net.links, net.n_links, &net.routes);
	assert_non_null(route_to(1));
}

static void copy_is_equal_and_its_own(void **state)
{
	struct hub_id self = id_of(0), to = id_of(2), path[3];
	struct routes copy;

	edge(0, 1, 10);
	edge(1, 2, 10);
	compute_as(0);
	copy = routes_copy(&net.routes);
	assert_true(routes_equal(&copy, &net.routes));
	routes_fini(&net.routes);
	assert_int_equal(routes_path(&copy, &self, &to, path, 3), 3);
	routes_fini(&copy);
	copy = routes_copy(&net.routes); /* of none */
	assert_int_equal(copy.n, 0);
	routes_fini(&copy);
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

/*
 *      0 --- 1
 *     /       \
 *    5         2       5 would send frames for 1 back, and half of those for 2: so they
 *     \       /        go in a tunnel to 3, whose way to either is the other one.
 *      4 --- 3
 */
static void ring_of_six_is_repaired_by_a_tunnel(void **state)
{
	ring(6, 10);
	compute_as(0);
	assert_int_equal(route_to(1)->backup, 105);
	assert_int_equal(tunnel_of(1), 3);
	assert_int_equal(route_to(2)->backup, 105);
	assert_int_equal(tunnel_of(2), 3);
	assert_int_equal(route_to(3)->n_via, 2); /* each is the other's backup */
	assert_int_equal(route_to(3)->backup, 0);
	assert_int_equal(route_to(5)->backup, 101);
	assert_int_equal(tunnel_of(5), 3);
}

/* 4 has a way of its own to 2, shorter than that by us; only 1 needs the tunnel. */
static void ring_of_five_needs_a_tunnel_for_the_neighbours_only(void **state)
{
	ring(5, 10);
	compute_as(0);
	assert_int_equal(route_to(1)->backup, 104);
	assert_int_equal(tunnel_of(1), 3); /* 2 would do as well; 3 is nearer */
	assert_int_equal(route_to(2)->backup, 104);
	assert_int_equal(tunnel_of(2), 0);
}

/*
 *      0 --- 1 --- 2     Frames for 2.  3 sends them back to us, 4 on to 1: the link 0 - 1
 *      |     |     |     alone could be repaired by 4, but if 1 itself is dead only by 5.
 *      3 --- 4     |
 *       \          |
 *        5 --------+     3 - 5 costs 16, 5 - 2 25, the others 10
 */
static void tunnel_that_avoids_the_next_hub_is_preferred(void **state)
{
	edge(0, 1, 10);
	edge(1, 2, 10);
	edge(0, 3, 10);
	edge(3, 4, 10);
	edge(1, 4, 10);
	edge(3, 5, 16);
	edge(5, 2, 25);
	compute_as(0);
	assert_int_equal(route_to(1)->backup, 103);
	assert_int_equal(tunnel_of(1), 4); /* the nearest: 1 itself is where they go */
	assert_int_equal(route_to(2)->backup, 103);
	assert_int_equal(tunnel_of(2), 5);
	net.cost[5][2] = net.cost[2][5] = 0;
	compute_as(0);
	assert_int_equal(tunnel_of(2), 4); /* for want of a better one */
}

/* From 3 every way to 1 is by us, and 2 is not reached by 3 but by us: nobody is on both sides. */
static void ring_with_a_dear_link_has_no_tunnel(void **state)
{
	ring(4, 10);
	edge(2, 3, 100);
	compute_as(0);
	assert_int_equal(route_to(1)->backup, 0);
	assert_int_equal(tunnel_of(1), 0);
}

static void tunnel_has_its_share_in_what_fits(void **state)
{
	ring(6, 10);
	width(0, 1, 9000);
	width(0, 5, 9000);
	width(5, 4, 9000);
	width(4, 3, 1400);
	width(3, 2, 1500);
	width(2, 1, 1500);
	compute_as(0);
	assert_int_equal(route_to(1)->frame_max, 1400);
	width(4, 3, 2000);
	compute_as(0);
	assert_int_equal(route_to(1)->frame_max, 1500);
}

/* What every hub would have in its kernel. */
static struct routes all[N_MAX];

/* Follow tables of @all from @at to @to with the link between @x and @y silently dead.
 * Return: hops; -1 lost where nothing was left; -2 a loop. */
static int walk(int at, int to, int x, int y)
{
	int hops = 0, end = -1;

	while (at != to) {
		struct hub_id id = id_of(end < 0 ? to : end);
		const struct route *route = routes_find(&all[at], &id);
		int next = -1;

		for (uint32_t v = 0; route && v < route->n_via && next < 0; v++) {
			next = route->via[v] - 100;
			if ((at == x && next == y) || (at == y && next == x))
				next = -1;
		}
		if (next < 0 && route && route->backup) {
			next = route->backup - 100;
			if (hub_id_is_valid(&route->tunnel_end)) {
				if (end >= 0)
					return -1; /* tunnels do not nest */
				end = route->tunnel_end.b[5] - 1;
			}
		}
		if (next < 0)
			return -1;
		at = next;
		if (at == end)
			end = -1;
		if (++hops > 2 * N_MAX)
			return -2;
	}
	return hops;
}

static void compute_all(void)
{
	for (int i = 0; i < net.n; i++) {
		compute_as(i);
		all[i] = net.routes;
		net.routes = (struct routes){0};
	}
}

static void free_all(void)
{
	for (int i = 0; i < net.n; i++)
		routes_fini(&all[i]);
}

/* Every pair, with every link cut in turn: none loops.  Return: pairs that are not reached. */
static int cut_each_link(void)
{
	int lost = 0;

	for (int x = 0; x < net.n; x++) {
		for (int y = 0; y < x; y++) {
			for (int pair = 0; net.cost[x][y] && pair < net.n * net.n; pair++) {
				int hops = walk(pair / net.n, pair % net.n, x, y);

				assert_int_not_equal(hops, -2);
				lost += hops < 0;
			}
		}
	}
	return lost;
}

static void rings_of_equal_links_survive_any_cut(void **state)
{
	for (int n = 3; n <= N_MAX; n++) {
		teardown(NULL);
		setup(NULL);
		ring(n, 10);
		compute_all();
		assert_int_equal(cut_each_link(), 0);
		free_all();
	}
}

static void random_graphs_do_not_loop_while_repaired(void **state)
{
	struct prng prng = {7};
	int lost = 0, tunnels = 0;

	for (int round = 0; round < 40; round++) {
		teardown(NULL);
		setup(NULL);
		for (int i = 1; i < 14; i++)
			edge(i, prng_below(&prng, i), 1 + prng_below(&prng, 9));
		for (int i = 0; i < 8; i++) {
			int a = prng_below(&prng, 14), b = prng_below(&prng, 14);

			if (a != b)
				edge(a, b, 1 + prng_below(&prng, 9));
		}
		compute_all();
		lost += cut_each_link();
		for (int i = 0; i < net.n; i++)
			for (size_t r = 0; r < all[i].n; r++)
				tunnels += hub_id_is_valid(&all[i].list[r].tunnel_end);
		free_all();
	}
	assert_true(tunnels > 100);
	print_message("%d tunnels; %d pairs and cuts not repaired\n", tunnels, lost);
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
			if (r->backup && !tunnel_of(to))
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
		T(frames_stop_before_a_hub_without_a_data_path),
		T(frames_go_round_a_hub_without_a_data_path_and_sessions_past_it),
		T(link_that_one_end_calls_frameless_carries_no_frames),
		T(copy_is_equal_and_its_own),
		T(narrowest_link_of_the_way_decides),
		T(every_equal_way_and_the_backup_count),
		T(unknown_width_decides_nothing),
		T(equal_sets_compare_equal),
		T(ring_of_six_is_repaired_by_a_tunnel),
		T(ring_of_five_needs_a_tunnel_for_the_neighbours_only),
		T(tunnel_that_avoids_the_next_hub_is_preferred),
		T(ring_with_a_dear_link_has_no_tunnel),
		T(tunnel_has_its_share_in_what_fits),
		T(rings_of_equal_links_survive_any_cut),
		T(random_graphs_do_not_loop_while_repaired),
		T(random_graphs_are_shortest_with_loop_free_backups),
	};

	return cmocka_run_group_tests_name("routing", tests, NULL, NULL);
}
