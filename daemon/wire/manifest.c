// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: manifest: the body, the signature around it, and the catalogue
 *
 * Lists are in rising order, so one content has one digest.
 * Documentation/manifest.rst is the specification.
 */
#include "daemon/wire/manifest.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "daemon/lib/ed25519.h"
#include "daemon/lib/endpoint.h"
#include "daemon/lib/memory.h"
#include "daemon/wire/dcbor.h"
#include "daemon/wire/envelope.h"

#define SIGNATURE_CONTEXT "hubmesh-manifest-v1"
#define LOWER_DIGITS "abcdefghijklmnopqrstuvwxyz0123456789"
#define UNIX_PREFIX "unix:"

enum manifest_key {
	MANIFEST_KEY_HUB = 1,
	MANIFEST_KEY_FORMAT = 2,
	MANIFEST_KEY_NAME = 3,
	MANIFEST_KEY_INTERFACE = 4,
	MANIFEST_KEY_VERSION = 5,
	MANIFEST_KEY_PROTOCOL = 6,
	MANIFEST_KEY_ENDPOINTS = 7,
	MANIFEST_KEY_CAPABILITIES = 8,
	MANIFEST_KEY_CODE = 9,
	MANIFEST_KEY_CREDENTIALS = 10,
	MANIFEST_KEY_NEEDS = 11,
	MANIFEST_KEY_HAS = 12,
	MANIFEST_KEY_PRICE = 13,
	MANIFEST_KEY_ZONES = 14,
	MANIFEST_KEY_HEALTH = 15,
	MANIFEST_KEYS = 15,
	MANIFEST_KEY_ALL = 0xfffe, /* bits of the above */
	MANIFEST_KEY_BODY = DCBOR_KEY_OPTIONAL, /* absent: none */
};

enum {
	NEEDS_ELEMENTS = 2, /* cpu, memory */
	HAS_ELEMENTS = 3, /* slots, cpu, memory */
	HEALTH_ELEMENTS = 2, /* kind, interval */
};

enum catalogue_key {
	CATALOGUE_KEY_HUB = 1,
	CATALOGUE_KEY_ENTRIES = 2,
	CATALOGUE_KEY_ALL = 0x06,
	CATALOGUE_KEY_ROLLBACKS = DCBOR_KEY_OPTIONAL, /* absent: none */
};

enum {
	ENTRY_ELEMENTS = 2, /* digest, state */
	ROLLBACK_ELEMENTS = 6, /* build, why, samples */
};

_Static_assert(MANIFEST_SIGNATURE_LEN == ED25519_SIGNATURE_LEN, "one kind of signature");

static const char *const protocol_names[] = {"tcp", "udp", "http1", "http2", "grpc"};
static const char *const health_names[] = {"none", "tcp", "http", "grpc", "command"};
static const char *const body_names[] = {"none", "json", "cbor", "msgpack"};
static const char *const state_names[] = {"available", "failing", "draining"};

_Static_assert(ARRAY_SIZE(protocol_names) == __MANIFEST_PROTOCOL_END, "every one has a name");
_Static_assert(ARRAY_SIZE(health_names) == __MANIFEST_HEALTH_END, "every one has a name");
_Static_assert(ARRAY_SIZE(body_names) == __MANIFEST_BODY_END, "every one has a name");
_Static_assert(ARRAY_SIZE(state_names) == __SERVICE_STATE_END, "every one has a name");

static int find_name(const char *const *names, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], text) == 0)
			return (int)i;
	return -EINVAL;
}

const char *manifest_protocol_name(uint8_t protocol)
{
	return protocol < ARRAY_SIZE(protocol_names) ? protocol_names[protocol] : "?";
}

int manifest_protocol_parse(const char *text)
{
	return find_name(protocol_names, ARRAY_SIZE(protocol_names), text);
}

bool manifest_protocol_serves(uint8_t protocol, uint8_t wanted)
{
	if (wanted == MANIFEST_HTTP1)
		return protocol == MANIFEST_HTTP1 || protocol == MANIFEST_HTTP2 ||
		       protocol == MANIFEST_GRPC;
	if (wanted == MANIFEST_HTTP2)
		return protocol == MANIFEST_HTTP1 || protocol == MANIFEST_HTTP2;
	return protocol == wanted;
}

const char *manifest_health_name(uint8_t health)
{
	return health < ARRAY_SIZE(health_names) ? health_names[health] : "?";
}

int manifest_health_parse(const char *text)
{
	return find_name(health_names, ARRAY_SIZE(health_names), text);
}

const char *manifest_body_name(uint8_t body)
{
	return body < ARRAY_SIZE(body_names) ? body_names[body] : "?";
}

int manifest_body_parse(const char *text)
{
	return find_name(body_names, ARRAY_SIZE(body_names), text);
}

const char *service_state_name(uint8_t state)
{
	return state < ARRAY_SIZE(state_names) ? state_names[state] : "?";
}

bool manifest_name_is_valid(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= MANIFEST_NAME_MAX && strspn(text, LOWER_DIGITS "-") == len &&
	       text[0] != '-' && text[len - 1] != '-';
}

bool manifest_word_is_valid(const char *text, size_t max)
{
	size_t len = strlen(text);

	return len > 0 && len <= max && strspn(text, LOWER_DIGITS "._:/-") == len &&
	       strspn(text, LOWER_DIGITS) > 0;
}

bool manifest_endpoint_is_valid(const char *text)
{
	struct endpoint endpoint;

	if (strlen(text) > MANIFEST_ENDPOINT_MAX)
		return false;
	if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
		return text[strlen(UNIX_PREFIX)] == '/' && dcbor_is_text(text, strlen(text));
	return endpoint_parse(text, &endpoint) == 0 && endpoint.port;
}

/* Rows of @row_size bytes: each a valid word, each larger than the one before. */
static bool is_word_list(const char *rows, size_t row_size, size_t n, size_t max)
{
	if (n > max)
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *row = rows + i * row_size;

		if (!manifest_word_is_valid(row, row_size - 1) ||
		    (i > 0 && strcmp(row - row_size, row) >= 0))
			return false;
	}
	return true;
}

static bool are_endpoints_valid(const struct manifest *m)
{
	if (m->n_endpoints == 0 || m->n_endpoints > MANIFEST_ENDPOINTS_MAX)
		return false;
	for (size_t i = 0; i < m->n_endpoints; i++)
		if (!manifest_endpoint_is_valid(m->endpoints[i]))
			return false;
	return true;
}

static bool is_health_valid(const struct manifest *m)
{
	if (m->health >= __MANIFEST_HEALTH_END ||
	    m->health_interval_ms > MANIFEST_HEALTH_INTERVAL_MAX_MS)
		return false;
	return (m->health == MANIFEST_HEALTH_NONE) == (m->health_interval_ms == 0);
}

/* Only in HTTP does a body say of which format it is, and is it ours to look at. */
static bool is_body_valid(const struct manifest *m)
{
	return m->body < __MANIFEST_BODY_END &&
	       (!m->body || m->protocol == MANIFEST_HTTP1 || m->protocol == MANIFEST_HTTP2);
}

#define WORDS(list) (const char *)(list), sizeof((list)[0])

bool manifest_is_well_formed(const struct manifest *m)
{
	struct semver version;

	return hub_id_is_valid(&m->hub) && manifest_name_is_valid(m->name) &&
	       (!m->interface[0] || manifest_word_is_valid(m->interface, MANIFEST_INTERFACE_MAX)) &&
	       semver_parse(m->version_text, &version) == 0 &&
	       m->protocol < __MANIFEST_PROTOCOL_END && are_endpoints_valid(m) &&
	       is_word_list(WORDS(m->capabilities), m->n_capabilities, MANIFEST_CAPABILITIES_MAX) &&
	       is_word_list(WORDS(m->credentials), m->n_credentials, MANIFEST_CREDENTIALS_MAX) &&
	       is_word_list(WORDS(m->zones), m->n_zones, MANIFEST_ZONES_MAX) && m->slots > 0 &&
	       m->slots <= MANIFEST_SLOTS_MAX && is_health_valid(m) && is_body_valid(m);
}

static void write_texts(struct dcbor_writer *w, const char *rows, size_t row_size, size_t n)
{
	dcbor_write_array(w, n);
	for (size_t i = 0; i < n; i++)
		dcbor_write_text(w, rows + i * row_size);
}

static int encode_body(const struct manifest *m, uint8_t *buf, size_t size)
{
	struct dcbor_writer w = dcbor_writer_init(buf, size);

	dcbor_write_map(&w, MANIFEST_KEYS + (m->body != MANIFEST_BODY_NONE));
	dcbor_write_uint(&w, MANIFEST_KEY_HUB);
	dcbor_write_bytes(&w, m->hub.b, HUB_ID_LEN);
	dcbor_write_uint(&w, MANIFEST_KEY_FORMAT);
	dcbor_write_uint(&w, MANIFEST_FORMAT);
	dcbor_write_uint(&w, MANIFEST_KEY_NAME);
	dcbor_write_text(&w, m->name);
	dcbor_write_uint(&w, MANIFEST_KEY_INTERFACE);
	dcbor_write_text(&w, m->interface);
	dcbor_write_uint(&w, MANIFEST_KEY_VERSION);
	dcbor_write_text(&w, m->version_text);
	dcbor_write_uint(&w, MANIFEST_KEY_PROTOCOL);
	dcbor_write_uint(&w, m->protocol);
	dcbor_write_uint(&w, MANIFEST_KEY_ENDPOINTS);
	write_texts(&w, WORDS(m->endpoints), m->n_endpoints);
	dcbor_write_uint(&w, MANIFEST_KEY_CAPABILITIES);
	write_texts(&w, WORDS(m->capabilities), m->n_capabilities);
	dcbor_write_uint(&w, MANIFEST_KEY_CODE);
	dcbor_write_bytes(&w, m->code, m->has_code ? SHA256_LEN : 0);
	dcbor_write_uint(&w, MANIFEST_KEY_CREDENTIALS);
	write_texts(&w, WORDS(m->credentials), m->n_credentials);
	dcbor_write_uint(&w, MANIFEST_KEY_NEEDS);
	dcbor_write_array(&w, NEEDS_ELEMENTS);
	dcbor_write_uint(&w, m->needs_cpu_milli);
	dcbor_write_uint(&w, m->needs_memory_mib);
	dcbor_write_uint(&w, MANIFEST_KEY_HAS);
	dcbor_write_array(&w, HAS_ELEMENTS);
	dcbor_write_uint(&w, m->slots);
	dcbor_write_uint(&w, m->cpu_milli);
	dcbor_write_uint(&w, m->memory_mib);
	dcbor_write_uint(&w, MANIFEST_KEY_PRICE);
	dcbor_write_uint(&w, m->price_micro);
	dcbor_write_uint(&w, MANIFEST_KEY_ZONES);
	write_texts(&w, WORDS(m->zones), m->n_zones);
	dcbor_write_uint(&w, MANIFEST_KEY_HEALTH);
	dcbor_write_array(&w, HEALTH_ELEMENTS);
	dcbor_write_uint(&w, m->health);
	dcbor_write_uint(&w, m->health_interval_ms);
	if (m->body != MANIFEST_BODY_NONE) {
		dcbor_write_uint(&w, MANIFEST_KEY_BODY);
		dcbor_write_uint(&w, m->body);
	}
	return dcbor_writer_end(&w);
}

int manifest_encode(const struct manifest *manifest, const uint8_t private_key[32],
		    const uint8_t pubkey[HUB_PUBKEY_LEN], uint8_t *buf, size_t size)
{
	uint8_t body[MANIFEST_MAX];
	int body_len;

	assert(manifest_is_well_formed(manifest));
	body_len = encode_body(manifest, body, sizeof(body));
	if (body_len < 0)
		return body_len;
	return envelope_seal(SIGNATURE_CONTEXT, body, (size_t)body_len, private_key, pubkey, buf,
			     size < MANIFEST_MAX ? size : MANIFEST_MAX);
}

static size_t read_texts(struct dcbor_reader *r, char *rows, size_t row_size, size_t max)
{
	size_t n = dcbor_read_array(r, max);

	for (size_t i = 0; i < n && !r->failed; i++)
		dcbor_read_text(r, rows + i * row_size, row_size);
	return n;
}

#define READ_TEXTS(r, list) read_texts(r, (list)[0], sizeof((list)[0]), ARRAY_SIZE(list))

static void read_code(struct dcbor_reader *r, struct manifest *m)
{
	size_t len;
	const uint8_t *bytes = dcbor_read_bytes(r, SHA256_LEN, &len);

	m->has_code = len == SHA256_LEN;
	if (m->has_code)
		memcpy(m->code, bytes, SHA256_LEN);
	else if (len)
		dcbor_reader_fail(r);
}

static void read_numbers(struct dcbor_reader *r, size_t n, uint32_t *const *ret)
{
	if (dcbor_read_array(r, n) != n)
		dcbor_reader_fail(r);
	for (size_t i = 0; i < n; i++)
		*ret[i] = (uint32_t)dcbor_read_uint(r, UINT32_MAX);
}

/* A later format is as good as none to us. */
static void read_body(struct dcbor_reader *r, struct manifest *m)
{
	uint64_t body = dcbor_read_uint(r, UINT8_MAX);

	if (body == MANIFEST_BODY_NONE) /* said by the absence of the key: one content, one name */
		dcbor_reader_fail(r);
	m->body = body < __MANIFEST_BODY_END ? (uint8_t)body : MANIFEST_BODY_NONE;
}

static void read_value(struct dcbor_reader *r, const struct dcbor_map *map, struct manifest *m,
		       uint64_t *format)
{
	uint32_t health = 0;

	switch (map->key) {
	case MANIFEST_KEY_HUB:
		dcbor_read_exactly(r, m->hub.b, HUB_ID_LEN);
		break;
	case MANIFEST_KEY_FORMAT:
		*format = dcbor_read_uint(r, UINT64_MAX);
		break;
	case MANIFEST_KEY_NAME:
		dcbor_read_text(r, m->name, sizeof(m->name));
		break;
	case MANIFEST_KEY_INTERFACE:
		dcbor_read_text(r, m->interface, sizeof(m->interface));
		break;
	case MANIFEST_KEY_VERSION:
		dcbor_read_text(r, m->version_text, sizeof(m->version_text));
		break;
	case MANIFEST_KEY_PROTOCOL:
		m->protocol = (uint8_t)dcbor_read_uint(r, __MANIFEST_PROTOCOL_END - 1);
		break;
	case MANIFEST_KEY_ENDPOINTS:
		m->n_endpoints = READ_TEXTS(r, m->endpoints);
		break;
	case MANIFEST_KEY_CAPABILITIES:
		m->n_capabilities = READ_TEXTS(r, m->capabilities);
		break;
	case MANIFEST_KEY_CODE:
		read_code(r, m);
		break;
	case MANIFEST_KEY_CREDENTIALS:
		m->n_credentials = READ_TEXTS(r, m->credentials);
		break;
	case MANIFEST_KEY_NEEDS:
		read_numbers(r, NEEDS_ELEMENTS,
			     (uint32_t *[]){&m->needs_cpu_milli, &m->needs_memory_mib});
		break;
	case MANIFEST_KEY_HAS:
		read_numbers(r, HAS_ELEMENTS,
			     (uint32_t *[]){&m->slots, &m->cpu_milli, &m->memory_mib});
		break;
	case MANIFEST_KEY_PRICE:
		m->price_micro = (uint32_t)dcbor_read_uint(r, UINT32_MAX);
		break;
	case MANIFEST_KEY_ZONES:
		m->n_zones = READ_TEXTS(r, m->zones);
		break;
	case MANIFEST_KEY_HEALTH:
		read_numbers(r, HEALTH_ELEMENTS, (uint32_t *[]){&health, &m->health_interval_ms});
		m->health = health < UINT8_MAX ? (uint8_t)health : UINT8_MAX;
		break;
	case MANIFEST_KEY_BODY:
		read_body(r, m);
		break;
	default:
		dcbor_unknown_key(r, map);
	}
}

int manifest_decode(const uint8_t *buf, size_t len, struct manifest *ret)
{
	struct envelope envelope;
	struct manifest manifest = {0};
	struct dcbor_reader r;
	struct dcbor_map map;
	uint64_t format = 0;

	if (envelope_open(buf, len, MANIFEST_MAX, &envelope) < 0)
		return -EBADMSG;
	r = dcbor_reader_init(envelope.body, envelope.body_len);
	map = dcbor_read_map(&r);
	while (dcbor_next_key(&r, &map)) {
		read_value(&r, &map, &manifest, &format);
		if (!r.failed && map.key == MANIFEST_KEY_FORMAT && format != MANIFEST_FORMAT)
			return format > MANIFEST_FORMAT ? -EPROTO : -EBADMSG;
	}
	if (dcbor_reader_end(&r) < 0 || map.seen != MANIFEST_KEY_ALL ||
	    !manifest_is_well_formed(&manifest))
		return -EBADMSG;
	semver_parse(manifest.version_text, &manifest.version);
	*ret = manifest;
	return 0;
}

int manifest_verify(const uint8_t *buf, size_t len, const uint8_t pubkey[HUB_PUBKEY_LEN])
{
	return envelope_verify(buf, len, MANIFEST_MAX, SIGNATURE_CONTEXT, pubkey);
}

static bool rollback_is_consistent(const struct catalogue_rollback *rollback)
{
	return rollback->new_bad <= rollback->new_n && rollback->old_bad <= rollback->old_n;
}

static void write_rollbacks(struct dcbor_writer *w, const struct catalogue *catalogue)
{
	dcbor_write_uint(w, CATALOGUE_KEY_ROLLBACKS);
	dcbor_write_array(w, catalogue->n_rollbacks);
	for (size_t i = 0; i < catalogue->n_rollbacks; i++) {
		const struct catalogue_rollback *rollback = &catalogue->rollbacks[i];

		assert(rollback_is_consistent(rollback));
		assert(i == 0 || memcmp(rollback[-1].build, rollback->build, SHA256_LEN) < 0);
		dcbor_write_array(w, ROLLBACK_ELEMENTS);
		dcbor_write_bytes(w, rollback->build, SHA256_LEN);
		dcbor_write_bool(w, rollback->by_latency);
		dcbor_write_uint(w, rollback->new_n);
		dcbor_write_uint(w, rollback->new_bad);
		dcbor_write_uint(w, rollback->old_n);
		dcbor_write_uint(w, rollback->old_bad);
	}
}

int catalogue_encode(const struct catalogue *catalogue, uint8_t *buf, size_t size)
{
	struct dcbor_writer w = dcbor_writer_init(buf, size);

	assert(hub_id_is_valid(&catalogue->hub) && catalogue->n <= CATALOGUE_ENTRIES_MAX);
	assert(catalogue->n_rollbacks <= CATALOGUE_ROLLBACKS_MAX);
	dcbor_write_map(&w, catalogue->n_rollbacks ? 3 : 2);
	dcbor_write_uint(&w, CATALOGUE_KEY_HUB);
	dcbor_write_bytes(&w, catalogue->hub.b, HUB_ID_LEN);
	dcbor_write_uint(&w, CATALOGUE_KEY_ENTRIES);
	dcbor_write_array(&w, catalogue->n);
	for (size_t i = 0; i < catalogue->n; i++) {
		const struct catalogue_entry *entry = &catalogue->entries[i];

		assert(entry->state < __SERVICE_STATE_END);
		assert(i == 0 || memcmp(entry[-1].digest, entry->digest, SHA256_LEN) < 0);
		dcbor_write_array(&w, ENTRY_ELEMENTS);
		dcbor_write_bytes(&w, entry->digest, SHA256_LEN);
		dcbor_write_uint(&w, entry->state);
	}
	if (catalogue->n_rollbacks)
		write_rollbacks(&w, catalogue);
	return dcbor_writer_end(&w);
}

static void read_entries(struct dcbor_reader *r, struct catalogue *catalogue)
{
	catalogue->n = dcbor_read_array(r, CATALOGUE_ENTRIES_MAX);
	for (size_t i = 0; i < catalogue->n && !r->failed; i++) {
		struct catalogue_entry *entry = &catalogue->entries[i];

		if (dcbor_read_array(r, ENTRY_ELEMENTS) != ENTRY_ELEMENTS)
			dcbor_reader_fail(r);
		dcbor_read_exactly(r, entry->digest, SHA256_LEN);
		entry->state = (uint8_t)dcbor_read_uint(r, __SERVICE_STATE_END - 1);
		if (i > 0 && memcmp(entry[-1].digest, entry->digest, SHA256_LEN) >= 0)
			dcbor_reader_fail(r);
	}
}

static void read_rollbacks(struct dcbor_reader *r, struct catalogue *catalogue)
{
	catalogue->n_rollbacks = dcbor_read_array(r, CATALOGUE_ROLLBACKS_MAX);
	if (!catalogue->n_rollbacks)
		dcbor_reader_fail(r); /* none has one form only: no such key */
	for (size_t i = 0; i < catalogue->n_rollbacks && !r->failed; i++) {
		struct catalogue_rollback *rollback = &catalogue->rollbacks[i];

		if (dcbor_read_array(r, ROLLBACK_ELEMENTS) != ROLLBACK_ELEMENTS)
			dcbor_reader_fail(r);
		dcbor_read_exactly(r, rollback->build, SHA256_LEN);
		rollback->by_latency = dcbor_read_bool(r);
		rollback->new_n = (uint32_t)dcbor_read_uint(r, UINT32_MAX);
		rollback->new_bad = (uint32_t)dcbor_read_uint(r, UINT32_MAX);
		rollback->old_n = (uint32_t)dcbor_read_uint(r, UINT32_MAX);
		rollback->old_bad = (uint32_t)dcbor_read_uint(r, UINT32_MAX);
		if (!rollback_is_consistent(rollback) ||
		    (i > 0 && memcmp(rollback[-1].build, rollback->build, SHA256_LEN) >= 0))
			dcbor_reader_fail(r);
	}
}

int catalogue_decode(const uint8_t *buf, size_t len, struct catalogue *ret)
{
	struct dcbor_reader r = dcbor_reader_init(buf, len);
	struct dcbor_map map = dcbor_read_map(&r);
	struct catalogue catalogue = {0};

	if (len > CATALOGUE_MAX)
		return -EBADMSG;
	while (dcbor_next_key(&r, &map)) {
		switch (map.key) {
		case CATALOGUE_KEY_HUB:
			dcbor_read_exactly(&r, catalogue.hub.b, HUB_ID_LEN);
			break;
		case CATALOGUE_KEY_ENTRIES:
			read_entries(&r, &catalogue);
			break;
		case CATALOGUE_KEY_ROLLBACKS:
			read_rollbacks(&r, &catalogue);
			break;
		default:
			dcbor_unknown_key(&r, &map);
		}
	}
	if (dcbor_reader_end(&r) < 0 || map.seen != CATALOGUE_KEY_ALL ||
	    !hub_id_is_valid(&catalogue.hub))
		return -EBADMSG;
	*ret = catalogue;
	return 0;
}
