// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: json: from views to JSON
 *
 * Pure.  Names of hubs come from other machines: they pass through
 * api_set_text(), which lets no invalid UTF-8 into an answer; control
 * characters leave escaped, and what prints them is responsible for its
 * terminal.
 */
#include "daemon/api/json.h"

#include <arpa/inet.h>
#include <linux/hubmesh.h>

#define PHASE_NONE 0xff

static uint64_t age_ms(uint64_t now_ns, uint64_t then_ns)
{
	return now_ns > then_ns ? (now_ns - then_ns) / 1000000 : 0;
}

void api_set_text(json_t *object, const char *key, const char *text)
{
	json_t *value = text ? json_string(text) : json_null();

	if (!value) {
		char *ascii = strdup(text);

		for (char *c = ascii; c && *c; c++)
			if ((unsigned char)*c >= 0x80)
				*c = '?';
		value = ascii ? json_string(ascii) : json_null();
		free(ascii);
	}
	json_object_set_new(object, key, value);
}

void api_set_number(json_t *object, const char *key, uint64_t number)
{
	json_int_t value = number > INT64_MAX ? INT64_MAX : (json_int_t)number;

	json_object_set_new(object, key, json_integer(value));
}

static void set_bool(json_t *object, const char *key, bool value)
{
	json_object_set_new(object, key, json_boolean(value));
}

static void set_id(json_t *object, const char *key, const struct hub_id *id)
{
	char text[HUB_ID_STRLEN];

	api_set_text(object, key, hub_id_format(id, text));
}

static void set_hub(json_t *object, const char *id_key, const char *name_key,
		    const struct hub_id *id, const struct api_names *names)
{
	const struct api_name *entry = api_names_find(names, id);

	set_id(object, id_key, id);
	api_set_text(object, name_key, entry ? entry->name : NULL);
}

static void set_endpoint(json_t *object, const char *key, const struct endpoint *endpoint)
{
	char text[ENDPOINT_STRLEN];

	if (endpoint->family == AF_INET || endpoint->family == AF_INET6)
		api_set_text(object, key, endpoint_format(endpoint, text));
	else
		api_set_text(object, key, NULL);
}

static void set_phase(json_t *object, const char *key, uint8_t phase)
{
	if (phase == PHASE_NONE)
		api_set_text(object, key, NULL);
	else
		api_set_number(object, key, phase);
}

static void set_phases(json_t *object, const char *key, uint8_t mask)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < 8; i++)
		if (mask & (1u << i))
			json_array_append_new(list, json_integer(i));
	json_object_set_new(object, key, list);
}

static void set_frames(json_t *object, const struct datapath_stats *stats)
{
	api_set_number(object, "rx_frames", stats->rx_frames);
	api_set_number(object, "rx_bytes", stats->rx_bytes);
	api_set_number(object, "tx_frames", stats->tx_frames);
	api_set_number(object, "tx_bytes", stats->tx_bytes);
	api_set_number(object, "rx_drops", stats->rx_drops);
	api_set_number(object, "tx_drops", stats->tx_drops);
	api_set_number(object, "forwarded", stats->forwarded);
}

static const struct {
	const char *name, *explanation;
} drops[] = {
#define DROP_TEXT(symbol, str, doc) [HUBMESH_DROP_##symbol] = {str, doc},
	HUBMESH_DROP_REASONS(DROP_TEXT)
#undef DROP_TEXT
};

_Static_assert(HUBMESH_DROP_MAX <
		       sizeof(((struct datapath_device_stats *)0)->drops) / sizeof(uint64_t),
	       "every drop reason has a counter in datapath_device_stats");

const char *api_drop_name(unsigned int drop)
{
	return drop && drop <= HUBMESH_DROP_MAX ? drops[drop].name : "?";
}

const char *api_drop_explanation(unsigned int drop)
{
	return drop && drop <= HUBMESH_DROP_MAX ? drops[drop].explanation : "?";
}

json_t *api_json_ipv4(struct in_addr address)
{
	char text[INET_ADDRSTRLEN];

	if (address.s_addr == 0)
		return json_null();
	return json_string(inet_ntop(AF_INET, &address, text, sizeof(text)));
}

json_t *api_json_ula(const struct in6_addr *address)
{
	char text[INET6_ADDRSTRLEN];

	if (IN6_IS_ADDR_UNSPECIFIED(address))
		return json_null();
	return json_string(inet_ntop(AF_INET6, address, text, sizeof(text)));
}

json_t *api_json_hub(const struct hub_view_hub *view, uint64_t now_ns)
{
	bool is_reachable = view->hops != UINT32_MAX;
	json_t *object = json_object();

	set_id(object, "id", &view->id);
	api_set_text(object, "name", view->name);
	json_object_set_new(object, "ula", api_json_ula(&view->ula));
	json_object_set_new(object, "ipv4", api_json_ipv4(view->ipv4));
	set_bool(object, "is_self", view->is_self);
	set_bool(object, "is_neighbour", view->is_neighbour);
	set_bool(object, "is_reachable", is_reachable);
	set_bool(object, "has_seal", view->has_seal);
	set_bool(object, "has_frames", view->has_frames);
	json_object_set_new(object, "has_datapath",
			    view->datapath == RECORD_DATAPATH_NOT_TOLD
				    ? json_null()
				    : json_boolean(view->datapath == RECORD_DATAPATH_THERE));
	if (is_reachable) {
		api_set_number(object, "hops", view->hops);
		api_set_number(object, "cost_us", view->cost_us);
	} else {
		api_set_text(object, "hops", NULL);
		api_set_text(object, "cost_us", NULL);
	}
	api_set_number(object, "links", view->n_links);
	json_object_set_new(object, "zones", api_json_zones(view->zones ?: ""));
	if (view->is_self || view->last_heard_ns == 0)
		api_set_text(object, "heard_ms", NULL);
	else
		api_set_number(object, "heard_ms", age_ms(now_ns, view->last_heard_ns));
	api_set_number(object, "boot_epoch", view->boot_epoch);
	api_set_number(object, "record_seq", view->lsr_seq);
	return object;
}

static const char *link_state(bool is_up, const struct datapath_link_stats *stats)
{
	if (!stats)
		return is_up ? "up" : "down";
	switch (stats->state) {
	case HUBMESH_LINK_NEW:
		return "new";
	case HUBMESH_LINK_UP:
		return is_up ? "up" : "starting"; /* frames pass, the hub does not use it yet */
	default:
		return "down";
	}
}

json_t *api_json_link(const struct hub_view_link *view, const struct datapath_link_stats *stats,
		      const struct api_names *names, const char *ifname, uint64_t now_ns)
{
	uint32_t rtt_us = stats && stats->rtt_us ? stats->rtt_us : view->rtt_us;
	json_t *object = json_object();

	api_set_number(object, "link", view->link);
	api_set_number(object, "remote_link", view->remote_link);
	set_hub(object, "peer", "peer_name", &view->peer, names);
	api_set_text(object, "interface", ifname);
	set_endpoint(object, "local", &view->local);
	set_endpoint(object, "remote", &view->remote);
	api_set_text(object, "carrier", view->is_on_ethernet ? "ethernet" : "udp");
	api_set_text(object, "state", link_state(view->is_up, stats));
	set_bool(object, "is_up", view->is_up);
	if (view->is_up)
		api_set_number(object, "up_ms", age_ms(now_ns, view->up_since_ns));
	else
		api_set_text(object, "up_ms", NULL);
	if (rtt_us)
		api_set_number(object, "rtt_us", rtt_us);
	else
		api_set_text(object, "rtt_us", NULL);
	if (stats)
		api_set_number(object, "jitter_us", stats->jitter_us);
	else
		api_set_text(object, "jitter_us", NULL);
	api_set_number(object, "cost_us", view->cost_us);
	if (stats && stats->frame_max)
		api_set_number(object, "frame_max", stats->frame_max);
	else
		api_set_text(object, "frame_max", NULL);
	api_set_number(object, "session", view->session);
	set_phase(object, "tx_phase", stats ? stats->tx_phase : view->tx_phase);
	set_phases(object, "rx_phases", stats ? stats->rx_phases : 0);
	if (stats) {
		api_set_number(object, "lost_frames", stats->lost);
		set_frames(object, &stats->stats);
	} else {
		api_set_text(object, "lost_frames", NULL);
	}
	return object;
}

json_t *api_json_session(const struct hub_view_session *view, const struct api_names *names,
			 uint64_t now_ns)
{
	json_t *object = json_object();

	api_set_number(object, "session", view->session);
	set_hub(object, "peer", "peer_name", &view->peer, names);
	set_endpoint(object, "local", &view->local);
	set_endpoint(object, "remote", &view->remote);
	set_bool(object, "is_up", view->is_up);
	api_set_text(object, "role", view->is_client ? "client" : "server");
	api_set_text(object, "over", view->over_mesh ? "mesh" : "underlay");
	api_set_number(object, "age_ms", age_ms(now_ns, view->since_ns));
	if (view->last_message_ns)
		api_set_number(object, "idle_ms", age_ms(now_ns, view->last_message_ns));
	else
		api_set_text(object, "idle_ms", NULL);
	set_phase(object, "seal_phase", view->seal_phase);
	if (view->rekey_at_ns)
		api_set_number(object, "rekey_in_ms", age_ms(view->rekey_at_ns, now_ns));
	else
		api_set_text(object, "rekey_in_ms", NULL);
	return object;
}

static json_t *json_nexthop(uint32_t link, const struct api_names *names, const struct hub_id *peer)
{
	json_t *object = json_object();

	api_set_number(object, "link", link);
	if (peer) {
		set_hub(object, "peer", "peer_name", peer, names);
	} else {
		api_set_text(object, "peer", NULL);
		api_set_text(object, "peer_name", NULL);
	}
	return object;
}

static json_t *json_backup(const struct effect_route *route, const struct api_names *names,
			   const struct hub_id *peer)
{
	json_t *object = json_nexthop(route->backup, names, peer);

	if (hub_id_is_valid(&route->tunnel_end)) {
		set_hub(object, "tunnel", "tunnel_name", &route->tunnel_end, names);
	} else {
		api_set_text(object, "tunnel", NULL);
		api_set_text(object, "tunnel_name", NULL);
	}
	return object;
}

json_t *api_json_route(const struct effect_route *route, uint32_t cost_us, uint32_t hops,
		       bool has_frames, const struct api_names *names,
		       const struct hub_id *(*link_peer)(void *arg, uint32_t link), void *arg)
{
	json_t *object = json_object(), *via = json_array();

	set_hub(object, "hub", "hub_name", &route->hub, names);
	for (size_t i = 0; i < route->n_via && i < EFFECT_NEXTHOPS_MAX; i++) {
		uint32_t link = route->via[i].link;
		json_t *nexthop = json_nexthop(link, names, link_peer(arg, link));

		api_set_number(nexthop, "weight", route->via[i].weight);
		json_array_append_new(via, nexthop);
	}
	json_object_set_new(object, "via", via);
	json_object_set_new(object, "backup",
			    route->backup ? json_backup(route, names, link_peer(arg, route->backup))
					  : json_null());
	api_set_number(object, "cost_us", cost_us);
	api_set_number(object, "hops", hops);
	set_bool(object, "has_frames", has_frames);
	return object;
}

json_t *api_json_path(const struct hub_id *path, size_t n, const struct api_names *names)
{
	json_t *list = json_array();
	uint32_t cost_before_us = 0;

	for (size_t i = 0; i < n; i++) {
		const struct api_name *entry = api_names_find(names, &path[i]);
		uint32_t cost_us = entry ? entry->cost_us : 0;
		json_t *object = json_object();

		api_set_number(object, "hop", i);
		set_hub(object, "id", "name", &path[i], names);
		json_object_set_new(object, "ula", entry ? api_json_ula(&entry->ula) : json_null());
		api_set_number(object, "cost_us", cost_us);
		api_set_number(object, "step_us",
			       cost_us > cost_before_us ? cost_us - cost_before_us : 0);
		json_array_append_new(list, object);
		cost_before_us = cost_us;
	}
	return list;
}

json_t *api_json_refusals(const struct trust_refusals *refusals)
{
	json_t *object = json_object();

	for (unsigned int i = TRUST_NOT_REFUSED + 1; i < __TRUST_REFUSAL_END; i++)
		api_set_number(object, trust_refusal_name(i), refusals->n[i]);
	return object;
}

json_t *api_json_device_stats(const struct datapath_device_stats *stats, const char *ifname)
{
	json_t *object = json_object(), *list = json_array();

	api_set_text(object, "interface", ifname);
	api_set_number(object, "generation", stats->generation);
	set_frames(object, &stats->stats);
	for (unsigned int i = 1; i <= HUBMESH_DROP_MAX; i++) {
		json_t *drop = json_object();

		api_set_text(drop, "reason", drops[i].name);
		api_set_text(drop, "explanation", drops[i].explanation);
		api_set_number(drop, "frames", stats->drops[i]);
		json_array_append_new(list, drop);
	}
	json_object_set_new(object, "drops", list);
	return object;
}

json_t *api_json_link_stats(const struct datapath_link_stats *stats,
			    const struct hub_view_link *view, const struct api_names *names)
{
	json_t *object = json_object();

	api_set_number(object, "link", stats->link);
	if (view) {
		set_hub(object, "peer", "peer_name", &view->peer, names);
	} else {
		api_set_text(object, "peer", NULL);
		api_set_text(object, "peer_name", NULL);
	}
	api_set_text(object, "state", link_state(view ? view->is_up : true, stats));
	api_set_number(object, "rtt_us", stats->rtt_us);
	api_set_number(object, "jitter_us", stats->jitter_us);
	api_set_number(object, "lost_frames", stats->lost);
	set_phase(object, "tx_phase", stats->tx_phase);
	set_phases(object, "rx_phases", stats->rx_phases);
	set_frames(object, &stats->stats);
	return object;
}

json_t *api_json_hub_stats(const struct datapath_hub_stats *stats, const struct api_names *names)
{
	json_t *object = json_object();

	set_hub(object, "id", "name", &stats->hub, names);
	api_set_number(object, "held_frames", stats->held);
	set_phase(object, "tx_phase", stats->tx_phase);
	set_phases(object, "rx_phases", stats->rx_phases);
	set_frames(object, &stats->stats);
	return object;
}

json_t *api_json_log_line(const struct log_line *line)
{
	json_t *object = json_object();

	api_set_number(object, "seq", line->seq);
	json_object_set_new(object, "unix_ms", json_integer(line->unix_ms));
	api_set_text(object, "level", log_level_name(line->level));
	api_set_text(object, "class", line->class);
	api_set_text(object, "text", line->text);
	return object;
}

static json_t *json_texts(char *const *list, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *holder = json_object();

		api_set_text(holder, "text", list[i]);
		json_array_append(array, json_object_get(holder, "text"));
		json_decref(holder);
	}
	return array;
}

static json_t *json_endpoints(const struct endpoint *list, size_t n)
{
	json_t *array = json_array();
	char text[ENDPOINT_STRLEN];

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_string(endpoint_format(&list[i], text)));
	return array;
}

static const char *cipher_name(uint32_t cipher)
{
	switch (cipher) {
	case HUBMESH_CIPHER_AES_256_GCM:
		return "aes-256-gcm";
	case HUBMESH_CIPHER_CHACHA20_POLY1305:
		return "chacha20-poly1305";
	default:
		return "?";
	}
}

static void set_ipv4_pool(json_t *object, const struct config *config)
{
	struct in_addr network = {.s_addr = htonl(config->ipv4_pool)};
	char address[INET_ADDRSTRLEN], text[INET_ADDRSTRLEN + 4];

	if (config->ipv4_pool == 0) {
		api_set_text(object, "pool", NULL);
		return;
	}
	inet_ntop(AF_INET, &network, address, sizeof(address));
	snprintf(text, sizeof(text), "%s/%u", address, config->ipv4_pool_prefix_len);
	api_set_text(object, "pool", text);
}

static json_t *section(json_t *parent, const char *name)
{
	json_t *object = json_object();

	json_object_set_new(parent, name, object);
	return object; /* borrowed */
}

static void set_names(json_t *object, const struct config *config)
{
	char listen[ENDPOINT_STRLEN], upstream[ENDPOINT_STRLEN];

	api_set_text(object, "listen",
		     config->names_listen.family ? endpoint_format(&config->names_listen, listen)
						 : "none");
	api_set_text(object, "upstream",
		     config->names_upstream.family
			     ? endpoint_format(&config->names_upstream, upstream)
			     : NULL);
}

/* The keys and sections of meshd.yaml(5), in the order of its page. */
json_t *api_json_config(const struct config *config, int log_level)
{
	json_t *root = json_object(), *object;

	api_set_text(root, "mesh", config->mesh);
	api_set_text(root, "name", config->name);
	api_set_text(root, "state", config->state_dir);
	api_set_text(root, "socket", config->socket_path);
	api_set_text(root, "user", config->user);
	api_set_text(section(root, "services"), "directory", config->services_dir);
	object = section(root, "runtime");
	json_object_set_new(object, "users",
			    json_texts(config->runtime_users, config->n_runtime_users));
	api_set_text(object, "bundles", config->runtime_bundles);
	object = section(root, "interface");
	api_set_text(object, "name", config->ifname);
	api_set_number(object, "mtu", config->mtu);
	set_bool(object, "keep", config->keep_interface);
	object = section(root, "underlay");
	api_set_text(object, "carrier", config->is_udp_only ? "udp" : "auto");
	json_object_set_new(object, "include", json_texts(config->include, config->n_include));
	json_object_set_new(object, "exclude", json_texts(config->exclude, config->n_exclude));
	object = section(root, "ports");
	api_set_number(object, "control", config->control_port);
	api_set_number(object, "data", config->data_port);
	json_object_set_new(root, "seeds", json_endpoints(config->seeds, config->n_seeds));
	object = section(root, "beacon");
	api_set_number(object, "interval_min_ms", config->beacon_interval_min_ms);
	api_set_number(object, "interval_max_ms", config->beacon_interval_max_ms);
	object = section(root, "probe");
	api_set_number(object, "interval_ms", config->probe_ms);
	api_set_number(object, "misses", config->probe_misses);
	object = section(root, "crypto");
	api_set_text(object, "cipher", cipher_name(config->cipher));
	api_set_number(object, "rekey_s", config->rekey_s);
	api_set_number(section(root, "session"), "idle_s", config->session_idle_s);
	set_ipv4_pool(section(root, "ipv4"), config);
	api_set_text(section(root, "log"), "level", log_level_name(log_level));
	set_names(section(root, "names"), config);
	api_set_text(section(root, "redirect"), "cgroup",
		     config->is_redirect_off ? "none" : config->redirect_cgroup);
	json_object_set_new(root, "policy", api_json_policy(config->policy));
	json_object_set_new(root, "qos", api_json_qos(config->policy));
	json_object_set_new(root, "proxy", api_json_proxy_settings(config->proxy));
	return root;
}
