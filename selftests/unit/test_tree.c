// SPDX-License-Identifier: GPL-2.0
/* DOC: trees: what every hub computes for itself fits together */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "daemon/lib/prng.h"
#include "daemon/routing/tree.h"

#define N_MAX 80
#define LINK_BASE 100 /* link to hub i has index LINK_BASE + i */

static struct hub_id id_of(int i)
{
	return (struct hub_id){{0x02, 0, 0, 0, 0, i + 1}};
}

/* A graph as a cost matrix, 0 = no edge, and what every hub makes of it. */
static struct {
	int n;
	uint32_t cost[N_MAX][N_MAX];
	uint32_t group_flags[N_MAX];
	uint8_t group[N_MAX]; /* the one it listens to, 0 = none */
	struct lsdb db;
	struct trees trees[N_MAX];
} net;

static int setup(void **state)
{
	memset(&net, 0, sizeof(net));
	return 0;
}

static int teardown(void **state)
{
	for (int i = 0; i < N_MAX; i++)
		trees_fini(&net.trees[i]);
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
	struct route_link links[N_MAX];
	struct hub_id self = id_of(me);
	size_t n = 0;

	for (int i = 0; i < net.n; i++) {
		if (net.cost[me][i])
			links[n++] =
				(struct route_link){LINK_BASE + i, id_of(i), net.cost[me][i], 0};
	}
	trees_fini(&net.trees[me]);
	trees_compute(&net.db, &self, links, n, &net.trees[me]);
}

static void compute(void)
{
	bool changed;

	lsdb_fini(&net.db);
	for (int i = 0; i < net.n; i++) {
		struct record r = {.hub = id_of(i), .boot_epoch = 1, .seq = 1};

		for (int j = 0; j < net.n; j++) {
			if (net.cost[i][j])
				r.links[r.n_links++] =
					(struct record_link){id_of(j), net.cost[i][j], 0};
		}
		r.group_flags = net.group_flags[i];
		if (net.group[i]) {
			memcpy(r.groups[0], (uint8_t[]){0x01, 0, 0x5e, 1, 0, net.group[i]},
			       RECORD_GROUP_LEN);
			r.n_groups = 1;
		}
		lsdb_put(&net.db, 1, &r, (const uint8_t *)"", 0, &changed);
	}
	for (int i = 0; i < net.n; i++)
		compute_as(i);
}

static const struct tree *tree_at(int at, int root)
{
	struct hub_id id = id_of(root);

	for (size_t i = 0; i < net.trees[at].n; i++) {
		if (hub_id_equal(&net.trees[at].list[i].root, &id))
			return &net.trees[at].list[i];
	}
	return NULL;
}

static uint64_t children_for(const struct tree *tree, uint8_t group)
{
	for (size_t i = 0; i < tree->n_groups; i++) {
		if (group && tree->groups[i].mac[5] == group)
			return tree->groups[i].children;
	}
	return UINT64_MAX;
}

/* Follow a frame; @copies by hub. A group of 0 is broadcast. Return: hubs reached. */
static int spread(int at, int root, uint8_t group, int *copies)
{
	const struct tree *tree = tree_at(at, root);
	struct hub_id self = id_of(at);
	int reached = 1;

	assert_non_null(tree);
	copies[at]++;
	assert_int_equal(copies[at], 1);
	for (uint32_t c = 0; c < tree->n_children; c++) {
		int to = (int)tree->child[c] - LINK_BASE;

		if (!(children_for(tree, group) >> c & 1))
			continue;
		assert_true(net.cost[at][to] > 0);
		assert_true(hub_id_equal(&tree_at(to, root)->parent, &self));
		reached += spread(to, root, group, copies);
	}
	return reached;
}

static int reach(int root, uint8_t group, int *copies)
{
	memset(copies, 0, N_MAX * sizeof(*copies));
	return spread(root, root, group, copies);
}

static void random_graph(struct prng *rng, int n, int extra)
{
	memset(net.cost, 0, sizeof(net.cost));
	memset(net.group, 0, sizeof(net.group));
	memset(net.group_flags, 0, sizeof(net.group_flags));
	net.n = 0;
	for (int i = 1; i < n; i++)
		edge(i, (int)prng_below(rng, i), 1 + prng_below(rng, 4));
	for (int i = 0; i < extra; i++) {
		int a = (int)prng_below(rng, n), b = (int)prng_below(rng, n);

		if (a != b)
			edge(a, b, 1 + prng_below(rng, 4));
	}
}

static void every_tree_reaches_every_hub_once(void **state)
{
	struct prng rng = {.state = 1};
	int copies[N_MAX];

	for (int round = 0; round < 40; round++) {
		random_graph(&rng, 2 + (int)prng_below(&rng, 22), round);
		compute();
		for (int root = 0; root < net.n; root++)
			assert_int_equal(reach(root, 0, copies), net.n);
	}
}

static void groups_reach_every_member_and_who_wants_all(void **state)
{
	struct prng rng = {.state = 2};
	int copies[N_MAX];

	for (int round = 0; round < 40; round++) {
		random_graph(&rng, 4 + (int)prng_below(&rng, 20), round % 12);
		for (int i = 0; i < net.n; i++) {
			net.group[i] = (uint8_t)prng_below(&rng, 4);
			if (prng_below(&rng, 8) == 0)
				net.group_flags[i] = RECORD_GROUPS_ALL4;
		}
		compute();
		for (int root = 0; root < net.n; root++) {
			for (uint8_t group = 1; group < 4; group++) {
				reach(root, group, copies);
				for (int i = 0; i < net.n; i++) {
					if (net.group[i] == group || net.group_flags[i])
						assert_int_equal(copies[i], 1);
				}
			}
		}
	}
}

/*
 *   0 -- 1 -- 2    members of group 5: 2 and 4
 *        +--- 3
 *        +--- 4
 */
static void children_without_members_get_no_copy(void **state)
{
	int copies[N_MAX];

	edge(0, 1, 10);
	edge(1, 2, 10);
	edge(1, 3, 10);
	edge(1, 4, 10);
	net.group[2] = net.group[4] = 5;
	compute();
	assert_int_equal(reach(0, 5, copies), 4);
	assert_int_equal(copies[3], 0);
	assert_int_equal(reach(0, 6, copies), 5); /* nobody is known to listen: all */
	assert_int_equal(reach(4, 5, copies), 3); /* from a member to the other */
	assert_int_equal(copies[0], 0);
	net.group_flags[3] = RECORD_GROUPS_ALL6;
	compute();
	assert_int_equal(reach(0, 5, copies), 4); /* of another family */
	net.group_flags[3] = RECORD_GROUPS_ALL4;
	compute();
	assert_int_equal(reach(0, 5, copies), 5);
}

static void equal_ways_lead_over_the_lowest_id(void **state)
{
	struct hub_id one = id_of(1);

	edge(0, 1, 10);
	edge(0, 2, 10);
	edge(1, 3, 10);
	edge(2, 3, 10);
	compute();
	assert_true(hub_id_equal(&tree_at(3, 0)->parent, &one));
	assert_int_equal(tree_at(1, 0)->n_children, 1);
	assert_int_equal(tree_at(2, 0)->n_children, 0);
}

static void cheapest_of_several_links_is_taken(void **state)
{
	struct route_link links[] = {
		{7, id_of(1), 20, 0}, {9, id_of(1), 10, 0}, {8, id_of(1), 10, 0}};
	struct hub_id self = id_of(0);

	edge(0, 1, 10);
	compute();
	trees_fini(&net.trees[0]);
	trees_compute(&net.db, &self, links, 3, &net.trees[0]);
	assert_int_equal(tree_at(0, 0)->n_children, 1);
	assert_int_equal(tree_at(0, 0)->child[0], 8);
}

static void link_that_is_gone_leaves_the_trees(void **state)
{
	struct hub_id self = id_of(0);

	edge(0, 1, 10);
	edge(1, 2, 10);
	compute();
	trees_fini(&net.trees[0]);
	trees_compute(&net.db, &self, NULL, 0, &net.trees[0]);
	assert_int_equal(net.trees[0].n, 1); /* our own, without children */
	assert_int_equal(tree_at(0, 0)->n_children, 0);
	assert_null(tree_at(0, 2));
}

static void more_children_than_the_kernel_takes_are_no_tree(void **state)
{
	for (int i = 1; i <= TREE_CHILDREN_MAX + 1; i++)
		edge(0, i, 10);
	compute();
	assert_null(tree_at(0, 0));
	assert_non_null(tree_at(1, 2));
	assert_non_null(tree_at(0, 1)); /* the root of that one is no child: one less */
	assert_int_equal(tree_at(0, 1)->n_children, TREE_CHILDREN_MAX);
}

static void copies_are_equal_until_one_changes(void **state)
{
	struct trees *copy;

	edge(0, 1, 10);
	edge(1, 2, 10);
	net.group[0] = 3;
	compute();
	copy = trees_copy(&net.trees[1]);
	assert_true(trees_equal(copy, &net.trees[1]));
	assert_true(tree_at(1, 1)->n_groups == 1);
	copy->list[1].groups[0].children ^= 1;
	assert_false(trees_equal(copy, &net.trees[1]));
	trees_fini(copy);
	free(copy);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(every_tree_reaches_every_hub_once),
		test(groups_reach_every_member_and_who_wants_all),
		test(children_without_members_get_no_copy),
		test(equal_ways_lead_over_the_lowest_id),
		test(cheapest_of_several_links_is_taken),
		test(link_that_is_gone_leaves_the_trees),
		test(more_children_than_the_kernel_takes_are_no_tree),
		test(copies_are_equal_until_one_changes),
	};

	return cmocka_run_group_tests_name("trees", tests, NULL, NULL);
}
