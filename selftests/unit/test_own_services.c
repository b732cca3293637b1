// SPDX-License-Identifier: GPL-2.0
/* DOC: services of ours: what others hear of their states, from the first word on */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "selftests/unit/hub_fixture.h"

static void set_service(struct fixture *f, uint32_t price, enum service_state state)
{
	struct manifest manifest = {.name = "speech",
				    .version_text = "1.0.0",
				    .n_endpoints = 1,
				    .endpoints = {"127.0.0.1:1"},
				    .slots = 8,
				    .price_micro = price};

	assert_int_equal(hub_on_service_set(f->h[0].hub, f->now, &manifest, state, &f->fx), 0);
	fixture_run(f, 0);
}

/* Of the service of hub 0; -1 it is not known there. */
static int state_at(struct fixture *f, int who)
{
	const struct registry *registry = hub_get_registry(f->h[who].hub);

	return registry_count(registry) ? (int)registry_at(registry, 0)->state : -1;
}

static void service_that_is_not_ready_is_never_available(void **state)
{
	struct fixture *f = *state;

	set_service(f, 1, SERVICE_FAILING);
	assert_int_equal(state_at(f, 0), SERVICE_FAILING);
	for (int i = 0; i < 100 && state_at(f, 1) < 0; i++)
		fixture_pass(f, NSEC_PER_SEC / 10);
	assert_int_equal(state_at(f, 1), SERVICE_FAILING);
	fixture_pass(f, 20 * NSEC_PER_SEC);
	assert_int_equal(state_at(f, 1), SERVICE_FAILING);
	hub_on_service_state(f->h[0].hub, f->now, "speech", "1.0.0", SERVICE_AVAILABLE, &f->fx);
	fixture_run(f, 0);
	fixture_pass(f, 20 * NSEC_PER_SEC);
	assert_int_equal(state_at(f, 1), SERVICE_AVAILABLE);
}

static void service_that_promises_something_else_keeps_its_state(void **state)
{
	struct fixture *f = *state;

	set_service(f, 1, SERVICE_AVAILABLE);
	set_service(f, 2, SERVICE_FAILING);
	fixture_pass(f, 20 * NSEC_PER_SEC);
	assert_int_equal(state_at(f, 1), SERVICE_AVAILABLE);
	assert_int_equal(registry_at(hub_get_registry(f->h[1].hub), 0)->manifest.price_micro, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup_pair, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(service_that_is_not_ready_is_never_available),
		TEST(service_that_promises_something_else_keeps_its_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
