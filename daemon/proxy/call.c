// SPDX-License-Identifier: GPL-2.0
/* DOC: call: see call.h */
#include "daemon/proxy/call.h"

#include <string.h>

static bool is_named(const uint8_t *name, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(name, text, len) == 0;
}

static void take_method(struct call *call, const uint8_t *value, size_t len)
{
	call->is_connect = is_named(value, len, "CONNECT");
}

/* The name of a service has no colon, the id of a hub has. */
static void take_authority(struct call *call, const uint8_t *value, size_t len)
{
	char name[MANIFEST_NAME_MAX + 1] = "";

	if (len <= MANIFEST_NAME_MAX && !memchr(value, '\0', len))
		memcpy(name, value, len);
	if (call->service[0] || call->has_hub)
		call->is_bad = true;
	else if (hub_id_parse(name, &call->hub) == 0)
		call->has_hub = true;
	else if (manifest_name_is_valid(name))
		memcpy(call->service, name, sizeof(call->service));
	else
		call->is_bad = true;
}

static void take_relays(struct call *call, const uint8_t *value, size_t len)
{
	unsigned int relays = len == 1 && value[0] >= '0' && value[0] <= '9' ? value[0] - '0' : 0;

	if (call->relays || relays == 0 || relays > CALL_RELAYS_MAX)
		call->is_bad = true;
	else
		call->relays = relays;
}

static void take_digest(struct call *call, const uint8_t *value, size_t len)
{
	char text[SHA256_STRLEN] = "";

	if (len == SHA256_STRLEN - 1)
		memcpy(text, value, len);
	if (call->has_digest || sha256_parse(text, call->digest) < 0)
		call->is_bad = true;
	call->has_digest = true;
}

static void take_lease(struct call *call, const uint8_t *value, size_t len)
{
	uint64_t lease = 0;

	if (call->has_lease || len == 0 || len >= CALL_LEASE_STRLEN)
		call->is_bad = true;
	for (size_t i = 0; i < len && !call->is_bad; i++) {
		if (value[i] < '0' || value[i] > '9' || __builtin_mul_overflow(lease, 10, &lease) ||
		    __builtin_add_overflow(lease, value[i] - '0', &lease))
			call->is_bad = true;
	}
	call->lease = lease;
	call->has_lease = true;
}

static void take_identity(struct call *call, const uint8_t *value, size_t len)
{
	int n = identity_read(value, len, call->identity);

	if (call->identity_len || n < 0)
		call->is_bad = true;
	else
		call->identity_len = (size_t)n;
}

void call_take_header(struct call *call, const uint8_t *name, size_t name_len, const uint8_t *value,
		      size_t value_len)
{
	if (is_named(name, name_len, ":method"))
		take_method(call, value, value_len);
	else if (is_named(name, name_len, ":authority"))
		take_authority(call, value, value_len);
	else if (is_named(name, name_len, CALL_MANIFEST))
		take_digest(call, value, value_len);
	else if (is_named(name, name_len, CALL_LEASE))
		take_lease(call, value, value_len);
	else if (is_named(name, name_len, CALL_CAPSULES))
		call->is_capsules = is_named(value, value_len, CALL_CAPSULES_YES);
	else if (is_named(name, name_len, CALL_RELAY))
		take_relays(call, value, value_len);
	else if (is_named(name, name_len, CALL_IDENTITY))
		take_identity(call, value, value_len);
}

bool call_is_complete(const struct call *call)
{
	return call->is_connect && call->service[0] && call->has_digest && call->has_lease &&
	       !call->relays && !call->is_bad;
}

bool call_is_for_relay(const struct call *call)
{
	return call->is_connect && call->has_hub && call->relays && !call->has_digest &&
	       !call->has_lease && !call->is_capsules && !call->identity_len && !call->is_bad;
}

void call_read_reason(const uint8_t *value, size_t len, char ret[CALL_REASON_MAX + 1])
{
	size_t n = len < CALL_REASON_MAX ? len : CALL_REASON_MAX;

	for (size_t i = 0; i < n; i++)
		ret[i] = (char)(value[i] >= ' ' && value[i] < 0x7f ? value[i] : '?');
	ret[n] = '\0';
}
