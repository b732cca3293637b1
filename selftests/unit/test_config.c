// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshd.yaml: what is accepted, what is refused and with which sentence
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/config/config.h"
#include "daemon/lib/log.h"
#include "hubmesh/wire.h"
#include "linux/hubmesh.h"

static char error[8192];

static int parse(const char *text, struct config *config)
{
	return config_parse("f", (const uint8_t *)text, strlen(text), config, error, sizeof(error));
}

/* Refused, with this in the errors. */
static void expect_refused(const char *text, const char *expected)
{
	struct config config = {.mtu = 77};

	assert_int_equal(parse(text, &config), -EINVAL);
	if (!strstr(error, expected))
		fail_msg("expected \"%s\" in:\n%s", expected, error);
	assert_int_equal(config.mtu, 77);
	assert_null(config.mesh);
}

static void expect_accepted(const char *text)
{
	struct config config = {0};

	if (parse(text, &config))
		fail_msg("refused:\n%s", error);
	config_fini(&config);
}

static void config_reads_topologies_and_their_centres(void **state)
{
	struct config c = {0};

	assert_int_equal(parse("mesh: a\ninterface: {topology: isolated, centres: "
			       "[\"02:00:00:00:00:01\", \"06:00:00:00:00:02\"]}\n",
			       &c),
			 0);
	assert_int_equal(c.peers_flags, HUBMESH_PEERS_F_UNICAST | HUBMESH_PEERS_F_FLOOD |
						HUBMESH_PEERS_F_RESOLUTION);
	assert_int_equal(c.n_centres, 2);
	assert_int_equal(c.centres[1].b[5], 2);
	config_fini(&c);
	assert_int_equal(parse("mesh: a\ninterface: {topology: tree}\n", &c), 0);
	assert_int_equal(c.peers_flags, HUBMESH_PEERS_F_UNICAST);
	config_fini(&c);
	expect_accepted("mesh: a\ninterface: {topology: full-mesh}\n");
	expect_refused("mesh: a\ninterface: {topology: ring}\n", "'ring' is unknown");
	expect_refused("mesh: a\ninterface: {topology: hub-and-spoke}\n", "needs somebody");
	expect_refused("mesh: a\ninterface: {centres: [\"02:00:00:00:00:01\"]}\n",
		       "means nothing in a full mesh");
	expect_refused("mesh: a\ninterface: {topology: tree, centres: [shop-1]}\n",
		       "'shop-1' is not a hub id");
	expect_refused("mesh: a\ninterface: {topology: tree, centres: [\"01:00:00:00:00:01\"]}\n",
		       "is not a hub id");
}

static void config_reads_names_and_redirect(void **state)
{
	char text[ENDPOINT_STRLEN];
	struct config c = {0};

	assert_int_equal(parse("mesh: a\n", &c), 0);
	assert_string_equal(endpoint_format(&c.names_listen, text), "127.77.0.1:53");
	assert_int_equal(c.names_upstream.family, 0);
	assert_null(c.redirect_cgroup);
	assert_false(c.is_redirect_off);
	config_fini(&c);
	assert_int_equal(parse("mesh: a\nnames: {listen: \"[::1]:5353\", upstream: 192.0.2.53}\n"
			       "redirect: {cgroup: /sys/fs/cgroup/a}\n",
			       &c),
			 0);
	assert_string_equal(endpoint_format(&c.names_listen, text), "[::1]:5353");
	assert_string_equal(endpoint_format(&c.names_upstream, text), "192.0.2.53:53");
	assert_string_equal(c.redirect_cgroup, "/sys/fs/cgroup/a");
	config_fini(&c);
	assert_int_equal(parse("mesh: a\nnames: {listen: none}\nredirect: {cgroup: none}\n", &c),
			 0);
	assert_int_equal(c.names_listen.family, 0);
	assert_true(c.is_redirect_off);
	config_fini(&c);
	expect_refused("mesh: a\nnames: {listen: 192.0.2.1}\n", "not a loopback address");
	expect_refused("mesh: a\nnames: {listen: localhost}\n", "not a loopback address");
	expect_refused("mesh: a\nnames: {upstream: dns.example}\n", "address of a name server");
	expect_refused("mesh: a\nnames: {upstream: 0.0.0.0}\n", "address of a name server");
	expect_refused("mesh: a\nnames: {upstream: 127.77.0.1}\n", "ask itself");
	expect_refused("mesh: a\nredirect: {cgroup: sys/fs}\n", "is not absolute");
}

static void config_reads_who_programs_may_run_as(void **state)
{
	struct config c = {0};

	assert_int_equal(
		parse("mesh: a\nruntime: {users: [nobody, www-data], bundles: /srv/b}\n", &c), 0);
	assert_int_equal(c.n_runtime_users, 2);
	assert_string_equal(c.runtime_users[1], "www-data");
	assert_string_equal(c.runtime_bundles, "/srv/b");
	config_fini(&c);
	expect_refused("mesh: a\nruntime: {users: [\"-x\"]}\n", "'-x' is not an account name");
	expect_refused("mesh: a\nruntime: {bundles: /srv/b}\n", "needs runtime.users");
	expect_refused("mesh: a\nruntime: {users: [nobody], bundles: b}\n", "is not absolute");
}

static void config_fills_defaults(void **state)
{
	struct config c = {0};

	assert_int_equal(parse("mesh: a\n", &c), 0);
	assert_string_equal(c.mesh, "a");
	assert_string_equal(c.state_dir, "/var/lib/hubmesh");
	assert_string_equal(c.socket_path, "/run/hubmesh/meshd.sock");
	assert_string_equal(c.services_dir, "/var/lib/hubmesh/services");
	assert_string_equal(c.ifname, "mesh0");
	assert_non_null(c.name);
	assert_null(c.user);
	assert_int_equal(c.control_port, HM_PORT_CONTROL);
	assert_int_equal(c.data_port, HM_PORT_DATA);
	assert_int_equal(c.mtu, 1380);
	assert_int_equal(c.probe_ms, 50);
	assert_int_equal(c.probe_misses, 3);
	assert_int_equal(c.cipher, HUBMESH_CIPHER_AES_256_GCM);
	assert_int_equal(c.rekey_s, 3600);
	assert_int_equal(c.ipv4_pool, 0);
	assert_int_equal(c.log_level, LOG_LEVEL_INFO);
	assert_false(c.keep_interface);
	config_fini(&c);
}

static void config_reads_every_key(void **state)
{
	static const char text[] =
		"mesh: m.example\nname: hub-a\nstate: /s\nsocket: /r/s\n"
		"user: hubmesh\n"
		"interface: {name: mesh7, mtu: 1400, keep: true}\n"
		"underlay: {carrier: udp, include: [eth*, en0], exclude: [eth9]}\n"
		"ports: {control: 1000, data: 1001}\n"
		"seeds: [\"192.0.2.7\", \"[2001:db8::1]:99\"]\n"
		"beacon: {interval_min_ms: 200, interval_max_ms: 2000}\n"
		"probe: {interval_ms: 20, misses: 5}\n"
		"crypto: {cipher: chacha20-poly1305, rekey_s: 120}\n"
		"session: {idle_s: 30}\nipv4: {pool: 10.77.0.0/16}\n"
		"log: {level: debug}\n";
	struct config c = {0};

	assert_int_equal(parse(text, &c), 0);
	assert_string_equal(c.name, "hub-a");
	assert_string_equal(c.user, "hubmesh");
	assert_string_equal(c.ifname, "mesh7");
	assert_true(c.keep_interface);
	assert_int_equal(c.n_include, 2);
	assert_string_equal(c.include[1], "en0");
	assert_string_equal(c.exclude[0], "eth9");
	assert_true(c.is_udp_only);
	assert_int_equal(c.n_seeds, 2);
	assert_int_equal(c.seeds[0].port, 1000); /* the control port by default */
	assert_int_equal(c.seeds[1].port, 99);
	assert_int_equal(c.seeds[1].family, AF_INET6);
	assert_int_equal(c.cipher, HUBMESH_CIPHER_CHACHA20_POLY1305);
	assert_int_equal(c.ipv4_pool, 0x0a4d0000);
	assert_int_equal(c.ipv4_pool_prefix_len, 16);
	assert_int_equal(c.session_idle_s, 30);
	assert_int_equal(c.log_level, LOG_LEVEL_DEBUG);
	config_fini(&c);
}

static void config_refuses_unknown_key_with_line_and_choices(void **state)
{
	expect_refused("mesh: a\nprobe:\n  interval: 5\n",
		       "f:3: unknown key 'interval'; write one of: interval_ms, misses\n");
	expect_refused("mesh: a\n\nprobes: {misses: [3]}\n", "f:3: unknown key 'probes'");
	expect_accepted("mesh: a\nprobe:\n  interval_ms: 50\n");
}

static void config_reports_several_problems_at_once(void **state)
{
	expect_refused("mesh: a\nprobe: {misses: 1}\nports: {data: 0}\n", "f:2: probe.misses is 1");
	assert_non_null(strstr(error, "f:3: ports.data is 0; write a number from 1 to 65535\n"));
}

static void config_refuses_numbers_out_of_bounds(void **state)
{
	static const struct {
		const char *format;
		long min, max;
	} cases[] = {
		{"mesh: a\nprobe: {interval_ms: %ld}\n", 10, 1000},
		{"mesh: a\nprobe: {misses: %ld}\n", 2, 100},
		{"mesh: a\ninterface: {mtu: %ld}\n", 1280, 64928},
		{"mesh: a\nports: {control: %ld}\n", 1, 65535},
		{"mesh: a\nports: {data: %ld}\n", 1, 65535},
		{"mesh: a\nbeacon: {interval_max_ms: 60000, interval_min_ms: %ld}\n", 100, 60000},
		{"mesh: a\nbeacon: {interval_min_ms: 100, interval_max_ms: %ld}\n", 1000, 3600000},
		{"mesh: a\ncrypto: {rekey_s: %ld}\n", 60, 604800},
		{"mesh: a\nsession: {idle_s: %ld}\n", 10, 86400},
	};
	char text[128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const long bad[] = {cases[i].min - 1, cases[i].max + 1, -1,
				    4294967296 + cases[i].min};
		const long good[] = {cases[i].min, cases[i].max};

		for (size_t j = 0; j < 4; j++) {
			snprintf(text, sizeof(text), cases[i].format, bad[j]);
			expect_refused(text, "write a number from");
		}
		for (size_t j = 0; j < 2; j++) {
			snprintf(text, sizeof(text), cases[i].format, good[j]);
			expect_accepted(text);
		}
	}
}

static void config_refuses_what_is_no_number(void **state)
{
	expect_refused("mesh: a\nports: {control: 12k}\n",
		       "f:2: ports.control '12k' is not a number");
	expect_refused("mesh: a\nports: {control: 010}\n", "is not a number");
	expect_refused("mesh: a\nports: {control: 0x10}\n", "is not a number");
	expect_refused("mesh: a\nports: {control: 99999999999999999999999}\n", "is not a number");
	expect_refused("mesh: a\ninterface: {keep: maybe}\n", "write true or false");
	expect_accepted("mesh: a\ninterface: {keep: false}\n");
}

static void config_refuses_wrong_shapes(void **state)
{
	expect_refused("", "nothing is configured");
	expect_refused("just words\n", "write one key: value a line, a blank behind the colon");
	expect_refused("mesh:\n", "f:1: 'mesh' is empty; write a value, or leave it out");
	expect_refused("mesh: a\n\tname: b\n", "indented by blanks, as in man meshd.yaml");
	expect_refused("mesh: [a]\n", "f:1: mesh must be one value");
	expect_refused("mesh: a\nports: 3\n", "f:2: ports must hold keys");
	expect_refused("mesh: a\nseeds: 192.0.2.1\n", "f:2: seeds must be a list");
	expect_refused("mesh: a\nmesh: b\n", "f:2: 'mesh' is given twice");
	expect_refused("mesh: &x a\nname: *x\n", "f:2: 'name' uses a YAML alias");
	expect_refused("mesh: a\n---\nmesh: b\n", "f:2: a second document");
	expect_refused("mesh: a\nname:\n", "f:2: 'name' is empty");
	expect_refused("mesh: a\n? [x]\n: y\n", "a key must be a word");
	expect_refused("mesh: \"a\\0b\"\n", "holds a NUL");
	expect_refused("mesh: {\n", "this is not YAML");
	expect_accepted("mesh: a\nseeds: []\nports: {}\n");
}

static void config_refuses_too_many_seeds(void **state)
{
	char text[4096] = "mesh: a\nseeds: [";
	size_t n;

	for (int i = 0; i < CONFIG_SEEDS_MAX; i++)
		strcat(text, "192.0.2.1,");
	n = strlen(text);
	strcpy(text + n, "]\n");
	expect_accepted(text);
	strcpy(text + n, "192.0.2.1]\n");
	expect_refused(text, "has more than 64 entries");
}

static void config_refuses_bad_names(void **state)
{
	expect_refused("name: a\n", "'mesh' is missing");
	expect_refused("mesh: Upper\n", "is not a mesh name");
	expect_refused("mesh: -a\n", "is not a mesh name");
	expect_refused("mesh: a.\n", "is not a mesh name");
	expect_refused("mesh: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
		       "is not a mesh name"); /* 64 */
	expect_accepted("mesh: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n");
	expect_accepted("mesh: shop_floor\n"); /* as meshctl ca init takes it */
	expect_refused("mesh: a\nname: a b\n", "is not a hub name");
	expect_refused("mesh: a\nuser: -x\n", "is not an account name");
	expect_refused("mesh: a\ninterface: {name: a/b}\n", "cannot name an interface");
	expect_refused("mesh: a\ninterface: {name: 0123456789abcdef}\n",
		       "cannot name an interface");
	expect_refused("mesh: a\ninterface: {name: lo}\n", "cannot name an interface");
	expect_accepted("mesh: a\ninterface: {name: 0123456789abcde}\n");
	expect_refused("mesh: a\nstate: relative\n", "is not absolute");
	expect_refused("mesh: a\nunderlay: {include: [a/b]}\n", "cannot match an interface");
}

static void config_refuses_bad_addresses(void **state)
{
	expect_refused("mesh: a\nseeds: [hub.example]\n",
		       "f:2: seed 'hub.example' is not a unicast address");
	expect_refused("mesh: a\nseeds: [\"fe80::1\"]\n", "f:2: seed 'fe80::1' is of one network");
	expect_accepted("mesh: a\nseeds: [\"fe80::1%3\"]\n");
	expect_refused("mesh: a\nseeds: [224.0.0.1]\n", "is not a unicast address");
	expect_refused("mesh: a\nseeds: [\"[ff02::1]\"]\n", "is not a unicast address");
	expect_refused("mesh: a\nipv4: {pool: 10.0.0.0}\n", "is not a network");
	expect_refused("mesh: a\nipv4: {pool: 10.0.0.0/}\n", "is not a network");
	expect_refused("mesh: a\nipv4: {pool: 10.0.0.0/16x}\n", "is not a network");
	expect_refused("mesh: a\nipv4: {pool: 10.0.0.0/7}\n", "write a prefix from /8 to /30");
	expect_refused("mesh: a\nipv4: {pool: 10.0.0.0/31}\n", "write a prefix from /8 to /30");
	expect_refused("mesh: a\nipv4: {pool: 10.77.1.0/16}\n",
		       "has host bits; write 10.77.0.0/16");
	expect_refused("mesh: a\nipv4: {pool: 127.0.0.0/8}\n", "cannot be given to hubs");
	expect_refused("mesh: a\nipv4: {pool: 224.0.0.0/8}\n", "cannot be given to hubs");
	expect_accepted("mesh: a\nipv4: {pool: 10.0.0.0/8}\n");
}

static void config_refuses_contradictions(void **state)
{
	expect_refused("mesh: a\nports: {control: 5, data: 5}\n",
		       "ports.data equals ports.control");
	expect_refused("mesh: a\nbeacon: {interval_min_ms: 5000, interval_max_ms: 4999}\n",
		       "is below beacon.interval_min_ms");
	/* The other one is a default, and has no line. */
	expect_refused("mesh: a\nbeacon:\n  interval_min_ms: 40000\n",
		       "f:3: beacon.interval_max_ms (30000) is below");
	expect_refused("mesh: a\nports:\n  control: 4877\n", "f:3: ports.data equals");
	expect_accepted("mesh: a\nbeacon: {interval_min_ms: 5000, interval_max_ms: 5000}\n");
	expect_refused("mesh: a\nunderlay: {carrier: pigeon}\n",
		       "f:2: underlay.carrier 'pigeon' is unknown");
	expect_refused("mesh: a\ncrypto: {cipher: rot13}\n",
		       "f:2: crypto.cipher 'rot13' is unknown");
	expect_refused("mesh: a\nlog: {level: loud}\n", "f:2: log.level 'loud' is unknown");
}

static void config_error_text_is_bounded(void **state)
{
	char text[8192] = "";
	struct config config = {0};
	char small[40];

	for (int i = 0; i < 300; i++)
		strcat(text, "unknown: 1\n");
	assert_int_equal(parse(text, &config), -EINVAL);
	assert_true(strlen(error) < sizeof(error));
	for (size_t size = 0; size <= sizeof(small); size++) {
		memset(small, 'x', sizeof(small));
		assert_int_equal(config_parse("f", (const uint8_t *)text, strlen(text), &config,
					      small, size),
				 -EINVAL);
		assert_true(size == 0 || strnlen(small, size) < size);
		assert_true(size == sizeof(small) || small[size] == 'x');
	}
}

static void config_load_says_what_is_missing(void **state)
{
	struct config config = {0};

	assert_int_equal(config_load("/nonexistent/meshd.yaml", &config, error, sizeof(error)),
			 -ENOENT);
	assert_non_null(strstr(error, "/nonexistent/meshd.yaml: No such file"));
}

static void config_accepts_the_example(void **state)
{
	struct config config = {0};

	if (access("scripts/meshd.yaml.example", R_OK) < 0)
		skip(); /* not run from the top directory */
	if (config_load("scripts/meshd.yaml.example", &config, error, sizeof(error)))
		fail_msg("refused:\n%s", error);
	config_fini(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_reads_who_programs_may_run_as),
		cmocka_unit_test(config_fills_defaults),
		cmocka_unit_test(config_reads_names_and_redirect),
		cmocka_unit_test(config_reads_topologies_and_their_centres),
		cmocka_unit_test(config_reads_every_key),
		cmocka_unit_test(config_refuses_unknown_key_with_line_and_choices),
		cmocka_unit_test(config_reports_several_problems_at_once),
		cmocka_unit_test(config_refuses_numbers_out_of_bounds),
		cmocka_unit_test(config_refuses_what_is_no_number),
		cmocka_unit_test(config_refuses_wrong_shapes),
		cmocka_unit_test(config_refuses_too_many_seeds),
		cmocka_unit_test(config_refuses_bad_names),
		cmocka_unit_test(config_refuses_bad_addresses),
		cmocka_unit_test(config_refuses_contradictions),
		cmocka_unit_test(config_error_text_is_bounded),
		cmocka_unit_test(config_load_says_what_is_missing),
		cmocka_unit_test(config_accepts_the_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
