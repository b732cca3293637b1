// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: lists of revocations from any peer, before anything about them is known
 */
#include <assert.h>

#include "daemon/trust/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trust *trust = trust_new("example");
	const struct trust_list *list = NULL;
	struct crl_entry entry;
	struct crl_walk walk;
	struct crl crl;
	size_t n = 0;

	if (crl_parse(data, size, &crl) == 0) {
		for (walk = crl_walk(&crl); crl_next(&walk, &entry); n++)
			assert(entry.is_hub ? hub_id_is_valid(&entry.hub) : entry.serial.len > 0);
		assert(n == crl.n_entries && n <= CRL_ENTRIES_MAX);
	}
	assert(trust_add_revocations(trust, data, size, &list) < 0 && !list);
	trust_free(trust);
	return 0;
}
