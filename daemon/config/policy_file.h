/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: sections policy: and qos: of meshd.yaml, as text and numbers
 */
#ifndef CONFIG_POLICY_FILE_H
#define CONFIG_POLICY_FILE_H

#include <cyaml/cyaml.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/config/config.h"
#include "daemon/config/errors.h"
#include "daemon/config/lines.h"

/* Keys of the file; NULL = absent. */

struct file_match {
	char *action, *from, *to; /* policy.acl */
	char *ethertype, *protocol, *source, *destination, *source_ports, *ports; /* both */
	int64_t *vlan; /* both */
	int64_t *log_every; /* policy.acl */
	int64_t *class, *vlan_priority, *dscp, *mark, *mark_mask, *priority; /* qos.rules */
};

struct file_zone {
	char *name;
	bool *isolated;
	char **hubs, **interfaces, **macs;
	int64_t *vlans;
	uint32_t hubs_count, interfaces_count, macs_count, vlans_count;
};

struct file_pair {
	char *from, *to;
};

struct file_storm {
	int64_t *broadcast_per_s, *multicast_per_s, *unknown_per_s;
};

struct file_rate {
	char *hub;
	int64_t *frames_per_s, *kbit_per_s;
	struct file_storm storm;
};

struct file_class {
	int64_t *class, *weight, *limit_frames, *limit_bytes, *target_us, *interval_us;
};

struct file_queue {
	char *interface;
	int64_t *kbit_per_s;
};

/**
 * struct file_policy - section policy:
 * @addresses: key of the same name, as all below
 * @macs_max: number
 * @max_hops: number
 * @storm: section
 * @zones: list
 * @allow: list
 * @acl: list
 * @protocols: list
 * @rates: list
 * @zones_count: entries of @zones, and so on
 * @allow_count: likewise
 * @acl_count: likewise
 * @protocols_count: likewise
 * @rates_count: likewise
 */
struct file_policy {
	char *addresses;
	int64_t *macs_max, *max_hops;
	struct file_storm storm;
	struct file_zone *zones;
	struct file_pair *allow;
	struct file_match *acl;
	char **protocols;
	struct file_rate *rates;
	uint32_t zones_count, allow_count, acl_count, protocols_count, rates_count;
};

/**
 * struct file_qos - section qos:
 * @strict_percent: key of the same name, as all below
 * @classes: list
 * @links: list
 * @rules: list
 * @classes_count: entries of @classes, and so on
 * @links_count: likewise
 * @rules_count: likewise
 */
struct file_qos {
	int64_t *strict_percent;
	struct file_class *classes;
	struct file_queue *links;
	struct file_match *rules;
	uint32_t classes_count, links_count, rules_count;
};

extern const cyaml_schema_field_t config_policy_fields[], config_qos_fields[];

/**
 * config_check_policy() - Turn both sections into a policy.
 * @policy: section policy:
 * @qos: section qos:
 * @lines: for the errors
 * @ret: from policy_new(); filled as far as possible
 * @errors: one entry per problem
 *
 * Context: Pure.
 */
void config_check_policy(const struct file_policy *policy, const struct file_qos *qos,
			 const struct config_lines *lines, struct policy *ret,
			 struct config_errors *errors);

#endif
