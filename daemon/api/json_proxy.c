// SPDX-License-Identifier: GPL-2.0
/* DOC: section proxy: of the settings in force, in the words of meshd.yaml(5) */
#include "daemon/api/json.h"

#include "daemon/proxy/settings.h"

static void append_text(json_t *object, const char *key, const char *text)
{
	json_t *array = json_object_get(object, key);

	if (!array) {
		array = json_array();
		json_object_set_new(object, key, array);
	}
	json_array_append_new(array, json_string(text));
}

static void set_given(json_t *object, const char *key, const char *text)
{
	if (text[0])
		api_set_text(object, key, text);
}

static void set_nonzero(json_t *object, const char *key, uint64_t number)
{
	if (number)
		api_set_number(object, key, number);
}

static json_t *json_entry(const struct proxy_entry_settings *entry)
{
	const struct broker_query *query = &entry->query;
	json_t *object = json_object(), *limits = json_object();

	api_set_text(object, "service", query->name);
	set_given(object, "listen", entry->listen);
	set_nonzero(object, "service_port", entry->service_port);
	set_given(object, "shared", query->shared);
	set_given(object, "versions", query->range_text);
	set_given(object, "interface", query->interface);
	set_given(object, "zone", query->zone);
	if (query->has_protocol)
		api_set_text(object, "protocol", manifest_protocol_name(query->protocol));
	for (size_t i = 0; i < query->n_capabilities; i++)
		append_text(object, "capabilities", query->capabilities[i]);
	for (size_t i = 0; i < query->n_credentials; i++)
		append_text(object, "credentials", query->credentials[i]);
	set_given(object, "identity", entry->identity);
	if (entry->is_identity_required)
		json_object_set_new(object, "require_identity", json_true());
	set_nonzero(object, "max_latency_ms", query->max_latency_us / 1000);
	set_nonzero(object, "max_price_micro", query->max_price_micro);
	set_nonzero(object, "slots", query->slots);
	set_nonzero(object, "min_slots", query->min_slots);
	set_nonzero(object, "min_cpu_milli", query->min_cpu_milli);
	set_nonzero(object, "min_memory_mib", query->min_memory_mib);
	set_nonzero(object, "lease_ms", query->lease_ms);
	api_set_number(limits, "connections", entry->connections_max);
	api_set_number(limits, "idle_s", entry->idle_s);
	api_set_number(limits, "connect_ms", entry->connect_ms);
	api_set_number(limits, "request_ms", entry->request_ms);
	set_nonzero(limits, "reply_ms", entry->reply_ms);
	json_object_set_new(object, "limits", limits);
	json_object_set_new(object, "resilience", api_json_resilience_settings(&entry->resilience));
	return object;
}

static json_t *json_rule(const struct allow_rule *rule)
{
	json_t *object = json_object();
	char text[HUB_ID_STRLEN];

	api_set_text(object, "service", rule->service);
	for (size_t i = 0; i < rule->n_hubs; i++)
		append_text(object, "hubs", hub_id_format(&rule->hubs[i], text));
	for (size_t i = 0; i < rule->n_zones; i++)
		append_text(object, "zones", rule->zones[i]);
	for (size_t i = 0; i < rule->n_services; i++)
		append_text(object, "services", rule->services[i]);
	for (size_t i = 0; i < rule->n_methods; i++)
		append_text(object, "methods", rule->methods[i]);
	for (size_t i = 0; i < rule->n_paths; i++)
		append_text(object, "paths", rule->paths[i]);
	return object;
}

json_t *api_json_proxy_settings(const struct proxy_settings *settings)
{
	json_t *object = json_object(), *entries = json_array(), *rules = json_array(),
	       *tells = json_array();

	api_set_number(object, "port", settings->port);
	for (size_t i = 0; i < settings->n_entries; i++)
		json_array_append_new(entries, json_entry(&settings->entries[i]));
	for (size_t i = 0; i < settings->n_rules; i++)
		json_array_append_new(rules, json_rule(&settings->rules[i]));
	for (size_t i = 0; i < settings->n_tells; i++)
		json_array_append_new(tells, json_string(settings->tells[i]));
	json_object_set_new(object, "entries", entries);
	json_object_set_new(object, "allow", rules);
	json_object_set_new(object, "proxy_protocol", tells);
	return object;
}
