// SPDX-License-Identifier: GPL-2.0
/* DOC: the pure parts of carrying datagrams: capsules, and the table of clients */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/lib/prng.h"
#include "daemon/proxy/capsule.h"
#include "daemon/proxy/clients.h"

#define MANY 3000

static uint8_t stream[2 * CAPSULE_MAX];

/* One capsule whose payload is @len bytes of 'x'. Return: its length. */
static size_t put(uint8_t *to, size_t len)
{
	uint8_t head[CAPSULE_HEAD_MAX];
	size_t n = capsule_write_head(len, head);

	memcpy(to, head, n);
	memset(to + n, 'x', len);
	return n + len;
}

/* ---- capsules ------------------------------------------------------------ */

static void capsule_of_any_length_is_read_as_written(void **state)
{
	static const size_t lens[] = {0,    1,	   62,	  63,	 64,
				      1200, 16382, 16383, 65507, CAPSULE_PAYLOAD_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		struct capsule capsule;
		uint64_t skip = 0;
		size_t n = put(stream, lens[i]);

		assert_true(n <= CAPSULE_MAX);
		assert_int_equal(capsule_read(&skip, stream, n, &capsule), n);
		assert_int_equal(capsule.len, lens[i]);
		assert_ptr_equal(capsule.payload, stream + n - lens[i]);
		assert_int_equal(skip, 0);
	}
}

static void capsule_head_is_the_documented_one(void **state)
{
	uint8_t head[CAPSULE_HEAD_MAX];

	assert_int_equal(capsule_write_head(5, head), 3); /* Documentation/proxy.rst */
	assert_memory_equal(head, "\x00\x06\x00", 3);
	assert_int_equal(capsule_write_head(1200, head), 4);
	assert_memory_equal(head, "\x00\x44\xb1\x00", 4);
	assert_int_equal(capsule_write_head(65507, head), 6);
	assert_memory_equal(head, "\x00\x80\x00\xff\xe4\x00", 6);
}

static void capsule_in_part_waits_for_the_rest(void **state)
{
	size_t n = put(stream, 300);
	struct capsule capsule;
	uint64_t skip = 0;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(capsule_read(&skip, stream, i, &capsule), 0);
	assert_int_equal(capsule_read(&skip, stream, n, &capsule), n);
}

static void capsules_of_other_types_and_contexts_are_passed_over(void **state)
{
	uint8_t bytes[] = {0x40, 0x17, 5, 1,  2, 3, 4, 5, /* type 23 in two bytes */
			   0,	 3,    7, 8,  9, /* a datagram of context 7 */
			   0,	 2,    0, 'a'};
	struct capsule capsule;
	uint64_t skip = 0;

	assert_int_equal(capsule_read(&skip, bytes, sizeof(bytes), &capsule), 3);
	assert_null(capsule.payload);
	assert_int_equal(skip, 5);
	assert_int_equal(capsule_read(&skip, bytes + 3, 2, &capsule), 2); /* as they come */
	assert_int_equal(capsule_read(&skip, bytes + 5, sizeof(bytes) - 5, &capsule), 3);
	assert_null(capsule.payload);
	assert_int_equal(skip, 0);
	assert_int_equal(capsule_read(&skip, bytes + 8, sizeof(bytes) - 8, &capsule), 5);
	assert_null(capsule.payload);
	assert_int_equal(capsule_read(&skip, bytes + 13, sizeof(bytes) - 13, &capsule), 4);
	assert_int_equal(capsule.len, 1);
	assert_int_equal(capsule.payload[0], 'a');
}

static void capsule_of_another_type_may_be_as_long_as_it_likes(void **state)
{
	const uint8_t bytes[] = {0x21, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2};
	struct capsule capsule;
	uint64_t skip = 0;

	assert_int_equal(capsule_read(&skip, bytes, sizeof(bytes), &capsule), 9);
	assert_int_equal(skip, (1ull << 62) - 1);
	assert_int_equal(capsule_read(&skip, bytes + 9, 2, &capsule), 2);
	assert_int_equal(skip, (1ull << 62) - 3);
}

static void datagrams_too_long_or_without_context_are_refused(void **state)
{
	static const struct {
		uint8_t bytes[12];
		size_t len;
	} bad[] = {
		{{0, 0}, 2}, /* no room for a context */
		{{0, 0x80, 0, 0xff, 0xfb}, 5}, /* no stream's window holds it */
		{{0, 0xc0, 0, 0, 0, 0, 1, 0, 0}, 9},
		{{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9},
		{{0, 1, 0x40}, 3}, /* half a context */
	};
	struct capsule capsule;
	uint64_t skip = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(capsule_read(&skip, bad[i].bytes, bad[i].len, &capsule), -EBADMSG);
	/* The largest by one: as long as a capsule may be, but not its payload. */
	memcpy(stream, "\x00\x80\x00\xff\xf9\x00", 6);
	assert_int_equal(capsule_read(&skip, stream, 5 + 0xfff9, &capsule), -EBADMSG);
	memcpy(stream, "\x00\x80\x00\xff\xf8\x00", 6);
	assert_int_equal(capsule_read(&skip, stream, 5 + 0xfff8, &capsule), 5 + 0xfff8);
}

/* ---- clients ------------------------------------------------------------- */

static struct endpoint address_of(uint32_t i)
{
	struct endpoint ret = {.family = i % 2 ? AF_INET : AF_INET6, .port = (uint16_t)(i / 2)};

	if (ret.family == AF_INET)
		ret.addr4.s_addr = htonl(INADDR_LOOPBACK);
	else
		ret.addr6 = in6addr_loopback;
	return ret;
}

static void clients_are_found_by_address_and_port(void **state)
{
	struct clients clients = {.seed = 42};
	struct client *list = xnew_array(struct client, MANY);
	struct endpoint address;

	for (uint32_t i = 0; i < MANY; i++) {
		list[i].address = address_of(i);
		assert_null(clients_find(&clients, &list[i].address));
		clients_add(&clients, &list[i]);
	}
	assert_int_equal(clients.n, MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		address = address_of(i);
		assert_ptr_equal(clients_find(&clients, &address), &list[i]);
	}
	address = address_of(MANY);
	assert_null(clients_find(&clients, &address));
	for (uint32_t i = 0; i < MANY; i += 2)
		clients_remove(&clients, &list[i]);
	for (uint32_t i = 0; i < MANY; i++) {
		address = address_of(i);
		assert_ptr_equal(clients_find(&clients, &address), i % 2 ? &list[i] : NULL);
	}
	free(list);
}

static void clients_are_kept_in_the_order_of_last_use(void **state)
{
	struct client list[4] = {0};
	struct clients clients = {0};

	for (uint32_t i = 0; i < 4; i++) {
		list[i].address = address_of(i);
		clients_add(&clients, &list[i]);
	}
	assert_ptr_equal(clients.oldest, &list[0]);
	clients_use(&clients, &list[0]);
	assert_ptr_equal(clients.oldest, &list[1]);
	clients_use(&clients, &list[0]); /* as it is */
	clients_use(&clients, &list[2]);
	clients_remove(&clients, &list[1]);
	assert_ptr_equal(clients.oldest, &list[3]);
	clients_remove(&clients, &list[2]);
	clients_remove(&clients, &list[3]);
	assert_ptr_equal(clients.oldest, &list[0]);
	assert_ptr_equal(clients.newest, &list[0]);
	clients_remove(&clients, &list[0]);
	assert_null(clients.oldest);
	assert_null(clients.newest);
	assert_int_equal(clients.n, 0);
}

static void clients_spread_over_the_buckets_whatever_their_ports(void **state)
{
	struct clients clients = {.seed = 7};
	struct client *list = xnew_array(struct client, MANY);
	size_t longest = 0;

	for (uint32_t i = 0; i < MANY; i++) {
		list[i].address = address_of(1);
		list[i].address.port = (uint16_t)(i * 16);
		list[i].address.addr4.s_addr += htonl(i >> 12);
		clients_add(&clients, &list[i]);
	}
	for (size_t i = 0; i < CLIENTS_BUCKETS; i++) {
		size_t n = 0;

		for (struct client *client = clients.buckets[i]; client; client = client->chain)
			n++;
		longest = n > longest ? n : longest;
	}
	assert_true(longest < 16); /* 3 on average */
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(capsule_of_any_length_is_read_as_written),
		cmocka_unit_test(capsule_head_is_the_documented_one),
		cmocka_unit_test(capsule_in_part_waits_for_the_rest),
		cmocka_unit_test(capsules_of_other_types_and_contexts_are_passed_over),
		cmocka_unit_test(capsule_of_another_type_may_be_as_long_as_it_likes),
		cmocka_unit_test(datagrams_too_long_or_without_context_are_refused),
		cmocka_unit_test(clients_are_found_by_address_and_port),
		cmocka_unit_test(clients_are_kept_in_the_order_of_last_use),
		cmocka_unit_test(clients_spread_over_the_buckets_whatever_their_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
