// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: the datapath shell against the real module
 *
 * Run by selftests/net/test_datapath in a virtual machine, once without and
 * once with the module loaded; each test has a network namespace of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/datapath/internal.h"
#include "hubmesh/wire.h"

#define DEADLINE_MS 10000
#define MANY 1500 /* routes: several messages of one transaction */

struct fixture {
	uv_loop_t loop;
	uv_timer_t late;
	bool is_late;
	struct datapath *dp;
	const char *error_text;
	uint32_t link, needed_link;
	bool link_is_up;
	struct hub_id needed_session;
	size_t n_link_events;
	unsigned int times_gone;
};

static const struct hub_id self = {{0x02, 0, 0, 0, 0, 1}}, peer = {{0x02, 0, 0, 0, 0, 2}},
			   other = {{0x02, 0, 0, 0, 0, 3}};
static struct datapath_settings settings = {
	.ifname = "mesh0",
	.id = {{0x02, 0, 0, 0, 0, 1}},
	.data_port = HM_PORT_DATA,
	.control_port = HM_PORT_CONTROL,
	.mtu = 1380,
	.probe_ms = 50,
	.probe_misses = 3,
	.cipher = HUBMESH_CIPHER_AES_256_GCM,
};

static void on_link(void *arg, uint32_t link, bool is_up, uint32_t rtt_us, uint32_t frame_max)
{
	struct fixture *f = arg;

	f->link = link;
	f->link_is_up = is_up;
	f->n_link_events++;
}

static void on_need_session(void *arg, const struct hub_id *hub)
{
	((struct fixture *)arg)->needed_session = *hub;
}

static void on_key_needed(void *arg, enum key_owner owner, uint32_t link, const struct hub_id *hub,
			  uint8_t phase)
{
	((struct fixture *)arg)->needed_link = link;
}

static int run(const char *command)
{
	return system(command);
}

static void must(const char *command)
{
	if (run(command) != 0)
		fail_msg("%s", command);
}

static void on_groups(void *arg, uint32_t flags, const uint8_t (*groups)[6], size_t n_groups)
{
}

static void on_gone(void *arg)
{
	((struct fixture *)arg)->times_gone++;
}

static int open_again(struct fixture *f)
{
	struct datapath_events events = {
		.link = on_link,
		.need_session = on_need_session,
		.key_needed = on_key_needed,
		.groups = on_groups,
		.gone = on_gone,
		.arg = f,
	};

	return datapath_open(&f->loop, &settings, &events, &f->dp, &f->error_text);
}

static void on_late(uv_timer_t *timer)
{
	((struct fixture *)timer->data)->is_late = true;
}

#define wait_for(f, condition)                                       \
	({                                                           \
		(f)->is_late = false;                                \
		uv_update_time(&(f)->loop);                          \
		uv_timer_start(&(f)->late, on_late, DEADLINE_MS, 0); \
		while (!(condition) && !(f)->is_late)                \
			uv_run(&(f)->loop, UV_RUN_ONCE);             \
		uv_timer_stop(&(f)->late);                           \
		(condition);                                         \
	})

static bool has_module(void)
{
	return access("/sys/module/hubmesh", F_OK) == 0;
}

static int setup_loop(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	must("ip link set lo up");
	uv_loop_init(&f->loop);
	uv_timer_init(&f->loop, &f->late);
	f->late.data = f;
	return 0;
}

static int setup(void **state)
{
	struct fixture *f;

	if (setup_loop(state))
		return -1;
	f = *state;
	if (has_module() && open_again(f))
		fail_msg("%s", f->error_text);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	datapath_close(f->dp, true);
	uv_close((uv_handle_t *)&f->late, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	free(f);
	return 0;
}

#define with_module(state)                  \
	({                                  \
		if (!has_module())          \
			skip();             \
		(struct fixture *)*(state); \
	})

static struct endpoint ep(const char *text, uint32_t ifindex)
{
	struct endpoint ret;

	assert_int_equal(endpoint_parse(text, &ret), 0);
	ret.ifindex = ifindex;
	return ret;
}

static void set_link(struct fixture *f, uint32_t link, const struct hub_id *hub, uint32_t ifindex)
{
	struct endpoint local = ep("127.0.0.1", 0), remote = ep("127.0.0.2:4877", ifindex);

	if (datapath_link_set(f->dp, link, 9, hub, &local, &remote, NULL))
		fail_msg("%s", datapath_last_error(f->dp));
}

static void set_hub(struct fixture *f, const struct hub_id *hub, const char *ula, const char *ipv4)
{
	struct in6_addr a6;
	struct in_addr a4 = {0};

	inet_pton(AF_INET6, ula, &a6);
	if (ipv4)
		inet_pton(AF_INET, ipv4, &a4);
	if (datapath_hub_set(f->dp, hub, &a6, a4))
		fail_msg("%s", datapath_last_error(f->dp));
}

static void count_link(const struct datapath_link_stats *stats, void *arg)
{
	++*(size_t *)arg;
}

static void count_hub(const struct datapath_hub_stats *stats, void *arg)
{
	++*(size_t *)arg;
}

static size_t links(struct fixture *f)
{
	size_t n = 0;

	assert_int_equal(datapath_read_links(f->dp, count_link, &n), 0);
	return n;
}

static size_t hubs(struct fixture *f)
{
	size_t n = 0;

	assert_int_equal(datapath_read_hubs(f->dp, count_hub, &n), 0);
	return n;
}

static void open_without_module_says_how_to_load_it(void **state)
{
	struct fixture *f = *state;

	if (has_module())
		skip();
	assert_int_equal(open_again(f), -ENOENT);
	assert_null(f->dp);
	assert_non_null(strstr(f->error_text, "modprobe hubmesh"));
}

static void open_makes_the_device_and_close_deletes_it(void **state)
{
	struct fixture *f = with_module(state);

	must("ip link show mesh0 | grep -q '02:00:00:00:00:01'");
	must("ip link show mesh0 | grep -q 'mtu 1380.*state UP'");
	datapath_close(f->dp, true);
	f->dp = NULL;
	assert_int_not_equal(run("ip link show mesh0 2>/dev/null"), 0);
}

static void open_cleans_what_an_earlier_run_left(void **state)
{
	struct fixture *f = with_module(state);
	struct in6_addr ula;

	set_link(f, 7, &peer, 0);
	set_hub(f, &peer, "fd00::2", "10.77.0.2");
	inet_pton(AF_INET6, "fd00::1", &ula);
	assert_int_equal(datapath_addresses(f->dp, &ula, (struct in_addr){htonl(0x0a4d0001)}, 16),
			 0);
	datapath_close(f->dp, false);
	f->dp = NULL;
	must("ip addr show mesh0 | grep -q 10.77.0.1");
	settings.id = other; /* and another identity moves in */
	assert_int_equal(open_again(f), 0);
	settings.id = self;
	assert_int_equal(links(f), 0);
	assert_int_equal(hubs(f), 0);
	must("ip link show mesh0 | grep -q '02:00:00:00:00:03'");
	assert_int_not_equal(run("ip addr show mesh0 | grep -q 10.77.0.1"), 0);
	assert_int_not_equal(run("ip addr show mesh0 | grep -q fd00::1"), 0);
}

static void open_refuses_somebody_elses_interface(void **state)
{
	struct fixture *f = with_module(state);

	datapath_close(f->dp, true);
	f->dp = NULL;
	must("ip link add mesh0 type dummy");
	assert_int_equal(open_again(f), -EEXIST);
	assert_non_null(strstr(f->error_text, "is not a hubmesh interface"));
	must("ip link show mesh0 >/dev/null"); /* and it is left alone */
}

static void link_set_twice_updates_and_del_twice_is_quiet(void **state)
{
	struct fixture *f = with_module(state);

	set_link(f, 7, &peer, 0);
	set_link(f, 7, &peer, 0);
	assert_int_equal(links(f), 1);
	set_link(f, 7, &other, 0); /* the index means another peer now */
	assert_int_equal(links(f), 1);
	assert_int_equal(datapath_link_del(f->dp, 7), 0);
	assert_int_equal(datapath_link_del(f->dp, 7), 0);
	assert_int_equal(links(f), 0);
}

static void link_refusal_carries_the_kernels_sentence(void **state)
{
	struct fixture *f = with_module(state);
	struct endpoint local = ep("127.0.0.1", 0), multicast = ep("224.0.0.1:4877", 0);

	assert_int_equal(datapath_link_set(f->dp, 7, 9, &peer, &local, &multicast, NULL),
			 -EADDRNOTAVAIL);
	assert_non_null(strstr(datapath_last_error(f->dp), "not a unicast address"));
}

static void probes_of_existing_links_change(void **state)
{
	struct fixture *f = with_module(state);

	set_link(f, 7, &peer, 0);
	set_link(f, 8, &other, 0);
	assert_int_equal(datapath_set_probes(f->dp, 100, 5), 0);
	assert_int_not_equal(datapath_set_probes(f->dp, 5, 5), 0); /* below the kernel's bound */
	assert_int_equal(datapath_set_mtu(f->dp, 1300), 0);
	must("ip link show mesh0 | grep -q 'mtu 1300'");
	assert_int_not_equal(datapath_set_mtu(f->dp, 100), 0);
}

static void hub_has_permanent_neighbours_that_follow_it(void **state)
{
	struct fixture *f = with_module(state);
	struct in6_addr ula;

	set_hub(f, &peer, "fd00::2", "10.77.0.2");
	must("ip neigh show dev mesh0 | grep -q '10.77.0.2 lladdr 02:00:00:00:00:02 PERMANENT'");
	must("ip neigh show dev mesh0 | grep -q 'fd00::2 lladdr 02:00:00:00:00:02 PERMANENT'");
	set_hub(f, &peer, "fd00::2", "10.77.0.9");
	must("ip neigh show dev mesh0 | grep -q '10.77.0.9 '");
	assert_int_not_equal(run("ip neigh show dev mesh0 | grep -q '10.77.0.2 '"), 0);
	set_hub(f, &peer, "fd00::2", NULL);
	assert_int_not_equal(run("ip neigh show dev mesh0 | grep -q '10.77.0.9 '"), 0);
	inet_pton(AF_INET6, "fd00::2", &ula);
	assert_int_equal(datapath_hub_del(f->dp, &peer, &ula, (struct in_addr){0}), 0);
	assert_int_equal(datapath_hub_del(f->dp, &peer, &ula, (struct in_addr){0}), 0);
	assert_int_not_equal(run("ip neigh show dev mesh0 | grep -q 'fd00::2 '"), 0);
	assert_int_equal(hubs(f), 0);
}

static bool is_wiped(const struct fixture *f, uint8_t byte)
{
	const uint8_t run_of[8] = {byte, byte, byte, byte, byte, byte, byte, byte};

	return !memmem(f->dp->genl->request, NETLINK_REQUEST_MAX, run_of, 8) &&
	       !memmem(f->dp->genl->response, NETLINK_RESPONSE_MAX, run_of, 8);
}

static void key_installs_moves_goes_and_leaves_no_trace(void **state)
{
	struct fixture *f = with_module(state);
	uint8_t rx[HM_LINK_KEYMAT_LEN], tx[HM_LINK_KEYMAT_LEN];
	enum key_owner owner = KEY_OWNER_LINK;

	memset(rx, 0xa5, sizeof(rx));
	memset(tx, 0x5a, sizeof(tx));
	set_link(f, 7, &peer, 0);
	assert_int_equal(datapath_key_install(f->dp, owner, 7, &peer, 1, settings.cipher, rx, tx,
					      sizeof(rx)),
			 0);
	assert_true(is_wiped(f, 0xa5) && is_wiped(f, 0x5a));
	assert_int_equal(datapath_key_use(f->dp, owner, 7, &peer, 1), 0);
	assert_int_not_equal(datapath_key_use(f->dp, owner, 7, &peer, 2), 0);
	assert_int_equal(datapath_key_del(f->dp, owner, 7, &peer, 1), 0);
	assert_int_equal(datapath_key_del(f->dp, owner, 7, &peer, 1), 0);
	/* A seal key is shorter; a link's is refused, and wiped all the same. */
	set_hub(f, &peer, "fd00::2", NULL);
	assert_int_not_equal(datapath_key_install(f->dp, KEY_OWNER_SEAL, 0, &peer, 1,
						  settings.cipher, rx, tx, HM_LINK_KEYMAT_LEN),
			     0);
	assert_int_not_equal(datapath_last_error(f->dp)[0], '\0');
	assert_true(is_wiped(f, 0xa5));
	assert_int_equal(datapath_key_install(f->dp, KEY_OWNER_SEAL, 0, &peer, 1, settings.cipher,
					      rx, tx, HM_SEAL_KEYMAT_LEN),
			 0);
}

static int set_routes(struct fixture *f, uint64_t generation, struct effect_route *routes, size_t n,
		      struct trees *trees)
{
	struct effect effect = {.kind = EFFECT_ROUTES};

	effect.routes.generation = generation;
	effect.routes.routes = routes;
	effect.routes.n_routes = n;
	effect.routes.trees = trees;
	return datapath_routes(f->dp, &effect);
}

static void routes_of_many_hubs_are_one_transaction(void **state)
{
	struct fixture *f = with_module(state);
	struct effect_route *routes = calloc(MANY, sizeof(*routes));
	struct datapath_device_stats stats;
	char ula[INET6_ADDRSTRLEN];

	for (uint32_t link = 1; link <= 5; link++)
		set_link(f, link, &peer, 0);
	for (int i = 0; i < MANY; i++) {
		routes[i].hub = (struct hub_id){{0x06, 0, 0, 1, (uint8_t)(i >> 8), (uint8_t)i}};
		routes[i].n_via = 4;
		for (uint32_t v = 0; v < 4; v++)
			routes[i].via[v] = (struct effect_nexthop){.link = v + 1, .weight = 1};
		routes[i].backup = 5;
		if (i > 0)
			routes[i].tunnel_end = routes[0].hub;
		snprintf(ula, sizeof(ula), "fd00::1:%x", i);
		set_hub(f, &routes[i].hub, ula, NULL);
	}
	assert_int_equal(set_routes(f, 10, routes, MANY, NULL), 0);
	assert_int_equal(datapath_read_device(f->dp, &stats), 0);
	assert_int_equal(stats.generation, 10);
	assert_int_not_equal(set_routes(f, 10, routes, MANY, NULL), 0); /* must grow */
	routes[MANY - 1].via[0].link = 99; /* refused in the last message: nothing changes */
	assert_int_not_equal(set_routes(f, 11, routes, MANY, NULL), 0);
	assert_non_null(strstr(datapath_last_error(f->dp), "no link has that index"));
	assert_int_equal(datapath_read_device(f->dp, &stats), 0);
	assert_int_equal(stats.generation, 10);
	assert_int_equal(set_routes(f, 12, NULL, 0, NULL), 0);
	assert_int_equal(hubs(f), MANY);
	free(routes);
}

struct rules {
	size_t n[DATAPATH_RULE_ENTRY + 1];
	struct datapath_rule last_entry;
};

static void count_rule(const struct datapath_rule *rule, void *arg)
{
	struct rules *rules = arg;

	rules->n[rule->kind]++;
	if (rule->kind == DATAPATH_RULE_ENTRY)
		rules->last_entry = *rule;
}

static struct rules rules_of(struct fixture *f)
{
	struct rules rules = {0};

	assert_int_equal(datapath_read_rules(f->dp, count_rule, &rules), 0);
	return rules;
}

/* As many as there can be: several messages of one transaction. */
static struct policy_tables *full_tables(void)
{
	struct policy_tables *tables = calloc(1, sizeof(*tables));

	for (size_t i = 0; i < POLICY_MEMBERS_MAX; i++)
		tables->members[i] = (struct policy_member){
			.kind = POLICY_MEMBER_MAC,
			.zone = 7,
			.mac = {2, 9, 0, 0, (uint8_t)(i >> 8), (uint8_t)i},
		};
	tables->members[0] = (struct policy_member){
		.kind = POLICY_MEMBER_INTERFACE, .zone = 7, .interface = "gone0"};
	for (size_t i = 0; i < POLICY_TABLE_PAIRS_MAX; i++)
		tables->pairs[i] = (struct policy_pair){(uint16_t)i, 7};
	for (size_t i = 0; i < POLICY_TABLE_ENTRIES_MAX; i++) {
		struct policy_match *match = &tables->entries[i].match;

		match->fields = POLICY_PROTOCOL | POLICY_DST_PORTS | POLICY_SRC_ZONE;
		match->protocol = 6;
		match->src_zone = 9;
		match->dst_ports = (struct policy_ports){(uint16_t)i, (uint16_t)(i + 5)};
		match->src = (struct policy_prefix){.family = 6, .len = 16, .address = {0xfd, 1}};
		tables->entries[i].denies = true;
		tables->entries[i].log_every = 3;
	}
	for (size_t i = 0; i < POLICY_RULES_MAX; i++)
		tables->rules[i] = (struct policy_rule){
			.class = 3,
			.match = {.fields = POLICY_DSCP | POLICY_MARK, .dscp = 9, .mark_mask = 3},
		};
	tables->n_members = POLICY_MEMBERS_MAX;
	tables->n_pairs = POLICY_TABLE_PAIRS_MAX;
	tables->n_entries = POLICY_TABLE_ENTRIES_MAX;
	tables->n_rules = POLICY_RULES_MAX;
	tables->hops_max = 4;
	tables->storm.unknown_pps = 33;
	tables->queues.strict_share = POLICY_STRICT_SHARE_DEFAULT;
	return tables;
}

static void a_policy_is_one_transaction_and_a_refused_one_changes_nothing(void **state)
{
	struct fixture *f = with_module(state);
	struct policy_tables *tables = full_tables();
	struct datapath_device_stats device;
	struct rules rules;

	assert_int_equal(datapath_policy(f->dp, tables), 0);
	rules = rules_of(f);
	assert_int_equal(rules.n[DATAPATH_RULE_MEMBER], POLICY_MEMBERS_MAX - 1); /* not gone0 */
	assert_int_equal(rules.n[DATAPATH_RULE_PAIR], POLICY_TABLE_PAIRS_MAX);
	assert_int_equal(rules.n[DATAPATH_RULE_ENTRY], POLICY_TABLE_ENTRIES_MAX);
	assert_memory_equal(&rules.last_entry.entry, &tables->entries[POLICY_TABLE_ENTRIES_MAX - 1],
			    sizeof(rules.last_entry.entry));
	assert_int_equal(datapath_read_device(f->dp, &device), 0);
	assert_int_equal(device.filter_generation, 1);
	assert_int_equal(device.storm.unknown_pps, 33);
	tables->members[1] = tables->members[2]; /* found at the commit */
	tables->n_entries = 1;
	assert_int_not_equal(datapath_policy(f->dp, tables), 0);
	assert_non_null(strstr(datapath_last_error(f->dp), "rule set: "));
	assert_non_null(strstr(datapath_last_error(f->dp), "two rules about the same"));
	assert_int_equal(rules_of(f).n[DATAPATH_RULE_ENTRY], POLICY_TABLE_ENTRIES_MAX);
	tables->n_members = tables->n_pairs = tables->n_entries = tables->hops_max = 0;
	assert_int_equal(datapath_policy(f->dp, tables), 0);
	assert_int_equal(rules_of(f).n[DATAPATH_RULE_ENTRY], 0);
	assert_int_equal(datapath_read_device(f->dp, &device), 0);
	assert_int_equal(device.filter_generation, 2);
	free(tables);
}

static void take_guard(const struct hub_id *hub, const struct policy_guard *guard, void *arg)
{
	assert_true(hub_id_equal(hub, &peer));
	memcpy(arg, guard, sizeof(*guard));
}

static void a_guard_is_read_as_it_was_set_and_goes(void **state)
{
	struct fixture *f = with_module(state);
	struct policy_guard guard, shown, nothing = {0};

	memset(&guard, 0, sizeof(guard));
	guard.checks_zones = guard.checks_addresses = guard.has_scope = guard.checks_macs = true;
	guard.n_zones = POLICY_GUARD_ZONES_MAX;
	for (uint16_t i = 0; i < POLICY_GUARD_ZONES_MAX; i++)
		guard.zones[i] = i;
	guard.n_prefixes = guard.n_scope = 2;
	guard.prefixes[0] = (struct policy_prefix){.family = 6, .len = 128, .address = {0xfd, 7}};
	guard.prefixes[1] = (struct policy_prefix){4, 32, {10, 77, 0, 2}};
	guard.scope[0] = (struct policy_prefix){.family = 6, .len = 64, .address = {0xfd, 7}};
	guard.scope[1] = (struct policy_prefix){4, 16, {10, 77}};
	guard.macs_learn = 9;
	guard.frames_pps = 10;
	guard.bytes_ps = 11;
	guard.storm.multicast_pps = 12;
	assert_int_not_equal(datapath_guard(f->dp, &peer, &guard), 0); /* no such hub */
	set_hub(f, &peer, "fd00::2", NULL);
	assert_int_equal(datapath_guard(f->dp, &peer, &guard), 0);
	memset(&shown, 0, sizeof(shown));
	assert_int_equal(datapath_read_guards(f->dp, take_guard, &shown), 0);
	assert_memory_equal(&shown, &guard, sizeof(guard));
	assert_int_equal(datapath_guard(f->dp, &peer, &nothing), 0);
	memset(&shown, 0, sizeof(shown));
	assert_int_equal(datapath_read_guards(f->dp, take_guard, &shown), 0);
	assert_memory_equal(&shown, &nothing, sizeof(nothing));
}

static void take_queue(const struct datapath_queue *queue, void *arg)
{
	if (queue->link == 7)
		*(struct datapath_queue *)arg = *queue;
}

static void links_queue_as_the_policy_says_now_and_when_they_come_later(void **state)
{
	struct fixture *f = with_module(state);
	struct policy_tables *tables = calloc(1, sizeof(*tables));
	struct datapath_queue fresh, queue;

	tables->queues.strict_share = POLICY_STRICT_SHARE_DEFAULT;
	set_link(f, 7, &peer, 0);
	assert_int_equal(datapath_policy(f->dp, tables), 0);
	assert_int_equal(datapath_read_queues(f->dp, take_queue, &fresh), 0);
	tables->queues.strict_share = 33;
	tables->queues.class[5].weight = 50;
	assert_int_equal(datapath_policy(f->dp, tables), 0);
	assert_int_equal(datapath_read_queues(f->dp, take_queue, &queue), 0);
	assert_int_equal(queue.strict_share, 33);
	assert_int_equal(queue.class[5].settings.weight, 50);
	assert_int_equal(queue.class[4].settings.weight, fresh.class[4].settings.weight);
	assert_int_equal(datapath_link_del(f->dp, 7), 0);
	set_link(f, 7, &peer, 0);
	assert_int_equal(datapath_read_queues(f->dp, take_queue, &queue), 0);
	assert_int_equal(queue.class[5].settings.weight, 50);
	tables->queues.class[5].weight = 0;
	tables->queues.strict_share = POLICY_STRICT_SHARE_DEFAULT;
	assert_int_equal(datapath_policy(f->dp, tables), 0);
	assert_int_equal(datapath_read_queues(f->dp, take_queue, &queue), 0);
	assert_memory_equal(&queue, &fresh, sizeof(queue));
	free(tables);
}

static void addresses_replace_each_other(void **state)
{
	struct fixture *f = with_module(state);
	struct in6_addr ula, none = {0};

	inet_pton(AF_INET6, "fd00::1", &ula);
	assert_int_equal(datapath_addresses(f->dp, &ula, (struct in_addr){htonl(0x0a4d0001)}, 16),
			 0);
	must("ip -6 addr show dev mesh0 | grep -q 'fd00::1/64.*nodad'");
	assert_int_not_equal(run("ip -6 addr show dev mesh0 | grep -q fe80"), 0);
	must("ip route | grep -q '10.77.0.0/16 dev mesh0'");
	assert_int_equal(datapath_addresses(f->dp, &ula, (struct in_addr){htonl(0x0a4d0002)}, 24),
			 0);
	must("ip addr show dev mesh0 | grep -q '10.77.0.2/24'");
	assert_int_not_equal(run("ip addr show dev mesh0 | grep -q '10.77.0.1/'"), 0);
	assert_int_equal(datapath_addresses(f->dp, &none, (struct in_addr){0}, 0), 0);
	assert_int_not_equal(run("ip addr show dev mesh0 | grep -q inet"), 0);
}

static void carrier_loss_of_the_underlay_is_an_event(void **state)
{
	struct fixture *f = with_module(state);

	must("ip link add va type veth peer name vb && ip link set va up && ip link set vb up && "
	     "ip addr add 127.0.0.3/32 dev va");
	set_link(f, 7, &peer, if_nametoindex("va"));
	must("ip link set vb down");
	assert_true(wait_for(f, f->n_link_events));
	assert_int_equal(f->link, 7);
	assert_false(f->link_is_up);
}

static void lost_events_are_made_up_for(void **state)
{
	struct fixture *f = with_module(state);
	int small = 1;

	must("ip link add va type veth peer name vb && ip link set va up && ip link set vb up");
	setsockopt(mnl_socket_get_fd(f->dp->event_socket), SOL_SOCKET, SO_RCVBUF, &small,
		   sizeof(small));
	for (uint32_t link = 1; link <= 64; link++)
		set_link(f, link, &peer, if_nametoindex("va"));
	must("ip link set vb down"); /* 64 events into a buffer for a few */
	assert_true(wait_for(f, f->n_link_events >= 64));
}

static void packet_without_session_asks_for_one(void **state)
{
	struct fixture *f = with_module(state);
	struct in6_addr ula;

	inet_pton(AF_INET6, "fd00::1", &ula);
	assert_int_equal(datapath_addresses(f->dp, &ula, (struct in_addr){0}, 0), 0);
	set_hub(f, &peer, "fd00::2", NULL);
	run("ping -c 1 -W 1 fd00::2 >/dev/null 2>&1 &");
	assert_true(wait_for(f, hub_id_equal(&f->needed_session, &peer)));
}

static void deleted_interface_is_told_once(void **state)
{
	struct fixture *f = with_module(state);

	must("ip link del mesh0");
	assert_true(wait_for(f, f->times_gone));
	datapath_on_quality(&f->dp->quality);
	assert_int_equal(f->times_gone, 1);
}

#define device_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(open_without_module_says_how_to_load_it, setup_loop,
						teardown),
		device_test(open_makes_the_device_and_close_deletes_it),
		device_test(open_cleans_what_an_earlier_run_left),
		device_test(open_refuses_somebody_elses_interface),
		device_test(link_set_twice_updates_and_del_twice_is_quiet),
		device_test(link_refusal_carries_the_kernels_sentence),
		device_test(probes_of_existing_links_change),
		device_test(hub_has_permanent_neighbours_that_follow_it),
		device_test(key_installs_moves_goes_and_leaves_no_trace),
		device_test(routes_of_many_hubs_are_one_transaction),
		device_test(a_policy_is_one_transaction_and_a_refused_one_changes_nothing),
		device_test(a_guard_is_read_as_it_was_set_and_goes),
		device_test(links_queue_as_the_policy_says_now_and_when_they_come_later),
		device_test(addresses_replace_each_other),
		device_test(carrier_loss_of_the_underlay_is_an_event),
		device_test(lost_events_are_made_up_for),
		device_test(packet_without_session_asks_for_one),
		device_test(deleted_interface_is_told_once),
	};

	if (unshare(CLONE_NEWNET) < 0) {
		puts("1..1\nok 1 datapath # SKIP needs root for network namespaces");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
