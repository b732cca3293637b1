/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: lists of revocations in the local API
 */
#ifndef API_REVOCATIONS_H
#define API_REVOCATIONS_H

#include "daemon/api/resource.h"

/* Resources, see the table of resource.c. */
void get_revocations(struct api_state *state, const struct api_request *request,
		     struct api_reply *ret);
void post_revocations(struct api_state *state, const struct api_request *request,
		      struct api_reply *ret);

#endif
