// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: link-state records: what decodes obeys the limits and encodes again
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "daemon/lib/ed25519.h"
#include "daemon/wire/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[ED25519_SEED_LEN];
	static uint8_t buf[RECORD_MAX];
	uint8_t pubkey[ED25519_PUBKEY_LEN];
	struct record record, again;
	int len;

	if (record_decode(data, size, &record) < 0)
		return 0;
	assert(record.cert >= data && record.cert + record.cert_len <= data + size);
	assert(record.n_links <= RECORD_LINKS_MAX);
	assert(ed25519_public_key(seed, pubkey) == 0);
	assert(record_verify(data, size, pubkey) == -EKEYREJECTED);
	/* The encoder asserts what a record must be. */
	len = record_encode(&record, seed, pubkey, buf, sizeof(buf));
	assert(len > 0 && record_decode(buf, (size_t)len, &again) == 0);
	assert(record_verify(buf, (size_t)len, pubkey) == 0);
	assert(again.seq == record.seq && again.n_links == record.n_links);
	for (size_t i = 0; i < record.n_links; i++)
		assert(again.links[i].is_frameless == record.links[i].is_frameless &&
		       again.links[i].cost_us == record.links[i].cost_us);
	assert(again.datapath == record.datapath);
	assert(again.group_flags == record.group_flags && again.n_groups == record.n_groups);
	return 0;
}
