/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: cert: the X.509 profile of a mesh
 *
 * Version 3 certificates (RFC 5280) with Ed25519 keys and signatures (RFC
 * 8410): self-signed roots and the hub certificates they sign, nothing in
 * between.  cert_parse() reads that profile and refuses the rest; cert_write()
 * makes it.  Whom to believe is trust.c's matter.
 */
#ifndef TRUST_CERT_H
#define TRUST_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/ed25519.h"

#define CERT_MAX 4096 /* bytes of DER we look at */
#define CERT_EXTENSIONS_MAX 32
#define CERT_ALT_NAMES_MAX 32
#define CERT_SERIAL_LEN 16
#define CERT_SERIAL_MAX 20 /* octets we read, RFC 5280 section 4.1.2.2 */
#define CERT_COMMON_NAME_MAX 64 /* ub-common-name of RFC 5280, bytes here */

/* Key usage bits as they lie in the first octet of the BIT STRING. */
#define CERT_USAGE_DIGITAL_SIGNATURE 0x80
#define CERT_USAGE_CERT_SIGN 0x04
#define CERT_USAGE_CRL_SIGN 0x02

/**
 * struct cert_span - borrowed bytes of the certificate
 * @bytes: first of them
 * @len: how many
 */
struct cert_span {
	const uint8_t *bytes;
	size_t len;
};

/**
 * struct cert - a parsed certificate; spans borrow from the DER
 * @signed_part: TBSCertificate, what the signature covers
 * @signature: ED25519_SIGNATURE_LEN bytes
 * @serial: contents of the INTEGER
 * @issuer: DER Name
 * @subject: DER Name
 * @common_name: contents of the first commonName of the subject, empty if none
 * @pubkey: raw Ed25519 key
 * @not_before_s: Unix time
 * @not_after_s: Unix time
 * @is_ca: basicConstraints say so
 * @key_usage: CERT_USAGE_* bits, 0 without the extension
 * @has_extended_usage: extendedKeyUsage is there
 * @is_for_client: it has clientAuth
 * @is_for_server: it has serverAuth
 * @n_uris: URI names in subjectAltName
 * @uri: the first of them
 * @zones: a zone list (daemon/lib/zone_name.h), empty without the extension
 */
struct cert {
	struct cert_span signed_part, serial, issuer, subject, common_name, uri, zones;
	const uint8_t *signature;
	uint8_t pubkey[ED25519_PUBKEY_LEN];
	int64_t not_before_s, not_after_s;
	bool is_ca, has_extended_usage, is_for_client, is_for_server;
	uint8_t key_usage;
	size_t n_uris;
};

/**
 * cert_parse() - Read one DER certificate.
 * @der: untrusted bytes, borrowed for as long as @ret is used
 * @len: exactly the certificate
 * @ret: filled on success, untouched on failure
 *
 * Context: Pure; no cryptography, nothing allocated.
 * Return: 0; -ENOPKG a key or signature that is not Ed25519; -EBADMSG not DER, not
 * version 3, a critical extension we do not know, a known one twice, or a zone list that is
 * none.
 */
int cert_parse(const uint8_t *der, size_t len, struct cert *ret);

/** cert_check_signature() - Did the owner of @pubkey sign it? Return: 0; -EKEYREJECTED. */
int cert_check_signature(const struct cert *cert, const uint8_t pubkey[ED25519_PUBKEY_LEN]);

/**
 * struct cert_content - what cert_write() puts into a certificate
 * @serial: random; made positive by cert_write()
 * @common_name: of the subject, UTF-8
 * @uri: the one URI name, ASCII
 * @pubkey: subject's key
 * @issuer: DER Name; an empty span for a self-signed certificate
 * @issuer_pubkey: issuer's key
 * @not_before_s: Unix time
 * @not_after_s: Unix time, before the year 10000
 * @is_ca: a root (keyCertSign, cRLSign) or a hub (digitalSignature, clientAuth, serverAuth)
 * @zones: valid zone list of a hub; NULL or "" leaves the extension out
 */
struct cert_content {
	uint8_t serial[CERT_SERIAL_LEN];
	const char *common_name, *uri, *zones;
	uint8_t pubkey[ED25519_PUBKEY_LEN];
	struct cert_span issuer;
	uint8_t issuer_pubkey[ED25519_PUBKEY_LEN];
	int64_t not_before_s, not_after_s;
	bool is_ca;
};

/**
 * cert_write() - Make and sign a certificate.
 * @content: what it says
 * @issuer_seed: private key of @content->issuer_pubkey
 * @buf: receives DER
 * @size: bytes available in @buf
 *
 * Context: Pure; deterministic.
 * Return: bytes written; -EMSGSIZE; -ERANGE a date cannot be written; -EIO
 * signing failed (the issuer's keys do not belong together).
 */
int cert_write(const struct cert_content *content, const uint8_t issuer_seed[ED25519_SEED_LEN],
	       uint8_t *buf, size_t size);

#endif
