/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: grpc_json_fixture: two ends of an HTTP/2 proxy whose service has a descriptor
 *
 * The test names the seed of the fuzzers that holds the descriptor: GRPC_JSON_SEED.
 */
#ifndef SELFTESTS_GRPC_JSON_FIXTURE_H
#define SELFTESTS_GRPC_JSON_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/proxy/translation.h"
#include "daemon/translate/schema.h"
#include "selftests/unit/http2_fixture.h"

#define SEED_MAX 16384
#define OK_200 ":status", "200", "content-type", "application/grpc"
#define DONE                       \
	{                          \
		"grpc-status", "0" \
	}
#define FIVE "\0\0\0\0\2\x28\5" /* field 5 is 5, in its frame */
#define FIVE_LEN 7

static struct schema *schema; /* as of the service in every world */

static struct schema *world_schema(void *arg, const uint8_t *digest)
{
	return schema;
}

/* The descriptor is behind its length. */
static int setup(void **state)
{
	static uint8_t bytes[SEED_MAX];
	struct translate_refusal refusal;
	FILE *file = fopen(GRPC_JSON_SEED, "r");
	size_t len;

	assert_non_null(file);
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	assert_true(len > 2);
	schema = schema_parse(bytes + 2, (size_t)bytes[0] << 8 | bytes[1], &refusal);
	return schema ? 0 : -1;
}

static int teardown(void **state)
{
	assert_int_equal(schema->references, 1);
	schema_put(schema);
	return 0;
}

/* @is_entry: the service is of the entry's own hub; it says @answer. */
static struct world *begun_with(bool is_entry, const struct says *answer)
{
	struct world *world = is_entry ? world_entry() : world_provider();

	if (is_entry)
		world->far->via = FLOW_LOCAL;
	world->proxy.events.schema = world_schema;
	peer_begin(&world->client, false);
	peer_begin(&world->service, true);
	world->service.says = answer;
	world_run(world);
	return world;
}

static bool is_text(const struct seen *seen, const char *text)
{
	return seen_is_body(seen, text, strlen(text)) && seen->has_ended;
}

static bool says_text(const struct seen *seen, const char *text)
{
	return seen->n_body < PEER_BODY_MAX && strstr((const char *)seen->body, text);
}

#endif
