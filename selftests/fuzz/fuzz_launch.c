// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: messages to and from the launcher: what decodes encodes to the same bytes
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/runtime/launch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct launch_message *message = xnew(struct launch_message);
	uint8_t buf[LAUNCH_MESSAGE_MAX];

	if (launch_decode(data, size, message) == 0) {
		assert(launch_encode(message, buf, sizeof(buf)) == (int)size);
		assert(memcmp(buf, data, size) == 0);
	}
	free(message);
	return 0;
}
