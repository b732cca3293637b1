// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: DNS replies, read back by ldns
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <ldns/ldns.h>

#include "daemon/lib/memory.h"
#include "selftests/unit/names_fixture.h"

#define EDNS_NONE 0

struct asked {
	uint8_t query[NAMES_QUERY_MAX];
	size_t query_len;
	struct names_reply reply;
	ldns_pkt *packet;
	enum names_outcome outcome;
	bool is_tcp, has_upstream;
};

static void write_query(struct asked *asked, const char *name, ldns_rr_type type, uint16_t edns)
{
	ldns_pkt *packet = NULL;
	uint8_t *wire = NULL;

	assert_int_equal(ldns_pkt_query_new_frm_str(&packet, name, type, LDNS_RR_CLASS_IN, LDNS_RD),
			 LDNS_STATUS_OK);
	ldns_pkt_set_id(packet, 0xbeef);
	ldns_pkt_set_edns_udp_size(packet, edns);
	assert_int_equal(ldns_pkt2wire(&wire, packet, &asked->query_len), LDNS_STATUS_OK);
	memcpy(asked->query, wire, asked->query_len);
	free(wire);
	ldns_pkt_free(packet);
}

static void send_query(struct asked *asked)
{
	ldns_pkt_free(asked->packet);
	asked->packet = NULL;
	asked->outcome = names_answer(&fixture_source, asked->query, asked->query_len,
				      asked->is_tcp, asked->has_upstream, &asked->reply);
	if (asked->outcome != NAMES_DROPPED && asked->outcome != NAMES_FORWARD)
		assert_int_equal(ldns_wire2pkt(&asked->packet, asked->reply.bytes,
					       asked->reply.len),
				 LDNS_STATUS_OK);
}

static void ask(struct asked *asked, const char *name, ldns_rr_type type, uint16_t edns)
{
	write_query(asked, name, type, edns);
	send_query(asked);
}

static int setup(void **state)
{
	*state = xnew(struct asked);
	return 0;
}

static int teardown(void **state)
{
	struct asked *asked = *state;

	ldns_pkt_free(asked->packet);
	free(asked);
	return 0;
}

/* The only answer, as text; blanks instead of tabs. */
static void assert_answer(const struct asked *asked, const char *wanted)
{
	const ldns_rr_list *list = ldns_pkt_answer(asked->packet);
	char *text;

	assert_int_equal(asked->outcome, NAMES_ANSWERED);
	assert_int_equal(ldns_rr_list_rr_count(list), 1);
	text = ldns_rr2str(ldns_rr_list_rr(list, 0));
	for (char *c = text; *c; c++)
		if (*c == '\t' || *c == '\n')
			*c = *c == '\t' ? ' ' : '\0';
	assert_string_equal(text, wanted);
	free(text);
	assert_true(ldns_pkt_aa(asked->packet));
	assert_true(ldns_pkt_qr(asked->packet));
	assert_true(ldns_pkt_rd(asked->packet));
	assert_int_equal(ldns_pkt_id(asked->packet), 0xbeef);
}

static void assert_negative(const struct asked *asked, ldns_pkt_rcode rcode, const char *zone)
{
	const ldns_rr_list *list = ldns_pkt_authority(asked->packet);
	char *text;

	assert_int_equal(ldns_pkt_get_rcode(asked->packet), rcode);
	assert_int_equal(ldns_pkt_ancount(asked->packet), 0);
	assert_int_equal(ldns_rr_list_rr_count(list), 1);
	assert_int_equal(ldns_rr_get_type(ldns_rr_list_rr(list, 0)), LDNS_RR_TYPE_SOA);
	text = ldns_rdf2str(ldns_rr_owner(ldns_rr_list_rr(list, 0)));
	assert_string_equal(text, zone);
	free(text);
}

static void service_has_its_entrys_address(void **state)
{
	struct asked *asked = *state;

	ask(asked, "speech.mesh.", LDNS_RR_TYPE_A, EDNS_NONE);
	assert_answer(asked, "speech.mesh. 5 IN A 127.77.0.2");
	ask(asked, "speech.mesh.", LDNS_RR_TYPE_AAAA, EDNS_NONE);
	assert_int_equal(asked->outcome, NAMES_ANSWERED);
	assert_negative(asked, LDNS_RCODE_NOERROR, "mesh.");
	ask(asked, "bare.mesh.", LDNS_RR_TYPE_A, EDNS_NONE);
	assert_negative(asked, LDNS_RCODE_NOERROR, "mesh.");
}

static void question_comes_back_as_written(void **state)
{
	struct asked *asked = *state;

	ask(asked, "SpEeCh.MeSh.", LDNS_RR_TYPE_A, EDNS_NONE);
	assert_answer(asked, "SpEeCh.MeSh. 5 IN A 127.77.0.2");
	assert_true(names_is_reply(asked->query, asked->query_len, asked->reply.bytes,
				   asked->reply.len));
	asked->query[13] ^= 0x20;
	assert_false(names_is_reply(asked->query, asked->query_len, asked->reply.bytes,
				    asked->reply.len));
}

static void service_record_names_port_and_address(void **state)
{
	struct asked *asked = *state;

	ask(asked, "_speech._tcp.mesh.", LDNS_RR_TYPE_SRV, EDNS_NONE);
	assert_answer(asked, "_speech._tcp.mesh. 5 IN SRV 0 0 8080 speech.mesh.");
	assert_int_equal(ldns_pkt_arcount(asked->packet), 1);
	ask(asked, "_clock._udp.mesh.", LDNS_RR_TYPE_SRV, EDNS_NONE);
	assert_answer(asked, "_clock._udp.mesh. 5 IN SRV 0 0 123 clock.mesh.");
	ask(asked, "clock.mesh.", LDNS_RR_TYPE_A, EDNS_NONE);
	assert_answer(asked, "clock.mesh. 5 IN A 127.77.0.3");
	ask(asked, "_clock._tcp.mesh.", LDNS_RR_TYPE_SRV, EDNS_NONE);
	assert_negative(asked, LDNS_RCODE_NXDOMAIN, "mesh.");
	ask(asked, "_none._tcp.mesh.", LDNS_RR_TYPE_SRV, EDNS_NONE);
	assert_negative(asked, LDNS_RCODE_NXDOMAIN, "mesh.");
	ask(asked, "_bare._tcp.mesh.", LDNS_RR_TYPE_SRV, EDNS_NONE);
	assert_negative(asked, LDNS_RCODE_NOERROR, "mesh.");
	ask(asked, "_speech._tcp.mesh.", LDNS_RR_TYPE_A, EDNS_NONE);
	assert_negative(asked, LDNS_RCODE_NOERROR, "mesh.");
}

static void hub_has_its_mesh_addresses(void **state)
{
	struct asked *asked = *state;

	ask(asked, "till-1.hub.mesh.", LDNS_RR_TYPE_AAAA, EDNS_NONE);
	assert_answer(asked, "till-1.hub.mesh. 5 IN AAAA " FIXTURE_ULA);
	ask(asked, "a.b.hub.mesh.", LDNS_RR_TYPE_A, EDNS_NONE);
	assert_answer(asked, "a.b.hub.mesh. 5 IN A 10.77.0.7");
	ask(asked, "twin.hub.mesh.", LDNS_RR_TYPE_A, EDNS_NONE);
	assert_int_equal(asked->outcome, NAMES_AMBIGUOUS);
	assert_int_equal(ldns_pkt_get_rcode(asked->packet), LDNS_RCODE_SERVFAIL);
	ask(asked, "nobody.hub.mesh.", LDNS_RR_TYPE_A, EDNS_NONE);
	assert_negative(asked, LDNS_RCODE_NXDOMAIN, "mesh.");
}

static void address_has_its_name(void **state)
{
	struct asked *asked = *state;

	ask(asked, "2.0.77.127.in-addr.arpa.", LDNS_RR_TYPE_PTR, EDNS_NONE);
	assert_answer(asked, "2.0.77.127.in-addr.arpa. 5 IN PTR speech.mesh.");
	ask(asked, "5.5.4.4.3.3.e.f.f.f.2.2.1.1.2.0.0.0.0.0.5.0.4.0.3.0.2.0.1.0.d.f.ip6.arpa.",
	    LDNS_RR_TYPE_PTR, EDNS_NONE);
	assert_int_equal(asked->outcome, NAMES_ANSWERED);
	assert_int_equal(ldns_pkt_ancount(asked->packet), 1);
	ask(asked, "9.9.77.127.in-addr.arpa.", LDNS_RR_TYPE_PTR, EDNS_NONE);
	assert_negative(asked, LDNS_RCODE_NXDOMAIN, "77.127.in-addr.arpa.");
	ask(asked, "6.5.4.4.3.3.e.f.f.f.2.2.1.1.2.0.0.0.0.0.5.0.4.0.3.0.2.0.1.0.d.f.ip6.arpa.",
	    LDNS_RR_TYPE_PTR, EDNS_NONE);
	assert_negative(asked, LDNS_RCODE_NXDOMAIN, "0.0.0.0.5.0.4.0.3.0.2.0.1.0.d.f.ip6.arpa.");
	ask(asked, "2.0.77.127.in-addr.arpa.", LDNS_RR_TYPE_A, EDNS_NONE);
	assert_negative(asked, LDNS_RCODE_NOERROR, "77.127.in-addr.arpa.");
}

static void names_between_exist_without_records(void **state)
{
	static const char *const names[] = {"mesh.", "hub.mesh.", "_tcp.mesh.", "_udp.mesh."};
	struct asked *asked = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ask(asked, names[i], LDNS_RR_TYPE_A, EDNS_NONE);
		assert_negative(asked, LDNS_RCODE_NOERROR, "mesh.");
	}
	ask(asked, "mesh.", LDNS_RR_TYPE_SOA, EDNS_NONE);
	assert_answer(asked, "mesh. 1 IN SOA mesh. hostmaster.mesh. 1 3600 600 86400 1");
}

static void unknown_names_do_not_exist(void **state)
{
	static const char *const names[] = {
		"nothing.mesh.",	"x.speech.mesh.",   "speech.mesh.mesh.",
		"speech\\.hub.mesh.",	"sp\\000ech.mesh.", "_speech._udp.mesh.",
		"a._speech._tcp.mesh.", "speech.hub.mesh.", "_._tcp.mesh.",
	};
	struct asked *asked = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ask(asked, names[i], LDNS_RR_TYPE_A, EDNS_NONE);
		assert_int_equal(asked->outcome, NAMES_UNKNOWN);
		assert_negative(asked, LDNS_RCODE_NXDOMAIN, "mesh.");
	}
}

static void other_names_are_refused_or_forwarded(void **state)
{
	static const char *const names[] = {
		".",
		"example.org.",
		"notmesh.",
		"mesh.example.org.",
		"1.2.0.192.in-addr.arpa.",
		"77.127.in-addr.arpa.",
		"2.00.77.127.in-addr.arpa.",
		"256.0.77.127.in-addr.arpa.",
		"g.5.4.4.3.3.e.f.f.f.2.2.1.1.2.0.0.0.0.0.5.0.4.0.3.0.2.0.1.0.d.f.ip6.arpa."};
	struct asked *asked = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		asked->has_upstream = false;
		ask(asked, names[i], LDNS_RR_TYPE_A, 4096);
		assert_int_equal(asked->outcome, NAMES_REFUSED);
		assert_int_equal(ldns_pkt_get_rcode(asked->packet), LDNS_RCODE_REFUSED);
		assert_false(ldns_pkt_ra(asked->packet));
		asked->has_upstream = true;
		ask(asked, names[i], LDNS_RR_TYPE_A, 4096);
		assert_int_equal(asked->outcome, NAMES_FORWARD);
	}
	ask(asked, "speech.mesh.", LDNS_RR_TYPE_A, 4096);
	assert_true(ldns_pkt_ra(asked->packet));
	ask(asked, "mesh.", LDNS_RR_TYPE_AXFR, EDNS_NONE);
	assert_int_equal(asked->outcome, NAMES_REFUSED);
}

static void long_replies_are_truncated_over_udp(void **state)
{
	struct asked *asked = *state;

	ask(asked, "many.mesh.", LDNS_RR_TYPE_A, EDNS_NONE);
	assert_true(ldns_pkt_tc(asked->packet) && asked->reply.is_truncated);
	assert_int_equal(ldns_pkt_ancount(asked->packet), 0);
	assert_true(asked->reply.len <= 512);
	ask(asked, "many.mesh.", LDNS_RR_TYPE_A, 100); /* less than 512 means 512 */
	assert_true(ldns_pkt_tc(asked->packet));
	ask(asked, "many.mesh.", LDNS_RR_TYPE_A, 1232);
	assert_false(ldns_pkt_tc(asked->packet));
	assert_int_equal(ldns_pkt_ancount(asked->packet), FIXTURE_MANY);
	assert_int_equal(ldns_pkt_edns_udp_size(asked->packet), 1232);
	asked->is_tcp = true;
	ask(asked, "many.mesh.", LDNS_RR_TYPE_A, EDNS_NONE);
	assert_int_equal(ldns_pkt_ancount(asked->packet), FIXTURE_MANY);
	assert_false(asked->reply.is_truncated);
}

static void later_edns_is_told_our_version(void **state)
{
	struct asked *asked = *state;

	write_query(asked, "speech.mesh.", LDNS_RR_TYPE_A, 1232);
	asked->query[asked->query_len - 5] = 1; /* version of the OPT record */
	send_query(asked);
	assert_int_equal(asked->outcome, NAMES_UNSUPPORTED);
	assert_int_equal(ldns_pkt_edns_extended_rcode(asked->packet), 1);
	assert_int_equal(ldns_pkt_edns_version(asked->packet), 0);
	assert_int_equal(ldns_pkt_ancount(asked->packet), 0);
}

static void other_operations_are_not_implemented(void **state)
{
	struct asked *asked = *state;

	for (unsigned int opcode = 1; opcode < 16; opcode++) {
		write_query(asked, "mesh.", LDNS_RR_TYPE_SOA, EDNS_NONE);
		asked->query[2] = (uint8_t)(opcode << 3);
		send_query(asked);
		assert_int_equal(asked->outcome, NAMES_UNSUPPORTED);
		assert_int_equal(ldns_pkt_get_rcode(asked->packet), LDNS_RCODE_NOTIMPL);
		assert_int_equal(asked->reply.len, NAMES_HEADER_LEN);
	}
}

static void what_is_no_query_gets_no_reply(void **state)
{
	struct asked *asked = *state;

	write_query(asked, "speech.mesh.", LDNS_RR_TYPE_A, EDNS_NONE);
	asked->query[2] |= 0x80;
	send_query(asked);
	assert_int_equal(asked->outcome, NAMES_DROPPED);
	asked->query[2] &= 0x7f;
	asked->query_len = NAMES_HEADER_LEN - 1;
	send_query(asked);
	assert_int_equal(asked->outcome, NAMES_DROPPED);
}

static void assert_malformed(struct asked *asked)
{
	send_query(asked);
	assert_int_equal(asked->outcome, NAMES_MALFORMED);
	assert_int_equal(ldns_pkt_get_rcode(asked->packet), LDNS_RCODE_FORMERR);
	assert_int_equal(asked->reply.len, NAMES_HEADER_LEN);
}

static void malformed_queries_are_told_so(void **state)
{
	static const size_t counts[] = {4, 6, 8};
	struct asked *asked = *state;
	size_t whole;

	write_query(asked, "speech.mesh.", LDNS_RR_TYPE_A, 1232);
	whole = asked->query_len;
	for (asked->query_len = NAMES_HEADER_LEN; asked->query_len < whole; asked->query_len++)
		assert_malformed(asked);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		asked->query[counts[i]] = 0xff; /* 65280 questions, answers, authorities */
		assert_malformed(asked);
		asked->query[counts[i]] = 0;
	}
	asked->query[11] = 2; /* two additional records, one there */
	assert_malformed(asked);
	asked->query[11] = 1;
	asked->query[5] = 0;
	assert_malformed(asked);
	asked->query[5] = 1;
	asked->query[12] = 0xc0; /* a name that points at itself */
	asked->query[13] = 12;
	assert_malformed(asked);
	memset(asked->query + 12, 1, sizeof(asked->query) - 12); /* a name of 600 labels */
	asked->query_len = NAMES_QUERY_MAX;
	assert_malformed(asked);
}

static void longest_name_is_answered(void **state)
{
	struct asked *asked = *state;
	char name[256] = "";

	for (int i = 0; i < 122; i++)
		strcat(name, "a.");
	strcat(name, "mesh."); /* 244 + 5: 250 bytes on the wire */
	ask(asked, name, LDNS_RR_TYPE_A, 1232);
	assert_int_equal(asked->outcome, NAMES_UNKNOWN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(service_has_its_entrys_address),
		TEST(question_comes_back_as_written),
		TEST(service_record_names_port_and_address),
		TEST(hub_has_its_mesh_addresses),
		TEST(address_has_its_name),
		TEST(names_between_exist_without_records),
		TEST(unknown_names_do_not_exist),
		TEST(other_names_are_refused_or_forwarded),
		TEST(long_replies_are_truncated_over_udp),
		TEST(later_edns_is_told_our_version),
		TEST(other_operations_are_not_implemented),
		TEST(what_is_no_query_gets_no_reply),
		TEST(malformed_queries_are_told_so),
		TEST(longest_name_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
