// SPDX-License-Identifier: GPL-2.0
/* DOC: grpc_status: see grpc_status.h */
#include "daemon/proxy/grpc_status.h"

#include <string.h>

#include "daemon/lib/prng.h"

#define CONTENT_TYPE "application/grpc"
#define TIMEOUT_DIGITS_MAX 8

enum {
	GRPC_UNKNOWN = 2,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_DATA_LOSS = 15,
};

bool grpc_is_content_type(const struct http1_text *value)
{
	struct http1_text type = {value->at, strlen(CONTENT_TYPE)};

	if (value->len < type.len || !http1_is(&type, CONTENT_TYPE))
		return false;
	return value->len == type.len || memchr("+; ", value->at[type.len], 3);
}

static uint64_t unit_ns(char unit)
{
	switch (unit) {
	case 'H':
		return 3600 * NSEC_PER_SEC;
	case 'M':
		return 60 * NSEC_PER_SEC;
	case 'S':
		return NSEC_PER_SEC;
	case 'm':
		return NSEC_PER_MSEC;
	case 'u':
		return 1000;
	case 'n':
		return 1;
	default:
		return 0;
	}
}

bool grpc_parse_timeout(const struct http1_text *value, uint64_t *ret_ns)
{
	uint64_t n = 0, unit;

	if (value->len < 2 || value->len > TIMEOUT_DIGITS_MAX + 1)
		return false;
	for (size_t i = 0; i + 1 < value->len; i++) {
		if (value->at[i] < '0' || value->at[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(value->at[i] - '0');
	}
	unit = unit_ns(value->at[value->len - 1]);
	if (!unit)
		return false;
	if (__builtin_mul_overflow(n, unit, ret_ns))
		*ret_ns = UINT64_MAX;
	return true;
}

int grpc_parse_status(const struct http1_text *value)
{
	int status = 0;

	if (value->len < 1 || value->len > 2)
		return GRPC_UNKNOWN;
	for (size_t i = 0; i < value->len; i++) {
		if (value->at[i] < '0' || value->at[i] > '9')
			return GRPC_UNKNOWN;
		status = status * 10 + (value->at[i] - '0');
	}
	return status <= GRPC_STATUS_MAX ? status : GRPC_UNKNOWN;
}

unsigned int grpc_to_http(int status)
{
	static const unsigned int statuses[GRPC_STATUS_MAX + 1] = {
		200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
	};

	return status < 0 || status > GRPC_STATUS_MAX ? 500 : statuses[status];
}

int grpc_of_http(unsigned int status)
{
	switch (status) {
	case 403:
		return GRPC_PERMISSION_DENIED;
	case 431:
		return GRPC_RESOURCE_EXHAUSTED;
	case 501:
		return GRPC_UNIMPLEMENTED;
	case 502:
	case 503:
		return GRPC_UNAVAILABLE;
	case 504:
		return GRPC_DEADLINE_EXCEEDED;
	default:
		return GRPC_INTERNAL;
	}
}

bool grpc_is_provider_fault(int status)
{
	return status < 0 || status == GRPC_UNKNOWN || status == GRPC_DEADLINE_EXCEEDED ||
	       status == GRPC_INTERNAL || status == GRPC_UNAVAILABLE || status == GRPC_DATA_LOSS;
}
