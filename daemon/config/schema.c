// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: what keys meshd.yaml may hold
 *
 * The one list of keys: libcyaml loads by it, lines.c refuses unknown keys
 * by it.  Every key is optional here; check.c asks for the required one and
 * fills in defaults.
 */
#include "daemon/config/schema.h"

#include "daemon/config/config.h"

typedef struct config_file config_file;
typedef __typeof__(((config_file *)0)->services) config_services;
typedef __typeof__(((config_file *)0)->runtime) config_runtime;
typedef __typeof__(((config_file *)0)->interface) config_interface;
typedef __typeof__(((config_file *)0)->underlay) config_underlay;
typedef __typeof__(((config_file *)0)->ports) config_ports;
typedef __typeof__(((config_file *)0)->beacon) config_beacon;
typedef __typeof__(((config_file *)0)->probe) config_probe;
typedef __typeof__(((config_file *)0)->crypto) config_crypto;
typedef __typeof__(((config_file *)0)->session) config_session;
typedef __typeof__(((config_file *)0)->ipv4) config_ipv4;
typedef __typeof__(((config_file *)0)->log) config_log;
typedef __typeof__(((config_file *)0)->names) config_names;
typedef __typeof__(((config_file *)0)->redirect) config_redirect;

#define OPTIONAL CYAML_FLAG_OPTIONAL
#define TEXT(type, key) CYAML_FIELD_STRING_PTR(#key, OPTIONAL, type, key, 0, CONFIG_TEXT_MAX)
#define NUMBER(type, key) CYAML_FIELD_INT_PTR(#key, OPTIONAL, type, key)
#define SECTION(key) CYAML_FIELD_MAPPING(#key, OPTIONAL, config_file, key, key##_fields)
#define LIST(type, key, max) \
	CYAML_FIELD_SEQUENCE(#key, OPTIONAL | CYAML_FLAG_POINTER, type, key, &list_entry, 0, max)

static const cyaml_schema_value_t list_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CONFIG_TEXT_MAX),
};

static const cyaml_schema_field_t services_fields[] = {
	TEXT(config_services, directory),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t runtime_fields[] = {
	LIST(config_runtime, users, CONFIG_RUNTIME_USERS_MAX),
	TEXT(config_runtime, bundles),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t interface_fields[] = {
	TEXT(config_interface, name),
	NUMBER(config_interface, mtu),
	CYAML_FIELD_BOOL_PTR("keep", OPTIONAL, config_interface, keep),
	TEXT(config_interface, topology),
	LIST(config_interface, centres, CONFIG_CENTRES_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t underlay_fields[] = {
	TEXT(config_underlay, carrier),
	LIST(config_underlay, include, CONFIG_INTERFACES_MAX),
	LIST(config_underlay, exclude, CONFIG_INTERFACES_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t ports_fields[] = {
	NUMBER(config_ports, control),
	NUMBER(config_ports, data),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t beacon_fields[] = {
	NUMBER(config_beacon, interval_min_ms),
	NUMBER(config_beacon, interval_max_ms),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t probe_fields[] = {
	NUMBER(config_probe, interval_ms),
	NUMBER(config_probe, misses),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t crypto_fields[] = {
	TEXT(config_crypto, cipher),
	NUMBER(config_crypto, rekey_s),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t session_fields[] = {
	NUMBER(config_session, idle_s),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t ipv4_fields[] = {
	TEXT(config_ipv4, pool),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t log_fields[] = {
	TEXT(config_log, level),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t names_fields[] = {
	TEXT(config_names, listen),
	TEXT(config_names, upstream),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t redirect_fields[] = {
	TEXT(config_redirect, cgroup),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t file_fields[] = {
	TEXT(config_file, mesh),
	TEXT(config_file, name),
	TEXT(config_file, state),
	TEXT(config_file, socket),
	TEXT(config_file, user),
	SECTION(services),
	SECTION(runtime),
	SECTION(interface),
	SECTION(underlay),
	SECTION(ports),
	LIST(config_file, seeds, CONFIG_SEEDS_MAX),
	SECTION(beacon),
	SECTION(probe),
	SECTION(crypto),
	SECTION(session),
	SECTION(ipv4),
	SECTION(log),
	SECTION(names),
	SECTION(redirect),
	CYAML_FIELD_MAPPING("proxy", OPTIONAL, config_file, proxy, config_proxy_fields),
	CYAML_FIELD_MAPPING("policy", OPTIONAL, config_file, policy, config_policy_fields),
	CYAML_FIELD_MAPPING("qos", OPTIONAL, config_file, qos, config_qos_fields),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t config_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, config_file, file_fields),
};
