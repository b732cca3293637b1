// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: streams of capsules from other hubs
 *
 * The first byte says in what pieces the rest comes: however it is cut, the
 * same datagrams must be read.
 */
#include <assert.h>
#include <string.h>

#include "daemon/proxy/capsule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read: enough to compare. */
struct seen {
	uint64_t datagrams, bytes, sum;
	int64_t error;
};

static void note(struct seen *seen, const struct capsule *capsule)
{
	if (!capsule->payload)
		return;
	assert(capsule->len <= CAPSULE_PAYLOAD_MAX);
	seen->datagrams++;
	seen->bytes += capsule->len;
	for (size_t i = 0; i < capsule->len; i++)
		seen->sum = seen->sum * 31 + capsule->payload[i];
}

/* Pieces of up to @piece bytes, or all at once: 0. */
static struct seen read_all(const uint8_t *data, size_t size, size_t piece)
{
	struct seen seen = {0};
	size_t at = 0, end = 0;
	uint64_t skip = 0;

	while (end < size && !seen.error) {
		end = piece && size - end > piece ? end + piece : size;
		for (;;) {
			struct capsule capsule = {0};
			ssize_t n = end > at ? capsule_read(&skip, data + at, end - at, &capsule)
					     : 0;

			assert(n <= (ssize_t)(end - at));
			if (n < 0)
				seen.error = n;
			if (n <= 0)
				break;
			note(&seen, &capsule);
			at += (size_t)n;
		}
	}
	assert(seen.error || end - at <= CAPSULE_MAX); /* what waits fits a window */
	return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole, cut;

	if (!size)
		return 0;
	whole = read_all(data + 1, size - 1, 0);
	cut = read_all(data + 1, size - 1, data[0] + 1u);
	assert(memcmp(&whole, &cut, sizeof(whole)) == 0);
	return 0;
}
