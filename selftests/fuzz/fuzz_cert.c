// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: certificates from any peer, before anything about them is known
 */
#include <assert.h>

#include "daemon/trust/cert.h"
#include "daemon/trust/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_inside(const struct cert_span *span, const uint8_t *data, size_t size)
{
	assert(span->len == 0 || (span->bytes >= data && span->bytes + span->len <= data + size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trust *trust = trust_new("example");
	const struct hub_id nobody = {0};
	struct trust_identity identity;
	struct trust_service service;
	struct cert cert;

	if (cert_parse(data, size, &cert) == 0) {
		assert_inside(&cert.signed_part, data, size);
		assert_inside(&cert.subject, data, size);
		assert_inside(&cert.common_name, data, size);
		assert_inside(&cert.uri, data, size);
		assert_inside(&cert.zones, data, size);
	}
	if (trust_add_root(trust, data, size) < 0) {
		assert(trust_verify_hub(trust, data, size, 0, &identity) < 0);
		assert(trust_judge_service(trust, data, size, 0, &nobody, &service));
	}
	trust_free(trust);
	return 0;
}
