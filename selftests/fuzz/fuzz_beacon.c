// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: beacon datagrams from anyone on the wire
 */
#include <assert.h>
#include <stdlib.h>

#include "daemon/wire/beacon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct beacon beacon;

	if (beacon_decode(data, size, &beacon) == 0) {
		assert(size == BEACON_LEN);
		assert(beacon.control_port != 0);
		beacon_verify(data, size);
	}
	return 0;
}
