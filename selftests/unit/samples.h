/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: samples: fixed messages that tests, documents and fuzz seeds share
 *
 * Everything is deterministic: fixed keys, serials and dates.  A sample is
 * compared with its hexadecimal copy in Documentation/ and with its seed file
 * in selftests/fuzz/corpus/; with HUBMESH_UPDATE=1 in the environment the
 * seed is written and the hex printed instead.
 *
 * A vector in a document is a literal block: a line "vector NAME", then lines
 * of hex digits, then an empty line.
 */
#ifndef UNIT_SAMPLES_H
#define UNIT_SAMPLES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/lib/ed25519.h"
#include "daemon/lib/hub_id.h"
#include "daemon/trust/issue.h"

#define SAMPLE_MAX 16384
#define SAMPLE_NOT_BEFORE_S 1767225600 /* 2026-01-01T00:00:00Z */
#define SAMPLE_NOT_AFTER_S 1798761600 /* 2027-01-01T00:00:00Z */
#define SAMPLE_ROOT_AFTER_S 2524608000 /* 2050-01-01T00:00:00Z, the first GeneralizedTime */
#define SAMPLE_NOW_S 1780000000

/* Private keys count up from a first byte: hub 0x00, root 0x40, another hub 0x80. */
#define SAMPLE_HUB 0x00
#define SAMPLE_ROOT 0x40
#define SAMPLE_OTHER 0x80

__attribute__((unused)) static void sample_seed(uint8_t first, uint8_t ret[ED25519_SEED_LEN])
{
	for (size_t i = 0; i < ED25519_SEED_LEN; i++)
		ret[i] = (uint8_t)(first + i);
}

__attribute__((unused)) static void sample_pubkey(uint8_t first, uint8_t ret[ED25519_PUBKEY_LEN])
{
	uint8_t seed[ED25519_SEED_LEN];

	sample_seed(first, seed);
	assert_int_equal(ed25519_public_key(seed, ret), 0);
}

__attribute__((unused)) static size_t sample_root(const char *mesh, uint8_t key, uint8_t *der)
{
	struct issue_root root = {
		.mesh = mesh,
		.not_before_s = SAMPLE_NOT_BEFORE_S,
		.not_after_s = SAMPLE_ROOT_AFTER_S,
	};
	int n;

	sample_seed(key, root.seed);
	memset(root.serial, 0x11, sizeof(root.serial));
	n = issue_root(&root, der, CERT_MAX);
	assert_true(n > 0);
	return (size_t)n;
}

/* What a root is asked to sign for a hub; its bytes are borrowed. */
__attribute__((unused)) static struct issue_hub sample_request(const uint8_t *root_der,
							       size_t root_len, uint8_t root_key,
							       uint8_t hub_key, uint8_t serial)
{
	struct issue_hub hub = {
		.root_der = root_der,
		.root_der_len = root_len,
		.name = "hub-a",
		.not_before_s = SAMPLE_NOT_BEFORE_S,
		.not_after_s = SAMPLE_NOT_AFTER_S,
	};

	sample_seed(root_key, hub.root_seed);
	sample_pubkey(hub_key, hub.pubkey);
	memset(hub.serial, serial, sizeof(hub.serial));
	return hub;
}

__attribute__((unused)) static size_t sample_issue(const struct issue_hub *hub, uint8_t *der)
{
	int n = issue_hub(hub, der, CERT_MAX);

	assert_true(n > 0);
	return (size_t)n;
}

__attribute__((unused)) static size_t sample_cert(const char *mesh, uint8_t root_key,
						  uint8_t hub_key, uint8_t *der)
{
	uint8_t root_der[CERT_MAX];
	size_t root_len = sample_root(mesh, root_key, root_der);
	struct issue_hub hub = sample_request(root_der, root_len, root_key, hub_key, 0x22);

	return sample_issue(&hub, der);
}

static inline bool sample_is_update(void)
{
	return getenv("HUBMESH_UPDATE") != NULL;
}

/* A file of the source tree, found upwards of the working directory or of the program. */
static FILE *sample_open(const char *path, const char *mode)
{
	char exe[2048], at[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	FILE *f = fopen(path, mode);

	exe[n > 0 ? n : 0] = '\0';
	while (!f && strrchr(exe, '/')) {
		*strrchr(exe, '/') = '\0';
		snprintf(at, sizeof(at), "%s/%s", exe, path);
		f = fopen(at, mode);
	}
	if (!f)
		fail_msg("cannot open %s", path);
	return f;
}

static void sample_print_hex(const char *name, const uint8_t *bytes, size_t len)
{
	printf("   vector %s", name);
	for (size_t i = 0; i < len; i++)
		printf("%s%02x", i % 32 == 0 ? "\n   " : "", bytes[i]);
	printf("\n\n");
}

/** sample_check_vector() - The document holds exactly these bytes. */
__attribute__((unused)) static void sample_check_vector(const char *document, const char *name,
							const uint8_t *bytes, size_t len)
{
	char wanted[64], line[256];
	bool is_inside = false, is_found = false;
	size_t n = 0;
	FILE *f;

	if (sample_is_update()) {
		sample_print_hex(name, bytes, len);
		return;
	}
	f = sample_open(document, "r");
	snprintf(wanted, sizeof(wanted), "vector %s\n", name);
	while (fgets(line, sizeof(line), f)) {
		char *p = line + strspn(line, " ");
		unsigned int byte;

		if (!is_inside) {
			is_inside = strcmp(p, wanted) == 0;
			is_found |= is_inside;
			continue;
		}
		if (*p == '\n')
			break;
		for (; sscanf(p, "%2x", &byte) == 1; p += 2, n++) {
			assert_true(n < len);
			assert_int_equal(byte, bytes[n]);
		}
	}
	fclose(f);
	assert_true(is_found);
	assert_int_equal(n, len);
}

/** sample_check_seed() - The corpus file holds exactly these bytes. */
__attribute__((unused)) static void sample_check_seed(const char *path, const uint8_t *bytes,
						      size_t len)
{
	uint8_t stored[SAMPLE_MAX];
	FILE *f = sample_open(path, sample_is_update() ? "wb" : "rb");

	if (sample_is_update()) {
		assert_int_equal(fwrite(bytes, 1, len, f), len);
	} else {
		assert_int_equal(fread(stored, 1, sizeof(stored), f), len);
		assert_memory_equal(stored, bytes, len);
	}
	fclose(f);
}

#endif
