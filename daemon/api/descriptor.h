/* SPDX-License-Identifier: GPL-2.0 */
/* DOC: descriptors in the local API: what a gRPC service of this hub can be called by */
#ifndef API_DESCRIPTOR_H
#define API_DESCRIPTOR_H

#include <jansson.h>

#include "daemon/translate/schema.h"

#define API_METHODS_MAX 512 /* told of a descriptor, with all their paths; it may have 4096 */

/** api_json_descriptor() - Digest, methods and their HTTP paths; null without a descriptor. */
json_t *api_json_descriptor(const struct schema *schema);

#endif
