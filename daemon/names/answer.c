// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: answer: see answer.h
 */
#include "daemon/names/answer.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"

#define ZONE "mesh"
#define LABEL_MAX 63
#define NAME_WIRE_MAX 255
#define REVERSE4_ZONE_BITS 16 /* whose SOA a negative answer shows */
#define REVERSE6_ZONE_BITS 64
#define UNPRINTABLE '?' /* in no name of ours, so it is found nowhere */

/* Positions and bits of the header, RFC 1035 section 4.1.1. */
#define AT_FLAGS 2
#define AT_RCODE 3
#define AT_QDCOUNT 4
#define AT_ANCOUNT 6
#define AT_NSCOUNT 8
#define AT_ARCOUNT 10
#define FLAG_QR 0x80
#define FLAG_AA 0x04
#define FLAG_TC 0x02
#define FLAG_RD 0x01
#define FLAG_RA 0x80
#define FLAG_CD 0x10
#define OPCODE_MASK 0x78
#define EDNS_BADVERS_HIGH 1 /* upper bits of extended RCODE 16 */

/* Types, classes and reply codes: RFC 1035, 2782, 3596, 6891. */
enum {
	TYPE_A = 1,
	TYPE_SOA = 6,
	TYPE_PTR = 12,
	TYPE_AAAA = 28,
	TYPE_SRV = 33,
	TYPE_OPT = 41,
	TYPE_IXFR = 251,
	TYPE_AXFR = 252,
	TYPE_ANY = 255
};
enum { RCODE_NOERROR, RCODE_FORMERR, RCODE_SERVFAIL, RCODE_NXDOMAIN, RCODE_NOTIMP, RCODE_REFUSED };
#define CLASS_IN 1
#define ASKED_NAME (0xc000 + NAMES_HEADER_LEN) /* a pointer to the name in the question */
#define OPT_LEN 11 /* of a record without options */
#define EDNS_DO 0x8000

/**
 * struct query - what was asked
 * @bytes: message
 * @question_len: header and question
 * @type: asked for
 * @class: asked for
 * @has_edns: has an OPT record
 * @udp_size: of it
 * @version: of it
 * @edns_flags: of it
 */
struct query {
	const uint8_t *bytes;
	size_t question_len;
	uint16_t type, class;
	bool has_edns;
	uint16_t udp_size;
	uint8_t version;
	uint16_t edns_flags;
};

/**
 * struct answer - one reply being put together
 * @source: what is known
 * @query: what was asked
 * @reply: under way
 * @limit: bytes its records may reach
 * @overflows: they did not fit
 * @sections: records in answer, authority, additional
 * @rcode: of the header
 * @name: asked for, text in lower case without the last dot
 * @zone: of @name, for the SOA
 */
struct answer {
	const struct names_source *source;
	const struct query *query;
	struct names_reply *reply;
	size_t limit;
	bool overflows;
	uint16_t sections[3];
	uint8_t rcode;
	char name[NAMES_TEXT_MAX];
	char zone[NAMES_TEXT_MAX];
};

enum { SECTION_ANSWER, SECTION_AUTHORITY, SECTION_ADDITIONAL };

static uint16_t read16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* --- the fixed parts of a message --- */

size_t names_question_len(const uint8_t *query, size_t len)
{
	size_t at = NAMES_HEADER_LEN;

	if (len < NAMES_HEADER_LEN || read16(query + AT_QDCOUNT) != 1)
		return 0;
	while (at < len && query[at] != 0) {
		if (query[at] > LABEL_MAX) /* a pointer, which the first name cannot need */
			return 0;
		at += 1u + query[at];
	}
	at++;
	if (at - NAMES_HEADER_LEN > NAME_WIRE_MAX || at + 4 > len)
		return 0;
	return at + 4;
}

/* Header and nothing else: what is left to say when the rest cannot be read. */
static void reply_header(const uint8_t *query, uint8_t rcode, struct names_reply *ret)
{
	memset(ret->bytes, 0, NAMES_HEADER_LEN);
	memcpy(ret->bytes, query, 2);
	ret->bytes[AT_FLAGS] = (uint8_t)(FLAG_QR | (query[AT_FLAGS] & (OPCODE_MASK | FLAG_RD)));
	ret->bytes[AT_RCODE] = rcode;
	ret->len = NAMES_HEADER_LEN;
	ret->is_truncated = false;
}

void names_fail(const uint8_t *query, size_t len, bool truncated, struct names_reply *ret)
{
	size_t question = names_question_len(query, len);

	reply_header(query, truncated ? RCODE_NOERROR : RCODE_SERVFAIL, ret);
	ret->bytes[AT_RCODE] |= FLAG_RA;
	if (truncated)
		ret->bytes[AT_FLAGS] |= FLAG_TC;
	ret->is_truncated = truncated;
	if (!question)
		return;
	memcpy(ret->bytes + NAMES_HEADER_LEN, query + NAMES_HEADER_LEN,
	       question - NAMES_HEADER_LEN);
	ret->bytes[AT_QDCOUNT + 1] = 1;
	ret->len = question;
}

bool names_is_reply(const uint8_t *query, size_t query_len, const uint8_t *reply, size_t reply_len)
{
	size_t question = names_question_len(query, query_len);

	return question && question == names_question_len(reply, reply_len) &&
	       memcmp(query, reply, 2) == 0 && reply[AT_FLAGS] & FLAG_QR &&
	       memcmp(query + NAMES_HEADER_LEN, reply + NAMES_HEADER_LEN,
		      question - NAMES_HEADER_LEN) == 0;
}

/* --- names --- */

/* Lower case, dots between labels; a byte no name of ours has becomes '?'. */
static void read_name(const struct query *query, char ret[NAMES_TEXT_MAX])
{
	const uint8_t *wire = query->bytes + NAMES_HEADER_LEN;
	size_t at = 0, out = 0;

	while (wire[at] != 0) {
		uint8_t end = wire[at];

		if (out)
			ret[out++] = '.';
		for (at++; end; end--, at++) {
			int c = tolower(wire[at]);

			ret[out++] = islower(c) || isdigit(c) || c == '-' || c == '_' ? (char)c
										      : UNPRINTABLE;
		}
	}
	ret[out] = '\0';
}

/* Cut @suffix and the dot before it off @name. */
static bool cut_suffix(char *name, const char *suffix)
{
	size_t len = strlen(name), cut = strlen(suffix);

	if (len < cut || strcmp(name + len - cut, suffix) != 0)
		return false;
	if (len == cut) {
		name[0] = '\0';
		return true;
	}
	if (name[len - cut - 1] != '.')
		return false;
	name[len - cut - 1] = '\0';
	return true;
}

static bool parse_octet(const char **text, uint8_t *ret)
{
	char *end;
	unsigned long value;

	if (!isdigit((unsigned char)**text))
		return false;
	value = strtoul(*text, &end, 10);
	if (value > UINT8_MAX || end - *text > 3 || (**text == '0' && end - *text > 1))
		return false;
	*ret = (uint8_t)value;
	*text = end;
	return true;
}

/* "4.3.2.1" of 4.3.2.1.in-addr.arpa. */
static bool parse_reverse4(const char *text, struct endpoint *ret)
{
	uint8_t octets[4];

	for (int i = 3; i >= 0; i--) {
		if (!parse_octet(&text, &octets[i]))
			return false;
		if (*text++ != (i ? '.' : '\0'))
			return false;
	}
	*ret = (struct endpoint){.family = AF_INET};
	memcpy(&ret->addr4, octets, sizeof(octets));
	return true;
}

/* 32 hexadecimal digits, the last first, with dots between. */
static bool parse_reverse6(const char *text, struct endpoint *ret)
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(text) != 63)
		return false;
	*ret = (struct endpoint){.family = AF_INET6};
	for (int i = 0; i < 32; i++) {
		const char *digit = strchr(digits, text[2 * i]);
		unsigned int position = 31u - (unsigned int)i; /* of this digit in the address */

		if (!digit || (i < 31 && text[2 * i + 1] != '.'))
			return false;
		ret->addr6.s6_addr[position / 2] |=
			(uint8_t)((digit - digits) << (position % 2 ? 0 : 4));
	}
	return true;
}

/* --- records --- */

static void put_bytes(struct answer *answer, const void *bytes, size_t len)
{
	if (answer->overflows || len > answer->limit - answer->reply->len) {
		answer->overflows = true;
		return;
	}
	memcpy(answer->reply->bytes + answer->reply->len, bytes, len);
	answer->reply->len += len;
}

static void put16(struct answer *answer, uint16_t value)
{
	const uint16_t wire = htons(value);

	put_bytes(answer, &wire, sizeof(wire));
}

static void put32(struct answer *answer, uint32_t value)
{
	const uint32_t wire = htonl(value);

	put_bytes(answer, &wire, sizeof(wire));
}

/* Can this text be a name of DNS, each label 1 to 63 bytes, 255 in all? */
static bool is_name(const char *text)
{
	size_t label = 0;

	if (strlen(text) + 2 > NAME_WIRE_MAX)
		return false;
	for (; *text; text++) {
		if (*text != '.')
			label++;
		else if (label == 0)
			return false;
		else
			label = 0;
		if (label > LABEL_MAX)
			return false;
	}
	return label != 0;
}

static void put_name(struct answer *answer, const char *text)
{
	uint8_t len;

	for (; *text; text += len + (text[len] == '.')) {
		len = (uint8_t)strcspn(text, ".");
		put_bytes(answer, &len, 1);
		put_bytes(answer, text, len);
	}
	put_bytes(answer, "", 1);
}

/* A record up to its data; @owner NULL: the name asked for.  Return: where its length goes. */
static size_t begin_record(struct answer *answer, unsigned int section, const char *owner,
			   uint16_t type, uint32_t ttl)
{
	if (owner)
		put_name(answer, owner);
	else
		put16(answer, ASKED_NAME);
	put16(answer, type);
	put16(answer, CLASS_IN);
	put32(answer, ttl);
	put16(answer, 0);
	answer->sections[section]++;
	return answer->reply->len;
}

static void end_record(struct answer *answer, size_t data_at)
{
	const uint16_t len = htons((uint16_t)(answer->reply->len - data_at));

	if (!answer->overflows)
		memcpy(answer->reply->bytes + data_at - sizeof(len), &len, sizeof(len));
}

static void put_soa(struct answer *answer, unsigned int section)
{
	/* serial, refresh, retry, expire: nobody copies this zone */
	const uint32_t numbers[] = {1, 3600, 600, 86400, NAMES_NEGATIVE_TTL_S};
	size_t at = begin_record(answer, section, answer->zone, TYPE_SOA, NAMES_NEGATIVE_TTL_S);

	put_name(answer, ZONE);
	put_name(answer, "hostmaster." ZONE);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		put32(answer, numbers[i]);
	end_record(answer, at);
}

/* @type: A, AAAA or ANY for both; @owner as for begin_record(). */
static size_t put_addresses(struct answer *answer, unsigned int section, const char *owner,
			    uint16_t type, const struct names_found *found)
{
	size_t n = 0, at;

	for (size_t i = 0; i < found->n; i++) {
		const struct endpoint *ep = &found->addresses[i];
		bool is_v4 = ep->family == AF_INET;
		uint16_t is = is_v4 ? TYPE_A : TYPE_AAAA;

		if (type != is && type != TYPE_ANY)
			continue;
		at = begin_record(answer, section, owner, is, NAMES_TTL_S);
		if (is_v4)
			put_bytes(answer, &ep->addr4, sizeof(ep->addr4));
		else
			put_bytes(answer, &ep->addr6, sizeof(ep->addr6));
		end_record(answer, at);
		n++;
	}
	return n;
}

/* The name exists; without a record of that type the SOA says for how long. */
static enum names_outcome found_nothing(struct answer *answer)
{
	put_soa(answer, SECTION_AUTHORITY);
	return NAMES_ANSWERED;
}

static enum names_outcome unknown(struct answer *answer)
{
	answer->rcode = RCODE_NXDOMAIN;
	put_soa(answer, SECTION_AUTHORITY);
	return NAMES_UNKNOWN;
}

static enum names_outcome answer_addresses(struct answer *answer, int error,
					   const struct names_found *found)
{
	if (error == -ENOTUNIQ) {
		answer->rcode = RCODE_SERVFAIL;
		return NAMES_AMBIGUOUS;
	}
	if (error)
		return unknown(answer);
	if (put_addresses(answer, SECTION_ANSWER, NULL, answer->query->type, found))
		return NAMES_ANSWERED;
	return found_nothing(answer);
}

/* _NAME._tcp.mesh, _NAME._udp.mesh */
static enum names_outcome answer_srv(struct answer *answer, const char *service,
				     enum names_transport transport)
{
	struct names_found found = {0};
	char target[NAMES_TEXT_MAX];
	size_t at;

	if (answer->source->find_service(answer->source->arg, service, transport, &found) < 0)
		return unknown(answer);
	if ((answer->query->type != TYPE_SRV && answer->query->type != TYPE_ANY) || !found.n)
		return found_nothing(answer);
	snprintf(target, sizeof(target), "%.*s." ZONE, LABEL_MAX, service);
	at = begin_record(answer, SECTION_ANSWER, NULL, TYPE_SRV, NAMES_TTL_S);
	put16(answer, 0); /* priority */
	put16(answer, 0); /* weight */
	put16(answer, found.addresses[0].port);
	put_name(answer, target); /* never compressed, RFC 2782 */
	end_record(answer, at);
	put_addresses(answer, SECTION_ADDITIONAL, target, TYPE_ANY, &found);
	return NAMES_ANSWERED;
}

/* --- what is below mesh. --- */

static enum names_outcome answer_zone(struct answer *answer)
{
	if (answer->query->type != TYPE_SOA && answer->query->type != TYPE_ANY)
		return found_nothing(answer);
	put_soa(answer, SECTION_ANSWER);
	return NAMES_ANSWERED;
}

/* @name: relative to mesh. */
static enum names_outcome answer_mesh(struct answer *answer, char *name)
{
	const struct names_source *source = answer->source;
	struct names_found found = {0};
	int error;

	if (!name[0])
		return answer_zone(answer);
	error = strchr(name, '.') ? -ENOENT
				  : source->find_service(source->arg, name, NAMES_ANY, &found);
	if (!error)
		return answer_addresses(answer, 0, &found);
	if (strcmp(name, "_tcp") == 0 || strcmp(name, "_udp") == 0 || strcmp(name, "hub") == 0)
		return found_nothing(answer); /* names below them exist */
	if (name[0] == '_' && cut_suffix(name, "_tcp") && !strchr(name, '.'))
		return answer_srv(answer, name + 1, NAMES_TCP);
	if (name[0] == '_' && cut_suffix(name, "_udp") && !strchr(name, '.'))
		return answer_srv(answer, name + 1, NAMES_UDP);
	if (cut_suffix(name, "hub"))
		return answer_addresses(answer, source->find_hub(source->arg, name, &found),
					&found);
	return unknown(answer);
}

/* Cut labels off the front until @keep are left. */
static const char *last_labels(const char *name, unsigned int keep)
{
	const char *at = name + strlen(name);

	while (at > name && keep) {
		at--;
		if (*at == '.' && --keep == 0)
			return at + 1;
	}
	return name;
}

static enum names_outcome answer_reverse(struct answer *answer, const struct endpoint *address,
					 enum names_outcome not_ours)
{
	char owner[NAMES_TEXT_MAX - sizeof("." ZONE)] = "", target[NAMES_TEXT_MAX];
	int error = answer->source->find_owner(answer->source->arg, address, owner, sizeof(owner));
	unsigned int labels = address->family == AF_INET ? REVERSE4_ZONE_BITS / 8
							 : REVERSE6_ZONE_BITS / 4;
	size_t at;

	if (error == -EAFNOSUPPORT)
		return not_ours;
	snprintf(answer->zone, sizeof(answer->zone), "%s", last_labels(answer->name, labels + 2));
	if (error)
		return unknown(answer);
	if (answer->query->type != TYPE_PTR && answer->query->type != TYPE_ANY)
		return found_nothing(answer);
	snprintf(target, sizeof(target), "%s." ZONE, owner);
	if (!is_name(target)) /* a hub may be called "a..b" */
		return unknown(answer);
	at = begin_record(answer, SECTION_ANSWER, NULL, TYPE_PTR, NAMES_TTL_S);
	put_name(answer, target);
	end_record(answer, at);
	return NAMES_ANSWERED;
}

/* --- the reply --- */

static enum names_outcome fill(struct answer *answer, enum names_outcome not_ours)
{
	char name[NAMES_TEXT_MAX];
	struct endpoint address;

	if (answer->query->class != CLASS_IN)
		return not_ours;
	snprintf(answer->zone, sizeof(answer->zone), ZONE);
	memcpy(name, answer->name, sizeof(name));
	if (cut_suffix(name, ZONE)) {
		if (answer->query->type == TYPE_AXFR || answer->query->type == TYPE_IXFR)
			return NAMES_REFUSED;
		return answer_mesh(answer, name);
	}
	if ((cut_suffix(name, "in-addr.arpa") && parse_reverse4(name, &address)) ||
	    (cut_suffix(name, "ip6.arpa") && parse_reverse6(name, &address)))
		return answer_reverse(answer, &address, not_ours);
	return not_ours;
}

/* Header, question and EDNS; what is between came by put_*(). */
static void finish(struct answer *answer, bool is_authoritative, bool has_upstream)
{
	const struct query *query = answer->query;
	uint8_t *header = answer->reply->bytes;
	bool badvers = query->has_edns && query->version != 0;

	header[AT_FLAGS] = (uint8_t)(FLAG_QR | (query->bytes[AT_FLAGS] & FLAG_RD) |
				     (is_authoritative ? FLAG_AA : 0) |
				     (answer->reply->is_truncated ? FLAG_TC : 0));
	header[AT_RCODE] = (uint8_t)(answer->rcode | (query->bytes[AT_RCODE] & FLAG_CD) |
				     (has_upstream ? FLAG_RA : 0));
	answer->limit += query->has_edns ? OPT_LEN : 0; /* kept free for this */
	if (query->has_edns) {
		put_bytes(answer, "", 1); /* the root */
		put16(answer, TYPE_OPT);
		put16(answer, NAMES_UDP_MAX);
		put16(answer, badvers ? EDNS_BADVERS_HIGH << 8 : 0); /* and our version, 0 */
		put16(answer, query->edns_flags & EDNS_DO);
		put16(answer, 0);
		answer->sections[SECTION_ADDITIONAL]++;
	}
	header[AT_QDCOUNT + 1] = 1;
	for (size_t i = 0; i < ARRAY_SIZE(answer->sections); i++) {
		header[AT_ANCOUNT + 2 * i] = (uint8_t)(answer->sections[i] >> 8);
		header[AT_ANCOUNT + 2 * i + 1] = (uint8_t)answer->sections[i];
	}
}

/* Header and question of @answer, no record. */
static void begin(struct answer *answer, size_t limit)
{
	const struct query *query = answer->query;

	reply_header(query->bytes, RCODE_NOERROR, answer->reply);
	answer->limit = limit - (query->has_edns ? OPT_LEN : 0);
	answer->overflows = false;
	memset(answer->sections, 0, sizeof(answer->sections));
	put_bytes(answer, query->bytes + NAMES_HEADER_LEN, query->question_len - NAMES_HEADER_LEN);
}

static size_t udp_limit(const struct query *query)
{
	size_t size = query->has_edns ? query->udp_size : 0;

	if (size < NAMES_UDP_PLAIN_MAX)
		return NAMES_UDP_PLAIN_MAX;
	return size > NAMES_UDP_MAX ? NAMES_UDP_MAX : size;
}

/* The one additional record that makes sense in a query: OPT, RFC 6891 section 6.1.2. */
static bool read_edns(const uint8_t *record, size_t len, struct query *ret)
{
	if (len < OPT_LEN || record[0] != 0 || read16(record + 1) != TYPE_OPT ||
	    read16(record + 9) != len - OPT_LEN)
		return false;
	ret->has_edns = true;
	ret->udp_size = read16(record + 3);
	ret->version = record[6];
	ret->edns_flags = read16(record + 7);
	return true;
}

/* Return: is it one question, perhaps with EDNS, and nothing else. */
static bool read_query(const uint8_t *bytes, size_t len, struct query *ret)
{
	size_t question = len > NAMES_QUERY_MAX ? 0 : names_question_len(bytes, len);
	unsigned int n_additional;

	if (!question || read16(bytes + AT_ANCOUNT) || read16(bytes + AT_NSCOUNT))
		return false;
	*ret = (struct query){
		.bytes = bytes,
		.question_len = question,
		.type = read16(bytes + question - 4),
		.class = read16(bytes + question - 2),
	};
	n_additional = read16(bytes + AT_ARCOUNT);
	if (n_additional == 0)
		return len == question;
	return n_additional == 1 && read_edns(bytes + question, len - question, ret);
}

size_t names_udp_limit(const uint8_t *query, size_t len)
{
	struct query read;

	return read_query(query, len, &read) ? udp_limit(&read) : NAMES_UDP_PLAIN_MAX;
}

static enum names_outcome reply_to(const struct names_source *source, const struct query *query,
				   size_t limit, bool has_upstream, struct names_reply *ret)
{
	struct answer answer = {.source = source, .query = query, .reply = ret};
	enum names_outcome outcome;

	begin(&answer, limit);
	read_name(query, answer.name);
	if (query->has_edns && query->version != 0)
		outcome = NAMES_UNSUPPORTED;
	else
		outcome = fill(&answer, has_upstream ? NAMES_FORWARD : NAMES_REFUSED);
	if (outcome == NAMES_REFUSED)
		answer.rcode = RCODE_REFUSED;
	if (answer.overflows) {
		begin(&answer, limit);
		ret->is_truncated = true;
	}
	finish(&answer, outcome == NAMES_ANSWERED || outcome == NAMES_UNKNOWN, has_upstream);
	return outcome;
}

enum names_outcome names_answer(const struct names_source *source, const uint8_t *query, size_t len,
				bool is_tcp, bool has_upstream, struct names_reply *ret)
{
	struct query read;

	if (len < NAMES_HEADER_LEN || query[AT_FLAGS] & FLAG_QR)
		return NAMES_DROPPED;
	if (query[AT_FLAGS] & OPCODE_MASK) {
		reply_header(query, RCODE_NOTIMP, ret);
		return NAMES_UNSUPPORTED;
	}
	if (!read_query(query, len, &read)) {
		reply_header(query, RCODE_FORMERR, ret);
		return NAMES_MALFORMED;
	}
	return reply_to(source, &read, is_tcp ? NAMES_REPLY_MAX : udp_limit(&read), has_upstream,
			ret);
}
