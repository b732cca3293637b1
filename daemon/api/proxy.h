/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: the proxy in the local API: entries, what is provided, connections
 */
#ifndef API_PROXY_H
#define API_PROXY_H

#include "daemon/api/names.h"
#include "daemon/api/resource.h"

/* Resource, see the table of resource.c. */
void get_proxy(struct api_state *state, const struct api_request *request, struct api_reply *ret);

#endif
