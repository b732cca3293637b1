// SPDX-License-Identifier: GPL-2.0
/* DOC: capsule: see capsule.h */
#include "daemon/proxy/capsule.h"

#include <errno.h>

#define TYPE_DATAGRAM 0
#define CONTEXT_UDP 0

/* RFC 9000 section 16. Return: bytes taken; 0 more are needed. */
static size_t read_varint(const uint8_t *bytes, size_t len, uint64_t *ret)
{
	size_t n = len ? (size_t)1 << (bytes[0] >> 6) : 1;

	if (len < n)
		return 0;
	*ret = bytes[0] & 0x3f;
	for (size_t i = 1; i < n; i++)
		*ret = *ret << 8 | bytes[i];
	return n;
}

static size_t write_varint(uint32_t value, uint8_t *to)
{
	if (value < 0x40) {
		to[0] = (uint8_t)value;
		return 1;
	}
	if (value < 0x4000) {
		to[0] = (uint8_t)(0x40 | value >> 8);
		to[1] = (uint8_t)value;
		return 2;
	}
	to[0] = (uint8_t)(0x80 | value >> 24);
	to[1] = (uint8_t)(value >> 16);
	to[2] = (uint8_t)(value >> 8);
	to[3] = (uint8_t)value;
	return 4;
}

size_t capsule_write_head(size_t len, uint8_t head[CAPSULE_HEAD_MAX])
{
	size_t n = write_varint(TYPE_DATAGRAM, head);

	n += write_varint((uint32_t)len + 1, head + n); /* and the context */
	return n + write_varint(CONTEXT_UDP, head + n);
}

static ssize_t read_datagram(const uint8_t *bytes, size_t head, uint64_t body, size_t len,
			     struct capsule *ret)
{
	uint64_t context;
	size_t n;

	if (body == 0 || body > CAPSULE_MAX - head)
		return -EBADMSG;
	if (len < head + body)
		return 0;
	n = read_varint(bytes + head, (size_t)body, &context);
	if (n == 0 || body - n > CAPSULE_PAYLOAD_MAX)
		return -EBADMSG;
	*ret = (struct capsule){0};
	if (context == CONTEXT_UDP)
		*ret = (struct capsule){bytes + head + n, (size_t)body - n};
	return (ssize_t)(head + body);
}

static ssize_t pass_over(uint64_t *skip, size_t len, struct capsule *ret)
{
	size_t n = *skip < len ? (size_t)*skip : len;

	*ret = (struct capsule){0};
	*skip -= n;
	return (ssize_t)n;
}

ssize_t capsule_read(uint64_t *skip, const uint8_t *bytes, size_t len, struct capsule *ret)
{
	uint64_t type, body;
	size_t n, head;

	if (*skip)
		return pass_over(skip, len, ret);
	n = read_varint(bytes, len, &type);
	head = n ? n + read_varint(bytes + n, len - n, &body) : 0;
	if (head == n)
		return 0;
	if (type == TYPE_DATAGRAM)
		return read_datagram(bytes, head, body, len, ret);
	*ret = (struct capsule){0};
	*skip = body;
	return (ssize_t)head;
}
