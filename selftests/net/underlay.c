// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: underlay in network namespaces of its own: two ends of a veth pair
 *
 * Run by selftests/net/test_underlay; needs root.  Sockets stay in the
 * namespace they were made in, so one process and one loop hold both ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if_arp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/underlay/scan.h"
#include "daemon/underlay/underlay.h"
#include "daemon/wire/beacon.h"

#define DEADLINE_MS 5000
#define SILENCE_MS 400 /* long enough for a datagram that must not come */
#define PORT 14878

/* What one end saw last. */
struct end {
	struct underlay *underlay;
	int ns;
	uint32_t ifindex;
	bool up;
	size_t n_addresses, n_reports, n_beacons;
	struct endpoint addresses[UNDERLAY_ADDRESSES_MAX], from;
	uint8_t bytes[1024];
	size_t len;
};

struct fixture {
	uv_loop_t loop;
	uv_timer_t tick;
	bool is_late;
	struct end a, b;
};

static void on_interface(void *arg, uint32_t ifindex, const char *name, bool up,
			 const uint8_t *lladdr, const struct endpoint *addresses, size_t n)
{
	struct end *end = arg;

	end->ifindex = ifindex;
	end->up = up;
	end->n_addresses = n;
	memcpy(end->addresses, addresses ? addresses : end->addresses, n * sizeof(*addresses));
	end->n_reports++;
}

static void on_beacon(void *arg, const struct endpoint *from, const uint8_t *bytes, size_t len)
{
	struct end *end = arg;

	end->from = *from;
	end->len = len;
	memcpy(end->bytes, bytes, len);
	end->n_beacons++;
}

static void enter(int ns)
{
	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
}

static void ip(const struct end *end, const char *words)
{
	char command[256];

	enter(end->ns);
	snprintf(command, sizeof(command), "ip %s", words);
	if (system(command) != 0)
		fail_msg("%s", command);
}

static int make_ns(void)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static void on_late(uv_timer_t *timer)
{
	((struct fixture *)timer->data)->is_late = true;
}

/* Runs the loop until the condition holds or the deadline has passed. */
#define wait_for(f, ms, condition)                          \
	({                                                  \
		(f)->is_late = false;                       \
		uv_update_time(&(f)->loop);                 \
		uv_timer_start(&(f)->tick, on_late, ms, 0); \
		while (!(condition) && !(f)->is_late)       \
			uv_run(&(f)->loop, UV_RUN_ONCE);    \
		uv_timer_stop(&(f)->tick);                  \
		(condition);                                \
	})

static int open_end(struct fixture *f, struct end *end, const struct underlay_settings *settings,
		    const char **error_text)
{
	struct underlay_events events = {
		.interface = on_interface,
		.beacon = on_beacon,
		.arg = end,
	};

	enter(end->ns);
	return underlay_open(&f->loop, settings, &events, &end->underlay, error_text);
}

static const struct underlay_settings every = {.mesh_ifname = "mesh0", .port = PORT};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *error_text = "";
	char words[64];

	*state = f;
	uv_loop_init(&f->loop);
	uv_timer_init(&f->loop, &f->tick);
	f->tick.data = f;
	f->a.ns = make_ns();
	f->b.ns = make_ns();
	ip(&f->a, "link add va type veth peer name vb");
	snprintf(words, sizeof(words), "link set vb netns /proc/%d/fd/%d", getpid(), f->b.ns);
	ip(&f->a, words);
	ip(&f->a, "link set va up");
	ip(&f->b, "link set vb up");
	ip(&f->a, "addr add 192.0.2.1/24 dev va");
	ip(&f->b, "addr add 192.0.2.2/24 dev vb");
	ip(&f->a, "addr add 2001:db8::1/64 dev va nodad");
	ip(&f->b, "addr add 2001:db8::2/64 dev vb nodad");
	if (open_end(f, &f->a, &every, &error_text) || open_end(f, &f->b, &every, &error_text))
		fail_msg("%s", error_text);
	assert_true(wait_for(f, DEADLINE_MS,
			     f->a.up && f->b.up && f->a.n_addresses >= 2 && f->b.n_addresses >= 2));
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	underlay_close(f->a.underlay);
	underlay_close(f->b.underlay);
	uv_close((uv_handle_t *)&f->tick, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	close(f->a.ns);
	close(f->b.ns);
	free(f);
	return 0;
}

static struct endpoint group(int family, uint32_t ifindex)
{
	struct endpoint ep = {.family = (sa_family_t)family, .port = PORT, .ifindex = ifindex};

	if (family == AF_INET)
		inet_pton(AF_INET, BEACON_GROUP4, &ep.addr4);
	else
		inet_pton(AF_INET6, BEACON_GROUP6, &ep.addr6);
	return ep;
}

static bool has_address(const struct end *end, const char *text)
{
	struct endpoint want;

	assert_int_equal(endpoint_parse(text, &want), 0);
	want.ifindex = end->ifindex;
	for (size_t i = 0; i < end->n_addresses; i++)
		if (endpoint_equal_address(&end->addresses[i], &want))
			return true;
	return false;
}

static void choice_follows_kind_pattern_and_type(void **state)
{
	static const char *const eth[] = {"eth*"}, *const eth1[] = {"eth1"}, *const lo[] = {"*"};
	const struct underlay_settings include = {.include = eth,
						  .n_include = 1,
						  .exclude = eth1,
						  .n_exclude = 1,
						  .mesh_ifname = "mesh0"};
	const struct underlay_settings all = {
		.include = lo, .n_include = 1, .mesh_ifname = "mesh0"};
	struct underlay_link eth0 = {.name = "eth0", .type = ARPHRD_ETHER};
	struct underlay_link link;

	assert_true(underlay_link_is_chosen(&every, &eth0));
	assert_true(underlay_link_is_chosen(&include, &eth0));
	link = eth0, strcpy(link.name, "eth1");
	assert_false(underlay_link_is_chosen(&include, &link));
	link = eth0, strcpy(link.name, "wlan0");
	assert_false(underlay_link_is_chosen(&include, &link));
	assert_true(underlay_link_is_chosen(&every, &link));
	link = eth0, strcpy(link.port_of, "bridge");
	assert_false(underlay_link_is_chosen(&every, &link));
	assert_true(underlay_link_is_chosen(&include, &link));
	link = eth0, link.type = ARPHRD_NONE; /* a tunnel: only when asked for */
	assert_false(underlay_link_is_chosen(&every, &link));
	assert_true(underlay_link_is_chosen(&include, &link));
	link = eth0, link.flags = IFF_LOOPBACK;
	assert_false(underlay_link_is_chosen(&all, &link));
	link = eth0, strcpy(link.kind, "hubmesh");
	assert_false(underlay_link_is_chosen(&all, &link));
	link = eth0, strcpy(link.name, "mesh0");
	assert_false(underlay_link_is_chosen(&all, &link));
}

static void interface_is_reported_with_its_addresses(void **state)
{
	struct fixture *f = *state;

	assert_true(has_address(&f->a, "192.0.2.1"));
	assert_true(has_address(&f->a, "2001:db8::1"));
	assert_false(has_address(&f->a, "192.0.2.2"));
	assert_string_equal(underlay_name(f->a.underlay, f->a.ifindex), "va");
	assert_string_equal(underlay_name(f->a.underlay, 9999), "?");
}

static void address_changes_are_reported(void **state)
{
	struct fixture *f = *state;

	ip(&f->a, "addr add 192.0.2.77/24 dev va");
	assert_true(wait_for(f, DEADLINE_MS, has_address(&f->a, "192.0.2.77")));
	ip(&f->a, "addr del 192.0.2.77/24 dev va");
	assert_true(wait_for(f, DEADLINE_MS, !has_address(&f->a, "192.0.2.77")));
	assert_true(has_address(&f->a, "192.0.2.1"));
}

static void carrier_loss_and_removal_are_reported(void **state)
{
	struct fixture *f = *state;

	ip(&f->b, "link set vb down");
	assert_true(wait_for(f, DEADLINE_MS, !f->a.up));
	assert_int_not_equal(f->a.n_addresses, 0);
	ip(&f->b, "link set vb up");
	assert_true(wait_for(f, DEADLINE_MS, f->a.up));
	ip(&f->b, "link del vb");
	assert_true(wait_for(f, DEADLINE_MS, !f->a.up && f->a.n_addresses == 0));
}

static void unchanged_interface_is_not_reported_again(void **state)
{
	struct fixture *f = *state;
	size_t before;

	/* Settle: link-local addresses finish duplicate detection. */
	wait_for(f, 3000, f->a.n_addresses >= 3);
	before = f->a.n_reports;
	ip(&f->a, "link set va txqueuelen 77"); /* a notification without news */
	assert_false(wait_for(f, SILENCE_MS, f->a.n_reports != before));
}

static void multicast_beacon_crosses_the_link(void **state, int family)
{
	struct fixture *f = *state;
	struct endpoint to = group(family, f->a.ifindex);

	assert_int_equal(underlay_send(f->a.underlay, &to, (const uint8_t *)"hello", 5), 0);
	assert_true(wait_for(f, DEADLINE_MS, f->b.n_beacons == 1));
	assert_int_equal(f->b.len, 5);
	assert_memory_equal(f->b.bytes, "hello", 5);
	assert_int_equal(f->b.from.family, family);
	assert_int_equal(f->b.from.port, PORT);
	assert_int_equal(f->b.from.ifindex, f->b.ifindex);
	assert_int_equal(f->a.n_beacons, 0); /* our own does not come back */
}

static void multicast_beacon_crosses_by_ipv4(void **state)
{
	multicast_beacon_crosses_the_link(state, AF_INET);
}

static void multicast_beacon_crosses_by_ipv6(void **state)
{
	multicast_beacon_crosses_the_link(state, AF_INET6);
}

static void unicast_beacon_reaches_a_seed(void **state)
{
	struct fixture *f = *state;
	struct endpoint to;

	assert_int_equal(endpoint_parse("192.0.2.2:14878", &to), 0);
	assert_int_equal(underlay_send(f->a.underlay, &to, (const uint8_t *)"x", 1), 0);
	assert_int_equal(endpoint_parse("[2001:db8::2]:14878", &to), 0);
	assert_int_equal(underlay_send(f->a.underlay, &to, (const uint8_t *)"y", 1), 0);
	assert_true(wait_for(f, DEADLINE_MS, f->b.n_beacons == 2));
}

static void oversize_datagram_arrives_cut_but_oversize(void **state)
{
	struct fixture *f = *state;
	struct endpoint to = group(AF_INET, f->a.ifindex);
	uint8_t big[1400] = {1};

	assert_int_equal(underlay_send(f->a.underlay, &to, big, sizeof(big)), 0);
	assert_true(wait_for(f, DEADLINE_MS, f->b.n_beacons == 1));
	assert_true(f->b.len > BEACON_MAX && f->b.len < sizeof(big));
}

static void multicast_without_interface_is_refused(void **state)
{
	struct fixture *f = *state;
	struct endpoint to = group(AF_INET, 0);

	assert_int_equal(underlay_send(f->a.underlay, &to, (const uint8_t *)"x", 1), -EINVAL);
}

static void excluded_interface_goes_and_is_deaf(void **state)
{
	static const char *const vb[] = {"vb"};
	const struct underlay_settings without = {
		.exclude = vb, .n_exclude = 1, .mesh_ifname = "mesh0", .port = PORT};
	struct fixture *f = *state;
	struct endpoint to = group(AF_INET, f->a.ifindex), unicast;

	assert_int_equal(underlay_reload(f->b.underlay, &without), 0);
	assert_true(wait_for(f, DEADLINE_MS, !f->b.up && f->b.n_addresses == 0));
	assert_int_equal(endpoint_parse("192.0.2.2:14878", &unicast), 0);
	underlay_send(f->a.underlay, &to, (const uint8_t *)"x", 1);
	underlay_send(f->a.underlay, &unicast, (const uint8_t *)"x", 1);
	assert_false(wait_for(f, SILENCE_MS, f->b.n_beacons != 0));

	assert_int_equal(underlay_reload(f->b.underlay, &every), 0);
	assert_true(wait_for(f, DEADLINE_MS, f->b.up));
	underlay_send(f->a.underlay, &to, (const uint8_t *)"x", 1);
	assert_true(wait_for(f, DEADLINE_MS, f->b.n_beacons == 1));
}

static void busy_port_is_refused_with_a_sentence(void **state)
{
	struct fixture *f = *state;
	struct end second = {.ns = f->a.ns};
	const char *error_text = "";

	assert_int_equal(open_end(f, &second, &every, &error_text), -EADDRINUSE);
	assert_null(second.underlay);
	assert_non_null(strstr(error_text, "UDP port 14878"));
}

#define link_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choice_follows_kind_pattern_and_type),
		link_test(interface_is_reported_with_its_addresses),
		link_test(address_changes_are_reported),
		link_test(carrier_loss_and_removal_are_reported),
		link_test(unchanged_interface_is_not_reported_again),
		link_test(multicast_beacon_crosses_by_ipv4),
		link_test(multicast_beacon_crosses_by_ipv6),
		link_test(unicast_beacon_reaches_a_seed),
		link_test(oversize_datagram_arrives_cut_but_oversize),
		link_test(multicast_without_interface_is_refused),
		link_test(excluded_interface_goes_and_is_deaf),
		link_test(busy_port_is_refused_with_a_sentence),
	};

	if (unshare(CLONE_NEWNET) < 0) {
		puts("1..1\nok 1 underlay # SKIP needs root for network namespaces");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
