// SPDX-License-Identifier: GPL-2.0
/* DOC: what keys the section proxy: may hold */
#include "daemon/config/proxy_file.h"
#include "daemon/config/schema.h"

typedef struct file_entry file_entry;
typedef __typeof__(((struct file_entry *)0)->limits) file_limits;
typedef struct file_allow file_allow;
typedef struct file_proxy file_proxy;

#define OPTIONAL CYAML_FLAG_OPTIONAL
#define TEXT(type, key) CYAML_FIELD_STRING_PTR(#key, OPTIONAL, type, key, 0, CONFIG_TEXT_MAX)
#define NUMBER(type, key) CYAML_FIELD_INT_PTR(#key, OPTIONAL, type, key)
#define LIST(type, key, entry, max) \
	CYAML_FIELD_SEQUENCE(#key, OPTIONAL | CYAML_FLAG_POINTER, type, key, entry, 0, max)

static const cyaml_schema_value_t text_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CONFIG_TEXT_MAX),
};

static const cyaml_schema_field_t limits_fields[] = {
	NUMBER(file_limits, connections), NUMBER(file_limits, idle_s),
	NUMBER(file_limits, connect_ms),  NUMBER(file_limits, request_ms),
	NUMBER(file_limits, reply_ms),	  CYAML_FIELD_END,
};

static const cyaml_schema_field_t entry_fields[] = {
	TEXT(file_entry, service),
	TEXT(file_entry, listen),
	NUMBER(file_entry, service_port),
	TEXT(file_entry, shared),
	TEXT(file_entry, versions),
	TEXT(file_entry, interface),
	TEXT(file_entry, zone),
	TEXT(file_entry, protocol),
	TEXT(file_entry, identity),
	CYAML_FIELD_BOOL_PTR("require_identity", OPTIONAL, file_entry, require_identity),
	LIST(file_entry, capabilities, &text_entry, MANIFEST_CAPABILITIES_MAX),
	LIST(file_entry, credentials, &text_entry, MANIFEST_CREDENTIALS_MAX),
	NUMBER(file_entry, max_latency_ms),
	NUMBER(file_entry, max_price_micro),
	NUMBER(file_entry, slots),
	NUMBER(file_entry, min_slots),
	NUMBER(file_entry, min_cpu_milli),
	NUMBER(file_entry, min_memory_mib),
	NUMBER(file_entry, lease_ms),
	CYAML_FIELD_MAPPING("limits", OPTIONAL, file_entry, limits, limits_fields),
	CYAML_FIELD_MAPPING("resilience", OPTIONAL, file_entry, resilience,
			    config_resilience_fields),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t entry_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, file_entry, entry_fields),
};

static const cyaml_schema_field_t allow_fields[] = {
	TEXT(file_allow, service),
	LIST(file_allow, hubs, &text_entry, ALLOW_HUBS_MAX),
	LIST(file_allow, zones, &text_entry, ALLOW_ZONES_MAX),
	LIST(file_allow, services, &text_entry, ALLOW_SERVICES_MAX),
	LIST(file_allow, methods, &text_entry, ALLOW_METHODS_MAX),
	LIST(file_allow, paths, &text_entry, ALLOW_PATHS_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t allow_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, file_allow, allow_fields),
};

const cyaml_schema_field_t config_proxy_fields[] = {
	NUMBER(file_proxy, port),
	CYAML_FIELD_BOOL_PTR("relay", OPTIONAL, file_proxy, relay),
	LIST(file_proxy, entries, &entry_entry, PROXY_ENTRIES_MAX),
	LIST(file_proxy, allow, &allow_entry, ALLOW_RULES_MAX),
	LIST(file_proxy, proxy_protocol, &text_entry, PROXY_TELLS_MAX),
	CYAML_FIELD_END,
};
