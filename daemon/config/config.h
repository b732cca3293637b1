/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: config: /etc/hubmesh/meshd.yaml
 *
 * libcyaml schema; every error names file, line and what to write instead;
 * unknown keys are refused.  Documentation/man/meshd.yaml.5.rst lists the keys.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/endpoint.h"

#define CONFIG_SEEDS_MAX 64
#define CONFIG_INTERFACES_MAX 32
#define CONFIG_FILE_MAX (1 << 20)

/**
 * struct config - validated settings with defaults filled in
 */
struct config {
	char *mesh, *name, *state_dir, *socket_path, *ifname, *user;
	char *include[CONFIG_INTERFACES_MAX], *exclude[CONFIG_INTERFACES_MAX];
	size_t n_include, n_exclude;
	struct endpoint seeds[CONFIG_SEEDS_MAX];
	size_t n_seeds;
	uint16_t control_port, data_port;
	uint32_t mtu, probe_ms, probe_misses;
	uint32_t cipher; /* enum hubmesh_cipher */
	uint32_t beacon_interval_min_ms, beacon_interval_max_ms;
	uint32_t rekey_s, session_idle_s;
	uint32_t ipv4_pool; /* host order, 0 = none */
	uint8_t ipv4_pool_prefix_len;
	bool keep_interface; /* leave mesh0 and its traffic when meshd stops */
	int log_level;	     /* 0 error .. 3 debug */
};

/**
 * config_load() - Read, check, fill in defaults.
 * @error: receives one line per problem, "file:line: what; write ..." (size @error_size)
 * Return: 0; -errno opening; -EINVAL content.
 */
int config_load(const char *path, struct config *ret, char *error, size_t error_size);
/** config_parse() - The same from memory; @name stands for the file in errors. */
int config_parse(const char *name, const uint8_t *bytes, size_t len, struct config *ret,
		 char *error, size_t error_size);
void config_fini(struct config *config);

#endif
