// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: DNS queries from any program on the machine, over UDP and TCP
 *
 * The first byte chooses protocol and upstream; the rest is the message.
 */
#include <assert.h>
#include <stdlib.h>

#include "selftests/unit/names_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct names_reply reply;
	bool is_tcp, has_upstream;
	enum names_outcome outcome;

	if (size < 1)
		return 0;
	is_tcp = data[0] & 1;
	has_upstream = data[0] & 2;
	data++;
	size--;
	outcome = names_answer(&fixture_source, data, size, is_tcp, has_upstream, &reply);
	if (outcome == NAMES_DROPPED)
		return 0;
	assert(outcome != NAMES_FORWARD || has_upstream);
	if (outcome == NAMES_FORWARD) {
		assert(names_question_len(data, size));
		names_fail(data, size, data[0] & 1, &reply);
	}
	assert(reply.len >= NAMES_HEADER_LEN);
	assert(reply.len <= (is_tcp ? NAMES_REPLY_MAX : NAMES_UDP_MAX));
	assert(reply.bytes[0] == data[0] && reply.bytes[1] == data[1]);
	if (outcome != NAMES_MALFORMED && outcome != NAMES_UNSUPPORTED) {
		assert(names_is_reply(data, size, reply.bytes, reply.len));
		assert(reply.len <= names_udp_limit(data, size) || is_tcp);
	}
	return 0;
}
