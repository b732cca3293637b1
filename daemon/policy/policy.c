// SPDX-License-Identifier: GPL-2.0
/* DOC: policy: see policy.h */
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/hash.h>

#include "daemon/policy/policy.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include "daemon/lib/memory.h"

#define MESH_PREFIX_LEN 64 /* every ULA of a mesh is in one */
#define ULA_LEN 128
#define IPV4_LEN 32

struct policy *policy_new(void)
{
	struct policy *policy = xnew(struct policy);

	policy->queues.strict_share = POLICY_STRICT_SHARE_DEFAULT;
	return policy;
}

/* ---- zones --------------------------------------------------------------- */

uint16_t policy_zone_number(const char *name)
{
	uint8_t digest[WC_SHA256_DIGEST_SIZE];
	uint16_t number = 0;
	int error = wc_Sha256Hash((const byte *)name, (word32)strlen(name), digest);

	assert(error == 0);
	for (size_t i = 0; !number && i < sizeof(digest); i += 2)
		number = (uint16_t)(digest[i] << 8 | digest[i + 1]);
	return number;
}

const char *policy_zone_name(const struct policy *policy, uint16_t number)
{
	if (number == POLICY_ZONE_NONE)
		return "none";
	for (size_t i = 0; i < policy->n_zones; i++)
		if (policy->zones[i].number == number)
			return policy->zones[i].name;
	return NULL;
}

const struct policy_zone *policy_zone_find(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->n_zones; i++)
		if (strcmp(policy->zones[i].name, name) == 0)
			return &policy->zones[i];
	return NULL;
}

const char *policy_first_uncertified(const struct policy *policy, const char *zones)
{
	for (size_t i = 0; i < policy->n_members; i++) {
		const struct policy_member *member = &policy->members[i];
		const char *name = policy_zone_name(policy, member->zone);

		if ((member->kind == POLICY_MEMBER_SELF ||
		     member->kind == POLICY_MEMBER_INTERFACE) &&
		    name && !zone_list_has(zones, name))
			return name;
	}
	return NULL;
}

/* ---- tables -------------------------------------------------------------- */

static bool has_pair(const struct policy_tables *tables, const struct policy_pair *pair)
{
	for (size_t i = 0; i < tables->n_pairs; i++)
		if (tables->pairs[i].src == pair->src && tables->pairs[i].dst == pair->dst)
			return true;
	return false;
}

static void add_pair(struct policy_tables *tables, struct policy_pair pair)
{
	if (!has_pair(tables, &pair))
		tables->pairs[tables->n_pairs++] = pair;
}

static void compile_members(const struct policy *policy, const struct hub_id *self,
			    struct policy_tables *ret)
{
	for (size_t i = 0; i < policy->n_members; i++) {
		struct policy_member *member = &ret->members[ret->n_members++];

		*member = policy->members[i];
		if (member->kind != POLICY_MEMBER_SELF)
			continue;
		member->kind = POLICY_MEMBER_HUB;
		memcpy(member->mac, self->b, HUB_ID_LEN);
	}
}

/* What no entry decides on passes if it is allowed: accept that, deny the rest. */
static void compile_entries(const struct policy *policy, struct policy_tables *ret)
{
	memcpy(ret->entries, policy->entries, policy->n_entries * sizeof(policy->entries[0]));
	ret->n_entries = policy->n_entries;
	if (!policy->n_protocols)
		return;
	for (size_t i = 0; i < policy->n_protocols; i++)
		ret->entries[ret->n_entries++].match = policy->protocols[i];
	ret->entries[ret->n_entries++].denies = true;
}

void policy_compile(const struct policy *policy, const struct hub_id *self,
		    struct policy_tables *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->hops_max = policy->hops_max;
	ret->storm = policy->storm;
	ret->queues = policy->queues;
	compile_members(policy, self, ret);
	for (size_t i = 0; i < policy->n_pairs; i++)
		add_pair(ret, policy->pairs[i]);
	for (size_t i = 0; i < policy->n_zones; i++) {
		uint16_t number = policy->zones[i].number;

		if (!policy->zones[i].is_isolated)
			add_pair(ret, (struct policy_pair){number, number});
	}
	compile_entries(policy, ret);
	memcpy(ret->rules, policy->rules, policy->n_rules * sizeof(policy->rules[0]));
	ret->n_rules = policy->n_rules;
}

/* ---- guards -------------------------------------------------------------- */

/* Whoever is in no zone has no right of any: everybody may say so. */
static void guard_zones(const struct policy *policy, const char *certified,
			struct policy_guard *ret)
{
	ret->checks_zones = policy->n_zones > 0;
	if (!ret->checks_zones)
		return;
	ret->zones[ret->n_zones++] = POLICY_ZONE_NONE;
	for (size_t i = 0; certified && i < policy->n_zones; i++)
		if (ret->n_zones < POLICY_GUARD_ZONES_MAX &&
		    zone_list_has(certified, policy->zones[i].name))
			ret->zones[ret->n_zones++] = policy->zones[i].number;
}

static struct policy_prefix prefix6(const struct in6_addr *address, uint8_t len)
{
	struct policy_prefix prefix = {.family = 6, .len = len};

	memcpy(prefix.address, address, len / 8); /* whole bytes, both of ours */
	return prefix;
}

static struct policy_prefix prefix4(uint32_t address, uint8_t len)
{
	struct policy_prefix prefix = {.family = 4, .len = len};
	uint32_t network = htonl(address & (uint32_t)(UINT64_C(0xffffffff) << (IPV4_LEN - len)));

	memcpy(prefix.address, &network, sizeof(network));
	return prefix;
}

static void guard_addresses(const struct policy *policy, const struct policy_peer *peer,
			    struct policy_guard *ret)
{
	if (policy->addresses == POLICY_ADDRESSES_ANY)
		return;
	ret->checks_addresses = true;
	ret->prefixes[ret->n_prefixes++] = prefix6(&peer->ula, ULA_LEN);
	if (peer->ipv4)
		ret->prefixes[ret->n_prefixes++] = prefix4(peer->ipv4, IPV4_LEN);
	if (policy->addresses == POLICY_ADDRESSES_OWN) {
		ret->checks_macs = true;
		return;
	}
	ret->has_scope = true;
	ret->scope[ret->n_scope++] = prefix6(&peer->ula, MESH_PREFIX_LEN);
	if (peer->pool)
		ret->scope[ret->n_scope++] = prefix4(peer->pool, peer->pool_prefix_len);
}

static const struct policy_rate *rate_of(const struct policy *policy, const struct hub_id *hub)
{
	const struct policy_rate *any = NULL;

	for (size_t i = 0; i < policy->n_rates; i++) {
		const struct policy_rate *rate = &policy->rates[i];

		if (rate->is_any)
			any = rate;
		else if (hub_id_equal(&rate->hub, hub))
			return rate;
	}
	return any;
}

void policy_guard_of(const struct policy *policy, const struct policy_peer *peer,
		     struct policy_guard *ret)
{
	const struct policy_rate *rate = rate_of(policy, &peer->hub);

	memset(ret, 0, sizeof(*ret));
	guard_zones(policy, peer->zones, ret);
	guard_addresses(policy, peer, ret);
	if (policy->macs_max && !ret->checks_macs) {
		ret->checks_macs = true;
		ret->macs_learn = policy->macs_max;
	}
	if (!rate)
		return;
	ret->frames_pps = rate->frames_pps;
	ret->bytes_ps = rate->bytes_ps;
	ret->storm = rate->storm;
}
