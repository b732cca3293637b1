// SPDX-License-Identifier: GPL-2.0
/* DOC: what keys the sections policy: and qos: may hold */
#include "daemon/config/policy_file.h"
#include "daemon/config/schema.h"

typedef struct file_match file_match;
typedef struct file_zone file_zone;
typedef struct file_pair file_pair;
typedef struct file_storm file_storm;
typedef struct file_rate file_rate;
typedef struct file_class file_class;
typedef struct file_queue file_queue;
typedef struct file_policy file_policy;
typedef struct file_qos file_qos;

#define OPTIONAL CYAML_FLAG_OPTIONAL
#define TEXT(type, key) CYAML_FIELD_STRING_PTR(#key, OPTIONAL, type, key, 0, CONFIG_TEXT_MAX)
#define NUMBER(type, key) CYAML_FIELD_INT_PTR(#key, OPTIONAL, type, key)
#define LIST(type, key, entry, max) \
	CYAML_FIELD_SEQUENCE(#key, OPTIONAL | CYAML_FLAG_POINTER, type, key, entry, 0, max)
#define MAPPING(type)                                                         \
	static const cyaml_schema_value_t type##_entry = {                    \
		CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, type, type##_fields), \
	}

static const cyaml_schema_value_t text_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CONFIG_TEXT_MAX),
};
static const cyaml_schema_value_t number_entry = {
	CYAML_VALUE_INT(CYAML_FLAG_DEFAULT, int64_t),
};

/* What entries of policy.acl and rules of qos.rules both may name. */
#define PACKET_FIELDS                                                                      \
	TEXT(file_match, ethertype), NUMBER(file_match, vlan), TEXT(file_match, protocol), \
		TEXT(file_match, source), TEXT(file_match, destination),                   \
		TEXT(file_match, source_ports), TEXT(file_match, ports)

static const cyaml_schema_field_t acl_fields[] = {
	TEXT(file_match, action),      TEXT(file_match, from), TEXT(file_match, to), PACKET_FIELDS,
	NUMBER(file_match, log_every), CYAML_FIELD_END,
};
static const cyaml_schema_value_t acl_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, file_match, acl_fields),
};

static const cyaml_schema_field_t rule_fields[] = {
	NUMBER(file_match, class),	   PACKET_FIELDS,
	NUMBER(file_match, vlan_priority), NUMBER(file_match, dscp),
	NUMBER(file_match, mark),	   NUMBER(file_match, mark_mask),
	NUMBER(file_match, priority),	   CYAML_FIELD_END,
};
static const cyaml_schema_value_t rule_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, file_match, rule_fields),
};

static const cyaml_schema_field_t file_zone_fields[] = {
	TEXT(file_zone, name),
	CYAML_FIELD_BOOL_PTR("isolated", OPTIONAL, file_zone, isolated),
	LIST(file_zone, hubs, &text_entry, POLICY_MEMBERS_MAX),
	LIST(file_zone, interfaces, &text_entry, POLICY_MEMBERS_MAX),
	LIST(file_zone, vlans, &number_entry, POLICY_MEMBERS_MAX),
	LIST(file_zone, macs, &text_entry, POLICY_MEMBERS_MAX),
	CYAML_FIELD_END,
};
MAPPING(file_zone);

static const cyaml_schema_field_t file_pair_fields[] = {
	TEXT(file_pair, from),
	TEXT(file_pair, to),
	CYAML_FIELD_END,
};
MAPPING(file_pair);

static const cyaml_schema_field_t storm_fields[] = {
	NUMBER(file_storm, broadcast_per_s),
	NUMBER(file_storm, multicast_per_s),
	NUMBER(file_storm, unknown_per_s),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t file_rate_fields[] = {
	TEXT(file_rate, hub),
	NUMBER(file_rate, frames_per_s),
	NUMBER(file_rate, kbit_per_s),
	CYAML_FIELD_MAPPING("storm", OPTIONAL, file_rate, storm, storm_fields),
	CYAML_FIELD_END,
};
MAPPING(file_rate);

static const cyaml_schema_field_t file_class_fields[] = {
	NUMBER(file_class, class),
	NUMBER(file_class, weight),
	NUMBER(file_class, limit_frames),
	NUMBER(file_class, limit_bytes),
	NUMBER(file_class, target_us),
	NUMBER(file_class, interval_us),
	CYAML_FIELD_END,
};
MAPPING(file_class);

static const cyaml_schema_field_t file_queue_fields[] = {
	TEXT(file_queue, interface),
	NUMBER(file_queue, kbit_per_s),
	CYAML_FIELD_END,
};
MAPPING(file_queue);

const cyaml_schema_field_t config_policy_fields[] = {
	TEXT(file_policy, addresses),
	NUMBER(file_policy, macs_max),
	NUMBER(file_policy, max_hops),
	CYAML_FIELD_MAPPING("storm", OPTIONAL, file_policy, storm, storm_fields),
	LIST(file_policy, zones, &file_zone_entry, POLICY_ZONES_MAX),
	LIST(file_policy, allow, &file_pair_entry, POLICY_PAIRS_MAX),
	LIST(file_policy, acl, &acl_entry, POLICY_ENTRIES_MAX),
	LIST(file_policy, protocols, &text_entry, POLICY_PROTOCOLS_MAX),
	LIST(file_policy, rates, &file_rate_entry, POLICY_RATES_MAX),
	CYAML_FIELD_END,
};

const cyaml_schema_field_t config_qos_fields[] = {
	NUMBER(file_qos, strict_percent),
	LIST(file_qos, classes, &file_class_entry, POLICY_CLASSES),
	LIST(file_qos, links, &file_queue_entry, POLICY_QUEUES_MAX),
	LIST(file_qos, rules, &rule_entry, POLICY_RULES_MAX),
	CYAML_FIELD_END,
};
