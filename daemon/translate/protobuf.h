/* SPDX-License-Identifier: GPL-2.0 */
/* DOC: protobuf: what reading and writing messages share */
#ifndef TRANSLATE_PROTOBUF_H
#define TRANSLATE_PROTOBUF_H

#include "daemon/translate/schema.h"
#include "daemon/translate/wire.h"

/** protobuf_wire_type() - enum wire_type of an enum schema_type. */
uint8_t protobuf_wire_type(uint8_t type);
/** protobuf_check_message() - Is it one that is translated, and not too deep? Else it is said. */
bool protobuf_check_message(struct tree *tree, const struct schema_message *message, size_t depth);

#endif
