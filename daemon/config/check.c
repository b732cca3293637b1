// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meaning of meshd.yaml: bounds, defaults, contradictions
 *
 * Numbers are one table: path, where it comes from and goes to, bounds,
 * default.  Everything else has a function of its own.
 */
#include "daemon/config/check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/trust/spiffe.h"
#include "hubmesh/wire.h"
#include "linux/hubmesh.h"

#define NAME_MAX_LEN 63 /* HUB_NAME_MAX of hub.h, a DNS label */
#define MTU_MIN 1280 /* IPv6, RFC 8200 section 5 */
#define MTU_MAX (HM_FRAME_MAX - HM_HDR_LEN - HM_ZONE_LEN - HM_INNER_MIN - HM_SEAL_TAG_LEN)
#define MTU_DEFAULT (1500 - HM_OVERHEAD_V6)

struct check {
	const struct config_file *file;
	const struct config_lines *lines;
	struct config *config;
	struct config_errors *errors;
};

#define FILE_AT(member) offsetof(struct config_file, member)
#define CONFIG_AT(member) offsetof(struct config, member), sizeof(((struct config *)NULL)->member)

static const struct number {
	const char *path;
	size_t from, to, size;
	int64_t min, max, fallback;
} numbers[] = {
	/* Bounds of the kernel's own: include/uapi/linux/hubmesh.h. */
	{"probe.interval_ms", FILE_AT(probe.interval_ms), CONFIG_AT(probe_ms), 10, 1000, 50},
	{"probe.misses", FILE_AT(probe.misses), CONFIG_AT(probe_misses), 2, 100, 3},
	{"interface.mtu", FILE_AT(interface.mtu), CONFIG_AT(mtu), MTU_MIN, MTU_MAX, MTU_DEFAULT},
	{"ports.control", FILE_AT(ports.control), CONFIG_AT(control_port), 1, 65535,
	 HM_PORT_CONTROL},
	{"ports.data", FILE_AT(ports.data), CONFIG_AT(data_port), 1, 65535, HM_PORT_DATA},
	{"beacon.interval_min_ms", FILE_AT(beacon.interval_min_ms),
	 CONFIG_AT(beacon_interval_min_ms), 100, 60000, 1000},
	{"beacon.interval_max_ms", FILE_AT(beacon.interval_max_ms),
	 CONFIG_AT(beacon_interval_max_ms), 1000, 3600000, 30000},
	{"crypto.rekey_s", FILE_AT(crypto.rekey_s), CONFIG_AT(rekey_s), 60, 604800, 3600},
	{"session.idle_s", FILE_AT(session.idle_s), CONFIG_AT(session_idle_s), 10, 86400, 60},
};

static void check_number(struct check *check, const struct number *number)
{
	const int64_t *given;
	int64_t value;
	void *to = (char *)check->config + number->to;

	memcpy(&given, (const char *)check->file + number->from, sizeof(given));
	value = given ? *given : number->fallback;
	if (value < number->min || value > number->max) {
		config_error(check->errors, config_lines_of(check->lines, number->path),
			     "%s is %" PRId64 "; write a number from %" PRId64 " to %" PRId64,
			     number->path, value, number->min, number->max);
		return;
	}
	if (number->size == sizeof(uint16_t))
		*(uint16_t *)to = (uint16_t)value;
	else
		*(uint32_t *)to = (uint32_t)value;
}

#define complain(check, path, ...) \
	config_error((check)->errors, config_lines_of((check)->lines, path), __VA_ARGS__)

static bool consists_of(const char *text, const char *allowed)
{
	return text[strspn(text, allowed)] == '\0';
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static void check_mesh(struct check *check)
{
	const char *mesh = check->file->mesh;

	if (!mesh) {
		complain(check, "mesh",
			 "'mesh' is missing; write mesh: NAME, the same on every hub");
		return;
	}
	if (!spiffe_mesh_is_valid(mesh)) {
		complain(check, "mesh",
			 "mesh '%s' is not a mesh name; write 1 to %d of a-z, 0-9, '.', '-' and "
			 "'_', with a letter or digit at both ends",
			 mesh, SPIFFE_MESH_MAX);
		return;
	}
	check->config->mesh = xstrdup(mesh);
}

/* The host's name up to the first dot, as far as it can be a hub's name. */
static char *default_name(void)
{
	char name[NAME_MAX_LEN + 1] = "";

	if (gethostname(name, sizeof(name) - 1) < 0)
		name[0] = '\0';
	name[strspn(name, LOWER UPPER DIGITS "-_")] = '\0';
	return xstrdup(name[0] ? name : "hub");
}

static void check_name(struct check *check)
{
	const char *name = check->file->name;

	if (name && (strlen(name) > NAME_MAX_LEN || !consists_of(name, LOWER UPPER DIGITS ".-_")))
		complain(check, "name",
			 "name '%s' is not a hub name; write 1 to %d letters, digits, '.', '-' or "
			 "'_'",
			 name, NAME_MAX_LEN);
	else
		check->config->name = name ? xstrdup(name) : default_name();
}

static void check_path(struct check *check, const char *path, const char *value,
		       const char *fallback, size_t max, char **ret)
{
	if (!value)
		value = fallback;
	if (value[0] != '/')
		complain(check, path, "%s '%s' is not absolute; write a path that starts with /",
			 path, value);
	else if (strlen(value) > max)
		complain(check, path, "%s is longer than %zu bytes; write a shorter path", path,
			 max);
	else
		*ret = xstrdup(value);
}

static bool is_account_name(const char *user)
{
	return user[0] && strlen(user) <= 31 && consists_of(user, LOWER UPPER DIGITS "_-.") &&
	       user[0] != '-';
}

static void check_user(struct check *check)
{
	const char *user = check->file->user;

	if (!user)
		return;
	if (!is_account_name(user))
		complain(check, "user", "user '%s' is not an account name; write one, e.g. hubmesh",
			 user);
	else
		check->config->user = xstrdup(user);
}

static void check_interface(struct check *check)
{
	const char *name = check->file->interface.name ?: "mesh0";
	bool is_name = strlen(name) < IFNAMSIZ && strcmp(name, ".") != 0 &&
		       strcmp(name, "..") != 0 && strcmp(name, "lo") != 0;

	for (const char *c = name; *c; c++)
		if (!isgraph((unsigned char)*c) || *c == '/' || *c == ':' || *c == '%')
			is_name = false;
	if (!is_name)
		complain(check, "interface.name",
			 "interface.name '%s' cannot name an interface; write up to %d characters "
			 "without / : %% or blanks, e.g. mesh0",
			 name, IFNAMSIZ - 1);
	else
		check->config->ifname = xstrdup(name);
	check->config->keep_interface = check->file->interface.keep && *check->file->interface.keep;
}

static void check_topology(struct check *check)
{
	static const struct {
		const char *name;
		uint32_t flags;
	} topologies[] = {
		{"full-mesh", 0},
		{"hub-and-spoke", HUBMESH_PEERS_F_UNICAST | HUBMESH_PEERS_F_FLOOD},
		{"tree", HUBMESH_PEERS_F_UNICAST},
		{"isolated",
		 HUBMESH_PEERS_F_UNICAST | HUBMESH_PEERS_F_FLOOD | HUBMESH_PEERS_F_RESOLUTION},
	};
	const char *topology = check->file->interface.topology ?: topologies[0].name;
	size_t i = 0;

	while (i < ARRAY_SIZE(topologies) && strcmp(topology, topologies[i].name) != 0)
		i++;
	if (i == ARRAY_SIZE(topologies)) {
		complain(check, "interface.topology",
			 "interface.topology '%.32s' is unknown; write full-mesh, hub-and-spoke, "
			 "tree or isolated",
			 topology);
		return;
	}
	check->config->peers_flags = topologies[i].flags;
	if (topologies[i].flags & HUBMESH_PEERS_F_FLOOD && !check->file->interface.centres_count)
		complain(check, "interface.topology",
			 "interface.topology %s needs somebody to talk to; write "
			 "interface.centres: [hub ids], as meshctl hubs shows them",
			 topology);
	if (!topologies[i].flags && check->file->interface.centres_count)
		complain(check, "interface.centres",
			 "interface.centres means nothing in a full mesh; write an "
			 "interface.topology, or leave it out");
}

static void check_centres(struct check *check)
{
	struct config *config = check->config;
	char path[CONFIG_PATH_MAX];

	for (uint32_t i = 0; i < check->file->interface.centres_count; i++) {
		const char *text = check->file->interface.centres[i];

		if (hub_id_parse(text, &config->centres[config->n_centres]) == 0) {
			config->n_centres++;
			continue;
		}
		snprintf(path, sizeof(path), "interface.centres[%u]", i);
		complain(check, path,
			 "'%.32s' is not a hub id; write one like \"02:11:22:33:44:55\"", text);
	}
}

static size_t check_patterns(struct check *check, const char *key, char **from, uint32_t n,
			     char **to)
{
	char path[CONFIG_PATH_MAX];

	for (uint32_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "underlay.%s[%u]", key, i);
		if (strlen(from[i]) > 2 * IFNAMSIZ || strchr(from[i], '/'))
			complain(
				check, path,
				"'%.64s' cannot match an interface; write a name or a pattern such "
				"as eth*",
				from[i]);
		to[i] = xstrdup(from[i]);
	}
	return n;
}

static bool is_unicast(const struct endpoint *ep)
{
	uint32_t v4 = ntohl(ep->addr4.s_addr);

	if (ep->family == AF_INET)
		return v4 != 0 && !IN_MULTICAST(v4) && v4 != INADDR_BROADCAST;
	return !IN6_IS_ADDR_UNSPECIFIED(&ep->addr6) && !IN6_IS_ADDR_MULTICAST(&ep->addr6);
}

/* A datagram to fe80::1 has nowhere to go. */
static bool lacks_scope(const struct endpoint *ep)
{
	return ep->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&ep->addr6) && !ep->ifindex;
}

static void check_seeds(struct check *check)
{
	struct config *config = check->config;
	char path[CONFIG_PATH_MAX];

	for (uint32_t i = 0; i < check->file->seeds_count; i++) {
		struct endpoint *seed = &config->seeds[config->n_seeds];

		snprintf(path, sizeof(path), "seeds[%u]", i);
		if (endpoint_parse(check->file->seeds[i], seed) == 0 && lacks_scope(seed)) {
			complain(check, path,
				 "seed '%.64s' is of one network only, and does not say which; "
				 "leave it out: multicast finds who is there",
				 check->file->seeds[i]);
			continue;
		}
		if (endpoint_parse(check->file->seeds[i], seed) < 0 || !is_unicast(seed)) {
			complain(check, path,
				 "seed '%.64s' is not a unicast address; write \"192.0.2.7\", "
				 "\"192.0.2.7:4878\" or \"[2001:db8::1]:4878\"",
				 check->file->seeds[i]);
			continue;
		}
		if (seed->port == 0)
			seed->port = config->control_port;
		config->n_seeds++;
	}
}

static void check_carrier(struct check *check)
{
	const char *carrier = check->file->underlay.carrier ?: "auto";

	check->config->is_udp_only = strcmp(carrier, "udp") == 0;
	if (!check->config->is_udp_only && strcmp(carrier, "auto") != 0)
		complain(check, "underlay.carrier",
			 "underlay.carrier '%s' is unknown; write auto (Ethernet between hubs on "
			 "one segment, else UDP) or udp",
			 carrier);
}

static void check_cipher(struct check *check)
{
	const char *cipher = check->file->crypto.cipher ?: "aes-256-gcm";

	if (strcmp(cipher, "aes-256-gcm") == 0)
		check->config->cipher = HUBMESH_CIPHER_AES_256_GCM;
	else if (strcmp(cipher, "chacha20-poly1305") == 0)
		check->config->cipher = HUBMESH_CIPHER_CHACHA20_POLY1305;
	else
		complain(check, "crypto.cipher",
			 "crypto.cipher '%s' is unknown; write aes-256-gcm or chacha20-poly1305",
			 cipher);
}

static void check_pool(struct check *check)
{
	const char *pool = check->file->ipv4.pool;
	unsigned long prefix_len = 0;
	char text[INET_ADDRSTRLEN];
	const char *slash;
	struct in_addr addr;
	uint32_t net, host_mask;
	char *end = NULL;

	if (!pool)
		return;
	slash = strchr(pool, '/');
	if (slash && (size_t)(slash - pool) < sizeof(text) && isdigit((unsigned char)slash[1])) {
		memcpy(text, pool, (size_t)(slash - pool));
		text[slash - pool] = '\0';
		prefix_len = strtoul(slash + 1, &end, 10);
	}
	if (!end || *end != '\0' || inet_pton(AF_INET, text, &addr) != 1) {
		complain(check, "ipv4.pool",
			 "ipv4.pool '%s' is not a network; write one like 10.77.0.0/16", pool);
		return;
	}
	if (prefix_len < 8 || prefix_len > 30) {
		complain(check, "ipv4.pool", "ipv4.pool is a /%lu; write a prefix from /8 to /30",
			 prefix_len);
		return;
	}
	net = ntohl(addr.s_addr);
	host_mask = UINT32_MAX >> prefix_len;
	if (net & host_mask) {
		addr.s_addr = htonl(net & ~host_mask);
		complain(check, "ipv4.pool", "ipv4.pool '%s' has host bits; write %s/%lu", pool,
			 inet_ntop(AF_INET, &addr, text, sizeof(text)), prefix_len);
		return;
	}
	if (net >> 24 == 0 || net >> 24 == 127 || net >> 24 >= 224) {
		complain(check, "ipv4.pool",
			 "ipv4.pool '%s' cannot be given to hubs; write a private network like "
			 "10.77.0.0/16",
			 pool);
		return;
	}
	check->config->ipv4_pool = net;
	check->config->ipv4_pool_prefix_len = (uint8_t)prefix_len;
}

/* Beside the identity unless said otherwise. */
static void check_services(struct check *check)
{
	char beside[2 * CONFIG_TEXT_MAX];

	if (!check->config->state_dir)
		return; /* refused already */
	snprintf(beside, sizeof(beside), "%s/services", check->config->state_dir);
	check_path(check, "services.directory", check->file->services.directory, beside,
		   sizeof(beside), &check->config->services_dir);
}

static void check_runtime(struct check *check)
{
	struct config *config = check->config;
	char path[CONFIG_PATH_MAX];

	for (uint32_t i = 0; i < check->file->runtime.users_count; i++) {
		const char *user = check->file->runtime.users[i];

		snprintf(path, sizeof(path), "runtime.users[%u]", i);
		if (!is_account_name(user))
			complain(check, path,
				 "'%.32s' is not an account name; write one, e.g. nobody", user);
		else
			config->runtime_users[config->n_runtime_users++] = xstrdup(user);
	}
	if (!check->file->runtime.bundles)
		return;
	check_path(check, "runtime.bundles", check->file->runtime.bundles, NULL, CONFIG_TEXT_MAX,
		   &config->runtime_bundles);
	if (!check->file->runtime.users_count)
		complain(check, "runtime.bundles",
			 "runtime.bundles needs runtime.users; write users: [nobody] beside it");
}

static void check_log(struct check *check)
{
	static const char *const names[] = {
		[LOG_LEVEL_ERROR] = "error",
		[LOG_LEVEL_WARNING] = "warning",
		[LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug",
	};
	const char *level = check->file->log.level ?: "info";

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(level, names[i]) == 0) {
			check->config->log_level = (int)i;
			return;
		}
	}
	complain(check, "log.level",
		 "log.level '%s' is unknown; write error, warning, info or debug", level);
}

static void check_contradictions(struct check *check)
{
	const struct config *config = check->config;

	if (config->control_port && config->control_port == config->data_port)
		complain(check, "ports.data",
			 "ports.data equals ports.control (%u), both use UDP; write two ports",
			 config->data_port);
	if (config->proxy->has_port && config->control_port == config->proxy->port)
		complain(check, "proxy.port",
			 "proxy.port equals ports.control (%u), both use TCP; write two ports",
			 config->control_port);
	if (config->beacon_interval_min_ms && config->beacon_interval_max_ms &&
	    config->beacon_interval_min_ms > config->beacon_interval_max_ms)
		complain(check, "beacon.interval_max_ms",
			 "beacon.interval_max_ms (%u) is below beacon.interval_min_ms (%u); write "
			 "at least as much",
			 config->beacon_interval_max_ms, config->beacon_interval_min_ms);
}

int config_check(const struct config_file *file, const struct config_lines *lines,
		 struct config *ret, struct config_errors *errors)
{
	struct check check = {.file = file, .lines = lines, .config = ret, .errors = errors};
	size_t socket_max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		check_number(&check, &numbers[i]);
	check_mesh(&check);
	check_name(&check);
	check_path(&check, "state", file->state, "/var/lib/hubmesh", CONFIG_TEXT_MAX,
		   &ret->state_dir);
	check_path(&check, "socket", file->socket, "/run/hubmesh/meshd.sock", socket_max,
		   &ret->socket_path);
	check_services(&check);
	check_runtime(&check);
	check_user(&check);
	check_interface(&check);
	check_topology(&check);
	check_centres(&check);
	ret->n_include = check_patterns(&check, "include", file->underlay.include,
					file->underlay.include_count, ret->include);
	ret->n_exclude = check_patterns(&check, "exclude", file->underlay.exclude,
					file->underlay.exclude_count, ret->exclude);
	check_carrier(&check);
	check_seeds(&check);
	check_cipher(&check);
	check_pool(&check);
	check_log(&check);
	config_check_names(file, lines, ret, errors);
	ret->policy = policy_new();
	config_check_policy(&file->policy, &file->qos, lines, ret->policy, errors);
	ret->proxy = xnew(struct proxy_settings);
	config_check_proxy(&file->proxy, lines, ret->proxy, errors);
	check_contradictions(&check);
	return errors->n ? -EINVAL : 0;
}
