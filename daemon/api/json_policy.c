// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: json_policy: queues, rule sets and guards as JSON
 *
 * Settings have the names of meshd.yaml(5), so that what is shown can be written.
 */
#include <arpa/inet.h>

#include "daemon/api/json.h"

/* A number that is 0 when it is not limited. */
static void set_limit(json_t *object, const char *key, uint64_t limit)
{
	if (limit)
		api_set_number(object, key, limit);
	else
		api_set_text(object, key, NULL);
}

static void set_format(json_t *object, const char *key, const char *fmt, unsigned int a,
		       unsigned int b)
{
	char text[32];

	snprintf(text, sizeof(text), fmt, a, b);
	api_set_text(object, key, text);
}

/* A zone by its name, or by its number when the policy has changed meanwhile. */
static void set_zone(json_t *object, const char *key, const struct policy *policy, uint16_t number)
{
	const char *name = policy ? policy_zone_name(policy, number) : NULL;

	if (name)
		api_set_text(object, key, name);
	else
		set_format(object, key, "#%u", number, 0);
}

static json_t *json_prefix(const struct policy_prefix *prefix)
{
	char text[INET6_ADDRSTRLEN + 4];

	inet_ntop(prefix->family == 4 ? AF_INET : AF_INET6, prefix->address, text, sizeof(text));
	snprintf(text + strlen(text), 5, "/%u", prefix->len);
	return json_string(text);
}

static json_t *json_prefixes(const struct policy_prefix *prefixes, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_prefix(&prefixes[i]));
	return array;
}

static json_t *json_mac(const uint8_t mac[HUB_ID_LEN])
{
	char text[HUB_ID_STRLEN];
	struct hub_id id;

	memcpy(id.b, mac, sizeof(id.b));
	return json_string(hub_id_format(&id, text));
}

json_t *api_json_zones(const char *list)
{
	json_t *array = json_array();
	const char *name;
	size_t len;

	while ((name = zone_list_next(&list, &len)))
		json_array_append_new(array, json_stringn(name, len));
	return array;
}

json_t *api_json_storm(const struct policy_storm *storm)
{
	json_t *object = json_object();

	set_limit(object, "broadcast_per_s", storm->broadcast_pps);
	set_limit(object, "multicast_per_s", storm->multicast_pps);
	set_limit(object, "unknown_per_s", storm->unknown_pps);
	return object;
}

/* ---- queues ---------------------------------------------------------------- */

static json_t *json_class(uint8_t number, const struct datapath_class *class)
{
	json_t *object = json_object();

	api_set_number(object, "class", number);
	api_set_number(object, "weight", class->settings.weight);
	api_set_number(object, "limit_frames", class->settings.limit_frames);
	api_set_number(object, "limit_bytes", class->settings.limit_bytes);
	api_set_number(object, "target_us", class->settings.target_us);
	api_set_number(object, "interval_us", class->settings.interval_us);
	api_set_number(object, "backlog_frames", class->backlog_frames);
	api_set_number(object, "backlog_bytes", class->backlog_bytes);
	api_set_number(object, "delay_us", class->delay_us);
	api_set_number(object, "delay_peak_us", class->delay_peak_us);
	api_set_number(object, "sent_frames", class->sent_frames);
	api_set_number(object, "sent_bytes", class->sent_bytes);
	api_set_number(object, "dropped_full_frames", class->drops_full);
	api_set_number(object, "dropped_codel_frames", class->drops_codel);
	api_set_number(object, "dropped_flushed_frames", class->drops_flushed);
	return object;
}

json_t *api_json_queue(const struct datapath_queue *queue, const struct hub_view_link *view,
		       const struct api_names *names, const char *ifname)
{
	const struct api_name *peer = view ? api_names_find(names, &view->peer) : NULL;
	json_t *object = json_object(), *classes = json_array();

	api_set_number(object, "link", queue->link);
	json_object_set_new(object, "peer", view ? json_mac(view->peer.b) : json_null());
	api_set_text(object, "peer_name", peer ? peer->name : NULL);
	api_set_text(object, "interface", ifname);
	set_limit(object, "rate_bytes_per_s", queue->bytes_ps);
	api_set_number(object, "strict_percent", queue->strict_share);
	for (uint8_t i = 0; i < POLICY_CLASSES; i++)
		json_array_append_new(classes, json_class(i, &queue->class[i]));
	json_object_set_new(object, "classes", classes);
	return object;
}

/* ---- matches -------------------------------------------------------------------- */

static void set_ports(json_t *object, const char *key, const struct policy_ports *ports)
{
	set_format(object, key, ports->first == ports->last ? "%u" : "%u-%u", ports->first,
		   ports->last);
}

/* Only what it names, as in the file. */
static void set_match(json_t *object, const struct policy_match *match, const struct policy *policy)
{
	if (match->fields & POLICY_SRC_ZONE)
		set_zone(object, "from", policy, match->src_zone);
	if (match->fields & POLICY_DST_ZONE)
		set_zone(object, "to", policy, match->dst_zone);
	if (match->fields & POLICY_ETHERTYPE)
		set_format(object, "ethertype", "0x%04x", match->ethertype, 0);
	if (match->fields & POLICY_VLAN)
		api_set_number(object, "vlan", match->vlan);
	if (match->fields & POLICY_VLAN_PCP)
		api_set_number(object, "vlan_priority", match->vlan_pcp);
	if (match->fields & POLICY_DSCP)
		api_set_number(object, "dscp", match->dscp);
	if (match->fields & POLICY_PROTOCOL)
		set_format(object, "protocol", "%u", match->protocol, 0);
	if (match->src.family)
		json_object_set_new(object, "source", json_prefix(&match->src));
	if (match->dst.family)
		json_object_set_new(object, "destination", json_prefix(&match->dst));
	if (match->fields & POLICY_SRC_PORTS)
		set_ports(object, "source_ports", &match->src_ports);
	if (match->fields & POLICY_DST_PORTS)
		set_ports(object, "ports", &match->dst_ports);
	if (match->fields & POLICY_MARK) {
		api_set_number(object, "mark", match->mark);
		api_set_number(object, "mark_mask", match->mark_mask);
	}
	if (match->fields & POLICY_PRIORITY)
		api_set_number(object, "priority", match->priority);
}

static json_t *json_entry(const struct policy_entry *entry, const struct policy *policy)
{
	json_t *object = json_object();

	api_set_text(object, "action", entry->denies ? "deny" : "accept");
	set_match(object, &entry->match, policy);
	if (entry->log_every)
		api_set_number(object, "log_every", entry->log_every);
	return object;
}

/* ---- rule set --------------------------------------------------------------------- */

static json_t *json_pair(const struct policy_pair *pair, const struct policy *policy)
{
	json_t *object = json_object();

	set_zone(object, "from", policy, pair->src);
	set_zone(object, "to", policy, pair->dst);
	return object;
}

static const char *const kinds[] = {
	[POLICY_MEMBER_MAC] = "mac",
	[POLICY_MEMBER_VLAN] = "vlan",
	[POLICY_MEMBER_INTERFACE] = "interface",
	[POLICY_MEMBER_HUB] = "hub",
	[POLICY_MEMBER_SELF] = "hub",
};

/* The name, number or address of a member, as the file has it. */
static json_t *json_who(const struct policy_member *member)
{
	switch (member->kind) {
	case POLICY_MEMBER_VLAN:
		return json_integer(member->vlan);
	case POLICY_MEMBER_INTERFACE:
		return member->interface[0] ? json_string(member->interface) : json_null();
	case POLICY_MEMBER_SELF:
		return json_string("self");
	default:
		return json_mac(member->mac);
	}
}

json_t *api_json_rule(const struct datapath_rule *rule, const struct policy *policy)
{
	json_t *object;

	switch (rule->kind) {
	case DATAPATH_RULE_MEMBER:
		object = json_object();
		set_zone(object, "zone", policy, rule->member.zone);
		api_set_number(object, "number", rule->member.zone);
		api_set_text(object, "kind", kinds[rule->member.kind]);
		json_object_set_new(object, "member", json_who(&rule->member));
		return object;
	case DATAPATH_RULE_PAIR:
		return json_pair(&rule->pair, policy);
	case DATAPATH_RULE_ENTRY:
		object = json_entry(&rule->entry, policy);
		api_set_number(object, "hits_frames", rule->hits);
		return object;
	default:
		return NULL;
	}
}

static json_t *json_guard_zones(const struct policy_guard *guard, const struct policy *policy)
{
	json_t *array = json_array(), *holder = json_object();

	for (size_t i = 0; i < guard->n_zones; i++) {
		set_zone(holder, "zone", policy, guard->zones[i]);
		json_array_append(array, json_object_get(holder, "zone"));
	}
	json_decref(holder);
	return array;
}

json_t *api_json_guard(const struct hub_id *hub, const struct policy_guard *guard,
		       const struct policy *policy, const struct api_names *names)
{
	const struct api_name *entry = api_names_find(names, hub);
	json_t *object = json_object();

	json_object_set_new(object, "hub", json_mac(hub->b));
	api_set_text(object, "hub_name", entry ? entry->name : NULL);
	json_object_set_new(object, "zones",
			    guard->checks_zones ? json_guard_zones(guard, policy) : json_null());
	json_object_set_new(object, "addresses",
			    guard->checks_addresses
				    ? json_prefixes(guard->prefixes, guard->n_prefixes)
				    : json_null());
	json_object_set_new(object, "within",
			    guard->has_scope ? json_prefixes(guard->scope, guard->n_scope)
					     : json_null());
	if (guard->checks_macs)
		api_set_number(object, "macs_max", guard->macs_learn);
	else
		api_set_text(object, "macs_max", NULL);
	set_limit(object, "frames_per_s", guard->frames_pps);
	set_limit(object, "bytes_per_s", guard->bytes_ps);
	json_object_set_new(object, "storm", api_json_storm(&guard->storm));
	return object;
}

/* ---- the file ------------------------------------------------------------------------ */

static void append(json_t *object, const char *list, json_t *entry)
{
	json_array_append_new(json_object_get(object, list), entry);
}

static json_t *json_zone(const struct policy *policy, const struct policy_zone *zone)
{
	static const char *const lists[] = {
		[POLICY_MEMBER_MAC] = "macs",
		[POLICY_MEMBER_VLAN] = "vlans",
		[POLICY_MEMBER_INTERFACE] = "interfaces",
		[POLICY_MEMBER_HUB] = "hubs",
		[POLICY_MEMBER_SELF] = "hubs",
	};
	json_t *object = json_object();

	api_set_text(object, "name", zone->name);
	json_object_set_new(object, "isolated", json_boolean(zone->is_isolated));
	for (size_t i = 0; i <= POLICY_MEMBER_HUB; i++)
		json_object_set_new(object, lists[i], json_array());
	for (size_t i = 0; i < policy->n_members; i++)
		if (policy->members[i].zone == zone->number)
			append(object, lists[policy->members[i].kind],
			       json_who(&policy->members[i]));
	return object;
}

static json_t *json_protocol(const struct policy_match *match)
{
	json_t *holder = json_object(), *value;

	set_format(holder, "p", match->fields & POLICY_ETHERTYPE ? "0x%04x" : "%u",
		   match->fields & POLICY_ETHERTYPE ? match->ethertype : match->protocol, 0);
	value = json_incref(json_object_get(holder, "p"));
	json_decref(holder);
	return value;
}

static json_t *json_rate(const struct policy_rate *rate)
{
	json_t *object = json_object();

	json_object_set_new(object, "hub",
			    rate->is_any ? json_string("any") : json_mac(rate->hub.b));
	set_limit(object, "frames_per_s", rate->frames_pps);
	set_limit(object, "kbit_per_s", rate->bytes_ps / 125);
	json_object_set_new(object, "storm", api_json_storm(&rate->storm));
	return object;
}

json_t *api_json_policy(const struct policy *policy)
{
	static const char *const addresses[] = {
		[POLICY_ADDRESSES_MESH] = "mesh",
		[POLICY_ADDRESSES_OWN] = "own",
		[POLICY_ADDRESSES_ANY] = "any",
	};
	static const char *const lists[] = {"zones", "allow", "acl", "protocols", "rates"};
	json_t *object = json_object();

	api_set_text(object, "addresses", addresses[policy->addresses]);
	set_limit(object, "macs_max", policy->macs_max);
	set_limit(object, "max_hops", policy->hops_max);
	json_object_set_new(object, "storm", api_json_storm(&policy->storm));
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		json_object_set_new(object, lists[i], json_array());
	for (size_t i = 0; i < policy->n_zones; i++)
		append(object, "zones", json_zone(policy, &policy->zones[i]));
	for (size_t i = 0; i < policy->n_pairs; i++)
		append(object, "allow", json_pair(&policy->pairs[i], policy));
	for (size_t i = 0; i < policy->n_entries; i++)
		append(object, "acl", json_entry(&policy->entries[i], policy));
	for (size_t i = 0; i < policy->n_protocols; i++)
		append(object, "protocols", json_protocol(&policy->protocols[i]));
	for (size_t i = 0; i < policy->n_rates; i++)
		append(object, "rates", json_rate(&policy->rates[i]));
	return object;
}

static json_t *json_class_settings(uint8_t number, const struct policy_class *class)
{
	json_t *object = json_object();

	api_set_number(object, "class", number);
	set_limit(object, "weight", class->weight);
	set_limit(object, "limit_frames", class->limit_frames);
	set_limit(object, "limit_bytes", class->limit_bytes);
	set_limit(object, "target_us", class->target_us);
	set_limit(object, "interval_us", class->interval_us);
	return object;
}

json_t *api_json_qos(const struct policy *policy)
{
	json_t *object = json_object(), *classes = json_array(), *links = json_array(),
	       *rules = json_array();
	const struct policy_queues *queues = &policy->queues;

	api_set_number(object, "strict_percent", queues->strict_share);
	for (uint8_t i = 0; i < POLICY_CLASSES; i++)
		json_array_append_new(classes, json_class_settings(i, &queues->class[i]));
	for (size_t i = 0; i < queues->n; i++) {
		json_t *link = json_object();

		api_set_text(link, "interface", queues->queue[i].interface);
		api_set_number(link, "kbit_per_s", queues->queue[i].bytes_ps / 125);
		json_array_append_new(links, link);
	}
	for (size_t i = 0; i < policy->n_rules; i++) {
		json_t *rule = json_object();

		api_set_number(rule, "class", policy->rules[i].class);
		set_match(rule, &policy->rules[i].match, policy);
		json_array_append_new(rules, rule);
	}
	json_object_set_new(object, "classes", classes);
	json_object_set_new(object, "links", links);
	json_object_set_new(object, "rules", rules);
	return object;
}
