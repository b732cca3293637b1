// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: section proxy: of meshd.yaml: what it means, what is refused
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "daemon/config/config.h"
#include "daemon/lib/memory.h"
#include "hubmesh/wire.h"

#define HEAD "mesh: a\nproxy:\n"
#define ENTRY(rest) HEAD "  entries:\n    - {service: speech, " rest "}\n" /* line 4 */
#define RULE(rest) HEAD "  allow:\n    - {service: tills, " rest "}\n"

static char error[8192];

static int parse(const char *text, struct config *config)
{
	return config_parse("f", (const uint8_t *)text, strlen(text), config, error, sizeof(error));
}

static struct config accepted(const char *text)
{
	struct config config = {0};

	if (parse(text, &config))
		fail_msg("refused:\n%s", error);
	return config;
}

static void without_the_section_there_is_a_port_and_no_entry(void **state)
{
	struct config c = accepted("mesh: a\n");

	assert_int_equal(c.proxy->port, HM_PORT_PROXY);
	assert_false(c.proxy->has_port);
	assert_true(c.proxy->does_relay);
	assert_int_equal(c.proxy->n_entries + c.proxy->n_rules + c.proxy->n_tells, 0);
	config_fini(&c);
}

static void everything_arrives_where_it_belongs(void **state)
{
	struct config c = accepted(
		HEAD
		"  port: 5000\n"
		"  relay: false\n"
		"  entries:\n"
		"    - service: speech\n"
		"      service_port: 80\n"
		"      shared: \"192.0.2.80:81\"\n"
		"      versions: ^1.2\n"
		"      interface: speech/v1\n"
		"      zone: shop\n"
		"      protocol: http1\n"
		"      identity: till\n"
		"      require_identity: true\n"
		"      capabilities: [gpu, loud]\n"
		"      credentials: [\"zone:shop\"]\n"
		"      max_latency_ms: 20\n"
		"      max_price_micro: 7\n"
		"      slots: 4\n"
		"      min_slots: 2\n"
		"      min_cpu_milli: 100\n"
		"      min_memory_mib: 64\n"
		"      lease_ms: 5000\n"
		"      limits: {connections: 10, idle_s: 60, connect_ms: 1000, request_ms: 2000}\n"
		"    - {service: lights, listen: \"unix:/run/lights.sock\"}\n"
		"  allow:\n"
		"    - {service: tills, hubs: [\"02:11:22:33:44:55\"], zones: "
		"[shop], services: [till, bakery], methods: [GET],"
		" paths: [/v1/]}\n"
		"  proxy_protocol: [tills]\n");
	const struct proxy_entry_settings *entry = &c.proxy->entries[0];

	assert_true(c.proxy->has_port);
	assert_false(c.proxy->does_relay);
	assert_int_equal(c.proxy->port, 5000);
	assert_int_equal(c.proxy->n_entries, 2);
	assert_string_equal(entry->query.name, "speech");
	assert_true(entry->query.keep);
	assert_string_equal(entry->query.range_text, "^1.2");
	assert_string_equal(entry->query.interface, "speech/v1");
	assert_string_equal(entry->query.zone, "shop");
	assert_true(entry->query.has_protocol);
	assert_int_equal(entry->query.protocol, MANIFEST_HTTP1);
	assert_false(entry->query.is_stream);
	assert_string_equal(entry->identity, "till");
	assert_true(entry->is_identity_required);
	assert_int_equal(entry->query.n_capabilities, 2);
	assert_string_equal(entry->query.capabilities[1], "loud");
	assert_string_equal(entry->query.credentials[0], "zone:shop");
	assert_int_equal(entry->query.max_latency_us, 20000);
	assert_int_equal(entry->query.max_price_micro, 7);
	assert_int_equal(entry->query.slots, 4);
	assert_int_equal(entry->query.min_slots, 2);
	assert_int_equal(entry->query.min_cpu_milli, 100);
	assert_int_equal(entry->query.min_memory_mib, 64);
	assert_int_equal(entry->query.lease_ms, 5000);
	assert_string_equal(entry->query.shared, "192.0.2.80:81");
	assert_true(entry->has_shared);
	assert_int_equal(entry->shared.port, 81);
	assert_int_equal(entry->service_port, 80);
	assert_int_equal(entry->connections_max, 10);
	assert_int_equal(entry->idle_s, 60);
	assert_int_equal(entry->connect_ms, 1000);
	assert_int_equal(entry->request_ms, 2000);
	entry = &c.proxy->entries[1];
	assert_string_equal(entry->listen, "unix:/run/lights.sock");
	assert_false(entry->has_shared);
	assert_true(entry->query.is_stream);
	assert_int_equal(entry->connections_max, PROXY_CONNECTIONS_DEFAULT);
	assert_int_equal(c.proxy->n_rules, 1);
	assert_int_equal(c.proxy->rules[0].n_hubs, 1);
	assert_string_equal(c.proxy->rules[0].zones[0], "shop");
	assert_int_equal(c.proxy->rules[0].n_services, 2);
	assert_string_equal(c.proxy->rules[0].services[1], "bakery");
	assert_string_equal(c.proxy->rules[0].methods[0], "GET");
	assert_string_equal(c.proxy->rules[0].paths[0], "/v1/");
	assert_string_equal(c.proxy->tells[0], "tills");
	config_fini(&c);
}

static void datagrams_have_limits_of_their_own_and_share_addresses_with_tcp(void **state)
{
	struct config c =
		accepted(HEAD "  entries:\n"
			      "    - {service: names, service_port: 53, protocol: udp}\n"
			      "    - {service: names, service_port: 53, protocol: tcp}\n"
			      "    - {service: clock, listen: \"127.0.0.1:123\", protocol: udp,\n"
			      "       limits: {connections: 9, idle_s: 5, reply_ms: 1500}}\n"
			      "    - {service: other, listen: \"127.0.0.1:123\"}\n");
	const struct proxy_entry_settings *entries = c.proxy->entries;

	assert_true(proxy_entry_is_udp(&entries[0]));
	assert_int_equal(entries[0].connections_max, PROXY_UDP_FLOWS_DEFAULT);
	assert_int_equal(entries[0].idle_s, PROXY_UDP_IDLE_S_DEFAULT);
	assert_int_equal(entries[0].reply_ms, 0);
	assert_false(proxy_entry_is_udp(&entries[1]));
	assert_int_equal(entries[1].idle_s, PROXY_IDLE_S_DEFAULT);
	assert_int_equal(entries[2].connections_max, 9);
	assert_int_equal(entries[2].idle_s, 5);
	assert_int_equal(entries[2].reply_ms, 1500);
	config_fini(&c);
}

#define WITH(rest) ENTRY("service_port: 1, resilience: {" rest "}")
#define AT "f:4: proxy.entries[0].resilience."

static void resilience_is_off_unless_written(void **state)
{
	struct config c = accepted(ENTRY("service_port: 1"));
	const struct resilience_settings *r = &c.proxy->entries[0].resilience;

	assert_false(r->outlier.is_on || r->concurrency.is_on || r->hedge.is_on);
	assert_false(fault_is_on(&r->fault));
	assert_int_equal(r->split.n + r->mirror.percent, 0);
	assert_int_equal(r->drain_ms, DRAIN_MS_DEFAULT);
	config_fini(&c);
	c = accepted(WITH("outlier: {}, concurrency: {}, hedge: {}"));
	r = &c.proxy->entries[0].resilience;
	assert_true(r->outlier.is_on && r->concurrency.is_on && r->hedge.is_on);
	assert_int_equal(r->outlier.eject_s, OUTLIER_EJECT_S_DEFAULT);
	assert_int_equal(r->concurrency.max, CONCURRENCY_MAX_DEFAULT);
	assert_int_equal(r->hedge.after_ms, 0);
	config_fini(&c);
}

static void resilience_arrives_where_it_belongs(void **state)
{
	struct config c = accepted(WITH(
		"outlier: {in_row: 3, window_s: 20, min_requests: 5, eject_s: 7, max_percent: 40}, "
		"concurrency: {max: 9, queue: 8, queue_ms: 70}, hedge: "
		"{after_ms: 30, grpc_methods: [/a.B/C, /d.E]}, fault: {abort_percent: 1, "
		"abort_status: 500, abort_grpc_status: 8, delay_percent: 2, delay_ms: 3}, "
		"split: [{percent: 10, versions: ^2}, {percent: 5, service: next}], "
		"sticky: {cookie: id}, mirror: {service: shadow, percent: 4, versions: ^3}, "
		"drain_ms: 0"));
	const struct resilience_settings *r = &c.proxy->entries[0].resilience;

	assert_int_equal(r->outlier.in_row, 3);
	assert_int_equal(r->outlier.window_s, 20);
	assert_int_equal(r->outlier.min_requests, 5);
	assert_int_equal(r->outlier.eject_s, 7);
	assert_int_equal(r->outlier.max_percent, 40);
	assert_int_equal(r->concurrency.max, 9);
	assert_int_equal(r->concurrency.queue, 8);
	assert_int_equal(r->concurrency.queue_ms, 70);
	assert_int_equal(r->hedge.after_ms, 30);
	assert_int_equal(r->hedge.n_grpc_methods, 2);
	assert_string_equal(r->hedge.grpc_methods[1], "/d.E");
	assert_int_equal(r->fault.abort_percent, 1);
	assert_int_equal(r->fault.abort_status, 500);
	assert_int_equal(r->fault.abort_grpc_status, 8);
	assert_int_equal(r->fault.delay_percent, 2);
	assert_int_equal(r->fault.delay_ms, 3);
	assert_int_equal(r->split.n, 2);
	assert_int_equal(r->split.shares[0].percent, 10);
	assert_string_equal(r->split.shares[0].range_text, "^2");
	assert_string_equal(r->split.shares[1].service, "next");
	assert_string_equal(r->split.cookie, "id");
	assert_string_equal(r->mirror.service, "shadow");
	assert_string_equal(r->mirror.range_text, "^3");
	assert_int_equal(r->mirror.percent, 4);
	assert_int_equal(r->drain_ms, 0);
	config_fini(&c);
}

/* Each of @refused with a part of the sentence that says why. */
static void expect_refused(const char *const refused[][2], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct config config = {0};

		assert_int_equal(parse(refused[i][0], &config), -EINVAL);
		if (!strstr(error, refused[i][1]))
			fail_msg("expected \"%s\" in:\n%s", refused[i][1], error);
		assert_null(config.proxy);
	}
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
	static const char *const refused[][2] = {
		{HEAD "  port: 0\n", "f:3: proxy.port is 0"},
		{HEAD "  port: 4878\n", "f:3: proxy.port equals ports.control (4878)"},
		{ENTRY("service_port: 80, slots: 2, min_slots: 3"),
		 "f:4: proxy.entries[0].min_slots is 3, more than the 2 of slots"},
		{ENTRY("service_port: 80, min_slots: 2"), "min_slots is 2, more than the 1"},
		{HEAD "  entries:\n    - {listen: \"127.0.0.1:1\"}\n",
		 "f:4: proxy.entries[0].service is missing"},
		{HEAD "  entries:\n    - {service: Speech, service_port: 1}\n",
		 "f:4: proxy.entries[0].service 'Speech'"},
		{HEAD "  entries:\n    - {service: speech}\n",
		 "f:4: proxy.entries[0] has no address"},
		{ENTRY("listen: \"localhost:80\""), "f:4: proxy.entries[0].listen 'localhost:80'"},
		{ENTRY("listen: \"127.0.0.1\""), "proxy.entries[0].listen"},
		{ENTRY("listen: \"unix:run\""), "proxy.entries[0].listen"},
		{ENTRY("service_port: 65536"), "proxy.entries[0].service_port is 65536"},
		{ENTRY("service_port: 1, shared: \"cloud.example:443\""),
		 "proxy.entries[0].shared 'cloud.example:443'"},
		{ENTRY("service_port: 1, shared: \"unix:/x\""), "proxy.entries[0].shared"},
		{ENTRY("service_port: 1, versions: new"), "proxy.entries[0].versions 'new'"},
		{ENTRY("service_port: 1, protocol: sctp"), "proxy.entries[0].protocol 'sctp'"},
		{ENTRY("listen: \"unix:/x\", protocol: udp"), "proxy.entries[0].listen cannot be"},
		{ENTRY("listen: \"0.0.0.0:53\", protocol: udp"), "proxy.entries[0].listen must be"},
		{ENTRY("listen: \"[::]:53\", protocol: udp"), "proxy.entries[0].listen must be"},
		{ENTRY("service_port: 1, protocol: udp, limits: {idle_s: 601}"),
		 "proxy.entries[0].limits.idle_s is 601"},
		{ENTRY("service_port: 1, protocol: udp, limits: {connections: 2049}"),
		 "proxy.entries[0].limits.connections is 2049"},
		{ENTRY("service_port: 1, protocol: udp, limits: {reply_ms: 5}"),
		 "proxy.entries[0].limits.reply_ms is 5"},
		{ENTRY("service_port: 1, limits: {reply_ms: 1000}"),
		 "proxy.entries[0].limits.reply_ms is of datagrams"},
		{ENTRY("listen: \"127.0.0.1:1\", protocol: udp") "    - {service: b, listen: "
								 "\"127.0.0.1:1\", protocol: "
								 "udp}\n",
		 "f:5: proxy.entries[1] has the address of proxy.entries[0]"},
		{ENTRY("service_port: 1, capabilities: [\"A B\"]"),
		 "proxy.entries[0].capabilities 'A B'"},
		{ENTRY("service_port: 1, slots: 0"), "proxy.entries[0].slots is 0"},
		{ENTRY("service_port: 1, lease_ms: 10"), "proxy.entries[0].lease_ms is 10"},
		{ENTRY("service_port: 1, limits: {connections: 5000}"),
		 "proxy.entries[0].limits.connections is 5000"},
		{ENTRY("service_port: 1, listens: 1"), "listens"},
		{ENTRY("listen: \"127.0.0.1:1\"") "    - {service: b, listen: \"127.0.0.1:1\"}\n",
		 "f:5: proxy.entries[1] has the address of proxy.entries[0]"},
		{ENTRY("service_port: 1") "    - {service: speech, service_port: 1}\n",
		 "f:5: proxy.entries[1] has the address of proxy.entries[0]"},
		{ENTRY("listen: \"127.0.0.1:1\", shared: \"127.0.0.1:1\""),
		 "f:4: proxy.entries[0].shared leads back to this entry"},
		{ENTRY("service_port: 80, shared: \"127.77.109.113:80\""), /* its own address */
		 "f:4: proxy.entries[0].shared leads back to this entry"},
		{ENTRY("listen: \"0.0.0.0:1\", shared: \"127.0.0.2:1\""),
		 "f:4: proxy.entries[0].shared leads back to this entry"},
		{ENTRY("listen: \"127.0.0.1:1\", shared: \"127.0.0.1:2\"") "    - {service: b, "
									   "listen: "
									   "\"127.0.0.1:2\", "
									   "shared: "
									   "\"127.0.0.1:1\"}\n",
		 "f:5: proxy.entries[1].shared leads back to this entry"},
		{RULE("hubs: [me]"), "f:4: proxy.allow[0].hubs has 'me'"},
		{RULE("zones: [Shop]"), "proxy.allow[0].zones has 'Shop'"},
		{RULE("services: [Till]"), "f:4: proxy.allow[0].services 'Till'"},
		{ENTRY("service_port: 1, identity: Till"), "f:4: proxy.entries[0].identity 'Till'"},
		{RULE("methods: [get]"), "proxy.allow[0].methods has 'get'"},
		{RULE("paths: [v1]"), "proxy.allow[0].paths has 'v1'"},
		{HEAD "  proxy_protocol: [\"-\"]\n", "proxy.proxy_protocol[0].service '-'"},
	};

	expect_refused(refused, ARRAY_SIZE(refused));
}

static void resilience_that_is_wrong_is_named_with_its_line(void **state)
{
	static const char *const refused[][2] = {
		{WITH("outlier: {max_percent: 0}"), AT "outlier.max_percent is 0"},
		{WITH("outlier: {row: 1}"), "row"},
		{WITH("concurrency: {max: 0}"), AT "concurrency.max is 0"},
		{WITH("fault: {abort_percent: 101}"), AT "fault.abort_percent is 101"},
		{WITH("fault: {abort_percent: 1, abort_status: 200}"),
		 AT "fault.abort_status is 200"},
		{WITH("fault: {delay_percent: 1}"), AT "fault.delay_percent needs a time"},
		{WITH("split: [{versions: ^1}]"), AT "split[0] has no percent"},
		{WITH("split: [{percent: 1}]"), AT "split[0] is no other place"},
		{WITH("split: [{percent: 1, service: A}]"), AT "split[0] has 'A'"},
		{WITH("split: [{percent: 1, versions: new}]"), AT "split[0] has 'new'"},
		{WITH("split: [{percent: 60, service: a}, {percent: 60, service: b}]"),
		 AT "split is for 120 of 100"},
		{WITH("sticky: {header: \"X Y\"}"), AT "sticky.header 'X Y'"},
		{WITH("sticky: {header: a, cookie: b}"), AT "sticky has both"},
		{WITH("mirror: {percent: 1}"), AT "mirror goes nowhere"},
		{WITH("mirror: {service: a}"), AT "mirror has no percent"},
		{WITH("hedge: {after_ms: 0}"), AT "hedge.after_ms is 0"},
		{WITH("hedge: {grpc_methods: [Echo]}"), AT "hedge.grpc_methods has 'Echo'"},
		{WITH("fault: {abort_grpc_status: 17}"), AT "fault.abort_grpc_status is 17"},
		{WITH("drain_ms: 90000"), AT "drain_ms is 90000"},
		{ENTRY("service_port: 1, protocol: tcp, resilience: {hedge: {}}"),
		 "f:4: proxy.entries[0].resilience is of HTTP requests"},
		{ENTRY("service_port: 1, protocol: udp, resilience: {hedge: {}}"),
		 "f:4: proxy.entries[0].resilience is of HTTP requests"},
	};

	expect_refused(refused, ARRAY_SIZE(refused));
}

/* What nobody serves may still be had of another entry's providers. */
static void shared_provider_may_be_another_entry(void **state)
{
	struct config c = accepted(ENTRY("listen: \"127.0.0.1:1\", shared: \"127.0.0.1:2\"") //
				   "    - {service: b, listen: \"127.0.0.1:2\", shared: "
				   "\"192.0.2.1:2\"}\n");

	assert_int_equal(c.proxy->n_entries, 2);
	config_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_the_section_there_is_a_port_and_no_entry),
		cmocka_unit_test(everything_arrives_where_it_belongs),
		cmocka_unit_test(shared_provider_may_be_another_entry),
		cmocka_unit_test(datagrams_have_limits_of_their_own_and_share_addresses_with_tcp),
		cmocka_unit_test(resilience_is_off_unless_written),
		cmocka_unit_test(resilience_arrives_where_it_belongs),
		cmocka_unit_test(what_is_wrong_is_named_with_its_line),
		cmocka_unit_test(resilience_that_is_wrong_is_named_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
