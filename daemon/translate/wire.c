// SPDX-License-Identifier: GPL-2.0
/* DOC: wire: see wire.h; https://protobuf.dev/programming-guides/encoding */
#include "daemon/translate/wire.h"

#define VARINT_MAX 10 /* bytes of 64 bits, seven in each */
#define TYPE_BITS 3
#define NUMBER_MAX ((1u << 29) - 1)

static bool refuse(struct tree_input *in, const char *why)
{
	return tree_refuse(in->tree, TRANSLATE_MALFORMED, "not protobuf: %s", why);
}

bool wire_read_varint(struct tree_input *in, uint64_t *ret)
{
	*ret = 0;
	for (unsigned int i = 0; i < VARINT_MAX && in->next < in->end; i++) {
		uint8_t byte = *in->next++;

		if (i == VARINT_MAX - 1 && byte > 1)
			break;
		*ret |= (uint64_t)(byte & 0x7f) << 7 * i;
		if (!(byte & 0x80))
			return true;
	}
	return refuse(in, "a varint does not end");
}

bool wire_read_fixed(struct tree_input *in, size_t n_bytes, uint64_t *ret)
{
	*ret = 0;
	if ((size_t)(in->end - in->next) < n_bytes)
		return refuse(in, "it ends inside a number");
	for (size_t i = 0; i < n_bytes; i++)
		*ret |= (uint64_t)*in->next++ << 8 * i;
	return true;
}

static bool read_bytes(struct tree_input *in, struct wire_field *ret)
{
	uint64_t len;

	if (!wire_read_varint(in, &len))
		return false;
	if (len > (size_t)(in->end - in->next))
		return refuse(in, "a field is longer than what is left");
	ret->bytes = in->next;
	ret->len = len;
	in->next += len;
	return true;
}

bool wire_read_field(struct tree_input *in, struct wire_field *ret)
{
	uint64_t tag;

	*ret = (struct wire_field){0};
	if (!wire_read_varint(in, &tag))
		return false;
	if (tag >> TYPE_BITS > NUMBER_MAX || tag >> TYPE_BITS == 0)
		return refuse(in, "a field has no valid number");
	ret->number = (uint32_t)(tag >> TYPE_BITS);
	ret->type = tag & ((1 << TYPE_BITS) - 1);
	switch (ret->type) {
	case WIRE_VARINT:
		return wire_read_varint(in, &ret->value);
	case WIRE_64:
		return wire_read_fixed(in, 8, &ret->value);
	case WIRE_32:
		return wire_read_fixed(in, 4, &ret->value);
	case WIRE_BYTES:
		return read_bytes(in, ret);
	default:
		return refuse(in, "a field is of a wire type that is not known, or a group");
	}
}

void wire_put_varint(struct tree_output *out, uint64_t value)
{
	uint8_t bytes[VARINT_MAX];
	size_t n = 0;

	for (; value > 0x7f; value >>= 7)
		bytes[n++] = (uint8_t)(value | 0x80);
	bytes[n++] = (uint8_t)value;
	tree_put(out, bytes, n);
}

void wire_put_fixed(struct tree_output *out, uint64_t value, size_t n_bytes)
{
	uint8_t bytes[sizeof(value)];

	for (size_t i = 0; i < n_bytes; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	tree_put(out, bytes, n_bytes);
}

void wire_put_tag(struct tree_output *out, uint32_t number, enum wire_type type)
{
	wire_put_varint(out, (uint64_t)number << TYPE_BITS | type);
}
