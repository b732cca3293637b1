/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: section proxy: of meshd.yaml, as text and numbers
 */
#ifndef CONFIG_PROXY_FILE_H
#define CONFIG_PROXY_FILE_H

#include <cyaml/cyaml.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/config/errors.h"
#include "daemon/config/lines.h"
#include "daemon/proxy/settings.h"

/* Keys of the file; NULL = absent. */

struct file_share {
	char *service, *versions;
	int64_t *percent;
};

struct file_outlier {
	int64_t *in_row, *window_s, *min_requests, *eject_s, *max_percent;
};

struct file_concurrency {
	int64_t *max, *queue, *queue_ms;
};

struct file_hedge {
	int64_t *after_ms;
	char **grpc_methods;
	uint32_t grpc_methods_count;
};

struct file_resilience {
	struct file_outlier *outlier;
	struct file_concurrency *concurrency;
	struct file_hedge *hedge;
	struct {
		int64_t *abort_percent, *abort_status, *abort_grpc_status, *delay_percent,
			*delay_ms;
	} fault;
	struct file_share *split, *mirror;
	uint32_t split_count;
	struct {
		char *header, *cookie;
	} sticky;
	int64_t *drain_ms;
};

struct file_entry {
	char *service, *listen, *shared, *versions, *interface, *zone, *protocol, *identity;
	bool *require_identity;
	int64_t *service_port, *max_latency_ms, *max_price_micro, *slots, *min_slots,
		*min_cpu_milli, *min_memory_mib, *lease_ms;
	char **capabilities, **credentials;
	uint32_t capabilities_count, credentials_count;
	struct {
		int64_t *connections, *idle_s, *connect_ms, *request_ms, *reply_ms;
	} limits;
	struct file_resilience resilience;
};

struct file_allow {
	char *service;
	char **hubs, **zones, **services, **methods, **paths;
	uint32_t hubs_count, zones_count, services_count, methods_count, paths_count;
};

/**
 * struct file_proxy - section proxy:
 * @port: key of the same name, as all below
 * @relay: likewise
 * @entries: list
 * @allow: list
 * @proxy_protocol: list
 * @entries_count: entries of @entries, and so on
 * @allow_count: likewise
 * @proxy_protocol_count: likewise
 */
struct file_proxy {
	int64_t *port;
	bool *relay;
	struct file_entry *entries;
	struct file_allow *allow;
	char **proxy_protocol;
	uint32_t entries_count, allow_count, proxy_protocol_count;
};

extern const cyaml_schema_field_t config_proxy_fields[], config_resilience_fields[];

struct config_entry;
/** config_has_resilience() - Is anything asked for but the time to drain? */
bool config_has_resilience(const struct file_resilience *file);
/**
 * config_take_resilience() - Turn resilience: of an entry into settings.
 * @entry: that one, for the errors
 * @file: as written
 * @ret: filled as far as possible; with the defaults for what is not written
 *
 * Context: Pure.
 */
void config_take_resilience(const struct config_entry *entry, const struct file_resilience *file,
			    struct resilience_settings *ret);

/**
 * config_check_proxy() - Turn the section into settings.
 * @file: section proxy:
 * @lines: for the errors
 * @ret: zeroed; filled as far as possible
 * @errors: one entry per problem
 *
 * Context: Pure.
 */
void config_check_proxy(const struct file_proxy *file, const struct config_lines *lines,
			struct proxy_settings *ret, struct config_errors *errors);

#endif
