/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <cyaml/cyaml.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/config/policy_file.h"
#include "daemon/config/proxy_file.h"

#define CONFIG_TEXT_MAX 255 /* bytes of any one string */

/**
 * struct config_file - what the file says, before checks; NULL = key absent
 * @mesh: key of the same name, as all below
 * @name: text
 * @state: path
 * @socket: path
 * @user: account
 * @services: section
 * @runtime: section
 * @interface: section
 * @underlay: section
 * @ports: section
 * @seeds: list
 * @seeds_count: entries of @seeds
 * @beacon: section
 * @probe: section
 * @crypto: section
 * @session: section
 * @ipv4: section
 * @log: section
 * @names: section
 * @redirect: section
 * @policy: section
 * @qos: section
 * @proxy: section
 *
 * Numbers are 64 bits wide so that one that does not fit is a bounds error
 * with its line, not a wrap.
 */
struct config_file {
	char *mesh, *name, *state, *socket, *user;
	struct {
		char *directory;
	} services;
	struct {
		char **users, *bundles;
		uint32_t users_count;
	} runtime;
	struct {
		char *name;
		int64_t *mtu;
		bool *keep;
		char *topology, **centres;
		uint32_t centres_count;
	} interface;
	struct {
		char *carrier;
		char **include, **exclude;
		uint32_t include_count, exclude_count;
	} underlay;
	struct {
		int64_t *control, *data;
	} ports;
	char **seeds;
	uint32_t seeds_count;
	struct {
		char *listen, *upstream;
	} names;
	struct {
		char *cgroup;
	} redirect;
	struct {
		int64_t *interval_min_ms, *interval_max_ms;
	} beacon;
	struct {
		int64_t *interval_ms, *misses;
	} probe;
	struct {
		char *cipher;
		int64_t *rekey_s;
	} crypto;
	struct {
		int64_t *idle_s;
	} session;
	struct {
		char *pool;
	} ipv4;
	struct {
		char *level;
	} log;
	struct file_policy policy;
	struct file_qos qos;
	struct file_proxy proxy;
};

/** config_schema - of the whole file: a mapping into a struct config_file */
extern const cyaml_schema_value_t config_schema;

#endif
