// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: proxying: which address, or which neighbours, lead to the proxy of another hub
 *
 *	us -- link 1, link 4 -- B      C: behind B, or D, at the same cost
 *	   -- link 2 ---------- D      E: behind B, with D as a backup
 *	   -- link 3 ---------- F      F: no proxy
 *
 * We have no data path, but where a test says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "daemon/hub/internal.h"

enum { B = 2, C, D, E, F, NOBODY };

#define N_LINKS 4

struct world {
	struct hub hub;
	struct path paths[N_LINKS], *path_list[N_LINKS];
	struct lsdb_entry entries[5], *entry_list[5];
	struct route routes[5], frame_routes[1];
	struct hub_id parents[5];
	struct peer peer, *peer_list[1];
};

static struct world world;
static uint8_t record; /* that there is one is all that is asked */

static struct hub_id id_of(int who)
{
	return (struct hub_id){{2, 0, 0, 0, 0, (uint8_t)who}};
}

static void add_path(size_t i, int peer)
{
	world.path_list[i] = &world.paths[i];
	world.paths[i].link = (uint32_t)i + 1;
	world.paths[i].peer = id_of(peer);
	world.paths[i].remote = (struct endpoint){.family = AF_INET, .port = 4877};
	world.paths[i].quality.is_alive = true;
}

static int setup(void **state)
{
	memset(&world, 0, sizeof(world));
	for (int i = 0; i < 5; i++) {
		world.entry_list[i] = &world.entries[i];
		world.entries[i] = (struct lsdb_entry){
			.hub = id_of(B + i), .bytes = &record, .len = 1, .proxy_port = 4879};
		world.routes[i] = (struct route){.hub = id_of(B + i), .n_via = 1, .hops = 1};
	}
	world.entries[F - B].proxy_port = 0;
	add_path(0, B);
	add_path(1, D);
	add_path(2, F);
	add_path(3, B);
	world.routes[B - B].via[0] = 1;
	world.routes[D - B].via[0] = 2;
	world.routes[F - B].via[0] = 3;
	world.routes[C - B] = (struct route){
		.hub = id_of(C), .n_via = 3, .via = {1, 2, 4}, .backup = 3, .hops = 2};
	world.routes[E - B] =
		(struct route){.hub = id_of(E), .n_via = 1, .via = {1}, .backup = 2, .hops = 3};
	world.hub.paths = world.path_list;
	world.hub.n_paths = N_LINKS;
	world.hub.lsdb = (struct lsdb){.list = world.entry_list, .n = 5};
	for (int i = 0; i < 5; i++)
		world.parents[i] = world.hub.settings.id; /* a neighbour's */
	world.parents[C - B] = id_of(D);
	world.parents[E - B] = id_of(C); /* us, D, C, E, for whom the routes know no shorter way */
	world.hub.routes = (struct routes){.list = world.routes, .parent = world.parents, .n = 5};
	return 0;
}

/* The relays towards a hub, as decimal digits. */
static int relays_to(int who)
{
	struct hub_id to = id_of(who);
	struct hub_relays relays;
	int digits = 0;

	hub_find_relays(&world.hub, &to, &relays);
	for (size_t i = 0; i < relays.n; i++)
		digits = digits * 10 + relays.list[i].b[5];
	return digits;
}

static int find(int who)
{
	struct hub_id id = id_of(who);
	struct endpoint endpoint;

	return hub_find_proxy(&world.hub, &id, &endpoint);
}

static void neighbour_needs_no_relay(void **state)
{
	assert_int_equal(find(B), 0);
	assert_int_equal(relays_to(B), 0);
}

static void each_neighbour_on_a_shortest_way_is_one_relay(void **state)
{
	struct hub_id to = id_of(C);
	struct hub_relays relays;

	assert_int_equal(find(C), -EHOSTUNREACH);
	assert_int_equal(relays_to(C),
			 B * 10 + D); /* B once, though by two links; F has no proxy */
	hub_find_relays(&world.hub, &to, &relays);
	assert_int_equal(relays.hops, 2);
}

static void backup_comes_last_and_not_if_it_leads_through_a_tunnel(void **state)
{
	assert_int_equal(relays_to(E), B * 10 + D);
	world.routes[E - B].tunnel_end = id_of(D);
	assert_int_equal(relays_to(E), B);
}

static void neighbour_with_a_link_to_the_hub_comes_last_whatever_it_costs(void **state)
{
	struct record_link link = {.peer = id_of(E), .cost_us = 1000000};

	world.routes[E - B].backup = 0;
	assert_int_equal(relays_to(E), B);
	world.entries[D - B].links = &link;
	world.entries[D - B].n_links = 1;
	assert_int_equal(relays_to(E), B * 10 + D);
	assert_int_equal(relays_to(C), B * 10 + D);
	link.peer = id_of(D); /* a hub that TCP reaches needs none */
	world.paths[1].quality.is_alive = false;
	assert_int_equal(relays_to(E), B);
}

static void relay_that_is_not_reached_itself_is_none(void **state)
{
	world.paths[0].quality.is_alive = world.paths[3].quality.is_alive = false;
	assert_int_equal(relays_to(C), D);
	world.paths[1].remote.family = AF_UNSPEC;
	assert_int_equal(relays_to(C), 0);
}

static void hub_that_is_not_known_or_has_no_proxy_or_route_has_no_relays(void **state)
{
	assert_int_equal(relays_to(NOBODY), 0);
	assert_int_equal(find(NOBODY), -ENOENT);
	world.entries[C - B].proxy_port = 0;
	assert_int_equal(relays_to(C), 0);
	world.entries[E - B].bytes = NULL;
	assert_int_equal(relays_to(E), 0);
	setup(NULL);
	world.hub.routes.n = 0;
	assert_int_equal(relays_to(C), 0);
}

static void neighbour_whose_link_died_is_reached_by_others(void **state)
{
	world.paths[1].quality.is_alive = false;
	world.routes[D - B].via[0] = 1;
	assert_int_equal(find(D), -EHOSTUNREACH);
	assert_int_equal(relays_to(D), B);
}

/* We have a data path, and frames go to @who, and to nobody else. */
static struct endpoint find_with_frames_to(int who, int wanted)
{
	struct hub_id id = id_of(wanted);
	struct endpoint endpoint = {0};

	world.frame_routes[0] = (struct route){.hub = id_of(who), .n_via = 1, .via = {1}};
	world.peer.hub = id_of(who);
	keyring_init(&world.peer.seal);
	world.peer_list[0] = &world.peer;
	world.hub.peers = world.peer_list;
	world.hub.n_peers = 1;
	world.hub.frame_routes = (struct routes){.list = world.frame_routes, .n = 1};
	world.hub.settings.has_datapath = true;
	if (hub_find_proxy(&world.hub, &id, &endpoint) < 0)
		return (struct endpoint){0};
	return endpoint;
}

static bool is_mesh_address_of(struct endpoint endpoint, int who)
{
	struct hub_id id = id_of(who);
	struct in6_addr ula = address_ula(world.hub.mesh_tag, &id);

	return endpoint.family == AF_INET6 && endpoint.port == 4879 &&
	       IN6_ARE_ADDR_EQUAL(&endpoint.addr6, &ula);
}

static void far_hub_has_a_mesh_address_where_frames_go(void **state)
{
	assert_true(is_mesh_address_of(find_with_frames_to(C, C), C));
	assert_int_equal(find(E), -EHOSTUNREACH); /* a route of sessions is none of frames */
	assert_int_equal(relays_to(C),
			 B * 10 + D); /* would be asked if there were no way of frames */
}

static void neighbour_without_a_data_path_is_reached_at_its_own_address(void **state)
{
	struct endpoint endpoint = find_with_frames_to(C, B);

	assert_int_equal(endpoint.family, AF_INET);
	assert_int_equal(endpoint.port, 4879);
	/* One with a data path is, too, until there are keys. */
	assert_int_equal(find_with_frames_to(B, B).family, AF_INET);
	world.peer.seal.phases[1].is_live = true;
	world.peer.seal.tx = 1;
	assert_true(keyring_is_usable(&world.peer.seal));
	assert_int_equal(find(B), 0);
	hub_find_proxy(&world.hub, &world.peer.hub, &endpoint);
	assert_true(is_mesh_address_of(endpoint, B));
}

static void relay_with_a_data_path_is_asked_over_the_mesh(void **state)
{
	find_with_frames_to(B, B);
	world.paths[0].quality.is_alive = world.paths[3].quality.is_alive = false;
	assert_int_equal(relays_to(E), B * 10 + D);
	world.hub.frame_routes.n = 0;
	assert_int_equal(relays_to(E), D);
}

static void last_hub_that_frames_reach_is_asked_before_those_on_the_way_to_it(void **state)
{
	find_with_frames_to(C, C);
	world.peer.hub = id_of(C);
	assert_int_equal(relays_to(E), C * 100 + B * 10 + D);
	world.entries[C - B].proxy_port = 0;
	assert_int_equal(relays_to(E), B * 10 + D);
	world.entries[C - B].proxy_port = 4879;
	find_with_frames_to(D, D); /* a neighbour is in its place */
	assert_int_equal(relays_to(E), B * 10 + D);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(neighbour_needs_no_relay, setup),
		cmocka_unit_test_setup(each_neighbour_on_a_shortest_way_is_one_relay, setup),
		cmocka_unit_test_setup(backup_comes_last_and_not_if_it_leads_through_a_tunnel,
				       setup),
		cmocka_unit_test_setup(
			neighbour_with_a_link_to_the_hub_comes_last_whatever_it_costs, setup),
		cmocka_unit_test_setup(relay_that_is_not_reached_itself_is_none, setup),
		cmocka_unit_test_setup(hub_that_is_not_known_or_has_no_proxy_or_route_has_no_relays,
				       setup),
		cmocka_unit_test_setup(neighbour_whose_link_died_is_reached_by_others, setup),
		cmocka_unit_test_setup(far_hub_has_a_mesh_address_where_frames_go, setup),
		cmocka_unit_test_setup(neighbour_without_a_data_path_is_reached_at_its_own_address,
				       setup),
		cmocka_unit_test_setup(relay_with_a_data_path_is_asked_over_the_mesh, setup),
		cmocka_unit_test_setup(
			last_hub_that_frames_reach_is_asked_before_those_on_the_way_to_it, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
