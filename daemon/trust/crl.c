// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: crl: reading a list of the profile
 *
 * Every entry is read once when the list is parsed; walks read them again and
 * cannot fail then.  The order of members is that of RFC 5280 section 5.1.
 * Own reader for the reasons cert.c gives, and because a TLS library's store
 * of lists drops what it takes for expired: a revocation would end with
 * nextUpdate.
 */
#include "daemon/trust/crl.h"

#include <errno.h>
#include <string.h>

#include "daemon/trust/cert_oid.h"
#include "daemon/trust/cert_parts.h"
#include "daemon/trust/cert_time.h"

#define VERSION_2 1
#define NUMBER_MAX 8 /* octets: 63 bits and the sign */

/* Known extensions of a list, as bits of "seen". */
enum extension {
	EXTENSION_NUMBER = 1,
	EXTENSION_AUTHORITY_KEY_ID = 2, /* not used: the signature decides */
	EXTENSION_HUBS = 4,
};

static const struct {
	uint8_t reason;
	const char *name;
} reasons[] = {
	{CRL_REASON_UNSPECIFIED, "unspecified"},
	{CRL_REASON_KEY_COMPROMISE, "key-compromise"},
	{CRL_REASON_AFFILIATION_CHANGED, "affiliation-changed"},
	{CRL_REASON_SUPERSEDED, "superseded"},
	{CRL_REASON_CESSATION, "cessation"},
	{CRL_REASON_PRIVILEGE_WITHDRAWN, "privilege-withdrawn"},
};

#define N_REASONS (sizeof(reasons) / sizeof(reasons[0]))

const char *crl_reason_name(unsigned int reason)
{
	for (size_t i = 0; i < N_REASONS; i++)
		if (reasons[i].reason == reason)
			return reasons[i].name;
	return reasons[0].name;
}

int crl_reason_parse(const char *name)
{
	for (size_t i = 0; i < N_REASONS; i++)
		if (strcmp(reasons[i].name, name) == 0)
			return reasons[i].reason;
	return -EINVAL;
}

/* Hold and removal (6, 8) would make a revocation pass; we have none that do. */
static uint8_t read_reason(struct der_reader *r)
{
	struct der_value value = der_read(r, DER_ENUMERATED);
	bool is_final = value.len == 1 && value.bytes[0] <= 10 && value.bytes[0] != 6 &&
			value.bytes[0] != 7 && value.bytes[0] != 8;

	cert_fail_unless(r, is_final);
	return is_final ? value.bytes[0] : 0;
}

static void read_entry_extensions(struct der_reader *r, struct crl_entry *entry)
{
	struct der_reader list = der_enter(r, DER_SEQUENCE);
	bool has_reason = false;

	while (!der_at_end(&list)) {
		struct cert_extension extension = cert_read_extension(&list);

		cert_fail_unless(&list, !extension.is_critical); /* as certificateIssuer is */
		if (cert_extension_number(&extension) != CE_REASON)
			continue;
		cert_fail_unless(&list, !has_reason);
		has_reason = true;
		entry->reason = read_reason(&extension.inner);
		cert_fail_unless(&list, der_reader_end(&extension.inner) == 0);
	}
	cert_fail_unless(r, !list.failed);
}

static struct crl_entry read_certificate(struct der_reader *list)
{
	struct der_reader r = der_enter(list, DER_SEQUENCE);
	struct crl_entry entry = {.serial = cert_read_serial(&r)};

	entry.revoked_s = cert_time_read(&r);
	if (!der_at_end(&r))
		read_entry_extensions(&r, &entry);
	cert_fail_unless(list, der_reader_end(&r) == 0);
	return entry;
}

static struct crl_entry read_hub(struct der_reader *list)
{
	struct der_reader r = der_enter(list, DER_SEQUENCE);
	struct der_value id = der_read(&r, DER_OCTET_STRING);
	struct crl_entry entry = {.is_hub = true};

	if (id.len == HUB_ID_LEN)
		memcpy(entry.hub.b, id.bytes, HUB_ID_LEN);
	entry.revoked_s = cert_time_read(&r);
	entry.reason = read_reason(&r);
	cert_fail_unless(list, der_reader_end(&r) == 0 && hub_id_is_valid(&entry.hub));
	return entry;
}

/* Reads all of them once. Return: the elements. */
static struct cert_span check_entries(struct der_reader *r, struct crl *crl,
				      struct crl_entry (*read)(struct der_reader *list))
{
	struct der_value value = der_read(r, DER_SEQUENCE);
	struct der_reader list = der_reader_init(value.bytes, value.len);
	struct hub_id before = {0};

	while (!der_at_end(&list)) {
		struct crl_entry entry = read(&list);

		cert_fail_unless(&list, ++crl->n_entries <= CRL_ENTRIES_MAX);
		if (entry.is_hub) /* rising: each once */
			cert_fail_unless(&list, hub_id_cmp(&before, &entry.hub) < 0);
		before = entry.hub;
	}
	cert_fail_unless(r, !list.failed);
	return cert_contents(&value);
}

static uint64_t read_number(struct der_reader *r)
{
	struct der_value value = der_read(r, DER_INTEGER);
	uint64_t number = 0;

	cert_fail_unless(r, value.len >= 1 && value.len <= NUMBER_MAX && value.bytes[0] < 0x80);
	/* Shortest form, or one list could have two spellings. */
	cert_fail_unless(r,
			 value.len == 1 || r->failed || value.bytes[0] || value.bytes[1] >= 0x80);
	for (size_t i = 0; !r->failed && i < value.len; i++)
		number = number << 8 | value.bytes[i];
	return number;
}

static void read_extension(struct der_reader *list, struct crl *crl, unsigned int *seen)
{
	struct cert_extension extension = cert_read_extension(list);
	int number = cert_extension_number(&extension);
	unsigned int bit = 0;

	if (number == CE_CRL_NUMBER) {
		bit = EXTENSION_NUMBER;
		crl->number = read_number(&extension.inner);
		cert_fail_unless(list, der_reader_end(&extension.inner) == 0);
	} else if (der_value_is(&extension.oid, oid_revoked_hubs, sizeof(oid_revoked_hubs))) {
		bit = EXTENSION_HUBS;
		crl->hubs = check_entries(&extension.inner, crl, read_hub);
		cert_fail_unless(list, der_reader_end(&extension.inner) == 0);
	} else if (number == CE_AUTHORITY_KEY_ID) {
		bit = EXTENSION_AUTHORITY_KEY_ID;
	}
	/* Critical ones (delta lists, parts of a list) would change what it means. */
	cert_fail_unless(list, !extension.is_critical && !(*seen & bit));
	*seen |= bit;
}

static void read_extensions(struct der_reader *tbs, struct crl *crl)
{
	struct der_reader tagged = der_enter(tbs, DER_CONTEXT_CONSTRUCTED(0));
	struct der_reader list = der_enter(&tagged, DER_SEQUENCE);
	unsigned int seen = 0;

	cert_fail_unless(tbs, der_reader_end(&tagged) == 0);
	for (size_t n = 0; !der_at_end(&list); n++) {
		cert_fail_unless(&list, n < CERT_EXTENSIONS_MAX);
		read_extension(&list, crl, &seen);
	}
	cert_fail_unless(tbs, !list.failed && (seen & EXTENSION_NUMBER));
}

static void read_signed_part(struct der_reader *r, struct crl *crl)
{
	struct der_value part = der_read(r, DER_SEQUENCE), version, issuer;
	struct der_reader tbs = der_reader_init(part.bytes, part.len);

	crl->signed_part = cert_whole(&part);
	version = der_read(&tbs, DER_INTEGER);
	cert_fail_unless(&tbs, version.len == 1 && version.bytes[0] == VERSION_2);
	cert_read_algorithm(&tbs);
	issuer = der_read(&tbs, DER_SEQUENCE);
	crl->issuer = cert_whole(&issuer);
	crl->this_update_s = cert_time_read(&tbs);
	if (der_is_next(&tbs, DER_UTC_TIME) || der_is_next(&tbs, DER_GENERALIZED_TIME))
		cert_time_read(&tbs); /* nextUpdate: a list is in force until the next */
	if (der_is_next(&tbs, DER_SEQUENCE))
		crl->certificates = check_entries(&tbs, crl, read_certificate);
	read_extensions(&tbs, crl);
	cert_fail_unless(r, der_reader_end(&tbs) == 0);
}

int crl_parse(const uint8_t *der, size_t len, struct crl *ret)
{
	struct der_reader file = der_reader_init(der, len), list;
	struct crl crl = {0};

	if (len > CRL_MAX)
		return -EBADMSG;
	list = der_enter(&file, DER_SEQUENCE);
	read_signed_part(&list, &crl);
	cert_read_algorithm(&list);
	crl.signature = cert_read_bits(&list, ED25519_SIGNATURE_LEN).bytes;
	if (der_reader_end(&list) < 0 || der_reader_end(&file) < 0)
		return -EBADMSG;
	*ret = crl;
	return 0;
}

int crl_check_signature(const struct crl *crl, const uint8_t pubkey[ED25519_PUBKEY_LEN])
{
	return ed25519_verify(pubkey, NULL, crl->signed_part.bytes, crl->signed_part.len,
			      crl->signature);
}

struct crl_walk crl_walk(const struct crl *crl)
{
	return (struct crl_walk){crl->certificates, crl->hubs};
}

bool crl_next(struct crl_walk *walk, struct crl_entry *ret)
{
	struct cert_span *span = walk->certificates.len ? &walk->certificates : &walk->hubs;
	struct der_reader r;

	if (span->len == 0)
		return false;
	r = der_reader_init(span->bytes, span->len);
	*ret = span == &walk->certificates ? read_certificate(&r) : read_hub(&r);
	*span = (struct cert_span){r.next, (size_t)(r.end - r.next)};
	return true;
}
