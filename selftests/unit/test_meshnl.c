// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: test_meshnl: recorded and malformed messages, and a kernel that is none
 *
 * The messages are those of selftests/fuzz/corpus/meshnl, recorded from the module by
 * selftests/kernel/test_meshnl.py's setup.  The fake kernel answers requests of a real
 * netlink socket, whose ways to send and receive libnl lets us replace.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "linux/hubmesh.h"
#include "tools/meshnl/decode.h"
#include "tools/meshnl/kernel.h"
#include "tools/meshnl/meshnl.h"
#include "tools/meshnl/tables.h"
#include "tools/meshnl/views.h"

#define CORPUS "selftests/fuzz/corpus/meshnl/"
#define FAMILY 42
#define MESSAGE_MAX 8192

static struct meshnl nl;
static char *out_text, *err_text;
static size_t out_len, err_len;

static int set_up(void **state)
{
	nl = (struct meshnl){0};
	nl.out = open_memstream(&out_text, &out_len);
	nl.err = open_memstream(&err_text, &err_len);
	return 0;
}

static int tear_down(void **state)
{
	fclose(nl.out);
	fclose(nl.err);
	free(out_text);
	free(err_text);
	return 0;
}

static const char *printed(void)
{
	fflush(nl.out);
	return out_text;
}

static void expect_contains(const char *text, const char *expected)
{
	if (!strstr(text, expected))
		fail_msg("expected \"%s\" in:\n%s", expected, text);
}

static size_t read_corpus(const char *name, void *buf, size_t size)
{
	char path[256];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), CORPUS "%s", name);
	file = fopen(path, "rb");
	if (!file)
		fail_msg("cannot open %s: run this in the top folder", path);
	len = fread(buf, 1, size, file);
	fclose(file);
	return len;
}

static json_t *decoded(const char *name)
{
	uint32_t buf[MESSAGE_MAX / 4];
	char fault[DECODE_FAULT_MAX] = "";
	json_t *message = NULL;
	size_t len = read_corpus(name, buf, sizeof(buf));

	if (decode_message(buf, len, &message, fault))
		fail_msg("%s: %s", name, fault);
	return message;
}

static json_t *answer_with(const char *list, const char *name, const char *nest)
{
	json_t *message = decoded(name);
	json_t *answer = json_pack("{s:[O]}", list, json_object_get(message, nest));

	json_decref(message);
	return answer;
}

/* ---- recorded messages */

static void a_recorded_link_is_a_row(void **state)
{
	json_t *answer = answer_with("links", "link-0", "link");

	nl_draw_links(&nl, answer);
	expect_contains(printed(), "LINK");
	expect_contains(printed(), "02:68:75:62:00:02");
	expect_contains(printed(), "10.5.2.2:");
	expect_contains(printed(), "udp4");
	json_decref(answer);
}

static void a_recorded_route_set_shows_the_tunnel(void **state)
{
	json_t *message = decoded("routes-0");
	json_t *routes = json_object_get(message, "routes");
	json_t *answer = json_pack("{s:O, s:O}", "generation",
				   json_object_get(routes, "generation"), "routes",
				   json_object_get(routes, "route"));

	nl_draw_routes(&nl, answer);
	expect_contains(printed(), "generation 2");
	expect_contains(printed(), "link 3, tunnel to 02:68:75:62:00:03");
	json_decref(answer);
	json_decref(message);
}

static void recorded_drops_have_their_texts(void **state)
{
	json_t *message = decoded("device-0");

	nl_draw_drops(&nl, json_object_get(message, "device"));
	expect_contains(printed(), "rx-short");
	expect_contains(printed(), "shorter than a header and a tag");
	json_decref(message);
}

static void a_recorded_event_is_a_line(void **state)
{
	json_t *event = decoded("event-0");

	nl_draw_event(&nl, event);
	expect_contains(printed(), "fdb-del");
	expect_contains(printed(), "02:11:00:00:00:bb");
	json_decref(event);
}

static void empty_tables_are_sentences(void **state)
{
	json_t *nothing = json_object();

	nl_draw_links(&nl, nothing);
	nl_draw_filter(&nl, nothing);
	nl_draw_trees(&nl, nothing);
	nl_draw_devices(&nl, nothing);
	expect_contains(printed(), "no link\n");
	expect_contains(printed(), "no ACL entry");
	expect_contains(printed(), "no interface of kind hubmesh");
	json_decref(nothing);
}

static void hostile_text_stays_off_the_terminal(void **state)
{
	json_t *answer =
		json_pack("{s:[{s:s, s:s}]}", "links", "peer", "\033[2Jx", "state", "a\nb");

	nl_draw_links(&nl, answer);
	assert_null(strchr(printed(), '\033'));
	json_decref(answer);
}

/* ---- malformed messages */

struct bytes {
	uint32_t words[MESSAGE_MAX / 4]; /* aligned */
	size_t len;
};

static void put(struct bytes *bytes, uint16_t type, const void *data, uint16_t len)
{
	struct nlattr attr = {.nla_type = type, .nla_len = (uint16_t)(NLA_HDRLEN + len)};
	uint8_t *at = (uint8_t *)bytes->words + bytes->len;

	memset(at, 0, NLA_ALIGN(attr.nla_len));
	memcpy(at, &attr, sizeof(attr));
	memcpy(at + NLA_HDRLEN, data, len);
	bytes->len += NLA_ALIGN(attr.nla_len);
}

static void expect_refused(const struct bytes *bytes, const char *expected)
{
	char fault[DECODE_FAULT_MAX] = "";
	json_t *message = NULL;

	assert_int_equal(decode_message(bytes->words, bytes->len, &message, fault), -EBADMSG);
	assert_null(message);
	expect_contains(fault, expected);
}

static void wrong_lengths_are_refused(void **state)
{
	struct bytes bytes = {0}, nest = {0};

	put(&bytes, HUBMESH_A_IFINDEX, "123", 3);
	expect_refused(&bytes, "ifindex has a wrong length");
	put(&nest, HUBMESH_A_LINK_PEER, "12345", 5);
	bytes.len = 0;
	put(&bytes, HUBMESH_A_LINK | NLA_F_NESTED, nest.words, (uint16_t)nest.len);
	expect_refused(&bytes, "peer has a wrong length");
	nest.len = bytes.len = 0;
	put(&nest, 1, "1234", 4);
	put(&bytes, HUBMESH_A_IFINDEX, "1234", 4);
	put(&bytes, HUBMESH_A_IFNAME, "mesh0", 5);
	expect_refused(&bytes, "ifname is out of range");
}

static void messages_cut_short_are_refused(void **state)
{
	struct bytes bytes = {0};

	bytes.len = read_corpus("link-0", bytes.words, sizeof(bytes.words)) - 4;
	expect_refused(&bytes, "is cut short");
}

static void what_comes_twice_is_refused(void **state)
{
	struct bytes bytes = {0};

	put(&bytes, HUBMESH_A_IFINDEX, "\1\0\0\0", 4);
	put(&bytes, HUBMESH_A_IFINDEX, "\2\0\0\0", 4);
	expect_refused(&bytes, "ifindex is there twice");
}

static void prefixes_longer_than_their_address_are_refused(void **state)
{
	struct bytes bytes = {0}, filter = {0}, acl = {0};

	put(&acl, HUBMESH_A_ACL_SRC, "\12\0\0\0\41", 5);
	put(&filter, HUBMESH_A_FILTER_ACL | NLA_F_NESTED, acl.words, (uint16_t)acl.len);
	put(&bytes, HUBMESH_A_FILTER | NLA_F_NESTED, filter.words, (uint16_t)filter.len);
	expect_refused(&bytes, "src is out of range");
}

static void what_a_later_module_has_is_left_out(void **state)
{
	struct bytes bytes = {0}, key = {0};
	char fault[DECODE_FAULT_MAX], *text;
	json_t *message = NULL;

	put(&bytes, HUBMESH_A_MAX + 9, "new", 3);
	put(&bytes, HUBMESH_A_EVENT, "\143\0\0\0", 4);
	put(&key, HUBMESH_A_KEY_RX, "0123456789abcdef0123456789abcdef0123456789ab", 44);
	put(&bytes, HUBMESH_A_KEY | NLA_F_NESTED, key.words, (uint16_t)key.len);
	assert_int_equal(decode_message(bytes.words, bytes.len, &message, fault), 0);
	text = json_dumps(message, JSON_COMPACT);
	assert_string_equal(text, "{\"event\":99,\"key\":{}}");
	free(text);
	json_decref(message);
}

static void numbers_above_63_bits_are_text(void **state)
{
	struct bytes bytes = {0}, routes = {0};
	uint64_t generation = UINT64_MAX;
	char fault[DECODE_FAULT_MAX];
	json_t *message = NULL;

	put(&routes, HUBMESH_A_ROUTES_GENERATION, &generation, 8);
	put(&bytes, HUBMESH_A_ROUTES | NLA_F_NESTED, routes.words, (uint16_t)routes.len);
	assert_int_equal(decode_message(bytes.words, bytes.len, &message, fault), 0);
	assert_string_equal(json_string_value(json_object_get(json_object_get(message, "routes"),
							      "generation")),
			    "18446744073709551615");
	json_decref(message);
}

/* ---- a kernel that is none: each request takes the next reply */

static struct fake {
	struct bytes reply; /* whole messages, to the next request */
	uint32_t seq;
	uint16_t type; /* of the request being answered */
	unsigned int n_requests, n_interrupted;
	size_t n_taken; /* bytes of the reply that were received */
	void (*answer)(void);
} fake;

static void *add_message(uint16_t type, uint16_t flags, const void *payload, size_t len)
{
	uint8_t *at = (uint8_t *)fake.reply.words + fake.reply.len;
	struct nlmsghdr header = {.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + len),
				  .nlmsg_type = type,
				  .nlmsg_flags = flags,
				  .nlmsg_seq = fake.seq};

	memset(at, 0, NLMSG_ALIGN(header.nlmsg_len));
	memcpy(at, &header, sizeof(header));
	memcpy(at + NLMSG_HDRLEN, payload, len);
	fake.reply.len += NLMSG_ALIGN(header.nlmsg_len);
	return at;
}

static void add_error(int error, const char *text)
{
	struct {
		struct nlmsgerr error;
		struct nlattr attr;
		char text[64];
	} said = {.error.error = error};
	size_t len = sizeof(said.error);

	if (text) {
		said.attr.nla_type = NLMSGERR_ATTR_MSG;
		said.attr.nla_len = (uint16_t)(NLA_HDRLEN + strlen(text) + 1);
		snprintf(said.text, sizeof(said.text), "%s", text);
		len += NLA_ALIGN(said.attr.nla_len);
	}
	add_message(NLMSG_ERROR, NLM_F_CAPPED | (text ? NLM_F_ACK_TLVS : 0), &said, len);
}

static void add_done(int error)
{
	add_message(NLMSG_DONE, NLM_F_MULTI, &error, sizeof(error));
}

static void add_attributes(uint16_t flags, const struct bytes *attributes)
{
	uint8_t payload[MESSAGE_MAX / 2] = {HUBMESH_CMD_LINK_GET, HUBMESH_FAMILY_VERSION};

	memcpy(payload + GENL_HDRLEN, attributes->words, attributes->len);
	add_message(FAMILY, flags, payload, GENL_HDRLEN + attributes->len);
}

static void add_recorded(const char *name, uint16_t flags)
{
	struct bytes attributes = {0};

	attributes.len = read_corpus(name, attributes.words, sizeof(attributes.words) / 4);
	add_attributes(flags, &attributes);
}

static void answer_family(void)
{
	struct bytes attributes = {0};
	uint8_t payload[256] = {CTRL_CMD_NEWFAMILY, 2};
	uint16_t id = FAMILY;

	put(&attributes, CTRL_ATTR_FAMILY_ID, &id, sizeof(id));
	put(&attributes, CTRL_ATTR_FAMILY_NAME, HUBMESH_FAMILY_NAME, sizeof(HUBMESH_FAMILY_NAME));
	memcpy(payload + GENL_HDRLEN, attributes.words, attributes.len);
	add_message(GENL_ID_CTRL, 0, payload, GENL_HDRLEN + attributes.len);
	add_error(0, NULL);
}

static int fake_send(struct nl_sock *sk, struct nl_msg *msg)
{
	const struct nlmsghdr *header = nlmsg_hdr(msg);

	fake.seq = header->nlmsg_seq;
	fake.type = header->nlmsg_type;
	fake.reply.len = fake.n_taken = 0;
	fake.n_requests++;
	if (fake.type == GENL_ID_CTRL)
		answer_family();
	else
		fake.answer();
	return (int)header->nlmsg_len;
}

/* A message a datagram, then silence. */
static int fake_receive(struct nl_sock *sk, struct sockaddr_nl *from, unsigned char **buf,
			struct ucred **creds)
{
	const uint8_t *at = (const uint8_t *)fake.reply.words + fake.n_taken;
	uint32_t len;

	if (fake.n_taken == fake.reply.len)
		return -NLE_AGAIN;
	memcpy(&len, at, sizeof(len)); /* nlmsg_len */
	fake.n_taken += NLMSG_ALIGN(len);
	memset(from, 0, sizeof(*from));
	from->nl_family = AF_NETLINK;
	*buf = malloc(len);
	memcpy(*buf, at, len);
	return (int)len;
}

/* links of a kernel that answers by @answer. */
static int ask_fake(void (*answer)(void), json_t **ret, char *why)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	struct kernel *kernel = NULL;
	json_t *object = json_object();
	int err;

	memset(&fake, 0, sizeof(fake));
	fake.answer = answer;
	nl_cb_overwrite_send(cb, fake_send);
	nl_cb_overwrite_recv(cb, fake_receive);
	err = kernel_open(&kernel, cb, why);
	if (err)
		fail_msg("the family was not resolved: %s", why);
	err = tables_read_links(kernel, "mesh0", object, why);
	kernel_close(kernel);
	nl_cb_put(cb);
	*ret = object;
	return err;
}

static void expect_fake(void (*answer)(void), int error, const char *expected)
{
	char why[KERNEL_WHY_MAX] = "";
	json_t *object;

	assert_int_equal(ask_fake(answer, &object, why), error);
	expect_contains(why, expected);
	assert_null(json_object_get(object, "links"));
	json_decref(object);
}

static void two_links(void)
{
	add_recorded("link-0", NLM_F_MULTI);
	add_recorded("link-1", NLM_F_MULTI);
	add_done(0);
}

static void a_dump_is_read_to_its_end(void **state)
{
	char why[KERNEL_WHY_MAX] = "";
	json_t *object;

	assert_int_equal(ask_fake(two_links, &object, why), 0);
	assert_int_equal(json_array_size(json_object_get(object, "links")), 2);
	json_decref(object);
}

static void interrupted(void)
{
	bool is_first = fake.n_interrupted++ == 0;

	add_recorded("link-0", NLM_F_MULTI | (is_first ? NLM_F_DUMP_INTR : 0));
	add_done(0);
}

static void an_interrupted_dump_is_asked_for_again(void **state)
{
	char why[KERNEL_WHY_MAX] = "";
	json_t *object;

	assert_int_equal(ask_fake(interrupted, &object, why), 0);
	assert_int_equal(fake.n_interrupted, 2);
	assert_int_equal(json_array_size(json_object_get(object, "links")), 1);
	json_decref(object);
}

static void always_interrupted(void)
{
	fake.n_interrupted = 0;
	interrupted();
}

static void a_dump_that_is_always_interrupted_is_given_up(void **state)
{
	expect_fake(always_interrupted, -EAGAIN, "changed during each");
	assert_int_equal(fake.n_requests, 1 + KERNEL_DUMP_TRIES);
}

static void refuse_with_text(void)
{
	add_error(-ENODEV, "no such interface of kind hubmesh");
}

static void refuse_without_text(void)
{
	add_error(-EPERM, NULL);
}

static void end_with_error(void)
{
	add_recorded("link-0", NLM_F_MULTI);
	add_done(-ENODEV);
}

static void refusals_have_the_kernels_text(void **state)
{
	expect_fake(refuse_with_text, -ENODEV, "no such interface of kind hubmesh");
	expect_fake(refuse_without_text, -EPERM, "Operation not permitted");
	expect_fake(end_with_error, -ENODEV, "No such device");
}

static void say_nothing(void)
{
}

static void malformed_attribute(void)
{
	struct bytes link = {0}, bytes = {0};

	put(&link, HUBMESH_A_LINK_INDEX, "12", 2);
	put(&bytes, HUBMESH_A_LINK | NLA_F_NESTED, link.words, (uint16_t)link.len);
	add_attributes(NLM_F_MULTI, &bytes);
	add_done(0);
}

static void no_link_in_it(void)
{
	add_recorded("fdb-0", NLM_F_MULTI);
	add_done(0);
}

static void no_genl_header(void)
{
	add_message(FAMILY, NLM_F_MULTI, "x", 1);
	add_done(0);
}

static void out_of_turn(void)
{
	fake.seq += 7;
	two_links();
}

static void a_kernel_that_is_none_is_refused(void **state)
{
	expect_fake(malformed_attribute, -EBADMSG, "attribute index has a wrong length");
	expect_fake(no_link_in_it, -EBADMSG, "no attribute link");
	expect_fake(no_genl_header, -EBADMSG, "cut short");
	expect_fake(out_of_turn, -EBADMSG, "out of turn");
	expect_fake(say_nothing, -ETIMEDOUT, "did not answer");
}

/* ---- failures and documentation */

static void errors_become_exit_codes(void **state)
{
	assert_int_equal(meshnl_fail_errno(&nl, -EPERM, "mesh0", "x"), EX_NOPERM);
	assert_int_equal(meshnl_fail_errno(&nl, -ENOENT, NULL, "x"), EX_UNAVAILABLE);
	assert_int_equal(meshnl_fail_errno(&nl, -ENODEV, "mesh0", "x"), MESHNL_NO);
	assert_int_equal(meshnl_fail_errno(&nl, -EBADMSG, "mesh0", "x"), EX_DATAERR);
	nl.is_json = true;
	assert_int_equal(meshnl_fail_errno(&nl, -EINVAL, "mesh0", "why not"), MESHNL_NO);
	expect_contains(printed(), "{\"error\":{\"code\":1,\"message\":\"mesh0: why not\"");
}

static char *file_text(const char *path)
{
	char *text = calloc(1, 1 << 16);
	FILE *file = fopen(path, "r");

	if (!file)
		fail_msg("cannot open %s", path);
	assert_true(fread(text, 1, (1 << 16) - 1, file) > 0);
	fclose(file);
	return text;
}

static void manual_and_completion_know_every_command(void **state)
{
	char *manual = file_text("Documentation/man/meshnl.8.rst");
	char *completion = file_text("scripts/completion/meshnl.bash");
	const struct meshnl_command *commands;
	char expected[64];
	size_t n;

	commands = meshnl_commands(&n);
	assert_true(n > 10);
	for (size_t i = 0; i < n; i++) {
		snprintf(expected, sizeof(expected), "\n%s %s", commands[i].name,
			 commands[i].arguments);
		expect_contains(manual, expected);
		snprintf(expected, sizeof(expected), " %s ", commands[i].name);
		expect_contains(completion, expected);
		assert_ptr_equal(meshnl_command_find(commands[i].name), &commands[i]);
	}
	assert_null(meshnl_command_find("nothing"));
	free(manual);
	free(completion);
}

int main(void)
{
#define ON_NL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ON_NL(a_recorded_link_is_a_row),
		ON_NL(a_recorded_route_set_shows_the_tunnel),
		ON_NL(recorded_drops_have_their_texts),
		ON_NL(a_recorded_event_is_a_line),
		ON_NL(empty_tables_are_sentences),
		ON_NL(hostile_text_stays_off_the_terminal),
		cmocka_unit_test(wrong_lengths_are_refused),
		cmocka_unit_test(messages_cut_short_are_refused),
		cmocka_unit_test(what_comes_twice_is_refused),
		cmocka_unit_test(prefixes_longer_than_their_address_are_refused),
		cmocka_unit_test(what_a_later_module_has_is_left_out),
		cmocka_unit_test(numbers_above_63_bits_are_text),
		cmocka_unit_test(a_dump_is_read_to_its_end),
		cmocka_unit_test(an_interrupted_dump_is_asked_for_again),
		cmocka_unit_test(a_dump_that_is_always_interrupted_is_given_up),
		cmocka_unit_test(refusals_have_the_kernels_text),
		cmocka_unit_test(a_kernel_that_is_none_is_refused),
		ON_NL(errors_become_exit_codes),
		cmocka_unit_test(manual_and_completion_know_every_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
