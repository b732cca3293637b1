// SPDX-License-Identifier: GPL-2.0
/* DOC: meaning of the section proxy: of meshd.yaml */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/config/entry.h"
#include "daemon/config/proxy_file.h"
#include "daemon/lib/memory.h"
#include "daemon/proxy/loopback.h"
#include "hubmesh/wire.h"

#define LATENCY_MAX_MS 60000
#define LEASE_MAX_MS 3600000 /* of an offer message */
#define IDLE_MAX_S 604800
#define CONNECT_MIN_MS 100
#define CONNECT_MAX_MS 60000
#define REQUEST_MAX_MS 3600000 /* answers that take longer are no answers */

static void take_name(struct config_entry *entry, const char *key, const char *given,
		      char ret[MANIFEST_NAME_MAX + 1])
{
	if (!manifest_name_is_valid(given))
		config_entry_error(
			entry, key,
			"'%.64s' is no name of a service; write 1 to %d of a-z, 0-9 and '-'", given,
			MANIFEST_NAME_MAX);
	else
		strcpy(ret, given);
}

static void take_service(struct config_entry *entry, const char *given,
			 char ret[MANIFEST_NAME_MAX + 1])
{
	if (given)
		take_name(entry, "service", given, ret);
	else
		config_entry_error(entry, "service", "is missing; write the name of a service");
}

static void take_word(struct config_entry *entry, const char *key, const char *given, char *ret,
		      size_t max)
{
	if (!given)
		return;
	if (!manifest_word_is_valid(given, max))
		config_entry_error(
			entry, key,
			"'%.64s' is no such word; write 1 to %zu of a-z, 0-9 and . _ : / -", given,
			max);
	else
		strcpy(ret, given);
}

/* ---- entries ------------------------------------------------------------- */

static bool is_numeric_address(const char *text, bool allows_unix)
{
	struct endpoint endpoint;

	if (strncmp(text, "unix:", 5) == 0)
		return allows_unix && manifest_endpoint_is_valid(text);
	return endpoint_parse(text, &endpoint) == 0 && endpoint.port;
}

static void take_listen(struct config_entry *entry, const struct file_entry *file,
			struct proxy_entry_settings *ret)
{
	uint32_t port = 0;

	config_entry_u32(entry, "service_port", file->service_port, 1, UINT16_MAX, &port);
	ret->service_port = (uint16_t)port;
	if (!file->listen && !file->service_port)
		config_entry_error(
			entry, NULL,
			"has no address; write service_port: PORT, for an address of its own, or "
			"listen: \"127.0.0.1:PORT\"");
	if (!file->listen)
		return;
	if (strlen(file->listen) > PROXY_LISTEN_MAX || !is_numeric_address(file->listen, true))
		config_entry_error(entry, "listen",
				   "'%.64s' is no address; write \"127.0.0.1:8080\" or "
				   "unix:/run/hubmesh/name.sock",
				   file->listen);
	else
		strcpy(ret->listen, file->listen);
}

static void take_shared(struct config_entry *entry, const struct file_entry *file,
			struct proxy_entry_settings *ret)
{
	if (!file->shared)
		return;
	if (strlen(file->shared) > BROKER_SHARED_MAX || !is_numeric_address(file->shared, false)) {
		config_entry_error(
			entry, "shared",
			"'%.64s' is no address; write one like \"192.0.2.7:443\": a name could "
			"lead back here",
			file->shared);
		return;
	}
	endpoint_parse(file->shared, &ret->shared);
	ret->has_shared = true;
	strcpy(ret->query.shared, file->shared);
}

static void take_words(struct config_entry *entry, const char *key, char **given, uint32_t n,
		       char *ret, size_t max, size_t *n_ret)
{
	for (uint32_t i = 0; i < n; i++)
		take_word(entry, key, given[i], ret + i * (max + 1), max);
	*n_ret = n;
}

static void take_query(struct config_entry *entry, const struct file_entry *file,
		       struct broker_query *ret)
{
	struct semver_range range;
	uint32_t latency_ms = 0, slots = 1;

	ret->keep = true;
	take_service(entry, file->service, ret->name);
	if (file->versions && (strlen(file->versions) > SEMVER_RANGE_TEXT_MAX ||
			       semver_range_parse(file->versions, &range) < 0))
		config_entry_error(entry, "versions",
				   "'%.64s' is no range; write one like \"^1.2\" or \">=1 <3\"",
				   file->versions);
	else if (file->versions)
		strcpy(ret->range_text, file->versions);
	take_word(entry, "interface", file->interface, ret->interface, MANIFEST_INTERFACE_MAX);
	take_word(entry, "zone", file->zone, ret->zone, MANIFEST_WORD_MAX);
	take_words(entry, "capabilities", file->capabilities, file->capabilities_count,
		   ret->capabilities[0], MANIFEST_WORD_MAX, &ret->n_capabilities);
	take_words(entry, "credentials", file->credentials, file->credentials_count,
		   ret->credentials[0], MANIFEST_CREDENTIAL_MAX, &ret->n_credentials);
	config_entry_u32(entry, "max_latency_ms", file->max_latency_ms, 1, LATENCY_MAX_MS,
			 &latency_ms);
	ret->max_latency_us = latency_ms * 1000;
	config_entry_u32(entry, "max_price_micro", file->max_price_micro, 1, UINT32_MAX,
			 &ret->max_price_micro);
	config_entry_u32(entry, "slots", file->slots, 1, MANIFEST_SLOTS_MAX, &slots);
	ret->slots = slots;
	config_entry_u32(entry, "min_slots", file->min_slots, 1, MANIFEST_SLOTS_MAX,
			 &ret->min_slots);
	if (ret->min_slots > slots)
		config_entry_error(entry, "min_slots",
				   "is %u, more than the %u of slots; write at most as many",
				   ret->min_slots, slots);
	config_entry_u32(entry, "min_cpu_milli", file->min_cpu_milli, 1, UINT32_MAX,
			 &ret->min_cpu_milli);
	config_entry_u32(entry, "min_memory_mib", file->min_memory_mib, 1, UINT32_MAX,
			 &ret->min_memory_mib);
	config_entry_u32(entry, "lease_ms", file->lease_ms, BROKER_LEASE_MIN_MS, LEASE_MAX_MS,
			 &ret->lease_ms);
}

static void take_protocol(struct config_entry *entry, const struct file_entry *file,
			  struct broker_query *ret)
{
	int protocol = file->protocol ? manifest_protocol_parse(file->protocol) : MANIFEST_TCP;

	if (protocol < 0) {
		config_entry_error(entry, "protocol",
				   "'%.32s' is not carried; write tcp, udp, http1, http2 or grpc",
				   file->protocol);
		return;
	}
	ret->has_protocol = file->protocol != NULL;
	ret->protocol = file->protocol ? (uint8_t)protocol : 0;
	ret->is_stream = !file->protocol; /* its programs connect by TCP */
}

static bool is_wildcard(const struct endpoint *endpoint)
{
	return endpoint->family == AF_INET ? endpoint->addr4.s_addr == htonl(INADDR_ANY)
					   : IN6_IS_ADDR_UNSPECIFIED(&endpoint->addr6);
}

static void check_udp(struct config_entry *entry, const struct file_entry *file,
		      const struct proxy_entry_settings *settings)
{
	struct endpoint endpoint;

	if (!proxy_entry_is_udp(settings)) {
		if (file->limits.reply_ms)
			config_entry_error(entry, "limits.reply_ms",
					   "is of datagrams; write it with protocol: udp");
		return;
	}
	if (strncmp(settings->listen, "unix:", 5) == 0)
		config_entry_error(entry, "listen",
				   "cannot be a Unix socket with protocol: udp; write "
				   "\"127.0.0.1:PORT\"");
	else if (settings->listen[0] && endpoint_parse(settings->listen, &endpoint) == 0 &&
		 is_wildcard(&endpoint))
		config_entry_error(entry, "listen",
				   "must be one address with protocol: udp, as answers come from "
				   "where a datagram was sent; write \"127.0.0.1:PORT\"");
}

static void take_udp_limits(struct config_entry *entry, const struct file_entry *file,
			    struct proxy_entry_settings *ret)
{
	ret->connections_max = PROXY_UDP_FLOWS_DEFAULT;
	ret->idle_s = PROXY_UDP_IDLE_S_DEFAULT;
	config_entry_u32(entry, "limits.connections", file->limits.connections, 1,
			 PROXY_UDP_FLOWS_DEFAULT, &ret->connections_max);
	config_entry_u32(entry, "limits.idle_s", file->limits.idle_s, 1, PROXY_UDP_IDLE_MAX_S,
			 &ret->idle_s);
	config_entry_u32(entry, "limits.reply_ms", file->limits.reply_ms, CONNECT_MIN_MS,
			 CONNECT_MAX_MS, &ret->reply_ms);
}

static void take_tcp_limits(struct config_entry *entry, const struct file_entry *file,
			    struct proxy_entry_settings *ret)
{
	ret->connections_max = PROXY_CONNECTIONS_DEFAULT;
	ret->idle_s = PROXY_IDLE_S_DEFAULT;
	config_entry_u32(entry, "limits.connections", file->limits.connections, 1,
			 PROXY_CONNECTIONS_MAX, &ret->connections_max);
	config_entry_u32(entry, "limits.idle_s", file->limits.idle_s, 1, IDLE_MAX_S, &ret->idle_s);
}

static void take_entry(struct config_entry *entry, const struct file_entry *file,
		       struct proxy_entry_settings *ret)
{
	ret->connect_ms = PROXY_CONNECT_MS_DEFAULT;
	ret->request_ms = PROXY_REQUEST_MS_DEFAULT;
	take_query(entry, file, &ret->query);
	take_protocol(entry, file, &ret->query);
	take_listen(entry, file, ret);
	take_shared(entry, file, ret);
	if (file->identity)
		take_name(entry, "identity", file->identity, ret->identity);
	ret->is_identity_required = file->require_identity && *file->require_identity;
	if (proxy_entry_is_udp(ret))
		take_udp_limits(entry, file, ret);
	else
		take_tcp_limits(entry, file, ret);
	check_udp(entry, file, ret);
	config_entry_u32(entry, "limits.connect_ms", file->limits.connect_ms, CONNECT_MIN_MS,
			 CONNECT_MAX_MS, &ret->connect_ms);
	config_entry_u32(entry, "limits.request_ms", file->limits.request_ms, CONNECT_MIN_MS,
			 REQUEST_MAX_MS, &ret->request_ms);
	config_take_resilience(entry, &file->resilience, &ret->resilience);
	if (ret->query.has_protocol &&
	    (ret->query.protocol == MANIFEST_TCP || ret->query.protocol == MANIFEST_UDP) &&
	    config_has_resilience(&file->resilience))
		config_entry_error(entry, "resilience",
				   "is of HTTP requests; write protocol: http1, or leave it out");
}

/* Two entries of one address: the second would never listen. */
static void check_addresses(struct config_entry *entry, const struct proxy_settings *settings)
{
	for (size_t i = 0; i < settings->n_entries; i++) {
		const struct proxy_entry_settings *a = &settings->entries[i];

		for (size_t j = 0; j < i; j++) {
			const struct proxy_entry_settings *b = &settings->entries[j];
			bool is_same = a->listen[0]
					       ? strcmp(a->listen, b->listen) == 0
					       : !b->listen[0] &&
							 a->service_port == b->service_port &&
							 strcmp(a->query.name, b->query.name) == 0;

			if (!is_same || proxy_entry_is_udp(a) != proxy_entry_is_udp(b))
				continue;
			config_entry_is(entry, "proxy.entries[%zu]", i);
			config_entry_error(entry, NULL,
					   "has the address of proxy.entries[%zu]; write another",
					   j);
		}
	}
}

static bool is_of_this_machine(const struct endpoint *address)
{
	if (address->family == AF_INET)
		return ntohl(address->addr4.s_addr) >> 24 == IN_LOOPBACKNET || is_wildcard(address);
	return IN6_IS_ADDR_LOOPBACK(&address->addr6) || is_wildcard(address);
}

/* Does who connects to the shared provider of @from arrive at @listen? */
static bool leads_to(const struct endpoint *shared, const struct endpoint *listen)
{
	if (!listen->port || listen->port != shared->port)
		return false;
	return endpoint_equal_address(listen, shared) ||
	       (is_of_this_machine(shared) &&
		(is_wildcard(listen) || (is_wildcard(shared) && is_of_this_machine(listen))));
}

/* Where entries listen; port 0: at a Unix socket, or nothing that can be told. */
static void find_addresses(const struct proxy_settings *settings, struct endpoint *ret)
{
	const char *names[PROXY_ENTRIES_MAX];
	struct in_addr own[PROXY_ENTRIES_MAX];

	for (size_t i = 0; i < settings->n_entries; i++)
		names[i] = settings->entries[i].query.name;
	loopback_assign(names, settings->n_entries, own);
	for (size_t i = 0; i < settings->n_entries; i++) {
		const struct proxy_entry_settings *entry = &settings->entries[i];

		ret[i] = (struct endpoint){.family = AF_INET, .addr4 = own[i]};
		if (!entry->listen[0])
			ret[i].port = entry->service_port;
		else if (endpoint_parse(entry->listen, &ret[i]) < 0)
			ret[i].port = 0;
	}
}

/* The entry behind the shared provider of @from; n_entries: that is somebody else. */
static size_t next_of(const struct proxy_settings *settings, const struct endpoint *listen,
		      size_t from)
{
	const struct proxy_entry_settings *entries = settings->entries;
	size_t i = 0;

	while (i < settings->n_entries &&
	       (!entries[from].has_shared ||
		proxy_entry_is_udp(&entries[i]) != proxy_entry_is_udp(&entries[from]) ||
		!leads_to(&entries[from].shared, &listen[i])))
		i++;
	return i;
}

/* A connection that nobody serves would go in a circle until there is no place left. */
static void check_circles(struct config_entry *entry, const struct proxy_settings *settings)
{
	struct endpoint listen[PROXY_ENTRIES_MAX];

	find_addresses(settings, listen);
	for (size_t i = 0; i < settings->n_entries; i++) {
		size_t at = next_of(settings, listen, i), steps = 0;

		while (at != i && at < settings->n_entries && steps++ < settings->n_entries)
			at = next_of(settings, listen, at);
		if (at != i)
			continue;
		config_entry_is(entry, "proxy.entries[%zu]", i);
		config_entry_error(entry, "shared",
				   "leads back to this entry; write the address of the shared "
				   "provider itself");
	}
}

/* ---- rules --------------------------------------------------------------- */

static void take_hubs(struct config_entry *entry, const struct file_allow *file,
		      struct allow_rule *ret)
{
	for (uint32_t i = 0; i < file->hubs_count; i++)
		if (hub_id_parse(file->hubs[i], &ret->hubs[i]) < 0)
			config_entry_error(entry, "hubs",
					   "has '%.32s', which is no hub id; write one like "
					   "\"02:11:22:33:44:55\"",
					   file->hubs[i]);
	ret->n_hubs = file->hubs_count;
}

static void take_zones(struct config_entry *entry, const struct file_allow *file,
		       struct allow_rule *ret)
{
	for (uint32_t i = 0; i < file->zones_count; i++) {
		if (zone_name_is_valid(file->zones[i], strlen(file->zones[i])))
			strcpy(ret->zones[i], file->zones[i]);
		else
			config_entry_error(
				entry, "zones",
				"has '%.32s', which is no zone; write 1 to %d of a-z, 0-9 and '-'",
				file->zones[i], ZONE_NAME_MAX);
	}
	ret->n_zones = file->zones_count;
}

static void take_services(struct config_entry *entry, const struct file_allow *file,
			  struct allow_rule *ret)
{
	for (uint32_t i = 0; i < file->services_count; i++)
		take_name(entry, "services", file->services[i], ret->services[i]);
	ret->n_services = file->services_count;
}

static bool is_method(const char *text)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");

	return len > 0 && len <= ALLOW_METHOD_LEN && text[len] == '\0';
}

static void take_http(struct config_entry *entry, const struct file_allow *file,
		      struct allow_rule *ret)
{
	for (uint32_t i = 0; i < file->methods_count; i++) {
		if (is_method(file->methods[i]))
			strcpy(ret->methods[i], file->methods[i]);
		else
			config_entry_error(entry, "methods",
					   "has '%.32s'; write a method such as GET",
					   file->methods[i]);
	}
	for (uint32_t i = 0; i < file->paths_count; i++) {
		if (allow_is_prefix(file->paths[i]))
			strcpy(ret->paths[i], file->paths[i]);
		else
			config_entry_error(
				entry, "paths",
				"has '%.64s'; write a prefix that begins with /, up to %d bytes",
				file->paths[i], ALLOW_PATH_LEN);
	}
	ret->n_methods = file->methods_count;
	ret->n_paths = file->paths_count;
}

/* ---- the section --------------------------------------------------------- */

static void take_port(struct config_entry *entry, const struct file_proxy *file,
		      struct proxy_settings *ret)
{
	uint32_t port = HM_PORT_PROXY;

	config_entry_is(entry, "proxy");
	config_entry_u32(entry, "port", file->port, 1, UINT16_MAX, &port);
	ret->port = (uint16_t)port;
	ret->has_port = file->port != NULL;
	ret->does_relay = !file->relay || *file->relay;
}

static void take_tells(struct config_entry *entry, const struct file_proxy *file,
		       struct proxy_settings *ret)
{
	for (uint32_t i = 0; i < file->proxy_protocol_count; i++) {
		config_entry_is(entry, "proxy.proxy_protocol[%u]", i);
		take_service(entry, file->proxy_protocol[i], ret->tells[i]);
	}
	ret->n_tells = file->proxy_protocol_count;
}

void config_check_proxy(const struct file_proxy *file, const struct config_lines *lines,
			struct proxy_settings *ret, struct config_errors *errors)
{
	struct config_entry entry = {.lines = lines, .errors = errors};

	take_port(&entry, file, ret);
	for (uint32_t i = 0; i < file->entries_count; i++) {
		config_entry_is(&entry, "proxy.entries[%u]", i);
		take_entry(&entry, &file->entries[i], &ret->entries[i]);
	}
	ret->n_entries = file->entries_count;
	check_addresses(&entry, ret);
	check_circles(&entry, ret);
	for (uint32_t i = 0; i < file->allow_count; i++) {
		config_entry_is(&entry, "proxy.allow[%u]", i);
		take_service(&entry, file->allow[i].service, ret->rules[i].service);
		take_hubs(&entry, &file->allow[i], &ret->rules[i]);
		take_zones(&entry, &file->allow[i], &ret->rules[i]);
		take_services(&entry, &file->allow[i], &ret->rules[i]);
		take_http(&entry, &file->allow[i], &ret->rules[i]);
	}
	ret->n_rules = file->allow_count;
	take_tells(&entry, file, ret);
}
