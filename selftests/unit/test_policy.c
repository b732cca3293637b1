// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: the policy room: from what the administrator wrote to tables and guards
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "daemon/policy/policy.h"

static const struct hub_id self = {{2, 0, 0, 0, 0, 1}}, other = {{2, 0, 0, 0, 0, 2}};

static uint16_t add_zone(struct policy *policy, const char *name, bool is_isolated)
{
	struct policy_zone *zone = &policy->zones[policy->n_zones++];

	strcpy(zone->name, name);
	zone->number = policy_zone_number(name);
	zone->is_isolated = is_isolated;
	return zone->number;
}

static int set_up(void **state)
{
	*state = policy_new();
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static struct policy_tables *compile(const struct policy *policy)
{
	struct policy_tables *tables = xmalloc(sizeof(*tables));

	policy_compile(policy, &self, tables);
	return tables;
}

static struct policy_guard guard_of(const struct policy *policy, const char *zones, uint32_t ipv4)
{
	struct policy_peer peer = {
		.hub = other,
		.zones = zones,
		.ula = {.s6_addr = {0xfd, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 2}},
		.ipv4 = ipv4,
		.pool = 0x0a4d0000,
		.pool_prefix_len = 20,
	};
	struct policy_guard guard;

	policy_guard_of(policy, &peer, &guard);
	return guard;
}

/* ---- names ---- */

static void zone_numbers_are_those_of_the_page(void **state)
{
	/* Documentation/filter.rst */
	assert_int_equal(policy_zone_number("shop"), 36240);
	assert_int_equal(policy_zone_number("office"), 23747);
	assert_int_equal(policy_zone_number("clinic"), 48126);
}

static void zone_names_are_lower_case_words(void **state)
{
	static const char *const good[] = {"a", "shop", "shop-2",
					   "abcdefghijklmnopqrstuvwxyz01234"};
	static const char *const bad[] = {
		"",	 "Shop", "2shop", "-shop", "sh op",
		"sh,op", "none", "any",	  "self",  "abcdefghijklmnopqrstuvwxyz012345"};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(zone_name_is_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(zone_name_is_valid(bad[i], strlen(bad[i])));
}

static void zone_lists_have_one_spelling(void **state)
{
	static const char *const bad[] = {"",	",",	"b,a",	"a,a", "a,",
					  ",a", "a,,b", "a, b", "none"};
	char list[ZONE_LIST_SIZE], many[ZONE_LIST_SIZE] = "a";

	assert_int_equal(zone_list_make("shop,office,shop,a", list), 0);
	assert_string_equal(list, "a,office,shop");
	assert_true(zone_list_is_valid(list, strlen(list)));
	assert_true(zone_list_is_valid("shop,shop2", 10));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(zone_list_is_valid(bad[i], strlen(bad[i])));
	assert_int_equal(zone_list_make("a,B", list), -EINVAL);
	assert_int_equal(zone_list_make("", list), -EINVAL);
	for (char c = 'b'; c <= 'p'; c++)
		strncat(strcat(many, ","), &c, 1);
	assert_int_equal(zone_list_make(many, list), 0);
	assert_int_equal(zone_list_make(strcat(many, ",q"), list), -E2BIG);
	assert_false(zone_list_is_valid(many, strlen(many)));
	assert_string_equal(list, "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p");
}

static void zone_lists_are_searched_by_whole_names(void **state)
{
	assert_true(zone_list_has("office,shop", "shop"));
	assert_true(zone_list_has("office,shop", "office"));
	assert_false(zone_list_has("office,shop", "off"));
	assert_false(zone_list_has("office,shop", "shops"));
	assert_false(zone_list_has("", "shop"));
}

/* ---- tables ---- */

static void nothing_written_is_nothing_filtered(void **state)
{
	_cleanup_free_ struct policy_tables *tables = compile(*state);

	assert_int_equal(tables->n_members + tables->n_pairs + tables->n_entries + tables->n_rules,
			 0);
	assert_int_equal(tables->hops_max, 0);
	assert_int_equal(tables->queues.strict_share, POLICY_STRICT_SHARE_DEFAULT);
}

static void members_of_a_zone_may_talk_unless_it_is_isolated(void **state)
{
	struct policy *policy = *state;
	uint16_t shop = add_zone(policy, "shop", false), guests = add_zone(policy, "guests", true);

	policy->pairs[policy->n_pairs++] = (struct policy_pair){guests, shop};
	policy->pairs[policy->n_pairs++] = (struct policy_pair){shop, shop};
	_cleanup_free_ struct policy_tables *tables = compile(policy);

	assert_int_equal(tables->n_pairs, 2);
	assert_int_equal(tables->pairs[0].src, guests);
	assert_int_equal(tables->pairs[1].src, shop);
	assert_int_equal(tables->pairs[1].dst, shop);
}

static void self_is_our_hub(void **state)
{
	struct policy *policy = *state;
	uint16_t shop = add_zone(policy, "shop", false);

	policy->members[policy->n_members++] =
		(struct policy_member){.kind = POLICY_MEMBER_SELF, .zone = shop};
	_cleanup_free_ struct policy_tables *tables = compile(policy);

	assert_int_equal(tables->members[0].kind, POLICY_MEMBER_HUB);
	assert_memory_equal(tables->members[0].mac, self.b, HUB_ID_LEN);
	assert_int_equal(tables->members[0].zone, shop);
}

static void allowed_protocols_end_the_acl_with_a_denial(void **state)
{
	struct policy *policy = *state;

	policy->entries[policy->n_entries++].match.vlan = 7;
	policy->protocols[policy->n_protocols++] =
		(struct policy_match){.fields = POLICY_ETHERTYPE, .ethertype = 0x86dd};
	_cleanup_free_ struct policy_tables *tables = compile(policy);

	assert_int_equal(tables->n_entries, 3);
	assert_int_equal(tables->entries[0].match.vlan, 7);
	assert_int_equal(tables->entries[1].match.ethertype, 0x86dd);
	assert_false(tables->entries[1].denies);
	assert_true(tables->entries[2].denies);
	assert_int_equal(tables->entries[2].match.fields, 0);
}

static void the_fullest_policy_fits_its_tables(void **state)
{
	struct policy *policy = *state;
	char name[16];

	for (int i = 0; i < POLICY_ZONES_MAX; i++) {
		snprintf(name, sizeof(name), "z%d", i);
		add_zone(policy, name, false);
	}
	for (int i = 0; i < POLICY_PAIRS_MAX; i++)
		policy->pairs[i] = (struct policy_pair){(uint16_t)i, 0};
	policy->n_pairs = POLICY_PAIRS_MAX;
	policy->n_entries = POLICY_ENTRIES_MAX;
	policy->n_protocols = POLICY_PROTOCOLS_MAX;
	policy->n_members = POLICY_MEMBERS_MAX;
	policy->n_rules = POLICY_RULES_MAX;
	_cleanup_free_ struct policy_tables *tables = compile(policy);

	assert_int_equal(tables->n_entries, POLICY_TABLE_ENTRIES_MAX);
	assert_int_equal(tables->n_pairs, POLICY_TABLE_PAIRS_MAX);
	assert_int_equal(tables->n_members, POLICY_MEMBERS_MAX);
}

/* ---- guards ---- */

static void addresses_of_the_mesh_are_each_hubs_own(void **state)
{
	struct policy_guard guard = guard_of(*state, NULL, 0x0a4d0102);
	static const uint8_t ipv4[] = {10, 77, 1, 2}, pool[] = {10, 77, 0, 0};

	assert_true(guard.checks_addresses && guard.has_scope);
	assert_false(guard.checks_zones || guard.checks_macs);
	assert_int_equal(guard.n_prefixes, 2);
	assert_int_equal(guard.prefixes[0].family, 6);
	assert_int_equal(guard.prefixes[0].len, 128);
	assert_int_equal(guard.prefixes[0].address[15], 2);
	assert_int_equal(guard.prefixes[1].len, 32);
	assert_memory_equal(guard.prefixes[1].address, ipv4, 4);
	assert_int_equal(guard.n_scope, 2);
	assert_int_equal(guard.scope[0].len, 64);
	assert_int_equal(guard.scope[0].address[15], 0);
	assert_int_equal(guard.scope[1].len, 20);
	assert_memory_equal(guard.scope[1].address, pool, 4);
}

static void a_hub_whose_ipv4_is_not_known_has_none(void **state)
{
	struct policy_guard guard = guard_of(*state, NULL, 0);

	assert_int_equal(guard.n_prefixes, 1);
	assert_int_equal(guard.n_scope, 2);
}

static void own_addresses_only_means_macs_too(void **state)
{
	struct policy *policy = *state;
	struct policy_guard guard;

	policy->addresses = POLICY_ADDRESSES_OWN;
	guard = guard_of(policy, NULL, 0x0a4d0102);
	assert_true(guard.checks_addresses && guard.checks_macs);
	assert_false(guard.has_scope);
	assert_int_equal(guard.macs_learn, 0);
}

static void a_policy_that_checks_nothing_makes_no_guard(void **state)
{
	static const struct policy_guard nothing;
	struct policy *policy = *state;
	struct policy_guard guard;

	policy->addresses = POLICY_ADDRESSES_ANY;
	guard = guard_of(policy, "shop", 0x0a4d0102);
	assert_memory_equal(&guard, &nothing, sizeof(guard));
	policy->macs_max = 5;
	guard = guard_of(policy, "shop", 0x0a4d0102);
	assert_true(guard.checks_macs);
	assert_int_equal(guard.macs_learn, 5);
}

static void zones_are_those_of_certificate_and_policy_and_none(void **state)
{
	struct policy *policy = *state;
	uint16_t shop = add_zone(policy, "shop", false), office = add_zone(policy, "office", false);
	struct policy_guard guard = guard_of(policy, "clinic,office,shop", 0);

	assert_true(guard.checks_zones);
	assert_int_equal(guard.n_zones, 3);
	assert_int_equal(guard.zones[0], POLICY_ZONE_NONE);
	assert_int_equal(guard.zones[1], shop);
	assert_int_equal(guard.zones[2], office);
	guard = guard_of(policy, NULL, 0);
	assert_int_equal(guard.n_zones, 1);
	guard = guard_of(policy, "clinic", 0);
	assert_int_equal(guard.n_zones, 1);
}

static void a_hubs_own_rate_wins_over_that_of_any(void **state)
{
	struct policy *policy = *state;

	policy->rates[policy->n_rates++] = (struct policy_rate){.is_any = true, .frames_pps = 10};
	assert_int_equal(guard_of(policy, NULL, 0).frames_pps, 10);
	policy->rates[policy->n_rates++] = (struct policy_rate){.hub = self, .frames_pps = 20};
	assert_int_equal(guard_of(policy, NULL, 0).frames_pps, 10);
	policy->rates[policy->n_rates++] =
		(struct policy_rate){.hub = other, .bytes_ps = 30, .storm = {.unknown_pps = 40}};
	assert_int_equal(guard_of(policy, NULL, 0).frames_pps, 0);
	assert_int_equal(guard_of(policy, NULL, 0).bytes_ps, 30);
	assert_int_equal(guard_of(policy, NULL, 0).storm.unknown_pps, 40);
}

static void zones_of_ours_that_nobody_certified_are_found(void **state)
{
	struct policy *policy = *state;
	uint16_t shop = add_zone(policy, "shop", false), office = add_zone(policy, "office", false);

	assert_null(policy_first_uncertified(policy, ""));
	policy->members[policy->n_members++] =
		(struct policy_member){.kind = POLICY_MEMBER_HUB, .zone = office};
	assert_null(policy_first_uncertified(policy, ""));
	policy->members[policy->n_members++] =
		(struct policy_member){.kind = POLICY_MEMBER_INTERFACE, .zone = shop};
	assert_string_equal(policy_first_uncertified(policy, "office"), "shop");
	assert_null(policy_first_uncertified(policy, "office,shop"));
}

#define WITH_POLICY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zone_numbers_are_those_of_the_page),
		cmocka_unit_test(zone_names_are_lower_case_words),
		cmocka_unit_test(zone_lists_have_one_spelling),
		cmocka_unit_test(zone_lists_are_searched_by_whole_names),
		WITH_POLICY(nothing_written_is_nothing_filtered),
		WITH_POLICY(members_of_a_zone_may_talk_unless_it_is_isolated),
		WITH_POLICY(self_is_our_hub),
		WITH_POLICY(allowed_protocols_end_the_acl_with_a_denial),
		WITH_POLICY(the_fullest_policy_fits_its_tables),
		WITH_POLICY(addresses_of_the_mesh_are_each_hubs_own),
		WITH_POLICY(a_hub_whose_ipv4_is_not_known_has_none),
		WITH_POLICY(own_addresses_only_means_macs_too),
		WITH_POLICY(a_policy_that_checks_nothing_makes_no_guard),
		WITH_POLICY(zones_are_those_of_certificate_and_policy_and_none),
		WITH_POLICY(a_hubs_own_rate_wins_over_that_of_any),
		WITH_POLICY(zones_of_ours_that_nobody_certified_are_found),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
