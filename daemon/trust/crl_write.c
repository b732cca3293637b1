// SPDX-License-Identifier: GPL-2.0
/* DOC: crl_write: making a list of the profile; see crl.h */
#include <errno.h>
#include <string.h>

#include "daemon/trust/cert_oid.h"
#include "daemon/trust/cert_parts.h"
#include "daemon/trust/cert_time.h"
#include "daemon/trust/crl.h"

static void write_reason(struct der_writer *w, uint8_t reason)
{
	der_write(w, DER_ENUMERATED, &reason, 1);
}

static void write_certificate(struct der_writer *w, const struct crl_entry *entry)
{
	size_t one = der_begin(w, DER_SEQUENCE);

	der_write(w, DER_INTEGER, entry->serial.bytes, entry->serial.len);
	cert_time_write(w, entry->revoked_s);
	if (entry->reason) { /* "unspecified" is said by saying nothing, RFC 5280 section 5.3.1 */
		size_t list = der_begin(w, DER_SEQUENCE);
		struct cert_open_extension open = cert_begin_extension(w, CE_REASON, false);

		write_reason(w, entry->reason);
		cert_end_extension(w, open);
		der_end(w, list);
	}
	der_end(w, one);
}

static void write_hub(struct der_writer *w, const struct crl_entry *entry)
{
	size_t one = der_begin(w, DER_SEQUENCE);

	der_write(w, DER_OCTET_STRING, entry->hub.b, HUB_ID_LEN);
	cert_time_write(w, entry->revoked_s);
	write_reason(w, entry->reason);
	der_end(w, one);
}

/* Those of a kind, as one SEQUENCE. */
static void write_entries(struct der_writer *w, const struct crl_content *content, bool are_hubs)
{
	size_t list = der_begin(w, DER_SEQUENCE);

	for (size_t i = 0; i < content->n_entries; i++) {
		if (content->entries[i].is_hub != are_hubs)
			continue;
		if (are_hubs)
			write_hub(w, &content->entries[i]);
		else
			write_certificate(w, &content->entries[i]);
	}
	der_end(w, list);
}

static bool has_any(const struct crl_content *content, bool are_hubs)
{
	for (size_t i = 0; i < content->n_entries; i++)
		if (content->entries[i].is_hub == are_hubs)
			return true;
	return false;
}

static void write_number(struct der_writer *w, uint64_t number)
{
	struct cert_open_extension open = cert_begin_extension(w, CE_CRL_NUMBER, false);
	uint8_t bytes[9] = {0}; /* a zero octet keeps the highest bit from being a sign */
	size_t from = 0;

	for (size_t i = 0; i < 8; i++)
		bytes[1 + i] = (uint8_t)(number >> (56 - 8 * i));
	while (from < 8 && bytes[from] == 0 && bytes[from + 1] < 0x80)
		from++;
	der_write(w, DER_INTEGER, bytes + from, sizeof(bytes) - from);
	cert_end_extension(w, open);
}

static void write_extensions(struct der_writer *w, const struct crl_content *content)
{
	size_t tagged = der_begin(w, DER_CONTEXT_CONSTRUCTED(0));
	size_t list = der_begin(w, DER_SEQUENCE);

	cert_write_authority_key_id(w, content->issuer_pubkey);
	write_number(w, content->number);
	if (has_any(content, true)) {
		struct cert_open_extension open =
			cert_begin_own_extension(w, oid_revoked_hubs, sizeof(oid_revoked_hubs));

		write_entries(w, content, true);
		cert_end_extension(w, open);
	}
	der_end(w, list);
	der_end(w, tagged);
}

static void write_signed_part(struct der_writer *w, const struct crl_content *content)
{
	size_t tbs = der_begin(w, DER_SEQUENCE);

	der_write(w, DER_INTEGER, "\x01", 1); /* version 2 */
	cert_write_algorithm(w);
	der_write_raw(w, content->issuer.bytes, content->issuer.len);
	cert_time_write(w, content->this_update_s);
	cert_time_write(w, content->next_update_s);
	if (has_any(content, false)) /* absent when empty, RFC 5280 section 5.1.2.6 */
		write_entries(w, content, false);
	write_extensions(w, content);
	der_end(w, tbs);
}

static bool is_writable(int64_t unix_s)
{
	uint8_t scratch[32];
	struct der_writer w = der_writer_init(scratch, sizeof(scratch));

	cert_time_write(&w, unix_s);
	return !w.failed;
}

static bool dates_are_writable(const struct crl_content *content)
{
	bool all = is_writable(content->this_update_s) && is_writable(content->next_update_s);

	for (size_t i = 0; i < content->n_entries; i++)
		all &= is_writable(content->entries[i].revoked_s);
	return all;
}

int crl_write(const struct crl_content *content, const uint8_t issuer_seed[ED25519_SEED_LEN],
	      uint8_t *buf, size_t size)
{
	struct der_writer w = der_writer_init(buf, size < CRL_MAX ? size : CRL_MAX);
	size_t list, begin;

	if (!dates_are_writable(content))
		return -ERANGE;
	if (content->n_entries > CRL_ENTRIES_MAX || content->number > INT64_MAX)
		return -EMSGSIZE;
	list = der_begin(&w, DER_SEQUENCE);
	begin = w.used;
	write_signed_part(&w, content);
	return cert_write_signature(&w, list, begin, issuer_seed, content->issuer_pubkey);
}
