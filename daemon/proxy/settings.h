/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: settings: section proxy: of meshd.yaml, checked
 */
#ifndef PROXY_SETTINGS_H
#define PROXY_SETTINGS_H

#include "daemon/broker/broker.h"
#include "daemon/lib/endpoint.h"
#include "daemon/proxy/allow.h"
#include "daemon/proxy/resilience.h"

#define PROXY_ENTRIES_MAX 64
#define PROXY_TELLS_MAX CATALOGUE_ENTRIES_MAX /* as many as a hub has services */
#define PROXY_LISTEN_MAX 107 /* "unix:" and a socket path fit */
#define PROXY_CONNECTIONS_DEFAULT 1024
#define PROXY_CONNECTIONS_MAX 4096
#define PROXY_IDLE_S_DEFAULT 3600
#define PROXY_CONNECT_MS_DEFAULT 5000
#define PROXY_REQUEST_MS_DEFAULT 60000 /* as nginx waits */
#define PROXY_UDP_FLOWS_DEFAULT 2048
#define PROXY_UDP_IDLE_S_DEFAULT 60 /* as conntrack has it for flows without a stream */
#define PROXY_UDP_IDLE_MAX_S 600 /* no port of a provider is kept for longer */

/**
 * struct proxy_entry_settings - a service that local programs reach through us
 * @query: what is asked of the broker; name, keep and shared filled in
 * @identity: service our programs speak for, "" none
 * @is_identity_required: of the provider: it must prove to speak for the service
 * @listen: "ADDRESS:PORT" or "unix:PATH"; "" an address of its own
 * @service_port: port at an address of its own
 * @has_shared: @shared is set
 * @shared: the shared provider
 * @connections_max: at a time
 * @idle_s: without a byte either way, then a connection is closed
 * @connect_ms: for each attempt to reach a provider
 * @request_ms: for the head of the answer to an HTTP request
 * @reply_ms: for the answer to a datagram; 0: some get none
 * @resilience: see there
 */
struct proxy_entry_settings {
	struct broker_query query;
	char identity[MANIFEST_NAME_MAX + 1];
	bool is_identity_required;
	char listen[PROXY_LISTEN_MAX + 1];
	uint16_t service_port;
	bool has_shared;
	struct endpoint shared;
	uint32_t connections_max, idle_s, connect_ms, request_ms, reply_ms;
	struct resilience_settings resilience;
};

/** proxy_entry_is_udp() - Does it take datagrams? */
static inline bool proxy_entry_is_udp(const struct proxy_entry_settings *entry)
{
	return entry->query.has_protocol && entry->query.protocol == MANIFEST_UDP;
}

/**
 * struct proxy_settings - all of the section
 * @has_port: @port was written; else another is taken when it is not free
 * @port: TCP between hubs
 * @does_relay: carries bytes between hubs that do not reach each other
 * @n_entries: entries of @entries
 * @entries: what local programs reach through us
 * @n_rules: entries of @rules
 * @rules: who may use our services
 * @n_tells: entries of @tells
 * @tells: services of ours that are told who calls, by PROXY protocol
 */
struct proxy_settings {
	bool has_port;
	uint16_t port;
	bool does_relay;
	size_t n_entries, n_rules, n_tells;
	struct proxy_entry_settings entries[PROXY_ENTRIES_MAX];
	struct allow_rule rules[ALLOW_RULES_MAX];
	char tells[PROXY_TELLS_MAX][MANIFEST_NAME_MAX + 1];
};

#endif
