/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: wire: protobuf's encoding: tags, varints, lengths
 */
#ifndef TRANSLATE_WIRE_H
#define TRANSLATE_WIRE_H

#include "daemon/translate/tree.h"

enum wire_type {
	WIRE_VARINT = 0,
	WIRE_64 = 1,
	WIRE_BYTES = 2,
	WIRE_32 = 5,
};

/**
 * struct wire_field - one field of a message
 * @number: of it
 * @type: enum wire_type
 * @value: but for WIRE_BYTES
 * @bytes: of WIRE_BYTES; borrowed
 * @len: of @bytes
 */
struct wire_field {
	uint32_t number;
	uint8_t type;
	uint64_t value;
	const uint8_t *bytes;
	size_t len;
};

/** wire_read_varint() - Return: false malformed, which is said. */
bool wire_read_varint(struct tree_input *in, uint64_t *ret);
/** wire_read_fixed() - Little endian. Return: false malformed, which is said. */
bool wire_read_fixed(struct tree_input *in, size_t n_bytes, uint64_t *ret);
/** wire_read_field() - Return: false malformed, which is said; not to be called at the end. */
bool wire_read_field(struct tree_input *in, struct wire_field *ret);

void wire_put_varint(struct tree_output *out, uint64_t value);
void wire_put_fixed(struct tree_output *out, uint64_t value, size_t n_bytes);
void wire_put_tag(struct tree_output *out, uint32_t number, enum wire_type type);

#endif
