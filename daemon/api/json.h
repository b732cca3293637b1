/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: JSON objects of the local API
 *
 * One function per kind of object; Documentation/api.rst lists the members.
 * All are pure and return new references.  Times in views are monotonic
 * nanoseconds and leave as ages, so a reader needs no clock of ours.
 */
#ifndef API_JSON_H
#define API_JSON_H

#include <jansson.h>

#include "daemon/api/log_ring.h"
#include "daemon/api/names.h"
#include "daemon/config/config.h"
#include "daemon/datapath/datapath.h"
#include "daemon/hub/hub.h"
#include "daemon/transport/transport.h"

struct names_counters;
struct broker_counters;
struct registry_counters;
struct api_counters;

/** api_set_text() - Member from text of any origin: NULL gives null, bad UTF-8 gives '?'. */
void api_set_text(json_t *object, const char *key, const char *text);
/** api_set_number() - Member from an unsigned number, at most INT64_MAX. */
void api_set_number(json_t *object, const char *key, uint64_t number);

/** api_drop_name() - "rx-short" ...; "?" for numbers that are no drop reason. */
const char *api_drop_name(unsigned int drop);
const char *api_drop_explanation(unsigned int drop);

/** api_json_ipv4() - Text, or null for 0.0.0.0. */
json_t *api_json_ipv4(struct in_addr address);
/** api_json_ula() - Text, or null for ::. */
json_t *api_json_ula(const struct in6_addr *address);

/** api_json_refusals() - Certificates refused: every reason and how often. */
json_t *api_json_refusals(const struct trust_refusals *refusals);
json_t *api_json_hub(const struct hub_view_hub *view, uint64_t now_ns);

/**
 * api_json_link() - A link: the hub's view and the kernel's together.
 * @view: the hub's view
 * @names: index of hubs
 * @now_ns: monotonic
 * @stats: the kernel's, NULL when it has none of this link
 * @ifname: underlay interface, borrowed
 */
json_t *api_json_link(const struct hub_view_link *view, const struct datapath_link_stats *stats,
		      const struct api_names *names, const char *ifname, uint64_t now_ns);
json_t *api_json_session(const struct hub_view_session *view, const struct api_names *names,
			 uint64_t now_ns);

/**
 * api_json_route() - A route.
 * @route: the route
 * @cost_us: its cost
 * @hops: links to cross
 * @has_frames: the kernel has it
 * @names: index of hubs
 * @arg: for @link_peer
 * @link_peer: tells the hub at the other end of a link, NULL when gone
 */
json_t *api_json_route(const struct effect_route *route, uint32_t cost_us, uint32_t hops,
		       bool has_frames, const struct api_names *names,
		       const struct hub_id *(*link_peer)(void *arg, uint32_t link), void *arg);
/** api_json_path() - Hubs on a path, with cost from here and of each step. */
json_t *api_json_path(const struct hub_id *path, size_t n, const struct api_names *names);

json_t *api_json_hub_counters(const struct hub_counters *counters);
json_t *api_json_transport_counters(const struct transport_counters *counters);
json_t *api_json_names_counters(const struct names_counters *counters);
json_t *api_json_broker_counters(const struct broker_counters *counters);
json_t *api_json_registry_counters(const struct registry_counters *counters);
json_t *api_json_api_counters(const struct api_counters *counters);
json_t *api_json_device_stats(const struct datapath_device_stats *stats, const char *ifname);
json_t *api_json_link_stats(const struct datapath_link_stats *stats,
			    const struct hub_view_link *view, const struct api_names *names);
json_t *api_json_hub_stats(const struct datapath_hub_stats *stats, const struct api_names *names);
json_t *api_json_log_line(const struct log_line *line);
/* json_policy.c */
/** api_json_queue() - Queue of a link; @view NULL when the hub does not know it. */
json_t *api_json_queue(const struct datapath_queue *queue, const struct hub_view_link *view,
		       const struct api_names *names, const char *ifname);
/**
 * api_json_rule() - A piece of the rule set, without hits if it has none.
 * @rule: the piece; of hops there is no object, NULL
 * @policy: for names of zones; NULL has none
 */
json_t *api_json_rule(const struct datapath_rule *rule, const struct policy *policy);
json_t *api_json_guard(const struct hub_id *hub, const struct policy_guard *guard,
		       const struct policy *policy, const struct api_names *names);
json_t *api_json_storm(const struct policy_storm *storm);
/** api_json_policy() - Section policy: of meshd.yaml(5); api_json_qos() - section qos:. */
json_t *api_json_policy(const struct policy *policy);
json_t *api_json_qos(const struct policy *policy);
/* json_proxy.c */
/** api_json_proxy_settings() - Section proxy: of meshd.yaml(5). */
json_t *api_json_proxy_settings(const struct proxy_settings *settings);
/* json_resilience.c */
struct resilience_settings;
struct resilience_counts;
/** api_json_resilience_settings() - resilience: of an entry of meshd.yaml(5). */
json_t *api_json_resilience_settings(const struct resilience_settings *settings);
/** api_json_resilience_counts() - What was done about bad providers. */
json_t *api_json_resilience_counts(const struct resilience_counts *counts);
/** api_json_zones() - Names of a zone list. */
json_t *api_json_zones(const char *list);

/** api_json_config() - Settings in force. @log_level: in use, a POST may have changed it. */
json_t *api_json_config(const struct config *config, int log_level);

#endif
