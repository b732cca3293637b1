// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: control bodies: each decoder sees every input; what decodes encodes again
 */
#include <assert.h>
#include <string.h>

#include "daemon/wire/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_hello(const uint8_t *data, size_t size)
{
	struct control_hello m, again;
	uint8_t buf[256];
	int len;

	if (control_decode_hello(data, size, &m) < 0)
		return;
	len = control_encode_hello(&m, buf, sizeof(buf));
	assert(len > 0 && (size_t)len <= size);
	assert(control_decode_hello(buf, (size_t)len, &again) == 0);
	assert(strcmp(m.name, again.name) == 0 && m.boot_epoch == again.boot_epoch);
}

static void try_key(const uint8_t *data, size_t size)
{
	struct control_key m, again;
	uint8_t buf[64];
	int len;

	if (control_decode_key(data, size, &m) < 0)
		return;
	len = control_encode_key(&m, buf, sizeof(buf));
	assert(len > 0 && (size_t)len <= size);
	assert(control_decode_key(buf, (size_t)len, &again) == 0);
	assert(m.serial == again.serial && m.phase == again.phase);
}

static void try_sender(const uint8_t *data, size_t size)
{
	struct control_sender m, again;
	uint8_t buf[96];
	int len;

	if (control_decode_sender_key(data, size, &m) == 0) {
		len = control_encode_sender_key(&m, buf, sizeof(buf));
		assert(len > 0 && (size_t)len <= size);
		assert(control_decode_sender_key(buf, (size_t)len, &again) == 0);
		assert(memcmp(m.material, again.material, sizeof(m.material)) == 0);
	}
	if (control_decode_sender_have(data, size, &m) == 0) {
		len = control_encode_sender_have(&m, buf, sizeof(buf));
		assert(len > 0 && (size_t)len <= size);
		assert(control_decode_sender_have(buf, (size_t)len, &again) == 0);
		assert(m.serial == again.serial && m.phase == again.phase);
	}
}

static void try_digest(const uint8_t *data, size_t size)
{
	static struct control_digest_entry entries[CONTROL_DIGESTS_MAX];
	static uint8_t buf[CONTROL_BODY_MAX];
	int n = control_decode_digest(data, size, entries, CONTROL_DIGESTS_MAX), len;

	if (n < 0)
		return;
	len = control_encode_digest(entries, (size_t)n, buf, sizeof(buf));
	assert(len > 0 && (size_t)len <= size);
	assert(control_decode_digest(buf, (size_t)len, entries, CONTROL_DIGESTS_MAX) == n);
}

static void try_pull(const uint8_t *data, size_t size)
{
	uint8_t digests[CONTROL_PULLS_MAX][SHA256_LEN], buf[1024];
	int n = control_decode_pull(data, size, digests), len;

	if (n < 0)
		return;
	len = control_encode_pull((const uint8_t(*)[SHA256_LEN])digests, (size_t)n, buf,
				  sizeof(buf));
	assert(len > 0 && (size_t)len <= size);
	assert(control_decode_pull(buf, (size_t)len, digests) == n);
}

static void try_lists(const uint8_t *data, size_t size)
{
	struct control_list lists[CONTROL_LISTS_MAX];
	uint8_t buf[1024];
	int n = control_decode_lists(data, size, lists, CONTROL_LISTS_MAX), len;

	if (n < 0)
		return;
	len = control_encode_lists(lists, (size_t)n, buf, sizeof(buf));
	assert(len > 0 && (size_t)len <= size);
	assert(control_decode_lists(buf, (size_t)len, lists, CONTROL_LISTS_MAX) == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_hello(data, size);
	try_key(data, size);
	try_sender(data, size);
	try_digest(data, size);
	try_pull(data, size);
	try_lists(data, size);
	control_from_path((const char *)data, size);
	return 0;
}
