// SPDX-License-Identifier: GPL-2.0
/* DOC: addresses: computed, in the pool, without collisions */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "daemon/address/mesh_address.h"

#define POOL 0x0a4d0000u

static const uint8_t tag[ADDRESS_MESH_TAG_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};
static const struct hub_id a = {{0x02, 1, 2, 3, 4, 5}}, b = {{0x02, 1, 2, 3, 4, 6}};

static void ula_is_mesh_prefix_and_eui64_of_hub(void **state)
{
	struct in6_addr ula = address_ula(tag, &a);
	static const uint8_t want[16] = {0xfd, 1, 2, 3, 4, 5, 0, 0, 0, 1, 2, 0xff, 0xfe, 3, 4, 5};

	assert_memory_equal(&ula, want, sizeof(want));
}

static void ula_differs_between_hubs(void **state)
{
	struct in6_addr x = address_ula(tag, &a), y = address_ula(tag, &b);

	assert_memory_not_equal(&x, &y, sizeof(x));
}

static void pool_excludes_network_and_broadcast(void **state)
{
	assert_false(address_is_in_pool(POOL, 24, POOL));
	assert_false(address_is_in_pool(POOL, 24, POOL + 255));
	assert_true(address_is_in_pool(POOL, 24, POOL + 1));
	assert_true(address_is_in_pool(POOL, 24, POOL + 254));
	assert_false(address_is_in_pool(POOL, 24, POOL + 256 + 1));
	assert_false(address_is_in_pool(0, 24, 1));
	assert_false(address_is_in_pool(POOL, 31, POOL + 1));
}

static void claim_keeps_a_free_preferred_address(void **state)
{
	assert_int_equal(address_claim(tag, &a, POOL, 24, POOL + 9, NULL, 0), POOL + 9);
}

static void claim_ignores_a_preferred_address_outside_the_pool(void **state)
{
	uint32_t got = address_claim(tag, &a, POOL, 24, 0x01020304, NULL, 0);

	assert_true(address_is_in_pool(POOL, 24, got));
	assert_int_equal(got, address_claim(tag, &a, POOL, 24, 0, NULL, 0));
}

static void claim_moves_from_a_taken_address(void **state)
{
	uint32_t first = address_claim(tag, &a, POOL, 24, 0, NULL, 0);
	uint32_t next = address_claim(tag, &a, POOL, 24, first, &first, 1);

	assert_true(address_is_in_pool(POOL, 24, next));
	assert_int_not_equal(next, first);
}

static void claim_fills_the_pool_and_then_refuses(void **state)
{
	uint32_t taken[6] = {POOL + 1, POOL + 2, POOL + 3, POOL + 4, POOL + 5, POOL + 6};

	assert_int_equal(address_claim(tag, &a, POOL, 29, 0, taken, 5), POOL + 6);
	assert_int_equal(address_claim(tag, &a, POOL, 29, 0, taken, 6), 0);
	assert_int_equal(address_claim(tag, &a, 0, 24, 0, NULL, 0), 0);
}

static void lower_id_keeps_the_address(void **state)
{
	assert_true(address_keeps(&a, &b));
	assert_false(address_keeps(&b, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ula_is_mesh_prefix_and_eui64_of_hub),
		cmocka_unit_test(ula_differs_between_hubs),
		cmocka_unit_test(pool_excludes_network_and_broadcast),
		cmocka_unit_test(claim_keeps_a_free_preferred_address),
		cmocka_unit_test(claim_ignores_a_preferred_address_outside_the_pool),
		cmocka_unit_test(claim_moves_from_a_taken_address),
		cmocka_unit_test(claim_fills_the_pool_and_then_refuses),
		cmocka_unit_test(lower_id_keeps_the_address),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
