/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: signed manifest of a service, and the catalogue that names a hub's manifests
 *
 * A manifest is what a hub promises of one service: a CBOR array [ body,
 * signature ], signed as a record is, over "hubmesh-manifest-v1" || 0 || body.
 * It is named by the SHA-256 of all its bytes and never changes; a change is
 * another manifest.  A catalogue lists a hub's manifests with their states;
 * its own SHA-256 stands in the hub's signed link-state record, so it needs
 * no signature.  Documentation/manifest.rst.
 */
#ifndef WIRE_MANIFEST_H
#define WIRE_MANIFEST_H

#include <stdbool.h>

#include "daemon/lib/hub_id.h"
#include "daemon/lib/semver.h"
#include "daemon/lib/sha256.h"

#define MANIFEST_FORMAT 1 /* of the schema */
#define MANIFEST_MAX 4096 /* bytes of a signed manifest */
#define MANIFEST_SIGNATURE_LEN 64
#define MANIFEST_NAME_MAX 63 /* a DNS label */
#define MANIFEST_INTERFACE_MAX 127
#define MANIFEST_ENDPOINT_MAX 107 /* "unix:" and a socket path fit */
#define MANIFEST_WORD_MAX 31 /* a capability, a zone */
#define MANIFEST_CREDENTIAL_MAX 63
#define MANIFEST_ENDPOINTS_MAX 4
#define MANIFEST_CAPABILITIES_MAX 8
#define MANIFEST_CREDENTIALS_MAX 4
#define MANIFEST_ZONES_MAX 4
#define MANIFEST_SLOTS_MAX 65535
#define MANIFEST_HEALTH_INTERVAL_MAX_MS 3600000
#define CATALOGUE_MAX 4096 /* bytes */
#define CATALOGUE_ENTRIES_MAX 64 /* services of one hub */
#define CATALOGUE_ROLLBACKS_MAX 16 /* versions its users left, the newest */

enum manifest_protocol {
	MANIFEST_TCP,
	MANIFEST_UDP,
	MANIFEST_HTTP1,
	MANIFEST_HTTP2,
	MANIFEST_GRPC,
	__MANIFEST_PROTOCOL_END,
};

enum manifest_health {
	MANIFEST_HEALTH_NONE,
	MANIFEST_HEALTH_TCP,
	MANIFEST_HEALTH_HTTP,
	MANIFEST_HEALTH_GRPC,
	MANIFEST_HEALTH_COMMAND,
	__MANIFEST_HEALTH_END,
};

/** enum manifest_body - format of the bodies a service reads and writes, Documentation/translate.rst */
enum manifest_body {
	MANIFEST_BODY_NONE, /* not said */
	MANIFEST_BODY_JSON,
	MANIFEST_BODY_CBOR,
	MANIFEST_BODY_MSGPACK,
	__MANIFEST_BODY_END,
};

/**
 * struct manifest - what a hub promises of one service
 * @hub: the provider
 * @name: a DNS label
 * @interface: what it implements, "" not said
 * @version_text: as written
 * @version: the same, parsed
 * @protocol: enum manifest_protocol
 * @n_endpoints: entries of @endpoints, at least 1
 * @endpoints: "ADDRESS:PORT" or "unix:PATH" at the provider
 * @n_capabilities: entries of @capabilities
 * @capabilities: words, in rising order
 * @has_code: @code is set
 * @code: SHA-256 of code or image
 * @n_credentials: entries of @credentials
 * @credentials: what a user must have, in rising order
 * @needs_cpu_milli: thousandths of a CPU one lease takes
 * @needs_memory_mib: memory one lease takes
 * @slots: leases it can serve at a time
 * @cpu_milli: thousandths of a CPU it has in all, 0 not said
 * @memory_mib: memory it has in all, 0 not said
 * @price_micro: of one slot for a second, millionths of the mesh's unit
 * @n_zones: entries of @zones
 * @zones: security domains it serves, in rising order; none: all
 * @health: enum manifest_health
 * @health_interval_ms: between checks, 0 when there is none
 * @body: enum manifest_body, with MANIFEST_HTTP1 or MANIFEST_HTTP2
 */
struct manifest {
	struct hub_id hub;
	char name[MANIFEST_NAME_MAX + 1];
	char interface[MANIFEST_INTERFACE_MAX + 1];
	char version_text[SEMVER_TEXT_MAX + 1];
	struct semver version;
	uint8_t protocol;
	size_t n_endpoints;
	char endpoints[MANIFEST_ENDPOINTS_MAX][MANIFEST_ENDPOINT_MAX + 1];
	size_t n_capabilities;
	char capabilities[MANIFEST_CAPABILITIES_MAX][MANIFEST_WORD_MAX + 1];
	bool has_code;
	uint8_t code[SHA256_LEN];
	size_t n_credentials;
	char credentials[MANIFEST_CREDENTIALS_MAX][MANIFEST_CREDENTIAL_MAX + 1];
	uint32_t needs_cpu_milli, needs_memory_mib;
	uint32_t slots, cpu_milli, memory_mib;
	uint32_t price_micro;
	size_t n_zones;
	char zones[MANIFEST_ZONES_MAX][MANIFEST_WORD_MAX + 1];
	uint8_t health;
	uint32_t health_interval_ms;
	uint8_t body;
};

/** manifest_name_is_valid() - 1 to 63 of a-z 0-9 and '-', neither first nor last a '-'. */
bool manifest_name_is_valid(const char *text);
/** manifest_word_is_valid() - 1 to @max of a-z 0-9 . _ : / -, a letter or digit first. */
bool manifest_word_is_valid(const char *text, size_t max);
/** manifest_endpoint_is_valid() - "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH". */
bool manifest_endpoint_is_valid(const char *text);
/** manifest_protocol_name() - "tcp", ...; "?" for another number. */
const char *manifest_protocol_name(uint8_t protocol);
/** manifest_protocol_parse() - Return: enum manifest_protocol; -EINVAL. */
int manifest_protocol_parse(const char *text);
/**
 * manifest_protocol_serves() - Can a service serve programs of another protocol than its own?
 * @protocol: of the service
 * @wanted: of the program
 *
 * Return: the same, or what the proxy translates (Documentation/proxy.rst): HTTP/1.1 to HTTP/2 and
 * back, and HTTP/1.1 to gRPC, which is HTTP/2.  A program of gRPC needs what HTTP/1.1 has not.
 */
bool manifest_protocol_serves(uint8_t protocol, uint8_t wanted);
/** manifest_health_name() - "none", "tcp", ...; "?" for another number. */
const char *manifest_health_name(uint8_t health);
/** manifest_health_parse() - Return: enum manifest_health; -EINVAL. */
int manifest_health_parse(const char *text);
/** manifest_body_name() - "none", "json", ...; "?" for another number. */
const char *manifest_body_name(uint8_t body);
/** manifest_body_parse() - Return: enum manifest_body; -EINVAL. */
int manifest_body_parse(const char *text);

/**
 * manifest_is_well_formed() - Does it keep every rule of the schema?
 * @manifest: any content, strings terminated
 *
 * Context: Pure.
 */
bool manifest_is_well_formed(const struct manifest *manifest);

/**
 * manifest_encode() - Write and sign.
 * @manifest: manifest_is_well_formed(), asserted
 * @private_key: Ed25519 seed of @manifest->hub
 * @pubkey: its public half
 * @buf: receives the manifest
 * @size: bytes available in @buf; more than MANIFEST_MAX are not used
 *
 * Context: Pure; deterministic: the same content gives the same digest.
 * Return: bytes written; -EMSGSIZE; -EIO signing failed.
 */
int manifest_encode(const struct manifest *manifest, const uint8_t private_key[32],
		    const uint8_t pubkey[HUB_PUBKEY_LEN], uint8_t *buf, size_t size);

/**
 * manifest_decode() - Parse; checks form only.
 * @buf: the manifest
 * @len: its length
 * @ret: filled on success, untouched on failure
 *
 * Context: Pure; no cryptography.
 * Return: 0; -EBADMSG malformed; -EPROTO of a later format.
 */
int manifest_decode(const uint8_t *buf, size_t len, struct manifest *ret);

/** manifest_verify() - Return: 0; -EKEYREJECTED wrong signature; -EBADMSG not a manifest. */
int manifest_verify(const uint8_t *buf, size_t len, const uint8_t pubkey[HUB_PUBKEY_LEN]);

/** enum service_state - what a provider says of a service now */
enum service_state {
	SERVICE_AVAILABLE,
	SERVICE_FAILING, /* its health check fails */
	SERVICE_DRAINING, /* serves the leases it has, gives no new ones */
	__SERVICE_STATE_END,
};

/** service_state_name() - "available", "failing", "draining"; "?" for another number. */
const char *service_state_name(uint8_t state);

/**
 * struct catalogue_entry - one service of a hub
 * @digest: SHA-256 of the signed manifest
 * @state: enum service_state
 */
struct catalogue_entry {
	uint8_t digest[SHA256_LEN];
	uint8_t state;
};

/**
 * struct catalogue_rollback - a version that users of the hub were taken off, with the numbers
 * @build: see versions_key()
 * @by_latency: it was slower than its predecessor; else it failed more often
 * @new_n: samples of it
 * @new_bad: of those, failed or slow
 * @old_n: samples of its predecessor
 * @old_bad: of those, failed or slow
 */
struct catalogue_rollback {
	uint8_t build[SHA256_LEN];
	bool by_latency;
	uint32_t new_n, new_bad, old_n, old_bad;
};

/**
 * struct catalogue - all services of a hub, and what it learned of others'
 * @hub: whose
 * @n: entries of @entries
 * @entries: in rising order of digest
 * @n_rollbacks: entries of @rollbacks
 * @rollbacks: in rising order of build
 */
struct catalogue {
	struct hub_id hub;
	size_t n, n_rollbacks;
	struct catalogue_entry entries[CATALOGUE_ENTRIES_MAX];
	struct catalogue_rollback rollbacks[CATALOGUE_ROLLBACKS_MAX];
};

/** catalogue_encode() - Return: bytes written; -EMSGSIZE. Order, states, numbers are asserted. */
int catalogue_encode(const struct catalogue *catalogue, uint8_t *buf, size_t size);
/** catalogue_decode() - Return: 0; -EBADMSG with @ret untouched. */
int catalogue_decode(const uint8_t *buf, size_t len, struct catalogue *ret);

#endif
