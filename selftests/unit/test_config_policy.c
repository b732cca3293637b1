// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: sections policy: and qos: of meshd.yaml: what they mean, what is refused
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/json.h"
#include "daemon/config/config.h"
#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "daemon/policy/policy.h"
#include "tools/meshctl/views.h"

#define HEAD "mesh: a\n"
#define ZONES HEAD "policy:\n  zones:\n    - {name: shop}\n    - {name: office}\n" /* 5 lines */

static char error[8192];

static int parse(const char *text, struct config *config)
{
	return config_parse("f", (const uint8_t *)text, strlen(text), config, error, sizeof(error));
}

static void expect_refused(const char *text, const char *expected)
{
	struct config config = {0};

	assert_int_equal(parse(text, &config), -EINVAL);
	if (!strstr(error, expected))
		fail_msg("expected \"%s\" in:\n%s", expected, error);
	assert_null(config.policy);
}

static struct config accepted(const char *text)
{
	struct config config = {0};

	if (parse(text, &config))
		fail_msg("refused:\n%s", error);
	return config;
}

static void expect_accepted(const char *text)
{
	struct config config = accepted(text);

	config_fini(&config);
}

static void without_sections_only_addresses_are_checked(void **state)
{
	struct config c = accepted(HEAD);

	assert_int_equal(c.policy->addresses, POLICY_ADDRESSES_MESH);
	assert_int_equal(c.policy->n_zones + c.policy->n_pairs + c.policy->n_entries, 0);
	assert_int_equal(c.policy->hops_max, 0);
	assert_int_equal(c.policy->queues.strict_share, POLICY_STRICT_SHARE_DEFAULT);
	config_fini(&c);
}

static const char everything[] = HEAD
	"policy:\n"
	"  addresses: any\n"
	"  macs_max: 64\n"
	"  max_hops: 4\n"
	"  storm: {broadcast_per_s: 100, unknown_per_s: 5}\n"
	"  zones:\n"
	"    - name: shop\n"
	"      hubs: [self, \"02:11:22:33:44:55\"]\n"
	"      interfaces: [eth1]\n"
	"      vlans: [10, 11]\n"
	"    - {name: guests, macs: [\"00:16:3e:00:00:01\"], isolated: true}\n"
	"  allow: [{from: shop, to: guests}, {from: none, to: shop}]\n"
	"  acl:\n"
	"    - {action: deny, from: guests, to: shop, protocol: tcp, ports: \"22-23\", "
	"log_every: 9}\n"
	"    - {action: accept, ethertype: 0x88b5, vlan: 0}\n"
	"    - {action: deny, source: 10.0.0.0/8, destination: 10.1.2.3, source_ports: "
	"\"80\"}\n"
	"    - {action: deny, destination: \"fd00:1::/32\", protocol: \"47\"}\n"
	"  protocols: [ipv4, arp, sctp]\n"
	"  rates:\n"
	"    - {hub: any, frames_per_s: 1000, kbit_per_s: 8, storm: {multicast_per_s: 3}}\n"
	"    - {hub: \"02:11:22:33:44:55\", frames_per_s: 7}\n"
	"qos:\n"
	"  strict_percent: 25\n"
	"  classes: [{class: 5, weight: 20, target_us: 2000}, {class: 0, limit_frames: 10}]\n"
	"  links: [{interface: wan*, kbit_per_s: 20000}]\n"
	"  rules:\n"
	"    - {class: 5, dscp: 46}\n"
	"    - {class: 1, mark: 7, mark_mask: 15, priority: 3, vlan: 9, vlan_priority: 6}\n";

static void every_key_reaches_the_policy(void **state)
{
	static const uint8_t network[] = {10, 0, 0, 0}, host[] = {10, 1, 2, 3};
	struct config c = accepted(everything);
	const struct policy *p = c.policy;
	uint16_t shop = policy_zone_number("shop"), guests = policy_zone_number("guests");

	assert_int_equal(p->addresses, POLICY_ADDRESSES_ANY);
	assert_int_equal(p->macs_max, 64);
	assert_int_equal(p->hops_max, 4);
	assert_int_equal(p->storm.broadcast_pps, 100);
	assert_int_equal(p->storm.multicast_pps, 0);
	assert_int_equal(p->n_members, 6);
	assert_int_equal(p->members[0].kind, POLICY_MEMBER_SELF);
	assert_int_equal(p->members[1].mac[5], 0x55);
	assert_string_equal(p->members[2].interface, "eth1");
	assert_int_equal(p->members[4].vlan, 11);
	assert_int_equal(p->members[5].kind, POLICY_MEMBER_MAC);
	assert_int_equal(p->members[5].zone, guests);
	assert_true(p->zones[1].is_isolated);
	assert_int_equal(p->pairs[1].src, POLICY_ZONE_NONE);
	assert_int_equal(p->pairs[1].dst, shop);
	assert_true(p->entries[0].denies);
	assert_int_equal(p->entries[0].match.fields,
			 POLICY_SRC_ZONE | POLICY_DST_ZONE | POLICY_PROTOCOL | POLICY_DST_PORTS);
	assert_int_equal(p->entries[0].match.dst_ports.last, 23);
	assert_int_equal(p->entries[0].log_every, 9);
	assert_int_equal(p->entries[1].match.ethertype, 0x88b5);
	assert_true(p->entries[1].match.fields & POLICY_VLAN);
	assert_int_equal(p->entries[2].match.src.len, 8);
	assert_memory_equal(p->entries[2].match.src.address, network, 4);
	assert_int_equal(p->entries[2].match.dst.len, 32);
	assert_memory_equal(p->entries[2].match.dst.address, host, 4);
	assert_int_equal(p->entries[3].match.protocol, 47);
	assert_int_equal(p->entries[3].match.dst.family, 6);
	assert_int_equal(p->n_protocols, 3);
	assert_int_equal(p->protocols[2].protocol, 132);
	assert_true(p->rates[0].is_any);
	assert_int_equal(p->rates[0].bytes_ps, 1000);
	assert_int_equal(p->rates[0].storm.multicast_pps, 3);
	assert_int_equal(p->rates[1].hub.b[5], 0x55);
	assert_int_equal(p->queues.strict_share, 25);
	assert_int_equal(p->queues.class[5].weight, 20);
	assert_int_equal(p->queues.class[5].limit_frames, 0);
	assert_int_equal(p->queues.class[0].limit_frames, 10);
	assert_int_equal(p->queues.queue[0].bytes_ps, 2500000);
	assert_int_equal(p->rules[0].match.dscp, 46);
	assert_int_equal(p->rules[1].match.mark_mask, 15);
	assert_int_equal(p->rules[1].match.vlan_pcp, 6);
	config_fini(&c);
}

/* What meshctl config prints is a file that means the same. */
static void what_is_printed_can_be_written(void **state)
{
	struct config c = accepted(everything), again = {0};
	json_t *answer = json_object();
	struct meshctl ctl = {0};
	char *text = NULL;
	size_t len;

	json_object_set_new(answer, "config", api_json_config(&c, 2));
	ctl.out = open_memstream(&text, &len);
	draw_config(&ctl, answer);
	fclose(ctl.out);
	if (parse(text, &again))
		fail_msg("%s\nof\n%s", error, text);
	assert_memory_equal(again.policy, c.policy, sizeof(*c.policy));
	json_decref(answer);
	free(text);
	config_fini(&c);
	config_fini(&again);
}

static void zones_that_cannot_be_are_refused(void **state)
{
	expect_refused(HEAD "policy:\n  zones:\n    - {vlans: [1]}\n",
		       "f:4: policy.zones[0] has no name; write {name: shop, ...}");
	expect_refused(HEAD "policy:\n  zones:\n    - {name: Shop}\n",
		       "f:4: policy.zones[0].name 'Shop' is not a zone name");
	expect_refused(HEAD "policy:\n  zones:\n    - {name: none}\n", "is not a zone name");
	expect_refused(ZONES "    - {name: shop}\n",
		       "f:6: policy.zones[2].name 'shop' is given twice");
	/* Found by search: SHA-256 of both begins alike. */
	expect_refused(HEAD "policy: {zones: [{name: z33}, {name: z307}]}\n",
		       "f:2: policy.zones[1].name 'z307' has the same number as 'z33'; rename one");
	expect_refused(HEAD "policy: {zones: [{name: a, vlans: [4095]}]}\n",
		       "policy.zones[0].vlans is 4095; write a number from 1 to 4094");
	expect_refused(HEAD "policy: {zones: [{name: a, hubs: [alpha]}]}\n",
		       "policy.zones[0].hubs has 'alpha', which is no hub id; write self");
	expect_refused(HEAD "policy: {zones: [{name: a, hubs: [\"00:16:3e:00:00:01\"]}]}\n",
		       "is no hub id");
	expect_refused(HEAD "policy: {zones: [{name: a, macs: [\"01:00:5e:00:00:01\"]}]}\n",
		       "is no unicast MAC");
	expect_refused(HEAD "policy: {zones: [{name: a, macs: [\"00:16:3e:00:00\"]}]}\n",
		       "is no unicast MAC");
	expect_refused(HEAD "policy: {zones: [{name: a, interfaces: [0123456789abcdef]}]}\n",
		       "cannot name an interface");
	expect_refused(HEAD "policy: {zones: [{name: a, hubs: [self]}, {name: b, hubs: [self]}]}\n",
		       "policy.zones[1].hubs has self, which is in zone a already; write it once");
	expect_accepted(HEAD "policy: {zones: [{name: a, vlans: [4094], macs: "
			     "[\"00:16:3e:00:00:01\"], interfaces: [0123456789abcde]}]}\n");
}

static void pairs_name_zones_that_are_there(void **state)
{
	expect_refused(ZONES "  allow:\n    - {from: shop, to: offic}\n",
		       "f:7: policy.allow[0].to 'offic' is not a zone of policy.zones");
	expect_refused(ZONES "  allow: [{from: shop}]\n",
		       "f:6: policy.allow[0] needs two zones; write {from: shop, to: office}");
	expect_refused(ZONES "  acl: [{action: deny, from: clinic}]\n",
		       "policy.acl[0].from 'clinic' is not a zone");
	expect_accepted(ZONES "  allow: [{from: shop, to: office}, {from: none, to: none}]\n");
}

static void entries_that_match_nothing_are_refused(void **state)
{
	static const struct {
		const char *entry, *expected;
	} cases[] = {
		{"protocol: tcp", "policy.acl[0].action is missing; write accept or deny"},
		{"action: drop", "policy.acl[0].action is 'drop'; write accept or deny"},
		{"action: deny, protocol: quic", "protocol 'quic' is unknown; write tcp, udp"},
		{"action: deny, protocol: \"256\"", "is unknown"},
		{"action: deny, ethertype: ip", "ethertype 'ip' is unknown; write ipv4"},
		{"action: deny, ethertype: 0x5ff", "is unknown"},
		{"action: deny, ethertype: 0x10000", "is unknown"},
		{"action: deny, source: 10.1.0.0/8", "source '10.1.0.0/8' is no prefix"},
		{"action: deny, source: 10.0.0.0/33", "is no prefix"},
		{"action: deny, source: \"fd00::1/64\"", "is no prefix"},
		{"action: deny, source: home", "is no prefix"},
		{"action: deny, ports: \"70000\"", "ports '70000' is no range of ports"},
		{"action: deny, ports: \"9-8\"", "is no range"},
		{"action: deny, ports: \"8-\"", "is no range"},
		{"action: deny, ports: \"1-2-3\"", "is no range"},
		{"action: deny, source: 10.0.0.0/8, destination: \"fd00::/8\"", "no frame is both"},
		{"action: deny, ethertype: arp, protocol: tcp", "leave it out"},
		{"action: deny, ethertype: ipv4, source: \"fd00::/8\"", "leave it out"},
		{"action: deny, vlan: 4095", "vlan is 4095"},
		{"action: deny, log_every: 0", "log_every is 0"},
		{"action: deny, dscp: 3", "unknown key 'dscp'"},
	};
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(text, sizeof(text), HEAD "policy:\n  acl:\n    - {%s}\n", cases[i].entry);
		expect_refused(text, "f:4: ");
		expect_refused(text, cases[i].expected);
	}
	expect_accepted(HEAD "policy: {acl: [{action: deny, ethertype: ipv6, source: "
			     "\"fd00::/8\", ports: \"0-65535\"}]}\n");
}

static void limits_that_cannot_be_are_refused(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"policy: {max_hops: 64}",
		 "f:2: policy.max_hops is 64; write a number from 1 to 63"},
		{"policy: {max_hops: 0}", "policy.max_hops is 0"},
		{"policy: {macs_max: 32769}", "policy.macs_max is 32769"},
		{"policy: {addresses: all}", "policy.addresses 'all' is unknown; write mesh, own"},
		{"policy: {addresses: own, macs_max: 3}", "contradicts addresses: own"},
		{"policy: {storm: {broadcast_per_s: 0}}", "policy.storm.broadcast_per_s is 0"},
		{"policy: {protocols: [tcp, warp]}", "policy.protocols[1] 'warp' is unknown"},
		{"policy: {rates: [{frames_per_s: 1}]}", "policy.rates[0].hub is missing"},
		{"policy: {rates: [{hub: alpha}]}", "policy.rates[0].hub is 'alpha'"},
		{"policy: {rates: [{hub: any}, {hub: any}]}", "any has an entry already"},
		{"policy: {rates: [{hub: any, kbit_per_s: 64000001}]}", "kbit_per_s is 64000001"},
		{"qos: {strict_percent: 101}", "qos.strict_percent is 101"},
		{"qos: {classes: [{weight: 3}]}", "qos.classes[0] has no class"},
		{"qos: {classes: [{class: 8}]}", "qos.classes[0].class is 8"},
		{"qos: {classes: [{class: 1, weight: 101}]}", "weight is 101"},
		{"qos: {classes: [{class: 1, weight: 1}, {class: 1}]}", "1 is given twice"},
		{"qos: {links: [{interface: eth0}]}", "qos.links[0] needs an interface and a rate"},
		{"qos: {links: [{interface: eth0, kbit_per_s: 7}]}", "kbit_per_s is 7"},
		{"qos: {rules: [{dscp: 3}]}", "qos.rules[0] has no class"},
		{"qos: {rules: [{class: 1, dscp: 64}]}", "qos.rules[0].dscp is 64"},
		{"qos: {rules: [{class: 1, mark_mask: 64}]}", "mark_mask needs a mark"},
		{"qos: {rules: [{class: 1, mark: 16, mark_mask: 15}]}", "mark_mask leaves out"},
		{"qos: {rules: [{class: 1, from: shop}]}", "unknown key 'from'"},
	};
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(text, sizeof(text), HEAD "%s\n", cases[i].text);
		expect_refused(text, cases[i].expected);
	}
	expect_accepted(HEAD "policy: {max_hops: 63, addresses: own, rates: [{hub: any, "
			     "kbit_per_s: 64000000}]}\nqos: {strict_percent: 0}\n");
}

static void lists_are_bounded(void **state)
{
	_cleanup_free_ char *text = xmalloc(1 << 16);
	int used = sprintf(text, HEAD "policy:\n  zones: [{name: a, vlans: [1");

	for (int i = 2; i <= POLICY_MEMBERS_MAX; i++)
		used += sprintf(text + used, ",%d", i);
	strcpy(text + used, "]}]\n");
	expect_accepted(text);
	strcpy(text + used, "]}, {name: b, hubs: [self]}]\n");
	expect_refused(text, "all zones have more than 512 members");
	used = sprintf(text, HEAD "policy:\n  acl:\n");
	for (int i = 0; i < POLICY_ENTRIES_MAX; i++)
		used += sprintf(text + used, "    - {action: deny}\n");
	expect_accepted(text);
	strcpy(text + used, "    - {action: deny}\n");
	expect_refused(text, "'policy.acl' has more than 256 entries");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_sections_only_addresses_are_checked),
		cmocka_unit_test(every_key_reaches_the_policy),
		cmocka_unit_test(what_is_printed_can_be_written),
		cmocka_unit_test(zones_that_cannot_be_are_refused),
		cmocka_unit_test(pairs_name_zones_that_are_there),
		cmocka_unit_test(entries_that_match_nothing_are_refused),
		cmocka_unit_test(limits_that_cannot_be_are_refused),
		cmocka_unit_test(lists_are_bounded),
	};

	return cmocka_run_group_tests_name("config_policy", tests, NULL, NULL);
}
