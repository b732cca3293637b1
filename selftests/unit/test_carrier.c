// SPDX-License-Identifier: GPL-2.0
/* DOC: which carrier hub.c gives a link: Ethernet on one segment, UDP elsewhere and after a fall */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "selftests/unit/hub_fixture.h"

#define S NSEC_PER_SEC

static const uint8_t lladdr[2][ENDPOINT_LLADDR_LEN] = {{0x02, 0, 0, 0, 0, 1},
						       {0x02, 0, 0, 0, 0, 2}};

/* fe80::1 and fe80::2, or addresses that may be routed. */
static void give_addresses(struct fixture *f, bool link_local)
{
	for (int who = 0; who < 2; who++) {
		struct endpoint *at = &f->h[who].address;

		*at = (struct endpoint){.family = AF_INET6, .ifindex = FIXTURE_IFINDEX};
		at->addr6.s6_addr[0] = link_local ? 0xfe : 0xfd;
		at->addr6.s6_addr[1] = 0x80;
		at->addr6.s6_addr[15] = who + 1;
	}
}

static void tell_interface(struct fixture *f, int who, const uint8_t *address)
{
	hub_on_interface(f->h[who].hub, f->now, FIXTURE_IFINDEX, true, address, &f->h[who].address,
			 1, &f->fx);
	fixture_run(f, who);
}

static struct fixture *hubs(bool link_local, const uint8_t *ours, const uint8_t *theirs)
{
	struct fixture *f = fixture_new(true);

	give_addresses(f, link_local);
	tell_interface(f, 0, ours);
	tell_interface(f, 1, theirs);
	fixture_pass(f, 2 * S);
	return f;
}

static int is_on_ethernet(const struct hub_view_link *view, void *arg)
{
	*(int *)arg = view->is_on_ethernet;
	return 1;
}

static bool shown_on_ethernet(struct fixture *f, int who)
{
	int shown = -1;

	hub_for_each_link(f->h[who].hub, is_on_ethernet, &shown);
	assert_int_not_equal(shown, -1);
	return shown;
}

static void assert_ethernet_to(struct fixture *f, int who)
{
	const struct effect *e = &f->h[who].link_set;

	assert_true(e->link_set.has_lladdr);
	assert_memory_equal(e->link_set.remote_lladdr, lladdr[!who], ENDPOINT_LLADDR_LEN);
	assert_int_equal(e->link_set.remote.ifindex, FIXTURE_IFINDEX);
	assert_true(shown_on_ethernet(f, who));
}

static void assert_udp(struct fixture *f, int who)
{
	assert_false(f->h[who].link_set.link_set.has_lladdr);
	assert_int_equal(f->h[who].link_set.link_set.remote.port, 4877);
	assert_false(shown_on_ethernet(f, who));
}

static void report(struct fixture *f, int who, enum link_report_state state)
{
	const struct link_report report = {state, 100, 1500};

	hub_on_link_report(f->h[who].hub, f->now, 1, &report, &f->fx);
	fixture_run(f, who);
}

static void hubs_on_one_segment_use_ethernet(void **state)
{
	struct fixture *f = hubs(true, lladdr[0], lladdr[1]);

	assert_ethernet_to(f, 0);
	assert_ethernet_to(f, 1);
	assert_int_equal(f->h[0].n[EFFECT_LINK_SET], 1);
	fixture_free(f);
}

static void hubs_that_may_be_routers_apart_use_udp(void **state)
{
	struct fixture *f = hubs(false, lladdr[0], lladdr[1]);

	assert_udp(f, 0);
	assert_udp(f, 1);
	fixture_free(f);
}

static void one_that_gives_no_ethernet_address_is_sent_udp_and_sends_it(void **state)
{
	struct fixture *f = hubs(true, lladdr[0], NULL);

	assert_udp(f, 0);
	assert_udp(f, 1);
	fixture_free(f);
}

static void link_down_on_ethernet_is_put_on_udp_at_once(void **state)
{
	struct fixture *f = hubs(true, lladdr[0], lladdr[1]);

	report(f, 0, LINK_REPORT_DOWN);
	assert_udp(f, 0);
	assert_int_equal(f->h[0].n[EFFECT_LINK_SET], 2);
	report(f, 0, LINK_REPORT_DOWN);
	assert_int_equal(f->h[0].n[EFFECT_LINK_SET], 2);
	assert_ethernet_to(f, 1);
	fixture_free(f);
}

/* A new session of the same path: the keys are old. */
static void rekey(struct fixture *f)
{
	fixture_pass(f, 90 * S);
}

static void ethernet_is_not_tried_again_where_udp_got_through_soon(void **state)
{
	struct fixture *f = hubs(true, lladdr[0], lladdr[1]);

	report(f, 0, LINK_REPORT_DOWN);
	f->now += S;
	report(f, 0, LINK_REPORT_UP);
	rekey(f);
	assert_udp(f, 0);
	fixture_free(f);
}

static void ethernet_is_tried_again_after_a_cut_of_both(void **state)
{
	struct fixture *f = hubs(true, lladdr[0], lladdr[1]);

	report(f, 0, LINK_REPORT_DOWN);
	f->now += 3 * S;
	report(f, 0, LINK_REPORT_UP);
	assert_udp(f, 0);
	rekey(f);
	assert_ethernet_to(f, 0);
	fixture_free(f);
}

/* Frames must not go on to an address nobody has, nor in Ethernet that has become too narrow. */
static void other_ethernet_address_or_none_is_told_in_a_new_session(void **state)
{
	static const uint8_t other[ENDPOINT_LLADDR_LEN] = {0x02, 0, 0, 0, 0, 3};
	struct fixture *f = hubs(true, lladdr[0], lladdr[1]);

	tell_interface(f, 1, other);
	fixture_pass(f, 5 * S);
	assert_memory_equal(f->h[0].link_set.link_set.remote_lladdr, other, sizeof(other));
	tell_interface(f, 1, NULL);
	fixture_pass(f, 5 * S);
	assert_udp(f, 0);
	assert_udp(f, 1);
	tell_interface(f, 1, lladdr[1]);
	fixture_pass(f, 5 * S);
	assert_ethernet_to(f, 0);
	assert_ethernet_to(f, 1);
	fixture_free(f);
}

static void unchanged_interface_keeps_its_session(void **state)
{
	struct fixture *f = hubs(true, lladdr[0], lladdr[1]);
	int n = f->h[0].n[EFFECT_LINK_SET];

	tell_interface(f, 1, lladdr[1]);
	fixture_pass(f, 5 * S);
	assert_int_equal(f->h[0].n[EFFECT_LINK_SET], n);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hubs_on_one_segment_use_ethernet),
		cmocka_unit_test(hubs_that_may_be_routers_apart_use_udp),
		cmocka_unit_test(one_that_gives_no_ethernet_address_is_sent_udp_and_sends_it),
		cmocka_unit_test(link_down_on_ethernet_is_put_on_udp_at_once),
		cmocka_unit_test(ethernet_is_not_tried_again_where_udp_got_through_soon),
		cmocka_unit_test(ethernet_is_tried_again_after_a_cut_of_both),
		cmocka_unit_test(other_ethernet_address_or_none_is_told_in_a_new_session),
		cmocka_unit_test(unchanged_interface_keeps_its_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
