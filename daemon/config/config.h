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
#include "daemon/policy/policy.h"
#include "daemon/proxy/settings.h"
#include "daemon/lib/hub_id.h"

#define CONFIG_SEEDS_MAX 64
#define CONFIG_INTERFACES_MAX 32
#define CONFIG_CENTRES_MAX 64
#define CONFIG_RUNTIME_USERS_MAX 8
#define CONFIG_FILE_MAX (1 << 20)

/**
 * struct config - validated settings with defaults filled in
 * @mesh: SPIFFE trust domain
 * @name: hub name for people
 * @state_dir: absolute path
 * @socket_path: of the local API, absolute
 * @services_dir: definitions of services, absolute
 * @ifname: mesh interface
 * @user: account to run as, NULL = stay
 * @runtime_users: accounts programs of services may run as; none: no program is run
 * @n_runtime_users: entries of @runtime_users
 * @runtime_bundles: OCI bundles lie below this directory, NULL = none is run
 * @include: patterns of underlay interfaces; none = every Ethernet one
 * @exclude: patterns that win over @include
 * @n_include: entries of @include
 * @n_exclude: entries of @exclude
 * @seeds: unicast beacon targets, each with a port
 * @n_seeds: entries of @seeds
 * @control_port: TCP and beacon UDP port, host order
 * @data_port: UDP port of the kernel's carrier, host order
 * @mtu: of the mesh interface
 * @probe_ms: the kernel's probe interval
 * @probe_misses: silent intervals until a link is down
 * @is_udp_only: frames to neighbours never ride in Ethernet
 * @cipher: preferred enum hubmesh_cipher
 * @beacon_interval_min_ms: Trickle Imin
 * @beacon_interval_max_ms: Trickle Imax
 * @rekey_s: age of a key before it is replaced
 * @session_idle_s: a mesh session without messages closes after this
 * @ipv4_pool: host order, 0 = none
 * @ipv4_pool_prefix_len: 8..30
 * @keep_interface: leave the interface and its traffic when meshd stops
 * @peers_flags: HUBMESH_PEERS_F_* of the topology
 * @centres: hubs it names
 * @n_centres: entries of @centres
 * @log_level: enum log_level
 * @names_listen: of the name server, loopback; family 0: it is off
 * @names_upstream: whom it asks for other names; family 0: nobody
 * @redirect_cgroup: whose programs are redirected; NULL: the cgroup2 that is mounted
 * @is_redirect_off: nobody's are
 * @policy: who may send what, what goes first; never NULL once loaded
 * @proxy: services reached and offered through the proxy; never NULL once loaded
 */
struct config {
	char *mesh, *name, *state_dir, *socket_path, *services_dir, *ifname, *user;
	char *runtime_users[CONFIG_RUNTIME_USERS_MAX], *runtime_bundles;
	size_t n_runtime_users;
	char *include[CONFIG_INTERFACES_MAX], *exclude[CONFIG_INTERFACES_MAX];
	size_t n_include, n_exclude;
	struct endpoint seeds[CONFIG_SEEDS_MAX];
	size_t n_seeds;
	uint16_t control_port, data_port;
	uint32_t mtu, probe_ms, probe_misses;
	bool is_udp_only;
	uint32_t cipher;
	uint32_t beacon_interval_min_ms, beacon_interval_max_ms;
	uint32_t rekey_s, session_idle_s;
	uint32_t ipv4_pool;
	uint8_t ipv4_pool_prefix_len;
	bool keep_interface;
	uint32_t peers_flags;
	struct hub_id centres[CONFIG_CENTRES_MAX];
	size_t n_centres;
	int log_level;
	struct endpoint names_listen, names_upstream;
	char *redirect_cgroup;
	bool is_redirect_off;
	struct policy *policy;
	struct proxy_settings *proxy;
};

/**
 * config_load() - Read, check, fill in defaults.
 * @path: file
 * @ret: filled on success, to be given to config_fini(); untouched on failure
 * @error_size: bytes available in @error
 * @error: receives one line per problem, "file:line: what; write ..." (size @error_size)
 * Return: 0; -errno opening; -EINVAL content.
 */
int config_load(const char *path, struct config *ret, char *error, size_t error_size);
/** config_parse() - The same from memory; @name stands for the file in errors. */
int config_parse(const char *name, const uint8_t *bytes, size_t len, struct config *ret,
		 char *error, size_t error_size);
void config_fini(struct config *config);

#endif
