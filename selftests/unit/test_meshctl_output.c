// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: test_meshctl_output: what meshctl prints, and how it takes bad answers
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/meshctl/client.h"
#include "tools/meshctl/commands.h"
#include "tools/meshctl/echo.h"
#include "tools/lib/format.h"
#include "tools/meshctl/output.h"
#include "tools/meshctl/views.h"

static struct meshctl ctl;
static char *out_text, *err_text;
static size_t out_len, err_len;

static int set_up(void **state)
{
	ctl = (struct meshctl){.socket_path = "/nowhere/meshd.sock"};
	ctl.out = open_memstream(&out_text, &out_len);
	ctl.err = open_memstream(&err_text, &err_len);
	return 0;
}

static int tear_down(void **state)
{
	fclose(ctl.out);
	fclose(ctl.err);
	free(out_text);
	free(err_text);
	return 0;
}

static const char *printed(void)
{
	fflush(ctl.out);
	return out_text;
}

static const char *complained(void)
{
	fflush(ctl.err);
	return err_text;
}

static void draw(output_draw_fn fn, const char *json)
{
	json_t *answer = json_loads(json, JSON_DECODE_ANY, NULL);

	assert_non_null(answer);
	fn(&ctl, answer);
	json_decref(answer);
}

static void expect_contains(const char *text, const char *expected)
{
	if (!strstr(text, expected))
		fail_msg("expected \"%s\" in:\n%s", expected, text);
}

static void durations_have_two_digits_that_matter(void **state)
{
	char buf[FORMAT_MAX];

	assert_string_equal(format_duration_us(0, buf), "0 us");
	assert_string_equal(format_duration_us(999, buf), "999 us");
	assert_string_equal(format_duration_us(1238, buf), "1.2 ms");
	assert_string_equal(format_duration_us(35400, buf), "35 ms");
	assert_string_equal(format_duration_us(2500000, buf), "2.50 s");
}

static void ages_have_two_units(void **state)
{
	char buf[FORMAT_MAX];

	assert_string_equal(format_age_s(0, buf), "0s");
	assert_string_equal(format_age_s(192, buf), "3m12s");
	assert_string_equal(format_age_s(3600, buf), "1h00m");
	assert_string_equal(format_age_s(12 * 86400 + 4 * 3600, buf), "12d4h");
	format_age_s(UINT64_MAX, buf);
}

static void sizes_and_counts_are_scaled(void **state)
{
	char buf[FORMAT_MAX];

	assert_string_equal(format_bytes(1023, buf), "1023 B");
	assert_string_equal(format_bytes(1024, buf), "1.00 KiB");
	assert_string_equal(format_bytes(1024 * 1024 - 1, buf), "1.00 MiB");
	assert_string_equal(format_bytes(UINT64_MAX, buf), "16.0 EiB");
	assert_string_equal(format_count(999, buf), "999");
	assert_string_equal(format_count(12345, buf), "12.3k");
	assert_string_equal(format_rate(12345678, buf), "12.3 Mbit/s");
	assert_string_equal(format_rate(-5, buf), "0 bit/s");
}

static void percentages_do_not_hide_small_loss(void **state)
{
	char buf[FORMAT_MAX];

	assert_string_equal(format_percent(0, 100, buf), "0 %");
	assert_string_equal(format_percent(1, 1000000, buf), "<0.01 %");
	assert_string_equal(format_percent(1, 8, buf), "12 %");
	assert_string_equal(format_percent(0, 0, buf), "-");
}

static void text_of_others_cannot_reach_the_terminal(void **state)
{
	char buf[32];

	assert_string_equal(format_safe("a\033[2Jb\177", buf, sizeof(buf)), "a?[2Jb?");
	assert_string_equal(format_safe("\xc2\x9b"
					"31m",
					buf, sizeof(buf)),
			    "?31m");
	assert_string_equal(format_safe("h\xc3\xbc"
					"b",
					buf, sizeof(buf)),
			    "h\xc3\xbc"
			    "b");
	assert_string_equal(format_safe("0123456789", buf, 5), "0123");
	assert_string_equal(format_safe("x\xc2", buf, sizeof(buf)), "x\xc2");
}

#define HUBS                                                                               \
	"{\"hubs\":[{\"id\":\"02:aa:bb:cc:dd:01\",\"name\":\"alpha\",\"ula\":\"fd5e::1\"," \
	"\"ipv4\":null,\"is_self\":true,\"is_neighbour\":false,\"is_reachable\":true,"     \
	"\"has_seal\":false,\"has_frames\":true,\"has_datapath\":true,\"hops\":0,"         \
	"\"cost_us\":0,\"links\":2,\"heard_ms\":null},"                                    \
	"{\"id\":\"02:aa:bb:cc:dd:05\",\"name\":\"echo\",\"ula\":\"fd5e::5\",\"ipv4\":"    \
	"\"10.77.0.5\",\"is_self\":false,\"is_neighbour\":false,\"is_reachable\":false,"   \
	"\"has_seal\":true,\"has_frames\":false,\"has_datapath\":false,\"hops\":null,"     \
	"\"cost_us\":null,\"links\":1,\"heard_ms\":192000}]}"

static void hubs_are_aligned(void **state)
{
	draw(draw_hubs, HUBS);
	assert_string_equal(
		printed(),
		"NAME     ID                 IPV6     IPV4              HOPS  COST  LINKS  "
		"NEIGHBOUR  FRAMES     SEAL  HEARD\n"
		"alpha *  02:aa:bb:cc:dd:01  fd5e::1  -                    0  0 us      2  "
		"-          yes        -         -\n"
		"echo     02:aa:bb:cc:dd:05  fd5e::5  10.77.0.5  unreachable     -      1  "
		"-          no module  yes   3m12s\n");
}

static void tables_have_no_colour_unless_wanted(void **state)
{
	draw(draw_hubs, HUBS);
	assert_null(strchr(printed(), '\033'));
	ctl.color = true;
	draw(draw_hubs, HUBS);
	assert_non_null(strchr(printed(), '\033'));
}

static void json_is_the_answer_as_it_came(void **state)
{
	json_t *answer = json_loads(HUBS, 0, NULL), *again;

	ctl.output = MESHCTL_JSON;
	assert_int_equal(output_answer(&ctl, json_incref(answer), draw_hubs), MESHCTL_OK);
	again = json_loads(printed(), 0, NULL);
	assert_true(json_equal(answer, again));
	json_decref(again);
	json_decref(answer);
}

static void links_show_loss_as_a_share(void **state)
{
	draw(draw_links, "{\"links\":[{\"link\":2,\"peer_name\":\"bravo\",\"state\":\"up\","
			 "\"rtt_us\":1238,\"lost_frames\":5,\"rx_frames\":95,\"tx_phase\":1,"
			 "\"rx_phases\":[0,1]},{\"link\":3,\"state\":\"down\"}]}");
	expect_contains(printed(), "5.00 %");
	expect_contains(printed(), "1 / 0,1");
	expect_contains(printed(), "- / -");
}

static void routes_name_the_neighbour_and_the_weight(void **state)
{
	draw(draw_routes, "{\"generation\":9,\"routes\":[{\"hub_name\":\"delta\",\"via\":["
			  "{\"link\":1,\"peer_name\":\"bravo\",\"weight\":3},"
			  "{\"link\":2,\"peer_name\":\"charlie\",\"weight\":1}],"
			  "\"backup\":{\"link\":7,\"peer_name\":null}},"
			  "{\"backup\":{\"link\":2,\"peer_name\":\"echo\","
			  "\"tunnel\":\"02:aa:bb:cc:dd:04\",\"tunnel_name\":\"delta\"}}]}");
	expect_contains(printed(), "bravo (1) x3, charlie (2) x1");
	expect_contains(printed(), "? (7)");
	expect_contains(printed(), "echo (2), tunnel to delta");
	expect_contains(printed(), "generation 9");
}

static void status_tells_warnings_with_their_hint(void **state)
{
	draw(draw_status, "{\"hub\":{\"name\":\"alpha\"},\"warnings\":[{\"severity\":\"error\","
			  "\"message\":\"alone\",\"hint\":\"open the port\"}]}");
	expect_contains(printed(), "Error: alone\n  open the port\n");
}

static void status_without_warnings_says_all_is_well(void **state)
{
	draw(draw_status, "{\"hub\":{\"name\":\"alpha\"},\"warnings\":[]}");
	expect_contains(printed(), "All is well.");
}

static void config_is_printed_as_its_file(void **state)
{
	draw(draw_config, "{\"config\":{\"mesh\":\"lab\",\"user\":null,\"interface\":{\"mtu\":1380,"
			  "\"keep\":false},\"underlay\":{\"include\":[\"eth*\",\"a\\u001b\"],"
			  "\"exclude\":[]},\"ipv4\":{\"pool\":null}}}");
	assert_string_equal(printed(), "mesh: lab\n# user:\ninterface:\n  mtu: 1380\n"
				       "  keep: false\nunderlay:\n"
				       "  include: [\"eth*\", \"a\\u001B\"]\n  # exclude:\n"
				       "# ipv4:\n  # pool:\n");
}

static void config_prints_lists_of_mappings_and_leaves_out_what_is_unset(void **state)
{
	draw(draw_config, "{\"config\": {\"policy\": {\"storm\": {\"broadcast_per_s\": null}, "
			  "\"acl\": [{\"action\": \"deny\", \"from\": null, \"source\": "
			  "\"fd00::/8\"}]}, \"qos\": {\"links\": []}}}");
	assert_string_equal(printed(), "policy:\n  # storm:\n"
				       "  acl: [{action: deny, source: \"fd00::/8\"}]\n"
				       "# qos:\n  # links:\n");
}

static void proxy_shows_provider_shared_one_and_errors(void **state)
{
	draw(draw_proxy,
	     "{\"port\":4879,\"entries\":[{\"service\":\"speech\",\"listen\":\"127.0.0.1:80\","
	     "\"error\":null,\"provider\":\"02:00:00:00:00:01\",\"provider_name\":\"beta\","
	     "\"ends\":{\"done\":9,\"client-reset\":9,\"timeout\":2,\"refused\":3},"
	     "\"first_byte\":{\"p50_us\":128,\"p99_us\":4096}},"
	     "{\"service\":\"lights\",\"listen\":\"127.0.0.1:81\",\"error\":\"address in use\","
	     "\"provider\":null,\"shared\":\"192.0.2.1:80\"},"
	     "{\"service\":\"clock\",\"listen\":\"127.0.0.1:123\",\"error\":null,\"is_udp\":true,"
	     "\"datagrams\":{\"dropped_queue\":40,\"dropped_limit\":2,\"dropped_socket\":700}}],"
	     "\"provided\":[{\"service\":\"tills\",\"connections\":4}],"
	     "\"totals\":{\"connections\":7,\"trunks\":1}}");
	expect_contains(printed(), "beta");
	expect_contains(printed(), " 5 ");
	expect_contains(printed(), "127.0.0.1:81: address in use");
	expect_contains(printed(), "shared 192.0.2.1:80");
	expect_contains(printed(), "tills");
	expect_contains(printed(), "127.0.0.1:123 udp");
	expect_contains(printed(), " 742 ");
	expect_contains(printed(), "port 4879, 7 connections over 1 trunks\n");
	draw(draw_proxy, "{\"port\":4879,\"totals\":{\"connections\":7,\"trunks\":1,\"bulk\":2}}");
	expect_contains(printed(), "7 connections over 1 trunks, 2 with TLS of their own\n");
}

static void qos_has_a_line_for_each_class_of_a_link_with_a_rate(void **state)
{
	draw(draw_qos,
	     "{\"links\": [{\"link\": 1, \"peer_name\": \"b\", \"rate_bytes_per_s\": 2500000, "
	     "\"classes\": [{\"class\": 0, \"weight\": 4}, {\"class\": 1, \"weight\": 1, "
	     "\"dropped_codel_frames\": 3, \"delay_us\": 1500}]}, {\"link\": 2, "
	     "\"rate_bytes_per_s\": null}]}");
	expect_contains(printed(), "20.0 Mbit/s");
	expect_contains(printed(), "1.5 ms");
	expect_contains(printed(), "no rate");
}

static void filter_shows_zones_acl_and_guards(void **state)
{
	draw(draw_filter,
	     "{\"members\": [{\"zone\": \"shop\", \"number\": 36240, \"kind\": \"vlan\", "
	     "\"member\": 10}], \"allow\": [], \"acl\": [{\"action\": \"deny\", \"to\": "
	     "\"shop\", \"protocol\": \"6\", \"ports\": \"22-23\", \"hits_frames\": 41}], "
	     "\"guards\": [{\"hub_name\": \"a\", \"zones\": [\"none\", \"shop\"], "
	     "\"addresses\": null}], \"max_hops\": 4, \"drops\": [{\"frames\": 2, \"reason\": "
	     "\"rx-zone\"}]}");
	expect_contains(printed(), "36240");
	expect_contains(printed(), "no zone may send to any");
	expect_contains(printed(), "protocol=6 ports=22-23");
	expect_contains(printed(), "none shop");
	expect_contains(printed(), "rx-zone");
	expect_contains(printed(), "Hops at most 4.");
}

static void revocations_show_hubs_and_serials(void **state)
{
	draw(draw_revocations,
	     "{\"lists\": [{\"root\": \"00112233445566778899\", \"number\": 7, \"issued_s\": "
	     "1767312000, \"revoked\": [{\"kind\": \"hub\", \"hub\": \"02:11:22:33:44:55\", "
	     "\"reason\": \"key-compromise\", \"revoked_s\": 1767312000}, {\"kind\": "
	     "\"certificate\", \"serial\": \"0a1b\"}]}, {\"number\": 1, \"revoked\": []}]}");
	expect_contains(printed(), "List 7 of root 0011223344556677, of 2026-01-0");
	expect_contains(printed(), "02:11:22:33:44:55");
	expect_contains(printed(), "key-compromise");
	expect_contains(printed(), "0a1b");
	expect_contains(printed(), "it revokes nothing");
}

static void empty_lists_are_sentences(void **state)
{
	draw(draw_revocations, "{\"lists\":[]}");
	expect_contains(printed(), "no list of revocations is in force");
	draw(draw_links, "{\"links\":[]}");
	expect_contains(printed(), "no link");
	draw(draw_drops, "{\"datapath\":{\"drops\":[{\"reason\":\"crypto\",\"frames\":0}]}}");
	expect_contains(printed(), "no frame was dropped");
}

static void versions_show_rulings_shares_and_wishes(void **state)
{
	draw(draw_versions,
	     "{\"versions\":[{\"name\":\"speech\",\"version\":\"1.1.0\",\"state\":"
	     "\"rolled back\",\"providers\":2,\"share_permille\":55,\"samples\":60,\"errors\":20,"
	     "\"median_us\":null,\"against\":\"1.0.0\",\"told_by\":[{}],\"ruling\":{\"text\":"
	     "\"20 of 60 samples failed\",\"unix_s\":0}}],\"wishes\":[{\"name\":\"speech\","
	     "\"pin\":\"1.0.0\",\"canary\":\"1.1.0\",\"canary_permille\":55}]}");
	expect_contains(printed(), "rolled back");
	expect_contains(printed(), "5.5 %");
	expect_contains(printed(), "20 of 60 samples failed");
	expect_contains(printed(), "speech is pinned to 1.0.0");
	expect_contains(printed(), "1.1.0 gets 55 permille");
}

static void canary_that_nobody_offers_says_so(void **state)
{
	draw(draw_versions,
	     "{\"versions\":[],\"wishes\":[{\"name\":\"speech\",\"canary\":\"2.0.0\","
	     "\"canary_permille\":50,\"canary_providers\":1}]}");
	expect_contains(printed(), "speech: 2.0.0 gets 50 permille of new leases\n");
	draw(draw_versions,
	     "{\"versions\":[],\"wishes\":[{\"name\":\"speech\",\"canary\":\"2.0.0\","
	     "\"canary_permille\":50,\"canary_providers\":0}]}");
	expect_contains(printed(), "of new leases, but nobody offers it now: ");
	draw(draw_explain, "{\"state\":\"none\",\"name\":\"speech\",\"canary\":\"1.1.0\","
			   "\"canary_permille\":55,\"is_canary\":false,\"canary_providers\":0}");
	expect_contains(printed(), "this request is in the rest, but nobody offers it now: ");
}

static void shares_are_of_a_canary_and_of_the_rest(void **state)
{
	draw(draw_versions,
	     "{\"versions\":[{\"name\":\"a\",\"version\":\"1.0.0\",\"share_permille\":1000},"
	     "{\"name\":\"a\",\"version\":\"1.1.0\",\"share_permille\":1000,\"state\":\"rolled "
	     "back\"},"
	     "{\"name\":\"b\",\"version\":\"1.0.0\",\"share_permille\":955},"
	     "{\"name\":\"b\",\"version\":\"2.0.0\",\"share_permille\":45}],"
	     "\"wishes\":[{\"name\":\"b\",\"canary\":\"2.0.0\",\"canary_permille\":45}]}");
	assert_null(strstr(printed(), "100.0 %"));
	expect_contains(printed(), " any ");
	expect_contains(printed(), " last ");
	expect_contains(printed(), " rest of 95.5 % ");
	expect_contains(printed(), " 4.5 % ");
}

static void service_shows_what_users_here_saw(void **state)
{
	draw(draw_service, "{\"services\":[{\"name\":\"speech\",\"version\":\"1.0.0\",\"hub_name\":"
			   "\"a\",\"is_own\":"
			   "true,\"price_micro\":20,\"available\":{\"slots\":8,\"cpu_milli\":4000,"
			   "\"memory_mib\":64},"
			   "\"health\":{\"kind\":\"tcp\",\"interval_ms\":500},\"live\":{\"free_"
			   "slots\":7,\"requests\":"
			   "12,\"errors\":4,\"error_permille\":412,\"latency_us\":9000}}]}");
	expect_contains(printed(), "speech 1.0.0 at a (this hub)\n");
	expect_contains(printed(),
			"seen here    12 requests, 4 failed; lately 9.0 ms, 41 % fail\n");
	expect_contains(printed(), "has          cpu 4000 m, memory 64 MiB\n");
	expect_contains(printed(), "health check tcp, every 500 ms\n");
	assert_null(strstr(printed(), "a lease needs"));
	draw(draw_service, "{\"services\":[{\"name\":\"speech\",\"live\":{\"requests\":0}}]}");
	expect_contains(printed(), "seen here    no request yet\n");
}

static void version_that_is_offered_is_seen_now(void **state)
{
	draw(draw_service_history, "{\"versions\":[{\"name\":\"a\",\"is_current\":true,\"first_"
				   "unix_s\":0,\"last_unix_s\":1}]}");
	expect_contains(printed(), "  -           now  ");
}

static void versions_that_are_not_on_disk_say_so(void **state)
{
	draw(draw_versions_kept, "{\"versions\":[],\"wishes\":[],\"is_kept\":true}");
	assert_null(strstr(printed(), "disk"));
	draw(draw_versions_kept, "{\"versions\":[],\"wishes\":[],\"is_kept\":false,"
				 "\"kept_error\":\"it is \\u001bfull\"}");
	expect_contains(printed(), "not on disk, and forgotten if meshd restarts: it is ?full\n");
}

static void versions_without_any_say_so(void **state)
{
	draw(draw_versions, "{\"versions\":[],\"wishes\":[]}");
	expect_contains(printed(), "no version is known");
}

static void explanation_shows_pin_and_canary(void **state)
{
	draw(draw_explain, "{\"state\":\"none\",\"name\":\"speech\",\"canary\":\"1.1.0\","
			   "\"canary_permille\":55,\"is_canary\":true}");
	expect_contains(printed(), "canary 1.1.0 has 55 permille; this request is in its share");
	draw(draw_explain, "{\"state\":\"none\",\"name\":\"speech\",\"pin\":\"1.0.0\"}");
	expect_contains(printed(), "pinned to 1.0.0");
}

static void views_take_answers_of_any_shape(void **state)
{
	static const output_draw_fn views[] = {
		draw_status,   draw_hubs,	   draw_links,	 draw_routes, draw_path,
		draw_sessions, draw_stats,	   draw_drops,	 draw_config, draw_log,
		draw_versions, draw_versions_kept, draw_explain, draw_proxy,
	};
	static const char *const shapes[] = {
		"{}",
		"[]",
		"null",
		"7",
		"{\"hubs\":7,\"links\":{},\"routes\":\"x\",\"path\":null,\"sessions\":[[]],"
		"\"warnings\":[7],\"config\":[1],\"lines\":[null],\"datapath\":{\"drops\":[[]]}}",
		"{\"hubs\":[7],\"links\":[null,\"\"],\"routes\":[{\"via\":[7],\"backup\":{}}],"
		"\"is_reachable\":true,\"path\":[{}],\"sessions\":[{\"age_ms\":-1}],\"warnings\":"
		"[{}],\"entries\":[{\"ends\":7,\"first_byte\":[],\"error\":\"\"}],\"provided\":[7],"
		"\"totals\":3,\"config\":{\"a\":[[[]]],\"b\":{}},\"lines\":[{\"unix_ms\":9e99}],"
		"\"datapath\":{\"drops\":[{\"frames\":-4}]},\"certificate\":{}}",
		"{\"lines\":[{\"unix_ms\":9223372036854775807}],\"links\":[{\"rx_phases\":"
		"[1,2,3,4,5,6,7,8,9,10,9223372036854775807],\"rtt_us\":9223372036854775807}]}",
		"{\"versions\":[7,{\"ruling\":[],\"told_by\":7,\"share_permille\":-1},{\"ruling\":"
		"{\"unix_s\":9223372036854775807,\"text\":7}}],\"wishes\":[null,{\"pin\":7},"
		"{\"canary\":\"\"}],\"pin\":\"\",\"candidates\":{}}",
	};

	for (size_t v = 0; v < sizeof(views) / sizeof(views[0]); v++)
		for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
			json_t *answer = json_loads(shapes[s], JSON_DECODE_ANY, NULL);

			if (answer) /* 9e99 is a real, the rest must parse */
				views[v](&ctl, answer);
			assert_non_null(answer);
			json_decref(answer);
		}
}

static void hostile_names_stay_inside_their_cell(void **state)
{
	char json[2048], name[1001];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(json, sizeof(json),
		 "{\"hubs\":[{\"name\":\"%s\"},{\"name\":\"\\u001b[2J\\u009b\\n\"}]}", name);
	draw(draw_hubs, json);
	assert_null(strchr(printed(), '\033'));
	assert_null(strstr(printed(), "\xc2\x9b"));
}

static void top_computes_rates_over_the_daemons_clock(void **state)
{
	json_t *before = json_loads("{\"at_ms\":1000,\"datapath\":{\"interface\":\"mesh0\"},"
				    "\"links\":[{\"link\":1,\"rx_bytes\":1000,\"tx_bytes\":9}]}",
				    0, NULL);
	json_t *now = json_loads("{\"at_ms\":3000,\"datapath\":{\"interface\":\"mesh0\"},"
				 "\"links\":[{\"link\":1,\"peer_name\":\"bravo\","
				 "\"rx_bytes\":251000,\"tx_bytes\":3},{\"link\":2,"
				 "\"rx_bytes\":77777777}]}",
				 0, NULL);

	draw_top(&ctl, before, now);
	expect_contains(printed(), "bravo    1.00 Mbit/s"); /* 250000 bytes in 2 s */
	assert_null(strstr(printed(), "Gbit"));
	draw_top(&ctl, NULL, now);
	json_decref(before);
	json_decref(now);
}

static int parse(long status, const char *bytes)
{
	json_t *answer = NULL;
	int code = client_parse(&ctl, status, bytes, strlen(bytes), &answer);

	assert_true((code == MESHCTL_OK) == (answer != NULL));
	json_decref(answer);
	return code;
}

static void answers_become_exit_codes(void **state)
{
	assert_int_equal(parse(200, "{\"api\":1}"), MESHCTL_OK);
	assert_int_equal(parse(404, "{\"api\":1,\"error\":{\"message\":\"no hub\"}}"), MESHCTL_NO);
	expect_contains(complained(), "no hub");
	assert_int_equal(parse(403, "{\"api\":1,\"error\":{}}"), MESHCTL_NOPERM);
	assert_int_equal(parse(503, "{\"api\":1,\"error\":{\"hint\":7}}"), MESHCTL_UNAVAILABLE);
	assert_int_equal(parse(200, "{\"api\":1,\"error\":{}}"), MESHCTL_DATA);
}

static void answers_of_something_else_are_refused(void **state)
{
	static const char *const bad[] = {"",
					  "<html>",
					  "[]",
					  "{}",
					  "{\"api\":2}",
					  "{\"api\":\"1\"}",
					  "{\"api\":1",
					  "{\"api\":1,\"api\":1}",
					  "\xff"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(200, bad[i]), MESHCTL_DATA);
}

static void deep_answers_do_not_exhaust_the_stack(void **state)
{
	static char deep[200001];

	memset(deep, '[', sizeof(deep) - 1);
	assert_int_equal(parse(200, deep), MESHCTL_DATA);
}

static void names_are_escaped_in_queries(void **state)
{
	char buf[64];

	assert_string_equal(client_escape("a b&c=\xc3\xbc/..", buf, sizeof(buf)),
			    "a%20b%26c%3D%C3%BC%2F..");
	assert_int_equal(strlen(client_escape("&&&&&&&&", buf, 8)), 6);
}

static void a_missing_daemon_is_explained(void **state)
{
	json_t *answer = NULL;

	assert_int_equal(client_get(&ctl, &answer, "/v1/hubs"), MESHCTL_UNAVAILABLE);
	expect_contains(complained(), "/nowhere/meshd.sock");
	expect_contains(complained(), "systemctl status meshd");
}

static void failures_are_json_too_when_wanted(void **state)
{
	json_t *object;

	ctl.output = MESHCTL_JSON;
	assert_int_equal(meshctl_fail(&ctl, MESHCTL_NO, NULL, "what \"%s\"", "\033x"), MESHCTL_NO);
	object = json_loads(printed(), 0, NULL);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(object, "error"), "code")),
		MESHCTL_NO);
	assert_null(strchr(complained(), '\033'));
	json_decref(object);
}

static int getopt_of(const char *const *words)
{
	char *argv[8] = {NULL};
	int argc = 0;

	for (; words[argc]; argc++)
		argv[argc] = (char *)words[argc];
	optind = 0;
	return meshctl_getopt(&ctl, argc, argv, NULL, NULL);
}

static void global_options_work_after_the_command(void **state)
{
	assert_int_equal(
		getopt_of((const char *[]){"hubs", "-o", "json", "--watch=0.5", "-s", "/x", NULL}),
		-1);
	assert_int_equal(ctl.output, MESHCTL_JSON);
	assert_string_equal(ctl.socket_path, "/x");
	assert_true(ctl.watch_s == 0.5);
}

static void wrong_options_are_named(void **state)
{
	assert_int_equal(getopt_of((const char *[]){"hubs", "--colour", NULL}), '?');
	expect_contains(complained(), "unknown option --colour");
	assert_int_equal(getopt_of((const char *[]){"hubs", "-o", "xml", NULL}), '?');
	assert_int_equal(getopt_of((const char *[]){"hubs", "-o", NULL}), '?');
	assert_int_equal(getopt_of((const char *[]){"hubs", "--watch=0", NULL}), '?');
	assert_int_equal(getopt_of((const char *[]){"hubs", "--watch=nan", NULL}), '?');
	assert_true(ctl.watch_s == 0);
}

static void mistyped_commands_are_guessed(void **state)
{
	assert_string_equal(meshctl_command_nearest("lniks"), "links");
	assert_string_equal(meshctl_command_nearest("statuss"), "status");
	assert_string_equal(meshctl_command_nearest("sess"), "sessions");
	assert_null(meshctl_command_nearest("frobnicate"));
	assert_null(meshctl_command_nearest(""));
	assert_null(
		meshctl_command_nearest("a-name-that-is-longer-than-any-command-could-ever-be"));
}

static void every_command_has_help_with_an_example(void **state)
{
	const struct meshctl_command *commands;
	size_t n;

	commands = meshctl_commands(&n);
	for (size_t i = 0; i < n; i++) {
		assert_ptr_equal(meshctl_command_find(commands[i].name), &commands[i]);
		expect_contains(commands[i].help, "Example:\n  meshctl");
	}
}

static char *read_file(const char *path)
{
	char *text = calloc(1, 1 << 17);
	FILE *file = fopen(path, "r");

	if (!file) {
		free(text);
		return NULL;
	}
	(void)!fread(text, 1, (1 << 17) - 1, file);
	fclose(file);
	return text;
}

/* Runs from the top of the tree, as `make check` does. */
static void manual_and_completion_know_every_command(void **state)
{
	char *manual = read_file("Documentation/man/meshctl.8.rst");
	char *completion = read_file("scripts/completion/meshctl.bash");
	const struct meshctl_command *commands;
	size_t n;

	if (!manual || !completion) {
		free(manual);
		free(completion);
		skip();
	}
	commands = meshctl_commands(&n);
	for (size_t i = 0; i < n; i++) {
		char line[128];

		snprintf(line, sizeof(line), "\n%s%s%s\n", commands[i].name,
			 commands[i].arguments[0] ? " " : "", commands[i].arguments);
		expect_contains(manual, line);
		snprintf(line, sizeof(line), " %s ", commands[i].name);
		expect_contains(completion, line);
	}
	free(manual);
	free(completion);
}

static void echo_takes_its_own_replies_only(void **state)
{
	struct echo raw4 = {.family = AF_INET, .is_raw = true, .id = 0x1234};
	struct echo datagram6 = {.family = AF_INET6};
	uint8_t packet[44] = {0x45};
	uint16_t id = 0x1234, seq;
	uint64_t mark = 0x6875626d65736831ULL, sent_ns = 77, got_ns;

	memcpy(packet + 24, &id, 2);
	packet[27] = 5;
	memcpy(packet + 28, &mark, 8);
	memcpy(packet + 36, &sent_ns, 8);
	assert_int_equal(echo_parse(&raw4, packet, sizeof(packet), &seq, &got_ns), 0);
	assert_int_equal(seq, 5);
	assert_int_equal(got_ns, 77);
	packet[24] ^= 1; /* another program's */
	assert_int_equal(echo_parse(&raw4, packet, sizeof(packet), &seq, &got_ns), -EAGAIN);
	packet[0] = 0x4f; /* a header longer than the packet */
	assert_int_equal(echo_parse(&raw4, packet, 40, &seq, &got_ns), -EAGAIN);
	packet[20] = 129;
	assert_int_equal(echo_parse(&datagram6, packet + 20, 24, &seq, &got_ns), 0);
	for (size_t len = 0; len < 24; len++)
		assert_int_equal(echo_parse(&datagram6, packet + 20, len, &seq, &got_ns), -EAGAIN);
}

static void descriptor_of_a_service_is_shown(void **state)
{
	draw(draw_service,
	     "{\"services\":[{\"name\":\"books\",\"version\":\"1.0.0\",\"descriptor\":{"
	     "\"digest\":\"abcd\",\"n_methods\":3,\"n_paths\":2,\"methods\":["
	     "{\"name\":\"p.S/Get\",\"input\":\"p.M\",\"output\":\"p.N\",\"paths\":["
	     "{\"method\":\"GET\",\"path\":\"/v1/{a}\",\"body\":null,\"response_body\":\"b\"},"
	     "{\"method\":\"PUT\",\"path\":\"/v1/"
	     "\\u001b[2J\",\"body\":\"*\",\"response_body\":null}]},"
	     "{\"name\":\"p.S/Talk\",\"input\":\"p.M\",\"output\":\"p.N\","
	     "\"is_client_streaming\":true,\"is_server_streaming\":true}]}}]}");
	assert_non_null(strstr(printed(), "  descriptor   abcd\n"
					  "    POST /p.S/Get (p.M) returns (p.N)\n"
					  "      GET /v1/{a} answer b\n"
					  "      PUT /v1/?[2J body *\n"
					  "    POST /p.S/Talk (stream p.M) returns (stream p.N)\n"
					  "    and 1 more\n"));
}

static void service_without_descriptor_shows_none(void **state)
{
	draw(draw_service, "{\"services\":[{\"name\":\"a\",\"descriptor\":null},"
			   "{\"name\":\"b\"},{\"name\":\"c\",\"descriptor\":5}]}");
	assert_null(strstr(printed(), "descriptor"));
}

int main(void)
{
#define ON_CTL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_have_two_digits_that_matter),
		cmocka_unit_test(ages_have_two_units),
		cmocka_unit_test(sizes_and_counts_are_scaled),
		cmocka_unit_test(percentages_do_not_hide_small_loss),
		cmocka_unit_test(text_of_others_cannot_reach_the_terminal),
		ON_CTL(descriptor_of_a_service_is_shown),
		ON_CTL(service_without_descriptor_shows_none),
		ON_CTL(hubs_are_aligned),
		ON_CTL(tables_have_no_colour_unless_wanted),
		ON_CTL(json_is_the_answer_as_it_came),
		ON_CTL(links_show_loss_as_a_share),
		ON_CTL(routes_name_the_neighbour_and_the_weight),
		ON_CTL(status_tells_warnings_with_their_hint),
		ON_CTL(status_without_warnings_says_all_is_well),
		ON_CTL(config_is_printed_as_its_file),
		ON_CTL(config_prints_lists_of_mappings_and_leaves_out_what_is_unset),
		ON_CTL(proxy_shows_provider_shared_one_and_errors),
		ON_CTL(qos_has_a_line_for_each_class_of_a_link_with_a_rate),
		ON_CTL(filter_shows_zones_acl_and_guards),
		ON_CTL(revocations_show_hubs_and_serials),
		ON_CTL(empty_lists_are_sentences),
		ON_CTL(versions_show_rulings_shares_and_wishes),
		ON_CTL(versions_without_any_say_so),
		ON_CTL(canary_that_nobody_offers_says_so),
		ON_CTL(versions_that_are_not_on_disk_say_so),
		ON_CTL(version_that_is_offered_is_seen_now),
		ON_CTL(service_shows_what_users_here_saw),
		ON_CTL(shares_are_of_a_canary_and_of_the_rest),
		ON_CTL(explanation_shows_pin_and_canary),
		ON_CTL(views_take_answers_of_any_shape),
		ON_CTL(hostile_names_stay_inside_their_cell),
		ON_CTL(top_computes_rates_over_the_daemons_clock),
		ON_CTL(answers_become_exit_codes),
		ON_CTL(answers_of_something_else_are_refused),
		ON_CTL(deep_answers_do_not_exhaust_the_stack),
		cmocka_unit_test(names_are_escaped_in_queries),
		ON_CTL(a_missing_daemon_is_explained),
		ON_CTL(failures_are_json_too_when_wanted),
		ON_CTL(global_options_work_after_the_command),
		ON_CTL(wrong_options_are_named),
		cmocka_unit_test(mistyped_commands_are_guessed),
		cmocka_unit_test(every_command_has_help_with_an_example),
		cmocka_unit_test(manual_and_completion_know_every_command),
		cmocka_unit_test(echo_takes_its_own_replies_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
