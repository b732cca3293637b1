// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: what other hubs and programs say to the proxy
 *
 * Lines "name=value" are headers of a call; all of it is the beginning of a
 * request that may carry a trace.
 */
#include <assert.h>
#include <string.h>

#include "daemon/proxy/call.h"
#include "daemon/proxy/traceparent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_call(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	struct call call = {0};

	while (data < end) {
		const uint8_t *line_end = memchr(data, '\n', (size_t)(end - data));
		const uint8_t *equals;

		line_end = line_end ? line_end : end;
		equals = memchr(data, '=', (size_t)(line_end - data));
		if (equals)
			call_take_header(&call, data, (size_t)(equals - data), equals + 1,
					 (size_t)(line_end - equals - 1));
		data = line_end + (line_end < end);
	}
	assert(memchr(call.service, '\0', sizeof(call.service)));
	if (call_is_complete(&call))
		assert(manifest_name_is_valid(call.service));
	if (call_is_for_relay(&call))
		assert(hub_id_is_valid(&call.hub) && call.relays <= CALL_RELAYS_MAX &&
		       !call_is_complete(&call));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char reason[CALL_REASON_MAX + 1], traceparent[TRACEPARENT_LEN + 1];

	try_call(data, size);
	call_read_reason(data, size, reason);
	for (const char *c = reason; *c; c++)
		assert(*c >= ' ' && *c < 0x7f);
	if (traceparent_find(data, size, traceparent))
		assert(strlen(traceparent) == TRACEPARENT_LEN && traceparent[35] == '-');
	return 0;
}
