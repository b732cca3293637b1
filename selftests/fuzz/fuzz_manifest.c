// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: manifests and catalogues: what decodes obeys the schema and encodes again
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "daemon/lib/ed25519.h"
#include "daemon/wire/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_catalogue(const uint8_t *data, size_t size)
{
	static uint8_t buf[CATALOGUE_MAX];
	struct catalogue catalogue, again;
	int len;

	if (catalogue_decode(data, size, &catalogue) < 0)
		return;
	assert(catalogue.n <= CATALOGUE_ENTRIES_MAX);
	assert(catalogue.n_rollbacks <= CATALOGUE_ROLLBACKS_MAX);
	len = catalogue_encode(&catalogue, buf, sizeof(buf));
	assert(len > 0 && (size_t)len <= size);
	assert(catalogue_decode(buf, (size_t)len, &again) == 0);
	assert(memcmp(&again, &catalogue, sizeof(again)) == 0);
}

static void try_range(const uint8_t *data, size_t size)
{
	char text[SEMVER_RANGE_TEXT_MAX + 8];
	struct semver_range range;
	struct semver version;

	if (size >= sizeof(text))
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	if (semver_range_parse(text, &range) == 0)
		assert(range.n <= SEMVER_COMPARATORS_MAX);
	if (semver_parse(text, &version) == 0)
		assert(semver_compare(&version, &version) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[ED25519_SEED_LEN];
	static uint8_t buf[MANIFEST_MAX];
	uint8_t pubkey[ED25519_PUBKEY_LEN];
	struct manifest manifest, again;
	int len;

	try_catalogue(data, size);
	try_range(data, size);
	if (manifest_decode(data, size, &manifest) < 0)
		return 0;
	assert(manifest_is_well_formed(&manifest));
	assert(ed25519_public_key(seed, pubkey) == 0);
	assert(manifest_verify(data, size, pubkey) == -EKEYREJECTED);
	len = manifest_encode(&manifest, seed, pubkey, buf, sizeof(buf));
	assert(len > 0 && manifest_decode(buf, (size_t)len, &again) == 0);
	assert(manifest_verify(buf, (size_t)len, pubkey) == 0);
	assert(memcmp(&again, &manifest, sizeof(again)) == 0);
	return 0;
}
