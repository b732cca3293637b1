// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: cert: reading a certificate of the profile
 *
 * Why not a general X.509 library: rooms have no clock, and wolfSSL's
 * certificate manager checks dates against its own; and a strict reader of
 * one profile refuses what the profile does not have.  The order of members
 * is that of RFC 5280 section 4.1.
 */
#include "daemon/trust/cert.h"

#include <errno.h>
#include <string.h>

#include "daemon/lib/zone_name.h"
#include "daemon/trust/cert_oid.h"
#include "daemon/trust/cert_parts.h"
#include "daemon/trust/cert_time.h"

#define VERSION_3 2

/* Known extensions, as bits of "seen". */
enum extension {
	EXTENSION_BASIC_CONSTRAINTS = 1,
	EXTENSION_KEY_USAGE = 2,
	EXTENSION_ALT_NAME = 4,
	EXTENSION_EXTENDED_USAGE = 8,
	EXTENSION_SUBJECT_KEY_ID = 16, /* key ids are not used: */
	EXTENSION_AUTHORITY_KEY_ID = 32, /* the signature decides */
	EXTENSION_ZONES = 64,
};

static void read_version(struct der_reader *tbs)
{
	struct der_reader tagged = der_enter(tbs, DER_CONTEXT_CONSTRUCTED(0));
	struct der_value version = der_read(&tagged, DER_INTEGER);

	cert_fail_unless(tbs, der_reader_end(&tagged) == 0 && version.len == 1 &&
				      version.bytes[0] == VERSION_3);
}

static void read_validity(struct der_reader *tbs, struct cert *cert)
{
	struct der_reader validity = der_enter(tbs, DER_SEQUENCE);

	cert->not_before_s = cert_time_read(&validity);
	cert->not_after_s = cert_time_read(&validity);
	cert_fail_unless(tbs, der_reader_end(&validity) == 0);
}

/* Name is SEQUENCE OF SET OF SEQUENCE { type OID, value }. */
static void read_subject(struct der_reader *tbs, struct cert *cert)
{
	struct der_value name = der_read(tbs, DER_SEQUENCE);
	struct der_reader rdns = der_reader_init(name.bytes, name.len);

	cert->subject = cert_whole(&name);
	while (!der_at_end(&rdns)) {
		struct der_reader rdn = der_enter(&rdns, DER_SET);

		while (!der_at_end(&rdn)) {
			struct der_reader attribute = der_enter(&rdn, DER_SEQUENCE);
			struct der_value type = der_read(&attribute, DER_OID);
			struct der_value value = der_next(&attribute);

			cert_fail_unless(&rdn, der_reader_end(&attribute) == 0);
			if (!cert->common_name.bytes &&
			    der_value_is(&type, oid_common_name, sizeof(oid_common_name)))
				cert->common_name = cert_contents(&value);
		}
		cert_fail_unless(&rdns, !rdn.failed);
	}
	cert_fail_unless(tbs, !rdns.failed);
}

/* Return: false it is not for Ed25519. */
static bool read_public_key(struct der_reader *tbs, struct cert *cert)
{
	struct der_reader info = der_enter(tbs, DER_SEQUENCE);
	bool is_ed25519 = cert_read_algorithm(&info);
	struct cert_span key;

	key = cert_read_bits(&info, ED25519_PUBKEY_LEN);
	if (der_reader_end(&info) == 0)
		memcpy(cert->pubkey, key.bytes, ED25519_PUBKEY_LEN);
	else
		tbs->failed = true;
	return is_ed25519;
}

static void read_basic_constraints(struct der_reader *r, struct cert *cert)
{
	struct der_reader constraints = der_enter(r, DER_SEQUENCE);

	if (der_is_next(&constraints, DER_BOOLEAN)) {
		struct der_value is_ca = der_read(&constraints, DER_BOOLEAN);

		/* FALSE is the default, which DER leaves out. */
		cert_fail_unless(&constraints, is_ca.len == 1 && is_ca.bytes[0] == 0xff);
		cert->is_ca = true;
	}
	if (der_is_next(&constraints, DER_INTEGER))
		der_next(&constraints); /* path length: there are no intermediates */
	cert_fail_unless(r, der_reader_end(&constraints) == 0);
}

static void read_key_usage(struct der_reader *r, struct cert *cert)
{
	struct der_value bits = der_read(r, DER_BIT_STRING);

	cert_fail_unless(r, bits.len >= 2 && bits.len <= 3 && bits.bytes[0] < 8);
	if (!r->failed)
		cert->key_usage = bits.bytes[1];
}

static void read_alt_names(struct der_reader *r, struct cert *cert)
{
	struct der_reader names = der_enter(r, DER_SEQUENCE);

	for (size_t n = 0; !der_at_end(&names); n++) {
		struct der_value name = der_next(&names);

		cert_fail_unless(&names, n < CERT_ALT_NAMES_MAX);
		if (name.tag != DER_CONTEXT(6)) /* uniformResourceIdentifier */
			continue;
		if (cert->n_uris++ == 0)
			cert->uri = cert_contents(&name);
	}
	cert_fail_unless(r, !names.failed);
}

static void read_extended_usage(struct der_reader *r, struct cert *cert)
{
	struct der_reader usages = der_enter(r, DER_SEQUENCE);

	cert->has_extended_usage = true;
	while (!der_at_end(&usages)) {
		struct der_value oid = der_read(&usages, DER_OID);

		if (der_value_is(&oid, oid_client_auth, sizeof(oid_client_auth)))
			cert->is_for_client = true;
		if (der_value_is(&oid, oid_server_auth, sizeof(oid_server_auth)))
			cert->is_for_server = true;
	}
	cert_fail_unless(r, !usages.failed);
}

static void read_zones(struct der_reader *r, struct cert *cert)
{
	struct der_value list = der_read(r, DER_UTF8_STRING);

	cert_fail_unless(r, zone_list_is_valid((const char *)list.bytes, list.len));
	cert->zones = cert_contents(&list);
}

static void skip_contents(struct der_reader *r, struct cert *cert)
{
	r->next = r->end;
}

/**
 * struct extension_kind - an extension we know
 * @oid: its last octet; the others are those of id-ce; 0 for one that is not among them
 * @bit: enum extension
 * @read: reads all of the contents
 */
struct extension_kind {
	uint8_t oid;
	enum extension bit;
	void (*read)(struct der_reader *r, struct cert *cert);
};

static const struct extension_kind *find_extension(const struct cert_extension *extension)
{
	static const struct extension_kind kinds[] = {
		{CE_BASIC_CONSTRAINTS, EXTENSION_BASIC_CONSTRAINTS, read_basic_constraints},
		{CE_KEY_USAGE, EXTENSION_KEY_USAGE, read_key_usage},
		{CE_ALT_NAME, EXTENSION_ALT_NAME, read_alt_names},
		{CE_EXTENDED_USAGE, EXTENSION_EXTENDED_USAGE, read_extended_usage},
		{CE_SUBJECT_KEY_ID, EXTENSION_SUBJECT_KEY_ID, skip_contents},
		{CE_AUTHORITY_KEY_ID, EXTENSION_AUTHORITY_KEY_ID, skip_contents},
	};
	static const struct extension_kind zones = {0, EXTENSION_ZONES, read_zones};
	int number = cert_extension_number(extension);

	if (der_value_is(&extension->oid, oid_zones, sizeof(oid_zones)))
		return &zones;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].oid == number)
			return &kinds[i];
	return NULL;
}

static void read_extension(struct der_reader *list, struct cert *cert, unsigned int *seen)
{
	struct cert_extension extension = cert_read_extension(list);
	const struct extension_kind *kind = find_extension(&extension);

	if (list->failed || (!kind && extension.is_critical)) {
		list->failed = true;
		return;
	}
	if (!kind)
		return;
	cert_fail_unless(list, !(*seen & kind->bit));
	*seen |= kind->bit;
	kind->read(&extension.inner, cert);
	cert_fail_unless(list, der_reader_end(&extension.inner) == 0);
}

static void read_extensions(struct der_reader *tbs, struct cert *cert)
{
	struct der_reader tagged = der_enter(tbs, DER_CONTEXT_CONSTRUCTED(3));
	struct der_reader list = der_enter(&tagged, DER_SEQUENCE);
	unsigned int seen = 0;

	cert_fail_unless(tbs, der_reader_end(&tagged) == 0);
	for (size_t n = 0; !der_at_end(&list); n++) {
		cert_fail_unless(&list, n < CERT_EXTENSIONS_MAX);
		read_extension(&list, cert, &seen);
	}
	cert_fail_unless(tbs, !list.failed);
}

/* Return: false its key, or its signature, is not of Ed25519. */
static bool read_signed_part(struct der_reader *r, struct cert *cert)
{
	struct der_value part = der_read(r, DER_SEQUENCE), issuer;
	struct der_reader tbs = der_reader_init(part.bytes, part.len);
	bool is_ed25519;

	cert->signed_part = cert_whole(&part);
	read_version(&tbs);
	cert->serial = cert_read_serial(&tbs);
	is_ed25519 = cert_read_algorithm(&tbs);
	issuer = der_read(&tbs, DER_SEQUENCE);
	cert->issuer = cert_whole(&issuer);
	read_validity(&tbs, cert);
	read_subject(&tbs, cert);
	is_ed25519 &= read_public_key(&tbs, cert);
	read_extensions(&tbs, cert);
	cert_fail_unless(r, der_reader_end(&tbs) == 0);
	return is_ed25519;
}

int cert_parse(const uint8_t *der, size_t len, struct cert *ret)
{
	struct der_reader file = der_reader_init(der, len), certificate;
	struct cert cert = {0};
	bool is_ed25519;

	if (len > CERT_MAX)
		return -EBADMSG;
	certificate = der_enter(&file, DER_SEQUENCE);
	is_ed25519 = read_signed_part(&certificate, &cert);
	is_ed25519 &= cert_read_algorithm(&certificate);
	cert.signature = cert_read_bits(&certificate, ED25519_SIGNATURE_LEN).bytes;
	if (!is_ed25519)
		return -ENOPKG;
	if (der_reader_end(&certificate) < 0 || der_reader_end(&file) < 0)
		return -EBADMSG;
	*ret = cert;
	return 0;
}

int cert_check_signature(const struct cert *cert, const uint8_t pubkey[ED25519_PUBKEY_LEN])
{
	return ed25519_verify(pubkey, NULL, cert->signed_part.bytes, cert->signed_part.len,
			      cert->signature);
}
