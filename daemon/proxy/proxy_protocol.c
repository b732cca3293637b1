// SPDX-License-Identifier: GPL-2.0
/* DOC: PROXY protocol: see proxy_protocol.h */
#include "daemon/proxy/proxy_protocol.h"

#include <assert.h>
#include <string.h>

#define VERSION_COMMAND 0x21 /* version 2, PROXY */
#define FAMILY_UNSPEC 0x00
#define HEADER_LEN 16
#define TLV_HEADER_LEN 3

static const uint8_t signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
				      0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static size_t write_tlv(uint8_t *buf, size_t at, uint8_t type, const char *text)
{
	size_t len = strlen(text);

	assert(at + TLV_HEADER_LEN + len <= PROXY_PROTOCOL_MAX);
	buf[at] = type;
	buf[at + 1] = (uint8_t)(len >> 8);
	buf[at + 2] = (uint8_t)len;
	memcpy(buf + at + TLV_HEADER_LEN, text, len);
	return at + TLV_HEADER_LEN + len;
}

size_t proxy_protocol_write(const char *spiffe_id, const char *service,
			    uint8_t buf[PROXY_PROTOCOL_MAX])
{
	size_t len = HEADER_LEN;

	memcpy(buf, signature, sizeof(signature));
	buf[12] = VERSION_COMMAND;
	buf[13] = FAMILY_UNSPEC;
	len = write_tlv(buf, len, PROXY_PROTOCOL_TLV_CALLER, spiffe_id);
	len = write_tlv(buf, len, PROXY_PROTOCOL_TLV_SERVICE, service);
	buf[14] = (uint8_t)((len - HEADER_LEN) >> 8);
	buf[15] = (uint8_t)(len - HEADER_LEN);
	return len;
}
