/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: cert_oid: object identifiers of the profile, as DER contents
 *
 * Used by the reader (cert.c) and the writer (cert_write.c).
 */
#ifndef TRUST_CERT_OID_H
#define TRUST_CERT_OID_H

#include <stdint.h>

static const uint8_t oid_ed25519[] = {0x2b, 0x65, 0x70}; /* 1.3.101.112 */
static const uint8_t oid_common_name[] = {0x55, 0x04, 0x03}; /* 2.5.4.3 */
static const uint8_t oid_ce[] = {0x55, 0x1d}; /* 2.5.29, id-ce */
static const uint8_t oid_server_auth[] = {0x2b, 0x06, 0x01, 0x05, /* 1.3.6.1.5.5.7.3.1 */
					  0x05, 0x07, 0x03, 0x01};
static const uint8_t oid_client_auth[] = {0x2b, 0x06, 0x01, 0x05, /* 1.3.6.1.5.5.7.3.2 */
					  0x05, 0x07, 0x03, 0x02};

/* 2.25.287223002627934011027967240707869722631, a UUID of our own (X.667): zones of a hub */
static const uint8_t oid_zones[] = {0x69, 0x83, 0xb0, 0x95, 0x91, 0xd7, 0xb4, 0xf6, 0xb2, 0xd4,
				    0xeb, 0xb3, 0x89, 0xd3, 0xab, 0xfe, 0xda, 0xad, 0x90, 0x07};

/* 2.25.240545602126463891863410207528789788205, likewise: hubs a list of revocations names */
static const uint8_t oid_revoked_hubs[] = {0x69, 0x82, 0xe9, 0xf7, 0xb2, 0xf5, 0xe1,
					   0xbf, 0x8a, 0x9d, 0x99, 0x90, 0xa6, 0x8e,
					   0x98, 0xef, 0xad, 0xc3, 0x8c, 0x2d};

/* Last octet of an extension's OID, after oid_ce. */
enum cert_extension_oid {
	CE_SUBJECT_KEY_ID = 14,
	CE_KEY_USAGE = 15,
	CE_ALT_NAME = 17,
	CE_BASIC_CONSTRAINTS = 19,
	CE_CRL_NUMBER = 20,
	CE_REASON = 21, /* of an entry of a list */
	CE_AUTHORITY_KEY_ID = 35,
	CE_EXTENDED_USAGE = 37,
};

#endif
