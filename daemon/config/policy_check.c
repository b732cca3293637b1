// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meaning of the sections policy: and qos:
 *
 * What the kernel would refuse is refused here, with its line.  Names become
 * numbers: zones by policy_zone_number(), protocols and Ethernet types by the
 * tables below.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/entry.h"
#include "daemon/config/policy_file.h"
#include "daemon/lib/memory.h"
#include "daemon/policy/policy.h"
#include "linux/hubmesh.h"

#define HOPS_MAX 63 /* of the frame's ttl */
#define PPS_MAX 100000000 /* HM_STORM_PPS_MAX of kernel/limits.h, as those below */
#define RATE_KBIT_MAX 64000000 /* HM_BUCKET_RATE_MAX */
#define LINK_KBIT_MIN 8 /* HM_LINK_RATE_MIN */
#define LINK_KBIT_MAX 8000000000 /* HM_LINK_RATE_MAX */
#define KBIT_BYTES 125
#define VLAN_MAX 4094
#define ETHERTYPE_MIN 0x600

/**
 * struct check - one entry of the file being looked at
 * @entry: which, and what is wrong with it
 * @policy: grows
 */
struct check {
	struct config_entry entry;
	struct policy *policy;
};

/* ---- addresses, names, numbers ------------------------------------------- */

/* Six octets with colons; unlike a hub id it may be anybody's. */
static bool parse_mac(const char *text, uint8_t ret[HUB_ID_LEN])
{
	if (strlen(text) != HUB_ID_STRLEN - 1)
		return false;
	for (size_t i = 0; i < HUB_ID_LEN; i++) {
		const char *octet = text + 3 * i;

		if (!isxdigit((unsigned char)octet[0]) || !isxdigit((unsigned char)octet[1]) ||
		    (i + 1 < HUB_ID_LEN && octet[2] != ':'))
			return false;
		ret[i] = (uint8_t)strtoul(octet, NULL, 16);
	}
	return true;
}

static bool parse_hub(const char *text, uint8_t ret[HUB_ID_LEN])
{
	struct hub_id id;

	if (hub_id_parse(text, &id) < 0)
		return false;
	memcpy(ret, id.b, HUB_ID_LEN);
	return true;
}

static bool parse_decimal(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;

	if (!isdigit((unsigned char)text[0]) || strlen(text) > 9)
		return false;
	*ret = strtoul(text, &end, 10);
	return *end == '\0' && *ret <= max;
}

static bool has_bits_behind(const struct policy_prefix *prefix, size_t bytes)
{
	for (size_t bit = prefix->len; bit < 8 * bytes; bit++)
		if (prefix->address[bit / 8] & 0x80 >> bit % 8)
			return true;
	return false;
}

static bool parse_prefix(const char *text, struct policy_prefix *ret)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text), bytes;
	char address[INET6_ADDRSTRLEN];
	unsigned long bits;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	*ret = (struct policy_prefix){.family = strchr(address, ':') ? 6 : 4};
	bytes = ret->family == 4 ? 4 : 16;
	if (inet_pton(ret->family == 4 ? AF_INET : AF_INET6, address, ret->address) != 1)
		return false;
	bits = 8 * bytes;
	if (slash && !parse_decimal(slash + 1, 8 * bytes, &bits))
		return false;
	ret->len = (uint8_t)bits;
	return !has_bits_behind(ret, bytes);
}

static void take_prefix(struct check *check, const char *key, const char *text,
			struct policy_prefix *ret)
{
	struct policy_prefix prefix;

	if (!text)
		return;
	if (parse_prefix(text, &prefix))
		*ret = prefix;
	else
		config_entry_error(
			&check->entry, key,
			"'%.64s' is no prefix; write 10.1.0.0/16 or fd00:1::/32, with no bits "
			"behind it",
			text);
}

static void take_ports(struct check *check, const char *key, const char *text, uint32_t field,
		       struct policy_match *match, struct policy_ports *ret)
{
	const char *dash = text ? strchr(text, '-') : NULL;
	unsigned long first, last;
	char head[8] = "";

	if (!text)
		return;
	snprintf(head, sizeof(head), "%.*s", dash ? (int)(dash - text) : 7, text);
	if (!parse_decimal(head, UINT16_MAX, &first) ||
	    !parse_decimal(dash ? dash + 1 : text, UINT16_MAX, &last) || first > last) {
		config_entry_error(&check->entry, key,
				   "'%.32s' is no range of ports; write \"22\" or \"8000-8099\"",
				   text);
		return;
	}
	match->fields |= field;
	*ret = (struct policy_ports){(uint16_t)first, (uint16_t)last};
}

struct number_name {
	const char *name;
	uint16_t number;
};

static const struct number_name protocols[] = {
	{"icmp", 1}, {"igmp", 2}, {"tcp", 6},	  {"udp", 17},	 {"dccp", 33},
	{"gre", 47}, {"esp", 50}, {"icmpv6", 58}, {"sctp", 132}, {"udplite", 136},
};

static const struct number_name ethertypes[] = {
	{"ipv4", ETH_P_IP},   {"arp", ETH_P_ARP},   {"ipv6", ETH_P_IPV6},
	{"profinet", 0x8892}, {"ethercat", 0x88a4}, {"goose", 0x88b8},
	{"eapol", ETH_P_PAE}, {"lldp", ETH_P_LLDP}, {"ptp", ETH_P_1588},
};

static bool find_number(const struct number_name *list, size_t n, const char *name, uint16_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(list[i].name, name) != 0)
			continue;
		*ret = list[i].number;
		return true;
	}
	return false;
}

static bool parse_protocol(const char *text, uint8_t *ret)
{
	unsigned long number;
	uint16_t known;

	if (find_number(protocols, ARRAY_SIZE(protocols), text, &known))
		number = known;
	else if (!parse_decimal(text, UINT8_MAX, &number))
		return false;
	*ret = (uint8_t)number;
	return true;
}

static bool parse_ethertype(const char *text, uint16_t *ret)
{
	unsigned long number;
	char *end;

	if (find_number(ethertypes, ARRAY_SIZE(ethertypes), text, ret))
		return true;
	if (strncmp(text, "0x", 2) != 0 || !isxdigit((unsigned char)text[2]) || strlen(text) > 6)
		return false;
	number = strtoul(text, &end, 16);
	*ret = (uint16_t)number;
	return *end == '\0' && number >= ETHERTYPE_MIN;
}

/* ---- zones ----------------------------------------------------------------- */

/* Return: it is there and one of the zones. */
static bool take_zone(struct check *check, const char *key, const char *name, uint16_t *ret)
{
	const struct policy_zone *zone = name ? policy_zone_find(check->policy, name) : NULL;

	if (!name)
		return false;
	if (!zone && strcmp(name, "none") != 0) {
		config_entry_error(
			&check->entry, key,
			"'%.64s' is not a zone of policy.zones; write the name of one, or none",
			name);
		return false;
	}
	*ret = zone ? zone->number : POLICY_ZONE_NONE;
	return true;
}

static bool is_same_member(const struct policy_member *a, const struct policy_member *b)
{
	return a->kind == b->kind && a->vlan == b->vlan &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 &&
	       strcmp(a->interface, b->interface) == 0;
}

static void add_member(struct check *check, const char *key, const char *text,
		       const struct policy_member *member)
{
	struct policy *policy = check->policy;

	for (size_t i = 0; i < policy->n_members; i++) {
		if (!is_same_member(&policy->members[i], member))
			continue;
		config_entry_error(&check->entry, key,
				   "has %.64s, which is in zone %s already; write it once", text,
				   policy_zone_name(policy, policy->members[i].zone));
		return;
	}
	if (policy->n_members == POLICY_MEMBERS_MAX) {
		config_entry_error(&check->entry, key,
				   "is too much: all zones have more than %d members; write fewer",
				   POLICY_MEMBERS_MAX);
		return;
	}
	policy->members[policy->n_members++] = *member;
}

static void check_hub_member(struct check *check, const char *text, struct policy_member member)
{
	member.kind = strcmp(text, "self") == 0 ? POLICY_MEMBER_SELF : POLICY_MEMBER_HUB;
	if (member.kind == POLICY_MEMBER_HUB && !parse_hub(text, member.mac))
		config_entry_error(
			&check->entry, "hubs",
			"has '%.64s', which is no hub id; write self, or an id as meshctl hubs "
			"-o json shows it, in quotes",
			text);
	else
		add_member(check, "hubs", text, &member);
}

static void check_mac_member(struct check *check, const char *text, struct policy_member member)
{
	member.kind = POLICY_MEMBER_MAC;
	if (!parse_mac(text, member.mac) || member.mac[0] & 1)
		config_entry_error(
			&check->entry, "macs",
			"has '%.64s', which is no unicast MAC; write \"52:54:00:12:34:56\"", text);
	else
		add_member(check, "macs", text, &member);
}

static void check_interface_member(struct check *check, const char *text,
				   struct policy_member member)
{
	member.kind = POLICY_MEMBER_INTERFACE;
	if (!text[0] || strlen(text) >= sizeof(member.interface) || strchr(text, '/'))
		config_entry_error(
			&check->entry, "interfaces",
			"has '%.64s', which cannot name an interface; write one such as eth1",
			text);
	else
		add_member(check, "interfaces", strcpy(member.interface, text), &member);
}

static void check_vlan_member(struct check *check, const int64_t *vlan, struct policy_member member)
{
	char text[24];
	uint64_t id;

	if (!config_entry_number(&check->entry, "vlans", vlan, 1, VLAN_MAX, &id))
		return;
	member.kind = POLICY_MEMBER_VLAN;
	member.vlan = (uint16_t)id;
	snprintf(text, sizeof(text), "%" PRIu64, id);
	add_member(check, "vlans", text, &member);
}

static void check_members(struct check *check, const struct file_zone *file, uint16_t number)
{
	const struct policy_member member = {.zone = number};

	for (uint32_t i = 0; i < file->hubs_count; i++)
		check_hub_member(check, file->hubs[i], member);
	for (uint32_t i = 0; i < file->interfaces_count; i++)
		check_interface_member(check, file->interfaces[i], member);
	for (uint32_t i = 0; i < file->vlans_count; i++)
		check_vlan_member(check, &file->vlans[i], member);
	for (uint32_t i = 0; i < file->macs_count; i++)
		check_mac_member(check, file->macs[i], member);
}

/* Names first: everything else speaks of them. */
static void check_zone_name(struct check *check, const struct file_zone *file)
{
	struct policy *policy = check->policy;
	struct policy_zone *zone = &policy->zones[policy->n_zones];
	const char *twin;

	if (!file->name) {
		config_entry_error(&check->entry, NULL, "has no name; write {name: shop, ...}");
		return;
	}
	if (!zone_name_is_valid(file->name, strlen(file->name))) {
		config_entry_error(
			&check->entry, "name",
			"'%.64s' is not a zone name; write 1 to %d of a-z, 0-9 and '-', a letter "
			"first; any, none and self are taken",
			file->name, ZONE_NAME_MAX);
		return;
	}
	strcpy(zone->name, file->name);
	zone->number = policy_zone_number(file->name);
	zone->is_isolated = file->isolated && *file->isolated;
	twin = policy_zone_name(policy, zone->number);
	if (twin && strcmp(twin, zone->name) == 0)
		config_entry_error(&check->entry, "name",
				   "'%s' is given twice; write one entry with all members",
				   zone->name);
	else if (twin)
		config_entry_error(&check->entry, "name",
				   "'%s' has the same number as '%s'; rename one", zone->name,
				   twin);
	else
		policy->n_zones++;
}

static void check_zones(struct check *check, const struct file_policy *file)
{
	for (uint32_t i = 0; i < file->zones_count; i++) {
		config_entry_is(&check->entry, "policy.zones[%u]", i);
		check_zone_name(check, &file->zones[i]);
	}
	if (check->entry.errors->n)
		return; /* what follows would only complain about the same */
	for (uint32_t i = 0; i < file->zones_count; i++) {
		config_entry_is(&check->entry, "policy.zones[%u]", i);
		check_members(check, &file->zones[i], check->policy->zones[i].number);
	}
	for (uint32_t i = 0; i < file->allow_count; i++) {
		const struct file_pair *pair = &file->allow[i];
		struct policy_pair *to = &check->policy->pairs[check->policy->n_pairs];

		config_entry_is(&check->entry, "policy.allow[%u]", i);
		if (!pair->from || !pair->to)
			config_entry_error(&check->entry, NULL,
					   "needs two zones; write {from: shop, to: office}");
		else if (take_zone(check, "from", pair->from, &to->src) &&
			 take_zone(check, "to", pair->to, &to->dst))
			check->policy->n_pairs++;
	}
}

/* ---- matches ------------------------------------------------------------------ */

/* Does @match name what only IP has? */
static bool is_about_ip(const struct policy_match *match)
{
	return match->fields & (POLICY_PROTOCOL | POLICY_SRC_PORTS | POLICY_DST_PORTS) ||
	       match->src.family || match->dst.family;
}

static void check_contradictions(struct check *check, const struct policy_match *match)
{
	uint8_t family = match->src.family ?: match->dst.family;
	bool is_ip = match->ethertype == ETH_P_IP || match->ethertype == ETH_P_IPV6;

	if (match->src.family && match->dst.family && match->src.family != match->dst.family)
		config_entry_error(
			&check->entry, "destination",
			"and source are IPv4 and IPv6: no frame is both; write one entry for each");
	if (match->fields & POLICY_ETHERTYPE && is_about_ip(match) &&
	    (!is_ip || (family && (family == 4) != (match->ethertype == ETH_P_IP))))
		config_entry_error(&check->entry, "ethertype",
				   "is not that of the protocol, prefix or ports; leave it out");
}

static void take_protocols(struct check *check, const struct file_match *file,
			   struct policy_match *ret)
{
	if (file->ethertype && parse_ethertype(file->ethertype, &ret->ethertype))
		ret->fields |= POLICY_ETHERTYPE;
	else if (file->ethertype)
		config_entry_error(
			&check->entry, "ethertype",
			"'%.32s' is unknown; write ipv4, ipv6, arp, lldp, eapol, ptp, profinet, "
			"ethercat, goose, or a number such as 0x88b5",
			file->ethertype);
	if (file->protocol && parse_protocol(file->protocol, &ret->protocol))
		ret->fields |= POLICY_PROTOCOL;
	else if (file->protocol)
		config_entry_error(
			&check->entry, "protocol",
			"'%.32s' is unknown; write tcp, udp, icmp, icmpv6, igmp, gre, esp, sctp, "
			"dccp, udplite, or a number",
			file->protocol);
}

/* What both kinds of matches may name. */
static void take_packet(struct check *check, const struct file_match *file,
			struct policy_match *ret)
{
	uint64_t vlan;

	take_protocols(check, file, ret);
	if (config_entry_number(&check->entry, "vlan", file->vlan, 0, VLAN_MAX, &vlan)) {
		ret->fields |= POLICY_VLAN;
		ret->vlan = (uint16_t)vlan;
	}
	take_prefix(check, "source", file->source, &ret->src);
	take_prefix(check, "destination", file->destination, &ret->dst);
	take_ports(check, "source_ports", file->source_ports, POLICY_SRC_PORTS, ret,
		   &ret->src_ports);
	take_ports(check, "ports", file->ports, POLICY_DST_PORTS, ret, &ret->dst_ports);
	check_contradictions(check, ret);
}

static void check_acl_entry(struct check *check, const struct file_match *file)
{
	struct policy_entry *entry = &check->policy->entries[check->policy->n_entries++];

	if (!file->action || (strcmp(file->action, "accept") && strcmp(file->action, "deny")))
		config_entry_error(&check->entry, "action", "is %s%.32s%s; write accept or deny",
				   file->action ? "'" : "", file->action ?: "missing",
				   file->action ? "'" : "");
	else
		entry->denies = strcmp(file->action, "deny") == 0;
	if (take_zone(check, "from", file->from, &entry->match.src_zone))
		entry->match.fields |= POLICY_SRC_ZONE;
	if (take_zone(check, "to", file->to, &entry->match.dst_zone))
		entry->match.fields |= POLICY_DST_ZONE;
	take_packet(check, file, &entry->match);
	config_entry_u32(&check->entry, "log_every", file->log_every, 1, UINT32_MAX,
			 &entry->log_every);
}

static void check_allowed_protocol(struct check *check, uint32_t i, const char *text)
{
	struct policy_match *match = &check->policy->protocols[check->policy->n_protocols++];

	if (parse_ethertype(text, &match->ethertype)) {
		match->fields = POLICY_ETHERTYPE;
	} else if (parse_protocol(text, &match->protocol)) {
		match->fields = POLICY_PROTOCOL;
	} else {
		config_entry_is(&check->entry, "policy.protocols[%u]", i);
		config_entry_error(
			&check->entry, NULL,
			"'%.32s' is unknown; write an Ethernet type such as ipv6 or 0x88b5, or an "
			"IP protocol such as tcp or 47",
			text);
	}
}

/* ---- rates ----------------------------------------------------------------------- */

/* Keys of a section in a section: "storm.broadcast_per_s" of the entry. */
static void take_storm(struct check *check, const struct file_storm *file, struct policy_storm *ret)
{
	config_entry_u32(&check->entry, "storm.broadcast_per_s", file->broadcast_per_s, 1, PPS_MAX,
			 &ret->broadcast_pps);
	config_entry_u32(&check->entry, "storm.multicast_per_s", file->multicast_per_s, 1, PPS_MAX,
			 &ret->multicast_pps);
	config_entry_u32(&check->entry, "storm.unknown_per_s", file->unknown_per_s, 1, PPS_MAX,
			 &ret->unknown_pps);
}

static void check_rate(struct check *check, const struct file_rate *file)
{
	struct policy *policy = check->policy;
	struct policy_rate *rate = &policy->rates[policy->n_rates];
	uint64_t kbit;

	rate->is_any = file->hub && strcmp(file->hub, "any") == 0;
	if (!file->hub || (!rate->is_any && !parse_hub(file->hub, rate->hub.b))) {
		config_entry_error(&check->entry, "hub",
				   "is %s%.32s%s; write a hub id in quotes, or any",
				   file->hub ? "'" : "", file->hub ?: "missing",
				   file->hub ? "'" : "");
		return;
	}
	for (size_t i = 0; i < policy->n_rates; i++)
		if (policy->rates[i].is_any == rate->is_any &&
		    hub_id_equal(&policy->rates[i].hub, &rate->hub))
			config_entry_error(&check->entry, "hub",
					   "%s has an entry already; write one", file->hub);
	config_entry_u32(&check->entry, "frames_per_s", file->frames_per_s, 1, PPS_MAX,
			 &rate->frames_pps);
	if (config_entry_number(&check->entry, "kbit_per_s", file->kbit_per_s, 1, RATE_KBIT_MAX,
				&kbit))
		rate->bytes_ps = kbit * KBIT_BYTES;
	take_storm(check, &file->storm, &rate->storm);
	policy->n_rates++;
}

/* ---- sections ----------------------------------------------------------------------- */

static void check_policy_section(struct check *check, const struct file_policy *file)
{
	struct policy *policy = check->policy;
	uint32_t hops = 0;

	check_zones(check, file);
	for (uint32_t i = 0; i < file->acl_count; i++) {
		config_entry_is(&check->entry, "policy.acl[%u]", i);
		check_acl_entry(check, &file->acl[i]);
	}
	for (uint32_t i = 0; i < file->protocols_count; i++)
		check_allowed_protocol(check, i, file->protocols[i]);
	for (uint32_t i = 0; i < file->rates_count; i++) {
		config_entry_is(&check->entry, "policy.rates[%u]", i);
		check_rate(check, &file->rates[i]);
	}
	config_entry_is(&check->entry, "policy");
	config_entry_u32(&check->entry, "max_hops", file->max_hops, 1, HOPS_MAX, &hops);
	policy->hops_max = (uint8_t)hops;
	config_entry_u32(&check->entry, "macs_max", file->macs_max, 1, HUBMESH_FDB_MAX,
			 &policy->macs_max);
	take_storm(check, &file->storm, &policy->storm);
	if (!file->addresses || strcmp(file->addresses, "mesh") == 0)
		policy->addresses = POLICY_ADDRESSES_MESH;
	else if (strcmp(file->addresses, "own") == 0)
		policy->addresses = POLICY_ADDRESSES_OWN;
	else if (strcmp(file->addresses, "any") == 0)
		policy->addresses = POLICY_ADDRESSES_ANY;
	else
		config_entry_error(&check->entry, "addresses",
				   "'%.32s' is unknown; write mesh, own or any", file->addresses);
	if (policy->addresses == POLICY_ADDRESSES_OWN && policy->macs_max)
		config_entry_error(&check->entry, "macs_max",
				   "contradicts addresses: own, which allows no MAC but the "
				   "hub's; leave it out");
}

static void check_class(struct check *check, const struct file_class *file)
{
	struct policy_class *class;
	uint64_t number;

	if (!file->class) {
		config_entry_error(&check->entry, NULL,
				   "has no class; write {class: 5, weight: 16}");
		return;
	}
	if (!config_entry_number(&check->entry, "class", file->class, 0, POLICY_CLASSES - 1,
				 &number))
		return;
	class = &check->policy->queues.class[number];
	if (class->weight || class->limit_frames || class->limit_bytes || class->target_us ||
	    class->interval_us)
		config_entry_error(&check->entry, "class",
				   "%" PRIu64 " is given twice; write it once", number);
	/* Bounds of kernel/limits.h. */
	config_entry_u32(&check->entry, "weight", file->weight, 1, 100, &class->weight);
	config_entry_u32(&check->entry, "limit_frames", file->limit_frames, 1, 16384,
			 &class->limit_frames);
	config_entry_u32(&check->entry, "limit_bytes", file->limit_bytes, 1, 64 << 20,
			 &class->limit_bytes);
	config_entry_u32(&check->entry, "target_us", file->target_us, 100, 1000000,
			 &class->target_us);
	config_entry_u32(&check->entry, "interval_us", file->interval_us, 1000, 10000000,
			 &class->interval_us);
}

static void check_queue(struct check *check, const struct file_queue *file)
{
	struct policy_queues *queues = &check->policy->queues;
	struct policy_queue *queue = &queues->queue[queues->n];
	uint64_t kbit;

	if (!file->interface || !file->kbit_per_s) {
		config_entry_error(
			&check->entry, NULL,
			"needs an interface and a rate; write {interface: eth0, kbit_per_s: "
			"20000}");
		return;
	}
	if (!file->interface[0] || strlen(file->interface) >= sizeof(queue->interface)) {
		config_entry_error(
			&check->entry, "interface",
			"'%.64s' cannot match an interface; write a name or a pattern such as eth*",
			file->interface);
		return;
	}
	if (!config_entry_number(&check->entry, "kbit_per_s", file->kbit_per_s, LINK_KBIT_MIN,
				 LINK_KBIT_MAX, &kbit))
		return;
	strcpy(queue->interface, file->interface);
	queue->bytes_ps = kbit * KBIT_BYTES;
	queues->n++;
}

/* A number of a rule that, if there, must match. */
static uint32_t take_field(struct check *check, const char *key, const int64_t *given, int64_t max,
			   uint32_t field, struct policy_match *match)
{
	uint64_t value = 0;

	if (config_entry_number(&check->entry, key, given, 0, max, &value))
		match->fields |= field;
	return (uint32_t)value;
}

static void check_rule(struct check *check, const struct file_match *file)
{
	struct policy_rule *rule = &check->policy->rules[check->policy->n_rules++];
	struct policy_match *match = &rule->match;
	uint64_t class = 0;

	if (!file->class)
		config_entry_error(&check->entry, NULL, "has no class; write {class: 5, dscp: 46}");
	config_entry_number(&check->entry, "class", file->class, 0, POLICY_CLASSES - 1, &class);
	rule->class = (uint8_t) class;
	take_packet(check, file, match);
	match->vlan_pcp = (uint8_t)take_field(check, "vlan_priority", file->vlan_priority, 7,
					      POLICY_VLAN_PCP, match);
	match->dscp = (uint8_t)take_field(check, "dscp", file->dscp, 63, POLICY_DSCP, match);
	match->mark = take_field(check, "mark", file->mark, UINT32_MAX, POLICY_MARK, match);
	match->priority =
		take_field(check, "priority", file->priority, UINT32_MAX, POLICY_PRIORITY, match);
	match->mark_mask = UINT32_MAX;
	config_entry_u32(&check->entry, "mark_mask", file->mark_mask, 0, UINT32_MAX,
			 &match->mark_mask);
	if (file->mark_mask && !file->mark)
		config_entry_error(&check->entry, "mark_mask", "needs a mark; write both or none");
	if (match->mark & ~match->mark_mask)
		config_entry_error(&check->entry, "mark",
				   "has bits that mark_mask leaves out; clear them");
}

static void check_qos_section(struct check *check, const struct file_qos *file)
{
	uint32_t share = POLICY_STRICT_SHARE_DEFAULT;

	config_entry_is(&check->entry, "qos");
	config_entry_u32(&check->entry, "strict_percent", file->strict_percent, 0, 100, &share);
	check->policy->queues.strict_share = (uint8_t)share;
	for (uint32_t i = 0; i < file->classes_count; i++) {
		config_entry_is(&check->entry, "qos.classes[%u]", i);
		check_class(check, &file->classes[i]);
	}
	for (uint32_t i = 0; i < file->links_count; i++) {
		config_entry_is(&check->entry, "qos.links[%u]", i);
		check_queue(check, &file->links[i]);
	}
	for (uint32_t i = 0; i < file->rules_count; i++) {
		config_entry_is(&check->entry, "qos.rules[%u]", i);
		check_rule(check, &file->rules[i]);
	}
}

void config_check_policy(const struct file_policy *policy, const struct file_qos *qos,
			 const struct config_lines *lines, struct policy *ret,
			 struct config_errors *errors)
{
	struct check check = {.entry = {.lines = lines, .errors = errors}, .policy = ret};

	check_policy_section(&check, policy);
	check_qos_section(&check, qos);
}
