/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: fake_hub: a hub, a data path and an underlay made of constants
 *
 * Stands in for hub.c and the shells in tests of the API and of meshctl.
 * Include it in one file of a program: its definitions win over those of
 * libmeshd.a, which are then not linked.  fake_hub_init() makes this mesh:
 *
 *	alpha (we) --1-- bravo --- delta
 *	   \-------2---- charlie ---/         echo: known, out of reach
 *	   (3, down)---- charlie
 */
#ifndef SELFTESTS_FAKE_HUB_H
#define SELFTESTS_FAKE_HUB_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/hubmesh.h>
#include <stdlib.h>

#include "daemon/api/api.h"
#include "daemon/config/config.h"

#define FAKE_HUBS_MAX 2048
#define FAKE_NOW_NS (5000ULL * 1000000000)

struct hub {
	struct hub_settings settings;
	struct hub_counters counters;
	struct hub_view_hub hubs[FAKE_HUBS_MAX];
	size_t n_hubs;
	struct hub_view_link links[8];
	size_t n_links;
	struct hub_view_session sessions[8];
	size_t n_sessions;
	struct effect_route routes[8];
	size_t n_routes;
	struct registry *registry;
	struct versions *versions;
	struct broker *broker;
	struct trust *trust;
	bool is_revoked, has_twin;
};

struct datapath {
	struct datapath_device_stats device;
	struct datapath_link_stats links[8];
	size_t n_links;
	struct datapath_hub_stats hubs[8];
	size_t n_hubs;
	int error; /* of every read */
	uint64_t grow; /* frames added to link 1 at each read, for top */
};

struct transport {
	struct transport_counters counters;
};

struct underlay {
	int unused;
};

static inline struct hub_id fake_id(uint8_t last)
{
	return (struct hub_id){{0x02, 0xaa, 0xbb, 0xcc, 0xdd, last}};
}

static inline struct endpoint fake_endpoint(const char *address, uint16_t port, uint32_t ifindex)
{
	struct endpoint ep = {.family = AF_INET, .port = port, .ifindex = ifindex};

	inet_pton(AF_INET, address, &ep.addr4);
	return ep;
}

static inline void fake_add_hub(struct hub *hub, uint8_t last, const char *name, uint32_t hops,
				uint32_t cost_us)
{
	struct hub_view_hub *view = &hub->hubs[hub->n_hubs++];
	char text[64];

	*view = (struct hub_view_hub){
		.id = fake_id(last),
		.name = name,
		.boot_epoch = 3,
		.lsr_seq = 40u + last,
		.hops = hops,
		.cost_us = cost_us,
		.last_heard_ns = hops ? FAKE_NOW_NS - last * 1500000000ULL : 0,
		.is_self = hops == 0,
		.is_neighbour = hops == 1,
		.has_seal = hops && hops != UINT32_MAX,
		.has_frames = hops != UINT32_MAX,
		.datapath = RECORD_DATAPATH_THERE,
		.n_links = 2,
	};
	snprintf(text, sizeof(text), "fd5e:1f2:3::aa:bbff:fecc:%x", last);
	inet_pton(AF_INET6, text, &view->ula);
	snprintf(text, sizeof(text), "10.77.0.%u", last);
	inet_pton(AF_INET, text, &view->ipv4);
}

static inline void fake_add_link(struct hub *hub, uint32_t link, uint8_t peer, bool is_up,
				 uint32_t rtt_us)
{
	struct hub_view_link *view = &hub->links[hub->n_links++];

	*view = (struct hub_view_link){
		.link = link,
		.remote_link = link + 10,
		.peer = fake_id(peer),
		.local = fake_endpoint("192.0.2.1", 4877, 2),
		.remote = fake_endpoint("192.0.2.77", 4877, 2),
		.is_up = is_up,
		.rtt_us = rtt_us,
		.cost_us = rtt_us / 2 + 1,
		.tx_phase = is_up ? 1 : 0xff,
		.session = link * 2,
		.up_since_ns = FAKE_NOW_NS - 192ULL * 1000000000,
	};
}

static inline void fake_hub_init(struct hub *hub)
{
	memset(hub, 0, sizeof(*hub));
	hub->settings.id = fake_id(1);
	strcpy(hub->settings.mesh, "lab.example");
	strcpy(hub->settings.name, "alpha");
	hub->settings.boot_epoch = 3;
	hub->settings.control_port = 4878;
	hub->settings.data_port = 4877;
	hub->counters.beacons_heard = 1234;
	fake_add_hub(hub, 1, "alpha", 0, 0);
	fake_add_hub(hub, 2, "bravo", 1, 620);
	fake_add_hub(hub, 3, "charlie", 1, 1840);
	fake_add_hub(hub, 4, "delta", 2, 1210);
	fake_add_hub(hub, 5, "echo", UINT32_MAX, UINT32_MAX);
	fake_add_link(hub, 1, 2, true, 1238);
	fake_add_link(hub, 2, 3, true, 3678);
	fake_add_link(hub, 3, 3, false, 0);
	for (uint8_t i = 0; i < 2; i++)
		hub->sessions[hub->n_sessions++] = (struct hub_view_session){
			.session = i * 2u + 2,
			.peer = fake_id(i + 2),
			.local = fake_endpoint("192.0.2.1", 41000, 2),
			.remote = fake_endpoint("192.0.2.77", 4878, 2),
			.is_up = true,
			.is_client = i == 0,
			.since_ns = FAKE_NOW_NS - 3800ULL * 1000000000,
			.last_message_ns = FAKE_NOW_NS - 2100000000ULL,
			.seal_phase = i ? 0xff : 2,
			.rekey_at_ns = i ? 0 : FAKE_NOW_NS + 90ULL * 1000000000,
		};
	hub->routes[hub->n_routes++] =
		(struct effect_route){.hub = fake_id(2), .n_via = 1, .via = {{1, 1}}, .backup = 2};
	hub->routes[hub->n_routes++] =
		(struct effect_route){.hub = fake_id(4), .n_via = 2, .via = {{1, 3}, {2, 1}}};
	hub->routes[hub->n_routes++] = (struct effect_route){.hub = fake_id(3),
							     .n_via = 1,
							     .via = {{2, 1}},
							     .backup = 1,
							     .tunnel_end = fake_id(4)};
}

static inline void fake_datapath_init(struct datapath *dp)
{
	memset(dp, 0, sizeof(*dp));
	dp->device.generation = 17;
	dp->device.stats = (struct datapath_stats){10000, 9000000, 20000, 1800000, 12, 3, 500};
	dp->device.drops[HUBMESH_DROP_RX_HOP_TAG] = 12;
	dp->device.drops[HUBMESH_DROP_TX_NO_HUB] = 3;
	for (uint32_t i = 0; i < 2; i++)
		dp->links[dp->n_links++] = (struct datapath_link_stats){
			.link = i + 1,
			.state = HUBMESH_LINK_UP,
			.rtt_us = 1240 + i * 2440,
			.jitter_us = 60 + i,
			.lost = i * 250,
			.tx_phase = 1,
			.rx_phases = 3,
			.stats = {5000, 4500000, 10000, 900000, 0, 0, 250},
		};
	dp->hubs[dp->n_hubs++] =
		(struct datapath_hub_stats){.hub = fake_id(2),
					    .tx_phase = 2,
					    .rx_phases = 4,
					    .held = 0,
					    .stats = {4000, 3000000, 9000, 800000, 0, 0, 0}};
}

int hub_for_each_hub(const struct hub *hub, hub_view_hub_fn fn, void *arg)
{
	int result = 0;

	for (size_t i = 0; i < hub->n_hubs && !result; i++)
		result = fn(&hub->hubs[i], arg);
	return result;
}

int hub_for_each_link(const struct hub *hub, hub_view_link_fn fn, void *arg)
{
	int result = 0;

	for (size_t i = 0; i < hub->n_links && !result; i++)
		result = fn(&hub->links[i], arg);
	return result;
}

int hub_for_each_session(const struct hub *hub, hub_view_session_fn fn, void *arg)
{
	int result = 0;

	for (size_t i = 0; i < hub->n_sessions && !result; i++)
		result = fn(&hub->sessions[i], arg);
	return result;
}

int hub_for_each_route(const struct hub *hub, hub_view_route_fn fn, void *arg)
{
	int result = 0;

	for (size_t i = 0; i < hub->n_routes && !result; i++)
		result = fn(&hub->routes[i], 620 + (uint32_t)i * 590, (uint32_t)i + 1, true, arg);
	return result;
}

int hub_path(const struct hub *hub, const struct hub_id *to, struct hub_id *path, size_t max)
{
	switch (to->b[5]) {
	case 1:
		path[0] = fake_id(1);
		return 1;
	case 2:
	case 3:
		path[0] = fake_id(1);
		path[1] = *to;
		return 2;
	case 4:
		path[0] = fake_id(1);
		path[1] = fake_id(2);
		path[2] = fake_id(4);
		return 3;
	default:
		return -EHOSTUNREACH;
	}
}

const struct hub_counters *hub_counters(const struct hub *hub)
{
	return &hub->counters;
}

const struct hub_settings *hub_get_settings(const struct hub *hub)
{
	return &hub->settings;
}

const struct broker *hub_get_broker(const struct hub *hub)
{
	return hub->broker;
}

const struct versions *hub_get_versions(const struct hub *hub)
{
	return hub->versions;
}

bool hub_has_twin(const struct hub *hub, uint64_t now_ns, uint64_t *ago_ns)
{
	*ago_ns = 0;
	return hub->has_twin;
}

bool hub_is_revoked(const struct hub *hub)
{
	return hub->is_revoked;
}

const struct trust *hub_get_trust(const struct hub *hub)
{
	return hub->trust;
}

const struct registry *hub_get_registry(const struct hub *hub)
{
	return hub->registry;
}

size_t hub_count_able(const struct hub *hub, uint64_t now_ns, uint64_t request)
{
	return 0;
}

int hub_find_proxy(const struct hub *hub, const struct hub_id *id, struct endpoint *ret)
{
	return -ENOENT;
}

void hub_find_relays(const struct hub *hub, const struct hub_id *to, struct hub_relays *ret)
{
	*ret = (struct hub_relays){.n = 0};
}

uint64_t hub_route_generation(const struct hub *hub)
{
	return 17;
}

int hub_find(const struct hub *hub, const char *text, struct hub_id *ret)
{
	if (strcmp(text, "twin") == 0)
		return -ENOTUNIQ;
	for (size_t i = 0; i < hub->n_hubs; i++) {
		char id[HUB_ID_STRLEN];

		hub_id_format(&hub->hubs[i].id, id);
		if (strcmp(text, hub->hubs[i].name) == 0 || strcmp(text, id) == 0) {
			*ret = hub->hubs[i].id;
			return 0;
		}
	}
	return -ENOENT;
}

int datapath_read_device(struct datapath *dp, struct datapath_device_stats *ret)
{
	if (dp->error)
		return dp->error;
	*ret = dp->device;
	return 0;
}

int datapath_read_links(struct datapath *dp,
			void (*fn)(const struct datapath_link_stats *s, void *arg), void *arg)
{
	if (dp->error)
		return dp->error;
	dp->links[0].stats.rx_frames += dp->grow;
	dp->links[0].stats.rx_bytes += dp->grow * 1000;
	for (size_t i = 0; i < dp->n_links; i++)
		fn(&dp->links[i], arg);
	return 0;
}

int datapath_read_hubs(struct datapath *dp,
		       void (*fn)(const struct datapath_hub_stats *s, void *arg), void *arg)
{
	if (dp->error)
		return dp->error;
	for (size_t i = 0; i < dp->n_hubs; i++)
		fn(&dp->hubs[i], arg);
	return 0;
}

int datapath_read_queues(struct datapath *dp,
			 void (*fn)(const struct datapath_queue *queue, void *arg), void *arg)
{
	struct datapath_queue queue = {.link = 1, .bytes_ps = 2500000, .strict_share = 10};

	if (dp->error)
		return dp->error;
	queue.class[5] = (struct datapath_class){
		.settings = {.weight = 16, .limit_frames = 1000},
		.sent_frames = 77,
		.drops_codel = 3,
		.delay_us = 1500,
	};
	fn(&queue, arg);
	queue = (struct datapath_queue){.link = 2, .strict_share = 10};
	fn(&queue, arg);
	return 0;
}

int datapath_read_rules(struct datapath *dp,
			void (*fn)(const struct datapath_rule *rule, void *arg), void *arg)
{
	struct datapath_rule rules[] = {
		{.kind = DATAPATH_RULE_HOPS, .hops_max = 4},
		{.kind = DATAPATH_RULE_MEMBER,
		 .member = {.kind = POLICY_MEMBER_INTERFACE,
			    .zone = policy_zone_number("shop"),
			    .interface = "eth1"}},
		{.kind = DATAPATH_RULE_PAIR, .pair = {policy_zone_number("shop"), 99}},
		{.kind = DATAPATH_RULE_ENTRY,
		 .entry = {.denies = true,
			   .match = {.fields = POLICY_DST_PORTS | POLICY_PROTOCOL,
				     .protocol = 6,
				     .dst_ports = {22, 23}}},
		 .hits = 41},
	};

	if (dp->error)
		return dp->error;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		fn(&rules[i], arg);
	return 0;
}

int datapath_read_guards(struct datapath *dp,
			 void (*fn)(const struct hub_id *hub, const struct policy_guard *guard,
				    void *arg),
			 void *arg)
{
	struct policy_guard guard = {
		.checks_zones = true,
		.n_zones = 2,
		.zones = {0, policy_zone_number("shop")},
		.checks_addresses = true,
		.n_prefixes = 1,
		.prefixes = {{.family = 4, .len = 32, .address = {10, 77, 0, 2}}},
	};
	struct hub_id id = fake_id(2);

	if (dp->error)
		return dp->error;
	fn(&id, &guard, arg);
	return 0;
}

const char *datapath_ifname(const struct datapath *dp)
{
	return "mesh0";
}

const struct transport_counters *transport_counters(const struct transport *transport)
{
	return &transport->counters;
}

const char *underlay_name(const struct underlay *underlay, uint32_t ifindex)
{
	return ifindex == 2 ? "eth0" : "?";
}

#endif
