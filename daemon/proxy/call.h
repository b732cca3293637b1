/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: call: what a CONNECT between two proxies says
 *
 *	:method            CONNECT
 *	:authority         name of the service
 *	hubmesh-manifest   SHA-256 of the manifest the lease is for, 64 hex digits
 *	hubmesh-identity   certificate of the service that calls, base64; may be absent
 *	hubmesh-lease      number of the caller's broker request, decimal
 *	capsule-protocol   ?1: DATA is capsules with datagrams (RFC 9297), else bytes
 *
 * or, to be taken to the proxy of another hub (relay.h):
 *
 *	:method            CONNECT
 *	:authority         id of that hub
 *	hubmesh-relay      by how many hubs at most, with the one that is asked; decimal
 *
 * Which hub calls is in the certificate of the trunk, never in a header.  Pure; every byte here
 * comes from another hub.
 */
#ifndef PROXY_CALL_H
#define PROXY_CALL_H

#include <stdbool.h>

#include "daemon/proxy/identity.h"
#include "daemon/wire/manifest.h"

#define CALL_MANIFEST "hubmesh-manifest"
#define CALL_LEASE "hubmesh-lease"
#define CALL_CAPSULES "capsule-protocol"
#define CALL_CAPSULES_YES "?1"
#define CALL_IDENTITY "hubmesh-identity" /* of an answer, too: who serves */
#define CALL_REASON "hubmesh-reason" /* of an answer: why not */
#define CALL_RELAY "hubmesh-relay"
#define CALL_RELAYS_MAX 8 /* hubs between two that may be asked for a way: loops end */
#define CALL_LEASE_STRLEN 21
#define CALL_REASON_MAX 63

/**
 * struct call - headers seen so far; zero-initialise
 * @service: name, "" not seen
 * @digest: of the manifest
 * @lease: request number at the caller
 * @identity: certificate of a service, DER, not verified
 * @identity_len: its bytes, 0 none was shown
 * @is_connect: the method is
 * @has_digest: seen
 * @has_lease: seen
 * @is_capsules: DATA is capsules
 * @has_hub: @hub is set: no service is called, but another hub's proxy
 * @hub: which
 * @relays: hubs that may lie between, 0 not seen
 * @is_bad: a header of ours was malformed or came twice
 */
struct call {
	char service[MANIFEST_NAME_MAX + 1];
	uint8_t digest[SHA256_LEN];
	uint64_t lease;
	uint8_t identity[TRUST_CERT_MAX];
	size_t identity_len;
	bool is_connect, has_digest, has_lease, is_capsules, has_hub, is_bad;
	struct hub_id hub;
	unsigned int relays;
};

/**
 * call_take_header() - One header of the CONNECT; those not listed above are passed over.
 * @call: grows
 * @name: lower case, not terminated
 * @name_len: its bytes
 * @value: not terminated
 * @value_len: its bytes
 */
void call_take_header(struct call *call, const uint8_t *name, size_t name_len, const uint8_t *value,
		      size_t value_len);
/** call_is_complete() - All of it was there, and in form. */
bool call_is_complete(const struct call *call);
/** call_is_for_relay() - It asks for a way to another hub, and in form. */
bool call_is_for_relay(const struct call *call);
/** call_read_reason() - Text of a CALL_REASON header for a log: printable ASCII, cut to fit. */
void call_read_reason(const uint8_t *value, size_t len, char ret[CALL_REASON_MAX + 1]);

#endif
